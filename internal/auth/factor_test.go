package auth_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/auth"
	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

// secured adds somebody with goodPassword and a second factor.
func (w *world) secured(t *testing.T, name string, grants ...registry.Grant) auth.Secret {
	t.Helper()
	w.person(t, name, grants...)
	secret, err := w.IssueFactor(t.Context(), registry.Console(), name)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// withCode is a sign-in with goodPassword and a code.
func (w *world) withCode(t *testing.T, name, code string) (string, error) {
	t.Helper()
	in, err := w.SignIn(t.Context(), auth.Attempt{Name: name, Password: goodPassword, Code: code})
	if err == nil && in.Door != "" {
		t.Fatalf("%s is asked for a code although there is one", name)
	}
	return in.Session, err
}

func (w *world) in(t *testing.T, name string, secret auth.Secret) (string, auth.Session) {
	t.Helper()
	w.pass(time.Minute) // so that no code was used before
	token, err := w.withCode(t, name, secret.Code(w.now()))
	if err != nil {
		t.Fatal(err)
	}
	return token, w.open(t, token)
}

func (w *world) open(t *testing.T, token string) auth.Session {
	t.Helper()
	by, err := w.Session(t.Context(), token, "")
	if err != nil {
		t.Fatal(err)
	}
	return by
}

// The times and codes of RFC 6238, appendix B, for SHA-1; apps show the last six of the eight digits.
func TestCodesOfTheRFC(t *testing.T) {
	t.Parallel()
	secret := auth.Secret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ") // "12345678901234567890"
	for at, want := range map[int64]string{59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924",
		2000000000: "69279037", 20000000000: "65353130"} {
		if got := secret.Code(time.Unix(at, 0)); got != want[2:] {
			t.Errorf("at %d: %s, want %s", at, got, want[2:])
		}
	}
	if got := secret.URI("Lý Tâm/1"); got != "otpauth://totp/cho40:L%C3%BD%20T%C3%A2m%2F1?secret="+string(secret)+"&issuer=cho40" {
		t.Error(got)
	}
	if got := secret.Groups(); got != "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ" {
		t.Error(got)
	}
}

func TestSignInWithACode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	secret := w.secured(t, "Lan", managerVT)
	code := func(off time.Duration) string { return secret.Code(w.now().Add(off)) }
	w.at = w.at.Add(15 * time.Second) // the middle of a step
	for _, tt := range []struct {
		name string
		code func() string
		want string
	}{
		{"two steps late", func() string { return code(-time.Minute) }, "code-wrong"},
		{"two steps early", func() string { return code(time.Minute) }, "code-wrong"},
		{"a step late", func() string { return code(-30 * time.Second) }, ""},
		{"that one again", func() string { return code(-30 * time.Second) }, "code-wrong"},
		{"right, with a blank in it", func() string { c := code(0); return " " + c[:3] + " " + c[3:] }, ""},
		{"that one again", func() string { return code(0) }, "code-wrong"},
		{"the one before it", func() string { return code(-30 * time.Second) }, "code-wrong"},
		{"a step early", func() string { return code(30 * time.Second) }, ""},
		{"other digits", func() string { return strings.Map(func(r rune) rune { return '0' + (r-'0'+1)%10 }, code(0)) }, "code-wrong"},
		{"words", func() string { return "trâu bò" }, "code-wrong"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token, err := w.withCode(t, "Lan", tt.code())
			wantCode(t, err, tt.want)
			if err == nil {
				if by := w.open(t, token); !by.HasFactor || by.MustEnrol || !by.SteppedUp.Equal(w.now()) {
					t.Errorf("session = %+v", by)
				}
			}
		})
	}
	t.Run("a wrong password tells nothing of the code", func(t *testing.T) {
		w.pass(time.Minute)
		_, err := w.SignIn(ctx, auth.Attempt{Name: "Lan", Password: otherPassword, Code: code(0)})
		wantCode(t, err, "sign-in-failed")
		if _, err := w.withCode(t, "Lan", code(0)); err != nil {
			t.Errorf("the code was used up by a wrong password: %v", err)
		}
	})
	t.Run("without a code a door", func(t *testing.T) {
		w.pass(time.Minute)
		in, err := w.SignIn(ctx, auth.Attempt{Name: "Lan", Password: goodPassword})
		if err != nil || in.Session != "" || in.Door == "" {
			t.Fatalf("%+v, %v", in, err)
		}
		_, err = w.Session(ctx, in.Door, "")
		wantCode(t, err, "session-ended") // it opens nothing by itself
		_, err = w.Pass(ctx, in.Door, auth.Attempt{Code: "000000"})
		wantCode(t, err, "code-wrong")
		token, err := w.Pass(ctx, in.Door, auth.Attempt{Code: code(0)})
		if err != nil {
			t.Fatal(err)
		}
		w.open(t, token)
		_, err = w.Pass(ctx, in.Door, auth.Attempt{Code: code(30 * time.Second)})
		wantCode(t, err, "door-shut")
	})
	t.Run("a door shuts", func(t *testing.T) {
		w.pass(time.Minute)
		door := func() string {
			in, err := w.SignIn(ctx, auth.Attempt{Name: "Lan", Password: goodPassword})
			if err != nil {
				t.Fatal(err)
			}
			return in.Door
		}
		late, tried, reset := door(), door(), door()
		for range auth.DoorTries {
			_, err := w.Pass(ctx, tried, auth.Attempt{Code: "000000"})
			wantCode(t, err, "code-wrong")
		}
		_, err := w.Pass(ctx, tried, auth.Attempt{Code: code(0)})
		wantCode(t, err, "door-shut")
		if _, err := w.Disable(ctx, registry.Console(), "Lan"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Enable(ctx, registry.Console(), "Lan"); err != nil {
			t.Fatal(err)
		}
		_, err = w.Pass(ctx, reset, auth.Attempt{Code: code(0)})
		wantCode(t, err, "door-shut")
		w.pass(auth.DoorLife)
		_, err = w.Pass(ctx, late, auth.Attempt{Code: code(0)})
		wantCode(t, err, "door-shut")
		for name, text := range hostile {
			if _, err := w.Pass(ctx, text, auth.Attempt{Code: text}); fault.CodeOf(err) != "door-shut" {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := w.withCode(t, "Lan", text+"x"); fault.KindOf(err) != fault.Unauthenticated && fault.KindOf(err) != fault.TooMany {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// Who knows the password guesses no more codes than the brake lets through, and the right password does not let it go.
func TestCodesAreThrottled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret := w.secured(t, "Lan", managerVT)
	for range auth.FreeFailures {
		if in, err := w.SignIn(t.Context(), auth.Attempt{Name: "Lan", Password: goodPassword}); err != nil || in.Door == "" {
			t.Fatal(in, err)
		}
		_, err := w.withCode(t, "Lan", "000000")
		wantCode(t, err, "code-wrong")
	}
	_, err := w.withCode(t, "Lan", secret.Code(w.now()))
	wantCode(t, err, "sign-in-throttled")
	w.pass(auth.FirstDelay)
	if _, err := w.withCode(t, "Lan", secret.Code(w.now())); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

func TestOneCodeForOneSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	secret := w.secured(t, "Lan", managerVT)
	a, by := w.in(t, "Lan", secret)
	w.pass(time.Minute)
	b, other := w.in(t, "Lan", secret)
	w.pass(time.Minute)
	code := secret.Code(w.now())
	tokens := make(chan string, 2)
	tokens <- a
	tokens <- b
	got := w.crossing(t, `SELECT 1 FROM people FOR UPDATE`, 2, func() error {
		token := <-tokens
		who := by
		if token == b {
			who = other
		}
		_, err := w.StepUp(ctx, who.Actor, token, code, "")
		return err
	})
	if got[""] != 1 || got["code-wrong"] != 1 {
		t.Errorf("answers: %v, want one that worked and one code-wrong", got)
	}
}

func TestStepUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	secret := w.secured(t, "Lan", managerVT)
	token, by := w.in(t, "Lan", secret)
	t.Run("five minutes and no longer", func(t *testing.T) {
		w.pass(registry.StepUpLives)
		if err := w.open(t, token).Fresh(w.now()); err != nil {
			t.Errorf("after five minutes: %v", err)
		}
		w.pass(time.Microsecond)
		wantCode(t, w.open(t, token).Fresh(w.now()), "step-up-needed")
	})
	t.Run("what makes people wants it, what stops them does not", func(t *testing.T) {
		w.person(t, "Mai", clerkVT)
		_, key, err := w.AddKey(ctx, registry.Console(), "máy", []registry.Grant{clerkVT}, 0)
		if err != nil {
			t.Fatal(err)
		}
		old := w.open(t, token).Actor
		_, _, err = w.AddPerson(ctx, old, "Bé", []registry.Grant{clerkVT}, "")
		wantCode(t, err, "step-up-needed")
		_, err = w.SetGrants(ctx, old, "Mai", []registry.Grant{grant("leader", "market:VT")})
		wantCode(t, err, "step-up-needed")
		_, err = w.NewLink(ctx, old, "Mai")
		wantCode(t, err, "step-up-needed")
		_, err = w.ResetFactor(ctx, old, "Mai")
		wantCode(t, err, "step-up-needed")
		_, _, err = w.AddKey(ctx, old, "k", []registry.Grant{clerkVT}, 0)
		wantCode(t, err, "step-up-needed")
		_, _, err = w.RotateKey(ctx, old, key.Prefix)
		wantCode(t, err, "step-up-needed")
		_, err = w.BeginFactor(ctx, old)
		wantCode(t, err, "step-up-needed")
		_, err = w.NewRecoveryCodes(ctx, old)
		wantCode(t, err, "step-up-needed")
		_, err = w.Disable(ctx, old, "Mai")
		wantCode(t, err, "")
		_, err = w.Enable(ctx, old, "Mai")
		wantCode(t, err, "step-up-needed")
		_, err = w.RevokeKey(ctx, old, key.Prefix)
		wantCode(t, err, "")
	})
	t.Run("a new token each time", func(t *testing.T) {
		_, err := w.StepUp(ctx, by.Actor, token, "000000", "")
		wantCode(t, err, "code-wrong")
		renewed, err := w.StepUp(ctx, by.Actor, token, secret.Code(w.now()), "")
		if err != nil || renewed == token {
			t.Fatalf("renewed: %v, %v", renewed == token, err)
		}
		_, err = w.Session(ctx, token, "")
		wantCode(t, err, "session-ended")
		wantCode(t, w.open(t, renewed).Fresh(w.now()), "")
		token = renewed
	})
	t.Run("of a session that is somebody else's or over", func(t *testing.T) {
		w.pass(time.Minute)
		w.person(t, "Tư", clerkVT)
		theirs := w.signIn(t, "Tư")
		_, err := w.StepUp(ctx, by.Actor, theirs, secret.Code(w.now()), "")
		wantCode(t, err, "session-ended")
		w.open(t, theirs)
	})
	t.Run("without a second factor", func(t *testing.T) {
		theirs := w.signIn(t, "Tư")
		_, err := w.StepUp(ctx, w.open(t, theirs).Actor, theirs, "000000", "")
		wantCode(t, err, "no-second-factor")
	})
	t.Run("the eleventh guess waits", func(t *testing.T) {
		w.pass(time.Minute)
		for range auth.FreeFailures {
			_, err := w.StepUp(ctx, by.Actor, token, "000000", "")
			wantCode(t, err, "code-wrong")
		}
		_, err := w.StepUp(ctx, by.Actor, token, secret.Code(w.now()), "")
		wantCode(t, err, "sign-in-throttled")
		w.in(t, "Lan", secret) // who guesses in a stolen session does not lock the owner out
	})
}

func TestSettingUpASecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.person(t, "Lan", managerVT)
	token := w.signIn(t, "Lan")
	by := w.open(t, token)
	if !by.MustEnrol || by.HasFactor {
		t.Fatalf("a manager without one: %+v", by)
	}
	elsewhere := w.signIn(t, "Lan")
	_, _, err := w.ConfirmFactor(ctx, by.Actor, token, "000000")
	wantCode(t, err, "no-set-up")
	first, err := w.BeginFactor(ctx, by.Actor)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := w.BeginFactor(ctx, by.Actor)
	if f, ferr := w.Factor(ctx, by.Actor); err != nil || ferr != nil || f.SettingUp != secret || f.On || !f.Needed || first == secret || len(secret) != 32 {
		t.Fatalf("%+v, %v, %v", f, err, ferr)
	}
	_, _, err = w.ConfirmFactor(ctx, by.Actor, token, first.Code(w.now()))
	wantField(t, err, "wrong")
	renewed, paper, err := w.ConfirmFactor(ctx, by.Actor, token, secret.Code(w.now()))
	if err != nil || len(paper) != auth.RecoveryCodes || renewed == token {
		t.Fatal(paper, err)
	}
	for _, old := range []string{token, elsewhere} {
		_, err = w.Session(ctx, old, "")
		wantCode(t, err, "session-ended")
	}
	if by = w.open(t, renewed); by.MustEnrol || !by.HasFactor || by.Fresh(w.now()) != nil {
		t.Errorf("afterwards: %+v", by)
	}
	_, err = w.withCode(t, "Lan", secret.Code(w.now()))
	wantCode(t, err, "code-wrong") // it was used to set up

	t.Run("codes on paper work once each", func(t *testing.T) {
		for _, typed := range []string{paper[0], strings.ToUpper(strings.ReplaceAll(paper[1], "-", " ")), strings.NewReplacer("0", "o", "1", "l").Replace(paper[2])} {
			if _, err := w.withCode(t, "Lan", typed); err != nil {
				t.Errorf("%q: %v", typed, err)
			}
			_, err := w.withCode(t, "Lan", typed)
			wantCode(t, err, "code-wrong")
		}
		if f, err := w.Factor(ctx, by.Actor); err != nil || f.Recovery != auth.RecoveryCodes-3 || !f.On || f.SettingUp != "" {
			t.Errorf("%+v, %v", f, err)
		}
		w.secured(t, "Mai", managerVT)
		_, err := w.withCode(t, "Mai", paper[3])
		wantCode(t, err, "code-wrong") // they are Lan's
		fresh, err := w.NewRecoveryCodes(ctx, by.Actor)
		if err != nil || len(fresh) != auth.RecoveryCodes {
			t.Fatal(err)
		}
		_, err = w.withCode(t, "Lan", paper[4])
		wantCode(t, err, "code-wrong")
		if _, err := w.withCode(t, "Lan", fresh[0]); err != nil {
			t.Error(err)
		}
	})
	t.Run("a new phone takes the old one's place", func(t *testing.T) {
		_, by := w.in(t, "Lan", secret)
		next, err := w.BeginFactor(ctx, by.Actor)
		if err != nil {
			t.Fatal(err)
		}
		w.in(t, "Lan", secret) // until then the old one counts
		w.pass(15 * time.Minute)
		token, by := w.in(t, "Lan", secret)
		_, _, err = w.ConfirmFactor(ctx, by.Actor, token, next.Code(w.now()))
		wantCode(t, err, "no-set-up") // that took too long
		if next, err = w.BeginFactor(ctx, by.Actor); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.ConfirmFactor(ctx, by.Actor, token, next.Code(w.now())); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
		_, err = w.withCode(t, "Lan", secret.Code(w.now()))
		wantCode(t, err, "code-wrong")
		secret = next
	})
	t.Run("lost with the paper", func(t *testing.T) {
		officer := w.actor(t, "cán bộ", grant("officer", "area:92"))
		leader := w.actor(t, "tổ trưởng", grant("leader", "market:VT"))
		_, err := w.ResetFactor(ctx, leader, "Lan")
		wantCode(t, err, "grant-not-allowed")
		_, err = w.IssueFactor(ctx, officer, "Lan")
		wantCode(t, err, "grant-not-allowed") // a secret is handed over at the console only
		token, _ := w.in(t, "Lan", secret)
		if p, err := w.ResetFactor(ctx, officer, "Lan"); err != nil || p.HasFactor {
			t.Fatal(p, err)
		}
		_, err = w.Session(ctx, token, "")
		wantCode(t, err, "session-ended")
		if by := w.open(t, w.signIn(t, "Lan")); !by.MustEnrol {
			t.Errorf("%+v", by)
		}
	})
	events := w.events(t)
	for _, want := range []string{"factor.set_up", "factor.recovery_made", "factor.reset", "factor.issued", "session.began"} {
		if !slices.ContainsFunc(events, func(e string) bool { return strings.Contains(e, " "+want+" ") }) {
			t.Errorf("no %s in the record", want)
		}
	}
	for _, e := range events {
		if strings.Contains(e, string(secret)) || strings.Contains(e, paper[0]) || strings.Contains(e, "Lan") {
			t.Errorf("the record tells: %s", e)
		}
	}
}

// Which roles must have a second factor, and that invented people are let off.
func TestWhoNeedsASecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: "DEMO", Name: "Chợ Mẫu", Area: "31", Demo: true}); err != nil {
		t.Fatal(err)
	}
	w.exec(t, `UPDATE markets SET area_code = '92' WHERE code = 'HP'`) // so that province 31 has invented people only
	for i, tt := range []struct {
		role, scope string
		must        bool
	}{
		{"clerk", "market:VT", false}, {"volunteer", "market:VT", false}, {"leader", "market:VT", false},
		{"manager", "market:VT", true}, {"officer", "area:92", true}, {"officer", "all", true}, {"partner", "provider:vcb", true},
		{"auditor", "all", true}, {"auditor", "area:92", true}, {"admin", "all", true},
		{"manager", "market:DEMO", false}, {"officer", "area:31", false}, {"auditor", "area:31", false},
	} {
		t.Run(tt.role+" over "+tt.scope, func(t *testing.T) {
			name := string(rune('a' + i))
			w.person(t, name, grant(tt.role, tt.scope))
			by := w.open(t, w.signIn(t, name))
			if by.MustEnrol != tt.must {
				t.Errorf("must enrol: %v, want %v", by.MustEnrol, tt.must)
			}
			if err := by.Fresh(w.now()); (err == nil) != (tt.scope == "market:DEMO" || tt.scope == "area:31") {
				t.Errorf("fresh: %v", err)
			}
		})
	}
	// A real market opens where there were invented people only.
	token := w.signIn(t, "l")
	w.exec(t, `UPDATE markets SET area_code = '31' WHERE code = 'HP'`)
	if by := w.open(t, token); !by.MustEnrol || by.Fresh(w.now()) == nil {
		t.Errorf("an officer who reaches a real market now: %+v", by)
	}
	// And one role in a real market is enough.
	w.person(t, "hai nơi", grant("manager", "market:DEMO"), clerkVT)
	if by := w.open(t, w.signIn(t, "hai nơi")); !by.MustEnrol {
		t.Errorf("%+v", by)
	}
}

func TestOwnSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.person(t, "Lan", clerkVT)
	w.person(t, "Mai", clerkVT)
	theirs := w.signIn(t, "Mai")
	old := w.signIn(t, "Lan")
	w.pass(time.Minute)
	in, err := w.SignIn(ctx, auth.Attempt{Name: "Lan", Password: goodPassword, Agent: "Chrome, Android"})
	if err != nil {
		t.Fatal(err)
	}
	by := w.open(t, in.Session).Actor
	all, err := w.Sessions(ctx, by, in.Session)
	if err != nil || len(all) != 2 || !all[0].Current || all[1].Current || all[0].Agent != "Chrome, Android" || strings.Contains(in.Session, all[0].ID) {
		t.Fatalf("%+v, %v", all, err)
	}
	others, err := w.Sessions(ctx, w.open(t, theirs).Actor, theirs)
	if err != nil || len(others) != 1 {
		t.Fatal(others, err)
	}
	wantCode(t, w.EndSession(ctx, by, others[0].ID), "session-not-found")
	wantCode(t, w.EndSession(ctx, by, all[1].ID), "")
	wantCode(t, w.EndSession(ctx, by, all[1].ID), "session-not-found")
	_, err = w.Session(ctx, old, "")
	wantCode(t, err, "session-ended")
	w.open(t, theirs)
	_, err = w.Sessions(ctx, registry.Actor{ID: "key:0193"}, "")
	wantCode(t, err, "people-only")
}
