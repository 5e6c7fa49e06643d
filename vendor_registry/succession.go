package registry

import (
	"context"
	"fmt"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// AreaName is a unit by code and name; the zero one is none.
type AreaName struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

// KnownArea is a unit of today's map or one that is no more, and whether an actor's scope covers it.
type KnownArea struct {
	AreaName
	Level   int
	ValidTo *Day
	Seen    bool
}

// Ended reports whether the unit is no more on a day.
func (a KnownArea) Ended(on Day) bool { return a.ValidTo != nil && !a.ValidTo.After(on) }

// AreaFor finds a unit by its code, ended ones included. It does not say no to who has no scope there: that is in the answer.
// Faults: NotFound area-not-found.
func (s *Service) AreaFor(ctx context.Context, by Actor, do Action, code string) (KnownArea, error) {
	b := &pgx.Batch{}
	found := AskArea(b, by, do, code, s.Today())
	if err := s.db.SendBatch(ctx, b).Close(); err != nil {
		return KnownArea{}, err
	}
	return found()
}

// AskArea puts AreaFor into a batch; what it returns is called once that was sent.
func AskArea(b *pgx.Batch, by Actor, do Action, code string, today Day) func() (KnownArea, error) {
	found := postgres.Ask[KnownArea](b, `SELECT code, name, level, valid_to, false AS seen FROM areas WHERE code = @code`, pgx.StrictNamedArgs{"code": code})
	places := postgres.Ask[place](b, placesOfAreaSQL, pgx.StrictNamedArgs{"code": code, "today": today})
	return func() (KnownArea, error) {
		if len(*found) == 0 {
			return KnownArea{}, fault.New(fault.NotFound, "area-not-found", "There is no area with the code %q.", fault.Clip(code, 20))
		}
		a := (*found)[0]
		if n := len(*places); a.ValidTo != nil && n > 0 { // who had it to the end is still told that it is empty
			(*places)[n-1].Until = "infinity"
		}
		a.Seen = by.Can(do, Market{Places: *places})
		return a, nil
	}
}

// Successors are the units of today's map that a unit which is no more went to, over several changes if need be, by code.
func (s *Service) Successors(ctx context.Context, code string) ([]string, error) {
	codes, err := postgres.All[string](ctx, s.db, `
		WITH RECURSIVE went AS (
			SELECT @code::text AS code
			UNION
			SELECT x.new FROM went w JOIN areas a ON a.code = w.code AND a.valid_to <= @today JOIN area_successions x ON x.old = w.code
		)
		SELECT w.code FROM went w JOIN areas a ON a.code = w.code WHERE a.valid_to IS NULL OR a.valid_to > @today ORDER BY w.code`,
		pgx.StrictNamedArgs{"code": code, "today": s.Today()})
	if err != nil {
		return nil, fmt.Errorf("successors of %s: %w", code, err)
	}
	return codes, nil
}

// PlaceOn is the commune and the province in which a market lay on a day, with the names they had then; zero where the record
// does not tell.
func (s *Service) PlaceOn(ctx context.Context, m Market, on Day) (commune, province AreaName, err error) {
	type row struct{ Area, AreaName, Province, ProvinceName string }
	r, err := postgres.One[row](ctx, s.db, `
		SELECT coalesce(p.area_code, '') AS area, coalesce(c.name, '') AS area_name, coalesce(p.province, '') AS province, coalesce(v.name, '') AS province_name
		FROM market_places p
		LEFT JOIN area_states c ON c.code = p.area_code AND c.since <= @on AND @on < c.until
		LEFT JOIN area_states v ON v.code = p.province AND v.since <= @on AND @on < v.until
		WHERE p.market_id = @market AND p.since <= @on AND @on < p.until`, pgx.StrictNamedArgs{"market": m.ID, "on": on})
	if isNoRows(err) {
		return AreaName{}, AreaName{}, nil
	}
	return AreaName{r.Area, r.AreaName}, AreaName{r.Province, r.ProvinceName}, err
}

// FoundArea is a unit that was looked for, whether it is on today's map or no more.
type FoundArea struct {
	Area
	District     string     `json:"district,omitempty"` // of a commune that is no more
	DistrictName string     `json:"district_name,omitempty"`
	Before       string     `json:"before,omitempty"` // the name that was found, where it has another today
	Successors   []AreaName `json:"successors"`       // of one that is no more
}

// FindAreasEver finds as FindAreas does, also units that are no more and the names that units had before; those of today first.
// Limit 0 means 50; at most 200. Faults: Invalid limit-invalid.
func (s *Service) FindAreasEver(ctx context.Context, q string, limit int) ([]FoundArea, error) {
	n, err := List{Limit: limit}.size()
	if err != nil {
		return nil, err
	}
	found, err := postgres.All[FoundArea](ctx, s.db, `
		WITH named AS (
			SELECT s.code, s.name, s.kind, s.since, s.until, s.parent, s.district, s.name_fold, substr(s.name_fold, length(s.kind) + 2) AS bare_fold,
			       concat_ws(' ', '', s.name_fold, substr(d.name_fold, length(d.kind) + 2), substr(p.name_fold, length(p.kind) + 2)) AS in_short,
			       concat_ws(' ', '', s.name_fold, substr(p.name_fold, length(p.kind) + 2)) AS in_province,
			       concat_ws(' ', '', s.name_fold, d.name_fold, p.name_fold) AS in_full,
			       concat_ws(' ', '', s.name_fold, p.name_fold) AS in_full_province
			FROM area_states s LEFT JOIN areas p ON p.code = s.parent LEFT JOIN areas d ON d.code = s.district
		), hit AS (
			SELECT DISTINCT ON (code) * FROM named
			WHERE code = @q OR strpos(' ' || name_fold, ' ' || @q) > 0
			   OR strpos(in_short, ' ' || @q) IN (1, length(kind) + 2) OR strpos(in_full, ' ' || @q) IN (1, length(kind) + 2)
			   OR strpos(in_province, ' ' || @q) IN (1, length(kind) + 2) OR strpos(in_full_province, ' ' || @q) IN (1, length(kind) + 2)
			ORDER BY code, until DESC
		)
		SELECT a.code, a.name, a.kind, a.level, coalesce(a.parent, '') AS parent, coalesce(p.name, a.name) AS province_name, a.valid_from, a.valid_to,
		       coalesce(a.district, '') AS district, coalesce(d.name, '') AS district_name, CASE WHEN h.name <> a.name THEN h.name ELSE '' END AS before,
		       (SELECT coalesce(jsonb_agg(jsonb_build_object('code', n.code, 'name', n.name) ORDER BY n.level, n.code), '[]')
		        FROM area_successions x JOIN areas n ON n.code = x.new WHERE x.old = a.code AND a.valid_to <= @today) AS successors
		FROM hit h JOIN areas a ON a.code = h.code LEFT JOIN areas p ON p.code = a.parent LEFT JOIN areas d ON d.code = a.district
		ORDER BY coalesce(a.valid_to <= @today, false), h.name <> a.name, CASE WHEN @q IN (h.code, h.bare_fold, h.name_fold) THEN 0
		           WHEN starts_with(h.bare_fold, @q) OR starts_with(h.name_fold, @q) THEN 1 ELSE 2 END,
		         CASE a.level WHEN 1 THEN 1 WHEN 3 THEN 2 ELSE 3 END, substr(a.name, length(a.kind) + 2) COLLATE vi_order,
		         substr(p.name, length(p.kind) + 2) COLLATE vi_order, a.code
		LIMIT @n`, pgx.StrictNamedArgs{"q": areaKey(q), "today": s.Today(), "n": n})
	if err != nil {
		return nil, fmt.Errorf("find areas: %w", err)
	}
	return found, nil
}
