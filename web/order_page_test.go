package web

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	registry "cho40/vendor_registry"
)

var hiddenETag = regexp.MustCompile(`name="etag" value="([^"]*)"`)

// etag is the version that a form carries.
func (p page) etag() string {
	p.t.Helper()
	m := hiddenETag.FindStringSubmatch(p.body)
	if m == nil {
		p.t.Fatalf("%s carries no version", p.what)
	}
	return strings.NewReplacer("&#34;", `"`, "&quot;", `"`).Replace(m[1])
}

// codes are the market's stalls in the order of its list.
func (m *market) codes() string {
	m.Helper()
	list, err := m.reg.Stalls(m.Context(), registry.Console(), "VT", registry.StallFilter{}, registry.List{})
	if err != nil {
		m.Fatal(err)
	}
	var codes []string
	for _, l := range list.Items {
		codes = append(codes, l.Section+"/"+l.Code)
	}
	return strings.Join(codes, " ")
}

func TestOrderPage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	const at = "/markets/VT/order"
	m.get("thu", "/markets/VT").is(200).has(`href="`+at+`"`, "Thứ tự đi chợ")
	first := m.get("an", at).is(200).sound().has("Khu A", "Khu B", `src="/static/`)
	m.post("an", at, url.Values{"etag": {first.etag()}, "name": {"Khu A", "Khu B"}, "place": {"1", "1"}, "to": {"Khu A", "Khu Trái cây"}}).is(http.StatusSeeOther)
	if got := m.codes(); got != "Khu Trái cây/B-01 Khu Trái cây/B-02 Khu A/A-01 Khu A/A-02 Khu A/A-03" {
		t.Errorf("the second section took the first place: %s", got)
	}
	// Somebody who saw the order of before is told, and keeps what they typed.
	m.post("thu", at, url.Values{"etag": {first.etag()}, "name": {"Khu A", "Khu B"}, "place": {"7", "8"}, "to": {"Khu Rau", "Khu B"}}).
		is(http.StatusPreconditionFailed).sound().has(`value="Khu Rau"`, `value="7"`, "Có người lưu trước")
	stalls := m.get("thu", at+"?section=Khu+A").is(200).sound().has("A-01", "A-02", "A-03").hasNot("B-01")
	m.post("thu", at, url.Values{"etag": {stalls.etag()}, "section": {"Khu A"}, "name": {"A-01", "A-02", "A-03"}, "place": {"3", "2", "3"}}).is(http.StatusSeeOther)
	if got := m.codes(); got != "Khu Trái cây/B-01 Khu Trái cây/B-02 Khu A/A-02 Khu A/A-03 Khu A/A-01" {
		t.Errorf("the first stall took the third place: %s", got)
	}
	before := m.codes()
	now := m.get("thu", at).etag()
	for name, v := range map[string]url.Values{
		"no number":      {"name": {"Khu A", "Khu Trái cây"}, "place": {"x", "1"}, "to": {"Khu A", "Khu Trái cây"}},
		"one name twice": {"name": {"Khu A", "Khu Trái cây"}, "place": {"1", "2"}, "to": {"Khu A", "Khu A"}},
		"one left out":   {"name": {"Khu A"}, "place": {"1"}, "to": {"Khu A"}},
		"nothing":        {},
	} {
		v.Set("etag", now)
		p := m.post("thu", at, v).is(http.StatusUnprocessableEntity).sound()
		if m.codes() != before {
			t.Errorf("%s: stored all the same", name)
		}
		if name != "one left out" && name != "nothing" {
			p.has(`aria-invalid="true"`)
		}
	}
	m.get("thu", at+"?section=Khu+Z").is(404)
	m.post("canbo", at, url.Values{"etag": {now}}).is(403)
}

func TestPlacesThatAreTyped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		places []string
		want   string // the rows, from 0, in their new order
	}{
		{"as they are", []string{"1", "2", "3"}, "012"},
		{"the last to the top", []string{"1", "2", "1"}, "201"},
		{"the first to the end", []string{"3", "2", "3"}, "120"},
		{"the last to the second place", []string{"1", "2", "3", "2"}, "0312"},
		{"two change places", []string{"2", "1", "3"}, "102"},
		{"far behind", []string{"99", "2", "3"}, "120"},
		{"zero is the top", []string{"1", "0", "3"}, "102"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys := inOrder(tt.places)
			rows := make([]int, len(keys))
			for i := range rows {
				rows[i] = i
			}
			slices.SortStableFunc(rows, func(a, b int) int { return keys[a] - keys[b] })
			got := ""
			for _, r := range rows {
				got += string(rune('0' + r))
			}
			if got != tt.want {
				t.Errorf("%v puts them %s, want %s", tt.places, got, tt.want)
			}
		})
	}
}

func TestMarketEditPage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	const at = "/markets/VT/edit"
	m.get("thu", "/markets/VT").is(200).hasNot(`href="` + at + `"`)
	m.get("quantri", "/markets/VT").is(200).has(`href="` + at + `"`)
	first := m.get("canbo", at).is(200).sound().has("Chợ Vị Thanh", "Chợ phiên", "Hạng 2")
	in := url.Values{"etag": {first.etag()}, "name": {"Chợ Vị Thanh"}, "site": {""}, "class": {"2"}, "kind": {"fair"}, "weekdays": {"sun"}, "lunar_days": {"15, 1"}, "planned_stalls": {"300"},
		"program": {"1"}, "program_since": {"2026-01-15"}, "program_sponsor": {"Viettel"}, "signal": {"weak"}, "contact_name": {"Ông Sáu"}, "contact_phone": {"0293 000 0041"}, "call": {"0293 000 0040"}}
	m.post("canbo", at, in).is(http.StatusSeeOther)
	m.get("thu", "/markets/VT").is(200).sound().has("Chợ phiên", "Chủ nhật", "ngày âm lịch 1, 15", "22/11/2026, 23/11/2026, 29/11/2026", "từ 15/01/2026, Viettel", "Sóng yếu", "Ông Sáu · 0293 000 0041", "300")
	// Somebody saved first: both versions stand there, and the reader's own is kept.
	in.Set("class", "3")
	stale := m.post("quantri", at, in).is(http.StatusPreconditionFailed).sound().has("Trong sổ bây giờ là", "<b>2</b>", `<option value="3" selected>`)
	in.Set("etag", stale.etag())
	m.post("quantri", at, in).is(http.StatusSeeOther)
	in.Set("etag", m.get("canbo", at).etag())
	for name, change := range map[string][2]string{"lunar_days": {"15, x", "lunar_days-err"}, "planned_stalls": {"many", "planned_stalls-err"}, "area": {"99999", "area-err"},
		"contact_phone": {"nhà", "contact_phone-err"}, "program_since": {"hôm qua", "program_since-err"}, "name": {"", "name-err"}, "site": {"school", "site-err"}} {
		was := in.Get(name)
		in.Set(name, change[0])
		m.post("canbo", at, in).is(http.StatusUnprocessableEntity).sound().has(`id="`+change[1]+`"`, "Viettel")
		in.Set(name, was)
	}
	m.post("loan", at, in).is(403)
}

// A place that is no market is marked in the list, has no share, and its counters are kept like stalls.
func TestSitesOnPages(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	if _, err := m.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: "MC", Name: "Bộ phận tiếp dân", Site: registry.Desk}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.reg.Register(t.Context(), registry.Console(), "MC", registry.NewStall{Code: "Q-1", Vendor: &registry.NewVendor{Name: "Phí chứng thực"}}); err != nil {
		t.Fatal(err)
	}
	m.get("canbo", "/").is(200).sound().has("Bộ phận một cửa", "Không phải chợ: không tính vào tỷ lệ")
	m.get("canbo", "/markets/MC").is(200).sound().has("Q-1", "Không phải chợ: không tính vào tỷ lệ", "Thông tin điểm này")
}
