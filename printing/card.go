package printing

import (
	"fmt"
	"unicode/utf8"
)

// card is the large design, in one of its sizes. All measures are millimetres from the cell's top left.
type card struct {
	w, h, margin   float64
	scale          float64 // against A6, for what the design states for A6 alone
	strip          petals
	market, vendor line
	stall          stallBox
	one            oneLine
	two            twoLines
	code           codeBox
	account        line // provider left, account right
	instruction    instruction
	label, value   line // at the foot
	turned         line // words of the mark beside the code; y is the distance from the cell's side
}

// oneLine and twoLines are the places of the holder.
type (
	oneLine  struct{ y, most, least float64 }
	twoLines struct{ upper, lower, most, least float64 }
)

// stallBox is anchored at the right margin; it is width wide, and letter wider for each letter of the code.
type stallBox struct{ y, h, r, base, size, width, letter float64 }

// codeBox is the symbol's middle and greatest side; band is in dots, as in place.
type codeBox struct {
	x, y, side float64
	band       int
}

type instruction struct {
	y, h, stroke, r float64
	first, second   line
}

func (i instruction) times(k float64) instruction {
	return instruction{k * i.y, k * i.h, k * i.stroke, k * i.r, i.first.times(k), i.second.times(k)}
}

// The sizes of the card. Each band is the broadest of the usual symbols: version 5 with its quiet zone, 45 modules.
var (
	cardA6 = &card{
		w: 105, h: 148, margin: 6, scale: 1,
		strip:  petals{x: 6, y: 6, tile: 6.2, n: 15},
		market: line{17.6, 4.2}, vendor: line{22.4, 3.7},
		stall:       stallBox{13.8, 9.6, 1.2, 21.15, 7.2, 5.2, 4.35},
		one:         oneLine{36.6, 11.2, 8.0},
		two:         twoLines{30.6, 36.8, 6.0, 4.6},
		code:        codeBox{52.5, 76.375, 66, 21 * 45},
		account:     line{120.6, 4.6},
		instruction: instruction{122.6, 11.2, 0.7, 1.4, line{128.3, 5.2}, line{132.2, 3.2}},
		label:       line{138.0, 3.1}, value: line{142.0, 3.5},
		turned: line{11.6, 5.0},
	}
	cardA5 = &card{
		w: 148, h: 210, margin: 8, scale: 1.28,
		strip:  petals{x: 8, y: 8, tile: 132.0 / 17, n: 17},
		market: line{23.0, 5.4}, vendor: line{29.0, 4.7},
		stall:       stallBox{18.0, 12.3, 1.5, 27.4, 9.2, 5.2 * 1.28, 4.35 * 1.28},
		one:         oneLine{46.5, 14.5, 11},
		two:         twoLines{38.6, 46.5, 7.7, 6},
		code:        codeBox{74, 109.07, 104.5, 33 * 45},
		account:     line{177.3, 5.9},
		instruction: instruction{179.8, 13.8, 0.9, 1.8, line{186.9, 6.5}, line{191.7, 4.1}},
		label:       line{198.3, 3.8}, value: line{202.8, 4.4},
		turned: line{15.84, 4.6}, // larger would stand in the quiet zone, which leaves 11.1 mm of this narrow card
	}
	cardA4 = &card{
		w: 210, h: 297, margin: 12, scale: 2,
		strip:  petals{x: 12, y: 12, tile: 12.4, n: 15},
		market: line{35.2, 8.4}, vendor: line{44.8, 7.4},
		stall:       stallBox{27.6, 19.2, 2.4, 42.3, 14.4, 5.2 * 2, 4.35 * 2},
		one:         oneLine{73.2, 22.4, 16},
		two:         twoLines{61.2, 73.6, 12.0, 9.2},
		code:        codeBox{105, 151.22, 130, 41 * 45},
		account:     line{237.2, 9.2},
		instruction: instruction{242, 22.4, 1.4, 2.8, line{253.4, 10.4}, line{261.2, 6.4}},
		label:       line{275.5, 6.2}, value: line{283.5, 7.0},
		turned: line{23.2, 10.0},
	}
)

// times is the card with all its measures k times as large.
func (c *card) times(k float64) *card {
	s := *c
	for _, v := range []*float64{
		&s.w, &s.h, &s.margin, &s.scale, &s.strip.x, &s.strip.y, &s.strip.tile,
		&s.stall.y, &s.stall.h, &s.stall.r, &s.stall.base, &s.stall.size, &s.stall.width, &s.stall.letter,
		&s.one.y, &s.one.most, &s.one.least, &s.two.upper, &s.two.lower, &s.two.most, &s.two.least,
		&s.code.x, &s.code.y, &s.code.side,
	} {
		*v *= k
	}
	for _, l := range []*line{&s.market, &s.vendor, &s.account, &s.label, &s.value, &s.turned} {
		*l = l.times(k)
	}
	s.instruction = s.instruction.times(k)
	s.code.band = int(k * float64(s.code.band))
	return &s
}

// area is where a card has ink or quiet zone: at the sides, a mark's turned words go furthest.
func (c *card) area() area {
	side := 4.8 * c.scale
	return area{side, c.margin, c.w - side, c.value.y + 0.3*c.value.size}
}

// least is the smallest type of a kind, given for A6; no card is read below LeastType.
func (c *card) least(size float64) float64 { return max(size*c.scale, LeastType) }

// left and right are the margins, where all lines begin and end.
func (c *card) left() float64  { return c.margin }
func (c *card) right() float64 { return c.w - c.margin }

func (c *card) lay(p *Placard, t Theme) (layout, error) {
	l := layout{boxes: make([]box, 0, 4), texts: make([]text, 0, 16)} // what nearly all cards hold
	var err error
	if l.code, err = place(p.Code, c.code.x, c.code.y, c.code.side, c.code.band); err != nil {
		return l, err
	}
	// No word may reach into the quiet zone, nor into the dot by which the symbol moves to stand on the raster.
	quiet := l.code.quiet(p.Code.Size()) + 2*mmPerDot
	top, bottom := c.code.y-quiet/2, c.code.y+quiet/2
	for _, part := range []func() error{
		func() error { layStrip(&l, p, t, c.strip, 2); return nil },
		func() error { return c.layHead(&l, p, t) },
		func() error { return c.layHolder(&l, p, top) },
		func() error { return c.layAccount(&l, p, bottom) },
		func() error { return c.layFoot(&l, p, t) },
		func() error { c.layTurned(&l, p, c.code.x-quiet/2); return nil },
	} {
		if err := part(); err != nil {
			return l, err
		}
	}
	return l, nil
}

// layStrip draws the tiles, or a mark's bar in their place, with some of the tiles left on each side of it.
func layStrip(l *layout, p *Placard, t Theme, s petals, left int) {
	s.colour = t.ink()
	say, marked := markWords[p.Mark]
	if !marked {
		l.strips = append(l.strips, s)
		return
	}
	bar := box{s.x + float64(left)*s.tile, s.y, float64(s.n-2*left) * s.tile, s.tile, 0, black}
	if left > 0 {
		end := s
		end.x += float64(s.n-left) * s.tile
		s.n, end.n = left, left
		l.strips = append(l.strips, s, end)
	}
	l.boxes = append(l.boxes, bar)
	const track = 0.06
	em := text{say: say, face: faces().heavy, size: 1, track: track}.width()
	size, _ := shrink(0.6*s.tile, 0.2*s.tile, func(size float64) bool { return em*size <= bar.w-2 })
	// A little below the middle: the marks on Ẫ and Ệ rise far above the capitals.
	l.texts = append(l.texts, text{say: say, face: faces().heavy, size: size, x: bar.x + bar.w/2,
		y: bar.y + bar.h/2 + 0.446*size, track: track * size, colour: white}.centred())
}

// layHead sets the stall box, and beside it the logo, the market and the vendor.
func (c *card) layHead(l *layout, p *Placard, look Theme) error {
	f, s := faces(), c.stall
	// A painted code is short; one that is not takes half the width and smaller type.
	b := box{y: s.y, h: s.h, r: s.r, colour: look.ink()}
	b.w = min(s.width+s.letter*float64(utf8.RuneCountInString(p.Stall)), (c.right()-c.left())/2)
	b.x = c.right() - b.w
	size, ok := f.heavy.fit(b.w-3.2*c.scale, s.size, s.size/2, p.Stall)
	if !ok {
		return &FieldError{"stall", "too-long", tooLong}
	}
	l.boxes = append(l.boxes, b)
	capital := 0.74 // of the em; smaller type keeps to the middle of the box
	l.texts = append(l.texts, text{say: p.Stall, face: f.heavy, size: size, x: b.x + b.w/2,
		y: s.base - capital*(s.size-size)/2, colour: white}.centred())

	left := c.left()
	if look.Logo != nil {
		l.logo = look.logoIn(left, s.y, s.h)
		left += s.h + 2*c.scale
	}
	market, vendor, field := c.headLines(p, b.x-3*c.scale-left)
	if field != "" {
		return &FieldError{field, "too-long", tooLong}
	}
	// Two lines stand where the design has them. Three or four close up, but stay a fifth more than their
	// size apart: the marks of Ẫ need the room below Ệ.
	baselines := []float64{c.market.y, c.vendor.y}
	switch len(market.lines) + len(vendor.lines) {
	case 3:
		baselines = []float64{s.y + 2.3*c.scale, s.y + 5.8*c.scale, s.y + 9.3*c.scale}
	case 4:
		baselines = []float64{s.y + 1.6*c.scale, s.y + 4.75*c.scale, s.y + 7.9*c.scale, s.y + 11.05*c.scale}
	}
	floor := 0.0 // no ink of the next line above this
	for i, say := range append(market.lines, vendor.lines...) {
		t := text{say: say, face: f.bold, size: market.size, x: left, y: baselines[i], colour: look.ink()}
		if i >= len(market.lines) {
			t.face, t.size, t.colour = f.regular, vendor.size, black
		}
		t.y = max(t.y, floor+t.above())
		floor = t.y + t.below()
		l.texts = append(l.texts, t)
	}
	return nil
}

// set is some lines of one size.
type set struct {
	lines []string
	size  float64
}

// headLines fits market and vendor into width. The goods go first, then both shrink, then the longer one wraps, then
// both do. A field's name says what has no room even so.
func (c *card) headLines(p *Placard, width float64) (market, vendor set, field string) {
	f := faces()
	vendors := []string{p.Vendor}
	if p.Goods != "" && p.Vendor != "" {
		vendors = []string{p.Vendor + " · " + p.Goods, p.Vendor}
	} else if p.Goods != "" {
		vendors = []string{p.Goods}
	}
	try := func(most, least float64, face *face, lines []string) (set, bool) {
		size, ok := face.fit(width, most, least, lines...)
		return set{lines, size}, ok
	}
	least := c.least(2.8)
	oneMarket, marketFits := try(c.market.size, least, f.bold, []string{p.Market})
	oneVendor, vendorFits := try(c.vendor.size, c.vendor.size, f.regular, vendors[:1])
	if !vendorFits {
		oneVendor, vendorFits = try(c.vendor.size, least, f.regular, vendors[len(vendors)-1:])
	}
	if marketFits && vendorFits {
		return oneMarket, oneVendor, ""
	}
	name := vendors[len(vendors)-1]
	if vendorFits {
		market, ok := try(least, least, f.bold, f.bold.wrap(p.Market, 2))
		vendor, _ = try(least, least, f.regular, []string{name})
		if ok {
			return market, vendor, ""
		}
		return market, vendor, "market"
	}
	if marketFits {
		market, _ = try(least, least, f.bold, []string{p.Market})
		if vendor, ok := try(least, least, f.regular, f.regular.wrap(name, 2)); ok {
			return market, vendor, ""
		}
		return market, vendor, "vendor"
	}
	least = c.least(2.6)
	market, marketFits = try(least, least, f.bold, f.bold.wrap(p.Market, 2))
	vendor, vendorFits = try(least, least, f.regular, f.regular.wrap(name, 2))
	switch {
	case !marketFits:
		return market, vendor, "market"
	case !vendorFits:
		return market, vendor, "vendor"
	}
	return market, vendor, ""
}

// layHolder sets the name that a payer compares, as large as it can be: one line, then two. quiet is where the quiet
// zone begins; letters that go below the line stand higher for it.
func (c *card) layHolder(l *layout, p *Placard, quiet float64) error {
	f := faces().heavy
	lines := []string{p.Holder}
	size, ok := f.fit(c.right()-c.left(), c.one.most, c.one.least, lines...)
	lower := c.one.y
	if !ok {
		lines = f.wrap(p.Holder, 2)
		if size, ok = f.fit(c.right()-c.left(), c.two.most, c.two.least, lines...); !ok {
			return &FieldError{"holder", "too-long", tooLong}
		}
		lower = c.two.lower
	}
	set := make([]text, len(lines))
	for i, say := range lines {
		set[i] = text{say: say, face: f, size: size, x: c.w / 2}.centred()
	}
	last := &set[len(set)-1]
	last.y = min(lower, quiet-last.below())
	if len(set) == 2 {
		set[0].y = min(c.two.upper, last.y-last.above()-set[0].below())
	}
	// Only a market and a vendor of two lines each come down to here.
	head, field := c.stall.y+c.stall.h, "holder"
	for _, t := range l.texts {
		if end := t.y + t.below(); end > head {
			head, field = end, "vendor"
		}
	}
	if set[0].y-set[0].above() < head {
		return &FieldError{field, "too-long", tooLong}
	}
	l.texts = append(l.texts, set...)
	return nil
}

// layAccount sets provider and account on one line, in one size. quiet is where the quiet zone ends.
func (c *card) layAccount(l *layout, p *Placard, quiet float64) error {
	f := faces().bold
	field, account := p.account()
	left, right := f.measure(p.Provider), f.measure(account)
	if left.width >= right.width {
		field = "provider"
	}
	both := float64(left.width+right.width) / perEm
	above := float64(max(left.above, right.above)) / perEm
	size, ok := shrink(c.account.size, c.least(2.8), func(size float64) bool {
		return both*size+4*c.scale <= c.right()-c.left() && c.account.y-above*size >= quiet
	})
	if !ok {
		return &FieldError{field, "too-long", tooLong}
	}
	l.texts = append(l.texts,
		text{say: p.Provider, face: f, size: size, x: c.left(), y: c.account.y},
		text{say: account, face: f, size: size, x: c.right(), y: c.account.y}.right())
	return nil
}

// layFoot sets the instruction, and below it whom to call and the placard's serial.
func (c *card) layFoot(l *layout, p *Placard, look Theme) error {
	f := faces()
	one, two := p.words()
	in := c.instruction
	lines := []text{
		{say: one.compare[0] + " " + one.compare[1], face: f.heavy, size: in.first.size, y: in.first.y},
		{say: two.compare[0] + " " + two.compare[1], face: f.regular, size: in.second.size, y: in.second.y},
	}
	if p.Languages[1] == Khmer {
		in, lines = c.layKhmer(l, in, lines[0])
	}
	l.boxes = append(l.boxes,
		box{c.left(), in.y, c.right() - c.left(), in.h, in.r, black},
		box{c.left() + in.stroke, in.y + in.stroke, c.right() - c.left() - 2*in.stroke, in.h - 2*in.stroke, in.r - in.stroke, look.ground()})
	for _, t := range lines {
		t.x = c.w / 2
		t.size, _ = t.face.fit(c.right()-c.left()-4*c.scale, t.size, t.size/2, t.say)
		l.texts = append(l.texts, t.centred())
	}

	label, call, field := fmt.Sprintf(one.wrong, look.ofBoard(one)), p.Call, "call"
	if call == "" {
		label, call, field = one.wrongAsk[0], fmt.Sprintf(one.wrongAsk[1], look.ofBoard(one)), "board"
	}
	serial := text{say: p.Serial, face: f.bold, size: c.value.size, x: c.right(), y: c.value.y}.right()
	size, ok := f.bold.fit(serial.x-4*c.scale-c.left(), c.value.size, c.least(2.4), call)
	if serial.x < c.w/2 {
		return &FieldError{"serial", "too-long", tooLong}
	}
	if !ok {
		return &FieldError{field, "too-long", tooLong}
	}
	labels, ok := c.labels(look, one)
	if !ok {
		return &FieldError{"board", "too-long", tooLong}
	}
	l.texts = append(l.texts,
		text{say: label, face: f.regular, size: labels, x: c.left(), y: c.label.y},
		text{say: one.serial, face: f.regular, size: labels, x: c.right(), y: c.label.y}.right(),
		text{say: call, face: f.bold, size: size, x: c.left(), y: c.value.y},
		serial)
	return nil
}

// labels is the size at which both labels of the foot stand on one line; false when there is none.
func (c *card) labels(look Theme, w words) (float64, bool) {
	return faces().regular.fit(c.right()-c.left()-4*c.scale, c.label.size, c.least(2.2), fmt.Sprintf(w.wrong, look.ofBoard(w))+w.serial)
}

// asks reports whether the board itself can stand where its phone would, beside any serial.
func (c *card) asks(look Theme, w words) bool {
	return faces().bold.width(fmt.Sprintf(w.wrongAsk[1], look.ofBoard(w)), c.least(2.4)) <= c.w/2-4*c.scale-c.left()
}

// layTurned sets the mark's words on both sides of the code, reading up on the left and down on the right. quiet is
// where the quiet zone begins; words with dots below the line stand further out for it.
func (c *card) layTurned(l *layout, p *Placard, quiet float64) {
	say, marked := markWords[p.Mark]
	if !marked {
		return
	}
	t := text{say: say, face: faces().heavy, size: c.turned.size, track: 0.06 * c.turned.size}
	half := t.width() / 2
	base := min(c.turned.y, quiet-0.1-t.below())
	middle := c.code.y + 0.625*c.scale
	up, down := t, t
	up.x, up.y, up.turn = base, middle+half, 1
	down.x, down.y, down.turn = c.w-base, middle-half, -1
	l.texts = append(l.texts, up, down)
}
