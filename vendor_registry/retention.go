package registry

import (
	"context"
	"fmt"
	"time"

	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// VisitYears is after how long a visit becomes a count (SECURITY, 5: older than 2 years). AnswersLive and PreviewLives are the other two
// spans of this package; sign-in has its own.
const VisitYears = 2

// RetainEvery is how often a service lets go of what is too old.
const RetainEvery = 24 * time.Hour

// LetGo is how many rows of a sort were too old and went.
type LetGo struct {
	What string `json:"what"` // visits, answers, previews, changes, deliveries; of package auth: sessions, links …
	Rows int    `json:"rows"`
}

// Retain lets go of what is older than it need be: visits become counts by month, outcome and main reason, answers kept for who sends a
// request again go, the cells of ledgers that nobody committed, changes of the feed that later ones overtook, and deliveries of webhooks. Doing it again changes nothing.
func (s *Service) Retain(ctx context.Context) ([]LetGo, error) {
	now := s.now()
	visits, err := s.countOldVisits(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("retention of visits: %w", err)
	}
	gone := []LetGo{{"visits", visits}, {"answers", 0}, {"previews", 0}, {"changes", 0}, {"deliveries", 0}}
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		for i, t := range []struct {
			sql  string
			args pgx.StrictNamedArgs
		}{
			{`DELETE FROM idempotency WHERE at <= @before`, pgx.StrictNamedArgs{"before": now.Add(-AnswersLive)}},
			{`UPDATE imports SET ledger = NULL, sheet = NULL, mended = '{}', mapping = '{}', problem = NULL, report = report || '{"faults": [], "warnings": []}'
			  WHERE state = 'preview' AND expires_at <= @now
			    AND (ledger IS NOT NULL OR sheet IS NOT NULL OR mended <> '{}' OR mapping <> '{}' OR problem IS NOT NULL
			         OR report -> 'faults' <> '[]' OR report -> 'warnings' <> '[]')`, pgx.StrictNamedArgs{"now": now}},
			{`DELETE FROM stage_changes c WHERE c.noticed_at <= @before
			  AND EXISTS (SELECT 1 FROM stage_changes l WHERE l.market_id = c.market_id AND l.account_id = c.account_id AND l.n > c.n)`, pgx.StrictNamedArgs{"before": now.Add(-FeedLives)}},
			{`DELETE FROM webhook_deliveries WHERE next_at IS NULL AND coalesce(done_at, tried_at, made_at) <= @before`, pgx.StrictNamedArgs{"before": now.Add(-DeliveriesLive)}},
		} {
			tag, err := tx.Exec(ctx, t.sql, t.args)
			if err != nil {
				return err
			}
			gone[1+i].Rows = int(tag.RowsAffected())
		}
		if gone[3].Rows > 0 { // what is first of its account now tells where that stands, whoever reads
			if _, err := tx.Exec(ctx, `UPDATE stage_changes c SET was = NULL, was_suspended = false WHERE c.was IS NOT NULL
				AND NOT EXISTS (SELECT 1 FROM stage_changes e WHERE e.market_id = c.market_id AND e.account_id = c.account_id AND e.n < c.n)`); err != nil {
				return err
			}
		}
		return AuditRetention(ctx, tx, now, id.ID[Market]{}, gone[1:]...)
	})
	return gone, err
}

// AuditRetention writes what a run let go of to a chain, unless it was nothing.
func AuditRetention(ctx context.Context, tx pgx.Tx, now time.Time, in id.ID[Market], gone ...LetGo) error {
	var fields []string
	for _, g := range gone {
		if g.Rows > 0 {
			fields = append(fields, fmt.Sprintf("%s:%d", g.What, g.Rows))
		}
	}
	if fields == nil {
		return nil
	}
	return Audit(ctx, tx, now, system(""), in, Event{"retention.ran", "retention", fields})
}

// countOldVisits makes counts of old visits, market by market. One that was taken back counts for nothing and goes all the same. Of the
// others the vendor's reason stays with its moment, on which the figures of past days stand.
func (s *Service) countOldVisits(ctx context.Context, now time.Time) (all int, err error) {
	before := Day{DayOf(now).t.AddDate(-VisitYears, 0, -1)}.End()
	markets, err := postgres.All[MarketID](ctx, s.db, `
		SELECT m.id FROM markets m WHERE m.id IN (SELECT v.market_id FROM visits v WHERE v.at <= @before) ORDER BY m.id`,
		pgx.StrictNamedArgs{"before": before})
	if err != nil {
		return 0, err
	}
	for _, m := range markets {
		err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
			n, err := postgres.One[int](ctx, tx, `
				WITH old AS (
					DELETE FROM visits WHERE market_id = @market AND at <= @before RETURNING id, vendor_id, at, outcome, coalesce(barrier, '') AS barrier, voided_at IS NULL AS stands
				), reasons AS (
					INSERT INTO old_barriers (market_id, id, vendor_id, at, barrier)
					SELECT @market, id, vendor_id, at, barrier FROM old WHERE stands AND barrier <> '' AND vendor_id IS NOT NULL
				), counts AS (
					INSERT INTO visit_counts (market_id, month, outcome, barrier, visits)
					SELECT @market, date_trunc('month', at AT TIME ZONE INTERVAL '7 hours')::date, outcome, barrier, count(*) FROM old WHERE stands GROUP BY 2, 3, 4
					ON CONFLICT (market_id, month, outcome, barrier) DO UPDATE SET visits = visit_counts.visits + excluded.visits)
				SELECT count(*) FROM old`, pgx.StrictNamedArgs{"market": m, "before": before})
			if err != nil {
				return err
			}
			all += n
			return AuditRetention(ctx, tx, now, m, LetGo{"visits", n})
		})
		if err != nil {
			return all, err
		}
	}
	return all, nil
}
