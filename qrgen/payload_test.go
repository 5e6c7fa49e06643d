package qrgen_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"cho40/qrgen"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestStatic(t *testing.T) {
	t.Parallel()
	got, err := qrgen.Static("971005", "0981234567")
	if want := seal(head, o("38", guid, o("01", "0006971005", "01100981234567"), transfer), money, vietnam); err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for _, tt := range []struct{ name, bin, account, code, field string }{
		{"no bank", "", "1", "missing_bin", "bin"},
		{"bank of five digits", "97100", "1", "bad_bin", "bin"},
		{"bank with a letter", "97100A", "1", "bad_bin", "bin"},
		{"bank in full-width digits", "97100５", "1", "bad_bin", "bin"},
		{"bank over 99", strings.Repeat("9", 100), "1", "field_over_limit", "bin"},
		{"no account", "971005", "", "missing_account", "account"},
		{"account of twenty", "971005", "12345678901234567890", "account_too_long", "account"},
		{"account with blanks", "971005", "0981 234 567", "bad_account", "account"},
		{"account with a line end", "971005", "0981234567\n", "control_character", "account"},
		{"account in full-width digits", "971005", "０９８１", "bad_account", "account"},
		{"account that is not UTF-8", "971005", "\xff", "control_character", "account"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := qrgen.Static(tt.bin, tt.account)
			wantError(t, err, tt.code, tt.field)
		})
	}
}

func wantError(t *testing.T, err error, code, field string) {
	t.Helper()
	var bad *qrgen.FieldError
	if !errors.As(err, &bad) || bad.Code != code || bad.Field != field || bad.Position != 0 {
		t.Errorf("err = %#v, want %s at %s", err, code, field)
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 25)
	for _, tt := range []struct {
		name        string
		change      func(*qrgen.Payment)
		code, field string
	}{
		{"no mode", func(p *qrgen.Payment) { p.Mode = "" }, "missing_poi", "mode"},
		{"unknown mode", func(p *qrgen.Payment) { p.Mode = "Static" }, "bad_poi", "mode"},
		{"unknown service", func(p *qrgen.Payment) { p.Service = "QRIBFT" }, "bad_service", "service"},
		{"negative amount", func(p *qrgen.Payment) { p.Amount = -1 }, "bad_amount", "amount"},
		{"amount over thirteen digits", func(p *qrgen.Payment) { p.Amount = 10_000_000_000_000 }, "amount_too_long", "amount"},
		{"category", func(p *qrgen.Payment) { p.MCC = "54" }, "bad_mcc", "mcc"},
		{"tip", func(p *qrgen.Payment) { p.TipIndicator = "4" }, "bad_tip_indicator", "tip_indicator"},
		{"fee without tip", func(p *qrgen.Payment) { p.FeeFixed = "1000" }, "tip_fields_inconsistent", "fee_fixed"},
		{"percentage without tip", func(p *qrgen.Payment) { p.FeePercent = "1.5" }, "tip_fields_inconsistent", "fee_percent"},
		{"name too long", func(p *qrgen.Payment) { p.MerchantName = long + "x" }, "field_over_limit", "merchant_name"},
		{"name far too long", func(p *qrgen.Payment) { p.MerchantName = strings.Repeat("x", 120) }, "field_over_limit", "merchant_name"},
		{"name not folded", func(p *qrgen.Payment) { p.MerchantName = "Chợ" }, "non_ascii", "merchant_name"},
		{"name with a line end", func(p *qrgen.Payment) { p.MerchantName = "A\nB" }, "control_character", "merchant_name"},
		{"city too long", func(p *qrgen.Payment) { p.MerchantCity = "THANH PHO DANANG" }, "field_over_limit", "merchant_city"},
		{"postal code too long", func(p *qrgen.Payment) { p.PostalCode = "12345678901" }, "field_over_limit", "postal_code"},
		{"purpose too long", func(p *qrgen.Payment) { p.Additional.Purpose = long + "x" }, "field_over_limit", "additional/purpose"},
		{"purpose not folded", func(p *qrgen.Payment) { p.Additional.Purpose = "tiền rau" }, "non_ascii", "additional/purpose"},
		{"template 62 over 99", func(p *qrgen.Payment) {
			p.Additional = qrgen.Additional{BillNumber: long, StoreLabel: long, ReferenceLabel: long, Purpose: "123456789"}
		}, "field_over_limit", "additional"},
		{"data request", func(p *qrgen.Payment) { p.Additional.ConsumerDataRequest = "AX" }, "bad_consumer_data_request", "additional/consumer_data_request"},
		{"language without name", func(p *qrgen.Payment) { p.Language.Preference = "vi" }, "bad_language_template", "language"},
		{"language name too long", func(p *qrgen.Payment) {
			p.Language = qrgen.Language{Preference: "vi", Name: strings.Repeat("ợ", 26)}
		}, "field_over_limit", "language/name"},
		{"merchant without category", func(p *qrgen.Payment) { p.Service = qrgen.ToMerchant }, "missing_merchant_field", "mcc"},
		{"no service means merchant", func(p *qrgen.Payment) { p.Service, p.MCC = "", "5411" }, "missing_merchant_field", "merchant_name"},
		{"cash without reference", func(p *qrgen.Payment) {
			p.Service, p.MCC, p.MerchantName, p.MerchantCity = qrgen.ToCash, "6011", "A", "B"
		}, "missing_cash_label", "additional/reference_label"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := qrgen.Payment{Mode: "static", Service: qrgen.ToAccount, BIN: "970436", Account: "1"}
			tt.change(&p)
			text, err := qrgen.Encode(p)
			if text != "" {
				t.Errorf("wrote %q", text)
			}
			wantError(t, err, tt.code, tt.field)
		})
	}
}

func TestPaymentJSON(t *testing.T) {
	t.Parallel()
	const start = `{"mode":"dynamic","service":"QRIBFTTA","bin":"970436","account":"1"`
	for _, tt := range []struct {
		name, more string
		amount     int64
		code       string
		field      string
	}{
		{"no amount", ``, 0, "", ""},
		{"null", `,"amount":null`, 0, "", ""},
		{"digits", `,"amount":"35000"`, 35000, "", ""},
		{"a number", `,"amount":35000`, 35000, "", ""},
		{"thirteen digits", `,"amount":"9999999999999"`, 9999999999999, "", ""},
		{"fourteen digits", `,"amount":"99999999999999"`, 0, "amount_too_long", "amount"},
		{"beyond int64", `,"amount":"99999999999999999999"`, 0, "amount_too_long", "amount"},
		{"zero", `,"amount":"0"`, 0, "amount_zero", "amount"},
		{"empty", `,"amount":""`, 0, "bad_amount", "amount"},
		{"negative", `,"amount":"-5"`, 0, "bad_amount", "amount"},
		{"negative number", `,"amount":-5`, 0, "bad_amount", "amount"},
		{"grouped", `,"amount":"35,000"`, 0, "bad_amount", "amount"},
		{"trailing mark", `,"amount":"35000."`, 0, "bad_amount", "amount"},
		{"decimals", `,"amount":"35000.00"`, 0, "bad_amount", "amount"},
		{"leading zero", `,"amount":"035000"`, 0, "bad_amount", "amount"},
		{"exponent", `,"amount":35e3`, 0, "bad_amount", "amount"},
		{"an object", `,"amount":{}`, 0, "bad_amount", "amount"},
		{"a field we would leave out", `,"currency":"840"`, 0, "unknown_field", ""},
		{"a field we would leave out below", `,"additional":{"purpos":"x"}`, 0, "unknown_field", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var p qrgen.Payment
			err := json.Unmarshal([]byte(start+tt.more+`}`), &p)
			if tt.code != "" {
				wantError(t, err, tt.code, tt.field)
			} else if err != nil || p.Amount != tt.amount || p.BIN != "970436" {
				t.Errorf("got %+v, %v; want amount %d", p, err, tt.amount)
			}
		})
	}
	var p qrgen.Payment
	var kind *json.UnmarshalTypeError
	if err := json.Unmarshal([]byte(`{"account":981234567}`), &p); !errors.As(err, &kind) {
		t.Errorf("an account as a number: %v, want a type error: it has lost its zero", err)
	}
}

// What is written is read back the same, in both modes and without a warning that it does not deserve.
func TestEncodeDecode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := anyPayment(t)
		text, err := qrgen.Encode(p)
		if err != nil {
			var bad *qrgen.FieldError
			if !errors.As(err, &bad) || bad.Code != "field_over_limit" || bad.Field != "additional" {
				t.Fatalf("Encode(%+v): %v", p, err) // nothing else can go wrong with these
			}
			return
		}
		strict, err := qrgen.Decode(text, qrgen.Strict)
		if err != nil {
			t.Fatalf("strict: %v; %q", err, text)
		}
		lenient, err := qrgen.Decode(text, qrgen.Lenient)
		if err != nil || !reflect.DeepEqual(strict, lenient) {
			t.Fatalf("lenient differs: %+v, %v; strict %+v", lenient, err, strict)
		}
		p.Language.Name, p.Language.City = norm.NFC.String(p.Language.Name), norm.NFC.String(p.Language.City)
		if got := paymentOf(strict); got != p {
			t.Fatalf("got %+v, want %+v", got, p)
		}
		if text != seal(text[:len(text)-8]) || strict.Text != text {
			t.Fatalf("checksum or text of %q", text)
		}
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var again qrgen.Payment
		if err := json.Unmarshal(data, &again); err != nil || again != p {
			t.Fatalf("%s: got %+v, %v", data, again, err)
		}
	})
}

// paymentOf is what would write a code again.
func paymentOf(d qrgen.Decoded) qrgen.Payment {
	return qrgen.Payment{
		Mode: d.Mode, Service: d.Service, BIN: d.BIN, Account: d.Account, Amount: d.AmountVND, MCC: d.MCC,
		TipIndicator: d.TipIndicator, FeeFixed: d.FeeFixed, FeePercent: d.FeePercent,
		MerchantName: d.MerchantName, MerchantCity: d.MerchantCity, PostalCode: d.PostalCode,
		Additional: d.Additional, Language: d.Language,
	}
}

func anyPayment(t *rapid.T) qrgen.Payment {
	text := func(label string, least, most int) string {
		return rapid.StringOfN(rapid.RuneFrom(nil, asciiTable), least, most, -1).Draw(t, label)
	}
	p := qrgen.Payment{
		Mode:         rapid.SampledFrom([]string{"static", "dynamic"}).Draw(t, "mode"),
		Service:      rapid.SampledFrom([]string{"", qrgen.ToAccount, qrgen.ToCard, qrgen.ToMerchant, qrgen.ToCash}).Draw(t, "service"),
		BIN:          anyBIN(t),
		Account:      anyAccount(t),
		Amount:       rapid.Int64Range(0, 9_999_999_999_999).Draw(t, "amount"),
		MCC:          rapid.StringMatching(`[0-9]{4}`).Draw(t, "mcc"),
		MerchantName: text("name", 1, 25),
		MerchantCity: text("city", 1, 15),
		PostalCode:   text("postal", 0, 10),
		Additional: qrgen.Additional{
			BillNumber: text("bill", 0, 20), StoreLabel: text("store", 0, 20), ReferenceLabel: text("reference", 1, 20),
			TerminalLabel: text("terminal", 1, 20), Purpose: text("purpose", 0, 20),
			ConsumerDataRequest: rapid.SampledFrom([]string{"", "A", "ME", "EMA"}).Draw(t, "data"),
		},
	}
	switch p.TipIndicator = rapid.SampledFrom([]string{"", "01", "02", "03"}).Draw(t, "tip"); p.TipIndicator {
	case "02":
		p.FeeFixed = "1000"
	case "03":
		p.FeePercent = "1.50"
	}
	if rapid.Bool().Draw(t, "language") {
		p.Language = qrgen.Language{Preference: "vi", Name: "Chợ Vị Thanh", City: rapid.SampledFrom([]string{"", "Cần Thơ"}).Draw(t, "in")}
	}
	return p
}
