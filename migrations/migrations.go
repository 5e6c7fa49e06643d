// Package migrations is the schema: numbered files that are applied in order, once each, forward only, and never edited.
//
// A file NNNN_words.sql runs in one transaction, with its row in schema_migrations. One whose first line is
// "-- no transaction" holds a single statement, such as CREATE INDEX CONCURRENTLY, that must be outside of one and can be
// repeated, because a crash may come between it and its row.
package migrations

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cho40/internal/fault"
	"cho40/internal/postgres"
)

//go:embed *.sql
var files embed.FS

const (
	// lockKey is the advisory lock of whoever migrates: "cho40" as a number.
	lockKey = 0x63686f3430

	noTransaction = "-- no transaction"

	// A table in use may not be had within the lock_timeout; waiting longer would queue everybody else behind us.
	lockTries = 10
	lockPause = time.Second
)

// migration is one file.
type migration struct {
	n         int
	name, sql string
	sum       string // SHA-256, hex
}

// Applied is a migration that a database has: a row of schema_migrations.
type Applied struct {
	N      int    `json:"n"`
	Name   string `json:"name"`
	SHA256 string `json:"sha256" db:"sha256"` // of the file, hex
}

// Up brings the schema of the database at url to this program's version and returns the versions before and after; 0 is
// an empty database. One that is newer than the program stays as it is, with a warning in the log: the
// schema keeps the previous release working. A schema that is up to date is only read. The url must lead to the
// database itself, not to a pooling proxy. Any number of programs may do this at once.
//
// Faults: those of postgres.Connect; Conflict migration-changed, migration-failed, database-without-icu; Busy
// migration-waits.
func Up(ctx context.Context, url string) (from, to int, err error) {
	return UpTo(ctx, url, files)
}

// UpTo is Up with the files of another folder.
func UpTo(ctx context.Context, url string, dir fs.FS) (from, to int, err error) {
	all, err := load(dir)
	if err != nil {
		return 0, 0, err
	}
	return up(ctx, url, all)
}

func up(ctx context.Context, url string, all []migration) (from, to int, err error) {
	conn, err := postgres.Connect(ctx, url)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))

	from, err = compare(ctx, conn, all)
	if err != nil || from >= len(all) {
		if from > len(all) {
			slog.WarnContext(ctx, "the database is newer than this program; serving on it as it is", "database", from, "program", len(all))
		}
		return from, from, err
	}
	if err := lock(ctx, conn); err != nil { // it ends with the session
		return from, from, err
	}
	if to, err = compare(ctx, conn, all); err != nil { // somebody else may have been faster
		return from, from, err
	}
	for to < len(all) {
		if err := apply(ctx, conn, all[to]); err != nil {
			return from, to, err
		}
		to++
	}
	return from, to, nil
}

// Latest is the version that this program brings a database to.
func Latest() int {
	all, err := load(files)
	if err != nil {
		panic(err) // the files are compiled in, and a test loads them
	}
	return len(all)
}

// Version is the version that the database has, 0 without a schema.
func Version(ctx context.Context, db postgres.Querier) (int, error) {
	rows, err := History(ctx, db)
	return len(rows), err
}

// Sum is a SHA-256 over all files, hex: the name of the schema they make.
func Sum() string {
	h := sha256.New()
	all, err := load(files)
	if err != nil {
		panic(err)
	}
	for _, m := range all {
		fmt.Fprintln(h, m.name, m.sum)
	}
	return hex.EncodeToString(h.Sum(nil))
}

var form = regexp.MustCompile(`^(\d{4})_[a-z0-9]+(?:_[a-z0-9]+)*\.sql$`)

// load reads the files of dir, which are numbered from 1 without gaps.
func load(dir fs.FS) ([]migration, error) {
	names, err := fs.Glob(dir, "*.sql") // sorted
	if err != nil {
		return nil, err
	}
	all := make([]migration, 0, len(names))
	for i, name := range names {
		parts := form.FindStringSubmatch(name)
		if parts == nil {
			return nil, fmt.Errorf("migration %s is not named like 0001_words.sql", name)
		}
		n, err := strconv.Atoi(parts[1])
		if err != nil {
			return nil, err
		}
		if n != i+1 {
			return nil, fmt.Errorf("migration %s stands where number %04d is due", name, i+1)
		}
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		all = append(all, migration{n, strings.TrimSuffix(name, ".sql"), string(text), hex.EncodeToString(sum[:])})
	}
	return all, nil
}

// UpLike brings an empty database to the schema that another one had, by its History.
//
// Faults: as Up; Conflict schema-newer, schema-differs (not of these files), when past is not a beginning of what this program knows.
func UpLike(ctx context.Context, url string, past []Applied) error {
	all, err := load(files)
	if err != nil {
		return err
	}
	if len(past) > len(all) {
		return fault.New(fault.Conflict, "schema-newer", "It was made by a newer program: its schema is at %d, this one knows %d. Install the newer program first.", len(past), len(all))
	}
	for i, m := range past {
		if m.N != i+1 || m.SHA256 != all[i].sum {
			return fault.New(fault.Conflict, "schema-differs", "Its schema has another migration %s than this program. It is of another program.", m.Name)
		}
	}
	_, _, err = up(ctx, url, all[:len(past)])
	return err
}

// History reads what was applied to a database, in order; nothing for one without a schema.
func History(ctx context.Context, db postgres.Querier) ([]Applied, error) {
	exists, err := postgres.One[bool](ctx, db, `SELECT to_regclass('schema_migrations') IS NOT NULL`, nil)
	if err != nil || !exists {
		return nil, err
	}
	return postgres.All[Applied](ctx, db, `SELECT n, name, sha256 FROM schema_migrations ORDER BY n`, nil)
}

// compare is the database's version, provided that its files are ours as far as both go.
func compare(ctx context.Context, db postgres.Querier, all []migration) (int, error) {
	rows, err := History(ctx, db)
	if err != nil {
		return 0, fmt.Errorf("read schema_migrations: %w", err)
	}
	for i, row := range rows {
		if row.N != i+1 {
			return 0, fault.New(fault.Conflict, "migration-changed", "The database lacks migration %s, though later ones were applied. Restore a backup.", fmt.Sprintf("%04d", i+1))
		}
		if i < len(all) && row.SHA256 != all[i].sum {
			return 0, fault.New(fault.Conflict, "migration-changed", "Migration %s was changed after it was applied to this database. Put the file back as it was, and make the change in a new one.", row.Name)
		}
	}
	return len(rows), nil
}

// lock waits its turn by asking again and again. A session that waits inside pg_advisory_lock holds a snapshot, for which
// another one's CREATE INDEX CONCURRENTLY would wait forever. It is the session's that changes the schema from then on, which Citus does in one
// transaction only shard by shard; elsewhere nobody reads the setting.
func lock(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, `SET citus.multi_shard_modify_mode = 'sequential'`); err != nil {
		return err
	}
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		got, err := postgres.One[bool](ctx, conn, `SELECT pg_try_advisory_lock(@key)`, pgx.StrictNamedArgs{"key": int64(lockKey)})
		if err != nil || got {
			return err
		}
		if err := wait(ctx, pause); err != nil {
			return fault.New(fault.Busy, "migration-waits", "Another program is changing the schema of this database. Try again when it has finished.").Because(err)
		}
	}
}

// apply runs one file and records it, waiting a while for tables that are in use.
func apply(ctx context.Context, conn *pgx.Conn, m migration) error {
	if m.n == 1 {
		if err := prepare(ctx, conn); err != nil {
			return err
		}
	}
	run := inTransaction
	if first, _, _ := strings.Cut(m.sql, "\n"); strings.TrimSpace(first) == noTransaction {
		run = alone
	}
	for try := 1; ; try++ {
		err := run(ctx, conn, m)
		if err == nil {
			slog.InfoContext(ctx, "migrated", "to", m.name)
			return nil
		}
		var pg *pgconn.PgError
		if !errors.As(err, &pg) {
			return fmt.Errorf("migration %s: %w", m.name, err)
		}
		if pg.Code != "55P03" {
			if line := lineAt(m.sql, int(pg.Position)); line > 0 {
				return fault.New(fault.Conflict, "migration-failed", "Migration %s failed in line %d: %s.", m.name, line, pg.Message).Because(err)
			}
			return fault.New(fault.Conflict, "migration-failed", "Migration %s failed: %s.", m.name, pg.Message).Because(err)
		}
		if try == lockTries || wait(ctx, lockPause) != nil {
			return fault.New(fault.Busy, "migration-waits", "Migration %s waits for tables that are in use. Try again at a quieter time.", m.name).Because(err)
		}
	}
}

// prepare looks for what the schema cannot do without, and makes the table of what was applied.
func prepare(ctx context.Context, conn *pgx.Conn) error {
	icu, err := postgres.One[bool](ctx, conn, `SELECT EXISTS (SELECT FROM pg_collation WHERE collname = 'vi-x-icu')`, nil)
	if err != nil {
		return err
	}
	if !icu {
		return fault.New(fault.Conflict, "database-without-icu", "This PostgreSQL was built without ICU and cannot sort Vietnamese. Install one with ICU, as the distributions' packages are.")
	}
	_, err = conn.Exec(ctx, `
		CREATE TABLE IF NOT EXISTS schema_migrations (
			n          integer     CONSTRAINT schema_migrations_pk PRIMARY KEY,
			name       text        NOT NULL,
			sha256     text        NOT NULL,
			applied_at timestamptz NOT NULL
		)`)
	return err
}

func inTransaction(ctx context.Context, conn *pgx.Conn, m migration) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// Many statements at once, which only the wire protocol's plain query can do. No value goes into them.
		if _, err := conn.PgConn().Exec(ctx, m.sql).ReadAll(); err != nil {
			return err
		}
		if conn.PgConn().TxStatus() != 'T' {
			return errors.New("the file ends the transaction that it runs in: take COMMIT or ROLLBACK out")
		}
		return record(ctx, tx, m)
	})
}

// alone runs a file's only statement. It may wait for old transactions, as CREATE INDEX CONCURRENTLY does without
// stopping anybody, so there is no lock_timeout.
func alone(ctx context.Context, conn *pgx.Conn, m migration) error {
	if _, err := conn.Exec(ctx, `SET lock_timeout = 0`); err != nil {
		return err
	}
	_, err := conn.PgConn().ExecParams(ctx, m.sql, nil, nil, nil, nil).Close() // refuses a second statement
	if _, reset := conn.Exec(context.WithoutCancel(ctx), `RESET lock_timeout`); err == nil {
		err = reset
	}
	if err != nil {
		return err
	}
	return record(ctx, conn, m)
}

func record(ctx context.Context, db interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
}, m migration) error {
	_, err := db.Exec(ctx, `
		INSERT INTO schema_migrations (n, name, sha256, applied_at) VALUES (@n, @name, @sha256, now())`,
		pgx.StrictNamedArgs{"n": m.n, "name": m.name, "sha256": m.sum})
	return err
}

// lineAt is the line, from 1, of the position, in characters from 1, at which the server found something wrong; 0 is nowhere.
func lineAt(sql string, position int) int {
	if position <= 0 {
		return 0
	}
	before := []rune(sql)
	return 1 + strings.Count(string(before[:min(position-1, len(before))]), "\n")
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
