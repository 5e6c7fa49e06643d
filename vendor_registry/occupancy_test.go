package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

// pointers of money: every vendor's default account. None of what stands in this file moves one.
func (w *world) money() string {
	w.Helper()
	return ask[string](w, `SELECT coalesce(string_agg(id || ' ' || coalesce(default_account::text, '-'), ',' ORDER BY id) FILTER (WHERE default_account IS NOT NULL), '') FROM vendors`)
}

// unmoved runs something and fails the test when a pointer to money moved, or an account's row changed.
func (w *world) unmoved(do func()) {
	w.Helper()
	accounts := func() string {
		return ask[string](w, `SELECT coalesce(string_agg(t::text, '|' ORDER BY id), '') FROM accounts t`)
	}
	money, rows := w.money(), accounts()
	do()
	if got := w.money(); got != money {
		w.Errorf("pointers to money: %s, were %s", got, money)
	}
	if got := accounts(); !strings.HasPrefix(got, rows) && rows != "" && !containsAll(got, strings.Split(rows, "|")) {
		w.Errorf("an account's row changed")
	}
}

func containsAll(s string, parts []string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(s, p) })
}

func ago(w *world, days int) registry.Day { return w.reg.Today().Plus(-days) }

func (w *world) handOver(code, name string) registry.Stall {
	w.Helper()
	st, err := w.reg.HandOver(w.Context(), w.clerk, "VT", code, registry.Transfer{Vendor: registry.NewHolder{Name: name}, Reason: "sold"})
	if err != nil {
		w.Fatalf("hand over %s: %v", code, err)
	}
	return st
}

// Whoever goes, and however far their placard had come: it stops with the change, waits to be collected where paper was made of it,
// and cannot come back while another vendor stands there. No money is pointed elsewhere, and the card's wishes are forgotten.
func TestPlacardsOfWhoGoes(t *testing.T) {
	t.Parallel()
	for how, do := range map[string]func(w *world, code string) (registry.Stall, error){
		"handed over": func(w *world, code string) (registry.Stall, error) {
			return w.reg.HandOver(w.Context(), w.clerk, "VT", code, registry.Transfer{Vendor: registry.NewHolder{Name: "Thạch Ngọc Lan"}, Reason: "sold"})
		},
		"left": func(w *world, code string) (registry.Stall, error) {
			return w.reg.Leave(w.Context(), w.volunteer, "VT", code, registry.Leaving{Reason: "left_trade"})
		},
		"moved": func(w *world, code string) (registry.Stall, error) {
			return w.reg.MoveTo(w.Context(), w.clerk, "VT", code, registry.Move{To: "FREE", Reason: "better_place"})
		},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			reason := map[string]string{"handed over": "stall handed over", "left": "vendor left", "moved": "vendor moved"}[how]
			if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "FREE"}); err != nil {
				t.Fatal(err)
			}
			for i, tt := range []struct {
				state string
				stops bool
				old   string // the line on the list of old placards; empty: none
			}{
				{"issued", true, ""}, {"printed", true, "false " + reason}, {"handed_over", true, "true " + reason}, {"installed", true, "true " + reason},
				{"suspended", false, "true " + reason}, {"lost", false, ""}, {"void", false, ""},
			} {
				if how == "moved" && i > 0 {
					w.byHand = true
					w.exec(`UPDATE occupancies SET ended = began, end_kind = 'left' WHERE ended IS NULL AND stall_id = (SELECT id FROM stalls WHERE code = 'FREE')`) // free again
				}
				code := fmt.Sprintf("P-%d", i)
				p := w.reach(code, tt.state)
				yes, languages := true, "vi"
				if _, err := w.reg.Change(t.Context(), w.clerk, "VT", code, w.look(code).ETag(), registry.ChangedStall{ShowNumber: &yes, Languages: &languages}); err != nil {
					t.Fatal(err)
				}
				w.clock.pass(time.Minute)
				var st registry.Stall
				w.unmoved(func() {
					var err error
					if st, err = do(w, code); err != nil {
						t.Fatal(err)
					}
				})
				if stopped := len(st.Stopped) == 1 && st.Stopped[0] == p.Serial; stopped != tt.stops || len(st.Stopped) > 1 {
					t.Errorf("%s: stopped %v, want %v", tt.state, st.Stopped, tt.stops)
				}
				at := w.look(code)
				if at.ShowNumber || at.Languages != "" {
					t.Errorf("%s: the wishes stay: %+v", tt.state, at)
				}
				now, err := w.reg.Placard(t.Context(), w.manager, p.Serial.String())
				if want := tt.state; err != nil || tt.stops && now.State != "suspended" || !tt.stops && now.State != want || now.InUse() {
					t.Errorf("%s: the placard is %s, %v", tt.state, now.State, err)
				}
				olds := slices.DeleteFunc(w.outstanding(), func(s string) bool { return !strings.HasPrefix(s, code+" ") })
				if want := []string{code + " " + tt.old}; tt.old == "" && len(olds) > 0 || tt.old != "" && !slices.Equal(olds, want) {
					t.Errorf("%s: still out %q, want %q", tt.state, olds, want)
				}
				if now.State == "suspended" {
					_, err := w.reg.RecordPlacard(t.Context(), w.manager, p.Serial.String(), registry.NewPlacardEvent{Kind: "resumed", Reason: "x"})
					isFault(t, err, "stall-handed-over")
					w.record(p.Serial, registry.NewPlacardEvent{Kind: "removed"})
				}
			}
			w.whole()
		})
	}
}

// A stall handed over by mistake goes back by another change; the first vendor's placard may come back with it.
func TestHandOverAndBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.placard("A-1", viettel)
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed"})
	first := w.look("A-1").Vendor.ID
	w.unmoved(func() {
		second := w.handOver("A-1", "Hồ Thúy Hòa")
		if second.Vendor.ID == first || len(second.Accounts) != 0 || second.Stage == nil || *second.Stage != registry.Registered {
			t.Errorf("the new vendor: %+v, accounts %v", second.Vendor, second.Accounts)
		}
		back, err := w.reg.HandOver(t.Context(), w.manager, "VT", "A-1", registry.Transfer{Vendor: registry.NewHolder{ID: first}, Reason: "entered_wrongly"})
		if err != nil || back.Vendor.ID != first || len(back.Accounts) != 1 {
			t.Fatalf("back: %+v, %v", back.Vendor, err)
		}
	})
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "resumed", Reason: "ghi nhầm"})
	if st := w.look("A-1"); *st.Stage != registry.Installed {
		t.Errorf("stage %s", st.Stage)
	}
	if days := ask[[]string](w, `SELECT array_agg(began || ' ' || coalesce(ended::text, '…') ORDER BY began_at NULLS FIRST) FROM occupancies`); !slices.Equal(days,
		[]string{"2026-11-22 2026-11-22", "2026-11-22 2026-11-22", "2026-11-22 …"}) {
		t.Errorf("held %q", days)
	}
	w.whole()
}

// A new vendor's accounts are proposals as ever, which their proposer cannot approve.
func TestAccountsOfWhoComes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.placard("A-1", viettel)
	st, err := w.reg.HandOver(t.Context(), w.manager, "VT", "A-1", registry.Transfer{Vendor: registry.NewHolder{Name: "Thạch Ngọc Lan", Phone: "0712345681"}, Reason: "sold",
		Accounts: []registry.NewAccount{vnpt}, Consent: agreed})
	if err != nil || len(st.Accounts) != 1 || st.Accounts[0].State != registry.StateProposed || st.Accounts[0].Default || !st.Vendor.OwnConsent {
		t.Fatalf("%+v, %v", st.Accounts, err)
	}
	_, err = w.reg.Decide(t.Context(), w.manager, approval(st.Accounts[0]))
	isFault(t, err, "own-proposal")
	if _, err := w.reg.Decide(t.Context(), w.manager2, approval(st.Accounts[0])); err != nil {
		t.Error(err)
	}
	if got := w.defaultOf("A-1"); got != vnpt.Number {
		t.Errorf("default %q", got)
	}
	w.whole()
}

func TestTransferFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1")
	w.clock.pass(40 * day)
	w.stall("A-2")
	w.clock.pass(2 * day)
	to := func(name string, from registry.Day) registry.Transfer {
		return registry.Transfer{Vendor: registry.NewHolder{Name: name}, From: from, Reason: "sold"}
	}
	far, err := w.reg.Register(t.Context(), w.stranger, "XX", registry.NewStall{Code: "X-1", Vendor: &registry.NewVendor{Name: "Xa"}})
	if err != nil {
		t.Fatal(err)
	}
	holder := w.look("A-2").Vendor.ID
	for _, tt := range []struct {
		name string
		by   registry.Actor
		code string
		in   registry.Transfer
		want string
		at   []string
	}{
		{"no vendor", w.clerk, "A-2", registry.Transfer{Reason: "sold"}, "transfer-invalid", []string{"vendor/name required"}},
		{"no reason", w.clerk, "A-2", registry.Transfer{Vendor: registry.NewHolder{Name: "Lan"}}, "transfer-invalid", []string{"reason required"}},
		{"an id and a name", w.clerk, "A-2", registry.Transfer{Vendor: registry.NewHolder{ID: holder, Name: "Lan"}, Reason: "sold"}, "transfer-invalid", []string{"vendor choose-one"}},
		{"tomorrow", w.clerk, "A-2", to("Lan", ago(w, -1)), "transfer-invalid", []string{"from future"}},
		{"32 days ago", w.clerk, "A-1", to("Lan", ago(w, 32)), "transfer-invalid", []string{"from too-old"}},
		{"before the vendor came", w.clerk, "A-2", to("Lan", ago(w, 3)), "history-overlaps", []string{"from overlaps"}},
		{"accounts without consent", w.clerk, "A-2", registry.Transfer{Vendor: registry.NewHolder{Name: "Lan"}, Reason: "sold", Accounts: []registry.NewAccount{vnpt}}, "transfer-invalid", []string{"consent required"}},
		{"to who holds it", w.clerk, "A-2", registry.Transfer{Vendor: registry.NewHolder{ID: holder}, Reason: "sold"}, "same-vendor", nil},
		{"to another market's vendor", w.clerk, "A-2", registry.Transfer{Vendor: registry.NewHolder{ID: far.Vendor.ID}, Reason: "sold"}, "vendor-not-found", nil},
		{"of no stall", w.clerk, "A-9", to("Lan", registry.Day{}), "stall-not-found", nil},
		{"by one who may not", w.officer, "A-2", to("Lan", registry.Day{}), "not-allowed", nil},
		{"from outside", w.stranger, "A-2", to("Lan", registry.Day{}), "market-not-found", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.contents()
			_, err := w.reg.HandOver(t.Context(), tt.by, "VT", tt.code, tt.in)
			isFault(t, err, tt.want)
			_, check := w.reg.CheckTransfer(t.Context(), tt.by, "VT", tt.code, tt.in)
			isFault(t, check, tt.want)
			if got := pointers(err); len(tt.at) > 0 && !slices.Equal(got, tt.at) {
				t.Errorf("fields %q, want %q", got, tt.at)
			}
			w.same(before)
		})
	}
	// On the last day that is allowed, and for a stall that nobody holds.
	if _, err := w.reg.HandOver(t.Context(), w.clerk, "VT", "A-1", to("Lan", ago(w, 31))); err != nil {
		t.Error(err)
	}
	if _, err := w.reg.Leave(t.Context(), w.clerk, "VT", "A-1", registry.Leaving{From: ago(w, 10), Reason: "left_trade"}); err != nil {
		t.Error(err)
	}
	if _, err := w.reg.HandOver(t.Context(), w.clerk, "VT", "A-1", to("Hòa", ago(w, 11))); fault.CodeOf(err) != "history-overlaps" {
		t.Errorf("while somebody held it: %v", err)
	}
	if st, err := w.reg.HandOver(t.Context(), w.clerk, "VT", "A-1", to("Hòa", ago(w, 5))); err != nil || st.Status != registry.Trading {
		t.Errorf("a vacant stall: %+v, %v", st, err)
	}
	if _, err := w.reg.Leave(t.Context(), w.clerk, "VT", "A-1", registry.Leaving{From: ago(w, 6), Reason: "left_trade"}); fault.CodeOf(err) != "history-overlaps" {
		t.Errorf("left before they came: %v", err)
	}
	w.whole()
}

func TestMoveFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1")
	w.stall("A-2")
	if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "B-1"}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, from, to, want string }{
		{"to a stall that is held", "A-1", "A-2", "stall-taken"}, {"to no stall", "A-1", "A-9", "move-invalid"}, {"to itself", "A-1", "a - 1", "move-invalid"},
		{"to nothing", "A-1", "", "move-invalid"}, {"from a vacant one", "B-1", "A-1", "stall-vacant"}, {"from no stall", "A-9", "B-1", "stall-not-found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.contents()
			_, err := w.reg.MoveTo(t.Context(), w.clerk, "VT", tt.from, registry.Move{To: tt.to, Reason: "better_place"})
			isFault(t, err, tt.want)
			w.same(before)
		})
	}
	vendor := w.look("A-1").Vendor.ID
	st, err := w.reg.MoveTo(t.Context(), w.clerk, "VT", "A-1", registry.Move{To: "b-1", Reason: "better_place"})
	if err != nil || st.Code != "B-1" || st.Vendor.ID != vendor || w.look("A-1").Status != registry.Vacant {
		t.Errorf("moved: %+v, %v", st, err)
	}
	v, err := w.reg.Vendor(t.Context(), w.clerk, "VT", vendor)
	if err != nil || len(v.Stalls) != 2 || v.Stalls[0].Stall != "B-1" || v.Stalls[1].Status != registry.Moved || v.Stalls[1].MovedTo != "B-1" || v.Stalls[1].Until == nil {
		t.Errorf("stalls %+v, %v", v.Stalls, err)
	}
	w.whole()
}

// Two people hand the same stall over at once, or move two vendors to the same one: one of them is told.
func TestOneTakesTheStall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1")
	if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "B-1"}); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		w.stall(fmt.Sprint("C-", i))
	}
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			if i < 4 {
				_, errs[i] = w.reg.MoveTo(t.Context(), w.clerk, "VT", fmt.Sprint("C-", i), registry.Move{To: "B-1", Reason: "better_place"})
			} else {
				_, errs[i] = w.reg.HandOver(t.Context(), w.clerk, "VT", "A-1", registry.Transfer{Vendor: registry.NewHolder{Name: fmt.Sprint("Lan ", i)}, Reason: "sold"})
			}
		})
	}
	wg.Wait()
	moved := 0
	for i, err := range errs {
		switch {
		case i >= 4 && err != nil: // one after the other, each from the one before
			t.Error(err)
		case i < 4 && err == nil:
			moved++
		case i < 4:
			isFault(t, err, "stall-taken")
		}
	}
	if n := ask[int](w, `SELECT count(*) FROM occupancies WHERE ended IS NULL`); moved != 1 || n != 5 {
		t.Errorf("%d moved, %d hold a stall", moved, n)
	}
	w.whole()
}

func TestStatusOfAStall(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // 22 November
	w.clock.pass(-10 * day)
	w.stall("A-1")
	w.clock.pass(10 * day)
	set := func(in registry.NewStatus) (registry.Stall, error) {
		if in.Reason == "" {
			in.Reason = "season"
		}
		return w.reg.SetStatus(w.Context(), w.volunteer, "VT", "A-1", in)
	}
	for _, tt := range []struct {
		name string
		in   registry.NewStatus
		want []string
	}{
		{"no status", registry.NewStatus{}, []string{"status unknown"}},
		{"vacant", registry.NewStatus{Status: registry.Vacant}, []string{"status vacant"}},
		{"moved", registry.NewStatus{Status: registry.Moved}, []string{"status unknown"}},
		{"seasonal without a season", registry.NewStatus{Status: registry.Seasonal}, []string{"season required"}},
		{"month 13", registry.NewStatus{Status: registry.Seasonal, Season: &registry.Season{From: 1, To: 13}}, []string{"season range"}},
		{"closed with a season", registry.NewStatus{Status: registry.Closed, Season: &registry.Season{From: 1, To: 3}}, []string{"season unexpected"}},
		{"tomorrow", registry.NewStatus{Status: registry.Closed, From: ago(w, -1)}, []string{"from future"}},
		{"long ago", registry.NewStatus{Status: registry.Closed, From: ago(w, 32)}, []string{"from too-old"}},
		{"before the vendor came", registry.NewStatus{Status: registry.Closed, From: ago(w, 11)}, []string{"from overlaps"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.contents()
			_, err := set(tt.in)
			if got := pointers(err); !slices.Equal(got, tt.want) {
				t.Errorf("fields %q, want %q; %v", got, tt.want, err)
			}
			w.same(before)
		})
	}
	if _, err := w.reg.SetStatus(t.Context(), w.clerk, "VT", "A-1", registry.NewStatus{Status: registry.Closed}); !slices.Equal(pointers(err), []string{"reason required"}) {
		t.Errorf("no reason: %v", err)
	}
	closed, err := set(registry.NewStatus{Status: registry.Closed, From: ago(w, 5), Reason: "illness"})
	if err != nil || closed.Status != registry.Closed || closed.Trades || *closed.Since != ago(w, 5) || closed.Why != "illness" {
		t.Errorf("closed: %+v, %v", closed, err)
	}
	events := `SELECT count(*) FROM audit_events`
	n := ask[int](w, events)
	if again, err := set(registry.NewStatus{Status: registry.Closed, From: ago(w, 5), Reason: "illness"}); err != nil || again.ETag() != closed.ETag() || ask[int](w, events) != n {
		t.Errorf("said twice: %+v, %v", again, err)
	}
	if _, err := set(registry.NewStatus{Status: registry.Trading, From: ago(w, 6)}); fault.CodeOf(err) != "history-overlaps" {
		t.Errorf("written over: %v", err)
	}
	if _, err := w.reg.HandOver(t.Context(), w.clerk, "VT", "A-1", registry.Transfer{Vendor: registry.NewHolder{Name: "Lan"}, From: ago(w, 6), Reason: "sold"}); fault.CodeOf(err) != "history-overlaps" {
		t.Errorf("handed over before it was closed: %v", err)
	}
	for _, tt := range []struct {
		from, to int
		trades   bool
	}{{11, 2, true}, {12, 10, false}, {11, 11, true}, {1, 11, true}, {1, 12, true}, {12, 12, false}, {10, 9, true}} {
		st, err := set(registry.NewStatus{Status: registry.Seasonal, Season: &registry.Season{From: tt.from, To: tt.to}})
		if err != nil || st.Trades != tt.trades || st.Status != registry.Seasonal || *st.Season != (registry.Season{From: tt.from, To: tt.to}) {
			t.Errorf("in November, season %d to %d: %+v, %v", tt.from, tt.to, st, err)
		}
	}
	for status, want := range map[string]int{"": 1, registry.Seasonal: 1, registry.Trading: 0, registry.Closed: 0, registry.Vacant: 0} {
		p, err := w.reg.Stalls(t.Context(), w.clerk, "VT", registry.StallFilter{Status: status}, registry.List{})
		if err != nil || len(p.Items) != want {
			t.Errorf("stalls that are %q: %d, want %d; %v", status, len(p.Items), want, err)
		}
	}
	if st := w.handOver("A-1", "Lan"); st.Status != registry.Trading || st.Since != nil {
		t.Errorf("the next vendor begins anew: %+v", st)
	}
	if _, err := w.reg.Leave(t.Context(), w.clerk, "VT", "A-1", registry.Leaving{Reason: "left_trade"}); err != nil {
		t.Fatal(err)
	}
	if _, err := set(registry.NewStatus{Status: registry.Closed}); fault.CodeOf(err) != "stall-vacant" {
		t.Errorf("of a vacant stall: %v", err)
	}
	w.whole()
}

// What the import brought in cannot be taken back once somebody built on it here.
func TestChangesAreBuiltOn(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(w *world) error{
		"a status": func(w *world) error {
			_, err := w.reg.SetStatus(w.Context(), w.clerk, "VT", "A-1", registry.NewStatus{Status: registry.Closed, Reason: "x"})
			return err
		},
		"a transfer": func(w *world) error {
			_, err := w.reg.HandOver(w.Context(), w.clerk, "VT", "A-1", registry.Transfer{Vendor: registry.NewHolder{Name: "Lan"}, Reason: "x"})
			return err
		},
		"another stall of its vendor": func(w *world) error {
			_, err := w.reg.HandOver(w.Context(), w.clerk, "VT", "Z-1", registry.Transfer{Vendor: registry.NewHolder{ID: w.look("A-1").Vendor.ID}, Reason: "x"})
			return err
		},
		"a merge": func(w *world) error {
			_, err := w.reg.Merge(w.Context(), w.clerk, "VT", w.look("Z-2").Vendor.ID, registry.Merge{Into: w.look("A-1").Vendor.ID})
			return err
		},
		"a correction": func(w *world) error {
			v, err := w.reg.Vendor(w.Context(), w.clerk, "VT", w.look("A-1").Vendor.ID)
			if err == nil {
				kind := "grower"
				_, err = w.reg.ChangeVendor(w.Context(), w.clerk, "VT", v.ID, v.ETag(), registry.ChangedVendor{Kind: &kind})
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "Z-1"}); err != nil {
				t.Fatal(err)
			}
			w.stall("Z-2")
			im, err := w.reg.PreviewImport(t.Context(), w.clerk, "VT", "so.csv", stream("Mã quầy;Người bán;Số điện thoại\nA-1;Lan;0712345678\n"), true)
			if err == nil {
				_, err = w.reg.CommitImport(t.Context(), w.clerk, im.Ref, registry.CommitImport{Attested: "vi-1"})
			}
			if err == nil {
				err = do(w)
			}
			if err != nil {
				t.Fatal(err)
			}
			before := w.contents()
			isFault(t, w.reg.DiscardImport(t.Context(), w.clerk, im.Ref), "import-built-on")
			w.same(before, "audit_events", "audit_heads")
		})
	}
}
