package printing

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

// The pictures of docs/placards.md are what the program draws today, dot by dot.
func TestGallery(t *testing.T) {
	t.Parallel()
	const dots = 60 // an inch
	theme := Theme{Colour: "#274690", Tint: "#fcefc9", Board: "BQL chợ Hóc Môn"}
	sample := func(ps []Placard) []Placard {
		for i := range ps {
			ps[i].Mark = MarkSample
		}
		return ps
	}
	helped := sample(hard(t)[:4])
	for i := range helped {
		helped[i].Helper, helped[i].Helped = "Trần Thị Bích", "22/11/2026"
	}
	inKhmer := inKhmer(t, "a6x4")
	khmer := sample(hard(t)[:4])
	for i := range khmer {
		khmer[i].Languages = [2]Language{Vietnamese, Khmer}
	}
	stickers, err := Stickers("round", Measures{Paper: "a4", Columns: 3, Rows: 8, Top: 0.5, Width: 70, Height: 37})
	if err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]struct {
		p        Print
		placards []Placard
		page     int
	}{
		"a6x4":       {Print{Sheet: sheetOf(t, "a6x4"), CutMarks: true}, sample(hard(t)[:4]), 1},
		"a6x4-names": {Print{Sheet: sheetOf(t, "a6x4"), CutMarks: true, Theme: theme}, sample(hard(t)[4:8]), 1},
		"a6x4-khmer": {Print{Sheet: inKhmer}, khmer, 1},
		"a5x2":       {Print{Sheet: sheetOf(t, "a5x2"), CutMarks: true}, sample(hard(t)[1:3]), 1},
		"tent":       {Print{Sheet: sheetOf(t, "tent"), CutMarks: true}, sample(hard(t)[:2]), 1},
		"stand":      {Print{Sheet: sheetOf(t, "stand"), CutMarks: true}, sample(hard(t)[:2]), 1},
		"tag8":       {Print{Sheet: sheetOf(t, "tag8"), CutMarks: true}, sample(fitting(t, sheetOf(t, "tag8"))), 1},
		"stickers":   {Print{Sheet: stickers}, sample(fitting(t, stickers)), 1},
		"back":       {Print{Sheet: sheetOf(t, "a6x4"), Back: true}, helped, 2},
		"slip":       {Print{Sheet: slip, CutMarks: true}, sample(hard(t)[:4]), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			img, err := Preview(g.p, g.placards, g.page, dots)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("..", "docs", "pictures", "sheet-"+name+".png")
			if *update {
				var out bytes.Buffer
				if err := png.Encode(&out, img); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			file, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			want, err := png.Decode(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(grey(img).Pix, grey(toPaletted(t, want)).Pix) {
				t.Errorf("%s is not what is drawn today; run with -update and look at it", path)
			}
		})
	}
}

func toPaletted(t *testing.T, img image.Image) *image.Paletted {
	t.Helper()
	p, ok := img.(*image.Paletted)
	if !ok {
		t.Fatalf("a picture is %T, not paletted", img)
	}
	return p
}
