package coverage_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
)

// Figures come from the replica while it follows, and from the main database otherwise. Databases of one server stand for both: one with a vendor more
// than the other shows which was read.
func TestReplica(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	at := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	market := func(stalls ...string) *pgxpool.Pool {
		db := pgtest.New(t)
		reg := registry.New(db, now)
		if _, err := reg.AddMarket(ctx, registry.Console(), registry.NewMarket{Code: "VT", Name: "Chợ Vị Thanh"}); err != nil {
			t.Fatal(err)
		}
		for _, code := range stalls {
			if _, err := reg.Register(ctx, registry.Console(), "VT", registry.NewStall{Code: code, Vendor: &registry.NewVendor{Name: "Lý Minh Tâm " + code}}); err != nil {
				t.Fatal(err)
			}
		}
		return db
	}
	main, follows := market("A-1"), market("A-1", "A-2")
	empty := pgtest.New(t)
	for _, tt := range []struct {
		name, url string
		want      int
	}{
		{"none", "", 1},
		{"one that follows", follows.Config().ConnString(), 2},
		{"one that does not know the market yet", empty.Config().ConnString(), 1},
		{"one that is gone", "postgres://nobody@127.0.0.1:1/nothing?connect_timeout=1", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			figures := coverage.New(main, now)
			if tt.url != "" {
				r, err := postgres.OpenReplica(ctx, tt.url, main)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(r.Close)
				figures = figures.From(r)
			}
			s, err := figures.Share(ctx, registry.Console(), coverage.Question{Market: "VT"})
			if err != nil || s.Vendors != tt.want || s.Freshness.After(at) {
				t.Errorf("%d vendors as of %v, %v; want %d", s.Vendors, s.Freshness, err, tt.want)
			}
			h, err := figures.History(ctx, registry.Console(), coverage.Trend{Question: coverage.Question{Market: "VT"}})
			if err != nil || h.Points[len(h.Points)-1].Vendors != tt.want {
				t.Errorf("history %+v, %v; want %d at its end", h, err, tt.want)
			}
		})
	}
}
