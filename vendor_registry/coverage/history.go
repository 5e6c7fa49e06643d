package coverage

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// Trend is which series of figures is wanted. Its AsOf is the last day; zero: today.
type Trend struct {
	Question
	Every string       `query:"every"` // week, month, quarter; empty: week
	From  registry.Day `query:"-"`     // zero: 52 weeks, 12 months or 8 quarters back
}

// History is a series of figures, oldest first: each of the end of a week (Sunday), month or quarter, the last one of today where the
// period goes on.
type History struct {
	Every         string     `json:"every"`
	Definition    string     `json:"definition"`
	Method        string     `json:"method"`
	Market        string     `json:"market,omitempty"`
	Area          string     `json:"area,omitempty"`
	AreaName      string     `json:"area_name,omitempty"`
	Map           string     `json:"map,omitempty"`
	Areas         []string   `json:"areas,omitempty"`
	RecordedUntil *time.Time `json:"recorded_until,omitempty"`
	Points        []Point    `json:"points"`
	Series        []Series   `json:"split,omitempty"`
	Freshness     time.Time  `json:"freshness"`
	Providers     []string   `json:"providers,omitempty"` // as in Share
}

// Point is the figures of a day.
type Point struct {
	AsOf      registry.Day `json:"as_of"`
	Vendors   int          `json:"vendors"`
	Accepting int          `json:"accepting"`
	Share     *float64     `json:"share"`
	Equipped  int          `json:"equipped"`
	Used      *int         `json:"used"` // null: nobody knows
	Suspended int          `json:"suspended"`
	Overdue   int          `json:"overdue"`
	Funnel    []Step       `json:"funnel"`
	Others    *Others      `json:"others,omitempty"`
}

// Series is the points of one part of a split; on each day the parts sum to the whole.
type Series struct {
	Key    string  `json:"key"`
	Name   string  `json:"name,omitempty"`
	Points []Point `json:"points"`
}

// periods are the lengths of a series by default.
var periods = map[string]int{"week": 52, "month": 12, "quarter": 8}

// maxPoints is how many points a series may have: ten years of weeks.
const maxPoints = 520

// starts is the first day of the week, month or quarter of a day.
func starts(every string, d registry.Day) registry.Day {
	text := d.String()
	switch every {
	case "week":
		return d.Plus(-(d.Number() + 3) % 7) // 1970-01-01 was a Thursday
	case "month":
		text = text[:8] + "01"
	default:
		ends, _ := endOf(quarterOf(d))
		return starts("month", starts("month", starts("month", ends).Plus(-1)).Plus(-1))
	}
	first, _ := registry.ParseDay(text)
	return first
}

// days are the last days of periods, oldest first; of the last period the day to.
func days(every string, from, to registry.Day) ([]registry.Day, error) {
	var ds []registry.Day
	for d := to; len(ds) <= maxPoints; d = starts(every, d).Plus(-1) {
		if from.IsZero() && len(ds) == periods[every] || !from.IsZero() && from.After(d) {
			break
		}
		ds = append(ds, d)
	}
	if len(ds) > maxPoints || len(ds) == 0 {
		return nil, fault.New(fault.Invalid, "range-invalid", "The first day must come before the last one, by at most %d weeks, months or quarters.", maxPoints).
			With(fault.At("from", "range", "A day before the last one."))
	}
	slices.Reverse(ds)
	return ds, nil
}

// History answers a question as a series.
//
// Faults: those of Share; Invalid every-unknown, range-invalid, split-not-then.
func (s *Service) History(ctx context.Context, by registry.Actor, q Trend) (History, error) {
	return fromReplica(ctx, s, func(s *Service, age time.Duration) (History, error) { return s.history(ctx, by, q, age) })
}

// history is History on a database whose content may be of some time ago.
func (s *Service) history(ctx context.Context, by registry.Actor, q Trend, age time.Duration) (History, error) {
	now := s.now().UTC().Truncate(time.Microsecond)
	if q.Every == "" {
		q.Every = "week"
	}
	if periods[q.Every] == 0 {
		return History{}, fault.New(fault.Invalid, "every-unknown", "A series goes by %s.", "week, month, quarter").With(fault.At("every", "unknown", "One of: %s.", "week, month, quarter"))
	}
	if q.By == "section" || q.By == "goods" || q.By == "team" {
		return History{}, fault.New(fault.Invalid, "split-not-then", "What was known at a time is not split by %s.", q.By)
	}
	v, err := s.view(ctx, by, &q.Question, now)
	if err != nil {
		return History{}, err
	}
	ds, err := days(q.Every, q.From, v.on)
	if err != nil {
		return History{}, err
	}
	out := History{Every: q.Every, Definition: Definition, Method: "counted", Market: q.Market, Area: q.Area, AreaName: v.name, Map: v.of, Areas: v.areas, Points: []Point{}, Freshness: now.Add(-age)}
	if !q.RecordedUntil.IsZero() {
		out.RecordedUntil = &q.RecordedUntil
	}
	if q.Map != mapThen && v.of != mapThen { // on the map of then it may depend on the day
		st, err := s.state(ctx, v, q.Question)
		if err != nil {
			return History{}, err
		}
		v.st = &st
	}
	group := q.group()
	if v.own != nil {
		return s.ownHistory(ctx, v, q, out, group, ds, now)
	}
	lines, err := s.lines(ctx, v, q, group, slice{bare: true}, ds, now)
	if err != nil {
		return History{}, fmt.Errorf("history: %w", err)
	}
	total := line{at: make([][]int, len(ds))}
	for i := range ds {
		total.at[i] = make([]int, len(registry.Counted))
		for _, l := range lines {
			for c, n := range l.at[i][:len(registry.Counted)] {
				total.at[i][c] += n
			}
		}
	}
	known, err := s.knownOn(ctx, v, q, ds, now)
	if err != nil {
		return History{}, err
	}
	out.Points = points(ds, total, known)
	switch q.By {
	case "":
		return out, nil
	case "provider":
		if lines, err = s.lines(ctx, v, q, "", slice{split: "provider"}, ds, now); err != nil {
			return History{}, fmt.Errorf("history by provider: %w", err)
		}
		rest := line{at: slices.Clone(total.at)}
		for l := range lines {
			for i := range ds {
				lines[l].at[i] = lines[l].at[i][:len(registry.Counted)]
				rest.at[i] = plus(rest.at[i], negative(lines[l].at[i]))
			}
		}
		lines = append(lines, rest)
	}
	parts := make([]sum, len(lines))
	for i, l := range lines {
		parts[i] = l.sum
	}
	names, err := s.names(ctx, q.By, v.set.day, parts)
	for _, l := range lines {
		out.Series = append(out.Series, Series{l.Key, names[l.Key], points(ds, l, nil)})
	}
	return out, err
}

// ownHistory is the history for an actor who is here for providers alone: exact of their vendors, shaded of the rest.
func (s *Service) ownHistory(ctx context.Context, v view, q Trend, out History, group string, ds []registry.Day, now time.Time) (History, error) {
	own, err := s.lines(ctx, v, q, group, slice{split: "provider", only: v.own}, ds, now)
	if err != nil {
		return History{}, fmt.Errorf("history: %w", err)
	}
	shade := v
	shade.shade = true
	rest, err := s.lines(ctx, shade, q, group, slice{}, ds, now)
	if err != nil {
		return History{}, fmt.Errorf("history of others: %w", err)
	}
	known, err := s.knownOn(ctx, v, q, ds, now)
	if err != nil {
		return History{}, err
	}
	told := func(mine, all line, known []int) []Point {
		ps := points(ds, mine, known)
		for i := range ps {
			ps[i].Others = others(all.at[i])
		}
		return ps
	}
	none := line{at: make([][]int, len(ds))}
	mine, all := line{at: make([][]int, len(ds))}, line{at: make([][]int, len(ds))}
	parts := make([]sum, len(rest))
	ownOf := map[string]line{}
	for i := range ds {
		none.at[i] = make([]int, len(registry.Counted))
		mine.at[i] = none.at[i]
		for _, l := range own {
			mine.at[i] = plus(mine.at[i], l.at[i][:len(registry.Counted)])
		}
		for _, l := range rest {
			all.at[i] = plus(all.at[i], l.at[i])
		}
	}
	for _, l := range own {
		ownOf[l.Key] = l
	}
	out.Providers, out.Points = v.own, told(mine, all, known)
	if q.By == "" {
		return out, nil
	}
	for i, l := range rest {
		parts[i] = l.sum
	}
	names, err := s.names(ctx, q.By, v.set.day, parts)
	for _, l := range rest {
		part, ok := ownOf[l.Key]
		if !ok {
			part = none
		}
		out.Series = append(out.Series, Series{l.Key, names[l.Key], told(part, l, nil)})
	}
	return out, err
}

// points are the figures of a line; known is of how many vendors providers report, nil when that is not told.
func points(ds []registry.Day, l line, known []int) []Point {
	ps := make([]Point, len(ds))
	for i, d := range ds {
		n := sum{N: l.at[i]}
		p := Point{AsOf: d, Vendors: n.of("vendors"), Accepting: n.of("accepting"), Equipped: n.of("equipped"), Suspended: n.of("suspended"), Overdue: n.of("overdue"), Funnel: funnel(n)}
		p.Share = ratio(p.Accepting, p.Vendors)
		if known != nil {
			p.Used = confirmed(n, known[i])
		}
		ps[i] = p
	}
	return ps
}

// lines are the figures on some days, by group. On the map of then each day has its own markets.
func (s *Service) lines(ctx context.Context, v view, q Trend, group string, by slice, ds []registry.Day, now time.Time) ([]line, error) {
	runs := [][]registry.Day{ds}
	if q.Map == mapThen || v.of == mapThen {
		var err error
		if runs, err = s.runs(ctx, ds); err != nil {
			return nil, err
		}
	}
	found := map[string]*line{}
	var order []string
	at := 0
	for _, run := range runs {
		of := v
		if q.Map == mapThen || v.of == mapThen && q.Area != "" {
			if of.set.day = run[0]; q.Area != "" {
				sub := q.Question
				sub.Map, of.on = mapThen, run[0]
				reg := registry.New(s.db, s.now)
				area, err := reg.AreaFor(ctx, v.by, registry.SeeCoverage, q.Area)
				if err != nil {
					return nil, err
				}
				if err := s.place(ctx, reg, v.by, &sub, &of, area, registry.DayOf(now)); err != nil {
					return nil, err
				}
			}
		}
		lines, err := s.run(ctx, of, q, group, by, run, now)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			if found[l.Key] == nil {
				found[l.Key] = &line{sum: l.sum, at: make([][]int, len(ds))}
				order = append(order, l.Key)
			}
			copy(found[l.Key].at[at:], l.at)
		}
		at += len(run)
	}
	out := make([]line, len(order))
	for i, key := range order {
		out[i] = *found[key]
		for d := range ds {
			if len(out[i].at[d]) == 0 {
				out[i].at[d] = make([]int, len(registry.Counted))
			}
		}
	}
	return out, nil
}

// runs are days in a row on which no market lies elsewhere than on the one before.
func (s *Service) runs(ctx context.Context, ds []registry.Day) ([][]registry.Day, error) {
	moves, err := postgres.All[registry.Day](ctx, s.db, `SELECT DISTINCT since FROM market_tracks WHERE since > @first AND since <= @last ORDER BY 1`,
		pgx.StrictNamedArgs{"first": ds[0], "last": ds[len(ds)-1]})
	runs := [][]registry.Day{{}}
	for i, d := range ds {
		if i > 0 && slices.ContainsFunc(moves, func(m registry.Day) bool { return m.After(ds[i-1]) && !m.After(d) }) {
			runs = append(runs, nil)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], d)
	}
	return runs, err
}

// run is lines of days on one map. What is not over yet is told as of now.
func (s *Service) run(ctx context.Context, v view, q Trend, group string, by slice, ds []registry.Day, now time.Time) ([]line, error) {
	if v.shade {
		v.shade = false
		whole, err := s.run(ctx, v, q, "market", slice{}, ds, now)
		if err != nil {
			return nil, err
		}
		own, err := s.run(ctx, v, q, "market", slice{split: "provider", only: v.own}, ds, now)
		if err != nil {
			return nil, err
		}
		return s.shaded(ctx, v, group, whole, own)
	}
	known := knownUntil(q.Question)
	st, err := s.state(ctx, v, q.Question)
	if err != nil {
		return nil, err
	}
	one := func(d registry.Day) ([]sum, error) {
		v.on, v.past, v.at = d, true, d.End()
		if d == registry.DayOf(now) {
			v.past, v.at = false, now
		}
		read, err := s.reading(ctx, v, st, q.Question, now)
		if err != nil {
			return nil, err
		}
		return sent(ctx, s, func(b *pgx.Batch) later[sum] { return read(b, group, by) })
	}
	merge := func(lines []line, i int, sums []sum) []line {
		for l := range lines {
			lines[l].at[i] = nil
		}
		for _, n := range sums {
			l := slices.IndexFunc(lines, func(l line) bool { return l.Key == n.Key })
			if l < 0 {
				l, lines = len(lines), append(lines, line{sum: n, at: make([][]int, len(ds))})
			}
			lines[l].at[i] = n.N
		}
		return lines
	}
	if st.Uncounted && known == nil {
		var lines []line
		for i, d := range ds {
			sums, err := one(d)
			if err != nil {
				return nil, err
			}
			lines = merge(lines, i, sums)
		}
		return lines, nil
	}
	b := &pgx.Batch{}
	today, last := registry.DayOf(now), len(ds)-1
	var ofNow later[sum]
	switch {
	case known != nil || ds[last] != today:
	case v.set.bySums(st, group, nil):
		st.now = now
	default:
		ofNow = sumNow(b, v.set, st, group, by, now)
	}
	ofDays := sumOn(b, v.set, st, group, by, ds, known, ofNow)
	if err := s.db.SendBatch(ctx, b).Close(); err != nil {
		return nil, err
	}
	lines, err := ofDays()
	if err != nil || ofNow == nil {
		return lines, err
	}
	sums, err := ofNow()
	return merge(lines, last, sums), err
}

// knownOn is of how many vendors a provider reports on each of some days, nil when none did on any.
func (s *Service) knownOn(ctx context.Context, v view, q Trend, ds []registry.Day, now time.Time) ([]int, error) {
	reports, err := s.reporting(ctx, ds, q.RecordedUntil)
	if err != nil || !slices.ContainsFunc(reports, func(of []string) bool { return len(v.known(of)) > 0 }) {
		return nil, err
	}
	var ever []string
	for _, of := range reports {
		ever = append(ever, v.known(of)...)
	}
	slices.Sort(ever)
	lines, err := s.lines(ctx, v, q, "", slice{split: "provider", among: slices.Compact(ever), heads: true}, ds, now)
	if err != nil {
		return nil, err
	}
	known := make([]int, len(ds))
	for i := range ds {
		of := v.known(reports[i])
		for _, l := range lines {
			if slices.Contains(of, l.Key) {
				known[i] += sum{N: l.at[i]}.of("vendors")
			}
		}
	}
	return known, nil
}
