package auth_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/auth"
	"cho40/internal/fault"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"

	"golang.org/x/text/unicode/norm"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.person(t, "Lý Minh Tâm", clerkVT)
	w.actor(t, "Chưa Có", clerkVT) // no password yet
	for _, tt := range []struct {
		name, person, password string
		want                   string
	}{
		{"right", "Lý Minh Tâm", goodPassword, ""},
		{"other case, blanks around", " LÝ MINH  TÂM ", goodPassword, ""},
		{"both decomposed, as a Mac types", norm.NFD.String("Lý Minh Tâm"), norm.NFD.String(goodPassword), ""},
		{"wrong password", p.Name, otherPassword, "sign-in-failed"},
		{"password in capitals", p.Name, strings.ToUpper(goodPassword), "sign-in-failed"},
		{"no password", p.Name, "", "sign-in-failed"},
		{"the password and more", p.Name, goodPassword + strings.Repeat(" ", 3000), "sign-in-failed"},
		{"unknown name", "Không Ai", goodPassword, "sign-in-failed"},
		{"name without accents", "Ly Minh Tam", goodPassword, "sign-in-failed"},
		{"who has no password yet", "Chưa Có", "", "sign-in-failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token, err := w.enter(t.Context(), tt.person, tt.password, "")
			wantCode(t, err, tt.want)
			if err != nil {
				if f, _ := fault.As(err); f.Detail.Format != "The name or the password is not right." || token != "" {
					t.Errorf("another answer: %v, token %q", f, token)
				}
				return
			}
			by, err := w.Session(t.Context(), token, "req-1")
			if err != nil || by.ID != "person:"+p.ID.String() || by.Name != p.Name || by.Via != "web" || by.RequestID != "req-1" || len(by.Grants) != 1 || by.Grants[0] != clerkVT {
				t.Errorf("actor = %+v, %v", by, err)
			}
		})
	}
}

func TestSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.person(t, "Lan", clerkVT)
	lives := func(t *testing.T, token string, want bool) {
		t.Helper()
		_, err := w.Session(ctx, token, "")
		if got := err == nil; got != want || err != nil && fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("lives: %v, %v; want %v", got, err, want)
		}
	}

	t.Run("each sign-in has its own", func(t *testing.T) {
		a, b := w.signIn(t, "Lan"), w.signIn(t, "Lan")
		if a == b {
			t.Fatal("the same session twice")
		}
		if err := w.SignOut(ctx, a); err != nil {
			t.Fatal(err)
		}
		lives(t, a, false)
		lives(t, b, true)
		if err := w.SignOut(ctx, a); err != nil {
			t.Errorf("signing out twice: %v", err)
		}
	})
	t.Run("ends when idle", func(t *testing.T) {
		token := w.signIn(t, "Lan")
		w.pass(auth.SessionIdle - time.Second)
		lives(t, token, true)
		w.pass(auth.SessionIdle - time.Second)
		lives(t, token, true)
		w.pass(auth.SessionIdle)
		lives(t, token, false)
	})
	t.Run("ends after twelve hours of work", func(t *testing.T) {
		token := w.signIn(t, "Lan")
		for range 47 {
			w.pass(15 * time.Minute)
			lives(t, token, true)
		}
		w.pass(15 * time.Minute)
		lives(t, token, false)
	})
	t.Run("is written once a minute", func(t *testing.T) {
		token := w.signIn(t, "Lan")
		seen := func() int {
			return w.count(t, `SELECT count(DISTINCT seen_at)::int FROM sessions WHERE seen_at > created_at`)
		}
		w.pass(59 * time.Second)
		lives(t, token, true)
		before := seen()
		w.pass(time.Second)
		lives(t, token, true)
		if after := seen(); before != 0 || after != 1 {
			t.Errorf("written %d times within a minute, %d after it", before, after)
		}
	})
	t.Run("old ones go at the next sign-in", func(t *testing.T) {
		w.pass(24 * time.Hour)
		w.signIn(t, "Lan")
		if n := w.count(t, `SELECT count(*)::int FROM sessions`); n != 1 {
			t.Errorf("%d sessions, want 1", n)
		}
	})
	t.Run("a grant that ends shows at once", func(t *testing.T) {
		token := w.signIn(t, "Lan")
		w.exec(t, `UPDATE grants SET ends_at = $1`, w.now().Add(time.Minute))
		if by, err := w.Session(ctx, token, ""); err != nil || len(by.Grants) != 1 {
			t.Errorf("before: %v, %v", by.Grants, err)
		}
		w.pass(time.Minute)
		if by, err := w.Session(ctx, token, ""); err != nil || len(by.Grants) != 0 {
			t.Errorf("after: %v, %v", by.Grants, err)
		}
	})
	t.Run("a change of grants ends it", func(t *testing.T) {
		token := w.signIn(t, "Lan")
		if _, err := w.SetGrants(ctx, registry.Console(), "Lan", []registry.Grant{managerVT}); err != nil {
			t.Fatal(err)
		}
		lives(t, token, false)
		if by, err := w.Session(ctx, w.signIn(t, "Lan"), ""); err != nil || len(by.Grants) != 1 || by.Grants[0] != managerVT {
			t.Errorf("grants = %v, %v", by.Grants, err)
		}
	})
	t.Run("of somebody who may not come in", func(t *testing.T) {
		token := w.signIn(t, "Lan")
		w.exec(t, `UPDATE people SET disabled_at = now()`)
		lives(t, token, false)
	})
	t.Run("no session", func(t *testing.T) {
		lives(t, strings.Repeat("0", 64), false)
		lives(t, "", false)
	})
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person(t, "Lan", clerkVT)
	w.person(t, "Mai Ly", clerkVT)
	ctx := t.Context()
	try := func(name, password, address string) error {
		_, err := w.enter(ctx, name, password, address)
		return err
	}
	wantWait := func(t *testing.T, err error, want time.Duration) {
		t.Helper()
		f, ok := fault.As(err)
		if !ok || f.Kind != fault.TooMany || f.RetryAfter != want {
			t.Errorf("err = %v, want to wait %v", err, want)
		}
	}

	t.Run("a name, from anywhere", func(t *testing.T) {
		for i := range 10 {
			wantCode(t, try("lan", otherPassword, fmt.Sprintf("198.51.100.%d", i)), "sign-in-failed")
		}
		wantWait(t, try("Lan", goodPassword, "198.51.100.99"), 30*time.Second) // the eleventh, though it is right
		if err := try("Mai Ly", goodPassword, "198.51.100.1"); err != nil {
			t.Errorf("somebody else: %v", err)
		}
		w.pass(29 * time.Second)
		wantWait(t, try("Lan", goodPassword, ""), time.Second) // and waiting does not start afresh
		for _, delay := range []time.Duration{1, 2, 4, 8, 15, 15} {
			w.pass(15 * time.Minute)
			wantCode(t, try("Lan", otherPassword, ""), "sign-in-failed")
			wantWait(t, try("Lan", goodPassword, ""), delay*time.Minute)
		}
		w.pass(15 * time.Minute)
		if err := try("Lan", goodPassword, ""); err != nil {
			t.Errorf("after the wait: %v", err)
		}
		wantCode(t, try("Lan", otherPassword, ""), "sign-in-failed")
		if err := try("Lan", goodPassword, ""); err != nil {
			t.Errorf("a success forgets the failures: %v", err)
		}
	})
	t.Run("an unknown name, alike", func(t *testing.T) {
		for range 10 {
			wantCode(t, try("không ai", otherPassword, ""), "sign-in-failed")
		}
		wantWait(t, try("không ai", otherPassword, ""), 30*time.Second)
	})
	t.Run("an address, with any name", func(t *testing.T) {
		for i := range 10 {
			wantCode(t, try(fmt.Sprint("tên ", i), otherPassword, "203.0.113.5"), "sign-in-failed")
		}
		wantWait(t, try("Lan", goodPassword, "::ffff:203.0.113.5"), 30*time.Second)
		if err := try("Lan", goodPassword, "203.0.113.6"); err != nil {
			t.Errorf("another address: %v", err)
		}
	})
	t.Run("IPv6, by what one subscriber holds", func(t *testing.T) {
		for i := range 10 {
			wantCode(t, try(fmt.Sprint("name ", i), otherPassword, fmt.Sprintf("2001:db8:1:2::%x", i)), "sign-in-failed")
		}
		wantWait(t, try("Lan", goodPassword, "2001:db8:1:2:ffff::1"), 30*time.Second)
		if err := try("Lan", goodPassword, "2001:db8:1:3::1"); err != nil {
			t.Errorf("the neighbour: %v", err)
		}
	})
	t.Run("all at once, another service too", func(t *testing.T) {
		services := []*auth.Service{auth.New(w.db, w.now), auth.New(w.db, w.now)}
		var wg sync.WaitGroup
		var mu sync.Mutex
		codes := map[string]int{}
		for i := range 30 {
			wg.Go(func() {
				_, err := services[i%2].SignIn(ctx, auth.Attempt{Name: "Mai Ly", Password: otherPassword})
				for fault.CodeOf(err) == "sign-in-busy" { // a slow machine says: try again soon
					_, err = services[i%2].SignIn(ctx, auth.Attempt{Name: "Mai Ly", Password: otherPassword})
				}
				mu.Lock()
				defer mu.Unlock()
				codes[fault.CodeOf(err)]++
			})
		}
		wg.Wait()
		if codes["sign-in-failed"] != 10 || codes["sign-in-throttled"] != 20 {
			t.Errorf("answers: %v, want 10 failed and 20 throttled", codes)
		}
	})
	t.Run("a new password lets its owner in", func(t *testing.T) {
		link, err := w.NewLink(ctx, registry.Console(), "Mai Ly")
		if err == nil {
			err = w.SetPassword(ctx, link, goodPassword)
		}
		if err = errors.Join(err, try("Mai Ly", goodPassword, "")); err != nil {
			t.Error(err)
		}
	})
	t.Run("nothing is kept for more than a day", func(t *testing.T) {
		w.pass(24 * time.Hour)
		w.signIn(t, "Lan")
		if n := w.count(t, `SELECT count(*)::int FROM sign_in_failures`); n != 0 {
			t.Errorf("%d rows", n)
		}
	})
}

// crossing runs something in n goroutines while a transaction holds a lock that all must wait for, and lets go when all do.
func (w *world) crossing(t *testing.T, hold string, n int, do func() error) (codes map[string]int) {
	t.Helper()
	ctx := t.Context()
	tx, err := w.db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, hold); err != nil {
		t.Fatal(err)
	}
	errs := make(chan error, n)
	for range n {
		go func() { errs <- do() }()
	}
	for waiting := 0; waiting < n; {
		if len(errs) > 0 {
			t.Fatalf("one did not wait: %v", <-errs)
		}
		if _, err := tx.Exec(ctx, `SELECT pg_stat_clear_snapshot()`); err != nil { // else a transaction sees the same for ever
			t.Fatal(err)
		}
		err := tx.QueryRow(ctx, `
			SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	codes = map[string]int{}
	for range n {
		codes[fault.CodeOf(<-errs)]++
	}
	return codes
}

func TestCrossing(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.OneServerURL(t))
	ctx := t.Context()
	t.Run("guesses at the tenth failure", func(t *testing.T) {
		w.person(t, "Lan", clerkVT)
		for range 9 {
			_, err := w.enter(ctx, "Lan", otherPassword, "")
			wantCode(t, err, "sign-in-failed")
		}
		got := w.crossing(t, `SELECT 1 FROM audit_heads FOR UPDATE`, 3, func() error {
			_, err := w.enter(ctx, "Lan", otherPassword, "")
			return err
		})
		if got["sign-in-failed"] != 1 || got["sign-in-throttled"] != 2 {
			t.Errorf("answers: %v, want 1 failed and 2 throttled", got)
		}
	})
	t.Run("a sign-in and a new password", func(t *testing.T) {
		w.person(t, "Mai", clerkVT)
		got := w.crossing(t, `UPDATE people SET password_hash = 'another' WHERE name = 'Mai'`, 1, func() error {
			_, err := w.enter(ctx, "Mai", goodPassword, "")
			return err
		})
		if n := w.count(t, `SELECT count(*)::int FROM sessions`); got["sign-in-failed"] != 1 || n != 0 {
			t.Errorf("answers: %v, %d sessions; want 1 failed and none", got, n)
		}
	})
	t.Run("a link opened in several tabs", func(t *testing.T) {
		_, link, err := w.AddPerson(ctx, registry.Console(), "Tư", []registry.Grant{clerkVT}, "")
		if err != nil {
			t.Fatal(err)
		}
		got := w.crossing(t, `SELECT 1 FROM people WHERE name = 'Tư' FOR UPDATE`, 3, func() error { return w.SetPassword(ctx, link, goodPassword) })
		if got[""] != 1 || got["link-ended"] != 2 {
			t.Errorf("answers: %v, want 1 that worked and 2 link-ended", got)
		}
	})
}
