package coverage_test

import (
	"slices"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
)

// Used is who was paid on two days of thirty as the provider says, helpers' tests taken off; what nobody reports is not known, and not 0.
func TestUsed(t *testing.T) {
	t.Parallel()
	m := open(t, pgtest.New(t), "VT", "")
	p := m.hang(t, "A-1", true)
	m.hang(t, "A-2", true)
	if _, err := m.reg.RecordSharing(t.Context(), m.clerk, "VT", "A-1", registry.NewSharing{Provider: "viettel_money", Version: "vi-share-1", Given: "face_to_face"}); err != nil {
		t.Fatal(err)
	}
	start := registry.DayOf(m.at)
	wallet := registry.Actor{ID: "key:" + id.New[registry.Actor]().String(), Name: "Viettel", Via: "api", Grants: []registry.Grant{{Role: registry.Partner, Kind: registry.OverProvider, Code: "viettel_money"}}}
	account := registry.AccountRef{Market: "VT", ID: p.AccountID}
	tell := func(by registry.Actor, provider, want string, uses ...registry.ConfirmedUse) {
		t.Helper()
		answers, err := m.reg.Confirm(t.Context(), by, registry.NewConfirmations{Provider: provider, Items: []registry.Confirmation{{Account: account, Uses: uses}}})
		if err == nil && answers[0].Fault != nil {
			err = answers[0].Fault
		}
		if fault.CodeOf(err) != want {
			t.Fatalf("err = %v, want %q", err, want)
		}
	}
	said := func(asOf registry.Day, until time.Time) (used, known int) {
		t.Helper()
		q := coverage.Question{Market: "VT", AsOf: asOf, By: "provider", RecordedUntil: until}
		got, err := m.cov.Share(t.Context(), m.clerk, q)
		if err != nil {
			t.Fatal(err)
		}
		used = -1
		if got.Used.Numerator != nil {
			used = *got.Used.Numerator
		}
		if (got.Split[0].Used == nil) != (used < 0) || got.Used.Denominator != got.Vendors || (got.Used.Share == nil) != (used < 0) {
			t.Errorf("%+v of the whole, %+v of the part", got.Used, got.Split[0].Used)
		}
		places, err := m.cov.Share(t.Context(), actor("officer", "all"), coverage.Question{By: "market", AsOf: asOf, RecordedUntil: until})
		if err != nil {
			t.Fatal(err)
		}
		if part := places.Split[0]; (part.Used == nil) != (used < 0) || part.Used != nil && *part.Used != used {
			t.Errorf("%v of the market as a part, %d of it", part.Used, used)
		}
		// A series ends with the figure.
		h, err := m.cov.History(t.Context(), m.clerk, coverage.Trend{Question: q, From: got.AsOf.Plus(-140)})
		if err != nil {
			t.Fatal(err)
		}
		if last := h.Points[len(h.Points)-1]; last.AsOf != got.AsOf || (last.Used == nil) != (used < 0) || last.Used != nil && *last.Used != used {
			t.Errorf("the series ends with %+v, the figure is %d", last, used)
		}
		for _, p := range h.Points {
			q.AsOf = p.AsOf
			of, err := m.cov.Share(t.Context(), m.clerk, q)
			if err != nil {
				t.Fatal(err)
			}
			if (p.Used == nil) != (of.Used.Numerator == nil) || p.Used != nil && *p.Used != *of.Used.Numerator {
				t.Errorf("the series says %+v, the day %+v", p, of.Used)
			}
		}
		return used, *got.Used.Known
	}
	check := func(name string, asOf registry.Day, used, known int) {
		t.Helper()
		if u, k := said(asOf, time.Time{}); u != used || k != known {
			t.Errorf("%s: %d of %d known, want %d of %d", name, u, k, used, known)
		}
	}
	check("nobody reports", registry.Day{}, -1, 0)
	m.at = m.at.Add(10 * day)
	on := func(n int) registry.ConfirmedUse { return registry.ConfirmedUse{Day: start.Plus(n), Payments: 1} }
	if _, err := m.reg.Confirm(t.Context(), wallet, registry.NewConfirmations{Provider: "viettel_money", Days: []registry.Day{start.Plus(1)}}); err != nil {
		t.Fatal(err)
	}
	check("reported, and not paid", registry.Day{}, 0, 2)
	tell(wallet, "viettel_money", "", on(2), on(5))
	check("paid on two days", registry.Day{}, 1, 2)
	check("on the day of the first", start.Plus(4), 0, 2)
	check("on the day of the second, told later", start.Plus(5), 1, 2)
	if used, known := said(start.Plus(5), start.Plus(6).End()); used != -1 || known != 0 {
		t.Errorf("before anybody told: %d of %d known", used, known)
	}
	m.at = m.at.Add(21 * day)
	check("the 30th day from the first", start.Plus(31), 1, 2)
	m.at = m.at.Add(day)
	check("the first is too long ago", registry.Day{}, 0, 2)
	tell(wallet, "viettel_money", "", on(32))
	check("paid again", registry.Day{}, 1, 2)
	_, err := m.reg.Verified(t.Context(), m.clerk, registry.AccountRef{Market: "VT", ID: p.AccountID}, registry.NewStep{Step: "test_payment", How: "2.000 đồng"})
	if err != nil {
		t.Fatal(err)
	}
	check("a helper's own payment is no use", registry.Day{}, 0, 2)
	twice := on(32)
	twice.Payments = 2
	tell(wallet, "viettel_money", "", twice)
	check("another one beside it is", registry.Day{}, 1, 2)
	m.at = m.at.Add(100 * day)
	check("no report for long", registry.Day{}, -1, 0)

	other := wallet
	other.Grants = []registry.Grant{{Role: registry.Partner, Kind: registry.OverProvider, Code: "momo"}}
	tell(other, "viettel_money", "provider-not-found", on(3))
	tell(other, "momo", "account-not-found", on(3))
	tell(m.manager, "viettel_money", "not-allowed", on(3))
	if _, err := m.reg.Confirm(t.Context(), other, registry.NewConfirmations{Provider: "momo", Days: []registry.Day{registry.DayOf(m.at).Plus(-1)}}); err != nil {
		t.Fatal(err)
	}
	check("only another reports by now", registry.Day{}, -1, 0)
	tell(wallet, "viettel_money", "confirmation-invalid", registry.ConfirmedUse{Day: registry.DayOf(m.at).Plus(1), Payments: 1})
	tell(wallet, "viettel_money", "confirmation-invalid", registry.ConfirmedUse{Day: start, Payments: 0})
	tell(wallet, "viettel_money", "confirmation-invalid", on(3), on(3))
	if wrong, err := m.reg.CheckCounts(t.Context(), registry.Console(), "VT", false); err != nil || len(wrong) > 0 {
		t.Errorf("%+v, %v", wrong, err)
	}
}

// A provider whose last customer left a market still sees what was there before.
func TestHistoryOfCustomersWhoLeft(t *testing.T) {
	t.Parallel()
	m := open(t, pgtest.New(t), "VT", "")
	m.hang(t, "A-1", true)
	wallet := registry.Actor{ID: "key:" + id.New[registry.Actor]().String(), Name: "Viettel", Via: "api", Grants: []registry.Grant{{Role: registry.Partner, Kind: registry.OverProvider, Code: "viettel_money"}}}
	m.at = m.at.Add(14 * day)
	if _, err := m.reg.Leave(t.Context(), m.clerk, "VT", "A-1", registry.Leaving{Reason: "left_trade"}); err != nil {
		t.Fatal(err)
	}
	h, err := m.cov.History(t.Context(), wallet, coverage.Trend{Question: coverage.Question{Market: "VT"}, From: registry.DayOf(m.at).Plus(-14)})
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, p := range h.Points {
		got = append(got, p.Accepting)
	}
	if want := []int{1, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("accepting at the end of each week: %v, want %v", got, want)
	}
}
