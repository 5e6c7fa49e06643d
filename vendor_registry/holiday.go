package registry

import (
	"slices"
	"time"
)

// restDays are those of a week on which offices in Vietnam are closed.
var restDays = []time.Weekday{time.Saturday, time.Sunday}

// Holiday reports whether a day is a public holiday whatever is decided for its year: of those in article 112 of the Labour Code
// (45/2019/QH14), which gives eleven days, the nine that are certain. Each year the Prime Minister says which five days Tết has and which day
// beside 2 September is free (clause 3); that is not known here, so of Tết there are the four that every choice so far had, the last day of the
// old year and the first three of the new, and 2 September stands alone. Nor do days count that are free in place of a holiday on a weekend
// (article 111, clause 3). A clock that stands still on these days alone never runs longer than the law gives; it may end a day early.
func (d Day) Holiday() bool {
	switch d.t.Format("01-02") {
	case "01-01", "04-30", "05-01", "09-02":
		return true
	}
	if l := d.Lunar(); !l.Leap && (l.Month == 1 && l.Day <= 3 || l.Month == 3 && l.Day == 10) { // Tết, the Hùng Kings
		return true
	}
	next := d.Plus(1).Lunar()
	return next.Month == 1 && next.Day == 1 && !next.Leap
}

// Working reports whether offices are open on a day: from Monday to Friday, but for holidays.
func (d Day) Working() bool { return !slices.Contains(restDays, d.t.Weekday()) && !d.Holiday() }

// afterWorkingDays is the end of the nth working day after the market day of t.
func afterWorkingDays(t time.Time, n int) time.Time {
	d := DayOf(t)
	for n > 0 {
		if d = d.Plus(1); d.Working() {
			n--
		}
	}
	return d.End()
}
