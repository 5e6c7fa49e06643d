package coverage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
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
		lines, err := s.sumOn(ctx, of, "", by, days, nil)
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
			for _, of := range []struct {
				at    int
				known *int
			}{{0, &p.KnownBefore}, {last, &p.Known}} {
				reports, err := s.reporting(ctx, days[of.at], at)
				if err != nil {
					return nil, err
				}
				for _, l := range lines {
					if slices.Contains(reports, l.Key) {
						*of.known += l.at[of.at][column("vendors")]
					}
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

// Table is what the table of an area's quarter says: a line for each market or commune.
type Table struct {
	Area    string
	Name    string
	By      string // market, commune
	Quarter string
	From    registry.Day
	Until   registry.Day
	AsOf    registry.Day
	Closed  *Closed // nil: provisional, since a market of it is not closed
	Rows    []Line
	Total   Line
	Made    time.Time
}

// Line is a market, a commune, or all of a table.
type Line struct {
	Key     string // its code; empty: of the markets whose commune is not told
	Name    string
	Where   string // of a market its commune
	Markets int
	Figures Tally
	Before  Tally // at the end of the quarter before
	Target  *Aim  // of the accepting share at the end of the quarter; nil: none

	known, knownBefore int // of Figures and Before: vendors at providers who report
}

// QuarterTable is an area's quarter, on the map of its last day. By is market or commune; empty: commune for a province, market for the others.
//
// Faults: Invalid quarter-invalid, quarter-future, split-unknown, area-not-then; NotFound area-not-found; Forbidden, also when not all of
// the area is in scope.
func (s *Service) QuarterTable(ctx context.Context, by registry.Actor, area, split, quarter string) (Table, error) {
	from, until, err := s.span(quarter)
	if err != nil {
		return Table{}, err
	}
	t := Table{Area: area, By: split, Quarter: quarter, From: from, Until: until, AsOf: until, Made: s.moment()}
	if today := registry.DayOf(t.Made); t.AsOf.After(today) {
		t.AsOf = today
	}
	g, err := s.ground(ctx, s.db, by, registry.SplitCoverage, "", area, t.AsOf)
	if err != nil {
		return Table{}, err
	}
	t.Name = g.Name
	switch {
	case t.By == "" && len(area) == provinceCode:
		t.By = "commune"
	case t.By == "":
		t.By = "market"
	case t.By != "market" && t.By != "commune":
		return Table{}, fault.New(fault.Invalid, "split-unknown", "Figures are not split by %q.", split).With(fault.At("by", "unknown", "One of: %s.", "market, commune"))
	}
	of := set{wanted: []string{area}, day: t.AsOf, reach: pgx.StrictNamedArgs{"all": true}}
	parts, err := s.frozenParts(ctx, of, &t)
	if err == nil && t.Closed == nil {
		parts, err = s.openParts(ctx, of, &t)
	}
	if err != nil {
		return Table{}, fmt.Errorf("table of %s: %w", area, err)
	}
	t.add(parts)
	return t, nil
}

// provinceCode is how long the code of a province is; those of the units in it are longer.
const provinceCode = 2

// part is a market of a table.
type part struct {
	code, name string
	units      []Unit
	now        Tally
	before     Tally
	known      [2]int
	aims       []Aim
}

// frozenParts are the markets of a closed quarter as they were frozen, none while one is open that was in the record when the quarter
// ended.
func (s *Service) frozenParts(ctx context.Context, of set, t *Table) ([]part, error) {
	if t.AsOf != t.Until || !registry.DayOf(t.Made).After(t.Until) {
		return nil, nil
	}
	where, args := of.where(pgx.StrictNamedArgs{"quarter": t.Quarter, "ended": t.Until.End()})
	open, err := postgres.One[bool](ctx, s.db, `
		SELECT EXISTS (SELECT FROM market_tracks t JOIN markets m ON m.id = t.market_id LEFT JOIN quarter_closes q ON q.market_id = t.market_id AND q.quarter = @quarter
		               WHERE q.market_id IS NULL AND m.created_at <= @ended AND `+where+`)`, args)
	if err != nil || open {
		return nil, err
	}
	type row struct {
		MarketID registry.MarketID
		Figures  string
		Hash     []byte
		ClosedAt time.Time
	}
	where, args = of.where(pgx.StrictNamedArgs{"quarter": t.Quarter, "area": t.Area})
	rows, err := postgres.All[row](ctx, s.db, `
		SELECT q.market_id, q.figures, q.hash, q.closed_at FROM quarter_closes q
		WHERE q.quarter = @quarter
		  AND CASE WHEN q.figures::jsonb ? 'page' THEN EXISTS (SELECT FROM jsonb_array_elements(q.figures::jsonb -> 'page' -> 'units') u (unit) WHERE u.unit ->> 'code' = @area)
		           ELSE EXISTS (SELECT FROM market_tracks t WHERE t.market_id = q.market_id AND `+where+`) END
		ORDER BY q.figures::jsonb ->> 'market' COLLATE "C"`, args)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	t.Closed, t.Made = &Closed{Quarter: t.Quarter, Markets: len(rows)}, time.Time{}
	all, parts := sha256.New(), make([]part, len(rows))
	for i, r := range rows {
		if hash := sha256.Sum256([]byte(closeDomain + r.Figures)); !slices.Equal(hash[:], r.Hash) {
			return nil, fmt.Errorf("frozen figures of %s do not fit their hash %x", t.Quarter, r.Hash)
		}
		all.Write(r.Hash)
		f, err := s.thaw(ctx, r.MarketID, r.Figures, r.ClosedAt)
		if err != nil {
			return nil, err
		}
		parts[i] = part{code: f.Market, name: f.Page.Name, units: f.Page.Units, known: [2]int{f.Page.Known, f.Page.KnownBefore}, aims: f.Page.Targets,
			now: tally(f.numbers(f.Figures), 1, f.Page.Definitions), before: tally(f.numbers(f.Page.Before), 1, f.Page.Definitions)}
		if r.ClosedAt.After(t.Made) {
			t.Made = r.ClosedAt.UTC()
		}
	}
	if i := slices.IndexFunc(parts[0].units, func(u Unit) bool { return u.Code == t.Area }); i >= 0 {
		t.Name = parts[0].units[i].Name
	}
	t.Closed.ClosedAt, t.Closed.Hash = t.Made, hex.EncodeToString(all.Sum(nil))
	if len(rows) == 1 {
		t.Closed.Hash = hex.EncodeToString(rows[0].Hash)
	}
	return parts, nil
}

// openParts are the markets of a quarter that is not closed everywhere, as the record stands now.
func (s *Service) openParts(ctx context.Context, of set, t *Table) ([]part, error) {
	type place struct {
		MarketID   registry.MarketID
		Code, Name string
		Codes      []string
		Names      []string
	}
	where, args := of.where(nil)
	places, err := postgres.All[place](ctx, s.db, `
		SELECT t.market_id, t.code, m.name, array_agg(u.code ORDER BY u.n) AS codes, array_agg(coalesce(i.name, u.code) ORDER BY u.n) AS names
		FROM market_tracks t JOIN markets m ON m.id = t.market_id
		CROSS JOIN LATERAL unnest(ARRAY[t.area, t.district, t.province]) WITH ORDINALITY u (code, n)
		LEFT JOIN area_states i ON i.code = u.code AND i.since <= @map AND @map < i.until
		WHERE `+where+` AND u.code <> '' GROUP BY 1, 2, 3 ORDER BY t.code COLLATE "C"`, args)
	if err != nil {
		return nil, err
	}
	parts, at := make([]part, len(places)), map[string]int{}
	for i, p := range places {
		parts[i] = part{code: p.Code, name: p.Name}
		for n, code := range p.Codes {
			if u := (Unit{code, p.Names[n]}); !slices.Contains(parts[i].units, u) {
				parts[i].units = append(parts[i].units, u)
			}
		}
		at[p.Code] = i
	}
	names := Definitions{Definition, EquippedDefinition, UsedDefinition}
	for when, day := range []registry.Day{t.AsOf, t.From.Plus(-1)} {
		v := view{set: of, on: day, at: day.End(), past: day != registry.DayOf(t.Made)}
		if !v.past {
			v.at = t.Made
		}
		read, err := s.reading(ctx, v, Question{}, t.Made)
		if err != nil {
			return nil, err
		}
		reports, err := s.reporting(ctx, day, time.Time{})
		if err != nil {
			return nil, err
		}
		asked := []slice{{}}
		if len(reports) > 0 {
			asked = append(asked, slice{"provider", reports})
		}
		for _, by := range asked {
			sums, err := read("market", by)
			if err != nil {
				return nil, err
			}
			for _, n := range sums {
				p := &parts[at[n.Key]]
				switch {
				case by.split != "":
					p.known[when] = n.of("vendors")
				case when == 0:
					p.now = tally(n, 1, names)
				default:
					p.before = tally(n, 1, names)
				}
			}
		}
	}
	aims, err := s.aims(ctx, of, t.From, t.Made)
	byID := map[registry.MarketID]int{}
	for i, p := range places {
		byID[p.MarketID] = i
	}
	for _, a := range aims {
		p := &parts[byID[a.MarketID]]
		p.aims = append(p.aims, a.Aim)
	}
	return parts, err
}

// add puts markets into the lines of a table.
func (t *Table) add(parts []part) {
	t.Total = Line{Key: t.Area, Name: t.Name}
	at := map[string]int{}
	for _, p := range parts {
		commune, near := Unit{}, 4
		if len(p.units) > 0 && len(p.units[0].Code) > provinceCode {
			commune = p.units[0]
		}
		line := Line{Key: p.code, Name: p.name, Where: commune.Name}
		if t.By == "commune" {
			line, near = Line{Key: commune.Code, Name: commune.Name}, 3
		}
		i, ok := at[line.Key]
		if !ok {
			i, at[line.Key] = len(t.Rows), len(t.Rows)
			line.Target = Next(Aimed(p.aims, Accepting, near), t.Until)
			t.Rows = append(t.Rows, line)
		}
		t.Rows[i].add(p)
		t.Total.add(p)
		if t.Total.Target == nil {
			t.Total.Target = Next(Aimed(p.aims, Accepting, t.near(p)), t.Until)
		}
	}
	for i := range t.Rows {
		t.Rows[i].settle()
	}
	t.Total.settle()
	slices.SortStableFunc(t.Rows, func(a, b Line) int { return cmp.Compare(a.Key, b.Key) })
}

// near is how near a table's area is to a market of it, as Aim.Near says it.
func (t *Table) near(p part) int {
	switch i := slices.IndexFunc(p.units, func(u Unit) bool { return u.Code == t.Area }); {
	case len(t.Area) == provinceCode:
		return 1
	case i == 0:
		return 3
	}
	return 2
}

func (l *Line) add(p part) {
	l.Markets++
	l.known += p.known[0]
	l.knownBefore += p.known[1]
	for _, of := range []struct {
		to   *Tally
		from Tally
	}{{&l.Figures, p.now}, {&l.Before, p.before}} {
		used := 0
		if of.to.Used != nil {
			used = *of.to.Used
		}
		if of.from.Used != nil {
			used += *of.from.Used
		}
		*of.to = Tally{of.to.Vendors + of.from.Vendors, of.to.Accepting + of.from.Accepting, of.to.Equipped + of.from.Equipped, &used, of.from.Definitions}
	}
}

// settle leaves out what nobody knows.
func (l *Line) settle() {
	if l.known == 0 {
		l.Figures.Used = nil
	}
	if l.knownBefore == 0 {
		l.Before.Used = nil
	}
}

// Change is by how many points the accepting share rose since the quarter before; nil where there was or is none.
func (l Line) Change() *float64 { return change(l.Figures, l.Before) }

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
