package registry_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

// outstanding says of each old placard that is still out: stall, whether it hung, why it ended.
func (w *world) outstanding() []string {
	w.Helper()
	olds, err := w.reg.Outstanding(w.Context(), w.manager, "VT")
	if err != nil {
		w.Fatal(err)
	}
	said := []string{}
	for _, o := range olds {
		said = append(said, fmt.Sprint(o.Stall, " ", o.Hung, " ", o.Reason))
	}
	return said
}

// Every way in which a placard ends, and whether its paper is still out afterwards.
func TestOutstanding(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reprint := func(code string) {
		w.issue(registry.NewBatch{Stalls: []string{code}, Reprint: true, Reason: "ướt"})
	}
	for _, tt := range []struct {
		stall string
		from  string // state in which it ended
		end   func(code string, p registry.Placard)
		want  string // empty: not on the list
	}{
		{"A-1", "issued", func(code string, _ registry.Placard) { reprint(code) }, ""}, // no paper was made
		{"A-2", "printed", func(code string, _ registry.Placard) { reprint(code) }, "false ướt"},
		{"A-3", "handed_over", func(code string, _ registry.Placard) { reprint(code) }, "true ướt"},
		{"A-4", "installed", func(code string, _ registry.Placard) { reprint(code) }, "true ướt"},
		{"A-5", "installed", func(code string, _ registry.Placard) { w.approve(w.propose(code, numbered(viettel, 5))) }, "true account changed"},
		{"A-6", "suspended", func(code string, _ registry.Placard) { w.approve(w.propose(code, numbered(viettel, 6))) }, "true account changed"},
		{"A-7", "suspended", func(string, registry.Placard) {}, ""}, // may come back
		{"A-8", "lost", func(string, registry.Placard) {}, ""},
		{"A-9", "void", func(string, registry.Placard) {}, ""},
		{"B-1", "installed", func(string, registry.Placard) {}, ""},
	} {
		t.Run(tt.stall+" "+tt.from, func(t *testing.T) {
			p := w.reach(tt.stall, tt.from)
			w.clock.pass(time.Minute)
			tt.end(tt.stall, p)
			got := w.outstanding()
			if want := []string{tt.stall + " " + tt.want}; tt.want == "" && len(got) > 0 || tt.want != "" && !slices.Equal(got, want) {
				t.Errorf("still out: %q, want %q", got, tt.want)
			}
			if tt.want == "" {
				return
			}
			olds, _ := w.reg.Outstanding(t.Context(), w.auditor, "VT")
			if o := olds[0]; o.Serial != p.Serial || !o.EndedAt.Equal(w.clock.now()) || o.Vendor != "L• M••• T•• A••" || o.Tail != "0001" || o.ProviderName != "Viettel Money" {
				t.Errorf("an auditor sees %+v", o)
			}
			now := w.look(tt.stall).Placards[0]
			if by := olds[0].ReplacedBy; (by == nil) != (now.Serial == p.Serial) || by != nil && *by != now.Serial {
				t.Errorf("replaced by %v, and there is %s", by, now.Serial)
			}
			got2 := w.record(p.Serial, registry.NewPlacardEvent{Kind: "removed"})
			if got2.State != "replaced" || got2.RemovedAt == nil {
				t.Errorf("taken down it is %s, at %v", got2.State, got2.RemovedAt)
			}
			if got := w.outstanding(); len(got) > 0 {
				t.Errorf("taken down and still out: %q", got)
			}
			if _, err := w.reg.RecordPlacard(t.Context(), w.manager, p.Serial.String(), registry.NewPlacardEvent{Kind: "removed"}); fault.CodeOf(err) != "placard-state" {
				t.Errorf("taken down twice: %v", err)
			}
		})
	}
	// A provisional one whose account was refused: stopped, and never to come back.
	st := w.stall("C-1", numbered(viettel, 1000))
	_, ps := w.issue(registry.NewBatch{Stalls: []string{"C-1"}, Provisional: true})
	w.record(ps[0].Serial, registry.NewPlacardEvent{Kind: "handed_over"})
	w.record(ps[0].Serial, registry.NewPlacardEvent{Kind: "suspended"})
	if got := w.outstanding(); len(got) > 0 {
		t.Errorf("stopped by a person: %q", got)
	}
	a := st.Accounts[0]
	if _, err := w.reg.Decide(t.Context(), w.manager, registry.Decision{Account: a.ID, ETag: a.ETag(), Decision: "reject", Reason: "x"}); err != nil {
		t.Fatal(err)
	}
	if got := w.outstanding(); !slices.Equal(got, []string{"C-1 true account rejected"}) {
		t.Errorf("still out: %q", got)
	}
	w.record(ps[0].Serial, registry.NewPlacardEvent{Kind: "removed"})
	if got := w.outstanding(); len(got) > 0 {
		t.Errorf("still out: %q", got)
	}
	for _, by := range []registry.Actor{w.stranger, w.partner} {
		if _, err := w.reg.Outstanding(t.Context(), by, "VT"); err == nil {
			t.Errorf("%s sees who has an old one", by.Name)
		}
	}
	w.whole()
}
