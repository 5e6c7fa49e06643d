package fieldwork_test

import (
	"testing"
	"time"

	"cho40/internal/id"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/fieldwork"
)

// A month counts what can be shown: with a scan, or with a change that was recorded there that day.
func TestStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.placard("A-1", 1), w.placard("A-2", 2)
	w.stall("A-3")
	w.stall("A-4", account(4))
	w.visit("A-1", fieldwork.NewVisit{Outcome: "done"})
	w.event(a.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed}) // proves the visit
	w.visit("A-1", fieldwork.NewVisit{Outcome: "helped"})                           // the same stall and day
	w.visit("A-3", fieldwork.NewVisit{Outcome: "absent"})                           // nothing shows it
	w.visit("A-4", fieldwork.NewVisit{Outcome: "done", Payload: payload(t, "0710000004")})
	taken := w.visit("A-2", fieldwork.NewVisit{Outcome: "done", Payload: payload(t, "0710000002")})
	if _, err := w.field.VoidVisit(t.Context(), w.volunteer, taken.Ref, "nhầm"); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(time.Hour)
	for range 2 { // twice a day is once
		w.event(a.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: a.Payload})
	}
	w.event(a.Serial, registry.NewPlacardEvent{Kind: "checked", Result: "damaged"}) // no scan
	w.clock.pass(day)
	w.event(b.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
	w.event(a.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: a.Payload})
	of := func(by registry.Actor, month string) map[string]fieldwork.Statement {
		t.Helper()
		all, err := w.field.Statements(t.Context(), by, "T1", month)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]fieldwork.Statement{}
		for _, st := range all {
			found[st.Member] = st
		}
		return found
	}
	const six = "Nguyễn Thị Sáu"
	st := of(w.leader, "2026-11")[six]
	if st.Visits != 2 || st.Unproved != 1 || st.Installed != 2 || st.Checks != 2 || st.SignedAt != nil {
		t.Errorf("%+v", st)
	}
	if other := of(w.leader, "2026-11")["Lê Văn Bảy"]; other.Visits+other.Installed+other.Checks != 0 {
		t.Errorf("somebody else's: %+v", other)
	}
	if own := of(w.second, "2026-11"); len(own) != 1 {
		t.Errorf("a member sees %d months", len(own))
	}
	if len(of(w.leader, "2026-10")) != 0 {
		t.Error("nobody was in the team in October")
	}
	sign := func(by registry.Actor, which fieldwork.MemberID, month string) (fieldwork.Statement, error) {
		return w.field.SignStatement(t.Context(), by, "T1", which, month)
	}
	_, err := sign(w.leader, st.MemberID, "2026-11")
	isFault(t, err, "month-running")
	_, err = sign(w.leader, st.MemberID, "11/2026")
	isFault(t, err, "statement-invalid")
	w.clock.pass(10 * day)
	_, err = sign(w.volunteer, st.MemberID, "2026-11")
	isFault(t, err, "not-allowed")
	_, err = sign(w.leader, of(w.leader, "2026-11")["Trần Văn Năm"].MemberID, "2026-11")
	isFault(t, err, "own-statement")
	_, err = sign(w.leader, id.New[fieldwork.Member](), "2026-11")
	isFault(t, err, "member-not-found")
	signed, err := sign(w.leader, st.MemberID, "2026-11")
	if err != nil || signed.SignedBy == nil || *signed.SignedBy != w.leader.Name || signed.Visits != 2 {
		t.Errorf("%+v, %v", signed, err)
	}
	w.visit("A-3", fieldwork.NewVisit{Outcome: "done", At: w.clock.now().Add(-9 * day), Payload: payload(t, "0710000009")})
	w.visit("A-4", fieldwork.NewVisit{Outcome: "done", At: w.clock.now().Add(-9 * day), Payload: payload(t, "0710000004")})
	if again, err := sign(w.manager, st.MemberID, "2026-11"); err != nil || *again.SignedBy != w.leader.Name || again.Visits != 2 {
		t.Errorf("signed again: %+v, %v", again, err)
	}
	w.whole()
}
