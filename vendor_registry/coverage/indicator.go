package coverage

import (
	"slices"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

// Indicator is something that is counted somewhere: by us, from the record, or by others, who report it.
type Indicator struct {
	Code     string `json:"code"`
	Share    bool   `json:"share"`    // a part of those concerned, so that a target may be a share; else a bare number
	Ours     bool   `json:"ours"`     // counted from the record: nobody reports it
	Provider string `json:"provider"` // whether it names a wallet or bank: none, optional, required
}

// Whether an indicator names a provider.
const (
	noProvider       = "none"
	providerOptional = "optional"
	providerRequired = "required"
)

// What is counted here and elsewhere. The order is that of lists and forms.
const (
	Accepting    = "accepting"     // vendors who are paid by scan, by Definition
	Equipped     = "equipped"      // by EquippedDefinition
	Used         = "used"          // by UsedDefinition
	PointsOfSale = "qr_points"     // codes of a provider that hang somewhere
	CashPoints   = "cash_points"   // where a provider takes cash in and gives it out
	Teams        = "digital_teams" // of those that there should be: 79 of 79 hamlets
)

// Indicators are all there are.
var Indicators = []Indicator{
	{Accepting, true, true, noProvider},
	{Equipped, true, true, noProvider},
	{Used, true, true, noProvider},
	{"vendors_with_qr", true, false, noProvider},
	{PointsOfSale, false, false, providerRequired},
	{CashPoints, false, false, providerRequired},
	{"mobile_money_customers", false, false, providerOptional},
	{"wallet_customers", false, false, providerRequired},
	{"files_online", true, false, noProvider},
	{"digital_skills_households", true, false, noProvider},
	{"provincial_app_households", true, false, noProvider},
	{"public_service_accounts", true, false, noProvider},
	{"eid_accounts", true, false, noProvider},
	{"account_holders", true, false, noProvider},
	{"smartphone_owners", true, false, noProvider},
	{"fibre_households", true, false, noProvider},
	{Teams, true, false, noProvider},
	{"team_members", false, false, noProvider},
	{"communes_helping", true, false, noProvider},
	{"marketplace_sellers", false, false, noProvider},
	{"marketplace_products", false, false, noProvider},
	{"marketplace_visits", false, false, noProvider},
}

// ofVendors are the indicators that count vendors or customers, whoever's they are.
var ofVendors = []string{"vendors_with_qr", "mobile_money_customers", "wallet_customers", PointsOfSale}

// IndicatorOf finds an indicator by its code.
func IndicatorOf(code string) (Indicator, bool) {
	i := slices.IndexFunc(Indicators, func(i Indicator) bool { return i.Code == code })
	if i < 0 {
		return Indicator{}, false
	}
	return Indicators[i], true
}

// indicator reads an indicator and the provider beside it, for which it returns our code.
func indicator(bad *[]fault.Field, code, provider string) (Indicator, string) {
	in, ok := IndicatorOf(code)
	switch {
	case code == "":
		*bad = append(*bad, fault.At("indicator", "required", "This must be filled in."))
		return in, ""
	case !ok:
		*bad = append(*bad, fault.At("indicator", "unknown", "One of: %s.", strings.Join(indicatorCodes(), ", ")))
		return in, ""
	case provider == "" && in.Provider == providerRequired:
		*bad = append(*bad, fault.At("provider", "required", "Say which wallet or bank."))
	case provider != "" && in.Provider == noProvider:
		*bad = append(*bad, fault.At("provider", "unwanted", "This is counted for no single wallet or bank. Leave it empty."))
	case provider != "":
		if provider, ok = registry.ProviderCode(provider); !ok {
			*bad = append(*bad, fault.At("provider", "unknown", "No wallet or bank is called that."))
		}
	}
	return in, provider
}

func indicatorCodes() (codes []string) {
	for _, i := range Indicators {
		codes = append(codes, i.Code)
	}
	return codes
}

// ours is what the record counts for an indicator; no number where nobody knows.
func ours(code string, s Share) Measured {
	at := func(n *int, share *float64, definition string) Measured {
		whole := int64(s.Vendors)
		m := Measured{Denominator: &whole, Share: share, Method: s.Method, Definition: definition, Day: s.AsOf}
		if n != nil {
			part := int64(*n)
			m.Numerator = &part
		}
		return m
	}
	switch code {
	case Equipped:
		return at(s.Equipped.Numerator, s.Equipped.Share, s.Equipped.Definition)
	case Used:
		return at(s.Used.Numerator, s.Used.Share, s.Used.Definition)
	}
	return at(&s.Accepting, s.Share, s.Definition)
}
