package web_test

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	registry "cho40/vendor_registry"

	"github.com/chromedp/chromedp"
)

// A month of a team: on its page, on paper and as a workbook; signed it is the same paper for good.
func TestMonthsInABrowser(t *testing.T) {
	t.Parallel()
	w := stalled(t)
	w.walk(t, []step{
		{name: "a team", as: "manager", do: "POST /api/v1/teams", body: `{"code":"T7","name":"Tổ Ấp 7","level":"hamlet","hamlet":"Ấp 7","area":"31321","market":"NEAR"}`, status: 201},
		{name: "a volunteer signs in", as: "volunteer", do: "GET /api/v1/session", status: 200},
		{name: "a leader signs in", as: "leader", do: "GET /api/v1/session", status: 200},
		{name: "who leads", as: "manager", do: "POST /api/v1/teams/T7/members", body: `{"name":"Trần Văn Năm","position":"leader","from":"2026-10-05","person":"Person leader"}`, status: 201},
		{name: "a member", as: "manager", do: "POST /api/v1/teams/T7/members", body: `{"name":"Nguyễn Thị Sáu","from":"2026-11-10","person":"Person volunteer"}`, status: 201, keep: map[string]string{"six": "id"}},
		{name: "a visit that nothing shows", as: "volunteer", do: "POST " + near + "/stalls/A-12/visits", body: `{"outcome":"absent"}`, status: 201},
	})
	const month = "GET /api/v1/teams/T7/statements"
	says := func(pdf []byte, words ...string) {
		t.Helper()
		said, err := pdfText(pdf)
		if err != nil {
			t.Fatalf("pdftotext is needed (Debian: apt-get install poppler-utils): %v", err)
		}
		squeezed := func(s string) string { return strings.Join(strings.Fields(s), "") }
		for _, word := range words {
			bare, not := strings.CutPrefix(word, "!")
			if not == strings.Contains(squeezed(said), squeezed(bare)) {
				t.Errorf("%q on the paper: wanted %v:\n%s", bare, !not, said)
			}
		}
	}
	get := func(as, do string) []byte {
		t.Helper()
		return w.take(t, step{as: as, do: do, status: 200}).body
	}
	team := get("leader", month+".pdf?month=2026-11")
	says(team, "Bảng kê công tác tháng", "Tháng 11/2026", "Tổ Ấp 7", "Mã tổ T7", "01/11/2026 – 30/11/2026", "TẠM TÍNH đến hết ngày 22/11/2026", "Nguyễn Thị Sáu", "Trần Văn Năm", "10/11/2026 – 30/11/2026",
		"Chưa ký", "Mỗi quầy mỗi ngày chỉ tính một lượt ghé", "Thành viên ký", "Tổ trưởng", "Đơn vị chi phụ cấp", "Cộng")
	says(get("leader", month+".pdf?month=2026-11&member=$six&lang=en"), "Month 11/2026", "Nguyễn Thị Sáu", "!Trần Văn Năm", "Not signed yet", "!Chưa ký")
	says(get("volunteer", month+".pdf?month=2026-11"), "Nguyễn Thị Sáu", "!Trần Văn Năm")
	for _, tt := range []step{
		{name: "no month", as: "leader", do: month + ".pdf?month=11/2026", status: 422, want: []string{"statement-invalid"}},
		{name: "somebody who is not in the team", as: "leader", do: month + ".pdf?month=2026-11&member=01a2b3c4-d5e6-7f80-9123-456789abcdef", status: 404, want: []string{"member-not-found"}},
		{name: "no id", as: "leader", do: month + ".pdf?month=2026-11&member=six", status: 404},
		{name: "a month in which they were not", as: "leader", do: month + ".pdf?month=2026-10&member=$six", status: 404},
		{name: "out of scope", as: "manager far", do: month + ".pdf?month=2026-11", status: 404, want: []string{"team-not-found"}},
		{name: "the page before the month is over", as: "leader", do: "GET /teams/T7/months?month=2026-11", status: 200, want: []string{"Tháng 11/2026", "Nguyễn Thị Sáu", "TẠM TÍNH", "Chưa ký", "!action=\"/teams/T7/sign\"", "!Tháng sau"}},
		{name: "the month that is over", as: "leader", do: "GET /teams/T7/months", status: 200, want: []string{"Tháng 10/2026", "Tháng sau", "!Nguyễn Thị Sáu"}},
		{name: "signed too soon", as: "leader", do: "POST /teams/T7/sign", body: raw{form, "member=$six&month=2026-11"}, status: 409, want: []string{"Tháng này chưa hết"}},
		{name: "a member's page is their own", as: "volunteer", do: "GET /teams/T7/months?month=2026-11", status: 200, want: []string{"Nguyễn Thị Sáu", "!Trần Văn Năm"}},
		{name: "no month on the page", as: "leader", do: "GET /teams/T7/months?month=x", status: 422},
	} {
		t.Run(tt.name, func(t *testing.T) { w.take(t, tt) })
	}

	w.clock.pass(12 * 24 * time.Hour) // 4 December
	says(get("leader in december", month+".pdf?month=2026-11"), "Đã ký 0/2 bảng tháng", "!TẠM TÍNH")
	w.take(t, step{as: "leader in december", do: "GET /teams/T7/months", status: 200, want: []string{"Tháng 11/2026", `action="/teams/T7/sign"`}})
	w.take(t, step{as: "volunteer in december", do: "POST /teams/T7/sign", body: raw{form, "member=$six&month=2026-11"}, status: 403})
	w.take(t, step{as: "leader in december", do: "POST /teams/T7/sign", body: raw{form, "member=$six&month=2026-11"}, status: 303})
	w.take(t, step{as: "leader in december", do: "GET /teams/T7/months?month=2026-11", status: 200, want: []string{"Đã ký ngày 04/12/2026: Person leader in december"}})
	says(get("leader in december", month+".pdf?month=2026-11"), "Đã ký 1/2 bảng tháng", "Đã ký ngày 04/12/2026")
	alone := get("leader in december", month+".pdf?month=2026-11&member=$six")
	says(alone, "Tổ Ấp 7 · Ấp 7, Phường Vị Thanh", "Nguyễn Thị Sáu", "Đã ký ngày 04/12/2026: Person leader in december", "!Chưa ký", "!TẠM TÍNH")
	// What comes in later, and what becomes a count with age, does not change what is signed.
	w.exec(`INSERT INTO visits (market_id, id, stall_id, vendor_id, outcome, by, at, recorded_by, recorded_at, team_code)
		SELECT market_id, '01a2b3c4-d5e6-7f80-9123-000000000099', stall_id, vendor_id, 'absent', by, at + interval '1 day', recorded_by, recorded_at, team_code FROM visits`)
	w.clock.pass(30 * 24 * time.Hour)
	if again := get("leader in january", month+".pdf?month=2026-11&member=$six"); !bytes.Equal(again, alone) {
		t.Error("a month that is signed is another paper a month later")
	}
	if dir := os.Getenv("CHO40_SCREENSHOTS"); dir != "" {
		for name, pdf := range map[string][]byte{"month-team": team, "month-member": alone} {
			if err := os.WriteFile(filepath.Join(dir, name+".pdf"), pdf, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}

	g, err := registry.ParseGrant("leader", "team:T7")
	if err == nil {
		_, _, err = w.auth.AddPerson(t.Context(), registry.Console(), "nam", []registry.Grant{g}, "sáng sớm chợ họp bên sông")
	}
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.h)
	defer server.Close()
	b := browse(t, server.URL, 320, 740)
	b.signIn("nam", "sáng sớm chợ họp bên sông")
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"phone", 320, 740}, {"desktop", 1440, 900}} {
		b.do("resize", chromedp.EmulateViewport(size.width, size.height))
		b.goes("/teams/T7/months?month=2026-11")
		if wide := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
			t.Errorf("the months at %d: %d wider than the screen", size.width, wide)
		}
		b.keep("months-" + size.name)
	}
}
