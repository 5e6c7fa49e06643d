package photo_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cho40/qrgen"
	"cho40/qrgen/photo"
)

func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The files hold the code of payment 5, of four pixels a module, turned by 0.3; transparent.webp has it black on nothing.
func TestReadsEachKindOfFile(t *testing.T) {
	t.Parallel()
	symbol, text := payment(t, 5)
	s := newScene(5, 300, 240)
	s.draw(flat(symbol, text, 150, 120, 4, 0.3))
	gray := s.gray()
	in := func(img draw.Image) image.Image {
		draw.Draw(img, img.Bounds(), gray, image.Point{}, draw.Src)
		return img
	}
	all := gray.Bounds()
	var shades, bits color.Palette
	for v := range 256 {
		shades = append(shades, color.Gray{Y: byte(v)})
	}
	bits = color.Palette{color.White, color.Black}
	clear := image.NewNRGBA(all)
	for i, v := range gray.Pix {
		clear.Pix[4*i+3] = 255 - v
	}
	for _, tt := range []struct {
		name string
		data []byte
	}{
		{"gray PNG", pngOf(t, gray)},
		{"gray PNG of 16 bits", pngOf(t, in(image.NewGray16(all)))},
		{"PNG of 8 bits a channel", pngOf(t, in(image.NewRGBA(all)))},
		{"PNG of 16 bits a channel", pngOf(t, in(image.NewNRGBA64(all)))},
		{"PNG with a palette", pngOf(t, in(image.NewPaletted(all, shades)))},
		{"PNG of one bit", pngOf(t, in(image.NewPaletted(all, bits)))},
		{"PNG, black on nothing", pngOf(t, clear)},
		{"gray JPEG", jpegOf(t, gray, 60)},
		{"colour JPEG", jpegOf(t, in(image.NewRGBA(all)), 60)},
		{"progressive JPEG", sample(t, "progressive.jpg")},
		{"CMYK JPEG", sample(t, "cmyk.jpg")},
		{"WebP", sample(t, "lossy.webp")},
		{"WebP without loss", sample(t, "lossless.webp")},
		{"WebP, black on nothing", sample(t, "transparent.webp")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found, err := patient(t, tt.data)
			if err != nil || !slices.Equal(textsOf(found), []string{text}) {
				t.Errorf("got %q, %v; want %q", textsOf(found), err, text)
			}
		})
	}
}

// page.png is our own sheet of four placards, drawn by pdftoppm at 75 dots an inch.
func TestReadsAPage(t *testing.T) {
	t.Parallel()
	var want []string
	for n := range 4 {
		_, text := payment(t, n)
		want = append(want, text)
	}
	found, err := patient(t, sample(t, "page.png"))
	if err != nil || !slices.Equal(textsOf(found), want) {
		t.Errorf("got %q, %v; want %q", textsOf(found), err, want)
	}
}

func TestReadsEachSize(t *testing.T) {
	t.Parallel()
	for _, characters := range []int{10, 100, 300, 700, 1300, 2200} {
		text := string(bytes.Repeat([]byte("0123456789abcdefghij"), 110)[:characters])
		symbol, err := qrgen.NewSymbol(text)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprint(symbol.Size()), func(t *testing.T) {
			t.Parallel()
			s := newScene(uint64(characters), 900, 900)
			s.draw(flat(symbol, text, 450, 450, min(4, 800/float64(symbol.Size()+8)), 0.2).tilted(0.15, 1, 2))
			if found, err := patient(t, s.jpeg(t, 80)); err != nil || len(found) != 1 || found[0].Text != text {
				t.Errorf("got %q, %v", textsOf(found), err)
			}
		})
	}
}

// A code of two to three pixels a module in a picture of 6 megapixels, beside a large one.
func TestReadsASmallCodeInALargePicture(t *testing.T) {
	t.Parallel()
	s := newScene(3, 3000, 2000)
	small, smallText := payment(t, 1)
	large, largeText := payment(t, 2)
	s.draw(flat(small, smallText, 700, 900, 3, 0.4))
	s.draw(flat(large, largeText, 2000, 1000, 20, -0.2))
	s.noise(3.0 / 255)
	found, err := patient(t, s.jpeg(t, 70))
	if want := []string{smallText, largeText}; err != nil || !slices.Equal(textsOf(found), want) {
		t.Errorf("got %q, %v; want %q", textsOf(found), err, want)
	}
}

// Two placards of one account are two codes, and a code that several looks find is one.
func TestTellsCodesByPlace(t *testing.T) {
	t.Parallel()
	symbol, text := payment(t, 7)
	s := blank(7, 800, 400)
	s.draw(flat(symbol, text, 200, 200, 5, 0))
	s.draw(flat(symbol, text, 600, 190, 5, 0))
	found, err := patient(t, s.png(t))
	if err != nil || len(found) != 2 || found[0].Text != text || found[1].Text != text {
		t.Fatalf("got %q, %v", textsOf(found), err)
	}
	if a, b := found[0].Corners[0], found[1].Corners[0]; a.X >= b.X {
		t.Errorf("corners %v, then %v", a, b)
	}
}

// The corners are those of the picture as it is seen, whatever the stored one says about itself.
func TestCornersAndOrientation(t *testing.T) {
	t.Parallel()
	left, leftText := payment(t, 1)
	right, rightText := payment(t, 2)
	s := newScene(9, 560, 320)
	codes := []placed{flat(left, leftText, 140, 150, 4, 0.1), flat(right, rightText, 410, 165, 5, math.Pi/2+0.2)}
	for _, p := range codes {
		s.draw(p)
	}
	seen := s.gray()
	for orientation := 1; orientation <= 8; orientation++ {
		for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
			t.Run(fmt.Sprintf("%d %v", orientation, order), func(t *testing.T) {
				t.Parallel()
				data := withExif(jpegOf(t, stored(seen, orientation), 85), exif(order, orientation))
				found, err := patient(t, data)
				if err != nil || len(found) != 2 {
					t.Fatalf("found %q, %v", textsOf(found), err)
				}
				for i, p := range codes {
					if found[i].Text != p.text {
						t.Errorf("code %d says %q, want %q", i, found[i].Text, p.text)
					}
					for j, c := range p.corners {
						got := found[i].Corners[j]
						if off := math.Hypot(float64(got.X)-c.x, float64(got.Y)-c.y); off > 5 { // a module
							t.Errorf("code %d, corner %d: %v, want %.0f,%.0f", i, j, got, c.x, c.y)
						}
					}
				}
			})
		}
	}
}

// stored is what a camera held in some way writes: its EXIF orientation brings the picture back.
func stored(seen *image.Gray, orientation int) *image.Gray {
	w, h := seen.Rect.Dx(), seen.Rect.Dy()
	out := image.NewGray(image.Rect(0, 0, w, h))
	if orientation >= 5 {
		out = image.NewGray(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			// EXIF: where the 0th row and the 0th column of the stored picture are in the seen one.
			sx, sy := x, y
			switch orientation {
			case 2: // top, right
				sx = w - 1 - x
			case 3: // bottom, right
				sx, sy = w-1-x, h-1-y
			case 4: // bottom, left
				sy = h - 1 - y
			case 5: // left, top
				sx, sy = y, x
			case 6: // right, top
				sx, sy = y, w-1-x
			case 7: // right, bottom
				sx, sy = h-1-y, w-1-x
			case 8: // left, bottom
				sx, sy = h-1-y, x
			}
			out.SetGray(sx, sy, seen.GrayAt(x, y))
		}
	}
	return out
}

func exif(order binary.AppendByteOrder, orientation int) []byte {
	b := []byte("Exif\x00\x00")
	if order.String() == "BigEndian" {
		b = append(b, "MM\x00*"...)
	} else {
		b = append(b, "II*\x00"...)
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(order.AppendUint16(b, 0x0100), 3) // the width, to be passed over
	b = order.AppendUint32(order.AppendUint32(b, 1), 6)
	b = order.AppendUint16(order.AppendUint16(b, 0x0112), 3)
	b = order.AppendUint16(order.AppendUint32(b, 1), uint16(orientation))
	return append(b, 0, 0, 0, 0, 0, 0)
}

// withExif puts a segment behind the start of a JPEG file.
func withExif(data, block []byte) []byte {
	segment := binary.BigEndian.AppendUint16([]byte{0xFF, 0xE1}, uint16(len(block)+2))
	return slices.Concat(data[:2], segment, block, data[2:])
}

func TestJPEGTurn(t *testing.T) {
	t.Parallel()
	start := []byte{0xFF, 0xD8}
	six := exif(binary.BigEndian, 6)
	with := func(change func(b []byte) []byte) []byte { return withExif(start, change(bytes.Clone(six))) }
	for _, tt := range []struct {
		name string
		data []byte
		want int
	}{
		{"six", withExif(start, six), 6},
		{"behind another segment and fill bytes", slices.Concat(start, []byte{0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xFF}, withExif(start, six)[2:]), 6},
		{"the first of two", slices.Concat(withExif(start, six), withExif(start, exif(binary.LittleEndian, 3))[2:]), 6},
		{"none", start, 1},
		{"no JPEG", six, 1},
		{"behind the picture", slices.Concat(start, []byte{0xFF, 0xDA, 0, 2}, withExif(start, six)[2:]), 1},
		{"zero", withExif(start, exif(binary.BigEndian, 0)), 1},
		{"nine", withExif(start, exif(binary.LittleEndian, 9)), 1},
		{"a segment longer than the file", append(bytes.Clone(start), 0xFF, 0xE1, 0xFF, 0xFF, 'E'), 1},
		{"a segment shorter than its own length", append(bytes.Clone(start), 0xFF, 0xE1, 0, 1, 0, 0), 1},
		{"a directory beyond the end", with(func(b []byte) []byte { copy(b[10:], "\xFF\xFF\xFF\xFF"); return b }), 1},
		{"a directory that is the header", with(func(b []byte) []byte { copy(b[10:], "\x00\x00\x00\x00"); return b }), 1},
		{"more entries than there are", with(func(b []byte) []byte { copy(b[14:], "\xFF\xFF"); return b }), 6},
		{"entries without end, none of them it", with(func(b []byte) []byte { copy(b[14:], "\xFF\xFF"); b[29] = 0x13; return b }), 1},
		{"cut in its entry", with(func(b []byte) []byte { return b[:34] }), 1},
		{"another type", with(func(b []byte) []byte { b[31] = 4; return b }), 1},
		{"more than one value", with(func(b []byte) []byte { b[35] = 2; return b }), 1},
		{"another byte order", with(func(b []byte) []byte { copy(b[6:], "XX"); return b }), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := int(photo.JPEGTurn(tt.data)); got != tt.want {
				t.Errorf("turn %d, want %d", got, tt.want)
			}
		})
	}
}
