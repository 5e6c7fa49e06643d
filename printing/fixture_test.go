package printing

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	qrcode "github.com/skip2/go-qrcode"
)

// bitmap is a symbol that knows what it says.
type bitmap struct {
	payload string
	rows    [][]bool
}

func (b bitmap) Size() int          { return len(b.rows) }
func (b bitmap) Dark(x, y int) bool { return b.rows[y][x] }

func encode(t testing.TB, payload string) Modules {
	t.Helper()
	q, err := qrcode.New(payload, qrcode.Medium)
	if err != nil {
		t.Fatal(err)
	}
	q.DisableBorder = true
	return bitmap{payload, q.Bitmap()}
}

// payload is a VietQR text of the usual length for an invented account.
func payload(n int) string {
	account := fmt.Sprintf("09%08d", n)
	if n%2 == 1 {
		account = fmt.Sprintf("VNPT%015d", n) // the longest that a bank takes; version 6
	}
	to := fmt.Sprintf("000697100501%02d%s", len(account), account)
	service := fmt.Sprintf("0010A00000072701%02d%s0208QRIBFTTA", len(to), to)
	return fmt.Sprintf("00020101021138%02d%s53037045802VN6304%04X", len(service), service, n*40503&0xFFFF)
}

var made = time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC)

// plain is the placard of the design's own picture.
func plain(t testing.TB) Placard {
	return Placard{
		Market: "Chợ Vị Thanh", Vendor: "Lý Minh Tâm", Goods: "Rau củ", Stall: "A-12",
		Holder: "LY MINH TAM", Provider: "Viettel Money", Tail: "5678", Call: "0293 000 0040",
		Serial: "7K3Q-40M2-VTC", Code: encode(t, payload(12345678)),
	}
}

// hard is a gallery of what makes a card difficult. Every entry fits on every card; tags have no room for the account
// number of 19 digits.
func hard(t testing.TB) []Placard {
	all := []Placard{plain(t)}
	for i, change := range []func(p *Placard){
		func(p *Placard) {
			p.Holder, p.Stall, p.Vendor = "NGUYEN THI PHUONG THAO ANH DAO", "ĐK-1204B", "Nguyễn Thị Phương Thảo Anh Đào"
			p.Market, p.Goods = "Chợ đầu mối nông sản thực phẩm Hóc Môn", "Trái cây nhập khẩu"
		},
		func(p *Placard) {
			p.Holder, p.Vendor, p.Goods, p.Mark = "NGUYEN HOANG PHUONG THAO", "BÙI THỊ NGUYỄN MẪU ĐỆ HỮU", "Cá", MarkSample
			p.Provider, p.Tail, p.Number = "VNPT Money", "", "0715 656 593"
		},
		func(p *Placard) {
			p.Holder, p.Vendor, p.Stall, p.Mark = "TRUONG THUY DAO", "Trương Thúy Đào", "7", MarkProvisional
			p.Call, p.Goods = "", "Thịt heo"
		},
		func(p *Placard) {
			p.Holder, p.Vendor = "DƯƠNG THỊ NGỌC HUỆ", "Hộ kinh doanh Dương Thị Ngọc Huệ và các con"
			p.Market, p.Stall, p.Provider = "Chợ Bình Điền", "B12-K07", "Ngân hàng Nông nghiệp"
			p.Tail, p.Number = "", "1234 5678 9012 3456 789"
		},
		func(p *Placard) {
			p.Holder, p.Vendor, p.Goods = "CTY TNHH MTV THUONG MAI DICH VU Q-J", "Công ty TNHH MTV Thương mại Dịch vụ Quỳnh Giang", ""
			p.Market, p.Stall = "Chợ đầu mối nông sản thực phẩm Hóc Môn", "ĐK-1204B"
			p.Provider, p.Languages = "VietCapitalBank", [2]Language{English, Vietnamese}
		},
		func(p *Placard) {
			p.Holder, p.Vendor, p.Goods, p.Stall = "LE VY", "", "Nước mắm (“Cô Ba”)", "WWW-MMM"
		},
		func(p *Placard) { p.Holder, p.Code = "TAT VAY", encode(t, "00020101021138") },
	} {
		p := plain(t)
		p.Code = encode(t, payload(1000+i))
		p.Serial = fmt.Sprintf("7K3Q-40M%d-VTC", i)
		change(&p)
		all = append(all, p)
	}
	return all
}

func sheetOf(t testing.TB, name string) Sheet {
	t.Helper()
	s, ok := SheetOf(name)
	if !ok {
		t.Fatalf("no sheet %q", name)
	}
	return s
}

// printed is the file of the placards.
func printed(t testing.TB, p Print, placards ...Placard) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, p, placards); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// fitting are the hard placards that a sheet has room for.
func fitting(t testing.TB, s Sheet) []Placard {
	var all []Placard
	for _, p := range hard(t) {
		if p.Check(s) == nil {
			all = append(all, p)
		}
	}
	return all
}

// boxed are the sizes of stickers that shops in Vietnam sell, and some that make a design difficult.
var boxed = map[string]Measures{
	"a6-stickers":   {Paper: "a4", Columns: 2, Rows: 2, Left: 4.65, Top: 9.5, Width: 99.1, Height: 139, GapX: 2.5},
	"upright":       {Paper: "a4", Columns: 3, Rows: 3, Left: 6, Top: 7, Width: 64, Height: 93, GapX: 3, GapY: 2},
	"eight":         {Paper: "a4", Columns: 2, Rows: 4, Left: 4.65, Top: 13.1, Width: 99.1, Height: 67.7, GapX: 2.5},
	"fourteen":      {Paper: "a4", Columns: 2, Rows: 7, Left: 4.65, Top: 15.1, Width: 99.1, Height: 38.1, GapX: 2.5},
	"twenty-four":   {Paper: "a4", Columns: 3, Rows: 8, Left: 0, Top: 0.5, Width: 70, Height: 37},
	"small-upright": {Paper: "a4", Columns: 4, Rows: 4, Left: 5, Top: 6.5, Width: 50, Height: 71},
	"square":        {Paper: "a4", Columns: 3, Rows: 4, Left: 8, Top: 14.5, Width: 63, Height: 63, GapX: 2.5, GapY: 5},
	"small-square":  {Paper: "a4", Columns: 3, Rows: 5, Left: 20, Top: 13.5, Width: 51, Height: 51, GapX: 8.5, GapY: 3.75},
}

// every is each way to cut paper that a test of paper looks at.
func every(t testing.TB) []Sheet {
	t.Helper()
	all := append(Sheets(), slip)
	for _, name := range slices.Sorted(maps.Keys(boxed)) {
		s, err := Stickers(name, boxed[name])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, s)
	}
	return all
}
