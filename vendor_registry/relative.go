package registry

import (
	"context"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Relations are what the holder of an account may be to the vendor, where it is not the vendor's own. That is normal, and recorded.
var Relations = []string{"spouse", "child", "parent", "sibling", "other"}

// relative is somebody else who holds a vendor's account, and whether they agreed that the vendor is paid there.
type relative struct {
	relation string
	consent  *NewConsent
}

// relative checks who holds an account that comes in.
func (n NewAccount) relative(bad *[]fault.Field, pointer string) relative {
	switch {
	case n.Relation != "" && !slices.Contains(Relations, n.Relation):
		*bad = append(*bad, fault.At(below(pointer, "holder_relation"), "unknown", "One of: %s.", strings.Join(Relations, ", ")))
	case n.Relation == "" && n.HolderConsent != nil:
		*bad = append(*bad, fault.At(below(pointer, "holder_relation"), "required", "Say what the holder is to the vendor."))
	case n.Relation != "" && n.Holder == "":
		*bad = append(*bad, fault.At(below(pointer, "holder"), "required", "Say the holder's name as the bank's app shows it."))
	}
	if n.HolderConsent != nil {
		n.HolderConsent.check(bad, below(pointer, "holder_consent"))
	}
	return relative{n.Relation, n.HolderConsent}
}

// queue stores who holds an account, with it.
func (r relative) queue(b *pgx.Batch, m MarketID, account AccountID, by string, now time.Time) {
	if r.relation == "" {
		return
	}
	args := pgx.StrictNamedArgs{"market": m, "account": account, "relation": r.relation, "by": by, "now": now, "wording": nil, "given": nil, "agreed_by": nil, "agreed_at": nil}
	if r.consent != nil {
		args["wording"], args["given"], args["agreed_by"], args["agreed_at"] = r.consent.Version, r.consent.Given, by, now
	}
	b.Queue(`
		INSERT INTO account_holders (market_id, account_id, relation, recorded_by, recorded_at, consent_wording, consent_given, consent_by, consent_at)
		VALUES (@market, @account, @relation, @by, @now, @wording, @given, @agreed_by, @agreed_at)`, args)
}

// holderAgreed reports whether nobody but the vendor holds the account, or that person agreed.
func holderAgreed(ctx context.Context, db postgres.Querier, m MarketID, account AccountID) (bool, error) {
	return postgres.One[bool](ctx, db, `
		SELECT NOT EXISTS (SELECT 1 FROM account_holders h WHERE h.market_id = @market AND h.account_id = @account AND h.consent_at IS NULL)`,
		pgx.StrictNamedArgs{"market": m, "account": account})
}

// RecordHolderConsent records that the relative who holds an account agreed that the vendor is paid there. Saying it again changes
// nothing. Faults: Invalid; NotFound; Forbidden; Conflict holder-own, when the account is the vendor's own.
func (s *Service) RecordHolderConsent(ctx context.Context, by Actor, ref AccountRef, in NewConsent) (Account, error) {
	var bad []fault.Field
	in.check(&bad, "")
	if err := fault.Check("consent-invalid", bad); err != nil {
		return Account{}, err
	}
	now := s.now()
	var a Account
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RecordField, ref.Market)
		if err != nil {
			return notFoundAs(err, accountNotFound())
		}
		if a, err = account(ctx, tx, m, ref.ID, now); err != nil {
			return err
		}
		if a.Relation == "" {
			return fault.New(fault.Conflict, "holder-own", "This account is the vendor's own. Record the vendor's consent.")
		}
		tag, err := tx.Exec(ctx, `
			UPDATE account_holders SET consent_wording = @wording, consent_given = @given, consent_by = @by, consent_at = @now
			WHERE market_id = @market AND account_id = @account AND consent_at IS NULL`,
			pgx.StrictNamedArgs{"market": m.ID, "account": ref.ID, "wording": in.Version, "given": in.Given, "by": by.ID, "now": now})
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if a, err = account(ctx, tx, m, ref.ID, now); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"consent.holder_recorded", "account:" + ref.ID.String(), []string{"wording", "given"}})
	})
	return a, actionContext("record holder's consent for", ref.String(), err)
}
