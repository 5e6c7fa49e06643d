package printing

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"golang.org/x/sync/errgroup"
)

var update = flag.Bool("update", false, "rewrite the golden pages; look at them before you commit")

func TestSameInputSameBytes(t *testing.T) {
	t.Parallel()
	for _, s := range every(t) {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			p := Print{Sheet: s, CutMarks: true, Made: made, Title: "Chợ Vị Thanh, đợt 3"}
			placards := fitting(t, s)
			want := printed(t, p, placards...)
			var g errgroup.Group
			for range 6 {
				g.Go(func() error {
					var got bytes.Buffer
					if err := Write(&got, p, placards); err != nil {
						return err
					}
					if !bytes.Equal(got.Bytes(), want) {
						return errors.New("the same placards gave other bytes")
					}
					return nil
				})
			}
			if err := g.Wait(); err != nil {
				t.Error(err)
			}
			p.Made = made.In(time.FixedZone("ICT", 7*3600))
			if !bytes.Equal(printed(t, p, placards...), want) {
				t.Error("the same moment in another zone gave other bytes")
			}
		})
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	s := sheetOf(t, "a6x4")
	one := []Placard{plain(t)}
	for _, tt := range []struct {
		name     string
		p        Print
		placards []Placard
	}{
		{"no sheet", Print{Made: made}, one},
		{"no date", Print{Sheet: s}, one},
		{"no placards", Print{Sheet: s, Made: made}, nil},
		{"a negative skip", Print{Sheet: s, Made: made, Skip: -1}, one},
		{"a whole page skipped", Print{Sheet: s, Made: made, Skip: 4}, one},
		{"fewer copies than none", Print{Sheet: s, Made: made, Copies: -1}, one},
		{"too many copies", Print{Sheet: s, Made: made, Copies: 21}, one},
		{"backs of a tent", Print{Sheet: sheetOf(t, "tent"), Made: made, Back: true}, one},
		{"backs of stickers", Print{Sheet: every(t)[len(every(t))-1], Made: made, Back: true}, one},
		{"an offset too far", Print{Sheet: s, Made: made, Offset: Offset{Right: 10.1}}, one},
		{"an offset of no number", Print{Sheet: s, Made: made, Offset: Offset{Down: math.NaN()}}, one},
		{"an offset without end", Print{Sheet: s, Made: made, Offset: Offset{Right: math.Inf(-1)}}, one},
		{"a title that cannot be written", Print{Sheet: s, Made: made, Title: "\xff"}, one},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Write(&out, tt.p, tt.placards); err == nil || out.Len() > 0 {
				t.Errorf("Write = %v after %d bytes, want an error and none", err, out.Len())
			}
		})
	}
	if err := one[0].Check(Sheet{}); err == nil {
		t.Error("Check on no sheet = nil, want an error")
	}
}

func TestWriteReportsAFullDisk(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	full := errors.New("disk full")
	r.CloseWithError(full)
	if err := Write(w, Print{Sheet: sheetOf(t, "a6x4"), Made: made}, []Placard{plain(t)}); !errors.Is(err, full) {
		t.Errorf("Write = %v, want %v", err, full)
	}
}

func TestSheets(t *testing.T) {
	t.Parallel()
	want := []struct {
		name    string
		perPage int
	}{{"a6x4", 4}, {"a5x2", 2}, {"a4x1", 1}, {"tent", 2}, {"stand", 2}, {"tag8", 8}, {"tag10", 10}}
	all := Sheets()
	if len(all) != len(want) {
		t.Fatalf("%d sheets, want %d", len(all), len(want))
	}
	for i, w := range want {
		if s, ok := SheetOf(w.name); !ok || s.PerPage() != w.perPage || all[i].Name() != w.name {
			t.Errorf("sheet %d is %s, %s has %d cells; want %v", i, all[i].Name(), w.name, s.PerPage(), w)
		}
	}
	if s, ok := SheetOf("slip"); !ok || s.PerPage() != 4 {
		t.Errorf("SheetOf(slip) = %v with %d cells", ok, s.PerPage())
	}
	if s, ok := SheetOf("a7x8"); ok || s.PerPage() != 0 || s.Name() != "" {
		t.Errorf("SheetOf(a7x8) = %v, %v; want none", s, ok)
	}
}

func TestPagesAndSkip(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ skip, placards, copies, pages int }{
		{0, 1, 0, 1}, {0, 4, 1, 1}, {0, 5, 0, 2}, {2, 2, 0, 1}, {2, 3, 1, 2}, {3, 9, 0, 3}, {0, 2, 2, 1}, {1, 2, 2, 2}, {0, 3, 20, 15},
	} {
		t.Run(fmt.Sprintf("%d of %d after %d cells", tt.copies, tt.placards, tt.skip), func(t *testing.T) {
			placards := make([]Placard, tt.placards)
			for i := range placards {
				placards[i] = plain(t)
			}
			file := printed(t, Print{Sheet: sheetOf(t, "a6x4"), Skip: tt.skip, Copies: tt.copies, Made: made}, placards...)
			if got := len(regexp.MustCompile(`/Type /Page\n`).FindAll(file, -1)); got != tt.pages {
				t.Errorf("%d pages, want %d", got, tt.pages)
			}
		})
	}
}

// Half a sheet that stays white has no cut marks either: it is printed on another day.
func TestCutsOnlyBesideUsedCells(t *testing.T) {
	t.Parallel()
	s := sheetOf(t, "a6x4")
	for _, tt := range []struct {
		used string // a digit a cell
		want []cut
	}{
		{"0123", []cut{{105, 0, 105, 148.5}, {105, 148.5, 105, 297}, {0, 148.5, 105, 148.5}, {105, 148.5, 210, 148.5}}},
		{"01", []cut{{105, 0, 105, 148.5}, {0, 148.5, 105, 148.5}, {105, 148.5, 210, 148.5}}},
		{"0", []cut{{105, 0, 105, 148.5}, {0, 148.5, 105, 148.5}}},
		{"23", []cut{{105, 148.5, 105, 297}, {0, 148.5, 105, 148.5}, {105, 148.5, 210, 148.5}}},
		{"", nil},
	} {
		t.Run("cells "+tt.used, func(t *testing.T) {
			got := s.cuts(func(n int) bool { return strings.Contains(tt.used, strconv.Itoa(n)) })
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("cuts = %v, want %v", got, tt.want)
			}
		})
	}
}

// The cross-reference table was moved by hand; each offset in it must still be that of its object.
func TestCrossReferences(t *testing.T) {
	t.Parallel()
	file := printed(t, Print{Sheet: sheetOf(t, "a6x4"), Made: made}, hard(t)...)
	tail := file[bytes.LastIndex(file, []byte("startxref\n")):]
	var table int
	if _, err := fmt.Sscanf(string(tail), "startxref\n%d\n%%%%EOF", &table); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(file[table:]), "\n")
	if lines[0] != "xref" {
		t.Fatalf("startxref leads to %q", lines[0])
	}
	objects := 0
	for i, entry := range lines[3:] {
		at, _, found := strings.Cut(entry, " 00000 n")
		if !found {
			break
		}
		offset, err := strconv.Atoi(at)
		if want := fmt.Sprintf("%d 0 obj\n", i+1); err != nil || !bytes.HasPrefix(file[offset:], []byte(want)) {
			t.Errorf("entry %d does not lead to %q", i+1, want)
		}
		objects++
	}
	if objects < 10 {
		t.Errorf("%d objects in the table", objects)
	}
	for _, want := range []string{"/PrintScaling /None", "/Lang (vi)", "/CreationDate (D:20261122030405)"} {
		if !bytes.Contains(file, []byte(want)) {
			t.Errorf("the file lacks %s", want)
		}
	}
}

// corner stands in for a symbol, so that the golden pages show the drawing and not an encoder.
type corner int

func (c corner) Size() int          { return int(c) }
func (c corner) Dark(x, y int) bool { return x == 0 || y == 0 || x > 2 && x == y }

var (
	streams = regexp.MustCompile(`(?s)stream\n(0 J\n.*?)\nendstream`)
	strung  = regexp.MustCompile(`(?s)\((.*?[^\\])\) Tj`)
	escaped = regexp.MustCompile(`(?s)\\(.)`)
)

// readable is the drawing of every page, its text as letters.
func readable(file []byte) []byte {
	var out bytes.Buffer
	for _, page := range streams.FindAllSubmatch(file, -1) {
		out.Write(strung.ReplaceAllFunc(page[1], func(op []byte) []byte {
			raw := escaped.ReplaceAll(strung.FindSubmatch(op)[1], []byte("$1"))
			var units []uint16
			for i := 0; i+1 < len(raw); i += 2 {
				units = append(units, uint16(raw[i])<<8|uint16(raw[i+1]))
			}
			return []byte("(" + string(utf16.Decode(units)) + ") Tj")
		}))
		out.WriteString("\n\n")
	}
	return out.Bytes()
}

func TestGoldenPages(t *testing.T) {
	t.Parallel()
	for _, s := range every(t) {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			placards := hard(t)[:3]
			for i := range placards {
				placards[i].Code = corner(37)
			}
			placards[0].Mark = MarkProvisional
			p := Print{Sheet: s, Skip: s.PerPage() / 2, CutMarks: true, Made: made}
			file, err := document(p, placards, false)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, filepath.Join("testdata", s.Name()+".golden"), readable(file))
		})
	}
}

// Backs and a theme with all its parts, drawn on the sheet that turns its backs.
func TestGoldenBacksAndTheme(t *testing.T) {
	t.Parallel()
	placards := hard(t)[:3]
	for i := range placards {
		placards[i].Code, placards[i].Helper, placards[i].Helped = corner(37), "Trần Thị Bích Ngọc", "22/11/2026"
	}
	file, err := document(Print{Sheet: sheetOf(t, "a5x2"), Back: true, CutMarks: true, Offset: Offset{Right: 1, Down: -1}, Theme: indigo(), Made: made}, placards, false)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, filepath.Join("testdata", "backs.golden"), readable(file))
}

// compare holds a drawing to its golden file.
func compare(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) < 1000 || !bytes.Equal(got, want) {
		t.Errorf("%s differs; run with -update and look at the pages", name)
	}
}

// A batch that was printed once gives the same file whenever it is asked for again, also from a later program. These
// are the files of the first five sheets before any other was added. (A new compiler that compresses otherwise may
// change all five at once; one alone is a change of the drawing.)
func TestOldSheetsKeepTheirBytes(t *testing.T) {
	t.Parallel()
	for sheet, want := range map[string]string{
		"a6x4":  "5ff2791e13bfe51fad2684b5ff954d56c404b621d90097edff2cf5a177f1bf42",
		"a5x2":  "778d0652f7400b3458ae75079f60e98907eb8511c143e45cd19e9d5653a088ca",
		"a4x1":  "8978c98d485dbca2be4e68d4c99e48b9030c1e671306fdd7bca00f95b09a1d5e",
		"tag8":  "4e37603f83fc27a13181a36226622ccbda22b2b1476afd421e2696e52fa0ef78",
		"tag10": "7455068073b3d2b7eb7bdcd2d126df7dff4997faca178c0c4276a67c00a23feb",
	} {
		t.Run(sheet, func(t *testing.T) {
			t.Parallel()
			s := sheetOf(t, sheet)
			p := Print{Sheet: s, Skip: s.PerPage() / 2, CutMarks: true, Made: made, Title: "Chợ Vị Thanh, đợt 3"}
			if got := fmt.Sprintf("%x", sha256.Sum256(printed(t, p, fitting(t, s)...))); got != want {
				t.Errorf("the file's SHA-256 is %s, want %s", got, want)
			}
		})
	}
}

// BenchmarkWrite1000 prints symbols that were made before, as the product does.
func BenchmarkWrite1000(b *testing.B) {
	placards, first := make([]Placard, 1000), plain(b)
	codes := make([]Modules, 50)
	for i := range codes {
		codes[i] = encode(b, payload(i))
	}
	for i := range placards {
		placards[i] = first
		placards[i].Code = codes[i%len(codes)]
		placards[i].Stall, placards[i].Serial = fmt.Sprintf("A-%d", i), fmt.Sprintf("7K3Q-%04d-VTC", i)
	}
	p := Print{Sheet: sheetOf(b, "a6x4"), CutMarks: true, Made: made}
	var size int
	b.ReportAllocs()
	for b.Loop() {
		size = len(printed(b, p, placards...))
	}
	b.ReportMetric(float64(size)/1000, "bytes/placard")
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "placards/s")
}

// Several print at once, as a service does, and each gets the bytes that one alone gets.
func TestPrintsAtOnce(t *testing.T) {
	t.Parallel()
	s := sheetOf(t, "a6x4")
	p := Print{Sheet: s, CutMarks: true, Back: true, Made: made}
	placards := fitting(t, s)
	alone := printed(t, p, placards...)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var out bytes.Buffer
			if err := Write(&out, p, placards); err != nil {
				t.Error(err)
				return
			}
			if !bytes.Equal(out.Bytes(), alone) {
				t.Error("printed beside others, the file is another one")
			}
			if err := ReadBack(out.Bytes(), p, placards); err != nil {
				t.Error(err)
			}
			if _, err := Preview(p, placards, 1, 60); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
