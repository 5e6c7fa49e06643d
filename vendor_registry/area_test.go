package registry_test

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// areaDay is a day on which the embedded list is today's map.
func areaDay() time.Time { return time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC) }

// withAreas is a database of t's own with the list in it.
func withAreas(t *testing.T) (*pgxpool.Pool, *registry.Service) {
	t.Helper()
	db := pgtest.New(t)
	s := registry.New(db, areaDay)
	if err := s.LoadAreas(t.Context()); err != nil {
		t.Fatalf("LoadAreas: %v", err)
	}
	return db, s
}

// storedAreas reads today's map as it is in the table.
func storedAreas(t *testing.T, db postgres.Querier) []registry.Area {
	t.Helper()
	areas, err := postgres.All[registry.Area](t.Context(), db, `
		SELECT a.code, a.name, a.kind, a.level, coalesce(a.parent, '') AS parent, coalesce(p.name, a.name) AS province_name,
		       a.valid_from, a.valid_to
		FROM areas a LEFT JOIN areas p ON p.code = a.parent WHERE a.valid_to IS NULL ORDER BY a.code COLLATE "C"`, nil)
	if err != nil {
		t.Fatal(err)
	}
	return areas
}

func TestAreasAreWellFormed(t *testing.T) {
	t.Parallel()
	db, _ := withAreas(t)
	words := map[string]string{"tinh": "Tỉnh ", "thanh_pho": "Thành phố ", "phuong": "Phường ", "xa": "Xã ", "dac_khu": "Đặc khu "}
	kindsOf := map[int][]string{1: {"tinh", "thanh_pho"}, 2: {"phuong", "xa", "dac_khu"}}
	codeOf := map[int]*regexp.Regexp{1: regexp.MustCompile(`^[0-9]{2}$`), 2: regexp.MustCompile(`^[0-9]{5}$`)}
	areas := storedAreas(t, db)
	provinces, seen := map[string]bool{}, map[string]string{}
	for _, a := range areas {
		provinces[a.Code] = a.Level == 1
	}
	count := map[string]int{}
	for _, a := range areas {
		count[a.Kind]++
		if !codeOf[a.Level].MatchString(a.Code) {
			t.Errorf("%s %s: not a code of level %d", a.Code, a.Name, a.Level)
		}
		if !slices.Contains(kindsOf[a.Level], a.Kind) || !strings.HasPrefix(a.Name, words[a.Kind]) {
			t.Errorf("%s %s: kind %s, level %d", a.Code, a.Name, a.Kind, a.Level)
		}
		if !norm.NFC.IsNormalString(a.Name) || a.Name != strings.Join(strings.Fields(a.Name), " ") || strings.Contains(a.Name, "'") {
			t.Errorf("%s %+q: not NFC, stray blanks, or a straight apostrophe", a.Code, a.Name)
		}
		if a.Level == 2 && !provinces[a.Parent] || a.Level == 1 && a.Parent != "" {
			t.Errorf("%s %s: parent %q", a.Code, a.Name, a.Parent)
		}
		if a.ValidFrom.String() != "2025-07-01" || a.ValidTo != nil {
			t.Errorf("%s %s: valid from %s to %v", a.Code, a.Name, a.ValidFrom, a.ValidTo)
		}
		// Commune and province are what people see, so together they must say which unit is meant.
		if shown := a.Name + ", " + a.ProvinceName; seen[shown] != "" {
			t.Errorf("%s and %s are both %s", a.Code, seen[shown], shown)
		} else {
			seen[shown] = a.Code
		}
	}
	for kind, want := range map[string]int{"tinh": 27, "thanh_pho": 7, "phuong": 697, "xa": 2611, "dac_khu": 13} { // 34 and 3,321
		if count[kind] != want {
			t.Errorf("%s: %d, want %d", kind, count[kind], want)
		}
	}
}

func TestAreasOfProvinces(t *testing.T) {
	t.Parallel()
	db, _ := withAreas(t)
	areas := storedAreas(t, db)
	for _, tt := range []struct {
		code, name          string
		wards, communes     int
		units               []string // places that the program is used in, and what was corrected
		notUnitsHereAnyMore []string
	}{
		{"92", "Thành phố Cần Thơ", 31, 72, []string{"31321 Phường Vị Thanh", "31465 Xã Vị Thanh 1", "31333 Phường Vị Tân", "31338 Xã Hỏa Lựu",
			"31360 Xã Thạnh Xuân", "31348 Xã Trường Long Tây", "31342 Xã Tân Hòa", "31369 Xã Đông Phước", "31453 Xã Vĩnh Thuận Đông", "31673 Xã Trần Đề",
			"31675 Xã Liêu Tú", "31679 Xã Lịch Hội Thượng", "31699 Xã Thạnh Thới An", "31687 Xã Tài Văn"}, nil},
		{"19", "Tỉnh Thái Nguyên", 15, 77, []string{"05488 Xã Đại Phúc", "05587 Xã Bình Yên"}, nil},
		{"24", "Tỉnh Bắc Ninh", 33, 66, []string{"07774 Phường Tự Lạn", "07627 Xã Đại Sơn"}, nil},
		{"75", "Thành phố Đồng Nai", 33, 62, []string{"25270 Phường Lộc Ninh", "25357 Phường Tân Khai", "25363 Phường Đồng Phú",
			"26116 Phường Tân Phú", "26170 Phường Trị An", "26248 Phường Trảng Bom", "26326 Phường Dầu Giây", "26368 Phường Long Thành",
			"26425 Phường Xuân Lộc", "26485 Phường Nhơn Trạch", "26383 Xã An Phước", "26389 Xã Bình An", "26413 Xã Long Phước"}, nil},
		{"52", "Tỉnh Gia Lai", 25, 110, []string{"23938 Xã Ia Mơ"}, []string{"23737"}},
		{"22", "Tỉnh Quảng Ninh", 30, 22, []string{"06970 Xã Ba Chẽ", "06994 Đặc khu Vân Đồn"}, []string{"06978"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var wards, communes int
			var units, codes []string
			for _, a := range areas {
				if a.Code == tt.code && a.Name != tt.name {
					t.Errorf("%s is %s", a.Code, a.Name)
				}
				if a.Parent != tt.code {
					continue
				}
				units, codes = append(units, a.Code+" "+a.Name), append(codes, a.Code)
				switch a.Kind {
				case "phuong":
					wards++
				case "xa":
					communes++
				}
			}
			if wards != tt.wards || communes != tt.communes {
				t.Errorf("%d wards and %d communes, want %d and %d", wards, communes, tt.wards, tt.communes)
			}
			for _, unit := range tt.units {
				if !slices.Contains(units, unit) {
					t.Errorf("no %s", unit)
				}
			}
			for _, code := range tt.notUnitsHereAnyMore {
				if slices.Contains(codes, code) {
					t.Errorf("%s is there", code)
				}
			}
		})
	}
}

func TestLoadAreasOnlyReadsWhenNothingDiffers(t *testing.T) {
	t.Parallel()
	db, _ := withAreas(t)
	err := pgx.BeginTxFunc(t.Context(), db, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return registry.New(tx, areaDay).LoadAreas(t.Context())
	})
	if err != nil {
		t.Errorf("a second LoadAreas, in a read-only transaction: %v", err)
	}
}

func TestLoadAreasRestoresAndKeeps(t *testing.T) {
	t.Parallel()
	db, s := withAreas(t)
	before := storedAreas(t, db)
	if _, err := db.Exec(t.Context(), `
		UPDATE areas SET name = 'Xã Khác', kind = 'xa', valid_to = '2026-01-01' WHERE code = '31321';
		UPDATE areas SET name_fold = '' WHERE code = '92';
		UPDATE areas SET parent = '01' WHERE code = '31465';
		DELETE FROM area_successions WHERE new = '26179';
		DELETE FROM area_pasts WHERE code = '26179';
		DELETE FROM areas WHERE code = '26179';
		UPDATE areas SET district = NULL, valid_to = '2025-06-01' WHERE code = '31318';
		UPDATE area_pasts SET name = 'Tỉnh Khác', alike = 'unit' WHERE code = '92';
		INSERT INTO areas (code, name, name_fold, kind, level, parent, valid_from, valid_to)
		VALUES ('28', 'Tỉnh Hà Tây', 'tinh ha tay', 'tinh', 1, NULL, '2004-01-01', NULL)`); err != nil {
		t.Fatal(err)
	}
	if err := s.LoadAreas(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := storedAreas(t, db)
	i := slices.IndexFunc(after, func(a registry.Area) bool { return a.Code == "28" })
	if i < 0 {
		t.Fatal("a unit that is not in the list was deleted")
	}
	after = slices.Delete(after, i, i+1)
	if !slices.EqualFunc(before, after, func(a, b registry.Area) bool { return a == b }) {
		t.Errorf("the list was not restored: %d units before, %d after", len(before), len(after))
	}
	if found, err := s.FindAreas(t.Context(), "hau giang", 0); err != nil || len(found) != 0 {
		t.Errorf("a unit that is no more was found: %v, %v", found, err)
	}
	if former := ask[string](&world{TB: t, db: db}, `SELECT concat_ws(' ', a.district, a.valid_to, p.name, p.alike, (SELECT count(*) FROM area_successions WHERE new = '26179'))
		FROM areas a, area_pasts p WHERE a.code = '31318' AND p.code = '92'`); former != "930 2025-07-01 Thành phố Cần Thơ none 3" {
		t.Errorf("what was before was not restored: %s", former)
	}
	if found, err := s.FindAreas(t.Context(), "thanh pho can tho", 1); err != nil || len(found) != 1 || found[0].Code != "92" {
		t.Errorf("the search key was not restored: %v, %v", found, err)
	}
}

func TestLoadAreasByManyAtOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := registry.New(db, areaDay).LoadAreas(t.Context()); err != nil {
				t.Errorf("LoadAreas: %v", err)
			}
		})
	}
	wg.Wait()
	if got := len(storedAreas(t, db)); got != 34+3321 {
		t.Errorf("%d units, want %d", got, 34+3321)
	}
}

func TestFindAreas(t *testing.T) {
	t.Parallel()
	_, s := withAreas(t)
	const cantho = "Thành phố Cần Thơ"
	for _, tt := range []struct {
		name, q string
		limit   int
		want    []string // name, province; in this order
	}{
		{"without accents, the very name before a longer one", "vi thanh", 0, []string{"Phường Vị Thanh, " + cantho, "Xã Vị Thanh 1, " + cantho}},
		{"with accents and kind", "Phường Vị Thanh", 0, []string{"Phường Vị Thanh, " + cantho}},
		{"decomposed", norm.NFD.String("Xã Vị Thanh 1"), 0, []string{"Xã Vị Thanh 1, " + cantho}},
		{"shouting, with blanks", "  VỊ   TÂN ", 0, []string{"Phường Vị Tân, " + cantho}},
		{"as addresses are written", "P. Vị Thanh, TP. Cần Thơ", 0, []string{"Phường Vị Thanh, " + cantho}},
		{"the official code", "31321", 0, []string{"Phường Vị Thanh, " + cantho}},
		{"a province alone, not all below it", "can tho", 0, []string{cantho + ", " + cantho}},
		{"tone on either letter", "Hoả Lựu", 0, []string{"Xã Hỏa Lựu, " + cantho}},
		{"Đ is d", "lich hoi thuong", 0, []string{"Xã Lịch Hội Thượng, " + cantho}},
		{"the beginning is enough", "lịch hội th", 0, []string{"Xã Lịch Hội Thượng, " + cantho}},
		{"an apostrophe", "Ea H'Leo", 0, []string{"Xã Ea H’Leo, Tỉnh Đắk Lắk"}},
		{"the same name, each with its province", "tân an", 10, []string{
			"Xã Tân An, Tỉnh An Giang", "Phường Tân An, Tỉnh Bắc Ninh", "Phường Tân An, " + cantho, "Phường Tân An, Tỉnh Đắk Lắk",
			"Xã Tân An, Thành phố Đồng Nai", "Xã Tân An, Thành phố Hải Phòng", "Xã Tân An, Tỉnh Nghệ An", "Phường Tân An, Tỉnh Tây Ninh",
			"Xã Tân An, Tỉnh Tuyên Quang", "Xã Tân An, Tỉnh Vĩnh Long"}},
		{"one of them, by its province", "tan an, tay ninh", 0, []string{"Phường Tân An, Tỉnh Tây Ninh"}},
		{"the same, kind of the province included", "tan an tinh tay ninh", 0, []string{"Phường Tân An, Tỉnh Tây Ninh"}},
		{"the limit", "tân an", 1, []string{"Xã Tân An, Tỉnh An Giang"}},
		{"nothing of the sort", "atlantis", 0, nil},
		{"signs that SQL knows", "100%_'", 0, nil},
		{"no text: all, provinces first", "\xff\x00,,", 2, []string{"Tỉnh An Giang, Tỉnh An Giang", "Tỉnh Bắc Ninh, Tỉnh Bắc Ninh"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found, err := s.FindAreas(t.Context(), tt.q, tt.limit)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range found {
				got = append(got, a.Name+", "+a.ProvinceName)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("FindAreas(%q, %d)\n got %q\nwant %q", tt.q, tt.limit, got, tt.want)
			}
		})
	}
}

func TestFindAreasFaults(t *testing.T) {
	t.Parallel()
	s := registry.New(pgtest.New(t), areaDay)
	for _, limit := range []int{-1, 201} {
		if _, err := s.FindAreas(t.Context(), "x", limit); fault.CodeOf(err) != "limit-invalid" {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

// What a page shows of a unit, typed again by hand in any way, finds the unit.
func TestFindAreasFindsWhatIsShown(t *testing.T) {
	t.Parallel()
	db, s := withAreas(t)
	areas := storedAreas(t, db)
	ways := map[string]func(string) string{"as it is": func(s string) string { return s }, "decomposed": norm.NFD.String,
		"upper case": strings.ToUpper, "no comma": func(s string) string { return strings.ReplaceAll(s, ",", "") }}
	rapid.Check(t, func(rt *rapid.T) {
		a := rapid.SampledFrom(areas).Draw(rt, "area")
		q := a.Name
		if a.Level == 2 {
			q += ", " + a.ProvinceName
		}
		q = ways[rapid.SampledFrom([]string{"as it is", "decomposed", "upper case", "no comma"}).Draw(rt, "way")](q)
		found, err := s.FindAreas(t.Context(), q, 10)
		if err != nil || !slices.Contains(found, a) {
			rt.Fatalf("FindAreas(%q) = %v, %v; want %v among them", q, found, err, a)
		}
	})
}
