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
	DatabaseURL string `env:"DATABASE_URL" hidden:"" help:"PostgreSQL to use, as a role that owns nothing; empty: the embedded one in CHO40_DATA."`
	OwnerURL    string `env:"DATABASE_OWNER_URL" hidden:"" help:"The same database as the role that owns the tables, for migrations; empty: as DATABASE_URL."`
	DirectURL   string `env:"DATABASE_DIRECT_URL" hidden:"" help:"The way to the same database past a pooling proxy, for migrations."`
	ReplicaURL  string `env:"DATABASE_REPLICA_URL" hidden:"" help:"A replica of the same database, for reading figures while it is at most 30 seconds behind."`
	Data        string `env:"CHO40_DATA" hidden:"" help:"Folder of the embedded database and of certificates; default: cho40 in the user's data folder, as root /var/lib/cho40."`
	Format      string `enum:"table,json,csv,xlsx" default:"table" help:"How lists and figures are printed: table, json, csv; xlsx for export only."`
}

// app is the program on its database.
type app struct {
	db       *pgxpool.Pool
	registry *registry.Service
	coverage *coverage.Service
	auth     *auth.Service
	direct   string // the database's address for one long session, past any proxy
	dir      string // what is kept beside the database
	close    func()
}

// place is where the database is.
type place struct {
	service string // the address for the work of every day
	direct  string // the same past any proxy, for what needs one session from beginning to end
	owner   string // of the role that owns the tables, past any proxy
	own     bool   // the embedded one
	stop    func()
}

// database finds or starts the database.
func (c *config) database(ctx context.Context) (place, error) {
	if c.DatabaseURL != "" {
		p := place{service: c.DatabaseURL, direct: c.DatabaseURL, owner: c.DatabaseURL, stop: func() {}}
		if c.DirectURL != "" {
			p.direct, p.owner = c.DirectURL, c.DirectURL
		}
		if c.OwnerURL != "" {
			p.owner = c.OwnerURL
		}
		return p, nil
	}
	dir, err := c.dir()
	if err != nil {
		return place{}, err
	}
	server, err := postgres.Start(ctx, dir)
	if err != nil {
		return place{}, err
	}
	return placeOf(server), nil
}

// placeOf is the embedded database. A server that will not stop is its keeper's affair, and in its log.
func placeOf(server *postgres.Server) place {
	own := postgres.As(server.URL(), migrations.ServiceRole)
	return place{service: own, direct: own, owner: server.URL(), own: true, stop: func() { _ = server.Stop() }}
}

// checkpoints is the folder of the audit's checkpoints, beside the embedded database and never in it.
func (a *app) checkpoints() (*registry.Checkpoints, error) {
	return registry.OpenCheckpoints(beside(a.dir, "checkpoints"))
}

// beside is a folder beside the embedded database, in the program's own. That is made as for an embedded database, also where the database is
// another, so that there may be one some day. What cannot be made, whoever opens the folder says.
func beside(dir, name string) string {
	_ = postgres.MakeDir(dir)
	return filepath.Join(dir, name)
}

// up brings the schema up to date, and the rights of the service's role with it, unless that owns the tables itself.
func (p place) up(ctx context.Context) (from, to int, err error) {
	if from, to, err = migrations.Up(ctx, p.owner); err != nil {
		return from, to, err
	}
	service, err := postgres.RoleOf(p.service)
	if err != nil {
		return from, to, err
	}
	owner, err := postgres.RoleOf(p.owner)
	if err == nil && service != owner {
		err = migrations.Grant(ctx, p.owner, service)
	}
	return from, to, err
}

// dir is the folder that the program keeps things in: the embedded database, certificates and checkpoints beside it.
func (c *config) dir() (dir string, err error) {
	if dir = c.Data; dir == "" {
		if dir, err = postgres.DefaultDir(); err != nil {
			return "", err
		}
	}
	return filepath.Abs(dir)
}

// open makes the program ready: the schema is brought up to date where the database is our own or still empty; another's that
// is behind is left to `cho40 migrate`, which is said.
func (c *config) open(ctx context.Context) (*app, error) {
	dir, err := c.dir()
	if err != nil {
		return nil, err
	}
	p, err := c.database(ctx)
	if err != nil {
		return nil, err
	}
	at := migrations.Latest()
	if p.own {
		at, _, err = p.up(ctx)
	}
	var db *pgxpool.Pool
	if err == nil {
		db, err = postgres.Open(ctx, p.service)
	}
	if err != nil {
		p.stop()
		return nil, err
	}
	a := &app{db: db, registry: registry.New(db, time.Now), coverage: coverage.New(db, time.Now), auth: auth.New(db, time.Now),
		direct: p.direct, dir: dir, close: func() { db.Close(); p.stop() }}
	if !p.own {
		at, err = migrations.Version(ctx, db)
		switch {
		case err == nil && at == 0:
			_, _, err = p.up(ctx)
		case err == nil && at < migrations.Latest():
			err = fault.New(fault.Conflict, "schema-behind", "The database's schema is at %d, the program needs %d. Run: cho40 migrate", at, migrations.Latest())
		}
	}
	if err == nil && at < migrations.Latest() {
		err = a.registry.LoadAreas(ctx)
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

type migrateCmd struct {
	Citus bool `help:"Lay the tables out over the servers of Citus, market by market; serve is stopped meanwhile. See docs/scale.md."`
}

// Run answers `cho40 migrate`.
func (cmd migrateCmd) Run(ctx context.Context, c *config, out output) error {
	p, err := c.database(ctx)
	if err != nil {
		return err
	}
	defer p.stop()
	from, to, err := p.up(ctx)
	if err != nil {
		return err
	}
	db, err := postgres.Open(ctx, p.service)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := registry.New(db, time.Now).LoadAreas(ctx); err != nil {
		return err
	}
	if _, err = fmt.Fprintf(out, "schema %d -> %d\n", from, to); err != nil || !cmd.Citus {
		return err
	}
	moved, err := migrations.Distribute(ctx, p.owner)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "citus: %d tables moved\n", moved)
	return err
}
