package main

import (
	"bytes"
	"fmt"
	"image"
	"image/png"

	"cho40/printing"
)

// drawingPlacards is what a phone is sent, and what a browser shows before anything is printed; from stored symbols.
func drawingPlacards() (group, error) {
	s, err := newShelf(4)
	if err != nil {
		return group{}, err
	}
	all := make([]printing.Placard, s.n)
	for i := range all {
		all[i] = placardOf(i)
		if all[i].Code, err = s.symbol(i); err != nil {
			return group{}, err
		}
	}
	g := group{name: "picture", title: "A placard as a picture, a page as a preview"}
	for _, p := range []struct {
		name string
		draw func() (*image.Paletted, error)
	}{
		{"printing.Picture, 720 pixels", func() (*image.Paletted, error) {
			return printing.Picture(all[0], job().Sheet, job().Theme, 720)
		}},
		{"printing.Preview, 96 dpi", func() (*image.Paletted, error) {
			return printing.Preview(job(), all, 1, 96)
		}},
	} {
		var out bytes.Buffer
		encode := func() error {
			out.Reset()
			img, err := p.draw()
			if err != nil {
				return err
			}
			return png.Encode(&out, img)
		}
		img, err := p.draw()
		if err == nil {
			err = encode()
		}
		if err != nil {
			return g, fmt.Errorf("%s: %w", p.name, err)
		}
		g.rows = append(g.rows,
			row{name: p.name, note: fmt.Sprintf("%d × %d, %d colours", img.Rect.Dx(), img.Rect.Dy(), len(img.Palette)),
				round: loop(1, func(int) error { _, err := p.draw(); return err })},
			row{name: p.name + ", PNG", note: count(float64(out.Len())) + " bytes by image/png", round: loop(1, func(int) error { return encode() })})
	}
	return g, nil
}
