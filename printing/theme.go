package printing

import (
	"bytes"
	"image"
	"image/draw"
	"image/png"
	"math"
	"strconv"

	"cho40/internal/fault"
)

// Theme is a market's own look; the zero Theme is the house's. No part of a card moves for it but the lines beside the
// logo. Code, holder and serial are black on white in every theme.
type Theme struct {
	Colour Colour      `json:"colour"` // strip, market line, stall box
	Tint   Colour      `json:"tint"`   // ground of the instruction
	Board  string      `json:"board"`  // whom to call, as it stands after "Gọi": "Tổ quản lý chợ"
	Logo   image.Image `json:"-"`      // the board's own, never a provider's; at most MostLogo pixels each way
}

// Colour is written #0b5d43; empty is the house's.
type Colour string

// MostLogo is the longest side of a logo in pixels: 1000 are 2600 dpi on the smallest card.
const MostLogo = 1000

// leastContrast is that of WCAG's AAA. Cheap toner and noon sun take their part of it.
const leastContrast = 7

// Check is the *FieldError of what would not be read or does not fit: colour, tint, board or logo.
func (t Theme) Check() error {
	for _, part := range []struct {
		field  string
		colour Colour
		on     colour
		detail fault.Text
	}{
		{"colour", t.Colour, white, fault.Say("Too light: white letters on it would be hard to read. Choose a darker colour.")},
		{"tint", t.Tint, black, fault.Say("Too dark: black letters on it would be hard to read. Choose a lighter colour.")},
	} {
		if part.colour == "" {
			continue
		}
		k, ok := part.colour.parse()
		if !ok {
			return &FieldError{part.field, "not-a-colour", fault.Say("A colour as # and six digits or letters a to f, such as #0b5d43.")}
		}
		if contrast(k, part.on) < leastContrast {
			return &FieldError{part.field, "contrast", part.detail}
		}
	}
	if t.Board != "" {
		if code, detail := printable(t.Board); code != "" {
			return &FieldError{"board", code, detail}
		}
		for _, w := range vocabulary {
			if _, ok := cardA6.labels(t, w); !ok || !cardA6.asks(t, w) {
				return &FieldError{"board", "too-long", tooLong}
			}
		}
	}
	if t.Logo != nil {
		if b := t.Logo.Bounds(); b.Empty() || b.Dx() > MostLogo || b.Dy() > MostLogo {
			return &FieldError{"logo", "size", fault.Say("A picture of at most %d by %d pixels.", MostLogo, MostLogo)}
		}
	}
	return nil
}

// parse is false when c is not a colour, the empty one included.
func (c Colour) parse() (colour, bool) {
	if len(c) != 7 || c[0] != '#' {
		return colour{}, false
	}
	n, err := strconv.ParseUint(string(c[1:]), 16, 32)
	return colour{int(n >> 16), int(n >> 8 & 0xFF), int(n & 0xFF)}, err == nil
}

// ink and ground are the two colours; ofBoard is the board's name in a language.
func (t Theme) ink() colour {
	if k, ok := t.Colour.parse(); ok {
		return k
	}
	return leaf
}

func (t Theme) ground() colour {
	if k, ok := t.Tint.parse(); ok {
		return k
	}
	return turmeric
}

func (t Theme) ofBoard(w words) string {
	if t.Board != "" {
		return t.Board
	}
	return w.board
}

// contrast is the WCAG ratio of two colours, from 1 to 21.
func contrast(a, b colour) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance is WCAG's relative luminance, from 0 for black to 1 for white.
func (k colour) luminance() float64 {
	linear := func(v int) float64 {
		if s := float64(v) / 255; s > 0.04045 {
			return math.Pow((s+0.055)/1.055, 2.4)
		}
		return float64(v) / 255 / 12.92
	}
	return 0.2126*linear(k.r) + 0.7152*linear(k.g) + 0.0722*linear(k.b)
}

// logoIn is the logo's place in a square, in millimetres: as large as it can be, in the middle.
func (t Theme) logoIn(x, y, side float64) box {
	b := t.Logo.Bounds()
	w, h := float64(b.Dx()), float64(b.Dy())
	k := side / max(w, h)
	return box{x: x + (side-w*k)/2, y: y + (side-h*k)/2, w: w * k, h: h * k}
}

// logoPNG is the logo on white, encoded by us: the same pixels give the same bytes, whatever file they came from.
func (t Theme) logoPNG() ([]byte, error) {
	b := t.Logo.Bounds()
	flat := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(flat, flat.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(flat, flat.Rect, t.Logo, b.Min, draw.Over)
	var out bytes.Buffer
	err := png.Encode(&out, flat)
	return out.Bytes(), err
}
