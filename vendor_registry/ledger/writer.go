package ledger

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"encoding/csv"
	"encoding/xml"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Writer writes a table row by row, so that no more of it than a row is in memory. What was written is a file only once Close
// has returned nil.
type Writer interface {
	Row(cells []string) error
	Close() error
}

// signs begin what a spreadsheet would take for a formula, and are the signs that look like them.
const signs = "=+-@|%＝＋－＠｜％﹦﹢﹣﹫﹪"

// Harmless keeps a spreadsheet from running a cell of a text file: one that begins, after blanks, with a sign of a formula, a
// tab or a line break gets an apostrophe before it (SECURITY section 10). So does one that begins with an apostrophe, so that
// it is plain which one to take away again.
func Harmless(cell string) string {
	for _, r := range cell {
		switch {
		case r == '\t' || r == '\r' || r == '\n' || r == '\'' || strings.ContainsRune(signs, r):
			return "'" + cell
		case !unicode.IsSpace(r) && !hidden(r):
			return cell
		}
	}
	return cell
}

// unharmed takes the apostrophe away that Harmless put before a cell.
func unharmed(cell string) string {
	if rest, ok := strings.CutPrefix(cell, "'"); ok && Harmless(rest) == cell {
		return rest
	}
	return cell
}

type csvWriter struct {
	*csv.Writer
	safe []string
}

// NewCSV begins a text file of comma-separated values, RFC 4180: UTF-8 with its mark, by which Excel knows it, every cell harmless.
func NewCSV(w io.Writer) (Writer, error) {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	_, err := io.WriteString(w, "\ufeff")
	return &csvWriter{Writer: out}, err
}

// Row writes a row.
func (w *csvWriter) Row(cells []string) error {
	w.safe = w.safe[:0]
	for _, c := range cells {
		w.safe = append(w.safe, Harmless(c))
	}
	return w.Write(w.safe)
}

// Close ends the file.
func (w *csvWriter) Close() error {
	w.Flush()
	return w.Error()
}

type xlsxWriter struct {
	zip   *zip.Writer
	sheet *bufio.Writer
	rows  int
}

// The parts of a workbook that never change. Every cell is a string in the format Text, so that what a person types there later
// keeps its zeros; the headings are bold and stay in sight.
var workbookParts = [][2]string{
	{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>`},
	{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
	{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>`},
	{"xl/styles.xml", `<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf/><xf numFmtId="49" applyNumberFormat="1"/><xf numFmtId="49" fontId="1" applyNumberFormat="1" applyFont="1"/></cellXfs></styleSheet>`},
}

const xmlHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"

// columnWidths are how wide the columns stand at first, in characters.
const columnWidths = 18

// NewXLSX begins a workbook of one sheet. It goes to w as it grows; without its last bytes it cannot be opened.
func NewXLSX(w io.Writer, sheet string) (Writer, error) {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestSpeed) })
	parts := append(workbookParts, [2]string{"xl/workbook.xml", `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="` +
		inXML(sheetName(sheet)) + `" sheetId="1" r:id="rId1"/></sheets></workbook>`})
	for _, p := range parts {
		part, err := z.Create(p[0])
		if err == nil {
			_, err = io.WriteString(part, xmlHead+p[1])
		}
		if err != nil {
			return nil, err
		}
	}
	part, err := z.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		return nil, err
	}
	x := &xlsxWriter{zip: z, sheet: bufio.NewWriterSize(part, 32<<10)}
	_, err = x.sheet.WriteString(xmlHead + `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols><col min="1" max="` +
		strconv.Itoa(DefaultLimits.Columns) + `" width="` + strconv.Itoa(columnWidths) + `" style="1" customWidth="1"/></cols><sheetData>`)
	return x, err
}

// sheetName is a name that a sheet may have: 31 characters at most, some signs not among them.
func sheetName(s string) string {
	s = strings.Trim(strings.NewReplacer("[", "", "]", "", ":", "", "*", "", "?", "", "/", "", `\`, "").Replace(s), "' ")
	for utf8.RuneCountInString(s) > 31 {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	if s == "" {
		return "1"
	}
	return s
}

// Row writes a row; the first one is the headings. An empty cell is left out.
func (x *xlsxWriter) Row(cells []string) error {
	x.rows++
	style := "1"
	if x.rows == 1 {
		style = "2"
	}
	w, row := x.sheet, strconv.Itoa(x.rows)
	_, _ = w.WriteString(`<row r="` + row + `">`) // a bufio.Writer keeps its first error to the end
	for i, s := range cells {
		if s == "" {
			continue
		}
		_, _ = w.WriteString(`<c r="` + letters(i) + row + `" s="` + style + `" t="inlineStr"><is><t xml:space="preserve">`)
		_ = xml.EscapeText(w, []byte(literally(s)))
		_, _ = w.WriteString(`</t></is></c>`)
	}
	_, err := w.WriteString(`</row>`)
	return err
}

// Close ends the workbook.
func (x *xlsxWriter) Close() error {
	_, _ = x.sheet.WriteString(`</sheetData></worksheet>`)
	if err := x.sheet.Flush(); err != nil {
		return err
	}
	return x.zip.Close()
}

// hexDigits follow the _ by which a workbook writes a character by its number, _x0041_; a text that holds these letters does not mean that.
var hexDigits = regexp.MustCompile(`^x[0-9A-Fa-f]{4}_`)

func literally(s string) string {
	for at := len(s) - 1; at >= 0; at-- { // from the end, so that what is put in is not looked at again
		if s[at] == '_' && hexDigits.MatchString(s[at+1:]) {
			s = s[:at+1] + "x005F_" + s[at+1:]
		}
	}
	return s
}

func inXML(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes everything
	return b.String()
}
