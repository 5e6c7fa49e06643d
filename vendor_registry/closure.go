package registry

import (
	"context"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// A wallet or bank may say that an account there is closed. That stops nothing by itself, for a partner stops no placard: what was known of
// the account before counts no more, no new placard of it is made, and people are sent to look, until the provider confirms it again.

// StepClosed stands among the steps of an account's ladder, and is none of its rungs.
const StepClosed Rung = "provider_closed"

// ClosedSince is SQL for since when an account, whom a column on the left names (of no table that it calls closure or since), is closed by its
// provider's word; null: it is not, or was confirmed since. @market is the market.
func ClosedSince(account string) string {
	return `(SELECT min(closure.recorded_at) FROM account_closures closure
		WHERE closure.market_id = @market AND closure.account_id = ` + account + ` AND NOT EXISTS (
			SELECT FROM account_verifications since WHERE since.market_id = @market AND since.account_id = closure.account_id
			AND since.step = 'provider_confirmed' AND (since.recorded_at, since.id) > (closure.recorded_at, closure.id)))`
}

// closedBefore is SQL for whether an account was closed by its provider's word when the provider spoke again: row is that word, of
// account_closures or account_verifications.
func closedBefore(row string) string {
	return strings.ReplaceAll(`EXISTS (SELECT 1 FROM account_closures b
		WHERE b.market_id = @market AND b.account_id = row.account_id AND (b.recorded_at, b.id) < (row.recorded_at, row.id) AND NOT EXISTS (
			SELECT FROM account_verifications t WHERE t.market_id = @market AND t.account_id = b.account_id AND t.step = 'provider_confirmed'
			AND (t.recorded_at, t.id) > (b.recorded_at, b.id) AND (t.recorded_at, t.id) < (row.recorded_at, row.id)))`, "row.", row+".")
}

// closedLately are those of some accounts of which this very actor said lately, and last, that they are closed.
func closedLately(ctx context.Context, tx pgx.Tx, by Actor, m Market, ids []AccountID, after time.Time) ([]AccountID, error) {
	return postgres.All[AccountID](ctx, tx, `
		SELECT DISTINCT c.account_id FROM account_closures c
		WHERE c.market_id = @market AND c.account_id = ANY (@ids) AND c.recorded_by = @by AND c.recorded_at > @after
		  AND c.recorded_at >= `+ClosedSince("c.account_id"),
		pgx.StrictNamedArgs{"market": m.ID, "ids": ids, "by": by.ID, "after": after})
}

// closeAccount records that the provider of an account says it is closed; the caller writes the event, and holds the vendor's lock.
func closeAccount(ctx context.Context, tx pgx.Tx, by Actor, m Market, account AccountID, now time.Time) (Event, error) {
	_, err := tx.Exec(ctx, `INSERT INTO account_closures (market_id, id, account_id, recorded_by, recorded_at) VALUES (@market, @id, @account, @by, @now)`,
		pgx.StrictNamedArgs{"market": m.ID, "id": id.New[Step](), "account": account, "by": by.ID, "now": now})
	return Event{"account.closed_by_provider", "account:" + account.String(), []string{"status"}}, err
}

// approvesClosed wants a reason of who approves all the same.
func approvesClosed() error {
	return fault.New(fault.Invalid, "decision-invalid", "Some fields need mending.").
		With(fault.At("reason", "account-closed", "The wallet or bank says that this account is closed. Say why you approve all the same."))
}

// ClosedAt are the stalls of a market, by their codes in walking order, where somebody should look because an account is closed at its
// provider: it is where the vendor's money goes, or a placard of it hangs, or soon may. Faults: NotFound; Forbidden.
func (s *Service) ClosedAt(ctx context.Context, by Actor, marketCode string) ([]string, error) {
	m, _, err := marketSeen(ctx, s.db, by, marketCode)
	if err != nil {
		return nil, err
	}
	codes, err := postgres.All[string](ctx, s.db, `
		SELECT n.code FROM (
			SELECT DISTINCT s.code, s.position, s.code_key FROM account_closures c
			JOIN accounts a ON a.market_id = c.market_id AND a.id = c.account_id
			JOIN vendors v ON v.market_id = a.market_id AND v.id = a.vendor_id AND v.erased_at IS NULL
			JOIN occupancies o ON o.market_id = v.market_id AND o.vendor_id = v.id AND o.ended IS NULL
			JOIN stalls s ON s.market_id = o.market_id AND s.id = o.stall_id AND s.removed_at IS NULL
			WHERE c.market_id = @market AND `+ClosedSince("a.id")+` IS NOT NULL
			  AND (v.default_account = a.id OR EXISTS (SELECT 1 FROM placards p WHERE p.market_id = @market AND p.stall_id = s.id AND p.account_id = a.id
			                                           AND p.state = ANY (@live) AND p.state <> 'suspended'))) n
		ORDER BY n.position, n.code_key`, pgx.StrictNamedArgs{"market": m.ID, "live": liveStates})
	return codes, actionContext("closed accounts in", marketCode, err)
}
