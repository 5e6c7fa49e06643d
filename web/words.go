package web

import (
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/ledger"
)

// The words for what the record keeps as codes: English here, Vietnamese in lang/vi.json.

var stageWords = map[registry.Stage]string{
	registry.Registered: "Registered", registry.HasAccount: "Account", registry.Approved: "Approved",
	registry.Printed: "Printed", registry.Installed: "Installed", registry.Checked: "Checked",
}

// stateWords are what a stall may be beside its stage.
var stateWords = map[string]string{"vacant": "Vacant", "suspended": "Suspended", "overdue": "Overdue", "trading": "Trading", "seasonal": "Seasonal", "closed": "Closed for now", accountClosed: "Account closed"}

// endWords are how a vendor's time at a stall ended.
var endWords = map[string]string{registry.HandedOver: "Handed over", registry.Left: "Given up", registry.Moved: "Moved"}

var kindWords = map[string]string{"household": "Household business", "grower": "Grower", "other": "Other"}

var simWords = map[string]string{"unknown": "Not known", "yes": "Yes, it is theirs", "no": "No, it is not theirs"}

// relationWords are what the holder of an account is to the vendor.
var relationWords = map[string]string{"spouse": "Spouse", "child": "Child", "parent": "Parent", "sibling": "Sibling", "other": "Somebody else"}

// reasonWords are the reasons that have a code.
var reasonWords = map[string]string{
	"illness": "Illness", "family": "Family matters", "renovation": "The stall is being mended", "few_buyers": "Few buyers", "season": "Out of season",
	"sold": "The stall was passed on", "left_trade": "Gave up trading", "better_place": "A better place", "entered_wrongly": "It was entered wrongly",
}

// fieldWords are what may be corrected of a stall and its vendor.
var fieldWords = map[string]string{
	"section": "Section", "goods": "Goods", "category": "Line of goods", "placard_languages": "The card's language", "show_number": "Whole number on the card",
	"name": "Name", "phone": "Phone", "kind": "Kind of vendor", "sim_registered": "Whose SIM it is", "import": "By a ledger",
}

var roleWords = map[registry.Role]string{
	registry.Clerk: "Market office", registry.Manager: "Market manager", registry.Volunteer: "Volunteer", registry.Leader: "Team leader",
	registry.Officer: "Officer", registry.Partner: "Partner", registry.Auditor: "Auditor", registry.Admin: "Administrator",
}

var accountWords = map[registry.State]string{
	registry.StateProposed: "Waits for approval", registry.StateApproved: "Approved", registry.StateSuperseded: "Replaced",
	registry.StateRejected: "Turned down", registry.StateWithdrawn: "Taken back", registry.StateExpired: "Waited too long",
}

var rungWords = map[registry.Rung]string{
	registry.RungDeclared: "As told, not verified yet", registry.RungScanned: "Code scanned", registry.RungHeard: "Name heard at the stall",
	registry.RungTested: "Test payment seen", registry.RungConfirmed: "Confirmed by the wallet or bank",
}

var taskWords = map[string]string{
	"print_replacement": "Print the new placard", "hang_replacement": "Hang the new placard", "take_down": "Take the old placard down",
}

var sourceWords = map[string]string{"typed": "Typed in", "scanned": "Scanned from the vendor's app", "import": "From the ledger", "api": "Sent by the wallet or bank"}

var placardWords = map[string]string{
	"issued": "Made", "printed": "Printed, not hung yet", "handed_over": "With the vendor, not hung yet", "installed": "Hangs at the stall",
	"suspended": "Suspended", "replaced": "Replaced", "lost": "Lost", "void": "Taken down",
}

var markWords = map[string]string{"sample": "Sample", "provisional": "Provisional"}

var missingWords = map[string]string{
	"vendor": "Nobody trades here. Say who does, in the ledger.", "consent": "The vendor's consent.",
	"account": "A receiving account.", "approval": "A second person's approval of the account.",
}

var importWords = map[string]string{"preview": "Not imported yet", "unmapped": "Its columns are not known yet", "committing": "Going in just now",
	"expired": "Kept too long", "committed": "Imported", "undone": "Taken back"}

// columnWords are what a column of a ledger may hold, in the order in which a form offers them.
var columnWords = []struct {
	Role  ledger.Role
	Words string
}{
	{ledger.Code, "Stall code"}, {ledger.Vendor, "Name of the vendor"}, {ledger.Given, "Given name, beside the family name"}, {ledger.Phone, "Phone"},
	{ledger.Section, "Section"}, {ledger.Aisle, "Row within a section"}, {ledger.Goods, "Goods"}, {ledger.Provider, "Name of the wallet or bank"},
	{ledger.Number, "Account number"}, {ledger.Both, "Wallet or bank and number in one cell"}, {ledger.Holder, "Account holder"}, {ledger.ID, "Stall number in this record"},
}

var changedWords = map[string]string{"code": "Stall code", "section": "Section", "goods": "Goods", "vendor": "Name of the vendor", "phone": "Phone", "account": "Receiving account"}

var fateWords = map[string]string{"new": "New", "changed": "Changes", "unchanged": "As in the record", "faulty": "Faulty"}

var checkWords = map[string]string{
	"match": "Checked: it matches", "other_account": "Checked: the code pays another account", "not_ours": "Checked: the code is not ours",
	"damaged": "Checked: the placard is damaged", "missing": "Checked: the placard is not there",
}

// happened is a happening's tile and sentence; what is told of it beside stands in the template.
var happened = map[string]struct{ tile, words string }{
	"registered": {"t0", "Registered"}, "vendor_registered": {"t0", "Vendor entered"}, "changed": {"t0", "Stall corrected"}, "vendor_changed": {"t0", "Vendor corrected"},
	"taken": {"t0", "Stall taken"}, "transferred": {"t0", "Stall handed over"}, "left": {"vacant", "Stall given up"}, "moved": {"vacant", "Moved to another stall"},
	"merged": {"t0", "Two records made one"}, "holder_consent": {"t0", "The account's holder agreed"},
	"consent": {"t0", "Consent recorded"}, "proposed": {"t1", "Account brought in"},
	"approved": {"t2", "Account approved"}, "rejected": {"stop", "Account turned down"}, "superseded": {"vacant", "Account replaced"},
	"closed_by_provider": {"stop", "The wallet or bank says the account is closed"}, "reopened_by_provider": {"t2", "The wallet or bank confirms the account again"},
	"withdrawn": {"vacant", "Account taken back"}, "expired": {"vacant", "Account waited too long"},
	"issued": {"t3", "Placard made"}, "handed_over": {"t3", "Placard handed over"}, "installed": {"t4", "Placard hung"},
	"checked": {"t5", "Placard checked"}, "suspended": {"stop", "Placard suspended"}, "resumed": {"t4", "Placard in use again"},
	"printed": {"t3", "Sheet drawn"}, "heard": {"stop", "Another name was heard, so it was not hung"},
	"removed": {"vacant", "Placard taken down"}, "lost": {"vacant", "Placard lost"}, "replaced": {"vacant", "Placard replaced"},
}

// sheetWords are a sheet's name and what it is good for.
var sheetWords = map[string][2]string{
	"a6x4":  {"A6, four to a sheet", "Hangs at the front of a stall. The usual one."},
	"a5x2":  {"A5, two to a sheet", "For wide stalls, where buyers stand back."},
	"a4x1":  {"A4, one to a sheet", "For gates and large stalls."},
	"tent":  {"Tents, two to a sheet", "Stands on the counter, both sides show the code. Fold along the dashes."},
	"stand": {"Counter stands, two to a sheet", "A6 with two wings folded back. Stands without glue."},
	"tag8":  {"Small cards, eight to a sheet", "To wear, or to clip to the scales."},
	"tag10": {"Small cards, ten to a sheet", "The code's squares are 1.0 mm: scan from near."},
}

// indicatorWords are what is counted, here or elsewhere.
var indicatorWords = map[string]string{
	"accepting": "Vendors who are paid by scan", "equipped": "Vendors with a placard that hangs", "used": "Vendors paid by scan in the last 30 days",
	"vendors_with_qr": "Vendors with any QR code, by others' word", "qr_points": "Points that take QR payment", "cash_points": "Points that take cash in and give it out",
	"mobile_money_customers": "Customers of mobile money", "wallet_customers": "Customers of the wallet or app", "files_online": "Files handed in online",
	"digital_skills_households": "Households with digital skills", "provincial_app_households": "Households with the provincial app",
	"public_service_accounts": "Accounts on the public-service portal", "eid_accounts": "People with the e-ID app", "account_holders": "People with a payment account",
	"smartphone_owners": "People with a smartphone", "fibre_households": "Households on fibre", "digital_teams": "Community digital teams set up",
	"team_members": "Members of the digital teams", "communes_helping": "Communes that have begun helping", "marketplace_sellers": "Sellers on the marketplace",
	"marketplace_products": "Products on the marketplace", "marketplace_visits": "Visits to the marketplace",
}

// methodWords are how a figure came about.
var methodWords = map[string]string{"counted": "Counted", "sampled": "Sampled", "estimated": "Estimated", "claimed": "Claimed", "partner_reported": "Reported by the partner"}

// standingWords are where a target stands.
var standingWords = map[string]string{"running": "Running", "reached": "Reached", "missed": "Missed", "unknown": "No figure on the day"}
