package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
)

// share records that the vendor of a stall agreed that a provider may know of them.
func (w *world) share(stall, provider string) {
	w.Helper()
	w.sharing(stall, provider, false)
}

func (w *world) sharing(stall, provider string, withdrawn bool) {
	w.Helper()
	in := registry.NewSharing{Provider: provider, Version: "vi-share-1", Given: "face_to_face", Withdrawn: withdrawn}
	if _, err := w.reg.RecordSharing(w.Context(), w.clerk, "VT", stall, in); err != nil {
		w.Fatal(err)
	}
}

// A provider's key says of many accounts what it knows, and hears of each only what became of its word.
func TestConfirm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	open := w.approve(w.stall("A-1", viettel).Accounts[0])
	w.share("A-1", "viettel_money")
	silent := w.approve(w.stall("A-2", numbered(viettel, 2)).Accounts[0]) // did not agree
	rivals := w.approve(w.stall("A-3", vnpt).Accounts[0])
	w.share("A-3", "viettel_money") // agreed, but the account is not there
	taken := w.approve(w.stall("A-4", numbered(viettel, 4)).Accounts[0])
	w.share("A-4", "viettel_money")
	w.clock.pass(time.Minute)
	w.sharing("A-4", "viettel_money", true)
	over, err := w.reg.Withdraw(t.Context(), w.clerk, w.stall("A-5", numbered(viettel, 5)).Accounts[0].ID, "")
	if err != nil {
		t.Fatal(err)
	}
	w.share("A-5", "viettel_money")
	key := keyOf(t, "viettel_money")
	today := registry.DayOf(w.clock.now())
	say := func(by registry.Actor, in registry.NewConfirmations) []string {
		t.Helper()
		answers, err := w.reg.Confirm(t.Context(), by, in)
		if err != nil {
			return []string{fault.CodeOf(err)}
		}
		var all []string
		for _, a := range answers {
			if a.Fault != nil {
				all = append(all, a.Fault.Code)
			} else {
				all = append(all, a.Result)
			}
		}
		return all
	}
	same := func(name string, got []string, want ...string) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s: %q, want %q", name, got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: %q, want %q", name, got, want)
				return
			}
		}
	}
	active := func(a registry.Account) registry.Confirmation {
		return registry.Confirmation{Account: a.ID, Status: "active"}
	}
	many := func(cs ...registry.Confirmation) registry.NewConfirmations {
		return registry.NewConfirmations{Items: cs}
	}
	nobody := registry.Account{ID: registry.AccountRef{Market: "VT", ID: id.New[registry.Account]()}}
	nowhere := registry.Account{ID: registry.AccountRef{Market: "NO", ID: open.RecordID}}
	same("each on its own", say(key, many(active(open), active(silent), active(rivals), active(taken), active(over), active(nobody), active(nowhere))),
		"recorded", "account-not-found", "account-not-found", "account-not-found", "account-over", "account-not-found", "account-not-found")
	if got := w.ladder(open); got.Rung != registry.RungConfirmed {
		t.Errorf("stands at %+v", got)
	}
	if got := w.ladder(silent); got.Rung == registry.RungConfirmed {
		t.Errorf("who did not agree stands at %+v", got)
	}
	w.clock.pass(time.Hour)
	same("the same again", say(key, many(active(open))), "unchanged")
	w.clock.pass(24 * time.Hour)
	same("the same a day later is a later word", say(key, many(active(open))), "recorded")
	named := active(open)
	named.Holder = "lý minh tâm"
	same("with the holder's name", say(key, many(named)), "recorded")
	same("and again", say(key, many(named)), "unchanged")
	named.Holder = "Kẻ Gian"
	same("another name is heard the same", say(key, many(named)), "recorded")
	if got := w.ladder(open); !got.NameDiffers {
		t.Errorf("another name: %+v", got)
	}
	used := registry.Confirmation{Account: open.ID, Uses: []registry.ConfirmedUse{{Day: today, Payments: 3}, {Day: today.Plus(-3), Payments: 1}}}
	same("paid on two days", say(key, many(used)), "recorded")
	same("the same two days", say(key, many(used)), "unchanged")
	used.Uses[0].Payments = 4
	same("more on one of them", say(key, many(used)), "recorded")
	var n int
	if err := w.db.QueryRow(t.Context(), `SELECT n.used FROM market_now n JOIN markets m ON m.id = n.market_id WHERE m.code = 'VT'`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d used, want 1; %v", n, err)
	}
	wrong := []registry.Confirmation{{Account: open.ID}, {Account: open.ID, Status: "gone"}, {Account: open.ID, Holder: "X"},
		{Account: open.ID, Uses: []registry.ConfirmedUse{{Day: today.Plus(9), Payments: 1}}}, {Account: open.ID, Uses: []registry.ConfirmedUse{{Day: today, Payments: 0}}},
		{Account: open.ID, Uses: []registry.ConfirmedUse{{Day: today, Payments: 1}, {Day: today, Payments: 2}}}, active(open), active(open)}
	got := say(key, many(wrong...))
	same("what cannot be read", got[:6], "confirmation-invalid", "confirmation-invalid", "confirmation-invalid", "confirmation-invalid", "confirmation-invalid", "confirmation-invalid")
	same("one account twice", got[6:], "recorded", "confirmation-invalid")
	same("too many", say(key, many(make([]registry.Confirmation, 501)...)), "confirmations-invalid")
	same("for a rival", say(key, registry.NewConfirmations{Provider: "vnpt_money", Items: []registry.Confirmation{active(rivals)}}), "provider-not-found")
	same("a person of the provider's", say(w.partner, many(active(open))), "not-allowed")
	same("a manager", say(w.manager, many(active(open))), "not-allowed")
	same("the console", say(registry.Console(), registry.NewConfirmations{Provider: "viettel_money", Items: []registry.Confirmation{active(open)}}), "not-allowed")
	same("days alone", say(key, registry.NewConfirmations{Days: []registry.Day{today}}))
	w.whole()
}

// says is one word of a provider's key: what became of it, or why not.
func (w *world) says(key registry.Actor, c registry.Confirmation) string {
	w.Helper()
	answers, err := w.reg.Confirm(w.Context(), key, registry.NewConfirmations{Items: []registry.Confirmation{c}})
	if err != nil {
		w.Error(err)
		return ""
	}
	if f := answers[0].Fault; f != nil {
		return f.Code
	}
	return answers[0].Result
}

// Of an account that is closed the provider may speak as of any other, and takes it back with its next word.
func TestConfirmClosed(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.OneServer(t))
	key, second, rival := keyOf(t, "viettel_money"), keyOf(t, "viettel_money"), keyOf(t, "vnpt_money")
	today := registry.DayOf(w.clock.now())
	type word struct {
		by   registry.Actor
		said registry.Confirmation
		wait time.Duration // before it
		want string
	}
	closed, active := registry.Confirmation{Status: "closed"}, registry.Confirmation{Status: "active"}
	named := registry.Confirmation{Status: "closed", Holder: "LY MINH TAM"}
	used := registry.Confirmation{Status: "closed", Uses: []registry.ConfirmedUse{{Day: today, Payments: 2}}}
	later := registry.Confirmation{Status: "closed", Uses: []registry.ConfirmedUse{{Day: today.Plus(30), Payments: 2}}}
	for i, tt := range []struct {
		name  string
		words []word
		shut  bool // in the end
		rows  int  // of closures
	}{
		{"said", []word{{key, closed, 0, "recorded"}}, true, 1},
		{"the same within a day", []word{{key, closed, 0, "recorded"}, {key, closed, day - time.Second, "unchanged"}}, true, 1},
		{"the same after a day is a later word", []word{{key, closed, 0, "recorded"}, {key, closed, day, "recorded"}}, true, 2},
		{"another program of the same provider's says it for itself", []word{{key, closed, 0, "recorded"}, {second, closed, 0, "recorded"}}, true, 2},
		{"active takes it back", []word{{key, closed, 0, "recorded"}, {key, active, 0, "recorded"}}, false, 1},
		{"active of the same day before counts no more", []word{{key, active, 0, "recorded"}, {key, closed, time.Hour, "recorded"}, {key, active, time.Hour, "recorded"}, {key, active, time.Hour, "unchanged"}}, false, 1},
		{"closed, active and closed within a day", []word{{key, closed, 0, "recorded"}, {key, active, time.Hour, "recorded"}, {key, closed, time.Hour, "recorded"}, {key, closed, time.Hour, "unchanged"}}, true, 2},
		{"with a holder", []word{{key, named, 0, "confirmation-invalid"}}, false, 0},
		{"paid today, and closed since", []word{{key, used, 0, "recorded"}, {key, used, 0, "unchanged"}}, true, 1},
		{"paid on a day to come", []word{{key, later, 0, "confirmation-invalid"}}, false, 0},
		{"another wallet's word", []word{{rival, closed, 0, "account-not-found"}}, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code := fmt.Sprint("A-", i)
			a := w.approve(w.stall(code, numbered(viettel, i)).Accounts[0])
			w.share(code, "viettel_money")
			var since *time.Time
			for n, word := range tt.words {
				w.clock.pass(word.wait)
				word.said.Account = a.ID
				if got := w.says(word.by, word.said); got != word.want {
					t.Errorf("word %d: %s, want %s", n+1, got, word.want)
				}
				switch {
				case word.said.Status == "active":
					since = nil
				case word.want == "recorded" && since == nil:
					at := w.clock.now()
					since = &at
				}
			}
			got := w.look(code).Accounts[0]
			if (got.ClosedSince != nil) != tt.shut || tt.shut && !got.ClosedSince.Equal(*since) {
				t.Errorf("closed since %v, want %v", got.ClosedSince, since)
			}
			if !got.Default || got.State != registry.StateApproved {
				t.Errorf("the account is %s, default %v: a partner moves nothing", got.State, got.Default)
			}
			if rows := ask[int](w, `SELECT count(*)::int FROM account_closures WHERE account_id = '`+a.RecordID.String()+`'`); rows != tt.rows {
				t.Errorf("%d rows, want %d", rows, tt.rows)
			}
			events := ask[int](w, `SELECT count(*)::int FROM audit_events WHERE action = 'account.closed_by_provider' AND fields = '{status}' AND object = 'account:`+a.RecordID.String()+`'`)
			if events != tt.rows {
				t.Errorf("%d events, want %d", events, tt.rows)
			}
		})
	}
	// Many at once: one of them is news.
	crowd := w.approve(w.stall("C-1", numbered(viettel, 92)).Accounts[0])
	w.share("C-1", "viettel_money")
	heard := make(chan string, 8)
	for range cap(heard) {
		go func() { heard <- w.says(key, registry.Confirmation{Account: crowd.ID, Status: "closed"}) }()
	}
	fresh := 0
	for range cap(heard) {
		if <-heard == "recorded" {
			fresh++
		}
	}
	if fresh != 1 {
		t.Errorf("said eight times at once, it was news %d times", fresh)
	}
	silent := w.stall("B-1", numbered(viettel, 90)).Accounts[0]
	over, err := w.reg.Withdraw(t.Context(), w.clerk, w.stall("B-2", numbered(viettel, 91)).Accounts[0].ID, "")
	if err != nil {
		t.Fatal(err)
	}
	w.share("B-2", "viettel_money")
	before := w.contents()
	for name, of := range map[string]struct {
		a    registry.Account
		want string
	}{"a vendor who did not agree": {silent, "account-not-found"}, "an account that is over": {over, "account-over"}} {
		if got := w.says(key, registry.Confirmation{Account: of.a.ID, Status: "closed"}); got != of.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	w.same(before)
	// The database keeps that only a program of the provider's says so, and that it was said.
	for want, sql := range map[string]string{
		"account_closures_by_key": `INSERT INTO account_closures (market_id, id, account_id, recorded_by, recorded_at) SELECT market_id, gen_random_uuid(), id, 'person:x', now() FROM accounts LIMIT 1`,
		"42501":                   `DELETE FROM account_closures`,
	} {
		if _, err := w.db.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not kept: %v", want, err)
		}
	}
	w.whole()
}

// That an account is closed stops nothing by itself, and keeps new placards of it from being made.
func TestClosedAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := keyOf(t, "viettel_money")
	hung := w.placard("A-1", numbered(viettel, 1))
	w.record(hung.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
	fresh := w.stall("A-2", numbered(viettel, 2))
	w.approve(fresh.Accounts[0])
	waits := w.stall("A-3", numbered(viettel, 3))
	both := w.stall("A-4", numbered(viettel, 4), numbered(vnpt, 5))
	for _, a := range both.Accounts {
		w.approve(a)
	}
	figures := func() string {
		return ask[string](w, `SELECT concat_ws(' ', n.vendors, n.approved, n.installed, n.equipped, n.accepting) FROM market_now n JOIN markets m ON m.id = n.market_id WHERE m.code = 'VT'`)
	}
	before, events := figures(), ask[int](w, `SELECT count(*)::int FROM placard_events`)
	say := func(status string) {
		t.Helper()
		for _, code := range []string{"A-1", "A-2", "A-3", "A-4"} {
			a := w.look(code).Accounts[0]
			w.share(code, "viettel_money")
			w.clock.pass(time.Minute)
			if got := w.says(key, registry.Confirmation{Account: a.ID, Status: status}); got != "recorded" {
				t.Fatalf("%s of %s: %s", status, code, got)
			}
		}
	}
	say("active") // which takes nothing back yet, and is told as nothing
	say("closed")
	if now := figures(); now != before {
		t.Errorf("the figures are %s, were %s", now, before)
	}
	if n := ask[int](w, `SELECT count(*)::int FROM placard_events`); n != events {
		t.Errorf("%d events of placards, were %d: a partner stops none", n, events)
	}
	if p := w.look("A-1").Placards[0]; p.State != "installed" || !p.InUse() || p.ClosedSince == nil {
		t.Errorf("the placard that hangs: %+v", p)
	}
	got, err := w.reg.ClosedAt(t.Context(), w.manager, "VT")
	if want := []string{"A-1", "A-2", "A-4"}; err != nil || !slices.Equal(got, want) { // at A-3 nothing was printed, and no money goes there
		t.Errorf("closed at %v, want %v; %v", got, want, err)
	}
	for _, tt := range []struct {
		name string
		in   registry.NewBatch
		want []string // printed, or left out with the reason
	}{
		{"none is printed", registry.NewBatch{All: true}, []string{"A-1 account-closed", "A-2 account-closed", "A-3 account-closed", "A-4 account-closed"}},
		{"nor as provisional", registry.NewBatch{All: true, Provisional: true}, []string{"A-1 account-closed", "A-2 account-closed", "A-3 account-closed", "A-4 account-closed"}},
		{"nor again, where one hangs", registry.NewBatch{Stalls: []string{"A-1"}, Reprint: true, Reason: "mực nhòe"}, []string{"A-1 account-closed"}},
		{"nor when it is asked for by its provider", registry.NewBatch{Stalls: []string{"A-4"}, Provider: "viettel_money"}, []string{"A-4 account-closed"}},
		{"the vendor's other account is, when it is asked for", registry.NewBatch{Stalls: []string{"A-1", "A-4"}, Provider: "vnpt_money"}, []string{"A-1 other-provider", "A-4"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Sheet = "a6x4"
			b, ps, err := w.reg.Preview(t.Context(), w.clerk, "VT", tt.in, anyFits, 10)
			if err != nil && fault.CodeOf(err) != "nothing-to-print" {
				t.Fatal(err)
			}
			var got []string
			for _, l := range b.LeftOut {
				got = append(got, l.Stall+" "+l.Reason)
				if l.Reason == "account-closed" && !strings.Contains(l.Why().String(), "closed") {
					t.Errorf("it says %q", l.Why())
				}
			}
			for _, p := range ps {
				got = append(got, p.Stall)
			}
			if slices.Sort(got); !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	ready := func() (approved, unapproved int) {
		t.Helper()
		rs, err := w.reg.Ready(t.Context(), w.clerk, "VT")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rs {
			approved, unapproved = approved+r.Approved, unapproved+r.Unapproved
		}
		return approved, unapproved
	}
	if a, u := ready(); a != 0 || u != 0 {
		t.Errorf("%d and %d are ready to print", a, u)
	}
	// Whoever approves it all the same says why.
	d := approval(waits.Accounts[0])
	_, err = w.reg.Decide(t.Context(), w.manager, d)
	isFault(t, err, "decision-invalid")
	if got := pointers(err); !slices.Equal(got, []string{"reason account-closed"}) {
		t.Errorf("fields %q", got)
	}
	// A person who is there stops it.
	if p, err := w.reg.RecordPlacard(t.Context(), w.volunteer, hung.Serial.String(), registry.NewPlacardEvent{Kind: "suspended", Reason: "account closed"}); err != nil || p.State != "suspended" {
		t.Errorf("stopped by a volunteer: %+v, %v", p, err)
	}
	w.clock.pass(time.Minute)
	say("active")
	if got, err := w.reg.ClosedAt(t.Context(), w.manager, "VT"); err != nil || len(got) > 0 {
		t.Errorf("open again, and closed at %v, %v", got, err)
	}
	if p := w.look("A-1").Placards[0]; p.State != "suspended" {
		t.Errorf("the provider's word resumed the placard: %s", p.State)
	}
	if a, u := ready(); a != 2 || u != 1 {
		t.Errorf("%d and %d are ready to print, want 2 and 1", a, u)
	}
	if _, ps := w.issue(registry.NewBatch{Stalls: []string{"A-2"}}); len(ps) != 1 {
		t.Errorf("%d placards", len(ps))
	}
	w.clock.pass(2 * day)
	say("closed")
	w.clock.pass(2 * day)
	say("closed")
	told := []string{}
	story, err := w.reg.Timeline(t.Context(), w.manager, "VT", "A-1", registry.List{})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range story.Items {
		if strings.HasSuffix(h.Kind, "_by_provider") {
			told = append(told, h.Kind)
			if h.Provider != "viettel_money" || h.Tail != "0001" {
				t.Errorf("told of %s %s", h.Provider, h.Tail)
			}
		}
	}
	if want := []string{"closed_by_provider", "reopened_by_provider", "closed_by_provider"}; !slices.Equal(told, want) {
		t.Errorf("the story tells %q, want %q", told, want)
	}
	w.whole()
}
