package qrgen

// Provider is a bank, wallet or other institution that a VietQR code can name. Names and BINs change over the years, so a
// record keeps the code and the BIN it was made with.
type Provider struct {
	BIN         string   `json:"bin"`                  // six digits; what a payload names, and the key of the directory
	Code        string   `json:"code"`                 // ours, for ever: viettel_money, vnpt_money, momo, else a bank's short code in lower case
	Name        string   `json:"name"`                 // in words, as printed
	FullName    string   `json:"full_name"`            // in Vietnamese
	Kind        string   `json:"kind"`                 // bank, wallet, mobile_money or other
	Pays        bool     `json:"pays"`                 // its own app can pay by scanning; says nothing about receiving
	LooksUp     bool     `json:"looks_up"`             // the holder's name can be looked up
	NumberRule  string   `json:"number"`               // what its account numbers are: mobile, a phone number, or account, see Number
	NumberBasis string   `json:"number_basis"`         // how sure that is: confirmed by codes seen, format (the standard's own rule), unconfirmed
	SecondOf    string   `json:"second_of,omitempty"`  // BIN of the provider of which this is a further BIN; found by BIN and code only
	ValidFrom   string   `json:"valid_from,omitempty"` // first day, YYYY-MM-DD; empty: not known, and taken as always
	ValidTo     string   `json:"valid_to,omitempty"`   // first day on which it is no more; empty while it lasts
	ReadOn      string   `json:"read_on"`              // the day on which the source was read
	Source      string   `json:"source"`               // the lists it stands in, and how sure its flags are
	Names       []string `json:"names,omitempty"`      // older names, short forms, usual misspellings
}

// On reports whether the provider takes money on a day, YYYY-MM-DD.
func (p Provider) On(day string) bool {
	return p.ValidFrom <= day && (p.ValidTo == "" || day < p.ValidTo)
}

// keys are the forms under which the names of a provider are found.
func (p Provider) keys() []string {
	if p.SecondOf != "" {
		return nil
	}
	var keys []string
	for _, name := range append([]string{p.Name, p.FullName}, p.Names...) {
		for _, key := range []string{squeeze(name), squeeze(core(Search(name)))} {
			if key != "" {
				keys = append(keys, key)
			}
		}
	}
	return keys
}
