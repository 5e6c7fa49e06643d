package photo_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"testing"

	"cho40/qrgen"
)

// scene is a made photograph: a lightness for each pixel, 0 to 1, before the camera turns it into bytes.
type scene struct {
	w, h int
	pix  []float64
	rnd  *rand.Rand
}

type spot struct{ x, y float64 }

// newScene is a stall's clutter: slopes of light, boxes and stripes.
func newScene(seed uint64, w, h int) *scene {
	s := &scene{w, h, make([]float64, w*h), rand.New(rand.NewPCG(seed, 40))}
	fx, fy, phase := s.rnd.Float64()*6/float64(w), s.rnd.Float64()*6/float64(h), s.rnd.Float64()*6
	for y := range h {
		for x := range w {
			s.pix[y*w+x] = 0.55 + 0.2*math.Sin(float64(x)*fx+float64(y)*fy+phase)
		}
	}
	for range 30 {
		x0, y0 := s.rnd.IntN(w), s.rnd.IntN(h)
		bw, bh, v := 2+s.rnd.IntN(w/6), 2+s.rnd.IntN(h/6), s.rnd.Float64()
		for y := y0; y < min(y0+bh, h); y++ {
			for x := x0; x < min(x0+bw, w); x++ {
				s.pix[y*w+x] = v
			}
		}
	}
	return s
}

// blank is white paper.
func blank(seed uint64, w, h int) *scene {
	s := &scene{w, h, make([]float64, w*h), rand.New(rand.NewPCG(seed, 41))}
	for i := range s.pix {
		s.pix[i] = 0.97
	}
	return s
}

// placed is where a symbol lies: its corners without the quiet zone, clockwise from its own top left.
type placed struct {
	symbol      qrgen.Symbol
	text        string
	corners     [4]spot
	dark, light float64
}

// flat is a code seen from the front: its middle, its module in pixels, its turn in radians.
func flat(symbol qrgen.Symbol, text string, x, y, module, turn float64) placed {
	p := placed{symbol, text, [4]spot{}, 0.08, 0.92}
	half := float64(symbol.Size()) * module / 2
	sin, cos := math.Sincos(turn)
	for i, c := range [4]spot{{-half, -half}, {half, -half}, {half, half}, {-half, half}} {
		p.corners[i] = spot{x + c.x*cos - c.y*sin, y + c.x*sin + c.y*cos}
	}
	return p
}

// tilted is a flat code turned out of the picture's plane by an angle, about an axis, seen from distance sides away.
func (p placed) tilted(angle, axis, distance float64) placed {
	var mid spot
	for _, c := range p.corners {
		mid.x, mid.y = mid.x+c.x/4, mid.y+c.y/4
	}
	side := math.Hypot(p.corners[1].x-p.corners[0].x, p.corners[1].y-p.corners[0].y)
	sin, cos := math.Sincos(axis)
	for i, c := range p.corners {
		u, v := (c.x-mid.x)*cos+(c.y-mid.y)*sin, -(c.x-mid.x)*sin+(c.y-mid.y)*cos
		z := 1 + u*math.Sin(angle)/(side*distance)
		u, v = u*math.Cos(angle)/z, v/z
		p.corners[i] = spot{mid.x + u*cos - v*sin, mid.y + u*sin + v*cos}
	}
	return p
}

// draw puts a code with its quiet zone into the scene, each pixel the mean of nine places.
func (s *scene) draw(p placed) {
	n := float64(p.symbol.Size())
	// The picture to the symbol: the inverse of the perspective that takes the unit square to the corners.
	q := p.corners
	d1, d2 := spot{q[1].x - q[2].x, q[1].y - q[2].y}, spot{q[3].x - q[2].x, q[3].y - q[2].y}
	e := spot{q[0].x - q[1].x + q[2].x - q[3].x, q[0].y - q[1].y + q[2].y - q[3].y}
	det := d1.x*d2.y - d2.x*d1.y
	g, h := (e.x*d2.y-d2.x*e.y)/det, (d1.x*e.y-e.x*d1.y)/det
	a, b, c := q[1].x-q[0].x+g*q[1].x, q[3].x-q[0].x+h*q[3].x, q[0].x
	d, f, k := q[1].y-q[0].y+g*q[1].y, q[3].y-q[0].y+h*q[3].y, q[0].y
	inv := [9]float64{f - k*h, c*h - b, b*k - c*f, k*g - d, a - c*g, c*d - a*k, d*h - f*g, b*g - a*h, a*f - b*d}
	low, high := spot{math.Inf(1), math.Inf(1)}, spot{math.Inf(-1), math.Inf(-1)}
	quiet := float64(qrgen.QuietZone) / n
	for _, uv := range [4]spot{{-quiet, -quiet}, {1 + quiet, -quiet}, {1 + quiet, 1 + quiet}, {-quiet, 1 + quiet}} {
		w := g*uv.x + h*uv.y + 1
		x, y := (a*uv.x+b*uv.y+c)/w, (d*uv.x+f*uv.y+k)/w
		low, high = spot{min(low.x, x), min(low.y, y)}, spot{max(high.x, x), max(high.y, y)}
	}
	for y := max(int(low.y), 0); y < min(int(high.y)+1, s.h); y++ {
		for x := max(int(low.x), 0); x < min(int(high.x)+1, s.w); x++ {
			sum := 0.0
			for i := range 9 {
				px, py := float64(x)+float64(i%3)/3+1.0/6, float64(y)+float64(i/3)/3+1.0/6
				w := inv[6]*px + inv[7]*py + inv[8]
				u, v := (inv[0]*px+inv[1]*py+inv[2])/w*n, (inv[3]*px+inv[4]*py+inv[5])/w*n
				switch {
				case u < -qrgen.QuietZone || v < -qrgen.QuietZone || u > n+qrgen.QuietZone || v > n+qrgen.QuietZone:
					sum += s.pix[y*s.w+x]
				case u >= 0 && v >= 0 && p.symbol.Dark(int(u), int(v)):
					sum += p.dark
				default:
					sum += p.light
				}
			}
			s.pix[y*s.w+x] = sum / 9
		}
	}
}

// blur is a Gaussian of sigma pixels both ways; dx or dy smears by that many pixels, as a moving hand does.
func (s *scene) blur(sigma float64) {
	reach := int(3*sigma) + 1
	weights := make([]float64, 2*reach+1)
	total := 0.0
	for i := range weights {
		weights[i] = math.Exp(-math.Pow(float64(i-reach), 2) / (2 * sigma * sigma))
		total += weights[i]
	}
	for i := range weights {
		weights[i] /= total
	}
	s.weigh(weights, 1, 0)
	s.weigh(weights, 0, 1)
}

func (s *scene) smear(pixels int, down bool) {
	weights := make([]float64, pixels|1)
	for i := range weights {
		weights[i] = 1 / float64(len(weights))
	}
	if down {
		s.weigh(weights, 0, 1)
	} else {
		s.weigh(weights, 1, 0)
	}
}

func (s *scene) weigh(weights []float64, dx, dy int) {
	out := make([]float64, len(s.pix))
	reach := len(weights) / 2
	for y := range s.h {
		for x := range s.w {
			sum := 0.0
			for i, w := range weights {
				px, py := min(max(x+(i-reach)*dx, 0), s.w-1), min(max(y+(i-reach)*dy, 0), s.h-1)
				sum += w * s.pix[py*s.w+px]
			}
			out[y*s.w+x] = sum
		}
	}
	s.pix = out
}

// each changes every pixel.
func (s *scene) each(f func(x, y int, v float64) float64) {
	for i, v := range s.pix {
		s.pix[i] = f(i%s.w, i/s.w, v)
	}
}

func (s *scene) noise(sigma float64) {
	s.each(func(_, _ int, v float64) float64 { return v + s.rnd.NormFloat64()*sigma })
}

// glare is a round reflection that washes everything out at its middle.
func (s *scene) glare(x, y, radius float64) {
	s.each(func(px, py int, v float64) float64 {
		d := math.Hypot(float64(px)-x, float64(py)-y) / radius
		return v + 1.6*math.Exp(-d*d*2)
	})
}

// shadow darkens one side of a line through the middle.
func (s *scene) shadow(turn, much float64) {
	sin, cos := math.Sincos(turn)
	s.each(func(x, y int, v float64) float64 {
		if (float64(x)-float64(s.w)/2)*cos+(float64(y)-float64(s.h)/2)*sin > 0 {
			return v * much
		}
		return v
	})
}

func (s *scene) gray() *image.Gray {
	img := image.NewGray(image.Rect(0, 0, s.w, s.h))
	for i, v := range s.pix {
		img.Pix[i] = byte(min(max(v, 0), 1)*255 + 0.5)
	}
	return img
}

func (s *scene) png(t testing.TB) []byte { return pngOf(t, s.gray()) }

func (s *scene) jpeg(t testing.TB, quality int) []byte { return jpegOf(t, s.gray(), quality) }

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func jpegOf(t testing.TB, img image.Image, quality int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// payment is the n-th of many placards.
func payment(t testing.TB, n int) (qrgen.Symbol, string) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(n), 42))
	account := []byte("0")
	for range 9 {
		account = append(account, byte('0'+r.IntN(10)))
	}
	text, err := qrgen.Static([]string{"971005", "971011", "970436"}[n%3], string(account))
	if err != nil {
		t.Fatal(err)
	}
	symbol, err := qrgen.NewSymbol(text)
	if err != nil {
		t.Fatal(err)
	}
	return symbol, text
}
