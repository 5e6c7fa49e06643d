package web_test

import (
	"strings"
	"testing"

	registry "cho40/vendor_registry"
)

// A market through the API: all of its fields, changes with If-Match, where it was, and the figures of both maps.
func TestMarketsInFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`INSERT INTO areas (code, name, name_fold, kind, level, parent, valid_from, valid_to) VALUES
		('93', 'Tỉnh Hậu Giang', 'tinh hau giang', 'tinh', 1, NULL, '2004-01-01', '2025-07-01'),
		('930', 'Thành phố Vị Thanh', 'thanh pho vi thanh', 'thanh_pho', 3, '93', '2004-01-01', '2025-07-01')`)
	w.exec(`INSERT INTO areas (code, name, name_fold, kind, level, parent, district, valid_from, valid_to) VALUES
		('31318', 'Phường I', 'phuong i', 'phuong', 2, '93', '930', '2004-01-01', '2025-07-01')`)
	w.exec(`INSERT INTO area_successions VALUES ('93', '92', '2025-07-01'), ('930', '31321', '2025-07-01'), ('31318', '31321', '2025-07-01')`)
	const ph = "/api/v1/markets/PH"
	w.walk(t, []step{
		{name: "open one in full", as: "officer", do: "POST /api/v1/markets", body: `{"code":"PH","name":"Chợ phiên","area":"31321","class":2,"kind":"fair","weekdays":["sun","thu"],"lunar_days":[15,1],
			"planned_stalls":120,"program":true,"program_since":"2026-01-15","program_sponsor":"Viettel","signal":"weak","contact_name":"Ông Sáu","contact_phone":"0293 000 0041",
			"former_areas":[{"area":"31318","until":"2025-07-01"}]}`, status: 201, keep: map[string]string{"v": "=ETag"},
			want: []string{`"weekdays":["thu","sun"]`, `"lunar_days":[1,15]`, `"next_market_days":["2026-11-22","2026-11-23","2026-11-26"]`, `"former_areas":[{"area":"31318","until":"2025-07-01"}]`}},
		{name: "a site", as: "officer", do: "POST /api/v1/markets", body: `{"code":"MC","name":"Một cửa","area":"31321","site":"desk"}`, status: 201, want: []string{`"site":"desk"`}},
		{name: "where nothing is any more", as: "admin", do: "POST /api/v1/markets", body: `{"code":"X","name":"Chợ","area":"930"}`, status: 409, want: []string{"area-ended", "Phường Vị Thanh (31321)"}},
		{name: "a day of no week", as: "officer", do: "POST /api/v1/markets", body: `{"code":"X","name":"Chợ","kind":"fair","weekdays":["t8"]}`, status: 422, want: []string{"weekday-unknown"}},
		{name: "a field of nobody", as: "officer", do: "PATCH " + ph, body: `{"demo":true}`, header: []string{"If-Match", "$v"}, status: 422, want: []string{"unknown-field"}},
		{name: "no version", as: "officer", do: "PATCH " + ph, body: `{"class":1}`, status: 428},
		{name: "a change", as: "officer", do: "PATCH " + ph, body: `{"class":null,"kind":"daily","signal":"good"}`, header: []string{"If-Match", "$v"}, status: 200, want: []string{`"kind":"daily"`, `"signal":"good"`, `"program":true`}},
		{name: "an old version", as: "officer", do: "PATCH " + ph, body: `{"class":1}`, header: []string{"If-Match", "$v"}, status: 412},
		{name: "found by the old province", as: "officer", do: "GET /api/v1/markets?q=hau+giang", status: 200, want: []string{`"code":"PH"`, `"province_name":"Thành phố Cần Thơ"`}},
		{name: "as it was then", as: "officer", do: "GET /api/v1/coverage?area=93&as_of=2025-06-30", status: 200, want: []string{`"map":"then"`, `"area_name":"Tỉnh Hậu Giang"`}},
		{name: "on today's map", as: "officer", do: "GET /api/v1/coverage?area=93&map=today&by=market", status: 200, want: []string{`"map":"today","areas":["92"]`, `"key":"PH"`, `"key":"NEAR"`}},
		{name: "another map", as: "officer", do: "GET /api/v1/coverage?area=93&map=old", status: 422, want: []string{"map-unknown"}},
		{name: "no share of a desk", as: "officer", do: "GET /api/v1/coverage?market=MC", status: 422, want: []string{"site-no-market"}},
		{name: "units that are no more", as: "clerk", do: "GET /api/v1/areas?q=vi+thanh,+hau+giang", status: 200, want: []string{`"code":"930"`, `"level":3`, `"valid_to":"2025-07-01"`, `"successors":[{"code":"31321","name":"Phường Vị Thanh"}]`}},
		{name: "too many units", as: "clerk", do: "GET /api/v1/areas?q=x&limit=201", status: 422},
	})
}

// Sections and stalls are put in order with If-Match: who comes second is told, and the order is one of the two.
func TestSectionsThroughTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, code := range []string{"A-1", "A-2", "B-1"} {
		if _, err := w.reg.Register(t.Context(), registry.Console(), "NEAR", registry.NewStall{Code: code, Section: "Khu " + code[:1]}); err != nil {
			t.Fatal(err)
		}
	}
	const at = near + "/sections"
	w.take(t, step{as: "clerk", do: "GET " + at, status: 200, keep: map[string]string{"v": "=ETag"}, want: []string{`{"name":"Khu A","stalls":["A-1","A-2"]},{"name":"Khu B","stalls":["B-1"]}`}})
	w.take(t, step{as: "volunteer", do: "PUT " + at, body: `{"sections":[{"name":"Khu B","to":"Khu Cá"},{"name":"Khu A","stalls":["A-2","A-1"]}]}`, header: []string{"If-Match", "$v"}, status: 200,
		keep: map[string]string{"v2": "=ETag"}, want: []string{`{"name":"Khu Cá","stalls":["B-1"]},{"name":"Khu A","stalls":["A-2","A-1"]}`}})
	w.take(t, step{as: "clerk", do: "PATCH " + at, body: `{"move":{"section":"Khu A","before":"Khu Cá"}}`, header: []string{"If-Match", "$v"}, status: 412})
	w.take(t, step{as: "clerk", do: "PATCH " + at, body: `{"move":{"stall":"A-1","before":"A-2"}}`, header: []string{"If-Match", "$v2"}, status: 200, keep: map[string]string{"v3": "=ETag"}})
	w.take(t, step{as: "clerk", do: "PATCH " + at, body: `{"move":{"stall":"A-1","before":"B-1"}}`, header: []string{"If-Match", "$v3"}, status: 422, want: []string{`"pointer":"#/move/stall"`}})
	w.take(t, step{as: "clerk", do: "PUT " + at, body: `{"sections":[]}`, header: []string{"If-Match", "$v3"}, status: 422})
	a := w.take(t, step{as: "clerk", do: "GET " + near + "/stalls", status: 200})
	if got := a.at(t, "items.0.code") + " " + a.at(t, "items.1.code") + " " + a.at(t, "items.2.code"); got != "B-1 A-1 A-2" {
		t.Errorf("the list is %s", got)
	}
	if !strings.Contains(string(a.body), "Khu Cá") {
		t.Error("the section's new name is not in the list")
	}
}
