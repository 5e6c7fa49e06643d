package registry

import (
	"errors"
	"strings"

	"cho40/internal/fault"
	"cho40/qrgen"
)

// fromCode takes the text that the vendor's own app shows. A code that says no more than where the money goes is written
// again in our form; one that carries anything else is kept to the letter, since leaving a part out can break it.
func (p *proposal) fromCode(bad *[]fault.Field, pointer string, n NewAccount) {
	refuse := func(code, format string, args ...any) {
		*bad = append(*bad, fault.At(below(pointer, "payload"), code, format, args...))
	}
	d, err := qrgen.Decode(n.Payload, qrgen.Lenient)
	switch {
	case err != nil || d.Scheme != "vietqr":
		refuse("not-a-payee-code", "This is not a code for receiving money. Open “Receive” in the app and scan again.")
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
