package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A ledger goes in, out, and in again; the second time nothing changes. What cannot be written leaves no file.
func TestExportCommand(t *testing.T) {
	t.Parallel()
	p := quick(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	p.ends(0, "market", "add", "--code", "VT", "--name", "Chợ Vị Thanh")
	p.ends(0, "market", "add", "--code", "NEW", "--name", "Chợ mới")
	p.ends(0, "import", sample("so-cho-dai-tu.csv"), "--market", "VT")
	for _, args := range [][]string{
		{"stalls", "--market", "VT", "-o", at("a.csv")}, {"stalls", "--market", "VT", "--lang", "en", "--full", "--reason", "sang máy mới", "-o", at("a.xlsx")},
		{"vendors", "--market", "VT", "--format", "xlsx", "-o", at("b")}, {"without-account", "--market", "VT", "-o", at("c.CSV")},
	} {
		p.ends(0, append([]string{"export"}, args...)...)
		file := args[len(args)-1]
		if filepath.Ext(file) == "" {
			if err := os.Rename(file, file+".xlsx"); err != nil {
				t.Fatal(err)
			}
			file += ".xlsx"
		}
		if a := p.ends(0, "import", file, "--market", "VT"); !strings.Contains(a.out, "Nothing changed") {
			t.Errorf("%v: %s", args, a.out)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%v: others may read it: %v, %v", args, info.Mode(), err)
		}
	}
	if a := p.ends(0, "import", at("a.xlsx"), "--market", "NEW"); !strings.Contains(a.out, "120 good") {
		t.Errorf("into another market: %s", a.out)
	}
	p.ends(0, "export", "customers", "--provider", "viettelpay", "-o", at("d.csv"))
	for _, tt := range []struct {
		code int
		want string
		args []string
	}{
		{1, "reason", []string{"stalls", "--market", "VT", "--full", "-o", at("no.csv")}},
		{1, "NONE", []string{"stalls", "--market", "NONE", "-o", at("no.csv")}},
		{1, "nobody", []string{"customers", "--provider", "nobody", "-o", at("no.csv")}},
		{1, "--format", []string{"stalls", "--market", "VT", "-o", at("no.pdf")}},
		{1, "no/no.csv", []string{"stalls", "--market", "VT", "-o", at("no/no.csv")}},
		{2, "--market", []string{"stalls", "-o", at("no.csv")}},
		{2, "--provider", []string{"customers", "--market", "VT", "-o", at("no.csv")}},
		{2, "people", []string{"people", "--market", "VT", "-o", at("no.csv")}},
		{2, "out", []string{"stalls", "--market", "VT"}},
	} {
		if a := p.ends(tt.code, append([]string{"export"}, tt.args...)...); !strings.Contains(a.stderr, tt.want) {
			t.Errorf("%v: %s", tt.args, a.stderr)
		}
	}
	p.ends(2, "market", "list", "--format", "xlsx")
	if left, _ := filepath.Glob(at("*no*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if left, _ := filepath.Glob(at(".cho40*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
