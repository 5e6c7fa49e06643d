package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is aimed at and what others say, from the console.
func TestTargetsAndFiguresFromTheConsole(t *testing.T) {
	t.Parallel()
	p := quick(t)
	p.must("migrate")
	data, err := filepath.Abs("../../vendor_registry/coverage/testdata")
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.csv")
	if err := os.WriteFile(bad, []byte("indicator,due,share,document\nwealth,2026-12-31,70%,KH\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		code int
		args []string
		says string
	}{
		{0, []string{"market", "add", "--code", "VT", "--name", "Chợ Vị Thanh", "--area", "31321"}, "VT"},
		{0, []string{"target", "import", filepath.Join(data, "targets-hau-giang-2022.csv")}, "6 new"},
		{0, []string{"target", "import", filepath.Join(data, "targets-hau-giang-2022.csv"), "--format", "csv"}, "6,0,6"},
		{1, []string{"target", "import", bad}, "2 indicator"},
		{0, []string{"target", "list", "--area", "93", "--indicator", "files_online"}, "50.0%"},
		{0, []string{"target", "list", "--market", "VT", "--format", "json"}, `"inherited": true`},
		{0, []string{"target", "add", "--market", "VT", "--indicator", "accepting", "--due", "2026-12-31", "--share", "70%", "--document", "KH 12"}, "70.0%"},
		{2, []string{"target", "add", "--market", "VT", "--area", "92", "--indicator", "accepting", "--due", "2026-12-31", "--share", "70%", "--document", "KH 12"}, "--area"},
		{0, []string{"figure", "import", filepath.Join(data, "figures-2022.csv")}, "8 new"},
		{0, []string{"figure", "list", "--area", "932"}, "79"},
		{0, []string{"figure", "add", "--market", "VT", "--indicator", "qr_points", "--provider", "viettelpay", "--until", "2022-10-31", "--method", "claimed", "--numerator", "70", "--source", "Viettel"}, "viettel_money"},
		{0, []string{"figure", "reconcile", "--provider", "viettel_money", "--area", "92", "--format", "csv"}, "VT,70,0,70"},
		{0, []string{"figure", "indicators"}, "marketplace_sellers"},
		{1, []string{"figure", "withdraw", "x", "--reason", "y"}, "There is no such figure here."},
	} {
		t.Run(strings.Join(step.args[:2], " "), func(t *testing.T) {
			a := p.in(t).ends(step.code, step.args...)
			if !strings.Contains(a.out+a.stderr, step.says) {
				t.Errorf("cho40 %s says %s%s, want %q in it", strings.Join(step.args, " "), a.out, a.stderr, step.says)
			}
		})
	}
}
