package registry_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"cho40/internal/id"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"

	"github.com/jackc/pgx/v5"
)

func (w *world) merge(from, into registry.VendorID) registry.VendorRecord {
	w.Helper()
	v, err := w.reg.Merge(w.Context(), w.clerk2, "VT", from, registry.Merge{Into: into, Reason: "entered_wrongly"})
	if err != nil {
		w.Fatalf("merge: %v", err)
	}
	return v
}

// state is a placard's.
func (w *world) state(p registry.Placard) string {
	w.Helper()
	now, err := w.reg.Placard(w.Context(), w.manager, p.Serial.String())
	if err != nil {
		w.Fatal(err)
	}
	return now.State
}

// What becomes of accounts and placards when two records of one person are made one, by what each of them had.
func TestMerge(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		goneHas    registry.NewAccount // approved, with a placard that hangs
		staysHas   []registry.NewAccount
		approved   bool // what stays had is approved
		keeps      bool // the placard goes on
		proposed   int  // proposals of the surviving vendor afterwards
		isChange   bool
		defaultsTo string
	}{
		{"the same account", viettel, []registry.NewAccount{viettel}, true, true, 0, false, viettel.Number},
		{"the same account under another name", under("LY VAN TAM", viettel), []registry.NewAccount{viettel}, true, false, 0, false, viettel.Number},
		{"the same account by another code", registry.NewAccount{Payload: codeOf(vcbBIN, bank.Number, tlv("80", "046")), Holder: bank.Holder, Reason: bank.Reason},
			[]registry.NewAccount{bank}, true, false, 0, false, bank.Number},
		{"the same account, not approved there", viettel, []registry.NewAccount{viettel}, false, false, 1, false, ""},
		{"another account of the same wallet", viettel, []registry.NewAccount{numbered(viettel, 7)}, true, false, 1, true, "0710000007"},
		{"an account of another wallet", vnpt, []registry.NewAccount{viettel}, true, false, 1, false, viettel.Number},
		{"no account there", viettel, nil, false, false, 1, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			gonesCard := w.placard("A-1", tt.goneHas)
			w.record(gonesCard.Serial, registry.NewPlacardEvent{Kind: "installed"})
			stays := w.stall("B-1", tt.staysHas...)
			var own registry.Placard
			if tt.approved {
				w.approve(stays.Accounts[0])
				_, ps := w.issue(registry.NewBatch{Stalls: []string{"B-1"}})
				own = ps[0]
			}
			gone := w.look("A-1").Vendor.ID
			w.clock.pass(time.Minute)
			var v registry.VendorRecord
			w.unmoved(func() { v = w.merge(gone, stays.Vendor.ID) })
			if v.ID != stays.Vendor.ID || !slices.Equal(v.Merged, []registry.VendorID{gone}) || len(v.Stalls) != 2 {
				t.Errorf("who stays: %+v", v)
			}
			for _, code := range []string{"A-1", "B-1"} {
				if got := w.look(code).Vendor.ID; got != stays.Vendor.ID {
					t.Errorf("%s is held by %s", code, got)
				}
			}
			old, err := w.reg.Vendor(t.Context(), w.clerk, "VT", gone)
			if err != nil || old.ID != stays.Vendor.ID {
				t.Errorf("the old id gives %s, %v", old.ID, err)
			}
			if want := map[bool]string{true: "installed", false: "suspended"}[tt.keeps]; w.state(gonesCard) != want {
				t.Errorf("the merged one's placard is %s, want %s", w.state(gonesCard), want)
			}
			if tt.keeps != slices.Contains(v.Kept, gonesCard.Serial) || tt.keeps == slices.Contains(v.Stopped, gonesCard.Serial) {
				t.Errorf("kept %v, stopped %v", v.Kept, v.Stopped)
			}
			if tt.approved && w.state(own) != "issued" {
				t.Errorf("the survivor's own placard is %s", w.state(own))
			}
			if got := w.defaultOf("B-1"); got != tt.defaultsTo {
				t.Errorf("money goes to %q, want %q", got, tt.defaultsTo)
			}
			waiting, err := w.reg.Pending(t.Context(), w.manager, "VT")
			if err != nil || len(waiting) != tt.proposed {
				t.Fatalf("%d proposals wait, want %d; %v", len(waiting), tt.proposed, err)
			}
			if tt.proposed > 0 && (waiting[0].Replaces != nil) != tt.isChange {
				t.Errorf("a change: %v", waiting[0].Replaces)
			}
			if !tt.keeps {
				_, err := w.reg.RecordPlacard(t.Context(), w.manager, gonesCard.Serial.String(), registry.NewPlacardEvent{Kind: "resumed", Reason: "x"})
				isFault(t, err, "account-changed")
				if olds := w.outstanding(); !slices.Equal(olds, []string{"A-1 true account superseded"}) {
					t.Errorf("still out: %q", olds)
				}
			} else { // it ends with the account that it pays, as any other
				w.approve(w.propose("B-1", numbered(viettel, 99)))
				if w.state(gonesCard) != "replaced" {
					t.Errorf("after a change of the account the placard is %s", w.state(gonesCard))
				}
			}
			if found, err := w.reg.Reconcile(t.Context(), w.manager, "VT"); err != nil || len(found) != 0 {
				t.Errorf("what does not agree: %+v, %v", found, err)
			}
			// Saying it again changes nothing.
			before := w.contents()
			if again, err := w.reg.Merge(t.Context(), w.clerk, "VT", gone, registry.Merge{Into: stays.Vendor.ID}); err != nil || again.ID != stays.Vendor.ID {
				t.Errorf("again: %v", err)
			}
			w.same(before)
			w.whole()
		})
	}
}

// under gives an account another holder, who was heard.
func under(holder string, a registry.NewAccount) registry.NewAccount {
	a.Holder = holder
	return a
}

// None of those who touched the account before, nor who merged, may approve what the merge proposed.
func TestWhoApprovesAfterAMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gone := w.stall("A-1", viettel)
	w.approve(gone.Accounts[0])
	stays := w.stall("B-1")
	if _, err := w.reg.Merge(t.Context(), w.manager, "VT", gone.Vendor.ID, registry.Merge{Into: stays.Vendor.ID}); err != nil {
		t.Fatal(err)
	}
	a := w.look("B-1").Accounts[0]
	if !slices.Equal(a.TouchedBy, []string{w.clerk.ID, w.manager.ID}) {
		t.Errorf("touched by %q", a.TouchedBy)
	}
	_, err := w.reg.Decide(t.Context(), w.manager, approval(a))
	isFault(t, err, "own-proposal")
	if _, err := w.reg.Decide(t.Context(), w.manager2, approval(a)); err != nil {
		t.Error(err)
	}
	w.whole()
}

func TestMergeFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.stall("A-1").Vendor.ID, w.stall("A-2").Vendor.ID
	far, err := w.reg.Register(t.Context(), w.stranger, "XX", registry.NewStall{Code: "X-1", Vendor: &registry.NewVendor{Name: "Xa"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name       string
		by         registry.Actor
		from, into registry.VendorID
		want       string
	}{
		{"into nobody", w.clerk, a, registry.VendorID{}, "merge-invalid"},
		{"into an unknown one", w.clerk, a, id.New[registry.Vendor](), "merge-invalid"},
		{"into another market's", w.clerk, a, far.Vendor.ID, "merge-invalid"},
		{"another market's", w.clerk, far.Vendor.ID, a, "vendor-not-found"},
		{"into themselves", w.clerk, a, a, "same-vendor"},
		{"by one who may not", w.officer, a, b, "not-allowed"},
		{"from outside", w.stranger, a, b, "market-not-found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.contents()
			_, err := w.reg.Merge(t.Context(), tt.by, "VT", tt.from, registry.Merge{Into: tt.into})
			isFault(t, err, tt.want)
			w.same(before)
		})
	}
}

// Three records become one, in a chain and at once; every id finds the one who stays.
func TestMergeOfMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ids []registry.VendorID
	for _, code := range []string{"A-1", "A-2", "A-3", "A-4"} {
		ids = append(ids, w.stall(code).Vendor.ID)
	}
	w.merge(ids[0], ids[1])
	w.merge(ids[1], ids[2])
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, pair := range [][2]registry.VendorID{{ids[0], ids[3]}, {ids[3], ids[2]}} { // against each other
		wg.Go(func() {
			_, errs[i] = w.reg.Merge(t.Context(), w.clerk, "VT", pair[0], registry.Merge{Into: pair[1]})
		})
	}
	wg.Wait()
	if errs[0] != nil || errs[1] != nil {
		t.Fatal(errs)
	}
	first, err := w.reg.Vendor(t.Context(), w.clerk, "VT", ids[0])
	if err != nil || len(first.Merged) != 3 || len(first.Stalls) != 4 {
		t.Fatalf("%+v, %v", first, err)
	}
	for _, v := range ids {
		if got, err := w.reg.Vendor(t.Context(), w.clerk, "VT", v); err != nil || got.ID != first.ID {
			t.Errorf("%s finds %s, %v", v, got.ID, err)
		}
		if _, err := w.reg.HandOver(t.Context(), w.clerk, "VT", "A-1", registry.Transfer{Vendor: registry.NewHolder{ID: v}, Reason: "x"}); err == nil {
			t.Error("the one who holds it takes it")
		} else {
			isFault(t, err, "same-vendor")
		}
	}
	told, err := w.reg.VendorTimeline(t.Context(), w.clerk, "VT", ids[0], registry.List{})
	merged := 0
	for _, h := range told.Items {
		if h.Kind == "merged" {
			merged++
		}
	}
	if err != nil || merged != 3 {
		t.Errorf("the story tells of %d merges, %v", merged, err)
	}
	w.whole()
}

// The vendor's consent covers the joined record from whichever side it came; a withdrawal on either ends it.
func TestConsentAfterAMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.stall("A-1") // agreed
	bare, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "B-1", Vendor: &registry.NewVendor{Name: "Lý Minh Tâm"}})
	if err != nil {
		t.Fatal(err)
	}
	if v := w.merge(a.Vendor.ID, bare.Vendor.ID); !v.OwnConsent {
		t.Error("the consent is lost")
	}
	w.propose("B-1", viettel)
	c := w.stall("C-1")
	w.clock.pass(time.Minute)
	w.exec(`INSERT INTO consents (market_id, id, vendor_id, kind, wording, given, taken_by, taken_at) VALUES ($1, $2, $3, 'withdrawal', 'vi-1', 'phone_call', 'x', $4)`,
		w.vt.ID, id.New[world](), c.Vendor.ID, w.clock.now())
	if v := w.merge(c.Vendor.ID, bare.Vendor.ID); v.OwnConsent {
		t.Error("the withdrawal is lost")
	}
	w.whole()
}

// Who was merged is counted with who they are now. Of more vendors than one statement counts, both may be named, each in another one.
func TestRecountOfMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gone := w.stall("A-1", viettel)
	vendors := []registry.VendorID{gone.Vendor.ID}
	for range 600 { // they are counted in the order of their ids, which is that of their making
		vendors = append(vendors, id.New[registry.Vendor]())
	}
	stays := w.stall("B-1")
	w.merge(gone.Vendor.ID, stays.Vendor.ID)
	tx, err := w.owner().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	for _, sql := range []string{ // they traded a day longer than was counted
		`UPDATE stalls SET created_at = @at WHERE market_id = @market`,
		`UPDATE occupancies SET began = @at::timestamptz::date WHERE market_id = @market`,
	} {
		if _, err := tx.Exec(t.Context(), sql, pgx.StrictNamedArgs{"market": w.vt.ID, "at": w.clock.now().Add(-day)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := registry.Recount(t.Context(), tx, w.vt.ID, w.clock.now(), append(vendors, stays.Vendor.ID)...); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := coverage.New(w.db, w.clock.now).Share(t.Context(), w.officer, coverage.Question{Market: "VT", AsOf: w.reg.Today().Plus(-1)})
	if err != nil || got.Vendors != 1 {
		t.Errorf("%d vendors traded the day before, want 1; %v", got.Vendors, err)
	}
}
