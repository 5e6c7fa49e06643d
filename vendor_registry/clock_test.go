package registry_test

import (
	"testing"
	"time"

	registry "cho40/vendor_registry"
)

// The server's clock jumps between any two steps of a stall's way to its placard. Each step is done all the same, what is kept of a placard stays in
// order, and once the clock is right again so are the figures.
func TestTheServersClockJumps(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		by   time.Duration
	}{
		{"an hour back", -time.Hour},
		{"forty days back", -40 * day},
		{"to 1980", time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC).Sub(time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC))},
		{"a day ahead", day},
		{"an hour back and forth", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			right := w.clock.now()
			forth := -time.Hour
			jump := func() {
				if tt.by != 0 {
					w.clock.pass(tt.by)
				} else {
					w.clock.pass(forth)
					forth = -forth
				}
			}
			account := w.stall("A-1", viettel).Accounts[0]
			jump()
			w.approve(account)
			jump()
			_, placards := w.issue(registry.NewBatch{All: true})
			if len(placards) != 1 {
				t.Fatalf("%d placards", len(placards))
			}
			serial := placards[0].Serial
			jump()
			w.record(serial, registry.NewPlacardEvent{Kind: "handed_over"})
			jump()
			w.record(serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
			jump()
			w.record(serial, registry.NewPlacardEvent{Kind: "checked", Payload: placards[0].Payload})
			if n := ask[int](w, `SELECT count(*) FROM placard_events a JOIN placard_events b ON b.market_id = a.market_id AND b.placard_id = a.placard_id AND b.seq > a.seq AND b.at < a.at`); n != 0 {
				t.Error("a later event of the placard has an earlier time")
			}
			if at, err := w.reg.VerifyAudit(t.Context(), w.vt.ID); at != 0 || err != nil {
				t.Errorf("audit chain broken at %d, %v", at, err)
			}
			w.clock.pass(right.Add(6 * day).Sub(w.clock.now()))
			if st := w.look("A-1"); st.Stage == nil || *st.Stage != registry.Checked || len(st.Missing) != 0 {
				t.Errorf("stage %v, missing %v", st.Stage, st.Missing)
			}
			found, err := w.reg.Reconcile(t.Context(), registry.Console(), "VT")
			if err != nil || len(found) != 0 {
				t.Errorf("reconcile: %+v, %v", found, err)
			}
			w.stall("A-2", bank) // and work goes on
			w.whole()
		})
	}
}
