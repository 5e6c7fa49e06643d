package auth_test

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/auth"
	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"

	"github.com/alexedwards/argon2id"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// world is a database with three markets in two provinces, and a clock.
type world struct {
	*auth.Service
	db  *pgxpool.Pool
	reg *registry.Service

	mu sync.Mutex
	at time.Time
}

const (
	goodPassword  = "trâu ăn lúa ngoài ruộng"
	otherPassword = "kèn lá dưới bóng tre già"
)

var (
	clerkVT   = grant("clerk", "market:VT")
	managerVT = grant("manager", "market:VT")
	admin     = grant("admin", "all")
)

func grant(role, scope string) registry.Grant {
	g, err := registry.ParseGrant(role, scope)
	if err != nil {
		panic(err)
	}
	return g
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, pgtest.URL(t))
}

func newWorldOn(t *testing.T, database string) *world {
	t.Helper()
	w := &world{db: patient(t, database), at: time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)}
	w.Service = auth.New(w.db, w.now)
	w.reg = registry.New(w.db, w.now)
	w.exec(t, `INSERT INTO areas (code, name, name_fold, kind, level, parent, valid_from) VALUES
		('92', 'Cần Thơ', 'can tho', 'city', 1, NULL, '2025-07-01'), ('31321', 'Vị Thanh', 'vi thanh', 'ward', 2, '92', '2025-07-01'),
		('31', 'Hải Phòng', 'hai phong', 'city', 1, NULL, '2025-07-01')
		ON CONFLICT DO NOTHING`)
	for code, area := range map[string]string{"VT": "31321", "CT": "92", "HP": "31"} {
		if _, err := w.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: code, Name: "Chợ " + code, Area: area}); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// patient is a pool on a database of t's own whose statements may wait for long: password hashes slow down a busy machine.
func patient(t *testing.T, database string) *pgxpool.Pool {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("lock_timeout", "60s")
	q.Set("statement_timeout", "60s")
	u.RawQuery = q.Encode()
	db, err := postgres.Open(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

// pass lets time pass.
func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

func (w *world) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := w.db.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func (w *world) count(t *testing.T, sql string) int {
	t.Helper()
	n, err := postgres.One[int](t.Context(), w.db, sql, pgx.StrictNamedArgs{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// quickHash is a hash of goodPassword that takes no time; AddPerson's own are tried where they matter.
var quickHash = sync.OnceValues(func() (string, error) {
	return argon2id.CreateHash(goodPassword, &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
})

// person adds somebody with goodPassword.
func (w *world) person(t *testing.T, name string, grants ...registry.Grant) auth.Person {
	t.Helper()
	p, _, err := w.AddPerson(t.Context(), registry.Console(), name, grants, "")
	if err != nil {
		t.Fatal(err)
	}
	hash, err := quickHash()
	if err != nil {
		t.Fatal(err)
	}
	w.exec(t, `UPDATE people SET password_hash = $1 WHERE id = $2`, hash, p.ID)
	p.HasPassword = true
	return p
}

// actor is somebody at work who needs no password here.
func (w *world) actor(t *testing.T, name string, grants ...registry.Grant) registry.Actor {
	t.Helper()
	if _, _, err := w.AddPerson(t.Context(), registry.Console(), name, grants, ""); err != nil {
		t.Fatal(err)
	}
	a, err := w.PersonActor(t.Context(), name, "web")
	if err != nil {
		t.Fatal(err)
	}
	a.SteppedUp = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC) // fresh however much time passes
	return a
}

// enter is a sign-in without a second factor.
func (w *world) enter(ctx context.Context, name, password, address string) (string, error) {
	in, err := w.SignIn(ctx, auth.Attempt{Name: name, Password: password, Address: address})
	return in.Session, err
}

func (w *world) signIn(t *testing.T, name string) string {
	t.Helper()
	token, err := w.enter(t.Context(), name, goodPassword, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// events lists the actions of the service's own chain in order, and fails when the chain does not hold.
func (w *world) events(t *testing.T) []string {
	t.Helper()
	if broken, err := w.reg.VerifyAudit(t.Context(), id.ID[registry.Market]{}); broken != 0 || err != nil {
		t.Errorf("the chain breaks at %d, %v", broken, err)
	}
	got, err := postgres.All[string](t.Context(), w.db, `
		SELECT actor || ' ' || action || ' ' || object || ' ' || array_to_string(fields, ',') FROM audit_events
		WHERE market_id = '00000000-0000-0000-0000-000000000000' ORDER BY seq`, pgx.StrictNamedArgs{})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	if got := fault.CodeOf(err); got != want || (want == "") != (err == nil) {
		t.Errorf("code = %q, want %q; err: %v", got, want, err)
	}
}

func wantField(t *testing.T, err error, want string) {
	t.Helper()
	f, ok := fault.As(err)
	if !ok || len(f.Fields) == 0 || f.Fields[0].Code != want {
		t.Errorf("err = %v, want a field with code %q", err, want)
	}
}

// hostile are texts that must end in a fault, never in an error of ours.
var hostile = map[string]string{
	"NUL":              "a\x00b",
	"invalid UTF-8":    "a\xff\xfe",
	"long":             strings.Repeat("a", 10_000),
	"long in UTF-8":    strings.Repeat("ệ", 10_000),
	"half a character": "\xe1\xbb",
	"empty":            "",
	"direction":        "a\u202eb",
	"beyond 16 bits":   "\U000e0001",
	"quotes":           `'); DROP TABLE people; --`,
	"format":           "%s%n%!d(MISSING)",
	"lone surrogate":   "\xed\xa0\x80",
}

func TestHostileText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	w.person(t, "Lan", clerkVT)
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			tries := map[string]error{}
			_, tries["SignIn name"] = w.enter(ctx, text, goodPassword, "192.0.2.7")
			_, tries["SignIn password"] = w.enter(ctx, "Lan", text, "192.0.2.8")
			_, tries["Session"] = w.Session(ctx, text, "")
			_, tries["OpenLink"] = w.OpenLink(ctx, text)
			tries["SetPassword"] = w.SetPassword(ctx, text, text)
			_, tries["KeyActor"] = w.KeyActor(ctx, text, "")
			_, tries["KeyActor, prefixed"] = w.KeyActor(ctx, "cho40_"+text, "")
			_, tries["PersonActor"] = w.PersonActor(ctx, text, "console")
			_, tries["RevokeKey"] = w.RevokeKey(ctx, registry.Console(), text)
			for i, g := range []registry.Grant{
				{Role: registry.Role(text), Kind: registry.OverMarket, Code: "VT"}, {Role: registry.Clerk, Kind: registry.ScopeKind(text), Code: "VT"},
				{Role: registry.Clerk, Kind: registry.OverMarket, Code: text}, {Role: registry.Officer, Kind: registry.OverArea, Code: text},
				{Role: registry.Leader, Kind: registry.OverTeam, Code: text}, {Role: registry.Partner, Kind: registry.OverProvider, Code: text},
			} {
				_, _, tries["AddPerson grant "+string(rune('0'+i))] = w.AddPerson(ctx, registry.Console(), "Nam", []registry.Grant{g}, "")
				_, _, tries["AddKey grant "+string(rune('0'+i))] = w.AddKey(ctx, registry.Console(), "Nam", []registry.Grant{g}, 0)
			}
			if name != "quotes" && name != "format" { // odd names, but names
				_, _, tries["AddPerson name"] = w.AddPerson(ctx, registry.Console(), text, []registry.Grant{clerkVT}, "")
				_, _, tries["AddKey name"] = w.AddKey(ctx, registry.Console(), text, []registry.Grant{clerkVT}, 0)
			}
			if name != "empty" && name != "quotes" && name != "direction" && name != "format" && name != "beyond 16 bits" {
				_, _, tries["AddPerson password"] = w.AddPerson(ctx, registry.Console(), "Nam", []registry.Grant{clerkVT}, text)
			}
			for what, err := range tries {
				f, ok := fault.As(err)
				if !ok {
					t.Errorf("%s: %v, want a fault", what, err)
					continue
				}
				if len(f.Error()) > 1000 {
					t.Errorf("%s: the fault repeats what was sent: %d bytes", what, len(f.Error()))
				}
			}
			if err := w.SignOut(ctx, text); err != nil {
				t.Errorf("SignOut: %v", err)
			}
		})
	}
}

// TestSecretsStayInside walks the whole way and looks for what must not be kept or said.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	const name = "Quách Thị Bưởi"
	_, link, err := w.AddPerson(ctx, registry.Console(), name, []registry.Grant{clerkVT}, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.SetPassword(ctx, link, goodPassword); err != nil {
		t.Fatal(err)
	}
	token := w.signIn(t, name)
	_, wrong := w.enter(ctx, name, otherPassword, "192.0.2.1")
	_, again, twice := w.AddPerson(ctx, registry.Console(), name, []registry.Grant{clerkVT}, otherPassword)
	weak := w.SetPassword(ctx, link, "matkhau12345")
	key, _, err := w.AddKey(ctx, registry.Console(), "Máy in", []registry.Grant{clerkVT}, 0)
	if err != nil || again != "" {
		t.Fatal(err, again)
	}
	said := wrong.Error() + twice.Error() + weak.Error()

	rows, err := postgres.All[string](ctx, w.db, `
		SELECT to_jsonb(t)::text FROM audit_events t UNION ALL SELECT to_jsonb(t)::text FROM sessions t
		UNION ALL SELECT to_jsonb(t)::text FROM links t UNION ALL SELECT to_jsonb(t)::text FROM keys t
		UNION ALL SELECT to_jsonb(t)::text FROM sign_in_failures t`, pgx.StrictNamedArgs{})
	if err != nil || len(rows) < 5 {
		t.Fatal(len(rows), err)
	}
	kept := strings.Join(rows, "\n")
	for what, secret := range map[string]string{"link": link, "session": token, "key": key, "password": goodPassword, "other password": otherPassword, "name": name, "name key": "quách thị bưởi"} {
		if strings.Contains(said, secret) {
			t.Errorf("a fault says the %s: %s", what, said)
		}
		if strings.Contains(kept, secret) {
			t.Errorf("the database keeps the %s", what)
		}
	}
}
