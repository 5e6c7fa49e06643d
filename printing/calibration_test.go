package printing

import (
	"bytes"
	"errors"
	"image"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCalibrationRefuses(t *testing.T) {
	t.Parallel()
	s := sheetOf(t, "a6x4")
	for _, tt := range []struct {
		name  string
		sheet Sheet
		o     Offset
		made  time.Time
		field string // empty: a plain error
	}{
		{"no sheet", Sheet{}, Offset{}, made, ""},
		{"no date", s, Offset{}, time.Time{}, ""},
		{"too far to the left", s, Offset{Right: -10.5}, made, "right"},
		{"down without end", s, Offset{Down: math.Inf(1)}, made, "down"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			err := Calibration(&out, tt.sheet, tt.o, tt.made)
			var bad *FieldError
			if errors.As(err, &bad) != (tt.field != "") || bad != nil && bad.Field != tt.field || err == nil || out.Len() > 0 {
				t.Errorf("Calibration = %v after %d bytes, want a fault of %q and none", err, out.Len(), tt.field)
			}
		})
	}
	r, w := io.Pipe()
	full := errors.New("disk full")
	r.CloseWithError(full)
	if err := Calibration(w, s, Offset{}, made); !errors.Is(err, full) {
		t.Errorf("Calibration = %v, want %v", err, full)
	}
}

// calibrated is a picture of the page.
func calibrated(t *testing.T, s Sheet, o Offset) *image.Gray {
	t.Helper()
	var out bytes.Buffer
	if err := Calibration(&out, s, o, made); err != nil {
		t.Fatal(err)
	}
	return raster(t, file(t, "page.pdf", out.Bytes()), 1, dotsPerInch)
}

// The level bar is 100 mm long, and moves with the offset; the scales do not, so that the number read is the whole offset.
func TestCalibrationMovesAllButTheScales(t *testing.T) {
	t.Parallel()
	s := sheetOf(t, "a6x4")
	dot := func(mm float64) int { return int(math.Round(mm / mmPerDot)) }
	// row is the first and the last dark dot of a line of the page.
	row := func(g *image.Gray, mm, from, to float64) (first, last int) {
		first = -1
		for x := dot(from); x < dot(to); x++ {
			if g.GrayAt(x, dot(mm)).Y < 128 {
				if first < 0 {
					first = x
				}
				last = x
			}
		}
		return first, last
	}
	const bar, right, down = 148.5 - 35, 25 * mmPerDot, 12 * mmPerDot
	still, moved := calibrated(t, s, Offset{}), calibrated(t, s, Offset{Right: right, Down: down})
	a, b := row(still, bar, 40, 170)
	if length := float64(b-a) * mmPerDot; math.Abs(length-barLength) > 0.5 {
		t.Errorf("the bar is %.2f mm long, want %d and the breadth of its ends", length, barLength)
	}
	c, d := row(moved, bar+down, 40, 170)
	if c-a != 25 || d-b != 25 {
		t.Errorf("the bar moved by %d and %d dots, want 25", c-a, d-b)
	}
	// At this height only the scale's marks at 5 and 10 are dark.
	a, b = row(still, 148.5-1.8, 108, 118)
	c, d = row(moved, 148.5-1.8, 108, 118)
	if a < dot(109.8) || b > dot(115.2) || abs(c-a) > 1 || abs(d-b) > 1 {
		t.Errorf("the scale's marks lie at dots %d to %d, and at %d to %d on a page that is moved", a, b, c, d)
	}
}

func TestCalibrationOfEverySheet(t *testing.T) {
	t.Parallel()
	for _, s := range every(t) {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			o := Offset{Right: 1.5, Down: -0.5}
			first, err := calibrate(s, o, made, false)
			if err != nil {
				t.Fatal(err)
			}
			again, err := calibrate(s, o, made, false)
			if err != nil || !bytes.Equal(first, again) {
				t.Errorf("the same page gave other bytes (%v)", err)
			}
			path := file(t, "page.pdf", first)
			got := squeeze(string(tool(t, "poppler-utils", "pdftotext", "-raw", path, "-")))
			for _, want := range []string{"Khổ " + s.Name() + ". Trang này đã chỉnh: sang phải 1,5 mm, xuống dưới -0,5 mm.",
				"Applied to this page: right 1.5 mm, down -0.5 mm.", "100 mm", calibration.end[0], calibration.end[1]} {
				if !strings.Contains(got, squeeze(want)) {
					t.Errorf("the page does not say %q:\n%s", want, got)
				}
			}
		})
	}
}

func TestGoldenCalibration(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a6x4", "a5x2"} {
		file, err := calibrate(sheetOf(t, name), Offset{Right: 0.5}, made, false)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, filepath.Join("testdata", "calibration-"+name+".golden"), readable(file))
	}
}

func TestCalibrationCanBeDrawn(t *testing.T) {
	t.Parallel()
	w := calibration
	for _, pair := range [][2]string{w.title, w.applied, w.measure, w.fold, w.read, w.end, w.left, w.right, w.up, w.down} {
		for _, say := range pair {
			if code, detail := printable(say); code != "" {
				t.Errorf("%q: %s %s", say, code, detail)
			}
		}
	}
}
