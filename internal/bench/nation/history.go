package nation

import (
	"context"
	"fmt"
	"strings"
	"time"

	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Weeks is for how long a country's history goes back.
const Weeks = 52

// Where the accounts are, and how many of these providers report use.
var providers = []string{"viettel_money", "vnpt_money", "momo", "vcb", "agribank"}

const reporting = 2

// Remember gives every vendor of a filled country a year of history, as the counters hold it: registered on some day, then an account, its
// approval, a placard that is printed and hung, a first check that falls due, use that two providers confirm, each for fewer people; a quarter say why
// they take no cashless payment. The facts behind it are not there: with them it would take hours, and figures do not read them.
func Remember(ctx context.Context, db *pgxpool.Pool, now time.Time, said func(format string, values ...any)) error {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var done bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM vendor_changes)`).Scan(&done); err != nil || done {
		return err
	}
	if _, err := conn.Exec(ctx, `SET statement_timeout = 0`); err != nil {
		return err
	}
	defer conn.Exec(ctx, `RESET ALL`)
	counted := strings.Join(registry.Counted, ", ")
	sums := "sum(" + strings.Join(registry.Counted, "), sum(") + ")"
	// Of a hundred vendors so many come that far; every step is some days after the one before.
	said("a year of history")
	if _, err := conn.Exec(ctx, `
		INSERT INTO vendor_changes (market_id, vendor_id, seq, since, day, recorded_at, carried, summed, provider, barrier, vendors, account, approved, printed, installed, accepting, equipped, overdue, used)
		SELECT market_id, id, step + 1, since, (since AT TIME ZONE 'Asia/Ho_Chi_Minh')::date, least(since, $1), since <= $1, since <= $1, provider, '',
		       (step = 0)::int, (step = 1)::int, (step = 2)::int, (step = 3)::int, (step = 4)::int, CASE step WHEN 4 THEN 1 WHEN 5 THEN -1 ELSE 0 END, (step = 3)::int, (step = 5)::int, (step = 6)::int
		FROM (SELECT v.market_id, v.id, s.step, ($3::text[])[1 + v.h % 5] AS provider,
		             $1::timestamptz - ($2::int * 7 - v.h / 100 % ($2::int * 7)) * interval '1 day' + s.step * (v.h / 7 % 12) * interval '1 day'
		             + CASE s.step WHEN 5 THEN interval '30 days' ELSE interval '0' END AS since
		      FROM (SELECT market_id, id, ('x' || substr(md5(id::text), 1, 7))::bit(28)::int AS h FROM vendors) v
		      JOIN (VALUES (0, 100), (1, 80), (2, 70), (3, 65), (4, 55), (5, 20), (6, 40)) s (step, share) ON v.h % 100 < s.share AND (s.step <> 6 OR v.h % 5 < $4)) x
		WHERE step = 5 OR since <= $1`, now, Weeks, providers, reporting); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	said("reasons")
	var reasons []string
	for _, b := range registry.Barriers {
		reasons = append(reasons, b.Code)
	}
	if _, err := conn.Exec(ctx, `
		INSERT INTO vendor_changes (market_id, vendor_id, seq, since, day, recorded_at, carried, summed, provider, barrier, vendors, stands)
		SELECT market_id, id, s.seq, since, day, since, true, true, '', CASE WHEN s.adds = 1 THEN barrier ELSE '' END, s.adds, CASE WHEN s.adds = 1 THEN day - date '1970-01-01' ELSE 0 END
		FROM (SELECT market_id, id, since, (since AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS day, barrier
		      FROM (SELECT market_id, id, ($3::text[])[1 + h % cardinality($3)] AS barrier, $1::timestamptz - ($2::int * 7 - h / 100 % ($2::int * 7) - h / 11 % 40) * interval '1 day' AS since
		            FROM (SELECT market_id, id, ('x' || substr(md5(id::text), 1, 7))::bit(28)::int AS h FROM vendors) v WHERE h % 100 BETWEEN 70 AND 94) x
		      WHERE since <= $1) x CROSS JOIN (VALUES (8, 1), (9, -1)) s (seq, adds)`, now, Weeks, reasons); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	if _, err := conn.Exec(ctx, `
		INSERT INTO use_reports (provider, day, recorded_by, recorded_at)
		SELECT p, d.day, 'person:bench', d.day + interval '1 day' FROM unnest(($3::text[])[1:$4]) p CROSS JOIN LATERAL (SELECT ($1::timestamptz)::date - n AS day FROM generate_series(1, $2::int * 7) n) d`,
		now, Weeks, providers, reporting); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	for _, sql := range []string{
		`INSERT INTO market_now (market_id) SELECT id FROM markets WHERE created_at < $1 ON CONFLICT DO NOTHING`,
		`UPDATE market_now n SET (` + counted + `, counted_at) = (SELECT ` + "coalesce(sum(" + strings.Join(registry.Counted, "), 0), coalesce(sum(") + "), 0)" + `, $1::timestamptz FROM vendor_changes c WHERE c.market_id = n.market_id AND c.carried)`,
		`INSERT INTO market_split_now (market_id, split, key, ` + counted + `) SELECT market_id, 'provider', provider, ` + sums + ` FROM vendor_changes WHERE carried AND provider <> '' AND $1::timestamptz IS NOT NULL GROUP BY 1, 3`,
		`INSERT INTO market_split_now (market_id, split, key, vendors, stands) SELECT market_id, 'barrier', barrier, sum(vendors), sum(stands) FROM vendor_changes WHERE carried AND barrier <> '' AND $1::timestamptz IS NOT NULL GROUP BY 1, 3`,
		`INSERT INTO market_day_delta (market_id, day, ` + counted + `) SELECT market_id, day, ` + sums + ` FROM vendor_changes WHERE $1::timestamptz IS NOT NULL GROUP BY 1, 2`,
		`INSERT INTO market_split_day_delta (market_id, split, key, day, ` + counted + `) SELECT market_id, 'provider', provider, day, ` + sums + ` FROM vendor_changes WHERE provider <> '' AND $1::timestamptz IS NOT NULL GROUP BY 1, 3, 4`,
		`INSERT INTO market_split_day_delta (market_id, split, key, day, vendors, stands) SELECT market_id, 'barrier', barrier, day, sum(vendors), sum(stands) FROM vendor_changes WHERE barrier <> '' AND $1::timestamptz IS NOT NULL GROUP BY 1, 3, 4`,
	} {
		said("%s", sql[:min(len(sql), 60)])
		if _, err := conn.Exec(ctx, sql, now); err != nil {
			return fmt.Errorf("history: %w", err)
		}
	}
	reg := registry.New(db, func() time.Time { return now })
	if err := reg.PlaceMarkets(ctx); err != nil {
		return err
	}
	said("sums of the provinces")
	if _, err := conn.Exec(ctx, `UPDATE market_now SET summed_track = coalesce(track, '-'), counted_track = coalesce(track, '-')`); err != nil {
		return err
	}
	if _, err := reg.CheckSums(ctx, true); err != nil {
		return err
	}
	if _, err := reg.KeepCounts(ctx); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `VACUUM ANALYZE`)
	return err
}
