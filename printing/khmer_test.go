package printing

import (
	"errors"
	"image"
	"slices"
	"testing"
)

// inKhmer is a sheet that takes Khmer before a speaker has read it.
func inKhmer(t *testing.T, name string) Sheet {
	t.Helper()
	s := *sheetOf(t, name).sheet
	s.unread = true
	return Sheet{&s}
}

func TestKhmerWaitsForASpeaker(t *testing.T) {
	t.Parallel()
	p := plain(t)
	p.Languages = [2]Language{Vietnamese, Khmer}
	var bad *FieldError
	for _, s := range Sheets() {
		if err := p.Check(s); !errors.As(err, &bad) || bad.Field != "languages" || bad.Code != "unread" {
			t.Errorf("%s: %v, want languages unread", s.Name(), err)
		}
		if err := p.Check(inKhmer(t, s.Name())); err != nil {
			t.Errorf("%s, were it read: %v", s.Name(), err)
		}
	}
	p.Languages = [2]Language{Khmer, Vietnamese}
	if err := p.Check(inKhmer(t, "a6x4")); !errors.As(err, &bad) || bad.Code != "not-first" {
		t.Errorf("as the first language: %v", err)
	}
}

// Letters below their base, vowels before it, signs that join: none of these is one glyph after the other.
func TestKhmerIsShaped(t *testing.T) {
	t.Parallel()
	k := newKhmer()
	for _, tt := range []struct{ name, say string }{
		{"woman: two letters below", "ស្ត្រី"},
		{"Khmer: a vowel goes before its letter", "ខ្មែរ"},
		{"money: ro goes before its base", "ប្រាក់"},
		{"name: a letter below and signs after", "ឈ្មោះ"},
		{"transfer: a vowel before, a letter below", "ផ្ទេរ"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var plain, got []int
			for _, r := range tt.say {
				index, err := k.font.GlyphIndex(&k.glyphs, r)
				if err != nil || index == 0 {
					t.Fatalf("no glyph for %U", r)
				}
				plain = append(plain, int(index))
			}
			glyphs, _ := k.shape([]rune(tt.say))
			for _, g := range glyphs {
				if g.Glyph == 0 {
					t.Error("a sign has no glyph")
				}
				got = append(got, int(g.Glyph))
			}
			if len(got) == 0 || len(got) > len(plain) || slices.Equal(got, plain) {
				t.Errorf("glyphs %v of %v", got, plain)
			}
		})
	}
	// The vowel of “ខ្មែរ” is written first, though it is said last.
	glyphs, _ := k.shape([]rune("ខ្មែរ"))
	if first, err := k.font.GlyphIndex(&k.glyphs, 'ែ'); err != nil || int(glyphs[0].Glyph) != int(first) {
		t.Errorf("first glyph %d, want %d; %v", glyphs[0].Glyph, first, err)
	}
}

// Figures and Latin letters among Khmer are those of all other text, and no sign is without a shape.
func TestKhmerFallsBackByRun(t *testing.T) {
	t.Parallel()
	k := newKhmer()
	both, khmer := k.line("ប្រាក់VNPT 12"), k.line("ប្រាក់")
	if got, want := both.extent.width-khmer.extent.width, faces().regular.measure("VNPT 12").width; got != want {
		t.Errorf("the Latin run is %d broad, want %d", got, want)
	}
	for _, r := range khmerCompare {
		if index, err := k.font.GlyphIndex(&k.glyphs, r); err != nil || index == 0 {
			t.Errorf("no glyph for %U", r)
		}
	}
}

// The line stands in its box, as does the first, and paper and picture show the same of both.
func TestKhmerStandsInItsBox(t *testing.T) {
	t.Parallel()
	const dpi, finer = 150, 4
	for _, name := range []string{"a6x4", "a5x2", "a4x1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := inKhmer(t, name), plain(t)
			p.Languages = [2]Language{Vietnamese, Khmer}
			l := facesOf(t, s, &p, 0)[0]
			if len(l.outlines) != 1 {
				t.Fatalf("%d outlines", len(l.outlines))
			}
			frame, ground := l.boxes[len(l.boxes)-2], l.boxes[len(l.boxes)-1]
			inside := area{ground.x, ground.y, ground.x + ground.w, ground.y + ground.h}
			o := l.outlines[0]
			ink := area{o.x, o.y - o.above(), o.x + o.width(), o.y + o.below()}
			if ink.x1 < inside.x1 || ink.y1 < inside.y1 || ink.x2 > inside.x2 || ink.y2 > inside.y2 {
				t.Errorf("%v reaches out of %v", ink, inside)
			}
			for _, line := range l.texts {
				if at := line.ink(); at.meets(ink) || line.colour == black && at.y1 > frame.y && at.y1 < frame.y+frame.h && at.y2 > inside.y2 {
					t.Errorf("%q at %v meets %v or leaves %v", line.say, at, ink, inside)
				}
			}
			if end := frame.y + frame.h; l.code.y+l.code.quiet(p.Code.Size())/2 > frame.y || end > s.panels[0].design.(*card).label.y-s.panels[0].design.(*card).label.size {
				t.Errorf("the box ends at %.2f", end)
			}

			print := Print{Sheet: s, Made: made}
			path := file(t, "sheet.pdf", printed(t, print, p))
			if err := ReadBack(printed(t, print, p), print, []Placard{p}); err != nil {
				t.Error(err)
			}
			img, err := Preview(print, []Placard{p}, 1, dpi)
			if err != nil {
				t.Fatal(err)
			}
			part := func(g *image.Gray) *image.Gray {
				at := s.at(0)
				return crop(g, dpi, at.x+ink.x1, at.y+ink.y1, ink.x2-ink.x1, ink.y2-ink.y1)
			}
			got, want := part(grey(img)), part(coarser(raster(t, path, 1, dpi*finer), finer))
			sum, dark := 0, 0
			for y := got.Rect.Min.Y; y < got.Rect.Max.Y; y++ {
				for x := got.Rect.Min.X; x < got.Rect.Max.X; x++ {
					sum += abs(int(got.GrayAt(x, y).Y) - int(want.GrayAt(x, y).Y))
					if want.GrayAt(x, y).Y < 64 {
						dark++
					}
				}
			}
			pixels := got.Rect.Dx() * got.Rect.Dy()
			if mean := float64(sum) / float64(pixels); mean > 4 {
				t.Errorf("the line differs by %.2f of 255", mean)
			}
			if dark < pixels/20 {
				t.Errorf("%d of %d pixels are dark", dark, pixels)
			}
		})
	}
}
