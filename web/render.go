package web

import (
	"bytes"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

//go:embed templates/*.html
var templatesFS embed.FS

// pages are the templates for each language: a page is layout.html with parts.html and one file of its own.
type pages struct {
	in map[lang.Lang]map[string]*template.Template
}

// parsed are the pages, read once: all services of a process have the same.
var parsed = sync.OnceValue(func() *pages {
	p := &pages{in: map[lang.Lang]map[string]*template.Template{}}
	names, err := fs.Glob(templatesFS, "templates/*.html")
	if err != nil {
		panic(err) // the pattern is a right one
	}
	for _, l := range []lang.Lang{lang.Vi, lang.En} {
		frame := template.Must(template.New("layout.html").Option("missingkey=error").Funcs(funcs(l)).
			ParseFS(templatesFS, "templates/layout.html", "templates/parts.html"))
		p.in[l] = map[string]*template.Template{}
		for _, name := range names {
			if base := path.Base(name); base != "layout.html" && base != "parts.html" {
				p.in[l][base] = template.Must(template.Must(frame.Clone()).ParseFS(templatesFS, name))
			}
		}
	}
	return p
})

// funcs are what templates may call. Those that return HTML take names from our own templates only.
func funcs(l lang.Lang) template.FuncMap {
	drawn := func(class, file, name string, more ...string) template.HTML {
		var uses strings.Builder
		for _, n := range append([]string{name}, more...) {
			fmt.Fprintf(&uses, `<use href="%s#%s"/>`, staticPath(file), n)
		}
		return template.HTML(`<svg class="` + class + `" aria-hidden="true">` + uses.String() + `</svg>`)
	}
	return template.FuncMap{
		"t":     l.T,
		"many":  func(n int, one, many string, args ...any) string { return say(l, n, one, many, args...) },
		"n":     l.Number,
		"whole": whole,
		"about": func(n *int) string { // of what is told of others; hidden: a dash
			if n == nil {
				return "–"
			}
			return l.Number(*n)
		},
		"pct":    func(share float64) string { return l.Percent(share) },
		"day":    l.Day,
		"moment": l.Moment,
		"short":  func(t time.Time) string { return registry.Local(t).Format("02/01, 15:04") },
		"utc":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"lang":   func() string { return string(l) },
		"other": func() string {
			if l == lang.Vi {
				return "en"
			}
			return "vi"
		},
		"vi":     lang.Vi.T, // a sentence that must stay in Vietnamese, such as the one that vendors heard
		"text":   l.Text,
		"static": staticPath,
		"icon":   func(name string) template.HTML { return drawn("i", "icons.svg", name) },
		"tile":   func(name string) template.HTML { return drawn("tile", "tiles.svg", name) },
		"late":   func(name string) template.HTML { return drawn("tile", "tiles.svg", name, "late") },
		"lead":   func(name string) template.HTML { return drawn("tile lead", "tiles.svg", name) },
		"bar":    func(part, whole int) template.HTML { return bar("", part, whole, "") },
		"waits":  func(part, whole int) template.HTML { return bar(" wait", part, whole, "") },
		"barTo": func(part, whole int, goal float64) template.HTML {
			return bar("", part, whole, fmt.Sprintf(`<rect class="goal" x="%.1f%%" width="4" height="26"/>`, goal))
		},
		"missing":  func(s *coverage.Share) int { return s.Vendors - s.Accepting },
		"provider": registry.ProviderName,
		"step":     func(now, number int, words string) step { return step{number, words, number < now, number == now} },
		"at":       func(w wrong, field string) said { return said{field + "-err", w.At(field)} },
	}
}

// bar is a part of a whole, drawn; the words beside it say the same.
func bar(class string, part, whole int, more string) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg class="bar%s" aria-hidden="true"><rect class="track" width="100%%" height="100%%"/><rect class="fill" width="%.1f%%" height="100%%"/>%s</svg>`,
		class, 100*float64(part)/float64(max(whole, 1)), more))
}

// whole is a number of the record, or what points at one, as n takes it.
func whole(v any) int {
	switch v := v.(type) {
	case *int64:
		return int(*v)
	case int64:
		return int(v)
	}
	return 0
}

// say chooses the sentence for one thing or for many; the number comes first among the values of the second, written out.
func say(l lang.Lang, n int, one, many string, args ...any) string {
	if n == 1 {
		return l.T(one, args...)
	}
	return l.T(many, append([]any{l.Number(n)}, args...)...)
}

// frame is what every page has around its own.
type frame struct {
	Title  string
	Path   string // where this page is, for the language switch
	Now    time.Time
	Person string // who is signed in; empty: nobody
	Role   string // in words
	Nav    []navLink
	Flash  string
	Demo   bool // its people are invented
	Hidden bool // not for search engines
}

type navLink struct {
	Path, Words string
	Current     bool
	Badge       int
}

// frame begins a page: in a market's own pages with that market's links, for what the actor may do there.
func (s *Server) frame(c echo.Context, title string, m *registry.Market, current string) frame {
	l, by := language(c), actor(c)
	f := frame{Title: title, Path: c.Request().URL.RequestURI(), Now: s.now(), Hidden: true}
	if c.Request().Method != http.MethodGet { // a form shown again: the language switch leads to the page it stands on
		f.Path = c.Request().URL.Path
	}
	if by.ID == "" {
		return f
	}
	f.Person, f.Flash = by.Name, flash(c)
	if len(by.Grants) > 0 {
		f.Role = l.T(roleWords[by.Grants[0].Role])
	}
	link := func(name, path, words string) {
		f.Nav = append(f.Nav, navLink{Path: path, Words: words, Current: name == current})
	}
	link("markets", "/", l.T("Markets"))
	if m == nil {
		if path := widest(by); path != "" {
			link("coverage", path, l.T("Coverage"))
		}
		if by.CanSomewhere(registry.SeeVendors) || by.CanSomewhere(registry.SeeMaskedVendors) {
			link("search", "/search", l.T("Find a vendor"))
		}
		if by.CanSomewhere(registry.SeeTeams) {
			link("teams", "/teams", l.T("Teams"))
		}
		if by.CanSomewhere(registry.ManagePeople) {
			link("people", "/people", l.T("People"))
			link("keys", "/keys", l.T("Keys"))
		}
		if by.CanSomewhere(registry.KeepWebhooks) {
			link("webhooks", "/webhooks", l.T("Webhooks"))
		}
		if by.CanOverAll(registry.SeeAudit) || by.CanSomewhere(registry.VerifyAudit) || by.CanSomewhere(registry.SeeOwnKeys) {
			link("audit", "/audit", l.T("Record of events"))
		}
		return f
	}
	f.Demo = m.Demo
	link("market", marketPath(m.Code), m.Name)
	if by.Can(registry.ImportLedger, *m) {
		link("import", marketPath(m.Code, "import"), l.T("Import"))
	}
	if by.Can(registry.ApproveFirst, *m) {
		link("approvals", marketPath(m.Code, "approvals"), l.T("Approve"))
	}
	if by.Can(registry.PrintPlacards, *m) {
		link("print", marketPath(m.Code, "print"), l.T("Print"))
	}
	return f
}

// widest is the page of figures for the most that somebody's grants reach over, beyond single markets; empty: nothing does.
func widest(by registry.Actor) string {
	path := ""
	if !by.CanSomewhere(registry.SeeCoverage) {
		return path
	}
	for _, g := range by.Grants {
		switch {
		case g.Kind == registry.OverProvider, g.Kind == registry.OverAll && g.Role != registry.Admin:
			return "/coverage"
		case g.Kind == registry.OverArea && path == "":
			path = "/coverage?" + url.Values{"area": {g.Code}}.Encode()
		}
	}
	return path
}

// badge says on a link how many wait there.
func (f *frame) badge(path string, n int) {
	for i := range f.Nav {
		if f.Nav[i].Path == path {
			f.Nav[i].Badge = n
		}
	}
}

func marketPath(code string, more ...string) string {
	return "/" + strings.Join(append([]string{"markets", url.PathEscape(code)}, more...), "/")
}

func stallPath(market, stall string) string {
	return marketPath(market, "stalls", url.PathEscape(stall))
}

// show answers with a page. It is written out whole before the first byte goes, so that a fault in it is an error page.
func (s *Server) show(c echo.Context, status int, name string, page any) error {
	var b bytes.Buffer
	if err := s.pages.in[language(c)][name].Execute(&b, page); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	h := c.Response().Header()
	h.Set("Vary", "Accept-Encoding, Accept-Language, Cookie")
	h.Set("Content-Language", string(language(c)))
	body := b.Bytes()
	if takesGzip(c) {
		h.Set("Content-Encoding", "gzip")
		body = gzipped(body)
	}
	return c.HTMLBlob(status, body)
}

// wrong is what a form is told when it is shown again: a sentence, and one beside each field concerned.
type wrong struct {
	Detail string
	Fields map[string]string
	Blocks []string // what stands in the way of a change, thing by thing
}

// At is the sentence beside a field.
func (w wrong) At(field string) string { return w.Fields[field] }

type said struct{ ID, Text string }

// step is one of the steps of a task that takes several pages.
type step struct {
	Number    int
	Words     string
	Done, Now bool
}

// told makes a fault into what its form says; ok is false for an error that belongs to no form, such as one of our own.
func told(c echo.Context, err error) (w wrong, code int, ok bool) {
	f := asFault(err)
	switch f.Kind {
	case fault.Unknown, fault.NotFound, fault.Busy:
		return w, 0, false
	}
	l := language(c)
	w = wrong{Detail: l.Text(f.Detail), Fields: map[string]string{}}
	for _, field := range f.Fields {
		if w.Fields[field.Pointer] == "" {
			w.Fields[field.Pointer] = l.Text(field.Detail)
		}
		if f.Kind == fault.Conflict {
			w.Blocks = append(w.Blocks, l.Text(field.Detail))
		}
	}
	if f.RetryAfter > 0 {
		c.Response().Header().Set("Retry-After", strconv.Itoa(max(1, int(f.RetryAfter.Seconds()+0.999))))
	}
	return w, status(f), true
}

// maxForm bounds a form that is no upload; 2,000 ticked approvals fit.
const maxForm = 1 << 20

// form reads a posted form. Faults: Unsupported; TooLarge; Malformed; Invalid bad-character.
func form(c echo.Context) (url.Values, error) {
	r := c.Request()
	if media, _, _ := strings.Cut(r.Header.Get(echo.HeaderContentType), ";"); strings.TrimSpace(media) != echo.MIMEApplicationForm {
		return nil, fault.New(fault.Unsupported, "content-type", "This content type is not taken here.")
	}
	r.Body = http.MaxBytesReader(c.Response(), r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		if f := asFault(err); f.Kind == fault.TooLarge {
			return nil, f
		}
		return nil, fault.New(fault.Malformed, "request-malformed", "The request cannot be read.").Because(err)
	}
	return r.PostForm, readable(r.PostForm)
}

// readable refuses a form with text that the database cannot keep. Faults: Invalid bad-character.
func readable(form url.Values) error {
	for _, values := range form {
		for _, v := range values {
			if !storable(v) {
				return fault.New(fault.Invalid, "bad-character", "The form holds a character that cannot be stored. Type it again.")
			}
		}
	}
	return nil
}

// asked is a value of the address as it may be searched for and shown: text, and not too much of it.
func asked(c echo.Context, name string) string {
	v := []rune(strings.ReplaceAll(strings.ToValidUTF8(c.QueryParam(name), ""), "\x00", ""))
	return strings.TrimSpace(string(v[:min(len(v), 120)]))
}

// part is one page of a list that is there as a whole.
type part[T any] struct {
	Items      []T
	From, Of   int    // the first one's number, from 1; how many there are
	Back, Next string // addresses of the pages beside it; empty: none
}

// cut takes the page of a list that the address asks for with page=2 and so on; its links lead to the anchor.
func cut[T any](c echo.Context, all []T, size int, anchor string) part[T] {
	last := max(0, (len(all)-1)/size)
	n, _ := strconv.Atoi(c.QueryParam("page"))
	n = min(max(n-1, 0), last)
	p := part[T]{Items: all[n*size : min((n+1)*size, len(all))], From: n*size + 1, Of: len(all)}
	if n > 0 {
		p.Back = with(c, "page", strconv.Itoa(n)) + anchor
	}
	if n < last {
		p.Next = with(c, "page", strconv.Itoa(n+2)) + anchor
	}
	return p
}

// To is the number of the last one shown.
func (p part[T]) To() int { return p.From + len(p.Items) - 1 }

// with is the query of this page with one value changed, or left out when it is empty.
func with(c echo.Context, name, value string) string {
	q := c.QueryParams()
	changed := url.Values{}
	for k, v := range q {
		if k != "page" && k != name {
			changed[k] = v
		}
	}
	if value != "" {
		changed.Set(name, value)
	}
	return "?" + changed.Encode()
}

const flashCookie = "said"

// sayNext keeps a sentence for the page that comes next.
func sayNext(c echo.Context, format string, args ...any) {
	b, err := json.Marshal(fault.Say(format, args...))
	if err != nil {
		return // it is only a courtesy
	}
	c.SetCookie(&http.Cookie{Name: flashCookie, Value: base64.RawURLEncoding.EncodeToString(b), Path: "/", MaxAge: 60,
		HttpOnly: true, Secure: c.IsTLS(), SameSite: http.SameSiteLaxMode})
}

// flash is the sentence that the page before left, said once.
func flash(c echo.Context) string {
	k, err := c.Cookie(flashCookie)
	if err != nil {
		return ""
	}
	c.SetCookie(&http.Cookie{Name: flashCookie, Path: "/", MaxAge: -1, HttpOnly: true, Secure: c.IsTLS(), SameSite: http.SameSiteLaxMode})
	b, err := base64.RawURLEncoding.DecodeString(k.Value)
	var t fault.Text
	if err != nil || json.Unmarshal(b, &t) != nil {
		return ""
	}
	if _, ours := lang.Vietnamese()[t.Format]; !ours { // a sentence of the catalogue, not one that somebody planted
		return ""
	}
	return language(c).Text(t)
}
