//go:build unix

package postgres

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"sync"
	"time"

	"cho40/internal/fault"
)

const (
	// readyPatience is how long Start waits for the server; recovery after a crash may take that long.
	readyPatience = 60 * time.Second
	// leavePatience is more than the keeper takes to stop the server, SIGQUIT included.
	leavePatience = 2*stopPatience + 5*time.Second
)

// Server is one program's use of the embedded server. While it lasts, a server that dies comes back at the same URL.
type Server struct {
	place
	while  int
	ctx    context.Context // until Stop
	cancel context.CancelFunc
	done   chan struct{} // closed when watch has ended

	mu   sync.Mutex
	conn net.Conn
}

// Start runs PostgreSQL on the folder dir, or attaches to the server that runs there, and returns when it answers.
// The folder is made when it does not exist; one that another major version made is left as it is. Ctx bounds the
// start only.
//
// Faults: NotFound postgres-missing; Invalid pg-bin; Conflict postgres-version, data-folder, data-owner,
// folder-closed, database-not-made, database-not-started, database-taken; Busy database-slow, disk-full.
func Start(ctx context.Context, dir string) (*Server, error) { return start(ctx, dir, 0) }

// StartThrowaway is Start for tests: nothing is synced to disk, and server and folder go when process while has gone.
func StartThrowaway(ctx context.Context, dir string, while int) (*Server, error) {
	return start(ctx, dir, while)
}

func start(ctx context.Context, dir string, while int) (*Server, error) {
	p, err := placeAt(dir)
	if err != nil {
		return nil, err
	}
	s := &Server{place: p, while: while, done: make(chan struct{})}
	if err := s.attach(ctx); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	go s.watch()
	return s, nil
}

// URL is the server's address, for Open and Connect.
func (s *Server) URL() string { return s.url() }

// attach becomes a user of the folder's keeper, starting one when there is none.
func (s *Server) attach(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyPatience, fault.New(fault.Busy, "database-slow",
		"The database in %s does not answer yet. After a crash it may need minutes to recover; try again. Its log is %s.", s.data, s.log))
	defer cancel()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", s.keeperSocket())
		switch {
		case err == nil:
			r, err := await(ctx, conn)
			if err == nil && r.err() == nil {
				s.mu.Lock()
				s.conn = conn
				s.mu.Unlock()
				return nil
			}
			conn.Close()
			if err == nil {
				return r.err()
			}
			// The keeper was just leaving, or was killed.
		case errors.Is(err, fs.ErrPermission):
			return unusable(s.run, fs.ErrPermission)
		case ctx.Err() == nil:
			if err := startKeeper(ctx, s.dir, s.while); err != nil && ctx.Err() == nil {
				return err
			}
		}
		if sleep(ctx, pause) != nil {
			return context.Cause(ctx)
		}
	}
}

// await reads the keeper's line.
func await(ctx context.Context, conn net.Conn) (r reply, err error) {
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := bufio.NewReader(conn).ReadBytes('\n')
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(line, &r)
}

// watch notices that the keeper has gone, and gets another.
func (s *Server) watch() {
	defer close(s.done)
	for {
		s.mu.Lock()
		conn := s.conn
		s.mu.Unlock()
		io.Copy(io.Discard, conn)
		conn.Close()
		if s.ctx.Err() != nil {
			return
		}
		slog.Warn("the embedded database's keeper was killed; starting another", "folder", s.dir)
		for {
			err := s.attach(s.ctx)
			if err == nil {
				break
			}
			if s.ctx.Err() != nil {
				return
			}
			slog.Error("the embedded database does not start", "error", err)
			if sleep(s.ctx, retryPause) != nil {
				return
			}
		}
		if s.ctx.Err() != nil { // Stop came while there was nobody to say it to
			s.mu.Lock()
			s.conn.Close()
			s.mu.Unlock()
			return
		}
	}
}

// Stop ends this program's use; close the pools first. The last one to leave stops the server, and Stop then returns when
// it has stopped. It may be called twice.
func (s *Server) Stop() error {
	s.cancel()
	s.mu.Lock()
	io.WriteString(s.conn, "leave\n") // a connection that is closed already has left
	s.mu.Unlock()
	select {
	case <-s.done:
		return nil
	case <-time.After(leavePatience):
		s.mu.Lock()
		defer s.mu.Unlock()
		s.conn.Close()
		return fault.New(fault.Busy, "database-slow", "The database in %s has not stopped yet. Its log is %s.", s.data, s.log)
	}
}
