package web

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"strings"

	"cho40/printing"
	"cho40/qrgen"
	"cho40/qrgen/photo"
	registry "cho40/vendor_registry"
)

// noSerial stands where a preview has no serial: nothing was issued.
const noSerial = "0000-0000-000"

// Preview draws the first sheet of what a batch would print, in so many dots an inch. Every card is marked as a sample: the picture of
// a code that nobody issued may not be paid to. Faults: those of registry.Service.Preview; Invalid.
func Preview(ctx context.Context, reg *registry.Service, by registry.Actor, market string, in registry.NewBatch, dots int) (image.Image, error) {
	b, ps, err := reg.Preview(ctx, by, market, in, Fits(), mostPreviewed)
	if err != nil {
		return nil, err
	}
	p, err := printOf(b)
	if err != nil {
		return nil, drawnFault(err)
	}
	cards := make([]printing.Placard, min(len(ps), p.Sheet.PerPage()))
	for i := range cards {
		if cards[i], err = card(b, ps[i]); err != nil {
			return nil, err
		}
		cards[i].Serial, cards[i].Mark = noSerial, printing.MarkSample
	}
	img, err := printing.Preview(p, cards, 1, dots)
	if err != nil {
		return nil, drawnFault(err)
	}
	return img, nil
}

// mostPreviewed is more than a sheet holds.
const mostPreviewed = 100

// stallCodes are the codes in what a person typed, with blanks, commas or line ends between.
func stallCodes(typed string) []string {
	return strings.FieldsFunc(typed, func(r rune) bool { return strings.ContainsRune(",;\n\r\t ", r) })
}

// sampleCard is the card of nobody, for trying a design out.
func sampleCard() (c printing.Placard, payload string, err error) {
	if payload, err = qrgen.Static("971005", "0710000000"); err != nil {
		return c, "", err
	}
	symbol, err := qrgen.NewSymbol(payload)
	return printing.Placard{Market: "Chợ Vị Thanh", Vendor: "Lý Minh Tâm", Goods: "Rau củ", Stall: "A-12", Holder: "LY MINH TAM",
		Provider: "Viettel Money", Tail: "0000", Serial: noSerial, Mark: printing.MarkSample, Code: symbol}, payload, err
}

// readFrom looks for a code in a picture as in a photo, and is an error when it does not say the payload.
func readFrom(img image.Image, payload string) error {
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return err
	}
	found, err := photo.Read(context.Background(), out.Bytes())
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Text == payload {
			return nil
		}
	}
	return fmt.Errorf("%d codes in the picture, none of them the card's", len(found))
}
