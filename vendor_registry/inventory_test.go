package registry_test

import (
	"os"
	"slices"
	"testing"

	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
)

// Whoever adds a column says what it holds of people, even when that is nothing.
func TestInventory(t *testing.T) {
	t.Parallel()
	there, err := postgres.All[string](t.Context(), pgtest.New(t), `
		SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1`, nil)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, line := range registry.Inventory {
		for _, c := range line.Columns {
			said = append(said, line.Table+"."+c.Column)
			if c.Holds == "" || c.Whose == "" {
				t.Errorf("%s.%s: what it holds, and of whom, is not said", line.Table, c.Column)
			}
		}
		for _, c := range line.Others {
			said = append(said, line.Table+"."+c)
		}
		if line.Why == "" || line.Seen == "" || line.Kept == "" {
			t.Errorf("%s: why, for whom and how long is not said", line.Table)
		}
	}
	for _, c := range there {
		if !slices.Contains(said, c) {
			t.Errorf("%s is in no line of the inventory", c)
		}
	}
	for i, c := range said {
		if !slices.Contains(there, c) || slices.Contains(said[:i], c) {
			t.Errorf("%s is not in the database, or twice in the inventory", c)
		}
	}
}

func TestInventoryPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/privacy.md")
	if err != nil || string(page) != registry.InventoryPage() {
		t.Errorf("docs/privacy.md is not what the inventory makes, %v. Run: cho40 inventory --page > docs/privacy.md", err)
	}
}
