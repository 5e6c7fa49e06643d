package web_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/auth"
	registry "cho40/vendor_registry"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// tab is a page in a real browser.
type tab struct {
	t    testing.TB
	ctx  context.Context
	base string
	wide bool
}

// browse opens a profile of its own in a browser, width pixels wide: a phone's speaks Vietnamese, a desk's English, so that every walk is made
// in both. Tests share the browser: to start one takes longer than many a walk.
func browse(t testing.TB, base string, width, height int64) *tab {
	t.Helper()
	lang := "vi"
	if width > 1000 {
		lang = "en"
	}
	return browseIn(t, lang, base, width, height)
}

func browseIn(t testing.TB, lang, base string, width, height int64) *tab {
	t.Helper()
	in, err := shared[lang]()
	if err != nil {
		t.Fatalf("a browser is needed (Debian: apt-get install chromium): %v", err)
	}
	ctx, end := chromedp.NewContext(in, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	b := opened(t, ctx, base, width, height)
	call(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}) // whatever window is in front
	return b
}

// browseAlone starts a browser for one test. The app wants one: in a profile beside others a new version of its worker never takes over.
func browseAlone(t testing.TB, lang, base string, width, height int64, more ...chromedp.ExecAllocatorOption) *tab {
	t.Helper()
	ctx, stop, err := start(lang, more...)
	t.Cleanup(stop)
	if err != nil {
		t.Fatalf("a browser is needed (Debian: apt-get install chromium): %v", err)
	}
	return opened(t, ctx, base, width, height)
}

func opened(t testing.TB, ctx context.Context, base string, width, height int64) *tab {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height)); err != nil {
		t.Fatal(err)
	}
	return &tab{t: t, ctx: ctx, base: base, wide: width > 1000}
}

// shared are the browsers that tests share, by language.
var shared = map[string]func() (context.Context, error){
	"vi": sync.OnceValues(func() (context.Context, error) { return share("vi") }),
	"en": sync.OnceValues(func() (context.Context, error) { return share("en") }),
}

// stops end them.
var stops struct {
	sync.Mutex
	all []func()
}

func share(lang string) (context.Context, error) {
	ctx, stop, err := start(lang)
	stops.Lock()
	defer stops.Unlock()
	stops.all = append(stops.all, stop)
	return ctx, err
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, stop := range stops.all {
		stop()
	}
	os.Exit(code)
}

// start starts a browser.
func start(lang string, more ...chromedp.ExecAllocatorOption) (ctx context.Context, stop func(), err error) {
	// Without the background switches the browser looks for hosts of its maker at each start.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("accept-lang", lang))
	alloc, free := chromedp.NewExecAllocator(context.Background(), append(options, more...)...)
	ctx, end := chromedp.NewContext(alloc)
	return ctx, func() { end(); free() }, chromedp.Do(ctx)
}

// do runs steps, each of which must succeed within half a minute.
func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		html, _ := run(b, chromedp.OuterHTML(chromedp.CSS("body")))
		b.t.Fatalf("%s: %v\n%s", what, err, html)
	}
}

func run[T any](b *tab, a chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	return chromedp.Run(ctx, a)
}

func eval[T any](b *tab, script string) T {
	b.t.Helper()
	v, err := run(b, chromedp.Evaluate[T](script))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return v
}

// goes opens a page and looks it over: no part of it is wider than the screen, and nothing came from another host.
func (b *tab) goes(path string) {
	b.t.Helper()
	b.do("open "+path, chromedp.Navigate(b.base+path))
	b.looks(path)
}

func (b *tab) looks(what string) {
	b.t.Helper()
	if broken := eval[[]string](b, `[...document.querySelectorAll("main *")].filter(e => {
			const words = document.createRange();
			words.selectNodeContents(e);
			return !e.children.length && /^[−-]?\d[\d.,]*( %)?$/.test(e.textContent.trim()) && new Set([...words.getClientRects()].map(r => Math.round(r.top))).size > 1;
		}).map(e => e.outerHTML)`); len(broken) > 0 {
		b.t.Errorf("%s: numbers on more than one line: %q", what, broken)
	}
	if over := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
		b.t.Errorf("%s: %d px wider than the screen", what, over)
	}
	if far := eval[[]string](b, `performance.getEntriesByType("resource").map(e => e.name).filter(n => !n.startsWith(location.origin + "/"))`); len(far) > 0 {
		b.t.Errorf("%s: asks other hosts: %v", what, far)
	}
	b.keep(what)
}

// keep stores a picture of the page below CHO40_SCREENSHOTS, where that is set, for a person to look at.
func (b *tab) keep(what string) {
	dir := os.Getenv("CHO40_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := run(b, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	size := "phone"
	if b.wide {
		size = "desktop"
	}
	size += "-" + eval[string](b, `document.documentElement.lang`)
	name := strings.Trim(strings.NewReplacer("/", "-", "?", "-", " ", "-").Replace(what), "-")
	if err := os.WriteFile(filepath.Join(dir, size+"-"+name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// submits presses a button and waits for the page it leads to.
func (b *tab) submits(what, button string) {
	b.t.Helper()
	eval[bool](b, `document.body.classList.add("before") || true`)
	b.do(what, chromedp.Click(chromedp.CSS(button)), chromedp.WaitNotPresent(chromedp.CSS("body.before")), chromedp.WaitReady(chromedp.CSS("main")))
	b.looks(what)
}

func (b *tab) signIn(name, password string, code ...string) {
	b.t.Helper()
	b.goes("/sign-in")
	b.do("type the name", chromedp.SendKeys(chromedp.CSS("#name"), name), chromedp.SendKeys(chromedp.CSS("#password"), password))
	b.submits("sign in as "+name, `form[action="/sign-in"] button`)
	if len(code) > 0 {
		b.do("type the code", chromedp.SendKeys(chromedp.CSS("#code"), code[0]))
		b.submits("sign in with a code", `form[action="/sign-in/code"] button`)
	}
	if at := eval[string](b, `location.pathname`); at != "/" {
		b.t.Fatalf("after signing in the browser is at %s", at)
	}
}

func (b *tab) signOut() {
	b.t.Helper()
	eval[bool](b, `document.body.classList.add("before") || true`)
	eval[bool](b, `document.querySelector('form[action="/sign-out"] button').click() || true`) // on a phone it lies in the menu
	b.do("sign out", chromedp.WaitNotPresent(chromedp.CSS("body.before")), chromedp.WaitReady(chromedp.CSS(`form[action="/sign-in"]`)))
}

// The main job with the mouse: a clerk brings the ledger in, a manager approves and prints; the sheets hold what was approved.
func TestTheMainJobInABrowser(t *testing.T) {
	for _, screen := range []struct {
		name, lang    string
		width, height int64
	}{{"phone", "vi", 360, 740}, {"desktop", "vi", 1280, 900}, {"phone", "en", 360, 740}, {"desktop", "en", 1280, 900}} {
		t.Run(screen.name+" "+screen.lang, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			const password = "sáng sớm chợ họp bên sông"
			var secret auth.Secret
			for name, role := range map[string]string{"mai": "clerk", "hanh": "manager"} {
				g, err := registry.ParseGrant(role, "market:NEAR")
				if err == nil {
					_, _, err = w.auth.AddPerson(t.Context(), registry.Console(), name, []registry.Grant{g}, password)
				}
				if err == nil && name == "hanh" {
					secret, err = w.auth.IssueFactor(t.Context(), registry.Console(), name)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			server := httptest.NewServer(w.h)
			defer server.Close()
			b := browseIn(t, screen.lang, server.URL, screen.width, screen.height)

			b.signIn("mai", password)
			if got := eval[string](b, `document.documentElement.lang`); got != screen.lang {
				t.Errorf("the pages speak %s, not %s", got, screen.lang)
			}
			b.goes("/markets/NEAR/import")
			ledger, err := filepath.Abs("../vendor_registry/ledger/testdata/so-cho-tran-de.xlsx")
			if err != nil {
				t.Fatal(err)
			}
			b.do("choose the ledger", chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{ledger}))
			b.submits("upload the ledger", `form[enctype] button`)
			if n := w.count(`SELECT count(*) FROM stalls`); n != 0 {
				t.Errorf("the preview stored %d stalls", n)
			}
			if eval[bool](b, `document.querySelector('[name=attested]').checked`) {
				t.Error("the vendors' consent is ticked before anybody ticked it")
			}
			b.do("attest", chromedp.Click(chromedp.CSS(`[name=attested]`)))
			b.submits("commit the ledger", `form[action$="/commit"] button.btn:not(.second)`)
			if n := w.count(`SELECT count(*) FROM stalls`); n != 90 {
				t.Errorf("%d stalls are in the record, want 90", n)
			}
			b.goes("/markets/NEAR/approvals")
			if n := eval[int](b, `document.querySelectorAll('input[type=checkbox][name=account]').length`); n != 0 {
				t.Errorf("who brought the accounts in may tick %d of them", n)
			}
			b.signOut()

			b.signIn("hanh", password, secret.Code(w.clock.now()))
			b.goes("/markets/NEAR")
			b.goes("/markets/NEAR/approvals")
			eval[bool](b, `document.querySelectorAll('input[type=checkbox][name=account]').forEach(box => box.checked = true) || true`)
			b.submits("approve", `button[name=decision][value=approve]`)
			approved := w.count(`SELECT count(*) FROM account_decisions WHERE decision = 'approved'`)
			if approved != 47 {
				t.Errorf("%d accounts are approved, want 47", approved)
			}
			b.goes("/markets/NEAR/print")
			b.submits("print", `main form[method=post] button.btn`)
			link := eval[string](b, `document.querySelector('a[href$=".pdf"]').href`)
			pdf := b.fetch(link)
			if out, err := pdfText(pdf); err != nil || !strings.Contains(out, "Xem đúng tên rồi mới chuyển") {
				t.Errorf("the sheets say %q, %v", out, err)
			}
			if n := w.count(`SELECT count(*) FROM placards WHERE state = 'printed'`); n != 44 {
				t.Errorf("%d placards are printed, want one for each of the 44 vendors with an account", n)
			}
			b.goes("/markets/NEAR/stalls/A-04")
			b.do("say why a number is wanted", chromedp.Click(chromedp.CSS("#reveal summary")), chromedp.SendKeys(chromedp.CSS("#reveal #reason"), "gọi hẹn ngày"))
			b.submits("see a number in full", "#reveal form button")
			b.do("ask whether the wallet may know", chromedp.Click(chromedp.CSS("#sharing summary")))
			b.submits("the wallet may know", "#sharing form button")
			b.goes("/markets/NEAR/exports")
			b.do("want numbers in full without saying why", chromedp.Click(chromedp.CSS("[name=full]")))
			b.submits("say what is missing", `button[formaction$="stalls.xlsx"]`)
			b.goes("/markets/NEAR/stalls/A-04")
			eval[bool](b, `document.querySelectorAll("details").forEach(d => d.open = true) || true`)
			b.looks("stall with its forms")
			b.do("say who takes the stall", chromedp.SendKeys(chromedp.CSS("#transfer-name"), "Danh Hồng Lẹ"), chromedp.SendKeys(chromedp.CSS("#transfer-reason"), "Sang lại"))
			b.submits("hand the stall over", `#transfer button`)
			if n := w.count(`SELECT count(*) FROM occupancies WHERE end_kind = 'handed_over'`); n == 0 { // the name is another vendor's too
				b.do("it is right all the same", chromedp.Click(chromedp.CSS(`#transfer [name=sure]`)))
				b.submits("hand the stall over all the same", `#transfer button`)
			}
			if n := w.count(`SELECT count(*) FROM occupancies WHERE end_kind = 'handed_over'`); n != 1 {
				t.Errorf("%d stalls changed hands", n)
			}
			b.goes(eval[string](b, `document.querySelector('a[href*="/vendors/"]').getAttribute("href")`))
			b.goes("/markets/NEAR/new-stall")
			b.goes("/markets/NEAR/old-placards")
			b.goes("/markets/NEAR")
			serial := ""
			if err := w.db.QueryRow(t.Context(), `SELECT serial FROM placards ORDER BY cell LIMIT 1`).Scan(&serial); err != nil {
				t.Fatal(err)
			}
			b.goes("/placards/" + serial)
			b.signOut()
			b.goes("/v/" + serial)
		})
	}
}

// fetch gets a file as the browser would, with its cookies.
func (b *tab) fetch(url string) []byte {
	b.t.Helper()
	jar, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{})
	if err != nil {
		b.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(b.ctx, http.MethodGet, url, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range jar.Cookies {
		req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		b.t.Fatalf("%s: status %d, %v", url, res.StatusCode, err)
	}
	return body
}

func pdfText(pdf []byte) (string, error) {
	cmd := exec.Command("pdftotext", "-", "-")
	cmd.Stdin = bytes.NewReader(pdf)
	out, err := cmd.Output()
	return string(out), err
}
