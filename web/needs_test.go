package web

import (
	"net/http"
	"testing"

	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
	"cho40/vendor_registry/fieldwork"
)

// The first page and the market's say what waits for the reader, and only what they may do; the market's also why vendors are missing, who
// can clear it, and how far the target is.
func TestNeeds(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	st, err := m.reg.Stall(t.Context(), m.actor("an"), "VT", "A-01")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.reg.RecordRequest(t.Context(), m.actor("thu"), "VT", st.Vendor.ID, registry.NewRequest{Kind: "see", Came: "desk"}); err != nil {
		t.Fatal(err)
	}
	if _, err := fieldwork.New(m.db, m.reg).RecordVisit(t.Context(), m.actor("an"), "VT", "A-01", fieldwork.NewVisit{Outcome: "helped", Barrier: "fees"}); err != nil {
		t.Fatal(err)
	}
	due, share := m.reg.Today().Plus(30), 0.7
	if _, err := coverage.New(m.db, m.clock.now).SetTarget(t.Context(), registry.Console(), coverage.NewTarget{Indicator: coverage.Accepting, Market: "VT", Due: due, Share: &share, Document: "12/KH-UBND"}); err != nil {
		t.Fatal(err)
	}
	m.load("mai", "Mã quầy;Khu;Tên tiểu thương;Viettel Money\nC-01;Khu C;Kim Văn Sáu;0712345693\n")
	m.upload("thu", "/markets/VT/import", "file", "so-moi.csv", "Mã quầy;Khu;Tên tiểu thương;Điện thoại\nD-01;Khu D;Danh Thị Bé;0712345694\nD-02;Khu D;Kim Văn Bảy;07123\n")
	for _, path := range []string{"/", "/markets/VT"} {
		m.get("loan", path).is(http.StatusOK).sound().has("Việc cần anh chị", "Duyệt 4 tài khoản", "1 tiểu thương hỏi về dữ liệu của mình", "Báo đã nhận trong 2 ngày làm việc")
		m.get("thu", path).is(http.StatusOK).sound().has("Sửa 1 dòng trong sổ", "so-moi.csv").hasNot(" tài khoản</h3>", " tài khoản</h4>")
		m.get("mai", path).is(http.StatusOK).has("Duyệt 3 tài khoản") // not what she brought in herself
	}
	m.get("an", "/").is(http.StatusOK).hasNot("Sửa 1 dòng trong sổ", "Duyệt")
	m.get("loan", "/?q=vi").is(http.StatusOK).hasNot("Việc cần anh chị") // who searches wants what they look for
	m.get("loan", "/markets/VT").has("Vì sao chưa nhận", "Phí", "Ví, ngân hàng hoặc nhà mạng", "Chưa ai hỏi", "Chỉ tiêu đến hết", "70,0 %", `<rect class="goal" x="70.0%"`)
}
