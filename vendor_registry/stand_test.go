package registry_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	registry "cho40/vendor_registry"
)

// standOf is the code that a wallet would print for an account.
func standOf(a registry.NewAccount) registry.NewStand {
	bin := map[string]string{"viettel_money": "971005", "vnpt_money": "971011"}[a.Provider]
	return registry.NewStand{Payload: codeOf(bin, a.Number), HeardName: a.Holder}
}

func TestRegisterStandFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1", viettel)
	if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "VACANT"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "SILENT", Vendor: &registry.NewVendor{Name: "Tâm"}}); err != nil {
		t.Fatal(err)
	}
	known := standOf(viettel)
	if _, err := w.reg.RegisterStand(t.Context(), w.volunteer, "VT", "A-1", known); err != nil {
		t.Fatal(err)
	}
	payload := func(s string) registry.NewStand { return registry.NewStand{Payload: s} }
	for _, tt := range []struct {
		name   string
		by     registry.Actor
		stall  string
		in     registry.NewStand
		want   string
		fields []string
	}{
		{"no code", w.volunteer, "A-1", payload(""), "stand-invalid", []string{"payload required"}},
		{"a code without end", w.volunteer, "A-1", payload(string(make([]byte, 2954))), "stand-invalid", []string{"payload too-long"}},
		{"a web address", w.volunteer, "A-1", payload("https://example.com"), "stand-invalid", []string{"payload not-a-payee-code"}},
		{"a card", w.volunteer, "A-1", payload(emv(tlv("00", "01"), tlv("01", "11"), vietqr("970436", "9704360000000000018", "QRIBFTTC"), tlv("53", "704"), tlv("58", "VN"))), "stand-invalid", []string{"payload card-refused"}},
		{"one fixed amount", w.volunteer, "A-1", payload(emv(tlv("00", "01"), tlv("01", "12"), vietqr("971005", "0710000009", "QRIBFTTA"), tlv("53", "704"), tlv("54", "5000"), tlv("58", "VN"))), "stand-invalid", []string{"payload amount-fixed"}},
		{"an invisible name", w.volunteer, "A-1", registry.NewStand{Payload: known.Payload, HeardName: "LY\u200d"}, "stand-invalid", []string{"heard_name bad-character"}},
		{"consent to no wording", w.volunteer, "A-1", registry.NewStand{Payload: known.Payload, Consent: &registry.NewConsent{}}, "stand-invalid", []string{"consent/given unknown", "consent/version unknown"}},
		{"nobody there", w.volunteer, "VACANT", known, "stall-vacant", nil},
		{"no such stall", w.volunteer, "Z-9", known, "stall-not-found", nil},
		{"a vendor who agreed to nothing", w.volunteer, "SILENT", known, "consent-missing", nil},
		{"the same stand again", w.volunteer, "A-1", known, "stand-exists", nil},
		{"one that also pays another wallet", w.volunteer, "A-1", payload(emv(tlv("00", "01"), tlv("01", "11"), tlv("26", tlv("00", "vn.momo"), tlv("01", "attacker")), vietqr("971005", viettel.Number, "QRIBFTTA"), tlv("53", "704"), tlv("58", "VN"))), "stand-pays-others", nil},
		{"an officer", w.officer, "A-1", known, "not-allowed", nil},
		{"an auditor", w.auditor, "A-1", known, "not-allowed", nil},
		{"from outside", w.stranger, "A-1", known, "market-not-found", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.contents()
			_, err := w.reg.RegisterStand(t.Context(), tt.by, "VT", tt.stall, tt.in)
			isFault(t, err, tt.want)
			if got := pointers(err); len(got)+len(tt.fields) > 0 && !slices.Equal(got, tt.fields) {
				t.Errorf("fields %q, want %q", got, tt.fields)
			}
			w.same(before, "audit_events", "audit_heads")
		})
	}
}

// What is registered, by what was known before: whose account it is, whether it hangs for us, whether a shopper may pay to it.
func TestRegisterStand(t *testing.T) {
	t.Parallel()
	attested := func(w *world, code string) {
		im, err := w.reg.PreviewImport(w.Context(), w.clerk, "VT", "a.csv", stream("Mã sạp;Người bán;Viettel Money\n"+code+";Lý Minh Tâm;0710000001\n"), true)
		if err == nil {
			_, err = w.reg.CommitImport(w.Context(), w.clerk, im.Ref, registry.CommitImport{Attested: "vi-1"})
		}
		if err != nil {
			w.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name     string
		before   func(w *world)
		in       registry.NewStand
		state    string
		inUse    bool
		differs  bool
		accounts int    // of the vendor, afterwards
		payload  string // of the account, where it matters
	}{
		{"of the approved account", func(w *world) { w.approve(w.stall("A-1", viettel).Accounts[0]) }, standOf(viettel), "installed", true, false, 1, ""},
		{"of the approved account, in another text", func(w *world) { w.approve(w.stall("A-1", viettel).Accounts[0]) },
			registry.NewStand{Payload: codeOf("971005", viettel.Number, tlv("59", "LY MINH TAM"), tlv("62", tlv("08", "cam on")))}, "installed", true, false, 1, ""},
		{"of the account that waits", func(w *world) { w.stall("A-1", viettel) }, standOf(viettel), "installed", false, false, 1, ""},
		{"of an account nobody knew", func(w *world) { w.stall("A-1") }, standOf(vnpt), "installed", false, false, 1, ""},
		{"of another account beside the approved one", func(w *world) { w.approve(w.stall("A-1", viettel).Accounts[0]) }, standOf(vnpt), "installed", false, false, 2, ""},
		{"of another number at the same wallet", func(w *world) { w.approve(w.stall("A-1", viettel).Accounts[0]) }, standOf(numbered(viettel, 9)), "installed", false, false, 2, ""},
		{"of a rejected account", func(w *world) {
			a := w.stall("A-1", viettel).Accounts[0]
			if _, err := w.reg.Decide(w.Context(), w.manager, registry.Decision{Account: a.ID, ETag: a.ETag(), Decision: "reject", Reason: "x"}); err != nil {
				w.Fatal(err)
			}
		}, standOf(viettel), "installed", false, false, 2, ""},
		{"MoMo's, kept to the letter", func(w *world) { w.stall("A-1") }, registry.NewStand{Payload: momo, HeardName: "LY MINH TAM"}, "installed", false, false, 1, momo},
		{"where only the board gave its word", func(w *world) { attested(w, "A-1"); w.approve(w.look("A-1").Accounts[0]) }, standOf(viettel), "handed_over", true, false, 1, ""},
		{"where the vendor agrees now", func(w *world) { attested(w, "A-1"); w.approve(w.look("A-1").Accounts[0]) },
			registry.NewStand{Payload: codeOf("971005", viettel.Number), Consent: agreed}, "installed", true, false, 1, ""},
		{"where another name was heard", func(w *world) { w.approve(w.stall("A-1", viettel).Accounts[0]) },
			registry.NewStand{Payload: codeOf("971005", viettel.Number), HeardName: "KE GIAN"}, "handed_over", true, true, 1, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tt.before(w)
			w.clock.pass(time.Hour)
			tt.in.ID, tt.in.At = id.New[registry.Placard](), w.clock.now().Add(-time.Minute)
			got, err := w.reg.RegisterStand(t.Context(), w.volunteer, "VT", "a-1", tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got.Kind != "provider" || got.State != tt.state || got.InUse() != tt.inUse || got.NameDiffers != tt.differs || got.Stall != "A-1" || got.MarketName != "Chợ Vị Thanh" {
				t.Errorf("registered %+v; want %s, in use %v, name differs %v", got, tt.state, tt.inUse, tt.differs)
			}
			if hung := got.InstalledAt != nil && got.InstalledAt.Equal(tt.in.At); hung != (tt.state == "installed") {
				t.Errorf("installed at %v", got.InstalledAt)
			}
			if n := ask[int](w, `SELECT count(*) FROM accounts`); n != tt.accounts {
				t.Errorf("%d accounts, want %d", n, tt.accounts)
			}
			if tt.payload != "" && got.Payload != tt.payload {
				t.Errorf("its account's code is %q", got.Payload)
			}
			if p, _, err := w.reg.PublicPlacard(t.Context(), got.Serial.String()); err != nil || p.ID != got.ID {
				t.Errorf("by its serial: %+v, %v", p, err)
			}
			// Sent again it changes nothing; with other content it is another's.
			before := w.contents()
			again := tt.in
			again.At = again.At.In(time.FixedZone("", 7*3600))
			if repeated, err := w.reg.RegisterStand(t.Context(), w.volunteer, "VT", "A-1", again); err != nil || repeated.Serial != got.Serial {
				t.Errorf("sent again: %+v, %v", repeated, err)
			}
			again.HeardName = "TAM"
			if _, err := w.reg.RegisterStand(t.Context(), w.volunteer, "VT", "A-1", again); fault.CodeOf(err) != "stand-differs" {
				t.Errorf("another name under the same id: %v", err)
			}
			w.same(before, "clashes", "audit_heads", "audit_events") // where the other version is kept
			w.whole()
		})
	}
}

// A stand that hangs with consent counts from the moment its account is approved, and stops with it.
func TestStandsLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1")
	ours := w.placard("B-1", vnpt)
	taken := standOf(viettel)
	taken.ID = ours.ID
	if _, err := w.reg.RegisterStand(t.Context(), w.volunteer, "VT", "A-1", taken); fault.CodeOf(err) != "stand-differs" {
		t.Errorf("under the id of a printed placard: %v", err)
	}
	var wg sync.WaitGroup
	in := standOf(viettel)
	in.ID = id.New[registry.Placard]()
	for range 6 {
		wg.Go(func() {
			if _, err := w.reg.RegisterStand(t.Context(), w.volunteer, "VT", "A-1", in); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	st := w.look("A-1")
	if len(st.Placards) != 1 || len(st.Accounts) != 1 || *st.Stage != registry.HasAccount {
		t.Fatalf("%d placards, %d accounts, stage %s", len(st.Placards), len(st.Accounts), *st.Stage)
	}
	stand := st.Placards[0]
	w.approve(st.Accounts[0])
	if st = w.look("A-1"); *st.Stage != registry.Installed || !st.Placards[0].InUse() {
		t.Errorf("approved: stage %s", *st.Stage)
	}
	w.clock.pass(time.Minute)
	w.record(stand.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: in.Payload})
	if st = w.look("A-1"); *st.Stage != registry.Checked {
		t.Errorf("looked at: stage %s", *st.Stage)
	}
	// Ours may hang beside it.
	if _, ps := w.issue(registry.NewBatch{Stalls: []string{"A-1"}}); len(ps) != 1 {
		t.Errorf("%d of ours beside the stand", len(ps))
	}
	if got := w.record(stand.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: codeOf("971005", "0719999999")}); got.State != "suspended" {
		t.Errorf("another's code over it: %s", got.State)
	}
	w.record(stand.Serial, registry.NewPlacardEvent{Kind: "resumed", Reason: "đã gỡ"})
	w.approve(w.propose("A-1", numbered(viettel, 77)))
	if got, err := w.reg.Placard(t.Context(), w.clerk, stand.Serial.String()); err != nil || got.State != "replaced" {
		t.Errorf("after the account changed it is %s, %v", got.State, err)
	}
	if got := w.outstanding(); !slices.Equal(got, []string{"A-1 true account changed"}) {
		t.Errorf("still out: %q", got)
	}
	// Taken down, the stand of the new account may be registered.
	w.record(stand.Serial, registry.NewPlacardEvent{Kind: "removed"})
	next := standOf(numbered(viettel, 77))
	got, err := w.reg.RegisterStand(t.Context(), w.volunteer, "VT", "A-1", next)
	if err != nil || !got.InUse() {
		t.Errorf("the new stand: %+v, %v", got, err)
	}
	w.whole()
}
