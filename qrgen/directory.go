package qrgen

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
)

// The directory that the program brings along: a provider a row, with its source and the day on which that was read.
//
//go:embed providers.csv
var providersCSV []byte

// Directory finds providers by whatever people call them. It never changes: Update and With make a new one.
type Directory struct {
	all   []Provider     // mobile money and wallets first, then by name
	byBIN map[string]int // 971005
	byKey map[string]int // what squeeze makes of a code, a BIN or a name; nobody when it is the name of two
}

const nobody = -1

// current is what ProviderOf asks. Like a table of time zones it is data that the whole process shares.
var current atomic.Pointer[Directory]

func init() { current.Store(Embedded()) }

// Embedded is the directory that the program brings along.
func Embedded() *Directory {
	empty := &Directory{}
	d, _, err := empty.Update(providersCSV, "")
	if err != nil {
		panic(fmt.Sprintf("qrgen: providers.csv: %v", err)) // embedded: a test would have shown it
	}
	return d
}

// Current is the directory in use.
func Current() *Directory { return current.Load() }

// Use makes d the directory that ProviderOf and Providers ask, in the whole process, from now on.
func Use(d *Directory) { current.Store(d) }

// Providers lists the directory in use: mobile money and wallets first, then by name. The slice is the caller's own.
func Providers() []Provider { return Current().Providers() }

// ProviderOf finds the one provider that a text names, in the directory in use; see Directory.Find.
func ProviderOf(text string) (Provider, bool) { return Current().Find(text) }

// newDirectory makes the indexes. A code or a BIN names its provider whatever else is called so; among names, two owners make it
// nobody's.
func newDirectory(all []Provider) *Directory {
	d := &Directory{all: slices.Clone(all), byBIN: make(map[string]int), byKey: make(map[string]int)}
	slices.SortStableFunc(d.all, func(a, b Provider) int {
		if a, b := order(a), order(b); a != b {
			return a - b
		}
		return strings.Compare(Search(a.Name), Search(b.Name))
	})
	exact := make(map[string]bool, 2*len(d.all))
	for i, p := range d.all {
		d.byBIN[p.BIN] = i
		for _, key := range []string{squeeze(p.Code), p.BIN} {
			d.byKey[key], exact[key] = i, true
		}
	}
	for i, p := range d.all {
		for _, key := range p.keys() {
			switch at, known := d.byKey[key]; {
			case exact[key]:
			case known && at != i:
				d.byKey[key] = nobody
			default:
				d.byKey[key] = i
			}
		}
	}
	return d
}

// order puts the providers that vendors of a market use most first.
func order(p Provider) int {
	if i := slices.Index([]string{"viettel_money", "vnpt_money", "momo", "mobifone_money"}, p.Code); i >= 0 {
		return i
	}
	return 4
}

// Providers lists the directory: mobile money and wallets first, then by name. The slice is the caller's own.
func (d *Directory) Providers() []Provider {
	all := slices.Clone(d.all)
	for i := range all {
		all[i].Names = slices.Clone(all[i].Names)
	}
	return all
}

// With is the directory in which some providers are replaced, by their BIN, and others added; nothing is checked again. Of a
// provider that is here as it was read on a later day, the one here stays.
func (d *Directory) With(providers []Provider) *Directory {
	all := d.Providers()
	for _, p := range providers {
		if i := slices.IndexFunc(all, func(q Provider) bool { return q.BIN == p.BIN }); i < 0 {
			all = append(all, p)
		} else if all[i].ReadOn <= p.ReadOn {
			all[i] = p
		}
	}
	return newDirectory(all)
}

// Find is the one provider that a text names: by code, BIN, present or older name, with or without "Ngân hàng" before and a
// branch behind. Case, accents, blanks and signs do not matter. What is unknown, or could be two, is false. It finds providers
// that have ended too, since records speak of them: see Provider.On.
func (d *Directory) Find(text string) (Provider, bool) {
	if len(text) > 300 { // the longest full name has about a hundred characters
		return Provider{}, false
	}
	if i, ok := d.find(Search(text)); ok {
		return d.all[i], true
	}
	// "Vietcombank (VCB)", "MB - Quân đội": every part must name the same one.
	parts := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("()[]-–—,;/|+:\n", r) })
	found := nobody
	for _, part := range parts {
		words := Search(part)
		if words == "" {
			continue
		}
		i, ok := d.find(words)
		if !ok || found >= 0 && found != i {
			return Provider{}, false
		}
		found = i
	}
	if found < 0 {
		return Provider{}, false
	}
	return d.all[found], true
}

func (d *Directory) find(words string) (int, bool) {
	if words == "" {
		return 0, false
	}
	if i, ok := d.byKey[squeeze(words)]; ok {
		return i, i >= 0
	}
	short, _, _ := strings.Cut(words+" ", " chi nhanh ")
	short, _, _ = strings.Cut(short+" ", " cn ")
	short, _, _ = strings.Cut(short+" ", " pgd ")
	short = core(strings.TrimSpace(short))
	i, ok := d.byKey[squeeze(short)]
	return i, ok && i >= 0
}

// core leaves of the words of a name what tells it from others.
func core(words string) string {
	words += " "
	for cut := true; cut; {
		cut = false
		for _, shared := range []string{
			"ngan hang ", "nh ", "thuong mai co phan ", "thuong mai ", "tmcp ", "tm ", "cp ", "tnhh ", "mtv ", "mot thanh vien ",
			"vi dien tu ", "vi ", "so tai khoan ", "so ", "stk ", "tai khoan ", "tk ",
		} {
			if rest, ok := strings.CutPrefix(words, shared); ok && rest != "" {
				words, cut = rest, true
			}
		}
	}
	words = strings.TrimSuffix(words, " ")
	for _, shared := range []string{" viet nam", " vietnam", " vn"} {
		words = strings.TrimSuffix(words, shared)
	}
	return words
}

// squeeze is a name without the blanks that people put in or leave out.
func squeeze(s string) string { return strings.ReplaceAll(Search(s), " ", "") }
