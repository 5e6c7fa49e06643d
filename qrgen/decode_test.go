package qrgen_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"cho40/qrgen"

	"pgregory.net/rapid"
)

// o writes a data object as the standard says, with no help from the package.
func o(tag string, values ...string) string {
	value := strings.Join(values, "")
	return fmt.Sprintf("%s%02d%s", tag, utf8.RuneCountInString(value), value)
}

// seal ends a payload with its checksum, computed bit by bit.
func seal(parts ...string) string {
	text := strings.Join(parts, "") + "6304"
	crc := uint16(0xFFFF)
	for i := range len(text) {
		crc ^= uint16(text[i]) << 8
		for range 8 {
			high := crc & 0x8000
			crc <<= 1
			if high != 0 {
				crc ^= 0x1021
			}
		}
	}
	return text + fmt.Sprintf("%04X", crc)
}

const (
	guid     = "0010A000000727"
	head     = "000201010211"
	money    = "5303704"
	vietnam  = "5802VN"
	transfer = "0208QRIBFTTA"
	push     = "0206QRPUSH"
	shop     = "52045411" + "5907TAP HOA" + "6005HANOI"
)

var (
	payee   = o("01", "0006970436", "01130011001234567")
	account = o("38", guid, payee, transfer)
)

// The decision table of the format, case by case: what strict and lenient say. A plain word is an error, "+a+b" is
// accepted with these warnings, "+" without any.
func TestDecodeDecisions(t *testing.T) {
	t.Parallel()
	plain := seal(head, account, money, vietnam)
	for _, tt := range []struct {
		name, text, strict, lenient string
	}{
		{"as written", plain, "+", "+"},

		{"only blanks", " \n\t", "empty", "empty"},
		{"longer than a symbol holds", strings.Repeat("0", 2954), "too_long", "too_long"},
		{"blanks around do not count as length", strings.Repeat(" ", 3000) + plain, "surrounding_whitespace", "+surrounding_whitespace"},
		{"no-break blank behind", plain + "\u00a0", "surrounding_whitespace", "+surrounding_whitespace"},
		{"damage behind a blank", plain[:len(plain)-1] + "X ", "surrounding_whitespace", "crc_missing"},
		{"zero-width blank", seal(head, account, money, vietnam, o("59", "TAP\u200bHOA")), "control_character", "control_character"},
		{"direction mark", seal(head, account, money, vietnam, o("59", "TAP\u202eHOA")), "control_character", "control_character"},
		{"C1 control", seal(head, account, money, vietnam, o("59", "TAP\u0090HOA")), "control_character", "control_character"},
		{"delete", seal(head, account, money, vietnam, o("59", "TAP\x7fHOA")), "control_character", "control_character"},
		{"byte-order mark inside", seal(head, account, money, vietnam, o("64", "0002vi", o("01", "Ch\ufeffợ"))), "control_character", "control_character"},
		{"not UTF-8", seal(head, account, money, vietnam, "5903A\xffB"), "control_character", "control_character"},
		{"line separator", seal(head, account, money, vietnam, o("59", "TAP\u2028HOA")), "control_character", "control_character"},
		{"shorter than a checksum", "6304", "crc_missing", "crc_missing"},
		{"checksum digits that are none", plain[:len(plain)-1] + "G", "crc_missing", "crc_missing"},
		{"checksum over the payload without 6304", head + account + money + vietnam + "6304" + "F1AD", "bad_crc", "bad_crc"},
		{"only a checksum", seal(), "missing_version", "missing_version"},
		{"checksum swallowed by the last value", seal(head, account, money, vietnam, "5908"), "crc_not_last", "crc_not_last"},
		{"a last tag 63 that is longer", seal(head, account, money, vietnam, "6310AB"), "crc_not_last", "crc_not_last"},
		{"length in full-width digits", seal(head, account, money, vietnam, "59０３ABC"), "bad_length", "bad_length"},
		{"tag in full-width digits", seal(head, account, money, vietnam, "５９03ABC"), "bad_tag", "bad_tag"},
		{"negative length", seal(head, account, money, vietnam, "59-3ABC"), "bad_length", "bad_length"},
		{"root reaches past the end", seal(head, account, money, vietnam, "5999AB"), "length_overrun", "length_overrun"},
		{"cut inside 62", seal(head, account, money, vietnam, o("62", "0806AB01")), "length_overrun", "length_overrun"},
		{"trailing digit inside 62", seal(head, account, money, vietnam, o("62", "0802AB0")), "truncated_tlv", "truncated_tlv"},
		{"tag inside 62 with letters", seal(head, account, money, vietnam, o("62", "X802AB")), "bad_tag", "bad_tag"},
		{"length inside 38-01 with letters", seal(head, o("38", guid, o("01", "00A6970436", "010212"), transfer), money, vietnam), "bad_length", "bad_length"},

		{"no version", seal("010211", account, money, vietnam), "missing_version", "missing_version"},
		{"empty version", seal("0000", "010211", account, money, vietnam), "empty_value", "unsupported_version"},
		{"empty point of initiation", seal("000201", "0100", account, money, vietnam), "empty_value", "+empty_value+missing_poi"},
		{"amount without a point of initiation", seal("000201", account, money, "540510000", vietnam), "missing_poi", "+missing_poi"},

		{"identifier twice", seal(head, o("38", guid, guid, payee, transfer), money, vietnam), "duplicate_tag", "duplicate_tag"},
		{"identifier twice in another template of 38", seal(head, o("38", "0010A000000728", "0010A000000728"), money, vietnam), "duplicate_tag", "duplicate_tag"},
		{"unknown tag twice", seal(head, account, money, vietnam, "6601A", "6601B"), "duplicate_tag", "duplicate_tag"},

		{"template 38 is no run of objects", seal(head, o("38", "0011001234567"), money, vietnam), "length_overrun", "length_overrun"},
		{"template 38 without identifier", seal(head, o("38", payee, transfer), money, vietnam), "missing_guid", "missing_guid"},
		{"template 38 with an empty identifier", seal(head, o("38", "0000", payee, transfer), money, vietnam), "empty_value", "missing_guid"},
		{"template 38 empty", seal(head, "3800", money, vietnam), "empty_value", "missing_guid"},
		{"identifier cut", seal(head, o("38", o("00", "A00000072"), payee, transfer), money, vietnam), "bad_guid", "bad_guid"},
		{"identifier in lower case is another one", seal(head, o("38", o("00", "a000000727"), payee, transfer), money, vietnam), "bad_guid", "+scheme_other"},
		{"domain name as identifier in 38", seal(head, o("38", o("00", "vn.example")), money, vietnam), "bad_guid", "+scheme_other"},
		{"wallet template alone", seal(head, o("26", o("00", "vn.zalopay"), "0103123"), money, vietnam), "not_vietqr", "+scheme_other"},
		{"electricity bill", seal(head, o("26", "000200"), money, vietnam, o("59", "TONG CONG TY DIEN LUC MIEN NAM")), "not_vietqr", "+field_over_limit+scheme_other"},
		{"card scheme alone", seal(head, o("15", "3104180041804180"), money, vietnam), "not_vietqr", "+scheme_other"},
		{"card scheme beside", seal(head, o("15", "3104180041804180"), account, money, vietnam), "+", "+"},
		{"broken foreign template beside", seal(head, o("26", "zalo"), account, money, vietnam), "+", "+"},
		{"NAPAS in 38 and in 27", seal(head, o("27", guid, payee, transfer), account, money, vietnam), "napas_guid_outside_38", "+napas_guid_outside_38"},
		{"NAPAS in 26 and damage in 38", seal(head, o("26", guid, payee, transfer), o("38", "0006970436"), money, vietnam), "bad_guid", "bad_guid"},
		{"NAPAS in 26, broken", seal(head, o("26", guid, "0105AB"), money, vietnam), "napas_guid_outside_38", "length_overrun"},
		{"empty other template", seal(head, "2600", money, vietnam), "empty_value", "missing_merchant_account"},

		{"beneficiary missing", seal(head, o("38", guid, transfer), money, vietnam), "missing_beneficiary", "missing_beneficiary"},
		{"beneficiary empty", seal(head, o("38", guid, "0100", transfer), money, vietnam), "empty_value", "missing_beneficiary"},
		{"bank missing", seal(head, o("38", guid, o("01", "0107AB12345"), transfer), money, vietnam), "missing_bin", "missing_bin"},
		{"bank in full-width digits", seal(head, o("38", guid, o("01", o("00", "97043６"), "0107AB12345"), transfer), money, vietnam), "bad_bin", "bad_bin"},
		{"bank of seven digits", seal(head, o("38", guid, o("01", "00079704361", "010212"), transfer), money, vietnam), "bad_bin", "bad_bin"},
		{"account empty", seal(head, o("38", guid, o("01", "0006970436", "0100"), transfer), money, vietnam), "missing_account", "missing_account"},
		{"account with a hyphen", seal(head, o("38", guid, o("01", "0006970436", "010512-34"), transfer), money, vietnam), "bad_account", "bad_account"},
		{"account with a marked letter", seal(head, o("38", guid, o("01", "0006970436", o("01", "ĐA123")), transfer), money, vietnam), "bad_account", "bad_account"},
		{"account of nineteen", seal(head, o("38", guid, o("01", "0006970436", o("01", strings.Repeat("aZ9", 6)+"x")), transfer), money, vietnam), "+", "+"},
		{"service of 2021", seal(head, o("38", guid, payee, "0206QRIBFT"), money, vietnam), "bad_service", "bad_service"},
		{"service empty", seal(head, o("38", guid, payee, "0200"), money, vietnam, shop), "empty_value", "+empty_value+missing_service"},
		{"service missing, and nothing of a merchant", seal(head, o("38", guid, payee), money, vietnam), "missing_merchant_field", "+missing_merchant_field+missing_service"},
		{"service nested", seal(head, o("38", guid, o("01", "0006970436", "010212", transfer)), money, vietnam), "service_nested", "+service_nested"},
		{"service nested and unknown", seal(head, o("38", guid, o("01", "0006970436", "010212", "0204ABCD")), money, vietnam), "service_nested", "bad_service"},
		{"two different services", seal(head, o("38", guid, o("01", "0006970436", "010212", "0208QRIBFTTC"), transfer), money, vietnam), "service_nested", "bad_service"},
		{"the same service twice", seal(head, o("38", guid, o("01", "0006970436", "010212", transfer), transfer), money, vietnam), "service_nested", "+service_nested"},

		{"category of three digits", seal(head, account, "5203541", money, vietnam), "bad_mcc", "bad_mcc"},
		{"category with a letter", seal(head, account, "5204541A", money, vietnam), "bad_mcc", "bad_mcc"},
		{"currency of two digits", seal(head, account, "530270", vietnam), "bad_currency", "bad_currency"},
		{"country in lower case", seal(head, account, money, "5802vn"), "wrong_country", "wrong_country"},
		{"country of three letters", seal(head, account, money, "5803VNM"), "wrong_country", "wrong_country"},

		{"amount zero with decimals", seal(head, account, money, "54040.00", vietnam), "amount_zero", "amount_zero"},
		{"amount of zeros", seal(head, account, money, "5403000", vietnam), "amount_zero", "amount_zero"},
		{"amount without a whole part", seal(head, account, money, "5402.5", vietnam), "bad_amount", "bad_amount"},
		{"amount with a plus", seal(head, account, money, "5405+1000", vietnam), "bad_amount", "bad_amount"},
		{"amount with two marks", seal(head, account, money, "540610.0.0", vietnam), "bad_amount", "bad_amount"},
		{"amount in full-width digits", seal(head, account, money, o("54", "１０００"), vietnam), "bad_amount", "bad_amount"},
		{"amount with one zero behind the mark", seal("000201010212", account, money, "54061000.0", vietnam), "amount_has_decimals", "+amount_has_decimals"},
		{"amount of thirteen with mark", seal("000201010212", account, money, "5413100000000000.", vietnam), "+", "+"},
		{"amount of fourteen with mark", seal("000201010212", account, money, "54141000000000000.", vietnam), "amount_too_long", "amount_too_long"},
		{"amount with leading zeros", seal("000201010212", account, money, "5406005000", vietnam), "+", "+"},
		{"amount empty", seal(head, account, money, "5400", vietnam), "empty_value", "+empty_value"},

		{"tip 04", seal(head, account, money, "550204", vietnam), "bad_tip_indicator", "bad_tip_indicator"},
		{"tip of one digit", seal(head, account, money, "55011", vietnam), "bad_tip_indicator", "bad_tip_indicator"},
		{"fee without tip", seal(head, account, money, "56041000", vietnam), "tip_fields_inconsistent", "+tip_fields_inconsistent"},
		{"tip 01 with a fee", seal(head, account, money, "550201", "56041000", vietnam), "tip_fields_inconsistent", "+tip_fields_inconsistent"},
		{"tip 03 without percentage", seal(head, account, money, "550203", vietnam), "tip_fields_inconsistent", "+tip_fields_inconsistent"},
		{"tip 03 with both", seal(head, account, money, "550203", "56041000", "57041.50", vietnam), "tip_fields_inconsistent", "+tip_fields_inconsistent"},
		{"percentage over 99.99", seal(head, account, money, "550203", "5703100", vietnam), "tip_fields_inconsistent", "+tip_fields_inconsistent"},
		{"percentage of nothing", seal(head, account, money, "550203", "570500.00", vietnam), "tip_fields_inconsistent", "+tip_fields_inconsistent"},
		{"smallest percentage", seal(head, account, money, "550203", "570500.01", vietnam), "+", "+"},

		{"city at its limit", seal(head, account, money, vietnam, o("60", "THANH PHO DANAN")), "+", "+"},
		{"postal code of eleven", seal(head, account, money, vietnam, o("61", "12345678901")), "field_over_limit", "+field_over_limit"},
		{"postal code with marks", seal(head, account, money, vietnam, o("61", "Huế")), "non_ascii", "+non_ascii"},
		{"name too long and with marks", seal(head, account, money, vietnam, o("59", strings.Repeat("Chợ ", 7))), "field_over_limit", "+field_over_limit+non_ascii"},
		{"bill number of 26", seal(head, account, money, vietnam, o("62", o("01", strings.Repeat("B", 26)))), "field_over_limit", "+field_over_limit"},
		{"unknown sub-tag of 62 is free", seal(head, account, money, vietnam, o("62", o("10", strings.Repeat("ợ", 30)))), "+", "+"},
		{"data asked twice", seal(head, account, money, vietnam, o("62", "0902AA")), "bad_consumer_data_request", "+bad_consumer_data_request"},
		{"data asked in lower case", seal(head, account, money, vietnam, o("62", "0901a")), "bad_consumer_data_request", "+bad_consumer_data_request"},
		{"empty purpose", seal(head, account, money, vietnam, o("62", "0800", "0101B")), "empty_value", "+empty_value"},

		{"language without name", seal(head, account, money, vietnam, o("64", "0002vi")), "bad_language_template", "+bad_language_template"},
		{"name without language", seal(head, account, money, vietnam, o("64", o("01", "Chợ"))), "bad_language_template", "+bad_language_template"},
		{"language of three letters", seal(head, account, money, vietnam, o("64", "0003vie", o("01", "Chợ"))), "bad_language_template", "+bad_language_template"},
		{"language that is no template", seal(head, account, money, vietnam, o("64", "tiếng Việt")), "bad_language_template", "+bad_language_template"},
		{"name twice in a language", seal(head, account, money, vietnam, o("64", "0002vi", "0101A", "0101B")), "bad_language_template", "+bad_language_template"},
		{"private part with an owner", seal(head, account, money, vietnam, o("80", o("00", "vn.example"), "0101A")), "+", "+"},
		{"private part without an owner", seal(head, account, money, vietnam, o("87", "CLASSIC")), "unreserved_without_guid", "+unreserved_without_guid"},
		{"private part with an empty owner", seal(head, account, money, vietnam, o("99", "0000")), "unreserved_without_guid", "+unreserved_without_guid"},
		{"reserved tag", seal(head, account, money, vietnam, "6503ABC"), "+", "+"},

		{"merchant without city", seal(head, o("38", guid, payee, push), "52045411", money, vietnam, "5907TAP HOA"), "missing_merchant_field", "+missing_merchant_field"},
		{"merchant complete", seal(head, o("38", guid, payee, push), money, vietnam, shop), "+", "+"},
		{"cash without labels", seal(head, o("38", guid, payee, "0206QRCASH"), money, vietnam, shop), "missing_cash_label", "+missing_cash_label"},
		{"cash without terminal", seal(head, o("38", guid, payee, "0206QRCASH"), money, vietnam, shop, o("62", "0503ABC")), "missing_cash_label", "+missing_cash_label"},
		{"cash complete", seal(head, o("38", guid, payee, "0206QRCASH"), money, vietnam, shop, o("62", "0503ABC", "0703ABC")), "+", "+"},
		{"over 512", seal(head, account, money, vietnam, o("65", strings.Repeat("x", 99)), o("66", strings.Repeat("x", 99)), o("67", strings.Repeat("x", 99)), o("68", strings.Repeat("x", 99)), o("69", strings.Repeat("x", 99))), "+over_512", "+over_512"},

		{"lengths in bytes at the root only", seal(head, account, money, vietnam, "5908Chợ A1"), "length_counts_bytes", "+length_counts_bytes+non_ascii"},
		{"lengths in bytes inside 62", seal(head, account, money, vietnam, "6210", "0806Chợ1"), "length_counts_bytes", "+length_counts_bytes+non_ascii"},
		{"a byte length that ends inside a letter", seal(head, account, money, vietnam, "5904Chợ A1"), "bad_tag", "bad_tag"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for mode, want := range map[qrgen.Mode]string{qrgen.Strict: tt.strict, qrgen.Lenient: tt.lenient} {
				if got := decision(tt.text, mode); got != want {
					t.Errorf("mode %d: got %s, want %s; %q", mode, got, want, tt.text)
				}
			}
		})
	}
}

func decision(text string, mode qrgen.Mode) string {
	d, err := qrgen.Decode(text, mode)
	if err != nil {
		var bad *qrgen.FieldError
		errors.As(err, &bad)
		return bad.Code
	}
	return "+" + strings.Join(slices.Sorted(slices.Values(d.Warnings)), "+")
}

func TestDecodeNamesThePlace(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       qrgen.FieldError
		says       string
	}{
		{
			"account", seal(head, o("38", guid, o("01", "0006970436", "010512-34"), transfer), money, vietnam),
			qrgen.FieldError{Code: "bad_account", Field: "38-01-01", Position: 45},
			"38-01-01: An account number has digits and plain letters only. (character 45)",
		},
		{
			"characters are counted, not bytes", seal(head, account, money, vietnam, o("64", "0002vi", o("01", "Chợ")), "6601A", "6601B"),
			qrgen.FieldError{Code: "duplicate_tag", Field: "66", Position: 109},
			"66: A part is there twice. (character 109)",
		},
		{
			"what stands before the code counts too", "\n " + seal(head, account, "5303VND", vietnam),
			qrgen.FieldError{Code: "bad_currency", Field: "53", Position: 76},
			"53: A currency has three digits. (character 76)",
		},
		{
			"absent", seal(head, account, money),
			qrgen.FieldError{Code: "missing_country", Field: "58"},
			"58: The country is missing.",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := qrgen.Decode(tt.text, qrgen.Lenient)
			var got *qrgen.FieldError
			if !errors.As(err, &got) || *got != tt.want || err.Error() != tt.says {
				t.Errorf("got %#v %v, want %#v %s", got, err, tt.want, tt.says)
			}
		})
	}
}

func TestDecodeKeepsForeignParts(t *testing.T) {
	t.Parallel()
	zalo := o("00", "vn.zalopay") + "0103123"
	text := seal(head, "0316ABCDEFGH12345678", o("26", zalo), account, money, vietnam,
		o("62", "0805RAU A", o("50", "0002VN0101X")), "6503ABC", "8003046")
	d, err := qrgen.Decode("\ufeff"+text+"\n", qrgen.Lenient)
	if err != nil {
		t.Fatal(err)
	}
	if d.Text != text {
		t.Errorf("Text = %q, want %q", d.Text, text)
	}
	if d.Plain() {
		t.Error("Plain: what Static writes has none of this")
	}
	for name, pair := range map[string][2]any{
		"payees": {d.Payees, []qrgen.Payee{
			{Tag: "03", Scheme: qrgen.Card, Account: "ABCDEFGH12345678", Value: "ABCDEFGH12345678"},
			{Tag: "26", Scheme: qrgen.ZaloPay, GUID: "vn.zalopay", Value: zalo},
			{Tag: "38", Scheme: qrgen.VietQR, GUID: "A000000727", BIN: "970436", Account: "0011001234567", Value: account[4:]},
		}},
		"other accounts": {d.OtherMAI, map[string]string{"03": "ABCDEFGH12345678", "26": zalo}},
		"additional":     {d.AdditionalOther, map[string]string{"50": "0002VN0101X"}},
		"reserved":       {d.Reserved, map[string]string{"65": "ABC"}},
		"unreserved":     {d.Unreserved, map[string]string{"80": "046"}},
		"purpose":        {d.Additional.Purpose, "RAU A"},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: got %v, want %v", name, pair[0], pair[1])
		}
	}
	data, err := d.MarshalJSON()
	if err != nil || !strings.Contains(string(data), `"additional":{"50":"0002VN0101X","purpose":"RAU A"}`) {
		t.Errorf("JSON: %s, %v", data, err)
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	plain := seal(head, account, money, vietnam)
	for _, tt := range []struct {
		name, text string
		want       bool
	}{
		{"as a placard", plain, true},
		{"line end behind", plain + "\n", true},
		{"another order", seal(head, money, account, vietnam), false},
		{"a label", seal(head, account, money, vietnam, o("62", "0301A")), false},
		{"an amount", seal(head, account, money, "54041000", vietnam), false},
		{"a card", seal(head, o("38", guid, payee, "0208QRIBFTTC"), money, vietnam), false},
		{"one payment", seal("000201010212", account, money, vietnam), false},
	} {
		d, err := qrgen.Decode(tt.text, qrgen.Lenient)
		if err != nil || d.Plain() != tt.want {
			t.Errorf("%s: Plain = %t, %v; want %t", tt.name, d.Plain(), err, tt.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       qrgen.Content
	}{
		{"nothing", " \n", qrgen.Nothing},
		{"placard", seal(head, account, money, vietnam), qrgen.VietQR},
		{"placard cut in the middle", seal(head, account, money, vietnam)[:80], qrgen.VietQR},
		{"wallet beside", seal(head, o("26", o("00", "vn.momo")), account, money, vietnam), qrgen.VietQR},
		{"VNPAY", seal(head, o("26", "0010A000000775", "0103123"), money, vietnam), qrgen.VNPAY},
		{"MoMo", seal(head, o("26", o("00", "vn.momo")), money, vietnam), qrgen.MoMo},
		{"MoMo of old", "2|99|0912345678|||0|0|0", qrgen.MoMo},
		{"ZaloPay", seal(head, o("26", o("00", "vn.zalopay")), money, vietnam), qrgen.ZaloPay},
		{"AirPay", seal(head, o("26", o("00", "vn.airpay.www")), money, vietnam), qrgen.AirPay},
		{"electricity", seal(head, o("26", "000200"), money, vietnam), qrgen.EVN},
		{"Laos", seal(head, o("15", "3104180041804180"), o("38", "0016A005266284662577"), "5303418", "5802LA"), qrgen.LaoQR},
		{"Thailand", seal(head, o("29", "0016A000000677010111"), "5303764", "5802TH"), qrgen.PromptPay},
		{"card", seal(head, o("02", "4000001234567899"), money, vietnam), qrgen.Card},
		{"unknown scheme", seal(head, o("40", o("00", "vn.example")), money, vietnam), qrgen.OtherPayment},
		{"web", "HTTPS://example.org", qrgen.WebAddress},
		{"web without scheme", "www.example.org", qrgen.WebAddress},
		{"Wi-Fi", "WIFI:S:cho;T:WPA;P:12345678;;", qrgen.WiFi},
		{"text", "Chợ Vị Thanh", qrgen.PlainText},
		{"broken bytes", "\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff\xfe", qrgen.PlainText},
	} {
		if got := qrgen.Describe(tt.text); got != tt.want || got.Name() == "" {
			t.Errorf("%s: %s (%s), want %s", tt.name, got, got.Name(), tt.want)
		}
	}
}

// One wrong character is always noticed: a CRC of 16 bits finds every burst of up to 16.
func TestFlippedCharacter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text, err := qrgen.Static(anyBIN(t), anyAccount(t))
		if err != nil {
			t.Fatal(err)
		}
		i := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		c := rapid.ByteRange(0x20, 0x7E).Filter(func(c byte) bool { return c != text[i] }).Draw(t, "character")
		broken := text[:i] + string(c) + text[i+1:]
		d, err := qrgen.Decode(broken, qrgen.Lenient)
		sameInLowerCase := i >= len(text)-4 && strings.EqualFold(broken, text)
		if err == nil && !(sameInLowerCase && slices.Contains(d.Warnings, "crc_lowercase")) {
			t.Fatalf("%q with %q at %d is accepted", text, c, i)
		}
		if _, err := qrgen.Decode(broken, qrgen.Strict); err == nil {
			t.Fatalf("%q is accepted in strict mode", broken)
		}
	})
}

func anyBIN(t *rapid.T) string { return rapid.StringMatching(`[0-9]{6}`).Draw(t, "bin") }

func anyAccount(t *rapid.T) string {
	return rapid.StringMatching(`[0-9A-Za-z]{1,19}`).Draw(t, "account")
}
