package printing

import (
	"errors"
	"fmt"
)

// surface is what placards are drawn on: the paper of a PDF, or a picture. Places are millimetres from its top left.
type surface interface {
	petals(s petals, at cell)
	box(b box, at cell)
	logo(b box, at cell)
	text(t text, at cell)
	outline(o outline, at cell)
	symbol(s symbol, code Modules, at cell) // at may be turned; nothing else is drawn so but within turned
	cutMarks(cuts []cut)
	folds(folds []cut, at cell)
	turned(at cell, draw func())
}

// draw puts a card at the given cell. The symbol of a turned one is placed on the page itself, whose dots it stands on.
func (l layout) draw(on surface, code Modules, at cell) {
	if at.turned {
		on.turned(at, func() { l.words(on, cell{}) })
	} else {
		l.words(on, at)
	}
	if l.code.dots > 0 {
		on.symbol(l.code, code, at)
	}
}

// words draws all of a card but its symbol.
func (l layout) words(on surface, at cell) {
	for _, s := range l.strips {
		on.petals(s, at)
	}
	for _, b := range l.boxes {
		on.box(b, at)
	}
	if l.logo.w > 0 {
		on.logo(l.logo, at)
	}
	for _, t := range l.texts {
		on.text(t, at)
	}
	for _, o := range l.outlines {
		on.outline(o, at)
	}
}

// copies is how often each placard is there.
func (p Print) copies() int { return max(p.Copies, 1) }

// sides is how many pages a sheet of paper has.
func (p Print) sides() int {
	if p.Back {
		return 2
	}
	return 1
}

// pages is how many pages so many placards take.
func (p Print) pages(placards int) (int, error) {
	perPage := p.Sheet.PerPage()
	switch {
	case perPage == 0:
		return 0, errNoSheet
	case p.Skip < 0 || p.Skip >= perPage:
		return 0, fmt.Errorf("printing: skip %d cells of %d", p.Skip, perPage)
	case placards == 0:
		return 0, errors.New("printing: no placards given")
	}
	return (p.Skip + placards*p.copies() + perPage - 1) / perPage * p.sides(), nil
}

// on gives the placard in the nth cell of a sheet, counted from 0 as the sheet is; false when the cell stays white.
func (p Print) on(sheet, n, placards int) (placard int, used bool) {
	cell := sheet*p.Sheet.PerPage() + n - p.Skip
	return cell / p.copies(), cell >= 0 && cell < placards*p.copies()
}

// draw puts a page, counted from 0, on a surface: the marks to cut along, then its cards; or their backs.
func (p Print) draw(on surface, placards []Placard, page int) error {
	sheet, behind := page/p.sides(), page%p.sides() == 1
	used := func(n int) bool {
		_, ok := p.on(sheet, n, len(placards))
		return ok
	}
	if p.CutMarks && !behind {
		on.cutMarks(p.Sheet.cuts(used))
	}
	var (
		panels []layout
		back   layout
		last   = -1 // copies of a placard lie side by side
	)
	for n := range p.Sheet.PerPage() {
		i, ok := p.on(sheet, n, len(placards))
		if !ok {
			continue
		}
		if i != last {
			var err error
			if panels, back, err = p.lay(&placards[i]); err != nil {
				return fmt.Errorf("placard %s: %w", placards[i].Serial, err)
			}
			last = i
			if p.codes != nil {
				p.codes[&placards[i]] = codes(panels)
			}
		}
		at := p.Sheet.at(n)
		if behind {
			back.draw(on, nil, p.Sheet.behind(at))
			continue
		}
		for k, l := range panels {
			l.draw(on, placards[i].Code, p.Sheet.panels[k].at.in(at))
		}
		on.folds(p.Sheet.folds, at)
	}
	return nil
}

// codes are the places of the panels' symbols; a panel without one has one of no dots.
func codes(panels []layout) []symbol {
	all := make([]symbol, len(panels))
	for i, l := range panels {
		all[i] = l.code
	}
	return all
}
