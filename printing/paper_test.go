package printing

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tool runs a program that reads paper for us. A machine without it is told what to install, not let through.
func tool(t *testing.T, pack, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatalf("%s is missing: install the package %s.", name, pack)
	}
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return out
}

// file writes bytes where a tool can read them.
func file(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// raster is one page of a PDF in grey, as poppler draws it.
func raster(t *testing.T, pdf string, page, dpi int) *image.Gray {
	t.Helper()
	n := fmt.Sprint(page)
	return pgm(t, tool(t, "poppler-utils", "pdftoppm", "-gray", "-r", fmt.Sprint(dpi), "-f", n, "-l", n, pdf))
}

// renderers draw one page each in their own way; what both say, a printer will.
var renderers = []struct {
	name string
	draw func(t *testing.T, pdf string, page, dpi int) *image.Gray
}{
	{"poppler", raster},
	{"mupdf", func(t *testing.T, pdf string, page, dpi int) *image.Gray {
		t.Helper()
		return pgm(t, tool(t, "mupdf-tools", "mutool", "draw", "-q", "-F", "pgm", "-c", "gray", "-r", fmt.Sprint(dpi), "-o", "-", pdf, fmt.Sprint(page)))
	}},
}

// pgm reads a picture of the PGM format.
func pgm(t *testing.T, raw []byte) *image.Gray {
	t.Helper()
	var w, h, top int
	if _, err := fmt.Sscanf(string(raw[:min(len(raw), 40)]), "P5\n%d %d\n%d", &w, &h, &top); err != nil || top != 255 || len(raw) < w*h {
		t.Fatalf("no picture: %v", err)
	}
	return &image.Gray{Pix: raw[len(raw)-w*h:], Stride: w, Rect: image.Rect(0, 0, w, h)}
}

// crop is the part of a picture given in millimetres.
func crop(g *image.Gray, dpi int, x, y, w, h float64) *image.Gray {
	px := func(mm float64) int { return int(math.Round(mm / mmPerInch * float64(dpi))) }
	return g.SubImage(image.Rect(px(x), px(y), px(x+w), px(y+h)).Intersect(g.Rect)).(*image.Gray)
}

func cropArea(g *image.Gray, dpi int, a area) *image.Gray {
	return crop(g, dpi, a.x1, a.y1, a.x2-a.x1, a.y2-a.y1)
}

// scan is what a code reader sees in the picture.
func scan(t *testing.T, g *image.Gray) string {
	t.Helper()
	var out bytes.Buffer
	fmt.Fprintf(&out, "P5\n%d %d\n255\n", g.Rect.Dx(), g.Rect.Dy())
	for y := g.Rect.Min.Y; y < g.Rect.Max.Y; y++ {
		out.Write(g.Pix[g.PixOffset(g.Rect.Min.X, y):g.PixOffset(g.Rect.Max.X, y)])
	}
	return strings.TrimSuffix(string(tool(t, "zbar-tools", "zbarimg", "-q", "--raw", file(t, "cell.pgm", out.Bytes()))), "\n")
}

// face is a card of a placard that shows its code, and where it stands.
type coded struct {
	layout
	at   cell
	zone area // symbol, quiet zone and a millimetre around, on the paper
}

// facesOf are those of a placard in the nth cell of a page.
func facesOf(t *testing.T, s Sheet, p *Placard, n int) []coded {
	t.Helper()
	panels, err := s.lay(p, Theme{})
	if err != nil {
		t.Fatal(err)
	}
	var all []coded
	for k, l := range panels {
		if l.code.dots > 0 {
			at, quiet := s.panels[k].at.in(s.at(n)), l.code.quiet(p.Code.Size())/2+1
			all = append(all, coded{l, at, area{l.code.x - quiet, l.code.y - quiet, l.code.x + quiet, l.code.y + quiet}.on(at)})
		}
	}
	return all
}

func TestEveryPlacardIsReadBack(t *testing.T) {
	t.Parallel()
	for _, s := range every(t) {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			const skip, dpi = 1, 150
			placards := fitting(t, s)
			p := Print{Sheet: s, CutMarks: true, Made: made}
			if s.PerPage() > skip {
				p.Skip = skip
			}
			path := file(t, "sheet.pdf", printed(t, p, placards...))
			var page *image.Gray
			for i, placard := range placards {
				n := p.Skip + i
				if page == nil || n%s.PerPage() == 0 {
					page = raster(t, path, n/s.PerPage()+1, dpi)
				}
				want := placard.Code.(bitmap).payload
				for k, f := range facesOf(t, s, &placard, n%s.PerPage()) {
					if got := scan(t, cropArea(page, dpi, f.zone)); got != want {
						t.Errorf("placard %d (%s), face %d reads %q, want %q", i, placard.Holder, k, got, want)
					}
				}
			}
		})
	}
}

// Where a whole module stands, all pixels are black, and where none stands, white: no hairline, no grey inside, and no ink within four
// modules of the symbol. From 300 dots an inch on, a module is a whole number of pixels, so that there is no grey at all.
func TestModulesAreSolid(t *testing.T) {
	t.Parallel()
	for _, s := range every(t) {
		for _, dpi := range []int{150, 300, 600} {
			for _, renderer := range renderers {
				t.Run(fmt.Sprintf("%s at %d dpi by %s", s.Name(), dpi, renderer.name), func(t *testing.T) {
					t.Parallel()
					placards := fitting(t, s)
					placards = placards[:min(len(placards), s.PerPage(), max(1200/dpi, 2))] // a quarter of the pixels is enough of the finer ones
					page := renderer.draw(t, file(t, "sheet.pdf", printed(t, Print{Sheet: s, CutMarks: true, Made: made}, placards...)), 1, dpi)
					for i, p := range placards {
						panels, err := s.lay(&p, Theme{})
						if err != nil {
							t.Fatal(err)
						}
						for j, l := range panels {
							if l.code.dots == 0 {
								continue
							}
							if wrong := untrue(page, dpi, l.code, s.panels[j].at.in(s.at(i)), p.Code); wrong > 0 {
								t.Errorf("placard %d (%s), panel %d: %d pixels are not what the symbol says", i, p.Holder, j, wrong)
							}
						}
					}
				})
			}
		}
	}
}

// untrue counts the pixels of a symbol and its quiet zone that are another colour than all the dots below them say.
func untrue(page *image.Gray, dpi int, s symbol, at cell, code Modules) (wrong int) {
	n := code.Size()
	half := s.side(n) / 2
	place := area{s.x - half, s.y - half, s.x + half, s.y + half}.on(at)
	left, top := int(math.Round(place.x1/mmPerDot)), int(math.Round(place.y1/mmPerDot)) // in dots of 300 an inch, as all below
	dark := func(x, y int) bool {
		if x -= left; x < 0 || x >= n*s.dots {
			return false
		}
		if y -= top; y < 0 || y >= n*s.dots {
			return false
		}
		if at.turned {
			return code.Dark(n-1-x/s.dots, n-1-y/s.dots)
		}
		return code.Dark(x/s.dots, y/s.dots)
	}
	quiet := QuietZone * s.dots
	first := func(dot int) int { return ((dot-quiet)*dpi + dotsPerInch - 1) / dotsPerInch } // wholly within the quiet zone
	beyond := func(dot int) int { return (dot + n*s.dots + quiet) * dpi / dotsPerInch }
	for y := first(top); y < beyond(top); y++ {
		for x := first(left); x < beyond(left); x++ {
			all, any := true, false
			for _, dy := range []int{0, 1} { // the first dot below the pixel, and the last
				for _, dx := range []int{0, 1} {
					d := dark(((x+dx)*dotsPerInch-dx)/dpi, ((y+dy)*dotsPerInch-dy)/dpi)
					all, any = all && d, any || d
				}
			}
			got := page.Pix[page.PixOffset(x, y)]
			switch {
			case all && got != 0:
				wrong++
			case any || got > 240: // half a module may be any grey; a twentieth is what renderers lay where two modules touch at a corner
			// Poppler counts right and lower edges as inside and lays a faint brim there.
			case got <= 150 || !(dark((x-1)*dotsPerInch/dpi, y*dotsPerInch/dpi) || dark(x*dotsPerInch/dpi, (y-1)*dotsPerInch/dpi) || dark((x-1)*dotsPerInch/dpi, (y-1)*dotsPerInch/dpi)):
				wrong++
			}
		}
	}
	return wrong
}

// Office printers leave the paper's edge white; only a cut mark may be lost there.
func TestNothingNearThePaperEdgeButCutMarks(t *testing.T) {
	t.Parallel()
	const dpi, clear = 150, 5.0
	for _, s := range every(t) {
		for _, marks := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, cut marks %v", s.Name(), marks), func(t *testing.T) {
				t.Parallel()
				placards := fitting(t, s)
				placards = placards[:min(len(placards), s.PerPage())]
				page := raster(t, file(t, "sheet.pdf", printed(t, Print{Sheet: s, CutMarks: marks, Made: made}, placards...)), 1, dpi)
				onCut := func(x, y float64) bool {
					for _, cut := range s.across {
						if math.Abs(x-cut) < 0.4 {
							return true
						}
					}
					for _, cut := range s.down {
						if math.Abs(y-cut) < 0.4 {
							return true
						}
					}
					return false
				}
				seen := 0
				for py := range page.Rect.Dy() {
					for px, lightness := range page.Pix[py*page.Stride:][:page.Rect.Dx()] {
						if lightness == 255 {
							continue
						}
						x, y := (float64(px)+0.5)*mmPerInch/dpi, (float64(py)+0.5)*mmPerInch/dpi
						if min(x, y, s.width-x, s.height-y) > clear-0.1 {
							continue
						}
						seen++
						if !marks || !onCut(x, y) {
							t.Fatalf("ink at %.1f, %.1f mm", x, y)
						}
					}
				}
				if marks && len(s.across)+len(s.down) > 0 && seen == 0 {
					t.Error("no cut mark reaches the edge")
				}
			})
		}
	}
}

// A page that is moved is the same page, to the pixel.
func TestOffsetMovesAllInk(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		offset      Offset
		right, down int // dots
	}{
		{"right and down", Offset{1, 2}, 12, 24},
		{"left and up", Offset{-0.5, -1.5}, -6, -18},
		{"less than half a dot", Offset{0.04, -0.04}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			page := func(o Offset) *image.Gray {
				p := Print{Sheet: sheetOf(t, "tent"), CutMarks: true, Made: made, Offset: o}
				return raster(t, file(t, "sheet.pdf", printed(t, p, hard(t)[:2]...)), 1, dotsPerInch)
			}
			still, moved := page(Offset{}), page(tt.offset)
			wrong := 0
			for y := 30; y < still.Rect.Dy()-30; y++ {
				for x := 30; x < still.Rect.Dx()-30; x++ {
					if still.GrayAt(x, y) != moved.GrayAt(x+tt.right, y+tt.down) {
						wrong++
					}
				}
			}
			if wrong > 0 {
				t.Errorf("%d pixels did not move by %d, %d", wrong, tt.right, tt.down)
			}
		})
	}
}

func TestCopiesStandSideBySide(t *testing.T) {
	t.Parallel()
	const dpi = 150
	s, placards := sheetOf(t, "a6x4"), hard(t)[:2]
	page := raster(t, file(t, "sheet.pdf", printed(t, Print{Sheet: s, Copies: 2, Made: made}, placards...)), 1, dpi)
	for n := range s.PerPage() {
		at := s.at(n)
		want := placards[n/2].Code.(bitmap).payload
		if got := scan(t, crop(page, dpi, at.x, at.y, s.w, s.h)); got != want {
			t.Errorf("cell %d reads %q, want %q", n, got, want)
		}
	}
}

func TestUsedCellsStayWhite(t *testing.T) {
	t.Parallel()
	const dpi, skip = 100, 2
	s := sheetOf(t, "a6x4")
	page := raster(t, file(t, "sheet.pdf", printed(t, Print{Sheet: s, Skip: skip, CutMarks: true, Made: made}, hard(t)[:2]...)), 1, dpi)
	for n := range s.PerPage() {
		at := s.at(n)
		// From the cut on, a cell is free of ink but for the cut itself.
		cell := crop(page, dpi, at.x+0.5, at.y+0.5, 104, 147)
		dark := false
		for y := cell.Rect.Min.Y; y < cell.Rect.Max.Y; y++ {
			for x := cell.Rect.Min.X; x < cell.Rect.Max.X; x++ {
				dark = dark || cell.GrayAt(x, y).Y < 255
			}
		}
		if dark != (n >= skip) {
			t.Errorf("cell %d has ink: %v", n, dark)
		}
	}
}

func TestTextCanBeFoundAndFontsAreInside(t *testing.T) {
	t.Parallel()
	for _, s := range every(t) {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			for _, p := range fitting(t, s) {
				panels, err := s.lay(&p, Theme{})
				if err != nil {
					t.Fatal(err)
				}
				path := file(t, "card.pdf", printed(t, Print{Sheet: s, Made: made}, p))
				got := squeeze(string(tool(t, "poppler-utils", "pdftotext", "-raw", path, "-")))
				for _, l := range panels {
					for _, line := range l.texts {
						if !strings.Contains(got, squeeze(line.say)) {
							t.Errorf("%q is not in the text of the page:\n%s", line.say, got)
						}
					}
				}
				fonts := strings.Split(strings.TrimSpace(string(tool(t, "poppler-utils", "pdffonts", path))), "\n")
				if len(fonts) != 5 {
					t.Errorf("%d lines about fonts, want a head and three faces: %q", len(fonts), fonts)
				}
				for _, f := range fonts[2:] {
					// name, type in three words, encoding, then: embedded, subset, to Unicode
					if words := strings.Fields(f); !strings.Contains(words[0], "bevietnampro") || words[len(words)-5] != "yes" {
						t.Errorf("not embedded: %s", f)
					}
				}
			}
		})
	}
}
