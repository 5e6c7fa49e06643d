package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// The map as it was and as it is, in one database: what is only read needs no other.
func TestTheMapAndWhatItWas(t *testing.T) {
	t.Parallel()
	db, s := withAreas(t)
	w := &world{TB: t, db: db, reg: s}
	for code, in := range map[string]registry.NewMarket{
		"VT":  {Name: "Chợ Vị Thanh", Area: "31321"},
		"TD":  {Name: "Chợ Trần Đề", Area: "31673", FormerAreas: []registry.FormerArea{{Area: "31681", Until: dayOf(t, "2025-07-01")}}},
		"DT":  {Name: "Chợ Đại Từ", Area: "05488"},
		"TAN": {Name: "Chợ Tân An", Area: "27694"},
		"TAH": {Name: "Chợ Tân An", Area: "07616"},
		"MOI": {Name: "Chợ Mới"},
	} {
		in.Code = code
		if in.Area != "" && ask[int](w, `SELECT count(*)::int FROM areas WHERE valid_to IS NULL AND code = '`+in.Area+`'`) == 0 {
			in.Area = ask[string](w, `SELECT a.code FROM areas a JOIN areas p ON p.code = a.parent WHERE a.valid_to IS NULL AND a.name_fold LIKE '% tan an' AND p.name = '`+
				map[string]string{"TAN": "Tỉnh Tây Ninh", "TAH": "Tỉnh Bắc Ninh"}[code]+`'`)
		}
		if _, err := s.AddMarket(t.Context(), registry.Console(), in); err != nil {
			t.Fatalf("add %s: %v", code, err)
		}
	}

	t.Run("as many as there were", func(t *testing.T) {
		for _, tt := range []struct {
			what, sql string
			want      int
		}{
			{"provinces", `SELECT count(*)::int FROM area_states WHERE length(code) = 2 AND until = '2025-07-01'`, 63},
			{"districts", `SELECT count(*)::int FROM area_states WHERE length(code) = 3 AND until = '2025-07-01'`, 696},
			{"communes", `SELECT count(*)::int FROM area_states WHERE length(code) = 5 AND until = '2025-07-01'`, 10035},
			{"provinces today", `SELECT count(*)::int FROM area_states WHERE length(code) = 2 AND until = 'infinity'`, 34},
			{"communes today", `SELECT count(*)::int FROM area_states WHERE length(code) = 5 AND until = 'infinity'`, 3321},
			{"units that are no more and went nowhere", `SELECT count(*)::int FROM areas a WHERE valid_to IS NOT NULL AND NOT EXISTS (SELECT FROM area_successions x WHERE x.old = a.code AND x.effective_on = a.valid_to)`, 0},
			{"old provinces with two successors", `SELECT count(*)::int FROM (SELECT old FROM area_successions WHERE length(old) = 2 GROUP BY old HAVING count(*) <> 1) x`, 0},
			{"communes of today that nothing became, but for the islands that were districts", `SELECT count(*)::int FROM areas a WHERE valid_to IS NULL AND level = 2 AND NOT EXISTS (SELECT FROM area_successions x WHERE x.new = a.code)`, 0},
			{"communes that went out of their own province's successor", `SELECT count(*)::int FROM area_successions x JOIN area_states o ON o.code = x.old AND o.until = x.effective_on
				JOIN areas n ON n.code = x.new WHERE o.parent IS NOT NULL AND NOT EXISTS (SELECT FROM area_successions p WHERE p.old = o.parent AND p.new = n.parent)`, 0},
			{"states of one code that overlap", `SELECT count(*)::int FROM area_states a JOIN area_states b ON b.code = a.code AND b.until > a.until AND b.since < a.until`, 0},
			{"units whose district is in another province", `SELECT count(*)::int FROM area_states s JOIN areas d ON d.code = s.district WHERE d.parent <> s.parent`, 0},
		} {
			if got := ask[int](w, tt.sql); got != tt.want {
				t.Errorf("%s: %d, want %d", tt.what, got, tt.want)
			}
		}
	})

	t.Run("where the seed places went", func(t *testing.T) {
		for old, want := range map[string]string{
			"93 Tỉnh Hậu Giang": "92", "94 Tỉnh Sóc Trăng": "92", "92 Thành phố Cần Thơ": "92", "24 Tỉnh Bắc Giang": "24", "27 Tỉnh Bắc Ninh": "24",
			"06 Tỉnh Bắc Kạn": "19", "19 Tỉnh Thái Nguyên": "19", "70 Tỉnh Bình Phước": "75", "75 Tỉnh Đồng Nai": "75",
			"930 Thành phố Vị Thanh": "31321 31333 31338", "932 Huyện Châu Thành A": "31342 31348 31360 31369", "31362 Thị trấn Cái Tắc": "31369",
			"31486 Xã Vĩnh Thuận Đông": "31453", "951 Huyện Trần Đề": "31673 31675 31679 31687 31699", "31681 Xã Trung Bình": "31673", "31672 Xã Đại Ân 2": "31673",
			"05761 Thị trấn Hùng Sơn": "05488", "05575 Xã Định Biên": "05587", "07762 Xã Việt Tiến": "07774", "07630 Xã Phúc Sơn": "07627",
			"26368 Thị trấn Long Thành": "26368", "26398 Xã Tam An": "26383", "26389 Xã Long Đức": "26389", "26413 Xã Long Phước": "26413",
			"755 Huyện Côn Đảo": "26732",
		} {
			code, name, _ := strings.Cut(old, " ")
			got := ask[string](w, `SELECT s.name || ': ' || (SELECT string_agg(new, ' ' ORDER BY new) FROM area_successions WHERE old = s.code)
				FROM area_states s WHERE s.until = '2025-07-01' AND s.code = '`+code+`'`)
			if got != name+": "+want {
				t.Errorf("%s: %s, want %s", old, got, want)
			}
		}
	})

	t.Run("what a unit was as of a day", func(t *testing.T) {
		for _, tt := range []struct{ code, day, want string }{
			{"75", "2025-06-30", "tinh Tỉnh Đồng Nai"}, {"75", "2026-04-29", "tinh Tỉnh Đồng Nai"}, {"75", "2026-04-30", "thanh_pho Thành phố Đồng Nai"},
			{"26368", "2025-06-30", "thi_tran Thị trấn Long Thành"}, {"26368", "2026-04-29", "xa Xã Long Thành"}, {"26368", "2026-04-30", "phuong Phường Long Thành"},
			{"31321", "2025-06-30", "phuong Phường III"}, {"31321", "2025-07-01", "phuong Phường Vị Thanh"},
			{"93", "2025-06-30", "tinh Tỉnh Hậu Giang"}, {"93", "2025-07-01", ""}, {"26732", "2025-06-30", ""},
		} {
			got := ask[string](w, fmt.Sprintf(`SELECT coalesce((SELECT kind || ' ' || name FROM area_states WHERE code = '%s' AND since <= '%s' AND '%[2]s' < until), '')`, tt.code, tt.day))
			if got != tt.want {
				t.Errorf("%s on %s is %q, want %q", tt.code, tt.day, got, tt.want)
			}
		}
	})

	t.Run("find units that are no more", func(t *testing.T) {
		for _, tt := range []struct {
			name, q string
			want    []string
		}{
			{"a province, with what it became", "hau giang", []string{"93 Tỉnh Hậu Giang, Tỉnh Hậu Giang → 92 Thành phố Cần Thơ"}},
			{"a district", "huyện châu thành a, hậu giang", []string{"932 Huyện Châu Thành A, Tỉnh Hậu Giang → 31342 Xã Tân Hòa, 31348 Xã Trường Long Tây, 31360 Xã Thạnh Xuân, 31369 Xã Đông Phước"}},
			{"homonyms, each with its province", "đại ân", []string{"31672 Xã Đại Ân 2, Tỉnh Sóc Trăng → 31673 Xã Trần Đề", "31627 Xã Đại Ân 1, Tỉnh Sóc Trăng → 31633 Xã Cù Lao Dung", "29491 Xã Đại An, Tỉnh Vĩnh Long → "}},
			{"by its old district and province", "phường iii, vị thanh, hậu giang", []string{"31321 Phường Vị Thanh, Thành phố Cần Thơ (Phường III) → "}},
			{"the old name of a unit that goes on", "thi tran long thanh, dong nai", []string{"26368 Phường Long Thành, Thành phố Đồng Nai (Thị trấn Long Thành) → "}},
			{"on today's map before what is no more", "trần đề", []string{"31673 Xã Trần Đề, Thành phố Cần Thơ → ", "951 Huyện Trần Đề, Tỉnh Sóc Trăng → 31673 Xã Trần Đề, 31675 Xã Liêu Tú, 31679 Xã Lịch Hội Thượng, 31687 Xã Tài Văn, 31699 Xã Thạnh Thới An"}},
			{"nothing", "atlantis", nil},
		} {
			t.Run(tt.name, func(t *testing.T) {
				found, err := s.FindAreasEver(t.Context(), tt.q, 0)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, a := range found {
					line := a.Code + " " + a.Name + ", " + a.ProvinceName
					if a.Before != "" {
						line += " (" + a.Before + ")"
					}
					var to []string
					for _, n := range a.Successors {
						to = append(to, n.Code+" "+n.Name)
					}
					got = append(got, line+" → "+strings.Join(to, ", "))
				}
				for _, want := range tt.want {
					if !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, want) }) {
						t.Errorf("%q finds %q, want %q", tt.q, got, want)
					}
				}
				if len(tt.want) == 0 && len(got) > 0 || len(tt.want) == 1 && len(got) != 1 {
					t.Errorf("%q finds %q, want %q", tt.q, got, tt.want)
				}
			})
		}
	})

	t.Run("find markets", func(t *testing.T) {
		for _, tt := range []struct{ name, q, want string }{
			{"by the old district, without accents", "vi thanh", "VT"},
			{"by the old province, with accents", "Hậu Giang", "VT"},
			{"by the old commune that it was in", "xã trung bình", "TD"},
			{"by the old district, kind and all", "huyen tran de", "TD"},
			{"by a town that is no more", "thị trấn hùng sơn", "DT"},
			{"by the old province next door", "sóc trăng", "TD"},
			{"by its province of today", "can tho", "TD VT"},
			{"homonyms, both", "chợ tân an", "TAH TAN"},
			{"homonyms, one by its province", "chợ tân an, tây ninh", "TAN"},
			{"name and place in one breath", "cho tan an long an", "TAN"},
			{"name and two places", "Chợ Vị Thanh, TP. Vị Thanh, T. Hậu Giang", "VT"},
			{"by its name", "chợ mới", "MOI"},
			{"by its code", "dt", "DT"},
			{"a place it never was in", "chợ vị thanh, sóc trăng", ""},
			{"half a word", "au giang", ""},
			{"signs that SQL knows", "%_", "DT MOI TAH TAN TD VT"}, // no letter: nothing was asked for
			{"all", "", "DT MOI TAH TAN TD VT"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				p, err := s.Markets(t.Context(), registry.Console(), tt.q, registry.List{})
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, m := range p.Items {
					got = append(got, m.Code)
					if m.Area != "" && m.ProvinceName == "" {
						t.Errorf("%s is shown without its province", m.Code)
					}
				}
				if strings.Join(got, " ") != tt.want {
					t.Errorf("%q finds %v, want %q", tt.q, got, tt.want)
				}
			})
		}
	})

	t.Run("no market is opened where nothing is any more", func(t *testing.T) {
		_, err := s.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: "X", Name: "Chợ", Area: "932"})
		if f := isFault(t, err, "area-ended"); !strings.Contains(f.Detail.String(), "Xã Đông Phước (31369)") {
			t.Errorf("it is not said what it became: %s", f.Detail)
		}
		_, err = s.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: "X", Name: "Chợ", Area: "31321",
			FormerAreas: []registry.FormerArea{{Area: "26732", Until: dayOf(t, "2025-07-01")}}})
		isFault(t, err, "market-invalid")
	})

	t.Run("successors over today's map", func(t *testing.T) {
		got, err := s.Successors(t.Context(), "930")
		if err != nil || !slices.Equal(got, []string{"31321", "31333", "31338"}) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// smallMap is a country of two provinces in w's database: 92 with 31321 and 31333, 31 with 11311; 93 and its 31318 went into 92.
func smallMap(w *world) {
	w.Helper()
	w.exec(`INSERT INTO areas (code, name, name_fold, kind, level, parent, valid_from, since, valid_to) VALUES
		('92', 'Thành phố Cần Thơ', 'thanh pho can tho', 'thanh_pho', 1, NULL, '2025-07-01', '2025-07-01', NULL),
		('93', 'Tỉnh Hậu Giang', 'tinh hau giang', 'tinh', 1, NULL, '2004-01-01', NULL, '2025-07-01'),
		('31', 'Thành phố Hải Phòng', 'thanh pho hai phong', 'thanh_pho', 1, NULL, '2025-07-01', NULL, NULL),
		('930', 'Thành phố Vị Thanh', 'thanh pho vi thanh', 'thanh_pho', 3, '93', '2004-01-01', NULL, '2025-07-01'),
		('31321', 'Phường Vị Thanh', 'phuong vi thanh', 'phuong', 2, '92', '2025-07-01', '2025-07-01', NULL),
		('31333', 'Phường Vị Tân', 'phuong vi tan', 'phuong', 2, '92', '2025-07-01', NULL, NULL),
		('31315', 'Xã Vị Thắng', 'xa vi thang', 'xa', 2, '92', '2025-07-01', NULL, NULL),
		('11311', 'Phường Hồng Bàng', 'phuong hong bang', 'phuong', 2, '31', '2025-07-01', NULL, NULL)`)
	w.exec(`INSERT INTO areas (code, name, name_fold, kind, level, parent, district, valid_from, valid_to) VALUES
		('31318', 'Phường I', 'phuong i', 'phuong', 2, '93', '930', '2004-01-01', '2025-07-01')`)
	w.exec(`INSERT INTO area_pasts (code, since, until, name, name_fold, kind, parent, district, alike) VALUES
		('92', '2004-01-01', '2025-07-01', 'Thành phố Cần Thơ', 'thanh pho can tho', 'thanh_pho', NULL, NULL, 'none'),
		('31321', '2004-01-01', '2025-07-01', 'Phường III', 'phuong iii', 'phuong', '93', '930', 'district')`)
	w.exec(`INSERT INTO area_successions VALUES ('93', '92', '2025-07-01'), ('92', '92', '2025-07-01'), ('930', '31321', '2025-07-01'),
		('31318', '31321', '2025-07-01'), ('31321', '31321', '2025-07-01')`)
}

// over is an officer's grant over an area, made on a day.
func over(t testing.TB, code, day string) registry.Actor {
	a := person(t, "officer", "all")
	a.Grants[0] = registry.Grant{Role: registry.Officer, Kind: registry.OverArea, Code: code, Since: day}
	return a
}

// A grant over a unit that is no more, or that grew, reaches the land that it was over, and nothing that was added.
func TestGrantsDoNotGrowWithTheMap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	smallMap(w)
	until := dayOf(t, "2025-07-01")
	for code, in := range map[string]registry.NewMarket{
		"HG":  {Area: "31321", FormerAreas: []registry.FormerArea{{Area: "31318", Until: until}}}, // told: in Phường I of Hậu Giang
		"NEW": {Area: "31321"},                                                                    // entered after: all the land of its ward was in Vị Thanh
		"CT":  {Area: "31333"},                                                                    // a ward of which nothing is known before
		"HP":  {Area: "11311"},
	} {
		in.Code, in.Name = code, "Chợ "+code
		if _, err := w.reg.AddMarket(t.Context(), registry.Console(), in); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		by   registry.Actor
		want string
	}{
		{"of the province of today", over(t, "92", "2026-01-01"), "CT HG NEW"},
		{"of the province of today, read as it is", over(t, "92", ""), "CT HG NEW"},
		{"of the smaller city of before", over(t, "92", "2025-06-30"), ""},
		{"of the province that is no more", over(t, "93", "2025-06-30"), "HG NEW"},
		{"of the district that is no more", over(t, "930", "2025-06-30"), "HG NEW"},
		{"of the ward that is no more", over(t, "31318", "2025-06-30"), "HG"},
		{"of the ward whose code went on, when it was smaller", over(t, "31321", "2025-06-30"), ""},
		{"of the ward as it is", over(t, "31321", "2025-07-01"), "HG NEW"},
		{"of a province that is no more, given since", over(t, "93", "2026-01-01"), ""},
		{"of another province", over(t, "31", "2026-01-01"), "HP"},
		{"of nowhere", over(t, "", "2026-01-01"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := w.reg.Markets(t.Context(), tt.by, "", registry.List{})
			if err != nil {
				t.Fatal(err)
			}
			var listed, seen []string
			for _, m := range p.Items {
				listed = append(listed, m.Code)
			}
			for _, code := range []string{"CT", "HG", "HP", "NEW", "VT", "XX"} {
				if _, err := w.reg.Market(t.Context(), tt.by, code); err == nil {
					seen = append(seen, code)
				} else {
					isFault(t, err, "market-not-found")
				}
			}
			if got := strings.Join(listed, " "); got != tt.want || strings.Join(seen, " ") != tt.want {
				t.Errorf("lists %v, sees %v, want %s", listed, seen, tt.want)
			}
		})
	}
}

const newMap = "code,name,parent,effective_on,successors\n"

func TestImportAreas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	smallMap(w)
	w.clock.pass(-30 * day)
	for code, area := range map[string]string{"ONE": "31321", "SPLIT": "31333", "STAY": "31315", "HP": "11311"} {
		if _, err := w.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: code, Name: "Chợ " + code, Area: area}); err != nil {
			t.Fatal(err)
		}
	}
	w.clock.pass(30 * day)
	w.exec(`INSERT INTO people (id, name, name_key, created_at) VALUES ('01a2b3c4-d5e6-7f80-9123-456789abcdef', 'Chị Hạnh', 'chị hạnh', now())`)
	for i, code := range []string{"31321", "31315", "11311"} {
		w.exec(`INSERT INTO grants (id, person_id, role, scope_kind, scope_code, created_by, created_at)
			VALUES (gen_random_uuid(), '01a2b3c4-d5e6-7f80-9123-456789abcdef', 'officer', 'area', $1, 'console', $2)`, code, w.clock.at.Add(time.Duration(i)*time.Second))
	}
	// The ward 31321 goes into 31315, which grows; 31333 is split between a new ward and 31315 and is no more; Hải Phòng's ward is renamed.
	file := newMap + "31321,,,2026-11-20,31315\n31333,,,2026-11-20,31315 31340\n31340,Phường Mới,92,2026-11-20,\n11311,Xã Hồng Bàng,31,2026-11-20,\n31,Thành phố Hải Phòng,,2025-07-01,\n"
	bring := func(dry bool) (registry.AreaReport, error) {
		return w.reg.ImportAreas(t.Context(), registry.Console(), strings.NewReader(file), "/tmp/ban-do.csv", dry)
	}
	before := w.contents()
	seen, err := bring(true)
	if err != nil {
		t.Fatal(err)
	}
	w.same(before)
	done, err := bring(false)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]registry.AreaReport{"preview": seen, "import": done} {
		got := fmt.Sprintf("%s %d rows: %d new, %d changed, %d ended, %d as they are", r.File, r.Rows, r.New, r.Changed, r.Ended, r.Unchanged)
		if got != "ban-do.csv 5 rows: 1 new, 2 changed, 2 ended, 1 as they are" {
			t.Errorf("%s: %s", name, got)
		}
		if len(r.Moves) != 1 || r.Moves[0].Market != "ONE" || r.Moves[0].To[0].Code != "31315" || r.Moves[0].From.Name != "Phường Vị Thanh" {
			t.Errorf("%s moves %+v", name, r.Moves)
		}
		if len(r.ByHand) != 1 || r.ByHand[0].Market != "SPLIT" || len(r.ByHand[0].To) != 2 {
			t.Errorf("%s leaves %+v", name, r.ByHand)
		}
		var held []string
		for _, g := range r.Grants {
			held = append(held, g.Holder+" "+string(g.Role)+" "+g.Area.Code)
		}
		if !slices.Equal(held, []string{"Chị Hạnh officer 31315", "Chị Hạnh officer 31321"}) {
			t.Errorf("%s names the grants %q", name, held)
		}
	}
	one, err := w.reg.Market(t.Context(), registry.Console(), "ONE")
	if err != nil || one.Area != "31315" || len(one.FormerAreas) != 1 || one.FormerAreas[0].Area != "31321" || one.FormerAreas[0].Until.String() != "2026-11-20" {
		t.Errorf("the market moved to %+v, %v", one, err)
	}
	if got := ask[string](w, `SELECT name || ' ' || alike FROM area_pasts WHERE code = '31315'`); got != "Xã Vị Thắng none" && got != "Xã Vị Thắng province" {
		t.Errorf("what the ward was before it grew: %s", got)
	}
	for _, tt := range []struct{ name, code, day, want string }{
		{"who had the ward that is no more keeps its market", "31321", "2026-11-19", "ONE"},
		{"who had the ward that grew does not gain one", "31315", "2026-11-19", "STAY"},
		{"who is given it now has both", "31315", "2026-11-22", "ONE STAY"},
		{"a market that must be moved by hand is in its province all the same", "92", "2026-11-22", "ONE SPLIT STAY"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := w.reg.Markets(t.Context(), over(t, tt.code, tt.day), "", registry.List{})
			var got []string
			for _, m := range p.Items {
				got = append(got, m.Code)
			}
			if err != nil || strings.Join(got, " ") != tt.want {
				t.Errorf("%v, %v; want %s", got, err, tt.want)
			}
		})
	}
	again, err := bring(false)
	if err != nil || again.New+again.Changed+again.Ended != 0 || len(again.Moves) != 0 || len(again.ByHand) != 1 {
		t.Errorf("the same file again: %+v, %v", again, err)
	}
	// By hand: with a day the old ward becomes a former one.
	split, err := w.reg.Market(t.Context(), registry.Console(), "SPLIT")
	if err != nil {
		t.Fatal(err)
	}
	to, on := "31340", dayOf(t, "2026-11-20")
	split, err = w.reg.EditMarket(t.Context(), registry.Console(), "SPLIT", split.ETag(), registry.ChangedMarket{Area: &to, AreaFrom: &on})
	if err != nil || split.AreaName != "Phường Mới" || len(split.FormerAreas) != 1 || split.FormerAreas[0].Area != "31333" {
		t.Errorf("moved by hand: %+v, %v", split, err)
	}
	if p, err := w.reg.Markets(t.Context(), registry.Console(), "vị tân", registry.List{}); err != nil || !slices.ContainsFunc(p.Items, func(m registry.Market) bool { return m.Code == "SPLIT" }) {
		t.Errorf("found by the ward that is no more: %v, %v", p.Items, err)
	}
	if seq, err := w.reg.VerifyAudit(t.Context(), one.ID); seq != 0 || err != nil {
		t.Errorf("the chain of the market is broken at %d, %v", seq, err)
	}
}

func TestImportAreasRefusesAsAWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	smallMap(w)
	good := "31340,Phường Mới,92,2026-11-20,\n"
	for _, tt := range []struct {
		name, file string
		want       []string // row column code
	}{
		{"not a map", "mã,tên\n1,2\n", []string{"1 code required"}},
		{"nothing", "", []string{"1  unreadable"}},
		{"no text at all", "\x00\x01\xff", []string{"1  unreadable"}},
		{"a heading alone", newMap, []string{"2  required"}},
		{"a quote that is never closed", newMap + good + "\"31341,x\n", []string{"3  unreadable"}},
		{"codes without their zeros, twice, strange", newMap + good + "1,Tỉnh A,,2026-11-20,\n31340,Phường Mới,92,2026-11-20,\n3134x,Xã B,92,2026-11-20,\n",
			[]string{"3 code form", "4 code twice", "5 code form"}},
		{"days", newMap + "31340,Phường Mới,92,20/11/2026,\n31341,Phường Nữa,92,2026-12-01,\n", []string{"2 effective_on form", "3 effective_on future"}},
		{"names and kinds", newMap + "31340,,92,2026-11-20,\n31341,Mới,92,2026-11-20,\n31342,Tỉnh Mới,92,2026-11-20,\n95,Xã Mới,,2026-11-20,\n",
			[]string{"2 name required", "3 name kind", "4 name kind", "5 name kind"}},
		{"parents", newMap + "31340,Xã A,,2026-11-20,\n95,Tỉnh B,92,2026-11-20,\n", []string{"2 parent required", "3 parent unwanted"}},
		{"a parent that is no more or not there", newMap + "31340,Xã A,93,2026-11-20,\n31341,Xã B,77,2026-11-20,\n", []string{"2 parent unknown", "3 parent unknown"}},
		{"successors that are no more, not there, or of another level", newMap + "31333,,,2026-11-20,31318 99999 92\n",
			[]string{"2 successors level", "2 successors unknown", "2 successors unknown"}},
		{"an end of what is not there, or over already", newMap + "99999,,,2026-11-20,31321\n31318,,,2026-11-20,31321\n", []string{"2 code unknown", "3 code ended"}},
		{"a change before the last one", newMap + "31321,Xã Vị Thanh,92,2025-06-30,\n", []string{"2 effective_on order"}},
		{"a province that ends with communes in it", newMap + "31,,,2026-11-20,92\n", []string{"2 code not-empty"}},
		{"good rows beside a wrong one", newMap + good + "31333,,,2026-11-20,99999\n", []string{"3 successors unknown"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.contents()
			_, err := w.reg.ImportAreas(t.Context(), registry.Console(), strings.NewReader(tt.file), "f.csv", false)
			f := isFault(t, err, "map-invalid")
			var got []string
			for _, field := range f.Fields {
				got = append(got, fmt.Sprintf("%d %s %s", field.Row, field.Column, field.Code))
			}
			slices.Sort(got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("faults %q, want %q", got, tt.want)
			}
			w.same(before)
		})
	}
	t.Run("by whom it is not", func(t *testing.T) {
		_, err := w.reg.ImportAreas(t.Context(), w.officer, strings.NewReader(newMap+good), "f.csv", false)
		if fault.KindOf(err) != fault.Forbidden {
			t.Errorf("an officer: %v", err)
		}
	})
	t.Run("a mark before the heading, a straight apostrophe, blanks", func(t *testing.T) {
		_, err := w.reg.ImportAreas(t.Context(), w.admin, strings.NewReader("\ufeff"+newMap+" 31340 ,Xã  Ea H'Leo,92, 2026-11-20 ,\n"), "f.csv", false)
		if got := ask[string](w, `SELECT name FROM areas WHERE code = '31340'`); err != nil || got != "Xã Ea H’Leo" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// A newer list of the program does not undo what was imported since it was read.
func TestImportedAreasOutliveTheNextStart(t *testing.T) {
	t.Parallel()
	db, s := withAreas(t)
	if _, err := s.ImportAreas(t.Context(), registry.Console(), strings.NewReader(newMap+"31333,Xã Vị Tân,92,2026-11-20,\n"), "f.csv", false); err != nil {
		t.Fatal(err)
	}
	err := pgx.BeginTxFunc(t.Context(), db, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return registry.New(tx, areaDay).LoadAreas(t.Context()) // which only reads, since all else is as it is in the lists
	})
	if err != nil {
		t.Errorf("the next start: %v", err)
	}
	if got, err := postgres.One[string](t.Context(), db, `SELECT name FROM areas WHERE code = '31333'`, nil); err != nil || got != "Xã Vị Tân" {
		t.Errorf("it is %s now, %v", got, err)
	}
}
