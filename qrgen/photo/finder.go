package photo

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// centre is the middle of what looks like a finder pattern, one of the three squares in the corners of a code: along
// any line through its middle, five runs of changing colour in the ratio 1 1 3 1 1.
type centre struct {
	x, y     float64
	module   float64 // pixels, along the rows and columns: too large by up to 1.4 when the code is turned
	inverted bool    // light squares on dark ground
	rows     int     // that crossed it so
}

func (c centre) distance(o centre) float64 { return math.Hypot(c.x-o.x, c.y-o.y) }

// maxCentres keeps a picture that is full of squares from taking all the time: the best are looked at.
const maxCentres = 250

// findCentres goes along every step-th row of a plane of marks.
func findCentres(ctx context.Context, m plane, step int) []centre {
	var all gathered
	for y := step / 2; y < m.h && ctx.Err() == nil; y += step {
		row := m.row(y)
		var runs [5]int // the last five, the newest last
		start := 0
		for x := 1; x <= m.w; x++ {
			if x < m.w && row[x] == row[start] {
				continue
			}
			runs = [5]int{runs[1], runs[2], runs[3], runs[4], x - start}
			colour := row[start]
			start = x
			if !finderRuns(runs) {
				continue
			}
			middle := x - runs[4] - runs[3] - (runs[2]+1)/2
			if c, ok := m.crossed(middle, y, colour); ok {
				all.add(c)
			}
		}
	}
	return all.best(step)
}

// finderRuns reports whether five runs are near 1 1 3 1 1. Blur and bright light widen one colour at the cost of the other.
func finderRuns(r [5]int) bool {
	total := r[0] + r[1] + r[2] + r[3] + r[4]
	if total < 7 || r[0] == 0 {
		return false
	}
	within := func(run, least, most int) bool { return 70*run >= least*total && 70*run <= most*total } // in tenths of a module
	return within(r[0], 4, 18) && within(r[1], 4, 18) && within(r[2], 19, 43) && within(r[3], 4, 18) && within(r[4], 4, 18)
}

// crossed looks at the lines through a likely middle: down, across again, and both diagonals.
func (m plane) crossed(x, y int, colour byte) (centre, bool) {
	dy, high, ok := m.through(x, y, 0, 1, colour)
	if !ok {
		return centre{}, false
	}
	cy := float64(y) + dy
	dx, wide, ok := m.through(x, int(cy), 1, 0, colour)
	if !ok || high > 3*wide || wide > 3*high {
		return centre{}, false
	}
	cx := float64(x) + dx
	_, _, falls := m.through(int(cx), int(cy), 1, 1, colour)
	_, _, rises := m.through(int(cx), int(cy), 1, -1, colour)
	if !falls && !rises {
		return centre{}, false
	}
	return centre{x: cx, y: cy, module: (wide + high) / 14, inverted: colour == 0, rows: 1}, true
}

// through measures the five runs on a line through x, y: how far their middle is off, and how long they are together, in steps.
func (m plane) through(x, y, dx, dy int, colour byte) (off, length float64, ok bool) {
	if x < 0 || y < 0 || x >= m.w || y >= m.h || m.pix[y*m.w+x] != colour {
		return 0, 0, false
	}
	// reach counts the pixels of three runs from x, y on.
	reach := func(dx, dy int) (runs [3]int) {
		px, py, want := x+dx, y+dy, colour
		for i := range runs {
			longest := m.w + m.h
			if i > 0 {
				longest = 4*runs[0] + 8 // the outer runs are about a module, half of what half the middle has
			}
			for px >= 0 && py >= 0 && px < m.w && py < m.h && m.pix[py*m.w+px] == want && runs[i] < longest {
				runs[i]++
				px, py = px+dx, py+dy
			}
			want ^= 1
		}
		return runs
	}
	before, after := reach(-dx, -dy), reach(dx, dy)
	runs := [5]int{before[2], before[1], before[0] + 1 + after[0], after[1], after[2]}
	if !finderRuns(runs) {
		return 0, 0, false
	}
	return float64(after[0]-before[0])/2 + 0.5, float64(runs[0] + runs[1] + runs[2] + runs[3] + runs[4]), true
}

// gathered joins the centres that neighbouring rows found of one pattern.
type gathered struct {
	all  []centre
	near map[[2]int][]int // squares of 16 pixels to the centres in them
}

func (g *gathered) add(c centre) {
	const side = 16
	if g.near == nil {
		g.near = map[[2]int][]int{}
	}
	sx, sy := int(c.x)/side, int(c.y)/side
	within := min(max(1.5*c.module, 1.5), side)
	for y := sy - 1; y <= sy+1; y++ {
		for x := sx - 1; x <= sx+1; x++ {
			for _, i := range g.near[[2]int{x, y}] {
				o := &g.all[i]
				if o.inverted != c.inverted || o.distance(c) > within || o.module > 2*c.module || c.module > 2*o.module {
					continue
				}
				n := float64(o.rows)
				o.x, o.y, o.module = (o.x*n+c.x)/(n+1), (o.y*n+c.y)/(n+1), (o.module*n+c.module)/(n+1)
				o.rows++
				return
			}
		}
	}
	g.near[[2]int{sx, sy}] = append(g.near[[2]int{sx, sy}], len(g.all))
	g.all = append(g.all, c)
}

// best are the centres that most of the rows through their middle square agree on.
func (g *gathered) best(step int) []centre {
	agree := func(c centre) float64 { return min(1, float64(c.rows*step)/(2*c.module)) }
	all := slices.DeleteFunc(g.all, func(c centre) bool { return agree(c) < 0.4 })
	slices.SortStableFunc(all, func(a, b centre) int {
		return cmp.Or(cmp.Compare(agree(b), agree(a)), cmp.Compare(b.module, a.module))
	})
	return all[:min(len(all), maxCentres)]
}

// corner is three centres that may be those of a code, as indexes: at is the one between, right and below the others,
// clockwise in the picture.
type corner struct {
	at, right, below int
	odd              float64 // how unlike a square seen from the front; the best come first
}

// maxCorners is how many a pass tries.
const maxCorners = 500

// findCorners lists the corners among centres, the likely ones first.
func findCorners(ctx context.Context, all []centre) []corner {
	var out []corner
	for i, a := range all {
		if ctx.Err() != nil {
			break
		}
		var near []int
		for j, b := range all {
			size := (a.module + b.module) / 2
			if d := a.distance(b); j != i && a.inverted == b.inverted && a.module < 2*b.module && b.module < 2*a.module &&
				d > 8*size && d < 180*size {
				near = append(near, j)
			}
		}
		for n, j := range near {
			for _, k := range near[:n] {
				if c, ok := cornerOf(all, i, j, k); ok {
					out = append(out, c)
				}
			}
		}
		if len(out) > 40*maxCorners {
			out = likeliest(out)
		}
	}
	return likeliest(out)
}

func likeliest(all []corner) []corner {
	slices.SortStableFunc(all, func(a, b corner) int { return cmp.Compare(a.odd, b.odd) })
	return all[:min(len(all), maxCorners)]
}

func cornerOf(all []centre, i, j, k int) (corner, bool) {
	a, b, c := all[i], all[j], all[k]
	bx, by, cx, cy := b.x-a.x, b.y-a.y, c.x-a.x, c.y-a.y
	db, dc := math.Hypot(bx, by), math.Hypot(cx, cy)
	cos := math.Abs(bx*cx+by*cy) / (db * dc)
	// The same number of modules along both sides, whatever the tilt does to their size.
	alongB, alongC := db/(a.module+b.module), dc/(a.module+c.module)
	sides := math.Abs(math.Log(alongB / alongC))
	if cos > 0.6 || sides > 0.5 || max(db, dc) > 2.5*min(db, dc) {
		return corner{}, false
	}
	sizes := math.Abs(math.Log(a.module/b.module)) + math.Abs(math.Log(a.module/c.module))
	long := math.Abs(math.Log(db / dc))
	if bx*cy-by*cx < 0 {
		j, k = k, j
	}
	// Between codes of one sheet there are corners as square as those of a code, but larger.
	return corner{i, j, k, cos + sides + sizes/2 + long/2 + (alongB+alongC)/400}, true
}
