package registry

import (
	"errors"
	"strings"

	"cho40/internal/fault"
	"cho40/qrgen"
)

// fromCode takes the text that the vendor's own app shows. A code that says no more than where the money goes is written
// again in our form; one that carries anything else is kept to the letter, since leaving a part out can break it.
func (p *proposal) fromCode(bad *[]fault.Field, pointer string, n NewAccount, day Day) {
	refuse := func(code, format string, args ...any) {
		*bad = append(*bad, fault.At(below(pointer, "payload"), code, format, args...))
	}
	d, err := qrgen.Decode(n.Payload, qrgen.Lenient)
	switch {
	case err != nil || d.Scheme != "vietqr":
		f := NotPayee(qrgen.Describe(n.Payload))
		*bad = append(*bad, fault.Field{Pointer: below(pointer, "payload"), Code: f.Code, Detail: f.Detail})
		return
	case d.Service == "QRIBFTTC":
		refuse("card-refused", "This code holds a card number. Open “Receive” in the app and scan the account's code.")
		return
	case d.Service == "QRCASH":
		refuse("not-a-payee-code", "This is not a code for receiving money. Open “Receive” in the app and scan again.")
		return
	case d.Amount != "":
		refuse("amount-fixed", "This code asks for one fixed amount. Scan the code without an amount.")
		return
	}
	for _, other := range d.Payees {
		if other.BIN == d.BIN && other.Account == d.Account {
			continue
		}
		if !knownPayee[other.Scheme] {
			refuse("unknown-payee", "This code also pays somebody we do not know (tag %s), so it is not taken.", other.Tag)
			return
		}
	}
	provider, ok := qrgen.ProviderOf(d.BIN)
	if !ok {
		refuse("unknown-provider", "The bank with the number %s is not in the list.", d.BIN)
		return
	}
	if !provider.On(day.String()) {
		*bad = append(*bad, ended(below(pointer, "payload"), provider, day))
		return
	}
	if n.Provider != "" {
		if named, ok := qrgen.ProviderOf(n.Provider); !ok || named.BIN != provider.BIN {
			*bad = append(*bad, fault.At(below(pointer, "provider"), "differs", "The code is one of %s.", provider.Name))
			return
		}
	}
	if n.Number != "" && n.Number != d.Account {
		*bad = append(*bad, fault.At(below(pointer, "number"), "differs", "The code pays another number."))
		return
	}
	p.Source, p.Provider, p.bin, p.Number, p.payload = "scanned", provider.Code, provider.BIN, d.Account, d.Text
	if rebuildable(d) {
		if p.payload, err = qrgen.Static(d.BIN, d.Account); err != nil {
			*bad = append(*bad, NumberFault(below(pointer, "payload"), provider, err))
		}
	}
}

// NotPayee says what a scanned code is instead of one for receiving transfers, so that a person knows what to scan next.
func NotPayee(is qrgen.Content) *fault.Error {
	say := func(format string, args ...any) *fault.Error {
		return fault.New(fault.Invalid, "not-a-payee-code", format, args...)
	}
	switch is {
	case qrgen.VietQR:
		return say("This is a VietQR code with a fault: damaged, changed or badly made. Scan it once more; if it stays so, open “Receive” in the app and scan that code.")
	case qrgen.VNPAY, qrgen.AirPay, qrgen.EVN, qrgen.MoMo, qrgen.ZaloPay:
		return say("This is a merchant code of %s, not a transfer code. Open “Receive” in the app and scan that code.", is.Name())
	case qrgen.LaoQR, qrgen.PromptPay:
		return say("This is a payment code of another country (%s). Scan the vendor's own code of a wallet or bank in Vietnam.", is.Name())
	case qrgen.Card:
		return say("This code is of an international card scheme, not a transfer code. Open “Receive” in the app and scan that code.")
	case qrgen.WebAddress:
		return say("This code holds a web address, not an account. Open “Receive” in the app and scan that code.")
	case qrgen.WiFi:
		return say("This code is for joining a Wi-Fi network. Open “Receive” in the app and scan that code.")
	case qrgen.PlainText, qrgen.Nothing:
		return say("This code holds some text, not an account. Open “Receive” in the app and scan that code.")
	}
	return say("This is not a code for receiving money. Open “Receive” in the app and scan again.")
}

// knownPayee are the templates that the vendor's own wallet or bank puts beside the transfer; the approver is shown each.
var knownPayee = map[qrgen.Content]bool{qrgen.MoMo: true, qrgen.ZaloPay: true, qrgen.Card: true}

// alsoPays names the payees of a verbatim code beside the account itself.
func alsoPays(payload string) []string {
	d, err := qrgen.Decode(payload, qrgen.Lenient)
	if err != nil || len(d.Payees) < 2 {
		return nil
	}
	var names []string
	for _, p := range d.Payees {
		if p.BIN != d.BIN || p.Account != d.Account {
			names = append(names, strings.TrimSpace(p.Scheme.Name()+" "+p.Account))
		}
	}
	return names
}

// rebuildable reports whether the code says nothing beyond a transfer to an account that Static would lose: names, category
// and the checksum's spelling do not say where the money goes.
func rebuildable(d qrgen.Decoded) bool {
	return d.Service == "QRIBFTTA" && len(d.OtherMAI) == 0 && len(d.Payees) <= 1 && len(d.Reserved) == 0 && len(d.Unreserved) == 0 &&
		d.Additional == (qrgen.Additional{}) && len(d.AdditionalOther) == 0 && d.Language == (qrgen.Language{}) && d.TipIndicator == ""
}

// NumberFault says in a person's words why a provider does not take an account number.
func NumberFault(pointer string, p qrgen.Provider, err error) fault.Field {
	var f *qrgen.FieldError
	if !errors.As(err, &f) {
		return fault.At(pointer, "account-bad", "%s does not take this account number.", p.Name)
	}
	return fault.Field{Pointer: pointer, Code: strings.ReplaceAll(f.Code, "_", "-"), Detail: fault.Text{Format: f.Message()}}
}

// providerOf is our code of a provider named in any way.
func providerOf(name string) (code string, ok bool) {
	p, ok := qrgen.ProviderOf(name)
	return p.Code, ok
}
