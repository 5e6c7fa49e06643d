package printing

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/jung-kurt/gofpdf"
	"pgregory.net/rapid"
)

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

// on is the area on the paper of what a card in that cell shows.
func (a area) on(at cell) area {
	if at.turned {
		return area{at.x - a.x2, at.y - a.y2, at.x - a.x1, at.y - a.y1}
	}
	return area{at.x + a.x1, at.y + a.y1, at.x + a.x2, at.y + a.y2}
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

// said is all that a placard's cell says, in all its panels.
func said(panels []layout) string {
	all := ""
	for _, l := range panels {
		for _, line := range l.texts {
			all += " " + line.say
		}
	}
	return all
}

// must is what a sheet has to say of a placard, letter by letter.
func must(s Sheet, p Placard) []string {
	all := []string{p.Stall, p.Provider, markWords[p.Mark]}
	if _, ok := s.panels[0].design.(tips); ok {
		all = append(all, p.Vendor, p.Call, p.Helper, p.Helped)
	} else {
		all = append(all, p.Holder, p.Serial)
	}
	if _, large := s.panels[0].design.(*card); large {
		all = append(all, p.Market, p.Vendor, p.Call)
	}
	if p.Number != "" {
		return append(all, p.Number)
	}
	return append(all, p.Tail)
}

// clearOf is where the first cell of a sheet may have ink: 5 mm off the paper's edge and the cuts, 1.9 off a sticker's.
func clearOf(s Sheet) area {
	at, clear := s.at(0), 5.0
	if _, sold := boxed[s.Name()]; sold {
		clear = stickerClear - 0.1
	}
	// The cells of some sheets lie half a millimetre off the cut.
	cell := area{clear, clear - 0.5, s.w - clear, s.h - clear + 0.5}.on(at)
	return area{max(cell.x1, 5), max(cell.y1, 5), min(cell.x2, s.width-5), min(cell.y2, s.height-5)}
}

// Whatever a card says stays 5 mm from its cell's edges, off its quiet zone, and clear of all other words; and all of
// it is said.
func TestNothingOverflowsOverlapsOrIsLost(t *testing.T) {
	t.Parallel()
	codes := []Modules{blank(29), blank(37), blank(41), blank(45), blank(57)}
	fitted := 0
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.SampledFrom(every(t)).Draw(rt, "sheet")
		p := anyPlacard(rt, rapid.SampledFrom(codes).Draw(rt, "code"))
		look := rapid.SampledFrom([]Theme{{}, {Board: "Tổ quản lý chợ"}, indigo()}).Draw(rt, "theme")
		panels, err := s.lay(&p, look)
		if err != nil {
			return
		}
		fitted++
		clear := clearOf(s)
		var lines []text
		var inks, zones []area
		for i, l := range panels {
			at := s.panels[i].at.in(s.at(0))
			for _, line := range l.texts {
				lines, inks = append(lines, line), append(inks, line.ink().on(at))
			}
			if l.logo.w > 0 {
				lines, inks = append(lines, text{say: "the logo"}), append(inks, area{l.logo.x, l.logo.y, l.logo.x + l.logo.w, l.logo.y + l.logo.h}.on(at))
			}
			if l.code.dots > 0 {
				quiet := l.code.quiet(p.Code.Size()) / 2
				zones = append(zones, area{l.code.x - quiet, l.code.y - quiet, l.code.x + quiet, l.code.y + quiet}.on(at))
			}
		}
		for i, ink := range inks {
			if ink.x1 < clear.x1 || ink.y1 < clear.y1 || ink.x2 > clear.x2 || ink.y2 > clear.y2 {
				rt.Errorf("%q reaches %v, outside of %v", lines[i].say, ink, clear)
			}
			for _, zone := range zones {
				if ink.meets(zone) {
					rt.Errorf("%q at %v is in the quiet zone %v", lines[i].say, ink, zone)
				}
			}
			for k, other := range inks[:i] {
				if ink.meets(other) {
					rt.Errorf("%q at %v meets %q at %v", lines[i].say, ink, lines[k].say, other)
				}
			}
		}
		all := squeeze(said(panels))
		for _, say := range must(s, p) {
			if !strings.Contains(all, squeeze(say)) {
				rt.Errorf("%q is not on the card: %q", say, all)
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
			panels, err := sheetOf(t, tt.sheet).lay(&p, Theme{})
			if err != nil {
				t.Fatal(err)
			}
			l := panels[0]
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
			panels, err := s.lay(&p, Theme{})
			if err != nil {
				t.Fatal(err)
			}
			l := panels[0]
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
			if got, want := f.glyph(r).advance, int(math.Round(doc.GetStringWidth(string(r)))); got != want {
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
