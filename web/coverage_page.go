package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

type coveragePage struct {
	figuresFrame
	Shares   []shareShown
	Own      bool             // they are of a provider's own customers
	Others   *coverage.Others // nil: nobody is told of apart
	AsOf     string
	Every    []navLink
	Chart    *chartShown // nil: nobody ever traded here
	Tiles    []tileShown // empty: not for this reader
	Parts    []partShown // the places below; none of a market
	Order    string      // what they are ordered by
	Orders   []navLink
	By       string          // what they are
	Share    *coverage.Share // with the two below: of an area
	Steps    []stepShown
	Why      []reasonShown // the commonest ones
	Rows     []pointShown
	Quarters []quarterShown // empty: not for this reader
	Table    bool           // the reports are tables of an area
	Above    []navLink      // the areas in which the market lies, as far as all of them is the reader's
}

// shareShown is one of the three shares.
type shareShown struct {
	Name, Value, Of, Definition string
	Part, Whole                 int
}

// chartShown is a series with coordinates in per cent of the plot.
type chartShown struct {
	Ticks  []chartText
	Bands  []chartBand
	Goals  []chartLine
	Runs   []chartLine
	Dots   []chartText
	Labels []chartText
	End    *chartText
	Aim    *chartText
}

type chartText struct{ X, Y, Words, Class string }

type chartLine struct{ X1, Y1, X2, Y2 string }

// chartBand is a campaign by its number.
type chartBand struct {
	Number          int
	X, Width, Words string
	Mark            int // how far down its mark stands, in pixels: those of one time stand below each other
}

type pointShown struct {
	Day, Of, Share string
	Campaigns      []string
}

// quarterShown is a quarter with its reports.
type quarterShown struct {
	Words, State, Hash, Corrected string
	Files                         []navLink
}

// quartersShown is how many quarters a page offers reports of.
const quartersShown = 9

var everyWords = []struct{ every, words string }{{"week", "By week"}, {"month", "By month"}, {"quarter", "By quarter"}}

// coveragePage answers GET /coverage: the shares of a market, an area or the country, their history with the campaigns on it, and the reports.
func (s *Server) coveragePage(c echo.Context) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	f, g, err := s.onGround(c, registry.SeeCoverage, l.T("Coverage"), "coverage")
	if err != nil {
		return err
	}
	p := coveragePage{figuresFrame: f, Table: g.Market == nil}
	of := coverage.Question{Market: g.MarketCode(), Area: g.Area}
	share, err := s.cov(c).Share(ctx, by, of)
	if err != nil {
		return err
	}
	p.AsOf, p.Own, p.Others = dateOf(l, share.AsOf), share.Providers != nil, share.Others
	for i, n := range [3]*int{&share.Accepting, share.Equipped.Numerator, share.Used.Numerator} {
		shown := shareShown{Name: threeWords(l)[i], Value: percentOr(l, shareOf(n, share.Vendors)), Definition: [3]string{share.Definition, share.Equipped.Definition, share.Used.Definition}[i], Whole: share.Vendors}
		switch {
		case share.Vendors == 0 && p.Own:
			shown.Of = l.T("None of your customers trades here")
		case share.Vendors == 0:
			shown.Of = l.T("Nobody trades here yet")
		case n == nil:
			shown.Of = l.T("No wallet or bank reports")
		case p.Own:
			shown.Part, shown.Of = *n, l.T("%s of your customers", fraction(l, n, share.Vendors))
		default:
			shown.Part, shown.Of = *n, l.T("%s vendors", fraction(l, n, share.Vendors))
		}
		p.Shares = append(p.Shares, shown)
	}
	every := asked(c, "every")
	if every == "" {
		every = "month"
	}
	series, err := s.cov(c).History(ctx, by, coverage.Trend{Question: of, Every: every})
	if err != nil {
		return err
	}
	for _, e := range everyWords {
		p.Every = append(p.Every, navLink{Path: with(c, "every", e.every), Words: l.T(e.words), Current: e.every == every})
	}
	points := series.Points
	for len(points) > 1 && points[1].Vendors == 0 { // before anybody was in the record
		points = points[1:]
	}
	if points[len(points)-1].Vendors > 0 || points[0].Vendors > 0 {
		first, last := points[0].AsOf, points[len(points)-1].AsOf
		campaigns, err := s.cov(c).Campaigns(ctx, by, g.MarketCode(), g.Area, first, last)
		if err != nil {
			return err
		}
		slices.Reverse(campaigns) // numbered as they came
		var aims []coverage.Standing
		if found, err := s.cov(c).Targets(ctx, by, coverage.TargetQuestion{Market: g.MarketCode(), Area: g.Area, Indicator: coverage.Accepting, List: registry.List{Limit: 20}}); err == nil {
			aims = found.Items
		} else if fault.KindOf(err) != fault.Forbidden && fault.KindOf(err) != fault.NotFound {
			return err
		}
		p.draw(l, points, campaigns, aims)
	}
	if g.Market == nil {
		if p.Share = &share; share.Vendors > 0 {
			p.Steps, p.Why = steps(l, &share), commonest(l, reasons(l, &share))
		}
		var whole coverage.Share
		var country *coverage.Share
		if p.By, p.Parts, whole, err = s.parts(c, g.Area); err != nil {
			return err
		}
		p.Order, p.Orders = sorted(c, "parts", partOrders, p.Parts)
		if g.Area == "" {
			country = &whole
		}
		if p.Tiles, err = s.tiles(c, g.Area, country); err != nil {
			return err
		}
		if g.Area == "" { // there are no reports of the country
			return s.show(c, http.StatusOK, "coverage.html", p)
		}
	}
	if m := g.Market; m != nil {
		for _, area := range [][2]string{{m.Area, m.AreaName}, {m.Province, m.ProvinceName}} {
			path := "/coverage?" + url.Values{"area": {area[0]}}.Encode()
			if area[0] == "" || slices.ContainsFunc(p.Above, func(n navLink) bool { return n.Path == path }) {
				continue
			}
			if _, err := s.reg(c).GroundFor(ctx, by, registry.SplitCoverage, "", area[0]); err == nil {
				p.Above = append(p.Above, navLink{Path: path, Words: area[1]})
			}
		}
	}
	states, err := s.cov(c).Quarters(ctx, by, g.MarketCode(), g.Area, quartersShown)
	if err != nil && fault.KindOf(err) != fault.Forbidden {
		return err
	}
	for _, q := range states {
		p.Quarters = append(p.Quarters, quarterOf(l, g, q))
	}
	return s.show(c, http.StatusOK, "coverage.html", p)
}

func quarterOf(l lang.Lang, g registry.Ground, q coverage.QuarterState) quarterShown {
	out := quarterShown{Words: strings.ReplaceAll(quarterWords(l, q.Quarter), " ", "\u00a0"), State: l.T("provisional")}
	if q.Closed != nil {
		out.State, out.Hash = l.T("closed on %s", l.Day(q.Closed.ClosedAt)), q.Closed.Hash[:12]
	}
	if c := q.Correction; c != nil {
		out.Corrected = l.T("Found out since the closing: %s vendors, %s paid by scan, %s with a code. The reports stay as they were closed; it counts from the next day on.",
			signed(l, c.Vendors), signed(l, c.Accepting), signed(l, c.Equipped))
	}
	path, formats := "/api/v1/markets/"+url.PathEscape(g.MarketCode()), []string{"pdf", "xlsx"}
	if g.Market == nil {
		path, formats = "/api/v1/areas/"+url.PathEscape(g.Area), []string{"pdf", "xlsx", "csv"}
	}
	for _, format := range formats {
		out.Files = append(out.Files, navLink{Path: path + "/reports/" + q.Quarter + "." + format + "?lang=" + string(l), Words: strings.ToUpper(format)})
	}
	return out
}

func signed(l lang.Lang, n int) string {
	switch {
	case n > 0:
		return "+" + l.Number(n)
	case n < 0:
		return "−" + l.Number(-n)
	}
	return "0"
}

// draw puts a series into coordinates, with the campaigns that run while it does and the targets as steps.
func (p *coveragePage) draw(l lang.Lang, points []coverage.Point, campaigns []coverage.Campaign, aims []coverage.Standing) {
	first, last := points[0].AsOf, points[len(points)-1].AsOf
	width := float64(max(last.Number()-first.Number(), 1))
	x := func(d registry.Day) float64 { return min(max(100*float64(d.Number()-first.Number())/width, 0), 100) }
	pct := func(v float64) string { return fmt.Sprintf("%.2f%%", v) }
	most := 0.05
	for _, q := range points {
		if q.Share != nil {
			most = max(most, *q.Share)
		}
	}
	var due []coverage.Target
	for _, a := range aims {
		if a.Target.Share != nil && !first.After(a.Target.Due) {
			due = append([]coverage.Target{a.Target}, due...) // the earliest due first
		}
	}
	for i, t := range due {
		if i == 0 || !due[i-1].Due.After(last) {
			most = max(most, *t.Share)
		}
	}
	top := 1.0
	for _, t := range []float64{0.1, 0.2, 0.4, 0.6, 0.8} {
		if most*1.05 <= t {
			top = t
			break
		}
	}
	y := func(share float64) float64 { return 100 * (1 - share/top) }
	c := &chartShown{}
	for i := range 5 {
		share := top * float64(i) / 4
		c.Ticks = append(c.Ticks, chartText{Y: pct(y(share)), Words: wholePercent(l, share)})
	}
	var ends []registry.Day // of the last campaign on each level of marks
	for i, ca := range campaigns {
		from, to := x(ca.From), x(ca.Until.Plus(1))
		at := slices.IndexFunc(ends, ca.From.After)
		if at < 0 {
			at, ends = len(ends), append(ends, ca.Until)
		}
		ends[at] = ca.Until
		c.Bands = append(c.Bands, chartBand{i + 1, pct(from), pct(max(to-from, 0.6)),
			l.T("%s (%s, %s – %s)", ca.Name, registry.ProviderName(ca.Provider), dateOf(l, ca.From), dateOf(l, ca.Until)), 20*(at%5) - 6})
	}
	from, level := first, -1.0
	for _, t := range due {
		if !last.After(from) {
			break
		}
		to := t.Due
		if to.After(last) {
			to = last
		}
		if level >= 0 && level != *t.Share {
			c.Goals = append(c.Goals, chartLine{pct(x(from)), pct(y(level)), pct(x(from)), pct(y(*t.Share))})
		}
		c.Goals = append(c.Goals, chartLine{pct(x(from)), pct(y(*t.Share)), pct(x(to)), pct(y(*t.Share))})
		c.Aim = &chartText{X: pct(x(to)), Y: pct(y(*t.Share)), Words: l.T("Target %s", wholePercent(l, *t.Share))}
		from, level = to, *t.Share
	}
	var before *chartText
	for i, q := range points {
		label := chartText{X: pct(x(q.AsOf)), Words: shortDay(q.AsOf)}
		switch step := max(1, (len(points)+5)/6); {
		case (len(points)-1-i)%step != 0:
			label.Words = ""
		case i == 0:
			label.Class = " start"
		case (len(points)-1-i)/step%2 == 1:
			label.Class = " odd"
		}
		if label.Words != "" {
			c.Labels = append(c.Labels, label)
		}
		row := pointShown{Day: dateOf(l, q.AsOf), Of: fraction(l, &q.Accepting, q.Vendors), Share: percentOr(l, q.Share)}
		since := first
		if i > 0 {
			since = points[i-1].AsOf.Plus(1)
		}
		for n, ca := range campaigns {
			if !ca.From.After(q.AsOf) && !since.After(ca.Until) {
				row.Campaigns = append(row.Campaigns, fmt.Sprintf("%d. %s", n+1, ca.Name))
			}
		}
		p.Rows = append([]pointShown{row}, p.Rows...)
		if q.Share == nil {
			before = nil
			continue
		}
		dot := chartText{X: pct(x(q.AsOf)), Y: pct(y(*q.Share)), Words: row.Share}
		if before != nil {
			c.Runs = append(c.Runs, chartLine{before.X, before.Y, dot.X, dot.Y})
		}
		c.Dots, before = append(c.Dots, dot), &dot
		end := dot
		if *q.Share < top*0.15 { // clear of the days below
			end.Class = " low"
		}
		c.End = &end
	}
	p.Chart = c
}
