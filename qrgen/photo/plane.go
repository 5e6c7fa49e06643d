package photo

import (
	"image"
	"image/color"
)

// plane is a picture of one byte a pixel, row by row: 0 is dark, 255 is light.
type plane struct {
	w, h int
	pix  []byte
}

func newPlane(w, h int) plane { return plane{w, h, make([]byte, w*h)} }

func (p plane) row(y int) []byte { return p.pix[y*p.w : (y+1)*p.w] }

// luma weighs the channels as JPEG does.
func luma(r, g, b uint32) uint32 { return (19595*r + 38470*g + 7471*b + 1<<15) >> 16 }

// lightness makes a plane of a picture whose corner is at 0, 0. What is transparent shows white paper below.
func lightness(img image.Image) plane {
	b := img.Bounds()
	var palette [256]byte
	if m, ok := img.(*image.Paletted); ok {
		for i, c := range m.Palette {
			palette[i] = onPaper(c)
		}
	}
	p := newPlane(b.Dx(), b.Dy())
	for y := range p.h {
		row := p.row(y)
		switch m := img.(type) {
		case *image.YCbCr:
			copy(row, m.Y[y*m.YStride:])
		case *image.Gray:
			copy(row, m.Pix[y*m.Stride:])
		case *image.Paletted:
			for x := range row {
				row[x] = palette[m.Pix[y*m.Stride+x]]
			}
		case *image.RGBA:
			for x := range row {
				s := m.Pix[y*m.Stride+4*x:][:4:4]
				row[x] = byte(luma(uint32(s[0]), uint32(s[1]), uint32(s[2])) + 255 - uint32(s[3]))
			}
		case *image.NRGBA:
			for x := range row {
				s := m.Pix[y*m.Stride+4*x:][:4:4]
				a := uint32(s[3])
				row[x] = byte((luma(uint32(s[0]), uint32(s[1]), uint32(s[2]))*a + 255*(255-a) + 127) / 255)
			}
		case image.RGBA64Image: // the rest: 16 bits a channel, CMYK, WebP with transparency
			for x := range row {
				c := m.RGBA64At(x, y)
				row[x] = byte((luma(uint32(c.R), uint32(c.G), uint32(c.B)) + 0xFFFF - uint32(c.A)) >> 8)
			}
		default:
			for x := range row {
				row[x] = onPaper(img.At(x, y))
			}
		}
	}
	return p
}

func onPaper(c color.Color) byte {
	r, g, b, a := c.RGBA()
	return byte((luma(r, g, b) + 0xFFFF - a) >> 8)
}

// shrink averages the picture down to w by h. Each pixel of the source counts for as much of it as lies in the new one.
func (p plane) shrink(w, h int) plane {
	if w >= p.w || h >= p.h {
		return p
	}
	const one = 1 << 8 // a whole pixel
	out := newPlane(w, h)
	lines := make([]uint32, p.w) // the source rows of one new row, added up
	for y := range h {
		clear(lines)
		top, bottom := y*p.h*one/h, (y+1)*p.h*one/h
		for at := top; at < bottom; {
			next := min((at/one+1)*one, bottom)
			weight := uint32(next - at)
			for x, v := range p.row(at / one) {
				lines[x] += weight * uint32(v)
			}
			at = next
		}
		row := out.row(y)
		for x := range row {
			left, right := x*p.w*one/w, (x+1)*p.w*one/w
			var sum uint64
			for at := left; at < right; {
				next := min((at/one+1)*one, right)
				sum += uint64(next-at) * uint64(lines[at/one])
				at = next
			}
			row[x] = byte(sum / uint64((right-left)*(bottom-top)))
		}
	}
	return out
}

// double makes the picture twice as wide and high; new pixels lie between the old ones. It helps where a module is
// hardly wider than a pixel.
func (p plane) double() plane {
	out := newPlane(2*p.w, 2*p.h)
	for y := range out.h {
		near, far := p.row(y/2), p.row(min(max(y/2+y%2*2-1, 0), p.h-1))
		row := out.row(y)
		for x := range row {
			i, j := x/2, min(max(x/2+x%2*2-1, 0), p.w-1)
			row[x] = byte((9*uint(near[i]) + 3*uint(near[j]) + 3*uint(far[i]) + uint(far[j]) + 8) / 16)
		}
	}
	return out
}

// soften takes the noise of single pixels away: each becomes a mix of itself and its neighbours, 1 2 1 both ways.
func (p plane) soften() plane {
	out := newPlane(p.w, p.h)
	sums := make([]uint, p.w)
	for y := range p.h {
		above, here, below := p.row(max(y-1, 0)), p.row(y), p.row(min(y+1, p.h-1))
		for x := range sums {
			sums[x] = uint(above[x]) + 2*uint(here[x]) + uint(below[x])
		}
		row := out.row(y)
		for x := range row {
			row[x] = byte((sums[max(x-1, 0)] + 2*sums[x] + sums[min(x+1, p.w-1)] + 8) / 16)
		}
	}
	return out
}

// sharpen takes from each pixel what lies around it.
func (p plane) sharpen() plane {
	out := p.soften().soften()
	for i, v := range p.pix {
		out.pix[i] = byte(min(max(int(v)+3*(int(v)-int(out.pix[i])), 0), 255))
	}
	return out
}

// block is the side of the squares, in pixels, whose mean lightness the threshold is made of.
const block = 8

// darkerBy keeps the grain of an even surface from becoming marks: a pixel must be that much darker than around it.
const darkerBy = 3

// marks tells dark from light: 1 where the picture is darker than its surroundings, which are reach blocks to each
// side; reach 0 compares with one level for the whole picture.
func (p plane) marks(reach int) plane {
	out := newPlane(p.w, p.h)
	if reach == 0 {
		level := p.level()
		for i, v := range p.pix {
			if v < level {
				out.pix[i] = 1
			}
		}
		return out
	}
	t := p.thresholds(reach)
	for y := range p.h {
		top, down := halfway(y, t.h)
		upper, lower := t.row(top), t.row(min(top+1, t.h-1))
		row, marked := p.row(y), out.row(y)
		for x := 0; x < p.w; {
			left, right := halfway(x, t.w)
			next := min(left+1, t.w-1)
			a := int(upper[left])*(2*block-down) + int(lower[left])*down
			b := int(upper[next])*(2*block-down) + int(lower[next])*down
			// The threshold goes from a to b in a straight line until the middle of the next block.
			level, step := a*(2*block-right)+b*right, 2*(b-a)
			end := min(x+block-right/2, p.w)
			if x < block/2 {
				step, end = 0, min(block/2, p.w)
			} else if left == next {
				step, end = 0, p.w
			}
			for ; x < end; x++ {
				if (int(row[x])+darkerBy)*(4*block*block) < level {
					marked[x] = 1
				}
				level += step
			}
		}
	}
	return out
}

// halfway gives the block whose middle is before position i, and how far i is past that middle, in half pixels.
func halfway(i, blocks int) (before, past int) {
	at := 2*i + 1 - block
	if at < 0 {
		return 0, 0
	}
	before = at / (2 * block)
	if before >= blocks-1 {
		return blocks - 1, 0
	}
	return before, at % (2 * block)
}

// thresholds is the mean lightness around each block.
func (p plane) thresholds(reach int) plane {
	t := newPlane((p.w+block-1)/block, (p.h+block-1)/block)
	sums := make([]uint64, (t.w+1)*(t.h+1)) // of all blocks above and to the left
	counts := make([]uint64, len(sums))
	for by := range t.h {
		var sum, count uint64 // of this row of blocks so far
		for bx := range t.w {
			right, bottom := min((bx+1)*block, p.w), min((by+1)*block, p.h)
			for y := by * block; y < bottom; y++ {
				for _, v := range p.pix[y*p.w+bx*block : y*p.w+right] {
					sum += uint64(v)
				}
			}
			count += uint64((right - bx*block) * (bottom - by*block))
			i := (by+1)*(t.w+1) + bx + 1
			sums[i] = sums[i-t.w-1] + sum
			counts[i] = counts[i-t.w-1] + count
		}
	}
	for by := range t.h {
		top, bottom := max(by-reach, 0)*(t.w+1), min(by+reach+1, t.h)*(t.w+1)
		for bx := range t.w {
			left, right := max(bx-reach, 0), min(bx+reach+1, t.w)
			sum := sums[bottom+right] - sums[bottom+left] - sums[top+right] + sums[top+left]
			count := counts[bottom+right] - counts[bottom+left] - counts[top+right] + counts[top+left]
			t.pix[by*t.w+bx] = byte(sum / count)
		}
	}
	return t
}

// level is the lightness that parts the picture best into dark and light: the two groups are each as even as can be
// (Otsu's method).
func (p plane) level() byte {
	var counts [256]int
	total := 0
	for _, v := range p.pix {
		counts[v]++
		total += int(v)
	}
	var best float64
	var level byte
	below, belowTotal := 0, 0
	for v, n := range counts[:255] {
		below += n
		belowTotal += n * v
		above := len(p.pix) - below
		if below == 0 || above == 0 {
			continue
		}
		apart := float64(belowTotal)/float64(below) - float64(total-belowTotal)/float64(above)
		if s := apart * apart * float64(below) * float64(above); s > best {
			best, level = s, byte(v+1)
		}
	}
	return level
}
