package registry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	registry "cho40/vendor_registry"
)

// A batch says how far its drawing is: to whoever looks meanwhile, after it failed, after it was cut off, and once it is done.
func TestBatchSaysHowFarItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 3 {
		w.approve(w.stall(fmt.Sprint("A-", i), numbered(viettel, i)).Accounts[0])
	}
	b, _ := w.issue(registry.NewBatch{All: true})
	is := func(when, state string, done int) {
		t.Helper()
		one, _, err := w.reg.Batch(t.Context(), w.clerk, b.Ref)
		if err != nil || one.Work.State != state || one.Work.Done != done {
			t.Errorf("%s: %+v, %v; want %s, %d", when, one.Work, err, state, done)
		}
		all, err := w.reg.Batches(t.Context(), w.clerk, "VT")
		if err != nil || len(all) != 1 || all[0].Work != one.Work {
			t.Errorf("%s, in the list: %+v, %v", when, all, err)
		}
		way, err := w.reg.UnderWay(t.Context(), w.clerk, "VT")
		if found := len(way) == 1 && *way[0].Batch == b.Ref && way[0].Work == one.Work; err != nil || found == (state == "ended") {
			t.Errorf("%s, under way: %+v, %v", when, way, err)
		}
	}
	meanwhile := "runs"
	draw := func(err error) error {
		return w.reg.DrawBatch(t.Context(), w.clerk, b.Ref, func(_ context.Context, _ registry.Batch, _ registry.Cells, drawn func(int)) error {
			drawn(2)
			if meanwhile == "runs" {
				is("meanwhile", meanwhile, 2)
			} else { // they are on paper already
				is("meanwhile", meanwhile, 3)
			}
			return err
		})
	}
	is("nobody began", "stopped", 0)
	broken := errors.New("a code does not read back")
	if err := draw(broken); !errors.Is(err, broken) {
		t.Error(err)
	}
	is("it failed", "stopped", 2)
	w.exec(`UPDATE works SET state = 'runs', beat_at = $1`, w.clock.now()) // as a program that was killed leaves it
	is("just cut off", "runs", 2)
	w.clock.pass(31 * time.Second)
	is("silent for long", "stopped", 2)
	for range 2 { // two people press the button
		if err := draw(nil); err != nil {
			t.Fatal(err)
		}
		is("done", "ended", 3)
		meanwhile = "ended"
	}
	if n := ask[int](w, `SELECT count(*) FROM placard_events WHERE kind = 'printed'`); n != 3 {
		t.Errorf("%d placards were printed, want 3 once each", n)
	}
	w.exec(`DELETE FROM works`) // the release before keeps none
	is("of the release before", "ended", 3)
	w.whole()
}

// A long list says how far it is while it leaves, and whether it came whole; a short one is only told of.
func TestExportSaysHowFarItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	is := func(when string, want registry.Work) {
		t.Helper()
		all, err := w.reg.Exports(t.Context(), w.manager, "VT")
		if err != nil || len(all) == 0 || all[0].Work != want || all[0].List != registry.ListStalls || all[0].Format != "csv" || all[0].To == "" {
			t.Errorf("%s: %+v, %v; want %+v", when, all, err, want)
		}
		way, err := w.reg.UnderWay(t.Context(), w.manager, "VT")
		if err != nil || (len(way) == 1 && way[0].List == registry.ListStalls) != (want.State == "runs") {
			t.Errorf("%s, under way: %+v, %v", when, way, err)
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	take := func(row func(n int) error) error {
		n := 0
		return w.reg.ExportStalls(ctx, w.manager, "VT", registry.ListStalls, registry.Export{Format: "csv"}, func(r registry.Rows[registry.ExportedStall]) error {
			return r.Each(func(registry.ExportedStall) error { n++; return row(n) })
		})
	}
	w.stall("A-1")
	if err := take(func(int) error { return nil }); err != nil {
		t.Fatal(err)
	}
	is("short", registry.Work{})
	w.exec(`INSERT INTO stalls (market_id, id, code, code_key, code_fold, section, goods, position, created_at)
	        SELECT market_id, gen_random_uuid(), 'B-' || n, 'B-' || n, 'b ' || n, '', '', n + 10, created_at FROM stalls, generate_series(1, 2500) n`)
	if err := take(func(n int) error {
		if n == 2001 {
			is("meanwhile", registry.Work{State: "runs", Done: 2000, Total: 2501})
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	is("done", registry.Work{State: "ended", Done: 2501, Total: 2501})
	gone := errors.New("the reader is gone")
	if err := take(func(n int) error {
		if n == 2400 {
			leave()
			return gone
		}
		return nil
	}); !errors.Is(err, gone) {
		t.Error(err)
	}
	is("broken off", registry.Work{State: "stopped", Done: 2000, Total: 2501})
	if _, err := w.reg.Exports(t.Context(), w.clerk, "VT"); err == nil {
		t.Error("who may not take lists out sees who did")
	}
}

// A ledger that goes in is found again, from the list of imports and from the market, until it has been silent for long.
func TestImportIsFoundAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	im := w.preview("Mã quầy;Tên tiểu thương\nA-1;Lan\n")
	is := func(when, state string, want registry.Work) {
		t.Helper()
		all, err := w.reg.Imports(t.Context(), w.clerk, "VT")
		if err != nil || len(all) != 1 || all[0].State != state || all[0].Work() != want {
			t.Errorf("%s: %+v, %v; want %s, %+v", when, all, err, state, want)
		}
		way, err := w.reg.UnderWay(t.Context(), w.clerk, "VT")
		if err != nil || (len(way) == 1 && *way[0].Import == im.Ref && way[0].Work == want) != (want.State == "runs") {
			t.Errorf("%s, under way: %+v, %v", when, way, err)
		}
	}
	is("a preview", "preview", registry.Work{})
	w.exec(`UPDATE imports SET beat_at = $1, done = 500, total = 2000`, w.clock.now())
	is("meanwhile", "committing", registry.Work{State: "runs", Done: 500, Total: 2000})
	w.clock.pass(31 * time.Second)
	is("silent for long", "preview", registry.Work{})
}
