package registry_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	"cho40/qrgen"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// clock is the only thing that is fake here.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

const day = 24 * time.Hour

// world is a database of a test's own with two markets, VT and the far XX, and people who may do something in VT.
type world struct {
	byHand bool // a test changed who holds a stall behind the service's back
	testing.TB
	db    *pgxpool.Pool        // the service's
	owner func() *pgxpool.Pool // who may change everything behind its back
	reg   *registry.Service
	clock *clock
	vt    registry.Market
	at    string // the stall of a test that goes from one to the next

	clerk, clerk2, manager, manager2, volunteer, leader, officer, partner, auditor, admin registry.Actor
	stranger, key                                                                         registry.Actor
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOn(t, pgtest.New(t))
}

// newWorldOn is a world on a database without markets.
func newWorldOn(t testing.TB, db *pgxpool.Pool) *world {
	t.Helper()
	w := &world{TB: t, at: "A-1", db: db, clock: &clock{at: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)}}
	w.owner = sync.OnceValue(func() *pgxpool.Pool { return pgtest.Owner(t, w.db) })
	w.reg = registry.New(w.db, w.clock.now)
	for code, name := range map[string]string{"VT": "Chợ Vị Thanh", "XX": "Chợ Xa"} {
		if _, err := w.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: code, Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if w.vt, err = w.reg.Market(t.Context(), registry.Console(), "VT"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		to          *registry.Actor
		role, scope string
	}{
		{&w.clerk, "clerk", "market:VT"}, {&w.clerk2, "clerk", "market:VT"}, {&w.manager, "manager", "market:VT"},
		{&w.manager2, "manager", "market:VT"}, {&w.volunteer, "volunteer", "market:VT"}, {&w.leader, "leader", "market:VT"},
		{&w.officer, "officer", "all"}, {&w.partner, "partner", "provider:viettel_money"}, {&w.auditor, "auditor", "all"},
		{&w.admin, "admin", "all"}, {&w.stranger, "manager", "market:XX"},
	} {
		*p.to = person(t, p.role, p.scope)
	}
	w.key = person(t, "manager", "market:VT")
	w.key.ID = "key:" + strings.TrimPrefix(w.key.ID, "person:")
	t.Cleanup(func() { w.counted(context.Background()) })
	return w
}

// always is a second factor that stays fresh however much time passes.
var always = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// person is somebody new with one grant.
func person(t testing.TB, role, scope string) registry.Actor {
	t.Helper()
	g, err := registry.ParseGrant(role, scope)
	if err != nil {
		t.Fatal(err)
	}
	return registry.Actor{ID: "person:" + id.New[registry.Actor]().String(), Name: role, Via: "web", Grants: []registry.Grant{g}, SteppedUp: always}
}

var agreed = &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}

// Accounts of three providers; the numbers belong to no operator. Vendors of one test may share them, which wants a reason.
var (
	viettel = registry.NewAccount{Provider: "viettel_money", Number: "0710000001", Holder: "LY MINH TAM", Reason: "một nhà"}
	vnpt    = registry.NewAccount{Provider: "vnpt_money", Number: "0710000002", Holder: "LY MINH TAM", Reason: "một nhà"}
	bank    = registry.NewAccount{Provider: "vcb", Number: "0123456789012", Holder: "LY MINH TAM", Reason: "một nhà"}
)

// numbered is an account at a provider with another number.
func numbered(a registry.NewAccount, n int) registry.NewAccount {
	a.Number = fmt.Sprintf("071%07d", n)
	return a
}

// stall registers a stall whose vendor agreed in person, with accounts brought in by the clerk.
func (w *world) stall(code string, accounts ...registry.NewAccount) registry.Stall {
	w.Helper()
	in := registry.NewStall{Code: code, Section: "Khu A", Goods: "Rau", Vendor: &registry.NewVendor{Name: "Lý Minh Tâm " + code}, Accounts: accounts, Consent: agreed}
	st, err := w.reg.Register(w.Context(), w.clerk, "VT", in)
	if err != nil {
		w.Fatalf("register %s: %v", code, err)
	}
	return st
}

// approve is a manager's second look; a change is approved with its last digits.
func (w *world) approve(a registry.Account) registry.Account {
	w.Helper()
	got, err := w.reg.Decide(w.Context(), w.manager, approval(a))
	if err != nil {
		w.Fatalf("approve: %v", err)
	}
	return got
}

func approval(a registry.Account) registry.Decision {
	d := registry.Decision{Account: a.ID, ETag: a.ETag(), Decision: "approve"}
	if len(a.SharedWith) > 0 {
		d.Reason = "một nhà"
	}
	if a.Replaces != nil {
		d.LastDigits = a.FullNumber[max(0, len(a.FullNumber)-6):]
	}
	return d
}

// propose lets the clerk bring in an account.
func (w *world) propose(code string, in registry.NewAccount) registry.Account {
	w.Helper()
	a, err := w.reg.Propose(w.Context(), w.clerk, "VT", code, in)
	if err != nil {
		w.Fatalf("propose at %s: %v", code, err)
	}
	return a
}

func (w *world) look(code string) registry.Stall {
	w.Helper()
	st, err := w.reg.Stall(w.Context(), w.manager, "VT", code)
	if err != nil {
		w.Fatal(err)
	}
	return st
}

func anyFits(registry.Batch, registry.Placard) (why, warning fault.Text) { return }

// issue prints placards of some stalls.
func (w *world) issue(in registry.NewBatch) (registry.Batch, []registry.Placard) {
	w.Helper()
	in.Sheet = "a6x4"
	b, err := w.reg.Issue(w.Context(), w.clerk, "VT", in, anyFits)
	if err != nil {
		w.Fatalf("issue: %v", err)
	}
	_, ps, err := w.reg.Batch(w.Context(), w.clerk, b.Ref)
	if err != nil {
		w.Fatal(err)
	}
	return b, ps
}

// placard is a fresh placard of an approved account at a new stall.
func (w *world) placard(code string, account registry.NewAccount) registry.Placard {
	w.Helper()
	w.approve(w.stall(code, account).Accounts[0])
	_, ps := w.issue(registry.NewBatch{Stalls: []string{code}})
	return ps[0]
}

func (w *world) record(serial registry.Serial, e registry.NewPlacardEvent) registry.Placard {
	w.Helper()
	p, err := w.reg.RecordPlacard(w.Context(), w.manager, serial.String(), e)
	if err != nil {
		w.Fatalf("%s: %v", e.Kind, err)
	}
	return p
}

// whole fails the test unless the chains of both markets verify.
func (w *world) whole() {
	w.Helper()
	w.counted(w.Context())
	if at, err := w.reg.VerifyAudit(w.Context(), w.vt.ID); at != 0 || err != nil {
		w.Errorf("audit chain broken at %d, %v", at, err)
	}
}

// counted holds the counters to the facts: whatever a test does to vendors, the figures know of it.
func (w *world) counted(ctx context.Context) {
	w.Helper()
	if w.byHand {
		return
	}
	if found, err := w.reg.CheckCounts(ctx, registry.Console(), "VT", false); err != nil || len(found) > 0 {
		w.Errorf("counters that differ from the facts: %+v, %v", found, err)
	}
}

func (w *world) exec(sql string, args ...any) {
	w.Helper()
	if _, err := w.owner().Exec(w.Context(), sql, args...); err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
}

func ask[T any](w *world, sql string) T {
	w.Helper()
	v, err := postgres.One[T](w.Context(), w.db, sql, nil)
	if err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
	return v
}

// contents is a fingerprint of every table but those named.
func (w *world) contents(but ...string) map[string]string {
	w.Helper()
	tables, err := postgres.All[string](w.Context(), w.db, `
		SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`, nil)
	if err != nil {
		w.Fatal(err)
	}
	got := map[string]string{}
	tables = slices.DeleteFunc(tables, func(table string) bool { return slices.Contains(but, table) })
	slices.Sort(tables)
	var each []string
	for _, table := range tables {
		each = append(each, `(SELECT count(*) || ' ' || md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM `+pgx.Identifier{table}.Sanitize()+` t)`)
	}
	for i, of := range ask[[]string](w, `SELECT ARRAY[`+strings.Join(each, ", ")+`]`) {
		got[tables[i]] = of
	}
	return got
}

// same fails the test when a table differs from before.
func (w *world) same(before map[string]string, but ...string) {
	w.Helper()
	now := w.contents(but...)
	for _, table := range slices.Sorted(maps.Keys(now)) {
		if was, known := before[table]; known && was != now[table] {
			w.Errorf("table %s changed: %s, was %s", table, now[table], was)
		}
	}
}

// defaultOf is the number that a stall's money goes to, empty when none.
func (w *world) defaultOf(code string) string {
	w.Helper()
	return ask[string](w, `SELECT coalesce(max(a.number), '') FROM stalls s
		JOIN occupancies o ON o.market_id = s.market_id AND o.stall_id = s.id AND o.ended IS NULL
		JOIN vendors v ON v.market_id = o.market_id AND v.id = o.vendor_id
		JOIN accounts a ON a.market_id = v.market_id AND a.id = v.default_account WHERE s.code = '`+code+`'`)
}

// isFault fails the test unless err is a fault of this code.
func isFault(t testing.TB, err error, code string) *fault.Error {
	t.Helper()
	f, _ := fault.As(err)
	if f == nil || f.Code != code {
		t.Errorf("err = %v, want the fault %s", err, code)
		return &fault.Error{}
	}
	return f
}

// pointers are the fields of a fault, "pointer code", in order.
func pointers(err error) []string {
	f, ok := fault.As(err)
	if !ok {
		return nil
	}
	got := make([]string, len(f.Fields))
	for i, field := range f.Fields {
		got[i] = field.Pointer + " " + field.Code
	}
	slices.Sort(got)
	return got
}

// emv writes a payment code from its objects, so that tests can say what Encode refuses to.
func emv(objects ...string) string {
	text := strings.Join(objects, "") + "6304"
	crc := uint16(0xFFFF)
	for i := range len(text) {
		crc ^= uint16(text[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return text + fmt.Sprintf("%04X", crc)
}

func tlv(tag string, values ...string) string {
	value := strings.Join(values, "")
	return fmt.Sprintf("%s%02d%s", tag, len(value), value)
}

// vietqr is the template 38 of an account.
func vietqr(bin, account, service string) string {
	return tlv("38", tlv("00", "A000000727"), tlv("01", tlv("00", bin), tlv("01", account)), tlv("02", service))
}

// codeOf is a code that pays an account and holds more objects; they must be in ascending order after 58.
func codeOf(bin, account string, more ...string) string {
	return emv(append([]string{tlv("00", "01"), tlv("01", "11"), vietqr(bin, account, qrgen.ToAccount), tlv("53", "704"), tlv("58", "VN")}, more...)...)
}

func stream(s string) *strings.Reader { return strings.NewReader(s) }
