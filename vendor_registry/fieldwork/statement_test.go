package fieldwork_test

import (
	"slices"
	"strings"
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
	today := registry.DayOf(w.clock.now())
	m := w.join("T1", "Võ Văn Tạm", "member", registry.Actor{})
	if _, _, err := w.field.ChangeMember(t.Context(), w.manager, "T1", m.ID, m.ETag(), fieldwork.ChangedMember{Until: &today}); err != nil {
		t.Fatal(err)
	}
	if _, there := of(w.leader, "2026-11")[m.Name]; there {
		t.Error("who left on the day of coming has a month")
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
	w.visit("A-3", fieldwork.NewVisit{Outcome: "absent", At: w.clock.now().Add(-8 * day)})
	if again, err := sign(w.manager, st.MemberID, "2026-11"); err != nil || *again.SignedBy != w.leader.Name || again.Visits != 2 || again.Unproved != 1 {
		t.Errorf("signed again: %+v, %v", again, err)
	}
	w.whole()
}

// shown is what a month says of a team's members altogether: visits, visits without proof, checks.
func (w *world) shown(team, month string) (sum [3]int) {
	w.Helper()
	all, err := w.field.Statements(w.Context(), w.officer, team, month)
	if err != nil {
		w.Fatal(err)
	}
	for _, st := range all {
		sum[0], sum[1], sum[2] = sum[0]+st.Visits, sum[1]+st.Unproved, sum[2]+st.Checks
	}
	return sum
}

// What somebody did counts once: for the team on whose behalf it was, on a day on which they were in it, whatever became of the team.
func TestStatementCountsOnce(t *testing.T) {
	t.Parallel()
	const six = "Nguyễn Thị Sáu"
	member := func(w *world, team, name string) fieldwork.Member {
		tm, err := w.field.Team(w.Context(), w.officer, team)
		if err != nil {
			w.Fatal(err)
		}
		return tm.Members[slices.IndexFunc(tm.Members, func(m fieldwork.Member) bool { return m.Name == name && m.Until == nil })]
	}
	leave := func(w *world) {
		m, today := member(w, "T1", six), registry.DayOf(w.clock.now())
		if _, _, err := w.field.ChangeMember(w.Context(), w.manager, "T1", m.ID, m.ETag(), fieldwork.ChangedMember{Until: &today}); err != nil {
			w.Fatal(err)
		}
	}
	release := func(w *world) {
		if err := w.field.ReleaseMarket(w.Context(), w.manager, "T1", "VT"); err != nil {
			w.Fatal(err)
		}
	}
	both := func(w *world, code string) { // Sáu is in another team as well
		w.exec(`INSERT INTO grants (id, person_id, role, scope_kind, scope_code, created_by, created_at) VALUES ($1, $2, 'volunteer', 'team', $3, 'console', now())`,
			id.New[registry.Grant](), strings.TrimPrefix(w.volunteer.ID, "person:"), code)
		if _, _, err := w.field.AddMember(w.Context(), w.officer, code, fieldwork.NewMember{Name: six, Person: w.volunteer.Name}); err != nil {
			w.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name          string
		before, after func(w *world)
		want          map[string][3]int // by team: visits, without proof, checks
	}{
		{"one team", nil, nil, map[string][3]int{"T1": {1, 0, 1}}},
		{"two teams that both go there", func(w *world) { w.team("T2", "VT"); both(w, "T2") }, nil, map[string][3]int{"T1": {1, 0, 1}, "T2": {}}},
		{"two teams, of which the first by name goes elsewhere", func(w *world) { w.team("T0", ""); both(w, "T0") }, nil, map[string][3]int{"T0": {}, "T1": {1, 0, 1}}},
		{"left and came back later", nil, func(w *world) {
			w.clock.pass(day)
			leave(w)
			w.clock.pass(day)
			w.join("T1", six, "member", w.volunteer)
		}, map[string][3]int{"T1": {1, 0, 1}}},
		{"left and came back on the day", nil, func(w *world) { leave(w); w.join("T1", six, "member", w.volunteer) }, map[string][3]int{"T1": {1, 0, 1}}},
		{"two times in the team that overlap", nil, func(w *world) {
			w.clock.pass(day)
			leave(w)
			if _, _, err := w.field.AddMember(w.Context(), w.manager, "T1", fieldwork.NewMember{Name: six, Person: w.volunteer.Name, From: mustDay(w, "2026-11-20")}); err != nil {
				w.Fatal(err)
			}
		}, map[string][3]int{"T1": {1, 0, 1}}},
		{"before joining", nil, func(w *world) { w.exec(`UPDATE team_members SET began = '2026-11-23' WHERE name = $1`, six) }, map[string][3]int{"T1": {}}},
		{"after leaving", func(w *world) {
			w.exec(`UPDATE team_members SET began = '2026-11-01', ended = '2026-11-22' WHERE name = $1`, six)
		}, nil, map[string][3]int{"T1": {}}},
		{"the market was released afterwards", nil, release, map[string][3]int{"T1": {1, 0, 1}}},
		{"the market is none of the team's any more, and the team is no more", nil, func(w *world) {
			release(w)
			tm, err := w.field.Team(w.Context(), w.officer, "T1")
			if err != nil {
				w.Fatal(err)
			}
			yes := true
			if _, err := w.field.ChangeTeam(w.Context(), w.officer, "T1", tm.ETag(), fieldwork.ChangedTeam{Ended: &yes}); err != nil {
				w.Fatal(err)
			}
		}, map[string][3]int{"T1": {1, 0, 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			pl := w.placard("A-1", 1)
			if _, err := w.reg.RecordPlacard(t.Context(), w.clerk, pl.Serial.String(), registry.NewPlacardEvent{Kind: "installed", Consent: agreed}); err != nil {
				t.Fatal(err)
			}
			if tt.before != nil {
				tt.before(w)
			}
			w.visit("A-1", fieldwork.NewVisit{Outcome: "done"})
			w.event(pl.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: pl.Payload})
			if tt.after != nil {
				tt.after(w)
			}
			for team, want := range tt.want {
				if got := w.shown(team, "2026-11"); got != want {
					t.Errorf("%s: %v, want %v", team, got, want)
				}
			}
		})
	}
}

// What proves a visit: something of the same person, stall and day.
func TestStatementProof(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		do   func(w *world, pl registry.Placard)
		want [3]int
	}{
		{"nothing", func(*world, registry.Placard) {}, [3]int{0, 1, 0}},
		{"an account brought in", func(w *world, _ registry.Placard) {
			if _, err := w.reg.Propose(w.Context(), w.volunteer, "VT", "A-1", account(7)); err != nil {
				w.Fatal(err)
			}
		}, [3]int{1, 0, 0}},
		{"an account that somebody else brought in", func(w *world, _ registry.Placard) {
			if _, err := w.reg.Propose(w.Context(), w.second, "VT", "A-1", account(7)); err != nil {
				w.Fatal(err)
			}
		}, [3]int{0, 1, 0}},
		{"an account brought in the day after", func(w *world, _ registry.Placard) {
			w.clock.pass(day)
			if _, err := w.reg.Propose(w.Context(), w.volunteer, "VT", "A-1", account(7)); err != nil {
				w.Fatal(err)
			}
		}, [3]int{0, 1, 0}},
		{"a placard hung", func(w *world, pl registry.Placard) {
			w.event(pl.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
		}, [3]int{1, 0, 0}},
		{"a placard hung on another day", func(w *world, pl registry.Placard) {
			w.clock.pass(day)
			w.event(pl.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
		}, [3]int{0, 1, 0}},
		{"eight looks at once, each with a day of its own", func(w *world, pl registry.Placard) {
			w.event(pl.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
			w.clock.pass(8 * day)
			for i := range 8 {
				w.event(pl.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: pl.Payload, At: w.clock.now().Add(-time.Duration(i) * day)})
			}
		}, [3]int{1, 0, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			pl := w.placard("A-1", 1)
			w.visit("A-1", fieldwork.NewVisit{Outcome: "done"})
			tt.do(w, pl)
			if got := w.shown("T1", "2026-11"); got != tt.want {
				t.Errorf("visits, without proof, checks: %v, want %v", got, tt.want)
			}
		})
	}
}
