package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const oddLedger = "Mốc;Ai;Gọi;Tiền về\nE-1;Đỗ Văn Tám;0712345671;0712345671\nE-2;Tô Thị Sáu;;\n"

// Nobody knows what the columns hold: the page asks, without a script.
func TestColumnsAreAskedFor(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	at := m.upload("thu", "/markets/VT/import", "file", "so.csv", oddLedger).is(http.StatusSeeOther).Header.Get("Location")
	m.get("thu", at).is(http.StatusOK).sound().has("Cho biết các cột chứa gì", "Đỗ Văn Tám", `name="role-A"`, `value="viettel_money"`).hasNot("Nhập 2 dòng tốt")
	m.get("an", at).is(http.StatusForbidden)
	m.post("thu", at+"/commit", url.Values{"attested": {"vi-1"}}).is(http.StatusConflict).sound().has(`role="alert"`)
	m.post("thu", at+"/mapping", url.Values{"role-A": {"code"}}).is(http.StatusUnprocessableEntity).sound().has(`role="alert"`, "Cho biết các cột chứa gì")
	m.post("thu", at+"/mapping", url.Values{"role-A": {"code"}, "role-B": {"vendor"}, "role-C": {"phone"}, "role-D": {"viettel_money"}, "remember": {"1"}}).is(http.StatusSeeOther)
	m.get("thu", at).is(http.StatusOK).sound().has("Nhập 2 dòng tốt", "Đỗ Văn Tám", "0712345671")
	m.get("thu", at+"?show=columns").is(http.StatusOK).sound().has(`<option value="viettel_money" selected>`, `name="remember" value="1" checked`)
	m.post("thu", at+"/commit", url.Values{"attested": {"vi-1"}}).is(http.StatusSeeOther)
	again := m.upload("thu", "/markets/VT/import", "file", "so.csv", oddLedger).is(http.StatusSeeOther).Header.Get("Location")
	m.get("thu", again).is(http.StatusOK).has("như đã khai báo cho chợ này trước đây", "Nhập 2 dòng tốt")
	m.post("thu", again+"/discard", nil).is(http.StatusSeeOther)
}

// Faulty cells are typed anew on the page; the faulty rows can be had as a file that is uploaded once it is mended.
func TestRowsAreMendedOnThePage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	at := m.upload("thu", "/markets/VT/import", "file", "so.csv", "Mã quầy;Khu;Tên tiểu thương;ĐT;Viettel Money\n"+
		"E-1;Khu E;Đỗ Văn Tám;07123;712345671\nE-2;Khu E;=HYPERLINK(1);;\nE-3;Khu E;Tô Thị Sáu;;0712345673\nB-01;Khu Z;Thạch Ngọc Lan;;\n").is(http.StatusSeeOther).Header.Get("Location")
	shown := m.get("thu", at).is(http.StatusOK).sound().has(`name="cell-D"`, `value="07123"`, `name="use" value="E=0712345671"`, "Đúng là Viettel Money: 0712 345 671", `href="/api/v1`+at+`/faulty.xlsx"`)
	if n := strings.Count(shown.body, `name="row"`); n != 2 {
		t.Errorf("%d rows can be mended, want 2", n)
	}
	m.get("thu", at+"?show=changed").is(http.StatusOK).sound().has("Khu B → <b>Khu Z</b>")
	csv := m.get("thu", "/api/v1"+at+"/faulty.csv").is(http.StatusOK)
	if !strings.HasPrefix(csv.body, "\ufeffMã quầy,Khu,Tên tiểu thương,ĐT,Viettel Money,Dòng trong tệp,") || !strings.Contains(csv.body, "'=HYPERLINK(1)") || strings.Contains(csv.body, "Tô Thị Sáu") {
		t.Errorf("faulty.csv:\n%s", csv.body)
	}
	book := m.get("thu", "/api/v1"+at+"/faulty.xlsx").is(http.StatusOK)
	m.get("an", "/api/v1"+at+"/faulty.csv").is(http.StatusForbidden)
	m.post("thu", at+"/rows", url.Values{"row": {"9"}, "cell-D": {"x"}}).is(http.StatusUnprocessableEntity).sound().has(`role="alert"`)
	m.post("thu", at+"/rows", url.Values{"row": {"2"}, "use": {"E=0712345671"}}).is(http.StatusSeeOther)
	m.post("thu", at+"/rows", url.Values{"row": {"2"}, "cell-D": {"0712"}}).is(http.StatusSeeOther)
	m.get("thu", at).is(http.StatusOK).sound().has(`value="0712"`).hasNot(`name="use"`)
	m.post("thu", at+"/rows", url.Values{"row": {"2"}, "cell-D": {"0712 345 671"}}).is(http.StatusSeeOther)
	m.post("thu", at+"/rows", url.Values{"row": {"3"}, "cell-C": {"Lâm Thị Hai"}}).is(http.StatusSeeOther)
	m.get("thu", at+"?show=all").is(http.StatusOK).sound().has("Lâm Thị Hai", "0712345671", "Nhập 4 dòng tốt").hasNot("faulty.xlsx")
	m.post("thu", at+"/commit", url.Values{"attested": {"vi-1"}}).is(http.StatusSeeOther)
	// The file of the faulty rows is a ledger itself.
	next := m.upload("thu", "/markets/VT/import", "file", "faulty-rows.xlsx", book.body).is(http.StatusSeeOther).Header.Get("Location")
	m.get("thu", next).is(http.StatusOK).has("07123")
	// What stands in the way of taking it back is named.
	m.approveAll()
	m.post("thu", at+"/discard", nil).is(http.StatusConflict).sound().has("B-01: có từ trước")
}

// A long commit does not hold its page: it can be left and found again, and comes again by itself.
func TestLongCommitIsWatched(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	at := m.upload("thu", "/markets/VT/import", "file", "so.csv", "Mã quầy;Tên tiểu thương\nE-1;Đỗ Văn Tám\n").is(http.StatusSeeOther).Header.Get("Location")
	_, which, _ := strings.Cut(at, ".")
	if _, err := m.db.Exec(t.Context(), `UPDATE imports SET beat_at = $1, done = 500, total = 2000 WHERE id = $2`, m.clock.now(), which); err != nil {
		t.Fatal(err)
	}
	running := m.get("thu", at).is(http.StatusOK).sound().has("Đã tạo 500 trên 2.000 mã QR", "Có thể rời trang này")
	if running.Header.Get("Refresh") != "1" {
		t.Error("the page does not come again")
	}
	m.post("thu", at+"/rows", url.Values{"row": {"2"}, "cell-A": {"x"}}).is(http.StatusConflict)
	m.clock.pass(time.Minute)
	m.get("thu", at).is(http.StatusOK).has("Nhập 1 dòng tốt")
}
