package registry_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

func TestRegisterNamesEachWrongField(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tam := &registry.NewVendor{Name: "Lý Minh Tâm"}
	with := func(as ...registry.NewAccount) registry.NewStall {
		return registry.NewStall{Code: "A-1", Vendor: tam, Accounts: as, Consent: agreed}
	}
	before := w.contents()
	for _, tt := range []struct {
		name string
		in   registry.NewStall
		want []string
	}{
		{"nothing", registry.NewStall{}, []string{"code required"}},
		{"blanks for a code", registry.NewStall{Code: " \t "}, []string{"code required"}},
		{"code of 21 characters", registry.NewStall{Code: strings.Repeat("Đ", 21)}, []string{"code too-long"}},
		{"code that is no text", registry.NewStall{Code: "A\xff"}, []string{"code bad-character"}},
		{"NUL in the code", registry.NewStall{Code: "A\x00"}, []string{"code bad-character"}},
		{"direction mark in the section", registry.NewStall{Code: "A", Section: "Khu \u202eA"}, []string{"section bad-character"}},
		{"section and goods too long", registry.NewStall{Code: "A", Section: strings.Repeat("a", 61), Goods: strings.Repeat("a", 61)}, []string{"goods too-long", "section too-long"}},
		{"vendor without a name", registry.NewStall{Code: "A", Vendor: &registry.NewVendor{Phone: "0912345678"}}, []string{"vendor/name required"}},
		{"vendor name of 10,000 characters", registry.NewStall{Code: "A", Vendor: &registry.NewVendor{Name: strings.Repeat("ă", 10000)}}, []string{"vendor/name too-long"}},
		{"invisible character in a name", registry.NewStall{Code: "A", Vendor: &registry.NewVendor{Name: "Tâm\u200b"}}, []string{"vendor/name bad-character"}},
		{"phone of nine digits", registry.NewStall{Code: "A", Vendor: &registry.NewVendor{Name: "Tâm", Phone: "091234567"}}, []string{"vendor/phone phone-bad"}},
		{"landline", registry.NewStall{Code: "A", Vendor: &registry.NewVendor{Name: "Tâm", Phone: "0293123456"}}, []string{"vendor/phone phone-bad"}},
		{"account without a vendor", registry.NewStall{Code: "A", Accounts: []registry.NewAccount{viettel}, Consent: agreed}, []string{"accounts/0/holder", "vendor required", "vendor required"}},
		{"account without consent", registry.NewStall{Code: "A", Vendor: tam, Accounts: []registry.NewAccount{viettel}}, []string{"consent required"}},
		{"consent without a vendor", registry.NewStall{Code: "A", Consent: agreed}, []string{"vendor required"}},
		{"consent to no wording", registry.NewStall{Code: "A", Vendor: tam, Consent: &registry.NewConsent{}}, []string{"consent/given unknown", "consent/version unknown"}},
		{"account without a provider", with(registry.NewAccount{Number: "0710000001"}), []string{"accounts/0/provider required"}},
		{"unknown provider", with(viettel, registry.NewAccount{Provider: "no_such_bank", Number: "1"}), []string{"accounts/1/provider unknown"}},
		{"unknown BIN", with(registry.NewAccount{Provider: "999999", Number: "1"}), []string{"accounts/0/provider unknown"}},
		{"account without a number", with(registry.NewAccount{Provider: "vcb"}), []string{"accounts/0/number missing-account"}},
		{"letters for a wallet", with(registry.NewAccount{Provider: "viettel_money", Number: "09123abc78"}), []string{"accounts/0/number mobile-letters"}},
		{"account of 20 characters", with(registry.NewAccount{Provider: "vcb", Number: strings.Repeat("1", 20)}), []string{"accounts/0/number account-too-long"}},
		{"slash in an account", with(registry.NewAccount{Provider: "vcb", Number: "12345/6789"}), []string{"accounts/0/number bad-account"}},
		{"the same account twice", with(viettel, viettel), []string{"accounts/1/number twice"}},
		{"holder with an invisible character", with(registry.NewAccount{Provider: "vcb", Number: "1234567890", Holder: "LY\u200d"}), []string{"accounts/0/holder bad-character"}},
		{"holder of 61 characters", with(registry.NewAccount{Provider: "vcb", Number: "1234567890", Holder: strings.Repeat("A", 61)}), []string{"accounts/0/holder too-long"}},
		{"eleven accounts", with(slices.Repeat([]registry.NewAccount{viettel}, 11)...), []string{"accounts too-many"}},
		{"a payload that is no code", with(registry.NewAccount{Payload: "https://example.com"}), []string{"accounts/0/payload not-a-payee-code"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.reg.Register(t.Context(), w.clerk, "VT", tt.in)
			got := pointers(err)
			if tt.name == "account without a vendor" {
				tt.want = []string{"vendor required"}
				got = slices.Compact(got)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("fields = %q, want %q; err: %v", got, tt.want, err)
			}
			isFault(t, err, "stall-invalid")
		})
	}
	w.same(before)
}

func TestRegisterAsksWhoAndWhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct {
		name   string
		by     registry.Actor
		market string
		want   fault.Kind
	}{
		{"clerk", w.clerk, "VT", fault.Unknown}, {"manager", w.manager, "VT", fault.Unknown}, {"volunteer", w.volunteer, "VT", fault.Unknown},
		{"leader", w.leader, "VT", fault.Unknown}, {"console", registry.Console(), "VT", fault.Unknown},
		{"officer", w.officer, "VT", fault.Forbidden}, {"partner", w.partner, "VT", fault.Forbidden}, {"auditor", w.auditor, "VT", fault.Forbidden},
		{"admin", w.admin, "VT", fault.Forbidden}, {"another market's manager", w.stranger, "VT", fault.NotFound}, {"nobody", registry.Actor{ID: "person:x"}, "VT", fault.NotFound},
		{"no such market", w.clerk, "ZZ", fault.NotFound}, {"market in lower case", w.clerk, "vt", fault.NotFound}, {"injection", w.clerk, "VT' OR '1'='1", fault.NotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.reg.Register(t.Context(), tt.by, tt.market, registry.NewStall{Code: "S " + tt.name[:min(len(tt.name), 8)], Vendor: &registry.NewVendor{Name: "Tâm"}})
			if got := fault.KindOf(err); got != tt.want || tt.want == fault.Unknown && err != nil {
				t.Errorf("kind = %v, want %v; err: %v", got, tt.want, err)
			}
		})
	}
	w.whole()
}

func TestRegisterTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tam := &registry.NewVendor{Name: "Lý Minh Tâm", Phone: "+84 912 345 678"}
	for _, tt := range []struct {
		name    string
		in      registry.NewStall
		status  string
		missing []string
	}{
		{"vacant", registry.NewStall{Code: "a - 1"}, "vacant", []string{"vendor"}},
		{"no consent", registry.NewStall{Code: "A-2", Vendor: tam}, "trading", []string{"consent", "account"}},
		{"no account", registry.NewStall{Code: "A-3", Vendor: tam, Consent: agreed}, "trading", []string{"account"}},
		{"not approved", registry.NewStall{Code: "A-4", Vendor: tam, Consent: agreed, Accounts: []registry.NewAccount{viettel, vnpt}}, "trading", []string{"approval"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st, err := w.reg.Register(t.Context(), w.clerk, "VT", tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if st.Status != tt.status || !slices.Equal(st.Missing, tt.missing) || len(st.Accounts) != len(tt.in.Accounts) {
				t.Errorf("status %s, missing %v, %d accounts; want %s, %v", st.Status, st.Missing, len(st.Accounts), tt.status, tt.missing)
			}
			for _, a := range st.Accounts {
				if !strings.Contains(a.Number, "•") || a.State != registry.StateProposed || a.Default {
					t.Errorf("account %+v: want it masked, proposed, no default", a)
				}
			}
		})
	}
	// Every account has an event of its own that names it.
	if n := ask[int](w, `SELECT count(*) FROM accounts a JOIN audit_events e ON e.market_id = a.market_id AND e.object = 'account:' || a.id AND e.action = 'account.proposed'`); n != 2 {
		t.Errorf("%d of 2 accounts have their event", n)
	}
	if _, err := w.reg.Register(t.Context(), w.clerk2, "VT", registry.NewStall{Code: "A-1"}); fault.CodeOf(err) != "stall-exists" {
		t.Errorf("a - 1 and A-1 are one code: %v", err)
	}
	w.whole()
}

func TestOneCodeOneStall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "A-1", Vendor: &registry.NewVendor{Name: fmt.Sprint("Tâm ", i)}, Consent: agreed,
				Accounts: []registry.NewAccount{numbered(viettel, i)}})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			isFault(t, err, "stall-exists")
		}
	}
	for table, want := range map[string]int{"stalls": 1, "vendors": 1, "occupancies": 1, "consents": 1, "accounts": 1} {
		if n := ask[int](w, "SELECT count(*) FROM "+table); n != want || won != 1 {
			t.Errorf("%d calls succeeded, %d rows in %s; want 1 and %d", won, n, table, want)
		}
	}
	w.whole()
}

func TestRegisterTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const each = 32
	var wg sync.WaitGroup
	for i := range each {
		wg.Go(func() {
			_, err := w.reg.Register(t.Context(), w.volunteer, "VT", registry.NewStall{Code: fmt.Sprintf("A-%02d", i), Vendor: &registry.NewVendor{Name: fmt.Sprint("Tâm ", i)},
				Consent: agreed, Accounts: []registry.NewAccount{numbered(viettel, i)}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	page, err := w.reg.Stalls(t.Context(), w.clerk, "VT", registry.StallFilter{}, registry.List{Limit: 200})
	if err != nil || len(page.Items) != each || page.Next != nil {
		t.Errorf("%d stalls, want %d; %v", len(page.Items), each, err)
	}
	seen := map[string]bool{}
	for _, s := range page.Items {
		seen[s.Code] = true
	}
	if len(seen) != each {
		t.Errorf("%d different stalls, want %d", len(seen), each)
	}
	if gaps := ask[int](w, `SELECT max(seq) - count(*) FROM audit_events WHERE market_id = '`+w.vt.ID.String()+`'`); gaps != 0 {
		t.Errorf("%d gaps in the audit chain", gaps)
	}
	if n := ask[int](w, `SELECT count(*) FROM audit_events WHERE action = 'stall.registered'`); n != each {
		t.Errorf("%d events, want %d", n, each)
	}
	w.whole()
}

func TestRegisterIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"stalls", "vendors", "occupancies", "consents", "accounts", "audit_events", "audit_heads"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.exec(`ALTER TABLE ` + table + ` ADD CONSTRAINT refused CHECK (false) NOT VALID`)
			before := w.contents()
			_, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "A-1", Vendor: &registry.NewVendor{Name: "Tâm"}, Consent: agreed, Accounts: []registry.NewAccount{viettel}})
			if err == nil || fault.KindOf(err) != fault.Unknown {
				t.Errorf("err = %v, want an error of our own", err)
			}
			w.same(before)
		})
	}
}

func TestChangeStall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.stall("A-1", viettel)
	free, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "B-1"})
	if err != nil {
		t.Fatal(err)
	}
	section, name, phone, none := "Khu B", "Lý Minh Tấm", "0987654321", ""
	for _, tt := range []struct {
		name        string
		by          registry.Actor
		code, match string
		in          registry.ChangedStall
		want        string
	}{
		{"without a version", w.clerk, "A-1", "", registry.ChangedStall{Section: &section}, "version-needed"},
		{"of an old version", w.clerk, "A-1", `"x.0"`, registry.ChangedStall{Section: &section}, "stale"},
		{"by one who may not", w.officer, "A-1", st.ETag(), registry.ChangedStall{Section: &section}, "not-allowed"},
		{"from outside", w.stranger, "A-1", st.ETag(), registry.ChangedStall{Section: &section}, "market-not-found"},
		{"of no stall", w.clerk, "A-9", st.ETag(), registry.ChangedStall{Section: &section}, "stall-not-found"},
		{"to no name", w.clerk, "A-1", st.ETag(), registry.ChangedStall{Vendor: &registry.ChangedVendor{Name: &none}}, "stall-invalid"},
		{"a vendor without a name takes a free stall", w.clerk, "B-1", free.ETag(), registry.ChangedStall{Vendor: &registry.ChangedVendor{Phone: &phone}}, "stall-invalid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.contents()
			_, err := w.reg.Change(t.Context(), tt.by, "VT", tt.code, tt.match, tt.in)
			isFault(t, err, tt.want)
			w.same(before)
		})
	}
	got, err := w.reg.Change(t.Context(), w.clerk2, "VT", "a-1", st.ETag(), registry.ChangedStall{Section: &section, Vendor: &registry.ChangedVendor{Name: &name, Phone: &phone}})
	if err != nil || got.Section != section || got.Goods != "Rau" || got.Vendor.Name != name || got.Vendor.Phone != "09•• ••• 321" || got.Vendor.ID != st.Vendor.ID {
		t.Errorf("changed stall = %+v, %+v, %v", got, got.Vendor, err)
	}
	if _, err := w.reg.Change(t.Context(), w.clerk, "VT", "A-1", st.ETag(), registry.ChangedStall{Section: &section}); fault.CodeOf(err) != "stale" {
		t.Errorf("saving over another's change: %v", err)
	}
	got, err = w.reg.Change(t.Context(), w.clerk, "VT", "B-1", free.ETag(), registry.ChangedStall{Vendor: &registry.ChangedVendor{Name: &name}})
	if err != nil || got.Status != "trading" || got.Vendor.ID == st.Vendor.ID {
		t.Errorf("taken stall = %+v, %v", got, err)
	}
	w.whole()
}

// A list in pages is the whole list, in walking order, whatever the page's size.
func TestStallsInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var want []string
	for i := range 23 {
		code := fmt.Sprintf("C-%d", i)
		want = append(want, code)
		if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: code}); err != nil {
			t.Fatal(err)
		}
	}
	w.exec(`UPDATE stalls SET position = 7 WHERE position BETWEEN 5 AND 9`) // ties are told apart by the code
	slices.SortStableFunc(want[4:9], strings.Compare)
	for _, size := range []int{1, 2, 5, 22, 23, 24} {
		var got []string
		l := registry.List{Limit: size}
		for {
			p, err := w.reg.Stalls(t.Context(), w.clerk, "VT", registry.StallFilter{}, l)
			if err != nil || len(p.Items) > size {
				t.Fatalf("%d items on a page of %d: %v", len(p.Items), size, err)
			}
			for _, s := range p.Items {
				got = append(got, s.Code)
			}
			if p.Next == nil {
				break
			}
			l.Cursor = *p.Next
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: %v, want %v", size, got, want)
		}
	}
	for _, l := range []registry.List{{Limit: -1}, {Limit: 201}, {Cursor: "nonsense"}} {
		if _, err := w.reg.Stalls(t.Context(), w.clerk, "VT", registry.StallFilter{}, l); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v, want Invalid", l, err)
		}
	}
}

func TestFindStalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, name := range []string{"Đặng Thị Hoà", "Nguyễn Văn Ân", "100% Cotton_Tơ"} {
		if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: fmt.Sprintf("A-%d", i+1), Vendor: &registry.NewVendor{Name: name, Phone: fmt.Sprintf("071234567%d", i)}}); err != nil {
			t.Fatal(err)
		}
	}
	for q, want := range map[string][]string{
		"": {"A-1", "A-2", "A-3"}, "dang hoa": {"A-1"}, "HÒA ĐẶNG": {"A-1"}, "nguyen": {"A-2"}, "a 3": {"A-3"}, "5671": {"A-2"}, "671 ": {"A-2"},
		"%": {"A-1", "A-2", "A-3"}, "100%": {"A-3"}, "_": {"A-1", "A-2", "A-3"}, "dang_x": nil, "'; DROP TABLE stalls": nil, "71": nil,
	} {
		p, err := w.reg.Stalls(t.Context(), w.clerk, "VT", registry.StallFilter{Q: q}, registry.List{})
		var got []string
		for _, s := range p.Items {
			got = append(got, s.Code)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q finds %v, want %v; %v", q, got, want, err)
		}
	}
}

// What somebody sees of a stall follows the role.
func TestWhoSeesAStall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.placard("A-1", viettel)
	for _, tt := range []struct {
		name string
		by   registry.Actor
		want string // the vendor's name as shown, or the fault
	}{
		{"clerk", w.clerk, "Lý Minh Tâm A-1"}, {"officer", w.officer, "Lý Minh Tâm A-1"}, {"auditor", w.auditor, "L• M••• T•• A••"},
		{"partner", w.partner, "not-allowed"}, {"admin", w.admin, "not-allowed"}, {"stranger", w.stranger, "market-not-found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st, err := w.reg.Stall(t.Context(), tt.by, "VT", "A-1")
			got := fault.CodeOf(err)
			if err == nil {
				got = st.Vendor.Name
				if holder := st.Accounts[0].Holder; (holder == "LY MINH TAM") != (tt.name != "auditor") {
					t.Errorf("holder shown as %q", holder)
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// What the vendor wishes on the card is kept with the stall and frozen into the card when it is issued.
func TestWishesForTheCard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.approve(w.stall("A-1", viettel).Accounts[0])
	change := func(languages string, number *bool) (registry.Stall, error) {
		return w.reg.Change(t.Context(), w.volunteer, "VT", "A-1", w.look("A-1").ETag(), registry.ChangedStall{Languages: &languages, ShowNumber: number})
	}
	for _, languages := range []string{"vie", "VI", "vi+", "+km", "vi+km+en", "vi km", "vi+vi", "vi-VN"} {
		if _, err := change(languages, nil); !slices.Equal(pointers(err), []string{"placard_languages form"}) {
			t.Errorf("%q: %v", languages, err)
		}
	}
	yes, no := true, false
	for _, languages := range []string{"vi", "en+vi", "km+vi", "", "vi+km"} {
		if st, err := change(languages, &yes); err != nil || st.Languages != languages || !st.ShowNumber {
			t.Errorf("%q: %+v, %v", languages, st, err)
		}
	}
	b, ps := w.issue(registry.NewBatch{All: true})
	if st, err := change("", &no); err != nil || st.Languages != "" || st.ShowNumber {
		t.Errorf("taken back: %+v, %v", st, err)
	}
	if _, again, err := w.reg.Batch(t.Context(), w.clerk, b.Ref); err != nil || !reflect.DeepEqual(again, ps) {
		t.Errorf("the sheets would differ: %+v, were %+v; %v", again, ps, err)
	}
	if ps[0].Languages != "vi+km" || ps[0].Number != viettel.Number {
		t.Errorf("printed %q, number %q", ps[0].Languages, ps[0].Number)
	}
	public, _, err := w.reg.PublicPlacard(t.Context(), ps[0].Serial.String())
	if err != nil || public.Number != "" {
		t.Errorf("anybody sees the number %q, %v", public.Number, err)
	}
	if fields := ask[[]string](w, `SELECT fields FROM audit_events WHERE action = 'stall.changed' ORDER BY seq DESC LIMIT 1`); !slices.Equal(fields, []string{"placard_languages", "show_number"}) {
		t.Errorf("audited %q", fields)
	}
	if p := w.placard("B-1", vnpt); p.Number != "" || p.ShowNumber || p.Languages != "" {
		t.Errorf("nobody asked for it: %+v", p)
	}
	w.whole()
}

// The answer to a registration is what anybody reads afterwards.
func TestRegisterAnswersWhatIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scanned := registry.NewAccount{Payload: codeOf("970436", "0123456789012")}
	vendor := &registry.NewVendor{Name: "  Lý Minh  Tâm", Phone: "0710000009"}
	for i, in := range []registry.NewStall{
		{Code: "A-1"},
		{Code: " a 2", Section: " Khu  A ", Goods: "Rau"},
		{Code: "A-3", Vendor: &registry.NewVendor{Name: "Lý Minh Tâm"}},
		{Code: "A-4", Vendor: vendor, Consent: agreed},
		{Code: "A-5", Vendor: vendor, Consent: agreed, Accounts: []registry.NewAccount{viettel}},
		{Code: "A-6", Vendor: vendor, Consent: agreed, Accounts: []registry.NewAccount{scanned, vnpt, {Provider: "momo", Number: "0710000007"}}},
		minted("A-7"),
	} {
		got, err := w.reg.Register(t.Context(), w.clerk, "VT", in)
		if err != nil {
			t.Fatal(err)
		}
		got.Warnings = nil // which are of the moment
		want := w.look(in.Code)
		a, err1 := json.Marshal(got)
		b, err2 := json.Marshal(want)
		if string(a) != string(b) || got.ETag() != want.ETag() || err1 != nil || err2 != nil {
			t.Errorf("stall %d is answered as %s, and read as %s", i+1, a, b)
		}
		for i, account := range got.Accounts {
			if account.ETag() != want.Accounts[i].ETag() {
				t.Errorf("account %s has the version %s, and is read with %s", account.ID, account.ETag(), want.Accounts[i].ETag())
			}
		}
	}
}
