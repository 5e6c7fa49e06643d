package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"cho40/internal/bench/nation"
	"cho40/internal/postgres"
	"cho40/migrations"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

// country is a database with markets as a country has them, on a server of its own with the product's settings. It is there when the
// first row needs it.
type country struct {
	vendors   int
	inMarkets int    // 0: in proportion
	folder    string // to keep it in; empty: a temporary one

	once   sync.Once
	err    error
	server *postgres.Server
	db     *pgxpool.Pool
	reg    *registry.Service
	sample []nation.Vendor
	conns  []*pgx.Conn // see connection
}

// there makes the country, or finds it in its folder.
func (c *country) there() error {
	c.once.Do(func() { c.err = c.open(context.Background()) })
	return c.err
}

func (c *country) open(ctx context.Context) error {
	size := nation.Vietnam.Of(float64(c.vendors) / float64(nation.Vietnam.Vendors))
	if c.inMarkets > 0 {
		size.Markets = c.inMarkets
	}
	dir := c.folder
	if dir == "" {
		made, err := os.MkdirTemp("", "cho40-bench-")
		if err != nil {
			return err
		}
		if err := os.Chmod(made, 0o755); err != nil { // the server's user must get in
			return err
		}
		dir = filepath.Join(made, "data")
	}
	var err error
	if c.server, err = postgres.Start(ctx, dir); err != nil {
		return err
	}
	if c.folder == "" {
		c.folder = filepath.Dir(dir)
	} else {
		c.folder = ""
	}
	if _, _, err := migrations.Up(ctx, c.server.URL()); err != nil {
		return err
	}
	if c.db, err = postgres.Open(ctx, c.server.URL()); err != nil {
		return err
	}
	c.reg = registry.New(c.db, time.Now)
	if err := c.reg.LoadAreas(ctx); err != nil {
		return err
	}
	var markets int
	if err := c.db.QueryRow(ctx, `SELECT count(*) FROM markets WHERE code LIKE 'M%'`).Scan(&markets); err != nil {
		return err
	}
	switch markets {
	case 0:
		if err := nation.Fill(ctx, c.db, size, progress); err != nil {
			return err
		}
	case size.Markets:
	default:
		return fmt.Errorf("the folder holds a country of %d markets, %d are wanted: name another folder", markets, size.Markets)
	}
	if c.sample, err = nation.Sample(ctx, c.db, 2_000); err == nil && len(c.sample) == 0 {
		err = errors.New("nobody lives there")
	}
	return err
}

// close ends the server, and forgets a country that nobody wants to keep.
func (c *country) close() {
	if c.db != nil {
		c.db.Close()
	}
	if c.server == nil {
		return
	}
	if err := c.server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if c.folder != "" {
		os.RemoveAll(c.folder)
	}
}

// warm asks once for everybody in the sample, or as many as 20 seconds allow: what is asked again and again lies in memory.
func (c *country) warm(do func(i int) error) error {
	for i, start := 0, time.Now(); i < len(c.sample) && time.Since(start) < 20*time.Second; i++ {
		if err := do(i); err != nil {
			return err
		}
	}
	return nil
}

// timed measures do as loop does, and how long each operation took. Every so many goroutines count for themselves which of theirs it is.
func timed(goroutines, fewest int, do func(goroutine, i int) error) func(time.Duration) (sample, error) {
	next := make([]int, goroutines)
	return func(least time.Duration) (sample, error) {
		took := make([][]time.Duration, goroutines)
		start := time.Now()
		var work errgroup.Group
		for g := range goroutines {
			work.Go(func() error {
				for len(took[g]) < fewest || time.Since(start) < least {
					began := time.Now()
					if err := do(g, next[g]); err != nil {
						return err
					}
					took[g] = append(took[g], time.Since(began))
					next[g]++
				}
				return nil
			})
		}
		err := work.Wait()
		wall := time.Since(start)
		all := slices.Concat(took...)
		slices.Sort(all)
		if err != nil || len(all) == 0 {
			return sample{}, err
		}
		return sample{Ops: len(all), Wall: wall, P50: all[len(all)/2], P99: all[len(all)*99/100]}, nil
	}
}
