package coverage_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// What arrives late counts on its own day until the quarter is closed; after that the figures stay, the correction is told, and what was
// known at a time can be asked for.
func TestLateAndClosed(t *testing.T) {
	t.Parallel()
	m := open(t, pgtest.New(t), "VT", "")
	day := func(s string) registry.Day {
		d, err := registry.ParseDay(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	one, two := m.hang(t, "A-1", false), m.hang(t, "A-2", false) // 2 March
	ask := func(q coverage.Question) coverage.Share {
		t.Helper()
		q.Market = "VT"
		got, err := m.cov.Share(t.Context(), m.clerk, q)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	m.at = time.Date(2026, 4, 2, 1, 0, 0, 0, time.UTC)
	if n := ask(coverage.Question{AsOf: day("2026-03-31")}).Accepting; n != 0 {
		t.Fatalf("%d accept before anybody heard of it", n)
	}
	m.record(t, one, registry.NewPlacardEvent{Kind: "installed", Consent: agreed, At: time.Date(2026, 3, 20, 1, 0, 0, 0, time.UTC)})
	for _, tt := range []struct {
		name  string
		q     coverage.Question
		count int
	}{
		{"late, it counts on its own day", coverage.Question{AsOf: day("2026-03-20")}, 1},
		{"and not before", coverage.Question{AsOf: day("2026-03-19")}, 0},
		{"it was not known the day before it arrived", coverage.Question{AsOf: day("2026-03-31"), RecordedUntil: day("2026-04-01").End()}, 0},
		{"known on the day it arrived", coverage.Question{AsOf: day("2026-03-31"), RecordedUntil: day("2026-04-02").End()}, 1},
		{"without a day, that of the knowledge", coverage.Question{RecordedUntil: day("2026-03-31").End()}, 0},
	} {
		if n := ask(tt.q).Accepting; n != tt.count {
			t.Errorf("%s: %d accept, want %d", tt.name, n, tt.count)
		}
	}
	officer := actor("officer", "all")
	if _, err := m.cov.Close(t.Context(), officer, coverage.NewClosing{Quarter: "2026-Q2", Market: "VT"}); fault.CodeOf(err) != "quarter-open" {
		t.Errorf("closing a quarter that goes on: %v", err)
	}
	if _, err := m.cov.Close(t.Context(), m.manager, coverage.NewClosing{Quarter: "2026-Q1", Market: "VT"}); fault.CodeOf(err) != "not-allowed" {
		t.Errorf("a manager closes: %v", err)
	}
	done, err := m.cov.Close(t.Context(), officer, coverage.NewClosing{Quarter: "2026-Q1", Market: "VT"})
	if err != nil || done.Closed != 1 || len(done.Hash) != 64 {
		t.Fatalf("%+v, %v", done, err)
	}
	again, err := m.cov.Close(t.Context(), officer, coverage.NewClosing{Quarter: "2026-Q1"})
	if err != nil || again.Closed != 0 || again.Before != 1 || again.Hash != done.Hash {
		t.Errorf("once more: %+v, %v", again, err)
	}
	m.at = m.at.Add(24 * time.Hour)
	m.record(t, two, registry.NewPlacardEvent{Kind: "installed", Consent: agreed, At: time.Date(2026, 3, 25, 1, 0, 0, 0, time.UTC)})
	for _, tt := range []struct {
		name       string
		asOf       string
		count      int
		correction string
	}{
		{"the last day of the quarter stays", "2026-03-31", 1, "0 1 0"},
		{"and every day in it", "2026-03-25", 1, "0 1 0"},
		{"a day before what was found out", "2026-03-24", 1, ""},
		{"the first open day has it", "2026-04-01", 2, ""},
	} {
		got := ask(coverage.Question{AsOf: day(tt.asOf)})
		said := ""
		if c := got.Correction; c != nil {
			said = fmt.Sprint(c.Vendors, c.Accepting, c.Equipped)
		}
		if got.Accepting != tt.count || said != tt.correction || (got.Closed != nil) != (tt.asOf < "2026-04-01") || got.Closed != nil && got.Closed.Hash != done.Hash {
			t.Errorf("%s: %d accept, correction %q, closed %+v", tt.name, got.Accepting, said, got.Closed)
		}
	}
	if n := ask(coverage.Question{AsOf: day("2026-03-31"), RecordedUntil: m.at}).Accepting; n != 2 {
		t.Errorf("from all that is known %d accepted, want 2", n)
	}
	h, err := m.cov.History(t.Context(), m.clerk, coverage.Trend{Question: coverage.Question{Market: "VT"}, Every: "week", From: day("2026-03-01")})
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	for _, p := range h.Points {
		said += fmt.Sprintf(" %s:%d/%d", p.AsOf, p.Accepting, p.Vendors)
	}
	if said != " 2026-03-06:0/2 2026-03-08:0/2" && said != " 2026-03-01:0/0 2026-03-08:0/2 2026-03-15:0/2 2026-03-22:1/2 2026-03-29:1/2 2026-04-03:2/2" {
		t.Errorf("the series is%s", said)
	}
	m.db.Exec(t.Context(), `UPDATE quarter_closes SET figures = replace(figures, '"accepting":1', '"accepting":2')`)
	if _, err := m.cov.Share(t.Context(), m.clerk, coverage.Question{Market: "VT", AsOf: day("2026-03-31")}); err == nil {
		t.Error("a frozen figure that was changed is told all the same")
	}
	if wrong, err := m.reg.CheckCounts(t.Context(), registry.Console(), "VT", false); err != nil || len(wrong) > 0 {
		t.Errorf("%+v, %v", wrong, err)
	}
}

// A quarter that is closed closes those before it, whose figures do not move any more either; a market that came later keeps none open.
func TestClosingClosesWhatWasBefore(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if err := registry.New(db, time.Now).LoadAreas(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := open(t, db, "VT", "31321")
	day := func(s string) registry.Day {
		d, err := registry.ParseDay(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	one, two := m.hang(t, "A-1", false), m.hang(t, "A-2", false) // 2 March
	m.at = time.Date(2026, 10, 5, 2, 0, 0, 0, time.UTC)
	if _, err := m.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: "ZZ", Name: "Chợ mới", Area: "31321"}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.reg.KeepCounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	officer := actor("officer", "all")
	if done, err := m.cov.Close(t.Context(), officer, coverage.NewClosing{Quarter: "2026-Q3", Market: "VT"}); err != nil || done.Closed != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	m.at = m.at.Add(time.Hour)
	m.record(t, one, registry.NewPlacardEvent{Kind: "installed", Consent: agreed, At: time.Date(2026, 3, 25, 1, 0, 0, 0, time.UTC)})
	m.record(t, two, registry.NewPlacardEvent{Kind: "installed", Consent: agreed, At: time.Date(2026, 6, 20, 1, 0, 0, 0, time.UTC)})
	for _, q := range []coverage.Question{{Market: "VT"}, {Area: "31321"}} {
		for _, on := range []string{"2026-03-31", "2026-06-25", "2026-07-05"} {
			q.AsOf = day(on)
			got, err := m.cov.Share(t.Context(), officer, q)
			if err != nil {
				t.Fatal(err)
			}
			if got.Accepting != 0 || got.Closed == nil || got.Closed.Quarter != "2026-Q"+strconv.Itoa(map[string]int{"03": 1, "06": 2, "07": 3}[on[5:7]]) || got.Correction == nil || got.Correction.Accepting != 1 {
				t.Errorf("%+v: %d accept, closed %+v, correction %+v", q, got.Accepting, got.Closed, got.Correction)
			}
		}
	}
	if again, err := m.cov.Close(t.Context(), officer, coverage.NewClosing{Quarter: "2026-Q1", Market: "VT"}); err != nil || again.Closed != 0 || again.Before != 1 || again.Hash == "" {
		t.Errorf("closing what was closed with it: %+v, %v", again, err)
	}
}

// A market that cannot be counted just now holds up no other.
func TestOneMarketHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	m := open(t, pgtest.New(t), "VT", "")
	other := open(t, m.db, "ZZ", "")
	m.hang(t, "A-1", true)
	other.hang(t, "A-1", true)
	m.at = m.at.Add(20 * day)
	markets, err := m.db.Query(t.Context(), `SELECT id::text FROM markets ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := pgx.CollectRows(markets, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	tx, err := m.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	if _, err := tx.Exec(t.Context(), `SELECT FROM market_now WHERE market_id = $1 FOR UPDATE`, ids[0]); err != nil {
		t.Fatal(err)
	}
	if n, err := m.reg.KeepCounts(t.Context()); n != 1 || err == nil || !strings.Contains(err.Error(), ids[0]) {
		t.Errorf("kept %d, %v", n, err)
	}
	var left int
	if err := m.db.QueryRow(t.Context(), `SELECT count(*) FROM vendor_changes WHERE market_id = $1 AND NOT carried AND since <= $2`, ids[1], m.at).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d changes of the other market wait, %v", left, err)
	}
}

// Many who write in one market at once, and the service that looks after the counters between them, lose and double nothing.
func TestCountersUnderConcurrentWriters(t *testing.T) {
	t.Parallel()
	m := open(t, pgtest.New(t), "VT", "")
	const writers, stalls = 4, 4
	var all sync.WaitGroup
	errs := make(chan error, writers*stalls*8)
	try := func(err error) bool {
		var pg *pgconn.PgError
		waited := errors.As(err, &pg) && pg.Code == "55P03" // on a busy machine a lock may not come in time: nothing was done
		if err != nil && fault.KindOf(err) != fault.Conflict && fault.KindOf(err) != fault.Stale && !waited {
			errs <- err
		}
		return err == nil
	}
	ctx := t.Context()
	for w := range writers {
		all.Go(func() {
			for n := range stalls {
				code := fmt.Sprintf("S-%d-%d", w, n)
				st, err := m.reg.Register(ctx, m.clerk, m.code, registry.NewStall{Code: code, Vendor: &registry.NewVendor{Name: "Tâm"}, Consent: agreed,
					Accounts: []registry.NewAccount{{Provider: "viettel_money", Number: fmt.Sprintf("07%08d", w*100+n), Holder: "TAM"}}})
				if !try(err) {
					continue
				}
				_, err = m.reg.Decide(ctx, m.manager, registry.Decision{Account: st.Accounts[0].ID, ETag: st.Accounts[0].ETag(), Decision: "approve"})
				try(err)
				b, err := m.reg.Issue(ctx, m.clerk, m.code, registry.NewBatch{All: true, Sheet: "a6x4"}, anyFits) // also what others approved
				if try(err) {
					_, ps, err := m.reg.Batch(ctx, m.clerk, b.Ref)
					try(err)
					for _, p := range ps {
						_, err := m.reg.RecordPlacard(ctx, m.manager, p.Serial.String(), registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
						try(err)
					}
				}
				switch n {
				case 1:
					_, err = m.reg.SetStatus(ctx, m.clerk, m.code, code, registry.NewStatus{Status: "closed", Reason: "x"})
				case 2:
					_, err = m.reg.HandOver(ctx, m.clerk, m.code, code, registry.Transfer{Reason: "x", Vendor: registry.NewHolder{Name: "Người mới"}})
				case 3:
					var other registry.Stall
					if other, err = m.reg.Stall(ctx, m.clerk, m.code, fmt.Sprintf("S-%d-0", (w+1)%writers)); err == nil && other.Vendor != nil {
						_, err = m.reg.Merge(ctx, m.clerk, m.code, st.Vendor.ID, registry.Merge{Into: other.Vendor.ID})
					}
				}
				if fault.KindOf(err) != fault.NotFound { // the other one is still to come
					try(err)
				}
			}
		})
	}
	keeping, stop := context.WithCancel(ctx)
	kept := make(chan error, 1)
	go func() {
		for keeping.Err() == nil {
			if _, err := m.reg.KeepCounts(ctx); err != nil {
				kept <- err
				return
			}
		}
		kept <- nil
	}()
	all.Wait()
	stop()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	if err := <-kept; err != nil {
		t.Error(err)
	}
	wrong, err := m.reg.CheckCounts(ctx, registry.Console(), m.code, false)
	if err != nil || len(wrong) > 0 {
		t.Errorf("counters differ from the facts: %+v, %v", wrong, err)
	}
	if wrong, err := m.reg.CheckSums(ctx, false); err != nil || len(wrong) > 0 {
		t.Errorf("sums differ from the changes: %+v, %v", wrong, err)
	}
	now, err := m.cov.Share(ctx, m.clerk, coverage.Question{Market: m.code})
	if err != nil || now.Vendors == 0 || now.Accepting == 0 {
		t.Fatalf("%+v, %v", now, err)
	}
	m.at = m.at.Add(24 * time.Hour)
	then, err := m.cov.Share(ctx, m.clerk, coverage.Question{Market: m.code, AsOf: now.AsOf})
	if err != nil || then.Vendors != now.Vendors || then.Accepting != now.Accepting || then.Funnel[registry.Printed] != now.Funnel[registry.Printed] {
		t.Errorf("the day after, %+v; on the day %+v, %v", then, now, err)
	}
}

// A counter that is wrong is named, and right again once it is mended.
func TestMiscounts(t *testing.T) {
	t.Parallel()
	m := open(t, pgtest.New(t), "VT", "")
	m.hang(t, "A-1", true)
	m.hang(t, "A-2", false)
	if _, err := m.reg.KeepCounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`UPDATE market_now SET accepting = accepting + 1`,
		`UPDATE market_split_now SET vendors = vendors + 1`,
		`UPDATE vendor_changes SET accepting = 0 WHERE accepting = 1`,
		`DELETE FROM vendor_changes`,
		`UPDATE market_day_delta SET vendors = 7`,
		`UPDATE province_sums SET vendors = vendors + 1 WHERE split = 'provider'`,
		`DELETE FROM province_sums WHERE span = 91`,
		`INSERT INTO province_sums (track, split, span, ends, key, vendors) VALUES ('', 'barrier', 7, '2026-03-08', 'fees', 2)`,
		`UPDATE vendor_changes SET summed = false WHERE summed`,
		`UPDATE track_markets SET markets = markets + 1`,
		`DELETE FROM track_markets`,
		`INSERT INTO track_markets (track, markets) VALUES ('nowhere', 2)`,
		`UPDATE market_now SET counted_track = '-'`,
	} {
		if _, err := m.db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		wrong, err := m.reg.CheckCounts(t.Context(), registry.Console(), "VT", true)
		if err != nil {
			t.Fatal(err)
		}
		sums, err := m.reg.CheckSums(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		if len(wrong)+len(sums) == 0 {
			t.Errorf("%s is not found out", sql)
		}
		if wrong, err = m.reg.CheckCounts(t.Context(), registry.Console(), "VT", false); err != nil || len(wrong) > 0 {
			t.Errorf("after %s and mending: %+v, %v", sql, wrong, err)
		}
		if got, err := m.cov.Share(t.Context(), m.clerk, coverage.Question{Market: "VT", By: "provider"}); err != nil || got.Vendors != 2 || got.Accepting != 1 || got.Split[0].Vendors != 2 {
			t.Errorf("after %s and mending: %+v, %v", sql, got, err)
		}
		for _, kept := range []bool{false, true} {
			if kept {
				if _, err := m.reg.KeepCounts(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if wrong, err = m.reg.CheckSums(t.Context(), false); err != nil || len(wrong) > 0 {
				t.Errorf("after %s and mending, kept %v: %+v, %v", sql, kept, wrong, err)
			}
			if got, err := m.cov.Share(t.Context(), actor("officer", "all"), coverage.Question{By: "provider"}); err != nil || got.Markets != 1 || len(got.Split) != 1 || got.Split[0].Vendors != 2 || got.Split[0].Accepting != 1 || len(got.Barriers) != 1 || got.Barriers[0].Code != "never_asked" {
				t.Errorf("after %s and mending, kept %v, of the country: %+v, %v", sql, kept, got, err)
			}
		}
	}
}

// A market from before the counters is answered from the facts until it is counted, and the same from then on.
func TestMarketFromBeforeTheCounters(t *testing.T) {
	t.Parallel()
	m := open(t, pgtest.New(t), "VT", "")
	if err := m.reg.LoadAreas(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.hang(t, "A-1", true)
	m.at = m.at.Add(5 * day)
	m.hang(t, "A-2", false)
	hung := registry.DayOf(m.at).Plus(-1)
	m.at = m.at.Add(40 * day) // the first look at A-1 is overdue by now
	type told struct{ vendors, accepting, overdue, equipped, parts, then, last int }
	ask := func() told {
		t.Helper()
		now, err := m.cov.Share(t.Context(), m.clerk, coverage.Question{Market: "VT", By: "provider"})
		if err != nil {
			t.Fatal(err)
		}
		then, err := m.cov.Share(t.Context(), m.clerk, coverage.Question{Market: "VT", By: "section", AsOf: hung})
		if err != nil {
			t.Fatal(err)
		}
		h, err := m.cov.History(t.Context(), m.clerk, coverage.Trend{Question: coverage.Question{Market: "VT"}, Every: "week"})
		if err != nil {
			t.Fatal(err)
		}
		return told{now.Vendors, now.Accepting, now.Overdue, *now.Equipped.Numerator, len(now.Split), then.Accepting, h.Points[len(h.Points)-2].Vendors}
	}
	want := told{2, 0, 1, 2, 1, 1, 2}
	if got := ask(); got != want {
		t.Fatalf("counted: %+v, want %+v", got, want)
	}
	for _, sql := range []string{`DELETE FROM vendor_changes`, `DELETE FROM market_split_now`, `DELETE FROM market_day_delta`, `DELETE FROM market_split_day_delta`, `DELETE FROM market_now`, `DELETE FROM market_tracks`, `DELETE FROM province_tracks`,
		`INSERT INTO market_now (market_id) SELECT id FROM markets`} {
		if _, err := m.db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.reg.LoadAreas(t.Context()); err != nil { // as every start does
		t.Fatal(err)
	}
	if got := ask(); got != want {
		t.Errorf("from the facts: %+v, want %+v", got, want)
	}
	for _, status := range []string{"closed", "trading"} { // before anybody counted
		if _, err := m.reg.SetStatus(t.Context(), m.clerk, "VT", "A-1", registry.NewStatus{Status: status, Reason: "illness"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.cov.Close(t.Context(), registry.Console(), coverage.NewClosing{Quarter: "2026-Q1"}); fault.CodeOf(err) != "not-counted" {
		t.Errorf("a quarter is closed before it is counted: %v", err)
	}
	if n, err := m.reg.KeepCounts(t.Context()); err != nil || n != 1 {
		t.Fatalf("%d markets, %v", n, err)
	}
	if got := ask(); got != want {
		t.Errorf("counted once more: %+v, want %+v", got, want)
	}
	known, err := m.cov.Share(t.Context(), m.clerk, coverage.Question{Market: "VT", RecordedUntil: hung.End()})
	if err != nil || known.Accepting != 1 {
		t.Errorf("what was recorded before counts as known when it happened: %+v, %v", known, err)
	}
	if wrong, err := m.reg.CheckCounts(t.Context(), registry.Console(), "VT", false); err != nil || len(wrong) > 0 {
		t.Errorf("%+v, %v", wrong, err)
	}
}

// A quarter closes once nobody counts there any more, also where they found nothing to write: what they read was of before the closing.
func TestClosingWaitsForWhoCounts(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if err := registry.New(db, time.Now).LoadAreas(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := open(t, db, "VT", "31321")
	m.hang(t, "A-1", false)
	m.at = time.Date(2026, 10, 5, 2, 0, 0, 0, time.UTC)
	if _, err := m.reg.KeepCounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	type held struct {
		MarketID registry.MarketID
		ID       registry.VendorID
	}
	v, err := postgres.One[held](t.Context(), db, `SELECT market_id, id FROM vendors`, nil)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if err := registry.Recount(t.Context(), tx, v.MarketID, m.at, v.ID); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := m.cov.Close(t.Context(), registry.Console(), coverage.NewClosing{Quarter: "2026-Q3", Market: "VT"})
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("closed while somebody counts: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What was known earlier today is told of today too, however much came since.
func TestASeriesOfWhatWasKnown(t *testing.T) {
	t.Parallel()
	m := open(t, pgtest.New(t), "VT", "")
	m.hang(t, "A-1", true)
	known := m.at
	m.at = m.at.Add(time.Minute)
	m.hang(t, "A-2", true)
	for _, q := range []coverage.Question{{Market: "VT"}, {}, {By: "province"}, {Market: "VT", By: "provider"}} {
		for until, want := range map[time.Time]int{known: 1, m.at: 2, {}: 2} {
			q.RecordedUntil = until
			got, err := m.cov.History(t.Context(), actor("officer", "all"), coverage.Trend{Question: q})
			if err != nil {
				t.Fatal(err)
			}
			if last := got.Points[len(got.Points)-1]; last.AsOf != registry.DayOf(m.at) || last.Vendors != want || last.Accepting != want {
				t.Errorf("%+v: %d of %d on %s, want %d", q, last.Accepting, last.Vendors, last.AsOf, want)
			}
			for _, s := range got.Series {
				if last := s.Points[len(s.Points)-1]; last.Accepting != want && s.Key != "" || q.By == "province" && last.Accepting != want {
					t.Errorf("%+v, %q: %d, want %d", q, s.Key, last.Accepting, want)
				}
			}
		}
	}
}

// A market's past day is what changed up to it, or what stands now less what came since, what falls due later today included.
func TestAMarketsPastDays(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	m := open(t, db, "VT", "")
	if _, err := m.reg.Register(t.Context(), m.clerk, "VT", registry.NewStall{Code: "A-1", Vendor: &registry.NewVendor{Name: "Lý Minh Tâm"}, Consent: agreed,
		Accounts: []registry.NewAccount{{Provider: "viettel_money", Number: "0712345678", Holder: "LY MINH TAM"}}}); err != nil {
		t.Fatal(err)
	}
	first := registry.DayOf(m.at)
	ends := m.at.Add(registry.ProposalLives)
	for _, tt := range []struct {
		name             string
		now              time.Time
		on               registry.Day
		vendors, account int
	}{
		{"the day before", m.at.Add(300 * 24 * time.Hour), first.Plus(-1), 0, 0},
		{"the day itself, long ago", m.at.Add(300 * 24 * time.Hour), first, 1, 1},
		{"the last day of the proposal, long ago", m.at.Add(300 * 24 * time.Hour), registry.DayOf(ends).Plus(-1), 1, 1},
		{"the day of its end, long ago", m.at.Add(300 * 24 * time.Hour), registry.DayOf(ends), 1, 0},
		{"the day before its end, which comes later today", ends.Add(-time.Minute), registry.DayOf(ends).Plus(-1), 1, 1},
		{"the day before its end, which was today", ends.Add(time.Minute), registry.DayOf(ends).Plus(-1), 1, 1},
		{"the day itself, lately", ends.Add(time.Minute), first, 1, 1},
	} {
		m.at = tt.now
		got, err := m.cov.Share(t.Context(), m.manager, coverage.Question{Market: "VT", AsOf: tt.on})
		if err != nil || got.Markets != 1 || got.Vendors != tt.vendors || got.Funnel[registry.HasAccount].Vendors != tt.account {
			t.Errorf("%s: %d markets, %+v, %v; want %d and %d", tt.name, got.Markets, got.Funnel, err, tt.vendors, tt.account)
		}
	}
}
