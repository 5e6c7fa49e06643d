package coverage_test

import (
	"fmt"
	"testing"

	"cho40/internal/fault"
	"cho40/internal/id"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
)

// hang puts up a placard of a provider's account, or leaves it unhung.
func (l *land) hang(m, code, provider string, up bool) registry.Placard {
	l.Helper()
	ctx := l.Context()
	account := registry.NewAccount{Provider: provider, Number: "071" + fmt.Sprintf("%07d", len(code)*1000+int(code[len(code)-1])), Holder: "LY MINH TAM", Reason: "một nhà"}
	st, err := l.reg.Register(ctx, actor("clerk", "market:"+m), m, registry.NewStall{Code: code, Vendor: &registry.NewVendor{Name: "Lý Minh Tâm " + code}, Accounts: []registry.NewAccount{account}, Consent: agreed})
	if err != nil {
		l.Fatal(err)
	}
	d := registry.Decision{Account: st.Accounts[0].ID, ETag: st.Accounts[0].ETag(), Decision: "approve", Reason: "một nhà"}
	if _, err := l.reg.Decide(ctx, actor("manager", "market:"+m), d); err != nil {
		l.Fatal(err)
	}
	b, err := l.reg.Issue(ctx, actor("clerk", "market:"+m), m, registry.NewBatch{Sheet: "a6x4", Stalls: []string{code}}, anyFits)
	if err != nil {
		l.Fatal(err)
	}
	_, ps, err := l.reg.Batch(ctx, registry.Console(), b.Ref)
	if err != nil {
		l.Fatal(err)
	}
	if up {
		l.does(ps[0], "installed")
	}
	return ps[0]
}

func (l *land) does(p registry.Placard, kind string) {
	l.Helper()
	e := registry.NewPlacardEvent{Kind: kind}
	if kind == "installed" {
		e.Consent = agreed
	}
	if _, err := l.reg.RecordPlacard(l.Context(), actor("volunteer", "market:"+p.Market), p.Serial.String(), e); err != nil {
		l.Fatal(err)
	}
}

// A provider's word against what hangs: where they differ, and what may explain it.
func TestReconcile(t *testing.T) {
	t.Parallel()
	l := newLand(t)
	l.hang("VT", "A-1", "viettel_money", true)
	l.hang("VT", "A-2", "viettel_money", true)
	l.hang("VT", "A-3", "viettel_money", false)
	l.hang("VT", "A-4", "vnpt_money", true)
	l.does(l.hang("VT", "A-5", "viettel_money", true), "suspended")
	l.hang("TN", "B-1", "viettel_money", true)
	if _, err := l.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: "XA", Name: "Chợ Xa", Area: "31321"}); err != nil {
		t.Fatal(err)
	}
	say := func(market, area string, n int64) {
		t.Helper()
		in := coverage.NewFigure{Indicator: "qr_points", Market: market, Area: area, Provider: "viettel_money", Until: dayOf("2026-02-28"), Method: "partner_reported", Numerator: &n, Source: "Viettel"}
		if _, err := l.cov.Report(t.Context(), l.partner, in); err != nil {
			t.Fatal(err)
		}
	}
	say("VT", "", 5)
	say("XA", "", 7)
	say("", "92", 2600)
	n := func(v *int64) string {
		if v == nil {
			return "–"
		}
		return fmt.Sprint(*v)
	}
	line := func(r coverage.Reconciliation) string {
		out := fmt.Sprintf("%s reported, %d counted, %s more; %s in markets, %s elsewhere; only ours %d, only theirs %d", n(r.Reported), r.Counted, n(r.Difference), n(r.InMarkets), n(r.Elsewhere), r.OnlyOurs, r.OnlyReported)
		for _, m := range r.Markets {
			out += fmt.Sprintf("; %s %s−%d=%s (%d suspended, %d not hung, %d without, %d waiting)", m.Market, n(m.Reported), m.Counted, n(m.Difference), m.Suspended, m.NotHung, m.NoPlacard, m.Waiting)
		}
		return out
	}
	for _, tt := range []struct {
		name                   string
		by                     registry.Actor
		provider, market, area string
		want                   string
	}{
		{"a province", l.officer, "viettel_money", "", "92",
			"2600 reported, 2 counted, 2598 more; 12 in markets, 2588 elsewhere; only ours 0, only theirs 7; VT 5−2=3 (1 suspended, 1 not hung, 0 without, 0 waiting); XA 7−0=7 (0 suspended, 0 not hung, 0 without, 0 waiting)"},
		{"a market, by the old name of the wallet", l.manager, "viettelpay", "VT", "",
			"5 reported, 2 counted, 3 more; 5 in markets, – elsewhere; only ours 0, only theirs 0; VT 5−2=3 (1 suspended, 1 not hung, 0 without, 0 waiting)"},
		{"nobody reported", l.officer, "vnpt_money", "VT", "",
			"– reported, 1 counted, – more; – in markets, – elsewhere; only ours 1, only theirs 0; VT –−1=– (0 suspended, 0 not hung, 0 without, 0 waiting)"},
		{"the partner's own, wherever: the sum where no total was said", l.partner, "", "", "",
			"12 reported, 3 counted, 9 more; 12 in markets, – elsewhere; only ours 1, only theirs 7; TN –−1=– (0 suspended, 0 not hung, 0 without, 0 waiting); VT 5−2=3 (1 suspended, 1 not hung, 0 without, 0 waiting); XA 7−0=7 (0 suspended, 0 not hung, 0 without, 0 waiting)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := l.cov.Reconcile(t.Context(), tt.by, tt.provider, tt.market, tt.area, registry.Day{})
			if err != nil {
				t.Fatal(err)
			}
			if got := line(r); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	for _, tt := range []struct {
		name           string
		by             registry.Actor
		provider, area string
		want           string
	}{
		{"a rival's", l.rival, "viettel_money", "92", "provider-not-found"},
		{"nobody's", l.officer, "goldmine", "92", "provider-unknown"},
		{"of no provider", l.officer, "", "92", "provider-unknown"},
		{"another province", l.officer, "viettel_money", "19", "area-not-found"},
		{"a manager of the province", l.manager, "viettel_money", "92", "area-not-found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := l.cov.Reconcile(t.Context(), tt.by, tt.provider, "", tt.area, registry.Day{}); fault.CodeOf(err) != tt.want {
				t.Errorf("err = %v, want %s", err, tt.want)
			}
		})
	}
}

// What we count against a target, and a target of one's own that overrides the province's.
func TestTargetsOfOurs(t *testing.T) {
	t.Parallel()
	l := newLand(t)
	ctx := t.Context()
	for i := range 6 {
		if _, err := l.reg.Register(ctx, registry.Console(), "VT", registry.NewStall{Code: fmt.Sprintf("N-%d", i), Vendor: &registry.NewVendor{Name: "Trần Văn Bê"}}); err != nil {
			t.Fatal(err)
		}
	}
	l.hang("VT", "A-1", "viettel_money", true)
	l.at = l.at.Add(28 * day)
	l.hang("VT", "A-2", "viettel_money", true)
	l.hang("VT", "A-3", "viettel_money", true)
	l.hang("VT", "A-4", "viettel_money", true)
	today := registry.DayOf(l.at)
	set := func(by registry.Actor, market, area, indicator string, due registry.Day, share float64) coverage.Target {
		t.Helper()
		got, err := l.cov.SetTarget(ctx, by, coverage.NewTarget{Indicator: indicator, Market: market, Area: area, Due: due, Share: &share, Document: "KH 12/UBND"})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	due := today.Plus(14)
	province := set(l.officer, "", "92", "accepting", due, 0.7)
	set(registry.Console(), "", "", "accepting", due, 0.9)
	set(registry.Console(), "", "", "equipped", due, 0.4)
	at := func(indicator string) string {
		t.Helper()
		page, err := l.cov.Targets(ctx, actor("clerk", "market:VT"), coverage.TargetQuestion{Market: "VT", Indicator: indicator})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) != 1 {
			return fmt.Sprintf("%d targets", len(page.Items))
		}
		return fmt.Sprintf("%.1f from %q: ", *page.Items[0].Target.Share, page.Items[0].Target.Area+page.Items[0].Target.Market) + inALine(page.Items[0])
	}
	// 10 vendors; 4 accept today, 1 did four weeks ago: three quarters of one come a week.
	if got, want := at("accepting"), `0.7 from "92": inherited running, 4 of 10, 3 missing, 2 a week needed, 0.75 come, on pace false`; got != want {
		t.Errorf("inherited\n%s, want\n%s", got, want)
	}
	if got, want := at("equipped"), `0.4 from "": inherited running, 4 of 10, 0 missing, 0 a week needed, 0.75 come, on pace true`; got != want {
		t.Errorf("of the country\n%s, want\n%s", got, want)
	}
	own := set(l.manager, "VT", "", "accepting", due, 0.5)
	if got, want := at("accepting"), `0.5 from "VT": running, 4 of 10, 1 missing, 1 a week needed, 0.75 come, on pace true`; got != want {
		t.Errorf("overridden\n%s, want\n%s", got, want)
	}
	if err := l.cov.EndTarget(ctx, l.manager, province.ID.String()); fault.CodeOf(err) != "target-not-found" {
		t.Errorf("a manager ends the province's: %v", err)
	}
	if err := l.cov.EndTarget(ctx, actor("clerk", "market:VT"), own.ID.String()); fault.CodeOf(err) != "not-allowed" {
		t.Errorf("a clerk ends the market's: %v", err)
	}
	if err := l.cov.EndTarget(ctx, l.manager, own.ID.String()); err != nil {
		t.Error(err)
	}
	if err := l.cov.EndTarget(ctx, l.manager, own.ID.String()); fault.CodeOf(err) != "target-not-found" {
		t.Errorf("ended twice: %v", err)
	}
	number := int64(300)
	if _, err := l.cov.SetTarget(ctx, l.officer, coverage.NewTarget{Indicator: "equipped", Area: "92", Due: due, Number: &number, Document: "KH"}); err != nil {
		t.Fatal(err)
	}
	if got := at("equipped"); got[:5] != `0.4 f` {
		t.Errorf("a number of the province is the market's: %s", got)
	}
	l.at = l.at.Add(15 * day) // the placard of the first day is overdue for a check by then
	if got, want := at("accepting"), `0.7 from "92": inherited missed, 3 of 10, 4 missing`; got != want {
		t.Errorf("over\n%s, want\n%s", got, want)
	}
	for _, tt := range []struct {
		name string
		by   registry.Actor
		in   coverage.NewTarget
		want string
	}{
		{"a manager, of the province", l.manager, coverage.NewTarget{Area: "92"}, "area-not-found"},
		{"a manager, of another market", l.manager, coverage.NewTarget{Market: "TN"}, "market-not-found"},
		{"an officer, of the country", l.officer, coverage.NewTarget{}, "not-allowed"},
		{"a partner", l.partner, coverage.NewTarget{Market: "VT"}, "not-allowed"},
		{"an old province, years after", registry.Console(), coverage.NewTarget{Area: "93"}, "area-not-then"},
		{"another value", l.officer, coverage.NewTarget{Area: "92"}, "target-taken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Indicator, tt.in.Due, tt.in.Share, tt.in.Document = "accepting", due, pointer(0.8), "KH 13"
			if _, err := l.cov.SetTarget(ctx, tt.by, tt.in); fault.CodeOf(err) != tt.want {
				t.Errorf("err = %v, want %s", err, tt.want)
			}
		})
	}
	for name, change := range map[string]func(*coverage.NewTarget){
		"indicator": func(n *coverage.NewTarget) { n.Indicator = "" }, "document": func(n *coverage.NewTarget) { n.Document = "" }, "due": func(n *coverage.NewTarget) { n.Due = registry.Day{} },
		"share": func(n *coverage.NewTarget) { n.Share = pointer(1.01) }, "number": func(n *coverage.NewTarget) { n.Number = pointer[int64](3) },
	} {
		in := coverage.NewTarget{Indicator: "accepting", Market: "VT", Due: due, Share: pointer(0.8), Document: "KH"}
		change(&in)
		_, err := l.cov.SetTarget(ctx, l.manager, in)
		if f, _ := fault.As(err); fault.CodeOf(err) != "target-invalid" || f.Fields[0].Pointer != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := l.cov.Targets(ctx, l.partner, coverage.TargetQuestion{Market: "VT"}); fault.CodeOf(err) != "not-allowed" {
		t.Errorf("a partner reads targets: %v", err)
	}
}

// A promotion, who was told and what came of it.
func TestCampaign(t *testing.T) {
	t.Parallel()
	l := newLand(t)
	ctx := t.Context()
	l.hang("VT", "A-1", "viettel_money", true) // accepted before
	late := l.hang("VT", "A-2", "viettel_money", false)
	l.hang("VT", "A-3", "viettel_money", false)
	l.at = l.at.Add(2 * day)
	volunteer := actor("volunteer", "market:VT")
	in := coverage.NewCampaign{Provider: "971005", Name: "Đi chợ không tiền mặt", From: registry.DayOf(l.at), Until: registry.DayOf(l.at).Plus(6), Area: "92",
		BuyerBenefit: pointer[int64](50_000), VendorBenefit: pointer[int64](150_000), Document: "Thông báo của Viettel"}
	c, err := l.cov.AddCampaign(ctx, l.partner, in)
	if err != nil || c.Provider != "viettel_money" || *c.BuyerBenefit != 50_000 || c.Place != "Thành phố Cần Thơ" {
		t.Fatalf("%+v, %v", c, err)
	}
	far := in
	far.Area, far.Markets = "", []string{"TN"}
	other, err := l.cov.AddCampaign(ctx, l.partner, far)
	if err != nil {
		t.Fatal(err)
	}
	mark := func(by registry.Actor, c coverage.Campaign, stall, kind string) error {
		_, err := l.cov.MarkVendor(ctx, by, "VT", c.ID.String(), coverage.Mark{Stall: stall, Kind: kind})
		return err
	}
	for _, stall := range []string{"A-1", "A-2", "A-3", "A-3"} {
		if err := mark(volunteer, c, stall, "told"); err != nil {
			t.Fatal(err)
		}
	}
	if err := mark(volunteer, c, "A-2", "qualified"); err != nil {
		t.Fatal(err)
	}
	l.at = l.at.Add(10 * day) // some days after the last
	l.does(late, "installed")
	n := func(v *int) string {
		if v == nil {
			return "–"
		}
		return fmt.Sprint(*v)
	}
	outcome := func(by registry.Actor) string {
		o, err := l.cov.CampaignOutcome(ctx, by, c.ID.String())
		if err != nil {
			return fault.CodeOf(err)
		}
		return fmt.Sprintf("%s told, %s qualified, %s began", n(o.Told), n(o.Qualified), n(o.Began))
	}
	for _, tt := range []struct {
		name string
		by   registry.Actor
		want string
	}{
		{"the market's manager", l.manager, "3 told, 1 qualified, 1 began"},
		{"the partner is told no small number", l.partner, "– told, – qualified, – began"},
		{"a rival", l.rival, "campaign-not-found"},
		{"another province", actor("officer", "area:19"), "campaign-not-found"},
		{"an administrator", actor("admin", "all"), "not-allowed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := outcome(tt.by); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	listed := func(by registry.Actor, market, area string, from, until registry.Day) int {
		t.Helper()
		cs, err := l.cov.Campaigns(ctx, by, market, area, from, until)
		if err != nil {
			t.Fatal(err)
		}
		return len(cs)
	}
	none := registry.Day{}
	for _, tt := range []struct {
		name         string
		by           registry.Actor
		market, area string
		from, until  registry.Day
		want         int
	}{
		{"in a market below the area", l.manager, "VT", "", none, none, 1},
		{"over before", l.manager, "VT", "", c.Until.Plus(1), none, 0},
		{"on its last day", l.manager, "VT", "", c.Until, c.Until, 1},
		{"in the country", l.partner, "", "", none, none, 2},
		{"a rival", l.rival, "VT", "", none, none, 0},
		{"in a province with a market of it", registry.Console(), "", "19", none, none, 1},
		{"in a ward of the province", registry.Console(), "", "31321", none, none, 1},
	} {
		if got := listed(tt.by, tt.market, tt.area, tt.from, tt.until); got != tt.want {
			t.Errorf("%s: %d campaigns, want %d", tt.name, got, tt.want)
		}
	}
	for name, got := range map[string]struct {
		err  error
		want string
	}{
		"a mark of another market's campaign": {mark(volunteer, other, "A-1", "told"), "campaign-not-found"},
		"a mark of nobody's campaign":         {mark(volunteer, coverage.Campaign{ID: id.New[coverage.Campaign]()}, "A-1", "told"), "campaign-not-found"},
		"a partner's mark":                    {mark(l.partner, c, "A-1", "told"), "not-allowed"},
		"a mark from outside":                 {mark(actor("volunteer", "market:TN"), c, "A-1", "told"), "market-not-found"},
		"no stall":                            {mark(volunteer, c, "", "told"), "mark-invalid"},
		"another kind":                        {mark(volunteer, c, "A-1", "glad"), "mark-invalid"},
		"a partner ends a rival's":            {l.cov.EndCampaign(ctx, l.rival, c.ID.String()), "campaign-not-found"},
		"a manager ends it":                   {l.cov.EndCampaign(ctx, l.manager, c.ID.String()), "campaign-not-found"},
		"a partner's campaign of a rival's":   {second(l.cov.AddCampaign(ctx, l.rival, in)), "provider-not-found"},
		"a manager's campaign":                {second(l.cov.AddCampaign(ctx, l.manager, far)), "market-not-found"},
	} {
		if fault.CodeOf(got.err) != got.want {
			t.Errorf("%s: %v, want %s", name, got.err, got.want)
		}
	}
	bad := in
	bad.From, bad.BuyerBenefit, bad.Document, bad.Provider, bad.Markets = bad.Until.Plus(1), pointer[int64](0), "", "goldmine", []string{"VT"}
	_, err = l.cov.AddCampaign(ctx, l.partner, bad)
	if f, _ := fault.As(err); fault.CodeOf(err) != "campaign-invalid" || len(f.Fields) != 5 {
		t.Errorf("everything wrong: %v", err)
	}
	if err := l.cov.EndCampaign(ctx, l.officer, c.ID.String()); err != nil || listed(l.manager, "VT", "", none, none) != 0 {
		t.Errorf("ended: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }
