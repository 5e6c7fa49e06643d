package web_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// guidePictures are what the guides show: a page as a role sees it, from an element of it on.
var guidePictures = []struct{ name, as, path, from string }{
	{"market", "manager", "/markets/NEAR", "h1"},
	{"import", "manager", "/imports/$import", "h1"},
	{"approvals", "manager", "/markets/NEAR/approvals", "h1"},
	{"print", "manager", "/markets/NEAR/print", "h1"},
	{"team", "leader", "/teams/T1", "h1"},
	{"incidents", "leader", "/markets/NEAR/incidents", "h1"},
	{"coverage", "officer", "/coverage?area=92", "h1"},
	{"targets", "officer", "/targets?market=NEAR", "h1"},
	{"partner", "partner", "/markets/NEAR", "h1"},
	{"people", "admin", "/people", "h1"},
	{"keys", "admin", "/keys", "h1"},
}

// Every guide shows what is there, in both languages and on both doors; with CHO40_GUIDE set its pictures are taken anew (make guide).
func TestGuidePictures(t *testing.T) {
	t.Parallel()
	if os.Getenv("CHO40_GUIDE") == "" {
		files, err := filepath.Glob("static/guide/*.webp")
		if err != nil || len(files) == 0 {
			t.Fatal("no pictures", err)
		}
		texts, err := filepath.Glob("guide/*.md")
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, name := range texts {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(b)
		}
		for _, name := range files {
			if !strings.Contains(all.String(), "(../"+name+")") {
				t.Errorf("%s is shown by no guide", name)
			}
			if f, err := os.Stat(name); err != nil || f.Size() > 40<<10 {
				t.Errorf("%s is no small picture: %v", name, err)
			}
		}
		return
	}
	g := newGallery(t, nil)
	g.exec(`UPDATE people SET name = (ARRAY['Lê Thị Hạnh', 'Trần Minh Khoa', 'Danh Thị Sáu', 'Phan Văn Tám', 'Lý Thị Mai', 'Thạch Sơn', 'Hồ Quốc Việt', 'Kim Ngọc Ánh', 'Đỗ Văn Lộc', 'Võ Thị Bảy'])[n] FROM
		(SELECT id, row_number() OVER (ORDER BY id) AS n FROM people WHERE name LIKE 'Person%') p WHERE people.id = p.id AND n <= 10`) // they are not asked for by name below
	v := g.visitor(t, 390, 560)
	take := func(name, from string) {
		t.Helper()
		top := eval[float64](v.tab, `Math.max(0, (document.querySelector("`+from+`")?.getBoundingClientRect().top ?? 0) + scrollY - 4)`)
		quality := int64(55)
		shot := call(v.tab, cdpage.CaptureScreenshot, cdpage.CaptureScreenshotParams{Format: cdpage.CaptureScreenshotFormatWebp, Quality: &quality, CaptureBeyondViewport: new(true),
			Clip: &cdpage.Viewport{Y: top, Width: 390, Height: 560, Scale: 1}})
		if err := os.WriteFile(filepath.Join("static", "guide", name+".webp"), shot.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, lang := range []string{"vi", "en"} {
		v.prefers(lang, "light")
		for _, p := range guidePictures {
			v.opens(sight{as: p.as, path: p.path})
			take(p.name+"."+lang, p.from)
		}
	}
	p := &phone{v.tab, t}
	v.is("")
	p.begins("sau")
	for _, lang := range []string{"vi", "en"} {
		js[bool](p, outbox+`await store.put("meta", "`+lang+`", "lang"); return true`)
		p.do("begin anew", chromedp.Reload())
		p.opens()
		for name, hash := range map[string]string{"app-route": "#/", "app-stall": "#/s/NEAR/" + g.vars["next"]} {
			p.at(hash, "main > .stack")
			take(name+"."+lang, "header")
		}
	}
}
