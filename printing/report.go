package printing

import (
	"io"
	"math"
	"time"
)

// Report is what the page of a market's quarter says, in words: one A4 page, and further ones only for the words of targets and campaigns that find
// no room on it. Texts may be as long as they like; they are made smaller and broken, and never cut.
type Report struct {
	Title, Period string // over all: what it is, of when
	Name, Place   string
	Mark          string // of provisional figures; empty: of closed ones
	Shares        [3]ReportShare
	Chart         ReportChart
	Stages        ReportBars
	Reasons       ReportBars
	Notes         []string // method, definitions
	Date          string   // line over the signatures, to be filled in
	Signs         [3]string
	SignHint      string
	Foot          string    // hash, layout
	More          string    // where the words of targets and campaigns are, when they are on a further page
	Made          time.Time // the only date of the file; never zero
	Language      Language
}

// ReportShare is a share in a box of its own.
type ReportShare struct {
	Name, Value, Of, Change, Meaning string
	Part, Whole                      int // of the bar
}

// ReportChart is a share over the days of a quarter.
type ReportChart struct {
	Head    string
	Labels  [3]string // of the rows below: day, numerator, denominator
	Points  []ReportPoint
	Goals   []ReportGoal
	Bands   []ReportBand
	Beside  []string                   // what targets say, in words
	Percent func(share float64) string // as the axis says it
}

// ReportPoint is a point of the chart at a place from 0 to 1.
type ReportPoint struct {
	At        float64
	Day       string
	Part, All string
	Value     string   // the share in words
	Share     *float64 // nil: nobody is there
}

// ReportGoal is a target that holds from a place to another.
type ReportGoal struct {
	From, To, Share float64
	Label           string
}

// ReportBand is a campaign from a place to another.
type ReportBand struct {
	From, To float64
	Words    string
}

// ReportBars are lines with a bar each.
type ReportBars struct {
	Head   string
	Titles [3]string // over the columns: of the row, beside it, of its number
	Rows   []ReportBar
	Sum    [2]string // words and number below; empty: none
}

// ReportBar is such a line.
type ReportBar struct {
	Name, Beside, Number string
	Part, Whole          int
}

// WriteReport writes a report. The same report gives the same bytes.
func WriteReport(w io.Writer, r Report) error { return r.booklet().write(w) }

func (r Report) booklet() booklet {
	return booklet{210, 297, r.Made, r.Title + " · " + r.Name + " · " + r.Period, r.Language, r.pages()}
}

// pages lays the report out as large as it fits. Where type would become too small, the words of targets and campaigns go to pages of
// their own.
func (r Report) pages() []*leaflet {
	for _, apart := range []bool{false, true} {
		least := 0.76
		if apart {
			least = 0.5
		}
		for scale := 1.0; scale >= least; scale -= 0.02 {
			if p, fits := r.page(scale, apart); fits || apart && scale < least+0.02 {
				return append([]*leaflet{p}, r.more(apart)...)
			}
		}
	}
	return nil // not reached: the last try is taken
}

const (
	reportRight = 210 - besides
	reportWide  = 210 - 2*besides
	reportEnd   = 297 - 9.0 // the foot's baseline
)

// page is the report on one page at a scale; it reports whether that fits.
func (r Report) page(scale float64, apart bool) (*leaflet, bool) {
	f, p := faces(), &leaflet{}
	p.strip(210)
	period := text{say: spelled(r.Period), face: f.heavy, size: 6.4, x: reportRight, y: 23, colour: ink}.right()
	p.texts = append(p.texts, period)
	p.line(r.Title, f.bold, 4.2, besides, 22.6, reportWide-period.width()-6, leaf)
	y := 33.0
	size, ok := f.heavy.fit(reportWide, 8.4, 6.4, spelled(r.Name))
	if !ok {
		size = math.Max(6*scale, 3.6)
	}
	y = p.say(r.Name, f.heavy, size, besides, y, reportWide, ink)
	y = p.say(r.Place, f.regular, 3.4*math.Max(scale, 0.8), besides, y+5.4, reportWide, faint)
	if r.Mark != "" {
		lines := f.bold.lines(spelled(r.Mark), 3.6, reportWide-6)
		p.frame(0.6, ink, besides, y+2.4, reportWide, 3.4+float64(len(lines))*leading*3.6-1.2)
		y = p.say(r.Mark, f.bold, 3.6, besides+3, y+7, reportWide-6, ink) + 1
	}
	y = r.shares(p, y+4*scale, scale)
	y = r.chart(p, y+5*scale, scale, apart)
	y = r.bars(p, y+4*scale, scale)
	y = r.signs(p, y+2*scale, scale)
	p.level(0.2, rule, besides, reportRight, reportEnd-4)
	foot := p.line(r.Foot, f.regular, 2.4, besides, reportEnd, reportWide, faint)
	return p, y <= reportEnd-5 && foot <= 297-5
}

// shares are three boxes side by side.
func (r Report) shares(p *leaflet, y, scale float64) float64 {
	f := faces()
	const gap = 4.5
	wide := (reportWide - 2*gap) / 3
	end := 0.0
	for i, s := range r.Shares {
		x := besides + float64(i)*(wide+gap) + 3
		in := wide - 6
		at := p.line(s.Name, f.bold, 3.5*scale, x, y+5.6*scale, in, ink)
		value := text{say: spelled(s.Value), face: f.heavy, size: 9.4 * scale, x: x, y: at + 10*scale, colour: ink}
		if w := value.width(); w > in {
			value.size *= in / w
		}
		p.texts = append(p.texts, value)
		at = p.line(s.Of, f.bold, 3.3*scale, x, at+15.4*scale, in, ink)
		p.bar(x, at+2*scale, in, 3*scale, s.Part, s.Whole, leaf)
		at = p.say(s.Change, f.regular, 2.7*scale, x, at+9*scale, in, ink)
		at = p.say(s.Meaning, f.regular, 2.35*scale, x, at+3.8*scale, in, faint)
		end = max(end, at+3*scale)
	}
	for i := range r.Shares {
		p.frame(0.3, faint, besides+float64(i)*(wide+gap), y, wide, end-y)
	}
	return end
}

// chart is the series, with the targets as dashed steps and the campaigns as numbered bands.
func (r Report) chart(p *leaflet, y, scale float64, apart bool) float64 {
	f, c := faces(), r.Chart
	y = p.line(c.Head, f.bold, 3.6*scale, besides, y+3.4*scale, reportWide, ink) + 3*scale
	const labels = 22.0
	x1, x2 := besides+labels, reportRight-8
	at := func(v float64) float64 { return x1 + (x2-x1)*math.Min(math.Max(v, 0), 1) }
	// Campaigns: a bar each above the plot, side by side where they do not overlap.
	var ends []float64
	lane := make([]int, len(c.Bands))
	for i, b := range c.Bands {
		lane[i] = len(ends)
		for n, end := range ends {
			if end+0.02 < b.From {
				lane[i] = n
				break
			}
		}
		if lane[i] == len(ends) {
			ends = append(ends, 0)
		}
		ends[lane[i]] = math.Max(b.To, b.From+0.04)
	}
	thick := 3.0 * scale
	if n := float64(len(ends)); n*thick > 16 {
		thick = 16 / n
	}
	top := y + thick*float64(len(ends)) + 3*scale
	high := 40 * scale
	most := 0.0
	for _, q := range c.Points {
		if q.Share != nil {
			most = max(most, *q.Share)
		}
	}
	for _, g := range c.Goals {
		most = max(most, g.Share)
	}
	limit, ticks := 1.0, 5
	for _, l := range []struct {
		limit float64
		ticks int
	}{{0.05, 5}, {0.1, 5}, {0.2, 4}, {0.4, 4}, {0.6, 3}, {0.8, 4}} {
		if most*1.08 <= l.limit {
			limit, ticks = l.limit, l.ticks
			break
		}
	}
	up := func(share float64) float64 { return top + high*(1-share/limit) }
	for i, b := range c.Bands {
		from, to := at(b.From), math.Max(at(b.To), at(b.From)+1)
		p.boxes = append(p.boxes, box{from, top, to - from, high, 0, colour{0xee, 0xee, 0xee}})
		line := y + thick*float64(lane[i])
		p.boxes = append(p.boxes, box{from, line + 0.2, to - from, thick - 0.4, 0, colour{0x55, 0x55, 0x55}})
		n := text{say: numberOf(i), face: f.bold, size: math.Min(2.5*scale, thick*0.85), y: line + thick*0.5 + math.Min(2.5*scale, thick*0.85)*0.35, x: from + 0.8, colour: white}
		if n.width() > to-from-1.2 {
			n.x, n.colour = to+0.5, ink
		}
		p.texts = append(p.texts, n)
	}
	for i := range ticks + 1 {
		share := limit * float64(i) / float64(ticks)
		k := rule
		if i == 0 {
			k = ink
		}
		p.level(0.2, k, x1, x2, up(share))
		p.number(c.Percent(share), f.regular, 2.5*scale, x1-2, up(share)+0.9*scale, labels-4, faint)
	}
	for i, g := range c.Goals {
		dash := []float64{1.6, 1.1}
		p.stroke(0.5, ink, dash, [2]float64{at(g.From), up(g.Share)}, [2]float64{at(g.To), up(g.Share)})
		if i > 0 && c.Goals[i-1].Share != g.Share {
			p.stroke(0.5, ink, dash, [2]float64{at(g.From), up(c.Goals[i-1].Share)}, [2]float64{at(g.From), up(g.Share)})
		}
		t := text{say: spelled(g.Label), face: f.bold, size: 2.6 * scale, x: at(g.To), y: up(g.Share) - 1.1*scale, colour: ink}
		if w := at(g.To) - x1; t.width() <= w {
			t = t.right()
		} else {
			t.x = x1
		}
		p.texts = append(p.texts, t)
	}
	r.points(p, scale, at, up)
	y = r.under(p, top+high+3.4*scale, scale, at) + 1.4*scale
	if apart && len(c.Beside)+len(c.Bands) > 0 {
		return p.say(r.More, f.regular, 2.6*scale, besides, y+3.8*scale, reportWide, ink)
	}
	for _, s := range c.Beside {
		y = p.say(s, f.regular, 2.7*scale, besides, y+3.9*scale, reportWide, ink)
	}
	for i, b := range c.Bands {
		p.boxes = append(p.boxes, box{besides, y + 1.2*scale, 4.4 * scale, 3 * scale, 0, colour{0x55, 0x55, 0x55}})
		p.texts = append(p.texts, text{say: numberOf(i), face: f.bold, size: 2.4 * scale, x: besides + 2.2*scale, y: y + 3.6*scale, colour: white}.centred())
		y = p.say(b.Words, f.regular, 2.6*scale, besides+6*scale, y+3.7*scale, reportWide-6*scale, ink)
	}
	return y
}

func numberOf(i int) string { return string(appendNumber(nil, float64(i+1))) }

// points are the line of the chart, its squares, and its first and last share in words.
func (r Report) points(p *leaflet, scale float64, at, up func(float64) float64) {
	f := faces()
	var run [][2]float64
	flush := func() {
		if len(run) > 1 {
			p.strokes = append(p.strokes, stroke{points: run, width: 0.9, colour: leaf})
		}
		run = nil
	}
	first, last := -1, -1
	half := 1.0 * scale
	for i, q := range r.Chart.Points {
		if q.Share == nil {
			flush()
			continue
		}
		if first < 0 {
			first = i
		}
		last = i
		x, y := at(q.At), up(*q.Share)
		run = append(run, [2]float64{x, y})
		// Squares are strokes as broad as long: they come on top of the lines.
		p.strokes = append(p.strokes, stroke{points: [][2]float64{{x - half, y}, {x + half, y}}, width: 2 * half, colour: leaf})
	}
	flush()
	if last < 0 {
		return
	}
	value := func(i int) text {
		q := r.Chart.Points[i]
		t := text{say: spelled(q.Value), face: f.bold, size: 2.9 * scale, x: at(q.At), y: up(*q.Share) + 5*scale, colour: ink}
		if up(0)-up(*q.Share) < 7*scale {
			t.y = up(*q.Share) - 2.4*scale
		}
		return t
	}
	begins, ends := value(first), value(last)
	begins.x -= half // clear of the axis
	ends.x += half   // and of the page's edge
	ends = ends.right()
	if first == last || begins.x+begins.width()+1 < ends.x {
		p.texts = append(p.texts, begins)
	}
	if first != last { // always told
		p.texts = append(p.texts, ends)
	}
}

// under are the days and the numbers below the chart, those left out that find no room.
func (r Report) under(p *leaflet, y, scale float64, at func(float64) float64) float64 {
	f, c := faces(), r.Chart
	size := 2.4 * scale
	rows := []float64{y, y + 3.4*scale, y + 6.6*scale}
	for i, row := range rows {
		p.line(c.Labels[i], f.regular, size, besides, row, 19, faint)
	}
	shown, edge := []int{}, -1.0
	for i, q := range c.Points {
		w := 0.0
		for _, s := range []string{q.Day, q.Part, q.All} {
			w = max(w, f.regular.width(spelled(s), size))
		}
		left := at(q.At) - w/2
		if left < edge+1 {
			if i < len(c.Points)-1 || len(shown) < 2 {
				continue
			}
			shown = shown[:len(shown)-1] // the last one is always told
		}
		shown, edge = append(shown, i), at(q.At)+w/2
	}
	for _, i := range shown {
		q := c.Points[i]
		for n, s := range []string{q.Day, q.Part, q.All} {
			face := f.regular
			if n == 1 {
				face = f.bold
			}
			p.texts = append(p.texts, text{say: spelled(s), face: face, size: size, x: at(q.At), y: rows[n], colour: ink}.centred())
		}
	}
	p.level(0.15, rule, at(0)-4, at(1)+4, rows[1]+0.8*scale)
	return rows[2]
}

// bars are the stages at the left and the reasons at the right.
func (r Report) bars(p *leaflet, y, scale float64) float64 {
	const left, gap = 66.0, 6.0
	return max(r.Stages.draw(p, besides, y, left, scale), r.Reasons.draw(p, besides+left+gap, y, reportWide-left-gap, scale))
}

func (b ReportBars) draw(p *leaflet, x, y, width, scale float64) float64 {
	f := faces()
	y = p.line(b.Head, f.bold, 3.6*scale, x, y+3.4*scale, width, ink)
	beside := 0.0
	for _, row := range b.Rows {
		beside = max(beside, f.regular.width(spelled(row.Beside), 2.5*scale))
	}
	beside = math.Min(max(beside, f.regular.width(spelled(b.Titles[1]), 2.2*scale)), width*0.34)
	const figure, room = 13.0, 2.0
	bar := width * 0.14
	name := width - beside - figure - bar - 3*room
	y += 4.2 * scale
	p.line(b.Titles[0], f.regular, 2.2*scale, x, y, name, faint)
	p.number(b.Titles[2], f.regular, 2.2*scale, x+name+room+bar+figure, y, figure+bar, faint)
	p.line(b.Titles[1], f.regular, 2.2*scale, x+width-beside, y, beside, faint)
	var names []string
	for _, row := range b.Rows {
		names = append(names, spelled(row.Name))
	}
	size, ok := f.regular.fit(name, 2.75*scale, 2.4*scale, names...)
	if !ok {
		size = 2.4 * scale
	}
	for _, row := range b.Rows {
		p.level(0.15, rule, x, x+width, y+1.1*scale)
		base := y + 4.2*scale
		last := p.say(row.Name, f.regular, size, x, base, name, ink)
		p.bar(x+name+room, base-2.2*scale, bar, 2.4*scale, row.Part, row.Whole, leaf)
		p.number(row.Number, f.bold, size, x+name+room+bar+figure, base, figure-1, ink)
		y = max(last, p.line(row.Beside, f.regular, 2.5*scale, x+width-beside, base, beside, ink))
	}
	p.level(0.4, ink, x, x+width, y+1.2*scale)
	if b.Sum[0] != "" {
		y += 4.6 * scale
		p.number(b.Sum[1], f.bold, size, x+name+room+bar+figure, y, figure-1, ink)
		y = p.line(b.Sum[0], f.bold, size, x, y, name+bar, ink)
	}
	return y + 1.4*scale
}

// signs are the notes, and the boxes for three signatures at the foot of the page.
func (r Report) signs(p *leaflet, y, scale float64) float64 {
	f := faces()
	for _, n := range r.Notes {
		y = p.say(n, f.regular, max(2.4*scale, 2), besides, y+3.6*scale, reportWide, faint)
	}
	const gap, high = 4.5, 25.0
	top := max(y+6.6, reportEnd-6-high-1)
	p.line(r.Date, f.regular, 2.8, besides, top-1.6, reportWide, ink)
	wide := (reportWide - 2*gap) / 3
	for i, who := range r.Signs {
		x := besides + float64(i)*(wide+gap)
		p.frame(0.3, faint, x, top, wide, high)
		at := p.line(who, f.bold, 3, x+2.5, top+4.6, wide-5, ink)
		p.line(r.SignHint, f.regular, 2.3, x+2.5, at+3.6, wide-5, faint)
	}
	return top + high
}

// more are the words of targets and campaigns that found no room on the page.
func (r Report) more(apart bool) (pages []*leaflet) {
	if !apart {
		return nil
	}
	type entry struct{ number, words string }
	var all []entry
	for _, s := range r.Chart.Beside {
		all = append(all, entry{"", s})
	}
	for i, b := range r.Chart.Bands {
		all = append(all, entry{numberOf(i), b.Words})
	}
	f := faces()
	var p *leaflet
	y := math.Inf(1)
	for _, e := range all {
		lines := f.regular.lines(spelled(e.words), 3, reportWide-9)
		if y+float64(len(lines))*leading*3 > reportEnd-8 {
			p = &leaflet{}
			p.strip(210)
			p.line(r.Name+" · "+r.Period, f.bold, 4, besides, 22, reportWide, ink)
			p.line(r.Foot, f.regular, 2.4, besides, reportEnd, reportWide, faint)
			pages, y = append(pages, p), 30
		}
		p.texts = append(p.texts, text{say: e.number, face: f.bold, size: 3, x: besides, y: y, colour: ink})
		y = p.say(e.words, f.regular, 3, besides+9, y, reportWide-9, ink) + 5.4
	}
	return pages
}
