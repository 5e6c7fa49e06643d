package registry_test

import (
	"slices"
	"testing"
	"time"

	registry "cho40/vendor_registry"

	"pgregory.net/rapid"
)

func dayOf(t testing.TB, s string) registry.Day {
	t.Helper()
	d, err := registry.ParseDay(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The first days of the years as Vietnam kept or announced them. 2007 and 2030 begin a day before Beijing's.
var newYears = []string{"2000-02-05", "2001-01-24", "2002-02-12", "2003-02-01", "2004-01-22", "2005-02-09", "2006-01-29", "2007-02-17", "2008-02-07",
	"2009-01-26", "2010-02-14", "2011-02-03", "2012-01-23", "2013-02-10", "2014-01-31", "2015-02-19", "2016-02-08", "2017-01-28", "2018-02-16",
	"2019-02-05", "2020-01-25", "2021-02-12", "2022-02-01", "2023-01-22", "2024-02-10", "2025-01-29", "2026-02-17", "2027-02-06", "2028-01-26",
	"2029-02-13", "2030-02-02", "2031-01-23", "2032-02-11", "2033-01-31", "2034-02-19", "2035-02-08", "2036-01-28", "2037-02-15", "2038-02-04",
	"2039-01-24", "2040-02-12"}

func TestLunarNewYears(t *testing.T) {
	t.Parallel()
	for i, day := range newYears {
		if got, want := dayOf(t, day).Lunar(), (registry.LunarDay{Year: 2000 + i, Month: 1, Day: 1}); got != want {
			t.Errorf("%s is %+v, want %+v", day, got, want)
		}
	}
	for _, tt := range []struct {
		name, day string
		want      registry.LunarDay
	}{
		{"a month before Beijing's", "1985-01-21", registry.LunarDay{Year: 1985, Month: 1, Day: 1}},
		{"a day before Beijing's", "1968-01-29", registry.LunarDay{Year: 1968, Month: 1, Day: 1}},
		{"the eve", "2026-02-16", registry.LunarDay{Year: 2025, Month: 12, Day: 29}},
		{"the kings' day", "2026-04-26", registry.LunarDay{Year: 2026, Month: 3, Day: 10}},
		{"the autumn feast", "2026-09-25", registry.LunarDay{Year: 2026, Month: 8, Day: 15}},
		{"the second of two sixth months", "2025-07-25", registry.LunarDay{Year: 2025, Month: 6, Day: 1, Leap: true}},
		{"the first of them", "2025-06-25", registry.LunarDay{Year: 2025, Month: 6, Day: 1}},
		{"the month behind them", "2025-08-23", registry.LunarDay{Year: 2025, Month: 7, Day: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := dayOf(t, tt.day).Lunar(); got != tt.want {
				t.Errorf("%s is %+v, want %+v", tt.day, got, tt.want)
			}
		})
	}
}

func TestLeapMonths(t *testing.T) {
	t.Parallel()
	want := map[int]int{1985: 2, 1987: 7, 1990: 5, 1993: 3, 1995: 8, 1998: 5, 2001: 4, 2004: 2, 2006: 7, 2009: 5, 2012: 4, 2014: 9, 2017: 6, 2020: 4,
		2023: 2, 2025: 6, 2028: 5, 2031: 3, 2033: 11, 2036: 6, 2039: 5}
	got := map[int]int{}
	for d := dayOf(t, "1985-01-21"); !d.After(dayOf(t, "2040-02-11")); d = d.Add(1) {
		if l := d.Lunar(); l.Leap {
			got[l.Year] = l.Month
		}
	}
	for year := 1985; year <= 2040; year++ {
		if got[year] != want[year] {
			t.Errorf("%d repeats month %d, want %d", year, got[year], want[year])
		}
	}
}

// One day after another in the sun's calendar is one after another in the moon's: the next day of the month, or the first of the
// next month after the 29th or 30th.
func TestLunarDaysFollowEachOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		d := registry.DayOf(time.Date(1968, 1, 30, 5, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 48_000).Draw(rt, "days")))
		l, next := d.Lunar(), d.Add(1).Lunar()
		same := next.Year == l.Year && next.Month == l.Month && next.Leap == l.Leap
		switch {
		case l.Day < 1 || l.Day > 30 || l.Month < 1 || l.Month > 12:
			rt.Fatalf("%s is %+v", d, l)
		case same && next.Day == l.Day+1:
		case !same && next.Day == 1 && l.Day >= 29:
			again := next.Month == l.Month && next.Leap && !l.Leap && next.Year == l.Year
			on := next.Month == l.Month%12+1 && !next.Leap && next.Year == l.Year+l.Month/12
			if !again && !on {
				rt.Fatalf("after %s, %+v, comes %+v", d, l, next)
			}
		default:
			rt.Fatalf("after %s, %+v, comes %+v", d, l, next)
		}
	})
}

func TestMarketDays(t *testing.T) {
	t.Parallel()
	from := dayOf(t, "2026-11-22") // a Sunday, 14 of the tenth month
	for _, tt := range []struct {
		name string
		in   registry.Market
		want []string
	}{
		{"every day", registry.Market{Kind: "daily"}, []string{"2026-11-22", "2026-11-23", "2026-11-24"}},
		{"on Sundays", registry.Market{Kind: registry.Fair, Weekdays: []registry.Weekday{7}}, []string{"2026-11-22", "2026-11-29", "2026-12-06"}},
		{"on Thursdays and Sundays", registry.Market{Kind: registry.Fair, Weekdays: []registry.Weekday{4, 7}}, []string{"2026-11-22", "2026-11-26", "2026-11-29"}},
		{"at full and new moon", registry.Market{Kind: registry.Fair, LunarDays: []int{1, 15}}, []string{"2026-11-23", "2026-12-09", "2026-12-23"}},
		{"on either", registry.Market{Kind: registry.Fair, Weekdays: []registry.Weekday{2}, LunarDays: []int{15}}, []string{"2026-11-23", "2026-11-24", "2026-12-01"}},
		{"only on the 30th, which a short month has not", registry.Market{Kind: registry.Fair, LunarDays: []int{30}}, []string{"2026-12-08", "2027-01-07", "2027-03-07"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for d := from; len(got) < len(tt.want); d = d.Add(1) {
				d = tt.in.NextDay(d)
				got = append(got, d.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("days %v, want %v", got, tt.want)
			}
		})
	}
}
