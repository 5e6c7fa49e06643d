package registry_test

import (
	"slices"
	"strings"
	"testing"

	"cho40/internal/fault"
	"cho40/qrgen"
	registry "cho40/vendor_registry"
)

// Whatever somebody with the database in hand changes, reconcile finds it, and the placard stops.
func TestReconcile(t *testing.T) {
	t.Parallel()
	other, err := qrgen.Static("971005", "0719999999")
	if err != nil {
		t.Fatal(err)
	}
	symbol, err := qrgen.NewSymbol(other)
	if err != nil {
		t.Fatal(err)
	}
	modules, err := symbol.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	n := 0
	for _, tt := range []struct {
		name   string
		change func(stall string, a registry.Account)
		want   string
	}{
		{"as it should be", func(string, registry.Account) {}, ""},
		{"another symbol", func(_ string, a registry.Account) {
			w.exec(`UPDATE accounts SET symbol = $1 WHERE id = $2`, modules, a.RecordID)
		}, "pays-other"},
		{"a broken symbol", func(_ string, a registry.Account) {
			w.exec(`UPDATE accounts SET symbol = '\x2100' WHERE id = $1`, a.RecordID)
		}, "unreadable"},
		{"another number beside the code", func(_ string, a registry.Account) {
			w.exec(`UPDATE accounts SET number = '0719999999' WHERE id = $1`, a.RecordID)
		}, "pays-other"},
		{"another text beside the symbol", func(_ string, a registry.Account) {
			w.exec(`UPDATE accounts SET payload = $1 WHERE id = $2`, other, a.RecordID)
		}, "payload-changed"},
		{"another holder on the card", func(_ string, a registry.Account) {
			w.exec(`UPDATE placards SET holder = 'KE GIAN' WHERE account_id = $1`, a.RecordID)
		}, "holder-changed"},
		{"no approval", func(_ string, a registry.Account) {
			w.exec(`ALTER TABLE vendors DROP CONSTRAINT IF EXISTS vendors_default_approved`)
			w.exec(`DELETE FROM account_decisions WHERE account_id = $1`, a.RecordID)
		}, "not-approved"},
		{"an approval without a trace", func(_ string, a registry.Account) {
			w.exec(`UPDATE account_decisions SET decided_by = 'person:x' WHERE account_id = $1`, a.RecordID)
		}, "no-trace"},
		{"an approval by who brought it in", func(_ string, a registry.Account) {
			w.exec(`ALTER TABLE account_decisions DROP CONSTRAINT IF EXISTS account_decisions_second_person`)
			w.exec(`UPDATE account_decisions SET decided_by = $1 WHERE account_id = $2`, w.clerk.ID, a.RecordID)
		}, "own-approval"},
		{"a state put back", func(stall string, a registry.Account) {
			change, err := w.reg.Propose(t.Context(), w.clerk, "VT", stall, numbered(viettel, 5000+n))
			if err != nil {
				t.Fatal(err)
			}
			w.approve(change)
			w.exec(`UPDATE placards SET state = 'installed' WHERE account_id = $1`, a.RecordID)
		}, "not-approved"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n++
			stall := "A-" + strings.Repeat("I", n)
			p := w.placard(stall, numbered(viettel, n))
			w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
			tt.change(stall, w.look(stall).Accounts[0])
			found, err := w.reg.Reconcile(t.Context(), registry.Console(), "VT")
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, d := range found {
				if d.Serial == p.Serial.String() {
					got = d.Code
					if !d.Suspended || d.Stall != stall {
						t.Errorf("%+v", d)
					}
				}
			}
			if got != tt.want {
				t.Errorf("found %q, want %q", got, tt.want)
			}
			now, _, err := w.reg.PublicPlacard(t.Context(), p.Serial.String())
			if err != nil || (now.State == "suspended") != (tt.want != "") {
				t.Errorf("the placard is %s, %v", now.State, err)
			}
			w.exec(`UPDATE placards SET state = 'void' WHERE serial = $1`, string(p.Serial)) // out of the next one's way
		})
	}
	found, err := w.reg.Reconcile(t.Context(), registry.Console(), "VT")
	if err != nil || !slices.ContainsFunc(found, func(d registry.Difference) bool { return d.Code == "default" && d.Stall == "A-IIIIIII" }) {
		t.Errorf("a default that nobody approved: %+v, %v", found, err)
	}
	if _, err := w.reg.Reconcile(t.Context(), w.auditor, "VT"); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("an auditor: %v", err)
	}
	if _, err := w.reg.Reconcile(t.Context(), w.stranger, "VT"); fault.CodeOf(err) != "market-not-found" {
		t.Errorf("from outside: %v", err)
	}
	if at, err := w.reg.VerifyAudit(t.Context(), w.vt.ID); at == 0 || err != nil {
		t.Errorf("the evidence does not show what was changed: %v", err)
	}
}

// Codes kept to the letter, stands and provisional placards are as they should be.
func TestReconcileFindsNothingWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	momo := registry.NewAccount{Payload: emv(tlv("00", "01"), tlv("01", "11"), vietqr("971025", "0712345678", "QRIBFTTA"), tlv("53", "704"), tlv("58", "VN"), tlv("62", tlv("05", "MOMOW2W123")))}
	w.placard("A-1", momo)
	w.stall("B-1", viettel)
	w.issue(registry.NewBatch{Stalls: []string{"B-1"}, Provisional: true})
	w.stall("C-1")
	if _, err := w.reg.RegisterStand(t.Context(), w.clerk, "VT", "C-1", registry.NewStand{Payload: codeOf("971005", "0710000044"), HeardName: "LY MINH TAM", Consent: agreed}); err != nil {
		t.Fatal(err)
	}
	if found, err := w.reg.Reconcile(t.Context(), w.manager, "VT"); err != nil || len(found) != 0 {
		t.Errorf("%+v, %v", found, err)
	}
	w.clock.pass(registry.ProposalLives)
	if found, err := w.reg.Reconcile(t.Context(), w.manager, "VT"); err != nil || len(found) != 2 {
		t.Errorf("after 14 days, before the sweep: %+v, %v", found, err)
	}
	w.whole()
}
