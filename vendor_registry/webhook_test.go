package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

// receiver is a partner's program: what it was sent and how it answers.
type receiver struct {
	testing.TB
	secret string
	status int
	err    error
	got    []string // "1-3 VT.… installed"
	before func()   // it answers
}

func (r *receiver) take(_ context.Context, url string, header map[string]string, body []byte) (int, error) {
	var in struct {
		Delivery string
		Replay   bool
		Items    []registry.Change
		Next     string `json:"next_cursor"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		r.Error(err)
	}
	stamp, _, _ := strings.Cut(strings.TrimPrefix(header[registry.SignatureHeader], "t="), ",")
	var at int64
	_, _ = fmt.Sscan(stamp, &at)
	if header[registry.SignatureHeader] != registry.Sign(r.secret, time.Unix(at, 0), body) || header[registry.DeliveryHeader] != in.Delivery {
		r.Errorf("headers %v do not fit", header)
	}
	for _, word := range []string{"Tâm", "TAM", "0710"} {
		if strings.Contains(string(body), word) {
			r.Errorf("the body tells of people: %s", body)
		}
	}
	line := fmt.Sprint("to ", in.Next)
	if in.Replay {
		line += " again"
	}
	for _, c := range in.Items {
		if c.Stage != nil {
			line += " " + c.Stage.String()
		} else {
			line += " –"
		}
	}
	r.got = append(r.got, line)
	if r.before != nil {
		r.before()
	}
	return r.status, r.err
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.placard("B-1", numbered(viettel, 7)) // not shared
	second := person(t, "partner", "provider:viettel_money")
	rival := person(t, "partner", "provider:vnpt_money")
	hook, secret, err := w.reg.AddWebhook(ctx, w.partner, registry.NewWebhook{URL: "https://partner.example/cho40", From: "0"}, false)
	if err != nil || hook.State != "waiting" || hook.Provider != "viettel_money" || len(secret) < 40 {
		t.Fatalf("%+v, %v", hook, err)
	}
	r := &receiver{TB: t, secret: secret, status: 200}
	id := hook.ID.String()
	deliver := func() {
		t.Helper()
		if _, err := w.reg.Follow(ctx); err != nil {
			t.Fatal(err)
		}
		if err := w.reg.Deliver(ctx, r.take); err != nil {
			t.Fatal(err)
		}
	}
	said := func(what string, want ...string) {
		t.Helper()
		deliver()
		if !slices.Equal(r.got, want) {
			t.Errorf("%s: %q, want %q", what, r.got, want)
		}
		r.got = nil
	}
	w.stall("A-1", viettel)
	w.share("A-1", "viettel_money")
	said("before the second person")
	stands := func(what string, behind int, tried bool, status int, err string) {
		t.Helper()
		w1, failed := w.reg.Webhook(ctx, second, id)
		all, failedToo := w.reg.Webhooks(ctx, second)
		if failed != nil || failedToo != nil || len(all) != 1 || all[0].ETag() != w1.ETag() {
			t.Fatalf("%s: %+v, %v; %+v, %v", what, w1, failed, all, failedToo)
		}
		got := fmt.Sprint(*w1.Behind, w1.BehindSince != nil, w1.TriedAt != nil, w1.TookMS != nil)
		if want := fmt.Sprint(behind, behind > 0, tried, tried); got != want {
			t.Errorf("%s: behind, since, tried, took: %s, want %s", what, got, want)
		}
		if w1.Status == nil && status != 0 || w1.Status != nil && *w1.Status != status || w1.Error == nil && err != "" || w1.Error != nil && *w1.Error != err {
			t.Errorf("%s: the last answer is %v %v, want %d %q", what, w1.Status, w1.Error, status, err)
		}
	}
	stands("what it will be told", 1, false, 0, "")
	for _, tt := range []struct {
		name string
		by   registry.Actor
		want string
	}{
		{"who asked", w.partner, "own-webhook"}, {"a rival", rival, "webhook-not-found"}, {"a manager", w.manager, "not-allowed"}, {"a key", keyOf(t, "viettel_money"), "not-allowed"},
		{"the console", registry.Console(), "not-allowed"}, {"with an old second factor", func() registry.Actor { a := second; a.SteppedUp = time.Time{}; return a }(), "step-up-needed"},
	} {
		if _, err := w.reg.ApproveWebhook(ctx, tt.by, id); fault.CodeOf(err) != tt.want {
			t.Errorf("approved by %s: %v, want %s", tt.name, err, tt.want)
		}
	}
	if hook, err = w.reg.ApproveWebhook(ctx, second, id); err != nil || hook.State != "active" {
		t.Fatalf("%+v, %v", hook, err)
	}
	_, err = w.reg.ApproveWebhook(ctx, second, id)
	isFault(t, err, "webhook-state")
	said("what there is", "to 2 account")
	said("nothing new")
	stands("all told", 0, true, 200, "")
	w.approve(w.look("A-1").Accounts[0])
	r.status = 500
	r.before = func() { w.clock.pass(1250 * time.Millisecond) }
	said("refused", "to 3 approved")
	r.before = nil
	stands("refused", 1, true, 500, "answered 500")
	if hook, err := w.reg.Webhook(ctx, second, id); err != nil || *hook.TookMS != 1250 {
		t.Errorf("it took %d ms, %v", *hook.TookMS, err)
	}
	said("not at once again")
	w.clock.pass(time.Minute)
	r.err, r.status = errors.New("no answer in time"), 0
	said("a minute later", "to 3 approved")
	stands("no answer", 1, true, 0, "no answer in time")
	w.clock.pass(time.Minute)
	said("twice as long now")
	printed := w.clock.now()
	w.issue(registry.NewBatch{Stalls: []string{"A-1"}})
	w.clock.pass(time.Minute)
	r.err, r.status = nil, 204
	said("taken, and what came meanwhile behind it", "to 3 approved", "to 4 printed")
	log, err := w.reg.Deliveries(ctx, second, id, registry.List{Limit: 2})
	if err != nil || len(log.Items) != 2 || log.Next == nil || log.Items[1].Tries != 3 || log.Items[1].State != "delivered" || *log.Items[1].Status != 204 || log.Items[1].Error != nil {
		t.Errorf("%+v, %v", log, err)
	}
	_, err = w.reg.Deliveries(ctx, rival, id, registry.List{})
	isFault(t, err, "webhook-not-found")

	if again, err := w.reg.ReplayWebhook(ctx, w.admin, id, registry.Replay{After: "2"}); err != nil || len(again) != 1 || !again[0].Replay {
		t.Fatalf("%+v, %v", again, err)
	}
	said("again", "to 4 again approved printed")
	if again, err := w.reg.ReplayWebhook(ctx, w.admin, id, registry.Replay{Since: printed}); err != nil || len(again) != 1 || again[0].After != "3" {
		t.Fatalf("since it was printed: %+v, %v", again, err)
	}
	said("from a time on", "to 4 again printed")
	for in, want := range map[registry.Replay]string{{}: "replay-invalid", {Since: w.clock.now().Add(time.Hour)}: "replay-invalid", {Since: printed, After: "2"}: "replay-invalid", {After: "2", Until: "99"}: "replay-invalid", {After: "x"}: "replay-invalid", {After: "4", Until: "4"}: "replay-invalid"} {
		_, err := w.reg.ReplayWebhook(ctx, w.partner, id, in)
		isFault(t, err, want)
	}
	if _, err := w.reg.ReplayWebhook(ctx, w.partner, id, registry.Replay{After: "0"}); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(time.Minute)
	w.sharing("A-1", "viettel_money", true)
	said("taken back: what was before is sent no more, not in a replay either", "to 5 –")

	w.stall("C-1", registry.NewAccount{Provider: "vnpt_money", Number: "0812345678", Holder: "LY MINH TAM"})
	w.share("C-1", "vnpt_money")
	if _, err := w.reg.Follow(ctx); err != nil {
		t.Fatal(err)
	}
	if hook, err := w.reg.Webhook(ctx, w.partner, id); err != nil || *hook.Behind != 0 {
		t.Errorf("behind by %d changes of another wallet's, %v", *hook.Behind, err)
	}

	// Nothing for a week: off.
	w.share("A-1", "viettel_money")
	w.clock.pass(time.Minute)
	w.sharing("A-1", "viettel_money", true)
	w.clock.pass(time.Minute)
	w.share("A-1", "viettel_money")
	r.status = 503
	for range 40 {
		deliver()
		w.clock.pass(6 * time.Hour)
	}
	if hook, err = w.reg.Webhook(ctx, w.partner, id); err != nil || hook.State != "off" || *hook.OffBy != "system" {
		t.Errorf("after ten days of failing %+v, %v", hook, err)
	}
	if n := len(r.got); n < 25 || n > 45 {
		t.Errorf("tried %d times in a week", n)
	}
	r.got, r.status = nil, 200
	said("nothing more")
	_, err = w.reg.ReplayWebhook(ctx, w.partner, id, registry.Replay{After: "0"})
	isFault(t, err, "webhook-state")
	w.clock.pass(registry.DeliveriesLive + 24*time.Hour)
	if _, err := w.reg.Retain(ctx); err != nil {
		t.Fatal(err)
	}
	if log, err := w.reg.Deliveries(ctx, w.partner, id, registry.List{}); err != nil || len(log.Items) != 0 {
		t.Errorf("%d in the log, %v", len(log.Items), err)
	}
	if at, err := w.reg.VerifyAudit(ctx, registry.MarketID{}); at != 0 || err != nil {
		t.Errorf("the service's chain is broken at %d, %v", at, err)
	}
}

func TestWebhookFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct {
		name     string
		by       registry.Actor
		in       registry.NewWebhook
		loopback bool
		want     string
	}{
		{"over http", w.partner, registry.NewWebhook{URL: "http://partner.example/"}, false, "webhook-invalid"},
		{"over http where this machine is allowed", w.partner, registry.NewWebhook{URL: "http://127.0.0.1:9/"}, true, ""},
		{"another scheme", w.partner, registry.NewWebhook{URL: "gopher://partner.example/"}, true, "webhook-invalid"},
		{"no address", w.partner, registry.NewWebhook{}, false, "webhook-invalid"},
		{"a name and password", w.partner, registry.NewWebhook{URL: "https://a:b@partner.example/"}, false, "webhook-invalid"},
		{"a private network", w.partner, registry.NewWebhook{URL: "https://192.168.1.5/"}, true, "webhook-invalid"},
		{"this machine", w.partner, registry.NewWebhook{URL: "https://LOCALHOST./"}, false, "webhook-invalid"},
		{"this machine where it is allowed", w.partner, registry.NewWebhook{URL: "http://localhost:9/"}, true, ""},
		{"a name that only a network knows", w.partner, registry.NewWebhook{URL: "https://kho.internal/"}, false, "webhook-invalid"},
		{"a number that is public", w.partner, registry.NewWebhook{URL: "https://[2a00:1450:4001::5]:8443/"}, false, ""},
		{"a mark that no address has", w.partner, registry.NewWebhook{URL: `https://partner.example/"><i>`}, false, "webhook-invalid"},
		{"no host", w.partner, registry.NewWebhook{URL: "https:///x"}, false, "webhook-invalid"},
		{"a line break", w.partner, registry.NewWebhook{URL: "https://partner.example/\r\nX: y"}, false, "webhook-invalid"},
		{"too long", w.partner, registry.NewWebhook{URL: "https://partner.example/" + strings.Repeat("x", 500)}, false, "webhook-invalid"},
		{"no cursor", w.partner, registry.NewWebhook{URL: "https://partner.example/", From: "-1"}, false, "webhook-invalid"},
		{"for a rival", w.partner, registry.NewWebhook{Provider: "momo", URL: "https://partner.example/"}, false, "provider-not-found"},
		{"an administrator for nobody", w.admin, registry.NewWebhook{Provider: "nobody", URL: "https://partner.example/"}, false, "provider-not-found"},
		{"an administrator", w.admin, registry.NewWebhook{Provider: "971011", URL: "https://partner.example/"}, false, ""},
		{"a key", keyOf(t, "viettel_money"), registry.NewWebhook{URL: "https://partner.example/"}, false, "not-allowed"},
		{"a manager", w.manager, registry.NewWebhook{Provider: "viettel_money", URL: "https://partner.example/"}, false, "not-allowed"},
		{"the console", registry.Console(), registry.NewWebhook{Provider: "viettel_money", URL: "https://partner.example/"}, false, "not-allowed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := w.reg.AddWebhook(t.Context(), tt.by, tt.in, tt.loopback); fault.CodeOf(err) != tt.want {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
	var err error
	for range 11 {
		_, _, err = w.reg.AddWebhook(t.Context(), w.partner, registry.NewWebhook{URL: "https://partner.example/"}, false)
	}
	isFault(t, err, "webhooks-many")
	// The database keeps two people apart, although no code of ours is in the way.
	if _, err := w.db.Exec(t.Context(), `UPDATE webhooks SET approved_by = made_by, approved_at = made_at`); err == nil || !strings.Contains(err.Error(), "webhooks_two_people") {
		t.Errorf("approved by who asked: %v", err)
	}
}
