package registry

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"sync"

	"cho40/qrgen"

	"golang.org/x/text/unicode/norm"
)

// Category is a line of goods with the merchant category code under which wallets and banks know it.
type Category struct {
	Code   string `json:"code"`
	Name   string `json:"name"` // in Vietnamese
	MCC    string `json:"mcc"`  // ISO 18245, four digits
	ByHand bool   `json:"by_hand"`

	English string `json:"-"`
	MCCName string `json:"-"`
	words   []goodsWord
}

// goodsWord is a word or two by which goods are known: as written, and folded.
type goodsWord struct{ exact, fold string }

// goodsCSV are the categories. The codes are those of ISO 18245, retail financial services – merchant category codes; the
// names beside them are those of the public list github.com/greggles/mcc-codes (edited_description, read on 2026-11-22), which
// cites the card schemes' manuals. 5499 takes in produce, poultry and fish markets, for which the standard has no code of their own.
//
//go:embed goods.csv
var goodsCSV []byte

var categories = sync.OnceValue(func() []Category {
	rows, err := csv.NewReader(bytes.NewReader(goodsCSV)).ReadAll()
	if err != nil {
		panic(fmt.Sprintf("registry: goods.csv: %v", err)) // embedded: a test would have shown it
	}
	var all []Category
	for _, r := range rows[1:] {
		c := Category{Code: r[0], Name: r[1], English: r[2], MCC: r[3], MCCName: r[4]}
		for w := range strings.SplitSeq(r[5], "|") {
			c.words = append(c.words, goodsWord{strings.ToLower(norm.NFC.String(w)), qrgen.Search(w)})
		}
		all = append(all, c)
	}
	return all
})

// Categories are all categories of goods, in the order of the list.
func Categories() []Category { return slices.Clone(categories()) }

// CategoryOf finds a category by its code.
func CategoryOf(code string) (Category, bool) {
	i := slices.IndexFunc(categories(), func(c Category) bool { return c.Code == code })
	if i < 0 {
		return Category{}, false
	}
	return categories()[i], true
}

// CategoryFor tells the category of goods from what somebody wrote, nil when no word of it is known: the longest known word or two
// decide, then the one that is written just so ("sữa" is milk, "sửa" a repair), then the first.
func CategoryFor(goods string) *Category {
	fold, exact := " "+qrgen.Search(goods)+" ", strings.ToLower(norm.NFC.String(goods))
	var best *Category
	var length, at int
	var just bool
	for i, c := range categories() {
		for _, w := range c.words {
			where := strings.Index(fold, " "+w.fold+" ")
			if where < 0 {
				continue
			}
			as := strings.Contains(exact, w.exact)
			if best == nil || len(w.fold) > length || len(w.fold) == length && (as && !just || as == just && where < at) {
				best, length, at, just = &categories()[i], len(w.fold), where, as
			}
		}
	}
	if best == nil {
		return nil
	}
	c := *best
	return &c
}

// category is that of a stall: set by hand, or told from its goods.
func category(byHand, goods string) *Category {
	if c, ok := CategoryOf(byHand); ok {
		c.ByHand = true
		return &c
	}
	return CategoryFor(goods)
}
