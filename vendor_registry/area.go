package registry

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// The units of Vietnam as they are since districts ended; AREAS.md says where they come from.
//
//go:embed areas.csv
var areasCSV string

// Area is an administrative unit: a province or central city (level 1), or a commune, ward or special zone (level 2).
// Names repeat, Tân An ten times over, so a unit is shown with its province.
type Area struct {
	Code         string `json:"code"` // official: two digits a province (92), five a commune (31321)
	Name         string `json:"name"` // as people say it, kind included: Phường Vị Thanh
	Kind         string `json:"kind"` // tinh, thanh_pho; phuong, xa, dac_khu
	Level        int    `json:"level"`
	Parent       string `json:"parent,omitempty"` // the province's code; empty for a province
	ProvinceName string `json:"province_name"`    // of a province its own name
	ValidFrom    Day    `json:"valid_from"`
	ValidTo      *Day   `json:"valid_to,omitempty"` // first day on which the unit is no more; nil while it lasts
}

// The units that are no more, and what codes that went on meant before: AREAS.md says where they come from.
//
//go:embed former.csv
var formerCSV string

// Names and kinds that changed since, while the code and its land stayed.
//
//go:embed renamed.csv
var renamedCSV string

// areasReadOn is how new the embedded lists are. A row that an import brought later counts until a newer list comes with the program.
const areasReadOn = "2026-07-31"

// The day on which districts ended, and how far back the lists speak: what was otherwise before then is not in them.
var (
	districtsEnded = mustDay("2025-07-01")
	areasHorizon   = mustDay("2004-01-01")
)

func mustDay(s string) Day {
	d, err := ParseDay(s)
	if err != nil {
		panic(err) // written here
	}
	return d
}

// areaRow is a unit as table areas keeps it.
type areaRow struct {
	Code, Name, Fold, Kind string
	Level                  int16
	Parent, District       *string
	From                   Day
	Since, To              *Day
}

// areaPast is what a code meant before, as table area_pasts keeps it.
type areaPast struct {
	Code, Name, Fold, Kind string
	Parent, District       *string
	Since, Until           Day
	Alike                  string
}

// succession is a unit that went to another, whole or in part; a code that went on is its own successor.
type succession struct {
	Old, New string
	On       Day
}

// areaTable is the map with what it was before.
type areaTable struct {
	units       []areaRow
	pasts       []areaPast
	successions []succession
}

var embeddedAreas = sync.OnceValue(func() *areaTable {
	t := &areaTable{}
	if err := cmp.Or(t.readUnits(areasCSV), t.readFormer(formerCSV), t.readRenamed(renamedCSV)); err != nil {
		panic(fmt.Sprintf("registry: the embedded areas: %v", err)) // a test would have shown it
	}
	return t
})

// rowsOf reads a CSV file with this heading.
func rowsOf(data, heading string) ([][]string, error) {
	rows, err := csv.NewReader(strings.NewReader(data)).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 || strings.Join(rows[0], ",") != heading {
		return nil, fmt.Errorf("the heading is not %s", heading)
	}
	return rows[1:], nil
}

func (t *areaTable) readUnits(data string) error {
	rows, err := rowsOf(data, "code,name,kind,level,parent,valid_from,valid_to")
	if err != nil {
		return err
	}
	for _, row := range rows {
		u := areaRow{Code: row[0], Name: row[1], Fold: qrgen.Search(row[1]), Kind: row[2], Parent: postgres.Null(row[4])}
		level, err := strconv.ParseInt(row[3], 10, 16)
		if err != nil {
			return fmt.Errorf("%s: level: %w", u.Code, err)
		}
		u.Level = int16(level)
		if u.From, err = ParseDay(row[5]); err != nil {
			return fmt.Errorf("%s: valid_from: %w", u.Code, err)
		}
		if row[6] != "" {
			day, err := ParseDay(row[6])
			if err != nil {
				return fmt.Errorf("%s: valid_to: %w", u.Code, err)
			}
			u.To = &day
		}
		t.units = append(t.units, u)
	}
	return nil
}

// readFormer adds the map as it was until districts ended. A district's successors are those of its communes, unless it had none.
func (t *areaTable) readFormer(data string) error {
	rows, err := rowsOf(data, "code,name,parent,successors")
	if err != nil {
		return err
	}
	at := make(map[string]int, len(t.units))
	for i, u := range t.units {
		at[u.Code] = i
	}
	districts := map[string]map[string]bool{} // of each the units that its communes went to
	province := map[string]string{}           // of each district
	origins := map[string][]areaPast{}        // of each unit of today the communes that went there
	var pasts []areaPast
	for _, row := range rows {
		p := areaPast{Code: row[0], Name: row[1], Fold: qrgen.Search(row[1]), Since: areasHorizon, Until: districtsEnded}
		if p.Kind = kindOf(p.Fold); p.Kind == "" {
			return fmt.Errorf("%s: %q names no kind", p.Code, p.Name)
		}
		level := int16(1)
		switch len(p.Code) {
		case 3:
			level, p.Parent = 3, postgres.Null(row[2])
			province[p.Code], districts[p.Code] = row[2], map[string]bool{}
		case 5:
			above, known := province[row[2]]
			if !known {
				return fmt.Errorf("%s: no district %q before it", p.Code, row[2])
			}
			level, p.District, p.Parent = 2, postgres.Null(row[2]), postgres.Null(above)
		}
		for _, new := range strings.Fields(row[3]) {
			if _, known := at[new]; !known {
				return fmt.Errorf("%s: no successor %q", p.Code, new)
			}
			t.successions = append(t.successions, succession{p.Code, new, districtsEnded})
			if level != 3 {
				origins[new] = append(origins[new], p)
			}
			if level == 2 && !districts[row[2]][new] {
				districts[row[2]][new] = true
				t.successions = append(t.successions, succession{row[2], new, districtsEnded})
			}
		}
		if i, goesOn := at[p.Code]; goesOn {
			t.units[i].Since = &districtsEnded
			pasts = append(pasts, p)
		} else {
			t.units = append(t.units, areaRow{Code: p.Code, Name: p.Name, Fold: p.Fold, Kind: p.Kind, Level: level, Parent: p.Parent,
				District: p.District, From: areasHorizon, To: &districtsEnded})
		}
	}
	for _, p := range pasts {
		p.Alike = inCommon(origins[p.Code])
		t.pasts = append(t.pasts, p)
	}
	return nil
}

// inCommon says what the units that became one had in common: nothing but one of them, their district, their province.
func inCommon(origins []areaPast) string {
	same := func(of func(areaPast) *string) bool {
		return len(origins) > 0 && of(origins[0]) != nil && !slices.ContainsFunc(origins, func(p areaPast) bool { return *of(p) != *of(origins[0]) })
	}
	switch {
	case len(origins) == 1:
		return "unit"
	case same(func(p areaPast) *string { return p.District }):
		return "district"
	case same(func(p areaPast) *string { return p.Parent }):
		return "province"
	}
	return "none"
}

func (t *areaTable) readRenamed(data string) error {
	rows, err := rowsOf(data, "code,name,until")
	if err != nil {
		return err
	}
	for _, row := range rows {
		i := slices.IndexFunc(t.units, func(u areaRow) bool { return u.Code == row[0] })
		until, err := ParseDay(row[2])
		if i < 0 || err != nil {
			return fmt.Errorf("%s: no such unit, or no such day", row[0])
		}
		u, fold := &t.units[i], qrgen.Search(row[1])
		since := u.From
		if u.Since != nil {
			since = *u.Since
		}
		t.pasts = append(t.pasts, areaPast{Code: u.Code, Name: row[1], Fold: fold, Kind: kindOf(fold), Parent: u.Parent, Since: since, Until: until, Alike: "unit"})
		u.Since = &until
	}
	return nil
}

// kinds of units by the words that their names begin with, folded.
var areaKinds = []string{"tinh", "thanh_pho", "huyen", "quan", "thi_xa", "phuong", "xa", "thi_tran", "dac_khu"}

// kindOf is the kind that a folded name begins with: the same word before a province, a district and a commune; empty: none.
func kindOf(fold string) string {
	for _, kind := range areaKinds {
		if strings.HasPrefix(fold, strings.ReplaceAll(kind, "_", " ")+" ") {
			return kind
		}
	}
	return ""
}

// LoadAreas brings the tables of areas up to the lists that the program carries. Whoever starts calls it: it only reads when
// nothing differs, two at once come one after the other, and nothing is ever deleted, since markets point here. Markets whose unit
// ended by a newer list move to its only successor; those that must be moved by hand are named by the next import.
func (s *Service) LoadAreas(ctx context.Context) error {
	t := embeddedAreas()
	if stored, err := t.stored(ctx, s.db); err != nil || stored {
		if err == nil {
			err = s.placeUnplaced(ctx)
		}
		return wrapLoad(err)
	}
	return wrapLoad(pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		// Whoever comes second waits for some 25,000 rows.
		if _, err := tx.Exec(ctx, `SELECT set_config('lock_timeout', '60s', true), set_config('statement_timeout', '60s', true)`); err != nil {
			return err
		}
		if err := lockAreas(ctx, tx); err != nil {
			return err
		}
		if stored, err := t.stored(ctx, tx); err != nil || stored { // another starter was first
			return err
		}
		if err := t.store(ctx, tx, mustDay(areasReadOn)); err != nil {
			return err
		}
		if _, _, err := s.moveMarkets(ctx, tx, system("areas"), nil); err != nil {
			return err
		}
		return namePlaces(ctx, tx, nil)
	}))
}

// lockAreas lets changes of the map come one after the other, until the transaction ends.
func lockAreas(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('areas', 0))`)
	return err
}

func wrapLoad(err error) error {
	if err != nil {
		return fmt.Errorf("load areas: %w", err)
	}
	return nil
}

// args are the lists as columns.
func (t *areaTable) args(readOn Day) pgx.StrictNamedArgs {
	n := len(t.units)
	codes, names, folds, kinds := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	levels, parents, districts := make([]int16, n), make([]*string, n), make([]*string, n)
	from, since, to := make([]Day, n), make([]*Day, n), make([]*Day, n)
	for i, u := range t.units {
		codes[i], names[i], folds[i], kinds[i], levels[i] = u.Code, u.Name, u.Fold, u.Kind, u.Level
		parents[i], districts[i], from[i], since[i], to[i] = u.Parent, u.District, u.From, u.Since, u.To
	}
	return pgx.StrictNamedArgs{"codes": codes, "names": names, "folds": folds, "kinds": kinds, "levels": levels, "parents": parents,
		"districts": districts, "from": from, "since": since, "to": to, "read_on": readOn}
}

func (t *areaTable) pastArgs() pgx.StrictNamedArgs {
	n := len(t.pasts)
	codes, names, folds, kinds, alike := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	parents, districts, since, until := make([]*string, n), make([]*string, n), make([]Day, n), make([]Day, n)
	for i, p := range t.pasts {
		codes[i], names[i], folds[i], kinds[i], alike[i] = p.Code, p.Name, p.Fold, p.Kind, p.Alike
		parents[i], districts[i], since[i], until[i] = p.Parent, p.District, p.Since, p.Until
	}
	return pgx.StrictNamedArgs{"codes": codes, "names": names, "folds": folds, "kinds": kinds, "parents": parents, "districts": districts,
		"since": since, "until": until, "alike": alike}
}

func (t *areaTable) successionArgs() pgx.StrictNamedArgs {
	n := len(t.successions)
	old, new, on := make([]string, n), make([]string, n), make([]Day, n)
	for i, x := range t.successions {
		old[i], new[i], on[i] = x.Old, x.New, x.On
	}
	return pgx.StrictNamedArgs{"old": old, "new": new, "on": on}
}

const (
	givenUnits = `unnest(@codes::text[], @names::text[], @folds::text[], @kinds::text[], @levels::smallint[], @parents::text[], @districts::text[],
		@from::date[], @since::date[], @to::date[]) AS n (code, name, name_fold, kind, level, parent, district, valid_from, since, valid_to)`
	givenPasts = `unnest(@codes::text[], @names::text[], @folds::text[], @kinds::text[], @parents::text[], @districts::text[],
		@since::date[], @until::date[], @alike::text[]) AS n (code, name, name_fold, kind, parent, district, since, until, alike)`
	givenSuccessions = `unnest(@old::text[], @new::text[], @on::date[]) AS n (old, new, effective_on)`

	unitValues = `(%[1]s.name, %[1]s.name_fold, %[1]s.kind, %[1]s.level, %[1]s.parent, %[1]s.district, %[1]s.valid_from, %[1]s.since, %[1]s.valid_to)`
	pastValues = `(%[1]s.name, %[1]s.name_fold, %[1]s.kind, %[1]s.parent, %[1]s.district, %[1]s.since, %[1]s.alike)`
)

// stored reports whether everything of the lists stands in the tables as it is in the lists, but for what was imported since.
func (t *areaTable) stored(ctx context.Context, db postgres.Querier) (bool, error) {
	for _, ask := range []struct {
		sql  string
		args pgx.StrictNamedArgs
	}{
		{`SELECT NOT EXISTS (SELECT 1 FROM ` + givenUnits + ` LEFT JOIN areas a ON a.code = n.code
			WHERE a.code IS NULL OR (a.read_on <= @read_on AND ` + fmt.Sprintf(unitValues, "a") + ` IS DISTINCT FROM ` + fmt.Sprintf(unitValues, "n") + `))`,
			t.args(mustDay(areasReadOn))},
		{`SELECT NOT EXISTS (SELECT 1 FROM ` + givenPasts + ` LEFT JOIN area_pasts a ON a.code = n.code AND a.until = n.until
			WHERE a.code IS NULL OR ` + fmt.Sprintf(pastValues, "a") + ` IS DISTINCT FROM ` + fmt.Sprintf(pastValues, "n") + `)`, t.pastArgs()},
		{`SELECT NOT EXISTS (SELECT 1 FROM ` + givenSuccessions + ` LEFT JOIN area_successions a
			ON a.old = n.old AND a.new = n.new AND a.effective_on = n.effective_on WHERE a.old IS NULL)`, t.successionArgs()},
	} {
		same, err := postgres.One[bool](ctx, db, ask.sql, ask.args)
		if err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// store writes the lists over the tables, but not over units that were read on a later day.
func (t *areaTable) store(ctx context.Context, tx pgx.Tx, readOn Day) error {
	if _, err := tx.Exec(ctx, `
		INSERT INTO areas AS a (code, name, name_fold, kind, level, parent, district, valid_from, since, valid_to, read_on)
		SELECT code, name, name_fold, kind, level, parent, district, valid_from, since, valid_to, @read_on FROM `+givenUnits+`
		ON CONFLICT (code) DO UPDATE SET name = excluded.name, name_fold = excluded.name_fold, kind = excluded.kind, level = excluded.level,
			parent = excluded.parent, district = excluded.district, valid_from = excluded.valid_from, since = excluded.since,
			valid_to = excluded.valid_to, read_on = excluded.read_on
		WHERE a.read_on <= excluded.read_on AND `+fmt.Sprintf(unitValues, "a")+` IS DISTINCT FROM `+fmt.Sprintf(unitValues, "excluded"),
		t.args(readOn)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO area_pasts AS a (code, name, name_fold, kind, parent, district, since, until, alike)
		SELECT code, name, name_fold, kind, parent, district, since, until, alike FROM `+givenPasts+`
		ON CONFLICT (code, until) DO UPDATE SET name = excluded.name, name_fold = excluded.name_fold, kind = excluded.kind,
			parent = excluded.parent, district = excluded.district, since = excluded.since, alike = excluded.alike
		WHERE `+fmt.Sprintf(pastValues, "a")+` IS DISTINCT FROM `+fmt.Sprintf(pastValues, "excluded"), t.pastArgs()); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO area_successions (old, new, effective_on) SELECT old, new, effective_on FROM `+givenSuccessions+` ON CONFLICT DO NOTHING`,
		t.successionArgs()); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		UPDATE areas a SET onward = w.province
		FROM (SELECT x.old, x.effective_on, CASE WHEN min(coalesce(n.parent, n.code)) = max(coalesce(n.parent, n.code)) THEN min(coalesce(n.parent, n.code)) END AS province
		      FROM area_successions x JOIN areas n ON n.code = x.new GROUP BY x.old, x.effective_on) w
		WHERE a.code = w.old AND a.valid_to = w.effective_on AND a.onward IS DISTINCT FROM w.province`)
	return err
}

// FindAreas finds the units of today's map that q names, accents or not: "vi thanh", "Phường Vị Thanh", "P. Vị Thanh", with the
// province behind it ("tan an, tay ninh"), the beginning of any of these, or the official code. The same name comes before a
// longer one, provinces before communes. An empty q finds all. Limit 0 means 50; at most 200.
//
// Faults: Invalid limit-invalid.
func (s *Service) FindAreas(ctx context.Context, q string, limit int) ([]Area, error) {
	n, err := List{Limit: limit}.size()
	if err != nil {
		return nil, err
	}
	// A kind is its own words folded (thanh_pho), so the bare name begins one blank behind as many letters. Words of the province
	// count only behind the unit's name from its beginning: else "vi thanh" would find Ba Vì, thành phố Hà Nội.
	areas, err := postgres.All[Area](ctx, s.db, `
		WITH named AS (
			SELECT a.code, a.name, a.kind, a.level, coalesce(a.parent, '') AS parent, coalesce(p.name, a.name) AS province_name,
			       a.valid_from, a.valid_to, a.name_fold, substr(a.name_fold, length(a.kind) + 2) AS bare_fold,
			       substr(a.name, length(a.kind) + 2) AS bare, substr(p.name, length(p.kind) + 2) AS province,
			       concat_ws(' ', '', a.name_fold, substr(p.name_fold, length(p.kind) + 2)) AS in_short,
			       concat_ws(' ', '', a.name_fold, p.name_fold) AS in_full
			FROM areas a LEFT JOIN areas p ON p.code = a.parent
			WHERE a.valid_from <= @today AND (a.valid_to IS NULL OR a.valid_to > @today)
		)
		SELECT code, name, kind, level, parent, province_name, valid_from, valid_to FROM named
		WHERE code = @q OR strpos(' ' || name_fold, ' ' || @q) > 0
		   OR strpos(in_short, ' ' || @q) IN (1, length(kind) + 2) OR strpos(in_full, ' ' || @q) IN (1, length(kind) + 2)
		ORDER BY CASE WHEN @q IN (code, bare_fold, name_fold) THEN 0 WHEN starts_with(bare_fold, @q) OR starts_with(name_fold, @q) THEN 1 ELSE 2 END,
		         level, bare COLLATE vi_order, province COLLATE vi_order, code
		LIMIT @n`,
		pgx.StrictNamedArgs{"q": areaKey(q), "today": s.Today(), "n": n})
	if err != nil {
		return nil, fmt.Errorf("find areas: %w", err)
	}
	return areas, nil
}

// shortKinds are the kinds as people shorten them on paper.
var shortKinds = map[string]string{"p": "phuong", "x": "xa", "tp": "thanh pho", "t": "tinh"}

// areaKey is what FindAreas looks for: "P. Vị Thanh, TP. Cần Thơ" becomes "phuong vi thanh thanh pho can tho".
func areaKey(q string) string {
	var parts []string
	for part := range strings.SplitSeq(q, ",") {
		key := qrgen.Search(part)
		if kind, name, ok := strings.Cut(key, " "); ok && shortKinds[kind] != "" {
			key = shortKinds[kind] + " " + name
		}
		if key != "" {
			parts = append(parts, key)
		}
	}
	return strings.Join(parts, " ")
}
