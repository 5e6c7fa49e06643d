package auth_test

import (
	"fmt"
	"testing"

	"cho40/internal/auth"
	registry "cho40/vendor_registry"
)

// Whoever tries to hand out roles, links or keys and may not, or with a second factor that is too old, leaves a trace though nothing came of it.
func TestRefusedActsAreOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	clerk := w.actor(t, "hạnh", clerkVT)
	tired := w.actor(t, "mai", managerVT)
	tired.SteppedUp = w.now().Add(-2 * registry.StepUpLives)
	w.person(t, "tư", clerkVT)
	w.person(t, "năm", managerVT)
	_, key, err := w.AddKey(t.Context(), registry.Console(), "máy", []registry.Grant{clerkVT}, 0)
	if err != nil {
		t.Fatal(err)
	}
	program, _, err := w.AddKey(t.Context(), registry.Console(), "máy quản lý", []registry.Grant{managerVT}, 0)
	if err != nil {
		t.Fatal(err)
	}
	keyed, err := w.KeyActor(t.Context(), program, "")
	if err != nil {
		t.Fatal(err)
	}
	volunteer := []registry.Grant{grant("volunteer", "market:VT")}
	for _, tt := range []struct {
		name, action string
		by           registry.Actor
		do           func(by registry.Actor) error
	}{
		{"a clerk adds a person", "person.add_refused", clerk, func(by registry.Actor) error {
			_, _, err := w.AddPerson(t.Context(), by, "sáu", volunteer, "")
			return err
		}},
		{"an old second factor adds a person", "person.add_refused", tired, func(by registry.Actor) error {
			_, _, err := w.AddPerson(t.Context(), by, "sáu", volunteer, "")
			return err
		}},
		{"a program adds a person", "person.add_refused", keyed, func(by registry.Actor) error {
			_, _, err := w.AddPerson(t.Context(), by, "sáu", volunteer, "")
			return err
		}},
		{"a clerk makes a key", "key.add_refused", clerk, func(by registry.Actor) error { _, _, err := w.AddKey(t.Context(), by, "x", volunteer, 0); return err }},
		{"an old second factor makes a key", "key.add_refused", tired, func(by registry.Actor) error { _, _, err := w.AddKey(t.Context(), by, "x", volunteer, 0); return err }},
		{"a clerk rotates a key", "key.rotate_refused", clerk, func(by registry.Actor) error { _, _, err := w.RotateKey(t.Context(), by, key.ID.String()); return err }},
		{"a clerk ends a key", "key.revoke_refused", clerk, func(by registry.Actor) error { _, err := w.RevokeKey(t.Context(), by, key.ID.String()); return err }},
		{"a manager gives a manager other roles", "person.granted_refused", w.actor(t, "bảy", managerVT), func(by registry.Actor) error { _, err := w.SetGrants(t.Context(), by, "năm", volunteer); return err }},
		{"an old second factor makes a link", "person.linked_refused", tired, func(by registry.Actor) error { _, err := w.NewLink(t.Context(), by, "tư"); return err }},
		{"an old second factor takes one away", "factor.reset_refused", tired, func(by registry.Actor) error { _, err := w.ResetFactor(t.Context(), by, "tư"); return err }},
	} {
		count := func() int {
			return w.count(t, fmt.Sprintf(`SELECT count(*) FROM audit_events WHERE action = '%s' AND actor = '%s'`, tt.action, tt.by.ID))
		}
		before := count()
		if err := tt.do(tt.by); err == nil {
			t.Errorf("%s: not refused", tt.name)
		}
		if n := count() - before; n != 1 {
			t.Errorf("%s: %d events of it in the record, want 1", tt.name, n)
		}
	}
	// Nobody's mistake in a form is a refusal.
	events := w.count(t, `SELECT count(*) FROM audit_events`)
	if _, _, err := w.AddPerson(t.Context(), registry.Console(), "", volunteer, ""); err == nil {
		t.Error("a person without a name was added")
	}
	if _, _, err := w.AddKey(t.Context(), registry.Console(), "x", volunteer, 2*auth.KeyLongest); err == nil {
		t.Error("a key lasts two years")
	}
	if n := w.count(t, `SELECT count(*) FROM audit_events`); n != events {
		t.Errorf("%d events of mistakes", n-events)
	}
	if at, err := w.reg.VerifyAudit(t.Context(), registry.MarketID{}); at != 0 || err != nil {
		t.Errorf("the chain is broken at %d, %v", at, err)
	}
}
