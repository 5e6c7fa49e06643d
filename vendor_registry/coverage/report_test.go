package coverage_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
)

// The report of a closed quarter stays as it was whatever happens afterwards; that of an open one says how things stand.
func TestReportOfAQuarter(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if err := registry.New(db, time.Now).LoadAreas(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := open(t, db, "VT", "31321") // a ward of Cần Thơ
	near := &market{db: db, code: "B", at: m.at, clerk: actor("clerk", "market:B"), manager: actor("manager", "market:B"), reg: m.reg, cov: m.cov}
	console, officer := registry.Console(), actor("officer", "area:92")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := m.reg.AddMarket(t.Context(), console, registry.NewMarket{Code: "B", Name: "Chợ B", Area: "31120"})
	must(err)
	at := func(s string) registry.Day {
		d, err := registry.ParseDay(s)
		must(err)
		return d
	}
	wallet := registry.Actor{ID: "key:" + id.New[registry.Actor]().String(), Name: "Viettel", Via: "api", Grants: []registry.Grant{{Role: registry.Partner, Kind: registry.OverProvider, Code: "viettel_money"}}}
	target := func(in coverage.NewTarget) coverage.Target {
		t.Helper()
		in.Indicator, in.Document = coverage.Accepting, "KH 12"
		set, err := m.cov.SetTarget(t.Context(), console, in)
		must(err)
		return set
	}
	share := func(v float64) *float64 { return &v }
	one, two := m.hang(t, "A-1", true), m.hang(t, "A-2", false) // 2 March
	for _, code := range []string{"A-3", "A-4"} {
		_, err := m.reg.Register(t.Context(), m.clerk, "VT", registry.NewStall{Code: code, Vendor: &registry.NewVendor{Name: "Tâm"}})
		must(err)
	}
	near.hang(t, "B-1", true)
	_, err = m.reg.RecordSharing(t.Context(), m.clerk, "VT", "A-1", registry.NewSharing{Provider: "viettel_money", Version: "vi-share-1", Given: "face_to_face"})
	must(err)
	paid := func(day string) {
		t.Helper()
		answers, err := m.reg.Confirm(t.Context(), wallet, registry.NewConfirmations{Provider: "viettel_money",
			Items: []registry.Confirmation{{Account: registry.AccountRef{Market: "VT", ID: one.AccountID}, Uses: []registry.ConfirmedUse{{Day: at(day), Payments: 3}}}}})
		must(err)
		if answers[0].Result != "recorded" {
			t.Fatalf("%+v", answers[0])
		}
	}
	paid("2026-03-02")
	goal := target(coverage.NewTarget{Area: "92", Due: at("2026-12-31"), Share: share(0.7)})
	target(coverage.NewTarget{Market: "VT", Due: at("2026-03-31"), Share: share(0.5)})
	run := func(name, from, until string, markets ...string) coverage.Campaign {
		t.Helper()
		c, err := m.cov.AddCampaign(t.Context(), console, coverage.NewCampaign{Provider: "viettel_money", Name: name, From: at(from), Until: at(until), Markets: markets, Document: "TB 1"})
		must(err)
		return c
	}
	gift := run("Quà đầu năm", "2026-03-05", "2026-04-20", "VT")
	run("Nơi khác", "2026-03-05", "2026-03-20", "B")
	run("Quý sau", "2026-04-01", "2026-04-20", "VT")
	report := func() coverage.Report {
		t.Helper()
		r, err := m.cov.QuarterReport(t.Context(), m.clerk, "VT", "2026-Q1")
		must(err)
		return r
	}
	table := func(by string) coverage.Table {
		t.Helper()
		got, err := m.cov.QuarterTable(t.Context(), officer, "92", by, "2026-Q1")
		must(err)
		return got
	}
	said := func(r coverage.Report) string {
		text := fmt.Sprintf("%s; %d/%d %d; was %d/%d;", r.Name, r.Figures.Accepting, r.Figures.Vendors, r.Figures.Equipped, r.Before.Accepting, r.Before.Vendors)
		if r.Figures.Used != nil {
			text += fmt.Sprintf(" used %d;", *r.Figures.Used)
		}
		for _, u := range r.Units {
			text += " " + u.Name
		}
		for _, p := range r.Points {
			text += fmt.Sprintf(" %s:%d/%d", p.Day.String()[5:], p.Accepting, p.Vendors)
		}
		for _, c := range r.Running {
			text += "; " + c.Name + " " + c.Provider
		}
		for _, a := range r.Targets {
			text += fmt.Sprintf("; %s %v %d", a.Due, *a.Share, a.Near)
		}
		for _, b := range r.Barriers {
			text += fmt.Sprintf("; %s %d", b.Code, b.Vendors)
		}
		return text
	}
	const ward = "Phường Vị Thanh Thành phố Cần Thơ"
	m.at = time.Date(2026, 3, 17, 1, 0, 0, 0, time.UTC)
	if got := report(); got.Closed != nil || got.AsOf != at("2026-03-17") || !strings.HasPrefix(said(got), "Chợ VT; 1/4 2; was 0/0; used 0; "+ward+" 12-31:0/0") || !strings.Contains(said(got), " 03-15:1/4 03-17:1/4; ") {
		t.Errorf("while it goes on, as of %s, closed %+v: %s", got.AsOf, got.Closed, said(got))
	}
	m.at = time.Date(2026, 4, 2, 1, 0, 0, 0, time.UTC)
	const quarter = "Chợ VT; 1/4 2; was 0/0; used 0; " + ward + " 12-31:0/0 01-04:0/0 01-11:0/0 01-18:0/0 01-25:0/0 02-01:0/0 02-08:0/0 02-15:0/0 02-22:0/0 03-01:0/0 " +
		"03-08:1/4 03-15:1/4 03-22:1/4 03-29:1/4 03-31:1/4; Quà đầu năm Viettel Money; 2026-03-31 0.5 4; 2026-12-31 0.7 1; never_asked 3"
	before := report()
	if got := said(before); got != quarter || before.Closed != nil {
		t.Errorf("over and not closed:\n%s, want\n%s", got, quarter)
	}
	if got := table("market"); got.Closed != nil || len(got.Rows) != 2 {
		t.Errorf("a table of what is not closed: %+v", got)
	}
	for _, code := range []string{"VT", "B"} {
		if got := table(""); got.Closed != nil {
			t.Errorf("closed with %s open: %+v", code, got.Closed)
		}
		_, err := m.cov.Close(t.Context(), officer, coverage.NewClosing{Quarter: "2026-Q1", Market: code})
		must(err)
	}
	closed, markets, communes := report(), table("market"), table("")
	if got := said(closed); got != quarter || closed.Closed == nil || closed.Closed.Hash == "" || !closed.Made.Equal(m.at) {
		t.Errorf("closed %+v:\n%s, want\n%s", closed.Closed, got, quarter)
	}
	if !reflect.DeepEqual(closed.Funnel, before.Funnel) || !reflect.DeepEqual(closed.Barriers, before.Barriers) {
		t.Errorf("closing changed %+v, %+v to %+v, %+v", before.Funnel, before.Barriers, closed.Funnel, closed.Barriers)
	}
	lines := func(t coverage.Table) string {
		text := ""
		for _, n := range append(t.Rows, t.Total) {
			text += fmt.Sprintf("%s %s %s %d: %d/%d %d was %d", n.Key, n.Name, n.Where, n.Markets, n.Figures.Accepting, n.Figures.Vendors, n.Figures.Equipped, n.Before.Vendors)
			if n.Target != nil {
				text += fmt.Sprintf(", %v by %s", *n.Target.Share, n.Target.Due)
			}
			text += "\n"
		}
		return text
	}
	for _, tt := range []struct {
		name string
		of   coverage.Table
		want string
	}{
		{"by market", markets, "B Chợ B Phường Cái Khế 1: 1/1 1 was 0, 0.7 by 2026-12-31\nVT Chợ VT Phường Vị Thanh 1: 1/4 2 was 0, 0.5 by 2026-03-31\n92 Thành phố Cần Thơ  2: 2/5 3 was 0, 0.7 by 2026-12-31\n"},
		{"by commune, for which a market's own target is none", communes, "31120 Phường Cái Khế  1: 1/1 1 was 0, 0.7 by 2026-12-31\n31321 Phường Vị Thanh  1: 1/4 2 was 0, 0.7 by 2026-12-31\n92 Thành phố Cần Thơ  2: 2/5 3 was 0, 0.7 by 2026-12-31\n"},
	} {
		if got := lines(tt.of); got != tt.want || tt.of.Closed == nil || tt.of.Closed.Markets != 2 {
			t.Errorf("%s, closed %+v:\n%swant\n%s", tt.name, tt.of.Closed, got, tt.want)
		}
	}

	// A year goes by.
	m.at = m.at.Add(24 * time.Hour)
	m.record(t, two, registry.NewPlacardEvent{Kind: "installed", Consent: agreed, At: time.Date(2026, 3, 25, 1, 0, 0, 0, time.UTC)})
	paid("2026-03-20")
	must(m.cov.EndTarget(t.Context(), console, goal.ID.String()))
	target(coverage.NewTarget{Area: "92", Due: at("2026-12-31"), Share: share(0.9)})
	must(m.cov.EndCampaign(t.Context(), console, gift.ID.String()))
	run("Kể lại sau", "2026-03-10", "2026-03-12", "VT")
	name, area := "Chợ Vị Thanh Mới", "31120"
	shop, err := m.reg.Market(t.Context(), console, "VT")
	must(err)
	_, err = m.reg.EditMarket(t.Context(), console, "VT", shop.ETag(), registry.ChangedMarket{Name: &name, Area: &area})
	must(err)
	_, err = m.reg.AddMarket(t.Context(), console, registry.NewMarket{Code: "NEW", Name: "Chợ mới", Area: "31321"})
	must(err)
	m.at = time.Date(2027, 4, 3, 1, 0, 0, 0, time.UTC)
	_, err = m.cov.Close(t.Context(), officer, coverage.NewClosing{Quarter: "2026-Q2"})
	must(err)
	for _, of := range []struct {
		name      string
		got, want any
	}{{"the page", report(), closed}, {"the table by market", table("market"), markets}, {"and by commune", table("commune"), communes}} {
		if !reflect.DeepEqual(of.got, of.want) {
			t.Errorf("a year later %s is\n%+v\nwas\n%+v", of.name, of.got, of.want)
		}
	}
	for _, place := range [][2]string{{"VT", ""}, {"", "92"}} {
		states, err := m.cov.Quarters(t.Context(), officer, place[0], place[1], 6)
		must(err)
		text := ""
		for _, q := range states {
			text += q.Quarter
			if q.Closed != nil {
				text += " closed"
			}
			if q.Correction != nil {
				text += fmt.Sprintf(" %+d", q.Correction.Accepting)
			}
			text += ","
		}
		if text != "2027-Q2,2027-Q1,2026-Q4,2026-Q3,2026-Q2 closed,2026-Q1 closed +1," {
			t.Errorf("the quarters of %s are %s", place, text)
		}
	}

	// What the release before froze had no page; the days say the rest, and they do not change either.
	var text string
	must(db.QueryRow(t.Context(), `SELECT q.figures FROM quarter_closes q JOIN markets m ON m.id = q.market_id WHERE m.code = 'VT' AND q.quarter = '2026-Q1'`).Scan(&text))
	var kept map[string]json.RawMessage
	must(json.Unmarshal([]byte(text), &kept))
	delete(kept, "page")
	old, err := json.Marshal(kept)
	must(err)
	hash := sha256.Sum256(append([]byte("cho40 quarter 1\n"), old...))
	_, err = db.Exec(t.Context(), `UPDATE quarter_closes q SET figures = $1, hash = $2 FROM markets m WHERE m.id = q.market_id AND m.code = 'VT' AND q.quarter = '2026-Q1'`, string(old), hash[:])
	must(err)
	if got, want := said(report()), strings.Replace(strings.Replace(quarter, "Chợ VT", name, 1), "Phường Vị Thanh", "Phường Cái Khế", 1); got != want {
		t.Errorf("closed by the release before:\n%s, want\n%s", got, want)
	}

	for _, tt := range []struct {
		name, market, area, by, quarter, want string
		who                                   registry.Actor
	}{
		{"a partner", "VT", "", "", "2026-Q1", "not-allowed", wallet},
		{"a partner of the area", "", "92", "", "2026-Q1", "not-allowed", wallet},
		{"an administrator", "VT", "", "", "2026-Q1", "not-allowed", actor("admin", "all")},
		{"another market's clerk", "VT", "", "", "2026-Q1", "market-not-found", near.clerk},
		{"who has one market of the area", "", "92", "", "2026-Q1", "area-not-found", near.clerk},
		{"who has one ward of it", "", "92", "", "2026-Q1", "area-not-found", actor("officer", "area:31120")},
		{"another province's officer", "", "92", "", "2026-Q1", "area-not-found", actor("officer", "area:01")},
		{"no such market", "ZZ", "", "", "2026-Q1", "market-not-found", officer},
		{"no such area", "", "00", "", "2026-Q1", "area-not-found", officer},
		{"no such quarter", "VT", "", "", "2026-Q5", "quarter-invalid", officer},
		{"a quarter to come", "VT", "", "", "2027-Q3", "quarter-future", officer},
		{"a quarter to come, of an area", "", "92", "", "2027-Q3", "quarter-future", officer},
		{"a table by colour", "", "92", "colour", "2026-Q1", "split-unknown", officer},
		{"an area that was no more", "", "93", "", "2026-Q1", "area-not-then", actor("officer", "all")},
	} {
		var err error
		if tt.market != "" {
			_, err = m.cov.QuarterReport(t.Context(), tt.who, tt.market, tt.quarter)
		} else {
			_, err = m.cov.QuarterTable(t.Context(), tt.who, tt.area, tt.by, tt.quarter)
		}
		got := fault.CodeOf(err)
		if f, ok := fault.As(err); ok && len(f.Fields) > 0 && got == "" {
			got = f.Fields[0].Code
		}
		if got != tt.want {
			t.Errorf("%s: %q (%v), want %q", tt.name, got, err, tt.want)
		}
	}
	_, err = db.Exec(t.Context(), `UPDATE quarter_closes SET figures = replace(figures, '"accepting":1', '"accepting":2')`)
	must(err)
	if _, err := m.cov.QuarterTable(t.Context(), officer, "92", "", "2026-Q1"); err == nil {
		t.Error("a table of frozen figures that were changed is told all the same")
	}
}
