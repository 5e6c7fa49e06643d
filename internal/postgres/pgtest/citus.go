package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"cho40/internal/postgres"
	"cho40/migrations"
)

// citus is the Citus of CITUS_TEST_URL, the address of a database with that extension on the server that programs connect to, as a superuser; nil: there is none.
// Tests have databases of their own there. Its other servers must be known to that database, and be reached from here by the same names. Servers let
// the service's role in without a password, as they do each other.
var citus = sync.OnceValues(func() (*cluster, error) {
	address := os.Getenv("CITUS_TEST_URL")
	if address == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := postgres.Connect(ctx, address)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	c := &cluster{address: address}
	c.servers, err = postgres.All[server](ctx, conn, `SELECT nodename AS host, nodeport AS port, shouldhaveshards AS holds FROM pg_dist_node WHERE noderole = 'primary' ORDER BY groupid`, nil)
	if err == nil && len(c.servers) == 0 {
		err = errors.New("it knows no server: SELECT citus_set_coordinator_host('NAME', 5432)")
	}
	return c, err
})

// cluster is a Citus.
type cluster struct {
	address string
	servers []server // first that which programs connect to
}

// server is one of a cluster.
type server struct {
	Host  string
	Port  int
	Holds bool // rows of distributed tables
}

// at is the address of a database on a server.
func (c *cluster) at(s server, name string) string {
	u, err := url.Parse(c.address)
	if err != nil {
		return c.address // Connect has read it already
	}
	u.Host, u.Path = net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), "/"+name
	return u.String()
}

// clone is the address of a database of t's own: of a copy, on each server, of one that was laid out once.
func (c *cluster) clone(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	from, err := c.template(ctx)
	if err != nil {
		t.Fatalf("lay the template out over Citus: %v", err)
	}
	name := "t_" + strings.ToLower(rand.Text())
	if err := c.each(ctx, `CREATE DATABASE `+name+` TEMPLATE `+from+` STRATEGY FILE_COPY`); err != nil {
		t.Fatalf("make the test's database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := c.each(ctx, `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return forService(c.at(c.servers[0], name))
}

// each runs statements on every server at once, outside of any transaction.
func (c *cluster) each(ctx context.Context, statements ...string) error {
	done := make(chan error)
	for _, s := range c.servers {
		go func() {
			err := c.run(ctx, s, "postgres", statements...)
			if err != nil {
				err = fmt.Errorf("%s:%d: %w", s.Host, s.Port, err)
			}
			done <- err
		}()
	}
	var all error
	for range c.servers {
		all = errors.Join(all, <-done)
	}
	return all
}

func (c *cluster) run(ctx context.Context, s server, database string, statements ...string) error {
	conn, err := pgx.Connect(ctx, c.at(s, database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, sql := range statements {
		if err := settle(ctx, conn, sql); err != nil {
			return err
		}
	}
	return nil
}

// template is a database with the schema on all servers, made by whoever comes first.
func (c *cluster) template(ctx context.Context) (string, error) {
	name := "citus_" + migrations.Sum()[:16]
	making := name + "_making"
	conn, err := postgres.Connect(ctx, c.address)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtext($1))", name); err != nil && !lockTimeout(err) {
		return "", err
	} else if err != nil {
		return c.template(ctx) // somebody is still at it
	}
	defer conn.Exec(ctx, "SELECT pg_advisory_unlock(hashtext($1))", name)
	ready, err := postgres.One[bool](ctx, conn, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = @name AND datistemplate)`, pgx.StrictNamedArgs{"name": name})
	if ready || err != nil {
		return name, err
	}
	if err := c.each(ctx, `DROP DATABASE IF EXISTS `+making+` WITH (FORCE)`, `DROP DATABASE IF EXISTS `+name, `CREATE DATABASE `+making+` TEMPLATE template0`); err != nil {
		return "", err
	}
	for _, s := range c.servers {
		if err := c.run(ctx, s, making, `CREATE EXTENSION citus`); err != nil {
			return "", err
		}
	}
	var join []string
	for i, s := range c.servers {
		add := `SELECT citus_add_node(%[1]s, %[2]d)`
		if i == 0 {
			add = `SELECT citus_set_coordinator_host(%[1]s, %[2]d)`
		}
		join = append(join, fmt.Sprintf(add, quoted(s.Host), s.Port), fmt.Sprintf(`SELECT citus_set_node_property(%s, %d, 'shouldhaveshards', %t)`, quoted(s.Host), s.Port, s.Holds))
	}
	join = append(join, `ALTER DATABASE `+making+` SET citus.shard_count = 2`) // few are copied quickly; the setting is not copied with them
	if err := c.run(ctx, c.servers[0], making, join...); err != nil {
		return "", err
	}
	made := c.at(c.servers[0], making)
	if _, _, err := migrations.Up(ctx, made); err != nil {
		return "", err
	}
	if _, err := migrations.Distribute(ctx, made); err != nil {
		return "", err
	}
	if err := migrations.Grant(ctx, made, migrations.ServiceRole); err != nil {
		return "", err
	}
	// Citus has a worker of its own in every database, which would be in the way of cloning.
	return name, c.each(ctx, `ALTER DATABASE `+making+` ALLOW_CONNECTIONS false`, `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = `+quoted(making),
		`ALTER DATABASE `+making+` RENAME TO `+name, `ALTER DATABASE `+name+` IS_TEMPLATE true`)
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
