package ledger

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cho40/internal/fault"
	"cho40/qrgen"
)

// stall reads one stall.
func (r *reader) stall(l line) Row {
	b := &builder{reader: r, line: l, Row: Row{Row: l.row}}
	if s := fold(l.at(r.column(ID)).text); recordID.MatchString(s) {
		b.ID = strings.ReplaceAll(s, " ", "-")
	}
	b.Code = b.text(Code, maxCode)
	if isNone(b.Code) {
		b.Code = ""
		if len(b.Faults) == 0 {
			b.fault(r.column(Code), "stall-code-missing", "", "The stall code is missing.")
		}
	}
	if several(b.Code) {
		b.fault(r.column(Code), "stall-code-several", b.Code, "These are several stalls. Give each a row of its own.")
	}
	b.Section = section(b.text(Section, maxSection))
	if b.Section == "" || isNone(b.Section) {
		b.Section = r.section
	}
	if aisle := b.text(Aisle, maxSection); aisle != "" && !isNone(aisle) {
		b.Section = join(b.Section, aisle)
	}
	if runes(b.Section) > maxSection {
		b.fault(r.column(Section), "text-too-long", b.Section, "It has %v characters; at most %v fit.", runes(b.Section), maxSection)
	}
	if b.Goods = b.text(Goods, maxGoods); isNone(b.Goods) {
		b.Goods = ""
	}
	b.vendor()
	b.phone()
	if b.Holder = b.text(Holder, maxName); isNone(b.Holder) {
		b.Holder = ""
	}
	b.accounts()
	return b.whole()
}

// whole looks at what the cells of a row say together.
func (b *builder) whole() Row {
	r, l := b.reader, b.line
	if b.Vendor == "" && !b.faulty(Vendor) {
		switch {
		case len(b.Accounts) > 0 || len(b.Proposed) > 0:
			b.fault(r.column(Vendor), "vendor-missing", l.at(r.column(Vendor)).text, "There is an account, but no vendor. Whose is it?")
		case b.Phone != "":
			b.warn(r.column(Phone), "phone-without-vendor", b.Phone, "There is a phone, but no vendor. The stall was taken as vacant, the phone left out.")
		}
		b.Phone, b.Holder = "", ""
	}
	if b.Code != "" {
		key := strings.ToUpper(strings.Join(strings.Fields(b.Code), ""))
		if row, twice := r.seen[key]; twice {
			b.fault(r.column(Code), "stall-twice", b.Code, "Stall %s is also in row %v. Change one of them.", b.Code, row)
		} else {
			r.seen[key] = l.row
		}
	}
	return b.Row
}

// join adds a row of stalls to its section: "Khu A", "2" is "Khu A, dãy 2".
func join(section, aisle string) string {
	switch {
	case section == "":
		return aisle
	case runes(aisle) <= 3:
		return section + ", dãy " + aisle
	}
	return section + ", " + strings.Replace(aisle, "Dãy ", "dãy ", 1)
}

// builder gathers what a row says and what is wrong with it.
type builder struct {
	*reader
	line line
	Row
}

func (b *builder) field(column int, code, value, format string, args []any) fault.Field {
	return fault.Field{Row: b.Row.Row, Column: b.label(column), Code: code, Value: shown(value), Detail: fault.Say(format, args...)}
}

func (b *builder) fault(column int, code, value, format string, args ...any) {
	b.Faults = append(b.Faults, b.field(column, code, value, format, args))
}

func (b *builder) warn(column int, code, value, format string, args ...any) {
	b.Warnings = append(b.Warnings, b.field(column, code, value, format, args))
}

// faulty reports whether a column of this row already has a fault.
func (b *builder) faulty(role Role) bool {
	for _, f := range b.Faults {
		if f.Column == b.label(b.column(role)) {
			return true
		}
	}
	return false
}

// typed returns a cell that a person typed, and reports false, with a fault, for one that was calculated, is true or
// false, or holds what cannot be seen.
func (b *builder) typed(column int, calculated bool) (cell, bool) {
	at := b.line.at(column)
	switch {
	case at.kind == formula && !calculated:
		b.fault(column, "formula-cell", at.text, "This is a formula. Copy the cell and paste it as a value.")
		return at, false
	case at.kind == failure:
		b.fault(column, "error-cell", at.text, "Excel shows an error here. Write what belongs in this cell.")
		return at, false
	case at.kind == boolean:
		b.fault(column, "boolean-cell", at.text, "Here stands %s, which says yes or no. Write what belongs in this cell.", at.text)
		return at, false
	}
	text, bad := clean(at.text)
	if bad != 0 {
		b.fault(column, "bad-character", at.text, "It holds a character that cannot be seen or read (%s). Type it again.", "U+"+hex4(bad))
		return at, false
	}
	at.text = text
	return at, true
}

// text reads a column of words. A sign that begins a formula is no letter: such a text would run where it is opened next.
func (b *builder) text(role Role, most int) string { return b.textOf(b.column(role), role, most) }

func (b *builder) textOf(column int, role Role, most int) string {
	at, ok := b.typed(column, role != Vendor && role != Holder)
	if !ok {
		return ""
	}
	s := at.text
	signs := "=@＝＠"
	if role == Vendor || role == Holder || role == Code {
		signs = "=@+-|%＝＠＋－｜％"
	}
	if len(s) > 1 && s[0] == '\'' && strings.ContainsAny(s[1:2], "=+-@|%'0123456789") {
		s = s[1:] // kept from a spreadsheet, or put there by our own export
	}
	switch first, _ := utf8.DecodeRuneInString(s); {
	case s != "" && strings.ContainsRune(signs, first) && !isNone(s):
		b.fault(column, "formula-cell", s, "This begins like a formula. Copy the cell and paste it as a value.")
		return ""
	case at.kind == date:
		b.fault(column, "date-cell", s, "Excel made a date of this. Set the cell's format to Text and type it again.")
		return ""
	}
	if font := oldFont(s); font != "" && role != Code {
		b.fault(column, "old-font", s, "This is written in an old font, %s. Type it again in Unicode.", font)
		return ""
	}
	if n := runes(s); n > most {
		code := map[Role]string{Vendor: "vendor-too-long", Holder: "holder-too-long", Code: "stall-code-too-long"}[role]
		if code == "" {
			code = "text-too-long"
		}
		b.fault(column, code, s, "It has %v characters; at most %v fit.", n, most)
		return ""
	}
	return s
}

func (b *builder) vendor() {
	b.Vendor = b.text(Vendor, maxName)
	if given := b.text(Given, maxName); strings.ContainsFunc(given, isLetter) && (b.Vendor != "" || !isNone(given)) && !b.faulty(Vendor) { // "Không" is a name too
		b.Vendor = strings.TrimSpace(b.Vendor + " " + given)
	}
	if isVacant(b.Vendor) {
		b.Vendor = ""
		return
	}
	if !strings.ContainsFunc(b.Vendor, isLetter) {
		b.fault(b.column(Vendor), "vendor-bad", b.Vendor, "This is no name.")
		b.Vendor = ""
	}
}

// phone reads the vendor's phone. A first 0 that Excel dropped is put back and told; of several numbers the first is taken.
func (b *builder) phone() {
	column := b.column(Phone)
	for _, other := range b.phones {
		if isNone(b.line.at(column).text) && b.line.at(column).kind <= words {
			column = other
		}
	}
	_, ok := b.typed(column, false)
	s := inLine(b.line.at(column).text)
	if ok && hiddenNumber.MatchString(s) {
		b.warn(column, "phone-masked", s, "This phone is hidden in part, so it was not read. The record keeps the phone that it has.")
		return
	}
	if !ok || isNone(s) {
		return
	}
	if at := longNumber.FindStringIndex(s); at != nil && isAboutPhone(s[:at[0]]) && isAboutPhone(s[at[1]:]) {
		s = strings.TrimRight(s[at[0]:at[1]], ".- ")
	}
	phone, err := qrgen.Mobile(s)
	if err == nil {
		b.Phone = phone
		return
	}
	if list := split(s, phones); len(list) > 1 {
		for _, p := range list {
			n, err := qrgen.Mobile(p)
			if err != nil {
				phone = ""
				break
			}
			if phone == "" {
				phone = n
			}
		}
		if phone != "" {
			b.Phone = phone
			b.warn(column, "phone-several", s, "There are several phones here; the first was taken.")
			return
		}
	}
	switch code := codeOf(err); {
	case exponent.MatchString(s):
		b.fault(column, "phone-bad", s, "Excel shortened this number, and its last digits are lost. Type it again as text.")
	case code == "mobile_lost_zero":
		if phone, err = qrgen.Mobile("0" + s); err == nil {
			b.Phone = phone
			b.warn(column, "phone-lost-zero", s, "The first 0 was missing and was put back: %s. Excel often drops it.", phone)
			return
		}
		fallthrough
	case code == "mobile_prefix":
		b.fault(column, "phone-bad", s, "A mobile number begins with 03, 05, 07, 08 or 09.")
	case code == "mobile_letters":
		b.fault(column, "phone-bad", s, "A phone number has digits only.")
	default:
		b.fault(column, "phone-bad", s, "A phone number has 10 digits; this one has %v.", digits(s))
	}
}

// aboutPhone are words beside a phone that say nothing of their own: "ĐT: 0912 345 678 (Zalo)".
var aboutPhone = strings.Fields("dt sdt so dien thoai di dong phone tel mobile zalo viber chinh chu dtdd lien he")

func isAboutPhone(s string) bool {
	if glued(s, true) && !strings.HasSuffix(s, ".") || glued(s, false) && strings.HasPrefix(s, "+") || strings.ContainsAny(s, "+0123456789") {
		return false
	}
	for _, w := range strings.Fields(fold(s)) {
		if !slices.Contains(aboutPhone, w) {
			return false
		}
	}
	return true
}

var (
	recordID    = regexp.MustCompile(`^[0-9a-f]{8} [0-9a-f]{4} [0-9a-f]{4} [0-9a-f]{4} [0-9a-f]{12}$`)
	oneOfSeries = regexp.MustCompile(`^(\pL*)[ .]?\d+$`)
	series      = regexp.MustCompile(`\s*[,;+&]\s*|\s+và\s+|\s+and\s+`)
	stretch     = regexp.MustCompile(`\s*[-–—]\s*|\s+đến\s+`)
)

// several reports a cell that names more than one stall: "A1, A2", "A3-A5". "A1-01" is one.
func several(code string) bool {
	alike := func(parts []string, lettered bool) bool {
		for i, p := range parts {
			m := oneOfSeries.FindStringSubmatch(p)
			if m == nil || lettered && m[1] == "" || i > 0 && !strings.HasPrefix(p, oneOfSeries.FindStringSubmatch(parts[0])[1]) {
				return false
			}
		}
		return len(parts) > 1
	}
	return alike(series.Split(code, -1), false) || alike(stretch.Split(code, -1), true)
}

func codeOf(err error) string {
	var f *qrgen.FieldError
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

// carry fills the section of stalls below the one that names it, when the column is filled only where a section begins.
// A column in which neighbours repeat the same section is filled everywhere, and a gap there stays a gap.
func (h *heading) carry(rows []Row, t *Table) {
	if h.column(Section) < 0 {
		return
	}
	for _, s := range t.merged {
		i, _ := slices.BinarySearchFunc(rows, s.top, func(r Row, row int) int { return r.Row - row })
		if s.left == h.column(Section) && s.top > h.last && i+1 < len(rows) && rows[i+1].Row <= s.bottom {
			return // merged cells say how far a section goes
		}
	}
	filled := 0
	for i := range rows {
		if rows[i].Section == "" {
			continue
		}
		if filled++; i > 0 && rows[i].Section == rows[i-1].Section {
			return
		}
	}
	if filled == 0 || filled*2 > len(rows) || rows[0].Section == "" {
		return
	}
	for i := 1; i < len(rows); i++ {
		if rows[i].Section == "" {
			rows[i].Section = rows[i-1].Section
		}
	}
}

// oldFonts refuses a ledger in which old-font text is not the odd cell but the rule.
func oldFonts(rows []Row) error {
	found := 0
	font := ""
	for _, r := range rows {
		for _, f := range r.Faults {
			if f.Code == "old-font" {
				found++
				font, _ = f.Detail.Args[0].(string)
				break
			}
		}
	}
	if found < 3 || found*4 < len(rows) {
		return nil
	}
	return oldFontFault(font)
}

func oldFontFault(font string) *fault.Error {
	return fault.New(fault.Unsupported, "ledger-old-font", "The file is written in an old font, %s. Convert it to Unicode with a tool such as UniKey (Ctrl+Shift+F6), save it, and send it again.", font)
}
