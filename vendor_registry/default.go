package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// DefaultID names a proposal for another default within a market.
type DefaultID = id.ID[DefaultProposal]

// DefaultRef names one that comes in alone.
type DefaultRef = Ref[DefaultProposal]

// DefaultProposal is the wish that another approved account be the one that the vendor's placards pay. It re-points money, so a second
// person decides it as a change.
type DefaultProposal struct {
	Ref        DefaultRef `json:"id" db:"-"`
	ID         DefaultID  `json:"-"`
	Stall      string     `json:"stall"`
	Vendor     string     `json:"vendor"`
	Account    Account    `json:"account" db:"-"`    // to be the default
	InsteadOf  Account    `json:"instead_of" db:"-"` // the default then
	Reason     string     `json:"reason"`
	State      State      `json:"state"` // proposed, approved, rejected, withdrawn, expired
	ProposedAt time.Time  `json:"proposed_at"`
	Mine       bool       `json:"mine" db:"-"` // the actor had it in hand, so somebody else must decide
	Version    string     `json:"etag" db:"-"`
	AccountID  AccountID  `json:"-"`
	OldID      AccountID  `json:"-"`
	VendorID   VendorID   `json:"-"`
	TouchedBy  []string   `json:"-"`
	Decisions  int        `json:"-"`
}

// ETag is the proposal's version: a decision makes a new one.
func (p DefaultProposal) ETag() string { return fmt.Sprintf(`"%s.%d"`, p.ID, p.Decisions) }

// NewDefault says which approved account of the stall's vendor should be the default, and why.
type NewDefault struct {
	Account string `json:"account"`
	Reason  string `json:"reason"`
}

const defaultColumns = `
	SELECT p.id, coalesce(s.code, '') AS stall, v.name AS vendor, p.reason, p.proposed_at, p.account_id, p.instead_of AS old_id, p.vendor_id, p.touched_by,
	       CASE WHEN d.decision IS NULL THEN 0 ELSE 1 END AS decisions,
	       CASE WHEN d.decision IS NOT NULL THEN d.decision
	            WHEN p.proposed_at <= @now::timestamptz - @proposal_lives::interval THEN 'expired' ELSE 'proposed' END AS state
	FROM default_proposals p
	JOIN vendors v ON v.market_id = p.market_id AND v.id = p.vendor_id
	LEFT JOIN default_decisions d ON d.market_id = p.market_id AND d.proposal_id = p.id
	LEFT JOIN LATERAL (SELECT s.code, s.position, s.code_key FROM occupancies o JOIN stalls s ON s.market_id = o.market_id AND s.id = o.stall_id
	                   WHERE o.market_id = @market AND o.vendor_id = p.vendor_id AND o.ended IS NULL ORDER BY s.position, s.code_key LIMIT 1) s ON true`

// defaults reads proposals with both accounts; args are those of accountArgs with what where names.
func defaults(ctx context.Context, db postgres.Querier, by Actor, m Market, where string, args pgx.StrictNamedArgs, now time.Time) ([]DefaultProposal, error) {
	ps, err := postgres.All[DefaultProposal](ctx, db, defaultColumns+" "+where, args)
	if err != nil || len(ps) == 0 {
		return ps, err
	}
	ids := make([]AccountID, 0, 2*len(ps))
	for _, p := range ps {
		ids = append(ids, p.AccountID, p.OldID)
	}
	named := accountArgs(m.ID, now)
	named["ids"] = ids
	as, err := postgres.All[Account](ctx, db, accountColumns+` WHERE a.market_id = @market AND a.id = ANY (@ids)`, named)
	if err != nil {
		return nil, err
	}
	for i := range as {
		as[i].dress(m)
	}
	if err := describe(ctx, db, m, as, now); err != nil {
		return nil, err
	}
	byID := map[AccountID]Account{}
	for _, a := range as {
		byID[a.RecordID] = a
	}
	for i := range ps {
		p := &ps[i]
		p.Ref, p.Version = DefaultRef{m.Code, p.ID}, p.ETag()
		p.Account, p.InsteadOf = byID[p.AccountID], byID[p.OldID]
		p.Mine = slices.Contains(p.TouchedBy, by.ID)
	}
	return ps, nil
}

func defaultNotFound() *fault.Error {
	return fault.New(fault.NotFound, "default-proposal-not-found", "There is no such proposal here.")
}

func defaultProposal(ctx context.Context, db postgres.Querier, by Actor, m Market, which DefaultID, now time.Time) (DefaultProposal, error) {
	args := accountArgs(m.ID, now)
	args["id"] = which
	ps, err := defaults(ctx, db, by, m, `WHERE p.market_id = @market AND p.id = @id`, args, now)
	if err != nil {
		return DefaultProposal{}, err
	}
	if len(ps) == 0 {
		return DefaultProposal{}, defaultNotFound()
	}
	return ps[0], nil
}

// ProposeDefault asks for another of the vendor's approved accounts to be the default. It moves nothing.
//
// Faults: Invalid (account is no approved one of this vendor, or the default already); NotFound; Forbidden; Conflict stall-vacant,
// default-proposed (one waits already).
func (s *Service) ProposeDefault(ctx context.Context, by Actor, marketCode, code string, in NewDefault) (DefaultProposal, error) {
	now := s.now()
	var bad []fault.Field
	in.Reason = text(&bad, "reason", in.Reason, maxReason, false)
	if strings.TrimSpace(in.Account) == "" {
		bad = append(bad, fault.At("account", "required", "This must be filled in."))
	}
	if err := fault.Check("default-invalid", bad); err != nil {
		return DefaultProposal{}, err
	}
	var p DefaultProposal
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, ProposeAccount, marketCode)
		if err != nil {
			return err
		}
		v, err := vendorAt(ctx, tx, m, code)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT FROM vendors WHERE market_id = @market AND id = @vendor FOR UPDATE`, // as in propose
			pgx.StrictNamedArgs{"market": m.ID, "vendor": v}); err != nil {
			return err
		}
		have, err := accountsOf(ctx, tx, m, v, now)
		if err != nil {
			return err
		}
		var to, from *Account
		for i, a := range have {
			if a.State == StateApproved && a.ID.String() == in.Account {
				to = &have[i]
			}
			if a.Default {
				from = &have[i]
			}
		}
		wrong := func(code, format string, args ...any) error {
			return fault.New(fault.Invalid, "default-invalid", "Some fields need mending.").With(fault.At("account", code, format, args...))
		}
		switch {
		case to == nil || from == nil:
			return wrong("unknown", "This vendor has no approved account %q.", fault.Clip(in.Account, 60))
		case to.Default:
			return wrong("same", "This is the default already.")
		}
		args := accountArgs(m.ID, now)
		args["vendor"] = v
		waiting, err := defaults(ctx, tx, by, m, `WHERE p.market_id = @market AND p.vendor_id = @vendor AND d.decision IS NULL
			AND p.proposed_at > @now::timestamptz - @proposal_lives::interval`, args, now)
		if err != nil {
			return err
		}
		if len(waiting) > 0 {
			return fault.New(fault.Conflict, "default-proposed", "Another default was proposed for this vendor already (%s). Decide that one first.", waiting[0].Ref)
		}
		touched := []string{by.ID} // whoever brought the account in had a hand in where the money would go
		for _, who := range to.TouchedBy {
			if who != by.ID {
				touched = append(touched, who)
			}
		}
		which := id.New[DefaultProposal]()
		if _, err := tx.Exec(ctx, `
			INSERT INTO default_proposals (market_id, id, vendor_id, account_id, instead_of, payload_sha256, reason, touched_by, proposed_by, proposed_at)
			SELECT a.market_id, @id, a.vendor_id, a.id, @old, a.payload_sha256, @reason, @touched, @by, @now
			FROM accounts a WHERE a.market_id = @market AND a.id = @account`,
			pgx.StrictNamedArgs{"id": which, "old": from.RecordID, "reason": in.Reason, "touched": touched, "by": by.ID, "now": now,
				"market": m.ID, "account": to.RecordID}); err != nil {
			return err
		}
		if p, err = defaultProposal(ctx, tx, by, m, which, now); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"default.proposed", "default:" + which.String(), []string{"account"}})
	})
	return p, actionContext("propose a default at", code, err)
}

// DefaultProposals lists those of a market that wait, oldest first. Faults: NotFound; Forbidden.
func (s *Service) DefaultProposals(ctx context.Context, by Actor, marketCode string) ([]DefaultProposal, error) {
	m, err := market(ctx, s.db, by, SeeVendors, marketCode)
	if err != nil {
		return nil, err
	}
	now := s.now()
	ps, err := defaults(ctx, s.db, by, m, `WHERE p.market_id = @market AND d.decision IS NULL AND p.proposed_at > @now::timestamptz - @proposal_lives::interval
		ORDER BY p.proposed_at, p.id LIMIT 200`, accountArgs(m.ID, now), now)
	return ps, actionContext("default proposals of", marketCode, err)
}

// DefaultProposal is one of them. Faults: NotFound; Forbidden.
func (s *Service) DefaultProposal(ctx context.Context, by Actor, ref DefaultRef) (DefaultProposal, error) {
	m, err := market(ctx, s.db, by, SeeVendors, ref.Market)
	if err != nil {
		return DefaultProposal{}, notFoundAs(err, defaultNotFound())
	}
	return defaultProposal(ctx, s.db, by, m, ref.ID, s.now())
}

// DefaultDecision is the word on a proposal for another default: the second person's approve or reject, or withdraw by who brought it in.
type DefaultDecision struct {
	Proposal   DefaultRef `json:"-"`
	ETag       string     `json:"-"`
	Decision   string     `json:"decision"`
	Reason     string     `json:"reason"`
	LastDigits string     `json:"last_digits"`
}

// DecideDefault approves, rejects or withdraws a proposal for another default, by the rules of a change. Once approved, the vendor's money goes to
// the other account; both stay in force, so the placards that hang go on paying the vendor until the tasks made here replace them.
//
// Faults: those of Decide, step-up-needed too; Forbidden not-yours for a withdrawal; Conflict default-moved when the default is another by now.
func (s *Service) DecideDefault(ctx context.Context, by Actor, d DefaultDecision) (DefaultProposal, error) {
	now := s.now()
	var bad []fault.Field
	d.Reason = text(&bad, "reason", d.Reason, maxReason, d.Decision == "reject")
	if !slices.Contains([]string{"approve", "reject", "withdraw"}, d.Decision) {
		bad = append(bad, fault.At("decision", "unknown", "One of: %s.", "approve, reject, withdraw"))
	}
	if err := fault.Check("decision-invalid", bad); err != nil {
		return DefaultProposal{}, err
	}
	var p DefaultProposal
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, SeeVendors, d.Proposal.Market)
		if err != nil {
			return notFoundAs(err, defaultNotFound())
		}
		events, err := decideDefault(ctx, tx, by, m, d, now)
		if err != nil {
			return err
		}
		if p, err = defaultProposal(ctx, tx, by, m, d.Proposal.ID, now); err != nil {
			return err
		}
		if err := Recount(ctx, tx, m.ID, now, p.VendorID); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, events...)
	})
	if err != nil {
		if f, ok := fault.As(err); ok && f.Kind != fault.Busy {
			s.refused(ctx, by, d.Proposal.Market, Event{"default.decision_refused", "default:" + d.Proposal.ID.String(), []string{f.Code}})
		}
		return DefaultProposal{}, actionContext("decide default", d.Proposal.String(), err)
	}
	return p, nil
}

func decideDefault(ctx context.Context, tx pgx.Tx, by Actor, m Market, d DefaultDecision, now time.Time) ([]Event, error) {
	if strings.HasPrefix(by.ID, "key:") && d.Decision != "withdraw" {
		return nil, fault.New(fault.Forbidden, "keys-never-approve", "A program's key can never approve. A person must.")
	}
	if err := oneAtATime(ctx, tx, m.ID, "print"); err != nil {
		return nil, err
	}
	if _, err := postgres.Found[VendorID](ctx, tx, defaultNotFound(), `
		SELECT v.id FROM default_proposals p JOIN vendors v ON v.market_id = p.market_id AND v.id = p.vendor_id
		WHERE p.market_id = @market AND p.id = @id FOR UPDATE OF v`, pgx.StrictNamedArgs{"market": m.ID, "id": d.Proposal.ID}); err != nil {
		return nil, err
	}
	p, err := defaultProposal(ctx, tx, by, m, d.Proposal.ID, now)
	if err != nil {
		return nil, err
	}
	switch {
	case d.Decision == "withdraw" && !p.Mine:
		return nil, fault.New(fault.Forbidden, "not-yours", "Only who brought this in may take it back. Whoever approves may turn it down.")
	case d.Decision == "withdraw" && !by.Can(ProposeAccount, m), d.Decision != "withdraw" && !by.Can(ApproveChange, m):
		return nil, Forbidden()
	case d.Decision == "approve" && p.Mine:
		return nil, ownProposal()
	case p.State == StateExpired:
		return nil, proposalExpired()
	}
	if err := Unchanged(d.ETag, p.ETag()); err != nil {
		return nil, err
	}
	switch {
	case p.State != StateProposed:
		return nil, fault.New(fault.Conflict, "account-decided", "This account is %s already.", p.State)
	}
	word := map[string]State{"approve": StateApproved, "reject": StateRejected, "withdraw": StateWithdrawn}[d.Decision]
	events := []Event{{"default." + string(word), "default:" + p.ID.String(), nil}}
	if word != StateApproved {
		return events, insertDefaultDecision(ctx, tx, by, m, p.ID, word, d.Reason, now)
	}
	if err := by.Fresh(now); err != nil {
		return nil, err
	}
	if err := p.Account.typedAgain(d.LastDigits); err != nil {
		return nil, err
	}
	if d.Reason == "" && p.Account.Verification.NameDiffers {
		return nil, fault.New(fault.Invalid, "decision-invalid", "Some fields need mending.").
			With(fault.At("reason", "name-differs", "Another name than the holder's was heard. Say why you approve all the same."))
	}
	if d.Reason == "" && p.Account.ClosedSince != nil {
		return nil, approvesClosed()
	}
	if p.Account.State != StateApproved || !p.InsteadOf.Default {
		return nil, fault.New(fault.Conflict, "default-moved", "The vendor's accounts changed since this was proposed. Propose it anew.")
	}
	if err := ownMaking(ctx, tx, by, p.TouchedBy, now); err != nil {
		return nil, err
	}
	if err := insertDefaultDecision(ctx, tx, by, m, p.ID, word, d.Reason, now); err != nil {
		if postgres.Violated(err) == "default_decisions_second_person" {
			err = ownProposal().Because(err)
		}
		return nil, err
	}
	moved, err := point(ctx, tx, m.ID, p.VendorID, &p.OldID, p.AccountID)
	if err != nil {
		return nil, err
	}
	made, err := replacementTasks(ctx, tx, by, m, p.InsteadOf, p.Account, ordinary, "default changed", now)
	if err != nil {
		return nil, err
	}
	told, err := queueNotice(ctx, tx, m, "default_changed", p.InsteadOf, p.Account, now)
	return slices.Concat(events, moved, made, told), err
}

func insertDefaultDecision(ctx context.Context, tx pgx.Tx, by Actor, m Market, which DefaultID, word State, reason string, now time.Time) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO default_decisions (market_id, id, proposal_id, decision, reason, via, decided_by, decided_at, payload_sha256, touched_by)
		SELECT p.market_id, @id, p.id, @decision, @reason, @via, @by, @now, p.payload_sha256, p.touched_by
		FROM default_proposals p WHERE p.market_id = @market AND p.id = @proposal`,
		pgx.StrictNamedArgs{"id": id.New[decisionRow](), "decision": string(word), "reason": reason, "via": by.Via, "by": by.ID, "now": now,
			"market": m.ID, "proposal": which})
	return err
}

// expireDefaults ends the proposals of a market whose time is over.
func expireDefaults(ctx context.Context, tx pgx.Tx, by Actor, m Market, now time.Time) ([]Event, error) {
	overdue, err := postgres.All[DefaultID](ctx, tx, `
		SELECT p.id FROM default_proposals p
		WHERE p.market_id = @market AND p.proposed_at <= @now::timestamptz - @proposal_lives::interval
		  AND NOT EXISTS (SELECT 1 FROM default_decisions d WHERE d.market_id = @market AND d.proposal_id = p.id) ORDER BY p.id`, accountArgs(m.ID, now))
	var events []Event
	for _, p := range overdue {
		if err := insertDefaultDecision(ctx, tx, by, m, p, StateExpired, "", now); err != nil {
			return nil, err
		}
		events = append(events, Event{"default.expired", "default:" + p.String(), nil})
	}
	return events, err
}
