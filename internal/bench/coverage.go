package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"cho40/internal/auth"
	"cho40/internal/bench/nation"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
	"cho40/web"
)

// counting measures the figures of a country with a year of history, as package coverage answers them and as the API does, and what
// keeping them costs a registration.
func (c *country) counting() (group, error) {
	ctx := context.Background()
	var cov *coverage.Service
	var provinces []string
	var get func(path string) error
	there := func() error {
		if cov != nil {
			return nil
		}
		if err := c.there(); err != nil {
			return err
		}
		if err := nation.Remember(ctx, c.db, time.Now(), progress); err != nil {
			return err
		}
		rows, err := c.db.Query(ctx, `SELECT DISTINCT province FROM market_tracks WHERE province <> '' AND until = 'infinity' ORDER BY 1`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var p string
			if err := rows.Scan(&p); err != nil {
				return err
			}
			provinces = append(provinces, p)
		}
		if get, err = c.getter(ctx); err == nil {
			cov = coverage.New(c.db, time.Now)
		}
		return err
	}
	measured := func(name, note string, do func(i int) error) row {
		var measure func(time.Duration) (sample, error)
		return row{name: name, note: note, round: func(least time.Duration) (sample, error) {
			if err := there(); err != nil {
				return sample{}, err
			}
			if measure == nil {
				if err := c.warm(do); err != nil {
					return sample{}, err
				}
				measure = timed(1, 400, func(_, i int) error { return do(i) })
			}
			return measure(least)
		}}
	}
	ago := func(i int) registry.Day { return registry.DayOf(time.Now()).Plus(-1 - i*13%360) }
	share := func(name, note string, q func(i int) coverage.Question) row {
		return measured(name, note, func(i int) error {
			s, err := cov.Share(ctx, registry.Console(), q(i))
			if err == nil && s.Markets == 0 {
				err = fmt.Errorf("no market: %+v", q(i))
			}
			return err
		})
	}
	series := func(name, note string, q func(i int) coverage.Question) row {
		return measured(name, note, func(i int) error {
			h, err := cov.History(ctx, registry.Console(), coverage.Trend{Question: q(i)})
			if err == nil && len(h.Points) != 52 {
				err = fmt.Errorf("%d points", len(h.Points))
			}
			return err
		})
	}
	market := func(i int) string { return c.sample[i%len(c.sample)].Market.Code }
	province := func(i int) string { return provinces[i%len(provinces)] }
	country := func(name, path string) row {
		return measured(name, "over loopback HTTP, signed with a key", func(i int) error {
			return get(strings.NewReplacer("$market", market(i), "$province", province(i), "$day", ago(i).String()).Replace(path))
		})
	}
	// Few of them, in a market that others filled: every one is compared with those before, who are the same person.
	one := registry.NewStall{Section: "Rau củ", Goods: "rau", Vendor: &registry.NewVendor{Name: "Lý Minh Tâm", Phone: "0712345678"},
		Consent:  &registry.NewConsent{Version: "vi-1", Given: "face_to_face"},
		Accounts: []registry.NewAccount{{Provider: "viettel_money", Number: "0712345678", Holder: "LY MINH TAM"}}}
	rows := []row{
		share("a market now", "one drawn by its vendors", func(i int) coverage.Question { return coverage.Question{Market: market(i)} }),
		country("a market now, GET", "/api/v1/coverage?market=$market"),
		share("a market on a past day", "", func(i int) coverage.Question { return coverage.Question{Market: market(i), AsOf: ago(i)} }),
		series("a market, 52 weeks", "", func(i int) coverage.Question { return coverage.Question{Market: market(i)} }),
		share("a province now", "", func(i int) coverage.Question { return coverage.Question{Area: province(i)} }),
		country("a province now, GET", "/api/v1/coverage?area=$province"),
		share("a province by commune now", "", func(i int) coverage.Question { return coverage.Question{Area: province(i), By: "commune"} }),
		share("a province on a past day", "", func(i int) coverage.Question { return coverage.Question{Area: province(i), AsOf: ago(i)} }),
		share("a province by commune on a past day", "", func(i int) coverage.Question {
			return coverage.Question{Area: province(i), By: "commune", AsOf: ago(i)}
		}),
		series("a province, 52 weeks", "", func(i int) coverage.Question { return coverage.Question{Area: province(i)} }),
		share("the country by province now", "", func(int) coverage.Question { return coverage.Question{By: "province"} }),
		country("the country by province now, GET", "/api/v1/coverage?by=province"),
		share("the country by province on a past day", "", func(i int) coverage.Question { return coverage.Question{By: "province", AsOf: ago(i)} }),
		series("the country, 52 weeks", "", func(int) coverage.Question { return coverage.Question{} }),
		series("the country by province, 52 weeks", "", func(int) coverage.Question { return coverage.Question{By: "province"} }),
		share("the country by provider now", "", func(int) coverage.Question { return coverage.Question{By: "provider"} }),
	}
	for _, n := range []int{clients, 4 * clients} {
		rows = append(rows,
			row{name: fmt.Sprintf("registering, %d connections, nothing counted", n), note: "as registration: pgx alone", round: c.replayed(one, n, 400/n, false)},
			row{name: fmt.Sprintf("registering, %d connections", n), note: "the same with what the counters need", round: c.replayed(one, n, 400/n, true)})
	}
	return group{name: "coverage", asked: true, title: fmt.Sprintf("Figures of %s vendors with a year of history", count(float64(c.vendors))), rows: rows}, nil
}

// countedTables are those that a registration writes for the figures alone.
var countedTables = []string{"vendor_changes", "market_now", "market_split_now", "market_day_delta", "market_split_day_delta"}

// getter asks the service in this process over loopback HTTP, as an auditor of everything.
func (c *country) getter(ctx context.Context) (func(path string) error, error) {
	key, _, err := auth.New(c.db, time.Now).AddKey(ctx, registry.Console(), "bench figures", []registry.Grant{{Role: registry.Auditor, Kind: registry.OverAll}}, time.Hour)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go http.Serve(listener, web.Handler(web.Config{DB: c.db, Now: time.Now, Log: slog.New(slog.NewJSONHandler(io.Discard, nil)), KeyRate: 1 << 30}))
	client := &http.Client{}
	var body bytes.Buffer
	return func(path string) error {
		r, err := http.NewRequest(http.MethodGet, "http://"+listener.Addr().String()+path, nil)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+key)
		a, err := client.Do(r)
		if err != nil {
			return err
		}
		defer a.Body.Close()
		body.Reset()
		if _, err := body.ReadFrom(a.Body); err != nil {
			return err
		}
		if a.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", path, body.String())
		}
		return nil
	}, nil
}
