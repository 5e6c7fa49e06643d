package printing

// A stand is a card between two wings that fold backwards: it stands on the counter by itself, and the wings say to
// both sides what the card says to the front. All measures are millimetres from the wing's top left.

// wingWidth is half a card: the folded wings meet behind it.
const wingWidth = 52.5

// wingLeft and wingInner are the wing's margin and the width between its margins, that of six tiles.
const (
	wingTile  = 6.2
	wingTiles = 6
	wingInner = wingTile * wingTiles
	wingLeft  = (wingWidth - wingInner) / 2
)

// wing is one of the two; its lines are those of both.
type wing struct {
	say        func(w *wing, l *layout, p *Placard, look Theme) error
	strip      petals
	market     threeLines // no end: the stall's label follows
	stallLabel line
	stall      stallBox
	goods      threeLines
	heading    threeLines
	tips       tipBox
	hint       line
}

var (
	wingPlace = newWing((*wing).layPlace)
	wingTips  = newWing((*wing).layTips)
)

func newWing(say func(w *wing, l *layout, p *Placard, look Theme) error) *wing {
	return &wing{
		say:        say,
		strip:      petals{x: wingLeft, y: 6, tile: wingTile, n: wingTiles},
		market:     threeLines{17, 24, 46, 5.6, 3.2},
		stallLabel: line{58, 4.2},
		stall:      stallBox{61, 27, 2.4, 0, 20, wingInner, 0},
		goods:      threeLines{91, 98, 122, 6.0, 3.2},
		heading:    threeLines{17, 24, 42, 6.4, 4.2},
		tips:       tipBox{x: wingLeft, y: 46, width: wingInner, indent: 5.4, size: 4.0, leading: 5.6, gap: 3, end: 134},
		hint:       line{141, 2.6},
	}
}

func (w *wing) lay(p *Placard, look Theme) (layout, error) {
	var l layout
	layStrip(&l, p, look, w.strip, 0)
	one, _ := p.words()
	f := faces().regular
	size, _ := f.fit(wingInner, w.hint.size, 1, one.fold)
	l.texts = append(l.texts, text{say: one.fold, face: f, size: size, x: wingWidth / 2, y: w.hint.y}.centred())
	return l, w.say(w, &l, p, look)
}

// layPlace says where one is: the market, the stall as large as it can be, the goods.
func (w *wing) layPlace(l *layout, p *Placard, look Theme) error {
	f := faces()
	one, _ := p.words()
	market, ok := w.market.shrink(f.bold, p.Market, wingInner)
	if !ok {
		return &FieldError{"market", "too-long", tooLong}
	}
	for _, t := range market {
		t.x, t.colour = wingLeft, look.ink()
		l.texts = append(l.texts, t)
	}

	b := box{wingLeft, w.stall.y, wingInner, w.stall.h, w.stall.r, look.ink()}
	size, ok := f.heavy.fit(b.w-5, w.stall.size, 4, p.Stall)
	if !ok {
		return &FieldError{"stall", "too-long", tooLong}
	}
	l.boxes = append(l.boxes, b)
	l.texts = append(l.texts,
		text{say: one.stall, face: f.regular, size: w.stallLabel.size, x: wingLeft, y: w.stallLabel.y},
		text{say: p.Stall, face: f.heavy, size: size, x: b.x + b.w/2, y: b.y + b.h/2 + 0.37*size, colour: white}.centred())

	if p.Goods == "" {
		return nil
	}
	// Goods too long are left unsaid, as on the card.
	goods, _ := w.goods.shrink(f.bold, p.Goods, wingInner)
	for _, t := range goods {
		t.x = wingLeft
		l.texts = append(l.texts, t)
	}
	return nil
}

// layTips says to the vendor, who sits behind the counter, how to be sure of the money.
func (w *wing) layTips(l *layout, p *Placard, look Theme) error {
	one, _ := p.words()
	heading, _ := w.heading.shrink(faces().heavy, one.learn, wingInner)
	for _, t := range heading {
		t.x, t.colour = wingLeft, look.ink()
		l.texts = append(l.texts, t)
	}
	w.tips.lay(l, look, []string{one.tips[0], one.tips[1], one.tips[3]})
	return nil
}
