// Package coverage reads the record and says which share of vendors accepts cashless payment, and how far the others are.
// It writes nothing.
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
)

// Definition names what "accepting" means in every figure below: vendors who trade on the day are the denominator, which is who
// holds a stall and is neither closed nor out of season there, each counted once in a market; accepting are those with a live
// placard of an approved account at a stall where they trade,
// installed, not suspended, last found to be the right one or not yet due for a look (registry.FirstCheckWithin,
// registry.NextCheckWithin). A market that nobody visited stays in it.
const Definition = "accepting-1"

// Service computes figures on a database.
type Service struct {
	db  postgres.DB
	now func() time.Time
}

// New makes the figures of a database, as of the clock's time.
func New(db postgres.DB, now func() time.Time) *Service { return &Service{db, now} }

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
	Suspended  int          `json:"suspended"` // hang, but somebody stopped them
	Overdue    int          `json:"overdue"`   // hang, but nobody has looked for too long
	Funnel     []Step       `json:"funnel"`
	Barriers   []Barrier    `json:"barriers"`
	Freshness  time.Time    `json:"freshness"`
	AreaName   string       `json:"area_name,omitempty"`
	Map        string       `json:"map,omitempty"`   // of a figure of an area: then or today
	Areas      []string     `json:"areas,omitempty"` // of a former unit on today's map: the units that it became
	Split      []Part       `json:"split,omitempty"`
}

// Step is how many vendors came at least as far as a stage.
type Step struct {
	Stage   registry.Stage `json:"stage"`
	Vendors int            `json:"vendors"`
}

// Barrier is how many of the vendors who do not accept gave a reason; never_asked for those whom nobody asked.
type Barrier struct {
	Code    string `json:"code"`
	Vendors int    `json:"vendors"`
}

// Part is one part of a split; the parts sum to the whole.
type Part struct {
	Key       string   `json:"key"` // the market's code, the section's name …; empty: none
	Name      string   `json:"name,omitempty"`
	Vendors   int      `json:"vendors"`
	Accepting int      `json:"accepting"`
	Share     *float64 `json:"share"`
	Funnel    []Step   `json:"funnel"`
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
}

// splits are the ways to split a figure. Where nobody is in a team yet, all are in the part without a name.
var splits = []string{"market", "commune", "province", "provider", "section", "goods", "team"}

// count is one group of vendors as the database counts it.
type count struct {
	Key, Name                                string
	Vendors, Accepting, Suspended, Overdue   int
	Account, Approved, Printed, Hung, Looked int
}

func (c *count) add(o count) {
	c.Vendors += o.Vendors
	c.Accepting += o.Accepting
	c.Suspended += o.Suspended
	c.Overdue += o.Overdue
	c.Account += o.Account
	c.Approved += o.Approved
	c.Printed += o.Printed
	c.Hung += o.Hung
	c.Looked += o.Looked
}

func (c count) funnel() []Step {
	numbers := []int{c.Vendors, c.Account, c.Approved, c.Printed, c.Hung, c.Looked}
	steps := make([]Step, len(numbers))
	for i, n := range numbers {
		steps[i] = Step{registry.Stage(i), n}
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
// Faults: Invalid split-unknown, map-unknown, day-future, site-no-market; NotFound market-not-found, area-not-found; Forbidden.
func (s *Service) Share(ctx context.Context, by registry.Actor, q Question) (Share, error) {
	now := s.now().UTC().Truncate(time.Microsecond)
	if q.By != "" && !slices.Contains(splits, q.By) {
		return Share{}, fault.New(fault.Invalid, "split-unknown", "Figures are not split by %q.", q.By).
			With(fault.At("by", "unknown", "One of: %s.", strings.Join(splits, ", ")))
	}
	at, today := now, registry.DayOf(now)
	switch {
	case q.AsOf.After(today):
		return Share{}, fault.New(fault.Invalid, "day-future", "The day %s is not over yet.", q.AsOf).With(fault.At("as_of", "future", "A day up to today."))
	case !q.AsOf.IsZero() && q.AsOf != today:
		at, today = q.AsOf.End(), q.AsOf
	}
	if q.Map != "" && q.Map != mapThen && q.Map != mapToday {
		return Share{}, fault.New(fault.Invalid, "map-unknown", "There is no map %q.", q.Map).With(fault.At("map", "unknown", "One of: %s.", "then, today"))
	}
	view, err := s.markets(ctx, by, q, today)
	if err != nil {
		return Share{}, err
	}
	var total count
	parts := map[string]*count{}
	var order []string
	inside := q.By == "provider" || q.By == "section" || q.By == "goods"
	for _, m := range view.markets {
		if inside && !by.Can(registry.SplitCoverage, m) {
			return Share{}, fault.New(fault.Forbidden, "not-allowed", "Your role here does not allow this. Ask the market board's manager.")
		}
		groups, err := s.count(ctx, m, view, q.By, at)
		if err != nil {
			return Share{}, fmt.Errorf("coverage of %s: %w", m.Code, err)
		}
		for _, g := range groups {
			total.add(g)
			if parts[g.Key] == nil {
				parts[g.Key] = &count{Key: g.Key, Name: g.Name}
				order = append(order, g.Key)
			}
			parts[g.Key].add(g)
		}
	}
	out := Share{AsOf: today, Definition: Definition, Method: "counted", Market: q.Market, Area: q.Area, AreaName: view.name, Map: view.of, Areas: view.areas, Vendors: total.Vendors, Accepting: total.Accepting,
		Share: ratio(total.Accepting, total.Vendors), Suspended: total.Suspended, Overdue: total.Overdue, Funnel: total.funnel(), Barriers: []Barrier{}, Freshness: now}
	if gap := total.Vendors - total.Accepting; gap > 0 {
		out.Barriers = append(out.Barriers, Barrier{"never_asked", gap}) // reasons are recorded with visits; nobody has asked before that
	}
	if q.By != "" {
		for _, key := range order {
			p := parts[key]
			out.Split = append(out.Split, Part{p.Key, p.Name, p.Vendors, p.Accepting, ratio(p.Accepting, p.Vendors), p.funnel()})
		}
	}
	return out, nil
}

const (
	mapThen  = "then"
	mapToday = "today"
)

// view is the markets of a question, and the day whose map their communes and provinces are named from.
type view struct {
	markets []registry.Market
	day     registry.Day
	of      string // mapThen or mapToday; empty: no area was asked for
	name    string
	areas   []string
}

// markets are those that the question is about and the actor may see figures of, by code. A place that is no market is in none.
func (s *Service) markets(ctx context.Context, by registry.Actor, q Question, on registry.Day) (view, error) {
	reg := registry.New(s.db, s.now)
	today := reg.Today()
	if q.Market != "" {
		m, err := reg.MarketFor(ctx, by, registry.SeeCoverage, q.Market)
		if err == nil && m.Site != "" {
			err = fault.New(fault.Invalid, "site-no-market", "%s is no market: its counters show payment codes, and nobody there is a vendor.", m.Name)
		}
		v := view{markets: []registry.Market{m}, day: today}
		if q.Map == mapThen {
			v.day = on
		}
		return v, err
	}
	if !by.CanSomewhere(registry.SeeCoverage) {
		return view{}, fault.New(fault.Forbidden, "not-allowed", "Your role here does not allow this. Ask the market board's manager.")
	}
	v := view{day: today}
	if q.Map == mapThen {
		v.day = on
	}
	if q.Area == "" {
		markets, err := reg.MarketsOn(ctx, by, registry.SeeCoverage, "", v.day)
		v.markets = slices.DeleteFunc(markets, isSite)
		return v, err
	}
	unknown := fault.New(fault.NotFound, "area-not-found", "There is no area with the code %q.", q.Area)
	area, err := reg.AreaFor(ctx, by, registry.SeeCoverage, q.Area)
	if err != nil {
		return v, err
	}
	v.name, v.of = area.Name, q.Map
	if v.of == "" {
		if v.of = mapToday; area.Ended(today) {
			v.of = mapThen
		}
	}
	wanted := []string{q.Area}
	switch {
	case v.of == mapToday && area.Ended(today):
		if wanted, err = reg.Successors(ctx, q.Area); err != nil {
			return v, err
		}
		v.areas = wanted
	case v.of == mapThen:
		if v.day = on; area.Ended(on) {
			v.day = area.ValidTo.Add(-1)
		}
	}
	seen := map[string]bool{}
	for _, code := range wanted {
		markets, err := reg.MarketsOn(ctx, by, registry.SeeCoverage, code, v.day)
		if err != nil {
			return v, err
		}
		for _, m := range markets {
			if !seen[m.Code] && !isSite(m) {
				v.markets = append(v.markets, m)
			}
			seen[m.Code] = true
		}
	}
	// No market of the actor's: an area without any is empty, one out of scope is not there.
	if len(seen) == 0 && !area.Seen {
		return v, unknown
	}
	slices.SortFunc(v.markets, func(a, b registry.Market) int { return strings.Compare(a.Code, b.Code) })
	return v, nil
}

func isSite(m registry.Market) bool { return m.Site != "" }

// count counts the vendors of one market, grouped as asked.
func (s *Service) count(ctx context.Context, m registry.Market, v view, by string, at time.Time) ([]count, error) {
	key, name, join := "''", "''", ""
	var labels [2]string
	switch by {
	case "market", "commune", "province": // the whole market is in one part
		key, name = "@key::text", "@name::text"
		labels = [2]string{m.Code, m.Name}
		if by != "market" {
			commune, province, err := registry.New(s.db, s.now).PlaceOn(ctx, m, v.day)
			if err != nil {
				return nil, err
			}
			if labels = [2]string{commune.Code, commune.Name}; by == "province" {
				labels = [2]string{province.Code, province.Name}
			}
		}
	case "provider":
		key = "coalesce(n.provider, '')"
	case "section":
		key, join = "s.section", "JOIN stalls s ON s.market_id = @market AND s.id = n.first_stall"
	case "goods":
		key, join = "s.goods", "JOIN stalls s ON s.market_id = @market AND s.id = n.first_stall"
	}
	args := registry.StageArgs(m.ID, at)
	if key == "@key::text" {
		args["key"], args["name"] = labels[0], labels[1]
	}
	counts, err := postgres.All[count](ctx, s.db, registry.StagesSQL+`
		SELECT `+key+` AS key, `+name+` AS name, count(*) AS vendors,
		       count(*) FILTER (WHERE n.accepting) AS accepting, count(*) FILTER (WHERE n.suspended) AS suspended,
		       count(*) FILTER (WHERE n.overdue) AS overdue,
		       count(*) FILTER (WHERE n.stage >= 1) AS account, count(*) FILTER (WHERE n.stage >= 2) AS approved,
		       count(*) FILTER (WHERE n.stage >= 3) AS printed, count(*) FILTER (WHERE n.stage >= 4) AS hung,
		       count(*) FILTER (WHERE n.stage >= 5) AS looked
		FROM stage_now n `+join+`
		GROUP BY 1, 2 ORDER BY 1`, args)
	if args["key"] != nil && len(counts) == 0 { // a market without vendors is a part too
		counts = []count{{Key: labels[0], Name: labels[1]}}
	}
	for i := range counts {
		if by == "provider" {
			counts[i].Name = registry.ProviderName(counts[i].Key)
		}
	}
	return counts, err
}
