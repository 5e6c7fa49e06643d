package registry

import (
	"context"
	"fmt"

	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Spans are the lengths in days of the stretches that province_sums are kept by. A stretch ends on a Sunday, but for single days; none begins in one and
// ends in another of the next length.
var Spans = [3]int{1, 7, 91}

// EveryTrack is the track of province_sums that all others come to.
const EveryTrack = "*"

// SummedElsewhere says of a row of market_now that its changes are part of the sums of a track where it lies no more, CountedElsewhere that the market is
// not counted in the track where it lies. They are numbers and no comparisons, of which the planner would expect nearly all to be true.
const (
	SummedElsewhere  = `CASE WHEN summed_track <> coalesce(track, '-') THEN 1 ELSE 0 END = 1`
	CountedElsewhere = `CASE WHEN counted_track = coalesce(track, '-') THEN 0 ELSE 1 END = 1`
)

// summand is what a market adds to the sums of a track on a day, of the vendors with one provider and one barrier.
type summand struct {
	Track             string
	Day               Day
	Provider, Barrier string
	N                 []int64 // as withStands
}

// sumsOf are the sums of every span and split that a table c (track, day, provider, barrier and the columns of withStands) makes.
func sumsOf(table string) string {
	return `
		SELECT w.track, k.split, s.span, c.day + s.span - 1 - mod(mod(c.day - date '1970-01-01' + 3, s.span) + s.span, s.span) AS ends, k.key, ` + each(withStands, "sum(c.%) AS %") + `
		FROM ` + table + ` CROSS JOIN LATERAL (VALUES ('', ''), ('provider', c.provider), ('barrier', c.barrier)) k (split, key)
		CROSS JOIN LATERAL (VALUES (c.track), ('` + EveryTrack + `')) w (track) CROSS JOIN unnest(@spans::int[]) s (span)
		WHERE k.split = '' OR k.key <> ''
		GROUP BY 1, 2, 3, 4, 5 HAVING (` + each(withStands, "sum(c.%)") + `) <> (` + each(withStands, "0") + `)`
}

// addSums adds such sums to those of the provinces, in an order in which two such never wait for each other.
func addSums(table string) string {
	return `
		INSERT INTO province_sums AS t (track, split, span, ends, key, ` + each(withStands, "%") + `) ` + sumsOf(table) + ` ORDER BY 2, 3, 4, 1, 5
		ON CONFLICT (track, split, span, ends, key) DO UPDATE SET ` + each(withStands, "% = t.% + excluded.%")
}

// sumUp adds what happened in a market to the sums of its track, and takes all from another one's where it lies elsewhere by now; so with the market itself
// and how many a track has. What is no market has the track -, of which nothing is kept.
func sumUp(ctx context.Context, tx pgx.Tx, m MarketID) error {
	args := pgx.StrictNamedArgs{"market": m}
	found, err := postgres.All[summand](ctx, tx, `
		WITH lies AS (
			SELECT summed_track AS was, coalesce(track, '-') AS here FROM market_now WHERE market_id = @market
		), new AS (
			UPDATE vendor_changes c SET summed = true FROM lies l WHERE c.market_id = @market AND c.carried AND NOT c.summed
			RETURNING l.here AS track, c.day, c.provider, c.barrier, `+each(withStands, "c.%")+`
		), moved AS (
			SELECT l.was, l.here, c.day, c.provider, c.barrier, `+each(withStands, "c.%")+`
			FROM lies l JOIN vendor_changes c ON c.market_id = @market AND c.summed WHERE l.was IS DISTINCT FROM l.here
		)
		SELECT track, day, provider, barrier, ARRAY[`+each(withStands, "sum(%)")+`]::bigint[] AS n
		FROM (SELECT * FROM new
		      UNION ALL SELECT was, day, provider, barrier, `+each(withStands, "-%")+` FROM moved
		      UNION ALL SELECT here, day, provider, barrier, `+each(withStands, "%")+` FROM moved) x
		WHERE track <> '-' GROUP BY 1, 2, 3, 4`, args)
	if err != nil {
		return err
	}
	moves, err := postgres.All[struct{ Was, Here string }](ctx, tx, `
		UPDATE market_now n SET summed_track = l.here, counted_track = l.here
		FROM (SELECT market_id, coalesce(counted_track, '-') AS was, coalesce(track, '-') AS here FROM market_now WHERE market_id = @market) l
		WHERE n.market_id = @market AND l.market_id = n.market_id AND (n.summed_track IS DISTINCT FROM l.here OR n.counted_track IS DISTINCT FROM l.here)
		RETURNING l.was, l.here`, args)
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	if len(found) > 0 {
		queueSums(b, found)
	}
	for _, m := range moves {
		b.Queue(`
			INSERT INTO track_markets AS t (track, markets)
			SELECT track, sum(n) FROM (VALUES (@was::text, -1), (@here::text, 1)) x (track, n) WHERE track <> '-' GROUP BY 1 HAVING sum(n) <> 0 ORDER BY 1
			ON CONFLICT (track) DO UPDATE SET markets = t.markets + excluded.markets`, pgx.StrictNamedArgs{"was": m.Was, "here": m.Here})
	}
	return tx.SendBatch(ctx, b).Close()
}

func queueSums(b *pgx.Batch, found []summand) {
	var tracks, providers, barriers []string
	var days []Day
	numbers := make([][]int64, len(withStands))
	for _, f := range found {
		tracks, days, providers, barriers = append(tracks, f.Track), append(days, f.Day), append(providers, f.Provider), append(barriers, f.Barrier)
		for i, n := range f.N {
			numbers[i] = append(numbers[i], n)
		}
	}
	args := pgx.StrictNamedArgs{"tracks": tracks, "days": days, "providers": providers, "barriers": barriers, "spans": Spans[:]}
	for i, c := range withStands {
		args[c] = numbers[i]
	}
	b.Queue(addSums(`unnest(@tracks::text[], @days::date[], @providers::text[], @barriers::text[], `+each(withStands, "@%::bigint[]")+`) c (track, day, provider, barrier, `+each(withStands, "%")+`)`), args)
}

// summedChanges are what all sums are made of.
var summedChanges = `(
	SELECT n.summed_track AS track, c.day, c.provider, c.barrier, ` + each(withStands, "sum(c.%)::bigint AS %") + `
	FROM market_now n JOIN vendor_changes c ON c.market_id = n.market_id WHERE n.summed_track <> '-' AND c.summed GROUP BY 1, 2, 3, 4) c`

// sumsNamed is how many rows of sums CheckSums names at most.
const sumsNamed = 1000

// countedMarkets is how many markets are counted for each track.
const countedMarkets = `SELECT counted_track AS track, count(*)::int AS markets FROM market_now WHERE counted_track <> '-' GROUP BY 1`

// CheckSums compares the sums of all provinces with the changes of vendors that they are made of, and how many markets each track has with the markets; when
// mend is set, it makes them anew where they differ. It names the first thousand sums that do. For the console: it reads the whole record.
func (s *Service) CheckSums(ctx context.Context, mend bool) ([]Miscount, error) {
	var found []Miscount
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(`SET LOCAL statement_timeout = '30min'`)
		if mend { // nobody adds meanwhile
			b.Queue(`LOCK TABLE province_sums, track_markets IN SHARE ROW EXCLUSIVE MODE`)
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		var err error
		if found, err = missums(ctx, tx); err != nil || len(found) == 0 || !mend {
			return err
		}
		b = &pgx.Batch{}
		b.Queue(`DELETE FROM province_sums`)
		b.Queue(addSums(summedChanges), pgx.StrictNamedArgs{"spans": Spans[:]})
		b.Queue(`DELETE FROM track_markets`)
		b.Queue(`INSERT INTO track_markets (track, markets) ` + countedMarkets)
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return found, fmt.Errorf("check sums: %w", err)
	}
	return found, nil
}

func missums(ctx context.Context, tx pgx.Tx) ([]Miscount, error) {
	type stretch struct {
		Track, Split, Key string
		Span              int
		Ends              string
		Changes, Holds    []int
	}
	differ, err := postgres.All[stretch](ctx, tx, `
		SELECT track, split, key, span, ends::text AS ends, ARRAY[`+each(withStands, "sum(%)")+`]::bigint[] AS changes, ARRAY[`+each(withStands, "sum(of_%)")+`]::bigint[] AS holds
		FROM (SELECT x.track, x.split, x.key, x.span, x.ends, `+each(withStands, "x.%")+`, `+each(withStands, "0 AS of_%")+` FROM (`+sumsOf(summedChanges)+`) x
		      UNION ALL SELECT track, split, key, span, ends, `+each(withStands, "0")+`, `+each(withStands, "%")+` FROM province_sums) y
		GROUP BY 1, 2, 3, 4, 5 HAVING (`+each(withStands, "sum(%)")+`) <> (`+each(withStands, "sum(of_%)")+`) ORDER BY 1, 2, 3, 4, 5 LIMIT @named`,
		pgx.StrictNamedArgs{"spans": Spans[:], "named": sumsNamed})
	if err != nil {
		return nil, err
	}
	var found []Miscount
	for _, d := range differ {
		found = append(found, Miscount{Track: d.Track}.each(d.Split, d.Key, fmt.Sprintf(" in %d days to %s", d.Span, d.Ends), d.Holds, d.Changes)...)
	}
	counts, err := postgres.All[Miscount](ctx, tx, `
		SELECT '' AS market, track, 'markets' AS figure, sum(holds)::int AS counter, sum(markets)::int AS facts
		FROM (SELECT track, markets, 0 AS holds FROM (`+countedMarkets+`) c UNION ALL SELECT track, 0, markets FROM track_markets) x
		GROUP BY 2 HAVING sum(holds) <> sum(markets) ORDER BY 2`, nil)
	return append(found, counts...), err
}
