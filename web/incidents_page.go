package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	registry "cho40/vendor_registry"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

type incidentsPage struct {
	frame
	Market       registry.Market
	Home, Action string
	Closes       bool // the reader may close incidents
	Settles      bool // and settle clashes
	Open, Closed []incidentShown
	Clashes      []clashShown
	Closings     []choice
	Wrong        wrong
}

type incidentShown struct {
	ID, Version, Stall, StallPath, Serial, SerialPath, Vendor string
	Head, Around, How, Note, Who                              string
	At                                                        time.Time
	Times                                                     int
}

type clashShown struct {
	ID, Head, Place, Who string
	At                   time.Time
	Lines                []string
}

// clashWords are the kinds of records of which a second version may come.
var clashWords = map[string]string{"stall": "A stall", "vendor": "A vendor", "account": "An account", "placard": "A stand", "placard_event": "What happened to a placard",
	"visit": "A visit", "consent": "A consent", "status": "How a vendor trades", "change": "A change of a stall", "void": "A visit taken back", "notice": "A slip that was carried"}

// incidentsPage answers GET /markets/:market/incidents: what whoever leads the team looks at.
func (s *Server) incidentsPage(c echo.Context) error { return s.incidents(c, http.StatusOK, wrong{}) }

func (s *Server) incidents(c echo.Context, code int, w wrong) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	m, err := s.reg(c).MarketFor(ctx, by, registry.SeeVendors, c.Param("market"))
	if err != nil {
		return err
	}
	all, err := s.openIncidents(c, m.Code)
	if err != nil {
		return err
	}
	newest, err := s.reg(c).Incidents(ctx, by, m.Code, true, registry.List{})
	if err != nil {
		return err
	}
	for _, i := range newest.Items {
		if i.State == "closed" {
			all = append(all, i)
		}
	}
	p := incidentsPage{frame: s.frame(c, l.T("Other codes and second versions"), &m, "market"), Market: m, Home: marketPath(m.Code), Action: marketPath(m.Code, "incidents"),
		Closes: by.Can(registry.CloseIncident, m), Settles: by.Can(registry.SettleClashes, m), Wrong: w}
	for _, closing := range registry.Closings {
		p.Closings = append(p.Closings, choice{Value: closing.Code, Words: l.T(closing.Words)})
	}
	for _, i := range all {
		shown := incidentShown{ID: i.Ref.String(), Version: i.ETag(), Stall: i.Stall, StallPath: stallPath(m.Code, i.Stall), Serial: i.Serial.String(), SerialPath: placardPath(i.Serial),
			Vendor: i.Vendor, Who: i.Who, At: i.SeenAt, Times: i.Times, Head: l.T(checkWords[i.Result]), Around: strings.Join(i.Around, ", "), Note: i.Note}
		if i.State == "open" {
			p.Open = append(p.Open, shown)
			continue
		}
		at := slices.IndexFunc(p.Closings, func(c choice) bool { return c.Value == *i.Closing })
		shown.How, shown.Who, shown.At = p.Closings[at].Words, *i.ClosedBy, *i.ClosedAt
		p.Closed = append(p.Closed, shown)
	}
	if p.Settles {
		cs, err := s.reg(c).Clashes(ctx, by, m.Code, false)
		if err != nil {
			return err
		}
		for _, clash := range cs {
			p.Clashes = append(p.Clashes, clashShown{ID: clash.ID.String(), Head: l.T(clashWords[clash.Kind]), Place: clash.Place, Who: clash.Who, At: clash.SentAt, Lines: contentLines(l, "", clash.Content)})
		}
	}
	return s.show(c, code, "incidents.html", p)
}

// openIncidents are all that are open in a market, however many were closed since.
func (s *Server) openIncidents(c echo.Context, market string) (all []registry.Incident, err error) {
	for l := (registry.List{Limit: 200}); ; {
		page, err := s.reg(c).Incidents(c.Request().Context(), actor(c), market, false, l)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == nil {
			return all, nil
		}
		l.Cursor = *page.Next
	}
}

// contentLines are what a second version says, a line a field, in the fields' own names.
func contentLines(l lang.Lang, under string, content map[string]any) (lines []string) {
	names := make([]string, 0, len(content))
	for name := range content {
		if under == "" && name == "id" { // both have it
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch v := content[name].(type) {
		case map[string]any:
			lines = append(lines, contentLines(l, under+name+" / ", v)...)
		case []any:
			if len(v) > 0 {
				lines = append(lines, under+name+": "+fmt.Sprint(v...))
			}
		default:
			lines = append(lines, under+name+": "+fmt.Sprint(v))
		}
	}
	return lines
}

// settle answers POST /markets/:market/incidents: one is closed, or a clash settled.
func (s *Server) settle(c echo.Context) error {
	ctx, by, market := c.Request().Context(), actor(c), c.Param("market")
	v, err := form(c)
	if err != nil {
		return err
	}
	if clash := v.Get("clash"); clash != "" {
		which, bad := id.Parse[registry.Clash](clash)
		if bad != nil {
			which = registry.ClashID{}
		}
		_, err = s.reg(c).SettleClash(ctx, by, market, which, v.Get("note"))
	} else {
		ref, bad := registry.ParseRef[registry.Incident](v.Get("incident"))
		if bad != nil || ref.Market != market { // of none: whether the market is there is said first
			ref = registry.IncidentRef{Market: market}
		}
		_, err = s.reg(c).CloseIncident(ctx, by, ref, v.Get("version"), v.Get("closing"), v.Get("note"))
	}
	if err == nil {
		sayNext(c, "Saved.")
		return c.Redirect(http.StatusSeeOther, marketPath(market, "incidents"))
	}
	w, code, ok := told(c, err)
	if !ok || fault.KindOf(err) == fault.Forbidden {
		return err
	}
	return s.incidents(c, code, w)
}
