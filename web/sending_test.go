package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// cut is a connection that breaks before the answer is through.
type cut struct{ *httptest.ResponseRecorder }

func (cut) Write([]byte) (int, error) { return 0, errors.New("connection reset by peer") }

// What was committed is answered again to who lost the answer; what was not is as if it had never been sent.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.as("clerk")
	send := func(ctx context.Context, to http.ResponseWriter, key, code string) {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, near+"/stalls", strings.NewReader(`{"code":"`+code+`"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
		w.as("clerk")(r)
		w.h.ServeHTTP(to, r)
		w.clock.pass(w.clock.step)
	}
	stalls := func(code string) int { return w.count(`SELECT count(*) FROM stalls WHERE code = $1`, code) }

	send(t.Context(), cut{httptest.NewRecorder()}, "cut", "N-1")
	if stalls("N-1") != 1 {
		t.Fatal("the connection broke behind the commit, and the stall is not there")
	}
	a := w.take(t, step{as: "clerk", do: "POST " + near + "/stalls", body: `{"code":"N-1"}`, header: []string{"Idempotency-Key", "cut"}, status: 201, want: []string{`"code":"N-1"`}})
	if a.header.Get("Idempotency-Replayed") != "true" || stalls("N-1") != 1 {
		t.Errorf("replayed: %q, %d stalls", a.header.Get("Idempotency-Replayed"), stalls("N-1"))
	}

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	send(gone, httptest.NewRecorder(), "gone", "N-2")
	if stalls("N-2") != 0 {
		t.Error("a client that left before was served")
	}
	a = w.take(t, step{as: "clerk", do: "POST " + near + "/stalls", body: `{"code":"N-2"}`, header: []string{"Idempotency-Key", "gone"}, status: 201})
	if a.header.Get("Idempotency-Replayed") != "" {
		t.Error("what had no effect was replayed")
	}

	t.Run("keys belong to who sent them", func(t *testing.T) {
		for i, as := range []string{"clerk", "manager", "clerk key", "manager key", "volunteer"} {
			s := step{as: as, do: "POST " + near + "/stalls", body: fmt.Sprintf(`{"code":"K-%d"}`, i), header: []string{"Idempotency-Key", "shared"}, status: 201}
			first, second := w.take(t, s), w.take(t, s)
			if first.header.Get("Idempotency-Replayed") != "" || second.header.Get("Idempotency-Replayed") != "true" {
				t.Errorf("%s: %q, then %q", as, first.header.Get("Idempotency-Replayed"), second.header.Get("Idempotency-Replayed"))
			}
		}
	})
	t.Run("after 30 days a key is new, and its answer gone", func(t *testing.T) {
		w.clock.pass(30*24*time.Hour + time.Minute)
		w.take(t, step{as: "clerk later", do: "POST " + near + "/stalls", body: `{"code":"N-3"}`, header: []string{"Idempotency-Key", "later"}, status: 201})
		if n := w.count(`SELECT count(*) FROM idempotency`); n != 1 {
			t.Errorf("%d answers are kept", n)
		}
	})
}

// A record that carries its own id may be sent twice; its other version is for the leader.
func TestOwnIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const (
		stall   = `{"id":"01a2b3c4-d5e6-7f80-9123-00000000000a","code":"A-1","vendor":{"id":"01a2b3c4-d5e6-7f80-9123-00000000000b","name":"Lý Minh Tâm","phone":"0712345678"},"consent":{"version":"vi-1","given":"face_to_face"}}`
		account = `{"id":"01a2b3c4-d5e6-7f80-9123-00000000000c","provider":"viettel_money","number":"0712345678"}`
	)
	w.secret("0712345678", "Lý Minh Tâm", "Trần Văn Bê")
	w.walk(t, []step{
		{name: "the stall", as: "volunteer", do: "POST " + near + "/stalls", body: stall, status: 201, want: []string{`"id":"01a2b3c4-d5e6-7f80-9123-00000000000a"`}},
		{name: "again", as: "volunteer", do: "POST " + near + "/stalls", body: stall, status: 200, want: []string{`"Lý Minh Tâm"`}},
		{name: "by somebody else, with a key", as: "clerk", do: "POST " + near + "/stalls", body: stall, header: []string{"Idempotency-Key", "one"}, status: 200},
		{name: "other content", as: "volunteer", do: "POST " + near + "/stalls", body: strings.Replace(stall, "Lý Minh Tâm", "Trần Văn Bê", 1), status: 409, want: []string{"record-differs", "!Bê"}},
		{name: "other content with a key", as: "clerk", do: "POST " + near + "/stalls", body: strings.Replace(stall, `"A-1"`, `"A-2"`, 1), header: []string{"Idempotency-Key", "two"}, status: 409, want: []string{"record-differs"}},
		{name: "the account", as: "volunteer", do: "POST " + near + "/stalls/A-1/accounts", body: account, status: 201},
		{name: "again too", as: "clerk", do: "POST " + near + "/stalls/A-1/accounts", body: account, status: 200},
		{name: "its other version", as: "clerk", do: "POST " + near + "/stalls/A-1/accounts", body: strings.Replace(account, "5678", "5679", 1), status: 409, want: []string{"record-differs"}},
		{name: "no id", as: "clerk", do: "POST " + near + "/stalls", body: `{"id":"seven","code":"A-9"}`, status: 422},
		{name: "a clerk does not settle", as: "clerk", do: "GET " + near + "/clashes", status: 403},
		{name: "a leader sees what waits", as: "leader", do: "GET " + near + "/clashes", status: 200, want: []string{`"kind":"stall"`, `"kind":"account"`, "Trần Văn Bê", "07•• ••• 679", "!0712345679"}, keep: map[string]string{"clash": "items.0.id"}},
		{name: "without a note", as: "leader", do: "POST " + near + "/clashes/$clash", body: `{"note":""}`, status: 422, want: []string{`"#/note"`}},
		{name: "settled", as: "leader", do: "POST " + near + "/clashes/$clash", body: `{"note":"Gọi hỏi, bản đầu đúng."}`, status: 200, want: []string{`"content":{}`}},
		{name: "once", as: "manager", do: "POST " + near + "/clashes/$clash", body: `{"note":"lần nữa"}`, status: 409, want: []string{"clash-settled"}},
		{name: "none of that name", as: "manager", do: "POST " + near + "/clashes/none", body: `{"note":"xem"}`, status: 404},
		{name: "two still wait", as: "leader", do: "GET " + near + "/clashes", status: 200, want: []string{"!Bê", "A-2"}},
		{name: "the settled one is kept", as: "leader", do: "GET " + near + "/clashes?settled=true", status: 200, want: []string{"bản đầu đúng"}},
	})
	if n := w.count(`SELECT count(*) FROM stalls`); n != 1 {
		t.Errorf("%d stalls", n)
	}
}

// Who names no version or an old one is told the version that is there.
func TestVersionsInAnswers(t *testing.T) {
	t.Parallel()
	w := stalled(t)
	w.take(t, step{as: "clerk", do: "GET " + near + "/stalls/A-12", status: 200, keep: map[string]string{"etag": "=ETag", "account": "accounts.0.id"}})
	w.take(t, step{as: "manager", do: "GET /api/v1/accounts/$account", status: 200, keep: map[string]string{"account_etag": "=ETag"}})
	for _, s := range []step{
		{as: "clerk", do: "PATCH " + near + "/stalls/A-12", body: `{"goods":"rau"}`, status: 428},
		{as: "clerk", do: "PATCH " + near + "/stalls/A-12", body: `{"goods":"rau"}`, header: []string{"If-Match", `"01a2b3c4-d5e6-7f80-9123-00000000000a.1"`}, status: 412},
		{as: "clerk", do: "PATCH " + near + "/stalls/A-12", body: `{"goods":"rau"}`, header: []string{"If-Match", `*`}, status: 412},
		{as: "clerk", do: "PATCH " + near + "/stalls/A-12", body: `{"goods":"rau"}`, header: []string{"If-Match", "W/$etag"}, status: 412},
		{as: "manager", do: "POST /api/v1/accounts/$account/decision", body: `{"decision":"approve"}`, status: 428},
		{as: "manager", do: "POST /api/v1/accounts/$account/decision", body: `{"decision":"approve"}`, header: []string{"If-Match", "$etag"}, status: 412},
	} {
		want := w.vars["etag"]
		if strings.Contains(s.do, "decision") {
			want = w.vars["account_etag"]
		}
		a := w.take(t, s)
		if a.header.Get("ETag") != want || a.at(t, "etag") != want {
			t.Errorf("%s: ETag %q, %s in the body; want %s", s.do, a.header.Get("ETag"), a.at(t, "etag"), want)
		}
	}
	// Out of scope there is no version to tell.
	a := w.take(t, step{as: "clerk far", do: "PATCH " + near + "/stalls/A-12", body: `{"goods":"rau"}`, status: 404})
	if a.header.Get("ETag") != "" {
		t.Errorf("out of scope: %q", a.header.Get("ETag"))
	}
	w.take(t, step{as: "clerk", do: "PATCH " + near + "/stalls/A-12", body: `{"goods":"rau"}`, header: []string{"If-Match", `"0.0", $etag`}, status: 200})
}
