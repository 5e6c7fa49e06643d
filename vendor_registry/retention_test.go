package registry_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
	"cho40/vendor_registry/fieldwork"
)

// What is too old goes once, and visits leave their number behind; what is younger by a day stays.
func TestRetain(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // 2026-11-22
	w.stall("A-1")
	visit := func(at time.Time, outcome, barrier string, voided bool) {
		w.exec(`INSERT INTO visits (market_id, id, stall_id, outcome, barrier, note, at, by, recorded_at, recorded_by, voided_at, voided_by, void_reason)
			SELECT market_id, gen_random_uuid(), id, $2, nullif($3, ''), 'x', $1, 'person:x', $1, 'person:x', CASE WHEN $4 THEN $1::timestamptz END, CASE WHEN $4 THEN 'person:x' END, CASE WHEN $4 THEN 'x' END
			FROM stalls`, at, outcome, barrier, voided)
	}
	old := time.Date(2024, 10, 31, 18, 0, 0, 0, time.UTC) // the first of November there
	for range 2 {
		visit(old, "refused", "tax_worry", false)
	}
	visit(old, "done", "", false)
	visit(old, "done", "", true)
	visit(time.Date(2024, 11, 21, 16, 59, 0, 0, time.UTC), "absent", "", false) // the last minute of the day before
	visit(time.Date(2024, 11, 21, 17, 0, 0, 0, time.UTC), "absent", "", false)  // two years to the day
	for _, days := range []int{29, 30} {
		w.exec(`INSERT INTO idempotency (actor, key, request, status, headers, body, at) VALUES ('person:x', $1::text, 'x', 200, '{}', 'x', $2)`,
			strconv.Itoa(days), w.clock.now().Add(-time.Duration(days)*day))
	}
	if _, err := w.reg.PreviewImport(t.Context(), w.clerk, "VT", "so.csv", stream("Mã quầy;Tên hộ kinh doanh;Số điện thoại\nB-1;Lý Minh Tâm;0912\nB-2;Trần Văn Bê;0710000002\n"), true); err != nil {
		t.Fatal(err)
	}
	want := []registry.LetGo{{"visits", 5}, {"answers", 1}, {"previews", 0}, {"changes", 0}, {"deliveries", 0}}
	if got, err := w.reg.Retain(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("let go of %v, %v; want %v", got, err, want)
	}
	counts := ask[string](w, `SELECT string_agg(month || ' ' || outcome || ' ' || barrier || ' ' || visits, ', ' ORDER BY month, outcome, barrier) FROM visit_counts`)
	if want := "2024-11-01 absent  1, 2024-11-01 done  1, 2024-11-01 refused tax_worry 2"; counts != want {
		t.Errorf("counts are %q, want %q", counts, want)
	}
	if n := ask[int](w, `SELECT count(*) FROM visits`); n != 1 {
		t.Errorf("%d visits are left", n)
	}
	w.clock.pass(25 * time.Hour)
	want = []registry.LetGo{{"visits", 1}, {"answers", 1}, {"previews", 1}, {"changes", 0}, {"deliveries", 0}}
	if got, err := w.reg.Retain(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("a day later: %v, %v; want %v", got, err, want)
	}
	if n := ask[int](w, `SELECT count(*) FROM imports WHERE ledger IS NOT NULL OR sheet IS NOT NULL OR report::text LIKE '%0912%'`); n != 0 {
		t.Error("cells of the preview are left")
	}
	before := w.contents()
	if _, err := w.reg.Retain(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.same(before)
	if n := ask[int](w, `SELECT count(*) FROM audit_events WHERE action = 'retention.ran'`); n != 4 {
		t.Errorf("%d runs are in the record, want two of the market and two of the service", n)
	}
	w.whole()
}

// A visit that became a count leaves the vendor's reason where it was, in the figures of the past and in those of today.
func TestReasonsOutliveVisits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cov, field := coverage.New(w.db, w.clock.now), fieldwork.New(w.db, w.reg)
	w.stall("A-1")
	first := w.reg.Today()
	if _, err := field.RecordVisit(t.Context(), w.clerk, "VT", "A-1", fieldwork.NewVisit{Outcome: "helped", Barrier: "fees"}); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(time.Hour)
	mistaken, err := field.RecordVisit(t.Context(), w.clerk, "VT", "A-1", fieldwork.NewVisit{Outcome: "helped", Barrier: "no_phone"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := field.VoidVisit(t.Context(), w.clerk, mistaken.Ref, "nhầm quầy"); err != nil {
		t.Fatal(err)
	}
	reasons := func() string {
		t.Helper()
		said := ""
		for _, day := range []registry.Day{first, {}} {
			got, err := cov.Share(t.Context(), w.officer, coverage.Question{Market: "VT", AsOf: day})
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range got.Barriers {
				said += fmt.Sprint(b.Code, b.Vendors, " ")
			}
		}
		return said
	}
	w.clock.pass(800 * day)
	if got, err := w.reg.Retain(t.Context()); err != nil || got[0].Rows != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	for _, touch := range []string{"closed", "trading"} {
		if got := reasons(); got != "fees1 fees1 " && touch == "closed" || got != "fees1 " && touch == "trading" {
			t.Errorf("before the stall is %s the reasons are %s", touch, got)
		}
		w.whole()
		if _, err := w.reg.SetStatus(t.Context(), w.clerk, "VT", "A-1", registry.NewStatus{Status: touch, Reason: "illness"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := reasons(); got != "fees1 fees1 " {
		t.Errorf("after the vendor came back the reasons are %s", got)
	}
	if n := ask[int](w, `SELECT count(*) FROM visits`); n != 0 {
		t.Errorf("%d visits are left", n)
	}
}
