package registry

import (
	"context"
	"slices"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Merge says of a vendor that they are the same person as another one, who stays.
type Merge struct {
	Into   VendorID `json:"into"`
	Reason string   `json:"reason"`
}

// merged is the reason written where a merge ends an account or stops a placard.
const merged = "vendors merged"

// Merge makes one vendor of two records of one person. Stalls, consents and history are the surviving vendor's from then on, on
// every past day too; both IDs keep working. No pointer to money moves: the surviving vendor keeps their default. An account of the
// merged record was approved for that record, so it ends there; one that the surviving vendor does not have comes in as a proposal
// of theirs, which a person who touched neither must approve.
//
// A placard of the merged record goes on only where the surviving vendor has the same account approved, to the letter of its code and
// of the holder who stands on it: then it pays what a second person approved for this very vendor. Every other
// one is suspended, since nobody has looked at it for them. Saying it again changes nothing.
//
// Faults: Invalid; NotFound; Forbidden; Conflict same-vendor.
func (s *Service) Merge(ctx context.Context, by Actor, marketCode string, which VendorID, in Merge) (VendorRecord, error) {
	now := s.now()
	var bad []fault.Field
	if in.Into.IsZero() {
		bad = append(bad, fault.At("into", "required", "Say which vendor stays."))
	}
	in.Reason = text(&bad, "reason", in.Reason, maxReason, false)
	if err := fault.Check("merge-invalid", bad); err != nil {
		return VendorRecord{}, err
	}
	var kept, stops []Serial
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RegisterStall, marketCode)
		if err != nil {
			return err
		}
		if err := oneAtATime(ctx, tx, m.ID, "print"); err != nil { // as a decision: no placard comes in while an account ends
			return err
		}
		gone, stays, err := pair(ctx, tx, m, which, in.Into)
		if err != nil {
			return err
		}
		if gone.ID == stays.ID {
			if which == in.Into {
				return fault.New(fault.Conflict, "same-vendor", "A vendor cannot be merged into themselves.")
			}
			return nil
		}
		if err := moveRecord(ctx, tx, by, m.ID, gone, stays, in.Reason, now); err != nil {
			return err
		}
		var events []Event
		if kept, stops, events, err = mergeAccounts(ctx, tx, by, m, gone.ID, stays.ID, now); err != nil {
			return err
		}
		if err := dropReplacements(ctx, tx, by, m.ID, gone.ID, nil, now); err != nil {
			return err
		}
		if err := Recount(ctx, tx, m.ID, now, gone.ID, stays.ID); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, append([]Event{{"vendor.merged", "vendor:" + gone.ID.String(), []string{"into", stays.ID.String()}}}, events...)...)
	})
	if err != nil {
		return VendorRecord{}, actionContext("merge vendor", which.String(), err)
	}
	v, err := s.Vendor(ctx, by, marketCode, in.Into)
	v.Kept, v.Stopped = kept, stops
	return v, err
}

// pair finds two vendors by any of their IDs and locks them with the stalls that they hold.
func pair(ctx context.Context, tx pgx.Tx, m Market, which, into VendorID) (gone, stays VendorRecord, err error) {
	find := func() error {
		if gone, err = vendorOf(ctx, tx, m, which); err == nil {
			stays, err = vendorOf(ctx, tx, m, into)
			if fault.KindOf(err) == fault.NotFound {
				err = fault.New(fault.Invalid, "merge-invalid", "Some fields need mending.").With(fault.At("into", "unknown", "There is no such vendor in this market."))
			}
		}
		return err
	}
	if err := find(); err != nil {
		return gone, stays, err
	}
	if _, err := tx.Exec(ctx, `
		SELECT FROM stalls s JOIN occupancies o ON o.market_id = s.market_id AND o.stall_id = s.id AND o.ended IS NULL
		WHERE s.market_id = @market AND o.vendor_id = ANY (@ids) ORDER BY s.code_key FOR UPDATE OF s`,
		pgx.StrictNamedArgs{"market": m.ID, "ids": []VendorID{gone.ID, stays.ID}}); err != nil {
		return gone, stays, err
	}
	if err := lockVendors(ctx, tx, m.ID, &gone.ID, &stays.ID); err != nil {
		return gone, stays, err
	}
	return gone, stays, find() // once more: another merge may have come first
}

// moveRecord makes stalls and consents the surviving vendor's, and writes down which record is which.
func moveRecord(ctx context.Context, tx pgx.Tx, by Actor, m MarketID, gone, stays VendorRecord, reason string, now time.Time) error {
	b := &pgx.Batch{}
	args := func(more pgx.StrictNamedArgs) pgx.StrictNamedArgs {
		more["market"], more["gone"], more["stays"] = m, gone.ID, stays.ID
		return more
	}
	b.Queue(`UPDATE stalls s SET version = version + 1 FROM occupancies o
	         WHERE s.market_id = @market AND o.market_id = @market AND o.stall_id = s.id AND o.ended IS NULL AND o.vendor_id IN (@gone, @stays)`, args(pgx.StrictNamedArgs{}))
	b.Queue(`UPDATE occupancies SET vendor_id = @stays WHERE market_id = @market AND vendor_id = @gone`, args(pgx.StrictNamedArgs{}))
	b.Queue(`UPDATE consents SET vendor_id = @stays WHERE market_id = @market AND vendor_id = @gone`, args(pgx.StrictNamedArgs{}))
	b.Queue(`UPDATE vendors SET version = version + 1, phone = CASE WHEN id = @stays THEN coalesce(phone, @phone) ELSE phone END
	         WHERE market_id = @market AND id IN (@gone, @stays)`, args(pgx.StrictNamedArgs{"phone": postgres.Null(gone.FullPhone)}))
	b.Queue(`UPDATE vendor_merges SET into_id = @stays WHERE market_id = @market AND into_id = @gone`, args(pgx.StrictNamedArgs{}))
	b.Queue(`INSERT INTO vendor_merges (market_id, vendor_id, into_id, reason, merged_by, merged_at) VALUES (@market, @gone, @stays, @reason, @by, @now)`,
		args(pgx.StrictNamedArgs{"reason": reason, "by": by.ID, "now": now}))
	return tx.SendBatch(ctx, b).Close()
}

// mergeAccounts ends the accounts of the merged record and proposes anew those that the surviving vendor does not have.
func mergeAccounts(ctx context.Context, tx pgx.Tx, by Actor, m Market, gone, stays VendorID, now time.Time) (kept, stops []Serial, events []Event, err error) {
	theirs, err := accountsOf(ctx, tx, m, gone, now)
	if err != nil {
		return nil, nil, nil, err
	}
	have, err := accountsOf(ctx, tx, m, stays, now)
	if err != nil {
		return nil, nil, nil, err
	}
	live := func(a Account) bool { return a.State == StateApproved || a.State == StateProposed }
	for _, a := range theirs {
		if !live(a) {
			continue
		}
		same := slices.IndexFunc(have, func(o Account) bool { return live(o) && o.Provider == a.Provider && o.FullNumber == a.FullNumber })
		if same >= 0 && have[same].State == StateApproved && a.State == StateApproved && have[same].Payload == a.Payload && have[same].Holder == a.Holder {
			on, passed, err := passPlacards(ctx, tx, m.ID, a.RecordID, stays, have[same].RecordID)
			if err != nil {
				return nil, nil, nil, err
			}
			kept, events = append(kept, on...), append(events, passed...)
			if err := passReplacements(ctx, tx, m.ID, a.RecordID, stays, have[same].RecordID); err != nil {
				return nil, nil, nil, err
			}
		}
		how := StateWithdrawn
		if a.State == StateApproved {
			how = StateSuperseded
		}
		if err := insertDecision(ctx, tx, by, m.ID, a.RecordID, how, merged, now); err != nil {
			return nil, nil, nil, err
		}
		events = append(events, Event{"account." + string(how), "account:" + a.RecordID.String(), nil})
		off, more, err := stopPlacardsOf(ctx, tx, by, m.ID, a.RecordID, now)
		if err != nil {
			return nil, nil, nil, err
		}
		stops, events = append(stops, off...), append(events, more...)
		if same >= 0 {
			continue
		}
		proposed, err := proposeAgain(ctx, tx, by, m.ID, a, stays, have, now)
		if err != nil {
			return nil, nil, nil, err
		}
		events = append(events, proposed...)
	}
	return kept, stops, events, nil
}

// passPlacards makes the live placards of an account the surviving vendor's, whose own approved account has the same code and holder
// to the letter: what they say and pay stays what it was. One stays behind where the vendor has such a placard at the stall already.
func passPlacards(ctx context.Context, tx pgx.Tx, m MarketID, from AccountID, vendor VendorID, to AccountID) ([]Serial, []Event, error) {
	type passed struct {
		ID     PlacardID
		Serial Serial
	}
	ps, err := postgres.All[passed](ctx, tx, `
		UPDATE placards p SET vendor_id = @vendor, account_id = @to
		WHERE p.market_id = @market AND p.account_id = @from AND p.state = ANY (@live)
		  AND NOT EXISTS (SELECT 1 FROM placards o WHERE o.market_id = @market AND o.account_id = @to AND o.stall_id = p.stall_id
		                  AND o.kind = p.kind AND o.state = ANY (@live))
		RETURNING p.id, p.serial`,
		pgx.StrictNamedArgs{"market": m, "from": from, "vendor": vendor, "to": to, "live": liveStates})
	var serials []Serial
	var events []Event
	for _, p := range ps {
		serials = append(serials, p.Serial)
		events = append(events, Event{placardPassed, "placard:" + p.ID.String(), []string{"vendor", "account"}})
	}
	return serials, events, err
}

// stopPlacardsOf suspends the placards of an account that ends with a merge.
func stopPlacardsOf(ctx context.Context, tx pgx.Tx, by Actor, m MarketID, account AccountID, now time.Time) ([]Serial, []Event, error) {
	serials, err := postgres.All[Serial](ctx, tx, `
		SELECT serial FROM placards WHERE market_id = @market AND account_id = @account AND state = ANY (@live) AND state <> 'suspended' ORDER BY id`,
		pgx.StrictNamedArgs{"market": m, "account": account, "live": liveStates})
	if err != nil {
		return nil, nil, err
	}
	events, err := endPlacardsOf(ctx, tx, by, m, account, "suspended", merged, now)
	return serials, events, err
}

// proposeAgain brings an account of the merged record in for the surviving vendor, with the code that was made for it then. Whoever
// touched it before, or merges now, cannot approve it. Without the vendor's consent no account is kept.
func proposeAgain(ctx context.Context, tx pgx.Tx, by Actor, m MarketID, a Account, vendor VendorID, have []Account, now time.Time) ([]Event, error) {
	agreed, err := postgres.One[bool](ctx, tx, `
		SELECT coalesce(c.kinds && ARRAY['vendor', 'attested_by_board'], false) FROM vendors v LEFT JOIN LATERAL (`+liveConsents+`) c ON true
		WHERE v.market_id = @market AND v.id = @vendor`, pgx.StrictNamedArgs{"market": m, "vendor": vendor})
	if err != nil || !agreed {
		return nil, err
	}
	touched := slices.Clone(a.TouchedBy)
	if !slices.Contains(touched, by.ID) {
		touched = append(touched, by.ID)
	}
	action := "account.proposed"
	var replaces *AccountID
	for i := range have {
		if have[i].State == StateApproved && (have[i].Provider == a.Provider || have[i].BIN == a.BIN) {
			replaces, action = &have[i].RecordID, "account.change_proposed"
		}
	}
	again := id.New[Account]()
	b := &pgx.Batch{}
	b.Queue(`
		INSERT INTO accounts (market_id, id, vendor_id, provider, bin, number, holder, holder_given, source, payload, payload_sha256,
		                      symbol, rank, replaces, account_kind, reason, touched_by, proposed_by, proposed_at)
		SELECT a.market_id, @again, @vendor, a.provider, a.bin, a.number, a.holder, a.holder_given, a.source, a.payload, a.payload_sha256,
		       a.symbol, a.rank, @replaces, a.account_kind, a.reason, @touched, @by, @now
		FROM accounts a WHERE a.market_id = @market AND a.id = @id`,
		pgx.StrictNamedArgs{"market": m, "id": a.RecordID, "again": again, "vendor": vendor, "replaces": replaces, "touched": touched, "by": by.ID, "now": now})
	b.Queue(`
		INSERT INTO account_holders (market_id, account_id, relation, recorded_by, recorded_at, consent_wording, consent_given, consent_by, consent_at)
		SELECT h.market_id, @again, h.relation, h.recorded_by, h.recorded_at, h.consent_wording, h.consent_given, h.consent_by, h.consent_at
		FROM account_holders h WHERE h.market_id = @market AND h.account_id = @id`,
		pgx.StrictNamedArgs{"market": m, "id": a.RecordID, "again": again})
	return []Event{{action, "account:" + again.String(), []string{"provider", "number", "holder"}}}, tx.SendBatch(ctx, b).Close()
}
