//go:build storm

package main_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// How much happens in a storm at full, see `make storm`.
const (
	stormStalls    = 2000
	stormKills     = 50
	stormCrashes   = 25
	replacedStalls = 2000
)

// The disk that everything lies on fills up while people register. They are asked to come again, and what they do once there is room is there once.
// Linux, and root, who may mount a small disk.
func TestFullDisk(t *testing.T) {
	dir, err := os.MkdirTemp("/var/tmp", "cho40-disk-")
	if err == nil {
		err = syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256m,mode=0755")
	}
	if err != nil {
		t.Fatalf("a small disk cannot be mounted: %v", err)
	}
	data := filepath.Join(dir, "data")
	t.Cleanup(func() {
		eventually(t, "the database has gone", func() bool {
			_, err := postmasterOf(data)
			return errors.Is(err, os.ErrNotExist) && syscall.Unmount(dir, 0) == nil
		})
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	p := program{TB: t, data: data, env: environment(t, "CHO40_DATA="+data)}
	var svc *service
	c := newCrowd(t, p, 3000, 32, func() string { return svc.url })
	svc = p.serve(storming...)
	c.come(false)
	c.until(300)
	ballast := filepath.Join(dir, "ballast")
	fill := func() {
		f, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for size := 1 << 20; size >= 4096; {
			if _, err := f.Write(make([]byte, size)); err != nil {
				size /= 2
			}
		}
	}
	fill()
	full := time.Now()
	eventually(t, "somebody is asked to come again", func() bool { return c.busy.Load()+c.cut.Load() >= 200 })
	fill() // what the database gave up in vain
	copied := filepath.Join(dir, "copy.backup")
	if a := p.run("", "backup", copied); a.code != 1 || a.stderr == "" {
		t.Errorf("a copy onto the full disk: exit %d, %s", a.code, a.stderr)
	} else {
		t.Logf("a copy onto the full disk: %s", a.stderr)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*copy.backup*")); err != nil || len(left) > 0 {
		t.Errorf("of the copy there is left %v, %v", left, err)
	}
	done := c.acknowledged.Load()
	t.Logf("full for %v, %d stalls went in meanwhile or before", time.Since(full).Round(time.Millisecond), done)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	room := time.Now()
	c.until(int(done) + 1)
	t.Logf("the next stall went in %v after there was room", time.Since(room).Round(time.Millisecond))
	c.leave()
	c.counted(p)
	svc.stop()
}

// slowWay leads over TCP to a database, each of whose answers takes a while, or does not come at all while it is held.
type slowWay struct {
	net.Listener
	to    string // the database's socket
	delay atomic.Int64

	mu   sync.Mutex
	free chan struct{} // nil while nothing is held
}

func (s *slowWay) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = make(chan struct{})
}

func (s *slowWay) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.free)
	s.free = nil
}

func (s *slowWay) serve() {
	for {
		client, err := s.Accept()
		if err != nil {
			return
		}
		go func() {
			defer client.Close()
			server, err := net.Dial("unix", s.to)
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				defer server.Close()
				_, _ = io.Copy(server, client)
			}()
			for b := make([]byte, 64<<10); ; {
				n, err := server.Read(b)
				if err != nil {
					return
				}
				time.Sleep(time.Duration(s.delay.Load()))
				s.mu.Lock()
				held := s.free
				s.mu.Unlock()
				if held != nil {
					<-held
				}
				if _, err := client.Write(b[:n]); err != nil {
					return
				}
			}
		}()
	}
}

// The database is far away, and then silent for longer than anybody waits. Everybody is told so in time, and nothing is lost or done twice.
func TestSlowDatabase(t *testing.T) {
	home := newProgram(t)
	server, err := postgres.Start(context.Background(), home.data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before its folder goes
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	cfg, err := pgx.ParseConfig(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	way := &slowWay{Listener: listener, to: filepath.Join(cfg.Host, ".s.PGSQL.5432")}
	t.Cleanup(func() { way.Close() })
	go way.serve()
	p := program{TB: t, env: environment(t, "DATABASE_URL=postgres://"+cfg.User+"@"+listener.Addr().String()+"/"+cfg.Database+"?sslmode=disable")}
	p.must("migrate")
	var svc *service
	c := newCrowd(t, p, 1000, 64, func() string { return svc.url })
	svc = p.serve(storming...)
	way.delay.Store(int64(5 * time.Millisecond))
	c.come(false)
	c.until(200)
	way.hold()
	time.Sleep(45 * time.Second)
	held := time.Duration(c.slowest.Load())
	t.Logf("the database was silent for 45 s; the longest that anybody waited for an answer was %v, %d were asked to come again", held.Round(time.Millisecond), c.busy.Load())
	if held > 40*time.Second || c.busy.Load() == 0 {
		t.Errorf("nobody was told in time: %v, %d", held, c.busy.Load())
	}
	was := c.acknowledged.Load()
	way.release()
	began := time.Now()
	c.until(int(was) + 1)
	t.Logf("the next stall went in %v after it spoke again", time.Since(began).Round(time.Millisecond))
	way.delay.Store(0)
	c.leave()
	c.counted(p)
	svc.stop()
}
