package coverage

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// Target is what somebody decided that an indicator shall be by a day: a share of those concerned, which holds for the places below
// too, or a number, which is of the place alone.
type Target struct {
	ID        id.ID[Target] `json:"id"`
	Indicator string        `json:"indicator"`
	Market    string        `json:"market,omitempty"` // of a market, else of an area, else of the country
	Area      string        `json:"area,omitempty"`
	Place     string        `json:"place,omitempty"` // the name of either
	Provider  string        `json:"provider,omitempty"`
	Due       registry.Day  `json:"due"` // the last day
	Share     *float64      `json:"share"`
	Number    *int64        `json:"number"`
	Document  string        `json:"document"`
	SetAt     time.Time     `json:"set_at"`
}

// NewTarget is a target as it is set.
type NewTarget struct {
	Indicator string       `json:"indicator"`
	Market    string       `json:"market"`
	Area      string       `json:"area"`
	Provider  string       `json:"provider"`
	Due       registry.Day `json:"due"`
	Share     *float64     `json:"share"`  // 0.7
	Number    *int64       `json:"number"` // or so many
	Document  string       `json:"document"`
}

func (n *NewTarget) check() error {
	var bad []fault.Field
	var in Indicator
	in, n.Provider = indicator(&bad, n.Indicator, n.Provider)
	n.Document = registry.Clean(&bad, "document", n.Document, maxSource, true)
	if n.Due.IsZero() {
		bad = append(bad, fault.At("due", "required", "This must be filled in."))
	}
	switch {
	case n.Share == nil && n.Number == nil:
		bad = append(bad, fault.At("share", "required", "Give a share or a number."))
	case n.Share != nil && n.Number != nil:
		bad = append(bad, fault.At("number", "unwanted", "Give a share or a number, not both."))
	case n.Share != nil && in.Code != "" && !in.Share:
		bad = append(bad, fault.At("share", "no-share", "This is a bare number, not a part of anything."))
	case n.Share != nil && !(*n.Share <= 1 && micro(*n.Share) > 0):
		bad = append(bad, fault.At("share", "range", "A share above 0 and up to 1: half is 0.5."))
	case n.Number != nil && (*n.Number < 1 || *n.Number > most):
		bad = append(bad, fault.At("number", "range", "A whole number from %d to %d.", 1, int64(most)))
	}
	return fault.Check("target-invalid", bad)
}

// SetTarget sets a target. The same again is the record that is there; another value for the same indicator, place and day wants the one
// in force to be ended first.
//
// Faults: Invalid, also area-not-then and site-no-market; NotFound market-not-found, area-not-found; Forbidden; Conflict target-taken.
func (s *Service) SetTarget(ctx context.Context, by registry.Actor, in NewTarget) (Target, error) {
	t, _, err := s.setTarget(ctx, by, in)
	return t, err
}

func (s *Service) setTarget(ctx context.Context, by registry.Actor, in NewTarget) (t Target, stored bool, err error) {
	if err := in.check(); err != nil {
		return Target{}, false, err
	}
	now, which := s.moment(), id.New[Target]()
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		g, err := s.ground(ctx, tx, by, registry.SetTargets, in.Market, in.Area, in.Due)
		if err != nil {
			return err
		}
		if of, _ := IndicatorOf(in.Indicator); of.Ours && g.Market != nil && g.Market.Site != "" {
			return fault.New(fault.Invalid, "site-no-market", "%s is no market: its counters show payment codes, and nobody there is a vendor.", g.Name)
		}
		tag, err := tx.Exec(ctx, `
			INSERT INTO targets (id, indicator, market_id, area_code, provider, due_on, share, amount, document, set_at, set_by)
			VALUES (@id, @indicator, @market, @area, @provider, @due, @share, @number, @document, @now, @by)
			ON CONFLICT (coalesce(market_id::text, area_code, ''), indicator, provider, due_on) WHERE ended_at IS NULL DO NOTHING`,
			pgx.StrictNamedArgs{"id": which, "indicator": in.Indicator, "market": g.MarketID(), "area": orNull(g.Area), "provider": in.Provider, "due": in.Due,
				"share": in.Share, "number": in.Number, "document": in.Document, "now": now, "by": by.ID})
		if err != nil {
			return err
		}
		if stored = tag.RowsAffected() == 1; !stored {
			t, err = postgres.One[Target](ctx, tx, targetColumns+`
				WHERE t.ended_at IS NULL AND coalesce(t.market_id::text, t.area_code, '') = @place AND t.indicator = @indicator AND t.provider = @provider AND t.due_on = @due`,
				pgx.StrictNamedArgs{"place": g.Key(), "indicator": in.Indicator, "provider": in.Provider, "due": in.Due})
			if err == nil && !t.says(in) {
				err = fault.New(fault.Conflict, "target-taken", "Another target of this is in force here for %s. End it first; it stays in the record.", in.Due).
					With(fault.At("due", "taken", "Already taken."))
			}
			return err
		}
		if t, err = postgres.One[Target](ctx, tx, targetColumns+` WHERE t.id = @id`, pgx.StrictNamedArgs{"id": which}); err != nil {
			return err
		}
		return registry.Audit(ctx, tx, now, by, g.MarketID(), registry.Event{Action: "target.set", Object: "target:" + which.String(), Fields: []string{in.Indicator}})
	})
	if err != nil {
		return Target{}, false, fmt.Errorf("set target of %s: %w", in.Indicator, err)
	}
	return t, stored, nil
}

// says reports whether a target is what was sent.
func (t Target) says(in NewTarget) bool {
	return (t.Share == nil) == (in.Share == nil) && (t.Share == nil || micro(*t.Share) == micro(*in.Share)) &&
		(t.Number == nil) == (in.Number == nil) && (t.Number == nil || *t.Number == *in.Number) && t.Document == in.Document
}

const targetColumns = `
	SELECT t.id, t.indicator, coalesce(m.code, '') AS market, coalesce(t.area_code, '') AS area,
	       coalesce(m.name, (SELECT s.name FROM area_states s WHERE s.code = t.area_code AND s.since <= t.due_on AND t.due_on < s.until), a.name, '') AS place,
	       t.provider, t.due_on AS due, t.share::double precision AS share, t.amount AS number, t.document, t.set_at
	FROM targets t LEFT JOIN markets m ON m.id = t.market_id LEFT JOIN areas a ON a.code = t.area_code`

// EndTarget takes a target out of force. It stays in the record.
//
// Faults: NotFound target-not-found, also out of scope and when it was ended before; Forbidden.
func (s *Service) EndTarget(ctx context.Context, by registry.Actor, which string) error {
	none := fault.New(fault.NotFound, "target-not-found", "There is no such target here.")
	targetID, err := id.Parse[Target](which)
	if err != nil {
		return none
	}
	now := s.moment()
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		t, err := postgres.One[Target](ctx, tx, targetColumns+` WHERE t.id = @id AND t.ended_at IS NULL FOR UPDATE OF t`, pgx.StrictNamedArgs{"id": targetID})
		if err != nil {
			return noneOf(err, none)
		}
		g, err := registry.New(tx, s.now).GroundFor(ctx, by, registry.SetTargets, t.Market, t.Area)
		if fault.KindOf(err) == fault.NotFound {
			return none
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE targets SET ended_at = @now, ended_by = @by WHERE id = @id`, pgx.StrictNamedArgs{"id": targetID, "now": now, "by": by.ID}); err != nil {
			return err
		}
		return registry.Audit(ctx, tx, now, by, g.MarketID(), registry.Event{Action: "target.ended", Object: "target:" + which, Fields: []string{t.Indicator}})
	})
	if err != nil {
		return fmt.Errorf("end target %s: %w", which, err)
	}
	return nil
}

// targetSheet are the columns of a file of targets.
var targetSheet = []string{"indicator", "market", "area", "provider", "due", "share", "number", "document"}

// ImportTargets reads targets from CSV, all or none; what is in force already is left as it is.
//
// Faults: Invalid sheet-invalid with the rows concerned; those of SetTarget that are about no row.
func (s *Service) ImportTargets(ctx context.Context, by registry.Actor, file io.Reader, dry bool) (Imported, error) {
	return importRows(ctx, s, file, targetSheet, dry, func(s *Service, r row) (bool, error) {
		in := NewTarget{Indicator: r.text("indicator"), Market: r.text("market"), Area: r.text("area"), Provider: r.text("provider"),
			Share: r.share("share"), Number: r.number("number"), Document: r.text("document")}
		if day := r.day("due"); day != nil {
			in.Due = *day
		}
		if err := r.wrong(); err != nil {
			return false, err
		}
		_, stored, err := s.setTarget(ctx, by, in)
		return stored, err
	})
}

// Standing is a target in force at a place, and how far it is.
type Standing struct {
	Target        Target       `json:"target"`
	Inherited     bool         `json:"inherited"` // set for a place above
	AsOf          registry.Day `json:"as_of"`     // the day of the figure: the due day once it is over
	State         string       `json:"state"`     // running; after the due day reached, missed, or unknown without a figure
	Figure        *Measured    `json:"figure"`    // nil: nobody counted or reported one
	Missing       *int64       `json:"missing"`   // vendors, households …; nil where a share is all that is known
	WeeksLeft     float64      `json:"weeks_left"`
	NeededPerWeek *int64       `json:"needed_per_week"` // while it runs; in the last week all that is missing
	Pace          *float64     `json:"pace"`            // more of them a week in the last four weeks, or between two reports
	OnPace        *bool        `json:"on_pace"`         // whether that pace reaches it
}

// Measured is a figure beside a target, whoever counted it.
type Measured struct {
	Numerator   *int64         `json:"numerator"`
	Denominator *int64         `json:"denominator"`
	Share       *float64       `json:"share"` // nil without a denominator
	Method      string         `json:"method"`
	Definition  string         `json:"definition,omitempty"` // of ours
	Day         registry.Day   `json:"day"`                  // what it says how it was on
	Source      string         `json:"source,omitempty"`     // of a reported one
	ID          *id.ID[Figure] `json:"id,omitempty"`
}

// TargetQuestion says whose targets are wanted.
type TargetQuestion struct {
	Market    string       `query:"market"`
	Area      string       `query:"area"`
	Indicator string       `query:"indicator"`
	AsOf      registry.Day `query:"-"` // zero: today
	registry.List
}

// paceOver is how far back the pace of our own figures looks.
const paceOver = 28

// Targets are those in force at a market, an area or the country, its own and those that it inherits, each with how far it is; the
// latest due day first. Of an indicator and a due day the nearest place decides.
//
// Faults: Invalid choose-one, day-future, limit-invalid; NotFound market-not-found, area-not-found; Forbidden.
func (s *Service) Targets(ctx context.Context, by registry.Actor, q TargetQuestion) (registry.Page[Standing], error) {
	none := registry.Page[Standing]{Items: []Standing{}}
	n, err := q.Size()
	if err != nil {
		return none, err
	}
	g, err := registry.New(s.db, s.now).GroundFor(ctx, by, registry.SeeTargets, q.Market, q.Area)
	if err != nil {
		return none, err
	}
	today := registry.DayOf(s.now())
	if q.AsOf.After(today) {
		return none, fault.New(fault.Invalid, "day-future", "The day %s is not over yet.", q.AsOf).With(fault.At("as_of", "future", "A day up to today."))
	}
	if q.AsOf.IsZero() {
		q.AsOf = today
	}
	valid, err := s.inForce(ctx, g, q.Indicator)
	if err != nil {
		return none, err
	}
	key := func(t Target) string { return t.Due.String() + "." + t.Indicator + "." + t.Provider }
	slices.SortFunc(valid, func(a, b Target) int {
		return cmp.Or(strings.Compare(b.Due.String(), a.Due.String()), strings.Compare(a.Indicator, b.Indicator), strings.Compare(a.Provider, b.Provider))
	})
	if q.Cursor != "" {
		i := slices.IndexFunc(valid, func(t Target) bool { return key(t) == q.Cursor })
		valid = valid[i+1:] // a cursor of a target that ended since: from the start
	}
	page := none
	look := meter{s: s, by: by, g: g, shares: map[registry.Day]*Share{}}
	for i, t := range valid {
		if i == n {
			next := key(valid[i-1])
			page.Next = &next
			break
		}
		st, err := look.standing(ctx, t, q.AsOf)
		if err != nil {
			return none, err
		}
		page.Items = append(page.Items, st)
	}
	return page, nil
}

// inForce are the targets of a ground and those that it inherits: of an indicator, provider and due day the nearest one, on that
// day's map.
func (s *Service) inForce(ctx context.Context, g registry.Ground, indicator string) ([]Target, error) {
	all, err := postgres.All[Target](ctx, s.db, targetColumns+`
		WHERE t.ended_at IS NULL AND (@indicator = '' OR t.indicator = @indicator)
		  AND (coalesce(t.market_id::text, t.area_code, '') = @place
		       OR t.share IS NOT NULL AND t.market_id IS NULL
		          AND (t.area_code IS NULL
		               OR t.area_code IN (SELECT unnest(ARRAY[p.area_code, p.district, p.province]) FROM market_places p WHERE p.market_id = @market)
		               OR t.area_code IN (SELECT unnest(ARRAY[i.district, i.parent]) FROM area_states i WHERE i.code = @area)))`,
		pgx.StrictNamedArgs{"indicator": indicator, "place": g.Key(), "market": g.MarketID(), "area": g.Area})
	if err != nil {
		return nil, err
	}
	reg := registry.New(s.db, s.now)
	above := map[registry.Day][]string{}
	distance := func(t Target) (int, error) {
		switch {
		case t.Market == g.MarketCode() && t.Area == g.Area:
			return 0, nil
		case t.Area == "":
			return 100, nil // the country is above everything
		}
		codes, ok := above[t.Due]
		if !ok {
			var err error
			if codes, err = reg.Above(ctx, g, t.Due); err != nil {
				return 0, err
			}
			above[t.Due] = codes
		}
		return 1 + slices.Index(codes, t.Area), nil // 0: it did not lie there on that day
	}
	type key struct{ indicator, provider, due string }
	nearest, at := map[key]Target{}, map[key]int{}
	for _, t := range all {
		d, err := distance(t)
		if err != nil {
			return nil, err
		}
		own := t.Market == g.MarketCode() && t.Area == g.Area
		k := key{t.Indicator, t.Provider, t.Due.String()}
		if before, found := at[k]; (d > 0 || own) && (!found || d < before) {
			nearest[k], at[k] = t, d
		}
	}
	out := make([]Target, 0, len(nearest))
	for _, t := range nearest {
		out = append(out, t)
	}
	return out, nil
}

// meter measures targets of one ground, each day's share once.
type meter struct {
	s      *Service
	by     registry.Actor
	g      registry.Ground
	shares map[registry.Day]*Share
}

// share is ours at the end of a day; of today, as it is now. Nil where there is no market of that day to count in.
func (m meter) share(ctx context.Context, day registry.Day) (*Share, error) {
	if s, ok := m.shares[day]; ok {
		return s, nil
	}
	q := Question{Market: m.g.MarketCode(), Area: m.g.Area, AsOf: day}
	if m.g.Area != "" {
		q.Map = mapThen
	}
	got, err := m.s.Share(ctx, m.by, q)
	switch {
	case fault.KindOf(err) == fault.NotFound || fault.CodeOf(err) == "site-no-market":
		m.shares[day] = nil
	case err != nil:
		return nil, err
	default:
		m.shares[day] = &got
	}
	return m.shares[day], nil
}

// measure is the figure of an indicator on a day, nil where nobody has one.
func (m meter) measure(ctx context.Context, t Target, day registry.Day) (*Measured, error) {
	if in, _ := IndicatorOf(t.Indicator); in.Ours {
		s, err := m.share(ctx, day)
		if err != nil || s == nil {
			return nil, err
		}
		f := ours(t.Indicator, *s)
		f.Day = day
		return &f, nil
	}
	f, err := m.s.newest(ctx, m.g, t.Indicator, t.Provider, day)
	if err != nil || f == nil {
		return nil, err
	}
	return &Measured{Numerator: f.Numerator, Denominator: f.Denominator, Share: f.Share, Method: f.Method, Day: f.Until, Source: f.Source, ID: &f.ID}, nil
}

// need is how many reach a target at a figure; false where the figure does not tell.
func need(t Target, f *Measured) (int64, bool) {
	switch {
	case f == nil || f.Numerator == nil:
		return 0, false
	case t.Number != nil:
		return *t.Number, true
	case f.Denominator == nil || *f.Denominator == 0:
		return 0, false
	}
	return (micro(*t.Share)**f.Denominator + 999_999) / 1_000_000, true
}

// reached reports whether a figure is up to a target; false, false where it does not tell.
func reached(t Target, f *Measured) (is, known bool) {
	if n, ok := need(t, f); ok {
		return *f.Numerator >= n, true
	}
	if f == nil || t.Share == nil || f.Share == nil {
		return false, false
	}
	return micro(*f.Share) >= micro(*t.Share), true
}

func (m meter) standing(ctx context.Context, t Target, asOf registry.Day) (Standing, error) {
	st := Standing{Target: t, Inherited: t.Market != m.g.MarketCode() || t.Area != m.g.Area, AsOf: asOf, State: "running"}
	over := asOf.After(t.Due)
	if over {
		st.AsOf = t.Due
	}
	var err error
	if st.Figure, err = m.measure(ctx, t, st.AsOf); err != nil {
		return st, err
	}
	wanted, known := need(t, st.Figure)
	if known {
		missing := max(wanted-*st.Figure.Numerator, 0)
		st.Missing = &missing
	}
	if over {
		st.State = "unknown"
		if is, known := reached(t, st.Figure); known && is {
			st.State = "reached"
		} else if known {
			st.State = "missed"
		}
		return st, nil
	}
	st.WeeksLeft = float64(daysBetween(asOf, t.Due)) / 7
	if !known {
		return st, nil
	}
	perWeek := int64(math.Ceil(float64(*st.Missing)/max(st.WeeksLeft, 1) - 1e-9))
	st.NeededPerWeek = &perWeek
	if st.Pace, err = m.pace(ctx, t, *st.Figure); err != nil {
		return st, err
	}
	switch on := *st.Missing == 0; {
	case on:
		st.OnPace = &on
	case st.Pace != nil:
		on = *st.Pace*st.WeeksLeft >= float64(*st.Missing)
		st.OnPace = &on
	}
	return st, nil
}

// pace is how many came a week: of ours in the last four weeks, of others between their last two reports. Nil where that cannot be told.
func (m meter) pace(ctx context.Context, t Target, now Measured) (*float64, error) {
	back := 1
	if in, _ := IndicatorOf(t.Indicator); in.Ours {
		back = paceOver
	}
	before, err := m.measure(ctx, t, now.Day.Plus(-back))
	if err != nil || before == nil || before.Numerator == nil {
		return nil, err
	}
	days := daysBetween(before.Day, now.Day)
	pace := float64(*now.Numerator-*before.Numerator) * 7 / float64(days)
	return &pace, nil
}

func daysBetween(from, to registry.Day) int {
	return int(to.End().Sub(from.End()).Round(24*time.Hour) / (24 * time.Hour))
}
