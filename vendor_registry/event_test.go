package registry_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

// A placard hangs only when the name that was heard last is the printed one, whenever it was heard.
func TestHeardName(t *testing.T) {
	t.Parallel()
	const right, wrong = "Lý Minh Tâm", "Kẻ Gian"
	handed := func(name string) registry.NewPlacardEvent {
		return registry.NewPlacardEvent{Kind: "handed_over", HeardName: name}
	}
	hung := func(name string) registry.NewPlacardEvent {
		return registry.NewPlacardEvent{Kind: "installed", HeardName: name, Consent: agreed}
	}
	type step struct {
		registry.NewPlacardEvent
		fault string
	}
	for _, tt := range []struct {
		name    string
		steps   []step
		state   string
		differs bool
	}{
		{"nothing heard", []step{{hung(""), ""}}, "installed", false},
		{"the printed name", []step{{handed(right), ""}, {hung(""), ""}}, "installed", false},
		{"another at the hand-over, recorded all the same", []step{{handed(wrong), ""}}, "handed_over", true},
		{"another at the hand-over, nothing heard when hanging", []step{{handed(wrong), ""}, {hung(""), "name-differs"}}, "handed_over", true},
		{"another at the hand-over, the right one when hanging", []step{{handed(wrong), ""}, {hung(right), ""}}, "installed", false},
		{"right at the hand-over, another when hanging", []step{{handed(right), ""}, {hung(wrong), "name-differs"}}, "handed_over", true},
		{"left out at the second try", []step{{hung(wrong), "name-differs"}, {hung(""), "name-differs"}}, "issued", true},
		{"the same wrong one again", []step{{hung(wrong), "name-differs"}, {hung(wrong), "name-differs"}}, "issued", true},
		{"right at the second try", []step{{hung(wrong), "name-differs"}, {hung("LY MINH TAM"), ""}}, "installed", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.placard("A-1", viettel)
			for i, s := range tt.steps {
				_, err := w.reg.RecordPlacard(t.Context(), w.volunteer, p.Serial.String(), s.NewPlacardEvent)
				if fault.CodeOf(err) != s.fault || err != nil && s.fault == "" {
					t.Errorf("step %d: %v, want %q", i, err, s.fault)
				}
			}
			got, err := w.reg.Placard(t.Context(), w.clerk, p.Serial.String())
			if err != nil || got.State != tt.state || got.NameDiffers != tt.differs {
				t.Errorf("%s, name differs %v; want %s, %v; %v", got.State, got.NameDiffers, tt.state, tt.differs, err)
			}
			if n := ask[int](w, `SELECT count(*) FROM placard_events WHERE kind = 'heard'`); n > 1 {
				t.Errorf("the same name was heard %d times", n)
			}
			refused := slices.ContainsFunc(tt.steps, func(s step) bool { return s.fault != "" && s.HeardName != "" })
			if n := ask[int](w, `SELECT count(*) FROM audit_events WHERE action = 'placard.install_refused'`); (n > 0) != refused {
				t.Errorf("%d refusals audited, refused: %v", n, refused)
			}
			w.whole()
		})
	}
}

// The log tells everything in its order, and names only to those who may know them.
func TestPlacardEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`INSERT INTO people (id, name, name_key, created_at) VALUES ($1, 'Chị Lan', 'chị lan', now())`, w.volunteer.ID[len("person:"):])
	p := w.reach("A-1", "printed")
	w.clock.pass(time.Hour)
	for _, e := range []registry.NewPlacardEvent{
		{Kind: "handed_over", HeardName: "Lý Minh Tâm", At: w.clock.now().Add(-time.Minute)},
		{Kind: "installed", HeardName: "Lý Minh Tầm khác", Consent: agreed},
		{Kind: "installed", HeardName: "Lý Minh Tâm", Consent: agreed},
		{Kind: "checked", Payload: codeOf("971005", "0719999999")},
	} {
		_, err := w.reg.RecordPlacard(t.Context(), w.volunteer, p.Serial.String(), e)
		if err != nil && fault.CodeOf(err) != "name-differs" {
			t.Fatal(err)
		}
	}
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "resumed", Reason: "đã gỡ mã lạ"})
	line := func(e registry.LoggedEvent) string {
		result, heard := "", ""
		if e.Result != nil {
			result = *e.Result
		}
		if e.HeardName != nil {
			heard = *e.HeardName
		}
		return fmt.Sprintf("%s → %s|%s|%s|%s|%s", e.Kind, e.State, result, heard, e.Reason, e.Who)
	}
	want := []string{
		"issued → issued||||", "printed → printed||||", "handed_over → handed_over||Lý Minh Tâm||Chị Lan",
		"heard → handed_over||Lý Minh Tầm khác||Chị Lan", "installed → installed||Lý Minh Tâm||Chị Lan",
		"checked → suspended|other_account|||Chị Lan", "resumed → installed|||đã gỡ mã lạ|",
	}
	read := func(by registry.Actor) (got []string, es []registry.LoggedEvent) {
		es, err := w.reg.PlacardEvents(t.Context(), by, p.Serial.String())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range es {
			got = append(got, line(e))
		}
		return got, es
	}
	got, es := read(w.clerk)
	if !slices.Equal(got, want) {
		t.Errorf("log\n%q, want\n%q", got, want)
	}
	if !es[2].At.Equal(w.clock.now().Add(-time.Minute)) || !es[2].RecordedAt.Equal(w.clock.now()) {
		t.Errorf("handed over at %v, recorded at %v", es[2].At, es[2].RecordedAt)
	}
	if got, _ := read(w.auditor); got[2] != "handed_over → handed_over||L• M••• T••||Chị Lan" {
		t.Errorf("an auditor reads %q", got[2])
	}
	for name, read := range map[string]func() error{
		"from outside": func() error {
			_, err := w.reg.PlacardEvents(t.Context(), w.stranger, p.Serial.String())
			return err
		},
		"an unknown serial": func() error {
			_, err := w.reg.PlacardEvents(t.Context(), w.clerk, registry.NewSerial().String())
			return err
		},
	} {
		if err := read(); fault.CodeOf(err) != "placard-not-found" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The name that was refused is kept although the caller's own transaction goes on, or is rolled back.
func TestHeardInsideTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.placard("A-1", viettel)
	tx, err := w.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.reg.On(tx).RecordPlacard(t.Context(), w.volunteer, p.Serial.String(), registry.NewPlacardEvent{Kind: "installed", HeardName: "KE GIAN", Consent: agreed})
	isFault(t, err, "name-differs")
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := w.reg.Placard(t.Context(), w.clerk, p.Serial.String()); err != nil || !got.NameDiffers {
		t.Errorf("forgotten: %+v, %v", got, err)
	}
	w.whole()
}
