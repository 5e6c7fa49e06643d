package coverage

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// Report is what the page of a market's quarter says. Of a quarter that is closed it is read from what was frozen with it, and so the
// same for ever; of one that is not, it is provisional.
type Report struct {
	Market   string       // its code
	Name     string       // of the market, as it was called at the closing
	Units    []Unit       // in which it lay on the last day, the nearest first
	Quarter  string       // 2026-Q3
	From     registry.Day // first day of the quarter
	Until    registry.Day // and its last one
	AsOf     registry.Day // the figures' day: the last one, or today while the quarter goes on
	Closed   *Closed      // nil: provisional
	Figures  Tally
	Before   Tally     // at the end of the quarter before
	Funnel   []Step    // of Figures
	Barriers []Barrier // they sum to the gap
	Points   []Spot    // of the accepting share: the end of the quarter before, each week's, the figures' day
	Targets  []Aim     // by due day
	Running  []Running // campaigns, by their first day
	Made     time.Time // when it was closed, or now
}

// Unit is an area by its code.
type Unit struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

// Tally is the three shares of some vendors: numerators, and the denominator that they have in common.
type Tally struct {
	Vendors     int
	Accepting   int
	Equipped    int
	Used        *int        // nil: nobody knows
	Definitions Definitions // of accepting, equipped, used
}

// Definitions are the definitions of the three shares by name, in their order.
type Definitions [3]string

// Spot is a point of a chart.
type Spot struct {
	Day       registry.Day `json:"day"`
	Vendors   int          `json:"vendors"`
	Accepting int          `json:"accepting"`
}

// Aim is a target that holds for a market, its own or of a place above.
type Aim struct {
	Indicator string       `json:"indicator"`
	Due       registry.Day `json:"due"`
	Share     *float64     `json:"share,omitempty"`
	Number    *int64       `json:"number,omitempty"` // of the market alone
	Document  string       `json:"document"`
	Near      int          `json:"near"` // whose it is: 0 the country's, 1 the province's, 2 the district's, 3 the commune's, 4 the market's
}

// Running is a campaign on a chart.
type Running struct {
	Name     string       `json:"name"`
	Provider string       `json:"provider"` // its name
	From     registry.Day `json:"from"`
	Until    registry.Day `json:"until"`
}

// page is what a report says beside the figures, frozen with them.
type page struct {
	Name        string         `json:"name"`
	Units       []Unit         `json:"units"`
	Definitions Definitions    `json:"definitions"`
	Before      map[string]int `json:"before"`       // as registry.Counted, at the end of the quarter before
	Known       int            `json:"known"`        // vendors at providers who report
	KnownBefore int            `json:"known_before"` // and at the end of the quarter before
	Days        map[string]int `json:"days"`         // for how many days a barrier stands, on the average
	Points      []Spot         `json:"points"`
	Targets     []Aim          `json:"targets"`
	Campaigns   []Running      `json:"campaigns"`
}

// span are the first and the last day of a quarter. Faults: Invalid quarter-invalid, quarter-future.
func (s *Service) span(quarter string) (from, until registry.Day, err error) {
	if until, err = endOf(quarter); err != nil {
		return from, until, err
	}
	if from = starts("quarter", until); from.After(registry.DayOf(s.now())) {
		return from, until, fault.New(fault.Invalid, "quarter-future", "The quarter %s has not begun yet.", quarter).
			With(fault.At("quarter", "future", "A quarter that has begun."))
	}
	return from, until, nil
}

// QuarterReport is the page of a market's quarter, for whoever may split its figures: it tells of small groups.
//
// Faults: Invalid quarter-invalid, quarter-future, site-no-market; NotFound market-not-found; Forbidden.
func (s *Service) QuarterReport(ctx context.Context, by registry.Actor, market, quarter string) (Report, error) {
	m, err := registry.New(s.db, s.now).MarketFor(ctx, by, registry.SplitCoverage, market)
	if err != nil {
		return Report{}, err
	}
	if m.Site != "" {
		return Report{}, fault.New(fault.Invalid, "site-no-market", "%s is no market: its counters show payment codes, and nobody there is a vendor.", m.Name)
	}
	from, until, err := s.span(quarter)
	if err != nil {
		return Report{}, err
	}
	of := set{market: &m.ID, day: registry.DayOf(s.now())}
	r := Report{Market: m.Code, Quarter: quarter, From: from, Until: until, AsOf: until}
	if r.Closed, err = s.closed(ctx, of, quarter); err != nil {
		return Report{}, err
	}
	if r.Closed == nil {
		return s.provisional(ctx, by, m, r)
	}
	text, err := postgres.One[string](ctx, s.db, `SELECT figures FROM quarter_closes WHERE market_id = @market AND quarter = @quarter`,
		pgx.StrictNamedArgs{"market": m.ID, "quarter": quarter})
	if err != nil {
		return Report{}, fmt.Errorf("report of %s: %w", market, err)
	}
	f, err := s.thaw(ctx, m.ID, text, r.Closed.ClosedAt)
	if err != nil {
		return Report{}, fmt.Errorf("report of %s: %w", market, err)
	}
	n := f.numbers(f.Figures)
	r.Name, r.Units, r.Points, r.Targets, r.Running, r.Made = f.Page.Name, f.Page.Units, f.Page.Points, f.Page.Targets, f.Page.Campaigns, r.Closed.ClosedAt
	r.Figures, r.Before = tally(n, f.Page.Known, f.Page.Definitions), tally(f.numbers(f.Page.Before), f.Page.KnownBefore, f.Page.Definitions)
	r.Funnel = funnel(n)
	found := make([]sum, 0, len(f.Barriers))
	for code, vendors := range f.Barriers {
		row := sum{Key: code, N: make([]int, len(registry.Counted)+1)}
		row.N[column("vendors")], row.N[len(registry.Counted)] = vendors, (until.Number()-f.Page.Days[code])*vendors
		found = append(found, row)
	}
	r.Barriers = barred(found, r.Figures.Vendors-r.Figures.Accepting, until)
	return r, nil
}

// provisional is the page of a quarter that is not closed, as the record stands now.
func (s *Service) provisional(ctx context.Context, by registry.Actor, m registry.Market, r Report) (Report, error) {
	now := s.moment()
	if today := registry.DayOf(now); r.AsOf.After(today) {
		r.AsOf = today
	}
	share, err := s.Share(ctx, by, Question{Market: m.Code, AsOf: r.AsOf})
	if err != nil {
		return Report{}, err
	}
	before, err := s.Share(ctx, by, Question{Market: m.Code, AsOf: r.From.Plus(-1)})
	if err != nil {
		return Report{}, err
	}
	series, err := s.History(ctx, by, Trend{Question: Question{Market: m.Code, AsOf: r.AsOf}, Every: "week", From: r.From})
	if err != nil {
		return Report{}, err
	}
	r.Name, r.Funnel, r.Barriers, r.Made = m.Name, share.Funnel, share.Barriers, now
	r.Figures, r.Before = share.tally(), before.tally()
	r.Points = []Spot{{before.AsOf, before.Vendors, before.Accepting}}
	for _, p := range series.Points {
		r.Points = append(r.Points, Spot{p.AsOf, p.Vendors, p.Accepting})
	}
	if r.Units, err = s.units(ctx, m.ID, r.Until); err != nil {
		return Report{}, err
	}
	if r.Targets, r.Running, err = s.beside(ctx, m.ID, r.From, r.Until, now); err != nil {
		return Report{}, err
	}
	return r, nil
}

func (s Share) tally() Tally {
	return Tally{s.Vendors, s.Accepting, *s.Equipped.Numerator, s.Used.Numerator, Definitions{s.Definition, s.Equipped.Definition, s.Used.Definition}}
}

func tally(n sum, known int, of Definitions) Tally {
	return Tally{n.of("vendors"), n.of("accepting"), n.of("equipped"), confirmed(n, known), of}
}

// numbers are frozen figures in the order of registry.Counted.
func (f frozen) numbers(by map[string]int) sum {
	n := sum{N: make([]int, len(registry.Counted))}
	for i, name := range registry.Counted {
		n.N[i] = by[name]
	}
	return n
}

// thaw reads what was frozen of a market's quarter. What a release froze that knew no reports is filled up from the days before the closing, of
// which none changes any more.
func (s *Service) thaw(ctx context.Context, market registry.MarketID, text string, at time.Time) (f frozen, err error) {
	if err := json.Unmarshal([]byte(text), &f); err != nil || f.Page != nil {
		return f, err
	}
	until, err := endOf(f.Quarter)
	if err != nil {
		return f, err
	}
	f.Page, err = s.page(ctx, market, until, at)
	return f, err
}

// page works out what belongs on the page of a market's quarter that is over, as it is known at a moment.
func (s *Service) page(ctx context.Context, market registry.MarketID, until registry.Day, at time.Time) (*page, error) {
	from := starts("quarter", until)
	days := []registry.Day{from.Plus(-1)}
	for d := from.Plus(6 - (from.Number()+3)%7); d.Number() < until.Number(); d = d.Plus(7) { // Sundays
		days = append(days, d)
	}
	days = append(days, until)
	last := len(days) - 1
	of := set{market: &market, day: registry.DayOf(s.now())}
	p := &page{Definitions: Definitions{Definition, EquippedDefinition, UsedDefinition}, Before: map[string]int{}, Days: map[string]int{}}
	whole := make([][]int, len(days))
	for _, by := range []slice{{}, {split: "barrier"}, {split: "provider"}} {
		lines, err := sent(ctx, s, func(b *pgx.Batch) later[line] {
			return sumOn(b, of, state{}, "", by, days, nil, nil)
		})
		if err != nil {
			return nil, err
		}
		switch by.split {
		case "":
			for _, l := range lines {
				whole = l.at
			}
		case "barrier":
			for _, l := range lines {
				if n := l.at[last][column("vendors")]; n > 0 {
					p.Days[l.Key] = until.Number() - l.at[last][len(registry.Counted)]/n
				}
			}
		case "provider":
			reports, err := s.reporting(ctx, []registry.Day{days[0], until}, at)
			if err != nil {
				return nil, err
			}
			for _, l := range lines {
				if slices.Contains(reports[0], l.Key) {
					p.KnownBefore += l.at[0][column("vendors")]
				}
				if slices.Contains(reports[1], l.Key) {
					p.Known += l.at[last][column("vendors")]
				}
			}
		}
	}
	for _, name := range registry.Counted {
		p.Before[name] = sum{N: whole[0]}.of(name)
	}
	for i, d := range days {
		n := sum{N: whole[i]}
		p.Points = append(p.Points, Spot{d, n.of("vendors"), n.of("accepting")})
	}
	var err error
	if p.Name, err = postgres.One[string](ctx, s.db, `SELECT name FROM markets WHERE id = @market`, pgx.StrictNamedArgs{"market": market}); err != nil {
		return nil, err
	}
	if p.Units, err = s.units(ctx, market, until); err != nil {
		return nil, err
	}
	p.Targets, p.Campaigns, err = s.beside(ctx, market, from, until, at)
	return p, err
}

// units are those in which a market lay on a day, the nearest first.
func (s *Service) units(ctx context.Context, market registry.MarketID, on registry.Day) ([]Unit, error) {
	return postgres.All[Unit](ctx, s.db, `
		SELECT u.code, coalesce(i.name, u.code) AS name
		FROM market_tracks t CROSS JOIN LATERAL unnest(ARRAY[t.area, t.district, t.province]) WITH ORDINALITY u (code, n)
		LEFT JOIN area_states i ON i.code = u.code AND i.since <= @on AND @on < i.until
		WHERE t.market_id = @market AND t.since <= @on AND @on < t.until AND u.code <> ''
		GROUP BY 1, 2 ORDER BY min(u.n)`, pgx.StrictNamedArgs{"market": market, "on": on})
}

// aimed is a target that holds for a market.
type aimed struct {
	MarketID registry.MarketID
	Aim
}

// aims are the targets of our own indicators that are due from a day on and hold for the markets of a set, as it was known at a moment: of
// each market its own and those of all places above.
func (s *Service) aims(ctx context.Context, of set, from registry.Day, at time.Time) ([]aimed, error) {
	where, args := of.where(pgx.StrictNamedArgs{"from": from, "at": at, "indicators": []string{Accepting, Equipped, Used}})
	return postgres.All[aimed](ctx, s.db, `
		SELECT t.market_id, g.indicator, g.due_on AS due, g.share::double precision AS share, g.amount AS number, g.document,
		       CASE WHEN g.market_id IS NOT NULL THEN 4 WHEN g.area_code = p.area THEN 3 WHEN g.area_code = p.district THEN 2 WHEN g.area_code IS NOT NULL THEN 1 ELSE 0 END AS near
		FROM market_tracks t
		JOIN targets g ON g.indicator = ANY (@indicators) AND g.due_on >= @from AND g.set_at <= @at AND (g.ended_at IS NULL OR g.ended_at > @at)
		LEFT JOIN market_tracks p ON p.market_id = t.market_id AND p.since <= g.due_on AND g.due_on < p.until
		WHERE `+where+` AND (g.market_id = t.market_id OR g.market_id IS NULL AND g.share IS NOT NULL AND (g.area_code IS NULL OR g.area_code IN (p.area, p.district, p.province)))
		ORDER BY g.due_on, g.indicator, near DESC, g.id`, args)
}

// beside are the targets and the campaigns of a market's quarter.
func (s *Service) beside(ctx context.Context, market registry.MarketID, from, until registry.Day, at time.Time) ([]Aim, []Running, error) {
	found, err := s.aims(ctx, set{market: &market, day: registry.DayOf(s.now())}, from, at)
	if err != nil {
		return nil, nil, err
	}
	all := make([]Aim, len(found))
	for i, a := range found {
		all[i] = a.Aim
	}
	type row struct {
		Name, Provider string
		From, Until    registry.Day
	}
	rows, err := postgres.All[row](ctx, s.db, `
		SELECT c.title AS name, c.provider, c.since AS "from", c.until FROM campaigns c
		WHERE c.made_at <= @at AND (c.ended_at IS NULL OR c.ended_at > @at) AND c.until >= @from AND c.since <= @until AND `+fmt.Sprintf(coversMarket, "@market")+`
		ORDER BY c.since, c.until, c.id LIMIT 200`, pgx.StrictNamedArgs{"market": market, "from": from, "until": until, "at": at})
	running := make([]Running, len(rows))
	for i, r := range rows {
		running[i] = Running{r.Name, registry.ProviderName(r.Provider), r.From, r.Until}
	}
	return all, running, err
}

// Aimed are the targets of an indicator that decide at a place, the earliest due first: of each due day the nearest one up to near.
func Aimed(all []Aim, indicator string, near int) (out []Aim) {
	for _, a := range all {
		if a.Indicator != indicator || a.Near > near {
			continue
		}
		if i := slices.IndexFunc(out, func(b Aim) bool { return b.Due == a.Due }); i < 0 {
			out = append(out, a)
		} else if a.Near > out[i].Near {
			out[i] = a
		}
	}
	slices.SortStableFunc(out, func(a, b Aim) int { return strings.Compare(a.Due.String(), b.Due.String()) })
	return out
}

// Next is the target that is aimed at on a day: the first that is due from then on. Nil: none.
func Next(aims []Aim, on registry.Day) *Aim {
	for _, a := range aims {
		if !on.After(a.Due) {
			return &a
		}
	}
	return nil
}

// Missing is how many more it takes to a target, 0 when it is reached; false without vendors.
func (a Aim) Missing(numerator, vendors int) (int, bool) {
	part, whole := int64(numerator), int64(vendors)
	n, known := need(Target{Share: a.Share, Number: a.Number}, &Measured{Numerator: &part, Denominator: &whole})
	return int(max(n-part, 0)), known
}

// QuarterState is how a quarter of a place stands.
type QuarterState struct {
	Quarter    string
	Until      registry.Day
	Closed     *Closed     // nil: its reports are provisional
	Correction *Correction // what was found out after the closing
}

// Quarters are at most so many of a place, the latest first, back to the first in which anybody traded, for whoever may have the reports of a market or an area.
//
// Faults: as QuarterReport and QuarterTable.
func (s *Service) Quarters(ctx context.Context, by registry.Actor, market, area string, n int) ([]QuarterState, error) {
	g, err := registry.New(s.db, s.now).GroundFor(ctx, by, registry.SplitCoverage, market, area)
	if err != nil {
		return nil, err
	}
	now := s.moment()
	today := registry.DayOf(now)
	began, err := postgres.One[*registry.Day](ctx, s.db, `
		SELECT min(d.day) FROM market_tracks t JOIN market_day_delta d ON d.market_id = t.market_id
		WHERE d.vendors <> 0 AND (t.market_id = @market OR @area <> '' AND @area IN (t.area, t.district, t.province))`, pgx.StrictNamedArgs{"market": g.MarketID(), "area": g.Area})
	if err != nil {
		return nil, err
	}
	var all []QuarterState
	for on := today; len(all) < n; on = starts("quarter", on).Plus(-1) {
		q := QuarterState{Quarter: quarterOf(on)}
		if q.Until, err = endOf(q.Quarter); err != nil {
			return nil, err
		}
		over := today.After(q.Until)
		if over && (began == nil || began.After(q.Until)) {
			break
		}
		if g.Area != "" { // a table is of the map of its last day
			if above, err := registry.New(s.db, s.now).Above(ctx, g, on); err != nil {
				return nil, err
			} else if !slices.Contains(above, g.Area) {
				continue
			}
		}
		of := set{wanted: []string{area}, day: q.Until, reach: pgx.StrictNamedArgs{"all": true}}
		switch {
		case !over:
		case g.Market != nil:
			of = set{market: &g.Market.ID, day: today}
			q.Closed, err = s.closed(ctx, of, q.Quarter)
		default:
			t := Table{Area: area, Quarter: q.Quarter, Until: q.Until, AsOf: q.Until, Made: now}
			_, err = s.frozenParts(ctx, of, &t)
			q.Closed = t.Closed
		}
		if err == nil && q.Closed != nil {
			q.Correction, err = s.correction(ctx, of, q.Until)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, q)
	}
	return all, nil
}

// Change is by how many points the accepting share rose since the quarter before; nil where there was or is none.
func (r Report) Change() *float64 { return change(r.Figures, r.Before) }

func change(now, before Tally) *float64 {
	a, b := ratio(now.Accepting, now.Vendors), ratio(before.Accepting, before.Vendors)
	if a == nil || b == nil {
		return nil
	}
	points := (*a - *b) * 100
	return &points
}
