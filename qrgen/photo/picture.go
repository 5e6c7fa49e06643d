package photo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"

	"cho40/internal/fault"

	"golang.org/x/image/webp"
)

// header is what a file says about its picture before the picture is decoded.
type header struct {
	format        format
	width, height int // as stored
	model         color.Model
	progressive   bool
	turn          turn
}

// format is a kind of file with its decoder.
type format struct {
	name   string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

// formatOf goes by the first bytes, never by a name.
func formatOf(data []byte) (format, bool) {
	switch {
	case bytes.HasPrefix(data, []byte("\xFF\xD8\xFF")):
		return format{"jpeg", jpeg.DecodeConfig, jpeg.Decode}, true
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return format{"png", png.DecodeConfig, png.Decode}, true
	case len(data) >= 16 && string(data[:4]) == "RIFF" && string(data[8:15]) == "WEBPVP8":
		return format{"webp", webp.DecodeConfig, webp.Decode}, true
	}
	return format{}, false
}

// maxScans is how often a JPEG may go over its picture. Cameras and editors need about ten; a file of a few megabytes
// can hold tens of thousands that are nearly empty, each of them work for the whole picture.
const maxScans = 64

func readHeader(data []byte) (header, error) {
	f, ok := formatOf(data)
	if !ok {
		return header{}, fault.New(fault.Unsupported, "picture-type", "The picture must be a JPEG, PNG or WebP file.")
	}
	var c image.Config
	err := guard(func() (err error) {
		c, err = f.config(bytes.NewReader(data))
		return err
	})
	if err != nil || c.Width <= 0 || c.Height <= 0 {
		return header{}, broken(err)
	}
	if int64(c.Width)*int64(c.Height) > MaxPixels {
		return header{}, fault.New(fault.Invalid, "picture-too-many-pixels",
			"The picture has more than %d million pixels. Send a smaller one.", MaxPixels/1_000_000)
	}
	h := header{format: f, width: c.Width, height: c.Height, model: c.ColorModel, turn: upright}
	if f.name == "jpeg" {
		h.turn = jpegTurn(data)
		h.progressive = bytes.Contains(data, []byte{0xFF, 0xC2})
		// After 0xFF the packed picture data has a zero, so this counts little else than scans.
		if bytes.Count(data, []byte{0xFF, 0xDA}) > maxScans {
			return header{}, broken(errors.New("too many scans"))
		}
	}
	return h, nil
}

// memory is about how many bytes it takes to decode the picture and to search it.
func (h header) memory() int64 {
	pixel := int64(4) // what the decoder returns
	switch h.model {
	case color.GrayModel, color.AlphaModel:
		pixel = 1
	case color.Gray16Model, color.Alpha16Model:
		pixel = 2
	case color.RGBA64Model, color.NRGBA64Model:
		pixel = 8
	}
	switch {
	case h.progressive:
		pixel *= 5 // and its coefficients, four bytes each, until the last scan
	case h.format.name == "webp":
		pixel *= 2 // and its transforms
	}
	const searching = 3 // the plane, its thresholds and marks
	return (pixel + searching) * int64(h.width) * int64(h.height)
}

// decode gives the picture's lightness as it is stored, not turned. The decoders get the file in small pieces, and
// none after ctx has ended.
func (h header) decode(ctx context.Context, data []byte) (plane, error) {
	var p plane
	err := guard(func() error {
		img, err := h.format.decode(&pieces{ctx, bytes.NewReader(data)})
		if err != nil {
			return err
		}
		if b := img.Bounds(); b != image.Rect(0, 0, h.width, h.height) {
			return fmt.Errorf("%v, after a header of %d × %d", b, h.width, h.height)
		}
		p = lightness(img)
		return nil
	})
	switch {
	case ctx.Err() != nil:
		return plane{}, ctx.Err()
	case err != nil:
		return plane{}, broken(err)
	}
	return p, nil
}

func broken(cause error) error {
	return fault.New(fault.Invalid, "picture-broken", "The picture is damaged or not complete. Take it again, or save it as JPEG.").Because(cause)
}

// guard makes an error of a panic: the decoders are not ours, and the files come from anybody.
func guard(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a decoder panicked: %v", r)
		}
	}()
	return do()
}

type pieces struct {
	ctx  context.Context
	from *bytes.Reader
}

func (p *pieces) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.from.Read(b[:min(len(b), 4096)])
}
