package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

type orderPage struct {
	frame
	Market        registry.Market
	Home, Action  string
	Sections      string // address of the page of sections; empty: this is it
	Section, ETag string
	Stalls        bool // stalls of one section are ordered, not sections
	Wrong         wrong
	Rows          []orderRow
}

// orderRow is a section or a stall at its place.
type orderRow struct {
	Place     string // as typed
	Name      string // as stored
	Shown, To string
	Path      string // of a section's stalls
	Stalls    int
	Said      said
	Row       int
}

// orderPage answers GET /markets/:market/order: the sections in walking order, or with section= the stalls of one.
func (s *Server) orderPage(c echo.Context) error {
	return s.order(c, http.StatusOK, c.QueryParam("section"), c.QueryParams().Has("section"), nil, wrong{})
}

// order shows a form; typed is what was sent and could not be stored.
func (s *Server) order(c echo.Context, code int, section string, stalls bool, typed url.Values, w wrong) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	m, err := s.reg(c).MarketFor(ctx, by, registry.RegisterStall, c.Param("market"))
	if err != nil {
		return err
	}
	walk, err := s.reg(c).Walk(ctx, by, m.Code)
	if err != nil {
		return err
	}
	p := orderPage{frame: s.frame(c, l.T("Walking order"), &m, "market"), Market: m, Home: marketPath(m.Code), Action: marketPath(m.Code, "order"),
		ETag: walk.ETag(), Section: section, Stalls: stalls, Wrong: w}
	p.Path = p.Action
	shown := func(name string) string {
		if name == "" {
			return l.T("No section")
		}
		return name
	}
	if stalls {
		p.Sections, p.Title = p.Action, shown(section)
		p.Path = p.Action + "?section=" + url.QueryEscape(section)
		i := slices.IndexFunc(walk.Sections, func(sec registry.Section) bool { return sec.Name == section })
		if i < 0 {
			return fault.New(fault.NotFound, "section-not-found", "There is no section %q in this market.", section)
		}
		for j, stall := range walk.Sections[i].Stalls {
			p.Rows = append(p.Rows, orderRow{Row: j, Place: strconv.Itoa(j + 1), Name: stall, Shown: stall})
		}
	} else {
		for i, sec := range walk.Sections {
			p.Rows = append(p.Rows, orderRow{Row: i, Place: strconv.Itoa(i + 1), Name: sec.Name, Shown: shown(sec.Name), To: sec.Name, Stalls: len(sec.Stalls),
				Path: p.Action + "?section=" + url.QueryEscape(sec.Name)})
		}
	}
	for i := range p.Rows { // what was typed, where the row is still there
		row := &p.Rows[i]
		if j := slices.Index(typed["name"], row.Name); j >= 0 {
			if j < len(typed["place"]) {
				row.Place = typed["place"][j]
			}
			if j < len(typed["to"]) {
				row.To = typed["to"][j]
			}
			row.Said = said{"row-" + strconv.Itoa(i) + "-err", w.At("row/" + row.Name)}
		}
	}
	return s.show(c, code, "order.html", p)
}

// saveOrder answers POST /markets/:market/order.
func (s *Server) saveOrder(c echo.Context) error {
	ctx, by, market := c.Request().Context(), actor(c), c.Param("market")
	v, err := form(c)
	if err != nil {
		return err
	}
	section, stalls := v.Get("section"), v.Has("section")
	w := wrong{Detail: language(c).T("Some fields need mending."), Fields: map[string]string{}}
	names, at := v["name"], inOrder(v["place"])
	for i, name := range names {
		if i >= len(at) || at[i] < 0 {
			w.Fields["row/"+name] = language(c).T("Write a whole number.")
		}
	}
	if len(w.Fields) > 0 {
		return s.order(c, http.StatusUnprocessableEntity, section, stalls, v, w)
	}
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return at[a] - at[b] })
	var in registry.ArrangedWalk
	if stalls {
		walk, err := s.reg(c).Walk(ctx, by, market)
		if err != nil {
			return err
		}
		for _, sec := range walk.Sections {
			a := registry.ArrangedSection{Name: sec.Name}
			if sec.Name == section {
				a.Stalls = []string{}
				for _, i := range order {
					a.Stalls = append(a.Stalls, names[i])
				}
			}
			in.Sections = append(in.Sections, a)
		}
	} else {
		for _, i := range order {
			a := registry.ArrangedSection{Name: names[i]}
			if i < len(v["to"]) && (names[i] != "" || strings.TrimSpace(v["to"][i]) != "") {
				a.To = &v["to"][i]
			}
			in.Sections = append(in.Sections, a)
		}
	}
	_, err = s.reg(c).Arrange(ctx, by, market, v.Get("etag"), in)
	back := marketPath(market, "order")
	if err == nil {
		sayNext(c, "The walking order is saved.")
		return c.Redirect(http.StatusSeeOther, back)
	}
	w, code, ok := told(c, err)
	if !ok || fault.KindOf(err) == fault.Forbidden {
		return err
	}
	for pointer, detail := range w.Fields { // sections/3/to: the row that became the fourth
		if parts := strings.Split(pointer, "/"); len(parts) > 1 {
			if n, err := strconv.Atoi(parts[1]); err == nil && n < len(in.Sections) {
				w.Fields["row/"+in.Sections[n].Name] = detail
			}
		}
	}
	return s.order(c, code, section, stalls, v, w)
}

// inOrder reads the places that were typed into keys to sort by. Who takes the place of another comes before it when coming
// from below, and after it when coming from above. A place that is no number has the key -1.
func inOrder(places []string) []int {
	keys := make([]int, len(places))
	for i, text := range places {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		switch {
		case err != nil || n < 0 || n > 1_000_000:
			keys[i] = -1
		case n-1 < i:
			keys[i] = max(0, 3*n-1)
		case n-1 > i:
			keys[i] = 3*n + 1
		default:
			keys[i] = 3 * n
		}
	}
	return keys
}
