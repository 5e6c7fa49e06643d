package photo_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/qrgen/photo"
)

// distortion makes the n-th picture of a kind, and says what it shows, in reading order.
type distortion struct {
	name  string
	floor float64 // the share of pictures that must be read in full
	make  func(t testing.TB, n int) (data []byte, want []string)
}

// one is a picture with one code, turned by any angle, of 3 to 7 pixels a module, before anything happens to it.
func one(t testing.TB, n int) (*scene, placed, float64) {
	s := newScene(uint64(n), 800, 600)
	symbol, text := payment(t, n)
	module := 3 + 4*s.rnd.Float64()
	room := float64(symbol.Size()) * module * 0.75
	p := flat(symbol, text, room+s.rnd.Float64()*(800-2*room), room+s.rnd.Float64()*(600-2*room), module, s.rnd.Float64()*2*math.Pi)
	return s, p, module
}

// over makes a distortion of what happens to the picture of one code.
func over(name string, floor float64, what func(s *scene, p placed, module float64)) distortion {
	return distortion{name, floor, func(t testing.TB, n int) ([]byte, []string) {
		s, p, module := one(t, n)
		s.draw(p)
		what(s, p, module)
		return s.png(t), []string{p.text}
	}}
}

var distortions = []distortion{
	{"clean", 1, func(t testing.TB, n int) ([]byte, []string) {
		symbol, text := payment(t, n)
		data, err := symbol.PNG(1 + n%8)
		if err != nil {
			t.Fatal(err)
		}
		return data, []string{text}
	}},
	over("turned", 1, func(*scene, placed, float64) {}),
	{"tilted up to 40°", 0.85, func(t testing.TB, n int) ([]byte, []string) {
		s, p, _ := one(t, n)
		s.draw(p.tilted((15+25*s.rnd.Float64())*math.Pi/180, s.rnd.Float64()*2*math.Pi, 1.5+s.rnd.Float64()))
		return s.png(t), []string{p.text}
	}},
	{"tilted 40° to 60°", 0.5, func(t testing.TB, n int) ([]byte, []string) {
		s, p, _ := one(t, n)
		s.draw(p.tilted((40+20*s.rnd.Float64())*math.Pi/180, s.rnd.Float64()*2*math.Pi, 1.5+s.rnd.Float64()))
		return s.png(t), []string{p.text}
	}},
	over("out of focus, sigma 0.3 to 0.6 modules", 0.85, func(s *scene, _ placed, module float64) { s.blur(module * (0.3 + 0.3*s.rnd.Float64())) }),
	over("out of focus, sigma 0.6 to 0.9 modules", 0.1, func(s *scene, _ placed, module float64) { s.blur(module * (0.6 + 0.3*s.rnd.Float64())) }),
	over("moved by 0.5 to 1.5 modules", 0.85, func(s *scene, _ placed, module float64) {
		s.smear(int(module*(0.5+s.rnd.Float64())), s.rnd.IntN(2) == 0)
	}),
	over("noise, sigma 10 to 40 of 255", 0.85, func(s *scene, _ placed, _ float64) { s.noise((10 + 30*s.rnd.Float64()) / 255) }),
	over("low light", 0.85, func(s *scene, _ placed, _ float64) {
		much := 0.08 + 0.12*s.rnd.Float64()
		s.each(func(_, _ int, v float64) float64 { return v * much })
		s.noise(3.0 / 255)
	}),
	over("low contrast, 20 to 60 of 255", 0.85, func(s *scene, _ placed, _ float64) {
		much := (20 + 40*s.rnd.Float64()) / 255
		s.each(func(_, _ int, v float64) float64 { return 0.5 + (v-0.5)*much })
		s.noise(2.0 / 255)
	}),
	over("gamma 0.4 to 2.5", 0.85, func(s *scene, _ placed, _ float64) {
		gamma := math.Exp((s.rnd.Float64()*2 - 1) * 0.92)
		s.each(func(_, _ int, v float64) float64 { return math.Pow(v, gamma) })
	}),
	over("glare", 0.5, func(s *scene, p placed, module float64) {
		u, v := s.rnd.Float64(), s.rnd.Float64()
		x := p.corners[0].x + u*(p.corners[1].x-p.corners[0].x) + v*(p.corners[3].x-p.corners[0].x)
		y := p.corners[0].y + u*(p.corners[1].y-p.corners[0].y) + v*(p.corners[3].y-p.corners[0].y)
		s.glare(x, y, module*(3+4*s.rnd.Float64()))
	}),
	over("shadow across", 0.85, func(s *scene, _ placed, _ float64) { s.shadow(s.rnd.Float64()*2*math.Pi, 0.3+0.4*s.rnd.Float64()) }),
	over("inverted", 1, func(s *scene, _ placed, _ float64) {
		s.each(func(_, _ int, v float64) float64 { return 1 - v })
	}),
	over("mirrored", 1, func(s *scene, _ placed, _ float64) {
		for y := range s.h {
			slices.Reverse(s.pix[y*s.w : (y+1)*s.w])
		}
	}),
	{"JPEG quality 30 to 90", 0.85, func(t testing.TB, n int) ([]byte, []string) {
		s, p, _ := one(t, n)
		s.draw(p)
		return s.jpeg(t, 30+s.rnd.IntN(61)), []string{p.text}
	}},
	{"small, 1.6 to 3 pixels a module", 0.85, func(t testing.TB, n int) ([]byte, []string) {
		s := newScene(uint64(n), 800, 600)
		symbol, text := payment(t, n)
		s.draw(flat(symbol, text, 100+600*s.rnd.Float64(), 100+400*s.rnd.Float64(), 1.6+1.4*s.rnd.Float64(), s.rnd.Float64()*2*math.Pi))
		return s.png(t), []string{text}
	}},
	{"two to six codes", 0.85, func(t testing.TB, n int) ([]byte, []string) {
		s := newScene(uint64(n), 1200, 900)
		var want []string
		turn := (s.rnd.Float64()*2 - 1) * 0.05
		for i := range 2 + n%5 {
			symbol, text := payment(t, 10*n+i)
			x, y := float64(i%3-1)*380, float64(i/3)*400-200
			sin, cos := math.Sincos(turn)
			s.draw(flat(symbol, text, 600+x*cos-y*sin, 450+x*sin+y*cos, 3+4*s.rnd.Float64(), turn))
			want = append(want, text)
		}
		return s.jpeg(t, 70), want
	}},
	{"a phone: turned, tilted, blurred, grainy, JPEG", 0.85, func(t testing.TB, n int) ([]byte, []string) {
		s, p, module := one(t, n)
		s.draw(p.tilted(30*s.rnd.Float64()*math.Pi/180, s.rnd.Float64()*2*math.Pi, 2))
		s.blur(0.1 + 0.4*module*s.rnd.Float64())
		slope := s.rnd.Float64()
		s.each(func(x, _ int, v float64) float64 { return (0.15 + 0.8*v) * (1 - 0.7*slope*float64(x)/float64(s.w)) })
		s.noise((2 + 8*s.rnd.Float64()) / 255)
		return s.jpeg(t, 40+s.rnd.IntN(51)), []string{p.text}
	}},
}

// patient reads without hurry: under the race detector 3 seconds are not many.
func patient(t testing.TB, data []byte) ([]photo.Found, error) {
	return photo.ReadWithin(t.Context(), data, time.Minute)
}

func textsOf(found []photo.Found) []string {
	texts := make([]string, len(found))
	for i, f := range found {
		texts[i] = f.Text
	}
	return texts
}

// inFull reports whether all codes were read, in their order. A text that is not in the picture is worse than none.
func inFull(t testing.TB, found []photo.Found, want []string) bool {
	t.Helper()
	got := textsOf(found)
	for _, text := range got {
		if !slices.Contains(want, text) {
			t.Errorf("read %q, which is not in the picture", text)
		}
	}
	return slices.Equal(got, want)
}

// TestDistortions reads the first pictures of each kind; BenchmarkRead measures the shares more closely.
func TestDistortions(t *testing.T) {
	t.Parallel()
	const pictures = 8
	for _, d := range distortions {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			read := 0
			for n := range pictures {
				data, want := d.make(t, n)
				found, err := patient(t, data)
				if err != nil && fault.CodeOf(err) != "no-code" {
					t.Fatalf("picture %d: %v", n, err)
				}
				if inFull(t, found, want) {
					read++
				} else {
					t.Logf("picture %d: %d of %d codes, %v", n, len(found), len(want), err)
				}
			}
			if float64(read) < d.floor*pictures {
				t.Errorf("%d of %d pictures read, want a share of %.2f", read, pictures, d.floor)
			}
		})
	}
}

// BenchmarkRead measures the share of pictures read: go test -bench Read -benchtime 500x.
func BenchmarkRead(b *testing.B) {
	for _, d := range distortions {
		b.Run(d.name, func(b *testing.B) {
			read := 0
			n := 0
			for b.Loop() {
				b.StopTimer()
				data, want := d.make(b, n)
				n++
				b.StartTimer()
				found, _ := photo.Read(b.Context(), data)
				if inFull(b, found, want) {
					read++
				}
			}
			b.ReportMetric(100*float64(read)/float64(n), "%read")
		})
	}
}
