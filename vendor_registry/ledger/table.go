package ledger

import (
	"sort"
	"strconv"
	"strings"

	"cho40/internal/fault"
)

// headingRows is how far down the headings may stand.
const headingRows = 20

// kind is what a spreadsheet says a cell is. A text file has words only.
type kind uint8

const (
	nothing kind = iota
	words
	number
	date
	formula // text is the value kept from the last calculation
	boolean
	failure // #REF! and its like
)

type cell struct {
	text string
	kind kind
}

// line is a row with at least one filled cell.
type line struct {
	row   int // from 1
	cells []cell
}

func (l line) at(column int) cell {
	if column < 0 || column >= len(l.cells) {
		return cell{}
	}
	return l.cells[column]
}

// span is a run of merged cells; rows count from 1, columns from 0.
type span struct{ top, left, bottom, right int }

// table is a sheet as it stands, with what its headings mean.
type table struct {
	sheet   string
	lines   []line
	heading *heading
	merged  []span
	notes   []fault.Field
}

// fill copies the value of cells merged downwards into each row that they cover: one name or section over many stalls.
func (t *table) fill(columns map[int]bool) {
	budget := len(t.lines) * 64 // overlapping spans are no workbook of Excel's; they must not cost more than the sheet has cells
	for _, s := range t.merged {
		if s.top == s.bottom || !columns[s.left] || s.top <= t.heading.last {
			continue
		}
		i := sort.Search(len(t.lines), func(i int) bool { return t.lines[i].row >= s.top })
		if i == len(t.lines) || t.lines[i].row != s.top {
			continue
		}
		from := t.lines[i].at(s.left)
		for i++; i < len(t.lines) && t.lines[i].row <= s.bottom && budget > 0; i++ {
			budget--
			l := &t.lines[i]
			if l.at(s.left).kind != nothing || from.kind == nothing {
				continue
			}
			for len(l.cells) <= s.left {
				l.cells = append(l.cells, cell{})
			}
			l.cells[s.left] = from
		}
	}
}

// wide holds the rows in which the leftmost filled cell is merged across columns: titles between the stalls.
func (t *table) wide() map[int]bool {
	rows := map[int]bool{}
	for _, s := range t.merged {
		if s.right > s.left && s.top == s.bottom {
			rows[s.top] = true
		}
	}
	return rows
}

func address(column, row int) string { return letters(column) + strconv.Itoa(row) }

// letters names a column, counted from 0, as a spreadsheet does.
func letters(column int) string {
	s := ""
	for column++; column > 0; column = (column - 1) / 26 {
		s = string(rune('A'+(column-1)%26)) + s
	}
	return s
}

// place reads "AB12" as column 27, row 12.
func place(ref string) (column, row int, ok bool) {
	i := 0
	for i < len(ref) && i < 3 && ref[i] >= 'A' && ref[i] <= 'Z' {
		column = column*26 + int(ref[i]-'A') + 1
		i++
	}
	row, err := strconv.Atoi(ref[i:])
	return column - 1, row, i > 0 && err == nil && row > 0
}

// runsOf writes rows 3 4 5 9 as "3–5, 9", at most a dozen runs.
func runsOf(rows []int) string {
	var parts []string
	for i := 0; i < len(rows); {
		j := i
		for j+1 < len(rows) && rows[j+1] == rows[j]+1 {
			j++
		}
		part := strconv.Itoa(rows[i])
		if j > i {
			part += "–" + strconv.Itoa(rows[j])
		}
		if parts = append(parts, part); len(parts) == 12 && j+1 < len(rows) {
			return strings.Join(parts, ", ") + " …"
		}
		i = j + 1
	}
	return strings.Join(parts, ", ")
}
