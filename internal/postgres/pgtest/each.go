package pgtest

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"cho40/internal/postgres"
	"cho40/migrations"
)

// Each runs a test on every kind of database there is to be had: one server, the same with sessions that forget everything after each
// transaction, as behind PgBouncer in transaction mode, and Citus when CITUS_TEST_URL is the address of an empty
// database with that extension, as its owner; the tables are then made and laid out over its servers. What the test leaves stays there.
func Each(t *testing.T, test func(t *testing.T, db *pgxpool.Pool)) {
	t.Run("one server", func(t *testing.T) { test(t, New(t)) })
	t.Run("sessions that forget", func(t *testing.T) { test(t, forgetful(t)) })
	if url := os.Getenv("CITUS_TEST_URL"); url != "" {
		t.Run("citus", func(t *testing.T) { test(t, distributed(t, url)) })
	}
}

func forgetful(t *testing.T) *pgxpool.Pool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cfg, err := pgxpool.ParseConfig(URL(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	cfg.AfterRelease = func(c *pgx.Conn) bool {
		_, err := c.Exec(context.Background(), "DISCARD ALL")
		return err == nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func distributed(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*patience) // thousands of shards are made
	defer cancel()
	_, _, err := migrations.Up(ctx, url)
	if err == nil {
		_, err = migrations.Distribute(ctx, url)
	}
	if err != nil {
		t.Fatalf("lay the tables out over Citus: %v", err)
	}
	pool, err := postgres.Open(ctx, url)
	if err != nil {
		t.Fatalf("open the test's database on Citus: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}
