package main_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
)

// From the console: a market changes hands, the new board approves, and what the database holds is compared with what was approved.
func TestHandOverAndReconcileCommands(t *testing.T) {
	t.Parallel()
	p := quick(t)
	p.must("market", "add", "--code", "VT", "--name", "Chợ Vị Thanh")
	for _, who := range []string{"cu", "moi"} {
		p.must("user", "add", who, "--role", map[string]string{"cu": "manager", "moi": "clerk"}[who], "--scope", "market:VT")
	}
	ledger := filepath.Join(t.TempDir(), "so.csv")
	if err := os.WriteFile(ledger, []byte("Mã sạp;Người bán;Viettel Money\nA-1;Lý Minh Tâm;0710000001\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.must("import", ledger, "--market", "VT")
	if got := p.must("market", "hand-over", "--market", "VT", "--from", "cu", "--to", "moi", "--reason", "đổi ban"); !strings.Contains(got, "ended") || !strings.Contains(got, "began") {
		t.Errorf("handed over: %s", got)
	}
	p.ends(1, "market", "hand-over", "--market", "VT", "--from", "cu", "--to", "moi", "--reason", "lần nữa")
	p.ends(1, "accounts", "approve", "--market", "VT", "--all", "--by", "cu")
	p.must("accounts", "approve", "--market", "VT", "--all", "--by", "moi")
	p.must("placards", "--market", "VT", "-o", filepath.Join(t.TempDir(), "a.pdf"))
	if got := p.must("reconcile"); !strings.Contains(got, "1 markets") {
		t.Errorf("reconciled: %s", got)
	}
	// Somebody with the database in hand, as its owner.
	conn, err := postgres.Connect(t.Context(), pgtest.OwnerURL(p.database()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `UPDATE accounts SET number = '0719999999'`); err != nil {
		t.Fatal(err)
	}
	a := p.ends(1, "reconcile", "--market", "VT", "--format", "csv")
	if !strings.Contains(a.out, "pays-other") || !strings.Contains(a.out, "A-1") {
		t.Errorf("reconcile says %s", a.out)
	}
	if again := p.ends(1, "reconcile"); !strings.Contains(again.out, "pays-other") {
		t.Errorf("again: %s", again.out)
	}
	if a := p.ends(1, "audit", "verify"); !strings.Contains(a.out, "do not agree") {
		t.Errorf("audit verify says %s", a.out)
	}
}
