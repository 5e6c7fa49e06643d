package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

// tracesShown is how many events a page of the trail has.
const tracesShown = 50

type auditPage struct {
	frame
	Market    *registry.Market // nil: the service's own chain
	Home      string
	Here      string // this page without its query
	Listed    bool   // the reader sees events; an administrator only whether the chain is whole
	Filter    registry.TrailFilter
	Actors    []chooseTrace
	Kinds     []chooseKind
	Events    []traceShown
	First     string // addresses; empty: none
	Next      string
	Verify    string
	Verdict   *verification
	BrokenAt  string // number of the event, in words
	CSV, JSON string
	Wrong     wrong
}

type chooseTrace struct {
	Value, Words string
	Chosen       bool
}

type chooseKind struct {
	Head    string
	Actions []chooseTrace
}

// traceShown is an event in the reader's language.
type traceShown struct {
	registry.Traced
	Words, Called, Who, Role, Via, Names string
}

// Tile is the one that the timeline of a stall has for such an event.
func (e traceShown) Tile() string {
	if _, kind, _ := strings.Cut(e.Action, "."); happened[kind].tile != "" {
		return happened[kind].tile
	}
	return "t0"
}

// trailPage answers GET /markets/:market/audit and, for the service's own chain, GET /audit.
func (s *Server) trailPage(c echo.Context) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	p := auditPage{Here: "/audit"}
	title := l.T("What happened in the service")
	may := by.CanSomewhere
	if code := c.Param("market"); code != "" {
		m, err := s.reg(c).Market(ctx, by, code)
		if err != nil {
			return err
		}
		p.Market, p.Home, p.Here = &m, marketPath(m.Code), marketPath(m.Code, "audit")
		title = l.T("What happened at this market")
		may = func(do registry.Action) bool { return by.Can(do, m) }
	}
	if err := bindQuery(c, &p.Filter); err != nil {
		return err
	}
	p.Filter.Limit = tracesShown
	p.frame = s.frame(c, title, p.Market, "audit")
	code := http.StatusOK
	events, err := s.reg(c).Trail(ctx, by, c.Param("market"), p.Filter)
	switch {
	case err == nil:
		p.Listed = true
	case fault.KindOf(err) == fault.Forbidden && may(registry.VerifyAudit):
	case fault.KindOf(err) == fault.Invalid:
		p.Listed = true
		if p.Wrong, code, _ = told(c, err); code == 0 {
			return err
		}
	default:
		return err
	}
	for _, e := range events.Items {
		p.Events = append(p.Events, shownTrace(l, e))
	}
	if may(registry.VerifyAudit) {
		p.Verify = p.Here + "?verify=1"
		if c.QueryParam("verify") != "" {
			v, err := s.verified(c)
			if err != nil {
				return err
			}
			p.Verdict, p.BrokenAt = &v, l.Number(int(max(v.BrokenAt, v.Since)))
		}
	}
	if p.Listed {
		if err := s.narrow(c, &p, events.Next); err != nil {
			return err
		}
	}
	if p.Market != nil && may(registry.ExportAudit) || p.Market == nil && by.CanOverAll(registry.ExportAudit) {
		p.CSV, p.JSON = p.Here+"/exports/trail.csv", p.Here+"/exports/trail.jsonl"
	}
	return s.show(c, code, "audit.html", p)
}

// narrow fills in what the events may be narrowed down by, and where the pages before and after are.
func (s *Server) narrow(c echo.Context, p *auditPage, next *string) error {
	l := language(c)
	actors, err := s.reg(c).TrailActors(c.Request().Context(), actor(c), c.Param("market"))
	if err != nil {
		return err
	}
	for _, a := range actors {
		words := a.Who
		switch a.Actor {
		case "console":
			words = l.T("the console")
		case "system":
			words = l.T("the service")
		case "":
			continue
		}
		p.Actors = append(p.Actors, chooseTrace{a.Actor, words, a.Actor == p.Filter.Actor})
	}
	kinds := traceWords
	if p.Market == nil {
		kinds = serviceWords
	}
	for _, kind := range kinds {
		shown := chooseKind{Head: l.T(kind.Head)}
		for action, words := range kind.Words {
			shown.Actions = append(shown.Actions, chooseTrace{action, l.T(words), action == p.Filter.Action})
		}
		slices.SortFunc(shown.Actions, func(a, b chooseTrace) int { return strings.Compare(a.Words, b.Words) })
		p.Kinds = append(p.Kinds, shown)
	}
	q := url.Values{}
	for name, value := range map[string]string{"actor": p.Filter.Actor, "action": p.Filter.Action, "object": p.Filter.Object, "from": p.Filter.From, "to": p.Filter.To} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if p.Filter.Cursor != "" {
		p.First = p.Here + "?" + q.Encode()
	}
	if next != nil {
		q.Set("cursor", *next)
		p.Next = p.Here + "?" + q.Encode()
	}
	return nil
}

// shownTrace puts an event into the reader's language.
func shownTrace(l lang.Lang, e registry.Traced) traceShown {
	out := traceShown{Traced: e, Words: traceSentence(l, e.Action), Called: e.About, Who: e.Who, Role: rolesInWords(l, e.Role), Via: l.T(viaWords[e.Via])}
	switch e.Actor {
	case "console":
		out.Who = l.T("the console")
	case "system":
		out.Who = l.T("the service")
	case "":
		out.Who = l.T("nobody who is known")
	}
	if out.Who == "" {
		out.Who = e.Actor
	}
	if e.Provider != "" {
		out.Called = registry.ProviderName(e.Provider) + " •••• " + e.Tail
	}
	out.Names = strings.Join(e.Fields, ", ")
	return out
}
