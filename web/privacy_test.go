package web_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"
	registry "cho40/vendor_registry"
	"cho40/web"

	"github.com/jackc/pgx/v5"
)

// canary is somebody whose every name and number is theirs alone, so that whatever holds one of them holds this person.
var canary = struct {
	names   []string // folded
	numbers []string // without the first zero
	tails   []string
	hashes  [][32]byte
}{
	names:   []string{"khuyen van", "khuyen vang", "cu van rieng"},
	numbers: []string{"719123987", "719555321", "9988776655443"},
	tails:   []string{"123987", "555321", "655443"},
}

var betweenDigits = regexp.MustCompile(`([0-9])[ .-]+([0-9])`)

// canaryIn reports what of the canary a text holds; empty: nothing.
func canaryIn(text string) string {
	folded := " " + qrgen.Search(strings.ToValidUTF8(text, " ")) + " "
	for _, n := range canary.names {
		if strings.Contains(folded, " "+n+" ") {
			return n
		}
	}
	digits := betweenDigits.ReplaceAllString(betweenDigits.ReplaceAllString(text, "$1$2"), "$1$2")
	for _, n := range canary.numbers {
		if strings.Contains(digits, n) {
			return n
		}
	}
	return ""
}

// traces are the columns that hold something of the canary, with what: in all spellings, unpacked, and as the hash of a code.
func (w *world) traces(t *testing.T) map[string]string {
	t.Helper()
	type column struct{ Table, Column, Type string }
	columns, err := postgres.All[column](t.Context(), w.db, `
		SELECT c.relname AS "table", a.attname AS "column", format_type(a.atttypid, NULL) AS type
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND format_type(a.atttypid, NULL) ~ 'text|json|bytea|char'`, nil)
	if err != nil || len(columns) < 100 {
		t.Fatal(len(columns), err)
	}
	found := map[string]string{}
	for _, c := range columns {
		raw := "convert_to(%[1]s::text, 'UTF8')"
		if c.Type == "bytea" {
			raw = "%[1]s"
		}
		values, err := postgres.All[[]byte](t.Context(), w.db, fmt.Sprintf(`SELECT `+raw+` FROM %[2]s WHERE %[1]s IS NOT NULL`,
			pgx.Identifier{c.Column}.Sanitize(), pgx.Identifier{c.Table}.Sanitize()), nil)
		if err != nil {
			t.Fatalf("%s.%s: %v", c.Table, c.Column, err)
		}
		for _, v := range values {
			texts := []string{string(v)}
			if z, err := gzip.NewReader(bytes.NewReader(v)); err == nil {
				unpacked, _ := io.ReadAll(z)
				texts = append(texts, string(unpacked))
			}
			for _, text := range texts {
				if what := canaryIn(text); what != "" {
					found[c.Table+"."+c.Column] = what
				}
				if c.Type == "text" && c.Table != "audit_events" {
					for _, tail := range canary.tails {
						if strings.HasSuffix(text, tail) {
							found[c.Table+"."+c.Column] = tail
						}
					}
				}
			}
			for _, h := range canary.hashes {
				if bytes.Contains(v, h[:]) {
					found[c.Table+"."+c.Column] = "hash of a code"
				}
			}
		}
	}
	return found
}

// TestEraseLeavesNoTrace brings one vendor in through every door there is, erases them, and looks for them in every column of every
// table and in the files beside the database.
func TestEraseLeavesNoTrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := t.TempDir()
	list, err := registry.OpenErasureList(filepath.Join(dir, "erasures"))
	if err != nil {
		t.Fatal(err)
	}
	checkpoints, err := registry.OpenCheckpoints(filepath.Join(dir, "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	w.h = web.Handler(web.Config{DB: w.db, Now: w.clock.now, Log: slog.New(slog.NewJSONHandler(w.log, nil)),
		Erased: func(ctx context.Context) error { _, err := w.reg.KeepErasures(ctx, list); return err }})
	for _, n := range []string{"0719123987", "0719555321"} {
		for _, bin := range []string{"971005", "971011"} {
			code, err := qrgen.Static(bin, n)
			if err != nil {
				t.Fatal(err)
			}
			canary.hashes = append(canary.hashes, sha256.Sum256([]byte(code)))
		}
	}
	key := func(k string) []string { return []string{"Idempotency-Key", k} }
	w.vars["stallid"], w.vars["vendorid"], w.vars["accountid"], w.vars["eventid"] = id.New[int]().String(), id.New[int]().String(), id.New[int]().String(), id.New[int]().String()
	register := `{"id":"$stallid","code":"R-1","section":"Rau","vendor":{"id":"$vendorid","name":"Cù Thị Khuyển Vâng","phone":"0719123987"},
		"accounts":[{"id":"$accountid","provider":"viettel_money","number":"0719123987","holder":"CU THI KHUYEN VAN"}],"consent":{"version":"vi-1","given":"face_to_face"}}`
	approve := `{"decision":"approve","reason":"quen chị Cù Thị Khuyển Vân"}`
	w.vars["visitid"], w.vars["itemid"], w.vars["statusid"] = id.New[int]().String(), id.New[int]().String(), id.New[int]().String()
	batch := `{"device":"` + nobody + `","sent_at":"` + w.clock.now().Format(time.RFC3339) + `","items":[{"id":"$itemid","kind":"visit","market":"NEAR","stall":"R-1","seq":1,"at":"` +
		w.clock.now().Format(time.RFC3339) + `","body":{"outcome":"helped","note":"chỉ Cù Thị Khuyển Vân cách quét"}},
		{"id":"$statusid","kind":"status","market":"NEAR","stall":"R-1","seq":2,"at":"` + w.clock.now().Format(time.RFC3339) + `","body":{"status":"trading","reason":"Cù Thị Khuyển Vân khỏe lại"}}]}`
	for _, s := range []step{
		{name: "a ledger", as: "clerk", do: "POST " + near + "/imports", body: upload{"so cu thi khuyen van.csv", []byte("Mã quầy;Tên hộ kinh doanh;Số điện thoại;VNPT Money\n" +
			"I-1;Cù Thị Khuyển Vân;0719123987;0719555321\nI-2;Cù Thị Khuyển Vân;07191239;\nI-3;Trần Văn Bê;0710000003;0710000003\n")}, header: key("import"), status: 201, keep: map[string]string{"import": "id"}},
		{name: "commit", as: "clerk", do: "POST /api/v1/imports/$import/commit", body: `{"rows":"good","attested":"vi-1"}`, header: key("commit"), status: 200},
		{name: "registered", as: "clerk", do: "POST " + near + "/stalls", body: register, header: key("stall"), status: 201, keep: map[string]string{"vendor": "vendor.id", "account": "accounts.0.id"}},
		{name: "sent with another name", as: "clerk", do: "POST " + near + "/stalls", body: strings.Replace(register, "Vâng", "Vân", 1), status: 409},
		{name: "corrected", as: "clerk", do: "GET " + near + "/vendors/$vendor", status: 200, keep: map[string]string{"vendoretag": "=ETag"}},
		{name: "corrected, saved", as: "clerk", do: "PATCH " + near + "/vendors/$vendor", body: `{"name":"Cù Thị Khuyển Vân"}`, header: []string{"If-Match", "$vendoretag"}, status: 200},
		{name: "proposal", as: "officer", do: "GET /api/v1/accounts/$account", status: 200, keep: map[string]string{"etag": "=ETag"}},
		{name: "approved", as: "officer", do: "POST /api/v1/accounts/$account/decision", body: approve, header: append(key("approve"), "If-Match", "$etag"), status: 200},
		{name: "printed", as: "clerk", do: "POST " + near + "/print-batches", body: `{"stalls":["R-1"],"reason":"in cho Cù Thị Khuyển Vân"}`, header: key("print"), status: 201, keep: map[string]string{"batch": "id", "serial": "items.0.serial"}},
		{name: "the same record as the ledger's", as: "clerk", do: "GET " + near + "/stalls/I-1", status: 200, keep: map[string]string{"ledgers": "vendor.id"}},
		{name: "made one", as: "clerk", do: "POST " + near + "/vendors/$ledgers/merge", body: `{"into":"$vendor","reason":"cùng là Cù Thị Khuyển Vân"}`, header: key("merge"), status: 200},
		{name: "a relative's account", as: "clerk", do: "POST " + near + "/stalls/R-1/accounts", body: `{"provider":"vcb","number":"9988776655443","holder":"CU VAN RIENG","holder_relation":"child","holder_consent":{"version":"vi-1","given":"phone_call"},"reason":"con của Cù Thị Khuyển Vân"}`,
			header: key("relative"), status: 201, keep: map[string]string{"relatives": "id", "retag": "=ETag"}},
		{name: "approved too", as: "officer", do: "POST /api/v1/accounts/$relatives/decision", body: approve, header: []string{"If-Match", "$retag"}, status: 200},
		{name: "as the default", as: "clerk", do: "POST " + near + "/stalls/R-1/default", body: `{"account":"$relatives","reason":"Cù Thị Khuyển Vân muốn"}`, header: key("default"), status: 201, keep: map[string]string{"wish": "id", "wetag": "=ETag"}},
		{name: "which is refused", as: "officer", do: "POST /api/v1/default-proposals/$wish/decision", body: `{"decision":"reject","reason":"Cù Thị Khuyển Vân đổi ý"}`, header: []string{"If-Match", "$wetag"}, status: 200},
		{name: "and waits again", as: "clerk", do: "POST " + near + "/stalls/R-1/default", body: `{"account":"$relatives","reason":"Cù Thị Khuyển Vân muốn"}`, status: 201},
		{name: "a change", as: "clerk", do: "POST " + near + "/stalls/R-1/accounts", body: `{"provider":"viettel_money","number":"0719555321","holder":"CU THI KHUYEN VAN","reason":"Cù Thị Khuyển Vân đổi số"}`, header: key("change"), status: 201,
			keep: map[string]string{"changed": "id", "cetag": "=ETag"}},
		{name: "name heard", as: "clerk", do: "POST /api/v1/accounts/$account/verifications", body: `{"step":"name_heard","heard_name":"Cù Thị Khuyển Vân","how":"nghe Cù Thị Khuyển Vân đọc"}`, status: 201},
		{name: "hung", as: "volunteer", do: "POST /api/v1/placards/$serial/events", body: `{"id":"$eventid","kind":"installed","heard_name":"Cù Thị Khuyển Vân","reason":"Cù Thị Khuyển Vân treo"}`, header: key("hung"), status: 200},
		{name: "hung, otherwise", as: "volunteer", do: "POST /api/v1/placards/$serial/events", body: `{"id":"$eventid","kind":"installed","heard_name":"Cù Thị Khuyển Vân","reason":"khác"}`, status: 409},
		{name: "changed for good", as: "officer", do: "POST /api/v1/accounts/$changed/decision", body: `{"decision":"approve","last_digits":"555321","reason":"Cù Thị Khuyển Vân gọi"}`, header: append(key("second"), "If-Match", "$cetag"), status: 200},
		{name: "printed anew", as: "clerk", do: "POST " + near + "/print-batches", body: `{"stalls":["R-1"]}`, status: 201, keep: map[string]string{"live": "items.0.serial"}},
		{name: "closed for now", as: "clerk", do: "POST " + near + "/stalls/R-1/status", body: `{"status":"closed","reason":"Cù Thị Khuyển Vân ốm"}`, header: key("closed"), status: 200},
		{name: "left a stall", as: "clerk", do: "POST " + near + "/stalls/I-1/closure", body: `{"reason":"Cù Thị Khuyển Vân nghỉ"}`, header: key("left"), status: 200},
		{name: "may be shared", as: "clerk", do: "POST " + near + "/stalls/R-1/sharing", body: `{"provider":"viettel_money","version":"vi-share-1","given":"face_to_face"}`, status: 201},
		{name: "seen in full", as: "clerk", do: "POST " + near + "/stalls/R-1/reveal", body: `{"field":"phone","reason":"gọi Cù Thị Khuyển Vân"}`, status: 200},
		{name: "a file of all, because of them", as: "manager", do: "GET " + near + "/exports/vendors.csv?full=true&reason=tim+Cu+Thi+Khuyen+Van", status: 200},
		{name: "somebody else's account, because of them", as: "clerk", do: "POST " + near + "/stalls", body: `{"code":"O-1","vendor":{"name":"Trần Văn Bê"},"accounts":[{"provider":"momo","number":"0710000009","reason":"em của Cù Thị Khuyển Vân, 0719.123.987"}],"consent":{"version":"vi-1","given":"face_to_face"}}`, header: key("other"), status: 201, keep: map[string]string{"others": "accounts.0.id"}},
		{name: "a preview that waits", as: "clerk", do: "POST " + near + "/imports", body: upload{"moi.csv", []byte("Mã quầy;Tên hộ kinh doanh;Số điện thoại\nP-1;CÙ THỊ KHUYỂN VÂN;+84 719 123 987\n")}, header: key("preview"), status: 201, keep: map[string]string{"preview": "id"}},
		{name: "visited", as: "volunteer", do: "POST " + near + "/stalls/R-1/visits", body: `{"id":"$visitid","outcome":"refused","barrier":"other","note":"Cù Thị Khuyển Vân chưa muốn","checklist":{"sim":"helped"}}`, header: key("visit"), status: 201},
		{name: "visited, otherwise", as: "volunteer", do: "POST " + near + "/stalls/R-1/visits", body: `{"id":"$visitid","outcome":"helped","note":"chị Cù Thị Khuyển Vân"}`, status: 409},
		{name: "a phone's batch", as: "volunteer", do: "POST /api/v1/sync", body: batch, header: key("sync"), status: 200, want: []string{`"kind":"status","status":201`}},
		{name: "asked for a copy", as: "clerk", do: "POST " + near + "/vendors/$vendor/requests", body: `{"kind":"correct","came":"stall","note":"tên là Cù Thị Khuyển Vân"}`, header: key("ask"), status: 201},
		{name: "a figure by them", as: "manager", do: "POST /api/v1/figures", body: `{"indicator":"qr_points","market":"NEAR","provider":"viettel_money","until":"` + registry.DayOf(w.clock.now()).Plus(-1).String() + `","method":"claimed","numerator":7,"source":"Cù Thị Khuyển Vân kể","note":"gọi 0719 123 987"}`,
			status: 201, keep: map[string]string{"figure": "id"}},
		{name: "taken back", as: "manager", do: "POST /api/v1/figures/$figure/withdrawal", body: `{"reason":"Cù Thị Khuyển Vân nhầm"}`, status: 200},
		{name: "which is made", as: "clerk", do: "POST " + near + "/vendors/$vendor/copy", body: `{"reason":"trao cho Cù Thị Khuyển Vân"}`, status: 200, want: []string{`"number":"0719555321"`, `"holder":"CU VAN RIENG"`, `"phone":"0719123987"`, "em ơi không đọc mã", "nghe Cù Thị Khuyển Vân đọc"}},
	} {
		if s.name == "seen in full" { // visits come from phones, and a figure from another board
			w.exec(`INSERT INTO reported_figures (id, indicator, market_id, until, method, numerator, source, source_fold, reported_at, reported_by)
				SELECT gen_random_uuid(), 'qr_points', id, '2026-11-01', 'claimed', 3, 'hỏi 0719.123.987', 'hoi 0719.123.987', $1, 'person:x' FROM markets WHERE code = 'FAR'`, w.clock.now())
			w.exec(`INSERT INTO visits (market_id, id, stall_id, vendor_id, outcome, barrier, note, at, by, recorded_at, recorded_by)
				SELECT s.market_id, gen_random_uuid(), s.id, CASE WHEN s.code = 'R-1' THEN o.vendor_id END, 'refused', 'other', 'Cù Thị Khuyển Vân: em ơi không đọc mã', $1, 'person:x', $1, 'person:x'
				FROM stalls s LEFT JOIN occupancies o ON o.stall_id = s.id AND o.ended IS NULL WHERE s.code IN ('R-1', 'I-3')`, w.clock.now())
		}
		if a := w.do(t, s); a.status != s.status {
			t.Fatalf("%s: status %d, want %d: %s", s.name, a.status, s.status, clip(a.body))
		} else {
			for _, part := range s.want {
				if !strings.Contains(string(a.body), part) {
					t.Errorf("%s: no %s in %s", s.name, part, a.body)
				}
			}
			for name, where := range s.keep {
				w.vars[name] = a.at(t, where)
			}
		}
	}
	if _, err := w.reg.Checkpoint(t.Context(), checkpoints); err != nil {
		t.Fatal(err)
	}
	before := w.traces(t)
	tables := map[string]bool{}
	for column := range before {
		table, _, _ := strings.Cut(column, ".")
		tables[table] = true
	}
	for _, table := range []string{"vendors", "accounts", "account_decisions", "account_verifications", "default_proposals", "default_decisions", "placards", "placard_events", "print_batches",
		"occupancies", "occupancy_statuses", "vendor_merges", "visits", "disclosures", "requests", "clashes", "imports", "idempotency", "reported_figures", "figure_withdrawals"} {
		if !tables[table] {
			t.Errorf("the canary never came to %s: the test shows nothing of it", table)
		}
	}
	w.clock.pass(2 * 24 * time.Hour) // further sessions than a test's idle ones
	w.exec(`UPDATE sessions SET seen_at = $1, created_at = $1`, w.clock.now())
	yesterday := registry.DayOf(w.clock.now()).Plus(-1).String()
	figures := step{as: "manager", do: "GET /api/v1/coverage?market=NEAR&by=provider&as_of=" + yesterday, status: 200}
	freshness := regexp.MustCompile(`"freshness":"[^"]*"`)
	then := freshness.ReplaceAllString(string(w.take(t, figures).body), "")

	w.take(t, step{as: "clerk", do: "POST " + near + "/vendors/$ledgers/requests", body: `{"kind":"delete","came":"desk","note":"Cù Thị Khuyển Vân xin xóa"}`, header: key("delete"), status: 201, keep: map[string]string{"request": "id", "etag": "=ETag"}})
	w.take(t, step{as: "clerk", do: "POST /api/v1/requests/$request/answer", body: `{"decision":"done"}`, header: []string{"If-Match", "$etag"}, status: 403})
	w.take(t, step{as: "manager", do: "POST /api/v1/requests/$request/answer", body: `{"decision":"done"}`, header: append(key("erase"), "If-Match", "$etag"), status: 200, want: []string{`"state":"done"`, "$live", "!$serial"}})

	for _, column := range slices.Sorted(maps.Keys(w.traces(t))) {
		t.Errorf("%s still holds %s", column, w.traces(t)[column])
	}
	if _, err := w.reg.Checkpoint(t.Context(), checkpoints); err != nil {
		t.Fatal(err)
	}
	files := 0
	if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if what := canaryIn(string(text)); what != "" {
			t.Errorf("%s holds %s", path, what)
		}
		files++
		return err
	}); err != nil || files < 4 {
		t.Errorf("%d files, %v", files, err)
	}
	if all, err := list.Read(); err != nil || len(all) != 1 || all[0].Vendor.String() != w.vars["vendor"] {
		t.Errorf("the list beside the database: %+v, %v", all, err)
	}
	if now := freshness.ReplaceAllString(string(w.take(t, figures).body), ""); now != then {
		t.Errorf("figures of %s were %s, are %s", yesterday, then, now)
	}
	m, err := w.reg.Market(t.Context(), registry.Console(), "NEAR")
	if err != nil {
		t.Fatal(err)
	}
	if at, err := w.reg.VerifyAudit(t.Context(), m.ID); at != 0 || err != nil {
		t.Errorf("the chain is broken at %d, %v", at, err)
	}
	if differ, err := w.reg.VerifyCheckpoints(t.Context(), checkpoints); len(differ) != 0 || err != nil {
		t.Errorf("checkpoints: %v, %v", differ, err)
	}
	if found, err := w.reg.Reconcile(t.Context(), registry.Console(), "NEAR"); err != nil || len(found) != 0 {
		t.Errorf("reconcile: %+v, %v", found, err)
	}
	for _, s := range []step{
		{do: "GET " + near + "/vendors/$vendor", status: 404}, {do: "GET " + near + "/vendors/$ledgers", status: 404}, {do: "GET /api/v1/accounts/$changed", status: 404},
		{do: "GET /api/v1/accounts/$changed/qr.png", status: 404}, {do: "GET /api/v1/print-batches/$batch.pdf", status: 410}, {do: "GET " + near + "/vendors/$vendor/timeline", status: 404},
		{do: "GET /api/v1/search?q=khuyen+van&market=NEAR", status: 200, want: []string{`"items":[]`}}, {do: "GET /api/v1/search?q=3987&market=NEAR", status: 200, want: []string{`"items":[]`}},
		{do: "GET " + near + "/stalls/R-1", status: 200, want: []string{`"accounts":[]`, registry.Erased}}, {do: "GET " + near + "/stalls/R-1/timeline", status: 200},
		{do: "GET /api/v1/placards/$live", status: 200, want: []string{`"state":"void"`, `"holder":""`, `"last_digits":""`}}, {do: "GET " + near + "/tasks", status: 200}, {do: "GET " + near + "/requests?ended=true", status: 200},
		{as: "volunteer", do: "POST " + near + "/stalls/R-1/visits", body: `{"id":"$visitid","outcome":"refused","barrier":"other","note":"Cù Thị Khuyển Vân chưa muốn","checklist":{"sim":"helped"}}`, status: 410},
		{as: "volunteer", do: "POST /api/v1/sync", body: batch, status: 200, want: []string{`"status":410`, "!" + `"status":409`, "!" + `"status":20`}},
		{do: "POST " + near + "/stalls", body: register, header: key("stall"), status: 410}, {do: "POST " + near + "/stalls", body: register, status: 410},
		{do: "GET /api/v1/accounts/$others", status: 200, want: []string{"TRAN VAN BE"}},
	} {
		s.as = "clerk"
		if a := w.take(t, s); canaryIn(string(a.body)) != "" {
			t.Errorf("%s tells of %s: %s", s.do, canaryIn(string(a.body)), clip(a.body))
		}
	}
	check := w.take(t, step{do: "GET /v/$live", status: 200})
	if body := string(check.body); canaryIn(body) != "" || strings.Contains(body, "Viettel") || !strings.Contains(body, w.vars["live"]) {
		t.Errorf("the public page of the serial: %s", body)
	}
}
