package ledger

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// expected is what a right import of a sample stores.
type expected struct {
	Rows, Good, Vacant, Faulty int
	Stalls                     []struct {
		Row                                        int
		Code, Section, Goods, Vendor, Phone, Fault string
		Viettel                                    string `json:"viettel_money"`
		VNPT                                       string `json:"vnpt_money"`
		Warn                                       []string
	}
}

func TestSamples(t *testing.T) {
	t.Parallel()
	codes := map[string]string{
		"stall code twice in the file":                "stall-twice",
		"account is a number cell: leading zero lost": "account-number-cell",
		"phone: lost leading zero, restored":          "phone-lost-zero",
	}
	for _, file := range []string{"so-cho-vi-thanh.xlsx", "so-cho-dai-tu.csv", "so-cho-tran-de.xlsx"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			want := readExpected(t, strings.TrimSuffix(file, filepath.Ext(file)))
			got, err := Read(t.Context(), file, bytes.NewReader(data), DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			vacant := 0
			for _, s := range want.Stalls {
				if s.Vendor == "" && s.Fault == "" {
					vacant++
				}
			}
			if got := got.Counts(); got != (Counts{want.Rows, want.Good, vacant, want.Faulty}) || want.Vacant != 0 && vacant != want.Vacant {
				t.Errorf("counts = %+v, want %d rows, %d good, %d vacant, %d faulty", got, want.Rows, want.Good, vacant, want.Faulty)
			}
			if len(got.Rows) != len(want.Stalls) {
				t.Fatalf("%d rows, want %d", len(got.Rows), len(want.Stalls))
			}
			for i, w := range want.Stalls {
				g := got.Rows[i]
				if g.Row != w.Row || g.Code != w.Code || g.Section != w.Section || g.Goods != w.Goods || g.Vendor != w.Vendor || g.Phone != w.Phone {
					t.Errorf("row %d: got %+v, want %+v", w.Row, g, w)
				}
				switch {
				case (w.Fault != "") != (len(g.Faults) > 0), w.Fault != "" && (g.Faults[0].Code != codes[w.Fault] || g.Faults[0].Row != w.Row || g.Faults[0].Column == ""):
					t.Errorf("row %d: faults %+v, want %q", w.Row, g.Faults, w.Fault)
				case len(w.Warn) != len(g.Warnings), len(w.Warn) > 0 && g.Warnings[0].Code != codes[w.Warn[0]]:
					t.Errorf("row %d: warnings %+v, want %q", w.Row, g.Warnings, w.Warn)
				}
				if w.Fault == "account is a number cell: leading zero lost" {
					if len(g.Accounts) != 0 {
						t.Errorf("row %d: took %v out of a number cell", w.Row, g.Accounts)
					}
					continue // what it was cannot be known from the file
				}
				var accounts []Account
				for _, a := range []Account{{Provider: "viettel_money", Number: w.Viettel}, {Provider: "vnpt_money", Number: w.VNPT}} {
					if a.Number != "" {
						accounts = append(accounts, a)
					}
				}
				if !equal(g.Accounts, accounts) {
					t.Errorf("row %d: accounts %v, want %v", w.Row, g.Accounts, accounts)
				}
			}
		})
	}
}

func readExpected(t *testing.T, name string) (e expected) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".expected.json"))
	if err == nil {
		err = json.Unmarshal(data, &e)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func equal(a, b []Account) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
