package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"cho40/internal/postgres"
	"cho40/migrations"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/ledger"
)

// importing measures a ledger's way in: reading the file, the preview beside the record, the commit with a symbol for each account.
// The largest market is the measure, and a file that is as large as one may be.
func importing() (group, error) {
	of := map[int][]byte{}
	rows := []row{}
	for _, n := range []int{1_500, 19_999} {
		var b bytes.Buffer
		if err := ledger.WriteWorkbook(&b, stallRows(n)); err != nil {
			return group{}, err
		}
		of[n] = b.Bytes()
		full := n > 10_000
		rows = append(rows,
			row{name: fmt.Sprintf("read %s stalls", count(float64(n))), note: "the file alone", full: full, round: loop(1, func(int) error {
				_, err := ledger.Read(context.Background(), "so.xlsx", bytes.NewReader(of[n]), ledger.DefaultLimits)
				return err
			})},
			row{name: fmt.Sprintf("preview %s stalls", count(float64(n))), note: "read, compared with an empty market, kept", full: full, round: intoMarket(of[n], func(im func() error, _ func() error) (time.Duration, error) {
				start := time.Now()
				err := im()
				return time.Since(start), err
			})},
			row{name: fmt.Sprintf("commit %s stalls", count(float64(n))), note: fmt.Sprintf("%s symbols made and read back, one transaction", count(float64(accountsIn(n)))), full: full,
				round: intoMarket(of[n], func(im func() error, commit func() error) (time.Duration, error) {
					if err := im(); err != nil {
						return 0, err
					}
					start := time.Now()
					err := commit()
					return time.Since(start), err
				})},
			row{name: fmt.Sprintf("preview and commit %s stalls", count(float64(n))), note: "both, in a process of its own; the database's memory is not in it", full: full, round: importInChild(of[n])},
		)
	}
	return group{name: "import", title: "Importing a ledger: XLSX, nine columns, two vendors in three with an account", rows: rows}, nil
}

func accountsIn(n int) int { return n - (n+2)/3 }

func stallRows(n int) [][]string {
	rows := [][]string{{"STT", "Khu", "Số sạp", "Họ và tên tiểu thương", "Ngành hàng", "Số điện thoại", "Viettel Money", "Vietcombank", "Ghi chú"}}
	for i := range n {
		phone := fmt.Sprintf("09%08d", i)
		line := []string{fmt.Sprint(i + 1), fmt.Sprintf("Khu %c", 'A'+i*20/n), fmt.Sprintf("%c-%05d", 'A'+i*20/n, i), fmt.Sprintf("Nguyễn Thị Lan %d", i), "Cá, thủy sản", phone, "", "", ""}
		switch i % 3 {
		case 1:
			line[6] = phone
		case 2:
			line[7] = fmt.Sprintf("0071%09d", i)
		}
		rows = append(rows, line)
	}
	return rows
}

const (
	wholeImport = "a ledger's import"
	ledgerVar   = "BENCH_LEDGER"
)

// importInChild previews and commits a ledger in a child, which reads it from a file as the command does.
func importInChild(file []byte) func(time.Duration) (sample, error) {
	return func(least time.Duration) (sample, error) {
		record, err := importRecord()
		if err != nil {
			return sample{}, err
		}
		path := filepath.Join(record.dir, "so.xlsx")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			return sample{}, err
		}
		defer os.Remove(path)
		return childWith(wholeImport, 1, least, nil, recordVar+"="+record.url, ledgerVar+"="+path)
	}
}

// serveImport is the child's side: the whole way in, into a new market each time.
func serveImport(out io.Writer, least time.Duration) error {
	ctx, by := context.Background(), registry.Console()
	db, err := pool(ctx)
	if err != nil {
		return err
	}
	reg := registry.New(db, time.Now)
	s := sample{}
	for s.Ops == 0 || s.Wall < least {
		code := fmt.Sprintf("P%dN%d", os.Getpid(), s.Ops)
		if _, err := reg.AddMarket(ctx, by, registry.NewMarket{Code: code, Name: "Chợ thử"}); err != nil {
			return err
		}
		file, err := os.Open(os.Getenv(ledgerVar))
		if err != nil {
			return err
		}
		start, before := time.Now(), processorTime()
		im, err := reg.PreviewImport(ctx, by, code, "so.xlsx", file, true)
		file.Close()
		if err != nil {
			return err
		}
		if _, err := reg.CommitImport(ctx, by, im.Ref, registry.CommitImport{Attested: "vi-1"}); err != nil {
			return err
		}
		s.Ops++
		s.Wall += time.Since(start)
		s.CPU = processorTime() - before
	}
	s.Peak = peak()
	return json.NewEncoder(out).Encode(s)
}

// importingInto is a registry to import into, and where its database is.
type importingInto struct {
	reg      *registry.Service
	url, dir string
}

// importRecord is on a server of its own that syncs nothing to disk, made when the first row needs it.
var importRecord = sync.OnceValues(func() (importingInto, error) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "cho40-bench-")
	if err == nil {
		err = os.Chmod(dir, 0o755) // the server's user must get in
	}
	if err != nil {
		return importingInto{}, err
	}
	server, err := postgres.StartThrowaway(ctx, filepath.Join(dir, "data"), os.Getpid()) // ends, and goes, with this process
	if err != nil {
		return importingInto{}, err
	}
	if _, _, err := migrations.Up(ctx, server.URL()); err != nil {
		return importingInto{}, err
	}
	db, err := postgres.Open(ctx, server.URL())
	if err != nil {
		return importingInto{}, err
	}
	return importingInto{registry.New(db, time.Now), server.URL(), dir}, nil
})

var marketNo atomic.Int64

// intoMarket measures a part of an import into a market of its own.
func intoMarket(file []byte, timed func(preview, commit func() error) (time.Duration, error)) func(time.Duration) (sample, error) {
	return func(least time.Duration) (sample, error) {
		record, err := importRecord()
		if err != nil {
			return sample{}, err
		}
		reg := record.reg
		ctx, by := context.Background(), registry.Console()
		s := sample{}
		for s.Ops == 0 || s.Wall < least {
			code := fmt.Sprintf("B%d", marketNo.Add(1))
			if _, err := reg.AddMarket(ctx, by, registry.NewMarket{Code: code, Name: "Chợ thử"}); err != nil {
				return s, err
			}
			var im registry.Import
			runtime.GC()
			before := processorTime()
			took, err := timed(func() (err error) {
				im, err = reg.PreviewImport(ctx, by, code, "so.xlsx", bytes.NewReader(file), true)
				return err
			}, func() error {
				_, err := reg.CommitImport(ctx, by, im.Ref, registry.CommitImport{Attested: "vi-1"})
				return err
			})
			if err != nil {
				return s, err
			}
			s.Ops++
			s.Wall += took
			s.CPU = processorTime() - before // of this process, in the last import; the database works beside it
		}
		return s, nil
	}
}
