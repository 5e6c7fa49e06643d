package web

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	registry "cho40/vendor_registry"
)

// design posts the form of a design, with a picture where there is one.
func (m *market) design(who string, values map[string]string, logo []byte) page {
	m.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, v := range values {
		if err := w.WriteField(name, v); err != nil {
			m.Fatal(err)
		}
	}
	f, err := w.CreateFormFile("logo", map[bool]string{true: "logo.png"}[logo != nil]) // a browser sends an empty part when no file is chosen
	if err == nil {
		_, err = io.Copy(f, bytes.NewReader(logo))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		m.Fatal(err)
	}
	r, err := http.NewRequestWithContext(m.Context(), http.MethodPost, m.url+"/markets/VT/paper/designs", &b)
	if err != nil {
		m.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	return m.ask(who, r)
}

func picture(t *testing.T, side int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, side, side))
	img.SetGray(1, 1, color.Gray{Y: 255})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPaperPage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	const at = "/markets/VT/paper"
	saved := func(p page, says ...string) {
		t.Helper()
		p.is(http.StatusSeeOther)
		if p.Header.Get("Location") != at {
			t.Errorf("%s leads to %s", p.what, p.Header.Get("Location"))
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.url+at, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Cookies() {
			r.AddCookie(c)
		}
		m.ask("loan", r).is(http.StatusOK).sound().has(says...)
	}
	m.get("loan", at).has("Chưa có máy in nào", "Chưa có khổ tem riêng", ">Sang phải</label>", ">Xuống dưới</label>", "/api/v1/markets/VT/calibration.pdf?sheet=a6x4")

	saved(m.post("an", at+"/printers", url.Values{"name": {"HP & Bé"}, "right": {"1,5"}, "down": {"-2"}}))
	m.get("an", at).has("HP &amp; Bé", ">1,5</td>", ">-2</td>", "printer=HP&#43;%26&#43;B%C3%A9&amp;sheet=a6x4")
	m.get("an", at+"?printer=HP+%26+B%C3%A9").has(`value="HP &amp; Bé"`, `value="1,5"`, `value="-2"`)
	m.get("an", at, "Accept-Language", "en").has(">1.5</td>")
	saved(m.post("loan", at+"/printers", url.Values{"name": {"HP & Bé"}, "right": {"+0.5"}, "down": {"−1"}}), "Đã lưu máy in HP &amp; Bé", ">0,5</td>", ">-1</td>")
	if pdf := m.get("loan", "/api/v1/markets/VT/calibration.pdf?sheet=a6x4&printer=HP+%26+B%C3%A9").is(http.StatusOK); pdf.Header.Get("Content-Type") != "application/pdf" {
		t.Errorf("the calibration page is %s", pdf.Header.Get("Content-Type"))
	}

	sheet := url.Values{"name": {"tomy-104"}, "columns": {"3"}, "rows": {"8"}, "left": {"0"}, "top": {"0,5"}, "width": {"70"}, "height": {"37"}, "gap_x": {"0"}, "gap_y": {"0"}}
	saved(m.post("thu", at+"/sheets", sheet), "Đã lưu khổ tomy-104", "3 cột, 8 hàng", "70 × 37 mm", "calibration.pdf?sheet=tomy-104")
	m.get("thu", at+"?sheet=tomy-104").has("<details open>", `value="0,5"`, `value="8"`)

	design := map[string]string{"name": "Chàm", "colour": "#274690", "tint": "#fcefc9", "board": "Tổ quản lý chợ"}
	saved(m.design("thu", design, picture(t, 40)), "Đã lưu mẫu Chàm", `fill="#274690"`, "Gọi Tổ quản lý chợ", "có biểu trưng")
	design["colour"] = "#7a1f3d"
	saved(m.design("loan", design, nil), `fill="#7a1f3d"`, "có biểu trưng")
	design["no_logo"] = "1"
	saved(m.design("loan", design, nil))
	m.get("loan", at).hasNot("có biểu trưng", `fill="#274690"`)
	m.get("loan", at+"?design=Ch%C3%A0m").has("<details open>", `value="#7a1f3d"`, `value="Tổ quản lý chợ"`)

	m.get("an", at).has("HP &amp; Bé", "tomy-104", "Nhân viên chợ và quản lý chợ lưu").hasNot(`id="sheets-form"`, `id="designs-form"`, "?sheet=tomy-104#")
	m.post("an", at+"/sheets", sheet).is(http.StatusForbidden)
	m.design("an", design, nil).is(http.StatusForbidden)
	m.post("thu", at+"/designs", url.Values{"name": {"Chàm"}}).is(http.StatusUnsupportedMediaType)
}

func TestPaperPageSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	const at = "/markets/VT/paper"
	with := func(v url.Values, changed ...string) url.Values {
		out := url.Values{}
		for name := range v {
			out.Set(name, v.Get(name))
		}
		for i := 0; i < len(changed); i += 2 {
			out.Set(changed[i], changed[i+1])
		}
		return out
	}
	printer := url.Values{"name": {"HP"}, "right": {"0"}, "down": {"0"}}
	sheet := url.Values{"name": {"tomy-104"}, "columns": {"3"}, "rows": {"8"}, "left": {"0"}, "top": {"0,5"}, "width": {"70"}, "height": {"37"}, "gap_x": {"0"}, "gap_y": {"0"}}
	for _, tt := range []struct {
		name, form string
		values     url.Values
		has        []string
	}{
		{"no number", "printers", with(printer, "right", "ba <b>"), []string{`id="printers-right-err"`, `value="ba &lt;b&gt;"`, `value="HP"`, "Ghi một số, như 1,5"}},
		{"nothing", "printers", url.Values{}, []string{`id="printers-right-err"`, `id="printers-down-err"`}},
		{"not finite", "printers", with(printer, "down", "NaN"), []string{`id="printers-down-err"`, `value="NaN"`}},
		{"too far", "printers", with(printer, "down", "10,5"), []string{`id="printers-down-err"`, `value="10,5"`, "Từ -10 đến 10"}},
		{"no name", "printers", with(printer, "name", " ", "right", "1,5"), []string{`id="printers-name-err"`, `value="1,5"`}},
		{"half a column", "sheets", with(sheet, "columns", "2,5"), []string{`id="sheets-columns-err"`, `value="2,5"`, "<details open>"}},
		{"a name of capitals", "sheets", with(sheet, "name", "Tem Đẹp"), []string{`id="sheets-name-err"`, `value="Tem Đẹp"`}},
		{"everybody's name", "sheets", with(sheet, "name", "a6x4"), []string{`id="sheets-name-err"`, `value="a6x4"`}},
		{"too narrow", "sheets", with(sheet, "width", "12,5"), []string{`id="sheets-width-err"`, `value="12,5"`, `aria-invalid="true"`}},
		{"over the edge", "sheets", with(sheet, "rows", "9"), []string{`id="sheets-rows-err"`, `value="9"`, "vượt mép giấy"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := m.post("loan", at+"/"+tt.form, tt.values)
			p.t = t
			p.is(http.StatusUnprocessableEntity).sound().has(tt.has...).has(`role="alert"`, "back=%2fmarkets%2fVT%2fpaper\"") // the switch of languages has a page to go to
		})
	}
	for _, tt := range []struct {
		name          string
		colour, board string
		logo          []byte
		has           []string
	}{
		{"too light", "#eeeeee", "Tổ <b>", nil, []string{`id="designs-colour-err"`, `value="#eeeeee"`, "Tổ &lt;b&gt;"}},
		{"no colour", "đỏ", "", nil, []string{`id="designs-colour-err"`}},
		{"no picture", "#274690", "", []byte("GIF89a"), []string{`id="designs-logo-err"`, "mở được"}},
		{"more dots than fit", "#274690", "Tổ", picture(t, 1001), []string{`id="designs-logo-err"`, "1000 điểm ảnh", `value="Tổ"`}},
		{"more bytes than fit", "#274690", "Tổ", append(picture(t, 9), make([]byte, 600<<10)...), []string{`id="designs-logo-err"`, "256 KiB", `value="Tổ"`}},
		{"a picture beside something else", "#eeeeee", "", picture(t, 9), []string{`id="designs-logo-err"`, "Chọn lại tệp ảnh"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := m.design("loan", map[string]string{"name": "Chàm", "colour": tt.colour, "tint": "#fcefc9", "board": tt.board}, tt.logo)
			p.t = t
			p.is(http.StatusUnprocessableEntity).sound().has(tt.has...).has(`role="alert"`, `value="Chàm"`, "<details open>")
		})
	}
	m.get("loan", at).has("Chưa có máy in nào", "Chưa có khổ tem riêng")
}

func TestOldPlacards(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.approveAll()
	_, first := m.printAll(false)
	if _, err := m.reg.RecordPlacard(t.Context(), m.actor("an"), first["A-01"],
		registry.NewPlacardEvent{Kind: "installed", HeardName: "LY MINH TAM", Consent: &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}}); err != nil {
		t.Fatal(err)
	}
	const at = "/markets/VT/old-placards"
	m.get("an", at).has("Không còn bảng cũ nào ở ngoài", "Về ").hasNot("<table")
	m.get("an", "/markets/VT").has(`href="`+at+`"`).hasNot("1 bảng cũ chưa thu", "2 bảng cũ chưa thu")
	b, err := m.reg.Issue(t.Context(), m.actor("loan"), "VT", registry.NewBatch{Sheet: "a6x4", Stalls: []string{"A-01", "B-01"}, Reprint: true, Reason: "bị <ướt>"}, Fits())
	if err != nil {
		t.Fatal(err)
	}
	_, ps, err := m.reg.Batch(t.Context(), m.actor("loan"), b.Ref)
	if err != nil {
		t.Fatal(err)
	}
	now := map[string]string{}
	for _, p := range ps {
		now[p.Stall] = p.Serial.String()
	}
	m.get("an", "/markets/VT").has("2 bảng cũ chưa thu")
	p := m.get("an", at).is(http.StatusOK).sound().
		has("Khu A", "Khu B", `href="/markets/VT/stalls/A-01"`, "Lý Minh Tâm", "Viettel Money", "•••• 5678", "Lý do: bị &lt;ướt&gt;", first["A-01"], now["A-01"], first["B-01"], now["B-01"],
			"Người bán giữ", "Mới in, chưa giao: xé bỏ", `value="`+first["A-01"]+`"`, "Đã thu bảng "+first["B-01"]+" của quầy B-01")
	if a, b := strings.Index(p.body, first["A-01"]), strings.Index(p.body, first["B-01"]); a > b {
		t.Error("B-01 comes before A-01")
	}
	m.get("soat", at).is(http.StatusOK).has(first["A-01"]).hasNot("Lý Minh Tâm", `name="serial"`, "<button class=\"btn")
	m.get("canbo", at).is(http.StatusOK).hasNot(`name="serial"`)
	m.post("canbo", at, url.Values{"serial": {first["A-01"]}}).is(http.StatusForbidden)
	m.post("an", at, url.Values{"serial": {now["A-01"]}}).is(http.StatusConflict).sound().has(`role="alert"`, "không có trong danh sách", first["A-01"])

	gone := m.post("an", at, url.Values{"serial": {first["A-01"]}}).is(http.StatusSeeOther)
	if gone.Header.Get("Location") != at {
		t.Errorf("leads to %s", gone.Header.Get("Location"))
	}
	m.get("an", at).hasNot(first["A-01"], "Khu A").has(first["B-01"])
	m.post("an", at, url.Values{"serial": {first["A-01"]}}).is(http.StatusConflict)
	placard, err := m.reg.Placard(t.Context(), m.actor("loan"), now["A-01"])
	if err != nil || !placard.Live() {
		t.Errorf("the new placard is %s, %v", placard.State, err)
	}
	m.post("an", at, url.Values{"serial": {first["B-01"]}}).is(http.StatusSeeOther)
	m.get("an", at).has("Không còn bảng cũ nào ở ngoài")
}
