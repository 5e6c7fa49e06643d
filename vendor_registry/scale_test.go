package registry_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
)

// A market's day from the register to the figures, on every kind of database.
func TestAMarketOnEachDatabase(t *testing.T) {
	t.Parallel()
	pgtest.Each(t, func(t *testing.T, db *pgxpool.Pool) {
		w := newWorldOn(t, db)
		w.stall("A-1", numbered(viettel, 1))
		p := w.placard("A-2", numbered(viettel, 2))
		w.record(p.Serial, registry.NewPlacardEvent{Kind: "handed_over"})
		w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed"})
		if got, err := w.reg.Placard(t.Context(), w.manager, p.Serial.String()); err != nil || got.Stall != "A-2" {
			t.Errorf("the placard by its serial: %+v, %v", got, err)
		}
		if codes, _ := w.search(w.manager, "ly minh tam", "VT"); len(codes) != 2 {
			t.Errorf("found %v", codes)
		}
		if _, err := w.reg.Expire(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := w.reg.KeepCounts(t.Context()); err != nil {
			t.Error(err)
		}
		figures := coverage.New(w.db, w.clock.now)
		for _, q := range []coverage.Question{{Market: "VT"}, {Market: "VT", By: "section"}, {}, {By: "province"}, {By: "provider"}} {
			s, err := figures.Share(t.Context(), w.officer, q)
			if err != nil || s.Vendors != 2 || s.Funnel[registry.Installed].Vendors != 1 {
				t.Errorf("%+v: %+v, %v", q, s, err)
			}
		}
		if h, err := figures.History(t.Context(), w.officer, coverage.Trend{Question: coverage.Question{Market: "VT"}, Every: "week"}); err != nil || len(h.Points) == 0 {
			t.Errorf("history: %+v, %v", h, err)
		}
		w.whole()
		_, err := w.answer(w.manager, w.asked(w.look("A-1").Vendor.ID, registry.NewRequest{Kind: "delete"}), "done")
		if spread := ask[bool](w, `SELECT to_regclass('pg_dist_partition') IS NOT NULL`); spread {
			isFault(t, err, "erasure-by-owner")
		} else if err != nil {
			t.Error(err)
		}
	})
}
