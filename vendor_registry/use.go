package registry

import (
	"context"
	"strconv"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Use says that an account was paid on a day, as its provider counts: how often, never how much nor by whom.
type Use struct {
	Account  AccountID `json:"account"`
	Day      Day       `json:"day"`
	Payments int       `json:"payments"`
}

// NewUses is what a provider tells of its accounts in a market.
type NewUses struct {
	Provider string `json:"provider"`
	Days     []Day  `json:"days"` // days that it tells of in full: on them, an account without a use was not paid
	Uses     []Use  `json:"uses"`
}

// maxUses is how many uses one call may hold.
const maxUses = 10_000

// ConfirmUses records on which days accounts were paid. Only a provider's own key may say it, of accounts there whose vendors agreed that it may know of them; a day told
// again is as it was told last. What helpers recorded as test payments of the same day is taken off where figures count.
//
// Faults: Invalid; NotFound, also for an account of another provider; Forbidden.
func (s *Service) ConfirmUses(ctx context.Context, by Actor, marketCode string, in NewUses) error {
	now := s.now()
	today := DayOf(now)
	var bad []fault.Field
	if len(in.Uses) > maxUses {
		bad = append(bad, fault.At("uses", "too-many", "At most %d uses at a time.", maxUses))
	}
	if in.Provider == "" {
		bad = append(bad, fault.At("provider", "required", "Say which wallet or bank."))
	}
	for i, d := range in.Days {
		if d.IsZero() || d.After(today) {
			bad = append(bad, fault.At(below("days", strconv.Itoa(i)), "future", "A day up to today."))
		}
	}
	ids, days, payments := []AccountID{}, []Day{}, []int{}
	for i, u := range in.Uses {
		if u.Day.IsZero() || u.Day.After(today) {
			bad = append(bad, fault.At(below(below("uses", strconv.Itoa(i)), "day"), "future", "A day up to today."))
		}
		if u.Payments < 1 {
			bad = append(bad, fault.At(below(below("uses", strconv.Itoa(i)), "payments"), "range", "A number from 1."))
		}
		ids, days, payments = append(ids, u.Account), append(days, u.Day), append(payments, u.Payments)
	}
	if err := fault.Check("uses-invalid", bad); err != nil {
		return err
	}
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, ConfirmAccount, marketCode)
		if err != nil {
			return err
		}
		if !by.confirms(Account{Provider: in.Provider}) {
			return accountNotFound()
		}
		type owned struct {
			VendorID VendorID
			Provider string
		}
		owners, err := postgres.All[owned](ctx, tx, `
			SELECT a.vendor_id, a.provider FROM accounts a JOIN vendors v ON v.market_id = a.market_id AND v.id = a.vendor_id
			WHERE a.market_id = @market AND a.id = ANY (@ids) AND `+sharesWith,
			pgx.StrictNamedArgs{"market": m.ID, "ids": ids, "provider": in.Provider})
		if err != nil {
			return err
		}
		distinct := map[AccountID]bool{}
		for _, a := range ids {
			distinct[a] = true
		}
		if len(owners) != len(distinct) {
			return accountNotFound()
		}
		vendors := make([]VendorID, len(owners))
		for i, o := range owners {
			if o.Provider != in.Provider {
				return accountNotFound() // another wallet's customer is as if he did not exist
			}
			vendors[i] = o.VendorID
		}
		b := &pgx.Batch{}
		b.Queue(`
			INSERT INTO account_uses (market_id, account_id, day, payments, recorded_by, recorded_at)
			SELECT @market, u.account, u.day, max(u.payments), @by, @now FROM unnest(@ids::uuid[], @days::date[], @payments::int[]) u (account, day, payments) GROUP BY 2, 3
			ON CONFLICT (market_id, account_id, day) DO UPDATE SET payments = excluded.payments, recorded_by = excluded.recorded_by, recorded_at = excluded.recorded_at`,
			pgx.StrictNamedArgs{"market": m.ID, "ids": ids, "days": days, "payments": payments, "by": by.ID, "now": now})
		b.Queue(`INSERT INTO use_reports (provider, day, recorded_by, recorded_at) SELECT DISTINCT @provider, u.day, @by, @now::timestamptz FROM unnest(@days::date[]) u (day) ON CONFLICT DO NOTHING`,
			pgx.StrictNamedArgs{"provider": in.Provider, "days": append(days, in.Days...), "by": by.ID, "now": now})
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		if err := Recount(ctx, tx, m.ID, now, vendors...); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"account.uses_confirmed", "market:" + m.Code, []string{in.Provider}})
	})
	return actionContext("confirm uses in", marketCode, err)
}
