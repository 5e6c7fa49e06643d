package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A ledger that the headings do not explain is imported once somebody says what its columns hold, and by itself after that.
func TestImportMapped(t *testing.T) {
	t.Parallel()
	p := quick(t)
	p.ends(0, "market", "add", "--code", "VT", "--name", "Chợ Vị Thanh")
	file := filepath.Join(t.TempDir(), "so.csv")
	if err := os.WriteFile(file, []byte("Mốc;Ai;Gọi\nA-1;Lý Minh Tâm;0710000001\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if a := p.ends(1, "import", file, "--market", "VT"); !strings.Contains(a.stderr, "mapping/A") || !strings.Contains(a.stderr, "Chưa ai cho biết cột B chứa gì") {
		t.Errorf("what is missing is not said:\n%s", a.stderr)
	}
	if a := p.ends(1, "import", file, "--market", "VT", "--map", "A=doctor"); !strings.Contains(a.stderr, "doctor") {
		t.Errorf("an unknown role: %s", a.stderr)
	}
	p.ends(0, "import", file, "--market", "VT", "--map", "Cột A=code, Ai=vendor, C=phone", "--remember")
	if a := p.ends(0, "import", file, "--market", "VT"); !strings.Contains(a.out, "1 stall rows: 1 good (0 vacant, 1 unchanged)") || !strings.Contains(a.out, "mapping-remembered") {
		t.Errorf("the second time:\n%s", a.out)
	}
}
