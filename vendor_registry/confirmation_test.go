package registry_test

import (
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
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
	wrong := []registry.Confirmation{{Account: open.ID}, {Account: open.ID, Status: "closed"}, {Account: open.ID, Holder: "X"},
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
