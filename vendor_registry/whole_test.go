package registry_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"cho40/internal/id"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// faulty is a database whose disk is full at statement number fail; BEGIN is not counted, COMMIT is the last one.
type faulty struct {
	*pgxpool.Pool
	fail, said int
}

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

// broken is a statement that PostgreSQL refuses while it runs, which is what spoils a transaction; diskFull makes its function.
const (
	broken   = `SELECT disk_full()`
	diskFull = `CREATE FUNCTION disk_full() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'no space left' USING ERRCODE = 'disk_full'; END $$`
)

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
		return &pgconn.PgError{Severity: "ERROR", Code: "53100", Message: "no space left"}
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
		{"a stall with its vendor and two accounts", func(*world) {}, func(ctx context.Context, w *world, reg *registry.Service) error {
			_, err := reg.Register(ctx, w.clerk, "VT", registry.NewStall{Code: "A-1", Section: "Khu A", Goods: "Rau",
				Vendor: &registry.NewVendor{Name: "Lý Minh Tâm", Phone: "0710000001"}, Accounts: []registry.NewAccount{viettel, bank}, Consent: agreed})
			return err
		}, func(w *world) { w.holds("A-1", 2, "") }},
		{"the approval of a first account", func(w *world) { w.stall("A-1", viettel) }, func(ctx context.Context, w *world, reg *registry.Service) error {
			_, err := reg.Decide(ctx, w.manager, approval(w.look("A-1").Accounts[0]))
			return err
		}, func(w *world) { w.holds("A-1", 1, viettel.Number) }},
		{"the approval of a change under a live placard", func(w *world) {
			w.placard("A-1", viettel)
			in := vnpt
			in.Replaces = w.look("A-1").Accounts[0].ID.String()
			w.propose("A-1", in)
		}, func(ctx context.Context, w *world, reg *registry.Service) error {
			accounts := w.look("A-1").Accounts
			waits := slices.IndexFunc(accounts, func(a registry.Account) bool { return a.State == "proposed" })
			_, err := reg.Decide(ctx, w.manager, approval(accounts[waits]))
			return err
		}, func(w *world) {
			w.holds("A-1", 2, vnpt.Number)
			w.printed(1, 1, 0)
		}},
		{"the rejection of an account", func(w *world) { w.stall("A-1", viettel) }, func(ctx context.Context, w *world, reg *registry.Service) error {
			a := w.look("A-1").Accounts[0]
			_, err := reg.Decide(ctx, w.manager, registry.Decision{Account: a.ID, ETag: a.ETag(), Decision: "reject", Reason: "không rõ"})
			return err
		}, func(w *world) { w.holds("A-1", 1, "") }},
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
			w.exec(diskFull)
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
				if !postgres.Unavailable(err) {
					t.Errorf("statement %d found the disk full, and nobody is told to come again: %v", fail, err)
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

// holds fails the test unless a stall is there once, with so many accounts, its money going to this number, or to none.
func (w *world) holds(code string, accounts int, pays string) {
	w.Helper()
	if n := ask[int](w, `SELECT count(*) FROM stalls WHERE code = '`+code+`'`); n != 1 {
		w.Errorf("stall %s is there %d times", code, n)
	}
	if n := ask[int](w, `SELECT count(*) FROM accounts`); n != accounts {
		w.Errorf("%d accounts, want %d", n, accounts)
	}
	if got := w.defaultOf(code); got != pays {
		w.Errorf("money goes to %q, want %q", got, pays)
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
		{"placards without a first event", `SELECT count(*) FROM placards p WHERE NOT EXISTS (SELECT FROM placard_events e WHERE e.market_id = p.market_id AND e.placard_id = p.id AND e.seq = 1)`, 0},
		{"batches that hold another number", `SELECT count(*) FROM print_batches b WHERE b.placards <> (SELECT count(*) FROM placards p WHERE p.market_id = b.market_id AND p.batch_id = b.id)`, 0},
	} {
		if got := ask[int](w, n.sql); got != n.want {
			w.Errorf("%d %s, want %d", got, n.what, n.want)
		}
	}
}
