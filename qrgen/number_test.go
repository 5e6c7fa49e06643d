package qrgen_test

import (
	"errors"
	"strings"
	"testing"

	"cho40/qrgen"

	"pgregory.net/rapid"
)

func TestNumber(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, provider, text, want, code string
	}{
		{"as typed", "vcb", "0011001234567", "0011001234567", ""},
		{"grouped", "vcb", " 0011 0012.345\u00a067 ", "0011001234567", ""},
		{"case kept", "mb", "VQRQ0000001ab", "VQRQ0000001ab", ""},
		{"nothing", "vcb", " . ", "", "missing_account"},
		{"nineteen", "vcb", strings.Repeat("1", 19), strings.Repeat("1", 19), ""},
		{"twenty", "vcb", strings.Repeat("1", 20), "", "account_too_long"},
		{"hyphen", "vcb", "0011-0012", "", "bad_account"},
		{"marked letters", "vcb", "Đ123", "", "bad_account"},
		{"full-width digits", "vcb", "１２３", "", "bad_account"},
		{"formula", "vcb", "=A1", "", "bad_account"},
		{"rounded by a spreadsheet", "vcb", "1.90300E+13", "", "account_rounded"},
		{"rounded, comma", "vcb", "1,903E+13", "", "account_rounded"},
		{"rounded, no sign", "vcb", "1.903e13", "", "account_rounded"},
		{"decimals of a number cell", "vcb", "19030000000001.0", "", "account_rounded"},
		{"E in an account", "vcb", "12E45", "12E45", ""},
		{"length that no card has", "vcb", "9704 3600 0000 0000 02", "970436000000000002", ""},
		{"card of 16", "vcb", "9704 3600 0000 0008", "", "card_number"},
		{"card of 19", "vcb", "9704 3600 0000 0000 002", "", "card_number"},
		{"like a card, other check digit", "vcb", "9704 3600 0000 0009", "9704360000000009", ""},
		{"mobile money", "viettel_money", "+84 912 345 678", "0912345678", ""},
		{"mobile money of VNPT", "vnpt_money", "0912.345.678", "0912345678", ""},
		{"mobile money of MobiFone", "mobifone_money", "84912345678", "0912345678", ""},
		{"mobile money, zero lost", "viettel_money", "912345678", "", "mobile_lost_zero"},
		{"mobile money, number cell", "viettel_money", "912345678.0", "", "account_rounded"},
		{"mobile money, nothing", "viettel_money", "", "", "missing_account"},
		{"mobile money, bank account", "viettel_money", "0011001234567", "", "mobile_length"},
		{"wallet with its own numbers", "momo", "PSP123456789000000", "PSP123456789000000", ""},
		{"wallet with a phone", "momo", "0912 345 678", "0912345678", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, ok := qrgen.ProviderOf(tt.provider)
			if !ok {
				t.Fatal("no provider")
			}
			got, err := p.Number(tt.text)
			checkNumber(t, got, err, tt.want, tt.code)
		})
	}
}

func TestMobile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want, code string }{
		{"international", "+84 912 345 678", "0912345678", ""},
		{"dots", "0912.345.678", "0912345678", ""},
		{"international without plus", "84912345678", "0912345678", ""},
		{"zero kept after the country", "+84 (0) 912-345-678", "0912345678", ""},
		{"the same without plus", "840912345678", "0912345678", ""},
		{"dialled abroad", "0084912345678", "0912345678", ""},
		{"03", "0398765432", "0398765432", ""},
		{"05", "0598765432", "0598765432", ""},
		{"07", "0718765432", "0718765432", ""},
		{"084 is a mobile prefix", "0841234567", "0841234567", ""},
		{"zero lost before 84", "841234567", "", "mobile_lost_zero"},
		{"zero lost", "912345678", "", "mobile_lost_zero"},
		{"nine digits that no mobile has", "212345678", "", "mobile_length"},
		{"landline", "0293387654", "", "mobile_prefix"},
		{"ten digits without zero", "9123456789", "", "mobile_prefix"},
		{"another country", "+855 12 345 678", "", "mobile_prefix"},
		{"eleven digits of before 2018", "01698765432", "", "mobile_length"},
		{"too short", "091234567", "", "mobile_length"},
		{"too short, international", "+84 91234567", "", "mobile_length"},
		{"nothing", "", "", "mobile_length"},
		{"only a plus", "+", "", "mobile_prefix"},
		{"letter O", "O912345678", "", "mobile_letters"},
		{"two numbers", "0912345678/0987654321", "", "mobile_letters"},
		{"full-width", "０９１２３４５６７８", "", "mobile_letters"},
		{"words", "không có", "", "mobile_letters"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := qrgen.Mobile(tt.text)
			checkNumber(t, got, err, tt.want, tt.code)
		})
	}
}

func checkNumber(t *testing.T, got string, err error, want, code string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var bad *qrgen.FieldError
	switch errors.As(err, &bad); {
	case code == "" && err != nil:
		t.Errorf("err = %v, want none", err)
	case code != "" && (bad == nil || bad.Code != code || bad.Field != "number"):
		t.Errorf("err = %v, want %s", err, code)
	}
}

// What Number lets through, Static writes, and doing it twice changes nothing.
func TestNumberFitsThePayload(t *testing.T) {
	t.Parallel()
	all := qrgen.Providers()
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(all).Draw(t, "provider")
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9A-Za-z. +-]{0,24}`)).Draw(t, "text")
		number, err := p.Number(text)
		if err != nil {
			return
		}
		if _, err := qrgen.Static(p.BIN, number); err != nil {
			t.Fatalf("Number(%q) = %q, which Static refuses: %v", text, number, err)
		}
		if again, err := p.Number(number); err != nil || again != number {
			t.Fatalf("Number(%q) = %q, again %q, %v", text, number, again, err)
		}
	})
}
