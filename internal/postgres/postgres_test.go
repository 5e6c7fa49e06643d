package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
)

type thing struct {
	ID   id.ID[thing]
	Name string
	Made time.Time
	Note *string
}

func TestOneAndAll(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.Owner(t, pgtest.New(t)), t.Context()
	mine, made := id.New[thing](), time.Date(2026, 11, 2, 3, 4, 5, 6000, time.UTC)
	one := `SELECT @made::timestamptz AS made, @id::uuid AS id, 'Tâm' AS name, NULL::text AS note`
	args := pgx.StrictNamedArgs{"id": mine, "made": made}
	if got, err := postgres.One[thing](ctx, db, one, args); err != nil || got.ID != mine || got.Name != "Tâm" || !got.Made.Equal(made) || got.Note != nil {
		t.Errorf("struct: %+v, %v", got, err)
	}
	if got, err := postgres.One[id.ID[thing]](ctx, db, `SELECT @id::uuid`, pgx.StrictNamedArgs{"id": mine}); err != nil || got != mine {
		t.Errorf("identifier: %v, %v", got, err)
	}
	if got, err := postgres.One[time.Time](ctx, db, `SELECT @made::timestamptz`, pgx.StrictNamedArgs{"made": made}); err != nil || !got.Equal(made) {
		t.Errorf("time: %v, %v", got, err)
	}
	if got, err := postgres.One[*string](ctx, db, `SELECT NULL::text`, nil); err != nil || got != nil {
		t.Errorf("null: %v, %v", got, err)
	}
	if got, err := postgres.All[int](ctx, db, `SELECT generate_series(1, 3)`, nil); err != nil || !reflect.DeepEqual(got, []int{1, 2, 3}) {
		t.Errorf("all: %v, %v", got, err)
	}
	if got, err := postgres.All[thing](ctx, db, one+` WHERE false`, args); err != nil || got == nil || len(got) != 0 {
		t.Errorf("none: %#v, %v", got, err)
	}
	// A statement that was read once takes other values, and is as strict as the first time.
	twice := `SELECT @a || '@b' || @c || @a /* @d */`
	for range 2 {
		for _, tt := range []struct{ a, c, want string }{{"x", "y", "x@byx"}, {"y", "x", "y@bxy"}} {
			if got, err := postgres.One[string](ctx, db, twice, pgx.StrictNamedArgs{"a": tt.a, "c": tt.c}); err != nil || got != tt.want {
				t.Errorf("%q, %v, want %q", got, err, tt.want)
			}
		}
		for _, args := range []pgx.StrictNamedArgs{{"a": "x"}, {"a": "x", "b": "y"}, {"a": "x", "c": "y", "d": "z"}, {}, nil} {
			if _, err := postgres.One[string](ctx, db, twice, args); err == nil {
				t.Errorf("%v are taken", args)
			}
			b := &pgx.Batch{}
			postgres.Ask[string](b, twice, args)
			if err := db.SendBatch(ctx, b).Close(); err == nil {
				t.Errorf("%v are taken in a batch", args)
			}
		}
	}
	for _, tt := range []struct {
		name, sql string
		args      pgx.StrictNamedArgs
		want      error // nil: any
	}{
		{"no row", `SELECT 1 WHERE false`, nil, pgx.ErrNoRows},
		{"two rows", `SELECT generate_series(1, 2)`, nil, pgx.ErrTooManyRows},
		{"argument missing", `SELECT @n::int`, nil, nil},
		{"argument unused", `SELECT 1`, pgx.StrictNamedArgs{"n": 1}, nil},
		{"no such table", `SELECT 1 FROM nowhere`, nil, nil},
	} {
		if _, err := postgres.One[int](ctx, db, tt.sql, tt.args); err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: err = %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestViolated(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.Owner(t, pgtest.New(t)), t.Context()
	if _, err := db.Exec(ctx, `CREATE TABLE pairs (n integer CONSTRAINT pairs_pk PRIMARY KEY CONSTRAINT pairs_small CHECK (n < 10)); INSERT INTO pairs VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ sql, want string }{
		{`INSERT INTO pairs VALUES (1)`, "pairs_pk"},
		{`INSERT INTO pairs VALUES (11)`, "pairs_small"},
		{`INSERT INTO pairs VALUES ('x')`, ""},
		{`INSERT INTO pairs VALUES (2)`, ""},
	} {
		_, err := db.Exec(ctx, tt.sql)
		if got := postgres.Violated(fmt.Errorf("wrapped: %w", err)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.sql, got, tt.want)
		}
	}
}

func TestSessionsHaveLimits(t *testing.T) {
	t.Parallel()
	url, ctx := pgtest.URL(t), t.Context()
	pool, err := postgres.Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	conn, err := postgres.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, tt := range []struct{ name, pool, conn string }{
		{"statement_timeout", "10s", "0"},
		{"lock_timeout", "3s", "3s"},
		{"idle_in_transaction_session_timeout", "30s", "30s"},
		{"TimeZone", "UTC", "UTC"},
	} {
		sql, args := `SELECT current_setting(@name)`, pgx.StrictNamedArgs{"name": tt.name}
		if got, err := postgres.One[string](ctx, pool, sql, args); err != nil || got != tt.pool {
			t.Errorf("%s in the pool: %q, %v; want %q", tt.name, got, err, tt.pool)
		}
		if got, err := postgres.One[string](ctx, conn, sql, args); err != nil || got != tt.conn {
			t.Errorf("%s of a session: %q, %v; want %q", tt.name, got, err, tt.conn)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	url, ctx := pgtest.URL(t), t.Context()
	and := func(more string) string {
		if strings.Contains(url, "?") {
			return url + "&" + more
		}
		return url + "?" + more
	}
	proxied, err := postgres.Open(ctx, and("pgbouncer=true"))
	if err != nil {
		t.Fatal(err)
	}
	defer proxied.Close()
	if got := proxied.Config().ConnConfig.DefaultQueryExecMode; got != pgx.QueryExecModeCacheDescribe {
		t.Errorf("behind PgBouncer: %v", got)
	}
	if got, err := postgres.One[string](ctx, proxied, `SELECT current_setting('statement_timeout')`, nil); err != nil || got != "0" {
		t.Errorf("PgBouncer refuses a session that begins with statement_timeout %q, %v", got, err)
	}
	for _, tt := range []struct{ name, url, want string }{
		{"simple protocol", and("default_query_exec_mode=simple_protocol"), "database-url"},
		{"neither true nor false", and("pgbouncer=maybe"), "database-url"},
		{"no address", "postgres://[", "database-url"},
		{"nobody there", "postgres://127.0.0.1:1/none?connect_timeout=1", "database-unreachable"},
		{"no such database", strings.Replace(url, "/t_", "/no_", 1), "database-unreachable"},
	} {
		if _, err := postgres.Open(ctx, tt.url); fault.CodeOf(err) != tt.want {
			t.Errorf("Open, %s: %v", tt.name, err)
		}
		if _, err := postgres.Connect(ctx, tt.url); fault.CodeOf(err) != tt.want {
			t.Errorf("Connect, %s: %v", tt.name, err)
		}
	}
	if _, err := postgres.Connect(ctx, and("pgbouncer=true")); fault.CodeOf(err) != "database-url" {
		t.Errorf("Connect through PgBouncer: %v", err)
	}
	if _, err := postgres.Open(ctx, "postgres://me:s3cret@127.0.0.1:1/x?connect_timeout=x"); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the password shows, or no error: %v", err)
	}
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	_, dead := pgconn.Connect(ctx, "postgres://127.0.0.1:1/none")
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"nothing", nil, false},
		{"shut down", &pgconn.PgError{Code: "57P01"}, true},
		{"starting", &pgconn.PgError{Code: "57P03"}, true},
		{"disk full", &pgconn.PgError{Code: "53100"}, true},
		{"too many connections", &pgconn.PgError{Code: "53300"}, true},
		{"lock timeout", &pgconn.PgError{Code: "55P03"}, true},
		{"unique violation", &pgconn.PgError{Code: "23505"}, false},
		{"syntax", &pgconn.PgError{Code: "42601"}, false},
		{"nobody listens", dead, true},
		{"cut off", io.ErrUnexpectedEOF, true},
		{"too slow", context.DeadlineExceeded, true},
		{"the caller left", context.Canceled, false},
		{"no row", pgx.ErrNoRows, false},
		{"a fault", fault.New(fault.Invalid, "x", "x"), false},
	} {
		if got := postgres.Unavailable(fmt.Errorf("wrapped: %w", tt.err)); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A full pool gives up after a bounded wait, though the request itself could wait for ever.
func TestFullPool(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	pool, err := postgres.Open(t.Context(), url+"&pool_max_conns=1")
	if !strings.Contains(url, "?") {
		pool, err = postgres.Open(t.Context(), url+"?pool_max_conns=1")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	held, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = pool.Exec(t.Context(), `SELECT 1`)
	if !postgres.Unavailable(err) {
		t.Errorf("full: %v", err)
	}
	held.Release()
	if _, err := pool.Exec(t.Context(), `SELECT pg_sleep(0.01)`); err != nil {
		t.Errorf("free again: %v", err)
	}
}

func TestViolatedOnCitus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"one server", &pgconn.PgError{Code: "23505", ConstraintName: "stalls_one_per_code", Message: `duplicate key value violates unique constraint "stalls_one_per_code"`}, "stalls_one_per_code"},
		{"wrapped", fmt.Errorf("register: %w", &pgconn.PgError{Code: "23503", ConstraintName: "stalls_market"}), "stalls_market"},
		{"a shard here", &pgconn.PgError{Code: "23505", ConstraintName: "team_members_once_102124"}, "team_members_once"},
		{"a shard elsewhere", &pgconn.PgError{Code: "23505", Message: `duplicate key value violates unique constraint "stalls_one_per_code_102100"`}, "stalls_one_per_code"},
		{"its code is lost too", &pgconn.PgError{Code: "XX000", Message: `new row for relation "accounts_102028" violates check constraint "accounts_kind_102028"`}, "accounts_kind"},
		{"what others point at", &pgconn.PgError{Code: "23503", Message: `update or delete on table "accounts_102034" violates foreign key constraint "decisions_account_102026" on table "decisions_102026"`}, "decisions_account"},
		{"a number of our own", &pgconn.PgError{Code: "23514", ConstraintName: "accounts_symbol_140"}, "accounts_symbol_140"},
		{"no constraint", &pgconn.PgError{Code: "23502", Message: `null value in column "level" of relation "teams_102017" violates not-null constraint`}, ""},
		{"not the database", errors.New(`violates constraint "x"`), ""},
	} {
		if got := postgres.Violated(tt.err); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
