package printing

import "unicode/utf8"

// tag is the small design, for a hook or a shelf: code left, words right of its quiet zone, no strip. It has no room
// for market, vendor, goods and the board's phone. All measures are millimetres from the cell's top left.
type tag struct {
	w, h        float64
	scale       float64 // against the sizes below
	right       float64 // where the words end
	code        codeBox
	bar         struct{ y, h float64 } // the mark's, empty without one
	stall       stallBox
	holder      threeLines
	provider    line
	account     line
	instruction instruction
	serial      line
}

// threeLines is where the first of up to three lines stands when it is of the greatest size; no ink goes above top or
// below end.
type threeLines struct{ top, first, end, most, least float64 }

var (
	tag8 = &tag{
		w: 105, h: 74, scale: 1, right: 99,
		code:        codeBox{8.5 + 52.07/2, 37, 52.2, 15 * 49},
		bar:         struct{ y, h float64 }{5.2, 4.6},
		stall:       stallBox{11, 8.2, 1.1, 17.3, 6.2, 4.6, 3.8},
		holder:      threeLines{11 + 8.2, 25.4, 38.6, 5.0, 3.4},
		provider:    line{43.6, 3.6},
		account:     line{48.0, 3.6},
		instruction: instruction{50.6, 11.4, 0.5, 1.1, line{55.6, 3.8}, line{60.1, 3.8}},
		serial:      line{66.8, 3.0},
	}
	tag10 = &tag{
		w: 105, h: 59.4, scale: 1, right: 99,
		code:        codeBox{7 + 41.66/2, 29.7, 42, 12 * 49},
		bar:         struct{ y, h float64 }{5.2, 4.0},
		stall:       stallBox{10, 7.0, 1.0, 15.35, 5.3, 4, 3.3},
		holder:      threeLines{10 + 7.0, 22.6, 33.0, 5.0, 3.4},
		provider:    line{36.4, 3.2},
		account:     line{40.2, 3.2},
		instruction: instruction{42.0, 8.6, 0.4, 0.9, line{45.8, 3.0}, line{49.3, 3.0}},
		serial:      line{54.0, 2.8},
	}
)

// times is the tag with all its measures k times as large.
func (t *tag) times(k float64) *tag {
	s := *t
	for _, v := range []*float64{
		&s.w, &s.h, &s.scale, &s.right, &s.code.x, &s.code.y, &s.code.side, &s.bar.y, &s.bar.h,
		&s.stall.y, &s.stall.h, &s.stall.r, &s.stall.base, &s.stall.size, &s.stall.width, &s.stall.letter,
		&s.holder.top, &s.holder.first, &s.holder.end, &s.holder.most, &s.holder.least,
	} {
		*v *= k
	}
	for _, l := range []*line{&s.provider, &s.account, &s.serial} {
		*l = l.times(k)
	}
	s.instruction = s.instruction.times(k)
	s.code.band = int(k * float64(s.code.band))
	s.holder.least = max(s.holder.least, LeastHolder)
	return &s
}

// area is where a tag has ink or quiet zone.
func (t *tag) area() area {
	half := float64(t.code.band) * mmPerDot / 2
	return area{t.code.x - half, min(t.bar.y, t.code.y-half), t.right, max(t.serial.y+0.3*t.serial.size, t.code.y+half)}
}

// least is the smallest type of a kind; no tag is read below LeastType.
func (t *tag) least(size float64) float64 { return max(size*t.scale, LeastType) }

func (t *tag) lay(p *Placard, look Theme) (layout, error) {
	var l layout
	var err error
	if l.code, err = place(p.Code, t.code.x, t.code.y, t.code.side, t.code.band); err != nil {
		return l, err
	}
	f := faces()
	one, _ := p.words()
	left := t.code.x + float64(t.code.band)*mmPerDot/2 + 0.4 // clear of the quiet zone
	width := t.right - left
	add := func(field, say string, f *face, at line, least float64) error {
		size, ok := f.fit(width, at.size, least, say)
		if !ok {
			return &FieldError{field, "too-long", tooLong}
		}
		l.texts = append(l.texts, text{say: say, face: f, size: size, x: left, y: at.y})
		return nil
	}

	if say, marked := markWords[p.Mark]; marked {
		l.boxes = append(l.boxes, box{left, t.bar.y, width, t.bar.h, 0, black})
		size, _ := f.heavy.fit(width-2, 0.58*t.bar.h, 1, say)
		l.texts = append(l.texts, text{say: say, face: f.heavy, size: size, x: left + width/2,
			y: t.bar.y + t.bar.h/2 + 0.446*size, colour: white}.centred())
	}

	b := box{x: left, y: t.stall.y, h: t.stall.h, r: t.stall.r, colour: look.ink()}
	b.w = min(t.stall.width+t.stall.letter*float64(utf8.RuneCountInString(p.Stall)), width)
	size, ok := f.heavy.fit(b.w-2.6*t.scale, t.stall.size, t.stall.size/2, p.Stall)
	if !ok {
		return l, &FieldError{"stall", "too-long", tooLong}
	}
	l.boxes = append(l.boxes, b)
	l.texts = append(l.texts, text{say: p.Stall, face: f.heavy, size: size, x: b.x + b.w/2,
		y: t.stall.base - 0.74*(t.stall.size-size)/2, colour: white}.centred())

	holder, ok := t.holder.lay(f.heavy, p.Holder, width)
	if !ok {
		return l, &FieldError{"holder", "too-long", tooLong}
	}
	for _, line := range holder {
		line.x = left
		l.texts = append(l.texts, line)
	}

	field, account := p.account()
	if err := add("provider", p.Provider, f.bold, t.provider, t.least(2.4)); err != nil {
		return l, err
	}
	if err := add(field, account, f.bold, t.account, t.least(2.4)); err != nil {
		return l, err
	}

	in := t.instruction
	l.boxes = append(l.boxes,
		box{left, in.y, width, in.h, in.r, black},
		box{left + in.stroke, in.y + in.stroke, width - 2*in.stroke, in.h - 2*in.stroke, in.r - in.stroke, look.ground()})
	if size, ok = f.heavy.fit(width-2.4*t.scale, in.first.size, LeastType, one.compare[:]...); !ok {
		return l, &FieldError{"languages", "too-long", tooLong}
	}
	for i, at := range []line{in.first, in.second} {
		l.texts = append(l.texts, text{say: one.compare[i], face: f.heavy, size: size, x: left + width/2, y: at.y}.centred())
	}
	return l, add("serial", p.Serial, f.bold, t.serial, t.least(2.2))
}

// lay sets text at the left edge, in the number of lines that lets it be largest, of equals in the fewest. A number of
// lines that is too high at the size that the width allows is not tried in a smaller one: tags that hang have it so.
func (t threeLines) lay(f *face, say string, width float64) ([]text, bool) {
	var best []text
	for n := 1; n <= 3; n++ {
		lines := f.wrap(say, n)
		size, ok := f.fit(width, t.most, t.least, lines...)
		if !ok || len(best) > 0 && size <= best[0].size {
			continue
		}
		if set, ok := t.stack(f, lines, size); ok {
			best = set
		}
	}
	return best, best != nil
}

// shrink is lay that also tries smaller type where the height is what lacks.
func (t threeLines) shrink(f *face, say string, width float64) ([]text, bool) {
	var best []text
	for n := 1; n <= 3; n++ {
		lines := f.wrap(say, n)
		broad, ok := f.fit(width, t.most, t.least, lines...)
		if !ok {
			continue
		}
		size, ok := shrink(broad, t.least, func(size float64) bool { _, ok := t.stack(f, lines, size); return ok })
		if ok && (best == nil || size > best[0].size) {
			best, _ = t.stack(f, lines, size)
		}
	}
	return best, best != nil
}

// stack sets the lines one below the other, and reports whether they end above the end.
func (t threeLines) stack(f *face, lines []string, size float64) ([]text, bool) {
	y := t.first - 0.74*(t.most-size)
	var set []text
	for i, say := range lines {
		e := f.measure(say)
		if i == 0 {
			y = max(y, t.top+float64(e.above)*size/perEm)
		} else {
			y += max(1.14*size, float64(e.above+f.measure(lines[i-1]).below+100)*size/perEm)
		}
		set = append(set, text{say: say, face: f, size: size, y: y})
	}
	last := set[len(set)-1]
	return set, last.y+last.below() <= t.end
}
