package registry

import (
	"context"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Copy is everything that is kept of a vendor, or of a relative who holds an account, for themselves: numbers in full.
type Copy struct {
	Market     string        `json:"market"`
	MarketName string        `json:"market_name"`
	MadeAt     time.Time     `json:"made_at"`
	Vendor     *Vendor       `json:"vendor"` // nil: it is a relative's
	Stalls     []Held        `json:"stalls"`
	Accounts   []CopiedLine  `json:"accounts"`
	Consents   []CopiedAgree `json:"consents"`
	Placards   []CopiedCard  `json:"placards"`
	Heard      []CopiedName  `json:"heard"`
	Visits     []CopiedVisit `json:"visits"`
	SeenBy     []CopiedLook  `json:"seen_by"`
	Requests   []CopiedAsk   `json:"requests"`
	History    []Happening   `json:"history"`
}

// CopiedLine is an account in full.
type CopiedLine struct {
	Provider     string    `json:"provider"`
	ProviderName string    `json:"provider_name" db:"-"`
	Number       string    `json:"number"`
	Holder       string    `json:"holder"`
	Relation     string    `json:"holder_relation"`
	State        State     `json:"state"`
	Default      bool      `json:"default"`
	Payload      string    `json:"payload"` // the text of its payment code
	Reason       string    `json:"reason"`
	Source       string    `json:"source"`
	ProposedAt   time.Time `json:"proposed_at"`
}

// CopiedAgree is what was agreed to or taken back.
type CopiedAgree struct {
	Kind     string    `json:"kind"` // vendor, attested_by_board, withdrawal, sharing, sharing_withdrawal, holder
	Purpose  string    `json:"purpose"`
	Wording  string    `json:"wording"`
	Provider string    `json:"provider"`
	Given    string    `json:"given"`
	At       time.Time `json:"at"`
	By       string    `json:"by"`
}

// CopiedCard is what was printed.
type CopiedCard struct {
	Serial   Serial    `json:"serial"`
	Stall    string    `json:"stall"`
	Name     string    `json:"name"`
	Holder   string    `json:"holder"`
	State    string    `json:"state"`
	IssuedAt time.Time `json:"issued_at"`
}

// CopiedName is a name that was heard from a bank's app.
type CopiedName struct {
	Name string    `json:"name"`
	How  string    `json:"how"`
	At   time.Time `json:"at"`
}

// CopiedVisit is a visit.
type CopiedVisit struct {
	At      time.Time `json:"at"`
	Stall   string    `json:"stall"`
	Outcome string    `json:"outcome"`
	Barrier string    `json:"barrier"`
	Also    []string  `json:"also"`
	Note    string    `json:"note"`
}

// CopiedLook is who saw a number of theirs in full, and why. Files of the whole market are not told one by one.
type CopiedLook struct {
	What   string    `json:"what"` // phone, account, copy
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// CopiedAsk is a request of theirs.
type CopiedAsk struct {
	Kind       string     `json:"kind"`
	Note       string     `json:"note"`
	ReceivedAt time.Time  `json:"received_at"`
	EndedAt    *time.Time `json:"ended_at"`
	Outcome    string     `json:"outcome"` // done, refused; empty: open
	Reason     string     `json:"reason"`
}

// CopyWanted says whose copy is made, and why.
type CopyWanted struct {
	Account string `json:"account"` // id of the account that a relative holds who asks; empty: the vendor's
	Reason  string `json:"reason"`
}

// Copy is everything that is kept of a vendor, to be handed to them; that it was made, by whom and why is kept. A relative gets what is kept
// of their account, and nothing of the vendor. Faults: Invalid; NotFound; Forbidden.
func (s *Service) Copy(ctx context.Context, by Actor, marketCode string, which VendorID, in CopyWanted) (Copy, error) {
	var bad []fault.Field
	in.Reason = text(&bad, "reason", in.Reason, maxReason, true)
	var account *AccountID
	if in.Account != "" {
		ref, err := ParseRef[Account](in.Account)
		if err != nil || ref.Market != marketCode {
			bad = append(bad, unknownRelative())
		}
		account = &ref.ID
	}
	if err := fault.Check("copy-invalid", bad); err != nil {
		return Copy{}, err
	}
	now := s.now()
	var c Copy
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RevealNumber, marketCode)
		if err != nil {
			return err
		}
		v, err := vendorOf(ctx, tx, m, which)
		if err != nil {
			return err
		}
		sub, err := subjectOf(ctx, tx, m, v.ID, account)
		if err != nil {
			return err
		}
		subject := v.ID.String()
		c = Copy{Market: m.Code, MarketName: m.Name, MadeAt: now, Stalls: []Held{}, History: []Happening{}, Visits: []CopiedVisit{}}
		args := accountArgs(m.ID, now)
		args["vendors"], args["alone"] = sub.vendors, []AccountID{}
		if account != nil {
			subject = account.String()
			args["vendors"], args["alone"] = []VendorID{}, []AccountID{*account}
		} else if err := s.On(tx).copyVendor(ctx, by, m, v, &c); err != nil {
			return err
		}
		if err := c.read(ctx, tx, args); err != nil {
			return err
		}
		if account != nil && len(c.Accounts) == 0 {
			return fault.Check("copy-invalid", []fault.Field{unknownRelative()})
		}
		return disclosure{market: m.ID, kind: "copy", format: "json", subject: &subject, lines: 1, whole: true, reason: in.Reason}.store(ctx, tx, by, now)
	})
	if err != nil {
		s.forbade(ctx, by, marketCode, err, Event{"copy.refused", "vendor:" + which.String(), nil})
		return Copy{}, actionContext("copy of vendor", which.String(), err)
	}
	return c, nil
}

// copyVendor fills in what is the vendor's alone.
func (s *Service) copyVendor(ctx context.Context, by Actor, m Market, v VendorRecord, c *Copy) error {
	shown, err := s.Vendor(ctx, by, m.Code, v.ID)
	if err != nil {
		return err
	}
	c.Vendor, c.Stalls = &shown.Vendor, shown.Stalls
	c.Vendor.Phone = v.FullPhone
	for l := (List{Limit: 200}); ; {
		p, err := s.VendorTimeline(ctx, by, m.Code, v.ID, l)
		if err != nil {
			return err
		}
		c.History = append(c.History, p.Items...)
		if p.Next == nil {
			return nil
		}
		l.Cursor = *p.Next
	}
}

// read fills in what hangs on the vendors @vendors, or on the account @alone.
func (c *Copy) read(ctx context.Context, tx pgx.Tx, args pgx.StrictNamedArgs) (err error) {
	of := func(sql string) (string, pgx.StrictNamedArgs) { return sql, used(sql, args) }
	const theirs = `(a.vendor_id = ANY (@vendors) OR a.id = ANY (@alone))`
	sql, named := of(`
		SELECT account.provider, account.number, account.holder, account.relation, account.state, account."default", account.payload, account.reason, account.source, account.proposed_at
		FROM (` + accountColumns + ` WHERE a.market_id = @market AND a.number <> '' AND ` + theirs + `) account ORDER BY account.proposed_at, account.id`)
	if c.Accounts, err = postgres.All[CopiedLine](ctx, tx, sql, named); err != nil {
		return err
	}
	for i := range c.Accounts {
		c.Accounts[i].ProviderName = ProviderName(c.Accounts[i].Provider)
	}
	const who = `coalesce((SELECT p.name FROM people p WHERE 'person:' || p.id = t.by), (SELECT k.name FROM keys k WHERE 'key:' || k.id = t.by), t.by) AS by`
	sql, named = of(`
		SELECT t.kind, t.purpose, t.wording, t.provider, t.given, t.at, ` + who + ` FROM (
			SELECT kind, purpose, wording, provider, given, taken_at AS at, taken_by AS by FROM consents WHERE market_id = @market AND vendor_id = ANY (@vendors)
			UNION ALL
			SELECT 'holder', 'receive_payment', h.consent_wording, a.provider, h.consent_given, h.consent_at, h.consent_by
			FROM accounts a JOIN account_holders h ON h.market_id = a.market_id AND h.account_id = a.id AND h.consent_at IS NOT NULL
			WHERE a.market_id = @market AND ` + theirs + `) t ORDER BY t.at`)
	if c.Consents, err = postgres.All[CopiedAgree](ctx, tx, sql, named); err != nil {
		return err
	}
	sql, named = of(`
		SELECT p.serial, p.stall_code AS stall, p.vendor_name AS name, p.holder, p.state, p.issued_at FROM placards p
		WHERE p.market_id = @market AND (p.vendor_id = ANY (@vendors) OR p.account_id = ANY (@alone)) ORDER BY p.issued_at, p.id`)
	if c.Placards, err = postgres.All[CopiedCard](ctx, tx, sql, named); err != nil {
		return err
	}
	sql, named = of(`
		SELECT v.heard_name AS name, v.how, v.at FROM accounts a JOIN account_verifications v ON v.market_id = a.market_id AND v.account_id = a.id AND v.heard_name IS NOT NULL
		WHERE a.market_id = @market AND ` + theirs + ` ORDER BY v.at`)
	if c.Heard, err = postgres.All[CopiedName](ctx, tx, sql, named); err != nil {
		return err
	}
	sql, named = of(`
		SELECT v.at, s.code AS stall, v.outcome, coalesce(v.barrier, '') AS barrier, v.also, v.note FROM visits v JOIN stalls s ON s.market_id = v.market_id AND s.id = v.stall_id
		WHERE v.market_id = @market AND v.vendor_id = ANY (@vendors)
		UNION ALL SELECT b.at, '', '', b.barrier, '{}', '' FROM old_barriers b WHERE b.market_id = @market AND b.vendor_id = ANY (@vendors) ORDER BY at`)
	if c.Visits, err = postgres.All[CopiedVisit](ctx, tx, sql, named); err != nil {
		return err
	}
	sql, named = of(`
		SELECT t.what, t.at, t.reason, ` + who + ` FROM (
			SELECT d.kind AS what, d.given_at AS at, d.reason, d.given_to AS by FROM disclosures d
			WHERE d.market_id = @market AND (d.subject = ANY (@vendors) OR d.subject IN (SELECT a.id FROM accounts a WHERE a.market_id = @market AND ` + theirs + `))) t ORDER BY t.at`)
	if c.SeenBy, err = postgres.All[CopiedLook](ctx, tx, sql, named); err != nil {
		return err
	}
	sql, named = of(`
		SELECT r.kind, r.note, r.received_at, r.ended_at, coalesce(r.outcome, '') AS outcome, r.reason FROM requests r
		WHERE r.market_id = @market AND (r.vendor_id = ANY (@vendors) AND r.account_id IS NULL OR r.account_id = ANY (@alone)) ORDER BY r.received_at`)
	c.Requests, err = postgres.All[CopiedAsk](ctx, tx, sql, named)
	return err
}
