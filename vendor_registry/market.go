package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// MarketID names a market among records; people use its code.
type MarketID = id.ID[Market]

// Market is a traditional market with a board, or a site that is none.
type Market struct {
	ID             MarketID     `json:"-"`
	Code           string       `json:"code"` // what people type, VT
	Name           string       `json:"name"`
	Site           Site         `json:"site,omitempty"` // empty: a market
	Area           string       `json:"area,omitempty"` // official code of its commune (or province)
	AreaName       string       `json:"area_name,omitempty"`
	Province       string       `json:"-"` // official code of the province above it, or of itself
	ProvinceName   string       `json:"province_name,omitempty"`
	FormerAreas    []FormerArea `json:"former_areas,omitempty"` // where it lay before, oldest first
	Class          *int         `json:"class,omitempty"`        // 1 to 3
	Kind           MarketKind   `json:"kind,omitempty"`
	Weekdays       []Weekday    `json:"weekdays,omitempty"`                // of a fair-day market
	LunarDays      []int        `json:"lunar_days,omitempty"`              // of a fair-day market, 1 to 30
	NextDays       []Day        `json:"next_market_days,omitempty" db:"-"` // of a fair-day market, from today on
	PlannedStalls  *int         `json:"planned_stalls,omitempty"`
	Program        bool         `json:"program"` // a cashless market, chợ 4.0
	ProgramSince   *Day         `json:"program_since,omitempty"`
	ProgramSponsor string       `json:"program_sponsor,omitempty"`
	Signal         string       `json:"signal,omitempty"` // none, weak, good; empty: nobody said
	ContactName    string       `json:"contact_name,omitempty"`
	ContactPhone   string       `json:"contact_phone,omitempty"`
	Call           string       `json:"call,omitempty"` // the board's phone, for shoppers who see another name
	Demo           bool         `json:"demo"`
	Places         []place      `json:"-"` // where it lay when, as far as the record tells
	Teams          []string     `json:"-"` // codes of the teams that go there now
	Version        int          `json:"-"`
	CreatedAt      time.Time    `json:"created_at"`
}

// FormerArea is a unit in which a market lay until a day, on which it was there no more.
type FormerArea struct {
	Area  string `json:"area"`
	Until Day    `json:"until"`
	since string
}

// Site says what a place is that shows payment codes and is no market. Its counters, accounts and placards are kept like a
// market's; it is outside every share, and its counters are no vendors.
type Site string

// The sites; the empty one is a market.
const (
	Desk   Site = "desk" // one-stop desk of an office
	School Site = "school"
	Clinic Site = "clinic"
)

// Sites are the sites by name.
var Sites = []Site{Desk, School, Clinic}

// MarketKind is how a market is held.
type MarketKind string

// MarketKinds are the kinds of markets; fair is held on certain days only.
var MarketKinds = []MarketKind{"daily", "wholesale", "night", "temporary", Fair}

// Fair is a market that meets on days of the week or of the moon.
const Fair MarketKind = "fair"

// Signals are how phones do in a market hall.
var Signals = []string{"none", "weak", "good"}

// NewMarket is what opens a market in the record.
type NewMarket struct {
	Code           string       `json:"code"`
	Name           string       `json:"name"`
	Site           Site         `json:"site"`
	Area           string       `json:"area"`
	FormerAreas    []FormerArea `json:"former_areas"`
	Class          *int         `json:"class"`
	Kind           MarketKind   `json:"kind"`
	Weekdays       []Weekday    `json:"weekdays"`
	LunarDays      []int        `json:"lunar_days"`
	PlannedStalls  *int         `json:"planned_stalls"`
	Program        bool         `json:"program"`
	ProgramSince   *Day         `json:"program_since"`
	ProgramSponsor string       `json:"program_sponsor"`
	Signal         string       `json:"signal"`
	ContactName    string       `json:"contact_name"`
	ContactPhone   string       `json:"contact_phone"`
	Call           string       `json:"call"`
	Demo           bool         `json:"-"`
}

// ChangedMarket holds the fields of a market to change; what is not given stays. A number or day given as null is taken away.
type ChangedMarket struct {
	Name           *string       `json:"name"`
	Site           *Site         `json:"site"`
	Area           *string       `json:"area"`         // alone it corrects; with a day, the market came into the unit on it
	AreaFrom       *Day          `json:"area_from"`    // first day in the unit: the one before becomes a former area
	FormerAreas    *[]FormerArea `json:"former_areas"` // all of them, in place of those that are known
	Class          Maybe[int]    `json:"class"`
	Kind           *MarketKind   `json:"kind"`
	Weekdays       *[]Weekday    `json:"weekdays"`
	LunarDays      *[]int        `json:"lunar_days"`
	PlannedStalls  Maybe[int]    `json:"planned_stalls"`
	Program        *bool         `json:"program"`
	ProgramSince   Maybe[Day]    `json:"program_since"`
	ProgramSponsor *string       `json:"program_sponsor"`
	Signal         *string       `json:"signal"`
	ContactName    *string       `json:"contact_name"`
	ContactPhone   *string       `json:"contact_phone"`
	Call           *string       `json:"call"`
}

// Maybe is a field of a change that may also be taken away: not given, given as null, or with a value.
type Maybe[T any] struct {
	Given bool
	Value *T
}

// Some is a field with a value; nil takes it away.
func Some[T any](v *T) Maybe[T] { return Maybe[T]{true, v} }

// UnmarshalJSON reads a value or null.
func (m *Maybe[T]) UnmarshalJSON(b []byte) error {
	m.Given = true
	return json.Unmarshal(b, &m.Value)
}

var (
	marketCode = regexp.MustCompile(`^[A-Z0-9][A-Z0-9-]{0,15}$`)
	callable   = regexp.MustCompile(`^[0-9+][0-9 .]{2,18}[0-9]$`)
)

// change puts the fields that are given into m, and returns their names. The area is the transaction's affair.
func (in ChangedMarket) change(bad *[]fault.Field, m *Market) (fields []string) {
	words := func(to *string, given *string, pointer string, most int, required bool) {
		if given != nil {
			*to = text(bad, pointer, *given, most, required)
			fields = append(fields, pointer)
		}
	}
	phone := func(to *string, given *string, pointer string) {
		words(to, given, pointer, 20, false)
		if given != nil && *to != "" && !callable.MatchString(*to) {
			*bad = append(*bad, fault.At(pointer, "form", "A phone number has 4 to 20 digits, such as 0293 000 0040."))
		}
	}
	words(&m.Name, in.Name, "name", maxName, true)
	words(&m.ContactName, in.ContactName, "contact_name", maxName, false)
	words(&m.ProgramSponsor, in.ProgramSponsor, "program_sponsor", maxName, false)
	phone(&m.Call, in.Call, "call")
	phone(&m.ContactPhone, in.ContactPhone, "contact_phone")
	if in.Site != nil {
		m.Site, fields = *in.Site, append(fields, "site")
		if m.Site != "" && !slices.Contains(Sites, m.Site) {
			*bad = append(*bad, fault.At("site", "unknown", "One of: %s.", "desk, school, clinic"))
		}
	}
	if in.Class.Given {
		m.Class, fields = in.Class.Value, append(fields, "class")
		if m.Class != nil && (*m.Class < 1 || *m.Class > 3) {
			*bad = append(*bad, fault.At("class", "range", "A number from %d to %d.", 1, 3))
		}
	}
	if in.Kind != nil {
		m.Kind, fields = *in.Kind, append(fields, "kind")
		if m.Kind != "" && !slices.Contains(MarketKinds, m.Kind) {
			*bad = append(*bad, fault.At("kind", "unknown", "One of: %s.", "daily, wholesale, night, temporary, fair"))
		}
	}
	if in.Weekdays != nil {
		m.Weekdays, fields = tidy(*in.Weekdays), append(fields, "weekdays")
	}
	if in.LunarDays != nil {
		m.LunarDays, fields = tidy(*in.LunarDays), append(fields, "lunar_days")
		if n := len(m.LunarDays); n > 0 && (m.LunarDays[0] < 1 || m.LunarDays[n-1] > 30) {
			*bad = append(*bad, fault.At("lunar_days", "range", "A number from %d to %d.", 1, 30))
		}
	}
	if in.Kind != nil && m.Kind != Fair && in.Weekdays == nil && in.LunarDays == nil {
		m.Weekdays, m.LunarDays = nil, nil // it meets every day now
	}
	switch days := len(m.Weekdays) + len(m.LunarDays); {
	case m.Kind != Fair && len(m.Weekdays) > 0:
		*bad = append(*bad, fault.At("weekdays", "kind", "Only a fair-day market has market days."))
	case m.Kind != Fair && days > 0:
		*bad = append(*bad, fault.At("lunar_days", "kind", "Only a fair-day market has market days."))
	case m.Kind == Fair && days == 0 && (in.Kind != nil || in.Weekdays != nil || in.LunarDays != nil):
		*bad = append(*bad, fault.At("weekdays", "required", "Say on which days of the week or of the moon it meets."))
	}
	if in.PlannedStalls.Given {
		m.PlannedStalls, fields = in.PlannedStalls.Value, append(fields, "planned_stalls")
		if n := m.PlannedStalls; n != nil && (*n < 0 || *n > 100_000) {
			*bad = append(*bad, fault.At("planned_stalls", "range", "A number from 0 to %d.", 100_000))
		}
	}
	if in.ProgramSince.Given {
		m.ProgramSince, fields = in.ProgramSince.Value, append(fields, "program_since")
	}
	if in.Program != nil {
		m.Program, fields = *in.Program, append(fields, "program")
		if !m.Program && !in.ProgramSince.Given && in.ProgramSponsor == nil {
			m.ProgramSince, m.ProgramSponsor = nil, ""
		}
	}
	if !m.Program && (m.ProgramSince != nil || m.ProgramSponsor != "") {
		*bad = append(*bad, fault.At("program", "required", "A day or a sponsor belongs to a cashless market. Say that it is one."))
	}
	if in.Signal != nil {
		m.Signal, fields = *in.Signal, append(fields, "signal")
		if m.Signal != "" && !slices.Contains(Signals, m.Signal) {
			*bad = append(*bad, fault.At("signal", "unknown", "One of: %s.", "none, weak, good"))
		}
	}
	if slices.Contains(Sites, m.Site) && (m.Class != nil || m.Kind != "" || m.Program) {
		*bad = append(*bad, fault.At("site", "no-market", "A place that is no market has no class, no kind and no program."))
	}
	if in.AreaFrom != nil && in.FormerAreas != nil {
		*bad = append(*bad, fault.At("area_from", "twice", "Give the day of the move or all former areas, not both."))
	}
	if in.AreaFrom != nil && (in.Area == nil || *in.Area == m.Area) {
		*bad = append(*bad, fault.At("area", "same", "Say where the market moved to: another unit than the one it is in."))
	}
	return fields
}

// tidy sorts days and drops doubles.
func tidy[T cmp.Ordered](days []T) []T {
	days = slices.Clone(days)
	slices.Sort(days)
	return slices.Compact(days)
}

// AddMarket opens a market. A code is taken once in the whole country, so that it is taken shows also where the market that has it lies out of
// by's scope; nothing else about that market does, and the answer is the same wherever it lies.
//
// Faults: Invalid; Conflict market-exists, area-ended; NotFound area-not-found; Forbidden.
func (s *Service) AddMarket(ctx context.Context, by Actor, in NewMarket) (Market, error) {
	var bad []fault.Field
	m := Market{ID: id.New[Market](), Code: in.Code, Demo: in.Demo, CreatedAt: s.now()}
	if !marketCode.MatchString(in.Code) {
		bad = append(bad, fault.At("code", "form", "A market's code has 1 to 16 capital letters, digits or hyphens, such as VT."))
	}
	said := ChangedMarket{Name: &in.Name, Class: Some(in.Class), PlannedStalls: Some(in.PlannedStalls), ProgramSince: Some(in.ProgramSince),
		Program: &in.Program, ProgramSponsor: &in.ProgramSponsor, Signal: &in.Signal, ContactName: &in.ContactName, ContactPhone: &in.ContactPhone,
		Call: &in.Call, Site: &in.Site, Kind: &in.Kind, Weekdays: &in.Weekdays, LunarDays: &in.LunarDays}
	said.change(&bad, &m)
	if err := fault.Check("market-invalid", bad); err != nil {
		return m, err
	}
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		move := move{to: in.Area, former: in.FormerAreas}
		if err := move.settle(ctx, tx, &m, s.Today()); err != nil {
			return err
		}
		if ok, _ := by.can(ChangeMarket, m); !ok {
			return Forbidden()
		}
		args := m.args()
		args["now"], args["demo"] = m.CreatedAt, m.Demo
		_, err := tx.Exec(ctx, `
			INSERT INTO markets (id, code, name, name_fold, area_code, area_since, planned_stalls, call, demo, created_at, site, class, kind, weekdays,
			       lunar_days, program, program_since, program_sponsor, signal, contact_name, contact_phone)
			VALUES (@id, @code, @name, @fold, @area, @area_since, @planned, @call, @demo, @now, @site, @class, @kind, @weekdays,
			       @lunar_days, @program, @program_since, @program_sponsor, @signal, @contact_name, @contact_phone)`, args)
		if err != nil {
			return err
		}
		if err := m.storeFormer(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE market_now SET counted_at = @now WHERE market_id = @market`, pgx.StrictNamedArgs{"market": m.ID, "now": m.CreatedAt}); err != nil {
			return err
		}
		return Audit(ctx, tx, m.CreatedAt, by, m.ID, Event{"market.added", "market:" + m.Code, []string{"code", "name", "area", "planned_stalls"}})
	})
	if postgres.Violated(err) == "markets_one_per_code" {
		err = s.codeTaken(ctx, m.Code).Because(err)
	}
	if err != nil {
		return m, actionContext("add market", m.Code, err)
	}
	return s.Market(ctx, by, m.Code)
}

// codeTaken says that a market's code is taken, and names one like it that is free.
func (s *Service) codeTaken(ctx context.Context, code string) *fault.Error {
	taken := fault.At("code", "taken", "Already taken.")
	like := make([]string, 98)
	for i := range like {
		n := strconv.Itoa(i + 2)
		like[i] = code[:min(len(code), 16-len(n))] + n
	}
	free, err := postgres.One[string](ctx, s.db, `
		SELECT l.code FROM unnest(@like::text[]) WITH ORDINALITY l (code, n)
		WHERE NOT EXISTS (SELECT 1 FROM markets m WHERE m.code = l.code) ORDER BY l.n LIMIT 1`, pgx.StrictNamedArgs{"like": like})
	if err != nil { // none of them is, or nobody can tell just now
		return fault.New(fault.Conflict, "market-exists", "The code %s is taken. Choose another one.", code).With(taken)
	}
	return fault.New(fault.Conflict, "market-exists", "The code %s is taken. %s is free.", code, free).With(taken)
}

// EditMarket changes what the record says of a market. match is the ETag of the version that was seen. Whoever moves a market
// must be allowed to at both ends.
//
// Faults: NeedsVersion without match; Stale when somebody saved first; Invalid; NotFound market-not-found, area-not-found;
// Conflict area-ended; Forbidden.
func (s *Service) EditMarket(ctx context.Context, by Actor, code, match string, in ChangedMarket) (Market, error) {
	now := s.now()
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, ChangeMarket, code)
		if err != nil {
			return err
		}
		// The row is read again under its lock: what market read may be old by now.
		if _, err := tx.Exec(ctx, `SELECT FROM markets WHERE id = @id FOR UPDATE`, pgx.StrictNamedArgs{"id": m.ID}); err != nil {
			return err
		}
		if m, err = selectMarket(ctx, tx, code); err != nil {
			return err
		}
		if err := Unchanged(match, m.ETag()); err != nil {
			return err
		}
		var bad []fault.Field
		fields := in.change(&bad, &m)
		if err := fault.Check("market-invalid", bad); err != nil {
			return err
		}
		if in.Area != nil || in.AreaFrom != nil || in.FormerAreas != nil {
			fields = append(fields, "area")
			move := move{to: m.Area, from: in.AreaFrom, stays: in.Area == nil || *in.Area == m.Area, former: m.FormerAreas}
			if in.Area != nil {
				move.to = *in.Area
			}
			if in.FormerAreas != nil {
				move.former = *in.FormerAreas
			}
			if err := move.settle(ctx, tx, &m, s.Today()); err != nil {
				return err
			}
			if err := m.storeFormer(ctx, tx); err != nil {
				return err
			}
		}
		if len(fields) == 0 {
			return nil
		}
		if err := updateMarket(ctx, tx, m); err != nil {
			return err
		}
		if err := tracks(ctx, tx, []MarketID{m.ID}); err != nil {
			return err
		}
		if m, err = selectMarket(ctx, tx, code); err != nil {
			return err
		}
		if ok, _ := by.can(ChangeMarket, m); !ok { // where it is now, they may not
			return Forbidden()
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"market.changed", "market:" + m.Code, fields})
	})
	if err != nil {
		return Market{}, actionContext("edit market", code, err)
	}
	return s.Market(ctx, by, code)
}

// args are a market's columns.
func (m Market) args() pgx.StrictNamedArgs {
	since := "-infinity"
	if n := len(m.FormerAreas); n > 0 {
		since = m.FormerAreas[n-1].Until.String()
	}
	if m.Weekdays == nil {
		m.Weekdays = []Weekday{}
	}
	if m.LunarDays == nil {
		m.LunarDays = []int{}
	}
	return pgx.StrictNamedArgs{"id": m.ID, "code": m.Code, "name": m.Name, "fold": qrgen.Search(m.Name), "area": postgres.Null(m.Area), "area_since": since,
		"planned": m.PlannedStalls, "call": m.Call, "site": m.Site, "class": m.Class, "kind": m.Kind, "weekdays": m.Weekdays, "lunar_days": m.LunarDays,
		"program": m.Program, "program_since": m.ProgramSince, "program_sponsor": m.ProgramSponsor, "signal": m.Signal,
		"contact_name": m.ContactName, "contact_phone": m.ContactPhone}
}

func updateMarket(ctx context.Context, tx pgx.Tx, m Market) error {
	args := m.args()
	delete(args, "code")
	_, err := tx.Exec(ctx, `
		UPDATE markets SET name = @name, name_fold = @fold, area_code = @area, area_since = @area_since, planned_stalls = @planned, call = @call,
		       site = @site, class = @class, kind = @kind, weekdays = @weekdays, lunar_days = @lunar_days, program = @program,
		       program_since = @program_since, program_sponsor = @program_sponsor, signal = @signal, contact_name = @contact_name,
		       contact_phone = @contact_phone, version = version + 1
		WHERE id = @id`, args)
	return err
}

// Market finds a market by its code. Faults: NotFound market-not-found.
func (s *Service) Market(ctx context.Context, by Actor, code string) (Market, error) {
	m, err := market(ctx, s.db, by, SeeMarket, code)
	m.NextDays = m.daysFrom(s.Today())
	return m, err
}

// MarketFor finds a market and checks that the actor may do something there. Faults: NotFound, Forbidden.
func (s *Service) MarketFor(ctx context.Context, by Actor, do Action, code string) (Market, error) {
	return market(ctx, s.db, by, do, code)
}

// AskMarket puts MarketFor into a batch, for whoever asks for more in the same trip. It answers once the batch was sent, and of the market only its ID,
// code, name and site.
func AskMarket(b *pgx.Batch, by Actor, do Action, code string) func() (Market, error) {
	type named struct {
		ID         MarketID
		Code, Name string
		Site       Site
		Places     []place
		Teams      []string
	}
	granted := func(over ScopeKind) bool {
		return slices.ContainsFunc(by.Grants, func(g Grant) bool { return g.Kind == over })
	}
	places, teams := `'[]'::jsonb`, `'{}'::text[]` // which are half of the cost, and matter to who has them alone
	if granted(OverArea) {
		places = placesOfMarket
	}
	if granted(OverTeam) {
		teams = teamsOfMarket
	}
	found := &[]named{}
	if marketCode.MatchString(code) {
		found = postgres.Ask[named](b, `SELECT m.id, m.code, m.name, m.site, `+places+` AS places, `+teams+` AS teams FROM markets m`+withCode, pgx.StrictNamedArgs{"code": code})
	}
	return func() (Market, error) {
		if len(*found) == 0 {
			return Market{}, marketNotFound(code)
		}
		n := (*found)[0]
		m := Market{ID: n.ID, Code: n.Code, Name: n.Name, Site: n.Site, Places: n.Places, Teams: n.Teams}
		return m, by.may(do, m)
	}
}

// Page is one stretch of a list: the cursor of the next one is empty at the end.
type Page[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next_cursor"`
}

// List says which stretch of a list is wanted. Limit 0 means 50; at most 200.
type List struct {
	Limit  int    `query:"limit"`
	Cursor string `query:"cursor"`
}

// size is the limit as it is kept; a wrong one is a fault.
func (l List) size() (int, error) {
	switch {
	case l.Limit == 0:
		return 50, nil
	case l.Limit < 1 || l.Limit > 200:
		return 0, fault.New(fault.Invalid, "limit-invalid", "A list gives 1 to 200 at a time.").With(fault.At("limit", "range", "A number from 1 to %d.", 200))
	}
	return l.Limit, nil
}

// Size is the limit for a list of another package. Faults: Invalid limit-invalid.
func (l List) Size() (int, error) { return l.size() }

// Markets lists the markets in the actor's scope by code, or those that q names: by their code, by words of their name, or by a
// unit that they are in or were in, the names of before included ("vị thanh", "hau giang", "chợ vị thanh, hậu giang").
func (s *Service) Markets(ctx context.Context, by Actor, q string, l List) (Page[Market], error) {
	n, err := l.size()
	if err != nil {
		return Page[Market]{}, err
	}
	args := by.Reach(SeeMarket)
	seekMarkets(q, args)
	args["after"], args["n"] = l.Cursor, n+1
	items, err := postgres.All[Market](ctx, s.db, marketColumns+`
		WHERE `+InReach+` AND `+isSought+` AND m.code > @after
		ORDER BY m.code LIMIT @n`, args)
	for i := range items {
		items[i].NextDays = items[i].daysFrom(s.Today())
	}
	return PageOf(items, n, func(m Market) string { return m.Code }), err
}

// PageOf cuts a list that was read one longer than asked; key is where the next page begins.
func PageOf[T any](items []T, n int, key func(T) string) Page[T] {
	p := Page[T]{Items: items}
	if len(items) > n {
		p.Items = items[:n]
		next := key(p.Items[n-1])
		p.Next = &next
	}
	return p
}

// BadCursor is the fault of who asks to go on from a place that a list does not have.
func BadCursor() error {
	return fault.Check("query-invalid", []fault.Field{fault.At("cursor", "unknown", "This list has no such place. Begin again without it.")})
}

const marketColumns = `
	SELECT m.id, m.code, m.name, m.site, coalesce(m.area_code, '') AS area, coalesce(a.name, '') AS area_name,
	       coalesce(a.parent, a.code, '') AS province, coalesce(p.name, CASE WHEN a.level = 1 THEN a.name END, '') AS province_name,
	       (SELECT coalesce(jsonb_agg(jsonb_build_object('area', f.area_code, 'until', f.until) ORDER BY f.until), '[]')
	        FROM market_areas f WHERE f.market_id = m.id) AS former_areas,
	       ` + placesOfMarket + ` AS places, ` + teamsOfMarket + ` AS teams,
	       m.class, m.kind, m.weekdays, m.lunar_days, m.planned_stalls, m.program, m.program_since, m.program_sponsor, m.signal,
	       m.contact_name, m.contact_phone, m.call, m.demo, m.version, m.created_at
	FROM markets m LEFT JOIN areas a ON a.code = m.area_code LEFT JOIN areas p ON p.code = a.parent`

func selectMarket(ctx context.Context, db postgres.Querier, code string) (Market, error) {
	if !marketCode.MatchString(code) {
		return Market{}, pgx.ErrNoRows
	}
	return postgres.One[Market](ctx, db, marketColumns+withCode, pgx.StrictNamedArgs{"code": code})
}

const withCode = ` WHERE m.code = @code`

// MarketsNamed are the markets of these codes, for whoever asks about scopes and not for people.
func MarketsNamed(ctx context.Context, db postgres.Querier, codes []string) ([]Market, error) {
	return postgres.All[Market](ctx, db, marketColumns+` WHERE m.code = ANY (@codes) ORDER BY m.code`, pgx.StrictNamedArgs{"codes": codes})
}

// asJSON is v for a jsonb column; v is one of our own structs, so it cannot fail.
func asJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// ETag is the market's version as HTTP carries it.
func (m Market) ETag() string { return fmt.Sprintf(`"%s.%d"`, m.ID, m.Version) }

// New is what opens a market of which a change says the rest.
func (in ChangedMarket) New(code, name, area string) NewMarket {
	return NewMarket{Code: code, Name: name, Area: area, Site: value(in.Site), FormerAreas: value(in.FormerAreas), Class: in.Class.Value, Kind: value(in.Kind),
		Weekdays: value(in.Weekdays), LunarDays: value(in.LunarDays), PlannedStalls: in.PlannedStalls.Value, Program: value(in.Program),
		ProgramSince: in.ProgramSince.Value, ProgramSponsor: value(in.ProgramSponsor), Signal: value(in.Signal), ContactName: value(in.ContactName),
		ContactPhone: value(in.ContactPhone), Call: value(in.Call)}
}

// value is what was given, or none.
func value[T any](v *T) (out T) {
	if v != nil {
		out = *v
	}
	return out
}
