package registry_test

import (
	"testing"

	"cho40/internal/fault"
	"cho40/internal/id"
	registry "cho40/vendor_registry"
)

// Whoever may be in a market and reaches for what is not theirs leaves a trace there, though nothing else of the attempt stays; a stranger writes into
// nobody's record.
func TestRefusedActsAreOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.stall("A-1", viettel)
	stalls := func(registry.Rows[registry.ExportedStall]) error { return nil }
	customers := func(string, func(func(registry.Customer) error) error) error { return nil }
	person := func(by registry.Actor) registry.Actor {
		by.ID = "person:" + id.New[registry.Actor]().String()
		return by
	}
	asked := person(w.partner)
	hook, _, err := w.reg.AddWebhook(t.Context(), asked, registry.NewWebhook{URL: "https://partner.example/"}, false)
	if err != nil {
		t.Fatal(err)
	}
	tired := person(w.admin)
	tired.SteppedUp = w.clock.now().Add(-day)
	for _, tt := range []struct {
		name    string
		by      registry.Actor
		do      func(by registry.Actor) error
		action  string
		service bool // it belongs on the service's own chain
	}{
		{"a volunteer wants a phone in full", w.volunteer, func(by registry.Actor) error {
			_, err := w.reg.Reveal(t.Context(), by, "VT", "A-1", registry.Reveal{Field: "phone", Reason: "gọi"})
			return err
		}, "number.reveal_refused", false},
		{"an auditor wants an account in full", w.auditor, func(by registry.Actor) error {
			_, err := w.reg.Reveal(t.Context(), by, "VT", "A-1", registry.Reveal{Field: "account", Account: st.Accounts[0].ID, Reason: "xem"})
			return err
		}, "number.reveal_refused", false},
		{"an officer wants a copy of all that is kept of somebody", w.officer, func(by registry.Actor) error {
			_, err := w.reg.Copy(t.Context(), by, "VT", st.Vendor.ID, registry.CopyWanted{Reason: "xem"})
			return err
		}, "copy.refused", false},
		{"a clerk takes rows out", w.clerk, func(by registry.Actor) error {
			return w.reg.ExportStalls(t.Context(), by, "VT", registry.ListVendors, registry.Export{Format: "csv"}, stalls)
		}, "rows.export_refused", false},
		{"a partner wants customers' whole numbers", w.partner, func(by registry.Actor) error {
			return w.reg.ExportCustomers(t.Context(), by, "", registry.Export{Format: "csv", Full: true, Reason: "x"}, customers)
		}, "rows.export_refused", true},
		{"a manager takes the evidence out", w.manager, func(by registry.Actor) error {
			return w.reg.ExportTrail(t.Context(), by, "VT", "csv", func(string) error { return nil }, func(registry.Evidence) error { return nil })
		}, "audit.export_refused", false},
		{"a manager takes the service's evidence out", w.manager, func(by registry.Actor) error {
			return w.reg.ExportTrail(t.Context(), by, "", "csv", func(string) error { return nil }, func(registry.Evidence) error { return nil })
		}, "audit.export_refused", true},
		{"a program asks for a webhook", w.key, func(by registry.Actor) error {
			_, _, err := w.reg.AddWebhook(t.Context(), by, registry.NewWebhook{Provider: "viettel_money", URL: "https://partner.example/"}, false)
			return err
		}, "webhook.add_refused", true},
		{"who asked for a webhook approves it", asked, func(by registry.Actor) error {
			_, err := w.reg.ApproveWebhook(t.Context(), by, hook.ID.String())
			return err
		}, "webhook.approval_refused", true},
		{"an old second factor approves a webhook", tired, func(by registry.Actor) error {
			_, err := w.reg.ApproveWebhook(t.Context(), by, hook.ID.String())
			return err
		}, "webhook.approval_refused", true},
	} {
		count := func() int {
			chain := w.vt.ID.String()
			if tt.service {
				chain = "00000000-0000-0000-0000-000000000000"
			}
			return ask[int](w, `SELECT count(*) FROM audit_events WHERE market_id = '`+chain+`' AND action = '`+tt.action+`' AND actor = '`+tt.by.ID+`'`)
		}
		before := count()
		if kind := fault.KindOf(tt.do(tt.by)); kind != fault.Forbidden && kind != fault.Unauthenticated {
			t.Errorf("%s: not refused, but %v", tt.name, kind)
		}
		if n := count() - before; n != 1 {
			t.Errorf("%s: %d events of it in the record, want 1", tt.name, n)
		}
		if tt.service {
			continue
		}
		events := ask[int](w, `SELECT count(*) FROM audit_events`)
		if err := tt.do(w.stranger); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s, by a stranger: %v", tt.name, err)
		}
		if now := ask[int](w, `SELECT count(*) FROM audit_events`); now != events {
			t.Errorf("%s: a stranger wrote %d events", tt.name, now-events)
		}
	}
	w.whole()
}
