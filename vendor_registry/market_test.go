package registry_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	registry "cho40/vendor_registry"
)

func TestAddMarketInFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	smallMap(w)
	m, err := w.reg.AddMarket(t.Context(), w.admin, registry.NewMarket{Code: "PH", Name: "Chợ phiên", Area: "31321", Class: given(2), Kind: registry.Fair,
		Weekdays: []registry.Weekday{7, 4, 7}, LunarDays: []int{15, 1}, PlannedStalls: given(300), Program: true, ProgramSince: given(dayOf(t, "2026-01-15")),
		ProgramSponsor: "Viettel Cần Thơ", Signal: "weak", ContactName: "Ông Sáu", ContactPhone: "0293 000 0041", Call: "0293 000 0040",
		FormerAreas: []registry.FormerArea{{Area: "31318", Until: dayOf(t, "2025-07-01")}}})
	if err != nil {
		t.Fatal(err)
	}
	if *m.Class != 2 || m.Kind != registry.Fair || len(m.Weekdays) != 2 || m.Weekdays[0] != 4 || len(m.LunarDays) != 2 || m.LunarDays[0] != 1 || *m.PlannedStalls != 300 ||
		!m.Program || m.ProgramSince.String() != "2026-01-15" || m.ProgramSponsor != "Viettel Cần Thơ" || m.Signal != "weak" || m.ContactName != "Ông Sáu" ||
		m.ContactPhone != "0293 000 0041" || m.FormerAreas[0].Area != "31318" || m.ProvinceName != "Thành phố Cần Thơ" {
		t.Errorf("stored as %+v", m)
	}
	if len(m.NextDays) != 3 || m.NextDays[0].String() != "2026-11-22" || m.NextDays[1].String() != "2026-11-23" { // a Sunday, then full moon
		t.Errorf("its next days are %v", m.NextDays)
	}
	desk, err := w.reg.AddMarket(t.Context(), w.admin, registry.NewMarket{Code: "MC", Name: "Bộ phận một cửa", Site: registry.Desk})
	if err != nil || desk.Site != registry.Desk {
		t.Errorf("the desk is %+v, %v", desk, err)
	}
	// Its counters are kept as stalls are.
	if _, err := w.reg.Register(t.Context(), registry.Console(), "MC", registry.NewStall{Code: "Quầy 1", Vendor: &registry.NewVendor{Name: "Phí chứng thực"},
		Accounts: []registry.NewAccount{bank}, Consent: agreed}); err != nil {
		t.Error(err)
	}
}

func TestEditMarket(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	smallMap(w)
	look := func() registry.Market {
		t.Helper()
		m, err := w.reg.Market(t.Context(), registry.Console(), "VT")
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	fair := registry.Fair
	for _, step := range []struct {
		name string
		in   registry.ChangedMarket
		want func(registry.Market) bool
	}{
		{"a class and a kind", registry.ChangedMarket{Class: registry.Some(given(3)), Kind: &fair, LunarDays: &[]int{2, 7}},
			func(m registry.Market) bool { return *m.Class == 3 && m.Kind == fair && len(m.LunarDays) == 2 }},
		{"no class any more; the rest stays", registry.ChangedMarket{Class: registry.Some[int](nil)},
			func(m registry.Market) bool { return m.Class == nil && m.Kind == fair && len(m.LunarDays) == 2 }},
		{"daily now: its days go", registry.ChangedMarket{Kind: given(registry.MarketKind("daily"))},
			func(m registry.Market) bool { return m.Kind == "daily" && len(m.LunarDays) == 0 && m.NextDays == nil }},
		{"a cashless market", registry.ChangedMarket{Program: given(true), ProgramSponsor: given("VNPT")},
			func(m registry.Market) bool { return m.Program && m.ProgramSince == nil && m.ProgramSponsor == "VNPT" }},
		{"since when", registry.ChangedMarket{ProgramSince: registry.Some(given(dayOf(t, "2026-05-01")))},
			func(m registry.Market) bool { return m.ProgramSince.String() == "2026-05-01" }},
		{"none any more: day and sponsor go", registry.ChangedMarket{Program: given(false)},
			func(m registry.Market) bool { return !m.Program && m.ProgramSince == nil && m.ProgramSponsor == "" }},
		{"where it is", registry.ChangedMarket{Area: given("31333")},
			func(m registry.Market) bool { return m.Area == "31333" && len(m.FormerAreas) == 0 }},
		{"a correction leaves no trace of the error", registry.ChangedMarket{Area: given("31321")},
			func(m registry.Market) bool { return m.Area == "31321" && len(m.FormerAreas) == 0 }},
		{"a move does", registry.ChangedMarket{Area: given("31333"), AreaFrom: given(dayOf(t, "2026-02-01"))},
			func(m registry.Market) bool { return m.Area == "31333" && m.FormerAreas[0].Area == "31321" }},
		{"and what was before it is told", registry.ChangedMarket{FormerAreas: &[]registry.FormerArea{{Area: "31321", Until: dayOf(t, "2026-02-01")}, {Area: "31318", Until: dayOf(t, "2025-07-01")}}},
			func(m registry.Market) bool { return len(m.FormerAreas) == 2 && m.FormerAreas[0].Area == "31318" }},
		{"a new name is found", registry.ChangedMarket{Name: given("Chợ Vị Thanh mới"), Signal: given("good"), ContactName: given("Bà Tư")},
			func(m registry.Market) bool {
				p, err := w.reg.Markets(t.Context(), registry.Console(), "vi thanh moi, phuong i, hau giang", registry.List{})
				return m.Signal == "good" && err == nil && len(p.Items) == 1
			}},
		{"nothing", registry.ChangedMarket{}, func(registry.Market) bool { return true }},
	} {
		before := look()
		m, err := w.reg.EditMarket(t.Context(), w.admin, "VT", before.ETag(), step.in)
		if err != nil || !step.want(m) || !step.want(look()) {
			t.Errorf("%s: %+v, %v", step.name, m, err)
		}
	}
	w.whole()

	before := w.contents()
	for _, tt := range []struct {
		name, match, want, pointers string
		by                          registry.Actor
		in                          registry.ChangedMarket
	}{
		{"no version", "", "version-needed", "", w.admin, registry.ChangedMarket{}},
		{"an old version", strings.Replace(look().ETag(), ".", ".9", 1), "stale", "", w.admin, registry.ChangedMarket{}},
		{"a manager", "*", "not-allowed", "", w.manager, registry.ChangedMarket{}},
		{"an officer elsewhere", "*", "market-not-found", "", over(t, "31", "2026-03-01"), registry.ChangedMarket{}},
		{"an officer who would lose it to another's", "", "not-allowed", "", over(t, "92", "2026-03-01"), registry.ChangedMarket{Area: given("11311")}},
		{"an area that is not there", "", "area-not-found", "", w.admin, registry.ChangedMarket{Area: given("99999")}},
		{"an area that is no more", "", "area-ended", "area ended", w.admin, registry.ChangedMarket{Area: given("930")}},
		{"a move to come", "", "market-invalid", "area_from future", w.admin, registry.ChangedMarket{Area: given("31321"), AreaFrom: given(dayOf(t, "2027-01-01"))}},
		{"a move before the last", "", "market-invalid", "area_from order", w.admin, registry.ChangedMarket{Area: given("31321"), AreaFrom: given(dayOf(t, "2026-02-01"))}},
		{"a move to where it is", "", "market-invalid", "area same", w.admin, registry.ChangedMarket{Area: given("31333"), AreaFrom: given(dayOf(t, "2026-03-01"))}},
		{"a former area that was not there yet", "", "market-invalid", "former_areas unknown", w.admin,
			registry.ChangedMarket{FormerAreas: &[]registry.FormerArea{{Area: "31333", Until: dayOf(t, "2025-07-01")}}}},
		{"everything wrong", "", "market-invalid", "call form, class range, contact_phone form, kind unknown, lunar_days range, name required, planned_stalls range, signal unknown, site unknown, weekdays kind", w.admin,
			registry.ChangedMarket{Name: given(""), Class: registry.Some(given(4)), Kind: given(registry.MarketKind("yearly")), Weekdays: &[]registry.Weekday{1}, LunarDays: &[]int{31},
				PlannedStalls: registry.Some(given(-1)), Signal: given("5G"), ContactPhone: given("x"), Call: given("y"), Site: given(registry.Site("bank"))}},
		{"a fair that never meets", "", "market-invalid", "weekdays required", w.admin, registry.ChangedMarket{Kind: &fair}},
		{"a sponsor of nothing", "", "market-invalid", "program required", w.admin, registry.ChangedMarket{ProgramSponsor: given("VNPT")}},
		{"a school with a class", "", "market-invalid", "site no-market", w.admin, registry.ChangedMarket{Site: given(registry.School), Class: registry.Some(given(1))}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			match := tt.match
			if match == "" && tt.want != "version-needed" || match == "*" {
				match = look().ETag()
			}
			_, err := w.reg.EditMarket(t.Context(), tt.by, "VT", match, tt.in)
			isFault(t, err, tt.want)
			if got := strings.Join(pointers(err), ", "); got != tt.pointers {
				t.Errorf("fields %s, want %s", got, tt.pointers)
			}
		})
	}
	w.same(before)
}

// Of two who edit the same version one is told.
func TestEditMarketByTwoAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = w.reg.EditMarket(t.Context(), w.admin, "VT", w.vt.ETag(), registry.ChangedMarket{Name: given(strings.Repeat("x", i+1))})
		})
	}
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("errors %v; want one", errs)
	}
	for _, err := range errs {
		if err != nil {
			isFault(t, err, "stale")
		}
	}
}

// A code that is taken comes with one like it that is free.
func TestFreeCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	add := func(code string) error {
		t.Helper()
		_, err := w.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: code, Name: "Chợ " + code})
		return err
	}
	for _, code := range []string{"VT2", "VT4", "CHO-VI-THANH-CAN"} {
		if err := add(code); err != nil {
			t.Fatal(err)
		}
	}
	for code, free := range map[string]string{"VT": "VT3", "VT2": "VT22", "XX": "XX2", "CHO-VI-THANH-CAN": "CHO-VI-THANH-CA2"} {
		f := isFault(t, add(code), "market-exists")
		if said := f.Detail.String(); !strings.Contains(said, code+" is taken") || !strings.Contains(said, free+" is free") {
			t.Errorf("%s: %s", code, said)
		}
		if err := add(free); err != nil {
			t.Errorf("%s is not free: %v", free, err)
		}
	}
	for n := 2; n < 100; n++ {
		_ = add(fmt.Sprintf("VT%d", n)) // taken ones are
	}
	if f := isFault(t, add("VT"), "market-exists"); !strings.Contains(f.Detail.String(), "Choose another") {
		t.Errorf("with none left: %s", f.Detail)
	}
}
