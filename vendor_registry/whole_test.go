package registry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"cho40/internal/id"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// faulty is a database whose statement number fail goes wrong; BEGIN is not counted, COMMIT is the last one.
type faulty struct {
	*pgxpool.Pool
	fail, said int
}

var errCommit = errors.New("commit failed")

func (f *faulty) Begin(ctx context.Context) (pgx.Tx, error) {
	tx, err := f.Pool.Begin(ctx)
	return &faultyTx{tx, f}, err
}

// wrong counts a statement and reports whether it is the one that fails.
func (f *faulty) wrong() bool {
	f.said++
	return f.said == f.fail
}

type faultyTx struct {
	pgx.Tx
	of *faulty
}

// broken is a statement that PostgreSQL refuses while it runs, which is what spoils a transaction.
const broken = `SELECT 1 / (SELECT 0)`

func (t *faultyTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if t.of.wrong() {
		return t.Tx.Query(ctx, broken)
	}
	return t.Tx.Query(ctx, sql, args...)
}

func (t *faultyTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if t.of.wrong() {
		return t.Tx.Exec(ctx, broken)
	}
	return t.Tx.Exec(ctx, sql, args...)
}

func (t *faultyTx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error) {
	if t.of.wrong() {
		_, err := t.Tx.Exec(ctx, broken)
		return 0, err
	}
	return t.Tx.CopyFrom(ctx, table, columns, rows)
}

func (t *faultyTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	spoilt := &pgx.Batch{}
	for _, q := range b.QueuedQueries {
		if t.of.wrong() {
			spoilt.Queue(broken)
		} else {
			spoilt.Queue(q.SQL, q.Arguments...)
		}
	}
	return t.Tx.SendBatch(ctx, spoilt)
}

func (t *faultyTx) Commit(ctx context.Context) error {
	if t.of.wrong() {
		_ = t.Tx.Rollback(ctx)
		return errCommit
	}
	return t.Tx.Commit(ctx)
}

// Whichever statement fails, nothing is half done, and the same request afterwards does everything once.
func TestEveryStatementMayFail(t *testing.T) {
	t.Parallel()
	stand := standOf(viettel)
	stand.ID, stand.Consent = id.New[registry.Placard](), agreed
	for _, tt := range []struct {
		name  string
		ready func(w *world)
		do    func(ctx context.Context, w *world, reg *registry.Service) error
		check func(w *world)
	}{
		{"a batch of 20", func(w *world) {
			for i := range 20 {
				w.approve(w.stall(fmt.Sprint("A-", i), numbered(viettel, i)).Accounts[0])
			}
		}, func(ctx context.Context, w *world, reg *registry.Service) error {
			_, err := reg.Issue(ctx, w.clerk, "VT", registry.NewBatch{All: true, Sheet: "a6x4"}, anyFits)
			return err
		}, func(w *world) { w.printed(1, 20, 20) }},
		{"a reprint of 20, in the market's own paper", func(w *world) {
			for i := range 20 {
				w.placard(fmt.Sprint("A-", i), numbered(viettel, i))
			}
			if _, err := w.reg.SaveDesign(w.Context(), w.clerk, "VT", green); err != nil {
				w.Fatal(err)
			}
			if _, err := w.reg.SavePrinter(w.Context(), w.clerk, "VT", registry.Printer{Name: "Canon"}); err != nil {
				w.Fatal(err)
			}
		}, func(ctx context.Context, w *world, reg *registry.Service) error {
			_, err := reg.Issue(ctx, w.clerk, "VT", registry.NewBatch{All: true, Sheet: "a6x4", Reprint: true, Reason: "ướt", Design: "Tết", Printer: "Canon"}, anyFits)
			return err
		}, func(w *world) { w.printed(21, 40, 20) }},
		{"a stand of an account nobody knew", func(w *world) { w.stall("A-1") }, func(ctx context.Context, w *world, reg *registry.Service) error {
			_, err := reg.RegisterStand(ctx, w.volunteer, "VT", "A-1", stand)
			return err
		}, func(w *world) { w.printed(0, 1, 1) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tt.ready(w)
			before := w.contents()
			fail := 0
			for done := false; !done; {
				fail++
				db := &faulty{Pool: w.db, fail: fail}
				err := tt.do(t.Context(), w, registry.New(postgres.DB(db), w.clock.now))
				if done = db.said < fail; done {
					if err != nil {
						t.Fatalf("nothing failed, and yet: %v", err)
					}
					break
				}
				if err == nil {
					t.Fatalf("statement %d failed, and it is answered as done", fail)
				}
				w.same(before)
			}
			if fail < 8 {
				t.Errorf("only %d statements", fail)
			}
			tt.check(w)
			w.whole()
		})
	}
}

// printed fails the test unless there are so many batches, placards and live ones, each with one serial that was claimed.
func (w *world) printed(batches, placards, live int) {
	w.Helper()
	for _, n := range []struct {
		what string
		sql  string
		want int
	}{
		{"batches", `SELECT count(*) FROM print_batches`, batches},
		{"placards", `SELECT count(*) FROM placards`, placards},
		{"live placards", `SELECT count(*) FROM placards WHERE state NOT IN ('replaced', 'void', 'lost')`, live},
		{"serials", `SELECT count(DISTINCT c.serial) FROM placard_serials c JOIN placards p ON p.market_id = c.market_id AND p.id = c.placard_id AND p.serial = c.serial`, placards},
		{"claims", `SELECT count(*) FROM placard_serials`, placards},
		{"placards of ours without a batch", `SELECT count(*) FROM placards WHERE kind = 'ours' AND batch_id IS NULL`, 0},
		{"placards without a first event", `SELECT count(*) FROM placards p WHERE NOT EXISTS (SELECT FROM placard_events e WHERE e.placard_id = p.id AND e.seq = 1)`, 0},
		{"batches that hold another number", `SELECT count(*) FROM print_batches b WHERE b.placards <> (SELECT count(*) FROM placards p WHERE p.batch_id = b.id)`, 0},
	} {
		if got := ask[int](w, n.sql); got != n.want {
			w.Errorf("%d %s, want %d", got, n.what, n.want)
		}
	}
}
