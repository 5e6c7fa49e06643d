package fieldwork

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/qrgen"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// Spread is how far the teams of a unit have come: how many of its hamlets have one, and in how many of its communes they have begun.
type Spread struct {
	AsOf             registry.Day `json:"as_of"`
	Area             string       `json:"area"`
	AreaName         string       `json:"area_name"`
	Hamlets          int          `json:"hamlets"`           // those that were named, and those that have a team
	HamletsWithTeam  int          `json:"hamlets_with_team"` // 79 of 79
	Communes         int          `json:"communes"`
	CommunesWithTeam int          `json:"communes_with_team"` // of any level
	CommunesVisited  int          `json:"communes_visited"`   // with a first visit: 8 of 10
	Without          []Place      `json:"without"`            // hamlets without a team, at most mostWithout
}

// Place is a hamlet of a commune.
type Place struct {
	Area   string `json:"area"`
	Name   string `json:"area_name"`
	Hamlet string `json:"hamlet"`
}

// mostWithout is how many hamlets without a team are named, and mostHamlets how many a commune may have.
const (
	mostWithout = 200
	mostHamlets = 200
)

// communesOf are the communes a of a unit: of one that is on the map those of today, of one that is no more those that it had.
const communesOf = `
	SELECT a.code, a.name FROM areas a JOIN areas u ON u.code = @area
	WHERE a.level = 2 AND (a.code = u.code OR a.parent = u.code OR a.district = u.code)
	  AND (u.valid_to IS NOT NULL OR a.valid_to IS NULL OR a.valid_to > @day)`

// Spread counts the teams of a province, a commune, or a unit of before. A commune has begun once a team of it was at a stall, or
// anybody was at a stall of a market there.
//
// Faults: NotFound area-not-found, also out of the actor's scope; Forbidden.
func (s *Service) Spread(ctx context.Context, by registry.Actor, area string) (Spread, error) {
	if !by.CanSomewhere(registry.SplitCoverage) {
		return Spread{}, registry.Forbidden()
	}
	unit, err := s.reg.AreaFor(ctx, by, registry.SplitCoverage, area)
	if err != nil {
		return Spread{}, err
	}
	if !unit.Seen {
		return Spread{}, registry.AreaNotFound(area)
	}
	today := s.reg.Today()
	args := pgx.StrictNamedArgs{"area": area, "day": today}
	out, err := postgres.One[Spread](ctx, s.db, `
		WITH commune AS (`+communesOf+`), team AS (
			SELECT t.area_code, t.hamlet_key FROM teams t JOIN commune c ON c.code = t.area_code WHERE t.ended_on IS NULL
		), hamlet AS (
			SELECT h.area_code, h.name_key FROM hamlets h JOIN commune c ON c.code = h.area_code
			UNION SELECT area_code, hamlet_key FROM team WHERE hamlet_key <> ''
		), visited AS MATERIALIZED (
			SELECT n.market_id FROM market_now n WHERE n.market_id = ANY (ARRAY(SELECT m.id FROM markets m JOIN commune c ON c.code = m.area_code))
			  AND (EXISTS (SELECT 1 FROM visits v WHERE v.market_id = n.market_id AND v.voided_at IS NULL)
			       OR EXISTS (SELECT 1 FROM visit_counts k WHERE k.market_id = n.market_id))
		), went AS MATERIALIZED (
			SELECT DISTINCT v.team_code FROM visits v
			WHERE v.team_code = ANY (ARRAY(SELECT t.code FROM teams t JOIN commune c ON c.code = t.area_code)) AND v.voided_at IS NULL
		)
		SELECT @day::date AS as_of, @area::text AS area, '' AS area_name,
		       (SELECT count(*) FROM hamlet)::int AS hamlets,
		       (SELECT count(DISTINCT (area_code, hamlet_key)) FROM team WHERE hamlet_key <> '')::int AS hamlets_with_team,
		       (SELECT count(*) FROM commune)::int AS communes,
		       (SELECT count(DISTINCT area_code) FROM team)::int AS communes_with_team,
		       (SELECT count(DISTINCT b.area_code) FROM (SELECT m.area_code FROM markets m JOIN visited v ON v.market_id = m.id
		                                                 UNION ALL SELECT t.area_code FROM teams t JOIN went w ON w.team_code = t.code) b)::int AS communes_visited,
		       '[]'::jsonb AS without`, args)
	if err != nil {
		return out, wrap("spread of", fault.Clip(area, 20), err)
	}
	out.AreaName = unit.Name
	args["most"] = mostWithout
	out.Without, err = postgres.All[Place](ctx, s.db, `
		WITH commune AS (`+communesOf+`)
		SELECT h.area_code AS area, c.name, h.name AS hamlet FROM hamlets h JOIN commune c ON c.code = h.area_code
		WHERE NOT EXISTS (SELECT 1 FROM teams t WHERE t.area_code = h.area_code AND t.hamlet_key = h.name_key AND t.ended_on IS NULL)
		ORDER BY c.name, h.area_code, h.name LIMIT @most`, args)
	return out, wrap("spread of", fault.Clip(area, 20), err)
}

// SetHamlets names the hamlets of a commune, all of them in place of those that were named before. Nobody publishes such a list, so
// whoever looks after the land keeps it.
//
// Faults: Invalid hamlets-invalid; NotFound area-not-found; Forbidden.
func (s *Service) SetHamlets(ctx context.Context, by registry.Actor, area string, names []string) (Spread, error) {
	var bad []fault.Field
	if len(names) > mostHamlets {
		bad = append(bad, fault.At("hamlets", "count", "Give at most %d names.", mostHamlets))
	}
	var clean, keys []string
	for i, name := range names[:min(len(names), mostHamlets)] {
		at := fmt.Sprintf("hamlets/%d", i)
		name = registry.Clean(&bad, at, name, maxName, true)
		key := qrgen.Search(name)
		if name != "" && slices.Contains(keys, key) {
			bad = append(bad, fault.At(at, "twice", "It stands here twice."))
		}
		clean, keys = append(clean, name), append(keys, key)
	}
	if err := fault.Check("hamlets-invalid", bad); err != nil {
		return Spread{}, err
	}
	area = strings.TrimSpace(area)
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		ground, err := registry.TeamGround(ctx, tx, area, "")
		if err != nil {
			return err
		}
		level, err := postgres.Found[int](ctx, tx, fault.New(fault.NotFound, "area-not-found", "There is no area with the code %q.", fault.Clip(area, 20)),
			`SELECT level::int FROM areas WHERE code = @area`, pgx.StrictNamedArgs{"area": area})
		switch {
		case err != nil:
			return err
		case !by.InScope(ground):
			return registry.AreaNotFound(area)
		case !by.Can(registry.AssignTeams, ground):
			return registry.Forbidden()
		case level != 2:
			return fault.Check("hamlets-invalid", []fault.Field{fault.At("area", "level", "Give the official code of a commune or ward.")})
		}
		if _, err := tx.Exec(ctx, `DELETE FROM hamlets WHERE area_code = @area`, pgx.StrictNamedArgs{"area": area}); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO hamlets (area_code, name_key, name) SELECT @area, n.key, n.name FROM unnest(@keys::text[], @names::text[]) n (key, name)`,
			pgx.StrictNamedArgs{"area": area, "keys": append([]string{}, keys...), "names": append([]string{}, clean...)}); err != nil {
			return err
		}
		return registry.Audit(ctx, tx, s.now(), by, registry.MarketID{}, registry.Event{Action: "hamlets.set", Object: "area:" + area, Fields: []string{"name"}})
	})
	if err != nil {
		return Spread{}, wrap("hamlets of", fault.Clip(area, 20), err)
	}
	return s.Spread(ctx, by, area)
}
