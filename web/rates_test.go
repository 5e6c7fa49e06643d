package web_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"cho40/internal/postgres"
	registry "cho40/vendor_registry"
	"cho40/web"

	"github.com/jackc/pgx/v5/pgxpool"
)

// process is a service on a database that others share.
type process struct {
	http.Handler
	rates *web.Rates
	db    *pgxpool.Pool
}

func startProcess(db *pgxpool.Pool, now func() time.Time, keyRate int) process {
	p := process{rates: web.NewRates(now), db: db}
	p.Handler = web.Handler(web.Config{DB: db, Now: now, Log: slog.New(slog.NewJSONHandler(io.Discard, nil)), KeyRate: keyRate, Rates: p.rates})
	return p
}

// let is how many of n requests that a stranger, or whoever has a key, makes in a row are let through.
func (p process) let(t *testing.T, n int, address, key string) (through int) {
	t.Helper()
	for range n {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/session", nil)
		if address != "" {
			r.RemoteAddr = address + ":4000"
		}
		if key != "" {
			r = httptest.NewRequest(http.MethodGet, "/api/v1/markets", nil)
			r.Header.Set("Authorization", "Bearer "+key)
		}
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		switch w.Code {
		case http.StatusTooManyRequests:
			if w.Header().Get("Retry-After") == "" {
				t.Error("nothing says when to come again")
			}
		case http.StatusOK, http.StatusUnauthorized:
			through++
		default:
			t.Fatalf("answered %d: %s", w.Code, w.Body)
		}
	}
	return through
}

func (p process) share(t *testing.T) {
	t.Helper()
	if err := p.rates.Share(t.Context(), p.db); err != nil {
		t.Fatal(err)
	}
}

// What processes on one database let through together is what one may, give or take what was asked since they told each other.
func TestRatesOfSeveralProcesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, _, err := w.auth.AddKey(t.Context(), registry.Console(), "accounts", []registry.Grant{{Role: registry.Officer, Kind: registry.OverAll}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b := startProcess(w.db, w.clock.now, 60), startProcess(w.db, w.clock.now, 60)
	check := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d let through, want %d", what, got, want)
		}
	}
	check("a minute's worth at once", a.let(t, 50, "", key), 50)
	a.share(t)
	check("of another before it asked the record", b.let(t, 1, "", key), 1)
	b.share(t)
	check("what is left, of another", b.let(t, 20, "", key), 9)
	b.share(t)
	check("not told yet", a.let(t, 3, "", key), 3)
	a.share(t)
	check("nothing is left", a.let(t, 20, "", key), 0)
	w.clock.pass(10 * time.Second)
	check("ten seconds of it came back, less what was too much", a.let(t, 20, "", key), 7)
	a.share(t)
	w.clock.pass(2 * time.Minute)
	check("all of it came back", b.let(t, 80, "", key), 60)
	b.share(t)

	check("strangers", a.let(t, 20, "192.0.2.7", ""), 20)
	a.share(t)
	check("a stranger at the next door", b.let(t, 1, "192.0.2.7", ""), 1)
	b.share(t)
	check("a stranger at the next door", b.let(t, 20, "192.0.2.7", ""), 9)
	check("another address", b.let(t, 31, "192.0.2.8", ""), 30)

	rows, err := postgres.All[string](t.Context(), w.db, `SELECT who FROM request_rates`, nil)
	if err != nil || len(rows) == 0 {
		t.Fatalf("%q, %v", rows, err)
	}
	for _, who := range rows {
		if len(who) != 64 {
			t.Errorf("the record says of whom: %q", who)
		}
	}
	b.share(t)
	w.clock.pass(2 * time.Minute)
	b.share(t) // nobody asked
	if rows, err = postgres.All[string](t.Context(), w.db, `SELECT who FROM request_rates`, nil); err != nil || len(rows) != 0 {
		t.Errorf("of those who asked nothing for long: %q, %v", rows, err)
	}
}

// A clock that is set back, here or where another process runs, keeps nobody out for longer than a minute.
func TestRatesWhenAClockIsSetBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ahead := func() time.Time { return w.clock.now().Add(time.Hour) }
	a, b := startProcess(w.db, w.clock.now, 60), startProcess(w.db, ahead, 60)
	b.let(t, 1, "192.0.2.1", "")
	b.share(t)
	a.let(t, 1, "192.0.2.1", "")
	a.share(t)
	if got := a.let(t, 5, "192.0.2.1", ""); got != 0 {
		t.Errorf("%d let through beside a clock that is an hour ahead", got)
	}
	w.clock.pass(time.Minute + 4*time.Second)
	if got := a.let(t, 5, "192.0.2.1", ""); got != 2 {
		t.Errorf("%d let through a minute later, want 2", got)
	}
	a.let(t, 1, "192.0.2.2", "")
	w.clock.pass(-time.Hour)
	if got := a.let(t, 5, "192.0.2.2", ""); got != 0 {
		t.Errorf("%d let through once the clock is an hour back", got)
	}
	w.clock.pass(time.Minute + 4*time.Second)
	if got := a.let(t, 5, "192.0.2.2", ""); got != 2 {
		t.Errorf("%d let through a minute later, want 2", got)
	}
}

// Processes that share at once wait for each other and not in a ring; while the database is away each counts for itself, and tells later.
func TestRatesSharedTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all []process
	for range 4 {
		p := startProcess(w.db, w.clock.now, 60)
		for n := range 20 {
			p.let(t, 2, fmt.Sprintf("192.0.2.%d", n), "")
		}
		all = append(all, p)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := all[0].rates.Share(gone, w.db); err == nil {
		t.Error("shared with nobody, and no error")
	}
	var running sync.WaitGroup
	for _, p := range all {
		running.Go(func() {
			if err := p.rates.Share(t.Context(), p.db); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	for _, p := range all {
		p.let(t, 1, "192.0.2.3", "")
	}
	for _, p := range all {
		p.share(t)
	}
	until, err := postgres.One[time.Time](t.Context(), w.db, `SELECT max(until) FROM request_rates`, nil)
	if used := until.Sub(w.clock.now()); err != nil || used != 12*2*time.Second {
		t.Errorf("twelve requests of thirty a minute use up %s, %v", used, err)
	}
}
