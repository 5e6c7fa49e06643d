package web_test

import (
	"archive/zip"
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// canaries are what one vendor of NEAR left in the record. Whoever has nothing to do with NEAR must never be told any of it.
var canaries = []string{"Huỳnh Ngọc Bích Thảo", "HUYNH NGOC BICH THAO", "huynh ngoc bich thao", "Bích Thảo", "0398712064", "0398712065", "QX-417", "Dãy Thiên Lý", "thien ly", "MAC VAN KHANH", "Mạc Văn Khánh",
	"khay thêu tay", "0398712065123"}

const canaryStall = `{"code":"QX-417","section":"Dãy Thiên Lý","goods":"khay thêu tay","vendor":{"name":"Huỳnh Ngọc Bích Thảo","phone":"0398712064"},
	"accounts":[{"provider":"viettel_money","number":"0398712064","holder":"HUYNH NGOC BICH THAO"}],"consent":{"version":"vi-1","given":"face_to_face"}}`

// strangers are ten who have nothing to do with NEAR: each role in another market, area or wallet, a program, nobody. An administrator may know of the
// market, and of nobody in it.
var strangers = []string{"clerk far", "manager far", "volunteer far", "leader far", "officer far", "auditor far", "partner elsewhere", "admin", "manager far key", ""}

// TestCanaries lets ten strangers try every route of the server with NEAR's names and numbers in every place that takes one: the address, the
// query, the body; and their own market's address with NEAR's ids behind it. No answer holds a canary that was not in the request.
func TestCanaries(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.seedCanaries(t)
	s.prepareAll(t)
	for name, v := range s.stall(t, strings.NewReplacer("QX-417", "QX-418", "0398712064", "0398712065").Replace(canaryStall)) { // and one that waits
		s.vars[name] = v
	}
	own := s.take(t, step{as: "clerk far", do: "POST " + far + "/stalls", body: stallJSON("F-1", "Xa", "Đỗ Thị Lan", "0712345673"), status: 201})
	s.vars["ownvendor"], s.vars["ownaccount"] = own.at(t, "vendor.id"), own.at(t, "accounts.0.id")

	known := map[string]bool{}
	for _, tr := range slices.Concat(tries, pages) {
		known[tr.route] = true
	}
	for _, r := range s.h.(*echo.Echo).Routes() {
		route := r.Method + " " + r.Path
		if api := strings.HasPrefix(r.Path, "/api/"); !known[route] && !known[r.Method+" "+braced(r.Path)] && !slices.Contains(openPages, route) && !(api && slices.Contains(append(open, elsewhere...), r.Method+" "+braced(r.Path))) {
			t.Errorf("%s has no row in the matrix", route)
		}
	}

	asked := 0
	for _, who := range strangers {
		t.Run(who, func(t *testing.T) {
			for _, tr := range slices.Concat(tries, pages) {
				method, _, _ := strings.Cut(tr.route, " ")
				if tr.fresh == "session" { // it would end who asks
					continue
				}
				for _, path := range foreign(method, tr.path) {
					s.tells(t, who, method+" "+path, tr.body, tr.header)
					asked++
				}
			}
			for _, in := range smuggled {
				s.tells(t, who, in.do, in.body, []string{"If-Match", `"*"`})
				asked++
			}
		})
	}
	if asked < 2500 {
		t.Errorf("only %d requests", asked)
	}
	// The same to whoever may know finds them, so the net is not full of holes.
	found := map[string]bool{}
	for _, do := range []string{"GET " + near + "/stalls/QX-417", "GET /markets/NEAR", "GET " + near + "/exports/stalls.xlsx?full=true&reason=x", "GET " + near + "/exports/vendors.csv",
		"GET /api/v1/print-batches/$batch.pdf", "GET /api/v1/accounts/$approved/qr.txt"} {
		for canary := range s.canariesIn(t, "manager", do, nil, nil) {
			found[canary] = true
		}
	}
	for _, c := range []string{"Huỳnh Ngọc Bích Thảo", "HUYNH NGOC BICH THAO", "0398712064", "QX-417", "Dãy Thiên Lý", "khay thêu tay"} {
		if !found[c] {
			t.Errorf("even a manager is not told %q", c)
		}
	}
}

// TestNoSuchMarket: a page of a market that somebody may not know of is that of one that does not exist, to the letter.
func TestNoSuchMarket(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.prepareAll(t)
	plain := regexp.MustCompile(`[0-9a-f]{16}|\b[0-9]{2}:[0-9]{2}\b`) // the request's number, the time of day
	n := 0
	for _, tr := range pages {
		if !strings.Contains(tr.path, "NEAR") || tr.fresh != "" && strings.HasPrefix(tr.route, "POST") {
			continue
		}
		method, _, _ := strings.Cut(tr.route, " ")
		for _, who := range []string{"clerk far", "officer far", "auditor far", "volunteer far"} {
			of := func(path string) string {
				a := s.do(t, step{as: who, do: method + " " + path, body: tr.body})
				text := plain.ReplaceAllString(strings.NewReplacer("NEAR", "…", "NONE", "…").Replace(string(a.body)), "…")
				return http.StatusText(a.status) + " " + text
			}
			there, nothing := of(tr.path), of(strings.ReplaceAll(tr.path, "NEAR", "NONE"))
			if n++; there != nothing {
				t.Errorf("%s %s as %s: %s\nof none: %s", method, tr.path, who, clip([]byte(there)), clip([]byte(nothing)))
			}
		}
	}
	if n < 80 {
		t.Errorf("only %d pages", n)
	}
}

// seedCanaries leaves the vendor's traces wherever the record keeps something, and makes that vendor the one whom a try is about.
func (s *scene) seedCanaries(t *testing.T) {
	t.Helper()
	for name, v := range s.stall(t, canaryStall) {
		s.vars["approved"+name] = v
	}
	s.vars["approved"] = s.vars["approvedaccount"]
	s.walk(t, []step{
		{name: "approved", as: "officer", do: "POST /api/v1/accounts/$approved/decision", body: `{"decision":"approve"}`, header: []string{"If-Match", "$approvedetag"}, status: 200},
		{name: "printed", as: "clerk", do: "POST " + near + "/print-batches", body: `{"stalls":["QX-417"]}`, status: 201, keep: map[string]string{"batch": "id", "printed": "items.0.serial"}},
		{name: "heard", as: "clerk", do: "POST /api/v1/accounts/$approved/verifications", body: `{"step":"name_heard","heard_name":"Huỳnh Ngọc Bích Thảo","how":"Bích Thảo nói"}`, status: 201},
		{name: "a relative's", as: "clerk", do: "POST " + near + "/stalls/QX-417/accounts", body: `{"provider":"vcb","number":"0398712065123","holder":"MAC VAN KHANH","holder_relation":"spouse","reason":"Mạc Văn Khánh là chồng Bích Thảo"}`, status: 201},
		{name: "shared with another wallet", as: "clerk", do: "POST " + near + "/stalls/QX-417/sharing", body: `{"provider":"viettel_money","version":"vi-share-1","given":"phone_call"}`, status: 201},
		{name: "shown in full", as: "clerk", do: "POST " + near + "/stalls/QX-417/reveal", body: `{"field":"phone","reason":"gọi Bích Thảo"}`, status: 200},
		{name: "a ledger", as: "clerk", do: "POST " + near + "/imports", body: upload{"Bích Thảo.csv", []byte("Mã quầy;Tên hộ kinh doanh\nQX-419;Huỳnh Ngọc Bích Thảo\n")}, status: 201, keep: map[string]string{"import": "id"}},
	})
}

// foreign are a try's address as it is, with more of NEAR in its query, and with the stranger's own market before NEAR's ids.
func foreign(method, path string) []string {
	paths := []string{path}
	if swapped := strings.NewReplacer("markets/NEAR", "markets/FAR", "market=NEAR", "market=FAR").Replace(path); swapped != path {
		paths = append(paths, strings.ReplaceAll(swapped, "A-12", "QX-417"))
	} else if strings.Contains(path, "$") && !strings.Contains(path, "serial") { // an id that carries its market
		for _, name := range []string{"approved", "account", "import", "batch", "proposal"} {
			if strings.Contains(path, "$"+name) {
				paths = append(paths, strings.Replace(path, "$"+name, "FAR.$"+name+"-bare", 1))
			}
		}
	}
	if method == http.MethodGet {
		join := "?"
		if strings.Contains(path, "?") {
			join = "&"
		}
		paths = append(paths, path+join+"q=QX&market=NEAR&area=92&provider=viettel_money&section=D%C3%A3y+Thi%C3%AAn+L%C3%BD&object=QX-417&stalls=QX-417&actor=console&by=market&full=true&reason=x")
	}
	return paths
}

// smuggled are requests at the strangers' own market that name something of NEAR's in their bodies.
var smuggled = []struct {
	do   string
	body any
}{
	{"POST " + far + "/vendors/$ownvendor/merge", `{"into":"$approvedvendor"}`},
	{"POST " + far + "/vendors/$approvedvendor/merge", `{"into":"$ownvendor"}`},
	{"POST " + far + "/stalls/F-1/default", `{"account":"$approved"}`},
	{"POST " + far + "/stalls/F-1/accounts", `{"provider":"viettel_money","number":"0712345674","replaces":"$approved","amends":"$account"}`},
	{"POST " + far + "/stalls/F-1/transfer", `{"vendor":{"id":"$approvedvendor"},"reason":"sold"}`},
	{"POST " + far + "/stalls/F-1/transfer?check=true", `{"vendor":{"id":"$approvedvendor","name":"Lan"},"reason":"sold"}`},
	{"POST " + far + "/stalls?check=true", `{"code":"QX-417","vendor":{"name":"Huỳnh Ngọc","phone":"0398712064"}}`},
	{"POST " + far + "/stalls", `{"id":"$approvedvendor","code":"F-2"}`},
	{"POST " + far + "/stalls/F-1/move", `{"to":"QX-418","reason":"sold"}`},
	{"POST " + far + "/stalls/F-1/reveal", `{"field":"account","account":"$approved","reason":"x"}`},
	{"POST " + far + "/decisions", `[{"id":"$account","etag":"$etag","decision":"approve"},{"id":"$approved","etag":"$approvedetag","decision":"reject","reason":"x"}]`},
	{"POST " + far + "/print-batches", `{"stalls":["QX-417","QX-418"],"provisional":true}`},
	{"POST " + far + "/print-batches", `{"section":"Dãy Thiên Lý"}`},
	{"POST " + far + "/hand-over", `{"from":["Person clerk"],"to":[{"name":"Person manager"}],"reason":"x"}`},
	{"PATCH " + far + "/sections", `{"rename":{"section":"Dãy Thiên Lý","to":"X"}}`},
	{"POST /api/v1/markets", `{"code":"NEAR","name":"X","area":"31321"}`},
	{"POST /api/v1/people", `{"name":"x","grants":[{"role":"clerk","scope":"market","code":"NEAR"}]}`},
	{"POST /api/v1/keys", `{"name":"x","grants":[{"role":"clerk","scope":"market","code":"NEAR"}],"days":30}`},
	{"POST /markets/FAR/print", raw{form, "which=some&stalls=QX-417"}},
	{"POST /markets/FAR/approvals", raw{form, "decision=approve&account=$ticked"}},
	{"POST /markets/FAR/old-placards", raw{form, "serial=$printed"}},
	{"GET /v/$printed.png", nil},
	{"GET /api/v1/search?q=huynh+ngoc+bich", nil},
	{"GET /api/v1/search?q=712064", nil},
	{"GET /search?q=hnbt", nil},
	{"GET /?q=QX-417", nil},
	{"GET /api/v1/coverage?by=section", nil},
	{"GET /api/v1/coverage?by=goods&area=92", nil},
	{"GET /api/v1/exports/customers.xlsx", nil},
	{"GET /api/v1/exports/customers.csv?provider=viettel_money&full=true&reason=x", nil},
}

// tells sends a request and looks for canaries in all that comes back.
func (s *scene) tells(t *testing.T, who, do string, body any, header []string) {
	t.Helper()
	if found := s.canariesIn(t, who, do, body, header); len(found) > 0 {
		t.Errorf("%s as %q is told %q", do, who, slices.Sorted(maps.Keys(found)))
	}
}

// canariesIn are the canaries in an answer, unpacked, that were not in the request.
func (s *scene) canariesIn(t *testing.T, who, do string, body any, header []string) map[string]bool {
	t.Helper()
	path := regexp.MustCompile(`FAR\.\$(\w+)-bare`).ReplaceAllStringFunc(do, func(m string) string { // the id without its market
		v := s.expand("$" + strings.TrimSuffix(strings.TrimPrefix(m, "FAR.$"), "-bare"))
		_, bare, _ := strings.Cut(v, ".")
		return "FAR." + bare
	})
	method, target, _ := strings.Cut(s.expand(path), " ")
	var sent []byte
	media := ""
	switch b := body.(type) {
	case string:
		sent, media = []byte(s.expand(b)), "application/json"
	case raw:
		sent, media = []byte(s.expand(b.data)), b.media
	case upload:
		sent, media = []byte("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\""+b.name+"\"\r\n\r\n"+string(b.data)+"\r\n--x--\r\n"), "multipart/form-data; boundary=x"
	}
	r := httptest.NewRequestWithContext(t.Context(), method, target, bytes.NewReader(sent))
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], s.expand(header[i+1]))
	}
	s.as(who)(r)
	rec := httptest.NewRecorder()
	s.h.ServeHTTP(rec, r)
	s.clock.pass(s.clock.step)
	if rec.Code >= 500 {
		t.Errorf("%s as %q is answered %d: %s", do, who, rec.Code, clip(rec.Body.Bytes()))
	}
	text := unpacked(t, rec.Body.Bytes())
	for _, values := range rec.Header() {
		text += "\n" + strings.Join(values, "\n")
	}
	asked := target + " " + r.URL.Path + " " + r.URL.Query().Encode() + " " + string(sent)
	for _, v := range r.URL.Query() {
		asked += " " + strings.Join(v, " ")
	}
	found := map[string]bool{}
	for _, c := range canaries {
		if strings.Contains(text, c) && !strings.Contains(asked, c) {
			found[c] = true
		}
	}
	return found
}

// unpacked is the text of an answer: what a ZIP or workbook holds, what a PDF says.
func unpacked(t *testing.T, body []byte) string {
	t.Helper()
	switch {
	case bytes.HasPrefix(body, []byte("PK\x03\x04")):
		z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			all.WriteString(f.Name + "\n" + unpacked(t, b) + "\n")
		}
		return all.String()
	case bytes.HasPrefix(body, []byte("%PDF-")):
		text, err := pdfText(body)
		if err != nil {
			t.Fatalf("pdftotext is needed (Debian: apt-get install poppler-utils): %v", err)
		}
		return text
	}
	return string(body)
}

// braced is a route of the server as the document writes it.
func braced(path string) string { return regexp.MustCompile(`:(\w+)`).ReplaceAllString(path, "{$1}") }
