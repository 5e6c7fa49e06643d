package qrgen

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// The directory is data: providers.csv holds a provider a row with its sources, names.csv the older names, short
// forms and usual misspellings by which people call one; a name that stands there for two is nobody's.
var (
	//go:embed providers.csv
	providersCSV string
	//go:embed names.csv
	namesCSV string
)

// Provider is a bank, wallet or other institution that a VietQR code can name. Names and BINs change over the years,
// so a record keeps the code and the BIN it was made with.
type Provider struct {
	BIN      string   // six digits
	Code     string   // ours: viettel_money, vnpt_money, momo, mobifone_money, else the directory's code in lower case
	Name     string   // in words, as printed
	FullName string   // in Vietnamese
	Kind     string   // bank, wallet, mobile_money or other
	Names    []string // older names, short forms, usual misspellings; not to be changed
	Pays     bool     // its own app can pay by scanning; says nothing about receiving
	LooksUp  bool     // the holder's name can be looked up
	Source   string   // the lists it stands in, and how sure its flags are

	second bool // a further BIN of a provider that has another row: found by BIN and code only
}

// The codes that are not the directory's own, and what these providers are: accounts tied to a mobile number.
var own = map[string]struct{ code, kind string }{
	"971005": {"viettel_money", "mobile_money"},
	"971011": {"vnpt_money", "mobile_money"},
	"971032": {"mobifone_money", "mobile_money"},
}

// directory is the parsed data with its indexes; a key is what squeeze makes of a name.
type directory struct {
	all   []Provider
	byKey map[string]int // -1: more than one
}

var load = sync.OnceValue(func() *directory {
	d := &directory{byKey: make(map[string]int)}
	names := make(map[string][]string)
	for _, row := range rows(namesCSV, "bin,name") {
		names[row[0]] = append(names[row[0]], row[1])
	}
	for _, row := range rows(providersCSV, "bin,code,short_name,full_name_vi,kind,supports_transfer,supports_lookup,source") {
		name, _, second := strings.Cut(row[2], " (")
		if !strings.Contains(row[2], "BIN)") {
			name, second = row[2], false
		}
		p := Provider{
			BIN: row[0], Code: strings.ToLower(row[1]), Name: name, FullName: row[3], Kind: row[4], Names: names[row[0]],
			Pays: row[5] == "1", LooksUp: row[6] == "1", Source: row[7], second: second,
		}
		if o, ok := own[p.BIN]; ok {
			p.Names = append(slices.Clip(p.Names), row[1])
			p.Code, p.Kind = o.code, o.kind
		}
		d.all = append(d.all, p)
	}
	slices.SortStableFunc(d.all, func(a, b Provider) int {
		if a, b := order(a), order(b); a != b {
			return a - b
		}
		return strings.Compare(Search(a.Name), Search(b.Name))
	})

	// A code or a BIN names its row whatever else is called so; among names, two owners make it nobody's.
	for i, p := range d.all {
		d.byKey[squeeze(p.Code)], d.byKey[p.BIN] = i, i
	}
	exact := len(d.byKey)
	if exact != 2*len(d.all) {
		panic("qrgen: two providers with one code or BIN")
	}
	taken := make(map[string]bool, exact)
	for key := range d.byKey {
		taken[key] = true
	}
	for i, p := range d.all {
		if p.second {
			continue
		}
		for _, name := range append([]string{p.Name, p.FullName}, p.Names...) {
			for _, key := range []string{squeeze(name), squeeze(core(Search(name)))} {
				switch at, known := d.byKey[key]; {
				case key == "" || taken[key]:
				case known && at != i:
					d.byKey[key] = -1
				default:
					d.byKey[key] = i
				}
			}
		}
	}
	return d
})

// order puts the providers that vendors of a market use most first.
func order(p Provider) int {
	if i := slices.Index([]string{"viettel_money", "vnpt_money", "momo", "mobifone_money"}, p.Code); i >= 0 {
		return i
	}
	return 4
}

func rows(data, header string) [][]string {
	all, err := csv.NewReader(strings.NewReader(data)).ReadAll()
	if err != nil || strings.Join(all[0], ",") != header {
		panic(fmt.Sprintf("qrgen: directory with columns %q: %v", header, err)) // embedded: a test would have shown it
	}
	return all[1:]
}

// Providers lists the directory: mobile money and wallets first, then by name. The slice is the caller's own.
func Providers() []Provider {
	all := slices.Clone(load().all)
	for i := range all {
		all[i].Names = slices.Clone(all[i].Names)
	}
	return all
}

// ProviderOf finds the one provider that a text names: by code, BIN, present or older name, with or without "Ngân hàng"
// before and a branch behind. Case, accents, blanks and signs do not matter. What is unknown, or could be two, is false.
func ProviderOf(text string) (Provider, bool) {
	if len(text) > 300 { // the longest full name has about a hundred characters
		return Provider{}, false
	}
	d := load()
	if i, ok := d.find(Search(text)); ok {
		return d.all[i], true
	}
	// "Vietcombank (VCB)", "MB - Quân đội": every part must name the same one.
	parts := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("()[]-–—,;/|+:\n", r) })
	found := -1
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

func (d *directory) find(words string) (int, bool) {
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
