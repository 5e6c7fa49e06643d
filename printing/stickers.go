package printing

import (
	"cho40/internal/fault"
)

// Measures are those of a sheet of stickers, as its box says them; millimetres.
type Measures struct {
	Paper   string  `json:"paper"` // a4, upright; the only one yet
	Columns int     `json:"columns"`
	Rows    int     `json:"rows"`
	Left    float64 `json:"left"` // from the paper's edge to the first sticker
	Top     float64 `json:"top"`
	Width   float64 `json:"width"` // of a sticker
	Height  float64 `json:"height"`
	GapX    float64 `json:"gap_x"` // between two stickers
	GapY    float64 `json:"gap_y"`
}

// LeastType is the smallest em, in millimetres, of words that a payer needs; LeastHolder is that of the name to compare.
const (
	LeastType   = 1.8
	LeastHolder = 2.2
)

const (
	paperClear   = 5 // nothing is printed closer to the paper's edge, in millimetres
	stickerClear = 2 // nor closer to a sticker's
)

// Stickers is the sheet of such stickers; it has no cuts. The design follows from a sticker's shape: upright ones show
// the card, broad ones the tag, scaled while every word stays readable; small and square ones show a label of stall,
// account, holder and serial around the code.
//
// The error is a *FieldError of the measure's JSON name, or of name: unknown, range, no-room when the stickers do not fit
// the paper, too-small when no design can be read at that size.
func Stickers(name string, m Measures) (Sheet, error) {
	if code, detail := printable(name); code != "" {
		return Sheet{}, &FieldError{"name", code, detail}
	}
	if m.Paper != "a4" {
		return Sheet{}, &FieldError{"paper", "unknown", fault.Say("Stickers come on A4 paper.")}
	}
	const paperWidth, paperHeight = 210, 297
	for _, part := range []struct {
		field              string
		value, least, most float64
	}{
		{"columns", float64(m.Columns), 1, 10},
		{"rows", float64(m.Rows), 1, 20},
		{"left", m.Left, 0, paperWidth},
		{"top", m.Top, 0, paperHeight},
		{"width", m.Width, 20, paperWidth},
		{"height", m.Height, 20, paperHeight},
		{"gap_x", m.GapX, 0, 100},
		{"gap_y", m.GapY, 0, 100},
	} {
		if !(part.value >= part.least && part.value <= part.most) { // NaN is not
			return Sheet{}, &FieldError{part.field, "range", fault.Say("A number from %d to %d.", int(part.least), int(part.most))}
		}
	}
	right := paperWidth - m.Left - float64(m.Columns)*m.Width - float64(m.Columns-1)*m.GapX
	bottom := paperHeight - m.Top - float64(m.Rows)*m.Height - float64(m.Rows-1)*m.GapY
	const rounding = 0.05 // a box may say 99.1 for 99.06
	for _, part := range []struct {
		field string
		over  float64
	}{
		{"width", m.Left + m.Width - paperWidth}, {"height", m.Top + m.Height - paperHeight}, // one alone
		{"columns", -right}, {"rows", -bottom},
	} {
		if part.over > rounding {
			return Sheet{}, &FieldError{part.field, "no-room", fault.Say("The stickers reach %.1f mm over the paper's edge. Measure them again.", part.over)}
		}
	}

	design, at, ok := sticker(m.Width, m.Height, max(stickerClear, paperClear-m.Left, paperClear-right), max(stickerClear, paperClear-m.Top, paperClear-bottom))
	if !ok {
		field := "height"
		if m.Width < m.Height {
			field = "width"
		}
		return Sheet{}, &FieldError{field, "too-small", fault.Say("Too small: a code that phones can read, with its words, has no room.")}
	}
	s := &sheet{name: name, width: paperWidth, height: paperHeight, w: m.Width, h: m.Height, panels: []panel{{at, design}}}
	var xs, ys []float64
	for i := range m.Columns {
		xs = append(xs, m.Left+float64(i)*(m.Width+m.GapX))
	}
	for i := range m.Rows {
		ys = append(ys, m.Top+float64(i)*(m.Height+m.GapY))
	}
	s.rows = grid(xs, ys)
	return Sheet{s}, nil
}

// sticker is the first design that shows an ordinary placard readably in a cell whose ink stays padX and padY off its
// edges, and its place in the cell.
func sticker(w, h, padX, padY float64) (design, cell, bool) {
	type scaled struct {
		design design
		area   area // of ink and quiet zone
		k      float64
	}
	var tries []scaled
	scale := func(a area) float64 { return min((w-2*padX)/(a.x2-a.x1), (h-2*padY)/(a.y2-a.y1)) }
	switch {
	case h >= 1.2*w:
		a := cardA6.area()
		k := scale(a)
		tries = append(tries, scaled{cardA6.times(k), a, k})
	case w >= 1.2*h:
		for _, t := range []*tag{tag8, tag10} {
			a := t.area()
			k := scale(a)
			tries = append(tries, scaled{t.times(k), a, k})
		}
		if code := func(s scaled) float64 { return s.design.(*tag).code.side }; code(tries[1]) > code(tries[0]) {
			tries[0], tries[1] = tries[1], tries[0]
		}
	}
	for _, s := range tries {
		if serves(s.design) {
			return s.design, cell{x: w/2 - s.k*(s.area.x1+s.area.x2)/2, y: h/2 - s.k*(s.area.y1+s.area.y2)/2}, true
		}
	}
	b := &label{w, h, padX, padY}
	return b, cell{}, serves(b)
}

// serves reports whether a design has room for an ordinary placard, a name of four words among it, in type that can
// be read.
func serves(d design) bool {
	l, err := d.lay(&Placard{Market: "Chợ Vị Thanh", Vendor: "Nguyễn Thị Phương Thảo", Goods: "Rau củ", Stall: "A-12",
		Holder: "NGUYEN THI PHUONG THAO", Provider: "Viettel Money", Tail: "5678", Call: "0293 000 0040", Serial: "7K3Q-40M2-VTC",
		Code: usualCode{}}, Theme{})
	if err != nil {
		return false
	}
	for _, t := range l.texts {
		if t.size < LeastType {
			return false
		}
	}
	return true
}

// usualCode is as broad as most: version 6.
type usualCode struct{}

func (usualCode) Size() int          { return 41 }
func (usualCode) Dark(x, y int) bool { return false }
