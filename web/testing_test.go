package web_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/auth"
	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
	"cho40/web"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// world is the service on a database of its own, with two markets: NEAR in province 92, FAR in province 31.
//
// Everything that goes through do is held to the API's document, and when the test ends no line of the log may hold anybody's
// name, phone, account, password, key or session.
type world struct {
	t       testing.TB
	db      *pgxpool.Pool        // the service's
	owner   func() *pgxpool.Pool // who may change everything behind its back
	h       http.Handler
	clock   *clock
	log     *record
	reg     *registry.Service
	auth    *auth.Service
	mu      sync.Mutex
	signed  map[string]func(*http.Request)
	vars    map[string]string // what $name in a step stands for
	secrets []string          // what no log may hold
}

// clock moves on by two seconds a request, so that no allowance runs out unless a test stops it.
type clock struct {
	mu   sync.Mutex
	at   time.Time
	step time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// record is a log that several requests may write to.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(b)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOn(t, pgtest.New(t))
}

// mustOpen is a pool as the program opens it.
func mustOpen(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	db, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func newWorldOn(t testing.TB, db *pgxpool.Pool) *world {
	t.Helper()
	w := &world{t: t, db: db, log: &record{}, signed: map[string]func(*http.Request){}, vars: map[string]string{},
		clock: &clock{at: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC), step: 2 * time.Second}}
	w.owner = sync.OnceValue(func() *pgxpool.Pool { return pgtest.Owner(t, db) })
	w.reg, w.auth = registry.New(db, w.clock.now), auth.New(db, w.clock.now)
	w.h = web.Handler(web.Config{DB: db, Now: w.clock.now, Log: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	w.exec(`INSERT INTO areas (code, name, name_fold, kind, level, parent, valid_from) VALUES
		('92', 'Thành phố Cần Thơ', 'thanh pho can tho', 'thanh_pho', 1, NULL, '2025-07-01'),
		('31321', 'Phường Vị Thanh', 'phuong vi thanh', 'phuong', 2, '92', '2025-07-01'),
		('31', 'Thành phố Hải Phòng', 'thanh pho hai phong', 'thanh_pho', 1, NULL, '2025-07-01'),
		('11300', 'Phường Gia Viên', 'phuong gia vien', 'phuong', 2, '31', '2025-07-01')`)
	planned := 500
	for _, m := range []registry.NewMarket{
		{Code: "NEAR", Name: "Chợ Vị Thanh", Area: "31321", PlannedStalls: &planned, Call: "0293 000 0040"},
		{Code: "FAR", Name: "Chợ An Dương", Area: "11300"},
	} {
		if _, err := w.reg.AddMarket(t.Context(), registry.Console(), m); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(w.searchLog)
	return w
}

// searchLog looks for what a log must not hold: what tests marked, what belongs to people in the database as it is at the end, and
// each long number that a request carried.
func (w *world) searchLog() {
	log := w.log.String()
	people, err := pgtest.People(context.Background(), w.db)
	if err != nil {
		w.t.Errorf("whose names must not be in the log: %v", err)
	}
	if err := pgtest.Keep(log, slices.Concat(w.secrets, people)); err != nil {
		w.t.Error(err)
	}
	for _, s := range slices.Concat(w.secrets, people) {
		if s != "" && strings.Contains(log, s) {
			w.t.Errorf("the log holds %q:\n%s", s, lineWith(log, s))
		}
	}
	for line := range strings.Lines(log) {
		if !json.Valid([]byte(line)) {
			w.t.Errorf("a line of the log is no JSON: %s", line)
		}
	}
}

func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

// secret marks values that no log may hold.
func (w *world) secret(values ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets = append(w.secrets, values...)
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.owner().Exec(context.Background(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) count(sql string, args ...any) (n int) {
	w.t.Helper()
	if err := w.db.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// scopes are what a role is granted over, near and far.
var scopes = map[string][2]string{
	"clerk": {"market:NEAR", "market:FAR"}, "manager": {"market:NEAR", "market:FAR"}, "volunteer": {"market:NEAR", "market:FAR"},
	"leader": {"market:NEAR", "market:FAR"}, "officer": {"area:92", "area:31"}, "auditor": {"area:92", "area:31"},
	"partner": {"provider:viettel_money"}, "admin": {"all"},
}

// as is how an actor signs a request. Its name is a role, then any of: far, for the other market; everywhere, over all; key, for a program; and words
// that tell it from others: "manager", "clerk far", "manager key", "manager second". The empty name is nobody.
func (w *world) as(name string) func(*http.Request) {
	w.t.Helper()
	if name == "" {
		return func(*http.Request) {}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if sign, ok := w.signed[name]; ok {
		return sign
	}
	words := strings.Fields(name)
	side, key, everywhere := 0, false, false
	for _, word := range words[1:] {
		switch word {
		case "far":
			side = 1
		case "key":
			key = true
		case "everywhere":
			everywhere = true
		}
	}
	scope := scopes[words[0]][side]
	switch {
	case everywhere:
		scope = "all"
	case slices.Contains(words, "elsewhere"): // a partner for another wallet
		scope = "provider:vnpt_money"
	}
	grant, err := registry.ParseGrant(words[0], scope)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx := context.Background()
	var sign func(*http.Request)
	if key {
		secret, _, err := w.auth.AddKey(ctx, registry.Console(), name, []registry.Grant{grant}, 0)
		if err != nil {
			w.t.Fatal(err)
		}
		w.secrets = append(w.secrets, secret)
		sign = func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) }
	} else {
		p, _, err := w.auth.AddPerson(ctx, registry.Console(), "Person "+name, []registry.Grant{grant}, "")
		if err != nil {
			w.t.Fatal(err)
		}
		if auth.NeedsFactor(p.Grants) {
			if _, err := w.auth.IssueFactor(ctx, registry.Console(), p.ID.String()); err != nil {
				w.t.Fatal(err)
			}
		}
		// A session as signing in makes one, with a second factor that stays fresh, without the password hash, which would take longer than all the rest.
		sum := sha256.Sum256([]byte(name + w.t.Name()))
		token := hex.EncodeToString(sum[:])
		hash := sha256.Sum256([]byte(token))
		w.exec(`INSERT INTO sessions (hash, person_id, created_at, seen_at, stepped_up_at) VALUES ($1, $2, $3, $3, '2200-01-01')`, hash[:], p.ID, w.clock.now())
		w.secrets = append(w.secrets, token, p.Name)
		sign = func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "cho40", Value: token}) }
	}
	w.signed[name] = sign
	return sign
}

// upload is a body that sends a file in a form.
type upload struct {
	name string
	data []byte
}

// raw is a body as it stands.
type raw struct{ media, data string }

// ledgerFile is one of the sample ledgers.
func ledgerFile(t testing.TB, name string) upload {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "vendor_registry", "ledger", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return upload{name, data}
}

// step is one request and what it is answered. In path, body, header and want, $name stands for what an earlier step kept.
type step struct {
	name   string
	as     string
	do     string // "GET /api/v1/markets"
	body   any    // string: JSON; upload; raw; nil: none
	header []string
	status int
	want   []string          // parts of the body; one that begins with ! must not be there
	keep   map[string]string // name to where it stands: "accounts.0.id", or a header as "=ETag"
}

// walk takes the steps one after the other.
func (w *world) walk(t *testing.T, steps []step) {
	t.Helper()
	for _, s := range steps {
		if !t.Run(s.name, func(t *testing.T) { w.take(t, s) }) {
			t.FailNow() // those that follow build on it
		}
	}
}

func (w *world) expand(s string) string {
	return os.Expand(s, func(name string) string {
		w.mu.Lock()
		defer w.mu.Unlock()
		if v, ok := w.vars[name]; ok {
			return v
		}
		panic("no step has kept $" + name)
	})
}

func (w *world) take(t testing.TB, s step) *answer {
	t.Helper()
	a := w.do(t, s)
	if a.status != s.status {
		t.Fatalf("%s as %q: status %d, want %d: %s", s.do, s.as, a.status, s.status, clip(a.body))
	}
	for _, part := range s.want {
		part = w.expand(part)
		absent := strings.HasPrefix(part, "!")
		if strings.Contains(string(a.body), strings.TrimPrefix(part, "!")) == absent {
			t.Errorf("%s as %q: body and %q do not agree: %s", s.do, s.as, part, clip(a.body))
		}
	}
	for name, where := range s.keep {
		w.vars[name] = a.at(t, where)
	}
	return a
}

func clip(b []byte) string {
	if len(b) > 1500 {
		return string(b[:1500]) + "…"
	}
	return string(b)
}

// answer is what the service said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// at finds a value in the body, "items.0.id", or a header, "=ETag".
func (a *answer) at(t testing.TB, where string) string {
	t.Helper()
	if h, ok := strings.CutPrefix(where, "="); ok {
		return a.header.Get(h)
	}
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%v: %s", err, clip(a.body))
	}
	for part := range strings.SplitSeq(where, ".") {
		switch o := v.(type) {
		case map[string]any:
			v = o[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(o) {
				t.Fatalf("nothing at %s: %s", where, clip(a.body))
			}
			v = o[i]
		default:
			t.Fatalf("nothing at %s: %s", where, clip(a.body))
		}
	}
	if s, ok := v.(string); ok {
		return s
	}
	return fmt.Sprint(v)
}

func (a *answer) json(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v: %s", err, clip(a.body))
	}
}

// longNumber is a phone or an account; shorter ones are in times and durations too.
var longNumber = regexp.MustCompile(`\b[0-9]{10,}\b`)

// do sends one request and holds it and its answer to the document.
func (w *world) do(t testing.TB, s step) *answer {
	t.Helper()
	method, path, _ := strings.Cut(w.expand(s.do), " ")
	var body []byte
	media := ""
	switch b := s.body.(type) {
	case nil:
	case string:
		body, media = []byte(w.expand(b)), "application/json"
	case raw:
		body, media = []byte(w.expand(b.data)), b.media
	case upload:
		var form bytes.Buffer
		m := multipart.NewWriter(&form)
		part, err := m.CreateFormFile("file", b.name)
		if err == nil {
			_, err = part.Write(b.data)
		}
		if err == nil {
			err = m.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		body, media = form.Bytes(), m.FormDataContentType()
	}
	request := func() *http.Request {
		r := httptest.NewRequestWithContext(t.Context(), method, path, bytes.NewReader(body))
		if media != "" {
			r.Header.Set("Content-Type", media)
		}
		for i := 0; i < len(s.header); i += 2 {
			r.Header.Set(s.header[i], w.expand(s.header[i+1]))
		}
		w.as(s.as)(r)
		return r
	}
	for _, number := range longNumber.FindAllString(path+" "+string(body[:min(len(body), 4096)]), -1) {
		w.secret(number)
	}
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, request())
	w.clock.pass(w.clock.step)
	a := &answer{rec.Code, rec.Header(), rec.Body.Bytes()}
	document(t).check(t, request(), body, a)
	return a
}

// apiDocument is the document as the service serves it.
type apiDocument struct {
	*openapi3.T
	paths []pathPattern

	mu       sync.Mutex
	compiler *jsonschema.Compiler
	shapes   map[string]*jsonschema.Schema // of answers, by their place in the document
}

type pathPattern struct {
	*regexp.Regexp
	path string
	item *openapi3.PathItem
}

var served struct {
	sync.Once
	*apiDocument
	err error
}

// document is the API's document, read once.
func document(t testing.TB) *apiDocument {
	t.Helper()
	served.Do(func() {
		h := web.Handler(web.Config{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
		doc, err := openapi3.NewLoader().LoadFromData(rec.Body.Bytes())
		if err != nil {
			served.err = err
			return
		}
		whole, err := jsonschema.UnmarshalJSON(rec.Body)
		if err != nil {
			served.err = err
			return
		}
		d := &apiDocument{T: doc, compiler: jsonschema.NewCompiler(), shapes: map[string]*jsonschema.Schema{}}
		d.compiler.AssertFormat()
		if served.err = d.compiler.AddResource("openapi.json", whole); served.err != nil {
			return
		}
		param := regexp.MustCompile(`\\\{(\w+)\\\}`)
		for _, path := range doc.Paths.InMatchingOrder() {
			pattern := param.ReplaceAllString(regexp.QuoteMeta(path), `(?P<$1>[^/]+)`)
			d.paths = append(d.paths, pathPattern{regexp.MustCompile("^" + pattern + "$"), path, doc.Paths.Value(path)})
		}
		served.apiDocument = d
	})
	if served.err != nil {
		t.Fatal(served.err)
	}
	return served.apiDocument
}

// route finds the operation of a request; of two paths that fit, the one with more written out.
func (d *apiDocument) route(r *http.Request) (*routers.Route, map[string]string) {
	var best pathPattern
	for _, p := range d.paths {
		if p.MatchString(r.URL.EscapedPath()) && len(p.path) > len(best.path) {
			best = p
		}
	}
	if best.item == nil || best.item.GetOperation(r.Method) == nil {
		return nil, nil
	}
	params := map[string]string{}
	for i, v := range best.FindStringSubmatch(r.URL.EscapedPath()) {
		if name := best.SubexpNames()[i]; name != "" {
			params[name], _ = url.PathUnescape(v) // it was a path before
		}
	}
	return &routers.Route{Spec: d.T, Path: best.path, PathItem: best.item, Method: r.Method, Operation: best.item.GetOperation(r.Method)}, params
}

var securityHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; ", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
	"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Permissions-Policy": "camera=(self), ",
}

// check holds a request and its answer to the document: the answer is one that the operation lists, in its shape, and what was
// answered well was asked rightly. What is no operation of the API is answered with a problem all the same.
func (d *apiDocument) check(t testing.TB, r *http.Request, body []byte, a *answer) {
	t.Helper()
	for name, begins := range securityHeaders {
		if !strings.HasPrefix(a.header.Get(name), begins) {
			t.Errorf("%s %s: %s is %q", r.Method, r.URL.Path, name, a.header.Get(name))
		}
	}
	for name := range a.header {
		if strings.HasPrefix(name, "Access-Control-") || name == "X-Evil" {
			t.Errorf("%s %s answers with %s", r.Method, r.URL.Path, name)
		}
	}
	if a.header.Get("X-Request-Id") == "" {
		t.Errorf("%s %s: no X-Request-Id", r.Method, r.URL.Path)
	}
	if !strings.HasPrefix(r.URL.Path, "/static/") && a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %s: Cache-Control is %q", r.Method, r.URL.Path, a.header.Get("Cache-Control"))
	}
	api := strings.HasPrefix(r.URL.Path, "/api/")
	if api && a.status >= 400 {
		if got := a.header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s %s: an error as %q: %s", r.Method, r.URL.Path, got, clip(a.body))
		}
		if got := a.at(t, "status"); got != strconv.Itoa(a.status) {
			t.Errorf("%s %s: the problem says %s, the answer %d", r.Method, r.URL.Path, got, a.status)
		}
		if a.at(t, "instance") != a.header.Get("X-Request-Id") {
			t.Errorf("%s %s: the problem's instance is not the request's number", r.Method, r.URL.Path)
		}
	}
	if route, _ := d.route(r); route == nil {
		if api && a.status < 400 {
			t.Errorf("%s %s is not in the document, and is answered %d", r.Method, r.URL.Path, a.status)
		}
		return
	}
	if err := d.differs(r, a); err != nil {
		t.Errorf("%s %s: %v\nsent: %s\nanswered: %d %s", r.Method, r.URL.Path, err, clip(body), a.status, clip(a.body))
	}
}

// differs says how an operation's request or answer differs from the document.
func (d *apiDocument) differs(r *http.Request, a *answer) error {
	route, params := d.route(r)
	options := &openapi3filter.Options{IncludeResponseStatus: true, RejectWhenRequestBodyNotSpecified: true, SkipSettingDefaults: true,
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: options}
	if a.status < 300 {
		if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
			return fmt.Errorf("it was answered well, but the document does not allow it: %w", err)
		}
	}
	shape, err := d.shape(route, a)
	if err != nil {
		return err
	}
	options.ExcludeResponseBody = shape != nil // the library would compile it again for each answer
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: a.status, Header: a.header,
		Body: io.NopCloser(bytes.NewReader(a.body)), Options: options}
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil || shape == nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.body))
	if err != nil {
		return err
	}
	return shape.Validate(value)
}

// shape is what the document says of the JSON of an answer; nil: it is not listed there, or no JSON.
func (d *apiDocument) shape(route *routers.Route, a *answer) (*jsonschema.Schema, error) {
	said := route.Operation.Responses.Status(a.status)
	if said == nil || said.Value == nil {
		return nil, nil
	}
	kind := a.header.Get("Content-Type")
	if media := said.Value.Content[kind]; media == nil || media.Schema == nil || !strings.HasSuffix(kind, "json") {
		return nil, nil
	}
	escaped := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	at := cmp.Or(said.Ref, "#/paths/"+escaped.Replace(route.Path)+"/"+strings.ToLower(route.Method)+"/responses/"+strconv.Itoa(a.status)) + "/content/" + escaped.Replace(kind) + "/schema"
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shapes[at] == nil {
		shape, err := d.compiler.Compile("openapi.json" + at)
		if err != nil {
			return nil, err
		}
		d.shapes[at] = shape
	}
	return d.shapes[at], nil
}

// stallJSON is a whole stall of an invented vendor; its number is the phone and the account.
func stallJSON(code, section, name, number string) string {
	b, err := json.Marshal(map[string]any{"code": code, "section": section, "goods": "rau", "vendor": map[string]string{"name": name, "phone": number},
		"accounts": []map[string]string{{"provider": "viettel_money", "number": number}}, "consent": map[string]string{"version": "vi-1", "given": "face_to_face"}})
	if err != nil {
		panic(err) // a map of strings always marshals
	}
	return string(b)
}
