package ledger

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"cho40/internal/fault"

	"github.com/xuri/excelize/v2"
)

// Headings one by one: what boards write over their columns.
func TestHeadings(t *testing.T) {
	t.Parallel()
	for role, list := range map[string]string{
		"ordinal": "STT|Stt.|TT|Số thứ tự|#|No.",
		"code": "Mã sạp|Ki-ốt số|Kiốt|Lô|Lô số|Sạp|Quầy số|Ô số|Gian hàng|Vị trí|Vị trí sạp|Mã vị trí|Mã điểm kinh doanh|Mã ĐKD|Số hiệu sạp|Ký hiệu|Mã|Stall No|Stall code|Code|" +
			"Booth|Kiosk|Số sạp/quầy|Tên quầy hàng|Mã mặt bằng|Mặt bằng số|Thớt số|Số phản|MA SAP|so quay|Số sạp / Stall No.",
		"vendor": "Họ tên|HỌ VÀ TÊN TIỂU THƯƠNG|Họ & tên|Họ, tên|Tên chủ sạp|Tiểu thương|Tên hộ KD|HKD|Chủ hộ|Người đại diện|Đại diện|Người bán hàng|Người đứng tên|Tên|" +
			"Tên đầy đủ|Khách hàng|Tên khách hàng|Vendor name|Trader|Full name|Name|ho ten chu ho|Hộ kinh doanh (chủ sạp)",
		"phone":                "SĐT|ĐT|Số ĐT|Điện thoại|ĐTDĐ|Số máy|Di động|Mobile|Phone No.|Tel.|SĐT (Zalo)|Số đt của chủ hộ|Điện thoại chủ hộ|SĐT người bán|Liên hệ|so dien thoai",
		"goods":                "Ngành hàng|Mặt hàng|Ngành hàng KD|Mặt hàng kinh doanh|Loại hàng hóa|Hàng bán|N.Hàng|Bán gì|Goods|Products|Business type|nganh nghe kd",
		"section":              "Khu|Khu vực kinh doanh|Khu/Dãy|Tầng|Nhà lồng|Phân khu|Khối|Cụm|Section|Zone",
		"aisle":                "Dãy|Dãy sạp|Row|Aisle",
		"holder":               "Chủ TK|Tên chủ tài khoản|Tên TK|Người thụ hưởng|Chủ ví|Account holder|holder",
		"provider":             "Ngân hàng|NH|Tên NH|Ngân hàng thụ hưởng|Loại ví|Ví|Ví điện tử|Ví/Ngân hàng|Nhà cung cấp|Đơn vị cung cấp|Bank|Wallet|provider|Hình thức thanh toán",
		"number":               "Số TK|STK|TKNH|Số TKNH|Tài khoản nhận tiền|Số ví|SĐT ví|Account number|Bank account|Số tài khoản/Số ví|Số TK ngân hàng",
		"number viettel_money": "STK Viettel Money|Ví Viettel|VTM|VTP|Viettel|Số TK Viettel|SĐT Viettel Money|ViettelPay/Viettel Money|Mobile Money Viettel|Viettel Money (số)",
		"number vnpt_money":    "Ví VNPT|VNPT|TK VNPT Money|Ví VNPT Money (SĐT)|VNPT Pay|VNPT Pay/VNPT Money",
		"number vba":           "Agribank|Agribank (STK)|Số tài khoản Agribank|Ngân hàng Nông nghiệp",
		"private":              "CCCD|Số CCCD/CMND|Ngày sinh|Năm sinh|Dân tộc",
		"": "Ghi chú|Diện tích (m2)|Ngày thuê|Địa chỉ|Giới tính|Tiền thuê/tháng|Số hợp đồng|MST|Hộ khẩu|Hạng sạp|Loại sạp|Người phụ trách|Người thu phí|SĐT người nhà|Người liên hệ|" +
			"Số lượng sạp|Email|Ký nhận|Trạng thái|Có QR chưa|Phí chợ",
	} {
		for _, h := range strings.Split(list, "|") {
			g := classify(h)
			if got := strings.TrimSpace(string(g.role) + " " + g.provider); got != role {
				t.Errorf("%q is %q, want %q", h, got, role)
			}
		}
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, csv, want string }{
		{"the columns of our own export, English", `
			id;code;section;goods;vendor;phone;provider;number;holder
			0193C5E0-0000-7000-8000-000000000001;A-1;Khu A;rau;Lý Tâm;0912345678;viettel_money;0912345678;LY TAM`,
			`2 A-1|Khu A|rau|Lý Tâm|0912345678|viettel_money=0912345678|LY TAM #0193c5e0-0000-7000-8000-000000000001`},
		{"an ID that is the only code is the code", `
			ID;Họ tên
			17;Lý Tâm`,
			`2 17|||Lý Tâm||`},
		{"an ID of somebody else's is not ours", `
			ID;Mã sạp;Họ tên
			17;A1;Lý Tâm`,
			`2 A1|||Lý Tâm||`},
		{"accounts in one cell, in every way", `
			Số sạp;Họ tên;Ví
			1;Lý Tâm;VTM: 0912345678 / VNPT: 0387654321
			2;Lê Lan;"VTM 0912345678, VCB 0071000123456"
			3;Lê Na;0912345678 - Viettel Money
			4;Lê Tư;Viettel/VNPT: 0912345678
			5;Lê Năm;"Viettel Money: 0912345678
VNPT Money: 0387654321"
			6;Lê Sáu;Viettel Money - 0912.345.678 - LE THI SAU
			7;Lê Bảy;STK: 0071000123456 tại Vietcombank, CN Cần Thơ
			8;Lê Tám;VCB - CN Cần Thơ - 0071000123456
			9;Lê Chín;MB 0912345678 Lê Thị Chín
			10;Lê Mười;MB 0912345678 đã đóng`,
			`2 1|||Lý Tâm||viettel_money=0912345678 vnpt_money=0387654321
			3 2|||Lê Lan||viettel_money=0912345678 vcb=0071000123456
			4 3|||Lê Na||viettel_money=0912345678
			5 4|||Lê Tư|| !account-unclear
			6 5|||Lê Năm||viettel_money=0912345678 vnpt_money=0387654321
			7 6|||Lê Sáu||viettel_money=0912345678|LE THI SAU
			8 7|||Lê Bảy||vcb=0071000123456
			9 8|||Lê Tám||vcb=0071000123456
			10 9|||Lê Chín||mb=0912345678|Lê Thị Chín
			11 10|||Lê Mười|| !account-unclear`},
		{"a mark for a wallet that is the phone", `
			Sạp;Chủ sạp;Điện thoại;VTM;VNPT;STK;NH
			1;Lý Tâm;0912345678;0912345678;x;0071000123456;VCB`,
			`2 1|||Lý Tâm|0912345678|viettel_money=0912345678 vcb=0071000123456 !number-missing ?0912345678`},
		{"bare words below groups", `
			STT;Sạp;;Chủ sạp;;Ví 1;;Ví 2;
			;Dãy;Số;Họ tên;SĐT;Loại;Số;Loại;Số
			1;A;01;Lý Tâm;0912345678;Viettel Money;0912345678;VNPT Money;0387654321`,
			`3 01|A||Lý Tâm|0912345678|viettel_money=0912345678 vnpt_money=0387654321`},
		{"three groups of headings", `
			STT;Thông tin sạp;;;Thông tin tiểu thương;;Tài khoản ngân hàng;;Ví điện tử;
			;Khu;Số;Mặt hàng;Họ tên;SĐT;Tên NH;Số TK;Loại ví;Số ví
			1;A;01;Rau;Lý Tâm;0912345678;VCB;0071000123456;Momo;0912345678`,
			`3 01|A|Rau|Lý Tâm|0912345678|vcb=0071000123456 momo=0912345678`},
		{"family name and given name", `
			Sạp;Họ và tên đệm;Tên;SĐT
			1;Lý Minh;Tâm;0912345678
			2;;;
			3;Lê Thị;;`,
			`2 1|||Lý Minh Tâm|0912345678|
			3 2|||||
			4 3|||Lê Thị||`},
		{"family name and given name, English", `
			Stall;Surname;First name
			1;Ly Minh;Tam`,
			`2 1|||Ly Minh Tam||`},
		{"a second phone where the first is not", `
			Số sạp;Họ tên;SĐT 1;SĐT 2
			1;Lý Tâm;0912345678;0387654321
			2;Lê Lan;-;0387654322
			3;Lê Na;;`,
			`2 1|||Lý Tâm|0912345678|
			3 2|||Lê Lan|0387654322|
			4 3|||Lê Na||`},
		{"phones with words around", `
			Sạp;Tên;SĐT
			1;Lý Tâm;ĐT: 0912345677
			2;Lê Lan;091 234 5676 (Zalo)
			3;Lê Na;0912345670.
			4;Lê Bé;84912345678
			5;Lê Tư;0912345678 gọi sau 5 giờ
			6;Lê Sáu;01234567890
			7;Lê Bảy;0293 3876543`,
			`2 1|||Lý Tâm|0912345677|
			3 2|||Lê Lan|0912345676|
			4 3|||Lê Na|0912345670|
			5 4|||Lê Bé|0912345678|
			6 5|||Lê Tư|| !phone-bad
			7 6|||Lê Sáu|| !phone-bad
			8 7|||Lê Bảy|| !phone-bad`},
		{"several stalls in one cell", `
			Sạp;Họ tên
			A1, A2;Lý Tâm
			A3-A4;Lê Lan
			A5+A6;Lê Na
			12 và 13;Lê Bé
			A1-01;Lê Tư
			12/3;Lê Sáu
			A-12;Lê Bảy`,
			`2 A1, A2|||Lý Tâm|| !stall-code-several
			3 A3-A4|||Lê Lan|| !stall-code-several
			4 A5+A6|||Lê Na|| !stall-code-several
			5 12 và 13|||Lê Bé|| !stall-code-several
			6 A1-01|||Lê Tư||
			7 12/3|||Lê Sáu||
			8 A-12|||Lê Bảy||`},
		{"headings on each printed page, footnotes", `
			Mã quầy;Tên;ĐT
			A1;Lý Tâm;0912345678
			Mã quầy;Tên;ĐT
			A2;Lê Lan;0912345679
			Trang 1/2;;
			MÃ QUẦY;TÊN;ĐT
			A3;Lê Na;0912345670
			(*) Sạp đang sửa chữa;;
			* Số liệu của tổ quản lý;;
			Các sạp chưa có mã được ghi riêng ở sổ khác;;
			- Sạp trống: 3;;`,
			`2 A1|||Lý Tâm|0912345678|
			4 A2|||Lê Lan|0912345679|
			7 A3|||Lê Na|0912345670|`},
		{"a second account in a line of its own", `
			STT;Quầy;Tên hộ;Số điện thoại;Ngân hàng;Số tài khoản
			1;A1;Lý Tâm;0912345678;Viettel Money;0912345678
			;;;;VNPT Money;0387654321
			2;A2;Lê Lan;;;
			;;;;BIDV;
			3;A3;Lê Na;;;`,
			`2 A1|||Lý Tâm|0912345678|viettel_money=0912345678 vnpt_money=0387654321 ~account-continued
			4 A2|||Lê Lan||
			5 ||||| !stall-code-missing !number-missing
			6 A3|||Lê Na||`},
		{"wallets and numbers counted in English", `
			Stall;Name;Phone;Wallet 1;Number 1;Wallet 2;Number 2
			A1;Ly Tam;0912345678;Viettel Money;0912345678;VNPT Money;0387654321`,
			`2 A1|||Ly Tam|0912345678|viettel_money=0912345678 vnpt_money=0387654321`},
		{"a holder for each account", `
			Sạp;Họ tên;Ngân hàng 1;Số TK 1;Chủ TK 1;Ngân hàng 2;Số TK 2;Chủ TK 2
			1;Lý Tâm;VCB;0071000123456;LY TAM;BIDV;12345678901;LE LAN`,
			`2 1|||Lý Tâm||vcb=0071000123456(LY TAM) bidv=12345678901(LE LAN)|LY TAM`},
		{"a section above each block of headings", `
			KHU A
			Mã sạp;Tên;SĐT
			A1;Lý Tâm;0912345678

			KHU B
			Mã sạp;Tên;SĐT
			B1;Lê Lan;0912345679`,
			`3 A1|Khu A||Lý Tâm|0912345678|
			7 B1|Khu B||Lê Lan|0912345679|`},
		{"a title above the only headings is no section", `
			KHU PHỐ CHỢ
			Mã sạp;Tên
			A1;Lý Tâm`,
			`3 A1|||Lý Tâm||`},
		{"closed for now is vacant", `
			Sạp;Tên
			1;Đóng cửa
			2;Tạm nghỉ
			3;Đã trả mặt bằng
			4;Chưa có người kinh doanh
			5;Đóng Văn Cửa`,
			`2 1|||||
			3 2|||||
			4 3|||||
			5 4|||||
			6 5|||Đóng Văn Cửa||`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, err := Read(t.Context(), "so.csv", strings.NewReader(unindent(tt.csv)), DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, r := range l.Rows {
				s := brief(r)
				for _, a := range r.Accounts {
					if a.Holder != "" {
						s = strings.Replace(s, a.Number, a.Number+"("+a.Holder+")", 1)
					}
				}
				if r.ID != "" {
					s += " #" + r.ID
				}
				lines = append(lines, s)
			}
			if got, want := strings.Join(lines, "\n"), unindent(tt.want); got != want {
				t.Errorf("got\n%s\nwant\n%s\ncolumns %+v", got, want, l.Columns)
			}
		})
	}
}

func TestMergedKinds(t *testing.T) {
	t.Parallel()
	merge := func(f *excelize.File, from, to string) { must(f.MergeCell("Sheet1", from, to)) }
	for _, tt := range []struct {
		name string
		fill func(f *excelize.File)
		want string
	}{
		{"a stall over two lines, an account in each", func(f *excelize.File) {
			put(f, "A1", "STT", "Số sạp", "Họ tên", "SĐT", "Ví", "Số ví")
			put(f, "A2", 1, "A1", "Lý Tâm", "0912345678", "Viettel Money", "0912345678")
			put(f, "E3", "VNPT Money", "0387654321")
			for _, c := range "ABCD" {
				merge(f, string(c)+"2", string(c)+"3")
			}
			put(f, "A4", 2, "A2", "Lê Lan", "0912345679")
		}, "2 A1|||Lý Tâm|0912345678|viettel_money=0912345678 vnpt_money=0387654321 ~account-continued\n4 A2|||Lê Lan|0912345679|"},
		{"a code over two lines with two vendors is a question", func(f *excelize.File) {
			put(f, "A1", "Số sạp", "Họ tên")
			put(f, "A2", "A1", "Lý Tâm")
			put(f, "B3", "Lê Lan")
			merge(f, "A2", "A3")
		}, "2 A1|||Lý Tâm||\n3 A1|||Lê Lan|| !stall-twice"},
		{"headings merged down and across", func(f *excelize.File) {
			put(f, "A1", "DANH SÁCH TIỂU THƯƠNG CHỢ")
			merge(f, "A1", "H1")
			put(f, "A3", "STT", "Mã sạp", "Họ tên", "SĐT", "Tài khoản nhận tiền", nil, nil, "Ghi chú")
			put(f, "E4", "Viettel Money", "VNPT Money", "Vietcombank")
			merge(f, "E3", "G3")
			for _, c := range "ABCDH" {
				merge(f, string(c)+"3", string(c)+"4")
			}
			put(f, "A5", 1, "A1", "Lý Tâm", "0912345678", "0912345678", nil, "0071000123456", "x")
		}, "5 A1|||Lý Tâm|0912345678|viettel_money=0912345678 vcb=0071000123456"},
		{"sections merged down the first column", func(f *excelize.File) {
			put(f, "A1", "Khu", "Sạp", "Tên")
			for i := range 6 {
				put(f, fmt.Sprintf("B%d", i+2), fmt.Sprintf("S%d", i+1), "Lý Tâm")
			}
			put(f, "A2", "Khu A")
			put(f, "A5", "Khu B")
			merge(f, "A2", "A4")
			merge(f, "A5", "A7")
		}, "2 S1|Khu A||Lý Tâm||\n3 S2|Khu A||Lý Tâm||\n4 S3|Khu A||Lý Tâm||\n5 S4|Khu B||Lý Tâm||\n6 S5|Khu B||Lý Tâm||\n7 S6|Khu B||Lý Tâm||"},
		{"a merged title with a tally, and a total", func(f *excelize.File) {
			put(f, "A1", "TT", "Quầy", "Chủ hộ")
			put(f, "A2", "I. KHU RAU (1 quầy)")
			merge(f, "A2", "C2")
			put(f, "A3", 1, "R1", "Lý Tâm")
			put(f, "A4", "Cộng khu rau: 1")
			merge(f, "A4", "C4")
			put(f, "A5", "II. KHU CÁ")
			merge(f, "A5", "C5")
			put(f, "A6", 2, "C1", "Lê Lan")
		}, "3 R1|Khu rau||Lý Tâm||\n6 C1|Khu cá||Lê Lan||"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, err := Read(t.Context(), "so.xlsx", bytes.NewReader(xlsx(t, tt.fill)), DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			if got := briefs(l); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s\ncolumns %+v", got, tt.want, l.Columns)
			}
		})
	}
}

// What a person says of columns, by heading, by letter, and of the row of headings.
func TestMapping(t *testing.T) {
	t.Parallel()
	const odd = "Sổ chợ năm nay\n\nMốc;Ai;Gọi;Tiền về\nA1;Lý Tâm;0912345678;0912345678\nA2;Lê Lan;;"
	const none = "A1;Lý Tâm;0912345678\nA2;Lê Lan;0912345679"
	const want = "4 A1|||Lý Tâm|0912345678|viettel_money=0912345678\n5 A2|||Lê Lan||"
	for _, tt := range []struct{ name, text, as, want string }{
		{"by heading", odd, "Mốc=code, ai=vendor, GỌI=phone, tien ve=viettel_money", want},
		{"by letter", odd, "Cột A=code, column B=vendor; c=phone, D=Viettel Money", want},
		{"by both", odd, "Mốc=code, B=vendor, C=phone, D=VTM", want},
		{"by both, a heading of two letters", odd, "A=code, ai=vendor, C=phone, D=VTM", want},
		{"with the row of headings", odd, "heading=3, A=code, B=vendor, C=phone, D=VTM", want},
		{"without headings", none, "A=code, B=vendor, C=phone", "1 A1|||Lý Tâm|0912345678|\n2 A2|||Lê Lan|0912345679|"},
		{"without headings, said so", none, "heading=0, A=code, B=vendor", "1 A1|||Lý Tâm||\n2 A2|||Lê Lan||"},
		{"over what was guessed", "Mã sạp;Họ tên;Mặt hàng;Ghi chú\n1;Lý Tâm;rau;0912345678", "Ghi chú=phone, Mặt hàng=unread", "2 1|||Lý Tâm|0912345678|"},
		{"two rows of headings", "Sạp;Người;;\n;Tên;Gọi;Ví\n1;Lý Tâm;0912345678;MoMo 0912345679", "C=phone, D=account", "3 1|||Lý Tâm|0912345678|momo=0912345679"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			as, err := ParseMapping(tt.as)
			if err != nil {
				t.Fatal(err)
			}
			for _, as := range []Mapping{as, Mapping{}.Over(as)} {
				l, err := ReadAs(t.Context(), "so.csv", strings.NewReader(tt.text), DefaultLimits, as)
				if err != nil {
					t.Fatal(err)
				}
				if got := briefs(l); got != tt.want {
					t.Errorf("got\n%s\nwant\n%s\ncolumns %+v", got, tt.want, l.Columns)
				}
				if slices.ContainsFunc(l.Columns, func(c Column) bool { return c.Letter() == "D" && !c.Told && c.Role == Number }) {
					t.Errorf("what was said counts as guessed: %+v", l.Columns)
				}
			}
		})
	}
	for _, bad := range []string{"C", "C=doctor", "heading=21,A=code", "heading=x", "=code"} {
		if _, err := ParseMapping(bad); fault.CodeOf(err) != "mapping-invalid" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if got := (Mapping{"Mốc": "code", "C": "phone"}).Over(Mapping{"moc": Guessed, "cột c": "goods"}); !maps.Equal(got, Mapping{"C": "goods"}) {
		t.Errorf("laid over: %v", got)
	}
}

// A column of accounts at a wallet that nobody knows is not passed over in silence.
func TestUnknownWallet(t *testing.T) {
	t.Parallel()
	l, err := Read(t.Context(), "so.csv", strings.NewReader("Sạp;Tên;Số ZaloPay;Đơn vị tính;Vị trí;Ghi chú ví\n1;Lý Tâm;0912345678;;;"), DefaultLimits)
	if err != nil || len(l.Notes) != 1 || l.Notes[0].Code != "column-unknown" || l.Notes[0].Column != "Số ZaloPay" {
		t.Errorf("%v, %+v", err, l.Notes)
	}
}

// A table that was kept is read as the file was, and cells typed anew count as typed.
func TestTableKept(t *testing.T) {
	t.Parallel()
	data := xlsx(t, func(f *excelize.File) {
		put(f, "A1", "Sạp", "Họ tên", "CCCD", "SĐT", "Viettel Money")
		put(f, "A2", "1", "Lý Tâm", "001090123456", 912345678, 912345678)
		put(f, "A3", "2", nil, nil, "0912", "0912345679")
		put(f, "A4", "3", "Lê Na")
		must(f.MergeCell("Sheet1", "B4", "B5"))
		put(f, "A5", "4")
	})
	table, err := Open(t.Context(), "so.xlsx", bytes.NewReader(data), DefaultLimits, nil)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := table.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var back Table
	if err := back.UnmarshalBinary(packed); err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprint(back.Cells(2)); strings.Contains(s, "001090123456") || !strings.Contains(s, "Lý Tâm") {
		t.Errorf("kept: %s", s)
	}
	const faulty = "2 1|||Lý Tâm|0912345678| !account-number-cell ?0912345678 ~phone-lost-zero\n3 2|||||viettel_money=0912345679 !phone-bad !vendor-missing\n4 3|||Lê Na||\n5 4|||Lê Na||"
	for _, tt := range []struct {
		name   string
		mended Mended
		want   string
	}{
		{"as it was", nil, faulty},
		{"typed anew", Mended{2: {4: "0912345678"}, 3: {1: "Lê Lan", 3: ""}}, "2 1|||Lý Tâm|0912345678|viettel_money=0912345678 ~phone-lost-zero\n3 2|||Lê Lan||viettel_money=0912345679\n4 3|||Lê Na||\n5 4|||Lê Na||"},
		{"typed wrong again", Mended{2: {4: "=1+1"}, 3: {1: "17", 3: "0913"}, 4: {0: "1"}}, "2 1|||Lý Tâm|0912345678| !formula-cell ~phone-lost-zero\n3 2|||||viettel_money=0912345679 !vendor-bad !phone-bad\n4 1|||Lê Na|| !stall-twice\n5 4|||Lê Na||"},
		{"the name of merged cells", Mended{4: {1: "Lê Bé"}}, strings.ReplaceAll(faulty, "Lê Na", "Lê Bé")},
		{"past the last column", Mended{4: {9: "x"}}, faulty},
	} {
		for _, from := range []*Table{table, &back} {
			l, err := from.Read(t.Context(), nil, tt.mended)
			if err != nil {
				t.Fatal(err)
			}
			if got := briefs(l); got != tt.want {
				t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
			}
		}
	}
	if _, err := table.Read(t.Context(), nil, Mended{2: {1: strings.Repeat("a", 1_001)}}); fault.CodeOf(err) != "ledger-cell-too-long" {
		t.Errorf("a cell too long: %v", err)
	}
}

// What we write comes back as it was, and nothing of it runs in a spreadsheet.
func TestWritten(t *testing.T) {
	t.Parallel()
	rows := [][]string{{"Số sạp", "Họ tên", "SĐT", "Viettel Money"}, {"007", "Lý <Tâm> & \"Bé\"", "0912345678", "0912345678"}, {"-2", "=HYPERLINK(1)", "+84912345679", ""}}
	var text, book bytes.Buffer
	must(WriteText(&text, rows))
	must(WriteWorkbook(&book, rows))
	const want = "2 007|||Lý <Tâm> & \"Bé\"|0912345678|viettel_money=0912345678\n3 ||||0912345679| !formula-cell !formula-cell"
	for name, b := range map[string]*bytes.Buffer{"so.csv": &text, "so.xlsx": &book} {
		l, err := Read(t.Context(), name, bytes.NewReader(b.Bytes()), DefaultLimits)
		if err != nil {
			t.Fatal(name, err)
		}
		if got := briefs(l); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
	f, err := excelize.OpenReader(&book)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if s, err := f.GetCellValue("Sổ", "A2"); s != "007" || err != nil {
		t.Errorf("another reader sees %q, %v", s, err)
	}
	for _, s := range []string{"=1", " =1", "+1", "-1", "@x", "|x", "%x", "\tx", "＝1", "＋1", "－1", "＠x", "\u3000=1"} {
		if got := Harmless(s); got != "'"+s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

// No combination of a heading and its neighbours makes the reader fall over.
func TestAnyHeadings(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 0))
	words := strings.Split("Mã sạp|Họ tên|Số|Ví|Số ví|Chủ TK|Tên|Họ|SĐT|ĐT 2|Khu|Dãy|Lô|ID|Number|Ngân hàng|Viettel Money|VCB|Loại|Ghi chú||CCCD|Tài khoản|STT", "|")
	for range 200 {
		var b strings.Builder
		for range 3 {
			for range 1 + r.IntN(9) {
				b.WriteString(words[r.IntN(len(words))] + ";")
			}
			b.WriteString("\n")
		}
		b.WriteString("A1;Lý Tâm;0912345678;MoMo;0912345678;1;2;3\n")
		as := Mapping{}
		if r.IntN(2) == 0 {
			as[string(rune('A'+r.IntN(12)))] = string(roles[r.IntN(len(roles))])
			as[words[r.IntN(len(words))]] = "momo"
		}
		if _, err := ReadAs(t.Context(), "so.csv", strings.NewReader(b.String()), DefaultLimits, as); err != nil && fault.KindOf(err) == fault.Unknown {
			t.Fatalf("%q as %v: %v", b.String(), as, err)
		}
	}
}
