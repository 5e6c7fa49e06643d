package printing

import "strconv"

// tipBox is where numbered tips stand: their left edge, the first baseline, the width with the numbers, and how far the
// words stand in from the numbers; then the type, from baseline to baseline, and what lies between two tips more. The
// ink of the last line ends above end. All in millimetres.
type tipBox struct{ x, y, width, indent, size, leading, gap, end float64 }

// lay sets the tips, smaller where they would go below the end, and reports false when even half the type does not help.
func (b tipBox) lay(l *layout, look Theme, tips []string) bool {
	f := faces()
	for k := 1.0; k >= 0.5; k -= 0.05 {
		var set []text
		y := b.y
		for i, tip := range tips {
			if i > 0 {
				y += k * b.gap
			}
			number := text{say: strconv.Itoa(i + 1), face: f.heavy, size: k * b.size, x: b.x, y: y, colour: look.ink()}
			set = append(set, number)
			for _, say := range f.regular.flow(tip, k*b.size, b.width-b.indent) {
				set = append(set, text{say: say, face: f.regular, size: k * b.size, x: b.x + b.indent, y: y})
				y += k * b.leading
			}
		}
		last := set[len(set)-1]
		if last.y+last.below() <= b.end {
			l.texts = append(l.texts, set...)
			return true
		}
	}
	return false
}
