package ledger

import (
	"regexp"
	"strconv"
	"strings"

	"cho40/internal/fault"
)

// Mapping says what columns hold where their headings do not tell: a heading however it is spelled, or a column's letter ("C",
// "Cột C") for one without a heading, to a role, or to a provider's code for the column of that wallet's or bank's numbers. The
// role "unread" leaves a column out. The key "heading" gives the number of the row of headings; 0: there are none.
type Mapping map[string]string

// HeadingRow is the key of a Mapping that tells the row of the headings.
const HeadingRow = "heading"

// told is the weight of what a person said.
const told = 9

// letterKey is a column's letter. Two are written large, since "ai" and "Ví" are headings.
var letterKey = regexp.MustCompile(`^(?:(?i:cột|cot|column|col)\s+([A-Za-z]{1,2})|([A-Za-z]|[A-Z]{2}))$`)

// roles are those that a person may give a column.
var roles = []Role{Code, Vendor, Given, Phone, Section, Aisle, Goods, Holder, Provider, Number, Both, ID}

// roleOf reads a role's name, or a provider's name or code.
func roleOf(value string) (guess, bool) {
	value = strings.TrimSpace(value)
	switch value {
	case "", "unread", "-", string(Ordinal):
		return guess{weight: told}, true
	}
	for _, r := range roles {
		if value == string(r) {
			return guess{role: r, weight: told}, true
		}
	}
	if p, ok := provider(value); ok {
		return guess{role: Number, provider: p.Code, weight: told}, true
	}
	return guess{}, false
}

// ParseMapping reads "Cột C=vendor, E=phone, Tiền về=vnpt_money". Faults: Invalid mapping-invalid.
func ParseMapping(s string) (Mapping, error) {
	m := Mapping{}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ';' }) {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		at := strings.LastIndexByte(part, '=')
		if at < 1 {
			return nil, fault.New(fault.Invalid, "mapping-invalid", "A column is mapped as COLUMN=ROLE, such as C=vendor: %s.", shown(part))
		}
		m[strings.TrimSpace(part[:at])] = strings.TrimSpace(part[at+1:])
	}
	return m, m.Check()
}

// Check refuses a mapping that cannot be meant. Faults: Invalid mapping-invalid, naming each key that is wrong.
func (m Mapping) Check() error {
	var bad []fault.Field
	if len(m) > 100 {
		return fault.New(fault.Invalid, "mapping-invalid", "A mapping names at most 100 columns.")
	}
	for key, value := range m {
		if key == HeadingRow {
			if n, err := strconv.Atoi(value); value != Guessed && (err != nil || n < 0 || n > headingRows) {
				bad = append(bad, fault.At("mapping/"+HeadingRow, "out-of-range", "The headings stand in one of the first %v rows.", headingRows))
			}
			continue
		}
		if _, ok := roleOf(value); !ok && value != Guessed || runes(key) > 100 {
			bad = append(bad, fault.At("mapping/"+shown(key), "unknown", "A column holds one of: %s; or it is named after a wallet or bank. Not: %s.", roleList(), shown(value)))
		}
	}
	if len(bad) > 0 {
		return fault.New(fault.Invalid, "mapping-invalid", "Some fields need mending.").With(bad...)
	}
	return nil
}

func roleList() string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, ", ") + ", unread"
}

// Guessed, said of a column, takes back what was said of it before.
const Guessed = "guessed"

// Over is m with what more says laid over it.
func (m Mapping) Over(more Mapping) Mapping {
	out := Mapping{}
	for _, said := range []Mapping{m, more} {
		for key, value := range said {
			if c := letterOf(key); c >= 0 {
				key = letters(c)
			} else if key != HeadingRow && fold(key) != "" {
				key = fold(key)
			}
			if out[key] = value; value == Guessed {
				delete(out, key)
			}
		}
	}
	return out
}

// Key is how a heading is remembered; empty for one that says nothing.
func Key(heading string) string { return fold(heading) }

// letterOf is the column that a key names by its letter, or -1.
func letterOf(key string) int {
	s := letterKey.FindStringSubmatch(strings.TrimSpace(key))
	if s == nil {
		return -1
	}
	column := 0
	for _, r := range strings.ToUpper(s[1] + s[2]) {
		column = column*26 + int(r-'A') + 1
	}
	if column > DefaultLimits.Columns {
		return -1 // "MH" is a heading
	}
	return column - 1
}

// of looks up a column by its heading, however it is spelled, or by its letter. A heading counts before a letter.
func (m Mapping) of(column int, label string) (guess, bool) {
	found, is := guess{}, false
	for key, value := range m {
		heading := fold(label) != "" && fold(key) == fold(label)
		if key == HeadingRow || !heading && (is || letterOf(key) != column) {
			continue
		}
		if g, ok := roleOf(value); ok {
			if found, is = g, true; heading {
				return found, true
			}
		}
	}
	return found, is
}

// lettered is the part of a mapping that names columns by letter.
func (m Mapping) lettered() map[int]guess {
	out := map[int]guess{}
	for key, value := range m {
		if c := letterOf(key); c >= 0 {
			if g, ok := roleOf(value); ok {
				out[c] = g
			}
		}
	}
	return out
}

// below reports a line right below the headings that still names columns: no stall code, and a word without digits over each
// column that a person named.
func (m Mapping) below(l line, h *heading) bool {
	if strings.TrimSpace(l.at(h.column(Code)).text) != "" {
		return false
	}
	n := 0
	for c, g := range m.lettered() {
		text := strings.TrimSpace(l.at(c).text)
		if g.role == Unread {
			continue
		}
		if text == "" || strings.ContainsAny(text, "0123456789") {
			return false
		}
		n++
	}
	return n > 0
}

// headingRow is the row that the mapping gives; ok is false when it gives none.
func (m Mapping) headingRow() (row int, ok bool) {
	row, err := strconv.Atoi(m[HeadingRow])
	return row, err == nil
}

// byLetters finds the row of headings when columns are named by letter: the first in which each of them says a word and no
// number, or none at all when stalls begin before one.
func (m Mapping) byLetters(lines []line) int {
	by := m.lettered()
	for _, l := range lines {
		if l.row > headingRows {
			break
		}
		said, stalls := 0, 0
		for c, g := range by {
			text := l.at(c).text
			switch {
			case strings.TrimSpace(text) == "" || g.role == Unread:
			case strings.ContainsAny(text, "0123456789") || l.at(c).kind != words:
				stalls++
			default:
				said++
			}
		}
		code, vendor := "", ""
		for c, g := range by {
			switch g.role {
			case Code:
				code = l.at(c).text
			case Vendor:
				vendor = l.at(c).text
			}
		}
		if strings.TrimSpace(code) == "" || strings.TrimSpace(vendor) == "" {
			continue // a title above
		}
		if stalls > 0 && strings.ContainsAny(code, "0123456789") {
			return 0
		}
		if said > 1 {
			return l.row
		}
	}
	return 0
}
