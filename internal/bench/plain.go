package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"cho40/printing"

	"codeberg.org/go-pdf/fpdf"
	"github.com/jung-kurt/gofpdf"
	"github.com/signintech/gopdf"
)

// The plain card is ours as one draws it who follows a library's examples: the same words in the same places and
// typefaces, four to a page, the same boxes and cuts. It leaves out what makes ours ours: type that is fitted and
// kerned, the tiles (a bar stands for them), modules in whole dots, the check that every letter can be drawn.

// pen is a PDF library. Places and sizes are millimetres from the page's top left.
type pen interface {
	page()
	say(w words, x, y float64) error
	fill(x, y, w, h float64, c ink)
	finish(out io.Writer) error
}

type ink struct{ r, g, b int }

var (
	black    = ink{}
	white    = ink{255, 255, 255}
	leaf     = ink{0x0b, 0x5d, 0x43}
	turmeric = ink{0xf2, 0xb6, 0x32}
)

// words are one line; anchor is the part of its width that lies left of its place.
type words struct {
	text         string
	weight       int // index of weights
	size, anchor float64
	ink          ink
}

// weights are the fonts of printing, whole; the program runs in its own folder.
var weights = sync.OnceValues(func() ([3][]byte, error) {
	var all [3][]byte
	for i, name := range [3]string{"400Regular", "700Bold", "800ExtraBold"} {
		ttf, err := os.ReadFile("../../printing/fonts/BeVietnamPro_" + name + ".ttf")
		if err != nil {
			return all, err
		}
		all[i] = ttf
	}
	return all, nil
})

const (
	regular, bold, heavy = 0, 1, 2

	cardWidth, cardHeight = 105, 148.5
	pointsPerMM           = 72 / 25.4
)

// draw puts p at the given place; code draws its symbol into a square.
func draw(to pen, p printing.Placard, x, y float64, code func(x, y, side float64) error) error {
	to.fill(x+6, y+6, 93, 6.2, leaf)
	to.fill(x+72, y+13.8, 27, 9.6, leaf)
	to.fill(x+6, y+122.6, 93, 11.2, black)
	to.fill(x+6.7, y+123.3, 91.6, 9.8, turmeric)
	for _, w := range []struct {
		words
		x, y float64
	}{
		{words{p.Market, bold, 4.2, 0, leaf}, 6, 17.6},
		{words{p.Vendor + " · " + p.Goods, regular, 3.7, 0, black}, 6, 22.4},
		{words{p.Stall, heavy, 7.2, 0.5, white}, 85.5, 21.15},
		{words{p.Holder, heavy, 8, 0.5, black}, 52.5, 36.6},
		{words{p.Provider, bold, 4.6, 0, black}, 6, 120.6},
		{words{"số cuối " + p.Tail, bold, 4.6, 1, black}, 99, 120.6},
		{words{"Xem đúng tên rồi mới chuyển", heavy, 5.2, 0.5, black}, 52.5, 128.3},
		{words{"Compare the name on your phone before you pay", regular, 3.2, 0.5, black}, 52.5, 132.2},
		{words{"Sai tên? Gọi Ban quản lý", regular, 3.1, 0, black}, 6, 138},
		{words{"Số bảng", regular, 3.1, 1, black}, 99, 138},
		{words{p.Call, bold, 3.5, 0, black}, 6, 142},
		{words{p.Serial, bold, 3.5, 1, black}, 99, 142},
	} {
		if err := to.say(w.words, x+w.x, y+w.y); err != nil {
			return err
		}
	}
	const side = 66
	return code(x+cardWidth/2-side/2, y+76.375-side/2, side)
}

// plain prints placards from..from+n as one file. code draws the symbol of placard i into a square.
func plain(newPen func() (pen, error), code func(to pen, s *shelf, i int, x, y, side float64) error) printer {
	return func(out io.Writer, s *shelf, from, n int) error {
		to, err := newPen()
		if err != nil {
			return err
		}
		for i := from; i < from+n; i++ {
			cell := (i - from) % 4
			if cell == 0 {
				to.page()
				to.fill(cardWidth-0.1, 0, 0.2, 2*cardHeight, black)
				to.fill(0, cardHeight-0.1, 2*cardWidth, 0.2, black)
			}
			err := draw(to, placardOf(i), float64(cell%2)*cardWidth, float64(cell/2)*cardHeight, func(x, y, side float64) error {
				return code(to, s, i, x, y, side)
			})
			if err != nil {
				return err
			}
		}
		return to.finish(out)
	}
}

// rectangles draws a symbol as one rectangle for each run of dark modules in a row.
func rectangles(symbol func(s *shelf, i int) (printing.Modules, error)) func(pen, *shelf, int, float64, float64, float64) error {
	return func(to pen, s *shelf, i int, x, y, side float64) error {
		m, err := symbol(s, i)
		if err != nil {
			return err
		}
		n := m.Size()
		module := side / float64(n)
		for row := range n {
			for column := 0; column < n; column++ {
				run := 0
				for column+run < n && m.Dark(column+run, row) {
					run++
				}
				if run > 0 {
					to.fill(x+float64(column)*module, y+float64(row)*module, float64(run)*module, module, black)
					column += run
				}
			}
		}
		return nil
	}
}

// pictures draws a symbol as a PNG of its own, by gofpdf.
func pictures(make func(payload string) ([]byte, error)) func(pen, *shelf, int, float64, float64, float64) error {
	return func(to pen, _ *shelf, i int, x, y, side float64) error {
		text, err := payloadOf(i)
		if err != nil {
			return err
		}
		png, err := make(text)
		if err != nil {
			return err
		}
		pdf := to.(fpdfPen).fpdfLike.(*gofpdf.Fpdf)
		name, kind := strconv.Itoa(i), gofpdf.ImageOptions{ImageType: "PNG"}
		pdf.RegisterImageOptionsReader(name, kind, bytes.NewReader(png))
		pdf.ImageOptions(name, x, y, side, side, false, kind, 0, "")
		return nil
	}
}

// fpdfLike is what gofpdf and its living fork fpdf have in common. Both keep the first error until Output.
type fpdfLike interface {
	AddPage()
	AddUTF8FontFromBytes(family, style string, ttf []byte)
	GetStringWidth(text string) float64
	Output(w io.Writer) error
	Rect(x, y, w, h float64, style string)
	SetAutoPageBreak(auto bool, margin float64)
	SetFillColor(r, g, b int)
	SetFont(family, style string, size float64)
	SetMargins(left, top, right float64)
	SetTextColor(r, g, b int)
	Text(x, y float64, text string)
}

type fpdfPen struct{ fpdfLike }

func newGofpdf() (pen, error) { return newFpdfPen(gofpdf.New("P", "mm", "A4", "")) }
func newFpdf() (pen, error)   { return newFpdfPen(fpdf.New("P", "mm", "A4", "")) }

func newFpdfPen(pdf fpdfLike) (pen, error) {
	fonts, err := weights()
	if err != nil {
		return nil, err
	}
	pdf.SetMargins(0, 0, 0)
	pdf.SetAutoPageBreak(false, 0)
	for i, ttf := range fonts {
		pdf.AddUTF8FontFromBytes(strconv.Itoa(i), "", bytes.Clone(ttf)) // gofpdf writes into it
	}
	return fpdfPen{pdf}, nil
}

func (p fpdfPen) page() { p.AddPage() }

func (p fpdfPen) say(w words, x, y float64) error {
	p.SetFont(strconv.Itoa(w.weight), "", w.size*pointsPerMM)
	p.SetTextColor(w.ink.r, w.ink.g, w.ink.b)
	if w.anchor > 0 {
		x -= p.GetStringWidth(w.text) * w.anchor
	}
	p.Text(x, y, w.text)
	return nil
}

func (p fpdfPen) fill(x, y, w, h float64, c ink) {
	p.SetFillColor(c.r, c.g, c.b)
	p.Rect(x, y, w, h, "F")
}

func (p fpdfPen) finish(out io.Writer) error { return p.Output(out) }

type gopdfPen struct{ *gopdf.GoPdf }

func newGopdf() (pen, error) {
	fonts, err := weights()
	if err != nil {
		return nil, err
	}
	p := gopdfPen{&gopdf.GoPdf{}}
	p.Start(gopdf.Config{PageSize: *gopdf.PageSizeA4}) // points, although it knows millimetres: no conversion, faster
	for i, ttf := range fonts {
		if err := p.AddTTFFontData(strconv.Itoa(i), ttf); err != nil {
			return nil, fmt.Errorf("font %d: %w", i, err)
		}
	}
	return p, nil
}

func (p gopdfPen) page() { p.AddPage() }

func (p gopdfPen) say(w words, x, y float64) error {
	if err := p.SetFont(strconv.Itoa(w.weight), "", w.size*pointsPerMM); err != nil {
		return err
	}
	p.SetTextColor(uint8(w.ink.r), uint8(w.ink.g), uint8(w.ink.b))
	x *= pointsPerMM
	if w.anchor > 0 {
		width, err := p.MeasureTextWidth(w.text)
		if err != nil {
			return err
		}
		x -= width * w.anchor
	}
	p.SetXY(x, y*pointsPerMM)
	return p.Text(w.text)
}

func (p gopdfPen) fill(x, y, w, h float64, c ink) {
	p.SetFillColor(uint8(c.r), uint8(c.g), uint8(c.b))
	p.RectFromUpperLeftWithStyle(x*pointsPerMM, y*pointsPerMM, w*pointsPerMM, h*pointsPerMM, "F")
}

func (p gopdfPen) finish(out io.Writer) error {
	_, err := p.WriteTo(out)
	return err
}
