// Package registry is the record of a market and its rules: stalls, vendors, who holds which stall, where a vendor's
// money goes, placards, consent, and the evidence of every change.
//
// Exported methods that write are one transaction each. They check the input, the actor, change rows and write the
// audit event; pages, API, command line and phones all call the same ones.
package registry

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/vendor_registry/ledger"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"golang.org/x/text/unicode/norm"
)

// Service is the registry on a database, or on the transaction it was bound to.
type Service struct {
	db    postgres.DB
	apart postgres.DB // for what must be kept although the caller's transaction is rolled back
	now   func() time.Time
}

// New binds the registry to a pool or to a transaction of the caller's.
func New(db postgres.DB, now func() time.Time) *Service {
	return &Service{db: db, apart: db, now: func() time.Time { return now().UTC().Truncate(time.Microsecond) }}
}

// On is the same registry inside the caller's transaction.
func (s *Service) On(tx pgx.Tx) *Service { return &Service{db: tx, apart: s.apart, now: s.now} }

// Now is the registry's clock: UTC, in the whole microseconds that the database keeps.
func (s *Service) Now() time.Time { return s.now() }

// Today is the market day that it is now.
func (s *Service) Today() Day { return DayOf(s.now()) }

// zone is the market's own: Vietnam has one, without summer time.
var zone = time.FixedZone("Asia/Ho_Chi_Minh", 7*60*60)

// Local is t on the market's clock.
func Local(t time.Time) time.Time { return t.In(zone) }

// Day is a date in the market's own calendar (Asia/Ho_Chi_Minh). The zero Day is no day.
type Day struct{ t time.Time }

// DayOf is the market day in which t falls.
func DayOf(t time.Time) Day {
	y, m, d := t.In(zone).Date()
	return Day{time.Date(y, m, d, 0, 0, 0, 0, time.UTC)}
}

// ParseDay reads YYYY-MM-DD.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Day{}, fault.New(fault.Invalid, "day-invalid", "A day is written as 2026-11-22.")
	}
	return Day{t}, nil
}

// End is the last microsecond of the day, in UTC.
func (d Day) End() time.Time {
	y, m, day := d.t.Date()
	return time.Date(y, m, day+1, 0, 0, 0, 0, zone).Add(-time.Microsecond).UTC()
}

// Plus is the day n days later; a negative n looks back.
func (d Day) Plus(n int) Day { return Day{d.t.AddDate(0, 0, n)} }

// Number is how many days it is after 1970-01-01.
func (d Day) Number() int { return int(d.t.Unix() / (24 * 60 * 60)) }

// IsZero reports whether it is no day.
func (d Day) IsZero() bool { return d.t.IsZero() }

// After reports whether d comes after o.
func (d Day) After(o Day) bool { return d.t.After(o.t) }

// String is YYYY-MM-DD.
func (d Day) String() string { return d.t.Format(time.DateOnly) }

// MarshalText writes YYYY-MM-DD.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads YYYY-MM-DD.
func (d *Day) UnmarshalText(b []byte) error {
	v, err := ParseDay(string(b))
	if err == nil {
		*d = v
	}
	return err
}

// DateValue stores the day.
func (d Day) DateValue() (pgtype.Date, error) {
	return pgtype.Date{Time: d.t, Valid: !d.IsZero()}, nil
}

// ScanDate reads a day.
func (d *Day) ScanDate(v pgtype.Date) error {
	*d = Day{}
	if v.Valid {
		d.t = v.Time
	}
	return nil
}

// Ref names a record that comes in alone, such as /accounts/{id}: the market's code, a dot, the record's ID. It carries its
// market, because a look-up that does not name one would have to ask every market.
type Ref[T any] struct {
	Market string
	ID     id.ID[T]
}

// String is "VT.0193…".
func (r Ref[T]) String() string { return r.Market + "." + r.ID.String() }

// MarshalText writes String.
func (r Ref[T]) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what String writes. Text that names nothing becomes the zero Ref, which is found nowhere: in a list of
// many, one wrong name does not hold up the rest.
func (r *Ref[T]) UnmarshalText(b []byte) error {
	*r, _ = ParseRef[T](string(b))
	return nil
}

// ParseRef reads a Ref. Faults: NotFound, since a malformed one names nothing.
func ParseRef[T any](s string) (Ref[T], error) {
	market, rest, ok := strings.Cut(s, ".")
	v, err := id.Parse[T](rest)
	if !ok || err != nil || market == "" {
		return Ref[T]{}, fault.New(fault.NotFound, "not-found", "There is no such record here.")
	}
	return Ref[T]{market, v}, nil
}

// minted is the ID that came with a record, or a new one.
func minted[T any](sent id.ID[T]) id.ID[T] {
	if sent.IsZero() {
		return id.New[T]()
	}
	return sent
}

// word is a term of our own inside a sentence, said in the reader's language like the rest.
type word string

// The longest texts that are stored, in characters.
const (
	maxName    = 120
	maxCode    = 20
	maxSection = 60
	maxGoods   = 60
	maxReason  = 500
)

// text cleans what a person typed: NFC, single blanks. It refuses what cannot be seen or stored, what is longer than most
// characters, and, when required, what is empty.
func text(bad *[]fault.Field, pointer, s string, most int, required bool) string {
	if !utf8.ValidString(s) {
		*bad = append(*bad, fault.At(pointer, "bad-character", "It holds bytes that are no text."))
		return ""
	}
	if r := ledger.Unseen(s); r >= 0 { // what a ledger may not bring in, nobody may type
		*bad = append(*bad, fault.At(pointer, "bad-character", "It holds a character that cannot be seen (U+%04X). Type it again.", r))
		return ""
	}
	s = strings.Join(strings.Fields(norm.NFC.String(s)), " ")
	switch n := utf8.RuneCountInString(s); {
	case n == 0 && required:
		*bad = append(*bad, fault.At(pointer, "required", "This must be filled in."))
	case n > most:
		*bad = append(*bad, fault.At(pointer, "too-long", "It has %d characters; at most %d fit.", n, most))
		return ""
	}
	return s
}

// Clean is text for the packages beside this one: what a person typed, cleaned, or a field in bad that says why not.
func Clean(bad *[]fault.Field, pointer, s string, most int, required bool) string {
	return text(bad, pointer, s, most, required)
}

// CleanPhone brings a phone number to the ten digits in which it is kept; empty stays empty.
func CleanPhone(bad *[]fault.Field, pointer, s string) string { return phone(bad, pointer, s) }

// CodeKey is what makes two spellings of one painted stall code equal: "a - 12" is A-12.
func CodeKey(code string) string { return codeKey(code) }

// below names a field inside another: below("vendor", "name") is vendor/name.
func below(pointer, name string) string {
	if pointer == "" {
		return name
	}
	return pointer + "/" + name
}

// codeKey makes two spellings of one painted stall code equal: "a - 12" is A-12.
func codeKey(code string) string {
	return strings.ToUpper(strings.Join(strings.Fields(code), ""))
}

// manyRows is from how many rows on it pays to plan a transaction's statements anew.
const manyRows = 100

// planAnew lets the statements of a transaction that goes through many rows be planned by the size that tables have now, and by index where
// they are nearly empty, since it fills them. A session keeps its plans, those of foreign keys too: one made for a small table may read all
// that a market has in it for every single row. Until a young database had gathered statistics, 15,000 stalls were too many.
func planAnew(ctx context.Context, tx pgx.Tx, rows int) error {
	if rows < manyRows {
		return nil
	}
	b := &pgx.Batch{}
	b.Queue(`DISCARD PLANS`)
	b.Queue(`SET LOCAL enable_seqscan = off`)
	return tx.SendBatch(ctx, b).Close()
}

// oneAtATime lets the uses of one thing in a market come one after the other, until the transaction ends.
func oneAtATime(ctx context.Context, tx pgx.Tx, m MarketID, what string) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended(@what, 0))`, pgx.StrictNamedArgs{"what": what + " " + m.String()})
	return err
}
