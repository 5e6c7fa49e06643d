package main

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"

	"cho40/qrgen"

	piglig "github.com/piglig/go-qr"
	skip2 "github.com/skip2/go-qrcode"
	rsc "rsc.io/qr"
)

// payload is what a placard says: a mobile-money account, as NAPAS has it.
func payload() (string, error) { return qrgen.Static("971005", "0715656593") }

var errMisread = errors.New("the symbol says something else")

func making() (group, error) {
	text, err := payload()
	if err != nil {
		return group{}, err
	}
	ours, err := qrgen.NewSymbol(text)
	if err != nil {
		return group{}, err
	}
	checked := func(int) error {
		_, err := qrgen.NewSymbol(text)
		return err
	}
	modules := func(int) error {
		m, err := makeSkip2(text)
		if err != nil {
			return err
		}
		if got, err := read(m); err != nil || got != text {
			return errMisread
		}
		return nil
	}
	g := group{name: "symbol-make", title: fmt.Sprintf("A symbol of level M for one payload of %d letters", len(text)), rows: []row{
		{name: "qrgen.NewSymbol", note: version(ours) + "; made, and read back from its modules by gozxing, corner squares compared", round: loop(1, checked)},
		{name: "qrgen.NewSymbol, two at a time", note: "the same on two goroutines", round: loop(2, checked)},
		{name: "skip2 and gozxing's decoder", note: "made and read back from its modules, without a picture", round: loop(1, modules)},
		{name: "skip2 and gozxing's decoder, two at a time", note: "the same on two goroutines", round: loop(2, modules)},
		{name: "reading back alone", note: "gozxing's decoder on the modules of one symbol", round: loop(1, func(int) error {
			if got, err := read(ours); err != nil || got != text {
				return errMisread
			}
			return nil
		})},
	}}
	for _, e := range encoders {
		m, err := e.make(text)
		if err != nil {
			return g, fmt.Errorf("%s: %w", e.name, err)
		}
		if got, err := read(m); err != nil || got != text {
			return g, fmt.Errorf("%s: %w: %q, %v", e.name, errMisread, got, err)
		}
		g.rows = append(g.rows, row{name: e.name, note: version(m) + "; not read back; " + e.note, round: loop(1, func(int) error {
			_, err := e.make(text)
			return err
		})})
	}
	return g, nil
}

// drawing compares pictures of 8 dots a module. Only ours starts from a symbol that is there already in every library;
// skip2 has no other way than to make it again for each picture.
func drawing() (group, error) {
	text, err := payload()
	if err != nil {
		return group{}, err
	}
	ours, err := qrgen.NewSymbol(text)
	if err != nil {
		return group{}, err
	}
	picture := func(name, note string, draw func() ([]byte, error)) (row, error) {
		out, err := draw()
		if err != nil {
			return row{}, fmt.Errorf("%s: %w", name, err)
		}
		what := "SVG"
		if p, err := png.DecodeConfig(bytes.NewReader(out)); err == nil {
			what = fmt.Sprintf("PNG of %d × %d", p.Width, p.Height)
		}
		return row{name: name, note: fmt.Sprintf("%s, %s bytes; %s", what, count(float64(len(out))), note), round: loop(1, func(int) error {
			_, err := draw()
			return err
		})}, nil
	}
	theirs, err := rsc.Encode(text, rsc.M)
	if err != nil {
		return group{}, err
	}
	other, err := piglig.EncodeText(text, piglig.Medium)
	if err != nil {
		return group{}, err
	}
	g := group{name: "symbol-draw", title: "A picture of a symbol, 8 dots a module"}
	for _, p := range []struct {
		name, note string
		draw       func() ([]byte, error)
	}{
		{"PNG", "one bit a dot", func() ([]byte, error) { return ours.PNG(8) }},
		{"SVG", "one path", func() ([]byte, error) { return ours.SVG(), nil }},
		{"PNG of skip2/go-qrcode", "makes the symbol again for each picture", func() ([]byte, error) {
			q, err := skip2.New(text, skip2.Medium)
			if err != nil {
				return nil, err
			}
			return q.PNG(-8)
		}},
		{"PNG of rsc.io/qr", "its own compression", func() ([]byte, error) { return theirs.PNG(), nil }},
		{"PNG of piglig/go-qr", "24 bits a dot", func() ([]byte, error) { return other.ToPNGBytes(piglig.NewQrCodeImgConfig(8, 4)) }},
		{"SVG of piglig/go-qr", "a path of single modules", func() ([]byte, error) { return other.ToSVGBytes(piglig.NewQrCodeImgConfig(8, 4)) }},
	} {
		r, err := picture(p.name, p.note, p.draw)
		if err != nil {
			return g, err
		}
		g.rows = append(g.rows, r)
	}
	return g, nil
}
