package registry

import (
	"context"
	"crypto/sha256"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// NewStand is a payment code that a wallet or bank gave the vendor and that hangs at the stall already: what a scanner read
// from it, and the name that was heard then.
type NewStand struct {
	ID        PlacardID   `json:"id"` // minted on the phone, so that it may send twice
	At        time.Time   `json:"at"` // zero: now
	Payload   string      `json:"payload"`
	HeardName string      `json:"heard_name"`
	Consent   *NewConsent `json:"consent"`          // the vendor's own, when it is given in the same moment
	Reason    string      `json:"reason,omitempty"` // wanted when another vendor of the market has the same account
}

// RegisterStand takes a stand into the record as a placard of kind provider, with a serial of ours so that it can be checked.
// Where the vendor has its account already it is that one's, otherwise the account is proposed from the code. With the
// vendor's own consent, and no other name heard than the account's holder, it is installed at once; it counts as soon as the account is
// approved, without another visit. The same id and content sent again change nothing.
//
// Faults: Invalid; NotFound; Forbidden; Conflict stall-vacant, consent-missing, stand-exists, stand-differs (the same id with other
// content), stand-pays-others.
func (s *Service) RegisterStand(ctx context.Context, by Actor, marketCode, code string, in NewStand) (Placard, error) {
	now := s.now()
	var bad []fault.Field
	in.HeardName = text(&bad, "heard_name", in.HeardName, maxHolder, false)
	var p proposal
	switch {
	case in.Payload == "":
		bad = append(bad, fault.At("payload", "required", "This must be filled in."))
	case len(in.Payload) > maxPayload:
		bad = append(bad, fault.At("payload", "too-long", "It has %d characters; at most %d fit.", len(in.Payload), maxPayload))
	default:
		p = NewAccount{Payload: in.Payload, Holder: in.HeardName, Reason: in.Reason}.proposal(&bad, "", "", DayOf(now))
	}
	if in.Consent != nil {
		in.Consent.check(&bad, "consent")
	}
	if err := fault.Check("stand-invalid", bad); err != nil {
		return Placard{}, err
	}
	p.by, p.touched, p.at, p.rank = by.ID, by.hands(), now, 1
	if in.ID.IsZero() {
		in.ID = id.New[Placard]()
	}
	content := in.content(code)
	if in.At.IsZero() || in.At.After(now) {
		in.At = now // a phone's clock that runs ahead would keep the stand out of every figure until then
	}
	var stand Placard
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RecordField, marketCode)
		if err != nil {
			return err
		}
		// As a batch, it must not come in while an account ends; and the same stand sent twice at once is one.
		if err := oneAtATime(ctx, tx, m.ID, "print"); err != nil {
			return err
		}
		before, err := postgres.All[[]byte](ctx, tx, `SELECT content FROM placard_events WHERE market_id = @market AND placard_id = @id AND seq = 1`,
			pgx.StrictNamedArgs{"market": m.ID, "id": in.ID})
		if err != nil {
			return err
		}
		if len(before) > 0 {
			if stand, err = s.placard(ctx, tx, m, in.ID); err != nil {
				return err
			}
			if stand.Payload == "" { // erased
				return PersonGone()
			}
			if string(before[0]) != string(content) {
				return sent("placard", in.ID, code, in).differsAs(fault.New(fault.Conflict, "stand-differs", "A placard with this id was recorded before, with other content."))
			}
			stand.Again = true
			return nil
		}
		v, err := vendorAt(ctx, tx, m, code)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT FROM vendors WHERE market_id = @market AND id = @vendor FOR UPDATE`, // as in propose
			pgx.StrictNamedArgs{"market": m.ID, "vendor": v}); err != nil {
			return err
		}
		var events []Event
		if in.Consent != nil {
			if err := insertConsent(ctx, tx, by, m, v, *in.Consent, now); err != nil {
				return err
			}
			events = append(events, consentRecorded(v))
		}
		a, proposed, err := accountOfStand(ctx, tx, by, m, v, in.Payload, &p)
		if err != nil {
			return err
		}
		events = append(events, proposed...)
		if stand, err = insertStand(ctx, tx, by, m, code, v, a, in, content, now); err != nil {
			return err
		}
		events = append(events, Event{"placard.registered", "placard:" + stand.ID.String(), []string{"serial", "account"}})
		if err := seen(ctx, tx, by, m, a, stand.ID, "stand", in.HeardName, in.At, now); err != nil {
			return err
		}
		own, err := ownConsent(ctx, tx, m, v)
		if err != nil {
			return err
		}
		agreed, err := holderAgreed(ctx, tx, m.ID, a.RecordID)
		if err != nil {
			return err
		}
		if own && agreed && (in.HeardName == "" || !stand.differs(in.HeardName)) {
			e := placardEvent{id: id.New[NewPlacardEvent](), kind: "installed", state: "installed", at: in.At}
			if err := e.insert(ctx, tx, by, m.ID, stand.ID, now); err != nil {
				return err
			}
			events = append(events, Event{"placard.installed", "placard:" + stand.ID.String(), []string{"state"}})
			if err := fulfil(ctx, tx, by, m, stand, "installed", now); err != nil {
				return err
			}
		}
		if stand, err = s.placard(ctx, tx, m, stand.ID); err != nil {
			return err
		}
		if err := Recount(ctx, tx, m.ID, now, v); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, events...)
	})
	if fault.CodeOf(err) == "stand-pays-others" {
		s.refused(ctx, by, marketCode, Event{"placard.stand_refused", "placard:" + in.ID.String(), []string{"stand-pays-others"}})
	}
	err = s.keepBoth(ctx, by, marketCode, err)
	return stand, actionContext("register stand at", code, err)
}

// content is what makes two sendings of one stand the same.
func (n NewStand) content(stall string) []byte {
	at := n.At.UTC().Format(time.RFC3339Nano)
	n.At = time.Time{} // in another zone it is the same moment
	h := sha256.Sum256(asJSON([]any{codeKey(stall), at, n}))
	return h[:]
}

// accountOfStand is the vendor's account that the stand pays. One that is not there yet is proposed, and then waits for its
// second person as any other.
func accountOfStand(ctx context.Context, tx pgx.Tx, by Actor, m Market, v VendorID, payload string, p *proposal) (Account, []Event, error) {
	have, err := accountsOf(ctx, tx, m, v, p.at)
	if err != nil {
		return Account{}, nil, err
	}
	for _, a := range have {
		if (a.State != StateProposed && a.State != StateApproved) || a.BIN != p.bin || a.FullNumber != p.Number {
			continue
		}
		if compare(payload, a.Payload) != "match" { // whoever approved the account, or will, was not shown that payee
			return a, nil, fault.New(fault.Conflict, "stand-pays-others",
				"The code on this stand also pays somebody whom the vendor's account at %s does not name. Do not use it.", a.ProviderName)
		}
		return a, nil, nil
	}
	if !by.Can(ProposeAccount, m) {
		return Account{}, nil, Forbidden()
	}
	proposed, err := propose(ctx, tx, by, m, v, p, NewAccount{})
	if err != nil {
		return Account{}, nil, err
	}
	a, err := account(ctx, tx, m, p.RecordID, p.at)
	return a, proposed, err
}

// insertStand stores the stand as one that is at the stall.
func insertStand(ctx context.Context, tx pgx.Tx, by Actor, m Market, code string, v VendorID, a Account, in NewStand, content []byte, now time.Time) (Placard, error) {
	type place struct {
		ID                  StallID
		Code, Goods, Vendor string
		There               *Serial
	}
	at, err := postgres.Found[place](ctx, tx, stallNotFound(code), `
		SELECT s.id, s.code, s.goods, v.name AS vendor, p.serial AS there
		FROM stalls s
		JOIN vendors v ON v.market_id = s.market_id AND v.id = @vendor
		LEFT JOIN placards p ON p.market_id = s.market_id AND p.stall_id = s.id AND p.account_id = @account AND p.kind = 'provider' AND p.state = ANY (@live)
		WHERE s.market_id = @market AND s.code_key = @key AND s.removed_at IS NULL`,
		pgx.StrictNamedArgs{"market": m.ID, "key": codeKey(code), "vendor": v, "account": a.RecordID, "live": liveStates})
	if err != nil {
		return Placard{}, err
	}
	if at.There != nil {
		return Placard{}, fault.New(fault.Conflict, "stand-exists", "A stand with this code is in the record of this stall already (%s). Record a check of it.", at.There.String())
	}
	p := Placard{ID: in.ID, Serial: NewSerial(), Kind: "provider", State: "handed_over", MarketName: m.Name, Call: m.Call, Stall: at.Code, Goods: at.Goods,
		Vendor: at.Vendor, Holder: a.Holder, ProviderName: a.ProviderName, StallID: at.ID, VendorID: v, AccountID: a.RecordID, IssuedAt: now}
	first := placardEvent{kind: "handed_over", state: "handed_over", heard: in.HeardName, content: content, at: in.At}
	return p, insertPlacards(ctx, tx, by, m, id.ID[Batch]{}, []Placard{p}, first, now)
}
