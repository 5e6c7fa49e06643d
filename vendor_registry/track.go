package registry

import (
	"context"
	"fmt"
	"strings"

	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// tracks writes down where markets lay on every day (view market_places, whose joins take longer than a country's figures) and makes
// the counters of those that have none. No ids: every market.
func tracks(ctx context.Context, tx pgx.Tx, ids []MarketID) error {
	type stretch struct {
		MarketID               MarketID
		Code                   string
		IsMarket               bool
		Since, Until           *string
		Area, District, Region string
	}
	rows, err := postgres.All[stretch](ctx, tx, `
		SELECT m.id AS market_id, m.code, m.site = '' AS is_market, p.since::text AS since, p.until::text AS until,
		       coalesce(p.area_code, '') AS area, coalesce(p.district, '') AS district, coalesce(p.province, '') AS region
		FROM markets m LEFT JOIN market_places p ON p.market_id = m.id
		WHERE @ids::uuid[] IS NULL OR m.id = ANY (@ids) ORDER BY m.id, p.since, p.until`, pgx.StrictNamedArgs{"ids": ids})
	if err != nil {
		return fmt.Errorf("tracks: %w", err)
	}
	const always, forever = "-infinity", "infinity"
	var lay [][]any
	trails := map[MarketID]*string{}
	provinces := map[string][][3]string{}
	for i := 0; i < len(rows); {
		m, at := rows[i], always
		var trail [][3]string // since, until, province
		add := func(until, area, district, province string) {
			if until <= at && until != forever || at == forever { // days compare as text, and "-infinity" < "2…" < "infinity"
				return
			}
			lay = append(lay, []any{m.MarketID, at, until, m.Code, area, district, province})
			if n := len(trail); n > 0 && trail[n-1][2] == province {
				trail[n-1][1] = until
			} else {
				trail = append(trail, [3]string{at, until, province})
			}
			at = until
		}
		for ; i < len(rows) && rows[i].MarketID == m.MarketID; i++ {
			r := rows[i]
			if !m.IsMarket || r.Since == nil {
				continue
			}
			if *r.Since > at {
				add(*r.Since, "", "", "")
			}
			add(*r.Until, r.Area, r.District, r.Region)
		}
		if !m.IsMarket {
			trails[m.MarketID] = nil
			continue
		}
		add(forever, "", "", "")
		var named []string
		for _, s := range trail {
			named = append(named, s[2], s[1])
		}
		name := strings.TrimSuffix(strings.Join(named, " "), " "+forever)
		trails[m.MarketID], provinces[name] = &name, trail
	}
	var marketIDs, laid []MarketID
	var names []*string
	var ofTracks, sinces, untils, codes []string
	for m, name := range trails {
		marketIDs, names = append(marketIDs, m), append(names, name)
	}
	for name, trail := range provinces {
		for _, s := range trail {
			ofTracks, sinces, untils, codes = append(ofTracks, name), append(sinces, s[0]), append(untils, s[1]), append(codes, s[2])
		}
	}
	columns := make([][]string, 7)
	for _, row := range lay {
		laid = append(laid, row[0].(MarketID))
		for c := range columns[1:] {
			columns[c+1] = append(columns[c+1], row[c+1].(string))
		}
	}
	b := &pgx.Batch{}
	b.Queue(`DELETE FROM market_tracks WHERE @ids::uuid[] IS NULL OR market_id = ANY (@ids)`, pgx.StrictNamedArgs{"ids": ids})
	b.Queue(`INSERT INTO market_tracks (market_id, since, until, code, area, district, province)
		SELECT * FROM unnest(@markets::uuid[], @since::date[], @until::date[], @code::text[], @area::text[], @district::text[], @province::text[])`,
		pgx.StrictNamedArgs{"markets": laid, "since": columns[1], "until": columns[2], "code": columns[3], "area": columns[4], "district": columns[5], "province": columns[6]})
	b.Queue(`INSERT INTO province_tracks (track, since, until, province) SELECT * FROM unnest(@track::text[], @since::date[], @until::date[], @province::text[])
		ON CONFLICT DO NOTHING`, pgx.StrictNamedArgs{"track": ofTracks, "since": sinces, "until": untils, "province": codes})
	b.Queue(`INSERT INTO market_now AS n (market_id, track) SELECT * FROM unnest(@markets::uuid[], @names::text[])
		ON CONFLICT (market_id) DO UPDATE SET track = excluded.track WHERE n.track IS DISTINCT FROM excluded.track`,
		pgx.StrictNamedArgs{"markets": marketIDs, "names": names})
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("tracks: %w", err)
	}
	return nil
}

// placeUnplaced writes down where all markets lay when there are some of which the release before this one knew.
func (s *Service) placeUnplaced(ctx context.Context) error {
	some, err := postgres.One[bool](ctx, s.db, `
		SELECT EXISTS (SELECT 1 FROM markets m WHERE m.site = '' AND m.id NOT IN (SELECT t.market_id FROM market_tracks t))`, nil)
	if err != nil || !some {
		return err
	}
	return s.PlaceMarkets(ctx)
}

// PlaceMarkets writes down anew where all markets lay: for who brought them in past the registry, or mistrusts what is there.
func (s *Service) PlaceMarkets(ctx context.Context) error {
	return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error { return tracks(ctx, tx, nil) })
}
