package registry

import (
	"context"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// Rung is how surely an account is the vendor's own.
type Rung string

// The ladder, from the lowest rung up.
const (
	RungDeclared  Rung = "declared"           // somebody said or typed the number
	RungScanned   Rung = "scanned"            // read from the code that the vendor's own app or stand shows
	RungHeard     Rung = "name_heard"         // the paying app said the holder's name aloud at the stall
	RungTested    Rung = "test_payment"       // a tiny payment was made, and the vendor saw it arrive
	RungConfirmed Rung = "provider_confirmed" // the wallet or bank itself said so
)

// Rungs are the ladder in its order.
var Rungs = []Rung{RungDeclared, RungScanned, RungHeard, RungTested, RungConfirmed}

// How long a step proves something. Numbers are handed on and accounts closed; a year is how often a team sees each stall at least.
// The text of a code does not age: what it says stays what it said.
const (
	NameHeardHolds    = 365 * 24 * time.Hour
	TestPaymentHolds  = 365 * 24 * time.Hour
	ConfirmationHolds = 2 * 365 * 24 * time.Hour
)

// holds is until when a step proves something; nil: for good.
func (r Rung) holds(at time.Time) *time.Time {
	long := map[Rung]time.Duration{RungHeard: NameHeardHolds, RungTested: TestPaymentHolds, RungConfirmed: ConfirmationHolds}[r]
	if long == 0 {
		return nil
	}
	until := at.Add(long)
	return &until
}

// Verification is where an account stands on the ladder now.
type Verification struct {
	Rung        Rung       `json:"rung"`
	At          time.Time  `json:"at"`           // when that step was taken
	ExpiresAt   *time.Time `json:"expires_at"`   // from then on a lower rung holds; null: for good
	NameDiffers bool       `json:"name_differs"` // the name heard last is not the holder's: higher steps from before it do not count
	HeardName   string     `json:"heard_name,omitempty"`
}

// Step is one step on the ladder, as it was recorded.
type Step struct {
	Step      Rung       `json:"step"` // a rung, or provider_closed: from then on no rung above the code's text counts until the provider confirms again
	HeardName *string    `json:"heard_name"`
	Matches   bool       `json:"matches"` // false: another name than the holder's was heard
	How       string     `json:"how"`     // in words; of an account's first step its source, of a placard's event its kind
	Serial    *Serial    `json:"serial"`  // of the placard at which it was seen
	At        time.Time  `json:"at"`
	ExpiresAt *time.Time `json:"expires_at"`
	Who       string     `json:"by"`
	AccountID AccountID  `json:"-"`
}

// verify works out where accounts stand on the ladder.
func verify(ctx context.Context, db postgres.Querier, m Market, as []Account, now time.Time) error {
	if len(as) == 0 {
		return nil
	}
	type row struct {
		AccountID AccountID
		Step      Rung
		HeardName *string
		Matches   bool
		At        time.Time
		ExpiresAt *time.Time
	}
	ids := make([]AccountID, len(as))
	for i, a := range as {
		ids[i] = a.RecordID
	}
	rows, err := postgres.All[row](ctx, db, `
		SELECT t.account_id, t.step, t.heard_name, t.matches, t.at, t.expires_at FROM (
			SELECT v.account_id, v.step, v.heard_name, v.matches, v.at, v.expires_at, v.recorded_at, v.id FROM account_verifications v
			WHERE v.market_id = @market AND v.account_id = ANY (@ids)
			UNION ALL
			SELECT c.account_id, @closed, NULL, true, c.recorded_at, NULL, c.recorded_at, c.id FROM account_closures c
			WHERE c.market_id = @market AND c.account_id = ANY (@ids)) t
		ORDER BY t.recorded_at, t.id`,
		pgx.StrictNamedArgs{"market": m.ID, "ids": ids, "closed": string(StepClosed)})
	if err != nil {
		return err
	}
	of := map[AccountID][]row{}
	for _, r := range rows {
		of[r.AccountID] = append(of[r.AccountID], r)
	}
	for i, a := range as {
		text := Verification{Rung: a.firstRung(), At: a.ProposedAt} // what the code says, whoever is heard
		v, closed := text, false
		for _, r := range of[a.RecordID] {
			switch r.Step {
			case StepClosed: // what was known before is of an account that is no more
				v.Rung, v.At, v.ExpiresAt, closed = text.Rung, text.At, nil, true
				continue
			case RungConfirmed:
				closed = false
			}
			if r.HeardName != nil && !r.Matches { // what was known before of whose it is, is in doubt
				v = text
				v.NameDiffers, v.HeardName = true, *r.HeardName
				continue
			}
			if r.HeardName != nil && v.NameDiffers {
				v.NameDiffers, v.HeardName = false, ""
			}
			if r.Step == RungScanned && text.Rung == RungDeclared {
				text = Verification{Rung: RungScanned, At: r.At}
			}
			if (v.NameDiffers || closed) && r.Step != RungScanned || r.ExpiresAt != nil && !r.ExpiresAt.After(now) {
				continue
			}
			if slices.Index(Rungs, r.Step) >= slices.Index(Rungs, v.Rung) {
				v.Rung, v.At, v.ExpiresAt = r.Step, r.At, r.ExpiresAt
			}
		}
		as[i].Verification = &v
	}
	return nil
}

// firstRung is the step with which the account came in.
func (a Account) firstRung() Rung {
	if a.Source == "scanned" {
		return RungScanned
	}
	return RungDeclared
}

// nameDiffers reports whether the name that was heard last of an account is another than its holder's.
func nameDiffers(ctx context.Context, db postgres.Querier, m Market, which AccountID) (bool, error) {
	return postgres.One[bool](ctx, db, `
		SELECT coalesce((SELECT NOT v.matches FROM account_verifications v
		                 WHERE v.market_id = @market AND v.account_id = @account AND v.heard_name IS NOT NULL
		                 ORDER BY v.recorded_at DESC, v.id DESC LIMIT 1), false)`,
		pgx.StrictNamedArgs{"market": m.ID, "account": which})
}

// NewStep is a step that somebody took with an account.
type NewStep struct {
	Step      string `json:"step"`       // scanned, name_heard, test_payment, provider_confirmed
	HeardName string `json:"heard_name"` // wanted for name_heard; with any other step, the name that was said then
	Payload   string `json:"payload"`    // wanted for scanned: the text of the code that was read
	How       string `json:"how"`        // in a few words: at the stall, by phone, 1.000 đ sent from the board's phone
}

// maxHow is the longest account of how a step was taken, in characters.
const maxHow = 200

// Verified records a step on the ladder, by whom and how. A name that differs from the holder's is recorded too, and from then on
// stands beside the account as a warning. What a wallet or bank confirms comes from its own key alone, where the vendor agreed that it
// may know of them; it learns nothing but that it was recorded.
//
// Faults: Invalid; NotFound, also for a key of another provider; Forbidden, also when nobody is known who did it; Conflict
// account-over, code-differs (the scanned code pays another account; nothing is recorded).
func (s *Service) Verified(ctx context.Context, by Actor, ref AccountRef, in NewStep) (Step, error) {
	now := s.now()
	var bad []fault.Field
	step := Rung(in.Step)
	if step == RungDeclared || !slices.Contains(Rungs, step) {
		bad = append(bad, fault.At("step", "unknown", "One of: %s.", "scanned, name_heard, test_payment, provider_confirmed"))
	}
	in.HeardName = text(&bad, "heard_name", in.HeardName, maxName, step == RungHeard)
	in.How = text(&bad, "how", in.How, maxHow, true)
	switch {
	case step == RungScanned && in.Payload == "":
		bad = append(bad, fault.At("payload", "required", "This must be filled in."))
	case step != RungScanned && in.Payload != "":
		bad = append(bad, fault.At("payload", "unexpected", "Only a scan has a code."))
	case len(in.Payload) > maxPayload:
		bad = append(bad, fault.At("payload", "too-long", "It has %d characters; at most %d fit.", len(in.Payload), maxPayload))
	}
	if err := fault.Check("verification-invalid", bad); err != nil {
		return Step{}, err
	}
	do := RecordField
	if step == RungConfirmed {
		do = ConfirmAccount
	}
	var taken Step
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, do, ref.Market)
		if err != nil {
			return notFoundAs(err, accountNotFound())
		}
		if _, err := postgres.Found[VendorID](ctx, tx, accountNotFound(), `
			SELECT v.id FROM accounts a JOIN vendors v ON v.market_id = a.market_id AND v.id = a.vendor_id
			WHERE a.market_id = @market AND a.id = @id FOR NO KEY UPDATE OF v`, pgx.StrictNamedArgs{"market": m.ID, "id": ref.ID}); err != nil {
			return err
		}
		a, err := account(ctx, tx, m, ref.ID, now)
		if err != nil {
			return err
		}
		shares, err := sharedWith(ctx, tx, m.ID, a.VendorID, a.Provider)
		if err != nil {
			return err
		}
		switch {
		case step == RungConfirmed && !by.confirms(a):
			return accountNotFound() // another wallet's customer is as if he did not exist
		case step == RungConfirmed && !shares: // as is one who did not agree
			return accountNotFound()
		case !strings.HasPrefix(by.ID, "person:") && !strings.HasPrefix(by.ID, "key:"):
			return fault.New(fault.Forbidden, "who-missing", "A step on the ladder has a name behind it. Sign in, or use a key.")
		case a.State != StateProposed && a.State != StateApproved:
			return fault.New(fault.Conflict, "account-over", "This account is %s, so nothing more is recorded of it.", a.State)
		case step == RungScanned && compare(in.Payload, a.Payload) != "match":
			return fault.New(fault.Conflict, "code-differs", "The scanned code pays another account. Propose it as a change if it is the vendor's.")
		}
		r := recorded{step: step, heard: in.HeardName, matches: in.HeardName == "" || a.isHolder(in.HeardName), how: in.How, at: now}
		if err := r.insert(ctx, tx, by, m, a.RecordID, now); err != nil {
			return err
		}
		if step == RungTested { // a helper's own payment, which is no use
			if err := Recount(ctx, tx, m.ID, now, a.VendorID); err != nil {
				return err
			}
		}
		taken = Step{Step: step, HeardName: postgres.Null(in.HeardName), Matches: r.matches, How: in.How, At: now, ExpiresAt: step.holds(now), Who: by.Name}
		return Audit(ctx, tx, now, by, m.ID, r.event(a.RecordID))
	})
	return taken, actionContext("verify account", ref.String(), err)
}

// confirms reports whether the actor is the key of the wallet or bank at which the account is, and so may speak for it.
func (a Actor) confirms(account Account) bool {
	return strings.HasPrefix(a.ID, "key:") && slices.ContainsFunc(a.Grants, func(g Grant) bool {
		return g.Role == Partner && g.Kind == OverProvider && g.Code == account.Provider
	})
}

// isHolder reports whether a name that was heard is the holder's. Neither accents nor case are heard.
func (a Account) isHolder(heard string) bool { return qrgen.Holder(heard) == a.Holder }

// Steps is the whole ladder of an account, in the order in which it was climbed. Faults: NotFound; Forbidden.
func (s *Service) Steps(ctx context.Context, by Actor, ref AccountRef) ([]Step, error) {
	m, err := market(ctx, s.db, by, SeeVendors, ref.Market)
	if err != nil {
		return nil, notFoundAs(err, accountNotFound())
	}
	if _, err := account(ctx, s.db, m, ref.ID, s.now()); err != nil {
		return nil, err
	}
	taken, err := steps(ctx, s.db, m, []AccountID{ref.ID})
	return taken, actionContext("steps of account", ref.String(), err)
}

// Ladders are the ladders of some accounts of a market, each in the order in which it was climbed. Faults: NotFound; Forbidden.
func (s *Service) Ladders(ctx context.Context, by Actor, marketCode string, which []AccountID) (map[AccountID][]Step, error) {
	m, err := market(ctx, s.db, by, SeeVendors, marketCode)
	if err != nil {
		return nil, err
	}
	taken, err := steps(ctx, s.db, m, which)
	of := map[AccountID][]Step{}
	for _, t := range taken {
		of[t.AccountID] = append(of[t.AccountID], t)
	}
	return of, actionContext("ladders in", marketCode, err)
}

// steps are those of some accounts; the first of each is how it came in.
func steps(ctx context.Context, db postgres.Querier, m Market, which []AccountID) ([]Step, error) {
	return postgres.All[Step](ctx, db, `
		SELECT t.account_id, t.step, t.heard_name, t.matches, t.how, t.serial, t.at, t.expires_at,
		       coalesce(p.name, k.name, CASE WHEN t.who = 'console' THEN 'console' END, '') AS who
		FROM (SELECT a.id AS account_id, CASE WHEN a.source = 'scanned' THEN 'scanned' ELSE 'declared' END AS step, NULL AS heard_name, true AS matches, a.source AS how,
		             NULL AS serial, a.proposed_at AS at, NULL::timestamptz AS expires_at, a.proposed_by AS who, a.id
		      FROM accounts a WHERE a.market_id = @market AND a.id = ANY (@accounts) AND a.number <> ''
		      UNION ALL
		      SELECT v.account_id, v.step, v.heard_name, v.matches, v.how, c.serial, v.at, v.expires_at, v.recorded_by, v.id
		      FROM account_verifications v LEFT JOIN placards c ON c.market_id = v.market_id AND c.id = v.placard_id
		      WHERE v.market_id = @market AND v.account_id = ANY (@accounts)
		      UNION ALL
		      SELECT c.account_id, @closed, NULL, true, 'api', NULL, c.recorded_at, NULL, c.recorded_by, c.id
		      FROM account_closures c WHERE c.market_id = @market AND c.account_id = ANY (@accounts)) t
		LEFT JOIN people p ON t.who = 'person:' || p.id
		LEFT JOIN keys k ON t.who = 'key:' || k.id
		ORDER BY t.id`, pgx.StrictNamedArgs{"market": m.ID, "accounts": which, "closed": string(StepClosed)})
}

// recorded is a row of the ladder.
type recorded struct {
	step       Rung
	heard, how string
	matches    bool
	placard    PlacardID
	at         time.Time
}

func (r recorded) insert(ctx context.Context, tx pgx.Tx, by Actor, m Market, account AccountID, now time.Time) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO account_verifications (market_id, id, account_id, step, heard_name, matches, how, placard_id, at, expires_at, recorded_by, recorded_at)
		VALUES (@market, @id, @account, @step, @heard, @matches, @how, @placard, @at, @expires, @by, @now)`,
		pgx.StrictNamedArgs{"market": m.ID, "id": id.New[Step](), "account": account, "step": string(r.step), "heard": postgres.Null(r.heard), "matches": r.matches,
			"how": r.how, "placard": r.placard, "at": r.at, "expires": r.step.holds(r.at), "by": by.ID, "now": now})
	return err
}

func (r recorded) event(account AccountID) Event {
	e := Event{"account.verified", "account:" + account.String(), []string{string(r.step)}}
	if !r.matches {
		e.Action = "account.name_differs"
	}
	return e
}

// heard records the name that an event of a placard brought, on the ladder of its account. The console's word has nobody behind it, so
// it is no step.
func heard(ctx context.Context, tx pgx.Tx, by Actor, m Market, p Placard, kind, name string, at, now time.Time) error {
	if by.ID == "console" || by.ID == "system" {
		return nil
	}
	r := recorded{step: RungHeard, heard: name, matches: !p.differs(name), how: kind, placard: p.ID, at: at}
	return r.insert(ctx, tx, by, m, p.AccountID, now)
}

// seen records that the code of an account was read from something that hangs at the stall, and the name that was heard then.
func seen(ctx context.Context, tx pgx.Tx, by Actor, m Market, a Account, p PlacardID, kind, name string, at, now time.Time) error {
	if by.ID == "console" || by.ID == "system" {
		return nil
	}
	steps := []recorded{}
	if a.Source != "scanned" {
		steps = append(steps, recorded{step: RungScanned, matches: true, how: kind, placard: p, at: at})
	}
	if name != "" {
		steps = append(steps, recorded{step: RungHeard, heard: name, matches: a.isHolder(name), how: kind, placard: p, at: at})
	}
	for _, r := range steps {
		if err := r.insert(ctx, tx, by, m, a.RecordID, now); err != nil {
			return err
		}
	}
	return nil
}
