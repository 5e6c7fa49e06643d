package web_test

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"cho40/internal/auth"

	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
)

// The pages of targets, figures and campaigns fit a phone and a desk.
func TestFiguresInABrowser(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w.h)
	t.Cleanup(server.Close)
	const password = "sáng sớm chợ họp bên sông"
	cov := coverage.New(w.db, w.clock.now)
	ctx, console, today := t.Context(), registry.Console(), registry.DayOf(w.clock.now())
	for n := range 12 {
		if _, err := w.reg.Register(ctx, console, "NEAR", registry.NewStall{Code: fmt.Sprintf("A-%d", n), Vendor: &registry.NewVendor{Name: "Trần Văn Bê"}}); err != nil {
			t.Fatal(err)
		}
	}
	set := func(indicator string, due registry.Day, share float64, market string) {
		if _, err := cov.SetTarget(ctx, console, coverage.NewTarget{Indicator: indicator, Market: market, Due: due, Share: &share, Document: "12/KH-UBND, 14/01/2026"}); err != nil {
			t.Fatal(err)
		}
	}
	set("accepting", today.Plus(39), 0.7, "NEAR")
	set("equipped", today.Plus(39), 0.9, "")
	set("accepting", today.Plus(-53), 0.4, "NEAR")
	report := func(in coverage.NewFigure) {
		in.Market, in.Until, in.Source = "NEAR", today.Plus(-22), "Viettel Cần Thơ, 10/2026"
		if _, err := cov.Report(ctx, console, in); err != nil {
			t.Fatal(err)
		}
	}
	n := func(v int64) *int64 { return &v }
	half := 0.5
	report(coverage.NewFigure{Indicator: "qr_points", Provider: "viettel_money", Method: "partner_reported", Numerator: n(260)})
	report(coverage.NewFigure{Indicator: "qr_points", Provider: "viettel_money", Method: "partner_reported", Numerator: n(248), Note: "gần 250"})
	report(coverage.NewFigure{Indicator: "digital_teams", Method: "claimed", Numerator: n(79), Denominator: n(79)})
	report(coverage.NewFigure{Indicator: "vendors_with_qr", Method: "estimated", Share: &half})
	if _, err := cov.AddCampaign(ctx, console, coverage.NewCampaign{Provider: "viettel_money", Name: "Đi chợ không tiền mặt", From: today.Plus(-10), Until: today.Plus(10),
		BuyerBenefit: n(50_000), VendorBenefit: n(150_000), Terms: "Quà ngẫu nhiên đến 1 triệu đồng", Document: "Thông báo tháng 10/2026"}); err != nil {
		t.Fatal(err)
	}
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"phone", 360, 740}, {"desktop", 1280, 900}} {
		t.Run(size.name, func(t *testing.T) {
			name := "hanh " + size.name
			var secret auth.Secret
			g, err := registry.ParseGrant("officer", "all")
			if err == nil {
				_, _, err = w.auth.AddPerson(ctx, console, name, []registry.Grant{g}, password)
			}
			if err == nil {
				secret, err = w.auth.IssueFactor(ctx, console, name)
			}
			if err != nil {
				t.Fatal(err)
			}
			b := browse(t, server.URL, size.width, size.height)
			b.signIn(name, password, secret.Code(w.clock.now()))
			for _, page := range []string{"/coverage", "/coverage?area=92", "/coverage?market=NEAR&every=week", "/targets?market=NEAR", "/figures?market=NEAR", "/campaigns?market=NEAR"} {
				b.goes(page)
				b.looks(page)
				if eval[int](b, `[...document.querySelectorAll(".funnel .num")].map((e, i) => e.textContent = ["3.123.456", "−1.987.654", "7"][i % 3]).length`) > 0 {
					b.looks(page + ", of a country")
				}
			}
			b.signOut()
		})
	}
}
