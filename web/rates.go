package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"sync"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Requests a minute (SECURITY section 8).
const (
	publicRate = 30
	personRate = 300
	keyRate    = 600
)

// ShareEvery is how soon the processes of a service tell each other what they let through. For so long somebody who asks all of them at once is
// let through by each.
const ShareEvery = 2 * time.Second

// mostAhead is how far ahead an allowance is used up at most. A minute is what one may; the other is what several processes let through at once, which
// has to be waited for. Whatever is further ahead was left by a clock that was set back.
const mostAhead = 2 * time.Minute

// Rates bounds how many requests people, keys and addresses make in a minute: a minute's allowance may be used at once and comes back evenly. Each process
// counts what it lets through, and Share brings that together, so that no request waits for a write.
type Rates struct {
	now   func() time.Time
	mu    sync.Mutex
	seen  map[string]*spent
	swept time.Time
	told  time.Time // when something was told last
}

// spent is until when what somebody asked uses up what they may ask, and for how much of that no other process knows of it.
type spent struct {
	until  time.Time
	untold time.Duration
}

// NewRates is rates at which nobody has asked anything yet.
func NewRates(now func() time.Time) *Rates {
	return &Rates{now: now, seen: map[string]*spent{}, swept: now()}
}

// allow takes one request of a minute's allowance. Faults: TooMany too-many-requests.
func (r *Rates) allow(who string, perMinute int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if now.Sub(r.swept) > time.Minute {
		maps.DeleteFunc(r.seen, func(_ string, s *spent) bool { return now.Sub(s.until) > time.Minute })
		r.swept = now
	}
	s, ok := r.seen[who]
	if !ok {
		s = &spent{}
		r.seen[who] = s
	}
	if s.until.Sub(now) > mostAhead {
		s.until = now.Add(mostAhead)
	}
	each := time.Minute / time.Duration(perMinute)
	until := later(s.until, now).Add(each)
	if wait := until.Sub(now) - time.Minute; wait > 0 {
		return fault.New(fault.TooMany, "too-many-requests", "These are more than %d requests in a minute. Wait a little.", perMinute).After(wait)
	}
	s.until, s.untold = until, s.untold+each
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Share tells the other processes on a database what this one let through, and learns from them of whoever asked here since it was called last. What could
// not be told is told the next time.
func (r *Rates) Share(ctx context.Context, db postgres.DB) error {
	now := r.now()
	told := r.take(now)
	if len(told) == 0 && now.Sub(r.told) > mostAhead+ShareEvery { // all that was told is forgotten
		return nil
	}
	names, hashes, micros := map[string]string{}, make([]string, 0, len(told)), make([]int64, 0, len(told))
	for who := range told {
		names[veiled(who)] = who
	}
	for _, hash := range slices.Sorted(maps.Keys(names)) { // in one order, so that two processes do not wait for each other
		hashes, micros = append(hashes, hash), append(micros, told[names[hash]].Microseconds())
	}
	b := &pgx.Batch{}
	type row struct {
		Who   string
		Until time.Time
	}
	found := postgres.Ask[row](b, `
		INSERT INTO request_rates AS r (who, until)
		SELECT w.who, @now::timestamptz + w.micros * interval '1 microsecond' FROM unnest(@who::text[], @micros::bigint[]) w (who, micros) ORDER BY 1
		ON CONFLICT (who) DO UPDATE SET until = least(greatest(r.until, @now) + (excluded.until - @now), @most)
		RETURNING who, until`, pgx.StrictNamedArgs{"who": hashes, "micros": micros, "now": now, "most": now.Add(mostAhead)})
	b.Queue(`DELETE FROM request_rates WHERE who = ANY (ARRAY(SELECT who FROM request_rates WHERE until <= @now FOR UPDATE SKIP LOCKED))`, pgx.StrictNamedArgs{"now": now})
	err := db.SendBatch(ctx, b).Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		for who, d := range told {
			if s, ok := r.seen[who]; ok {
				s.untold += d
			}
		}
		return err
	}
	for _, f := range *found {
		if s, ok := r.seen[names[f.Who]]; ok {
			s.until = later(s.until, f.Until.Add(s.untold))
		}
	}
	return nil
}

// take is what was let through and not told.
func (r *Rates) take(now time.Time) map[string]time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	told := map[string]time.Duration{}
	for who, s := range r.seen {
		if s.untold >= time.Microsecond {
			told[who], s.untold, r.told = s.untold, 0, now
		}
	}
	return told
}

// veiled stands for a person, a key or an address in the database, where no address stays.
func veiled(who string) string {
	h := sha256.Sum256([]byte("requests of " + who))
	return hex.EncodeToString(h[:])
}
