package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// ReplicaWithin is how far a replica may be behind before the main server is read instead.
	ReplicaWithin = 30 * time.Second

	lagEvery = 2 * time.Second  // how long what was found of it is believed
	lagWait  = 2 * time.Second  // how long it may take to say
	silent   = 30 * time.Second // how long one that did not say is left alone: whoever asks it waits
)

// ErrBehind is of a replica that is no use now: too far behind, or a server of its own by now.
var ErrBehind = errors.New("postgres: the replica is behind")

// Replica is a server that follows the main one, for reading what may be some seconds old.
type Replica struct {
	pool, main *pgxpool.Pool

	mu    sync.Mutex
	asked time.Time
	age   time.Duration
	err   error
}

// OpenReplica makes a pool on the replica at url of the server that main is a pool on. A replica that does not answer is no fault: it is tried
// again when it is wanted.
//
// Faults: Invalid database-url.
func OpenReplica(ctx context.Context, url string, main *pgxpool.Pool) (*Replica, error) {
	pool, _, err := newPool(ctx, url)
	if err != nil {
		return nil, err
	}
	return &Replica{pool: pool, main: main}, nil
}

// Close lets go of the replica.
func (r *Replica) Close() { r.pool.Close() }

// Reader is the replica, and how old what it says may be at most. An error says that the main server should be read; it is ErrBehind or that of
// a server that does not answer.
func (r *Replica) Reader(ctx context.Context) (*pgxpool.Pool, time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	since, believed := time.Since(r.asked), lagEvery
	if r.err != nil && !errors.Is(r.err, ErrBehind) {
		believed = silent
	}
	if since > believed {
		r.age, r.err = r.lag(ctx)
		if ctx.Err() == nil { // a caller who left says nothing about the server
			r.asked = time.Now()
		}
		since = 0
	}
	if r.err == nil && r.age+since > ReplicaWithin {
		return nil, r.age + since, ErrBehind
	}
	return r.pool, r.age + since, r.err
}

// lag asks the main server how far it is, then the replica whether it is there. The replica alone cannot know: one that is cut off has
// applied all that it got.
func (r *Replica) lag(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, lagWait)
	defer cancel()
	var at, started string
	if err := r.main.QueryRow(ctx, `SELECT pg_current_wal_lsn()::text, pg_postmaster_start_time()::text`).Scan(&at, &started); err != nil {
		return 0, err
	}
	var follows, same, there bool
	var age *float64
	if err := r.pool.QueryRow(ctx, `
		SELECT pg_is_in_recovery(), pg_postmaster_start_time()::text = $2, coalesce(pg_last_wal_replay_lsn() >= $1::text::pg_lsn, false),
		       extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8`, at, started).Scan(&follows, &same, &there, &age); err != nil {
		return 0, err
	}
	switch {
	case same, follows && there:
		return 0, nil
	case !follows, age == nil: // it was made a main server itself, or has not seen a commit since it started
		return 0, ErrBehind
	}
	return max(0, time.Duration(*age*float64(time.Second))), nil
}
