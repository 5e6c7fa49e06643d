package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The map from the console: find what a unit became, add a market, find it by its old province, bring in a new map and set by hand
// what does not move by itself.
func TestMapFromTheConsole(t *testing.T) {
	t.Parallel()
	p := quick(t)
	p.must("migrate")
	file := func(name, rows string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte("code,name,parent,effective_on,successors\n"+rows), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	split := file("map.csv", "31321,,,2026-01-05,31333 31338\n31342,,,2026-01-05,31348\n")
	for _, step := range []struct {
		code int
		args []string
		says string
	}{
		{0, []string{"area", "find", "huyện", "châu", "thành", "a,", "hậu", "giang"}, "Xã Đông Phước (31369)"},
		{0, []string{"area", "find", "31318", "--format", "csv"}, "31318,Phường I,Thành phố Vị Thanh,Tỉnh Hậu Giang,2025-07-01,Phường Vị Thanh (31321)"},
		{0, []string{"market", "add", "--code", "VT", "--name", "Chợ Vị Thanh", "--area", "31321", "--kind", "fair", "--weekdays", "sun", "--lunar-days", "1,15"}, "VT"},
		{0, []string{"market", "add", "--code", "MN", "--name", "Chợ Một Ngàn", "--area", "31342"}, "MN"},
		{0, []string{"market", "add", "--code", "TH", "--name", "Trường học", "--area", "31321", "--site", "school"}, "TH"},
		{1, []string{"market", "add", "--code", "X", "--name", "x", "--area", "932"}, "(31369)"},
		{0, []string{"market", "set", "--market", "VT", "--class", "2", "--program", "--program-sponsor", "Viettel", "--signal", "weak"}, "VT changed"},
		{1, []string{"market", "set", "--market", "VT", "--class", "7"}, "class"},
		{0, []string{"market", "move", "--market", "VT", "--area", "31318", "--until", "2025-07-01"}, "Phường Vị Thanh"},
		{2, []string{"market", "move", "--market", "VT", "--area", "31318"}, "--from"},
		{0, []string{"market", "list", "--q", "hau giang", "--format", "csv"}, "VT,Chợ Vị Thanh,Phường Vị Thanh,Thành phố Cần Thơ,,fair,2"},
		{1, []string{"area", "import", file("bad.csv", "31321,,,2026-01-05,99999\n")}, "2 successors"},
		{1, []string{"area", "import", "nowhere.csv"}, "nowhere.csv"},
		{0, []string{"area", "import", split, "--dry-run"}, "1 markets move, 2 to be moved by hand; only looked at"},
		{0, []string{"area", "import", split}, "by_hand  VT"},
		{0, []string{"market", "move", "--market", "VT", "--area", "31333", "--from", "2026-01-05"}, "Phường Vị Tân"},
		{0, []string{"market", "list", "--q", "mn"}, "Xã Trường Long Tây"},
		{0, []string{"coverage", "--area", "93", "--by", "market"}, "Tỉnh Hậu Giang, map of then"},
		{0, []string{"coverage", "--area", "93", "--map", "today", "--as-of", "2025-12-31"}, "on today's map 92"},
	} {
		t.Run(strings.Join(step.args[:2], " "), func(t *testing.T) {
			a := p.in(t).ends(step.code, step.args...)
			if !strings.Contains(a.out+a.stderr, step.says) {
				t.Errorf("cho40 %s says %s%s, want %q in it", strings.Join(step.args, " "), a.out, a.stderr, step.says)
			}
		})
	}
}
