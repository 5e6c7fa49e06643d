package web_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/qrgen"
	registry "cho40/vendor_registry"
	"cho40/web"

	"github.com/chromedp/chromedp"
)

const (
	volunteersPassword = "sáng sớm chợ họp bên sông"
	volunteersPIN      = "270419"
)

// field is the service for phones: a market of 90 stalls from a board's ledger, 44 placards printed, and a volunteer. Its clock runs,
// from the world's on, so that a phone's own is days ahead of it.
type field struct {
	*world
	server *httptest.Server
	line   *line
}

func newField(t *testing.T, volunteers ...string) *field {
	t.Helper()
	f := &field{world: newWorld(t)}
	began := time.Now()
	f.line = &line{to: web.Handler(web.Config{DB: f.db, Now: func() time.Time { return f.clock.now().Add(time.Since(began)) }, Log: slog.New(slog.NewJSONHandler(f.log, nil))})}
	f.server = httptest.NewServer(f.line)
	t.Cleanup(f.server.Close)
	for _, name := range volunteers {
		g, err := registry.ParseGrant("volunteer", "market:NEAR")
		if err == nil {
			_, _, err = f.auth.AddPerson(t.Context(), registry.Console(), name, []registry.Grant{g}, volunteersPassword)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f.walk(t, []step{
		{name: "ledger", as: "clerk", do: "POST /api/v1/markets/NEAR/imports", body: ledgerFile(t, "so-cho-tran-de.xlsx"), status: 201, keep: map[string]string{"import": "id"}},
		{name: "commit", as: "clerk", do: "POST /api/v1/imports/$import/commit", body: `{"rows":"good","attested":"vi-1"}`, status: 200},
	})
	var waiting struct {
		Items []struct {
			ID   string `json:"id"`
			ETag string `json:"etag"`
		}
	}
	f.take(t, step{as: "manager", do: "GET /api/v1/markets/NEAR/accounts?limit=200", status: 200}).json(t, &waiting)
	decisions := make([]map[string]string, len(waiting.Items))
	for i, a := range waiting.Items {
		decisions[i] = map[string]string{"id": a.ID, "etag": a.ETag, "decision": "approve"}
	}
	body, err := json.Marshal(decisions)
	if err != nil {
		t.Fatal(err)
	}
	f.take(t, step{as: "manager", do: "POST /api/v1/markets/NEAR/decisions", body: string(body), status: 200, want: []string{`"state":"approved"`, "!problem"}})
	if _, err := f.reg.Issue(t.Context(), registry.Console(), "NEAR", registry.NewBatch{Sheet: "a6x4", All: true},
		func(registry.Batch, registry.Placard) (why, warning fault.Text) { return }); err != nil {
		t.Fatal(err)
	}
	return f
}

// printed are stalls with a placard, in walking order: its serial and the text of its code.
type printed struct{ stall, serial, payload string }

func (f *field) printed(n int) (all []printed) {
	f.t.Helper()
	rows, err := f.db.Query(context.Background(), `
		SELECT s.code, p.serial, a.payload FROM placards p
		JOIN stalls s ON s.market_id = p.market_id AND s.id = p.stall_id JOIN accounts a ON a.market_id = p.market_id AND a.id = p.account_id
		ORDER BY s.position, s.code_key LIMIT $1`, n)
	if err != nil {
		f.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var p printed
		if err := rows.Scan(&p.stall, &p.serial, &p.payload); err != nil {
			f.t.Fatal(err)
		}
		p.serial = registry.Serial(p.serial).String()
		all = append(all, p)
	}
	if len(all) != n {
		f.t.Fatalf("%d placards, want %d", len(all), n)
	}
	return all
}

// line stands between phones and the service. Down, it hangs up on everything; bad, it does to requests of the API what a market hall does.
type line struct {
	to    http.Handler
	mu    sync.Mutex
	down  bool
	bad   *rand.Rand
	does  func(http.ResponseWriter, *http.Request) bool // takes a request over; nil: nothing
	dead  time.Time                                     // until when nothing gets through
	syncs int                                           // how many batches came by
}

func (l *line) set(change func(*line)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

func hangUp(w http.ResponseWriter) {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = c.Close()
	}
}

func (l *line) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	down, fate, does := l.down || time.Now().Before(l.dead), 0, l.does
	if l.bad != nil && strings.HasPrefix(r.URL.Path, "/api/") {
		fate = l.bad.IntN(10)
		if r.URL.Path == "/api/v1/sync" && !time.Now().Before(l.dead) { // every one of the fates, in turn
			fate = l.syncs % 6
			l.syncs++
		}
	}
	l.mu.Unlock()
	if down {
		hangUp(w)
		return
	}
	if does != nil && does(w, r) {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		hangUp(w)
		return
	}
	again := func() *httptest.ResponseRecorder {
		c := r.Clone(r.Context())
		c.Body = io.NopCloser(bytes.NewReader(body))
		rec := httptest.NewRecorder()
		l.to.ServeHTTP(rec, c)
		return rec
	}
	switch fate {
	case 1: // it never arrives, nor does what the browser tries again by itself
		l.set(func(l *line) { l.dead = time.Now().Add(300 * time.Millisecond) })
		hangUp(w)
		return
	case 2: // it arrives, and the answer does not
		again()
		hangUp(w)
		return
	case 3: // it arrives twice
		again()
	case 4: // the answer is cut in the middle
		rec := again()
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.Header().Set("Content-Length", fmt.Sprint(rec.Body.Len()))
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
		hangUp(w)
		return
	case 5: // it takes long
		time.Sleep(150 * time.Millisecond)
	}
	rec := again()
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

// phone is the app in a browser of its own.
type phone struct {
	*tab
	*testing.T
}

func (f *field) phone(t *testing.T, more ...chromedp.ExecAllocatorOption) *phone {
	t.Helper()
	return &phone{browseAlone(t, "vi", f.server.URL, 360, 780, more...), t}
}

// until waits for a condition of the page.
func (p *phone) until(what, condition string) {
	p.Helper()
	deadline := time.Now().Add(40 * time.Second)
	for {
		ok, err := run(p.tab, chromedp.Evaluate[bool]("Boolean("+condition+")"))
		if err == nil && ok {
			return
		}
		if time.Now().After(deadline) {
			html, _ := run(p.tab, chromedp.Evaluate[string](`document.body.innerText + " // " + location`))
			p.Fatalf("%s: waited in vain for %s (%v)\n%s", what, condition, err, html)
		}
		time.Sleep(25 * time.Millisecond)
	}
}

// js runs a script of several steps and waits for its value.
func js[T any](p *phone, script string) T {
	p.Helper()
	v, err := run(p.tab, chromedp.Evaluate[T]("(async () => {"+script+"})()", chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatalf("%s: %v", script, err)
	}
	return v
}

// taps presses what a selector finds, once it is there.
func (p *phone) taps(selector string) {
	p.Helper()
	p.until("tap", fmt.Sprintf("document.querySelector(%q)", selector))
	eval[bool](p.tab, fmt.Sprintf("document.querySelector(%q).click() || true", selector))
}

func (p *phone) at(hash, selector string) {
	p.Helper()
	eval[bool](p.tab, fmt.Sprintf("(location.hash = %q) && true", hash))
	p.until("go to "+hash, fmt.Sprintf("document.querySelector(%q)", selector))
}

func (p *phone) types(name, value string) {
	p.Helper()
	p.until("type", fmt.Sprintf("document.querySelector('[name=%s]')", name))
	eval[bool](p.tab, fmt.Sprintf("(document.querySelector('[name=%s]').value = %q) && true", name, value))
}

// begins signs in, chooses a PIN and waits for the market.
func (p *phone) begins(name string) {
	p.Helper()
	p.do("open the app", chromedp.Navigate(p.base+"/app"))
	p.types("name", name)
	p.types("password", volunteersPassword)
	p.looks("app sign in")
	p.taps("form button")
	p.types("pin", volunteersPIN)
	p.types("again", volunteersPIN)
	p.looks("app new PIN")
	p.taps("form button")
	p.until("the list comes", `document.querySelector(".stops li")`)
	p.until("the shell is kept", `navigator.serviceWorker.controller`)
}

func (p *phone) opens() {
	p.Helper()
	p.types("pin", volunteersPIN)
	p.taps("form button")
	p.until("the app is open", `document.querySelector("main > .stack:not(.door)")`)
}

// scans shows a picture of a code to the scanner that is open.
func (p *phone) scans(payload string) {
	p.Helper()
	symbol, err := qrgen.NewSymbol(payload)
	if err != nil {
		p.Fatal(err)
	}
	png, err := symbol.PNG(6)
	if err != nil {
		p.Fatal(err)
	}
	file := filepath.Join(p.TempDir(), "code.png")
	if err := os.WriteFile(file, png, 0o600); err != nil {
		p.Fatal(err)
	}
	p.do("choose a photo", chromedp.WaitReady(chromedp.CSS("#scan-photo")), chromedp.SetUploadFiles(chromedp.CSS("#scan-photo"), []string{file}))
	p.until("the code is read", `!document.querySelector(".scan")`)
}

const outbox = `const store = await import(document.querySelector("script[type=module]").src.replace("main.js", "store.js")); `

// waiting are how many things of a state lie in the outbox.
func (p *phone) items(state string) int {
	p.Helper()
	return js[int](p, outbox+fmt.Sprintf(`return (await store.all("outbox")).filter(i => i.state === %q).length`, state))
}

// sent waits until nothing waits any more.
func (p *phone) sent() {
	p.Helper()
	js[bool](p, outbox+`for (let i = 0; i < 600; i++) {
		if (!(await store.all("outbox")).some(i => i.state === "waiting" || i.state === "sending")) return true;
		await new Promise(r => setTimeout(r, 50));
	}
	throw JSON.stringify((await store.all("outbox")).filter(i => i.state !== "done").slice(0, 3))`)
	p.until("the line says so", `!/chờ gửi/.test(document.getElementById("line").innerText)`)
}

// A day in a hall without a signal: visits, placards hung and checked, one of them swapped. All of it arrives once.
func TestAppWithoutASignal(t *testing.T) {
	t.Parallel()
	f := newField(t, "sau")
	p := f.phone(t)
	p.begins("sau")
	p.looks("app route")
	f.line.set(func(l *line) { l.down = true })
	placards := f.printed(10)
	p.do("reload without a signal", chromedp.Reload())
	p.opens()
	p.until("it says so", `/Chưa có sóng|Không có sóng/.test(document.getElementById("line").innerText)`)

	// Three taps a visit, on to the next stall each time.
	p.at("#/s/NEAR/"+placards[0].stall, ".tap-step")
	p.looks("app stall")
	for i := range 60 {
		if i == 1 {
			p.taps(`[data-code=refused]`)
			p.looks("app visit")
		}
		here := eval[string](p.tab, `location.hash`)
		p.taps(`[data-code=` + []string{"done", "refused", "helped", "absent", "closed"}[i%5] + `]`)
		p.taps(`[data-save=visit]`)
		p.until("on to the next stall", fmt.Sprintf(`location.hash !== %q && (location.hash.length > 3 ? document.querySelector(".stall .tap-step") : true)`, here))
		if eval[bool](p.tab, `location.hash.length < 3`) {
			stalls := js[[]string](p, `return [...document.querySelectorAll(".stops a")].map(a => a.getAttribute("href"))`)
			p.at(stalls[i%len(stalls)], ".tap-step")
		}
	}
	for i, c := range placards {
		p.at("#/s/NEAR/"+c.stall+"/hang/"+c.serial, "[data-scan=hang]")
		p.taps("[data-scan=hang]")
		if i == 0 {
			p.looks("app scan")
		}
		p.scans(c.payload)
		p.until("it is the right one", `document.querySelector(".ok")`)
		p.taps("[data-code=right]")
		eval[bool](p.tab, `(document.querySelector("[name=agreed]") ?? {}).checked = true`)
		if i == 0 {
			p.looks("app hang")
		}
		p.taps("[data-save=hang]")
		p.until("it is saved", `document.querySelector(".stall-head") && !location.hash.includes("hang")`)
	}
	for i, c := range placards {
		p.at("#/s/NEAR/"+c.stall+"/check", "[data-scan=check]")
		p.taps("[data-scan=check]")
		payload, want := c.payload, "match"
		if i == 7 { // somebody pasted their own over it
			var err error
			if payload, err = qrgen.Static("971005", "0987654321"); err != nil {
				t.Fatal(err)
			}
			want = "other_account"
		}
		p.scans(payload)
		p.until("the result is there", `document.querySelector("[data-result]")`)
		if got := eval[string](p.tab, `document.querySelector("[data-result]").dataset.result`); got != want {
			t.Errorf("the check at %s says %s, want %s", c.stall, got, want)
		}
		if i == 6 || i == 7 {
			p.looks("app check " + want)
		}
	}
	p.at("#/outbox", ".items li")
	p.looks("app outbox")
	if got := p.items("waiting"); got != 80 {
		t.Fatalf("%d things wait, want 80", got)
	}
	p.do("reload without a signal", chromedp.Reload())
	p.opens()
	p.until("nothing was lost", `/80/.test(document.getElementById("line").innerText)`)
	if n := f.count(`SELECT count(*) FROM visits`); n != 0 {
		t.Fatalf("%d visits arrived without a signal", n)
	}

	f.line.set(func(l *line) { l.down = false })
	eval[bool](p.tab, `dispatchEvent(new Event("online"))`)
	p.sent()
	if done := p.items("done"); done != 80 {
		t.Errorf("%d of 80 are done: %s", done, js[string](p, outbox+`return JSON.stringify((await store.all("outbox")).filter(i => i.state !== "done").slice(0, 3))`))
	}
	for what, want := range map[string]int{
		`SELECT count(*) FROM visits`: 60, `SELECT count(*) FROM placard_events WHERE kind = 'installed'`: 10,
		`SELECT count(*) FROM placard_events WHERE kind = 'checked' AND result = 'match'`: 9, `SELECT count(*) FROM placards WHERE state = 'suspended'`: 1,
		`SELECT count(*) FROM incidents`: 1,
	} {
		if got := f.count(what); got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	p.at("#/", ".route")
	p.looks("app route in the evening")

	// A new version is fetched beside the old one, takes over while the list is on the screen, and leaves nothing of the old one behind.
	old := js[string](p, `return (await caches.keys()).find(n => n.startsWith("cho40-shell-"))`)
	f.line.set(func(l *line) {
		l.does = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/app/worker.js" {
				return false
			}
			r.Header.Del("Accept-Encoding")
			rec := httptest.NewRecorder()
			l.to.ServeHTTP(rec, r)
			for k, v := range rec.Header() {
				w.Header()[k] = v
			}
			_, _ = w.Write(bytes.Replace(rec.Body.Bytes(), []byte(strings.TrimPrefix(old, "cho40-shell-")), []byte("of-tomorrow"), 1))
			return true
		}
	})
	js[bool](p, `await (await navigator.serviceWorker.getRegistration("/app")).update(); return true`)
	p.at("#/cards", "details")
	if !js[bool](p, `const r = await navigator.serviceWorker.getRegistration("/app"); for (let i = 0; i < 1000 && !r.waiting; i++) await new Promise(d => setTimeout(d, 25)); return Boolean(r.waiting)`) {
		t.Fatal("the new version was not fetched")
	}
	eval[bool](p.tab, `(location.hash = "#/") && true`)
	p.until("it takes over", `document.querySelector("[name=pin]")`)
	p.opens()
	if kept := js[string](p, `return (await caches.keys()).filter(n => n.startsWith("cho40-shell-")).join()`); kept != "cho40-shell-of-tomorrow" {
		t.Errorf("the shells kept are %s", kept)
	}
	if done := p.items("done"); done != 80 {
		t.Errorf("%d of 80 are left in the outbox", done)
	}
}

// What the phone reads in a code is what qrgen reads: over the published vectors, and over texts that are wrong in thousands of ways.
func TestAppReadsCodesAsTheServiceDoes(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct{ Kind, Payload string }
	}
	data, err := os.ReadFile("../qrgen/testdata/vectors.json")
	if err == nil {
		err = json.Unmarshal(data, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	type reading struct {
		Code     string          `json:"code,omitempty"`
		Decoded  json.RawMessage `json:"decoded,omitempty"`
		Warnings []string        `json:"warnings,omitempty"`
		Content  string          `json:"content"`
	}
	type asked struct {
		Text            string  `json:"text"`
		Strict, Lenient reading `json:"-"`
	}
	read := func(text string, mode qrgen.Mode) reading {
		r := reading{Content: string(qrgen.Describe(text))}
		d, err := qrgen.Decode(text, mode)
		if err != nil {
			r.Code = err.(*qrgen.FieldError).Code
			return r
		}
		r.Warnings = d.Warnings
		if r.Decoded, err = json.Marshal(d); err != nil {
			t.Fatal(err)
		}
		return r
	}
	var all []asked
	add := func(text string) {
		all = append(all, asked{text, read(text, qrgen.Strict), read(text, qrgen.Lenient)})
	}
	draw := rand.New(rand.NewPCG(40, 2026))
	for _, v := range file.Vectors {
		if v.Kind == "fold" {
			continue
		}
		add(v.Payload)
		for range 12 { // one character other, gone or twice; the checksum made right again, so that the parts behind it are reached
			runes := []rune(strings.TrimSpace(v.Payload))
			if len(runes) < 12 {
				continue
			}
			at := draw.IntN(len(runes) - 4)
			switch draw.IntN(3) {
			case 0:
				runes[at] = []rune("0123456789AzVN. ợ")[draw.IntN(17)]
			case 1:
				runes = append(runes[:at], runes[at+1:]...)
			case 2:
				runes = append(runes[:at], append([]rune{runes[at]}, runes[at:]...)...)
			}
			text := string(runes)
			add(text)
			add(sealed(string(runes[:len(runes)-4])))
		}
	}
	for _, text := range []string{"", " ", "https://example.vn", "WIFI:S:cho;", "2|99|0912345678|A", "xin chào", "\ufeff" + file.Vectors[0].Payload + "\n"} {
		add(text)
	}
	f := &field{world: newWorld(t)}
	f.server = httptest.NewServer(f.h)
	defer f.server.Close()
	p := f.phone(t)
	p.do("open the app", chromedp.Navigate(p.base+"/app"))
	texts, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	got := js[[][2]reading](p, `const {decode, describe} = await import("/static/app/emv.js");
		const read = (text, strict) => {
			const content = describe(text);
			try { const r = decode(text, {strict}); return {content, decoded: r.decoded, warnings: r.warnings}; } catch (e) { return {content, code: e.code ?? String(e)}; }
		};
		return `+string(texts)+`.map(a => [read(a.text, true), read(a.text, false)])`)
	plain := func(r reading) string {
		var v any
		_ = json.Unmarshal(r.Decoded, &v) // empty where it was refused
		sorted := append([]string{}, r.Warnings...)
		slices.Sort(sorted)
		b, _ := json.Marshal([]any{r.Code, v, sorted, r.Content})
		return string(b)
	}
	accepted := 0
	for i, a := range all {
		for mode, want := range []reading{a.Strict, a.Lenient} {
			if want.Code == "" {
				accepted++
			}
			if got, want := plain(got[i][mode]), plain(want); got != want {
				t.Errorf("%q, mode %d: the phone reads\n%s, the service\n%s", a.Text, mode, got, want)
			}
		}
	}
	if accepted < 200 {
		t.Errorf("only %d of %d readings succeed: the texts try too little", accepted, 2*len(all))
	}
	// The right code, of whom? A placard of a vendor who went is no match, unless who is there now has one of the same account.
	code, err := qrgen.Static("971005", "0710000001")
	if err != nil {
		t.Fatal(err)
	}
	said := js[[]string](p, `const {compare} = await import("/static/app/stall.js"), {hash} = await import("/static/app/vault.js");
		const pack = {key: "`+strings.Repeat("A", 43)+`"}, own = await hash(pack.key, "971005", "0710000001");
		const now = {serial: "now", hash: own}, former = {serial: "former", hash: own, former: true}, other = {serial: "other", hash: "x"};
		return Promise.all([[now], [former], [other, former], [former, now], [other]].map(async cards => {
			const r = await compare(pack, cards, "`+code+`");
			return r.result + " " + (r.card?.serial ?? "-");
		}))`)
	if want := []string{"match now", "other_account former", "other_account former", "match now", "other_account -"}; !slices.Equal(said, want) {
		t.Errorf("the phone compares %q, want %q", said, want)
	}
}

// sealed ends a text with the right checksum.
func sealed(text string) string {
	crc := uint16(0xFFFF)
	for _, b := range []byte(text) {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return fmt.Sprintf("%s%04X", text, crc)
}

// The camera sees a code: a device that shows a picture of one, read by the scanner that is loaded for it and works without a signal after that.
func TestAppCamera(t *testing.T) {
	t.Parallel()
	f := newField(t, "sau")
	c := f.printed(1)[0]
	film := filepath.Join(t.TempDir(), "code.y4m")
	if err := os.WriteFile(film, y4m(t, c.payload), 0o600); err != nil {
		t.Fatal(err)
	}
	p := f.phone(t, chromedp.Flag("use-fake-ui-for-media-stream", true), chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-file-for-fake-video-capture", film))
	p.begins("sau")
	p.until("the scanner is kept before it is needed", `caches.keys().then(k => k.some(n => n.startsWith("cho40-scanner-")))`)
	js[bool](p, `for (let i = 0; i < 400; i++) { if (await caches.match("/static/app/zxing/reader/zxing_reader.wasm")) return true; await new Promise(r => setTimeout(r, 50)); } throw "no scanner"`)
	f.line.set(func(l *line) { l.down = true })
	p.do("reload without a signal", chromedp.Reload())
	p.opens()
	p.at("#/s/NEAR/"+c.stall+"/hang/"+c.serial, "[data-scan=hang]")
	p.taps("[data-scan=hang]")
	p.until("the camera finds the code", `document.querySelector(".ok")`)
	p.at("#/s/NEAR/"+c.stall+"/account", "[data-scan=account]")
	p.taps("[data-scan=account]")
	p.until("provider, account and name are filled in", `document.querySelector(".facts")`)
	p.looks("app account")
	d, err := qrgen.Decode(c.payload, qrgen.Lenient)
	if err != nil {
		t.Fatal(err)
	}
	if said := eval[string](p.tab, `document.querySelector(".facts").innerText`); !strings.Contains(said, d.Account) {
		t.Errorf("of account %s it says %q", d.Account, said)
	}
	if !eval[bool](p.tab, `Boolean(document.querySelector(".ok"))`) {
		t.Error("it does not see that the account is in the record already")
	}
}

// y4m is a film that shows a code: a few frames of 640 × 480, brightness only.
func y4m(t *testing.T, payload string) []byte {
	t.Helper()
	symbol, err := qrgen.NewSymbol(payload)
	if err != nil {
		t.Fatal(err)
	}
	const width, height, dots = 640, 480, 7
	left, top := (width-symbol.Size()*dots)/2, (height-symbol.Size()*dots)/2
	frame := bytes.Repeat([]byte{235}, width*height)
	for y := range symbol.Size() * dots {
		for x := range symbol.Size() * dots {
			if symbol.Dark(x/dots, y/dots) {
				frame[(top+y)*width+left+x] = 16
			}
		}
	}
	frame = append(frame, bytes.Repeat([]byte{128}, width*height/2)...)
	film := []byte(fmt.Sprintf("YUV4MPEG2 W%d H%d F15:1 Ip A1:1 C420jpeg\n", width, height))
	for range 4 {
		film = append(append(film, "FRAME\n"...), frame...)
	}
	return film
}

// A line that drops, cuts, doubles and delays, and several phones on it: each visit arrives, and arrives once. `make storm` has three
// phones record 500 visits (CHO40_PHONE_VISITS); a commit waits for a few.
func TestAppOnABadLine(t *testing.T) {
	t.Parallel()
	phones, visits := 2, 40
	if n, err := strconv.Atoi(os.Getenv("CHO40_PHONE_VISITS")); err == nil {
		phones, visits = 3, n
	}
	names := []string{"sau", "bay", "tam"}[:phones]
	f := newField(t, names...)
	var all, began sync.WaitGroup
	ready := make(chan bool)
	t.Cleanup(func() { f.line.set(func(l *line) { l.bad = nil }) })
	for i, name := range names {
		p, each := f.phone(t), (visits+i)/phones // together they are all of them
		all.Add(1)
		began.Add(1)
		go func() {
			defer all.Done()
			p.begins(name)
			began.Done()
			<-ready
			js[bool](p, fmt.Sprintf(app+`
				const codes = state.pack().stalls.filter(s => s.vendor).map(s => s.code);
				for (let i = 0; i < %d; i++) {
					await sync.record(state.app.profile.name, {kind: "visit", market: "NEAR", at_market: "NEAR", stall: codes[i %% codes.length], at_stall: codes[i %% codes.length], about: "helped", body: {outcome: "helped", note: "lần " + i}});
					if (i %% 7 === 0) { sync.kick(); await new Promise(r => setTimeout(r, 40)); }
				}
				return true`, each))
			p.until("all is sent", `(import("/static/app/sync.js"), window.kicks = (window.kicks ?? 0) + 1, document.querySelector("#line.calm")) || (window.kicks % 20 === 0 && dispatchEvent(new Event("online")) && false)`)
			if done := p.items("done"); done != each {
				t.Errorf("%s: %d of %d are done", name, done, each)
			}
		}()
	}
	began.Wait()
	f.line.set(func(l *line) { l.bad = rand.New(rand.NewPCG(8, 40)) })
	close(ready)
	all.Wait()
	if got := f.count(`SELECT count(*) FROM visits`); got != visits {
		t.Errorf("%d visits arrived, want %d", got, visits)
	}
	if got := f.count(`SELECT count(DISTINCT (by, note)) FROM visits`); got != visits {
		t.Errorf("%d different visits arrived, want %d", got, visits)
	}
	if got := f.count(`SELECT count(*) FROM clashes`); got != 0 {
		t.Errorf("%d clashes", got)
	}
	if f.line.syncs < 5 { // else hardly a fate befell one
		t.Errorf("only %d batches went over the line: it was not bad enough", f.line.syncs)
	}
	t.Logf("%d visits of %d phones: %d batches on the line, each visit there once", visits, phones, f.line.syncs)
}

// app are the modules of the page that is open, with what they hold.
const app = `const of = name => import(document.querySelector("script[type=module]").src.replace("main.js", name));
	const store = await of("store.js"), sync = await of("sync.js"), state = await of("state.js"); `

const aVisit = `{kind: "visit", market: "NEAR", at_market: "NEAR", stall: "A-01", at_stall: "A-01", about: "helped", body: {outcome: "helped"}}`

// What goes wrong between a phone and the service ends as the security model says.
func TestAppWhatMayGoWrong(t *testing.T) {
	t.Parallel()
	f := newField(t, "sau", "bay")
	p := f.phone(t)
	p.begins("sau")
	sent := func(want int) {
		t.Helper()
		p.sent()
		if got := f.count(`SELECT count(*) FROM visits`); got != want {
			t.Errorf("%d visits, want %d", got, want)
		}
	}
	t.Run("the same sent twice is taken once", func(t *testing.T) {
		js[bool](p, app+`const [i] = await sync.record("sau", `+aVisit+`);
			const body = async () => ({device: await store.device(), sent_at: new Date().toISOString(), items: [sync.wire(i)]});
			const answers = await Promise.all([sync.call("POST", "/sync", await body()), sync.call("POST", "/sync", await body())]);
			const statuses = (await Promise.all(answers.map(a => a.json()))).map(a => a.items[0].status).sort().join();
			if (statuses !== "200,201") throw statuses;
			sync.kick();
			return true`)
		sent(1)
	})
	t.Run("the answer is cut", func(t *testing.T) {
		once := true
		f.line.set(func(l *line) {
			l.does = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/api/v1/sync" || !once {
					return false
				}
				once = false
				f.line.to.ServeHTTP(httptest.NewRecorder(), r)
				hangUp(w)
				return true
			}
		})
		js[bool](p, app+`await sync.record("sau", `+aVisit+`); sync.kick(); return true`)
		sent(2) // it is tried again by itself
		f.line.set(func(l *line) { l.does = nil })
	})
	t.Run("two tabs send what one of them kept", func(t *testing.T) {
		ctx, end := chromedp.NewContext(p.ctx)
		defer end()
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(360, 780)); err != nil { // a time limit on this one would end the tab
			t.Fatal(err)
		}
		other := &phone{&tab{t: t, ctx: ctx, base: p.base}, t}
		other.do("a second tab", chromedp.Navigate(p.base+"/app"))
		other.opens()
		js[bool](p, app+`await store.keepItems([1, 2, 3].map(n => ({id: store.uuid(), profile: "sau", state: "waiting", at: new Date().toISOString(), ahead: null, tries: 0, ...`+aVisit+`}))); return true`)
		eval[bool](p.tab, `dispatchEvent(new Event("online"))`)
		eval[bool](other.tab, `dispatchEvent(new Event("online"))`)
		sent(5)
	})
	t.Run("the same id with other contents is kept by both", func(t *testing.T) {
		js[bool](p, app+`const done = (await store.all("outbox"))[0];
			await store.put("outbox", {...done, state: "waiting", body: {outcome: "refused"}}); sync.kick(); return true`)
		p.until("the phone says so", `/Cần xem lại: 1/.test(document.getElementById("line").innerText)`)
		if got := p.items("clash"); got != 1 {
			t.Errorf("%d clashes on the phone", got)
		}
		if got := f.count(`SELECT count(*) FROM clashes`); got != 1 {
			t.Errorf("%d clashes with the service", got)
		}
		if left := js[bool](p, app+`return store.forget("sau")`); left {
			t.Error("who has something that the service lacks was taken off the phone")
		}
		js[bool](p, app+`for (const i of await store.all("outbox")) if (i.state === "clash") await store.drop("outbox", i.id); sync.kick(); return true`)
		sent(5)
	})
	t.Run("a clock of 1970 is put right and flagged", func(t *testing.T) {
		js[bool](p, `const real = Date.now, RealDate = Date; window.backThen = () => { window.Date = RealDate; };
			window.Date = class extends RealDate { constructor(...a) { a.length ? super(...a) : super(real() % 31536000000); } static now() { return real() % 31536000000; } };
			return true`)
		js[bool](p, app+`const [i] = await sync.record("sau", `+aVisit+`); if (i.ahead !== null || !i.at.startsWith("1970")) throw JSON.stringify(i); sync.kick(); return true`)
		sent(6)
		js[bool](p, `backThen(); return true`)
		if got := f.count(`SELECT count(*) FROM visits WHERE clock_ahead < -1000000000 AND at > '2026-11-21'`); got != 1 {
			t.Errorf("%d visits are put right and flagged", got)
		}
	})
	t.Run("a revoked phone keeps everything and asks to sign in", func(t *testing.T) {
		if _, err := f.auth.EndPhone(t.Context(), registry.Console(), "sau"); err != nil {
			t.Fatal(err)
		}
		f.exec(`DELETE FROM sessions`)
		js[bool](p, app+`await sync.record("sau", `+aVisit+`); sync.kick(); return true`)
		p.until("it asks to sign in", `/Đăng nhập để gửi/.test(document.getElementById("line").innerText)`)
		if got := p.items("waiting"); got != 1 {
			t.Errorf("%d things wait, want 1", got)
		}
		p.looks("app sign in to send")
		p.taps("#line button")
		p.types("pin", volunteersPIN)
		p.taps("form button")
		p.until("the app opens", `document.querySelector(".route")`)
		js[bool](p, app+`for (let i = 0; i < 200; i++) { // a PIN that ended does not send
			if (sync.status.signIn && !sync.status.busy) return true;
			await new Promise(r => setTimeout(r, 20));
		}
		throw "it does not ask to sign in"`)
		p.taps("#line button")
		p.until("the PIN is asked for", `document.querySelector("[name=pin]")`)
		eval[bool](p.tab, `[...document.querySelectorAll("form button")].find(b => /Quên/.test(b.innerText)).click() || true`)
		p.types("password", volunteersPassword)
		p.taps("form button")
		p.types("pin", volunteersPIN)
		p.types("again", volunteersPIN)
		p.taps("form button")
		sent(7)
	})
	t.Run("nothing is sent under another's name", func(t *testing.T) {
		js[bool](p, app+`await sync.call("POST", "/session", {name: "bay", password: "`+volunteersPassword+`"});
			await sync.record("sau", `+aVisit+`); sync.kick(); return true`)
		p.until("it asks to sign in", `/Đăng nhập để gửi/.test(document.getElementById("line").innerText)`)
		if got := p.items("waiting"); got != 1 {
			t.Errorf("%d things wait, want 1", got)
		}
		p.taps("#line button")
		p.types("pin", volunteersPIN)
		p.taps("form button")
		sent(8)
		if got := f.count(`SELECT count(DISTINCT by) FROM visits`); got != 1 {
			t.Errorf("visits are under %d names", got)
		}
	})
	t.Run("what waits goes as a file and is still taken once", func(t *testing.T) {
		f.line.set(func(l *line) {
			l.does = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/api/v1/sync" {
					hangUp(w)
				}
				return r.URL.Path == "/api/v1/sync"
			}
		})
		js[bool](p, app+`await sync.record("sau", `+aVisit+`); await state.refresh(); state.app.draw(); return true`)
		p.at("#/outbox", ".items li")
		file := js[string](p, `URL.createObjectURL = b => { window.given = b; return "#/outbox"; };
			[...document.querySelectorAll("button")].find(b => /tệp/.test(b.innerText)).click();
			for (let i = 0; i < 100 && !window.given; i++) await new Promise(r => setTimeout(r, 20));
			return window.given.text()`)
		name := filepath.Join(t.TempDir(), "outbox.json")
		if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		var names atomic.Bool // who did it
		f.line.set(func(l *line) {
			l.does = func(_ http.ResponseWriter, r *http.Request) bool {
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(body))
				if bytes.Contains(body, []byte(`"by":"sau"`)) {
					names.Store(true)
				}
				return false
			}
		})
		p.at("#/file", "#file")
		p.do("give the file", chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{name}))
		p.taps("[data-save=file]")
		p.until("it is taken", `document.querySelector("main .ok")`)
		f.line.set(func(l *line) { l.does = nil })
		if !names.Load() {
			t.Error("what comes from a file does not say who did it")
		}
		js[bool](p, app+`sync.kick(); return true`)
		sent(9)
	})
	t.Run("a file is handed over slowly, and its giver has gone on", func(t *testing.T) {
		f.line.set(func(l *line) { l.down = true })
		js[bool](p, app+`await sync.record("sau", `+aVisit+`); await state.refresh(); state.app.draw(); return true`)
		p.at("#/outbox", ".items li")
		js[bool](p, `navigator.canShare = () => true;
			navigator.share = () => new Promise(r => window.taken = r);
			[...document.querySelectorAll("button")].find(b => /tệp/.test(b.innerText)).click();
			for (let i = 0; i < 100 && !window.taken; i++) await new Promise(r => setTimeout(r, 20));
			return true`)
		p.at("#/new", "main form, main .field")
		eval[bool](p.tab, `(document.querySelector("main > *").dataset.filled = "in") && true`)
		js[bool](p, `document.getElementById("toast").replaceChildren(); delete navigator.canShare; delete navigator.share; window.taken(); return true`)
		p.until("the file is told of", `/Tệp có 1 việc/.test(document.body.innerText)`)
		if eval[string](p.tab, `document.querySelector("main > *").dataset.filled ?? ""`) != "in" {
			t.Error("what was being filled in is drawn anew")
		}
		f.line.set(func(l *line) { l.down = false })
		js[bool](p, app+`sync.kick(); return true`)
		p.sent()
	})
	t.Run("another name is heard", func(t *testing.T) {
		c := f.printed(1)[0]
		p.at("#/s/NEAR/"+c.stall+"/hang/"+c.serial, "[data-scan=hang]")
		p.taps("[data-scan=hang]")
		p.scans(c.payload)
		p.until("it is the right one", `document.querySelector(".ok")`)
		p.taps("[data-code=other]")
		p.types("heard", "TRAN VAN LA")
		eval[bool](p.tab, `(document.querySelector("[name=agreed]") ?? {}).checked = true`)
		p.taps("[data-save=hang]")
		p.until("it does not hang", `document.querySelector(".result.bad")`)
		p.sent()
		if got := f.count(`SELECT count(*) FROM placard_events WHERE kind = 'installed'`); got != 0 {
			t.Errorf("%d placards hang", got)
		}
		if got := f.count(`SELECT count(*) FROM placard_events WHERE kind = 'heard'`); got != 1 {
			t.Errorf("%d names are kept", got)
		}
	})
	t.Run("who is done is taken off the phone", func(t *testing.T) {
		p.at("#/me", "button.stop")
		p.looks("app me")
		p.taps("button.stop")
		p.until("nobody is left", `document.querySelector("[name=password]")`)
		if left := js[int](p, app+`return (await store.all("packs")).length + (await store.all("outbox")).length + (await store.all("profiles")).length`); left != 0 {
			t.Errorf("%d things of theirs are left", left)
		}
	})
}

// The shell and the scanner cost a volunteer's data: they are measured as they are sent. And what comes from elsewhere is as the list says.
func TestAppSizes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	size := func(path string) (n int, body []byte) {
		a := w.take(t, step{do: "GET " + path, header: []string{"Accept-Encoding", "gzip"}, status: 200})
		return len(a.body), a.body
	}
	worker := w.take(t, step{do: "GET /app/worker.js", status: 200})
	line, _, _ := bytes.Cut(worker.body, []byte(";\n"))
	var shell struct{ Paths []string }
	if err := json.Unmarshal(bytes.TrimPrefix(line, []byte("const SHELL = ")), &shell); err != nil {
		t.Fatal(err)
	}
	total, _ := size("/app/worker.js")
	for _, path := range shell.Paths {
		n, _ := size(path)
		total += n
	}
	const most = 150_000
	if len(shell.Paths) < 20 || total > most {
		t.Errorf("the shell is %d files with %d bytes, at most %d", len(shell.Paths), total, most)
	}
	t.Logf("the shell: %d files, %d bytes as they are sent", len(shell.Paths), total)
	if a := w.take(t, step{do: "GET /app", status: 200}); !strings.Contains(a.header.Get("Content-Security-Policy"), "script-src 'self' 'wasm-unsafe-eval'; ") || !strings.Contains(a.header.Get("Content-Security-Policy"), "connect-src 'self'") {
		t.Errorf("the app may do %q", a.header.Get("Content-Security-Policy"))
	}
	if a := w.take(t, step{do: "GET /sign-in", status: 200}); strings.Contains(a.header.Get("Content-Security-Policy"), "wasm") {
		t.Error("a page may compile WebAssembly too")
	}
	list, err := os.ReadFile("static/VENDORED.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, m := range regexp.MustCompile("(?m)^\\| ([^ ]+) \\|.*`([0-9a-f]{64})` \\|$").FindAllStringSubmatch(string(list), -1) {
		b, err := os.ReadFile(filepath.Join("static", m[1]))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != m[2] {
			t.Errorf("%s is not the file that the list names", m[1])
		}
		seen++
	}
	if seen < 12 {
		t.Errorf("the list names %d files", seen)
	}
}
