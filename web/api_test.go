package web_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cho40/internal/postgres/pgtest"
	"cho40/qrgen"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/labstack/echo/v4"
)

// The first stall is the one of the description of the API; the other people are invented, under numbers of no operator.
const (
	tamStall = `{"code":"A-12","section":"Rau củ","goods":"rau","vendor":{"name":"Lý Minh Tâm","phone":"0912345678"},
		"accounts":[{"provider":"viettel_money","number":"0912345678","holder":"LY MINH TAM"}],
		"consent":{"version":"vi-1","given":"face_to_face"}}`
	near = "/api/v1/markets/NEAR"
	far  = "/api/v1/markets/FAR"
)

var people = []string{"Lý Minh Tâm", "LY MINH TAM", "0912345678", "Nguyễn Thị Hạnh", "NGUYEN THI HANH", "0712345671", "Trần Văn Bê",
	"0712345672", "Đỗ Thị Lan", "0712345673", "0712345679"}

func stalled(t *testing.T) *world {
	w := newWorld(t)
	w.secret(people...)
	for _, s := range []string{tamStall, stallJSON("A-13", "Rau củ", "Nguyễn Thị Hạnh", "0712345671"),
		stallJSON("B-01", "Cá", "Trần Văn Bê", "0712345672"), `{"code":"B-02","section":"Cá"}`,
		`{"code":"B-03","section":"Cá","vendor":{"name":"Đỗ Thị Lan","phone":"0712345673"}}`} {
		w.take(t, step{as: "clerk", do: "POST " + near + "/stalls", body: s, status: 201})
	}
	return w
}

// approveAll lets the manager approve whatever waits near.
func (w *world) approveAll(t *testing.T, as string) {
	t.Helper()
	a := w.take(t, step{as: as, do: "GET " + near + "/accounts", status: 200})
	var list struct {
		Items []struct{ ID, ETag string }
	}
	a.json(t, &list)
	var ds []map[string]string
	for _, p := range list.Items {
		ds = append(ds, map[string]string{"id": p.ID, "etag": p.ETag, "decision": "approve"})
	}
	b, err := json.Marshal(ds)
	if err != nil {
		t.Fatal(err)
	}
	w.take(t, step{as: as, do: "POST " + near + "/decisions", body: string(b), status: 200, want: []string{"!problem"}})
}

func TestMarkets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.walk(t, []step{
		{name: "an administrator opens one", as: "admin", do: "POST /api/v1/markets", body: `{"code":"VT","name":"Chợ Vị  Thanh","area":"31321","planned_stalls":480}`,
			status: 201, want: []string{`"code":"VT"`, `"name":"Chợ Vị Thanh"`, `"province_name":"Thành phố Cần Thơ"`, `"planned_stalls":480`}, keep: map[string]string{"place": "=Location"}},
		{name: "it is where the answer says", as: "officer", do: "GET $place", status: 200, want: []string{`"area_name":"Phường Vị Thanh"`}},
		{name: "the same code twice", as: "admin", do: "POST /api/v1/markets", body: `{"code":"VT","name":"Chợ khác"}`, status: 409,
			want: []string{"/problems/market-exists", `"pointer":"#/code"`}},
		{name: "an officer opens one in the area", as: "officer", do: "POST /api/v1/markets", body: `{"code":"VT-2","name":"Chợ Hai","area":"31321"}`, status: 201},
		{name: "but not in another area", as: "officer", do: "POST /api/v1/markets", body: `{"code":"HP","name":"Chợ Sắt","area":"11300"}`, status: 403},
		{name: "an area that is none", as: "admin", do: "POST /api/v1/markets", body: `{"code":"X","name":"X","area":"00000"}`, status: 404, want: []string{"area-not-found"}},
		{name: "every wrong field is named", as: "admin", do: "POST /api/v1/markets", body: `{"code":"chợ","name":" ","planned_stalls":-1,"call":"gọi"}`, status: 422,
			want: []string{`"#/code"`, `"#/name"`, `"#/planned_stalls"`, `"#/call"`}},
		{name: "a list has the markets in scope", as: "clerk", do: "GET /api/v1/markets", status: 200, want: []string{"NEAR", "!FAR", "!VT", `"next_cursor":null`}},
		{name: "an administrator's has all", as: "admin", do: "GET /api/v1/markets", status: 200, want: []string{"NEAR", "FAR", "VT-2"}},
		{name: "words without accents", as: "admin", do: "GET /api/v1/markets?q=vi+thanh", status: 200, want: []string{"NEAR", `"VT"`, "!FAR"}},
		{name: "one page", as: "admin", do: "GET /api/v1/markets?limit=3", status: 200, want: []string{"FAR", `"VT"`, "!VT-2"}, keep: map[string]string{"next": "next_cursor"}},
		{name: "and the next", as: "admin", do: "GET /api/v1/markets?limit=3&cursor=$next", status: 200, want: []string{"VT-2", "!FAR", `"next_cursor":null`}},
		{name: "a limit over 200", as: "admin", do: "GET /api/v1/markets?limit=201", status: 422, want: []string{"limit-invalid"}},
		{name: "a limit that is no number", as: "admin", do: "GET /api/v1/markets?limit=many", status: 422, want: []string{"query-invalid"}},
		{name: "unknown market", as: "clerk", do: "GET /api/v1/markets/NONE", status: 404, want: []string{"market-not-found"}},
		{name: "a market out of scope", as: "clerk", do: "GET " + far, status: 404, want: []string{"market-not-found"}},
	})
}

func TestStalls(t *testing.T) {
	t.Parallel()
	w := stalled(t)
	list := "GET " + near + "/stalls"
	w.walk(t, []step{
		{name: "a registered one is masked and says what is missing", as: "volunteer", do: "GET " + near + "/stalls/A-12", status: 200,
			want: []string{`"09•• ••• 678"`, `"holder":"LY MINH TAM"`, `"holder_confirmed":true`, `"missing":["approval"]`, `"stage":"account"`, "!0912345678"},
			keep: map[string]string{"etag": "=ETag"}},
		{name: "another spelling of the code is the same stall", as: "clerk", do: "GET " + near + "/stalls/a%20-%2012", status: 200, want: []string{`"A-12"`}},
		{name: "so it cannot be there twice", as: "clerk", do: "POST " + near + "/stalls", body: `{"code":"a-12"}`, status: 409, want: []string{"stall-exists", `"#/code"`}},
		{name: "a vacant one", as: "clerk", do: "GET " + near + "/stalls/B-02", status: 200, want: []string{`"vendor":null`, `"stage":null`, `"missing":["vendor"]`}},
		{name: "a vendor without consent or account", as: "clerk", do: "GET " + near + "/stalls/B-03", status: 200, want: []string{`"missing":["consent","account"]`}},
		{name: "an auditor sees no names", as: "auditor", do: "GET " + near + "/stalls/A-12", status: 200, want: []string{"!Lý Minh Tâm", "!LY MINH TAM", "L•"}},
		{name: "nor in a list", as: "auditor", do: list, status: 200, want: []string{"!Lý Minh Tâm", "A-12"}},
		{name: "unknown stall", as: "clerk", do: "GET " + near + "/stalls/Z-99", status: 404, want: []string{"stall-not-found"}},

		{name: "search without accents", as: "clerk", do: list + "?q=ly+minh+tam", status: 200, want: []string{"A-12", "!A-13", "!B-0"}},
		{name: "search with accents", as: "clerk", do: list + "?q=H%E1%BA%A1nh", status: 200, want: []string{"A-13", "!A-12"}},
		{name: "search by code", as: "clerk", do: list + "?q=b-02", status: 200, want: []string{"B-02", "!A-12"}},
		{name: "search by the end of a phone", as: "clerk", do: list + "?q=345672", status: 200, want: []string{"B-01", "!A-12"}},
		{name: "a sign that a pattern would use finds nothing", as: "clerk", do: list + "?q=%25", status: 200, want: []string{`"next_cursor":null`}},
		{name: "by section", as: "clerk", do: list + "?section=Rau+c%E1%BB%A7", status: 200, want: []string{"A-12", "A-13", "!B-0"}},
		{name: "by stage", as: "clerk", do: list + "?stage=registered", status: 200, want: []string{"B-03", "!A-1", "!B-02"}},
		{name: "vacant ones", as: "clerk", do: list + "?status=vacant", status: 200, want: []string{"B-02", "!A-1", "!B-03"}},
		{name: "a stage that is none", as: "clerk", do: list + "?stage=rich", status: 422, want: []string{`"#/stage"`}},
		{name: "a status that is none", as: "clerk", do: list + "?status=rich", status: 422, want: []string{`"#/status"`}},
		{name: "one page", as: "clerk", do: list + "?limit=2", status: 200, want: []string{"A-12", "A-13", "!B-01"}, keep: map[string]string{"next": "next_cursor"}},
		{name: "the next", as: "clerk", do: list + "?limit=2&cursor=$next", status: 200, want: []string{"B-01", "B-02", "!A-1", "!B-03"}, keep: map[string]string{"next": "next_cursor"}},
		{name: "the last", as: "clerk", do: list + "?limit=2&cursor=$next", status: 200, want: []string{"B-03", "!B-02", `"next_cursor":null`}},
		{name: "a cursor that is none of ours", as: "clerk", do: list + "?cursor=abc", status: 422, want: []string{"cursor-invalid"}},

		{name: "a change says which version it saw", as: "clerk", do: "PATCH " + near + "/stalls/A-12", body: `{"section":"Trái cây"}`, status: 428, want: []string{"version-needed"}},
		{name: "a wrong version", as: "clerk", do: "PATCH " + near + "/stalls/A-12", body: `{"section":"Trái cây"}`, header: []string{"If-Match", `"0.1"`}, status: 412, want: []string{"stale"}},
		{name: "the right version", as: "clerk", do: "PATCH " + near + "/stalls/A-12", body: `{"section":"Trái cây","vendor":{"phone":"0712345679"}}`,
			header: []string{"If-Match", "$etag"}, status: 200, want: []string{"Trái cây", "07•• ••• 679", `"goods":"rau"`}, keep: map[string]string{"newer": "=ETag"}},
		{name: "is old by now", as: "manager", do: "PATCH " + near + "/stalls/A-12", body: `{"goods":"trái"}`, header: []string{"If-Match", "$etag"}, status: 412},
		{name: "a phone is taken away", as: "manager", do: "PATCH " + near + "/stalls/A-12", body: `{"vendor":{"phone":""}}`, header: []string{"If-Match", "$newer"}, status: 200, want: []string{`!"phone"`}},
		{name: "a field that nobody may write", as: "clerk", do: "PATCH " + near + "/stalls/A-12", body: `{"position":1}`, header: []string{"If-Match", "$newer"}, status: 422, want: []string{`"#/position"`}},
		{name: "the version of a vacant stall", as: "clerk", do: "GET " + near + "/stalls/B-02", status: 200, keep: map[string]string{"vacant": "=ETag"}},
		{name: "consent of nobody", as: "clerk", do: "POST " + near + "/stalls/B-02/consent", body: `{"version":"vi-1","given":"phone_call"}`, status: 409, want: []string{"stall-vacant"}},
		{name: "somebody takes a vacant stall", as: "clerk", do: "PATCH " + near + "/stalls/B-02", body: `{"vendor":{"name":"Lý Minh Tâm"}}`, header: []string{"If-Match", "$vacant"},
			status: 200, want: []string{`"trading"`, `"own_consent":false`}},
		{name: "and agrees", as: "volunteer", do: "POST " + near + "/stalls/B-02/consent", body: `{"version":"vi-1","given":"phone_call"}`, status: 201, want: []string{`"own_consent":true`}},
		{name: "silence is not consent", as: "volunteer", do: "POST " + near + "/stalls/B-02/consent", body: `{}`, status: 422, want: []string{`"#/version"`, `"#/given"`}},

		{name: "a code with a slash", as: "clerk", do: "POST " + near + "/stalls", body: `{"code":"K/1"}`, status: 201, keep: map[string]string{"place": "=Location"}},
		{name: "is found", as: "clerk", do: "GET $place", status: 200, want: []string{`"K/1"`}},
		{name: "a code with a percent sign", as: "clerk", do: "POST " + near + "/stalls", body: `{"code":"5%41"}`, status: 201, keep: map[string]string{"place": "=Location"}},
		{name: "is found too", as: "clerk", do: "GET $place", status: 200, want: []string{`"5%41"`}},
	})
}

func TestStallFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stall := func(rest string) string { return `{"code":"A-1",` + rest + `}` }
	consent := `"consent":{"version":"vi-1","given":"signed_form"}`
	account := func(fields string) string {
		return stall(`"vendor":{"name":"Lý Minh Tâm"},` + consent + `,"accounts":[{` + fields + `}]`)
	}
	for _, tt := range []struct {
		name, body string
		status     int
		want       []string
	}{
		{"no code", `{}`, 422, []string{`"#/code"`, "required"}},
		{"a vendor name of 10,000 characters", stall(`"vendor":{"name":"` + strings.Repeat("Lý", 5000) + `"}`), 422, []string{`"#/vendor/name"`, "too-long", "!LýLýLý"}},
		{"a vendor without a name", stall(`"vendor":{"phone":"0712345671"}`), 422, []string{`"#/vendor/name"`}},
		{"a phone that is none", stall(`"vendor":{"name":"Tâm","phone":"0112345671"}`), 422, []string{`"#/vendor/phone"`}},
		{"letters in a wallet's account", account(`"provider":"viettel_money","number":"09123abcde"`), 422, []string{`"#/accounts/0/number"`, "!09123abcde"}},
		{"unknown provider", account(`"provider":"ví lạ","number":"0712345671"`), 422, []string{`"#/accounts/0/provider"`, "unknown"}},
		{"no provider", account(`"number":"0712345671"`), 422, []string{`"#/accounts/0/provider"`, "required"}},
		{"a code that is none", account(`"payload":"https://example.com"`), 422, []string{`"#/accounts/0/payload"`, "not-a-payee-code"}},
		{"an account twice", stall(`"vendor":{"name":"Tâm"},` + consent + `,"accounts":[{"provider":"viettel_money","number":"0712345671"},{"provider":"971005","number":"0712345671"}]`),
			422, []string{`"#/accounts/1/number"`, "twice"}},
		{"an account without consent", stall(`"vendor":{"name":"Tâm"},"accounts":[{"provider":"viettel_money","number":"0712345671"}]`), 422, []string{`"#/consent"`}},
		{"an account of nobody", stall(consent + `,"accounts":[{"provider":"viettel_money","number":"0712345671"}]`), 422, []string{`"#/vendor"`}},
		{"a wording that nobody wrote", stall(`"vendor":{"name":"Tâm"},"consent":{"version":"fr-9","given":"face_to_face"}`), 422, []string{`"#/consent/version"`}},
		{"a character that turns the reading direction", stall(`"vendor":{"name":"Tâm\u202e"}`), 422, []string{`"#/vendor/name"`, "bad-character"}},
		{"an unknown field", stall(`"rich":true`), 422, []string{`"#/rich"`, "unknown-field"}},
		{"an unknown field inside another", stall(`"vendor":{"name":"Tâm","rich":true}`), 422, []string{`"#/vendor/rich"`, "unknown-field"}},
		{"an unknown field in a list", account(`"provider":"viettel_money","rich":true`), 422, []string{`"#/accounts/0/rich"`, "unknown-field"}},
		{"a number for a text", `{"code":12}`, 422, []string{`"#/code"`, "type"}},
		{"a text for a list", stall(`"accounts":"none"`), 422, []string{`"#/accounts"`, "type"}},
		{"NUL in a text", `{"code":"A\u0000"}`, 422, []string{"bad-character"}},
		{"not JSON", `code=A-1`, 400, []string{"json-malformed"}},
		{"half of it", `{"code":"A-1"`, 400, []string{"json-malformed"}},
		{"two values", `{"code":"A-1"}{}`, 400, []string{"json-malformed"}},
		{"nothing", ``, 400, []string{"json-malformed"}},
		{"nested 21 deep", strings.Repeat("[", 21) + strings.Repeat("]", 21), 400, []string{"json-too-deep"}},
		{"nested 20 deep", strings.Repeat("[", 20) + strings.Repeat("]", 20), 422, []string{"json-invalid"}},
		{"over 256 KiB", stall(`"goods":"` + strings.Repeat("x", 256<<10) + `"`), 413, []string{"body-too-large", "256 KiB"}},
		{"a list where an object is due", `[]`, 422, []string{"json-invalid"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.take(t, step{as: "clerk", do: "POST " + near + "/stalls", body: tt.body, header: []string{"Accept-Language", "en"}, status: tt.status, want: tt.want})
		})
	}
	t.Run("a wrong content type", func(t *testing.T) {
		w.take(t, step{as: "clerk", do: "POST " + near + "/stalls", body: raw{"text/plain", `{"code":"A-1"}`}, status: 415, want: []string{"content-type"}})
		w.take(t, step{as: "clerk", do: "POST " + near + "/stalls", body: raw{"application/x-www-form-urlencoded", `code=A-1`}, status: 415})
		w.take(t, step{as: "clerk", do: "POST " + near + "/stalls", body: raw{"", `{"code":"A-1"}`}, status: 415})
	})
	if n := w.count(`SELECT count(*) FROM stalls`); n != 0 {
		t.Errorf("%d stalls were stored", n)
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	w := stalled(t)
	scanned, err := qrgen.Static("970436", "0071000112233")
	if err != nil {
		t.Fatal(err)
	}
	fixed, err := qrgen.Encode(qrgen.Payment{Mode: "dynamic", Service: qrgen.ToAccount, BIN: "971005", Account: "0712345679", Amount: 20_000})
	if err != nil {
		t.Fatal(err)
	}
	w.secret("0071000112233", scanned)
	add := "POST " + near + "/stalls/A-12/accounts"
	decide := "POST /api/v1/accounts/$first/decision"
	w.walk(t, []step{
		{name: "what waits", as: "clerk", do: "GET " + near + "/accounts", status: 200, want: []string{`"stall":"A-12"`, `"mine":true`, "!0912345678"},
			keep: map[string]string{"first": "items.0.id", "etag": "items.0.etag", "second": "items.1.id", "second_etag": "items.1.etag"}},
		{name: "is not the manager's own", as: "manager", do: "GET " + near + "/accounts", status: 200, want: []string{`"mine":false`, `!"mine":true`}},
		{name: "one of them", as: "clerk", do: "GET /api/v1/accounts/$first", status: 200, want: []string{`"state":"proposed"`}},
		{name: "shows no code yet", as: "clerk", do: "GET /api/v1/accounts/$first/qr.png", status: 409, want: []string{"account-not-approved"}},
		{name: "a decision says which version it saw", as: "manager", do: decide, body: `{"decision":"approve"}`, status: 428},
		{name: "a wrong version", as: "manager", do: decide, body: `{"decision":"approve"}`, header: []string{"If-Match", `"0.0"`}, status: 412, want: []string{"stale"}},
		{name: "a clerk does not decide", as: "clerk", do: decide, body: `{"decision":"approve"}`, header: []string{"If-Match", "$etag"}, status: 403, want: []string{"not-allowed"}},
		{name: "a key never does", as: "manager key", do: decide, body: `{"decision":"approve"}`, header: []string{"If-Match", "$etag"}, status: 403, want: []string{"keys-never-approve"}},
		{name: "nor rejects", as: "manager key", do: decide, body: `{"decision":"reject","reason":"no"}`, header: []string{"If-Match", "$etag"}, status: 403, want: []string{"keys-never-approve"}},
		{name: "a word that is no decision", as: "manager", do: decide, body: `{"decision":"maybe"}`, header: []string{"If-Match", "$etag"}, status: 422, want: []string{`"#/decision"`}},
		{name: "approved", as: "manager", do: decide, body: `{"decision":"approve"}`, header: []string{"If-Match", "$etag"}, status: 200,
			want: []string{`"state":"approved"`, `"default":true`}, keep: map[string]string{"approved": "=ETag"}},
		{name: "the old version again", as: "manager", do: decide, body: `{"decision":"approve"}`, header: []string{"If-Match", "$etag"}, status: 412},
		{name: "decided once", as: "manager", do: decide, body: `{"decision":"approve"}`, header: []string{"If-Match", "$approved"}, status: 409, want: []string{"account-decided"}},
		{name: "a rejection has a reason", as: "leader", do: "POST /api/v1/accounts/$second/decision", body: `{"decision":"reject"}`, header: []string{"If-Match", "$second_etag"}, status: 422, want: []string{`"#/reason"`}},
		{name: "rejected", as: "leader", do: "POST /api/v1/accounts/$second/decision", body: `{"decision":"reject","reason":"sai số"}`, header: []string{"If-Match", "$second_etag"}, status: 200, want: []string{`"state":"rejected"`}},

		{name: "the code as text", as: "clerk", do: "GET /api/v1/accounts/$first/qr.txt", status: 200, want: []string{"000201", "9710050110", "0912345678"}},
		{name: "as a drawing", as: "clerk", do: "GET /api/v1/accounts/$first/qr.svg", status: 200, want: []string{"<svg"}},
		{name: "as pixels", as: "clerk", do: "GET /api/v1/accounts/$first/qr.png", status: 200, want: []string{"\x89PNG"}},
		{name: "as nothing else", as: "clerk", do: "GET /api/v1/accounts/$first/qr.gif", status: 404},
		{name: "for an officer not at all", as: "officer", do: "GET /api/v1/accounts/$first/qr.png", status: 403},

		{name: "a second account", as: "clerk", do: add, body: `{"provider":"vnpt_money","number":"0912345678"}`, status: 201,
			want: []string{`"source":"typed"`, `"holder_confirmed":false`, `"holder":"LY MINH TAM"`, "!replaces"}, keep: map[string]string{"vnpt": "id", "vnpt_etag": "=ETag", "place": "=Location"}},
		{name: "is where the answer says", as: "clerk", do: "GET $place", status: 200, want: []string{"VNPT Money"}},
		{name: "the same once more", as: "clerk", do: add, body: `{"provider":"vnpt_pay","number":"+84912345678"}`, status: 409, want: []string{"account-exists"}},
		{name: "a scanned code", as: "volunteer", do: add, body: `{"payload":"` + scanned + `"}`, status: 201, want: []string{`"source":"scanned"`, "•••• 2233", "!0071000112233"}},
		{name: "a code over a fixed amount", as: "volunteer", do: add, body: `{"payload":"` + fixed + `"}`, status: 422, want: []string{"amount-fixed", `"#/payload"`}},
		{name: "a code that pays somebody else than said", as: "volunteer", do: add, body: `{"payload":"` + scanned + `","number":"1"}`, status: 422, want: []string{`"#/number"`}},
		{name: "for a vendor who did not agree", as: "clerk", do: "POST " + near + "/stalls/B-03/accounts", body: `{"provider":"momo","number":"0712345673"}`, status: 409, want: []string{"consent-missing"}},
		{name: "for a vacant stall", as: "clerk", do: "POST " + near + "/stalls/B-02/accounts", body: `{"provider":"momo","number":"0712345673"}`, status: 409, want: []string{"stall-vacant"}},
		{name: "instead of one that is not there", as: "clerk", do: add, body: `{"provider":"acb","number":"123456789","replaces":"NEAR.01a2b3c4-d5e6-7f80-9123-456789abcdef"}`, status: 422, want: []string{`"#/replaces"`}},

		{name: "a manager brings in a change", as: "manager", do: add, body: `{"provider":"viettel_money","number":"0712345679"}`, status: 201,
			want: []string{`"replaces":"$first"`}, keep: map[string]string{"change": "id", "change_etag": "=ETag"}},
		{name: "and may not approve it", as: "manager", do: "POST /api/v1/accounts/$change/decision", body: `{"decision":"approve","last_digits":"345679"}`,
			header: []string{"If-Match", "$change_etag"}, status: 403, want: []string{"own-proposal"}},
		{name: "a leader does not approve changes", as: "leader", do: "POST /api/v1/accounts/$change/decision", body: `{"decision":"approve","last_digits":"345679"}`,
			header: []string{"If-Match", "$change_etag"}, status: 403, want: []string{"not-allowed"}},
		{name: "an officer who does not type the digits", as: "officer", do: "POST /api/v1/accounts/$change/decision", body: `{"decision":"approve"}`,
			header: []string{"If-Match", "$change_etag"}, status: 422, want: []string{"last-digits-wrong", `"#/last_digits"`, "!345679"}},
		{name: "many at once do not go around it", as: "officer", do: "POST " + near + "/decisions", body: `[{"id":"$change","etag":"x","decision":"approve"}]`, status: 200, want: []string{`"status":412`}},
		{name: "a print of the old account", as: "manager", do: "POST " + near + "/print-batches", body: `{"stalls":["A-12"]}`, status: 201, keep: map[string]string{"serial": "items.0.serial"}},
		{name: "an officer who does", as: "officer", do: "POST /api/v1/accounts/$change/decision", body: `{"decision":"approve","last_digits":"345679"}`,
			header: []string{"If-Match", "$change_etag"}, status: 200, want: []string{`"state":"approved"`, `"default":true`}},
		{name: "takes the old one's place", as: "clerk", do: "GET /api/v1/accounts/$first", status: 200, want: []string{`"state":"superseded"`, `"default":false`}},
		{name: "and its placards stop", as: "clerk", do: "GET /api/v1/placards/$serial", status: 200, want: []string{`"state":"replaced"`}},
		{name: "its code is shown no more", as: "clerk", do: "GET /api/v1/accounts/$first/qr.txt", status: 409},
		{name: "an account that is none", as: "clerk", do: "GET /api/v1/accounts/NEAR.01a2b3c4-d5e6-7f80-9123-456789abcdef", status: 404, want: []string{"account-not-found"}},
		{name: "a name that is none", as: "clerk", do: "GET /api/v1/accounts/abc", status: 404},
	})
	if n := w.count(`SELECT count(*) FROM audit_events WHERE action = 'account.decision_refused'`); n < 5 {
		t.Errorf("%d refusals are in the record", n)
	}
	w.clock.pass(15 * 24 * time.Hour)
	w.walk(t, []step{
		{name: "after 14 days a proposal is over", as: "manager later", do: "POST /api/v1/accounts/$vnpt/decision", body: `{"decision":"approve"}`,
			header: []string{"If-Match", "$vnpt_etag"}, status: 409, want: []string{"proposal-expired"}},
		{name: "and says so", as: "clerk later", do: "GET /api/v1/accounts/$vnpt", status: 200, want: []string{`"state":"expired"`}},
		{name: "and waits no more", as: "clerk later", do: "GET " + near + "/accounts", status: 200, want: []string{"!$vnpt"}},
	})
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	w := stalled(t)
	many := "POST " + near + "/decisions"
	w.walk(t, []step{
		{name: "what waits", as: "manager", do: "GET " + near + "/accounts", status: 200, keep: map[string]string{"a": "items.0.id", "a_etag": "items.0.etag", "b": "items.1.id", "b_etag": "items.1.etag", "c": "items.2.id"}},
		{name: "another manager's own", as: "manager second", do: "POST " + near + "/stalls/A-13/accounts", body: `{"provider":"vnpt_money","number":"0712345671"}`, status: 201, keep: map[string]string{"own": "id", "own_etag": "=ETag"}},
	})
	quote := func(s string) string { b, _ := json.Marshal(w.vars[s]); return string(b) }
	a := w.take(t, step{as: "manager second", do: many, status: 200, body: `[
		{"id":"$a","etag":` + quote("a_etag") + `,"decision":"approve"},
		{"id":"$b","etag":"old","decision":"approve"},
		{"id":"$b","etag":` + quote("b_etag") + `,"decision":"reject"},
		{"id":"$own","etag":` + quote("own_etag") + `,"decision":"approve"},
		{"id":"NEAR.01a2b3c4-d5e6-7f80-9123-456789abcdef","etag":"x","decision":"approve"},
		{"id":"FAR.01a2b3c4-d5e6-7f80-9123-456789abcdef","etag":"x","decision":"approve"},
		{"id":"$c","etag":"","decision":"approve"},
		{"id":"$a","etag":` + quote("a_etag") + `,"decision":"approve"}]`})
	var got struct {
		Items []struct {
			ID      string
			Status  int
			State   string
			Problem *struct{ Type string }
		}
	}
	a.json(t, &got)
	for i, want := range []string{"200 approved", "412 /problems/stale", "422 /problems/decision-invalid", "403 /problems/own-proposal",
		"404 /problems/account-not-found", "404 /problems/account-not-found", "428 /problems/version-needed", "412 /problems/stale"} {
		it := got.Items[i]
		said := it.State
		if it.Problem != nil {
			said = it.Problem.Type
		}
		if s := fmt.Sprint(it.Status, " ", said); s != want {
			t.Errorf("answer %d: %s, want %s", i, s, want)
		}
	}
	w.walk(t, []step{
		{name: "a clerk decides none", as: "clerk", do: many, body: `[]`, status: 403},
		{name: "none is none", as: "manager", do: many, body: `[]`, status: 200, want: []string{`"items":[]`}},
		{name: "too many", as: "manager", do: many, body: "[" + strings.TrimSuffix(strings.Repeat(`{"etag":"x"},`, 2001), ",") + "]", status: 422, want: []string{"too-many"}},
	})
}

func TestImports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secret("Sơn Phước Lẹ", "0718452817", "Trương Thúy Đào", "0715656593")
	ledger := ledgerFile(t, "so-cho-dai-tu.csv")
	send := "POST " + near + "/imports"
	w.walk(t, []step{
		{name: "a preview", as: "clerk", do: send, body: ledger, status: 201,
			want: []string{`"state":"preview"`, `"rows":120,"good":120`, `"faulty":0,"unchanged":0,"changed":0`, `"fate":"new"`, "A-03"},
			keep: map[string]string{"id": "id", "place": "=Location"}},
		{name: "stores nothing", as: "clerk", do: "GET " + near + "/stalls", status: 200, want: []string{`"items":[]`}},
		{name: "and is kept", as: "manager", do: "GET $place", status: 200, want: []string{`"row":2`, "Sơn Phước Lẹ"}},
		{name: "nobody vouches", as: "clerk", do: "POST $place/commit", body: `{"rows":"good"}`, status: 422, want: []string{`"#/attested"`}},
		{name: "rows that are none", as: "clerk", do: "POST $place/commit", body: `{"rows":[2,9999],"attested":"vi-1"}`, status: 422, want: []string{`"#/rows/1"`}},
		{name: "rows in words", as: "clerk", do: "POST $place/commit", body: `{"rows":"all","attested":"vi-1"}`, status: 422, want: []string{`"#/rows"`}},
		{name: "committed", as: "clerk", do: "POST $place/commit", body: `{"rows":"good","attested":"vi-1"}`, status: 200, want: []string{`"rows":120`}},
		{name: "once", as: "clerk", do: "POST $place/commit", body: `{"rows":"good","attested":"vi-1"}`, status: 409, want: []string{"import-committed"}},
		{name: "says so", as: "clerk", do: "GET $place", status: 200, want: []string{`"state":"committed"`, `"rows":[]`}},
		{name: "its vendors count", as: "clerk", do: "GET /api/v1/coverage?market=NEAR", status: 200, want: []string{`"accepting":0,"share":0,`}},
		{name: "and have the board's word only", as: "clerk", do: "GET " + near + "/stalls/A-03", status: 200, want: []string{`"own_consent":false`, `"source":"import"`, `"missing":["approval"]`}},
		{name: "the same ledger again", as: "clerk", do: send, body: ledger, status: 201, want: []string{`"unchanged":120`, `!"fate":"new"`}, keep: map[string]string{"again": "id"}},
		{name: "changes nothing", as: "clerk", do: "POST /api/v1/imports/$again/commit", body: `{"rows":"good","attested":"vi-1"}`, status: 200, want: []string{`"unchanged":120`}},
		{name: "its proposals wait", as: "manager", do: "GET " + near + "/accounts", status: 200, keep: map[string]string{"account": "items.0.id", "etag": "items.0.etag"}},
		{name: "is taken back", as: "clerk", do: "DELETE /api/v1/imports/$id", status: 204},
		{name: "its stalls go", as: "clerk", do: "GET " + near + "/stalls", status: 200, want: []string{`"items":[]`}},
		{name: "its proposals are withdrawn", as: "clerk", do: "GET /api/v1/accounts/$account", status: 200, want: []string{`"state":"withdrawn"`}},
		{name: "it was taken back once", as: "clerk", do: "DELETE /api/v1/imports/$id", status: 409, want: []string{"import-undone"}},
		{name: "it cannot go in again", as: "clerk", do: "POST /api/v1/imports/$id/commit", body: `{"attested":"vi-1"}`, status: 409, want: []string{"import-undone"}},

		{name: "a preview to throw away", as: "clerk", do: send, body: ledger, status: 201, keep: map[string]string{"id": "id"}},
		{name: "thrown away", as: "clerk", do: "DELETE /api/v1/imports/$id", status: 204},
		{name: "is gone", as: "clerk", do: "GET /api/v1/imports/$id", status: 404, want: []string{"import-not-found"}},

		{name: "a ledger with faults", as: "clerk", do: send, body: ledgerFile(t, "so-cho-vi-thanh.xlsx"), status: 201,
			want: []string{`"fate":"faulty"`, `"faults":[{"row":`, `"detail_en":`}, keep: map[string]string{"id": "id", "faulty": "report.faulty", "good": "report.good"}},
		{name: "some of its rows", as: "clerk", do: "GET /api/v1/imports/$id", status: 200, keep: map[string]string{"row": "rows.0.row", "code": "rows.0.code", "fault": "report.faults.0.row"}},
		{name: "never a faulty one", as: "clerk", do: "POST /api/v1/imports/$id/commit", body: `{"rows":[$fault],"attested":"vi-1"}`, status: 422, want: []string{`"#/rows/0"`}},
		{name: "the one that was chosen", as: "clerk", do: "POST /api/v1/imports/$id/commit", body: `{"rows":[$row],"attested":"vi-1"}`, status: 200},
		{name: "and no other", as: "clerk", do: "GET " + near + "/stalls", status: 200, want: []string{`"code":"$code"`, `"next_cursor":null`}},
		{name: "a preview to forget", as: "clerk", do: send, body: ledger, status: 201, keep: map[string]string{"old": "id"}},
	})
	if n := w.count(`SELECT count(*) FROM stalls WHERE removed_at IS NULL`); n != 1 {
		t.Errorf("%d stalls after one row was chosen", n)
	}
	w.clock.pass(25 * time.Hour)
	w.walk(t, []step{
		{name: "after 24 hours a preview is over", as: "clerk later", do: "POST /api/v1/imports/$old/commit", body: `{"attested":"vi-1"}`, status: 409, want: []string{"import-expired"}},
	})
}

func TestImportBuiltOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.walk(t, []step{
		{name: "a preview", as: "clerk", do: "POST " + near + "/imports", body: ledgerFile(t, "so-cho-dai-tu.csv"), status: 201, keep: map[string]string{"id": "id"}},
		{name: "committed", as: "manager", do: "POST /api/v1/imports/$id/commit", body: `{"rows":[3,4],"attested":"vi-1"}`, status: 200},
		{name: "who uploaded it", as: "clerk", do: "GET " + near + "/accounts", status: 200, want: []string{`"mine":true`}, keep: map[string]string{"account": "items.0.id", "etag": "items.0.etag"}},
		{name: "and who committed it brought its accounts in", as: "manager", do: "POST /api/v1/accounts/$account/decision", body: `{"decision":"approve"}`, header: []string{"If-Match", "$etag"},
			status: 403, want: []string{"own-proposal"}},
		{name: "a second person approves", as: "officer", do: "POST /api/v1/accounts/$account/decision", body: `{"decision":"approve"}`, header: []string{"If-Match", "$etag"}, status: 200},
		{name: "then it stays", as: "clerk", do: "DELETE /api/v1/imports/$id", status: 409, want: []string{"import-built-on"}},
	})
}

func TestImportFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct {
		name   string
		body   any
		status int
		want   string
	}{
		{"not a ledger", upload{"so.csv", []byte("chào,bạn\n1,2\n")}, 422, "ledger"},
		{"a picture", upload{"so.png", []byte("\x89PNG\r\n\x1a\n")}, 415, "ledger-unsupported"},
		{"a picture that says it is a ledger", upload{"so.xlsx", []byte("\x89PNG\r\n\x1a\n")}, 415, "ledger-wrong-ending"},
		{"the old Excel format", upload{"so.xls", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")}, 415, "ledger-xls"},
		{"an empty file", upload{"so.csv", nil}, 422, "ledger-empty"},
		{"over 10 MiB", upload{"so.csv", bytes.Repeat([]byte("x"), 10<<20+1)}, 413, "ledger-too-large"},
		{"far over it", upload{"so.csv", bytes.Repeat([]byte("x"), 11<<20)}, 413, ""},
		{"more than 20,000 rows", upload{"so.csv", append([]byte("Mã quầy;Tên hộ kinh doanh\n"), bytes.Repeat([]byte("A;B\n"), 20_000)...)}, 413, "ledger-too-many-rows"},
		{"JSON", `{}`, 415, "content-type"},
		{"a form without a file", raw{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n1\r\n--x--\r\n"}, 422, `"#/file"`},
		{"half a form", raw{"multipart/form-data; boundary=x", "--x\r\nContent-Disp"}, 400, "request-malformed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.take(t, step{as: "clerk", do: "POST " + near + "/imports", body: tt.body, status: tt.status, want: []string{tt.want}})
		})
	}
	if n := w.count(`SELECT count(*) FROM imports`); n != 0 {
		t.Errorf("%d previews were kept", n)
	}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	w := stalled(t)
	print := "POST " + near + "/print-batches"
	w.walk(t, []step{
		{name: "nothing is approved", as: "clerk", do: print, body: `{"all":true}`, status: 409, want: []string{"nothing-to-print", "3 stalls: The account waits", `"not-approved"`, "1 stalls: Nobody trades", "no receiving account"}, header: []string{"Accept-Language", "en"}},
		{name: "unless provisional", as: "clerk", do: print, body: `{"stalls":["A-13"],"provisional":true}`, status: 201, want: []string{`"mark":"provisional"`, `"state":"printed"`}, keep: map[string]string{"provisional": "items.0.serial"}},
		{name: "unknown sheet", as: "clerk", do: print, body: `{"all":true,"sheet":"a3x9"}`, status: 422, want: []string{`"#/sheet"`, "a6x4"}},
		{name: "unknown design", as: "clerk", do: print, body: `{"all":true,"design":"gold"}`, status: 422, want: []string{`"#/design"`}},
		{name: "unknown provider", as: "clerk", do: print, body: `{"all":true,"provider":"ví lạ"}`, status: 422, want: []string{`"#/provider"`}},
		{name: "more cells used than the sheet has", as: "clerk", do: print, body: `{"all":true,"skip":4}`, status: 422, want: []string{`"#/skip"`}},
		{name: "fewer than none", as: "clerk", do: print, body: `{"all":true,"skip":-1}`, status: 422, want: []string{`"#/skip"`}},
		{name: "no stalls named", as: "clerk", do: print, body: `{}`, status: 422, want: []string{`"#/all"`}},
		{name: "named in two ways", as: "clerk", do: print, body: `{"all":true,"section":"Cá"}`, status: 422, want: []string{`"#/all"`}},
	})
	w.approveAll(t, "manager")
	w.walk(t, []step{
		{name: "what is approved", as: "volunteer", do: print, body: `{"all":true,"skip":1}`, status: 201,
			want: []string{`"placards":3`, `"sheet":"a6x4"`, `"reason":"vacant"`, `"reason":"no-account"`, "!zip", "!0912345678"},
			keep: map[string]string{"id": "id", "pdf": "pdf", "place": "=Location", "serial": "items.0.serial"}},
		{name: "takes the place of what was provisional", as: "clerk", do: "GET /api/v1/placards/$provisional", status: 200, want: []string{`"state":"replaced"`}},
		{name: "is where the answer says", as: "clerk", do: "GET $place", status: 200, want: []string{`"placards":3`, `"state":"printed"`, "$serial"}},
		{name: "is issued once", as: "clerk", do: print, body: `{"stalls":["a-12","Z-9"]}`, status: 409, want: []string{`"already-issued"`, `"unknown-stall"`}, header: []string{"Accept-Language", "en"}},
		{name: "an account elsewhere", as: "clerk", do: print, body: `{"section":"Cá","provider":"momo"}`, status: 409, want: []string{`"other-provider"`}, header: []string{"Accept-Language", "en"}},
		{name: "another batch", as: "clerk", do: "POST " + near + "/stalls", body: stallJSON("C-01", "Cá", "Lý Minh Tâm", "0712345679"), status: 201},
	})
	w.approveAll(t, "manager")
	w.take(t, step{as: "clerk", do: print, body: `{"section":"Cá","sheet":"tag10"}`, status: 201, want: []string{"already-issued", `"placards":1`}})
	first := w.take(t, step{as: "clerk", do: "GET $pdf", status: 200})
	if !bytes.HasPrefix(first.body, []byte("%PDF-")) || first.header.Get("Content-Type") != "application/pdf" {
		t.Errorf("%s, %q", first.header.Get("Content-Type"), first.body[:8])
	}
	w.clock.pass(24 * time.Hour)
	if again := w.take(t, step{as: "manager tomorrow", do: "GET $pdf", status: 200}); !bytes.Equal(first.body, again.body) {
		t.Error("the same batch gives other bytes")
	}
	zipped := w.take(t, step{as: "manager tomorrow", do: "GET $place.zip", status: 200})
	if !bytes.Contains(zipped.body, first.body) || !bytes.HasPrefix(zipped.body, []byte("PK")) {
		t.Error("the ZIP does not hold the PDF")
	}
	w.take(t, step{as: "manager tomorrow", do: "GET /api/v1/print-batches/NEAR.01a2b3c4-d5e6-7f80-9123-456789abcdef.pdf", status: 404, want: []string{"batch-not-found"}})
}

// TestLargeBatch: one person with 501 stalls, so that there is one symbol to make.
func TestLargeBatch(t *testing.T) {
	t.Parallel()
	w := stalled(t)
	w.approveAll(t, "manager")
	w.exec(`INSERT INTO stalls (market_id, id, code, code_key, code_fold, section, goods, position, created_at)
		SELECT m.id, gen_random_uuid(), 'X-' || n, 'X-' || n, 'x ' || n, 'X', '', 100 + n, now() FROM markets m, generate_series(1, 501) n WHERE m.code = 'NEAR'`)
	w.exec(`INSERT INTO occupancies (market_id, id, stall_id, vendor_id, began)
		SELECT s.market_id, gen_random_uuid(), s.id, v.id, '2026-11-01' FROM stalls s JOIN vendors v ON v.market_id = s.market_id AND v.name = 'Lý Minh Tâm' WHERE s.section = 'X'`)
	w.walk(t, []step{
		{name: "issued", as: "clerk", do: "POST " + near + "/print-batches", body: `{"section":"X","sheet":"tag10"}`, status: 201,
			want: []string{`"placards":501`, `"zip":"/api/v1/print-batches/NEAR.`, `!"pdf"`}, keep: map[string]string{"place": "=Location"}},
		{name: "as one PDF it is too large", as: "clerk", do: "GET $place.pdf", status: 409, want: []string{"batch-needs-zip"}},
		{name: "as two it is not", as: "clerk", do: "GET $place.zip", status: 200, want: []string{"-1.pdf", "-2.pdf", "!-3.pdf"}},
	})
}

func TestPlacards(t *testing.T) {
	t.Parallel()
	w := stalled(t)
	w.approveAll(t, "manager")
	other, err := qrgen.Static("971005", "0712345671")
	if err != nil {
		t.Fatal(err)
	}
	const event, same = "01a2b3c4-d5e6-7f80-9123-456789abcdef", `{"id":"01a2b3c4-d5e6-7f80-9123-456789abcdef","kind":"handed_over","at":"2026-11-22T02:00:00Z"}`
	happens := "POST /api/v1/placards/$serial/events"
	placard := "GET /api/v1/placards/$serial"
	w.walk(t, []step{
		{name: "without their own consent", as: "clerk", do: "POST " + near + "/imports", body: upload{"so.csv", []byte("Mã quầy;Tên hộ kinh doanh;Viettel Money\nI-1;Đỗ Thị Lan;0712345673\n")}, status: 201, keep: map[string]string{"import": "id"}},
		{name: "the board vouches", as: "clerk", do: "POST /api/v1/imports/$import/commit", body: `{"attested":"vi-1"}`, status: 200},
	})
	w.approveAll(t, "manager")
	w.walk(t, []step{
		{name: "printed", as: "clerk", do: "POST " + near + "/print-batches", body: `{"all":true}`, status: 201, keep: map[string]string{
			"serial": "items.0.serial", "second": "items.1.serial", "third": "items.2.serial", "vouched": "items.3.serial"}},
		{name: "its code", as: "clerk", do: "GET " + near + "/stalls/A-12", status: 200, keep: map[string]string{"account": "accounts.0.id"}},
		{name: "handed over", as: "volunteer", do: happens, body: same, status: 200, want: []string{`"state":"handed_over"`}},
		{name: "the phone sends it again", as: "volunteer", do: happens, body: same, status: 200, want: []string{`"state":"handed_over"`}},
		{name: "in another zone it is the same moment", as: "volunteer", do: happens, body: strings.Replace(same, "02:00:00Z", "09:00:00+07:00", 1), status: 200},
		{name: "with other content it is another event", as: "volunteer", do: happens, body: strings.Replace(same, "handed_over", "lost", 1), status: 409, want: []string{"event-differs"}},
		{name: "so it is for another placard", as: "volunteer", do: "POST /api/v1/placards/$second/events", body: same, status: 409, want: []string{"event-differs"}},
		{name: "the name heard is another", as: "volunteer", do: happens, body: `{"kind":"installed","heard_name":"TRAN VAN BE"}`, status: 409, want: []string{"name-differs", `"#/heard_name"`}},
		{name: "without the vendor's own consent", as: "volunteer", do: "POST /api/v1/placards/$vouched/events", body: `{"kind":"installed"}`, status: 409, want: []string{"consent-missing"}},
		{name: "which is given in the same moment", as: "volunteer", do: "POST /api/v1/placards/$vouched/events", body: `{"kind":"installed","consent":{"version":"vi-1","given":"face_to_face"}}`, status: 200, want: []string{`"state":"installed"`}},
		{name: "installed", as: "volunteer", do: happens, body: `{"kind":"installed","heard_name":"Lý Minh Tâm"}`, status: 200, want: []string{`"state":"installed"`, `"installed_at":"2026-`, `"check_result":null`}},
		{name: "not twice", as: "volunteer", do: happens, body: `{"kind":"installed"}`, status: 409, want: []string{"placard-state"}},
		{name: "counts", as: "clerk", do: "GET /api/v1/coverage?market=NEAR", status: 200, want: []string{`"accepting":2`}},
		{name: "a check has something to compare", as: "volunteer", do: happens, body: `{"kind":"checked"}`, status: 422, want: []string{`"#/payload"`}},
		{name: "its text", as: "clerk", do: "GET /api/v1/accounts/$account/qr.txt", status: 200},
	})
	payload := string(w.take(t, step{as: "clerk", do: "GET /api/v1/accounts/$account/qr.txt", status: 200}).body)
	w.secret(payload, other)
	w.walk(t, []step{
		{name: "the right code hangs there", as: "volunteer", do: happens, body: `{"kind":"checked","payload":"` + payload + `"}`, status: 200, want: []string{`"check_result":"match"`, `"state":"installed"`}},
		{name: "a damaged one", as: "volunteer", do: happens, body: `{"kind":"checked","result":"damaged"}`, status: 200, want: []string{`"check_result":"damaged"`, `"state":"installed"`}},
		{name: "a swapped one is stopped", as: "volunteer", do: happens, body: `{"kind":"checked","payload":"` + other + `"}`, status: 200, want: []string{`"check_result":"other_account"`, `"state":"suspended"`}},
		{name: "and does not count", as: "clerk", do: "GET /api/v1/coverage?market=NEAR", status: 200, want: []string{`"accepting":1`, `"suspended":1`}},
		{name: "a volunteer does not resume it", as: "volunteer", do: happens, body: `{"kind":"resumed","reason":"dán đè, đã gỡ"}`, status: 403},
		{name: "a manager says why", as: "manager", do: happens, body: `{"kind":"resumed"}`, status: 422, want: []string{`"#/reason"`}},
		{name: "resumed", as: "manager", do: happens, body: `{"kind":"resumed","reason":"dán đè, đã gỡ"}`, status: 200, want: []string{`"state":"installed"`}},
		{name: "no code at all is stopped too", as: "volunteer", do: happens, body: `{"kind":"checked","payload":"https://example.com"}`, status: 200, want: []string{`"check_result":"not_ours"`, `"state":"suspended"`}},
		{name: "an officer suspends", as: "officer", do: "POST /api/v1/placards/$vouched/events", body: `{"kind":"suspended"}`, status: 200, want: []string{`"state":"suspended"`}},
		{name: "and does not install", as: "officer", do: "POST /api/v1/placards/$second/events", body: `{"kind":"installed"}`, status: 403},
		{name: "removed", as: "clerk", do: happens, body: `{"kind":"removed"}`, status: 200, want: []string{`"state":"void"`}},
		{name: "is over", as: "clerk", do: happens, body: `{"kind":"handed_over"}`, status: 409, want: []string{"placard-state"}},
		{name: "lost", as: "clerk", do: "POST /api/v1/placards/$third/events", body: `{"kind":"lost","at":"9999-12-31T23:59:59-12:00"}`, status: 200, want: []string{`"state":"lost"`}},
		{name: "what is no event", as: "clerk", do: happens, body: `{"kind":"eaten"}`, status: 422, want: []string{`"#/kind"`}},
		{name: "a result of something else", as: "clerk", do: happens, body: `{"kind":"lost","result":"damaged"}`, status: 422, want: []string{`"#/result"`}},
		{name: "an id that is none", as: "clerk", do: happens, body: `{"kind":"lost","id":"1"}`, status: 422},
		{name: "as it stands", as: "clerk", do: placard, status: 200, want: []string{`"state":"void"`, `"last_digits":"5678"`, `"holder":"LY MINH TAM"`}},
		{name: "an auditor sees no names", as: "auditor", do: placard, status: 200, want: []string{"!LY MINH TAM", "!Lý Minh Tâm", "L•"}},
		{name: "unknown", as: "clerk", do: "GET /api/v1/placards/0000-0000-000", status: 404, want: []string{"placard-not-found"}},
		{name: "malformed", as: "clerk", do: "GET /api/v1/placards/abc", status: 404, want: []string{"placard-not-found"}},
	})
	if n := w.count(`SELECT count(*) FROM placard_events WHERE id = $1`, event); n != 1 {
		t.Errorf("an event that was sent again is stored %d times", n)
	}
	w.vars["typed"] = "%20" + strings.ToLower(strings.ReplaceAll(w.vars["serial"], "-", "+"))
	w.take(t, step{as: "clerk", do: "GET /api/v1/placards/$typed", status: 404})
	w.vars["typed"] = "%20" + strings.ToLower(strings.ReplaceAll(w.vars["serial"], "-", ""))
	w.take(t, step{as: "clerk", do: "GET /api/v1/placards/$typed", status: 200, want: []string{"$serial"}})
	for _, tt := range []struct {
		name, serial string
		status       int
		want         []string
	}{
		{"anybody sees a placard in use", "second", 200, []string{"NGUYEN THI HANH", "5671", "A-13", "!0712345671", "!Nguyễn Thị Hạnh"}},
		{"and no account of one that is not", "serial", 200, []string{"!LY MINH TAM", "!5678"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.take(t, step{do: "GET /v/$" + tt.serial, status: tt.status, want: tt.want})
		})
	}
	t.Run("unknown and malformed look alike", func(t *testing.T) {
		a := w.take(t, step{do: "GET /v/0000-0000-000", status: 404})
		if b := w.take(t, step{do: "GET /v/abc", status: 404}); !bytes.Equal(a.body, b.body) {
			t.Errorf("%s\n\n%s", a.body, b.body)
		}
	})
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	w := stalled(t)
	w.approveAll(t, "manager")
	share := "GET /api/v1/coverage"
	var keys map[string]json.RawMessage
	w.take(t, step{as: "clerk far", do: share + "?market=FAR", status: 200, want: []string{`"vendors":0,"accepting":0,"share":null`, `"barriers":[]`}}).json(t, &keys)
	want := []string{"accepting", "as_of", "barriers", "definition", "equipped", "freshness", "funnel", "market", "markets", "method", "overdue", "share", "suspended", "used", "vendors"}
	if got := slices.Sorted(maps.Keys(keys)); !slices.Equal(got, want) {
		t.Errorf("fields %q, want %q", got, want)
	}
	w.walk(t, []step{
		{name: "printed", as: "clerk", do: "POST " + near + "/print-batches", body: `{"all":true}`, status: 201, keep: map[string]string{"serial": "items.0.serial"}},
		{name: "one hangs", as: "clerk", do: "POST /api/v1/placards/$serial/events", body: `{"kind":"installed"}`, status: 200},
		{name: "the market", as: "clerk", do: share + "?market=NEAR", status: 200, want: []string{`"as_of":"2026-11-22","definition":"accepting-1","method":"counted","market":"NEAR","vendors":4,"accepting":1,"share":0.25`,
			`"funnel":[{"stage":"registered","vendors":4,"drop":0},{"stage":"account","vendors":3,"drop":1},{"stage":"approved","vendors":3,"drop":0},{"stage":"printed","vendors":3,"drop":0},{"stage":"installed","vendors":1,"drop":2},{"stage":"checked","vendors":0,"drop":1}]`,
			`"barriers":[{"code":"never_asked","vendors":3,"clears_it":"volunteer","days":null}]`}},
		{name: "an area", as: "officer", do: share + "?area=92", status: 200, want: []string{`"area":"92","vendors":4`}},
		{name: "everything in scope", as: "auditor", do: share, status: 200, want: []string{`"vendors":4`}},
		{name: "of another area", as: "officer far", do: share, status: 200, want: []string{`"vendors":0`}},
		{name: "the day before", as: "clerk", do: share + "?market=NEAR&as_of=2026-11-21", status: 200, want: []string{`"as_of":"2026-11-21"`, `"vendors":0`, `"share":null`}},
		{name: "a day to come", as: "clerk", do: share + "?market=NEAR&as_of=2026-11-23", status: 422, want: []string{`"#/as_of"`}},
		{name: "a day that is none", as: "clerk", do: share + "?market=NEAR&as_of=22/11/2026", status: 422, want: []string{"day-invalid"}},
		{name: "a split that is none", as: "clerk", do: share + "?market=NEAR&by=luck", status: 422, want: []string{`"#/by"`}},
		{name: "an area that is none", as: "officer", do: share + "?area=00", status: 404, want: []string{"area-not-found"}},
		{name: "a market out of scope", as: "clerk", do: share + "?market=FAR", status: 404, want: []string{"market-not-found"}},
		{name: "an administrator sees no figures", as: "admin", do: share, status: 403},
	})
	for by, parts := range map[string]int{"market": 1, "commune": 1, "province": 1, "provider": 2, "section": 2, "goods": 2, "team": 1} {
		t.Run("by "+by, func(t *testing.T) {
			var got struct {
				Vendors, Accepting int
				Funnel             []struct{ Vendors int }
				Split              []struct {
					Vendors, Accepting int
					Funnel             []struct{ Vendors int }
				}
			}
			w.take(t, step{as: "clerk", do: share + "?market=NEAR&by=" + by, status: 200}).json(t, &got)
			vendors, accepting, funnel := 0, 0, make([]int, 6)
			for _, p := range got.Split {
				vendors, accepting = vendors+p.Vendors, accepting+p.Accepting
				for i, s := range p.Funnel {
					funnel[i] += s.Vendors
				}
			}
			if len(got.Split) != parts || vendors != got.Vendors || accepting != got.Accepting {
				t.Errorf("%d parts with %d vendors, %d accepting; want %d parts with %d, %d", len(got.Split), vendors, accepting, parts, got.Vendors, got.Accepting)
			}
			for i, s := range got.Funnel {
				if funnel[i] != s.Vendors || i > 0 && s.Vendors > got.Funnel[i-1].Vendors {
					t.Errorf("stage %d: parts sum to %d, whole %d", i, funnel[i], s.Vendors)
				}
			}
		})
	}
	w.clock.pass(31 * 24 * time.Hour)
	w.take(t, step{as: "clerk later", do: share + "?market=NEAR", status: 200, want: []string{`"accepting":0`, `"overdue":1`}})
	w.take(t, step{as: "clerk later", do: share + "?market=NEAR&as_of=2026-12-01", status: 200, want: []string{`"accepting":1`, `"overdue":0`}})
}

func TestDecode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text, err := qrgen.Static("971005", "0712345671")
	if err != nil {
		t.Fatal(err)
	}
	long, err := qrgen.Encode(qrgen.Payment{Mode: "dynamic", Service: qrgen.ToAccount, BIN: "971005", Account: "0712345671", Amount: 35_000,
		Additional: qrgen.Additional{Purpose: "Rau"}, Language: qrgen.Language{Preference: "VI", Name: "Chợ"}})
	if err != nil {
		t.Fatal(err)
	}
	w.secret("0712345671", text, long)
	w.walk(t, []step{
		{name: "a plain code", as: "volunteer", do: "POST /api/v1/qr/decode", body: `{"payload":"` + text + `"}`, status: 200, want: []string{`"result":"accept"`, `"account":"0712345671"`, `"warnings":[]`}},
		{name: "a code that says more", as: "volunteer key", do: "POST /api/v1/qr/decode", body: `{"payload":"` + long + `"}`, status: 200, want: []string{`"amount_vnd":35000`, `"purpose":"Rau"`}},
		{name: "a damaged one", as: "volunteer", do: "POST /api/v1/qr/decode", body: `{"payload":"` + text[:len(text)-1] + `"}`, status: 422, want: []string{"not-a-payee-code", `"#/payload"`}},
		{name: "something else", as: "volunteer", do: "POST /api/v1/qr/decode", body: `{"payload":"https://example.com"}`, status: 422},
		{name: "nothing", as: "volunteer", do: "POST /api/v1/qr/decode", body: `{}`, status: 422, want: []string{`"code":"empty"`}},
		{name: "a picture", as: "volunteer", do: "POST /api/v1/qr/decode", body: upload{"code.png", picture(t, text)}, status: 200,
			want: []string{`"codes":[{`, `"result":"accept"`, `"account":"0712345671"`, `"text":"` + text}},
		{name: "a picture of another code", as: "volunteer", do: "POST /api/v1/qr/decode", body: upload{"code.png", picture(t, "https://example.com")}, status: 200,
			want: []string{`"result":"reject"`, `"content":"url"`, "!decoded"}},
		{name: "a picture without a code", as: "volunteer", do: "POST /api/v1/qr/decode", body: upload{"code.png", blank(t)}, status: 422, want: []string{"no-code"}},
		{name: "no picture", as: "volunteer", do: "POST /api/v1/qr/decode", body: upload{"code.png", []byte("hello")}, status: 415, want: []string{"picture-type"}},
		{name: "half a picture", as: "volunteer", do: "POST /api/v1/qr/decode", body: upload{"code.png", picture(t, text)[:200]}, status: 422, want: []string{"picture-broken"}},
		{name: "a picture too large", as: "volunteer", do: "POST /api/v1/qr/decode", body: upload{"code.png", make([]byte, 8<<20+1)}, status: 413, want: []string{"picture-too-large"}},
	})
}

// picture is a picture of a code.
func picture(t *testing.T, text string) []byte {
	t.Helper()
	symbol, err := qrgen.NewSymbol(text)
	if err != nil {
		t.Fatal(err)
	}
	data, err := symbol.PNG(6)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// blank is a white picture.
func blank(t *testing.T) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 300, 300))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	w := stalled(t)
	stalls := func() int { return w.count(`SELECT count(*) FROM stalls WHERE code LIKE 'N-%'`) }
	first := step{as: "clerk", do: "POST " + near + "/stalls", body: `{"code":"N-1","section":"Mới"}`, header: []string{"Idempotency-Key", "one"}, status: 201}
	a := w.take(t, first)
	b := w.take(t, first)
	if b.header.Get("Idempotency-Replayed") != "true" || a.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("replayed: %q, then %q", a.header.Get("Idempotency-Replayed"), b.header.Get("Idempotency-Replayed"))
	}
	for _, h := range []string{"ETag", "Location", "Content-Type"} {
		if a.header.Get(h) != b.header.Get(h) {
			t.Errorf("%s: %q, then %q", h, a.header.Get(h), b.header.Get(h))
		}
	}
	if !bytes.Equal(a.body, b.body) || stalls() != 1 {
		t.Errorf("%s\n%s\n%d stalls", a.body, b.body, stalls())
	}
	w.walk(t, []step{
		{name: "another body", as: "clerk", do: first.do, body: `{"code":"N-2"}`, header: first.header, status: 422, want: []string{"idempotency-differs"}},
		{name: "another address", as: "clerk", do: "POST " + near + "/stalls/A-12/accounts", body: first.body, header: first.header, status: 422, want: []string{"idempotency-differs"}},
		{name: "another person's key is another key", as: "manager", do: first.do, body: `{"code":"N-3"}`, header: first.header, status: 201},
		{name: "a key of 256 characters", as: "clerk", do: first.do, body: `{"code":"N-4"}`, header: []string{"Idempotency-Key", strings.Repeat("k", 256)}, status: 422, want: []string{"idempotency-key"}},
		{name: "a request that failed", as: "clerk", do: "POST " + near + "/stalls/B-02/consent", body: `{"version":"vi-1","given":"phone_call"}`, header: []string{"Idempotency-Key", "two"}, status: 409},
		{name: "whose cause is mended", as: "clerk", do: "GET " + near + "/stalls/B-02", status: 200, keep: map[string]string{"etag": "=ETag"}},
		{name: "by somebody who takes the stall", as: "clerk", do: "PATCH " + near + "/stalls/B-02", body: `{"vendor":{"name":"Lý Minh Tâm"}}`, header: []string{"If-Match", "$etag"}, status: 200},
		{name: "is not kept", as: "clerk", do: "POST " + near + "/stalls/B-02/consent", body: `{"version":"vi-1","given":"phone_call"}`, header: []string{"Idempotency-Key", "two"}, status: 201, want: []string{`"own_consent":true`}},
		{name: "a ledger", as: "clerk", do: "POST " + far[:len(far)-3] + "NEAR/imports", body: raw{"multipart/form-data; boundary=x",
			"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"so.csv\"\r\n\r\nMã quầy;Tên hộ kinh doanh\nN-9;Trần Văn Bê\n\r\n--x--\r\n"}, header: []string{"Idempotency-Key", "three"}, status: 201},
		{name: "a proposal of one's own", as: "manager", do: "POST " + near + "/stalls/A-13/accounts", body: `{"provider":"vnpt_money","number":"0712345671"}`, status: 201, keep: map[string]string{"own": "id", "own_etag": "=ETag"}},
	})
	t.Run("a refusal is in the record although the request is not", func(t *testing.T) {
		refusals := func() int {
			return w.count(`SELECT count(*) FROM audit_events WHERE action = 'account.decision_refused'`)
		}
		before := refusals()
		w.take(t, step{as: "manager", do: "POST /api/v1/accounts/$own/decision", body: `{"decision":"approve"}`, header: []string{"If-Match", "$own_etag", "Idempotency-Key", "four"}, status: 403})
		if n := refusals() - before; n != 1 {
			t.Errorf("%d refusals were recorded", n)
		}
	})
	t.Run("sheets are printed once", func(t *testing.T) {
		w.approveAll(t, "officer")
		s := step{as: "clerk", do: "POST " + near + "/print-batches", body: `{"all":true}`, header: []string{"Idempotency-Key", "five"}, status: 201}
		a, b := w.take(t, s), w.take(t, s)
		if !bytes.Equal(a.body, b.body) || w.count(`SELECT count(*) FROM print_batches`) != 1 {
			t.Errorf("%s\n%s", a.body, b.body)
		}
		if n := w.count(`SELECT count(*) FROM placards WHERE state <> 'printed'`); n != 0 {
			t.Errorf("%d placards are not printed", n)
		}
	})
	t.Run("many at once have one effect", func(t *testing.T) {
		before := stalls()
		var made, waiting atomic.Int32
		var all sync.WaitGroup
		w.as("clerk")
		for range 16 {
			all.Go(func() {
				a := w.do(t, step{as: "clerk", do: "POST " + near + "/stalls", body: `{"code":"N-7"}`, header: []string{"Idempotency-Key", "six"}})
				switch {
				case a.status == 201:
					made.Add(1)
				case a.status == 409 && a.header.Get("Retry-After") != "" && strings.Contains(string(a.body), "still-running"):
					waiting.Add(1)
				default:
					t.Errorf("status %d: %s", a.status, a.body)
				}
			})
		}
		all.Wait()
		if n := stalls() - before; n != 1 || made.Load() < 1 || made.Load()+waiting.Load() != 16 {
			t.Errorf("%d stalls, %d answers of 201, %d of 409", n, made.Load(), waiting.Load())
		}
	})
	t.Run("an effect that could not be committed is not told as one", func(t *testing.T) {
		w.exec(`ALTER TABLE idempotency ADD CONSTRAINT full_up CHECK (status < 0) NOT VALID`)
		before := stalls()
		w.take(t, step{as: "clerk", do: "POST " + near + "/stalls", body: `{"code":"N-8"}`, header: []string{"Idempotency-Key", "seven"}, status: 500, want: []string{"/problems/internal", "!full_up"}})
		if n := stalls(); n != before {
			t.Errorf("%d stalls more", n-before)
		}
	})
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const name, password = "Nguyễn Thị Hạnh", "bốn từ dễ nhớ đấy"
	grant, err := registry.ParseGrant("clerk", "market:NEAR")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.auth.AddPerson(t.Context(), registry.Console(), name, []registry.Grant{grant}, password); err != nil {
		t.Fatal(err)
	}
	w.secret(name, password, "sai mật khẩu rồi")
	right := `{"name":"` + name + `","password":"` + password + `"}`

	unknown := w.take(t, step{do: "POST /api/v1/session", body: `{"name":"Không Ai","password":"` + password + `"}`, status: 401})
	wrong := w.take(t, step{do: "POST /api/v1/session", body: `{"name":"` + name + `","password":"sai mật khẩu rồi"}`, status: 401})
	same := func(a *answer) string {
		return strings.ReplaceAll(string(a.body), a.at(t, "instance"), "")
	}
	if same(unknown) != same(wrong) {
		t.Errorf("an unknown name: %s\na wrong password: %s", same(unknown), same(wrong))
	}

	in := w.take(t, step{do: "POST /api/v1/session", body: right, status: 201, want: []string{`"role":"clerk","scope":"market","code":"NEAR"`}})
	cookie := oneCookie(t, in)
	w.secret(cookie.Value)
	if cookie.Name != "cho40" || cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" {
		t.Errorf("on HTTP the cookie is %v", cookie)
	}
	if in.header.Get("Strict-Transport-Security") != "" {
		t.Error("HTTP promises HTTPS")
	}
	hold := func(value string) []string { return []string{"Cookie", "cho40=" + value} }
	w.take(t, step{do: "GET /api/v1/session", header: hold(cookie.Value), status: 200, want: []string{name}})
	again := oneCookie(t, w.take(t, step{do: "POST /api/v1/session", body: right, header: hold(cookie.Value), status: 201}))
	w.secret(again.Value)
	if again.Value == cookie.Value {
		t.Error("a sign-in keeps the session's id")
	}
	w.take(t, step{do: "GET /api/v1/session", header: hold(cookie.Value), status: 401, want: []string{"session-ended"}})
	gone := w.take(t, step{do: "DELETE /api/v1/session", header: hold(again.Value), status: 204})
	if k := oneCookie(t, gone); k.MaxAge >= 0 || k.Value != "" {
		t.Errorf("signed out, the cookie is %v", k)
	}
	w.take(t, step{do: "GET /api/v1/session", header: hold(again.Value), status: 401})

	t.Run("on HTTPS", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodPost, "https://cho.example/api/v1/session", strings.NewReader(right))
		r.TLS = &tls.ConnectionState{}
		r.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		w.h.ServeHTTP(rec, r)
		k := oneCookie(t, &answer{rec.Code, rec.Header(), rec.Body.Bytes()})
		w.secret(k.Value)
		if k.Name != "__Host-cho40" || !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" {
			t.Errorf("the cookie is %v", k)
		}
		if rec.Header().Get("Strict-Transport-Security") == "" {
			t.Error("no Strict-Transport-Security")
		}
	})
	t.Run("a key that is none", func(t *testing.T) {
		w.take(t, step{do: "GET /api/v1/session", header: []string{"Authorization", "Bearer cho40_" + strings.Repeat("0", 64)}, status: 401, want: []string{"key-refused"}})
		w.take(t, step{do: "GET /api/v1/session", header: []string{"Authorization", "Basic YTpi"}, status: 401, want: []string{"sign-in-needed"}})
	})
	t.Run("of sixty guesses the eleventh and all behind it wait, from wherever they say they come", func(t *testing.T) {
		w.clock.step = 0
		for i := range 60 {
			status := 401
			if i >= 8 { // two went wrong above
				status = 429
			}
			a := w.take(t, step{do: "POST /api/v1/session", body: fmt.Sprintf(`{"name":"Không Ai %d","password":"sai mật khẩu rồi"}`, i), status: status,
				header: []string{"X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i), "X-Real-Ip", fmt.Sprintf("203.0.113.%d", i)}})
			if got := a.header.Get("Retry-After"); (got != "") != (status == 429) {
				t.Errorf("guess %d: Retry-After %q", i, got)
			}
			if i == 11 { // the right one waits too
				w.take(t, step{do: "POST /api/v1/session", body: right, status: 429, want: []string{"sign-in-throttled"}})
			}
		}
	})
}

func oneCookie(t *testing.T, a *answer) *http.Cookie {
	t.Helper()
	all := (&http.Response{Header: a.header}).Cookies()
	if len(all) != 1 {
		t.Fatalf("%d cookies: %d %s", len(all), a.status, clip(a.body))
	}
	return all[0]
}

func TestRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	en := []string{"Accept-Language", "en-GB,en;q=0.9,vi;q=0.5"}
	w.walk(t, []step{
		{name: "alive", do: "GET /healthz", status: 200, want: []string{"ok"}},
		{name: "ready", do: "GET /readyz", status: 200, want: []string{`"status":"ready"`}},
		{name: "an address that is none", as: "clerk", do: "GET /api/v1/nothing", status: 404, want: []string{"/problems/not-found"}},
		{name: "nor for nobody", do: "GET /api/v1/nothing", status: 404},
		{name: "the API itself", do: "GET /api/v1", status: 404},
		{name: "a wrong method", as: "clerk", do: "PUT /api/v1/markets", status: 405, want: []string{"/problems/method-not-allowed"}},
		{name: "a wrong method for one record", as: "clerk", do: "DELETE " + near + "/stalls/A-12", status: 405},
		{name: "an address over 8 KiB", as: "clerk", do: "GET /api/v1/markets?q=" + strings.Repeat("x", 8<<10), status: 414, want: []string{"/problems/address-too-long"}},
		{name: "NUL in the query", as: "clerk", do: "GET /api/v1/markets?q=a%00b", status: 422, want: []string{"bad-character"}},
		{name: "NUL in the path", as: "clerk", do: "GET " + near + "/stalls/A%00", status: 422, want: []string{"bad-character"}},
		{name: "bytes that are no text in the query", as: "clerk", do: "GET " + near + "/stalls?section=%ff", status: 422, want: []string{"bad-character"}},
		{name: "in a cursor", as: "clerk", do: "GET /api/v1/markets?cursor=%c3", status: 422, want: []string{"bad-character"}},
		{name: "in the path", as: "clerk", do: "GET " + near + "/stalls/%ff", status: 422, want: []string{"bad-character"}},
		{name: "a query that is none", as: "clerk", do: "GET /api/v1/markets?q=%zz", status: 400, want: []string{"request-malformed"}},
		{name: "another site's page", as: "clerk", do: "POST " + near + "/stalls", body: `{"code":"A-1"}`, header: []string{"Sec-Fetch-Site", "cross-site"}, status: 403, want: []string{"cross-site"}},
		{name: "another origin", as: "clerk", do: "POST " + near + "/stalls", body: `{"code":"A-1"}`, header: []string{"Origin", "https://evil.example"}, status: 403, want: []string{"cross-site"}},
		{name: "our own page", as: "clerk", do: "POST " + near + "/stalls", body: `{"code":"A-1"}`, header: []string{"Sec-Fetch-Site", "same-origin"}, status: 201},
		{name: "in English", as: "clerk", do: "GET /api/v1/markets/NONE", header: en, status: 404, want: []string{"There is no market"}},
		{name: "in Vietnamese", as: "clerk", do: "GET /api/v1/markets/NONE", header: []string{"Accept-Language", "vi"}, status: 404, want: []string{"!There is no market", "NONE"}},
		{name: "in Vietnamese when nobody asks", as: "clerk", do: "GET /api/v1/markets/NONE", status: 404, want: []string{"!There is no market"}},
	})
	if n := w.count(`SELECT count(*) FROM stalls`); n != 1 {
		t.Errorf("%d stalls", n)
	}
	if a := w.do(t, step{as: "clerk", do: "PUT /api/v1/markets"}); !strings.Contains(a.header.Get("Allow"), "POST") {
		t.Errorf("Allow: %q", a.header.Get("Allow"))
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.h.(*echo.Echo).GET("/api/v1/panic", func(echo.Context) error { panic(errors.New("the ceiling fell down")) })
	a := w.take(t, step{do: "GET /api/v1/panic", status: 500, want: []string{"/problems/internal", "!ceiling", "!goroutine", "!.go"}})
	if log := w.log.String(); !strings.Contains(log, "the ceiling fell down") || !strings.Contains(log, a.at(t, "instance")) {
		t.Errorf("the log does not say what happened: %s", log)
	}
}

// TestLog: a line says which request, of which sort, by whom and how it ended, and no more. What people are called is looked for
// in the log of every test here: see world.
func TestLog(t *testing.T) {
	t.Parallel()
	w := stalled(t)
	w.take(t, step{as: "clerk key", do: "GET " + near + "/stalls/A-12?q=tam", status: 200})
	w.take(t, step{as: "clerk", do: "GET " + near + "/stalls/T%C3%A2m", status: 404})
	w.take(t, step{do: "GET /api/v1/nothing/0912345678", status: 404})
	routes := map[string]bool{}
	for line := range strings.Lines(w.log.String()) {
		var said map[string]any
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			t.Fatal(err)
		}
		fields := slices.Sorted(maps.Keys(said))
		if want := []string{"actor", "level", "method", "msg", "request", "route", "status", "time", "us"}; !slices.Equal(fields, want) {
			t.Errorf("fields %q, want %q: %s", fields, want, line)
		}
		by := said["actor"].(string)
		if by != "" && !strings.HasPrefix(by, "person:") && !strings.HasPrefix(by, "key:") {
			t.Errorf("by %q", by)
		}
		routes[said["route"].(string)] = true
	}
	for _, want := range []string{"/api/v1/markets/:market/stalls", "/api/v1/markets/:market/stalls/:stall"} {
		if !routes[want] {
			t.Errorf("no line of %s: %v", want, routes)
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.step = 0
	sign := w.as("clerk")
	ask := func(sign func(*http.Request)) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/session", nil)
		sign(r)
		rec := httptest.NewRecorder()
		w.h.ServeHTTP(rec, r)
		return rec
	}
	for _, tt := range []struct {
		name    string
		sign    func(*http.Request)
		allowed int
		answer  int
	}{
		{"nobody", func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.1") }, 30, 401},
		{"a person", sign, 300, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i := range tt.allowed {
				if rec := ask(tt.sign); rec.Code != tt.answer {
					t.Fatalf("request %d: %d %s", i+1, rec.Code, rec.Body)
				}
			}
			if rec := ask(tt.sign); rec.Code != http.StatusTooManyRequests || rec.Header().Get("Retry-After") == "" {
				t.Errorf("one more: %d, Retry-After %q", rec.Code, rec.Header().Get("Retry-After"))
			}
			w.clock.pass(2 * time.Second)
			if rec := ask(tt.sign); rec.Code != tt.answer {
				t.Errorf("two seconds later: %d", rec.Code)
			}
		})
	}
}

// TestDatabaseGone cuts every connection and lets no new one through.
func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	cfg, err := pgxpool.ParseConfig(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	var gone atomic.Bool
	dial := cfg.ConnConfig.DialFunc
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if gone.Load() {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("no such server")}
		}
		return dial(ctx, network, address)
	}
	db, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	w := newWorldOn(t, db)
	w.as("clerk")
	w.as("clerk key")
	gone.Store(true)
	db.Reset()
	for _, s := range []step{
		{as: "clerk", do: "GET /api/v1/markets"},
		{as: "clerk key", do: "POST " + near + "/stalls", body: tamStall},
		{as: "clerk", do: "POST " + near + "/stalls", body: tamStall, header: []string{"Idempotency-Key", "one"}},
		{do: "POST /api/v1/session", body: `{"name":"Nguyễn Thị Hạnh","password":"bốn từ dễ nhớ đấy"}`},
		{do: "GET /readyz"},
	} {
		s.status, s.want = 503, []string{"/problems/unavailable", "!dial", "!server"}
		if a := w.take(t, s); a.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", s.do)
		}
	}
	w.take(t, step{do: "GET /healthz", status: 200})
	gone.Store(false)
	w.take(t, step{as: "clerk", do: "GET /api/v1/markets", status: 200})
}
