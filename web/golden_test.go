package web_test

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"cho40/web/lang"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// mainPaths are what each role does most, in the order in which it is done: who, the picture's name, and the page. A page is reached as a person
// reaches it, by a link of a page before it on the path.
var mainPaths = []struct {
	as    string
	pages []golden
}{
	{"manager", []golden{
		{"board-1-home", "/"}, {"board-2-market", "/markets/NEAR"}, {"board-3-stall", "/markets/NEAR/stalls/$hung"}, {"board-4-import", "/markets/NEAR/import"}, {"board-5-rows", "/imports/$import"},
		{"board-6-approvals", "/markets/NEAR/approvals"}, {"board-7-print", "/markets/NEAR/print"}, {"board-8-export", "/markets/NEAR/exports"},
	}},
	{"officer everywhere", []golden{{"officer-1-country", "/coverage"}}},
	{"officer", []golden{
		{"officer-2-province", "/coverage?area=92"}, {"officer-3-commune", "/coverage?area=31321"}, {"officer-4-market", "/coverage?market=NEAR"}, {"officer-5-targets", "/targets?market=NEAR"},
		{"officer-6-campaigns", "/campaigns?market=NEAR"}, {"officer-7-figures", "/figures?market=NEAR"},
		{"officer-8-barriers", "/markets/NEAR"},
	}},
	{"partner", []golden{{"partner-1-home", "/"}, {"partner-2-market", "/markets/NEAR"}, {"partner-3-coverage", "/coverage?market=NEAR"}}},
	{"", []golden{{"public-1-check", "/v/$serial"}, {"public-2-vendors", "/guide/vendor"}}},
}

// golden is a picture that is kept, and the page it is of.
type golden struct{ name, path string }

// screen is a size of a golden page in CSS pixels: how wide, and how much is kept of a page and of a screen of the app.
type screen struct {
	name               string
	width, height, app int64
	touch              bool
}

var goldenScreens = []screen{{"phone", 360, 2400, 1600, true}, {"desktop", 1280, 1600, 1300, false}}

// painter is a visitor who takes golden pages in a language.
type painter struct {
	*visitor
	lang string
	down *atomic.Bool // there is no signal
}

// stopped stands a page's clock still at a moment.
const stopped = `(() => {
	const real = Date, at = %d;
	globalThis.Date = class extends real { constructor(...a) { a.length ? super(...a) : super(at); } static now() { return at; } };
})()`

// settled makes a page the same each time: what is drawn at random is written over, nothing blinks, and fonts and pictures are there. It says
// whether the service's own fonts are what is seen: where they came late, the browser goes on without them.
const settled = `(async () => {
	const walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT), serial = /\b[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{3}\b/g;
	for (let n; n = walk.nextNode();) if (n.data.match(serial)) n.data = n.data.replace(serial, "7K3M-9QXW-2DC");
	document.activeElement?.blur();
	document.getElementById("toast")?.replaceChildren();
	document.querySelectorAll(".strip").forEach(e => e.remove());
	scrollTo(0, 0);
	await document.fonts.ready;
	await Promise.all([...document.images].map(i => (i.loading = "eager", i.decode().catch(() => {}))));
	const sheet = document.querySelector("#preview:not([hidden])")?.getBoundingClientRect();
	for (const at of sheet ? [0.444, 0.944] : []) { // the serials in the picture of the first sheet
		const strip = document.body.appendChild(document.createElement("div"));
		strip.className = "strip";
		Object.assign(strip.style, {position: "absolute", background: "#fff", left: sheet.left + "px", width: sheet.width + "px", top: sheet.top + sheet.height * at + "px", height: sheet.height * 0.04 + "px"});
	}
	await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)));
	const s = document.body.appendChild(document.createElement("span"));
	s.textContent = "0123456789"; s.style.position = "absolute";
	const wide = font => { s.style.font = font; return s.getBoundingClientRect().width; };
	const seen = [...document.fonts].filter(f => f.status === "loaded").every(f => wide(f.weight + " 40px " + JSON.stringify(f.family.replaceAll('"', "")) + ", monospace") !== wide(f.weight + " 40px monospace"));
	s.remove();
	return seen;
})()`

// The main path of each role, in both languages, on a phone and at a desk, as it is kept in testdata/golden and was looked at: no block of a page
// moves, vanishes, changes its colour or lies over another without somebody seeing it. make golden takes the pictures anew.
func TestGoldenPagesInABrowser(t *testing.T) {
	t.Parallel()
	g := newGallery(t, nil)
	g.christen()
	g.as("officer everywhere")
	t.Run("pages", func(t *testing.T) {
		for _, l := range []string{"vi", "en"} {
			t.Run(l, func(t *testing.T) {
				t.Parallel()
				v := g.painter(t, l)
				for _, path := range mainPaths {
					links := map[string]bool{}
					for i, page := range path.pages {
						if to := g.expand(page.path); i > 0 && !links[to] {
							t.Errorf("%s: no page before it leads to %s", page.name, to)
						}
						v.opens(sight{as: path.as, path: page.path})
						for _, to := range eval[[]string](v.tab, `[...document.querySelectorAll("a[href]")].map(a => a.getAttribute("href").split("#")[0])`) {
							links[to] = true
						}
						v.paint(page.name, func() { v.opens(sight{as: path.as, path: page.path}) })
						v.speaks(page.name)
					}
				}
			})
		}
	})
	t.Run("app", func(t *testing.T) {
		var painted sync.WaitGroup // what one sends, the other's list would show
		for _, l := range []string{"vi", "en"} {
			painted.Add(1)
			t.Run(l, func(t *testing.T) {
				t.Parallel()
				done := sync.OnceFunc(painted.Done)
				defer done()
				v := g.painter(t, l)
				p := &phone{v.tab, t}
				p.begins("sau")
				js[bool](p, outbox+fmt.Sprintf(`await store.put("meta", %q, "lang"); return true`, l))
				p.do("begin anew", chromedp.Reload())
				p.opens()
				paint := func(name string) {
					v.paint(name, func() { p.do("begin anew", chromedp.Reload()); p.opens() })
					v.speaks(name)
				}
				p.until("the list is fresh", `/Đã gửi hết|All sent/.test(document.getElementById("line").innerText)`)
				paint("app-1-route")
				v.down.Store(true)
				p.taps(fmt.Sprintf(`.stops a[href="#/s/NEAR/%s"]`, g.vars["next"]))
				p.until("the stall", `document.querySelector(".tap-step")`)
				paint("app-2-stall")
				p.taps("[data-code=helped]")
				p.taps("[data-code=scam_fear]")
				paint("app-3-visit")
				p.taps("[data-save=visit]")
				p.until("on to the next stall", fmt.Sprintf(`!location.hash.endsWith(%q)`, g.vars["next"]))
				p.at("#/s/NEAR/"+g.vars["hung"]+"/check", "[data-scan=check]")
				p.taps("[data-scan=check]")
				p.scans(g.vars["payload"])
				p.until("the result is there", `document.querySelector("[data-result=match]")`)
				paint("app-4-result")
				p.at("#/outbox", ".items li")
				paint("app-5-outbox")
				done()
				painted.Wait()
				v.down.Store(false)
				eval[bool](v.tab, `dispatchEvent(new Event("online"))`)
				p.until("it is sent", `!document.querySelector("#line.offline:not(.calm)")`)
			})
		}
	})
}

// christen gives the people of the tests names that people have.
func (g *gallery) christen() {
	g.t.Helper()
	for role, name := range map[string]string{"clerk": "Lê Thị Hạnh", "manager": "Trần Minh Khoa", "volunteer": "Danh Thị Sáu", "leader": "Phan Văn Tám", "officer": "Lý Thị Mai", "partner": "Thạch Sơn",
		"auditor everywhere": "Hồ Quốc Việt", "admin": "Kim Ngọc Ánh", "officer everywhere": "Đỗ Văn Lộc", "manager bringing in": "Võ Thị Bảy", "manager checking": "Ngô Văn Đực", "officer approving": "Bùi Thị Chín"} {
		g.as(role)
		g.exec(`UPDATE people SET name = $1 WHERE name = $2`, name, "Person "+role)
	}
}

func (g *gallery) painter(t *testing.T, l string) painter {
	t.Helper()
	still := *g
	var down atomic.Bool
	still.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // of which the clock stands still
		if down.Load() {
			hangUp(w)
			return
		}
		g.h.ServeHTTP(w, r)
	}))
	t.Cleanup(still.server.Close)
	v := still.visitor(t, goldenScreens[0].width, goldenScreens[0].height, chromedp.Env("LANGUAGE=en", "LC_ALL=C.UTF-8"), chromedp.Flag("accept-lang", l), // what the browser writes itself is English everywhere
		chromedp.Flag("font-render-hinting", "none"), chromedp.Flag("disable-lcd-text", true), chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("hide-scrollbars", true))
	call(v.tab, fetch.Disable, cdp.Empty{})                                                     // here nobody looks whether a page moves
	call(v.tab, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: false}) // fonts that came late the first time are there the second
	v.prefers(l, "light")
	call(v.tab, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Ho_Chi_Minh"})
	call(v.tab, cdpage.AddScriptToEvaluateOnNewDocument, cdpage.AddScriptToEvaluateOnNewDocumentParams{Source: fmt.Sprintf(stopped, g.clock.now().UnixMilli())})
	return painter{v, l, &down}
}

// paint takes the page as it stands, on each screen, and holds it to what is kept. again brings the page back.
func (v painter) paint(name string, again func()) {
	v.t.Helper()
	for _, s := range goldenScreens {
		height := s.height
		if strings.HasPrefix(name, "app-") {
			height = s.app
		}
		options := []chromedp.EmulateViewportOption{chromedp.EmulateScale(0.5)}
		if s.touch {
			options = append(options, chromedp.EmulateTouch)
		}
		v.do("another size", chromedp.EmulateViewport(s.width, height, options...))
		for tries := 0; ; tries++ {
			seen, err := run(v.tab, chromedp.Evaluate[bool](settled, chromedp.EvalAwaitPromise))
			if err != nil {
				v.t.Fatalf("%s: %v", name, err)
			}
			if seen {
				break
			}
			if tries == 5 {
				v.t.Fatalf("%s: the fonts do not come", name)
			}
			again()
		}
		shot := call(v.tab, cdpage.CaptureScreenshot, cdpage.CaptureScreenshotParams{Format: cdpage.CaptureScreenshotFormatPng, OptimizeForSpeed: new(true)})
		v.holds(fmt.Sprintf("%s.%s.%s.png", name, s.name, v.lang), shot.Data)
	}
}

// holds compares a picture with the one that is kept, or keeps it.
func (v painter) holds(name string, data []byte) {
	v.t.Helper()
	got, err := pixels(data)
	if err != nil {
		v.t.Fatalf("%s: %v", name, err)
	}
	file := filepath.Join("testdata", "golden", name)
	if os.Getenv("CHO40_GOLDEN") != "" {
		write(v.t, file, fewColours(got))
		return
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		v.t.Errorf("%s is not kept yet: make golden", name)
		return
	}
	want, err := pixels(kept)
	if err != nil {
		v.t.Fatalf("%s: %v", name, err)
	}
	if found := differ(want, got); found != nil {
		seen := filepath.Join(newPictures(), name)
		write(v.t, seen, marked(want, got, found))
		v.t.Errorf("%s: the page differs from what is kept, in %d of its blocks, the first at %v (CSS pixels). Look at %s: as kept, as it is, and where. If it is meant to be so: make golden, look at the pictures, commit them.",
			file, len(found), found[0].Min.Mul(2), seen)
	}
}

// newPictures is the folder for what differs.
var newPictures = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "cho40-golden-")
	if err != nil {
		panic(err) // no place to write to
	}
	return dir
})

func write(t testing.TB, file string, m image.Image) {
	t.Helper()
	var b bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, m)
	if err == nil {
		err = os.WriteFile(file, b.Bytes(), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func pixels(data []byte) (*image.RGBA, error) {
	m, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	out := image.NewRGBA(image.Rect(0, 0, m.Bounds().Dx(), m.Bounds().Dy()))
	draw.Draw(out, out.Bounds(), m, m.Bounds().Min, draw.Src)
	return out, nil
}

// What a page may differ in by itself: found by trying. Taken again nothing differs by 8; letters with another hinting neither; a chip that is
// missing differs by more than 16 in 8 blocks, a button's other outline in 5, a gap of 8 px more in 57.
const (
	block     = 8  // pixels of the picture on a side, 16 of the page
	tolerance = 16 // of 255, in the mean of red, green or blue
	allowed   = 3  // blocks of a picture
)

// differ gives the blocks whose mean colour is another, when they are more than may happen by themselves: letters that are drawn a little otherwise.
func differ(want, got *image.RGBA) (blocks []image.Rectangle) {
	if want.Bounds() != got.Bounds() {
		return []image.Rectangle{got.Bounds()}
	}
	for y := 0; y < want.Rect.Max.Y; y += block {
		for x := 0; x < want.Rect.Max.X; x += block {
			r := image.Rect(x, y, x+block, y+block).Intersect(want.Rect)
			a, b := mean(want, r), mean(got, r)
			for i := range a {
				if max(a[i], b[i])-min(a[i], b[i]) > tolerance {
					blocks = append(blocks, r)
					break
				}
			}
		}
	}
	if len(blocks) <= allowed {
		return nil
	}
	return blocks
}

// mean is a block's red, green and blue.
func mean(m *image.RGBA, r image.Rectangle) (c [3]int) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := m.Pix[m.PixOffset(r.Min.X, y):m.PixOffset(r.Max.X, y)]
		for i := 0; i < len(row); i += 4 {
			c[0], c[1], c[2] = c[0]+int(row[i]), c[1]+int(row[i+1]), c[2]+int(row[i+2])
		}
	}
	for i := range c {
		c[i] /= r.Dx() * r.Dy()
	}
	return c
}

// marked are two pictures side by side, with frames around what differs in the second.
func marked(want, got *image.RGBA, blocks []image.Rectangle) image.Image {
	right := image.Pt(want.Rect.Max.X+block, 0)
	m := image.NewRGBA(image.Rect(0, 0, right.X+got.Rect.Max.X, max(want.Rect.Max.Y, got.Rect.Max.Y)))
	draw.Draw(m, want.Rect, want, image.Point{}, draw.Src)
	draw.Draw(m, got.Rect.Add(right), got, image.Point{}, draw.Src)
	for _, r := range blocks {
		draw.Draw(m, r.Add(right), image.NewUniform(color.RGBA{R: 160, B: 160, A: 120}), image.Point{}, draw.Over)
	}
	return m
}

// fewColours is a picture in 64 of its colours, a third of the size: each time the one that is most missed.
func fewColours(m *image.RGBA) image.Image {
	count := map[color.RGBA]int{}
	for i := 0; i < len(m.Pix); i += 4 {
		count[color.RGBA{m.Pix[i], m.Pix[i+1], m.Pix[i+2], 255}]++
	}
	all := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(count[b]-count[a], int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B))
	})
	far := make([]float64, len(all)) // from the nearest that is taken
	for i := range far {
		far[i] = math.Inf(1)
	}
	few := color.Palette{}
	for next := 0; len(few) < min(len(all), 64); {
		taken, missed := all[next], -1.0
		few = append(few, taken)
		for i, c := range all {
			r, g, b := float64(c.R)-float64(taken.R), float64(c.G)-float64(taken.G), float64(c.B)-float64(taken.B)
			far[i] = min(far[i], r*r+g*g+b*b)
			if miss := far[i] * math.Sqrt(float64(count[c])); miss > missed {
				next, missed = i, miss
			}
		}
	}
	out := image.NewPaletted(m.Rect, few)
	nearest := map[color.RGBA]uint8{}
	for y := range m.Rect.Max.Y {
		for x := range m.Rect.Max.X {
			c := m.RGBAAt(x, y)
			i, ok := nearest[c]
			if !ok {
				i = uint8(few.Index(c))
				nearest[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	return out
}

var letters = regexp.MustCompile(`\p{L}{2}`)

// speaks looks for words of the other language: a text of the page that is a sentence of the catalogue, but not of this language.
func (v painter) speaks(name string) {
	v.t.Helper()
	for _, text := range eval[[]string](v.tab, `(() => {
		const all = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
		for (let n; n = walk.nextNode();) if (n.parentElement.closest("[lang]") === document.documentElement) all.push(n.data.trim()); // what is read aloud to a vendor stays as it is
		for (const e of document.querySelectorAll("[aria-label], [title], [placeholder], [alt]")) all.push(...["aria-label", "title", "placeholder", "alt"].map(a => e.getAttribute(a) ?? ""));
		return all;
	})()`) {
		if theirs[v.lang][text] && text != "Mới" { // a section of the market
			v.t.Errorf("%s.%s says %q", name, v.lang, text)
		}
	}
}

// theirs are the sentences that a page in a language does not say.
var theirs = func() map[string]map[string]bool {
	all := map[string]map[string]bool{"vi": {}, "en": {}}
	said := map[string]bool{}
	for _, vi := range lang.Vietnamese() {
		said[vi] = true
	}
	for en, vi := range lang.Vietnamese() {
		if en == vi || !letters.MatchString(en) {
			continue
		}
		if _, both := lang.Vietnamese()[vi]; !both {
			all["en"][vi] = true
		}
		if !said[en] {
			all["vi"][en] = true
		}
	}
	return all
}()
