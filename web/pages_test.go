package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"html"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/auth"
	"cho40/internal/fault"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
	"cho40/web/lang"

	"github.com/alexedwards/argon2id"
	"github.com/jackc/pgx/v5/pgxpool"
)

// market is the service with a market VT, where a clerk brought in a small ledger and nothing more happened yet.
type market struct {
	db *pgxpool.Pool
	*testing.T
	url     string
	reg     *registry.Service
	auth    *auth.Service
	clock   *ticking
	in      map[string]string // session cookie by name of the person
	factors map[string]auth.Secret
}

// ticking is a clock that moves on a little with every request, so that no allowance runs out by itself.
type ticking struct {
	mu sync.Mutex
	at time.Time
}

func (c *ticking) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *ticking) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// kept is a log that several requests may write to.
type kept struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (k *kept) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.buf.Write(b)
}

func (k *kept) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.buf.String()
}

const (
	password = "ghe tre song chieu muong bay vo"
	ledgerVT = `Mã quầy;Khu;Tên tiểu thương;Mặt hàng;ĐT;Viettel Money;VNPT Money
A-01;Khu A;Lý Minh Tâm;Rau củ;0712345678;0712345678;
A-02;Khu A;Đỗ Văn Mười;Rau củ;0712345679;;
A-03;Khu A;;Rau củ;;;
B-01;Khu B;Thạch Ngọc Lan;Trái cây;0712345681;;0712345681
B-02;Khu B;Hồ Thúy Hòa;Trái cây;0712345682;0712345682;
`
)

var roles = []struct{ name, role, scope string }{
	{"thu", "clerk", "market:VT"}, {"loan", "manager", "market:VT"}, {"mai", "manager", "market:VT"}, {"an", "volunteer", "market:VT"}, {"truong", "leader", "market:VT"},
	{"canbo", "officer", "all"}, {"doitac", "partner", "provider:viettel_money"}, {"soat", "auditor", "all"}, {"quantri", "admin", "all"},
}

func newMarket(t *testing.T) *market {
	t.Helper()
	db := pgtest.New(t)
	clock := &ticking{at: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)}
	m := &market{T: t, db: db, reg: registry.New(db, clock.now), auth: auth.New(db, clock.now), clock: clock, in: map[string]string{}, factors: map[string]auth.Secret{}}
	log := &kept{}
	h := Handler(Config{DB: db, Now: clock.now, Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	t.Cleanup(func() { // nobody's name, phone, account, password or session may be in the log
		people, err := pgtest.People(context.Background(), db)
		if err != nil {
			t.Error(err)
		}
		people = append(slices.AppendSeq(people, maps.Values(m.in)), password)
		if err := pgtest.Keep(log.String(), people); err != nil {
			t.Error(err)
		}
		for _, s := range people {
			if log := log.String(); strings.Contains(log, s) {
				t.Errorf("the log holds %q: %s", s, log)
			}
		}
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		clock.pass(3 * time.Second)
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	m.url = server.URL
	console := registry.Console()
	if _, err := m.reg.AddMarket(t.Context(), console, registry.NewMarket{Code: "VT", Name: "Chợ Vị Thanh", Call: "0293 000 0040"}); err != nil {
		t.Fatal(err)
	}
	for _, r := range roles {
		m.person(r.name, r.role, r.scope)
	}
	m.load("thu", ledgerVT)
	return m
}

// quickHash is a hash of password that takes no time.
var quickHash = sync.OnceValues(func() (string, error) {
	return argon2id.CreateHash(password, &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
})

func (m *market) person(name, role, scope string) {
	m.Helper()
	g, err := registry.ParseGrant(role, scope)
	if err == nil {
		_, _, err = m.auth.AddPerson(m.Context(), registry.Console(), name, []registry.Grant{g}, "")
	}
	if err == nil {
		var hash string
		if hash, err = quickHash(); err == nil {
			_, err = m.db.Exec(m.Context(), `UPDATE people SET password_hash = $1 WHERE name = $2`, hash, name)
		}
	}
	if err == nil && auth.NeedsFactor([]registry.Grant{g}) {
		m.factors[name], err = m.auth.IssueFactor(m.Context(), registry.Console(), name)
	}
	if err != nil {
		m.Fatal(err)
	}
}

func (m *market) actor(name string) registry.Actor {
	m.Helper()
	by, err := m.auth.PersonActor(m.Context(), name, "web")
	if err != nil {
		m.Fatal(err)
	}
	return by
}

func (m *market) signIn(who string) {
	m.Helper()
	in, err := m.auth.SignIn(m.Context(), auth.Attempt{Name: who, Password: password, Code: m.factors[who].Code(m.clock.now())})
	if err != nil {
		m.Fatalf("sign in %s: %v", who, err)
	}
	m.in[who] = in.Session
}

// load imports a ledger by a person's hand.
func (m *market) load(by, ledger string) {
	m.Helper()
	im, err := m.reg.PreviewImport(m.Context(), m.actor(by), "VT", "so.csv", strings.NewReader(ledger), true)
	if err == nil {
		_, err = m.reg.CommitImport(m.Context(), m.actor(by), im.Ref, registry.CommitImport{Attested: "vi-1"})
	}
	if err != nil {
		m.Fatal(err)
	}
}

// approveAll lets loan approve what waits, but for the stalls named.
func (m *market) approveAll(but ...string) {
	m.Helper()
	waiting, err := m.reg.Pending(m.Context(), m.actor("loan"), "VT")
	if err != nil {
		m.Fatal(err)
	}
	var ds []registry.Decision
	for _, w := range waiting {
		if !strings.Contains(strings.Join(but, " "), w.Stall) {
			ds = append(ds, registry.Decision{Account: w.ID, ETag: w.ETag(), Decision: "approve"})
		}
	}
	if _, err := m.reg.DecideMany(m.Context(), m.actor("loan"), "VT", ds); err != nil {
		m.Fatal(err)
	}
}

// printAll makes the placards that are ready and gives the batch's address and the serials by stall.
func (m *market) printAll(provisional bool) (batch string, serials map[string]string) {
	m.Helper()
	values := url.Values{"who": {"all"}, "sheet": {"a6x4"}, "skip": {"1"}}
	if provisional {
		values.Set("provisional", "1")
	}
	a := m.post("loan", "/markets/VT/print", values)
	a.is(http.StatusSeeOther)
	batch = a.Header.Get("Location")
	ref, err := registry.ParseRef[registry.Batch](strings.TrimPrefix(batch, "/print-batches/"))
	if err != nil {
		m.Fatal(err)
	}
	_, ps, err := m.reg.Batch(m.Context(), m.actor("loan"), ref)
	if err != nil {
		m.Fatal(err)
	}
	serials = map[string]string{}
	for _, p := range ps {
		serials[p.Stall] = p.Serial.String()
	}
	return batch, serials
}

type page struct {
	*http.Response
	t    *testing.T
	what string
	body string
}

// ask sends a request as a person ("": nobody) and reads the answer; a redirect is not followed.
func (m *market) ask(who string, r *http.Request) page {
	m.Helper()
	if who != "" {
		if m.in[who] == "" {
			m.signIn(who)
		}
		r.AddCookie(&http.Cookie{Name: "cho40", Value: m.in[who]})
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		m.Fatal(err)
	}
	defer res.Body.Close()
	for _, k := range res.Cookies() {
		if k.Name == "cho40" && k.Value != "" && who != "" { // the session goes on under it
			m.in[who] = k.Value
		}
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		m.Fatal(err)
	}
	return page{res, m.T, who + " " + r.Method + " " + r.URL.RequestURI(), string(b)}
}

func (m *market) get(who, path string, headers ...string) page {
	m.Helper()
	r, err := http.NewRequestWithContext(m.Context(), http.MethodGet, m.url+path, nil)
	if err != nil {
		m.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return m.ask(who, r)
}

func (m *market) post(who, path string, values url.Values) page {
	m.Helper()
	r, err := http.NewRequestWithContext(m.Context(), http.MethodPost, m.url+path, strings.NewReader(values.Encode()))
	if err != nil {
		m.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return m.ask(who, r)
}

func (m *market) upload(who, path, field, name, content string) page {
	m.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	f, err := w.CreateFormFile(field, name)
	if err == nil {
		_, err = io.WriteString(f, content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		m.Fatal(err)
	}
	r, err := http.NewRequestWithContext(m.Context(), http.MethodPost, m.url+path, &b)
	if err != nil {
		m.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	return m.ask(who, r)
}

func (p page) is(status int) page {
	p.t.Helper()
	if p.StatusCode != status {
		p.t.Errorf("%s: status = %d, want %d\n%s", p.what, p.StatusCode, status, text(p.body))
	}
	return p
}

func (p page) has(fragments ...string) page {
	p.t.Helper()
	for _, f := range fragments {
		if !strings.Contains(p.body, f) {
			p.t.Errorf("%s lacks %q in\n%s", p.what, f, text(p.body))
		}
	}
	return p
}

func (p page) hasNot(fragments ...string) page {
	p.t.Helper()
	for _, f := range fragments {
		if strings.Contains(p.body, f) {
			p.t.Errorf("%s holds %q", p.what, f)
		}
	}
	return p
}

var (
	tags   = regexp.MustCompile(`(?s)<head>.*?</head>|<[^>]*>`)
	blanks = regexp.MustCompile(`\s+`)
)

// text is what a page says, for messages.
func text(body string) string {
	s := blanks.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(body, " ")), " ")
	return s[:min(len(s), 1500)]
}

var (
	opened  = regexp.MustCompile(`<(/?)([a-z0-9]+)[^>]*?(/?)>`)
	own     = regexp.MustCompile(`<script src="/static/[a-z0-9]+/[a-z]+\.js" defer></script>`) // a file of ours, and nothing inside
	alone   = map[string]bool{"meta": true, "link": true, "input": true, "img": true, "br": true, "doctype": true}
	runs    = regexp.MustCompile(`(?i)<script|<style|\sstyle=|\son[a-z]+="|javascript:`)
	filled  = regexp.MustCompile(`<(?:input|select|textarea)\b[^>]*>`)
	unknown = regexp.MustCompile(`%!|<no value>|&lt;nil&gt;|\{\{|\bmap\[`)
)

// sound reports what no page may have: anything that runs, holes left by a template, ids that occur twice, elements left open.
func (p page) sound() page {
	p.t.Helper()
	if hit := runs.FindString(own.ReplaceAllString(p.body, "")); hit != "" {
		p.t.Errorf("%s holds %q", p.what, hit)
	}
	if hit := unknown.FindString(p.body); hit != "" {
		p.t.Errorf("%s holds %q", p.what, hit)
	}
	ids := map[string]bool{}
	for _, id := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(p.body, -1) {
		if ids[id[1]] {
			p.t.Errorf("%s has the id %q twice", p.what, id[1])
		}
		ids[id[1]] = true
	}
	for _, d := range regexp.MustCompile(` (?:aria-(?:labelledby|describedby)|for|form)="([^"]*)"`).FindAllStringSubmatch(p.body, -1) {
		for name := range strings.FieldsSeq(d[1]) {
			if !ids[name] {
				p.t.Errorf("%s points at the id %q, which is not there", p.what, name)
			}
		}
	}
	for _, f := range filled.FindAllStringIndex(p.body, -1) {
		field := p.body[f[0]:f[1]]
		id := regexp.MustCompile(` id="([^"]*)"`).FindStringSubmatch(field)
		switch before := p.body[:f[0]]; {
		case strings.Contains(field, ` type="hidden"`), strings.Contains(field, " aria-label"), strings.LastIndex(before, "<label") > strings.LastIndex(before, "</label>"):
		case id == nil || !strings.Contains(p.body, ` for="`+id[1]+`"`):
			p.t.Errorf("%s has a field without a label: %s", p.what, field)
		}
	}
	var open []string
	for _, e := range opened.FindAllStringSubmatch(p.body, -1) {
		switch {
		case alone[e[2]] || e[3] == "/":
		case e[1] == "":
			open = append(open, e[2])
		case len(open) == 0 || open[len(open)-1] != e[2]:
			p.t.Errorf("%s closes %s inside %v", p.what, e[2], open)
			return p
		default:
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		p.t.Errorf("%s leaves %v open", p.what, open)
	}
	return p
}

func TestPagesForEveryRole(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.approveAll("B-02")
	batch, serials := m.printAll(true)
	if _, err := m.reg.RecordPlacard(t.Context(), m.actor("an"), serials["A-01"],
		registry.NewPlacardEvent{Kind: "installed", HeardName: "LY MINH TAM", Consent: &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}}); err != nil {
		t.Fatal(err)
	}
	im, err := m.reg.PreviewImport(t.Context(), m.actor("thu"), "VT", "so.csv", strings.NewReader(ledgerVT+"A-01;Khu A;Ai Đó;;;;\n"), true)
	if err != nil {
		t.Fatal(err)
	}
	ok, denied, absent := http.StatusOK, http.StatusForbidden, http.StatusNotFound
	for _, tt := range []struct {
		path string
		want map[int][]string // status: who gets it
		says []string         // to those with 200
	}{
		{"/", map[int][]string{ok: {"thu", "loan", "an", "truong", "canbo", "doitac", "soat", "quantri"}}, []string{"Chợ Vị Thanh"}},
		{"/?q=khong+co+dau", map[int][]string{ok: {"thu"}}, []string{"Không có chợ nào"}},
		{"/search", map[int][]string{ok: {"thu", "soat"}, denied: {"doitac", "quantri"}}, []string{"Tìm tiểu thương", "không dấu cũng được"}},
		{"/search?q=ly+minh+tma", map[int][]string{ok: {"thu", "loan", "an", "truong", "canbo"}, denied: {"doitac", "quantri"}}, []string{`href="/markets/VT/stalls/A-01">A-01</a>`, "Chợ Vị Thanh", "07•• •••", "Tên gần giống"}},
		{"/search?q=%3Czz%3E&market=VT", map[int][]string{ok: {"thu"}}, []string{"Không tìm thấy ai với “&lt;zz&gt;”", "Trong Chợ Vị Thanh."}},
		{"/search?q=ly&market=NO", map[int][]string{absent: {"thu"}}, nil},
		{"/markets/VT", map[int][]string{ok: {"thu", "loan", "an", "truong", "canbo", "doitac", "soat", "quantri"}}, []string{"Chợ Vị Thanh"}},
		{"/markets/VT?q=ly+minh&section=Khu+A&stage=installed", map[int][]string{ok: {"thu", "loan"}}, []string{"Tìm thấy 1 quầy", `href="/markets/VT/stalls/A-01">A-01</a>`}},
		{"/markets/VT?status=vacant", map[int][]string{ok: {"thu"}}, []string{"Tìm thấy 1 quầy"}},
		{"/markets/VT?status=suspended&page=99", map[int][]string{ok: {"thu"}}, []string{"Không có quầy nào như vậy"}},
		{"/markets/VT?q=%25_%27&stage=zz&status=zz", map[int][]string{ok: {"thu"}}, nil},
		{"/markets/VT/stalls/A-01", map[int][]string{ok: {"thu", "loan", "an", "truong", "canbo", "soat"}, denied: {"doitac", "quantri"}}, []string{"A-01", "Đã treo bảng", serials["A-01"], "07•• ••• 678"}},
		{"/markets/VT/stalls/A-03", map[int][]string{ok: {"thu", "soat"}}, []string{"Trống", "Chưa có ai bán ở đây"}},
		{"/markets/VT/import", map[int][]string{ok: {"thu", "loan"}, denied: {"an", "truong", "canbo", "doitac", "soat", "quantri"}}, []string{"Lần nhập trước", "so.csv"}},
		{"/imports/" + im.Ref.String(), map[int][]string{ok: {"thu", "loan"}, denied: {"an", "quantri"}}, []string{"Còn 1 dòng lỗi", "Nhập 5 dòng tốt", "trùng với dòng 2"}},
		{"/imports/" + im.Ref.String() + "?show=all", map[int][]string{ok: {"thu"}}, []string{"Thạch Ngọc Lan"}},
		{"/imports/" + im.Ref.String() + "?show=warnings", map[int][]string{ok: {"thu"}}, []string{"Không có dòng nào loại này"}},
		{"/markets/VT/approvals", map[int][]string{ok: {"thu", "loan", "an", "truong", "canbo"}, denied: {"doitac", "soat", "quantri"}}, []string{"1 tài khoản chờ duyệt", "B-02 · Hồ Thúy Hòa", "HO THUY HOA"}},
		{"/markets/VT/print", map[int][]string{ok: {"thu", "loan", "an", "truong"}, denied: {"canbo", "doitac", "soat", "quantri"}}, []string{`value="tag10"`, "Đợt in trước", "3 bảng"}},
		{"/markets/VT/print?stalls=A-01", map[int][]string{ok: {"thu"}}, []string{`value="A-01"`, `value="stalls" checked`}},
		{"/markets/VT/paper", map[int][]string{ok: {"thu", "loan", "an", "truong"}, denied: {"canbo", "doitac", "soat", "quantri"}}, []string{"Giấy và máy in", "Mẫu chung", "Chưa có khổ tem riêng"}},
		{"/markets/VT/old-placards", map[int][]string{ok: {"thu", "loan", "an", "truong", "canbo", "soat"}, denied: {"doitac", "quantri"}}, []string{"Không còn bảng cũ nào ở ngoài"}},
		{batch, map[int][]string{ok: {"thu", "loan", "an", "truong"}, denied: {"canbo", "doitac", "soat", "quantri"}},
			[]string{"3 bảng đã soạn", "/api/v1" + batch + ".pdf", serials["B-02"], "LY MINH TAM", "Người bán chưa có tài khoản nhận tiền", "Quầy đang trống", "1, 2"}},
		{"/v/" + serials["A-01"], map[int][]string{ok: {"", "thu"}}, []string{"Bảng đang dùng", "LY MINH TAM"}},
		{"/sign-in", map[int][]string{ok: {"", "thu"}}, []string{"Mật khẩu"}},
		{"/markets/NO", map[int][]string{absent: {"thu", "quantri"}}, nil},
		{"/markets/VT/stalls/Z-9", map[int][]string{absent: {"thu"}}, nil},
		{"/imports/VT.x", map[int][]string{absent: {"thu"}}, nil},
		{"/webhooks", map[int][]string{ok: {"doitac", "quantri"}, denied: {"thu", "loan", "an", "truong", "canbo", "soat"}}, []string{"Chưa có địa chỉ nào nhận tin"}},
		{"/webhooks/" + im.Ref.ID.String(), map[int][]string{absent: {"doitac", "quantri"}, denied: {"thu"}}, nil},
		{"/print-batches/NO." + im.Ref.ID.String(), map[int][]string{absent: {"thu"}}, nil},
		{"/nowhere", map[int][]string{absent: {"", "thu"}}, nil},
		{"/", map[int][]string{http.StatusSeeOther: {""}}, nil},
	} {
		for status, people := range tt.want {
			for _, who := range people {
				t.Run(tt.path+" "+who, func(t *testing.T) {
					for _, l := range []string{"vi", "en"} {
						p := m.get(who, tt.path, "Accept-Language", l)
						p.t = t
						p.is(status).sound()
						if status == ok && l == "vi" {
							p.has(tt.says...)
						}
						if status != http.StatusSeeOther {
							p.has(`<html lang="` + l + `">`)
						}
						if p.Header.Get("Cache-Control") != "no-store" {
							t.Errorf("Cache-Control = %q", p.Header.Get("Cache-Control"))
						}
					}
				})
			}
		}
	}
	t.Run("only what the reader may do is offered", func(t *testing.T) {
		for _, tt := range []struct {
			who      string
			has, not []string
		}{
			{"thu", []string{"Nhập sổ quầy", "In bảng", "1 bảng chờ treo", "Độ phủ", "Việc mới xảy ra", "Đã treo bảng"}, []string{"/approvals"}},
			{"loan", []string{"Nhập sổ quầy", "In bảng", "Duyệt 1 tài khoản"}, nil},
			{"an", []string{"In bảng"}, []string{"Nhập sổ", "/approvals", "Việc mới xảy ra"}},
			{"canbo", []string{"Duyệt 1 tài khoản"}, []string{"Nhập sổ", "/print"}},
			{"doitac", []string{"1 / 2 khách hàng của đơn vị", "quá ít nên không nêu", "Từ ghi sổ đến kiểm tra"}, []string{"1 / 4 tiểu thương", "A-01", "Nhập sổ", "Mặt bằng", "Việc cần anh chị", "Lý Minh", "Việc mới xảy ra"}},
			{"soat", []string{"L• M••• T••", "A-01"}, []string{"Lý Minh Tâm", "Nhập sổ", "/approvals", "/print"}},
			{"quantri", []string{"chỉ xem được tên chợ"}, []string{"A-01", "%</p>", "Nhập sổ", "Lý Minh"}},
		} {
			p := m.get(tt.who, "/markets/VT")
			p.t = t
			p.is(http.StatusOK).has(tt.has...).hasNot(tt.not...)
		}
	})
}

func TestSignInPage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.post("", "/sign-in", url.Values{"name": {`an"><i>`}, "password": {"not this one"}}).is(http.StatusUnauthorized).sound().
		has("Tên hay mật khẩu chưa đúng", `value="an&#34;&gt;&lt;i&gt;"`, `aria-describedby="password-err"`).hasNot("not this one")
	in := m.post("", "/sign-in", url.Values{"name": {"an"}, "password": {password}}).is(http.StatusSeeOther)
	session := ""
	for _, c := range in.Cookies() {
		if c.Name == "cho40" && c.HttpOnly && c.SameSite == http.SameSiteLaxMode {
			session = c.Value
		}
	}
	m.in["an"] = session
	m.get("an", "/").is(http.StatusOK).has("an · Tình nguyện viên")
	// Whoever had to sign in first goes on to where they wanted, and nowhere else.
	if got := m.get("", "/markets/VT?q=ly").is(http.StatusSeeOther).Header.Get("Location"); got != "/sign-in?back=%2Fmarkets%2FVT%3Fq%3Dly" {
		t.Errorf("not signed in leads to %q", got)
	}
	m.get("", "/sign-in?back=%2Fmarkets%2FVT%3Fq%3Dly").has(`name="back" value="/markets/VT?q=ly"`)
	m.get("", "/sign-in?back=%2F%2Fevil.example").hasNot(`name="back"`)
	for back, want := range map[string]string{"/markets/VT": "/markets/VT", "//evil.example": "/", "https://evil.example": "/"} {
		if got := m.post("", "/sign-in", url.Values{"name": {"an"}, "password": {password}, "back": {back}}).is(http.StatusSeeOther).Header.Get("Location"); got != want {
			t.Errorf("back to %q leads to %q", back, got)
		}
	}
	m.post("an", "/sign-out", nil).is(http.StatusSeeOther)
	if got := m.get("an", "/").is(http.StatusSeeOther).Header.Get("Location"); got != "/sign-in" {
		t.Errorf("after signing out, / leads to %q", got)
	}
	for range auth.FreeFailures {
		m.post("", "/sign-in", url.Values{"name": {"mai"}, "password": {"guess"}})
	}
	p := m.post("", "/sign-in", url.Values{"name": {"mai"}, "password": {password}}).is(http.StatusTooManyRequests).has(`id="password-err"`, `value="mai"`)
	if n, err := strconv.Atoi(p.Header.Get("Retry-After")); err != nil || n < 1 {
		t.Errorf("Retry-After = %q", p.Header.Get("Retry-After"))
	}
	m.post("", "/sign-in", url.Values{"name": {"\x00\xff"}, "password": {"x"}}).is(http.StatusUnprocessableEntity)
}

func TestWelcome(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	token, err := m.auth.NewLink(t.Context(), registry.Console(), "an")
	if err != nil {
		t.Fatal(err)
	}
	link := "/welcome/" + token
	m.get("", link).is(http.StatusOK).sound().has("Chào anh chị, an", "Tình nguyện viên VT", `minlength="12"`)
	m.post("", link, url.Values{"password": {"muoi hai cau tho dai"}, "again": {"khac"}}).is(http.StatusUnprocessableEntity).sound().
		has(`id="again-err"`, "Hai lần gõ khác nhau").hasNot("muoi hai")
	m.post("", link, url.Values{"password": {"ngan"}, "again": {"ngan"}}).is(http.StatusUnprocessableEntity).sound().has(`id="password-err"`)
	in := m.post("", link, url.Values{"password": {"muoi hai cau tho dai"}, "again": {"muoi hai cau tho dai"}}).is(http.StatusSeeOther)
	if len(in.Cookies()) == 0 || in.Header.Get("Location") != "/" {
		t.Errorf("a new password leads to %q with the cookies %v", in.Header.Get("Location"), in.Cookies())
	}
	m.get("", link).is(http.StatusGone).sound()
	m.get("", "/welcome/zzz").is(http.StatusGone)
}

func TestImportPages(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.upload("thu", "/markets/VT/import", "other", "so.csv", "x").is(http.StatusUnprocessableEntity).sound().has(`id="file-err"`, `aria-invalid="true"`)
	m.upload("thu", "/markets/VT/import", "file", "so.xlsx", "no workbook").is(http.StatusUnsupportedMediaType).sound().has(`id="file-err"`)
	m.upload("an", "/markets/VT/import", "file", "so.csv", ledgerVT).is(http.StatusForbidden)
	more := "Mã quầy;Khu;Tên tiểu thương;Mặt hàng;ĐT;Viettel Money\n" +
		"D-01;Khu D;Danh Kim Út;Cá;0712345690;0712345690\nD-02;Khu D;Sơn Thị Lẹ;Cá;07123;\nD-03;Khu D;Kim Văn Sáu;Cá;712345692;\n"
	at := m.upload("thu", "/markets/VT/import", "file", "so-moi.csv", more).is(http.StatusSeeOther).Header.Get("Location")
	m.get("thu", at).is(http.StatusOK).sound().has("Còn 1 dòng lỗi", `value="vi-1" required>`, "Nhập 2 dòng tốt", "D-02", "07123", "cô chú").hasNot("checked>", "Danh Kim Út")
	m.get("thu", at+"?show=warnings").is(http.StatusOK).has("D-03", "0712345692")
	m.post("thu", at+"/commit", nil).is(http.StatusUnprocessableEntity).sound().has(`id="attested-err"`, `aria-describedby="attested-err"`)
	m.post("an", at+"/commit", url.Values{"attested": {"vi-1"}}).is(http.StatusForbidden)
	done := m.post("thu", at+"/commit", url.Values{"attested": {"vi-1"}}).is(http.StatusSeeOther)
	said := ""
	for _, c := range done.Cookies() {
		if c.Name == flashCookie {
			said = c.Value
		}
	}
	m.get("thu", at, "Cookie", flashCookie+"="+said).is(http.StatusOK).sound().
		has("Đã nhập 2 dòng", "Dòng chưa nhập", "07123", "Hoàn tác lần nhập", `role="status"><span>2 dòng đã vào sổ.`)
	m.post("thu", at+"/commit", url.Values{"attested": {"vi-1"}}).is(http.StatusConflict).sound().has(`role="alert"`)
	m.post("thu", at+"/discard", nil).is(http.StatusSeeOther)
	m.get("thu", at).is(http.StatusOK).sound().has("Lần nhập này đã hoàn tác")
	m.get("thu", "/markets/VT").has("5 quầy")

	preview := m.upload("thu", "/markets/VT/import", "file", "so.csv", more).Header.Get("Location")
	m.post("thu", preview+"/discard", nil).is(http.StatusSeeOther)
	m.get("thu", preview).is(http.StatusNotFound)
	m.approveAll()
	built := regexp.MustCompile(`/imports/[^"]*`).FindAllString(m.get("thu", "/markets/VT/import").body, -1)
	m.post("thu", built[len(built)-1]+"/discard", nil).is(http.StatusConflict).sound().has(`role="alert"`)
}

// A sentence that somebody planted in the cookie is not said.
func TestFlashSaysOnlyOurOwn(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.get("", "/sign-in", "Cookie", flashCookie+"=eyJmb3JtYXQiOiJQYXkgMDkwMCJ9").is(http.StatusOK).hasNot("Pay 0900", `role="status"`)
	m.get("", "/sign-in", "Cookie", flashCookie+"=%%%").is(http.StatusOK).hasNot(`role="status"`)
}

func TestApprovals(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	const at = "/markets/VT/approvals"
	m.load("mai", "Mã quầy;Khu;Tên tiểu thương;Viettel Money\nC-01;Khu C;Kim Văn Sáu;0712345693\n")
	p := m.get("mai", at).is(http.StatusOK).sound().has("4 tài khoản chờ duyệt", "Anh chị đã nhập tài khoản này, nên người khác phải duyệt.", "thu · ")
	if n := strings.Count(p.body, `name="account"`); n != 3 {
		t.Errorf("mai may tick %d, want 3: her own has no box", n)
	}
	m.get("thu", at).has("Anh chị là người nhập").hasNot(`name="account"`, `name="decision"`)
	p = m.get("loan", at).hasNot(" checked")
	var values []string
	for _, v := range regexp.MustCompile(`name="account" value="([^"]*)"`).FindAllStringSubmatch(p.body, -1) {
		values = append(values, html.UnescapeString(v[1]))
	}
	m.post("loan", at, url.Values{"decision": {"approve"}}).is(http.StatusUnprocessableEntity).sound().has("Chọn tài khoản trước")
	m.post("loan", at, url.Values{"decision": {"reject"}, "account": values[:1], "reason": {"  "}}).is(http.StatusUnprocessableEntity).sound().
		has(`id="reason-err"`, `&#34;" checked>`)
	m.post("thu", at, url.Values{"decision": {"approve"}, "account": values[:1]}).is(http.StatusForbidden).sound()
	m.post("loan", at, url.Values{"decision": {"approve"}, "account": {"nonsense"}}).is(http.StatusNotFound)
	stale := strings.Replace(values[0], `.0"`, `.7"`, 1)
	m.post("loan", at, url.Values{"decision": {"approve"}, "account": {stale, values[1]}}).is(http.StatusOK).sound().
		has("Đã ghi 1 tài khoản.", "1 dòng chưa được", "Có người vừa làm trước", "3 tài khoản chờ duyệt")
	m.post("loan", at, url.Values{"decision": {"approve"}, "account": {stale}}).is(http.StatusPreconditionFailed).sound()
	m.post("mai", at, url.Values{"decision": {"approve"}, "account": {values[3]}}).is(http.StatusForbidden).sound().has("Anh chị đã nhập tài khoản này")
	m.post("loan", at, url.Values{"decision": {"reject"}, "account": {values[2]}, "reason": {"sai số"}}).is(http.StatusSeeOther)
	m.get("loan", "/markets/VT/stalls/B-02").has("Trả lại tài khoản", "Lý do: sai số")
	m.post("loan", at, url.Values{"decision": {"approve"}, "all": {"1"}, "shown": {values[0], values[3]}}).is(http.StatusSeeOther)
	m.get("loan", at).is(http.StatusOK).sound().has("Chưa ai cần anh chị duyệt")

	t.Run("a change", func(t *testing.T) {
		if _, err := m.reg.Propose(t.Context(), m.actor("an"), "VT", "A-01",
			registry.NewAccount{Provider: "viettel_money", Number: "0987654321", Holder: "LY MINH TAM"}); err != nil {
			t.Fatal(err)
		}
		p := m.get("loan", at).is(http.StatusOK).sound().has("Đổi tài khoản", "07•• ••• 678", "09•• ••• 321").hasNot("0987654321", "654321")
		value := html.UnescapeString(regexp.MustCompile(`name="account" value="([^"]*)"`).FindStringSubmatch(p.body)[1])
		change := url.Values{"account": {value}, "change": {"1"}, "decision": {"approve"}, "last_digits": {"111111"}}
		m.post("truong", at, change).is(http.StatusForbidden) // a leader approves first accounts only
		m.post("loan", at, change).is(http.StatusUnprocessableEntity).sound().has(`name="last_digits"`, `value="111111"`, `aria-invalid="true"`, "6 số cuối")
		m.post("loan", at, url.Values{"account": {value}, "change": {"1"}, "decision": {"reject"}}).is(http.StatusUnprocessableEntity).sound().has("Ghi vài chữ lý do")
		change.Set("last_digits", " 654321 ")
		m.post("loan", at, change).is(http.StatusSeeOther)
		m.get("loan", "/markets/VT/stalls/A-01").has("09•• ••• 321", "Đã thay")
	})
}

func TestPrintPages(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.approveAll("B-02")
	const at = "/markets/VT/print"
	m.get("loan", at).has("In 2 bảng", "Khu A · 1", "(1)").hasNot(`name="provisional" value="1" checked`)
	for _, tt := range []struct {
		name   string
		values url.Values
		status int
		has    []string
	}{
		{"no stall written", url.Values{"who": {"stalls"}, "sheet": {"a5x2"}, "skip": {"ba"}}, 422, []string{`id="stalls-err"`, `id="skip-err"`, `value="a5x2" checked`, `value="ba"`}},
		{"no section chosen", url.Values{"who": {"section"}, "sheet": {"a6x4"}, "skip": {"0"}}, 422, []string{`id="section-err"`, `value="section" checked`}},
		{"nobody chosen", url.Values{"sheet": {"a6x4"}}, 422, []string{`id="who-err"`}},
		{"more cells than there are", url.Values{"who": {"all"}, "sheet": {"a6x4"}, "skip": {"4"}, "provisional": {"1"}}, 422, []string{`id="skip-err"`, `name="provisional" value="1" checked`}},
		{"unknown sheet", url.Values{"who": {"all"}, "sheet": {"a3"}}, 422, []string{`id="sheet-err"`}},
		{"unknown wallet", url.Values{"who": {"all"}, "sheet": {"a6x4"}, "provider": {"nobank"}}, 422, []string{`id="provider-err"`}},
		{"nothing there", url.Values{"who": {"stalls"}, "stalls": {"A-02, A-03 <b>"}, "sheet": {"a6x4"}}, 409, []string{`role="alert"`, "Quầy đang trống", `value="A-02, A-03 &lt;b&gt;"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := m.post("loan", at, tt.values)
			p.t = t
			p.is(tt.status).sound().has(tt.has...)
		})
	}
	m.post("canbo", at, url.Values{"who": {"all"}, "sheet": {"a6x4"}}).is(http.StatusForbidden)
	batch, serials := m.printAll(false)
	m.get("loan", batch).is(http.StatusOK).has("2 bảng đã soạn", "Tải PDF, 1 tờ", "Tài khoản còn chờ duyệt", serials["B-01"])
	if got := m.get("loan", "/api/v1"+batch+".pdf").is(http.StatusOK).Header.Get("Content-Type"); got != "application/pdf" {
		t.Errorf("the sheets are %q", got)
	}
	m.get("loan", at).has("Mọi tài khoản đã duyệt đều có bảng", "2 bảng")
}

func TestCheckPage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.approveAll("B-02")
	_, serials := m.printAll(true)
	used := m.get("", "/v/"+serials["A-01"]).is(http.StatusOK).sound().
		has("Bảng đang dùng", "LY MINH TAM", "Chợ Vị Thanh", "A-01", "Viettel Money", "5678", serials["A-01"], "0293 000 0040").
		hasNot("Lý Minh Tâm", "0712345678", "07••", "Đừng chuyển tiền</h1>")
	if got := used.Header.Get("X-Robots-Tag"); got != "noindex" {
		t.Errorf("X-Robots-Tag = %q", got)
	}
	m.get("", "/v/"+strings.ToLower(strings.ReplaceAll(serials["A-01"], "-", " "))).is(http.StatusOK).has("LY MINH TAM")
	m.get("", "/v/"+serials["B-02"]).is(http.StatusOK).has("Bảng tạm", "HO THUY HOA")
	if _, err := m.reg.RecordPlacard(t.Context(), m.actor("an"), serials["A-01"], registry.NewPlacardEvent{Kind: "suspended", Reason: "mã lạ"}); err != nil {
		t.Fatal(err)
	}
	m.get("", "/v/"+serials["A-01"]).is(http.StatusOK).sound().has("Đừng chuyển tiền.</h1>", "tạm ngưng", "A-01").hasNot("LY MINH TAM", "5678", "Viettel", "mã lạ")
	if _, err := m.reg.RecordPlacard(t.Context(), m.actor("an"), serials["B-01"], registry.NewPlacardEvent{Kind: "lost"}); err != nil {
		t.Fatal(err)
	}
	m.get("", "/v/"+serials["B-01"]).is(http.StatusOK).has("Đừng chuyển tiền.</h1>", "không còn dùng").hasNot("THACH NGOC LAN")

	unknown := m.get("", "/v/"+registry.NewSerial().String()).is(http.StatusNotFound).sound().has("Đừng chuyển tiền.</h1>")
	for _, malformed := range []string{"x", "AAAA-AAAA-AAA", "%3Cscript%3E", "%2e%2e%2fetc", strings.Repeat("A", 3000), "%e1%ba%aa"} {
		if got := m.get("", "/v/"+malformed).is(http.StatusNotFound); got.body != unknown.body {
			t.Errorf("%.20q looks unlike a number that nobody has:\n%s", malformed, text(got.body))
		}
	}
	if got := m.get("", "/v?serial="+url.QueryEscape(strings.ToLower(serials["B-02"]))).is(http.StatusSeeOther).Header.Get("Location"); got != "/v/"+serials["B-02"] {
		t.Errorf("a typed number leads to %q", got)
	}
	if got := m.get("", "/v?serial=").is(http.StatusSeeOther).Header.Get("Location"); got != "/v/-" {
		t.Errorf("no number leads to %q", got)
	}
	m.clock.pass(registry.ProposalLives)
	m.get("", "/v/"+serials["B-02"]).is(http.StatusOK).has("Đừng chuyển tiền.</h1>").hasNot("HO THUY HOA")
}

// A placard's own page tells its whole life; anybody in scope stops it there, a manager puts it back.
func TestPlacardPage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.approveAll()
	_, serials := m.printAll(false)
	at := "/placards/" + serials["A-01"]
	m.get("thu", "/markets/VT/stalls/A-01").has(`href="` + at + `"`)
	if _, err := m.reg.RecordPlacard(t.Context(), m.actor("an"), serials["A-01"], registry.NewPlacardEvent{Kind: "installed", HeardName: "LY MINH TAN",
		Consent: &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}}); fault.CodeOf(err) != "name-differs" {
		t.Fatal(err)
	}
	m.get("an", at).is(http.StatusOK).sound().has("Đã dựng trang in", "Nghe thấy tên khác", "Ứng dụng ngân hàng hiện tên: LY MINH TAN", "LY MINH TAM", "5678", `value="suspended"`, `/v/`+serials["A-01"], `.png`).
		hasNot("0712345678", `value="resumed"`)
	m.get("soat", at).is(http.StatusOK).hasNot("LY MINH TAM", "LY MINH TAN", "Lý Minh Tâm", `value="suspended"`, "/print-batches/", ".png")
	m.get("doitac", at).is(http.StatusForbidden)
	m.get("", at).is(http.StatusSeeOther)
	m.get("thu", "/placards/"+registry.NewSerial().String()).is(http.StatusNotFound)

	m.post("an", at, url.Values{"kind": {"suspended"}, "reason": {"mã lạ <b>"}}).is(http.StatusSeeOther)
	m.get("", "/v/"+serials["A-01"]).has("Đừng chuyển tiền.</h1>")
	m.get("an", at).sound().has("Tạm ngưng bảng", "mã lạ &lt;b&gt;").hasNot(`value="suspended"`, `value="resumed"`, ".png")
	m.post("an", at, url.Values{"kind": {"resumed"}, "reason": {"đã xem"}}).is(http.StatusForbidden)
	m.post("loan", at, url.Values{"kind": {"resumed"}}).is(http.StatusUnprocessableEntity).sound().has(`role="alert"`, `value="resumed"`, `aria-invalid="true"`)
	m.post("loan", at, url.Values{"kind": {"resumed"}, "reason": {"đã xem"}}).is(http.StatusSeeOther)
	m.get("", "/v/"+serials["A-01"]).hasNot("Đừng chuyển tiền.</h1>")
	m.post("loan", at, url.Values{"kind": {"removed"}}).is(http.StatusUnprocessableEntity)
	m.post("loan", at, url.Values{"kind": {"suspended"}, "reason": {strings.Repeat("dài ", 300)}}).is(http.StatusUnprocessableEntity).has(`aria-invalid="true"`)
}

// A sample says so before anything else: nobody may pay an invented account.
func TestCheckPageOfASample(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	console := registry.Console()
	if _, err := m.reg.AddMarket(t.Context(), console, registry.NewMarket{Code: "DEMO", Name: "Chợ Mẫu", Demo: true, Call: "0293 000 0040"}); err != nil {
		t.Fatal(err)
	}
	m.person("lan", "manager", "market:DEMO")
	if _, err := m.reg.Register(t.Context(), console, "DEMO", registry.NewStall{Code: "M-1", Vendor: &registry.NewVendor{Name: "Bịa Ra"},
		Accounts: []registry.NewAccount{{Provider: "viettel_money", Number: "0712345678"}}, Consent: &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}}); err != nil {
		t.Fatal(err)
	}
	waiting, err := m.reg.Pending(t.Context(), m.actor("lan"), "DEMO")
	if err != nil || len(waiting) != 1 {
		t.Fatal(waiting, err)
	}
	if _, err := m.reg.Decide(t.Context(), m.actor("lan"), registry.Decision{Account: waiting[0].ID, ETag: waiting[0].ETag(), Decision: "approve"}); err != nil {
		t.Fatal(err)
	}
	m.post("lan", "/markets/DEMO/print", url.Values{"who": {"all"}, "sheet": {"a6x4"}}).is(http.StatusSeeOther)
	serial := regexp.MustCompile(`/placards/([0-9A-Z-]{13})`).FindStringSubmatch(m.get("lan", "/markets/DEMO/stalls/M-1").has("Mẫu").body)
	if serial == nil {
		t.Fatal("the stall's page leads to no placard")
	}
	m.get("", "/v/"+serial[1]).is(http.StatusOK).sound().has("Đừng chuyển tiền.</h1>", "bảng mẫu", "Dữ liệu ví dụ").hasNot("BIA RA", "Viettel Money", "tel:")
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	names := []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</title></textarea><svg/onload=alert(1)>`, `' autofocus onfocus='alert(1)`,
		`{{.Person}}`, `%s%d%!`, strings.Repeat("W", 120), `javascript:alert(1)`, `&lt;b&gt;`}
	for i, name := range names {
		if _, err := m.reg.Register(t.Context(), m.actor("thu"), "VT", registry.NewStall{Code: `H<'"` + strconv.Itoa(i) + `/?#`, Section: `<b>"` + strconv.Itoa(i), Goods: `<i>'`,
			Vendor: &registry.NewVendor{Name: name}, Accounts: []registry.NewAccount{{Provider: "viettel_money", Number: "07123456" + strconv.Itoa(20+i), Holder: "LY MINH TAM"}},
			Consent: &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}}); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
	}
	im, err := m.reg.PreviewImport(t.Context(), m.actor("thu"), "VT", `<b>"so.csv`, strings.NewReader("Mã quầy;Khu;Tên tiểu thương;ĐT\nX-1;<u>;<script>alert(3)</script>;<img>\n"), true)
	if err != nil {
		t.Fatal(err)
	}
	check := func(p page) {
		p.is(http.StatusOK)
		for _, raw := range []string{"<script>", "<img>", "<img s", "<img/", "<svg/", "<b>\"", "<i>'", "<u>", " onfocus='"} {
			p.hasNot(raw)
		}
		if hit := regexp.MustCompile(`(?:href|src|action)="(?:javascript|data):`).FindString(p.body); hit != "" {
			t.Errorf("%s holds %s", p.what, hit)
		}
	}
	plan := m.get("loan", "/markets/VT")
	check(plan)
	plan.has("&lt;script&gt;alert(1)&lt;/script&gt;", "{{.Person}}", "%s%d%!")
	for _, path := range []string{"/markets/VT/approvals", "/markets/VT/print", "/markets/VT/paper?printer=%22%3E%3Cimg%3E", "/markets/VT/old-placards", "/markets/VT/import", "/imports/" + im.Ref.String(), "/markets/VT?q=%22%3E%3Cimg%3E", "/?q=%3Cscript%3E"} {
		check(m.get("loan", path))
	}
	links := regexp.MustCompile(`href="(/markets/VT/stalls/H[^"]*)"`).FindAllStringSubmatch(plan.body, -1)
	if len(links) < len(names) {
		t.Fatalf("%d links to %d stalls", len(links), len(names))
	}
	for _, l := range links[:len(names)] {
		check(m.get("loan", html.UnescapeString(l[1])).has("H&lt;&#39;&#34;"))
	}
}

func TestStaticFiles(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	for _, name := range []string{"app.css", "tokens.css", "tiles.svg", "icons.svg", "favicon.svg", "fonts/be-vietnam-pro-400.woff2"} {
		p := m.get("", staticPath(name), "Accept-Encoding", "identity").is(http.StatusOK)
		if got := p.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control = %q", name, got)
		}
		if got := p.Header.Get("Content-Type"); got != mediaOf[name[strings.LastIndex(name, "."):]] || p.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: Content-Type = %q", name, got)
		}
		m.get("", staticPath(name), "Accept-Encoding", "identity", "If-None-Match", p.Header.Get("ETag")).is(http.StatusNotModified)
		if got := m.get("", "/static/"+name).is(http.StatusOK).Header.Get("Cache-Control"); got != "public, max-age=3600" {
			t.Errorf("%s without its version: Cache-Control = %q", name, got)
		}
		z := m.get("", staticPath(name), "Accept-Encoding", "br, gzip;q=0.8")
		if strings.HasSuffix(name, ".woff2") {
			if z.Header.Get("Content-Encoding") != "" {
				t.Errorf("%s is packed twice", name)
			}
			continue
		}
		if z.Header.Get("Content-Encoding") != "gzip" || z.Header.Get("ETag") == p.Header.Get("ETag") || unpacked(t, z.body) != p.body {
			t.Errorf("%s is not the same when packed", name)
		}
		if got := m.get("", staticPath(name), "Accept-Encoding", "gzip;q=0").Header.Get("Content-Encoding"); got != "" {
			t.Errorf("%s comes as %q to who does not take it", name, got)
		}
	}
	for _, path := range []string{"/static/", "/static/fonts/", "/static/fonts/make.py", "/static/VENDORED.md", "/static/../server.go", "/static/%2e%2e/server.go",
		"/static/" + assetsVersion + "/../../lang/vi.json", "/static/00000000/app.css", "/static//etc/passwd", "/static/app.css/"} {
		m.get("", path).is(http.StatusNotFound)
	}
}

func unpacked(t *testing.T, body string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The first page a person sees comes with everything it needs, fonts too, in at most 60 KB.
func TestFirstPageIsSmall(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	for _, first := range []string{"/sign-in", "/markets/VT"} {
		p := m.get("loan", first, "Accept-Encoding", "gzip").is(http.StatusOK)
		size := len(p.body)
		body := unpacked(t, p.body)
		wanted := map[string]bool{}
		for _, ref := range regexp.MustCompile(`"(/static/[^"#]*)`).FindAllStringSubmatch(body, -1) {
			wanted[ref[1]] = true
		}
		for _, css := range []string{"tokens.css", "app.css"} {
			for _, ref := range regexp.MustCompile(`url\("([^"]*)"\)`).FindAllStringSubmatch(string(assets[css].plain), -1) {
				wanted[staticPath(ref[1])] = true
			}
		}
		for path := range wanted {
			size += len(m.get("", path, "Accept-Encoding", "gzip").is(http.StatusOK).body)
		}
		t.Logf("%s: %d bytes in %d files", first, size, len(wanted)+1)
		if size > 60<<10 {
			t.Errorf("%s weighs %d bytes, want at most %d", first, size, 60<<10)
		}
	}
}

func TestLanguageSwitch(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	for _, tt := range []struct{ back, want string }{
		{"/markets/VT?q=ly", "/markets/VT?q=ly"}, {"", "/"}, {"https://evil.example/", "/"}, {"//evil.example", "/"}, {`/\evil.example`, "/"}, {"evil", "/"},
		{"/\t/evil.example", "/"}, {"/\n/evil.example", "/"}, {"///evil.example", "/"}, {"javascript:alert(1)", "/"}, {"/ok/../x", "/ok/../x"}, {"/\u3000/evil.example", "/"},
	} {
		p := m.get("", "/language/en?back="+url.QueryEscape(tt.back)).is(http.StatusSeeOther)
		if got := p.Header.Get("Location"); got != tt.want {
			t.Errorf("back %q leads to %q, want %q", tt.back, got, tt.want)
		}
		if c := p.Cookies(); len(c) != 1 || c[0].Name != "lang" || c[0].Value != "en" {
			t.Errorf("cookies = %v", c)
		}
	}
	m.get("", "/sign-in", "Cookie", "lang=en", "Accept-Language", "vi").has(`<html lang="en">`, "Sign in", `href="/language/vi?back=%2fsign-in"`)
	m.get("loan", "/markets/VT?q=ly&section=Khu+A").has(`href="/language/en?back=%2fmarkets%2fVT%3fq%3dly%26section%3dKhu%2bA"`)
}

// Another site cannot make a browser post a form.
func TestFormsOfOtherSites(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	for _, path := range []string{"/sign-out", "/markets/VT/approvals", "/markets/VT/print", "/markets/VT/import"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.url+path, strings.NewReader("who=all"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		m.ask("loan", r).is(http.StatusForbidden).sound()
	}
	m.get("loan", "/markets/VT").is(http.StatusOK)
}

// TestEverySentenceOfThePagesIsSaidInVietnamese looks at templates, at the pages' Go files and at the word lists.
func TestEverySentenceOfThePagesIsSaidInVietnamese(t *testing.T) {
	t.Parallel()
	said := map[string]string{}
	calls := regexp.MustCompile(`\b(?:t|vi) "((?:[^"\\]|\\.)*)"|\bmany [^"]*"((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"`)
	actions := regexp.MustCompile(`\{\{[^}]*\}\}`)
	names, err := fs.Glob(templatesFS, "templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := templatesFS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, action := range actions.FindAllString(string(b), -1) {
			for _, call := range calls.FindAllStringSubmatch(action, -1) {
				for _, s := range call[1:] {
					if s != "" {
						said[unquoted(t, s)] = name
					}
				}
			}
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	at := map[string][]int{"T": {0}, "say": {2, 3}, "sayNext": {1}}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			fun := ""
			switch f := call.Fun.(type) {
			case *ast.Ident:
				fun = f.Name
			case *ast.SelectorExpr:
				fun = f.Sel.Name
			}
			for _, i := range at[fun] {
				if i < len(call.Args) {
					if lit, ok := call.Args[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
						s, err := strconv.Unquote(lit.Value)
						if err != nil {
							t.Fatal(err)
						}
						said[s] = name
					}
				}
			}
			return true
		})
	}
	for _, list := range []map[string]string{stateWords, sourceWords, placardWords, markWords, missingWords, importWords, fateWords, checkWords} {
		for code, s := range list {
			said[s] = "words.go " + code
		}
	}
	for k, s := range stageWords {
		said[s] = "words.go " + k.String()
	}
	for k, s := range roleWords {
		said[s] = "words.go " + string(k)
	}
	for k, s := range accountWords {
		said[s], said[string(k)] = "words.go "+string(k), "a fault's value"
	}
	for k, s := range happened {
		said[s.words] = "words.go " + k
	}
	for k, s := range sheetWords {
		said[s[0]], said[s[1]] = "words.go "+k, "words.go "+k
	}
	for k, s := range foundWords {
		said[s] = "search.go " + string(k)
	}
	for k, s := range errorTitles {
		said[s] = "pages.go " + strconv.Itoa(k)
	}
	if len(said) < 350 {
		t.Errorf("only %d sentences were found", len(said))
	}
	for s, where := range said {
		if _, ok := lang.Vietnamese()[s]; !ok {
			t.Errorf("web/lang/vi.json lacks %q (%s)", s, where)
		}
	}
}

func unquoted(t *testing.T, s string) string {
	t.Helper()
	u, err := strconv.Unquote(`"` + s + `"`)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Every code that the record may give has its words.
func TestEveryCodeHasWords(t *testing.T) {
	t.Parallel()
	for i := range registry.StageNames {
		if stageWords[registry.Stage(i)] == "" {
			t.Errorf("stage %d has no word", i)
		}
	}
	for _, state := range []string{"issued", "printed", "handed_over", "installed", "suspended", "replaced", "lost", "void"} {
		if placardWords[state] == "" {
			t.Errorf("placard state %s has no words", state)
		}
	}
	for _, kind := range []string{"registered", "consent", "proposed", "approved", "rejected", "withdrawn", "expired", "superseded", "issued", "handed_over",
		"installed", "checked", "suspended", "resumed", "removed", "lost", "replaced"} {
		if happened[kind].words == "" || happened[kind].tile == "" {
			t.Errorf("%s has no words or no tile", kind)
		}
	}
}
