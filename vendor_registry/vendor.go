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
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// VendorID names a vendor within a market.
type VendorID = id.ID[Vendor]

// Vendor is a person or household that trades in a market. The vendor never signs in.
type Vendor struct {
	ID         VendorID `json:"id"`
	Name       string   `json:"name"`
	Phone      string   `json:"phone,omitempty"` // masked: 09•• ••• 678
	Kind       string   `json:"kind"`            // household, grower, other
	SIM        string   `json:"sim_registered"`  // to the vendor: yes, no, unknown
	OwnConsent bool     `json:"own_consent"`     // the vendor's own, not only the board's word
}

// VendorKinds are what a vendor may be: a household business, a grower who sells the own harvest, or other. SIMWords say whether the
// SIM is registered to its user; the first of each is what nobody said otherwise.
var (
	VendorKinds = []string{"household", "grower", "other"}
	SIMWords    = []string{"unknown", "yes", "no"}
)

// NewVendor is who trades at a stall.
type NewVendor struct {
	ID    VendorID `json:"id,omitzero"` // minted by whoever sends; the same again, at another stall, is the same vendor
	Name  string   `json:"name"`
	Phone string   `json:"phone"`
	Kind  string   `json:"kind"`           // empty: household
	SIM   string   `json:"sim_registered"` // empty: unknown
}

func (n NewVendor) vendor(bad *[]fault.Field, pointer string) *Vendor {
	return &Vendor{
		ID:    minted(n.ID),
		Name:  text(bad, below(pointer, "name"), n.Name, maxName, true),
		Phone: phone(bad, below(pointer, "phone"), n.Phone),
		Kind:  among(bad, below(pointer, "kind"), n.Kind, VendorKinds),
		SIM:   among(bad, below(pointer, "sim_registered"), n.SIM, SIMWords),
	}
}

// among is a word of a list; empty: its first.
func among(bad *[]fault.Field, pointer, word string, words []string) string {
	switch {
	case word == "":
		return words[0]
	case !slices.Contains(words, word):
		*bad = append(*bad, fault.At(pointer, "unknown", "One of: %s.", strings.Join(words, ", ")))
	}
	return word
}

func (v Vendor) fields() []string {
	if v.Phone == "" {
		return []string{"name"}
	}
	return []string{"name", "phone"}
}

// ChangedVendor holds what to correct of a vendor; nil leaves it.
type ChangedVendor struct {
	Name  *string `json:"name"`
	Phone *string `json:"phone"`
	Kind  *string `json:"kind"`
	SIM   *string `json:"sim_registered"`
}

func (c *ChangedVendor) clean(bad *[]fault.Field, pointer string) {
	if c.Name != nil {
		*c.Name = text(bad, below(pointer, "name"), *c.Name, maxName, true)
	}
	if c.Phone != nil {
		*c.Phone = phone(bad, below(pointer, "phone"), *c.Phone)
	}
	if c.Kind != nil {
		*c.Kind = among(bad, below(pointer, "kind"), *c.Kind, VendorKinds)
	}
	if c.SIM != nil {
		*c.SIM = among(bad, below(pointer, "sim_registered"), *c.SIM, SIMWords)
	}
}

func (c ChangedVendor) asNew() NewVendor {
	var n NewVendor
	if c.Name != nil {
		n.Name = *c.Name
	}
	if c.Phone != nil {
		n.Phone = *c.Phone
	}
	if c.Kind != nil {
		n.Kind = *c.Kind
	}
	if c.SIM != nil {
		n.SIM = *c.SIM
	}
	return n
}

func (c ChangedVendor) fields() []string {
	f := []string{}
	if c.Name != nil {
		f = append(f, "name")
	}
	if c.Phone != nil {
		f = append(f, "phone")
	}
	if c.Kind != nil {
		f = append(f, "kind")
	}
	if c.SIM != nil {
		f = append(f, "sim_registered")
	}
	return f
}

// phone reads a Vietnamese mobile number; empty stays empty.
func phone(bad *[]fault.Field, pointer, s string) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	n, err := qrgen.Mobile(s)
	if err != nil {
		*bad = append(*bad, fault.At(pointer, "phone-bad", "A phone number has ten digits and begins with 03, 05, 07, 08 or 09."))
	}
	return n
}

// Masked shows a number without giving it away: 09•• ••• 678 for a phone of ten digits, •••• 4567 for any other.
func Masked(number string) string {
	n := len(number)
	switch {
	case n == 10 && number[0] == '0':
		return number[:2] + "•• ••• " + number[7:]
	case n > 4:
		return "•••• " + number[n-4:]
	}
	return "••••"
}

// Grouped is a whole number as it is read aloud and typed again: 0912 345 678, others by fours.
func Grouped(number string) string {
	if len(number) == 10 && number[0] == '0' {
		return number[:4] + " " + number[4:7] + " " + number[7:]
	}
	var parts []string
	for len(number) > 4 {
		parts, number = append(parts, number[:4]), number[4:]
	}
	return strings.Join(append(parts, number), " ")
}

// maskedName leaves the first letter of each word.
func maskedName(name string) string {
	words := strings.Fields(name)
	for i, w := range words {
		r := []rune(w)
		words[i] = string(r[0]) + strings.Repeat("•", min(len(r)-1, 4))
	}
	return strings.Join(words, " ")
}

func queueVendor(b *pgx.Batch, m MarketID, v Vendor, from *ImportID, now time.Time) {
	b.Queue(`
		INSERT INTO vendors (market_id, id, name, name_fold, phone, kind, sim_registered, import_id, created_at)
		VALUES (@market, @id, @name, @fold, @phone, @kind, @sim, @import, @now)`,
		pgx.StrictNamedArgs{"market": m, "id": v.ID, "name": v.Name, "fold": qrgen.Search(v.Name), "phone": postgres.Null(v.Phone), "kind": v.Kind, "sim": v.SIM,
			"import": from, "now": now})
}

func updateVendor(ctx context.Context, tx pgx.Tx, m MarketID, v VendorID, c ChangedVendor) error {
	var fold *string
	if c.Name != nil {
		f := qrgen.Search(*c.Name)
		fold = &f
	}
	_, err := tx.Exec(ctx, `
		UPDATE vendors SET name = coalesce(@name, name), name_fold = coalesce(@fold, name_fold),
		       phone = CASE WHEN @phone::text IS NULL THEN phone ELSE nullif(@phone, '') END,
		       kind = coalesce(@kind, kind), sim_registered = coalesce(@sim, sim_registered), version = version + 1
		WHERE market_id = @market AND id = @id`,
		pgx.StrictNamedArgs{"market": m, "id": v, "name": c.Name, "fold": fold, "phone": c.Phone, "kind": c.Kind, "sim": c.SIM})
	return err
}

// NewConsent is a vendor's yes: which wording was read, and how it was given. Silence is not consent, so neither has a default.
type NewConsent struct {
	Version string `json:"version"` // language and version of the wording, vi-1
	Given   string `json:"given"`   // face_to_face, signed_form, phone_call
}

// ConsentWordings are the sentences in use; their text is in the pages' catalogue.
var ConsentWordings = []string{"vi-1", "en-1"}

func (n NewConsent) check(bad *[]fault.Field, pointer string) {
	if !knownWording(n.Version) {
		*bad = append(*bad, fault.At(below(pointer, "version"), "unknown", "Which wording was read out? One of: %s.", strings.Join(ConsentWordings, ", ")))
	}
	switch n.Given {
	case "face_to_face", "signed_form", "phone_call":
	default:
		*bad = append(*bad, fault.At(below(pointer, "given"), "unknown", "How was it given? One of: %s.", "face_to_face, signed_form, phone_call"))
	}
}

func knownWording(v string) bool {
	for _, w := range ConsentWordings {
		if w == v {
			return true
		}
	}
	return false
}

// liveConsents is a lateral that gathers the kinds of consent of vendor v that were not withdrawn since.
const liveConsents = `
	SELECT array_agg(DISTINCT c.kind) AS kinds FROM consents c
	WHERE c.market_id = @market AND c.vendor_id = v.id AND c.kind <> 'withdrawal'
	  AND NOT EXISTS (SELECT 1 FROM consents w WHERE w.market_id = @market AND w.vendor_id = c.vendor_id
	                  AND w.kind = 'withdrawal' AND w.taken_at >= c.taken_at)`

// ownConsent reports whether the vendor agreed in person: the board's word does not do for what hangs at the stall.
func ownConsent(ctx context.Context, db postgres.Querier, m Market, v VendorID) (bool, error) {
	return postgres.One[bool](ctx, db, `
		SELECT coalesce('vendor' = ANY (c.kinds), false) FROM vendors v LEFT JOIN LATERAL (`+liveConsents+`) c ON true
		WHERE v.market_id = @market AND v.id = @vendor`, pgx.StrictNamedArgs{"market": m.ID, "vendor": v})
}

func queueConsent(b *pgx.Batch, m MarketID, v VendorID, n NewConsent, by string, now time.Time) {
	b.Queue(`
		INSERT INTO consents (market_id, id, vendor_id, kind, wording, given, taken_by, taken_at)
		VALUES (@market, @id, @vendor, 'vendor', @wording, @given, @by, @now)`,
		pgx.StrictNamedArgs{"market": m, "id": id.New[consent](), "vendor": v, "wording": n.Version, "given": n.Given, "by": by, "now": now})
}

// consent is a vendor's yes or its withdrawal: each a record of its own.
type consent struct{}

// RecordConsent records that the vendor of a stall agreed, at the stall. Faults: Invalid; NotFound; Forbidden; Conflict stall-vacant.
func (s *Service) RecordConsent(ctx context.Context, by Actor, marketCode, code string, in NewConsent) (Stall, error) {
	var bad []fault.Field
	in.check(&bad, "")
	if err := fault.Check("consent-invalid", bad); err != nil {
		return Stall{}, err
	}
	now := s.now()
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RecordField, marketCode)
		if err != nil {
			return err
		}
		v, err := vendorAt(ctx, tx, m, code)
		if err != nil {
			return err
		}
		if err := insertConsent(ctx, tx, by, m, v, in, now); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, consentRecorded(v))
	})
	if err != nil {
		return Stall{}, actionContext("record consent at", code, err)
	}
	return s.Stall(ctx, by, marketCode, code)
}

func insertConsent(ctx context.Context, tx pgx.Tx, by Actor, m Market, v VendorID, in NewConsent, now time.Time) error {
	b := &pgx.Batch{}
	queueConsent(b, m.ID, v, in, by.ID, now)
	return tx.SendBatch(ctx, b).Close()
}

func consentRecorded(v VendorID) Event {
	return Event{"consent.recorded", "vendor:" + v.String(), []string{"wording", "given"}}
}

// VendorRecord is a vendor with everything about them that the actor may see.
type VendorRecord struct {
	Market string `json:"market" db:"-"`
	Vendor
	Stalls    []Held     `json:"stalls" db:"-"`   // those held now first, then those of before
	Accounts  []Account  `json:"accounts" db:"-"` // also those of records that were merged into this one
	Merged    []VendorID `json:"merged" db:"-"`   // other IDs by which the vendor is found
	Kept      []Serial   `json:"kept,omitempty" db:"-"`
	Stopped   []Serial   `json:"stopped,omitempty" db:"-"` // by a merge: serials of placards that go on, and that were suspended
	FullPhone string     `json:"-"`
	Version   int        `json:"-"`
}

// ETag is the vendor's version as HTTP carries it.
func (v VendorRecord) ETag() string { return fmt.Sprintf(`"%s.%d"`, v.ID, v.Version) }

// Held is a stall that a vendor holds or held.
type Held struct {
	Stall   string `json:"stall"`
	Section string `json:"section"`
	Status  string `json:"status"` // trading, seasonal, closed; of one that is over: handed_over, left, moved
	From    Day    `json:"from"`
	Until   *Day   `json:"until"`    // first day without it
	MovedTo string `json:"moved_to"` // code of the stall that the vendor went to
	Reason  string `json:"reason"`
}

func vendorNotFound() *fault.Error {
	return fault.New(fault.NotFound, "vendor-not-found", "There is no such vendor in this market.")
}

// vendorOf finds a vendor by any ID they are known by; the answer has the one they go by now. Faults: NotFound vendor-not-found.
func vendorOf(ctx context.Context, db postgres.Querier, m Market, which VendorID) (VendorRecord, error) {
	return postgres.Found[VendorRecord](ctx, db, vendorNotFound(), `
		SELECT v.id, v.name, coalesce(v.phone, '') AS phone, coalesce(v.phone, '') AS full_phone, v.kind, v.sim_registered AS sim, v.version,
		       coalesce('vendor' = ANY (c.kinds), false) AS own_consent
		FROM vendors v LEFT JOIN LATERAL (`+liveConsents+`) c ON true
		WHERE v.market_id = @market AND v.removed_at IS NULL AND v.erased_at IS NULL
		  AND v.id = coalesce((SELECT g.into_id FROM vendor_merges g WHERE g.market_id = @market AND g.vendor_id = @vendor), @vendor)`,
		pgx.StrictNamedArgs{"market": m.ID, "vendor": which})
}

// Vendor is one vendor of a market by any ID they are known by. Faults: NotFound; Forbidden.
func (s *Service) Vendor(ctx context.Context, by Actor, marketCode string, which VendorID) (VendorRecord, error) {
	m, masked, err := marketSeen(ctx, s.db, by, marketCode)
	if err != nil {
		return VendorRecord{}, err
	}
	v, err := vendorOf(ctx, s.db, m, which)
	if err != nil {
		return v, actionContext("vendor", which.String(), err)
	}
	v.Market = m.Code
	if v.Phone != "" {
		v.Phone = Masked(v.Phone)
	}
	now := s.now()
	if v.Stalls, err = postgres.All[Held](ctx, s.db, `
		SELECT s.code AS stall, s.section, o.began AS "from", o.ended AS until, coalesce(e.code, '') AS moved_to,
		       CASE WHEN o.ended IS NULL THEN coalesce(t.status, 'trading') ELSE o.end_kind END AS status,
		       CASE WHEN o.ended IS NULL THEN coalesce(t.status_reason, '') ELSE o.end_reason END AS reason
		FROM occupancies o
		JOIN stalls s ON s.market_id = o.market_id AND s.id = o.stall_id
		LEFT JOIN stalls e ON e.market_id = o.market_id AND e.id = o.end_stall
		LEFT JOIN LATERAL (`+statusOn+`) t ON true
		WHERE o.market_id = @market AND o.vendor_id = @vendor AND s.removed_at IS NULL AND (o.ended IS NULL OR o.end_kind <> '')
		ORDER BY o.ended IS NOT NULL, o.ended DESC, s.position, s.code_key, o.began DESC`,
		pgx.StrictNamedArgs{"market": m.ID, "vendor": v.ID, "day": DayOf(now)}); err != nil {
		return v, err
	}
	if v.Merged, err = postgres.All[VendorID](ctx, s.db, `
		SELECT vendor_id FROM vendor_merges WHERE market_id = @market AND into_id = @vendor ORDER BY merged_at, vendor_id`,
		pgx.StrictNamedArgs{"market": m.ID, "vendor": v.ID}); err != nil {
		return v, err
	}
	args := accountArgs(m.ID, now)
	args["vendors"] = append([]VendorID{v.ID}, v.Merged...)
	v.Accounts, err = postgres.All[Account](ctx, s.db, accountColumns+`
		WHERE a.market_id = @market AND a.vendor_id = ANY (@vendors) AND a.number <> '' ORDER BY a.proposed_at, a.rank, a.id`, args)
	for i := range v.Accounts {
		v.Accounts[i].dress(m)
	}
	if masked {
		v.Name = maskedName(v.Name)
		for i := range v.Accounts {
			v.Accounts[i].Holder = maskedName(v.Accounts[i].Holder)
		}
	}
	return v, err
}

// ChangeVendor corrects a vendor. match is the ETag of the version that was seen.
//
// Faults: NeedsVersion without match; Stale when somebody saved first; Invalid; NotFound; Forbidden.
func (s *Service) ChangeVendor(ctx context.Context, by Actor, marketCode string, which VendorID, match string, in ChangedVendor) (VendorRecord, error) {
	var bad []fault.Field
	in.clean(&bad, "")
	if err := fault.Check("vendor-invalid", bad); err != nil {
		return VendorRecord{}, err
	}
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RegisterStall, marketCode)
		if err != nil {
			return err
		}
		v, err := vendorOf(ctx, tx, m, which)
		if err != nil {
			return err
		}
		if err := lockVendors(ctx, tx, m.ID, &v.ID); err != nil {
			return err
		}
		if v, err = vendorOf(ctx, tx, m, which); err != nil {
			return err
		}
		if err := Unchanged(match, v.ETag()); err != nil {
			return err
		}
		if err := updateVendor(ctx, tx, m.ID, v.ID, in); err != nil {
			return err
		}
		return Audit(ctx, tx, s.now(), by, m.ID, Event{"vendor.changed", "vendor:" + v.ID.String(), in.fields()})
	})
	if err != nil {
		return VendorRecord{}, actionContext("change vendor", which.String(), err)
	}
	return s.Vendor(ctx, by, marketCode, which)
}

// vendorAt is who holds a stall now. Faults: NotFound stall-not-found; Conflict stall-vacant, vendor-erased.
func vendorAt(ctx context.Context, db postgres.Querier, m Market, code string) (VendorID, error) {
	type holder struct {
		VendorID *VendorID
		Erased   bool
	}
	h, err := postgres.Found[holder](ctx, db, stallNotFound(code), `
		SELECT o.vendor_id, v.erased_at IS NOT NULL AS erased FROM stalls s
		LEFT JOIN occupancies o ON o.market_id = s.market_id AND o.stall_id = s.id AND o.ended IS NULL
		LEFT JOIN vendors v ON v.market_id = s.market_id AND v.id = o.vendor_id
		WHERE s.market_id = @market AND s.code_key = @key AND s.removed_at IS NULL`,
		pgx.StrictNamedArgs{"market": m.ID, "key": codeKey(code)})
	if err != nil {
		return VendorID{}, err
	}
	switch {
	case h.VendorID == nil:
		return VendorID{}, fault.New(fault.Conflict, "stall-vacant", "Nobody trades at stall %s. Say first who does.", code)
	case h.Erased:
		return VendorID{}, vendorErased(code)
	}
	return *h.VendorID, nil
}

// vendorErased is why nothing more is recorded of who holds a stall: somebody who was erased does not come back under the same ID.
func vendorErased(code string) error {
	return fault.New(fault.Conflict, "vendor-erased", "Who trades at stall %s asked to be forgotten. Hand the stall over to a new vendor first.", code)
}

// withdrawn finds the withdrawal of a vendor, whom a column or parameter names, after which they agreed to nothing any more.
func withdrawn(vendor string) string {
	return `
		SELECT FROM consents w WHERE w.market_id = @market AND w.vendor_id = ` + vendor + ` AND w.kind = 'withdrawal'
		  AND NOT EXISTS (SELECT 1 FROM consents c WHERE c.market_id = @market AND c.vendor_id = w.vendor_id
		                  AND c.kind IN ('vendor', 'attested_by_board') AND c.taken_at > w.taken_at)`
}

// takeBack records that a vendor takes their consent back, and stops what rests on it: every live placard is suspended and none is
// printed, until they agree again. What another wallet or bank may know of them ends with it.
func takeBack(ctx context.Context, tx pgx.Tx, by Actor, m Market, sub subject, in NewConsent, now time.Time) ([]Serial, []Event, error) {
	if _, err := tx.Exec(ctx, `
		INSERT INTO consents (market_id, id, vendor_id, kind, wording, given, taken_by, taken_at)
		VALUES (@market, @id, @vendor, 'withdrawal', @wording, @given, @by, @now)`,
		pgx.StrictNamedArgs{"market": m.ID, "id": id.New[consent](), "vendor": sub.vendor, "wording": in.Version, "given": in.Given, "by": by.ID, "now": now}); err != nil {
		return nil, nil, err
	}
	stopped, events, err := stopWhere(ctx, tx, by, m.ID, `vendor_id = ANY (@of)`, sub.vendors, "consent withdrawn", now)
	return stopped, append(events, Event{"consent.withdrawn", "vendor:" + sub.vendor.String(), []string{"wording", "given"}}), err
}

// takeBackHolder takes back what a relative agreed to: no placard of the account may hang until they agree again.
func takeBackHolder(ctx context.Context, tx pgx.Tx, by Actor, m Market, account AccountID, now time.Time) ([]Serial, []Event, error) {
	if _, err := tx.Exec(ctx, `
		UPDATE account_holders SET consent_wording = NULL, consent_given = NULL, consent_by = NULL, consent_at = NULL
		WHERE market_id = @market AND account_id = @account`, pgx.StrictNamedArgs{"market": m.ID, "account": account}); err != nil {
		return nil, nil, err
	}
	stopped, events, err := stopWhere(ctx, tx, by, m.ID, `account_id = ANY (@of)`, []AccountID{account}, "consent withdrawn", now)
	return stopped, append(events, Event{consentWithdrawn, "account:" + account.String(), []string{"wording", "given"}}), err
}

// stopWhere suspends the live placards for which a condition on @of holds.
func stopWhere[T any](ctx context.Context, tx pgx.Tx, by Actor, m MarketID, where string, of []id.ID[T], reason string, now time.Time) ([]Serial, []Event, error) {
	type live struct {
		ID     PlacardID
		Serial Serial
	}
	ps, err := postgres.All[live](ctx, tx, `
		SELECT id, serial FROM placards WHERE market_id = @market AND `+where+` AND state = ANY (@live) AND state <> 'suspended' ORDER BY id FOR UPDATE`,
		pgx.StrictNamedArgs{"market": m, "of": of, "live": liveStates})
	if err != nil {
		return nil, nil, err
	}
	b := &pgx.Batch{}
	serials := []Serial{}
	var events []Event
	for _, p := range ps {
		e := placardEvent{id: id.New[NewPlacardEvent](), kind: "suspended", state: "suspended", reason: reason, at: now}
		e.queue(b, by, m, p.ID, now)
		serials = append(serials, p.Serial)
		events = append(events, Event{"placard.suspended", "placard:" + p.ID.String(), []string{"state"}})
	}
	return serials, events, tx.SendBatch(ctx, b).Close()
}
