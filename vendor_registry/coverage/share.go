// Package coverage reads the record and says which share of vendors accepts cashless payment, and how far the others are. It
// closes quarters, and writes nothing else.
package coverage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// Definition names what "accepting" means in every figure below: vendors who trade on the day are the denominator, which is who
// holds a stall and is neither closed nor out of season there, each counted once in a market; accepting are those with a live
// placard of an approved account at a stall where they trade,
// installed, not suspended, last found to be the right one or not yet due for a look (registry.FirstCheckWithin,
// registry.NextCheckWithin). A market that nobody visited stays in it.
const Definition = "accepting-1"

// The other shares have the same denominator. Equipped are vendors with a live placard, hung or not, of an account that waits or is in
// force, at a stall where they trade; used are those whom providers confirm to have been paid on two days of the last thirty, what
// helpers paid as a test taken off.
const (
	EquippedDefinition = "equipped-1"
	UsedDefinition     = "used-1"
)

// Service computes figures on a database.
type Service struct {
	db      postgres.DB
	now     func() time.Time
	replica *postgres.Replica // nil: none
}

// New makes the figures of a database, as of the clock's time.
func New(db postgres.DB, now func() time.Time) *Service {
	return &Service{db: db, now: now}
}

// Share is the figure everybody asks for, with what it means. Share is null, not 0, where there are no vendors.
type Share struct {
	AsOf       registry.Day `json:"as_of"`
	Definition string       `json:"definition"`
	Method     string       `json:"method"` // counted
	Market     string       `json:"market,omitempty"`
	Area       string       `json:"area,omitempty"`
	Vendors    int          `json:"vendors"`
	Accepting  int          `json:"accepting"`
	Share      *float64     `json:"share"`
	Equipped   Rate         `json:"equipped"`
	Used       Rate         `json:"used"`
	Suspended  int          `json:"suspended"` // hang, but somebody stopped them
	Overdue    int          `json:"overdue"`   // hang, but nobody has looked for too long
	Funnel     []Step       `json:"funnel"`
	Barriers   []Barrier    `json:"barriers"`
	Freshness  time.Time    `json:"freshness"` // what was recorded by then is in it
	AreaName   string       `json:"area_name,omitempty"`
	Map        string       `json:"map,omitempty"`   // of a figure of an area: then or today
	Areas      []string     `json:"areas,omitempty"` // of a former unit on today's map: the units that it became
	Split      []Part       `json:"split,omitempty"`

	RecordedUntil *time.Time  `json:"recorded_until,omitempty"` // what was recorded later is left out
	Markets       int         `json:"markets"`
	Closed        *Closed     `json:"closed,omitempty"`     // of a day in a quarter that is closed for all its markets
	Correction    *Correction `json:"correction,omitempty"` // what was found out after the closing

	// Of an actor who is here for providers alone all figures above are of the vendors whose account is there; these are of the rest.
	Providers []string `json:"providers,omitempty"`
	Others    *Others  `json:"others,omitempty"`
}

// Rate is a share of vendors beside that of those who accept.
type Rate struct {
	Definition  string   `json:"definition"`
	Numerator   *int     `json:"numerator"` // null: nobody knows
	Denominator int      `json:"denominator"`
	Share       *float64 `json:"share"`
	Known       *int     `json:"known,omitempty"` // of used: vendors at providers who report
}

// Step is how many vendors came at least as far as a stage.
type Step struct {
	Stage   registry.Stage `json:"stage"`
	Vendors int            `json:"vendors"`
	Drop    int            `json:"drop"` // how many of the step before did not come so far
}

// Barrier is how many of the vendors who do not accept gave a reason last; never_asked for those whom nobody asked. They sum to those who
// do not accept.
type Barrier struct {
	Code     string `json:"code"`
	Vendors  int    `json:"vendors"`
	ClearsIt string `json:"clears_it"` // volunteer, board, provider, nobody
	Days     *int   `json:"days"`      // for how many days it stands, on the average; null: nobody asked
}

// Part is one part of a split; the parts sum to the whole.
type Part struct {
	Key       string   `json:"key"` // the market's code, the section's name …; empty: none
	Name      string   `json:"name,omitempty"`
	Vendors   int      `json:"vendors"`
	Accepting int      `json:"accepting"`
	Share     *float64 `json:"share"`
	Equipped  int      `json:"equipped"`
	Used      *int     `json:"used"` // null: no provider reports on any of them
	Suspended int      `json:"suspended"`
	Overdue   int      `json:"overdue"`
	Funnel    []Step   `json:"funnel"`
	Others    *Others  `json:"others,omitempty"`
}

// Question is which figure is wanted: of a market, or of an area and all below it; of everything when neither is named.
//
// An area is one of a map. On that of then, its markets are those that lay in it on the day of the figure, or on its last day if
// it is no more by then; on today's map they are those that lie now in the area, or in the units that it became. Figures of
// parts (commune, province) follow the same map. The day is the figure's either way.
type Question struct {
	Market string       `query:"market"`
	Area   string       `query:"area"`
	Map    string       `query:"map"` // then or today; empty: today for a unit that is on the map, then for one that is no more
	By     string       `query:"by"`  // one of splits
	AsOf   registry.Day `query:"-"`   // zero: now

	RecordedUntil time.Time `query:"-"` // what was recorded later is left out; zero: nothing is
}

// group is what the markets are told apart by: nothing, where a split goes through them.
func (q Question) group() string {
	if _, ok := groups[q.By]; ok {
		return q.By
	}
	return ""
}

// splits are the ways to split a figure. By team a vendor is of whoever walks the row of their first stall as things stand now; where
// nobody does, of the part without a name.
var splits = []string{"market", "commune", "province", "provider", "section", "goods", "team"}

func funnel(n sum) []Step {
	steps := make([]Step, len(registry.StageNames))
	for i, name := range []string{"vendors", "account", "approved", "printed", "installed", "checked"} {
		if steps[i] = (Step{Stage: registry.Stage(i), Vendors: n.of(name)}); i > 0 {
			steps[i].Drop = steps[i-1].Vendors - steps[i].Vendors
		}
	}
	return steps
}

func ratio(part, whole int) *float64 {
	if whole == 0 {
		return nil
	}
	r := float64(part) / float64(whole)
	return &r
}

// Share answers a question about the markets in the actor's scope.
//
// Faults: Invalid split-unknown, map-unknown, day-future, site-no-market, split-not-then; NotFound market-not-found, area-not-found;
// Forbidden.
func (s *Service) Share(ctx context.Context, by registry.Actor, q Question) (Share, error) {
	return fromReplica(ctx, s, func(s *Service, age time.Duration) (Share, error) { return s.share(ctx, by, q, age) })
}

// share is Share on a database whose content may be of some time ago.
func (s *Service) share(ctx context.Context, by registry.Actor, q Question, age time.Duration) (Share, error) {
	now := s.now().UTC().Truncate(time.Microsecond)
	v, err := s.view(ctx, by, &q, now)
	if err != nil {
		return Share{}, err
	}
	out := Share{AsOf: v.on, Definition: Definition, Method: "counted", Market: q.Market, Area: q.Area, AreaName: v.name, Map: v.of, Areas: v.areas,
		Barriers: []Barrier{}, Freshness: now.Add(-age)}
	if !q.RecordedUntil.IsZero() {
		out.RecordedUntil = &q.RecordedUntil
	}
	st, err := s.state(ctx, v, q)
	if err != nil {
		return Share{}, err
	}
	read, err := s.reading(ctx, v, st, q, now)
	if err != nil {
		return Share{}, err
	}
	group := q.group()
	var rest map[string][]int // of others, by part
	if v.own != nil {
		of, all, err := s.ofOthers(ctx, v, read, group)
		if err != nil {
			return Share{}, fmt.Errorf("coverage of others: %w", err)
		}
		rest, out.Providers, out.Others = of, v.own, others(all)
		read = ownOnly(v, q, read)
	}
	batch := &pgx.Batch{}
	reports := v.known(st.Reports)
	told := v.own == nil || v.set.market != nil || v.set.wanted != nil // reasons: of a partner's own in the whole country there are no counters
	var ofReports, ofBarriers, ofProviders later[sum] = nothing[sum], nothing[sum], nothing[sum]
	ofParts := read(batch, group, slice{})
	if len(reports) > 0 {
		ofReports = read(batch, "", slice{split: "provider", only: reports, heads: true})
	}
	if told {
		ofBarriers = read(batch, "", slice{split: "barrier"})
	}
	if q.By == "provider" {
		ofProviders = read(batch, "", slice{split: "provider"})
	}
	if err := s.db.SendBatch(ctx, batch).Close(); err != nil {
		return Share{}, fmt.Errorf("coverage: %w", err)
	}
	parts, err := ofParts()
	if err != nil {
		return Share{}, fmt.Errorf("coverage: %w", err)
	}
	var total sum
	for _, p := range parts {
		total.N, total.Markets = plus(total.N, p.N), total.Markets+p.Markets
	}
	reported, err := ofReports()
	if err != nil {
		return Share{}, fmt.Errorf("coverage: %w", err)
	}
	all := 0
	for _, p := range reported {
		all += p.of("vendors")
	}
	out.Markets, out.Vendors, out.Accepting = total.Markets, total.of("vendors"), total.of("accepting")
	out.Share, out.Suspended, out.Overdue, out.Funnel = ratio(out.Accepting, out.Vendors), total.of("suspended"), total.of("overdue"), funnel(total)
	equipped := total.of("equipped")
	out.Equipped = Rate{EquippedDefinition, &equipped, out.Vendors, ratio(equipped, out.Vendors), nil}
	out.Used = Rate{Definition: UsedDefinition, Denominator: out.Vendors, Known: &all}
	if out.Used.Numerator = confirmed(total, all); out.Used.Numerator != nil {
		out.Used.Share = ratio(*out.Used.Numerator, out.Vendors)
	}
	reasons, err := ofBarriers()
	if err != nil {
		return Share{}, fmt.Errorf("coverage: %w", err)
	}
	if told {
		out.Barriers = barred(reasons, out.Vendors-out.Accepting, v.on)
	}
	if q.By != "" {
		known := map[string]int{} // by part
		switch q.By {
		case "market", "commune", "province":
			if all > 0 {
				if known, err = s.knownOf(ctx, read, group, parts, reports); err != nil {
					return Share{}, fmt.Errorf("coverage by %s: %w", q.By, err)
				}
			}
		case "provider":
			found, err := ofProviders()
			if err != nil {
				return Share{}, fmt.Errorf("coverage by %s: %w", q.By, err)
			}
			parts, known = providers(found, total, reports)
		default:
			if parts, err = s.sumFacts(ctx, v, q.By, slice{}, v.at); err != nil {
				return Share{}, fmt.Errorf("coverage by %s: %w", q.By, err)
			}
		}
		names, err := s.names(ctx, q.By, v.set.day, parts)
		if err != nil {
			return Share{}, err
		}
		for _, p := range parts {
			n, a := p.of("vendors"), p.of("accepting")
			part := Part{p.Key, names[p.Key], n, a, ratio(a, n), p.of("equipped"), confirmed(p, known[p.Key]), p.of("suspended"), p.of("overdue"), funnel(p), nil}
			if v.own != nil {
				part.Others = others(rest[p.Key])
			}
			out.Split = append(out.Split, part)
		}
	}
	return out, s.closing(ctx, v, st, q, &out)
}

// knownOf are of how many vendors of each part some providers report; of a part where one was paid it is enough that there are some.
func (s *Service) knownOf(ctx context.Context, read reader, group string, parts []sum, reports []string) (map[string]int, error) {
	known := map[string]int{}
	open := false
	for _, p := range parts {
		known[p.Key] = p.of("used")
		open = open || p.of("used") == 0 && p.of("vendors") > 0
	}
	if !open {
		return known, nil
	}
	found, err := sent(ctx, s, func(b *pgx.Batch) later[sum] {
		return read(b, group, slice{split: "provider", only: reports, heads: true})
	})
	for _, p := range found {
		known[p.Key] = p.of("vendors")
	}
	return known, err
}

// confirmed is how many vendors are paid as providers confirm, nil when no provider of theirs reports.
func confirmed(n sum, known int) *int {
	if known == 0 {
		return nil
	}
	used := n.of("used")
	return &used
}

// knownUntil is until when something must have been recorded to count for a question; nil: as things stand.
func knownUntil(q Question) *time.Time {
	if q.RecordedUntil.IsZero() {
		return nil
	}
	return &q.RecordedUntil
}

// reader asks for the figures of a question, by group.
type reader func(b *pgx.Batch, group string, by slice) later[sum]

// reading is how a question is answered: from the counters of now, from those of days, or, while a market was not counted yet, from
// the facts of every market.
func (s *Service) reading(ctx context.Context, v view, st state, q Question, now time.Time) (reader, error) {
	known := knownUntil(q)
	switch {
	case st.Uncounted && known == nil:
		return func(_ *pgx.Batch, group string, by slice) later[sum] {
			return func() ([]sum, error) { return s.sumFacts(ctx, v, group, by, v.at) }
		}, nil
	case v.set.market != nil && known == nil && (q.group() == "" || q.group() == "market"):
		st.today = registry.DayOf(now)
		st.began = st.today.Plus(-364) // not worth a trip: most records are a year old, and either way is right
		return v.ofMarket(st, q, now), nil
	case v.past || known != nil:
		switch st.today = registry.DayOf(now); {
		case known != nil:
		case v.own != nil || !v.set.bySums(st, q.group(), known):
			var err error
			if st.began, err = s.began(ctx); err != nil {
				return nil, err
			}
		}
		return func(b *pgx.Batch, group string, by slice) later[sum] {
			found := sumOn(b, v.set, st, group, by, []registry.Day{v.on}, known, nil)
			return func() ([]sum, error) {
				lines, err := found()
				sums := make([]sum, len(lines))
				for i, l := range lines {
					sums[i] = l.sum
					sums[i].N = l.at[0]
				}
				return sums, err
			}
		}, nil
	}
	ofParts := func(b *pgx.Batch, group string, by slice) later[sum] { return sumNow(b, v.set, st, group, by, now) }
	if v.set.bySums(st, "", nil) {
		return v.ofWhole(q, now, ofParts), nil
	}
	return ofParts, nil
}

// reporting are the providers who told of any of the last days before the end of each of some days.
func (s *Service) reporting(ctx context.Context, days []registry.Day, known time.Time) ([][]string, error) {
	type told struct {
		Provider string
		Days     []int
	}
	args := pgx.StrictNamedArgs{"first": days[0].Plus(-registry.UsedWithin), "last": days[len(days)-1], "known": "infinity"}
	if !known.IsZero() {
		args["known"] = known.UTC().Format(time.RFC3339Nano)
	}
	all, err := postgres.All[told](ctx, s.db, `
		SELECT provider, array_agg(day - date '1970-01-01') AS days FROM use_reports
		WHERE day > @first AND day <= @last AND recorded_at <= @known::timestamptz GROUP BY 1 ORDER BY 1`, args)
	of := make([][]string, len(days))
	for _, t := range all {
		slices.Sort(t.Days)
		for i, d := range days {
			if after, _ := slices.BinarySearch(t.Days, d.Number()+1); after > 0 && t.Days[after-1] > d.Number()-registry.UsedWithin {
				of[i] = append(of[i], t.Provider)
			}
		}
	}
	return of, err
}

// barred are reasons on a day with the vendors of each, commonest first, and the rest of a gap as those whom nobody asked, last.
func barred(found []sum, gap int, on registry.Day) []Barrier {
	out, days := make([]Barrier, 0, len(found)+1), make([]int, len(found))
	for i, f := range found {
		n := f.of("vendors")
		if n == 0 {
			continue
		}
		gap -= n
		b, _ := registry.BarrierOf(f.Key)
		days[i] = on.Number() - f.N[len(registry.Counted)]/n
		out = append(out, Barrier{f.Key, n, b.ClearsIt, &days[i]})
	}
	slices.SortStableFunc(out, func(a, b Barrier) int {
		if a.Vendors != b.Vendors {
			return b.Vendors - a.Vendors
		}
		return strings.Compare(a.Code, b.Code)
	})
	if gap > 0 {
		out = append(out, Barrier{"never_asked", gap, "volunteer", nil})
	}
	return out
}

// providers are the parts of a split by provider, and of how many of each one reports. Who has no account is of the part without a key.
func providers(found []sum, total sum, reports []string) ([]sum, map[string]int) {
	rest := sum{N: total.N}
	var parts []sum
	of := map[string]int{}
	for _, p := range found {
		p.N = p.N[:len(registry.Counted)]
		rest.N = plus(rest.N, negative(p.N))
		if p.of("vendors") > 0 {
			parts = append(parts, p)
		}
		if slices.Contains(reports, p.Key) {
			of[p.Key] = p.of("vendors")
		}
	}
	if rest.of("vendors") > 0 {
		parts = append(parts, rest)
	}
	slices.SortFunc(parts, func(a, b sum) int { return strings.Compare(a.Key, b.Key) })
	return parts, of
}

func negative(n []int) []int {
	out := make([]int, len(n))
	for i := range n {
		out[i] = -n[i]
	}
	return out
}

// names are what the parts of a split are called, by key, on the map of a day.
func (s *Service) names(ctx context.Context, by string, day registry.Day, parts []sum) (map[string]string, error) {
	names := map[string]string{}
	keys := make([]string, len(parts))
	for i, p := range parts {
		if keys[i] = p.Key; by == "provider" {
			names[p.Key] = registry.ProviderName(p.Key)
		}
	}
	sql, args := `SELECT code AS key, name FROM markets WHERE code = ANY (@keys)`, pgx.StrictNamedArgs{"keys": keys}
	switch by {
	case "market":
	case "team":
		sql = `SELECT code AS key, name FROM teams WHERE code = ANY (@keys)`
	case "commune", "province":
		sql, args["day"] = `SELECT code AS key, name FROM area_states WHERE code = ANY (@keys) AND since <= @day AND @day < until`, day
	default:
		return names, nil
	}
	type named struct{ Key, Name string }
	all, err := postgres.All[named](ctx, s.db, sql, args)
	for _, n := range all {
		names[n.Key] = n.Name
	}
	return names, err
}

const (
	mapThen  = "then"
	mapToday = "today"
)

// view is the markets of a question, and when.
type view struct {
	set   set
	on    registry.Day // the figure's day
	at    time.Time    // its moment: the end of that day, or now
	past  bool         // on is before today
	of    string       // mapThen or mapToday; empty: no area was asked for
	name  string
	areas []string
	by    registry.Actor
	own   []string // of an actor who is here for providers alone: their codes; nil: it sees everything there
	shade bool     // sums are of others, shaded
	st    *state   // where it was read in the same trip; nil: it was not
}

// known leaves of some providers those whose customers the reader may know.
func (v view) known(providers []string) []string {
	if v.own == nil {
		return providers
	}
	return slices.DeleteFunc(slices.Clone(providers), func(p string) bool { return !slices.Contains(v.own, p) })
}

// view finds the markets that the question is about and the actor may see figures of. A place that is no market is in none.
func (s *Service) view(ctx context.Context, by registry.Actor, q *Question, now time.Time) (view, error) {
	today := registry.DayOf(now)
	v := view{on: today, at: now, by: by}
	if q.By != "" && !slices.Contains(splits, q.By) {
		return v, fault.New(fault.Invalid, "split-unknown", "Figures are not split by %q.", q.By).
			With(fault.At("by", "unknown", "One of: %s.", strings.Join(splits, ", ")))
	}
	if !q.RecordedUntil.IsZero() {
		if q.RecordedUntil.After(now) {
			q.RecordedUntil = now
		}
		if q.AsOf.IsZero() {
			q.AsOf = registry.DayOf(q.RecordedUntil)
		}
		if q.By == "section" || q.By == "goods" || q.By == "team" {
			return v, fault.New(fault.Invalid, "split-not-then", "What was known at a time is not split by %s.", q.By)
		}
	}
	switch {
	case q.AsOf.After(today):
		return v, fault.New(fault.Invalid, "day-future", "The day %s is not over yet.", q.AsOf).With(fault.At("as_of", "future", "A day up to today."))
	case !q.AsOf.IsZero() && q.AsOf != today:
		v.at, v.on, v.past = q.AsOf.End(), q.AsOf, true
	}
	if q.Map != "" && q.Map != mapThen && q.Map != mapToday {
		return v, fault.New(fault.Invalid, "map-unknown", "There is no map %q.", q.Map).With(fault.At("map", "unknown", "One of: %s.", "then, today"))
	}
	v.set = set{day: today, reach: by.Reach(registry.SeeCoverage)}
	if q.Map == mapThen {
		v.set.day = v.on
	}
	inside := q.By == "provider" || q.By == "section" || q.By == "goods" || q.By == "team"
	reg := registry.New(s.db, s.now)
	if q.Market != "" {
		b := &pgx.Batch{}
		found, ofState := registry.AskMarket(b, by, registry.SeeCoverage, q.Market), v.askState(b, *q)
		if err := s.db.SendBatch(ctx, b).Close(); err != nil {
			return v, err
		}
		m, err := found()
		switch {
		case err != nil:
			return v, err
		case m.Site != "":
			return v, fault.New(fault.Invalid, "site-no-market", "%s is no market: its counters show payment codes, and nobody there is a vendor.", m.Name)
		case inside && !by.Can(registry.SplitCoverage, m):
			return v, registry.Forbidden()
		}
		v.set.market = &m.ID
		st, err := ofState()
		if err != nil {
			return v, err
		}
		v.st = &st[0]
		return v, s.confine(ctx, by, &v, &m)
	}
	if !by.CanSomewhere(registry.SeeCoverage) {
		return v, registry.Forbidden()
	}
	if q.Area != "" {
		v.set.wanted = []string{q.Area}
		b := &pgx.Batch{}
		found, state := registry.AskArea(b, by, registry.SeeCoverage, q.Area, today), v.askState(b, *q)
		if err := s.db.SendBatch(ctx, b).Close(); err != nil {
			return v, err
		}
		area, err := found()
		if err != nil {
			return v, err
		}
		if err := s.place(ctx, reg, by, q, &v, area, today); err != nil {
			return v, err
		}
		if st, err := state(); err != nil {
			return v, err
		} else if len(v.areas) == 0 {
			v.st = &st[0]
		}
	}
	if err := s.confine(ctx, by, &v, nil); err != nil || !inside {
		return v, err
	}
	narrower := v.set
	narrower.reach = by.Reach(registry.SplitCoverage)
	if v.set.all() && narrower.all() {
		return v, nil
	}
	for _, reach := range []set{v.set, narrower} {
		where, args := reach.where(nil)
		n, err := postgres.One[int](ctx, s.db, `SELECT count(*)::int FROM market_tracks t WHERE `+where, args)
		if err != nil {
			return v, err
		}
		if v.set.reach["n"] == nil {
			v.set.reach["n"] = n
		} else if v.set.reach["n"] != n {
			return v, registry.Forbidden()
		}
	}
	return v, nil
}

// place narrows a view to an area of a map.
func (s *Service) place(ctx context.Context, reg *registry.Service, by registry.Actor, q *Question, v *view, area registry.KnownArea, today registry.Day) (err error) {
	v.name, v.of = area.Name, q.Map
	if v.of == "" {
		if v.of = mapToday; area.Ended(today) {
			v.of = mapThen
		}
	}
	v.set.wanted = []string{q.Area}
	switch {
	case v.of == mapToday && area.Ended(today):
		if v.areas, err = reg.Successors(ctx, q.Area); err != nil {
			return err
		}
		v.set.wanted = v.areas
	case v.of == mapThen:
		if v.set.day = v.on; area.Ended(v.on) {
			v.set.day = area.ValidTo.Plus(-1)
		}
	}
	if area.Seen {
		return nil
	}
	// No market of the actor's: an area without any is empty, one out of scope is not there.
	for _, code := range v.set.wanted {
		if markets, err := reg.MarketsOn(ctx, by, registry.SeeCoverage, code, v.set.day); err != nil || len(markets) > 0 {
			return err
		}
	}
	return registry.AreaNotFound(q.Area)
}

// keyed is a market and the group that it is in.
type keyed struct {
	MarketID registry.MarketID
	Key      string
}

// walk is a team that goes to the stalls of a market, or of some rows in it.
type walk struct {
	MarketID registry.MarketID
	Team     string
	Sections []string
}

// teams are those that go to markets, each with its rows; who supports others from a desk goes to none.
func (s *Service) teams(ctx context.Context, v view, markets []keyed) (map[registry.MarketID][]walk, error) {
	ids := make([]registry.MarketID, len(markets))
	for i, m := range markets {
		ids[i] = m.MarketID
	}
	all, err := postgres.All[walk](ctx, s.db, `
		SELECT w.market_id, w.team_code AS team, w.sections FROM team_markets w JOIN teams g ON g.code = w.team_code
		WHERE w.market_id = ANY (@markets) AND g.kind = 'field' AND (g.ended_on IS NULL OR g.ended_on > @on) ORDER BY w.market_id, w.team_code`,
		pgx.StrictNamedArgs{"markets": ids, "on": v.on})
	of := map[registry.MarketID][]walk{}
	for _, w := range all {
		of[w.MarketID] = append(of[w.MarketID], w)
	}
	return of, err
}

// teamOf is the team of a row: whoever has it by name, else whoever walks the whole market; of several the first by code, so that nobody
// counts twice. Empty: no team.
func teamOf(walks []walk, section string) string {
	whole := ""
	for _, w := range walks {
		if slices.Contains(w.Sections, section) {
			return w.Team
		}
		if len(w.Sections) == 0 && whole == "" {
			whole = w.Team
		}
	}
	return whole
}

// sumFacts sums figures from the facts, market by market, by group, or by section, goods or team of the vendor's first stall.
func (s *Service) sumFacts(ctx context.Context, v view, group string, by slice, at time.Time) ([]sum, error) {
	where, args := v.set.where(nil)
	key, inside := groups[group], group == "section" || group == "goods" || group == "team"
	if inside {
		key = `''`
	}
	markets, err := postgres.All[keyed](ctx, s.db, `SELECT t.market_id, `+key+` AS key FROM market_tracks t WHERE `+where+` ORDER BY t.code`, args)
	if err != nil {
		return nil, err
	}
	found := map[string]*sum{}
	var order []string
	add := func(key string, n []int, markets int) {
		if found[key] == nil {
			found[key] = &sum{Key: key, N: make([]int, len(registry.Counted))}
			order = append(order, key)
		}
		found[key].N, found[key].Markets = plus(found[key].N, n), found[key].Markets+markets
	}
	within := `''`
	var teams map[registry.MarketID][]walk
	switch {
	case by.split != "":
		within = `n.` + by.split
	case group == "team": // a row is one team's, so the rows of a team are its vendors
		within = `s.section`
		if teams, err = s.teams(ctx, v, markets); err != nil {
			return nil, err
		}
	case inside:
		within = `s.` + group
	}
	for _, m := range markets {
		sums, err := postgres.All[sum](ctx, s.db, registry.FactsSQL+`
			SELECT `+within+` AS key, 0 AS markets, ARRAY[`+each("sum(n.%)", "stands")+`]::bigint[] AS n
			FROM state n CROSS JOIN LATERAL (SELECT s.section, s.goods FROM stalls s WHERE s.market_id = @market AND s.id = n.first_stall OFFSET 0) s
			GROUP BY 1 ORDER BY 1`, registry.FactsArgs(m.MarketID, at))
		if err != nil {
			return nil, err
		}
		if !inside && by.split == "" {
			add(m.Key, nil, 1)
		}
		for _, f := range sums {
			switch {
			case by.split != "" && (f.Key == "" || by.only != nil && !slices.Contains(by.only, f.Key)):
			case by.split != "" && by.only != nil || by.split == "" && !inside:
				add(m.Key, f.N, 0)
			case group == "team":
				add(teamOf(teams[m.MarketID], f.Key), f.N, 0)
			default:
				add(f.Key, f.N, 0)
			}
		}
	}
	out := make([]sum, len(order))
	for i, key := range order {
		out[i] = *found[key]
	}
	return out, nil
}
