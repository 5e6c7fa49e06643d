package web

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"cho40/qrgen"
	registry "cho40/vendor_registry"
)

// look is a stall as a manager sees it.
func (m *market) look(code string) registry.Stall {
	m.Helper()
	st, err := m.reg.Stall(m.Context(), m.actor("loan"), "VT", code)
	if err != nil {
		m.Fatal(err)
	}
	return st
}

// A stall changes hands on its page: what may be in the record already is shown once, then it is done.
func TestHandOverOnThePage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.approveAll()
	_, serials := m.printAll(false)
	if _, err := m.reg.RecordPlacard(t.Context(), m.actor("an"), serials["A-01"], registry.NewPlacardEvent{Kind: "installed", Consent: &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}}); err != nil {
		t.Fatal(err)
	}
	m.get("thu", "/markets/VT/stalls/A-01").is(http.StatusOK).sound().has("Sang quầy cho người khác", "1 bảng ngưng ngay và chờ thu về: "+serials["A-01"], "Không tài khoản nào bị đổi")
	m.get("canbo", "/markets/VT/stalls/A-01").is(http.StatusOK).hasNot("Sang quầy cho người khác")
	before := m.look("A-01").Vendor.ID
	path := "/markets/VT/stalls/A-01/transfer"
	for name, tt := range map[string]struct {
		in   url.Values
		want string
	}{
		"nothing":              {url.Values{}, "Cần điền ô này"},
		"a day that is no day": {url.Values{"name": {"Lan"}, "reason": {"sold"}, "from": {"22/11/2026"}}, "2026-11-22"},
		"tomorrow":             {url.Values{"name": {"Lan"}, "reason": {"sold"}, "from": {"2026-11-23"}}, "Chọn ngày không sau hôm nay"},
		"a stall nobody holds": {url.Values{"stall": {"A-03"}, "reason": {"sold"}}, "không có người bán nào giữ quầy đó"},
		"no stall":             {url.Values{"stall": {"Z-9"}, "reason": {"sold"}}, "không có người bán nào giữ quầy đó"},
	} {
		m.post("thu", path, tt.in).is(http.StatusUnprocessableEntity).sound().has(tt.want, `<details open`)
		if m.look("A-01").Vendor.ID != before {
			t.Fatalf("%s: stored", name)
		}
	}
	in := url.Values{"name": {"Hồ Thúy Hòa"}, "phone": {"0712345682"}, "reason": {"sold"}, "from": {"2026-11-22"}}
	m.post("thu", path, in).is(http.StatusOK).sound().has("Hồ Thúy Hòa (B-02) đã có số điện thoại này", "Hồ Thúy Hòa (B-02) trùng tên", `name="sure"`, `value="0712345682"`)
	if m.look("A-01").Vendor.ID != before {
		t.Fatal("a warning was shown, and it is stored")
	}
	in.Set("sure", "1")
	m.post("thu", path, in).is(http.StatusSeeOther)
	m.get("thu", "/markets/VT/stalls/A-01").is(http.StatusOK).sound().has("Sang quầy", "Lý Minh Tâm → Hồ Thúy Hòa, từ 22/11/2026", "Đã sang lại quầy", `#t0"/></svg>Ghi sổ`)
	m.get("thu", "/markets/VT/old-placards").is(http.StatusOK).sound().has(serials["A-01"], "quầy đã sang cho người khác")
	// The vendor of another stall takes it: the same vendor, whom nobody warns of.
	m.post("thu", path, url.Values{"stall": {"b-02"}, "reason": {"entered_wrongly"}}).is(http.StatusSeeOther)
	if a, b := m.look("A-01").Vendor.ID, m.look("B-02").Vendor.ID; a != b {
		t.Errorf("A-01 is held by %s, B-02 by %s", a, b)
	}
}

func TestStatusMoveAndClosureOnThePage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	at := "/markets/VT/stalls/A-01"
	m.post("an", at+"/status", url.Values{"status": {"seasonal"}, "reason": {"Bán dưa Tết"}}).is(http.StatusUnprocessableEntity).sound().has("từ tháng nào đến tháng nào")
	m.post("an", at+"/status", url.Values{"status": {"seasonal"}, "months_from": {"12"}, "months_to": {"2"}, "reason": {"Bán dưa Tết"}}).is(http.StatusSeeOther)
	m.get("an", at).is(http.StatusOK).sound().has("Bán theo mùa, tháng 12–2, nay chưa tới mùa: Bán dưa Tết", `<option value="12" selected>`)
	m.get("an", "/markets/VT?status=closed").is(http.StatusOK).sound().has("A-01", "Tìm thấy 1 quầy", "/ 3 tiểu thương")
	m.get("an", at, "Cookie", "lang=en").is(http.StatusOK).sound()
	m.post("an", at+"/move", url.Values{"to": {"A-03"}, "reason": {"better_place"}}).is(http.StatusSeeOther).leads("/markets/VT/stalls/A-03")
	m.get("an", "/markets/VT/stalls/A-03").is(http.StatusOK).sound().has("A-01 → A-03", "Chỗ mới tốt hơn")
	m.post("an", "/markets/VT/stalls/A-03/closure", url.Values{"reason": {"left_trade"}}).is(http.StatusSeeOther)
	m.get("an", "/markets/VT/stalls/A-03").is(http.StatusOK).sound().has("Nghỉ bán hẳn", "Có người nhận quầy").hasNot("Ghi trả quầy")
	m.post("an", "/markets/VT/stalls/A-03/closure", url.Values{"reason": {"left_trade"}}).is(http.StatusConflict).sound()
}

func (p page) leads(to string) page {
	p.t.Helper()
	if got := p.Header.Get("Location"); got != to {
		p.t.Errorf("%s leads to %s, want %s", p.what, got, to)
	}
	return p
}

func TestCardOnThePage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	at := "/markets/VT/stalls/A-01"
	version := m.look("A-01").ETag()
	m.post("an", at+"/card", url.Values{"placard_languages": {"en+vi"}, "show_number": {"1"}, "version": {version}}).is(http.StatusSeeOther)
	if st := m.look("A-01"); st.Languages != "en+vi" || !st.ShowNumber {
		t.Errorf("kept %+v", st)
	}
	m.get("an", at).is(http.StatusOK).sound().has(`<option value="en&#43;vi" selected>`, `name="show_number" value="1" checked`)
	m.post("an", at+"/card", url.Values{"placard_languages": {"vi"}, "version": {version}}).is(http.StatusPreconditionFailed).sound()
	// A wish that no choice offers stays as it is.
	vk := "vi+km"
	if _, err := m.reg.Change(t.Context(), m.actor("an"), "VT", "A-01", m.look("A-01").ETag(), registry.ChangedStall{Languages: &vk}); err != nil {
		t.Fatal(err)
	}
	m.get("an", at).has(`<option value="vi&#43;km" selected>`)
}

// sendForm posts a form that may bring a picture.
func (m *market) sendForm(who, path string, values url.Values, file []byte) page {
	m.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, v := range values {
		if err := w.WriteField(name, v[0]); err != nil {
			m.Fatal(err)
		}
	}
	if file != nil {
		f, err := w.CreateFormFile("file", "ma.png")
		if err == nil {
			_, err = f.Write(file)
		}
		if err != nil {
			m.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		m.Fatal(err)
	}
	r, err := http.NewRequestWithContext(m.Context(), http.MethodPost, m.url+path, io.Reader(&b))
	if err != nil {
		m.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	return m.ask(who, r)
}

func TestStandOnThePage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	code, err := qrgen.Static("971011", "0712345678")
	if err != nil {
		t.Fatal(err)
	}
	symbol, err := qrgen.NewSymbol(code)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := symbol.PNG(4)
	if err != nil {
		t.Fatal(err)
	}
	send := func(stall string, values url.Values, file []byte) page {
		t.Helper()
		return m.sendForm("an", "/markets/VT/stalls/"+stall+"/stand", values, file)
	}
	send("A-01", url.Values{}, nil).is(http.StatusUnprocessableEntity).sound().has("Cần điền ô này")
	send("A-01", url.Values{"payload": {"https://example.com"}, "heard_name": {"LY MINH TAM"}}, nil).is(http.StatusUnprocessableEntity).sound().has("https://example.com", "LY MINH TAM")
	send("A-01", url.Values{}, []byte("no picture")).is(http.StatusUnsupportedMediaType).sound()
	send("A-01", url.Values{"given": {"face_to_face"}}, picture).is(http.StatusSeeOther)
	send("A-01", url.Values{"given": {"face_to_face"}}, picture).is(http.StatusConflict).sound()
	send("A-02", url.Values{"payload": {" " + code + "\n"}}, nil).is(http.StatusSeeOther)
	for stall, state := range map[string]string{"A-01": "installed", "A-02": "handed_over"} {
		st := m.look(stall)
		if !slices.ContainsFunc(st.Placards, func(p registry.Placard) bool { return p.Kind == "provider" && p.State == state && p.Payload == code }) {
			t.Errorf("%s: %+v", stall, st.Placards)
		}
	}
}

func TestNewStallOnThePage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.get("thu", "/markets/VT").has(`href="/markets/VT/new-stall"`)
	m.get("canbo", "/markets/VT").hasNot(`href="/markets/VT/new-stall"`)
	m.get("thu", "/markets/VT/new-stall").is(http.StatusOK).sound()
	in := url.Values{"code": {"C-01"}, "section": {"Khu A"}, "goods": {"Rau"}, "name": {"Lý Minh Tân"}, "provider": {"Viettel Money"}, "number": {"0712345678"}, "holder": {"LY THI BE"}, "relation": {"spouse"}}
	m.post("thu", "/markets/VT/new-stall", in).is(http.StatusUnprocessableEntity).sound().has("Chưa có lời đồng ý của người bán", `value="Lý Minh Tân"`, `<option value="spouse" selected>`)
	in.Set("given", "face_to_face")
	m.post("thu", "/markets/VT/new-stall", in).is(http.StatusOK).sound().has("Lý Minh Tâm (A-01) đã có tài khoản này", "Lý Minh Tâm (A-01) viết gần giống")
	in.Set("sure", "1")
	m.post("thu", "/markets/VT/new-stall", in).is(http.StatusSeeOther).leads("/markets/VT/stalls/C-01")
	m.get("thu", "/markets/VT/stalls/C-01").is(http.StatusOK).sound().has("Vợ chồng", "người đó chưa đồng ý")
	m.get("loan", "/markets/VT/approvals").is(http.StatusOK).sound().has("Tài khoản đứng tên người khác (Vợ chồng)")
	relatives := m.look("C-01").Accounts[0].ID.String()
	agree := "/markets/VT/stalls/C-01/holder-consent"
	m.post("an", agree, url.Values{"version": {relatives}}).is(http.StatusUnprocessableEntity).sound().has("<details open", "đã đồng ý thế nào")
	m.post("an", agree, url.Values{"version": {relatives}, "given": {"phone_call"}}).is(http.StatusSeeOther)
	m.get("an", "/markets/VT/stalls/C-01").is(http.StatusOK).sound().has("người đó đã đồng ý", "Chủ tài khoản đã đồng ý").hasNot("holder-consent")
	m.post("thu", "/markets/VT/new-stall", url.Values{"code": {"c - 01"}}).is(http.StatusOK).sound().has("Chợ này đã có quầy C-01.")
	m.post("thu", "/markets/VT/new-stall", url.Values{"code": {"c - 01"}, "sure": {"1"}}).is(http.StatusConflict).sound()
	m.post("thu", "/markets/VT/new-stall", url.Values{"code": {"C-02"}}).is(http.StatusSeeOther)
}

func TestVendorPage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	a, b := m.look("A-01").Vendor.ID, m.look("B-01").Vendor.ID
	at := "/markets/VT/vendors/" + a.String()
	m.get("thu", "/markets/VT/stalls/A-01").has(`href="` + at + `"`)
	m.get("thu", at).is(http.StatusOK).sound().has("Lý Minh Tâm", "Hộ kinh doanh", "Chưa rõ", "07•• ••• 678", "so.csv", "Gộp làm một")
	m.get("soat", at).is(http.StatusOK).sound().has("L• M••• T••").hasNot("Lý Minh Tâm", "Gộp làm một")
	m.get("thu", "/markets/VT/vendors/x").is(http.StatusNotFound)
	v, err := m.reg.Vendor(t.Context(), m.actor("thu"), "VT", a)
	if err != nil {
		t.Fatal(err)
	}
	m.post("thu", at, url.Values{"name": {""}, "version": {v.ETag()}}).is(http.StatusUnprocessableEntity).sound().has("Cần điền ô này")
	m.post("thu", at, url.Values{"name": {"Lý Minh Tấm"}, "kind": {"grower"}, "sim_registered": {"yes"}, "version": {v.ETag()}}).is(http.StatusSeeOther).leads(at)
	m.post("thu", at, url.Values{"name": {"Lý Minh Tứ"}, "version": {v.ETag()}}).is(http.StatusPreconditionFailed).sound()
	m.get("thu", at).is(http.StatusOK).sound().has("Lý Minh Tấm", "Người trồng tự bán", "07•• ••• 678", "Sửa thông tin người bán", "tên, loại người bán, SIM chính chủ")
	m.post("thu", at+"/merge", url.Values{"stall": {"A-03"}}).is(http.StatusUnprocessableEntity).sound().has("không có người bán nào giữ quầy đó")
	m.post("thu", at+"/merge", url.Values{"stall": {"A-01"}}).is(http.StatusConflict).sound()
	m.post("thu", at+"/merge", url.Values{"stall": {"B-01"}, "reason": {"Cùng một người"}}).is(http.StatusSeeOther).leads("/markets/VT/vendors/" + b.String())
	m.get("thu", at).is(http.StatusOK).sound().has("Thạch Ngọc Lan", "Gộp hai hồ sơ", "Lý Minh Tấm → Thạch Ngọc Lan", "A-01", "B-01")
}

// A long story is told in pages, each leading to what was before.
func TestStoryInPages(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	for i := range 40 {
		status := []string{"closed", "trading"}[i%2]
		if _, err := m.reg.SetStatus(t.Context(), m.actor("an"), "VT", "A-01", registry.NewStatus{Status: status, Reason: "illness"}); err != nil {
			t.Fatal(err)
		}
	}
	first := m.get("an", "/markets/VT/stalls/A-01").is(http.StatusOK).sound()
	_, rest, found := strings.Cut(first.body, `href="?before=`)
	cursor, _, _ := strings.Cut(rest, `#story"`)
	if !found || strings.Count(first.body, "Đau ốm") < 30 {
		t.Fatal("the story is not cut")
	}
	m.get("an", "/markets/VT/stalls/A-01?before="+strings.ReplaceAll(cursor, "&amp;", "&")).is(http.StatusOK).sound().has("so.csv").hasNot(`?before=`)
	m.get("an", "/markets/VT/stalls/A-01?before=x").is(http.StatusUnprocessableEntity)
}
