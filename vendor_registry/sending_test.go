package registry_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	registry "cho40/vendor_registry"
)

// minted is a whole stall as a phone makes it, with an id for each of its records.
func minted(code string) registry.NewStall {
	account := viettel
	account.ID = id.New[registry.Account]()
	return registry.NewStall{ID: id.New[registry.Stall](), Code: code, Section: "Khu A", Accounts: []registry.NewAccount{account}, Consent: agreed,
		Vendor: &registry.NewVendor{ID: id.New[registry.Vendor](), Name: "Lý Minh Tâm", Phone: "0710000009"}}
}

// The same id and content is the stored record, whoever sends it and however often.
func TestSentTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := minted("A-1")
	first, err := w.reg.Register(t.Context(), w.volunteer, "VT", in)
	if err != nil || first.Again || first.ID != in.ID || first.Vendor.ID != in.Vendor.ID || first.Accounts[0].RecordID != in.Accounts[0].ID {
		t.Fatalf("%+v, %v", first, err)
	}
	more := registry.NewAccount{ID: id.New[registry.Account](), Provider: "vcb", Number: "0123456789012", Holder: "LY MINH TAM"}
	if a, err := w.reg.Propose(t.Context(), w.volunteer, "VT", "A-1", more); err != nil || a.Again || a.RecordID != more.ID {
		t.Fatalf("%+v, %v", a, err)
	}
	before := w.contents()
	for _, by := range []registry.Actor{w.volunteer, w.clerk} {
		got, err := w.reg.Register(t.Context(), by, "VT", in)
		if err != nil || !got.Again || got.ID != first.ID || len(got.Accounts) != 2 {
			t.Errorf("the stall again: %+v, %v", got, err)
		}
		if a, err := w.reg.Propose(t.Context(), by, "VT", "a-1", more); err != nil || !a.Again || a.RecordID != more.ID {
			t.Errorf("the account again: %+v, %v", a, err)
		}
	}
	w.same(before)

	t.Run("at once", func(t *testing.T) {
		in, made := minted("A-2"), atomic.Int32{}
		in.Accounts[0].Number = "0710000055"
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				st, err := w.reg.Register(t.Context(), w.volunteer, "VT", in)
				if err != nil || st.ID != in.ID {
					t.Error(err)
				}
				if !st.Again {
					made.Add(1)
				}
			})
		}
		all.Wait()
		if made.Load() != 1 {
			t.Errorf("made %d times", made.Load())
		}
	})
	t.Run("a record that changed since", func(t *testing.T) {
		st := w.look("A-1")
		goods := "cá"
		if _, err := w.reg.Change(t.Context(), w.clerk, "VT", "A-1", st.ETag(), registry.ChangedStall{Goods: &goods}); err != nil {
			t.Fatal(err)
		}
		if got, err := w.reg.Register(t.Context(), w.volunteer, "VT", in); err != nil || got.Goods != "cá" {
			t.Errorf("%+v, %v", got, err)
		}
	})
	w.whole()
}

// Other content under an id overwrites nothing: the first version stands, and the second one is kept once.
func TestSentWithOtherContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := minted("A-1")
	if _, err := w.reg.Register(t.Context(), w.volunteer, "VT", first); err != nil {
		t.Fatal(err)
	}
	ours := w.stall("B-1", vnpt) // with ids of ours
	kept := func() int { return ask[int](w, `SELECT count(*) FROM clashes`) }
	under := minted("A-4")
	under.ID = ours.ID
	before := w.contents()
	for _, tt := range []struct {
		name string
		send func() error
		kind string
	}{
		{"a stall in another section", func() error {
			in := first
			in.Section = "Khu B"
			_, err := w.reg.Register(t.Context(), w.volunteer, "VT", in)
			return err
		}, "stall"},
		{"a stall with another account", func() error {
			in := first
			in.Accounts = []registry.NewAccount{{ID: first.Accounts[0].ID, Provider: "viettel_money", Number: "0710000066"}}
			_, err := w.reg.Register(t.Context(), w.clerk, "VT", in)
			return err
		}, "stall"},
		{"another vendor", func() error {
			in := minted("A-3")
			in.Accounts, in.Vendor = nil, &registry.NewVendor{ID: first.Vendor.ID, Name: "Trần Văn Bê"}
			_, err := w.reg.Register(t.Context(), w.volunteer, "VT", in)
			return err
		}, "vendor"},
		{"another account", func() error {
			in := first.Accounts[0]
			in.Number = "0710000077"
			_, err := w.reg.Propose(t.Context(), w.volunteer, "VT", "A-1", in)
			return err
		}, "account"},
		{"the same account for somebody else", func() error {
			_, err := w.reg.Propose(t.Context(), w.volunteer, "VT", "B-1", first.Accounts[0])
			return err
		}, "account"},
		{"a stall under an id of ours", func() error {
			_, err := w.reg.Register(t.Context(), w.volunteer, "VT", under)
			return err
		}, "stall"},
		{"an account under an id of ours", func() error {
			in := bank
			in.ID = ours.Accounts[0].RecordID
			_, err := w.reg.Propose(t.Context(), w.volunteer, "VT", "A-1", in)
			return err
		}, "account"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			was := kept()
			for range 2 {
				isFault(t, tt.send(), "record-differs")
			}
			if n := kept() - was; n != 1 || ask[string](w, `SELECT kind FROM clashes ORDER BY id DESC LIMIT 1`) != tt.kind {
				t.Errorf("%d versions are kept, want one of a %s", n, tt.kind)
			}
		})
	}
	w.same(before, "clashes", "audit_heads", "audit_events")
	w.whole()
}

// A vendor sent again at another stall holds both; accounts beside are proposals as everywhere.
func TestOneVendorAtTwoStalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := minted("A-1")
	if _, err := w.reg.Register(t.Context(), w.volunteer, "VT", first); err != nil {
		t.Fatal(err)
	}
	second := minted("A-2")
	second.Vendor, second.Accounts = first.Vendor, []registry.NewAccount{first.Accounts[0], vnpt}
	st, err := w.reg.Register(t.Context(), w.volunteer, "VT", second)
	if err != nil || st.Vendor.ID != first.Vendor.ID || len(st.Accounts) != 2 {
		t.Fatalf("%+v, %v", st, err)
	}
	third := minted("A-3")
	third.Vendor, third.Accounts[0].ID = first.Vendor, id.New[registry.Account]()
	_, err = w.reg.Register(t.Context(), w.volunteer, "VT", third)
	isFault(t, err, "account-exists")
	if n := ask[int](w, `SELECT count(*) FROM vendors`); n != 1 {
		t.Errorf("%d vendors", n)
	}
	w.whole()
}

// Whoever leads the team sees the second version, with numbers masked, and settles it once; then what it said is gone.
func TestClashes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := minted("A-1")
	if _, err := w.reg.Register(t.Context(), w.volunteer, "VT", in); err != nil {
		t.Fatal(err)
	}
	in.Vendor = &registry.NewVendor{ID: in.Vendor.ID, Name: "Lý Minh Tấm", Phone: "0710000010"}
	in.Accounts = append(in.Accounts, registry.NewAccount{Payload: codeOf("970436", "0123456789012")})
	_, err := w.reg.Register(t.Context(), w.volunteer, "VT", in)
	isFault(t, err, "record-differs")
	for _, by := range []registry.Actor{w.clerk, w.volunteer, w.officer, w.auditor, w.admin, w.partner} {
		if _, err := w.reg.Clashes(t.Context(), by, "VT", false); fault.KindOf(err) != fault.Forbidden {
			t.Errorf("%s sees them: %v", by.Name, err)
		}
	}
	if _, err := w.reg.Clashes(t.Context(), w.stranger, "VT", false); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a stranger: %v", err)
	}
	cs, err := w.reg.Clashes(t.Context(), w.leader, "VT", false)
	if err != nil || len(cs) != 1 || cs[0].Kind != "stall" || cs[0].RecordID.String() != in.ID.String() || cs[0].Place != "A-1" {
		t.Fatalf("%+v, %v", cs, err)
	}
	vendor, accounts := cs[0].Content["vendor"].(map[string]any), cs[0].Content["accounts"].([]any)
	if vendor["name"] != "Lý Minh Tấm" || vendor["phone"] != "07•• ••• 010" || accounts[0].(map[string]any)["number"] != "07•• ••• 001" ||
		accounts[1].(map[string]any)["payload"] != "•••• 9012" {
		t.Errorf("%v", cs[0].Content)
	}
	_, err = w.reg.SettleClash(t.Context(), w.leader, "VT", cs[0].ID, " ")
	isFault(t, err, "clash-invalid")
	_, err = w.reg.SettleClash(t.Context(), w.leader, "VT", registry.ClashID{}, "không có")
	isFault(t, err, "not-found")
	c, err := w.reg.SettleClash(t.Context(), w.leader, "VT", cs[0].ID, "Gọi hỏi, số đầu đúng.")
	if err != nil || len(c.Content) > 0 || c.SettledAt == nil || c.Note != "Gọi hỏi, số đầu đúng." {
		t.Errorf("%+v, %v", c, err)
	}
	_, err = w.reg.SettleClash(t.Context(), w.manager, "VT", cs[0].ID, "lần nữa")
	isFault(t, err, "clash-settled")
	waiting, err := w.reg.Clashes(t.Context(), w.manager, "VT", false)
	all, err2 := w.reg.Clashes(t.Context(), w.manager, "VT", true)
	if err != nil || err2 != nil || len(waiting) != 0 || len(all) != 1 {
		t.Errorf("%d wait, %d of all; %v, %v", len(waiting), len(all), err, err2)
	}
	w.whole()
}

// A clock that is off by more than ten minutes is flagged; ours decides.
func TestSkew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.placard("A-1", viettel)
	w.clock.pass(48 * time.Hour)
	now := w.clock.now()
	var want []time.Time
	flags := []int{0, 0, 0, 0, 0, 7200, -3600, 660}
	for i, tt := range []struct {
		name     string
		at, sent time.Time
		want     time.Time
	}{
		{"an old event without a word of the clock", now.Add(-5 * time.Hour), time.Time{}, now.Add(-5 * time.Hour)},
		{"an old event of a right clock", now.Add(-4 * time.Hour), now.Add(2 * time.Minute), now.Add(-4 * time.Hour)},
		{"ten minutes off", now.Add(-3 * time.Hour), now.Add(10 * time.Minute), now.Add(-3 * time.Hour)},
		{"no time at all", time.Time{}, time.Time{}, now},
		{"a little ahead", now.Add(9 * time.Minute), time.Time{}, now},
		{"two hours ahead", now.Add(2 * time.Hour), now.Add(2 * time.Hour), now},
		{"an hour behind", now.Add(-time.Hour), now.Add(-time.Hour), now},
		{"eleven minutes ahead without a word of the clock", now.Add(11 * time.Minute), time.Time{}, now},
	} {
		kind := "handed_over"
		if i > 0 {
			kind = "checked"
		}
		if i == 1 {
			w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed", At: now.Add(-5 * time.Hour), Consent: agreed})
			want, flags = append(want, now.Add(-5*time.Hour)), slices.Insert(flags, 1, 0)
		}
		e := registry.NewPlacardEvent{ID: id.New[registry.NewPlacardEvent](), Kind: kind, At: tt.at, SentAt: tt.sent}
		if kind == "checked" {
			e.Payload = p.Payload
		}
		w.record(p.Serial, e)
		if !e.SentAt.IsZero() { // sent again later, it is the same event
			e.SentAt = e.SentAt.Add(time.Minute)
			w.record(p.Serial, e)
		}
		want = append(want, tt.want)
	}
	es, err := w.reg.PlacardEvents(t.Context(), w.manager, p.Serial.String())
	if err != nil {
		t.Fatal(err)
	}
	es = es[len(es)-len(want):]
	for i, e := range es {
		ahead := 0
		if e.ClockAhead != nil {
			ahead = *e.ClockAhead
		}
		if !e.At.Equal(want[i]) || ahead != flags[i] {
			t.Errorf("event %d: at %s, %d s ahead; want %s, %d", i, e.At, ahead, want[i], flags[i])
		}
	}
}
