//go:build unix

package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"cho40/internal/fault"
)

const (
	superuser      = "postgres"
	maxConnections = 60

	stopPatience  = 20 * time.Second // SIGINT ends the sessions and writes a checkpoint; then SIGQUIT, which recovery mends
	startPatience = 10 * time.Second // after a kill -9 old sessions may hold the shared memory a while
	largestLog    = 1 << 20          // bytes; beyond it the log is put aside at the next start
)

// postmaster starts and stops PostgreSQL's own processes on one place.
type postmaster struct {
	place
	account
	bin       binaries
	throwaway bool // tests: what a crash of the machine would lose does not matter
}

// process is a running server: our child, or one that an earlier keeper left.
type process struct {
	pid  int
	gone chan struct{} // closed when it has ended
}

// settings are given on the command line, where they win over whatever stands in the folder's files.
func (m postmaster) settings() []string {
	s := []string{
		"listen_addresses=", // the socket's folder is the only door, and only the server's user and root get in
		"port=5432",
		`unix_socket_directories="` + strings.ReplaceAll(m.run, `"`, `""`) + `"`,
		"unix_socket_permissions=0700",
		"max_connections=" + strconv.Itoa(maxConnections),
		"fsync=on", "full_page_writes=on", "synchronous_commit=on",
		"timezone=UTC", "log_timezone=UTC",
		// Messages below LOG quote values, and with them names and phones.
		"logging_collector=off", "log_destination=stderr", "log_min_messages=log", "log_min_error_statement=panic",
		"log_error_verbosity=terse", "log_statement=none", "log_min_duration_statement=-1", "log_checkpoints=off",
	}
	if n := buffers(os.DirFS("/")); n > 0 && !m.throwaway {
		s = append(s, "shared_buffers="+strconv.FormatInt(n>>20, 10)+"MB")
	}
	if m.throwaway {
		s = append(s, "max_connections=400", "fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off")
	}
	return s
}

// initialize makes the data where there is none. A half-made folder never bears the name of a whole one.
func (m postmaster) initialize(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(m.data, "PG_VERSION")); err == nil {
		return nil
	}
	making := m.data + ".new"
	// C knows no lower case of Đ; macOS has no C.UTF-8 before version 15.
	locales := []string{"C.UTF-8"}
	if runtime.GOOS == "darwin" {
		locales = append(locales, "en_US.UTF-8")
	}
	var out []byte
	var err error
	for _, locale := range locales {
		if err := os.RemoveAll(making); err != nil {
			return unusable(making, err)
		}
		if err := m.ownFolder(making); err != nil {
			return err
		}
		args := []string{"-D", making, "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=" + locale}
		if m.throwaway {
			args = append(args, "--no-sync")
		} else {
			args = append(args, "--data-checksums")
		}
		cmd := m.command("initdb", syscall.SIGKILL, args...)
		var buf bytes.Buffer
		cmd.Stdout, cmd.Stderr = &buf, &buf
		pid, done := run(cmd)
		select {
		case err = <-done:
		case <-ctx.Done():
			syscall.Kill(pid, syscall.SIGINT) // it removes what it began
			<-done
			return ctx.Err()
		}
		if out = buf.Bytes(); err == nil {
			break
		}
	}
	if err != nil {
		return fault.New(fault.Conflict, "database-not-made", "PostgreSQL could not make its data in %s. It says: %s", m.dir, tail(out)).Because(err)
	}
	if err := os.Rename(making, m.data); err != nil {
		return unusable(m.data, err)
	}
	if d, err := os.Open(m.dir); err == nil { // the new name too survives a power cut
		d.Sync()
		d.Close()
	}
	return nil
}

// start brings the server up, or takes over one that still runs, and returns when it answers. It waits as long as the
// server lives, since recovery after a crash takes what it takes.
func (m postmaster) start(ctx context.Context) (*process, error) {
	var giveUp time.Time
	for {
		p, err := m.leftOver()
		ours := p == nil
		var from int64
		if err == nil && ours {
			p, from, err = m.spawn()
		}
		if err != nil {
			return nil, err
		}
		err = m.answers(ctx, p)
		if err == nil {
			return p, nil
		}
		if ctx.Err() != nil {
			p.stop()
			return nil, err
		}
		if !ours {
			continue // it was on its way out
		}
		if giveUp.IsZero() {
			giveUp = time.Now().Add(startPatience)
		}
		if time.Now().After(giveUp) {
			return nil, fault.New(fault.Conflict, "database-not-started", "PostgreSQL did not start on %s. It says: %s", m.data, tail(m.logged(from)))
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// leftOver is the server that runs on the data already, nil when there is none. PostgreSQL does not start while the
// number in postmaster.pid is that of any process of its user, so a number that has gone to another one is removed.
func (m postmaster) leftOver() (*process, error) {
	path := filepath.Join(m.data, "postmaster.pid")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, unusable(path, err)
	}
	lines := strings.Split(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pid <= 1 || !m.isServer(pid) {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, unusable(path, err)
		}
		return nil, nil
	}
	if len(lines) > 4 && lines[4] != "" && lines[4] != m.run {
		return nil, fault.New(fault.Conflict, "database-taken", "Another PostgreSQL server, process %s, already runs on %s. Stop it first.", strconv.Itoa(pid), m.data)
	}
	p := &process{pid, make(chan struct{})}
	go func() {
		for m.isServer(pid) {
			time.Sleep(20 * time.Millisecond)
		}
		close(p.gone)
	}()
	return p, nil
}

// isServer reports whether process pid is the server of this data: its working directory is the data.
func (m postmaster) isServer(pid int) bool {
	if runtime.GOOS != "linux" {
		out, err := exec.Command("ps", "-o", "comm=", "-p", strconv.Itoa(pid)).Output()
		return err == nil && strings.Contains(string(out), "postgres")
	}
	proc := fmt.Sprintf("/proc/%d/", pid)
	comm, err := os.ReadFile(proc + "comm")
	if err != nil || strings.TrimSpace(string(comm)) != "postgres" {
		return false
	}
	cwd, err1 := os.Stat(proc + "cwd") // a zombie has none
	data, err2 := os.Stat(m.data)
	return err1 == nil && err2 == nil && os.SameFile(cwd, data)
}

// spawn starts the server as a child. Its log begins at the byte from.
func (m postmaster) spawn() (p *process, from int64, err error) {
	if info, err := os.Stat(m.log); err == nil && info.Size() > largestLog {
		os.Rename(m.log, m.log+".old")
	}
	log, err := m.open(m.log, os.O_WRONLY|os.O_APPEND)
	if err != nil {
		return nil, 0, err
	}
	defer log.Close()
	if info, err := log.Stat(); err == nil {
		from = info.Size()
	}
	args := []string{"-D", m.data}
	for _, s := range m.settings() {
		args = append(args, "-c", s)
	}
	// A kill -9 of the keeper becomes a clean shutdown of the server.
	cmd := m.command("postgres", syscall.SIGINT, args...)
	cmd.Stdout, cmd.Stderr = log, log
	p = &process{gone: make(chan struct{})}
	pid, done := run(cmd)
	p.pid = pid
	if pid == 0 {
		return nil, 0, fault.New(fault.Conflict, "database-not-started", "PostgreSQL did not start on %s. It says: %s", m.data, (<-done).Error())
	}
	go func() {
		<-done
		close(p.gone)
	}()
	return p, from, nil
}

// command is one of PostgreSQL's programs. Of the caller's environment it gets only where programs and libraries are: PG*,
// LC_* and LANG would change what it does, and our secrets are none of its business.
func (m postmaster) command(name string, whenOrphaned syscall.Signal, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(m.bin.dir, name), args...)
	cmd.Dir = "/"
	cmd.Env = []string{}
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH"} {
		if v, set := os.LookupEnv(name); set {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: m.credential()}
	dieWithParent(cmd.SysProcAttr, whenOrphaned)
	return cmd
}

// run starts cmd and waits for it on one thread, since it is the thread's end that counts as the parent's. The pid is 0
// when it could not be started; done then says why.
func run(cmd *exec.Cmd) (pid int, done <-chan error) {
	started, ended := make(chan int), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			ended <- err
			started <- 0
			return
		}
		started <- cmd.Process.Pid
		ended <- cmd.Wait()
	}()
	return <-started, ended
}

// answers waits until p takes connections; it fails when p ends.
func (m postmaster) answers(ctx context.Context, p *process) error {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		try, cancel := context.WithTimeout(ctx, time.Second)
		conn, err := pgx.Connect(try, m.url())
		if err == nil {
			conn.Close(try)
			cancel()
			return nil
		}
		cancel()
		select {
		case <-p.gone:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// stop ends p and waits for it.
func (p *process) stop() {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		syscall.Kill(p.pid, sig)
		select {
		case <-p.gone:
			return
		case <-time.After(stopPatience):
		}
	}
}

// logged is what stands in the log after its first from bytes.
func (p place) logged(from int64) []byte {
	b, err := os.ReadFile(p.log)
	if err != nil || int64(len(b)) < from {
		return b
	}
	return b[from:]
}

// tail is the last lines of an output, on one line.
func tail(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	lines = lines[max(0, len(lines)-5):]
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, " / ")
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
