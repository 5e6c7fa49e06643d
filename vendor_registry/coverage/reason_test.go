package coverage_test

import (
	"fmt"
	"strings"
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
		`INSERT INTO market_split_now (market_id, split, key, vendors, stands) SELECT id, 'barrier', r.key, r.vendors, r.vendors::bigint * (r.day - date '1970-01-01')
		 FROM markets, (VALUES ('fees', 300000, date '2026-11-10'), ('no_signal', 100000, '2026-11-12')) r (key, vendors, day)`,
		`INSERT INTO market_split_day_delta (market_id, split, key, day, vendors, stands) SELECT market_id, split, key, date '1970-01-01' + (stands / vendors)::int, vendors, stands FROM market_split_now`,
		`INSERT INTO province_sums (track, split, span, ends, key, vendors, stands)
		 SELECT w.track, x.split, s.span, s.ends, x.key, sum(x.vendors), sum(x.stands)
		 FROM (SELECT market_id, '' AS split, '' AS key, vendors, 0 AS stands, date '2026-11-01' AS day FROM market_day_delta
		       UNION ALL SELECT market_id, split, key, vendors, stands, day FROM market_split_day_delta) x
		 JOIN market_now n ON n.market_id = x.market_id AND n.track IS NOT NULL CROSS JOIN LATERAL (VALUES (n.track), ('*')) w (track)
		 JOIN (VALUES (date '2026-11-01', 1, date '2026-11-01'), ('2026-11-01', 7, '2026-11-01'), ('2026-11-01', 91, '2027-01-17'),
		              ('2026-11-10', 1, '2026-11-10'), ('2026-11-10', 7, '2026-11-15'), ('2026-11-10', 91, '2027-01-17'),
		              ('2026-11-12', 1, '2026-11-12'), ('2026-11-12', 7, '2026-11-15'), ('2026-11-12', 91, '2027-01-17')) s (day, span, ends) ON s.day = x.day
		 GROUP BY 1, 2, 3, 4, 5`,
	} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		q       coverage.Question
		markets int
		want    string // reasons with their vendors and days
	}{
		"now":                    {coverage.Question{}, 2, "fees 600000 14, no_signal 200000 12, never_asked 200000"},
		"of one market":          {coverage.Question{Market: "A"}, 1, "fees 300000 14, no_signal 100000 12, never_asked 100000"},
		"on a past day":          {coverage.Question{AsOf: registry.DayOf(at.AddDate(0, 0, -4))}, 2, "fees 600000 10, no_signal 200000 8, never_asked 200000"},
		"on the day itself":      {coverage.Question{AsOf: registry.DayOf(at.AddDate(0, 0, -14))}, 2, "fees 600000 0, never_asked 400000"},
		"of one market, earlier": {coverage.Question{Market: "A", AsOf: registry.DayOf(at.AddDate(0, 0, -4))}, 1, "fees 300000 10, no_signal 100000 8, never_asked 100000"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cov.Share(t.Context(), registry.Console(), tt.q)
			if err != nil {
				t.Fatal(err)
			}
			var reasons []string
			for _, b := range got.Barriers {
				reason := fmt.Sprint(b.Code, " ", b.Vendors)
				if b.Days != nil {
					reason += fmt.Sprint(" ", *b.Days)
				}
				reasons = append(reasons, reason)
			}
			if all := strings.Join(reasons, ", "); all != tt.want || got.Markets != tt.markets {
				t.Errorf("%d markets, %s; want %d, %s", got.Markets, all, tt.markets, tt.want)
			}
		})
	}
}
