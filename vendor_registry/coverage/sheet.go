package coverage

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// Imported is what became of the rows of a file.
type Imported struct {
	Rows      int `json:"rows"`
	New       int `json:"new"`
	Unchanged int `json:"unchanged"` // in the record already
}

// Limits of a file of figures or targets: years of a whole province fit into it.
const (
	maxSheet = 2 << 20
	maxRows  = 5000
)

// row is a line of a file by its headings; what cannot be read in it is kept until wrong is asked.
type row struct {
	line  int // as a spreadsheet counts
	cells map[string]string
	bad   *[]fault.Field
}

func (r row) text(column string) string { return strings.TrimSpace(r.cells[column]) }

func (r row) day(column string) *registry.Day {
	if r.text(column) == "" {
		return nil
	}
	day, err := registry.ParseDay(r.text(column))
	if err != nil {
		*r.bad = append(*r.bad, fault.At(column, "form", "A day is written as 2026-11-22."))
		return nil
	}
	return &day
}

func (r row) number(column string) *int64 {
	if r.text(column) == "" {
		return nil
	}
	n, err := strconv.ParseInt(r.text(column), 10, 64)
	if err != nil {
		*r.bad = append(*r.bad, fault.At(column, "form", "Write a whole number."))
		return nil
	}
	return &n
}

func (r row) share(column string) *float64 {
	if r.text(column) == "" {
		return nil
	}
	v, ok := Percent(r.text(column))
	if !ok {
		*r.bad = append(*r.bad, fault.At(column, "form", "Write a share such as 0.7, or 70 with a percent sign."))
		return nil
	}
	return &v
}

func (r row) wrong() error { return fault.Check("row-invalid", *r.bad) }

// importRows stores the rows of a CSV file in one transaction, and nothing when a row is at fault. take reports whether its row was new.
func importRows(ctx context.Context, s *Service, file io.Reader, columns []string, dry bool, take func(*Service, row) (bool, error)) (done Imported, err error) {
	rows, err := readRows(file, columns)
	if err != nil {
		return Imported{}, err
	}
	var bad []fault.Field
	errDry := errors.New("only looked at")
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		for _, r := range rows {
			done.Rows++
			isNew, err := take(s.On(tx), r)
			f, ours := fault.As(err)
			switch {
			case err == nil && isNew:
				done.New++
			case err == nil:
				done.Unchanged++
			case !ours || f.Kind == fault.Busy:
				return err
			case len(f.Fields) == 0:
				bad = append(bad, fault.Field{Row: r.line, Code: f.Code, Detail: f.Detail})
			}
			if ours {
				for _, field := range f.Fields {
					bad = append(bad, fault.Field{Row: r.line, Column: field.Pointer, Value: r.text(field.Pointer), Code: field.Code, Detail: field.Detail})
				}
			}
		}
		if len(bad) > 0 {
			return fault.New(fault.Invalid, "sheet-invalid", "%d rows cannot be taken, so nothing was stored. Mend them and send the file again.", len(badRows(bad))).With(bad...)
		}
		if dry {
			return errDry
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDry) {
		return Imported{}, err
	}
	return done, nil
}

func badRows(bad []fault.Field) (rows []int) {
	for _, f := range bad {
		if !slices.Contains(rows, f.Row) {
			rows = append(rows, f.Row)
		}
	}
	return rows
}

// readRows reads a CSV file, comma or semicolon, whose first row names its columns, in any order.
func readRows(file io.Reader, columns []string) ([]row, error) {
	data, err := io.ReadAll(io.LimitReader(file, maxSheet+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxSheet:
		return nil, fault.New(fault.TooLarge, "sheet-too-large", "The file is larger than %d MiB.", maxSheet>>20)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	read := csv.NewReader(bytes.NewReader(data))
	first, _, _ := bytes.Cut(data, []byte("\n"))
	if bytes.Count(first, []byte(";")) > bytes.Count(first, []byte(",")) {
		read.Comma = ';'
	}
	var head []string
	var rows []row
	for {
		line, err := read.Read()
		switch {
		case err == io.EOF && head == nil:
			return nil, fault.New(fault.Invalid, "sheet-malformed", "The first row names the columns: %s.", strings.Join(columns, ", "))
		case err == io.EOF:
			return rows, nil
		case err != nil:
			at := 1
			var wrong *csv.ParseError
			if errors.As(err, &wrong) {
				at = wrong.Line
			}
			return nil, fault.New(fault.Invalid, "sheet-malformed", "Line %d is not CSV of as many columns as the first.", at).Because(err)
		case len(rows) == maxRows:
			return nil, fault.New(fault.TooLarge, "sheet-too-large", "The file has more than %d rows.", maxRows)
		case head == nil:
			for i, name := range line {
				line[i] = strings.ToLower(strings.TrimSpace(name))
				if !slices.Contains(columns, line[i]) || slices.Contains(line[:i], line[i]) {
					return nil, fault.New(fault.Invalid, "sheet-malformed", "The first row names the columns: %s.", strings.Join(columns, ", "))
				}
			}
			head = line
			continue
		}
		r := row{cells: map[string]string{}, bad: &[]fault.Field{}}
		r.line, _ = read.FieldPos(0)
		empty := true
		for n, cell := range line {
			r.cells[head[n]] = cell
			empty = empty && strings.TrimSpace(cell) == ""
		}
		if !empty {
			rows = append(rows, r)
		}
	}
}

func errIsNoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }
