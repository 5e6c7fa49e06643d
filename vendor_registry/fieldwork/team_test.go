package fieldwork_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cho40/internal/fault"
	"cho40/internal/id"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/fieldwork"
)

// A role over a team reaches the markets that the team goes to, as they are now: one of them by its code, and all of them in lists.
func TestTeamScopeFollowsItsMarkets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stall("A-1")
	reaches := func(by registry.Actor, want ...string) {
		t.Helper()
		ms, err := w.reg.Markets(t.Context(), by, "", registry.List{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range ms.Items {
			got = append(got, m.Code)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s lists %v, want %v", by.Name, got, want)
		}
		for _, code := range []string{"VT", "XX"} {
			_, err := w.reg.Market(t.Context(), by, code)
			if in := err == nil; in != slices.Contains(want, code) {
				t.Errorf("%s and market %s: %v", by.Name, code, err)
			}
		}
	}
	reaches(w.volunteer, "VT")
	reaches(w.person("volunteer", "team:T9")) // there is no such team
	if _, err := w.field.AssignMarket(t.Context(), registry.Console(), "T1", "XX", nil); err != nil {
		t.Fatal(err)
	}
	reaches(w.volunteer, "VT", "XX")
	tm, err := w.field.Team(t.Context(), w.manager, "T1")
	if err != nil || len(tm.Markets) != 1 || tm.Markets[0].Market != "VT" || tm.MarketsElse != 1 {
		t.Errorf("another market is told of: %+v, %v", tm, err)
	}
	if err := w.field.ReleaseMarket(t.Context(), w.manager, "T1", "VT"); err != nil {
		t.Fatal(err)
	}
	reaches(w.volunteer, "XX")
	_, err = w.field.RecordVisit(t.Context(), w.volunteer, "VT", "A-1", fieldwork.NewVisit{Outcome: "done"})
	isFault(t, err, "market-not-found")
	_, err = w.field.AssignMarket(t.Context(), w.manager, "T1", "VT", nil)
	isFault(t, err, "not-allowed") // it works for another board now
	if _, err := w.field.AssignMarket(t.Context(), w.officer, "T1", "VT", nil); err != nil {
		t.Errorf("who has the team's commune may not send it: %v", err)
	}
	if _, err := w.field.AssignMarket(t.Context(), w.manager, "T1", "VT", []string{"Khu A"}); err != nil {
		t.Errorf("the board may not say which rows: %v", err)
	}
	tm, err = w.field.Team(t.Context(), registry.Console(), "T1")
	if err != nil {
		t.Fatal(err)
	}
	ended := true
	_, err = w.field.ChangeTeam(t.Context(), w.leader, "T1", tm.ETag(), fieldwork.ChangedTeam{Ended: &ended})
	isFault(t, err, "not-allowed")
	if _, err := w.field.ChangeTeam(t.Context(), w.officer, "T1", tm.ETag(), fieldwork.ChangedTeam{Ended: &ended}); err != nil {
		t.Fatal(err)
	}
	reaches(w.volunteer) // a team that is no more reaches nothing
	w.whole()
}

// A team is of who has its commune, or all of the markets that it goes to: another board of the commune sees it, and takes it from nobody.
func TestTeamIsNotTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: "V2", Name: "Chợ Hai", Area: "31321"}); err != nil {
		t.Fatal(err)
	}
	other, both := w.person("manager", "market:V2"), w.person("manager", "market:V2")
	both.Grants = append(both.Grants, w.manager.Grants...)
	tm, err := w.field.Team(t.Context(), other, "T1")
	if err != nil {
		t.Fatal(err)
	}
	six := tm.Members[slices.IndexFunc(tm.Members, func(m fieldwork.Member) bool { return m.Name == "Nguyễn Thị Sáu" })]
	ended, name := true, "Tổ của tôi"
	try := func(by registry.Actor, when string, code string) {
		t.Helper()
		errs := map[string]error{}
		_, errs["name"] = w.field.ChangeTeam(t.Context(), by, "T1", tm.ETag(), fieldwork.ChangedTeam{Name: &name})
		_, _, errs["member"] = w.field.ChangeMember(t.Context(), by, "T1", six.ID, six.ETag(), fieldwork.ChangedMember{Name: &name})
		_, errs["end"] = w.field.ChangeTeam(t.Context(), by, "T1", tm.ETag(), fieldwork.ChangedTeam{Ended: &ended})
		for what, err := range errs {
			if fault.CodeOf(err) != code {
				t.Errorf("%s, %s: %v, want %q", when, what, err, code)
			}
		}
	}
	try(other, "another board of the commune", "team-not-found")
	_, err = w.field.AssignMarket(t.Context(), other, "T1", "V2", nil)
	isFault(t, err, "not-allowed")
	if _, err := w.field.AssignMarket(t.Context(), w.officer, "T1", "V2", nil); err != nil {
		t.Fatal(err)
	}
	try(other, "one board of two", "not-allowed")
	try(w.manager, "the other board of two", "not-allowed")
	if _, err := w.field.AssignMarket(t.Context(), both, "T1", "V2", nil); err != nil {
		t.Errorf("who has both markets: %v", err)
	}
	if err := w.field.ReleaseMarket(t.Context(), other, "T1", "V2"); err != nil {
		t.Errorf("a board may not let a team go: %v", err)
	}
	if _, err := w.field.ChangeTeam(t.Context(), w.manager, "T1", tm.ETag(), fieldwork.ChangedTeam{Ended: &ended}); err != nil {
		t.Errorf("the board of all its markets: %v", err)
	}
	w.whole()
}

func TestAddTeamFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	of := func(change func(*fieldwork.NewTeam)) fieldwork.NewTeam {
		n := fieldwork.NewTeam{Code: "t-ap7", Name: "Tổ Ấp 7", Level: "hamlet", Hamlet: "Ấp 7", Area: "31321", Market: "VT"}
		change(&n)
		return n
	}
	for _, tt := range []struct {
		name string
		by   registry.Actor
		in   fieldwork.NewTeam
		code string
	}{
		{"no code", w.manager, of(func(n *fieldwork.NewTeam) { n.Code = "" }), "team-invalid"},
		{"a code with a blank", w.manager, of(func(n *fieldwork.NewTeam) { n.Code = "AP 7" }), "team-invalid"},
		{"a hamlet's without a hamlet", w.manager, of(func(n *fieldwork.NewTeam) { n.Hamlet = "" }), "team-invalid"},
		{"a commune's with one", w.manager, of(func(n *fieldwork.NewTeam) { n.Level = "commune" }), "team-invalid"},
		{"a link to elsewhere", w.manager, of(func(n *fieldwork.NewTeam) { n.Link = "https://evil.example/g/x" }), "team-invalid"},
		{"a link that hides another", w.manager, of(func(n *fieldwork.NewTeam) { n.Link = "https://zalo.me@evil.example/x" }), "team-invalid"},
		{"a province for a commune", w.officer, of(func(n *fieldwork.NewTeam) { n.Area, n.Market = "92", "" }), "team-invalid"},
		{"no such unit", w.officer, of(func(n *fieldwork.NewTeam) { n.Area, n.Market = "77777", "" }), "area-not-found"},
		{"a board without a market", w.manager, of(func(n *fieldwork.NewTeam) { n.Market = "" }), "team-invalid"},
		{"a board in another commune", w.manager, of(func(n *fieldwork.NewTeam) { n.Area = "31333" }), "team-invalid"},
		{"a board for another's market", w.manager, of(func(n *fieldwork.NewTeam) { n.Market = "XX" }), "market-not-found"},
		{"a leader", w.leader, of(func(*fieldwork.NewTeam) {}), "not-allowed"},
		{"a clerk", w.clerk, of(func(*fieldwork.NewTeam) {}), "not-allowed"},
		{"an officer elsewhere", w.officer, of(func(n *fieldwork.NewTeam) { n.Area, n.Market = "11300", "" }), "team-invalid"},
		{"a parent that is not there", w.manager, of(func(n *fieldwork.NewTeam) { n.Parent = "T9" }), "team-not-found"},
		{"a board", w.manager, of(func(n *fieldwork.NewTeam) { n.Parent, n.Link = "T1", "https://zalo.me/g/abcdef123" }), ""},
		{"the same again", w.manager, of(func(*fieldwork.NewTeam) {}), "team-exists"},
		{"an officer, without a market", w.officer, of(func(n *fieldwork.NewTeam) { n.Code, n.Area, n.Market = "T3", "31333", "" }), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tm, err := w.field.AddTeam(t.Context(), tt.by, tt.in)
			if tt.code != "" {
				isFault(t, err, tt.code)
			} else if err != nil || tm.Code != strings.ToUpper(tt.in.Code) || !slices.Equal(tm.Warnings, []string{"no_leader"}) {
				t.Errorf("%+v, %v", tm, err)
			}
		})
	}
	// Above itself a team cannot stand.
	tm, err := w.field.Team(t.Context(), w.manager, "T1")
	if err != nil {
		t.Fatal(err)
	}
	below := "T-AP7"
	_, err = w.field.ChangeTeam(t.Context(), w.manager, "T1", tm.ETag(), fieldwork.ChangedTeam{Parent: &below})
	isFault(t, err, "team-invalid")
	_, err = w.field.ChangeTeam(t.Context(), w.manager, "T1", `"old"`, fieldwork.ChangedTeam{Name: &below})
	isFault(t, err, "stale")
	// Who sees which.
	for _, tt := range []struct {
		by   registry.Actor
		want string
	}{{w.manager, "T-AP7 T1"}, {w.officer, "T-AP7 T1 T3"}, {w.volunteer, "T-AP7 T1"}, {w.stranger, ""}, {registry.Console(), "T-AP7 T1 T3"}} {
		ts, err := w.field.Teams(t.Context(), tt.by, fieldwork.TeamFilter{})
		var got []string
		for _, tm := range ts.Items {
			got = append(got, tm.Code)
		}
		if strings.Join(got, " ") != tt.want || err != nil {
			t.Errorf("%s sees %v, %v; want %s", tt.by.Name, got, err, tt.want)
		}
	}
	_, err = w.field.Team(t.Context(), w.stranger, "T1")
	isFault(t, err, "team-not-found")
	w.whole()
}

func TestMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	add := func(by registry.Actor, in fieldwork.NewMember) (fieldwork.Team, fieldwork.Member, error) {
		return w.field.AddMember(t.Context(), by, "T1", in)
	}
	_, _, err := add(w.leader, fieldwork.NewMember{Name: "Phan Văn Tám", Position: "leader"})
	isFault(t, err, "leader-exists")
	_, _, err = add(w.leader, fieldwork.NewMember{Name: "Phan Văn Tám", Phone: "12"})
	isFault(t, err, "member-invalid")
	_, _, err = add(w.leader, fieldwork.NewMember{Name: "Phan Văn Tám", Person: w.stranger.Name}) // of another market: as if nobody
	isFault(t, err, "member-invalid")
	_, _, err = add(w.volunteer, fieldwork.NewMember{Name: "Phan Văn Tám"})
	isFault(t, err, "not-allowed")
	_, m, err := add(w.leader, fieldwork.NewMember{Name: "Phan Văn Tám", Phone: "+84 712 345 678", Belongs: "telecom_staff"})
	if err != nil || m.Phone != "07•• ••• 678" || m.Position != "member" || m.From.String() != "2026-11-22" {
		t.Fatalf("%+v, %v", m, err)
	}
	_, _, err = add(w.leader, fieldwork.NewMember{Name: "phan văn tám", Phone: "0712345678"})
	isFault(t, err, "member-exists")
	var tm fieldwork.Team
	for i := range 7 {
		if tm, _, err = add(w.leader, fieldwork.NewMember{Name: fmt.Sprintf("Tổ viên %d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if tm.Size != 11 || !slices.Equal(tm.Warnings, []string{"too_large"}) {
		t.Errorf("eleven people: %d, %v", tm.Size, tm.Warnings)
	}
	until := mustDay(t, "2026-11-21")
	_, _, err = w.field.ChangeMember(t.Context(), w.leader, "T1", m.ID, m.ETag(), fieldwork.ChangedMember{Until: &until})
	isFault(t, err, "member-invalid")
	until = mustDay(t, "2026-11-22")
	if tm, m, err = w.field.ChangeMember(t.Context(), w.leader, "T1", m.ID, m.ETag(), fieldwork.ChangedMember{Until: &until}); err != nil || m.Until == nil || len(tm.Warnings) != 0 {
		t.Errorf("%+v, %v, %v", m, tm.Warnings, err)
	}
	_, _, err = w.field.ChangeMember(t.Context(), w.leader, "T1", m.ID, `"x"`, fieldwork.ChangedMember{Until: &until})
	isFault(t, err, "stale")
	_, _, err = w.field.ChangeMember(t.Context(), w.leader, "T1", id.New[fieldwork.Member](), `"x"`, fieldwork.ChangedMember{Until: &until})
	isFault(t, err, "member-not-found")
	w.whole()
}

func TestRoster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const file = "UBND phường Vị Thanh;;;\nDanh sách tổ;;;\nTT;Họ và tên;Số điện thoại;Chức vụ;Đơn vị;CCCD\n1;Trần Văn Chín;0712345601;Tổ trưởng;Bí thư chi bộ ấp 7;092085001234\n" +
		"2;Lê Thị Mười;712345602;Tổ phó;Đoàn thanh niên;\n3;Võ Văn Một;0712345603;Tổ viên;Viettel;\n4;;0712345604;;;\n5;Lý Thị Hai;12;;;\n;;;;;\n"
	r, err := w.field.ImportRoster(t.Context(), w.leader, "T1", "to.csv", strings.NewReader(file))
	if err != nil || r.Rows != 5 || r.Added != 3 || len(r.Faults) != 2 || r.Faults[0].Row != 7 || r.Faults[1].Row != 8 {
		t.Fatalf("%+v, %v", r, err)
	}
	found := map[string]string{}
	for _, m := range r.Team.Members {
		found[m.Name] = m.Position + " " + m.Belongs
	}
	for name, want := range map[string]string{"Trần Văn Chín": "member hamlet_board", "Lê Thị Mười": "deputy youth_union", "Võ Văn Một": "member telecom_staff"} {
		if found[name] != want { // the team has its leader: the file makes no second one
			t.Errorf("%s is %q, want %q", name, found[name], want)
		}
	}
	if n := w.count(`SELECT count(*) FROM team_members b WHERE b::text LIKE '%092085001234%'`); n != 0 {
		t.Error("an identity card's number was taken in")
	}
	if r, err = w.field.ImportRoster(t.Context(), w.leader, "T1", "to.csv", strings.NewReader(file)); err != nil || r.Added != 0 || r.Known != 3 {
		t.Errorf("twice: %+v, %v", r, err)
	}
	_, err = w.field.ImportRoster(t.Context(), w.leader, "T1", "to.csv", strings.NewReader("a;b\n1;2\n"))
	isFault(t, err, "roster-no-heading")
	for _, tt := range []struct {
		name string
		file string
	}{
		{"more people than a commune has", "Họ tên\n" + strings.Repeat("Nguyễn Văn Ba\n", 1001)},
		{"more rows than are read", "Họ tên\n" + strings.Repeat("Nguyễn Văn Ba\nTổ\n", 600)},
	} {
		before := w.count(`SELECT count(*) FROM team_members`)
		_, err = w.field.ImportRoster(t.Context(), w.leader, "T1", "to.csv", strings.NewReader(tt.file))
		if isFault(t, err, "roster-too-long"); w.count(`SELECT count(*) FROM team_members`) != before {
			t.Errorf("%s: some were taken in", tt.name)
		}
	}
	_, err = w.field.ImportRoster(t.Context(), w.volunteer, "T1", "to.csv", strings.NewReader(file))
	isFault(t, err, "not-allowed")
	if _, err = w.field.ImportRoster(t.Context(), w.leader, "T1", "to.xlsx", strings.NewReader("PK\x03\x04nothing")); fault.KindOf(err) == fault.Unknown {
		t.Errorf("a broken file: %v", err)
	}
	w.whole()
}

// Boards head and fill their lists in many ways.
func TestRosterWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n, tt := range []struct{ name, heading, row, want string }{
		{"a post in the hamlet leads no team", "HỌ VÀ TÊN;SĐT;Chức vụ", "Trưởng ấp 7", "member hamlet_board"},
		{"nor does the head of a group of houses", "Họ tên;Số ĐT;Chức vụ", "Tổ trưởng tổ dân phố 5", "member hamlet_board"},
		{"a quarter is no deputy", "Họ và tên thành viên;Số điện thoại liên hệ;Chức vụ", "Bí thư khu phố 3", "member hamlet_board"},
		{"nor is a deputy of the union", "Họ tên;ĐT;Chức danh", "Phó bí thư Chi đoàn", "member youth_union"},
		{"a deputy, said in full", "Họ tên;Điện thoại;Chức vụ trong tổ", "Phó tổ trưởng", "deputy "},
		{"a deputy in one word", "Họ tên;Điện thoại;Nhiệm vụ trong tổ CNSCĐ", "Phó", "deputy "},
		{"a deputy who is somebody else besides", "Họ tên;Điện thoại;Vai trò", "Trưởng thôn, tổ phó", "deputy hamlet_board"},
		{"a leader who is head of the houses too", "Họ tên;Điện thoại;Vai trò", "Tổ trưởng (tổ trưởng tổ dân phố 2)", "leader hamlet_board"},
		{"nothing", "Tên;SĐT;Vai trò", "", "member "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code := fmt.Sprintf("R%d", n)
			if _, err := w.field.AddTeam(t.Context(), w.officer, fieldwork.NewTeam{Code: code, Name: code, Level: "commune", Area: "31321"}); err != nil {
				t.Fatal(err)
			}
			r, err := w.field.ImportRoster(t.Context(), w.officer, code, "to.csv", strings.NewReader("DANH SÁCH TỔ;;\n"+tt.heading+"\nLê Thị Mười;0712345602;"+tt.row+"\n"))
			if err != nil || len(r.Team.Members) != 1 {
				t.Fatalf("%+v, %v", r, err)
			}
			if m := r.Team.Members[0]; m.Position+" "+m.Belongs != tt.want || m.Phone == "" {
				t.Errorf("%q %q, phone %q; want %q", m.Position, m.Belongs, m.Phone, tt.want)
			}
		})
	}
}

// Members learn first.
func TestReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ready := func() int {
		t.Helper()
		tm, err := w.field.Team(t.Context(), w.leader, "T1")
		if err != nil {
			t.Fatal(err)
		}
		return tm.Ready
	}
	tm, err := w.field.Team(t.Context(), w.leader, "T1")
	if err != nil {
		t.Fatal(err)
	}
	six := tm.Members[slices.IndexFunc(tm.Members, func(m fieldwork.Member) bool { return m.Name == "Nguyễn Thị Sáu" })]
	_, err = w.field.AddTraining(t.Context(), w.leader, "T1", fieldwork.Training{Topic: "Quét mã", Attended: []fieldwork.MemberID{id.New[fieldwork.Member]()}})
	isFault(t, err, "training-invalid")
	_, err = w.field.AddTraining(t.Context(), w.volunteer, "T1", fieldwork.Training{Topic: "Quét mã"})
	isFault(t, err, "not-allowed")
	if _, err := w.field.AddTraining(t.Context(), w.leader, "T1", fieldwork.Training{Topic: "Quét mã", Attended: []fieldwork.MemberID{six.ID, six.ID}}); err != nil {
		t.Fatal(err)
	}
	isFault(t, w.field.ReadCard(t.Context(), w.volunteer, "none"), "card-not-found")
	isFault(t, w.field.ReadCard(t.Context(), registry.Console(), "never_ask"), "people-only")
	for _, c := range fieldwork.Cards {
		if ready() != 0 {
			t.Errorf("ready before %s was read", c.Code)
		}
		for range 2 {
			if err := w.field.ReadCard(t.Context(), w.volunteer, c.Code); err != nil {
				t.Fatal(err)
			}
		}
	}
	if tm, err = w.field.Team(t.Context(), w.leader, "T1"); err != nil || !slices.ContainsFunc(tm.Members, func(m fieldwork.Member) bool {
		return m.ID == six.ID && len(m.Cards) == len(fieldwork.Cards) && m.Cards[0] == fieldwork.Cards[0].Code
	}) {
		t.Errorf("which cards were read: %+v, %v", tm.Members, err)
	}
	yes := true
	if _, _, err := w.field.ChangeMember(t.Context(), w.leader, "T1", six.ID, six.ETag(), fieldwork.ChangedMember{Installed: &yes}); err != nil {
		t.Fatal(err)
	}
	if n := ready(); n != 1 {
		t.Errorf("%d are ready", n)
	}
	ts, err := w.field.Trainings(t.Context(), w.volunteer, "T1")
	if err != nil || len(ts) != 1 || len(ts[0].Attended) != 1 {
		t.Errorf("%+v, %v", ts, err)
	}
}

// What a list says of somebody is taken in whole, or the row is told and left out.
func TestRosterRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n, tt := range []struct{ name, file, want string }{
		{"family and given name apart", "TT;Họ và tên đệm;Tên;SĐT\n1;Nguyễn Văn;An;0912345678\n", "Nguyễn Văn An 678 2026-11-22"},
		{"of one word each", "Họ;Tên;SĐT\nNguyễn;An;0912345678\n", "Nguyễn An 678 2026-11-22"},
		{"one heading over both", "TT;Họ và tên;;SĐT\n1;Nguyễn Văn;An;0912345678\n", "Nguyễn Văn An 678 2026-11-22"},
		{"a year of birth below no heading", "TT;Họ và tên;;SĐT\n1;Nguyễn Văn An;1990;0912345678\n", "Nguyễn Văn An 678 2026-11-22"},
		{"two phones", "Ho ten;Dien thoai\nLe Binh;0912 345 678 / 0987654321\n", "Le Binh 678 2026-11-22"},
		{"two phones, the first with a hyphen inside", "Ho ten;Dien thoai\nLe Binh;0912-345-678, 0987654321\n", "Le Binh 321 2026-11-22"},
		{"days in three forms", "Họ tên;Ngày tham gia;SĐT\nLê An;01/10/2026;0912345671\nLê Ba;2026-10-02;0912345672\nLê Can;3.10.2026;0912345673\n",
			"Lê An 671 2026-10-01, Lê Ba 672 2026-10-02, Lê Can 673 2026-10-03"},
		{"a day that is none", "Họ tên;Ngày tham gia;SĐT\nLê An;31/02/2026;0912345671\n", "row 2 from form"},
		{"a day to come", "Họ tên;Ngày tham gia;SĐT\nLê An;31/12/2026;0912345671\n", "row 2 from future"},
		{"the day of joining the youth union", "Họ tên;Ngày vào Đoàn;SĐT\nLê An;26/03/2010;0912345671\n", "Lê An 671 2026-11-22"},
		{"a direction that is not seen", "Họ tên;SĐT\nLê\u202eAn;0912345671\n", "row 2 name bad-character"},
		{"a formula", "Họ tên;SĐT\n=HYPERLINK(\"http://x\");0912345671\n", "row 2 name bad-character"},
		{"an identity card's number", "Họ tên;SĐT\n092085001234;0912345671\n", "row 2 name bad-character"},
		{"what stands below", "Họ tên;SĐT\nLê An;0912345671\nTổng cộng: 1 người;\nNgười lập biểu;\n", "Lê An 671 2026-11-22"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code := fmt.Sprintf("R%d", n)
			if _, err := w.field.AddTeam(t.Context(), w.officer, fieldwork.NewTeam{Code: code, Name: code, Level: "commune", Area: "31321"}); err != nil {
				t.Fatal(err)
			}
			r, err := w.field.ImportRoster(t.Context(), w.officer, code, "to.csv", strings.NewReader(tt.file))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range r.Team.Members {
				got = append(got, fmt.Sprintf("%s %s %s", m.Name, m.Phone[max(0, len(m.Phone)-3):], m.From))
			}
			for _, f := range r.Faults {
				got = append(got, fmt.Sprintf("row %d %s %s", f.Row, f.Column, f.Code))
			}
			if got := strings.Join(got, ", "); got != tt.want {
				t.Errorf("%s; want %s", got, tt.want)
			}
		})
	}
}
