package registry

import (
	"fmt"
	"strings"
)

// Inventoried is a table with what it holds of people: what each column says, why it is kept, who sees it and for how long.
type Inventoried struct {
	Table   string     `json:"table"`
	Why     string     `json:"why"`     // what it is kept for
	Seen    string     `json:"seen"`    // by whom
	Kept    string     `json:"kept"`    // how long, and what becomes of it
	Columns []Personal `json:"columns"` // that hold something of people
	Others  []string   `json:"others"`  // columns that hold nothing of people
}

// Personal is a column that holds something of people.
type Personal struct {
	Column string `json:"column"`
	Holds  string `json:"holds"`
	Whose  string `json:"whose"` // vendor, relative, staff
}

// Who sees something, and how long it is kept, said once.
const (
	seenBoard    = "the market's board and team, officers of its area; names masked for auditors"
	seenMasked   = "masked for everybody; in full, with a reason that is kept, for clerks, managers and team leaders; printed on the vendor's own placard"
	seenApprover = "the market's board and team, officers of its area"
	seenNobody   = "nobody: only the program reads it"
	keptErased   = "until the vendor is erased: then it is emptied"
	keptGoes     = "until the vendor is erased: then the row goes"
	keptRecord   = "for good: it is evidence, and names staff by id only"
	keptStaff    = "as long as the person or key has an account"
	byStaff      = "who of the staff did it, by id"
)

func staff(columns ...string) (all []Personal) {
	for _, c := range columns {
		all = append(all, Personal{c, byStaff, "staff"})
	}
	return all
}

func of(whose string, columnsAndHolds ...string) (all []Personal) {
	for i := 0; i < len(columnsAndHolds); i += 2 {
		all = append(all, Personal{columnsAndHolds[i], columnsAndHolds[i+1], whose})
	}
	return all
}

func with(all []Personal, more ...Personal) []Personal { return append(all, more...) }

// Inventory is every table of the database. A test holds it to the catalogue: a column that is in no line fails it.
var Inventory = []Inventoried{
	{"vendors", "who trades at a stall and is paid there", seenBoard + "; phones " + seenMasked, keptErased,
		of("vendor", "name", "the name", "name_fold", "the name as it is searched", "phone", "the phone number", "kind", "household, grower or other", "sim_registered", "whether the SIM is registered to them"),
		others("market_id id default_account import_id created_at removed_at erased_at version")},
	{"occupancies", "who holds which stall from when until when: what figures of any day stand on", seenBoard, "for good, by id: without the vendor's name it names nobody; the words of end_reason until the vendor is erased",
		with(of("vendor", "vendor_id", "who held the stall, by id", "end_reason", "why they left, in words"), staff("began_by", "ended_by")...),
		others("market_id id stall_id began ended import_id began_at end_kind end_stall ended_at")},
	{"occupancy_statuses", "whether a stall trades: what figures of any day stand on", seenBoard, "for good, by id; the words until the vendor is erased",
		with(of("vendor", "reason", "why it is closed, in words"), staff("recorded_by")...), others("market_id id occupancy_id seq status began season_from season_to recorded_at")},
	{"vendor_merges", "that two records are of one person", seenBoard, "for good, by id; the words until the vendor is erased",
		with(of("vendor", "reason", "why, in words"), staff("merged_by")...), others("market_id vendor_id into_id merged_at")},
	{"consents", "what the vendor agreed to: purpose, wording with its language, how, by whom taken, when; a withdrawal is another row", seenBoard, keptGoes,
		with(of("vendor", "vendor_id", "who agreed, by id", "kind", "a yes or a withdrawal", "provider", "whom they allowed to know of them", "given", "how they said it"), staff("taken_by")...),
		others("market_id id purpose wording taken_at import_id")},
	{"accounts", "where the vendor's money goes; written once", seenMasked, keptErased + "; that there was one, at which provider and when, stays",
		with(of("vendor, relative", "number", "the account number", "holder", "the holder's name", "payload", "the text of the payment code", "payload_sha256", "its hash", "symbol", "its modules",
			"reason", "why it was brought in, in words"), staff("touched_by", "proposed_by")...),
		others("market_id id vendor_id provider bin holder_given source rank replaces proposed_at import_id account_kind amends")},
	{"account_holders", "that a relative holds the account, and agreed", seenApprover, keptGoes,
		with(of("relative", "relation", "what they are to the vendor", "consent_given", "how they agreed"), staff("recorded_by", "consent_by")...), others("market_id account_id recorded_at consent_wording consent_at")},
	{"account_decisions", "who approved where money goes; written once", seenApprover, "for good, by id; words and hash until the vendor is erased",
		with(of("vendor", "reason", "why, in words", "payload_sha256", "hash of the code that was decided on"), staff("decided_by", "touched_by")...),
		others("market_id id account_id decision via decided_at approved_account")},
	{"account_verifications", "how surely an account is the vendor's; written once", seenApprover, keptErased,
		with(of("vendor, relative", "heard_name", "the name that was heard from the bank's app", "how", "how it was seen, in words"), staff("recorded_by")...),
		others("market_id id account_id step matches placard_id at expires_at recorded_at")},
	{"account_closures", "that a wallet or bank said an account is closed; written once", seenApprover, "for good, by id: the account is emptied with the vendor",
		with(of("vendor, relative", "account_id", "which account, by id"), staff("recorded_by")...), others("market_id id recorded_at")},
	{"default_proposals", "the wish that another account be paid; written once", seenApprover, "for good, by id; words and hash until the vendor is erased",
		with(of("vendor", "reason", "why, in words", "payload_sha256", "hash of the code"), staff("touched_by", "proposed_by")...), others("market_id id vendor_id account_id instead_of proposed_at")},
	{"default_decisions", "who decided on that wish; written once", seenApprover, "for good, by id; words and hash until the vendor is erased",
		with(of("vendor", "reason", "why, in words", "payload_sha256", "hash of the code"), staff("decided_by", "touched_by")...), others("market_id id proposal_id decision via decided_at")},
	{"placards", "what is printed on a placard", seenBoard + "; the printed holder, provider and last four digits for who knows the serial", keptErased + "; serial, stall and state stay, the sheet is not drawn again",
		of("vendor, relative", "vendor_name", "the name as printed", "holder", "the holder as printed", "languages", "languages of the card", "show_number", "whether the number stands on it"),
		others("market_id id serial kind stall_id vendor_id account_id batch_id cell mark market_name call stall_code goods state issued_at provider_name")},
	{"placard_events", "a placard's life; written once", seenBoard, "for good, by id; words, heard names and hashes until the vendor is erased",
		with(of("vendor, relative", "heard_name", "the name that was heard at the stall", "reason", "why, in words", "content", "hash of what was sent"), staff("recorded_by")...),
		others("market_id id placard_id seq kind state result at recorded_at clock_ahead")},
	{"placard_serials", "in which market a serial is", "whoever knows the serial", "for good", nil, others("serial market_id placard_id")},
	{"print_batches", "what was printed together, and for whom not", seenApprover, "for good; words that name somebody until they are erased",
		with(of("vendor", "reason", "why, in words", "left_out", "stalls that got none, and why", "warnings", "what to look at on a card"), append(staff("created_by"), of("staff", "helper", "name of who printed, as on the cards' backs")...)...),
		others("market_id id sheet design skip layout placards created_at copies cut_marks offset_right offset_down back design_id measures")},
	{"visits", "what was found at a stall, so that nobody asks twice", seenBoard, fmt.Sprintf("%d years, then it is a row of visit_counts and its reason one of old_barriers; its words only until the vendor is erased", VisitYears),
		with(of("vendor", "vendor_id", "whom it was to, by id", "barrier", "the main reason why they take no cashless payment", "also", "other reasons", "note", "what was said, in words", "void_reason", "why it was taken back, in words",
			"outcome", "how it went", "again_on", "when to come again", "checklist", "what they have and can: SIM, apps, listings", "scan", "what a scanned code turned out to be"), staff("by", "recorded_by", "voided_by")...),
		others("market_id id stall_id at recorded_at voided_at content clock_ahead team_code")},
	{"incidents", "codes found at a stall that are not the vendor's", seenBoard, "for good, by id; the words until the vendor is erased",
		with(of("vendor", "vendor_id", "at whose stall, by id", "note", "how it ended, in words"), staff("opened_by", "closed_by")...),
		others("market_id id kind result stall_id placard_id times seen_at opened_at closing closed_at")},
	{"phone_sendings", "that what a phone sends twice is done once", seenNobody, "for good; its hash until the person whom it names is erased",
		with(of("vendor", "content", "hash of what was sent"), staff("sent_by", "device")...), others("market_id id kind place seq phone_at phone_ahead clock_ahead received_at")},
	{"pack_lines", "that a phone gets only what changed", seenNobody, keptGoes, of("vendor", "digest", "hash of what a phone was told of the stall"), others("market_id stall_id changed")},
	{"pack_heads", "how often a market's pack changed", seenNobody, "for good", nil, others("market_id seq")},
	{"pack_seeds", "what signs packs and makes the phones' keys", seenNobody, "for good", nil, others("made_at seed")},
	{"vendor_changes", "what a vendor counts as in the figures, from when: what figures of any day stand on", "as figures only", "for good, by id: without the vendor's name it names nobody",
		of("vendor", "vendor_id", "who, by id", "barrier", "the main reason why they take no cashless payment", "provider", "where their account is"),
		others("market_id seq day since recorded_at carried summed stands accepting account approved checked equipped installed overdue printed suspended used vendors")},
	{"account_uses", "days on which an account was paid to, as its provider says", "as figures only", "for good, by id: the account is emptied with the vendor",
		with(of("vendor, relative", "account_id", "which account, by id", "payments", "how many payments"), staff("recorded_by")...), others("market_id day recorded_at")},
	{"use_reports", "up to which day a provider told", "as figures only", "for good", staff("recorded_by"), others("provider day recorded_at")},
	{"market_now", "figures of a market", "as figures only", "for good: it names nobody", nil, others("market_id track rolled_track summed_track counted_track counted_at accepting account approved checked equipped installed overdue printed suspended used vendors")},
	{"market_split_now", "figures of a market by provider and reason", "as figures only", "for good: it names nobody", nil, others("market_id split key stands accepting account approved checked equipped installed overdue printed suspended used vendors")},
	{"market_day_delta", "how a market's figures changed on a day", "as figures only", "for good: it names nobody", nil, others("market_id day rolled accepting account approved checked equipped installed overdue printed suspended used vendors")},
	{"market_split_day_delta", "the same by provider and reason", "as figures only", "for good: it names nobody", nil, others("market_id split key day stands accepting account approved checked equipped installed overdue printed suspended used vendors")},
	{"market_tracks", "where a market lay when", "everybody", "for good", nil, others("market_id since until area province district code")},
	{"province_tracks", "which province a market was counted for when", "everybody", "for good", nil, others("track since until province")},
	{"track_markets", "how many markets are counted for a province", "everybody", "for good", nil, others("track markets")},
	{"province_sums", "how a province's figures changed in a day, a week or thirteen weeks, by provider and reason", "as figures only", "for good: it names nobody", nil, others("track split span ends key stands accepting account approved checked equipped installed overdue printed suspended used vendors")},
	{"province_day_delta", "how a province's figures changed on a day, in the release before", "as figures only", "for good: it names nobody", nil, others("track day accepting account approved checked equipped installed overdue printed suspended used vendors")},
	{"province_week_delta", "the same by week", "as figures only", "for good: it names nobody", nil, others("track week accepting account approved checked equipped installed overdue printed suspended used vendors")},
	{"quarter_closes", "figures of quarters that are over", "as figures only", "for good: it is evidence", staff("closed_by"), others("market_id quarter ends definition figures hash closed_at")},
	{"rounding_keys", "where figures about others are rounded, so that nobody can be told from them", seenNobody, "for good", nil, others("one key")},
	{"account_stages", "what the feed of stages said last", seenNobody, "until the account is over", nil, others("market_id account_id provider stage suspended shared")},
	{"stage_changes", "what partners, boards and officers hear of: which account came to which stage", "the market's board, officers of its area; a partner where the vendor agreed", fmt.Sprintf("%d days, the last of each account longer; ids name nobody once the vendor is erased", int(FeedLives.Hours()/24)), nil,
		others("n market_id account_id provider stage suspended was was_suspended shared was_shared noticed_at")},
	{"feed_heads", "how far the feed followed each market", seenNobody, "for good", nil, others("market_id seq")},
	{"webhooks", "where a partner's program hears of changes", "the partner's people, administrators; the secret nobody after it was made", "for good: it is evidence; the secret until it is switched off", staff("made_by", "approved_by", "off_by"),
		others("id provider url secret made_at approved_at cursor failing_since off_at")},
	{"webhook_deliveries", "what was sent where, and what came back", "the partner's people, administrators", fmt.Sprintf("%d days after it is done", int(DeliveriesLive.Hours()/24)), nil,
		others("id webhook_id replay after upto made_at tries next_at tried_at status error took_ms done_at")},
	{"targets", "what was decided to be reached", "as figures only", "for good: it is evidence", staff("set_by", "ended_by"), others("id market_id area_code indicator provider due_on share amount document set_at ended_at")},
	{"reported_figures", "what others say they counted", "as figures only", "for good: it is evidence; words that name an erased person are emptied", staff("reported_by"),
		others("id indicator market_id area_code provider since until method numerator denominator share source source_fold note reported_at")},
	{"figure_withdrawals", "that such a figure was taken back", "as figures only", "for good: it is evidence; words that name an erased person are emptied", staff("withdrawn_by"), others("figure_id reason withdrawn_at")},
	{"campaigns", "what a provider gives away", "who sees figures", "for good", staff("made_by", "ended_by"), others("id provider title since until area_code buyer_benefit vendor_benefit terms document made_at ended_at")},
	{"campaign_markets", "where a campaign runs", "who sees figures", "for good", nil, others("campaign_id market_id")},
	{"campaign_marks", "who was told of a campaign, and who qualified", seenBoard + "; as figures only for others", "for good, by id: without the vendor's name it names nobody",
		with(of("vendor", "vendor_id", "who, by id", "kind", "told or qualified"), staff("marked_by")...), others("market_id campaign_id marked_on marked_at")},
	{"teams", "community digital teams", "boards of the commune, the team, officers", "for good", staff("created_by"), others("code name level kind area_code hamlet hamlet_key parent link version created_at ended_on")},
	{"team_members", "who is in a team", "the team's leader and officers; phones masked for others", "as long as the team's record: statements stand on it",
		with(of("staff", "name", "the name", "name_key", "the name folded", "phone", "the phone number", "person_id", "who they sign in as", "position", "leader, deputy or member", "belongs", "youth union, hamlet board, telecom staff"), staff("created_by")...),
		others("id team_code installed began ended version created_at")},
	{"team_markets", "where a team goes", "boards of the commune, the team, officers", "for good", staff("assigned_by"), others("market_id team_code sections assigned_at")},
	{"team_grounds", "where a team ever went: members' months stand on it", "nobody; as figures of a month only", "for good: it names nobody", nil, others("market_id team_code")},
	{"hamlets", "hamlets of a commune", "everybody", "for good", nil, others("area_code name name_key")},
	{"trainings", "what a team learnt when", "the team, officers", "for good", with(of("staff", "attended", "who was there, by id"), staff("created_by")...), others("id team_code held_on topic created_at")},
	{"card_reads", "who read which short card", "the team's leader", keptStaff, of("staff", "person_id", "who read it, by id"), others("card read_at")},
	{"statements", "a member's month for the allowance", "the member, the team's leader, officers", "for good: it is evidence", with(of("staff", "member_id", "whose month"), staff("signed_by")...), others("team_code month visits unproved installed checks signed_at")},
	{"old_barriers", "why a vendor took no cashless payment, from visits that are counts by now: past figures stand on it", seenBoard, "for good, by id",
		of("vendor", "vendor_id", "who gave the reason, by id", "barrier", "the reason"), others("market_id id at")},
	{"visit_counts", "old visits as figures", seenBoard, "for good: it names nobody", nil, others("market_id month outcome barrier visits")},
	{"tasks", "what is to be printed, hung and taken down", seenBoard, keptGoes, with(of("vendor", "reason", "why, in words"), staff("made_by", "ended_by")...),
		others("market_id id kind stall_id vendor_id account_id placard_id serial priority due state made_at ended_at")},
	{"notices", "what the vendor is to be told", seenApprover, keptGoes, staff("delivered_by"), others("market_id id vendor_id kind channel account_id old_account_id state made_at delivered_at")},
	{"stalls", "the place, which is no person", seenBoard, "for good; wishes for the card until the vendor goes or is erased",
		of("vendor", "placard_languages", "languages that the vendor wished on the card", "show_number", "whether they wished the number on it"),
		others("market_id id code code_key code_fold section goods position import_id version created_at removed_at category")},
	{"imports", "a board's ledger on its way in", "clerks and managers of the market", "its cells 24 hours or until it is committed; the report for good, without cells that name somebody who was erased",
		with(of("vendor", "ledger", "the rows as read", "sheet", "the cells as they stood", "mended", "cells typed anew", "report", "what became of each row, with cells that were wrong", "file", "the file's name", "mapping", "headings of its columns", "problem", "why a commit failed"),
			staff("created_by", "committed_by", "touched")...), others("market_id id state attested created_at expires_at committed_at remember changed beat_at done total")},
	{"ledger_mappings", "what the columns of a market's ledger hold", "clerks and managers of the market", "until another ledger says otherwise", with(of("vendor", "heading", "a heading; a name only where a ledger has one there"), staff("said_by")...),
		others("market_id role said_at")},
	{"sendings", "that a phone may send the same twice", seenNobody, "for good, by id; the hash until the vendor is erased", with(of("vendor", "content", "hash of what was sent"), staff("sent_by")...), others("market_id id kind sent_at")},
	{"clashes", "a second version of a record, for a person to settle", "managers and team leaders of the market", "until it is settled, or the vendor is erased",
		with(of("vendor, relative", "content", "the second version as it was sent", "digest", "its hash", "place", "the stall or serial it was sent for", "note", "what was done, in words"), staff("sent_by", "settled_by")...),
		others("market_id id kind record_id sent_at settled_at")},
	{"disclosures", "who took numbers or lists out of the record, and why", "auditors and whoever asks for their own data", "for good, by id; the words until the vendor is erased",
		with(of("vendor", "subject", "whose number it was, by id", "reason", "why, in words"), staff("given_to")...), others("market_id id kind format provider lines whole given_at")},
	{"requests", "what people ask about their own data, with its clocks", "clerks and managers of the market", "for good, by id: that it was answered in time is shown later; the words until the person is erased",
		with(of("vendor, relative", "vendor_id", "who asks, by id", "account_id", "of a relative: their account", "kind", "what they ask", "note", "in words", "reason", "what was answered, in words"), staff("recorded_by", "acknowledged_by", "ended_by")...),
		others("market_id id came received_at recorded_at acknowledged_at outcome ended_at")},
	{"erasures", "whom to erase again after an older copy was brought back", seenNobody, "for good: ids that name nobody", with(of("vendor, relative", "vendor_id", "who was erased, by an id that nothing else explains", "account_id", "of a relative: the account"), staff("erased_by")...),
		others("market_id id erased_at")},
	{"idempotency", "that a request sent twice is done once", seenNobody, fmt.Sprintf("%d days; emptied when somebody whom it names is erased", int(AnswersLive.Hours()/24)),
		with(of("vendor, relative", "body", "the answer as it was given", "headers", "its address", "request", "hash of what was sent"), staff("actor")...), others("key status at market")},
	{"audit_events", "what was done by whom, in a chain that shows a change", "the market's board, officers and auditors of its area; the service's own chain only by verifying it", keptRecord, staff("actor"),
		others("market_id seq at via role action object fields sealed request_id hash")},
	{"audit_salts", "without which a commitment in the chain tells nothing of its row", seenNobody, "until who the row is about is erased", nil, others("market_id object label which salt")},
	{"audit_heads", "how far a chain came", seenNobody, "for good", nil, others("market_id seq hash")},
	{"people", "who may sign in", "administrators, and who let them in", keptStaff,
		of("staff", "name", "the name", "name_key", "the name as it is typed", "password_hash", "Argon2id hash of the password", "totp_secret", "the second factor's secret", "totp_next", "one that is being set up"),
		others("id created_at disabled_at totp_step totp_next_at")},
	{"keys", "programs that may come in", "administrators, and who made them", keptStaff, staff("created_by"), others("id name prefix hash created_at expires_at revoked_at used_at replaces")},
	{"grants", "who may do what where", "administrators, and who gave it", keptRecord, with(of("staff", "person_id", "who has it, by id", "role", "as what", "scope_kind", "over what", "scope_code", "over which"), staff("created_by")...),
		others("id key_id created_at ends_at duty")},
	{"sessions", "who is signed in", "the person themselves", "12 hours, 30 minutes without a request", of("staff", "person_id", "who, by id", "agent", "the browser in a few words"), others("hash created_at seen_at stepped_up_at by_pin")},
	{"phones", "volunteers' phones on which a PIN is enough", "the person themselves", "14 days", of("staff", "person_id", "whose, by id", "agent", "the browser in a few words", "pin_hash", "hash of the PIN"), others("hash tries created_at expires_at used_at")},
	{"recovery_codes", "a way in without the phone", seenNobody, "until new ones are made", of("staff", "person_id", "whose, by id"), others("hash made_at used_at")},
	{"links", "one-time links for a first password", seenNobody, "48 hours", of("staff", "person_id", "whose, by id"), others("hash expires_at used_at")},
	{"doors", "sign-ins whose code is still owed", seenNobody, "5 minutes", of("staff", "person_id", "whose, by id"), others("hash expires_at tries")},
	{"set_up_links", "the link for the first administrator", seenNobody, "48 hours", nil, others("hash expires_at used_at")},
	{"request_rates", "how much somebody may still ask of all processes together", seenNobody, "two minutes", of("staff", "who", "hash of the person, the key or the address"), others("until")},
	{"sign_in_failures", "the brake on guessing", seenNobody, "24 hours", of("staff", "subject", "hash of the name or of the address"), others("at")},
	{"markets", "the market, which is no person", "everybody in scope; the number to call is printed on placards", "for good, corrected by the board",
		of("staff", "call", "whom a shopper calls", "contact_name", "whom to ask at the board", "contact_phone", "their phone"),
		others("id code name name_fold area_code planned_stalls demo version created_at area_since place_fold site class kind weekdays lunar_days program program_since program_sponsor signal")},
	{"market_areas", "where a market lay before", "everybody in scope", "for good", nil, others("market_id until since area_code")},
	{"areas", "the map", "everybody", "for good", nil, others("code name name_fold kind level parent valid_from valid_to district since onward read_on")},
	{"area_pasts", "the map before", "everybody", "for good", nil, others("code since until name name_fold kind parent district alike")},
	{"area_successions", "what became of a unit", "everybody", "for good", nil, others("old new effective_on")},
	{"providers", "banks and wallets", "everybody", "for good", staff("updated_by"), others("bin code name full_name kind pays looks_up number_rule number_basis second_of valid_from valid_to read_on source names updated_at")},
	{"printers", "how far a printer is off", seenApprover, "until it is saved anew", staff("saved_by"), others("market_id name offset_right offset_down saved_at")},
	{"sheets", "sheets of stickers", seenApprover, "for good", staff("saved_by"), others("market_id id name version measures saved_at")},
	{"designs", "a market's own colours", seenApprover, "for good", staff("saved_by"), others("market_id id name version colour tint board logo saved_at")},
	{"works", "how far long work is: sheets of a batch, rows of a list", seenBoard, "for good: it names nobody", nil, others("market_id id state done total beat_at")},
	{"job_runs", "when each job of the service ran last, and how", seenNobody, "for good", nil, others("name started_at ended_at error good_at")},
	{"schema_migrations", "which changes of the schema were made", seenNobody, "for good", nil, others("n name sha256 applied_at")},
}

func others(names string) []string { return strings.Fields(names) }

// InventoryPage is docs/privacy.md.
func InventoryPage() string {
	var b strings.Builder
	b.WriteString(`# What is kept of people

Made by ` + "`cho40 inventory --page`" + ` from ` + "`vendor_registry/inventory.go`" + `; a test fails when a column of the database has no line there, and when this page is not what is
made. Never collected: identity cards and their numbers, birth dates, balances, payments, PINs, OTPs, ethnicity.

## What a person may ask

A vendor, one who left, or a relative who holds an account asks at the stall or at the desk; a clerk or manager writes it down on the vendor's page. Clocks
run from when they asked.

| they ask to | what is done | by whom |
| --- | --- | --- |
| see | a copy of everything, as a page to print and as JSON; the reason is kept | who may see numbers in full |
| correct | the vendor's page; placards keep what was printed until new ones are made | whoever may edit the vendor |
| withdraw | a record of its own; placards stop at once, none is printed until they agree again | clerk, manager |
| delete | erased for good, see below | manager, with a second factor not older than ` + fmt.Sprint(int(StepUpLives.Minutes())) + ` minutes |

`)
	fmt.Fprintf(&b, "Acknowledged within %d working days, as the decree asks; done within %d hours, our own target. What is late stands first on the market's list.\n"+
		"Working days are Monday to Friday but for the public holidays that article 112 of the Labour Code (45/2019/QH14) fixes: 1 January, Tết (the last day of the old\n"+
		"lunar year and the first three of the new), the Hùng Kings (10 of the third lunar month), 30 April, 1 May, 2 September. The fifth day of Tết and the day beside\n"+
		"2 September are chosen anew each year; they count as working days, so that the clock never runs longer than the law gives.\n",
		AcknowledgeWithin, int(DoneWithin.Hours()))
	b.WriteString(`
One person is enough to erase: it stops money and never leads it elsewhere, small boards have one or two people, and a second one would cost the person their
hours. What makes it hard to do in haste is the second factor, shown just now, and the request that must be on record first. A program's key never erases.

## What erasing does

1. What is in force ends: accounts, proposals, live placards. The default stays the pointer that it was, to an account that is over; nothing takes its place.
   The paper is listed among those to be taken down, the check page of its serial says only that it is not in use, its sheet answers 410.
2. Names, phones, numbers, holders, codes, symbols, hashes of them, heard names and everything written in words about the person are emptied or deleted, also where
   somebody else's words name them, in answers kept for repeated requests, and in the reports of ledgers. Open previews of the market's ledgers are thrown away:
   whether a file names the person nobody can say for sure; send it again without them.
3. Which vendor, by id, held which stall when, what was decided when, and what happened to placards stays, so that figures of past days stay what they were. The
   stall stays held, by nobody with a name, until the board hands it over.
4. The audit chain holds ids, fields' names and salted commitments to rows. The salts go with the person, an event says so, and what is left of the rows is
   committed to anew, so the chain verifies as before.
5. Ids of who was erased are kept in the table ` + "`erasures`" + ` and, beside the database, in ` + "`erasures/erasures.jsonl`" + `. ` + "`cho40 restore`" + ` of an older copy, and
   ` + "`cho40 erasure replay`" + `, erase the same people again. Rows that are written once are emptied by one function of the database owner's, ` + "`erase_written`" + `, which takes ids
   and no values and refuses whatever is still in force.

Freed space in the database's own files is written over in the course of its work; copies that were made before hold the person until they are deleted.

## How long

| what | how long | source |
| --- | --- | --- |
`)
	for _, line := range [][3]string{
		{"visits", fmt.Sprintf("%d years, then counts by month, outcome and main reason", VisitYears), "SECURITY_MODEL 5"},
		{"answers for repeated requests", fmt.Sprintf("%d days", int(AnswersLive.Hours()/24)), "SECURITY_MODEL 7"},
		{"cells of a ledger that nobody committed", fmt.Sprintf("%d hours", int(PreviewLives.Hours())), "SECURITY_MODEL 10"},
		{"sessions, links, enrolled phones, failed sign-ins", "until they prove nothing any more", "SECURITY_MODEL 8, 9"},
	} {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", line[0], line[1], line[2])
	}
	b.WriteString("\n`cho40 serve` lets go of what is older each day, `cho40 retention run` at once; both say how much, and a run that let go of something is in the audit.\n\n## Table by table\n")
	for _, t := range Inventory {
		fmt.Fprintf(&b, "\n### %s\n\nWhy: %s. Seen by: %s. Kept: %s.\n", t.Table, t.Why, t.Seen, t.Kept)
		if len(t.Columns) > 0 {
			b.WriteString("\n| column | holds | whose |\n| --- | --- | --- |\n")
		}
		for _, c := range t.Columns {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", c.Column, c.Holds, c.Whose)
		}
		fmt.Fprintf(&b, "\nNothing of people: %s.\n", strings.Join(t.Others, ", "))
	}
	return b.String()
}
