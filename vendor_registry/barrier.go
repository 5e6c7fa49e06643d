package registry

import "time"

// Barrier is a reason why a vendor does not accept cashless payment, as a visit records it.
type Barrier struct {
	Code     string        `json:"code"`
	Words    string        `json:"-"`         // in English, a key of the catalogue
	ClearsIt string        `json:"clears_it"` // volunteer, board, provider, nobody: who can clear it as things stand
	Again    time.Duration `json:"-"`         // after which one asks again, unless the visit named a day
}

const day = 24 * time.Hour

// Barriers are the reasons that are recorded, in the order in which they are offered. Who said no is asked again at most once a quarter.
var Barriers = []Barrier{
	{"no_phone", "No phone of their own", "nobody", 90 * day},
	{"feature_phone", "A phone without internet", "provider", 60 * day},
	{"no_sim_registered", "The SIM is not in their name", "provider", 14 * day},
	{"no_account", "No wallet or bank account yet", "volunteer", 7 * day},
	{"id_issue", "Identity papers are missing or old", "board", 30 * day},
	{"no_signal", "No signal at the stall", "provider", 60 * day},
	{"not_confident", "Afraid of doing something wrong", "volunteer", 7 * day},
	{"needs_practice", "Needs practice", "volunteer", 7 * day},
	{"relative_handles", "A relative handles the money", "volunteer", 14 * day},
	{"privacy_fear", "Does not want to give personal data", "volunteer", 30 * day},
	{"scam_fear", "Afraid of being cheated", "volunteer", 30 * day},
	{"tax_worry", "Worried about tax", "board", 60 * day},
	{"fees", "Fees", "provider", 60 * day},
	{"cash_out_far", "Cash can be had only far away", "provider", 60 * day},
	{"app_hard", "The app is hard to use", "provider", 30 * day},
	{"buyers_pay_cash", "Buyers pay in cash", "volunteer", 60 * day},
	{"no_need", "Sees no need", "volunteer", 90 * day},
	{"absent", "Was not there", "volunteer", 7 * day},
	{"seasonal", "Out of season", "nobody", 60 * day},
	{"refused", "Does not want to", "nobody", 90 * day},
	{"other", "Another reason", "volunteer", 30 * day},
}

// BarrierOf finds a barrier by its code.
func BarrierOf(code string) (Barrier, bool) {
	for _, b := range Barriers {
		if b.Code == code {
			return b, true
		}
	}
	return Barrier{}, false
}
