package printing

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"strings"
	"testing"
)

// grey is a picture as a printer without colour, or a reader of codes, sees it.
func grey(img image.Image) *image.Gray {
	g := image.NewGray(img.Bounds())
	draw.Draw(g, g.Rect, img, image.Point{}, draw.Src)
	return g
}

// coarser is a picture at a part of its resolution: each pixel the average of n × n.
func coarser(g *image.Gray, n int) *image.Gray {
	less := image.NewGray(image.Rect(0, 0, g.Rect.Dx()/n, g.Rect.Dy()/n))
	for y := range less.Rect.Dy() {
		for x := range less.Rect.Dx() {
			sum := 0
			for i := range n * n {
				sum += int(g.GrayAt(x*n+i%n, y*n+i/n).Y)
			}
			less.SetGray(x, y, color.Gray{uint8(sum / (n * n))})
		}
	}
	return less
}

// The preview is what the printer will make of the file. Poppler moves each letter to a whole pixel or a quarter, so it
// draws four times as fine as we do. Symbols are left out: one whose modules are no whole number of pixels is smaller in
// the preview. They are read, and their pixels counted, elsewhere.
func TestPreviewIsThePage(t *testing.T) {
	t.Parallel()
	const dpi, finer = 150, 4
	const bound = 1.3 // of 255, on average over all pixels; type a twentieth too large makes 1.7 to 3
	for _, s := range Sheets() {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			placards := fitting(t, s)
			placards = placards[:min(len(placards), s.PerPage())]
			p := Print{Sheet: s, CutMarks: true, Made: made}
			want := coarser(raster(t, file(t, "sheet.pdf", printed(t, p, placards...)), 1, dpi*finer), finer)
			img, err := Preview(p, placards, 1, dpi)
			if err != nil {
				t.Fatal(err)
			}
			got := grey(img)
			if abs(got.Rect.Dx()-want.Rect.Dx()) > 1 || abs(got.Rect.Dy()-want.Rect.Dy()) > 1 {
				t.Fatalf("the page is %v, want %v", got.Rect, want.Rect)
			}
			for i, placard := range placards {
				for _, f := range facesOf(t, s, &placard, i) {
					for _, g := range []*image.Gray{got, want} {
						symbol := cropArea(g, dpi, f.zone)
						draw.Draw(symbol, symbol.Rect, image.White, image.Point{}, draw.Src)
					}
				}
			}
			both, sum := got.Rect.Intersect(want.Rect), 0
			for y := both.Min.Y; y < both.Max.Y; y++ {
				for x := both.Min.X; x < both.Max.X; x++ {
					sum += abs(int(got.GrayAt(x, y).Y) - int(want.GrayAt(x, y).Y))
				}
			}
			if mean := float64(sum) / float64(both.Dx()*both.Dy()); mean > bound {
				t.Errorf("the page differs by %.2f of 255, want at most %.2f", mean, bound)
			}
		})
	}
}

func TestPreviewIsReadBack(t *testing.T) {
	t.Parallel()
	for _, s := range Sheets() {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			placards := fitting(t, s)
			p := Print{Sheet: s, Skip: s.PerPage() - 1, CutMarks: true}
			var page *image.Gray
			for i, placard := range placards {
				n := p.Skip + i
				if page == nil || n%s.PerPage() == 0 {
					img, err := Preview(p, placards, n/s.PerPage()+1, 150)
					if err != nil {
						t.Fatal(err)
					}
					page = grey(img)
				}
				want := placard.Code.(bitmap).payload
				for k, f := range facesOf(t, s, &placard, n%s.PerPage()) {
					if got := scan(t, cropArea(page, 150, f.zone)); got != want {
						t.Errorf("placard %d (%s), face %d reads %q, want %q", i, placard.Holder, k, got, want)
					}
				}
			}
		})
	}
}

// What a vendor keeps on the phone is read there, and its modules and quiet zone are pure.
func TestPicture(t *testing.T) {
	t.Parallel()
	for _, s := range Sheets() {
		for _, width := range []int{480, 720, 1080} {
			t.Run(fmt.Sprintf("%s, %d pixels", s.Name(), width), func(t *testing.T) {
				t.Parallel()
				for i, p := range fitting(t, s) {
					img, err := Picture(p, s, Theme{}, width)
					if err != nil {
						t.Fatal(err)
					}
					if img.Rect.Dx() != width || img.Rect.Dy() != int(math.Round(s.h*float64(width)/s.w)) {
						t.Errorf("placard %d is %v", i, img.Rect)
					}
					perMM := float64(width) / s.w
					for _, f := range facesOf(t, alone(s), &p, 0) {
						n, module := p.Code.Size(), int(float64(f.code.dots)*mmPerDot*perMM)
						x, y := f.at.x+f.code.x, f.at.y+f.code.y
						if f.at.turned {
							x, y = f.at.x-f.code.x, f.at.y-f.code.y
						}
						left, top := int(math.Round(x*perMM-float64(n*module)/2)), int(math.Round(y*perMM-float64(n*module)/2))
						wrong := 0
						for y := -QuietZone * module; y < (n+QuietZone)*module; y++ {
							for x := -QuietZone * module; x < (n+QuietZone)*module; x++ {
								want := color.RGBA{255, 255, 255, 255}
								if x >= 0 && y >= 0 && x < n*module && y < n*module {
									column, row := x/module, y/module
									if f.at.turned {
										column, row = n-1-column, n-1-row
									}
									if p.Code.Dark(column, row) {
										want = color.RGBA{0, 0, 0, 255}
									}
								}
								if img.At(left+x, top+y) != want {
									wrong++
								}
							}
						}
						if wrong > 0 {
							t.Errorf("placard %d (%s): %d pixels are not what the symbol says", i, p.Holder, wrong)
						}
					}
					if want := p.Code.(bitmap).payload; width == 720 {
						if got, _, _ := strings.Cut(scan(t, grey(img)), "\n"); got != want { // a tent shows it twice
							t.Errorf("placard %d (%s) reads %q, want %q", i, p.Holder, got, want)
						}
					}
				}
			})
		}
	}
}

// alone is a sheet whose only cell begins at the paper's corner, as a picture of one placard does.
func alone(s Sheet) Sheet {
	one := *s.sheet
	one.rows = grid([]float64{0}, []float64{0})
	return Sheet{&one}
}

func TestPicturesAreSmallAndTheSame(t *testing.T) {
	t.Parallel()
	p := plain(t)
	p.Mark = MarkProvisional
	var files [2]bytes.Buffer
	for i := range files {
		img, err := Picture(p, sheetOf(t, "a6x4"), Theme{}, 720)
		if err != nil {
			t.Fatal(err)
		}
		if len(img.Palette) > 80 {
			t.Errorf("%d colours", len(img.Palette))
		}
		if err := png.Encode(&files[i], img); err != nil {
			t.Fatal(err)
		}
	}
	if size := files[0].Len(); size > 50_000 {
		t.Errorf("%d bytes", size)
	}
	if !bytes.Equal(files[0].Bytes(), files[1].Bytes()) {
		t.Error("the same placard gave other bytes")
	}
}

func TestPictureRefuses(t *testing.T) {
	t.Parallel()
	s, p := sheetOf(t, "a6x4"), plain(t)
	unsaid := p
	unsaid.Holder = ""
	fine := p
	fine.Code = blank(97)
	picture := func(p Placard, s Sheet, width int) func() error {
		return func() error { _, err := Picture(p, s, Theme{}, width); return err }
	}
	preview := func(p Print, all []Placard, page, dpi int) func() error {
		return func() error { _, err := Preview(p, all, page, dpi); return err }
	}
	one := []Placard{p}
	for _, tt := range []struct {
		name        string
		do          func() error
		field, code string // empty: a plain error
	}{
		{"a picture without a sheet", picture(p, Sheet{}, 720), "", ""},
		{"a picture of no holder", picture(unsaid, s, 720), "holder", "required"},
		{"too narrow", picture(p, s, 299), "width", "range"},
		{"too broad", picture(p, s, 4001), "width", "range"},
		{"too narrow for its code", picture(fine, s, 300), "width", "range"},
		{"a preview without a sheet", preview(Print{}, one, 1, 96), "", ""},
		{"a preview of nothing", preview(Print{Sheet: s}, nil, 1, 96), "", ""},
		{"a preview of no holder", preview(Print{Sheet: s}, []Placard{p, unsaid}, 1, 96), "holder", "required"},
		{"page 0", preview(Print{Sheet: s}, one, 0, 96), "page", "range"},
		{"a page after the last", preview(Print{Sheet: s, Skip: 3}, []Placard{p, p}, 3, 96), "page", "range"},
		{"too coarse", preview(Print{Sheet: s}, one, 1, 35), "resolution", "range"},
		{"too fine", preview(Print{Sheet: s}, one, 1, 301), "resolution", "range"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.do()
			var bad *FieldError
			if tt.field == "" {
				if err == nil || errors.As(err, &bad) {
					t.Errorf("%v, want a plain error", err)
				}
				return
			}
			if !errors.As(err, &bad) || bad.Field != tt.field || bad.Code != tt.code {
				t.Errorf("%v, want %s %s", err, tt.field, tt.code)
			}
		})
	}
}

// More colours than a palette holds: the nearest stands for those that come late.
func TestPaletteIsNeverTooLarge(t *testing.T) {
	t.Parallel()
	c := newPixels(10, 10, 1, Theme{})
	for i := range 300 {
		c.index(colour{i % 256, i / 2, 9})
	}
	if got := c.img.Palette[c.index(colour{255, 255, 254})]; len(c.img.Palette) != 256 || got != (color.RGBA{255, 255, 255, 255}) {
		t.Errorf("%d colours, %v for nearly white", len(c.img.Palette), got)
	}
}

func BenchmarkPicture(b *testing.B) {
	p, s := plain(b), sheetOf(b, "a6x4")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Picture(p, s, Theme{}, 720); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPicturePNG(b *testing.B) {
	p, s := plain(b), sheetOf(b, "a6x4")
	var out bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		img, err := Picture(p, s, Theme{}, 720)
		if err != nil {
			b.Fatal(err)
		}
		if err := png.Encode(&out, img); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(out.Len()), "bytes")
}

func BenchmarkPreview(b *testing.B) {
	p, all := Print{Sheet: sheetOf(b, "a6x4"), CutMarks: true}, hard(b)[:4]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Preview(p, all, 1, 96); err != nil {
			b.Fatal(err)
		}
	}
}
