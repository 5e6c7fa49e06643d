package web_test

import "testing"

// What changes at a stall, over the API: each answer in the words of the document, the reader's language in what is told.
func TestStallChangesOverTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	english := []string{"Accept-Language", "en"}
	w.walk(t, []step{
		{name: "a stall", as: "clerk", do: "POST " + near + "/stalls", body: stallJSON("A-1", "Khu A", "Lý Minh Tâm", "0712345678"), status: 201,
			keep: map[string]string{"first": "vendor.id"}, want: []string{`"category":{"code":"vegetables"`, `"mcc":"5499"`, `"status":"trading","trades_today":true,"season":null,"status_from":null`, `!"warnings"`}},
		{name: "what a second one would warn of", as: "clerk", do: "POST " + near + "/stalls?check=true", body: stallJSON("A-01", "Khu A", "Ly Minh Tam", "0712345678"), status: 200,
			want: []string{`"code":"similar-stall"`, `"code":"same-phone","pointer":"#/vendor/phone","market":"NEAR","stall":"A-1","vendor":"$first"`, "Lý Minh Tâm (A-1) đã có số điện thoại này", `"code":"same-name"`, `"code":"same-account"`}},
		{name: "nothing was stored", as: "clerk", do: "GET " + near + "/stalls/A-01", status: 404},
		{name: "a check that is no check", as: "clerk", do: "POST " + near + "/stalls?check=perhaps", body: `{"code":"A-9"}`, status: 422},
		{name: "nobody outside is told", as: "clerk far", do: "POST " + far + "/stalls?check=true", body: stallJSON("X-1", "Khu A", "Lý Minh Tâm", "0712345678"), status: 200, want: []string{`"warnings":[]`}},
		{name: "stored all the same, with the warnings", as: "clerk", do: "POST " + near + "/stalls", body: stallJSON("B-1", "Khu B", "Lý Minh Tâm", "0712345678"), header: english, status: 201,
			keep: map[string]string{"second": "vendor.id"}, want: []string{`"warnings":[{"code":"same-account"`, "has this phone number already. If it is the same person"}},
		{name: "closed", as: "volunteer", do: "POST " + near + "/stalls/A-1/status", body: `{"status":"closed","reason":"illness"}`, status: 200, want: []string{`"status":"closed","trades_today":false`, `"status_from":"2026-11-22","status_reason":"illness"`}},
		{name: "which does not count", as: "clerk", do: "GET /api/v1/coverage?market=NEAR", status: 200, want: []string{`"vendors":1,`}},
		{name: "closed stalls", as: "clerk", do: "GET " + near + "/stalls?status=closed", status: 200, want: []string{`"code":"A-1"`, `!"code":"B-1"`}},
		{name: "a status nobody knows", as: "clerk", do: "GET " + near + "/stalls?status=asleep", status: 422},
		{name: "tomorrow", as: "clerk", do: "POST " + near + "/stalls/A-1/status", body: `{"status":"trading","reason":"x","from":"2026-11-23"}`, status: 422, want: []string{`"pointer":"#/from","code":"future"`}},
		{name: "a field nobody knows", as: "clerk", do: "POST " + near + "/stalls/A-1/transfer", body: `{"vendor":{"nme":"Lan"},"reason":"x"}`, status: 422, want: []string{"unknown-field", "#/vendor/nme"}},
		{name: "the same vendor twice", as: "clerk", do: "POST " + near + "/vendors/$second/merge", body: `{"into":"$first","reason":"entered_wrongly"}`, status: 200, want: []string{`"id":"$first"`, `"merged":["$second"]`}},
		{name: "the other id works", as: "clerk", do: "GET " + near + "/vendors/$second", status: 200, keep: map[string]string{"tag": "=ETag"}, want: []string{`"id":"$first"`, `"stall":"A-1"`, `"stall":"B-1"`}},
		{name: "no version", as: "clerk", do: "PATCH " + near + "/vendors/$first", body: `{"kind":"grower"}`, status: 428},
		{name: "corrected", as: "clerk", do: "PATCH " + near + "/vendors/$second", body: `{"kind":"grower","sim_registered":"no"}`, header: []string{"If-Match", "$tag"}, status: 200, want: []string{`"kind":"grower","sim_registered":"no"`}},
		{name: "somebody saved first", as: "clerk", do: "PATCH " + near + "/vendors/$first", body: `{"kind":"other"}`, header: []string{"If-Match", "$tag"}, status: 412},
		{name: "handed over", as: "clerk", do: "POST " + near + "/stalls/A-1/transfer", body: `{"vendor":{"name":"Hồ Thúy Hòa"},"reason":"Về quê"}`, header: []string{"Idempotency-Key", "hand-over-1"}, status: 200,
			keep: map[string]string{"third": "vendor.id", "newtag": "=ETag"}, want: []string{`"name":"Hồ Thúy Hòa"`, `"accounts":[]`}},
		{name: "sent again, it is done once", as: "clerk", do: "POST " + near + "/stalls/A-1/transfer", body: `{"vendor":{"name":"Hồ Thúy Hòa"},"reason":"Về quê"}`, header: []string{"Idempotency-Key", "hand-over-1"}, status: 200, want: []string{`"id":"$third"`}},
		{name: "gives it up", as: "clerk", do: "POST " + near + "/stalls/A-1/closure", body: `{"reason":"left_trade"}`, status: 200, want: []string{`"status":"vacant"`, `"vendor":null`}},
		{name: "and moves there", as: "clerk", do: "POST " + near + "/stalls/B-1/move", body: `{"to":"A-1","reason":"better_place"}`, status: 200, want: []string{`"code":"A-1"`, `"id":"$first"`}},
		{name: "the stall's story", as: "clerk", do: "GET " + near + "/stalls/A-1/timeline", status: 200,
			want: []string{`"kind":"transferred"`, "Sang quầy: Lý Minh Tâm → Hồ Thúy Hòa, từ 22/11/2026 · Person clerk · Về quê", "Tạm nghỉ: Lý Minh Tâm, từ 22/11/2026 · Person volunteer · Đau ốm", "Gộp hai hồ sơ"}},
		{name: "in English", as: "clerk", do: "GET " + near + "/vendors/$second/timeline", header: english, status: 200,
			want: []string{"Moved to another stall: Lý Minh Tâm, B-1 → A-1, from 2026-11-22 · Person clerk · A better place", "Vendor corrected: kind of vendor, whose SIM it is", "Two records made one"}},
		{name: "page by page", as: "clerk", do: "GET " + near + "/vendors/$second/timeline?limit=2", status: 200, keep: map[string]string{"next": "next_cursor"}},
		{name: "the next page", as: "clerk", do: "GET " + near + "/vendors/$second/timeline?limit=2&cursor=$next", status: 200},
		{name: "an auditor reads no name", as: "auditor", do: "GET " + near + "/vendors/$first/timeline", status: 200, want: []string{"!Lý Minh Tâm", "L• M••• T••"}},
		{name: "goods and their codes", as: "clerk", do: "GET /api/v1/goods-categories", status: 200, want: []string{`"code":"meat","name":"Thịt","mcc":"5422","by_hand":false,"name_en":"Meat"`}},
		{name: "no vendor", as: "clerk", do: "GET " + near + "/vendors/nobody", status: 404, want: []string{"vendor-not-found"}},
	})
	if n := w.count(`SELECT count(*) FROM vendors WHERE name = 'Hồ Thúy Hòa'`); n != 1 {
		t.Errorf("%d vendors came of one transfer", n)
	}
}
