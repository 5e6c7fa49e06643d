package qrgen

import (
	"strings"
	"unicode/utf8"
)

// Content is what a text read from a QR symbol turns out to be.
type Content string

// The contents that Describe tells apart. Those that are payments also name the payees of a code.
const (
	Nothing      Content = "empty"
	VietQR       Content = "vietqr"
	VNPAY        Content = "vnpay"
	MoMo         Content = "momo"
	ZaloPay      Content = "zalopay"
	AirPay       Content = "airpay" // ShopeePay
	EVN          Content = "evn"    // electricity bills
	LaoQR        Content = "laoqr"
	PromptPay    Content = "promptpay" // Thailand
	Card         Content = "card"      // an international card scheme
	OtherPayment Content = "payment"   // some other code of the same base format
	WebAddress   Content = "url"
	WiFi         Content = "wifi"
	PlainText    Content = "text"
)

// Name is the content in English words, or the name of the scheme as it calls itself.
func (c Content) Name() string {
	if name, ok := contentNames[c]; ok {
		return name
	}
	return string(c)
}

var contentNames = map[Content]string{
	Nothing: "nothing", VietQR: "VietQR", VNPAY: "VNPAY-QR", MoMo: "MoMo", ZaloPay: "ZaloPay", AirPay: "AirPay/ShopeePay",
	EVN: "EVN", LaoQR: "Lao QR", PromptPay: "PromptPay", Card: "card scheme", OtherPayment: "payment code of another scheme",
	WebAddress: "web address", WiFi: "Wi-Fi", PlainText: "text",
}

// schemes by the identifier in sub-tag 00 of an account template.
var schemes = map[string]Content{
	napas: VietQR, vnpay: VNPAY, "vn.momo": MoMo, "vn.zalopay": ZaloPay, "vn.airpay.www": AirPay, "00": EVN,
	"A005266284662577": LaoQR, "A000000677010111": PromptPay, "A000000677010112": PromptPay,
}

// Payee is one account template of a code. An app takes the one it knows, so a code with two may pay two people.
type Payee struct {
	Tag     string  // 02 to 51
	Scheme  Content // whose template it is
	GUID    string  // its identifier as written; empty for card schemes
	BIN     string  // of VietQR
	Account string  // account or merchant number, where the template is understood
	Value   string  // the whole template, verbatim
}

// Describe says what a text is, a payment code or not, without checking it. It is for telling a person what they
// scanned when Decode has refused it.
func Describe(text string) Content {
	text = strings.TrimFunc(text, around)
	lower := strings.ToLower(text[:min(len(text), 16)])
	switch {
	case text == "":
		return Nothing
	case strings.HasPrefix(text, "0002"):
		root, _ := walk(text[:min(len(text), payloadMax)], 0, byCharacter) // what stands before a fault is enough
		return mainContent(payees(root, byCharacter))
	case strings.HasPrefix(text, "2|99|"): // MoMo's own form before it took up VietQR
		return MoMo
	case strings.HasPrefix(lower, "http://"), strings.HasPrefix(lower, "https://"), strings.HasPrefix(lower, "www."):
		return WebAddress
	case strings.HasPrefix(lower, "wifi:"):
		return WiFi
	}
	return PlainText
}

// mainContent is VietQR when any payee is, else the first scheme known by name.
func mainContent(all []Payee) Content {
	found := OtherPayment
	for _, p := range all {
		if p.Scheme == VietQR {
			return VietQR
		}
		if found == OtherPayment || found == Card {
			found = p.Scheme
		}
	}
	return found
}

// payees lists the account templates. 02 to 25 are plain numbers of card schemes, 26 to 51 templates that name their
// scheme in sub-tag 00; of a broken one, what stands before the fault is taken.
func payees(root objects, count unit) []Payee {
	var all []Payee
	for _, o := range root {
		if o.tag < "02" || o.tag > "51" || o.value == "" {
			continue
		}
		p := Payee{Tag: o.tag, Scheme: Card, Value: o.value}
		if o.tag < "26" {
			p.Account = o.value
			all = append(all, p)
			continue
		}
		inner, _ := walk(o.value, o.inside(), count)
		p.GUID = inner.first("00")
		var known bool
		if p.Scheme, known = schemes[p.GUID]; !known {
			p.Scheme = OtherPayment
		}
		switch p.Scheme {
		case VietQR:
			beneficiary, _ := walk(inner.first("01"), 0, count)
			p.BIN, p.Account = beneficiary.first("00"), beneficiary.first("01")
		case VNPAY:
			p.Account = inner.first("01")
		}
		all = append(all, p)
	}
	return all
}

// payee finds who is paid. The identifier decides, not the tag: others use 38 too, and NAPAS itself once used 26.
func (r *reader) payee(root objects) {
	all := payees(root, r.count)
	r.d.Payees = all
	var ours, vnpayCode, in38 *Payee
	for i := range all {
		p := &all[i]
		if p.Tag == "38" {
			in38 = p
		}
		if p.Scheme == VietQR && (ours == nil || p.Tag == "38") {
			ours = p
		}
		if p.Scheme == VNPAY && vnpayCode == nil {
			vnpayCode = p
		}
	}
	if o := root.find("38"); o.tag != "" && (in38 == nil || in38.Scheme != VietQR) {
		r.foreign38(o, ours == nil)
	}

	chosen := ours
	switch {
	case len(all) == 0:
		r.fail("missing_merchant_account", "", -1)
		return
	case ours != nil:
		r.d.Scheme = "vietqr"
		for _, p := range all {
			if p.Scheme == VietQR && p.Tag != "38" {
				r.forgive("napas_guid_outside_38", p.Tag, root.find(p.Tag).at)
			}
		}
		r.beneficiary(root.find(ours.Tag))
	case r.mode == Strict:
		r.fail("not_vietqr", "", -1)
	case vnpayCode != nil:
		chosen = vnpayCode
		r.d.Scheme, r.d.MerchantID = "vnpay", vnpayCode.Account
		r.warn("scheme_vnpay")
	default:
		r.d.Scheme = "other"
		r.warn("scheme_other")
	}
	if chosen != nil {
		r.d.MAITag, r.d.GUID = chosen.Tag, chosen.GUID
	}
	for _, p := range all {
		if chosen == nil || p.Tag != chosen.Tag {
			keep(&r.d.OtherMAI, object{tag: p.Tag, value: p.Value})
		}
	}
}

// foreign38 judges a template 38 that is not of NAPAS: another scheme may use the tag, a template without a believable
// identifier is damage.
func (r *reader) foreign38(o object, alone bool) {
	all, _ := walk(o.value, o.inside(), r.count) // split has seen it
	r.repeats(all, "38")
	r.empties(all, "38")
	guid := all.find("00")
	switch {
	case guid.value == "":
		r.fail("missing_guid", "38-00", o.at)
	case !identifier(guid.value):
		r.fail("bad_guid", "38-00", guid.at)
	case alone && r.mode == Strict:
		r.fail("bad_guid", "38-00", guid.at)
	}
}

// identifier is a form that the base format gives to identifiers: an application identifier (five bytes and more, in
// hexadecimal, the first digit A, D or F for registered ones), a UUID without hyphens, or a reversed domain name.
func identifier(guid string) bool {
	if len(guid) > 32 || !printable(guid) {
		return false
	}
	hex := only(guid, hexadecimal)
	return hex && len(guid) == 32 || hex && len(guid) >= 10 && strings.ContainsRune("ADFadf", rune(guid[0])) ||
		strings.Contains(strings.Trim(guid, "."), ".")
}

// beneficiary reads the NAPAS template o: bank, account and service.
func (r *reader) beneficiary(o object) {
	inner, bad := walk(o.value, o.inside(), r.count)
	if bad.code != "" {
		r.fail(bad.code, o.tag, bad.at)
		return
	}
	r.repeats(inner, o.tag)
	r.empties(inner, o.tag)

	holder := inner.find("01")
	if holder.value == "" {
		r.fail("missing_beneficiary", o.tag+"-01", o.at)
		return
	}
	path := o.tag + "-01"
	parts, bad := walk(holder.value, holder.inside(), r.count)
	if bad.code != "" {
		r.fail(bad.code, path, bad.at)
		return
	}
	r.repeats(parts, path)
	r.empties(parts, path)

	bin := parts.find("00")
	r.d.BIN = bin.value
	switch {
	case bin.value == "":
		r.fail("missing_bin", path+"-00", holder.at)
	case len(bin.value) != 6 || !digits(bin.value):
		r.fail("bad_bin", path+"-00", bin.at)
	}

	account := parts.find("01")
	r.d.Account = account.value
	if code := accountFault(account.value); code != "" {
		at := account.at
		if account.tag == "" {
			at = holder.at
		}
		r.fail(code, path+"-01", at)
	}
	r.service(inner.find("02"), parts.find("02"), o.tag)
}

// service takes 38-02. Some generators nest it in 38-01; a code that names two different ones is refused.
func (r *reader) service(outer, nested object, tag string) {
	o, path := outer, tag+"-02"
	if nested.value != "" {
		r.forgive("service_nested", tag+"-01-02", nested.at)
		if outer.value == "" {
			o, path = nested, tag+"-01-02"
		} else if nested.value != outer.value {
			r.fail("bad_service", tag+"-01-02", nested.at)
		}
	}
	switch o.value {
	case ToAccount, ToCard, ToMerchant, ToCash:
		r.d.Service = o.value
	case "":
		r.d.ServiceImplied = ToMerchant
		r.warn("missing_service")
	default:
		r.fail("bad_service", path, o.at)
	}
}

// accountFault is the code for an account number that no code may carry.
func accountFault(account string) string {
	n := utf8.RuneCountInString(account)
	switch {
	case n == 0:
		return "missing_account"
	case n > accountMax:
		return "account_too_long"
	case !alphanumeric(account):
		return "bad_account"
	}
	return ""
}
