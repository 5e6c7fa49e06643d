//go:build unix

package postgres

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"

	"cho40/internal/fault"
)

// keeperName is the name under which the program starts itself as a keeper. Nobody types the name a process is
// started under, so it cannot meet a command's own arguments.
const keeperName = "cho40-keeper"

const (
	keeperGrace  = 10 * time.Second       // for the first user to come
	retryPause   = time.Second            // after a server that would not start again
	parentPause  = 200 * time.Millisecond // between looks at the process a throwaway server lives for
	longestQuiet = 10 * time.Minute       // of a throwaway server without users, whatever that process does
)

// The keeper is the same binary, whichever imports this package, tests included: so this is where it branches off.
func init() {
	if os.Args[0] != keeperName || len(os.Args) != 3 {
		return
	}
	// Ctrl-C and a service manager's signals are for the commands; the keeper ends when they have. Caught and not ignored,
	// since what is ignored stays so in the server.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	while, err := strconv.Atoi(os.Args[2])
	if err == nil {
		err = keep(os.Args[1], while)
	}
	if err != nil { // before there was a socket to say it on
		json.NewEncoder(os.Stdout).Encode(newReply(err))
	}
	os.Exit(0)
}

// startKeeper starts a keeper for dir, detached, and returns when it listens or has found another at work.
// While is the process that a throwaway server lives for, 0 for a real one.
func startKeeper(ctx context.Context, dir string, while int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if runtime.GOOS == "linux" {
		self = "/proc/self/exe" // also when a new build has taken the file's place
	}
	cmd := exec.Command(self)
	cmd.Args = []string{keeperName, dir, strconv.Itoa(while)}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the database's keeper: %w", err)
	}
	said := make(chan error, 1)
	go func() {
		var r reply
		if err := json.NewDecoder(out).Decode(&r); err == nil { // silence is good news
			said <- r.err()
		}
		close(said)
		cmd.Wait()
	}()
	select {
	case err := <-said:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reply is the keeper's one line to a user.
type reply struct {
	Kind         fault.Kind
	Code, Format string // both empty: the server answers
	Args         []string
	Cause        string
}

func newReply(err error) reply {
	if err == nil {
		return reply{}
	}
	f, ok := fault.As(err)
	if !ok {
		f = fault.New(fault.Conflict, "database-not-started", "The embedded database did not start: %s", err.Error())
	}
	r := reply{Kind: f.Kind, Code: f.Code, Format: f.Detail.Format}
	for _, a := range f.Detail.Args {
		r.Args = append(r.Args, fmt.Sprint(a))
	}
	if cause := errors.Unwrap(f); cause != nil {
		r.Cause = cause.Error()
	}
	return r
}

func (r reply) err() error {
	if r.Code == "" {
		return nil
	}
	args := make([]any, len(r.Args))
	for i, a := range r.Args {
		args[i] = a
	}
	f := fault.New(r.Kind, r.Code, r.Format, args...)
	if r.Cause != "" {
		f.Because(errors.New(r.Cause))
	}
	return f
}

// keeper runs one server for as long as somebody uses it.
type keeper struct {
	m    postmaster
	last context.Context // done when the last user has gone
	end  context.CancelFunc

	mu    sync.Mutex
	users int
	state chan struct{} // closed when it is known how the start went; made anew at the next
	err   error         // how it went
}

// keep is the keeper's life. It returns nil, too, when there is a keeper already.
func keep(dir string, while int) error {
	p, err := placeAt(dir)
	if err != nil {
		return err
	}
	who, err := accountFor(p.data)
	if err != nil {
		return err
	}
	if err := p.make(who); err != nil {
		return err
	}
	lock, err := who.open(p.lock, os.O_RDWR)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil
		}
		return unusable(p.lock, err)
	}
	lock.Truncate(0)
	fmt.Fprintln(lock, os.Getpid()) // for people; the lock itself is what counts
	if log, err := who.open(p.log, os.O_WRONLY|os.O_APPEND); err == nil {
		debug.SetCrashOutput(log, debug.CrashOptions{})
		log.Close()
	}
	if err := who.ownFolder(p.run); err != nil {
		return err
	}
	os.Remove(p.keeperSocket()) // of a keeper that was killed
	listener, err := net.Listen("unix", p.keeperSocket())
	if err != nil {
		return unusable(p.run, err)
	}
	os.Stdout.Close() // whoever started us may go on

	k := &keeper{m: postmaster{place: p, account: who, throwaway: while != 0}, state: make(chan struct{})}
	k.last, k.end = context.WithCancel(context.Background())
	k.users = 1 // ourselves, until somebody is there or nobody came
	settled := func() {}
	if while == 0 {
		settled = sync.OnceFunc(k.leave)
		time.AfterFunc(keeperGrace, settled)
	} else {
		go k.stayWith(while)
	}
	go k.accept(listener, settled)
	k.run()
	os.Remove(p.run) // empty, unless the server did not stop
	if while != 0 {
		os.RemoveAll(p.dir)
	}
	return nil // the lock and the connections of those who wait for the end go with the process
}

// run starts the server, again and again if need be, until the last user has gone.
func (k *keeper) run() {
	for {
		p, err := k.start()
		k.announce(err)
		if err != nil {
			if sleep(k.last, retryPause) != nil {
				return
			}
		} else {
			select {
			case <-k.last.Done():
				p.stop()
				return
			case <-p.gone:
			}
		}
		k.mu.Lock()
		k.state = make(chan struct{})
		k.mu.Unlock()
	}
}

func (k *keeper) start() (*process, error) {
	var err error
	if k.m.bin, err = findBinaries(k.m.data); err != nil {
		return nil, err
	}
	if err := k.m.mayPass(k.m.bin.dir); err != nil {
		return nil, err
	}
	if err := k.m.initialize(k.last); err != nil {
		return nil, err
	}
	return k.m.start(k.last)
}

func (k *keeper) announce(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
	close(k.state)
}

// accept takes users until the last has gone, and says when one has settled.
func (k *keeper) accept(l net.Listener, settled func()) {
	stop := context.AfterFunc(k.last, func() { l.Close() }) // which removes the socket, still under the lock
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			if k.last.Err() != nil {
				return
			}
			time.Sleep(10 * time.Millisecond) // out of descriptors
			continue
		}
		if !k.join() {
			conn.Close() // too late: they start a new keeper
			continue
		}
		settled()
		go k.serve(conn)
	}
}

// serve is one user's stay: a line when the server answers, and then silence until they leave or are killed.
func (k *keeper) serve(conn net.Conn) {
	left := make(chan bool, 1)
	go func() {
		line, _ := bufio.NewReader(conn).ReadString('\n')
		left <- line == "leave\n"
	}()
	k.mu.Lock()
	state := k.state
	k.mu.Unlock()
	var polite bool
	select {
	case polite = <-left:
	case <-state:
		k.mu.Lock()
		err := k.err
		k.mu.Unlock()
		conn.SetWriteDeadline(time.Now().Add(time.Second))
		json.NewEncoder(conn).Encode(newReply(err)) // the reader sees it if they are gone
		polite = <-left
	}
	if k.leave(); polite && k.last.Err() != nil {
		return // they were the last and want to know when the server has stopped: when this process ends
	}
	conn.Close()
}

func (k *keeper) join() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.last.Err() != nil {
		return false
	}
	k.users++
	return true
}

func (k *keeper) leave() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.users--; k.users == 0 {
		k.end()
	}
}

// stayWith keeps a throwaway server while a process lives. A shell from which tests are started by hand may live for
// days, so it ends after a long quiet too.
func (k *keeper) stayWith(pid int) {
	quiet := time.Duration(0)
	for alive(pid) && quiet < longestQuiet {
		time.Sleep(parentPause)
		k.mu.Lock()
		if quiet += parentPause; k.users > 1 {
			quiet = 0
		}
		k.mu.Unlock()
	}
	k.leave()
}

// alive reports whether a process exists and is no zombie.
func alive(pid int) bool {
	if runtime.GOOS == "linux" {
		_, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
		return err == nil || errors.Is(err, os.ErrPermission)
	}
	return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}
