package pgtest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	"cho40/migrations"
)

func TestEveryTestHasItsOwn(t *testing.T) {
	t.Parallel()
	for range 4 {
		t.Run("clone", func(t *testing.T) {
			t.Parallel()
			db := pgtest.Owner(t, pgtest.New(t))
			if _, err := db.Exec(t.Context(), `CREATE TABLE mine (n integer); INSERT INTO mine VALUES (1)`); err != nil {
				t.Fatal(err)
			}
			got, err := migrations.Version(t.Context(), db)
			if err != nil || got != migrations.Latest() {
				t.Errorf("version = %d, %v; want %d", got, err, migrations.Latest())
			}
		})
	}
}

func TestEmptyHasNoSchema(t *testing.T) {
	t.Parallel()
	conn, err := postgres.Connect(t.Context(), pgtest.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if got, err := migrations.Version(t.Context(), conn); err != nil || got != 0 {
		t.Errorf("version = %d, %v; want 0", got, err)
	}
}

// A database is lent again as it came: without rows but those that come with the schema, locks and settings; not after the owner changed more than rows.
func TestLent(t *testing.T) { // not parallel: the second test is to get what the first had
	var had, came string
	var kept *pgx.Conn // which a test does not close
	look := func(t *testing.T, db *pgxpool.Pool) (name, rows string) {
		t.Helper()
		tables, err := postgres.All[string](t.Context(), db, `SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1`, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			of, err := postgres.One[string](t.Context(), db, `SELECT coalesce(string_agg(t::text, ' '), '') FROM `+table+` t`, nil)
			if err != nil {
				t.Fatal(err)
			}
			rows += table + ": " + of + "\n"
		}
		name, err = postgres.One[string](t.Context(), db, `SELECT current_database()::text || current_setting('search_path')`, nil)
		if err != nil {
			t.Fatal(err)
		}
		return name, rows
	}
	begin := func(t *testing.T, same bool) *pgxpool.Pool {
		db := pgtest.New(t)
		name, rows := look(t, db)
		if same != (name == had) {
			t.Errorf("it is %s, after %s", name, had)
		}
		if rows != came && came != "" {
			t.Errorf("it holds %s; want %s", rows, came)
		}
		had, came = name, rows
		if free, err := postgres.One[bool](t.Context(), db, `SELECT pg_try_advisory_lock(7)`, nil); err != nil || !free {
			t.Errorf("the lock is free: %v, %v", free, err)
		}
		return db
	}
	insert := `INSERT INTO people (id, name, name_key, created_at) VALUES (gen_random_uuid(), 'An', gen_random_uuid(), now())`
	t.Run("rows, a lock and a setting", func(t *testing.T) {
		db := begin(t, false)
		if !strings.Contains(came, "rounding_keys: (") {
			t.Fatalf("nothing comes with the schema: %s", came)
		}
		for _, sql := range []string{insert, `SET search_path = pg_catalog, public`} {
			if _, err := db.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("rows by the owner", func(t *testing.T) {
		if _, err := pgtest.Owner(t, begin(t, true)).Exec(t.Context(), insert+`; DELETE FROM rounding_keys`); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a condition less", func(t *testing.T) {
		if _, err := pgtest.Owner(t, begin(t, true)).Exec(t.Context(), `ALTER TABLE market_tracks DROP CONSTRAINT market_tracks_market`); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a session kept", func(t *testing.T) {
		db := begin(t, false)
		var err error
		if kept, err = postgres.Connect(context.Background(), db.Config().ConnString()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("after it", func(t *testing.T) { begin(t, false) })
	t.Run("a pool closed", func(t *testing.T) { begin(t, true).Close() })
	t.Run("after that", func(t *testing.T) { begin(t, false) })
	if kept != nil {
		kept.Close(context.Background())
	}
}
