package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"cho40/internal/postgres"
	"cho40/migrations"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/ledger"
	"cho40/web"
	"cho40/web/lang"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/xuri/excelize/v2"
)

const (
	exported   = 100_000 // stalls, each with a vendor and an approved account
	recordVar  = "BENCH_RECORD"
	marketCode = "VT"
)

// exportWay is a way to write so many rows.
type exportWay struct {
	name, note string
	write      func(ctx context.Context, out io.Writer, n int) error
}

var exportWays = []exportWay{
	{"stalls as CSV", "from the record: one reading, pages of 500; counted first", fromRecord("csv")},
	{"stalls as XLSX", "the same; every cell a string", fromRecord("xlsx")},
	{"rows as CSV", "rows made up on the spot, ledger.NewCSV", throughOurs(func(out io.Writer) (ledger.Writer, error) { return ledger.NewCSV(out) })},
	{"rows as XLSX", "the same, ledger.NewXLSX: nothing but a row is held", throughOurs(func(out io.Writer) (ledger.Writer, error) { return ledger.NewXLSX(out, "Quầy") })},
	{"excelize, StreamWriter", "the same rows; spills to a temporary file, and to out only at the end", func(_ context.Context, out io.Writer, n int) error {
		return withExcelize(out, n, func(f *excelize.File, rows func(func(i int, cells []string) error) error) error {
			w, err := f.NewStreamWriter("Sheet1")
			if err != nil {
				return err
			}
			err = rows(func(i int, cells []string) error {
				values := make([]any, len(cells))
				for k, c := range cells {
					values[k] = c
				}
				return w.SetRow("A"+strconv.Itoa(i+1), values)
			})
			return errors.Join(err, w.Flush())
		})
	}},
	{"excelize, SetSheetRow", "the same rows, as most programs do it: all cells in memory", func(_ context.Context, out io.Writer, n int) error {
		return withExcelize(out, n, func(f *excelize.File, rows func(func(i int, cells []string) error) error) error {
			return rows(func(i int, cells []string) error { return f.SetSheetRow("Sheet1", "A"+strconv.Itoa(i+1), &cells) })
		})
	}},
}

// exporting is the way of that name.
func exporting(name string) (exportWay, bool) {
	if name == fromBatch {
		return exportWay{name: name, write: paper}, true
	}
	for _, w := range exportWays {
		if w.name == name {
			return w, true
		}
	}
	return exportWay{}, false
}

func exports() (group, error) {
	g := group{name: "export", title: count(exported) + " stalls, each with its vendor and account, as a file"}
	for _, w := range exportWays {
		g.rows = append(g.rows, row{name: w.name, note: w.note, round: func(least time.Duration) (sample, error) {
			url, err := record()
			if err != nil {
				return sample{}, err
			}
			return childWith(w.name, exported, least, nil, recordVar+"="+url)
		}})
	}
	return g, nil
}

// serveExport is the child's side.
func serveExport(out io.Writer, w exportWay, n int, least time.Duration) error {
	ctx := context.Background()
	if w.name == fromBatch {
		if err := served(ctx); err != nil {
			return err
		}
	}
	var (
		times   int
		written atomic.Uint64
		start   = time.Now()
		before  = processorTime()
	)
	for times == 0 || time.Since(start) < least {
		if err := w.write(ctx, counter{&written}, n); err != nil {
			return err
		}
		times++
	}
	wall, cpu := time.Since(start), processorTime()-before
	return json.NewEncoder(out).Encode(sample{Ops: n, Wall: wall / time.Duration(times), CPU: cpu / time.Duration(times), Peak: peak(), Output: written.Load() / uint64(times)})
}

// fromRecord takes the list out as the program does; the database's own processor time is not in the figures.
func fromRecord(format string) func(context.Context, io.Writer, int) error {
	return func(ctx context.Context, out io.Writer, _ int) error {
		db, err := pool(ctx)
		if err != nil {
			return err
		}
		in := registry.Export{Format: format, Full: true, Reason: "bench"}
		return web.WriteList(ctx, registry.New(db, time.Now), registry.Console(), lang.Vi, marketCode, registry.ListStalls, in,
			func(string) (io.Writer, error) { return out, nil })
	}
}

var opened struct {
	sync.Once
	db  *pgxpool.Pool
	err error
}

func pool(ctx context.Context) (*pgxpool.Pool, error) {
	opened.Do(func() { opened.db, opened.err = postgres.Open(ctx, os.Getenv(recordVar)) })
	return opened.db, opened.err
}

// rowsOf hands out n rows such as those of the list of stalls.
func rowsOf(n int, take func(i int, cells []string) error) error {
	for i := range n {
		number := fmt.Sprintf("071%07d", i)
		if err := take(i, []string{"A-" + strconv.Itoa(i), "Khu " + strconv.Itoa(i/100), "Rau củ", "Nguyễn Thị Ánh Nguyệt", number, "", "Viettel Money", number, "Đã duyệt",
			"Đã duyệt", "01a2b3c4-d5e6-7f80-9123-456789abcdef", "01a2b3c4-d5e6-7f80-9123-456789abcdf0"}); err != nil {
			return err
		}
	}
	return nil
}

func throughOurs(begin func(io.Writer) (ledger.Writer, error)) func(context.Context, io.Writer, int) error {
	return func(_ context.Context, out io.Writer, n int) error {
		w, err := begin(out)
		if err != nil {
			return err
		}
		if err := rowsOf(n, func(_ int, cells []string) error { return w.Row(cells) }); err != nil {
			return err
		}
		return w.Close()
	}
}

func withExcelize(out io.Writer, n int, fill func(f *excelize.File, rows func(func(i int, cells []string) error) error) error) error {
	f := excelize.NewFile()
	defer f.Close()
	if err := fill(f, func(take func(i int, cells []string) error) error { return rowsOf(n, take) }); err != nil {
		return err
	}
	return f.Write(out)
}

// record is the address of a database with the stalls in it, made once; it ends with this program.
var record = sync.OnceValues(func() (string, error) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt)
	dir, err := os.MkdirTemp("/var/tmp", "cho40-bench-") // the user that PostgreSQL runs as has to reach it
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		return "", err
	}
	server, err := postgres.Start(ctx, filepath.Join(dir, "record"))
	if err != nil {
		return "", err
	}
	recordMade = func() {
		_ = server.Stop()
		_ = os.RemoveAll(dir)
	}
	if _, _, err := migrations.Up(ctx, server.URL()); err != nil {
		return "", err
	}
	conn, err := postgres.Connect(ctx, server.URL())
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	for _, sql := range []string{
		`INSERT INTO markets (id, code, name, name_fold, created_at) VALUES (gen_random_uuid(), '` + marketCode + `', 'Chợ', 'cho', now())`,
		`CREATE TEMP TABLE made AS SELECT m.id AS market, i, gen_random_uuid() AS stall, gen_random_uuid() AS vendor, gen_random_uuid() AS account, '071' || lpad(i::text, 7, '0') AS number
			FROM markets m, generate_series(1, ` + strconv.Itoa(exported) + `) i`,
		`INSERT INTO stalls (market_id, id, code, code_key, code_fold, section, goods, position, created_at)
			SELECT market, stall, 'A-' || i, 'A-' || i, 'a ' || i, 'Khu ' || i / 100, 'Rau củ', i, now() FROM made`,
		`INSERT INTO vendors (market_id, id, name, name_fold, phone, created_at) SELECT market, vendor, 'Nguyễn Thị Ánh Nguyệt', 'nguyen thi anh nguyet', number, now() FROM made`,
		`INSERT INTO occupancies (market_id, id, stall_id, vendor_id, began) SELECT market, gen_random_uuid(), stall, vendor, '2026-11-01' FROM made`,
		`INSERT INTO consents (market_id, id, vendor_id, kind, wording, given, taken_by, taken_at) SELECT market, gen_random_uuid(), vendor, 'vendor', 'vi-1', 'face_to_face', 'person:a', now() FROM made`,
		`INSERT INTO accounts (market_id, id, vendor_id, provider, bin, number, holder, holder_given, source, payload, payload_sha256, symbol, touched_by, proposed_by, proposed_at)
			SELECT market, account, vendor, 'viettel_money', '971005', number, 'NGUYEN THI ANH NGUYET', false, 'typed', repeat('x', 90), sha256(number::bytea), decode(repeat('00', 140), 'hex'), '{person:a}', 'person:a', now() FROM made`,
		`INSERT INTO account_decisions (market_id, id, account_id, decision, via, decided_by, decided_at, payload_sha256, touched_by)
			SELECT market, gen_random_uuid(), account, 'approved', 'web', 'person:b', now(), sha256(number::bytea), '{person:a}' FROM made`,
		`UPDATE vendors v SET default_account = made.account FROM made WHERE v.market_id = made.market AND v.id = made.vendor`,
		`VACUUM ANALYZE`,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return "", fmt.Errorf("%s: %w", sql, err)
		}
	}
	return server.URL(), nil
})

// recordMade takes the database away again, where one was made.
var recordMade = func() {}
