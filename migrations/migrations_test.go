package migrations_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	"cho40/migrations"
)

// dir is a folder of migrations: names and texts by turns.
func dir(namesAndTexts ...string) fstest.MapFS {
	files := fstest.MapFS{"migrations.go": {Data: []byte("package migrations")}}
	for i := 0; i < len(namesAndTexts); i += 2 {
		files[namesAndTexts[i]] = &fstest.MapFile{Data: []byte(namesAndTexts[i+1])}
	}
	return files
}

var (
	stalls  = []string{"0001_stalls.sql", "CREATE TABLE stalls (n integer);\nINSERT INTO stalls VALUES (1), (2);\n"}
	indexed = append(stalls[:2:2], "0002_indexed.sql", "-- no transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS stalls_n ON stalls (n);\n")
	priced  = append(indexed[:4:4], "0003_priced.sql", "ALTER TABLE stalls ADD price bigint NOT NULL DEFAULT 0;\n")
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := postgres.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func TestUpAndUpAgain(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	for _, tt := range []struct {
		name     string
		dir      fstest.MapFS
		from, to int
	}{
		{"an empty database", dir(indexed...), 0, 2},
		{"again", dir(indexed...), 2, 2},
		{"one more", dir(priced...), 2, 3},
		{"an older program", dir(stalls...), 3, 3},
		{"the newer one again", dir(priced...), 3, 3},
	} {
		from, to, err := migrations.UpTo(t.Context(), url, tt.dir)
		if from != tt.from || to != tt.to || err != nil {
			t.Errorf("%s: %d to %d, %v; want %d to %d", tt.name, from, to, err, tt.from, tt.to)
		}
	}
	conn := connect(t, url)
	if n, err := postgres.One[int](t.Context(), conn, `SELECT count(*) FROM stalls WHERE price = 0`, nil); err != nil || n != 2 {
		t.Errorf("rows = %d, %v", n, err)
	}
	if valid, err := postgres.One[bool](t.Context(), conn, `SELECT indisvalid FROM pg_index WHERE indexrelid = 'stalls_n'::regclass`, nil); err != nil || !valid {
		t.Errorf("index valid = %v, %v", valid, err)
	}
	if v, err := migrations.Version(t.Context(), conn); err != nil || v != 3 {
		t.Errorf("version = %d, %v", v, err)
	}
}

// Every starter of a new release migrates; each file must run once, and CREATE INDEX CONCURRENTLY must not wait for
// somebody who waits for it.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wg.Go(func() {
			_, to, err := migrations.UpTo(t.Context(), url, dir(priced...))
			if err == nil && to != 3 {
				err = fmt.Errorf("to %d", to)
			}
			errs[i] = err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if n, err := postgres.One[int](t.Context(), connect(t, url), `SELECT count(*) FROM stalls`, nil); err != nil || n != 2 {
		t.Errorf("rows = %d, %v: a file ran twice", n, err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		before  fstest.MapFS // applied first
		files   fstest.MapFS
		code    string // of the fault; empty: an error of the developer's
		says    string
		version int // afterwards
	}{
		{"a changed file", dir(indexed...), dir("0001_stalls.sql", stalls[1]+"-- better", "0002_indexed.sql", indexed[3]), "migration-changed", "0001_stalls", 2},
		{"a changed file before a new one", dir(stalls...), dir("0001_stalls.sql", "SELECT 1", "0002_indexed.sql", indexed[3]), "migration-changed", "0001_stalls", 1},
		{"a gap", nil, dir("0001_stalls.sql", stalls[1], "0003_priced.sql", "SELECT 1"), "", "0003_priced.sql stands where number 0002", 0},
		{"a number twice", nil, dir("0001_stalls.sql", stalls[1], "0001_twice.sql", "SELECT 1"), "", "0001_twice.sql stands where number 0002", 0},
		{"no number", nil, dir("stalls.sql", stalls[1]), "", "stalls.sql is not named", 0},
		{"starts at 2", nil, dir("0002_stalls.sql", stalls[1]), "", "number 0001", 0},
		{"a wrong statement", nil, dir("0001_stalls.sql", stalls[1], "0002_wrong.sql", "CREATE TABLE kept (n integer);\nSELECT chợ;"), "migration-failed", "0002_wrong failed in line 2", 1},
		{"a row against a constraint", dir(stalls...), dir("0001_stalls.sql", stalls[1], "0002_wrong.sql", "ALTER TABLE stalls ADD CHECK (n > 1)"), "migration-failed", "0002_wrong failed: check", 1},
		{"a file that commits", dir(stalls...), dir("0001_stalls.sql", stalls[1], "0002_wrong.sql", "SELECT 1; COMMIT;"), "", "take COMMIT", 1},
		{"two statements without a transaction", dir(stalls...), dir("0001_stalls.sql", stalls[1], "0002_wrong.sql", "-- no transaction\nCREATE TABLE a (); CREATE TABLE b ();"), "migration-failed", "multiple commands", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.Empty(t)
			if tt.before != nil {
				if _, _, err := migrations.UpTo(t.Context(), url, tt.before); err != nil {
					t.Fatal(err)
				}
			}
			_, to, err := migrations.UpTo(t.Context(), url, tt.files)
			if err == nil || fault.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("err = %v, want %q and %q", err, tt.code, tt.says)
			}
			conn := connect(t, url)
			if v, err := migrations.Version(t.Context(), conn); err != nil || v != tt.version || to > v {
				t.Errorf("version = %d, %v, want %d; reported %d", v, err, tt.version, to)
			}
			if there, err := postgres.One[bool](t.Context(), conn, `SELECT to_regclass('kept') IS NOT NULL`, nil); err != nil || there {
				t.Errorf("half a migration was kept: %v, %v", there, err)
			}
		})
	}
}

func TestHoleInTheDatabase(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	if _, _, err := migrations.UpTo(t.Context(), url, dir(priced...)); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, url).Exec(t.Context(), `DELETE FROM schema_migrations WHERE n = 2`); err != nil {
		t.Fatal(err)
	}
	_, _, err := migrations.UpTo(t.Context(), url, dir(priced...))
	if fault.CodeOf(err) != "migration-changed" || !strings.Contains(err.Error(), "0002") {
		t.Errorf("err = %v", err)
	}
}

// A table that is in use does not stop a migration for good, nor does the migration stop the table's users.
func TestTableInUse(t *testing.T) {
	t.Parallel()
	url, ctx := pgtest.Empty(t), t.Context()
	if _, _, err := migrations.UpTo(ctx, url, dir(indexed...)); err != nil {
		t.Fatal(err)
	}
	tx, err := connect(t, url).Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, `LOCK TABLE stalls IN SHARE MODE`); err != nil {
		t.Fatal(err)
	}
	short := append(indexed[:4:4], "0003_priced.sql", "SET LOCAL lock_timeout = '50ms';\n"+priced[5])
	done := make(chan error, 1)
	go func() {
		_, _, err := migrations.UpTo(ctx, url, dir(short...))
		done <- err
	}()
	watch := connect(t, url)
	for tried := false; !tried; time.Sleep(5 * time.Millisecond) { // until it has waited at least once
		if tried, err = postgres.One[bool](ctx, watch, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'stalls'::regclass)`, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestEmbeddedFiles(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	from, to, err := migrations.Up(t.Context(), url)
	if from != 0 || to != migrations.Latest() || to == 0 || err != nil {
		t.Errorf("%d to %d, %v; want 0 to %d", from, to, err, migrations.Latest())
	}
	if len(migrations.Sum()) != 64 {
		t.Errorf("sum = %q", migrations.Sum())
	}
}

// A program that only serves may run as a role that can read the table and nothing else.
func TestUpToDateOnlyReads(t *testing.T) {
	t.Parallel()
	url, ctx := pgtest.Empty(t), t.Context()
	if _, _, err := migrations.UpTo(ctx, url, dir(stalls...)); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, url).Exec(ctx, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`); err != nil {
		t.Fatal(err)
	}
	if from, to, err := migrations.UpTo(ctx, url, dir(stalls...)); from != 1 || to != 1 || err != nil {
		t.Errorf("%d to %d, %v", from, to, err)
	}
}
