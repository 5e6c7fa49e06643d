package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// KeepCounts does what keeps the counters of all markets exact and quick, and says in how many markets there was something to do. A
// service calls it from time to time; it may run late, twice or nowhere for days: what it did not do yet, figures add themselves.
//
// It counts markets that the release before this one knew, and visits that nobody counted with their recording; lays seasons out
// again; carries what time alone changed into the figures of now; and adds what happened to the sums of the provinces.
func (s *Service) KeepCounts(ctx context.Context) (markets int, err error) {
	now := s.now()
	due, err := postgres.All[MarketID](ctx, s.db, `
		SELECT n.market_id FROM market_now n WHERE n.counted_at IS NULL
		UNION SELECT m.id FROM markets m WHERE m.id NOT IN (SELECT n.market_id FROM market_now n)
		UNION SELECT c.market_id FROM vendor_changes c WHERE NOT c.carried AND c.since <= @now
		UNION SELECT c.market_id FROM vendor_changes c WHERE c.carried AND NOT c.summed
		UNION SELECT n.market_id FROM market_now n WHERE `+SummedElsewhere+`
		UNION SELECT n.market_id FROM market_now n WHERE `+CountedElsewhere+`
		UNION SELECT n.market_id FROM market_now n WHERE (n.counted_at`+inZone+`)::date < date_trunc('month', @today::date::timestamp)
		UNION SELECT v.market_id FROM market_now n JOIN visits v ON v.market_id = n.market_id AND v.recorded_at > n.counted_at - @overlap::interval
		UNION SELECT v.market_id FROM market_now n JOIN visits v ON v.market_id = n.market_id AND v.voided_at > n.counted_at - @overlap::interval
		ORDER BY 1`, pgx.StrictNamedArgs{"now": now, "today": DayOf(now), "overlap": visitOverlap})
	if err != nil {
		return 0, fmt.Errorf("keep counts: %w", err)
	}
	var failed []error
	for _, m := range due {
		if err := s.keepCounts(ctx, m, now); err != nil { // one market holds up no other
			failed = append(failed, fmt.Errorf("keep counts of market %s: %w", m, err))
			continue
		}
		markets++
	}
	return markets, errors.Join(failed...)
}

// visitOverlap is how long a transaction that records a visit may take.
const visitOverlap = 10 * time.Minute

// vendorsAtOnce is how many vendors are counted in one transaction where a whole market is.
const vendorsAtOnce = 500

func (s *Service) keepCounts(ctx context.Context, m MarketID, now time.Time) error {
	last, err := postgres.All[*time.Time](ctx, s.db, `SELECT counted_at FROM market_now WHERE market_id = @market`, pgx.StrictNamedArgs{"market": m})
	if err != nil {
		return err
	}
	if len(last) == 0 || last[0] == nil {
		if err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error { return tracks(ctx, tx, []MarketID{m}) }); err != nil {
			return err
		}
		last = []*time.Time{nil}
	}
	args := pgx.StrictNamedArgs{"market": m}
	which := `SELECT id FROM vendors WHERE market_id = @market ORDER BY id`
	first := last[0] == nil
	if !first {
		which = `SELECT v.vendor_id FROM visits v WHERE v.market_id = @market AND v.vendor_id IS NOT NULL AND (v.recorded_at > @since OR v.voided_at > @since)
			UNION SELECT o.vendor_id FROM occupancies o JOIN occupancy_statuses t ON t.market_id = o.market_id AND t.occupancy_id = o.id
			WHERE o.market_id = @market AND t.status = 'seasonal' AND @month`
		args["since"], args["month"] = last[0].Add(-visitOverlap), DayOf(*last[0]).String()[:7] < DayOf(now).String()[:7]
	}
	vendors, err := postgres.All[VendorID](ctx, s.db, which, args)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(vendors, vendorsAtOnce) {
		if err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error { return recount(ctx, tx, m, now, first, some) }); err != nil {
			return err
		}
	}
	return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT FROM market_now WHERE market_id = @market FOR UPDATE`, pgx.StrictNamedArgs{"market": m}); err != nil {
			return err
		}
		if err := carry(ctx, tx, m, now); err != nil {
			return err
		}
		if err := sumUp(ctx, tx, m); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE market_now SET counted_at = @now WHERE market_id = @market`, pgx.StrictNamedArgs{"market": m, "now": now})
		return err
	})
}

// carry adds what time alone changed by now to the figures of now; its days have it already.
func carry(ctx context.Context, tx pgx.Tx, m MarketID, now time.Time) error {
	changes, err := postgres.All[shift](ctx, tx, `
		WITH due AS (
			UPDATE vendor_changes SET carried = true WHERE market_id = @market AND NOT carried AND since <= @now
			RETURNING carried, day, provider, barrier, `+each(withStands, "%")+`
		)
		SELECT carried, day, provider, barrier, ARRAY[`+each(withStands, "sum(%)")+`]::int[] AS n FROM due GROUP BY 1, 2, 3, 4`,
		pgx.StrictNamedArgs{"market": m, "now": now})
	if err != nil || len(changes) == 0 {
		return err
	}
	b := &pgx.Batch{}
	queueCounters(b, m, changes, "market_now", "market_split_now")
	return tx.SendBatch(ctx, b).Close()
}

// Miscount is a figure of a market, or of a track, whose counter differs from what the facts say.
type Miscount struct {
	Market  string `json:"market"`
	Track   string `json:"track,omitempty"`
	Figure  string `json:"figure"` // one of Counted; with a provider or a barrier behind a colon, and a day where it is one's
	Counter int    `json:"counter"`
	Facts   int    `json:"facts"`
}

// each is m for every figure in which a counter differs from the facts, of a split's key; when says of which days, if not of now.
func (m Miscount) each(split, key, when string, counter, facts []int) []Miscount {
	var found []Miscount
	for i, name := range withStands {
		if counter[i] == facts[i] {
			continue
		}
		if split != "" {
			name += ":" + key
		}
		m.Figure, m.Counter, m.Facts = name+when, counter[i], facts[i]
		found = append(found, m)
	}
	return found
}

// CheckCounts compares a market's counters with a count of the facts as they are at this moment (stageOf, for every vendor), and, when
// mend is set, counts the market anew where they differ.
//
// Faults: NotFound; Forbidden.
func (s *Service) CheckCounts(ctx context.Context, by Actor, marketCode string, mend bool) ([]Miscount, error) {
	now := s.now()
	var found []Miscount
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, SuspendPlacard, marketCode)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = '5min'`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT FROM market_now WHERE market_id = @market FOR UPDATE`, pgx.StrictNamedArgs{"market": m.ID}); err != nil { // nobody adds meanwhile
			return err
		}
		if found, err = miscounts(ctx, tx, m, now); err != nil || len(found) == 0 || !mend {
			return err
		}
		return errMend
	})
	if !errors.Is(err, errMend) {
		return found, actionContext("check counts of", marketCode, err)
	}
	m, err := selectMarket(ctx, s.db, marketCode)
	if err != nil {
		return found, err
	}
	return found, actionContext("mend counts of", marketCode, s.mendCounts(ctx, by, m, now))
}

var errMend = errors.New("to be mended")

func miscounts(ctx context.Context, tx pgx.Tx, m Market, now time.Time) ([]Miscount, error) {
	type figure struct {
		Split, Key string
		N          []int
	}
	facts, err := postgres.All[figure](ctx, tx, FactsSQL+`
		SELECT s.split, s.key, ARRAY[`+each(withStands, "coalesce(sum(s.%), 0)")+`]::int[] AS n
		FROM (SELECT '' AS split, '' AS key, `+each(Counted, "%")+`, 0 AS stands FROM state UNION ALL SELECT 'provider', provider, `+each(withStands, "%")+` FROM state WHERE provider <> ''
		      UNION ALL SELECT 'barrier', barrier, `+each(withStands, "%")+` FROM state WHERE barrier <> '') s GROUP BY 1, 2`, FactsArgs(m.ID, now))
	if err != nil {
		return nil, err
	}
	counters, err := postgres.All[figure](ctx, tx, `
		SELECT s.split, s.key, ARRAY[`+each(withStands, "sum(s.%)")+`]::int[] AS n
		FROM (SELECT '' AS split, '' AS key, `+each(Counted, "%")+`, 0 AS stands FROM market_now WHERE market_id = @market
		      UNION ALL SELECT split, key, `+each(withStands, "%")+` FROM market_split_now WHERE market_id = @market
		      UNION ALL SELECT x.split, x.key, `+each(withStands, "CASE WHEN x.split = '' AND '%' = 'stands' THEN 0 ELSE c.% END")+`
		      FROM vendor_changes c CROSS JOIN LATERAL (VALUES ('', ''), ('provider', c.provider), ('barrier', c.barrier)) x (split, key)
		      WHERE c.market_id = @market AND NOT c.carried AND c.since <= @now AND (x.split = '' OR x.key <> '')) s
		GROUP BY 1, 2`, pgx.StrictNamedArgs{"market": m.ID, "now": now})
	if err != nil {
		return nil, err
	}
	type pair struct{ counter, facts []int }
	none := make([]int, len(withStands))
	all := map[[2]string]pair{}
	for _, f := range facts {
		all[[2]string{f.Split, f.Key}] = pair{none, f.N}
	}
	for _, c := range counters {
		k := [2]string{c.Split, c.Key}
		p, ok := all[k]
		if !ok {
			p.facts = none
		}
		p.counter = c.N
		all[k] = p
	}
	var found []Miscount
	for k, p := range all {
		found = append(found, Miscount{Market: m.Code}.each(k[0], k[1], "", p.counter, p.facts)...)
	}
	days, err := postgres.All[dayCount](ctx, tx, `
		SELECT x.split, x.key, x.day::text AS day, ARRAY[`+each(withStands, "sum(x.%)")+`]::int[] AS changes, ARRAY[`+each(withStands, "sum(x.of_%)")+`]::int[] AS counter FROM (
			SELECT y.split, y.key, c.day, `+each(withStands, "CASE WHEN y.split = '' AND '%' = 'stands' THEN 0 ELSE c.% END AS %")+`, `+each(withStands, "0 AS of_%")+`
			FROM vendor_changes c CROSS JOIN LATERAL (VALUES ('', ''), ('provider', c.provider), ('barrier', c.barrier)) y (split, key)
			WHERE c.market_id = @market AND (y.split = '' OR y.key <> '')
			UNION ALL SELECT '', '', day, `+each(withStands, "0")+`, `+each(Counted, "%")+`, 0 FROM market_day_delta WHERE market_id = @market
			UNION ALL SELECT split, key, day, `+each(withStands, "0")+`, `+each(withStands, "%")+` FROM market_split_day_delta WHERE market_id = @market) x
		GROUP BY 1, 2, 3 HAVING (`+each(withStands, "sum(x.%)")+`) <> (`+each(withStands, "sum(x.of_%)")+`)`, pgx.StrictNamedArgs{"market": m.ID})
	if err != nil {
		return nil, err
	}
	for _, d := range days {
		found = append(found, Miscount{Market: m.Code}.each(d.Split, d.Key, " on "+d.Day, d.Counter, d.Changes)...)
	}
	slices.SortFunc(found, func(a, b Miscount) int { return slices.Compare([]string{a.Figure}, []string{b.Figure}) })
	return found, nil
}

// dayCount is what a day's counters hold and what the changes of that day sum to, where these differ.
type dayCount struct {
	Split, Key, Day  string
	Changes, Counter []int
}

// mendCounts counts a market anew: first every vendor's changes against the facts, then the counters against the changes.
func (s *Service) mendCounts(ctx context.Context, by Actor, m Market, now time.Time) error {
	vendors, err := postgres.All[VendorID](ctx, s.db, `SELECT id FROM vendors WHERE market_id = @market ORDER BY id`, pgx.StrictNamedArgs{"market": m.ID})
	if err != nil {
		return err
	}
	for some := range slices.Chunk(vendors, vendorsAtOnce) {
		if err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error { return recount(ctx, tx, m.ID, now, false, some) }); err != nil {
			return err
		}
	}
	return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT FROM market_now WHERE market_id = @market FOR UPDATE`, pgx.StrictNamedArgs{"market": m.ID}); err != nil {
			return err
		}
		counted := each(Counted, "%")
		b := &pgx.Batch{}
		args := pgx.StrictNamedArgs{"market": m.ID}
		b.Queue(`DELETE FROM market_split_now WHERE market_id = @market`, args)
		b.Queue(`DELETE FROM market_split_day_delta WHERE market_id = @market`, args)
		b.Queue(`UPDATE market_now SET `+each(Counted, "% = 0")+` WHERE market_id = @market`, args)
		b.Queue(`
			INSERT INTO market_day_delta AS t (market_id, day, rolled, `+counted+`)
			SELECT @market, day, false, `+each(Counted, "sum(%)")+` FROM (
				SELECT day, `+counted+` FROM vendor_changes WHERE market_id = @market
				UNION ALL SELECT day, `+each(Counted, "-%")+` FROM market_day_delta WHERE market_id = @market) x GROUP BY day
			ON CONFLICT (market_id, day, rolled) DO UPDATE SET `+each(Counted, "% = t.% + excluded.%"), args)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		changes, err := postgres.All[shift](ctx, tx, `
			SELECT carried, day, provider, barrier, ARRAY[`+each(withStands, "sum(%)")+`]::int[] AS n FROM vendor_changes WHERE market_id = @market GROUP BY 1, 2, 3, 4`, args)
		if err != nil {
			return err
		}
		b = &pgx.Batch{}
		queueCounters(b, m.ID, changes, "market_now", "market_split_now", "market_split_day_delta")
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"market.recounted", "market:" + m.Code, nil})
	})
}
