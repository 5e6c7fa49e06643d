package printing

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/jung-kurt/gofpdf"
	"pgregory.net/rapid"
)

// area is a rectangle of ink in millimetres.
type area struct{ x1, y1, x2, y2 float64 }

// meets allows half a printer's dot: the boxes are those of the highest and the deepest letter of a line.
func (a area) meets(b area) bool {
	const least = mmPerDot / 2
	return a.x1 < b.x2-least && b.x1 < a.x2-least && a.y1 < b.y2-least && b.y1 < a.y2-least
}

// ink is where a line may be dark.
func (t text) ink() area {
	switch w := t.width(); t.turn {
	case 1:
		return area{t.x - t.above(), t.y - w, t.x + t.below(), t.y}
	case -1:
		return area{t.x - t.below(), t.y, t.x + t.above(), t.y + w}
	default:
		return area{t.x, t.y - t.above(), t.x + w, t.y + t.below()}
	}
}

// Whatever a card says stays 5 mm from its edges, off its quiet zone, and clear of all other words; and all of it is said.
func TestNothingOverflowsOverlapsOrIsLost(t *testing.T) {
	t.Parallel()
	codes := []Modules{blank(29), blank(37), blank(41), blank(45), blank(57)}
	fitted := 0
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.SampledFrom(Sheets()).Draw(rt, "sheet")
		p := anyPlacard(rt, rapid.SampledFrom(codes).Draw(rt, "code"))
		l, err := s.lay(&p)
		if err != nil {
			return
		}
		fitted++
		at, next := s.at(0), area{x2: s.width, y2: s.height}
		if s.PerPage() > 1 {
			next = area{x2: s.at(1).x, y2: s.height}
			if down := len(s.rows); down > 1 {
				next.y2 = s.rows[1][0].y
			}
		}
		quiet := l.code.quiet(p.Code.Size()) / 2
		zone := area{l.code.x - quiet, l.code.y - quiet, l.code.x + quiet, l.code.y + quiet}
		said := ""
		for i, line := range l.texts {
			said += " " + line.say
			ink := line.ink()
			if ink.x1 < 5 || ink.y1 < 5-at.y || ink.x2 > next.x2-5 || ink.y2 > next.y2-at.y-5 {
				rt.Errorf("%q reaches %v of a cell that ends at %v", line.say, ink, next)
			}
			if ink.meets(zone) {
				rt.Errorf("%q at %v is in the quiet zone %v", line.say, ink, zone)
			}
			for _, other := range l.texts[:i] {
				if ink.meets(other.ink()) {
					rt.Errorf("%q at %v meets %q at %v", line.say, ink, other.say, other.ink())
				}
			}
		}
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
		must := []string{p.Stall, p.Holder, p.Provider, p.Serial, markWords[p.Mark]}
		if _, large := s.design.(*card); large {
			must = append(must, p.Market, p.Vendor, p.Call)
		}
		if p.Number != "" {
			must = append(must, p.Number)
		} else {
			must = append(must, p.Tail)
		}
		for _, say := range must {
			if !strings.Contains(squeeze(said), squeeze(say)) {
				rt.Errorf("%q is not on the card: %q", say, said)
			}
		}
	})
	if fitted == 0 {
		t.Error("no placard was laid out")
	}
}

// The design's own figures, for the symbol that its mocks show.
func TestDesignFigures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sheet                           string
		dots                            int
		x, y, side, quietTop, quietLast float64
		holder                          float64
	}{
		{"a6x4", 19, 19.52, 43.4, 65.95, 36.96, 115.79, 36.6},
		{"a5x2", 30, 21.93, 57.0, 104.14, 46.84, 171.30, 46.5},
		{"a4x1", 37, 40.78, 87.0, 128.44, 74.47, 227.97, 73.2},
	} {
		t.Run(tt.sheet, func(t *testing.T) {
			p := plain(t)
			p.Code = blank(41)
			l, err := sheetOf(t, tt.sheet).lay(&p)
			if err != nil {
				t.Fatal(err)
			}
			side, quiet := l.code.side(41), l.code.quiet(41)
			got := []float64{float64(l.code.dots), l.code.x - side/2, l.code.y - side/2, side, l.code.y - quiet/2, l.code.y + quiet/2}
			for i, want := range []float64{float64(tt.dots), tt.x, tt.y, tt.side, tt.quietTop, tt.quietLast} {
				if math.Abs(got[i]-want) > 0.015 {
					t.Errorf("figure %d = %.3f, want %.3f", i, got[i], want)
				}
			}
			for _, line := range l.texts {
				if line.say == p.Holder && line.y != tt.holder {
					t.Errorf("holder at %.2f, want %.2f", line.y, tt.holder)
				}
			}
		})
	}
}

func TestHolderShrinksThenWraps(t *testing.T) {
	t.Parallel()
	s := sheetOf(t, "a6x4")
	for _, tt := range []struct {
		holder string
		want   []string
		size   float64
	}{
		{"LY MINH TAM", []string{"LY MINH TAM"}, 11.2},
		{"TRUONG THUY DAO", []string{"TRUONG THUY DAO"}, 8.8},
		{"NGUYEN THI PHUONG THAO ANH DAO", []string{"NGUYEN THI PHUONG", "THAO ANH DAO"}, 6.0},
		{"CONG TY TNHH MOT THANH VIEN THUONG MAI DICH VU", []string{"CONG TY TNHH MOT THANH", "VIEN THUONG MAI DICH VU"}, 6.0},
		{"CONG TY TNHH MOT THANH VIEN THUONG MAI DICH VU TAN AN", []string{"CONG TY TNHH MOT THANH VIEN", "THUONG MAI DICH VU TAN AN"}, 5.2},
	} {
		t.Run(tt.holder, func(t *testing.T) {
			p := plain(t)
			p.Holder = tt.holder
			l, err := s.lay(&p)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			size := 0.0
			for _, line := range l.texts {
				if strings.Contains(tt.holder, line.say) {
					got, size = append(got, line.say), line.size
				}
			}
			if strings.Join(got, "|") != strings.Join(tt.want, "|") || math.Abs(size-tt.size) > 1e-9 {
				t.Errorf("holder = %q at %.1f, want %q at %.1f", got, size, tt.want, tt.size)
			}
		})
	}
}

func TestWrapKeepsEveryWord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		say := rapid.StringMatching(`[A-Z]{1,6}( [A-Z]{1,6}){0,7}`).Draw(rt, "say")
		n := rapid.IntRange(1, 3).Draw(rt, "lines")
		lines := faces().heavy.wrap(say, n)
		if len(lines) > n || strings.Join(lines, " ") != say {
			rt.Errorf("wrap(%q, %d) = %q", say, n, lines)
		}
	})
}

// Our own measure of a letter is the one that the PDF's width table will hold.
func TestMeasureAgreesWithThePDF(t *testing.T) {
	t.Parallel()
	doc := gofpdf.New("P", "pt", "A4", "")
	for _, f := range faces().all() {
		doc.AddUTF8FontFromBytes(f.family, "", bytes.Clone(f.ttf))
		doc.SetFont(f.family, "", perEm)
		for _, r := range alphabet {
			if got, want := f.glyphs[r].advance, int(math.Round(doc.GetStringWidth(string(r)))); got != want {
				t.Errorf("%s %q is %d wide, in the PDF %d", f.family, r, got, want)
			}
		}
	}
	if err := doc.Error(); err != nil {
		t.Fatal(err)
	}
}

func TestAlphabetIsWhole(t *testing.T) {
	t.Parallel()
	const vietnamese = "aàảãáạăằẳẵắặâầẩẫấậbcdđeèẻẽéẹêềểễếệghiìỉĩíịklmnoòỏõóọôồổỗốộơờởỡớợpqrstuùủũúụưừửữứựvxyỳỷỹýỵ"
	for _, r := range vietnamese + strings.ToUpper(vietnamese) + "0123456789 .,-–·/&()'“”:+#" {
		if !faces().drawable(r) {
			t.Errorf("%q cannot be drawn", r)
		}
	}
}
