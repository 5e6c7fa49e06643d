package qrgen

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mode says how much a reader forgives.
type Mode int

const (
	Strict  Mode = iota // what a conforming code must satisfy
	Lenient             // a code that a vendor already has: harmless faults of its maker become warnings
)

const (
	payloadMax = 2953 // bytes; the most that a QR symbol holds
	accountMax = 19   // characters of 38-01-01
	amountMax  = 13   // characters of 54 and 56
)

// Decoded is what a code says. The JSON form is the `decoded` of testdata/vectors.json.
type Decoded struct {
	Version        string            `json:"version"`
	POI            string            `json:"poi,omitempty"`  // tag 01: 11 or 12; empty when absent
	Mode           string            `json:"mode,omitempty"` // the same in words: static or dynamic
	Scheme         string            `json:"scheme"`         // vietqr, vnpay or other
	MAITag         string            `json:"mai_tag,omitempty"`
	GUID           string            `json:"guid,omitempty"`
	BIN            string            `json:"bin,omitempty"`
	Account        string            `json:"account,omitempty"` // as written: case matters
	Service        string            `json:"service,omitempty"`
	ServiceImplied string            `json:"service_implied,omitempty"` // QRPUSH when none is named
	MerchantID     string            `json:"merchant_id,omitempty"`     // of VNPAY
	OtherMAI       map[string]string `json:"other_mai,omitempty"`       // the other account templates, verbatim
	MCC            string            `json:"mcc,omitempty"`
	Currency       string            `json:"currency"`
	Amount         string            `json:"amount,omitempty"`     // as written
	AmountVND      int64             `json:"amount_vnd,omitempty"` // dong; 0: the payer decides
	TipIndicator   string            `json:"tip_indicator,omitempty"`
	FeeFixed       string            `json:"fee_fixed,omitempty"`
	FeePercent     string            `json:"fee_percent,omitempty"`
	Country        string            `json:"country"`
	MerchantName   string            `json:"merchant_name,omitempty"`
	MerchantCity   string            `json:"merchant_city,omitempty"`
	PostalCode     string            `json:"postal_code,omitempty"`
	Additional     Additional        `json:"-"` // in JSON together with AdditionalOther, under "additional"
	Language       Language          `json:"language,omitzero"`
	Reserved       map[string]string `json:"reserved,omitempty"`   // tags 65-79, verbatim
	Unreserved     map[string]string `json:"unreserved,omitempty"` // tags 80-99, verbatim
	CRC            string            `json:"crc"`                  // in upper case

	AdditionalOther map[string]string `json:"-"` // sub-tags 00 and 10-99 of 62, verbatim
	Payees          []Payee           `json:"-"` // everybody whom some app might pay, in the order written
	Warnings        []string          `json:"-"` // codes, each once, in the order found
	Text            string            `json:"-"` // what was read, without blanks around it
}

// MarshalJSON writes the form of the vectors; unknown sub-tags of 62 stand in "additional" under their digits.
func (d Decoded) MarshalJSON() ([]byte, error) {
	type plain Decoded
	additional := maps.Clone(d.AdditionalOther)
	for _, slot := range d.Additional.slots() {
		if *slot.value != "" {
			if additional == nil {
				additional = make(map[string]string)
			}
			additional[slot.name] = *slot.value
		}
	}
	return json.Marshal(struct {
		plain
		Additional map[string]string `json:"additional,omitempty"`
	}{plain(d), additional})
}

// Plain reports whether Static writes exactly this code from its bank and account. A code that is not plain says
// something more, or says it in another way, and is to be kept verbatim.
func (d Decoded) Plain() bool {
	text, err := Static(d.BIN, d.Account)
	return err == nil && text == d.Text
}

// Decode reads the text of a payment code and checks all of it, to the depth of 38-01 and 62. It never panics,
// whatever the bytes. Errors: *FieldError, the first fault in the order of the checks.
func Decode(text string, mode Mode) (Decoded, error) {
	r := reader{whole: text, mode: mode}
	root := r.frame()
	if r.err == nil {
		r.head(root)
		r.payee(root)
		r.money(root)
		r.texts(root)
		r.additional(root)
		r.language(root)
		r.private(root)
		r.merchant(root)
	}
	if r.err != nil {
		return Decoded{}, r.err
	}
	return r.d, nil
}

// reader carries one reading. The first error stands; the checks after it do no harm.
type reader struct {
	whole string // as given
	text  string // without blanks around
	lead  int    // bytes of whole before text
	mode  Mode
	count unit
	err   *FieldError
	d     Decoded
}

// fail refuses the code in both modes; path names the tags, at is a byte of text, -1 when there is no one place.
func (r *reader) fail(code, path string, at int) {
	if r.err != nil {
		return
	}
	r.err = &FieldError{Code: code, Field: path}
	if at >= 0 {
		r.err.Position = utf8.RuneCountInString(r.whole[:r.lead+at]) + 1
	}
}

// forgive refuses the code in strict mode and warns in lenient mode.
func (r *reader) forgive(code, path string, at int) {
	if r.mode == Strict {
		r.fail(code, path, at)
		return
	}
	r.warn(code)
}

func (r *reader) warn(code string) {
	for _, have := range r.d.Warnings {
		if have == code {
			return
		}
	}
	r.d.Warnings = append(r.d.Warnings, code)
}

// frame checks what can be told without knowing any tag: the characters, the checksum, the run of root objects.
func (r *reader) frame() objects {
	r.text = strings.TrimFunc(r.whole, around)
	r.lead = len(r.whole) - len(strings.TrimLeftFunc(r.whole, around))
	r.d.Text = r.text
	n := len(r.text)
	switch {
	case n == 0:
		r.lead = 0
		r.fail("empty", "", -1)
		return nil
	case n > payloadMax:
		r.fail("too_long", "", -1)
		return nil
	case n < len(r.whole):
		r.forgive("surrounding_whitespace", "", -1)
	}
	if at := control(r.text); at >= 0 {
		r.fail("control_character", "", at)
	}
	if n < 8 || r.text[n-8:n-4] != "6304" || !only(r.text[n-4:], hexadecimal) {
		r.fail("crc_missing", "63", -1)
		return nil
	}
	crc := r.text[n-4:]
	r.d.CRC = strings.ToUpper(crc)
	if want, _ := strconv.ParseUint(crc, 16, 16); crc16(r.text[:n-4]) != uint16(want) {
		r.fail("bad_crc", "63", n-4)
	} else if crc != r.d.CRC {
		r.forgive("crc_lowercase", "63", n-4)
	}
	if r.err != nil {
		return nil
	}
	if n > 512 {
		r.warn("over_512")
	}
	return r.root()
}

// root splits the text. Lengths count characters; a text that falls apart so and not when they count bytes was made
// by one of the generators that count bytes. Taking the wrong unit can also swallow the checksum into a value, so
// the run must end exactly there, and the templates that are known must fall apart nowhere.
func (r *reader) root() objects {
	root, path, bad := r.split()
	if bad.code != "" && !printable(r.text) {
		r.count = byByte
		if other, _, worse := r.split(); worse.code == "" {
			r.forgive("length_counts_bytes", "", -1)
			root, bad = other, fault{}
		} else {
			r.count = byCharacter
		}
	}
	if bad.code != "" {
		r.fail(bad.code, path, bad.at)
		return nil
	}
	r.repeats(root, "")
	if last := root[len(root)-1]; last.tag != "63" || last.at != len(r.text)-8 {
		r.fail("crc_not_last", "63", last.at)
	}
	r.empties(root, "")
	return root
}

// split walks the root and, for their lengths only, the templates that every reader must understand.
func (r *reader) split() (root objects, path string, bad fault) {
	root, bad = walk(r.text, 0, r.count)
	if bad.code != "" {
		return root, "", bad
	}
	if last := root[len(root)-1]; last.tag != "63" {
		return root, "63", fault{"crc_not_last", last.at}
	}
	for _, o := range root {
		if o.tag != "38" && o.tag != "62" {
			continue
		}
		inner, bad := walk(o.value, o.inside(), r.count)
		if bad.code != "" {
			return root, o.tag, bad
		}
		if o.tag == "38" && inner.first("00") == napas {
			beneficiary := inner.find("01")
			if _, bad := walk(beneficiary.value, beneficiary.inside(), r.count); bad.code != "" {
				return root, "38-01", bad
			}
		}
	}
	return root, "", fault{}
}

// repeats refuses a tag that stands twice in one container: readers differ in which of the two they take.
func (r *reader) repeats(all objects, path string) {
	if o, twice := all.twice(); twice {
		r.fail("duplicate_tag", below(path, o.tag), o.at)
	}
}

// empties forgives values of length 00, which from then on count as absent. An empty account is refused elsewhere.
func (r *reader) empties(all objects, path string) {
	for _, o := range all {
		account := o.tag == "01" && strings.HasSuffix(path, "-01")
		if o.value == "" && !account {
			r.forgive("empty_value", below(path, o.tag), o.at)
		}
	}
}

// head checks the version and the point of initiation.
func (r *reader) head(root objects) {
	version := root.find("00")
	switch {
	case version.tag == "":
		r.fail("missing_version", "00", -1)
	case root[0].tag != "00":
		r.fail("version_not_first", "00", version.at)
	case version.value != "01":
		r.fail("unsupported_version", "00", version.at)
	}
	r.d.Version = version.value

	poi := root.find("01")
	r.d.POI = poi.value
	switch poi.value {
	case "":
		r.forgive("missing_poi", "01", -1)
	case "11":
		r.d.Mode = "static"
	case "12":
		r.d.Mode = "dynamic"
	default:
		r.fail("bad_poi", "01", poi.at)
	}
}

// money checks 52 to 58.
func (r *reader) money(root objects) {
	mcc := root.find("52")
	r.d.MCC = mcc.value
	if mcc.value != "" && !(len(mcc.value) == 4 && digits(mcc.value)) {
		r.fail("bad_mcc", "52", mcc.at)
	}

	currency := root.find("53")
	r.d.Currency = currency.value
	switch {
	case currency.value == "":
		r.fail("missing_currency", "53", -1)
	case len(currency.value) != 3 || !digits(currency.value):
		r.fail("bad_currency", "53", currency.at)
	case currency.value != "704":
		r.fail("wrong_currency", "53", currency.at)
	}

	r.amount(root.find("54"))
	r.tip(root)

	country := root.find("58")
	r.d.Country = country.value
	switch country.value {
	case "VN":
	case "":
		r.fail("missing_country", "58", -1)
	default:
		r.fail("wrong_country", "58", country.at)
	}
}

func (r *reader) amount(amount object) {
	if amount.value == "" {
		if r.d.Mode == "dynamic" {
			r.warn("dynamic_without_amount")
		}
		return
	}
	r.d.Amount = amount.value
	if code := amountFault(amount.value); code != "" {
		r.fail(code, "54", amount.at)
		return
	}
	whole, fraction, _ := strings.Cut(amount.value, ".")
	r.d.AmountVND, _ = strconv.ParseInt(whole, 10, 64) // at most 13 digits
	if fraction != "" {
		r.forgive("amount_has_decimals", "54", amount.at)
	}
	if r.d.Mode == "static" {
		r.warn("static_with_amount")
	}
}

// amountFault is the code for an amount that nothing can be read from: digits, at most one mark after them, and after
// the mark only zeros, dong having no fraction.
func amountFault(text string) string {
	if utf8.RuneCountInString(text) > amountMax {
		return "amount_too_long"
	}
	whole, fraction, _ := strings.Cut(text, ".")
	switch {
	case whole == "" || !digits(whole) || strings.Trim(fraction, "0") != "":
		return "bad_amount"
	case strings.Trim(whole, "0") == "":
		return "amount_zero"
	}
	return ""
}

// tip checks that 56 stands with 55=02 and 57 with 55=03, each well formed, and neither anywhere else.
func (r *reader) tip(root objects) {
	indicator, fixed, percent := root.find("55"), root.find("56"), root.find("57")
	r.d.TipIndicator, r.d.FeeFixed, r.d.FeePercent = indicator.value, fixed.value, percent.value
	switch indicator.value {
	case "", "01", "02", "03":
	default:
		r.fail("bad_tip_indicator", "55", indicator.at)
	}
	if (indicator.value == "02") != (fixed.value != "") || fixed.value != "" && amountFault(fixed.value) != "" {
		r.forgive("tip_fields_inconsistent", "56", -1)
	}
	if (indicator.value == "03") != (percent.value != "") || percent.value != "" && !percentage(percent.value) {
		r.forgive("tip_fields_inconsistent", "57", -1)
	}
}

// percentage is 00.01 to 99.99, at most five characters.
func percentage(text string) bool {
	whole, fraction, marked := strings.Cut(text, ".")
	return whole != "" && len(whole) <= 2 && len(fraction) <= 2 && digits(whole) && digits(fraction) &&
		marked == (fraction != "") && strings.Trim(whole+fraction, "0") != ""
}

// texts checks 59 to 61.
func (r *reader) texts(root objects) {
	for _, field := range []struct {
		tag   string
		max   int
		value *string
	}{{"59", 25, &r.d.MerchantName}, {"60", 15, &r.d.MerchantCity}, {"61", 10, &r.d.PostalCode}} {
		o := root.find(field.tag)
		*field.value = o.value
		r.plain(o, field.tag, field.max)
	}
}

// plain checks a text of the common character set.
func (r *reader) plain(o object, path string, limit int) {
	r.limit(o, path, limit)
	if !printable(o.value) {
		r.forgive("non_ascii", path, o.at)
	}
}

func (r *reader) limit(o object, path string, limit int) {
	if utf8.RuneCountInString(o.value) > limit {
		r.forgive("field_over_limit", path, o.at)
	}
}

// additional checks 62. Its sub-tags from 10 on are kept as they are and may hold any letters.
func (r *reader) additional(root objects) {
	template := root.find("62")
	if template.value == "" {
		return
	}
	all, _ := walk(template.value, template.inside(), r.count) // split has seen it
	r.repeats(all, "62")
	r.empties(all, "62")
	slots := r.d.Additional.slots()
	for _, o := range all {
		if o.value == "" {
			continue
		}
		if o.tag == "00" || o.tag >= "10" {
			keep(&r.d.AdditionalOther, o)
			continue
		}
		for _, slot := range slots {
			if slot.tag == o.tag {
				*slot.value = o.value
				r.plain(o, "62-"+o.tag, slot.max)
			}
		}
		if o.tag == "09" && !dataRequest(o.value) {
			r.forgive("bad_consumer_data_request", "62-09", o.at)
		}
	}
}

// dataRequest is any of A, M, E, each at most once.
func dataRequest(text string) bool {
	for i, letter := range text {
		if !strings.ContainsRune("AME", letter) || strings.ContainsRune(text[:i], letter) {
			return false
		}
	}
	return true
}

// language checks 64, which is never needed for paying: a broken one is forgiven.
func (r *reader) language(root objects) {
	template := root.find("64")
	if template.value == "" {
		return
	}
	all, bad := walk(template.value, template.inside(), r.count)
	_, twice := all.twice()
	preference, name, city := all.find("00"), all.find("01"), all.find("02")
	r.d.Language = Language{preference.value, name.value, city.value}
	letters := len(preference.value) == 2 && only(preference.value, func(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' })
	if bad.code != "" || twice || !letters || name.value == "" {
		r.forgive("bad_language_template", "64", template.at)
	}
	r.limit(name, "64-01", 25)
	r.limit(city, "64-02", 15)
}

// private keeps 65 to 99. Each of 80 to 99 should name its owner in sub-tag 00; real codes of banks and wallets do not.
func (r *reader) private(root objects) {
	for _, o := range root {
		switch {
		case o.value == "" || o.tag < "65":
		case o.tag < "80":
			keep(&r.d.Reserved, o)
		default:
			keep(&r.d.Unreserved, o)
			if all, bad := walk(o.value, o.inside(), r.count); bad.code != "" || all.first("00") == "" {
				r.forgive("unreserved_without_guid", o.tag, o.at)
			}
		}
	}
}

// merchant checks what payments to merchants and withdrawals need beyond a transfer.
func (r *reader) merchant(root objects) {
	service := r.d.Service + r.d.ServiceImplied // one of the two is empty
	if service != ToMerchant && service != ToCash {
		return
	}
	for _, tag := range []string{"52", "59", "60"} {
		if root.first(tag) == "" {
			r.forgive("missing_merchant_field", tag, -1)
		}
	}
	if service == ToCash && r.d.Additional.ReferenceLabel == "" {
		r.forgive("missing_cash_label", "62-05", -1)
	}
	if service == ToCash && r.d.Additional.TerminalLabel == "" {
		r.forgive("missing_cash_label", "62-07", -1)
	}
}

// around is what scanners and copying put around a code: blanks, line ends, a byte-order mark.
func around(c rune) bool { return unicode.IsSpace(c) || c == '\uFEFF' }

func hexadecimal(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' || 'a' <= c && c <= 'f'
}

func keep(in *map[string]string, o object) {
	if *in == nil {
		*in = make(map[string]string)
	}
	(*in)[o.tag] = o.value
}

func below(path, tag string) string {
	if path == "" {
		return tag
	}
	return path + "-" + tag
}
