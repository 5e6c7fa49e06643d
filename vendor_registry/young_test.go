package registry_test

import (
	"fmt"
	"testing"

	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5/pgxpool"
)

// In a young database the plans of a session are of when its tables were nearly empty. What goes through many rows then still reads so many
// for each of them, and not all that the market has.
func TestManyRowsInAYoungDatabase(t *testing.T) {
	t.Parallel()
	const n, most = 400, 300 // stalls; rows of any table that are read for each
	numbered := func(from, n int) (rows []string) {
		for i := from; i < from+n; i++ {
			rows = append(rows, fmt.Sprintf("A-%04d;Khu A;Rau;Người %d;071%07d;071%07d;", i, i, i, i))
		}
		return rows
	}
	config := pgtest.OneServer(t).Config().Copy()
	config.MaxConns = 2 // one does it, one says how far that is
	db, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	w, before := newWorldOn(t, db), 0
	read := func() int { // since it was asked last
		t.Helper()
		held := []*pgxpool.Conn{}
		for range config.MaxConns {
			conn, err := db.Acquire(t.Context())
			if err == nil {
				held = append(held, conn)
				_, err = conn.Exec(t.Context(), `SELECT pg_stat_force_next_flush()`)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, conn := range held {
			conn.Release()
		}
		all := ask[int](w, `SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int FROM pg_stat_user_tables`)
		rows := all - before
		before = all
		return rows
	}
	few := func(what string) {
		t.Helper()
		if rows := read(); rows < n || rows > most*n {
			t.Errorf("%s: %d rows are read for %d", what, rows, n)
		}
	}
	approve := func() {
		t.Helper()
		waiting, err := w.reg.Pending(t.Context(), w.manager, "VT")
		if err != nil {
			t.Fatal(err)
		}
		var ds []registry.Decision
		for _, p := range waiting {
			ds = append(ds, approval(p.Account))
		}
		if _, err := w.reg.DecideMany(t.Context(), w.manager, "VT", ds); err != nil {
			t.Fatal(err)
		}
	}
	issue := func() registry.Batch {
		t.Helper()
		b, _ := w.issue(registry.NewBatch{All: true})
		return b
	}
	printed := func(b registry.Batch) {
		t.Helper()
		if err := w.reg.Printed(t.Context(), w.clerk, b.Ref); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 { // so often a session plans a statement before it keeps one plan
		w.importAll(file(numbered(12*i, 12)...))
		approve()
		printed(issue())
		w.exec(`ANALYZE`)
	}
	read()
	w.importAll(file(numbered(1000, n)...))
	few("a ledger")
	approve()
	few("approving it")
	b := issue()
	few("issuing its placards")
	printed(b)
	few("printing them")
}
