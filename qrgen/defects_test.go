package qrgen_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"cho40/qrgen"
)

// defect is a code as some generator or reader got it wrong, with what has to be said of it. An empty code: it is read, with the
// warning. Those with a place were found by fuzzing this package.
type defect struct {
	name, text, code, warning string
}

// The defects of other generators and readers, and all that were found here: each is also a seed of the fuzzing.
var defects = []defect{
	{"a checksum without its leading zero", seal("00020101021138540010A00000072701240006970416011001234567890208QRIBFTTA53037045802VN6104")[:86] + "6304ABC", "crc_missing", ""},
	{"a checksum left out", "00020101021138540010A00000072701240006970416011001234567890208QRIBFTTA53037045802VN", "crc_missing", ""},
	{"lengths of one digit inside", seal("00020101021138510010A0000007270121000697041601857678859a0208QRIBFTTA53037045802VN"), "any", ""},
	{"an account of twenty characters", seal(paidTo("970416", "12345678901234567890", "")), "account_too_long", ""},
	{"an account cut to nothing", seal(paidTo("970416", "", "")), "missing_account", ""},
	{"a length that wrapped at a hundred", seal(paidTo("970416", "0123456789", "6220") + "0816" + strings.Repeat("x", 116)), "any", ""},
	{"the service inside the beneficiary", seal("00020101021138540010A00000072701360006970416011001234567890208QRIBFTTA53037045802VN"), "", "service_nested"},
	{"a postal code as tag 51", seal(paidTo("970416", "0123456789", "") + "5105900005802VN"), "any", ""},
	{"the content in the bill number", seal(paidTo("970416", "0123456789", "62110107DON 123")), "", ""},
	{"version 00", seal("000200" + paidTo("970416", "0123456789", "")[6:]), "unsupported_version", ""},
	{"template 38 without an identifier", seal("0002010102113840012400069704160110012345678902 8QRIBFTTA53037045802VN"), "any", ""},
	{"a length with a sign", seal("000201010211+8540010A00000072701240006970416011001234567890208QRIBFTTA53037045802VN"), "bad_tag", ""},
	{"a negative length", seal("00020101021138-5"), "bad_length", ""},
	{"full-width digits", seal("0002010102113８540010A000000727"), "bad_tag", ""},
	{"6304 inside the account, and no checksum", paidTo("970416", "63041234", ""), "crc_missing", ""},
	{"6304 inside the account", seal(paidTo("970416", "63041234", "")), "", ""},
	{"a second account behind the first", seal(paidTo("970416", "0123456789", "38540010A00000072701240006970422011099999999990208QRIBFTTA")), "duplicate_tag", ""},
	{"a code behind the code", seal(paidTo("970416", "0123456789", "")) + seal(paidTo("970422", "9999999999", "")), "bad_crc", ""},
	{"a checksum in lower case", strings.ToLower(seal(paidTo("970416", "0123456789", ""))[90:]), "any", ""},
	{"the standard's own example, which declares 12 for 13 characters", "00020101021138570010A00000072701270006970403011200110123456780208QRIBFTTA53037045802VN6304F4E5", "truncated_tlv", ""},
	{"a card number as an account", seal(paidTo("970416", "9704160123456789", "")), "", ""},
	{"a bank of eight characters", seal("00020101021138560010A00000072701260008AB12345601100123456789" + "0208QRIBFTTA53037045802VN"), "bad_bin", ""},
	{"an amount of a fraction", seal(paidTo("970416", "0123456789", "5405100.5")), "bad_amount", ""},
	{"an amount as a float", seal(paidTo("970416", "0123456789", "5405100.0")), "", "amount_has_decimals"},
	{"nothing but the checksum", seal(""), "missing_version", ""},
	{"a byte that is no character", seal("00020101021138540010A000000727\xff"), "control_character", ""},
	{"a character that turns the direction of reading", seal(paidTo("970416", "0123456789", "5904\u202eNAM")), "control_character", ""},
}

// paidTo is a static code up to its checksum; more stands before the currency.
func paidTo(bin, account, more string) string {
	lv := func(tag, value string) string {
		return tag + string(rune('0'+len(value)/10)) + string(rune('0'+len(value)%10)) + value
	}
	beneficiary := lv("00", bin) + "01" + lv("", account)
	return "000201010211" + lv("38", "0010A000000727"+lv("01", beneficiary)+"0208QRIBFTTA") + more + "53037045802VN"
}

func TestDefects(t *testing.T) {
	t.Parallel()
	for _, d := range defects {
		got, err := qrgen.Decode(d.text, qrgen.Lenient)
		var bad *qrgen.FieldError
		switch {
		case d.code == "any":
			if err == nil {
				t.Errorf("%s: taken: %+v", d.name, got)
			}
		case d.code != "":
			if !errors.As(err, &bad) || bad.Code != d.code {
				t.Errorf("%s: %v, want %s", d.name, err, d.code)
			}
		case err != nil || d.warning != "" && !slices.Contains(got.Warnings, d.warning):
			t.Errorf("%s: %v %v, want %s", d.name, got.Warnings, err, d.warning)
		}
	}
}
