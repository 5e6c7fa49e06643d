package printing

import (
	"embed"
	"fmt"
	"strings"
	"sync"

	"github.com/jung-kurt/gofpdf"
	"golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

//go:embed fonts/*.ttf fonts/OFL*.txt
var fontFiles embed.FS

// perEm is the unit of every face measure: thousandths of the type size, as in the PDF's own width table.
const perEm = 1000

// leastKern is the smallest shift between two letters that is worth its room in the file: each parts a line in two.
// It is 0.1 mm in the text beside the stall box.
const leastKern = 30

// glyph is how far a letter moves on, and how far its ink goes above and below the baseline (below is positive).
type glyph struct{ advance, above, below int }

// face is one weight of the typeface, cut to the alphabet. Letters are looked up some hundred times a placard, and so
// in tables: a letter's place in the others is in places, at its code; at place 0 is what no letter has.
type face struct {
	family string
	ttf    []byte // never handed out uncloned: the PDF library writes into it
	places [lastRune + 1]uint16
	glyphs []glyph
	kerns  []int16    // from each place to each
	font   *sfnt.Font // for the shapes of letters in pictures; any number of goroutines may read it
}

// place is where the tables have a letter, 0 when they do not.
func (f *face) place(r rune) int {
	if r < 0 || r > lastRune {
		return 0
	}
	return int(f.places[r])
}

func (f *face) glyph(r rune) glyph { return f.glyphs[f.place(r)] }

// kern is how much b moves away from a.
func (f *face) kern(a, b rune) int { return int(f.kerns[f.place(a)*len(f.glyphs)+f.place(b)]) }

type typeface struct{ regular, bold, heavy *face }

// faces reads the three weights at first use. The files are part of the program, so that a fault in them is one of
// the build, and the tests print with them.
var faces = sync.OnceValue(func() *typeface {
	return &typeface{
		regular: newFace("BeVietnamPro400", "fonts/BeVietnamPro_400Regular.ttf"),
		bold:    newFace("BeVietnamPro700", "fonts/BeVietnamPro_700Bold.ttf"),
		heavy:   newFace("BeVietnamPro800", "fonts/BeVietnamPro_800ExtraBold.ttf"),
	}
})

func (t *typeface) all() []*face { return []*face{t.regular, t.bold, t.heavy} }

// drawable reports whether every weight has a glyph of its own for r.
func (t *typeface) drawable(r rune) bool {
	for _, f := range t.all() {
		if f.place(r) == 0 {
			return false
		}
	}
	return true
}

// alphabet is what a placard may say: ASCII, the letters of western Europe, Vietnamese, common punctuation.
// Cutting the faces to it makes each document a third cheaper and each weight half as large.
var alphabet = func() []rune {
	var all []rune
	for _, span := range [][2]rune{{0x20, 0x7E}, {0xA1, 0xAC}, {0xAE, 0xFF}, {0x1EA0, 0x1EF9}} {
		for r := span[0]; r <= span[1]; r++ {
			all = append(all, r)
		}
	}
	return append(all, []rune("ĂăĐđĨĩŨũƠơƯư–—‘’“”•…₫")...)
}()

// lastRune is the highest code in the alphabet.
const lastRune = '₫'

func newFace(family, file string) *face {
	whole, err := fontFiles.ReadFile(file)
	if err != nil {
		panic(fmt.Sprintf("printing: %v", err))
	}
	parsed, err := sfnt.Parse(whole)
	if err != nil {
		panic(fmt.Sprintf("printing: %s: %v", file, err))
	}
	f := &face{family: family, glyphs: make([]glyph, 1), font: parsed}
	var (
		buf   sfnt.Buffer
		size  = fixed.I(perEm)
		index = make([]sfnt.GlyphIndex, 1)
		cut   strings.Builder
	)
	for _, r := range alphabet {
		i, err := parsed.GlyphIndex(&buf, r)
		if err != nil || i == 0 {
			continue
		}
		box, advance, err := parsed.GlyphBounds(&buf, i, size, font.HintingNone)
		if err != nil {
			continue
		}
		f.places[r] = uint16(len(f.glyphs))
		f.glyphs = append(f.glyphs, glyph{advance.Round(), -box.Min.Y.Floor(), box.Max.Y.Ceil()})
		index = append(index, i)
		cut.WriteRune(r)
	}
	n := len(index)
	f.kerns = make([]int16, n*n)
	for a := 1; a < n; a++ {
		for b := 1; b < n; b++ {
			if k, err := parsed.Kern(&buf, index[a], index[b], size, font.HintingNone); err == nil && abs(k.Round()) >= leastKern {
				f.kerns[a*n+b] = int16(k.Round())
			}
		}
	}
	f.ttf = gofpdf.UTF8CutFont(whole, cut.String())
	return f
}

// extent is the size of a line in thousandths of its type size.
type extent struct{ width, above, below int }

// measure is the extent of text set with kerning.
func (f *face) measure(text string) extent {
	var (
		e    extent
		last rune
	)
	for _, r := range text {
		g := f.glyph(r)
		e.width += f.kern(last, r) // 0 before the first, for no letter is 0
		e.width += g.advance
		e.above, e.below = max(e.above, g.above), max(e.below, g.below)
		last = r
	}
	return e
}

// width is in millimetres, as size is.
func (f *face) width(text string, size float64) float64 {
	return float64(f.measure(text).width) * size / perEm
}

func abs(n int) int { return max(n, -n) }
