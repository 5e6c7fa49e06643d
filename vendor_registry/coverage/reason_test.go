package coverage_test

import (
	"testing"
	"time"

	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
)

// TestReasonsOfACountry: for how many days they stand is worked out from sums of days since 1970, of which an integer holds those of some 100,000 vendors.
func TestReasonsOfACountry(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	at := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	reg, cov := registry.New(db, now), coverage.New(db, now)
	for _, code := range []string{"A", "B"} {
		if _, err := reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: code, Name: "Chợ " + code}); err != nil {
			t.Fatal(err)
		}
	}
	// A school with as many: it is no market, and in no figure.
	if _, err := reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: "S", Name: "Trường học", Site: "school"}); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`UPDATE market_now SET vendors = 500000`,
		`INSERT INTO market_day_delta (market_id, day, vendors) SELECT id, '2026-11-01', 500000 FROM markets`,
		`INSERT INTO market_split_now (market_id, split, key, vendors, stands) SELECT id, 'barrier', 'fees', 400000, 400000::bigint * (date '2026-11-10' - date '1970-01-01') FROM markets`,
		`INSERT INTO market_split_day_delta (market_id, split, key, day, vendors, stands) SELECT market_id, split, key, '2026-11-10', vendors, stands FROM market_split_now`,
		`INSERT INTO province_sums (track, split, span, ends, key, vendors, stands)
		 SELECT w.track, x.split, s.span, s.ends, x.key, sum(x.vendors), sum(x.stands)
		 FROM (SELECT market_id, '' AS split, '' AS key, vendors, 0 AS stands, date '2026-11-01' AS day FROM market_day_delta
		       UNION ALL SELECT market_id, split, key, vendors, stands, day FROM market_split_day_delta) x
		 JOIN market_now n ON n.market_id = x.market_id AND n.track IS NOT NULL CROSS JOIN LATERAL (VALUES (n.track), ('*')) w (track)
		 JOIN (VALUES (date '2026-11-01', 1, date '2026-11-01'), ('2026-11-01', 7, '2026-11-01'), ('2026-11-01', 91, '2027-01-17'),
		              ('2026-11-10', 1, '2026-11-10'), ('2026-11-10', 7, '2026-11-15'), ('2026-11-10', 91, '2027-01-17')) s (day, span, ends) ON s.day = x.day
		 GROUP BY 1, 2, 3, 4, 5`,
	} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		q             coverage.Question
		vendors, days int
	}{
		"now":                    {coverage.Question{}, 800_000, 14},
		"of one market":          {coverage.Question{Market: "A"}, 400_000, 14},
		"on a past day":          {coverage.Question{AsOf: registry.DayOf(at.AddDate(0, 0, -4))}, 800_000, 10},
		"on the day itself":      {coverage.Question{AsOf: registry.DayOf(at.AddDate(0, 0, -14))}, 800_000, 0},
		"of one market, earlier": {coverage.Question{Market: "A", AsOf: registry.DayOf(at.AddDate(0, 0, -4))}, 400_000, 10},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cov.Share(t.Context(), registry.Console(), tt.q)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Barriers) != 2 || got.Barriers[0].Code != "fees" || got.Barriers[0].Vendors != tt.vendors || got.Barriers[0].Days == nil || *got.Barriers[0].Days != tt.days {
				t.Errorf("%+v; want fees of %d vendors for %d days", got.Barriers, tt.vendors, tt.days)
			}
		})
	}
}
