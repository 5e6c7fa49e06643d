package registry

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// PlacardID names a placard within a market; people use its serial.
type PlacardID = id.ID[Placard]

// Placard is a printed payment code and its life. What stands on the paper is frozen when it is issued.
type Placard struct {
	Serial       Serial       `json:"serial"`
	ID           PlacardID    `json:"-"`
	Kind         string       `json:"kind"` // ours, or provider: a stand that a wallet or bank gave
	State        string       `json:"state"`
	Mark         string       `json:"mark,omitempty"` // sample, provisional
	Market       string       `json:"market" db:"-"`
	MarketName   string       `json:"market_name"`
	Stall        string       `json:"stall"`
	Goods        string       `json:"-"`
	Vendor       string       `json:"vendor"`
	Holder       string       `json:"holder"`
	Heard        *string      `json:"-"`                   // the name that was heard last when the code was scanned
	NameDiffers  bool         `json:"name_differs" db:"-"` // and it is not the one printed: the placard must not hang
	Provider     string       `json:"provider"`
	ProviderName string       `json:"provider_name"`
	Tail         string       `json:"last_digits"` // last four of the account
	Number       string       `json:"-"`           // the whole number, only where the vendor asked for it on the card
	ShowNumber   bool         `json:"show_number"`
	Languages    string       `json:"languages"` // of the card's words, vi+km; empty: the design's own
	Call         string       `json:"-"`
	IssuedAt     time.Time    `json:"issued_at"`
	InstalledAt  *time.Time   `json:"installed_at"`
	CheckedAt    *time.Time   `json:"checked_at"`
	CheckResult  *string      `json:"check_result"`
	RemovedAt    *time.Time   `json:"removed_at"` // taken down, or taken back after another one took its place
	AccountID    AccountID    `json:"-"`
	VendorID     VendorID     `json:"-"`
	StallID      StallID      `json:"-"`
	BatchID      id.ID[Batch] `json:"-"`
	Payload      string       `json:"-"`
	Symbol       []byte       `json:"-"`
	AccountState State        `json:"-"`
	ClosedSince  *time.Time   `json:"-"`        // of the account, by the provider's word; it stops nothing
	Again        bool         `json:"-" db:"-"` // it was sent before, and nothing was done now
}

// liveStates are those of a placard that is, or may soon be, where shoppers scan it.
var liveStates = []string{"issued", "printed", "handed_over", "installed", "suspended"}

// Live reports whether the placard is, or may soon be, where shoppers scan it.
func (p Placard) Live() bool { return slices.Contains(liveStates, p.State) }

// InUse reports whether a shopper may pay to it now.
func (p Placard) InUse() bool {
	return p.State != "suspended" && p.Live() && (p.AccountState == StateApproved || p.Mark == "provisional" && p.AccountState == StateProposed)
}

// onPaper are the columns of a placard p of an account a that are frozen since it was issued, but for its state.
const onPaper = `p.id, p.serial, p.kind, p.state, p.mark, p.market_name, p.stall_code AS stall, p.goods, p.vendor_name AS vendor, p.holder,
	       p.call, p.issued_at, p.account_id, p.vendor_id, p.stall_id, p.batch_id, a.provider, p.provider_name, right(a.number, 4) AS tail, a.payload, a.symbol,
	       p.languages, p.show_number, CASE WHEN p.show_number THEN a.number ELSE '' END AS number`

var placardColumns = `
	SELECT ` + onPaper + `,
	       e.installed_at, e.checked_at, e.check_result, e.removed_at, e.heard, ` + ClosedSince("p.account_id") + ` AS closed_since,
	       CASE WHEN d.ended THEN 'superseded' WHEN d.approved THEN 'approved'
	            WHEN a.proposed_at <= @now::timestamptz - @proposal_lives::interval THEN 'expired' ELSE 'proposed' END AS account_state
	FROM placards p
	JOIN accounts a ON a.market_id = p.market_id AND a.id = p.account_id
	LEFT JOIN LATERAL (
		SELECT max(e.at) FILTER (WHERE e.kind = 'installed') AS installed_at,
		       max(e.at) FILTER (WHERE e.kind = 'checked') AS checked_at,
		       max(e.at) FILTER (WHERE e.kind = 'removed') AS removed_at,
		       (array_agg(e.heard_name ORDER BY e.at DESC, e.seq DESC) FILTER (WHERE e.heard_name IS NOT NULL))[1] AS heard,
		       (array_agg(e.result ORDER BY e.at DESC, e.seq DESC) FILTER (WHERE e.kind = 'checked'))[1] AS check_result
		FROM placard_events e WHERE e.market_id = @market AND e.placard_id = p.id) e ON true
	LEFT JOIN LATERAL (
		SELECT bool_or(d.decision = 'approved') AS approved, bool_or(d.decision <> 'approved') AS ended
		FROM account_decisions d WHERE d.market_id = @market AND d.account_id = p.account_id) d ON true`

func (p *Placard) dress(m Market) {
	p.Market = m.Code
	p.NameDiffers = p.Heard != nil && p.differs(*p.Heard)
	if p.ProviderName == "" { // from before it was frozen
		p.ProviderName = ProviderName(p.Provider)
	}
}

// differs reports whether a name that was heard is another than the printed one. Neither accents nor case are heard.
func (p Placard) differs(heard string) bool { return qrgen.Holder(heard) != p.Holder }

// placardsAt are a stall's placards, newest first.
func placardsAt(ctx context.Context, db postgres.Querier, m Market, stall StallID, now time.Time) ([]Placard, error) {
	return placards(ctx, db, m, `WHERE p.market_id = @market AND p.stall_id = @stall ORDER BY p.issued_at DESC, p.id`,
		pgx.StrictNamedArgs{"market": m.ID, "stall": stall, "now": now})
}

// placards reads placards of a market; args hold what where names, and the moment as now.
func placards(ctx context.Context, db postgres.Querier, m Market, where string, args pgx.StrictNamedArgs) ([]Placard, error) {
	args["proposal_lives"] = ProposalLives
	ps, err := postgres.All[Placard](ctx, db, placardColumns+" "+where, args)
	for i := range ps {
		ps[i].dress(m)
	}
	return ps, err
}

// claimed finds the market and the record of a serial.
func (s *Service) claimed(ctx context.Context, serial string) (Market, PlacardID, error) {
	no, ok := ParseSerial(serial)
	if !ok {
		return Market{}, PlacardID{}, placardNotFound()
	}
	type claim struct {
		Code      string
		PlacardID PlacardID
	}
	c, err := postgres.Found[claim](ctx, s.db, placardNotFound(), `
		SELECT m.code, c.placard_id FROM placard_serials c JOIN markets m ON m.id = c.market_id WHERE c.serial = @serial`,
		pgx.StrictNamedArgs{"serial": string(no)})
	if err != nil {
		return Market{}, PlacardID{}, err
	}
	m, err := selectMarket(ctx, s.db, c.Code)
	return m, c.PlacardID, err
}

// PublicPlacard is what anybody may know of a placard by its serial: state, market, stall, printed holder, provider, last
// four digits. Faults: NotFound, the same for an unknown and for a malformed serial.
func (s *Service) PublicPlacard(ctx context.Context, serial string) (Placard, Market, error) {
	m, which, err := s.claimed(ctx, serial)
	if err != nil {
		return Placard{}, m, err
	}
	p, err := s.placard(ctx, s.db, m, which)
	p.Number = "" // the card may show it; whoever asks from afar sees four digits
	return p, m, err
}

// Placard is one placard by its serial. Faults: NotFound, also outside the actor's scope; Forbidden.
func (s *Service) Placard(ctx context.Context, by Actor, serial string) (Placard, error) {
	m, which, err := s.claimed(ctx, serial)
	if err != nil {
		return Placard{}, err
	}
	_, masked, err := marketSeen(ctx, s.db, by, m.Code)
	if err != nil {
		return Placard{}, notFoundAs(err, placardNotFound())
	}
	p, err := s.placard(ctx, s.db, m, which)
	if masked {
		p.Holder, p.Vendor = maskedName(p.Holder), maskedName(p.Vendor)
	}
	return p, err
}

// PlacardToShow is one of our placards with its batch, to be drawn again for the vendor. Faults: NotFound, also outside the actor's
// scope and for a stand that a wallet or bank gave; Forbidden; Conflict placard-state, when it is over; Gone.
func (s *Service) PlacardToShow(ctx context.Context, by Actor, serial string) (Batch, Placard, error) {
	m, which, err := s.claimed(ctx, serial)
	if err != nil {
		return Batch{}, Placard{}, err
	}
	if _, err := market(ctx, s.db, by, PrintPlacards, m.Code); err != nil {
		return Batch{}, Placard{}, notFoundAs(err, placardNotFound())
	}
	p, err := s.placard(ctx, s.db, m, which)
	switch {
	case err != nil:
		return Batch{}, p, err
	case p.BatchID.IsZero():
		return Batch{}, p, placardNotFound()
	case !p.InUse():
		return Batch{}, p, fault.New(fault.Conflict, "placard-state", "This placard is not in use, so its picture is not shown.")
	}
	b, err := s.batch(ctx, m, p.BatchID)
	return b, p, err
}

func (s *Service) placard(ctx context.Context, db postgres.Querier, m Market, which PlacardID) (Placard, error) {
	ps, err := placards(ctx, db, m, `WHERE p.market_id = @market AND p.id = @id`, pgx.StrictNamedArgs{"market": m.ID, "id": which, "now": s.now()})
	if err != nil {
		return Placard{}, err
	}
	if len(ps) == 0 {
		return Placard{}, placardNotFound()
	}
	return ps[0], nil
}

// notFoundAs says "no such thing" in the words of the thing asked for, so that another market's records look like none.
func notFoundAs(err error, as *fault.Error) error {
	if fault.KindOf(err) == fault.NotFound {
		return as
	}
	return err
}

// maxPayload is what the largest code there is can hold.
const maxPayload = 2953

// PlacardEventID names an event; a phone mints it, so that it may send twice.
type PlacardEventID = id.ID[NewPlacardEvent]

// NewPlacardEvent is something that happened to a placard at the stall.
type NewPlacardEvent struct {
	ID        PlacardEventID `json:"id"`
	Kind      string         `json:"kind"` // handed_over, installed, checked, suspended, resumed, removed, lost
	At        time.Time      `json:"at"`   // zero: now
	Payload   string         `json:"payload"`
	Result    string         `json:"result"` // of a check without a payload: damaged, missing
	HeardName string         `json:"heard_name"`
	Reason    string         `json:"reason"`
	Consent   *NewConsent    `json:"consent"`          // the vendor's own, when it is given in the same moment
	SentAt    time.Time      `json:"sent_at,omitzero"` // what the sender's clock says now; zero: not told
}

// moves says from which states an event may come, and which state it leads to; "" keeps the state.
var moves = map[string]struct {
	from []string
	to   string
	do   Action
}{
	"handed_over": {[]string{"issued", "printed"}, "handed_over", RecordField},
	"installed":   {[]string{"issued", "printed", "handed_over"}, "installed", RecordField},
	"checked":     {[]string{"installed", "suspended"}, "", RecordField},
	"suspended":   {[]string{"issued", "printed", "handed_over", "installed"}, "suspended", SuspendPlacard},
	"resumed":     {[]string{"suspended"}, "", ResumePlacard},
	"removed":     {append([]string{"replaced", "void"}, liveStates...), "void", RecordField}, // a replaced one stays so, but is not out there any more
	"lost":        {liveStates, "lost", RecordField},
}

// PlacardAction is what somebody must be allowed to do who records an event of this kind.
func PlacardAction(kind string) Action {
	if move, ok := moves[kind]; ok {
		return move.do
	}
	return RecordField
}

// RecordPlacard records an event of a placard's life. The same id and content sent again changes nothing.
//
// Faults: Invalid; NotFound; Forbidden; Conflict placard-state (the move does not fit the state), consent-missing,
// name-differs (the name heard last is not the one printed), account-changed, event-differs.
func (s *Service) RecordPlacard(ctx context.Context, by Actor, serial string, in NewPlacardEvent) (Placard, error) {
	move, ok := moves[in.Kind]
	var bad []fault.Field
	if !ok {
		bad = append(bad, fault.At("kind", "unknown", "One of: %s.", "handed_over, installed, checked, suspended, resumed, removed, lost"))
	}
	in.HeardName = text(&bad, "heard_name", in.HeardName, maxName, false)
	in.Reason = text(&bad, "reason", in.Reason, maxReason, in.Kind == "resumed")
	Harmless(&bad, "reason", in.Reason)
	if len(in.Payload) > maxPayload {
		bad = append(bad, fault.At("payload", "too-long", "It has %d characters; at most %d fit.", len(in.Payload), maxPayload))
	}
	switch {
	case in.Kind != "checked" && in.Result != "":
		bad = append(bad, fault.At("result", "unexpected", "Only a check has a result."))
	case in.Kind == "checked" && in.Payload == "" && in.Result != "damaged" && in.Result != "missing":
		bad = append(bad, fault.At("payload", "required", "A check sends the text of the code that hangs there, or the result damaged or missing."))
	case in.Kind == "checked" && in.Payload != "" && in.Result != "":
		bad = append(bad, fault.At("result", "unexpected", "With a scanned code the result is worked out here."))
	}
	if in.Consent != nil {
		in.Consent.check(&bad, "consent")
	}
	if err := fault.Check("event-invalid", bad); err != nil {
		return Placard{}, err
	}
	m, which, err := s.claimed(ctx, serial)
	if err != nil {
		return Placard{}, err
	}
	now := s.now()
	if in.ID.IsZero() {
		in.ID = id.New[NewPlacardEvent]()
	}
	var p Placard
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := market(ctx, tx, by, move.do, m.Code); err != nil {
			return notFoundAs(err, placardNotFound())
		}
		// The vendor first, as a decision locks them: a consent written below refers to that row.
		for _, lock := range []string{
			`SELECT FROM placards p JOIN vendors v ON v.market_id = p.market_id AND v.id = p.vendor_id
			 WHERE p.market_id = @market AND p.id = @id FOR KEY SHARE OF v`,
			`SELECT FROM placards WHERE market_id = @market AND id = @id FOR UPDATE`,
		} {
			if _, err := tx.Exec(ctx, lock, pgx.StrictNamedArgs{"market": m.ID, "id": which}); err != nil {
				return err
			}
		}
		if p, err = s.placard(ctx, tx, m, which); err != nil {
			return err
		}
		content := in.content(which)
		before, err := postgres.All[[]byte](ctx, tx, `SELECT content FROM placard_events WHERE market_id = @market AND id = @id`,
			pgx.StrictNamedArgs{"market": m.ID, "id": in.ID})
		if err != nil {
			return err
		}
		if len(before) > 0 {
			if len(before[0]) == 0 && p.Payload == "" { // erased; the service's own events have no content either
				return PersonGone()
			}
			if string(before[0]) != string(content) {
				return sent("placard_event", in.ID, p.Serial.String(), in).differsAs(eventDiffers())
			}
			return nil
		}
		at, ahead := in.onOurClock(now)
		// Two phones bring home what they did in whatever order: it was handed over before it was hung.
		late := in.Kind == "handed_over" && p.State == "installed" && at.Before(*p.InstalledAt)
		was := moment{At: at, State: p.State}
		if in.Kind == "checked" {
			if was, err = momentOf(ctx, tx, m.ID, which, at, move.from); err != nil {
				return err
			}
		}
		if !late && !slices.Contains(move.from, was.State) {
			return fault.New(fault.Conflict, "placard-state", "This placard is %s, so it cannot be %s.", word(was.State), word(in.Kind))
		}
		if !was.Late && (p.State == "replaced" || p.State == "void") && p.RemovedAt != nil {
			return fault.New(fault.Conflict, "placard-state", "This placard was taken down before.")
		}
		var events []Event
		if in.Consent != nil {
			if err := insertConsent(ctx, tx, by, m, p.VendorID, *in.Consent, now); err != nil {
				return err
			}
			events = append(events, consentRecorded(p.VendorID))
		}
		if err := allow(ctx, tx, m, p, in); err != nil {
			return err
		}
		e := placardEvent{id: in.ID, kind: in.Kind, state: move.to, heard: in.HeardName, reason: in.Reason, content: content, at: was.At, ahead: ahead, result: in.Result, late: was.Late}
		if late {
			e.state = p.State
		}
		former := false
		switch in.Kind {
		case "checked":
			if in.Payload != "" {
				e.result = compare(in.Payload, p.Payload)
			}
			if e.result == "match" { // whoever scans it pays somebody who is not there any more, as a phone says too
				if former, err = gone(ctx, tx, m.ID, p, DayOf(e.at), was.Late); err != nil {
					return err
				}
				if former {
					e.result = "other_account"
				}
			}
			e.state = was.State
			if e.stops() && !was.Late {
				e.state = "suspended" // stopping is a one-person act
			}
		case "removed":
			if p.State == "replaced" {
				e.state = "replaced"
			}
		case "resumed":
			e.state, err = postgres.One[string](ctx, tx, `
				SELECT state FROM placard_events WHERE market_id = @market AND placard_id = @id AND state <> 'suspended'
				ORDER BY at DESC, seq DESC LIMIT 1`, pgx.StrictNamedArgs{"market": m.ID, "id": which})
			if err != nil {
				return err
			}
		}
		if err := e.insert(ctx, tx, by, m.ID, which, now); err != nil {
			return err
		}
		if in.HeardName != "" {
			if err := heard(ctx, tx, by, m, p, in.Kind, in.HeardName, e.at, now); err != nil {
				return err
			}
		}
		if err := fulfil(ctx, tx, by, m, p, in.Kind, now); err != nil {
			return err
		}
		if e.stops() && !former { // that one is known: it is among what is to be taken down, and nobody pasted it
			// What was seen long ago stops what hangs now, unless somebody found the right code there since.
			stops := p.Live() && !was.Right
			if stops && was.Late && p.State != "suspended" {
				stop := placardEvent{id: id.New[NewPlacardEvent](), kind: "suspended", state: "suspended", reason: foundElse, at: now}
				if err := stop.insert(ctx, tx, by, m.ID, which, now); err != nil {
					return err
				}
				events = append(events, Event{"placard.suspended", "placard:" + which.String(), []string{"state"}})
			}
			opened, err := openIncident(ctx, tx, by, m, p, e, stops, now)
			if err != nil {
				return err
			}
			events = append(events, opened...)
		}
		if p, err = s.placard(ctx, tx, m, which); err != nil {
			return err
		}
		if err := recountPlacards(ctx, tx, m.ID, now, p); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, append(events, Event{"placard." + in.Kind, "placard:" + which.String(), []string{"state"}})...)
	})
	if fault.CodeOf(err) == "name-differs" {
		s.recordHeard(ctx, by, m, p, in, now)
	}
	if f, ok := fault.As(err); ok && in.Kind == "resumed" && (f.Kind == fault.Conflict || f.Kind == fault.Forbidden) {
		s.refused(ctx, by, m.Code, Event{"placard.resume_refused", "placard:" + which.String(), []string{f.Code}})
	}
	if postgres.Violated(err) == "placard_events_pk" { // the same id, at the same moment, for another placard
		err = sent("placard_event", in.ID, serial, in).differsAs(eventDiffers().Because(err))
	}
	err = s.keepBoth(ctx, by, m.Code, err)
	return p, actionContext("record "+in.Kind+" of placard", serial, err)
}

// allow holds the rules that go beyond the state.
func allow(ctx context.Context, tx pgx.Tx, m Market, p Placard, in NewPlacardEvent) error {
	switch in.Kind {
	case "resumed":
		if p.AccountState != StateApproved {
			return fault.New(fault.Conflict, "account-changed", "The account of this placard is not in force any more. Print a new one.")
		}
		there, err := holds(ctx, tx, m.ID, p.VendorID, p.StallID)
		if err != nil {
			return err
		}
		gone, err := postgres.One[bool](ctx, tx, `SELECT EXISTS (`+withdrawn("@vendor")+`)`, pgx.StrictNamedArgs{"market": m.ID, "vendor": p.VendorID})
		if err != nil {
			return err
		}
		if gone {
			return fault.New(fault.Conflict, "consent-missing", "The vendor took their consent back. Ask them first, and record what they say.")
		}
		if !there {
			return fault.New(fault.Conflict, "stall-handed-over", "The vendor of this placard does not hold stall %s any more. Take the placard down.", p.Stall)
		}
	case "installed":
		// A stand hangs whatever we say; that it counts waits for the approval, as with a provisional one.
		if p.AccountState != StateApproved && !((p.Mark == "provisional" || p.Kind == "provider") && p.AccountState == StateProposed) {
			return fault.New(fault.Conflict, "account-changed", "The account of this placard is not in force any more. Print a new one.")
		}
		if in.HeardName != "" && p.differs(in.HeardName) || in.HeardName == "" && p.NameDiffers {
			return fault.New(fault.Conflict, "name-differs", "The name heard differs from the one printed. Do not hang this placard yet.").
				With(fault.At("heard_name", "differs", "Printed is %s.", p.Holder))
		}
		own, err := ownConsent(ctx, tx, m, p.VendorID)
		if err != nil {
			return err
		}
		if !own {
			return fault.New(fault.Conflict, "consent-missing", "Ask the vendor first: a placard hangs only with the vendor's own consent. Send it as consent.")
		}
		agreed, err := holderAgreed(ctx, tx, m.ID, p.AccountID)
		if err != nil {
			return err
		}
		if !agreed {
			return fault.New(fault.Conflict, "holder-consent-missing", "The account is a relative's, who has not agreed yet. Ask them, record it, then hang the placard.")
		}
	}
	return nil
}

// content is what makes two sendings of one event the same: everything in it, and the placard it is about.
func (in NewPlacardEvent) content(of PlacardID) []byte {
	at := in.At.UTC().Format(time.RFC3339Nano)
	in.At = time.Time{} // in another zone it is the same moment
	in.SentAt = time.Time{}
	h := sha256.Sum256(asJSON([]any{of, at, in}))
	return h[:]
}

// onOurClock is when an event happened by our clock; see OnOurClock.
func (in NewPlacardEvent) onOurClock(now time.Time) (at time.Time, ahead *int) {
	return OnOurClock(now, in.At, in.SentAt)
}

func eventDiffers() *fault.Error {
	return fault.New(fault.Conflict, "event-differs", "An event with this id was recorded before, with other content.")
}

// compare says what hangs at a stall: the code that was approved, perhaps in another text; another account's; or no code of this
// kind. A code that beside the right account pays somebody whom the printed one does not pay is another account's: some app would.
func compare(scanned, printed string) string {
	want, err := qrgen.Decode(printed, qrgen.Lenient)
	if err != nil {
		return "not_ours"
	}
	got, err := qrgen.Decode(strings.TrimSpace(scanned), qrgen.Lenient)
	switch {
	case err != nil || got.BIN == "":
		return "not_ours"
	case got.BIN != want.BIN || got.Account != want.Account:
		return "other_account"
	}
	for _, p := range got.Payees {
		same := func(o qrgen.Payee) bool { return o.BIN == p.BIN && o.Account == p.Account && o.Scheme == p.Scheme }
		if (p.BIN != want.BIN || p.Account != want.Account) && !slices.ContainsFunc(want.Payees, same) {
			return "other_account"
		}
	}
	return "match"
}

// moment is a placard at the time of a look that may have come in late.
type moment struct {
	At    time.Time // when it was, not before the placard hung or was in a state to be looked at
	State string    // in which the placard was then
	Late  bool      // something was recorded since
	Right bool      // the last look since found the right code
}

func momentOf(ctx context.Context, tx pgx.Tx, m MarketID, p PlacardID, at time.Time, from []string) (moment, error) {
	return postgres.One[moment](ctx, tx, `
		WITH event AS (
			SELECT e.seq, e.kind, e.state, e.result, e.at FROM placard_events e WHERE e.market_id = @market AND e.placard_id = @id
		), claimed AS (
			SELECT greatest(@at::timestamptz, min(e.at), max(e.at) FILTER (WHERE e.kind = 'installed')) AS at FROM event e
		), look AS (
			SELECT CASE WHEN (SELECT e.state FROM event e WHERE e.at <= l.at ORDER BY e.at DESC, e.seq DESC LIMIT 1) = ANY (@from) THEN l.at
			            ELSE coalesce((SELECT min(e.at) FROM (SELECT DISTINCT ON (e.at) e.at, e.state FROM event e WHERE e.at > l.at ORDER BY e.at, e.seq DESC) e WHERE e.state = ANY (@from)), l.at) END AS at
			FROM claimed l
		)
		SELECT l.at, (SELECT e.state FROM event e WHERE e.at <= l.at ORDER BY e.at DESC, e.seq DESC LIMIT 1) AS state,
		       EXISTS (SELECT 1 FROM event e WHERE e.at > l.at) AS late,
		       coalesce((SELECT e.result = 'match' FROM event e WHERE e.kind = 'checked' AND e.at > l.at ORDER BY e.at DESC, e.seq DESC LIMIT 1), false) AS "right"
		FROM look l`, pgx.StrictNamedArgs{"market": m, "id": p, "at": at, "from": from})
}

// gone reports whether a placard's vendor did not hold its stall on a day. A look of before the last event may be one of the morning
// of the day on which they went.
func gone(ctx context.Context, tx pgx.Tx, m MarketID, p Placard, day Day, late bool) (bool, error) {
	return postgres.One[bool](ctx, tx, `
		SELECT NOT EXISTS (SELECT 1 FROM occupancies o
		                   WHERE o.market_id = @market AND o.stall_id = @stall AND (o.ended IS NULL OR o.ended > @day OR @late AND o.ended = @day)
		                     AND o.vendor_id = coalesce((SELECT g.into_id FROM vendor_merges g WHERE g.market_id = @market AND g.vendor_id = @vendor), @vendor))`,
		pgx.StrictNamedArgs{"market": m, "vendor": p.VendorID, "stall": p.StallID, "day": day, "late": late})
}

type placardEvent struct {
	id                                 PlacardEventID
	kind, state, result, heard, reason string
	content                            []byte
	at                                 time.Time
	ahead                              *int // seconds by which the sender's clock is ahead of ours
	late                               bool // a look of before the last event: it keeps its day, and the placard the state that it is in since
}

// stops reports whether a look found a code that buyers should not pay to.
func (e placardEvent) stops() bool { return e.result == "other_account" || e.result == "not_ours" }

// insert stores an event after the last one and moves the placard's state. Its time never runs back: a clock that was
// behind does not make "installed" older than "printed". Only a look may be one of before: what is known of a placard follows at, then seq.
func (e placardEvent) insert(ctx context.Context, tx pgx.Tx, by Actor, m MarketID, p PlacardID, now time.Time) error {
	b := &pgx.Batch{}
	e.queue(b, by, m, p, now)
	return tx.SendBatch(ctx, b).Close()
}

func (e placardEvent) queue(b *pgx.Batch, by Actor, m MarketID, p PlacardID, now time.Time) {
	if e.content == nil {
		e.content = []byte{}
	}
	args := pgx.StrictNamedArgs{"market": m, "id": e.id, "placard": p, "kind": e.kind, "state": e.state, "result": postgres.Null(e.result),
		"heard": postgres.Null(e.heard), "reason": e.reason, "content": e.content, "at": e.at, "ahead": e.ahead, "late": e.late, "by": by.ID, "now": now}
	b.Queue(`
		INSERT INTO placard_events (market_id, id, placard_id, seq, kind, state, result, heard_name, reason, content, at, clock_ahead, recorded_by, recorded_at)
		SELECT @market, @id, @placard, coalesce(max(e.seq), 0) + 1, @kind, @state, @result, @heard, @reason, @content,
		       CASE WHEN @late THEN @at::timestamptz ELSE greatest(@at::timestamptz, max(e.at)) END, @ahead::int, @by, @now
		FROM placard_events e WHERE e.market_id = @market AND e.placard_id = @placard`, args)
	if !e.late {
		b.Queue(`UPDATE placards SET state = @state WHERE market_id = @market AND id = @placard`,
			pgx.StrictNamedArgs{"state": e.state, "market": m, "placard": p})
	}
}

// endPlacardsOf stops every live placard of an account; how is both the event and the state it leads to: replaced, suspended.
func endPlacardsOf(ctx context.Context, tx pgx.Tx, by Actor, m MarketID, account AccountID, how, reason string, now time.Time) ([]Event, error) {
	ids, err := postgres.All[PlacardID](ctx, tx, `
		SELECT id FROM placards WHERE market_id = @market AND account_id = @account AND state = ANY (@live) AND state <> @how ORDER BY id FOR UPDATE`,
		pgx.StrictNamedArgs{"market": m, "account": account, "live": liveStates, "how": how})
	if err != nil {
		return nil, err
	}
	var events []Event
	for _, p := range ids {
		e := placardEvent{id: id.New[NewPlacardEvent](), kind: how, state: how, reason: reason, at: now}
		if err := e.insert(ctx, tx, by, m, p, now); err != nil {
			return nil, err
		}
		events = append(events, Event{"placard." + how, "placard:" + p.String(), []string{"state"}})
	}
	return events, nil
}

// stopPlacards suspends every live placard at a stall and gives the serials of those that were not suspended before.
func stopPlacards(ctx context.Context, tx pgx.Tx, by Actor, m MarketID, stall StallID, reason string, now time.Time) ([]Serial, []Event, error) {
	type live struct {
		ID     PlacardID
		Serial Serial
	}
	ps, err := postgres.All[live](ctx, tx, `
		SELECT id, serial FROM placards WHERE market_id = @market AND stall_id = @stall AND state = ANY (@live) AND state <> 'suspended' ORDER BY id FOR UPDATE`,
		pgx.StrictNamedArgs{"market": m, "stall": stall, "live": liveStates})
	if err != nil {
		return nil, nil, err
	}
	b := &pgx.Batch{}
	var serials []Serial
	var events []Event
	for _, p := range ps {
		e := placardEvent{id: id.New[NewPlacardEvent](), kind: "suspended", state: "suspended", reason: reason, at: now}
		e.queue(b, by, m, p.ID, now)
		serials = append(serials, p.Serial)
		events = append(events, Event{"placard.suspended", "placard:" + p.ID.String(), []string{"state"}})
	}
	return serials, events, tx.SendBatch(ctx, b).Close()
}
