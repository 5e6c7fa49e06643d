package web_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cho40/internal/auth"
	registry "cho40/vendor_registry"

	"github.com/chromedp/chromedp"
)

const goodPassword = "sáng sớm chợ họp bên sông"

// secured adds somebody with a password and a second factor, as `cho40 user add` does.
func (w *world) secured(t testing.TB, name, role, scope string) auth.Secret {
	t.Helper()
	g, err := registry.ParseGrant(role, scope)
	if err == nil {
		_, _, err = w.auth.AddPerson(t.Context(), registry.Console(), name, []registry.Grant{g}, goodPassword)
	}
	var secret auth.Secret
	if err == nil {
		secret, err = w.auth.IssueFactor(t.Context(), registry.Console(), name)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.secret(name, goodPassword, string(secret))
	return secret
}

func credentials(name, code string) string {
	return fmt.Sprintf(`{"name":%q,"password":%q,"code":%q}`, name, goodPassword, code)
}

// signIn is a sign-in through the API; the session is kept as $session.
func (w *world) signIn(t *testing.T, name, code string) []string {
	t.Helper()
	w.vars["session"] = oneCookie(t, w.take(t, step{do: "POST /api/v1/session", body: credentials(name, code), status: 201})).Value
	w.secret(w.vars["session"])
	return []string{"Cookie", "cho40=$session"}
}

func TestSecondFactorThroughTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret := w.secured(t, "hạnh quản lý", "manager", "market:NEAR")
	soon := func() string {
		w.clock.pass(time.Minute)
		return secret.Code(w.clock.now())
	}
	w.take(t, step{do: "POST /api/v1/session", body: `{"name":"hạnh quản lý","password":"` + goodPassword + `"}`, status: 401, want: []string{"/problems/code-needed"}})
	w.take(t, step{do: "POST /api/v1/session", body: credentials("hạnh quản lý", "000000"), status: 401, want: []string{"/problems/code-wrong"}})
	code := soon()
	hold := w.signIn(t, "hạnh quản lý", code)
	w.take(t, step{do: "POST /api/v1/session", body: credentials("hạnh quản lý", code), status: 401, want: []string{"/problems/code-wrong"}})
	w.take(t, step{do: "GET /api/v1/session", header: hold, status: 200, want: []string{`"second_factor":"on"`, `"fresh_until":"`}})

	// A change of an account: fresh for five minutes after the sign-in, then the code is wanted again.
	a := w.take(t, step{as: "clerk", do: "POST " + near + "/stalls", body: stallJSON("A-1", "A", "Lý Minh Tâm", "0712345678"), status: 201})
	w.vars["first"] = a.at(t, "accounts.0.id")
	first := w.take(t, step{as: "clerk", do: "GET /api/v1/accounts/$first", status: 200}).header.Get("ETag")
	w.clock.pass(registry.StepUpLives)
	w.take(t, step{do: "POST /api/v1/accounts/$first/decision", body: `{"decision":"approve"}`, header: append(hold, "If-Match", first), status: 200}) // a first account needs none
	w.take(t, step{as: "clerk", do: "POST " + near + "/stalls/A-1/accounts", body: `{"provider":"viettel_money","number":"0712345679"}`, status: 201, keep: map[string]string{"change": "id", "etag": "=ETag"}})
	change := step{do: "POST /api/v1/accounts/$change/decision", body: `{"decision":"approve","last_digits":"345679"}`, header: append(hold, "If-Match", "$etag"), status: 401, want: []string{"/problems/step-up-needed"}}
	w.take(t, change)
	many := w.take(t, step{do: "POST " + near + "/decisions", body: `[{"id":"$change","etag":` + fmt.Sprintf("%q", w.vars["etag"]) + `,"decision":"approve","last_digits":"345679"}]`, header: hold, status: 200})
	if got := many.at(t, "items.0.status"); got != "401" {
		t.Errorf("among many it is answered %s", got)
	}
	if n := w.count(`SELECT count(*) FROM audit_events WHERE action = 'account.decision_refused' AND fields = '{step-up-needed}'`); n != 2 {
		t.Errorf("%d refusals are in the record, want 2", n)
	}
	w.take(t, step{do: "POST /api/v1/session/step-up", body: `{"code":"000000"}`, header: hold, status: 401, want: []string{"/problems/code-wrong"}})
	w.take(t, step{do: "POST /api/v1/session/step-up", body: `{"code":"` + code + `"}`, header: hold, status: 401, want: []string{"/problems/code-wrong"}})
	old := w.vars["session"]
	w.vars["session"] = oneCookie(t, w.take(t, step{do: "POST /api/v1/session/step-up", body: `{"code":"` + soon() + `"}`, header: hold, status: 200, want: []string{"fresh_until"}})).Value
	w.take(t, step{do: "GET /api/v1/session", header: []string{"Cookie", "cho40=" + old}, status: 401, want: []string{"/problems/session-ended"}})
	change.status, change.want = 200, []string{`"state":"approved"`}
	w.take(t, change)

	// People and keys want it too; stopping somebody does not.
	w.clock.pass(registry.StepUpLives)
	person := step{do: "POST /api/v1/people", body: `{"name":"Tâm","grants":[{"role":"volunteer","scope":"market","code":"NEAR","until":"2026-12-31"}]}`, header: hold, status: 401}
	w.take(t, person)
	w.vars["session"] = oneCookie(t, w.take(t, step{do: "POST /api/v1/session/step-up", body: `{"code":"` + soon() + `"}`, header: hold, status: 200})).Value
	person.status, person.want, person.keep = 201, []string{`"until":"2026-12-31"`, `"link":"/welcome/`}, map[string]string{"person": "id", "place": "=Location"}
	w.secret(strings.TrimPrefix(w.take(t, person).at(t, "link"), "/welcome/"))
	seen := w.take(t, step{do: "GET $place", header: hold, status: 200, want: []string{`"yours":true`}}).header.Get("ETag")
	w.clock.pass(registry.StepUpLives)
	w.take(t, step{do: "PATCH $place", body: `{"disabled":true}`, header: hold, status: 428})
	w.take(t, step{do: "PATCH $place", body: `{"disabled":true,"name":"x"}`, header: append(hold, "If-Match", seen), status: 422, want: []string{"unknown-field"}})
	w.take(t, step{do: "PATCH $place", body: `{"disabled":true}`, header: append(hold, "If-Match", seen), status: 200})
	w.take(t, step{do: "PATCH $place", body: `{"disabled":false}`, header: append(hold, "If-Match", seen), status: 412})
}

// The eleventh guess at a code or a PIN waits, from wherever it says it comes.
func TestGuessesAtCodesWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret := w.secured(t, "hạnh", "manager", "market:NEAR")
	hold := w.signIn(t, "hạnh", secret.Code(w.clock.now()))
	for name, guess := range map[string]step{
		"at the sign-in": {do: "POST /api/v1/session", body: credentials("hạnh", "000000")},
		"at the step-up": {do: "POST /api/v1/session/step-up", body: `{"code":"000000"}`, header: hold},
		"at a PIN":       {do: "POST /api/v1/session/pin", body: `{"pin":"111222"}`, header: []string{"Cookie", "cho40-phone=" + strings.Repeat("0", 64)}},
	} {
		t.Run(name, func(t *testing.T) {
			w.clock.pass(48 * time.Hour)
			if name == "at the step-up" {
				w.signIn(t, "hạnh", secret.Code(w.clock.now()))
			}
			refused := 0
			for i := range 60 {
				s := guess
				s.header = append(append([]string{}, guess.header...), "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i), "X-Real-Ip", fmt.Sprintf("203.0.113.%d", i))
				w.clock.step = 0
				a := w.do(t, s)
				switch {
				case a.status == 429:
					refused++
				case a.status != 401 || refused > 0 || i >= 30 || i >= auth.FreeFailures && name != "at a PIN": // of no phone nothing can be guessed: there only requests are counted
					t.Fatalf("guess %d: %d after %d refusals", i+1, a.status, refused)
				}
			}
			if refused == 0 {
				t.Error("nothing was refused")
			}
			w.clock.step = 2 * time.Second
		})
	}
}

// An enrolled phone through the API, as the phone's app does it; five guesses and it is over.
func TestPhoneThroughTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const volunteer = "volunteer at the stall"
	phone := oneCookie(t, w.take(t, step{as: volunteer, do: "POST /api/v1/session/phone", body: `{"pin":"270419"}`, status: 201, want: []string{"until"}}))
	w.secret(phone.Value, "270419")
	hold := []string{"Cookie", "cho40-phone=" + phone.Value}
	w.take(t, step{do: "POST /api/v1/session/pin", body: `{"pin":"270419"}`, status: 401, want: []string{"/problems/phone-ended"}}) // on another phone
	in := oneCookie(t, w.take(t, step{do: "POST /api/v1/session/pin", body: `{"pin":"270419"}`, header: hold, status: 201, want: []string{`"role":"volunteer"`}})).Value
	w.secret(in)
	w.take(t, step{do: "GET /api/v1/sessions", header: []string{"Cookie", "cho40=" + in}, status: 200, want: []string{`"by_pin":true`}})
	w.take(t, step{do: "POST /api/v1/session/phone", body: `{"pin":"270419"}`, header: []string{"Cookie", "cho40=" + in}, status: 403, want: []string{"/problems/password-needed"}})
	for i := range auth.PINTries {
		want := "/problems/pin-wrong"
		if i == auth.PINTries-1 {
			want = "/problems/phone-ended"
		}
		w.take(t, step{do: "POST /api/v1/session/pin", body: `{"pin":"111222"}`, header: hold, status: 401, want: []string{want}})
	}
	w.take(t, step{do: "POST /api/v1/session/pin", body: `{"pin":"270419"}`, header: hold, status: 401, want: []string{"/problems/phone-ended"}})
	w.take(t, step{do: "GET /api/v1/session", header: []string{"Cookie", "cho40=" + in}, status: 401})

	phone = oneCookie(t, w.take(t, step{as: volunteer, do: "POST /api/v1/session/phone", body: `{"pin":"270419"}`, status: 201}))
	hold = []string{"Cookie", "cho40-phone=" + phone.Value}
	in = oneCookie(t, w.take(t, step{do: "POST /api/v1/session/pin", body: `{"pin":"270419"}`, header: hold, status: 201})).Value
	w.secret(phone.Value, in)
	w.take(t, step{do: "DELETE /api/v1/session/pin", status: 204}) // another phone
	w.take(t, step{do: "GET /api/v1/session", header: []string{"Cookie", "cho40=" + in}, status: 200})
	w.take(t, step{do: "DELETE /api/v1/session/pin", header: hold, status: 204})
	w.take(t, step{do: "DELETE /api/v1/session/pin", header: hold, status: 204})
	w.take(t, step{do: "GET /api/v1/session", header: []string{"Cookie", "cho40=" + in}, status: 401})
	w.take(t, step{do: "POST /api/v1/session/pin", body: `{"pin":"270419"}`, header: hold, status: 401, want: []string{"/problems/phone-ended"}})
	if n := w.count(`SELECT count(*) FROM phones`) + w.count(`SELECT count(*) FROM audit_events WHERE action = 'phone.ended'`); n != 1 {
		t.Errorf("phones that are left and events of one that ended: %d, want one event", n)
	}
}

// Somebody new on a phone: the link, a password, the second factor, the codes for the paper; then in again with a code.
func TestFirstSignInInABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g, err := registry.ParseGrant("manager", "market:NEAR")
	if err != nil {
		t.Fatal(err)
	}
	_, link, err := w.auth.AddPerson(t.Context(), registry.Console(), "hanh", []registry.Grant{g}, "")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.h)
	defer server.Close()
	b := browse(t, server.URL, 360, 740)
	b.goes("/welcome/" + link)
	b.do("choose a password", chromedp.SendKeys(chromedp.CSS("#password"), goodPassword), chromedp.SendKeys(chromedp.CSS("#again"), goodPassword))
	b.submits("set the password", `form[action^="/welcome/"] button`)
	at := func(want string) {
		t.Helper()
		if got := eval[string](b, `location.pathname`); got != want {
			t.Fatalf("the browser is at %s, want %s", got, want)
		}
	}
	at("/account/second-factor")
	b.submits("begin the second factor", `form[action="/account/second-factor"] button`)
	secret := auth.Secret(eval[string](b, `document.querySelector(".secret").textContent.replaceAll(" ", "")`))
	if eval[bool](b, `document.querySelector(".factor-qr svg").getBoundingClientRect().width < 200`) {
		t.Error("the code is too small to scan")
	}
	b.do("type the code", chromedp.SendKeys(chromedp.CSS("#code"), secret.Code(w.clock.now())))
	b.submits("confirm the second factor", `form[action="/account/second-factor/code"] button`)
	if n := eval[int](b, `document.querySelectorAll(".recovery li").length`); n != auth.RecoveryCodes {
		t.Errorf("%d codes for the paper", n)
	}
	b.goes("/")
	at("/")
	b.goes("/account")
	b.goes("/people")
	b.signOut()
	w.clock.pass(time.Minute)
	b.signIn("hanh", goodPassword, secret.Code(w.clock.now()))

	// An account to change, once the code of the sign-in is too old: it is asked for beside the digits.
	w.take(t, step{as: "clerk", do: "POST " + near + "/stalls", body: stallJSON("A-1", "A", "Lý Minh Tâm", "0712345678"), status: 201, keep: map[string]string{"first": "accounts.0.id"}})
	etag := w.take(t, step{as: "clerk", do: "GET /api/v1/accounts/$first", status: 200}).header.Get("ETag")
	w.take(t, step{as: "officer", do: "POST /api/v1/accounts/$first/decision", body: `{"decision":"approve"}`, header: []string{"If-Match", etag}, status: 200})
	w.take(t, step{as: "clerk", do: "POST " + near + "/stalls/A-1/accounts", body: `{"provider":"viettel_money","number":"0712345679"}`, status: 201})
	w.clock.pass(registry.StepUpLives)
	b.goes("/markets/NEAR/approvals")
	b.do("type the digits only", chromedp.SendKeys(chromedp.CSS(`form.change [name=last_digits]`), "345679"))
	b.submits("approve without a code", `form.change button[value=approve]`)
	b.do("type the code", chromedp.SendKeys(chromedp.CSS("#step_up"), secret.Code(w.clock.now())))
	b.submits("go on with a code", `main form button`)
	if n := w.count(`SELECT count(*) FROM account_decisions WHERE decision = 'superseded'`); n != 1 {
		t.Errorf("%d accounts are superseded, want 1", n)
	}
}
