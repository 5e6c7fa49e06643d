// Package photo reads the QR codes in pictures: from the camera of a cheap phone, a screenshot, a page of a PDF made
// into a picture. It finds the codes itself, in a bounded time; another library corrects and decodes their modules.
package photo

import (
	"cmp"
	"context"
	"errors"
	"image"
	"slices"
	"time"

	"cho40/internal/fault"

	"golang.org/x/sync/semaphore"
)

// What is taken.
const (
	MaxBytes  = 8 << 20    // of the file
	MaxPixels = 40_000_000 // as the file's header says, before anything is decoded
	MaxCodes  = 64         // in one picture; the search ends there
)

// limit is how long one picture may keep its goroutine, from the first decoded byte on.
const limit = 3 * time.Second

// memory is what all pictures in work together may take, in bytes; the next one waits. The largest picture of the
// usual kinds fits: 40 megapixels of 16 bits a channel are 440 MB.
const memory = 512 << 20

var working = semaphore.NewWeighted(memory)

// Found is one code of a picture.
type Found struct {
	Text string // what the code says, never empty
	// Corners are those of the symbol without its quiet zone, clockwise, from the one that is the top left when the
	// code stands upright, in pixels of the picture as a person sees it (its EXIF orientation applied). They may lie
	// a little outside the picture.
	Corners [4]image.Point
}

// Read finds every QR code in a JPEG, PNG or WebP picture, each once, as a page is read: top row first, from the left.
// Whatever the bytes are, it returns within about 3 seconds of work, sooner when ctx ends. Codes found by then are
// returned; the rest of a picture that is full of things like codes may remain unread.
//
// Faults: TooLarge picture-too-large; Unsupported picture-type; Invalid picture-too-many-pixels, picture-broken,
// picture-slow, no-code. When ctx ends, its error.
func Read(ctx context.Context, data []byte) ([]Found, error) {
	return read(ctx, data, limit)
}

// read is Read with another limit.
func read(ctx context.Context, data []byte, limit time.Duration) ([]Found, error) {
	if len(data) > MaxBytes {
		return nil, fault.New(fault.TooLarge, "picture-too-large", "The picture is larger than %d MB. Send a smaller one.", MaxBytes>>20)
	}
	head, err := readHeader(data)
	if err != nil {
		return nil, err
	}
	need := min(head.memory(), memory)
	if err := working.Acquire(ctx, need); err != nil {
		return nil, err
	}
	defer working.Release(need)

	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	seen, err := head.decode(timed, data)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fault.New(fault.Invalid, "picture-slow", "The picture takes too long to read. Send a smaller one.")
	case err != nil:
		return nil, err
	}
	found := search(timed, seen)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if len(found) == 0 {
		return nil, fault.New(fault.Invalid, "no-code", "No QR code can be read in the picture. Hold the phone straight above the code, near enough to fill half the picture, in even light.")
	}
	for i := range found {
		found[i].Corners = head.turn.corners(found[i].Corners, head.width, head.height)
	}
	return inReadingOrder(found), nil
}

// inReadingOrder sorts codes into rows, and each row from the left. A code belongs to a row when its middle is within
// half the height of the row's first code, so that a page held a little askew keeps its order.
func inReadingOrder(found []Found) []Found {
	type placed struct {
		Found
		x, y, height, row int
	}
	all := make([]placed, len(found))
	for i, f := range found {
		b := f.bounds()
		all[i] = placed{Found: f, x: (b.Min.X + b.Max.X) / 2, y: (b.Min.Y + b.Max.Y) / 2, height: b.Dy()}
	}
	slices.SortFunc(all, func(a, b placed) int { return cmp.Or(cmp.Compare(a.y, b.y), cmp.Compare(a.x, b.x)) })
	first := 0
	for i := range all {
		if all[i].y-all[first].y > all[first].height/2 {
			first = i
		}
		all[i].row = first
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.x, b.x)) })
	for i := range all {
		found[i] = all[i].Found
	}
	return found
}

func (f Found) bounds() image.Rectangle {
	c := f.Corners
	return image.Rect(
		min(c[0].X, c[1].X, c[2].X, c[3].X), min(c[0].Y, c[1].Y, c[2].Y, c[3].Y),
		max(c[0].X, c[1].X, c[2].X, c[3].X), max(c[0].Y, c[1].Y, c[2].Y, c[3].Y))
}
