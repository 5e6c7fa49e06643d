package main

import (
	"context"
	"log/slog"
	"time"

	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// job is work that the service does by itself.
type job struct {
	name  string
	every time.Duration // from one beginning to the next
	run   func(context.Context) error
}

// jobRun is how a job fared last.
type jobRun struct {
	Name      string
	StartedAt time.Time
	EndedAt   *time.Time
	Error     *string
	GoodAt    *time.Time
}

func jobRuns(ctx context.Context, db postgres.Querier) ([]jobRun, error) {
	return postgres.All[jobRun](ctx, db, `SELECT name, started_at, ended_at, error, good_at FROM job_runs ORDER BY name`, nil)
}

const (
	// leaderKey is the advisory lock of the process that does the jobs, of all that serve one database: "cho40" as a number, and one.
	leaderKey = 0x63686f3431
	// leaderEvery is how soon another process takes over, and how often it is looked whether a job is due.
	leaderEvery = 10 * time.Second
)

// leader does the jobs of all processes while it holds the lock, which it loses with its session.
type leader struct {
	direct string // the database, past any proxy: a lock of a session
	db     *pgxpool.Pool
	jobs   []job
	log    *slog.Logger
	now    func() time.Time
}

// lead waits to be the one and then does the jobs, until ctx ends.
func (l leader) lead(ctx context.Context) {
	for ctx.Err() == nil {
		if err := l.term(ctx); err != nil && ctx.Err() == nil {
			l.log.Warn("jobs wait", "error", err)
		}
		pause(ctx, leaderEvery)
	}
}

// term is one session's time as the leader; nil at once when another leads.
func (l leader) term(ctx context.Context) error {
	conn, err := postgres.Connect(ctx, l.direct)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	leads, err := postgres.One[bool](ctx, conn, `SELECT pg_try_advisory_lock(@key)`, pgx.StrictNamedArgs{"key": int64(leaderKey)})
	if err != nil || !leads {
		return err
	}
	l.log.Info("this process does the jobs")
	for {
		if err := within(ctx, leaderEvery, conn.Ping); err != nil { // another may lead by now
			return err
		}
		runs, err := jobRuns(ctx, l.db)
		if err != nil {
			return err
		}
		for _, j := range l.jobs {
			if due(j, runs, l.now()) {
				if err := l.do(ctx, j); err != nil {
					return err
				}
			}
		}
		if !pause(ctx, leaderEvery) {
			return nil
		}
	}
}

// due reports whether a job's time has come. One that was cut off in the middle is due at once.
func due(j job, runs []jobRun, now time.Time) bool {
	for _, r := range runs {
		if r.Name == j.name {
			return r.EndedAt == nil || !now.Before(r.StartedAt.Add(j.every)) || r.StartedAt.After(now) // the clock was set back
		}
	}
	return true
}

// do runs a job and keeps how it fared. Only a database that does not answer is an error.
func (l leader) do(ctx context.Context, j job) error {
	if _, err := l.db.Exec(ctx, `
		INSERT INTO job_runs (name, started_at) VALUES (@name, @at)
		ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at, ended_at = NULL, error = NULL`,
		pgx.StrictNamedArgs{"name": j.name, "at": l.now()}); err != nil {
		return err
	}
	failed := j.run(ctx)
	if ctx.Err() != nil { // cut off: due again at the next start
		return ctx.Err()
	}
	var said *string
	if failed != nil {
		l.log.Error("job failed", "job", j.name, "error", failed)
		text := failed.Error()
		said = &text
	}
	_, err := l.db.Exec(ctx, `
		UPDATE job_runs SET ended_at = @at, error = @error::text, good_at = CASE WHEN @error::text IS NULL THEN @at ELSE good_at END WHERE name = @name`,
		pgx.StrictNamedArgs{"name": j.name, "at": l.now(), "error": said})
	return err
}

// within does what must be done by then: a database that does not say a word would hold it for ever.
func within(ctx context.Context, d time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return do(ctx)
}

// pause waits; false: ctx ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
