package printing

import "math"

// mostRectangles is every second module of the largest symbol.
const mostRectangles = 177 * 89

// matrix is the modules of a symbol that was found, a bit each.
type matrix struct {
	size int
	bits []uint64
}

func newMatrix(size int) matrix { return matrix{size, make([]uint64, (size*size+63)/64)} }

func (m matrix) Size() int { return m.size }

func (m matrix) Dark(x, y int) bool {
	if x < 0 || y < 0 || x >= m.size || y >= m.size {
		return false
	}
	i := y*m.size + x
	return m.bits[i/64]>>(i%64)&1 != 0
}

func (m matrix) set(x, y int) {
	i := y*m.size + x
	m.bits[i/64] |= 1 << (i % 64)
}

// turned is m as it is after so many quarter turns counter-clockwise are undone.
func (m matrix) turned(turn int) matrix {
	if turn == 0 {
		return m
	}
	last, upright := m.size-1, newMatrix(m.size)
	for y := range m.size {
		for x := range m.size {
			px, py := x, y
			switch turn {
			case 1:
				px, py = y, last-x
			case 2:
				px, py = last-x, last-y
			case 3:
				px, py = last-y, x
			}
			if m.Dark(px, py) {
				upright.set(x, y)
			}
		}
	}
	return upright
}

// finder reports whether the corner pattern and the light line around it stand with their top left at x, y.
func (m matrix) finder(x, y int) bool {
	for j := -1; j <= 7; j++ {
		for i := -1; i <= 7; i++ {
			ring := max(abs(i-3), abs(j-3))
			if m.Dark(x+i, y+j) != (ring == 3 || ring <= 1) {
				return false
			}
		}
	}
	return true
}

// turn tells by the corner without a pattern how a symbol lies; that corner is the lower right one of an upright symbol.
func (m matrix) turn() (int, bool) {
	far := m.size - 7
	corners := [4]bool{m.finder(far, far), m.finder(far, 0), m.finder(0, 0), m.finder(0, far)}
	patterns, bare := 0, 0
	for i, is := range corners {
		if is {
			patterns++
		} else {
			bare = i
		}
	}
	return bare, patterns == 3
}

// rectangle is a part of a path, in millimetres from the page's top left. winding is +1 or −1, after the way it is drawn.
type rectangle struct {
	x1, y1, x2, y2 float64
	winding        int
}

// symbolOf makes modules of the rectangles of one black path. It reports false for what is no symbol. winding is room that it may use, and
// leaves behind for the next.
func symbolOf(path []rectangle, evenOdd bool, winding *[]int16) (Drawn, bool) {
	if len(path) == 0 || len(path) > mostRectangles {
		return Drawn{}, false
	}
	module, whole := math.Inf(1), path[0]
	for _, r := range path {
		module = min(module, r.x2-r.x1, r.y2-r.y1)
		whole.x1, whole.y1 = min(whole.x1, r.x1), min(whole.y1, r.y1)
		whole.x2, whole.y2 = max(whole.x2, r.x2), max(whole.y2, r.y2)
	}
	fits := true
	count := func(length float64) int { // in modules
		times := length / module
		n := int(times + 0.5)
		if fits = fits && math.Abs(times-float64(n)) < 1e-4 && n <= 177; !fits { // NaN too
			return 0
		}
		return n
	}
	n := count(whole.x2 - whole.x1)
	// A symbol has dark modules in each row, so that fewer rectangles are none: work goes with the size of the path.
	if n != count(whole.y2-whole.y1) || !fits || n < 21 || n%4 != 1 || len(path) < n {
		return Drawn{}, false
	}
	*winding = append((*winding)[:0], make([]int16, n*n)...)
	work := 4 * n * n // what overlaps more is no symbol
	for _, r := range path {
		x1, x2, y1, y2 := count(r.x1-whole.x1), count(r.x2-whole.x1), count(r.y1-whole.y1), count(r.y2-whole.y1)
		if work -= (x2 - x1) * (y2 - y1); !fits || work < 0 {
			return Drawn{}, false
		}
		for y := y1; y < y2; y++ {
			for x := x1; x < x2; x++ {
				(*winding)[y*n+x] += int16(r.winding)
			}
		}
	}
	m := newMatrix(n)
	for i, w := range *winding {
		if w != 0 && (!evenOdd || w%2 != 0) {
			m.bits[i/64] |= 1 << (i % 64)
		}
	}
	turn, ok := m.turn()
	if !ok {
		return Drawn{}, false
	}
	return Drawn{X: whole.x1, Y: whole.y1, Module: module, Turn: turn, Code: m.turned(turn)}, true
}
