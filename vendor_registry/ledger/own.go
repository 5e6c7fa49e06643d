package ledger

import (
	"regexp"
	"strings"

	"cho40/internal/fault"
	"cho40/internal/id"

	"golang.org/x/text/unicode/norm"
)

// The columns by which a row of our own export is known again. Such a row is read to the letter: what the record holds comes
// back as it is, also where a board's own ledger would mean something else by it ("-", "Tổng cộng", a name that begins with =).
const (
	VendorRecord Role = "vendor_record"
	notStalls    Role = "not_stalls" // of a list that is no ledger
)

// ownHeadings are the headings of those columns, folded, as the exports write them in either language.
var ownHeadings = map[string]Role{
	"ma cho40 cua quay": ID, "cho40 id of the stall": ID,
	"ma cho40 cua tieu thuong": VendorRecord, "cho40 id of the vendor": VendorRecord,
	"ma cho40 cua tai khoan": notStalls, "cho40 id of the account": notStalls,
	"so bang cho40": notStalls, "cho40 placard number": notStalls,
}

// stallsOnly refuses our own list of accounts or placards: a row for each of those is not a row for each stall.
func (h *heading) stallsOnly() error {
	for _, c := range h.columns {
		if c.Role == notStalls {
			return fault.New(fault.Invalid, "ledger-not-stalls", "This is the service's own list of accounts or placards, and no ledger. Take the list of stalls, change that, and send it.")
		}
	}
	return nil
}

// own reads a row that an export wrote: one whose column for it holds the identifier of a stall. A vendor's name is taken to the
// letter where the identifier of the vendor stands; where none stands the stall was vacant, and whatever a person wrote since is
// read as in any ledger.
func (r *reader) own(l line) (Row, bool) {
	stall, ok := record(l.at(r.column(ID)))
	if !ok {
		return Row{}, false
	}
	b := &builder{reader: r, line: l, Row: Row{Row: l.row, ID: stall}}
	if b.Code = b.exact(Code, maxCode); b.Code == "" && len(b.Faults) == 0 {
		b.fault(r.column(Code), "stall-code-missing", "", "The stall code is missing.")
	}
	b.Section = b.exact(Section, maxSection)
	b.Goods = b.exact(Goods, maxGoods)
	if vendor, ok := record(l.at(r.column(VendorRecord))); ok {
		b.Vendor = b.exact(Vendor, maxName)
		b.Person = vendor
	} else {
		b.vendor()
	}
	b.phone()
	b.Holder = b.exact(Holder, maxName)
	for _, g := range r.groups {
		if !b.masked(g) && !b.pair(g) {
			b.group(g)
		}
	}
	return b.whole(), true
}

// record is an identifier of the record in a cell.
func record(c cell) (string, bool) {
	s := strings.TrimSpace(c.text)
	v, err := id.Parse[Row](s)
	return v.String(), err == nil && c.kind == words
}

// exact reads a column of words to the letter.
func (b *builder) exact(role Role, most int) string {
	column := b.column(role)
	at, ok := b.typed(column, role != Vendor && role != Holder)
	if !ok {
		return ""
	}
	s := strings.Join(strings.Fields(norm.NFC.String(b.line.at(column).text)), " ")
	if b.delimited {
		s = unharmed(s)
	}
	switch n := runes(s); {
	case at.kind == date:
		b.fault(column, "date-cell", s, "Excel made a date of this. Set the cell's format to Text and type it again.")
	case n > most:
		b.fault(column, "text-too-long", s, "It has %v characters; at most %v fit.", n, most)
	default:
		return s
	}
	return ""
}

// pair takes an account as the provider's own rule has it; false, and it is read as in any ledger.
func (b *builder) pair(g group) bool {
	by, at := b.line.at(g.provider), b.line.at(g.number)
	if by.kind != words || at.kind != words {
		return false
	}
	p, known := provider(by.text)
	number, err := p.Number(at.text)
	if !known || err != nil || number != strings.TrimSpace(at.text) {
		return false
	}
	b.add(p.Code, number)
	return true
}

// hiddenNumber is a phone or an account as our own lists show them to who may not see the whole: 09•• ••• 678, •••• 4567.
var hiddenNumber = regexp.MustCompile(`^\d{2}•• ?••• ?\d{3}$|^•{4}( ?[0-9A-Za-z]{4})?$`)

// masked reports an account whose number is hidden in part: none is meant, and the record keeps the one it has.
func (b *builder) masked(g group) bool {
	at := b.line.at(g.number)
	s := inLine(at.text)
	if g.number < 0 || at.kind != words || !hiddenNumber.MatchString(s) {
		return false
	}
	b.warn(g.number, "account-masked", s, "This account number is hidden in part, so it was not read. The record keeps the account that it has.")
	return true
}
