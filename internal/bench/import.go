package main

import (
	"bytes"
	"context"
	"fmt"
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

// importing measures a ledger's way in: reading the file, the preview beside the importRecord, the commit with a symbol for each account.
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

// importRecord is a registry on a server of its own that syncs nothing to disk, made when the first row needs it.
var importRecord = sync.OnceValues(func() (*registry.Service, error) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "cho40-bench-")
	if err == nil {
		err = os.Chmod(dir, 0o755) // the server's user must get in
	}
	if err != nil {
		return nil, err
	}
	server, err := postgres.StartThrowaway(ctx, filepath.Join(dir, "data"), os.Getpid()) // ends, and goes, with this process
	if err != nil {
		return nil, err
	}
	if _, _, err := migrations.Up(ctx, server.URL()); err != nil {
		return nil, err
	}
	db, err := postgres.Open(ctx, server.URL())
	if err != nil {
		return nil, err
	}
	return registry.New(db, time.Now), nil
})

var marketNo atomic.Int64

// intoMarket measures a part of an import into a market of its own.
func intoMarket(file []byte, timed func(preview, commit func() error) (time.Duration, error)) func(time.Duration) (sample, error) {
	return func(least time.Duration) (sample, error) {
		reg, err := importRecord()
		if err != nil {
			return sample{}, err
		}
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
