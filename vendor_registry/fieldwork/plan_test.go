package fieldwork_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/id"
	"cho40/qrgen"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/fieldwork"
)

func (w *world) plan(f fieldwork.PlanFilter) fieldwork.Plan {
	w.Helper()
	p, err := w.field.Plan(w.Context(), w.leader, "VT", f)
	if err != nil {
		w.Fatal(err)
	}
	return p
}

// at are the tasks of a stall, "kind priority due".
func at(p fieldwork.Plan, stall string) (out []string) {
	for _, t := range p.Items {
		if t.Stall == stall {
			out = append(out, t.Kind+" "+t.Priority+" "+t.Due.String())
		}
	}
	return out
}

// What there is to do follows from the record, and what changes it ends it.
func TestPlanFollowsTheRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1")
	expect := func(name, stall string, want ...string) {
		t.Helper()
		if got := at(w.plan(fieldwork.PlanFilter{Days: 400}), stall); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	expect("no account", "A-1", "get_account normal 2026-11-22")
	w.visit("A-1", fieldwork.NewVisit{Outcome: "helped", Barrier: "needs_practice"})
	expect("a reason that is asked about again after a week", "A-1", "ask_again normal 2026-11-29")
	w.visit("A-1", fieldwork.NewVisit{Outcome: "refused"})
	expect("a no, asked again after a quarter", "A-1", "ask_again normal 2027-02-20")
	v := w.visit("A-1", fieldwork.NewVisit{Outcome: "absent", AgainOn: mustDay(t, "2026-11-25")})
	expect("a day that the visit named", "A-1", "ask_again normal 2026-11-25")
	if _, err := w.field.VoidVisit(t.Context(), w.volunteer, v.Ref, "nhầm"); err != nil {
		t.Fatal(err)
	}
	expect("a visit that was taken back counts no more", "A-1", "ask_again normal 2027-02-20")

	a := w.stall("B-1", account(5)).Accounts[0]
	expect("waits for the board", "B-1")
	if _, err := w.reg.Decide(t.Context(), w.manager, registry.Decision{Account: a.ID, ETag: a.ETag(), Decision: "approve"}); err != nil {
		t.Fatal(err)
	}
	expect("approved", "B-1", "print normal 2026-11-29")

	pl := w.placard("C-1", 1)
	expect("printed", "C-1", "hang normal 2026-11-25")
	asked := w.visit("C-1", fieldwork.NewVisit{Outcome: "helped", AgainOn: mustDay(t, "2026-11-30")})
	expect("printed, and asked to come later", "C-1", "ask_again normal 2026-11-30")
	if _, err := w.field.VoidVisit(t.Context(), w.volunteer, asked.Ref, "nhầm"); err != nil {
		t.Fatal(err)
	}
	w.event(pl.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
	expect("hung", "C-1", "first_check normal 2026-11-29")
	w.clock.pass(22 * day)
	expect("hung, and nobody came", "C-1", "first_check high 2026-11-29")
	w.event(pl.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: pl.Payload})
	got := at(w.plan(fieldwork.PlanFilter{Days: 400}), "C-1")
	if len(got) != 1 || !strings.HasPrefix(got[0], "check normal ") || got[0] < "check normal 2027-02-12" || got[0] > "check normal 2027-05-24" {
		t.Errorf("after the first check: %q, want a check by chance 60 to 159 days later", got)
	}
	if again := at(w.plan(fieldwork.PlanFilter{Days: 400}), "C-1"); !slices.Equal(got, again) {
		t.Errorf("the day moves: %q, then %q", got, again)
	}
	w.event(pl.Serial, registry.NewPlacardEvent{Kind: "checked", Result: "damaged"})
	expect("damaged", "C-1", "check high 2026-12-21")
	w.clock.pass(time.Minute)
	w.event(pl.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: pl.Payload})
	w.clock.pass(day)
	w.event(pl.Serial, registry.NewPlacardEvent{Kind: "checked", Result: "missing"})
	expect("missing", "C-1", "check high 2026-12-22")
	if _, err := w.reg.SetStatus(t.Context(), w.clerk, "VT", "C-1", registry.NewStatus{Status: "closed", Reason: "illness"}); err != nil {
		t.Fatal(err)
	}
	expect("closed for now", "C-1")
}

// A code that is another's: stopped, taken down, told to vendor and board, and the stalls beside it looked at.
func TestIncident(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ps []registry.Placard
	for i := range 6 {
		p := w.placard(fmt.Sprintf("A-%d", i+1), i+1)
		w.event(p.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
		ps = append(ps, p)
	}
	w.clock.pass(day)
	other := payload(t, "0719999999")
	found := func(scanned string) {
		t.Helper()
		w.clock.pass(time.Minute)
		if p := w.event(ps[1].Serial, registry.NewPlacardEvent{Kind: "checked", Payload: scanned}); p.State != "suspended" {
			t.Errorf("the placard is %s", p.State)
		}
	}
	found(other)
	found("https://example.com/") // no payment code at all
	is, err := w.reg.Incidents(t.Context(), w.leader, "VT", false, registry.List{})
	if err != nil || len(is.Items) != 1 {
		t.Fatalf("%+v, %v", is, err)
	}
	in := is.Items[0]
	if in.Result != "other_account" || in.Times != 2 || in.Stall != "A-2" || !slices.Equal(in.Around, []string{"A-1", "A-3", "A-4", "A-5"}) || in.Who != w.volunteer.Name || in.PlacardState != "suspended" {
		t.Errorf("%+v", in)
	}
	plan := w.plan(fieldwork.PlanFilter{})
	for stall, want := range map[string][]string{"A-1": {"check_neighbour high 2026-11-23"}, "A-2": {"take_down high 2026-11-25"}, "A-5": {"check_neighbour high 2026-11-23"}, "A-6": {"first_check normal 2026-11-29"}} {
		if got := at(plan, stall); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", stall, got, want)
		}
	}
	ns, err := w.reg.Notices(t.Context(), w.clerk, "VT", false, registry.List{})
	if err != nil || len(ns.Items) != 1 || ns.Items[0].Kind != "code_found" || ns.Items[0].Stall != "A-2" {
		t.Errorf("notices %+v, %v", ns, err)
	}
	w.event(ps[0].Serial, registry.NewPlacardEvent{Kind: "checked", Payload: ps[0].Payload})
	if in, err = w.reg.Incident(t.Context(), w.leader, in.Ref); err != nil || slices.Contains(in.Around, "A-1") {
		t.Errorf("looked at, and still to be looked at: %v, %v", in.Around, err)
	}

	_, err = w.reg.CloseIncident(t.Context(), w.leader, in.Ref, "", "code_removed", "đã gỡ")
	isFault(t, err, "version-needed")
	_, err = w.reg.CloseIncident(t.Context(), w.leader, in.Ref, in.ETag(), "gone", "đã gỡ")
	isFault(t, err, "incident-invalid")
	_, err = w.reg.CloseIncident(t.Context(), w.leader, in.Ref, in.ETag(), "code_removed", "CCCD 092085001234")
	isFault(t, err, "incident-invalid")
	_, err = w.reg.RecordPlacard(t.Context(), w.volunteer, ps[3].Serial.String(), registry.NewPlacardEvent{Kind: "suspended", Reason: "mật khẩu 123456"})
	isFault(t, err, "event-invalid")
	_, err = w.reg.CloseIncident(t.Context(), w.volunteer, in.Ref, in.ETag(), "code_removed", "đã gỡ")
	isFault(t, err, "not-allowed")
	_, err = w.reg.CloseIncident(t.Context(), w.stranger, in.Ref, in.ETag(), "code_removed", "đã gỡ")
	isFault(t, err, "incident-not-found")
	closed, err := w.reg.CloseIncident(t.Context(), w.leader, in.Ref, in.ETag(), "code_removed", "đã gỡ")
	if err != nil || closed.State != "closed" || *closed.Closing != "code_removed" || *closed.ClosedBy != w.leader.Name || closed.ETag() == in.ETag() {
		t.Errorf("%+v, %v", closed, err)
	}
	_, err = w.reg.CloseIncident(t.Context(), w.manager, in.Ref, closed.ETag(), "mistake", "x")
	isFault(t, err, "incident-closed")
	if got := at(w.plan(fieldwork.PlanFilter{}), "A-3"); slices.Contains(got, "check_neighbour high 2026-11-23") {
		t.Errorf("closed, and its neighbours are still to be looked at: %q", got)
	}
	if _, err := w.reg.RecordPlacard(t.Context(), w.manager, ps[1].Serial.String(), registry.NewPlacardEvent{Kind: "resumed", Reason: "đã gỡ mã dán đè"}); err != nil {
		t.Fatal(err)
	}
	if got := at(w.plan(fieldwork.PlanFilter{}), "A-2"); slices.Contains(got, "take_down high 2026-11-25") {
		t.Errorf("in use again, and to be taken down: %q", got)
	}
	found(other) // a second time: an incident of its own
	if is, err = w.reg.Incidents(t.Context(), w.leader, "VT", true, registry.List{Limit: 1}); err != nil || len(is.Items) != 1 || is.Next == nil || is.Items[0].State != "open" {
		t.Errorf("%+v, %v", is, err)
	}
	w.whole()
}

// Days are market days, and rows are shared out in stretches.
func TestPlanDaysAndMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`UPDATE markets SET kind = 'fair', weekdays = '{5}' WHERE code = 'VT'`) // on Fridays; 22 November 2026 is a Sunday
	for i := range 6 {
		w.stall(fmt.Sprintf("A-%d", i+1))
	}
	w.clock.pass(day)
	p := w.plan(fieldwork.PlanFilter{Team: "T1"})
	if p.MarketDay.String() != "2026-11-27" || len(p.Items) != 6 || len(p.Load) != 3 || p.Load[0].Tasks != 2 {
		t.Fatalf("%+v", p)
	}
	for i, item := range p.Items {
		if item.On.String() != "2026-11-27" || item.Stall != fmt.Sprintf("A-%d", i+1) || item.Member != p.Items[i/2*2].Member {
			t.Errorf("%+v", item)
		}
	}
	mine, err := w.field.Plan(t.Context(), w.second, "VT", fieldwork.PlanFilter{Mine: true})
	if err != nil || len(mine.Items) != 2 || mine.Team != "T1" || mine.Items[0].Member != "Lê Văn Bảy" {
		t.Errorf("%+v, %v", mine, err)
	}
	w.exec(`UPDATE markets SET weekdays = '{}', lunar_days = '{1,15}' WHERE code = 'VT'`)
	if p := w.plan(fieldwork.PlanFilter{}); p.MarketDay.String() != "2026-11-23" { // the fifteenth of the tenth lunar month
		t.Errorf("by the moon it meets on %s", p.MarketDay)
	}
	if _, err := w.field.AssignMarket(t.Context(), w.manager, "T1", "VT", []string{"Khu B"}); err == nil {
		t.Error("a row that is not there is assigned")
	}
	if _, err := w.field.AssignMarket(t.Context(), w.manager, "T1", "VT", []string{"Khu A"}); err != nil {
		t.Error(err)
	}
	_, err = w.field.Plan(t.Context(), w.leader, "VT", fieldwork.PlanFilter{Team: "T9"})
	isFault(t, err, "team-not-found")
	_, err = w.field.Plan(t.Context(), w.leader, "VT", fieldwork.PlanFilter{Kind: "dance"})
	isFault(t, err, "query-invalid")
	_, err = w.field.Plan(t.Context(), w.stranger, "VT", fieldwork.PlanFilter{})
	isFault(t, err, "market-not-found")
}

// Two members of one name have each their own load.
func TestPlanLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, phone := range []string{"0710000101", "0710000102"} {
		if _, _, err := w.field.AddMember(t.Context(), w.manager, "T1", fieldwork.NewMember{Name: "Nguyễn Văn An", Phone: phone}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		w.stall(fmt.Sprintf("A-%d", i))
	}
	p := w.plan(fieldwork.PlanFilter{Team: "T1"})
	if len(p.Load) != 5 || slices.ContainsFunc(p.Load, func(l fieldwork.Load) bool { return l.Tasks != 2 }) {
		t.Errorf("five members with two stalls each: %+v", p.Load)
	}
}

// pack is one as a phone takes it: its signature is checked against the key of the first.
func (w *world) pack(by registry.Actor, device id.ID[fieldwork.Device], since string) (fieldwork.Pack, fieldwork.SignedPack) {
	w.Helper()
	signed, err := w.field.Pack(w.Context(), by, "VT", device, since)
	if err != nil {
		w.Fatal(err)
	}
	var p fieldwork.Pack
	if err := json.Unmarshal(signed.Body, &p); err != nil {
		w.Fatal(err)
	}
	key, err1 := base64.RawURLEncoding.DecodeString(p.PublicKey)
	signature, err2 := base64.RawURLEncoding.DecodeString(signed.Signature)
	if err1 != nil || err2 != nil || !ed25519.Verify(key, signed.Body, signature) {
		w.Errorf("the signature does not fit: %v, %v", err1, err2)
	}
	if ed25519.Verify(key, append(slices.Clone(signed.Body), ' '), signature) {
		w.Error("the signature fits anything")
	}
	return p, signed
}

// hashOf is what a phone makes of a code that it scanned.
func hashOf(t testing.TB, p fieldwork.Pack, scanned string) string {
	t.Helper()
	key, err := base64.RawURLEncoding.DecodeString(p.Key)
	if err != nil {
		t.Fatal(err)
	}
	d, err := qrgen.Decode(scanned, qrgen.Lenient)
	if err != nil {
		t.Fatal(err)
	}
	return fieldwork.Hash(key, d.BIN, d.Account)
}

func TestPack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pl := w.placard("A-1", 1)
	w.stall("A-2", account(2))
	w.stall("A-3")
	w.visit("A-3", fieldwork.NewVisit{Outcome: "refused", Barrier: "tax_worry"})
	phone, other := id.New[fieldwork.Device](), id.New[fieldwork.Device]()
	p, first := w.pack(w.volunteer, phone, "")
	if !p.Full || len(p.Stalls) != 3 || p.Team != "T1" || !p.MadeAt.Equal(w.clock.now()) || p.TrustUntil.Sub(p.MadeAt) != 72*time.Hour || !slices.Equal(p.Mine, []string{"A-2"}) {
		t.Errorf("%+v", p)
	}
	a1 := p.Stalls[0]
	if a1.Code != "A-1" || a1.Vendor == "" || len(a1.Placards) != 1 || string(a1.Placards[0].Serial) != pl.Serial.String() || a1.Tasks[0].Kind != "hang" {
		t.Errorf("%+v", a1)
	}
	if !slices.Equal(p.Stalls[1].Missing, []string{"approval"}) || !slices.Equal(p.Stalls[2].Missing, []string{"account"}) || p.Stalls[2].Barrier != "tax_worry" {
		t.Errorf("%+v, %+v", p.Stalls[1], p.Stalls[2])
	}
	named, err := qrgen.Encode(qrgen.Payment{Mode: "static", Service: qrgen.ToAccount, BIN: "971005", Account: "0710000001", MerchantName: "LY MINH TAM", MerchantCity: "CAN THO"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, scanned string
		match         bool
	}{{"the same code", pl.Payload, true}, {"the right account in another text", named, true}, {"another account", payload(t, "0710000002"), false}} {
		if got := hashOf(t, p, tt.scanned) == a1.Placards[0].Hash; got != tt.match {
			t.Errorf("%s: match %v", tt.name, got)
		}
	}
	for _, secret := range []string{"0710000001", "0710000002"} {
		if bytes.Contains(first.Body, []byte(secret)) {
			t.Error("an account number is on the phone")
		}
	}
	for _, o := range []fieldwork.Pack{must(w.pack(w.volunteer, other, "")), must(w.pack(w.second, phone, ""))} {
		if o.Key == p.Key || o.Stalls[0].Placards[0].Hash == a1.Placards[0].Hash || o.PublicKey != p.PublicKey {
			t.Error("two phones, or two people, have one key")
		}
	}

	// Only what changed since, and that it was made now.
	w.clock.pass(time.Hour)
	same, again := w.pack(w.volunteer, phone, "")
	if again.ETag != first.ETag || !same.MadeAt.After(p.MadeAt) {
		t.Error("nothing changed, and its ETag did")
	}
	if d, _ := w.pack(w.volunteer, phone, p.Cursor); d.Full || len(d.Stalls) != 0 || !d.MadeAt.After(p.MadeAt) || d.Cursor != p.Cursor {
		t.Errorf("nothing changed: %+v", d)
	}
	w.event(pl.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
	w.stall("A-4")
	w.exec(`UPDATE stalls SET removed_at = now() WHERE code = 'A-3'`)
	d, _ := w.pack(w.volunteer, phone, p.Cursor)
	if len(d.Stalls) != 2 || d.Stalls[0].Code != "A-1" || d.Stalls[0].Placards[0].State != "installed" || d.Stalls[1].Code != "A-4" ||
		!slices.Equal(d.Gone, []string{p.Stalls[2].ID.String()}) || d.Full {
		t.Errorf("%+v", d)
	}
	if e, _ := w.pack(w.volunteer, phone, d.Cursor); len(e.Stalls)+len(e.Gone) != 0 {
		t.Errorf("%+v", e)
	}
	taken := func() int { return w.count(`SELECT count(*) FROM audit_events WHERE action = 'pack.taken'`) }
	for _, since := range []string{"999", "-1", "abc", "0"} {
		before := taken()
		if e, _ := w.pack(w.volunteer, phone, since); !e.Full || len(e.Stalls) != 3 || taken() != before+1 {
			t.Errorf("since %s: %+v, %d events", since, e, taken()-before)
		}
	}
	// Whoever gets the names of all is on the record, by whatever cursor: guessed by a phone that has nothing, or because all changed.
	before := taken()
	if e, _ := w.pack(w.volunteer, id.New[fieldwork.Device](), p.Cursor); !e.Full || taken() != before+1 {
		t.Errorf("a cursor that was guessed: %+v, %d events", e, taken()-before)
	}
	if e, _ := w.pack(w.second, phone, p.Cursor); e.Full || taken() != before+1 { // who had this phone's whole
		t.Errorf("a phone that has the whole: %+v, %d events", e, taken()-before)
	}
	w.exec(`UPDATE stalls SET goods = 'Cá'`)
	if e, _ := w.pack(w.volunteer, phone, d.Cursor); e.Full || len(e.Stalls) != 3 || taken() != before+2 {
		t.Errorf("all of them changed: %+v, %d events", e, taken()-before)
	}

	_, err = w.field.Pack(t.Context(), w.volunteer, "VT", id.ID[fieldwork.Device]{}, "")
	isFault(t, err, "pack-invalid")
	_, err = w.field.Pack(t.Context(), w.officer, "VT", phone, "")
	isFault(t, err, "not-allowed")
	_, err = w.field.Pack(t.Context(), w.volunteer, "XX", phone, "")
	isFault(t, err, "market-not-found")
	w.whole()
}

func must(p fieldwork.Pack, _ fieldwork.SignedPack) fieldwork.Pack { return p }

// Three hundred stalls fit into 100 KB as they are sent.
func TestPackIsSmall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var file strings.Builder
	file.WriteString("Mã sạp;Khu;Ngành hàng;Người bán;SĐT;Viettel Money\n")
	names := []string{"Nguyễn Thị Lan", "Trần Văn Bê", "Lý Minh Tâm", "Hồ Thúy Hòa", "Phan Ngọc Điệp", "Đặng Thị Út"}
	for i := range 300 {
		fmt.Fprintf(&file, "%c-%d;Dãy %c;%s;%s %d;071%07d;071%07d\n", 'A'+i/30, i%30+1, 'A'+i/30, []string{"Rau củ", "Cá", "Thịt heo"}[i%3], names[i%6], i, i, i)
	}
	im, err := w.reg.PreviewImport(t.Context(), w.clerk, "VT", "so.csv", strings.NewReader(file.String()), true)
	if err == nil {
		_, err = w.reg.CommitImport(t.Context(), w.clerk, im.Ref, registry.CommitImport{Attested: "vi-1"})
	}
	if err != nil {
		t.Fatal(err)
	}
	pending, err := w.reg.Pending(t.Context(), w.manager, "VT")
	if err != nil || len(pending) != 300 {
		t.Fatal(len(pending), err)
	}
	for chunk := range slices.Chunk(pending, 100) {
		var ds []registry.Decision
		for _, p := range chunk {
			ds = append(ds, registry.Decision{Account: p.Account.ID, ETag: p.Account.ETag(), Decision: "approve"})
		}
		if _, err := w.reg.DecideMany(t.Context(), w.manager, "VT", ds); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.reg.Issue(t.Context(), w.clerk, "VT", registry.NewBatch{Sheet: "a6x4", All: true}, anyFits); err != nil {
		t.Fatal(err)
	}
	p, signed := w.pack(w.volunteer, id.New[fieldwork.Device](), "")
	var z bytes.Buffer
	g := gzip.NewWriter(&z)
	if _, err := g.Write(signed.Body); err != nil || g.Close() != nil {
		t.Fatal(err)
	}
	if len(p.Stalls) != 300 || len(p.Stalls[7].Placards) != 1 || len(p.Stalls[7].Accounts) != 1 || z.Len() > 100_000 {
		t.Errorf("%d stalls, %d bytes, compressed %d", len(p.Stalls), len(signed.Body), z.Len())
	}
	t.Logf("300 stalls: %d bytes, compressed %d", len(signed.Body), z.Len())
}

// A stall changes hands with its placard still hanging: it pays who went, so it is to be taken down, is no match on a phone, and stands in
// nobody's way.
func TestFormerVendorsPlacard(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		ends func(w *world) error
	}{
		{"handed over", func(w *world) error {
			_, err := w.reg.HandOver(w.Context(), w.clerk, "VT", "A-1", registry.Transfer{Vendor: registry.NewHolder{Name: "Hồ Thúy Hòa"}, Accounts: []registry.NewAccount{account(2)}, Consent: agreed, Reason: "sang quầy"})
			return err
		}},
		{"given up", func(w *world) error {
			_, err := w.reg.Leave(w.Context(), w.clerk, "VT", "A-1", registry.Leaving{Reason: "nghỉ bán"})
			return err
		}},
		{"moved", func(w *world) error {
			_, err := w.reg.MoveTo(w.Context(), w.clerk, "VT", "A-1", registry.Move{To: "A-2", Reason: "đổi chỗ"})
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			pl := w.placard("A-1", 1)
			w.event(pl.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
			w.placard("B-1", 3) // made, never given out: there is nothing to take down
			if _, err := w.reg.Leave(t.Context(), w.clerk, "VT", "B-1", registry.Leaving{Reason: "nghỉ bán"}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "A-2", Section: "Khu A", Goods: "Rau"}); err != nil {
				t.Fatal(err)
			}
			device := id.New[fieldwork.Device]()
			before, _ := w.pack(w.volunteer, device, "")
			w.clock.pass(day)
			if err := tt.ends(w); err != nil {
				t.Fatal(err)
			}
			down := func() (out []string) {
				for _, line := range at(w.plan(fieldwork.PlanFilter{}), "A-1") {
					if strings.HasPrefix(line, "take_down") {
						out = append(out, line)
					}
				}
				return out
			}
			w.clock.pass(day)
			if got := down(); !slices.Equal(got, []string{"take_down high 2026-11-25"}) {
				t.Errorf("to do: %q", got)
			}
			if got := at(w.plan(fieldwork.PlanFilter{}), "B-1"); len(got) != 0 {
				t.Errorf("where nothing hangs: %q", got)
			}
			p, _ := w.pack(w.volunteer, device, before.Cursor)
			for _, s := range p.Stalls {
				if s.Code == "A-1" && (len(s.Placards) != 1 || !s.Placards[0].Former || string(s.Placards[0].Serial) != pl.Serial.String() || !slices.ContainsFunc(s.Tasks, func(x fieldwork.PackTask) bool {
					return x.Kind == "take_down" && string(*x.Serial) == pl.Serial.String()
				})) {
					t.Errorf("the pack says %+v", s)
				}
			}
			if len(before.Stalls[0].Placards) != 1 || before.Stalls[0].Placards[0].Former {
				t.Errorf("while the vendor was there: %+v", before.Stalls[0].Placards)
			}
			if v := w.visit("A-1", fieldwork.NewVisit{Outcome: "done", Payload: pl.Payload}); v.Scan != "other_account" {
				t.Errorf("a visit that scanned it found %s", v.Scan)
			}
			if p := w.event(pl.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: pl.Payload}); *p.CheckResult != "other_account" || p.State != "suspended" {
				t.Errorf("a check found %s, the placard is %s", *p.CheckResult, p.State)
			}
			if n := w.count(`SELECT count(*) FROM incidents`); n != 0 || len(down()) != 1 {
				t.Errorf("%d incidents, though nobody pasted anything; to do: %q", n, down())
			}
			if p := w.event(pl.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: pl.Payload, At: w.clock.now().Add(-2 * day)}); *p.CheckResult != "other_account" {
				t.Errorf("what was last is what was last: %s", *p.CheckResult)
			}
			w.event(pl.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: pl.Payload, At: w.clock.now().Add(-day - time.Hour)}) // the day on which they went
			if n := w.count(`SELECT count(*) FROM placard_events WHERE kind = 'checked' AND result = 'match'`); n != 2 {
				t.Errorf("of two looks of when the vendor was there %d are of the right code", n)
			}
			if tt.name == "handed over" {
				st, err := w.reg.Stall(t.Context(), w.clerk, "VT", "A-1")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.reg.Decide(t.Context(), w.manager, registry.Decision{Account: st.Accounts[0].ID, ETag: st.Accounts[0].ETag(), Decision: "approve"}); err != nil {
					t.Fatal(err)
				}
				if got := at(w.plan(fieldwork.PlanFilter{}), "A-1"); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "print ") }) {
					t.Errorf("the new vendor's own is not printed: %q", got)
				}
			}
			w.event(pl.Serial, registry.NewPlacardEvent{Kind: "removed"})
			if got := down(); len(got) != 0 {
				t.Errorf("taken down, and still to be: %q", got)
			}
			w.whole()
		})
	}
}

// A look that comes in late keeps its day, and a newer one stands.
func TestLateLook(t *testing.T) {
	t.Parallel()
	look := func(result string, p registry.Placard) registry.NewPlacardEvent {
		switch result {
		case "match":
			return registry.NewPlacardEvent{Kind: "checked", Payload: p.Payload}
		case "other_account":
			return registry.NewPlacardEvent{Kind: "checked", Payload: payload(t, "0719999999")}
		case "damaged":
			return registry.NewPlacardEvent{Kind: "checked", Result: "damaged"}
		}
		return registry.NewPlacardEvent{Kind: result}
	}
	for _, tt := range []struct {
		name, newer, older string
		state, result      string // afterwards
		incidents          int
		down               bool // it is to be taken down
	}{
		{"damaged, and right since", "match", "damaged", "installed", "match", 0, false},
		{"right, and damaged since", "damaged", "match", "installed", "damaged", 0, false},
		{"another code, and the right one since", "match", "other_account", "installed", "match", 1, false},
		{"another code, and damaged since", "damaged", "other_account", "suspended", "damaged", 1, true},
		{"right, and another code since", "other_account", "match", "suspended", "other_account", 1, true},
		{"right, and taken down since", "removed", "match", "void", "match", 0, false},
		{"another code, and taken down since", "removed", "other_account", "void", "other_account", 1, false},
		{"right, and suspended since", "suspended", "match", "suspended", "match", 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			pl := w.placard("A-1", 1)
			w.event(pl.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
			w.clock.pass(10 * day)
			phone := w.phone(w.second)
			early := phone.item("placard_event", pl.Serial.String(), look(tt.older, pl))
			seen := w.clock.now()
			w.clock.pass(10 * day)
			w.event(pl.Serial, look(tt.newer, pl))
			w.clock.pass(day)
			if got := told(phone.send(early)); got[0] != "ok" {
				t.Fatalf("the late look: %v", got)
			}
			p, err := w.reg.Placard(t.Context(), w.clerk, pl.Serial.String())
			if err != nil || p.State != tt.state || *p.CheckResult != tt.result {
				t.Errorf("it is %s, last look %s, %v; want %s, %s", p.State, *p.CheckResult, err, tt.state, tt.result)
			}
			if n := w.count(`SELECT count(*) FROM placard_events WHERE kind = 'checked' AND at = $1`, seen); n != 1 {
				t.Error("the look lost its day")
			}
			is, err := w.reg.Incidents(t.Context(), w.leader, "VT", true, registry.List{})
			if err != nil || len(is.Items) != tt.incidents {
				t.Errorf("%d incidents, %v; want %d", len(is.Items), err, tt.incidents)
			}
			down := slices.ContainsFunc(at(w.plan(fieldwork.PlanFilter{}), "A-1"), func(s string) bool { return strings.HasPrefix(s, "take_down") })
			if down != tt.down {
				t.Errorf("to be taken down: %v", down)
			}
			w.whole()
		})
	}
}

// The stalls beside a code that was found are looked at afterwards: what was seen there before clears nothing, whenever it comes in.
func TestLooksBesideAnIncident(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		seen, heard time.Duration // after another code was found beside it
		clear       bool
	}{
		{"looked at a year ago", -360 * day, -360 * day, false},
		{"looked at the day before", -day, -day, false},
		{"looked at the day before, and heard of since", -day, day, false},
		{"looked at since", day, day, true},
		{"looked at since, and heard of later", day, 2 * day, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a, b := w.placard("A-1", 1), w.placard("A-2", 2)
			for _, p := range []registry.Placard{a, b} {
				w.event(p.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
			}
			start := w.clock.now().Add(361 * day)
			phone := w.phone(w.second)
			var it fieldwork.Item
			type step struct {
				at time.Duration
				do func()
			}
			steps := []step{
				{tt.seen, func() {
					it = phone.item("placard_event", b.Serial.String(), registry.NewPlacardEvent{Kind: "checked", Payload: b.Payload})
				}},
				{tt.heard, func() {
					if got := told(phone.send(it)); got[0] != "ok" {
						t.Error(got)
					}
				}},
				{0, func() {
					w.event(a.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: payload(t, "0710000099")})
				}},
			}
			slices.SortStableFunc(steps, func(x, y step) int { return cmp.Compare(x.at, y.at) })
			for _, x := range steps {
				w.clock.pass(start.Add(x.at).Sub(w.clock.now()))
				x.do()
			}
			is, err := w.reg.Incidents(t.Context(), w.leader, "VT", false, registry.List{})
			if err != nil || len(is.Items) != 1 || (len(is.Items[0].Around) == 0) != tt.clear {
				t.Errorf("still to be looked at: %+v, %v", is.Items, err)
			}
		})
	}
}

// Where a wallet or bank says that an account is closed, somebody is to go there and stop its placard: until that is done, or the provider
// takes it back.
func TestClosedAccountIsLookedAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.person("partner", "provider:viettel_money")
	key.ID = "key:" + strings.TrimPrefix(key.ID, "person:")
	hang := func(stall string, n int) registry.Placard {
		p := w.placard(stall, n)
		return w.event(p.Serial, registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
	}
	hung := hang("A-1", 1)
	given := w.placard("A-2", 2)
	w.event(given.Serial, registry.NewPlacardEvent{Kind: "handed_over"})
	made := w.placard("A-3", 3) // and on no paper yet
	stopped := hang("A-4", 4)
	w.event(stopped.Serial, registry.NewPlacardEvent{Kind: "suspended"})
	hang("A-5", 5)
	if _, err := w.reg.SetStatus(t.Context(), w.clerk, "VT", "A-5", registry.NewStatus{Status: "closed", Reason: "illness"}); err != nil {
		t.Fatal(err)
	}
	hang("A-6", 6)
	w.stall("B-1", account(11))
	w.stall("B-2", account(12), registry.NewAccount{Provider: "vnpt_money", Number: "0710000013", Holder: "LY MINH TAM", Reason: "một nhà"})
	for _, stall := range []string{"B-1", "B-2"} {
		st, err := w.reg.Stall(t.Context(), w.clerk, "VT", stall)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range st.Accounts {
			if _, err := w.reg.Decide(t.Context(), w.manager, registry.Decision{Account: a.ID, ETag: a.ETag(), Decision: "approve"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Another account took the old one's place, and is closed before its placard is made.
	hang("C-1", 21)
	changed, err := w.reg.Propose(t.Context(), w.clerk, "VT", "C-1", account(22))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.reg.Decide(t.Context(), w.manager, registry.Decision{Account: changed.ID, ETag: changed.ETag(), Decision: "approve", LastDigits: "000022"}); err != nil {
		t.Fatal(err)
	}
	phone := id.New[fieldwork.Device]()
	first, _ := w.pack(w.volunteer, phone, "")
	say := func(status string, stalls ...string) {
		t.Helper()
		for _, stall := range stalls {
			st, err := w.reg.Stall(t.Context(), w.clerk, "VT", stall)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.reg.RecordSharing(t.Context(), w.clerk, "VT", stall, registry.NewSharing{Provider: "viettel_money", Version: "vi-share-1", Given: "face_to_face"}); err != nil {
				t.Fatal(err)
			}
			answers, err := w.reg.Confirm(t.Context(), key, registry.NewConfirmations{Items: []registry.Confirmation{{Account: st.Accounts[slices.IndexFunc(st.Accounts, func(a registry.Account) bool { return a.Default })].ID, Status: status}}})
			if err != nil || answers[0].Result != "recorded" {
				t.Fatalf("%s at %s: %+v, %v", status, stall, answers, err)
			}
		}
	}
	say("closed", "A-1", "A-2", "A-3", "A-4", "A-5", "B-1", "B-2", "C-1")
	const stop, check = "stop_closed high 2026-11-24", "first_check normal 2026-11-29"
	w.clock.pass(time.Minute)
	for name, tt := range map[string]struct {
		stall string
		want  []string
	}{
		"it hangs":                         {"A-1", []string{stop}},
		"it is with the vendor":            {"A-2", []string{stop}},
		"it is on no paper, and not hung":  {"A-3", nil},
		"somebody stopped it":              {"A-4", nil},
		"it hangs where nobody trades now": {"A-5", []string{stop}},
		"nobody spoke of it":               {"A-6", []string{check}},
		"an account is all that is needed": {"B-1", []string{"get_account normal 2026-11-22"}},
		"there is another, for the board":  {"B-2", nil},
		"nothing new of it is hung":        {"C-1", []string{"take_down high 2026-11-24", "get_account normal 2026-11-22"}},
	} {
		if got := at(w.plan(fieldwork.PlanFilter{Days: 400}), tt.stall); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	d, _ := w.pack(w.volunteer, phone, first.Cursor)
	for _, st := range d.Stalls {
		for _, p := range st.Placards {
			if !p.Closed || len(st.Tasks) > 0 && (st.Tasks[0].Kind != "stop_closed" || st.Tasks[0].Serial == nil || *st.Tasks[0].Serial != p.Serial) {
				t.Errorf("on the phone: %+v", st)
			}
		}
	}
	if d.Full || len(d.Stalls) != 8 {
		t.Errorf("%d stalls changed, full %v", len(d.Stalls), d.Full)
	}
	// A look at it does not do it, a person's stop does.
	w.event(hung.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: hung.Payload})
	if got := at(w.plan(fieldwork.PlanFilter{}), "A-1"); !slices.Equal(got, []string{stop}) {
		t.Errorf("looked at: %q", got)
	}
	w.event(hung.Serial, registry.NewPlacardEvent{Kind: "suspended", Reason: "account closed"})
	w.event(given.Serial, registry.NewPlacardEvent{Kind: "removed"})
	for _, stall := range []string{"A-1", "A-2"} {
		if got := at(w.plan(fieldwork.PlanFilter{}), stall); slices.Contains(got, stop) {
			t.Errorf("done at %s: %q", stall, got)
		}
	}
	// So does the provider's later word.
	w.clock.pass(time.Minute)
	say("active", "A-3", "A-5", "B-1")
	for stall, want := range map[string][]string{"A-3": {"hang normal 2026-11-25"}, "A-5": nil, "B-1": {"print normal 2026-11-29"}} {
		if got := at(w.plan(fieldwork.PlanFilter{}), stall); !slices.Equal(got, want) {
			t.Errorf("open again at %s: %q, want %q", stall, got, want)
		}
	}
	if e, _ := w.pack(w.volunteer, phone, d.Cursor); slices.ContainsFunc(e.Stalls, func(st fieldwork.PackStall) bool {
		return st.Code == "A-3" && (st.Placards[0].Closed || st.Placards[0].Serial != registry.Serial(made.Serial.String()))
	}) {
		t.Errorf("on the phone it is closed still: %+v", e.Stalls)
	}
	w.whole()
}
