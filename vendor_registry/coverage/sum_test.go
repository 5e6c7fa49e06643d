package coverage_test

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	"cho40/migrations"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"

	"pgregory.net/rapid"
)

// total is what figures of several markets come to together.
type total struct {
	vendors, accepting, equipped, suspended, overdue, used, known int
	funnel                                                        [6]int
	barriers, days, providers, accept                             map[string]int // by reason vendors, and days that they stand; by provider vendors, and who of them accept
}

func (n *total) add(s coverage.Share) {
	n.vendors, n.accepting, n.equipped = n.vendors+s.Vendors, n.accepting+s.Accepting, n.equipped+*s.Equipped.Numerator
	n.suspended, n.overdue, n.known = n.suspended+s.Suspended, n.overdue+s.Overdue, n.known+*s.Used.Known
	if s.Used.Numerator != nil {
		n.used += *s.Used.Numerator
	}
	for i, f := range s.Funnel {
		n.funnel[i] += f.Vendors
	}
	if n.barriers == nil {
		n.barriers, n.days, n.providers, n.accept = map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	}
	for _, b := range s.Barriers {
		n.barriers[b.Code] += b.Vendors
		if b.Days != nil {
			n.days[b.Code] += *b.Days * b.Vendors
		}
	}
	for _, p := range s.Split {
		n.providers[p.Key] += p.Vendors
		n.accept[p.Key] += p.Accepting
	}
}

// same compares a figure of many markets with what theirs come to.
func (n total) same(r *rapid.T, of string, got coverage.Share) {
	var is total
	is.add(got)
	for code, vendors := range is.barriers { // an average of averages, each rounded down
		if d := n.days[code] - is.days[code]; d > vendors || -d > vendors {
			r.Errorf("%s: reason %s stands %d days, in its markets %d", of, code, is.days[code], n.days[code])
		}
	}
	is.days, n.days = nil, nil
	if n.providers == nil {
		is.providers, is.accept = nil, nil
	}
	for _, of := range []map[string]int{is.barriers, n.barriers, is.providers, n.providers, is.accept, n.accept} {
		maps.DeleteFunc(of, func(_ string, vendors int) bool { return vendors == 0 })
	}
	if fmt.Sprint(is) != fmt.Sprint(n) {
		r.Fatalf("%s: %+v; its markets %+v", of, is, n)
	}
}

// Figures of provinces and of the country are kept as sums of their own. After whatever happened, whether somebody kept the counters meanwhile, and wherever
// the markets lie by now, they are what their markets' figures come to.
func TestSumsOfAnyHistory(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if err := registry.New(db, time.Now).LoadAreas(t.Context()); err != nil {
		t.Fatal(err)
	}
	officer, partner := actor("officer", "all"), actor("partner", "provider:viettel_money")
	provinces := map[string]string{"": "", "01": "01", "31321": "92", "09247": "24"} // by area
	areas := []string{"", "01", "31321", "09247"}
	var n atomic.Int32
	rapid.Check(t, func(r *rapid.T) {
		// What the cases before left are places where nobody trades.
		if _, err := db.Exec(t.Context(), `UPDATE markets SET site = 'desk' WHERE site = ''`); err != nil {
			r.Fatal(err)
		}
		var of []*history
		lies, desk := map[*history]string{}, map[*history]bool{}
		for range 3 {
			area := rapid.SampledFrom(areas).Draw(r, "area")
			h := &history{T: r, market: open(t, db, fmt.Sprintf("M%d", n.Add(1)), area), ctx: t}
			of, lies[h] = append(of, h), area
		}
		any := of[0]
		if err := any.reg.PlaceMarkets(t.Context()); err != nil {
			r.Fatal(err)
		}
		any.keepCounts()
		at := any.at
		var days []registry.Day // on which something happened
		for range rapid.IntRange(5, 25).Draw(r, "steps") {
			h := rapid.SampledFrom(of).Draw(r, "market")
			h.at = at
			switch rapid.IntRange(0, 19).Draw(r, "what") {
			case 0:
				lies[h] = rapid.SampledFrom(areas).Draw(r, "moves to")
				area := lies[h]
				m, err := h.reg.Market(t.Context(), registry.Console(), h.code)
				h.must(err)
				_, err = h.reg.EditMarket(t.Context(), registry.Console(), h.code, m.ETag(), registry.ChangedMarket{Area: &area})
				h.must(err)
			case 1:
				_, err := db.Exec(t.Context(), `INSERT INTO use_reports (provider, day, recorded_by, recorded_at) VALUES ($1, $2, 'person:x', $3) ON CONFLICT DO NOTHING`,
					rapid.SampledFrom(providers).Draw(r, "reports"), registry.DayOf(at), at)
				h.must(err)
			case 2: // what was taken for a market is none, or is one after all
				desk[h] = !desk[h]
				_, err := db.Exec(t.Context(), `UPDATE markets SET site = $1 WHERE code = $2`, map[bool]string{true: "desk"}[desk[h]], h.code)
				h.must(err)
				h.must(h.reg.PlaceMarkets(t.Context()))
			case 3:
				ended := time.Date(at.Year(), (at.Month()-1)/3*3+1, 0, 12, 0, 0, 0, time.UTC)
				_, err := h.cov.Close(t.Context(), officer, coverage.NewClosing{Quarter: fmt.Sprintf("%d-Q%d", ended.Year(), (ended.Month()+2)/3)})
				if fault.KindOf(err) != fault.Conflict {
					h.must(err)
				}
			case 4, 5, 6, 7: // to days that sums begin and end with
				d := registry.DayOf(at)
				for range rapid.SampledFrom([]int{1, 6 - (d.Number()+3)%7, 7 - (d.Number()+3)%7, 30}).Draw(r, "days on") {
					h.at = h.at.AddDate(0, 0, 1)
				}
				if last := time.Date(at.Year(), at.Month()+1, 0, 3, 0, 0, 0, time.UTC); last.After(at) && rapid.Bool().Draw(r, "end of the month") {
					h.at = last
				}
			default:
				h.step()
			}
			at, days = h.at, append(days, registry.DayOf(h.at))
		}
		for _, h := range of {
			h.at = at
		}
		kept := rapid.Bool().Draw(r, "kept")
		if kept {
			any.keepCounts()
			var waits int
			err := db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM market_now WHERE `+registry.SummedElsewhere+`) + (SELECT count(*) FROM vendor_changes WHERE carried AND NOT summed)`).Scan(&waits)
			if any.must(err); waits != 0 {
				r.Fatalf("%d markets and changes wait although somebody kept the counters", waits)
			}
		}
		ask := func(by registry.Actor, q coverage.Question) coverage.Share {
			s, err := any.cov.Share(t.Context(), by, q)
			any.must(err)
			return s
		}
		// Sums are put together from stretches of days, so what matters are days at the ends of them.
		happened := rapid.SampledFrom(days)
		past := happened.Draw(r, "day")
		if sunday := past.Plus(6 - (past.Number()+3)%7); rapid.Bool().Draw(r, "end of the week") && !sunday.After(registry.DayOf(at)) {
			past = sunday
		}
		for _, on := range []registry.Day{{}, past} {
			want, ofProvince, own := total{}, map[string]*total{}, 0
			for _, h := range of {
				if desk[h] {
					continue
				}
				s := ask(h.clerk, coverage.Question{Market: h.code, By: "provider", AsOf: on})
				want.add(s)
				p := provinces[lies[h]]
				if ofProvince[p] == nil {
					ofProvince[p] = &total{}
				}
				ofProvince[p].add(s)
				for _, part := range s.Split {
					if part.Key == "viettel_money" {
						own += part.Vendors
					}
				}
			}
			want.same(r, fmt.Sprintf("the country on %s, kept %v", on, kept), ask(officer, coverage.Question{By: "provider", AsOf: on}))
			for _, by := range []string{"market", "commune"} { // which are added up from the markets
				s := ask(officer, coverage.Question{By: by, AsOf: on})
				s.Split = nil
				plain := want
				plain.providers, plain.accept = nil, nil
				plain.same(r, fmt.Sprintf("the country by %s on %s, kept %v", by, on, kept), s)
				if got := ask(partner, coverage.Question{By: by, AsOf: on}); got.Vendors != own {
					r.Fatalf("by %s on %s a provider is told of %d vendors of its own, there are %d", by, on, got.Vendors, own)
				}
			}
			for _, part := range ask(officer, coverage.Question{By: "province", AsOf: on}).Split {
				w := ofProvince[part.Key]
				if w == nil {
					w = &total{}
				}
				if part.Vendors != w.vendors || part.Accepting != w.accepting || part.Used != nil && *part.Used != w.used {
					r.Fatalf("on %s, of %q %+v; its markets %+v", on, part.Key, part, w)
				}
			}
			for _, p := range []string{"01", "92", "24"} {
				if w := ofProvince[p]; w != nil {
					w.same(r, fmt.Sprintf("province %s on %s, kept %v", p, on, kept), ask(officer, coverage.Question{Area: p, By: "provider", AsOf: on}))
				}
			}
			if got := ask(partner, coverage.Question{By: "province", AsOf: on}); got.Vendors != own {
				r.Fatalf("on %s a provider is told of %d vendors of its own, there are %d", on, got.Vendors, own)
			}
		}
		// A series says of each day what a question about that day does.
		h, err := any.cov.History(t.Context(), officer, coverage.Trend{Question: coverage.Question{AsOf: past, By: "provider"}, Every: rapid.SampledFrom([]string{"week", "month"}).Draw(r, "every"), From: past.Plus(-200)})
		any.must(err)
		for range 3 {
			d := happened.Draw(r, "day of a point")
			i := slices.IndexFunc(h.Points, func(p coverage.Point) bool { return !d.After(p.AsOf) })
			if i < 0 {
				continue
			}
			p := h.Points[i]
			s := ask(officer, coverage.Question{AsOf: p.AsOf, By: "provider"})
			if p.Vendors != s.Vendors || p.Accepting != s.Accepting || p.Overdue != s.Overdue || fmt.Sprint(p.Funnel) != fmt.Sprint(s.Funnel) || fmt.Sprint(p.Used == nil) != fmt.Sprint(s.Used.Numerator == nil) {
				r.Fatalf("the series says %+v, the day %+v", p, s)
			}
			of := map[string]int{}
			for _, line := range h.Series {
				of[line.Key] = line.Points[i].Vendors
			}
			for _, part := range s.Split {
				if of[part.Key] != part.Vendors {
					r.Fatalf("on %s the series says of %q %d, the day %d", p.AsOf, part.Key, of[part.Key], part.Vendors)
				}
			}
		}
		wrong, err := any.reg.CheckSums(t.Context(), false)
		any.must(err)
		if len(wrong) > 0 {
			r.Fatalf("sums differ from what they are made of: %+v", wrong)
		}
	})
}

// What was counted before there were sums of provinces by provider and reason is in them from the migration on, what was still to come once it comes.
func TestSumsOfWhatWasCountedBefore(t *testing.T) {
	t.Parallel()
	history, err := migrations.History(t.Context(), pgtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	url := pgtest.Empty(t)
	if err := migrations.UpLike(t.Context(), url, history[:28]); err != nil {
		t.Fatal(err)
	}
	db, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if err := registry.New(db, time.Now).LoadAreas(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := open(t, db, "VT", "31321")
	m.hang(t, "A-1", true)
	m.at = m.at.Add(5 * day)
	hung := m.at
	m.hang(t, "A-2", false)
	if _, err := m.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: "BC", Name: "Bưu cục", Area: "31321", Site: registry.Desk}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.reg.Register(t.Context(), registry.Console(), "BC", registry.NewStall{Code: "B-1", Vendor: &registry.NewVendor{Name: "Tâm"}}); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{ // the vendor of A-2 says why, as the release before wrote it down
		`INSERT INTO vendor_changes (market_id, vendor_id, seq, since, day, recorded_at, carried, provider, barrier, vendors, stands)
		 SELECT c.market_id, c.vendor_id, 90 + x.n, $1, $1::timestamptz::date, $1, true, '', CASE x.n WHEN 1 THEN 'fees' ELSE '' END, x.n, CASE x.n WHEN 1 THEN $1::timestamptz::date - date '1970-01-01' ELSE 0 END
		 FROM vendor_changes c JOIN markets m ON m.id = c.market_id AND m.code = 'VT' CROSS JOIN (VALUES (1), (-1)) x (n) WHERE c.vendors = 1 AND c.since = $1`,
		`INSERT INTO market_split_now (market_id, split, key, vendors, stands) SELECT market_id, 'barrier', barrier, vendors, stands FROM vendor_changes WHERE barrier <> '' AND since <= $1`,
		`INSERT INTO market_split_day_delta (market_id, split, key, day, vendors, stands) SELECT market_id, 'barrier', barrier, day, vendors, stands FROM vendor_changes WHERE barrier <> '' AND since <= $1`,
	} {
		if _, err := db.Exec(t.Context(), sql, m.at); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := migrations.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	officer := actor("officer", "all")
	told := func() string {
		t.Helper()
		if wrong, err := m.reg.CheckSums(t.Context(), false); err != nil || len(wrong) > 0 {
			t.Errorf("%+v, %v", wrong, err)
		}
		var of total
		s, err := m.cov.Share(t.Context(), officer, coverage.Question{By: "provider"})
		if err != nil {
			t.Fatal(err)
		}
		of.add(s)
		return fmt.Sprint(s.Markets, of.vendors, of.accepting, of.overdue, of.barriers, of.providers, of.accept)
	}
	const before, after = "1 2 1 0 map[fees:1] map[viettel_money:2] map[viettel_money:1]", "1 2 0 1 map[fees:1 never_asked:1] map[viettel_money:2] map[viettel_money:0]"
	if got := told(); got != before {
		t.Errorf("after the migration %s, want %s", got, before)
	}
	keep := func() {
		t.Helper()
		if _, err := m.reg.KeepCounts(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	keep()
	if got := told(); got != before {
		t.Errorf("kept, %s, want %s", got, before)
	}
	for _, at := range []struct {
		since time.Duration
		want  string
	}{{25*day - time.Hour, before}, {25*day + time.Hour, after}} { // before and after the hour of the day at which the first look at A-1 is due
		m.at = hung.Add(at.since)
		for range 2 {
			if got := told(); got != at.want {
				t.Errorf("on %s %s, want %s", m.at, got, at.want)
			}
			keep()
		}
	}
}

// How many markets there are is right while a new one, or one that the release before this placed, is counted for no track yet, and after it is.
func TestMarketsCountedLate(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if err := registry.New(db, time.Now).LoadAreas(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := open(t, db, "VT", "31321")
	m.hang(t, "A-1", true)
	check := func(when, want string) {
		t.Helper()
		var got []int
		for _, q := range []coverage.Question{{}, {By: "province"}, {By: "provider"}, {Area: "92"}, {Area: "92", AsOf: registry.DayOf(m.at).Plus(-3)}, {Area: "01"}} {
			s, err := m.cov.Share(t.Context(), actor("officer", "all"), q)
			if err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			got = append(got, s.Markets)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %d, want %s", when, got, want)
		}
	}
	keep := func() {
		t.Helper()
		if _, err := m.reg.KeepCounts(t.Context()); err != nil {
			t.Fatal(err)
		}
		var waits int
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM market_now WHERE `+registry.CountedElsewhere).Scan(&waits); err != nil || waits > 0 {
			t.Errorf("%d markets wait to be counted, %v", waits, err)
		}
		if wrong, err := m.reg.CheckSums(t.Context(), false); err != nil || len(wrong) > 0 {
			t.Errorf("%+v, %v", wrong, err)
		}
	}
	const one, two = "[1 1 1 1 1 0]", "[2 2 2 2 2 0]"
	check("new", one)
	keep()
	check("kept", one)
	if _, err := m.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: "NG", Name: "Ngã Bảy", Area: "31321"}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: "BC", Name: "Bưu cục", Area: "31321", Site: registry.Desk}); err != nil {
		t.Fatal(err)
	}
	check("with a second and a desk", two)
	keep()
	check("with a second, kept", two)
	// As the release before this one leaves it: in the sums, counted nowhere.
	if _, err := db.Exec(t.Context(), `UPDATE market_now SET counted_track = NULL`); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), `DELETE FROM track_markets`); err != nil {
		t.Fatal(err)
	}
	check("of the release before", two)
	keep()
	check("of the release before, kept", two)
}

// What comes late of a quarter that is closed counts on the first day after it, also before it is in the sums.
func TestSumsOfAClosedQuarter(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if err := registry.New(db, time.Now).LoadAreas(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := open(t, db, "VT", "31321")
	m.hang(t, "A-1", true)
	m.hang(t, "A-2", true)
	keep := func() {
		t.Helper()
		if _, err := m.reg.KeepCounts(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	m.at = time.Date(2026, 4, 5, 2, 0, 0, 0, time.UTC)
	keep()
	officer := actor("officer", "all")
	if done, err := m.cov.Close(t.Context(), officer, coverage.NewClosing{Quarter: "2026-Q1"}); err != nil || done.Closed != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	day := func(s string) registry.Day {
		d, err := registry.ParseDay(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if _, err := m.reg.SetStatus(t.Context(), m.clerk, "VT", "A-2", registry.NewStatus{Status: "closed", From: day("2026-03-20"), Reason: "illness"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for on, vendors := range map[string]int{"2026-03-19": 2, "2026-03-22": 2, "2026-03-31": 2, "2026-04-01": 1, "2026-04-05": 1} {
			for _, q := range []coverage.Question{{By: "provider"}, {By: "province"}, {Area: "92"}, {Market: "VT"}} {
				q.AsOf = day(on)
				s, err := m.cov.Share(t.Context(), officer, q)
				if err != nil || s.Vendors != vendors || len(s.Split) > 0 && s.Split[0].Vendors != vendors {
					t.Errorf("%+v: %d vendors, %+v, %v; want %d", q, s.Vendors, s.Split, err, vendors)
				}
			}
		}
		keep()
	}
}
