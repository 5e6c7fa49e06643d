package registry

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// BatchRef names a print batch.
type BatchRef = Ref[Batch]

// Batch is a printing: which placards, on which sheet. The same batch gives the same bytes for ever.
type Batch struct {
	Ref         BatchRef        `json:"id" db:"-"`
	ID          id.ID[Batch]    `json:"-"`
	Sheet       string          `json:"sheet"`
	Measures    json.RawMessage `json:"measures,omitempty"` // of a sheet of the market's own, as it was then
	Design      string          `json:"design"`
	DesignID    id.ID[Design]   `json:"-"`
	Theme       *Design         `json:"-" db:"-"` // a design of the market's own, as it was then; nil: standard
	Skip        int             `json:"skip"`
	Copies      int             `json:"copies"` // of each placard
	CutMarks    bool            `json:"cut_marks"`
	Back        bool            `json:"back"`         // with the other side
	Helper      string          `json:"-"`            // name of the person who made it, as the backs say it
	OffsetRight float64         `json:"offset_right"` // millimetres, of the printer it was made for
	OffsetDown  float64         `json:"offset_down"`
	Layout      int             `json:"-"`
	Placards    int             `json:"placards"`
	Reason      string          `json:"reason,omitempty"` // why it was printed
	LeftOut     []LeftOut       `json:"left_out"`
	Warnings    []Warning       `json:"warnings"`
	CreatedBy   string          `json:"-"`
	CreatedAt   time.Time       `json:"created_at"`
	Work        Work            `json:"-" db:"-"` // how far its sheets are
}

// Layout is the version of the drawing that new batches are bound to.
const Layout = 1

// LeftOut is a stall that got no placard in a batch, and why.
type LeftOut struct {
	Stall  string     `json:"stall"`
	Reason string     `json:"reason"`           // vacant, consent-withdrawn, no-account, not-approved, account-closed, already-issued, suspended, other-provider, cannot-print, unknown-stall
	Serial string     `json:"serial,omitempty"` // of the placard that is there
	Detail fault.Text `json:"detail,omitzero"`  // why it cannot be printed
}

// Warning is what somebody should look at on a card that was made all the same.
type Warning struct {
	Stall  string     `json:"stall"`
	Serial string     `json:"serial"`
	Detail fault.Text `json:"detail"`
}

// Fits says why a placard cannot be put on the batch's sheet, with an empty text when it can; and what somebody should look at
// when it can. The batch it is given has its measures and its theme.
type Fits func(Batch, Placard) (why, warning fault.Text)

// NewBatch says what to print: the stalls named, a section, or all.
type NewBatch struct {
	Sheet       string   `json:"sheet" form:"sheet"`
	Design      string   `json:"design" form:"design"`
	Provider    string   `json:"provider" form:"provider"` // empty: each vendor's default account
	Skip        int      `json:"skip" form:"skip"`         // cells of the first sheet that are used already
	Copies      int      `json:"copies" form:"copies"`     // of each placard; 0: one
	NoCutMarks  bool     `json:"no_cut_marks" form:"no_cut_marks"`
	Printer     string   `json:"printer" form:"printer"` // a saved one, whose offsets the batch takes; empty: none
	Back        bool     `json:"back" form:"back"`
	Reason      string   `json:"reason" form:"reason"`
	Reprint     bool     `json:"reprint" form:"reprint"`         // also where a placard is: a new one takes its place, for the reason given
	Provisional bool     `json:"provisional" form:"provisional"` // first accounts that nobody approved yet too, marked so
	Stalls      []string `json:"stalls" form:"stalls"`
	Section     string   `json:"section" form:"section"`
	All         bool     `json:"all" form:"all"`
}

const (
	maxBatch       = 10_000 // placards of one batch
	maxCopies      = 9
	maxBatchReason = 200
)

// Issue makes placards of what is approved and has none yet, and a batch that holds them. A stall whose placard does not fit
// the sheet is left out with the reason that fits gives.
//
// Faults: Invalid; NotFound market-not-found; Forbidden; Conflict nothing-to-print, with what was left out and why.
func (s *Service) Issue(ctx context.Context, by Actor, marketCode string, in NewBatch, fits Fits) (Batch, error) {
	now := s.now()
	batch, err := s.plannedBatch(by, &in, now)
	if err != nil {
		return batch, err
	}
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, PrintPlacards, marketCode)
		if err != nil {
			return err
		}
		batch.Ref = BatchRef{m.Code, batch.ID}
		// Two batches at once would both see "no placard yet": they come one after the other.
		if err := oneAtATime(ctx, tx, m.ID, "print"); err != nil {
			return err
		}
		if err := batch.equip(ctx, tx, m, in.Printer); err != nil {
			return err
		}
		issue, olds, err := s.choose(ctx, tx, m, in, &batch, now, fits)
		if err != nil {
			return err
		}
		if len(issue) == 0 {
			return nothingToPrint(batch.LeftOut)
		}
		if len(issue) > maxBatch {
			return fault.New(fault.Invalid, "batch-too-large", "One batch holds at most %d placards; these are %d. Print section by section.", maxBatch, len(issue))
		}
		batch.Placards = len(issue)
		if err := planAnew(ctx, tx, len(issue)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO print_batches (market_id, id, sheet, measures, design, design_id, skip, copies, cut_marks, back, helper, offset_right, offset_down,
			                           layout, placards, reason, left_out, warnings, created_by, created_at)
			VALUES (@market, @id, @sheet, @measures, @design, @design_id, @skip, @copies, @cut_marks, @back, @helper, @right, @down,
			        @layout, @placards, @reason, @left_out, @warnings, @by, @now)`,
			pgx.StrictNamedArgs{"market": m.ID, "id": batch.ID, "sheet": batch.Sheet, "measures": []byte(batch.Measures), "design": batch.Design,
				"design_id": batch.DesignID, "skip": batch.Skip, "copies": batch.Copies, "cut_marks": batch.CutMarks, "back": batch.Back, "helper": batch.Helper,
				"right": batch.OffsetRight, "down": batch.OffsetDown, "layout": batch.Layout, "placards": batch.Placards, "reason": batch.Reason,
				"left_out": asJSON(batch.LeftOut), "warnings": asJSON(batch.Warnings), "by": by.ID, "now": now}); err != nil {
			return err
		}
		events := []Event{{"batch.issued", "batch:" + batch.ID.String(), []string{"sheet", "placards"}}}
		replaced, err := end(ctx, tx, by, m, olds, now)
		if err != nil {
			return err
		}
		events = append(events, replaced...)
		if err := insertPlacards(ctx, tx, by, m, batch.ID, issue, placardEvent{kind: "issued", state: "issued", at: now}, now); err != nil {
			return err
		}
		if err := assign(ctx, tx, m, batch.ID); err != nil {
			return err
		}
		for _, p := range issue {
			events = append(events, Event{"placard.issued", "placard:" + p.ID.String(), []string{"serial", "account"}})
		}
		changed := slices.Clone(issue)
		for _, old := range olds {
			changed = append(changed, old.placard)
		}
		if err := recountPlacards(ctx, tx, m.ID, now, changed...); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, events...)
	})
	if in.Provisional && fault.CodeOf(err) == "nothing-to-print" { // somebody wanted on paper what nobody approved
		s.refused(ctx, by, marketCode, Event{"batch.refused", "batch:" + batch.ID.String(), []string{"provisional"}})
	}
	return batch, actionContext("issue placards of", marketCode, err)
}

// plannedBatch checks the wish, fills what it leaves open, and gives the batch that it asks for.
func (s *Service) plannedBatch(by Actor, in *NewBatch, now time.Time) (Batch, error) {
	var bad []fault.Field
	ways := 0
	for _, chosen := range []bool{len(in.Stalls) > 0, in.Section != "", in.All} {
		if chosen {
			ways++
		}
	}
	if ways != 1 {
		bad = append(bad, fault.At("all", "choose-one", "Name stalls, or a section, or all: just one of them."))
	}
	in.Sheet = text(&bad, "sheet", in.Sheet, maxSheet, false)
	in.Printer = text(&bad, "printer", in.Printer, maxPrinter, false)
	if in.Design = text(&bad, "design", in.Design, maxDesign, false); in.Design == "" {
		in.Design = Standard
	}
	if in.Copies == 0 {
		in.Copies = 1
	}
	if in.Copies < 1 || in.Copies > maxCopies {
		bad = append(bad, fault.At("copies", "range", "A number from 1 to %d.", maxCopies))
	}
	in.Reason = text(&bad, "reason", in.Reason, maxBatchReason, in.Reprint)
	if in.Skip < 0 || in.Skip > 99 {
		bad = append(bad, fault.At("skip", "range", "A number from 0 to %d.", 99))
	}
	if err := fault.Check("batch-invalid", bad); err != nil {
		return Batch{}, err
	}
	return Batch{ID: id.New[Batch](), Sheet: in.Sheet, Design: in.Design, Skip: in.Skip, Copies: in.Copies, CutMarks: !in.NoCutMarks, Back: in.Back, Helper: by.helper(),
		Layout: Layout, Reason: in.Reason, LeftOut: []LeftOut{}, Warnings: []Warning{}, CreatedBy: by.ID, CreatedAt: now}, nil
}

// Preview says what Issue would make of the same wish now, and makes nothing: the placards have no serial, and no batch holds them.
// It gives at most most of them, and how many there would be. Faults: those of Issue.
func (s *Service) Preview(ctx context.Context, by Actor, marketCode string, in NewBatch, fits Fits, most int) (b Batch, ps []Placard, err error) {
	now := s.now()
	if b, err = s.plannedBatch(by, &in, now); err != nil {
		return b, nil, err
	}
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, PrintPlacards, marketCode)
		if err != nil {
			return err
		}
		if err := b.equip(ctx, tx, m, in.Printer); err != nil {
			return err
		}
		if ps, _, err = s.choose(ctx, tx, m, in, &b, now, fits); err == nil && len(ps) == 0 {
			err = nothingToPrint(b.LeftOut)
		}
		return err
	})
	b.Placards = len(ps)
	ps = ps[:min(len(ps), most)]
	for i := range ps {
		ps[i].Serial = ""
	}
	return b, ps, actionContext("preview placards of", marketCode, err)
}

// equip gives the batch what the market saved for its printing, as it is now: the measures of its own sheet, its own design,
// how far the printer is off.
func (b *Batch) equip(ctx context.Context, tx pgx.Tx, m Market, printer string) error {
	unknown := func(pointer, format string, args ...any) *fault.Error {
		return fault.New(fault.Invalid, "batch-invalid", "Some fields need mending.").With(fault.At(pointer, "unknown", format, args...))
	}
	own, err := sheets(ctx, tx, m, &b.Sheet)
	if err != nil {
		return err
	}
	if len(own) > 0 {
		b.Measures = own[0].Measures
	}
	if b.Design != Standard {
		d, err := design(ctx, tx, m, unknown("design", "The market has no design %q.", b.Design),
			`WHERE market_id = @market AND name = @name ORDER BY version DESC LIMIT 1`, pgx.StrictNamedArgs{"market": m.ID, "name": b.Design})
		if err != nil {
			return err
		}
		b.DesignID, b.Theme = d.ID, &d
	}
	if printer != "" {
		p, err := postgres.Found[Printer](ctx, tx, unknown("printer", "The market has no printer %q.", printer), `
			SELECT name, offset_right, offset_down FROM printers WHERE market_id = @market AND name = @name`,
			pgx.StrictNamedArgs{"market": m.ID, "name": printer})
		if err != nil {
			return err
		}
		b.OffsetRight, b.OffsetDown = p.OffsetRight, p.OffsetDown
	}
	return nil
}

// ending is a placard whose place a new one takes, and why.
type ending struct {
	placard Placard
	reason  string
}

// end lets new placards take the place of old ones. What was decided by their states is decided again where a phone moved one
// meanwhile: a stop that came in must not be printed over.
func end(ctx context.Context, tx pgx.Tx, by Actor, m Market, olds []ending, now time.Time) ([]Event, error) {
	if len(olds) == 0 {
		return nil, nil
	}
	ids := make([]PlacardID, len(olds))
	seen := map[PlacardID]Placard{}
	for i, old := range olds {
		ids[i], seen[old.placard.ID] = old.placard.ID, old.placard
	}
	type held struct {
		ID    PlacardID
		State string
	}
	hold, err := postgres.All[held](ctx, tx, `SELECT id, state FROM placards WHERE market_id = @market AND id = ANY (@ids) ORDER BY id FOR UPDATE`,
		pgx.StrictNamedArgs{"market": m.ID, "ids": ids})
	if err != nil {
		return nil, err
	}
	for _, p := range hold {
		if old := seen[p.ID]; p.State != old.State {
			return nil, fault.New(fault.Conflict, "placard-moved", "Placard %s became %s while this batch was made. Print again.", old.Serial.String(), word(p.State))
		}
	}
	b := &pgx.Batch{}
	var events []Event
	for _, old := range olds {
		e := placardEvent{id: id.New[NewPlacardEvent](), kind: "replaced", state: "replaced", reason: old.reason, at: now}
		e.queue(b, by, m.ID, old.placard.ID, now)
		events = append(events, Event{"placard.replaced", "placard:" + old.placard.ID.String(), []string{"state"}})
	}
	return events, tx.SendBatch(ctx, b).Close()
}

// choose walks the stalls in order and decides which get a placard. olds are those whose place the new ones take: in a reprint,
// and provisional ones whose account was approved since.
func (s *Service) choose(ctx context.Context, tx pgx.Tx, m Market, in NewBatch, batch *Batch, now time.Time, fits Fits) (issue []Placard, olds []ending, err error) {
	type candidate struct {
		StallID    StallID
		Stall      string
		Section    string
		Goods      string
		CodeKey    string
		VendorID   *VendorID
		Vendor     *string
		Default    *AccountID
		Languages  string
		ShowNumber bool
		Agreed     bool
	}
	stalls, err := postgres.All[candidate](ctx, tx, `
		SELECT s.id AS stall_id, s.code AS stall, s.section, s.goods, s.code_key, v.id AS vendor_id, v.name AS vendor, v.default_account AS "default",
		       s.placard_languages AS languages, s.show_number, NOT EXISTS (`+withdrawn("v.id")+`) AS agreed
		FROM `+whoTrades+`
		WHERE s.market_id = @market AND s.removed_at IS NULL
		ORDER BY s.position, s.code_key`, pgx.StrictNamedArgs{"market": m.ID})
	if err != nil {
		return nil, nil, err
	}
	accounts, err := postgres.All[Account](ctx, tx, accountColumns+`
		WHERE a.market_id = @market ORDER BY a.vendor_id, a.rank, a.proposed_at, a.id`, accountArgs(m.ID, now))
	if err != nil {
		return nil, nil, err
	}
	byVendor := map[VendorID][]Account{}
	for _, a := range accounts {
		byVendor[a.VendorID] = append(byVendor[a.VendorID], a)
	}
	live, err := placards(ctx, tx, m, `WHERE p.market_id = @market AND p.kind = 'ours' AND p.state = ANY (@live)`,
		pgx.StrictNamedArgs{"market": m.ID, "live": liveStates, "now": now})
	if err != nil {
		return nil, nil, err
	}
	type place struct {
		stall   StallID
		account AccountID
	}
	there := map[place]Placard{}
	for _, p := range live {
		there[place{p.StallID, p.AccountID}] = p
	}
	wanted := map[string]bool{}
	for _, code := range in.Stalls {
		wanted[codeKey(code)] = false
	}
	provider := ""
	if in.Provider != "" {
		p, ok := providerOf(in.Provider)
		if !ok {
			return nil, nil, fault.New(fault.Invalid, "batch-invalid", "Some fields need mending.").
				With(fault.At("provider", "unknown", "There is no wallet or bank %q in the list.", fault.Clip(in.Provider, 40)))
		}
		provider = p
	}
	// Once somebody put an account of a vendor on paper, another number there is a change, although nobody approved the first: it waits
	// for the second person.
	paid := map[VendorID]map[AccountID]bool{}
	if in.Provisional {
		type pays struct {
			VendorID  VendorID
			AccountID AccountID
		}
		before, err := postgres.All[pays](ctx, tx, `
			SELECT DISTINCT p.vendor_id, p.account_id FROM placards p JOIN vendors v ON v.market_id = p.market_id AND v.id = p.vendor_id
			WHERE p.market_id = @market AND p.kind = 'ours' AND v.default_account IS NULL`, pgx.StrictNamedArgs{"market": m.ID})
		if err != nil {
			return nil, nil, err
		}
		for _, b := range before {
			if paid[b.VendorID] == nil {
				paid[b.VendorID] = map[AccountID]bool{}
			}
			paid[b.VendorID][b.AccountID] = true
		}
	}
	leave := func(stall, reason string) *LeftOut {
		batch.LeftOut = append(batch.LeftOut, LeftOut{Stall: stall, Reason: reason})
		return &batch.LeftOut[len(batch.LeftOut)-1]
	}
	for _, c := range stalls {
		if len(in.Stalls) > 0 {
			if _, ok := wanted[c.CodeKey]; !ok {
				continue
			}
			wanted[c.CodeKey] = true
		}
		if in.Section != "" && c.Section != in.Section {
			continue
		}
		if c.VendorID == nil {
			leave(c.Stall, "vacant")
			continue
		}
		if !c.Agreed {
			leave(c.Stall, "consent-withdrawn")
			continue
		}
		a, none := pick(byVendor[*c.VendorID], provider, in.Provisional)
		if none != "" {
			leave(c.Stall, none)
			continue
		}
		if on := paid[*c.VendorID]; a.State == StateProposed && len(on) > 0 && (len(on) > 1 || !on[a.RecordID]) {
			leave(c.Stall, "not-approved")
			continue
		}
		mark := ""
		switch {
		case m.Demo:
			mark = "sample"
		case a.State == StateProposed:
			mark = "provisional"
		}
		old, exists := there[place{c.StallID, a.RecordID}]
		reason := in.Reason
		switch {
		case !exists:
		case in.Reprint && old.State == "suspended": // a fresh serial is no way round somebody's stop
			leave(c.Stall, "suspended").Serial = old.Serial.String()
			continue
		case in.Reprint:
		case old.Mark == "provisional" && a.State == StateApproved:
			reason = "approved since"
		default:
			leave(c.Stall, "already-issued").Serial = old.Serial.String()
			continue
		}
		p := Placard{ID: id.New[Placard](), Serial: NewSerial(), Kind: "ours", State: "issued", Mark: mark, Market: m.Code, MarketName: m.Name,
			Stall: c.Stall, Goods: c.Goods, Vendor: *c.Vendor, Holder: a.Holder, Provider: a.Provider, Call: m.Call, IssuedAt: now,
			AccountID: a.RecordID, VendorID: *c.VendorID, StallID: c.StallID, Payload: a.Payload, Symbol: a.Symbol,
			Tail: a.Number[max(0, len(a.Number)-4):], ProviderName: ProviderName(a.Provider), Languages: c.Languages, ShowNumber: c.ShowNumber}
		if p.ShowNumber {
			p.Number = a.Number
		}
		why, warning := fits(*batch, p)
		if why.Format != "" {
			leave(c.Stall, "cannot-print").Detail = why
			continue
		}
		if warning.Format != "" {
			batch.Warnings = append(batch.Warnings, Warning{p.Stall, p.Serial.String(), warning})
		}
		if exists {
			olds = append(olds, ending{old, reason})
		}
		issue = append(issue, p)
	}
	for _, code := range in.Stalls {
		if key := codeKey(code); !wanted[key] {
			leave(fault.Clip(code, maxCode), "unknown-stall")
			wanted[key] = true
		}
	}
	return issue, olds, nil
}

// pick chooses the account to print: the default, or the one at the provider asked for (of two there, the default before the
// other); unapproved accounts only when provisional ones are wanted and nothing of the vendor's was approved yet, or one person
// alone could hang another number where an approved one is due. One that is closed at its provider is never printed. why is the reason for none.
func pick(as []Account, provider string, provisional bool) (a Account, why string) {
	why = "no-account"
	var first, found *Account
	approved := false
	for i, a := range as {
		approved = approved || a.State == StateApproved
		if a.State != StateApproved && a.State != StateProposed {
			continue
		}
		if provider != "" && a.Provider != provider {
			if why == "no-account" {
				why = "other-provider"
			}
			continue
		}
		if a.ClosedSince != nil {
			if why != "not-approved" {
				why = "account-closed"
			}
			continue
		}
		if a.State == StateProposed {
			why = "not-approved"
			if first == nil && a.ReplacesID == nil {
				first = &as[i]
			}
			continue
		}
		if a.Default || provider != "" && found == nil {
			found = &as[i]
		}
	}
	if found != nil {
		return *found, ""
	}
	if provisional && first != nil && !approved {
		return *first, ""
	}
	return Account{}, why
}

// Why says the reason in words.
func (o LeftOut) Why() fault.Text {
	if o.Detail.Format != "" {
		return o.Detail
	}
	switch o.Reason {
	case "vacant":
		return fault.Say("Nobody trades there.")
	case "consent-withdrawn":
		return fault.Say("The vendor took their consent back.")
	case "no-account":
		return fault.Say("The vendor has no receiving account yet.")
	case "not-approved":
		return fault.Say("The account waits for approval.")
	case "account-closed":
		return fault.Say("The wallet or bank says that the account is closed. Ask the vendor which one they use now, and bring it in.")
	case "already-issued":
		return fault.Say("It has its placard already.")
	case "suspended":
		return fault.Say("Its placard was stopped. A manager or an officer must look at it first.")
	case "other-provider":
		return fault.Say("The vendor's account is with another wallet or bank.")
	case "unknown-stall":
		return fault.Say("The market has no such stall.")
	}
	return fault.Say("It cannot be printed on this sheet.")
}

// nothingToPrint says why, reason by reason, with the number of stalls.
func nothingToPrint(out []LeftOut) error {
	f := fault.New(fault.Conflict, "nothing-to-print", "There is nothing to print.")
	counts := map[string]int{}
	for _, o := range out {
		counts[o.Reason]++
	}
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		why := LeftOut{Reason: reason}.Why()
		f.With(fault.At("stalls", reason, "%d stalls: %s", counts[reason], why))
	}
	return f
}

// Ready is what could be printed now in a section.
type Ready struct {
	Section    string
	Approved   int // stalls whose vendor's account is approved and has no placard there yet
	Unapproved int // stalls that only a provisional placard could be made for
}

// Ready counts by section, in walking order, what a batch would print, so that the form can say it before anything is made.
// Faults: NotFound; Forbidden.
func (s *Service) Ready(ctx context.Context, by Actor, marketCode string) ([]Ready, error) {
	m, err := market(ctx, s.db, by, PrintPlacards, marketCode)
	if err != nil {
		return nil, err
	}
	return postgres.All[Ready](ctx, s.db, `
		SELECT section, count(*) FILTER (WHERE approved)::int AS approved, count(*) FILTER (WHERE unapproved)::int AS unapproved
		FROM (SELECT s.section, s.position,
		             v.default_account IS NOT NULL AND `+ClosedSince("v.default_account")+` IS NULL AND NOT EXISTS (
		                 SELECT FROM placards p
		                 WHERE p.market_id = @market AND p.stall_id = s.id AND p.account_id = v.default_account AND p.kind = 'ours'
		                   AND p.mark <> 'provisional' AND p.state = ANY (@live)) AS approved,
		             v.default_account IS NULL AND EXISTS (
		                 SELECT FROM accounts a
		                 WHERE a.market_id = @market AND a.vendor_id = v.id AND a.replaces IS NULL AND `+ClosedSince("a.id")+` IS NULL
		                   AND a.proposed_at > @now::timestamptz - @proposal_lives::interval
		                   AND NOT EXISTS (SELECT 1 FROM account_decisions d WHERE d.market_id = @market AND d.account_id = a.id)
		                   AND NOT EXISTS (SELECT 1 FROM placards p
		                                   WHERE p.market_id = @market AND p.stall_id = s.id AND p.account_id = a.id AND p.kind = 'ours' AND p.state = ANY (@live))
		                   AND NOT EXISTS (SELECT 1 FROM placards p
		                                   WHERE p.market_id = @market AND p.vendor_id = v.id AND p.account_id <> a.id AND p.kind = 'ours')
		             ) AS unapproved
		      FROM `+whoTrades+`
		      WHERE s.market_id = @market AND s.removed_at IS NULL AND v.id IS NOT NULL) stalls
		GROUP BY section ORDER BY min(position)`,
		pgx.StrictNamedArgs{"market": m.ID, "live": liveStates, "now": s.now(), "proposal_lives": ProposalLives})
}

// insertPlacards stores placards of a batch, or of none, each with the first event of its life.
func insertPlacards(ctx context.Context, tx pgx.Tx, by Actor, m Market, batch id.ID[Batch], ps []Placard, first placardEvent, now time.Time) error {
	if first.content == nil {
		first.content = []byte{}
	}
	rows, claims, events := make([][]any, len(ps)), make([][]any, len(ps)), make([][]any, len(ps))
	for i, p := range ps {
		rows[i] = []any{m.ID, p.ID, string(p.Serial), p.Kind, p.StallID, p.VendorID, p.AccountID, batch, i, p.Mark, p.MarketName, p.Call,
			p.Stall, p.Goods, p.Vendor, p.Holder, p.ProviderName, p.Languages, p.ShowNumber, p.State, now}
		claims[i] = []any{string(p.Serial), m.ID, p.ID}
		events[i] = []any{m.ID, id.New[NewPlacardEvent](), p.ID, 1, first.kind, first.state, postgres.Null(first.heard), "", first.content, first.at, by.ID, now}
	}
	for _, t := range []struct {
		table   string
		columns []string
		rows    [][]any
	}{
		{"placard_serials", []string{"serial", "market_id", "placard_id"}, claims},
		{"placards", []string{"market_id", "id", "serial", "kind", "stall_id", "vendor_id", "account_id", "batch_id", "cell", "mark", "market_name",
			"call", "stall_code", "goods", "vendor_name", "holder", "provider_name", "languages", "show_number", "state", "issued_at"}, rows},
		{"placard_events", []string{"market_id", "id", "placard_id", "seq", "kind", "state", "heard_name", "reason", "content", "at", "recorded_by", "recorded_at"}, events},
	} {
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{t.table}, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
			return err
		}
	}
	return nil
}

const batchColumns = `
	SELECT id, sheet, measures, design, design_id, skip, copies, cut_marks, back, helper, offset_right, offset_down, layout, placards, reason,
	       created_by, created_at, `

// Batch is a print batch with its placards in the order of its cells. Faults: NotFound; Forbidden; Gone batch-gone, once a
// person in it was erased.
func (s *Service) Batch(ctx context.Context, by Actor, ref BatchRef) (Batch, []Placard, error) {
	m, b, err := s.wholeBatch(ctx, by, ref)
	if err != nil {
		return b, nil, err
	}
	ps, err := placards(ctx, s.db, m, `WHERE p.market_id = @market AND p.batch_id = @batch ORDER BY p.cell`,
		pgx.StrictNamedArgs{"market": m.ID, "batch": ref.ID, "now": s.now()})
	if err == nil {
		of := []Batch{b}
		err = s.drawn(ctx, m, of)
		b = of[0]
	}
	return b, ps, err
}

// wholeBatch is a batch of which nothing is gone, and its market. Faults: those of Batch.
func (s *Service) wholeBatch(ctx context.Context, by Actor, ref BatchRef) (Market, Batch, error) {
	m, err := market(ctx, s.db, by, PrintPlacards, ref.Market)
	if err != nil {
		return m, Batch{}, notFoundAs(err, batchNotFound())
	}
	b, err := s.batch(ctx, m, ref.ID)
	if err != nil {
		return m, b, err
	}
	gone, err := postgres.One[bool](ctx, s.db, `
		SELECT EXISTS (SELECT 1 FROM placards p JOIN vendors v ON v.market_id = p.market_id AND v.id = p.vendor_id
		               JOIN accounts a ON a.market_id = p.market_id AND a.id = p.account_id
		               WHERE p.market_id = @market AND p.batch_id = @batch AND (v.erased_at IS NOT NULL OR a.number = ''))`,
		pgx.StrictNamedArgs{"market": m.ID, "batch": ref.ID})
	if err == nil && gone {
		err = batchGone()
	}
	if err != nil {
		return m, Batch{}, err
	}
	return m, b, nil
}

// batchGone is because half a batch would not be the same bytes, and the whole would name the person.
func batchGone() *fault.Error {
	return fault.New(fault.Gone, "batch-gone", "A person on these sheets asked to be forgotten, so the sheets are gone. Print the others anew.")
}

func batchNotFound() *fault.Error {
	return fault.New(fault.NotFound, "batch-not-found", "There is no such print batch here.")
}

// batch is a batch with the design it was made with.
func (s *Service) batch(ctx context.Context, m Market, which id.ID[Batch]) (Batch, error) {
	b, err := postgres.Found[Batch](ctx, s.db, batchNotFound(), batchColumns+`left_out, warnings FROM print_batches WHERE market_id = @market AND id = @id`,
		pgx.StrictNamedArgs{"market": m.ID, "id": which})
	if err != nil {
		return Batch{}, err
	}
	b.Ref = BatchRef{m.Code, which}
	if !b.DesignID.IsZero() {
		d, err := design(ctx, s.db, m, batchNotFound(), `WHERE market_id = @market AND id = @id`, pgx.StrictNamedArgs{"market": m.ID, "id": b.DesignID})
		if err != nil {
			return b, err
		}
		b.Theme = &d
	}
	return b, nil
}

// Batches lists a market's print batches, newest first, with how far their sheets are and without what each says of single stalls. Faults: NotFound; Forbidden.
func (s *Service) Batches(ctx context.Context, by Actor, marketCode string) ([]Batch, error) {
	m, err := market(ctx, s.db, by, PrintPlacards, marketCode)
	if err != nil {
		return nil, err
	}
	bs, err := postgres.All[Batch](ctx, s.db, batchColumns+`'[]'::jsonb AS left_out, '[]'::jsonb AS warnings FROM print_batches
		WHERE market_id = @market ORDER BY id DESC LIMIT 50`, pgx.StrictNamedArgs{"market": m.ID})
	for i := range bs {
		bs[i].Ref = BatchRef{m.Code, bs[i].ID}
	}
	if err == nil {
		err = s.drawn(ctx, m, bs)
	}
	return bs, err
}

// Printed records that the sheets of a batch were drawn and read back. Doing it twice changes nothing.
func (s *Service) Printed(ctx context.Context, by Actor, ref BatchRef) error {
	now := s.now()
	return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, PrintPlacards, ref.Market)
		if err != nil {
			return err
		}
		ids, err := postgres.All[PlacardID](ctx, tx, `
			SELECT id FROM placards WHERE market_id = @market AND batch_id = @batch AND state = 'issued' ORDER BY cell FOR UPDATE`,
			pgx.StrictNamedArgs{"market": m.ID, "batch": ref.ID})
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := planAnew(ctx, tx, len(ids)); err != nil {
			return err
		}
		events := make([]PlacardEventID, len(ids))
		for i := range events {
			events[i] = id.New[NewPlacardEvent]()
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO placard_events (market_id, id, placard_id, seq, kind, state, reason, content, at, recorded_by, recorded_at)
			SELECT @market, n.id, n.placard, e.seq + 1, 'printed', 'printed', '', ''::bytea, greatest(@now::timestamptz, e.at), @by, @now
			FROM unnest(@events::uuid[], @placards::uuid[]) n (id, placard)
			JOIN LATERAL (SELECT max(e.seq) AS seq, max(e.at) AS at FROM placard_events e
			              WHERE e.market_id = @market AND e.placard_id = n.placard) e ON true`,
			pgx.StrictNamedArgs{"market": m.ID, "events": events, "placards": ids, "now": now, "by": by.ID}); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE placards SET state = 'printed' WHERE market_id = @market AND batch_id = @batch AND state = 'issued'`,
			pgx.StrictNamedArgs{"market": m.ID, "batch": ref.ID}); err != nil {
			return err
		}
		if err := printed(ctx, tx, by, m, ref.ID, now); err != nil {
			return err
		}
		all := []Event{{"batch.printed", "batch:" + ref.ID.String(), []string{"state"}}}
		for _, p := range ids {
			all = append(all, Event{"placard.printed", "placard:" + p.String(), []string{"state"}})
		}
		return Audit(ctx, tx, now, by, m.ID, all...)
	})
}
