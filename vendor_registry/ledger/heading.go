package ledger

import (
	"slices"
	"strings"

	"cho40/internal/fault"
	"cho40/qrgen"
)

// Role is what a column holds.
type Role string

// The roles. Provider beside Number make an account; Account alone holds both in one cell; a column with the name of a
// wallet or bank has role Number and its Provider.
const (
	Unread   Role = ""
	Ordinal  Role = "ordinal" // 1, 2, 3 …: known, and not read
	Code     Role = "code"
	Section  Role = "section"
	Aisle    Role = "aisle" // a row of stalls within a section
	Goods    Role = "goods"
	Vendor   Role = "vendor"
	Phone    Role = "phone"
	Holder   Role = "holder"
	Provider Role = "provider"
	Number   Role = "number"
	Both     Role = "account"
	Private  Role = "private" // what is never collected: identity-card numbers, birth dates
)

// Column is one heading of the ledger and what it was taken for.
type Column struct {
	Index    int    `json:"index"`   // from 0
	Heading  string `json:"heading"` // as it stands; of two rows: both
	Role     Role   `json:"role"`
	Provider string `json:"provider,omitempty"` // code, where the heading names one wallet or bank
}

// Mapping says what columns hold where their headings do not tell: a heading (or a column's letter, for one without a heading)
// to a role, or to a provider's code for the column of that wallet's or bank's numbers.
type Mapping map[string]string

// of looks up a column by its heading, however it is spelled, or by its letter.
func (m Mapping) of(column int, label string) (guess, bool) {
	for key, value := range m {
		if key != letters(column) && (fold(key) == "" || fold(key) != fold(label)) {
			continue
		}
		switch role := Role(value); role {
		case Unread, Code, Section, Aisle, Goods, Vendor, Phone, Holder, Provider, Number, Both:
			return guess{role: role, weight: 9}, true
		}
		if p, ok := qrgen.ProviderOf(value); ok {
			return guess{role: Number, provider: p.Code, weight: 9}, true
		}
	}
	return guess{}, false
}

// guess is what a heading by itself seems to say; weight 1 is a word that may mean something else too.
type guess struct {
	role     Role
	provider string
	family   string // wallet or bank, where the heading tells
	weight   int
}

// group is one place for accounts: a provider column with its number column, or one alone (-1: none).
type group struct {
	provider, number int
	named            string // provider code, when the heading of the number column tells it
}

func (g group) first() int {
	if g.provider >= 0 && (g.number < 0 || g.provider < g.number) {
		return g.provider
	}
	return g.number
}

// heading is what the headings of a sheet mean.
type heading struct {
	row, last int // the rows it stands in: the same, or two
	columns   []Column
	of        map[Role]int // column of each role that a ledger has once; missing: -1
	groups    []group      // in the order of the columns
	labels    []string
	score     int
}

func (h *heading) column(role Role) int {
	if c, ok := h.of[role]; ok {
		return c
	}
	return -1
}

// label is a column's heading for a report, or its letter.
func (h *heading) label(column int) string {
	switch {
	case column < 0:
		return ""
	case column < len(h.labels) && h.labels[column] != "":
		return h.labels[column]
	}
	return letters(column)
}

// findHeading looks for the row, or two rows, among the first twenty in which most headings are understood. It must have
// at least a stall code and a vendor; near tells what the best row had when there is none.
func findHeading(lines []line, as Mapping, read func(string) string) (best *heading, near heading) {
	for i, l := range lines {
		if l.row > headingRows {
			break
		}
		labels := make([]string, len(l.cells))
		for c := range l.cells {
			labels[c] = label(l.at(c), read)
		}
		tries := []*heading{understand(l.row, l.row, labels, as)}
		if i+1 < len(lines) && lines[i+1].row == l.row+1 && l.row < headingRows {
			if both := stack(labels, lines[i+1], read); both != nil {
				h := understand(l.row, l.row+1, both, as)
				h.score-- // one row is plainer than two that say no more
				tries = append(tries, h)
			}
		}
		for _, h := range tries {
			switch {
			case h.column(Code) < 0 || h.column(Vendor) < 0:
				if h.score > near.score {
					near = *h
				}
			case best == nil || h.score > best.score:
				best = h
			}
		}
	}
	return best, near
}

// label is a cell as a heading: words of a sensible length.
func label(c cell, read func(string) string) string {
	if c.kind != words && c.kind != formula || runes(c.text) > 100 {
		return ""
	}
	s, bad := clean(c.text)
	if bad != 0 {
		return ""
	}
	if read != nil {
		s = read(s)
	}
	return s
}

// stack puts a second row of headings under the first: "Ví điện tử" over "Viettel Money" and "VNPT Money". It is nil
// when the second row says anything that is no heading.
func stack(upper []string, l line, read func(string) string) []string {
	both := make([]string, max(len(upper), len(l.cells)))
	copy(both, upper)
	found, over, above := 0, 0, ""
	for c := range both {
		if c < len(upper) && upper[c] != "" {
			above = upper[c]
			over++
		}
		at := l.at(c)
		if at.kind == nothing || isNone(at.text) {
			continue
		}
		under := label(at, read)
		if g := classify(under); g.role == Unread {
			return nil
		}
		found++
		both[c] = strings.TrimSpace(above + " " + under)
		if g := classify(under); g.weight > 1 && g.role != Vendor && (g.role != Number || g.provider != "") {
			both[c] = under // says all by itself: "Hộ kinh doanh" over "Điện thoại" is a phone
		}
	}
	if found < 2 || over < 2 { // a title is no heading
		return nil
	}
	return both
}

// understand gives each column a role.
func understand(row, last int, labels []string, as Mapping) *heading {
	h := &heading{row: row, last: last, of: map[Role]int{}, labels: labels}
	guesses := make([]guess, len(labels))
	for c, l := range labels {
		g, told := as.of(c, l)
		if !told {
			g = classify(l)
		}
		guesses[c] = g
	}
	best := func(role Role) int {
		at := -1
		for c, g := range guesses {
			if g.role == role && (at < 0 || g.weight > guesses[at].weight) {
				at = c
			}
		}
		return at
	}
	for _, role := range []Role{Code, Aisle, Section, Goods, Vendor, Phone, Holder, StallRecord, VendorRecord} {
		c := best(role)
		if c < 0 {
			continue
		}
		h.of[role] = c
		for other, g := range guesses {
			if g.role != role || other == c {
				continue
			}
			guesses[other] = guess{}
			if role == Code && g.weight == 1 && placeWords.MatchString(fold(labels[other])) {
				guesses[other] = guess{role: Section, weight: 1} // "Lô" beside "Số sạp"
			}
		}
	}
	if c, ok := h.of[Aisle]; ok && h.column(Section) < 0 { // a row of stalls is a section when there is nothing larger
		delete(h.of, Aisle)
		guesses[c].role, h.of[Section] = Section, c
	}
	h.groups = pair(guesses)
	for c, g := range guesses {
		if g.role != Unread && g.role != Private {
			h.score += 2
		}
		if labels[c] != "" || g.role != Unread {
			h.columns = append(h.columns, Column{Index: c, Heading: labels[c], Role: g.role, Provider: g.provider})
		}
	}
	return h
}

// pair puts provider columns and number columns together: by wallet or bank where the headings tell, else in their order.
func pair(guesses []guess) []group {
	var groups []group
	var providers, numbers []int
	for c, g := range guesses {
		switch {
		case g.role == Number && g.provider != "":
			groups = append(groups, group{-1, c, g.provider})
		case g.role == Provider:
			providers = append(providers, c)
		case g.role == Number:
			numbers = append(numbers, c)
		case g.role == Both:
			groups = append(groups, group{-1, c, ""})
		}
	}
	join := func(fits func(p, n guess) bool) {
		for i := 0; i < len(providers); i++ {
			for j, n := range numbers {
				if fits(guesses[providers[i]], guesses[n]) {
					groups = append(groups, group{providers[i], n, ""})
					providers = slices.Delete(providers, i, i+1)
					numbers = slices.Delete(numbers, j, j+1)
					i--
					break
				}
			}
		}
	}
	join(func(p, n guess) bool { return p.family == n.family && p.family != "" })
	join(func(p, n guess) bool { return p.family == "" || n.family == "" })
	for _, c := range providers {
		groups = append(groups, group{c, -1, ""})
	}
	for _, c := range numbers {
		groups = append(groups, group{-1, c, ""})
	}
	slices.SortFunc(groups, func(a, b group) int { return a.first() - b.first() })
	return groups
}

// noHeading is the fault when no sheet has headings: it says what would be enough.
func noHeading(near heading) *fault.Error {
	switch {
	case near.column(Code) >= 0 && near.score > 2:
		return fault.New(fault.Invalid, "ledger-no-vendor-column", "Row %v looks like the headings, but no column is for the vendor. Name one of them “Tên hộ kinh doanh”.", near.row)
	case near.column(Vendor) >= 0 && near.score > 2:
		return fault.New(fault.Invalid, "ledger-no-code-column", "Row %v looks like the headings, but no column is for the stall code. Name one of them “Mã quầy”.", near.row)
	}
	return fault.New(fault.Invalid, "ledger-no-heading", "There are no headings in the first %v rows. A ledger has at least a column “Mã quầy” and a column “Tên hộ kinh doanh”.", headingRows)
}
