// Bench measures what docs/benchmarks.md reports: the codec, the symbols, the placards and the exports, each beside what other
// libraries make of the same task. It is a module of its own, so that the product depends on none of them.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	var (
		only     = flag.String("only", "", "measure only the rows whose group/name matches this `regexp`, and the first of their groups")
		rounds   = flag.Int("rounds", 5, "rounds of each group; its rows take turns in each")
		duration = flag.Duration("time", 500*time.Millisecond, "least time of a row in a round")
		markdown = flag.Bool("markdown", false, "print tables as docs/benchmarks.md has them")
		full     = flag.Bool("full", false, "also print 100,000 placards")
		pages    = flag.String("pages", "", "measure nothing; write a page of each way to print into this `folder`, to be looked at")
		read     = flag.Int("read", 0, "measure nothing; print so `many` placards and let another reader read each from its page")
		vendors  = flag.Int("vendors", 100_000, "with -only search, registration, coverage or scale: how many vendors the country has, up to 3,000,000")
		markets  = flag.Int("markets", 0, "in how many markets these are; 0: three in a thousand, as in the whole country")
		data     = flag.String("data", "", "keep the country's database in this `folder` for the next time; without it a temporary one")
		child    = flag.String("child", "", "print placards this `way` and report on it; the program calls itself so")
		count    = flag.Int("n", 10_000, "with -child: how many placards")
	)
	flag.Parse()
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("unknown argument %q", flag.Arg(0))
	case *child != "":
		return serveChild(os.Stdout, *child, *count, *duration)
	case *read > 0:
		return readPaper(*read)
	case *pages != "":
		return writePages(*pages)
	case *rounds < 1:
		return fmt.Errorf("%d rounds", *rounds)
	}
	match, err := regexp.Compile(*only)
	if err != nil {
		return err
	}

	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200) // as the service does
	}
	land := &country{vendors: *vendors, inMarkets: *markets, folder: *data}
	defer land.close()
	printMachine(os.Stdout, *markdown)
	defer func() { recordMade() }()
	scale := sizesOf(land)
	defer scale.close()
	for _, make := range append([]func() (group, error){writing, reading, making, drawing, drawingPlacards, onePlacard, placards, growth, papers, exports, importing,
		land.searching, land.registering, land.counting}, scale.groups()...) {
		g, err := make()
		if err != nil {
			return err
		}
		if g = g.only(match, *full); len(g.rows) == 0 || g.asked && *only == "" {
			continue
		}
		results, err := g.measure(*rounds, *duration)
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		printTable(os.Stdout, g, results, *markdown)
	}
	return nil
}
