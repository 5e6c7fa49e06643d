// Package pgtest gives every test a PostgreSQL database of its own, with the schema in it.
//
// What New gave one test is emptied and lent to the next.
//
// The databases are clones of a template named after the migrations, on one throwaway server for all packages that a
// `go test` runs: whichever comes first starts it, and it ends with that command (see StartThrowaway). TEST_DATABASE_URL, a role with
// CREATEDB, uses another server, on which what a test made is dropped again; only the newest template stays. CITUS_TEST_URL has them laid out over
// the servers of a Citus.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"cho40/internal/postgres"
	"cho40/migrations"
)

// patience is for everything that a test waits for before it begins, the server's first start included.
const patience = 2 * time.Minute

// New is a pool on a database of t's own, as the service has one: it owns nothing. It is closed when t ends.
func New(t testing.TB) *pgxpool.Pool {
	t.Helper()
	if lends() {
		return lend(t)
	}
	return open(t, URL(t))
}

// OneServer is New without Citus: for a test that works behind the service's back, or is about roles or plans, which one server alone has so.
func OneServer(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return open(t, OneServerURL(t))
}

// Eraser is New for a test that erases people: on Citus a service does that as the owner of the tables.
func Eraser(t testing.TB) *pgxpool.Pool {
	t.Helper()
	if os.Getenv("CITUS_TEST_URL") != "" {
		return open(t, OwnerURL(URL(t)))
	}
	return New(t)
}

func open(t testing.TB, address string) *pgxpool.Pool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	pool, err := postgres.Open(ctx, address)
	if err != nil {
		t.Fatalf("open the test's database: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// URL is the address of a database of t's own, for the service. On a server of TEST_DATABASE_URL it is the owner's.
func URL(t testing.TB) string {
	t.Helper()
	c, err := citus()
	switch {
	case err != nil:
		t.Fatalf("CITUS_TEST_URL: %v", err)
	case c != nil:
		return c.clone(t)
	}
	return OneServerURL(t)
}

// OneServerURL is URL without Citus.
func OneServerURL(t testing.TB) string {
	t.Helper()
	address := clone(t, template)
	if os.Getenv("TEST_DATABASE_URL") != "" { // whether another role may come in is that server's affair
		return address
	}
	return forService(address)
}

// Owner is a pool on the same database as who may change everything in it: for what a test does behind the service's back.
func Owner(t testing.TB, db *pgxpool.Pool) *pgxpool.Pool {
	t.Helper()
	return open(t, OwnerURL(db.Config().ConnString()))
}

// OwnerURL is the owner's address of a database whose address for the service URL gave.
func OwnerURL(service string) string {
	if owner, ok := owners.Load(service); ok {
		entered.Store(service, true)
		return owner.(string)
	}
	return service
}

// owners are the owners' addresses by the service's, of databases where the service has a role of its own.
var owners sync.Map

// entered are the services' addresses of databases that a test has let the owner into.
var entered sync.Map

// forService is the service's address of a database whose owner's this is.
func forService(owner string) string {
	service := postgres.As(owner, migrations.ServiceRole)
	owners.Store(service, owner)
	return service
}

// Empty is the address of a database of t's own without the schema.
func Empty(t testing.TB) string {
	t.Helper()
	return clone(t, func(context.Context, *pgx.Conn) (string, error) { return "template0", nil })
}

func clone(t testing.TB, template func(context.Context, *pgx.Conn) (string, error)) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	server, err := address()
	if err != nil {
		t.Fatalf("tests need a PostgreSQL server: %v\nTEST_DATABASE_URL may name another one.", err)
	}
	conn, err := cloner(ctx, server)
	if err != nil {
		t.Fatalf("tests need a PostgreSQL server: %v", err)
	}
	defer func() {
		select {
		case cloners <- conn:
		default:
			conn.Close(ctx)
		}
	}()
	from, err := template(ctx, conn)
	if err != nil {
		t.Fatalf("make the template: %v", err)
	}
	name := "t_" + strings.ToLower(rand.Text())
	sql := "CREATE DATABASE " + name + " TEMPLATE " + from
	ours := os.Getenv("TEST_DATABASE_URL") == ""
	switch {
	case ours: // nothing waits for the disk there, and two checkpoints cost less than writing every page to the log
		sql += " STRATEGY FILE_COPY"
	case conn.PgConn().ParameterStatus("server_version") >= "15":
		sql += " STRATEGY WAL_LOG"
	}
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatalf("make the test's database: %v", err)
	}
	if !ours { // our own server goes as a whole
		t.Cleanup(func() { drop(t, server, name) })
	}
	return database(server, name)
}

// cloners are sessions that have cloned: a new one takes a tenth of what a clone takes.
var cloners = make(chan *pgx.Conn, 4)

func cloner(ctx context.Context, server string) (*pgx.Conn, error) {
	select {
	case conn := <-cloners:
		if !conn.IsClosed() {
			return conn, nil
		}
	default:
	}
	return postgres.Connect(ctx, server)
}

func drop(t testing.TB, server, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := postgres.Connect(ctx, server)
	if err == nil {
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
	}
	if err != nil {
		t.Errorf("drop the test's database: %v", err)
	}
}

// address is the server's. It is started once a process, and stays attached until the process ends.
var address = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("TEST_DATABASE_URL"); given != "" {
		return given, nil
	}
	dir, err := folder()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	server, err := postgres.StartThrowaway(ctx, dir, os.Getppid())
	if err != nil {
		return "", err
	}
	return server.URL(), keepServerLog(dir)
})

// folder is one for each user and each parent, which is the go command. It lies in /tmp, not in TMPDIR, because the user
// that the server runs as when we are root must get in, and because a socket's path is short.
func folder() (string, error) {
	mine := fmt.Sprintf("/tmp/cho40-test-%d-", os.Getuid())
	if old, err := filepath.Glob(mine + "*"); err == nil {
		for _, dir := range old { // of keepers that were killed, or are at it themselves; gigabytes, for which no test waits
			if _, err := os.Stat("/proc/" + strings.TrimPrefix(dir, mine)); errors.Is(err, os.ErrNotExist) && hasProc() {
				go os.RemoveAll(dir)
			}
		}
	}
	dir := fmt.Sprintf("%s%d", mine, os.Getppid())
	err := os.Mkdir(dir, 0o711)
	if errors.Is(err, os.ErrExist) {
		var info os.FileInfo
		if info, err = os.Lstat(dir); err == nil && (!info.IsDir() || info.Mode().Perm()&0o022 != 0) {
			err = fmt.Errorf("%s is not ours; remove it", dir)
		}
	}
	return dir, err
}

func hasProc() bool {
	_, err := os.Stat("/proc/self")
	return err == nil
}

// template is a database with the schema, made by whoever comes first.
func template(ctx context.Context, conn *pgx.Conn) (string, error) {
	name := "tmpl_" + migrations.Sum()[:16]
	making := name + "_making"
	ready := func() (bool, error) {
		return postgres.One[bool](ctx, conn, `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = @name AND datistemplate)`,
			pgx.StrictNamedArgs{"name": name})
	}
	if ok, err := ready(); ok || err != nil {
		return name, err
	}
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtext($1))", name); err != nil && !lockTimeout(err) {
		return "", err
	} else if err != nil {
		return template(ctx, conn) // somebody is still at it
	}
	defer conn.Exec(ctx, "SELECT pg_advisory_unlock(hashtext($1))", name)
	if ok, err := ready(); ok || err != nil {
		return name, err
	}
	if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+making); err != nil {
		return "", err
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+making+" TEMPLATE template0"); err != nil {
		return "", err
	}
	made := database(conn.Config().ConnString(), making)
	if _, _, err := migrations.Up(ctx, made); err != nil {
		return "", err
	}
	if os.Getenv("TEST_DATABASE_URL") == "" {
		if err := migrations.Grant(ctx, made, migrations.ServiceRole); err != nil {
			return "", err
		}
	}
	// One transaction. A connection to a template would be in the way of cloning.
	err := settle(ctx, conn, "ALTER DATABASE "+making+" RENAME TO "+name+"; ALTER DATABASE "+name+" IS_TEMPLATE true ALLOW_CONNECTIONS false")
	if err != nil || os.Getenv("TEST_DATABASE_URL") == "" {
		return name, err
	}
	return name, dropOld(ctx, conn, name)
}

// dropOld removes the templates of earlier schemas from a server that outlives the tests.
func dropOld(ctx context.Context, conn *pgx.Conn, current string) error {
	old, err := postgres.All[string](ctx, conn, `
		SELECT datname::text FROM pg_database WHERE datistemplate AND datname ~ '^tmpl_[0-9a-f]{16}$' AND datname <> @current`,
		pgx.StrictNamedArgs{"current": current})
	for _, name := range old {
		if _, err := conn.Exec(ctx, "ALTER DATABASE "+name+" IS_TEMPLATE false"); err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, "DROP DATABASE "+name); err != nil {
			return err
		}
	}
	return err
}

// settle tries again while a session that was just closed is still on its way out.
func settle(ctx context.Context, conn *pgx.Conn, sql string) error {
	for {
		_, err := conn.Exec(ctx, sql)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "55006" || ctx.Err() != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func lockTimeout(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "55P03"
}

// database is the address of another database on the same server.
func database(server, name string) string {
	u, err := url.Parse(server)
	if err != nil {
		return server // Connect has read it already
	}
	u.Path = "/" + name
	return u.String()
}
