package auth_test

import (
	"fmt"
	"testing"
	"time"

	"cho40/internal/auth"
	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

func TestTheFirstAdministrator(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	link := func(t *testing.T) string {
		t.Helper()
		l, err := w.SetUpLink(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	w.person(t, "Lan", clerkVT) // no administrator
	old := link(t)
	wantCode(t, w.OpenSetUp(ctx, old), "")
	first := link(t)
	wantCode(t, w.OpenSetUp(ctx, old), "set-up-ended") // a new start voids it
	w.pass(auth.LinkLife)
	wantCode(t, w.OpenSetUp(ctx, first), "set-up-ended")
	_, err := w.SetUp(ctx, first, "quản trị", goodPassword)
	wantCode(t, err, "set-up-ended")
	first = link(t)
	_, err = w.SetUp(ctx, first, "quản trị", "ngắn")
	wantField(t, err, "too-short")
	_, err = w.SetUp(ctx, first, "lan", goodPassword)
	wantCode(t, err, "person-exists")
	wantCode(t, w.OpenSetUp(ctx, first), "") // neither used it up

	var n int
	got := w.crossing(t, `SELECT pg_advisory_xact_lock(hashtextextended('set up', 0))`, 2, func() error {
		w.mu.Lock()
		n++
		name := fmt.Sprint("quản trị ", n)
		w.mu.Unlock()
		_, err := w.SetUp(ctx, first, name, goodPassword)
		return err
	})
	if got[""] != 1 || got["set-up-ended"] != 1 {
		t.Errorf("two at once: %v", got)
	}
	people, err := w.People(ctx)
	if err != nil || len(people) != 2 || len(people[1].Grants) != 1 || people[1].Grants[0] != admin {
		t.Fatalf("%+v, %v", people, err)
	}
	if l := link(t); l != "" {
		t.Error("there is an administrator, and a link")
	}
	if _, err := w.Disable(ctx, registry.Console(), people[1].Name); err != nil {
		t.Fatal(err)
	}
	again := link(t) // nobody is left who could come in
	w.pass(time.Minute)
	if _, err := w.Enable(ctx, registry.Console(), people[1].Name); err != nil {
		t.Fatal(err)
	}
	wantCode(t, w.OpenSetUp(ctx, again), "set-up-ended") // somebody came back meanwhile
	for name, text := range hostile {
		if err := w.OpenSetUp(ctx, text); fault.CodeOf(err) != "set-up-ended" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
