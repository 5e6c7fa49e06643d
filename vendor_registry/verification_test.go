package registry_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	registry "cho40/vendor_registry"
)

// keyOf is a partner's key for a provider.
func keyOf(t testing.TB, provider string) registry.Actor {
	k := person(t, "partner", "provider:"+provider)
	k.ID = "key:" + strings.TrimPrefix(k.ID, "person:")
	return k
}

func (w *world) verified(by registry.Actor, a registry.Account, in registry.NewStep) registry.Step {
	w.Helper()
	if in.How == "" {
		in.How = "tại sạp"
	}
	step, err := w.reg.Verified(w.Context(), by, a.ID, in)
	if err != nil {
		w.Fatalf("%s: %v", in.Step, err)
	}
	return step
}

func (w *world) ladder(a registry.Account) registry.Verification {
	w.Helper()
	got, err := w.reg.Account(w.Context(), w.manager, registry.SeeVendors, a.ID)
	if err != nil {
		w.Fatal(err)
	}
	return *got.Verification
}

// An account climbs by what was seen and heard, and comes down when that is too old or in doubt.
func TestLadder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard := func(name string) registry.NewStep { return registry.NewStep{Step: "name_heard", HeardName: name} }
	test := registry.NewStep{Step: "test_payment"}
	confirmed := registry.NewStep{Step: "provider_confirmed"}
	shut := registry.NewStep{Step: "closed"} // which is none that anybody takes at the stall
	code := registry.NewStep{Step: "scanned", Payload: codeOf("971005", viettel.Number)}
	n, key := 0, keyOf(t, "viettel_money")
	type act struct {
		in   registry.NewStep
		wait time.Duration // afterwards
	}
	for _, tt := range []struct {
		name    string
		scanned bool // it came in from the vendor's own app
		acts    []act
		rung    registry.Rung
		differs bool
	}{
		{"told", false, nil, registry.RungDeclared, false},
		{"scanned", true, nil, registry.RungScanned, false},
		{"told, then scanned", false, []act{{code, 0}}, registry.RungScanned, false},
		{"heard", false, []act{{heard("Lý Minh Tâm"), 0}}, registry.RungHeard, false},
		{"neither accents nor case are heard", false, []act{{heard("ly minh tam"), 0}}, registry.RungHeard, false},
		{"heard for nearly a year", false, []act{{heard("Lý Minh Tâm"), registry.NameHeardHolds - time.Microsecond}}, registry.RungHeard, false},
		{"heard a year ago", true, []act{{heard("Lý Minh Tâm"), registry.NameHeardHolds}}, registry.RungScanned, false},
		{"another name", true, []act{{heard("Kẻ Gian"), 0}}, registry.RungScanned, true},
		{"another name is not forgotten in a year", false, []act{{heard("Kẻ Gian"), 2 * registry.NameHeardHolds}}, registry.RungDeclared, true},
		{"a test payment", false, []act{{test, 0}}, registry.RungTested, false},
		{"a test payment a year ago, the name heard since", false, []act{{test, registry.TestPaymentHolds / 2}, {heard("Lý Minh Tâm"), registry.TestPaymentHolds / 2}}, registry.RungHeard, false},
		{"a lower step later", false, []act{{test, 0}, {heard("Lý Minh Tâm"), 0}, {code, 0}}, registry.RungTested, false},
		{"confirmed", false, []act{{confirmed, 0}}, registry.RungConfirmed, false},
		{"confirmed two years ago", false, []act{{confirmed, registry.ConfirmationHolds}}, registry.RungDeclared, false},
		{"another name after a confirmation", false, []act{{confirmed, 0}, {heard("Kẻ Gian"), 0}}, registry.RungDeclared, true},
		{"another name after a scan", false, []act{{code, 0}, {test, 0}, {heard("Kẻ Gian"), 0}}, registry.RungScanned, true},
		{"a test payment does not clear another name", false, []act{{heard("Kẻ Gian"), 0}, {test, 0}}, registry.RungDeclared, true},
		{"the right name does", false, []act{{heard("Kẻ Gian"), 0}, {heard("Lý Minh Tâm"), 0}, {test, 0}}, registry.RungTested, false},
		{"closed", false, []act{{heard("Lý Minh Tâm"), 0}, {test, 0}, {shut, 0}}, registry.RungDeclared, false},
		{"closed, and scanned before", false, []act{{code, 0}, {confirmed, 0}, {shut, 0}}, registry.RungScanned, false},
		{"closed, and scanned since", false, []act{{confirmed, 0}, {shut, 0}, {code, 0}}, registry.RungScanned, false},
		{"closed, and paid a tiny sum all the same", true, []act{{shut, 0}, {test, 0}, {heard("Lý Minh Tâm"), 0}}, registry.RungScanned, false},
		{"closed, and confirmed since", false, []act{{shut, 0}, {confirmed, 0}}, registry.RungConfirmed, false},
		{"what was known before it was closed does not come back", false, []act{{test, registry.ConfirmationHolds - 2*day}, {shut, day}, {confirmed, registry.ConfirmationHolds}}, registry.RungDeclared, false},
		{"nor what was seen while it was closed", false, []act{{shut, 0}, {confirmed, registry.ConfirmationHolds - day}, {shut, 0}, {test, 0}, {confirmed, 0}, {shut, 0}, {confirmed, registry.ConfirmationHolds}}, registry.RungDeclared, false},
		{"what was seen since counts", false, []act{{shut, 0}, {confirmed, registry.ConfirmationHolds - day}, {test, day}}, registry.RungTested, false},
		{"closed twice, confirmed once", false, []act{{shut, 2 * day}, {shut, 0}, {confirmed, 0}}, registry.RungConfirmed, false},
		{"confirmed between", false, []act{{shut, 0}, {confirmed, 0}, {shut, 0}}, registry.RungDeclared, false},
		{"another name stays in doubt when it is closed", false, []act{{heard("Kẻ Gian"), 0}, {shut, 0}}, registry.RungDeclared, true},
		{"another name opens it again", false, []act{{shut, 0}, {registry.NewStep{Step: "provider_confirmed", HeardName: "Kẻ Gian"}, 0}, {heard("Lý Minh Tâm"), 0}}, registry.RungHeard, false},
		{"the provider says another name", false, []act{{registry.NewStep{Step: "provider_confirmed", HeardName: "Kẻ Gian"}, 0}}, registry.RungDeclared, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := viettel
			if tt.scanned {
				in = registry.NewAccount{Payload: codeOf("971005", viettel.Number), Holder: viettel.Holder, Reason: viettel.Reason}
			}
			n++
			stall := fmt.Sprint("A-", n)
			a := w.approve(w.stall(stall, in).Accounts[0])
			w.share(stall, "viettel_money")
			for _, act := range tt.acts {
				switch act.in.Step {
				case "closed":
					if got := w.says(key, registry.Confirmation{Account: a.ID, Status: "closed"}); got != "recorded" {
						t.Errorf("closed: %s", got)
					}
				case "provider_confirmed":
					w.verified(key, a, act.in)
				default:
					w.verified(w.volunteer, a, act.in)
				}
				w.clock.pass(time.Second + act.wait)
				if act.wait > 0 {
					w.clock.pass(-time.Second)
				}
			}
			got := w.ladder(a)
			if got.Rung != tt.rung || got.NameDiffers != tt.differs || (got.HeardName == "Kẻ Gian") != tt.differs {
				t.Errorf("stands at %+v, want %s, differs %v", got, tt.rung, tt.differs)
			}
			if st := w.look(stall).Accounts[0].Verification; st == nil || *st != got && st.Rung != got.Rung {
				t.Errorf("the stall says %+v", st)
			}
			steps, err := w.reg.Steps(t.Context(), w.manager, a.ID)
			if err != nil || len(steps) != 1+len(tt.acts) {
				t.Errorf("%d steps, %v", len(steps), err)
			}
		})
	}
	w.whole()
}

// What is heard when a placard is hung, handed over or refused stands on the ladder of its account.
func TestPlacardsClimbTheLadder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.placard("A-1", viettel)
	a := w.look("A-1").Accounts[0]
	_, err := w.reg.RecordPlacard(t.Context(), w.volunteer, p.Serial.String(), registry.NewPlacardEvent{Kind: "installed", HeardName: "Kẻ Gian", Consent: agreed})
	isFault(t, err, "name-differs")
	if got := w.ladder(a); !got.NameDiffers || got.HeardName != "Kẻ Gian" {
		t.Errorf("refused for another name: %+v", got)
	}
	w.clock.pass(time.Second)
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed", HeardName: "lý minh tâm", Consent: agreed})
	if got := w.ladder(a); got.NameDiffers || got.Rung != registry.RungHeard || got.ExpiresAt == nil {
		t.Errorf("hung with the right name: %+v", got)
	}
	steps, err := w.reg.Steps(t.Context(), w.manager, a.ID)
	if err != nil || len(steps) != 3 || steps[1].Matches || steps[1].How != "heard" || steps[2].How != "installed" || steps[2].Serial == nil || *steps[2].Serial != p.Serial {
		t.Errorf("steps %+v, %v", steps, err)
	}
	// A wallet's stand whose code is the account's: a typed number was scanned after all.
	w.approve(w.stall("B-1", vnpt).Accounts[0])
	if _, err := w.reg.RegisterStand(t.Context(), w.volunteer, "VT", "B-1", registry.NewStand{Payload: codeOf("971011", vnpt.Number), HeardName: "LY MINH TAM"}); err != nil {
		t.Fatal(err)
	}
	if got := w.ladder(w.look("B-1").Accounts[0]); got.Rung != registry.RungHeard {
		t.Errorf("a stand with its name heard: %+v", got)
	}
	// The console has nobody behind it.
	q := w.placard("C-1", bank)
	if _, err := w.reg.RecordPlacard(t.Context(), registry.Console(), q.Serial.String(), registry.NewPlacardEvent{Kind: "handed_over", HeardName: "Lý Minh Tâm"}); err != nil {
		t.Fatal(err)
	}
	if got := w.ladder(w.look("C-1").Accounts[0]); got.Rung != registry.RungDeclared {
		t.Errorf("the console's word: %+v", got)
	}
	w.whole()
}

func TestStepFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.stall("A-1", viettel).Accounts[0]
	over, err := w.reg.Withdraw(t.Context(), w.clerk, w.stall("B-1", vnpt).Accounts[0].ID, "")
	if err != nil {
		t.Fatal(err)
	}
	partner := w.partner // a person
	own, other := keyOf(t, "viettel_money"), keyOf(t, "vnpt_money")
	clerksKey := w.key
	for _, tt := range []struct {
		name   string
		by     registry.Actor
		of     registry.AccountRef
		in     registry.NewStep
		want   string
		fields []string
	}{
		{"no step", w.volunteer, a.ID, registry.NewStep{How: "x"}, "verification-invalid", []string{"step unknown"}},
		{"declared again", w.volunteer, a.ID, registry.NewStep{Step: "declared", How: "x"}, "verification-invalid", []string{"step unknown"}},
		{"not how", w.volunteer, a.ID, registry.NewStep{Step: "test_payment"}, "verification-invalid", []string{"how required"}},
		{"heard nothing", w.volunteer, a.ID, registry.NewStep{Step: "name_heard", How: "x"}, "verification-invalid", []string{"heard_name required"}},
		{"scanned nothing", w.volunteer, a.ID, registry.NewStep{Step: "scanned", How: "x"}, "verification-invalid", []string{"payload required"}},
		{"a code with what was heard", w.volunteer, a.ID, registry.NewStep{Step: "name_heard", HeardName: "X", Payload: "x", How: "x"}, "verification-invalid", []string{"payload unexpected"}},
		{"another account's code", w.volunteer, a.ID, registry.NewStep{Step: "scanned", Payload: codeOf("971005", "0719999999"), How: "x"}, "code-differs", nil},
		{"text for a code", w.volunteer, a.ID, registry.NewStep{Step: "scanned", Payload: "x", How: "x"}, "code-differs", nil},
		{"an account that is over", w.volunteer, over.ID, registry.NewStep{Step: "test_payment", How: "x"}, "account-over", nil},
		{"no such account", w.volunteer, registry.AccountRef{Market: "VT", ID: id.New[registry.Account]()}, registry.NewStep{Step: "test_payment", How: "x"}, "account-not-found", nil},
		{"from outside", w.stranger, a.ID, registry.NewStep{Step: "test_payment", How: "x"}, "account-not-found", nil},
		{"an officer", w.officer, a.ID, registry.NewStep{Step: "test_payment", How: "x"}, "not-allowed", nil},
		{"the console, nobody known", registry.Console(), a.ID, registry.NewStep{Step: "test_payment", How: "x"}, "who-missing", nil},
		{"a manager confirms for the provider", w.manager, a.ID, registry.NewStep{Step: "provider_confirmed", How: "x"}, "not-allowed", nil},
		{"a manager's key does", clerksKey, a.ID, registry.NewStep{Step: "provider_confirmed", How: "x"}, "not-allowed", nil},
		{"a partner in person", partner, a.ID, registry.NewStep{Step: "provider_confirmed", How: "x"}, "account-not-found", nil},
		{"another provider's key", other, a.ID, registry.NewStep{Step: "provider_confirmed", How: "x"}, "account-not-found", nil},
		{"the provider's key, another step", own, a.ID, registry.NewStep{Step: "test_payment", How: "x"}, "not-allowed", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.contents()
			_, err := w.reg.Verified(t.Context(), tt.by, tt.of, tt.in)
			isFault(t, err, tt.want)
			if got := pointers(err); len(got)+len(tt.fields) > 0 && !slices.Equal(got, tt.fields) {
				t.Errorf("fields %q, want %q", got, tt.fields)
			}
			w.same(before)
		})
	}
	_, err = w.reg.Verified(t.Context(), own, a.ID, registry.NewStep{Step: "provider_confirmed", How: "x"})
	isFault(t, err, "account-not-found") // nobody agreed that it may know
	w.share("A-1", "viettel_money")
	// The provider's own key may say this one thing, and nothing else there.
	w.verified(own, a, registry.NewStep{Step: "provider_confirmed"})
	ctx := t.Context()
	for name, do := range map[string]func() error{
		"see it":    func() error { _, err := w.reg.Account(ctx, own, registry.SeeVendors, a.ID); return err },
		"its steps": func() error { _, err := w.reg.Steps(ctx, own, a.ID); return err },
		"the stall": func() error { _, err := w.reg.Stall(ctx, own, "VT", "A-1"); return err },
		"approve":   func() error { _, err := w.reg.Decide(ctx, own, approval(a)); return err },
		"withdraw":  func() error { _, err := w.reg.Withdraw(ctx, own, a.ID, ""); return err },
		"propose":   func() error { _, err := w.reg.Propose(ctx, own, "VT", "A-1", bank); return err },
		"the default": func() error {
			_, err := w.reg.ProposeDefault(ctx, own, "VT", "A-1", registry.NewDefault{Account: a.ID.String()})
			return err
		},
		"tasks":     func() error { _, err := w.reg.Tasks(ctx, own, "VT", registry.TaskFilter{}); return err },
		"notices":   func() error { _, err := w.reg.Notices(ctx, own, "VT", true, registry.List{}); return err },
		"approvers": func() error { _, err := w.reg.Approvers(ctx, own, "VT"); return err },
	} {
		if err := do(); fault.KindOf(err) != fault.Forbidden {
			t.Errorf("the provider's key may %s: %v", name, err)
		}
	}
	// The database keeps who did it, although no code of ours is in the way.
	for name, sql := range map[string]string{
		"account_verifications_who":              `'test_payment', NULL, true, 'x', 'console'`,
		"account_verifications_confirmed_by_key": `'provider_confirmed', NULL, true, 'x', 'person:x'`,
		"account_verifications_heard":            `'name_heard', NULL, true, 'x', 'person:x'`,
		"account_verifications_step":             `'declared', NULL, true, 'x', 'person:x'`,
	} {
		_, err := w.db.Exec(context.Background(), `INSERT INTO account_verifications (market_id, id, account_id, step, heard_name, matches, how, recorded_by, at, recorded_at)
			SELECT market_id, gen_random_uuid(), id, `+sql+`, now(), now() FROM accounts LIMIT 1`)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not kept: %v", name, err)
		}
	}
	w.whole()
}

// Whoever approves although another name was heard says why.
func TestApprovingAnotherNameWantsAReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.stall("A-1", viettel).Accounts[0]
	w.verified(w.volunteer, a, registry.NewStep{Step: "name_heard", HeardName: "Ly Thi Hoa"})
	waiting, err := w.reg.Pending(t.Context(), w.manager, "VT")
	if err != nil || len(waiting) != 1 || !waiting[0].Verification.NameDiffers || waiting[0].Verification.HeardName != "Ly Thi Hoa" {
		t.Fatalf("the approver is shown %+v, %v", waiting, err)
	}
	_, err = w.reg.Decide(t.Context(), w.manager, approval(a))
	isFault(t, err, "decision-invalid")
	if got := pointers(err); !slices.Equal(got, []string{"reason name-differs"}) {
		t.Errorf("fields %q", got)
	}
	d := approval(a)
	d.Reason = "tài khoản của vợ"
	if _, err := w.reg.Decide(t.Context(), w.manager, d); err != nil {
		t.Error(err)
	}
	w.whole()
}

// The same account with two vendors of a market comes in and is marked; somebody says why before it is approved.
func TestSharedAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	plain := registry.NewAccount{Provider: "viettel_money", Number: viettel.Number, Holder: viettel.Holder}
	first := w.stall("A-1", plain).Accounts[0]
	w.stall("B-1")
	second := w.propose("B-1", plain)
	if !slices.Equal(second.SharedWith, []string{"A-1"}) {
		t.Errorf("shared with %v, want A-1", second.SharedWith)
	}
	for _, a := range []registry.Account{first, second} {
		unexplained := approval(a)
		unexplained.Reason = ""
		_, err := w.reg.Decide(t.Context(), w.manager, unexplained)
		if got := pointers(err); !slices.Equal(got, []string{"reason shared"}) {
			t.Errorf("approved without a reason: %q, %v", got, err)
		}
		answers, err := w.reg.DecideMany(t.Context(), w.manager, "VT", []registry.Decision{unexplained})
		if err != nil || answers[0].Fault == nil || !slices.Equal(pointers(answers[0].Fault), []string{"reason shared"}) {
			t.Errorf("among many: %+v, %v", answers, err)
		}
	}
	explained := approval(first)
	explained.Reason = "hai vợ chồng"
	if _, err := w.reg.Decide(t.Context(), w.manager, explained); err != nil {
		t.Errorf("with the approver's reason: %v", err)
	}
	if _, err := w.reg.Withdraw(t.Context(), w.clerk, second.ID, ""); err != nil {
		t.Fatal(err)
	}
	with := plain
	with.Reason = "hai vợ chồng"
	b := w.propose("B-1", with)
	if b.Reason != "hai vợ chồng" || !slices.Equal(b.SharedWith, []string{"A-1"}) {
		t.Errorf("proposed with a reason: %+v", b)
	}
	waiting, err := w.reg.Pending(t.Context(), w.manager, "VT")
	if err != nil || len(waiting) != 1 || !slices.Equal(waiting[0].SharedWith, []string{"A-1"}) {
		t.Errorf("the approver is shown %+v, %v", waiting, err)
	}
	w.approve(b) // its own reason does
	if got := w.look("A-1").Accounts[0].SharedWith; !slices.Equal(got, []string{"B-1"}) {
		t.Errorf("shared with %v, want B-1", got)
	}
	// In another market nothing is to be explained.
	if _, err := w.reg.Register(t.Context(), w.stranger, "XX", registry.NewStall{Code: "A-1", Vendor: &registry.NewVendor{Name: "Hoa"}, Consent: agreed, Accounts: []registry.NewAccount{plain}}); err != nil {
		t.Errorf("in another market: %v", err)
	}
	// A ledger cannot be asked; its rows go in, and the approver sees it.
	im, err := w.reg.PreviewImport(t.Context(), w.clerk, "VT", "a.csv", strings.NewReader("Mã sạp;Người bán;Viettel Money\nL-1;Hoa;"+viettel.Number+"\n"), true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.reg.CommitImport(t.Context(), w.clerk, im.Ref, registry.CommitImport{Attested: "vi-1"}); err != nil {
		t.Fatal(err)
	}
	if got := w.look("L-1").Accounts[0].SharedWith; !slices.Equal(got, []string{"A-1", "B-1"}) {
		t.Errorf("from a ledger it is shared with %v", got)
	}
	if _, err := w.reg.Propose(t.Context(), w.clerk, "VT", "B-1", registry.NewAccount{Provider: "vcb", Number: "1", AccountKind: "gift"}); fault.CodeOf(err) != "account-invalid" || !slices.Equal(pointers(err), []string{"account_kind unknown"}) {
		t.Errorf("a kind that is none: %v", err)
	}
	m := w.propose("B-1", registry.NewAccount{Provider: "vcb", Number: "0123456789", AccountKind: "merchant"})
	if m.AccountKind != "merchant" || m.Kind != "bank" || b.AccountKind != "personal" || b.Kind != "mobile_money" {
		t.Errorf("kinds %s %s, %s %s", m.AccountKind, m.Kind, b.AccountKind, b.Kind)
	}
	w.whole()
}
