package coverage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

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
		SELECT EXISTS (SELECT 1 FROM market_tracks t JOIN markets m ON m.id = t.market_id LEFT JOIN quarter_closes q ON q.market_id = t.market_id AND q.quarter = @quarter
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
		  AND CASE WHEN q.figures::jsonb ? 'page' THEN EXISTS (SELECT 1 FROM jsonb_array_elements(q.figures::jsonb -> 'page' -> 'units') u (unit) WHERE u.unit ->> 'code' = @area)
		           ELSE EXISTS (SELECT 1 FROM market_tracks t WHERE t.market_id = q.market_id AND `+where+`) END
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
		st, err := s.state(ctx, v, Question{})
		if err != nil {
			return nil, err
		}
		read, err := s.reading(ctx, v, st, Question{}, t.Made)
		if err != nil {
			return nil, err
		}
		asked := []slice{{}}
		if len(st.Reports) > 0 {
			asked = append(asked, slice{split: "provider", only: st.Reports, heads: true})
		}
		for _, by := range asked {
			sums, err := sent(ctx, s, func(b *pgx.Batch) later[sum] { return read(b, "market", by) })
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
