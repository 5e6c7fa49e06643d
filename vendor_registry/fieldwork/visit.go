package fieldwork

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// Word is a code of the record with what it means; Words is English, a key of the catalogue.
type Word struct {
	Code  string `json:"code"`
	Words string `json:"-"`
}

// Outcomes of a visit, in the order in which they are offered.
var Outcomes = []Word{
	{"done", "Done what they came for"},
	{"helped", "Helped, more to do"},
	{"refused", "Does not want to for now"},
	{"absent", "The vendor was not there"},
	{"closed", "The stall was closed"},
}

// Checklist is what a visit may help with beside the placard.
var Checklist = []Word{
	{"sim", "SIM in their own name"},
	{"public_service", "Public-service account"},
	{"e_id", "E-ID app (VNeID)"},
	{"health_book", "Health book app"},
	{"provincial_app", "The province's app"},
	{"wallet", "Wallet"},
	{"bank_app", "Bank's app"},
	{"marketplace", "Listed on a marketplace such as voso.vn"},
}

// Answers are what became of an item of the checklist.
var Answers = []Word{
	{"done", "There already"},
	{"helped", "Helped with it"},
	{"refused", "Did not want it"},
	{"not_asked", "Not asked"},
}

func codes(words []Word) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w.Code
	}
	return out
}

func barrierCodes() []string {
	out := make([]string, len(registry.Barriers))
	for i, b := range registry.Barriers {
		out[i] = b.Code
	}
	return out
}

// VisitID names a visit within a market; a phone mints it, so that it may send twice.
type VisitID = id.ID[Visit]

// VisitRef names a visit that comes in alone.
type VisitRef = registry.Ref[Visit]

// Visit is that somebody was at a stall, and what they found.
type Visit struct {
	Ref        VisitRef          `json:"id" db:"-"`
	ID         VisitID           `json:"-"`
	Stall      string            `json:"stall"`
	Section    string            `json:"section"`
	Vendor     string            `json:"vendor"` // who held the stall then; empty: nobody
	Outcome    string            `json:"outcome"`
	Barrier    *string           `json:"barrier"` // the main one
	Also       []string          `json:"also"`
	Note       string            `json:"note"`
	AgainOn    *registry.Day     `json:"again_on"`
	Checklist  map[string]string `json:"checklist"` // what was asked: done, helped, refused
	Scan       string            `json:"scan"`      // of a code that was scanned: match, other_account, not_ours; empty: none was
	Team       string            `json:"team"`
	At         time.Time         `json:"at"`
	Who        string            `json:"by"`
	RecordedAt time.Time         `json:"recorded_at"`
	ClockAhead *int              `json:"clock_ahead"` // seconds by which the device's clock was ahead of ours, negative behind; null: less than 10 minutes
	VoidedAt   *time.Time        `json:"voided_at"`
	VoidedBy   *string           `json:"voided_by"`
	VoidReason *string           `json:"void_reason"`
	Again      bool              `json:"-" db:"-"` // it was sent before, and nothing was done now
}

// NewVisit is what somebody brings home from a stall.
type NewVisit struct {
	ID        VisitID           `json:"id,omitzero"` // zero: minted here
	Outcome   string            `json:"outcome"`
	Barrier   string            `json:"barrier"`
	Also      []string          `json:"also"`
	Note      string            `json:"note"`
	AgainOn   registry.Day      `json:"again_on,omitzero"`
	Checklist map[string]string `json:"checklist"`
	Payload   string            `json:"payload"`          // text of a code that was scanned there: proof of the visit; not kept
	At        time.Time         `json:"at,omitzero"`      // zero: now
	SentAt    time.Time         `json:"sent_at,omitzero"` // what the sender's clock says now; zero: not told
}

// maxAgain is how far ahead a next visit may be planned, in days.
const maxAgain = 400

// maxPayload is what the largest code there is can hold.
const maxPayload = 2953

func (in *NewVisit) check(today registry.Day) error {
	var bad []fault.Field
	oneOf(&bad, "outcome", in.Outcome, codes(Outcomes))
	if in.Barrier != "" {
		oneOf(&bad, "barrier", in.Barrier, barrierCodes())
	}
	also := []string{}
	for _, b := range in.Also {
		oneOf(&bad, "also", b, barrierCodes())
		if b != in.Barrier && !slices.Contains(also, b) {
			also = append(also, b)
		}
	}
	slices.Sort(also)
	in.Also = also
	if len(also) > 0 && in.Barrier == "" {
		bad = append(bad, fault.At("barrier", "required", "Say which reason is the main one."))
	}
	in.Note = registry.Clean(&bad, "note", in.Note, maxNote, in.Barrier == "other" || slices.Contains(also, "other"))
	registry.Harmless(&bad, "note", in.Note)
	if !in.AgainOn.IsZero() && (in.AgainOn.After(today.Plus(maxAgain)) || today.Plus(-maxAgain).After(in.AgainOn)) {
		bad = append(bad, fault.At("again_on", "range", "A day within the next year."))
	}
	asked := map[string]string{}
	for _, item := range slices.Sorted(maps.Keys(in.Checklist)) {
		answer := in.Checklist[item]
		if !slices.Contains(codes(Checklist), item) {
			bad = append(bad, fault.At("checklist", "unknown", "One of: %s.", strings.Join(codes(Checklist), ", ")))
			continue
		}
		oneOf(&bad, "checklist/"+item, answer, codes(Answers))
		if answer != "not_asked" {
			asked[item] = answer
		}
	}
	in.Checklist = asked
	if len(in.Payload) > maxPayload {
		bad = append(bad, fault.At("payload", "too-long", "It has %d characters; at most %d fit.", len(in.Payload), maxPayload))
	}
	return fault.Check("visit-invalid", bad)
}

// content is what makes two sendings of one visit the same: everything in it, and the stall it was at.
func (in NewVisit) content(stall string) []byte {
	at := in.At.UTC().Format(time.RFC3339Nano)
	in.At, in.SentAt = time.Time{}, time.Time{} // in another zone it is the same moment
	return digest(registry.CodeKey(stall), at, in)
}

const visitColumns = `
	SELECT v.id, s.code AS stall, s.section, coalesce(o.name, '') AS vendor, v.outcome, v.barrier, v.also, v.note, v.again_on, v.checklist, v.scan,
	       coalesce(v.team_code, '') AS team, v.at, coalesce(p.name, k.name, CASE WHEN v.by = 'console' THEN 'console' END, '') AS who, v.recorded_at, v.clock_ahead,
	       v.voided_at, coalesce(q.name, v.voided_by) AS voided_by, v.void_reason
	FROM visits v
	JOIN stalls s ON s.market_id = v.market_id AND s.id = v.stall_id
	LEFT JOIN vendors o ON o.market_id = v.market_id AND o.id = v.vendor_id
	LEFT JOIN people p ON v.by = 'person:' || p.id
	LEFT JOIN keys k ON v.by = 'key:' || k.id
	LEFT JOIN people q ON v.voided_by = 'person:' || q.id
	WHERE v.market_id = @market`

func visitNotFound() *fault.Error {
	return fault.New(fault.NotFound, "visit-not-found", "There is no such visit here.")
}

func (s *Service) visit(ctx context.Context, db postgres.Querier, m registry.Market, which VisitID) (Visit, error) {
	v, err := postgres.Found[Visit](ctx, db, visitNotFound(), visitColumns+` AND v.id = @id`, pgx.StrictNamedArgs{"market": m.ID, "id": which})
	v.Ref = VisitRef{Market: m.Code, ID: v.ID}
	return v, err
}

// RecordVisit records a visit to a stall. The same id and content sent again give the first record; other content under the id is
// kept beside it for whoever leads the team. One that arrives late counts on its own day, for who held the stall then.
//
// Faults: Invalid visit-invalid; NotFound market-not-found, stall-not-found; Forbidden; Conflict visit-differs.
func (s *Service) RecordVisit(ctx context.Context, by registry.Actor, marketCode, stall string, in NewVisit) (Visit, error) {
	now := s.now()
	content := in.content(stall) // of what was sent: a rule that is new by the second time does not make it another visit
	if err := in.check(registry.DayOf(now)); err != nil {
		return Visit{}, err
	}
	in.ID = minted(in.ID)
	at, ahead := registry.OnOurClock(now, in.At, cmp.Or(in.SentAt, now))
	day := registry.DayOf(at)
	var v Visit
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := registry.Allowed(ctx, tx, by, registry.RecordField, marketCode)
		if err != nil {
			return err
		}
		type place struct {
			ID     registry.StallID
			Vendor *registry.VendorID
		}
		st, err := postgres.Found[place](ctx, tx, stallNotFound(stall), `
			SELECT s.id, o.vendor_id AS vendor FROM stalls s
			LEFT JOIN LATERAL (SELECT o.vendor_id FROM occupancies o
			                   WHERE o.market_id = @market AND o.stall_id = s.id AND o.began <= @day AND (o.ended IS NULL OR o.ended > @day)
			                   ORDER BY o.began DESC LIMIT 1) o ON true
			WHERE s.market_id = @market AND s.code_key = @key AND s.removed_at IS NULL`,
			pgx.StrictNamedArgs{"market": m.ID, "key": registry.CodeKey(stall), "day": day})
		if err != nil {
			return err
		}
		team, err := teamOf(ctx, tx, by, m.ID, day)
		if err != nil {
			return err
		}
		if team != "" {
			if err := wentTo(ctx, tx, m.ID, team); err != nil {
				return err
			}
		}
		scan := ""
		if in.Payload != "" {
			if scan, err = compare(ctx, tx, m, st.Vendor, in.Payload); err != nil {
				return err
			}
		}
		var again *registry.Day
		if !in.AgainOn.IsZero() {
			again = &in.AgainOn
		}
		tag, err := tx.Exec(ctx, `
			INSERT INTO visits (market_id, id, stall_id, vendor_id, outcome, barrier, also, note, again_on, checklist, scan, content, clock_ahead, team_code,
			                    at, by, recorded_at, recorded_by)
			VALUES (@market, @id, @stall, @vendor, @outcome, @barrier, @also, @note, @again, @checklist, @scan, @content, @ahead, @team, @at, @by, @now, @by)
			ON CONFLICT (market_id, id) DO NOTHING`,
			pgx.StrictNamedArgs{"market": m.ID, "id": in.ID, "stall": st.ID, "vendor": st.Vendor, "outcome": in.Outcome, "barrier": postgres.Null(in.Barrier),
				"also": in.Also, "note": in.Note, "again": again, "checklist": in.Checklist, "scan": scan, "content": content, "ahead": ahead,
				"team": postgres.Null(team), "at": at, "by": by.ID, "now": now})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			before, err := postgres.One[[]byte](ctx, tx, `SELECT content FROM visits WHERE market_id = @market AND id = @id`,
				pgx.StrictNamedArgs{"market": m.ID, "id": in.ID})
			if err != nil {
				return err
			}
			if registry.Emptied(before) {
				return registry.PersonGone()
			}
			if string(before) != string(content) {
				return registry.Differs(fault.New(fault.Conflict, "visit-differs",
					"A visit with this id was recorded before, with other content. Nothing was overwritten: this version is kept for whoever leads the team."),
					"visit", in.ID, stall, in)
			}
			v, err = s.visit(ctx, tx, m, in.ID)
			v.Again = true
			return err
		}
		if v, err = s.visit(ctx, tx, m, in.ID); err != nil {
			return err
		}
		if st.Vendor != nil {
			if err := registry.Recount(ctx, tx, m.ID, now, *st.Vendor); err != nil {
				return err
			}
		}
		return registry.Audit(ctx, tx, now, by, m.ID, registry.Event{Action: "visit.recorded", Object: "visit:" + in.ID.String(), Fields: visitFields(in)})
	})
	err = s.reg.KeepBoth(ctx, by, marketCode, err)
	return v, wrap("record visit at", fault.Clip(stall, 20), err)
}

func visitFields(in NewVisit) []string {
	fields := []string{"outcome"}
	for field, given := range map[string]bool{"barrier": in.Barrier != "", "note": in.Note != "", "again_on": !in.AgainOn.IsZero(),
		"checklist": len(in.Checklist) > 0, "scan": in.Payload != ""} {
		if given {
			fields = append(fields, field)
		}
	}
	slices.Sort(fields)
	return fields
}

func stallNotFound(code string) *fault.Error {
	return fault.New(fault.NotFound, "stall-not-found", "There is no stall %q in this market.", fault.Clip(code, 20))
}

// compare says what a code that was scanned at a stall is: an account of who trades there; another account's, which is also that of
// who traded there before; or no code of this kind.
func compare(ctx context.Context, db postgres.Querier, m registry.Market, v *registry.VendorID, payload string) (string, error) {
	d, err := qrgen.Decode(strings.TrimSpace(payload), qrgen.Lenient)
	if err != nil || d.BIN == "" {
		return "not_ours", nil
	}
	known, err := postgres.One[bool](ctx, db, `
		SELECT EXISTS (SELECT 1 FROM accounts a WHERE a.market_id = @market AND a.bin = @bin AND a.number = @number
		               AND (a.vendor_id = @vendor OR EXISTS (SELECT 1 FROM vendor_merges g WHERE g.market_id = @market AND g.vendor_id = a.vendor_id AND g.into_id = @vendor)))`,
		pgx.StrictNamedArgs{"market": m.ID, "bin": d.BIN, "number": d.Account, "vendor": v})
	if err != nil || known {
		return "match", err
	}
	return "other_account", nil
}

// VoidVisit takes back a visit that was recorded wrongly: it stays, and counts no more. Whoever recorded it may, and who leads the team.
// Doing it twice changes nothing.
//
// Faults: Invalid; NotFound; Forbidden.
func (s *Service) VoidVisit(ctx context.Context, by registry.Actor, ref VisitRef, reason string) (Visit, error) {
	var bad []fault.Field
	reason = registry.Clean(&bad, "reason", reason, maxNote, true)
	registry.Harmless(&bad, "reason", reason)
	if err := fault.Check("visit-invalid", bad); err != nil {
		return Visit{}, err
	}
	now := s.now()
	var v Visit
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := registry.Allowed(ctx, tx, by, registry.RecordField, ref.Market)
		if fault.KindOf(err) == fault.NotFound {
			return visitNotFound()
		}
		if err != nil {
			return err
		}
		type row struct {
			By     string
			Voided bool
			Vendor *registry.VendorID
		}
		r, err := postgres.Found[row](ctx, tx, visitNotFound(), `SELECT by, voided_at IS NOT NULL AS voided, vendor_id AS vendor FROM visits WHERE market_id = @market AND id = @id FOR UPDATE`,
			pgx.StrictNamedArgs{"market": m.ID, "id": ref.ID})
		switch {
		case err != nil:
			return err
		case r.By != by.ID && !by.Can(registry.SettleClashes, m):
			return fault.New(fault.Forbidden, "visit-anothers", "Somebody else recorded this visit. Ask whoever leads the team.")
		case !r.Voided:
			if _, err := tx.Exec(ctx, `UPDATE visits SET voided_at = @now, voided_by = @by, void_reason = @reason WHERE market_id = @market AND id = @id`,
				pgx.StrictNamedArgs{"market": m.ID, "id": ref.ID, "by": by.ID, "now": now, "reason": reason}); err != nil {
				return err
			}
		}
		if v, err = s.visit(ctx, tx, m, ref.ID); err != nil || r.Voided {
			return err
		}
		if r.Vendor != nil {
			if err := registry.Recount(ctx, tx, m.ID, now, *r.Vendor); err != nil {
				return err
			}
		}
		return registry.Audit(ctx, tx, now, by, m.ID, registry.Event{Action: "visit.voided", Object: "visit:" + ref.ID.String(), Fields: []string{"void_reason"}})
	})
	return v, wrap("void visit", ref.String(), err)
}

// Visit is one visit. Faults: NotFound, also outside the actor's scope; Forbidden.
func (s *Service) Visit(ctx context.Context, by registry.Actor, ref VisitRef) (Visit, error) {
	m, err := registry.Allowed(ctx, s.db, by, registry.SeeVendors, ref.Market)
	if fault.KindOf(err) == fault.NotFound {
		return Visit{}, visitNotFound()
	}
	if err != nil {
		return Visit{}, err
	}
	v, err := s.visit(ctx, s.db, m, ref.ID)
	return v, wrap("visit", ref.String(), err)
}

// VisitFilter says which visits are wanted.
type VisitFilter struct {
	Stall   string       `query:"stall"`
	Team    string       `query:"team"`
	From    registry.Day `query:"-"`
	Until   registry.Day `query:"-"` // the last day
	Mine    bool         `query:"mine"`
	Voided  bool         `query:"voided"`  // those that were taken back too
	Flagged bool         `query:"flagged"` // only those whose sender's clock was off
	registry.List
}

// Visits lists a market's visits, the newest first. Faults: Invalid; NotFound; Forbidden.
func (s *Service) Visits(ctx context.Context, by registry.Actor, marketCode string, f VisitFilter) (registry.Page[Visit], error) {
	m, err := registry.Allowed(ctx, s.db, by, registry.SeeVendors, marketCode)
	if err != nil {
		return registry.Page[Visit]{}, err
	}
	n, err := f.Size()
	if err != nil {
		return registry.Page[Visit]{}, err
	}
	after := VisitID{}
	if f.Cursor != "" {
		if after, err = id.Parse[Visit](f.Cursor); err != nil {
			return registry.Page[Visit]{}, registry.BadCursor()
		}
	}
	var from, until *time.Time
	if !f.From.IsZero() {
		t := f.From.Plus(-1).End().Add(time.Microsecond)
		from = &t
	}
	if !f.Until.IsZero() {
		t := f.Until.End()
		until = &t
	}
	mine := ""
	if f.Mine {
		mine = by.ID
	}
	vs, err := postgres.All[Visit](ctx, s.db, visitColumns+`
		AND (@stall = '' OR s.code_key = @stall) AND (@team = '' OR v.team_code = @team) AND (@mine = '' OR v.by = @mine)
		AND (@voided OR v.voided_at IS NULL) AND (NOT @flagged OR v.clock_ahead IS NOT NULL)
		AND (@from::timestamptz IS NULL OR v.at >= @from) AND (@until::timestamptz IS NULL OR v.at <= @until)
		AND (@after::uuid IS NULL OR (v.at, v.id) < (SELECT a.at, a.id FROM visits a WHERE a.market_id = @market AND a.id = @after))
		ORDER BY v.at DESC, v.id DESC LIMIT @n`,
		pgx.StrictNamedArgs{"market": m.ID, "stall": registry.CodeKey(f.Stall), "team": strings.ToUpper(f.Team), "mine": mine, "voided": f.Voided, "flagged": f.Flagged,
			"from": from, "until": until, "after": after, "n": n + 1})
	for i := range vs {
		vs[i].Ref = VisitRef{Market: m.Code, ID: vs[i].ID}
	}
	return registry.PageOf(vs, n, func(v Visit) string { return v.ID.String() }), wrap("visits of", m.Code, err)
}
