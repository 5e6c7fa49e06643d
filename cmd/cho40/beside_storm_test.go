//go:build storm

package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cho40/internal/postgres"
	"cho40/migrations"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// home is a folder for what runs beside the service, as the user that PostgreSQL runs as.
func home(t *testing.T) (dir string, as *syscall.SysProcAttr) {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "cho40-beside-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	as = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		return dir, as
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return dir, as
}

// beside starts a program that ends with the test at the latest, and gives what it says to the test's log when that failed.
func beside(t *testing.T, as *syscall.SysProcAttr, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.SysProcAttr = "/", as
	var said journal
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s says: %s", filepath.Base(name), said.String())
		}
	})
	return cmd
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// owned is an embedded server whose owner is asked behind the service's back.
func owned(t *testing.T) (server *postgres.Server, cfg *pgx.ConnConfig, do func(sql string)) {
	t.Helper()
	p := newProgram(t)
	server, err := postgres.Start(context.Background(), p.data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	if cfg, err = pgx.ParseConfig(server.URL()); err != nil {
		t.Fatal(err)
	}
	return server, cfg, func(sql string) {
		t.Helper()
		conn, err := postgres.Connect(context.Background(), server.URL())
		if err == nil {
			defer conn.Close(context.Background())
			_, err = conn.Exec(context.Background(), sql)
		}
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// The main job, a crowd at two processes of which both are replaced, and everything that verifies it, through PgBouncer in transaction mode with fewer
// connections to the database than there are clients.
func TestThroughPgBouncer(t *testing.T) {
	pgbouncer := tool(t, "pgbouncer", "pgbouncer")
	server, cfg, do := owned(t)
	dir, as := home(t)
	port := freePort(t)
	write(t, filepath.Join(dir, "users"), fmt.Sprintf("%q \"\"\n%q \"\"\n", migrations.ServiceRole, cfg.User))
	write(t, filepath.Join(dir, "pgbouncer.ini"), fmt.Sprintf(`[databases]
* = host=%s port=5432
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = 4
server_reset_query = DISCARD ALL
server_reset_query_always = 1
`, cfg.Host, port, filepath.Join(dir, "users")))
	beside(t, as, pgbouncer, filepath.Join(dir, "pgbouncer.ini"))
	through := fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable&pgbouncer=true", migrations.ServiceRole, port, cfg.Database)
	eventually(t, "PgBouncer listens", func() bool {
		c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	p := program{TB: t, env: append(environment(t, "DATABASE_URL="+through), "DATABASE_DIRECT_URL="+postgres.As(server.URL(), migrations.ServiceRole), "DATABASE_OWNER_URL="+server.URL())}
	t.Logf("%s", p.must("migrate"))
	do("ALTER ROLE " + migrations.ServiceRole + " SET statement_timeout = '10s'; ALTER ROLE " + migrations.ServiceRole +
		" SET lock_timeout = '3s'; ALTER ROLE " + migrations.ServiceRole + " SET idle_in_transaction_session_timeout = '30s'")
	do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '" + migrations.ServiceRole + "'") // sessions that PgBouncer keeps are older than that

	svc := p.serve(storming...)
	c := newCrowd(t, p, 1000, 32, func() string { return svc.url })
	second := p.serve(storming...)
	c.come(true)
	c.until(300)
	first := svc
	svc = second
	first.stop()
	c.leave()
	c.counted(p)

	pdf := filepath.Join(t.TempDir(), "x.pdf")
	p.must("market", "add", "--code", "DT", "--name", "Chợ Vị Thanh", "--area", "31321")
	p.must("user", "add", "hanh", "--role", "manager", "--scope", "market:DT")
	p.ends(1, "import", sample("so-cho-vi-thanh.xlsx"), "--market", "DT") // ten rows are faulty
	p.must("accounts", "approve", "--market", "DT", "--all", "--by", "hanh")
	out := p.must("placards", "--market", "DT", "-o", pdf)
	if !strings.HasPrefix(out, "228 placards") {
		t.Errorf("placards: %s", out)
	}
	for _, args := range [][]string{{"audit", "verify"}, {"reconcile"}, {"retention", "run"}, {"coverage", "--by", "market"}, {"export", "stalls", "--market", "DT", "-o", pdf + ".xlsx"},
		{"coverage", "report", "2026-Q3", "--market", "DT", "-o", pdf + ".q.pdf"}, {"backup", pdf + ".backup"}, {"restore-test", pdf + ".backup"}} {
		t.Logf("%s: %s", strings.Join(args, " "), p.must(args...))
	}
	for line := range strings.Lines(svc.log.String() + first.log.String()) {
		if strings.Contains(line, "SQLSTATE 42P05") || strings.Contains(line, "SQLSTATE 26000") || strings.Contains(line, `"status":500`) || strings.Contains(line, "behind PgBouncer") {
			t.Errorf("the log says: %s", line)
		}
	}
	eventually(t, "one leads, past PgBouncer", func() bool { return strings.Contains(svc.log.String(), "this process does the jobs") })
	svc.stop()
}

// A standby that follows by streaming answers shares while it follows; when it is gone, or was promoted, the main server does.
func TestStandby(t *testing.T) {
	bin, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_basebackup")
	if err != nil || len(bin) == 0 {
		t.Fatalf("no pg_basebackup: %v", err)
	}
	bindir := filepath.Dir(bin[len(bin)-1])
	server, cfg, do := owned(t)
	_ = server
	dir, as := home(t)
	copied := filepath.Join(dir, "standby")
	base := exec.Command(filepath.Join(bindir, "pg_basebackup"), "-h", cfg.Host, "-p", "5432", "-U", cfg.User, "-D", copied, "-R", "-X", "stream", "-c", "fast")
	base.Dir, base.SysProcAttr = "/", as
	if out, err := base.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v %s", err, out)
	}
	follow := func() *exec.Cmd {
		return beside(t, as, filepath.Join(bindir, "postgres"), "-D", copied, "-c", "listen_addresses=", "-c", "port=5433", "-c", "unix_socket_directories="+dir, "-c", "max_connections=100")
	}
	standby := follow()
	replica := fmt.Sprintf("postgres://%s@/%s?host=%s&port=5433", migrations.ServiceRole, cfg.Database, dir)
	main := fmt.Sprintf("postgres://%s@/%s?host=%s&port=5432", cfg.User, cfg.Database, cfg.Host)
	p := program{TB: t, env: append(environment(t, "DATABASE_URL="+strings.Replace(main, cfg.User+"@", migrations.ServiceRole+"@", 1)), "DATABASE_OWNER_URL="+main, "DATABASE_REPLICA_URL="+replica)}
	p.must("migrate")
	eventually(t, "the standby answers", func() bool {
		conn, err := pgx.Connect(context.Background(), replica)
		if err == nil {
			conn.Close(context.Background())
		}
		return err == nil
	})
	svc := p.serve(storming...)
	c := newCrowd(t, p, 200, 8, func() string { return svc.url })
	c.come(false)
	c.leave()
	type share struct {
		Vendors   int
		Freshness time.Time
	}
	ask := func() (s share) {
		t.Helper()
		status, answer, err := c.ask(http.MethodGet, "/api/v1/coverage?market=VT", "")
		if err == nil {
			err = json.Unmarshal(answer, &s)
		}
		if err != nil || status != http.StatusOK {
			t.Fatalf("coverage: %d %s %v", status, answer, err)
		}
		return s
	}
	scans := func() int {
		t.Helper()
		conn, err := pgx.Connect(context.Background(), strings.Replace(replica, migrations.ServiceRole+"@", cfg.User+"@", 1))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		var n int
		if err := conn.QueryRow(context.Background(), `SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0) FROM pg_stat_user_tables WHERE relname = 'market_now'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	began := time.Now()
	eventually(t, "the standby knows of all", func() bool { return ask().Vendors == 200 })
	t.Logf("200 vendors from whoever is read, %v after the last was answered", time.Since(began).Round(time.Millisecond))
	was := scans()
	eventually(t, "the standby is read", func() bool { ask(); return scans() > was })
	t.Logf("the standby is read: %d scans of market_now there, before %d", scans(), was)
	doctor := func() string {
		a := p.run("", "doctor", "--listen", "127.0.0.1:0", "--format", "csv")
		for line := range strings.Lines(a.out) {
			if strings.Contains(line, ",replica,") {
				return strings.TrimSpace(line)
			}
		}
		return a.out
	}
	t.Logf("following: %s", doctor())

	// It stays behind: its replay is paused while others register.
	pause := func(sql string) {
		conn, err := pgx.Connect(context.Background(), strings.Replace(replica, migrations.ServiceRole+"@", cfg.User+"@", 1))
		if err == nil {
			_, err = conn.Exec(context.Background(), sql)
			conn.Close(context.Background())
		}
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == "40001" { // what resumes may be in its own way
			err = nil
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	pause("SELECT pg_wal_replay_pause()")
	c.stalls = 230 // the first 200 are answered from what is kept of them
	c.acknowledged.Store(0)
	c.come(false)
	c.leave()
	s := ask()
	t.Logf("replay paused: %d vendors are said, fresh to %v ago; %s", s.Vendors, time.Since(s.Freshness).Round(time.Second), doctor())
	eventually(t, "the main server is read instead", func() bool { return ask().Vendors == 230 })
	t.Logf("after at most 30 seconds the main server is read: %s", doctor())
	pause("SELECT pg_wal_replay_resume()")

	// It is promoted: a server of its own, which is believed no more.
	pause("SELECT pg_promote(false)")
	do("UPDATE markets SET name = name") // the main server goes on
	eventually(t, "promoted, it is not read", func() bool { return strings.Contains(doctor(), "no more") })
	t.Logf("promoted: %s", doctor())
	if s := ask(); s.Vendors != 230 {
		t.Errorf("promoted: %d vendors", s.Vendors)
	}
	// It is gone.
	if err := standby.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = standby.Wait()
	if s := ask(); s.Vendors != 230 {
		t.Errorf("gone: %d vendors", s.Vendors)
	}
	t.Logf("gone: %s", doctor())
	c.counted(p)
	svc.stop()
}
