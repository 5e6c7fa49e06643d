package registry

import (
	"context"
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
	OwnConsent bool     `json:"own_consent"`     // the vendor's own, not only the board's word
}

// NewVendor is who trades at a stall.
type NewVendor struct {
	Name  string `json:"name"`
	Phone string `json:"phone"`
}

func (n NewVendor) vendor(bad *[]fault.Field, pointer string) *Vendor {
	return &Vendor{
		ID:    id.New[Vendor](),
		Name:  text(bad, below(pointer, "name"), n.Name, maxName, true),
		Phone: phone(bad, below(pointer, "phone"), n.Phone),
	}
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
}

func (c *ChangedVendor) clean(bad *[]fault.Field, pointer string) {
	if c.Name != nil {
		*c.Name = text(bad, below(pointer, "name"), *c.Name, maxName, true)
	}
	if c.Phone != nil {
		*c.Phone = phone(bad, below(pointer, "phone"), *c.Phone)
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
		INSERT INTO vendors (market_id, id, name, name_fold, phone, import_id, created_at)
		VALUES (@market, @id, @name, @fold, @phone, @import, @now)`,
		pgx.StrictNamedArgs{"market": m, "id": v.ID, "name": v.Name, "fold": qrgen.Search(v.Name), "phone": null(v.Phone), "import": from, "now": now})
}

func updateVendor(ctx context.Context, tx pgx.Tx, m MarketID, v VendorID, c ChangedVendor) error {
	var fold *string
	if c.Name != nil {
		f := qrgen.Search(*c.Name)
		fold = &f
	}
	_, err := tx.Exec(ctx, `
		UPDATE vendors SET name = coalesce(@name, name), name_fold = coalesce(@fold, name_fold),
		       phone = CASE WHEN @phone::text IS NULL THEN phone ELSE nullif(@phone, '') END
		WHERE market_id = @market AND id = @id`,
		pgx.StrictNamedArgs{"market": m, "id": v, "name": c.Name, "fold": fold, "phone": c.Phone})
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
	  AND NOT EXISTS (SELECT FROM consents w WHERE w.market_id = @market AND w.vendor_id = c.vendor_id
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

// vendorAt is who holds a stall now. Faults: NotFound stall-not-found; Conflict stall-vacant.
func vendorAt(ctx context.Context, db postgres.Querier, m Market, code string) (VendorID, error) {
	v, err := one[*VendorID](ctx, db, stallNotFound(code), `
		SELECT o.vendor_id FROM stalls s
		LEFT JOIN occupancies o ON o.market_id = s.market_id AND o.stall_id = s.id AND o.ended IS NULL
		WHERE s.market_id = @market AND s.code_key = @key AND s.removed_at IS NULL`,
		pgx.StrictNamedArgs{"market": m.ID, "key": codeKey(code)})
	if err != nil {
		return VendorID{}, err
	}
	if v == nil {
		return VendorID{}, fault.New(fault.Conflict, "stall-vacant", "Nobody trades at stall %s. Say first who does.", code)
	}
	return *v, nil
}
