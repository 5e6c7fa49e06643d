package ledger

import (
	"encoding/xml"
	"errors"
	"math"
	"strconv"
	"strings"

	"cho40/internal/fault"
)

// errNotHere ends the reading of a sheet that is no ledger.
var errNotHere = errors.New("no ledger on this sheet")

// sheet reads a worksheet into t. Once the first rows are known it asks whether to go on.
func (b *book) sheet(part string, t *Table, wanted func(top []line) bool) error {
	s := &sheetReader{book: b, Table: t, wanted: wanted}
	err := b.tokens(part, s.token)
	if err == nil {
		err = s.ask()
	}
	if errors.Is(err, errNotHere) {
		return nil
	}
	if err == nil && len(s.hidden) > 0 {
		t.notes = append(t.notes, fault.Field{Row: s.hidden[0], Code: "rows-hidden", Value: runsOf(s.hidden),
			Detail: fault.Say("Hidden rows were read too: %s.", runsOf(s.hidden))})
	}
	return err
}

type sheetReader struct {
	*book
	*Table
	wanted        func([]line) bool
	asked         bool
	inRows        bool
	inText, inV   bool
	hint          int
	row, column   int
	line          line
	hiddenRow     bool
	hidden        []int
	style         int
	typ           string
	calculated    bool
	text          strings.Builder
	over          error // a limit broken above the headings counts only when this is the ledger
	hiddenColumns int
	spans         int
}

func (s *sheetReader) ask() error {
	if s.asked {
		return nil
	}
	s.asked = true
	if !s.wanted(s.lines) {
		return errNotHere
	}
	return s.over
}

func (s *sheetReader) token(t xml.Token) error {
	switch t := t.(type) {
	case xml.StartElement:
		return s.start(t)
	case xml.CharData:
		if s.inText || s.inV {
			s.text.Write(t)
		}
	case xml.EndElement:
		switch t.Name.Local {
		case "rPh":
			s.hint--
		case "t":
			s.inText = false
		case "v":
			s.inV = false
		case "c":
			if s.inRows {
				return s.cell()
			}
		case "row":
			if s.inRows && len(s.line.cells) > 0 {
				s.lines = append(s.lines, s.line)
				if s.hiddenRow {
					s.hidden = append(s.hidden, s.row)
				}
			}
		case "sheetData":
			s.inRows = false
			return s.ask()
		}
	}
	return nil
}

func (s *sheetReader) start(e xml.StartElement) error {
	switch e.Name.Local {
	case "sheetData":
		s.inRows = true
	case "col":
		if lo, err := strconv.Atoi(attr(e, "min")); err == nil && yes(attr(e, "hidden")) && lo <= s.m.Columns && s.hiddenColumns < s.m.Columns {
			s.hiddenColumns++
			hi, _ := strconv.Atoi(attr(e, "max"))
			names := letters(lo - 1)
			if hi = min(hi, s.m.Columns); hi > lo {
				names += "–" + letters(hi-1)
			}
			s.notes = append(s.notes, fault.Field{Column: letters(max(lo, 1) - 1), Code: "columns-hidden", Value: names, Detail: fault.Say("Hidden columns were read too: %s.", names)})
		}
	case "mergeCell":
		if s.spans++; s.spans > s.m.Rows {
			return damaged(errors.New("more merged cells than rows"))
		}
		if from, to, ok := strings.Cut(attr(e, "ref"), ":"); ok {
			left, top, ok1 := place(from)
			right, bottom, ok2 := place(to)
			if ok1 && ok2 && left >= 0 && left < s.m.Columns && bottom >= top {
				s.merged = append(s.merged, span{top, left, bottom, right})
			}
		}
	}
	if !s.inRows {
		return nil
	}
	switch e.Name.Local {
	case "row":
		row := s.row + 1
		if r := attr(e, "r"); r != "" {
			n, err := strconv.Atoi(r)
			if err != nil || n < row {
				return damaged(errors.New("rows out of order"))
			}
			row = n
		}
		if row > headingRows {
			if err := s.ask(); err != nil {
				return err
			}
		}
		s.row, s.column, s.line, s.hiddenRow = row, -1, line{row: row}, yes(attr(e, "hidden"))
		return s.m.row(row)
	case "c":
		column := s.column + 1
		if ref := attr(e, "r"); ref != "" {
			c, r, ok := place(ref)
			if !ok || r != s.row || c < column {
				return damaged(errors.New("cells out of order"))
			}
			column = c
		}
		s.column, s.typ, s.calculated = column, attr(e, "t"), false
		s.style, _ = strconv.Atoi(attr(e, "s"))
		s.text.Reset()
	case "f":
		s.calculated = true
	case "rPh":
		s.hint++
	case "t":
		s.inText = s.hint == 0 && s.typ == "inlineStr"
	case "v":
		s.inV = true
	}
	return nil
}

// cell keeps a finished cell.
func (s *sheetReader) cell() error {
	c := cell{text: s.text.String(), kind: words}
	switch s.typ {
	case "s":
		i, err := strconv.Atoi(strings.TrimSpace(c.text))
		if err != nil || i < 0 || i >= len(s.strings) {
			if c.text == "" && !s.calculated {
				return nil
			}
			return damaged(errors.New("a shared string that is not there"))
		}
		c.text = s.strings[i]
	case "inlineStr", "str":
		c.text = escaped(c.text)
	case "b":
		c.kind, c.text = boolean, map[bool]string{true: "TRUE", false: "FALSE"}[yes(c.text)]
	case "e":
		c.kind = failure
	case "d":
		c.kind = date
	default:
		c.kind = number
		var f format
		if s.style >= 0 && s.style < len(s.styles) {
			f = s.styles[s.style]
		}
		if c.text != "" {
			c.text = spelled(c.text, f)
		}
		if f.date {
			c.kind = date
		}
	}
	if s.calculated && c.kind != failure {
		c.kind = formula
	}
	if c.text == "" && c.kind != formula {
		return nil
	}
	if c.kind == words && strings.TrimSpace(c.text) == "" {
		return nil
	}
	if err := s.m.cell(s.row, s.column, c.text); err != nil {
		if s.asked {
			return err
		}
		if s.over == nil {
			s.over = err
		}
		return nil
	}
	for len(s.line.cells) < s.column {
		s.line.cells = append(s.line.cells, cell{})
	}
	s.line.cells = append(s.line.cells, c)
	return nil
}

// spelled writes a number cell as a person reads it: whole numbers without exponent, with the zeros of its format.
func spelled(raw string, f format) string {
	raw = strings.TrimSpace(raw)
	v, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return raw
	}
	if v != math.Trunc(v) || math.Abs(v) >= 1e21 {
		return strconv.FormatFloat(v, 'g', exactDigits, 64)
	}
	s := strconv.FormatFloat(v, 'f', 0, 64)
	if plain.MatchString(raw) {
		s = raw // more digits than a float holds: as they stand
	}
	if f.zero > 0 && v >= 0 {
		s = f.lead + strings.Repeat("0", max(0, f.zero-len(s))) + s
	}
	return s
}
