package qrgen_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/png"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"cho40/qrgen"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"pgregory.net/rapid"
)

// modules reads a symbol without any picture, from its modules alone.
func modules(s qrgen.Symbol) (string, error) {
	m, err := gozxing.NewSquareBitMatrix(s.Size())
	if err != nil {
		return "", err
	}
	for y := range s.Size() {
		for x := range s.Size() {
			if s.Dark(x, y) {
				m.Set(x, y)
			}
		}
	}
	result, err := decoder.NewDecoder().Decode(m, nil)
	if err != nil {
		return "", err
	}
	if level := result.GetECLevel(); level != "M" {
		return "", fmt.Errorf("level %s", level)
	}
	return result.GetText(), nil
}

// Every version that a code can have, up to the 512 bytes that the format advises.
func TestSymbolVersions(t *testing.T) {
	t.Parallel()
	seen := make(map[int]bool)
	sentence := strings.Repeat("Rau sap 12 cho Vi Thanh, A-012! ", 16)
	for n := 1; n <= 500; n += 7 {
		s, err := qrgen.NewSymbol(sentence[:n])
		if err != nil {
			t.Fatalf("%d characters: %v", n, err)
		}
		if got, err := modules(s); err != nil || got != sentence[:n] {
			t.Errorf("%d characters: %q, %v", n, got, err)
		}
		seen[s.Size()] = true
	}
	for version := 1; version <= 17; version++ {
		if !seen[17+4*version] {
			t.Errorf("no symbol of version %d", version)
		}
	}
}

func TestSymbolsOfVectors(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t).Vectors {
		if v.Kind != "encode" {
			continue
		}
		s, err := qrgen.NewSymbol(v.Payload)
		if v.ID == "enc-019" { // letters with marks
			var bad *qrgen.FieldError
			if !errors.As(err, &bad) || bad.Code != "non_ascii" {
				t.Errorf("%s: %v, want non_ascii", v.ID, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", v.ID, err)
			continue
		}
		if got, err := modules(s); err != nil || got != v.Payload {
			t.Errorf("%s: %q, %v", v.ID, got, err)
		}
	}
}

// A placard's payload of usual length fits version 4, 33 modules: digits, and capitals where there are letters.
func TestPlacardSymbol(t *testing.T) {
	t.Parallel()
	text, err := qrgen.Static("971005", "0981234567")
	if err != nil {
		t.Fatal(err)
	}
	s, err := qrgen.NewSymbol(text)
	if err != nil || s.Size() != 33 {
		t.Fatalf("%d modules, %v; want 33", s.Size(), err)
	}
	data, err := s.MarshalBinary()
	if err != nil || len(data) != 138 {
		t.Errorf("%d bytes, %v; want 138", len(data), err)
	}
}

func TestNewSymbolRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, payload, code string }{
		{"nothing", "", "empty"},
		{"letters with marks", "Chợ", "non_ascii"},
		{"line end", "A\n", "control_character"},
		{"too long for level M", strings.Repeat("x", 2332), "too_long"},
	} {
		_, err := qrgen.NewSymbol(tt.payload)
		var bad *qrgen.FieldError
		if !errors.As(err, &bad) || bad.Code != tt.code {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.code)
		}
	}
}

func TestSymbolStored(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text, err := qrgen.Static(anyBIN(t), anyAccount(t))
		if err != nil {
			t.Fatal(err)
		}
		s, err := qrgen.NewSymbol(text)
		if err != nil {
			t.Fatal(err)
		}
		data, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var again qrgen.Symbol
		if err := again.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		clear(data) // the symbol keeps nothing of it
		if got, err := modules(again); err != nil || got != text {
			t.Fatalf("%q, %v; want %q", got, err, text)
		}
	})
}

func TestSymbolStoredBadly(t *testing.T) {
	t.Parallel()
	s, err := qrgen.NewSymbol("A")
	if err != nil {
		t.Fatal(err)
	}
	good, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	with := func(i int, b byte) []byte {
		data := bytes.Clone(good)
		data[i] = b
		return data
	}
	for _, tt := range []struct {
		name string
		data []byte
	}{
		{"nothing", nil},
		{"only a size", good[:1]},
		{"a byte short", good[:len(good)-1]},
		{"a byte long", append(bytes.Clone(good), 0)},
		{"no such size", with(0, 22)},
		{"size below the first", with(0, 17)},
		{"size above the last", with(0, 181)},
		{"another size", with(0, 25)},
		{"bits after the last module", with(len(good)-1, good[len(good)-1]|1)},
	} {
		var got qrgen.Symbol
		if err := got.UnmarshalBinary(tt.data); err == nil || got.Size() != 0 {
			t.Errorf("%s: taken", tt.name)
		}
	}
	var zero qrgen.Symbol
	if _, err := zero.MarshalBinary(); err == nil {
		t.Error("no symbol was stored")
	}
	if _, err := zero.PNG(1); err == nil || zero.SVG() != nil || zero.Dark(0, 0) {
		t.Error("no symbol was drawn")
	}
}

func TestPNG(t *testing.T) {
	t.Parallel()
	s, err := qrgen.NewSymbol("000201")
	if err != nil {
		t.Fatal(err)
	}
	for _, dots := range []int{1, 4, 10} {
		data, err := s.PNG(dots)
		if err != nil {
			t.Fatal(err)
		}
		if depth := data[24]; depth != 1 { // of the header chunk, which comes first
			t.Errorf("%d bits a pixel, want 1", depth)
		}
		img, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		side := (s.Size() + 2*qrgen.QuietZone) * dots
		if img.Bounds() != image.Rect(0, 0, side, side) {
			t.Fatalf("bounds %v, want %d", img.Bounds(), side)
		}
		for y := range side {
			for x := range side {
				r, _, _, _ := img.At(x, y).RGBA()
				if want := s.Dark(x/dots-qrgen.QuietZone, y/dots-qrgen.QuietZone); (r == 0) != want {
					t.Fatalf("%d dots: pixel %d,%d is dark: %t", dots, x, y, !want)
				}
			}
		}
	}
	for _, dots := range []int{-1, 0, 101} {
		if _, err := s.PNG(dots); err == nil {
			t.Errorf("%d dots were drawn", dots)
		}
	}
}

// The path, painted by hand, gives the modules back.
func TestSVG(t *testing.T) {
	t.Parallel()
	text, err := qrgen.Static("971011", "0912345678")
	if err != nil {
		t.Fatal(err)
	}
	s, err := qrgen.NewSymbol(text)
	if err != nil {
		t.Fatal(err)
	}
	var svg struct {
		ViewBox string `xml:"viewBox,attr"`
		Paths   []struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal(s.SVG(), &svg); err != nil {
		t.Fatal(err)
	}
	side := s.Size() + 2*qrgen.QuietZone
	if want := fmt.Sprintf("0 0 %d %d", side, side); svg.ViewBox != want || len(svg.Paths) != 1 {
		t.Fatalf("view box %q, %d paths; want %q and one", svg.ViewBox, len(svg.Paths), want)
	}
	run := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)
	dark := make(map[image.Point]bool)
	for _, m := range run.FindAllStringSubmatch(svg.Paths[0].D, -1) {
		x, _ := strconv.Atoi(m[1])
		y, _ := strconv.Atoi(m[2])
		n, _ := strconv.Atoi(m[3])
		if m[3] != m[4] {
			t.Fatalf("run %s does not come back", m[0])
		}
		for i := range n {
			dark[image.Pt(x+i, y)] = true
		}
	}
	if rest := run.ReplaceAllString(svg.Paths[0].D, ""); rest != "" {
		t.Fatalf("the path holds more: %q", rest)
	}
	for y := range side {
		for x := range side {
			if want := s.Dark(x-qrgen.QuietZone, y-qrgen.QuietZone); dark[image.Pt(x, y)] != want {
				t.Fatalf("module %d,%d is dark: %t", x, y, !want)
			}
		}
	}
}

func TestSymbolsAtOnce(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			text := fmt.Sprintf("0912345%03d", i)
			s, err := qrgen.NewSymbol(text)
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := modules(s); err != nil || got != text {
				t.Errorf("%q, %v; want %q", got, err, text)
			}
		})
	}
	wg.Wait()
}
