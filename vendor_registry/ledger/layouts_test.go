package ledger

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/unicode/norm"
)

// scribe writes a truth down as a board might: one of many layouts, told by a seed. What it wrote must be read back exactly.
type scribe struct {
	*rand.Rand
	cells  [][]string // rows of cells, the headings and all around them
	merged []string   // "A2:A3"
	want   []Row
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func (s *scribe) chance(one int) bool { return s.IntN(one) == 0 }

func (s *scribe) mobile() string {
	return fmt.Sprintf("0%d%08d", pick(s.Rand, 3, 5, 7, 8, 9), s.IntN(100_000_000))
}

func (s *scribe) name() string {
	return pick(s.Rand, "Nguyễn", "Trần", "Lê", "Thạch", "Kim", "Danh", "Đặng", "Sơn", "Lâm", "Ông", "Tô", "Tăng") + " " + pick(s.Rand, "Thị", "Văn", "Ngọc", "Hữu", "Minh") + " " +
		pick(s.Rand, "Lẹ", "Út", "Ửng", "Hoà", "Thuý", "Khoẻ", "Nguyệt", "Trọng", "Không", "Cộng", "Bé", "Đào")
}

// account is a number as its provider has it.
func (s *scribe) account(provider string) Account {
	n := s.mobile()
	if provider == "vcb" || provider == "bidv" || provider == "vba" {
		n = fmt.Sprintf("%d%09d%d", pick(s.Rand, 0, 1, 5, 7), s.IntN(1_000_000_000), s.IntN(1000))
	}
	return Account{Provider: provider, Number: n}
}

var providerSpellings = map[string][]string{
	"viettel_money": {"Viettel Money", "ViettelPay", "VTM", "viettel", "VIETTEL MONEY"}, "vnpt_money": {"VNPT Money", "VNPT Pay", "VNPT"}, "momo": {"MoMo", "Momo", "Ví MoMo"},
	"vcb": {"Vietcombank", "VCB", "NH Vietcombank"}, "bidv": {"BIDV"}, "vba": {"Agribank", "Ngân hàng Nông nghiệp"},
}

// spelledAs is a number as people write it down.
func (s *scribe) spelledAs(n string) string {
	if len(n) == 10 && n[0] == '0' {
		return pick(s.Rand, n, n, n[:4]+" "+n[4:7]+" "+n[7:], n[:4]+"."+n[4:7]+"."+n[7:])
	}
	return pick(s.Rand, n, n, n[:4]+" "+n[4:])
}

// kept is how a layout keeps accounts.
type kept int

const (
	noAccounts kept = iota
	eachColumn      // a column a wallet
	onePair
	twoPairs
	pairsWithHolders
	inOneCell
	moreLines // the second account in a line of its own
	keptKinds
)

func compose(seed uint64, csv bool) *scribe {
	s := &scribe{Rand: rand.New(rand.NewPCG(seed, 5))}
	accounts := kept(s.IntN(int(keptKinds)))
	providers := []string{"viettel_money", "vnpt_money", "momo", "vcb", "bidv", "vba"}
	s.Shuffle(len(providers), func(i, j int) { providers[i], providers[j] = providers[j], providers[i] })
	providers = providers[:1+s.IntN(3)]
	bySection := pick(s.Rand, "none", "column", "titles", "blocks", "once")
	split := s.chance(6) // family name and given name apart
	secondPhone := s.chance(5)
	stacked := accounts == eachColumn && s.chance(2)
	plain := s.chance(5)

	say := func(list ...string) string {
		h := pick(s.Rand, list...)
		switch {
		case plain:
			return strings.ToUpper(fold(h))
		case s.chance(6):
			return strings.ToUpper(h)
		}
		return h
	}
	type column struct {
		heading, upper string
		value          func(r Row) string
	}
	var columns []column
	add := func(heading string, value func(Row) string) {
		columns = append(columns, column{heading: heading, value: value})
	}
	blank := func(Row) string { return "" }
	vacantWord := pick(s.Rand, "", "(trống)", "Chưa thuê", "bỏ trống", "-", "Trống", "x", "Chưa có người thuê")
	n := 0
	if !s.chance(4) {
		add(say("STT", "TT", "Số TT"), func(Row) string { n++; return fmt.Sprint(n) })
	}
	body := []func(){
		func() {
			add(say("Mã sạp", "Số sạp", "Ki-ốt số", "Mã quầy", "Sạp", "Quầy số", "Stall no.", "Điểm kinh doanh"), func(r Row) string { return r.Code })
		},
		func() {
			if split {
				cut := func(s string) (string, string) { i := strings.LastIndexByte(s, ' '); return s[:max(i, 0)], s[i+1:] }
				add(say("Họ và tên đệm", "Họ đệm", "Họ và chữ lót"), func(r Row) string { a, _ := cut(r.Vendor); return a })
				add(say("Tên"), func(r Row) string { _, b := cut(r.Vendor); return b })
				return
			}
			add(say("Họ tên", "HỌ VÀ TÊN TIỂU THƯƠNG", "Tên hộ kinh doanh", "Chủ sạp", "Người thuê", "Tên đầy đủ", "Chủ hộ kinh doanh"), func(r Row) string {
				if r.Vendor == "" {
					return vacantWord
				}
				return r.Vendor
			})
		},
		func() {
			add(say("SĐT", "ĐT", "Số ĐT", "Điện thoại", "Số điện thoại liên hệ"), func(r Row) string {
				if r.Phone == "" || secondPhone && r.Row%2 == 0 {
					return pick(s.Rand, "", "-")
				}
				return pick(s.Rand, s.spelledAs(r.Phone), "+84"+r.Phone[1:], "ĐT: "+r.Phone, r.Phone+" (Zalo)")
			})
			if secondPhone {
				add(say("SĐT 2", "ĐT 2"), func(r Row) string {
					if r.Row%2 == 0 {
						return r.Phone
					}
					return ""
				})
			}
		},
		func() {
			add(say("Ngành hàng", "Mặt hàng", "Mặt hàng KD", "Ngành hàng kinh doanh"), func(r Row) string { return r.Goods })
		},
		func() { add(say("Ghi chú", "Diện tích (m2)", "Ngày thuê", "Tình trạng"), blank) },
	}
	if bySection == "column" || bySection == "once" {
		last := ""
		body = append(body, func() {
			add(say("Khu", "Khu vực", "Dãy", "Nhà lồng"), func(r Row) string {
				if bySection == "once" && r.Section == last {
					return ""
				}
				last = r.Section
				return r.Section
			})
		})
	}
	of := func(r Row, i int) Account {
		if i < len(r.Accounts) {
			return r.Accounts[i]
		}
		return Account{}
	}
	name := func(a Account) string {
		if a.Provider == "" {
			return ""
		}
		return pick(s.Rand, providerSpellings[a.Provider]...)
	}
	number := func(a Account) string {
		if a.Number == "" {
			return pick(s.Rand, "", "", "không", "-")
		}
		return s.spelledAs(a.Number)
	}
	body = append(body, func() {
		switch accounts {
		case eachColumn:
			for i, p := range providers {
				c := column{heading: pick(s.Rand, "", "", "Số ", "STK ") + pick(s.Rand, providerSpellings[p]...), value: func(r Row) string {
					for _, a := range r.Accounts {
						if a.Provider == p {
							return s.spelledAs(a.Number)
						}
					}
					return ""
				}}
				if stacked && i == 0 {
					c.upper = "Tài khoản nhận tiền"
				}
				columns = append(columns, c)
			}
		case onePair, moreLines:
			add(pick(s.Rand, "Ví điện tử", "Ngân hàng/Ví", "Loại ví"), func(r Row) string { return name(of(r, 0)) })
			add(pick(s.Rand, "Số tài khoản", "Số TK/Số ví", "STK"), func(r Row) string { return number(of(r, 0)) })
		case twoPairs:
			for i := range 2 {
				add(fmt.Sprintf("Ví/ngân hàng %d", i+1), func(r Row) string { return name(of(r, i)) })
				add(fmt.Sprintf("Số tài khoản %d", i+1), func(r Row) string { return number(of(r, i)) })
			}
		case pairsWithHolders:
			for i := range 2 {
				add(fmt.Sprintf("Ngân hàng %d", i+1), func(r Row) string { return name(of(r, i)) })
				add(fmt.Sprintf("Số TK %d", i+1), func(r Row) string { return number(of(r, i)) })
				add(fmt.Sprintf("Chủ TK %d", i+1), func(r Row) string { return of(r, i).Holder })
			}
		case inOneCell:
			between := pick(s.Rand, " / ", "; ", ", ", "\n")
			add(say("Tài khoản nhận tiền", "Ví điện tử", "Tài khoản"), func(r Row) string {
				var list []string
				for _, a := range r.Accounts {
					list = append(list, pick(s.Rand, name(a)+": "+a.Number, name(a)+" "+a.Number, a.Number+" ("+name(a)+")"))
				}
				return strings.Join(list, between)
			})
		}
	})
	s.Shuffle(len(body), func(i, j int) { body[i], body[j] = body[j], body[i] })
	for _, b := range body {
		b()
	}

	row := func(cells ...string) {
		line := make([]string, len(columns))
		copy(line, cells)
		s.cells = append(s.cells, line)
	}
	title := func(text string) {
		row(text)
		if len(columns) > 1 {
			s.merged = append(s.merged, fmt.Sprintf("A%d:%s%d", len(s.cells), letters(len(columns)-1), len(s.cells)))
		}
	}
	head := func() {
		if stacked {
			upper, lower := make([]string, len(columns)), make([]string, len(columns))
			for i, c := range columns {
				if i >= slices.IndexFunc(columns, func(c column) bool { return c.upper != "" }) && strings.Contains(fmt.Sprint(providerSpellings), strings.TrimPrefix(strings.TrimPrefix(c.heading, "Số "), "STK ")) {
					lower[i], upper[i] = c.heading, c.upper
				} else {
					upper[i] = c.heading
				}
			}
			row(upper...)
			row(lower...)
			return
		}
		line := make([]string, len(columns))
		for i, c := range columns {
			line[i] = c.heading
		}
		row(line...)
	}
	for range s.IntN(4) {
		title(pick(s.Rand, "", "UBND PHƯỜNG VỊ TÂN", "SỔ THEO DÕI ĐIỂM KINH DOANH", "Danh sách tiểu thương chợ Vị Thanh", "Tháng 11 năm 2026"))
	}
	sections := []string{"Khu A", "Khu cá", "Dãy 3", "Nhà lồng số 2"}
	s.Shuffle(len(sections), func(i, j int) { sections[i], sections[j] = sections[j], sections[i] })
	if bySection != "blocks" {
		head()
	}
	code := pick(s.Rand, "A-%02d", "K%d", "%d", "Lô %d", "Q.%03d")
	i := 0
	least := 1
	if bySection == "blocks" { // one title above one row of headings may be the ledger's own
		least = 2
	}
	for _, section := range sections[:least+s.IntN(3)] {
		switch bySection {
		case "none":
			section = ""
		case "titles":
			title(pick(s.Rand, section, strings.ToUpper(section), section+" (12 sạp)"))
		case "blocks":
			title(section)
			head()
		}
		stalls := 2 + s.IntN(5)
		for range stalls {
			if s.chance(12) && bySection != "once" {
				row()
			}
			i++
			r := Row{Row: len(s.cells) + 1, Code: fmt.Sprintf(code, i), Section: section, Goods: pick(s.Rand, "Rau củ", "Thịt heo", "", "Cá; tôm", "Vải \"tốt\"")}
			if !s.chance(6) {
				r.Vendor = s.name()
				if !s.chance(4) {
					r.Phone = s.mobile()
				}
				most := map[kept]int{noAccounts: 0, onePair: 1}
				limit, limited := most[accounts]
				for _, p := range providers {
					if (!limited || len(r.Accounts) < limit) && len(r.Accounts) < 2 && !s.chance(3) {
						a := s.account(p)
						if accounts == pairsWithHolders {
							a.Holder = pick(s.Rand, "LE LAN", "NGUYEN VAN BINH")
						}
						r.Accounts = append(r.Accounts, a)
					}
				}
			}
			line := make([]string, len(columns))
			for c, col := range columns {
				if line[c] = col.value(r); s.chance(15) {
					line[c] = norm.NFD.String(line[c])
				}
			}
			row(line...)
			if accounts == moreLines && len(r.Accounts) > 1 {
				more := make([]string, len(columns))
				at := slices.IndexFunc(columns, func(c column) bool {
					return slices.Contains([]string{"Ví điện tử", "Ngân hàng/Ví", "Loại ví"}, c.heading)
				})
				more[at], more[at+1] = name(r.Accounts[1]), r.Accounts[1].Number
				row(more...)
				if !csv && s.chance(2) { // all but the account merged over both lines
					for c := range columns {
						if c != at && c != at+1 && line[c] != "" {
							s.merged = append(s.merged, fmt.Sprintf("%s%d:%s%d", letters(c), r.Row, letters(c), r.Row+1))
						}
					}
				}
			}
			s.want = append(s.want, r)
			if s.chance(14) && bySection != "blocks" && len(columns) > 3 {
				if !stacked {
					head() // once more, as on each printed page
				}
			}
		}
		if s.chance(3) {
			line := make([]string, len(columns))
			line[slices.IndexFunc(columns, func(c column) bool { return true })] = "Cộng: " + fmt.Sprint(stalls)
			row(line...)
		}
	}
	if s.chance(2) {
		row()
		row("Tổng cộng", fmt.Sprint(len(s.want)))
		row("(*) Các sạp đang sửa chữa không ghi ở đây")
		line := make([]string, len(columns))
		line[len(line)-1] = "Người lập biểu"
		row(line...)
		line = make([]string, len(columns))
		line[len(line)-1] = "Nguyễn Văn Bình"
		row(line...)
	}
	return s
}

// retold is rows as they should be read, and as they were: holders of single accounts too, warnings left out.
func retold(rows []Row) string {
	var lines []string
	for _, r := range rows {
		r.Warnings = nil
		line := brief(r)
		for _, a := range r.Accounts {
			if a.Holder != "" {
				line += " " + a.Number + "=" + a.Holder
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestLayoutsOfBoards(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		csv := seed%2 == 0
		s := compose(seed, csv)
		var data []byte
		file := "so.csv"
		if csv {
			data = s.text()
		} else {
			file, data = "so.xlsx", s.book(t)
		}
		l, err := Read(t.Context(), file, bytes.NewReader(data), DefaultLimits)
		want := s.want
		for i := range want {
			if a := want[i].Accounts; len(a) > 0 && a[0].Holder != "" { // the first holder is the row's too, where there is one column of them
				want[i].Holder = l.rowAt(want[i].Row).Holder
			}
		}
		if err != nil || retold(l.Rows) != retold(want) {
			t.Fatalf("seed %d: %v\ngot\n%s\nwant\n%s\nof\n%s\ncolumns %+v", seed, err, retold(l.Rows), retold(want), lines(s.cells), l.Columns)
		}
	}
}

func (l Ledger) rowAt(n int) (row Row) {
	for _, r := range l.Rows {
		if r.Row == n {
			return r
		}
	}
	return row
}

func lines(cells [][]string) string {
	var b strings.Builder
	for i, r := range cells {
		fmt.Fprintf(&b, "%d %q\n", i+1, r)
	}
	return b.String()
}

// text writes the rows as CSV of one sort.
func (s *scribe) text() []byte {
	sep, end := pick(s.Rand, ",", ";", "\t"), pick(s.Rand, "\r\n", "\n")
	var b strings.Builder
	for _, r := range s.cells {
		for i, cell := range r {
			if i > 0 {
				b.WriteString(sep)
			}
			if strings.ContainsAny(cell, ",;\t\"\n") {
				cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
			}
			b.WriteString(cell)
		}
		b.WriteString(end)
	}
	switch text := b.String(); s.IntN(6) {
	case 0:
		return []byte("\ufeff" + text)
	case 1:
		return utf16Of(text)
	case 2:
		return encoded(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String(text))
	case 3:
		return windows1258(text)
	default:
		return []byte(text)
	}
}

// book writes the rows as a workbook, behind a cover sheet now and then.
func (s *scribe) book(t *testing.T) []byte {
	f := excelize.NewFile()
	defer f.Close()
	sheet := "Sheet1"
	if s.chance(4) {
		must(f.SetCellValue("Sheet1", "A1", "BAN QUẢN LÝ CHỢ"))
		sheet = "Sổ"
		_, err := f.NewSheet(sheet)
		must(err)
	}
	for i, r := range s.cells {
		cells := make([]any, len(r))
		for c, text := range r {
			if text != "" {
				cells[c] = text
			}
		}
		must(f.SetSheetRow(sheet, fmt.Sprintf("A%d", i+1), &cells))
	}
	for _, m := range s.merged {
		from, to, _ := strings.Cut(m, ":")
		must(f.MergeCell(sheet, from, to))
	}
	b, err := f.WriteToBuffer()
	must(err)
	return b.Bytes()
}
