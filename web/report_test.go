package web_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
	"cho40/web"
	"cho40/web/lang"

	"github.com/xuri/excelize/v2"
)

// A closed quarter's reports are the same bytes a year later, from a service that began anew, whatever was found out since; the page says that it was.
func TestReports(t *testing.T) {
	t.Parallel()
	w := stalled(t)
	w.approveAll(t, "manager")
	ctx, console := t.Context(), registry.Console()
	b, err := w.reg.Issue(ctx, console, "NEAR", registry.NewBatch{All: true, Sheet: "a6x4"}, func(registry.Batch, registry.Placard) (why, warning fault.Text) { return })
	if err != nil {
		t.Fatal(err)
	}
	_, placards, err := w.reg.Batch(ctx, console, b.Ref)
	if err != nil || len(placards) < 2 {
		t.Fatal(placards, err)
	}
	hang := func(n int, at time.Time) {
		t.Helper()
		if _, err := w.reg.RecordPlacard(ctx, console, placards[n].Serial.String(), registry.NewPlacardEvent{Kind: "installed", Consent: &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}, At: at}); err != nil {
			t.Fatal(err)
		}
	}
	w.clock.pass(28 * 24 * time.Hour) // 20 December
	hang(0, time.Time{})
	cov := coverage.New(w.db, w.clock.now)
	share, due := 0.7, registry.DayOf(w.clock.now()).Plus(11)
	if _, err := cov.SetTarget(ctx, console, coverage.NewTarget{Indicator: "accepting", Area: "92", Due: due, Share: &share, Document: "12/KH-UBND"}); err != nil {
		t.Fatal(err)
	}
	if _, err := cov.AddCampaign(ctx, console, coverage.NewCampaign{Provider: "viettel_money", Name: "Quét mã nhận quà", From: due.Plus(-50), Until: due.Plus(-20), Document: "TB 1"}); err != nil {
		t.Fatal(err)
	}
	const market, area = "GET " + near + "/reports/2026-Q4", "GET /api/v1/areas/92/reports/2026-Q4"
	get := func(as, do string) []byte {
		t.Helper()
		return w.take(t, step{as: as, do: do, status: 200}).body
	}
	text := func(pdf []byte) string {
		t.Helper()
		said, err := pdfText(pdf)
		if err != nil {
			t.Fatalf("pdftotext is needed (Debian: apt-get install poppler-utils): %v", err)
		}
		return strings.Join(strings.Fields(said), "") // blanks are where letters stand apart
	}
	says := func(pdf []byte, words ...string) {
		t.Helper()
		said := text(pdf)
		for _, word := range words {
			bare, not := strings.CutPrefix(word, "!")
			if not == strings.Contains(said, strings.Join(strings.Fields(bare), "")) {
				t.Errorf("%q on the paper: wanted %v:\n%s", bare, !not, said)
			}
		}
	}
	says(get("clerk in december", market+".pdf"), "TẠM TÍNH đến hết ngày 20/12/2026", "Quý IV/2026", "25,0 %", "1 / 4 tiểu thương", "accepting-1", "equipped-1", "used-1", "Quét mã nhận quà", "Viettel Money",
		"70,0 % đến hết ngày 31/12/2026", "Còn thiếu 2 người (1 / 4)", "Chưa ai hỏi", "Chưa nhận: 4 – 1", "Ban quản lý chợ", "Tổ công nghệ số", "Cán bộ", "!SHA-256", "!Lý Minh Tâm")
	says(get("clerk in december", market+".pdf?lang=en"), "Provisional, as of 20/12/2026", "Quarter IV/2026", "25.0%", "!Quý")
	for _, refused := range []step{
		{name: "a partner", as: "partner in december", do: market + ".pdf", status: 403},
		{name: "an administrator", as: "admin in december", do: market + ".pdf", status: 403},
		{name: "out of scope", as: "officer far in december", do: market + ".pdf", status: 404, want: []string{"market-not-found"}},
		{name: "an area out of scope", as: "officer far in december", do: area + ".pdf", status: 404, want: []string{"area-not-found"}},
		{name: "more than one's own market", as: "manager in december", do: area + ".pdf", status: 404, want: []string{"area-not-found"}},
		{name: "an area, to a partner", as: "partner in december", do: area + ".pdf", status: 403},
		{name: "no such format", as: "clerk in december", do: market + ".docx", status: 404, want: []string{"report-not-found"}},
		{name: "a page as CSV", as: "clerk in december", do: market + ".csv", status: 404, want: []string{"report-not-found"}},
		{name: "no such quarter", as: "clerk in december", do: "GET " + near + "/reports/2026.pdf", status: 422, want: []string{"quarter-invalid"}},
		{name: "a quarter to come", as: "clerk in december", do: "GET " + near + "/reports/2027-Q1.pdf", status: 422, want: []string{"quarter-future"}},
		{name: "a split there is none of", as: "officer in december", do: area + ".pdf?by=goods", status: 422, want: []string{"split-unknown"}},
	} {
		t.Run(refused.name, func(t *testing.T) { w.take(t, refused) })
	}
	if page := string(get("partner in december", "GET /coverage?market=NEAR")); strings.Contains(page, "/reports/") {
		t.Error("a partner is offered reports")
	}

	w.clock.pass(17 * 24 * time.Hour) // 6 January
	w.take(t, step{as: "officer closing", do: "POST /api/v1/coverage/quarters", body: `{"quarter":"2026-Q4","area":"92"}`, status: 200})
	files := func(as string) map[string][]byte {
		t.Helper()
		all := map[string][]byte{}
		for _, language := range []string{"vi", "en"} {
			for _, do := range []string{market + ".pdf?", market + ".xlsx?", area + ".pdf?", area + ".xlsx?", area + ".csv?", area + ".pdf?by=market&"} {
				all[do+language] = get(as, do+"lang="+language)
			}
		}
		return all
	}
	closed := files("officer closing")
	says(closed[market+".pdf?vi"], "!TẠM TÍNH", "Mã băm SHA-256", "mẫu 1", "25,0 %", "1 / 4 tiểu thương", "Quét mã nhận quà", "31/12 ", "Quý đã khóa số ngày 06/01/2027")
	says(closed[area+".pdf?by=market&vi"], "!TẠM TÍNH", "Thành phố Cần Thơ", "NEAR", "1 / 4", "25,0 %", "70 % · 31/12/2026", "Trang 1/1")
	if csv := string(closed[area+".csv?vi"]); !strings.HasPrefix(csv, "\ufeff") || !strings.Contains(csv, ",4,1,0.25,") || !strings.Contains(csv, "2026-Q4,2026-12-31,đã khóa số") {
		t.Errorf("as CSV: %q", csv)
	}
	book, err := excelize.OpenReader(bytes.NewReader(closed[market+".xlsx?vi"]))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := book.GetCols("Số liệu", excelize.Options{RawCellValue: true})
	if err != nil || !strings.Contains(fmt.Sprint(rows[1]), " 1 4 ") && !strings.Contains(fmt.Sprint(rows), "0.25") {
		t.Errorf("the workbook: %v, %v", rows, err)
	}
	if kind, err := book.GetCellType("Số liệu", "B6"); err != nil || kind != excelize.CellTypeUnset {
		t.Errorf("a number is of kind %v, %v", kind, err)
	}

	hang(1, time.Date(2026, 12, 25, 2, 0, 0, 0, time.UTC))
	w.clock.pass(365 * 24 * time.Hour)
	for do, file := range files("officer a year on") {
		if !bytes.Equal(file, closed[do]) {
			t.Errorf("%s is another file a year later", do)
		}
	}
	again, err := web.WriteQuarter(ctx, coverage.New(w.db, w.clock.now), console, lang.Vi, web.QuarterReport{Market: "NEAR", Quarter: "2026-Q4", Format: "pdf"})
	if err != nil || !bytes.Equal(again, closed[market+".pdf?vi"]) {
		t.Errorf("from the console it is another file (%v)", err)
	}
	for _, place := range []string{"market=NEAR", "area=92"} {
		w.take(t, step{as: "officer a year on", do: "GET /coverage?every=quarter&" + place, status: 200,
			want: []string{"đã khóa số ngày 06/01/2027", "Biết thêm sau khi khóa số: 0 tiểu thương, &#43;1 nhận tiền không dùng tiền mặt, 0 có mã", "/reports/2026-Q4.pdf?lang=vi", "1. Quét mã nhận quà", `class="band"`, "<td class=\"num\" data-th=\"Nhận / đang bán\">1 / 4"}})
	}
	w.take(t, step{as: "officer a year on", do: "GET /coverage?market=NEAR", status: 200, want: []string{`href="/coverage?area=92"`, `href="/coverage?area=31321"`}})
	w.take(t, step{as: "manager a year on", do: "GET /coverage?market=NEAR", status: 200, want: []string{"/reports/2026-Q4.pdf", "!/coverage?area="}})
	w.take(t, step{as: "officer everywhere", do: "GET /coverage", status: 200, want: []string{"Ba tỷ lệ", "!/reports/"}})
}
