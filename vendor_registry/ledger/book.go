package ledger

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Page is a sheet of a workbook of figures. A cell is a string, an int, a float64, a Part, or nil for none.
type Page struct {
	Name   string
	Widths []float64 // of the columns, in characters
	Rows   [][]any
	Bold   []int // rows that are headings, from 0
}

// Part is a share: 0.55 is shown as 55.0 %.
type Part float64

// The styles of a workbook of figures, by their number in styles.xml.
const (
	styleText = iota + 1
	styleHead
	styleNumber
	stylePart
	styleTenths
)

const figureStyles = `<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts count="2"><numFmt numFmtId="164" formatCode="0.0%"/><numFmt numFmtId="165" formatCode="0.0"/></numFmts><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="6"><xf/><xf numFmtId="49" applyNumberFormat="1" applyAlignment="1"><alignment vertical="top" wrapText="1"/></xf><xf numFmtId="49" fontId="1" applyNumberFormat="1" applyFont="1" applyAlignment="1"><alignment vertical="top" wrapText="1"/></xf><xf numFmtId="3" applyNumberFormat="1" applyAlignment="1"><alignment vertical="top"/></xf><xf numFmtId="164" applyNumberFormat="1" applyAlignment="1"><alignment vertical="top"/></xf><xf numFmtId="165" applyNumberFormat="1" applyAlignment="1"><alignment vertical="top"/></xf></cellXfs></styleSheet>`

// WriteBook writes a workbook of figures: numbers are numbers there, and words are text that no spreadsheet runs. The same pages give the
// same bytes. The names of the pages differ in their first 31 characters.
func WriteBook(w io.Writer, pages []Page) error {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestSpeed) })
	var types, sheets, rels strings.Builder
	for i, p := range pages {
		n := strconv.Itoa(i + 1)
		types.WriteString(`<Override PartName="/xl/worksheets/sheet` + n + `.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>`)
		sheets.WriteString(`<sheet name="` + inXML(sheetName(p.Name)) + `" sheetId="` + n + `" r:id="rId` + n + `"/>`)
		rels.WriteString(`<Relationship Id="rId` + n + `" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet` + n + `.xml"/>`)
	}
	last := strconv.Itoa(len(pages) + 1)
	for _, part := range [][2]string{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>` +
			types.String() + `<Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>`},
		workbookParts[1],
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` + rels.String() +
			`<Relationship Id="rId` + last + `" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>`},
		{"xl/styles.xml", figureStyles},
		{"xl/workbook.xml", `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>` + sheets.String() + `</sheets></workbook>`},
	} {
		out, err := z.Create(part[0])
		if err == nil {
			_, err = io.WriteString(out, xmlHead+part[1])
		}
		if err != nil {
			return err
		}
	}
	for i, p := range pages {
		out, err := z.Create("xl/worksheets/sheet" + strconv.Itoa(i+1) + ".xml")
		if err != nil {
			return err
		}
		if err := p.write(out); err != nil {
			return err
		}
	}
	return z.Close()
}

func (p Page) write(out io.Writer) error {
	w := bufio.NewWriter(out)
	_, _ = w.WriteString(xmlHead + `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">`) // a bufio.Writer keeps its first error to the end
	if len(p.Widths) > 0 {
		_, _ = w.WriteString(`<cols>`)
		for i, width := range p.Widths {
			_, _ = fmt.Fprintf(w, `<col min="%d" max="%d" width="%g" customWidth="1"/>`, i+1, i+1, width)
		}
		_, _ = w.WriteString(`</cols>`)
	}
	_, _ = w.WriteString(`<sheetData>`)
	bold := map[int]bool{}
	for _, n := range p.Bold {
		bold[n] = true
	}
	for n, row := range p.Rows {
		number := strconv.Itoa(n + 1)
		_, _ = w.WriteString(`<row r="` + number + `">`)
		for i, cell := range row {
			at := letters(i) + number
			switch v := cell.(type) {
			case nil:
			case int:
				_, _ = fmt.Fprintf(w, `<c r="%s" s="%d"><v>%d</v></c>`, at, styleNumber, v)
			case float64:
				_, _ = fmt.Fprintf(w, `<c r="%s" s="%d"><v>%s</v></c>`, at, styleTenths, strconv.FormatFloat(v, 'f', -1, 64))
			case Part:
				_, _ = fmt.Fprintf(w, `<c r="%s" s="%d"><v>%s</v></c>`, at, stylePart, strconv.FormatFloat(float64(v), 'f', -1, 64))
			case string:
				style := styleText
				if bold[n] {
					style = styleHead
				}
				_, _ = fmt.Fprintf(w, `<c r="%s" s="%d" t="inlineStr"><is><t xml:space="preserve">`, at, style)
				_ = xml.EscapeText(w, []byte(literally(v)))
				_, _ = w.WriteString(`</t></is></c>`)
			default:
				return fmt.Errorf("ledger: a cell of %T", v)
			}
		}
		_, _ = w.WriteString(`</row>`)
	}
	_, _ = w.WriteString(`</sheetData></worksheet>`)
	return w.Flush()
}
