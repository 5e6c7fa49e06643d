package web_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime/metrics"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// The parts of the smallest workbook, which each hostile one changes in one place.
const (
	hostileTypes = `<Types><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>`
	hostileRels  = `<Relationships><Relationship Id="r1" Type="http://x/officeDocument" Target="xl/workbook.xml"/></Relationships>`
	hostileBook  = `<workbook xmlns:r="http://x"><sheets><sheet name="Sổ" sheetId="1" r:id="r1"/></sheets></workbook>`
	hostileParts = `<Relationships><Relationship Id="r1" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="http://x/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="r3" Type="http://x/styles" Target="styles.xml"/></Relationships>`
	hostileSheet = "xl/worksheets/sheet1.xml"
)

func inline(ref, text string) string {
	return `<c r="` + ref + `" t="inlineStr"><is><t>` + text + `</t></is></c>`
}

// headings of a sheet in which A is the stall, B the vendor, C the phone, D an account at Viettel Money and E one at Vietcombank.
var hostileHead = `<row r="1">` + inline("A1", "Số sạp") + inline("B1", "Họ tên") + inline("C1", "SĐT") + inline("D1", "Viettel Money") + inline("E1", "Vietcombank") + `</row>`

func hostileRow(cells string) string {
	return `<worksheet><sheetData>` + hostileHead + `<row r="2">` + cells + `</row></sheetData></worksheet>`
}

// workbookOf is the smallest workbook, with parts put in the place of its own or beside them.
func workbookOf(parts ...string) []byte {
	own := []string{"[Content_Types].xml", hostileTypes, "_rels/.rels", hostileRels, "xl/workbook.xml", hostileBook, "xl/_rels/workbook.xml.rels", hostileParts,
		hostileSheet, hostileRow(inline("A2", "A1") + inline("B2", "Lý Tâm"))}
	for i := 0; i < len(parts); i += 2 {
		put := false
		for j := 0; j < len(own); j += 2 {
			if own[j] == parts[i] {
				own[j+1], put = parts[i+1], true
			}
		}
		if !put {
			own = append(own, parts[i], parts[i+1])
		}
	}
	return archive(own...)
}

func archive(parts ...string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		w, err := z.Create(parts[i])
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(w, parts[i+1])
	}
	_ = z.Close()
	return b.Bytes()
}

// rawArchive has one more part, whose headers say what they like.
func rawArchive(h zip.FileHeader, data []byte, parts ...string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		w, _ := z.Create(parts[i])
		_, _ = io.WriteString(w, parts[i+1])
	}
	w, err := z.CreateRaw(&h)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(data)
	_ = z.Close()
	return b.Bytes()
}

func packed(s string, times int) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9)
	for range times {
		_, _ = io.WriteString(w, s)
	}
	_ = w.Close()
	return b.Bytes()
}

func wide(s string, order binary.AppendByteOrder, mark bool) []byte {
	var b []byte
	units := utf16.Encode([]rune(s))
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	for _, u := range units {
		b = order.AppendUint16(b, u)
	}
	return b
}

// hostile is a file that means harm, or is broken in one place, and what the service makes of it: a fault's code, or how many
// rows are good and which faults and warnings the others have.
type hostile struct {
	name, file string
	data       []byte
	want       string
}

func hostileFiles() []hostile {
	const csv = "Số sạp;Họ tên;SĐT;Viettel Money;Vietcombank\n"
	sheet := func(s string) []byte { return workbookOf(hostileSheet, s) }
	row := func(cells string) []byte { return sheet(hostileRow(inline("A2", "A1") + cells)) }
	line := func(s string) []byte { return []byte(csv + s) }
	good := workbookOf()
	plainParts := []string{"[Content_Types].xml", hostileTypes, "_rels/.rels", hostileRels, "xl/workbook.xml", hostileBook, "xl/_rels/workbook.xml.rels", hostileParts}
	body := hostileRow(inline("A2", "A1") + inline("B2", "Lý Tâm"))
	central := bytes.Clone(good) // the directory at its end names another place
	if at := bytes.LastIndex(central, []byte("PK\x05\x06")); at > 0 {
		binary.LittleEndian.PutUint32(central[at+16:], 7)
	}
	counted := bytes.Clone(good) // and more parts than there are
	if at := bytes.LastIndex(counted, []byte("PK\x05\x06")); at > 0 {
		binary.LittleEndian.PutUint16(counted[at+10:], 60_000)
	}
	laughs := `<!DOCTYPE lolz [<!ENTITY a "ha">` + func() (s string) {
		for c := 'b'; c < 'k'; c++ {
			s += fmt.Sprintf(`<!ENTITY %c "%s">`, c, strings.Repeat(fmt.Sprintf("&%c;", c-1), 10))
		}
		return s
	}() + `]>`
	many := make([]string, 0, 12_000)
	many = append(many, plainParts...)
	for i := range 5_100 {
		many = append(many, fmt.Sprintf("xl/media/%d.png", i), "")
	}
	junk := make([]byte, 20_000)
	r := rand.New(rand.NewPCG(7, 7))
	for i := range junk {
		junk[i] = byte(r.Uint32())
	}
	elements := packed(strings.Repeat("<c/>", 1<<18), 8)
	bomb := packed(strings.Repeat("\x00", 1<<20), 100)
	ole := func(s string) []byte {
		return append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"+strings.Repeat("\x00", 504)), wide(s, binary.LittleEndian, false)...)
	}
	styles := func(format string) string {
		return `<styleSheet><numFmts><numFmt numFmtId="170" formatCode="` + format + `"/></numFmts><cellXfs><xf/><xf numFmtId="170"/><xf numFmtId="14"/><xf numFmtId="9"/></cellXfs></styleSheet>`
	}
	styled := func(format, cells string) []byte {
		return workbookOf("xl/styles.xml", styles(format), hostileSheet, hostileRow(inline("A2", "A1")+inline("B2", "Lý Tâm")+cells))
	}
	return []hostile{
		// Cells that run, lie or cannot be seen.
		{"a formula for a name", "a.xlsx", row(`<c r="B2"><f>HYPERLINK("http://x","y")</f><v>1</v></c>`), "0 good, formula-cell"},
		{"a formula for an account", "a.xlsx", row(inline("B2", "Lý Tâm") + `<c r="D2" t="str"><f>"09"&amp;12345678</f><v>0912345678</v></c>`), "0 good, formula-cell"},
		{"a shared formula", "a.xlsx", row(inline("B2", "Lý Tâm") + `<c r="C2"><f t="shared" ref="C2:C9999" si="0"/><v>912345678</v></c>`), "0 good, formula-cell"},
		{"an array formula", "a.xlsx", row(inline("B2", "Lý Tâm") + `<c r="D2"><f t="array" ref="A1:XFD1048576">1</f></c>`), "0 good, formula-cell"},
		{"a command for a name", "a.csv", line("1;@SUM(1+1)*cmd|' /C calc'!A0;;;"), "0 good, formula-cell"},
		{"a formula behind blanks", "a.csv", line("1;   =1+1;;;"), "0 good, formula-cell"},
		{"a formula in full width", "a.csv", line("1;＝1+1;;;"), "0 good, formula-cell"},
		{"a formula for a stall", "a.csv", line("=A1;Lý Tâm;;;"), "0 good, formula-cell"},
		{"an error for a name", "a.xlsx", row(`<c r="B2" t="e"><v>#REF!</v></c>`), "0 good, error-cell"},
		{"true for an account", "a.xlsx", row(inline("B2", "Lý Tâm") + `<c r="D2" t="b"><v>1</v></c>`), "0 good, boolean-cell"},
		{"the direction turned", "a.csv", line("1;Lý \u202eTâm;;;"), "0 good, bad-character"},
		{"nothing of no width", "a.csv", line("1;Lý\u200bTâm;;;"), "0 good, bad-character"},
		{"a joiner in a stall's code", "a.csv", line("A\u20601;Lý Tâm;;;"), "0 good, bad-character"},
		{"tags", "a.csv", line("1;Lý \U000e0041Tâm;;;"), "0 good, bad-character"},
		{"a control sign", "a.csv", line("1;Lý\x1b[2J Tâm;;;"), "0 good, bad-character"},
		{"a NUL in text", "a.csv", line("1;Lý\x00 Tâm;;;"), "ledger-unsupported"},
		{"a NUL by escape", "a.xlsx", row(inline("B2", "Lý_x0000_ Tâm")), "0 good, bad-character"},
		{"a thousand marks on one letter", "a.csv", line("1;A" + strings.Repeat("\u0301", 900) + ";;;"), "0 good, bad-character"},
		{"half a pair", "a.xlsx", row(inline("B2", "Lý _xD83D_ Tâm")), "0 good, bad-character"},
		{"letters that look alike", "a.csv", line("1;Lý Tâm;О912345678;;"), "0 good, phone-bad"},
		// Numbers that are not what they were.
		{"an account with an exponent", "a.csv", line("1;Lý Tâm;;;9,7E+11"), "0 good, account-exponent"},
		{"an account as a number", "a.xlsx", row(inline("B2", "Lý Tâm") + `<c r="E2"><v>71000123456</v></c>`), "0 good, account-number-cell"},
		{"an account of 19 digits as a number", "a.xlsx", row(inline("B2", "Lý Tâm") + `<c r="E2"><v>1234567890123456789</v></c>`), "0 good, account-number-cell"},
		{"an account that is 1E308", "a.xlsx", row(inline("B2", "Lý Tâm") + `<c r="E2"><v>1E308</v></c>`), "0 good, account-number-cell"},
		{"an account below nothing", "a.xlsx", row(inline("B2", "Lý Tâm") + `<c r="E2"><v>-71000123456</v></c>`), "0 good, account-number-cell"},
		{"no number at all", "a.xlsx", row(inline("B2", "Lý Tâm") + `<c r="E2"><v>NaN</v></c>`), "0 good, account-number-cell"},
		{"a date for an account", "a.xlsx", styled("dd/mm/yyyy", `<c r="E2" s="1"><v>46000</v></c>`), "0 good, account-number-cell"},
		{"a percentage for an account", "a.xlsx", styled("0%", `<c r="D2" s="3"><v>0.0912345678</v></c>`), "0 good, account-number-cell"},
		{"zeros by format for an account", "a.xlsx", styled("0000000000", `<c r="D2" s="1"><v>912345678</v></c>`), "0 good, account-number-cell"},
		{"a format of 200,000 zeros", "a.xlsx", styled(strings.Repeat("0", 200_000), `<c r="C2" s="1"><v>912345678</v></c>`), "ledger-cell-too-long"},
		{"a card's number", "a.csv", line("1;Lý Tâm;;;9704 1234 5678 9015"), "0 good, account-card"},
		// Archives.
		{"nothing", "a.xlsx", nil, "ledger-empty"},
		{"macros", "a.xlsx", workbookOf("xl/vbaProject.bin", "x"), "ledger-macros"},
		{"macros in another folder", "a.xlsx", workbookOf("customXml/VBAPROJECT.BIN", "x"), "ledger-macros"},
		{"macros by name", "a.xlsm", good, "ledger-macros"},
		{"macro sheets of 1992", "a.xlsx", workbookOf("xl/macrosheets/sheet1.xml", "<x/>"), "ledger-macros"},
		{"a password", "a.xlsx", ole("EncryptedPackage"), "ledger-encrypted"},
		{"old Excel", "a.xls", ole("Workbook"), "ledger-xls"},
		{"a part locked with a password", "a.xlsx", rawArchive(zip.FileHeader{Name: hostileSheet, Flags: 1, Method: zip.Store, UncompressedSize64: 3, CompressedSize64: 3}, []byte("abc"), plainParts...), "ledger-encrypted"},
		{"links to other files", "a.xlsx", workbookOf("xl/externalLinks/externalLink1.xml", "<x/>"), "ledger-external-links"},
		{"a sheet elsewhere", "a.xlsx", workbookOf("xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="r1" Type="http://x/worksheet" Target="http://10.0.0.1/s.xml" TargetMode="External"/></Relationships>`), "ledger-external-links"},
		{"a picture elsewhere", "a.xlsx", workbookOf("xl/worksheets/_rels/sheet1.xml.rels", `<Relationships><Relationship Id="r1" Type="http://x/image" Target="file://server/x.png" TargetMode="External"/></Relationships>`), "ledger-external-links"},
		{"a data connection", "a.xlsx", workbookOf("xl/connections.xml", "<x/>"), "ledger-external-links"},
		{"a bomb that says its size", "a.xlsx", rawArchive(zip.FileHeader{Name: hostileSheet, Method: zip.Deflate, CompressedSize64: uint64(len(bomb)), UncompressedSize64: 100 << 20, CRC32: 1}, bomb, plainParts...), "ledger-unpacked-too-large"},
		{"a bomb that lies about its size", "a.xlsx", rawArchive(zip.FileHeader{Name: hostileSheet, Method: zip.Deflate, CompressedSize64: uint64(len(bomb)), UncompressedSize64: 900, CRC32: 1}, bomb, plainParts...), "ledger-damaged"},
		{"a bomb of elements that lies about its size", "a.xlsx", rawArchive(zip.FileHeader{Name: hostileSheet, Method: zip.Deflate, CompressedSize64: uint64(len(elements)), UncompressedSize64: 900, CRC32: 1}, elements, plainParts...), "ledger-damaged"},
		{"a bomb within", "a.xlsx", workbookOf("xl/embeddings/a.zip", string(archive("b.zip", string(archive("c", strings.Repeat("a", 1<<20)))))), "1 good"},
		{"five thousand parts", "a.xlsx", archive(many...), "ledger-damaged"},
		{"a part twice", "a.xlsx", archive(append(append([]string{}, plainParts...), hostileSheet, body, hostileSheet, body)...), "ledger-damaged"},
		{"a part twice, in capitals", "a.xlsx", archive(append(append([]string{}, plainParts...), hostileSheet, body, "XL/WORKSHEETS/SHEET1.XML", body)...), "ledger-damaged"},
		{"a part that climbs out", "a.xlsx", workbookOf("../../../../etc/cron.d/x", "x"), "1 good"},
		{"a sheet that climbs out", "a.xlsx", workbookOf("xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="r1" Type="http://x/worksheet" Target="../../../../etc/passwd"/></Relationships>`), "ledger-empty"},
		{"a directory that points elsewhere", "a.xlsx", central, "ledger-damaged"},
		{"a directory that counts wrongly", "a.xlsx", counted, "ledger-damaged"},
		{"a wrong checksum", "a.xlsx", rawArchive(zip.FileHeader{Name: hostileSheet, Method: zip.Store, CompressedSize64: uint64(len(body)), UncompressedSize64: uint64(len(body)), CRC32: crc32.ChecksumIEEE([]byte("x"))}, []byte(body), plainParts...), "ledger-damaged"},
		{"an unknown way of packing", "a.xlsx", rawArchive(zip.FileHeader{Name: hostileSheet, Method: 99, CompressedSize64: 3, UncompressedSize64: 3}, []byte("abc"), plainParts...), "ledger-damaged"},
		{"cut in half", "a.xlsx", good[:len(good)/2], "ledger-damaged"},
		{"behind a megabyte of something else", "a.xlsx", append(bytes.Repeat([]byte("x"), 1<<20), good...), "ledger-wrong-ending"},
		// XML.
		{"a billion laughs", "a.xlsx", sheet(laughs + hostileRow(inline("A2", "&j;"))), "ledger-dtd"},
		{"an entity from elsewhere", "a.xlsx", workbookOf("xl/sharedStrings.xml", `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><sst><si><t>&e;</t></si></sst>`), "ledger-dtd"},
		{"a parameter entity", "a.xlsx", workbookOf("xl/workbook.xml", `<!DOCTYPE x [<!ENTITY % e SYSTEM "http://10.0.0.1/x"> %e;]>`+hostileBook), "ledger-dtd"},
		{"a DTD among the relations", "a.xlsx", workbookOf("_rels/.rels", `<!DOCTYPE x>`+hostileRels), "ledger-dtd"},
		{"an entity that nobody defined", "a.xlsx", sheet(hostileRow(inline("A2", "&lol;"))), "ledger-damaged"},
		{"a million elements deep", "a.xlsx", sheet(strings.Repeat("<a>", 1_000_000)), "ledger-damaged"},
		{"a million attributes", "a.xlsx", sheet("<worksheet " + strings.Repeat(`a="1" `, 1_000_000) + "/>"), "ledger-damaged"},
		{"an attribute of 20 MB", "a.xlsx", sheet(`<worksheet a="` + strings.Repeat("a", 20<<20) + `"/>`), "ledger-damaged"},
		{"a comment of 20 MB", "a.xlsx", sheet("<!--" + strings.Repeat("a", 20<<20) + "-->" + body), "ledger-damaged"},
		{"comments and instructions between", "a.xlsx", sheet(strings.NewReplacer("<row", "<!-- a --><?x y?><row", "<t>", "<t xml:space=\"preserve\"><!-- b -->").Replace(body)), "1 good"},
		{"text in CDATA", "a.xlsx", row(`<c r="B2" t="inlineStr"><is><t><![CDATA[Lý Tâm]]></t></is></c>`), "1 good"},
		{"UTF-16 inside", "a.xlsx", sheet(string(wide(`<?xml version="1.0" encoding="UTF-16"?>`+body, binary.LittleEndian, true))), "ledger-damaged"},
		{"broken bytes inside", "a.xlsx", row("<c r=\"B2\" t=\"inlineStr\"><is><t>L\xff\xfe</t></is></c>"), "ledger-damaged"},
		{"strings of 20 MB", "a.xlsx", workbookOf("xl/sharedStrings.xml", `<sst>`+strings.Repeat(`<si><t>`+strings.Repeat("a", 1_000)+`</t></si>`, 20_000)+`</sst>`), "1 good"},
		{"a string that is not there", "a.xlsx", row(`<c r="B2" t="s"><v>4294967296</v></c>`), "ledger-damaged"},
		{"rich text with hints", "a.xlsx", workbookOf("xl/sharedStrings.xml", `<sst><si><r><t>Lý</t></r><r><rPr><b/></rPr><t xml:space="preserve"> Tâm</t></r><rPh sb="0" eb="1"><t>=1+1</t></rPh></si></sst>`, hostileSheet, hostileRow(inline("A2", "A1")+`<c r="B2" t="s"><v>0</v></c>`)), "1 good"},
		{"strict namespaces", "a.xlsx", sheet(strings.Replace(strings.NewReplacer("</", "</x:", "<", "<x:").Replace(body), "<x:worksheet", `<x:worksheet xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main"`, 1)), "1 good"},
		// Sheets.
		{"row 1,048,576", "a.xlsx", sheet(strings.Replace(body, "</sheetData>", `<row r="1048576">`+inline("A1048576", "x")+`</row></sheetData>`, 1)), "ledger-too-many-rows"},
		{"row 17,179,869,184", "a.xlsx", sheet(strings.Replace(body, "</sheetData>", `<row r="17179869184"/></sheetData>`, 1)), "ledger-too-many-rows"},
		{"a row past all numbers", "a.xlsx", sheet(strings.Replace(body, "</sheetData>", `<row r="99999999999999999999"/></sheetData>`, 1)), "ledger-damaged"},
		{"a row below nothing", "a.xlsx", sheet(strings.Replace(body, "</sheetData>", `<row r="-5"/></sheetData>`, 1)), "ledger-damaged"},
		{"twenty thousand empty rows", "a.xlsx", sheet(strings.Replace(body, "</sheetData>", strings.Repeat("<row/>", 20_000)+"</sheetData>", 1)), "ledger-too-many-rows"},
		{"column XFD", "a.xlsx", sheet(strings.Replace(body, "</sheetData>", `<row r="3">`+inline("XFD3", "x")+`</row></sheetData>`, 1)), "ledger-too-many-columns"},
		{"a cell of another row", "a.xlsx", row(inline("B7", "Lý Tâm")), "ledger-damaged"},
		{"a cell twice", "a.xlsx", row(inline("B2", "Lý Tâm") + inline("B2", "Kẻ Khác")), "ledger-damaged"},
		{"a cell with an address of nonsense", "a.xlsx", row(inline("🙂2", "Lý Tâm")), "ledger-damaged"},
		{"merged over everything, again and again", "a.xlsx", sheet(strings.Replace(body, "</worksheet>", strings.Repeat(`<mergeCell ref="A1:XFD1048576"/>`, 19_000)+"</worksheet>", 1)), "1 good"},
		{"a hidden sheet for the ledger", "a.xlsx", workbookOf("xl/workbook.xml", strings.Replace(hostileBook, "sheetId", `state="veryHidden" sheetId`, 1)), "ledger-no-heading"},
		{"a cell of 30,000 letters", "a.xlsx", row(inline("B2", strings.Repeat("ơ", 30_000))), "ledger-cell-too-long"},
		// Text.
		{"one line of 10 MB", "a.csv", bytes.Repeat([]byte("a"), 10<<20-1), "ledger-cell-too-long"},
		{"ten million separators", "a.csv", append([]byte(csv), bytes.Repeat([]byte(";"), 9<<20)...), "ledger-no-stalls"},
		{"a quote that never ends", "a.csv", append(line("1;\"Lý Tâm"), bytes.Repeat([]byte("\na;b"), 2<<20)...), "ledger-cell-too-long"},
		{"nothing but quotes", "a.csv", append([]byte(csv), bytes.Repeat([]byte(`"`), 9<<20)...), "ledger-cell-too-long"},
		{"rows without end", "a.csv", append([]byte(csv), bytes.Repeat([]byte("\n"), 9<<20)...), "ledger-too-many-rows"},
		{"eleven megabytes", "a.csv", bytes.Repeat([]byte("a;b\n"), 11<<18), "body-too-large"},
		{"a little over ten megabytes", "a.csv", bytes.Repeat([]byte("a"), 10<<20+1), "ledger-too-large"},
		{"half a letter of UTF-16", "a.csv", append(wide(csv+"1;Lý Tâm;;;", binary.LittleEndian, true), 0x41), "0 good, bad-character"},
		{"the wrong mark", "a.csv", append([]byte("\xfe\xff"), wide(csv+"1;Lý Tâm;;;", binary.LittleEndian, false)...), "ledger-no-heading"},
		{"marks of every sort", "a.csv", append([]byte("\xef\xbb\xbf\xef\xbb\xbf"), line("1;Lý Tâm;;;")...), "1 good"},
		{"broken UTF-8", "a.csv", line("1;L\xc3 T\xe2m\xff\xfe;;;"), "ledger-encoding"},
		{"bytes at random", "a.csv", junk, "ledger-unsupported"},
		// Files that are something else.
		{"a PDF by the name of a workbook", "a.xlsx", []byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), "ledger-wrong-ending"},
		{"a page by the name of a text", "a.csv", []byte("<!doctype html><script>alert(1)</script>"), "ledger-wrong-ending"},
		{"a picture by the name of a workbook", "a.xlsx", []byte("\x89PNG\r\n\x1a\n" + string(good)), "ledger-wrong-ending"},
		{"a page with a workbook behind it", "a.xlsx", append([]byte("<html>"), good...), "ledger-wrong-ending"},
		{"a program", "a.exe", []byte("MZ\x90\x00"), "ledger-unsupported"},
		{"a name that climbs out", "../../etc/passwd.csv", line("1;Lý Tâm;;;"), "1 good"},
		{"a name of marks", "a\u202exslx.csv", line("1;Lý Tâm;;;"), "1 good"},
	}
}

// Each hostile file is refused, or its rows are told; nothing wrong is stored, nothing falls over, and the memory stays small.
// Not parallel: it watches the memory of the whole process.
func TestHostileFiles(t *testing.T) {
	w := newWorld(t)
	files := hostileFiles()
	watch := watchMemory()
	for _, f := range files {
		t.Run(f.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // the product's own limit for one ledger
			defer cancel()
			a := w.send(ctx, t, f)
			if ctx.Err() != nil {
				t.Errorf("it took more than the limit")
			}
			if got := outcome(t, a); got != f.want {
				t.Errorf("%q, want %q", got, f.want)
			}
			if a.status != 201 {
				return
			}
			id := a.at(t, "id")
			if a := w.do(t, step{as: "clerk", do: "POST /api/v1/imports/" + id + "/commit", body: `{"attested":"vi-1"}`}); a.status != 200 {
				t.Errorf("commit: %d %s", a.status, clip(a.body))
			}
			if n := w.count(`SELECT count(*) FROM vendors WHERE name !~ '^[[:alpha:]]' OR name ~ '[[:cntrl:]]' OR length(name) > 120`) + w.count(`SELECT count(*) FROM accounts`) + w.count(`SELECT count(*) FROM vendors WHERE phone IS NOT NULL`); n != 0 {
				t.Errorf("%d wrong things are stored", n)
			}
		})
	}
	const most = 400 << 20 // the process may have 512 MiB
	if peak := watch(); peak > most {
		t.Errorf("the heap grew to %d MiB", peak>>20)
	}
	if n := len(files); n < 75 {
		t.Errorf("%d files", n)
	}
}

// send uploads a file. Those that are large are not held to the document: that would take more time than the service.
func (w *world) send(ctx context.Context, t *testing.T, f hostile) *answer {
	if len(f.data) < 1<<20 {
		return w.do(t, step{as: "clerk", do: "POST " + near + "/imports", body: upload{f.file, f.data}})
	}
	body := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + f.file + "\"\r\n\r\n" + string(f.data) + "\r\n--x--\r\n"
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, near+"/imports", strings.NewReader(body))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	w.as("clerk")(r)
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	return &answer{rec.Code, rec.Header(), rec.Body.Bytes()}
}

// outcome is what became of an upload, in a few words.
func outcome(t *testing.T, a *answer) string {
	var said struct {
		Type   string
		Report struct {
			Good             int
			Faults, Warnings []struct{ Code string }
		}
	}
	if err := json.Unmarshal(a.body, &said); err != nil {
		t.Fatalf("%d %s: %v", a.status, clip(a.body), err)
	}
	if a.status != 201 {
		return strings.TrimPrefix(said.Type, "/problems/")
	}
	s := fmt.Sprintf("%d good", said.Report.Good)
	for _, f := range said.Report.Faults {
		s += ", " + f.Code
	}
	return s
}

// watchMemory samples the heap until it is asked for the largest it saw.
func watchMemory() (peak func() uint64) {
	stop, done := make(chan struct{}), make(chan uint64)
	go func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		most := uint64(0)
		for {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			select {
			case <-stop:
				done <- most
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	return func() uint64 { close(stop); return <-done }
}
