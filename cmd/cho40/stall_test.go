package main

import (
	"strings"
	"testing"
	"time"

	registry "cho40/vendor_registry"
)

func TestStallRowsTellOfAnAccountThatIsClosed(t *testing.T) {
	since := time.Date(2026, 11, 29, 18, 0, 0, 0, time.UTC) // the next day in Vietnam
	for _, tt := range []struct {
		name  string
		since *time.Time
		want  string
	}{
		{"as the provider says", &since, "closed at the provider since 2026-11-30"},
		{"nobody says so", nil, ""},
	} {
		said := ""
		for _, row := range stallRows(registry.Stall{Accounts: []registry.Account{{Holder: "LY MINH TAM", ClosedSince: tt.since}}}) {
			if _, closed, ok := strings.Cut(row[2], ", closed"); row[0] == "account" && ok {
				said = "closed" + closed
			}
		}
		if said != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, said, tt.want)
		}
	}
}
