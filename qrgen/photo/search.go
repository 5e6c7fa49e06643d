package photo

import (
	"context"
	"image"
	"math"
)

// look is one way of going over the picture.
type look struct {
	side    int  // the longer side it is scaled down to; a smaller picture stays as it is
	reach   int  // of the threshold, in blocks; 0: one threshold for the whole picture
	soften  bool // against noise
	sharpen bool // against blur
	double  bool // twice as large, for small pictures
}

// whole is longer than any side.
const whole = MaxPixels

// looks go from cheap and usual to dear and rare. After each round the search ends if it has found a code and seen
// no sign of another.
var looks = [][]look{
	{{side: 1000, reach: 4}, {side: 2000, reach: 4}},
	{{side: 600, reach: 4}, {side: 1400, reach: 2, soften: true}, {side: whole, reach: 4}, {side: 1000, reach: 4, double: true}},
	{{side: 2000, reach: 8, soften: true}, {side: 350, reach: 3}, {side: 1000, reach: 16}, {side: 1200, reach: 0, soften: true}},
	{{side: 350, reach: 4, sharpen: true}, {side: 600, reach: 4, sharpen: true}, {side: 1000, reach: 4, sharpen: true}, {side: 1400, reach: 1}},
	{{side: 700, reach: 2, double: true}, {side: 3000, reach: 2, soften: true}, {side: 2000, reach: 0}, {side: whole, reach: 2, soften: true}},
}

// smallest is the modules a side of the smallest code.
const smallest = 21

// search finds the codes of a picture, with their corners in its own pixels.
func search(ctx context.Context, p plane) []Found {
	if min(p.w, p.h) < smallest {
		return nil
	}
	var found []Found
	done := map[look]bool{}
	for _, round := range looks {
		unread := 0
		for _, l := range round {
			l.side = min(l.side, max(p.w, p.h))
			if done[l] {
				continue
			}
			done[l] = true
			unread += l.over(ctx, p, &found)
			if ctx.Err() != nil || len(found) >= MaxCodes {
				return found
			}
		}
		if len(found) > 0 && unread == 0 {
			break
		}
	}
	return found
}

// over adds the codes that this look finds, and returns how many more it saw but could not read.
func (l look) over(ctx context.Context, p plane, found *[]Found) (unread int) {
	width, height := p.w, p.h
	if long := max(p.w, p.h); long > l.side {
		p = p.shrink(max(p.w*l.side/long, 1), max(p.h*l.side/long, 1))
	}
	if l.double {
		p = p.double()
	}
	if l.soften {
		p = p.soften()
	}
	if l.sharpen {
		p = p.sharpen()
	}
	if ctx.Err() != nil {
		return 0
	}
	m := p.marks(l.reach)
	step := 1
	if p.w*p.h > 3_000_000 {
		step = 2
	}
	across, down := float64(width)/float64(p.w), float64(height)/float64(p.h)
	centres := findCentres(ctx, m, step)
	used := make([]bool, len(centres))
	for i, c := range centres {
		used[i] = within(*found, c.x*across, c.y*down)
	}
	for _, c := range findCorners(ctx, centres) {
		if ctx.Err() != nil || len(*found) >= MaxCodes {
			break
		}
		if used[c.at] || used[c.right] || used[c.below] {
			continue
		}
		q, dim, fitted := place(m, centres[c.at], centres[c.right], centres[c.below])
		if fitted < likely {
			continue
		}
		text, ok := readModules(p.modules(q, dim), dim, centres[c.at].inverted)
		if !ok {
			if fitted > certain {
				unread++
			}
			continue
		}
		f := Found{Text: text}
		t := lensOf(q, float64(dim-7))
		for i, at := range [4]point{{0, 0}, {1, 0}, {1, 1}, {0, 1}} {
			x, y := t.at(at.x*float64(dim), at.y*float64(dim))
			f.Corners[i] = image.Pt(int(math.Round(x*across)), int(math.Round(y*down)))
		}
		*found = append(*found, f)
		for i, c := range centres {
			used[i] = used[i] || f.holds(c.x*across, c.y*down)
		}
	}
	return unread
}

func within(found []Found, x, y float64) bool {
	for _, f := range found {
		if f.holds(x, y) {
			return true
		}
	}
	return false
}

// holds reports whether a point of the stored picture lies in the code.
func (f Found) holds(x, y float64) bool {
	for i, a := range f.Corners {
		b := f.Corners[(i+1)%4]
		if float64(b.X-a.X)*(y-float64(a.Y))-float64(b.Y-a.Y)*(x-float64(a.X)) < 0 {
			return false
		}
	}
	return true
}
