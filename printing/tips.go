package printing

import (
	"fmt"
	"strconv"
	"strings"
)

// tips are what a vendor should know about being paid, on the back of a card or on a slip of its size. A slip is torn off
// and left: it says at its foot whose it is and whom to call, and has no code, so that nobody hangs it up.
type tips struct {
	card *card // of the front
	slip bool
}

func (t tips) lay(p *Placard, look Theme) (layout, error) {
	var l layout
	f, c, k := faces(), t.card, t.card.scale
	one, _ := p.words()
	left, width := c.left(), c.right()-c.left()
	layStrip(&l, p, look, c.strip, 2)
	l.texts = append(l.texts, text{say: one.learn, face: f.heavy, size: 5.2 * k, x: left, y: 22 * k, colour: look.ink()})

	pasted := fmt.Sprintf(one.pasted[1], look.ofBoard(one))
	if p.Call != "" {
		pasted = fmt.Sprintf(one.pasted[0], look.ofBoard(one), p.Call)
	}
	all := tipBox{x: left, y: 31.5 * k, width: width, indent: 6.5 * k, size: 4.2 * k, leading: 6.4 * k, gap: 2.2 * k, end: 132 * k}
	if t.slip {
		all.end = 109.5 * k
	}
	if !all.lay(&l, look, append(one.tips[:], pasted)) {
		return l, &FieldError{"call", "too-long", tooLong}
	}
	if t.slip {
		if err := t.layOwner(&l, p, look); err != nil {
			return l, err
		}
	}

	var helped []string
	if p.Helper != "" {
		helped = append(helped, fmt.Sprintf(one.helper, p.Helper))
	}
	if p.Helped != "" {
		helped = append(helped, fmt.Sprintf(one.helped, p.Helped))
	}
	if len(helped) > 0 {
		t := text{say: strings.Join(helped, " · "), face: f.regular, x: left, y: c.value.y}
		var ok bool
		if t.size, ok = f.regular.fit(width, 3.5*k, c.least(2.2), t.say); !ok {
			return l, &FieldError{"helper", "too-long", tooLong}
		}
		l.texts = append(l.texts, t)
	}
	return l, nil
}

// layOwner sets at a slip's foot whose it is, the account, and whom to call.
func (t tips) layOwner(l *layout, p *Placard, look Theme) error {
	f, c, k := faces(), t.card, t.card.scale
	one, _ := p.words()
	left, width := c.left(), c.right()-c.left()
	l.boxes = append(l.boxes, box{left, 111.5 * k, width, 0.3 * k, 0, black})
	who, field := p.Stall, "stall"
	if p.Vendor != "" {
		who, field = p.Stall+" · "+p.Vendor, "vendor"
	}
	lines, ok := threeLines{top: 112.8 * k, first: 118 * k, end: 126.5 * k, most: 4.6 * k, least: c.least(2.4)}.shrink(f.bold, who, width)
	if !ok {
		return &FieldError{field, "too-long", tooLong}
	}
	for _, line := range lines {
		line.x = left
		l.texts = append(l.texts, line)
	}
	field, account := p.account()
	if f.regular.width(p.Provider, 1) > f.regular.width(account, 1) {
		field = "provider"
	}
	call := fmt.Sprintf(one.wrong, look.ofBoard(one)) + " " + p.Call
	if p.Call == "" {
		call = one.wrongAsk[0] + " " + fmt.Sprintf(one.wrongAsk[1], look.ofBoard(one))
	}
	for _, part := range []struct {
		field, say string
		y          float64
	}{{field, p.Provider + " · " + account, 131}, {"call", call, 136}} {
		size, ok := f.regular.fit(width, 3.7*k, c.least(2.2), part.say)
		if !ok {
			return &FieldError{part.field, "too-long", tooLong}
		}
		l.texts = append(l.texts, text{say: part.say, face: f.regular, size: size, x: left, y: part.y * k})
	}
	return nil
}

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
			for _, say := range even(f.regular, tip, k*b.size, b.width-b.indent) {
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

// even breaks text as flow does, but into lines of more equal length, so that no word stands alone on the last.
func even(f *face, say string, size, width float64) []string {
	lines := f.flow(say, size, width)
	for w := 0.95 * width; w > 0.7*width; w -= 0.05 * width {
		narrower := f.flow(say, size, w)
		if len(narrower) > len(lines) {
			break
		}
		lines = narrower
	}
	return lines
}
