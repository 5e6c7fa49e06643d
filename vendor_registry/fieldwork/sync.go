package fieldwork

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// MostItems is how many items a batch may hold: a phone with more sends several.
const MostItems = 100

// Device is a phone as it names itself: an ID that it minted once and keeps.
type Device struct{}

// Batch is what a phone kept while it had no signal.
type Batch struct {
	Device id.ID[Device] `json:"device"`
	SentAt time.Time     `json:"sent_at"` // what its clock says now
	Items  []Item        `json:"items"`
}

// Item is one thing that was done without a signal. Its body is what the API takes for the same thing.
type Item struct {
	ID     id.ID[Item]     `json:"id"`   // minted on the phone: the record's, or the sending's where the record has none of its own
	Kind   string          `json:"kind"` // one of ItemKinds
	Seq    int64           `json:"seq"`  // the phone's own count of what it kept
	At     time.Time       `json:"at,omitzero"`
	Ahead  *int            `json:"clock_ahead"` // seconds by which the phone knew its clock to be ahead of ours then; null: it did not
	Market string          `json:"market"`
	Stall  string          `json:"stall"`
	Serial string          `json:"serial"` // of the placard that an event is about
	Match  string          `json:"match"`  // of a change: the ETag of the stall as the phone saw it
	By     string          `json:"by"`     // the name of who did it, when somebody else sends it in from a file; empty: who sends it
	Body   json.RawMessage `json:"body"`
}

// ItemKinds are what a phone may send: a visit; an event of a placard (handed_over, installed, checked, suspended, removed, lost); a
// new stall; a change of one; an account that was scanned or said; a stand; the vendor's consent; how the vendor trades; that a notice
// was carried to the vendor; that a visit was recorded wrongly.
var ItemKinds = []string{"visit", "placard_event", "stall", "change", "account", "stand", "consent", "status", "notice", "void"}

// ownID are the kinds whose record is named by the item's ID; their own methods know what was sent before.
var ownID = []string{"visit", "placard_event", "stall", "account", "stand"}

// Result is what became of an item.
type Result struct {
	ID         id.ID[Item]
	Kind       string
	Again      bool // it was taken before, and nothing was done now
	Record     any  // as it stands; nil when Err is not
	ClockAhead *int // seconds by which the phone's clock was ahead of ours, where that is over 10 minutes
	Err        error
}

// Sync takes what a phone kept, each item in a transaction of its own and through the method that the API and the pages use, so that
// one that is refused holds no other up. Items are taken in the order in which the phone counted them, whatever order they come in; one
// that waits for another (an event of a stand that comes behind it) is tried again once the others are in. What was taken before is
// not done twice.
//
// Results come in the order of the items. Faults of the batch as a whole: Invalid batch-invalid; everything else stands in the results.
func (s *Service) Sync(ctx context.Context, by registry.Actor, b Batch) ([]Result, error) {
	var bad []fault.Field
	if b.Device.IsZero() {
		bad = append(bad, fault.At("device", "required", "This must be filled in."))
	}
	if b.SentAt.IsZero() {
		bad = append(bad, fault.At("sent_at", "required", "This must be filled in."))
	}
	if len(b.Items) > MostItems {
		bad = append(bad, fault.At("items", "count", "A batch holds %d items at most. Send the rest in the next one.", MostItems))
	}
	if err := fault.Check("batch-invalid", bad); err != nil {
		return nil, err
	}
	results := make([]Result, len(b.Items))
	left := make([]int, len(b.Items))
	for i := range left {
		left[i] = i
	}
	slices.SortStableFunc(left, func(x, y int) int {
		return int(max(-1, min(1, b.Items[x].Seq-b.Items[y].Seq)))
	})
	before, err := s.sentBefore(ctx, by, b.Items)
	if err != nil {
		return nil, wrap("sync", b.Device.String(), err)
	}
	for len(left) > 0 {
		var waiting []int
		for _, i := range left {
			if err := ctx.Err(); err != nil { // nobody is there any more to be answered
				return nil, err
			}
			results[i] = s.take(ctx, by, b, b.Items[i], before)
			if waits(results[i].Err) {
				waiting = append(waiting, i)
			}
		}
		if len(waiting) == len(left) { // nothing came in that they could have waited for
			break
		}
		left = waiting
	}
	return results, nil
}

// waits reports whether an item may be taken once another is: it is about something that is not there, or not so far yet.
func waits(err error) bool {
	switch fault.CodeOf(err) {
	case "stall-not-found", "placard-not-found", "stall-vacant", "placard-state", "consent-missing", "holder-consent-missing", "visit-not-found":
		return true
	}
	return false
}

// sentBefore are the markets for which items of a batch were sent before, of those that the sender's roles over markets and teams reach.
func (s *Service) sentBefore(ctx context.Context, by registry.Actor, items []Item) (map[id.ID[Item]]registry.MarketID, error) {
	var codes, teams []string
	for _, g := range by.Grants {
		switch g.Kind {
		case registry.OverMarket:
			codes = append(codes, g.Code)
		case registry.OverTeam:
			teams = append(teams, g.Code)
		}
	}
	markets, err := postgres.All[registry.MarketID](ctx, s.db, `
		SELECT m.id FROM markets m WHERE m.code = ANY (@codes) UNION SELECT w.market_id FROM team_markets w WHERE w.team_code = ANY (@teams)`,
		pgx.StrictNamedArgs{"codes": append([]string{}, codes...), "teams": append([]string{}, teams...)})
	if err != nil {
		return nil, err
	}
	ids := make([]id.ID[Item], len(items))
	for i, it := range items {
		ids[i] = it.ID
	}
	type sending struct {
		ID       id.ID[Item]
		MarketID registry.MarketID
	}
	sendings, err := postgres.All[sending](ctx, s.db, `SELECT id, market_id FROM phone_sendings WHERE market_id = ANY (@markets) AND id = ANY (@ids)`,
		pgx.StrictNamedArgs{"markets": append([]registry.MarketID{}, markets...), "ids": ids})
	before := map[id.ID[Item]]registry.MarketID{}
	for _, n := range sendings {
		before[n.ID] = n.MarketID
	}
	return before, err
}

// action is what somebody must be allowed to do who sends such an item: nobody else learns whether there is a record of its id.
func (it Item) action() registry.Action {
	switch it.Kind {
	case "stall", "change", "status":
		return registry.RegisterStall
	case "account":
		return registry.ProposeAccount
	case "placard_event":
		var e struct {
			Kind string `json:"kind"`
		}
		_ = json.Unmarshal(it.Body, &e) // what cannot be read is told by apply
		return registry.PlacardAction(e.Kind)
	}
	return registry.RecordField
}

func (it Item) differs() error {
	return registry.Differs(fault.New(fault.Conflict, "record-differs",
		"A record with this id was sent before, with other content. Nothing was overwritten: this version is kept for whoever leads the team."),
		it.Kind, it.ID, it.place(), it.Body)
}

// take is one item. elsewhere is where what was sent under an id stands; it adds to it.
func (s *Service) take(ctx context.Context, by registry.Actor, b Batch, it Item, elsewhere map[id.ID[Item]]registry.MarketID) Result {
	r := Result{ID: it.ID, Kind: it.Kind}
	if err := it.check(); err != nil {
		r.Err = err
		return r
	}
	now := s.now()
	sent := b.SentAt
	if it.Ahead != nil {
		sent = now.Add(time.Duration(*it.Ahead) * time.Second)
	}
	_, r.ClockAhead = registry.OnOurClock(now, it.At, sent)
	market := it.Market
	var where registry.MarketID
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		in := s.On(tx)
		if it.Kind == "placard_event" { // its serial says where
			p, err := in.reg.Placard(ctx, by, it.Serial)
			if err != nil {
				return err
			}
			market = p.Market
		}
		m, err := registry.Allowed(ctx, tx, by, it.action(), market)
		if err != nil {
			return err
		}
		if elsewhere[it.ID] != (registry.MarketID{}) && elsewhere[it.ID] != m.ID {
			return it.differs()
		}
		before, err := in.note(ctx, tx, by, m, b, it, r.ClockAhead, now)
		if err != nil {
			return err
		}
		if before != nil {
			if registry.Emptied(before.Content) {
				return registry.PersonGone()
			}
			r.Again = true
			switch own := slices.Contains(ownID, it.Kind); {
			case before.Kind != it.Kind || !own && string(before.Content) != string(it.content()):
				return it.differs()
			case !own:
				r.Record, err = in.standing(ctx, by, it)
				return err
			}
		}
		by := by
		if before == nil {
			if err := in.stillHeld(ctx, tx, m, it, sent); err != nil {
				return err
			}
			if by.Also, err = in.authors(ctx, tx, m, b.Device, it); err != nil {
				return err
			}
		}
		r.Record, r.Again, err = in.apply(ctx, by, it, sent)
		r.Again = r.Again || before != nil
		where = m.ID
		return err
	})
	if err == nil {
		elsewhere[it.ID] = where
	} else {
		r.Record, r.Again, r.Err = nil, false, s.reg.KeepBoth(ctx, by, market, err)
	}
	return r
}

// check also holds how far a phone thinks its clock to be ahead to what is kept of it: whatever is beyond was never set.
func (it *Item) check() error {
	var bad []fault.Field
	if it.ID.IsZero() {
		bad = append(bad, fault.At("id", "required", "This must be filled in."))
	}
	oneOf(&bad, "kind", it.Kind, ItemKinds)
	switch it.Kind {
	case "placard_event":
		if it.Serial == "" {
			bad = append(bad, fault.At("serial", "required", "This must be filled in."))
		}
	case "visit", "change", "account", "stand", "consent", "status":
		if it.Stall == "" {
			bad = append(bad, fault.At("stall", "required", "This must be filled in."))
		}
	}
	if it.Ahead != nil {
		ahead := max(math.MinInt32, min(math.MaxInt32, *it.Ahead))
		it.Ahead = &ahead
	}
	if len(it.Body) == 0 {
		bad = append(bad, fault.At("body", "required", "This must be filled in."))
	}
	return fault.Check("item-invalid", bad)
}

// authors are who had a hand in an account that somebody else sends in from a file: whom the file names, and whoever took this market's
// list on that phone. A file can be written by anybody, so it is believed only where that makes fewer people free to approve; the sender
// answers for the account like for any other. Faults: Invalid item-invalid, when neither leads to anybody.
func (s *Service) authors(ctx context.Context, tx pgx.Tx, m registry.Market, device id.ID[Device], it Item) ([]string, error) {
	if it.By == "" || !slices.Contains([]string{"stall", "account", "stand"}, it.Kind) {
		return nil, nil
	}
	all, err := postgres.All[string](ctx, tx, `
		SELECT 'person:' || p.id FROM people p
		WHERE p.name_key = lower(normalize(@name, NFC))
		  AND EXISTS (SELECT 1 FROM grants g WHERE g.person_id = p.id
		              AND (g.scope_kind = 'market' AND g.scope_code = @code
		                   OR g.scope_kind = 'team' AND g.scope_code IN (SELECT w.team_code FROM team_grounds w WHERE w.market_id = @market)))
		UNION SELECT e.actor FROM audit_events e
		WHERE e.market_id = @market AND e.object = @device AND e.action = 'pack.taken' AND e.actor LIKE 'person:%'`,
		pgx.StrictNamedArgs{"name": strings.TrimSpace(it.By), "code": m.Code, "market": m.ID, "device": deviceObject(device)})
	if err == nil && len(all) == 0 {
		err = fault.Check("item-invalid", []fault.Field{fault.At("by", "unknown", "Nobody of this name works in this market. Scan the code at the stall under your own name.")})
	}
	return all, err
}

// stillHeld refuses what somebody at a stall said, or showed of their own, where another has taken the stall since: it would be written
// down as if the one who is there now had said it. Faults: Conflict stall-handed-over.
func (s *Service) stillHeld(ctx context.Context, tx pgx.Tx, m registry.Market, it Item, sent time.Time) error {
	if !slices.Contains([]string{"account", "stand", "consent", "status"}, it.Kind) || it.At.IsZero() {
		return nil
	}
	at, _ := registry.OnOurClock(s.now(), it.At, sent)
	other, err := postgres.One[bool](ctx, tx, `
		SELECT EXISTS (
			SELECT FROM stalls s
			JOIN occupancies n ON n.market_id = s.market_id AND n.stall_id = s.id AND n.ended IS NULL
			JOIN occupancies o ON o.market_id = s.market_id AND o.stall_id = s.id AND o.began <= @day
			     AND (o.ended > @day OR o.ended = @day AND EXISTS (
			          SELECT FROM audit_events e WHERE e.market_id = @market AND e.object = 'stall:' || s.id
			          AND e.at > @at AND e.fields @> ARRAY['vendor', 'from']))
			WHERE s.market_id = @market AND s.code_key = @key AND s.removed_at IS NULL AND o.vendor_id <> n.vendor_id)`,
		pgx.StrictNamedArgs{"market": m.ID, "key": registry.CodeKey(it.Stall), "day": registry.DayOf(at), "at": at})
	if err == nil && other {
		err = fault.New(fault.Conflict, "stall-handed-over", "Somebody else has taken stall %s since this was done. Nothing of it was recorded: ask who is there now.", fault.Clip(it.Stall, 20))
	}
	return err
}

// place is what the item was sent for.
func (it Item) place() string {
	if it.Serial != "" {
		return fault.Clip(it.Serial, 20)
	}
	return fault.Clip(it.Stall, 20)
}

// content is what makes two sendings of an item the same, whose record has no ID of its own: what was said of what.
func (it Item) content() []byte {
	var body any
	_ = json.Unmarshal(it.Body, &body) // it was read before; what is no JSON is told by apply
	return digest(it.Kind, strings.ToUpper(it.Market), registry.CodeKey(it.Stall), body)
}

type noted struct {
	Kind    string
	Content []byte
}

// note keeps that the phone sent the item, and how its clock went. What it had sent under that ID before is told, and stays.
func (s *Service) note(ctx context.Context, tx pgx.Tx, by registry.Actor, m registry.Market, b Batch, it Item, ahead *int, now time.Time) (*noted, error) {
	var at *time.Time
	if y := it.At.Year(); !it.At.IsZero() && y > 0 && y < 10000 {
		at = &it.At
	}
	tag, err := tx.Exec(ctx, `
		INSERT INTO phone_sendings (market_id, id, kind, place, content, device, seq, phone_at, phone_ahead, clock_ahead, sent_by, received_at)
		VALUES (@market, @id, @kind, @place, @content, @device, @seq, @at, @phone, @ahead, @by, @now)
		ON CONFLICT (market_id, id) DO NOTHING`,
		pgx.StrictNamedArgs{"market": m.ID, "id": it.ID, "kind": it.Kind, "place": it.place(), "content": it.content(), "device": b.Device, "seq": it.Seq,
			"at": at, "phone": it.Ahead, "ahead": ahead, "by": by.ID, "now": now})
	if err != nil || tag.RowsAffected() == 1 {
		return nil, err
	}
	n, err := postgres.One[noted](ctx, tx, `SELECT kind, content FROM phone_sendings WHERE market_id = @market AND id = @id`,
		pgx.StrictNamedArgs{"market": m.ID, "id": it.ID})
	return &n, err
}

// apply does what the item says. sent is what the phone's clock said when it sent, as far as ours must know.
func (s *Service) apply(ctx context.Context, by registry.Actor, it Item, sent time.Time) (record any, again bool, err error) {
	switch it.Kind {
	case "visit":
		in, err := bodyOf[NewVisit](it)
		if err != nil {
			return nil, false, err
		}
		if err := named(&in.ID, it); err != nil {
			return nil, false, err
		}
		in.At, in.SentAt = when(in.At, it), sent
		v, err := s.RecordVisit(ctx, by, it.Market, it.Stall, in)
		return v, v.Again, err
	case "placard_event":
		in, err := bodyOf[registry.NewPlacardEvent](it)
		if err != nil {
			return nil, false, err
		}
		if err := named(&in.ID, it); err != nil {
			return nil, false, err
		}
		in.At, in.SentAt = when(in.At, it), sent
		p, err := s.reg.RecordPlacard(ctx, by, it.Serial, in)
		return p, p.Again, err
	case "stall":
		in, err := bodyOf[registry.NewStall](it)
		if err != nil {
			return nil, false, err
		}
		if err := named(&in.ID, it); err != nil {
			return nil, false, err
		}
		st, err := s.reg.Register(ctx, by, it.Market, in)
		return st, st.Again, err
	case "account":
		in, err := bodyOf[registry.NewAccount](it)
		if err != nil {
			return nil, false, err
		}
		if err := named(&in.ID, it); err != nil {
			return nil, false, err
		}
		a, err := s.reg.Propose(ctx, by, it.Market, it.Stall, in)
		return a, a.Again, err
	case "stand":
		in, err := bodyOf[registry.NewStand](it)
		if err != nil {
			return nil, false, err
		}
		if err := named(&in.ID, it); err != nil {
			return nil, false, err
		}
		in.At = when(in.At, it)
		if !in.At.IsZero() {
			in.At, _ = registry.OnOurClock(s.now(), in.At, sent)
		}
		p, err := s.reg.RegisterStand(ctx, by, it.Market, it.Stall, in)
		return p, p.Again, err
	case "consent":
		in, err := bodyOf[registry.NewConsent](it)
		if err != nil {
			return nil, false, err
		}
		st, err := s.reg.RecordConsent(ctx, by, it.Market, it.Stall, in)
		return st, false, err
	case "status":
		in, err := bodyOf[registry.NewStatus](it)
		if err != nil {
			return nil, false, err
		}
		st, err := s.reg.SetStatus(ctx, by, it.Market, it.Stall, in)
		return st, false, err
	case "change":
		in, err := bodyOf[registry.ChangedStall](it)
		if err != nil {
			return nil, false, err
		}
		st, err := s.reg.Change(ctx, by, it.Market, it.Stall, it.Match, in)
		return st, false, err
	case "notice":
		in, err := bodyOf[carried](it)
		if err != nil {
			return nil, false, err
		}
		n, err := s.reg.Delivered(ctx, by, it.Market, in.Notice)
		return n, false, err
	}
	in, err := bodyOf[voiding](it)
	if err != nil {
		return nil, false, err
	}
	v, err := s.VoidVisit(ctx, by, VisitRef{Market: it.Market, ID: in.Visit}, in.Reason)
	return v, false, err
}

// carried names the notice that somebody told a vendor of.
type carried struct {
	Notice registry.NoticeID `json:"notice"`
}

// voiding takes a visit back.
type voiding struct {
	Visit  VisitID `json:"visit"`
	Reason string  `json:"reason"`
}

// standing is the record of an item that was taken before and has no ID of its own, as it is now.
func (s *Service) standing(ctx context.Context, by registry.Actor, it Item) (any, error) {
	switch it.Kind {
	case "notice":
		in, err := bodyOf[carried](it)
		if err != nil {
			return nil, err
		}
		return s.reg.Delivered(ctx, by, it.Market, in.Notice) // doing it twice changes nothing
	case "void":
		in, err := bodyOf[voiding](it)
		if err != nil {
			return nil, err
		}
		return s.Visit(ctx, by, VisitRef{Market: it.Market, ID: in.Visit})
	}
	return s.reg.Stall(ctx, by, it.Market, it.Stall)
}

// bodyOf reads an item's body strictly. Faults: Invalid json-invalid.
func bodyOf[T any](it Item) (T, error) {
	var v T
	d := json.NewDecoder(bytes.NewReader(it.Body))
	d.DisallowUnknownFields()
	err := d.Decode(&v)
	if err == nil {
		return v, nil
	}
	if f, ok := fault.As(err); ok {
		return v, f
	}
	pointer := "body"
	if name, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
		pointer = "body/" + fault.Clip(strings.Trim(name, `"`), 40)
		return v, fault.New(fault.Invalid, "json-invalid", "Some fields need mending.").With(fault.At(pointer, "unknown-field", "There is no such field."))
	}
	return v, fault.New(fault.Invalid, "json-invalid", "A value in the body cannot be read.").With(fault.At(pointer, "type", "A value in the body cannot be read.")).Because(err)
}

// named gives a record the item's ID. Faults: Invalid item-invalid, when the body names another.
func named[T any](own *id.ID[T], it Item) error {
	sent, err := id.Parse[T](it.ID.String())
	if err != nil {
		return err
	}
	if !own.IsZero() && *own != sent {
		return fault.Check("item-invalid", []fault.Field{fault.At("body/id", "differs", "The body names another id than the item.")})
	}
	*own = sent
	return nil
}

// when is the moment that the body names, else the item's.
func when(own time.Time, it Item) time.Time {
	if own.IsZero() {
		return it.At
	}
	return own
}
