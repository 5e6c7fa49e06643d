package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/csv"
	"fmt"
	"io"
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

// areaTable is the embedded list as the columns of table areas, with the hash by which the database tells whether it holds it.
type areaTable struct {
	codes, names, folds, kinds []string
	levels                     []int16
	parents                    []*string
	from                       []Day
	to                         []*Day
	sum                        []byte
}

var embeddedAreas = sync.OnceValue(func() *areaTable {
	t, err := readAreas(areasCSV)
	if err != nil {
		panic(fmt.Sprintf("registry: areas.csv: %v", err)) // embedded: a test would have shown it
	}
	return t
})

func readAreas(data string) (*areaTable, error) {
	r := csv.NewReader(strings.NewReader(data))
	const header = "code,name,kind,level,parent,valid_from,valid_to"
	if got, err := r.Read(); err != nil || strings.Join(got, ",") != header {
		return nil, fmt.Errorf("columns %q, want %s: %w", got, header, err)
	}
	t := &areaTable{}
	var lines bytes.Buffer
	for {
		row, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		level, err := strconv.ParseInt(row[3], 10, 16)
		if err != nil {
			return nil, fmt.Errorf("%s: level: %w", row[0], err)
		}
		from, err := ParseDay(row[5])
		if err != nil {
			return nil, fmt.Errorf("%s: valid_from: %w", row[0], err)
		}
		var to *Day
		if row[6] != "" {
			day, err := ParseDay(row[6])
			if err != nil {
				return nil, fmt.Errorf("%s: valid_to: %w", row[0], err)
			}
			to = &day
		}
		fold := qrgen.Search(row[1])
		t.codes, t.names, t.folds, t.kinds = append(t.codes, row[0]), append(t.names, row[1]), append(t.folds, fold), append(t.kinds, row[2])
		t.levels, t.parents = append(t.levels, int16(level)), append(t.parents, null(row[4]))
		t.from, t.to = append(t.from, from), append(t.to, to)
		// The same text that areasStored makes of a row.
		fmt.Fprintln(&lines, strings.Join([]string{row[0], row[1], fold, row[2], row[3], row[4], row[5], row[6]}, "|"))
	}
	sum := sha256.Sum256(lines.Bytes())
	t.sum = sum[:]
	return t, nil
}

// LoadAreas brings table areas up to the list that the program carries. Whoever starts calls it: it only reads when nothing
// differs, two at once come one after the other, and nothing is ever deleted, since markets point here.
func (s *Service) LoadAreas(ctx context.Context) error {
	list := embeddedAreas()
	if stored, err := areasStored(ctx, s.db, list); err != nil || stored {
		return wrapLoad(err)
	}
	return wrapLoad(pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('areas', 0))`); err != nil {
			return err
		}
		if stored, err := areasStored(ctx, tx, list); err != nil || stored { // another starter was first
			return err
		}
		return upsertAreas(ctx, tx, list)
	}))
}

func wrapLoad(err error) error {
	if err != nil {
		return fmt.Errorf("load areas: %w", err)
	}
	return nil
}

// areasStored reports whether every unit of the list stands in the table as it is in the list. Units beside them do not count.
func areasStored(ctx context.Context, db postgres.Querier, list *areaTable) (bool, error) {
	return postgres.One[bool](ctx, db, `
		SELECT coalesce(sha256(convert_to(string_agg(concat_ws('|', code, name, name_fold, kind, level, coalesce(parent, ''),
		         to_char(valid_from, 'YYYY-MM-DD'), coalesce(to_char(valid_to, 'YYYY-MM-DD'), '')) || E'\n', '' ORDER BY level, code COLLATE "C"),
		       'UTF8')) = @sum, false)
		FROM areas WHERE code = ANY (@codes)`,
		pgx.StrictNamedArgs{"codes": list.codes, "sum": list.sum})
}

func upsertAreas(ctx context.Context, tx pgx.Tx, list *areaTable) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO areas AS a (code, name, name_fold, kind, level, parent, valid_from, valid_to)
		SELECT code, name, name_fold, kind, level, parent, valid_from, valid_to
		FROM unnest(@codes::text[], @names::text[], @folds::text[], @kinds::text[], @levels::smallint[], @parents::text[],
		            @from::date[], @to::date[]) AS n (code, name, name_fold, kind, level, parent, valid_from, valid_to)
		ON CONFLICT (code) DO UPDATE SET name = excluded.name, name_fold = excluded.name_fold, kind = excluded.kind,
			level = excluded.level, parent = excluded.parent, valid_from = excluded.valid_from, valid_to = excluded.valid_to
		WHERE (a.name, a.name_fold, a.kind, a.level, a.parent, a.valid_from, a.valid_to) IS DISTINCT FROM
		      (excluded.name, excluded.name_fold, excluded.kind, excluded.level, excluded.parent, excluded.valid_from, excluded.valid_to)`,
		pgx.StrictNamedArgs{"codes": list.codes, "names": list.names, "folds": list.folds, "kinds": list.kinds, "levels": list.levels,
			"parents": list.parents, "from": list.from, "to": list.to})
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
