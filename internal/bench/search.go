package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"cho40/internal/bench/nation"
	"cho40/qrgen"
	registry "cho40/vendor_registry"
)

// searching measures registry.Search, as the API and the page call it. Inside a market each search must find the vendor whom it is for,
// or the row fails.
func (c *country) searching() (group, error) {
	const shown = 20 // what the page shows
	search := func(name, note string, wide bool, ask func(v nation.Vendor, i int) string) row {
		ctx, by := context.Background(), registry.Console()
		var measure func(time.Duration) (sample, error)
		return row{name: name, note: note, round: func(least time.Duration) (sample, error) {
			if err := c.there(); err != nil {
				return sample{}, err
			}
			find := func(_, i int) error {
				v := c.sample[i%len(c.sample)]
				q, market := ask(v, i), v.Market.Code
				if wide {
					market = ""
				}
				f, err := c.reg.Search(ctx, by, q, market, shown)
				if err == nil && !f.More && !slices.ContainsFunc(f.Items, func(it registry.Found) bool { return it.Market == v.Market.Code && it.Stall == v.Stall }) && !strings.Contains(name, "common") {
					err = fmt.Errorf("%q does not find %s at %s in %s", q, v.Name, v.Stall, v.Market.Code)
				}
				return err
			}
			if measure == nil {
				fewest := 500 // so that one in a hundred is several
				if wide {
					fewest = 150
				}
				if err := c.warm(func(i int) error { return find(0, i) }); err != nil {
					return sample{}, err
				}
				measure = timed(1, fewest, find)
			}
			return measure(least)
		}}
	}
	name := func(v nation.Vendor, _ int) string { return qrgen.Search(v.Name) }
	accents := func(v nation.Vendor, _ int) string { return v.Name }
	tail := func(digits int) func(nation.Vendor, int) string {
		return func(v nation.Vendor, i int) string {
			if v.Phone == "" {
				return name(v, i)
			}
			return v.Phone[10-digits:]
		}
	}
	return group{name: "search", asked: true, title: fmt.Sprintf("Searching among %s vendors", count(float64(c.vendors))), rows: []row{
		search("in a market", "the folded name of a vendor drawn from all", false, name),
		search("in a market, accents", "the name as it is", false, accents),
		search("in a market, mistyped", "two letters swapped", false, func(v nation.Vendor, i int) string { return swapped(name(v, i), i) }),
		search("in a market, first letters", "ntl", false, func(v nation.Vendor, i int) string { return firstLetters(name(v, i)) }),
		search("in a market, stall", "a12", false, func(v nation.Vendor, _ int) string { return strings.ReplaceAll(strings.ToLower(v.Stall), "-", "") }),
		search("in a market, phone", "the last four digits", false, tail(4)),
		search("whole country", "the folded name", true, name),
		search("whole country, accents", "the name as it is", true, accents),
		search("whole country, first letters", "ntl", true, func(v nation.Vendor, i int) string { return firstLetters(name(v, i)) }),
		search("whole country, phone", "the last six digits", true, tail(6)),
		search("whole country, a common word", "nguyen, tran, le, thi, van", true, func(_ nation.Vendor, i int) string {
			return []string{"nguyen", "tran", "le", "thi", "van"}[i%5]
		}),
	}}, nil
}

// swapped is a text with two neighbouring letters of a word swapped, another two each time.
func swapped(text string, i int) string {
	b := []byte(text)
	for n := range b {
		at := (i + n) % (len(b) - 1)
		if b[at] != ' ' && b[at+1] != ' ' && b[at] != b[at+1] {
			b[at], b[at+1] = b[at+1], b[at]
			break
		}
	}
	return string(b)
}

func firstLetters(text string) string {
	var b strings.Builder
	for w := range strings.FieldsSeq(text) {
		b.WriteByte(w[0])
	}
	return b.String()
}
