package printing

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestStickersRefuse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		change      func(m *Measures)
		field, code string
	}{
		{"paper that is not known", func(m *Measures) { m.Paper = "letter" }, "paper", "unknown"},
		{"no columns", func(m *Measures) { m.Columns = 0 }, "columns", "range"},
		{"too many rows", func(m *Measures) { m.Rows = 21 }, "rows", "range"},
		{"a negative edge", func(m *Measures) { m.Left = -1 }, "left", "range"},
		{"an edge of no number", func(m *Measures) { m.Top = math.NaN() }, "top", "range"},
		{"a width without end", func(m *Measures) { m.Width = math.Inf(1) }, "width", "range"},
		{"a height of nothing", func(m *Measures) { m.Height = 0 }, "height", "range"},
		{"stickers that overlap", func(m *Measures) { m.GapX = -2 }, "gap_x", "range"},
		{"a gap of no number", func(m *Measures) { m.GapY = math.NaN() }, "gap_y", "range"},
		{"one column too many", func(m *Measures) { m.Columns = 3 }, "columns", "no-room"},
		{"one row too many", func(m *Measures) { m.Rows = 5 }, "rows", "no-room"},
		{"one alone too broad", func(m *Measures) { m.Columns, m.Left, m.Width = 1, 20, 200 }, "width", "no-room"},
		{"one alone too high", func(m *Measures) { m.Rows, m.Top, m.Height = 1, 20, 290 }, "height", "no-room"},
		{"stickers too low for a code", func(m *Measures) { m.Height = 30 }, "height", "too-small"},
		{"stickers too narrow for a code", func(m *Measures) { m.Width = 30 }, "width", "too-small"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := boxed["eight"]
			tt.change(&m)
			s, err := Stickers("mine", m)
			var bad *FieldError
			if !errors.As(err, &bad) || bad.Field != tt.field || bad.Code != tt.code || s.PerPage() != 0 {
				t.Fatalf("Stickers = %s, %v, want %s %s", s.Name(), err, tt.field, tt.code)
			}
			if strings.Contains(bad.Detail.String(), "%!") {
				t.Errorf("detail = %q", bad.Detail)
			}
		})
	}
	if _, err := Stickers("", boxed["eight"]); err == nil {
		t.Error("stickers without a name are made")
	}
}

func TestStickersChooseTheirDesign(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a6-stickers": "card", "upright": "card", "eight": "tag", "fourteen": "tag",
		"twenty-four": "label", "square": "label", "small-square": "label", "small-upright": "label",
	} {
		t.Run(name, func(t *testing.T) {
			m := boxed[name]
			s, err := Stickers(name, m)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimPrefix(fmt.Sprintf("%T", s.panels[0].design), "*printing."); got != want {
				t.Errorf("%v by %v mm shows a %s, want a %s", m.Width, m.Height, got, want)
			}
			if s.PerPage() != m.Columns*m.Rows || s.Name() != name {
				t.Errorf("%s has %d cells", s.Name(), s.PerPage())
			}
			if cuts := s.cuts(func(int) bool { return true }); len(cuts) > 0 {
				t.Errorf("stickers are cut at %v", cuts)
			}
		})
	}
}

// Whatever is measured, a sheet of stickers takes an ordinary placard, in type that can be read.
func TestAnyStickersAreReadable(t *testing.T) {
	t.Parallel()
	p := plain(t)
	made := 0
	rapid.Check(t, func(rt *rapid.T) {
		mm := func(name string, most int) float64 { return float64(rapid.IntRange(0, 10*most).Draw(rt, name)) / 10 }
		m := Measures{Paper: "a4", Columns: rapid.IntRange(1, 4).Draw(rt, "columns"), Rows: rapid.IntRange(1, 7).Draw(rt, "rows"),
			Left: mm("left", 20), Top: mm("top", 20), GapX: mm("gap x", 3), GapY: mm("gap y", 3)}
		m.Width = (210-m.Left)/float64(m.Columns) - m.GapX - mm("narrower", 20)
		m.Height = (297-m.Top)/float64(m.Rows) - m.GapY - mm("lower", 20)
		s, err := Stickers("any", m)
		var bad *FieldError
		if err != nil {
			if !errors.As(err, &bad) {
				rt.Fatalf("Stickers = %v, want a *FieldError", err)
			}
			return
		}
		made++
		panels, err := s.lay(&p, Theme{})
		if err != nil {
			rt.Fatalf("no room for an ordinary placard: %v", err)
		}
		at, l := s.panels[0].at, panels[0]
		if side := float64(l.code.dots) * mmPerDot; side < LeastModule {
			rt.Errorf("modules of %.2f mm", side)
		}
		quiet := l.code.quiet(p.Code.Size()) / 2
		zone := area{l.code.x - quiet, l.code.y - quiet, l.code.x + quiet, l.code.y + quiet}.on(at)
		if zone.x1 < labelEdge-0.05 || zone.y1 < labelEdge-0.05 || zone.x2 > m.Width-labelEdge+0.05 || zone.y2 > m.Height-labelEdge+0.05 {
			rt.Errorf("the quiet zone %v leaves a sticker of %v by %v", zone, m.Width, m.Height)
		}
		for _, line := range l.texts {
			ink := line.ink().on(s.at(0)).on(at)
			if line.size < LeastType || ink.x1 < paperClear-0.05 || ink.y1 < paperClear-0.05 {
				rt.Errorf("%q of %.1f mm at %v", line.say, line.size, ink)
			}
		}
	})
	if made == 0 {
		t.Error("no stickers were made")
	}
}
