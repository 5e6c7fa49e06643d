package ledger

import (
	"slices"
	"strings"

	"cho40/internal/fault"
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
	Given    Role = "given_name" // beside a Vendor column that holds the family name alone
	Holder   Role = "holder"
	Provider Role = "provider"
	Number   Role = "number"
	Both     Role = "account"
	ID       Role = "id"      // of a stall in the record, as our own exports have it
	Private  Role = "private" // what is never collected: identity-card numbers, birth dates
)

// Column is one heading of the ledger and what it was taken for.
type Column struct {
	Index    int    `json:"index"`   // from 0
	Heading  string `json:"heading"` // as it stands; of two rows: both
	Role     Role   `json:"role"`
	Provider string `json:"provider,omitempty"` // code, where the heading names one wallet or bank
	Told     bool   `json:"told,omitempty"`     // a person said so, now or for this market before
}

// Letter is the column as a spreadsheet names it.
func (c Column) Letter() string { return letters(c.Index) }

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
	holder           int    // a column for this account's holder alone; 0: none, since the first column never is one
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
	phones    []int        // further columns of phones, where the first says none
	labels    []string
	lines     [][]string // its rows as they stand, to know them again on the next printed page
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

// findHeading looks for the row, or two rows, among the first twenty in which headings are understood. It must have at least a
// stall code and a vendor; near tells what the best row had when there is none.
func findHeading(lines []line, as Mapping, read func(string) string) (best *heading, near heading) {
	row, said := as.headingRow()
	by := as.lettered()
	if len(by) == 0 && !said {
		return searchHeading(lines, as, read)
	}
	if !said { // letters say nothing of where the headings stand; what else is known may
		known := Mapping{}
		for key, value := range as {
			if letterOf(key) < 0 {
				known[key] = value
			}
		}
		h, n := searchHeading(lines, known, read)
		if h == nil && (n.score > 2 || slices.ContainsFunc(n.columns, func(c Column) bool { return c.Told })) {
			h = &n
		}
		if row = as.byLetters(lines); h != nil {
			row = h.row
		}
	}
	best = headingAt(lines, row, as, read)
	if best.column(Code) < 0 || best.column(Vendor) < 0 {
		return nil, *best
	}
	return best, *best
}

// headingAt understands a row of headings that was told; row 0: there is none.
func headingAt(lines []line, row int, as Mapping, read func(string) string) *heading {
	know := once(classify)
	var labels []string
	last := row
	for i, l := range lines {
		if l.row != row {
			continue
		}
		for c := range l.cells {
			labels = append(labels, label(l.at(c), read))
		}
		if i+1 < len(lines) && lines[i+1].row == row+1 {
			if both := stack(labels, lines[i+1], read, know); both != nil {
				labels, last = both, row+1
			}
		}
	}
	h := understand(row, last, labels, as, know)
	for _, l := range lines { // a second row of headings that says nothing known, but no stall either
		if row > 0 && last == row && l.row == row+1 && as.below(l, h) {
			h.last = l.row
		}
	}
	return h
}

// clearlyBetter is by how much a row of headings must be better understood than one above it, by two columns: else it is the same
// headings once more, and the stalls between are no title.
const clearlyBetter = 4

func searchHeading(lines []line, as Mapping, read func(string) string) (best *heading, near heading) {
	know := once(classify)
	for i, l := range lines {
		if l.row > headingRows {
			break
		}
		labels := make([]string, len(l.cells))
		for c := range l.cells {
			labels[c] = label(l.at(c), read)
		}
		tries := []*heading{understand(l.row, l.row, labels, as, know)}
		if i+1 < len(lines) && lines[i+1].row == l.row+1 && l.row < headingRows {
			if both := stack(labels, lines[i+1], read, know); both != nil {
				h := understand(l.row, l.row+1, both, as, know)
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
			case best == nil || h.score > best.score && (h.row <= best.last || h.score >= best.score+clearlyBetter):
				best = h
			}
		}
	}
	return best, near
}

// once asks of each heading once: the rows are looked at alone, and above and below one another.
func once(ask func(string) guess) func(string) guess {
	known := map[string]guess{}
	return func(label string) guess {
		g, ok := known[label]
		if !ok {
			g = ask(label)
			known[label] = g
		}
		return g
	}
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
func stack(upper []string, l line, read func(string) string, know func(string) guess) []string {
	both := make([]string, max(len(upper), len(l.cells)))
	copy(both, upper)
	found, over, above, named := 0, 0, "", false
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
		if g := know(under); g.role == Unread && !bareExact.MatchString(fold(under)) {
			return nil
		}
		found++
		named = named || know(under).provider != "" // one wallet alone below "Tài khoản"
		both[c] = strings.TrimSpace(above + " " + under)
		if bareExact.MatchString(fold(under)) { // "Số" below "Ví 1" is "Số Ví 1"
			both[c] = strings.TrimSpace(under + " " + above)
			continue
		}
		if g := know(under); g.weight > 1 && g.role != Vendor && (g.role != Number || g.provider != "") {
			both[c] = under // says all by itself: "Hộ kinh doanh" over "Điện thoại" is a phone
		}
	}
	if over < 2 || found < 2 && (over < 3 || !named) { // a title is no heading
		return nil
	}
	return both
}

// understand gives each column a role.
func understand(row, last int, labels []string, as Mapping, know func(string) guess) *heading {
	h := &heading{row: row, last: last, of: map[Role]int{}, labels: labels}
	for c := range as.lettered() { // one past the headings
		for c >= len(labels) && c < DefaultLimits.Columns {
			labels = append(labels, "")
		}
	}
	h.labels = labels
	guesses, said := make([]guess, len(labels)), make([]bool, len(labels))
	for c, l := range labels {
		if guesses[c], said[c] = as.of(c, l); !said[c] {
			guesses[c] = know(l)
		}
	}
	settle(guesses, labels)
	best := func(role Role) int {
		at := -1
		for c, g := range guesses {
			if g.role == role && (at < 0 || g.weight > guesses[at].weight) {
				at = c
			}
		}
		return at
	}
	holders := columnsOf(guesses, Holder)
	for _, role := range []Role{Code, Aisle, Section, Goods, Vendor, Given, Phone, Holder, ID, VendorRecord} {
		c := best(role)
		if c < 0 {
			continue
		}
		h.of[role] = c
		for other, g := range guesses {
			if g.role != role || other == c {
				continue
			}
			if role == Phone && g.weight > 1 && other > c {
				h.phones = append(h.phones, other)
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
	h.hold(holders)
	for _, c := range holders {
		guesses[c].role = Holder
	}
	for c, g := range guesses {
		if g.role != Unread && g.role != Private {
			h.score += 2
			if g.provider != "" { // the name of a wallet says more than "account" does
				h.score += 2
			}
		}
		if labels[c] != "" || g.role != Unread {
			h.columns = append(h.columns, Column{Index: c, Heading: labels[c], Role: g.role, Provider: g.provider, Told: said[c]})
		}
	}
	return h
}

func columnsOf(guesses []guess, role Role) (list []int) {
	for c, g := range guesses {
		if g.role == role {
			list = append(list, c)
		}
	}
	return list
}

// hold gives each of several holder columns to the account that it stands beside: after it, or before it where the first one does.
func (h *heading) hold(holders []int) {
	if len(holders) < 2 || len(holders) > len(h.groups) {
		return
	}
	before := holders[0] < h.groups[0].first()
	for i := range h.groups {
		g := &h.groups[i]
		from, to := max(g.provider, g.number), 1<<30
		if before {
			from, to = -1, g.first()
			if i > 0 {
				from = max(h.groups[i-1].provider, h.groups[i-1].number)
			}
		} else if i+1 < len(h.groups) {
			to = h.groups[i+1].first()
		}
		for _, c := range holders {
			if c > from && c < to {
				g.holder = c
			}
		}
	}
}

// settle decides headings that mean one thing alone and another beside others: "ID" beside "Mã quầy" is the record's own, and
// "Number" right of "Provider" an account.
func settle(guesses []guess, labels []string) {
	codes := 0 // that need no other column to be one
	for c, g := range guesses {
		if f := fold(labels[c]); g.role == Code && !idExact.MatchString(f) && !numberExact.MatchString(f) {
			codes++
		}
	}
	family := slices.ContainsFunc(labels, func(l string) bool { return familyExact.MatchString(fold(l)) })
	for c := range guesses {
		switch f := fold(labels[c]); {
		case guesses[c].weight == told:
		case family && guesses[c].role == Vendor && givenExact.MatchString(f):
			guesses[c] = guess{role: Given, weight: 1}
		case codes == 0:
		case idExact.MatchString(f):
			guesses[c] = guess{role: ID, weight: 1}
		case numberExact.MatchString(f) && c > 0 && guesses[c-1].role == Provider:
			guesses[c] = guess{role: Number, family: guesses[c-1].family, weight: 1}
		}
	}
}

// pair puts provider columns and number columns together: by wallet or bank where the headings tell, else in their order.
func pair(guesses []guess) []group {
	var groups []group
	var providers, numbers []int
	for c, g := range guesses {
		switch {
		case g.role == Number && g.provider != "":
			groups = append(groups, group{provider: -1, number: c, named: g.provider})
		case g.role == Provider:
			providers = append(providers, c)
		case g.role == Number:
			numbers = append(numbers, c)
		case g.role == Both:
			groups = append(groups, group{provider: -1, number: c})
		}
	}
	join := func(fits func(p, n guess) bool) {
		for i := 0; i < len(providers); i++ {
			for j, n := range numbers {
				if fits(guesses[providers[i]], guesses[n]) {
					groups = append(groups, group{provider: providers[i], number: n})
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
		groups = append(groups, group{provider: c, number: -1})
	}
	for _, c := range numbers {
		groups = append(groups, group{provider: -1, number: c})
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
