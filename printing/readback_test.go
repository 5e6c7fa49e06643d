package printing

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestReadBack(t *testing.T) {
	t.Parallel()
	for _, s := range Sheets() {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			placards := fitting(t, s)
			for _, skip := range []int{0, s.PerPage() - 1} {
				p := Print{Sheet: s, Skip: skip, CutMarks: true, Made: made}
				for _, compress := range []bool{false, true} {
					file, err := document(p, placards, compress)
					if err != nil {
						t.Fatal(err)
					}
					if err := ReadBack(file, p, placards); err != nil {
						t.Errorf("skip %d, compressed %v: %v", skip, compress, err)
					}
				}
			}
		})
	}
}

// Copies, backs, a printer's offset, a market's logo, sheets of stickers: the read-back knows where each symbol must be.
func TestReadBackOfAnyPrint(t *testing.T) {
	t.Parallel()
	logo := image.NewNRGBA(image.Rect(0, 0, 40, 40))
	for _, s := range every(t) {
		for name, p := range map[string]Print{
			"copies":          {Copies: 3},
			"a skewed feed":   {Offset: Offset{Right: 1.7, Down: -2.3}, CutMarks: true},
			"a theme":         {Theme: Theme{Colour: "#274690", Tint: "#fcefc9", Board: "Ban quản lý chợ Vị Thanh", Logo: logo}},
			"backs of copies": {Copies: 2, Back: true, Skip: 0},
		} {
			t.Run(s.Name()+", "+name, func(t *testing.T) {
				t.Parallel()
				p.Sheet, p.Made = s, made
				var placards []Placard
				for _, placard := range hard(t) {
					if p.Check(placard) == nil {
						placards = append(placards, placard)
					}
				}
				if len(placards) == 0 { // no backs, or too small for a logo
					if !p.Back && p.Theme.Logo == nil {
						t.Fatal("nothing fits")
					}
					return
				}
				file := printed(t, p, placards...)
				if err := ReadBack(file, p, placards); err != nil {
					t.Error(err)
				}
				if s.Name() == slip.Name() {
					return // it shows no symbol, whoever it is for
				}
				placards[0], placards[len(placards)-1] = placards[len(placards)-1], placards[0]
				if err := ReadBack(file, p, placards); err == nil && len(placards) > 1 {
					t.Error("two placards changed places, and nobody noticed")
				}
			})
		}
	}
}

// A symbol says the same however it lies on the page: the upper face of a tent stands upside down.
func TestSymbolsLieEveryWay(t *testing.T) {
	t.Parallel()
	code := plain(t).Code
	width, height := 210*ptPerMM, 841.89
	for turn, cm := range [][6]float64{
		{1, 0, 0, 1, 0, 0}, {0, 1, -1, 0, width, 0}, {-1, 0, 0, -1, width, height}, {0, -1, 1, 0, 0, height},
	} {
		c, err := newCanvas(Print{Sheet: sheetOf(t, "a6x4"), Made: made}, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.page(Offset{}, func() error {
			c.op("q")
			c.op("cm", cm[:]...)
			c.symbol(symbol{60, 70, 19}, code, cell{})
			c.op("Q")
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		file, err := c.finish(false)
		if err != nil {
			t.Fatal(err)
		}
		all, err := Symbols(file)
		if err != nil || len(all) != 1 {
			t.Fatalf("turn %d: %d symbols, %v", turn, len(all), err)
		}
		got := all[0]
		if got.Turn != turn || got.Page != 1 || math.Abs(got.Module-19*mmPerDot) > 1e-3 {
			t.Errorf("turn %d: %d on page %d, modules of %.4f mm", turn, got.Turn, got.Page, got.Module)
		}
		if difference := (shown{Drawn: Drawn{Page: 1, X: got.X, Y: got.Y, Module: got.Module, Turn: turn, Code: code}}).compare(got); difference != "" {
			t.Errorf("turn %d: %s", turn, difference)
		}
		x, y := 60.0, 70.0
		if turn == 2 {
			x, y = 210-x, 297-y
		}
		if turn%2 == 0 && (math.Abs(got.X+got.side()/2-x) > mmPerDot || math.Abs(got.Y+got.side()/2-y) > mmPerDot) {
			t.Errorf("turn %d: its middle is at %.2f, %.2f", turn, got.X+got.side()/2, got.Y+got.side()/2)
		}
	}
}

var (
	drawnSymbol = regexp.MustCompile(`q\n0 g\n\S+ 0 0 -\S+ \S+ \S+ cm\n(\d+ \d+ \d+ 1 re\n)+f\nQ\n`)
	placed      = regexp.MustCompile(`\S+ 0 0 -\S+ \S+ \S+ cm\n`)
)

// Whoever changes a file after it was made, or draws it wrongly, is found out.
func TestReadBackNoticesEveryChange(t *testing.T) {
	t.Parallel()
	p := Print{Sheet: sheetOf(t, "a6x4"), CutMarks: true, Made: made}
	placards := fitting(t, p.Sheet)[:6]
	file, err := document(p, placards, false)
	if err != nil {
		t.Fatal(err)
	}
	at := drawnSymbol.FindAllIndex(file, -1)
	if len(at) != len(placards) {
		t.Fatalf("%d symbols in the file, want %d", len(at), len(placards))
	}
	// put writes over the file from an offset on; the rest of what stood there until end becomes blanks.
	put := func(file []byte, from, end int, what string) {
		copy(file[from:end], what+strings.Repeat(" ", end-from-len(what)))
	}
	digit := func(nth int, expression string, group int) func(f []byte) {
		return func(f []byte) {
			m := regexp.MustCompile(expression).FindSubmatchIndex(f[at[nth][0]:at[nth][1]])
			i := at[nth][0] + m[2*group]
			f[i] = '0' + (f[i]-'0'+1)%10
		}
	}
	swap := func(f []byte, a, b []int) {
		whole := slices.Concat(f[b[0]:b[1]], f[a[1]:b[0]], f[a[0]:a[1]])
		copy(f[a[0]:b[1]], whole)
	}
	body := func(nth int) []int {
		m := placed.FindIndex(file[at[nth][0]:at[nth][1]])
		return []int{at[nth][0] + m[1], at[nth][1]}
	}
	next := at[0][1] // what the second card draws before its symbol
	for _, tt := range []struct {
		name   string
		change func(f []byte)
		want   string // in the error; "#2" is the serial of the third placard
	}{
		{"where a rectangle begins", digit(2, `(?s)cm\n(?:.*? re\n){100}(\d+) \d+ \d+ 1 re`, 1), "#2"},
		{"the row of a rectangle", digit(2, `(?s)cm\n(?:.*? re\n){100}\d+ (\d+) \d+ 1 re`, 1), "#2"},
		{"how broad a rectangle is", digit(2, `(?s)cm\n(?:.*? re\n){100}\d+ \d+ (\d+) 1 re`, 1), "#2"},
		{"how high a rectangle is", digit(2, `(?s)cm\n(?:.*? re\n){100}\d+ \d+ \d+ (1) re`, 1), "#2"},
		{"a rectangle of a corner pattern", digit(2, `cm\n\d+ \d+ (\d+) 1 re`, 1), "#2"},
		{"the size", digit(4, `(\d)\.\S+ 0 0 -`, 1), "#4"},
		{"the size, a little", digit(4, `\.(\d+) 0 0 -`, 1), "#4"},
		{"how far right it stands", digit(4, `(\d)\.\S+ \S+ cm`, 1), "#4"},
		{"how far up it stands", digit(4, `(\d)\.\S+ cm`, 1), "#4"},
		{"grey instead of black", digit(5, `(0) g`, 1), "#5"},
		{"a symbol is dropped", func(f []byte) { put(f, at[3][0], at[3][1], "") }, "#3"},
		{"the last symbol is dropped", func(f []byte) { put(f, at[5][0], at[5][1], "") }, "#5"},
		{"a card's symbol in another's place", func(f []byte) { swap(f, at[0], at[1]) }, "#0"},
		{"two symbols swapped where they stand", func(f []byte) { swap(f, body(0), body(1)) }, "#0"},
		{"a symbol turned inside out", func(f []byte) { f[at[1][1]-4], f[at[1][1]-5] = 'S', ' ' }, "#1"},
		{"a white box over the symbol", func(f []byte) { put(f, next, at[1][0], "q 1 g 100 600 9 9 re f Q") }, "over the symbol"},
		{"a line over the symbol", func(f []byte) { put(f, next, at[1][0], "100 600 m 110 600 l S") }, "over the symbol"},
		{"a broad line beside the symbol", func(f []byte) { put(f, next, at[1][0], "70 w 10 600 m 11 600 l S") }, "over the symbol"},
		{"a picture over the symbol", func(f []byte) { put(f, next, at[1][0], "q 99 0 0 99 60 600 cm /I0 Do Q") }, "over the symbol"},
		{"a tile like the one before, over the symbol", func(f []byte) {
			put(f, next, at[1][0], "q 1 0 0 1 10 600 cm 0 0 m 5 5 l 9 0 l f 1 0 0 1 90 0 cm 0 0 m 5 5 l 9 0 l f Q")
		}, "over the symbol"},
		{"a tile like the one before, so large that it covers the symbol", func(f []byte) {
			put(f, next, at[1][0], "q 1 0 0 1 10 600 cm 0 0 m 5 5 l 9 0 l f 40 0 0 40 0 0 cm 0 0 m 5 5 l 9 0 l f Q")
		}, "over the symbol"},
		{"a state that is not given back", func(f []byte) { f[at[5][1]-2] = ' ' }, "in the middle"},
		{"a state given back too often", func(f []byte) { f[at[5][0]] = 'Q' }, "without q"},
		{"the first page upside down", func(f []byte) {
			i := bytes.Index(f, []byte("/Resources 2 0 R"))
			put(f, i, i+16, "/Rotate 180")
		}, "Rotate"},
		{"pages in another order", func(f []byte) {
			i := bytes.Index(f, []byte("/Kids [3 0 R 5 0 R ]"))
			put(f, i, i+20, "/Kids [5 0 R 3 0 R ]")
		}, "#0"},
		{"a page left out", func(f []byte) {
			i := bytes.Index(f, []byte("/Kids [3 0 R 5 0 R ]"))
			put(f, i, i+20, "/Kids [3 0 R ]")
		}, "#4"},
		{"a page shown twice", func(f []byte) {
			i := bytes.Index(f, []byte("/Kids [3 0 R 5 0 R ]"))
			put(f, i, i+20, "/Kids [3 0 R 3 0 R ]")
		}, "#4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			changed := bytes.Clone(file)
			tt.change(changed)
			if bytes.Equal(changed, file) {
				t.Fatal("nothing was changed")
			}
			want := tt.want
			if want[0] == '#' {
				want = "placard " + placards[want[1]-'0'].Serial
			}
			if err := ReadBack(changed, p, placards); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("ReadBack = %v, want %q", err, want)
			}
		})
	}

	other := slices.Clone(placards)
	other[2].Code = placards[3].Code
	if err := ReadBack(file, p, other); err == nil || !strings.Contains(err.Error(), other[2].Serial) {
		t.Errorf("other modules: %v", err)
	}
	if err := ReadBack(file, p, placards[:5]); err == nil || !strings.Contains(err.Error(), "6 symbols, not 5") {
		t.Errorf("one placard less: %v", err)
	}
	if err := ReadBack(file, Print{}, placards); err == nil {
		t.Error("read back on no sheet")
	}
	bad := slices.Clone(placards)
	bad[0].Holder = ""
	if err := ReadBack(file, p, bad); err == nil {
		t.Error("a placard that cannot be printed was found")
	}
}

func TestSymbolsRefuses(t *testing.T) {
	t.Parallel()
	good := printed(t, Print{Sheet: sheetOf(t, "a6x4"), Made: made}, plain(t))
	tail := bytes.LastIndex(good, []byte("startxref"))
	with := func(old, new string) []byte { return bytes.Replace(good, []byte(old), []byte(new), 1) }
	for _, tt := range []struct {
		name string
		file []byte
	}{
		{"nothing", nil},
		{"no PDF", []byte("XXXX-XXXX-XXC")},
		{"half of it", good[:len(good)/2]},
		{"without its end", good[:len(good)-2]},
		{"with something after it", slices.Concat(good, []byte("%%EOF\n"))},
		{"a table that leads out of the file", slices.Concat(good[:tail], []byte("startxref\n999999999\n%%EOF\n"))},
		{"a table that leads to itself", slices.Concat(good[:tail], fmt.Appendf(nil, "startxref\n%d\n%%%%EOF\n", tail))},
		{"an older version of the file kept", with("/Info", "/Prev")},
		{"a damaged stream", with("/Filter /FlateDecode /Length", "/Filter /FlateDecode /Length1")},
		{"another filter", with("FlateDecode", "LZWxDecodes")},
	} {
		if all, err := Symbols(tt.file); err == nil {
			t.Errorf("%s: %d symbols", tt.name, len(all))
		}
	}
}

// page is a document of one page with these operators, deflated.
func page(content []byte) []byte {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, _ = w.Write(content) // into memory
	_ = w.Close()
	file := []byte("%PDF-1.3\n")
	var offsets []int
	for i, body := range []string{
		"<</Type /Pages /Kids [2 0 R] /Count 1 /MediaBox [0 0 595.28 841.89]>>",
		"<</Type /Page /Parent 1 0 R /Contents 3 0 R>>",
		fmt.Sprintf("<</Filter /FlateDecode /Length %d>>\nstream\n%s\nendstream", z.Len(), z.Bytes()),
		"<</Type /Catalog /Pages 1 0 R>>",
	} {
		offsets = append(offsets, len(file))
		file = fmt.Appendf(file, "%d 0 obj\n%s\nendobj\n", i+1, body)
	}
	table := len(file)
	file = append(file, "xref\n0 5\n0000000000 65535 f \n"...)
	for _, at := range offsets {
		file = fmt.Appendf(file, "%010d 00000 n \n", at)
	}
	return fmt.Appendf(file, "trailer\n<</Size 5 /Root 4 0 R>>\nstartxref\n%d\n%%%%EOF\n", table)
}

// Objects that lie in each other do not make the reader go through the file once for each.
func TestSymbolsReadsObjectsOnce(t *testing.T) {
	t.Parallel()
	const pages = 5000
	var kids, nested bytes.Buffer
	offsets := []int{0, 0, 0} // the table's first, the catalogue, the tree
	file := []byte("%PDF-1.3\n")
	for n := 3; n < 3+pages; n++ {
		fmt.Fprintf(&kids, "%d 0 R ", n)
		offsets = append(offsets, len(file)+nested.Len())
		fmt.Fprintf(&nested, "%d 0 obj <</Resources (", n)
	}
	file = append(file, nested.Bytes()...)
	file = append(file, strings.Repeat(")/Type /Page>>", pages)...)
	offsets[1] = len(file)
	file = append(file, "1 0 obj <</Pages 2 0 R>>\n"...)
	offsets[2] = len(file)
	file = fmt.Appendf(file, "2 0 obj <</MediaBox [0 0 9 9] /Kids [%s]>>\n", kids.Bytes())
	table := len(file)
	file = fmt.Appendf(file, "xref\n0 %d\n", len(offsets))
	for _, at := range offsets {
		file = fmt.Appendf(file, "%010d 00000 n \n", at)
	}
	file = fmt.Appendf(file, "trailer\n<</Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", table)
	if _, err := Symbols(file); !errors.Is(err, errTooMuch) {
		t.Errorf("%v, want %v", err, errTooMuch)
	}
}

// fickle is a symbol that changes once it has been drawn, as the one in memory may.
type fickle struct {
	Modules
	looks int
}

func (f *fickle) Dark(x, y int) bool {
	f.looks++
	return f.Modules.Dark(x, y) != (f.looks > 1_000_000)
}

// Nobody gets a file that was not read back: Write itself does it.
func TestWriteReadsBack(t *testing.T) {
	t.Parallel()
	p := Print{Sheet: sheetOf(t, "a6x4"), Made: made}
	placard := plain(t)
	code := &fickle{Modules: placard.Code}
	placard.Code = code
	if _, err := document(p, []Placard{placard}, true); err != nil {
		t.Fatal(err)
	}
	code.looks = 1_000_000 - code.looks // it turns when it has been drawn
	var out bytes.Buffer
	if err := Write(&out, p, []Placard{placard}); err == nil || out.Len() > 0 {
		t.Errorf("%d bytes, %v; want nothing and an error", out.Len(), err)
	}
}

// A small file may not make us hold or do much.
func TestSymbolsIsBounded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, part string
		times      int
		fine       bool
	}{
		{"a page of blanks", " ", mostPageInflated, true},
		{"a page too long", " ", mostPageInflated + 1, false},
		{"one path of a million rectangles", "0 0 1 1 re\n", 1_000_000, false},
		{"a million saved states", "q ", 1_000_000, false},
		{"a million numbers", "1 ", 1_000_000, false},
		{"a million brackets", "[", 1_000_000, true},
		{"a million opened strings", "(", 1_000_000, true},
		{"a number of a million digits", "1", 1_000_000, false},
		{"large upon large", "99999999999 0 0 99999999999 0 0 cm 1 1 m 0 0 1 1 re f\n", 10_000, true},
		{"all symbols at once", "0 0 177 177 re f\n", 100_000, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			all, err := Symbols(page(bytes.Repeat([]byte(tt.part), tt.times)))
			if (err == nil) != tt.fine || len(all) > 0 {
				t.Errorf("%d symbols, %v", len(all), err)
			}
		})
	}
}

// Numbers are read by hand: each must be what strconv makes of it, to the last bit.
func TestNumbersAreReadAsWritten(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		token := strconv.FormatFloat((random.Float64()-0.5)*math.Pow10(random.IntN(9)), 'f', random.IntN(7), 64)
		l := lexer{b: []byte(" " + token + " re")}
		got, ok := l.number()
		if want, err := strconv.ParseFloat(token, 64); err != nil || !ok || got != want || !l.is("re") {
			t.Fatalf("%s is read as %v, want %v", token, got, want)
		}
	}
	for _, token := range []string{"", "-", ".", "-.", "1-", "--1", "1.2.3", "+1", "1e5", "0x1", "1234567890123456"} {
		l := lexer{b: []byte(token)}
		if v, ok := l.number(); ok || string(l.next()) != token {
			t.Errorf("%q is read as %v", token, v)
		}
	}
}

func FuzzSymbols(f *testing.F) {
	whole, err := document(Print{Sheet: sheetOf(f, "tag10"), Made: made}, []Placard{plain(f)}, false)
	if err != nil {
		f.Fatal(err)
	}
	symbol := drawnSymbol.Find(whole) // small, so that it is changed often
	f.Add(symbol, page(symbol))
	f.Add([]byte("1 0 0 1 0 0 cm 0 0 7 7 re f*"), page(nil))
	f.Fuzz(func(t *testing.T, content, file []byte) {
		for _, raw := range [][]byte{file, page(content)} {
			all, err := Symbols(raw)
			if err != nil && all != nil {
				t.Errorf("%d symbols and %v", len(all), err)
			}
			for _, d := range all {
				if n := d.Code.Size(); n < 21 || n > 177 || d.Page < 1 || d.Turn < 0 || d.Turn > 3 || !(d.Module > 0) {
					t.Errorf("%+v", d)
				}
			}
		}
	})
}

func BenchmarkReadBack500(b *testing.B) {
	placards := make([]Placard, 500)
	for i := range placards {
		placards[i] = plain(b)
		placards[i].Code = encode(b, payload(i%50))
		placards[i].Serial = fmt.Sprintf("7K3Q-%04d-VTC", i)
	}
	p := Print{Sheet: sheetOf(b, "a6x4"), CutMarks: true, Made: made}
	file := printed(b, p, placards...)
	b.ReportAllocs()
	for b.Loop() {
		if err := ReadBack(file, p, placards); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(500*float64(b.N)/b.Elapsed().Seconds(), "placards/s")
}
