package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"cho40/internal/auth"
	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/migrations"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"

	"github.com/jackc/pgx/v5/pgxpool"
)

// config is every setting: variable, default, meaning.
type config struct {
	DatabaseURL string `env:"DATABASE_URL" hidden:"" help:"PostgreSQL to use; empty: the embedded one in CHO40_DATA."`
	DirectURL   string `env:"DATABASE_DIRECT_URL" hidden:"" help:"The way to the same database past a pooling proxy, for migrations."`
	Data        string `env:"CHO40_DATA" hidden:"" help:"Folder of the embedded database; default: cho40 in the user's data folder, as root /var/lib/cho40."`
	Format      string `enum:"table,json,csv" default:"table" help:"How lists and figures are printed: ${enum}."`
}

// app is the program on its database.
type app struct {
	db       *pgxpool.Pool
	registry *registry.Service
	coverage *coverage.Service
	auth     *auth.Service
	close    func()
}

// database finds or starts the database and returns its address and the one past any proxy.
func (c *config) database(ctx context.Context) (url, direct string, stop func(), err error) {
	if c.DatabaseURL != "" {
		direct = c.DirectURL
		if direct == "" {
			direct = c.DatabaseURL
		}
		return c.DatabaseURL, direct, func() {}, nil
	}
	dir := c.Data
	if dir == "" {
		if dir, err = postgres.DefaultDir(); err != nil {
			return "", "", nil, err
		}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", "", nil, err
	}
	server, err := postgres.Start(ctx, dir)
	if err != nil {
		return "", "", nil, err
	}
	return server.URL(), server.URL(), func() { _ = server.Stop() }, nil // a server that will not stop is its keeper's affair, and in its log
}

// open makes the program ready: the schema is brought up to date where the database is our own or still empty; another's that
// is behind is left to `cho40 migrate`, which is said.
func (c *config) open(ctx context.Context) (*app, error) {
	url, direct, stop, err := c.database(ctx)
	if err != nil {
		return nil, err
	}
	db, err := postgres.Open(ctx, url)
	if err != nil {
		stop()
		return nil, err
	}
	a := &app{db: db, registry: registry.New(db, time.Now), coverage: coverage.New(db, time.Now), auth: auth.New(db, time.Now),
		close: func() { db.Close(); stop() }}
	at, err := migrations.Version(ctx, db)
	if err == nil && at < migrations.Latest() {
		if c.DatabaseURL != "" && at > 0 {
			err = fault.New(fault.Conflict, "schema-behind", "The database's schema is at %d, the program needs %d. Run: cho40 migrate", at, migrations.Latest())
		} else {
			_, _, err = migrations.Up(ctx, direct)
		}
		if err == nil {
			err = a.registry.LoadAreas(ctx)
		}
	}
	if err == nil {
		err = a.registry.LoadProviders(ctx)
	}
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

type migrateCmd struct{}

// Run answers `cho40 migrate`.
func (migrateCmd) Run(ctx context.Context, c *config, out output) error {
	url, direct, stop, err := c.database(ctx)
	if err != nil {
		return err
	}
	defer stop()
	from, to, err := migrations.Up(ctx, direct)
	if err != nil {
		return err
	}
	db, err := postgres.Open(ctx, url)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := registry.New(db, time.Now).LoadAreas(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "schema %d -> %d\n", from, to)
	return err
}
