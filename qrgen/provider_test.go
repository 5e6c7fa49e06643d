package qrgen_test

import (
	"strings"
	"testing"

	"cho40/qrgen"

	"pgregory.net/rapid"
)

func TestProviderOf(t *testing.T) {
	t.Parallel()
	for want, texts := range map[string][]string{
		"viettel_money": {
			"viettel_money", "971005", "Viettel Money", "VIETTEL MONEY", "viettelpay", "ViettelPay", "Viettel Pay", "viettel_pay", "VTLMoney",
			"Viettel-Pay", " viettel  money ", "Ví Viettel Money", "ví điện tử Viettel Pay", "Số Viettel Money", "Viettel", "Viettel Money (ViettelPay)",
		},
		"vnpt_money": {"vnpt pay", "VNPT-Pay", "VNPT Money", "vnpt_pay", "vnptpay", "971011", "VNPT Money / VNPT Pay", "Số ví VNPT Money"},
		"momo":       {"momo", "MoMo", "Ví MoMo", "MOMO", "971025", "CTCP Dịch Vụ Di Động Trực Tuyến"},
		"mobifone_money": {
			"mobifone_money", "MobiFone Money", "MVAS", "mobifone", "971032",
		},
		"mb":       {"mb", "MB", "MB Bank", "mbbank", "MBB", "Ngân hàng Quân đội", "NH TMCP Quân Đội", "Ngân hàng MB", "MB - Quân đội"},
		"vcb":      {"vcb", "VCB", "Vietcombank", "vietcom bank", "NH Ngoại thương", "Ngân hàng TMCP Ngoại Thương Việt Nam", "NGÂN HÀNG NGOẠI THƯƠNG VN", "Vietcombank (VCB)", "Vietcombank CN Cần Thơ", "VCB - chi nhánh Hậu Giang"},
		"vba":      {"vba", "Agribank", "agri bank", "Ngân hàng Nông nghiệp", "NHNo&PTNT", "Ngân hàng Nông nghiệp và Phát triển Nông thôn Việt Nam", "970405"},
		"icb":      {"icb", "VietinBank", "Viettinbank", "Vietin", "CTG", "NH Công thương", "Ngân hàng Công Thương Việt Nam"},
		"bidv":     {"BIDV", "BID", "Ngân hàng Đầu tư và Phát triển Việt Nam", "NH Đầu tư"},
		"stb":      {"Sacombank", "Sacom bank", "Ngân hàng Sài Gòn Thương Tín"},
		"tcb":      {"Techcombank", "techcom", "Kỹ thương"},
		"vikki":    {"Vikki", "DongA Bank", "Ngân hàng Đông Á", "Đông Á"},
		"mbv":      {"MBV", "OceanBank", "Ocean bank", "Đại Dương"},
		"lpb":      {"LPBank", "LienVietPostBank", "Bưu điện Liên Việt", "LVPB"},
		"vccb":     {"BVBank", "VietCapitalBank", "Viet Capital Bank", "Ngân hàng Bản Việt"},
		"bvb":      {"BVB", "BaoVietBank", "Ngân hàng Bảo Việt"},
		"hdb":      {"HDB", "HDBank", "970437"},
		"hdb2":     {"970420", "hdb2"},
		"cimb":     {"CIMB", "CIMB Bank", "422589"},
		"cimb-sbv": {"970459", "cimb-sbv"},
		"ibk-hn":   {"ibk-hn", "IBKHN", "ibk_hn", "Ngân hàng Công nghiệp Hàn Quốc - Chi nhánh Hà Nội"},
		"scb":      {"SCB", "Ngân hàng TMCP Sài Gòn"},
		"sgicb":    {"SaigonBank", "Sài Gòn Công Thương"},
		"vpb":      {"VPBank", "VP bank", "Việt Nam Thịnh Vượng"},
		"seab":     {"SeABank", "Đông Nam Á"},
		"vbsp":     {"VBSP", "Ngân hàng Chính sách", "NHCSXH", "Ngân hàng Chính sách xã hội"},
		"timo":     {"Timo", "963388"},
		"cake":     {"Cake", "Cake by VPBank"},
		"coopbank": {"Co-opBank", "Ngân hàng Hợp tác xã Việt Nam"},
		"": {
			"", " ", "?", "Tiền mặt", "bank", "Ngân hàng", "ví", "ZaloPay", "Viettel Money, VNPT Money", "MB, VCB", "VCB hoặc MB", "Ngân hàng Sài Gòn",
			"Thịnh Vượng", "Ngân hàng Việt Nam", "999999", "0912345678", "Thương Tín", "khác", "không có", "KEB Hana", "Kookmin",
			strings.Repeat("a", 10_000), "\xff\xfe",
		},
	} {
		for _, text := range texts {
			p, ok := qrgen.ProviderOf(text)
			if p.Code != want || ok != (want != "") {
				t.Errorf("%q is %q %t, want %q", text, p.Code, ok, want)
			}
		}
	}
}

// Every provider can be found by all that it is called, encoded and read back.
func TestProviders(t *testing.T) {
	t.Parallel()
	all := qrgen.Providers()
	if len(all) < 80 {
		t.Fatalf("only %d providers", len(all))
	}
	for _, p := range all {
		for _, text := range []string{p.Code, p.BIN, strings.ToUpper(p.Code), strings.ReplaceAll(p.Code, "-", " ")} {
			if got, ok := qrgen.ProviderOf(text); !ok || got.BIN != p.BIN {
				t.Errorf("%q is %s %t, want %s", text, got.Code, ok, p.Code)
			}
		}
		for _, text := range append([]string{p.Name, p.FullName, strings.ToUpper(qrgen.Fold(p.FullName))}, p.Names...) {
			got, ok := qrgen.ProviderOf(text)
			if p.SecondOf != "" || text == "Sài Gòn" || text == "Thịnh Vượng" { // names of another, or of two
				continue
			}
			if !ok || got.BIN != p.BIN {
				t.Errorf("%q is %s %t, want %s", text, got.Code, ok, p.Code)
			}
		}
		if p.Name == "" || p.FullName == "" || p.Source == "" || p.ReadOn == "" {
			t.Errorf("%s: a row without name, source or day: %+v", p.Code, p)
		}
		if p.SecondOf != "" {
			if main, ok := qrgen.ProviderOf(p.SecondOf); !ok || main.SecondOf != "" || main.Name != p.Name {
				t.Errorf("%s: second BIN of %s, which is %+v", p.Code, p.SecondOf, main)
			}
		}
		number, err := p.Number("0912 345.678")
		if err != nil || number != "0912345678" {
			t.Errorf("%s: Number = %q, %v", p.Code, number, err)
		}
		text, err := qrgen.Static(p.BIN, number)
		if err != nil {
			t.Errorf("%s: %v", p.Code, err)
			continue
		}
		d, err := qrgen.Decode(text, qrgen.Strict)
		if err != nil || d.BIN != p.BIN || d.Account != number || !d.Plain() || len(d.Warnings) != 0 {
			t.Errorf("%s: read back %+v, %v", p.Code, d, err)
		}
	}
	for i, code := range []string{"viettel_money", "vnpt_money", "momo", "mobifone_money"} {
		if all[i].Code != code {
			t.Errorf("provider %d is %s, want %s", i, all[i].Code, code)
		}
	}
	if all[0].Kind != "mobile_money" || all[2].Kind != "wallet" || all[0].Name != "Viettel Money" || all[2].Name != "MoMo" {
		t.Errorf("%+v %+v", all[0], all[2])
	}
	for _, p := range all[:2] { // no code issued by them has been seen: the data says so
		if p.NumberRule != "mobile" || p.NumberBasis != "unconfirmed" {
			t.Errorf("%s: number %s, %s", p.Code, p.NumberRule, p.NumberBasis)
		}
		if _, err := p.Number("PSP123"); err == nil {
			t.Errorf("%s took a number that is no phone's", p.Code)
		}
	}
}

func TestProvidersIsACopy(t *testing.T) {
	t.Parallel()
	all := qrgen.Providers()
	all[0].Name, all[0].Names[0] = "", ""
	if again := qrgen.Providers(); again[0].Name == "" || again[0].Names[0] == "" {
		t.Error("the directory was changed through a copy")
	}
}

func TestProviderOfIgnoresSpelling(t *testing.T) {
	t.Parallel()
	all := qrgen.Providers()
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(all).Draw(t, "provider")
		text := p.FullName
		if rapid.Bool().Draw(t, "code") {
			text = p.Code
		}
		want, ok := qrgen.ProviderOf(text)
		if !ok {
			t.Fatalf("%q is nobody", text)
		}
		var b strings.Builder
		for _, r := range text {
			s := string(r)
			switch rapid.IntRange(0, 3).Draw(t, "how") {
			case 0:
				s = strings.ToUpper(s)
			case 1:
				s = qrgen.Fold(s)
			case 2:
				s = strings.ReplaceAll(s, " ", "_")
			}
			b.WriteString(s)
		}
		if got, ok := qrgen.ProviderOf(b.String()); !ok || got.Code != want.Code {
			t.Fatalf("%q is %s, %q is %s", b.String(), got.Code, text, want.Code)
		}
	})
}
