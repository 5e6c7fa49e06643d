package registry

import (
	"bytes"
	"context"
	"slices"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// occupancy is a vendor holding a stall, from a day until a day. Stall and vendor are never one record.
type occupancy struct{}

// How an occupancy ended.
const (
	HandedOver = "handed_over" // another vendor took the stall
	Left       = "left"        // the vendor gave it up
	Moved      = "moved"       // the vendor went to another stall of the market
)

// stopped is the reason that is written to the placards of whoever goes, by how the occupancy ended. Pages say them in their own words.
var stopped = map[string]string{HandedOver: "stall handed over", Left: "vendor left", Moved: "vendor moved"}

// NewHolder is who takes a stall: a vendor of the market by ID, or somebody new by name.
type NewHolder struct {
	ID    VendorID `json:"id"`
	Name  string   `json:"name"`
	Phone string   `json:"phone"`
}

// Transfer is a stall that changes hands, or that somebody takes while it is vacant.
type Transfer struct {
	Vendor   NewHolder    `json:"vendor"`
	From     Day          `json:"from"`   // first day of the new vendor; zero: today
	Reason   string       `json:"reason"` // one of Reasons or a sentence
	Accounts []NewAccount `json:"accounts"`
	Consent  *NewConsent  `json:"consent"` // the new vendor's own
}

// Leaving is a vendor who gives a stall up.
type Leaving struct {
	From   Day    `json:"from"`   // first day without them; zero: today
	Reason string `json:"reason"` // one of Reasons or a sentence
}

// Move is a vendor who goes to another stall of the market.
type Move struct {
	To     string `json:"to"`   // code of a stall that nobody holds
	From   Day    `json:"from"` // first day there; zero: today
	Reason string `json:"reason"`
}

// holding is a stall, locked, with who holds it and how they trade there by the last word that was recorded.
type holding struct {
	StallID              StallID
	Code, Section        string
	VendorID             *VendorID
	OccupancyID          *id.ID[occupancy]
	Began                *Day
	Status               string
	StatusFrom           *Day
	StatusReason         string
	SeasonFrom, SeasonTo *int
}

// hold locks a stall until the transaction ends, so that what happens to it comes one after the other. Faults: NotFound stall-not-found.
func hold(ctx context.Context, tx pgx.Tx, m Market, code string) (holding, error) {
	return postgres.Found[holding](ctx, tx, stallNotFound(code), `
		SELECT s.id AS stall_id, s.code, s.section, o.vendor_id, o.id AS occupancy_id, o.began,
		       coalesce(t.status, 'trading') AS status, t.began AS status_from, coalesce(t.reason, '') AS status_reason, t.season_from, t.season_to
		FROM stalls s
		LEFT JOIN occupancies o ON o.market_id = s.market_id AND o.stall_id = s.id AND o.ended IS NULL
		LEFT JOIN LATERAL (SELECT t.status, t.began, t.reason, t.season_from, t.season_to FROM occupancy_statuses t
		                   WHERE t.market_id = @market AND t.occupancy_id = o.id ORDER BY t.seq DESC LIMIT 1) t ON true
		WHERE s.market_id = @market AND s.code_key = @key AND s.removed_at IS NULL
		FOR UPDATE OF s`, pgx.StrictNamedArgs{"market": m.ID, "key": codeKey(code)})
}

// holder is who holds the stall, as a list.
func (h holding) holder() []VendorID {
	if h.VendorID == nil {
		return nil
	}
	return []VendorID{*h.VendorID}
}

// after refuses a change dated before something that was recorded of the stall's vendor: history is added to, not written over.
func (h holding) after(day Day) error {
	switch {
	case h.Began != nil && h.Began.After(day):
		return overlaps("Its vendor holds stall %s since %s only. Choose a later day.", h.Code, *h.Began)
	case h.StatusFrom != nil && h.StatusFrom.After(day):
		return overlaps("Something was recorded of stall %s from %s on. Choose a later day.", h.Code, *h.StatusFrom)
	}
	return nil
}

func overlaps(format string, args ...any) error {
	f := fault.New(fault.Conflict, "history-overlaps", format, args...)
	return f.With(fault.At("from", "overlaps", "A later day."))
}

// HandOver gives a stall to another vendor from a day on. The old vendor's placards there are suspended in the same transaction
// and wait to be collected; what the old vendor wished on the card is forgotten. Where anybody's money goes stays as it is: the new
// vendor's accounts come in as proposals, and a placard of theirs is printed once one is approved.
//
// Faults: Invalid; NotFound market-, stall-, vendor-not-found; Forbidden; Conflict same-vendor, history-overlaps, consent-missing.
func (s *Service) HandOver(ctx context.Context, by Actor, marketCode, code string, in Transfer) (Stall, error) {
	now := s.now()
	t, err := in.prepare(by, now)
	if err != nil {
		return Stall{}, err
	}
	var warned []Duplicate
	var serials []Serial
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RegisterStall, marketCode)
		if err != nil {
			return err
		}
		// As a batch or a stand, which must not make a placard for the one who goes.
		if err := oneAtATime(ctx, tx, m.ID, "print"); err != nil {
			return err
		}
		h, err := hold(ctx, tx, m, code)
		if err != nil {
			return err
		}
		if err := t.check(ctx, tx, m, h); err != nil {
			return err
		}
		if err := h.after(in.From); err != nil {
			return err
		}
		if warned, err = duplicates(ctx, tx, by, m, t.entry(h), now); err != nil {
			return err
		}
		if err := lockVendors(ctx, tx, m.ID, h.VendorID, t.known()); err != nil {
			return err
		}
		var events []Event
		if h.VendorID != nil {
			if serials, events, err = leave(ctx, tx, by, m.ID, h, in.From, HandedOver, in.Reason, nil, now); err != nil {
				return err
			}
		}
		b := &pgx.Batch{}
		if t.isNew {
			queueVendor(b, m.ID, t.vendor, nil, now)
			events = append(events, Event{"vendor.registered", "vendor:" + t.vendor.ID.String(), t.vendor.fields()})
		}
		queueTaking(b, by, m.ID, h.StallID, t.vendor.ID, in.From, now)
		if in.Consent != nil {
			queueConsent(b, m.ID, t.vendor.ID, *in.Consent, by.ID, now)
			events = append(events, consentRecorded(t.vendor.ID))
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		for i := range t.accounts {
			proposed, err := propose(ctx, tx, by, m, t.vendor.ID, &t.accounts[i], t.given[i])
			if err != nil {
				return err
			}
			events = append(events, proposed...)
		}
		if err := Recount(ctx, tx, m.ID, now, append(h.holder(), t.vendor.ID)...); err != nil {
			return err
		}
		action := "stall.taken"
		if h.VendorID != nil {
			action = "stall.handed_over"
		}
		return Audit(ctx, tx, now, by, m.ID, append(events, Event{action, "stall:" + h.StallID.String(), []string{"vendor", "from"}})...)
	})
	if err != nil {
		return Stall{}, actionContext("hand over stall", code, taken(err))
	}
	st, err := s.Stall(ctx, by, marketCode, code)
	st.Warnings, st.Stopped = warned, serials
	return st, err
}

// Forecast is what a change would bring with it.
type Forecast struct {
	Warnings []Duplicate `json:"warnings"`
	Stops    []Serial    `json:"stops"` // serials of the placards that would be suspended
}

// CheckTransfer says what HandOver would bring with it, and stores nothing. Faults: those of HandOver.
func (s *Service) CheckTransfer(ctx context.Context, by Actor, marketCode, code string, in Transfer) (Forecast, error) {
	now := s.now()
	var f Forecast
	t, err := in.prepare(by, now)
	if err != nil {
		return f, err
	}
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RegisterStall, marketCode)
		if err != nil {
			return err
		}
		h, err := hold(ctx, tx, m, code)
		if err != nil {
			return err
		}
		if err := t.check(ctx, tx, m, h); err != nil {
			return err
		}
		if err := h.after(in.From); err != nil {
			return err
		}
		if f.Warnings, err = duplicates(ctx, tx, by, m, t.entry(h), now); err != nil {
			return err
		}
		f.Stops, err = postgres.All[Serial](ctx, tx, `SELECT serial FROM placards WHERE market_id = @market AND stall_id = @stall AND state = ANY (@live) AND state <> 'suspended' ORDER BY id`,
			pgx.StrictNamedArgs{"market": m.ID, "stall": h.StallID, "live": liveStates})
		return err
	})
	return f, actionContext("check the transfer of stall", code, err)
}

// taker is who takes a stall, with what they bring.
type taker struct {
	vendor   Vendor
	isNew    bool
	accounts []proposal
	given    []NewAccount // as accounts
	from     Day
}

// prepare checks what came in and makes the accounts' symbols, before any transaction begins.
func (in *Transfer) prepare(by Actor, now time.Time) (taker, error) {
	var bad []fault.Field
	var t taker
	switch {
	case in.Vendor.ID.IsZero():
		t.isNew, t.vendor = true, *NewVendor{Name: in.Vendor.Name, Phone: in.Vendor.Phone}.vendor(&bad, "vendor")
	case in.Vendor.Name != "" || in.Vendor.Phone != "":
		bad = append(bad, fault.At("vendor", "choose-one", "Give the id of a vendor of this market, or the name of a new one."))
	default:
		t.vendor.ID = in.Vendor.ID
	}
	in.From = dated(&bad, "from", in.From, DayOf(now))
	t.from = in.From
	in.Reason = text(&bad, "reason", in.Reason, maxReason, true)
	if in.Consent != nil {
		in.Consent.check(&bad, "consent")
	} else if t.isNew && len(in.Accounts) > 0 {
		bad = append(bad, fault.At("consent", "required", "No account is kept without the vendor's consent."))
	}
	t.accounts = prepare(&bad, by, now, t.vendor.Name, in.Accounts)
	t.given = in.Accounts
	return t, fault.Check("transfer-invalid", bad)
}

// check finds the vendor who takes the stall, where it is one of the market already. Faults: NotFound; Conflict same-vendor.
func (t *taker) check(ctx context.Context, tx pgx.Tx, m Market, h holding) error {
	if t.isNew {
		return nil
	}
	v, err := vendorOf(ctx, tx, m, t.vendor.ID)
	if err != nil {
		return err
	}
	t.vendor = v.Vendor
	t.vendor.Phone = v.FullPhone
	if h.VendorID != nil && *h.VendorID == v.ID {
		return fault.New(fault.Conflict, "same-vendor", "%s holds stall %s already.", v.Name, h.Code)
	}
	return nil
}

// known is the vendor's ID where the vendor is in the record already.
func (t *taker) known() *VendorID {
	if t.isNew {
		return nil
	}
	return &t.vendor.ID
}

// entry is what is compared with the record for duplicates.
func (t *taker) entry(h holding) entry {
	e := entry{section: h.Section, accounts: t.accounts}
	if t.isNew {
		e.name, e.phone = t.vendor.Name, t.vendor.Phone
	} else {
		e.vendor = t.vendor.ID
	}
	return e
}

// Leave ends who holds a stall, without a successor: the placards there are suspended and wait to be collected. A vendor without
// another stall has left the market, and counts no more from that day.
//
// Faults: Invalid; NotFound; Forbidden; Conflict stall-vacant, history-overlaps.
func (s *Service) Leave(ctx context.Context, by Actor, marketCode, code string, in Leaving) (Stall, error) {
	now := s.now()
	var bad []fault.Field
	in.From = dated(&bad, "from", in.From, DayOf(now))
	in.Reason = text(&bad, "reason", in.Reason, maxReason, true)
	if err := fault.Check("closure-invalid", bad); err != nil {
		return Stall{}, err
	}
	var serials []Serial
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, h, err := holdVendor(ctx, tx, by, marketCode, code, in.From)
		if err != nil {
			return err
		}
		if err := lockVendors(ctx, tx, m.ID, h.VendorID); err != nil {
			return err
		}
		var events []Event
		if serials, events, err = leave(ctx, tx, by, m.ID, h, in.From, Left, in.Reason, nil, now); err != nil {
			return err
		}
		if err := Recount(ctx, tx, m.ID, now, h.holder()...); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, append(events, Event{"stall.left", "stall:" + h.StallID.String(), []string{"vendor", "from"}})...)
	})
	if err != nil {
		return Stall{}, actionContext("close stall", code, err)
	}
	st, err := s.Stall(ctx, by, marketCode, code)
	st.Stopped = serials
	return st, err
}

// MoveTo lets the vendor of a stall go to another one that nobody holds. The placards at the old stall are suspended: they name it,
// so the new stall gets its own. The answer is the stall that the vendor went to.
//
// Faults: Invalid; NotFound; Forbidden; Conflict stall-vacant, stall-taken, history-overlaps.
func (s *Service) MoveTo(ctx context.Context, by Actor, marketCode, code string, in Move) (Stall, error) {
	now := s.now()
	var bad []fault.Field
	in.To = text(&bad, "to", in.To, maxCode, true)
	in.From = dated(&bad, "from", in.From, DayOf(now))
	in.Reason = text(&bad, "reason", in.Reason, maxReason, true)
	if in.To != "" && codeKey(in.To) == codeKey(code) {
		bad = append(bad, fault.At("to", "same", "The vendor is there already."))
	}
	if err := fault.Check("move-invalid", bad); err != nil {
		return Stall{}, err
	}
	var serials []Serial
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RegisterStall, marketCode)
		if err != nil {
			return err
		}
		if err := oneAtATime(ctx, tx, m.ID, "print"); err != nil {
			return err
		}
		var h, to holding
		stalls := []string{code, in.To}
		slices.SortFunc(stalls, func(a, b string) int { return bytes.Compare([]byte(codeKey(a)), []byte(codeKey(b))) }) // two moves at once lock in one order
		for _, c := range stalls {
			at, err := hold(ctx, tx, m, c)
			if c != code && fault.CodeOf(err) == "stall-not-found" {
				return fault.New(fault.Invalid, "move-invalid", "Some fields need mending.").With(fault.At("to", "unknown", "There is no such stall in this market."))
			}
			if err != nil {
				return err
			}
			if c == code {
				h = at
			} else {
				to = at
			}
		}
		switch {
		case h.VendorID == nil:
			return stallVacant(h.Code)
		case to.VendorID != nil:
			return stallTaken().With(fault.At("to", "taken", "Already taken."))
		}
		if err := h.after(in.From); err != nil {
			return err
		}
		if err := lockVendors(ctx, tx, m.ID, h.VendorID); err != nil {
			return err
		}
		var events []Event
		if serials, events, err = leave(ctx, tx, by, m.ID, h, in.From, Moved, in.Reason, &to.StallID, now); err != nil {
			return err
		}
		b := &pgx.Batch{}
		queueTaking(b, by, m.ID, to.StallID, *h.VendorID, in.From, now)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		if err := Recount(ctx, tx, m.ID, now, h.holder()...); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, append(events, Event{"stall.moved", "stall:" + h.StallID.String(), []string{"vendor", "from"}},
			Event{"stall.taken", "stall:" + to.StallID.String(), []string{"vendor", "from"}})...)
	})
	if err != nil {
		return Stall{}, actionContext("move from stall", code, taken(err))
	}
	st, err := s.Stall(ctx, by, marketCode, in.To)
	st.Stopped = serials
	return st, err
}

// holdVendor locks a stall whose vendor goes on a day.
func holdVendor(ctx context.Context, tx pgx.Tx, by Actor, marketCode, code string, from Day) (Market, holding, error) {
	m, err := market(ctx, tx, by, RegisterStall, marketCode)
	if err != nil {
		return m, holding{}, err
	}
	if err := oneAtATime(ctx, tx, m.ID, "print"); err != nil {
		return m, holding{}, err
	}
	h, err := hold(ctx, tx, m, code)
	switch {
	case err != nil:
	case h.VendorID == nil:
		err = stallVacant(h.Code)
	default:
		err = h.after(from)
	}
	return m, h, err
}

// lockVendors locks vendors in one order, so that two changes at once wait for each other and do not block each other.
func lockVendors(ctx context.Context, tx pgx.Tx, m MarketID, vs ...*VendorID) error {
	ids := []VendorID{}
	for _, v := range vs {
		if v != nil {
			ids = append(ids, *v)
		}
	}
	_, err := tx.Exec(ctx, `SELECT FROM vendors WHERE market_id = @market AND id = ANY (@ids) ORDER BY id FOR UPDATE`,
		pgx.StrictNamedArgs{"market": m, "ids": ids})
	return err
}

// leave ends who holds a stall: the occupancy, every live placard there, and what the vendor wished on the card.
func leave(ctx context.Context, tx pgx.Tx, by Actor, m MarketID, h holding, day Day, how, reason string, to *StallID, now time.Time) ([]Serial, []Event, error) {
	if _, err := tx.Exec(ctx, `
		UPDATE occupancies SET ended = @day, end_kind = @how, end_reason = @reason, end_stall = @to, ended_by = @by, ended_at = @now
		WHERE market_id = @market AND id = @id`,
		pgx.StrictNamedArgs{"market": m, "id": *h.OccupancyID, "day": day, "how": how, "reason": reason, "to": to, "by": by.ID, "now": now}); err != nil {
		return nil, nil, err
	}
	if _, err := tx.Exec(ctx, `
		UPDATE stalls SET placard_languages = '', show_number = false, version = version + 1 WHERE market_id = @market AND id = @id`,
		pgx.StrictNamedArgs{"market": m, "id": h.StallID}); err != nil {
		return nil, nil, err
	}
	if err := dropReplacements(ctx, tx, by, m, *h.VendorID, &h.StallID, now); err != nil {
		return nil, nil, err
	}
	return stopPlacards(ctx, tx, by, m, h.StallID, stopped[how], now)
}

// queueTaking lets a vendor hold a stall from a day on.
func queueTaking(b *pgx.Batch, by Actor, m MarketID, stall StallID, vendor VendorID, began Day, now time.Time) {
	b.Queue(`
		INSERT INTO occupancies (market_id, id, stall_id, vendor_id, began, began_by, began_at)
		VALUES (@market, @id, @stall, @vendor, @began, @by, @now)`,
		pgx.StrictNamedArgs{"market": m, "id": id.New[occupancy](), "stall": stall, "vendor": vendor, "began": began, "by": by.ID, "now": now})
	b.Queue(`UPDATE stalls SET version = version + 1 WHERE market_id = @market AND id = @id`, pgx.StrictNamedArgs{"market": m, "id": stall})
}

// taken says in a person's words what the database found out about who holds a stall.
func taken(err error) error {
	switch postgres.Violated(err) {
	case "occupancies_one_per_stall":
		return stallTaken().Because(err)
	case "occupancies_one_at_a_time":
		return fault.New(fault.Conflict, "history-overlaps", "Somebody held this stall until after that day. Choose a later day.").
			With(fault.At("from", "overlaps", "A later day.")).Because(err)
	}
	return err
}

func stallTaken() *fault.Error {
	return fault.New(fault.Conflict, "stall-taken", "Another vendor holds this stall.")
}

// holds reports whether a vendor, under this ID or the one it was merged into, holds a stall now.
func holds(ctx context.Context, db postgres.Querier, m MarketID, v VendorID, stall StallID) (bool, error) {
	return postgres.One[bool](ctx, db, `
		SELECT EXISTS (SELECT 1 FROM occupancies o
		               WHERE o.market_id = @market AND o.stall_id = @stall AND o.ended IS NULL
		                 AND o.vendor_id = coalesce((SELECT g.into_id FROM vendor_merges g WHERE g.market_id = @market AND g.vendor_id = @vendor), @vendor))`,
		pgx.StrictNamedArgs{"market": m, "vendor": v, "stall": stall})
}
