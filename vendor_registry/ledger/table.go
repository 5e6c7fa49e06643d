package ledger

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"slices"
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
	text   string
	kind   kind
	merged bool // it stands in the row above, merged downwards
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

// Table is a sheet as it stands, before anything is made of it: what is kept of an upload, so that a person may yet say what its
// columns hold and type single cells anew. Columns of what is never collected are blanked when it is opened.
type Table struct {
	file   string
	sheet  string
	lines  []line
	merged []span
	notes  []fault.Field
}

// Mended are cells that a person typed anew: by row, as a spreadsheet counts, and by column, from 0.
type Mended map[int]map[int]string

// Read makes stalls of the table. Faults: Invalid ledger-no-heading, ledger-no-vendor-column, ledger-no-code-column when as does
// not say what the headings leave open; ledger-no-stalls; Unsupported ledger-old-font; the limits of a cell for what was mended.
func (t *Table) Read(ctx context.Context, as Mapping, mended Mended) (Ledger, error) {
	m := &meter{ctx: ctx, Limits: DefaultLimits}
	with := *t
	with.lines = slices.Clone(t.lines) // what is filled in below is no part of what stands there
	for i, l := range with.lines {
		cells := mended[l.row]
		if len(cells) == 0 {
			continue
		}
		l.cells = slices.Clone(l.cells)
		for c, text := range cells {
			if c < 0 {
				continue
			}
			if err := m.cell(l.row, c, text); err != nil {
				return Ledger{}, err
			}
			for len(l.cells) <= c {
				l.cells = append(l.cells, cell{})
			}
			if l.cells[c] = (cell{text: text, kind: words}); strings.TrimSpace(text) == "" {
				l.cells[c] = cell{}
			}
		}
		with.lines[i] = l
	}
	h, near := findHeading(with.lines, as, nil)
	if h == nil {
		return Ledger{}, noHeading(near).With(t.notes...)
	}
	return with.ledger(m, h)
}

// Columns are the table's columns when no headings are understood: each with the text above its first filled cells, and no role.
func (t *Table) Columns(as Mapping) []Column {
	h, near := findHeading(t.lines, as, nil)
	if h == nil {
		h = &near
	}
	if h.row == 0 {
		h = &heading{}
	}
	width := 0
	for _, l := range t.lines[:min(len(t.lines), headingRows)] {
		width = max(width, len(l.cells))
	}
	list := make([]Column, width)
	for c := range list {
		list[c].Index = c
	}
	for _, c := range h.columns {
		if c.Index < width {
			list[c.Index] = c
		}
	}
	return list
}

// Top are the first rows as they stand, at most n, each with its number; cells are cut to what a page may show.
func (t *Table) Top(n int) (rows []TopRow) {
	for _, l := range t.lines[:min(len(t.lines), n)] {
		r := TopRow{Row: l.row}
		for _, at := range l.cells {
			r.Cells = append(r.Cells, shown(at.text))
		}
		rows = append(rows, r)
	}
	return rows
}

// TopRow is a row of a table as it stands.
type TopRow struct {
	Row   int
	Cells []string
}

// Cells are the texts of one row as they stand, by column; nil when there is no such row.
func (t *Table) Cells(row int) []string {
	i := sort.Search(len(t.lines), func(i int) bool { return t.lines[i].row >= row })
	if i == len(t.lines) || t.lines[i].row != row {
		return nil
	}
	texts := make([]string, len(t.lines[i].cells))
	for c, at := range t.lines[i].cells {
		texts[c] = at.text
	}
	return texts
}

// blank takes out what stands below headings such as "CCCD": it is never collected, so it is not kept either.
func (t *Table) blank(as Mapping) {
	var private []span
	if h, _ := findHeading(t.lines, as, nil); h != nil {
		for _, c := range h.columns {
			if c.Role == Private {
				private = append(private, span{top: h.last + 1, left: c.Index})
			}
		}
	} else {
		for _, l := range t.lines {
			if l.row > headingRows {
				break
			}
			for c := range l.cells {
				if len(l.cells) > 2 && classify(label(l.at(c), nil)).role == Private {
					private = append(private, span{top: l.row + 1, left: c})
				}
			}
		}
	}
	for _, p := range private {
		for _, l := range t.lines {
			if l.row >= p.top && p.left < len(l.cells) {
				l.cells[p.left] = cell{}
			}
		}
	}
}

// packed is a table as it is kept: a cell is the letter of its kind and its text.
type packed struct {
	File   string        `json:"file"`
	Sheet  string        `json:"sheet,omitempty"`
	Rows   []int         `json:"rows"`
	Cells  [][]string    `json:"cells"`
	Merged [][4]int      `json:"merged,omitempty"`
	Notes  []fault.Field `json:"notes,omitempty"`
}

// kinds are the letters of the kinds, in their order.
const kinds = "-wndfbe"

// MarshalBinary packs the table.
func (t *Table) MarshalBinary() ([]byte, error) {
	p := packed{File: t.file, Sheet: t.sheet, Notes: t.notes, Rows: make([]int, len(t.lines)), Cells: make([][]string, len(t.lines))}
	for i, l := range t.lines {
		p.Rows[i] = l.row
		p.Cells[i] = make([]string, len(l.cells))
		for c, at := range l.cells {
			if at.kind != nothing {
				p.Cells[i][c] = kinds[at.kind:at.kind+1] + strings.ToValidUTF8(at.text, "\ufffd")
			}
		}
	}
	for _, s := range t.merged {
		p.Merged = append(p.Merged, [4]int{s.top, s.left, s.bottom, s.right})
	}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	err := json.NewEncoder(z).Encode(p)
	if err == nil {
		err = z.Close()
	}
	return b.Bytes(), err
}

// UnmarshalBinary unpacks what MarshalBinary packed.
func (t *Table) UnmarshalBinary(data []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return err
	}
	var p packed
	if err := json.NewDecoder(z).Decode(&p); err != nil {
		return err
	}
	*t = Table{file: p.File, sheet: p.Sheet, notes: p.Notes, lines: make([]line, len(p.Rows))}
	for i, cells := range p.Cells {
		l := line{row: p.Rows[i], cells: make([]cell, len(cells))}
		for c, s := range cells {
			if s != "" {
				l.cells[c] = cell{text: s[1:], kind: kind(strings.IndexByte(kinds, s[0]))}
			}
		}
		t.lines[i] = l
	}
	for _, s := range p.Merged {
		t.merged = append(t.merged, span{s[0], s[1], s[2], s[3]})
	}
	return nil
}

// fill copies the value of cells merged downwards into each row that they cover: one name or section over many stalls.
func (t *Table) fill(h *heading, columns map[int]bool) {
	budget := len(t.lines) * 64 // overlapping spans are no workbook of Excel's; they must not cost more than the sheet has cells
	for _, s := range t.merged {
		if s.top == s.bottom || !columns[s.left] || s.top <= h.last {
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
			l.cells = slices.Clone(l.cells)
			if l.at(s.left).kind != nothing || from.kind == nothing {
				continue
			}
			for len(l.cells) <= s.left {
				l.cells = append(l.cells, cell{})
			}
			l.cells[s.left] = from
			l.cells[s.left].merged = true
		}
	}
}

// wide holds the rows in which the leftmost filled cell is merged across columns: titles between the stalls.
func (t *Table) wide() map[int]bool {
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
