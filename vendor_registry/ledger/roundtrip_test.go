package ledger

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cho40/internal/fault"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// The generator makes ledgers as boards keep them: any order of columns, any of the usual headings, titles above,
// sections between or in a column, wallets in their own columns or named beside the number. What was put in must come out.

type drawn struct {
	code, section, goods, vendor, phone string
	accounts                            []Account
}

var headingNames = map[Role][]string{
	Ordinal: {"STT", "TT", "Số TT", "No."},
	Code:    {"Mã quầy", "Số sạp", "MÃ SẠP", "so quay", "Ki-ốt số", "Stall no.", "Quầy/sạp", "Điểm kinh doanh"},
	Section: {"Khu", "Khu vực", "Dãy", "Section", "KHU/DÃY", "Nhà lồng"},
	Goods:   {"Ngành hàng", "Mặt hàng", "mat hang kinh doanh", "Goods", "Ngành nghề"},
	Vendor:  {"Họ và tên tiểu thương", "Tên hộ kinh doanh", "HỌ TÊN", "ho va ten", "Vendor name", "Chủ sạp", "Người thuê"},
	Phone:   {"Số điện thoại", "ĐT", "SĐT", "dien thoai", "Phone", "Số\nđiện thoại"},
	Unread:  {"Ghi chú", "Diện tích (m2)", "Ngày thuê"},
}

var walletNames = map[string][]string{
	"viettel_money": {"Viettel Money", "ViettelPay", "Viettel Pay", "viettel money"},
	"vnpt_money":    {"VNPT Money", "VNPT Pay", "VNPT PAY"},
	"momo":          {"MoMo", "Ví MoMo"},
	"vcb":           {"Vietcombank", "VCB", "Ngân hàng Vietcombank"},
	"bidv":          {"BIDV", "Ngân hàng BIDV"},
}

func names() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		pick := func(list string) string { return rapid.SampledFrom(strings.Fields(list)).Draw(t, "word") }
		return pick("Nguyễn Trần Lê Phạm Huỳnh Võ Đặng Bùi Tống Thạch Kim Danh Trương Ngô Dương Lý Chu") + " " +
			pick("Thị Văn Hữu Ngọc Kim Phước Xuân Thúy Đức Út") + " " + pick("Trọng Ựng Khoẻ Hòa Lẹ Út Ửng Diễm Phượng Nguyệt Không Cộng Bé Đẹp Thuỷ")
	})
}

func draw(t *rapid.T, providers []string) (stalls []drawn) {
	sections := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"Khu A", "Khu B", "Dãy 3", "Khu cá", "Nhà lồng số 2", "Khu rau củ"}), 1, 3, rapid.ID).Draw(t, "sections")
	n := 0
	for _, s := range sections {
		for range rapid.IntRange(1, 5).Draw(t, "stalls") {
			n++
			d := drawn{code: fmt.Sprintf(rapid.SampledFrom([]string{"A-%02d", "B%d", "%d", "Lô %d", "K.%03d"}).Draw(t, "code"), n), section: s,
				goods: rapid.SampledFrom([]string{"Thịt heo", "Rau củ", "Cá, thủy sản", "", "Gạo; tạp hóa", "Giày \"xịn\""}).Draw(t, "goods")}
			if rapid.IntRange(0, 5).Draw(t, "vacant") > 0 {
				d.vendor = names().Draw(t, "vendor")
				if rapid.Bool().Draw(t, "phone") {
					d.phone = phone().Draw(t, "phone")
				}
				for _, p := range providers {
					if rapid.Bool().Draw(t, "has account") {
						number := phone().Draw(t, "wallet")
						if p == "vcb" || p == "bidv" {
							number = rapid.StringMatching(`[01][0-9]{9,13}`).Draw(t, "bank account")
						}
						d.accounts = append(d.accounts, Account{Provider: p, Number: number})
					}
				}
			}
			stalls = append(stalls, d)
		}
	}
	return stalls
}

func phone() *rapid.Generator[string] { return rapid.StringMatching(`0[35789][0-9]{8}`) }

// write lays the stalls out as rows of cells and says in which row each stands; merged are the rows with a merged title.
func write(t *rapid.T, stalls []drawn, providers []string, csv bool) (rows [][]string, want []Row, merged []int) {
	perColumn := rapid.Bool().Draw(t, "a column per wallet")
	asRows := rapid.Bool().Draw(t, "sections as rows")
	type column struct {
		role     Role
		provider string
		heading  string
	}
	var columns []column
	for _, role := range []Role{Code, Vendor, Goods, Phone, Section, Unread} {
		if role == Section && asRows {
			continue
		}
		columns = append(columns, column{role, "", rapid.SampledFrom(headingNames[role]).Draw(t, "heading")})
	}
	if perColumn {
		for _, p := range providers {
			lead := rapid.SampledFrom([]string{"", "Số ", "STK ", "Số tài khoản "}).Draw(t, "lead")
			columns = append(columns, column{Number, p, lead + rapid.SampledFrom(walletNames[p]).Draw(t, "wallet")})
		}
	} else {
		columns = append(columns, column{Provider, "", "Ví điện tử"}, column{Number, "", "Số tài khoản ví"})
	}
	columns = rapid.Permutation(columns).Draw(t, "order")
	columns = append([]column{{Ordinal, "", rapid.SampledFrom(headingNames[Ordinal]).Draw(t, "ordinal")}}, columns...)
	for range rapid.IntRange(0, 5).Draw(t, "rows above") {
		line := make([]string, len(columns))
		if title := rapid.SampledFrom([]string{"", "SỔ THEO DÕI ĐIỂM KINH DOANH", "Danh sách tiểu thương", "Ngày lập: 15/03/2026"}).Draw(t, "title"); title != "" {
			line[0] = title
			merged = append(merged, len(rows)+1)
		}
		rows = append(rows, line)
	}
	heading := make([]string, len(columns))
	for i, c := range columns {
		heading[i] = c.heading
	}
	rows = append(rows, heading)
	last := ""
	for i, d := range stalls {
		if rapid.IntRange(0, 6).Draw(t, "blank") == 0 {
			rows = append(rows, make([]string, len(columns)))
		}
		if asRows && d.section != last {
			line := make([]string, len(columns))
			line[0] = rapid.SampledFrom([]string{d.section, strings.ToUpper(d.section)}).Draw(t, "title")
			rows, merged, last = append(rows, line), append(merged, len(rows)+1), d.section
		}
		line := make([]string, len(columns))
		accounts := d.accounts
		if !perColumn && len(accounts) > 1 {
			accounts = accounts[:1]
		}
		for c, col := range columns {
			switch col.role {
			case Ordinal:
				line[c] = fmt.Sprint(i + 1)
			case Code:
				line[c] = d.code
			case Section:
				line[c] = d.section
			case Goods:
				line[c] = d.goods
			case Vendor:
				if line[c] = d.vendor; d.vendor == "" {
					line[c] = rapid.SampledFrom([]string{"", "(trống)", "Chưa thuê", "bỏ trống", "-", "x"}).Draw(t, "vacant")
				}
			case Phone:
				line[c] = spaced(d.phone).Draw(t, "phone as written")
			case Provider:
				if len(accounts) > 0 {
					line[c] = rapid.SampledFrom(walletNames[accounts[0].Provider]).Draw(t, "name")
				}
			case Number:
				for _, a := range accounts {
					if col.provider == a.Provider || col.provider == "" {
						line[c] = a.Number
					}
				}
			}
			if rapid.IntRange(0, 9).Draw(t, "NFD") == 0 {
				line[c] = norm.NFD.String(line[c])
			}
		}
		rows = append(rows, line)
		w := Row{Row: len(rows), Code: d.code, Section: d.section, Goods: d.goods, Vendor: d.vendor, Phone: d.phone}
		for _, col := range columns { // the first column is the default account
			for _, a := range accounts {
				if col.role == Number && (col.provider == a.Provider || col.provider == "") {
					w.Accounts = append(w.Accounts, a)
				}
			}
		}
		want = append(want, w)
	}
	if rapid.Bool().Draw(t, "total") {
		line := make([]string, len(columns))
		line[1], line[2] = "Tổng cộng", fmt.Sprintf("%d quầy", len(stalls))
		rows = append(rows, line, make([]string, len(columns)))
		sign := make([]string, len(columns))
		sign[len(sign)-2] = "Người lập biểu"
		rows = append(rows, sign)
	}
	if csv && merged != nil {
		merged = nil
	}
	return rows, want, merged
}

func spaced(phone string) *rapid.Generator[string] {
	if phone == "" {
		return rapid.SampledFrom([]string{"", "-", "không"})
	}
	return rapid.SampledFrom([]string{phone, phone[:4] + "." + phone[4:7] + "." + phone[7:], phone[:4] + " " + phone[4:7] + " " + phone[7:], "+84" + phone[1:]})
}

func someProviders(t *rapid.T) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"viettel_money", "vnpt_money", "momo", "vcb", "bidv"}), 1, 4, rapid.ID).Draw(t, "providers")
}

func compare(t *rapid.T, l Ledger, err error, want []Row, rows [][]string) {
	if err != nil {
		t.Fatalf("%v\n%q", err, rows)
	}
	if got, want := briefs(l), briefs(Ledger{Rows: want}); got != want {
		t.Fatalf("got\n%s\nwant\n%s\nof\n%q\ncolumns %+v", got, want, rows, l.Columns)
	}
}

func TestGeneratedText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		providers := someProviders(t)
		rows, want, _ := write(t, draw(t, providers), providers, true)
		sep := rapid.SampledFrom([]string{",", ";", "\t"}).Draw(t, "separator")
		end := rapid.SampledFrom([]string{"\r\n", "\n"}).Draw(t, "line end")
		all := rapid.Bool().Draw(t, "quote all")
		var b strings.Builder
		for _, r := range rows {
			for i, s := range r {
				if i > 0 {
					b.WriteString(sep)
				}
				if all || strings.ContainsAny(s, ",;\t\"\n") {
					s = `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
				}
				b.WriteString(s)
			}
			b.WriteString(end)
		}
		data := encode(t, b.String())
		l, err := Read(t.Context(), rapid.SampledFrom([]string{"so.csv", "SO.TSV", "so.txt", ""}).Draw(t, "name"), bytes.NewReader(data), DefaultLimits)
		compare(t, l, err, want, rows)
	})
}

// encode writes a text as one of the programs in use does.
func encode(t *rapid.T, s string) []byte {
	switch rapid.SampledFrom([]string{"UTF-8", "UTF-8 with mark", "UTF-16LE", "UTF-16BE", "UTF-16LE without mark", "Windows-1258"}).Draw(t, "encoding") {
	case "UTF-8 with mark":
		return []byte("\ufeff" + s)
	case "UTF-16LE":
		return encoded(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(s))
	case "UTF-16BE":
		return encoded(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String(s))
	case "UTF-16LE without mark":
		return encoded(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().String(s))
	case "Windows-1258":
		return windows1258(s)
	}
	return []byte(s)
}

func encoded(s string, err error) []byte {
	must(err)
	return []byte(s)
}

// windows1258 writes a letter and its tone as two bytes where the code page has no byte for both.
func windows1258(s string) []byte {
	var out []byte
	for _, r := range norm.NFC.String(s) {
		if b, ok := charmap.Windows1258.EncodeRune(r); ok {
			out = append(out, b)
			continue
		}
		d := []rune(norm.NFD.String(string(r)))
		at := slices.IndexFunc(d, func(r rune) bool { return strings.ContainsRune("\u0300\u0301\u0303\u0309\u0323", r) })
		tone := d[at]
		base := []rune(norm.NFC.String(string(slices.Delete(d, at, at+1))))[0]
		b1, ok1 := charmap.Windows1258.EncodeRune(base)
		b2, ok2 := charmap.Windows1258.EncodeRune(tone)
		if !ok1 || !ok2 {
			panic("not in Windows-1258: " + string(r))
		}
		out = append(out, b1, b2)
	}
	return out
}

func TestGeneratedWorkbooks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		providers := someProviders(t)
		rows, want, merged := write(t, draw(t, providers), providers, false)
		f := excelize.NewFile()
		defer f.Close()
		w, err := f.NewStreamWriter("Sheet1")
		must(err)
		lost := rapid.Bool().Draw(t, "phones as numbers")
		for i, r := range rows {
			cells := make([]any, len(r))
			for c, s := range r {
				if s != "" || rapid.Bool().Draw(t, "empty strings") {
					cells[c] = s
				}
			}
			if k := slices.IndexFunc(want, func(w Row) bool { return w.Row == i+1 }); lost && k >= 0 && want[k].Phone != "" {
				if c := slices.IndexFunc(r, func(s string) bool { return s == want[k].Phone }); c >= 0 && slices.Index(headingNames[Phone], headings(rows, want)[c]) >= 0 {
					var n int
					_, err := fmt.Sscan(strings.TrimLeft(want[k].Phone, "0"), &n)
					must(err)
					cells[c] = n
					want[k].Warnings = append(want[k].Warnings, fault.Field{Code: "phone-lost-zero"})
				}
			}
			must(w.SetRow(fmt.Sprintf("A%d", i+1), cells))
		}
		for _, row := range merged {
			must(w.MergeCell(fmt.Sprintf("A%d", row), fmt.Sprintf("%s%d", letters(len(rows[0])-1), row)))
		}
		must(w.Flush())
		b, err := f.WriteToBuffer()
		must(err)
		l, err := Read(t.Context(), "so.xlsx", b, DefaultLimits)
		compare(t, l, err, want, rows)
	})
}

// headings is the row of headings: the last one before the first stall that has a heading of a stall code.
func headings(rows [][]string, want []Row) []string {
	for i := want[0].Row - 2; i >= 0; i-- {
		for _, s := range rows[i] {
			if slices.Contains(headingNames[Code], s) {
				return rows[i]
			}
		}
	}
	return nil
}

func FuzzRead(f *testing.F) {
	f.Add("a.csv", []byte("Số sạp,Họ tên,ĐT,Ví,Số ví\nA1,Lý Tâm,0912345678,MoMo,0912345678\n"))
	f.Add("a.csv", []byte("\xef\xbb\xbfSố sạp;Họ tên;Viettel Money\n\"A1\";\"Lý \"\"Bé\"\" Tâm\";'0912345678\nKHU B;;\n1;x;\nTổng cộng;2 quầy;"))
	f.Add("", []byte("S\xf4\xec sa\xf2p\tHo\xf2 t\xean\n1\tL\xfd T\xe2m"))
	f.Add("a.tsv", utf16Of("Số sạp\tHọ tên\tTài khoản\n1\tLý Tâm\tVCB 0071000123456 - LY TAM"))
	f.Add("a.xlsx", handmade(f))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		l, err := Read(t.Context(), name, bytes.NewReader(data), DefaultLimits)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, r := range l.Rows {
			for _, s := range []string{r.Code, r.Section, r.Goods, r.Vendor, r.Phone, r.Holder} {
				if c, bad := clean(s); bad != 0 || c != s || runes(s) > maxName {
					t.Errorf("row %d holds %q", r.Row, s)
				}
			}
			if len(r.Faults) > 0 {
				continue
			}
			key := strings.ToUpper(strings.Join(strings.Fields(r.Code), ""))
			if key == "" || seen[key] || r.Row <= l.Heading || len(r.Accounts) > 0 && r.Vacant() || runes(r.Code) > maxCode || runes(r.Section) > maxSection {
				t.Errorf("a good row that is not: %s", brief(r))
			}
			seen[key] = true
			for _, a := range r.Accounts {
				if n := len(a.Number); a.Provider == "" || n < shortest || n > 19 {
					t.Errorf("row %d: account %v", r.Row, a)
				}
			}
		}
	})
}
