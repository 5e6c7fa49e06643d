package printing

import (
	"bytes"
	"fmt"
	"sync"
	"unicode"

	shaped "github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/harfbuzz"
	"github.com/go-text/typesetting/language"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// KhmerRead says whether a speaker of Khmer has read what placards say. Until then Check refuses the language.
const KhmerRead = false

// khmerCompare is a draft: "Please check the name before you transfer money."
const khmerCompare = "សូមពិនិត្យឈ្មោះមុនពេលផ្ទេរប្រាក់"

// khmerLine is khmerCompare, ready to be placed.
var khmerLine = sync.OnceValue(func() outline { return newKhmer().line(khmerCompare) })

// layKhmer sets the instruction's second line in Khmer, which stacks letters above and below: the box becomes a fifth
// of that line higher, and both lines shrink alike until their ink stands in it with the same room around and between.
func (c *card) layKhmer(l *layout, in instruction, first text) (instruction, []text) {
	in.h += in.second.size / 5
	second := khmerLine()
	second.size = in.second.size
	room, least := in.h-2*in.stroke, 0.1*in.second.size
	ink := func() float64 { return first.above() + first.below() + second.above() + second.below() }
	smaller := min(1, (room-3*least)/ink())
	first.size *= smaller
	second.size = min(second.size*smaller, (c.right()-c.left()-4*c.scale)/second.width()*second.size)
	gap := (room - ink()) / 3
	first.y = in.y + in.stroke + gap + first.above()
	second.x = c.w/2 - second.width()/2
	second.y = first.y + first.below() + gap + second.above()
	l.outlines = append(l.outlines, second)
	return in, []text{first}
}

// khmer is the typeface for that script; Latin letters and figures among it are those of all other text. It is for one
// goroutine: shaping keeps notes in it.
type khmer struct {
	font   *sfnt.Font
	shaper *harfbuzz.Font
	glyphs sfnt.Buffer
}

func newKhmer() *khmer {
	const name = "fonts/NotoSansKhmer_400Regular.ttf"
	ttf, err := fontFiles.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("printing: %v", err))
	}
	font, err := sfnt.Parse(ttf)
	if err != nil {
		panic(fmt.Sprintf("printing: %s: %v", name, err))
	}
	face, err := shaped.ParseTTF(bytes.NewReader(ttf))
	if err != nil {
		panic(fmt.Sprintf("printing: %s: %v", name, err))
	}
	k := &khmer{font: font, shaper: harfbuzz.NewFont(face)}
	k.shaper.XScale, k.shaper.YScale = perEm, perEm
	return k
}

// line is text as shapes, in runs of one script.
func (k *khmer) line(say string) outline {
	o := outline{colour: black}
	runes := []rune(say)
	for from := 0; from < len(runes); {
		to := from + 1
		for to < len(runes) && isKhmer(runes[to]) == isKhmer(runes[from]) {
			to++
		}
		if isKhmer(runes[from]) {
			k.khmer(&o, runes[from:to])
		} else {
			k.latin(&o, runes[from:to])
		}
		from = to
	}
	for _, s := range o.shape {
		for _, p := range s.Args[:operands[s.Op]] {
			o.extent.above, o.extent.below = max(o.extent.above, -p.Y.Floor()), max(o.extent.below, p.Y.Ceil())
		}
	}
	return o
}

func isKhmer(r rune) bool { return unicode.Is(unicode.Khmer, r) }

// shape puts the signs of a run into the order, and gives them the forms, in which they are written.
func (k *khmer) shape(run []rune) ([]harfbuzz.GlyphInfo, []harfbuzz.GlyphPosition) {
	b := harfbuzz.NewBuffer()
	b.AddRunes(run, 0, -1)
	b.Props = harfbuzz.SegmentProperties{Direction: harfbuzz.LeftToRight, Script: language.Khmer, Language: language.NewLanguage("km")}
	b.Shape(k.shaper, nil)
	return b.Info, b.Pos
}

func (k *khmer) khmer(o *outline, run []rune) {
	glyphs, places := k.shape(run)
	for i, g := range glyphs {
		k.add(o, k.font, sfnt.GlyphIndex(g.Glyph), int(places[i].XOffset), -int(places[i].YOffset))
		o.extent.width += int(places[i].XAdvance)
	}
}

func (k *khmer) latin(o *outline, run []rune) {
	face := faces().regular
	var last rune
	for _, r := range run {
		o.extent.width += face.kern(last, r)
		if index, err := face.font.GlyphIndex(&k.glyphs, r); err == nil && index > 0 {
			k.add(o, face.font, index, 0, 0)
		}
		o.extent.width += face.glyph(r).advance
		last = r
	}
}

// add appends a glyph at the end of the line, moved by right and down.
func (k *khmer) add(o *outline, font *sfnt.Font, index sfnt.GlyphIndex, right, down int) {
	shape, err := font.LoadGlyph(&k.glyphs, index, fixed.I(perEm), nil)
	if err != nil {
		return
	}
	move := fixed.P(o.extent.width+right, down)
	for _, s := range shape {
		for i := range s.Args[:operands[s.Op]] {
			s.Args[i] = s.Args[i].Add(move)
		}
		o.shape = append(o.shape, s)
	}
}
