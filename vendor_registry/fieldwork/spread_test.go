package fieldwork_test

import (
	"testing"

	registry "cho40/vendor_registry"
	"cho40/vendor_registry/fieldwork"
)

// Units with a team of all units, and communes with a first visit of all communes.
func TestSpread(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1")
	expect := func(name string, by registry.Actor, area string, hamlets, with, communes, teams, visited, without int) {
		t.Helper()
		s, err := w.field.Spread(t.Context(), by, area)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if s.Hamlets != hamlets || s.HamletsWithTeam != with || s.Communes != communes || s.CommunesWithTeam != teams || s.CommunesVisited != visited || len(s.Without) != without {
			t.Errorf("%s: %+v", name, s)
		}
	}
	expect("only what has a team is known", w.officer, "92", 1, 1, 2, 1, 0, 0)
	if _, err := w.field.SetHamlets(t.Context(), w.officer, "31321", []string{"Ấp T1", "Ấp 2"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.field.SetHamlets(t.Context(), w.officer, "31333", []string{"Ấp 3"}); err != nil {
		t.Fatal(err)
	}
	expect("one has, two have not", w.officer, "92", 3, 1, 2, 1, 0, 2)
	expect("of one commune", w.officer, "31321", 2, 1, 1, 1, 0, 1)
	v := w.visit("A-1", fieldwork.NewVisit{Outcome: "done"})
	expect("begun in one of two", w.auditor, "92", 3, 1, 2, 1, 1, 2)
	if _, err := w.field.VoidVisit(t.Context(), w.volunteer, v.Ref, "nhầm"); err != nil {
		t.Fatal(err)
	}
	expect("what was taken back is no beginning", w.officer, "92", 3, 1, 2, 1, 0, 2)
	if _, err := w.field.AddTeam(t.Context(), w.officer, fieldwork.NewTeam{Code: "T2", Name: "Tổ 2", Level: "hamlet", Hamlet: "ap 2", Area: "31321"}); err != nil {
		t.Fatal(err)
	}
	expect("however it is spelt", w.officer, "92", 3, 2, 2, 1, 0, 1)

	_, err := w.field.SetHamlets(t.Context(), w.officer, "31321", []string{"Ấp 2", "ap 2", ""})
	if f := isFault(t, err, "hamlets-invalid"); fieldsOf(f) != "hamlets/1 twice; hamlets/2 required; " {
		t.Error(fieldsOf(f))
	}
	_, err = w.field.SetHamlets(t.Context(), w.officer, "11300", []string{"Ấp 2"})
	isFault(t, err, "area-not-found")
	_, err = w.field.SetHamlets(t.Context(), w.auditor, "31321", []string{"Ấp 2"})
	isFault(t, err, "not-allowed")
	_, err = w.field.SetHamlets(t.Context(), w.officer, "92", []string{"Ấp 2"})
	isFault(t, err, "hamlets-invalid")
	for _, area := range []string{"31", "77777"} {
		_, err = w.field.Spread(t.Context(), w.officer, area)
		isFault(t, err, "area-not-found")
	}
	w.whole()
}
