package qrgen_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"cho40/qrgen"
)

const today = "2026-11-24"

// The list of another collector, with its own headings and codes, changes no code and takes no name away.
const foreignHeading = "bin,code,short_name,full_name_vi,kind,supports_transfer,supports_lookup,source\n"

func TestUpdate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, file string
		bin        string
		new        bool
		fields     []string
		check      func(p qrgen.Provider) bool
		found      []string // texts that must now name it
	}{
		{
			"a bank changes its name", "bin,name,source\n970403,Sacombank Plus,letter 12/2026\n", "970403", false,
			[]string{"name", "read_on", "source", "names"},
			func(p qrgen.Provider) bool {
				return p.Name == "Sacombank Plus" && p.Code == "stb" && p.ReadOn == today && slices.Contains(p.Names, "Sacombank")
			},
			[]string{"Sacombank", "sacombank plus", "STB", "970403"},
		},
		{
			"a new wallet", foreignHeading + "971099,VISO,Ví Sổ,Công ty Ví Sổ,wallet,1,0,letter 13/2026\n", "971099", true,
			[]string{"code", "name", "full_name", "kind", "pays", "read_on", "source"},
			func(p qrgen.Provider) bool {
				return p.Code == "viso" && p.NumberRule == "account" && p.On(today) && p.Pays
			},
			[]string{"viso", "Ví Sổ", "971099"},
		},
		{
			"a list with another code for a wallet that we know",
			foreignHeading + "971005,VTLPAY,Viettel Money,Viettel,wallet,1,1,list of 2027\n", "971005", false,
			[]string{"full_name", "kind", "pays", "read_on", "source", "names"},
			func(p qrgen.Provider) bool { return p.Code == "viettel_money" && p.NumberRule == "mobile" },
			[]string{"vtlpay", "viettel_money", "ViettelPay"},
		},
		{
			"the end of a bank, semicolons, a mark in front, a day of its own", "\xef\xbb\xbfbin;valid_to;read_on;source\n970444;2027-01-01;2026-12-05;decision 5\n", "970444", false,
			[]string{"valid_to", "read_on", "source"},
			func(p qrgen.Provider) bool {
				return p.On("2026-12-31") && !p.On("2027-01-01") && p.ReadOn == "2026-12-05"
			},
			[]string{"970444"},
		},
		{
			"a confirmed rule", "bin,number,number_basis,source\n971011,mobile,confirmed,code of a wallet read 2026-12-01\n", "971011", false,
			[]string{"number_basis", "read_on", "source"},
			func(p qrgen.Provider) bool { return p.NumberBasis == "confirmed" && p.NumberRule == "mobile" },
			[]string{"VNPT Pay"},
		},
		{
			"older names", "bin,names,source\n970416,Á Châu cũ;ACBank,notes\n", "970416", false,
			[]string{"read_on", "source", "names"},
			func(p qrgen.Provider) bool { return p.Code == "acb" },
			[]string{"acbank", "a chau cu", "ACB"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := qrgen.Embedded()
			next, changes, err := d.Update([]byte(tt.file), today)
			if err != nil {
				t.Fatal(err)
			}
			if len(changes) != 1 || changes[0].BIN != tt.bin || changes[0].New != tt.new || !slices.Equal(changes[0].Fields, tt.fields) {
				t.Fatalf("changes %+v", changes)
			}
			if !tt.check(changes[0].Provider) {
				t.Errorf("%+v", changes[0].Provider)
			}
			for _, text := range tt.found {
				if p, ok := next.Find(text); !ok || p.BIN != tt.bin {
					t.Errorf("%q is %s %t", text, p.Code, ok)
				}
			}
			for _, p := range d.Providers() { // nobody else is touched
				if got, ok := next.Find(p.BIN); !ok || p.BIN != tt.bin && got.Code != p.Code {
					t.Errorf("%s became %s", p.Code, got.Code)
				}
			}
			if stored := d.With([]qrgen.Provider{changes[0].Provider}); !slices.EqualFunc(stored.Providers(), next.Providers(),
				func(a, b qrgen.Provider) bool {
					return a.BIN == b.BIN && slices.Equal(a.Names, b.Names) && a.Name == b.Name
				}) {
				t.Error("With the change stored, the directory is another one")
			}
			if _, again, err := next.Update([]byte(tt.file), today); err != nil || len(again) != 0 {
				t.Errorf("the same file again changes %+v, %v", again, err)
			}
		})
	}
}

func TestUpdateRefuses(t *testing.T) {
	t.Parallel()
	const heading = "bin,code,name,kind,source\n"
	for _, tt := range []struct {
		name, file   string
		row          int
		column, code string
	}{
		{"nothing", "", 0, "", "heading_missing"},
		{"no rows", heading, 0, "", "table_empty"},
		{"a heading that nobody knows", "bin,source,colour\n970416,x,red\n", 0, "", "heading_unknown"},
		{"a heading twice", "bin,source,name,short_name\n970416,x,a,b\n", 0, "", "heading_unknown"},
		{"no source column", "bin,name\n970416,ACB\n", 0, "", "heading_missing"},
		{"no source", "bin,name,source\n970416,ACB,\n", 2, "source", "cell_missing"},
		{"a BIN of five digits", heading + "97041,a,A,bank,x\n", 2, "bin", "bad_bin"},
		{"a BIN in other digits", heading + "97041６,a,A,bank,x\n", 2, "bin", "bad_bin"},
		{"a BIN twice", heading + "970416,acb,ACB,bank,x\n970416,acb,ACB,bank,y\n", 3, "bin", "row_twice"},
		{"a new bank without a name", heading + "999999,neu,,bank,x\n", 2, "name", "cell_missing"},
		{"a kind that nobody knows", heading + "999999,neu,Neu,shop,x\n", 2, "kind", "bad_word"},
		{"a code with blanks", heading + "999999,ne u,Neu,bank,x\n", 2, "code", "bad_code"},
		{"the code of another", heading + "999999,vcb,Neu,bank,x\n", 2, "code", "name_taken"},
		{"the name of another", heading + "999999,neu,Vietcombank,bank,x\n", 2, "names", "name_taken"},
		{"a code that is the name of another", heading + "999999,vietcombank,Neu,bank,x\n", 2, "names", "name_taken"},
		{"an older name of another", "bin,names,source\n970416,ViettelPay,x\n", 2, "names", "name_taken"},
		{"names taken away by becoming a second BIN", "bin,second_of,source\n970416,970436,x\n", 2, "names", "name_taken"},
		{"a flag in words", "bin,pays,source\n970416,yes,x\n", 2, "pays", "bad_flag"},
		{"a day of another form", "bin,valid_to,source\n970416,1/2/2027,x\n", 2, "valid_to", "bad_day"},
		{"a day that is none", "bin,valid_to,source\n970416,2027-02-30,x\n", 2, "valid_to", "bad_day"},
		{"an end before the start", "bin,valid_from,valid_to,source\n970416,2027-02-01,2027-01-01,x\n", 2, "valid_to", "ends_before_start"},
		{"a hidden character", "bin,name,source\n970416,AC\u200bB,x\n", 2, "name", "bad_text"},
		{"a cell missing", "bin,name,source\n970416,ACB\n", 2, "", "row_cells"},
		{"quotation marks that do not match", "bin,name,source\n970416,\"ACB,x\n", 0, "", "table_broken"},
		{"an old encoding", "bin,name,source\n970416,\xc1 Ch\xe2u,x\n", 0, "", "table_not_utf8"},
		{"too large", "bin,source\n" + strings.Repeat("970416,x\n", 200_000), 0, "", "table_too_large"},
		{"a spreadsheet", "PK\x03\x04 and so on", 0, "", "heading_unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := qrgen.Embedded()
			next, changes, err := d.Update([]byte(tt.file), today)
			var bad qrgen.RowErrors
			if !errors.As(err, &bad) || next != nil || changes != nil {
				t.Fatalf("taken: %+v, %v", changes, err)
			}
			if bad[0].Row != tt.row || bad[0].Code != tt.code || tt.column != "" && bad[0].Column != tt.column {
				t.Errorf("%+v", bad)
			}
			if qrgen.Message(bad[0].Code) == qrgen.Message("no such code") {
				t.Errorf("%s has no sentence", bad[0].Code)
			}
		})
	}
}

// A row read on an earlier day than the one that the program brings does not bring the past back.
func TestWithKeepsTheLaterReading(t *testing.T) {
	t.Parallel()
	d := qrgen.Embedded()
	p, _ := d.Find("acb")
	p.Name, p.ReadOn = "Old name", "2020-01-01"
	if got, _ := d.With([]qrgen.Provider{p}).Find("acb"); got.Name == "Old name" {
		t.Error("an older reading won")
	}
	p.ReadOn = today
	if got, _ := d.With([]qrgen.Provider{p}).Find("acb"); got.Name != "Old name" {
		t.Errorf("a later reading lost: %+v", got)
	}
}

// FuzzUpdate: any file is refused or leaves every provider with its code, its BIN and a directory that finds it.
func FuzzUpdate(f *testing.F) {
	f.Add("bin,name,source\n970416,ACB,x\n")
	f.Add(foreignHeading + "971099,VISO,Ví Sổ,Công ty Ví Sổ,wallet,1,0,letter\n")
	f.Add("bin;second_of;valid_to;names;source\n970416;970436;2027-01-01;a;b\n")
	d := qrgen.Embedded()
	f.Fuzz(func(t *testing.T, file string) {
		next, _, err := d.Update([]byte(file), today)
		if err != nil {
			return
		}
		for _, p := range d.Providers() {
			if got, ok := next.Find(p.Code); !ok || got.BIN != p.BIN || got.Code != p.Code {
				t.Fatalf("%s became %+v", p.Code, got)
			}
		}
	})
}
