package registry

import (
	"slices"

	"cho40/internal/fault"
)

// Weekday is a day of the week, 1 Monday to 7 Sunday.
type Weekday int16

// weekdayNames are how the API writes the days of the week.
var weekdayNames = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// MarshalText writes mon, tue and so on.
func (w Weekday) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// String is mon, tue and so on.
func (w Weekday) String() string {
	if w < 1 || int(w) > len(weekdayNames) {
		return ""
	}
	return weekdayNames[w-1]
}

// UnmarshalText reads what MarshalText writes. Faults: Invalid weekday-unknown.
func (w *Weekday) UnmarshalText(b []byte) error {
	i := slices.Index(weekdayNames, string(b))
	if i < 0 {
		return fault.New(fault.Invalid, "weekday-unknown", "There is no day of the week %q. Write: mon tue wed thu fri sat sun.", fault.Clip(string(b), 20))
	}
	*w = Weekday(i + 1)
	return nil
}

// Weekday is the day of the week.
func (d Day) Weekday() Weekday {
	if w := d.t.Weekday(); w > 0 {
		return Weekday(w)
	}
	return 7
}

// Add is the day so many days later.
func (d Day) Add(days int) Day { return Day{d.t.AddDate(0, 0, days)} }

// daysShown is how many of its next days are told of a fair-day market.
const daysShown = 3

// MeetsOn reports whether a market is held on a day: a fair-day market on its days of the week and of the moon, any other daily.
// A market of the 30th does not meet in a month of 29 days.
func (m Market) MeetsOn(d Day) bool {
	if m.Kind != Fair {
		return true
	}
	return slices.Contains(m.Weekdays, d.Weekday()) || len(m.LunarDays) > 0 && slices.Contains(m.LunarDays, d.Lunar().Day)
}

// NextDay is the first day from d on, d included, on which the market is held. One that meets only on the 30th has one within
// three months; a market whose days nobody said is taken as held daily.
func (m Market) NextDay(d Day) Day {
	if len(m.Weekdays)+len(m.LunarDays) == 0 {
		return d
	}
	for range 120 {
		if m.MeetsOn(d) {
			break
		}
		d = d.Add(1)
	}
	return d
}

// daysFrom are the next days of a fair-day market; none of any other.
func (m Market) daysFrom(today Day) []Day {
	if m.Kind != Fair || len(m.Weekdays)+len(m.LunarDays) == 0 {
		return nil
	}
	var days []Day
	for d := today; len(days) < daysShown; d = days[len(days)-1].Add(1) {
		days = append(days, m.NextDay(d))
	}
	return days
}
