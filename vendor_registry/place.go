package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// place is where a market lay in a stretch of time: its commune, the district while there was one, and the province. What the
// record cannot tell is empty (view market_places says when that is). Days are as the database writes them, infinity included,
// and so compare as text: "-infinity" before every day, "infinity" behind.
type place struct {
	Since    string `json:"since"`
	Until    string `json:"until"` // first day on which it was no more so
	Area     string `json:"area"`
	District string `json:"district"`
	Province string `json:"province"`
}

// in reports whether the place is in a unit.
func (p place) in(code string) bool {
	return code != "" && (code == p.Area || code == p.District || code == p.Province)
}

// laidIn reports whether the market lay in a unit on a day; no day: today.
func (m Market) laidIn(code, day string) bool {
	return slices.ContainsFunc(m.Places, func(p place) bool {
		return p.in(code) && (p.Since <= day && day < p.Until || day == "" && p.Until == "infinity")
	})
}

// placesOfMarket is the JSON list of a market m's places.
const placesOfMarket = `(SELECT coalesce(jsonb_agg(jsonb_build_object('since', p.since, 'until', p.until, 'area', coalesce(p.area_code, ''),
		'district', coalesce(p.district, ''), 'province', coalesce(p.province, '')) ORDER BY p.until), '[]') FROM market_places p WHERE p.market_id = m.id)`

// teamsOfMarket are the codes of the teams that go to a market m; a team that is no more reaches nothing.
const teamsOfMarket = `ARRAY(SELECT w.team_code FROM team_markets w JOIN teams t ON t.code = w.team_code
		WHERE w.market_id = m.id AND t.ended_on IS NULL ORDER BY w.team_code)`

// TeamGround is a market that would lie in a unit and have a team: to ask whether an actor's reach covers the two.
func TeamGround(ctx context.Context, db postgres.Querier, area, team string) (Market, error) {
	places, err := placesOfArea(ctx, db, area, mustDay("9999-12-31")) // what is past by then is what is past now: an end that lies ahead is not told yet
	return Market{Places: places, Teams: []string{team}}, err
}

// TeamGrounds are the markets that teams go to, by the team's code; of a team that goes to none yet its TeamGround. A team that is no
// more is not among them.
func TeamGrounds(ctx context.Context, db postgres.Querier, codes []string) (map[string][]Market, error) {
	type team struct{ Code, AreaCode string }
	teams, err := postgres.All[team](ctx, db, `SELECT code, area_code FROM teams WHERE code = ANY (@codes) AND ended_on IS NULL`,
		pgx.StrictNamedArgs{"codes": codes})
	if err != nil {
		return nil, err
	}
	markets, err := postgres.All[Market](ctx, db, marketColumns+`
		WHERE m.id = ANY (ARRAY(SELECT w.market_id FROM team_markets w WHERE w.team_code = ANY (@codes))) ORDER BY m.code`, pgx.StrictNamedArgs{"codes": codes})
	if err != nil {
		return nil, err
	}
	grounds := map[string][]Market{}
	for _, t := range teams {
		for _, m := range markets {
			if slices.Contains(m.Teams, t.Code) {
				grounds[t.Code] = append(grounds[t.Code], m)
			}
		}
		if len(grounds[t.Code]) == 0 {
			own, err := TeamGround(ctx, db, t.AreaCode, t.Code)
			if err != nil {
				return nil, err
			}
			grounds[t.Code] = []Market{own}
		}
	}
	return grounds, nil
}

// placesOfArea are the places of a market that is entered today in a unit: what view market_places will say of it.
func placesOfArea(ctx context.Context, db postgres.Querier, code string, today Day) ([]place, error) {
	return postgres.All[place](ctx, db, placesOfAreaSQL, pgx.StrictNamedArgs{"code": code, "today": today})
}

const placesOfAreaSQL = `
	SELECT s.since::text AS since, s.until::text AS until,
	       CASE WHEN s.until > @today OR s.alike = 'unit' THEN s.code ELSE '' END AS area,
	       CASE WHEN s.until > @today OR s.alike IN ('unit', 'district') THEN coalesce(s.district, '') ELSE '' END AS district,
	       CASE WHEN s.until > @today OR s.alike <> 'none' THEN coalesce(s.parent, s.code) ELSE '' END AS province
	FROM area_states s WHERE s.code = @code ORDER BY s.until`

// Reach is what of all markets an action of an actor's reaches: as arguments of InReach.
func (a Actor) Reach(do Action) pgx.StrictNamedArgs {
	all, codes, teams, areas, days := false, []string{}, []string{}, []string{}, []*string{}
	if a.ID == "console" || a.ID == "system" {
		all = true
	}
	for _, g := range a.Grants {
		if !slices.Contains(rights[do], g.Role) {
			continue
		}
		switch g.Kind {
		case OverAll, OverProvider:
			all = true
		case OverMarket:
			codes = append(codes, g.Code)
		case OverTeam:
			teams = append(teams, g.Code)
		case OverArea:
			areas, days = append(areas, g.Code), append(days, postgres.Null(g.Since))
		}
	}
	return pgx.StrictNamedArgs{"all": all, "codes": codes, "teams": teams, "areas": areas, "area_days": days}
}

// OwnMarket is the code of the one market that an action of the actor's reaches; empty: none, or more.
func (a Actor) OwnMarket(do Action) string {
	args := a.Reach(do)
	if codes := args["codes"].([]string); len(codes) == 1 && !args["all"].(bool) && len(args["areas"].([]string)) == 0 && len(args["teams"].([]string)) == 0 {
		return codes[0]
	}
	return ""
}

// everywhere reports whether an action of the actor's reaches every market.
func (a Actor) everywhere(do Action) bool { return a.Reach(do)["all"].(bool) }

// InReach says whether a market m is in the reach of an actor; the twin of Grant.reaches. The places are gathered once, into an
// array: as a plain sub-select the planner asks for them again at every market.
const InReach = `(@all OR m.code = ANY (@codes)
			OR m.id = ANY (ARRAY(SELECT w.market_id FROM team_markets w JOIN teams t ON t.code = w.team_code
			                     WHERE w.team_code = ANY (@teams) AND t.ended_on IS NULL))
			OR m.id = ANY (ARRAY(
			SELECT p.market_id FROM market_places p
			JOIN unnest(@areas::text[], @area_days::date[]) g (code, day) ON g.code IN (p.area_code, p.district, p.province)
			WHERE CASE WHEN g.day IS NULL THEN p.until = 'infinity' ELSE p.since <= g.day AND g.day < p.until END)))`

// namePlaces writes the names by which markets are found: of their own units, of what these were before, of the units that
// became them or that they became, and of the districts and provinces above, in all their states. No ids: every market.
func namePlaces(ctx context.Context, tx pgx.Tx, ids []MarketID) error {
	// The planner takes the joins for a thousand times what they are, and would compile the statement for seconds.
	if _, err := tx.Exec(ctx, `SELECT set_config('jit', 'off', true)`); err != nil {
		return fmt.Errorf("name places: %w", err)
	}
	_, err := tx.Exec(ctx, `
		WITH own AS (
			SELECT id, area_code AS code FROM markets WHERE area_code IS NOT NULL AND (@ids::uuid[] IS NULL OR id = ANY (@ids))
			UNION SELECT market_id, area_code FROM market_areas WHERE @ids::uuid[] IS NULL OR market_id = ANY (@ids)
		), unit AS ( -- what belongs to a code
			SELECT code, code AS unit FROM own
			UNION SELECT o.code, x.old FROM own o JOIN area_successions x ON x.new = o.code
			UNION SELECT o.code, x.new FROM own o JOIN markets m ON m.id = o.id AND m.area_code = o.code
			      JOIN areas a ON a.code = o.code AND a.valid_to IS NOT NULL JOIN area_successions x ON x.old = a.code
		), state AS (
			SELECT u.code, s.name_fold, s.parent, s.district FROM unit u JOIN area_states s ON s.code = u.unit
		), named AS (
			SELECT code, name_fold FROM state
			UNION SELECT t.code, s.name_fold FROM (SELECT code, parent AS above FROM state UNION SELECT code, district FROM state) t
			      JOIN area_states s ON s.code = t.above
		), said AS (
			SELECT code, '|' || string_agg(name_fold, '|' ORDER BY name_fold) || '|' AS fold FROM named GROUP BY code
		), folds AS (
			SELECT o.id, string_agg(s.fold, '' ORDER BY s.code) AS fold FROM own o JOIN said s ON s.code = o.code GROUP BY o.id
		)
		UPDATE markets m SET place_fold = n.fold
		FROM (SELECT m.id, coalesce(s.fold, '') AS fold FROM markets m LEFT JOIN folds s ON s.id = m.id
		      WHERE @ids::uuid[] IS NULL OR m.id = ANY (@ids)) n
		WHERE m.id = n.id AND m.place_fold <> n.fold`, pgx.StrictNamedArgs{"ids": ids})
	if err != nil {
		return fmt.Errorf("name places: %w", err)
	}
	return tracks(ctx, tx, ids)
}

// seekMarkets is what people type to find a market, as arguments of isSought. Each part between commas must be found: in the name,
// in one of the names of its places, or its beginning in the name and its end in a place ("chợ vị thanh hậu giang").
func seekMarkets(q string, args pgx.StrictNamedArgs) {
	numbers, names, places, parts := []int{}, []string{}, []string{}, 0
	for part := range strings.SplitSeq(q, ",") {
		words := strings.Fields(qrgen.Search(part))
		if len(words) == 0 {
			continue
		}
		parts++
		add := func(name, place string) {
			numbers, names, places = append(numbers, parts), append(names, name), append(places, place)
		}
		add(strings.Join(words, " "), "")
		add("", areaKey(part))
		for i := 1; i < min(len(words), 12); i++ {
			add(strings.Join(words[:i], " "), areaKey(strings.Join(words[i:], " ")))
		}
	}
	args["q"], args["parts"], args["part"], args["names"], args["places"] = strings.ToUpper(strings.TrimSpace(q)), parts, numbers, names, places
}

// isSought says whether a market m is what was sought. A fold holds letters, digits and blanks alone: no pattern can be in it.
const isSought = `(@parts = 0 OR m.code = @q OR @parts = (
			SELECT count(DISTINCT w.part) FROM unnest(@part::int[], @names::text[], @places::text[]) w (part, name, place)
			WHERE m.name_fold LIKE '%' || w.name || '%'
			  AND (w.place = '' OR m.place_fold LIKE '%|' || w.place || '%' OR m.place_fold LIKE '% ' || w.place || '%')))`

// MarketsOn are the markets, by code, that lay on a day in a unit (everywhere: "") and in which the actor may do something.
func (s *Service) MarketsOn(ctx context.Context, by Actor, do Action, area string, day Day) ([]Market, error) {
	args := by.Reach(do)
	args["area"], args["day"] = area, day
	return postgres.All[Market](ctx, s.db, marketColumns+`
		WHERE `+InReach+`
		  AND (@area = '' OR m.id = ANY (ARRAY(SELECT p.market_id FROM market_places p
		                                       WHERE @area IN (p.area_code, p.district, p.province) AND p.since <= @day AND @day < p.until)))
		ORDER BY m.code`, args)
}

// MarketsIn are the markets that are in a unit today; see MarketsOn.
func (s *Service) MarketsIn(ctx context.Context, by Actor, do Action, area string) ([]Market, error) {
	return s.MarketsOn(ctx, by, do, area, s.Today())
}
