// Package ledger reads a market board's stall ledger (XLSX, CSV, TSV) into rows, each with its faults and warnings, and writes
// such tables. It knows neither the database nor HTTP: a file goes in, and what it says about each stall comes out.
package ledger

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path"
	"strings"
	"time"

	"cho40/internal/fault"
)

// Limits bounds what is read. Each is counted while reading, so that a file cannot cost more than it may hold.
type Limits struct {
	File     int64         // bytes of the file as sent
	Unpacked int64         // bytes of everything in a workbook, unpacked
	Rows     int           // the highest row number; empty rows count
	Columns  int           // the rightmost filled column
	Cell     int           // characters in one cell
	Time     time.Duration // for the whole reading
}

// DefaultLimits are those of the security model, section 8.
var DefaultLimits = Limits{File: 10 << 20, Unpacked: 64 << 20, Rows: 20_000, Columns: 50, Cell: 1_000, Time: 30 * time.Second}

// Account is where a vendor's money goes: our code of the provider, and a number that the provider's rules accept.
type Account struct {
	Provider string `json:"provider"`
	Number   string `json:"number"`
	Holder   string `json:"holder,omitempty"` // where the ledger names one for this account alone
}

// Proposal is an account that a faulty cell may have meant, and the column of that cell.
type Proposal struct {
	Account
	Column int `json:"column"`
}

// Row is one stall as the ledger tells it. A row with faults must not be imported as it stands; one with warnings was
// mended, and says how.
type Row struct {
	Row      int           `json:"row"`          // as a spreadsheet counts, from 1
	ID       string        `json:"id,omitempty"` // of the stall in the record, where our own export says it
	Code     string        `json:"code"`
	Section  string        `json:"section,omitempty"`
	Goods    string        `json:"goods,omitempty"`
	Vendor   string        `json:"vendor,omitempty"` // empty: the stall is vacant
	Person   string        `json:"person,omitempty"` // who the vendor is in the record, in a file that came from there: the same in two rows is one person
	Phone    string        `json:"phone,omitempty"`  // ten digits
	Holder   string        `json:"holder,omitempty"` // of the accounts, where the ledger names one
	Accounts []Account     `json:"accounts,omitempty"`
	Proposed []Proposal    `json:"proposed,omitempty"` // what a faulty account cell may have meant: for a person to confirm, never imported
	Faults   []fault.Field `json:"faults,omitempty"`
	Warnings []fault.Field `json:"warnings,omitempty"`
}

// Vacant reports a stall that nobody holds.
func (r Row) Vacant() bool { return r.Vendor == "" }

// Ledger is a file that was understood.
type Ledger struct {
	File    string        `json:"file"`
	Sheet   string        `json:"sheet,omitempty"` // of a workbook
	Heading int           `json:"heading"`         // the row of the headings, the upper one of two
	Columns []Column      `json:"columns"`         // those with a heading or a role
	Rows    []Row         `json:"rows"`            // stalls only: no titles, section names, totals or blank rows
	Notes   []fault.Field `json:"notes,omitempty"` // about the file: hidden sheets, rows and columns, columns left unread
}

// Counts are the figures of an import report: Rows is Good plus Faulty, and Vacant is part of Good.
type Counts struct{ Rows, Good, Vacant, Faulty int }

// Counts counts the rows by their fate.
func (l Ledger) Counts() Counts {
	c := Counts{Rows: len(l.Rows)}
	for _, r := range l.Rows {
		switch {
		case len(r.Faults) > 0:
			c.Faulty++
		case r.Vacant():
			c.Vacant++
		}
	}
	c.Good = c.Rows - c.Faulty
	return c
}

// Faults are the faults of all rows, in the order of the rows.
func (l Ledger) Faults() (all []fault.Field) {
	for _, r := range l.Rows {
		all = append(all, r.Faults...)
	}
	return all
}

// Warnings are the warnings of all rows, in the order of the rows.
func (l Ledger) Warnings() (all []fault.Field) {
	for _, r := range l.Rows {
		all = append(all, r.Warnings...)
	}
	return all
}

// Read reads a ledger from r; name is the file's, whose ending must agree with the content (an empty ending: the content decides).
//
// A fault means that the file as a whole is refused: TooLarge names the limit, Unsupported the format and how to save it
// rightly, Invalid what was looked for and not found. What is wrong in single rows is in Ledger.Rows.
func Read(ctx context.Context, name string, r io.Reader, limits Limits) (Ledger, error) {
	return ReadAs(ctx, name, r, limits, nil)
}

// ReadAs is Read with a person's word on what some columns hold, where the headings alone do not tell.
func ReadAs(ctx context.Context, name string, r io.Reader, limits Limits, as Mapping) (Ledger, error) {
	var l Ledger
	err := within(ctx, limits, func(ctx context.Context) error {
		t, err := open(&meter{ctx: ctx, Limits: limits}, name, r, as)
		if err == nil {
			l, err = t.Read(ctx, as, nil)
		}
		return err
	})
	return l, err
}

// Open reads a file as far as its cells: the first visible sheet that is a ledger by its headings or by as, else the first one
// with anything on it. Faults: those of Read, but for what only a person can say.
func Open(ctx context.Context, name string, r io.Reader, limits Limits, as Mapping) (*Table, error) {
	var t *Table
	err := within(ctx, limits, func(ctx context.Context) (err error) {
		t, err = open(&meter{ctx: ctx, Limits: limits}, name, r, as)
		return err
	})
	return t, err
}

// within bounds the time of a reading.
func within(ctx context.Context, limits Limits, do func(context.Context) error) error {
	own, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()
	err := do(own)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fault.New(fault.TooLarge, "ledger-too-slow", "Reading the file took more than %v seconds. Split it by section.", int(limits.Time.Seconds())).Because(err)
	}
	return err
}

func open(m *meter, name string, r io.Reader, as Mapping) (*Table, error) {
	data, err := io.ReadAll(io.LimitReader(r, m.File+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > m.File {
		return nil, fault.New(fault.TooLarge, "ledger-too-large", "The file has more than %v MiB. Split it by section.", m.File>>20)
	}
	if name != "" {
		name = shown(path.Base(strings.ReplaceAll(name, `\`, "/")))
	}
	kind, err := contentOf(name, data)
	if err != nil {
		return nil, err
	}
	var t *Table
	if kind == workbook {
		t, err = readWorkbook(m, data, as)
	} else {
		t, err = readDelimited(m, data, as)
	}
	if err != nil {
		return nil, err
	}
	t.file = name
	t.blank(as)
	return t, nil
}

type content int

const (
	delimited content = iota
	workbook
)

// contentOf looks at the first bytes and refuses a file whose name says something else: a renamed file is either a
// mistake that the sender wants to know of, or no mistake.
func contentOf(name string, data []byte) (content, error) {
	ending := strings.ToLower(path.Ext(name))
	has := func(magic string) bool { return bytes.HasPrefix(data, []byte(magic)) }
	head := bytes.ToLower(bytes.TrimLeft(data[:min(len(data), 256)], "\xef\xbb\xbf \t\r\n"))
	markup := bytes.HasPrefix(head, []byte("<"))
	switch {
	case len(bytes.Trim(data, "\xef\xbb\xbf \t\r\n")) == 0:
		return 0, empty()
	case has("\xd0\xcf\x11\xe0") && bytes.Contains(data, []byte("E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e")):
		return 0, fault.New(fault.Unsupported, "ledger-encrypted", "The file is locked with a password. Take the password off in Excel, save it, and send it again.")
	case has("\xd0\xcf\x11\xe0"), ending == ".xls" && markup:
		return 0, fault.New(fault.Unsupported, "ledger-xls", "This is the old Excel format (.xls). Open it in Excel, choose Save As, Excel Workbook (.xlsx), and send that file.")
	case ending == ".xlsm", ending == ".xlsb", ending == ".xltm", ending == ".xlam":
		return 0, macros()
	case has("PK\x03\x04"), has("PK\x05\x06"):
		if ending == ".xlsx" || ending == "" {
			return workbook, nil
		}
	case markup, has("%PDF"), has("\x89PNG"), has("\xff\xd8\xff"), has("{\\rtf"):
	case ending == ".csv", ending == ".tsv", ending == ".txt", ending == "":
		return delimited, nil
	}
	if ending == ".xlsx" || ending == ".csv" || ending == ".tsv" || ending == ".txt" || ending == ".xls" {
		return 0, fault.New(fault.Unsupported, "ledger-wrong-ending", "The name ends in %s, but the file holds something else. Open it and save it as .xlsx or .csv.", ending)
	}
	return 0, unsupported()
}

func empty() error {
	return fault.New(fault.Invalid, "ledger-empty", "There is nothing in the file.")
}

func unsupported() error {
	return fault.New(fault.Unsupported, "ledger-unsupported", "This is no ledger that can be read. Open it in Excel and save it as .xlsx, or as CSV UTF-8.")
}

func macros() error {
	return fault.New(fault.Unsupported, "ledger-macros", "The file may hold macros. In Excel choose Save As, Excel Workbook (.xlsx), and send that file.")
}

// meter counts what is read against the limits.
type meter struct {
	ctx context.Context
	Limits
	unpacked int64
}

// row is told each row's number, also of rows without a filled cell.
func (m *meter) row(n int) error {
	if n > m.Rows {
		return fault.New(fault.TooLarge, "ledger-too-many-rows", "The sheet goes past row %v. Delete the empty rows at its end, or split it by section.", m.Rows)
	}
	if n%64 == 0 {
		return m.ctx.Err()
	}
	return nil
}

// cell is told each filled cell; column counts from 0.
func (m *meter) cell(row, column int, text string) error {
	if column >= m.Columns {
		return fault.New(fault.TooLarge, "ledger-too-many-columns", "Row %v has more than %v columns. Delete what stands to the right of the ledger.", row, m.Columns)
	}
	if len(text) > m.Cell && runes(text) > m.Cell {
		return fault.New(fault.TooLarge, "ledger-cell-too-long", "Cell %s has more than %v characters.", address(column, row), m.Cell)
	}
	return nil
}

// pack counts unpacked bytes.
func (m *meter) pack(n int64) error {
	if m.unpacked += n; m.unpacked > m.Unpacked {
		return fault.New(fault.TooLarge, "ledger-unpacked-too-large", "Unpacked, the file has more than %v MiB. Copy the ledger alone into a new file and send that.", m.Unpacked>>20)
	}
	return m.ctx.Err()
}
