package registry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
)

func TestWhoMayApprove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := 0
	for _, tt := range []struct {
		name          string
		by            registry.Actor
		first, change string // the fault; empty: approved
	}{
		{"clerk", w.clerk, "not-allowed", "not-allowed"},
		{"another clerk", w.clerk2, "not-allowed", "not-allowed"},
		{"manager", w.manager, "", ""},
		{"volunteer", w.volunteer, "not-allowed", "not-allowed"},
		{"leader", w.leader, "", "not-allowed"},
		{"officer", w.officer, "", ""},
		{"partner", w.partner, "not-allowed", "not-allowed"},
		{"auditor", w.auditor, "not-allowed", "not-allowed"},
		{"admin", w.admin, "not-allowed", "not-allowed"},
		{"manager of another market", w.stranger, "account-not-found", "account-not-found"},
		{"nobody", registry.Actor{ID: "person:x"}, "account-not-found", "account-not-found"},
		{"a manager's key", w.key, "keys-never-approve", "keys-never-approve"},
		{"console", registry.Console(), "not-allowed", "not-allowed"},
		{"the service itself", registry.Actor{ID: "system", Via: "system"}, "not-allowed", "not-allowed"},
	} {
		for kind, want := range map[string]string{"first": tt.first, "change": tt.change} {
			t.Run(tt.name+"/"+kind, func(t *testing.T) {
				n++
				code := fmt.Sprintf("A-%d", n)
				a := w.stall(code, numbered(viettel, n)).Accounts[0]
				had := ""
				if kind == "change" {
					had = w.approve(a).FullNumber
					a = w.propose(code, numbered(viettel, 1000+n))
				}
				got, err := w.reg.Decide(t.Context(), tt.by, approval(a))
				if fault.CodeOf(err) != want || (err != nil) != (want != "") {
					t.Fatalf("err = %v, want %q", err, want)
				}
				if want == "" {
					had = a.FullNumber
					if got.State != registry.StateApproved || !got.Default {
						t.Errorf("approved account is %s, default %v", got.State, got.Default)
					}
				}
				if now := w.defaultOf(code); now != had {
					t.Errorf("money goes to %q, want %q", now, had)
				}
				refused := ask[int](w, `SELECT count(*) FROM audit_events WHERE action = 'account.decision_refused' AND object = 'account:`+a.RecordID.String()+`'`)
				if known := tt.by.ID != w.stranger.ID && tt.by.ID != "person:x"; refused != map[bool]int{true: 1}[want != "" && known] {
					t.Errorf("%d refusals in the audit", refused)
				}
			})
		}
	}
	w.whole()
}

// Nobody approves what passed through their own hands, however it came in.
func TestNobodyApprovesTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, by := range []registry.Actor{w.manager, w.leader} {
		t.Run("registered by the "+by.Name, func(t *testing.T) {
			st, err := w.reg.Register(t.Context(), by, "VT", registry.NewStall{Code: "R-" + by.Name, Vendor: &registry.NewVendor{Name: "Tâm"}, Consent: agreed, Accounts: []registry.NewAccount{viettel}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.reg.Decide(t.Context(), by, approval(st.Accounts[0]))
			isFault(t, err, "own-proposal")
		})
		t.Run("proposed by the "+by.Name, func(t *testing.T) {
			w.stall("P-" + by.Name)
			a, err := w.reg.Propose(t.Context(), by, "VT", "P-"+by.Name, viettel)
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.reg.Decide(t.Context(), by, approval(a))
			isFault(t, err, "own-proposal")
			answers, err := w.reg.DecideMany(t.Context(), by, "VT", []registry.Decision{approval(a)})
			if err != nil || len(answers) != 1 || answers[0].Fault == nil || answers[0].Fault.Code != "own-proposal" {
				t.Errorf("many: %+v, %v", answers, err)
			}
		})
	}
	ledger := "Mã sạp;Người bán;Viettel Money\nI-1;Lý Minh Tâm;0710000009\n"
	im, err := w.reg.PreviewImport(t.Context(), w.manager, "VT", "a.csv", strings.NewReader(ledger), true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.reg.CommitImport(t.Context(), w.manager2, im.Ref, registry.CommitImport{Attested: "vi-1"}); err != nil {
		t.Fatal(err)
	}
	a := w.look("I-1").Accounts[0]
	for name, by := range map[string]registry.Actor{"the uploader": w.manager, "who committed": w.manager2} {
		_, err := w.reg.Decide(t.Context(), by, approval(a))
		if fault.CodeOf(err) != "own-proposal" {
			t.Errorf("%s of an import approves it: %v", name, err)
		}
	}
	if _, err := w.reg.Decide(t.Context(), w.officer, approval(a)); err != nil {
		t.Errorf("somebody else: %v", err)
	}
}

// The rules of two people hold in the database although no code of ours is in the way.
func TestTheDatabaseKeepsTwoPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.stall("A-1", viettel).Accounts[0]
	b := w.stall("B-1", vnpt).Accounts[0]
	insert := `INSERT INTO account_decisions (market_id, id, account_id, decision, via, decided_by, decided_at, payload_sha256, touched_by)
		SELECT market_id, gen_random_uuid(), id, 'approved', 'web', `
	for _, tt := range []struct{ name, sql, want string }{
		{"by the proposer", insert + `proposed_by, now(), payload_sha256, touched_by FROM accounts`, "account_decisions_second_person"},
		{"by the proposer, with another list of who touched it", insert + `proposed_by, now(), payload_sha256, ARRAY['person:other'] FROM accounts`, "account_decisions_account"},
		{"by the proposer, with an empty list", insert + `proposed_by, now(), payload_sha256, '{}' FROM accounts`, "account_decisions_account"},
		{"of another payload", insert + `'person:other', now(), sha256('x'), touched_by FROM accounts`, "account_decisions_account"},
		{"of another account's payload", insert + `'person:other', now(), (SELECT payload_sha256 FROM accounts o WHERE o.market_id = a.market_id AND o.id <> a.id), touched_by FROM accounts a`, "account_decisions_account"},
		{"twice", insert + `'person:other', now(), payload_sha256, touched_by FROM accounts; ` + insert + `'person:third', now(), payload_sha256, touched_by FROM accounts`, "account_decisions_once"},
		{"in another word", strings.Replace(insert, "approved", "granted", 1) + `'person:other', now(), payload_sha256, touched_by FROM accounts`, "account_decisions_word"},
		{"touched by nobody", `UPDATE accounts SET touched_by = '{}'`, "accounts_proposer_touched"},
		{"touched by others than the proposer", `UPDATE accounts SET touched_by = ARRAY['person:other']`, "accounts_proposer_touched"},
		{"default of another vendor", `UPDATE vendors SET default_account = '` + b.RecordID.String() + `' WHERE id = '` + a.VendorID.String() + `'`, "vendors_default_account"},
		{"replaces another vendor's", `UPDATE accounts SET replaces = '` + b.RecordID.String() + `' WHERE id = '` + a.RecordID.String() + `'`, "accounts_replaces"},
		{"a placard of another vendor's account", `INSERT INTO placards (market_id, id, serial, stall_id, vendor_id, account_id, cell, market_name, call, stall_code, goods, vendor_name, holder, state, issued_at)
			SELECT market_id, gen_random_uuid(), 'x', (SELECT id FROM stalls LIMIT 1), '` + a.VendorID.String() + `', '` + b.RecordID.String() + `', 0, '', '', '', '', '', '', 'issued', now() FROM markets m JOIN stalls s ON s.market_id = m.id LIMIT 1`, "placards_account"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.owner().Exec(t.Context(), "BEGIN; "+tt.sql+"; COMMIT")
			if postgres.Violated(err) != tt.want {
				t.Errorf("err = %v, want %s violated", err, tt.want)
			}
		})
	}
	// Bypassing the Go check only: the proposer's list says nothing, the row's does.
	if n := ask[int](w, `SELECT count(*) FROM account_decisions`); n != 0 {
		t.Errorf("%d decisions got in", n)
	}
	got := w.approve(a)
	if n := ask[int](w, `SELECT count(*) FROM account_decisions d JOIN accounts a ON a.market_id = d.market_id AND a.id = d.account_id AND a.payload_sha256 = d.payload_sha256
		AND a.payload_sha256 = sha256(a.payload::bytea) WHERE d.decision = 'approved' AND d.decided_by = '`+w.manager.ID+`' AND a.id = '`+got.RecordID.String()+`'`); n != 1 {
		t.Error("the decision does not stand on the payload's hash")
	}
	if _, err := w.owner().Exec(t.Context(), `UPDATE accounts SET payload_sha256 = sha256('x') WHERE id = $1`, a.RecordID); postgres.Violated(err) != "account_decisions_account" {
		t.Errorf("a decided payload's hash can be changed: %v", err)
	}
}

func TestDecisionFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.stall("A-1", viettel).Accounts[0]
	b := w.stall("B-1", vnpt).Accounts[0]
	ok := approval(a)
	with := func(change func(*registry.Decision)) registry.Decision {
		d := ok
		change(&d)
		return d
	}
	for _, tt := range []struct {
		name string
		d    registry.Decision
		want string
	}{
		{"no version", with(func(d *registry.Decision) { d.ETag = "" }), "version-needed"},
		{"an older version", with(func(d *registry.Decision) { d.ETag = `"` + a.RecordID.String() + `.7"` }), "stale"},
		{"another account's version", with(func(d *registry.Decision) { d.ETag = b.ETag() }), "stale"},
		{"no word", with(func(d *registry.Decision) { d.Decision = "" }), "decision-invalid"},
		{"a past word", with(func(d *registry.Decision) { d.Decision = "approved" }), "decision-invalid"},
		{"superseded by hand", with(func(d *registry.Decision) { d.Decision = "superseded" }), "decision-invalid"},
		{"a rejection without a reason", with(func(d *registry.Decision) { d.Decision = "reject" }), "decision-invalid"},
		{"a reason of 501 characters", with(func(d *registry.Decision) { d.Reason = strings.Repeat("ơ", 501) }), "decision-invalid"},
		{"no such account", with(func(d *registry.Decision) { d.Account.ID = id.New[registry.Account]() }), "account-not-found"},
		{"in another market", with(func(d *registry.Decision) { d.Account.Market = "XX" }), "account-not-found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.contents("audit_events", "audit_heads")
			_, err := w.reg.Decide(t.Context(), w.manager, tt.d)
			isFault(t, err, tt.want)
			answers, err := w.reg.DecideMany(t.Context(), w.manager, "VT", []registry.Decision{tt.d})
			if err != nil || len(answers) != 1 || answers[0].Fault == nil || answers[0].Fault.Code != tt.want {
				t.Errorf("among many: %+v, %v; want %s", answers, err, tt.want)
			}
			w.same(before)
		})
	}
	approved := w.approve(a)
	_, err := w.reg.Decide(t.Context(), w.officer, approval(a))
	isFault(t, err, "stale")
	_, err = w.reg.Decide(t.Context(), w.officer, approval(approved))
	if f := isFault(t, err, "account-decided"); f.Kind != fault.Conflict {
		t.Errorf("kind = %v", f.Kind)
	}
	_, err = w.reg.Decide(t.Context(), w.officer, registry.Decision{Account: a.ID, ETag: approved.ETag(), Decision: "reject", Reason: "wrong"})
	isFault(t, err, "account-decided")
	if w.defaultOf("A-1") != viettel.Number {
		t.Error("an approved account can be rejected away")
	}
	rejected, err := w.reg.Decide(t.Context(), w.leader, registry.Decision{Account: b.ID, ETag: b.ETag(), Decision: "reject", Reason: "the name differs"})
	if err != nil || rejected.State != registry.StateRejected || w.defaultOf("B-1") != "" {
		t.Errorf("rejected: %+v, %v", rejected, err)
	}
	if _, err := w.reg.Propose(t.Context(), w.clerk, "VT", "B-1", vnpt); err != nil {
		t.Errorf("a rejected account cannot be brought in again: %v", err)
	}
	w.whole()
}

func TestProposalsExpire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	early, late := w.stall("A-1", viettel).Accounts[0], w.stall("B-1", vnpt).Accounts[0]
	w.clock.pass(registry.ProposalLives - time.Microsecond)
	if got := w.approve(early); got.State != registry.StateApproved {
		t.Errorf("a microsecond before the end: %s", got.State)
	}
	w.clock.pass(time.Microsecond)
	st := w.look("B-1")
	if got := st.Accounts[0].State; got != registry.StateExpired || !slices.Equal(st.Missing, []string{"account"}) || st.Stage == nil || *st.Stage != registry.Registered {
		t.Errorf("after 14 days: %s, missing %v, stage %v", got, st.Missing, st.Stage)
	}
	_, err := w.reg.Decide(t.Context(), w.manager, approval(late))
	isFault(t, err, "proposal-expired")
	if waiting, err := w.reg.Pending(t.Context(), w.manager, "VT"); err != nil || len(waiting) != 0 {
		t.Errorf("%d still wait, %v", len(waiting), err)
	}
	w.approve(w.propose("B-1", vnpt))
	if w.defaultOf("B-1") != vnpt.Number {
		t.Error("brought in again and approved, it is not the default")
	}
}

func TestFirstApprovedIsTheDefault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	as := w.stall("A-1", bank, viettel, vnpt).Accounts
	if got := w.approve(as[1]); !got.Default {
		t.Error("the first approved is no default")
	}
	if got := w.approve(as[0]); got.Default || w.defaultOf("A-1") != viettel.Number {
		t.Error("a later approval moved the default")
	}
	w.stall("B-1", bank, viettel)
	w.stall("C-1", viettel, bank)
	waiting, err := w.reg.Pending(t.Context(), w.manager, "VT")
	if err != nil || len(waiting) != 5 {
		t.Fatalf("%d wait: %v", len(waiting), err)
	}
	ds := []registry.Decision{}
	for _, p := range waiting {
		if p.Mine {
			t.Error("the manager brought in nothing")
		}
		ds = append(ds, approval(p.Account))
	}
	answers, err := w.reg.DecideMany(t.Context(), w.manager, "VT", ds)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range answers {
		if a.Fault != nil || a.State != registry.StateApproved || a.Account != ds[i].Account {
			t.Errorf("answer %d: %+v", i, a)
		}
	}
	for code, want := range map[string]string{"B-1": bank.Number, "C-1": viettel.Number} {
		if got := w.defaultOf(code); got != want {
			t.Errorf("%s pays %s, want the one brought in first, %s", code, got, want)
		}
	}
	w.whole()
}

// Among many decisions, those that are refused do not hold up the rest, and each leaves its trace.
func TestManyDecisions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.stall("A-1", viettel).Accounts[0], w.stall("B-1", viettel).Accounts[0], w.stall("C-1", viettel).Accounts[0]
	stale := approval(b)
	stale.ETag = a.ETag()
	answers, err := w.reg.DecideMany(t.Context(), w.leader, "VT", []registry.Decision{approval(a), stale, approval(a), {Account: c.ID, ETag: c.ETag(), Decision: "reject", Reason: "unclear"}})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, an := range answers {
		s := string(an.State)
		if an.Fault != nil {
			s = an.Fault.Code
		}
		got = append(got, s)
	}
	if want := []string{"approved", "stale", "stale", "rejected"}; !slices.Equal(got, want) {
		t.Errorf("answers %v, want %v", got, want)
	}
	if n := ask[int](w, `SELECT count(*) FROM audit_events WHERE action IN ('account.approved', 'account.rejected', 'account.decision_refused')`); n != 4 {
		t.Errorf("%d events, want 4", n)
	}
	for name, by := range map[string]registry.Actor{"clerk": w.clerk, "auditor": w.auditor, "console": registry.Console()} {
		if _, err := w.reg.DecideMany(t.Context(), by, "VT", nil); fault.KindOf(err) != fault.Forbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.reg.DecideMany(t.Context(), w.manager, "VT", make([]registry.Decision, 2001)); fault.CodeOf(err) != "too-many" {
		t.Errorf("2001: %v", err)
	}
	w.whole()
}

func TestProposeFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.approve(w.stall("A-1", viettel, vnpt).Accounts[0])
	other := w.approve(w.stall("B-1", viettel).Accounts[0])
	for code, in := range map[string]registry.NewStall{"VACANT": {}, "SILENT": {Vendor: &registry.NewVendor{Name: "Tâm"}}} {
		in.Code = code
		if _, err := w.reg.Register(t.Context(), w.clerk, "VT", in); err != nil {
			t.Fatal(err)
		}
	}
	replacing := func(a registry.NewAccount, old string) registry.NewAccount {
		a.Replaces = old
		return a
	}
	for _, tt := range []struct {
		name string
		by   registry.Actor
		code string
		in   registry.NewAccount
		want string
	}{
		{"nobody trades there", w.clerk, "VACANT", bank, "stall-vacant"},
		{"nobody agreed", w.clerk, "SILENT", bank, "consent-missing"},
		{"no such stall", w.clerk, "Z-1", bank, "stall-not-found"},
		{"by an officer", w.officer, "A-1", bank, "not-allowed"},
		{"by a partner", w.partner, "A-1", bank, "not-allowed"},
		{"from outside", w.stranger, "A-1", bank, "market-not-found"},
		{"the same that is approved", w.clerk, "A-1", viettel, "account-exists"},
		{"the same that waits", w.clerk, "A-1", vnpt, "account-exists"},
		{"in place of nothing", w.clerk, "A-1", replacing(bank, "VT."+id.New[registry.Account]().String()), "account-invalid"},
		{"in place of another vendor's", w.clerk, "A-1", replacing(bank, other.ID.String()), "account-invalid"},
		{"in place of another provider's than its own", w.clerk, "A-1", replacing(numbered(vnpt, 77), "nonsense"), "account-invalid"},
		{"no provider", w.clerk, "A-1", registry.NewAccount{Number: "1"}, "account-invalid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.contents()
			_, err := w.reg.Propose(t.Context(), tt.by, "VT", tt.code, tt.in)
			isFault(t, err, tt.want)
			w.same(before)
		})
	}
	for _, tt := range []struct {
		name string
		in   registry.NewAccount
		want *registry.AccountRef
	}{
		{"another number at the same provider", numbered(viettel, 5), &first.ID},
		{"another provider", bank, nil},
		{"another provider in place of the old one", replacing(numbered(vnpt, 6), first.ID.String()), &first.ID},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := w.propose("A-1", tt.in)
			if (a.Replaces == nil) != (tt.want == nil) || a.Replaces != nil && *a.Replaces != *tt.want {
				t.Errorf("replaces %v, want %v", a.Replaces, tt.want)
			}
		})
	}
	if w.defaultOf("A-1") != viettel.Number {
		t.Error("a proposal moved the default")
	}
}

func TestChangeOfAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.placard("A-1", viettel)
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
	elsewhere := w.placard("B-1", viettel)
	old := w.look("A-1").Accounts[0]
	change := w.propose("A-1", numbered(viettel, 123456))
	for name, digits := range map[string]string{"nothing": "", "the old one's": "000001", "five": "23456", "seven": "0123456", "the whole number": "0710123456", "with a blank": "123 456"} {
		before := w.contents("audit_events", "audit_heads")
		d := approval(change)
		d.LastDigits = digits
		_, err := w.reg.Decide(t.Context(), w.manager, d)
		if isFault(t, err, "last-digits-wrong"); t.Failed() {
			t.Fatalf("with %s typed", name)
		}
		w.same(before)
	}
	got := w.approve(change)
	if !got.Default || got.State != registry.StateApproved || w.defaultOf("A-1") != "0710123456" {
		t.Errorf("new account: %+v", got)
	}
	st := w.look("A-1")
	if i := slices.IndexFunc(st.Accounts, func(a registry.Account) bool { return a.RecordID == old.RecordID }); st.Accounts[i].State != registry.StateSuperseded || st.Accounts[i].Default {
		t.Errorf("old account: %+v", st.Accounts[i])
	}
	if now := st.Placards[0]; now.State != "replaced" || now.InUse() || now.Live() {
		t.Errorf("its placard is %s", now.State)
	}
	if now := w.look("B-1").Placards[0]; now.State != "issued" || !now.InUse() || now.Serial != elsewhere.Serial {
		t.Errorf("another vendor's placard is %s", now.State)
	}
	// In the audit of one transaction: the approval, what it superseded, the placard it ended.
	if n := ask[int](w, `SELECT count(DISTINCT at) FROM audit_events WHERE action IN ('account.superseded', 'placard.replaced') OR object = 'account:`+change.RecordID.String()+`' AND action = 'account.approved'`); n != 1 {
		t.Errorf("%d moments", n)
	}
	_, fresh := w.issue(registry.NewBatch{Stalls: []string{"A-1"}})
	if fresh[0].AccountID != change.RecordID || fresh[0].Serial == p.Serial {
		t.Errorf("the new placard pays %v", fresh[0].AccountID)
	}
	w.whole()
}

// A change that breaks in the middle changes nothing at all.
func TestChangeIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"the new one's approval": `ALTER TABLE account_decisions ADD CONSTRAINT refused CHECK (decision <> 'approved') NOT VALID`,
		"the old one's end":      `ALTER TABLE account_decisions ADD CONSTRAINT refused CHECK (decision <> 'superseded') NOT VALID`,
		"the pointer":            `ALTER TABLE vendors ADD CONSTRAINT refused CHECK (false) NOT VALID`,
		"a placard's event":      `ALTER TABLE placard_events ADD CONSTRAINT refused CHECK (kind <> 'replaced') NOT VALID`,
		"a placard's state":      `ALTER TABLE placards ADD CONSTRAINT refused CHECK (state <> 'replaced') NOT VALID`,
		"the tasks":              `ALTER TABLE tasks ADD CONSTRAINT refused CHECK (false) NOT VALID`,
		"one of the tasks":       `ALTER TABLE tasks ADD CONSTRAINT refused CHECK (kind <> 'hang_replacement') NOT VALID`,
		"the notice":             `ALTER TABLE notices ADD CONSTRAINT refused CHECK (false) NOT VALID`,
		"the audit":              `ALTER TABLE audit_events ADD CONSTRAINT refused CHECK (false) NOT VALID`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, pgtest.OneServer(t))
			w.placard("A-1", viettel)
			change := w.propose("A-1", numbered(viettel, 123456))
			w.exec(sql)
			before := w.contents()
			_, err := w.reg.Decide(t.Context(), w.manager, approval(change))
			if err == nil || fault.KindOf(err) != fault.Unknown {
				t.Errorf("err = %v, want an error of our own", err)
			}
			w.same(before)
		})
	}
	t.Run("who asked goes away", func(t *testing.T) {
		t.Parallel()
		w := newWorldOn(t, pgtest.OneServer(t))
		p := w.placard("A-1", viettel)
		change := w.propose("A-1", numbered(viettel, 123456))
		before := w.contents()
		tx, err := w.db.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback(context.Background())
		if _, err := tx.Exec(t.Context(), `SELECT FROM placards WHERE serial = $1 FOR UPDATE`, string(p.Serial)); err != nil { // the last step waits here
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := w.reg.Decide(ctx, w.manager, approval(change))
			done <- err
		}()
		for ask[int](w, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.same(before)
	})
}

func TestDecisionsTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.stall("A-1", viettel).Accounts[0]
	race := func(ds ...registry.Decision) (won int, codes []string) {
		var wg sync.WaitGroup
		errs := make([]error, 2*len(ds))
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = w.reg.Decide(t.Context(), []registry.Actor{w.manager, w.officer}[i%2], ds[i/2])
			})
		}
		wg.Wait()
		for _, err := range errs {
			if err == nil {
				won++
			} else {
				codes = append(codes, fault.CodeOf(err))
			}
		}
		return won, slices.Compact(slices.Sorted(slices.Values(codes)))
	}
	if won, codes := race(approval(a)); won != 1 || !slices.Equal(codes, []string{"stale"}) {
		t.Errorf("%d approvals of one proposal, %v", won, codes)
	}
	b, c := w.propose("A-1", numbered(viettel, 100001)), w.propose("A-1", numbered(viettel, 100002))
	if won, codes := race(approval(b), approval(c)); won != 1 {
		t.Errorf("%d of two changes of one account went through, %v", won, codes)
	}
	if n := ask[int](w, `SELECT count(*) FROM accounts a WHERE EXISTS (SELECT FROM account_decisions d WHERE d.market_id = a.market_id AND d.account_id = a.id AND d.decision = 'approved')
		AND NOT EXISTS (SELECT FROM account_decisions d WHERE d.market_id = a.market_id AND d.account_id = a.id AND d.decision = 'superseded')`); n != 1 {
		t.Errorf("%d accounts in force", n)
	}
	w.whole()
}

// While a change is approved, a batch is issued: whoever is first, no live placard pays an account that ended.
func TestChangeWhilePrinting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 12 {
		code := fmt.Sprintf("A-%d", i)
		w.approve(w.stall(code, numbered(viettel, i)).Accounts[0])
		change := w.propose(code, numbered(viettel, 100+i))
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := w.reg.Issue(t.Context(), w.clerk, "VT", registry.NewBatch{Sheet: "a6x4", Stalls: []string{code}}, func(registry.Batch, registry.Placard) (why, warning fault.Text) {
				time.Sleep(time.Duration(i%3) * 2 * time.Millisecond) // a face takes its time to be measured
				return
			}); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			time.Sleep(time.Duration(i) * time.Millisecond / 2)
			if _, err := w.reg.Decide(t.Context(), w.manager, approval(change)); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
	}
	if n := ask[int](w, `SELECT count(*) FROM placards p JOIN account_decisions d ON d.market_id = p.market_id AND d.account_id = p.account_id AND d.decision = 'superseded'
		WHERE p.state NOT IN ('replaced', 'lost', 'void')`); n != 0 {
		t.Errorf("%d live placards pay accounts that ended", n)
	}
	w.whole()
}

// A refusal leaves its trace although the caller's transaction around it is rolled back.
func TestRefusalStaysOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.stall("A-1", viettel).Accounts[0]
	tx, err := w.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.reg.On(tx).Decide(t.Context(), w.clerk, approval(a))
	isFault(t, err, "not-allowed")
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := ask[int](w, `SELECT count(*) FROM audit_events WHERE action = 'account.decision_refused' AND actor = '`+w.clerk.ID+`'`); n != 1 {
		t.Errorf("%d refusals on record", n)
	}
	w.whole()
}

// Two numbers at one provider, proposed side by side as first accounts: once the one is approved, the other is a change.
func TestSecondFirstAccountAtAProviderIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("B-77", registry.NewAccount{Provider: "vnpt_money", Number: "0712000076"})
	one := w.propose("B-77", registry.NewAccount{Provider: "viettel_money", Number: "0712000077"})
	two := w.propose("B-77", registry.NewAccount{Provider: "viettel_money", Number: "0712000078"})
	w.approve(one)
	before := w.defaultOf("B-77")
	if _, err := w.reg.Decide(t.Context(), w.manager, approval(two)); fault.CodeOf(err) != "provider-in-force" {
		t.Errorf("the second is answered %v, want provider-in-force", err)
	}
	if after := w.defaultOf("B-77"); after != before {
		t.Errorf("the vendor's money went from %s to %s", before, after)
	}
}
