package fieldwork_test

import (
	"strings"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/fieldwork"
)

func TestVisitFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1")
	for _, tt := range []struct {
		name  string
		by    registry.Actor
		stall string
		in    fieldwork.NewVisit
		code  string // of the fault; empty: taken
		field string // "pointer code"
	}{
		{"no outcome", w.volunteer, "A-1", fieldwork.NewVisit{}, "visit-invalid", "outcome unknown"},
		{"unknown barrier", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "refused", Barrier: "lazy"}, "visit-invalid", "barrier unknown"},
		{"other wants a note", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "refused", Barrier: "other"}, "visit-invalid", "note required"},
		{"other among the rest wants a note", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "refused", Barrier: "fees", Also: []string{"other"}}, "visit-invalid", "note required"},
		{"reasons without a main one", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "helped", Also: []string{"fees"}}, "visit-invalid", "barrier required"},
		{"unknown item", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "done", Checklist: map[string]string{"car": "done"}}, "visit-invalid", "checklist unknown"},
		{"unknown answer", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "done", Checklist: map[string]string{"sim": "yes"}}, "visit-invalid", "checklist/sim unknown"},
		{"in five years", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "absent", AgainOn: mustDay(t, "2031-01-01")}, "visit-invalid", "again_on range"},
		{"twelve digits", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "done", Note: "số 092085001234"}, "visit-invalid", "note identity-card"},
		{"twelve digits in groups", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "done", Note: "092 085 001 234 nhé"}, "visit-invalid", "note identity-card"},
		{"twelve digits with dots", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "done", Note: "092.085.001.234"}, "visit-invalid", "note identity-card"},
		{"nine digits", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "done", Note: "CMND cũ 362123456"}, "visit-invalid", "note identity-card"},
		{"a card by name", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "done", Note: "căn cước là 3621234"}, "visit-invalid", "note identity-card"},
		{"a PIN", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "done", Note: "mã PIN: 2468"}, "visit-invalid", "note secret"},
		{"an OTP", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "done", Note: "OTP của chị là 839 204"}, "visit-invalid", "note secret"},
		{"a password", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "done", Note: "mật khẩu 123456"}, "visit-invalid", "note secret"},
		{"a talk about PINs is none", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "helped", Note: "Dặn không đưa mã PIN, OTP cho ai, hẹn 15/12/2026"}, "", ""},
		{"a phone number is none", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "helped", Note: "gọi 0912 345 678 trước"}, "", ""},
		{"an amount is none", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "helped", Note: "Vốn 100.000.000 đồng, quầy 250 000 000đ, thu 1.250.000.000"}, "", ""},
		{"an amount without groups is none", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "helped", Note: "vay 100000000 VNĐ"}, "", ""},
		{"a card beside an amount", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "helped", Note: "100.000.000 đồng, số 092.085.001.234"}, "visit-invalid", "note identity-card"},
		{"nine digits in groups", w.volunteer, "A-1", fieldwork.NewVisit{Outcome: "done", Note: "số cũ 362 123 456"}, "visit-invalid", "note identity-card"},
		{"another spelling of the stall", w.volunteer, "a - 1", fieldwork.NewVisit{Outcome: "closed"}, "", ""},
		{"no such stall", w.volunteer, "Z-9", fieldwork.NewVisit{Outcome: "done"}, "stall-not-found", ""},
		{"who only looks", w.auditor, "A-1", fieldwork.NewVisit{Outcome: "done"}, "not-allowed", ""},
		{"an officer", w.officer, "A-1", fieldwork.NewVisit{Outcome: "done"}, "not-allowed", ""},
		{"another market's board", w.stranger, "A-1", fieldwork.NewVisit{Outcome: "done"}, "market-not-found", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.field.RecordVisit(t.Context(), tt.by, "VT", tt.stall, tt.in)
			if tt.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			f := isFault(t, err, tt.code)
			if tt.field != "" && !strings.Contains(fieldsOf(f), tt.field) {
				t.Errorf("fields %q, want %q", fieldsOf(f), tt.field)
			}
		})
	}
	w.whole()
}

func fieldsOf(f *fault.Error) string {
	var b strings.Builder
	for _, field := range f.Fields {
		b.WriteString(field.Pointer + " " + field.Code + "; ")
	}
	return b.String()
}

func mustDay(t testing.TB, s string) registry.Day {
	t.Helper()
	d, err := registry.ParseDay(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What comes twice is one visit; what differs is kept beside it.
func TestVisitOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1", account(1))
	in := fieldwork.NewVisit{ID: id.New[fieldwork.Visit](), Outcome: "helped", Barrier: "needs_practice", Also: []string{"fees", "fees", "needs_practice"},
		Note: "Tập  bấm", Checklist: map[string]string{"wallet": "helped", "sim": "done", "e_id": "not_asked"}, Payload: payload(t, "0710000001"),
		At: w.clock.now().Add(-time.Hour), AgainOn: mustDay(t, "2026-11-29")}
	v := w.visit("A-1", in)
	if v.Again || v.Scan != "match" || v.Team != "T1" || v.Note != "Tập bấm" || len(v.Also) != 1 || len(v.Checklist) != 2 || !v.At.Equal(in.At) || v.ClockAhead != nil {
		t.Errorf("%+v", v)
	}
	w.clock.pass(time.Hour)
	again := in
	again.At = in.At.In(time.FixedZone("", 7*3600))
	again.SentAt = w.clock.now()
	if v := w.visit("A-1", again); !v.Again || !v.RecordedAt.Before(w.clock.now()) {
		t.Errorf("sent again: %+v", v)
	}
	other := in
	other.Outcome = "refused"
	for range 2 {
		_, err := w.field.RecordVisit(t.Context(), w.second, "VT", "A-1", other)
		isFault(t, err, "visit-differs")
	}
	if n := w.count(`SELECT count(*) FROM visits`); n != 1 {
		t.Errorf("%d visits", n)
	}
	cs, err := w.reg.Clashes(t.Context(), w.leader, "VT", false)
	if err == nil {
		_, settled := w.reg.SettleClash(t.Context(), w.leader, "VT", cs[0].ID, "OTP là 839204")
		isFault(t, settled, "clash-invalid")
	}
	if err != nil || len(cs) != 1 || cs[0].Kind != "visit" || cs[0].Place != "A-1" || cs[0].Content["outcome"] != "refused" || strings.Contains(cs[0].Content["payload"].(string), "0710000001") {
		t.Errorf("clashes %+v, %v", cs, err)
	}
	w.whole()
}

// A clock that is off decides nothing; a visit that comes late counts on its own day and for who held the stall then.
func TestVisitTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1")
	now := w.clock.now()
	w.clock.pass(20 * day)
	later := w.clock.now()
	if _, err := w.reg.HandOver(t.Context(), w.clerk, "VT", "A-1", registry.Transfer{Vendor: registry.NewHolder{Name: "Hồ Thúy Hòa"}, Reason: "sold"}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		at, sent time.Time
		want     time.Time
		flagged  bool
		vendor   string
	}{
		{"told nothing", time.Time{}, time.Time{}, later, false, "Hồ Thúy Hòa"},
		{"late, on its own day", now.Add(2 * day), later, now.Add(2 * day), false, "Lý Minh Tâm A-1"},
		{"nine minutes ahead", later.Add(9 * time.Minute), later.Add(9 * time.Minute), later, false, "Hồ Thúy Hòa"},
		{"an hour ahead", later.Add(-day).Add(time.Hour), later.Add(time.Hour), later.Add(-day), true, "Lý Minh Tâm A-1"},
		{"a day behind", later.Add(-3 * day), later.Add(-day), later.Add(-2 * day), true, "Lý Minh Tâm A-1"},
		{"1970, and still so when sent", time.Unix(3600, 0), time.Unix(7200, 0), later.Add(-time.Hour), true, "Hồ Thúy Hòa"},
		{"1970, set right since", time.Unix(3600, 0), later, later, true, "Hồ Thúy Hòa"},
		{"from the future", later.Add(40 * day), time.Time{}, later, true, "Hồ Thúy Hòa"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := w.visit("A-1", fieldwork.NewVisit{Outcome: "done", At: tt.at, SentAt: tt.sent})
			if !v.At.Equal(tt.want) || (v.ClockAhead != nil) != tt.flagged || v.Vendor != tt.vendor {
				t.Errorf("at %s for %s, flagged %v; want %s, %s, %v", v.At, v.Vendor, v.ClockAhead != nil, tt.want, tt.vendor, tt.flagged)
			}
		})
	}
}

func TestVoidVisit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1")
	v := w.visit("A-1", fieldwork.NewVisit{Outcome: "done"})
	_, err := w.field.VoidVisit(t.Context(), w.volunteer, v.Ref, "")
	isFault(t, err, "visit-invalid")
	_, err = w.field.VoidVisit(t.Context(), w.volunteer, v.Ref, "chị đọc PIN 2468")
	isFault(t, err, "visit-invalid")
	_, err = w.field.VoidVisit(t.Context(), w.second, v.Ref, "nhầm sạp")
	isFault(t, err, "visit-anothers")
	_, err = w.field.VoidVisit(t.Context(), w.stranger, v.Ref, "nhầm sạp")
	isFault(t, err, "visit-not-found")
	for range 2 {
		v, err = w.field.VoidVisit(t.Context(), w.leader, v.Ref, "nhầm sạp")
		if err != nil || v.VoidedAt == nil || *v.VoidReason != "nhầm sạp" || *v.VoidedBy != w.leader.Name {
			t.Errorf("%+v, %v", v, err)
		}
	}
	p, err := w.field.Visits(t.Context(), w.clerk, "VT", fieldwork.VisitFilter{})
	if err != nil || len(p.Items) != 0 {
		t.Errorf("taken back, and listed: %+v, %v", p, err)
	}
	p, err = w.field.Visits(t.Context(), w.clerk, "VT", fieldwork.VisitFilter{Voided: true})
	if err != nil || len(p.Items) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	if n := w.count(`SELECT count(*) FROM audit_events WHERE action = 'visit.voided'`); n != 1 {
		t.Errorf("%d events", n)
	}
	w.whole()
}

func TestVisitsAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1")
	w.stall("A-2")
	for i := range 5 {
		w.visit([]string{"A-1", "A-2"}[i%2], fieldwork.NewVisit{Outcome: "done"})
		w.clock.pass(day)
	}
	var got []fieldwork.Visit
	for f := (fieldwork.VisitFilter{List: registry.List{Limit: 2}}); ; {
		p, err := w.field.Visits(t.Context(), w.officer, "VT", f)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p.Items...)
		if p.Next == nil {
			break
		}
		f.Cursor = *p.Next
	}
	for i, v := range got {
		if i > 0 && !v.At.Before(got[i-1].At) {
			t.Error("not the newest first")
		}
	}
	if len(got) != 5 {
		t.Errorf("%d visits in pages", len(got))
	}
	for _, tt := range []struct {
		name string
		f    fieldwork.VisitFilter
		want int
	}{
		{"of a stall", fieldwork.VisitFilter{Stall: "a-1"}, 3}, {"of a team", fieldwork.VisitFilter{Team: "t1"}, 5}, {"of another team", fieldwork.VisitFilter{Team: "T2"}, 0},
		{"of mine", fieldwork.VisitFilter{Mine: true}, 0}, {"of a day", fieldwork.VisitFilter{From: mustDay(t, "2026-11-23"), Until: mustDay(t, "2026-11-23")}, 1},
		{"flagged", fieldwork.VisitFilter{Flagged: true}, 0},
	} {
		if p, err := w.field.Visits(t.Context(), w.officer, "VT", tt.f); err != nil || len(p.Items) != tt.want {
			t.Errorf("%s: %d, %v; want %d", tt.name, len(p.Items), err, tt.want)
		}
	}
}
