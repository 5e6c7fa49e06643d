package main

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// group is rows that may be compared: the first is ours, and the others are measured against it.
type group struct {
	name, title string
	rows        []row
	asked       bool // runs only when -only names it from its beginning
}

// row is one measured thing.
type row struct {
	name, note string
	full       bool // takes minutes: only with -full
	round      func(least time.Duration) (sample, error)
}

// sample is what one round of a row took. What a row does not measure is 0.
type sample struct {
	Ops    int
	Wall   time.Duration
	CPU    time.Duration // user and system
	Allocs uint64        // on the heap
	Heap   uint64        // bytes of them
	Peak   uint64        // bytes of memory that the process held at its largest
	Output uint64        // bytes written
	P50    time.Duration // half of the operations took no longer
	P99    time.Duration // and 99 in 100
}

// each is the time of one operation, in nanoseconds.
func (s sample) each() float64 { return float64(s.Wall) / float64(s.Ops) }

// only leaves the rows that match asks for, with the first row to measure them against; no rows when it asks for none.
func (g group) only(match *regexp.Regexp, full bool) group {
	first := g.rows[0].name
	g.rows = slices.DeleteFunc(g.rows, func(r row) bool { return r.full && !full })
	wanted := func(r row) bool {
		at := match.FindStringIndex(g.name + "/" + r.name)
		return at != nil && (!g.asked || at[0] == 0)
	}
	if !slices.ContainsFunc(g.rows, wanted) {
		g.rows = nil
	}
	g.rows = slices.DeleteFunc(g.rows, func(r row) bool { return r.name != first && !wanted(r) })
	return g
}

// measure gives the samples of each row, one a round. The rows take turns, A B C A B C, so that a machine which slows
// down slows all of them, and the ratios within a round hold.
func (g group) measure(rounds int, least time.Duration) ([][]sample, error) {
	all := make([][]sample, len(g.rows))
	for n := range rounds {
		for i, r := range g.rows {
			progress("%s/%s, round %d of %d", g.name, r.name, n+1, rounds)
			s, err := r.round(least)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
			all[i] = append(all[i], s)
		}
	}
	progress("")
	return all, nil
}

// progress overwrites the last line on a terminal, and says nothing to a file.
func progress(format string, values ...any) {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(os.Stderr, "\r\x1b[K"+format, values...)
	}
}

// loop measures do, over and over, on so many goroutines; i counts from 0 through all of them and all rounds.
func loop(goroutines int, do func(i int) error) func(time.Duration) (sample, error) {
	var next atomic.Int64
	return func(least time.Duration) (sample, error) {
		runtime.GC() // nobody pays for the garbage of the row before
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		var ops atomic.Int64
		var work errgroup.Group
		for range goroutines {
			work.Go(func() error {
				for batch := 1; ; {
					began := time.Now()
					from := int(next.Add(int64(batch))) - batch
					for i := range batch {
						if err := do(from + i); err != nil {
							return err
						}
					}
					ops.Add(int64(batch))
					if time.Since(start) >= least {
						return nil
					}
					if time.Since(began) < least/200 {
						batch *= 2 // else the clock would be part of what is measured
					}
				}
			})
		}
		err := work.Wait()
		wall := time.Since(start)
		runtime.ReadMemStats(&after)
		n := uint64(ops.Load())
		return sample{
			Ops: int(n), Wall: wall,
			Allocs: (after.Mallocs - before.Mallocs) / max(n, 1), Heap: (after.TotalAlloc - before.TotalAlloc) / max(n, 1),
		}, err
	}
}
