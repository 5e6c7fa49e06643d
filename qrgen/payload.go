// Package qrgen reads, writes and draws VietQR payment codes: the text of a code and its checksum, the banks and
// wallets it can name, the numbers people have there, and the modules of its QR symbol. It knows no database and no HTTP.
package qrgen

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The services of sub-tag 38-02: what the account of a code is, and so which screen the paying app shows.
const (
	ToAccount  = "QRIBFTTA" // transfer to a bank or wallet account
	ToCard     = "QRIBFTTC" // transfer to a card
	ToMerchant = "QRPUSH"   // payment to a merchant's acquirer; also meant by a code that names no service
	ToCash     = "QRCASH"   // withdrawal at a machine
)

const (
	napas = "A000000727" // identifier of NAPAS in template 38
	vnpay = "A000000775" // identifier of VNPAY in template 26
)

// Payment is what a code shall say. The JSON form is that of testdata/vectors.json: amount is a string of digits there.
type Payment struct {
	Mode         string     `json:"mode"` // "static": the code pays many times, "dynamic": once
	Service      string     `json:"service,omitempty"`
	BIN          string     `json:"bin"`
	Account      string     `json:"account"`
	Amount       int64      `json:"amount,omitempty,string"` // dong; 0: the payer decides
	MCC          string     `json:"mcc,omitempty"`           // category, ISO 18245
	TipIndicator string     `json:"tip_indicator,omitempty"` // 01 asks the payer, 02 takes FeeFixed, 03 takes FeePercent
	FeeFixed     string     `json:"fee_fixed,omitempty"`     // dong
	FeePercent   string     `json:"fee_percent,omitempty"`   // 00.01 to 99.99
	MerchantName string     `json:"merchant_name,omitempty"` // at most 25, printable ASCII; Fold makes it so
	MerchantCity string     `json:"merchant_city,omitempty"` // at most 15, the same
	PostalCode   string     `json:"postal_code,omitempty"`   // at most 10, the same
	Additional   Additional `json:"additional,omitzero"`
	Language     Language   `json:"language,omitzero"`
}

// Additional is template 62: at most 25 printable ASCII characters each, and 99 in all with four for each field.
// "***" asks the payer to type the value.
type Additional struct {
	BillNumber          string `json:"bill_number,omitempty"`
	MobileNumber        string `json:"mobile_number,omitempty"`
	StoreLabel          string `json:"store_label,omitempty"`
	LoyaltyNumber       string `json:"loyalty_number,omitempty"`
	ReferenceLabel      string `json:"reference_label,omitempty"`
	CustomerLabel       string `json:"customer_label,omitempty"`
	TerminalLabel       string `json:"terminal_label,omitempty"`
	Purpose             string `json:"purpose,omitempty"`               // what paying apps put into the transfer's content
	ConsumerDataRequest string `json:"consumer_data_request,omitempty"` // any of A, M, E, each once
}

// Language is template 64, the only place where letters with marks may stand.
type Language struct {
	Preference string `json:"preference,omitempty"` // two letters, ISO 639
	Name       string `json:"name,omitempty"`       // at most 25 characters
	City       string `json:"city,omitempty"`       // at most 15 characters
}

// Static is the payload of a placard: tags 00 01 38 53 58 63 only, a transfer to an account that may be paid many times.
// Errors: *FieldError about "bin" or "account".
func Static(bin, account string) (string, error) {
	return Encode(Payment{Mode: "static", Service: ToAccount, BIN: bin, Account: account})
}

// Encode writes a payment in the canonical order, 00 01 38 52-61 62 64 63, lengths in characters. It refuses what does
// not fit and never trims or folds: whatever it returns, the strict reader accepts, and reads the same values back.
// Text in the language template is brought to NFC. Errors: *FieldError that names the field of the input.
func Encode(p Payment) (string, error) {
	switch {
	case p.BIN == "":
		return "", &FieldError{Code: "missing_bin", Field: "bin"}
	case p.Account == "":
		return "", &FieldError{Code: "missing_account", Field: "account"}
	case utf8.RuneCountInString(p.Account) > accountMax:
		return "", &FieldError{Code: "account_too_long", Field: "account"}
	case p.Mode == "":
		return "", &FieldError{Code: "missing_poi", Field: "mode"}
	case p.Mode != "static" && p.Mode != "dynamic":
		return "", &FieldError{Code: "bad_poi", Field: "mode"}
	}

	var w writer
	poi := "11"
	if p.Mode == "dynamic" {
		poi = "12"
	}
	amount := ""
	if p.Amount != 0 {
		amount = strconv.FormatInt(p.Amount, 10)
	}

	out := make([]byte, 0, 192)
	out = w.put(out, "00", "", "01")
	out = w.put(out, "01", "mode", poi)

	var beneficiary, template []byte
	beneficiary = w.put(beneficiary, "00", "bin", p.BIN)
	beneficiary = w.put(beneficiary, "01", "account", p.Account)
	template = w.put(template, "00", "", napas)
	template = w.put(template, "01", "account", string(beneficiary))
	template = w.put(template, "02", "service", p.Service)
	out = w.put(out, "38", "account", string(template))

	out = w.put(out, "52", "mcc", p.MCC)
	out = w.put(out, "53", "", "704")
	out = w.put(out, "54", "amount", amount)
	out = w.put(out, "55", "tip_indicator", p.TipIndicator)
	out = w.put(out, "56", "fee_fixed", p.FeeFixed)
	out = w.put(out, "57", "fee_percent", p.FeePercent)
	out = w.put(out, "58", "", "VN")
	out = w.put(out, "59", "merchant_name", p.MerchantName)
	out = w.put(out, "60", "merchant_city", p.MerchantCity)
	out = w.put(out, "61", "postal_code", p.PostalCode)

	var additional []byte
	for _, slot := range p.Additional.slots() {
		additional = w.put(additional, slot.tag, "additional/"+slot.name, *slot.value)
	}
	out = w.put(out, "62", "additional", string(additional))

	var language []byte
	language = w.put(language, "00", "language/preference", p.Language.Preference)
	language = w.put(language, "01", "language/name", norm.NFC.String(p.Language.Name))
	language = w.put(language, "02", "language/city", norm.NFC.String(p.Language.City))
	out = w.put(out, "64", "language", string(language))

	if w.err != nil {
		return "", w.err
	}
	text := string(appendCRC(out))

	// One set of rules: what the strict reader refuses is never written.
	if _, err := Decode(text, Strict); err != nil {
		var bad *FieldError
		if !errors.As(err, &bad) {
			return "", err
		}
		return "", &FieldError{Code: bad.Code, Field: inputField(bad.Field)}
	}
	return text, nil
}

// writer keeps the first thing that cannot be written at all; the rest is left to the strict reader.
type writer struct{ err *FieldError }

// put appends an object, or nothing when the value is empty.
func (w *writer) put(to []byte, tag, field, value string) []byte {
	if value == "" {
		return to
	}
	n := utf8.RuneCountInString(value)
	if w.err == nil {
		switch {
		case control(value) >= 0:
			w.err = &FieldError{Code: "control_character", Field: field}
		case n > 99:
			w.err = &FieldError{Code: "field_over_limit", Field: field}
		}
	}
	to = append(to, tag...)
	to = append(to, byte('0'+n/10%10), byte('0'+n%10))
	return append(to, value...)
}

// control finds the first byte of text that is not UTF-8 or begins a character that nobody sees: controls, zero-width
// and direction characters, line separators. It is -1 when there is none.
func control(text string) int {
	for i, r := range text {
		switch {
		case r >= 0x20 && r < 0x7F:
		case r == utf8.RuneError:
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return i
			}
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			return i
		}
	}
	return -1
}

// slot is one named field of template 62.
type slot struct {
	tag, name string
	max       int
	value     *string
}

func (a *Additional) slots() [9]slot {
	return [9]slot{
		{"01", "bill_number", 25, &a.BillNumber},
		{"02", "mobile_number", 25, &a.MobileNumber},
		{"03", "store_label", 25, &a.StoreLabel},
		{"04", "loyalty_number", 25, &a.LoyaltyNumber},
		{"05", "reference_label", 25, &a.ReferenceLabel},
		{"06", "customer_label", 25, &a.CustomerLabel},
		{"07", "terminal_label", 25, &a.TerminalLabel},
		{"08", "purpose", 25, &a.Purpose},
		{"09", "consumer_data_request", 3, &a.ConsumerDataRequest},
	}
}

// inputField is the field of Payment that a path of tags comes from.
func inputField(path string) string {
	if name, ok := inputFields[path]; ok {
		return name
	}
	var a Additional
	for _, slot := range a.slots() {
		if path == "62-"+slot.tag {
			return "additional/" + slot.name
		}
	}
	return path
}

var inputFields = map[string]string{
	"38-01-00": "bin", "38-01-01": "account", "38-02": "service", "52": "mcc", "54": "amount", "55": "tip_indicator",
	"56": "fee_fixed", "57": "fee_percent", "59": "merchant_name", "60": "merchant_city", "61": "postal_code",
	"62": "additional", "64": "language", "64-00": "language/preference", "64-01": "language/name", "64-02": "language/city",
}

// UnmarshalJSON reads the form of the vectors. A field that is not known is an error, since leaving it out would write
// another code than was asked for; so is an amount of nothing, which the zero of Amount could not tell from none.
// Errors about fields are *FieldError.
func (p *Payment) UnmarshalJSON(data []byte) error {
	type plain Payment
	in := struct {
		*plain
		Amount json.RawMessage `json:"amount"` // shadows the field of Payment
	}{plain: new(plain)}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) || !json.Valid(data) {
			return err
		}
		return &FieldError{Code: "unknown_field"}
	}
	*p = Payment(*in.plain)
	if len(in.Amount) == 0 || string(in.Amount) == "null" {
		return nil
	}
	text := string(in.Amount) // a bare whole number is taken too
	if text[0] == '"' {
		if err := json.Unmarshal(in.Amount, &text); err != nil {
			return err
		}
	}
	code := amountFault(text)
	if code == "" && (text[0] == '0' || !digits(text)) { // readers know 050000 and 50000., a writer does not
		code = "bad_amount"
	}
	if code != "" {
		return &FieldError{Code: code, Field: "amount"}
	}
	p.Amount, _ = strconv.ParseInt(text, 10, 64) // at most 13 digits by now
	return nil
}
