package registry

import (
	"context"
	"strconv"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// disclosure is something that leaves the record: a file of rows, or one number in full. It is a row of its own, since the reason
// is in a person's words and may name somebody; the audit chain, which nothing can be taken out of, holds only what kind it was,
// how many rows, and whether numbers were whole.
type disclosure struct {
	market   MarketID
	kind     string // the list; phone, account: one number; copy: all of one vendor, for themselves
	format   string // csv, xlsx, json; screen: shown to whoever asked
	provider string // of customers: whose they are
	subject  *string
	lines    int
	whole    bool
	reason   string
}

// action is what the audit calls it.
func (d disclosure) action() string {
	switch {
	case d.kind == "copy":
		return "copy.handed_out"
	case d.format == "screen":
		return "number.revealed"
	}
	return "rows.exported"
}

// store writes the disclosure and its event.
func (d disclosure) store(ctx context.Context, tx pgx.Tx, by Actor, now time.Time) error {
	return d.storeAs(ctx, tx, by, id.New[disclosure](), now)
}

func (d disclosure) storeAs(ctx context.Context, tx pgx.Tx, by Actor, which id.ID[disclosure], now time.Time) error {
	if _, err := tx.Exec(ctx, `
		INSERT INTO disclosures (market_id, id, kind, format, provider, subject, lines, whole, reason, given_to, given_at)
		VALUES (@market, @id, @kind, @format, @provider, @subject, @lines, @whole, @reason, @to, @now)`,
		pgx.StrictNamedArgs{"market": d.market, "id": which, "kind": d.kind, "format": d.format, "provider": d.provider, "subject": d.subject,
			"lines": d.lines, "whole": d.whole, "reason": d.reason, "to": by.ID, "now": now}); err != nil {
		return err
	}
	fields := []string{d.kind, d.format, "rows:" + strconv.Itoa(d.lines), "masked"}
	if d.whole {
		fields[3] = "full"
	}
	if d.provider != "" {
		fields = append(fields, "provider:"+d.provider)
	}
	return Audit(ctx, tx, now, by, d.market, Event{d.action(), "disclosure:" + which.String(), fields})
}

// disclose stores a disclosure before the first byte of it leaves, in a transaction of its own: what goes wrong later on the way does
// not take back that somebody may have seen it.
func (s *Service) disclose(ctx context.Context, by Actor, d disclosure) (id.ID[disclosure], error) {
	which := id.New[disclosure]()
	return which, pgx.BeginFunc(ctx, s.apart, func(tx pgx.Tx) error { return d.storeAs(ctx, tx, by, which, s.now()) })
}

// Reveal is what somebody wants to see in full: the phone of who holds a stall, or the number of one of that vendor's accounts.
type Reveal struct {
	Field   string     `json:"field"`   // phone, account
	Account AccountRef `json:"account"` // of field account
	Reason  string     `json:"reason"`
}

// Reveal is a phone or an account number in full, ten digits or as the bank writes it; that it was shown, to whom and why is kept.
//
// Faults: Invalid (field, reason); NotFound (stall, account; phone-missing); Forbidden; Conflict stall-vacant.
func (s *Service) Reveal(ctx context.Context, by Actor, marketCode, code string, in Reveal) (string, error) {
	var bad []fault.Field
	in.Reason = text(&bad, "reason", in.Reason, maxReason, true)
	if in.Field != "phone" && in.Field != "account" {
		bad = append(bad, fault.At("field", "unknown", "One of: %s.", "phone, account"))
	}
	if err := fault.Check("reveal-invalid", bad); err != nil {
		return "", err
	}
	var number string
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RevealNumber, marketCode)
		if err != nil {
			return err
		}
		v, err := vendorAt(ctx, tx, m, code)
		if err != nil {
			return err
		}
		subject := v.String()
		args := pgx.StrictNamedArgs{"market": m.ID, "vendor": v}
		if in.Field == "phone" {
			number, err = postgres.Found[string](ctx, tx, fault.New(fault.NotFound, "phone-missing", "The record has no phone of this vendor."),
				`SELECT phone FROM vendors WHERE market_id = @market AND id = @vendor AND phone IS NOT NULL`, args)
		} else {
			args["id"], subject = in.Account.ID, in.Account.ID.String()
			if in.Account.Market != m.Code {
				return accountNotFound()
			}
			number, err = postgres.Found[string](ctx, tx, accountNotFound(),
				`SELECT number FROM accounts WHERE market_id = @market AND vendor_id = @vendor AND id = @id`, args)
		}
		if err != nil {
			return err
		}
		return disclosure{market: m.ID, kind: in.Field, format: "screen", subject: &subject, lines: 1, whole: true, reason: in.Reason}.store(ctx, tx, by, s.now())
	})
	if err != nil {
		s.forbade(ctx, by, marketCode, err, Event{"number.reveal_refused", "market:" + marketCode, []string{in.Field}})
		return "", actionContext("reveal at", code, err)
	}
	return number, nil
}

// snapshot runs do in one reading of the record as it was at one moment, however many statements it takes. One that counts a large
// market may need longer than a statement otherwise may.
func (s *Service) snapshot(ctx context.Context, do func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		for _, sql := range []string{`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY`, `SET LOCAL statement_timeout = '60s'`} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return do(tx)
	})
}
