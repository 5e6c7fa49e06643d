package web

import (
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"

	"github.com/labstack/echo/v4"
)

// Who may see the country sees each province as a tile and as a row, and goes down to communes and markets; others see what is theirs.
func TestPlaces(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	if err := m.reg.LoadAreas(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range provinces { // and there are no others
		var name string
		if err := m.db.QueryRow(t.Context(), `SELECT name FROM areas WHERE code = $1 AND level = 1 AND valid_to IS NULL`, p.code).Scan(&name); err != nil || !strings.HasSuffix(name, strings.TrimPrefix(p.name, "TP. ")) {
			t.Errorf("%s is %q, not %s: %v", p.code, name, p.name, err)
		}
	}
	var all int
	if err := m.db.QueryRow(t.Context(), `SELECT count(*) FROM areas WHERE level = 1 AND valid_to IS NULL`).Scan(&all); err != nil || all != len(provinces) {
		t.Errorf("%d provinces, %v", all, err)
	}
	vt, err := m.reg.Market(t.Context(), registry.Console(), "VT")
	if err != nil {
		t.Fatal(err)
	}
	area := "31321"
	if _, err := m.reg.EditMarket(t.Context(), registry.Console(), "VT", vt.ETag(), registry.ChangedMarket{Area: &area}); err != nil {
		t.Fatal(err)
	}
	m.approveAll()
	_, serials := m.printAll(false)
	m.clock.pass((changeOver + 1) * 24 * time.Hour)
	clear(m.in) // nobody stays signed in for so long
	if _, err := m.reg.RecordPlacard(t.Context(), m.actor("loan"), serials["A-01"], registry.NewPlacardEvent{Kind: "installed", Consent: &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}}); err != nil {
		t.Fatal(err)
	}
	province := m.get("canbo", "/coverage").is(http.StatusOK).sound().has("34 tỉnh, thành phố", "Cà Mau", "chưa có số", `<li class="p2"><a href="/coverage?area=92">Cần Thơ</a><b>25,0 %</b>`, "Theo tỉnh, thành phố", ">&#43;25,0<")
	if n := strings.Count(province.body, `<a href="/coverage?area=`); n != 2 {
		t.Errorf("%d ways down, want the tile and the row of one province", n)
	}
	m.get("canbo", "/coverage?area=92").is(http.StatusOK).sound().has(`aria-current="true"`, "Theo xã, phường", `href="/coverage?area=31321"`, "1 / 4", ">&#43;25,0<",
		"Từ ghi sổ đến kiểm tra", `<b class="num">4</b>`, "Vì sao chưa nhận", "Chưa ai hỏi", `<b class="num">3</b>`)
	m.get("canbo", "/coverage?area=31321").is(http.StatusOK).sound().has("Theo chợ", `href="/coverage?market=VT"`, "Chợ Vị Thanh")
	for _, order := range []string{"share", "vendors", "change"} {
		m.get("canbo", "/coverage?area=92&sort="+order).is(http.StatusOK).sound().has(`aria-sort="descending"`, `?area=92&amp;sort=`, "Xếp theo:")
	}
	m.get("canbo", "/coverage?area=92&sort=zz").is(http.StatusOK).sound().hasNot(`aria-sort`)
	m.get("canbo", "/").has(`href="/coverage"`)
	m.get("doitac", "/coverage").is(http.StatusOK).sound().hasNot("1 / 4")
	m.get("loan", "/coverage").is(http.StatusForbidden)
	m.get("loan", "/").hasNot(`href="/coverage"`)
}

// The five steps of a tile, at their edges.
func TestFifth(t *testing.T) {
	for share, want := range map[float64]string{0: "p1", 0.199: "p1", 0.2: "p2", 0.399: "p2", 0.4: "p3", 0.599: "p3", 0.6: "p4", 0.799: "p4", 0.8: "p5", 1: "p5"} {
		if got := fifth(share); got != want {
			t.Errorf("%v is %s, want %s", share, got, want)
		}
	}
}

// The places below, and the markets of a reconciliation, come in the order that is asked for, those without a figure last.
func TestOrders(t *testing.T) {
	a, b, none := partShown{Name: "a", Whole: 9, reached: 0.2, moved: 3}, partShown{Name: "b", Whole: 4, reached: 0.7, moved: -1}, partShown{Name: "none", reached: -1, moved: math.Inf(-1)}
	for by, want := range map[string]string{"": "none a b", "share": "b a none", "vendors": "a b none", "change": "a b none", "other": "none a b"} {
		if got := inOrderOf(by, partOrders, []partShown{none, a, b}, func(p partShown) string { return p.Name }); got != want {
			t.Errorf("places by %q: %s, want %s", by, got, want)
		}
	}
	more, less, few := int64(12), int64(-40), int64(3)
	points := []coverage.MarketPoint{{Name: "unsaid", Counted: 5}, {Name: "fits", Reported: &few, Difference: &few, Counted: 0}, {Name: "less", Reported: &more, Difference: &less, Counted: 52}}
	for by, want := range map[string]string{"": "unsaid fits less", "reported": "less fits unsaid", "counted": "less unsaid fits", "difference": "less fits unsaid"} {
		if got := inOrderOf(by, pointOrders, points, func(p coverage.MarketPoint) string { return p.Name }); got != want {
			t.Errorf("points by %q: %s, want %s", by, got, want)
		}
	}
}

func inOrderOf[T any](by string, orders []order[T], rows []T, name func(T) string) string {
	rows = slices.Clone(rows)
	sorted(echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/coverage?sort="+by, nil), httptest.NewRecorder()), "parts", orders, rows)
	var names []string
	for _, r := range rows {
		names = append(names, name(r))
	}
	return strings.Join(names, " ")
}
