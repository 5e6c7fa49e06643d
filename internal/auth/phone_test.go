package auth_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/auth"
	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

const pin = "270419"

func TestEnrolledPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	volunteer := grant("volunteer", "market:VT")
	w.person(t, "Mai", volunteer)
	w.person(t, "Hai Vai", volunteer, clerkVT)
	enrol := func(t *testing.T, name, pin string) (string, error) {
		t.Helper()
		phone, until, err := w.EnrolPhone(ctx, w.open(t, w.signIn(t, name)), pin, "Chrome, Android")
		if err == nil && !until.Equal(w.now().Add(14*24*time.Hour)) {
			t.Errorf("until %v", until)
		}
		return phone, err
	}
	must := func(t *testing.T) string {
		t.Helper()
		phone, err := enrol(t, "Mai", pin)
		if err != nil {
			t.Fatal(err)
		}
		return phone
	}
	by := func(phone, pin string) (string, error) { return w.SignInByPIN(ctx, phone, pin, "", "Chrome, Android") }

	for name, weak := range map[string]string{"five digits": "12345", "letters": "27041a", "a row": "123456", "a row back": "987654", "one digit": "000000", "a repeat": "121212", "twice": "275275", "other digits": "٢٧٠٤١٩"} {
		t.Run("a PIN of "+name, func(t *testing.T) {
			_, err := enrol(t, "Mai", weak)
			wantCode(t, err, "pin-weak")
		})
	}
	t.Run("is a volunteer's only", func(t *testing.T) {
		_, err := enrol(t, "Hai Vai", pin)
		wantCode(t, err, "phones-for-volunteers")
	})
	t.Run("opens sessions for fourteen days", func(t *testing.T) {
		phone := must(t)
		if p, err := w.OpenPhone(ctx, phone); err != nil || p.Name != "Mai" || p.PhoneUntil == nil {
			t.Errorf("%+v, %v", p, err)
		}
		token, err := by(phone, " "+pin+" ")
		if err != nil {
			t.Fatal(err)
		}
		s := w.open(t, token)
		if !s.ByPIN || s.Name != "Mai" || s.SteppedUp.After(time.Time{}) {
			t.Errorf("%+v", s)
		}
		_, _, err = w.EnrolPhone(ctx, s, pin, "")
		wantCode(t, err, "password-needed") // a found phone does not last for ever
		w.pass(auth.SessionIdle)
		_, err = w.Session(ctx, token, "")
		wantCode(t, err, "session-ended")
		w.pass(auth.PhoneLife - auth.SessionIdle - time.Second)
		if _, err := by(phone, pin); err != nil {
			t.Errorf("on the last day: %v", err)
		}
		w.pass(time.Second)
		_, err = by(phone, pin)
		wantCode(t, err, "phone-ended")
	})
	t.Run("five wrong tries end it", func(t *testing.T) {
		phone := must(t)
		for i := range 4 {
			_, err := by(phone, "111222")
			wantCode(t, err, "pin-wrong")
			if i == 2 { // a right one begins the count afresh
				if _, err := by(phone, pin); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 3 {
			_, err := by(phone, "111222")
			wantCode(t, err, "pin-wrong")
		}
		token, err := by(phone, "111222")
		wantCode(t, err, "phone-ended")
		if _, err := by(phone, pin); fault.CodeOf(err) != "phone-ended" || token != "" {
			t.Errorf("the right one afterwards: %v", err)
		}
	})
	t.Run("all at once no more than one by one", func(t *testing.T) {
		w.pass(time.Hour)
		phone := must(t)
		var wg sync.WaitGroup
		var mu sync.Mutex
		codes := map[string]int{}
		for range 12 {
			wg.Go(func() {
				_, err := by(phone, "111222")
				mu.Lock()
				defer mu.Unlock()
				codes[fault.CodeOf(err)]++
			})
		}
		wg.Wait()
		if codes["pin-wrong"] > 4 || codes[""] > 0 || codes["pin-wrong"]+codes["phone-ended"] != 12 {
			t.Errorf("answers: %v", codes)
		}
	})
	t.Run("a new phone takes the old one's place", func(t *testing.T) {
		w.pass(time.Hour)
		old := must(t)
		token, err := by(old, pin)
		if err != nil {
			t.Fatal(err)
		}
		phone := must(t)
		_, err = by(old, pin)
		wantCode(t, err, "phone-ended")
		_, err = w.Session(ctx, token, "")
		wantCode(t, err, "session-ended")
		if _, err := by(phone, pin); err != nil {
			t.Error(err)
		}
	})
	manager := w.actor(t, "quản lý", managerVT)
	for name, end := range map[string]func() error{
		"lost, ended by the manager": func() error { _, err := w.EndPhone(ctx, manager, "Mai"); return err },
		"lost, ended by its owner": func() error {
			return w.EndOwnPhone(ctx, w.open(t, w.signIn(t, "Mai")).Actor)
		},
		"a new password": func() error {
			link, err := w.NewLink(ctx, manager, "Mai")
			if err == nil {
				err = w.SetPassword(ctx, link, goodPassword)
			}
			return err
		},
		"another role": func() error {
			_, err := w.SetGrants(ctx, manager, "Mai", []registry.Grant{volunteer, grant("leader", "market:VT")})
			if err == nil {
				_, err = w.SetGrants(ctx, manager, "Mai", []registry.Grant{volunteer})
			}
			return err
		},
		"not allowed in any more": func() error {
			_, err := w.Disable(ctx, manager, "Mai")
			if err == nil {
				_, err = w.Enable(ctx, manager, "Mai")
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w.pass(time.Hour)
			phone := must(t)
			token, err := by(phone, pin)
			if err != nil {
				t.Fatal(err)
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			_, err = w.Session(ctx, token, "")
			wantCode(t, err, "session-ended")
			_, err = by(phone, pin)
			wantCode(t, err, "phone-ended")
		})
	}
	t.Run("ended by somebody who may not", func(t *testing.T) {
		_, err := w.EndPhone(ctx, w.actor(t, "thư ký", clerkVT), "Mai")
		wantCode(t, err, "grant-not-allowed")
	})
	t.Run("a role that was added to the record only", func(t *testing.T) {
		w.pass(time.Hour)
		phone := must(t)
		w.exec(t, `UPDATE grants SET role = 'clerk' WHERE ends_at IS NULL AND person_id = (SELECT id FROM people WHERE name = 'Mai')`)
		_, err := by(phone, pin)
		wantCode(t, err, "phone-ended")
	})
	for name, text := range hostile {
		if _, err := by(text, text); fault.CodeOf(err) != "phone-ended" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, e := range w.events(t) {
		if strings.Contains(e, pin) || strings.Contains(e, "Mai") {
			t.Errorf("the record tells: %s", e)
		}
	}
}
