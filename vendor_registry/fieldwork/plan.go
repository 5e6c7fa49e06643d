package fieldwork

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// TaskKinds are what there is to do at a stall, as the record's state says; the last three stand in the record, as a change left them. What
// hangs of a vendor who went is to be taken down as well.
var TaskKinds = []Word{
	{"check_neighbour", "Check: another code was found beside it"},
	{"stop_closed", "The wallet or bank says the account is closed: ask the vendor, stop the placard"},
	{"get_account", "Help to get an account"},
	{"ask_again", "Ask again"},
	{"print", "Print the placard"},
	{"hang", "Hang the placard"},
	{"first_check", "Check for the first time"},
	{"check", "Check"},
	{"print_replacement", "Print the new placard"},
	{"hang_replacement", "Hang the new placard"},
	{"take_down", "Take the old placard down"},
}

// How soon things are due. A first check is wanted within days of the hanging; the ones after it come on a day that nobody can know
// beforehand, early enough that the placard never stops counting for want of a look (registry.FirstCheckWithin, NextCheckWithin).
const (
	printWithin      = 7 * day
	hangWithin       = 3 * day
	firstCheckAfter  = 7 * day
	firstCheckUrgent = 21 * day
	checkSoonest     = 60  // days after the last look
	checkSpread      = 100 // days more, by chance
	checkUrgent      = 20 * day
	askAbsentAgain   = 7 * day
	askRefusedAgain  = 90 * day // at most once a quarter
	takeDownWithin   = 2 * day  // shoppers pay somebody who is not there any more
	stopWithin       = 2 * day  // or into an account that is not there any more, says its provider

	day = 24 * time.Hour
)

// planAhead is how many days of what is due are shown unless more are asked for.
const planAhead = 14

// Todo is something to do at a stall.
type Todo struct {
	Stall    string           `json:"stall"`
	Section  string           `json:"section"`
	Vendor   string           `json:"vendor"`
	Kind     string           `json:"kind"`     // one of TaskKinds
	Priority string           `json:"priority"` // high, normal
	Due      registry.Day     `json:"due"`      // a market day
	On       registry.Day     `json:"on"`       // the first market day from today on at which it can be done
	Serial   *registry.Serial `json:"serial"`   // of the placard that it is about
	Barrier  *string          `json:"barrier"`  // of the last visit
	Member   string           `json:"member"`   // whose row it is; empty: nobody's, or no team was named
	position int
	person   string
}

// Load is how much of the plan falls to a member.
type Load struct {
	Member   string   `json:"member"`
	MemberID MemberID `json:"member_id"` // two may have one name
	Tasks    int      `json:"tasks"`
	Late     int      `json:"late"`
}

// Plan is whom to see next in a market: what presses first, then by market day, then in walking order.
type Plan struct {
	Market    string       `json:"market"`
	Today     registry.Day `json:"today"`
	MarketDay registry.Day `json:"market_day"` // today, or the next one
	Team      string       `json:"team"`
	Items     []Todo       `json:"items"`
	Load      []Load       `json:"load"`
}

// PlanFilter says which part of a plan is wanted.
type PlanFilter struct {
	Team string `query:"team"`
	Mine bool   `query:"mine"` // only the reader's own rows, in their team
	Kind string `query:"kind"`
	Days int    `query:"days"` // how far ahead; 0: planAhead
}

// Plan works out what there is to do in a market. Nobody ticks it off: what changes the record ends it.
//
// With a team it is that team's rows, shared out among its members in stretches of the walking order, so that each goes one way.
//
// Faults: Invalid; NotFound market-not-found, team-not-found; Forbidden.
func (s *Service) Plan(ctx context.Context, by registry.Actor, marketCode string, f PlanFilter) (Plan, error) {
	m, err := registry.Allowed(ctx, s.db, by, registry.SeeVendors, marketCode)
	if err != nil {
		return Plan{}, err
	}
	var bad []fault.Field
	if f.Kind != "" {
		oneOf(&bad, "kind", f.Kind, codes(TaskKinds))
	}
	if f.Days < 0 || f.Days > maxAgain {
		bad = append(bad, fault.At("days", "range", "A number from %d to %d.", 0, maxAgain))
	}
	if err := fault.Check("query-invalid", bad); err != nil {
		return Plan{}, err
	}
	now := s.now()
	today := registry.DayOf(now)
	p := Plan{Market: m.Code, Today: today, MarketDay: m.NextDay(today), Items: []Todo{}, Load: []Load{}}
	if f.Mine && f.Team == "" {
		if f.Team, err = teamOf(ctx, s.db, by, m.ID, today); err != nil {
			return p, wrap("plan of", m.Code, err)
		}
	}
	view, err := s.survey(ctx, s.db, m, now)
	if err != nil {
		return p, wrap("plan of", m.Code, err)
	}
	rows := view.stalls
	if f.Team != "" {
		t, err := s.team(ctx, s.db, by, registry.SeeTeams, f.Team)
		if err != nil {
			return p, err
		}
		p.Team = t.Code
		if rows, err = s.share(ctx, m, t.Code, rows); err != nil {
			return p, wrap("plan of", m.Code, err)
		}
	}
	ahead := today.Plus(cmp.Or(f.Days, planAhead))
	me := who(by).String()
	load := map[MemberID]*Load{}
	for _, st := range rows {
		for _, todo := range view.todo(m, st, now) {
			if todo.On.After(ahead) || f.Kind != "" && todo.Kind != f.Kind || f.Mine && (todo.person == "" || todo.person != me) {
				continue
			}
			p.Items = append(p.Items, todo)
			if !st.memberID.IsZero() {
				if load[st.memberID] == nil {
					load[st.memberID] = &Load{Member: todo.Member, MemberID: st.memberID}
				}
				load[st.memberID].Tasks++
				if today.After(todo.Due) {
					load[st.memberID].Late++
				}
			}
		}
	}
	slices.SortStableFunc(p.Items, func(a, b Todo) int {
		return cmp.Or(strings.Compare(a.Priority, b.Priority), strings.Compare(a.On.String(), b.On.String()), a.position-b.position, strings.Compare(a.Kind, b.Kind))
	})
	for _, l := range load {
		p.Load = append(p.Load, *l)
	}
	slices.SortFunc(p.Load, func(a, b Load) int {
		return cmp.Or(b.Tasks-a.Tasks, strings.Compare(a.Member, b.Member), strings.Compare(a.MemberID.String(), b.MemberID.String()))
	})
	return p, nil
}

// share gives a team's members their stretches of the rows that the team walks. A team with nobody in the field has no stretches.
func (s *Service) share(ctx context.Context, m registry.Market, team string, all []surveyed) ([]surveyed, error) {
	type member struct {
		ID     MemberID
		Name   string
		Person string
	}
	sections, err := postgres.All[[]string](ctx, s.db, `SELECT sections FROM team_markets WHERE market_id = @market AND team_code = @team`,
		pgx.StrictNamedArgs{"market": m.ID, "team": team})
	if err != nil || len(sections) == 0 {
		return nil, err
	}
	members, err := postgres.All[member](ctx, s.db, `
		SELECT id, name, coalesce(person_id::text, '') AS person FROM team_members WHERE team_code = @team AND ended IS NULL ORDER BY began, id`, pgx.StrictNamedArgs{"team": team})
	if err != nil {
		return nil, err
	}
	var rows []surveyed
	for _, st := range all {
		if len(sections[0]) == 0 || slices.Contains(sections[0], st.Section) {
			rows = append(rows, st)
		}
	}
	for i := range rows {
		if len(members) > 0 {
			whose := members[i*len(members)/len(rows)]
			rows[i].memberID, rows[i].member, rows[i].person = whose.ID, whose.Name, whose.Person
		}
	}
	return rows, nil
}

// surveyed is a stall with what is known of it.
type surveyed struct {
	ID             registry.StallID
	Code           string
	Section        string
	Goods          string
	Position       int
	Status         string
	VendorID       *registry.VendorID
	Vendor         string
	Stage          *registry.Stage // nil: does not trade today
	First          bool            // it is the vendor's first stall: what is about the vendor is done there
	Closed         bool            // where the vendor's money goes is closed, says its provider
	Other          bool            // the vendor has another account that is not
	OwnConsent     bool
	Outcome        *string // of the last visit
	Barrier        *string
	AgainOn        *registry.Day
	VisitedAt      *time.Time
	memberID       MemberID // whose row it is
	member, person string
}

// hanging is a live placard at a stall.
type hanging struct {
	StallID  registry.StallID
	Serial   registry.Serial
	Kind     string
	State    string
	Mark     string
	Account  registry.AccountID
	Closed   *time.Time // since when its account is closed, says its provider; nil: it is not
	MadeAt   time.Time
	HungAt   *time.Time
	LookedAt *time.Time // since it was hung
	Result   *string    // of that look
	Out      bool       // the vendor had it: it hangs, or may
	Stopped  *time.Time // when it was suspended
	Former   bool       // its vendor does not hold the stall any more
}

// told is a task that a change left in the record.
type told struct {
	StallID  registry.StallID
	Kind     string
	Priority string
	Due      registry.Day
	Serial   *registry.Serial
	Closed   bool // its account is closed, says its provider
}

// view is a market as field work sees it.
type view struct {
	stalls   []surveyed // in walking order
	placards map[registry.StallID][]hanging
	told     map[registry.StallID][]told
	beside   map[string]bool // codes of stalls to be looked at because of one beside them
	seed     []byte
}

// survey reads a market: four statements, whatever its size.
func (s *Service) survey(ctx context.Context, db postgres.Querier, m registry.Market, now time.Time) (view, error) {
	v := view{placards: map[registry.StallID][]hanging{}, told: map[registry.StallID][]told{}, beside: map[string]bool{}}
	var err error
	if v.stalls, err = postgres.All[surveyed](ctx, db, registry.StagesSQL+`
		SELECT s.id, s.code, s.section, s.goods, s.position, CASE WHEN o.vendor_id IS NULL THEN 'vacant' ELSE coalesce(t.status, 'trading') END AS status,
		       o.vendor_id, coalesce(w.name, '') AS vendor, CASE WHEN coalesce(t.trades, true) THEN n.stage END AS stage, coalesce(n.first_stall = s.id, false) AS first,
		       `+registry.ClosedSince("w.default_account")+` IS NOT NULL AS closed,
		       EXISTS (SELECT 1 FROM accounts a WHERE a.market_id = @market AND a.vendor_id = o.vendor_id AND `+registry.ClosedSince("a.id")+` IS NULL
		               AND NOT EXISTS (SELECT 1 FROM account_decisions d WHERE d.market_id = @market AND d.account_id = a.id AND d.decision <> 'approved')
		               AND (a.proposed_at > @at::timestamptz - @proposal_lives::interval
		                    OR EXISTS (SELECT 1 FROM account_decisions d WHERE d.market_id = @market AND d.account_id = a.id))) AS other,
		       EXISTS (SELECT 1 FROM consents c WHERE c.market_id = @market AND c.vendor_id = o.vendor_id AND c.kind = 'vendor'
		               AND NOT EXISTS (SELECT 1 FROM consents x WHERE x.market_id = @market AND x.vendor_id = c.vendor_id AND x.kind = 'withdrawal' AND x.taken_at >= c.taken_at)) AS own_consent,
		       l.outcome, l.barrier, l.again_on, l.at AS visited_at
		FROM stalls s
		LEFT JOIN LATERAL (SELECT o.id, o.vendor_id FROM occupancies o WHERE o.market_id = @market AND o.stall_id = s.id AND o.ended IS NULL OFFSET 0) o ON true
		LEFT JOIN LATERAL (`+registry.StatusOn+`) t ON true
		LEFT JOIN LATERAL (SELECT w.name, w.default_account FROM vendors w WHERE w.market_id = @market AND w.id = o.vendor_id OFFSET 0) w ON true
		LEFT JOIN stage_now n ON n.vendor_id = o.vendor_id
		LEFT JOIN LATERAL (SELECT l.outcome, l.barrier, l.again_on, l.at FROM visits l
		                   WHERE l.market_id = @market AND l.vendor_id = o.vendor_id AND l.voided_at IS NULL ORDER BY l.at DESC, l.id DESC LIMIT 1) l ON true
		WHERE s.market_id = @market AND s.removed_at IS NULL
		ORDER BY s.position, s.code_key`, registry.StageArgs(m.ID, now)); err != nil {
		return v, err
	}
	of := pgx.StrictNamedArgs{"market": m.ID}
	placards, err := postgres.All[hanging](ctx, db, `
		SELECT p.stall_id, p.serial, p.kind, p.state, p.mark, p.account_id AS account, `+registry.ClosedSince("p.account_id")+` AS closed, p.issued_at AS made_at, e.hung_at,
		       CASE WHEN e.looked > e.hung THEN e.looked_at END AS looked_at, CASE WHEN e.looked > e.hung THEN e.result END AS result,
		       e.out, e.stopped,
		       NOT EXISTS (SELECT 1 FROM occupancies o WHERE o.market_id = @market AND o.stall_id = p.stall_id AND o.ended IS NULL
		                   AND o.vendor_id = coalesce((SELECT g.into_id FROM vendor_merges g WHERE g.market_id = @market AND g.vendor_id = p.vendor_id), p.vendor_id)) AS former
		FROM placards p
		JOIN LATERAL (SELECT max(e.at) FILTER (WHERE e.kind = 'installed') AS hung_at, max(e.seq) FILTER (WHERE e.kind = 'installed') AS hung,
		                     max(e.at) FILTER (WHERE e.kind = 'checked') AS looked_at, max(e.seq) FILTER (WHERE e.kind = 'checked') AS looked,
		                     (array_agg(e.result ORDER BY e.at DESC, e.seq DESC) FILTER (WHERE e.kind = 'checked'))[1] AS result,
		                     coalesce(bool_or(e.kind IN ('handed_over', 'installed')), false) AS out, max(e.at) FILTER (WHERE e.kind = 'suspended') AS stopped
		              FROM placard_events e WHERE e.market_id = @market AND e.placard_id = p.id) e ON true
		WHERE p.market_id = @market AND p.state IN ('issued', 'printed', 'handed_over', 'installed', 'suspended') ORDER BY p.issued_at, p.id`, of)
	if err != nil {
		return v, err
	}
	for _, p := range placards {
		v.placards[p.StallID] = append(v.placards[p.StallID], p)
	}
	left, err := postgres.All[told](ctx, db, `
		SELECT t.stall_id, t.kind, t.priority, t.due, t.serial, `+registry.ClosedSince("t.account_id")+` IS NOT NULL AS closed
		FROM tasks t WHERE t.market_id = @market AND t.state = 'open' ORDER BY t.priority, t.due, t.id`, of)
	if err != nil {
		return v, err
	}
	for _, t := range left {
		v.told[t.StallID] = append(v.told[t.StallID], t)
	}
	around, err := s.reg.StallsAround(ctx, db, m)
	for _, code := range around {
		v.beside[code] = true
	}
	if err != nil {
		return v, err
	}
	v.seed, err = seed(ctx, db)
	return v, err
}

// askedUntil is until when a vendor who gave a reason, or was not there, is left in peace; zero: nobody asked, or nothing stood in the way.
func (st surveyed) askedUntil() registry.Day {
	switch {
	case st.VisitedAt == nil:
		return registry.Day{}
	case st.AgainOn != nil:
		return *st.AgainOn
	}
	wait := time.Duration(0)
	if st.Barrier != nil {
		if b, ok := registry.BarrierOf(*st.Barrier); ok {
			wait = b.Again
		}
	}
	if wait == 0 {
		switch *st.Outcome {
		case "refused":
			wait = askRefusedAgain
		case "absent", "closed":
			wait = askAbsentAgain
		default:
			return registry.Day{}
		}
	}
	return registry.DayOf(st.VisitedAt.Add(wait))
}

// todo is what there is to do at a stall.
func (v view) todo(m registry.Market, st surveyed, now time.Time) (all []Todo) {
	today := registry.DayOf(now)
	add := func(kind, priority string, due registry.Day, serial *registry.Serial) {
		due = m.NextDay(due)
		on := due
		if today.After(on) {
			on = m.NextDay(today)
		}
		all = append(all, Todo{Stall: st.Code, Section: st.Section, Vendor: st.Vendor, Kind: kind, Priority: priority, Due: due, On: on, Serial: serial,
			Barrier: st.Barrier, Member: st.member, position: st.Position, person: st.person})
	}
	soon := func(from time.Time, within time.Duration) registry.Day { return registry.DayOf(from.Add(within)) }
	for _, t := range v.told[st.ID] {
		if !t.Closed || t.Kind == "take_down" { // nothing new of a closed account is printed or hung
			add(t.Kind, t.Priority, t.Due, t.Serial)
		}
	}
	if v.beside[st.Code] {
		add("check_neighbour", "high", today, nil)
	}
	busy := func(kind string) bool {
		return slices.ContainsFunc(v.told[st.ID], func(t told) bool { return t.Kind == kind })
	}
	down := func(p hanging) bool {
		return slices.ContainsFunc(v.told[st.ID], func(t told) bool { return t.Kind == "take_down" && t.Serial != nil && *t.Serial == p.Serial })
	}
	var live []hanging
	for _, p := range v.placards[st.ID] {
		switch {
		case !p.Former:
			live = append(live, p)
		case p.Out && !down(p):
			from := now
			if p.Stopped != nil {
				from = *p.Stopped
			}
			add("take_down", "high", soon(from, takeDownWithin), &p.Serial)
		}
	}
	for _, p := range live {
		if p.stops() && !down(p) {
			add("stop_closed", "high", soon(*p.Closed, stopWithin), &p.Serial)
		}
	}
	if st.Stage == nil {
		return all // vacant, closed or out of season: only what hangs there wrongly
	}
	until := st.askedUntil()
	switch {
	case *st.Stage == registry.Registered || st.Closed && !st.Other && len(live) == 0:
		switch {
		case !st.First:
		case until.IsZero():
			add("get_account", "normal", today, nil)
		default:
			add("ask_again", "normal", until, nil)
		}
		return all
	case *st.Stage >= registry.Approved && len(live) == 0 && !st.Closed && !busy("print_replacement"):
		add("print", "normal", soon(now, printWithin), nil)
	}
	for _, p := range live {
		switch {
		case down(p):
		case p.State == "suspended" || p.Closed != nil:
		case p.State != "installed":
			switch {
			case busy("hang_replacement"):
			case until.After(today):
				add("ask_again", "normal", until, &p.Serial)
			default:
				add("hang", "normal", soon(p.MadeAt, hangWithin), &p.Serial)
			}
		case v.beside[st.Code]: // it is looked at anyway
		case p.LookedAt == nil:
			priority := "normal"
			if now.Sub(*p.HungAt) > firstCheckUrgent {
				priority = "high"
			}
			add("first_check", priority, soon(*p.HungAt, firstCheckAfter), &p.Serial)
		case *p.Result == "damaged" || *p.Result == "missing":
			add("check", "high", soon(*p.LookedAt, firstCheckAfter), &p.Serial)
		default:
			priority := "normal"
			if now.Sub(*p.LookedAt) > registry.NextCheckWithin-checkUrgent {
				priority = "high"
			}
			add("check", priority, soon(*p.LookedAt, v.chance(p)), &p.Serial)
		}
	}
	return all
}

// stops reports whether a person should stop a placard whose account is closed: it is on paper, or hangs.
func (p hanging) stops() bool {
	return p.Closed != nil && (p.State == "printed" || p.State == "handed_over" || p.State == "installed")
}

// chance is after how long a placard is looked at again: drawn from the seed, so that it stays the same until then and nobody who
// does not know the seed can tell it.
func (v view) chance(p hanging) time.Duration {
	drawn := binary.BigEndian.Uint32(digest(v.seed, string(p.Serial), registry.DayOf(*p.LookedAt)))
	return (checkSoonest + time.Duration(drawn%checkSpread)) * day
}
