package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cho40/internal/fault"

	"github.com/xuri/excelize/v2"
)

// brief writes a row on one line: number, code, section, goods, vendor, phone, accounts, holder; ! faults, ~ warnings.
func brief(r Row) string {
	s := fmt.Sprintf("%d %s|%s|%s|%s|%s|", r.Row, r.Code, r.Section, r.Goods, r.Vendor, r.Phone)
	for i, a := range r.Accounts {
		s += strings.Repeat(" ", min(i, 1)) + a.Provider + "=" + a.Number
	}
	if r.Holder != "" {
		s += "|" + r.Holder
	}
	for _, f := range r.Faults {
		s += " !" + f.Code
		if f.Column == "" || f.Row != r.Row || f.Detail.Format == "" {
			s += " (without its place)"
		}
	}
	for _, p := range r.Proposed {
		s += " ?" + p.Number
	}
	for _, f := range r.Warnings {
		s += " ~" + f.Code
	}
	return s
}

func briefs(l Ledger) string {
	var lines []string
	for _, r := range l.Rows {
		lines = append(lines, brief(r))
	}
	return strings.Join(lines, "\n")
}

// unindent takes the tabs off the lines of a test's text, and "→" for a tab within.
func unindent(s string) string {
	lines := strings.Split(strings.Trim(s, "\n\t"), "\n")
	for i := range lines {
		lines[i] = strings.TrimLeft(lines[i], "\t")
	}
	return strings.Join(lines, "\n")
}

func TestLayouts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, csv, want string }{
		{"English, any order", `
			Phone,Vendor name,Goods,Stall no.,Wallet,Wallet number
			0912345678,Lý Minh Tâm,rau,A-12,viettel_money,0912345678`,
			`2 A-12||rau|Lý Minh Tâm|0912345678|viettel_money=0912345678`},
		{"without accents, capitals", `
			MA QUAY;HO VA TEN;SO DIEN THOAI;VI;SO VI
			a1;Ly Minh Tam;0912 345 678;vnpt pay;0912.345.678`,
			`2 a1|||Ly Minh Tam|0912345678|vnpt_money=0912345678`},
		{"number before provider, two pairs by kind", `
			Sạp;Tên;Số TK;Ngân hàng;Số ví;Ví điện tử
			1;Lý Tâm;0071000123456;VCB;0912345678;MoMo`,
			`2 1|||Lý Tâm||vcb=0071000123456 momo=0912345678`},
		{"providers first, then numbers", `
			Sạp;Tên;Ví điện tử;Ngân hàng;Số tài khoản ngân hàng;Số ví
			1;Lý Tâm;Viettel Money;VCB;0071000123456;0912345678`,
			`2 1|||Lý Tâm||viettel_money=0912345678 vcb=0071000123456`},
		{"two wallets numbered", `
			Sạp;Tên;Ví 1;Số ví 1;Ví 2;Số ví 2
			1;Lý Tâm;VNPT Money;0912345678;Viettel Money;0387654321
			2;Lê Lan;VNPT Money;0912345679;;`,
			`2 1|||Lý Tâm||vnpt_money=0912345678 viettel_money=0387654321
			3 2|||Lê Lan||vnpt_money=0912345679`},
		{"wallets in the order of the columns", `
			Sạp;Tên;VNPT Money;Vietcombank;Viettel Money
			1;Lý Tâm;0912345678;0071000123456;0912345678`,
			`2 1|||Lý Tâm||vnpt_money=0912345678 vcb=0071000123456 viettel_money=0912345678`},
		{"names in one cell, one phone", `
			Sạp;Tên;Ví điện tử;Số ví
			1;Lý Tâm;"VNPT Money, Viettel Money";0912345678
			2;Lê Lan;Viettel Money + VNPT Money;0912345678
			3;Lê Na;Viettel Money và MB Bank;0912345678; 
			4;Lê Bé;Viettel Money / MB Bank;0912345678 / 0123456789`,
			`2 1|||Lý Tâm||vnpt_money=0912345678 viettel_money=0912345678
			3 2|||Lê Lan||viettel_money=0912345678 vnpt_money=0912345678
			4 3|||Lê Na|| !account-several
			5 4|||Lê Bé||viettel_money=0912345678 mb=0123456789`},
		{"all in one account column", `
			Sạp;Tên;Tài khoản nhận tiền
			1;Lý Tâm;Viettel Money: 0912345678
			2;Lê Lan;Vietcombank 0071000123456 - LE THI LAN
			3;Lê Na;0912 345 678 (VNPT Money)
			4;Lê Bé;"VCB: 0071000123456; Viettel Money: 0912345678"
			5;Lê Tư;STK 0071000123456 ngân hàng Vietcombank
			6;Lê Năm;0912345678
			7;Lê Sáu;Viettel Money
			8;Lê Bảy;Viettel Money 0912345678 đã khóa
			9;Lê Tám;Viettel hoặc Vietcombank 0912345678
			10;Lê Chín;không có`,
			`2 1|||Lý Tâm||viettel_money=0912345678
			3 2|||Lê Lan||vcb=0071000123456|LE THI LAN
			4 3|||Lê Na||vnpt_money=0912345678
			5 4|||Lê Bé||vcb=0071000123456 viettel_money=0912345678
			6 5|||Lê Tư||vcb=0071000123456
			7 6|||Lê Năm|| !provider-missing
			8 7|||Lê Sáu|| !number-missing
			9 8|||Lê Bảy|| !account-unclear
			10 9|||Lê Tám|| !account-unclear
			11 10|||Lê Chín||`},
		{"wallet column that holds all", `
			Sạp;Tên;Ví điện tử
			1;Lý Tâm;Viettel Money 0912345678
			2;Lê Lan;0912345678
			3;Lê Na;MoMo`,
			`2 1|||Lý Tâm||viettel_money=0912345678
			3 2|||Lê Lan|| !provider-missing
			4 3|||Lê Na|| !number-missing`},
		{"holder column", `
			Sạp;Tên;Ngân hàng;Số tài khoản;Chủ tài khoản
			1;Lý Tâm;BIDV;12345678901;LY MINH TAM`,
			`2 1|||Lý Tâm||bidv=12345678901|LY MINH TAM`},
		{"section and row", `
			Khu;Dãy;Số sạp;Tên
			Khu A;1;A1-01;Lý Tâm
			Khu B;Dãy 2;B2-01;Lê Lan`,
			`2 A1-01|Khu A, dãy 1||Lý Tâm||
			3 B2-01|Khu B, dãy 2||Lê Lan||`},
		{"a row alone is the section, also in capitals", `
			Dãy;Số sạp;Tên
			DÃY A;A1;Lý Tâm
			Dãy A;A2;Lê Lan`,
			`2 A1|Dãy A||Lý Tâm||
			3 A2|Dãy A||Lê Lan||`},
		{"Lô beside Số sạp is the section", `
			Lô;Số sạp;Tên
			Lô 3;17;Lý Tâm`,
			`2 17|Lô 3||Lý Tâm||`},
		{"section named once and meant for those below", `
			Khu;Số sạp;Tên
			Khu A;A1;Lý Tâm
			;A2;Lê Lan
			;A3;Lê Na
			Khu B;B1;Lê Bé
			;B2;Lê Tư`,
			`2 A1|Khu A||Lý Tâm||
			3 A2|Khu A||Lê Lan||
			4 A3|Khu A||Lê Na||
			5 B1|Khu B||Lê Bé||
			6 B2|Khu B||Lê Tư||`},
		{"a gap in a full section column stays", `
			Khu;Số sạp;Tên
			Khu A;A1;Lý Tâm
			Khu A;A2;Lê Lan
			;A3;Lê Na`,
			`2 A1|Khu A||Lý Tâm||
			3 A2|Khu A||Lê Lan||
			4 A3|||Lê Na||`},
		{"titles, sections, totals, notes, signatures", `
			UBND PHƯỜNG VỊ TÂN;;;;
			DANH SÁCH SẠP VÀ TIỂU THƯƠNG CHỢ;;;;
			;;;;
			TT;Số sạp;Họ tên;Mặt hàng;SĐT
			(1);(2);(3);(4);(5)
			I;KHU RAU CỦ (2 sạp);;;
			1;A1;Lý Tâm;Rau;0912345678
			2;A2;Tống Văn Cộng;Củ;
			;Cộng khu A;2 sạp;;
			II. KHU CÁ;;;;
			TT;Số sạp;Họ tên;Mặt hàng;SĐT
			1;B1;Trọng;Cá;0912345679
			2;;;;
			;Tổng cộng:;3 sạp;;
			Ghi chú: sạp B1 đang sửa;;;;
			;;;Vị Tân, ngày 15 tháng 3 năm 2026;
			;Người lập;;Trưởng ban;
			;;;;
			;;Nguyễn Văn Bình;Trần Thị Hoa;`,
			`7 A1|Khu rau củ|Rau|Lý Tâm|0912345678|
			8 A2|Khu rau củ|Củ|Tống Văn Cộng||
			12 B1|Khu cá|Cá|Trọng|0912345679|`},
		{"vacant in many words", `
			Quầy;Tên hộ;SĐT;Ví;Số ví
			1;(trống);;;
			2;Chưa thuê;-;;
			3;bỏ trống;không;Không;
			4;-;;;
			5;x;;;
			6;TRỐNG;;;
			7;chua thue;;;
			8;Trống - đang sửa;;;
			9;…;;;
			10;Vacant;;;
			11;;;;
			12;Trọng;;;
			13;Chu Văn An;;;
			14;Sạp trống;;;`,
			`2 1|||||
			3 2|||||
			4 3|||||
			5 4|||||
			6 5|||||
			7 6|||||
			8 7|||||
			9 8|||||
			10 9|||||
			11 10|||||
			12 11|||||
			13 12|||Trọng||
			14 13|||Chu Văn An||
			15 14|||||`},
		{"two rows of headings", `
			TT;Số sạp;Hộ kinh doanh;;Ví điện tử;;Ghi chú
			;;Họ tên;Điện thoại;Viettel Money;VNPT Money;
			1;A1;Lý Tâm;0912345678;0912345678;;
			2;A2;Lê Lan;0912345679;;0912345679;`,
			`3 A1|||Lý Tâm|0912345678|viettel_money=0912345678
			4 A2|||Lê Lan|0912345679|vnpt_money=0912345679`},
		{"two rows of headings, bank below", `
			Điểm kinh doanh;;Tiểu thương;Tài khoản nhận tiền;
			Khu;Số sạp;;Ngân hàng;Số tài khoản
			Khu A;A1;Lý Tâm;VCB;0071000123456`,
			`3 A1|Khu A||Lý Tâm||vcb=0071000123456`},
		{"Excel's separator hint is no row", "sep=;\nSạp;Tên\n1;Lý Tâm", `2 1|||Lý Tâm||`},
		{"quotes, line breaks, blank lines count as rows", "Sạp,Tên,Mặt hàng\n\n1,\"Lý \"\"Bé\"\" Tâm\",\"Cá,\r\ntôm\"\r\n\r\n2,Lê \"Na\" Lan,x", "3 1||Cá, tôm|Lý \"Bé\" Tâm||\n5 2||x|Lê \"Na\" Lan||"},
		{"tabs", "Sạp\tTên\tĐT\r\n1\tLý Tâm\t0912345678\r\n", `2 1|||Lý Tâm|0912345678|`},
		{"identity papers are not read", `
			Sạp;Tên;CCCD;Năm sinh
			1;Lý Tâm;001090123456;1990`,
			`2 1|||Lý Tâm||`},
		{"older names and BINs", `
			Sạp;Tên;Ví;Số ví
			1;Lý Tâm;ViettelPay;0912345678
			2;Lê Lan;971011;0912345678
			3;Lê Na;Ngân hàng Nông nghiệp;5400205123456`,
			`2 1|||Lý Tâm||viettel_money=0912345678
			3 2|||Lê Lan||vnpt_money=0912345678
			4 3|||Lê Na||vba=5400205123456`},
		{"NFD becomes NFC, odd blanks single", "Sa\u0323p,Te\u0302n\n1,Ly\u0301\u00a0  Ta\u0302m", "2 1|||Lý Tâm||"},
		{"the apostrophe that an export puts in front", `
			Sạp;Tên;ĐT;Viettel Money
			'1;Lý Tâm;'0912345678;'0912345678`,
			`2 1|||Lý Tâm|0912345678|viettel_money=0912345678`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, err := Read(t.Context(), "so.csv", strings.NewReader(unindent(tt.csv)), DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := briefs(l), unindent(tt.want); got != want {
				t.Errorf("got\n%s\nwant\n%s\ncolumns %+v", got, want, l.Columns)
			}
		})
	}
}

func TestRowFaults(t *testing.T) {
	t.Parallel()
	const head = "Sạp;Tên;ĐT;Ví;Số ví;Vietcombank;Mặt hàng\n"
	for _, tt := range []struct{ name, row, want string }{
		{"no stall code, a surname like a section", ";Lô Văn Bình", "2 |||Lô Văn Bình|| !stall-code-missing"},
		{"no stall code", ";Lý Tâm;;;;;", "2 |||Lý Tâm|| !stall-code-missing"},
		{"code twice", "A 1;Lý Tâm\na1;Lê Lan", "2 A 1|||Lý Tâm||\n3 a1|||Lê Lan|| !stall-twice"},
		{"code too long", strings.Repeat("A", 21) + ";Lý Tâm", "2 |||Lý Tâm|| !stall-code-too-long"},
		{"name of 121 characters", "1;" + strings.Repeat("ơ", 121), "2 1||||| !vendor-too-long"},
		{"name of 120 characters", "1;" + strings.Repeat("ơ", 120), "2 1|||" + strings.Repeat("ơ", 120) + "||"},
		{"name of digits", "1;12345", "2 1||||| !vendor-bad"},
		{"name like a formula", "1;=HYPERLINK(1)", "2 1||||| !formula-cell"},
		{"name like a formula, full width", "1;＝1+1", "2 1||||| !formula-cell"},
		{"name like a command", "1;@SUM(A1)", "2 1||||| !formula-cell"},
		{"name like a formula, quoted by an export", "1;'=1+1", "2 1||||| !formula-cell"},
		{"phone that our own list hides", "1;Lý Tâm;09•• ••• 678", "2 1|||Lý Tâm|| ~phone-masked"},
		{"phone hidden by somebody else", "1;Lý Tâm;0912xxx678", "2 1|||Lý Tâm|| !phone-bad"},
		{"wallet that our own list hides", "1;Lý Tâm;;Viettel Money;09•• ••• 678", "2 1|||Lý Tâm|| ~account-masked"},
		{"bank account that our own list hides", "1;Lý Tâm;;;;•••• 4567", "2 1|||Lý Tâm|| ~account-masked"},
		{"account with dots before it", "1;Lý Tâm;;;;•• 4567", "2 1|||Lý Tâm|| !account-bad"},
		{"goods like a formula", "1;Lý Tâm;;;;;=1+1", "2 1|||Lý Tâm|| !formula-cell"},
		{"goods with a dash are goods", "1;Lý Tâm;;;;;-rau", "2 1||-rau|Lý Tâm||"},
		{"direction turned", "1;Lý \u202eTâm", "2 1||||| !bad-character"},
		{"zero width", "1;Lý\u200bTâm", "2 1||||| !bad-character"},
		{"broken letters", "1;Lý T\ufffdm", "2 1||||| !bad-character"},
		{"control sign", "1;Lý\x01 Tâm", "2 1||||| !bad-character"},
		{"heap of marks", "1;Ta" + strings.Repeat("\u0301", 9) + "m", "2 1||||| !bad-character"},
		{"hidden sign in an account", "1;Lý Tâm;;VCB;007\u200b1000123456", "2 1|||Lý Tâm|| !bad-character"},
		{"phone lost its zero", "1;Lý Tâm;912345678", "2 1|||Lý Tâm|0912345678| ~phone-lost-zero"},
		{"phone of a foreign shape", "1;Lý Tâm;0112345678", "2 1|||Lý Tâm|| !phone-bad"},
		{"phone too short", "1;Lý Tâm;09123", "2 1|||Lý Tâm|| !phone-bad"},
		{"phone with letters", "1;Lý Tâm;09123abcde", "2 1|||Lý Tâm|| !phone-bad"},
		{"phone shortened", "1;Lý Tâm;9.12E+08", "2 1|||Lý Tâm|| !phone-bad"},
		{"phone of +84", "1;Lý Tâm;+84 912 345 678", "2 1|||Lý Tâm|0912345678|"},
		{"two phones", "1;Lý Tâm;0912345678 / 0387654321", "2 1|||Lý Tâm|0912345678| ~phone-several"},
		{"phone, no vendor", "1;;0912345678", "2 1||||| ~phone-without-vendor"},
		{"bad phone, no vendor", "1;;0912", "2 1||||| !phone-bad"},
		{"account, no vendor", "1;;;Viettel Money;0912345678", "2 1|||||viettel_money=0912345678 !vendor-missing"},
		{"account, vacant said", "1;trống;;;;0071000123456", "2 1|||||vcb=0071000123456 !vendor-missing"},
		{"letters for a wallet", "1;Lý Tâm;;Viettel Money;09123A5678", "2 1|||Lý Tâm|| !account-bad"},
		{"letters for MoMo", "1;Lý Tâm;;MoMo;LYTAM1234", "2 1|||Lý Tâm|| !account-bad"},
		{"wallet number too short", "1;Lý Tâm;;Viettel Money;091234", "2 1|||Lý Tâm|| !account-bad"},
		{"wallet lost its zero", "1;Lý Tâm;;Viettel Money;912345678", "2 1|||Lý Tâm|| !account-lost-zero ?0912345678"},
		{"MoMo lost its zero", "1;Lý Tâm;;MoMo;912345678", "2 1|||Lý Tâm|| !account-lost-zero ?0912345678"},
		{"account shortened", "1;Lý Tâm;;;;9.7E+11", "2 1|||Lý Tâm|| !account-exponent"},
		{"wallet shortened", "1;Lý Tâm;;Viettel Money;9,12E+08", "2 1|||Lý Tâm|| !account-exponent"},
		{"account too long", "1;Lý Tâm;;;;" + strings.Repeat("1", 20), "2 1|||Lý Tâm|| !account-too-long"},
		{"a card", "1;Lý Tâm;;;;9704 1234 5678 9015", "2 1|||Lý Tâm|| !account-card"},
		{"account of nothing", "1;Lý Tâm;;;;0", "2 1|||Lý Tâm|| !account-bad"},
		{"unknown provider", "1;Lý Tâm;;Ví Sao Hỏa;0912345678", "2 1|||Lý Tâm|| !provider-unknown"},
		{"provider, no number", "1;Lý Tâm;;Viettel Money;", "2 1|||Lý Tâm|| !number-missing"},
		{"wallet without number, but a phone", "1;Lý Tâm;0912345678;Viettel Money", "2 1|||Lý Tâm|0912345678| !number-missing ?0912345678"},
		{"bank without number", "1;Lý Tâm;0912345678;BIDV", "2 1|||Lý Tâm|0912345678| !number-missing"},
		{"number, no provider", "1;Lý Tâm;;;0912345678", "2 1|||Lý Tâm|| !provider-missing"},
		{"a mark for a number", "1;Lý Tâm;;;;x", "2 1|||Lý Tâm|| !number-missing"},
		{"another bank in the bank's column", "1;Lý Tâm;;;;BIDV 12345678901", "2 1|||Lý Tâm|| !provider-differs"},
		{"two numbers", "1;Lý Tâm;;;;0071000123456 / 0071000654321", "2 1|||Lý Tâm|| !account-several"},
		{"formula for an account", `1;Lý Tâm;;;;"=""0071000123456"""`, "2 1|||Lý Tâm|| !formula-cell"},
		{"cash is no account", "1;Lý Tâm;;Tiền mặt;", "2 1|||Lý Tâm||"},
		{"none in words", "1;Lý Tâm;không có;Chưa có;-;không", "2 1|||Lý Tâm||"},
		{"one name in an old font", "1;Lª V¨n T¸m", "2 1||||| !old-font"},
		{"one name in VNI", "1;Nguyeãn Vaên Taùm", "2 1||||| !old-font"},
		{"a saint's name is no old font", "1;Raphaël Lý Tâm", "2 1|||Raphaël Lý Tâm||"},
		{"several faults at once", ";123;0912;Ví Sao Hỏa;1", "2 ||||| !stall-code-missing !vendor-bad !phone-bad !provider-unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, err := Read(t.Context(), "so.csv", strings.NewReader(head+tt.row), DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			if got := briefs(l); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestStallTwiceNamesTheFirst(t *testing.T) {
	t.Parallel()
	l, err := Read(t.Context(), "so.csv", strings.NewReader("Mã quầy,Tên\nA-12,Lý Tâm\nA-13,Lê Na\na - 12,Lê Lan"), DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	want := fault.Field{Row: 4, Column: "Mã quầy", Code: "stall-twice", Value: "a - 12", Detail: fault.Say("Stall %s is also in row %v. Change one of them.", "a - 12", 2)}
	if got := l.Faults(); len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What is kept of a preview is JSON; its sentences must still be whole when they come back.
func TestLedgerAsJSON(t *testing.T) {
	t.Parallel()
	l, err := Read(t.Context(), "so.csv", strings.NewReader("Sạp,Tên,ĐT,Viettel Money\n1,Lý Tâm,912345678,0912\n1,"+strings.Repeat("a", 121)), DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	var back Ledger
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	sentences := func(l Ledger) (s []string) {
		for _, f := range append(l.Faults(), l.Warnings()...) {
			s = append(s, f.Detail.String())
		}
		return s
	}
	if got, want := sentences(back), sentences(l); !slices.Equal(got, want) || len(want) != 4 || strings.Contains(strings.Join(got, ""), "%!") {
		t.Errorf("got %q, want %q", got, want)
	}
	if briefs(back) != briefs(l) || back.Counts() != l.Counts() || !slices.Equal(back.Columns, l.Columns) {
		t.Errorf("got %+v, want %+v", back, l)
	}
}

// xlsx writes a workbook by excelize; fill sets cells of Sheet1.
func xlsx(t testing.TB, fill func(f *excelize.File)) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	fill(f)
	b, err := f.WriteToBuffer()
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func put(f *excelize.File, ref string, values ...any) {
	if err := f.SetSheetRow("Sheet1", ref, &values); err != nil {
		panic(err)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func TestWorkbookCells(t *testing.T) {
	t.Parallel()
	style := func(f *excelize.File, s excelize.Style) int {
		id, err := f.NewStyle(&s)
		must(err)
		return id
	}
	code3, day := "000", 14
	for _, tt := range []struct {
		name string
		fill func(f *excelize.File)
		want string
	}{
		{"numbers where text belongs", func(f *excelize.File) {
			put(f, "A2", 12, "Lý Tâm", 912345678, 912345678, 71000123456)
		}, "2 12|||Lý Tâm|0912345678| !account-number-cell !account-number-cell ?0912345678 ?71000123456 ~phone-lost-zero"},
		{"an account of more digits than Excel keeps", func(f *excelize.File) {
			must(f.SetCellValue("Sheet1", "E2", 1234567890123456789))
			put(f, "A2", "1", "Lý Tâm")
		}, "2 1|||Lý Tâm|| !account-number-cell"},
		{"a number with decimals", func(f *excelize.File) {
			put(f, "A2", "1", "Lý Tâm", 912345678.5, nil, 7.1)
		}, "2 1|||Lý Tâm|| !phone-bad !account-number-cell"},
		{"formulas", func(f *excelize.File) {
			put(f, "A2", "1")
			for _, ref := range []string{"B2", "C2", "D2"} {
				must(f.SetCellFormula("Sheet1", ref, `"x"&1`))
			}
		}, "2 1||||| !formula-cell !formula-cell !formula-cell"},
		{"true and false", func(f *excelize.File) {
			put(f, "A2", "1", true, false, true)
		}, "2 1||||| !boolean-cell !boolean-cell !boolean-cell"},
		{"a number for a name", func(f *excelize.File) { put(f, "A2", "1", 17) }, "2 1||||| !vendor-bad"},
		{"code shown with zeros", func(f *excelize.File) {
			put(f, "A2", 7, "Lý Tâm")
			must(f.SetCellStyle("Sheet1", "A2", "A2", style(f, excelize.Style{CustomNumFmt: &code3})))
		}, "2 007|||Lý Tâm||"},
		{"code turned into a date", func(f *excelize.File) {
			put(f, "A2", 46000, "Lý Tâm")
			must(f.SetCellStyle("Sheet1", "A2", "A2", style(f, excelize.Style{NumFmt: day})))
		}, "2 |||Lý Tâm|| !date-cell"},
		{"names merged over two stalls", func(f *excelize.File) {
			put(f, "A2", "1", "Lý Tâm", "0912345678", "0912345678")
			put(f, "A3", "2")
			for _, c := range "BCD" {
				must(f.MergeCell("Sheet1", string(c)+"2", string(c)+"3"))
			}
		}, "2 1|||Lý Tâm|0912345678|viettel_money=0912345678\n3 2|||Lý Tâm|0912345678|viettel_money=0912345678"},
		{"title merged across, in the column of the codes", func(f *excelize.File) {
			put(f, "A2", "CÁ VÀ THỊT")
			must(f.MergeCell("Sheet1", "A2", "E2"))
			put(f, "A3", "1", "Lý Tâm")
			put(f, "A4", "2")
		}, "3 1|Cá và thịt||Lý Tâm||\n4 2|Cá và thịt||||"},
		{"rich text", func(f *excelize.File) {
			put(f, "A2", "1")
			must(f.SetCellRichText("Sheet1", "B2", []excelize.RichTextRun{{Text: "Lý "}, {Text: "Tâm", Font: &excelize.Font{Bold: true}}}))
		}, "2 1|||Lý Tâm||"},
		{"NUL by escape", func(f *excelize.File) { put(f, "A2", "1", "Lý_x005F_x0000_ Tâm") }, "2 1|||Lý_x0000_ Tâm||"},
		{"line break within", func(f *excelize.File) { put(f, "A2", "1", "Lý\nTâm", "0912345678\n0387654321") }, "2 1|||Lý Tâm|0912345678| ~phone-several"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			data := xlsx(t, func(f *excelize.File) {
				put(f, "A1", "Số\nsạp", "Họ và tên", "Điện thoại", "Viettel Money", "Vietcombank")
				tt.fill(f)
			})
			l, err := Read(t.Context(), "so.xlsx", bytes.NewReader(data), DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			if got := briefs(l); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	data := xlsx(t, func(f *excelize.File) {
		put(f, "A1", "Bìa: sổ chợ")
		for _, name := range []string{"Ẩn", "Sổ", "Cũ"} {
			_, err := f.NewSheet(name)
			must(err)
			must(f.SetSheetRow(name, "A1", &[]any{"Số sạp", "Họ tên", "CCCD", "ĐT"}))
			for i := range 9 {
				must(f.SetSheetRow(name, fmt.Sprintf("A%d", i+2), &[]any{i + 1, "Lý Tâm", "001090000000"}))
			}
		}
		must(f.SetSheetVisible("Ẩn", false))
		for _, row := range []int{3, 4, 7} {
			must(f.SetRowVisible("Sổ", row, false))
		}
		must(f.SetColVisible("Sổ", "D", false))
	})
	l, err := Read(t.Context(), "so.xlsx", bytes.NewReader(data), DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range l.Notes {
		got = append(got, n.Code+" "+n.Column+" "+n.Value)
	}
	want := []string{"sheet-hidden  Ẩn", "sheet-unread  Cũ", "columns-hidden D D", "rows-hidden  3–4, 7", "column-private CCCD "}
	if fmt.Sprint(got) != fmt.Sprint(want) || l.Sheet != "Sổ" || len(l.Rows) != 9 {
		t.Errorf("sheet %q, %d rows, notes %q, want %q", l.Sheet, len(l.Rows), got, want)
	}
}

func TestReadAs(t *testing.T) {
	t.Parallel()
	const text = "Mốc,Ai,Gọi,Tiền về,Thêm\nA1,Lý Tâm,0912345678,0912345678,rau"
	if _, err := Read(t.Context(), "so.csv", strings.NewReader(text), DefaultLimits); fault.CodeOf(err) != "ledger-no-heading" {
		t.Errorf("without a mapping: %v", err)
	}
	as := Mapping{"moc": "code", "Ai": "vendor", "GỌI": "phone", "Tiền về": "vnpt_money", "E": "goods"}
	l, err := ReadAs(t.Context(), "so.csv", strings.NewReader(text), DefaultLimits, as)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := briefs(l), "2 A1||rau|Lý Tâm|0912345678|vnpt_money=0912345678"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
