package web_test

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/id"
	"cho40/qrgen"
	registry "cho40/vendor_registry"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/labstack/echo/v4"
)

// gallery is the service with something on every page of it.
type gallery struct {
	*scene
	server *httptest.Server
	spoken int
	hang   []string // said in place of what people would write; nil: that
}

// says is how something that people write stands in a body: as it is, or the next of the names that are hostile.
func (g *gallery) says(plain string) string {
	if g.hang != nil {
		plain = g.hang[g.spoken%len(g.hang)]
	}
	g.spoken++
	name := fmt.Sprintf("said%d", g.spoken)
	b, err := json.Marshal(plain)
	if err != nil {
		panic(err) // a string always marshals
	}
	g.vars[name] = string(b)
	return "$" + name
}

func newGallery(t *testing.T, hostile []string) *gallery {
	t.Helper()
	f := newField(t, "sau")
	g := &gallery{scene: &scene{world: f.world}, server: f.server, hang: hostile}
	post := func(as, path, body string) {
		t.Helper()
		a := g.do(t, step{as: as, do: "POST " + path, body: body})
		if a.status >= 300 {
			t.Fatalf("%s: %d %s", path, a.status, clip(a.body))
		}
	}
	post("officer", "/api/v1/teams", `{"code":"T1","name":`+g.says("Tổ công nghệ số phường Vị Thanh")+`,"level":"commune","area":"31321","market":"NEAR"}`)
	post("officer", "/api/v1/teams/T1/members", `{"name":`+g.says("Phan Văn Tám")+`}`)
	post("officer", "/api/v1/teams/T1/trainings", `{"topic":`+g.says("Quét mã và treo bảng")+`}`)
	post("volunteer", near+"/stalls/A-01/visits", `{"outcome":"helped","barrier":"fees","note":`+g.says("Sợ mất phí khi nhận tiền")+`}`)
	post("manager", near+"/printers", `{"name":`+g.says("Brother phòng kế toán")+`,"offset_right":1.5,"offset_down":-2}`)
	post("manager", near+"/sheets", `{"name":"tomy-104","measures":{"columns":3,"rows":8,"left":0,"top":0.5,"width":70,"height":37}}`)
	post("manager", near+"/designs", `{"name":`+g.says("Chàm")+`,"colour":"#274690","tint":"#fcefc9","board":"<b>Ban quản lý</b>"}`)
	post("officer", "/api/v1/campaigns", `{"provider":"viettel_money","name":`+g.says("Đi chợ không tiền mặt")+`,"from":"2026-11-01","until":"2026-12-31","buyer_benefit":50000,"markets":["NEAR"],"document":`+g.says("Thông báo tháng 10/2026")+`}`)
	post("officer", "/api/v1/targets", `{"indicator":"accepting","market":"NEAR","due":"2026-12-31","share":0.7,"document":`+g.says("12/KH-UBND, 14/01/2026")+`}`)
	post("officer", "/api/v1/figures", `{"indicator":"qr_points","provider":"viettel_money","market":"NEAR","until":"2026-10-31","method":"partner_reported","numerator":70,"source":`+g.says("Viettel Cần Thơ")+`,"note":`+g.says("gần 70")+`}`)
	for _, what := range []string{"incident", "notice", "relative", "clash", "proposal", "change", "default", "asked"} {
		g.prepare(t, what)
	}
	g.take(t, step{as: "clerk", do: "GET " + near + "/stalls/A-01", status: 200, keep: map[string]string{"vendor": "vendor.id"}})
	post("manager", near+"/vendors/$vendor/requests", `{"kind":"correct","came":"desk","note":`+g.says("Tên in thiếu dấu")+`}`)
	ledger := []byte(oddGallery)
	for i, name := range hostile {
		cell := `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		ledger = fmt.Appendf(ledger, "Z-%d;%s;%[2]s;%[2]s;%[2]s;%[2]s\n", 10+i, cell)
	}
	g.take(t, step{as: "clerk", do: "POST " + near + "/imports", body: upload{"so-moi.csv", ledger}, status: 201, keep: map[string]string{"import": "id"}})

	first := f.printed(2)[0]
	g.vars["next"] = f.printed(2)[1].stall
	g.vars["hung"], g.vars["serial"], g.vars["payload"] = first.stall, first.serial, first.payload
	var holder, batch string
	if err := g.db.QueryRow(t.Context(), `SELECT holder, batch_id::text FROM placards WHERE serial = $1`, strings.ReplaceAll(first.serial, "-", "")).Scan(&holder, &batch); err != nil {
		t.Fatal(err)
	}
	g.vars["batch"], g.vars["holder"] = "NEAR."+batch, holder
	post("volunteer", "/api/v1/placards/$serial/events", `{"kind":"installed","heard_name":"$holder","consent":{"version":"vi-1","given":"face_to_face"}}`)

	console := registry.Console()
	volunteer := []registry.Grant{{Role: registry.Volunteer, Kind: registry.OverMarket, Code: "NEAR"}}
	p, link, err := g.auth.AddPerson(t.Context(), console, "Lâm Thị Mới", volunteer, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.auth.AddKey(t.Context(), console, "Máy chấm của ban", volunteer, 0); err != nil {
		t.Fatal(err)
	}
	g.vars["welcome"], g.vars["person"] = link, p.ID.String()
	if g.vars["setup"], err = g.auth.SetUpLink(t.Context()); err != nil || g.vars["setup"] == "" {
		t.Fatal("no link to set the service up: ", err)
	}
	g.secured(t, "hanh", "manager", "market:NEAR")
	g.hooks(t)
	for i, name := range hostile {
		if _, err := g.reg.Register(t.Context(), console, "NEAR", registry.NewStall{Code: fmt.Sprintf(`H<'"%d/?#`, i), Section: clipped(name, 60), Goods: clipped(name, 60),
			Vendor:   &registry.NewVendor{Name: name, Phone: fmt.Sprintf("07123457%02d", i)},
			Accounts: []registry.NewAccount{{Provider: "viettel_money", Number: fmt.Sprintf("07123457%02d", i), Holder: "LY MINH TAM"}},
			Consent:  &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}}); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if _, _, err := g.auth.AddPerson(t.Context(), console, clipped(name, 60), volunteer, ""); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if _, _, err := g.auth.AddKey(t.Context(), console, clipped(name, 60), volunteer, 0); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
	}
	return g
}

// closes lets a provider say that an account is closed of which a placard is on paper.
func (g *gallery) closes(t *testing.T) {
	t.Helper()
	var serial, stall string
	if err := g.db.QueryRow(t.Context(), `SELECT p.serial, s.code FROM placards p JOIN stalls s ON s.market_id = p.market_id AND s.id = p.stall_id
		WHERE p.state = 'issued' ORDER BY s.position DESC, s.code_key DESC LIMIT 1`).Scan(&serial, &stall); err != nil {
		t.Fatal(err)
	}
	g.vars["closed"], g.vars["closedserial"] = stall, registry.Serial(serial).String()
	g.take(t, step{as: "volunteer", do: "POST /api/v1/placards/$closedserial/events", body: `{"kind":"handed_over"}`, status: 200})
	g.exec(`INSERT INTO account_closures (market_id, id, account_id, recorded_by, recorded_at) SELECT market_id, gen_random_uuid(), account_id, 'key:x', $2 FROM placards WHERE serial = $1`, serial, g.clock.now())
}

// hooks are webhooks in each state, one with a log that has each answer in it, and one whose address and answer are each hostile name.
func (g *gallery) hooks(t *testing.T) {
	t.Helper()
	ask := func(as, path string) string {
		return g.take(t, step{as: as, do: "POST /api/v1/webhooks", body: `{"provider":"viettel_money","url":"https://partner.example/` + path + `"}`, status: 201}).at(t, "id")
	}
	g.vars["hook"], g.vars["hookasked"] = ask("partner second", "cho40/nhan-tin?may="+strings.Repeat("0123456789abcdef", 8)), ask("partner", "thu")
	for _, more := range []string{"off", "failing"} {
		g.vars[more] = ask("partner second", more)
	}
	for _, name := range []string{"hook", "off", "failing"} {
		g.take(t, step{as: "partner third", do: "POST /api/v1/webhooks/$" + name + "/approval", status: 200})
	}
	g.take(t, step{as: "partner third", do: "DELETE /api/v1/webhooks/$off", status: 204})
	now := g.clock.now()
	g.exec(`UPDATE webhooks SET failing_since = $2 WHERE id = $1`, g.vars["failing"], now.Add(-26*time.Hour))
	g.exec(`UPDATE webhooks SET cursor = 1240 WHERE id = $1`, g.vars["hook"])
	said := g.hang
	if said == nil {
		said = []string{"no answer in time", "answered 503"}
	}
	sent := func(hook string, replay bool, after, upto, tries int, next, tried, done *time.Time, status *int, words *string) {
		g.exec(`INSERT INTO webhook_deliveries (id, webhook_id, replay, after, upto, made_at, tries, next_at, tried_at, done_at, status, error, took_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
			id.New[registry.Delivery](), g.vars[hook], replay, after, upto, now, tries, next, tried, done, status, words, 3+700*tries)
	}
	for _, hook := range []string{"hook", "failing"} {
		sent(hook, true, 1000, 1100, 0, nil, nil, nil, nil, nil) // given up
		sent(hook, false, 1180, 1181, 1, nil, &now, &now, new(200), nil)
		sent(hook, true, 1100, 1181, 3, nil, &now, &now, new(204), nil)
		for i, words := range said {
			sent(hook, false, 1181, 1240, 4, &now, &now, nil, []*int{nil, new(503)}[i%2], &words)
		}
		sent(hook, true, 1181, 1200, 0, &now, nil, nil, nil, nil)
	}
	for _, name := range g.hang {
		g.exec(`INSERT INTO webhooks (id, provider, url, secret, made_by, made_at, off_at, off_by) VALUES (gen_random_uuid(), 'viettel_money', $1, '', 'system', $2, $2, 'system')`, name, now)
	}
}

func clipped(s string, n int) string { return s[:min(n, len(s))] }

// oddGallery is a ledger with a row of each fate.
const oddGallery = "Mã quầy;Khu;Tên tiểu thương;Mặt hàng;Điện thoại;Viettel Money\nZ-01;Khu Z;Kim Văn Sáu;Rau;0712345693;0712345693\nZ-02;Khu Z;Danh Thị Bé;Cá;07123;\nZ-03;Khu Z;;;;\nZ-01;Khu Z;Ai Đó;;;\n"

// sight is a page as somebody sees it.
type sight struct {
	route, as, path string
	status          int            // 0: 200
	sheet           bool           // it prints on one page
	long            string         // the part that axe leaves out, since it is much of the same
	do              func(*visitor) // what brings the browser there instead of the path
}

// sights are every page, seen by who has the most on it; some of them by several.
var sights = []sight{
	{route: "GET /sign-in", path: "/sign-in"},
	{route: "GET /sign-in/code", do: func(v *visitor) {
		v.do("open the door", chromedp.Navigate(v.base+"/sign-in"), chromedp.SetValue(chromedp.CSS("#name"), "hanh"), chromedp.SetValue(chromedp.CSS("#password"), goodPassword),
			chromedp.Click(chromedp.CSS(`form[action="/sign-in"] button`)), chromedp.WaitReady(chromedp.CSS("#code")))
	}},
	{route: "GET /set-up/:token", path: "/set-up/$setup"}, // while nobody is an administrator
	{route: "GET /v", path: "/v/-", status: 404},          // where it leads who types nothing
	{route: "GET /v/:serial", path: "/v/$serial"},
	{route: "GET /v/:serial", path: "/v/$placard"},
	{route: "GET /guide/:role", path: "/guide/clerk"},
	{route: "GET /guide/:role", path: "/guide/vendor"},
	{route: "GET /guide", as: "volunteer", path: "/guide"},
	{route: "GET /docs", path: "/docs", long: "main article ~ article, main section ~ section ~ section ~ section"},
	{route: "GET /welcome/:token", path: "/welcome/$welcome"},
	{route: "GET /app", path: "/app"},
	{route: "GET /", as: "manager", path: "/"},
	{route: "GET /search", as: "manager", path: "/search?q=ly&market=NEAR"},
	{route: "GET /markets/:market", as: "manager", path: "/markets/NEAR", sheet: true},
	{route: "GET /markets/:market/stalls/:stall", as: "manager", path: "/markets/NEAR/stalls/$hung"},
	{route: "GET /markets/:market/stalls/:stall", as: "manager", path: "/markets/NEAR/stalls/$stall"},
	{route: "GET /markets/:market/stalls/:stall", as: "manager", path: "/markets/NEAR/stalls/$closed"},
	{route: "GET /markets/:market/vendors/:vendor", as: "manager", path: "/markets/NEAR/vendors/$vendor"},
	{route: "GET /markets/:market/new-stall", as: "manager", path: "/markets/NEAR/new-stall"},
	{route: "GET /markets/:market/order", as: "manager", path: "/markets/NEAR/order"},
	{route: "GET /markets/:market/import", as: "manager", path: "/markets/NEAR/import"},
	{route: "GET /imports/:import", as: "manager", path: "/imports/$import"},
	{route: "GET /markets/:market/approvals", as: "manager", path: "/markets/NEAR/approvals"},
	{route: "GET /markets/:market/print", as: "manager", path: "/markets/NEAR/print"},
	{route: "GET /print-batches/:batch", as: "manager", path: "/print-batches/$batch"},
	{route: "GET /markets/:market/paper", as: "manager", path: "/markets/NEAR/paper"},
	{route: "GET /markets/:market/exports", as: "manager", path: "/markets/NEAR/exports"},
	{route: "GET /markets/:market/requests", as: "manager", path: "/markets/NEAR/requests"},
	{route: "GET /markets/:market/old-placards", as: "manager", path: "/markets/NEAR/old-placards"},
	{route: "GET /markets/:market/incidents", as: "manager", path: "/markets/NEAR/incidents"},
	{route: "GET /markets/:market/audit", as: "manager", path: "/markets/NEAR/audit"},
	{route: "GET /placards/:serial", as: "manager", path: "/placards/$serial"},
	{route: "GET /placards/:serial", as: "manager", path: "/placards/$closedserial"},
	{route: "GET /markets/:market", as: "manager", path: "/markets/NEAR?status=account_closed"},
	{route: "GET /targets", as: "manager", path: "/targets?market=NEAR"},
	{route: "GET /figures", as: "manager", path: "/figures?market=NEAR"},
	{route: "GET /teams/:team", as: "manager", path: "/teams/T1"},
	{route: "GET /teams/:team/months", as: "officer", path: "/teams/T1/months"},
	{route: "GET /account", as: "manager", path: "/account"},
	{route: "GET /account/second-factor", as: "manager", path: "/account/second-factor"},
	{route: "GET /coverage", as: "officer", path: "/coverage?market=NEAR", sheet: true},
	{route: "GET /coverage", as: "officer everywhere", path: "/coverage", sheet: true},
	{route: "GET /coverage", as: "officer", path: "/coverage?area=92", sheet: true},
	{route: "GET /campaigns", as: "officer", path: "/campaigns?market=NEAR"},
	{route: "GET /markets/:market/edit", as: "officer", path: "/markets/NEAR/edit"},
	{route: "GET /teams", as: "officer", path: "/teams"},
	{route: "GET /", as: "partner", path: "/"},
	{route: "GET /markets/:market", as: "partner", path: "/markets/NEAR", sheet: true},
	{route: "GET /coverage", as: "partner", path: "/coverage?market=NEAR"},
	{route: "GET /webhooks", as: "partner", path: "/webhooks"},
	{route: "GET /webhooks/:webhook", as: "partner", path: "/webhooks/$hook"},
	{route: "GET /webhooks/:webhook", as: "admin", path: "/webhooks/$hookasked"},
	{route: "GET /webhooks/:webhook", as: "partner", path: "/webhooks/$failing"},
	{route: "GET /webhooks/:webhook", as: "partner", path: "/webhooks/$off"},
	{route: "GET /webhooks", as: "partner", do: func(v *visitor) { // the secret, this once
		v.do("ask for one", chromedp.Navigate(v.base+"/webhooks"), chromedp.SetValue(chromedp.CSS("#ask-url"), "https://partner.example/"+strings.Repeat("dai", 100)),
			chromedp.Click(chromedp.CSS("#ask button")), chromedp.WaitReady(chromedp.CSS("#secret")))
	}},
	{route: "GET /", as: "admin", path: "/"},
	{route: "GET /people", as: "admin", path: "/people"},
	{route: "GET /people/:person", as: "admin", path: "/people/$person"},
	{route: "GET /keys", as: "admin", path: "/keys"},
	{route: "GET /audit", as: "auditor everywhere", path: "/audit?verify=1"},
	{route: "GET /", as: "volunteer", path: "/nowhere", status: 404},
	{route: "GET /keys", as: "volunteer", path: "/keys", status: 403},
}

// unseen are routes by GET whose answer is no page.
var unseen = []string{"GET /healthz", "GET /readyz", "GET /openapi.json", "GET /static/*", "GET /favicon.ico", "GET /app/worker.js", "GET /app/words.json", "GET /app/manifest.webmanifest", "GET /language/:lang"}

//go:embed testdata/axe.min.js
var axe string

// watch runs before anything of a page and writes down what no page may do.
const watch = `(() => {
	const seen = globalThis.seen = {reports: [], ran: [], shift: 0, moved: []};
	document.addEventListener("securitypolicyviolation", e => seen.reports.push([e.effectiveDirective, e.blockedURI, e.sourceFile, e.lineNumber, e.sample].join(" ")));
	for (const f of ["alert", "confirm", "prompt"]) globalThis[f] = s => { seen.ran.push(f + " " + s); };
	let whole = Infinity; // from when on all of the page has been painted: what comes in piece by piece is not read yet
	const frames = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
	const painted = new Promise(done => document.addEventListener("readystatechange", () => frames().then(() => { whole = performance.now(); done(true); }), {once: true}));
	globalThis.settled = () => painted.then(frames).then(() => new Promise(done => setTimeout(() => done(true))));
	new PerformanceObserver(l => { for (const e of l.getEntries()) if (!e.hadRecentInput && e.startTime >= whole) {
		seen.shift += e.value;
		seen.moved.push(...e.sources.map(s => [s.previousRect, s.currentRect].map(r => [r.x, r.y, r.width, r.height].map(Math.round)).join(" to ") + ": " + (s.node?.outerHTML ?? s.node?.data)?.slice(0, 80)));
	} }).observe({type: "layout-shift", buffered: true});
})()`

// seen is what watch wrote down.
type seen struct {
	Reports, Ran, Moved []string
	Shift               float64
}

// serious runs axe over the page but for a part of it, and gives what it finds of impact serious or critical.
const serious = `axe.run({include: ["html"], exclude: [%q]}, {resultTypes: ["violations"], ...%s}).then(r => r.violations.filter(v => v.impact === "serious" || v.impact === "critical")
	.map(v => v.id + ": " + v.help + "\n" + v.nodes.slice(0, 4).map(n => "    " + n.target.join(" ") + "  " + n.html.slice(0, 160) + "\n      " + n.failureSummary.replaceAll("\n", " ")).join("\n")))`

// worded are axe's rules on what another language, other colours or another size can break, once all of them have passed.
const worded = `{runOnly: {type: "rule", values: ["color-contrast", "label-content-name-mismatch", "link-name", "button-name", "label", "select-name", "image-alt", "svg-img-alt", "html-has-lang", "html-lang-valid", "valid-lang", "scrollable-region-focusable", "target-size"]}}`

// visitor is a browser that looks pages over.
type visitor struct {
	*tab
	g       *gallery
	mu      sync.Mutex
	strange []string // requests that left the host
}

func (g *gallery) visitor(t *testing.T, width, height int64, more ...chromedp.ExecAllocatorOption) *visitor {
	t.Helper()
	v := &visitor{g: g}
	if len(more) == 0 {
		v.tab = browse(t, g.server.URL, width, height)
	} else {
		v.tab = browseAlone(t, "vi", g.server.URL, width, height, more...)
	}
	if err := chromedp.Listen(v.ctx, func(ev any) {
		switch e := ev.(type) {
		case *network.EventRequestWillBeSent:
			if u, err := url.Parse(e.Request.URL); err != nil || u.Scheme != "data" && u.Scheme != "blob" && "http://"+u.Host != g.server.URL {
				v.mu.Lock()
				v.strange = append(v.strange, e.Request.URL)
				v.mu.Unlock()
			}
		case *fetch.EventRequestPaused:
			go v.holds(e.RequestID)
		}
	}); err != nil {
		t.Fatal(err)
	}
	call(v.tab, network.Enable, network.EnableParams{})
	call(v.tab, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true}) // what it has already it would not hold
	call(v.tab, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{ResourceType: network.ResourceTypeScript}}})
	call(v.tab, cdpage.AddScriptToEvaluateOnNewDocument, cdpage.AddScriptToEvaluateOnNewDocumentParams{Source: watch})
	return v
}

// holds keeps a script back until somebody can see the page that it belongs to, as over a slow line: else what it moves is never painted elsewhere.
func (v *visitor) holds(script fetch.RequestID) {
	_, _ = run(v.tab, chromedp.Evaluate[bool](`settled()`, chromedp.EvalAwaitPromise)) // the page may be gone by now
	_, _ = chromedp.Call(v.ctx, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: script})
}

// prefers sets what the page is asked for: the language and the colours.
func (v *visitor) prefers(lang, scheme string) {
	v.t.Helper()
	call(v.tab, network.SetCookie, network.SetCookieParams{Name: "lang", Value: lang, URL: v.base})
	call(v.tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// is lets the browser go on as somebody; "" is nobody.
func (v *visitor) is(as string) {
	v.t.Helper()
	if as == "" {
		call(v.tab, network.DeleteCookies, network.DeleteCookiesParams{Name: "cho40", URL: v.base})
		return
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	v.g.as(as)(r)
	cookie, err := r.Cookie("cho40")
	if err != nil {
		v.t.Fatal(err)
	}
	call(v.tab, network.SetCookie, network.SetCookieParams{Name: "cho40", Value: cookie.Value, URL: v.base, HTTPOnly: new(true)})
}

// quiet looks the page over as it stands: nothing ran, moved, was reported or came from elsewhere, and nothing is wider than the screen.
func (v *visitor) quiet(what string) {
	v.t.Helper()
	s, err := run(v.tab, chromedp.Evaluate[seen](`settled().then(() => seen)`, chromedp.EvalAwaitPromise))
	if err != nil {
		v.t.Fatalf("%s: %v", what, err)
	}
	if len(s.Reports) > 0 {
		v.t.Errorf("%s: the policy forbids %q", what, s.Reports)
	}
	if len(s.Ran) > 0 {
		v.t.Errorf("%s: somebody's script ran: %q", what, s.Ran)
	}
	if s.Shift > 0 {
		v.t.Errorf("%s: moved by %.3f while it was read: %q", what, s.Shift, s.Moved)
	}
	v.mu.Lock()
	if len(v.strange) > 0 {
		v.t.Errorf("%s: asks other hosts: %q", what, v.strange)
	}
	v.strange = nil
	v.mu.Unlock()
	v.fits(what)
	if eval[int](v.tab, `document.documentElement.scrollHeight`) < 16_000 { // no picture holds more
		v.keep(what)
	}
}

// accessible lets axe look the page over by the rules given, or by all of them; all of the page but what long names.
func (v *visitor) accessible(what, long, rules string) {
	v.t.Helper()
	if eval[bool](v.tab, `!globalThis.axe`) {
		eval[bool](v.tab, axe+"; true")
	}
	found, err := run(v.tab, chromedp.Evaluate[[]string](fmt.Sprintf(serious, cmp.Or(long, "template"), cmp.Or(rules, `{rules: {"target-size": {enabled: true}}}`)), chromedp.EvalAwaitPromise))
	if err != nil {
		v.t.Fatalf("%s: %v", what, err)
	}
	for _, f := range found {
		v.t.Errorf("%s: %s", what, f)
	}
}

func (v *visitor) fits(what string) {
	v.t.Helper()
	if wide := eval[[]string](v.tab, `document.documentElement.scrollWidth <= innerWidth ? [] : [innerWidth + "", ...[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5).slice(0, 4).map(e => e.outerHTML.slice(0, 120))]`); len(wide) > 0 {
		v.t.Errorf("%s: wider than the screen: %q", what, wide)
	}
}

// opens goes to a sight, which must be what it is meant to be.
func (v *visitor) opens(s sight) string {
	v.t.Helper()
	v.is(s.as)
	path := v.g.expand(s.path)
	what := strings.TrimSpace(s.as + " " + cmp.Or(s.path, strings.TrimPrefix(s.route, "GET ")))
	if s.do != nil {
		s.do(v)
		return what
	}
	res, err := run(v.tab, chromedp.NavigateResponse(v.base+path))
	if err != nil {
		v.t.Fatalf("%s: %v", what, err)
	}
	if want := max(s.status, http.StatusOK); int(res.Status) != want || res.URL != v.base+path {
		v.t.Fatalf("%s: answered %d at %s", what, res.Status, res.URL)
	}
	return what
}

// measures gives the browser another size.
func (v *visitor) measures(width, height int64) {
	v.t.Helper()
	v.wide = width > 1000
	v.do("another size", chromedp.EmulateViewport(width, height))
}

// prints puts the page on paper: one sheet, with its heading on it.
func (v *visitor) prints(what string) []byte {
	v.t.Helper()
	pdf, err := run(v.tab, chromedp.PrintToPDF(chromedp.PDFPreferCSSPageSize(), chromedp.PDFPrintBackground()))
	if err != nil {
		v.t.Fatalf("%s: %v", what, err)
	}
	text, err := pdfText(pdf)
	if err != nil {
		v.t.Fatalf("%s: %v", what, err)
	}
	if n := strings.Count(text, "\f"); n != 1 {
		v.t.Errorf("%s prints on %d pages", what, n)
	}
	if head := eval[string](v.tab, `document.querySelector("h1").innerText`); !strings.Contains(text, head) {
		v.t.Errorf("%s: the sheet does not say %q: %s", what, head, text)
	}
	if dir := os.Getenv("CHO40_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, strings.NewReplacer("/", "-", "?", "-", " ", "-").Replace(what)+".pdf"), pdf, 0o644); err != nil {
			v.t.Fatal(err)
		}
	}
	return pdf
}

func call[P, R any](b *tab, cmd cdp.Command[P, R], params P) R {
	b.t.Helper()
	r, err := chromedp.Call(b.ctx, cmd, params)
	if err != nil {
		b.t.Fatalf("%s: %v", cmd.Method, err)
	}
	return r
}

// Every page that the service has, on a small phone by day in Vietnamese and by night in English: nothing of it is out of reach of who
// cannot see it well, comes from elsewhere, breaks the policy, moves while it is read, or is wider than the screen.
func TestEveryPageInABrowser(t *testing.T) {
	t.Parallel()
	g := newGallery(t, nil)
	g.closes(t)
	for _, r := range g.h.(*echo.Echo).Routes() {
		route := r.Method + " " + r.Path
		if r.Method == http.MethodGet && !strings.HasPrefix(r.Path, "/api/") && !slices.Contains(unseen, route) && !slices.ContainsFunc(sights, func(s sight) bool { return s.route == route }) {
			t.Errorf("%s is looked at by nobody", route)
		}
	}
	v := g.visitor(t, 320, 640)
	views := []struct {
		lang, scheme  string
		width, height int64
		rules         string
	}{{"vi", "light", 320, 640, ""}, {"en", "dark", 1440, 900, worded}}
	for _, s := range sights {
		for i, view := range views {
			v.prefers(view.lang, view.scheme)
			v.measures(view.width, view.height)
			what := view.lang + " " + v.opens(s)
			v.quiet(what)
			v.accessible(what, s.long, view.rules)
			if s.sheet {
				v.prints(what)
			}
			v.measures(views[1-i].width, views[1-i].height)
			v.fits(what)
		}
	}
}

// The phone's app the same way, screen by screen.
func TestEveryScreenOfTheAppInABrowser(t *testing.T) {
	t.Parallel()
	g := newGallery(t, nil)
	g.closes(t)
	v := g.visitor(t, 320, 640)
	p := &phone{v.tab, t}
	p.begins("sau")
	for _, view := range []struct{ lang, scheme string }{{"vi", "light"}, {"en", "dark"}} {
		v.prefers(view.lang, view.scheme)
		js[bool](p, outbox+fmt.Sprintf(`await store.put("meta", %q, "lang"); return true`, view.lang))
		p.do("begin anew", chromedp.Reload())
		v.accessible(view.lang+" PIN", "", "")
		p.opens()
		for _, screen := range screens {
			hash := g.expand(screen)
			eval[bool](v.tab, fmt.Sprintf("(location.hash = %q) && true", hash))
			p.until("the screen is drawn", `document.querySelector("main > .stack") && !document.querySelector("main > .door")`)
			eval[bool](v.tab, `(seen.shift = 0) || true`) // a script draws here, on purpose
			what := view.lang + " app " + screen
			v.quiet(what)
			v.accessible(what, "", "")
		}
	}
}

// screens are the app's, by their address.
var screens = []string{"#/s/NEAR/$closed", "#/s/NEAR/$closed/stop/$closedserial", "#/", "#/s/NEAR/$hung", "#/s/NEAR/$hung/check", "#/s/NEAR/$hung/hang/$serial", "#/s/NEAR/$hung/account", "#/outbox", "#/file", "#/cards", "#/markets", "#/new", "#/me"}

// Thirty-three names that somebody made up to run a script, leave the host or tear the page, wherever people may write: none does.
func TestHostileNamesInABrowser(t *testing.T) {
	t.Parallel()
	g := newGallery(t, hostileNames)
	g.closes(t)
	v := g.visitor(t, 320, 640)
	v.prefers("vi", "light")
	for _, s := range sights {
		v.quiet(v.opens(s))
	}
	for i := 0; i < len(hostileNames); i += 4 {
		v.quiet(v.opens(sight{as: "manager", path: "/markets/NEAR/stalls/" + url.PathEscape(fmt.Sprintf(`H<'"%d/?#`, i))}))
	}
	v.quiet(v.opens(sight{as: "manager", path: "/search?market=NEAR&q=" + url.QueryEscape(hostileNames[1])}))
}

// The same names on the phone: in the list that it keeps, in codes that it scans, in what its owner types, and in what waits in its outbox.
func TestAppHostileNames(t *testing.T) {
	t.Parallel()
	g := newGallery(t, hostileNames)
	g.exec(`UPDATE markets SET name = $1 WHERE code = 'NEAR'`, hostileNames[2])
	v := g.visitor(t, 320, 640)
	p := &phone{v.tab, t}
	p.begins("sau")
	for _, l := range []string{"vi", "en"} {
		js[bool](p, outbox+fmt.Sprintf(`await store.put("meta", %q, "lang"); return true`, l))
		p.do("begin anew", chromedp.Reload())
		p.opens()
		is := func(what string) {
			t.Helper()
			eval[bool](v.tab, `(seen.shift = 0) || true`) // a script draws here, on purpose
			v.quiet(l + " app " + what)
		}
		at := func(hash string) {
			t.Helper()
			p.at(hash, "main > .stack")
			is(hash)
		}
		at("#/")
		p.taps(".filters li:last-child a")
		is("all stalls")
		for i, name := range hostileNames {
			if l == "en" && i%8 != 0 {
				continue // their names are the same
			}
			stall := "#/s/NEAR/" + url.PathEscape(fmt.Sprintf(`H<'"%d/?#`, i))
			at(stall)
			if said := eval[string](v.tab, `document.querySelector(".stall-head p").textContent`); said != name {
				t.Errorf("the vendor is %q, not %q", said, name)
			}
			if i%8 != 0 {
				continue
			}
			p.taps("[data-code=refused]")
			p.types("note", name)
			is("visit")
			p.taps("[data-save=visit]")
			p.until("on to the next stall", fmt.Sprintf("location.hash !== %q", stall))
			at(stall + "/check")
			at(stall + "/account")
			p.taps("[data-scan=account]")
			p.scans(namedCode(t, name))
			p.until("what the code says", `document.querySelector("[name=holder]")`)
			is("code of " + name)
			if said := eval[string](v.tab, `document.querySelector("[name=holder]").value`); said != clipped(name, 60) {
				t.Errorf("the holder is %q, not %q", said, name)
			}
			eval[bool](v.tab, `(document.querySelector("[name=agreed]") ?? {}).checked = true`)
			p.taps("[data-save=account]")
			p.until("it is kept", `!document.querySelector("[data-save=account]")`)
			is("account of " + name)
			at("#/new")
			for _, field := range []string{"code", "section", "goods", "vendor"} {
				p.types(field, clipped(name, 20)+l)
			}
			p.taps("form .btn.big")
			p.until("it is kept", `location.hash === "#/"`)
			is("new stall " + name)
		}
		for _, hash := range []string{"#/outbox", "#/file", "#/cards", "#/markets", "#/me"} {
			at(hash)
		}
	}
}

// namedCode is what a wallet shows whose owner is called so.
func namedCode(t *testing.T, name string) string {
	t.Helper()
	text, err := qrgen.Static("971005", "0712345999")
	if err != nil {
		t.Fatal(err)
	}
	name = clipped(name, 60)
	at := strings.LastIndex(text, "6304")
	return sealed(fmt.Sprintf("%s59%02d%s6304", text[:at], len(name), name))
}

var hostileNames = []string{
	`<script>alert(1)</script>`, `"><script>alert(2)</script>`, `'><img src=x onerror=alert(3)>`, `<svg/onload=alert(4)>`, `</title><script>alert(5)</script>`, `</textarea><svg onload=alert(6)>`,
	`</style><script>alert(7)</script>`, `</script><script>alert(8)</script>`, `" autofocus onfocus="alert(9)`, `' autofocus onfocus='alert(10)`, `x onmouseover=alert(11) autofocus onfocus=alert(11) y`,
	`javascript:alert(12)`, `data:text/html,<script>alert(13)</script>`, `<a href="javascript:alert(14)">x</a>`, `<iframe srcdoc="<script>parent.alert(15)</script>">`,
	`<math><mtext></form><form><mglyph><style></math><img src onerror=alert(16)>`, `<!--><img src=x onerror=alert(17)>-->`, `<![CDATA[<script>alert(18)</script>]]>`,
	`{{alert(19)}}`, `${alert(20)}`, "`+alert(21)+`", `&lt;script&gt;alert(22)&lt;/script&gt;`, `&#60;img src=x onerror=alert(23)&#62;`, `\u003cscript\u003ealert(24)\u003c/script\u003e`,
	`%3Cscript%3Ealert(25)%3C/script%3E`, `＜script＞alert(26)＜/script＞`, `<img src="//evil.example/27.png">`, `<link rel=stylesheet href=//evil.example/28.css>`,
	`<meta http-equiv=refresh content="0;url=//evil.example/29">`, `<base href="//evil.example/30/">`, `<form action="//evil.example/31"><input name=password>`, `';alert(32)//\`, strings.Repeat("W", 120),
}
