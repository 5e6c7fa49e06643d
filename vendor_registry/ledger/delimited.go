package ledger

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"cho40/internal/fault"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// separators are those that spreadsheets write in text files.
const separators = ";,\t"

// readDelimited reads a text file. Encoding and separator are those with which the headings make sense.
func readDelimited(m *meter, data []byte, as Mapping) (*Table, error) {
	text, old, err := decode(data)
	if err != nil {
		return nil, err
	}
	best, score, wide := byte(0), 0, 0
	var over error
	within, by := false, byte(0)
	for _, sep := range []byte(separators) {
		top, err := parse(m, text, sep, headingRows+1)
		within = within || err == nil
		over = err
		h, near := findHeading(top, as, nil)
		if h != nil && (best == 0 || h.score > score) {
			best, score = sep, h.score
		}
		if n := 1000*near.score + cells(top); err == nil && n > wide { // what a person may be asked about
			by, wide = sep, n
		}
	}
	if best != 0 {
		lines, err := parse(m, text, best, 0)
		return &Table{lines: lines}, err
	}
	if !within {
		return nil, over
	}
	if old { // in an old font each byte is a letter of its own
		text, _ = charmap.Windows1252.NewDecoder().String(string(data))
	}
	for _, sep := range []byte(separators) {
		top, _ := parse(m, text, sep, headingRows+1)
		if font := headingFont(top, as); font != "" {
			return nil, oldFontFault(font)
		}
	}
	if strings.Count(text, "á»") > 1 || strings.Count(text, "Æ°") > 1 { // UTF-8 that was taken for Windows-1252
		return nil, encodingFault()
	}
	if by == 0 {
		return nil, noHeading(heading{})
	}
	lines, err := parse(m, text, by, 0)
	return &Table{lines: lines}, err
}

// cells counts the filled cells in rows that have more than one.
func cells(lines []line) (n int) {
	for _, l := range lines {
		if len(l.cells) > 1 {
			n += len(l.cells)
		}
	}
	return n
}

// headingFont names the old font in which the headings make sense.
func headingFont(lines []line, as Mapping) string {
	for font, read := range map[string]func(string) string{tcvn3: unTCVN3, vni: unVNI} {
		if h, _ := findHeading(lines, as, read); h != nil {
			return font
		}
	}
	return ""
}

func encodingFault() error {
	return fault.New(fault.Unsupported, "ledger-encoding", "The letters of the file cannot be read. In Excel choose Save As, CSV UTF-8, or Excel Workbook (.xlsx), and send that file.")
}

// decode makes UTF-8 of UTF-8, UTF-16 and Windows-1258; old reports an eight-bit file.
func decode(data []byte) (text string, old bool, err error) {
	marked := bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff"))
	switch {
	case !marked && utf8.Valid(data) && bytes.IndexByte(data, 0) < 0:
		text = strings.TrimLeft(string(data), "\ufeff")
	case marked, wide16(data, 1):
		text, err = decodeWith(data, unicode.BOMOverride(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder()))
	case wide16(data, 0):
		text, err = decodeWith(data, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder())
	default:
		old = true
		text, err = decodeWith(data, charmap.Windows1258.NewDecoder())
	}
	if err != nil {
		return "", old, encodingFault()
	}
	// A text has lines, not control signs; a stray one is told in its row.
	control := 0
	for _, r := range text[:min(len(text), 64<<10)] {
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			control++
		}
	}
	if control > 8 && control > min(len(text), 64<<10)/100 || old && bytes.IndexByte(data, 0) >= 0 {
		return "", old, unsupported()
	}
	return text, old, nil
}

func decodeWith(data []byte, t transform.Transformer) (string, error) {
	out, _, err := transform.Bytes(t, data)
	return string(out), err
}

// wide16 reports UTF-16 without its mark: most of the bytes at the even (0) or odd (1) places of the beginning are zero.
func wide16(data []byte, at int) bool {
	head := data[:min(len(data), 400)&^1]
	zero := [2]int{}
	for i, b := range head {
		if b == 0 {
			zero[i&1]++
		}
	}
	return len(head) > 3 && zero[at]*5 > len(head) && zero[at] > 4*zero[1-at] // U+0300, a tone by itself, ends in a zero too
}

// parse splits a text into lines of cells, at most most of them (0: all), or until a limit, as spreadsheets do: a quoted cell may hold
// separators, line breaks and doubled quotes; a quote elsewhere is a letter. encoding/csv does not fit: it skips blank
// lines, and a report must count rows as the spreadsheet does.
func parse(m *meter, text string, sep byte, most int) ([]line, error) {
	var lines []line
	if rest, ok := strings.CutPrefix(text, "sep="); ok && len(rest) > 1 { // a hint for Excel, and no row
		_, text, _ = strings.Cut(rest, "\n")
	}
	for row := 1; text != ""; row++ {
		if err := m.row(row); err != nil {
			return lines, err
		}
		if most > 0 && row > most {
			return lines, nil
		}
		l := line{row: row}
		for column := 0; ; column++ {
			value, quoted, rest := field(text, sep, m.Cell)
			over := value
			if !quoted {
				value = strings.Trim(value, " \t\u00a0")
			}
			if value != "" {
				if err := m.cell(row, column, over); err != nil {
					return lines, err
				}
				for len(l.cells) < column {
					l.cells = append(l.cells, cell{})
				}
				l.cells = append(l.cells, cell{text: value, kind: words})
			}
			if text = rest; text == "" || text[0] != sep {
				break
			}
			text = text[1:]
		}
		text = strings.TrimPrefix(text, "\r")
		text = strings.TrimPrefix(text, "\n")
		if len(l.cells) > 0 {
			lines = append(lines, l)
		}
	}
	return lines, nil
}

// field takes one cell off the front of a text; rest begins with what ended it. An unclosed quote swallows the text, but
// no more of it than shows that the cell is too long.
func field(text string, sep byte, most int) (value string, quoted bool, rest string) {
	if !strings.HasPrefix(text, `"`) {
		end := len(text)
		for i := 0; i < len(text); i++ {
			if c := text[i]; c == sep || c == '\n' || c == '\r' {
				end = i
				break
			}
		}
		return text[:end], false, text[end:]
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != '"':
			b.WriteByte(text[i])
		case i+1 < len(text) && text[i+1] == '"':
			b.WriteByte('"')
			i++
		default:
			tail, _, rest := field(strings.TrimLeft(text[i+1:], `"`), sep, most)
			return b.String() + tail, true, rest
		}
		if b.Len() > 4*most+4 {
			return b.String(), true, ""
		}
	}
	return b.String(), true, ""
}
