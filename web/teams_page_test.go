package web_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	registry "cho40/vendor_registry"
	"cho40/vendor_registry/fieldwork"
)

// The pages of teams and of incidents, as a leader and a board use them; and how they look.
func TestTeamPagesInABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	field := fieldwork.New(w.db, w.reg)
	page := func(as, do string, body string, status int, want ...string) *answer {
		t.Helper()
		s := step{as: as, do: do, status: status, want: want}
		if body != "" {
			s.body = raw{form, body}
		}
		return w.take(t, s)
	}
	page("manager", "GET /teams", "", 200, "Chưa có tổ nào")
	page("manager", "POST /teams", "name=Tổ+Ấp+7&code=t-ap7&level=hamlet&area=31321&market=NEAR", 422, "Cần điền", `value="Tổ Ấp 7"`)
	page("manager", "POST /teams", "name=Tổ+Ấp+7&code=t-ap7&level=hamlet&hamlet=Ấp+7&area=31321&market=NONE", 422)
	page("manager", "POST /teams", "name=Tổ+Ấp+7&code=t-ap7&level=hamlet&hamlet=Ấp+7&area=31321&market=near&link=https://zalo.me/g/abcdef123", 303)
	page("manager", "GET /teams", "", 200, "Tổ Ấp 7", "Ấp 7, Phường Vị Thanh", "Chợ Vị Thanh")
	page("manager", "POST /teams/T-AP7/members", "name=Nguyễn+Thị+Sáu&phone=12&position=leader", 422, "10 chữ số")
	page("manager", "POST /teams/T-AP7/members", "name=Nguyễn+Thị+Sáu&phone=0712345678&position=leader&belongs=youth_union", 303)
	a := page("manager", "GET /teams/T-AP7", "", 200, "Nguyễn Thị Sáu", "07•• ••• 678", "Tổ trưởng", "Đoàn Thanh niên", "Chưa tập huấn", "Cử tổ đến một chợ", "!0712345678")
	member, version := between(a, `name="member" value="`, `"`), between(a, `name="version" value="`, `"`)
	page("leader", "GET /teams/T-AP7", "", 200, "Thêm thành viên", "!Cử tổ đến một chợ", "!Thôi đến đây")
	page("clerk", "GET /teams/T-AP7", "", 200, "Nguyễn Thị Sáu", "!Thêm thành viên", "!Rời tổ hôm nay")
	page("manager", "POST /teams/T-AP7/trainings", "topic=Quét+mã&on=2026-11-20&"+member+"=1", 303)
	page("manager", "POST /teams/T-AP7/markets", "market=near&sections=Khu+lạ", 422, "Khu lạ")
	page("manager", "POST /teams/T-AP7/unknown", "x=1", 404)
	w.take(t, step{as: "manager", do: "POST /teams/T-AP7/roster", body: upload{"to.csv", []byte("Họ tên;SĐT\nPhan Văn Tám;0712345699\nLê Thị Chín;12\n")}, status: 200, want: []string{"Đã thêm 1 người", "Dòng 3"}})
	page("manager", "GET /teams/T-AP7", "", 200, "Phan Văn Tám", "Quét mã", "1 người dự", "Đã đọc 0 trong 5 thẻ")
	page("manager", "POST /teams/T-AP7/leave", "member="+member+"&version="+strings.ReplaceAll(version, "&#34;", "%22"), 303)
	page("manager", "GET /teams/T-AP7", "", 200, "1 người từng ở trong tổ", "Tổ chưa có tổ trưởng")

	for _, tt := range []step{
		{as: "officer", do: "PUT /api/v1/areas/31321/hamlets", body: `{"hamlets":["Ấp 7","Ấp 8"]}`, status: 200, want: []string{`"hamlets":2`, `"hamlets_with_team":1`, `"hamlet":"Ấp 8"`}},
		{as: "officer", do: "GET /teams", status: 200, want: []string{"Thành phố Cần Thơ", "1/2 ấp, khu phố đã có tổ", "0/1 xã, phường đã bắt đầu đi quầy", "Chưa có tổ: Ấp 8 (Phường Vị Thanh)."}},
		{as: "manager", do: "GET /teams", status: 200, want: []string{"!ấp, khu phố đã có tổ"}},
		{as: "officer", do: "POST /teams", body: raw{form, "name=Tổ+con&code=T-CON&level=commune&area=31321&parent=t-ap7"}, status: 303},
		{as: "officer", do: "POST /teams", body: raw{form, "name=Tổ+con&code=T-CON2&level=commune&area=31321&parent=none"}, status: 422},
		{as: "officer", do: "GET /teams/T-CON", status: 200, want: []string{"thuộc tổ T-AP7"}},
		{as: "officer", do: "GET /api/v1/team-coverage?area=92", status: 200, want: []string{`"communes":1`, `"communes_with_team":1`, `"communes_visited":0`}},
		{as: "auditor", do: "GET /api/v1/team-coverage?area=92", status: 200},
		{as: "auditor", do: "PUT /api/v1/areas/31321/hamlets", body: `{"hamlets":[]}`, status: 403},
		{as: "officer far", do: "PUT /api/v1/areas/31321/hamlets", body: `{"hamlets":[]}`, status: 404},
		{as: "officer far", do: "GET /api/v1/team-coverage?area=92", status: 404},
		{as: "manager", do: "GET /api/v1/team-coverage?area=92", status: 404},
		{as: "partner", do: "GET /api/v1/team-coverage?area=92", status: 403},
		{as: "admin", do: "GET /api/v1/team-coverage?area=92", status: 403},
	} {
		w.take(t, tt)
	}

	s := &scene{world: w}
	s.prepare(t, "incident")
	other := `{"id":"01a2b3c4-d5e6-7f80-9123-000000000001","outcome":"`
	w.take(t, step{as: "volunteer", do: "POST " + near + "/stalls/$stall/visits", body: other + `done"}`, status: 201})
	w.take(t, step{as: "volunteer", do: "POST " + near + "/stalls/$stall/visits", body: other + `refused"}`, status: 409})
	page("leader", "GET /markets/NEAR", "", 200, "Phát hiện mã khác ở 1 quầy", "1 bản ghi được gửi đến hai bản khác nhau")
	a = page("leader", "GET /markets/NEAR/incidents", "", 200, "không phải mã của chợ", "Một lượt ghé", "outcome: refused", "Đã gỡ mã khác")
	clash := between(a, `name="clash" value="`, `"`)
	page("volunteer", "GET /markets/NEAR/incidents", "", 200, "không phải mã của chợ", "!Một lượt ghé", "!Đã gỡ mã khác")

	if _, err := field.Team(t.Context(), registry.Console(), "T-AP7"); err != nil {
		t.Fatal(err)
	}
	g, err := registry.ParseGrant("leader", "team:T-AP7")
	if err == nil {
		_, _, err = w.auth.AddPerson(t.Context(), registry.Console(), "sau", []registry.Grant{g}, "sáng sớm chợ họp bên sông")
	}
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.h)
	defer server.Close()
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"phone", 320, 740}, {"desktop", 1440, 900}} {
		b := browse(t, server.URL, size.width, size.height)
		b.signIn("sau", "sáng sớm chợ họp bên sông")
		for what, path := range map[string]string{"teams": "/teams", "team": "/teams/T-AP7", "incidents": "/markets/NEAR/incidents", "market": "/markets/NEAR"} {
			b.goes(path)
			if wide := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
				t.Errorf("%s at %d: %d wider than the screen", path, size.width, wide)
			}
			b.keep("fieldwork-" + what + "-" + size.name)
		}
	}
	page("leader", "POST /markets/NEAR/incidents", "clash="+clash+"&note=Đã+hỏi", 303)
	page("leader", "POST /markets/NEAR/incidents", "incident=$incident&version="+strings.ReplaceAll(w.vars["etag"], `"`, "%22")+"&closing=mistake&note=", 422)
	page("leader", "POST /markets/NEAR/incidents", "incident=$incident&version="+strings.ReplaceAll(w.vars["etag"], `"`, "%22")+"&closing=mistake&note=Nhìn+nhầm", 303)
	page("leader", "GET /markets/NEAR/incidents", "", 200, "Không có sự việc mã khác nào đang mở", "Nhìn nhầm")
}

// between is what stands in a page between two texts, the first time.
func between(a *answer, from, to string) string {
	_, rest, _ := strings.Cut(string(a.body), from)
	found, _, _ := strings.Cut(rest, to)
	return found
}
