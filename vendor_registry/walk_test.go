package registry_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

// walked writes an order in one line: "Khu A: A-1 A-2; Khu B: B-1".
func walked(w registry.Walk) string {
	var parts []string
	for _, s := range w.Sections {
		parts = append(parts, s.Name+": "+strings.Join(s.Stalls, " "))
	}
	return strings.Join(parts, "; ")
}

func stallsIn(w *world, sections ...string) {
	w.Helper()
	for _, s := range sections {
		name, codes, _ := strings.Cut(s, ": ")
		for code := range strings.FieldsSeq(codes) {
			if _, err := w.reg.Register(w.Context(), w.clerk, "VT", registry.NewStall{Code: code, Section: name}); err != nil {
				w.Fatal(err)
			}
		}
	}
}

func given[T any](v T) *T { return &v }

func TestWalk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stallsIn(w, "Rau: A-1 A-2 A-3", "Cá: B-1 B-2", ": Z-9", "Rau: A-4")
	look := func() registry.Walk {
		t.Helper()
		walk, err := w.reg.Walk(t.Context(), w.volunteer, "VT")
		if err != nil {
			t.Fatal(err)
		}
		return walk
	}
	if got := walked(look()); got != "Rau: A-1 A-2 A-3 A-4; Cá: B-1 B-2; : Z-9" {
		t.Fatalf("the order is %q", got)
	}
	move := func(m registry.WalkMove) registry.ChangedWalk { return registry.ChangedWalk{Move: &m} }
	for _, tt := range []struct {
		name string
		do   func(match string) (registry.Walk, error)
		want string
	}{
		{"a stall before another", func(v string) (registry.Walk, error) {
			return w.reg.ChangeWalk(t.Context(), w.volunteer, "VT", v, move(registry.WalkMove{Stall: "a-4", Before: given("A - 2")}))
		}, "Rau: A-1 A-4 A-2 A-3; Cá: B-1 B-2; : Z-9"},
		{"a stall behind the last", func(v string) (registry.Walk, error) {
			return w.reg.ChangeWalk(t.Context(), w.volunteer, "VT", v, move(registry.WalkMove{Stall: "A-1", After: given("A-3")}))
		}, "Rau: A-4 A-2 A-3 A-1; Cá: B-1 B-2; : Z-9"},
		{"a section before another", func(v string) (registry.Walk, error) {
			return w.reg.ChangeWalk(t.Context(), w.clerk, "VT", v, move(registry.WalkMove{Section: given(""), Before: given("Rau")}))
		}, ": Z-9; Rau: A-4 A-2 A-3 A-1; Cá: B-1 B-2"},
		{"a new name", func(v string) (registry.Walk, error) {
			return w.reg.ChangeWalk(t.Context(), w.clerk, "VT", v, registry.ChangedWalk{Rename: &registry.WalkRename{Section: "Cá", To: " Cá  và tôm"}})
		}, ": Z-9; Rau: A-4 A-2 A-3 A-1; Cá và tôm: B-1 B-2"},
		{"all at once", func(v string) (registry.Walk, error) {
			return w.reg.Arrange(t.Context(), w.clerk, "VT", v, registry.ArrangedWalk{Sections: []registry.ArrangedSection{
				{Name: "Cá và tôm", To: given("Cá"), Stalls: []string{"B-2", "B-1"}}, {Name: "Rau"}, {Name: "", To: given("Cổng sau")}}})
		}, "Cá: B-2 B-1; Rau: A-4 A-2 A-3 A-1; Cổng sau: Z-9"},
		{"two that change names", func(v string) (registry.Walk, error) {
			return w.reg.Arrange(t.Context(), w.clerk, "VT", v, registry.ArrangedWalk{Sections: []registry.ArrangedSection{
				{Name: "Cá", To: given("Rau")}, {Name: "Rau", To: given("Cá")}, {Name: "Cổng sau"}}})
		}, "Rau: B-2 B-1; Cá: A-4 A-2 A-3 A-1; Cổng sau: Z-9"},
	} {
		before := look()
		got, err := tt.do(before.ETag())
		if err != nil || walked(got) != tt.want {
			t.Errorf("%s: %q, %v; want %q", tt.name, walked(got), err, tt.want)
		}
		after := look()
		if walked(after) != tt.want || after.ETag() != got.ETag() || after.ETag() == before.ETag() {
			t.Errorf("%s: stored %q as %s, was %s", tt.name, walked(after), after.ETag(), before.ETag())
		}
	}
	// Lists follow, and so do placards.
	p, err := w.reg.Stalls(t.Context(), w.clerk, "VT", registry.StallFilter{}, registry.List{})
	var codes []string
	for _, l := range p.Items {
		codes = append(codes, l.Code)
	}
	if got := strings.Join(codes, " "); err != nil || got != "B-2 B-1 A-4 A-2 A-3 A-1 Z-9" {
		t.Errorf("the list is %s, %v", got, err)
	}
	// The same order again changes nothing, not even the record of changes.
	before := w.contents()
	if _, err := w.reg.Arrange(t.Context(), w.clerk, "VT", look().ETag(), registry.ArrangedWalk{Sections: []registry.ArrangedSection{{Name: "Rau"}, {Name: "Cá"}, {Name: "Cổng sau"}}}); err != nil {
		t.Error(err)
	}
	w.same(before)
	w.whole()
}

func TestWalkDrivesPlacards(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, code := range []string{"A-1", "A-2", "A-3"} {
		w.approve(w.stall(code, numbered(viettel, i)).Accounts[0])
	}
	walk, err := w.reg.Walk(t.Context(), w.clerk, "VT")
	if err == nil {
		_, err = w.reg.ChangeWalk(t.Context(), w.clerk, "VT", walk.ETag(), registry.ChangedWalk{Move: &registry.WalkMove{Stall: "A-3", Before: given("A-1")}})
	}
	if err != nil {
		t.Fatal(err)
	}
	_, ps := w.issue(registry.NewBatch{All: true})
	var codes []string
	for _, p := range ps {
		codes = append(codes, p.Stall)
	}
	if got := strings.Join(codes, " "); got != "A-3 A-1 A-2" {
		t.Errorf("printed in the order %s", got)
	}
}

func TestWalkFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stallsIn(w, "Rau: A-1 A-2", "Cá: B-1")
	walk, err := w.reg.Walk(t.Context(), w.clerk, "VT")
	if err != nil {
		t.Fatal(err)
	}
	sections := func(s ...registry.ArrangedSection) registry.ArrangedWalk { return registry.ArrangedWalk{Sections: s} }
	rau, cá := registry.ArrangedSection{Name: "Rau"}, registry.ArrangedSection{Name: "Cá"}
	before := w.contents()
	for _, tt := range []struct {
		name     string
		by       registry.Actor
		match    string
		in       registry.ArrangedWalk
		want     string
		pointers string
	}{
		{"no version", w.clerk, "", sections(cá, rau), "version-needed", ""},
		{"an old version", w.clerk, `"0000"`, sections(cá, rau), "stale", ""},
		{"a section left out", w.clerk, walk.ETag(), sections(cá), "walk-invalid", "sections missing"},
		{"one twice", w.clerk, walk.ETag(), sections(cá, rau, cá), "walk-invalid", "sections/2/name twice"},
		{"one that is not there", w.clerk, walk.ETag(), sections(cá, rau, registry.ArrangedSection{Name: "Thịt"}), "walk-invalid", "sections/2/name unknown"},
		{"the name of another", w.clerk, walk.ETag(), sections(cá, registry.ArrangedSection{Name: "Rau", To: given("Cá")}), "walk-invalid", "sections/1/to taken"},
		{"no name", w.clerk, walk.ETag(), sections(cá, registry.ArrangedSection{Name: "Rau", To: given(" ")}), "walk-invalid", "sections/1/to required"},
		{"a stall left out", w.clerk, walk.ETag(), sections(cá, registry.ArrangedSection{Name: "Rau", Stalls: []string{"A-2"}}), "walk-invalid", "sections/1/stalls missing"},
		{"a stall of another section", w.clerk, walk.ETag(), sections(cá, registry.ArrangedSection{Name: "Rau", Stalls: []string{"A-1", "A-2", "B-1"}}), "walk-invalid", "sections/1/stalls/2 unknown"},
		{"a stall twice", w.clerk, walk.ETag(), sections(cá, registry.ArrangedSection{Name: "Rau", Stalls: []string{"A-1", "A-2", "a-1"}}), "walk-invalid", "sections/1/stalls/2 twice"},
		{"an officer", w.officer, walk.ETag(), sections(cá, rau), "not-allowed", ""},
		{"a stranger", w.stranger, walk.ETag(), sections(cá, rau), "market-not-found", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.reg.Arrange(t.Context(), tt.by, "VT", tt.match, tt.in)
			isFault(t, err, tt.want)
			if got := strings.Join(pointers(err), ", "); got != tt.pointers {
				t.Errorf("fields %s, want %s", got, tt.pointers)
			}
		})
	}
	for name, in := range map[string]registry.ChangedWalk{
		"nothing":                  {},
		"both":                     {Move: &registry.WalkMove{Stall: "A-1", Before: given("A-2")}, Rename: &registry.WalkRename{Section: "Rau", To: "X"}},
		"before and after":         {Move: &registry.WalkMove{Stall: "A-1", Before: given("A-2"), After: given("A-2")}},
		"a stall of no section":    {Move: &registry.WalkMove{Stall: "C-1", Before: given("A-2")}},
		"over the section's edge":  {Move: &registry.WalkMove{Stall: "A-1", Before: given("B-1")}},
		"a section not there":      {Move: &registry.WalkMove{Section: given("Rau"), Before: given("Thịt")}},
		"another name for nothing": {Rename: &registry.WalkRename{Section: "Thịt", To: "X"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.reg.ChangeWalk(t.Context(), w.clerk, "VT", walk.ETag(), in)
			isFault(t, err, "walk-invalid")
		})
	}
	w.same(before)
}

// Two who order at once: one is stored whole, the other told that somebody was first.
func TestWalkByTwoAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stallsIn(w, "Rau: A-1 A-2", "Cá: B-1")
	walk, err := w.reg.Walk(t.Context(), w.clerk, "VT")
	if err != nil {
		t.Fatal(err)
	}
	orders := []registry.ArrangedWalk{
		{Sections: []registry.ArrangedSection{{Name: "Cá"}, {Name: "Rau"}}},
		{Sections: []registry.ArrangedSection{{Name: "Rau", Stalls: []string{"A-2", "A-1"}}, {Name: "Cá"}}},
	}
	errs := make([]error, len(orders))
	var wg sync.WaitGroup
	for i := range orders {
		wg.Go(func() { _, errs[i] = w.reg.Arrange(t.Context(), w.clerk, "VT", walk.ETag(), orders[i]) })
	}
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) || fault.KindOf(errors.Join(errs...)) != fault.Stale {
		t.Errorf("errors %v; want one that somebody was first", errs)
	}
}
