package web

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

// figuresFrame is what the pages of targets, figures and campaigns have in common: the place that they are about.
type figuresFrame struct {
	frame
	Place    string // its name; empty: the country
	Home     string // address of the market's page, else of the list of markets
	HomeName string
	Self     string // address of this page
	Tabs     []navLink
	Form     *pageForm // nil: not for this reader
}

// onGround begins such a page for whoever may see it.
func (s *Server) onGround(c echo.Context, do registry.Action, title, page string) (figuresFrame, registry.Ground, error) {
	l := language(c)
	g, err := s.reg(c).GroundFor(c.Request().Context(), actor(c), do, asked(c, "market"), asked(c, "area"))
	if err != nil {
		return figuresFrame{}, g, err
	}
	current := "coverage"
	if g.Market != nil {
		current = "market"
	}
	p := figuresFrame{frame: s.frame(c, title, g.Market, current), Place: g.Name, Home: "/", HomeName: l.T("Markets")}
	if g.Market != nil {
		p.Home, p.HomeName = marketPath(g.Market.Code), g.Market.Name
	} else if g.Name == "" {
		p.Place = l.T("The whole country")
	}
	at := func(page string) string {
		q := url.Values{}
		if g.Market != nil {
			q.Set("market", g.Market.Code)
		} else if g.Area != "" {
			q.Set("area", g.Area)
		}
		if len(q) == 0 {
			return "/" + page
		}
		return "/" + page + "?" + q.Encode()
	}
	p.Self = at(page)
	p.Path = p.Self // a form shown again stands under an address that only takes forms
	tab := func(name, words string, shown bool) {
		if shown {
			p.Tabs = append(p.Tabs, navLink{Path: at(name), Words: words, Current: name == page})
		}
	}
	tab("coverage", l.T("Coverage"), g.Market == nil || g.Market.Site == "")
	_, err = s.reg(c).GroundFor(c.Request().Context(), actor(c), registry.SeeTargets, asked(c, "market"), asked(c, "area"))
	tab("targets", l.T("Targets"), err == nil)
	tab("figures", l.T("Figures of others"), true)
	tab("campaigns", l.T("Campaigns"), true)
	return p, g, nil
}

// may reports whether the reader may do something in all of the place.
func (s *Server) may(c echo.Context, do registry.Action) bool {
	_, err := s.reg(c).GroundFor(c.Request().Context(), actor(c), do, asked(c, "market"), asked(c, "area"))
	return err == nil
}

type targetsPage struct {
	figuresFrame
	Running, Over []standingShown
	End           string // address of the form that ends one; empty: not for this reader
}

type standingShown struct {
	ID                 string // empty: not set here
	Words, Due, Target string
	From               string // the place above that it comes from
	Document           string
	State              string
	Now, Method        string // empty: no figure
	Part, Whole        int    // of the bar: 0 of 0 is none
	Facts              []fact
	Pace               string // whether it reaches it; empty: not known
}

// targetsPage answers GET /targets.
func (s *Server) targetsPage(c echo.Context) error { return s.targets(c, http.StatusOK, filledForm{}) }

func (s *Server) targets(c echo.Context, code int, sent filledForm) error {
	l := language(c)
	f, g, err := s.onGround(c, registry.SeeTargets, l.T("Targets"), "targets")
	if err != nil {
		return err
	}
	page, err := s.cov(c).Targets(c.Request().Context(), actor(c), coverage.TargetQuestion{Market: g.MarketCode(), Area: g.Area})
	if err != nil {
		return err
	}
	p := targetsPage{figuresFrame: f}
	for _, st := range page.Items {
		shown := standing(l, st)
		if st.State == "running" {
			p.Running = append([]standingShown{shown}, p.Running...) // the next due first
		} else {
			p.Over = append(p.Over, shown)
		}
	}
	if s.may(c, registry.SetTargets) {
		p.End = strings.Replace(f.Self, "/targets", "/targets/end", 1)
		form := pageForm{ID: "target", Head: l.T("Set a target"), Action: f.Self + "#target", Button: l.T("Set the target"), Open: len(page.Items) == 0, Fields: []formField{
			{Name: "indicator", Label: l.T("What is counted"), Options: indicatorChoices(l, true), Whole: true},
			{Name: "value", Label: l.T("Target"), Hint: l.T("A share is written with a percent sign and holds for the places inside too; a number is of this place alone."), Required: true},
			{Name: "due", Label: l.T("Until the end of"), Type: "date", Required: true},
			{Name: "provider", Label: l.T("Wallet or bank"), Hint: l.T("Only where it is counted for one.")},
			{Name: "document", Label: l.T("Decided in"), Hint: l.T("Document, number, day."), Required: true}}}.made(c, sent, url.Values{})
		p.Form = &form
	}
	return s.show(c, code, "targets.html", p)
}

// indicatorChoices are the indicators of a form; those counted here only where they can be chosen.
func indicatorChoices(l lang.Lang, ours bool) (out []choice) {
	for _, in := range coverage.Indicators {
		if ours || !in.Ours {
			out = append(out, choice{Value: in.Code, Words: l.T(indicatorWords[in.Code])})
		}
	}
	return out
}

// counted writes a figure: 264 / 480 (55 %), 2.600, or 50 %.
func counted(l lang.Lang, part, whole *int64, share *float64) string {
	switch {
	case part != nil && whole != nil && share != nil:
		return l.Number(int(*part)) + " / " + l.Number(int(*whole)) + " (" + l.Percent(*share) + ")"
	case part != nil:
		return l.Number(int(*part))
	case share != nil:
		return l.Percent(*share)
	}
	return "–"
}

func standing(l lang.Lang, st coverage.Standing) standingShown {
	t := st.Target
	out := standingShown{Words: l.T(indicatorWords[t.Indicator]), Due: l.Day(t.Due.End()), Target: counted(l, t.Number, nil, t.Share), Document: t.Document, State: l.T(standingWords[st.State])}
	if t.Provider != "" {
		out.Words += ", " + registry.ProviderName(t.Provider)
	}
	if st.Inherited {
		out.From = t.Place
		if t.Area == "" {
			out.From = l.T("The whole country")
		}
	} else {
		out.ID = t.ID.String()
	}
	if f := st.Figure; f != nil && (f.Denominator == nil || *f.Denominator > 0) {
		out.Now, out.Method = counted(l, f.Numerator, f.Denominator, f.Share), l.T(methodWords[f.Method])
		if f.Numerator != nil && f.Denominator != nil {
			out.Part, out.Whole = int(*f.Numerator), int(*f.Denominator)
		} else if f.Share != nil {
			out.Part, out.Whole = int(*f.Share*1000), 1000
		}
	}
	add := func(label, value string) { out.Facts = append(out.Facts, fact{label, value}) }
	if st.Missing != nil {
		add(l.T("Missing"), l.Number(int(*st.Missing)))
	}
	if st.NeededPerWeek != nil {
		add(l.T("Needed a week"), l.Number(int(*st.NeededPerWeek)))
	}
	if st.Pace != nil {
		add(l.T("Came a week"), l.T("%.1f", *st.Pace))
	}
	if st.State == "running" {
		add(l.T("Weeks left"), l.T("%.1f", st.WeeksLeft))
	}
	if st.OnPace != nil {
		out.Pace = l.T("At this pace it is not reached.")
		if *st.OnPace {
			out.Pace = l.T("At this pace it is reached.")
		}
	}
	return out
}

// setTarget answers POST /targets.
func (s *Server) setTarget(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	w := wrong{Detail: language(c).T("Some fields need mending."), Fields: map[string]string{}}
	in := coverage.NewTarget{Indicator: v.Get("indicator"), Market: asked(c, "market"), Area: asked(c, "area"), Provider: strings.TrimSpace(v.Get("provider")), Document: v.Get("document")}
	in.Due = s.formDay(c, v, "due", &w)
	in.Share, in.Number = s.shareOrNumber(c, v, "value", &w)
	if _, err := s.reg(c).GroundFor(c.Request().Context(), actor(c), registry.SetTargets, in.Market, in.Area); err != nil {
		return err
	}
	if len(w.Fields) == 0 {
		var set coverage.Target
		if set, err = s.cov(c).SetTarget(c.Request().Context(), actor(c), in); err == nil {
			sayNext(c, "The target for %s is set.", language(c).Day(set.Due.End()))
			return c.Redirect(http.StatusSeeOther, strings.TrimSuffix(c.Request().URL.RequestURI(), "#target"))
		}
		var code int
		var ok bool
		if w, code, ok = told(c, err); !ok {
			return err
		}
		for _, name := range []string{"share", "number"} {
			if said := w.Fields[name]; said != "" && w.Fields["value"] == "" {
				w.Fields["value"] = said
			}
		}
		return s.targets(c, code, filledForm{id: "target", values: v, wrong: w})
	}
	return s.targets(c, http.StatusUnprocessableEntity, filledForm{id: "target", values: v, wrong: w})
}

// formDay reads a day of a form; empty is no day.
func (s *Server) formDay(c echo.Context, v url.Values, name string, w *wrong) registry.Day {
	text := strings.TrimSpace(v.Get(name))
	if text == "" {
		return registry.Day{}
	}
	day, err := registry.ParseDay(text)
	if err != nil {
		w.Fields[name] = language(c).T("A day is written as 2026-11-22.")
	}
	return day
}

// shareOrNumber reads 70 % or 300; dots group thousands.
func (s *Server) shareOrNumber(c echo.Context, v url.Values, name string, w *wrong) (share *float64, number *int64) {
	text := strings.TrimSpace(v.Get(name))
	switch {
	case text == "":
		return nil, nil
	case strings.HasSuffix(text, "%"):
		f, ok := coverage.Percent(text)
		if !ok {
			w.Fields[name] = language(c).T("Write a whole number, or a share with a percent sign.")
		}
		return &f, nil
	}
	n, err := strconv.ParseInt(strings.NewReplacer(".", "", ",", "", " ", "").Replace(text), 10, 64)
	if err != nil {
		w.Fields[name] = language(c).T("Write a whole number, or a share with a percent sign.")
	}
	return nil, &n
}

// endTarget answers POST /targets/end.
func (s *Server) endTarget(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	if _, err := s.reg(c).GroundFor(c.Request().Context(), actor(c), registry.SetTargets, asked(c, "market"), asked(c, "area")); err != nil {
		return err
	}
	err = s.cov(c).EndTarget(c.Request().Context(), actor(c), v.Get("target"))
	if err != nil && fault.CodeOf(err) != "target-not-found" {
		return err
	}
	if err == nil {
		sayNext(c, "The target is out of force. It stays in the record.")
	}
	return c.Redirect(http.StatusSeeOther, strings.Replace(c.Request().URL.RequestURI(), "/targets/end", "/targets", 1))
}

type figuresPage struct {
	figuresFrame
	Share     *coverage.Share // ours; nil: no market here
	Rows      []figureShown
	Provider  string
	Providers []providerShown
	Points    *coverage.Reconciliation
	Order     string // of the markets in it
	Orders    []navLink
	Withdraw  string // address of the form that takes one back; empty: not for this reader
}

// providerShown is a provider whose points can be compared.
type providerShown struct {
	Code, Words, Path string
	Chosen            bool
}

type figureShown struct {
	ID                          string
	Words, Provider, Place      string
	Now, Method, Period         string
	Source, Note, State, Why    string
	Current, Corrects, Mendable bool
}

// pointOrders are what a reconciliation may be ordered by; the first is by market.
var pointOrders = []order[coverage.MarketPoint]{
	{"", fault.Say("Market"), nil},
	{"reported", fault.Say("Reported"), func(m coverage.MarketPoint) float64 { return known(m.Reported) }},
	{"counted", fault.Say("Counted here"), func(m coverage.MarketPoint) float64 { return float64(m.Counted) }},
	{"difference", fault.Say("Difference"), func(m coverage.MarketPoint) float64 { return known(m.Difference) }},
}

// known is how large a number is, less than any where nobody knows it.
func known(n *int64) float64 {
	if n == nil {
		return -1
	}
	return math.Abs(float64(*n))
}

// figuresPage answers GET /figures.
func (s *Server) figuresPage(c echo.Context) error { return s.figures(c, http.StatusOK, filledForm{}) }

func (s *Server) figures(c echo.Context, code int, sent filledForm) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	f, g, err := s.onGround(c, registry.SeeCoverage, l.T("Figures of others"), "figures")
	if err != nil {
		return err
	}
	list, err := s.cov(c).Figures(ctx, by, coverage.FigureQuestion{Market: g.MarketCode(), Area: g.Area, Below: true, Every: true, List: registry.List{Limit: 200}})
	if err != nil {
		return err
	}
	p := figuresPage{figuresFrame: f, Provider: asked(c, "provider")}
	mends := s.may(c, registry.ReportFigures)
	if mends {
		p.Withdraw = strings.Replace(f.Self, "/figures", "/figures/withdraw", 1)
	}
	offered := map[string]bool{}
	for _, fig := range list.Items {
		row := figureShown{ID: fig.ID.String(), Words: l.T(indicatorWords[fig.Indicator]), Place: fig.Place, Now: counted(l, fig.Numerator, fig.Denominator, fig.Share),
			Method: l.T(methodWords[fig.Method]), Period: l.Day(fig.Until.End()), Source: fig.Source, Note: fig.Note, Current: fig.State == "current", Corrects: fig.Corrects != nil, Why: fig.Withdrawn}
		row.Mendable = mends && row.Current && fig.Market == g.MarketCode() && fig.Area == g.Area && g.Allows(fig.Provider) && (fig.Provider != "" || g.Only == nil)
		if fig.From != nil {
			row.Period = l.Day(fig.From.End()) + " – " + row.Period
		}
		if fig.Provider != "" {
			row.Provider = registry.ProviderName(fig.Provider)
		}
		switch fig.State {
		case "corrected":
			row.State = l.T("Corrected since")
		case "withdrawn":
			row.State = l.T("Withdrawn")
		}
		p.Rows = append(p.Rows, row)
		if fig.Indicator == coverage.PointsOfSale && !offered[fig.Provider] {
			offered[fig.Provider] = true
			q := url.Values{"provider": {fig.Provider}}
			if g.Market != nil {
				q.Set("market", g.Market.Code)
			} else if g.Area != "" {
				q.Set("area", g.Area)
			}
			p.Providers = append(p.Providers, providerShown{fig.Provider, row.Provider, "/figures?" + q.Encode() + "#points", fig.Provider == p.Provider})
		}
	}
	if p.Provider == "" && len(p.Providers) == 1 {
		p.Provider, p.Providers[0].Chosen = p.Providers[0].Code, true
	}
	share, err := s.cov(c).Share(ctx, by, coverage.Question{Market: g.MarketCode(), Area: g.Area})
	switch {
	case err == nil:
		p.Share = &share
	case fault.KindOf(err) != fault.Forbidden && fault.KindOf(err) != fault.NotFound && fault.CodeOf(err) != "site-no-market":
		return err
	}
	if p.Provider != "" {
		r, err := s.cov(c).Reconcile(ctx, by, p.Provider, g.MarketCode(), g.Area, registry.Day{})
		switch {
		case err == nil:
			p.Points = &r
			p.Order, p.Orders = sorted(c, "points", pointOrders, r.Markets)
		case fault.KindOf(err) != fault.Invalid && fault.KindOf(err) != fault.NotFound:
			return err
		}
	}
	if mends {
		var methods []choice
		for _, m := range coverage.Methods {
			if g.Only == nil || m == "partner_reported" {
				methods = append(methods, choice{Value: m, Words: l.T(methodWords[m])})
			}
		}
		form := pageForm{ID: "figure", Head: l.T("Report a figure"), Action: f.Self + "#figure", Button: l.T("Keep the figure"), Open: len(p.Rows) == 0, Fields: []formField{
			{Name: "indicator", Label: l.T("What is counted"), Options: indicatorChoices(l, false)},
			{Name: "provider", Label: l.T("Wallet or bank"), Hint: l.T("Only where it is counted for one.")},
			{Name: "value", Label: l.T("Figure"), Hint: l.T("A number, or with a percent sign where only the share is known."), Required: true},
			{Name: "denominator", Label: l.T("Of how many"), Hint: l.T("Where it is known: of 79 hamlets."), Mode: "numeric"},
			{Name: "from", Label: l.T("From which day"), Hint: l.T("Empty: how it was on the last day."), Type: "date"},
			{Name: "until", Label: l.T("Last day"), Type: "date", Required: true},
			{Name: "method", Label: l.T("How it was found"), Options: methods},
			{Name: "source", Label: l.T("Who says so"), Hint: l.T("The same source on the same days corrects what it said before."), Required: true},
			{Name: "note", Label: l.T("Note"), Whole: true}}}.made(c, sent, url.Values{})
		p.Form = &form
	}
	return s.show(c, code, "figures.html", p)
}

// reportFigure answers POST /figures.
func (s *Server) reportFigure(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	w := wrong{Detail: language(c).T("Some fields need mending."), Fields: map[string]string{}}
	in := coverage.NewFigure{Indicator: v.Get("indicator"), Market: asked(c, "market"), Area: asked(c, "area"), Provider: strings.TrimSpace(v.Get("provider")), Method: v.Get("method"),
		Source: v.Get("source"), Note: v.Get("note")}
	if _, err := s.reg(c).GroundFor(c.Request().Context(), actor(c), registry.ReportFigures, in.Market, in.Area); err != nil {
		return err
	}
	in.Until = s.formDay(c, v, "until", &w)
	if from := s.formDay(c, v, "from", &w); !from.IsZero() {
		in.From = &from
	}
	in.Share, in.Numerator = s.shareOrNumber(c, v, "value", &w)
	var none *float64
	if none, in.Denominator = s.shareOrNumber(c, v, "denominator", &w); none != nil {
		w.Fields["denominator"] = language(c).T("Write a whole number.")
	}
	code := http.StatusUnprocessableEntity
	if len(w.Fields) == 0 {
		if _, err = s.cov(c).Report(c.Request().Context(), actor(c), in); err == nil {
			sayNext(c, "The figure is kept, with who says so.")
			return c.Redirect(http.StatusSeeOther, c.Request().URL.RequestURI())
		}
		var ok bool
		if w, code, ok = toldOf(c, err); !ok {
			return err
		}
		for _, name := range []string{"share", "numerator"} {
			if said := w.Fields[name]; said != "" && w.Fields["value"] == "" {
				w.Fields["value"] = said
			}
		}
	}
	return s.figures(c, code, filledForm{id: "figure", values: v, wrong: w})
}

// withdrawFigure answers POST /figures/withdraw.
func (s *Server) withdrawFigure(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	if _, err := s.reg(c).GroundFor(c.Request().Context(), actor(c), registry.ReportFigures, asked(c, "market"), asked(c, "area")); err != nil {
		return err
	}
	if _, err = s.cov(c).Withdraw(c.Request().Context(), actor(c), v.Get("figure"), v.Get("reason")); err == nil {
		sayNext(c, "The figure is withdrawn. What it corrected counts again.")
	} else if kind := fault.KindOf(err); kind == fault.Invalid {
		w, code, _ := told(c, err)
		return s.figures(c, code, filledForm{id: "figure", values: url.Values{}, wrong: w})
	} else if kind != fault.NotFound && kind != fault.Conflict {
		return err
	}
	return c.Redirect(http.StatusSeeOther, strings.Replace(c.Request().URL.RequestURI(), "/figures/withdraw", "/figures", 1))
}
