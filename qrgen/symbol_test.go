package qrgen_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"cho40/qrgen"
	"cho40/qrgen/photo"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	qrcode "github.com/skip2/go-qrcode"
	"pgregory.net/rapid"
)

// modules reads a symbol without any picture, from its modules alone.
func modules(s qrgen.Symbol) (string, error) {
	text, level, err := modulesAt(s)
	if err == nil && level != "M" {
		err = fmt.Errorf("level %s", level)
	}
	return text, err
}

func modulesAt(s qrgen.Symbol) (text, level string, err error) {
	m, err := gozxing.NewSquareBitMatrix(s.Size())
	if err != nil {
		return "", "", err
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
		return "", "", err
	}
	return result.GetText(), result.GetECLevel(), nil
}

// grid is a symbol as rows of dark modules.
type grid [][]bool

func (g grid) Size() int          { return len(g) }
func (g grid) Dark(x, y int) bool { return g[y][x] }

// Every version and level that a placard or a vendor's own code may have, mixed segments and all.
func TestReadModules(t *testing.T) {
	t.Parallel()
	for version := 1; version <= 17; version++ {
		for _, level := range []qrcode.RecoveryLevel{qrcode.Low, qrcode.Medium, qrcode.High, qrcode.Highest} {
			for _, say := range []string{"1", "VND 0981", "cho Vi Thanh, 0123456789 SAP A-012"} {
				q, err := qrcode.NewWithForcedVersion(say, version, level)
				if err != nil {
					continue // too long for so small a symbol
				}
				q.DisableBorder = true
				g := grid(q.Bitmap())
				if got, err := qrgen.ReadModules(g); err != nil || got != say || len(g) != 17+4*version {
					t.Errorf("version %d, level %d: %q, %v; want %q", version, level, got, err, say)
				}
			}
		}
	}
}

func TestReadModulesRefuses(t *testing.T) {
	t.Parallel()
	q, err := qrcode.New("000201", qrcode.Medium)
	if err != nil {
		t.Fatal(err)
	}
	q.DisableBorder = true
	good := grid(q.Bitmap())
	made := func(n int, dark func(x, y int) bool) grid {
		g := make(grid, n)
		for y := range g {
			g[y] = make([]bool, n)
			for x := range n {
				g[y][x] = dark(x, y)
			}
		}
		return g
	}
	for _, tt := range []struct {
		name string
		m    grid
	}{
		{"nothing", nil},
		{"too small", made(17, func(x, y int) bool { return true })},
		{"too large", made(181, func(x, y int) bool { return true })},
		{"no such size", made(23, func(x, y int) bool { return true })},
		{"all light", made(21, func(x, y int) bool { return false })},
		{"all dark", made(57, func(x, y int) bool { return true })},
		{"light for dark", made(len(good), func(x, y int) bool { return !good[y][x] })},
		{"in the mirror", made(len(good), func(x, y int) bool { return good[x][y] })},
		{"upside down", made(len(good), func(x, y int) bool { return good[len(good)-1-y][len(good)-1-x] })},
		{"a corner square with a hole", made(len(good), func(x, y int) bool { return good[y][x] && (x != 3 || y != 3) })},
		{"a corner square without its border", made(len(good), func(x, y int) bool { return good[y][x] || x == 7 && y < 8 })},
		{"a line of turns filled", made(len(good), func(x, y int) bool { return good[y][x] || y == 6 && x > 8 && x < 12 })},
		{"half of it lost", made(len(good), func(x, y int) bool { return good[y][x] && x < len(good)/2 })},
	} {
		_, err := qrgen.ReadModules(tt.m)
		var bad *qrgen.FieldError
		if !errors.As(err, &bad) || bad.Code != "symbol_unreadable" {
			t.Errorf("%s: %v, want symbol_unreadable", tt.name, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := 17 + 4*rapid.IntRange(1, 10).Draw(t, "version")
		noise := rapid.SliceOfN(rapid.Bool(), n*n, n*n).Draw(t, "modules")
		_, _ = qrgen.ReadModules(made(n, func(x, y int) bool { return noise[y*n+x] })) // only that it returns
	})
}

// Every version that a code can have, up to the 512 bytes that the format advises, at each level.
func TestSymbolVersions(t *testing.T) {
	t.Parallel()
	sentence := strings.Repeat("Rau sap 12 cho Vi Thanh, A-012! ", 16)
	for _, tt := range []struct {
		level  qrgen.Level
		damage float64
		last   int // version of 500 characters
	}{{qrgen.LevelM, 0, 17}, {qrgen.LevelQ, 0.05, 21}, {qrgen.LevelH, 0.08, 24}} {
		t.Run(tt.level.String(), func(t *testing.T) {
			t.Parallel()
			seen, last := make(map[int]bool), 0
			for n := 1; n <= 500; n += 7 {
				s, level, err := qrgen.NewSymbolFor(sentence[:n], qrgen.Need{Damage: tt.damage})
				if err != nil || level != tt.level {
					t.Fatalf("%d characters: level %s, %v", n, level, err)
				}
				if got, level, err := modulesAt(s); err != nil || got != sentence[:n] || level != tt.level.String() {
					t.Errorf("%d characters: %q, level %s, %v", n, got, level, err)
				}
				if seen[s.Size()] = true; s.Size() < last {
					t.Errorf("%d characters take %d modules, fewer took %d", n, s.Size(), last)
				}
				last = s.Size()
			}
			for version := 1; version <= tt.last; version++ {
				if !seen[17+4*version] {
					t.Errorf("no symbol of version %d", version)
				}
			}
		})
	}
}

func TestNewSymbolFor(t *testing.T) {
	t.Parallel()
	text, err := qrgen.Static("970416", "VNPT000000000123456")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		need  qrgen.Need
		level string
		code  string
	}{
		{"nothing asked", qrgen.Need{}, "M", ""},
		{"a card of A6", qrgen.Need{Side: 66}, "M", ""},
		{"a poster has room", qrgen.Need{Side: 130}, "Q", ""},
		{"a market where hands are wet", qrgen.Need{Side: 66, Damage: 0.06}, "Q", ""},
		{"a fish stall", qrgen.Need{Side: 66, Damage: 0.10}, "H", ""},
		{"more than any code stands", qrgen.Need{Side: 66, Damage: 0.2}, "", "damage_too_great"},
		{"a stamp", qrgen.Need{Side: 18}, "", "module_small"},
		{"small and rough", qrgen.Need{Side: 23, Damage: 0.1}, "", "module_small"},
		{"the same size in a clean place", qrgen.Need{Side: 23}, "M", ""},
	} {
		s, level, err := qrgen.NewSymbolFor(text, tt.need)
		var bad *qrgen.FieldError
		switch {
		case tt.code != "":
			if !errors.As(err, &bad) || bad.Code != tt.code || s.Size() != 0 {
				t.Errorf("%s: %v, want %s", tt.name, err, tt.code)
			}
		case err != nil || level.String() != tt.level:
			t.Errorf("%s: level %s, %v; want %s", tt.name, level, err, tt.level)
		}
	}
}

// Blots as large as each level promises to stand, black and white, anywhere but on the corner squares.
func TestDamage(t *testing.T) {
	t.Parallel()
	for _, damage := range []float64{0.04, 0.06, 0.10} {
		t.Run(fmt.Sprint(damage), func(t *testing.T) {
			t.Parallel()
			const pictures = 60
			read := 0
			for i := range pictures {
				rnd := rand.New(rand.NewPCG(uint64(i), 40))
				text, err := qrgen.Static("971005", fmt.Sprintf("09%08d", rnd.IntN(1e8)))
				if err != nil {
					t.Fatal(err)
				}
				s, _, err := qrgen.NewSymbolFor(text, qrgen.Need{Damage: damage})
				if err != nil {
					t.Fatal(err)
				}
				found, _ := photo.Read(t.Context(), blotted(t, s, damage, rnd)) // a fault is a picture not read
				if slices.ContainsFunc(found, func(f photo.Found) bool { return f.Text == text }) {
					read++
				}
			}
			if read < pictures*9/10 {
				t.Errorf("%d of %d pictures were read", read, pictures)
			}
		})
	}
}

// blotted is a picture of a symbol of which a share is covered.
func blotted(t *testing.T, s qrgen.Symbol, share float64, rnd *rand.Rand) []byte {
	t.Helper()
	const dots = 8
	data, err := s.PNG(dots)
	if err != nil {
		t.Fatal(err)
	}
	clean, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewGray(clean.Bounds())
	draw.Draw(img, img.Rect, clean, image.Point{}, draw.Src)
	n := float64(s.Size())
	for covered := 0.0; covered < share*n*n; {
		r := n * (0.02 + 0.05*rnd.Float64())
		x, y := n*rnd.Float64(), n*rnd.Float64()
		left, right, top, bottom := x-r < 8, x+r > n-8, y-r < 8, y+r > n-8
		if left && top || right && top || left && bottom {
			continue
		}
		ink := color.Gray{Y: uint8(255 * rnd.IntN(2))}
		at := func(v float64) int { return int((v + qrgen.QuietZone) * dots) }
		for py := at(y - r); py < at(y+r); py++ {
			for px := at(x - r); px < at(x+r); px++ {
				if math.Hypot(float64(px-at(x)), float64(py-at(y))) < r*dots {
					img.SetGray(px, py, ink)
				}
			}
		}
		covered += math.Pi * r * r
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
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
