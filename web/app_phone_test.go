package web_test

import (
	"fmt"
	"testing"
	"time"

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
