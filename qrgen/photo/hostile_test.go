package photo_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/qrgen/photo"
)

// pngHead is a PNG file up to its picture data, 8 bits of gray, followed by data.
func pngHead(w, h uint32, data []byte) []byte {
	out := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(name string, body []byte) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(body)))
		body = append([]byte(name), body...)
		out = append(out, body...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(body))
	}
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	chunk("IHDR", append(head, 8, 0, 0, 0, 0))
	chunk("IDAT", data)
	chunk("IEND", nil)
	return out
}

func zeros(t testing.TB, n int) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	if _, err := w.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// sized is a JPEG file that says it is of another size.
func sized(t testing.TB, w, h uint16) []byte {
	t.Helper()
	data := jpegOf(t, image.NewGray(image.Rect(0, 0, 16, 16)), 50)
	i := bytes.Index(data, []byte{0xFF, 0xC0})
	binary.BigEndian.PutUint16(data[i+5:], h)
	binary.BigEndian.PutUint16(data[i+7:], w)
	return data
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	canvas := bytes.Clone(sample(t, "transparent.webp"))
	i := bytes.Index(canvas, []byte("VP8X"))
	copy(canvas[i+12:], "\xFF\x3F\x00\xFF\x3F\x00") // 16,384 × 16,384
	mismatch := bytes.Clone(sample(t, "transparent.webp"))
	copy(mismatch[i+12:], "\x0F\x00\x00\x0F\x00\x00") // 16 × 16 before a larger frame
	scans := sample(t, "progressive.jpg")
	scans = slices.Concat(scans[:len(scans)-2], bytes.Repeat([]byte("\xFF\xDA\x00\x08\x01\x01\x00\x00\x00\x00"), 100), scans[len(scans)-2:])
	inflates := pngHead(100, 100, zeros(t, 50<<20))
	for _, tt := range []struct {
		name string
		data []byte
		kind fault.Kind
		code string
	}{
		{"nothing", nil, fault.Unsupported, "picture-type"},
		{"text", []byte("00020101021138"), fault.Unsupported, "picture-type"},
		{"a GIF", []byte("GIF89a\x01\x00\x01\x00"), fault.Unsupported, "picture-type"},
		{"a HEIC", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), fault.Unsupported, "picture-type"},
		{"a PDF", []byte("%PDF-1.7\n"), fault.Unsupported, "picture-type"},
		{"a sound in RIFF", []byte("RIFF\x00\x00\x00\x00WAVEfmt \x00"), fault.Unsupported, "picture-type"},
		{"a byte too many", append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, photo.MaxBytes-7)...), fault.TooLarge, "picture-too-large"},
		{"only the start of a JPEG", []byte("\xFF\xD8\xFF"), fault.Invalid, "picture-broken"},
		{"only the start of a PNG", []byte("\x89PNG\r\n\x1a\n"), fault.Invalid, "picture-broken"},
		{"only the start of a WebP", []byte("RIFF\x04\x00\x00\x00WEBPVP8 "), fault.Invalid, "picture-broken"},
		{"PNG of 60,000 a side", pngHead(60_000, 60_000, nil), fault.Invalid, "picture-too-many-pixels"},
		{"PNG just over", pngHead(8000, 5001, nil), fault.Invalid, "picture-too-many-pixels"},
		{"PNG of no width", pngHead(0, 10, nil), fault.Invalid, "picture-broken"},
		{"JPEG of 65,535 a side", sized(t, 65_535, 65_535), fault.Invalid, "picture-too-many-pixels"},
		{"JPEG of no height", sized(t, 16, 0), fault.Invalid, "picture-broken"},
		{"WebP of 16,384 a side", canvas, fault.Invalid, "picture-too-many-pixels"},
		{"WebP of two sizes", mismatch, fault.Invalid, "picture-broken"},
		{"animated WebP", sample(t, "animated.webp"), fault.Invalid, "picture-broken"},
		{"JPEG of a hundred scans", scans, fault.Invalid, "picture-broken"},
		{"JPEG without most of its picture", sized(t, 6000, 6000), fault.Invalid, "picture-broken"},
		{"PNG without a picture", pngHead(100, 100, nil), fault.Invalid, "picture-broken"},
		{"PNG that goes on for 50 MB", inflates, fault.Invalid, "picture-broken"},
		{"one pixel", pngHead(1, 1, zeros(t, 2)), fault.Invalid, "no-code"},
		{"a line", pngHead(20_000, 1, zeros(t, 20_001)), fault.Invalid, "no-code"},
		{"a strip", pngHead(20_000, 21, zeros(t, 20_001*21)), fault.Invalid, "no-code"},
		{"one colour", pngHead(500, 500, zeros(t, 501*500)), fault.Invalid, "no-code"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found, err := patient(t, tt.data)
			if fault.KindOf(err) != tt.kind || fault.CodeOf(err) != tt.code || found != nil {
				t.Errorf("got %v, %v; want %v %s", found, err, tt.kind, tt.code)
			}
		})
	}
}

// The largest file that is taken unpacks to 40 megapixels of nothing, from 40 kB. What it costs is bounded; whether the
// picture gets to its end depends on the machine.
func TestUnpacksTheLargestPicture(t *testing.T) {
	t.Parallel()
	_, err := photo.Read(t.Context(), pngHead(8000, 5000, zeros(t, 8001*5000)))
	if code := fault.CodeOf(err); code != "no-code" && code != "picture-slow" {
		t.Errorf("got %v", err)
	}
}

// Cut anywhere, a file is read or refused with a fault.
func TestCutFiles(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"lossy.webp", "lossless.webp", "transparent.webp", "animated.webp", "progressive.jpg", "cmyk.jpg", "page.png"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := sample(t, name)
			for n := 0; n < len(whole); n += 1 + len(whole)/97 {
				if _, err := patient(t, whole[:n]); err != nil && fault.KindOf(err) == fault.Unknown {
					t.Errorf("%d bytes: %v", n, err)
				}
			}
		})
	}
}

func noisy(w, h int) *image.Gray {
	r := rand.New(rand.NewPCG(12, 12))
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = byte(r.IntN(256))
	}
	return img
}

// patterned is full of finder patterns, each of them a corner of many codes that are not there.
func patterned(w, h, module int) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		u, v := i%w/module%9-4, i/w/module%9-4
		if ring := max(u, -u, v, -v); ring == 2 || ring == 4 {
			img.Pix[i] = 255
		}
	}
	return img
}

// Whatever there is to look at, the picture's own time ends the search, and not the caller's patience.
func TestItsOwnTimeEndsTheSearch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		img  *image.Gray
	}{
		{"12 megapixels of noise", noisy(4000, 3000)},
		{"finder patterns of two pixels a module", patterned(2000, 1500, 2)},
		{"finder patterns of five pixels a module", patterned(2000, 1500, 5)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			_, err := photo.Read(ctx, jpegOf(t, tt.img, 20))
			if code := fault.CodeOf(err); code != "no-code" && code != "picture-slow" {
				t.Errorf("got %v", err)
			}
			if ctx.Err() != nil {
				t.Error("the search outlived its caller")
			}
		})
	}
}

func TestEndsWithItsContext(t *testing.T) {
	t.Parallel()
	data := sample(t, "page.png")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := photo.Read(gone, data); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if _, err := photo.Read(late, data); !errors.Is(err, context.DeadlineExceeded) || fault.KindOf(err) != fault.Unknown {
		t.Errorf("past its deadline: %v", err)
	}
	if _, err := photo.ReadWithin(t.Context(), data, 0); fault.CodeOf(err) != "picture-slow" {
		t.Errorf("without time: %v", err)
	}
	// Ended in the middle of the search.
	soon, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := photo.ReadWithin(soon, jpegOf(t, noisy(3000, 2000), 20), time.Hour); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while searching: %v", err)
	}
}

// Many large pictures at once are more than the memory for them: they wait for each other, and all are read.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	symbol, text := payment(t, 3)
	s := blank(3, 4000, 3000)
	s.draw(flat(symbol, text, 2000, 1500, 20, 0.2))
	data := s.jpeg(t, 60)
	results := make(chan error)
	const pictures = 8
	for range pictures {
		go func() {
			found, err := patient(t, data)
			if err == nil && !slices.Equal(textsOf(found), []string{text}) {
				err = fmt.Errorf("found %q", textsOf(found))
			}
			results <- err
		}()
	}
	for range pictures {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// FuzzRead: any bytes give codes with text or a fault. Its time is short: the decoders, not the search, are what bytes can upset.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"lossy.webp", "lossless.webp", "transparent.webp", "animated.webp", "progressive.jpg", "cmyk.jpg"} {
		f.Add(sample(f, name))
	}
	symbol, _ := payment(f, 1)
	small, err := symbol.PNG(2)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(small)
	f.Add(withExif(sample(f, "progressive.jpg"), exif(binary.LittleEndian, 6)))
	f.Add(pngHead(60_000, 60_000, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := photo.ReadWithin(t.Context(), data, 20*time.Millisecond)
		if err != nil && fault.KindOf(err) == fault.Unknown {
			t.Fatal(err)
		}
		if err == nil && (len(found) == 0 || len(found) > photo.MaxCodes) {
			t.Fatalf("%d codes and no fault", len(found))
		}
		for _, c := range found {
			if c.Text == "" {
				t.Fatal("a code without text")
			}
		}
	})
}

// FuzzOrientation: any bytes have an orientation that there is.
func FuzzOrientation(f *testing.F) {
	start := []byte{0xFF, 0xD8}
	f.Add(start)
	f.Add(withExif(start, exif(binary.BigEndian, 6)))
	f.Add(withExif(start, exif(binary.LittleEndian, 8)))
	f.Add(append(withExif(start, exif(binary.LittleEndian, 1)), 0xFF, 0xFF, 0xFF))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, whole := range [][]byte{data, withExif(start, append([]byte("Exif\x00\x00"), data[:min(len(data), 60_000)]...))} {
			if v := photo.JPEGTurn(whole); v < 1 || v > 8 {
				t.Fatalf("turn %d", v)
			}
		}
	})
}
