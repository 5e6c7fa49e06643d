package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	"cho40/web"

	"github.com/labstack/echo/v4"
)

// TestHeadersOnEveryAnswer asks for each sort of answer once. That each has the headers is looked at wherever these tests ask for
// anything: see check.
func TestHeadersOnEveryAnswer(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.h.(*echo.Echo).GET("/falls", func(echo.Context) error { panic("the ceiling fell down") })
	s.h.(*echo.Echo).GET("/begins", func(c echo.Context) error {
		if err := c.String(http.StatusOK, "half"); err != nil {
			return err
		}
		panic("the ceiling fell down")
	})
	s.walk(t, []step{
		{name: "page", as: "clerk", do: "GET /markets/NEAR", status: 200},
		{name: "page for nobody", do: "GET /sign-in", status: 200},
		{name: "redirect to the sign-in", do: "GET /markets/NEAR", status: 303},
		{name: "redirect of a form", as: "clerk", do: "GET /language/en?back=%2F", status: 303},
		{name: "style", do: "GET /static/app.css", status: 200},
		{name: "a picture of ours", do: "GET /static/mark.svg", status: 200},
		{name: "no such file", do: "GET /static/app.exe", status: 404},
		{name: "no such page", do: "GET /nothing", status: 404},
		{name: "wrong method", do: "DELETE /sign-in", status: 405},
		{name: "options", do: "OPTIONS /sign-in", status: 204},
		{name: "a method that nobody knows", do: "BREW /api/v1/markets", status: 405},
		{name: "JSON", as: "clerk", do: "GET /api/v1/markets", status: 200},
		{name: "no body", as: "clerk leaving", do: "DELETE /api/v1/session", status: 204},
		{name: "not signed in", do: "GET /api/v1/markets", status: 401},
		{name: "not allowed", as: "auditor", do: "GET /api/v1/markets/NEAR/printers", status: 403},
		{name: "PDF", as: "clerk", do: "GET /api/v1/print-batches/$batch.pdf", status: 200},
		{name: "ZIP", as: "clerk", do: "GET /api/v1/print-batches/$batch.zip", status: 200},
		{name: "PNG", as: "clerk", do: "GET /api/v1/placards/$printed.png", status: 200},
		{name: "SVG", as: "clerk", do: "GET /api/v1/accounts/$approved/qr.svg", status: 200},
		{name: "text", as: "clerk", do: "GET /api/v1/accounts/$approved/qr.txt", status: 200},
		{name: "the check page", do: "GET /v/$printed", status: 200},
		{name: "the document", do: "GET /openapi.json", status: 200},
		{name: "alive", do: "GET /healthz", status: 200},
		{name: "a panic", do: "GET /falls", status: 500, want: []string{"!ceiling", "!goroutine"}},
		{name: "a panic behind the first bytes", do: "GET /begins", status: 200, want: []string{"!ceiling", "!goroutine"}},
		{name: "an address too long", do: "GET /v?serial=" + strings.Repeat("x", 8<<10), status: 414},
	})
}

// TestHead: HEAD is GET without the body, as whoever looks at headers expects.
func TestHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewServer(w.h)
	defer server.Close()
	for path, status := range map[string]int{"/healthz": 200, "/sign-in": 200, "/static/app.css": 200, "/nothing": 404, "/api/v1/markets": 401} {
		res, err := http.Head(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != status || res.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("HEAD %s: %d, %v", path, res.StatusCode, res.Header)
		}
	}
}

// TestCrossSite sends each request that changes something as another site's page would make a browser send it. It is refused
// before anybody asks who signed it.
func TestCrossSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refused, passed := 0, 0
	for _, r := range w.h.(*echo.Echo).Routes() {
		if r.Method == http.MethodGet || !strings.HasPrefix(r.Path, "/") {
			continue
		}
		for _, tt := range []struct {
			name   string
			header []string
			tls    bool
			pass   bool
		}{
			{name: "another site", header: []string{"Sec-Fetch-Site", "cross-site"}},
			{name: "another port or name of this site", header: []string{"Sec-Fetch-Site", "same-site"}},
			{name: "another site under our own Origin", header: []string{"Sec-Fetch-Site", "cross-site", "Origin", "http://example.com"}},
			{name: "an old browser on another site", header: []string{"Origin", "https://evil.example"}},
			{name: "our name on another port", header: []string{"Origin", "http://example.com:8080"}},
			{name: "our name with a tail", header: []string{"Origin", "http://example.com.evil.example"}},
			{name: "a sandboxed frame", header: []string{"Origin", "null"}},
			{name: "our name in the clear, where anybody on the way writes", header: []string{"Origin", "http://example.com"}, tls: true},
			{name: "our own page", header: []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://example.com"}, pass: true},
			{name: "our own page over HTTPS", header: []string{"Sec-Fetch-Site", "same-origin", "Origin", "https://example.com"}, tls: true, pass: true},
			{name: "a program", pass: true},
		} {
			if r.Path == "/sign-in" || r.Path == "/api/v1/session" || strings.HasPrefix(r.Path, "/welcome/") {
				w.clock.pass(2 * time.Minute) // these count strangers
			}
			target := "http://example.com" + strings.NewReplacer(":", "x").Replace(r.Path)
			if tt.tls {
				target = "https" + strings.TrimPrefix(target, "http")
			}
			rec := sent{"198.51.100.1", r.Method + " " + target, tt.header}.to(w.h)
			if crossed := rec.Code == http.StatusForbidden; crossed == tt.pass {
				t.Errorf("%s: %s %s is answered %d", tt.name, r.Method, r.Path, rec.Code)
			} else if crossed {
				refused++
			} else {
				passed++
			}
			for name := range rec.Header() {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s %s answers with %s", r.Method, r.Path, name)
				}
			}
		}
	}
	if refused < 100 || passed < 30 {
		t.Errorf("only %d requests were refused and %d let through", refused, passed)
	}
}

// TestOnlyJSON: a route that takes JSON takes nothing that a form of another site could send without being asked.
func TestOnlyJSON(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.prepareAll(t)
	tried := 0
	for _, tr := range tries {
		body, isJSON := tr.body.(string)
		if !isJSON {
			continue
		}
		method, _, _ := strings.Cut(tr.route, " ")
		as := roles[strings.Index(matrix[tr.row], "+")]
		for _, media := range []string{"text/plain", "text/plain; charset=application/json", "application/x-www-form-urlencoded", "application/jsonp", "text/json", ""} {
			s.take(t, step{as: as, do: method + " " + tr.path, body: raw{media, body}, header: tr.header, status: 415})
			tried++
		}
	}
	if tried < 50 {
		t.Errorf("only %d requests", tried)
	}
}

// TestGetChangesNothing asks for everything that can be asked for and compares the whole database, but for when sessions were seen.
func TestGetChangesNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.prepareAll(t)
	s.as("manager")
	digest := func() map[string]string {
		tables, err := postgres.All[string](t.Context(), s.db, `SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'sessions'`, nil)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for _, table := range tables {
			d, err := postgres.One[string](t.Context(), s.db, `SELECT count(*) || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM `+table+` t`, nil)
			if err != nil {
				t.Fatal(err)
			}
			all[table] = d
		}
		return all
	}
	for more, err := true, error(nil); more; { // the feed's job notices what was done until now, or whoever asks for the feed first
		if more, err = s.reg.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	before := digest()
	asked := 0
	for _, tr := range slices.Concat(tries, pages) {
		if strings.HasPrefix(tr.route, "GET ") && !strings.Contains(tr.route, "/exports/") && !strings.HasSuffix(tr.route, "/pack") { // what leaves as a file, or for a phone, is kept in a log
			s.do(t, step{as: "manager", do: "GET " + tr.path, header: tr.header})
			asked++
		}
	}
	for _, path := range []string{"/sign-in", "/v/$printed", "/language/en", "/docs", "/welcome/abc", "/readyz"} {
		s.do(t, step{do: "GET " + path})
	}
	for table, was := range before {
		if is := digest()[table]; is != was {
			t.Errorf("%s was %s and is %s", table, was, is)
		}
	}
	if asked < 35 || len(before) < 15 {
		t.Errorf("only %d requests, %d tables", asked, len(before))
	}
}

// TestNothingBeforeTheSecondFactor: whoever's role wants a second factor and who has none is let to no route but those that set it up, whatever
// else a stolen password could ask for.
func TestNothingBeforeTheSecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sign := w.as("manager")
	w.exec(`UPDATE people SET totp_secret = NULL`)
	setUp := []string{"GET /api/v1/session", "DELETE /api/v1/session", "GET /api/v1/session/second-factor", "POST /api/v1/session/second-factor", "POST /api/v1/session/second-factor/code",
		"POST /sign-out", "GET /account/second-factor", "POST /account/second-factor", "POST /account/second-factor/code"}
	asked := 0
	for _, r := range w.h.(*echo.Echo).Routes() {
		route := r.Method + " " + r.Path
		api := strings.HasPrefix(r.Path, "/api/")
		if slices.Contains(setUp, route) || slices.Contains(openPages, route) || slices.Contains(open, r.Method+" "+braced(r.Path)) {
			continue
		}
		req := httptest.NewRequestWithContext(t.Context(), r.Method, strings.NewReplacer(":market", "NEAR", ":", "x").Replace(r.Path), strings.NewReader(`{}`))
		req.Header.Set("Content-Type", "application/json")
		sign(req)
		rec := httptest.NewRecorder()
		w.h.ServeHTTP(rec, req)
		w.clock.pass(w.clock.step)
		asked++
		switch {
		case api && (rec.Code != http.StatusForbidden || !strings.Contains(rec.Body.String(), "/problems/second-factor-needed")):
			t.Errorf("%s is answered %d: %s", route, rec.Code, clip(rec.Body.Bytes()))
		case !api && (rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/account/second-factor"):
			t.Errorf("%s is answered %d and leads to %q", route, rec.Code, rec.Header().Get("Location"))
		}
	}
	if asked < 200 {
		t.Errorf("only %d routes", asked)
	}
}

// prepareAll makes one of everything that a try may want.
func (s *scene) prepareAll(t *testing.T) {
	t.Helper()
	made := map[string]bool{"": true}
	for _, tr := range slices.Concat(tries, pages) {
		if !made[tr.fresh] {
			made[tr.fresh] = true
			s.prepare(t, tr.fresh)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	padded := func(n int) string { // a right body of n bytes
		return `{"code":"P-` + fmt.Sprint(n%1000) + `"` + strings.Repeat(" ", n-len(`{"code":"P-`+fmt.Sprint(n%1000)+`"}`)) + "}"
	}
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	stalls := "POST " + near + "/stalls"
	w.walk(t, []step{
		{name: "JSON of 256 KiB", as: "clerk", do: stalls, body: padded(256 << 10), status: 201},
		{name: "and a byte", as: "clerk", do: stalls, body: padded(256<<10 + 1), status: 413, want: []string{"body-too-large", "256 KiB"}},
		{name: "with a key too", as: "clerk", do: stalls, body: padded(256<<10 + 1), header: []string{"Idempotency-Key", "big"}, status: 413},
		{name: "before anybody is signed in too", do: "POST /api/v1/session", body: padded(256<<10 + 1), status: 413},
		{name: "nested 20 deep", as: "clerk", do: stalls, body: nested(20), status: 422},
		{name: "nested 21 deep", as: "clerk", do: stalls, body: nested(21), status: 400, want: []string{"json-too-deep"}},
		{name: "nested 100,000 deep", as: "clerk", do: stalls, body: nested(100_000), status: 400, want: []string{"json-too-deep"}},
		{name: "opened 200,000 times", as: "clerk", do: stalls, body: strings.Repeat(`{"a":`, 40_000), status: 400},
		{name: "an address of 8 KiB", as: "clerk", do: "GET /api/v1/markets?q=" + strings.Repeat("x", 8<<10-len("/api/v1/markets?q=")), status: 200},
		{name: "and a byte more", as: "clerk", do: "GET /api/v1/markets?q=" + strings.Repeat("x", 8<<10-len("/api/v1/markets?q=")+1), status: 414, want: []string{"address-too-long"}},
		{name: "a form of a MiB", as: "clerk", do: "POST /markets/NEAR/print", body: raw{form, "who=all&x=" + strings.Repeat("x", 1<<20)}, status: 413},
		{name: "a form before anybody is signed in", do: "POST /sign-in", body: raw{form, "name=" + strings.Repeat("x", 1<<20)}, status: 413},
		{name: "a form of 100,000 fields", as: "clerk", do: "POST /markets/NEAR/print", body: raw{form, strings.Repeat("a=&", 100_000)}, status: 400},
	})
}

// TestOddRequests are things that no program of good will sends.
func TestOddRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stalls := "POST " + near + "/stalls"
	file := func(disposition string) raw {
		return raw{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"file\"; " + disposition + "\r\n\r\nMã quầy;Tên hộ kinh doanh\nN-9;Trần Văn Bê\n\r\n--x--\r\n"}
	}
	w.secret("Trần Văn Bê")
	w.walk(t, []step{
		{name: "a compressed body", as: "clerk", do: stalls, body: `{"code":"Z-1"}`, header: []string{"Content-Encoding", "gzip"}, status: 415, want: []string{"content-encoding"}},
		{name: "compressed twice", as: "clerk", do: stalls, body: `{"code":"Z-1"}`, header: []string{"Content-Encoding", "identity, br"}, status: 415},
		{name: "a compressed form", do: "POST /sign-in", body: raw{form, "name=x"}, header: []string{"Content-Encoding", "deflate"}, status: 415},
		{name: "a compressed ledger", as: "clerk", do: "POST " + near + "/imports", body: smallLedger, header: []string{"Content-Encoding", "zstd"}, status: 415},
		{name: "a body as it is", as: "clerk", do: stalls, body: `{"code":"Z-2"}`, header: []string{"Content-Encoding", "identity"}, status: 201},

		{name: "a method in a header is none", as: "clerk", do: "GET " + near + "/stalls/Z-2", header: []string{"X-Http-Method-Override", "DELETE", "X-Method-Override", "PATCH", "X-Http-Method", "DELETE"}, status: 200},
		{name: "nor does it open a closed one", as: "clerk", do: "POST " + near + "/stalls/Z-2", body: `{}`, header: []string{"X-Http-Method-Override", "GET"}, status: 405},
		{name: "nor in a form", do: "POST /v", body: raw{form, "_method=GET&serial=x"}, status: 405},
		{name: "nor another address", as: "clerk", do: "GET /sign-in", header: []string{"X-Original-Url", "/markets/NEAR", "X-Rewrite-Url", "/markets/NEAR"}, status: 200, want: []string{"!Chợ Vị Thanh"}},
		{name: "nor another host", do: "GET /markets/NEAR", header: []string{"X-Forwarded-Host", "evil.example", "X-Host", "evil.example", "Forwarded", "host=evil.example"}, status: 303, want: []string{"!evil"}},

		{name: "NUL in a value", as: "clerk", do: stalls, body: `{"code":"A\u0000"}`, status: 422, want: []string{"bad-character"}},
		{name: "NUL in a field's name", as: "clerk", do: stalls, body: `{"co\u0000de":"A"}`, status: 422, want: []string{"bad-character"}},
		{name: "NUL as a byte", as: "clerk", do: stalls, body: "{\"code\":\"A\x00\"}", status: 400},
		{name: "bytes that are no text", as: "clerk", do: stalls, body: "{\"code\":\"A\xff\"}", status: 422},
		{name: "half of a character", as: "clerk", do: stalls, body: `{"code":"A","section":"\ud800"}`, status: 422},
		{name: "two values", as: "clerk", do: stalls, body: `{"code":"A"}{"code":"B"}`, status: 400},
		{name: "NUL in a form", do: "POST /sign-in", body: raw{form, "name=a%00b&password=x"}, status: 422},
		{name: "NUL in a file's name", as: "clerk", do: "POST " + near + "/imports", body: file("filename=\"so\x00.csv\""), status: 400},
		{name: "a file's name of several lines", as: "clerk", do: "POST " + near + "/imports", body: file(`filename="so%0d%0aX-Evil: 1.csv"`), status: 201, keep: map[string]string{"import": "id"}},
		{name: "is in no header", as: "clerk", do: "GET /api/v1/imports/$import", status: 200},
		{name: "a file's name that is a path", as: "clerk", do: "POST " + near + "/imports", body: file(`filename="../../etc/passwd.csv"`), status: 201, want: []string{"!../"}},
		{name: "a market's name that ends a header", as: "clerk", do: "GET /api/v1/markets/NEAR%22%0d%0aX-Evil:1/calibration.pdf", status: 404},
		{name: "a serial that ends a header", as: "clerk", do: "GET /api/v1/placards/x%22%0d%0aX-Evil:1.png", status: 404},
		{name: "a number that ends a redirect", do: "GET /v?serial=x%0d%0aX-Evil:1", status: 303},
		{name: "lines in an address", do: "GET /nothing%0a%7B%22level%22%3A%22ERROR%22%7D", status: 404},
		{name: "lines in a cookie", do: "GET /sign-in", header: []string{"Cookie", "said=\"\r\n{}\"; lang=\x1b[31m"}, status: 200},
		{name: "a sentence that somebody planted", do: "GET /sign-in", header: []string{"Cookie", "said=eyJGb3JtYXQiOiJDYWxsIDA5MDAiLCJBcmdzIjpudWxsfQ"}, status: 200, want: []string{"!Call 0900"}},
		{name: "a session that is none of ours", as: "", do: "GET /api/v1/session", header: []string{"Cookie", "cho40=' OR 1=1 --"}, status: 401},
		{name: "the session of HTTPS in the clear", as: "", do: "GET /api/v1/session", header: []string{"Cookie", "__Host-cho40=" + strings.Repeat("0", 64)}, status: 401},
	})
	if n := w.count(`SELECT count(*) FROM stalls`); n != 1 {
		t.Errorf("%d stalls", n)
	}
	if log := w.log.String(); strings.Contains(log, "X-Evil") || strings.Contains(log, "passwd") {
		t.Errorf("the log repeats what it was sent: %s", log)
	}
}

// TestStaticKeepsToItsFolder: an address below /static is a name of a list and no path.
func TestStaticKeepsToItsFolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"", ".", "..", "../server.go", "..%2fserver.go", "%2e%2e/server.go", "%2e%2e%2fstatic.go", "....//server.go", "fonts", "fonts/", "fonts/..", "fonts/../app.css",
		"./app.css", "/app.css", "//etc/passwd", "%2fetc%2fpasswd", `..\server.go`, "..%5cserver.go", "app.css/", "app.css%20", "APP.CSS", "VENDORED.md", "fonts/make.py", "app.css%23", "..;/server.go"} {
		if a := w.do(t, step{do: "GET /static/" + path}); a.status != 404 || bytes.Contains(a.body, []byte("package web")) || bytes.Contains(a.body, []byte("--voi")) {
			t.Errorf("/static/%s is answered %d: %s", path, a.status, clip(a.body))
		}
	}
	if a := w.do(t, step{do: "GET /static/app.css%00"}); a.status != 422 {
		t.Errorf("with NUL: %d", a.status)
	}
}

// TestRedirectsStayHere: what somebody put into a link leads nowhere else.
func TestRedirectsStayHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, back := range []string{"https://evil.example/", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, "/\t/evil.example", "/\n/evil.example", "http:evil.example", "javascript:alert(1)",
		"evil.example", "//user@evil.example", "/\x00/evil.example", "https:/evil.example", " //evil.example", "\u2028//evil.example", "//", "data:text/html,x", "http://[::1"} {
		q := url.QueryEscape(back)
		for _, s := range []step{
			{do: "GET /language/en?back=" + q},
			{do: "GET /sign-in?back=" + q},
			{do: "GET /v?serial=" + q},
		} {
			a := w.do(t, s)
			if to := a.header.Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t")) {
				t.Errorf("%s leads to %q", s.do, to)
			}
			if bytes.Contains(a.body, []byte(`value="`+back)) {
				t.Errorf("%s keeps %q for later", s.do, back)
			}
		}
	}
	for _, target := range []string{"//evil.example/markets", "/%2f/evil.example", "/..//evil.example"} {
		a := w.do(t, step{do: "GET " + target})
		if to := a.header.Get("Location"); strings.HasPrefix(to, "//") || strings.Contains(to, "://") {
			t.Errorf("%s leads to %q", target, to)
		}
	}
}

// TestFullPool holds the only connection there is: whoever comes is asked to come again, and served once it is free.
func TestFullPool(t *testing.T) {
	t.Parallel()
	at := pgtest.URL(t)
	w := newWorldOn(t, mustOpen(t, at))
	sign := w.as("clerk")
	join := "&"
	if !strings.Contains(at, "?") {
		join = "?"
	}
	db := mustOpen(t, at+join+"pool_max_conns=1")
	narrow := web.Handler(web.Config{DB: db, Now: w.clock.now, Log: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	held, err := db.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		sign(r)
		rec := httptest.NewRecorder()
		narrow.ServeHTTP(rec, r)
		return rec
	}
	answers := make(chan *httptest.ResponseRecorder)
	for _, path := range []string{"/api/v1/markets", "/readyz"} {
		go func() { answers <- ask(path) }()
	}
	for range 2 {
		rec := <-answers
		var p struct{ Type string }
		if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" || p.Type != "/problems/unavailable" {
			t.Errorf("while the pool is full: %d, Retry-After %q, %s", rec.Code, rec.Header().Get("Retry-After"), rec.Body)
		}
	}
	held.Release()
	if rec := ask("/api/v1/markets"); rec.Code != http.StatusOK {
		t.Errorf("once it is free: %d %s", rec.Code, rec.Body)
	}
}

// TestStatementsEnd: a statement that takes too long, and one that waits for a lock, end in 503 as they would end by themselves.
func TestStatementsEnd(t *testing.T) {
	t.Parallel()
	at := pgtest.URL(t)
	db := mustOpen(t, at)
	for setting, want := range map[string]string{"statement_timeout": "10s", "lock_timeout": "3s", "idle_in_transaction_session_timeout": "30s"} {
		var got string
		if err := db.QueryRow(t.Context(), "SHOW "+setting).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %s: %v", setting, got, want, err)
		}
	}
	w := newWorldOn(t, db)
	w.h.(*echo.Echo).GET("/api/v1/slow", func(c echo.Context) error {
		tx, err := db.Begin(c.Request().Context())
		if err != nil {
			return err
		}
		defer tx.Rollback(context.Background())
		if _, err := tx.Exec(c.Request().Context(), "SET LOCAL statement_timeout = '20ms'"); err != nil {
			return err
		}
		_, err = tx.Exec(c.Request().Context(), "SELECT pg_sleep(5)")
		return err
	})
	w.h.(*echo.Echo).GET("/api/v1/repeats", func(c echo.Context) error {
		_, err := db.Exec(c.Request().Context(), "SELECT $1::text::uuid", "Lý Minh Tâm")
		return fmt.Errorf("look for somebody: %w", err)
	})
	if a := w.take(t, step{do: "GET /api/v1/slow", status: 503, want: []string{"/problems/unavailable"}}); a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	w.secret("Lý Minh Tâm")
	w.take(t, step{do: "GET /api/v1/repeats", status: 500, want: []string{"!Tâm"}})
	if log := w.log.String(); !strings.Contains(log, "look for somebody: SQLSTATE 22P02") {
		t.Errorf("the log does not say what happened: %s", log)
	}
}
