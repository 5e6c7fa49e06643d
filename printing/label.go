package printing

// label is the smallest design, for stickers: everything is found from its width and height. A tall or square one has
// its code in the middle, the stall and the account above, the holder and the serial below; a broad one has the code
// left and the words right. It has no room for market, vendor, goods, instruction and phone. All in millimetres.
type label struct {
	w, h       float64
	padX, padY float64 // no ink closer to the edges
}

// labelEdge is what the quiet zone keeps between itself and a label's edge, which no printer meets exactly.
const labelEdge = 1

func (b *label) lay(p *Placard, look Theme) (layout, error) {
	if b.w >= 1.2*b.h {
		return b.layBroad(p, look)
	}
	return b.layTall(p, look)
}

// layTall gives the code what two bands of words leave.
func (b *label) layTall(p *Placard, look Theme) (layout, error) {
	var l layout
	f := faces()
	top, bottom := max(0.10*b.h, 4.8), max(0.15*b.h, 7)
	room := min(b.h-2*b.padY-top-bottom, b.w-2*labelEdge) // with the quiet zone
	var err error
	l.code, err = place(p.Code, b.w/2, b.padY+top+(b.h-2*b.padY-top-bottom)/2, b.w-2*b.padX, int(room/mmPerDot))
	if err != nil {
		return l, err
	}
	left, right := b.padX, b.w-b.padX

	stall, err := layStall(&l, p, look, box{x: left, y: b.padY, w: 0.45 * (right - left), h: top})
	if err != nil {
		return l, err
	}
	// Both lines of the account stand beside the stall, as high as its box together.
	field, account := p.account()
	both := func(size float64) (one, two text) {
		one = text{say: p.Provider, face: f.bold, size: size, x: right}.right()
		two = text{say: account, face: f.bold, size: size, x: right}.right()
		one.y = b.padY + one.above()
		two.y = max(b.padY+top-two.below(), one.y+one.below()+0.05*size+two.above())
		return one, two
	}
	size, ok := shrink(0.42*top, LeastType, func(size float64) bool {
		one, two := both(size)
		return min(one.x, two.x) >= stall.x+stall.w+1 && two.y+two.below() <= b.padY+top
	})
	if !ok {
		if f.bold.width(p.Provider, 1) >= f.bold.width(account, 1) {
			field = "provider"
		}
		return l, &FieldError{field, "too-long", tooLong}
	}
	one, two := both(size)
	l.texts = append(l.texts, one, two)

	serial, floor, err := b.laySerial(&l, p, right-left, 0.22*bottom, func(t text) text { t.x = right; return t.right() })
	if err != nil {
		return l, err
	}
	from := b.h - b.padY - bottom
	holder, ok := threeLines{top: from, first: from + 0.75*0.75*bottom, end: floor - 0.05*bottom, most: 0.7 * bottom, least: LeastHolder}.
		shrink(f.heavy, p.Holder, right-left)
	if !ok {
		return l, &FieldError{"holder", "too-long", tooLong}
	}
	for _, t := range holder {
		t.x = b.w / 2
		l.texts = append(l.texts, t.centred())
	}
	if say, marked := markWords[p.Mark]; marked {
		layBar(&l, say, box{x: left, y: floor, w: serial.x - 1 - left, h: b.h - b.padY - floor})
	}
	return l, nil
}

// layBroad gives the code the whole height, and half of the width.
func (b *label) layBroad(p *Placard, look Theme) (layout, error) {
	var l layout
	f := faces()
	room := min(b.h-2*labelEdge, 0.52*b.w) // with the quiet zone
	side := min(b.h-2*b.padY, room)
	x := max(labelEdge+room/2, b.padX+side/2)
	var err error
	if l.code, err = place(p.Code, x, b.h/2, side, int(room/mmPerDot)); err != nil {
		return l, err
	}
	left, right := x+room/2+0.4, b.w-b.padX
	inner := b.h - 2*b.padY

	bar := box{x: left, y: b.padY, w: right - left, h: max(0.09*inner, 2.5)} // the mark's, empty without one
	if say, marked := markWords[p.Mark]; marked {
		layBar(&l, say, bar)
	}
	stall, err := layStall(&l, p, look, box{x: left, y: bar.y + bar.h + 0.02*inner, w: right - left, h: max(0.17*inner, 4.5)})
	if err != nil {
		return l, err
	}
	_, floor, err := b.laySerial(&l, p, right-left, 0.07*inner, func(t text) text { t.x = left; return t })
	if err != nil {
		return l, err
	}
	field, account := p.account()
	for _, part := range []struct{ field, say string }{{field, account}, {"provider", p.Provider}} {
		size, ok := f.bold.fit(right-left, max(0.085*inner, 2.2), LeastType, part.say)
		if !ok {
			return l, &FieldError{part.field, "too-long", tooLong}
		}
		t := text{say: part.say, face: f.bold, size: size, x: left}
		t.y = floor - max(t.below(), 0.25*size)
		floor = t.y - max(t.above(), size)
		l.texts = append(l.texts, t)
	}
	most := 0.2 * inner
	from := stall.y + stall.h + 0.03*inner
	holder, ok := threeLines{top: from, first: from + 0.8*most, end: floor - 0.01*inner, most: most, least: LeastHolder}.shrink(f.heavy, p.Holder, right-left)
	if !ok {
		return l, &FieldError{"holder", "too-long", tooLong}
	}
	for _, t := range holder {
		t.x = left
		l.texts = append(l.texts, t)
	}
	return l, nil
}

// laySerial sets the serial on the last line, from side to side as at says; no other ink may go below floor.
func (b *label) laySerial(l *layout, p *Placard, width, most float64, at func(text) text) (serial text, floor float64, err error) {
	f := faces().bold
	size, ok := f.fit(width, max(most, LeastType), LeastType, p.Serial)
	if !ok {
		return text{}, 0, &FieldError{"serial", "too-long", tooLong}
	}
	t := at(text{say: p.Serial, face: f, size: size})
	t.y = b.h - b.padY - max(t.below(), 0.25*size)
	l.texts = append(l.texts, t)
	return t, t.y - max(t.above(), size), nil
}

// layStall sets the stall in a box that is as broad as its letters need, at most that of room.
func layStall(l *layout, p *Placard, look Theme, room box) (box, error) {
	f := faces().heavy
	pad := 0.25 * room.h
	size, ok := f.fit(room.w-2*pad, 0.75*room.h, LeastType, p.Stall)
	if !ok {
		return room, &FieldError{"stall", "too-long", tooLong}
	}
	room.w = f.width(p.Stall, size) + 2*pad
	room.r, room.colour = 0.13*room.h, look.ink()
	l.boxes = append(l.boxes, room)
	l.texts = append(l.texts, text{say: p.Stall, face: f, size: size, x: room.x + pad, y: room.y + room.h/2 + 0.37*size, colour: white})
	return room, nil
}

// layBar sets a mark's words on black.
func layBar(l *layout, say string, b box) {
	f := faces().heavy
	b.colour = black
	size, _ := f.fit(b.w-1, 0.6*b.h, 1, say)
	l.boxes = append(l.boxes, b)
	l.texts = append(l.texts, text{say: say, face: f, size: size, x: b.x + b.w/2, y: b.y + b.h/2 + 0.446*size, colour: white}.centred())
}
