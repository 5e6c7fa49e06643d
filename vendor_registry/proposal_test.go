package registry_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

// Editing a proposal is a new one in its place, and whoever touched the old one touched it.
func TestAmend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.stall("A-1", viettel).Accounts[0]
	_, ps := w.issue(registry.NewBatch{All: true, Provisional: true})
	in := numbered(viettel, 5)
	in.Amends = a.ID.String()
	b, err := w.reg.Propose(t.Context(), w.manager, "VT", "A-1", in)
	if err != nil {
		t.Fatal(err)
	}
	if b.Amends == nil || *b.Amends != a.ID || b.State != registry.StateProposed {
		t.Errorf("mended: %+v", b)
	}
	old, err := w.reg.Account(t.Context(), w.manager, registry.SeeVendors, a.ID)
	if err != nil || old.State != registry.StateWithdrawn {
		t.Errorf("the old one is %s, %v", old.State, err)
	}
	if p := w.look("A-1").Placards[0]; p.Serial != ps[0].Serial || p.State != "suspended" {
		t.Errorf("its provisional placard is %s", p.State)
	}
	_, err = w.reg.Decide(t.Context(), w.officer, approval(a))
	isFault(t, err, "stale") // who looked at the old number approves nothing
	for name, by := range map[string]registry.Actor{"who mended it": w.manager, "who brought it in": as(w.clerk, w.leader)} {
		if _, err := w.reg.Decide(t.Context(), by, approval(b)); fault.CodeOf(err) != "own-proposal" {
			t.Errorf("%s approves it: %v", name, err)
		}
	}
	if _, err := w.reg.Decide(t.Context(), w.manager2, approval(b)); err != nil {
		t.Error(err)
	}
	// Only the holder's name is mended; a change stays a change of the same account, at another provider too.
	change := vnpt
	change.Replaces = b.ID.String()
	c := w.propose("A-1", change)
	mended := vnpt
	mended.Holder, mended.Amends = "LY MINH TAN", c.ID.String()
	d := w.propose("A-1", mended)
	if d.Replaces == nil || *d.Replaces != b.ID || d.Holder != "LY MINH TAN" {
		t.Errorf("mended change: %+v", d)
	}
	for name, ref := range map[string]string{"one that is approved": b.ID.String(), "one that was withdrawn": c.ID.String(), "nothing": "x"} {
		in := bank
		in.Amends = ref
		_, err := w.reg.Propose(t.Context(), w.clerk, "VT", "A-1", in)
		if got := pointers(err); !slices.Equal(got, []string{"amends unknown"}) {
			t.Errorf("mending %s: %q, %v", name, got, err)
		}
	}
	w.whole()
}

// as is one person with the rights of another besides.
func as(who, with registry.Actor) registry.Actor {
	who.Grants = append(slices.Clone(who.Grants), with.Grants...)
	return who
}

func TestWithdraw(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.stall("A-1", viettel).Accounts[0]
	_, ps := w.issue(registry.NewBatch{All: true, Provisional: true})
	w.record(ps[0].Serial, registry.NewPlacardEvent{Kind: "handed_over"})
	for _, tt := range []struct {
		name string
		by   registry.Actor
		want string
	}{
		{"another clerk", w.clerk2, "not-yours"},
		{"the manager", w.manager, "not-yours"},
		{"an officer", w.officer, "not-allowed"},
		{"from outside", w.stranger, "account-not-found"},
	} {
		before := w.contents()
		_, err := w.reg.Withdraw(t.Context(), tt.by, a.ID, "")
		if fault.CodeOf(err) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
		w.same(before)
	}
	got, err := w.reg.Withdraw(t.Context(), w.clerk, a.ID, "gõ nhầm")
	if err != nil || got.State != registry.StateWithdrawn {
		t.Fatalf("%+v, %v", got, err)
	}
	if st := w.look("A-1"); st.Placards[0].State != "suspended" || !slices.Equal(st.Missing, []string{"account"}) {
		t.Errorf("placard %s, missing %v", st.Placards[0].State, st.Missing)
	}
	if ts := w.tasks(); !slices.Equal(ts, []string{"take_down A-1 " + ps[0].Serial.String()}) {
		t.Errorf("tasks %q", ts)
	}
	if _, err := w.reg.Withdraw(t.Context(), w.clerk, a.ID, ""); fault.CodeOf(err) != "account-decided" {
		t.Errorf("twice: %v", err)
	}
	// Brought in again by somebody else, the number is still one that the first had in hand.
	again, err := w.reg.Propose(t.Context(), w.clerk2, "VT", "A-1", viettel)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.reg.Decide(t.Context(), as(w.clerk, w.officer), approval(again)); fault.CodeOf(err) != "own-proposal" {
		t.Errorf("who withdrew it approves it when another brings it in: %v", err)
	}
	w.approve(again)
	w.whole()
}

// tasks are the open tasks of VT in their order.
func (w *world) tasks() []string {
	w.Helper()
	page, err := w.reg.Tasks(w.Context(), w.volunteer, "VT", registry.TaskFilter{})
	if err != nil {
		w.Fatal(err)
	}
	var out []string
	for _, t := range page.Items {
		s := t.Kind + " " + t.Stall
		if t.Serial != nil {
			s += " " + t.Serial.String()
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// After 14 days a proposal is over for good, and what was hung of it stops.
func TestExpire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1", viettel)
	w.stall("B-1", vnpt)
	_, ps := w.issue(registry.NewBatch{Stalls: []string{"A-1"}, Provisional: true})
	w.record(ps[0].Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
	w.clock.pass(registry.ProposalLives - time.Microsecond)
	if n, err := w.reg.Expire(t.Context()); n != 0 || err != nil {
		t.Errorf("a microsecond before: %d, %v", n, err)
	}
	late := w.look("B-1").Accounts[0]
	w.clock.pass(time.Microsecond)
	if n, err := w.reg.Expire(t.Context()); n != 2 || err != nil {
		t.Errorf("after 14 days: %d, %v", n, err)
	}
	if st := w.look("A-1"); st.Placards[0].State != "suspended" || st.Accounts[0].State != registry.StateExpired || st.Gap == nil || st.Gap.Days != 0 {
		t.Errorf("placard %s, account %s, gap %+v", st.Placards[0].State, st.Accounts[0].State, st.Gap)
	}
	if ts := w.tasks(); !slices.Equal(ts, []string{"take_down A-1 " + ps[0].Serial.String()}) {
		t.Errorf("tasks %q", ts)
	}
	before := w.contents()
	if n, err := w.reg.Expire(t.Context()); n != 0 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
	w.same(before)
	_, err := w.reg.Decide(t.Context(), w.manager, approval(late))
	isFault(t, err, "proposal-expired")
	_, err = w.reg.RecordPlacard(t.Context(), w.manager, ps[0].Serial.String(), registry.NewPlacardEvent{Kind: "resumed", Reason: "x"})
	isFault(t, err, "account-changed")
	w.whole()
}

// An import whose proposals ran out can still be taken back.
func TestUndoAfterExpiry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	im, err := w.reg.PreviewImport(t.Context(), w.clerk, "VT", "a.csv", strings.NewReader("Mã sạp;Người bán;Viettel Money\nL-1;Hoa;0710000009\n"), true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.reg.CommitImport(t.Context(), w.clerk, im.Ref, registry.CommitImport{Attested: "vi-1"}); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(registry.ProposalLives)
	if n, err := w.reg.Expire(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if err := w.reg.DiscardImport(t.Context(), w.clerk, im.Ref); err != nil {
		t.Error(err)
	}
	w.whole()
}

// What was to be printed and hung goes with the vendor; what hangs is taken down all the same.
func TestTasksOfWhoGoes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		goes func(w *world, gone registry.VendorID)
	}{
		{"hands the stall over", func(w *world, _ registry.VendorID) { w.handOver("A-1", "Người Khác") }},
		{"is made one with a vendor without that account", func(w *world, gone registry.VendorID) {
			w.merge(gone, w.stall("B-1").Vendor.ID)
		}},
		{"is made one with a vendor who has that account", func(w *world, gone registry.VendorID) {
			stays := w.stall("B-1", vnpt)
			w.approve(stays.Accounts[0])
			w.merge(gone, stays.Vendor.ID)
			if ts := w.tasks(); len(ts) != 3 {
				w.Errorf("nobody hangs the new one: %q", ts)
			}
			_, ps := w.issue(registry.NewBatch{Stalls: []string{"A-1"}})
			w.record(ps[0].Serial, registry.NewPlacardEvent{Kind: "installed"})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.placard("A-1", viettel)
			w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
			in := vnpt
			in.Replaces = w.look("A-1").Accounts[0].ID.String()
			w.approve(w.propose("A-1", in))
			tt.goes(w, w.look("A-1").Vendor.ID)
			if ts := w.tasks(); !slices.Equal(ts, []string{"take_down A-1 " + p.Serial.String()}) {
				t.Errorf("left to do: %q", ts)
			}
			w.whole()
		})
	}
}

// A vendor who changes the wallet goes through one flow: proposed in place of the default, approved, the old placards over in that
// moment, new ones printed and hung as tasks, and the gap in between shown.
func TestChangeOfProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.placard("A-1", viettel)
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
	if st := w.look("A-1"); st.Gap != nil {
		t.Errorf("a gap while it hangs: %+v", st.Gap)
	}
	in := vnpt
	in.Replaces = w.look("A-1").Accounts[0].ID.String()
	change := w.propose("A-1", in)
	w.approve(change)
	st := w.look("A-1")
	if w.defaultOf("A-1") != vnpt.Number || st.Placards[0].State != "replaced" || st.Gap == nil || *st.Gap != (registry.Gap{Since: w.reg.Today(), Days: 0}) {
		t.Errorf("pays %s, placard %s, gap %+v", w.defaultOf("A-1"), st.Placards[0].State, st.Gap)
	}
	if ts := w.tasks(); !slices.Equal(ts, []string{"hang_replacement A-1", "print_replacement A-1", "take_down A-1 " + p.Serial.String()}) {
		t.Errorf("tasks %q", ts)
	}
	page, err := w.reg.Tasks(t.Context(), w.auditor, "VT", registry.TaskFilter{Kind: "take_down"})
	if err != nil || len(page.Items) != 1 || page.Items[0].Priority != "high" || page.Items[0].Provider != "viettel_money" || !page.Items[0].Due.After(w.reg.Today()) || strings.Contains(page.Items[0].Vendor, "Tâm") {
		t.Errorf("take down: %+v, %v", page.Items, err)
	}
	notices, err := w.reg.Notices(t.Context(), w.volunteer, "VT", false, registry.List{})
	if err != nil || len(notices.Items) != 1 || notices.Items[0].Channel != "slip" || notices.Items[0].Provider != "vnpt_money" || notices.Items[0].OldProvider != "viettel_money" || notices.Items[0].Stall != "A-1" {
		t.Fatalf("notices %+v, %v", notices.Items, err)
	}
	w.clock.pass(3 * day)
	if st := w.look("A-1"); st.Gap == nil || st.Gap.Days != 3 {
		t.Errorf("three days later the gap is %+v", st.Gap)
	}
	b, ps := w.issue(registry.NewBatch{All: true})
	if ts := w.tasks(); !slices.Contains(ts, "print_replacement A-1 "+ps[0].Serial.String()) || !slices.Contains(ts, "hang_replacement A-1 "+ps[0].Serial.String()) {
		t.Errorf("issued: %q", ts)
	}
	if err := w.reg.Printed(t.Context(), w.clerk, b.Ref); err != nil {
		t.Fatal(err)
	}
	if ts := w.tasks(); len(ts) != 2 || slices.ContainsFunc(ts, func(s string) bool { return strings.HasPrefix(s, "print") }) {
		t.Errorf("printed: %q", ts)
	}
	w.record(ps[0].Serial, registry.NewPlacardEvent{Kind: "installed"})
	if st := w.look("A-1"); st.Gap != nil {
		t.Errorf("a gap although the new one hangs: %+v", st.Gap)
	}
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "removed"})
	if ts := w.tasks(); len(ts) != 0 {
		t.Errorf("left over: %q", ts)
	}
	if left, err := w.reg.Notices(t.Context(), w.volunteer, "VT", false, registry.List{}); err != nil || len(left.Items) != 0 {
		t.Errorf("the visit did not carry the slip: %+v, %v", left.Items, err)
	}
	told, err := w.reg.Notices(t.Context(), w.volunteer, "VT", true, registry.List{})
	if err != nil || len(told.Items) != 1 || told.Items[0].State != "delivered" || told.Items[0].DeliveredAt == nil {
		t.Errorf("told: %+v, %v", told.Items, err)
	}
	done, err := w.reg.Tasks(t.Context(), w.clerk, "VT", registry.TaskFilter{State: "done", Stall: "a-1"})
	if err != nil || len(done.Items) != 3 {
		t.Errorf("%d tasks done, %v", len(done.Items), err)
	}
	w.whole()
}

// A notice that no placard carries is told by hand.
func TestNoticeDelivered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.approve(w.stall("A-1", viettel).Accounts[0])
	w.approve(w.propose("A-1", numbered(viettel, 9)))
	page, err := w.reg.Notices(t.Context(), w.clerk, "VT", false, registry.List{})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	if ts := w.tasks(); len(ts) != 0 {
		t.Errorf("tasks for placards that never were: %q", ts)
	}
	for range 2 {
		if n, err := w.reg.Delivered(t.Context(), w.volunteer, "VT", page.Items[0].ID); err != nil || n.State != "delivered" {
			t.Errorf("%+v, %v", n, err)
		}
	}
	if n := ask[int](w, `SELECT count(*) FROM audit_events WHERE action = 'notice.delivered'`); n != 1 {
		t.Errorf("%d events", n)
	}
	_, err = w.reg.Delivered(t.Context(), w.stranger, "XX", page.Items[0].ID)
	isFault(t, err, "notice-not-found")
	w.whole()
}

// Another approved account becomes the default only by two people, and nothing that hangs ends by it.
func TestDefault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.placard("A-1", viettel)
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
	first := w.look("A-1").Accounts[0]
	second, err := w.reg.Propose(t.Context(), w.leader, "VT", "A-1", vnpt)
	if err != nil {
		t.Fatal(err)
	}
	ask4 := func(account string) error {
		_, err := w.reg.ProposeDefault(t.Context(), w.clerk, "VT", "A-1", registry.NewDefault{Account: account})
		return err
	}
	for name, account := range map[string]string{"unknown": second.ID.String(), "same": first.ID.String(), "required": " "} {
		if got := pointers(ask4(account)); !slices.Equal(got, []string{"account " + name}) {
			t.Errorf("want %s: %q", name, got)
		}
	}
	w.approve(second)
	d, err := w.reg.ProposeDefault(t.Context(), w.clerk, "VT", "a-1", registry.NewDefault{Account: second.ID.String(), Reason: "ví kia đầy"})
	if err != nil {
		t.Fatal(err)
	}
	if d.Stall != "A-1" || d.Account.ID != second.ID || d.InsteadOf.ID != first.ID || d.Reason != "ví kia đầy" || w.defaultOf("A-1") != viettel.Number {
		t.Errorf("proposed %+v", d)
	}
	if err := ask4(second.ID.String()); fault.CodeOf(err) != "default-proposed" {
		t.Errorf("a second one: %v", err)
	}
	yes := registry.DefaultDecision{Proposal: d.Ref, ETag: d.ETag(), Decision: "approve", LastDigits: "000002"}
	with := func(change func(*registry.DefaultDecision)) registry.DefaultDecision {
		v := yes
		change(&v)
		return v
	}
	for _, tt := range []struct {
		name string
		by   registry.Actor
		d    registry.DefaultDecision
		want string
	}{
		{"who proposed it", as(w.clerk, w.manager), yes, "own-proposal"},
		{"who brought the account in", as(w.leader, w.manager), yes, "own-proposal"},
		{"a leader", person(t, "leader", "market:VT"), yes, "not-allowed"},
		{"a clerk", w.clerk2, yes, "not-allowed"},
		{"a key", w.key, yes, "keys-never-approve"},
		{"the console", registry.Console(), yes, "not-allowed"},
		{"from outside", w.stranger, yes, "default-proposal-not-found"},
		{"without a version", w.manager, with(func(v *registry.DefaultDecision) { v.ETag = "" }), "version-needed"},
		{"an old version", w.manager, with(func(v *registry.DefaultDecision) { v.ETag = first.ETag() }), "stale"},
		{"the wrong digits", w.manager, with(func(v *registry.DefaultDecision) { v.LastDigits = "000001" }), "last-digits-wrong"},
		{"no digits", w.manager, with(func(v *registry.DefaultDecision) { v.LastDigits = "" }), "last-digits-wrong"},
		{"a rejection without a reason", w.manager, with(func(v *registry.DefaultDecision) { v.Decision = "reject" }), "decision-invalid"},
		{"in no word", w.manager, with(func(v *registry.DefaultDecision) { v.Decision = "approved" }), "decision-invalid"},
		{"somebody else withdraws", w.manager, with(func(v *registry.DefaultDecision) { v.Decision = "withdraw" }), "not-yours"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.contents("audit_events", "audit_heads")
			_, err := w.reg.DecideDefault(t.Context(), tt.by, tt.d)
			isFault(t, err, tt.want)
			w.same(before)
		})
	}
	got, err := w.reg.DecideDefault(t.Context(), w.manager, yes)
	if err != nil || got.State != registry.StateApproved || w.defaultOf("A-1") != vnpt.Number {
		t.Fatalf("%+v, %v; pays %s", got, err, w.defaultOf("A-1"))
	}
	st := w.look("A-1")
	if st.Placards[0].State != "installed" || !st.Placards[0].InUse() || st.Accounts[0].State != registry.StateApproved {
		t.Errorf("the old default's placard is %s, the account %s", st.Placards[0].State, st.Accounts[0].State)
	}
	if ts := w.tasks(); len(ts) != 3 {
		t.Errorf("tasks %q", ts)
	}
	if n := ask[int](w, `SELECT count(*) FROM notices WHERE kind = 'default_changed'`); n != 1 {
		t.Errorf("%d notices", n)
	}
	// And back again before anything was printed: what was to be done is void, and what hangs is right.
	back, err := w.reg.ProposeDefault(t.Context(), w.clerk, "VT", "A-1", registry.NewDefault{Account: first.ID.String()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.reg.DecideDefault(t.Context(), w.officer, registry.DefaultDecision{Proposal: back.Ref, ETag: back.ETag(), Decision: "approve", LastDigits: "000001"}); err != nil {
		t.Fatal(err)
	}
	if ts := w.tasks(); len(ts) != 0 || w.defaultOf("A-1") != viettel.Number {
		t.Errorf("back again: tasks %q, pays %s", ts, w.defaultOf("A-1"))
	}
	w.whole()
}

// A proposal for another default ends by a withdrawal, a rejection, its time, or when the accounts are no more what they were.
func TestDefaultEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	as := w.stall("A-1", viettel, vnpt).Accounts
	first, second := w.approve(as[0]), w.approve(as[1])
	wish := func() registry.DefaultProposal {
		d, err := w.reg.ProposeDefault(t.Context(), w.clerk, "VT", "A-1", registry.NewDefault{Account: second.ID.String()})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := wish()
	if got, err := w.reg.DecideDefault(t.Context(), w.clerk, registry.DefaultDecision{Proposal: d.Ref, ETag: d.ETag(), Decision: "withdraw"}); err != nil || got.State != registry.StateWithdrawn {
		t.Errorf("%+v, %v", got, err)
	}
	d = wish()
	if got, err := w.reg.DecideDefault(t.Context(), w.manager, registry.DefaultDecision{Proposal: d.Ref, ETag: d.ETag(), Decision: "reject", Reason: "x"}); err != nil || got.State != registry.StateRejected {
		t.Errorf("%+v, %v", got, err)
	}
	d = wish()
	w.clock.pass(registry.ProposalLives)
	yes := registry.DefaultDecision{Proposal: d.Ref, ETag: d.ETag(), Decision: "approve", LastDigits: "000002"}
	for range 2 { // read as expired before the sweep, written after it
		_, err := w.reg.DecideDefault(t.Context(), w.manager, yes)
		isFault(t, err, "proposal-expired")
		if _, err := w.reg.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	d = wish()
	in := numbered(viettel, 77)
	in.Replaces = first.ID.String()
	w.approve(w.propose("A-1", in))
	yes.Proposal, yes.ETag = d.Ref, d.ETag()
	_, err := w.reg.DecideDefault(t.Context(), w.manager, yes)
	isFault(t, err, "default-moved")
	if w.defaultOf("A-1") != in.Number {
		t.Errorf("pays %s", w.defaultOf("A-1"))
	}
	w.whole()
}

// A default waits for its placards when the account that still hangs there changes: the stall gets one new placard, the default's, and
// soon.
func TestChangeWhileAnotherDefaultWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.placard("A-1", viettel)
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
	second := w.approve(w.propose("A-1", vnpt))
	d := w.wishes(w.clerk, second)
	if _, err := w.reg.DecideDefault(t.Context(), w.manager, d); err != nil {
		t.Fatal(err)
	}
	w.approve(w.propose("A-1", numbered(viettel, 9)))
	page, err := w.reg.Tasks(t.Context(), w.clerk, "VT", registry.TaskFilter{})
	if err != nil || len(page.Items) != 3 {
		t.Fatalf("%+v, %v", page.Items, err)
	}
	for _, task := range page.Items {
		if want := map[bool]string{true: "viettel_money", false: "vnpt_money"}[task.Kind == "take_down"]; task.Provider != want || task.Priority != "high" || task.Due != page.Items[0].Due {
			t.Errorf("%+v", task)
		}
	}
	if w.defaultOf("A-1") != vnpt.Number {
		t.Errorf("the money goes to %s", w.defaultOf("A-1"))
	}
	w.whole()
}
