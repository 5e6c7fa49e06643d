package registry_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/qrgen"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
	"golang.org/x/text/unicode/norm"
)

// Parts of invented names, with every vowel and mark among them.
var (
	familyNames = strings.Fields("Nguyễn Trần Lê Phạm Huỳnh Hoàng Phan Võ Vũ Đặng Bùi Đỗ Hồ Ngô Dương Lý Thạch Ưng Âu Ông")
	middleNames = []string{"Thị", "Thị", "Văn", "Hữu", "Đức", "Thị Ngọc", "Thị Thuỳ", "Thị Thúy", "Quốc", "", "Kim", "Bá", "Mỹ"}
	givenNames  = strings.Fields("Lan Lân Loan Hoà Hòa Hoa Hoá Thuý Thủy Tâm Tám Ánh Ân An Đào Điệp Uyên Yến Quỳnh Bưởi Phượng Nghĩa Khỏe Tuấn Ngữ Sơn Ý Út Đượm Gấm")
)

func invented(r *rand.Rand) string {
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	return strings.Join(strings.Fields(pick(familyNames)+" "+pick(middleNames)+" "+pick(givenNames)), " ")
}

// filled is a market with so many invented vendors, one at a stall, in walking order.
func (w *world) filled(market string, n int, seed uint64) []registry.NewVendor {
	w.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	vendors := make([]registry.NewVendor, n)
	for i := range vendors {
		vendors[i] = registry.NewVendor{Name: invented(r), Phone: fmt.Sprintf("071%07d", r.IntN(10_000_000))}
		if _, err := w.reg.Register(w.Context(), registry.Console(), market, registry.NewStall{Code: stallCode(i), Section: "Khu A", Vendor: &vendors[i]}); err != nil {
			w.Fatal(err)
		}
	}
	return vendors
}

func stallCode(i int) string { return fmt.Sprintf("%c-%02d", 'A'+i/20, i%20+1) }

// search is where a search finds: stall codes, the likeliest first.
func (w *world) search(by registry.Actor, q, market string) (codes []string, f registry.Findings) {
	w.Helper()
	f, err := w.reg.Search(w.Context(), by, q, market, 200)
	if err != nil {
		w.Fatalf("search %q: %v", q, err)
	}
	for _, it := range f.Items {
		codes = append(codes, it.Stall)
	}
	return codes, f
}

// neighbours are letters beside each other on the keyboard, each in the same row.
const neighbours = "qwertyuiop asdfghjkl zxcvbnm"

// mistyped is a text with one letter missing, another one in its place, or two swapped.
func mistyped(r *rand.Rand, text string) map[string]string {
	b := []byte(text)
	letter := func() int {
		for {
			if i := r.IntN(len(b)); b[i] != ' ' {
				return i
			}
		}
	}
	i := letter()
	out := map[string]string{"a letter missing": string(b[:i]) + string(b[i+1:])}
	i = letter()
	wrong := slices.Clone(b)
	if at := strings.IndexByte(neighbours, b[i]); at > 0 && neighbours[at-1] != ' ' {
		wrong[i] = neighbours[at-1]
	} else {
		wrong[i] = neighbours[at+1]
	}
	out["a neighbouring letter"] = string(wrong)
	for range 20 {
		if i = letter(); i+1 < len(b) && b[i+1] != ' ' && b[i+1] != b[i] {
			swapped := slices.Clone(b)
			swapped[i], swapped[i+1] = b[i+1], b[i]
			out["two letters swapped"] = string(swapped)
			break
		}
	}
	return out
}

func shuffled(r *rand.Rand, text string) string {
	words := strings.Fields(text)
	r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	return strings.Join(words, " ")
}

func initialsOf(fold string) string {
	var b strings.Builder
	for w := range strings.FieldsSeq(fold) {
		b.WriteByte(w[0])
	}
	return b.String()
}

var otherTonePlace = strings.NewReplacer("Hoà", "Hòa", "Hòa", "Hoà", "Hoá", "Hóa", "Thuý", "Thúy", "Thúy", "Thuý", "Thuỳ", "Thùy", "Thủy", "Thuỷ")

// Whoever trades in a market is found by each of the ways in which people look for somebody.
func TestEverybodyIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := rand.New(rand.NewPCG(7, 7))
	for i, v := range w.filled("VT", 60, 1) {
		fold := qrgen.Search(v.Name)
		ways := map[string]string{
			"the name": v.Name, "folded": fold, "in capitals": strings.ToUpper(v.Name), "decomposed": norm.NFD.String(v.Name),
			"the tone at its other place": otherTonePlace.Replace(v.Name), "in another order": shuffled(r, fold), "in another order with accents": shuffled(r, v.Name),
			"initials": initialsOf(fold), "initials apart": strings.Join(strings.Split(initialsOf(fold), ""), " "),
			"without blanks": strings.ReplaceAll(fold, " ", ""), "the phone": v.Phone, "the phone abroad": "+84 " + v.Phone[1:],
			"code": stallCode(i), "code without its hyphen": strings.ToLower(strings.ReplaceAll(stallCode(i), "-", "")),
			"code without its zero": strings.ReplaceAll(stallCode(i), "-0", "-"), "name and code": fold + " " + stallCode(i), "code and name": strings.ToLower(stallCode(i)) + " " + fold,
			"name and tail": fold + " " + v.Phone[6:],
		}
		for n := 3; n <= 6; n++ {
			ways[fmt.Sprintf("last %d digits", n)] = v.Phone[10-n:]
		}
		for way, q := range mistyped(r, fold) {
			ways[way] = q
		}
		for way, q := range ways {
			got, f := w.search(w.clerk, q, "VT")
			if !slices.Contains(got, stallCode(i)) {
				t.Errorf("%s, stall %s, is not found by %s, %q: %v", v.Name, stallCode(i), way, q, got)
				continue
			}
			first := f.Items[0]
			switch {
			case way == "the name" && *first.Vendor != v.Name:
				t.Errorf("%q finds %s before %s", q, *first.Vendor, v.Name)
			case strings.HasPrefix(way, "code") && !strings.Contains(way, "name") && first.Stall != stallCode(i):
				t.Errorf("%q finds %s before %s", q, first.Stall, stallCode(i))
			case slices.Contains([]string{"folded", "in another order"}, way) && first.Matched != registry.ByName:
				t.Errorf("%q finds %s by %s first", q, *first.Vendor, first.Matched)
			}
		}
	}
}

// The list and the plan of a market find whom the search finds, and similar names only when nobody is called so.
func TestListAndPlanFindTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, name := range []string{"Nguyễn Thị Lan", "Nguyễn Thị Lân", "Trần Văn Lam", "Đặng Thị Hoà"} {
		if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: stallCode(i), Vendor: &registry.NewVendor{Name: name, Phone: fmt.Sprintf("071234567%d", i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "A-012"}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		q    string
		want []string
	}{
		{"lan", []string{"A-01", "A-02"}}, {"nguyen thi lna", []string{"A-01", "A-02"}}, {"dnag hoa", []string{"A-04"}}, {"ntl", []string{"A-01", "A-02"}},
		{"a12", []string{"A-012"}}, {"lan 671", []string{"A-02"}}, {"lan a2", []string{"A-02"}}, {"lan a3", nil}, {"tran van lan", []string{"A-03"}},
		{"xyz", nil}, {"lan lan", nil},
	} {
		p, err := w.reg.Stalls(t.Context(), w.clerk, "VT", registry.StallFilter{Q: tt.q}, registry.List{})
		var listed, planned []string
		for _, s := range p.Items {
			listed = append(listed, s.Code)
		}
		if err != nil || !slices.Equal(listed, tt.want) {
			t.Errorf("the list finds %v by %q, want %v; %v", listed, tt.q, tt.want, err)
		}
		plan, err := w.reg.Plan(t.Context(), w.clerk, "VT", tt.q)
		for _, s := range plan {
			if s.Found {
				planned = append(planned, s.Code)
			}
		}
		if err != nil || len(plan) != 5 || !slices.Equal(planned, tt.want) {
			t.Errorf("the plan finds %v by %q, want %v; %v", planned, tt.q, tt.want, err)
		}
	}
}

// What fits best comes first.
func TestTheLikeliestComesFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	names := []string{"Trần Thị Hoa", "Trần Thị Hoà", "Trần Thị Hoá", "Trần Hoàng Yến", "Trần Thị Hoả", "Uyên Thị Ánh", "Hồ Thị Uyên", "Hồ Thị Ánh", "Hồ Thị Đào", "Hồ Thị Dung", "Lân", "Lan", "Ngô Thị Lan Anh", "Ngô Lan"}
	for i, name := range names {
		if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: fmt.Sprintf("N-%d", i+1), Vendor: &registry.NewVendor{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ name, q, want string }{
		{"the accents that were typed", "Trần Thị Hòa", "Trần Thị Hoà"},
		{"none, beside other words that have some", "Trần Thị Hoa", "Trần Thị Hoa"},
		{"another one", "tran thi Hoá", "Trần Thị Hoá"},
		{"whole words before beginnings", "tran hoa", "Trần Thị Hoa,Trần Thị Hoà,Trần Thị Hoả,Trần Thị Hoá,Trần Hoàng Yến"},
		{"names in the order of Vietnamese", "ho thi", "Hồ Thị Ánh,Hồ Thị Dung,Hồ Thị Đào,Hồ Thị Uyên"},
		{"the name by which people are called", "uyen", "Hồ Thị Uyên,Uyên Thị Ánh"},
		{"nothing but what was asked for", "lan", "Lan,Lân,Ngô Lan,Ngô Thị Lan Anh"},
		{"Lan is not Lân", "Lân", "Lân,Lan"},
	} {
		_, f := w.search(w.clerk, tt.q, "VT")
		var got []string
		for _, it := range f.Items {
			if it.Matched == registry.ByName {
				got = append(got, *it.Vendor)
			}
		}
		want := strings.Split(tt.want, ",")
		if !slices.Equal(got[:min(len(want), len(got))], want) {
			t.Errorf("%s: %q finds %v, want %v first", tt.name, tt.q, got, want)
		}
	}
}

// What a person types is text, whatever LIKE, a regular expression or SQL would make of it.
func TestSearchTakesWildcardsForText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.filled("VT", 5, 3)
	for _, code := range []string{"A%1", "A_2", `A\3`, "B-77"} {
		if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: code, Vendor: &registry.NewVendor{Name: "Lý Minh Tâm"}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []string{"%", "_", `\`, "%%%", "z%z", "z_z", `z\`, `\%`, "' OR 1=1 --", "'; DROP TABLE vendors; --", "(", "[z", "*", ".*", "z|t", `\z`, "$1", "@market", "%s", "\x1e\x1f", "zz%' OR '1'='1", "77_", "%77x"} {
		for _, market := range []string{"VT", ""} {
			for _, by := range []registry.Actor{w.clerk, w.officer} {
				if got, _ := w.search(by, q, market); len(got) > 0 {
					t.Errorf("%q finds %v", q, got)
				}
			}
		}
	}
	if got, _ := w.search(w.clerk, strings.Repeat("nguyen thi ", 500), "VT"); len(got) > 0 {
		t.Errorf("a text of 5,500 letters finds %v", got)
	}
	if got, _ := w.search(w.clerk, "b-77", "VT"); !slices.Equal(got, []string{"B-77"}) {
		t.Errorf("b-77 finds %v", got)
	}
}

// Over many markets, where nobody can look at every name, the ways that do not need that find everybody too.
func TestEverybodyIsFoundInTheCountry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := rand.New(rand.NewPCG(8, 8))
	for i := range 8 {
		if _, err := w.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: fmt.Sprintf("P%d", i), Name: "Chợ"}); err != nil {
			t.Fatal(err)
		}
	}
	vendors := w.filled("VT", 40, 2)
	w.filled("XX", 10, 9)
	for i, v := range vendors {
		fold := qrgen.Search(v.Name)
		ways := map[string]string{
			"the name": v.Name, "folded": fold, "decomposed": norm.NFD.String(v.Name), "the tone at its other place": otherTonePlace.Replace(v.Name),
			"in another order": shuffled(r, v.Name), "last four digits": v.Phone[6:], "last six digits": v.Phone[4:], "the phone": v.Phone,
			"code": stallCode(i), "code without its hyphen": strings.ToLower(strings.ReplaceAll(stallCode(i), "-", "")), "name and code": fold + " " + stallCode(i),
			"name and tail": fold + " " + v.Phone[6:],
		}
		if words := strings.Fields(fold); len(words) > 2 {
			ways["initials"] = initialsOf(fold)
		}
		for way, q := range ways {
			_, f := w.search(w.officer, q, "")
			at := slices.IndexFunc(f.Items, func(it registry.Found) bool { return it.Market == "VT" && it.Stall == stallCode(i) })
			if at < 0 {
				t.Errorf("%s, stall %s, is not found by %s, %q: %+v", v.Name, stallCode(i), way, q, f.Items)
			} else if way == "the name" && *f.Items[0].Vendor != v.Name {
				t.Errorf("%q finds %s first", q, *f.Items[0].Vendor)
			}
		}
	}
	for q, want := range map[string]string{"t": "Add a word", "345": "4 digits", "qqqqq wwww": "mistyped"} {
		if _, f := w.search(w.officer, q, ""); len(f.Items) > 0 || !strings.Contains(f.Advice.String(), want) {
			t.Errorf("%q over all markets: %+v, %q, want %q", q, f.Items, f.Advice, want)
		}
	}
	if _, f := w.search(w.officer, strings.ToLower("ly min"), ""); f.Advice.Format == "" && len(f.Items) == 0 {
		t.Error("nothing is said about a search that finds nothing")
	}
}

// What is out of an actor's scope is not found, not even counted; names are masked for who may not see them.
func TestSearchKeepsToTheScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := map[string]bool{} // P0, where there are more than are searched one by one
	for i := range 20 {
		if i%2 == 0 {
			in[fmt.Sprint("P", i)] = true
		}
		code := fmt.Sprintf("P%d", i)
		w.exec(`INSERT INTO areas (code, name, name_fold, kind, level, parent, valid_from) VALUES ('` + code + `', 'Tỉnh ` + code + `', 'tinh', 'tinh', 1, NULL, '2025-07-01')`)
		if _, err := w.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: code, Name: "Chợ " + code, Area: "P" + fmt.Sprint(i%2)}); err != nil && i < 2 {
			t.Fatal(err)
		}
	}
	w.filled("VT", 30, 4)
	far := w.filled("XX", 30, 5)
	for i := range 20 {
		if _, err := w.reg.Register(t.Context(), registry.Console(), fmt.Sprintf("P%d", i), registry.NewStall{Code: "A-1", Vendor: &registry.NewVendor{Name: "Quách Thị Bưởi", Phone: "0712345678"}}); err != nil {
			t.Fatal(err)
		}
	}
	officer := person(t, "officer", "area:P0")
	for _, v := range far {
		for _, q := range []string{v.Name, qrgen.Search(v.Name), v.Phone, v.Phone[4:], initialsOf(qrgen.Search(v.Name)), "a-1", "quach buoi"} {
			for _, by := range []registry.Actor{w.clerk, w.manager, w.volunteer, w.leader, officer} {
				_, f := w.search(by, q, "")
				for _, it := range f.Items {
					if by.ID == officer.ID && !in[it.Market] || by.ID != officer.ID && it.Market != "VT" {
						t.Fatalf("%s finds %s of %s by %q", by.Name, *it.Vendor, it.Market, q)
					}
				}
			}
		}
	}
	for q, want := range map[string]int{"quach buoi": 10, "quách thị bưởi": 10, "5678": 10, "a1": 10, "qtb": 10} {
		if _, f := w.search(officer, q, ""); len(f.Items) != want {
			t.Errorf("an officer of P0 finds %d by %q, want %d", len(f.Items), q, want)
		}
		if _, f := w.search(w.officer, q, ""); len(f.Items) < 20 {
			t.Errorf("an officer of all finds %d by %q", len(f.Items), q)
		}
	}
	if _, err := w.reg.Search(t.Context(), w.clerk, "lan", "XX", 0); fault.CodeOf(err) != "market-not-found" {
		t.Errorf("another market: %v", err)
	}
	for _, by := range []registry.Actor{w.partner, w.admin} {
		for _, market := range []string{"", "VT"} {
			if _, err := w.reg.Search(t.Context(), by, "lan", market, 0); fault.KindOf(err) != fault.Forbidden {
				t.Errorf("%s may search: %v", by.Name, err)
			}
		}
	}
	both := person(t, "auditor", "all")
	both.Grants = append(both.Grants, registry.Grant{Role: registry.Clerk, Kind: registry.OverMarket, Code: "P1"})
	for _, tt := range []struct {
		by     registry.Actor
		masked func(market string) bool
	}{
		{w.auditor, func(string) bool { return true }},
		{both, func(market string) bool { return market != "P1" }},
		{officer, func(string) bool { return false }},
	} {
		_, f := w.search(tt.by, "quach thi buoi", "")
		for _, it := range f.Items {
			if (*it.Vendor == "Quách Thị Bưởi") == tt.masked(it.Market) || *it.Phone != "07•• ••• 678" {
				t.Errorf("%s sees %s, %s in %s", tt.by.Name, *it.Vendor, *it.Phone, it.Market)
			}
		}
		if len(f.Items) < 6 {
			t.Errorf("%s finds %d", tt.by.Name, len(f.Items))
		}
	}
}

// Who no longer holds a stall, and a stall that was taken back, are not found; nobody's stall is.
func TestSearchFindsWhatIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1")
	w.stall("A-2")
	if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "A-3"}); err != nil {
		t.Fatal(err)
	}
	w.byHand = true
	w.exec(`UPDATE occupancies SET ended = began WHERE stall_id = (SELECT id FROM stalls WHERE code = 'A-2')`)
	for _, market := range []string{"VT", ""} {
		for _, by := range []registry.Actor{w.clerk, w.officer} {
			if got, _ := w.search(by, "ly minh tam", market); !slices.Equal(got, []string{"A-1"}) {
				t.Errorf("%s finds %v", by.Name, got)
			}
			if got, f := w.search(by, "a3", market); !slices.Equal(got, []string{"A-3"}) || f.Items[0].Vendor != nil || f.Items[0].Status != "vacant" {
				t.Errorf("%s finds %v %+v", by.Name, got, f.Items)
			}
		}
	}
	if _, err := w.reg.Search(t.Context(), w.clerk, "lan", "", 201); fault.CodeOf(err) != "limit-invalid" {
		t.Errorf("a limit of 201: %v", err)
	}
	if got, _ := w.search(w.clerk, "  ", ""); got != nil {
		t.Errorf("nothing finds %v", got)
	}
}

// The longest names fit into the index that a search reads them from, whatever they fold to.
func TestTheLongestNamesAreFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var mixed []rune // signs that each fold to several letters, no two alike beside each other
	for i := range 120 {
		mixed = append(mixed, rune(0x3300+i%0x58))
	}
	for i, name := range []string{strings.Repeat("\uFDFA", 120), string(mixed), strings.Repeat("𝕃", 120)} {
		code := fmt.Sprint("Z-", i+1)
		if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: code, Vendor: &registry.NewVendor{Name: name}}); err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if got, _ := w.search(w.clerk, name[:30], "VT"); !slices.Contains(got, code) {
			t.Errorf("%q finds %v", name[:30], got)
		}
	}
}

// Codes that begin as the search, in any spelling of their numbers, and no others.
func TestCodesAreFoundByTheirBeginning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, code := range []string{"A-1", "A-01B", "A 12", "A-2", "AZ-1", "Đ-7", "D-70", "K%-1", "KX-1", "Ki-ốt 3", "E-9"} {
		if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: code}); err != nil {
			t.Fatal(code, err)
		}
	}
	for q, want := range map[string][]string{
		"a": {"A-1", "A-01B", "A 12", "A-2", "AZ-1"}, "a1": {"A-1", "A-01B", "A 12"}, "a-01": {"A-1", "A-01B", "A 12"}, "đ7": {"Đ-7", "D-70"},
		"kiốt": {"Ki-ốt 3"}, "ki ot 3": {"Ki-ốt 3"}, "f": nil, "e9a": nil, "zz": nil,
	} {
		got, _ := w.search(w.clerk, q, "VT")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q finds %q, want %q", q, got, want)
		}
	}
}

// Those who hold a stall are found behind any number of namesakes who gave theirs up.
func TestFormerVendorsHideNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 60 {
		if _, err := w.reg.Register(t.Context(), registry.Console(), "VT", registry.NewStall{Code: stallCode(i), Vendor: &registry.NewVendor{Name: "Lý Minh Tâm"}}); err != nil {
			t.Fatal(err)
		}
	}
	w.byHand = true
	w.exec(`UPDATE occupancies SET ended = began WHERE stall_id NOT IN (SELECT id FROM stalls WHERE code IN ('A-07', 'B-13', 'C-19'))`)
	for limit, want := range map[int]int{2: 2, 3: 3, 20: 3} {
		f, err := w.reg.Search(t.Context(), w.clerk, "ly minh tam", "VT", limit)
		if err != nil || len(f.Items) != want || f.More != (limit == 2) {
			t.Errorf("at most %d: %d, more %v, %v", limit, len(f.Items), f.More, err)
		}
	}
}

// Who holds a stall is not read by the index of the rule that two never do at a time: it costs ten times as much as the others.
func TestHoldersAreFoundByTheirOwnIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1")
	tx, err := w.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	if _, err := tx.Exec(t.Context(), `SET LOCAL enable_seqscan = off`); err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{`stall_id = $2 AND ended IS NULL`, `stall_id = $2`, `stall_id = $2 AND began <= '2026-07-01' AND ended > '2026-07-01'`} {
		rows, err := tx.Query(t.Context(), `EXPLAIN SELECT vendor_id FROM occupancies WHERE market_id = $1 AND `+where, w.vt.ID, w.vt.ID)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(plan, "\n"); !strings.Contains(text, "occupancies_") || strings.Contains(text, "occupancies_one_at_a_time") {
			t.Errorf("%s:\n%s", where, text)
		}
	}
}

// Of many who fit alike the first by their names are shown, whatever the order in which they came; who is found by two steps takes one place.
func TestTheLikeliestAreShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 8 { // more than are searched one by one
		if _, err := w.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: fmt.Sprintf("P%d", i), Name: "Chợ"}); err != nil {
			t.Fatal(err)
		}
	}
	enter := func(code, name string) {
		t.Helper()
		if _, err := w.reg.Register(t.Context(), registry.Console(), "VT", registry.NewStall{Code: code, Vendor: &registry.NewVendor{Name: name, Phone: "0712345678"}}); err != nil {
			t.Fatal(err)
		}
	}
	for i, given := range strings.Fields("Oanh Giang An Nga Dung Mai Bình Lan Em Châu Khanh Hoa") {
		enter(fmt.Sprint("A-", i), "Trần Thị "+given)
		enter(fmt.Sprint("B-", i), "Tràn Thị "+given)
	}
	for i, given := range strings.Fields("Đào An Cẩm Bảy") {
		enter(fmt.Sprint("C-", i), "Lý Thu "+given)
		enter(fmt.Sprint("D-", i), "Lỳ Thu "+given)
	}
	for _, tt := range []struct {
		name, q, market string
		limit           int
		want            string
		more            bool
	}{
		{"in a market", "trần thị", "VT", 4, "An Bình Châu Dung", true},
		{"in the country, those with the accents typed first", "trần thị", "", 12, "An Bình Châu Dung Em Giang Hoa Khanh Lan Mai Nga Oanh", false},
		{"in the country, those with the accents typed and those without", "lý thu", "", 8, "An An Bảy Bảy Cẩm Cẩm Đào Đào", false},
		{"and that there are the latter", "lý thu", "", 4, "An Bảy Cẩm Đào", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := w.reg.Search(t.Context(), registry.Console(), tt.q, tt.market, tt.limit)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, it := range f.Items {
				got = append(got, (*it.Vendor)[strings.LastIndexByte(*it.Vendor, ' ')+1:])
			}
			slices.Sort(got)
			if said := strings.Join(got, " "); said != tt.want || f.More != tt.more {
				t.Errorf("%s, more %v; want %s, %v", said, f.More, tt.want, tt.more)
			}
		})
	}
}

// Where more match than are looked at, that is said, and how to find fewer.
func TestMoreThanAreLookedAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.reg.Register(t.Context(), registry.Console(), "VT", registry.NewStall{Code: "A-1", Vendor: &registry.NewVendor{Name: "Quách Thị Bưởi", Phone: "0712345678"}}); err != nil {
		t.Fatal(err)
	}
	// With the one there are 201 of them, each in its own market.
	w.exec(`INSERT INTO markets SELECT (jsonb_populate_record(m, jsonb_build_object('id', gen_random_uuid(), 'code', 'Q' || n))).* FROM markets m, generate_series(1, 200) n WHERE m.code = 'VT'`)
	for _, table := range []string{"stalls", "vendors", "occupancies"} {
		w.exec(`INSERT INTO ` + table + ` SELECT (jsonb_populate_record(o, jsonb_build_object('market_id', q.id))).* FROM ` + table + ` o JOIN markets m ON m.id = o.market_id AND m.code = 'VT', markets q WHERE q.code LIKE 'Q%'`)
	}
	for _, q := range []string{"quach thi buoi", "quách thị bưởi", "345678", "qtb", "a1"} {
		if _, f := w.search(registry.Console(), q, ""); len(f.Items) != 200 || !f.More || !strings.Contains(f.Advice.String(), "choose a market") {
			t.Errorf("%q finds %d, more %v, %q", q, len(f.Items), f.More, f.Advice)
		}
	}
	w.exec(`UPDATE vendors SET removed_at = created_at WHERE market_id = (SELECT id FROM markets WHERE code = 'Q7')`)
	w.exec(`UPDATE stalls SET removed_at = created_at WHERE market_id = (SELECT id FROM markets WHERE code = 'Q7')`)
	for _, q := range []string{"quach thi buoi", "quách thị bưởi", "345678", "qtb", "a1"} {
		if _, f := w.search(registry.Console(), q, ""); len(f.Items) != 200 || f.More || f.Advice.Format != "" {
			t.Errorf("%q of two hundred finds %d, more %v, %q", q, len(f.Items), f.More, f.Advice)
		}
	}
}

// Names that a search fits leave no place for those that are only similar, but for whose initials it is.
func TestSimilarNamesBesideManyThatFit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, other string
		fit         int
		market      string
		markets     int
		found       bool
	}{
		{"a letter off beside nine", "Đỗ Thị Hia", 9, "", 0, true},
		{"a letter off beside ten", "Đỗ Thị Hia", 10, "", 0, false},
		{"initials beside ten", "Hồ Oanh An", 10, "", 0, true},
		{"initials beside ten, in a market", "Hồ Oanh An", 10, "VT", 0, true},
		{"initials beside ten, in the country", "Hồ Oanh An", 10, "", 8, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for i := range tt.markets {
				if _, err := w.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: fmt.Sprintf("P%d", i), Name: "Chợ"}); err != nil {
					t.Fatal(err)
				}
			}
			enter := func(code, name string) {
				if _, err := w.reg.Register(t.Context(), registry.Console(), "VT", registry.NewStall{Code: code, Vendor: &registry.NewVendor{Name: name}}); err != nil {
					t.Fatal(err)
				}
			}
			for i := range tt.fit {
				enter(fmt.Sprint("A-", i), "Trần Thị Hoa")
			}
			enter("B-1", tt.other)
			if got, _ := w.search(registry.Console(), "hoa", tt.market); slices.Contains(got, "B-1") != tt.found {
				t.Errorf("%q, found %v", got, !tt.found)
			}
		})
	}
}

// Who sees a few markets is forgiven in all of them what is forgiven in one.
func TestFewMarketsForgive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.reg.Register(t.Context(), registry.Console(), "VT", registry.NewStall{Code: "A-1", Vendor: &registry.NewVendor{Name: "Nguyễn Thị Lan", Phone: "0712345678"}}); err != nil {
		t.Fatal(err)
	}
	if got, f := w.search(registry.Console(), "nguyen thi lna", ""); !slices.Equal(got, []string{"A-1"}) {
		t.Errorf("%v, %+v", got, f.Advice)
	}
}

// Ids are minted by phones, so that two markets may have the same one: a search over both finds only what was found in each.
func TestOneIDInTwoMarkets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	vendor, stall := id.New[registry.Vendor](), id.New[registry.Stall]()
	for _, n := range []struct {
		market string
		in     registry.NewStall
	}{
		{"VT", registry.NewStall{Code: "A-1", Vendor: &registry.NewVendor{ID: vendor, Name: "Lý Minh Tâm"}}},
		{"XX", registry.NewStall{Code: "B-1", Vendor: &registry.NewVendor{ID: vendor, Name: "Trần Thị Bé"}}},
		{"XX", registry.NewStall{Code: "B-2", Vendor: &registry.NewVendor{Name: "Lý Minh Tâm"}}},
		{"VT", registry.NewStall{ID: stall, Code: "C-7"}},
		{"XX", registry.NewStall{ID: stall, Code: "D-1"}},
		{"XX", registry.NewStall{Code: "C-7"}},
	} {
		if _, err := w.reg.Register(t.Context(), registry.Console(), n.market, n.in); err != nil {
			t.Fatal(err)
		}
	}
	for q, want := range map[string][]string{"ly minh tam": {"VT A-1", "XX B-2"}, "c7": {"VT C-7", "XX C-7"}} {
		_, f := w.search(registry.Console(), q, "")
		var got []string
		for _, it := range f.Items {
			got = append(got, it.Market+" "+it.Stall)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%q finds %q, want %q", q, got, want)
		}
	}
}
