package registry_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
)

// asked records a request of a stall's vendor.
func (w *world) asked(vendor registry.VendorID, in registry.NewRequest) registry.Request {
	w.Helper()
	if in.Came == "" {
		in.Came = "desk"
	}
	r, err := w.reg.RecordRequest(w.Context(), w.clerk, "VT", vendor, in)
	if err != nil {
		w.Fatalf("record request: %v", err)
	}
	return r
}

// answer does the next step of a request.
func (w *world) answer(by registry.Actor, r registry.Request, decision string) (registry.Request, error) {
	in := registry.RequestAnswer{Request: r.Ref, ETag: r.ETag(), Decision: decision, Reason: "vì thế"}
	if r.Kind == "withdraw" {
		in.Consent = agreed
	}
	return w.reg.AnswerRequest(w.Context(), by, in)
}

func (w *world) forget(vendor registry.VendorID) registry.Request {
	w.Helper()
	r, err := w.answer(w.manager, w.asked(vendor, registry.NewRequest{Kind: "delete"}), "done")
	if err != nil {
		w.Fatalf("erase: %v", err)
	}
	return r
}

// figures are the shares of VT on some days, and split by provider.
func (w *world) figures(days ...registry.Day) (all []coverage.Share) {
	w.Helper()
	for _, d := range days {
		for _, by := range []string{"", "provider", "section"} {
			got, err := coverage.New(w.db, w.clock.now).Share(w.Context(), w.manager, coverage.Question{Market: "VT", By: by, AsOf: d})
			if err != nil {
				w.Fatal(err)
			}
			got.Freshness = time.Time{}
			all = append(all, got)
		}
	}
	return all
}

// What somebody is paid to ends when they are erased, and nothing takes its place; days that are over keep their figures.
func TestErase(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.Eraser(t))
	p := w.placard("A-1", viettel)
	first := w.reg.Today()
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed"})
	w.clock.pass(3 * day)
	second := w.reg.Today()
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: p.Payload})
	other := w.placard("A-2", viettel) // the same account, of somebody else
	w.approve(w.propose("A-1", bank))
	waits := w.propose("A-1", numbered(vnpt, 9))
	gone := w.look("A-1").Vendor.ID
	w.clock.pass(3 * day)
	days := []registry.Day{first, second, w.reg.Today().Plus(-1)}
	before := w.figures(days...)
	today := w.figures(registry.Day{})[0].Vendors
	whole := w.look("A-2")

	r := w.forget(gone)
	if r.State != "done" || len(r.Stopped) != 1 || r.Stopped[0] != p.Serial {
		t.Errorf("the request is %s and stopped %v; want done, %s", r.State, r.Stopped, p.Serial)
	}
	for i, f := range w.figures(days...) {
		if got, want := f, before[i]; !equalShares(got, want) {
			t.Errorf("figures of %s were %+v, are %+v", want.AsOf, want, got)
		}
	}
	if got := w.figures(registry.Day{})[0].Vendors; got != today {
		t.Errorf("vendors today were %d, are %d", today, got)
	}
	if now := w.look("A-2"); now.Accounts[0].FullNumber != viettel.Number || now.Accounts[0].State != registry.StateApproved || now.Placards[0].State != whole.Placards[0].State {
		t.Errorf("the other vendor with the account has %+v, %s", now.Accounts[0], now.Placards[0].State)
	}
	if got, _, err := w.reg.PublicPlacard(t.Context(), p.Serial.String()); err != nil || got.State != "void" || got.Holder != "" || got.InUse() {
		t.Errorf("the check page's placard: %+v, %v", got, err)
	}
	if _, _, err := w.reg.Batch(t.Context(), w.clerk, registry.BatchRef{Market: "VT", ID: p.BatchID}); fault.KindOf(err) != fault.Gone {
		t.Errorf("its batch: %v", err)
	}
	if _, err := w.reg.Account(t.Context(), w.manager, registry.SeeVendors, waits.ID); fault.KindOf(err) != fault.NotFound {
		t.Errorf("its account: %v", err)
	}
	if _, err := w.reg.Vendor(t.Context(), w.manager, "VT", gone); fault.CodeOf(err) != "vendor-not-found" {
		t.Errorf("the vendor: %v", err)
	}
	for _, q := range []string{"Lý Minh Tâm A-1", "ly minh tam", "da xoa"} {
		found, err := w.reg.Search(t.Context(), w.manager, q, "VT", 10)
		if err != nil || slices.ContainsFunc(found.Items, func(f registry.Found) bool { return f.Stall == "A-1" && f.Matched == registry.ByName }) {
			t.Errorf("a search for %s finds %+v, %v", q, found.Items, err)
		}
	}
	if olds, err := w.reg.Outstanding(t.Context(), w.manager, "VT"); err != nil || len(olds) != 1 || olds[0].Serial != p.Serial || olds[0].Tail != "" {
		t.Errorf("to be taken down: %+v, %v", olds, err)
	}
	if found, err := w.reg.Reconcile(t.Context(), w.manager, "VT"); err != nil || len(found) != 0 {
		t.Errorf("reconcile: %+v, %v", found, err)
	}
	w.whole()

	// The stall is held, by nobody whom anybody may write anything of; somebody new may take it.
	for what, try := range map[string]func() error{
		"consent": func() error { _, err := w.reg.RecordConsent(t.Context(), w.clerk, "VT", "A-1", *agreed); return err },
		"account": func() error { _, err := w.reg.Propose(t.Context(), w.clerk, "VT", "A-1", viettel); return err },
		"name": func() error {
			name := "Lý Minh Tâm"
			_, err := w.reg.Change(t.Context(), w.clerk, "VT", "A-1", w.look("A-1").ETag(), registry.ChangedStall{Vendor: &registry.ChangedVendor{Name: &name}})
			return err
		},
	} {
		if err := try(); fault.CodeOf(err) != "vendor-erased" {
			t.Errorf("%s at the stall: %v", what, err)
		}
	}
	if _, err := w.reg.HandOver(t.Context(), w.clerk, "VT", "A-1", registry.Transfer{Vendor: registry.NewHolder{Name: "Hồ Thúy Hòa"}, Reason: "sold"}); err != nil {
		t.Errorf("hand over: %v", err)
	}
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "removed"})
	w.record(other.Serial, registry.NewPlacardEvent{Kind: "installed"})
	if olds, err := w.reg.Outstanding(t.Context(), w.manager, "VT"); err != nil || len(olds) != 0 {
		t.Errorf("still to be taken down: %+v, %v", olds, err)
	}
}

func equalShares(a, b coverage.Share) bool {
	return a.Vendors == b.Vendors && a.Accepting == b.Accepting && a.Suspended == b.Suspended && a.Overdue == b.Overdue && slices.Equal(a.Funnel, b.Funnel) &&
		slices.EqualFunc(a.Split, b.Split, func(a, b coverage.Part) bool {
			return a.Key == b.Key && a.Vendors == b.Vendors && a.Accepting == b.Accepting && slices.Equal(a.Funnel, b.Funnel)
		})
}

// Who was erased accepts nothing from then on, goes on holding the stall until it is handed over, and stays what they were in the past.
func TestErasedIsCounted(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.Eraser(t))
	cov := coverage.New(w.db, w.clock.now)
	p := w.placard("A-1", viettel)
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed"})
	w.stall("A-2")
	start := w.reg.Today()
	says := func(when, want string, q coverage.Question) {
		t.Helper()
		q.Market = "VT"
		got, err := cov.Share(t.Context(), w.officer, q)
		if said := fmt.Sprint(got.Vendors, got.Accepting, got.Overdue); err != nil || said != want {
			t.Errorf("%s: vendors, accepting and overdue are %s, want %s; %v", when, said, want, err)
		}
	}
	w.clock.pass(3 * day)
	w.forget(w.look("A-1").Vendor.ID)
	says("erased", "2 0 0", coverage.Question{})
	says("by section", "2 0 0", coverage.Question{By: "section"})
	w.clock.pass(60 * day)
	says("when the first look would have been overdue", "2 0 0", coverage.Question{})
	if _, err := w.reg.HandOver(t.Context(), w.clerk, "VT", "A-1", registry.Transfer{Vendor: registry.NewHolder{Name: "Hồ Thúy Hòa"}, Reason: "sold"}); err != nil {
		t.Fatal(err)
	}
	says("handed over", "2 0 0", coverage.Question{})
	if _, err := w.reg.KeepCounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	says("the day before it was", "2 1 0", coverage.Question{AsOf: start.Plus(2)})
	w.whole()
}

// What a phone sends once more of somebody who was erased does not bring them back, nor is it kept as a second version.
func TestErasedIsSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.Eraser(t))
	in := registry.NewStall{ID: id.New[registry.Stall](), Code: "C-1", Vendor: &registry.NewVendor{ID: id.New[registry.Vendor](), Name: "Lý Minh Tâm", Phone: "0710000001"},
		Accounts: []registry.NewAccount{viettel}, Consent: agreed}
	st, err := w.reg.Register(t.Context(), w.clerk, "VT", in)
	if err != nil {
		t.Fatal(err)
	}
	w.approve(st.Accounts[0])
	_, ps := w.issue(registry.NewBatch{Stalls: []string{"C-1"}})
	hung := registry.NewPlacardEvent{ID: id.New[registry.NewPlacardEvent](), Kind: "installed", HeardName: "Lý Minh Tâm"}
	w.record(ps[0].Serial, hung)
	w.forget(st.Vendor.ID)
	if _, err := w.reg.Register(t.Context(), w.clerk, "VT", in); fault.CodeOf(err) != "person-erased" {
		t.Errorf("the stall: %v", err)
	}
	if _, err := w.reg.RecordPlacard(t.Context(), w.clerk, ps[0].Serial.String(), hung); fault.CodeOf(err) != "person-erased" {
		t.Errorf("the event: %v", err)
	}
	if n := ask[int](w, `SELECT count(*) FROM clashes`); n != 0 {
		t.Errorf("%d second versions are kept", n)
	}
}

// An older copy of the database holds those again who were erased since; the list erases them once more.
func TestReplayErasures(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.Eraser(t))
	p := w.placard("A-1", viettel)
	w.placard("A-2", vnpt)
	vendor := p.VendorID
	list := []registry.Erasure{{Market: w.vt.ID, Vendor: vendor}, {Market: w.vt.ID, Vendor: id.New[registry.Vendor]()}, {Market: id.New[registry.Market](), Vendor: vendor}}
	for _, want := range []int{1, 0} {
		if n, err := w.reg.ReplayErasures(t.Context(), list); n != want || err != nil {
			t.Errorf("erased %d, %v; want %d", n, err, want)
		}
	}
	if w.look("A-1").Vendor.Name != registry.Erased || w.look("A-2").Vendor.Name == registry.Erased {
		t.Error("not the one in the list was erased")
	}
	w.whole()
}

// Rows that are written once lose what names a person who is over, and nothing else: no value goes in, and what is in force stays.
func TestEraseWrittenCannotPoint(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.OneServer(t))
	p := w.placard("A-1", viettel)
	before := w.contents()
	for name, sql := range map[string]string{
		"a vendor who was not erased":  `SELECT erase_written('` + w.vt.ID.String() + `', ARRAY['` + p.VendorID.String() + `']::uuid[], '{}', '{}')`,
		"an account in force":          `SELECT erase_written('` + w.vt.ID.String() + `', '{}', ARRAY['` + p.AccountID.String() + `']::uuid[], '{}')`,
		"a vendor said to be, in turn": `WITH v AS (UPDATE vendors SET erased_at = now() RETURNING market_id, id) SELECT erase_written(market_id, ARRAY[id], '{}', '{}') FROM v`,
	} {
		if _, err := w.db.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "still in force") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if now := w.contents(); !maps.Equal(before, now) {
		t.Error("something changed")
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.at = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC) // a Friday
	vendor := w.stall("A-1", viettel).Vendor.ID
	friday := w.asked(vendor, registry.NewRequest{Kind: "correct", Note: "sai tên đệm"})
	if got, want := friday.AcknowledgeBy, time.Date(2026, 12, 1, 16, 59, 59, 999999000, time.UTC); !got.Equal(want) {
		t.Errorf("asked on Friday: acknowledged by %s, want the end of Tuesday, %s", got, want)
	}
	if got := friday.DoneBy.Sub(friday.ReceivedAt); got != 72*time.Hour {
		t.Errorf("done within %s", got)
	}
	for _, tt := range []struct {
		name string
		by   registry.Actor
		in   registry.NewRequest
		code string
	}{
		{"nothing said", w.clerk, registry.NewRequest{}, "request-invalid"},
		{"a correction of nothing", w.clerk, registry.NewRequest{Kind: "correct", Came: "desk"}, "request-invalid"},
		{"before it came", w.clerk, registry.NewRequest{Kind: "see", Came: "desk", ReceivedAt: w.clock.now().Add(day)}, "request-invalid"},
		{"of a relative whom nobody knows", w.clerk, registry.NewRequest{Kind: "see", Came: "desk", Account: w.look("A-1").Accounts[0].ID.String()}, "request-invalid"},
		{"a volunteer", w.volunteer, registry.NewRequest{Kind: "see", Came: "stall"}, "not-allowed"},
		{"an officer", w.officer, registry.NewRequest{Kind: "see", Came: "stall"}, "not-allowed"},
		{"a stranger", w.stranger, registry.NewRequest{Kind: "see", Came: "stall"}, "market-not-found"},
	} {
		_, err := w.reg.RecordRequest(t.Context(), tt.by, "VT", vendor, tt.in)
		if fault.CodeOf(err) != tt.code {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.code)
		}
	}
	w.clock.pass(time.Hour)
	see := w.asked(vendor, registry.NewRequest{Kind: "see"})
	if _, err := w.answer(w.clerk, see, "done"); fault.CodeOf(err) != "copy-missing" {
		t.Errorf("seen without a copy: %v", err)
	}
	heard, err := w.answer(w.clerk, see, "acknowledge")
	if err != nil || heard.State != "acknowledged" {
		t.Errorf("acknowledged: %+v, %v", heard, err)
	}
	if _, err := w.answer(w.clerk, see, "refuse"); fault.KindOf(err) != fault.Stale {
		t.Errorf("with an old version: %v", err)
	}
	w.clock.pass(73 * time.Hour) // Monday
	w.clock.pass(48 * time.Hour)
	w.asked(vendor, registry.NewRequest{Kind: "withdraw"})
	rs, err := w.reg.Requests(t.Context(), w.manager, "VT", false)
	if err != nil || len(rs) != 3 || rs[0].ID != friday.ID || rs[0].Late == "" || rs[1].Late == "" || rs[2].Late != "" {
		t.Errorf("the list: %+v, %v", rs, err)
	}
	if heard, err = w.answer(w.clerk, heard, "refuse"); err != nil || heard.State != "refused" || heard.Late != "" {
		t.Errorf("refused: %+v, %v", heard, err)
	}
	if _, err := w.answer(w.clerk, heard, "done"); fault.CodeOf(err) != "request-ended" {
		t.Errorf("once more: %v", err)
	}
	w.whole()
}

// Erasing is for good: it wants a manager who showed the second factor just now, and never a program.
func TestWhoMayErase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.asked(w.stall("A-1").Vendor.ID, registry.NewRequest{Kind: "delete"})
	stale := w.manager
	stale.SteppedUp = w.clock.now().Add(-6 * time.Minute)
	program := w.key
	program.SteppedUp = time.Time{}
	for name, tt := range map[string]struct {
		by   registry.Actor
		code string
	}{
		"a clerk": {w.clerk, "not-allowed"}, "an old second factor": {stale, "step-up-needed"}, "a program": {program, "step-up-needed"},
		"a stranger": {w.stranger, "request-not-found"}, "an administrator": {w.admin, "not-allowed"},
	} {
		if _, err := w.answer(tt.by, r, "done"); fault.CodeOf(err) != tt.code {
			t.Errorf("%s: %v, want %s", name, err, tt.code)
		}
	}
	if n := ask[int](w, `SELECT count(*) FROM audit_events WHERE action = 'request.refused_to_do'`); n != 3 {
		t.Errorf("%d refusals are in the record, want those of three who are known there", n)
	}
}

// Who takes their consent back is paid by no placard of ours until they agree again.
func TestConsentTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.placard("A-1", viettel)
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed"})
	w.clock.pass(time.Minute)
	r, err := w.answer(w.clerk, w.asked(p.VendorID, registry.NewRequest{Kind: "withdraw"}), "done")
	if err != nil || !slices.Equal(r.Stopped, []registry.Serial{p.Serial}) {
		t.Fatalf("%+v, %v", r, err)
	}
	w.whole()
	if w.look("A-1").Vendor.OwnConsent {
		t.Error("the vendor still agrees")
	}
	if _, err := w.reg.RecordPlacard(t.Context(), w.manager, p.Serial.String(), registry.NewPlacardEvent{Kind: "resumed", Reason: "thử"}); fault.CodeOf(err) != "consent-missing" {
		t.Errorf("resumed: %v", err)
	}
	_, err = w.reg.Issue(t.Context(), w.clerk, "VT", registry.NewBatch{Stalls: []string{"A-1"}, Sheet: "a6x4", Reprint: true, Reason: "thử"}, anyFits)
	if f := isFault(t, err, "nothing-to-print"); len(f.Fields) != 1 || f.Fields[0].Code != "consent-withdrawn" {
		t.Errorf("printed: %+v", f.Fields)
	}
	w.clock.pass(time.Minute)
	if _, err := w.reg.RecordConsent(t.Context(), w.clerk, "VT", "A-1", *agreed); err != nil {
		t.Fatal(err)
	}
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "resumed", Reason: "đồng ý lại"})
}

// A relative who holds an account may ask too, and is erased without the vendor; not while the vendor is paid there.
func TestRelativeAsks(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.Eraser(t))
	son := viettel
	son.Holder, son.Relation, son.HolderConsent = "LY VAN CON", "child", agreed
	paid := w.approve(w.stall("A-1", son).Accounts[0])
	vendor := w.look("A-1").Vendor.ID
	r := w.asked(vendor, registry.NewRequest{Kind: "delete", Account: paid.ID.String()})
	if r.Holder != "LY VAN CON" {
		t.Errorf("the request is of %q", r.Holder)
	}
	if _, err := w.answer(w.manager, r, "done"); fault.CodeOf(err) != "account-in-force" {
		t.Errorf("while the vendor is paid there: %v", err)
	}
	change := numbered(viettel, 77)
	change.Replaces = paid.ID.String()
	w.approve(w.propose("A-1", change))
	if _, err := w.answer(w.manager, r, "done"); err != nil {
		t.Fatal(err)
	}
	if n := ask[int](w, `SELECT count(*) FROM accounts WHERE holder = 'LY VAN CON' OR number = '`+viettel.Number+`'`); n != 0 {
		t.Errorf("%d accounts name the relative", n)
	}
	if st := w.look("A-1"); len(st.Accounts) != 1 || st.Accounts[0].State != registry.StateApproved || st.Vendor.Name == registry.Erased || w.defaultOf("A-1") != change.Number {
		t.Errorf("the vendor: %+v, %+v", st.Vendor, st.Accounts)
	}
	if found, err := w.reg.Reconcile(t.Context(), w.manager, "VT"); err != nil || len(found) != 0 {
		t.Errorf("reconcile: %+v, %v", found, err)
	}
}
