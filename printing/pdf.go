package printing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"cho40/internal/fault"

	"github.com/jung-kurt/gofpdf"
)

// Print is how placards go on paper.
type Print struct {
	Sheet    Sheet
	Skip     int       // cells of the first page that are used up already
	Copies   int       // of each placard, one cell after the other; 0 is 1
	Back     bool      // after each page one of backs, for printing on both sides over the long edge; only a6x4, a5x2, a4x1
	CutMarks bool      // lines to cut along; needless on paper that is cut or perforated
	Offset   Offset    // of this printer
	Theme    Theme     // of the market; all placards of a document have one
	Made     time.Time // the only date in the file; never zero
	Title    string    // of the document, for its window and its printer's queue

	codes map[*Placard][]symbol // where each panel has its symbol, while a document is made; nil: it is not kept
}

// MaxCopies is the most that one placard is printed at once: a stall has two sides and a vendor a spare.
const MaxCopies = 20

// MaxOffset is how far, in millimetres, a drawing may be moved. A printer that is further out needs a person, not a number.
const MaxOffset = 10

// Offset is where all that is drawn must be moved to, in millimetres, because a printer feeds its paper askew. It is
// kept to whole dots, so that nothing on the page moves against its symbols. The calibration page shows what to enter.
type Offset struct {
	Right float64 `json:"right"` // negative: to the left
	Down  float64 `json:"down"`  // negative: up
}

// Check is a *FieldError, of right or down, when the offset is no number or over MaxOffset.
func (o Offset) Check() error {
	for _, part := range []struct {
		field string
		value float64
	}{{"right", o.Right}, {"down", o.Down}} {
		if !(math.Abs(part.value) <= MaxOffset) { // NaN is not
			return &FieldError{part.field, "range", fault.Say("A distance from -%d to %d mm.", MaxOffset, MaxOffset)}
		}
	}
	return nil
}

// dots are the whole dots to the right and down.
func (o Offset) dots() (right, down float64) {
	return math.Round(o.Right / mmPerDot), math.Round(o.Down / mmPerDot)
}

var errNoSheet = errors.New("printing: no sheet given")

// Check says whether placard can be printed this way, as Placard.Check does of a sheet alone: a logo takes room from the
// market and the vendor beside it, and a back has to fit as well.
func (p Print) Check(placard Placard) error {
	_, _, err := p.lay(&placard)
	return err
}

// lay is what a placard says on each panel, and on its back when there is one.
func (p Print) lay(placard *Placard) (panels []layout, back layout, err error) {
	if panels, err = p.Sheet.lay(placard, p.Theme); err != nil || !p.Back {
		return panels, back, err
	}
	if p.Sheet.back == nil {
		return nil, back, &FieldError{"back", "unknown", fault.Say("This sheet has no backs. Choose a6x4, a5x2 or a4x1.")}
	}
	back, err = p.Sheet.back.lay(placard, p.Theme)
	return panels, back, err
}

// Write prints the placards in their order as one PDF, filling each page row by row, and reads the finished file back (ReadBack) before
// it hands out the first byte. The same input gives the same bytes, from any number of goroutines. Nothing is written when a placard
// cannot be printed; the error then wraps its *FieldError and names its serial; faults of Print's own parts are a *FieldError of copies,
// back, right, down, title or the Theme's. A file is held in memory, about 2 KB a placard: keep to some 500.
func Write(w io.Writer, p Print, placards []Placard) error {
	p.codes = make(map[*Placard][]symbol, len(placards))
	whole, err := document(p, placards, true)
	if err != nil {
		return err
	}
	if err := ReadBack(whole, p, placards); err != nil {
		return fmt.Errorf("the finished file was read back: %w", err)
	}
	_, err = w.Write(whole)
	return err
}

func document(p Print, placards []Placard, compress bool) ([]byte, error) {
	pages, err := p.pages(len(placards))
	if err != nil {
		return nil, err
	}
	if p.Made.IsZero() {
		return nil, errors.New("printing: no date given")
	}
	if p.Copies < 0 || p.Copies > MaxCopies {
		return nil, &FieldError{"copies", "range", fault.Say("A number from 1 to %d.", MaxCopies)}
	}
	if err := p.Offset.Check(); err != nil {
		return nil, err
	}
	if err := p.Theme.Check(); err != nil {
		return nil, err
	}
	if p.Title != "" {
		if code, detail := printable(p.Title); code != "" {
			return nil, &FieldError{"title", code, detail}
		}
	}
	c, err := newCanvas(p, compress)
	if err != nil {
		return nil, err
	}
	for page := range pages {
		if err := c.page(p.Offset, func() error { return p.draw(c, placards, page) }); err != nil {
			return nil, err
		}
	}
	return c.finish(p.Back)
}

// canvas draws millimetres, from the page's top left, in the points of the PDF, from its bottom left. It writes what is on the pages
// itself; the library's own stay empty, for it has a call and a piece of memory for each line, and holds every page as it was drawn.
type canvas struct {
	print    Print
	file     *gofpdf.Fpdf                  // nil until finish, but for a document with a logo
	logoAs   string                        // what the file calls the logo
	rows     map[row]string                // operators of the rows of tiles drawn so far
	used     map[*face]*[lastRune + 1]bool // letters that the document shows
	pages    [][]byte                      // the contents of those that are done
	face     *face                         // in which the last line was set, and its size in points
	size     float64
	compress bool     // pages, as they are done
	paper    float64  // height of the page, millimetres
	height   float64  // the same in points, as its MediaBox rounds it
	language Language // empty: Vietnamese
	buf      []byte   // the page that is being drawn
}

// logoName is what the library calls the document's one picture.
const logoName = "logo"

// row is a row of tiles at its place.
type row struct {
	petals
	at cell
}

const ptPerMM = 72 / mmPerInch

func newCanvas(p Print, compress bool) (*canvas, error) {
	c := &canvas{print: p, rows: map[row]string{}, used: map[*face]*[lastRune + 1]bool{}, compress: compress, paper: p.Sheet.height,
		height: math.Round(p.Sheet.height*ptPerMM*100) / 100}
	if p.Theme.Logo != nil {
		logo, err := p.Theme.logoPNG()
		if err != nil {
			return nil, fmt.Errorf("printing: the logo: %w", err)
		}
		c.file = blankFile(gofpdf.SizeType{Wd: p.Sheet.width, Ht: p.Sheet.height})
		c.file.RegisterImageOptionsReader(logoName, gofpdf.ImageOptions{ImageType: "png"}, bytes.NewReader(logo))
		c.logoAs = named(c.file, " cm /", func(t *gofpdf.Tpl) { t.ImageOptions(logoName, 0, 0, 1, 1, false, gofpdf.ImageOptions{}, 0, "") })
	}
	return c, nil
}

// a4 is the paper of nearly all sheets.
var a4 = gofpdf.SizeType{Wd: 210, Ht: 297}

// spare is a blank A4 document, made ready while the last one was drawn: the library hashes 65,536 widths of each face that it is given,
// a third of the time that a single placard takes. One is made at a time; it holds 1.5 MB.
var (
	spare  = make(chan *gofpdf.Fpdf, 1)
	making atomic.Bool
)

// blankFile is a document of a paper that knows our faces and has no pages yet. It is one caller's alone.
func blankFile(paper gofpdf.SizeType) *gofpdf.Fpdf {
	if paper != a4 {
		return newBlankFile(paper)
	}
	defer func() {
		if making.CompareAndSwap(false, true) {
			go func() {
				defer making.Store(false)
				select {
				case spare <- newBlankFile(a4):
				default: // the one before it was not taken
				}
			}()
		}
	}()
	select {
	case b := <-spare:
		return b
	default:
		return newBlankFile(a4)
	}
}

func newBlankFile(paper gofpdf.SizeType) *gofpdf.Fpdf {
	pdf := gofpdf.NewCustom(&gofpdf.InitType{OrientationStr: "P", UnitStr: "mm", Size: paper})
	pdf.SetCompression(false) // packed does it, with a compressor that is used again
	pdf.SetCatalogSort(true)
	pdf.SetCreator("cho40", true)
	pdf.SetMargins(0, 0, 0)
	pdf.SetAutoPageBreak(false, 0)
	for _, f := range faces().all() {
		pdf.AddUTF8FontFromBytes(f.family, "", bytes.Clone(f.ttf))
	}
	return pdf
}

// fontNames are what the library calls our faces in each document.
var fontNames = sync.OnceValue(func() map[*face]string {
	pdf, names := newBlankFile(a4), map[*face]string{}
	for _, f := range faces().all() {
		names[f] = named(pdf, "BT /", func(t *gofpdf.Tpl) { t.SetFont(f.family, "", 1) })
	}
	return names
})

// named is what the library calls something in the document: the word after these signs in what it draws with it.
func named(pdf *gofpdf.Fpdf, after string, draw func(*gofpdf.Tpl)) string {
	page := pdf.CreateTemplateCustom(gofpdf.PointType{}, gofpdf.SizeType{Wd: 1, Ht: 1}, draw).Bytes()
	_, name, _ := bytes.Cut(page, []byte(after))
	name, _, _ = bytes.Cut(name, []byte(" "))
	return string(name)
}

// page draws a page, all of it moved by the offset, and packs it at once.
func (c *canvas) page(o Offset, draw func() error) error {
	c.buf = c.buf[:0]
	// As the library begins a page, which documents of this layout are bound to: twice in the face in which the last one ended.
	c.buf = append(c.buf, "0 J\n0 j\n0.57 w\n"...)
	c.font()
	c.buf = append(c.buf, "0.000 G\n0.000 g\n"...)
	c.font()
	if right, down := o.dots(); right != 0 || down != 0 {
		c.op("cm", 1, 0, 0, 1, right*72/dotsPerInch, -down*72/dotsPerInch)
	}
	if err := draw(); err != nil {
		return err
	}
	if !c.compress {
		c.pages = append(c.pages, bytes.Clone(c.buf))
		return nil
	}
	contents, err := packed(c.buf)
	c.pages = append(c.pages, contents)
	return err
}

// font sets the face for what follows; there is none yet at the first page.
func (c *canvas) font() {
	if c.face == nil {
		return
	}
	c.buf = append(c.buf, "BT /"...)
	c.buf = append(c.buf, fontNames()[c.face]...)
	c.buf = strconv.AppendFloat(append(c.buf, ' '), c.size, 'f', 2, 64)
	c.buf = append(c.buf, " Tf ET\n"...)
}

// turned lets draw put something on the page that stands on its head, with its own top left at the cell's.
func (c *canvas) turned(at cell, draw func()) {
	c.op("q")
	c.op("cm", -1, 0, 0, -1, at.x*ptPerMM, 2*c.height-at.y*ptPerMM)
	draw()
	c.op("Q")
}

func (c *canvas) logo(b box, at cell) {
	c.buf = fmt.Appendf(c.buf, "q %.5f 0 0 %.5f %.5f %.5f cm /%s Do Q\n", b.w*ptPerMM, b.h*ptPerMM, (at.x+b.x)*ptPerMM, (c.paper-(at.y+b.y+b.h))*ptPerMM, c.logoAs)
}

// op appends an operator after its operands; points come with two decimals, which is finer than any printer.
func (c *canvas) op(operator string, operands ...float64) {
	for _, v := range operands {
		c.buf = appendNumber(c.buf, v)
		c.buf = append(c.buf, ' ')
	}
	c.buf = append(c.buf, operator...)
	c.buf = append(c.buf, '\n')
}

// appendNumber writes v in whole hundredths, without zeros at the end.
func appendNumber(b []byte, v float64) []byte {
	hundredths := int64(math.Round(v * 100))
	if hundredths < 0 {
		b, hundredths = append(b, '-'), -hundredths
	}
	b = strconv.AppendInt(b, hundredths/100, 10)
	switch tenth, last := byte(hundredths/10%10), byte(hundredths%10); {
	case last != 0:
		b = append(b, '.', '0'+tenth, '0'+last)
	case tenth != 0:
		b = append(b, '.', '0'+tenth)
	}
	return b
}

func (c *canvas) fill(k colour) {
	if k.r == k.g && k.g == k.b {
		c.op("g", float64(k.r)/255)
		return
	}
	c.buf = fmt.Appendf(c.buf, "%.3f %.3f %.3f rg\n", float64(k.r)/255, float64(k.g)/255, float64(k.b)/255)
}

// arc is how far the handles of a quarter circle's Bézier curve reach, of its radius.
const arc = 0.5522847498

// box fills a rectangle with round corners.
func (c *canvas) box(b box, at cell) {
	x1, y1 := (at.x+b.x)*ptPerMM, c.height-(at.y+b.y+b.h)*ptPerMM
	x2, y2 := x1+b.w*ptPerMM, y1+b.h*ptPerMM
	c.op("q")
	c.fill(b.colour)
	if b.r == 0 {
		c.op("re", x1, y1, x2-x1, y2-y1)
	} else {
		r := b.r * ptPerMM
		k := r * (1 - arc)
		c.op("m", x1+r, y1)
		c.op("l", x2-r, y1)
		c.op("c", x2-k, y1, x2, y1+k, x2, y1+r)
		c.op("l", x2, y2-r)
		c.op("c", x2, y2-k, x2-k, y2, x2-r, y2)
		c.op("l", x1+r, y2)
		c.op("c", x1+k, y2, x1, y2-k, x1, y2-r)
		c.op("l", x1, y1+r)
		c.op("c", x1, y1+k, x1+k, y1, x1+r, y1)
	}
	c.op("f")
	c.op("Q")
}

// petals fills a row of tiles. Each petal lies between two quarter circles from the tile's middle to a corner; all
// tiles are written alike, one moved on from the other, and so take next to no room in the file.
func (c *canvas) petals(s petals, at cell) {
	of := row{s, at}
	if words, again := c.rows[of]; again { // each page has its rows where the one before has them
		c.buf = append(c.buf, words...)
		return
	}
	begin := len(c.buf)
	r := s.tile / 2 * ptPerMM
	h := r * arc
	c.op("q")
	c.fill(s.colour)
	c.op("cm", 1, 0, 0, 1, (at.x+s.x)*ptPerMM+r, c.height-(at.y+s.y)*ptPerMM-r)
	for i := range s.n {
		if i > 0 {
			c.op("cm", 1, 0, 0, 1, 2*r, 0)
		}
		for _, corner := range [][2]float64{{1, 1}, {-1, 1}, {-1, -1}, {1, -1}} {
			x, y := corner[0], corner[1]
			c.op("m", 0, 0)
			c.op("c", x*h, 0, x*r, y*(r-h), x*r, y*r)
			c.op("c", x*(r-h), y*r, 0, y*h, 0, 0)
		}
		c.op("f")
	}
	c.op("Q")
	c.rows[of] = string(c.buf[begin:])
}

// text draws a line. Kerned pairs part it.
func (c *canvas) text(t text, at cell) {
	c.face, c.size = t.face, t.size*ptPerMM
	c.font()
	x, y := at.x+t.x, at.y+t.y
	turned := t.turn != 0
	if turned {
		sin := float64(t.turn)
		c.op("q")
		c.op("cm", 0, sin, -sin, 0, x*ptPerMM, c.height-y*ptPerMM)
		x, y = 0, c.paper
	}
	if t.track != 0 {
		c.op("Tc", t.track*ptPerMM)
		c.letters(t.say, t.colour, x, y)
		c.op("Tc", 0)
	} else {
		from, last := 0, rune(0)
		advance, start := 0, 0
		for i, r := range t.say {
			if k := t.face.kern(last, r); i > 0 && k != 0 {
				c.letters(t.say[from:i], t.colour, x+float64(start)*t.size/perEm, y)
				advance += k
				from, start = i, advance
			}
			advance += t.face.glyph(r).advance
			last = r
		}
		c.letters(t.say[from:], t.colour, x+float64(start)*t.size/perEm, y)
	}
	if turned {
		c.op("Q")
	}
}

// letters writes a piece of a line.
func (c *canvas) letters(say string, k colour, x, y float64) {
	used := c.used[c.face]
	if used == nil {
		used = new([lastRune + 1]bool)
		c.used[c.face] = used
	}
	if k != black {
		c.buf = append(c.buf, "q "...)
		parts, operator := []int{k.r, k.g, k.b}, "rg "
		if k.r == k.g && k.g == k.b {
			parts, operator = parts[:1], "g "
		}
		for _, part := range parts {
			c.buf = append(strconv.AppendFloat(c.buf, float64(part)/255, 'f', 3, 64), ' ')
		}
		c.buf = append(c.buf, operator...)
	}
	c.buf = strconv.AppendFloat(append(c.buf, "BT "...), x*ptPerMM, 'f', 2, 64)
	c.buf = strconv.AppendFloat(append(c.buf, ' '), (c.paper-y)*ptPerMM, 'f', 2, 64)
	c.buf = append(c.buf, " Td ("...)
	for _, r := range say {
		used[r] = true
		for _, half := range [2]byte{byte(r >> 8), byte(r)} {
			switch half {
			case '\\', '(', ')':
				c.buf = append(c.buf, '\\', half)
			case '\r':
				c.buf = append(c.buf, '\\', 'r')
			default:
				c.buf = append(c.buf, half)
			}
		}
	}
	c.buf = append(c.buf, ") Tj ET"...)
	if k != black {
		c.buf = append(c.buf, " Q"...)
	}
	c.buf = append(c.buf, '\n')
}

// symbol fills all dark modules as one path, a rectangle for each run in a row: renderers then see one shape, and no
// hairline shows between its parts. It stands on the dots of the page, counted from the top left.
func (c *canvas) symbol(s symbol, code Modules, at cell) {
	n := code.Size()
	corner := func(middle float64) float64 {
		return math.Round((middle-s.side(n)/2)/mmPerDot) * 72 / dotsPerInch
	}
	side := float64(s.dots) * 72 / dotsPerInch
	x, y, across := corner(at.x+s.x), corner(at.y+s.y), side
	if at.turned { // its first module is then the last on the page
		x, y, across = corner(at.x-s.x)+side*float64(n), corner(at.y-s.y)+side*float64(n), -side
	}
	c.op("q")
	c.op("g", 0)
	// A thousandth of a point inwards: on the very edge of a dot, a renderer's rounding would decide on which side.
	const inwards = 0.001
	c.buf = fmt.Appendf(c.buf, "%.2f 0 0 %.2f %.3f %.3f cm\n", across, -across, x+inwards, c.height-y-inwards)
	for y := range n {
		start, row := -1, numerals[y]
		for x := range n + 1 { // one beyond ends the last run
			if dark := x < n && code.Dark(x, y); dark == (start >= 0) {
				continue
			} else if dark {
				start = x
				continue
			}
			c.buf = append(c.buf, numerals[start]...)
			c.buf = append(c.buf, row...)
			c.buf = append(c.buf, numerals[x-start]...)
			c.buf = append(c.buf, "1 re\n"...)
			start = -1
		}
	}
	c.op("f")
	c.op("Q")
}

// numerals are numbers of modules in digits, with a blank behind them: a symbol has a thousand.
var numerals = func() (all [178]string) {
	for n := range all {
		all[n] = strconv.Itoa(n) + " "
	}
	return all
}()

func (c *canvas) cutMarks(cuts []cut) {
	c.op("q")
	c.op("G", 0)
	for _, cut := range cuts {
		length := cut.length()
		stroke := func(from, to float64) {
			x1, y1 := cut.at(from)
			x2, y2 := cut.at(to)
			c.op("m", x1*ptPerMM, c.height-y1*ptPerMM)
			c.op("l", x2*ptPerMM, c.height-y2*ptPerMM)
		}
		c.op("[] 0 d")
		c.op("w", markWidth*ptPerMM)
		stroke(markClear, markEnd)
		stroke(length-markEnd, length-markClear)
		c.op("S")

		from := cut.dots()
		c.buf = append(c.buf, '[')
		c.buf = appendNumber(c.buf, dotLength*ptPerMM)
		c.buf = append(c.buf, ' ')
		c.buf = appendNumber(c.buf, dotGap*ptPerMM)
		c.buf = append(c.buf, "] 0 d\n"...)
		c.op("w", dotWidth*ptPerMM)
		stroke(from, length-from)
		c.op("S")
	}
	c.op("Q")
}

func (c *canvas) folds(folds []cut, at cell) {
	if len(folds) == 0 {
		return
	}
	c.op("q")
	c.op("G", 0)
	c.op("w", foldWidth*ptPerMM)
	c.buf = fmt.Appendf(c.buf, "[%.2f %.2f] 0 d\n", foldDash*ptPerMM, foldGap*ptPerMM)
	for _, f := range folds {
		c.op("m", (at.x+f.x1)*ptPerMM, c.height-(at.y+f.y1)*ptPerMM)
		c.op("l", (at.x+f.x2)*ptPerMM, c.height-(at.y+f.y2)*ptPerMM)
		c.op("S")
	}
	c.op("Q")
}

// taken is what the library hands over in one piece, without a copy: it has no more use for it.
type taken []byte

func (t *taken) Write(b []byte) (int, error) {
	if len(*t) > 0 {
		return 0, errNoPages // it never writes twice
	}
	*t = b
	return len(b), nil
}

// embedding lets one document at a time be written by the library, which takes 1.5 MB for each document and a new compressor of 1.2 MB for each part of
// its fonts, two for a face.
var embedding sync.Mutex

// embedded is the document as the library writes it: faces, logo, catalogue, and pages whose contents are to be replaced.
func (c *canvas) embedded() ([]byte, error) {
	embedding.Lock()
	defer embedding.Unlock()
	file := c.file
	if file == nil {
		file = blankFile(gofpdf.SizeType{Wd: c.print.Sheet.width, Ht: c.print.Sheet.height})
	}
	file.SetCreationDate(c.print.Made.UTC())
	file.SetModificationDate(c.print.Made.UTC())
	file.SetTitle(c.print.Title, true)
	for range c.pages {
		file.AddPage()
	}
	for _, f := range faces().all() { // what the file must hold of each face, said on a page whose contents are replaced
		if used := c.used[f]; used != nil {
			var all []rune
			for r, yes := range used {
				if yes {
					all = append(all, rune(r))
				}
			}
			file.SetFont(f.family, "", 1)
			file.Text(0, 0, string(all))
		}
	}
	var out taken
	if err := file.Output(&out); err != nil {
		return nil, fmt.Errorf("printing: %w", err)
	}
	return out, nil
}

// finish closes the document: it puts in the pages, and tells viewers not to scale it on printing and how to turn the paper for
// backs, for which the library has no call.
func (c *canvas) finish(backs bool) ([]byte, error) {
	out, err := c.embedded()
	if err != nil {
		return nil, err
	}
	language := Vietnamese
	if c.language != "" {
		language = c.language
	}
	wishes := "/Lang (" + string(language) + ")\n/ViewerPreferences <</PrintScaling /None>>\n"
	if backs {
		wishes = "/Lang (" + string(language) + ")\n/ViewerPreferences <</PrintScaling /None /Duplex /DuplexFlipLongEdge>>\n"
	}
	filter := ""
	if c.compress {
		filter = "/Filter /FlateDecode "
	}
	return revise(out, c.pages, filter, wishes)
}
