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

// RequestRef names a request that comes in alone.
type RequestRef = Ref[Request]

// How soon a person is answered: that they were heard within two working days, which the decree on personal data asks for (DOMAIN, 6);
// that it is done by our own target (SECURITY, 5).
const (
	AcknowledgeWithin = 2 // working days after the one on which they asked
	DoneWithin        = 72 * time.Hour
)

// Request is what a person asks about their own data: the vendor, also one who left, or a relative who holds an account of theirs.
type Request struct {
	Ref            RequestRef     `json:"id" db:"-"`
	ID             id.ID[Request] `json:"-"`
	Kind           string         `json:"kind"`  // one of RequestKinds
	State          string         `json:"state"` // open, acknowledged, done, refused
	Vendor         VendorID       `json:"vendor" db:"vendor_id"`
	VendorName     string         `json:"vendor_name"`
	Stall          string         `json:"stall"` // that they hold, or held last; empty: none
	Account        *AccountRef    `json:"account,omitempty" db:"-"`
	AccountID      *AccountID     `json:"-"`
	Holder         string         `json:"holder,omitempty"` // of account: the relative who asks
	Came           string         `json:"came"`             // one of RequestWays
	Note           string         `json:"note"`
	ReceivedAt     time.Time      `json:"received_at"`
	AcknowledgeBy  time.Time      `json:"acknowledge_by" db:"-"`
	DoneBy         time.Time      `json:"done_by" db:"-"`
	AcknowledgedAt *time.Time     `json:"acknowledged_at"`
	EndedAt        *time.Time     `json:"ended_at"`
	Reason         string         `json:"reason"` // of a refusal, or what was done
	Late           string         `json:"late"`   // acknowledge, done: that clock has run out and nobody did it; empty: in time
	Stopped        []Serial       `json:"stopped,omitempty" db:"-"`
	Outcome        *string        `json:"-"`
}

// ETag is the request's version: each step makes a new one.
func (r Request) ETag() string {
	steps := 0
	for _, at := range []*time.Time{r.AcknowledgedAt, r.EndedAt} {
		if at != nil {
			steps++
		}
	}
	return fmt.Sprintf(`"%s.%d"`, r.ID, steps)
}

// RequestKinds are what a person may ask for; RequestWays are how it came in.
var (
	RequestKinds = []string{"see", "correct", "delete", "withdraw"}
	RequestWays  = []string{"stall", "desk", "phone", "letter"}
)

// NewRequest is what somebody heard a person ask.
type NewRequest struct {
	Kind       string    `json:"kind"`
	Came       string    `json:"came"`
	Note       string    `json:"note"`        // in words, such as what is wrong; wanted for correct
	Account    string    `json:"account"`     // id of the account that a relative holds who asks; empty: the vendor asks
	ReceivedAt time.Time `json:"received_at"` // zero: now
}

const requestColumns = `
	SELECT r.id, r.kind, CASE WHEN r.outcome IS NOT NULL THEN r.outcome WHEN r.acknowledged_at IS NOT NULL THEN 'acknowledged' ELSE 'open' END AS state,
	       r.vendor_id, v.name AS vendor_name, coalesce(s.code, '') AS stall, r.account_id, CASE WHEN r.account_id IS NOT NULL THEN coalesce(a.holder, '') ELSE '' END AS holder,
	       r.came, r.note, r.received_at, r.acknowledged_at, r.ended_at, r.reason, r.outcome, '' AS late
	FROM requests r
	JOIN vendors v ON v.market_id = r.market_id AND v.id = r.vendor_id
	LEFT JOIN accounts a ON a.market_id = r.market_id AND a.id = r.account_id
	LEFT JOIN LATERAL (SELECT s.code FROM occupancies o JOIN stalls s ON s.market_id = o.market_id AND s.id = o.stall_id
	                   WHERE o.market_id = @market AND o.vendor_id = r.vendor_id ORDER BY o.ended IS NULL DESC, o.ended DESC, s.position, s.code_key LIMIT 1) s ON true
	WHERE r.market_id = @market`

func (r *Request) dress(m Market, now time.Time) {
	r.Ref = RequestRef{m.Code, r.ID}
	if r.AccountID != nil {
		r.Account = &AccountRef{m.Code, *r.AccountID}
	}
	r.AcknowledgeBy, r.DoneBy = afterWorkingDays(r.ReceivedAt, AcknowledgeWithin), r.ReceivedAt.Add(DoneWithin)
	switch {
	case r.EndedAt != nil:
	case now.After(r.DoneBy):
		r.Late = "done"
	case r.AcknowledgedAt == nil && now.After(r.AcknowledgeBy):
		r.Late = "acknowledge"
	}
}

func requestNotFound() *fault.Error {
	return fault.New(fault.NotFound, "request-not-found", "There is no such request here.")
}

func request(ctx context.Context, db postgres.Querier, m Market, which id.ID[Request], now time.Time, lock string) (Request, error) {
	r, err := postgres.Found[Request](ctx, db, requestNotFound(), requestColumns+` AND r.id = @id`+lock, pgx.StrictNamedArgs{"market": m.ID, "id": which})
	r.dress(m, now)
	return r, err
}

// Requests lists what people of a market asked: the late ones first, then the others that are open by when they must be done, then, with
// ended, the last 200 that are over. Faults: NotFound; Forbidden.
func (s *Service) Requests(ctx context.Context, by Actor, marketCode string, ended bool) ([]Request, error) {
	m, err := market(ctx, s.db, by, AnswerRequests, marketCode)
	if err != nil {
		return nil, err
	}
	rs, err := postgres.All[Request](ctx, s.db, requestColumns+` AND (r.ended_at IS NULL OR @ended)
		ORDER BY r.ended_at IS NOT NULL, r.ended_at DESC, r.received_at, r.id LIMIT 1000`, pgx.StrictNamedArgs{"market": m.ID, "ended": ended})
	now, over := s.now(), 0
	for i := range rs {
		rs[i].dress(m, now)
	}
	rs = slices.DeleteFunc(rs, func(r Request) bool {
		if r.EndedAt != nil {
			over++
		}
		return over > endedShown
	})
	slices.SortStableFunc(rs, func(a, b Request) int { return lateness(a) - lateness(b) })
	return rs, actionContext("requests of", marketCode, err)
}

const endedShown = 200

func lateness(r Request) int {
	switch {
	case r.EndedAt != nil:
		return 2
	case r.Late == "":
		return 1
	}
	return 0
}

// RequestsOf are all that was asked of one vendor, the newest first. Faults: NotFound; Forbidden.
func (s *Service) RequestsOf(ctx context.Context, by Actor, marketCode string, which VendorID) ([]Request, error) {
	m, err := market(ctx, s.db, by, AnswerRequests, marketCode)
	if err != nil {
		return nil, err
	}
	rs, err := postgres.All[Request](ctx, s.db, requestColumns+` AND r.vendor_id IN (`+idsOf("@vendor::uuid")+`) ORDER BY r.received_at DESC, r.id`,
		pgx.StrictNamedArgs{"market": m.ID, "vendor": which})
	now := s.now()
	for i := range rs {
		rs[i].dress(m, now)
	}
	return rs, err
}

// Request is one request. Faults: NotFound; Forbidden.
func (s *Service) Request(ctx context.Context, by Actor, ref RequestRef) (Request, error) {
	m, err := market(ctx, s.db, by, AnswerRequests, ref.Market)
	if err != nil {
		return Request{}, notFoundAs(err, requestNotFound())
	}
	return request(ctx, s.db, m, ref.ID, s.now(), "")
}

// RecordRequest writes down what a person asked: its clocks run from when they did. Faults: Invalid; NotFound; Forbidden.
func (s *Service) RecordRequest(ctx context.Context, by Actor, marketCode string, which VendorID, in NewRequest) (Request, error) {
	now := s.now()
	var bad []fault.Field
	if !slices.Contains(RequestKinds, in.Kind) {
		bad = append(bad, fault.At("kind", "unknown", "One of: %s.", strings.Join(RequestKinds, ", ")))
	}
	if !slices.Contains(RequestWays, in.Came) {
		bad = append(bad, fault.At("came", "unknown", "One of: %s.", strings.Join(RequestWays, ", ")))
	}
	in.Note = text(&bad, "note", in.Note, maxReason, in.Kind == "correct")
	if in.ReceivedAt.IsZero() {
		in.ReceivedAt = now
	}
	if in.ReceivedAt.After(now) {
		bad = append(bad, fault.At("received_at", "future", "A time up to now."))
	}
	var account *AccountID
	if in.Account != "" {
		ref, err := ParseRef[Account](in.Account)
		if err != nil || ref.Market != marketCode {
			bad = append(bad, unknownRelative())
		}
		account = &ref.ID
	}
	if err := fault.Check("request-invalid", bad); err != nil {
		return Request{}, err
	}
	var r Request
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, AnswerRequests, marketCode)
		if err != nil {
			return err
		}
		sub, err := subjectOf(ctx, tx, m, which, nil)
		if err != nil {
			return err
		}
		if account != nil {
			theirs, err := postgres.One[bool](ctx, tx, `
				SELECT EXISTS (SELECT 1 FROM accounts a JOIN account_holders h ON h.market_id = a.market_id AND h.account_id = a.id
				               WHERE a.market_id = @market AND a.id = @account AND a.vendor_id = ANY (@vendors))`,
				pgx.StrictNamedArgs{"market": m.ID, "account": *account, "vendors": sub.vendors})
			if err != nil {
				return err
			}
			if !theirs {
				return fault.Check("request-invalid", []fault.Field{unknownRelative()})
			}
		}
		made := id.New[Request]()
		if _, err := tx.Exec(ctx, `
			INSERT INTO requests (market_id, id, vendor_id, account_id, kind, came, note, received_at, recorded_by, recorded_at)
			VALUES (@market, @id, @vendor, @account, @kind, @came, @note, @received, @by, @now)`,
			pgx.StrictNamedArgs{"market": m.ID, "id": made, "vendor": sub.vendor, "account": account, "kind": in.Kind, "came": in.Came, "note": in.Note,
				"received": in.ReceivedAt.UTC().Truncate(time.Microsecond), "by": by.ID, "now": now}); err != nil {
			return err
		}
		if r, err = request(ctx, tx, m, made, now, ""); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"request.recorded", "request:" + made.String(), []string{in.Kind}})
	})
	return r, actionContext("record a request of vendor", which.String(), err)
}

func unknownRelative() fault.Field {
	return fault.At("account", "unknown", "The vendor has no such account that a relative holds.")
}

// RequestAnswer is a step of a request.
type RequestAnswer struct {
	Request  RequestRef  `json:"-"`
	ETag     string      `json:"-"`
	Decision string      `json:"decision"` // acknowledge, done, refuse
	Reason   string      `json:"reason"`   // wanted for a refusal
	Consent  *NewConsent `json:"consent"`  // of done, when consent is withdrawn: the wording that was taken back, and how it was said
}

// AnswerRequest acknowledges a request, does it, or refuses it. Done does what was asked where the program can: a withdrawal stops what
// rested on the consent, a deletion erases the person for good. A correction is made on the vendor's page, and a copy handed out, before.
//
// Erasing wants a manager with a second factor not older than StepUpLives. One person is enough, as for every stop: nothing is paid to
// anybody else by it, boards of small markets have one or two people, and a second one would cost the person their 72 hours.
//
// Faults: NeedsVersion; Stale; Invalid; NotFound; Forbidden; Unauthenticated step-up-needed; Conflict request-ended, copy-missing,
// account-in-force (a relative's account that the vendor is paid to: another one must be approved first).
func (s *Service) AnswerRequest(ctx context.Context, by Actor, in RequestAnswer) (Request, error) {
	now := s.now()
	var bad []fault.Field
	if !slices.Contains([]string{"acknowledge", "done", "refuse"}, in.Decision) {
		bad = append(bad, fault.At("decision", "unknown", "One of: %s.", "acknowledge, done, refuse"))
	}
	in.Reason = text(&bad, "reason", in.Reason, maxReason, in.Decision == "refuse")
	if in.Consent != nil {
		in.Consent.check(&bad, "consent")
	}
	if err := fault.Check("request-invalid", bad); err != nil {
		return Request{}, err
	}
	var r Request
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, AnswerRequests, in.Request.Market)
		if err != nil {
			return notFoundAs(err, requestNotFound())
		}
		if r, err = request(ctx, tx, m, in.Request.ID, now, ` FOR UPDATE OF r`); err != nil {
			return err
		}
		if err := Unchanged(in.ETag, r.ETag()); err != nil {
			return err
		}
		if r.EndedAt != nil {
			return fault.New(fault.Conflict, "request-ended", "This request was answered already.")
		}
		var events []Event
		stopped := []Serial{}
		if in.Decision == "done" {
			if stopped, events, err = s.do(ctx, tx, by, m, r, in, now); err != nil {
				return err
			}
			if r.Kind == "delete" { // what was said of the person goes with them
				in.Reason = ""
			}
		}
		outcome := map[string]*string{"done": postgres.Null("done"), "refuse": postgres.Null("refused")}[in.Decision]
		if _, err := tx.Exec(ctx, `
			UPDATE requests SET acknowledged_by = coalesce(acknowledged_by, @by), acknowledged_at = coalesce(acknowledged_at, @now), outcome = @outcome::text,
			       reason = @reason, ended_by = CASE WHEN @outcome::text IS NOT NULL THEN @by END, ended_at = CASE WHEN @outcome::text IS NOT NULL THEN @now::timestamptz END
			WHERE market_id = @market AND id = @id`,
			pgx.StrictNamedArgs{"market": m.ID, "id": r.ID, "by": by.ID, "now": now, "outcome": outcome, "reason": in.Reason}); err != nil {
			return err
		}
		if r, err = request(ctx, tx, m, r.ID, now, ""); err != nil {
			return err
		}
		r.Stopped = stopped
		return Audit(ctx, tx, now, by, m.ID, append(events, Event{"request." + r.State, "request:" + r.ID.String(), []string{r.Kind}})...)
	})
	if f, ok := fault.As(err); ok && r.Kind == "delete" && in.Decision == "done" && (f.Kind == fault.Forbidden || f.Kind == fault.Unauthenticated) {
		s.refused(ctx, by, in.Request.Market, Event{"request.refused_to_do", "request:" + in.Request.ID.String(), []string{f.Code}})
	}
	return r, actionContext("answer request", in.Request.String(), err)
}

// do does what a request asks for. Faults: those of AnswerRequest.
func (s *Service) do(ctx context.Context, tx pgx.Tx, by Actor, m Market, r Request, in RequestAnswer, now time.Time) ([]Serial, []Event, error) {
	sub, err := subjectOf(ctx, tx, m, r.Vendor, r.AccountID)
	if err != nil {
		return nil, nil, err
	}
	switch r.Kind {
	case "see":
		handed, err := postgres.One[bool](ctx, tx, `
			SELECT EXISTS (SELECT 1 FROM disclosures WHERE market_id = @market AND kind = 'copy' AND subject = @subject AND given_at >= @since)`,
			pgx.StrictNamedArgs{"market": m.ID, "subject": sub.record(), "since": r.ReceivedAt})
		if err == nil && !handed {
			err = fault.New(fault.Conflict, "copy-missing", "Hand the person their copy first: it is made on the vendor's page.")
		}
		return []Serial{}, nil, err
	case "withdraw":
		if in.Consent == nil {
			return nil, nil, fault.Check("request-invalid", []fault.Field{fault.At("consent", "required", "Say which wording was taken back, and how.")})
		}
		if err := oneAtATime(ctx, tx, m.ID, "print"); err != nil { // no batch meanwhile
			return nil, nil, err
		}
		take := func() ([]Serial, []Event, error) { return takeBack(ctx, tx, by, m, sub, *in.Consent, now) }
		if r.AccountID != nil {
			take = func() ([]Serial, []Event, error) { return takeBackHolder(ctx, tx, by, m, *r.AccountID, now) }
		}
		stopped, events, err := take()
		if err != nil {
			return nil, nil, err
		}
		return stopped, events, Recount(ctx, tx, m.ID, now, sub.vendor)
	case "delete":
		if !by.Can(EraseVendor, m) {
			return nil, nil, Forbidden()
		}
		if err := by.Fresh(now); err != nil {
			return nil, nil, err
		}
		if r.AccountID != nil {
			paid, err := postgres.One[bool](ctx, tx, `SELECT EXISTS (SELECT 1 FROM vendors WHERE market_id = @market AND default_account = @account)`,
				pgx.StrictNamedArgs{"market": m.ID, "account": *r.AccountID})
			if err != nil {
				return nil, nil, err
			}
			if paid {
				return nil, nil, fault.New(fault.Conflict, "account-in-force", "The vendor is paid to this account. Another one must be approved in its place first.")
			}
		}
		f, events, err := s.erase(ctx, tx, by, m, sub, now)
		return f.Stopped, events, err
	}
	return []Serial{}, nil, nil
}
