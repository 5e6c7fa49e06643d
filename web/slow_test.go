package web_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/postgres/pgtest"
	"cho40/web"

	"github.com/jackc/pgx/v5/pgxpool"
)

// wire is the way to a database that grows silent: from a number of answers on nothing of what it says comes through.
type wire struct {
	mu      sync.Mutex
	heard   int // answers since it was last told
	at      int // the first one that does not come; 0: all come
	silence chan struct{}
}

// silent lets n-1 more answers through; 0: all.
func (l *wire) silent(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.silence != nil {
		close(l.silence)
	}
	l.heard, l.at, l.silence = 0, n, make(chan struct{})
}

// broke reports whether an answer was held back.
func (l *wire) broke() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at > 0 && l.heard >= l.at
}

func (l *wire) pass(answers int) (wait <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heard += answers; l.at > 0 && l.heard >= l.at {
		return l.silence
	}
	return nil
}

// ready counts the answers in what a database says: each ends in a message that it is ready for the next question. How many pieces they come in is chance.
type ready struct {
	head []byte // of a message whose length did not come yet
	left int    // bytes of a message that did not come yet
}

func (r *ready) count(said []byte) (answers int) {
	for len(said) > 0 {
		skip := min(r.left, len(said))
		r.left, said = r.left-skip, said[skip:]
		if len(said) > 0 {
			r.head, said = append(r.head, said[0]), said[1:]
		}
		if len(r.head) == 5 {
			if r.head[0] == 'Z' {
				answers++
			}
			r.left, r.head = int(binary.BigEndian.Uint32(r.head[1:]))-4, r.head[:0]
		}
	}
	return answers
}

// pool is one on the database of t behind the wire.
func (l *wire) pool(t *testing.T, at string) *pgxpool.Pool {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(at)
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxConns = 2
	cfg.ConnConfig.TLSConfig, cfg.ConnConfig.Fallbacks = nil, nil // what is said must be heard
	dial := cfg.ConnConfig.DialFunc
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		server, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		ours, theirs := net.Pipe()
		carry := func(from, to net.Conn, pass func(said []byte) <-chan struct{}) {
			defer from.Close()
			defer to.Close()
			for b := make([]byte, 64<<10); ; {
				n, err := from.Read(b)
				if err != nil {
					return
				}
				if wait := pass(b[:n]); wait != nil {
					<-wait
				}
				if _, err := to.Write(b[:n]); err != nil {
					return
				}
			}
		}
		var heard ready
		go carry(theirs, server, func([]byte) <-chan struct{} { return nil })
		go carry(server, theirs, func(said []byte) <-chan struct{} { return l.pass(heard.count(said)) })
		return ours, nil
	}
	db, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// TestSilentDatabase lets one answer of the database after the other stay away, the one to the commit too. Whoever registers is asked to come
// again, and who comes again with the same key finds one stall, whether or not the first time went through.
func TestSilentDatabase(t *testing.T) {
	t.Parallel()
	at := pgtest.URL(t)
	w := newWorldOn(t, mustOpen(t, at))
	sign := w.as("clerk key")
	l := &wire{}
	t.Cleanup(func() { l.silent(0) })
	pool, within := l.pool(t, at), 120*time.Millisecond
	answering := func() http.Handler {
		return web.Handler(web.Config{DB: pool, Now: w.clock.now, Log: slog.New(slog.NewJSONHandler(w.log, nil)), Within: within, KeyRate: 1 << 20})
	}
	far := answering()
	register := func(h http.Handler, n int) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, near+"/stalls", strings.NewReader(fmt.Sprintf(`{"code":"N-%d","vendor":{"name":"Lý Minh Tâm"},
			"accounts":[{"provider":"viettel_money","number":"07123%05d"}],"consent":{"version":"vi-1","given":"face_to_face"}}`, n, n)))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", fmt.Sprint("silent-", n))
		sign(r)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		return rec
	}
	n, replayed := 0, 0
	for answer, held := 1, true; held; n++ {
		l.silent(answer)
		rec := register(far, n)
		held = l.broke()
		l.silent(0)
		late := !held && rec.Code == http.StatusServiceUnavailable // too long for a busy machine, and the answer in question was never waited for
		if held != (rec.Code == http.StatusServiceUnavailable) && !late || !held && !late && rec.Code != http.StatusCreated || held && rec.Header().Get("Retry-After") == "" {
			t.Fatalf("answer %d of the database held back: %v, and the client hears %d, Retry-After %q: %s", answer, held, rec.Code, rec.Header().Get("Retry-After"), rec.Body)
		}
		rec = register(w.h, n)
		for range 100 { // the database has not noticed yet that the first one has gone
			if rec.Code != http.StatusConflict {
				break
			}
			time.Sleep(20 * time.Millisecond)
			rec = register(w.h, n)
		}
		if rec.Code != http.StatusCreated {
			t.Fatalf("the same again: %d %s", rec.Code, rec.Body)
		}
		if late {
			if within = within * 3 / 2; within > 20*time.Second {
				t.Fatal("nothing is done in time here")
			}
			far, held = answering(), true
			continue
		}
		answer++
		if rec.Header().Get("Idempotency-Replayed") == "true" {
			replayed++
		}
	}
	if got := w.count(`SELECT count(*) FROM stalls WHERE code LIKE 'N-%'`); got != n || n < 10 {
		t.Errorf("%d stalls of %d", got, n)
	}
	if got := w.count(`SELECT count(*) FROM accounts WHERE number LIKE '07123%'`); got != n {
		t.Errorf("%d accounts of %d", got, n)
	}
	if replayed != 2 { // when the answer to the commit stayed away, and when nothing did
		t.Errorf("%d of %d were done by the first attempt", replayed, n)
	}
}

// TestLockedTable: who waits for what somebody else holds is asked to come again before long.
func TestLockedTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	held, err := w.owner().Begin(t.Context())
	if err == nil {
		_, err = held.Exec(t.Context(), `LOCK TABLE market_now IN ACCESS EXCLUSIVE MODE`)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := step{as: "clerk key", do: "POST " + near + "/stalls", body: tamStall, header: []string{"Idempotency-Key", "locked"}, status: 503, want: []string{"/problems/unavailable"}}
	if a := w.take(t, s); a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if err := held.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.count(`SELECT count(*) FROM stalls WHERE code = 'A-12'`); n != 0 {
		t.Error("half of the stall is there")
	}
	s.status, s.want = 201, nil
	w.take(t, s)
}
