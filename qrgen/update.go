package qrgen

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Change is what a file changes about one provider.
type Change struct {
	Provider          // as it is to be
	New      bool     `json:"new"`     // it was not in the directory
	Fields   []string `json:"changed"` // the columns that change, in the file's names
}

// RowError is one cell of a directory file that is wrong; nothing of such a file is taken.
type RowError struct {
	Row    int    // as a spreadsheet counts, from 1; 0: the file as a whole
	Column string // the heading
	Code   string // Message has a sentence for each
	Value  string // what stood there
}

// RowErrors is everything that is wrong with a directory file, in the order of its rows.
type RowErrors []RowError

// Message is the code in words; it can serve as the key of a translation.
func (e RowError) Message() string { return Message(e.Code) }

// Error lists row, column, what is wrong and the value of each, in English.
func (e RowErrors) Error() string {
	var b strings.Builder
	for i, r := range e {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "row %d, %s: %s %q", r.Row, r.Column, Message(r.Code), r.Value)
	}
	return b.String()
}

// headings are the columns of a directory file, and what lists of others call them.
var headings = map[string]string{
	"bin": "bin", "code": "code", "name": "name", "short_name": "name", "full_name": "full_name", "full_name_vi": "full_name", "kind": "kind",
	"pays": "pays", "supports_transfer": "pays", "looks_up": "looks_up", "supports_lookup": "looks_up", "number": "number",
	"number_basis": "number_basis", "second_of": "second_of", "valid_from": "valid_from", "valid_to": "valid_to", "read_on": "read_on",
	"source": "source", "names": "names",
}

// The limits of a directory file. The directory of 2026 has 82 rows and 13 KB.
const (
	directoryBytes = 1 << 20
	directoryRows  = 5000
	cellRunes      = 300
)

// Update reads a directory file, CSV in UTF-8 with a heading row, and gives the directory that it leads to and what it changes.
// Rows name providers by bin; columns and providers that the file lacks stay as they are. A new provider needs code, name, kind and
// source, and every row its source; where no column read_on stands, readOn (YYYY-MM-DD) is the day of each row.
//
// A provider keeps its code and its former names for ever: another code in the file becomes a name. No text that names a provider
// today may name another one, or nobody, after the update. Errors: RowErrors, with nothing changed.
func (d *Directory) Update(file []byte, readOn string) (next *Directory, changes []Change, err error) {
	columns, rows, err := readDirectory(file)
	if err != nil {
		return nil, nil, err
	}
	u := update{columns: columns, all: d.Providers(), readOn: readOn}
	seen := make(map[string]int)
	for _, row := range rows {
		u.row = row
		bin := u.cell("bin")
		if first, twice := seen[bin]; twice {
			u.refuse("bin", "row_twice", fmt.Sprintf("%s, %d", bin, first))
			continue
		}
		seen[bin] = row.number
		if c, changed := u.provider(bin); changed {
			changes = append(changes, c)
		}
	}
	if len(u.bad) == 0 {
		next = newDirectory(u.all)
		u.collisions(d, next, seen)
	}
	if len(u.bad) > 0 {
		slices.SortStableFunc(u.bad, func(a, b RowError) int { return a.Row - b.Row })
		return nil, nil, u.bad
	}
	return next, changes, nil
}

// tableRow is a row of the file with its number there.
type tableRow struct {
	number int
	cells  []string
}

func readDirectory(file []byte) (columns map[string]int, rows []tableRow, err error) {
	whole := func(code, value string) (map[string]int, []tableRow, error) {
		return nil, nil, RowErrors{{Code: code, Value: value}}
	}
	file = bytes.TrimPrefix(file, []byte("\xef\xbb\xbf"))
	switch {
	case len(file) > directoryBytes:
		return whole("table_too_large", "")
	case !utf8.Valid(file):
		return whole("table_not_utf8", "")
	}
	r := csv.NewReader(bytes.NewReader(file))
	r.FieldsPerRecord = -1
	if first, _, _ := bytes.Cut(file, []byte("\n")); bytes.Count(first, []byte(";")) > bytes.Count(first, []byte(",")) {
		r.Comma = ';'
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return whole("table_broken", fmt.Sprint(err))
		}
		line, _ := r.FieldPos(0)
		switch {
		case columns == nil:
			columns = make(map[string]int)
			for i, heading := range cells {
				name, ok := headings[strings.ToLower(strings.TrimSpace(heading))]
				if _, twice := columns[name]; !ok || twice {
					return whole("heading_unknown", heading)
				}
				columns[name] = i
			}
		case len(rows) == directoryRows:
			return whole("table_too_large", "")
		case len(cells) != len(columns):
			return nil, nil, RowErrors{{Row: line, Code: "row_cells", Value: fmt.Sprint(len(cells))}}
		default:
			rows = append(rows, tableRow{line, cells})
		}
	}
	for _, needed := range []string{"bin", "source"} {
		if _, ok := columns[needed]; !ok {
			return whole("heading_missing", needed)
		}
	}
	if len(rows) == 0 {
		return whole("table_empty", "")
	}
	return columns, rows, nil
}

// update carries one reading of a file.
type update struct {
	columns map[string]int
	readOn  string
	row     tableRow
	all     []Provider
	bad     RowErrors
}

func (u *update) has(column string) bool { _, ok := u.columns[column]; return ok }

func (u *update) cell(column string) string {
	i, ok := u.columns[column]
	if !ok {
		return ""
	}
	return norm.NFC.String(strings.TrimSpace(u.row.cells[i]))
}

func (u *update) refuse(column, code, value string) {
	if runes := []rune(value); len(runes) > 60 {
		value = string(runes[:60]) + "…"
	}
	u.bad = append(u.bad, RowError{u.row.number, column, code, value})
}

// provider takes one row; changed is false when the row says what was known, or is wrong.
func (u *update) provider(bin string) (c Change, changed bool) {
	before := len(u.bad)
	if len(bin) != 6 || !digits(bin) {
		u.refuse("bin", "bad_bin", bin)
		return c, false
	}
	at := slices.IndexFunc(u.all, func(p Provider) bool { return p.BIN == bin })
	var was Provider
	if at < 0 {
		was = Provider{BIN: bin, NumberRule: "account", NumberBasis: "format"}
		for _, needed := range []string{"code", "name", "kind"} {
			if u.cell(needed) == "" {
				u.refuse(needed, "cell_missing", "")
			}
		}
	} else {
		was = u.all[at]
	}
	p := was
	p.Names = slices.Clone(was.Names)
	u.text("name", &p.Name)
	u.text("full_name", &p.FullName)
	u.word("kind", &p.Kind, "bank", "wallet", "mobile_money", "other")
	u.flag("pays", &p.Pays)
	u.flag("looks_up", &p.LooksUp)
	u.word("number", &p.NumberRule, "account", "mobile")
	u.word("number_basis", &p.NumberBasis, "confirmed", "format", "unconfirmed")
	u.day("valid_from", &p.ValidFrom)
	u.day("valid_to", &p.ValidTo)
	if p.ValidTo != "" && p.ValidTo <= p.ValidFrom {
		u.refuse("valid_to", "ends_before_start", p.ValidTo)
	}
	if p.ReadOn = u.readOn; u.has("read_on") {
		p.ReadOn = ""
		u.day("read_on", &p.ReadOn)
	}
	if p.ReadOn == "" {
		u.refuse("read_on", "cell_missing", "")
	}
	p.Source = ""
	u.text("source", &p.Source)
	if p.Source == "" {
		u.refuse("source", "cell_missing", "")
	}
	if u.has("second_of") {
		p.SecondOf = u.cell("second_of")
		if p.SecondOf != "" && (len(p.SecondOf) != 6 || !digits(p.SecondOf) || p.SecondOf == bin) {
			u.refuse("second_of", "bad_bin", p.SecondOf)
		}
	}
	names := strings.Split(u.cell("names"), ";")
	code := u.cell("code")
	switch {
	case at >= 0:
		names = append(names, code, was.Name, was.FullName)
	case code != "":
		p.Code = strings.ToLower(code)
		if !codeForm(p.Code) {
			u.refuse("code", "bad_code", code)
		}
		if slices.ContainsFunc(u.all, func(q Provider) bool { return squeeze(q.Code) == squeeze(p.Code) }) {
			u.refuse("code", "name_taken", code)
		}
	}
	p.addNames(names)
	for _, name := range p.Names {
		if utf8.RuneCountInString(name) > cellRunes || control(name) >= 0 {
			u.refuse("names", "bad_text", name)
		}
	}
	if len(u.bad) > before {
		return c, false
	}
	c = Change{Provider: p, New: at < 0, Fields: differences(was, p)}
	if at < 0 {
		u.all = append(u.all, p)
		return c, true
	}
	u.all[at] = p
	return c, len(c.Fields) > 0
}

// addNames adds what is not yet said by the code or another name.
func (p *Provider) addNames(names []string) {
	for _, name := range names {
		name = strings.TrimSpace(name)
		said := func(other string) bool { return Search(other) == Search(name) }
		if Search(name) == "" || said(p.Name) || said(p.FullName) || squeeze(name) == squeeze(p.Code) || slices.ContainsFunc(p.Names, said) {
			continue
		}
		p.Names = append(p.Names, name)
	}
}

func (u *update) text(column string, to *string) {
	if !u.has(column) {
		return
	}
	value := strings.Join(strings.Fields(u.cell(column)), " ")
	if utf8.RuneCountInString(value) > cellRunes || control(value) >= 0 {
		u.refuse(column, "bad_text", value)
		return
	}
	if value != "" { // an empty cell says nothing
		*to = value
	}
}

func (u *update) word(column string, to *string, words ...string) {
	value := u.cell(column)
	switch {
	case value == "":
	case slices.Contains(words, value):
		*to = value
	default:
		u.refuse(column, "bad_word", value)
	}
}

func (u *update) flag(column string, to *bool) {
	switch value := u.cell(column); value {
	case "":
	case "0", "1":
		*to = value == "1"
	default:
		u.refuse(column, "bad_flag", value)
	}
}

// day takes a date; an empty cell in a column that is there says that there is none.
func (u *update) day(column string, to *string) {
	if !u.has(column) {
		return
	}
	*to = u.cell(column)
	if _, err := time.Parse(time.DateOnly, *to); *to != "" && err != nil {
		u.refuse(column, "bad_day", *to)
	}
}

// codeForm is what URLs, files and columns take: a letter or digit, then also _ and -.
func codeForm(code string) bool {
	return code != "" && len(code) <= 32 && !strings.ContainsAny(code[:1], "_-") && only(code, func(c byte) bool {
		return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '-'
	})
}

// differences are the columns in which b says another thing than a.
func differences(a, b Provider) []string {
	var names []string
	for _, field := range []struct {
		name string
		same bool
	}{
		{"code", a.Code == b.Code}, {"name", a.Name == b.Name}, {"full_name", a.FullName == b.FullName}, {"kind", a.Kind == b.Kind},
		{"pays", a.Pays == b.Pays}, {"looks_up", a.LooksUp == b.LooksUp}, {"number", a.NumberRule == b.NumberRule},
		{"number_basis", a.NumberBasis == b.NumberBasis}, {"second_of", a.SecondOf == b.SecondOf}, {"valid_from", a.ValidFrom == b.ValidFrom},
		{"valid_to", a.ValidTo == b.ValidTo}, {"read_on", a.ReadOn == b.ReadOn}, {"source", a.Source == b.Source},
		{"names", slices.Equal(a.Names, b.Names)},
	} {
		if !field.same {
			names = append(names, field.name)
		}
	}
	return names
}

// collisions refuses what would make a text that names a provider today name another one, or nobody: a name in a ledger would
// then lead to another bank. rows are the file's rows by BIN.
func (u *update) collisions(old, next *Directory, rows map[string]int) {
	for key, i := range old.byKey {
		if i == nobody {
			continue
		}
		was := old.all[i]
		if now, ok := next.byKey[key]; ok && now != nobody && next.all[now].BIN == was.BIN {
			continue
		}
		row := rows[was.BIN] // its names were taken from it, unless a row gives them to another
		for _, p := range next.all {
			if at, ours := rows[p.BIN]; ours && p.BIN != was.BIN && (slices.Contains(p.keys(), key) || squeeze(p.Code) == key || p.BIN == key) {
				row = at
			}
		}
		u.bad = append(u.bad, RowError{row, "names", "name_taken", key + ": " + was.Name})
	}
}
