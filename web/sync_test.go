package web_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cho40/internal/auth"
	registry "cho40/vendor_registry"
)

// A phone's batch over HTTP: each item with the status it would have had alone, in the reader's language; a request's key; a phone that
// was revoked, which loses nothing.
func TestSync(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.take(t, step{as: "clerk", do: "POST " + near + "/stalls", body: stallJSON("A-1", "Rau", "Trần Văn Bê", "0712345670"), status: 201})
	id := func(n int) string { return fmt.Sprintf("01a2b3c4-d5e6-7f80-9123-%012d", n) }
	item := func(n int, more string) string {
		return fmt.Sprintf(`{"id":%q,"kind":"visit","seq":%d,"at":"2026-11-22T01:30:00Z","market":"NEAR","stall":"A-1","body":%s}`, id(n), n, more)
	}
	batch := func(items ...string) string {
		return fmt.Sprintf(`{"device":%q,"sent_at":%q,"items":[%s]}`, nobody, w.clock.now().Format(time.RFC3339), strings.Join(items, ","))
	}
	three := batch(item(1, `{"outcome":"done"}`), item(2, `{"outcome":"done","note":"PIN 123456"}`), item(3, `{"outcome":"helped"}`))
	a := w.take(t, step{as: "volunteer", do: "POST /api/v1/sync", body: three, status: 200, header: []string{"Idempotency-Key", "k1"},
		want: []string{`"status":201`, `"status":422`, "giống mã PIN", `"server_time":"2026-11-22`}})
	if got := a.at(t, "items.0.status") + a.at(t, "items.1.status") + a.at(t, "items.2.status"); got != "201422201" {
		t.Errorf("%s", got)
	}
	if r := w.take(t, step{as: "volunteer", do: "POST /api/v1/sync", body: three, status: 200, header: []string{"Idempotency-Key", "k1"}}); r.header.Get("Idempotency-Replayed") != "true" || string(r.body) != string(a.body) {
		t.Errorf("the same request under the same key: %s", clip(r.body))
	}
	w.take(t, step{as: "volunteer", do: "POST /api/v1/sync", body: batch(item(1, `{"outcome":"done"}`), item(3, `{"outcome":"refused"}`)), status: 200,
		want: []string{`"status":200`, `"status":409`, "visit-differs"}})
	w.take(t, step{as: "volunteer far", do: "POST /api/v1/sync", body: batch(item(4, `{"outcome":"done"}`)), status: 200, want: []string{`"status":404`, "market-not-found"}})
	w.take(t, step{as: "volunteer", do: "POST /api/v1/sync", body: `{"device":"` + nobody + `","sent_at":"2026-11-22T02:00:00Z","items":[],"more":1}`, status: 422, want: []string{"#/more"}})
	w.take(t, step{as: "volunteer", do: "POST /api/v1/sync", body: `{"items":[]}`, status: 422, want: []string{"#/device", "#/sent_at"}})
	if n := w.count(`SELECT count(*) FROM visits`); n != 2 {
		t.Errorf("%d visits", n)
	}

	// The phone: enrolled, used, revoked.
	g, err := registry.ParseGrant("volunteer", "market:NEAR")
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	p, _, err := w.auth.AddPerson(ctx, registry.Console(), "sau", []registry.Grant{g}, "sáng sớm chợ họp bên sông")
	if err != nil {
		t.Fatal(err)
	}
	entry, err := w.auth.SignIn(ctx, auth.Attempt{Name: "sau", Password: "sáng sớm chợ họp bên sông", Address: "10.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	by, err := w.auth.Session(ctx, entry.Session, "")
	if err != nil {
		t.Fatal(err)
	}
	phone, _, err := w.auth.EnrolPhone(ctx, by, "270419", "Chrome, Android")
	if err != nil {
		t.Fatal(err)
	}
	token, err := w.auth.SignInByPIN(ctx, phone, "270419", "10.0.0.1", "Chrome, Android")
	if err != nil {
		t.Fatal(err)
	}
	w.secret(token, phone)
	w.signed["phone"] = func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "cho40", Value: token}) }
	w.take(t, step{as: "phone", do: "POST /api/v1/sync", body: batch(item(5, `{"outcome":"done"}`)), status: 200, want: []string{`"status":201`}})
	if _, err := w.auth.EndPhone(ctx, registry.Console(), p.ID.String()); err != nil {
		t.Fatal(err)
	}
	late := batch(item(6, `{"outcome":"done"}`), item(7, `{"outcome":"absent"}`))
	w.take(t, step{as: "phone", do: "POST /api/v1/sync", body: late, status: 401, want: []string{"session-ended"}})
	if n := w.count(`SELECT count(*) FROM visits`); n != 3 {
		t.Errorf("%d visits after the phone was revoked", n)
	}
	if token, err = w.auth.SignInByPIN(ctx, phone, "270419", "10.0.0.1", ""); err == nil {
		t.Error("the PIN of a revoked phone counts")
	}
	w.take(t, step{as: "volunteer", do: "POST /api/v1/sync", body: late, status: 200, want: []string{`"status":201`, `!"problem"`}}) // nothing was lost on the phone
}

// The pack over HTTP: signed, compressed, and not sent again where it is the same.
func TestPackIsSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.take(t, step{as: "clerk", do: "POST " + near + "/stalls", body: stallJSON("A-1", "Rau", "Trần Văn Bê", "0712345670"), status: 201})
	path := near + "/pack?device=" + nobody
	a := w.take(t, step{as: "volunteer", do: "GET " + path, status: 200, want: []string{`"full":true`, `"code":"A-1"`, "!0712345670"}, keep: map[string]string{"pack": "=ETag", "cursor": "cursor"}})
	if len(a.header.Get("Pack-Signature")) != 86 {
		t.Errorf("signature %q", a.header.Get("Pack-Signature"))
	}
	if n := w.take(t, step{as: "volunteer", do: "GET " + path, header: []string{"If-None-Match", "$pack"}, status: 304}); len(n.body) != 0 {
		t.Error("304 with a body")
	}
	w.take(t, step{as: "volunteer", do: "GET " + path + "&since=$cursor", status: 200, want: []string{`"full":false`, `"stalls":[]`}})
	w.take(t, step{as: "volunteer", do: "GET " + near + "/pack?device=phone", status: 422, want: []string{"#/device"}})
	w.take(t, step{as: "volunteer", do: "GET " + near + "/plan?mine=true", status: 200, want: []string{`"items":[]`}})
	w.take(t, step{as: "leader", do: "GET /api/v1/field-words", header: []string{"Accept-Language", "vi"}, status: 200, want: []string{"Lo chuyện thuế", `"again_days":60`, "Giúp mở tài khoản"}})
	w.take(t, step{as: "leader", do: "GET /api/v1/field-words", header: []string{"Accept-Language", "en"}, status: 200, want: []string{"Worried about tax"}})
}
