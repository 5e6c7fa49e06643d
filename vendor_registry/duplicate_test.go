package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/id"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// signs says of each warning its code, where the other one is, and at which field.
func signs(ws []registry.Duplicate) []string {
	said := []string{}
	for _, d := range ws {
		said = append(said, d.Code+" "+d.Stall+"@"+d.Market+" "+d.Pointer)
	}
	slices.Sort(said)
	return said
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	both := w.clerk
	both.Grants = append(slices.Clone(both.Grants), registry.Grant{Role: registry.Clerk, Kind: registry.OverMarket, Code: "XX"})
	there := func(by registry.Actor, market, code, section, name, phone string, accounts ...registry.NewAccount) {
		in := registry.NewStall{Code: code, Section: section, Vendor: &registry.NewVendor{Name: name, Phone: phone}, Accounts: accounts}
		if len(accounts) > 0 {
			in.Consent = agreed
		}
		if _, err := w.reg.Register(t.Context(), by, market, in); err != nil {
			t.Fatal(err)
		}
	}
	there(w.clerk, "VT", "A-12", "Khu A", "Lý Minh Tâm", "0712345678", viettel)
	there(w.clerk, "VT", "B-1", "Khu B", "Nguyễn Thị Lan", "0712340001")
	there(w.clerk, "VT", "B-2", "Khu B", "Đặng Thị Hoà", "")
	there(w.stranger, "XX", "X-1", "Khu A", "Trần Văn Xa", "0398765432", bank)
	there(w.clerk, "VT", "C-1", "", "Người Đi", "0712349999")
	if _, err := w.reg.Leave(t.Context(), w.clerk, "VT", "C-1", registry.Leaving{Reason: "left_trade"}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name                       string
		by                         registry.Actor
		code, section, who, number string
		accounts                   []registry.NewAccount
		want                       []string
	}{
		{"nothing alike", w.clerk, "D-1", "Khu D", "Phan Phước Quý", "0355555555", []registry.NewAccount{vnpt}, nil},
		{"the same phone", w.clerk, "D-1", "Khu D", "Phan Phước Quý", "0712 345 678", nil, []string{"same-phone A-12@VT #/vendor/phone"}},
		{"the same name, no phone", w.clerk, "D-1", "Khu D", "ly minh tam", "", nil, []string{"same-name A-12@VT #/vendor/name"}},
		{"the same name, one phone unknown", w.clerk, "D-1", "Khu D", "Đặng Thị Hòa", "0355555555", nil, []string{"same-name B-2@VT #/vendor/name"}},
		{"a common name, all else different", w.clerk, "D-1", "Khu D", "Nguyễn Thị Lan", "0355555555", nil, nil},
		{"a common name in the same section", w.clerk, "D-1", "Khu B", "Nguyễn Thị Lan", "0355555555", nil, []string{"same-name B-1@VT #/vendor/name"}},
		{"name and phone", w.clerk, "D-1", "Khu D", "Lý Minh Tâm", "0712345678", nil, []string{"same-name A-12@VT #/vendor/name", "same-phone A-12@VT #/vendor/phone"}},
		{"one letter mistyped, elsewhere", w.clerk, "D-1", "Khu D", "Lý Minh Tân", "", nil, nil},
		{"one letter mistyped, same section", w.clerk, "D-1", "Khu A", "Lý Minh Tân", "0355555555", nil, []string{"similar-name A-12@VT #/vendor/name"}},
		{"two letters swapped, same section", w.clerk, "D-1", "Khu A", "Lý Mihn Tâm", "", nil, []string{"similar-name A-12@VT #/vendor/name"}},
		{"one letter missing, phone of the same end", w.clerk, "D-1", "Khu D", "Lý Min Tâm", "0355345678", nil, []string{"similar-name A-12@VT #/vendor/name"}},
		{"one letter missing, no section, phone of the same end", w.clerk, "D-1", "", "Lý Min Tâm", "0355345678", nil, []string{"similar-name A-12@VT #/vendor/name"}},
		{"initials, same section", w.clerk, "D-1", "Khu A", "L. M. Tâm", "", nil, []string{"similar-name A-12@VT #/vendor/name"}},
		{"initials of another given name", w.clerk, "D-1", "Khu A", "L. M. Tú", "", nil, nil},
		{"two letters different, same section", w.clerk, "D-1", "Khu A", "Lê Minh Tân", "", nil, nil},
		{"the same account", w.clerk, "D-1", "Khu D", "Phan Phước Quý", "", []registry.NewAccount{vnpt, viettel}, []string{"same-account A-12@VT #/accounts/1"}},
		{"the same account, by its BIN", w.clerk, "D-1", "Khu D", "Phan Phước Quý", "", []registry.NewAccount{{Provider: "971005", Number: viettel.Number}}, []string{"same-account A-12@VT #/accounts/0"}},
		{"somebody who left", w.clerk, "D-1", "Khu D", "Phan Phước Quý", "0712349999", nil, []string{"same-phone @VT #/vendor/phone"}},
		{"the same stall", w.clerk, "a - 12", "", "", "", nil, []string{"stall-exists A-12@VT #/code"}},
		{"a stall written otherwise", w.clerk, "A12", "", "", "", nil, []string{"similar-stall A-12@VT #/code"}},
		{"a stall with a leading zero", w.clerk, "A-012", "", "", "", nil, []string{"similar-stall A-12@VT #/code"}},
		{"another stall", w.clerk, "A-112", "", "", "", nil, nil},
		{"phone and account of a market out of scope", w.clerk, "D-1", "Khu A", "Trần Văn Xa", "0398765432", []registry.NewAccount{bank}, nil},
		{"phone and account of another market in scope", both, "D-1", "Khu A", "Trần Văn Xa", "0398765432", []registry.NewAccount{bank},
			[]string{"same-account X-1@XX #/accounts/0", "same-phone X-1@XX #/vendor/phone"}},
		{"only the name of another market", both, "D-1", "Khu A", "Trần Văn Xa", "", nil, nil},
		{"the console sees all", registry.Console(), "D-1", "Khu A", "Trần Văn Xa", "0398765432", nil, []string{"same-phone X-1@XX #/vendor/phone"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := registry.NewStall{Code: tt.code, Section: tt.section, Accounts: tt.accounts}
			if tt.who != "" {
				in.Vendor = &registry.NewVendor{Name: tt.who, Phone: tt.number}
			}
			if len(tt.accounts) > 0 {
				in.Consent = agreed
			}
			before := w.contents()
			f, err := w.reg.CheckStall(t.Context(), tt.by, "VT", in)
			if got := signs(f.Warnings); err != nil || !slices.Equal(got, append([]string{}, tt.want...)) {
				t.Errorf("warned %q, want %q; %v", got, tt.want, err)
			}
			for _, d := range f.Warnings {
				if (d.Vendor == nil) != strings.Contains(d.Code, "stall") || !strings.Contains(d.Text.String(), map[bool]string{true: "A-12", false: "("}[d.Vendor == nil]) && d.Stall != "" {
					t.Errorf("%s: vendor %v, %q", d.Code, d.Vendor, d.Text)
				}
			}
			if slices.ContainsFunc(tt.want, func(s string) bool { return strings.HasPrefix(s, "stall-exists") }) || tt.code != "D-1" {
				return
			}
			w.same(before)
			// Who takes a stall is compared the same way.
			if in.Vendor != nil && tt.section == "Khu A" {
				f, err := w.reg.CheckTransfer(t.Context(), tt.by, "VT", "A-12", registry.Transfer{Vendor: registry.NewHolder{Name: tt.who, Phone: tt.number},
					Accounts: tt.accounts, Consent: in.Consent, Reason: "sold"})
				if got := signs(f.Warnings); err != nil || !slices.Equal(got, append([]string{}, tt.want...)) {
					t.Errorf("of a transfer: warned %q, want %q; %v", got, tt.want, err)
				}
				w.same(before)
			}
		})
	}
	// It never blocks: what was warned of is stored, and the answer says it again.
	st, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "D-9", Vendor: &registry.NewVendor{Name: "Lý Minh Tâm", Phone: "0712345678"}, Accounts: []registry.NewAccount{viettel}, Consent: agreed})
	if err != nil || len(st.Warnings) != 3 || st.Vendor.ID.IsZero() {
		t.Errorf("%q, %v", signs(st.Warnings), err)
	}
	if got := st.Accounts[0].SharedWith; !slices.Equal(got, []string{"A-12"}) {
		t.Errorf("the account is shared with %q", got)
	}
	// A vendor of the market who takes another stall is nobody's duplicate but for their accounts.
	tam := w.look("A-12").Vendor.ID
	if err := clearStall(w, "B-1"); err != nil {
		t.Fatal(err)
	}
	st, err = w.reg.HandOver(t.Context(), w.clerk, "VT", "B-1", registry.Transfer{Vendor: registry.NewHolder{ID: tam}, Reason: "sold"})
	if err != nil || len(st.Warnings) != 0 {
		t.Errorf("%q, %v", signs(st.Warnings), err)
	}
	// An account that is over warns nobody.
	w.exec(`UPDATE vendors SET phone = NULL`)
	a := w.look("D-9").Accounts[0]
	if _, err := w.reg.Decide(t.Context(), w.manager, registry.Decision{Account: a.ID, ETag: a.ETag(), Decision: "reject", Reason: "x"}); err != nil {
		t.Fatal(err)
	}
	f, err := w.reg.CheckStall(t.Context(), w.clerk, "VT", registry.NewStall{Code: "E-1", Vendor: &registry.NewVendor{Name: "Phan Phước Quý"}, Accounts: []registry.NewAccount{viettel}, Consent: agreed})
	if got := signs(f.Warnings); err != nil || !slices.Equal(got, []string{"same-account A-12@VT #/accounts/0"}) {
		t.Errorf("%q, %v", got, err)
	}
	w.whole()
}

// An account warns from its proposal until it is refused, withdrawn or too late to approve; an approved one for as long as it stands.
func TestAccountsWarnWhileTheyStand(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		do   func(w *world, a registry.Account)
		want []string
	}{
		{"proposed", func(*world, registry.Account) {}, []string{"same-account A-1@VT #/accounts/0"}},
		{"the last moment of a proposal", func(w *world, _ registry.Account) { w.clock.pass(registry.ProposalLives - time.Microsecond) }, []string{"same-account A-1@VT #/accounts/0"}},
		{"too late to approve", func(w *world, _ registry.Account) { w.clock.pass(registry.ProposalLives) }, nil},
		{"refused", func(w *world, a registry.Account) {
			if _, err := w.reg.Decide(w.Context(), w.manager, registry.Decision{Account: a.ID, ETag: a.ETag(), Decision: "reject", Reason: "x"}); err != nil {
				w.Fatal(err)
			}
		}, nil},
		{"withdrawn", func(w *world, a registry.Account) { w.withdraws(w.clerk, a) }, nil},
		{"approved", func(w *world, a registry.Account) { w.approve(a) }, []string{"same-account A-1@VT #/accounts/0"}},
		{"approved long ago", func(w *world, a registry.Account) {
			w.approve(a)
			w.clock.pass(10 * registry.ProposalLives)
		}, []string{"same-account A-1@VT #/accounts/0"}},
		{"approved, then another in its place", func(w *world, a registry.Account) {
			w.approve(a)
			other := viettel
			other.Number = "0710000077"
			w.approve(w.propose("A-1", other))
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tt.do(w, w.stall("A-1", viettel).Accounts[0])
			in := registry.NewStall{Code: "B-1", Vendor: &registry.NewVendor{Name: "Phan Phước Quý"}, Accounts: []registry.NewAccount{viettel}, Consent: agreed}
			f, err := w.reg.CheckStall(t.Context(), w.clerk, "VT", in)
			if got := signs(f.Warnings); err != nil || !slices.Equal(got, append([]string{}, tt.want...)) {
				t.Errorf("warned %q, want %q; %v", got, tt.want, err)
			}
		})
	}
}

func clearStall(w *world, code string) error {
	_, err := w.reg.Leave(w.Context(), w.clerk, "VT", code, registry.Leaving{Reason: "left_trade"})
	return err
}

// Many are told as many as somebody reads.
func TestDuplicatesAreFew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 12 {
		if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: fmt.Sprint("A-", i), Vendor: &registry.NewVendor{Name: "Lan", Phone: "0712345678"}}); err != nil {
			t.Fatal(err)
		}
	}
	f, err := w.reg.CheckStall(t.Context(), w.clerk, "VT", registry.NewStall{Code: "B-1", Vendor: &registry.NewVendor{Name: "Lan", Phone: "0712345678"}})
	if err != nil || len(f.Warnings) != 10 {
		t.Errorf("%d warnings, %v", len(f.Warnings), err)
	}
	// A phone says more than a name that many have, and comes before it.
	if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "C-1", Vendor: &registry.NewVendor{Name: "Lan", Phone: "0755555555"}}); err != nil {
		t.Fatal(err)
	}
	w.exec(`UPDATE vendors SET phone = NULL WHERE phone = '0712345678'`)
	f, err = w.reg.CheckStall(t.Context(), w.clerk, "VT", registry.NewStall{Code: "B-1", Vendor: &registry.NewVendor{Name: "Lan", Phone: "0755555555"}})
	if err != nil || len(f.Warnings) != 10 || f.Warnings[0].Code != "same-phone" || f.Warnings[0].Stall != "C-1" {
		t.Errorf("%q, %v", signs(f.Warnings), err)
	}
}

func TestChangeVendor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.stall("A-1", viettel)
	v, err := w.reg.Vendor(t.Context(), w.clerk, "VT", st.Vendor.ID)
	if err != nil || v.Kind != "household" || v.SIM != "unknown" || len(v.Stalls) != 1 || v.Stalls[0].Status != registry.Trading || len(v.Accounts) != 1 {
		t.Fatalf("%+v, %v", v, err)
	}
	grower, yes, none, wrong, phone := "grower", "yes", "", "company", "0987654321"
	for _, tt := range []struct {
		name  string
		by    registry.Actor
		which registry.VendorID
		match string
		in    registry.ChangedVendor
		want  string
	}{
		{"without a version", w.clerk, v.ID, "", registry.ChangedVendor{Kind: &grower}, "version-needed"},
		{"of an old version", w.clerk, v.ID, `"x.0"`, registry.ChangedVendor{Kind: &grower}, "stale"},
		{"to no name", w.clerk, v.ID, v.ETag(), registry.ChangedVendor{Name: &none}, "vendor-invalid"},
		{"to an unknown kind", w.clerk, v.ID, v.ETag(), registry.ChangedVendor{Kind: &wrong}, "vendor-invalid"},
		{"to an unknown word about the SIM", w.clerk, v.ID, v.ETag(), registry.ChangedVendor{SIM: &grower}, "vendor-invalid"},
		{"of nobody", w.clerk, id.New[registry.Vendor](), v.ETag(), registry.ChangedVendor{Kind: &grower}, "vendor-not-found"},
		{"by one who may not", w.officer, v.ID, v.ETag(), registry.ChangedVendor{Kind: &grower}, "not-allowed"},
		{"from outside", w.stranger, v.ID, v.ETag(), registry.ChangedVendor{Kind: &grower}, "market-not-found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.contents()
			_, err := w.reg.ChangeVendor(t.Context(), tt.by, "VT", tt.which, tt.match, tt.in)
			isFault(t, err, tt.want)
			w.same(before)
		})
	}
	got, err := w.reg.ChangeVendor(t.Context(), w.volunteer, "VT", v.ID, v.ETag(), registry.ChangedVendor{Kind: &grower, SIM: &yes, Phone: &phone})
	if err != nil || got.Kind != grower || got.SIM != yes || got.Phone != "09•• ••• 321" || got.Name != v.Name || got.ETag() == v.ETag() {
		t.Errorf("changed: %+v, %v", got, err)
	}
	if st := w.look("A-1"); st.Vendor.Kind != grower || st.Vendor.SIM != yes {
		t.Errorf("the stall says %+v", st.Vendor)
	}
	if fields := ask[[]string](w, `SELECT fields FROM audit_events WHERE action = 'vendor.changed'`); !slices.Equal(fields, []string{"phone", "kind", "sim_registered"}) {
		t.Errorf("audited %q", fields)
	}
	if masked, err := w.reg.Vendor(t.Context(), w.auditor, "VT", v.ID); err != nil || masked.Name != "L• M••• T•• A••" || strings.Contains(masked.Accounts[0].Holder, "TAM") {
		t.Errorf("an auditor sees %q, %+v, %v", masked.Name, masked.Accounts, err)
	}
	w.whole()
}

// An account that a relative holds hangs only once that person agreed, and whoever approves it is told.
func TestRelatives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	with := func(change func(*registry.NewAccount)) registry.NewAccount {
		a := viettel
		a.Relation = "child"
		change(&a)
		return a
	}
	for name, tt := range map[string]struct {
		in   registry.NewAccount
		want []string
	}{
		"an unknown relation":   {with(func(a *registry.NewAccount) { a.Relation = "friend" }), []string{"accounts/0/holder_relation unknown"}},
		"nobody named":          {with(func(a *registry.NewAccount) { a.Holder = "" }), []string{"accounts/0/holder required"}},
		"a consent of nobody's": {with(func(a *registry.NewAccount) { a.Relation, a.HolderConsent = "", agreed }), []string{"accounts/0/holder_relation required"}},
		"an unknown wording": {with(func(a *registry.NewAccount) {
			a.HolderConsent = &registry.NewConsent{Version: "fr-1", Given: "phone_call"}
		}), []string{"accounts/0/holder_consent/version unknown"}},
	} {
		_, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "A-9", Vendor: &registry.NewVendor{Name: "Tâm"}, Consent: agreed, Accounts: []registry.NewAccount{tt.in}})
		if got := pointers(err); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q; %v", name, got, tt.want, err)
		}
	}
	a := w.stall("A-1", with(func(*registry.NewAccount) {})).Accounts[0]
	if a.Relation != "child" || a.HolderAgreed == nil || *a.HolderAgreed {
		t.Errorf("proposed: %+v", a)
	}
	waiting, err := w.reg.Pending(t.Context(), w.manager, "VT")
	if err != nil || waiting[0].Relation != "child" || *waiting[0].HolderAgreed {
		t.Errorf("the approver sees %+v, %v", waiting, err)
	}
	w.approve(a)
	_, ps := w.issue(registry.NewBatch{All: true})
	_, err = w.reg.RecordPlacard(t.Context(), w.volunteer, ps[0].Serial.String(), registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
	isFault(t, err, "holder-consent-missing")
	stand, err := w.reg.RegisterStand(t.Context(), w.volunteer, "VT", "A-1", registry.NewStand{Payload: a.Payload, Consent: agreed})
	if err != nil || stand.State != "handed_over" {
		t.Errorf("the stand is %s, %v", stand.State, err)
	}
	if stage := *w.look("A-1").Stage; stage != registry.Printed {
		t.Errorf("stage %s", stage)
	}
	_, err = w.reg.RecordHolderConsent(t.Context(), w.officer, a.ID, *agreed)
	isFault(t, err, "not-allowed")
	_, err = w.reg.RecordHolderConsent(t.Context(), w.stranger, a.ID, *agreed)
	isFault(t, err, "account-not-found")
	events := ask[int](w, `SELECT count(*) FROM audit_events`)
	for range 2 { // once is enough
		got, err := w.reg.RecordHolderConsent(t.Context(), w.volunteer, a.ID, *agreed)
		if err != nil || !*got.HolderAgreed {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if n := ask[int](w, `SELECT count(*) FROM audit_events`) - events; n != 1 {
		t.Errorf("%d events", n)
	}
	w.record(ps[0].Serial, registry.NewPlacardEvent{Kind: "installed"})
	own := w.stall("A-2", vnpt).Accounts[0]
	if own.Relation != "" || own.HolderAgreed != nil {
		t.Errorf("the vendor's own: %+v", own)
	}
	_, err = w.reg.RecordHolderConsent(t.Context(), w.volunteer, own.ID, *agreed)
	isFault(t, err, "holder-own")
	// With the consent right away, the placard hangs right away.
	at := with(func(a *registry.NewAccount) { a.Number, a.HolderConsent = "0710000077", agreed })
	p := w.placard("A-3", at)
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed"})
	w.whole()
}

func TestCategories(t *testing.T) {
	t.Parallel()
	for goods, want := range map[string]string{
		"": "", "abc": "", "Rau củ": "vegetables", "rau cu": "vegetables", "RAU MUỐNG, HÀNH": "vegetables", "Thịt heo": "meat", "thit bo": "meat", "Cá, thủy sản": "fish",
		"Thuỷ hải sản": "fish", "Trái cây": "fruit", "Hoa quả": "fruit", "Hoa tươi": "flowers", "Gạo, tạp hóa": "grocery", "tạp hoá": "grocery", "Tap hoa": "grocery",
		"Quần áo": "clothes", "quan ao tre em": "clothes", "Giày dép": "shoes", "Bánh kẹo": "sweets", "Bánh mì": "bakery", "Ăn uống": "food", "Bún bò Huế": "food", "Đồ gia dụng": "household",
		"Hóa mỹ phẩm": "cosmetics", "Sữa": "dairy", "Sữa chua": "dairy", "Sửa chữa": "repair", "Sửa đồng hồ": "repair", "Vàng mã": "votive", "Vàng bạc": "gold", "Thuốc lá": "tobacco",
		"Thuốc tây": "pharmacy", "Cà phê": "drinks", "Cà chua": "vegetables", "Cá cảnh": "pets", "Phụ kiện điện thoại": "phones", "Vải": "fabric",
	} {
		got := ""
		if c := registry.CategoryFor(goods); c != nil {
			got = c.Code
		}
		if got != want {
			t.Errorf("%q is %q, want %q", goods, got, want)
		}
	}
	seen := map[string]bool{}
	for _, c := range registry.Categories() {
		if seen[c.Code] || len(c.MCC) != 4 || strings.Trim(c.MCC, "0123456789") != "" || c.Name == "" || c.English == "" || c.MCCName == "" {
			t.Errorf("%+v", c)
		}
		seen[c.Code] = true
	}
}

// What a stall sells is told from its words, until somebody says it.
func TestCategoryOfAStall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	st := w.stall("A-1") // Rau
	if st.Category == nil || st.Category.Code != "vegetables" || st.Category.MCC != "5499" || st.Category.ByHand {
		t.Fatalf("%+v", st.Category)
	}
	change := func(category string) (registry.Stall, error) {
		return w.reg.Change(t.Context(), w.clerk, "VT", "A-1", w.look("A-1").ETag(), registry.ChangedStall{Category: &category})
	}
	if got, err := change("meat"); err != nil || got.Category.Code != "meat" || !got.Category.ByHand || got.Goods != "Rau" {
		t.Errorf("by hand: %+v, %v", got.Category, err)
	}
	if _, err := change("nonsense"); !slices.Equal(pointers(err), []string{"category unknown"}) {
		t.Errorf("%v", err)
	}
	if got, err := change(""); err != nil || got.Category.Code != "vegetables" || got.Category.ByHand {
		t.Errorf("told again: %+v, %v", got.Category, err)
	}
	made, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "A-2", Goods: "xyz", Category: "toys"})
	if err != nil || made.Category == nil || made.Category.Code != "toys" {
		t.Errorf("%+v, %v", made.Category, err)
	}
}

// Who was merged is nobody else: the name and the phone of the record that ended warn of the vendor who stays, if of anybody.
func TestTheMergedAreNobodysDuplicates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ids []registry.VendorID
	for i, v := range []registry.NewVendor{{Name: "Đặng Thị Hoà", Phone: "0712345678"}, {Name: "Đặng Thị Hòa", Phone: "0755555555"}} {
		st, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: fmt.Sprint("A-", i), Section: "Khu A", Vendor: &v})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, st.Vendor.ID)
	}
	w.merge(ids[0], ids[1])
	for _, tt := range []struct {
		name, phone string
		want        []string
	}{
		{"Phan Phước Quý", "0712345678", nil}, // was the phone of the record that ended
		{"Phan Phước Quý", "0755555555", []string{"same-phone A-0@VT #/vendor/phone"}},
		{"Đặng Thị Hòa", "0355555555", []string{"same-name A-0@VT #/vendor/name"}},
	} {
		f, err := w.reg.CheckStall(t.Context(), w.clerk, "VT", registry.NewStall{Code: "B-1", Section: "Khu A", Vendor: &registry.NewVendor{Name: tt.name, Phone: tt.phone}})
		if got := signs(f.Warnings); err != nil || !slices.Equal(got, append([]string{}, tt.want...)) {
			t.Errorf("%s %s: warned %q, want %q; %v", tt.name, tt.phone, got, tt.want, err)
		}
		for _, d := range f.Warnings {
			if *d.Vendor != ids[1] {
				t.Errorf("%s is told of, who stays is %s", d.Vendor, ids[1])
			}
		}
	}
}

// A market that has grown since statistics were made is not gone through for every look: of thousands of stalls only those are read that may be meant.
func TestDuplicatesReadLittle(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.OneServer(t))
	w.byHand = true
	grow := func(market string, n int) {
		w.exec(`INSERT INTO stalls (market_id, id, code, code_key, code_fold, section, goods, position, created_at)
		        SELECT m.id, md5('stall' || n)::uuid, 'A-' || n, 'A-' || n, 'a ' || n, 'Rau', '', n, now() FROM markets m, generate_series(1, $2) n WHERE m.code = $1`, market, n)
		w.exec(`INSERT INTO vendors (market_id, id, name, name_fold, phone, kind, sim_registered, created_at)
		        SELECT m.id, md5('vendor' || n)::uuid, 'Trần Văn ' || n, 'tran van ' || n, '0712' || lpad(n::text, 6, '0'), 'household', 'unknown', now() FROM markets m, generate_series(1, $2) n WHERE m.code = $1`, market, n)
		w.exec(`INSERT INTO occupancies (market_id, id, stall_id, vendor_id, began)
		        SELECT m.id, md5('occupancy' || n)::uuid, md5('stall' || n)::uuid, md5('vendor' || n)::uuid, '2026-01-01' FROM markets m, generate_series(1, $2) n WHERE m.code = $1`, market, n)
	}
	grow("XX", 3000)
	w.exec(`ANALYZE`)
	grow("VT", 3000)

	c := w.db.Config()
	c.MaxConns = 1 // what was read is told when a transaction on the same connection ends
	db, err := pgxpool.NewWithConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	read := func() map[string]int {
		if _, err := db.Exec(t.Context(), `SELECT pg_stat_force_next_flush()`); err != nil {
			t.Fatal(err)
		}
		rows, err := db.Query(t.Context(), `SELECT relname::text, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables`)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]int{}
		var table string
		var n int
		if _, err := pgx.ForEachRow(rows, []any{&table, &n}, func() error { found[table] = n; return nil }); err != nil {
			t.Fatal(err)
		}
		return found
	}
	reg := registry.New(db, w.clock.now)
	before := read()
	f, err := reg.CheckStall(t.Context(), w.clerk, "VT", registry.NewStall{Code: "A 0777", Section: "Rau", Vendor: &registry.NewVendor{Name: "Trần Văn 1234", Phone: "0712001500"}})
	if err != nil {
		t.Fatal(err)
	}
	after := read()
	if got := signs(f.Warnings); !slices.Contains(got, "similar-stall A-777@VT #/code") || !slices.Contains(got, "same-phone A-1500@VT #/vendor/phone") || !slices.Contains(got, "same-name A-1234@VT #/vendor/name") {
		t.Errorf("%q", got)
	}
	// Who is called almost the same, some forty, is looked up; of the names of the market each is read once.
	for table, most := range map[string]int{"stalls": 60, "occupancies": 60, "vendors": 3060, "accounts": 10, "vendor_merges": 10} {
		if n := after[table] - before[table]; n > most {
			t.Errorf("%d rows of %s were read, at most %d", n, table, most)
		} else if n == 0 && table == "stalls" {
			t.Error("no stall was read: nothing is counted")
		}
	}
}
