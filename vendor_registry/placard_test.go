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

// reach brings a fresh placard into a state by the events that lead there.
func (w *world) reach(code, state string) registry.Placard {
	w.Helper()
	p := w.placard(code, viettel)
	ref := registry.BatchRef{Market: "VT", ID: ask[id.ID[registry.Batch]](w, `SELECT batch_id FROM placards WHERE serial = '`+string(p.Serial)+`'`)}
	printed := func() {
		if err := w.reg.Printed(w.Context(), w.clerk, ref); err != nil {
			w.Fatal(err)
		}
	}
	switch state {
	case "issued":
	case "printed":
		printed()
	case "handed_over":
		printed()
		w.record(p.Serial, registry.NewPlacardEvent{Kind: "handed_over"})
	case "installed":
		w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
	case "suspended":
		w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
		w.record(p.Serial, registry.NewPlacardEvent{Kind: "suspended"})
	case "replaced":
		w.approve(w.propose(code, numbered(viettel, 555555)))
	case "lost":
		w.record(p.Serial, registry.NewPlacardEvent{Kind: "lost"})
	case "void":
		w.record(p.Serial, registry.NewPlacardEvent{Kind: "removed"})
	}
	return p
}

// Every state against every event: the state after it, or a conflict that leaves everything as it was.
func TestPlacardLife(t *testing.T) {
	t.Parallel()
	events := []string{"handed_over", "installed", "checked", "suspended", "resumed", "removed", "lost"}
	const no = "" // a conflict
	for _, tt := range []struct {
		state string
		after [7]string // as events
	}{
		{"issued", [7]string{"handed_over", "installed", no, "suspended", no, "void", "lost"}},
		{"printed", [7]string{"handed_over", "installed", no, "suspended", no, "void", "lost"}},
		{"handed_over", [7]string{no, "installed", no, "suspended", no, "void", "lost"}},
		{"installed", [7]string{no, no, "installed", "suspended", no, "void", "lost"}},
		{"suspended", [7]string{no, no, "suspended", no, "installed", "void", "lost"}},
		{"replaced", [7]string{no, no, no, no, no, "replaced", no}},
		{"lost", [7]string{no, no, no, no, no, no, no}},
		{"void", [7]string{no, no, no, no, no, no, no}},
	} {
		t.Run(tt.state, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for i, kind := range events {
				code := "A-" + kind
				p := w.reach(code, tt.state)
				if got := w.look(code).Placards[0].State; got != tt.state {
					t.Fatalf("state = %s, want %s", got, tt.state)
				}
				e := registry.NewPlacardEvent{Kind: kind}
				switch kind {
				case "installed":
					e.Consent = agreed
				case "checked":
					e.Payload = p.Payload
				case "resumed":
					e.Reason = "looked at again"
				}
				before := w.contents()
				got, err := w.reg.RecordPlacard(t.Context(), w.manager, p.Serial.String(), e)
				switch want := tt.after[i]; {
				case want == no:
					isFault(t, err, "placard-state")
					w.same(before, "audit_events", "audit_heads")
				case err != nil || got.State != want:
					t.Errorf("%s: state %s, want %s; %v", kind, got.State, want, err)
				}
			}
			w.whole()
		})
	}
}

func TestPlacardEventFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.placard("A-1", viettel)
	serial := p.Serial.String()
	for _, tt := range []struct {
		name   string
		by     registry.Actor
		serial string
		in     registry.NewPlacardEvent
		want   string
		fields []string
	}{
		{"no kind", w.clerk, serial, registry.NewPlacardEvent{}, "event-invalid", []string{"kind unknown"}},
		{"printed is not for people", w.clerk, serial, registry.NewPlacardEvent{Kind: "printed"}, "event-invalid", []string{"kind unknown"}},
		{"replaced is not for people", w.clerk, serial, registry.NewPlacardEvent{Kind: "replaced"}, "event-invalid", []string{"kind unknown"}},
		{"a result of an installation", w.clerk, serial, registry.NewPlacardEvent{Kind: "installed", Result: "match"}, "event-invalid", []string{"result unexpected"}},
		{"a check of nothing", w.clerk, serial, registry.NewPlacardEvent{Kind: "checked"}, "event-invalid", []string{"payload required"}},
		{"a check that says itself that all is well", w.clerk, serial, registry.NewPlacardEvent{Kind: "checked", Result: "match"}, "event-invalid", []string{"payload required"}},
		{"a check with code and result", w.clerk, serial, registry.NewPlacardEvent{Kind: "checked", Payload: "x", Result: "damaged"}, "event-invalid", []string{"result unexpected"}},
		{"a payload of 2,954 bytes", w.clerk, serial, registry.NewPlacardEvent{Kind: "checked", Payload: string(make([]byte, 2954))}, "event-invalid", []string{"payload too-long"}},
		{"resumed without a reason", w.manager, serial, registry.NewPlacardEvent{Kind: "resumed"}, "event-invalid", []string{"reason required"}},
		{"consent to no wording", w.clerk, serial, registry.NewPlacardEvent{Kind: "installed", Consent: &registry.NewConsent{Given: "face_to_face"}}, "event-invalid", []string{"consent/version unknown"}},
		{"an unknown serial", w.clerk, registry.NewSerial().String(), registry.NewPlacardEvent{Kind: "lost"}, "placard-not-found", nil},
		{"a mistyped serial", w.clerk, "0000-0000-001", registry.NewPlacardEvent{Kind: "lost"}, "placard-not-found", nil},
		{"from outside", w.stranger, serial, registry.NewPlacardEvent{Kind: "lost"}, "placard-not-found", nil},
		{"an officer installs", w.officer, serial, registry.NewPlacardEvent{Kind: "installed"}, "not-allowed", nil},
		{"an auditor suspends", w.auditor, serial, registry.NewPlacardEvent{Kind: "suspended"}, "not-allowed", nil},
		{"a volunteer resumes", w.volunteer, serial, registry.NewPlacardEvent{Kind: "resumed", Reason: "x"}, "not-allowed", nil},
		{"a leader resumes", w.leader, serial, registry.NewPlacardEvent{Kind: "resumed", Reason: "x"}, "not-allowed", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.contents()
			_, err := w.reg.RecordPlacard(t.Context(), tt.by, tt.serial, tt.in)
			isFault(t, err, tt.want)
			if got := pointers(err); len(got)+len(tt.fields) > 0 && !slices.Equal(got, tt.fields) {
				t.Errorf("fields %q, want %q", got, tt.fields)
			}
			w.same(before, "audit_events", "audit_heads")
		})
	}
	if _, err := w.reg.RecordPlacard(t.Context(), w.officer, serial, registry.NewPlacardEvent{Kind: "suspended"}); err != nil {
		t.Errorf("an officer suspends: %v", err)
	}
}

func TestSameEventTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.placard("A-1", viettel), w.placard("B-1", vnpt)
	e := registry.NewPlacardEvent{ID: id.New[registry.NewPlacardEvent](), Kind: "installed", At: w.clock.now(), Consent: agreed}
	w.record(a.Serial, e)
	before := w.contents()
	for range 2 {
		if got := w.record(a.Serial, e); got.State != "installed" {
			t.Errorf("sent again: %s", got.State)
		}
	}
	e.At = e.At.In(time.FixedZone("", 7*3600)) // the same moment on another clock
	w.record(a.Serial, e)
	w.same(before)
	for name, change := range map[string]func(*registry.NewPlacardEvent){
		"another kind":   func(e *registry.NewPlacardEvent) { e.Kind = "lost" },
		"another time":   func(e *registry.NewPlacardEvent) { e.At = e.At.Add(time.Second) },
		"another name":   func(e *registry.NewPlacardEvent) { e.HeardName = "LY MINH TAM" },
		"another reason": func(e *registry.NewPlacardEvent) { e.Reason = "because" },
		"another consent": func(e *registry.NewPlacardEvent) {
			e.Consent = &registry.NewConsent{Version: "en-1", Given: "face_to_face"}
		},
		"no consent": func(e *registry.NewPlacardEvent) { e.Consent = nil },
	} {
		other := e
		change(&other)
		if _, err := w.reg.RecordPlacard(t.Context(), w.manager, a.Serial.String(), other); fault.CodeOf(err) != "event-differs" {
			t.Errorf("%s under the same id: %v", name, err)
		}
	}
	if _, err := w.reg.RecordPlacard(t.Context(), w.manager, b.Serial.String(), e); fault.CodeOf(err) != "event-differs" {
		t.Errorf("another placard under the same id: %v", err)
	}
	w.same(before, "clashes", "audit_heads", "audit_events") // where the other versions are kept
	if n := ask[int](w, `SELECT count(*) FROM clashes WHERE kind = 'placard_event' AND record_id = '`+e.ID.String()+`'`); n != 7 {
		t.Errorf("%d other versions are kept, want 7", n)
	}

	// At the same moment: one row, and both are told the same.
	e = registry.NewPlacardEvent{ID: id.New[registry.NewPlacardEvent](), Kind: "checked", Payload: a.Payload}
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if _, err := w.reg.RecordPlacard(t.Context(), w.volunteer, a.Serial.String(), e); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := ask[int](w, `SELECT count(*) FROM placard_events WHERE id = '`+e.ID.String()+`'`); n != 1 {
		t.Errorf("%d rows of one event", n)
	}
	w.whole()
}

func TestChecks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seventy := viettel.Number
	for i, tt := range []struct {
		name          string
		in            registry.NewPlacardEvent
		result, state string
	}{
		{"our own text", registry.NewPlacardEvent{Payload: codeOf("971005", seventy)}, "match", "installed"},
		{"blanks around it", registry.NewPlacardEvent{Payload: " " + codeOf("971005", seventy) + "\n"}, "match", "installed"},
		{"the right account in another text", registry.NewPlacardEvent{Payload: codeOf("971005", seventy, tlv("59", "LY MINH TAM"), tlv("62", tlv("08", "cam on")))}, "match", "installed"},
		{"another account", registry.NewPlacardEvent{Payload: codeOf("971005", "0719999999")}, "other_account", "suspended"},
		{"the same number at another provider", registry.NewPlacardEvent{Payload: codeOf("971011", seventy)}, "other_account", "suspended"},
		{"the right account beside somebody else", registry.NewPlacardEvent{Payload: emv(tlv("00", "01"), tlv("01", "11"), tlv("26", tlv("00", "vn.momo"), tlv("01", "attacker")), vietqr("971005", seventy, "QRIBFTTA"), tlv("53", "704"), tlv("58", "VN"))}, "other_account", "suspended"},
		{"a wrong checksum", registry.NewPlacardEvent{Payload: codeOf("971005", seventy)[:50]}, "not_ours", "suspended"},
		{"a web address", registry.NewPlacardEvent{Payload: "https://example.com/pay"}, "not_ours", "suspended"},
		{"VNPAY", registry.NewPlacardEvent{Payload: emv(tlv("00", "01"), tlv("01", "11"), tlv("26", tlv("00", "A000000775"), tlv("01", "0102030405")), tlv("53", "704"), tlv("58", "VN"))}, "not_ours", "suspended"},
		{"bytes that are no text", registry.NewPlacardEvent{Payload: "\xff\xfe"}, "not_ours", "suspended"},
		{"damaged", registry.NewPlacardEvent{Result: "damaged"}, "damaged", "installed"},
		{"missing", registry.NewPlacardEvent{Result: "missing"}, "missing", "installed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := w.reach("A-"+string(rune('A'+i)), "installed")
			tt.in.Kind = "checked"
			w.clock.pass(time.Minute)
			got, err := w.reg.RecordPlacard(t.Context(), w.volunteer, p.Serial.String(), tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got.CheckResult == nil || *got.CheckResult != tt.result || got.State != tt.state || got.CheckedAt == nil || !got.CheckedAt.Equal(w.clock.now()) {
				t.Errorf("result %v, state %s, at %v; want %s, %s", got.CheckResult, got.State, got.CheckedAt, tt.result, tt.state)
			}
			if got.InUse() != (tt.state == "installed") {
				t.Errorf("in use = %v", got.InUse())
			}
		})
	}
	w.whole()
}

func TestResume(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		from string // the state before it was suspended
		do   func(w *world, p registry.Placard)
		want string // the state after, or the fault
	}{
		{"goes back to issued", "issued", nil, "issued"},
		{"goes back to printed", "printed", nil, "printed"},
		{"goes back to handed over", "handed_over", nil, "handed_over"},
		{"goes back to installed", "installed", nil, "installed"},
		{"after a check of the suspended one", "installed", func(w *world, p registry.Placard) {
			w.record(p.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: p.Payload})
		}, "installed"},
		{"after two stops", "installed", func(w *world, p registry.Placard) {
			w.record(p.Serial, registry.NewPlacardEvent{Kind: "resumed", Reason: "first"})
			w.record(p.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: codeOf("971005", "0719999999")})
		}, "installed"},
		{"when the account changed meanwhile", "installed", func(w *world, p registry.Placard) { w.approve(w.propose("A-1", numbered(viettel, 222222))) }, "placard-state"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.reach("A-1", tt.from)
			w.record(p.Serial, registry.NewPlacardEvent{Kind: "suspended"})
			if tt.do != nil {
				tt.do(w, p)
			}
			got, err := w.reg.RecordPlacard(t.Context(), w.officer, p.Serial.String(), registry.NewPlacardEvent{Kind: "resumed", Reason: "looked at again"})
			if state := got.State; err == nil && state != tt.want || err != nil && fault.CodeOf(err) != tt.want {
				t.Errorf("state %s, %v; want %s", state, err, tt.want)
			}
			w.whole()
		})
	}
}

// A provisional placard lives as long as its proposal: approved, it counts; rejected, it is stopped at once; forgotten, it is out of use.
func TestProvisionalPlacards(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hang := func(code string, n int) (registry.Placard, registry.Account) {
		st := w.stall(code, numbered(viettel, n))
		_, ps := w.issue(registry.NewBatch{Stalls: []string{code}, Provisional: true})
		if ps[0].Mark != "provisional" {
			t.Fatalf("mark = %q", ps[0].Mark)
		}
		got := w.record(ps[0].Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
		if !got.InUse() || *w.look(code).Stage != registry.HasAccount {
			t.Errorf("%s hangs: in use %v, stage %v", code, got.InUse(), *w.look(code).Stage)
		}
		return ps[0], st.Accounts[0]
	}
	a, first := hang("A-1", 1)
	b, second := hang("B-1", 2)
	c, _ := hang("C-1", 3)
	w.approve(first)
	if _, err := w.reg.Decide(t.Context(), w.manager, registry.Decision{Account: second.ID, ETag: second.ETag(), Decision: "reject", Reason: "another person's"}); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(registry.ProposalLives)
	for _, tt := range []struct {
		name   string
		serial registry.Serial
		state  string
		inUse  bool
	}{{"approved", a.Serial, "installed", true}, {"rejected", b.Serial, "suspended", false}, {"expired", c.Serial, "installed", false}} {
		p, _, err := w.reg.PublicPlacard(t.Context(), tt.serial.String())
		if err != nil || p.State != tt.state || p.InUse() != tt.inUse {
			t.Errorf("%s: %s, in use %v; want %s, %v; %v", tt.name, p.State, p.InUse(), tt.state, tt.inUse, err)
		}
	}
	if _, err := w.reg.RecordPlacard(t.Context(), w.manager, b.Serial.String(), registry.NewPlacardEvent{Kind: "resumed", Reason: "x"}); fault.CodeOf(err) != "account-changed" {
		t.Errorf("a rejected one is resumed: %v", err)
	}
	w.whole()
}

func TestClocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	issued := w.clock.now()
	for i, tt := range []struct {
		name string
		at   func(now time.Time) time.Time
		want func(now time.Time) time.Time
	}{
		{"none", func(time.Time) time.Time { return time.Time{} }, func(now time.Time) time.Time { return now }},
		{"1970", func(time.Time) time.Time { return time.Unix(0, 0) }, func(time.Time) time.Time { return issued }},
		{"2099", func(time.Time) time.Time { return time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC) }, func(now time.Time) time.Time { return now }},
		{"an hour ago, without a signal", func(now time.Time) time.Time { return now.Add(-time.Hour) }, func(now time.Time) time.Time { return now.Add(-time.Hour) }},
		{"ten minutes ahead", func(now time.Time) time.Time { return now.Add(10 * time.Minute) }, func(now time.Time) time.Time { return now }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := w.placard("A-"+string(rune('A'+i)), viettel)
			issued = w.clock.now()
			w.clock.pass(2 * time.Hour)
			got := w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed, At: tt.at(w.clock.now())})
			if want := tt.want(w.clock.now()); got.InstalledAt == nil || !got.InstalledAt.Equal(want) {
				t.Errorf("installed at %v, want %v", got.InstalledAt, want)
			}
			w.record(p.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: p.Payload, At: time.Unix(0, 0)}) // an earlier check comes after: time does not run back
			if n := ask[int](w, `SELECT count(*) FROM placard_events a JOIN placard_events b ON b.market_id = a.market_id AND b.placard_id = a.placard_id AND b.seq > a.seq AND b.at < a.at`); n != 0 {
				t.Error("a later event has an earlier time")
			}
			if n := ask[int](w, `SELECT count(*) FROM placard_events WHERE recorded_at <> '`+w.clock.now().Format(time.RFC3339Nano)+`' AND kind = 'checked' AND placard_id = '`+got.ID.String()+`'`); n != 0 {
				t.Error("the service's own clock is not kept beside it")
			}
		})
	}
}

// A placard hangs only with the vendor's own consent, whatever the board attested.
func TestConsentAtTheStall(t *testing.T) {
	t.Parallel()
	attested := func(w *world) registry.Placard {
		im, err := w.reg.PreviewImport(w.Context(), w.clerk, "VT", "a.csv", stream("Mã sạp;Người bán;Viettel Money\nA-1;Lý Minh Tâm;0710000001\n"), true)
		if err == nil {
			_, err = w.reg.CommitImport(w.Context(), w.clerk, im.Ref, registry.CommitImport{Attested: "vi-1"})
		}
		if err != nil {
			w.Fatal(err)
		}
		w.approve(w.look("A-1").Accounts[0])
		_, ps := w.issue(registry.NewBatch{All: true})
		return ps[0]
	}
	withdraw := func(w *world) {
		w.clock.pass(time.Minute)
		w.exec(`INSERT INTO consents (market_id, id, vendor_id, kind, wording, given, taken_by, taken_at)
			SELECT market_id, gen_random_uuid(), id, 'withdrawal', 'vi-1', 'face_to_face', 'person:x', $1 FROM vendors`, w.clock.now())
	}
	for _, tt := range []struct {
		name string
		do   func(w *world)
		in   registry.NewPlacardEvent
		want string
	}{
		{"only the board's word", nil, registry.NewPlacardEvent{Kind: "installed"}, "consent-missing"},
		{"given in the same moment", nil, registry.NewPlacardEvent{Kind: "installed", Consent: agreed}, ""},
		{"given before", func(w *world) {
			if _, err := w.reg.RecordConsent(w.Context(), w.volunteer, "VT", "A-1", *agreed); err != nil {
				w.Fatal(err)
			}
		}, registry.NewPlacardEvent{Kind: "installed"}, ""},
		{"given when it was handed over", func(w *world) {
			w.record(w.look("A-1").Placards[0].Serial, registry.NewPlacardEvent{Kind: "handed_over", Consent: agreed})
		}, registry.NewPlacardEvent{Kind: "installed"}, ""},
		{"given and withdrawn", func(w *world) {
			if _, err := w.reg.RecordConsent(w.Context(), w.volunteer, "VT", "A-1", *agreed); err != nil {
				w.Fatal(err)
			}
			withdraw(w)
		}, registry.NewPlacardEvent{Kind: "installed"}, "consent-missing"},
		{"withdrawn and given again", func(w *world) { withdraw(w); w.clock.pass(time.Minute) }, registry.NewPlacardEvent{Kind: "installed", Consent: agreed}, ""},
		{"another name is heard", nil, registry.NewPlacardEvent{Kind: "installed", Consent: agreed, HeardName: "KE GIAN"}, "name-differs"},
		{"the name as printed, with its marks", nil, registry.NewPlacardEvent{Kind: "installed", Consent: agreed, HeardName: "Lý  Minh Tâm"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := attested(w)
			if tt.do != nil {
				tt.do(w)
			}
			before := w.contents()
			_, err := w.reg.RecordPlacard(t.Context(), w.volunteer, p.Serial.String(), tt.in)
			if fault.CodeOf(err) != tt.want || err != nil && tt.want == "" {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
			if tt.want == "consent-missing" {
				w.same(before)
			}
			w.whole()
		})
	}
}

// What anybody may know by a serial is the same nothing for an unknown and for a malformed one.
func TestPublicPlacard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.placard("A-1", viettel)
	got, m, err := w.reg.PublicPlacard(t.Context(), " "+p.Serial.String())
	if err != nil || got.Serial != p.Serial || m.Code != "VT" || got.Tail != "0001" || got.Holder != "LY MINH TAM" {
		t.Errorf("%+v, %v", got, err)
	}
	said := ""
	for _, serial := range []string{registry.NewSerial().String(), "", "x", "AAAA-AAAA-AAA", p.Serial.String() + "0"} {
		_, _, err := w.reg.PublicPlacard(t.Context(), serial)
		f := isFault(t, err, "placard-not-found")
		if said == "" {
			said = f.Error()
		}
		if f.Error() != said {
			t.Errorf("%q is answered %q, not %q", serial, f.Error(), said)
		}
	}
	if _, err := w.reg.Placard(t.Context(), w.stranger, p.Serial.String()); fault.CodeOf(err) != "placard-not-found" {
		t.Errorf("from outside: %v", err)
	}
}

// A look that comes in late is taken to the first time at which the placard could be looked at, and stayed so: events of one moment, as a
// phone that brings home many at once makes them, are one.
func TestALateLookBeforeTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.placard("A-1", viettel)
	issued := w.clock.now()
	w.clock.pass(time.Minute)
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "handed_over"})
	w.clock.pass(time.Minute)
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "suspended"})
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "resumed", Reason: "x"})
	look := registry.NewPlacardEvent{Kind: "checked", Payload: p.Payload, At: issued.Add(-time.Hour)}
	_, err := w.reg.RecordPlacard(t.Context(), w.manager, p.Serial.String(), look)
	isFault(t, err, "placard-state")
	w.clock.pass(time.Minute)
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "suspended"})
	again := w.clock.now()
	w.clock.pass(time.Minute)
	if got := w.record(p.Serial, look); got.State != "suspended" {
		t.Errorf("the placard is %s", got.State)
	}
	if at := ask[time.Time](w, `SELECT at FROM placard_events WHERE kind = 'checked'`); !at.Equal(again) {
		t.Errorf("the look is of %s, want %s", at, again)
	}
	w.whole()
}
