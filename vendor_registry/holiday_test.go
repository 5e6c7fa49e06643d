package registry_test

import (
	"slices"
	"testing"
	"time"

	registry "cho40/vendor_registry"
)

// The holidays that are certain, year by year; what the Prime Minister adds to them is a working day here.
func TestHolidays(t *testing.T) {
	t.Parallel()
	for year, want := range map[string][]string{
		"2025": {"2025-01-01", "2025-01-28", "2025-01-29", "2025-01-30", "2025-01-31", "2025-04-07", "2025-04-30", "2025-05-01", "2025-09-02"},
		"2026": {"2026-01-01", "2026-02-16", "2026-02-17", "2026-02-18", "2026-02-19", "2026-04-26", "2026-04-30", "2026-05-01", "2026-09-02"},
		"2027": {"2027-01-01", "2027-02-05", "2027-02-06", "2027-02-07", "2027-02-08", "2027-04-16", "2027-04-30", "2027-05-01", "2027-09-02"},
	} {
		var got []string
		for d := dayOf(t, year+"-01-01"); d.String()[:4] == year; d = d.Plus(1) {
			if d.Holiday() {
				got = append(got, d.String())
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", year, got, want)
		}
	}
	for _, year := range newYears { // one Tết a year, also around a month that comes twice
		first := dayOf(t, year)
		for n := -30; n <= 30; n++ {
			if got, want := first.Plus(n).Holiday(), n >= -1 && n <= 2 || first.Plus(n).String()[5:] == "01-01"; got != want {
				t.Errorf("%s, %d days from Tết: a holiday: %v", first.Plus(n), n, got)
			}
		}
	}
}

// Two working days after somebody asked: over weekends and holidays, and over nothing else.
func TestAcknowledgedAfterWorkingDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	vendor := w.stall("A-1", viettel).Vendor.ID
	w.clock.pass(30 * day)
	for _, tt := range []struct{ name, asked, by string }{
		{"in the middle of a week", "2026-11-24", "2026-11-26"},
		{"on a Friday", "2026-11-27", "2026-12-01"},
		{"on a Saturday", "2026-11-28", "2026-12-01"},
		{"on New Year's Eve", "2025-12-31", "2026-01-05"}, // a Wednesday; Thursday is free, then comes the weekend
		{"before Tết", "2026-02-13", "2026-02-23"},        // a Friday; Monday to Thursday are free, the fourth of the year counts
		{"during Tết", "2026-02-17", "2026-02-23"},        // Friday the 20th and Monday
		{"before the kings' day", "2025-04-04", "2025-04-09"},
		{"before the kings' day on a Sunday", "2026-04-24", "2026-04-28"}, // the Monday in its place counts
		{"before two holidays", "2026-04-29", "2026-05-05"},
		{"before the national day", "2026-09-01", "2026-09-04"}, // the day beside it counts
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := w.asked(vendor, registry.NewRequest{Kind: "see", ReceivedAt: dayOf(t, tt.asked).End().Add(-9 * time.Hour)})
			if got := registry.DayOf(r.AcknowledgeBy).String(); got != tt.by || !r.AcknowledgeBy.Equal(dayOf(t, tt.by).End()) {
				t.Errorf("asked on %s: acknowledged by %s, want the end of %s", tt.asked, r.AcknowledgeBy, tt.by)
			}
		})
	}
}
