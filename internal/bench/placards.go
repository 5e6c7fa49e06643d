package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"cho40/printing"

	skip2 "github.com/skip2/go-qrcode"
	rsc "rsc.io/qr"
)

const (
	perFile = 500 // placards; what the product prints as one file
	workers = 2   // files at a time
)

// printer writes placards from..from+n as one PDF.
type printer func(out io.Writer, s *shelf, from, n int) error

// way is a way to print placards.
type way struct {
	name, note string
	print      printer
	perFile    int
}

var ways = []way{
	{"ours, stored symbols", "printing.Write: each file is read back", ours(stored), perFile},
	{"ours, symbols made", "qrgen.NewSymbol for each while printing: made and read back; then as above", ours(func(_ *shelf, i int) (printing.Modules, error) {
		return newSymbol(i)
	}), perFile},
	{"ours, one file", "all placards in one file, and so one worker", ours(stored), 1 << 30},
	{"gofpdf, PNG by skip2", "the naive way: a picture of 512 dots for each", plain(newGofpdf, pictures(func(payload string) ([]byte, error) {
		return skip2.Encode(payload, skip2.Medium, 512)
	})), perFile},
	{"gofpdf, PNG by rsc.io/qr", "a picture of 8 dots a module for each", plain(newGofpdf, pictures(func(payload string) ([]byte, error) {
		code, err := rsc.Encode(payload, rsc.M)
		if err != nil {
			return nil, err
		}
		return code.PNG(), nil
	})), perFile},
	{"gofpdf, rectangles", "symbols stored, a rectangle for each run of modules", plain(newGofpdf, rectangles(stored)), perFile},
	{"fpdf, rectangles", "the same", plain(newFpdf, rectangles(stored)), perFile},
	{"gopdf, rectangles", "the same", plain(newGopdf, rectangles(stored)), perFile},
	{"gopdf, symbols made", "the same, symbols by skip2 while printing, not read back", plain(newGopdf, rectangles(func(_ *shelf, i int) (printing.Modules, error) {
		text, err := payloadOf(i)
		if err != nil {
			return nil, err
		}
		return makeSkip2(text)
	})), perFile},
}

func stored(s *shelf, i int) (printing.Modules, error) { return s.symbol(i) }

// job is how ours prints, on the product's usual sheet.
func job() printing.Print {
	return printing.Print{Sheet: printing.Sheets()[0], CutMarks: true, Title: "Chợ Vị Thanh", Made: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}
}

// ours prints as the product does.
func ours(symbol func(s *shelf, i int) (printing.Modules, error)) printer {
	return func(out io.Writer, s *shelf, from, n int) error {
		all := make([]printing.Placard, n)
		for i := range all {
			all[i] = placardOf(from + i)
			var err error
			if all[i].Code, err = symbol(s, from+i); err != nil {
				return err
			}
		}
		return printing.Write(out, job(), all)
	}
}

// store is the shelf of all groups that print.
var store = sync.OnceValues(func() (*shelf, error) { return newShelf(shelved) })

func placards() (group, error) {
	const n = 10_000
	g := group{name: "placards", title: fmt.Sprintf("%s placards, four to a page, in files of %d by %d workers", count(n), perFile, workers)}
	for _, w := range ways {
		g.rows = append(g.rows, row{name: w.name, note: w.note, round: func(least time.Duration) (sample, error) {
			return inChild(w.name, n, least)
		}})
	}
	return g, nil
}

func growth() (group, error) {
	g := group{name: "growth", title: "More and more placards, as the first row of those"}
	for _, n := range []int{100, 1_000, 10_000, 100_000} {
		g.rows = append(g.rows, row{name: count(float64(n)), full: n > 10_000,
			note: fmt.Sprintf("files: %d", (n+perFile-1)/perFile),
			round: func(least time.Duration) (sample, error) {
				return inChild(ways[0].name, n, least)
			}})
	}
	return g, nil
}

// onePlacard is what a person waits for who prints one again: nearly all of it is reading and writing fonts.
func onePlacard() (group, error) {
	s, err := newShelf(1)
	if err != nil {
		return group{}, err
	}
	g := group{name: "one-placard", title: "A file of one placard"}
	for _, w := range ways {
		if w.perFile != perFile {
			continue
		}
		if err := w.print(io.Discard, s, 0, 1); err != nil { // fonts are read once in the life of a server
			return g, fmt.Errorf("%s: %w", w.name, err)
		}
		g.rows = append(g.rows, row{name: w.name, note: w.note, round: loop(1, func(int) error {
			return w.print(io.Discard, s, 0, 1)
		})})
	}
	return g, nil
}

// writePages prints four placards each way.
func writePages(folder string) error {
	s, err := newShelf(4)
	if err != nil {
		return err
	}
	for i, w := range ways {
		file, err := os.Create(filepath.Join(folder, fmt.Sprintf("way%d.pdf", i)))
		if err != nil {
			return err
		}
		if err := w.print(file, s, 0, 4); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		if err := file.Close(); err != nil {
			return err
		}
		fmt.Println(file.Name(), w.name)
	}
	return nil
}

// wayOf is the way of that name.
func wayOf(name string) (way, error) {
	i := slices.IndexFunc(ways, func(w way) bool { return w.name == name })
	if i < 0 {
		return way{}, fmt.Errorf("no way %q", name)
	}
	return ways[i], nil
}
