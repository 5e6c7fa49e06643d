package ledger

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"

	"cho40/internal/fault"
)

// A workbook is read here and not through excelize: its row reader gives every cell as a string, and whether an account
// was typed as text, kept as a number or calculated is just what decides if it may be taken. Asking for a cell's type
// there loads the whole sheet, which a file of 2 KB can make larger than memory. Nothing but the sheets, their strings
// and formats is unpacked.

// maxParts is the most files within a workbook; a ledger has a dozen.
const maxParts = 5_000

type book struct {
	m       *meter
	parts   map[string]*zip.File // by lower-case path
	strings []string
	styles  []format
}

// format is what a cell's style says about a number in it.
type format struct {
	date bool
	zero int    // shown with at least so many digits
	lead string // and this in front: "A-"00
}

// sheetRef is one sheet as the workbook lists it.
type sheetRef struct {
	name, part string
	hidden     bool
}

// readWorkbook reads the first visible sheet that has the headings of a ledger.
func readWorkbook(m *meter, data []byte, as Mapping) (*Table, error) {
	b, err := unpack(m, data)
	if err != nil {
		return nil, err
	}
	sheets, err := b.sheets()
	if err != nil {
		return nil, err
	}
	var found *Table
	var notes []fault.Field
	var asked *sheetRef // the sheet about which a person may be asked: the one nearest to a ledger
	near, blank, font := heading{}, true, ""
	for _, s := range sheets {
		switch {
		case s.hidden:
			notes = append(notes, fault.Field{Code: "sheet-hidden", Value: shown(s.name), Detail: fault.Say("The sheet “%s” is hidden and was not read.", shown(s.name))})
		case found != nil:
			notes = append(notes, fault.Field{Code: "sheet-unread", Value: shown(s.name), Detail: fault.Say("Only the first ledger in the file was read; the sheet “%s” was not.", shown(s.name))})
		default:
			t := &Table{sheet: shown(s.name)}
			known := false
			err := b.sheet(s.part, t, func(top []line) bool {
				blank = blank && len(top) == 0
				h, n := findHeading(top, as, nil)
				if n.score > near.score || asked == nil && len(top) > 0 {
					near, asked = n, &s
				}
				if h == nil && font == "" {
					font = headingFont(top, as)
				}
				known = h != nil
				return known
			})
			if err != nil {
				return nil, err
			}
			if known {
				found = t
			}
		}
	}
	switch {
	case found != nil:
		found.notes = append(notes, found.notes...)
		return found, nil
	case blank && len(notes) == 0:
		return nil, empty()
	case font != "":
		return nil, oldFontFault(font)
	case asked == nil:
		return nil, noHeading(near).With(notes...)
	}
	t := &Table{sheet: shown(asked.name)}
	if err := b.sheet(asked.part, t, func([]line) bool { return true }); err != nil {
		return nil, err
	}
	t.notes = append(notes, t.notes...)
	return t, nil
}

func damaged(cause error) error {
	return fault.New(fault.Invalid, "ledger-damaged", "The file is damaged or was cut short. Open it in Excel, save it, and send it again.").Because(cause)
}

// unpack looks over the parts of a workbook and refuses what a ledger has no need of.
func unpack(m *meter, data []byte) (*book, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, damaged(err)
	}
	b := &book{m: m, parts: map[string]*zip.File{}}
	var claimed uint64
	for _, f := range z.File {
		name := strings.ToLower(strings.TrimPrefix(strings.ReplaceAll(f.Name, `\`, "/"), "/"))
		if claimed += f.UncompressedSize64; claimed > uint64(m.Unpacked) || f.UncompressedSize64 > uint64(m.Unpacked) {
			return nil, (&meter{ctx: m.ctx, Limits: m.Limits, unpacked: m.Unpacked}).pack(1)
		}
		switch {
		case f.Flags&1 != 0:
			return nil, fault.New(fault.Unsupported, "ledger-encrypted", "The file is locked with a password. Take the password off in Excel, save it, and send it again.")
		case strings.HasSuffix(name, "vbaproject.bin"), strings.HasPrefix(name, "xl/macrosheets/"), strings.HasSuffix(name, "xl/workbook.bin"):
			return nil, macros()
		case strings.HasPrefix(name, "xl/externallinks/"), name == "xl/connections.xml", strings.HasPrefix(name, "xl/querytables/"), strings.HasPrefix(name, "xl/model/"):
			return nil, external()
		case b.parts[name] != nil, len(b.parts) == maxParts:
			return nil, damaged(errors.New("a part twice, or too many parts"))
		}
		b.parts[name] = f
	}
	if b.parts["[content_types].xml"] == nil {
		return nil, unsupported()
	}
	for name := range b.parts {
		if !strings.HasSuffix(name, ".rels") {
			continue
		}
		rels, err := b.relations(name)
		if err != nil {
			return nil, err
		}
		for _, r := range rels {
			if r.external && r.kind != "hyperlink" { // a link to click is no link to data
				return nil, external()
			}
		}
	}
	return b, b.each("[content_types].xml", func(e xml.StartElement) error {
		if strings.Contains(strings.ToLower(attr(e, "ContentType")), "macroenabled") {
			return macros()
		}
		return nil
	})
}

func external() error {
	return fault.New(fault.Unsupported, "ledger-external-links", "The file takes data from other files. Copy the ledger into a new file, pasting values only, and send that.")
}

// The decoder keeps every open element, and every attribute of one, in memory; a part must not make it keep many.
const (
	deepest = 64        // elements within each other; a sheet has eight
	longest = 256 << 10 // bytes from one "<" to the next: a tag and the text behind it
)

// metered counts what is unpacked while it is read: a part may be larger than the archive claims.
type metered struct {
	io.Reader
	m   *meter
	run int // bytes since the last "<"
}

func (r *metered) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if over := r.m.pack(int64(n)); over != nil {
		return n, over
	}
	for at := 0; ; {
		i := bytes.IndexByte(p[at:n], '<')
		if i < 0 {
			r.run += n - at
			break
		}
		if r.run += i; r.run > longest {
			break
		}
		r.run, at = 0, at+i+1
	}
	if r.run > longest {
		return n, errors.New("a tag or text without end")
	}
	return n, err
}

// tokens calls do for each token of a part; a part that is missing has none. DTDs, and with them entities, are refused.
func (b *book) tokens(part string, do func(xml.Token) error) error {
	f := b.parts[strings.ToLower(part)]
	if f == nil {
		return nil
	}
	r, err := f.Open()
	if err != nil {
		return damaged(err)
	}
	defer r.Close()
	d := xml.NewDecoder(&metered{Reader: r, m: b.m})
	for depth, elements := 0, 0; ; {
		t, err := d.RawToken() // namespaces and names of closing tags say nothing here, and cost a third of the time
		switch _, known := fault.As(err); {
		case err == io.EOF && depth == 0:
			return nil
		case known, errors.Is(err, b.m.ctx.Err()) && err != nil:
			return err
		case err != nil:
			return damaged(err)
		}
		switch t.(type) {
		case xml.StartElement:
			depth++
			if elements++; depth > deepest || elements > 4*b.m.Rows*b.m.Columns { // a full sheet has three for each cell
				return damaged(errors.New("too many elements, or too deep"))
			}
		case xml.EndElement:
			depth--
		case xml.Directive:
			return fault.New(fault.Unsupported, "ledger-dtd", "The file holds a document type definition, which no spreadsheet writes. Open it in Excel, save it, and send it again.")
		}
		if err := do(t); err != nil {
			return err
		}
	}
}

func (b *book) each(part string, do func(xml.StartElement) error) error {
	return b.tokens(part, func(t xml.Token) error {
		if e, ok := t.(xml.StartElement); ok {
			return do(e)
		}
		return nil
	})
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && (a.Name.Space == "" || name == "id") {
			return a.Value
		}
	}
	return ""
}

func yes(s string) bool { return s == "1" || s == "true" }

type relation struct {
	id, kind, target string
	external         bool
}

// relations reads a .rels part; targets are made paths within the archive.
func (b *book) relations(part string) (list []relation, err error) {
	base := path.Dir(path.Dir(part))
	err = b.each(part, func(e xml.StartElement) error {
		if e.Name.Local != "Relationship" {
			return nil
		}
		r := relation{id: attr(e, "Id"), kind: path.Base(attr(e, "Type")), target: attr(e, "Target"), external: attr(e, "TargetMode") == "External"}
		if strings.HasPrefix(r.target, "/") {
			r.target = r.target[1:]
		} else {
			r.target = path.Join(base, r.target)
		}
		list = append(list, r)
		return nil
	})
	return list, err
}

// sheets lists the worksheets in their order and reads the strings and formats they share.
func (b *book) sheets() (list []sheetRef, err error) {
	main := "xl/workbook.xml"
	root, err := b.relations("_rels/.rels")
	if err != nil {
		return nil, err
	}
	for _, r := range root {
		if r.kind == "officeDocument" {
			main = r.target
		}
	}
	if b.parts[strings.ToLower(main)] == nil {
		return nil, unsupported()
	}
	rels, err := b.relations(path.Join(path.Dir(main), "_rels", path.Base(main)+".rels"))
	if err != nil {
		return nil, err
	}
	part := map[string]string{}
	for _, r := range rels {
		switch r.kind {
		case "worksheet":
			part[r.id] = r.target
		case "sharedStrings":
			err = b.readStrings(r.target)
		case "styles":
			err = b.readStyles(r.target)
		}
		if err != nil {
			return nil, err
		}
	}
	err = b.each(main, func(e xml.StartElement) error {
		if e.Name.Local != "sheet" {
			return nil
		}
		if p, ok := part[attr(e, "id")]; ok {
			state := attr(e, "state")
			list = append(list, sheetRef{attr(e, "name"), p, state == "hidden" || state == "veryHidden"})
		}
		return nil
	})
	return list, err
}

// readStrings reads the shared strings, leaving out phonetic hints.
func (b *book) readStrings(part string) error {
	var s strings.Builder
	inText, hint := false, 0
	return b.tokens(part, func(t xml.Token) error {
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "si":
				s.Reset()
			case "rPh":
				hint++
			case "t":
				inText = hint == 0
			}
		case xml.CharData:
			if inText {
				s.Write(t)
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "t":
				inText = false
			case "rPh":
				hint--
			case "si":
				if len(b.strings) == b.m.Rows*b.m.Columns {
					return fault.New(fault.TooLarge, "ledger-too-many-rows", "The sheet goes past row %v. Delete the empty rows at its end, or split it by section.", b.m.Rows)
				}
				b.strings = append(b.strings, escaped(s.String()))
			}
		}
		return nil
	})
}

var escape = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

// escaped undoes _x000D_, by which a workbook writes characters that XML cannot hold.
func escaped(s string) string {
	if !strings.Contains(s, "_x") {
		return s
	}
	return escape.ReplaceAllStringFunc(s, func(e string) string {
		n, _ := strconv.ParseUint(e[2:6], 16, 32)
		return string(rune(n))
	})
}

var (
	quotedFormat = regexp.MustCompile(`"[^"]*"|\\.|\[[^\]]*\]`)
	zeroFormat   = regexp.MustCompile(`^(?:"([^"]*)"|((?:\\.|[A-Za-z-])*))(0+)$`)
)

// readStyles notes which cell formats show a number as a date, or with zeros and letters in front.
func (b *book) readStyles(part string) error {
	codes := map[string]string{}
	inCells := false
	return b.tokens(part, func(t xml.Token) error {
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "numFmt":
				codes[attr(t, "numFmtId")] = attr(t, "formatCode")
			case "cellXfs":
				inCells = true
			case "xf":
				if inCells && len(b.styles) < 1<<16 {
					b.styles = append(b.styles, formatOf(attr(t, "numFmtId"), codes[attr(t, "numFmtId")]))
				}
			}
		case xml.EndElement:
			if t.Name.Local == "cellXfs" {
				inCells = false
			}
		}
		return nil
	})
}

func formatOf(id, code string) format {
	n, _ := strconv.Atoi(id)
	if code == "" {
		return format{date: n >= 14 && n <= 22 || n >= 27 && n <= 36 || n >= 45 && n <= 47 || n >= 50 && n <= 58}
	}
	if z := zeroFormat.FindStringSubmatch(code); z != nil {
		return format{zero: len(z[3]), lead: z[1] + strings.ReplaceAll(z[2], `\`, "")}
	}
	return format{date: strings.ContainsAny(quotedFormat.ReplaceAllString(strings.ToLower(code), ""), "dmyh")}
}
