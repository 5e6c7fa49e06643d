package web_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"testing"

	registry "cho40/vendor_registry"
)

// The ways to re-point money that go through HTTP. Each starts from a stall whose account is approved and a change that "manager evil"
// brought in; the last step is refused, leaves exactly one event, and the money goes where it went.
func TestWaysToRepointOverHTTP(t *testing.T) {
	t.Parallel()
	decision := func(as string) step {
		return step{as: as, do: "POST /api/v1/accounts/$evil/decision", body: `{"decision":"approve","last_digits":"999999"}`, header: []string{"If-Match", "$eviltag"}}
	}
	with := func(s step, status int, want string, header ...string) step {
		s.status, s.want, s.header = status, []string{want}, append(s.header, header...)
		return s
	}
	for _, tt := range []struct {
		name string
		lead func(w *world, t *testing.T)
		last step
		left string
	}{
		{"approve in a second session of one's own", func(w *world, t *testing.T) {
			w.sessionAs("manager evil", "manager evil again")
		}, with(decision("manager evil again"), 403, "own-proposal"), "account.decision_refused"},
		{"approve with a key of one's own", nil, with(decision("manager key"), 403, "keys-never-approve"), "account.decision_refused"},
		{"without the version", nil, step{as: "officer", do: "POST /api/v1/accounts/$evil/decision", body: `{"decision":"approve","last_digits":"999999"}`, status: 428, want: []string{"version-needed"}}, "account.decision_refused"},
		{"a version from before the edit", func(w *world, t *testing.T) {
			w.vars["old"], w.vars["oldtag"] = w.vars["evil"], w.vars["eviltag"]
			w.take(t, step{as: "manager evil", do: "POST " + near + "/stalls/A-12/accounts", body: `{"provider":"viettel_money","number":"0718888888","amends":"$old"}`, status: 201})
		}, step{as: "officer", do: "POST /api/v1/accounts/$old/decision", body: `{"decision":"approve","last_digits":"999999"}`, header: []string{"If-Match", "$oldtag"}, status: 412, want: []string{"stale"}}, "account.decision_refused"},
		{"an old approval sent again for another proposal", func(w *world, t *testing.T) {
			w.take(t, step{as: "clerk", do: "POST " + near + "/stalls", body: stallJSON("B-1", "Rau", "Trần Văn Bê", "0711111111"), status: 201, keep: map[string]string{"honest": "accounts.0.id"}})
			a := w.take(t, step{as: "officer", do: "GET /api/v1/accounts/$honest", status: 200})
			w.vars["honesttag"] = a.header.Get("ETag")
			w.take(t, step{as: "officer", do: "POST /api/v1/accounts/$honest/decision", body: `{"decision":"approve","last_digits":"999999"}`, header: []string{"If-Match", "$honesttag", "Idempotency-Key", "one"}, status: 200})
		}, with(decision("officer"), 422, "idempotency-differs", "Idempotency-Key", "one"), "request.key_reused"},
		{"the same approval again is the same answer", func(w *world, t *testing.T) {
			w.take(t, with(decision("manager evil"), 403, "own-proposal", "Idempotency-Key", "two"))
		}, with(decision("manager evil"), 403, "own-proposal", "Idempotency-Key", "two"), "account.decision_refused"},
		{"under another market's name", nil, step{as: "manager far", do: "POST " + far + "/decisions", body: `[{"id":"$evil","etag":"x","decision":"approve","last_digits":"999999"}]`, status: 200, want: []string{"account-not-found"}}, "account.decision_refused"},
		{"more in the body than is asked for", nil, step{as: "manager evil", do: "POST " + near + "/stalls/A-12/accounts", body: `{"provider":"viettel_money","number":"0717777777","touched_by":["x"],"state":"approved"}`, status: 422, want: []string{"unknown-field"}}, ""},
		{"on the page, with all that was ticked", nil, step{as: "officer", do: "POST /markets/NEAR/approvals", body: raw{form, "decision=approve&all=1&account=$eviltick&shown=$eviltick"}, status: 422}, "account.decision_refused"},
		{"another default on the page, by who proposed it", func(w *world, t *testing.T) {
			w.take(t, step{as: "clerk", do: "POST " + near + "/stalls/A-12/accounts", body: `{"provider":"vnpt_money","number":"0716666666"}`, status: 201, keep: map[string]string{"second": "id", "secondtag": "=ETag"}})
			w.take(t, step{as: "officer", do: "POST /api/v1/accounts/$second/decision", body: `{"decision":"approve"}`, header: []string{"If-Match", "$secondtag"}, status: 200})
			w.take(t, step{as: "manager evil", do: "POST " + near + "/stalls/A-12/default", body: `{"account":"$second"}`, status: 201, keep: map[string]string{"wish": "id", "wishtag": "=ETag"}})
			w.vars["wishform"] = url.Values{"proposal": {w.vars["wish"]}, "etag": {w.vars["wishtag"]}, "decision": {"approve"}, "last_digits": {"666666"}}.Encode()
		}, step{as: "manager evil", do: "POST /markets/NEAR/approvals/defaults", body: raw{form, "$wishform"}, status: 403}, "default.decision_refused"},
		{"hand the market to oneself", func(w *world, t *testing.T) { w.as("officer") },
			step{as: "officer", do: "POST " + near + "/hand-over", body: `{"from":["Person manager evil"],"to":[{"name":"Person officer","role":"manager"}],"reason":"x"}`, status: 403, want: []string{"own-grants"}}, "market.hand_over_refused"},
		{"be approved by who came with a hand-over, being of the old board oneself", func(w *world, t *testing.T) {
			w.as("volunteer next")
			w.take(t, step{as: "officer", do: "POST " + near + "/hand-over", body: `{"from":["Person manager evil"],"to":[{"name":"Person volunteer next"}],"reason":"x"}`, status: 200})
			p, err := w.auth.SetGrants(t.Context(), registry.Console(), "Person manager evil", []registry.Grant{{Role: registry.Officer, Kind: registry.OverArea, Code: "92"}})
			if err != nil || len(p.Grants) != 1 {
				t.Fatal(err)
			}
			w.sessionAs("manager evil", "manager evil again") // a new seat, and a new session
		}, with(decision("manager evil again"), 403, "own-proposal"), "account.decision_refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.secret("0719999999", "KE GIAN")
			w.take(t, step{as: "clerk", do: "POST " + near + "/stalls", body: tamStall, status: 201, keep: map[string]string{"first": "accounts.0.id"}})
			a := w.take(t, step{as: "officer", do: "GET /api/v1/accounts/$first", status: 200})
			w.vars["firsttag"] = a.header.Get("ETag")
			w.take(t, step{as: "officer", do: "POST /api/v1/accounts/$first/decision", body: `{"decision":"approve"}`, header: []string{"If-Match", "$firsttag"}, status: 200})
			w.take(t, step{as: "manager evil", do: "POST " + near + "/stalls/A-12/accounts", body: `{"provider":"viettel_money","number":"0719999999","holder":"KE GIAN"}`, status: 201, keep: map[string]string{"evil": "id", "eviltag": "=ETag"}})
			w.vars["eviltick"] = url.QueryEscape(w.vars["evil"] + " " + w.vars["eviltag"])
			pays := `SELECT count(*) FROM vendors v JOIN accounts a ON a.id = v.default_account WHERE 'NEAR.' || a.id = $1`
			if tt.lead != nil {
				tt.lead(w, t)
			}
			w.as(tt.last.as) // adding somebody is an event too
			before := w.count(`SELECT count(*) FROM audit_events`)
			left := w.count(`SELECT count(*) FROM audit_events WHERE action = $1`, tt.left)
			w.take(t, tt.last)
			want := 1
			if tt.left == "" {
				want = 0
			}
			if all, those := w.count(`SELECT count(*) FROM audit_events`)-before, w.count(`SELECT count(*) FROM audit_events WHERE action = $1`, tt.left)-left; all != want || those != want {
				t.Errorf("it left %d events, %d of them %s", all, those, tt.left)
			}
			if w.count(pays, w.vars["first"]) != 1 || w.count(pays, w.vars["evil"]) != 0 {
				t.Error("the money goes elsewhere")
			}
		})
	}
}

// sessionAs signs a person in once more, under another name in the steps.
func (w *world) sessionAs(name, again string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	sum := sha256.Sum256([]byte(again + w.t.Name()))
	token := hex.EncodeToString(sum[:])
	hash := sha256.Sum256([]byte(token))
	w.exec(`INSERT INTO sessions (hash, person_id, created_at, seen_at, stepped_up_at) SELECT $1, id, $2, $2, '2200-01-01' FROM people WHERE name = $3`, hash[:], w.clock.now(), "Person "+name)
	w.secrets = append(w.secrets, token)
	w.signed[again] = func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "cho40", Value: token}) }
}

// A market goes from its old board to the next: roles and sessions end and begin, keys of the old board end, the record stays.
func TestHandOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"manager old", "clerk old", "volunteer new", "clerk far", "officer", "officer far", "manager far"} {
		w.as(name)
	}
	old := w.actorOf("manager old")
	old.SteppedUp = w.clock.now()
	secret, _, err := w.auth.AddKey(t.Context(), old, "máy in", []registry.Grant{{Role: registry.Clerk, Kind: registry.OverMarket, Code: "NEAR"}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.secret(secret)
	w.walk(t, []step{
		{name: "an account comes in under the old board", as: "manager old", do: "POST " + near + "/stalls", body: tamStall, status: 201, keep: map[string]string{"account": "accounts.0.id"}},
		{name: "nobody of the new board is there yet", as: "volunteer new", do: "GET " + near + "/approvers", status: 200, want: []string{"Person manager old", "Person officer", "!Person officer far", "!Person manager far", "!Person clerk old"}},
		{name: "nobody to hand it to", as: "officer", do: "POST " + near + "/hand-over", body: `{"from":["Person manager old"],"to":[{"name":"Ai đó"}],"reason":"x"}`, status: 422, want: []string{"#/to/0/name"}},
		{name: "somebody without a role there", as: "officer", do: "POST " + near + "/hand-over", body: `{"from":["Person manager far"],"to":[{"name":"Person volunteer new"}],"reason":"x"}`, status: 422, want: []string{"#/from/0", "no-role"}},
		{name: "the same on both sides", as: "officer", do: "POST " + near + "/hand-over", body: `{"from":["Person manager old"],"to":[{"name":"Person manager old"}],"reason":"x"}`, status: 422, want: []string{"both"}},
		{name: "no role to take", as: "officer", do: "POST " + near + "/hand-over", body: `{"from":["Person manager old"],"to":[{"name":"Person volunteer new"},{"name":"Person clerk far"}],"reason":"x"}`, status: 422, want: []string{"#/to/1/role"}},
		{name: "no reason", as: "officer", do: "POST " + near + "/hand-over", body: `{"from":["Person manager old"],"to":[{"name":"Person volunteer new"}],"reason":" "}`, status: 422, want: []string{"#/reason"}},
		{name: "an officer of another province", as: "officer far", do: "POST " + near + "/hand-over", body: `{"from":["Person manager old"],"to":[{"name":"Person volunteer new"}],"reason":"x"}`, status: 404},
		{name: "the board itself", as: "manager old", do: "POST " + near + "/hand-over", body: `{"from":["Person clerk old"],"to":[{"name":"Person volunteer new"}],"reason":"x"}`, status: 403},
		{name: "handed over", as: "officer", do: "POST " + near + "/hand-over", body: `{"from":["Person manager old","Person clerk old"],"to":[{"name":"Person volunteer new"},{"name":"Person clerk far"}],"reason":"phường giao cho hợp tác xã"}`,
			status: 200, header: []string{"Idempotency-Key", "k"}, want: []string{`"keys_revoked":1`, `"name":"Person volunteer new","role":"manager"`, `"name":"Person clerk far","role":"clerk"`}},
		{name: "sent again it happens once", as: "officer", do: "POST " + near + "/hand-over", body: `{"from":["Person manager old","Person clerk old"],"to":[{"name":"Person volunteer new"},{"name":"Person clerk far"}],"reason":"phường giao cho hợp tác xã"}`,
			status: 200, header: []string{"Idempotency-Key", "k"}},
		{name: "the old board is out", as: "manager old", do: "GET " + near + "/stalls", status: 401},
		{name: "who comes signs in anew", as: "volunteer new", do: "GET " + near + "/approvers", status: 401},
	})
	if _, err := w.auth.IssueFactor(t.Context(), registry.Console(), "Person volunteer new"); err != nil { // a manager needs one
		t.Fatal(err)
	}
	w.sessionAs("volunteer new", "volunteer new again")
	w.sessionAs("manager old", "manager old again")
	w.walk(t, []step{
		{name: "the old board sees nothing any more", as: "manager old again", do: "GET " + near + "/stalls", status: 404},
		{name: "the new one sees all that was", as: "volunteer new again", do: "GET " + near + "/stalls/A-12", status: 200, want: []string{"Lý Minh Tâm"}},
		{name: "and who may approve now", as: "volunteer new again", do: "GET " + near + "/approvers", status: 200, want: []string{"Person volunteer new", `"you":true`, "!Person manager old"}},
		{name: "and the account that waits", as: "volunteer new again", do: "GET /api/v1/accounts/$account", status: 200, keep: map[string]string{"etag": "=ETag"}},
		{name: "and approves it", as: "volunteer new again", do: "POST /api/v1/accounts/$account/decision", body: `{"decision":"approve"}`, header: []string{"If-Match", "$etag"}, status: 200},
	})
	if n := w.count(`SELECT count(*) FROM keys WHERE revoked_at IS NOT NULL`); n != 1 {
		t.Errorf("%d keys revoked", n)
	}
	if n := w.count(`SELECT count(*) FROM grants WHERE ends_at IS NOT NULL`); n != 2 {
		t.Errorf("%d grants ended: they are ended, not deleted", n)
	}
	if n := w.count(`SELECT count(*) FROM audit_events WHERE action IN ('market.handed_over', 'person.left_market', 'person.granted')`); n != 5 {
		t.Errorf("%d events, want one of the market and one of each person", n)
	}
}

// actorOf is a signed-up person as an actor.
func (w *world) actorOf(name string) registry.Actor {
	w.t.Helper()
	by, err := w.auth.PersonActor(w.t.Context(), "Person "+name, "web")
	if err != nil {
		w.t.Fatal(err)
	}
	return by
}

// The approvals page says who may approve, and that nobody may.
func TestApprovalsPageSaysWho(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := func(as, want string) {
		t.Helper()
		w.take(t, step{as: as, do: "GET /markets/NEAR/approvals", status: 200, want: []string{want}, header: []string{"Accept-Language", "vi"}})
	}
	page("clerk", "Chợ này chưa có ai được duyệt.")
	w.as("leader")
	page("clerk", "Chưa ai được duyệt đổi tài khoản")
	if _, err := w.auth.Disable(t.Context(), registry.Console(), "Person leader"); err != nil {
		t.Fatal(err)
	}
	w.as("officer far")
	page("clerk", "Chợ này chưa có ai được duyệt.")
	w.as("officer")
	page("clerk", "Cán bộ của bạn duyệt ở đây: Person officer.")
	w.as("manager")
	page("clerk", "Người được duyệt ở đây: Person manager (")
}
