package qrgen

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strconv"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	qrcode "github.com/skip2/go-qrcode"
)

// QuietZone is the blank margin on each side of a symbol, in modules. ISO/IEC 18004 asks for 4.
const QuietZone = 4

// Symbol is the modules of a QR symbol, without the quiet zone. The zero value is no symbol.
type Symbol struct {
	size int    // modules a side: 21, 25 … 177
	bits []byte // row by row, the most significant bit first, the unused bits of the last byte zero
}

// Level is how much of a symbol its error correction restores. L is not among them: at one size on paper M stands blur and
// tilt as well, and dirt better.
type Level int

// The levels of ISO/IEC 18004, which restores 15, 25 and 30 of 100 code words.
const (
	LevelM Level = iota
	LevelQ
	LevelH
)

// levels say what each is called in the encoder, and which share of a symbol's area blots and glare may cover anywhere but on the
// corner squares, such that 95 of 100 pictures are still read. TestDamage measures it; a single spot in the middle may be twice as large.
var levels = [...]struct {
	of     qrcode.RecoveryLevel
	stands float64
}{{qrcode.Medium, 0.04}, {qrcode.High, 0.06}, {qrcode.Highest, 0.10}}

// What a symbol's size on paper has to do with its level, in millimetres.
const (
	LeastModule = 0.6 // side of a module below which phones no longer read it from paper
	roomySide   = 100 // side of a symbol from which Q costs no reading distance that anybody misses
	roomyModule = 1.0 // and the module that must be left there
)

// Need is what a symbol has to stand.
type Need struct {
	Side   float64 // of the symbol on paper without its quiet zone, millimetres; 0: not known
	Damage float64 // share of its area that may be covered by dirt, glare or a mark, 0 to 0.10
}

// NewSymbol makes the smallest symbol of level M for a payload, which must be printable ASCII: anything else would need
// a mark that many readers do not know. The symbol is read back by another library and is returned
// only when that gives the payload. Errors: *FieldError empty, control_character, non_ascii, too_long, symbol_unreadable.
func NewSymbol(payload string) (Symbol, error) { return newSymbol(payload, LevelM) }

// NewSymbolFor makes the smallest symbol that stands what is needed: of the lowest level that bears the damage, since higher
// levels have smaller modules and lose more to blur and distance than they win; from 100 mm on of Q, where there is room.
// Errors: those of NewSymbol, and damage_too_great, module_small when the modules would be smaller than LeastModule.
func NewSymbolFor(payload string, need Need) (Symbol, Level, error) {
	level := LevelM
	for levels[level].stands < need.Damage {
		if level++; int(level) == len(levels) {
			return Symbol{}, 0, &FieldError{Code: "damage_too_great"}
		}
	}
	s, err := newSymbol(payload, level)
	if err == nil && level == LevelM && need.Side >= roomySide {
		if better, err := newSymbol(payload, LevelQ); err == nil && need.Side/float64(better.size) >= roomyModule {
			s, level = better, LevelQ
		}
	}
	if err == nil && need.Side > 0 && need.Side/float64(s.size) < LeastModule {
		return Symbol{}, 0, &FieldError{Code: "module_small"}
	}
	return s, level, err
}

func newSymbol(payload string, level Level) (Symbol, error) {
	switch {
	case payload == "":
		return Symbol{}, &FieldError{Code: "empty"}
	case control(payload) >= 0:
		return Symbol{}, &FieldError{Code: "control_character"}
	case !printable(payload):
		return Symbol{}, &FieldError{Code: "non_ascii"}
	}
	q, err := qrcode.New(payload, levels[level].of)
	if err != nil {
		return Symbol{}, &FieldError{Code: "too_long"} // the only way to fail for ASCII
	}
	q.DisableBorder = true // has no effect once Bitmap was called
	rows := q.Bitmap()     // encodes again at each call
	s := Symbol{size: len(rows), bits: make([]byte, bytesFor(len(rows)))}
	for y, row := range rows {
		for x, dark := range row {
			if dark {
				i := y*s.size + x
				s.bits[i/8] |= 0x80 >> (i % 8)
			}
		}
	}
	if text, err := ReadModules(s); err != nil || text != payload {
		return Symbol{}, &FieldError{Code: "symbol_unreadable"}
	}
	return s, nil
}

// String is the letter of the level: M, Q, H.
func (l Level) String() string { return "MQH"[l : l+1] }

// ReadModules is what the modules of a symbol say, without any picture between: for symbols that were found in a
// document or are kept in a record. It takes every version and level, and corrects faults as any reader does, but not in
// the corner squares and the lines of turns between them: by those a camera finds a symbol at all. A symbol
// in the mirror is none of ours and is not read. Error: *FieldError symbol_unreadable.
func ReadModules(m interface {
	Size() int
	Dark(x, y int) bool
}) (string, error) {
	unreadable := &FieldError{Code: "symbol_unreadable"}
	n := m.Size()
	if n < 21 || n > 177 || n%4 != 1 {
		return "", unreadable
	}
	matrix, err := gozxing.NewSquareBitMatrix(n)
	if err != nil || !findable(n, m.Dark) {
		return "", unreadable
	}
	for y := range n {
		for x := range n {
			if m.Dark(x, y) {
				matrix.Set(x, y)
			}
		}
	}
	result, err := decoder.NewDecoder().Decode(matrix, nil)
	if err != nil || result.GetOther() != nil { // the decoder's note that it took the symbol for mirrored
		return "", unreadable
	}
	return result.GetText(), nil
}

// findable reports whether the patterns by which a camera finds a symbol of n modules are whole: three corner squares of
// 7 × 7 with their light border, and the lines of dark and light in turn between them. The decoder never looks at them.
func findable(n int, dark func(x, y int) bool) bool {
	for _, corner := range [][2]int{{0, 0}, {n - 7, 0}, {0, n - 7}} {
		for y := -1; y <= 7; y++ {
			for x := -1; x <= 7; x++ {
				left, top := corner[0]+x, corner[1]+y
				if left < 0 || top < 0 || left >= n || top >= n {
					continue
				}
				ring := max(abs(x-3), abs(y-3)) // 0 and 1 the core, 2 light, 3 dark, 4 the border
				if dark(left, top) != (ring <= 1 || ring == 3) {
					return false
				}
			}
		}
	}
	for i := 8; i < n-8; i++ {
		if dark(i, 6) != (i%2 == 0) || dark(6, i) != (i%2 == 0) {
			return false
		}
	}
	return true
}

func abs(n int) int { return max(n, -n) }

// picture draws the symbol with its quiet zone, dots pixels a module.
func (s Symbol) picture(dots int) *image.Paletted {
	side := (s.size + 2*QuietZone) * dots
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range s.size {
		top := (y + QuietZone) * dots * img.Stride
		row := img.Pix[top : top+img.Stride]
		for x := range s.size {
			if s.Dark(x, y) {
				left := (x + QuietZone) * dots
				for i := range dots {
					row[left+i] = 1
				}
			}
		}
		for i := 1; i < dots; i++ {
			copy(img.Pix[top+i*img.Stride:], row)
		}
	}
	return img
}

// Size is the number of modules a side, without the quiet zone; 0 for the zero value.
func (s Symbol) Size() int { return s.size }

// Dark reports whether the module in column x and row y, from 0 at the top left, is dark. Outside it is light.
func (s Symbol) Dark(x, y int) bool {
	if x < 0 || y < 0 || x >= s.size || y >= s.size {
		return false
	}
	i := y*s.size + x
	return s.bits[i/8]&(0x80>>(i%8)) != 0
}

// MarshalBinary is the size in one byte and then the modules, eight to a byte: 138 bytes for the 33 × 33 of a placard.
func (s Symbol) MarshalBinary() ([]byte, error) {
	if s.size == 0 {
		return nil, errors.New("qrgen: no symbol to store")
	}
	return append([]byte{byte(s.size)}, s.bits...), nil
}

// UnmarshalBinary takes what MarshalBinary made. A size that no symbol has, another length than the size asks for, or
// bits beyond the last module are errors.
func (s *Symbol) UnmarshalBinary(data []byte) error {
	if len(data) == 0 {
		return errors.New("qrgen: a stored symbol is empty")
	}
	size := int(data[0])
	if size < 21 || size > 177 || size%4 != 1 {
		return fmt.Errorf("qrgen: a stored symbol has %d modules a side", size)
	}
	bits := data[1:]
	if len(bits) != bytesFor(size) {
		return fmt.Errorf("qrgen: a stored symbol of %d modules has %d bytes, not %d", size, len(bits), bytesFor(size))
	}
	if unused := 8*len(bits) - size*size; bits[len(bits)-1]&(1<<unused-1) != 0 {
		return fmt.Errorf("qrgen: a stored symbol of %d modules goes on after the last", size)
	}
	*s = Symbol{size: size, bits: bytes.Clone(bits)}
	return nil
}

func bytesFor(size int) int { return (size*size + 7) / 8 }

// dotsMax keeps a picture below about 6,000 pixels a side for the symbols in use.
const dotsMax = 100

// PNG is a picture of one bit a pixel, black on white, with the quiet zone; dots, 1 to 100, is the width of a module.
func (s Symbol) PNG(dots int) ([]byte, error) {
	if s.size == 0 {
		return nil, errors.New("qrgen: no symbol to draw")
	}
	if dots < 1 || dots > dotsMax {
		return nil, fmt.Errorf("qrgen: %d dots a module, not 1 to %d", dots, dotsMax)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, s.picture(dots)); err != nil {
		return nil, fmt.Errorf("draw a symbol: %w", err)
	}
	return out.Bytes(), nil
}

// SVG is a picture that scales: the dark modules are one path, a unit is a module, the quiet zone is inside the view
// box and white, so that the symbol stands on any ground. It is empty for the zero value.
func (s Symbol) SVG() []byte {
	if s.size == 0 {
		return nil
	}
	side := strconv.Itoa(s.size + 2*QuietZone)
	out := make([]byte, 0, 8<<10)
	out = append(out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 `+side+` `+side+`" shape-rendering="crispEdges">`...)
	out = append(out, `<rect width="`+side+`" height="`+side+`" fill="#fff"/><path d="`...)
	for y := range s.size {
		for x := 0; x < s.size; x++ {
			run := 0
			for s.Dark(x+run, y) {
				run++
			}
			if run == 0 {
				continue
			}
			n := strconv.Itoa(run)
			out = append(out, 'M')
			out = strconv.AppendInt(out, int64(x+QuietZone), 10)
			out = append(out, ' ')
			out = strconv.AppendInt(out, int64(y+QuietZone), 10)
			out = append(out, "h"+n+"v1h-"+n+"z"...)
			x += run
		}
	}
	return append(out, `"/></svg>`...)
}
