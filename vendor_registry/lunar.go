package registry

import (
	"math"
	"sync"
	"time"
)

// LunarDay is a day of Vietnam's lunar calendar: months begin on the day of the new moon, at UTC+7, and the month without a
// principal term of the sun repeats the number of the one before it.
type LunarDay struct {
	Year, Month, Day int
	Leap             bool
}

// Lunar is the lunar day of a date. It is right from 1968, when the north took up UTC+7 for its calendar, to 2100; tables made
// for Beijing (UTC+8) differ from it by a day or, as in 1985, by a month.
func (d Day) Lunar() LunarDay {
	n := dayNumber(d)
	k := int(math.Floor((float64(n) - 2451550.6) / synodicMonth))
	for newMoonDay(k+1) <= n {
		k++
	}
	for newMoonDay(k) > n {
		k--
	}
	y := lunarYearOf(k, d.t.Year())
	i := k - y.first // months since the eleventh of the year before
	l := LunarDay{Year: y.year, Day: n - newMoonDay(k) + 1}
	number := i
	if y.leap > 0 && i >= y.leap {
		l.Leap = i == y.leap
		number--
	}
	if l.Month = (number+10)%12 + 1; l.Month >= 11 { // the eleventh and twelfth months stand at the head of the count
		l.Year--
	}
	return l
}

// lunarYear is a stretch of 12 or 13 months that begins with the month of a winter solstice, which is always the eleventh.
type lunarYear struct {
	year  int // whose first month is in the stretch
	first int // number of the new moon with which it begins
	leap  int // months after first of the repeated one; 0: none
}

// lunarYearOf is the stretch with the month that begins at new moon k, in or beside the solar year y.
func lunarYearOf(k, y int) lunarYear {
	for at := y + 1; ; at-- {
		first := solsticeMonth(at - 1)
		if first > k {
			continue
		}
		out := lunarYear{year: at, first: first}
		if solsticeMonth(at)-first == 13 {
			for i := 1; i < 13; i++ {
				if term(first+i) == term(first+i+1) {
					out.leap = i
					break
				}
			}
		}
		return out
	}
}

// solsticeMonth is the number of the new moon that begins the month with the winter solstice of a solar year.
func solsticeMonth(year int) int {
	return solstices.get(year, func() int {
		end := dayNumber(Day{time.Date(year, 12, 31, 0, 0, 0, 0, time.UTC)})
		k := int(math.Floor((float64(end) - 2451550.6) / synodicMonth))
		for newMoonDay(k) > end {
			k--
		}
		if term(k) >= 9 { // the sun is past 270° already when that month begins
			k--
		}
		return k
	})
}

// term is how many twelfths of its way since the equinox the sun has gone when the month of new moon k begins, at midnight.
func term(k int) int {
	return int(sunLongitude(float64(newMoonDay(k))-0.5-vietnamOffset) / 30)
}

const (
	synodicMonth  = 29.530588861 // days
	vietnamOffset = 7.0 / 24
)

// dayNumber is the Julian day number of a date's noon.
func dayNumber(d Day) int { return int(d.t.Unix()/86400) + 2440588 }

// newMoonDay is the Julian day number of the date, in Vietnam, of new moon k; k is 0 at the one of 6 January 2000.
func newMoonDay(k int) int {
	return newMoons.get(k, func() int { return int(math.Floor(newMoon(k) + 0.5 + vietnamOffset)) })
}

// remembered keeps what was computed: each number costs some forty sines.
type remembered struct {
	mu sync.Mutex
	of map[int]int
}

var newMoons, solstices remembered

func (r *remembered) get(n int, compute func() int) int {
	r.mu.Lock()
	v, ok := r.of[n]
	r.mu.Unlock()
	if ok {
		return v
	}
	v = compute()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil || len(r.of) > 10_000 {
		r.of = map[int]int{}
	}
	r.of[n] = v
	return v
}

func sinDegrees(x float64) float64 { return math.Sin(math.Mod(x, 360) * math.Pi / 180) }

// newMoon is the moment of new moon k as a Julian date in universal time, within seconds: the series of Jean Meeus,
// Astronomical Algorithms, second edition, chapter 49.
func newMoon(k int) float64 {
	f := float64(k)
	t := f / 1236.85
	t2, t3, t4 := t*t, t*t*t, t*t*t*t
	jde := 2451550.09766 + synodicMonth*f + 0.00015437*t2 - 0.000000150*t3 + 0.00000000073*t4
	e := 1 - 0.002516*t - 0.0000074*t2 // of the sun's orbit
	sun := 2.5534 + 29.10535670*f - 0.0000014*t2 - 0.00000011*t3
	moon := 201.5643 + 385.81693528*f + 0.0107582*t2 + 0.00001238*t3 - 0.000000058*t4
	node := 160.7108 + 390.67050284*f - 0.0016118*t2 - 0.00000227*t3 + 0.000000011*t4
	omega := 124.7746 - 1.56375588*f + 0.0020672*t2 + 0.00000215*t3
	for _, c := range []struct {
		days           float64
		e              int
		sun, moon, arg float64
	}{
		{-0.40720, 0, 0, 1, 0}, {0.17241, 1, 1, 0, 0}, {0.01608, 0, 0, 2, 0}, {0.01039, 0, 0, 0, 2}, {0.00739, 1, -1, 1, 0},
		{-0.00514, 1, 1, 1, 0}, {0.00208, 2, 2, 0, 0}, {-0.00111, 0, 0, 1, -2}, {-0.00057, 0, 0, 1, 2}, {0.00056, 1, 1, 2, 0},
		{-0.00042, 0, 0, 3, 0}, {0.00042, 1, 1, 0, 2}, {0.00038, 1, 1, 0, -2}, {-0.00024, 1, -1, 2, 0}, {-0.00007, 0, 2, 1, 0},
		{0.00004, 0, 0, 2, -2}, {0.00004, 0, 3, 0, 0}, {0.00003, 0, 1, 1, -2}, {0.00003, 0, 0, 2, 2}, {-0.00003, 0, 1, 1, 2},
		{0.00003, 0, -1, 1, 2}, {-0.00002, 0, -1, 1, -2}, {-0.00002, 0, 1, 3, 0}, {0.00002, 0, 0, 4, 0},
	} {
		jde += c.days * math.Pow(e, float64(c.e)) * sinDegrees(c.sun*sun+c.moon*moon+c.arg*node)
	}
	jde -= 0.00017 * sinDegrees(omega)
	for _, c := range []struct{ days, at, step float64 }{ // the planets

		{0.000325, 299.77, 0.107408}, {0.000165, 251.88, 0.016321}, {0.000164, 251.83, 26.651886}, {0.000126, 349.42, 36.412478},
		{0.000110, 84.66, 18.206239}, {0.000062, 141.74, 53.303771}, {0.000060, 207.14, 2.453732}, {0.000056, 154.84, 7.306860},
		{0.000047, 34.52, 27.261239}, {0.000042, 207.19, 0.121824}, {0.000040, 291.34, 1.844379}, {0.000037, 161.72, 24.198154},
		{0.000035, 239.56, 25.513099}, {0.000023, 331.55, 3.592518},
	} {
		jde += c.days * sinDegrees(c.at+c.step*f)
	}
	return jde - clockLag(jde)
}

// clockLag is by how much universal time is behind the even time of the series, in days: the fits of Fred Espenak and Jean Meeus
// for 1961 to 2050. A minute more or less does no harm: no new moon of these years is that near to midnight.
func clockLag(jd float64) float64 {
	t := (jd - 2451544.5) / 365.25 // years since 2000
	switch {
	case t < -14:
		t += 25
		return (45.45 + 1.067*t - t*t/260 - t*t*t/718) / 86400
	case t < 5:
		return (63.86 + 0.3345*t - 0.060374*t*t + 0.0017275*t*t*t) / 86400
	}
	return (62.92 + 0.32217*t + 0.005589*t*t) / 86400
}

// sunLongitude is the sun's apparent longitude in degrees, from 0 at the equinox of March, within a hundredth: Meeus, chapter 25.
func sunLongitude(jd float64) float64 {
	t := (jd + clockLag(jd) - 2451545) / 36525
	mean := 280.46646 + 36000.76983*t + 0.0003032*t*t
	anomaly := 357.52911 + 35999.05029*t - 0.0001537*t*t
	center := (1.914602-0.004817*t-0.000014*t*t)*sinDegrees(anomaly) + (0.019993-0.000101*t)*sinDegrees(2*anomaly) + 0.000289*sinDegrees(3*anomaly)
	at := math.Mod(mean+center-0.00569-0.00478*sinDegrees(125.04-1934.136*t), 360)
	if at < 0 {
		at += 360
	}
	return at
}
