package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"cho40/internal/postgres"
	"cho40/printing"
	registry "cho40/vendor_registry"
	"cho40/web"

	"github.com/jackc/pgx/v5"
)

const (
	paperMarket = "PB"
	batchVar    = "BENCH_BATCH"
	fromBatch   = "from the record to files"
)

// papers is the whole way of a batch that was issued: read from the record, drawn, read back, handed out; beside it, printing alone.
func papers() (group, error) {
	const n = 10_000
	return group{name: "paper", title: fmt.Sprintf("%s placards of a batch, four to a page, from the record to files", count(n)), rows: []row{
		{name: "printing alone", note: "symbols from a file; drawn and read back, as the first row of placards", round: func(least time.Duration) (sample, error) {
			return inChild(ways[0].name, n, least)
		}},
		{name: fromBatch, note: "web.Files: two files at a time, each placard read, its stored symbol decoded and compared with the payload, drawn, read back; the database works beside it",
			round: func(least time.Duration) (sample, error) {
				url, err := record()
				if err != nil {
					return sample{}, err
				}
				batch, err := issued()
				if err != nil {
					return sample{}, err
				}
				return childWith(fromBatch, n, least, nil, recordVar+"="+url, batchVar+"="+batch)
			}},
	}}, nil
}

// served makes the process what a server is long before somebody prints: it knows the database and has read its fonts.
func served(ctx context.Context) error {
	if _, err := pool(ctx); err != nil {
		return err
	}
	return ours(func(_ *shelf, i int) (printing.Modules, error) { return newSymbol(i) })(io.Discard, nil, 0, 1)
}

// paper writes the files of the batch as the program does.
func paper(ctx context.Context, out io.Writer, _ int) error {
	db, err := pool(ctx)
	if err != nil {
		return err
	}
	ref, err := registry.ParseRef[registry.Batch](os.Getenv(batchVar))
	if err != nil {
		return err
	}
	b, cells, err := registry.New(db, time.Now).BatchCells(ctx, registry.Console(), ref)
	if err != nil {
		return err
	}
	return web.Files(ctx, b, cells, func(_, _ int, pdf []byte) error {
		_, err := out.Write(pdf)
		return err
	})
}

// issued is the name of a batch of as many placards as the shelf has symbols, made once.
var issued = sync.OnceValues(func() (string, error) {
	ctx := context.Background()
	s, err := store()
	if err != nil {
		return "", err
	}
	url, err := record()
	if err != nil {
		return "", err
	}
	conn, err := postgres.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `CREATE TEMP TABLE paid (i int, vendor text, fold text, holder text, goods text, code text, provider text, bin text, number text, payload text, symbol bytea)`); err != nil {
		return "", err
	}
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"paid"}, []string{"i", "vendor", "fold", "holder", "goods", "code", "provider", "bin", "number", "payload", "symbol"},
		pgx.CopyFromSlice(shelved, func(i int) ([]any, error) {
			p := placardOf(i)
			text, err := payloadOf(i)
			if err != nil {
				return nil, err
			}
			symbol, err := s.symbol(i)
			if err != nil {
				return nil, err
			}
			stored, err := symbol.MarshalBinary()
			provider, bin := "viettel_money", "971005"
			if i%2 == 1 {
				provider, bin = "agribank", "970405"
			}
			return []any{i, p.Vendor, p.Holder, p.Holder, p.Goods, "A-" + strconv.Itoa(i), provider, bin, fmt.Sprintf("%010d", i), text, stored}, err
		})); err != nil {
		return "", err
	}
	for _, sql := range []string{
		`INSERT INTO markets (id, code, name, name_fold, created_at) VALUES (gen_random_uuid(), '` + paperMarket + `', 'Chợ Vị Thanh', 'cho vi thanh', now())`,
		`CREATE TEMP TABLE made AS SELECT m.id AS market, p.*, gen_random_uuid() AS stall, gen_random_uuid() AS vendor_id, gen_random_uuid() AS account
			FROM markets m, paid p WHERE m.code = '` + paperMarket + `'`,
		`INSERT INTO stalls (market_id, id, code, code_key, code_fold, section, goods, position, created_at)
			SELECT market, stall, code, code, 'a ' || i, 'Khu ' || i / 100, goods, i, now() FROM made`,
		`INSERT INTO vendors (market_id, id, name, name_fold, phone, created_at) SELECT market, vendor_id, vendor, fold, '0712345678', now() FROM made`,
		`INSERT INTO occupancies (market_id, id, stall_id, vendor_id, began) SELECT market, gen_random_uuid(), stall, vendor_id, '2026-11-01' FROM made`,
		`INSERT INTO consents (market_id, id, vendor_id, kind, wording, given, taken_by, taken_at) SELECT market, gen_random_uuid(), vendor_id, 'vendor', 'vi-1', 'face_to_face', 'person:a', now() FROM made`,
		`INSERT INTO accounts (market_id, id, vendor_id, provider, bin, number, holder, holder_given, source, payload, payload_sha256, symbol, touched_by, proposed_by, proposed_at)
			SELECT market, account, vendor_id, provider, bin, number, holder, false, 'typed', payload, sha256(payload::bytea), symbol, '{person:a}', 'person:a', now() FROM made`,
		`INSERT INTO account_decisions (market_id, id, account_id, decision, via, decided_by, decided_at, payload_sha256, touched_by)
			SELECT market, gen_random_uuid(), account, 'approved', 'web', 'person:b', now(), sha256(payload::bytea), '{person:a}' FROM made`,
		`UPDATE vendors v SET default_account = made.account FROM made WHERE v.market_id = made.market AND v.id = made.vendor_id`,
		`ANALYZE`,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return "", fmt.Errorf("%s: %w", sql, err)
		}
	}
	db, err := postgres.Open(ctx, url)
	if err != nil {
		return "", err
	}
	defer db.Close()
	b, err := registry.New(db, time.Now).Issue(ctx, registry.Console(), paperMarket, registry.NewBatch{Sheet: "a6x4", All: true}, web.Fits())
	if err == nil && b.Placards != shelved {
		err = fmt.Errorf("%d placards issued, not %d", b.Placards, shelved)
	}
	return b.Ref.String(), err
})
