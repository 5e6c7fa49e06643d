package registry_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5/pgconn"
)

// The account to which somebody would like the money to go.
const theirs = "0719999999"

var evil = registry.NewAccount{Provider: "viettel_money", Number: theirs, Holder: "KE GIAN", Reason: "một nhà"}

// way is one by which a single person, or a stolen session, could try to point a vendor's money elsewhere. do leads up to it, with whatever
// innocent people do on the way, and returns the last step.
type way struct {
	name string
	do   func(w *world, by registry.Actor) (last func() error)
	want string // the fault of the last step; empty: it is taken, and is only a proposal, or moves no money
	left string // the one event that the last step leaves
}

// ways are listed in docs/security.md by these names. Another flow that touches accounts adds its own.
var ways = []way{
	{"propose another number", func(w *world, by registry.Actor) func() error {
		return func() error { _, err := w.reg.Propose(w.Context(), by, "VT", w.at, evil); return err }
	}, "", "account.change_proposed"},
	{"propose the code of one's own app", func(w *world, by registry.Actor) func() error {
		return w.decides(by, approval(w.brings(by, registry.NewAccount{Payload: codeOf("971005", theirs), Reason: "một nhà"})))
	}, "own-proposal", "account.decision_refused"},
	{"at another wallet, as a first account", func(w *world, by registry.Actor) func() error {
		in := evil
		in.Provider = "vnpt_money"
		return w.decides(by, approval(w.brings(by, in)))
	}, "own-proposal", "account.decision_refused"},
	{"at another wallet, in place of the default", func(w *world, by registry.Actor) func() error {
		in := evil
		in.Provider, in.Replaces = "vnpt_money", w.look(w.at).Accounts[0].ID.String()
		return w.decides(by, approval(w.brings(by, in)))
	}, "own-proposal", "account.decision_refused"},
	{"hang one's own code", func(w *world, by registry.Actor) func() error {
		p := w.look(w.at).Placards[0].Serial.String()
		return func() error {
			_, err := w.reg.RecordPlacard(w.Context(), by, p, registry.NewPlacardEvent{Kind: "checked", Payload: codeOf("971005", theirs)})
			return err
		}
	}, "", "placard.checked"},
	{"approve one's own proposal", func(w *world, by registry.Actor) func() error {
		return w.decides(by, approval(w.brings(by, evil)))
	}, "own-proposal", "account.decision_refused"},
	{"approve one's own among many", func(w *world, by registry.Actor) func() error {
		return w.decidesMany(by, approval(w.brings(by, evil)))
	}, "own-proposal", "account.decision_refused"},
	{"approve what one edited", func(w *world, by registry.Actor) func() error {
		in := evil
		in.Amends = w.propose(w.at, numbered(viettel, 7)).ID.String()
		return w.decides(by, approval(w.brings(by, in)))
	}, "own-proposal", "account.decision_refused"},
	{"approve what another edited after oneself", func(w *world, by registry.Actor) func() error {
		in := numbered(viettel, 7)
		in.Amends = w.brings(by, evil).ID.String()
		return w.decides(by, approval(w.propose(w.at, in)))
	}, "own-proposal", "account.decision_refused"},
	{"an approval of what stood there before the edit", func(w *world, by registry.Actor) func() error {
		honest := w.propose(w.at, numbered(viettel, 7))
		in := evil
		in.Amends = honest.ID.String()
		w.brings(by, in)
		return w.decides(w.officer, approval(honest))
	}, "stale", "account.decision_refused"},
	{"an approval meant for another proposal", func(w *world, by registry.Actor) func() error {
		d := approval(w.brings(by, evil))
		d.ETag = w.propose(w.at, numbered(vnpt, 7)).ETag()
		return w.decides(w.officer, d)
	}, "stale", "account.decision_refused"},
	{"withdraw it, let another bring it in, approve it", func(w *world, by registry.Actor) func() error {
		w.withdraws(by, w.brings(by, evil))
		return w.decides(by, approval(w.propose(w.at, evil)))
	}, "own-proposal", "account.decision_refused"},
	{"let it be rejected, let another bring it in, approve it", func(w *world, by registry.Actor) func() error {
		a := w.brings(by, evil)
		if _, err := w.reg.Decide(w.Context(), w.officer, registry.Decision{Account: a.ID, ETag: a.ETag(), Decision: "reject", Reason: "x"}); err != nil {
			w.Fatal(err)
		}
		return w.decides(by, approval(w.propose(w.at, evil)))
	}, "own-proposal", "account.decision_refused"},
	{"revive a proposal whose time is over", func(w *world, by registry.Actor) func() error {
		a := w.brings(by, evil)
		w.clock.pass(registry.ProposalLives)
		return w.decides(w.officer, approval(a))
	}, "proposal-expired", "account.decision_refused"},
	{"revive one that was swept", func(w *world, by registry.Actor) func() error {
		a := w.brings(by, evil)
		w.clock.pass(registry.ProposalLives)
		if n, err := w.reg.Expire(w.Context()); n == 0 || err != nil {
			w.Fatalf("%d ended, %v", n, err)
		}
		return w.decides(w.officer, approval(a))
	}, "proposal-expired", "account.decision_refused"},
	{"approve with a program's key", func(w *world, by registry.Actor) func() error {
		return w.decides(w.key, approval(w.brings(by, evil)))
	}, "keys-never-approve", "account.decision_refused"},
	{"approve by the console in its own name", func(w *world, by registry.Actor) func() error {
		return w.decides(registry.Console(), approval(w.brings(by, evil)))
	}, "not-allowed", "account.decision_refused"},
	{"approve by the console in one's own name", func(w *world, by registry.Actor) func() error {
		a := w.brings(by, evil)
		by.Via = "console"
		return w.decides(by, approval(a))
	}, "own-proposal", "account.decision_refused"},
	{"approve in a second role of one's own", func(w *world, by registry.Actor) func() error {
		return w.decides(as(by, w.officer), approval(w.brings(by, evil)))
	}, "own-proposal", "account.decision_refused"},
	{"approve by somebody whom one gave the role", func(w *world, by registry.Actor) func() error {
		puppet := person(w, "manager", "market:VT")
		who := strings.TrimPrefix(puppet.ID, "person:")
		w.exec(`INSERT INTO people (id, name, name_key, created_at) VALUES ($1, 'x', 'x', now())`, who)
		w.exec(`INSERT INTO grants (id, person_id, role, scope_kind, scope_code, created_by, created_at) VALUES (gen_random_uuid(), $1, 'manager', 'market', 'VT', $2, now())`, who, by.ID)
		return w.decides(puppet, approval(w.brings(by, evil)))
	}, "made-by-proposer", "account.decision_refused"},
	{"a change by who may approve first accounts only", func(w *world, by registry.Actor) func() error {
		return w.decides(person(w, "leader", "market:VT"), approval(w.brings(by, evil)))
	}, "not-allowed", "account.decision_refused"},
	{"a change hidden among many decisions", func(w *world, by registry.Actor) func() error {
		first := w.stall(w.at+"B", numbered(vnpt, 30)).Accounts[0]
		d := approval(w.brings(by, evil))
		d.LastDigits = ""
		return w.decidesMany(w.officer, d, approval(first))
	}, "last-digits-wrong", "account.decision_refused"},
	{"a change with the digits of the account in force", func(w *world, by registry.Actor) func() error {
		d := approval(w.brings(by, evil))
		d.LastDigits = viettel.Number[4:]
		return w.decides(w.officer, d)
	}, "last-digits-wrong", "account.decision_refused"},
	{"under the name of another market", func(w *world, by registry.Actor) func() error {
		d := approval(w.brings(by, evil))
		d.Account.Market = "XX"
		return w.decides(w.officer, d)
	}, "account-not-found", "account.decision_refused"},
	{"another market's account among many", func(w *world, by registry.Actor) func() error {
		d := approval(w.brings(by, evil))
		d.Account.Market = "XX"
		return w.decidesMany(w.officer, d)
	}, "account-not-found", "account.decision_refused"},
	{"a ledger with another number", func(w *world, by registry.Actor) func() error {
		return func() error { return w.imports(by, by, theirs) }
	}, "", "account.change_proposed"},
	{"the same ledger again, as an update", func(w *world, by registry.Actor) func() error {
		if err := w.imports(by, by, theirs); err != nil {
			w.Fatal(err)
		}
		return func() error { return w.imports(by, by, theirs) }
	}, "", "import.committed"},
	{"approve what came with one's own ledger", func(w *world, by registry.Actor) func() error {
		if err := w.imports(by, by, theirs); err != nil {
			w.Fatal(err)
		}
		return w.decides(by, approval(w.last(w.at)))
	}, "own-proposal", "account.decision_refused"},
	{"approve what came with a ledger that another committed", func(w *world, by registry.Actor) func() error {
		if err := w.imports(by, w.clerk, theirs); err != nil {
			w.Fatal(err)
		}
		return w.decides(by, approval(w.last(w.at)))
	}, "own-proposal", "account.decision_refused"},
	{"undo an import, so that its accounts come in as first ones again", func(w *world, by registry.Actor) func() error {
		im, err := w.reg.PreviewImport(w.Context(), by, "VT", "a.csv", strings.NewReader("Mã sạp;Người bán;Viettel Money\n"+w.at+"L;Hoa;0710000009\n"), true)
		if err == nil {
			_, err = w.reg.CommitImport(w.Context(), by, im.Ref, registry.CommitImport{Attested: "vi-1"})
		}
		if err != nil {
			w.Fatal(err)
		}
		w.approve(w.last(w.at + "L"))
		return func() error { return w.reg.DiscardImport(w.Context(), by, im.Ref) }
	}, "import-built-on", "import.undo_refused"},
	{"correct the vendor's name and phone", func(w *world, by registry.Actor) func() error {
		name, phone := "Kẻ Gian", "0919999999"
		st := w.look(w.at)
		return func() error {
			_, err := w.reg.Change(w.Context(), by, "VT", w.at, st.ETag(), registry.ChangedStall{Vendor: &registry.ChangedVendor{Name: &name, Phone: &phone}})
			return err
		}
	}, "", "vendor.changed"},
	{"a list of banks that gives the code to another bank", func(w *world, by registry.Actor) func() error {
		return func() error {
			_, err := w.reg.UpdateProviders(w.Context(), w.admin, strings.NewReader("bin,code,name,kind,valid_to,source\n971099,viettel_money,Viettel Money,wallet,,x\n"), false)
			return err
		}
	}, "providers-invalid", "provider.update_refused"},
	{"a list of banks that renames the bank", func(w *world, by registry.Actor) func() error {
		return func() error {
			_, err := w.reg.UpdateProviders(w.Context(), by, strings.NewReader("bin,code,name,kind,valid_to,source\n971005,viettel_money,Ví Khác,wallet,,x\n"), false)
			return err
		}
	}, "not-allowed", "provider.update_refused"},
	{"another default", func(w *world, by registry.Actor) func() error {
		second := w.second(w.clerk)
		return func() error {
			_, err := w.reg.ProposeDefault(w.Context(), by, "VT", w.at, registry.NewDefault{Account: second.ID.String()})
			return err
		}
	}, "", "default.proposed"},
	{"approve another default that one proposed", func(w *world, by registry.Actor) func() error {
		return w.decidesDefault(by, w.wishes(by, w.second(w.clerk)))
	}, "own-proposal", "default.decision_refused"},
	{"approve another default of an account that one brought in", func(w *world, by registry.Actor) func() error {
		return w.decidesDefault(by, w.wishes(w.clerk, w.second(by)))
	}, "own-proposal", "default.decision_refused"},
	{"another default by who may approve first accounts only", func(w *world, by registry.Actor) func() error {
		return w.decidesDefault(w.leader, w.wishes(by, w.second(by)))
	}, "not-allowed", "default.decision_refused"},
	{"two first accounts at one wallet", func(w *world, by registry.Actor) func() error {
		w.stall(w.at+"B", numbered(vnpt, 30))
		honest := w.propose(w.at+"B", numbered(viettel, 31))
		a, err := w.reg.Propose(w.Context(), by, "VT", w.at+"B", evil)
		if err != nil {
			w.Fatal(err)
		}
		w.approve(honest)
		return w.decides(w.officer, approval(a))
	}, "provider-in-force", "account.decision_refused"},
	{"reject the account in force", func(w *world, by registry.Actor) func() error {
		a := w.look(w.at).Accounts[0]
		return w.decides(by, registry.Decision{Account: a.ID, ETag: a.ETag(), Decision: "reject", Reason: "x"})
	}, "account-decided", "account.decision_refused"},
	{"reprint while one's change waits", func(w *world, by registry.Actor) func() error {
		w.brings(by, evil)
		return func() error {
			_, err := w.reg.Issue(w.Context(), by, "VT", registry.NewBatch{Stalls: []string{w.at}, Reprint: true, Reason: "ướt", Provisional: true, Sheet: "a6x4"}, anyFits)
			return err
		}
	}, "", "batch.issued"},
	{"print a change before it is approved", func(w *world, by registry.Actor) func() error {
		w.brings(by, evil)
		return w.prints(by, registry.NewBatch{Stalls: []string{w.at}, Provisional: true, Sheet: "a6x4"})
	}, "nothing-to-print", "batch.refused"},
	{"print another wallet's before it is approved", func(w *world, by registry.Actor) func() error {
		in := evil
		in.Provider = "vnpt_money"
		w.brings(by, in)
		return w.prints(by, registry.NewBatch{Stalls: []string{w.at}, Provisional: true, Provider: "vnpt_money", Sheet: "a6x4"})
	}, "nothing-to-print", "batch.refused"},
	{"swap the number of a first account that hangs provisionally", func(w *world, by registry.Actor) func() error {
		first := w.stall(w.at+"B", numbered(viettel, 30)).Accounts[0]
		w.issue(registry.NewBatch{Stalls: []string{w.at + "B"}, Provisional: true})
		in := evil
		in.Amends = first.ID.String()
		if _, err := w.reg.Propose(w.Context(), by, "VT", w.at+"B", in); err != nil {
			w.Fatal(err)
		}
		return w.prints(by, registry.NewBatch{Stalls: []string{w.at + "B"}, Provisional: true, Sheet: "a6x4"})
	}, "nothing-to-print", "batch.refused"},
	{"resume a placard after the account changed", func(w *world, by registry.Actor) func() error {
		old := w.placard(w.at+"B", numbered(viettel, 30))
		w.record(old.Serial, registry.NewPlacardEvent{Kind: "suspended"})
		a, err := w.reg.Propose(w.Context(), w.clerk, "VT", w.at+"B", numbered(viettel, 31))
		if err != nil {
			w.Fatal(err)
		}
		w.approve(a)
		return func() error {
			_, err := w.reg.RecordPlacard(w.Context(), by, old.Serial.String(), registry.NewPlacardEvent{Kind: "resumed", Reason: "x"})
			return err
		}
	}, "placard-state", "placard.resume_refused"},
	{"resume a provisional placard whose account was turned down", func(w *world, by registry.Actor) func() error {
		a := w.stall(w.at+"B", evil).Accounts[0]
		_, ps := w.issue(registry.NewBatch{Stalls: []string{w.at + "B"}, Provisional: true})
		if _, err := w.reg.Decide(w.Context(), w.officer, registry.Decision{Account: a.ID, ETag: a.ETag(), Decision: "reject", Reason: "x"}); err != nil {
			w.Fatal(err)
		}
		w.exec(`DELETE FROM placard_events WHERE placard_id = $1 AND kind <> 'issued' AND kind <> 'suspended'`, ps[0].ID)
		return func() error {
			_, err := w.reg.RecordPlacard(w.Context(), by, ps[0].Serial.String(), registry.NewPlacardEvent{Kind: "resumed", Reason: "x"})
			return err
		}
	}, "account-changed", "placard.resume_refused"},
	{"register a stand that pays them", func(w *world, by registry.Actor) func() error {
		return func() error {
			p, err := w.reg.RegisterStand(w.Context(), by, "VT", w.at, registry.NewStand{Payload: codeOf("971005", theirs), Reason: "một nhà"})
			if err == nil && p.InUse() {
				err = errors.New("the stand counts")
			}
			return err
		}
	}, "", "account.change_proposed"},
	{"register a stand that pays them beside the vendor", func(w *world, by registry.Actor) func() error {
		return func() error {
			_, err := w.reg.RegisterStand(w.Context(), by, "VT", w.at, registry.NewStand{Payload: beside("971005", viettel.Number)})
			return err
		}
	}, "stand-pays-others", "placard.stand_refused"},
	{"make the vendor one with a record of one's own", func(w *world, by registry.Actor) func() error {
		own := w.ownRecord(by)
		return w.merges(by, own.Vendor.ID, w.look(w.at).Vendor.ID)
	}, "", "vendor.merged"},
	{"and approve what that brought in", func(w *world, by registry.Actor) func() error {
		own, vendor := w.ownRecord(by), w.look(w.at).Vendor.ID
		if err := w.merges(w.clerk, own.Vendor.ID, vendor)(); err != nil { // the clerk means well
			w.Fatal(err)
		}
		return w.decides(by, approval(w.last(w.at)))
	}, "own-proposal", "account.decision_refused"},
	{"make one's own record the one that stays", func(w *world, by registry.Actor) func() error {
		return w.merges(by, w.look(w.at).Vendor.ID, w.ownRecord(by).Vendor.ID)
	}, "", "vendor.merged"},
	{"hand the stall to oneself", func(w *world, by registry.Actor) func() error {
		return w.takes(by)
	}, "", "stall.handed_over"},
	{"and approve the account that came with it", func(w *world, by registry.Actor) func() error {
		if err := w.takes(by)(); err != nil {
			w.Fatal(err)
		}
		return w.decides(by, approval(w.look(w.at).Accounts[0]))
	}, "own-proposal", "account.decision_refused"},
	{"resume the old placard once the stall is another's", func(w *world, by registry.Actor) func() error {
		p := w.look(w.at).Placards[0].Serial.String()
		w.handOver(w.at, "Người Khác")
		return func() error {
			_, err := w.reg.RecordPlacard(w.Context(), by, p, registry.NewPlacardEvent{Kind: "resumed", Reason: "đã xem"})
			return err
		}
	}, "stall-handed-over", "placard.resume_refused"},
}

// ownRecord is a vendor of one's own at a stall of one's own, with their account.
func (w *world) ownRecord(by registry.Actor) registry.Stall {
	w.Helper()
	st, err := w.reg.Register(w.Context(), by, "VT", registry.NewStall{Code: w.at + "-X", Vendor: &registry.NewVendor{Name: "Kẻ Gian"}, Consent: agreed, Accounts: []registry.NewAccount{evil}})
	if err != nil {
		w.Fatal(err)
	}
	return st
}

func (w *world) merges(by registry.Actor, gone, stays registry.VendorID) func() error {
	return func() error {
		_, err := w.reg.Merge(w.Context(), by, "VT", gone, registry.Merge{Into: stays})
		return err
	}
}

// takes hands the stall to somebody with their own account.
func (w *world) takes(by registry.Actor) func() error {
	return func() error {
		_, err := w.reg.HandOver(w.Context(), by, "VT", w.at, registry.Transfer{Vendor: registry.NewHolder{Name: "Kẻ Gian"}, Reason: "sold",
			Accounts: []registry.NewAccount{evil}, Consent: agreed})
		return err
	}
}

// beside is a code of the vendor's own account that also pays somebody's card.
func beside(bin, number string) string {
	return emv(tlv("00", "01"), tlv("01", "11"), tlv("02", "4761340000000019"), vietqr(bin, number, "QRIBFTTA"), tlv("53", "704"), tlv("58", "VN"))
}

func (w *world) brings(by registry.Actor, in registry.NewAccount) registry.Account {
	w.Helper()
	a, err := w.reg.Propose(w.Context(), by, "VT", w.at, in)
	if err != nil {
		w.Fatal(err)
	}
	return a
}

func (w *world) withdraws(by registry.Actor, a registry.Account) {
	w.Helper()
	if _, err := w.reg.Withdraw(w.Context(), by, a.ID, ""); err != nil {
		w.Fatal(err)
	}
}

func (w *world) decides(by registry.Actor, d registry.Decision) func() error {
	return func() error { _, err := w.reg.Decide(w.Context(), by, d); return err }
}

// decidesMany gives the fault of the first.
func (w *world) decidesMany(by registry.Actor, ds ...registry.Decision) func() error {
	return func() error {
		answers, err := w.reg.DecideMany(w.Context(), by, "VT", ds)
		if err == nil && answers[0].Fault != nil {
			err = answers[0].Fault
		}
		return err
	}
}

func (w *world) prints(by registry.Actor, in registry.NewBatch) func() error {
	return func() error { _, err := w.reg.Issue(w.Context(), by, "VT", in, anyFits); return err }
}

// imports uploads a ledger that gives A-1 another number; the second person commits it.
func (w *world) imports(by, commits registry.Actor, number string) error {
	im, err := w.reg.PreviewImport(w.Context(), by, "VT", "a.csv", strings.NewReader("Mã sạp;Người bán;Viettel Money\n"+w.at+";Lý Minh Tâm "+w.at+";"+number+"\n"), true)
	if err == nil {
		_, err = w.reg.CommitImport(w.Context(), commits, im.Ref, registry.CommitImport{Attested: "vi-1"})
	}
	return err
}

// last is the account of a stall that came in last.
func (w *world) last(code string) registry.Account {
	w.Helper()
	as := w.look(code).Accounts
	return as[len(as)-1]
}

// second is theirs as a further account of A-1 at another wallet, approved by who may.
func (w *world) second(by registry.Actor) registry.Account {
	w.Helper()
	in := evil
	in.Provider = "vnpt_money"
	a, err := w.reg.Decide(w.Context(), w.officer, approval(w.brings(by, in)))
	if err != nil {
		w.Fatal(err)
	}
	return a
}

func (w *world) wishes(by registry.Actor, a registry.Account) registry.DefaultDecision {
	w.Helper()
	d, err := w.reg.ProposeDefault(w.Context(), by, "VT", w.at, registry.NewDefault{Account: a.ID.String()})
	if err != nil {
		w.Fatal(err)
	}
	return registry.DefaultDecision{Proposal: d.Ref, ETag: d.ETag(), Decision: "approve", LastDigits: a.FullNumber[len(a.FullNumber)-6:]}
}

func (w *world) decidesDefault(by registry.Actor, d registry.DefaultDecision) func() error {
	return func() error { _, err := w.reg.DecideDefault(w.Context(), by, d); return err }
}

// Every way by which one person could re-point an account is refused, or only a proposal, and leaves exactly one event.
func TestWaysToRepoint(t *testing.T) {
	t.Parallel()
	if len(ways) < 24 {
		t.Errorf("%d ways", len(ways))
	}
	w := newWorld(t)
	for i, tt := range ways { // each at a stall of its own
		t.Run(tt.name, func(t *testing.T) {
			w.TB, w.at = t, fmt.Sprint("W-", i)
			p := w.placard(w.at, viettel)
			w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
			w.clock.pass(time.Second)
			last := tt.do(w, w.manager2)
			w.clock.pass(time.Second)
			events := func(which string) int {
				return ask[int](w, `SELECT count(*) FROM audit_events WHERE at >= '`+w.clock.now().Format(time.RFC3339)+`' AND `+which)
			}
			err := last()
			if fault.CodeOf(err) != tt.want || err != nil && tt.want == "" {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
			if n := events(`action = '` + tt.left + `'`); n != 1 {
				t.Errorf("it left %d events %s", n, tt.left)
			}
			if tt.want != "" && events(`action NOT IN ('`+tt.left+`', 'account.approved', 'vendor.default_moved')`) != 0 { // innocent ones among many are approved
				t.Error("it left more than its refusal")
			}
			if got := ask[string](w, `SELECT a.number FROM placards p JOIN vendors v ON v.market_id = p.market_id AND v.id = p.vendor_id
				JOIN accounts a ON a.market_id = v.market_id AND a.id = v.default_account WHERE p.serial = '`+string(p.Serial)+`'`); got != viettel.Number {
				t.Errorf("the vendor's money goes to %s", got)
			}
			if n := ask[int](w, `SELECT count(*) FROM vendors v JOIN accounts a ON a.market_id = v.market_id AND a.id = v.default_account WHERE a.number = '`+theirs+`'`); n != 0 {
				t.Error("somebody's money goes to them")
			}
			if n := ask[int](w, `SELECT count(*) FROM placards p JOIN accounts a ON a.market_id = p.market_id AND a.id = p.account_id
				WHERE a.number = '`+theirs+`' AND p.kind = 'ours' AND p.state NOT IN ('suspended', 'void')`); n != 0 {
				t.Error("their account is on paper")
			}
			now, _, err := w.reg.PublicPlacard(t.Context(), p.Serial.String())
			if err != nil || now.Payload != p.Payload || string(now.Symbol) != string(p.Symbol) {
				t.Errorf("the placard that hangs changed: %v", err)
			}
			if found, err := w.reg.Reconcile(t.Context(), registry.Console(), "VT"); err != nil || len(found) != 0 {
				t.Errorf("reconcile: %+v, %v", found, err)
			}
			w.whole()
		})
	}
}

// What two people do at the same moment never approves what neither of them saw.
func TestRepointRaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.placard("A-1", viettel)
	for i := range 8 {
		honest := w.propose("A-1", numbered(viettel, 100+i))
		in := evil
		in.Number = "071999" + honest.FullNumber[6:]
		in.Amends = honest.ID.String()
		var wg sync.WaitGroup
		var approved, mended error
		wg.Go(func() { _, approved = w.reg.Decide(w.Context(), w.officer, approval(honest)) })
		wg.Go(func() { _, mended = w.reg.Propose(w.Context(), w.manager2, "VT", "A-1", in) })
		wg.Wait()
		if approved == nil && mended == nil || approved != nil && mended != nil {
			t.Errorf("approved: %v; mended: %v; want one of them", approved, mended)
		}
		if n := ask[int](w, `SELECT count(*) FROM vendors v JOIN accounts a ON a.market_id = v.market_id AND a.id = v.default_account WHERE a.number LIKE '071999%'`); n != 0 {
			t.Fatal("the number that nobody approved is the default")
		}
		if mended == nil { // out of the way for the next round
			w.withdraws(w.manager2, w.last("A-1"))
		}
	}
	w.whole()
}

// Past all our code, through the handle that the service itself has, the database refuses.
func TestServicesOwnHandle(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.OneServer(t))
	w.placard("A-1", viettel)
	a := w.propose("A-1", evil)
	d := w.wishesOf("A-1")
	decision := `INSERT INTO account_decisions (market_id, id, account_id, decision, via, decided_by, decided_at, payload_sha256, touched_by)
		SELECT market_id, gen_random_uuid(), id, 'approved', 'web', `
	for _, tt := range []struct{ name, sql, want string }{
		{"rewrite an account", `UPDATE accounts SET number = '` + theirs + `'`, "42501"},
		{"rewrite its payload", `UPDATE accounts SET payload = 'x'`, "42501"},
		{"leave out who touched it", `UPDATE accounts SET touched_by = ARRAY[proposed_by]`, "42501"},
		{"delete an account", `DELETE FROM accounts`, "42501"},
		{"rewrite a decision", `UPDATE account_decisions SET decided_by = 'person:x'`, "42501"},
		{"delete a decision", `DELETE FROM account_decisions`, "42501"},
		{"rewrite a step", `UPDATE account_verifications SET matches = true`, "42501"},
		{"rewrite a provider's word", `UPDATE account_closures SET recorded_by = 'key:x'`, "42501"},
		{"rewrite a proposal for another default", `UPDATE default_proposals SET touched_by = ARRAY[proposed_by]`, "42501"},
		{"delete its decision", `DELETE FROM default_decisions`, "42501"},
		{"rewrite what happened", `UPDATE audit_events SET actor = 'person:x'`, "42501"},
		{"delete what happened", `DELETE FROM audit_events`, "42501"},
		{"empty a table", `TRUNCATE accounts CASCADE`, "42501"},
		{"take the constraint away", `ALTER TABLE account_decisions DROP CONSTRAINT account_decisions_second_person`, "42501"},
		{"pretend a migration", `INSERT INTO schema_migrations VALUES (99, 'x', 'x', now())`, "42501"},
		{"approve by who touched it", decision + `proposed_by, now(), payload_sha256, touched_by FROM accounts WHERE id = '` + a.RecordID.String() + `'`, "account_decisions_second_person"},
		{"approve with another list of who touched it", decision + `proposed_by, now(), payload_sha256, ARRAY['person:x'] FROM accounts WHERE id = '` + a.RecordID.String() + `'`, "account_decisions_account"},
		{"approve another default by who touched it", `INSERT INTO default_decisions (market_id, id, proposal_id, decision, via, decided_by, decided_at, payload_sha256, touched_by)
			SELECT market_id, gen_random_uuid(), id, 'approved', 'web', proposed_by, now(), payload_sha256, touched_by FROM default_proposals WHERE id = '` + d + `'`, "default_decisions_second_person"},
		{"point at an account that nobody approved", `UPDATE vendors SET default_account = '` + a.RecordID.String() + `' WHERE id = '` + a.VendorID.String() + `'`, "vendors_default_approved"},
		{"point at another vendor's", `UPDATE vendors SET default_account = (SELECT default_account FROM vendors WHERE default_account IS NOT NULL AND id <> '` + a.VendorID.String() + `' LIMIT 1) WHERE id = '` + a.VendorID.String() + `'`, "vendors_default_account"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.db.Exec(t.Context(), "BEGIN; "+tt.sql+"; COMMIT")
			var pg *pgconn.PgError
			if !errors.As(err, &pg) || pg.Code != tt.want && pg.ConstraintName != tt.want {
				t.Errorf("err = %v, want %s", err, tt.want)
			}
		})
	}
	w.whole()
}

// wishesOf is a proposal for another default, and beside it a vendor with an account in force.
func (w *world) wishesOf(code string) string {
	w.Helper()
	w.approve(w.stall("B-9", numbered(bank, 40)).Accounts[0])
	second := w.approve(w.propose(code, numbered(vnpt, 41)))
	d, err := w.reg.ProposeDefault(w.Context(), w.clerk, "VT", code, registry.NewDefault{Account: second.ID.String()})
	if err != nil {
		w.Fatal(err)
	}
	return d.ID.String()
}
