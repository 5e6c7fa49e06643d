package pgtest

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Each runs a test on every kind of database there is to be had: one server, the same with sessions that forget everything after each
// transaction, as behind PgBouncer in transaction mode, and Citus where CITUS_TEST_URL says so.
func Each(t *testing.T, test func(t *testing.T, db *pgxpool.Pool)) {
	t.Run("one server", func(t *testing.T) { test(t, OneServer(t)) })
	t.Run("sessions that forget", func(t *testing.T) { test(t, forgetful(t)) })
	if os.Getenv("CITUS_TEST_URL") != "" {
		t.Run("citus", func(t *testing.T) { test(t, New(t)) })
	}
}

func forgetful(t *testing.T) *pgxpool.Pool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cfg, err := pgxpool.ParseConfig(OneServerURL(t))
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
