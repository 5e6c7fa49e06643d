package printing

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"regexp"
	"strings"
	"testing"
)

// badge is a logo of one colour on nothing, wider than high.
func badge() image.Image {
	m := image.NewNRGBA(image.Rect(5, 5, 125, 65))
	for y := 15; y < 55; y++ {
		for x := 15; x < 115; x++ {
			m.Set(x, y, color.NRGBA{0x27, 0x46, 0x90, 0xff})
		}
	}
	return m
}

// indigo is a theme with every part of its own.
func indigo() Theme {
	return Theme{Colour: "#274690", Tint: "#FCEFC9", Board: "Tổ quản lý chợ Vị Thanh", Logo: badge()}
}

func TestThemeCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		theme       Theme
		field, code string // empty: it is fine
	}{
		{"the house's", Theme{}, "", ""},
		{"a market's", indigo(), "", ""},
		{"the house's, said aloud", Theme{Colour: "#0b5d43", Tint: "#f2b632"}, "", ""},
		{"black and white", Theme{Colour: "#000000", Tint: "#ffffff"}, "", ""},
		{"a word", Theme{Colour: "green"}, "colour", "not-a-colour"},
		{"three digits", Theme{Colour: "#0b5"}, "colour", "not-a-colour"},
		{"a sign", Theme{Tint: "#+b5d43"}, "tint", "not-a-colour"},
		{"a letter too many", Theme{Tint: "#f2b6g2"}, "tint", "not-a-colour"},
		{"grey of just over 7", Theme{Colour: "#595959"}, "", ""},
		{"grey of just under 7", Theme{Colour: "#5a5a5a"}, "colour", "contrast"},
		{"turmeric letters", Theme{Colour: "#f2b632"}, "colour", "contrast"},
		{"a leaf ground", Theme{Tint: "#0b5d43"}, "tint", "contrast"},
		{"a board of two scripts", Theme{Board: "Ban quản lý ផ្សារ"}, "board", "no-glyph"},
		{"a board with a line break", Theme{Board: "Ban\nquản lý"}, "board", "control"},
		{"a board of blanks", Theme{Board: "  "}, "board", "required"},
		{"a board too long", Theme{Board: "Ban quản lý chợ đầu mối nông sản thực phẩm Hóc Môn"}, "board", "too-long"},
		{"a logo too large", Theme{Logo: image.NewGray(image.Rect(0, 0, 1001, 10))}, "logo", "size"},
		{"a logo of nothing", Theme{Logo: image.NewGray(image.Rectangle{})}, "logo", "size"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.theme.Check()
			var out bytes.Buffer
			printErr := Write(&out, Print{Sheet: sheetOf(t, "a6x4"), Made: made, Theme: tt.theme}, hard(t))
			if tt.field == "" {
				if err != nil || printErr != nil {
					t.Errorf("Check = %v, Write = %v, want neither", err, printErr)
				}
				return
			}
			var bad *FieldError
			if !errors.As(err, &bad) || bad.Field != tt.field || bad.Code != tt.code {
				t.Errorf("Check = %v, want %s %s", err, tt.field, tt.code)
			}
			if !errors.As(printErr, &bad) || out.Len() > 0 {
				t.Errorf("Write = %v after %d bytes, want the same fault and no bytes", printErr, out.Len())
			}
		})
	}
}

func TestContrast(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		a, b colour
		want float64
	}{
		{"black on white", black, white, 21},
		{"white on itself", white, white, 1},
		{"leaf on white", leaf, white, 7.9},
		{"black on turmeric", turmeric, black, 11.5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := contrast(tt.a, tt.b); got < tt.want-0.05 || got > tt.want+0.06 {
				t.Errorf("contrast = %.2f, want %.1f", got, tt.want)
			}
		})
	}
}

// Colours alone change no operator but those that set them, and never the black ones.
func TestThemeMovesNothing(t *testing.T) {
	t.Parallel()
	colours := regexp.MustCompile(`[0-9. ]+ rg\s`)
	for _, s := range every(t) {
		t.Run(s.Name(), func(t *testing.T) {
			drawn := func(theme Theme) string {
				file, err := document(Print{Sheet: s, Made: made, Theme: theme}, fitting(t, s), false)
				if err != nil {
					t.Fatal(err)
				}
				return string(readable(file))
			}
			house, market := drawn(Theme{}), drawn(Theme{Colour: "#274690", Tint: "#fcefc9"})
			if house == market {
				t.Error("the theme changes nothing")
			}
			if colours.ReplaceAllString(house, "") != colours.ReplaceAllString(market, "") {
				t.Error("the theme changes more than colours")
			}
			if strings.Contains(market, "0.043 0.365 0.263") || strings.Contains(market, "0.949 0.714 0.196") {
				t.Error("the house's colours are left over")
			}
		})
	}
}

func TestLogoIsInTheFileOnceAndTheSame(t *testing.T) {
	t.Parallel()
	p := Print{Sheet: sheetOf(t, "tent"), CutMarks: true, Made: made, Theme: indigo()}
	first := printed(t, p, hard(t)...)
	if n := bytes.Count(first, []byte("/Subtype /Image")); n != 1 {
		t.Errorf("%d pictures in the file, want 1", n)
	}
	if !bytes.Equal(printed(t, p, hard(t)...), first) {
		t.Error("the same placards gave other bytes")
	}
	path := file(t, "sheet.pdf", first)
	// The middle of the logo, upright and turned, is of its colour: grey 67 of 255, and of no letter's.
	page := raster(t, path, 1, dotsPerInch)
	l := indigo().logoIn(cardA6.left(), cardA6.stall.y, cardA6.stall.h)
	for _, panel := range p.Sheet.panels {
		at := area{l.x + l.w/2, l.y + l.h/2, l.x + l.w/2, l.y + l.h/2}.on(panel.at)
		if got := page.GrayAt(int(at.x1/mmPerDot), int(at.y1/mmPerDot)).Y; got < 60 || got > 85 {
			t.Errorf("grey %d where the logo should be, turned %v", got, panel.at.turned)
		}
	}
}
