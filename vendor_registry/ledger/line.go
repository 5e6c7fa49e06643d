package ledger

import (
	"slices"
	"strings"

	"cho40/internal/fault"
)

// reader turns the lines below the headings into stalls.
type reader struct {
	*heading
	wide      map[int]bool   // rows whose title is merged across
	section   string         // named by the last title row
	delimited bool           // of a text file
	ended     int            // the row of the stall read last, with those that continue it
	seen      map[string]int // the row in which a stall code came first
	ordinal   int            // the column of 1, 2, 3 …; -1: none
}

// ledger reads the stalls of a table whose headings were found.
func (t *Table) ledger(m *meter, h *heading) (Ledger, error) {
	out := Ledger{File: t.file, Sheet: t.sheet, Heading: h.row, Columns: h.columns, Notes: slices.Clone(t.notes)}
	fill := map[int]bool{}
	for _, c := range h.columns {
		fill[c.Index] = c.Role != Unread && c.Role != Ordinal && c.Role != Private
		if c.Role == Private {
			out.Notes = append(out.Notes, fault.Field{Row: h.row, Column: c.Heading, Code: "column-private",
				Detail: fault.Say("This column was not read: identity papers, birth dates and the like are never collected here.")})
		}
	}
	if err := h.stallsOnly(); err != nil {
		return Ledger{}, err
	}
	for _, c := range h.columns {
		if f := fold(c.Heading); c.Role == Unread && !c.Told && unknownWallet.MatchString(f) && !notWallet.MatchString(f) && !otherWords.MatchString(f) {
			out.Notes = append(out.Notes, fault.Field{Row: h.row, Column: c.Heading, Code: "column-unknown",
				Detail: fault.Say("This looks like a column of accounts, but no wallet or bank of this name is known. It was not read.")})
		}
	}
	t.fill(h, fill)
	for _, l := range t.lines {
		if l.row >= h.row && l.row <= h.last {
			row := make([]string, len(l.cells))
			for c, at := range l.cells {
				row[c] = inHeading(at.text)
			}
			h.lines = append(h.lines, row)
		}
	}
	r := &reader{heading: h, wide: t.wide(), delimited: t.sheet == "", seen: map[string]int{}, ordinal: -1}
	for _, c := range h.columns {
		if c.Role == Ordinal && r.ordinal < 0 {
			r.ordinal = c.Index
		}
	}
	exported := false
	first := "" // what a title right above the headings may name
	titled := false
	finished := -1 // how many stalls there were when a total or a signature last said so, with no stall code since
	for i, l := range t.lines {
		if i%64 == 0 && m.ctx.Err() != nil {
			return Ledger{}, m.ctx.Err()
		}
		if l.row <= h.last {
			if l.row < h.row && l.row >= h.row-2 {
				first = r.titleAbove(l)
			}
			continue
		}
		if row, ours := r.own(l); ours {
			out.Rows, exported, finished = append(out.Rows, row), true, -1
			continue
		}
		switch r.sort(l) {
		case skip:
		case end:
			if finished < 0 {
				finished = len(out.Rows)
			}
		case title:
			if r.section = r.titleOf(l); !titled {
				titled = true
				for i := range out.Rows { // sections are named by titles here, so the one above the headings named the first
					if out.Rows[i].Section == "" && runes(first) <= maxSection {
						out.Rows[i].Section = first
					}
				}
			}
		case more:
			if n := len(out.Rows); n > 0 {
				r.moreOf(&out.Rows[n-1], l)
			}
		case stall:
			row := r.stall(l)
			r.ended = l.row
			if row.Code != "" && (finished < 0 || row.Vendor != "" || strings.ContainsAny(row.Code, "0123456789")) {
				finished = -1 // not the name of who signed, in the column of the codes
			}
			out.Rows = append(out.Rows, row)
		}
	}
	if finished > 0 { // below stand the names of those who sign, not stalls
		out.Rows = out.Rows[:finished]
	}
	if len(out.Rows) == 0 {
		return Ledger{}, fault.New(fault.Invalid, "ledger-no-stalls", "The headings are in row %v, but there is no stall below them.", h.row)
	}
	if !exported { // an export writes every section out
		if !titled && placed.MatchString(fold(first)) {
			for i := range out.Rows {
				if out.Rows[i].Section == "" {
					out.Rows[i].Section = first
				}
			}
		}
		h.carry(out.Rows, t)
	}
	return out, oldFonts(out.Rows)
}

// sortOf is what a line is.
type sortOf int

const (
	skip  sortOf = iota // blank, notes, headings again
	end                 // a total or a signature
	title               // names the section of the stalls below
	more                // continues the stall above: its second account
	stall
)

// sort tells a stall from all else that stands in a ledger.
func (r *reader) sort(l line) sortOf {
	code, first, filled := l.at(r.column(Code)), -1, 0
	for c := range l.cells {
		if at := l.cells[c]; at.kind == nothing || strings.TrimSpace(at.text) == "" && at.kind == words {
			continue
		}
		if c == r.ordinal && roman.MatchString(l.cells[c].text) {
			continue
		}
		if filled++; first < 0 {
			first = c
		}
	}
	if first < 0 {
		return skip
	}
	lead, hasCode := l.at(first), !isNone(code.text) || code.kind > words
	if hasCode {
		lead = code
	}
	switch {
	case isTotal(lead.text), isTotal(l.at(first).text) && (first != r.column(Vendor) || !ascii(l.at(first).text)):
		return end
	case isRemark(lead.text) && !r.pays(l), !hasCode && !r.filled(l, Vendor) && slices.ContainsFunc(l.cells, func(c cell) bool { return isRemark(c.text) }):
		return end
	case r.again(l), r.counting(l):
		return skip
	case r.continues(l, code):
		return more
	}
	named := lead.kind == words && sections.begins(listed.ReplaceAllString(strings.TrimSpace(lead.text), "")) &&
		(first != r.column(Vendor) || r.wide[l.row] || !surnames.begins(lead.text))
	alone := filled == 1 || filled == 2 && tally.MatchString(fold(r.other(l, lead)))
	switch {
	case alone && hasCode:
		if lead.kind == words && (r.wide[l.row] || named && (!stallToo.begins(lead.text) || halls.begins(lead.text))) {
			return title
		}
		if code.kind == words && first == r.column(Code) && isFootnote(code.text) {
			return skip
		}
		return stall
	case alone && lead.kind != words, alone && tally.MatchString(fold(lead.text)):
		return skip
	case alone && (named || r.wide[l.row] && isTitle(lead.text)):
		return title
	case filled == 1 && (first == r.column(Vendor) || first == r.column(Phone) || r.inGroup(first)):
		return stall // without its code: a fault, not a title
	case filled == 1 && first < r.column(Code) && isTitle(lead.text):
		return title
	case hasCode:
		return stall
	case named && !r.filled(l, Phone) && !r.pays(l):
		return title
	case r.filled(l, Vendor), r.filled(l, Phone), r.pays(l):
		return stall
	}
	return skip
}

// continues reports a line that is the second of a stall: its code is merged with the one above, or it says nothing but an account.
func (r *reader) continues(l line, code cell) bool {
	if r.ended == 0 || l.row != r.ended+1 {
		return false
	}
	if code.merged {
		vendor := l.at(r.column(Vendor))
		return vendor.merged || vendor.kind == nothing || vendor.kind == words && isNone(vendor.text)
	}
	for c, at := range l.cells {
		if at.kind != nothing && strings.TrimSpace(at.text) != "" && (at.kind > words || !r.inGroup(c)) {
			return false
		}
	}
	complete := 0
	for _, g := range r.groups {
		provider, number := l.at(g.provider).kind != nothing, l.at(g.number).kind != nothing
		switch {
		case g.provider >= 0 && provider != number, number && digits(l.at(g.number).text) < shortest:
			return false
		case number && (g.provider >= 0 || g.named != ""):
			complete++
		}
	}
	return complete > 0
}

// moreOf adds the accounts of a line that continues a stall.
func (r *reader) moreOf(to *Row, l line) {
	r.ended = l.row
	cells := slices.Clone(l.cells)
	for c := range cells {
		if cells[c].merged {
			cells[c] = cell{} // read in the row above
		}
	}
	b := &builder{reader: r, line: line{l.row, cells}, Row: Row{Row: l.row, Vendor: to.Vendor, Phone: to.Phone, Accounts: slices.Clone(to.Accounts)}}
	if r.pays(b.line) {
		b.accounts()
	}
	if n := len(b.Accounts) - len(to.Accounts); n > 0 && to.Vendor != "" {
		b.warn(r.groups[0].first(), "account-continued", to.Code, "Row %v has no stall of its own; its account was taken as a further one of stall %s.", l.row, to.Code)
	}
	if len(b.Accounts) > 0 && to.Vendor == "" && len(to.Faults) == 0 {
		b.fault(r.column(Vendor), "vendor-missing", "", "There is an account, but no vendor. Whose is it?")
	}
	for i := range b.Faults { // the stall is named by the row in which it begins
		b.Faults[i].Row = to.Row
	}
	for i := range b.Warnings {
		b.Warnings[i].Row = to.Row
	}
	to.Accounts, to.Proposed = b.Accounts, append(to.Proposed, b.Proposed...)
	to.Faults, to.Warnings = append(to.Faults, b.Faults...), append(to.Warnings, b.Warnings...)
}

// titleAbove is the section that a line above the headings names, or nothing.
func (r *reader) titleAbove(l line) string {
	filled := 0
	for _, at := range l.cells {
		if at.kind != nothing && strings.TrimSpace(at.text) != "" {
			filled++
		}
	}
	if s := r.titleOf(l); filled == 1 && sections.begins(s) {
		return s
	}
	return ""
}

// filled reports whether a column says anything in a line.
func (r *reader) filled(l line, role Role) bool {
	at := l.at(r.column(role))
	return at.kind > words || at.kind == words && !isNone(at.text)
}

// titleOf is the section that a title row names: its first text that is no ordinal.
func (r *reader) titleOf(l line) string {
	best := ""
	for c, at := range l.cells {
		if at.kind != words || c == r.ordinal && roman.MatchString(at.text) {
			continue
		}
		s, bad := clean(at.text)
		if bad != 0 || s == "" {
			continue
		}
		if best == "" || sections.begins(s) && !sections.begins(best) {
			best = s
		}
	}
	if best = section(best); runes(best) > maxSection {
		return ""
	}
	return best
}

func (r *reader) inGroup(column int) bool {
	for _, g := range r.groups {
		if g.provider == column || g.number == column {
			return true
		}
	}
	return false
}

// pays reports whether any account column of a line says anything.
func (r *reader) pays(l line) bool {
	for _, g := range r.groups {
		for _, c := range []int{g.provider, g.number} {
			if at := l.at(c); at.kind > words || at.kind == words && !isNone(at.text) {
				return true
			}
		}
	}
	return false
}

// other is the one filled cell of a line that is not lead.
func (r *reader) other(l line, lead cell) string {
	for c, at := range l.cells {
		if at.kind != nothing && at != lead && c != r.ordinal && strings.TrimSpace(at.text) != "" {
			return at.text
		}
	}
	return ""
}

// again reports the headings once more, as on each printed page.
func (r *reader) again(l line) bool {
	filled, same := 0, 0
	for c, at := range l.cells {
		s := inHeading(at.text)
		if s == "" {
			continue
		}
		filled++
		for _, row := range r.lines {
			if c < len(row) && row[c] == s {
				same++
				break
			}
		}
	}
	return same > 1 || same > 0 && same == filled
}

// inHeading is a cell as headings are compared.
func inHeading(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// counting reports the row of column numbers, (1) (2) (3) or A B 1 2 3, that forms have below their headings.
func (r *reader) counting(l line) bool {
	next := 1
	for c, at := range l.cells {
		switch s := strings.Trim(at.text, "() "); {
		case s == itoa(next):
			next++
		case s == "", len(s) == 1 && s[0] == byte('A'+c):
		default:
			return false
		}
	}
	return next > 2 && l.row <= r.last+2
}
