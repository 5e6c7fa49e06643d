package coverage_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
)

// Markets of a province that became a part of another: the figures as it was then, and on today's map.
func TestAreasThenAndToday(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	at := time.Date(2025, 3, 3, 1, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	reg, cov := registry.New(db, now), coverage.New(db, now)
	if err := reg.LoadAreas(t.Context()); err != nil {
		t.Fatal(err)
	}
	enter := func(code, area string, site registry.Site, vendors int) {
		t.Helper()
		if _, err := reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: code, Name: "Chợ " + code, Area: area, Site: site}); err != nil {
			t.Fatal(err)
		}
		for n := range vendors {
			if _, err := reg.Register(t.Context(), registry.Console(), code, registry.NewStall{Code: fmt.Sprintf("S-%d", n), Vendor: &registry.NewVendor{Name: "Lý Minh Tâm"}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	enter("HG", "31318", "", 2)             // Phường I, Vị Thanh, Hậu Giang
	enter("CT", "31117", "", 3)             // Cần Thơ as it was
	enter("BC", "31321", registry.Desk, 40) // no market
	enter("BD", "09247", "", 1)             // far away
	at = time.Date(2025, 7, 2, 1, 0, 0, 0, time.UTC)
	r, err := reg.ImportAreas(t.Context(), registry.Console(), strings.NewReader("code,name,parent,effective_on,successors\n01,Thành phố Hà Nội,,2025-07-01,\n"), "m.csv", false)
	if err != nil || len(r.Moves) < 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	at = time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
	enter("LATE", "31321", "", 5) // entered since, in the ward that Phường I became
	at = at.AddDate(0, 0, 3)

	tests := []struct {
		name, area, asOf, of, by string
		vendors                  int
		parts, said              string // said: the map, and what the area became
	}{
		{"the old province as it was then", "93", "2025-06-30", "", "market", 2, "HG 2, LATE 0", "then"},
		{"the same, said in so many words", "93", "2025-06-30", "then", "", 2, "", "then"},
		{"by commune, with the names of then", "93", "2025-06-30", "then", "commune", 2, " 0, 31318 Phường I 2", "then"},
		{"the old province on today's map: the whole that it is in", "93", "2025-06-30", "today", "market", 5, "CT 3, HG 2, LATE 0", "today 92"},
		{"its parts are of today then", "93", "2025-06-30", "today", "province", 5, "92 Thành phố Cần Thơ 5", "today 92"},
		{"the bigger city on today's map, of a day before it was", "92", "2025-06-30", "", "market", 5, "CT 3, HG 2, LATE 0", "today"},
		{"the city as it was then, without what it took in", "92", "2025-06-30", "then", "market", 3, "CT 3", "then"},
		{"the city as it is, then or today", "92", "2026-03-02", "then", "market", 10, "CT 3, HG 2, LATE 5", "then"},
		{"the city on a past day, to who may see the city alone", "92", "2025-09-30", "", "", 5, "", "today"},
		{"the old province of a day when it was no more: where it was", "93", "2026-03-02", "", "market", 7, "HG 2, LATE 5", "then"},
		{"the old province now", "93", "", "then", "", 7, "", "then"},
		{"the old district", "930", "2025-06-30", "", "market", 2, "HG 2, LATE 0", "then"},
		{"the old ward", "31318", "2025-06-30", "", "market", 2, "HG 2", "then"},
		{"the old ward on today's map", "31318", "", "today", "market", 7, "HG 2, LATE 5", "today 31321"},
		{"the new ward", "31321", "", "", "market", 7, "HG 2, LATE 5", "today"},
		{"the ward whose code went on, as it was then", "31321", "2025-06-30", "then", "market", 0, "", "then"},
		{"everything by province, then", "", "2025-06-30", "then", "province", 6, "27 Tỉnh Bắc Ninh 1, 92 Thành phố Cần Thơ 3, 93 Tỉnh Hậu Giang 2", ""},
		{"everything by province, of a day when there was all of it", "", "2026-03-02", "", "province", 11, "24 Tỉnh Bắc Ninh 1, 92 Thành phố Cần Thơ 10", ""},
		{"everything by province, now", "", "", "", "province", 11, "24 Tỉnh Bắc Ninh 1, 92 Thành phố Cần Thơ 10", ""},
		{"the new ward on a past day", "31321", "2026-03-02", "", "", 7, "", "today"},
		{"everything by province, today", "", "2025-06-30", "today", "province", 6, "24 Tỉnh Bắc Ninh 1, 92 Thành phố Cần Thơ 5", ""},
	}
	for _, kept := range []string{"", ", from the days of provinces", ", a market moved since", ", and kept again"} {
		switch kept {
		case ", a market moved since": // and back: the days of its province are not what they were meanwhile
			for _, to := range []string{"01", "31321"} {
				m, err := reg.Market(t.Context(), registry.Console(), "LATE")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := reg.EditMarket(t.Context(), registry.Console(), "LATE", m.ETag(), registry.ChangedMarket{Area: &to}); err != nil {
					t.Fatal(err)
				}
				if to == "01" {
					if _, err := reg.KeepCounts(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
		case "":
		default:
			if _, err := reg.KeepCounts(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, tt := range tests {
			t.Run(tt.name+kept, func(t *testing.T) {
				q := coverage.Question{Area: tt.area, Map: tt.of, By: tt.by}
				if tt.asOf != "" {
					if q.AsOf, err = registry.ParseDay(tt.asOf); err != nil {
						t.Fatal(err)
					}
				}
				got, err := cov.Share(t.Context(), actor("officer", "all"), q)
				if err != nil {
					t.Fatal(err)
				}
				var parts []string
				for _, p := range got.Split {
					name := p.Name
					if tt.by == "market" {
						name = ""
					}
					parts = append(parts, strings.TrimRight(p.Key+" "+name, " ")+fmt.Sprintf(" %d", p.Vendors))
				}
				slices.Sort(parts)
				if got.Vendors != tt.vendors || strings.Join(parts, ", ") != tt.parts && tt.parts != "" {
					t.Errorf("%d vendors, %q; want %d, %q", got.Vendors, strings.Join(parts, ", "), tt.vendors, tt.parts)
				}
				if said := strings.Join(append([]string{got.Map}, got.Areas...), " "); said != tt.said {
					t.Errorf("it says %q, want %q", said, tt.said)
				}
				if tt.area == "92" && tt.by == "" { // an officer of the bigger city sees of it what one of the country sees
					city, err := cov.Share(t.Context(), actor("officer", "area:92"), q)
					if err != nil || city.Vendors != got.Vendors {
						t.Errorf("an officer of the city is told %d, %v", city.Vendors, err)
					}
				}
				// A series ends with the figure, and says the same of it on the way.
				h, err := cov.History(t.Context(), actor("officer", "all"), coverage.Trend{Question: q, Every: "month", From: registry.DayOf(at).Plus(-500)})
				if err != nil || h.Points[len(h.Points)-1].Vendors != got.Vendors {
					t.Errorf("the series ends with %+v, %v; want %d", h.Points[len(h.Points)-1:], err, got.Vendors)
				}
			})
		}
	}
	for _, tt := range []struct {
		name string
		by   registry.Actor
		q    coverage.Question
		want string
	}{
		{"another map", actor("officer", "all"), coverage.Question{Area: "93", Map: "tomorrow"}, "map-unknown"},
		{"an area out of scope", actor("officer", "area:01"), coverage.Question{Area: "93"}, "area-not-found"},
		{"a desk", registry.Console(), coverage.Question{Market: "BC"}, "site-no-market"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := cov.Share(t.Context(), tt.by, tt.q); fault.CodeOf(err) != tt.want {
				t.Errorf("err = %v, want %s", err, tt.want)
			}
		})
	}
}
