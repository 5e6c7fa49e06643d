package printing

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// Paper that is turned over its long edge has each back behind its front, to the edge.
func TestBacksLieBehindTheirFronts(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a6x4", "a5x2", "a4x1"} {
		s := sheetOf(t, name)
		for n := range s.PerPage() {
			t.Run(fmt.Sprintf("%s, cell %d", name, n), func(t *testing.T) {
				card := area{0, 0, s.back.card.w, s.back.card.h}
				front, back := card.on(s.at(n)), card.on(s.behind(s.at(n)))
				want := area{s.width - front.x2, front.y1, s.width - front.x1, front.y2}
				if s.width > s.height {
					want = area{front.x1, s.height - front.y2, front.x2, s.height - front.y1}
				}
				if fmt.Sprintf("%.3f", back) != fmt.Sprintf("%.3f", want) {
					t.Errorf("the back of %v lies at %v, want %v", front, back, want)
				}
			})
		}
	}
}

func TestBacksFollowTheirPages(t *testing.T) {
	t.Parallel()
	placards := []Placard{plain(t), plain(t), plain(t)}
	for i := range placards {
		placards[i].Helper, placards[i].Helped = []string{"Lê An", "Võ Bình", "Đỗ Chi"}[i], "22/11/2026"
	}
	for _, tt := range []struct {
		sheet        string
		skip, copies int
		want         []string // the helpers on each page, as far as it shows any
	}{
		{"a6x4", 0, 1, []string{"", "Lê An, Võ Bình, Đỗ Chi"}},
		{"a6x4", 3, 1, []string{"", "Lê An", "", "Võ Bình, Đỗ Chi"}},
		{"a5x2", 0, 1, []string{"", "Lê An, Võ Bình", "", "Đỗ Chi"}},
		{"a4x1", 0, 2, []string{"", "Lê An", "", "Lê An", "", "Võ Bình", "", "Võ Bình", "", "Đỗ Chi", "", "Đỗ Chi"}},
	} {
		t.Run(fmt.Sprintf("%d of each on %s after %d cells", tt.copies, tt.sheet, tt.skip), func(t *testing.T) {
			t.Parallel()
			p := Print{Sheet: sheetOf(t, tt.sheet), Skip: tt.skip, Copies: tt.copies, Back: true, CutMarks: true, Made: made}
			whole := printed(t, p, placards...)
			if !bytes.Contains(whole, []byte("/Duplex /DuplexFlipLongEdge")) {
				t.Error("viewers are not told how to turn the paper")
			}
			path := file(t, "sheet.pdf", whole)
			var got []string
			for page := range len(tt.want) {
				n := fmt.Sprint(page + 1)
				said := strings.Join(strings.Fields(string(tool(t, "poppler-utils", "pdftotext", "-f", n, "-l", n, path, "-"))), " ")
				var helpers []string
				for _, p := range placards {
					if strings.Contains(said, "Người giúp: "+p.Helper) {
						helpers = append(helpers, p.Helper)
					}
				}
				got = append(got, strings.Join(helpers, ", "))
				if front := strings.Contains(said, "LY MINH TAM"); front != (page%2 == 0) {
					t.Errorf("page %s is a front: %v", n, front)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("pages show %q, want %q", got, tt.want)
			}
		})
	}
}

// A card that has room on its front has room on its back, unless its helper's name is the fault.
func TestBacksHaveRoom(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, helper, helped string
		field                string // empty: there is room
	}{
		{"nobody helped", "", "", ""},
		{"a name", "Trần Thị Bích Ngọc", "", ""},
		{"a day", "", "22/11/2026", ""},
		{"a long name and a day", "Đoàn phường Vị Thanh, chị Phương Thảo", "22/11/2026", ""},
		{"a name too long", strings.Repeat("Nguyễn Thị ", 12) + "Bé", "", "helper"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, name := range []string{"a6x4", "a5x2", "a4x1"} {
				s := sheetOf(t, name)
				for _, theme := range []Theme{{}, indigo()} {
					for _, p := range fitting(t, s) {
						if (Print{Sheet: s, Theme: theme}).Check(p) != nil {
							continue // the front has no room for this logo
						}
						p.Helper, p.Helped = tt.helper, tt.helped
						_, back, err := Print{Sheet: s, Theme: theme, Back: true}.lay(&p)
						if got, _ := err.(*FieldError); (tt.field == "") != (err == nil) || got != nil && got.Field != tt.field {
							t.Fatalf("%s: the back of %s gives %v, want a fault of %q", name, p.Holder, err, tt.field)
						}
						if all := said([]layout{back}); tt.field == "" && !strings.Contains(all, tt.helper) {
							t.Errorf("%s: the back says %q", name, all)
						}
					}
				}
			}
		})
	}
}

func TestBacksStayClear(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a6x4", "a5x2", "a4x1"} {
		s := sheetOf(t, name)
		for _, p := range fitting(t, s) {
			p.Helper, p.Helped = "Trần Thị Bích Ngọc", "22/11/2026"
			_, back, err := Print{Sheet: s, Back: true}.lay(&p)
			if err != nil {
				t.Fatal(err)
			}
			for i, line := range back.texts {
				ink := line.ink()
				if card := s.back.card; ink.x1 < 5 || ink.y1 < 5 || ink.x2 > card.w-5 || ink.y2 > card.h-4.75 {
					t.Errorf("%s: %q reaches %v", name, line.say, ink)
				}
				for _, other := range back.texts[:i] {
					if ink.meets(other.ink()) {
						t.Errorf("%s: %q at %v meets %q at %v", name, line.say, ink, other.say, other.ink())
					}
				}
			}
		}
	}
}
