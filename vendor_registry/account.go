package registry

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// AccountID names an account within a market.
type AccountID = id.ID[Account]

// AccountRef names an account that comes in alone.
type AccountRef = Ref[Account]

// State is what became of a proposed account.
type State string

// The states of an account.
const (
	StateProposed   State = "proposed"
	StateApproved   State = "approved"
	StateSuperseded State = "superseded"
	StateRejected   State = "rejected"
	StateWithdrawn  State = "withdrawn"
	StateExpired    State = "expired"
)

// ProposalLives is how long a proposal waits for its second person (SECURITY: 14 days).
const ProposalLives = 14 * 24 * time.Hour

// Account is a receiving account of a vendor. It is written once; what became of it is a row of its own.
type Account struct {
	ID           AccountRef  `json:"id" db:"-"`
	RecordID     AccountID   `json:"-" db:"id"`
	Provider     string      `json:"provider"`
	ProviderName string      `json:"provider_name" db:"-"`
	Kind         string      `json:"kind" db:"-"`  // of the provider: wallet, mobile_money, bank, other
	AccountKind  string      `json:"account_kind"` // personal, merchant
	Number       string      `json:"number"`       // masked: 09•• ••• 678, •••• 4567
	Holder       string      `json:"holder"`
	HolderGiven  bool        `json:"holder_confirmed"`          // false: made of the vendor's name, nobody has heard it yet
	Relation     string      `json:"holder_relation,omitempty"` // what the holder is to the vendor; empty: the vendor's own account
	HolderAgreed *bool       `json:"holder_agreed,omitempty"`   // whether that person agreed; nil: it is the vendor's own
	Source       string      `json:"source"`                    // typed, scanned, import
	State        State       `json:"state"`
	Default      bool        `json:"default"`
	AlsoPays     []string    `json:"also_pays,omitempty" db:"-"` // other payees in the vendor's own code, for the approver
	Replaces     *AccountRef `json:"replaces,omitempty" db:"-"`  // set: a change, decided by the stricter rule
	ReplacesID   *AccountID  `json:"-"`
	Amends       *AccountRef `json:"amends,omitempty" db:"-"` // the proposal that was withdrawn for this one
	AmendsID     *AccountID  `json:"-"`
	Reason       string      `json:"reason,omitempty"`             // why, in the words of who brought it in
	SharedWith   []string    `json:"shared_with,omitempty" db:"-"` // stalls of other vendors of the market who have the same account
	BIN          string      `json:"-"`
	// how surely it is the vendor's; nil where nobody asked
	Verification *Verification `json:"verification,omitempty" db:"-"`
	ClosedSince  *time.Time    `json:"closed_since,omitempty"` // by the provider's word it does not exist there any more, or takes no money; nil: no such word
	ProposedAt   time.Time     `json:"proposed_at"`
	TouchedBy    []string      `json:"-"`
	Decisions    int           `json:"-"`
	VendorID     VendorID      `json:"-"`
	Payload      string        `json:"-"`
	Symbol       []byte        `json:"-"`
	FullNumber   string        `json:"-" db:"-"`
	Again        bool          `json:"-" db:"-"` // it was sent before, and nothing was done now
}

// ETag is the account's version: a decision makes a new one.
func (a Account) ETag() string { return fmt.Sprintf(`"%s.%d"`, a.RecordID, a.Decisions) }

// NewAccount is what somebody brings in: a number at a provider, or the code that the vendor's own app shows.
type NewAccount struct {
	ID       AccountID `json:"id,omitzero"` // minted by whoever sends, so that it may be sent twice; zero: minted here
	Provider string    `json:"provider"`    // our code, a six-digit BIN or a name in use
	Number   string    `json:"number"`
	Holder   string    `json:"holder"`   // as the bank's app shows it; empty: made of the vendor's name and not yet confirmed
	Payload  string    `json:"payload"`  // the whole text of a scanned code, instead of provider and number
	Replaces string    `json:"replaces"` // id of the account that this one would take the place of
	Amends   string    `json:"amends"`   // id of a proposal that still waits: it is withdrawn, and this one takes its place

	AccountKind string `json:"account_kind"` // merchant: under a contract with the provider; personal, or empty: any other
	Reason      string `json:"reason"`       // wanted when another vendor of the market has the same account

	Relation      string      `json:"holder_relation"` // of the holder to the vendor, one of Relations; empty: the vendor's own
	HolderConsent *NewConsent `json:"holder_consent"`  // that person's own; without it no placard of the account may hang
}

// proposal is an account ready to be stored: its payload made, its symbol read back and frozen.
type proposal struct {
	Account
	bin      string
	payload  string
	hash     [32]byte
	symbol   []byte
	rank     int
	replaces *AccountID
	amends   *AccountID
	relative relative
	from     *ImportID
	by       string
	touched  []string
	at       time.Time
}

const maxHolder = 60

// maxAccounts is how many accounts one call may bring for a vendor.
const maxAccounts = 10

// prepare makes proposals of what came in. The slow part, the symbol, is made here, before any transaction begins.
func prepare(bad *[]fault.Field, by Actor, now time.Time, vendor string, in []NewAccount) []proposal {
	if len(in) > maxAccounts {
		*bad = append(*bad, fault.At("accounts", "too-many", "At most %d accounts for one vendor.", maxAccounts))
		return nil
	}
	var ps []proposal
	for i, n := range in {
		pointer := "accounts/" + strconv.Itoa(i)
		before := len(*bad)
		p := n.proposal(bad, pointer, vendor, DayOf(now))
		if len(*bad) > before {
			continue
		}
		for _, other := range ps {
			if other.bin == p.bin && other.Number == p.Number {
				*bad = append(*bad, fault.At(below(pointer, "number"), "twice", "The same account stands here twice."))
			}
		}
		p.by, p.touched, p.at, p.rank = by.ID, by.hands(), now, i+1
		ps = append(ps, p)
	}
	return ps
}

// proposal checks one account that comes in on a day, and makes its payload and symbol.
func (n NewAccount) proposal(bad *[]fault.Field, pointer, vendor string, day Day) proposal {
	p := proposal{Account: Account{RecordID: minted(n.ID), Source: "typed", HolderGiven: n.Holder != ""}}
	holder := text(bad, below(pointer, "holder"), n.Holder, maxHolder, false)
	if holder == "" {
		holder = clipName(qrgen.Holder(vendor), maxHolder)
	} else {
		holder = qrgen.Holder(holder)
	}
	if holder == "" && vendor != "" {
		*bad = append(*bad, fault.At(below(pointer, "holder"), "required", "Say the holder's name as the bank's app shows it."))
	}
	p.Holder = holder
	p.Reason = text(bad, below(pointer, "reason"), n.Reason, maxReason, false)
	switch p.AccountKind = n.AccountKind; n.AccountKind {
	case "":
		p.AccountKind = "personal"
	case "personal", "merchant":
	default:
		*bad = append(*bad, fault.At(below(pointer, "account_kind"), "unknown", "One of: %s.", "personal, merchant"))
	}
	p.relative = n.relative(bad, pointer)
	if n.Payload != "" {
		p.fromCode(bad, pointer, n, day)
	} else {
		p.fromNumber(bad, pointer, n, day)
	}
	if p.payload == "" {
		return p
	}
	symbol, err := qrgen.NewSymbol(p.payload)
	if err == nil {
		p.symbol, err = symbol.MarshalBinary()
	}
	if err != nil {
		*bad = append(*bad, fault.At(below(pointer, "payload"), "unreadable", "This code cannot be printed so that a phone reads it back."))
	}
	p.hash = sha256.Sum256([]byte(p.payload))
	return p
}

// fromNumber builds the payload of a typed number.
func (p *proposal) fromNumber(bad *[]fault.Field, pointer string, n NewAccount, day Day) {
	if strings.TrimSpace(n.Provider) == "" {
		*bad = append(*bad, fault.At(below(pointer, "provider"), "required", "Say which wallet or bank."))
		return
	}
	provider, ok := qrgen.ProviderOf(n.Provider)
	if !ok {
		*bad = append(*bad, fault.At(below(pointer, "provider"), "unknown", "There is no wallet or bank %q in the list.", fault.Clip(n.Provider, 40)))
		return
	}
	if !provider.On(day.String()) {
		*bad = append(*bad, ended(below(pointer, "provider"), provider, day))
		return
	}
	number, err := provider.Number(n.Number)
	if err != nil {
		*bad = append(*bad, NumberFault(below(pointer, "number"), provider, err))
		return
	}
	payload, err := qrgen.Static(provider.BIN, number)
	if err != nil {
		*bad = append(*bad, NumberFault(below(pointer, "number"), provider, err))
		return
	}
	p.Provider, p.bin, p.Number, p.payload = provider.Code, provider.BIN, number, payload
}

// queue stores the proposal.
func (p proposal) queue(b *pgx.Batch, m MarketID, v VendorID) {
	b.Queue(`
		INSERT INTO accounts (market_id, id, vendor_id, provider, bin, number, holder, holder_given, source, payload, payload_sha256,
		                      symbol, rank, replaces, amends, account_kind, reason, touched_by, proposed_by, proposed_at, import_id)
		VALUES (@market, @id, @vendor, @provider, @bin, @number, @holder, @given, @source, @payload, @hash,
		        @symbol, @rank, @replaces, @amends, @kind, @reason, @touched, @by, @at, @import)`,
		pgx.StrictNamedArgs{"market": m, "id": p.RecordID, "vendor": v, "provider": p.Provider, "bin": p.bin, "number": p.Number,
			"holder": p.Holder, "given": p.HolderGiven, "source": p.Source, "payload": p.payload, "hash": p.hash[:], "symbol": p.symbol,
			"rank": p.rank, "replaces": p.replaces, "amends": p.amends, "kind": p.AccountKind, "reason": p.Reason, "touched": p.touched, "by": p.by, "at": p.at, "import": p.from})
	p.relative.queue(b, m, p.RecordID, p.by, p.at)
}

// clipName shortens at a word, for a holder made of a long vendor name.
func clipName(s string, most int) string {
	if len(s) <= most {
		return s
	}
	if i := strings.LastIndexByte(s[:most+1], ' '); i > 0 {
		return s[:i]
	}
	return s[:most]
}

// accountColumns reads accounts a with their state at @now; ProposalLives fills @proposal_lives.
var accountColumns = `
	SELECT a.id, a.vendor_id, a.provider, a.number, a.holder, a.holder_given, a.source, a.replaces AS replaces_id, a.proposed_at, a.touched_by,
	       a.bin, a.account_kind, a.reason, a.amends AS amends_id,
	       a.payload, a.symbol, coalesce(a.id = v.default_account, false) AS "default", coalesce(d.n, 0) AS decisions,
	       CASE WHEN d.last IS NOT NULL THEN d.last
	            WHEN a.proposed_at <= @now::timestamptz - @proposal_lives::interval THEN 'expired' ELSE 'proposed' END AS state,
	       coalesce(h.relation, '') AS relation, CASE WHEN h.account_id IS NOT NULL THEN h.consent_at IS NOT NULL END AS holder_agreed,
	       ` + ClosedSince("a.id") + ` AS closed_since
	FROM accounts a
	JOIN vendors v ON v.market_id = a.market_id AND v.id = a.vendor_id
	LEFT JOIN account_holders h ON h.market_id = a.market_id AND h.account_id = a.id
	LEFT JOIN LATERAL (
		SELECT count(*)::int AS n, CASE WHEN bool_or(d.decision = 'superseded') THEN 'superseded' ELSE min(d.decision) END AS last
		FROM account_decisions d WHERE d.market_id = @market AND d.account_id = a.id) d ON true`

func accountArgs(m MarketID, now time.Time) pgx.StrictNamedArgs {
	return pgx.StrictNamedArgs{"market": m, "now": now, "proposal_lives": ProposalLives}
}

// dress fills what follows from the row: names, refs, the mask.
func (a *Account) dress(m Market) {
	a.ID = AccountRef{m.Code, a.RecordID}
	if a.ReplacesID != nil {
		a.Replaces = &AccountRef{m.Code, *a.ReplacesID}
	}
	if a.AmendsID != nil {
		a.Amends = &AccountRef{m.Code, *a.AmendsID}
	}
	a.ProviderName = ProviderName(a.Provider)
	a.Kind = providerKind(a.Provider)
	a.AlsoPays = alsoPays(a.Payload)
	a.FullNumber = a.Number
	a.Number = Masked(a.Number)
}

// mask leaves of names what an auditor may see, and nothing of what was written in words.
func (a *Account) mask() {
	a.Holder, a.Reason = maskedName(a.Holder), ""
	if a.Verification != nil {
		a.Verification.HeardName = maskedName(a.Verification.HeardName)
	}
}

// ProviderName is a provider's name in words, or the code itself when the list no longer knows it.
func ProviderName(code string) string {
	if p, ok := qrgen.ProviderOf(code); ok {
		return p.Name
	}
	return code
}

// providerKind is what sort of institution a provider is, other when the list no longer knows it.
func providerKind(code string) string {
	if p, ok := qrgen.ProviderOf(code); ok {
		return string(p.Kind)
	}
	return "other"
}

func accountsOf(ctx context.Context, db postgres.Querier, m Market, v VendorID, now time.Time) ([]Account, error) {
	args := accountArgs(m.ID, now)
	args["vendor"] = v
	as, err := postgres.All[Account](ctx, db, accountColumns+`
		WHERE a.market_id = @market AND a.vendor_id = @vendor AND a.number <> '' ORDER BY a.proposed_at, a.rank, a.id`, args)
	for i := range as {
		as[i].dress(m)
	}
	return as, err
}

func accountNotFound() *fault.Error {
	return fault.New(fault.NotFound, "account-not-found", "There is no such account here.")
}

// Account is one account, masked; its payload and symbol are there to draw the code. Faults: NotFound; Forbidden.
func (s *Service) Account(ctx context.Context, by Actor, do Action, ref AccountRef) (Account, error) {
	m, err := market(ctx, s.db, by, do, ref.Market)
	if err != nil {
		if fault.CodeOf(err) == "market-not-found" {
			err = accountNotFound()
		}
		return Account{}, err
	}
	return accountShown(ctx, s.db, m, ref.ID, s.now())
}

// accountShown is an account with what a person should know of it before deciding: how surely it is the vendor's, who else has it.
func accountShown(ctx context.Context, db postgres.Querier, m Market, which AccountID, now time.Time) (Account, error) {
	a, err := account(ctx, db, m, which, now)
	if err != nil {
		return a, err
	}
	as := []Account{a}
	err = describe(ctx, db, m, as, now)
	return as[0], err
}

// describe fills in how surely accounts are the vendor's, and which other stalls have them.
func describe(ctx context.Context, db postgres.Querier, m Market, as []Account, now time.Time) error {
	if err := verify(ctx, db, m, as, now); err != nil {
		return err
	}
	return markShared(ctx, db, m, as, now)
}

func account(ctx context.Context, db postgres.Querier, m Market, which AccountID, now time.Time) (Account, error) {
	args := accountArgs(m.ID, now)
	args["id"] = which
	a, err := postgres.Found[Account](ctx, db, accountNotFound(), accountColumns+` WHERE a.market_id = @market AND a.id = @id AND a.number <> ''`, args)
	a.dress(m)
	return a, err
}

// Propose brings in an account for the vendor of a stall. Where the vendor has a live account at the same provider, or
// Replaces names one, it is a change: it takes that one's place only when two people agree.
//
// With Amends it takes the place of a proposal that still waits: that one is withdrawn, and whoever touched it touched this one.
// The same id and content sent again is the stored account, Again.
//
// Faults: Invalid; NotFound; Forbidden; Conflict stall-vacant, consent-missing, account-exists (the same number is
// there, proposed or approved), record-differs (the id came before with other content).
func (s *Service) Propose(ctx context.Context, by Actor, marketCode, code string, in NewAccount) (Account, error) {
	now := s.now()
	var bad []fault.Field
	p := in.proposal(&bad, "", "", DayOf(now))
	if err := fault.Check("account-invalid", bad); err != nil {
		return Account{}, err
	}
	p.by, p.touched, p.at, p.rank = by.ID, by.hands(), now, 1
	var m Market
	again := false
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		var err error
		if m, err = market(ctx, tx, by, ProposeAccount, marketCode); err != nil {
			return err
		}
		v, err := vendorAt(ctx, tx, m, code)
		if err != nil {
			return err
		}
		if again, err = in.claim(ctx, tx, by, m, code, v, now); err != nil || again {
			return err
		}
		proposed, err := propose(ctx, tx, by, m, v, &p, in)
		if err != nil {
			return err
		}
		if err := Recount(ctx, tx, m.ID, now, v); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, proposed...)
	})
	if postgres.Violated(err) == "accounts_pk" { // an id of ours
		err = sent("account", in.ID, code, in).differs()
	}
	if err = s.keepBoth(ctx, by, marketCode, err); err != nil {
		return Account{}, actionContext("propose account at", code, err)
	}
	a, err := accountShown(ctx, s.db, m, p.RecordID, now)
	a.Again = again
	return a, err
}

// claim is sending.claim for an account of a vendor; the same content for somebody else is another version.
func (n NewAccount) claim(ctx context.Context, tx pgx.Tx, by Actor, m Market, stall string, v VendorID, now time.Time) (again bool, err error) {
	as := sent("account", n.ID, stall, n)
	if again, err = as.claim(ctx, tx, by, m, now); err != nil || !again {
		return again, err
	}
	owner, err := postgres.Found[VendorID](ctx, tx, accountNotFound(), `SELECT vendor_id FROM accounts WHERE market_id = @market AND id = @id`,
		pgx.StrictNamedArgs{"market": m.ID, "id": n.ID})
	if err == nil && owner != v {
		err = as.differs()
	}
	return true, err
}

// propose stores a proposal for a vendor, as a change where it is one; the caller writes the events.
func propose(ctx context.Context, tx pgx.Tx, by Actor, m Market, v VendorID, p *proposal, in NewAccount) ([]Event, error) {
	type vendor struct {
		Name      string
		Consented bool
	}
	if in.Amends != "" { // it may have a placard that ends with it
		if err := oneAtATime(ctx, tx, m.ID, "print"); err != nil {
			return nil, err
		}
	}
	// The vendor's row is the lock: two proposals, or a proposal and a decision, come one after the other.
	held, err := postgres.One[vendor](ctx, tx, `
		SELECT v.name, coalesce(c.kinds && ARRAY['vendor', 'attested_by_board'], false) AS consented
		FROM vendors v LEFT JOIN LATERAL (`+liveConsents+`) c ON true
		WHERE v.market_id = @market AND v.id = @vendor FOR UPDATE OF v`, pgx.StrictNamedArgs{"market": m.ID, "vendor": v})
	if err != nil {
		return nil, err
	}
	if !held.Consented {
		return nil, fault.New(fault.Conflict, "consent-missing", "No account is kept without the vendor's consent. Record it first.")
	}
	if p.Holder == "" {
		p.Holder = clipName(qrgen.Holder(held.Name), maxHolder)
	}
	have, err := accountsOf(ctx, tx, m, v, p.at)
	if err != nil {
		return nil, err
	}
	amended, err := p.place(m, have, in)
	if err != nil {
		return nil, err
	}
	var events []Event
	if amended != nil {
		if events, err = withdraw(ctx, tx, by, m, *amended, "amended", p.at); err != nil {
			return nil, err
		}
	}
	b := &pgx.Batch{}
	p.queue(b, m.ID, v)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, err
	}
	action := "account.proposed"
	if p.replaces != nil {
		action = "account.change_proposed"
	}
	return append(events, Event{action, "account:" + p.RecordID.String(), []string{"provider", "number", "holder"}}), nil
}

// place finds the proposal's place among the accounts that the vendor has: which one it would replace, which waiting one it amends,
// and who touched it before under another id.
func (p *proposal) place(m Market, have []Account, in NewAccount) (amended *Account, err error) {
	unknown := func(pointer, format, value string) error {
		return fault.New(fault.Invalid, "account-invalid", "Some fields need mending.").With(fault.At(pointer, "unknown", format, fault.Clip(value, 60)))
	}
	for i, a := range have {
		if in.Amends != "" && a.State == StateProposed && a.ID.String() == in.Amends {
			amended, p.amends = &have[i], &have[i].RecordID
			if in.Replaces == "" && a.Replaces != nil { // a mended number does not make another wish of it
				in.Replaces = a.Replaces.String()
			}
		}
	}
	if in.Amends != "" && amended == nil {
		return nil, unknown("amends", "This vendor has no proposal %q that waits.", in.Amends)
	}
	for _, a := range have {
		same := a.BIN == p.bin && a.FullNumber == p.Number
		switch a.State {
		case StateProposed, StateApproved:
			if amended != nil && a.RecordID == amended.RecordID {
				p.touch(a)
				continue
			}
			if same {
				return nil, fault.New(fault.Conflict, "account-exists", "This vendor has this account already (%s).", a.ID)
			}
			if a.State == StateApproved && (a.Provider == p.Provider || a.BIN == p.bin) {
				p.replaces = &a.RecordID // one account at a provider: another number there is a change, whatever was named
			} else if a.State == StateApproved && in.Replaces == a.ID.String() && p.replaces == nil {
				p.replaces = &a.RecordID
			}
		case StateRejected, StateWithdrawn, StateExpired:
			if same { // who brought the number in once does not approve it when somebody else brings it in again
				p.touch(a)
			}
		}
	}
	if in.Replaces != "" && (p.replaces == nil || AccountRef{m.Code, *p.replaces}.String() != in.Replaces) {
		return nil, unknown("replaces", "This vendor has no approved account %q.", in.Replaces)
	}
	return amended, nil
}

// touch adds those who had another proposal in their hands.
func (p *proposal) touch(other Account) {
	for _, who := range other.TouchedBy {
		if !slices.Contains(p.touched, who) {
			p.touched = append(slices.Clip(p.touched), who)
		}
	}
}

// explained wants a reason, the proposer's or the approver's, when another vendor of the market has the same account: relatives do, and so
// does whoever puts one number behind many stalls. Faults: Invalid.
func (a Account) explained(ctx context.Context, db postgres.Querier, m Market, why string, now time.Time) error {
	if a.Reason != "" || why != "" {
		return nil
	}
	others, err := sharers(ctx, db, m, []Account{a}, now)
	if err != nil || len(others[0]) == 0 {
		return err
	}
	return fault.New(fault.Invalid, "decision-invalid", "Some fields need mending.").
		With(fault.At("reason", "shared", "Another vendor has this account (stall %s). Say why both are paid into it.", strings.Join(others[0], ", ")))
}

// markShared fills in the stalls of other vendors who have the same accounts.
func markShared(ctx context.Context, db postgres.Querier, m Market, as []Account, now time.Time) error {
	others, err := sharers(ctx, db, m, as, now)
	for i := range others {
		as[i].SharedWith = others[i]
	}
	return err
}

// sharers are, for each account, the stalls of other vendors of the market for whom the same number waits or is in force.
func sharers(ctx context.Context, db postgres.Querier, m Market, as []Account, now time.Time) ([][]string, error) {
	type pair struct {
		N     int
		Stall string
	}
	bins, numbers, vendors := make([]string, len(as)), make([]string, len(as)), make([]VendorID, len(as))
	for i, a := range as {
		bins[i], numbers[i], vendors[i] = a.BIN, a.FullNumber, a.VendorID
	}
	pairs, err := postgres.All[pair](ctx, db, `
		SELECT DISTINCT k.n::int, coalesce(s.code, '–') AS stall
		FROM unnest(@bins::text[], @numbers::text[], @vendors::uuid[]) WITH ORDINALITY k (bin, number, vendor, n)
		JOIN accounts a ON a.market_id = @market AND a.bin = k.bin AND a.number = k.number AND a.vendor_id <> k.vendor
		JOIN LATERAL (SELECT bool_or(d.decision = 'approved') AS approved, bool_or(d.decision <> 'approved') AS ended
		              FROM account_decisions d WHERE d.market_id = @market AND d.account_id = a.id) d
			ON d.ended IS NOT TRUE AND (d.approved OR a.proposed_at > @now::timestamptz - @proposal_lives::interval)
		LEFT JOIN occupancies o ON o.market_id = @market AND o.vendor_id = a.vendor_id AND o.ended IS NULL
		LEFT JOIN stalls s ON s.market_id = @market AND s.id = o.stall_id
		ORDER BY 1, 2`,
		pgx.StrictNamedArgs{"market": m.ID, "bins": bins, "numbers": numbers, "vendors": vendors, "now": now, "proposal_lives": ProposalLives})
	out := make([][]string, len(as))
	for _, p := range pairs {
		out[p.N-1] = append(out[p.N-1], p.Stall)
	}
	return out, err
}

// Withdraw takes a proposal back: whoever brought it in, or touched it since, changed their mind. A provisional placard of it stops.
//
// Faults: Invalid; NotFound; Forbidden not-yours; Conflict account-decided, proposal-expired.
func (s *Service) Withdraw(ctx context.Context, by Actor, ref AccountRef, reason string) (Account, error) {
	now := s.now()
	var bad []fault.Field
	reason = text(&bad, "reason", reason, maxReason, false)
	if err := fault.Check("withdrawal-invalid", bad); err != nil {
		return Account{}, err
	}
	var a Account
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, ProposeAccount, ref.Market)
		if err != nil {
			return notFoundAs(err, accountNotFound())
		}
		if a, err = held(ctx, tx, m, ref.ID, now); err != nil {
			return err
		}
		switch {
		case !slices.Contains(a.TouchedBy, by.ID):
			return fault.New(fault.Forbidden, "not-yours", "Only who brought this in may take it back. Whoever approves may turn it down.")
		case a.State == StateExpired:
			return proposalExpired()
		case a.State != StateProposed:
			return accountDecided(a.State)
		}
		events, err := withdraw(ctx, tx, by, m, a, reason, now)
		if err != nil {
			return err
		}
		if a, err = accountShown(ctx, tx, m, a.RecordID, now); err != nil {
			return err
		}
		if err := Recount(ctx, tx, m.ID, now, a.VendorID); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, events...)
	})
	return a, actionContext("withdraw account", ref.String(), err)
}

// withdraw ends a proposal without a decision on it; the caller writes the events, and holds the vendor's lock.
func withdraw(ctx context.Context, tx pgx.Tx, by Actor, m Market, a Account, reason string, now time.Time) ([]Event, error) {
	if err := insertDecision(ctx, tx, by, m.ID, a.RecordID, StateWithdrawn, reason, now); err != nil {
		return nil, err
	}
	ended, err := endProvisional(ctx, tx, by, m, a, "account withdrawn", now)
	return append([]Event{{"account.withdrawn", "account:" + a.RecordID.String(), nil}}, ended...), err
}

// endProvisional stops the placards of a proposal that came to nothing, and has them taken down.
func endProvisional(ctx context.Context, tx pgx.Tx, by Actor, m Market, a Account, reason string, now time.Time) ([]Event, error) {
	tasks, err := takeDown(ctx, tx, by, m, a, urgent, reason, now)
	if err != nil {
		return nil, err
	}
	ended, err := endPlacardsOf(ctx, tx, by, m.ID, a.RecordID, "suspended", reason, now)
	return append(ended, tasks...), err
}

// Expire ends the proposals whose time is over, in all markets, and stops the provisional placards of them. It says how many ended.
// A service calls it from time to time; until then they are read as expired all the same.
func (s *Service) Expire(ctx context.Context) (ended int, err error) {
	now := s.now()
	args := pgx.StrictNamedArgs{"now": now, "proposal_lives": ProposalLives}
	markets, err := postgres.All[string](ctx, s.db, `
		SELECT m.code FROM markets m
		WHERE m.id IN (SELECT a.market_id FROM accounts a WHERE a.proposed_at <= @now::timestamptz - @proposal_lives::interval
		              AND NOT EXISTS (SELECT 1 FROM account_decisions d WHERE d.market_id = a.market_id AND d.account_id = a.id))
		   OR m.id IN (SELECT p.market_id FROM default_proposals p WHERE p.proposed_at <= @now::timestamptz - @proposal_lives::interval
		              AND NOT EXISTS (SELECT 1 FROM default_decisions d WHERE d.market_id = p.market_id AND d.proposal_id = p.id))
		ORDER BY m.id`, args)
	if err != nil {
		return 0, err
	}
	for _, code := range markets {
		n, err := s.expireIn(ctx, code, now)
		ended += n
		if err != nil {
			return ended, actionContext("expire proposals of", code, err)
		}
	}
	return ended, nil
}

func (s *Service) expireIn(ctx context.Context, marketCode string, now time.Time) (ended int, err error) {
	by := system("")
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := selectMarket(ctx, tx, marketCode)
		if err != nil {
			return err
		}
		if err := oneAtATime(ctx, tx, m.ID, "print"); err != nil {
			return err
		}
		// Vendors in one order, as decisions lock them, so that nobody decides in the same moment.
		if _, err := tx.Exec(ctx, `
			SELECT FROM vendors v WHERE v.market_id = @market AND EXISTS (
				SELECT FROM accounts a WHERE a.market_id = @market AND a.vendor_id = v.id AND a.proposed_at <= @now::timestamptz - @proposal_lives::interval
				AND NOT EXISTS (SELECT 1 FROM account_decisions d WHERE d.market_id = @market AND d.account_id = a.id))
			ORDER BY v.id FOR UPDATE`, accountArgs(m.ID, now)); err != nil {
			return err
		}
		overdue, err := postgres.All[Account](ctx, tx, `WITH account AS (`+accountColumns+` WHERE a.market_id = @market AND d.n = 0
			AND a.proposed_at <= @now::timestamptz - @proposal_lives::interval) SELECT account.* FROM account ORDER BY id`, accountArgs(m.ID, now))
		if err != nil {
			return err
		}
		var events []Event
		var vendors []VendorID
		for _, a := range overdue {
			vendors = append(vendors, a.VendorID)
			if err := insertDecision(ctx, tx, by, m.ID, a.RecordID, StateExpired, "", now); err != nil {
				return err
			}
			stopped, err := endProvisional(ctx, tx, by, m, a, "account expired", now)
			if err != nil {
				return err
			}
			events = append(append(events, Event{"account.expired", "account:" + a.RecordID.String(), nil}), stopped...)
		}
		switches, err := expireDefaults(ctx, tx, by, m, now)
		if err != nil {
			return err
		}
		ended = len(overdue) + len(switches)
		if err := Recount(ctx, tx, m.ID, now, vendors...); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, append(events, switches...)...)
	})
	return ended, err
}

// Decision is the second person's word on a proposal.
type Decision struct {
	Account    AccountRef `json:"id"`
	ETag       string     `json:"etag"`
	Decision   string     `json:"decision"` // approve or reject
	Reason     string     `json:"reason"`   // wanted for a rejection, and for an approval although another name was heard
	LastDigits string     `json:"last_digits"`
}

// ChangeDigits is how many last digits the approver of a change types again, from the vendor's phone and not from our screen.
const ChangeDigits = 6

// Decide approves or rejects a proposal. Whoever brought it in, or touched it since, is refused; so is every key and the
// console in its own name. A first account becomes the vendor's default; a change takes the old one's place: in the same transaction
// every live placard of the old one stops counting, and tasks are made for new ones, and the vendor's notice.
//
// Faults: NeedsVersion; Stale; Invalid (reason, last_digits); NotFound; Forbidden own-proposal, made-by-proposer,
// keys-never-approve, not-allowed; Unauthenticated step-up-needed, for a change; Conflict account-decided, proposal-expired,
// provider-in-force.
func (s *Service) Decide(ctx context.Context, by Actor, d Decision) (Account, error) {
	now := s.now()
	var bad []fault.Field
	d.Reason = text(&bad, "reason", d.Reason, maxReason, d.Decision == "reject")
	if d.Decision != "approve" && d.Decision != "reject" {
		bad = append(bad, fault.At("decision", "unknown", "One of: %s.", "approve, reject"))
	}
	if err := fault.Check("decision-invalid", bad); err != nil {
		return Account{}, err
	}
	var a Account
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, SeeVendors, d.Account.Market)
		if err != nil {
			if fault.CodeOf(err) == "market-not-found" {
				err = accountNotFound()
			}
			return err
		}
		var events []Event
		if a, events, err = decide(ctx, tx, by, m, d, now); err != nil {
			return err
		}
		if a, err = accountShown(ctx, tx, m, a.RecordID, now); err != nil {
			return err
		}
		if err := Recount(ctx, tx, m.ID, now, a.VendorID); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, events...)
	})
	if err != nil {
		s.recordRefusal(ctx, by, d, err)
		return Account{}, actionContext("decide account", d.Account.String(), err)
	}
	return a, nil
}

// recordRefusal keeps the trace of a decision that was refused, in a transaction of its own, since the first was rolled back. Of
// somebody who has nothing to do with the market nothing is kept: strangers do not write into its record.
func (s *Service) recordRefusal(ctx context.Context, by Actor, d Decision, why error) {
	f, ok := fault.As(why)
	if !ok || f.Kind == fault.Busy || f.Kind == fault.Unknown {
		return
	}
	s.refused(ctx, by, d.Account.Market, Event{"account.decision_refused", "account:" + d.Account.ID.String(), []string{f.Code}})
}

// refused keeps the trace of a refused act in a market, apart from the transaction that was rolled back.
func (s *Service) refused(ctx context.Context, by Actor, marketCode string, e Event) {
	m, err := selectMarket(ctx, s.apart, marketCode)
	if err != nil {
		return
	}
	if _, inScope := by.can(SeeMarket, m); !inScope {
		return
	}
	s.refusedIn(ctx, by, m.ID, e)
}

// refusedIn is refused on a chain; the zero market: the service's own.
func (s *Service) refusedIn(ctx context.Context, by Actor, chain MarketID, e Event) {
	_ = pgx.BeginFunc(ctx, s.apart, func(tx pgx.Tx) error { // the refusal itself stands whether or not its trace could be kept
		return Audit(ctx, tx, s.now(), by, chain, e)
	})
}

// forbade is refused where err says that the actor's role does not allow the act, and nothing otherwise.
func (s *Service) forbade(ctx context.Context, by Actor, marketCode string, err error, e Event) {
	if fault.KindOf(err) == fault.Forbidden {
		s.refused(ctx, by, marketCode, e)
	}
}

// held is an account with its vendor locked until the transaction ends: proposals and decisions come one after the other.
func held(ctx context.Context, tx pgx.Tx, m Market, which AccountID, now time.Time) (Account, error) {
	// No batch may be issuing meanwhile: it would not see that an account ended, nor this that a placard was made.
	if err := oneAtATime(ctx, tx, m.ID, "print"); err != nil {
		return Account{}, err
	}
	if _, err := postgres.Found[VendorID](ctx, tx, accountNotFound(), `
		SELECT v.id FROM accounts a JOIN vendors v ON v.market_id = a.market_id AND v.id = a.vendor_id
		WHERE a.market_id = @market AND a.id = @id FOR UPDATE OF v`, pgx.StrictNamedArgs{"market": m.ID, "id": which}); err != nil {
		return Account{}, err
	}
	return account(ctx, tx, m, which, now)
}

func proposalExpired() error {
	return fault.New(fault.Conflict, "proposal-expired", "This proposal waited over 14 days and is over. Bring the account in again.")
}

func accountDecided(s State) error {
	return fault.New(fault.Conflict, "account-decided", "This account is %s already.", s)
}

func ownProposal() *fault.Error {
	return fault.New(fault.Forbidden, "own-proposal", "You entered this account, so someone else must approve it.")
}

// decide is one decision inside a transaction; the caller writes the events, last.
func decide(ctx context.Context, tx pgx.Tx, by Actor, m Market, d Decision, now time.Time) (Account, []Event, error) {
	fail := func(err error) (Account, []Event, error) { return Account{}, nil, err }
	if strings.HasPrefix(by.ID, "key:") {
		return fail(fault.New(fault.Forbidden, "keys-never-approve", "A program's key can never approve. A person must."))
	}
	a, err := held(ctx, tx, m, d.Account.ID, now)
	if err != nil {
		return fail(err)
	}
	needs := ApproveFirst
	if a.ReplacesID != nil {
		needs = ApproveChange
	}
	switch {
	case !by.Can(needs, m):
		return fail(Forbidden())
	case d.Decision == "approve" && slices.Contains(a.TouchedBy, by.ID):
		return fail(ownProposal())
	case a.State == StateExpired:
		return fail(proposalExpired())
	}
	if err := Unchanged(d.ETag, a.ETag()); err != nil {
		return fail(err)
	}
	if a.State != StateProposed {
		return fail(accountDecided(a.State))
	}
	events := []Event{{"account." + d.Decision + "d", "account:" + a.RecordID.String(), nil}}
	var more []Event
	if d.Decision == "reject" {
		events[0].Action = "account.rejected"
		if err = insertDecision(ctx, tx, by, m.ID, a.RecordID, StateRejected, d.Reason, now); err == nil {
			more, err = endProvisional(ctx, tx, by, m, a, "account rejected", now)
		}
	} else {
		more, err = approve(ctx, tx, by, m, a, d, now)
	}
	events = append(events, more...)
	if postgres.Violated(err) == "account_decisions_second_person" {
		err = ownProposal().Because(err)
	}
	if err != nil {
		return fail(err)
	}
	a, err = account(ctx, tx, m, a.RecordID, now)
	return a, events, err
}

// approve writes the approval of an account and moves the vendor's default where that follows.
func approve(ctx context.Context, tx pgx.Tx, by Actor, m Market, a Account, d Decision, now time.Time) ([]Event, error) {
	if d.Reason == "" {
		differs, err := nameDiffers(ctx, tx, m, a.RecordID)
		if err != nil {
			return nil, err
		}
		if differs {
			return nil, fault.New(fault.Invalid, "decision-invalid", "Some fields need mending.").
				With(fault.At("reason", "name-differs", "Another name than the holder's was heard. Say why you approve all the same."))
		}
	}
	if d.Reason == "" && a.ClosedSince != nil {
		return nil, approvesClosed()
	}
	if err := a.explained(ctx, tx, m, d.Reason, now); err != nil {
		return nil, err
	}
	have, err := accountsOf(ctx, tx, m, a.VendorID, now)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(have, func(o Account) bool { return o.State == StateApproved && o.ProposedAt.Before(a.ProposedAt) }) {
		if err := ownMaking(ctx, tx, by, a.TouchedBy, now); err != nil {
			return nil, err
		}
	}
	if a.ReplacesID == nil {
		for _, o := range have { // two first accounts at one provider were proposed side by side: the second is a change
			if o.State == StateApproved && (o.Provider == a.Provider || o.BIN == a.BIN) {
				return nil, fault.New(fault.Conflict, "provider-in-force", "Another account at %s is in force by now. Bring this one in again, as a change.", a.ProviderName)
			}
		}
		if err := insertDecision(ctx, tx, by, m.ID, a.RecordID, StateApproved, d.Reason, now); err != nil {
			return nil, err
		}
		return point(ctx, tx, m.ID, a.VendorID, nil, a.RecordID)
	}
	if err := by.Fresh(now); err != nil {
		return nil, err
	}
	if err := a.typedAgain(d.LastDigits); err != nil {
		return nil, err
	}
	old, err := account(ctx, tx, m, *a.ReplacesID, now)
	if err != nil {
		return nil, err
	}
	if old.State != StateApproved {
		return nil, fault.New(fault.Conflict, "account-decided", "The account to be replaced is %s. Bring the new one in again.", old.State)
	}
	if err := insertDecision(ctx, tx, by, m.ID, a.RecordID, StateApproved, d.Reason, now); err != nil {
		return nil, err
	}
	if err := insertDecision(ctx, tx, by, m.ID, old.RecordID, StateSuperseded, "", now); err != nil {
		return nil, err
	}
	moved, err := point(ctx, tx, m.ID, a.VendorID, &old.RecordID, a.RecordID)
	if err != nil {
		return nil, err
	}
	events := append(moved, Event{"account.superseded", "account:" + old.RecordID.String(), nil})
	made, err := replacementTasks(ctx, tx, by, m, old, a, urgent, "account changed", now)
	if err != nil {
		return nil, err
	}
	revoked, err := endPlacardsOf(ctx, tx, by, m.ID, old.RecordID, "replaced", "account changed", now)
	if err != nil {
		return nil, err
	}
	told, err := queueNotice(ctx, tx, m, "account_changed", old, a, now)
	return slices.Concat(events, revoked, made, told), err
}

// typedAgain wants a change's last digits from the vendor's phone. Faults: Invalid.
func (a Account) typedAgain(digits string) error {
	if tail := a.FullNumber[max(0, len(a.FullNumber)-ChangeDigits):]; digits != tail {
		return fault.New(fault.Invalid, "last-digits-wrong", "A change is approved with the last %d digits, read from the vendor's own phone.", ChangeDigits).
			With(fault.At("last_digits", "wrong", "These are not its last digits."))
	}
	return nil
}

// point moves a vendor's default from one account, nil for none yet, to another. It is the one statement by which a pointer to money
// moves. Whoever calls it has written the second person's word in the same transaction; without that word it moves nothing.
func point(ctx context.Context, tx pgx.Tx, m MarketID, v VendorID, from *AccountID, to AccountID) ([]Event, error) {
	tag, err := tx.Exec(ctx, `
		UPDATE vendors SET default_account = @to
		WHERE market_id = @market AND id = @vendor AND default_account IS NOT DISTINCT FROM @from
		  AND EXISTS (SELECT 1 FROM account_decisions d WHERE d.market_id = @market AND d.account_id = @to AND d.decision = 'approved')
		  AND NOT EXISTS (SELECT 1 FROM account_decisions d WHERE d.market_id = @market AND d.account_id = @to AND d.decision <> 'approved')`,
		pgx.StrictNamedArgs{"market": m, "vendor": v, "from": from, "to": to})
	if err != nil || tag.RowsAffected() == 0 {
		return nil, err
	}
	return []Event{{defaultMoved, "vendor:" + v.String(), []string{"default_account"}}}, nil
}

// ownMaking refuses an approver whose every role was handed out by somebody who touched the proposal, where money could be led away
// from an account in force: otherwise a person who may add people would be two. Whoever may run the console could do anything, and is
// not counted. Faults: Forbidden made-by-proposer.
func ownMaking(ctx context.Context, db postgres.Querier, by Actor, touched []string, now time.Time) error {
	made, err := postgres.One[bool](ctx, db, `
		SELECT coalesce(bool_and(g.created_by LIKE 'person:%' AND g.created_by = ANY (@touched)), false) FROM grants g
		WHERE 'person:' || g.person_id = @by AND (g.ends_at IS NULL OR g.ends_at > @now)`,
		pgx.StrictNamedArgs{"by": by.ID, "touched": touched, "now": now})
	if err == nil && made {
		err = fault.New(fault.Forbidden, "made-by-proposer", "Whoever entered this account gave you your role, so somebody else must approve it.")
	}
	return err
}

func insertDecision(ctx context.Context, tx pgx.Tx, by Actor, m MarketID, account AccountID, decision State, reason string, now time.Time) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO account_decisions (market_id, id, account_id, decision, reason, via, decided_by, decided_at, payload_sha256, touched_by)
		SELECT a.market_id, @id, a.id, @decision, @reason, @via, @by, @now, a.payload_sha256, a.touched_by
		FROM accounts a WHERE a.market_id = @market AND a.id = @account`,
		pgx.StrictNamedArgs{"id": id.New[decisionRow](), "decision": string(decision), "reason": reason, "via": by.Via, "by": by.ID,
			"now": now, "market": m, "account": account})
	return err
}

type decisionRow struct{}

// Pending is a proposal that waits for its second person, with the stall it belongs to.
type Pending struct {
	Account
	Stall   string `json:"stall"`
	Section string `json:"section"`
	Vendor  string `json:"vendor"`
	Mine    bool   `json:"mine" db:"-"` // the actor brought it in, so somebody else must decide
}

// Pending lists the proposals that wait in a market, in walking order, each vendor's in the order of its columns.
// Faults: NotFound; Forbidden.
func (s *Service) Pending(ctx context.Context, by Actor, marketCode string) ([]Pending, error) {
	m, err := market(ctx, s.db, by, SeeVendors, marketCode)
	if err != nil {
		return nil, err
	}
	return pending(ctx, s.db, by, m, s.now())
}

func pending(ctx context.Context, db postgres.Querier, by Actor, m Market, now time.Time) ([]Pending, error) {
	ps, err := postgres.All[Pending](ctx, db, `
		WITH account AS (`+accountColumns+` WHERE a.market_id = @market)
		SELECT account.*, s.code AS stall, s.section, v.name AS vendor
		FROM account
		JOIN vendors v ON v.market_id = @market AND v.id = account.vendor_id
		JOIN LATERAL (SELECT s.code, s.section, s.position, s.code_key FROM occupancies o
		              JOIN LATERAL (SELECT s.code, s.section, s.position, s.code_key FROM stalls s WHERE s.market_id = @market AND s.id = o.stall_id OFFSET 0) s ON true
		              WHERE o.market_id = @market AND o.vendor_id = v.id AND o.ended IS NULL
		              ORDER BY s.position, s.code_key LIMIT 1) s ON true
		WHERE account.state = 'proposed'
		ORDER BY s.position, s.code_key, account.proposed_at, (SELECT rank FROM accounts r WHERE r.market_id = @market AND r.id = account.id)`,
		accountArgs(m.ID, now))
	if err != nil {
		return nil, err
	}
	as := make([]Account, len(ps))
	for i := range ps {
		ps[i].dress(m)
		as[i] = ps[i].Account
	}
	err = describe(ctx, db, m, as, now)
	for i := range ps {
		ps[i].Account = as[i]
		ps[i].Mine = slices.Contains(ps[i].TouchedBy, by.ID)
	}
	return ps, err
}

// Answer is what became of one decision among many.
type Answer struct {
	Account AccountRef   `json:"id"`
	State   State        `json:"state,omitempty"`
	Fault   *fault.Error `json:"-"`
}

// maxDecisions is how many decisions one call may hold.
const maxDecisions = 2000

// DecideMany decides a market's proposals one by one, each on its own: one that is refused does not hold up the rest.
// Faults: NotFound; Forbidden; Invalid too-many.
func (s *Service) DecideMany(ctx context.Context, by Actor, marketCode string, ds []Decision) ([]Answer, error) {
	if len(ds) > maxDecisions {
		return nil, fault.New(fault.Invalid, "too-many", "At most %d decisions at a time.", maxDecisions)
	}
	now := s.now()
	answers := make([]Answer, len(ds))
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, SeeVendors, marketCode)
		if err != nil {
			return err
		}
		if ok := by.Can(ApproveFirst, m); !ok {
			return Forbidden()
		}
		if err := planAnew(ctx, tx, len(ds)); err != nil {
			return err
		}
		var all []Event
		var vendors []VendorID
		for i, d := range ds {
			answers[i].Account = d.Account
			err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
				if d.Account.Market != m.Code {
					return accountNotFound()
				}
				if d.Decision != "approve" && d.Decision != "reject" {
					return fault.New(fault.Invalid, "decision-invalid", "Some fields need mending.").With(fault.At("decision", "unknown", "One of: %s.", "approve, reject"))
				}
				var bad []fault.Field
				d.Reason = text(&bad, "reason", d.Reason, maxReason, d.Decision == "reject")
				if err := fault.Check("decision-invalid", bad); err != nil {
					return err
				}
				a, events, err := decide(ctx, tx, by, m, d, now)
				if err == nil {
					answers[i].State = a.State
					vendors = append(vendors, a.VendorID)
					all = append(all, events...)
				}
				return err
			})
			if f, ok := fault.As(err); ok {
				answers[i].Fault = f
				all = append(all, Event{"account.decision_refused", "account:" + d.Account.ID.String(), []string{f.Code}})
			} else if err != nil {
				return err
			}
		}
		if err := Recount(ctx, tx, m.ID, now, vendors...); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, all...)
	})
	return answers, actionContext("decide accounts of", marketCode, err)
}
