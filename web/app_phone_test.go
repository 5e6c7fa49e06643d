package web_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/qrgen"

	"github.com/chromedp/chromedp"
)

// another is a second tab of the same browser, with the app in it as somebody opens it.
func (p *phone) another() *phone {
	p.Helper()
	ctx, end := chromedp.NewContext(p.ctx)
	p.Cleanup(end)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(360, 780)); err != nil { // a time limit on this one would end the tab
		p.Fatal(err)
	}
	other := &phone{&tab{t: p.tab.t, ctx: ctx, base: p.base}, p.T}
	other.do("a second tab", chromedp.Navigate(p.base+"/app"))
	return other
}

// guesses types wrong PINs one after the other, until none is asked for any more.
func (p *phone) guesses(n int) {
	p.Helper()
	p.until("the PIN is asked for", `document.querySelector("[name=pin]")`)
	for range n {
		js[bool](p, `const f = document.querySelector("form"), pin = document.querySelector("[name=pin]");
			if (!pin) return false;
			pin.value = "000001";
			f.querySelector("button").click();
			for (let i = 0; i < 400 && f.isConnected && f.querySelector("button").disabled; i++) await new Promise(r => setTimeout(r, 20));
			return true`)
	}
}

// What the PIN keeps, it keeps whatever tabs are open and whatever they remember.
func TestAppKeepsItsPIN(t *testing.T) {
	t.Parallel()
	f := newField(t, "sau")
	p := f.phone(t)
	p.begins("sau")
	locks := func(p *phone) string {
		return js[string](p, outbox+`return (await store.all("profiles")).map(p => p.tries + (p.lock ? " locked" : " shut")).join() + " " + (await store.all("packs")).length`)
	}
	t.Run("a right PIN forgives the wrong ones before it", func(t *testing.T) {
		p.do("again", chromedp.Reload())
		p.guesses(4)
		if got := locks(p); got != "4 locked 1" {
			t.Errorf("after four wrong ones: %s", got)
		}
		p.opens()
		if got := locks(p); got != "0 locked 1" {
			t.Errorf("after the right one: %s", got)
		}
	})
	t.Run("a tab that is open does not write an old count back", func(t *testing.T) {
		other := p.another()
		other.guesses(2)
		js[bool](p, app+`for (const k of await store.all("packs")) await store.drop("packs", [k.profile, k.market]);
			delete state.app.profile.signer;
			await sync.go(true); for (let i = 0; i < 200 && !(await store.all("packs")).length; i++) await new Promise(r => setTimeout(r, 20)); return true`)
		if got := locks(p); got != "2 locked 1" {
			t.Errorf("after two wrong ones elsewhere and a new list here: %s", got)
		}
		p.at("#/markets", "[type=checkbox]")
		p.taps(".actions button")
		p.until("back at the list", `location.hash === "#/"`)
		if got := locks(p); got != "2 locked 1" {
			t.Errorf("after markets were chosen: %s", got)
		}
	})
	t.Run("five wrong ones in two tabs are five", func(t *testing.T) {
		one, two := p.another(), p.another()
		two.until("it asks for the PIN", `document.querySelector("[name=pin]")`)
		one.guesses(3) // two were tried before
		if got := locks(one); got != "5 shut 0" {
			t.Errorf("after the fifth: %s", got)
		}
		two.types("pin", volunteersPIN)
		two.taps("form button")
		two.until("the password is wanted", `document.querySelector("[name=password]")`)
		if got := locks(two); got != "5 shut 0" {
			t.Errorf("after the right one in a tab that knows of no wrong one: %s", got)
		}
	})
}

// A phone whose storage is full says so, and shows nothing as saved.
func TestAppOnAFullPhone(t *testing.T) {
	t.Parallel()
	f := newField(t, "sau")
	p := f.phone(t)
	p.begins("sau")
	c := f.printed(1)[0]
	full := func(is bool) {
		js[bool](p, fmt.Sprintf(`window.kept ??= {add: IDBObjectStore.prototype.add, put: IDBObjectStore.prototype.put};
			for (const how of ["add", "put"]) IDBObjectStore.prototype[how] = %t ? function () { this.transaction.abort(); throw new DOMException("full", "QuotaExceededError"); } : kept[how];
			return true`, is))
	}
	says := func(what string) {
		t.Helper()
		p.until("it says that "+what+" was not kept", `/Máy không lưu được/.test(document.querySelector("#unkept [role=alert]")?.innerText ?? "")`)
		if said := eval[string](p.tab, `document.querySelector("#unkept [role=alert]").innerText`); strings.Contains(said, "(") {
			t.Errorf("of %s it says what nobody at a stall understands: %s", what, said)
		}
		if said := eval[string](p.tab, `document.getElementById("toast").innerText + (document.querySelector(".result")?.innerText ?? "")`); said != "" {
			t.Errorf("of %s it says all the same: %s", what, said)
		}
	}
	for name, at := range map[string]struct{ hash, fills, press string }{
		"a visit":        {"#/s/NEAR/" + c.stall, `document.querySelector("[data-code=helped]").click()`, "[data-save=visit]"},
		"a missing card": {"#/s/NEAR/" + c.stall + "/check", `true`, "[data-scan=check] ~ button ~ button"},
		"a new stall":    {"#/new", `document.querySelector("[name=code]").value = "Z-99"`, "form .btn"},
	} {
		t.Run(name, func(t *testing.T) {
			js[bool](p, app+`state.pack().stalls.find(s => s.code === "`+c.stall+`").placards[0].state = "installed"; return true`) // as far as this phone knows
			p.at(at.hash, at.press)
			eval[bool](p.tab, "["+at.fills+"] && true")
			full(true)
			p.taps(at.press)
			says(name)
			p.looks("app full")
			full(false)
			if got := js[int](p, outbox+`return (await store.all("outbox")).length`); got != 0 {
				t.Errorf("%d things are kept", got)
			}
			if got := eval[string](p.tab, `location.hash`); got != at.hash {
				t.Errorf("it went on to %s", got)
			}
		})
	}
	t.Run("the same press keeps it once there is room", func(t *testing.T) {
		p.at("#/s/NEAR/"+c.stall, "[data-code=helped]")
		p.taps("[data-code=helped]")
		p.taps("[data-save=visit]")
		p.sent()
		if got := f.count(`SELECT count(*) FROM visits`); got != 1 {
			t.Errorf("%d visits", got)
		}
	})
	t.Run("the line says it when the phone cannot note what was answered", func(t *testing.T) {
		js[bool](p, app+`await sync.record("sau", `+aVisit+`); return true`)
		full(true)
		eval[bool](p.tab, `dispatchEvent(new Event("online"))`)
		p.until("the line says so", `/Bộ nhớ máy đã đầy/.test(document.getElementById("line").innerText)`)
		full(false)
		eval[bool](p.tab, `dispatchEvent(new Event("online"))`)
		p.sent()
		if got := f.count(`SELECT count(*) FROM visits`); got != 2 {
			t.Errorf("%d visits", got)
		}
	})
	t.Run("a database that the browser shut is opened anew", func(t *testing.T) {
		js[bool](p, `const real = IDBDatabase.prototype.transaction;
			IDBDatabase.prototype.transaction = function (...a) { IDBDatabase.prototype.transaction = real; this.close(); return real.apply(this, a); };
			return true`)
		js[bool](p, app+`await sync.record("sau", `+aVisit+`); sync.kick(); return true`)
		p.sent()
		if got := f.count(`SELECT count(*) FROM visits`); got != 3 {
			t.Errorf("%d visits", got)
		}
	})
}

// Who shuts the app is signed out of the service, and who is taken off the phone can be let in by its PIN no more: at once, or when there is a signal.
func TestAppIsShut(t *testing.T) {
	t.Parallel()
	f := newField(t, "sau")
	p := f.phone(t)
	p.begins("sau")
	const saus = ` WHERE person_id = (SELECT id FROM people WHERE name = 'sau')`
	signal := func(is bool) { f.line.set(func(l *line) { l.down = !is }) }
	shuts := func() {
		t.Helper()
		p.at("#/me", ".actions button")
		p.taps(".actions button")
		p.until("shut", `document.querySelector("[name=pin]")`)
	}
	ended := func(what, table string) {
		t.Helper()
		for range 200 {
			if f.count(`SELECT count(*) FROM `+table+saus) == 0 {
				return
			}
			time.Sleep(25 * time.Millisecond)
		}
		t.Errorf("%s: %s are left", what, table)
	}
	t.Run("with a signal it signs out at once", func(t *testing.T) {
		shuts()
		if status := js[int](p, `return (await fetch("/api/v1/markets/NEAR/stalls")).status`); status != 401 {
			t.Errorf("the app is shut, and the same browser gets %d", status)
		}
		ended("with a signal", "sessions")
	})
	t.Run("the PIN begins a new session", func(t *testing.T) {
		p.opens()
		js[bool](p, app+`await sync.record("sau", `+aVisit+`); sync.kick(); return true`)
		p.sent()
	})
	t.Run("without one it signs out later, even when the page was left", func(t *testing.T) {
		signal(false)
		shuts()
		p.do("reload without a signal", chromedp.Reload())
		p.until("shut", `document.querySelector("[name=pin]")`)
		if n := f.count(`SELECT count(*) FROM sessions` + saus); n != 1 {
			t.Errorf("%d sessions before there is a signal", n)
		}
		signal(true)
		eval[bool](p.tab, `dispatchEvent(new Event("online"))`)
		ended("with a signal again", "sessions")
	})
	t.Run("a session that was to end does not carry what the next one brings", func(t *testing.T) {
		p.opens()
		js[bool](p, app+`await sync.record("sau", `+aVisit+`); sync.kick(); return true`)
		p.sent()
		var before, after string
		one := func(into *string) {
			t.Helper()
			if err := f.db.QueryRow(t.Context(), `SELECT encode(hash, 'hex') FROM sessions`+saus).Scan(into); err != nil {
				t.Fatal(err)
			}
		}
		one(&before)
		signal(false)
		shuts()
		p.opens()
		js[bool](p, app+`await sync.record("sau", `+aVisit+`); return true`)
		signal(true)
		eval[bool](p.tab, `dispatchEvent(new Event("online"))`)
		p.sent()
		one(&after)
		if before == after {
			t.Error("what was shut without a signal goes on under its old session")
		}
	})
	t.Run("taken off without a signal, and after the session ran out", func(t *testing.T) {
		signal(false)
		p.at("#/me", "button.stop")
		p.taps("button.stop")
		p.until("nobody is left", `document.querySelector("[name=password]")`)
		f.exec(`DELETE FROM sessions` + saus)
		if n := f.count(`SELECT count(*) FROM phones` + saus); n != 1 {
			t.Errorf("%d phones before there is a signal", n)
		}
		signal(true)
		eval[bool](p.tab, `dispatchEvent(new Event("online"))`)
		ended("with a signal again", "phones")
	})
	t.Run("taken off with a signal", func(t *testing.T) {
		p.begins("sau")
		if n := f.count(`SELECT count(*) FROM phones` + saus); n != 1 {
			t.Errorf("%d phones are enrolled", n)
		}
		p.at("#/me", "button.stop")
		p.taps("button.stop")
		ended("taken off", "phones")
		ended("taken off", "sessions")
	})
}

// answers lets the line change what the service answers to a path.
func (f *field) answers(path string, change func(*http.Request, *httptest.ResponseRecorder) []byte) {
	f.line.set(func(l *line) {
		l.does = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasPrefix(r.URL.Path, path) {
				return false
			}
			r.Header.Del("Accept-Encoding")
			rec := httptest.NewRecorder()
			l.to.ServeHTTP(rec, r)
			body := change(r, rec)
			for k, v := range rec.Header() {
				w.Header()[k] = v
			}
			w.Header().Del("Content-Length")
			w.WriteHeader(rec.Code)
			_, _ = w.Write(body)
			return true
		}
	})
}

func (f *field) plain() { f.line.set(func(l *line) { l.does = nil }) }

// syncs is a script that asks the service for everything and waits until that is over.
const syncs = app + `for (let i = 0; i < 400 && sync.status.busy; i++) await new Promise(r => setTimeout(r, 20));
	await sync.go(true);
	for (let i = 0; i < 400 && sync.status.busy; i++) await new Promise(r => setTimeout(r, 20));
	await state.refresh(); `

const packs = `(await store.all("packs")).map(p => p.market).sort().join()`

// The lists that a phone carries: only the service's own, each by itself, and no longer than they are the reader's.
func TestAppLists(t *testing.T) {
	t.Parallel()
	f := newField(t, "sau")
	p := f.phone(t)
	p.begins("sau")
	bar := func() string { return eval[string](p.tab, `document.getElementById("line").innerText`) }
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, forge := range map[string]func([]byte, http.Header) []byte{
		"one that was changed on the way": func(body []byte, _ http.Header) []byte {
			return bytes.Replace(body, []byte(`"name":"`), []byte(`"name":"Forged `), 1)
		},
		"one that somebody else signed": func(body []byte, h http.Header) []byte {
			body = bytes.Replace(body, []byte(`"name":"`), []byte(`"name":"Forged `), 1)
			body = regexp.MustCompile(`"public_key":"[^"]*"`).ReplaceAll(body, []byte(`"public_key":"`+base64.RawURLEncoding.EncodeToString(public)+`"`))
			h.Set("Pack-Signature", base64.RawURLEncoding.EncodeToString(ed25519.Sign(private, body)))
			return body
		},
	} {
		t.Run(name+" is not taken", func(t *testing.T) {
			f.answers("/api/v1/markets/NEAR/pack", func(_ *http.Request, rec *httptest.ResponseRecorder) []byte {
				return forge(rec.Body.Bytes(), rec.Header())
			})
			if got := js[string](p, syncs+`return state.pack().name`); strings.Contains(got, "Forged") {
				t.Errorf("the phone shows %q", got)
			}
			p.at("#/outbox", ".outbox")
			p.until("it says so", `/không có chữ ký/.test(document.querySelector("main [role=alert]")?.innerText ?? "")`)
			f.plain()
		})
	}
	t.Run("one that is older than three days says so", func(t *testing.T) {
		for kind, change := range map[string]string{"old": `state.pack().trusted = sync.now() - 1`, "clock unknown": `await store.drop("meta", "clock"); await sync.loadClock()`} {
			js[bool](p, syncs+change+`; location.hash = "#/cards"; await new Promise(r => setTimeout(r, 50)); return true`)
			p.at("#/", ".route")
			p.until(kind+": the list says so", `/cũ hơn 3 ngày|quá 3 ngày/.test(document.querySelector("main .note")?.innerText ?? "")`)
			p.at("#/s/NEAR/A-01/check", ".stall .note")
		}
		js[bool](p, syncs+`location.hash = "#/"; return true`)
		p.at("#/", ".route")
		p.until("a new one does not", `!document.querySelector("main .note")`)
	})
	t.Run("one that no key opens does not shut the app and comes anew", func(t *testing.T) {
		js[bool](p, app+`const vault = await of("vault.js"), {key} = await vault.lock("111111");
			for (const market of ["NEAR", "ZZ"]) await store.put("packs", {profile: "sau", market, sealed: await vault.seal(key, {market})}); return true`)
		f.line.set(func(l *line) { l.down = true })
		p.do("again", chromedp.Reload())
		p.types("pin", volunteersPIN)
		p.taps("form button")
		p.until("the app is open, without a list", `document.querySelector("main > .empty")`)
		f.line.set(func(l *line) { l.down = false })
		eval[bool](p.tab, `dispatchEvent(new Event("online"))`)
		p.until("the list comes anew", `document.querySelector(".stops li")`)
		if got := js[string](p, syncs+`return `+packs); got != "NEAR" {
			t.Errorf("lists of %q are on the phone", got)
		}
	})
	t.Run("one that is refused does not hold up the others, and the line says which", func(t *testing.T) {
		js[bool](p, app+`for (const k of await store.all("packs")) await store.drop("packs", [k.profile, k.market]); return true`)
		f.answers("/api/v1/markets", func(r *http.Request, rec *httptest.ResponseRecorder) []byte {
			if r.URL.Path != "/api/v1/markets" {
				return rec.Body.Bytes()
			}
			return []byte(`{"items":[{"code":"FAR","name":"Far"},{"code":"NEAR","name":"Near"}],"next_cursor":null}`)
		})
		if got := js[string](p, syncs+`return `+packs); got != "NEAR" {
			t.Errorf("the lists of %q came", got)
		}
		if got := bar(); !strings.Contains(got, "thiếu FAR") || strings.Contains(got, "Đã gửi hết") {
			t.Errorf("the line says %q", got)
		}
		p.at("#/outbox", ".outbox [role=alert]")
		p.looks("app without a list")
	})
	t.Run("one that fails for a moment stays as it was, and the others come", func(t *testing.T) {
		f.line.set(func(l *line) {
			l.does = func(w http.ResponseWriter, r *http.Request) bool {
				switch r.URL.Path {
				case "/api/v1/markets":
					_, _ = io.WriteString(w, `{"items":[{"code":"FAR","name":"Far"},{"code":"NEAR","name":"Near"}],"next_cursor":null}`)
				case "/api/v1/markets/FAR/pack":
					w.WriteHeader(http.StatusServiceUnavailable)
				default:
					return false
				}
				return true
			}
		})
		if got := js[string](p, app+`const k = (await store.all("packs"))[0]; await store.put("packs", {...k, market: "FAR"}); await store.drop("packs", [k.profile, k.market]); `+
			strings.TrimPrefix(syncs, app)+`return `+packs); got != "FAR,NEAR" {
			t.Errorf("lists of %q are on the phone", got)
		}
		if got := bar(); !strings.Contains(got, "thiếu FAR") {
			t.Errorf("the line says %q", got)
		}
	})
	t.Run("one of a market that is theirs no more goes", func(t *testing.T) {
		f.plain()
		if got := js[string](p, syncs+`return `+packs); got != "NEAR" {
			t.Errorf("lists of %q are on the phone", got)
		}
		if got := bar(); strings.Contains(got, "thiếu") {
			t.Errorf("the line says %q", got)
		}
	})
}

// What becomes of things that are sent, whatever comes between.
func TestAppOutbox(t *testing.T) {
	t.Parallel()
	f := newField(t, "sau")
	p := f.phone(t)
	p.begins("sau")
	// batch lets the line answer one batch, by itself, and leave the others alone; status is what it says of the item with that place.
	batch := func(says ...string) {
		var once sync.Once
		f.line.set(func(l *line) {
			l.does = func(w http.ResponseWriter, r *http.Request) (done bool) {
				if r.URL.Path != "/api/v1/sync" {
					return false
				}
				once.Do(func() {
					done = true
					var in struct{ Items []struct{ ID string } }
					if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in.Items) != len(says) {
						t.Errorf("a batch of %d, %v", len(in.Items), err)
						return
					}
					items := make([]string, len(says))
					for i, s := range says {
						status, code, _ := strings.Cut(s, " ")
						items[i] = fmt.Sprintf(`{"id":%q,"kind":"visit","status":%s,"problem":{"type":"/problems/%s","title":"t","status":%s,"detail":"d"}}`, in.Items[i].ID, status, code, status)
					}
					_, _ = fmt.Fprintf(w, `{"server_time":%q,"items":[%s]}`, f.clock.now().Format(time.RFC3339), strings.Join(items, ","))
				})
				return done
			}
		})
	}
	states := func() string {
		return js[string](p, outbox+`return (await store.all("outbox")).sort((a, b) => a.seq - b.seq).map(i => i.state).join()`)
	}
	empty := func() {
		f.plain()
		js[bool](p, app+`for (const i of await store.all("outbox")) await store.drop("outbox", i.id); await state.refresh(); return true`)
	}
	const elsewhere = `{kind: "visit", market: "NEAR", at_market: "NEAR", stall: "A-02", at_stall: "A-02", about: "helped", body: {outcome: "helped"}}`
	for name, c := range map[string]struct {
		items string
		says  []string
		want  string // once it was answered; then the service is asked again
	}{
		"what waits for one that failed for a moment waits with it": {aVisit + "," + aVisit, []string{"503 busy", "409 consent-missing"}, "waiting,waiting"},
		"what waits for nothing is refused":                         {aVisit + "," + aVisit, []string{"201 x", "409 consent-missing"}, "done,refused"},
		"at another stall nothing is waited for":                    {aVisit + "," + elsewhere, []string{"503 busy", "409 placard-state"}, "waiting,refused"},
		"what is wrong by itself is refused":                        {aVisit + "," + aVisit, []string{"503 busy", "422 visit-invalid"}, "waiting,refused"},
		"one that comes too fast waits":                             {aVisit, []string{"429 too-many"}, "waiting"},
		"one whose session ended waits":                             {aVisit, []string{"401 session-ended"}, "waiting"},
	} {
		t.Run(name, func(t *testing.T) {
			defer empty()
			batch(c.says...)
			if got := js[string](p, app+`const real = setTimeout; globalThis.setTimeout = (f, ms) => real(f, ms > 900 && ms < 50000 ? 1e8 : ms); // not again by itself
				await sync.record("sau", `+c.items+`); `+strings.TrimPrefix(syncs, app)+`globalThis.setTimeout = real;
				return state.app.items.map(i => i.state).join()`); got != c.want {
				t.Fatalf("it is %s, want %s", got, c.want)
			}
			js[bool](p, syncs+`return true`)
			if got, want := states(), strings.ReplaceAll(c.want, "waiting", "done"); got != want {
				t.Errorf("once the service is ready it is %s, want %s", got, want)
			}
		})
	}
	t.Run("who must sign in again is told", func(t *testing.T) {
		defer empty()
		batch("401 session-ended")
		js[bool](p, app+`await sync.record("sau", `+aVisit+`); `+strings.TrimPrefix(syncs, app)+`return true`)
		p.until("it asks to sign in", `/Đăng nhập để gửi/.test(document.getElementById("line").innerText)`)
		js[bool](p, syncs+`return true`)
	})
	t.Run("a batch that one item spoils is sent one by one", func(t *testing.T) {
		defer empty()
		before := f.count(`SELECT count(*) FROM visits`)
		f.line.set(func(l *line) {
			l.does = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/api/v1/sync" {
					return false
				}
				b, err := io.ReadAll(r.Body)
				if err != nil || bytes.Contains(b, []byte("spoilt")) {
					w.Header().Set("Content-Type", "application/problem+json")
					w.WriteHeader(http.StatusUnprocessableEntity)
					_, _ = io.WriteString(w, `{"type":"/problems/unknown-field","title":"t","status":422,"detail":"d"}`)
					return true
				}
				r.Body = io.NopCloser(bytes.NewReader(b))
				return false
			}
		})
		got := js[string](p, app+`await sync.record("sau", `+aVisit+`, {...`+aVisit+`, body: {outcome: "helped", note: "spoilt"}}, `+aVisit+`); `+
			strings.TrimPrefix(syncs, app)+`return state.app.items.map(i => i.state).join()`)
		if got != "done,refused,done" || f.count(`SELECT count(*) FROM visits`) != before+2 {
			t.Errorf("they are %s", got)
		}
	})
	t.Run("what the service says of when to come again is kept to", func(t *testing.T) {
		defer empty()
		f.line.set(func(l *line) {
			l.does = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/api/v1/sync" {
					return false
				}
				w.Header().Set("Retry-After", "1000")
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			}
		})
		waits := js[[]float64](p, app+`const real = setTimeout, asked = []; globalThis.setTimeout = (f, ms) => { asked.push(ms); return real(f, ms); };
			await sync.record("sau", `+aVisit+`); `+strings.TrimPrefix(syncs, app)+`globalThis.setTimeout = real; return asked`)
		if most := slices.Max(waits); most < 750_000 {
			t.Errorf("asked to come in 1000 s, it comes in %v ms", most)
		}
	})
	t.Run("Send again on what another tab has sent changes nothing", func(t *testing.T) {
		defer empty()
		js[bool](p, app+`const [i] = await sync.record("sau", `+aVisit+`);
			await store.changeItem(i.id, x => { x.state = "refused"; x.problem = {detail: "x", errors: []}; }); await state.refresh(); state.app.draw(); return true`)
		p.at("#/outbox", ".items .bad button")
		js[bool](p, outbox+`for (const i of await store.all("outbox")) await store.changeItem(i.id, x => { x.state = "done"; delete x.body; }); return true`)
		p.taps(".items .bad button")
		p.until("it is among what was sent", `!document.querySelector(".items .bad") && document.querySelector("details .items li")`)
		js[bool](p, outbox+`for (const i of await store.all("outbox")) await store.changeItem(i.id, x => { x.state = "waiting"; }); return true`) // as an older app did
		js[bool](p, syncs+`return true`)
		if got := states(); got != "done" {
			t.Errorf("it is %s", got)
		}
	})
	t.Run("a file from another phone", func(t *testing.T) {
		var sent [][]string
		f.line.set(func(l *line) {
			l.does = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/api/v1/sync" {
					return false
				}
				b, err := io.ReadAll(r.Body)
				var in struct{ Items []struct{ Kind, ID string } }
				if err == nil {
					err = json.Unmarshal(b, &in)
				}
				if err != nil {
					t.Error(err)
				}
				kinds, spoilt := []string{}, false
				for _, i := range in.Items {
					kinds = append(kinds, i.Kind)
					spoilt = spoilt || i.Kind == "consent"
				}
				sent = append(sent, kinds)
				if spoilt {
					w.Header().Set("Content-Type", "application/problem+json")
					w.WriteHeader(http.StatusUnprocessableEntity)
					_, _ = io.WriteString(w, `{"type":"/problems/unknown-field","title":"t","status":422,"detail":"spoilt"}`)
					return true
				}
				r.Body = io.NopCloser(bytes.NewReader(b))
				return false
			}
		})
		file := js[string](p, app+`const long = "x".repeat(400), items = [];
			const item = (kind, body) => items.push({id: store.uuid(), kind, seq: items.length, at: new Date().toISOString(), clock_ahead: null, market: "NEAR", stall: "A-01", by: "bay", body});
			for (let i = 0; i < 60; i++) item("visit", {outcome: "helped", note: "lần " + i + (i < 3 ? long.repeat(100) : "")});
			for (const kind of ["change", "void", "no_such_kind"]) item(kind, {});
			item("consent", {version: "vi-1"});
			return JSON.stringify({cho40: "outbox", version: 1, device: store.uuid(), by: "bay", items})`)
		name := filepath.Join(t.TempDir(), "outbox.json")
		if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		p.at("#/file", "#file")
		p.do("give the file", chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{name}))
		p.until("it says whose", `/61.*bay/.test(document.querySelector("main [role=status]").innerText)`)
		p.taps("[data-save=file]")
		p.until("it is taken", `/57.*61/.test(document.querySelector("main .ok")?.innerText ?? "")`)
		f.plain()
		for _, kinds := range sent {
			if len(kinds) > 50 || slices.ContainsFunc(kinds, func(k string) bool { return k != "visit" && k != "consent" }) {
				t.Errorf("a batch of %v is sent in from a file", kinds)
			}
		}
	})
	t.Run("a file says who made each thing", func(t *testing.T) {
		f.line.set(func(l *line) { l.down = true })
		js[bool](p, app+`await sync.record("sau", `+aVisit+`); await state.refresh(); state.app.draw(); return true`)
		p.at("#/outbox", ".items li")
		if by := js[string](p, `URL.createObjectURL = b => { window.given = b; return "#/outbox"; };
			[...document.querySelectorAll("button")].find(b => /tệp/.test(b.innerText)).click();
			for (let i = 0; i < 100 && !window.given; i++) await new Promise(r => setTimeout(r, 20));
			return JSON.parse(await window.given.text()).items.map(i => i.by).join()`); by != "sau" {
			t.Errorf("it says %q", by)
		}
	})
}

// The screens of a stall, where more than the usual is at hand or less.
func TestAppAtTheStall(t *testing.T) {
	t.Parallel()
	f := newField(t, "sau")
	p := f.phone(t)
	p.begins("sau")
	c := f.printed(1)[0]
	at := "#/s/NEAR/" + c.stall
	two := func() {
		js[bool](p, app+`const s = state.stallOf("NEAR", "`+c.stall+`"), hash = s.placards[0].hash;
			s.placards = [{serial: "AAAA-AAAA-AAA", state: "installed", hash: "of another"}, {serial: "BBBB-BBBB-BBB", state: "installed", hash}]; return true`)
	}
	recorded := func() string {
		return js[string](p, app+`const list = (await store.all("outbox")).filter(i => i.kind === "placard_event").map(i => i.serial + " " + i.about).join();
			for (const i of await store.all("outbox")) await store.drop("outbox", i.id); await state.refresh(); return list`)
	}
	f.line.set(func(l *line) { l.down = true })
	for name, check := range map[string]struct{ payload, press, want string }{
		"of two placards the missing one is asked for":        {"", "[data-scan=check] ~ button ~ button", "BBBB-BBBB-BBB missing"},
		"of two placards the pasted-over one is asked for":    {foreignCode(t), "", "BBBB-BBBB-BBB other_account"},
		"of two placards the scanned one is told by its code": {c.payload, "", "BBBB-BBBB-BBB match"},
	} {
		t.Run(name, func(t *testing.T) {
			p.at("#/cards", "details")
			two()
			p.at(at+"/check", "[data-scan=check]")
			if check.press != "" {
				p.taps(check.press)
			} else {
				p.taps("[data-scan=check]")
				p.scans(check.payload)
			}
			if !strings.HasSuffix(check.want, "match") {
				p.until("it asks which", `document.querySelectorAll("[data-card]").length === 2`)
				if said := eval[string](p.tab, `document.querySelector("[data-card='BBBB-BBBB-BBB']").innerText`); !strings.Contains(said, "số cuối") {
					t.Errorf("it tells them apart as %q", said)
				}
				p.looks("app which placard")
				p.taps("[data-card='BBBB-BBBB-BBB']")
			}
			p.until("the result is there", `document.querySelector("[data-result]")`)
			if got := recorded(); got != check.want {
				t.Errorf("it records %q, want %q", got, check.want)
			}
		})
	}
	t.Run("behind the camera nothing can be reached, on a Chrome of 2022 either", func(t *testing.T) {
		js[bool](p, `delete HTMLElement.prototype.inert; return true`)
		p.at(at+"/account", "[data-scan=account]")
		p.taps("[data-scan=account]")
		p.until("the camera is open", `document.querySelector(".scan")`)
		reached := `["main .btn", ".top a", "#line a"].map(s => { const e = document.querySelector(s); e.focus(); return document.activeElement === e; }).join()`
		if got := eval[string](p.tab, reached); got != "false,false,false" {
			t.Errorf("reached behind it: %s", got)
		}
		p.looks("app scan")
		eval[bool](p.tab, `[...document.querySelectorAll(".scan button")].at(-1).click() || true`)
		if got := eval[string](p.tab, reached); got != "true,true,true" {
			t.Errorf("reached after it: %s", got)
		}
	})
	t.Run("what the service does not take is refused while the vendor is there, in the same words", func(t *testing.T) {
		plain, err := qrgen.Static("970436", "1023456789")
		if err != nil {
			t.Fatal(err)
		}
		with := func(old, new string) string {
			changed := strings.Replace(plain[:len(plain)-4], old, new, 1)
			if changed == plain[:len(plain)-4] {
				t.Fatalf("%s is not in %s", old, plain)
			}
			return sealed(changed)
		}
		other := plain[strings.Index(plain, "0010A000000727"):strings.Index(plain, "5303704")]
		template := fmt.Sprintf("38%02d%s", len(other), other)
		for name, code := range map[string]string{
			"a fixed amount":  with("5303704", "5303704540550000"),
			"a card":          with("QRIBFTTA", "QRIBFTTC"),
			"another payee":   with("5303704", "26130009other.app5303704"),
			"a second VietQR": with("5303704", fmt.Sprintf("27%02d%s5303704", len(other), strings.Replace(other, "1023456789", "1023456780", 1))),
			"cash":            with(template, strings.Replace(fmt.Sprintf("38%02d%s", len(other)-2, other), "0208QRIBFTTA", "0206QRCASH", 1)),
		} {
			a := f.do(t, step{as: "clerk", do: "POST " + near + "/stalls/" + c.stall + "/accounts", body: `{"payload":"` + code + `"}`})
			if a.status != http.StatusUnprocessableEntity {
				t.Fatalf("%s: the service answers %d %s", name, a.status, a.body)
			}
			p.at(at+"/account", "[data-scan=account]")
			p.taps("[data-scan=account]")
			p.scans(code)
			p.until("it says why", `document.querySelector("main [role=alert]")`)
			want := a.at(t, "errors.0.detail")
			if said := eval[string](p.tab, `document.querySelector("main [role=alert]").innerText`); !strings.Contains(said, want) {
				t.Errorf("%s: the phone says %q, the service %q", name, said, want)
			}
			if eval[bool](p.tab, `Boolean(document.querySelector("[data-save=account]"))`) {
				t.Errorf("%s: it may be saved", name)
			}
			p.at("#/cards", "details")
		}
	})
	t.Run("of who went there is no slip to hand over", func(t *testing.T) {
		js[bool](p, app+`const s = state.stallOf("NEAR", "`+c.stall+`"); window.before = s.placards;
			s.placards = [{ serial: "AAAA-AAAA-AAA", state: "suspended", hash: "of another", former: true }, ...s.placards]; location.hash = "#/cards"; return true`)
		p.at(at, "[data-slip]")
		if got := eval[string](p.tab, `[...document.querySelectorAll("[data-slip]")].map(b => b.dataset.slip).join()`); got != c.serial {
			t.Errorf("it offers the slips of %s, want %s", got, c.serial)
		}
		js[bool](p, app+`state.stallOf("NEAR", "`+c.stall+`").placards = window.before; location.hash = "#/cards"; return true`)
	})
	t.Run("a placard whose account is closed is stopped, not hung", func(t *testing.T) {
		// Whatever is read anew from the phone brings the list back as it is kept.
		shut := app + `const s = state.stallOf("NEAR", "` + c.stall + `"); s.stage = "installed";
			s.placards = [{ ...s.placards[0], state: "installed", closed: true }, { ...s.placards[0], serial: "BBBB-BBBB-BBB", state: "printed", closed: true }];
			s.tasks = s.placards.map(x => ({ kind: "stop_closed", priority: "high", due: "2099-01-01", serial: x.serial })); `
		p.at("#/cards", "details")
		js[bool](p, shut+`return true`)
		p.at(at, ".btn.stop")
		p.looks("app closed account")
		if got := eval[string](p.tab, `[...document.querySelectorAll(".do a")].map(a => a.hash.split("/").slice(4).join("/")).join()`); got != "stop/"+c.serial+",stop/BBBB-BBBB-BBB,check,account" {
			t.Errorf("it offers %s", got)
		}
		p.at("#/", ".stops li")
		if said := eval[string](p.tab, `document.querySelector(".stops").innerText`); !strings.Contains(said, "Ví, ngân hàng báo tài khoản đã đóng: hỏi người bán") {
			t.Errorf("the route does not say it: %s", said)
		}
		js[bool](p, app+`await sync.record("sau", { kind: "placard_event", serial: "`+c.serial+`", about: "match", at_market: "NEAR", at_stall: "`+c.stall+`", body: { kind: "checked" } }); await state.refresh(); return true`)
		if got := js[int](p, shut+`return state.look(state.pack("NEAR"), s).tasks.length`); got != 2 {
			t.Errorf("after a look %d tasks are left, want both", got)
		}
		recorded()
		js[bool](p, shut+`return true`)
		p.at(at+"/stop/"+c.serial, "[data-save=stop]")
		p.looks("app stop a placard")
		p.taps("[data-save=stop]")
		p.until("it is recorded", `document.querySelector(".done-list")`)
		if got := js[string](p, shut+`const i = (await store.all("outbox"))[0], l = state.look(state.pack("NEAR"), s);
			return [i.kind, i.serial, i.about, i.body.kind, i.body.reason, l.tile, l.tasks.map(x => x.serial)].join()`); got != "placard_event,"+c.serial+",suspended,suspended,account closed,stop,BBBB-BBBB-BBB" {
			t.Errorf("recorded: %s", got)
		}
		if said := eval[string](p.tab, `document.querySelector(".done-list").innerText`); !strings.Contains(said, "Đã tạm ngưng bảng mã") {
			t.Errorf("it says %q", said)
		}
		recorded() // and the list is as it was
	})
	t.Run("without a signal the slip says where it comes from", func(t *testing.T) {
		p.at(at, "[data-slip]")
		p.taps("[data-slip]")
		p.until("it says so", `/chưa có sóng/.test(document.querySelector("main [role=alert]")?.innerText ?? "")`)
		p.looks("app slip without a signal")
	})
	t.Run("a card that is read without a signal is told later, once", func(t *testing.T) {
		p.at("#/cards", "details.card")
		js[bool](p, `document.querySelector("details.card").open = true; await new Promise(r => setTimeout(r, 200)); return true`)
		f.line.set(func(l *line) { l.down = false })
		js[bool](p, syncs+`if ((await store.all("profiles"))[0].read.length) throw "it is told again each time"; return true`)
		if n := f.count(`SELECT count(*) FROM card_reads`); n != 1 {
			t.Errorf("%d cards are read", n)
		}
	})
	t.Run("the slip of a placard", func(t *testing.T) {
		p.at(at, "[data-slip]")
		js[bool](p, `navigator.canShare = undefined; URL.createObjectURL = b => { window.slip = b; return "#/"; }; return true`)
		p.taps("[data-slip]")
		p.until("it is saved", `window.slip`)
		pdf := js[string](p, `return btoa(String.fromCharCode(...new Uint8Array(await slip.arrayBuffer())))`)
		b, err := base64.StdEncoding.DecodeString(pdf)
		if err != nil {
			t.Fatal(err)
		}
		said, err := pdfText(b)
		if err != nil {
			t.Fatal(err)
		}
		d, err := qrgen.Decode(c.payload, qrgen.Lenient)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"Người giúp: sau", d.Account[len(d.Account)-4:], "Mỗi sáng", "không phải là tiền", "Sai tên?", c.stall} {
			if !strings.Contains(said, want) {
				t.Errorf("the slip lacks %q:\n%s", want, said)
			}
		}
	})
	t.Run("that a slip was handed over is recorded", func(t *testing.T) {
		js[bool](p, app+`state.stallOf("NEAR", "`+c.stall+`").notices = [store.uuid()]; location.hash = "#/cards"; return true`)
		f.line.set(func(l *line) { l.down = true })
		p.at(at, "[data-save=notice]")
		p.looks("app slip to hand over")
		p.taps("[data-save=notice]")
		p.until("it is recorded", `!document.querySelector("[data-save=notice]")`)
		if got := js[bool](p, app+`const i = (await store.all("outbox"))[0]; return i.kind === "notice" && i.body.notice === i.about && i.market === "NEAR"`); !got {
			t.Error("it is not what the service takes")
		}
	})
	for name, c := range map[string]struct {
		wall, run int // minutes that pass, on the clock that can be set and on the one that sleeps
		shut      bool
	}{
		"out of sight for less than half an hour it stays open": {29, 29, false},
		"after half an hour out of sight it shuts":              {31, 31, true},
		"though the phone slept":                                {31, 0, true},
		"though somebody set the clock back":                    {-600, 31, true},
	} {
		t.Run(name, func(t *testing.T) {
			p.do("again", chromedp.Reload())
			p.opens()
			js[bool](p, fmt.Sprintf(`const look = is => { Object.defineProperty(document, "hidden", {configurable: true, get: () => is}); document.dispatchEvent(new Event("visibilitychange")); };
				const wall = Date.now, run = performance.now.bind(performance);
				look(true);
				Date.now = () => wall() + %d * 60000;
				performance.now = () => run() + %d * 60000;
				look(false);
				return true`, c.wall, c.run))
			if c.shut {
				p.until("it asks for the PIN", `document.querySelector("[name=pin]")`)
			} else if !eval[bool](p.tab, `!document.querySelector("[name=pin]")`) {
				t.Error("it is shut")
			}
		})
	}
	t.Run("after fourteen days the PIN opens nothing", func(t *testing.T) {
		js[bool](p, app+`await store.changeProfile("sau", p => { p.until = 1; }); return true`)
		p.do("again", chromedp.Reload())
		p.until("the password is wanted", `document.querySelector("[name=password]")`)
	})
}

// foreignCode is the code of somebody whom the market does not know.
func foreignCode(t *testing.T) string {
	payload, err := qrgen.Static("971005", "0987654321")
	if err != nil {
		t.Fatal(err)
	}
	return payload
}
