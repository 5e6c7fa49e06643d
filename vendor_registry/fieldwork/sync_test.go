package fieldwork_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/fieldwork"
)

// phone is one that keeps what is done without a signal.
type phone struct {
	w   *world
	by  registry.Actor
	id  id.ID[fieldwork.Device]
	seq int64
}

func (w *world) phone(by registry.Actor) *phone { return &phone{w, by, id.New[fieldwork.Device](), 0} }

// item is a thing done now.
func (p *phone) item(kind, place string, what any) fieldwork.Item {
	p.seq++
	it := fieldwork.Item{ID: id.New[fieldwork.Item](), Kind: kind, Seq: p.seq, At: p.w.clock.now(), Market: "VT", Stall: place, Body: body(what)}
	if kind == "placard_event" {
		it.Market, it.Stall, it.Serial = "", "", place
	}
	return it
}

func (p *phone) send(items ...fieldwork.Item) []fieldwork.Result {
	p.w.Helper()
	rs, err := p.w.field.Sync(context.Background(), p.by, fieldwork.Batch{Device: p.id, SentAt: p.w.clock.now(), Items: items})
	if err != nil {
		p.w.Fatal(err)
	}
	return rs
}

// told is what became of the items: ok, again, or the fault's code.
func told(rs []fieldwork.Result) (out []string) {
	for _, r := range rs {
		switch {
		case r.Err != nil:
			out = append(out, fault.CodeOf(r.Err))
		case r.Again:
			out = append(out, "again")
		default:
			out = append(out, "ok")
		}
	}
	return out
}

func repeated(word string, n int) []string { return slices.Repeat([]string{word}, n) }

// morning is what a volunteer does at a market without a signal: a stall that nobody knew, its scanned account, the vendor's consent, a
// placard hung and checked, visits.
func (w *world) morning(p *phone) []fieldwork.Item {
	w.Helper()
	pl := w.placard("A-1", 1)
	w.stall("A-2")
	return []fieldwork.Item{
		p.item("visit", "A-1", fieldwork.NewVisit{Outcome: "helped"}),
		p.item("placard_event", pl.Serial.String(), registry.NewPlacardEvent{Kind: "installed", HeardName: "Lý Minh Tâm", Consent: agreed}),
		p.item("placard_event", pl.Serial.String(), registry.NewPlacardEvent{Kind: "checked", Payload: payload(w, "0710000001")}),
		p.item("stall", "", registry.NewStall{Code: "N-1", Section: "Khu B", Vendor: &registry.NewVendor{Name: "Hồ Thúy Hòa"}, Consent: agreed}),
		p.item("account", "N-1", registry.NewAccount{Payload: payload(w, "0710000009"), Holder: "HO THUY HOA"}),
		p.item("consent", "A-2", agreed),
		p.item("visit", "N-1", fieldwork.NewVisit{Outcome: "helped", Barrier: "needs_practice"}),
		p.item("status", "A-2", registry.NewStatus{Status: "closed", Reason: "illness"}),
	}
}

// kept is everything that the items may have made.
func (w *world) kept() string {
	w.Helper()
	return fmt.Sprint(w.count(`SELECT count(*) FROM visits`), w.count(`SELECT count(*) FROM placard_events`), w.count(`SELECT count(*) FROM stalls`), w.count(`SELECT count(*) FROM accounts`),
		w.count(`SELECT count(*) FROM consents`), w.count(`SELECT count(*) FROM occupancy_statuses`), w.count(`SELECT count(*) FROM phone_sendings`))
}

// A batch is taken whatever order it comes in, and leaves the same record.
func TestSyncAnyOrder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		order func([]fieldwork.Item)
	}{
		{"as it was done", func([]fieldwork.Item) {}},
		{"backwards", func(items []fieldwork.Item) { slices.Reverse(items) }},
		{"counted by nobody, and backwards", func(items []fieldwork.Item) {
			slices.Reverse(items)
			for i := range items {
				items[i].Seq = 0
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.phone(w.volunteer)
			items := w.morning(p)
			tt.order(items)
			if got := told(p.send(items...)); !slices.Equal(got, repeated("ok", len(items))) {
				t.Errorf("%v", got)
			}
			st, err := w.reg.Stall(t.Context(), w.clerk, "VT", "A-1")
			if err != nil || *st.Stage != registry.Checked {
				t.Errorf("A-1 is %v, %v", st.Stage, err)
			}
			if st, err = w.reg.Stall(t.Context(), w.clerk, "VT", "N-1"); err != nil || *st.Stage != registry.HasAccount || st.Accounts[0].Source != "scanned" {
				t.Errorf("N-1 is %v, %v", st.Stage, err)
			}
			was := w.kept()
			w.clock.pass(time.Hour)
			if got := told(p.send(items...)); !slices.Equal(got, repeated("again", len(items))) || w.kept() != was {
				t.Errorf("sent again: %v, %s, was %s", got, w.kept(), was)
			}
			w.whole()
		})
	}
}

// An answer that was cut, the same item twice in a batch, and two batches at once: each thing is done once.
func TestSyncOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.phone(w.volunteer)
	items := w.morning(p)
	twice := append(slices.Clone(items), items...)
	got := make([][]string, 4)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() { got[i] = told(p.send(twice...)) })
	}
	all.Wait()
	fresh := 0
	for _, g := range got {
		for i, word := range g {
			switch word {
			case "ok":
				fresh++
			case "again":
			default:
				t.Errorf("item %d (%s): %s", i%len(items), twice[i].Kind, word)
			}
		}
	}
	if fresh != len(items) {
		t.Errorf("%d items were done, of %d", fresh, len(items))
	}
	for table, want := range map[string]int{"visits": 2, "phone_sendings": len(items), "occupancy_statuses": 1, "clashes": 0} {
		if n := w.count(`SELECT count(*) FROM ` + table); n != want {
			t.Errorf("%s: %d, want %d", table, n, want)
		}
	}
	if n := w.count(`SELECT count(*) FROM consents c WHERE c.taken_by = $1`, w.volunteer.ID); n != 3 {
		t.Errorf("%d consents", n)
	}
	w.whole()
}

// One item's failure holds no other up, and is told with its own fault.
func TestSyncItemByItem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.phone(w.volunteer)
	pl := w.placard("A-1", 1)
	good := p.item("visit", "A-1", fieldwork.NewVisit{Outcome: "done"})
	unreadable := p.item("visit", "A-1", fieldwork.NewVisit{Outcome: "done"})
	unreadable.Body = []byte(`{"outcome":`)
	stranger := p.item("visit", "A-1", map[string]any{"outcome": "done", "market": "XX"})
	elsewhere := p.item("visit", "A-1", fieldwork.NewVisit{Outcome: "done"})
	elsewhere.Market = "XX"
	named := p.item("visit", "A-1", fieldwork.NewVisit{ID: id.New[fieldwork.Visit](), Outcome: "done"})
	nameless := p.item("visit", "A-1", fieldwork.NewVisit{Outcome: "done"})
	nameless.ID = id.ID[fieldwork.Item]{}
	other := good
	other.Body = body(fieldwork.NewVisit{Outcome: "refused"})
	consent := p.item("consent", "A-1", agreed)
	otherConsent := consent
	otherConsent.Body = body(registry.NewConsent{Version: "vi-1", Given: "phone_call"})
	mixed := consent
	mixed.Kind, mixed.Body = "status", body(registry.NewStatus{Status: "closed", Reason: "illness"})
	last := p.item("visit", "A-1", fieldwork.NewVisit{Outcome: "helped"})
	items := []fieldwork.Item{unreadable, stranger, elsewhere, named, nameless, good, other, consent, otherConsent, mixed,
		p.item("dance", "A-1", fieldwork.NewVisit{Outcome: "done"}),
		p.item("visit", "A-1", fieldwork.NewVisit{Outcome: "done", Note: "CCCD 092085001234"}),
		p.item("visit", "Z-9", fieldwork.NewVisit{Outcome: "done"}),
		p.item("placard_event", "0000-0000-000", registry.NewPlacardEvent{Kind: "checked", Result: "missing"}),
		p.item("placard_event", pl.Serial.String(), registry.NewPlacardEvent{Kind: "installed", HeardName: "Nguyễn Văn Khác", Consent: agreed}),
		last}
	want := []string{"json-invalid", "json-invalid", "market-not-found", "item-invalid", "item-invalid", "ok", "visit-differs", "ok", "record-differs", "record-differs",
		"item-invalid", "visit-invalid", "stall-not-found", "placard-not-found", "name-differs", "ok"}
	rs := p.send(items...)
	if got := told(rs); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for i, r := range rs {
		if r.ID != items[i].ID {
			t.Errorf("result %d is of another item", i)
		}
	}
	if n := w.count(`SELECT count(*) FROM phone_sendings`); n != 3 {
		t.Errorf("%d items are noted as taken", n)
	}
	cs, err := w.reg.Clashes(t.Context(), w.leader, "VT", false)
	if err != nil || len(cs) != 3 {
		t.Errorf("clashes %+v, %v", cs, err)
	}
	w.whole()
}

// The phone's clock, its own count and how far it was off are kept; ours decides.
func TestSyncClocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1")
	p := w.phone(w.volunteer)
	now := w.clock.now()
	item := func(at time.Time, ahead *int) fieldwork.Item {
		it := p.item("visit", "A-1", fieldwork.NewVisit{Outcome: "done"})
		it.At, it.Ahead = at, ahead
		return it
	}
	hours := func(n int) *int { n *= 3600; return &n }
	for _, tt := range []struct {
		name    string
		it      fieldwork.Item
		sent    time.Time
		want    time.Time
		flagged bool
	}{
		{"a good clock", item(now.Add(-2*time.Hour), nil), now, now.Add(-2 * time.Hour), false},
		{"1970 all along", item(time.Unix(60, 0), nil), time.Unix(3660, 0), now.Add(-time.Hour), true},
		{"1970, set before it was sent", item(time.Unix(60, 0), nil), now, now, true},
		{"known to be three hours ahead then, set since", item(now.Add(2*time.Hour), hours(3)), now, now.Add(-time.Hour), true},
		{"of a year so far off that no count holds it", item(now, hours(1<<40)), now, now, true},
		{"behind by as much", item(now, hours(-1<<40)), now, now, true},
		{"a year that no calendar has", item(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), nil), now, now, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rs, err := w.field.Sync(t.Context(), w.volunteer, fieldwork.Batch{Device: p.id, SentAt: tt.sent, Items: []fieldwork.Item{tt.it}})
			if err != nil || rs[0].Err != nil {
				t.Fatal(err, rs[0].Err)
			}
			v := rs[0].Record.(fieldwork.Visit)
			if !v.At.Equal(tt.want) || (v.ClockAhead != nil) != tt.flagged || (rs[0].ClockAhead != nil) != tt.flagged {
				t.Errorf("at %s, flagged %v; want %s, %v", v.At, v.ClockAhead != nil, tt.want, tt.flagged)
			}
		})
	}
	if n := w.count(`SELECT count(DISTINCT seq) FROM phone_sendings WHERE device = $1 AND phone_at IS NOT NULL`, p.id); n != 7 {
		t.Errorf("%d counts and times of the phone's are kept", n)
	}
	p2, err := w.field.Visits(t.Context(), w.leader, "VT", fieldwork.VisitFilter{Flagged: true})
	if err != nil || len(p2.Items) != 6 {
		t.Errorf("%d flagged, %v", len(p2.Items), err)
	}
}

func TestSyncBatchFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.phone(w.volunteer)
	for _, tt := range []struct {
		name  string
		b     fieldwork.Batch
		field string
	}{
		{"no device", fieldwork.Batch{SentAt: w.clock.now()}, "device required; "},
		{"no clock", fieldwork.Batch{Device: p.id}, "sent_at required; "},
		{"too many", fieldwork.Batch{Device: p.id, SentAt: w.clock.now(), Items: make([]fieldwork.Item, fieldwork.MostItems+1)}, "items count; "},
	} {
		_, err := w.field.Sync(t.Context(), w.volunteer, tt.b)
		if f := isFault(t, err, "batch-invalid"); fieldsOf(f) != tt.field {
			t.Errorf("%s: %q", tt.name, fieldsOf(f))
		}
	}
	if rs := p.send(); len(rs) != 0 {
		t.Errorf("%v", rs)
	}
}

// Events of one placard that two phones bring in the other order end as if they had come in theirs.
func TestSyncLateHandOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pl := w.placard("A-1", 1)
	a, b := w.phone(w.volunteer), w.phone(w.second)
	given := a.item("placard_event", pl.Serial.String(), registry.NewPlacardEvent{Kind: "handed_over"})
	w.clock.pass(time.Hour)
	hung := b.item("placard_event", pl.Serial.String(), registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
	if got := told(b.send(hung)); got[0] != "ok" {
		t.Fatal(got)
	}
	w.clock.pass(time.Hour)
	if got := told(a.send(given)); got[0] != "ok" {
		t.Errorf("handed over before it was hung, and heard of later: %v", got)
	}
	if p, err := w.reg.Placard(t.Context(), w.clerk, pl.Serial.String()); err != nil || p.State != "installed" {
		t.Errorf("%s, %v", p.State, err)
	}
	late := a.item("placard_event", pl.Serial.String(), registry.NewPlacardEvent{Kind: "handed_over"})
	if got := told(a.send(late)); got[0] != "placard-state" {
		t.Errorf("handed over after it was hung: %v", got)
	}
	w.whole()
}

// Who may not do a thing is told so before anything is said of its id, and leaves nothing behind.
func TestSyncRightsComeFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pl := w.placard("A-1", 1)
	p := w.phone(w.volunteer)
	sent := p.item("visit", "A-1", fieldwork.NewVisit{Outcome: "done"})
	if got := told(p.send(sent)); got[0] != "ok" {
		t.Fatal(got)
	}
	event := func(kind string) any { return registry.NewPlacardEvent{Kind: kind, Reason: "nghi mã lạ"} }
	for _, tt := range []struct {
		name, kind, place string
		body              any
		by                registry.Actor
		want              string
	}{
		{"an auditor", "visit", "A-1", fieldwork.NewVisit{Outcome: "refused"}, w.auditor, "not-allowed"},
		{"an officer", "visit", "A-1", fieldwork.NewVisit{Outcome: "refused"}, w.officer, "not-allowed"},
		{"an officer with a consent", "consent", "A-1", agreed, w.officer, "not-allowed"},
		{"an officer with an account", "account", "A-1", account(9), w.officer, "not-allowed"},
		{"an officer with a stall", "stall", "", registry.NewStall{Code: "N-1"}, w.officer, "not-allowed"},
		{"an officer with a status", "status", "A-1", registry.NewStatus{Status: "closed", Reason: "illness"}, w.officer, "not-allowed"},
		{"an officer who hangs", "placard_event", pl.Serial.String(), event("installed"), w.officer, "not-allowed"},
		{"an officer who suspends", "placard_event", pl.Serial.String(), event("suspended"), w.officer, "record-differs"},
		{"a volunteer who resumes", "placard_event", pl.Serial.String(), event("resumed"), w.volunteer, "not-allowed"},
		{"another market's board", "visit", "A-1", fieldwork.NewVisit{Outcome: "refused"}, w.stranger, "market-not-found"},
		{"a member of the team", "visit", "A-1", fieldwork.NewVisit{Outcome: "refused"}, w.second, "visit-differs"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clashes := w.count(`SELECT count(*) FROM clashes`)
			q := w.phone(tt.by)
			it := q.item(tt.kind, tt.place, tt.body)
			it.ID = sent.ID
			if got := told(q.send(it)); got[0] != tt.want {
				t.Errorf("%v, want %s", got, tt.want)
			}
			kept := w.count(`SELECT count(*) FROM clashes`) - clashes
			if want := strings.HasSuffix(tt.want, "-differs"); (kept == 1) != want {
				t.Errorf("%d second versions are kept", kept)
			}
		})
	}
}

// An id is of one record: under it comes no record of another kind, and none of another market that the sender reaches.
func TestSyncOneIDOneRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1")
	if _, err := w.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: "V2", Name: "Chợ Hai", Area: "31321"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.field.AssignMarket(t.Context(), registry.Console(), "T1", "V2", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.reg.Register(t.Context(), registry.Console(), "V2", registry.NewStall{Code: "A-1", Section: "K", Goods: "g"}); err != nil {
		t.Fatal(err)
	}
	p := w.phone(w.volunteer)
	visit, consent := p.item("visit", "A-1", fieldwork.NewVisit{Outcome: "done"}), p.item("consent", "A-1", agreed)
	far, other, wrong := visit, consent, consent
	far.Market = "V2"
	other.Kind, other.Body = "account", body(account(9))
	wrong.Kind, wrong.Body = "visit", visit.Body
	for _, tt := range []struct {
		name  string
		items []fieldwork.Item
		want  []string
	}{
		{"two markets in a batch, the first of which has no such stall", []fieldwork.Item{func() fieldwork.Item { i := visit; i.Stall = "Z-9"; return i }(), visit, far}, []string{"stall-not-found", "ok", "record-differs"}},
		{"another market, later", []fieldwork.Item{far, visit}, []string{"record-differs", "again"}},
		{"other kinds under the id of a consent", []fieldwork.Item{consent, other, wrong}, []string{"ok", "record-differs", "record-differs"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := told(p.send(tt.items...)); !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
	if n := w.count(`SELECT count(*) FROM visits`); n != 1 {
		t.Errorf("%d visits", n)
	}
}

// What somebody did comes in from a file under the leader's name; whoever did it may not approve the account all the same.
func TestSyncFromAFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1")
	w.stall("A-3")
	w.stall("A-4")
	p := w.phone(w.leader) // who sends it in; the file's phone is somebody else's
	given := func(by string, it fieldwork.Item) fieldwork.Item {
		it.By = by
		return it
	}
	touched := func(number string) (all []string) {
		t.Helper()
		if err := w.db.QueryRow(t.Context(), `SELECT array_agg(DISTINCT who ORDER BY who) FROM accounts, unnest(touched_by) who WHERE number = $1`, number).Scan(&all); err != nil {
			t.Fatal(err)
		}
		return all
	}
	ids := func(who ...registry.Actor) (all []string) {
		for _, a := range who {
			all = append(all, a.ID)
		}
		slices.Sort(all)
		return all
	}
	scanned := func(n int) registry.NewAccount {
		return registry.NewAccount{Payload: payload(t, fmt.Sprintf("071%07d", n)), Reason: "một nhà"}
	}
	first := given(" "+strings.ToUpper(w.manager.Name)+" ", p.item("account", "A-1", scanned(1)))
	items := []fieldwork.Item{first,
		given(w.manager.Name, p.item("stall", "", registry.NewStall{Code: "A-2", Section: "Khu A", Vendor: &registry.NewVendor{Name: "Đỗ Thị Lan"}, Accounts: []registry.NewAccount{scanned(2)}, Consent: agreed})),
		given(w.volunteer.Name, p.item("stand", "A-3", registry.NewStand{Payload: payload(t, "0710000003")})),
		given("không ai cả", p.item("account", "A-4", scanned(4))),
		given(w.stranger.Name, p.item("account", "A-4", scanned(4))),
		given("không ai cả", p.item("visit", "A-4", fieldwork.NewVisit{Outcome: "done"})),
	}
	if got := strings.Join(told(p.send(items...)), " "); got != "ok ok ok item-invalid item-invalid ok" {
		t.Fatal(got)
	}
	for number, want := range map[string][]string{"0710000001": ids(w.leader, w.manager), "0710000002": ids(w.leader, w.manager), "0710000003": ids(w.leader, w.volunteer)} {
		if got := touched(number); !slices.Equal(got, want) {
			t.Errorf("%s was touched by %v, want %v", number, got, want)
		}
	}
	// Sent again, by the phone itself at last: it is there, and nobody is let off.
	first.By = ""
	member := &phone{w, w.manager, p.id, 0}
	if got := told(member.send(first)); got[0] != "again" || !slices.Equal(touched("0710000001"), ids(w.leader, w.manager)) {
		t.Errorf("%v, touched by %v", got, touched("0710000001"))
	}
	// Who took the market's list on that phone had it in their hands, whatever name stands in the file.
	w.pack(w.second, p.id, "")
	if got := told(p.send(given(w.volunteer.Name, p.item("account", "A-4", scanned(5))))); got[0] != "ok" || !slices.Equal(touched("0710000005"), ids(w.leader, w.volunteer, w.second)) {
		t.Errorf("%v, touched by %v", got, touched("0710000005"))
	}
	st, err := w.reg.Stall(t.Context(), w.manager, "VT", "A-1")
	if err != nil || len(st.Accounts) != 1 {
		t.Fatal(st, err)
	}
	approve := func(by registry.Actor) error {
		_, err := w.reg.Decide(t.Context(), by, registry.Decision{Account: st.Accounts[0].ID, ETag: st.Accounts[0].ETag(), Decision: "approve"})
		return err
	}
	isFault(t, approve(w.manager), "own-proposal")
	isFault(t, approve(w.leader), "own-proposal")
	if err := approve(w.officer); err != nil {
		t.Error(err)
	}
	w.whole()
}

// What one vendor said or showed is not written down as another's who took the stall before it came in.
func TestSyncAfterTheStallChangedHands(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	for _, tt := range []struct {
		name          string
		done, changed time.Duration // after the first day's morning
		fresh         bool          // the stall was free before
		want          string
	}{
		{"two days later", 0, 2 * day, false, "stall-handed-over"},
		{"later that day", 0, hour, false, "stall-handed-over"},
		{"earlier that day", 2 * hour, hour, false, "ok"},
		{"the day before", 2 * day, day, false, "ok"},
		{"from nobody", 0, hour, true, "ok"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.clock.pass(day)
			switch tt.fresh {
			case false:
				w.exec(`UPDATE occupancies SET began = began - 1 WHERE stall_id = $1`, w.stall("A-1").ID)
			default:
				if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "A-1", Section: "Khu A", Goods: "Rau"}); err != nil {
					t.Fatal(err)
				}
			}
			p := w.phone(w.volunteer)
			from := w.clock.now()
			var items []fieldwork.Item
			for _, it := range []fieldwork.Item{
				p.item("account", "A-1", registry.NewAccount{Payload: payload(t, "0710000077"), Holder: "LY MINH TAM"}),
				p.item("consent", "A-1", agreed),
				p.item("status", "A-1", registry.NewStatus{Status: "closed", Reason: "illness"}),
				p.item("stand", "A-1", registry.NewStand{Payload: payload(t, "0710000088")}),
			} {
				it.At = from.Add(tt.done)
				items = append(items, it)
			}
			w.clock.pass(tt.changed)
			who := registry.Transfer{Vendor: registry.NewHolder{Name: "Hồ Thúy Hòa"}, Consent: agreed, Reason: "sang quầy"}
			if _, err := w.reg.HandOver(t.Context(), w.clerk, "VT", "A-1", who); err != nil {
				t.Fatal(err)
			}
			w.clock.pass(3*day - tt.changed)
			before := w.kept()
			if got := told(p.send(items...)); !slices.Equal(got, repeated(tt.want, 4)) {
				t.Errorf("%q", got)
			}
			if tt.want != "ok" && w.kept() != before {
				t.Errorf("it left %s, was %s", w.kept(), before)
			}
			w.whole()
		})
	}
}
