package ledger

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"cho40/internal/fault"

	"golang.org/x/text/encoding/unicode"
)

const (
	relsPart  = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://x/officeDocument" Target="xl/workbook.xml"/></Relationships>`
	bookPart  = `<workbook xmlns:r="http://x"><sheets><sheet name="Sổ" sheetId="1" r:id="r1"/></sheets></workbook>`
	bookRels  = `<Relationships><Relationship Id="r1" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="http://x/sharedStrings" Target="/xl/sharedStrings.xml"/></Relationships>`
	typesPart = `<Types><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>`
	headCells = `<row r="1"><c r="A1" t="inlineStr"><is><t>Số sạp</t></is></c><c r="B1" t="inlineStr"><is><t>Họ tên</t></is></c></row>`
	goodRow   = `<row r="2"><c r="A2" t="inlineStr"><is><t>A1</t></is></c><c r="B2" t="inlineStr"><is><t>Lý Tâm</t></is></c></row>`
)

func sheetPart(rows string) string {
	return `<worksheet><sheetData>` + rows + `</sheetData></worksheet>`
}

// parts makes a workbook by hand: a plain one, with the named parts replaced or added.
func handmade(t testing.TB, other ...string) []byte {
	t.Helper()
	parts := []string{"[Content_Types].xml", typesPart, "_rels/.rels", relsPart, "xl/workbook.xml", bookPart, "xl/_rels/workbook.xml.rels", bookRels,
		"xl/worksheets/sheet1.xml", sheetPart(headCells + goodRow), "xl/sharedStrings.xml", `<sst><si><t>A</t></si></sst>`}
	for i := 0; i < len(other); i += 2 {
		at := -1
		for j := 0; j < len(parts); j += 2 {
			if parts[j] == other[i] {
				at = j
			}
		}
		if at < 0 {
			parts = append(parts, other[i], other[i+1])
		} else {
			parts[at+1] = other[i+1]
		}
	}
	return zipped(t, parts...)
}

func zipped(t testing.TB, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		w, err := z.Create(parts[i])
		if err == nil {
			_, err = io.WriteString(w, parts[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lying makes a workbook whose sheet is larger than the archive says.
func lying(t testing.TB, n int) []byte {
	t.Helper()
	var b, packed bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range [][2]string{{"[Content_Types].xml", typesPart}, {"_rels/.rels", relsPart}, {"xl/workbook.xml", bookPart}, {"xl/_rels/workbook.xml.rels", bookRels}} {
		w, _ := z.Create(p[0])
		_, _ = io.WriteString(w, p[1])
	}
	c, _ := flate.NewWriter(&packed, 9)
	_, _ = io.WriteString(c, `<worksheet><sheetData>`+headCells+goodRow+`</sheetData>`)
	_, _ = c.Write(bytes.Repeat([]byte("<x/>"), n/4))
	_ = c.Close()
	w, err := z.CreateRaw(&zip.FileHeader{Name: "xl/worksheets/sheet1.xml", Method: zip.Deflate, CompressedSize64: uint64(packed.Len()), UncompressedSize64: 900})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(packed.Bytes())
	_ = z.Close()
	return b.Bytes()
}

func utf16Of(s string) []byte {
	b, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(s)
	must(err)
	return []byte(b)
}

func TestRefused(t *testing.T) {
	t.Parallel()
	good := handmade(t)
	junk := make([]byte, 4000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range junk {
		junk[i] = byte(r.Uint32())
	}
	small := DefaultLimits
	small.Unpacked = 1 << 20
	dtd := `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>`
	const csv = "Số sạp,Họ tên\n"
	for _, tt := range []struct {
		name, file string
		data       []byte
		limits     Limits
		kind       fault.Kind
		code       string
	}{
		{"nothing", "a.csv", nil, DefaultLimits, fault.Invalid, "ledger-empty"},
		{"nothing but a mark and blank lines", "a.csv", []byte("\xef\xbb\xbf\r\n \n"), DefaultLimits, fault.Invalid, "ledger-empty"},
		{"nothing, said to be a workbook", "a.xlsx", nil, DefaultLimits, fault.Invalid, "ledger-empty"},
		{"workbook without a cell", "a.xlsx", handmade(t, "xl/worksheets/sheet1.xml", sheetPart("")), DefaultLimits, fault.Invalid, "ledger-empty"},
		{"no ledger", "a.csv", []byte("Tên món,Giá\nPhở,40000\n"), DefaultLimits, fault.Invalid, "ledger-no-heading"},
		{"prose", "a.txt", []byte("Kính gửi ban quản lý chợ,\nđây là thư.\n"), DefaultLimits, fault.Invalid, "ledger-no-heading"},
		{"headings below row 20", "a.csv", []byte(strings.Repeat("x\n", 20) + csv + "1,Lý Tâm"), DefaultLimits, fault.Invalid, "ledger-no-heading"},
		{"no vendor column", "a.csv", []byte("Số sạp,Mặt hàng,ĐT\n1,rau,"), DefaultLimits, fault.Invalid, "ledger-no-vendor-column"},
		{"no code column", "a.csv", []byte("STT,Họ tên,ĐT\n1,Lý Tâm,"), DefaultLimits, fault.Invalid, "ledger-no-code-column"},
		{"headings only", "a.csv", []byte(csv), DefaultLimits, fault.Invalid, "ledger-no-stalls"},
		{"headings and a total", "a.csv", []byte(csv + "Tổng cộng,0"), DefaultLimits, fault.Invalid, "ledger-no-stalls"},
		{"the only ledger is on a hidden sheet", "a.xlsx", handmade(t, "xl/workbook.xml", strings.Replace(bookPart, `sheetId`, `state="veryHidden" sheetId`, 1)), DefaultLimits, fault.Invalid, "ledger-no-heading"},
		{"old Excel", "a.xls", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 600)), DefaultLimits, fault.Unsupported, "ledger-xls"},
		{"old Excel, renamed", "a.xlsx", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 600)), DefaultLimits, fault.Unsupported, "ledger-xls"},
		{"page of HTML as old Excel", "a.xls", []byte("<html><table><tr><td>Số sạp</td></tr></table></html>"), DefaultLimits, fault.Unsupported, "ledger-xls"},
		{"locked with a password", "a.xlsx", append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), utf16Of("EncryptedPackage")[2:]...), DefaultLimits, fault.Unsupported, "ledger-encrypted"},
		{"macros by name", "a.xlsm", good, DefaultLimits, fault.Unsupported, "ledger-macros"},
		{"macros within", "a.xlsx", handmade(t, "xl/vbaProject.bin", "x"), DefaultLimits, fault.Unsupported, "ledger-macros"},
		{"macros by type", "a.xlsx", handmade(t, "[Content_Types].xml", strings.Replace(typesPart, "sheet.main", "sheet.macroEnabled.main", 1)), DefaultLimits, fault.Unsupported, "ledger-macros"},
		{"binary workbook", "a.xlsx", handmade(t, "xl/workbook.bin", "x"), DefaultLimits, fault.Unsupported, "ledger-macros"},
		{"link to another workbook", "a.xlsx", handmade(t, "xl/externalLinks/externalLink1.xml", "<x/>"), DefaultLimits, fault.Unsupported, "ledger-external-links"},
		{"external relation", "a.xlsx", handmade(t, "xl/worksheets/_rels/sheet1.xml.rels", `<Relationships><Relationship Id="r9" Type="http://x/oleObject" Target="file:///c:/a" TargetMode="External"/></Relationships>`), DefaultLimits, fault.Unsupported, "ledger-external-links"},
		{"data connection", "a.xlsx", handmade(t, "xl/connections.xml", "<x/>"), DefaultLimits, fault.Unsupported, "ledger-external-links"},
		{"DTD in the sheet", "a.xlsx", handmade(t, "xl/worksheets/sheet1.xml", dtd+sheetPart(headCells+goodRow)), DefaultLimits, fault.Unsupported, "ledger-dtd"},
		{"DTD in the strings", "a.xlsx", handmade(t, "xl/sharedStrings.xml", dtd+`<sst><si><t>&b;</t></si></sst>`), DefaultLimits, fault.Unsupported, "ledger-dtd"},
		{"DTD in the workbook", "a.xlsx", handmade(t, "xl/workbook.xml", dtd+bookPart), DefaultLimits, fault.Unsupported, "ledger-dtd"},
		{"entity without DTD", "a.xlsx", handmade(t, "xl/sharedStrings.xml", `<sst><si><t>&lol;</t></si></sst>`), DefaultLimits, fault.Invalid, "ledger-damaged"},
		{"text named as a workbook", "a.xlsx", []byte(csv + "1,Lý Tâm"), DefaultLimits, fault.Unsupported, "ledger-wrong-ending"},
		{"workbook named as text", "a.csv", good, DefaultLimits, fault.Unsupported, "ledger-wrong-ending"},
		{"workbook named as old Excel", "a.xls", good, DefaultLimits, fault.Unsupported, "ledger-wrong-ending"},
		{"picture named as a workbook", "a.xlsx", []byte("\x89PNG\r\n\x1a\n0000"), DefaultLimits, fault.Unsupported, "ledger-wrong-ending"},
		{"a PDF", "a.pdf", []byte("%PDF-1.7"), DefaultLimits, fault.Unsupported, "ledger-unsupported"},
		{"OpenDocument", "a.ods", zipped(t, "mimetype", "application/vnd.oasis.opendocument.spreadsheet"), DefaultLimits, fault.Unsupported, "ledger-unsupported"},
		{"some archive", "a.xlsx", zipped(t, "a.txt", "x"), DefaultLimits, fault.Unsupported, "ledger-unsupported"},
		{"workbook without its main part", "a.xlsx", zipped(t, "[Content_Types].xml", typesPart), DefaultLimits, fault.Unsupported, "ledger-unsupported"},
		{"unknown ending", "a.exe", []byte("MZ"), DefaultLimits, fault.Unsupported, "ledger-unsupported"},
		{"cut short", "a.xlsx", good[:len(good)*2/3], DefaultLimits, fault.Invalid, "ledger-damaged"},
		{"sheet cut short", "a.xlsx", handmade(t, "xl/worksheets/sheet1.xml", `<worksheet><sheetData>`+headCells), DefaultLimits, fault.Invalid, "ledger-damaged"},
		{"more merged cells than rows", "a.xlsx", handmade(t, "xl/worksheets/sheet1.xml", strings.Replace(sheetPart(headCells+goodRow), "</worksheet>", strings.Repeat(`<mergeCell ref="A1:B1"/>`, 20_001)+"</worksheet>", 1)), DefaultLimits, fault.Invalid, "ledger-damaged"},
		{"elements without end", "a.xlsx", handmade(t, "xl/worksheets/sheet1.xml", `<worksheet><sheetData>`+strings.Repeat("<x>", 1_000_000)), DefaultLimits, fault.Invalid, "ledger-damaged"},
		{"attributes without end", "a.xlsx", handmade(t, "xl/worksheets/sheet1.xml", `<worksheet `+strings.Repeat(`a=">" `, 1_000_000)+`/>`), DefaultLimits, fault.Invalid, "ledger-damaged"},
		{"text without end", "a.xlsx", handmade(t, "xl/sharedStrings.xml", `<sst><si><t>`+strings.Repeat("&#65;", 1_000_000)+`</t></si></sst>`), DefaultLimits, fault.Invalid, "ledger-damaged"},
		{"millions of empty cells", "a.xlsx", handmade(t, "xl/worksheets/sheet1.xml", sheetPart(headCells+`<row r="2">`+strings.Repeat("<c/>", 4_000_001)+`</row>`)), DefaultLimits, fault.Invalid, "ledger-damaged"},
		{"rows out of order", "a.xlsx", handmade(t, "xl/worksheets/sheet1.xml", sheetPart(headCells+goodRow+goodRow)), DefaultLimits, fault.Invalid, "ledger-damaged"},
		{"a cell of another row", "a.xlsx", handmade(t, "xl/worksheets/sheet1.xml", sheetPart(headCells+`<row r="2"><c r="A9"><v>1</v></c></row>`)), DefaultLimits, fault.Invalid, "ledger-damaged"},
		{"a string that is not there", "a.xlsx", handmade(t, "xl/worksheets/sheet1.xml", sheetPart(headCells+`<row r="2"><c r="A2" t="s"><v>7</v></c></row>`)), DefaultLimits, fault.Invalid, "ledger-damaged"},
		{"a part twice", "a.xlsx", zipped(t, "[Content_Types].xml", typesPart, "xl/workbook.xml", bookPart, "XL/Workbook.xml", bookPart), DefaultLimits, fault.Invalid, "ledger-damaged"},
		{"binary junk", "a.csv", junk, DefaultLimits, fault.Unsupported, "ledger-unsupported"},
		{"zeros", "a.csv", make([]byte, 4000), DefaultLimits, fault.Unsupported, "ledger-unsupported"},
		{"over the size", "a.csv", bytes.Repeat([]byte("a"), 10<<20+1), DefaultLimits, fault.TooLarge, "ledger-too-large"},
		{"far row in 2 KB", "a.xlsx", handmade(t, "xl/worksheets/sheet1.xml", sheetPart(headCells+goodRow+`<row r="1048576"><c r="A1048576"><v>1</v></c></row>`)), DefaultLimits, fault.TooLarge, "ledger-too-many-rows"},
		{"far row, empty", "a.xlsx", handmade(t, "xl/worksheets/sheet1.xml", sheetPart(headCells+goodRow+`<row r="20001"/>`)), DefaultLimits, fault.TooLarge, "ledger-too-many-rows"},
		{"empty rows", "a.csv", []byte(csv + "1,Lý Tâm" + strings.Repeat("\n", 20_001)), DefaultLimits, fault.TooLarge, "ledger-too-many-rows"},
		{"far column", "a.xlsx", handmade(t, "xl/worksheets/sheet1.xml", sheetPart(headCells+goodRow+`<row r="3"><c r="XFD3"><v>1</v></c></row>`)), DefaultLimits, fault.TooLarge, "ledger-too-many-columns"},
		{"far column in the headings", "a.xlsx", handmade(t, "xl/worksheets/sheet1.xml", sheetPart(strings.Replace(headCells, "</row>", `<c r="AY1"><v>1</v></c></row>`, 1)+goodRow)), DefaultLimits, fault.TooLarge, "ledger-too-many-columns"},
		{"a million columns", "a.csv", []byte(csv + "1,Lý Tâm" + strings.Repeat(",x", 1_000_000)), DefaultLimits, fault.TooLarge, "ledger-too-many-columns"},
		{"long cell", "a.csv", []byte(csv + "1," + strings.Repeat("ơ", 1_001)), DefaultLimits, fault.TooLarge, "ledger-cell-too-long"},
		{"long cell in a workbook", "a.xlsx", handmade(t, "xl/sharedStrings.xml", `<sst><si><t>`+strings.Repeat("ơ", 10_000)+`</t></si></sst>`,
			"xl/worksheets/sheet1.xml", sheetPart(headCells+`<row r="2"><c r="B2" t="s"><v>0</v></c></row>`)), DefaultLimits, fault.TooLarge, "ledger-cell-too-long"},
		{"quote never closed", "a.csv", []byte(csv + "1,\"Lý Tâm\n" + strings.Repeat("2,Lê Lan\n", 900)), DefaultLimits, fault.TooLarge, "ledger-cell-too-long"},
		{"bomb that says so", "a.xlsx", handmade(t, "xl/sharedStrings.xml", `<sst><si><t>`+strings.Repeat("a", 2<<20)+`</t></si></sst>`), small, fault.TooLarge, "ledger-unpacked-too-large"},
		{"more strings than cells", "a.xlsx", handmade(t, "xl/sharedStrings.xml", `<sst>`+strings.Repeat(`<si/>`, 1_001)+`</sst>`), Limits{File: 1 << 20, Unpacked: 1 << 20, Rows: 100, Columns: 10, Cell: 100, Time: time.Minute}, fault.TooLarge, "ledger-too-many-rows"},
		{"bomb elsewhere", "a.xlsx", handmade(t, "xl/media/a.bmp", strings.Repeat("a", 2<<20)), small, fault.TooLarge, "ledger-unpacked-too-large"},
		{"TCVN3 text", "a.csv", []byte("Sè s¹p,Hä vµ tªn\n1,Lª V¨n T¸m"), DefaultLimits, fault.Unsupported, "ledger-old-font"},
		{"TCVN3 bytes", "a.csv", []byte("S\xe8 s\xb9p,H\xe4 v\xb5 t\xaan\n1,L\xaa V\xa8n T\xb8m"), DefaultLimits, fault.Unsupported, "ledger-old-font"},
		{"TCVN3 names below plain headings", "a.csv", []byte("So sap,Ho ten\n1,L\xaa V\xa8n T\xb8m\n2,L\xaa V\xa8n T\xb8m\n3,L\xaa V\xa8n T\xb8m"), DefaultLimits, fault.Unsupported, "ledger-old-font"},
		{"VNI", "a.csv", []byte("Soá saïp,Hoï vaø teân\n1,Leâ Vaên Taùm"), DefaultLimits, fault.Unsupported, "ledger-old-font"},
		{"VNI in a workbook", "a.xlsx", handmade(t, "xl/worksheets/sheet1.xml", sheetPart(strings.NewReplacer("Số sạp", "Soá saïp", "Họ tên", "Hoï teân").Replace(headCells)+goodRow)), DefaultLimits, fault.Unsupported, "ledger-old-font"},
		{"UTF-8 read as something else", "a.csv", []byte("Sá»‘ sáº¡p,Há»� tÃªn\n1,LÃª VÄƒn TÃ¡m"), DefaultLimits, fault.Unsupported, "ledger-encoding"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.limits.Time = 5 * time.Minute // with the race detector, on a busy machine
			l, err := Read(t.Context(), tt.file, bytes.NewReader(tt.data), tt.limits)
			if fault.KindOf(err) != tt.kind || fault.CodeOf(err) != tt.code {
				t.Errorf("got %v (%d rows), want %s", err, len(l.Rows), tt.code)
			}
		})
	}
	l, err := Read(t.Context(), "a.xlsx", bytes.NewReader(good), DefaultLimits)
	if err != nil || briefs(l) != "2 A1|||Lý Tâm||" {
		t.Errorf("the workbook that the others are made of: %v, %s", err, briefs(l))
	}
}

// A part that is larger than the archive claims is caught, either by the archive's own check or by our count.
func TestLyingArchive(t *testing.T) {
	t.Parallel()
	limits := DefaultLimits
	limits.Unpacked = 2 << 20
	_, err := Read(t.Context(), "a.xlsx", bytes.NewReader(lying(t, 8<<20)), limits)
	if code := fault.CodeOf(err); code != "ledger-unpacked-too-large" && code != "ledger-damaged" {
		t.Errorf("got %v", err)
	}
}

func TestHarmless(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"a link to click":                     handmade(t, "xl/worksheets/_rels/sheet1.xml.rels", `<Relationships><Relationship Id="r9" Type="http://x/hyperlink" Target="https://zalo.me/1" TargetMode="External"/></Relationships>`),
		"styled empty cells far to the right": handmade(t, "xl/worksheets/sheet1.xml", sheetPart(headCells+goodRow+`<row r="3"><c r="XFD3" s="1"/></row>`)),
		"merged over everything":              handmade(t, "xl/worksheets/sheet1.xml", sheetPart(headCells + goodRow)[:len(sheetPart(headCells+goodRow))-len("</worksheet>")]+strings.Repeat(`<mergeCell ref="A1:XFD1048576"/>`, 20_000)+"</worksheet>"),
		"rows and cells without addresses":    handmade(t, "xl/worksheets/sheet1.xml", sheetPart(strings.NewReplacer(` r="A1"`, "", ` r="B1"`, "", ` r="1"`, "", ` r="A2"`, "", ` r="B2"`, "", ` r="2"`, "").Replace(headCells+goodRow))),
		"strict namespaces":                   handmade(t, "xl/worksheets/sheet1.xml", strings.NewReplacer("</", "</x:", "<", "<x:").Replace(strings.Replace(sheetPart(headCells+goodRow), "<worksheet>", `<worksheet xmlns:x="http://purl.oclc.org/x">`, 1))),
		"phonetic hints and other sheets": handmade(t, "xl/sharedStrings.xml", `<sst><si><r><t>Lý</t></r><r><t xml:space="preserve"> Tâm</t></r><rPh sb="0" eb="1"><t>XX</t></rPh></si></sst>`,
			"xl/worksheets/sheet1.xml", sheetPart(headCells+`<row r="2"><c r="A2" t="inlineStr"><is><t>A1</t></is></c><c r="B2" t="s"><v>0</v></c></row>`)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := Read(t.Context(), "", bytes.NewReader(data), DefaultLimits)
			if err != nil || briefs(l) != "2 A1|||Lý Tâm||" {
				t.Errorf("%v\n%s", err, briefs(l))
			}
		})
	}
}

// NUL is no letter, however it comes in.
func TestNUL(t *testing.T) {
	t.Parallel()
	data := handmade(t, "xl/worksheets/sheet1.xml", sheetPart(headCells+strings.Replace(goodRow, "Lý Tâm", "Lý_x0000_ Tâm", 1)))
	l, err := Read(t.Context(), "a.xlsx", bytes.NewReader(data), DefaultLimits)
	if err != nil || briefs(l) != "2 A1||||| !bad-character" || !strings.Contains(l.Faults()[0].Detail.String(), "U+0000") {
		t.Errorf("%v, %s", err, briefs(l))
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	text := "Số sạp,Họ tên\n" + strings.Repeat("1,Lý Tâm\n", 2_000)
	limits := DefaultLimits
	limits.Time = time.Nanosecond
	if _, err := Read(t.Context(), "a.csv", strings.NewReader(text), limits); fault.CodeOf(err) != "ledger-too-slow" {
		t.Errorf("over the time: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, "a.csv", strings.NewReader(text), DefaultLimits); !errors.Is(err, context.Canceled) || fault.KindOf(err) != fault.Unknown {
		t.Errorf("cancelled by the caller: %v", err)
	}
	if _, err := Read(t.Context(), "a.csv", io.MultiReader(strings.NewReader(text), broken{}), DefaultLimits); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the sender hung up: %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// big makes a ledger of n stalls.
func big(t testing.TB, n int) []byte {
	t.Helper()
	var b strings.Builder
	row := func(i int, cells ...string) {
		fmt.Fprintf(&b, `<row r="%d">`, i)
		for c, s := range cells {
			fmt.Fprintf(&b, `<c r="%s" t="inlineStr"><is><t>%s</t></is></c>`, address(c, i), s)
		}
		b.WriteString("</row>")
	}
	row(1, "STT", "Khu", "Số sạp", "Họ tên", "Ngành hàng", "ĐT", "Ví", "Số ví", "Ghi chú")
	for i := range n {
		phone := fmt.Sprintf("09%08d", i)
		row(i+2, itoa(i+1), "Khu A", fmt.Sprintf("A-%05d", i), "Nguyễn Thị Lan "+phone, "Cá, thủy sản", phone, "Viettel Money", phone, "")
	}
	return handmade(t, "xl/worksheets/sheet1.xml", sheetPart(b.String()))
}

func TestLargestLedger(t *testing.T) { // not parallel: it measures memory
	data, limits := big(t, DefaultLimits.Rows-1), DefaultLimits
	limits.Time = 5 * time.Minute // with the race detector, on a busy machine
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	l, err := Read(t.Context(), "so.xlsx", bytes.NewReader(data), limits)
	if err != nil {
		t.Fatal(err)
	}
	if c := l.Counts(); c != (Counts{19_999, 19_999, 0, 0}) {
		t.Errorf("counts %+v", c)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(l)
	if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > 64<<20 {
		t.Errorf("the rows hold %d MiB", held>>20)
	}
}

func BenchmarkRead(b *testing.B) {
	for _, n := range []int{480, 1_500, 19_999} {
		data := big(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(b.Context(), "so.xlsx", bytes.NewReader(data), DefaultLimits); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
