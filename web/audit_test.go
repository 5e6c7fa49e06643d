package web_test

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/chromedp/chromedp"
)

// TestTrailShown: who looks finds what was done, by whom and in which role; narrowed down in each way there is; page by page to the end.
func TestTrailShown(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.prepare(t, "change")
	trail := near + "/audit"
	s.walk(t, []step{
		{name: "everything", as: "auditor", do: "GET " + trail, status: 200, want: []string{`"action":"market.added"`, `"text":"Đã mở chợ"`, `"role":"manager"`, `"actor":"console"`}, keep: map[string]string{"first": "items.0.request_id"}},
		{name: "in English", as: "auditor", do: "GET " + trail, header: []string{"Accept-Language", "en"}, status: 200, want: []string{`"text":"Market opened"`}},
		{name: "one action", as: "manager", do: "GET " + trail + "?action=account.approved", status: 200, want: []string{`"account.approved"`, "!stall.registered"}},
		{name: "a kind of action", as: "manager", do: "GET " + trail + "?action=placard.", status: 200, want: []string{`"placard.issued"`, "!account."}},
		{name: "about a stall, with its accounts and placards", as: "clerk", do: "GET " + trail + "?object=a-12", status: 200, want: []string{`"about":"A-12"`, `"placard.issued"`, `"account.approved"`, "!market.added"}},
		{name: "about a placard", as: "officer", do: "GET " + trail + "?object=$printed", status: 200, want: []string{`"about":"$printed"`, "!stall.registered"}},
		{name: "about something that nothing is called", as: "officer", do: "GET " + trail + "?object=Z-99", status: 200, want: []string{`"items":[]`}},
		{name: "by the console", as: "officer", do: "GET " + trail + "?actor=console", status: 200, want: []string{`"market.added"`, "!stall.registered"}},
		{name: "before there was anything", as: "officer", do: "GET " + trail + "?to=2020-01-01", status: 200, want: []string{`"items":[]`}},
		{name: "from today", as: "officer", do: "GET " + trail + "?from=2020-01-01&limit=2", status: 200, keep: map[string]string{"next": "next_cursor"}},
		{name: "and on", as: "officer", do: "GET " + trail + "?limit=2&cursor=$next", status: 200},
		{name: "a day that is none", as: "officer", do: "GET " + trail + "?from=x&to=2026-02-30", status: 422, want: []string{"#/from", "#/to"}},
		{name: "a cursor that is none", as: "officer", do: "GET " + trail + "?cursor=x", status: 422, want: []string{"cursor-invalid"}},
		{name: "no values", as: "clerk", do: "GET " + trail + "?limit=200", status: 200, want: []string{"!Lý Minh Tâm", "!LY MINH TAM", "!0912345678", "!0791$digits"}},
		{name: "whole", as: "admin", do: "GET " + trail + "/verification", status: 200, want: []string{`"whole":true`}},
		{name: "the page", as: "clerk", do: "GET /markets/NEAR/audit?action=account.approved", status: 200, want: []string{"Đã duyệt tài khoản", "!Đã mở chợ</b>"}},
		{name: "the page with a wrong day", as: "clerk", do: "GET /markets/NEAR/audit?from=x", status: 422, want: []string{"2026-11-22"}},
		{name: "the page, for who only verifies", as: "admin", do: "GET /markets/NEAR/audit?verify=1", status: 200, want: []string{"Nhật ký nguyên vẹn", "!account.approved"}},
		{name: "the service's, with people", as: "auditor", do: "GET /audit?verify=1", status: 200, want: []string{"Nhật ký nguyên vẹn", "!person.added"}},
	})
	s.exec(`UPDATE accounts SET holder = 'KE GIAN' WHERE number = '0912345678'`)
	s.walk(t, []step{
		{name: "not whole", as: "auditor", do: "GET " + trail + "/verification", status: 200, want: []string{`"whole":false`, `"object":"account:`}},
		{name: "nor on the page", as: "admin", do: "GET /markets/NEAR/audit?verify=1", status: 200, want: []string{"Dữ liệu đã bị sửa"}},
	})
}

// TestServiceTrail: the service's own chain tells of people everywhere, so only who looks after everything sees it; a partner sees its keys.
func TestServiceTrail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scopes := []registry.Grant{{Role: registry.Partner, Kind: registry.OverProvider, Code: "vnpt_money"}}
	others, _, err := w.auth.AddKey(t.Context(), registry.Console(), "máy của VNPT", scopes, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.secret(others)
	w.take(t, step{as: "partner key", do: "GET /api/v1/markets", status: 200})
	w.walk(t, []step{
		{name: "officer of an area", as: "officer", do: "GET /api/v1/audit", status: 403},
		{name: "auditor of an area", as: "auditor", do: "GET /api/v1/audit", status: 403},
		{name: "auditor of an area, to take it out", as: "auditor", do: "GET /api/v1/audit/exports/trail.csv", status: 403},
		{name: "officer over everything", as: "officer everywhere", do: "GET /api/v1/audit", status: 200, want: []string{"person.added", "key.added", "máy của VNPT"}},
		{name: "auditor over everything", as: "auditor everywhere", do: "GET /api/v1/audit?action=key.", status: 200, want: []string{"key.added", "!person.added"}},
		{name: "and takes it out", as: "auditor everywhere", do: "GET /api/v1/audit/exports/trail.csv", status: 200},
		{name: "a partner", as: "partner", do: "GET /api/v1/audit", status: 200, want: []string{"key.added", "partner key", "!máy của VNPT", "!person.added"}},
		{name: "a partner, at a market", as: "partner", do: "GET " + near + "/audit", status: 200, want: []string{`"items":[]`}},
		{name: "a page of it", as: "officer everywhere", do: "GET /audit", status: 200, want: []string{"Đã thêm người", "Đã tạo khóa"}},
		{name: "a partner's page", as: "partner", do: "GET /audit", status: 200, want: []string{"!Đã thêm người</b>", "Đã tạo khóa", "!máy của VNPT"}},
	})
}

// evidence is a line of an export, as docs/audit.md describes it.
type evidence struct {
	Chain     string   `json:"chain"`
	Seq       uint64   `json:"seq"`
	At        string   `json:"at"`
	Actor     string   `json:"actor"`
	Via       string   `json:"via"`
	Role      string   `json:"role"`
	Action    string   `json:"action"`
	Object    string   `json:"object"`
	RequestID string   `json:"request_id"`
	Fields    []string `json:"fields"`
	Sealed    []string `json:"sealed"`
	Previous  string   `json:"previous"`
	Hash      string   `json:"hash"`
}

// fits reports whether an event follows from the hash before it, by the recipe of docs/audit.md alone.
func (e evidence) fits(previous string) bool {
	texts := []string{"cho40 audit 2", e.Chain, e.At, e.Actor, e.Via, e.Role, e.Action, e.Object, e.RequestID, strconv.Itoa(len(e.Fields))}
	texts = append(append(append(texts, e.Fields...), strconv.Itoa(len(e.Sealed))), e.Sealed...)
	var body []byte
	for _, text := range texts {
		body = append(body, byte(len(text)>>24), byte(len(text)>>16), byte(len(text)>>8), byte(len(text)))
		body = append(body, text...)
	}
	inner := sha256.Sum256(body)
	before, err := hex.DecodeString(previous)
	if err != nil {
		return false
	}
	n := make([]byte, 8)
	for i := range n {
		n[i] = byte(e.Seq >> (56 - 8*i))
	}
	outer := sha256.Sum256(slices.Concat(before, n, inner[:]))
	return hex.EncodeToString(outer[:]) == e.Hash
}

// TestEvidenceTakenOut checks an export with nothing but the file: it is whole, ends with the event that says it was taken out, and any
// change of it shows.
func TestEvidenceTakenOut(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.prepare(t, "placard")
	read := map[string]func(body []byte) []evidence{
		"jsonl": func(body []byte) (all []evidence) {
			for line := range strings.Lines(string(body)) {
				var e evidence
				if err := json.Unmarshal([]byte(line), &e); err != nil {
					t.Fatal(err)
				}
				all = append(all, e)
			}
			return all
		},
		"csv": func(body []byte) (all []evidence) {
			rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(body), "\uFEFF"))).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range rows[1:] {
				line := []string{}
				for i, name := range rows[0] {
					value := strconv.Quote(row[i])
					if name == "seq" || name == "fields" || name == "sealed" {
						value = row[i]
					}
					line = append(line, fmt.Sprintf("%q:%s", name, value))
				}
				var e evidence
				if err := json.Unmarshal([]byte("{"+strings.Join(line, ",")+"}"), &e); err != nil {
					t.Fatal(err)
				}
				all = append(all, e)
			}
			return all
		},
	}
	for format, events := range read {
		a := s.take(t, step{as: "auditor", do: "GET " + near + "/audit/exports/trail." + format, status: 200})
		if name := a.header.Get("Content-Disposition"); !regexp.MustCompile(`^attachment; filename="NEAR-audit-\d+\.` + format + `"$`).MatchString(name) {
			t.Errorf("it is called %s", name)
		}
		all := events(a.body)
		previous, sealed := "", 0
		for i, e := range all {
			if e.Seq != uint64(i+1) || e.Previous != previous || !e.fits(previous) {
				t.Fatalf("%s: event %d does not fit: %+v", format, i+1, e)
			}
			previous, sealed = e.Hash, sealed+len(e.Sealed)
			for _, change := range []func(e *evidence){func(e *evidence) { e.Actor += "x" }, func(e *evidence) { e.Role = "admin" }, func(e *evidence) { e.Seq++ },
				func(e *evidence) { e.Fields = append(e.Fields, "x") }, func(e *evidence) { e.Sealed = append(slices.Clone(e.Sealed), "x") }, func(e *evidence) { e.At = "2020-01-01T00:00:00Z" }} {
				other := e
				if change(&other); other.fits(e.Previous) {
					t.Errorf("%s: event %d fits although it was changed", format, e.Seq)
				}
			}
		}
		if last := all[len(all)-1]; last.Action != "audit.exported" || len(last.Fields) != 1 || last.Fields[0] != format || last.Role != "auditor" {
			t.Errorf("%s ends with %+v", format, last)
		}
		if len(all) < 20 || sealed < 8 {
			t.Errorf("%s has %d events that commit to %d rows", format, len(all), sealed)
		}
		head, err := postgres.One[string](t.Context(), s.db, `SELECT encode(hash, 'hex') FROM audit_heads h JOIN markets m ON m.id = h.market_id WHERE m.code = 'NEAR'`, nil)
		if err != nil || head != previous {
			t.Errorf("%s ends with %s, the chain with %s, %v", format, previous, head, err)
		}
		for _, part := range []string{"Tâm", "LY MINH TAM", "0912345678", "Person "} {
			if strings.Contains(string(a.body), part) {
				t.Errorf("%s holds %q", format, part)
			}
		}
	}
	s.take(t, step{as: "auditor", do: "GET " + near + "/audit/exports/trail.pdf", status: 404})
	s.take(t, step{as: "auditor", do: "POST /markets/NEAR/audit/exports/trail.csv", body: raw{form, ""}, status: 200})
}

// TestEveryActionHasWords finds each action that the program writes and looks whether a person is told of it in words.
func TestEveryActionHasWords(t *testing.T) {
	t.Parallel()
	words, err := os.ReadFile("audit_words.go")
	if err != nil {
		t.Fatal(err)
	}
	action := regexp.MustCompile(`(?:Event\{(?:Action: )?|audit\(ctx, tx, \w+, [\w()."]+, |refused\(ctx, by, err, |action(?:, \w+)? :?= (?:"[a-z_]+", )?|[=(] ?"[a-z_]+", )"([a-z_]+\.[a-z_]+)"`)
	found := map[string]bool{}
	for _, folder := range []string{"../vendor_registry", "../vendor_registry/fieldwork", "../internal/auth", "."} {
		files, err := filepath.Glob(folder + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range action.FindAllStringSubmatch(string(text), -1) {
				found[m[1]] = true
			}
		}
	}
	for _, kind := range []string{"account.approved", "account.rejected", "default.approved", "default.rejected", "default.withdrawn", "placard.handed_over", "placard.checked", "placard.resumed",
		"placard.removed", "placard.lost", "vendor.default_moved", "placard.passed", "audit.checkpointed", "number.revealed", "rows.exported", "request.acknowledged", "request.done", "request.refused", "consent.holder_withdrawn", "account.words_emptied",
		"person.linked_refused", "person.granted_refused", "person.disabled_refused", "person.enabled_refused", "factor.issued_refused", "factor.reset_refused", "phone.ended_refused",
		"team.made", "team.changed", "team.assigned", "team.released", "member.joined", "member.changed", "member.month_signed"} { // put together, or constants
		found[kind] = true
	}
	for a := range found {
		if strings.HasSuffix(a, ".svg") {
			continue
		}
		if !strings.Contains(string(words), strconv.Quote(a)+":") {
			t.Errorf("%s has no words", a)
		}
	}
	if len(found) < 80 {
		t.Errorf("only %d actions were found", len(found))
	}
}

// The trail on a phone and on a desk: an event unfolds, and nothing is wider than the screen.
func TestTrailInABrowser(t *testing.T) {
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"phone", 360, 740}, {"desktop", 1280, 900}} {
		t.Run(size.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			const password = "sáng sớm chợ họp bên sông"
			if _, _, err := w.auth.AddPerson(t.Context(), registry.Console(), "mai", []registry.Grant{{Role: registry.Clerk, Kind: registry.OverMarket, Code: "NEAR"}}, password); err != nil {
				t.Fatal(err)
			}
			w.take(t, step{as: "manager", do: "POST " + near + "/stalls", body: tamStall, status: 201})
			w.secret(people...)
			server := httptest.NewServer(w.h)
			defer server.Close()
			b := browse(t, server.URL, size.width, size.height)
			b.signIn("mai", password)
			b.goes("/markets/NEAR")
			b.goes("/markets/NEAR/audit")
			b.do("unfold the newest", chromedp.Click(chromedp.CSS("main details summary")))
			b.looks("an event of the trail")
			if !eval[bool](b, `document.querySelector("main details").open && document.querySelector("main details").innerText.includes("account.proposed")`) {
				t.Error("it does not unfold")
			}
		})
	}
}
