package registry_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	registry "cho40/vendor_registry"
)

// left lists what a batch left out: stall and reason.
func left(out []registry.LeftOut) []string {
	said := []string{}
	for _, l := range out {
		said = append(said, l.Stall+" "+l.Reason)
	}
	return said
}

func stalls(ps []registry.Placard) []string {
	codes := []string{}
	for _, p := range ps {
		codes = append(codes, p.Stall)
	}
	return codes
}

// printable is a market with a stall of every sort.
func printable(t *testing.T) *world {
	w := newWorld(t)
	if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "VACANT", Section: "Khu B"}); err != nil {
		t.Fatal(err)
	}
	w.stall("NONE")
	w.stall("WAITS", viettel)
	w.approve(w.stall("A-1", viettel).Accounts[0])
	two := w.stall("A-2", vnpt, viettel).Accounts
	w.approve(two[0])
	w.approve(two[1])
	w.placard("HAS", viettel)
	rejected := w.stall("REJECTED", viettel).Accounts[0]
	if _, err := w.reg.Decide(t.Context(), w.manager, registry.Decision{Account: rejected.ID, ETag: rejected.ETag(), Decision: "reject", Reason: "x"}); err != nil {
		t.Fatal(err)
	}
	w.propose("A-1", numbered(viettel, 9)) // a change that waits does not keep the account in force from being printed
	return w
}

func TestIssue(t *testing.T) {
	t.Parallel()
	tooLong := func(_ registry.Batch, p registry.Placard) (why, warning fault.Text) {
		if p.Stall == "A-2" {
			why = fault.Say("The name is too long.")
		}
		return
	}
	all := []string{"VACANT vacant", "NONE no-account", "WAITS not-approved", "HAS already-issued", "REJECTED no-account"}
	for _, tt := range []struct {
		name    string
		in      registry.NewBatch
		fits    registry.Fits
		printed []string
		number  []string // last digits
		left    []string
	}{
		{"all", registry.NewBatch{All: true}, anyFits, []string{"A-1", "A-2"}, []string{"0001", "0002"}, all},
		{"provisional too", registry.NewBatch{All: true, Provisional: true}, anyFits, []string{"WAITS", "A-1", "A-2"}, []string{"0001", "0001", "0002"},
			[]string{"VACANT vacant", "NONE no-account", "HAS already-issued", "REJECTED no-account"}},
		{"stalls by name, in walking order", registry.NewBatch{Stalls: []string{"a-2", "A - 1", "A-2", "Z-9"}}, anyFits, []string{"A-1", "A-2"}, []string{"0001", "0002"}, []string{"Z-9 unknown-stall"}},
		{"a section", registry.NewBatch{Section: "Khu A"}, anyFits, []string{"A-1", "A-2"}, []string{"0001", "0002"}, all[1:]},
		{"a provider", registry.NewBatch{All: true, Provider: "ViettelPay"}, anyFits, []string{"A-1", "A-2"}, []string{"0001", "0001"}, all},
		{"another provider", registry.NewBatch{All: true, Provider: "971011"}, anyFits, []string{"A-2"}, []string{"0002"},
			[]string{"VACANT vacant", "NONE no-account", "WAITS other-provider", "A-1 other-provider", "HAS other-provider", "REJECTED no-account"}},
		{"one face that does not fit", registry.NewBatch{All: true}, tooLong, []string{"A-1"}, []string{"0001"},
			[]string{"VACANT vacant", "NONE no-account", "WAITS not-approved", "A-2 cannot-print", "HAS already-issued", "REJECTED no-account"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := printable(t)
			tt.in.Sheet, tt.in.Skip = "a6x4", 2
			b, err := w.reg.Issue(t.Context(), w.clerk, "VT", tt.in, tt.fits)
			if err != nil {
				t.Fatal(err)
			}
			stored, ps, err := w.reg.Batch(t.Context(), w.manager, b.Ref)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(stalls(ps), tt.printed) || !slices.Equal(left(b.LeftOut), tt.left) || !slices.Equal(left(stored.LeftOut), tt.left) {
				t.Errorf("printed %q, left out %q\nwant    %q,          %q", stalls(ps), left(stored.LeftOut), tt.printed, tt.left)
			}
			for i, p := range ps {
				if p.Tail != tt.number[i] || p.State != "issued" || p.Mark != map[bool]string{true: "provisional"}[p.Stall == "WAITS"] {
					t.Errorf("%s pays …%s, is %s, marked %q; want …%s", p.Stall, p.Tail, p.State, p.Mark, tt.number[i])
				}
			}
			if stored.Placards != len(ps) || stored.Skip != 2 || stored.Layout != registry.Layout || b.Placards != len(ps) {
				t.Errorf("batch %+v", stored)
			}
			for _, l := range stored.LeftOut {
				if (l.Serial != "") != (l.Reason == "already-issued") || (l.Detail.Format != "") != (l.Reason == "cannot-print") {
					t.Errorf("left out %+v", l)
				}
			}
			// The same batch, the same placards, whatever happened since.
			name := "Tên Khác"
			for _, p := range ps[:1] {
				if _, err := w.reg.Change(t.Context(), w.clerk, "VT", p.Stall, w.look(p.Stall).ETag(), registry.ChangedStall{Vendor: &registry.ChangedVendor{Name: &name}}); err != nil {
					t.Fatal(err)
				}
			}
			w.clock.pass(time.Hour)
			_, again, err := w.reg.Batch(t.Context(), w.manager, b.Ref)
			if err != nil || !reflect.DeepEqual(again, ps) {
				t.Errorf("read again the batch differs: %v", err)
			}
			_, err = w.reg.Issue(t.Context(), w.clerk, "VT", tt.in, tt.fits)
			if f := isFault(t, err, "nothing-to-print"); f.Kind != fault.Conflict {
				t.Errorf("kind = %v", f.Kind)
			}
			w.whole()
		})
	}
}

func TestIssueFaults(t *testing.T) {
	t.Parallel()
	w := printable(t)
	for _, tt := range []struct {
		name   string
		by     registry.Actor
		market string
		in     registry.NewBatch
		want   string
		fields []string
	}{
		{"nothing named", w.clerk, "VT", registry.NewBatch{}, "batch-invalid", []string{"all choose-one"}},
		{"two ways", w.clerk, "VT", registry.NewBatch{All: true, Section: "Khu A"}, "batch-invalid", []string{"all choose-one"}},
		{"an unknown design", w.clerk, "VT", registry.NewBatch{All: true, Design: "gold"}, "batch-invalid", []string{"design unknown"}},
		{"skip below 0", w.clerk, "VT", registry.NewBatch{All: true, Skip: -1}, "batch-invalid", []string{"skip range"}},
		{"names that are no text", w.clerk, "VT", registry.NewBatch{All: true, Design: "\x00", Printer: "\xff"}, "batch-invalid", []string{"design bad-character", "printer bad-character"}},
		{"ten copies", w.clerk, "VT", registry.NewBatch{All: true, Copies: 10}, "batch-invalid", []string{"copies range"}},
		{"less than no copies", w.clerk, "VT", registry.NewBatch{All: true, Copies: -1}, "batch-invalid", []string{"copies range"}},
		{"a reason of 201 characters", w.clerk, "VT", registry.NewBatch{All: true, Reason: strings.Repeat("ỹ", 201)}, "batch-invalid", []string{"reason too-long"}},
		{"an unknown printer", w.clerk, "VT", registry.NewBatch{All: true, Printer: "Canon"}, "batch-invalid", []string{"printer unknown"}},
		{"skip of 100", w.clerk, "VT", registry.NewBatch{All: true, Skip: 100}, "batch-invalid", []string{"skip range"}},
		{"an unknown provider", w.clerk, "VT", registry.NewBatch{All: true, Provider: "nobody"}, "batch-invalid", []string{"provider unknown"}},
		{"an officer", w.officer, "VT", registry.NewBatch{All: true}, "not-allowed", nil},
		{"an auditor", w.auditor, "VT", registry.NewBatch{All: true}, "not-allowed", nil},
		{"from outside", w.stranger, "VT", registry.NewBatch{All: true}, "market-not-found", nil},
		{"a market without stalls", w.stranger, "XX", registry.NewBatch{All: true}, "nothing-to-print", nil},
		{"a section that is not there", w.clerk, "VT", registry.NewBatch{Section: "Khu Z"}, "nothing-to-print", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.contents()
			tt.in.Sheet = "a6x4"
			_, err := w.reg.Issue(t.Context(), tt.by, tt.market, tt.in, anyFits)
			isFault(t, err, tt.want)
			if got := pointers(err); len(got)+len(tt.fields) > 0 && !slices.Equal(got, tt.fields) {
				t.Errorf("fields %q, want %q", got, tt.fields)
			}
			w.same(before)
		})
	}
	b, _ := w.issue(registry.NewBatch{All: true})
	for name, read := range map[string]func() error{
		"another's batch": func() error { _, _, err := w.reg.Batch(t.Context(), w.stranger, b.Ref); return err },
		"through XX": func() error {
			_, _, err := w.reg.Batch(t.Context(), w.stranger, registry.BatchRef{Market: "XX", ID: b.Ref.ID})
			return err
		},
		"no such batch": func() error {
			_, _, err := w.reg.Batch(t.Context(), w.clerk, registry.BatchRef{Market: "VT", ID: id.New[registry.Batch]()})
			return err
		},
		"a market of no name": func() error {
			_, _, err := w.reg.Batch(t.Context(), w.clerk, registry.BatchRef{Market: "", ID: b.Ref.ID})
			return err
		},
	} {
		if err := read(); fault.CodeOf(err) != "batch-not-found" {
			t.Errorf("%s: %v", name, err)
		}
	}
	list, err := w.reg.Batches(t.Context(), w.clerk, "VT")
	if err != nil || len(list) != 2 || list[0].Ref != b.Ref {
		t.Errorf("batches %+v, %v", list, err)
	}
}

func TestApprovedSinceIsPrintedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.stall("A-1", viettel).Accounts[0]
	_, first := w.issue(registry.NewBatch{All: true, Provisional: true})
	if _, err := w.reg.Issue(t.Context(), w.clerk, "VT", registry.NewBatch{All: true, Provisional: true, Sheet: "a6x4"}, anyFits); fault.CodeOf(err) != "nothing-to-print" {
		t.Errorf("provisional twice: %v", err)
	}
	w.approve(a)
	_, second := w.issue(registry.NewBatch{All: true})
	if second[0].Mark != "" || second[0].Serial == first[0].Serial || second[0].AccountID != first[0].AccountID {
		t.Errorf("printed anew: %+v", second[0])
	}
	old, _, err := w.reg.PublicPlacard(t.Context(), first[0].Serial.String())
	if err != nil || old.State != "replaced" || old.InUse() {
		t.Errorf("the provisional one is %s, %v", old.State, err)
	}
	w.whole()
}

func TestDemoPlacardsSaySample(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: "DEMO", Name: "Chợ Mẫu", Demo: true}); err != nil {
		t.Fatal(err)
	}
	clerk, manager := person(t, "clerk", "market:DEMO"), person(t, "manager", "market:DEMO")
	for i, approve := range []bool{true, false} {
		st, err := w.reg.Register(t.Context(), clerk, "DEMO", registry.NewStall{Code: fmt.Sprint("A-", i), Vendor: &registry.NewVendor{Name: "Tâm"}, Consent: agreed, Accounts: []registry.NewAccount{numbered(viettel, i)}})
		if err != nil {
			t.Fatal(err)
		}
		if approve {
			if _, err := w.reg.Decide(t.Context(), manager, approval(st.Accounts[0])); err != nil {
				t.Fatal(err)
			}
		}
	}
	b, err := w.reg.Issue(t.Context(), clerk, "DEMO", registry.NewBatch{All: true, Provisional: true, Sheet: "a6x4"}, anyFits)
	if err != nil {
		t.Fatal(err)
	}
	_, ps, err := w.reg.Batch(t.Context(), clerk, b.Ref)
	if err != nil || len(ps) != 2 || ps[0].Mark != "sample" || ps[1].Mark != "sample" {
		t.Errorf("%d placards, %+v, %v", len(ps), ps, err)
	}
}

func TestIssueTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 10 {
		w.approve(w.stall(fmt.Sprint("A-", i), numbered(viettel, i)).Accounts[0])
	}
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = w.reg.Issue(t.Context(), w.volunteer, "VT", registry.NewBatch{All: true, Sheet: "a6x4"}, anyFits)
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			isFault(t, err, "nothing-to-print")
		}
	}
	if n := ask[int](w, `SELECT count(*) FROM placards`); won != 1 || n != 10 {
		t.Errorf("%d batches, %d placards; want 1 and 10", won, n)
	}
	if n := ask[int](w, `SELECT count(DISTINCT serial) FROM placard_serials`); n != 10 {
		t.Errorf("%d serials claimed", n)
	}
	w.whole()
}

// Nothing of a batch is there when a part of it cannot be stored.
func TestIssueIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"print_batches", "placard_serials", "placards", "placard_events", "audit_events"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.approve(w.stall("A-1", viettel).Accounts[0])
			w.exec(`ALTER TABLE ` + table + ` ADD CONSTRAINT refused CHECK (false) NOT VALID`)
			before := w.contents()
			if _, err := w.reg.Issue(t.Context(), w.clerk, "VT", registry.NewBatch{All: true, Sheet: "a6x4"}, anyFits); err == nil {
				t.Error("issued")
			}
			w.same(before)
		})
	}
}

func TestPrintedTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 3 {
		w.approve(w.stall(fmt.Sprint("A-", i), numbered(viettel, i)).Accounts[0])
	}
	b, ps := w.issue(registry.NewBatch{All: true})
	w.record(ps[1].Serial, registry.NewPlacardEvent{Kind: "suspended"})
	w.record(ps[2].Serial, registry.NewPlacardEvent{Kind: "suspended"})
	w.record(ps[2].Serial, registry.NewPlacardEvent{Kind: "resumed", Reason: "a mistake"})
	if err := w.reg.Printed(t.Context(), w.clerk, b.Ref); err != nil {
		t.Fatal(err)
	}
	before := w.contents()
	if err := w.reg.Printed(t.Context(), w.clerk, b.Ref); err != nil {
		t.Fatal(err)
	}
	w.same(before)
	_, ps, err := w.reg.Batch(t.Context(), w.clerk, b.Ref)
	got := []string{ps[0].State, ps[1].State, ps[2].State}
	if err != nil || !slices.Equal(got, []string{"printed", "suspended", "printed"}) {
		t.Errorf("states %v, %v", got, err)
	}
	w.whole()
}

// A name that the directory gives up later stays on the paper that says it.
func TestProviderNameIsFrozen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.placard("A-1", viettel)
	if p.ProviderName != "Viettel Money" || ask[string](w, `SELECT provider_name FROM placards`) != "Viettel Money" {
		t.Errorf("printed %q", p.ProviderName)
	}
	for stored, want := range map[string]string{"ViettelPay": "ViettelPay", "": "Viettel Money"} {
		w.exec(`UPDATE placards SET provider_name = $1`, stored)
		if got, err := w.reg.Placard(t.Context(), w.clerk, p.Serial.String()); err != nil || got.ProviderName != want {
			t.Errorf("stored %q: %q, %v; want %q", stored, got.ProviderName, err, want)
		}
	}
}

// A reprint gives new serials, ends the old ones in the same breath with the reason, and is no way round a stop.
func TestReprint(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		state  string // of the placard that is there
		in     registry.NewBatch
		reason string // of the event that ended it; empty: it is as it was
		left   string
	}{
		{"issued", registry.NewBatch{All: true, Reprint: true, Reason: "mực nhòe"}, "mực nhòe", ""},
		{"printed", registry.NewBatch{Stalls: []string{"a-1"}, Reprint: true, Reason: "mực nhòe"}, "mực nhòe", ""},
		{"handed_over", registry.NewBatch{Section: "Khu A", Reprint: true, Reason: "mực nhòe"}, "mực nhòe", ""},
		{"installed", registry.NewBatch{All: true, Reprint: true, Reason: "mực nhòe", Provisional: true}, "mực nhòe", ""},
		{"installed", registry.NewBatch{All: true, Reason: "mực nhòe"}, "", "A-1 already-issued"},
		{"suspended", registry.NewBatch{All: true, Reprint: true, Reason: "mực nhòe"}, "", "A-1 suspended"},
		{"suspended", registry.NewBatch{All: true}, "", "A-1 already-issued"},
		{"lost", registry.NewBatch{All: true, Reprint: true, Reason: "mực nhòe"}, "", ""},
		{"void", registry.NewBatch{All: true, Reprint: true, Reason: "mực nhòe"}, "", ""},
		{"installed", registry.NewBatch{All: true, Reprint: true, Reason: "mực nhòe", Provider: "vnpt_money"}, "", "A-1 other-provider"},
	} {
		t.Run(tt.state, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			old := w.reach("A-1", tt.state)
			w.approve(w.stall("A-2", vnpt).Accounts[0]) // has none yet, and gets one as usual
			if tt.in.Stalls != nil {
				tt.in.Stalls = append(tt.in.Stalls, "A-2")
			}
			b, ps := w.issue(tt.in)
			printed := []string{"A-1", "A-2"}
			if tt.left != "" {
				printed = printed[1:]
			}
			if !slices.Equal(stalls(ps), printed) || strings.Join(left(b.LeftOut), ", ") != tt.left || b.Reason != tt.in.Reason {
				t.Errorf("printed %q, left out %q, for %q", stalls(ps), left(b.LeftOut), b.Reason)
			}
			for _, o := range b.LeftOut {
				if (o.Serial == old.Serial.String()) != (o.Reason != "other-provider") {
					t.Errorf("left out with the serial %q, there is %s", o.Serial, old.Serial)
				}
			}
			got, err := w.reg.Placard(t.Context(), w.clerk, old.Serial.String())
			want := tt.state
			if tt.reason != "" {
				want = "replaced"
			}
			if err != nil || got.State != want || ps[0].Serial == old.Serial {
				t.Errorf("the old one is %s, want %s; %v", got.State, want, err)
			}
			if reason := ask[string](w, `SELECT coalesce(max(reason), '') FROM placard_events WHERE kind = 'replaced'`); reason != tt.reason {
				t.Errorf("ended for %q, want %q", reason, tt.reason)
			}
			w.whole()
		})
	}
	w := newWorld(t)
	w.placard("A-1", viettel)
	before := w.contents()
	_, err := w.reg.Issue(t.Context(), w.clerk, "VT", registry.NewBatch{All: true, Reprint: true, Reason: " ", Sheet: "a6x4"}, anyFits)
	isFault(t, err, "batch-invalid")
	if got := pointers(err); !slices.Equal(got, []string{"reason required"}) {
		t.Errorf("without a reason: %q", got)
	}
	w.same(before)
}

// Sheets that name somebody who was erased are not drawn again, nor a part of them.
func TestBatchOfTheErased(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, code := range []string{"A-1", "A-2", "B-1"} {
		w.approve(w.stall(code, viettel).Accounts[0])
	}
	two, _ := w.issue(registry.NewBatch{Stalls: []string{"A-1", "A-2"}})
	other, _ := w.issue(registry.NewBatch{Stalls: []string{"B-1"}})
	w.exec(`UPDATE vendors v SET erased_at = $1 FROM placards p WHERE p.market_id = v.market_id AND p.vendor_id = v.id AND p.stall_code = 'A-2'`, w.clock.now())
	b, ps, err := w.reg.Batch(t.Context(), w.manager, two.Ref)
	if f := isFault(t, err, "batch-gone"); f.Kind != fault.Gone || len(ps) != 0 || b.ID == two.ID {
		t.Errorf("kind %v, batch %+v, %d placards", f.Kind, b, len(ps))
	}
	if _, _, err := w.reg.Batch(t.Context(), w.manager, other.Ref); err != nil {
		t.Errorf("sheets without that person: %v", err)
	}
	if _, _, err := w.reg.Batch(t.Context(), w.stranger, two.Ref); fault.CodeOf(err) != "batch-not-found" {
		t.Errorf("from outside: %v", err)
	}
}

// A placard that somebody moves while its reprint is being made is not printed over.
func TestReprintMeetsAPhone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ kind, want string }{{"suspended", "placard-moved"}, {"installed", "placard-moved"}, {"", ""}} {
		t.Run(tt.kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			old := w.placard("A-1", viettel)
			var before map[string]string
			_, err := w.reg.Issue(t.Context(), w.clerk, "VT", registry.NewBatch{All: true, Reprint: true, Reason: "ướt", Sheet: "a6x4"},
				func(registry.Batch, registry.Placard) (why, warning fault.Text) {
					if tt.kind != "" {
						w.record(old.Serial, registry.NewPlacardEvent{Kind: tt.kind, Consent: agreed})
					}
					before = w.contents()
					return
				})
			if fault.CodeOf(err) != tt.want || err != nil && tt.want == "" {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
			if tt.want != "" {
				w.same(before)
			}
			w.whole()
		})
	}
}
