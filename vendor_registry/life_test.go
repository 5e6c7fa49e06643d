package registry_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"

	"pgregory.net/rapid"
)

// life is the model of a placard: CONTRACT's states and what moves between them, and nothing else.
type life struct {
	serial      string
	payload     string
	provisional bool
	state       string
	before      string // the last state that was not suspended
	collected   bool   // replaced, and the paper is gone
	differs     bool   // the last name heard is not the printed one
	account     *string
}

func (l *life) ended() bool { return slices.Contains([]string{"replaced", "lost", "void"}, l.state) }

func (l *life) move(to string) {
	if to != "suspended" && l.state != "suspended" {
		l.before = to
	}
	l.state = to
}

// end is what happens to a live placard when its account ends or another takes its place.
func (l *life) end(how string) {
	if !l.ended() && l.state != how {
		l.move(how)
	}
}

// answer is the state after an event, or the code of the fault; it moves the model.
func (l *life) answer(role string, e registry.NewPlacardEvent, result string) string {
	allowed := map[string][]string{
		"suspended": {"volunteer", "leader", "manager", "officer"},
		"resumed":   {"manager", "officer"},
	}[e.Kind]
	if allowed == nil {
		allowed = []string{"volunteer", "leader", "manager"}
	}
	inForce := *l.account == "approved"
	switch {
	case e.Kind == "resumed" && e.Reason == "":
		return "event-invalid"
	case !slices.Contains(allowed, role):
		return "not-allowed"
	}
	from := map[string][]string{
		"handed_over": {"issued", "printed"}, "installed": {"issued", "printed", "handed_over"}, "checked": {"installed", "suspended"},
		"suspended": {"issued", "printed", "handed_over", "installed"}, "resumed": {"suspended"},
		"removed": {"issued", "printed", "handed_over", "installed", "suspended", "replaced"},
		"lost":    {"issued", "printed", "handed_over", "installed", "suspended"},
	}[e.Kind]
	if !slices.Contains(from, l.state) || l.collected {
		return "placard-state"
	}
	heard := func() {
		if e.HeardName != "" {
			l.differs = e.HeardName == "Kẻ Gian"
		}
	}
	switch e.Kind {
	case "resumed":
		if !inForce {
			return "account-changed"
		}
		l.state = l.before
	case "installed":
		if !inForce && !(l.provisional && *l.account == "proposed") {
			return "account-changed"
		}
		heard()
		if l.differs {
			return "name-differs"
		}
		l.move("installed")
	case "checked":
		if result != "match" {
			l.move("suspended")
		}
	case "removed":
		if l.state == "replaced" {
			l.collected = true
		} else {
			l.move("void")
		}
	default:
		l.move(e.Kind)
	}
	heard()
	return l.state
}

// Whatever is sent by whomever in whatever order, a placard goes only where CONTRACT lets it go.
func TestPlacardLivesOnlyByTheRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	roles := map[string]registry.Actor{"volunteer": w.volunteer, "leader": w.leader, "manager": w.manager, "officer": w.officer, "auditor": w.auditor}
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		code := fmt.Sprint("S-", n)
		account := w.stall(code, numbered(viettel, n*100)).Accounts[0]
		state := "proposed"
		states := []*string{&state}
		var lives []*life
		issue := func(in registry.NewBatch) {
			in.Stalls, in.Provisional, in.Sheet = []string{code}, true, "a6x4"
			var old *life
			for _, l := range lives {
				if !l.ended() && l.account == states[len(states)-1] {
					old = l
				}
			}
			want := ""
			switch current := *states[len(states)-1]; {
			case current != "proposed" && current != "approved",
				old != nil && in.Reprint && old.state == "suspended",
				old != nil && !in.Reprint && !(old.provisional && current == "approved"):
				want = "nothing-to-print"
			}
			b, err := w.reg.Issue(t.Context(), w.clerk, "VT", in, anyFits)
			if fault.CodeOf(err) != want || err != nil && want == "" {
				r.Fatalf("issue %+v: %v, want %q", in, err, want)
			}
			if err != nil {
				return
			}
			_, ps, err := w.reg.Batch(t.Context(), w.clerk, b.Ref)
			if err != nil || len(ps) != 1 {
				r.Fatalf("%d placards, %v", len(ps), err)
			}
			if old != nil {
				old.end("replaced")
			}
			l := &life{serial: ps[0].Serial.String(), payload: ps[0].Payload, provisional: ps[0].Mark == "provisional", state: "issued", before: "issued", account: states[len(states)-1]}
			lives = append(lives, l)
			if rapid.Bool().Draw(r, "drawn") {
				if err := w.reg.Printed(t.Context(), w.clerk, b.Ref); err != nil {
					r.Fatal(err)
				}
				l.move("printed")
			}
		}
		decide := func(approve bool) {
			d := approval(account)
			d.Reason = "đã hỏi lại" // wanted where another name was heard
			if !approve {
				d.Decision, d.Reason = "reject", "no"
			}
			if _, err := w.reg.Decide(t.Context(), w.manager, d); err != nil {
				r.Fatal(err)
			}
			state, how := "approved", ""
			if !approve {
				state, how = "rejected", "suspended"
			}
			*states[len(states)-1] = state
			for _, l := range lives {
				if l.account == states[len(states)-1] && how != "" {
					l.end(how)
				}
			}
		}
		change := func() {
			in := numbered(viettel, n*100+len(states))
			var err error
			if account, err = w.reg.Propose(t.Context(), w.clerk, "VT", code, in); err != nil {
				r.Fatal(err)
			}
			if _, err := w.reg.Decide(t.Context(), w.manager, approval(account)); err != nil {
				r.Fatal(err)
			}
			for _, l := range lives {
				if l.account == states[len(states)-1] {
					l.end("replaced")
				}
			}
			*states[len(states)-1] = "superseded"
			next := "approved"
			states = append(states, &next)
		}
		for range rapid.IntRange(5, 25).Draw(r, "steps") {
			w.clock.pass(time.Second)
			current := *states[len(states)-1]
			switch step := rapid.IntRange(0, 19).Draw(r, "step"); {
			case step == 0 && current == "proposed":
				decide(rapid.IntRange(0, 3).Draw(r, "approve") > 0)
			case step == 1 && current == "approved":
				change()
			case step < 4 || len(lives) == 0:
				issue(registry.NewBatch{})
			case step < 6:
				issue(registry.NewBatch{Reprint: true, Reason: "ướt"})
			default:
				l := rapid.SampledFrom(lives).Draw(r, "placard")
				role := rapid.SampledFrom([]string{"manager", "manager", "volunteer", "leader", "officer", "auditor"}).Draw(r, "role")
				e := registry.NewPlacardEvent{Kind: rapid.SampledFrom([]string{"handed_over", "installed", "installed", "checked", "suspended", "resumed", "resumed", "removed", "lost"}).Draw(r, "kind"),
					Reason: rapid.SampledFrom([]string{"", "đã xem lại"}).Draw(r, "reason")}
				result := ""
				switch e.Kind {
				case "handed_over", "installed":
					e.HeardName, e.Consent = rapid.SampledFrom([]string{"", "", "Lý Minh Tâm", "Kẻ Gian"}).Draw(r, "heard"), agreed
				case "checked":
					if result = rapid.SampledFrom([]string{"match", "other_account"}).Draw(r, "result"); result == "match" {
						e.Payload = l.payload
					} else {
						e.Payload = codeOf("971005", "0799999999")
					}
				}
				want := l.answer(role, e, result)
				got, err := w.reg.RecordPlacard(t.Context(), roles[role], l.serial, e)
				said := got.State
				if err != nil {
					said = fault.CodeOf(err)
				}
				if said != want {
					r.Fatalf("%s %s: %s, %v; want %s", role, e.Kind, said, err, want)
				}
			}
			for _, l := range lives {
				got, err := w.reg.Placard(t.Context(), w.clerk, l.serial)
				if err != nil || got.State != l.state || got.NameDiffers != l.differs || (got.State == "replaced" && got.RemovedAt != nil) != l.collected {
					r.Fatalf("%s is %s, name differs %v, removed %v; want %+v; %v", l.serial, got.State, got.NameDiffers, got.RemovedAt, l, err)
				}
			}
		}
		// The log says the same, from the first event to the last.
		for _, l := range lives {
			es, err := w.reg.PlacardEvents(t.Context(), w.clerk, l.serial)
			if err != nil || es[0].Kind != "issued" || es[len(es)-1].State != l.state {
				r.Fatalf("log %+v of %+v, %v", es, l, err)
			}
			for i, e := range es {
				if e.Kind == "resumed" && e.Reason == "" {
					r.Fatalf("resumed without a reason: %+v", e)
				}
				if i > 0 && slices.Contains([]string{"replaced", "lost", "void"}, es[i-1].State) && e.State != es[i-1].State {
					r.Fatalf("came back: %+v after %+v", e, es[i-1])
				}
			}
		}
	})
	w.whole()
}
