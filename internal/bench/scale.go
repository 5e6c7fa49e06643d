package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"cho40/internal/id"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/fieldwork"
	"cho40/vendor_registry/ledger"
)

// sizes are the same country at a hundredth of its vendors, a tenth, and whole: what its rows say is how cost grows with what there is already.
type sizes []*country

// sizesOf are the sizes of a country of so many vendors, the whole one being land itself.
func sizesOf(land *country) sizes {
	s := sizes{}
	for _, part := range []int{100, 10} {
		s = append(s, &country{vendors: max(1, land.vendors/part)})
	}
	return append(s, land)
}

func (s sizes) close() {
	for _, c := range s[:len(s)-1] { // the whole one is closed by who made it
		c.close()
	}
}

// groups are one for each question, with a row for each size. History is made before anything is written: it belongs to who is there from the beginning.
func (s sizes) groups() (all []func() (group, error)) {
	searching, counting := once((*country).searching), once((*country).counting)
	for _, q := range []struct {
		name, title string
		row         func(c *country) (row, error)
	}{
		{"search-market", "Searching in a market", from(searching, "in a market")},
		{"search-country", "Searching in the whole country", from(searching, "whole country")},
		{"coverage-market", "The figures of a market", from(counting, "a market now")},
		{"coverage-country", "The figures of the country by province", from(counting, "the country by province now")},
		{"history-market", "52 weeks of a market", from(counting, "a market, 52 weeks")},
		{"history-country", "52 weeks of the country", from(counting, "the country, 52 weeks")},
		{"registration", "Registering a stall with its account, POST, 8 clients at once", func(c *country) (row, error) {
			return row{round: c.posted(registry.NewStall{Section: "Rau củ", Goods: "rau", Vendor: &registry.NewVendor{Name: "Lý Minh Tâm", Phone: "0712345678"},
				Consent:  &registry.NewConsent{Version: "vi-1", Given: "face_to_face"},
				Accounts: []registry.NewAccount{{Provider: "viettel_money", Number: "0712345678", Holder: "LY MINH TAM"}}})}, nil
		}},
		{"import", "Committing a ledger of 1,500 stalls to a new market, each stall", func(c *country) (row, error) { return row{round: c.committed(1_500)}, nil }},
		{"sync", "A phone's batch of 100 visits, each visit", func(c *country) (row, error) { return row{round: c.synced()}, nil }},
	} {
		all = append(all, func() (group, error) {
			g := group{name: "scale/" + q.name, title: q.title, asked: true}
			for i, c := range s {
				r, err := q.row(c)
				if err != nil {
					return g, err
				}
				r.name = []string{"1×", "10×", "100×"}[i]
				r.note = fmt.Sprintf("%s vendors", count(float64(c.vendors)))
				g.rows = append(g.rows, r)
			}
			return g, nil
		})
	}
	return append(all, ledgers)
}

// once makes a group of a country's a single time: some make ready what they ask about.
func once(make func(*country) (group, error)) func(*country) (group, error) {
	made := map[*country]group{}
	return func(c *country) (group, error) {
		if g, ok := made[c]; ok {
			return g, nil
		}
		g, err := make(c)
		if err == nil {
			made[c] = g
		}
		return g, err
	}
}

// from is a row of another group of a country's.
func from(make func(*country) (group, error), name string) func(*country) (row, error) {
	return func(c *country) (row, error) {
		g, err := make(c)
		if err != nil {
			return row{}, err
		}
		i := slices.IndexFunc(g.rows, func(r row) bool { return r.name == name })
		if i < 0 {
			return row{}, fmt.Errorf("no row %s/%s", g.name, name)
		}
		return g.rows[i], nil
	}
}

// ledgers are ones of more and more stalls, each into a new market of an empty record.
func ledgers() (group, error) {
	g := group{name: "scale/ledger", title: "Committing a ledger of more and more stalls, each stall", asked: true}
	for _, n := range []int{150, 1_500, 15_000} {
		var b bytes.Buffer
		if err := ledger.WriteWorkbook(&b, stallRows(n)); err != nil {
			return g, err
		}
		round := intoMarket(b.Bytes(), func(im, commit func() error) (time.Duration, error) {
			if err := im(); err != nil {
				return 0, err
			}
			start := time.Now()
			err := commit()
			return time.Since(start), err
		})
		g.rows = append(g.rows, row{name: count(float64(n)) + " stalls", round: func(least time.Duration) (sample, error) {
			s, err := round(least)
			s.Ops *= n
			return s, err
		}})
	}
	return g, nil
}

// committed measures the commit of a ledger of n stalls to a new market of the country.
func (c *country) committed(n int) func(time.Duration) (sample, error) {
	var b bytes.Buffer
	return func(least time.Duration) (sample, error) {
		if err := c.there(); err != nil {
			return sample{}, err
		}
		if b.Len() == 0 {
			if err := ledger.WriteWorkbook(&b, stallRows(n)); err != nil {
				return sample{}, err
			}
		}
		ctx, by, s := context.Background(), registry.Console(), sample{}
		for s.Ops == 0 || s.Wall < least {
			code := fmt.Sprintf("N%d", stallNo.Add(1)%100_000_000)
			if _, err := c.reg.AddMarket(ctx, by, registry.NewMarket{Code: code, Name: "Chợ thử"}); err != nil {
				return s, err
			}
			im, err := c.reg.PreviewImport(ctx, by, code, "so.xlsx", bytes.NewReader(b.Bytes()), true)
			if err != nil {
				return s, err
			}
			start := time.Now()
			if _, err := c.reg.CommitImport(ctx, by, im.Ref, registry.CommitImport{Attested: "vi-1"}); err != nil {
				return s, err
			}
			s.Wall += time.Since(start)
			s.Ops += n
		}
		return s, nil
	}
}

// synced measures batches of visits at stalls drawn from all, as a phone brings them home.
func (c *country) synced() func(time.Duration) (sample, error) {
	device := id.New[fieldwork.Device]()
	body, seq, drawn := json.RawMessage(`{"outcome":"closed"}`), int64(0), 0
	return func(least time.Duration) (sample, error) {
		if err := c.there(); err != nil {
			return sample{}, err
		}
		field := fieldwork.New(c.db, c.reg)
		s := sample{}
		for s.Ops == 0 || s.Wall < least {
			b := fieldwork.Batch{Device: device, SentAt: time.Now()}
			for range fieldwork.MostItems {
				v := c.sample[drawn%len(c.sample)]
				drawn, seq = drawn+1, seq+1
				b.Items = append(b.Items, fieldwork.Item{ID: id.New[fieldwork.Item](), Kind: "visit", Seq: seq, At: time.Now(), Market: v.Market.Code, Stall: v.Stall, Body: body})
			}
			start := time.Now()
			results, err := field.Sync(context.Background(), registry.Console(), b)
			s.Wall += time.Since(start)
			s.Ops += len(results)
			if err != nil {
				return s, err
			}
			for _, r := range results {
				if r.Err != nil {
					return s, r.Err
				}
			}
		}
		return s, nil
	}
}
