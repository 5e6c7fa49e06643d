package main

import (
	"fmt"
	"image/color"

	"cho40/printing"

	"github.com/boombuler/barcode"
	boombuler "github.com/boombuler/barcode/qr"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	zxing "github.com/makiuchi-d/gozxing/qrcode/encoder"
	piglig "github.com/piglig/go-qr"
	skip2 "github.com/skip2/go-qrcode"
	yeqown "github.com/yeqown/go-qrcode/v2"
	rsc "rsc.io/qr"
)

// encoder is a library that makes symbols at level M and reads none back.
type encoder struct {
	name, note string
	make       func(payload string) (printing.Modules, error)
}

var encoders = []encoder{
	{"skip2/go-qrcode", "mixed segments; what qrgen.NewSymbol is made of", makeSkip2},
	{"rsc.io/qr", "one segment, always mask 0, no penalties weighed", func(payload string) (printing.Modules, error) {
		code, err := rsc.Encode(payload, rsc.M)
		return rscModules{code}, err
	}},
	{"yeqown/go-qrcode", "one segment", func(payload string) (printing.Modules, error) {
		code, err := yeqown.NewWith(payload, yeqown.WithErrorCorrectionLevel(yeqown.ErrorCorrectionMedium))
		if err != nil {
			return nil, err
		}
		var rows bitmap
		err = code.Save(&rows)
		return rows, err
	}},
	{"gozxing", "one segment", func(payload string) (printing.Modules, error) {
		code, err := zxing.Encoder_encodeWithoutHint(payload, decoder.ErrorCorrectionLevel_M)
		if err != nil {
			return nil, err
		}
		return zxingModules{code.GetMatrix()}, nil
	}},
	{"piglig/go-qr", "one segment; a higher level where it costs no size", func(payload string) (printing.Modules, error) {
		code, err := piglig.EncodeText(payload, piglig.Medium)
		return pigligModules{code}, err
	}},
	{"piglig/go-qr, optimal segments", "mixed segments; MakeSegmentsOptimally", func(payload string) (printing.Modules, error) {
		segments, err := piglig.MakeSegmentsOptimally(payload, piglig.Medium, piglig.MinVersion, piglig.MaxVersion)
		if err != nil {
			return nil, err
		}
		code, err := piglig.EncodeStandardSegments(segments, piglig.Medium)
		return pigligModules{code}, err
	}},
	{"boombuler/barcode", "one segment", func(payload string) (printing.Modules, error) {
		code, err := boombuler.Encode(payload, boombuler.M, boombuler.Auto)
		return boombulerModules{code}, err
	}},
}

func makeSkip2(payload string) (printing.Modules, error) {
	code, err := skip2.New(payload, skip2.Medium)
	if err != nil {
		return nil, err
	}
	code.DisableBorder = true
	return bitmap(code.Bitmap()), nil
}

// The modules of each library, as printing takes them.

type bitmap [][]bool

func (b bitmap) Size() int          { return len(b) }
func (b bitmap) Dark(x, y int) bool { return b[y][x] }

type (
	rscModules       struct{ *rsc.Code }
	zxingModules     struct{ *zxing.ByteMatrix }
	pigligModules    struct{ *piglig.QrCode }
	boombulerModules struct{ barcode.Barcode }
)

func (m rscModules) Size() int          { return m.Code.Size }
func (m rscModules) Dark(x, y int) bool { return m.Black(x, y) }

func (m zxingModules) Size() int          { return m.GetWidth() }
func (m zxingModules) Dark(x, y int) bool { return m.Get(x, y) == 1 }

func (m pigligModules) Dark(x, y int) bool { return m.Module(x, y) }

func (m boombulerModules) Size() int          { return m.Bounds().Dx() }
func (m boombulerModules) Dark(x, y int) bool { return m.At(x, y) == color.Black }

// Write and Close make a bitmap the writer of yeqown's Save, its only way out.
func (b *bitmap) Write(m yeqown.Matrix) error { *b = m.Bitmap(); return nil }
func (b *bitmap) Close() error                { return nil }

// read decodes modules as they are, without the way through a picture.
func read(m printing.Modules) (string, error) {
	bits, err := gozxing.NewSquareBitMatrix(m.Size())
	if err != nil {
		return "", err
	}
	for y := range m.Size() {
		for x := range m.Size() {
			if m.Dark(x, y) {
				bits.Set(x, y)
			}
		}
	}
	result, err := decoder.NewDecoder().DecodeWithoutHint(bits)
	if err != nil {
		return "", err
	}
	return result.GetText(), nil
}

// version is the size of a symbol as the standard numbers it, from 1 to 40.
func version(m printing.Modules) string {
	return fmt.Sprintf("version %d, %d modules", (m.Size()-17)/4, m.Size())
}
