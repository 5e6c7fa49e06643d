package coverage_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
)

// land is the map, then and today, with a market in what was Hậu Giang and one in Thái Nguyên.
type land struct {
	testing.TB
	at  time.Time
	reg *registry.Service
	cov *coverage.Service

	officer, manager, partner, rival registry.Actor
}

func newLand(t testing.TB) *land {
	t.Helper()
	db := pgtest.New(t)
	l := &land{TB: t, at: time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)}
	now := func() time.Time { return l.at }
	l.reg, l.cov = registry.New(db, now), coverage.New(db, now)
	// The few units that are spoken of, as the program's own lists have them.
	if _, err := pgtest.Owner(t, db).Exec(t.Context(), `
		INSERT INTO areas (code, name, name_fold, kind, level, parent, valid_from, since, valid_to, onward) VALUES
			('92', 'Thành phố Cần Thơ', 'thanh pho can tho', 'thanh_pho', 1, NULL, '2025-07-01', '2025-07-01', NULL, NULL),
			('19', 'Tỉnh Thái Nguyên', 'tinh thai nguyen', 'tinh', 1, NULL, '2025-07-01', '2025-07-01', NULL, NULL),
			('93', 'Tỉnh Hậu Giang', 'tinh hau giang', 'tinh', 1, NULL, '2004-01-01', NULL, '2025-07-01', '92'),
			('932', 'Huyện Châu Thành A', 'huyen chau thanh a', 'huyen', 3, '93', '2004-01-01', NULL, '2025-07-01', '92'),
			('31321', 'Phường Vị Thanh', 'phuong vi thanh', 'phuong', 2, '92', '2025-07-01', '2025-07-01', NULL, NULL),
			('05443', 'Phường Phan Đình Phùng', 'phuong phan dinh phung', 'phuong', 2, '19', '2025-07-01', '2025-07-01', NULL, NULL);
		INSERT INTO area_pasts (code, since, until, name, name_fold, kind, parent, alike) VALUES
			('92', '2004-01-01', '2025-07-01', 'Thành phố Cần Thơ', 'thanh pho can tho', 'thanh_pho', NULL, 'none'),
			('19', '2004-01-01', '2025-07-01', 'Tỉnh Thái Nguyên', 'tinh thai nguyen', 'tinh', NULL, 'none'),
			('31321', '2004-01-01', '2025-07-01', 'Phường I', 'phuong i', 'phuong', '93', 'province');
		INSERT INTO area_successions VALUES ('93', '92', '2025-07-01'), ('932', '92', '2025-07-01')`); err != nil {
		t.Fatal(err)
	}
	for code, area := range map[string]string{"VT": "31321", "TN": "05443"} {
		if _, err := l.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: code, Name: "Chợ " + code, Area: area}); err != nil {
			t.Fatal(err)
		}
	}
	l.officer, l.manager = actor("officer", "area:92"), actor("manager", "market:VT")
	l.partner, l.rival = actor("partner", "provider:viettel_money"), actor("partner", "provider:vnpt_money")
	return l
}

func dayOf(s string) registry.Day {
	d, err := registry.ParseDay(s)
	if err != nil {
		panic(err)
	}
	return d
}

func sample(t testing.TB, name string) *os.File {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func pointer[T any](v T) *T { return &v }

// report is a figure as it is sent, with what every one of them needs.
func report(change func(*coverage.NewFigure)) coverage.NewFigure {
	in := coverage.NewFigure{Indicator: "provincial_app_households", Area: "92", Until: dayOf("2026-02-28"), Method: "claimed", Numerator: pointer[int64](40), Denominator: pointer[int64](100),
		Source: "Sở KH&CN Cần Thơ"}
	if change != nil {
		change(&in)
	}
	return in
}

func TestReportFaults(t *testing.T) {
	t.Parallel()
	l := newLand(t)
	type in = coverage.NewFigure
	for _, tt := range []struct {
		name   string
		by     registry.Actor
		change func(*in)
		want   string
		at     string // the first field
	}{
		{"no such indicator", l.officer, func(f *in) { f.Indicator = "wealth" }, "figure-invalid", "indicator"},
		{"what is counted here", l.officer, func(f *in) { f.Indicator = "accepting" }, "figure-invalid", "indicator"},
		{"points of nobody", l.officer, func(f *in) { f.Indicator, f.Denominator = "qr_points", nil }, "figure-invalid", "provider"},
		{"households of a wallet", l.officer, func(f *in) { f.Provider = "momo" }, "figure-invalid", "provider"},
		{"another method", l.officer, func(f *in) { f.Method = "guessed" }, "figure-invalid", "method"},
		{"a period that is not over", l.officer, func(f *in) { f.Until = dayOf("2026-03-03") }, "figure-invalid", "until"},
		{"a period from its end", l.officer, func(f *in) { f.From = pointer(dayOf("2026-03-01")) }, "figure-invalid", "from"},
		{"neither number nor share", l.officer, func(f *in) { f.Numerator, f.Denominator = nil, nil }, "figure-invalid", "numerator"},
		{"of no household at all", l.officer, func(f *in) { f.Numerator, f.Denominator = pointer[int64](0), pointer[int64](0) }, "figure-invalid", "denominator"},
		{"more than there are", l.officer, func(f *in) { f.Numerator = pointer[int64](101) }, "figure-invalid", "denominator"},
		{"a share beside its numbers", l.officer, func(f *in) { f.Share = pointer(0.4) }, "figure-invalid", "share"},
		{"a share in per cent", l.officer, func(f *in) { f.Numerator, f.Denominator, f.Share = nil, nil, pointer(40.0) }, "figure-invalid", "share"},
		{"no source", l.officer, func(f *in) { f.Source = " " }, "figure-invalid", "source"},
		{"a share of cash points", l.officer, func(f *in) { f.Indicator, f.Provider = "cash_points", "momo" }, "figure-invalid", "indicator"},
		{"a market and an area", l.officer, func(f *in) { f.Market = "VT" }, "choose-one", ""},
		{"a district of before, today", l.officer, func(f *in) { f.Area = "932" }, "area-not-then", "area"},
		{"another province", l.officer, func(f *in) { f.Area = "19" }, "area-not-found", ""},
		{"the whole country, from a province", l.officer, func(f *in) { f.Area = "" }, "not-allowed", ""},
		{"a manager, of the province", l.manager, nil, "area-not-found", ""},
		{"a manager, of another market", l.manager, func(f *in) { f.Area, f.Market = "", "TN" }, "market-not-found", ""},
		{"an auditor", actor("auditor", "area:92"), nil, "not-allowed", ""},
		{"a partner about households", l.partner, func(f *in) { f.Method = "partner_reported" }, "figure-invalid", "provider"},
		{"a partner that counted", l.partner, func(f *in) {
			f.Indicator, f.Provider, f.Denominator, f.Method = "qr_points", "viettel_money", nil, "counted"
		}, "figure-invalid", "method"},
		{"a partner about a rival", l.partner, func(f *in) {
			f.Indicator, f.Provider, f.Denominator, f.Method = "qr_points", "vnpt_money", nil, "partner_reported"
		}, "provider-not-found", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := l.cov.Report(t.Context(), tt.by, report(tt.change))
			f, _ := fault.As(err)
			if fault.CodeOf(err) != tt.want || tt.at != "" && (len(f.Fields) == 0 || f.Fields[0].Pointer != tt.at) {
				t.Errorf("err = %v, want %s at %q", err, tt.want, tt.at)
			}
		})
	}
}

// A later word of the same source on the same period corrects the one before; taken back, the one before counts again.
func TestFigureCorrected(t *testing.T) {
	t.Parallel()
	l := newLand(t)
	say := func(by registry.Actor, change func(*coverage.NewFigure)) coverage.Figure {
		t.Helper()
		f, err := l.cov.Report(t.Context(), by, report(change))
		if err != nil {
			t.Fatal(err)
		}
		l.at = l.at.Add(time.Minute)
		return f
	}
	list := func(q coverage.FigureQuestion, by registry.Actor) string {
		t.Helper()
		page, err := l.cov.Figures(t.Context(), by, q)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, f := range page.Items {
			n := "–"
			if f.Numerator != nil {
				n = fmt.Sprint(*f.Numerator)
			}
			out = append(out, n+" "+f.State)
		}
		return strings.Join(out, ", ")
	}
	first := say(l.officer, nil)
	if first.State != "current" || first.Share == nil || *first.Share != 0.4 || first.Place != "Thành phố Cần Thơ" {
		t.Errorf("first %+v", first)
	}
	if again := say(l.officer, func(f *coverage.NewFigure) { f.Source = "sở kh&cn  cần thơ" }); again.ID != first.ID {
		t.Errorf("the same said again is another: %+v", again)
	}
	second := say(l.officer, func(f *coverage.NewFigure) { f.Numerator = pointer[int64](44) })
	if second.Corrects == nil || *second.Corrects != first.ID {
		t.Errorf("second %+v", second)
	}
	other := say(l.officer, func(f *coverage.NewFigure) {
		f.Source, f.Method, f.Numerator = "Khảo sát 200 hộ", "sampled", pointer[int64](31)
	})
	if other.Corrects != nil {
		t.Errorf("another source corrects: %+v", other)
	}
	area := coverage.FigureQuestion{Area: "92"}
	if got := list(area, l.officer); got != "31 current, 44 current" {
		t.Errorf("listed %q", got)
	}
	if _, err := l.cov.Withdraw(t.Context(), l.manager, second.ID.String(), "nhầm"); fault.CodeOf(err) != "figure-not-found" {
		t.Errorf("a manager takes the province's figure back: %v", err)
	}
	if got, err := l.cov.Withdraw(t.Context(), l.officer, second.ID.String(), "đếm nhầm"); err != nil || got.State != "withdrawn" || got.Withdrawn != "đếm nhầm" {
		t.Errorf("withdrawn %+v, %v", got, err)
	}
	if _, err := l.cov.Withdraw(t.Context(), l.officer, second.ID.String(), "nữa"); fault.CodeOf(err) != "figure-withdrawn" {
		t.Errorf("twice: %v", err)
	}
	area.Every = true
	if got := list(area, l.officer); got != "31 current, 44 withdrawn, 40 current" {
		t.Errorf("every one %q", got)
	}

	// A rival's points are nobody's business.
	points := func(provider string, n int64) func(*coverage.NewFigure) {
		return func(f *coverage.NewFigure) {
			f.Area, f.Market, f.Indicator, f.Provider, f.Denominator, f.Numerator, f.Method = "", "VT", "qr_points", provider, nil, &n, "partner_reported"
		}
	}
	say(l.partner, points("971005", 2600))
	say(l.rival, points("vnpt_money", 70))
	say(l.manager, func(f *coverage.NewFigure) { f.Area, f.Market = "", "VT" })
	market := coverage.FigureQuestion{Market: "VT"}
	for _, tt := range []struct {
		by   registry.Actor
		want string
	}{{l.manager, "40 current, 70 current, 2600 current"}, {l.partner, "40 current, 2600 current"}, {l.rival, "40 current, 70 current"}} {
		if got := list(market, tt.by); got != tt.want {
			t.Errorf("%s reads %q, want %q", tt.by.Grants[0].Role, got, tt.want)
		}
	}
	// What counts vendors, whoever's they are, would less its own be others'.
	n := int64(33)
	say(l.manager, func(f *coverage.NewFigure) {
		f.Area, f.Market, f.Indicator, f.Numerator, f.Denominator = "", "VT", "vendors_with_qr", &n, nil
	})
	if got := list(coverage.FigureQuestion{Market: "VT", Indicator: "vendors_with_qr"}, l.manager); got != "33 current" {
		t.Errorf("the manager reads %q of the vendors", got)
	}
	if got := list(coverage.FigureQuestion{Market: "VT", Indicator: "vendors_with_qr"}, l.partner); got != "" {
		t.Errorf("a partner reads %q of the vendors", got)
	}
	both := l.rival
	both.Grants = append(slices.Clone(both.Grants), actor("manager", "market:TN").Grants...)
	if got := list(market, both); got != "40 current, 70 current" {
		t.Errorf("a partner that is a manager elsewhere reads %q", got)
	}
	if got := list(coverage.FigureQuestion{Area: "92", Below: true, Indicator: "qr_points"}, l.officer); got != "70 current, 2600 current" {
		t.Errorf("below the province %q", got)
	}
	page, err := l.cov.Figures(t.Context(), l.officer, coverage.FigureQuestion{Area: "92", Every: true, List: registry.List{Limit: 2}})
	if err != nil || len(page.Items) != 2 || page.Next == nil {
		t.Fatalf("page %+v, %v", page, err)
	}
	if page, err = l.cov.Figures(t.Context(), l.officer, coverage.FigureQuestion{Area: "92", Every: true, List: registry.List{Limit: 2, Cursor: *page.Next}}); err != nil || len(page.Items) != 1 || page.Next != nil {
		t.Errorf("next page %+v, %v", page, err)
	}
}

// The tables of 2022: what a province aimed at and what was said of it.
func TestFiguresOf2022(t *testing.T) {
	t.Parallel()
	l := newLand(t)
	console := registry.Console()
	if got, err := l.cov.ImportTargets(t.Context(), console, sample(t, "targets-hau-giang-2022.csv"), true); err != nil || got.New != 6 {
		t.Errorf("looked at %+v, %v", got, err)
	}
	for _, want := range []coverage.Imported{{Rows: 6, New: 6}, {Rows: 6, Unchanged: 6}} {
		if got, err := l.cov.ImportTargets(t.Context(), console, sample(t, "targets-hau-giang-2022.csv"), false); err != nil || got != want {
			t.Errorf("targets %+v, %v, want %+v", got, err, want)
		}
	}
	if got, err := l.cov.ImportFigures(t.Context(), console, sample(t, "figures-2022.csv"), false); err != nil || got.New != 8 {
		t.Fatalf("figures %+v, %v", got, err)
	}
	say := func(until, numerator string) {
		file := "indicator,area,until,method,numerator,denominator,source\nprovincial_app_households,93," + until + ",claimed," + numerator + ",1000,Tỉnh Hậu Giang\n"
		if _, err := l.cov.ImportFigures(t.Context(), console, strings.NewReader(file), false); err != nil {
			t.Fatal(err)
		}
	}
	say("2022-07-31", "200")
	say("2022-08-28", "320")
	say("2022-10-02", "410") // after the third quarter

	standing := func(area, market, indicator, due, asOf string) coverage.Standing {
		t.Helper()
		page, err := l.cov.Targets(t.Context(), l.officer, coverage.TargetQuestion{Area: area, Market: market, Indicator: indicator, AsOf: dayOf(asOf)})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(page.Items, func(s coverage.Standing) bool { return s.Target.Due.String() == due })
		if i < 0 {
			t.Fatalf("no target for %s: %+v", due, page.Items)
		}
		return page.Items[i]
	}
	for _, tt := range []struct {
		name, area, market, indicator, due, asOf string
		want                                     string
	}{
		{"in the middle of the quarter: 80 to go in 4.7 weeks, 30 a week come", "93", "", "provincial_app_households", "2022-09-30", "2022-08-28", "running, 320 of 1000, 80 missing, 17 a week needed, 30 come, on pace true"},
		{"the next quarter at the same time", "93", "", "provincial_app_households", "2022-12-31", "2022-08-28", "running, 320 of 1000, 380 missing, 22 a week needed, 30 come, on pace true"},
		{"a first report has no pace", "93", "", "provincial_app_households", "2022-09-30", "2022-07-31", "running, 200 of 1000, 200 missing, 23 a week needed"},
		{"the last day is a day of it", "93", "", "provincial_app_households", "2022-09-30", "2022-09-30", "running, 320 of 1000, 80 missing, 80 a week needed, 30 come, on pace false"},
		{"missed, by what was known on the day", "93", "", "provincial_app_households", "2022-09-30", "2022-12-31", "missed, 320 of 1000, 80 missing"},
		{"nobody reported", "93", "", "files_online", "2022-09-30", "2026-03-02", "unknown"},
		{"a market inherits, without a figure of its own", "", "VT", "provincial_app_households", "2022-09-30", "2022-08-28", "inherited running"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := inALine(standing(tt.area, tt.market, tt.indicator, tt.due, tt.asOf)); got != tt.want {
				t.Errorf("told  %q\nwant  %q", got, tt.want)
			}
		})
	}
	for _, tt := range []struct{ name, area, indicator, want string }{
		{"79 of 79 hamlets", "932", "digital_teams", "79/79 1.00 claimed Huyện Châu Thành A"},
		{"8 of 10 communes", "932", "communes_helping", "8/10 0.80 claimed Huyện Châu Thành A"},
		{"about half of the vendors", "19", "vendors_with_qr", "–/– 0.50 estimated Tỉnh Thái Nguyên"},
		{"almost 2,600 points", "19", "qr_points", "2600/– – partner_reported Tỉnh Thái Nguyên"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			page, err := l.cov.Figures(t.Context(), console, coverage.FigureQuestion{Area: tt.area, Indicator: tt.indicator})
			if err != nil || len(page.Items) != 1 {
				t.Fatalf("%+v, %v", page, err)
			}
			f := page.Items[0]
			n, d, share := "–", "–", "–"
			if f.Numerator != nil {
				n = fmt.Sprint(*f.Numerator)
			}
			if f.Denominator != nil {
				d = fmt.Sprint(*f.Denominator)
			}
			if f.Share != nil {
				share = fmt.Sprintf("%.2f", *f.Share)
			}
			if got := n + "/" + d + " " + share + " " + f.Method + " " + f.Place; got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// inALine is a standing in a line.
func inALine(s coverage.Standing) string {
	out := s.State
	if s.Inherited {
		out = "inherited " + out
	}
	if s.Figure != nil && s.Figure.Numerator != nil {
		out += fmt.Sprintf(", %d", *s.Figure.Numerator)
		if s.Figure.Denominator != nil {
			out += fmt.Sprintf(" of %d", *s.Figure.Denominator)
		}
	}
	if s.Missing != nil {
		out += fmt.Sprintf(", %d missing", *s.Missing)
	}
	if s.NeededPerWeek != nil {
		out += fmt.Sprintf(", %d a week needed", *s.NeededPerWeek)
	}
	if s.Pace != nil {
		out += fmt.Sprintf(", %v come, on pace %v", *s.Pace, *s.OnPace)
	}
	return out
}

func TestFilesOfFigures(t *testing.T) {
	t.Parallel()
	l := newLand(t)
	for _, tt := range []struct{ name, file, want, at string }{
		{"nothing", "", "sheet-malformed", ""},
		{"another heading", "code,name\n1,2\n", "sheet-malformed", ""},
		{"a heading twice", "due,due\n1,2\n", "sheet-malformed", ""},
		{"a row of another length", "indicator,due\nteams\n", "sheet-malformed", ""},
		{"a day in our own order", "indicator;area;due;share;document\nfiles_online;92;30/09/2026;30%;KH\n", "sheet-invalid", "2 due form"},
		{"no number", "indicator,area,due,number,document\n\nfiles_online,92,2026-09-30,many,KH\n", "sheet-invalid", "3 number form"},
		{"a place out of reach, behind a good row", "\ufeffindicator,area,due,share,document\nfiles_online,92,2026-09-30,30 %,KH\nfiles_online,19,2026-09-30,30 %,KH\n", "sheet-invalid", "3  area-not-found"},
		{"two values for one day", "indicator,area,due,share,document\nfiles_online,92,2026-09-30,30 %,KH\nfiles_online,92,2026-09-30,\"0,4\",KH\n", "sheet-invalid", "3 due taken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := l.cov.ImportTargets(t.Context(), l.officer, strings.NewReader(tt.file), false)
			at := ""
			if f, ok := fault.As(err); ok && len(f.Fields) > 0 {
				at = fmt.Sprintf("%d %s %s", f.Fields[0].Row, f.Fields[0].Column, f.Fields[0].Code)
			}
			if fault.CodeOf(err) != tt.want || at != tt.at {
				t.Errorf("err = %v at %q, want %s at %q", err, at, tt.want, tt.at)
			}
		})
	}
	if page, err := l.cov.Targets(t.Context(), l.officer, coverage.TargetQuestion{Area: "92"}); err != nil || len(page.Items) != 0 {
		t.Errorf("a file with a fault left %+v, %v", page, err)
	}
}
