package fieldwork_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres/pgtest"
	"cho40/qrgen"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/fieldwork"

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

// world is a database of a test's own with a commune, two markets VT and XX, and people: of a board, and of team T1, which goes to VT.
type world struct {
	testing.TB
	db    *pgxpool.Pool
	owner func() *pgxpool.Pool
	reg   *registry.Service
	field *fieldwork.Service
	clock *clock
	vt    registry.Market

	clerk, manager, officer, auditor, stranger registry.Actor // the board of VT; that of XX
	leader, volunteer, second                  registry.Actor // of team T1
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, db: pgtest.New(t), clock: &clock{at: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)}}
	w.owner = sync.OnceValue(func() *pgxpool.Pool { return pgtest.Owner(t, w.db) })
	w.reg = registry.New(w.db, w.clock.now)
	w.field = fieldwork.New(w.db, w.reg)
	w.exec(`INSERT INTO areas (code, name, name_fold, kind, level, parent, valid_from) VALUES
		('92', 'Thành phố Cần Thơ', 'thanh pho can tho', 'thanh_pho', 1, NULL, '2025-07-01'),
		('31321', 'Phường Vị Thanh', 'phuong vi thanh', 'phuong', 2, '92', '2025-07-01'),
		('31333', 'Xã Hỏa Lựu', 'xa hoa luu', 'xa', 2, '92', '2025-07-01'),
		('31', 'Thành phố Hải Phòng', 'thanh pho hai phong', 'thanh_pho', 1, NULL, '2025-07-01'),
		('11300', 'Phường Gia Viên', 'phuong gia vien', 'phuong', 2, '31', '2025-07-01')`)
	for _, m := range []registry.NewMarket{{Code: "VT", Name: "Chợ Vị Thanh", Area: "31321"}, {Code: "XX", Name: "Chợ Xa", Area: "11300"}} {
		if _, err := w.reg.AddMarket(t.Context(), registry.Console(), m); err != nil {
			t.Fatal(err)
		}
	}
	w.vt = w.market("VT")
	w.clerk, w.manager, w.officer = w.person("clerk", "market:VT"), w.person("manager", "market:VT"), w.person("officer", "area:92")
	w.auditor, w.stranger = w.person("auditor", "all"), w.person("manager", "market:XX")
	w.team("T1", "VT")
	w.leader, w.volunteer, w.second = w.person("leader", "team:T1"), w.person("volunteer", "team:T1"), w.person("volunteer", "team:T1")
	w.join("T1", "Trần Văn Năm", "leader", w.leader)
	w.join("T1", "Nguyễn Thị Sáu", "member", w.volunteer)
	w.join("T1", "Lê Văn Bảy", "member", w.second)
	t.Cleanup(func() { // whatever is done in the field, the figures know of it
		if found, err := w.reg.CheckCounts(context.Background(), registry.Console(), "VT", false); err != nil || len(found) > 0 {
			t.Errorf("counters that differ from the facts: %+v, %v", found, err)
		}
	})
	return w
}

func (w *world) market(code string) registry.Market {
	w.Helper()
	m, err := w.reg.Market(w.Context(), registry.Console(), code)
	if err != nil {
		w.Fatal(err)
	}
	return m
}

// person is somebody who signs in, with one grant.
func (w *world) person(role, scope string) registry.Actor {
	w.Helper()
	g, err := registry.ParseGrant(role, scope)
	if err != nil {
		w.Fatal(err)
	}
	which := id.New[registry.Actor]()
	name := role + " " + which.String()
	w.exec(`INSERT INTO people (id, name, name_key, created_at) VALUES ($1, $2, lower($2), now())`, which, name)
	w.exec(`INSERT INTO grants (id, person_id, role, scope_kind, scope_code, created_by, created_at) VALUES ($1, $2, $3, $4, $5, 'console', now())`,
		id.New[registry.Grant](), which, string(g.Role), string(g.Kind), g.Code)
	return registry.Actor{ID: "person:" + which.String(), Name: name, Via: "web", Grants: []registry.Grant{g}, SteppedUp: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func (w *world) team(code, market string) fieldwork.Team {
	w.Helper()
	t, err := w.field.AddTeam(w.Context(), registry.Console(), fieldwork.NewTeam{Code: code, Name: "Tổ " + code, Level: "hamlet", Hamlet: "Ấp " + code, Area: "31321", Market: market})
	if err != nil {
		w.Fatal(err)
	}
	return t
}

func (w *world) join(team, name, position string, who registry.Actor) fieldwork.Member {
	w.Helper()
	_, m, err := w.field.AddMember(w.Context(), w.manager, team, fieldwork.NewMember{Name: name, Position: position, Person: who.Name})
	if err != nil {
		w.Fatal(err)
	}
	return m
}

var agreed = &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}

// account is one that belongs to no operator; vendors of one test may share it.
func account(n int) registry.NewAccount {
	return registry.NewAccount{Provider: "viettel_money", Number: fmt.Sprintf("071%07d", n), Holder: "LY MINH TAM", Reason: "một nhà"}
}

func (w *world) stall(code string, accounts ...registry.NewAccount) registry.Stall {
	w.Helper()
	st, err := w.reg.Register(w.Context(), w.clerk, "VT", registry.NewStall{Code: code, Section: "Khu A", Goods: "Rau",
		Vendor: &registry.NewVendor{Name: "Lý Minh Tâm " + code}, Accounts: accounts, Consent: agreed})
	if err != nil {
		w.Fatal(err)
	}
	return st
}

func anyFits(registry.Batch, registry.Placard) (why, warning fault.Text) { return }

// placard is a fresh placard of an approved account at a new stall.
func (w *world) placard(code string, n int) registry.Placard {
	w.Helper()
	a := w.stall(code, account(n)).Accounts[0]
	if _, err := w.reg.Decide(w.Context(), w.manager, registry.Decision{Account: a.ID, ETag: a.ETag(), Decision: "approve"}); err != nil {
		w.Fatal(err)
	}
	b, err := w.reg.Issue(w.Context(), w.clerk, "VT", registry.NewBatch{Sheet: "a6x4", Stalls: []string{code}}, anyFits)
	if err != nil {
		w.Fatal(err)
	}
	_, ps, err := w.reg.Batch(w.Context(), w.clerk, b.Ref)
	if err != nil {
		w.Fatal(err)
	}
	return ps[0]
}

func (w *world) event(serial registry.Serial, e registry.NewPlacardEvent) registry.Placard {
	w.Helper()
	p, err := w.reg.RecordPlacard(w.Context(), w.volunteer, serial.String(), e)
	if err != nil {
		w.Fatalf("%s: %v", e.Kind, err)
	}
	return p
}

func (w *world) visit(stall string, in fieldwork.NewVisit) fieldwork.Visit {
	w.Helper()
	v, err := w.field.RecordVisit(w.Context(), w.volunteer, "VT", stall, in)
	if err != nil {
		w.Fatalf("visit %s: %v", stall, err)
	}
	return v
}

func (w *world) exec(sql string, args ...any) {
	w.Helper()
	if _, err := w.owner().Exec(w.Context(), sql, args...); err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
}

func (w *world) count(sql string, args ...any) (n int) {
	w.Helper()
	if err := w.db.QueryRow(w.Context(), sql, args...).Scan(&n); err != nil {
		w.Fatal(err)
	}
	return n
}

// whole fails the test unless the market's chain and the service's verify.
func (w *world) whole() {
	w.Helper()
	for _, m := range []registry.MarketID{w.vt.ID, {}} {
		if at, err := w.reg.VerifyAudit(w.Context(), m); at != 0 || err != nil {
			w.Errorf("audit chain of %q broken at %d, %v", m, at, err)
		}
	}
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

// payload is a code that pays an account at Viettel Money.
func payload(t testing.TB, number string) string {
	t.Helper()
	p, err := qrgen.Encode(qrgen.Payment{Mode: "static", Service: qrgen.ToAccount, BIN: "971005", Account: number})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func body(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
