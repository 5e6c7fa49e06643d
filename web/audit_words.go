package web

import (
	"strings"

	registry "cho40/vendor_registry"
	"cho40/web/lang"
)

// traceWords are what an action of the trail is called, below what it is about. Actions that are of the service's own chain only are in
// serviceWords.
var traceWords = []traceKind{
	{"Money", map[string]string{
		"account.proposed": "Account brought in", "account.change_proposed": "Change of an account brought in", "account.verified": "Account looked at or its holder's name heard",
		"account.name_differs": "Another name than the holder's was heard", "account.approved": "Account approved", "account.rejected": "Account turned down",
		"account.withdrawn":          "Account taken back",
		"account.closed_by_provider": "Closed, says the wallet or bank",
		"account.uses_confirmed":     "Paid days confirmed by the provider", "account.expired": "Account waited too long", "account.superseded": "Account replaced",
		"account.decision_refused": "Decision on an account refused", "account.erased": "Account erased with the person",
		"default.proposed": "Another main account proposed", "default.approved": "Another main account approved", "default.rejected": "Another main account turned down",
		"default.withdrawn": "Another main account taken back", "default.expired": "Another main account waited too long", "default.decision_refused": "Decision on the main account refused",
		"default.erased": "Proposal for the main account erased with the person", "vendor.default_moved": "Where the vendor's money goes was set",
		"notice.queued": "Notice for the vendor made", "notice.delivered": "Notice handed to the vendor",
	}},
	{"Placards", map[string]string{
		"batch.issued": "Placards made for printing", "batch.printed": "Sheets drawn", "batch.refused": "Printing refused",
		"placard.issued": "Placard made", "placard.printed": "Placard drawn", "placard.registered": "Stand of a wallet or bank registered", "placard.handed_over": "Placard handed over",
		"placard.installed":   "Placard hung",
		"placard.voided":      "Placard ended",
		"incident.opened":     "Another code found at a stall",
		"incident.seen_again": "The other code found again",
		"incident.closed":     "Case of another code closed", "placard.checked": "Placard checked", "placard.suspended": "Placard suspended", "placard.resumed": "Placard in use again",
		"placard.removed": "Placard taken down", "placard.lost": "Placard lost", "placard.replaced": "Placard replaced", "placard.passed": "Placard goes on under the merged vendor",
		"placard.differs": "Placard does not agree with what was approved", "placard.install_refused": "Hanging a placard refused", "placard.resume_refused": "Use of a placard again refused",
		"placard.stand_refused": "Registering a stand refused", "placard.erased": "Names on a placard erased with the person", "account.words_emptied": "Words about an account emptied that named somebody erased", "placard.words_emptied": "Words about a placard emptied that named somebody erased", "default.words_emptied": "Words about a proposal for the main account emptied that named somebody erased", "task.made": "Task made",
		"market.reconciled": "Live placards compared with approvals", "printer.saved": "Printer saved", "sheet.saved": "Sheet saved", "design.saved": "Design saved",
	}},
	{"Stalls and vendors", map[string]string{
		"stall.registered":         "Stall registered",
		"request.recorded":         "Request about personal data recorded",
		"request.acknowledged":     "Request about personal data acknowledged",
		"request.done":             "Request about personal data done",
		"request.refused":          "Request about personal data refused",
		"request.refused_to_do":    "Doing what a request asks for not allowed",
		"copy.handed_out":          "Copy of a person's data made",
		"consent.withdrawn":        "Consent taken back",
		"consent.holder_withdrawn": "The account's holder took consent back",
		"visit.recorded":           "Visit recorded",
		"visit.voided":             "Visit taken back",
		"campaign.marked":          "Vendor told of a campaign, or qualified", "stall.changed": "Stall corrected", "stall.status": "Trading or closed recorded", "stall.taken": "Stall taken",
		"stall.handed_over": "Stall handed over", "stall.left": "Stall given up", "stall.moved": "Moved to another stall", "walk.arranged": "Walking order changed",
		"vendor.registered": "Vendor entered", "vendor.changed": "Vendor corrected", "vendor.merged": "Two records made one", "vendor.erased": "Vendor erased",
		"consent.recorded": "Consent recorded", "consent.holder_recorded": "The account's holder agreed", "sharing.recorded": "The provider may know of the vendor",
		"sharing.withdrawn": "The provider no longer learns of the vendor", "clash.kept": "Second version of a record kept", "clash.settled": "Two versions settled",
	}},
	{"Files and numbers", map[string]string{
		"import.previewed": "Ledger uploaded", "import.mapped": "Columns of a ledger named", "import.mended": "Cells of a ledger mended", "import.committed": "Ledger imported",
		"import.discarded": "Ledger thrown away", "import.undone": "Import taken back", "import.undo_refused": "Taking an import back refused",
		"rows.exported": "List taken out", "number.revealed": "Number shown in full", "audit.exported": "Evidence taken out",
		"rows.export_refused": "Taking a list out refused", "number.reveal_refused": "Showing a number in full refused", "audit.export_refused": "Taking evidence out refused",
		"copy.refused": "Copy of a person's data refused",
	}},
	{"The market", map[string]string{
		"account.sealed": "Rows of an older release about an account committed to", "default.sealed": "Rows of an older release about the main account committed to",
		"placard.sealed": "Rows of an older release about a placard committed to", "vendor.sealed": "Where the vendor's money goes committed to, from an older release",
		"market.added":     "Market opened",
		"pack.taken":       "A phone took the market along",
		"team.assigned":    "Team sent to the market",
		"team.released":    "Team no longer goes to the market",
		"market.recounted": "Counters of the market mended",
		"quarter.closed":   "Figures of a quarter closed",
		"target.set":       "Target set",
		"target.ended":     "Target taken out of force",
		"figure.reported":  "Figure of others reported",
		"figure.withdrawn": "Figure of others taken back", "market.changed": "Market changed", "market.moved": "Market put into another unit", "market.handed_over": "Board handed over",
		"market.hand_over_refused": "Handing a board over refused",
	}},
}

var serviceWords = []traceKind{
	{"Signing in", map[string]string{
		"session.began": "Signed in", "session.ended": "Signed out, or a session ended", "session.refused": "Sign-in refused", "session.code_asked": "Second factor asked for",
		"session.stepped_up": "Second factor shown again", "session.step_up_refused": "Second factor wrong", "phone.enrolled": "Phone enrolled", "phone.ended": "Signing in on a phone ended",
		"factor.issued": "Second factor given out", "factor.set_up": "Second factor set up", "factor.reset": "Second factor taken away", "factor.recovery_made": "Recovery codes made",
	}},
	{"People and keys", map[string]string{
		"person.added": "Person added", "person.linked": "Link for one use made", "person.password": "Password chosen", "person.granted": "Roles changed",
		"person.disabled": "Person shut out", "person.enabled": "Person let in again", "person.left_market": "Roles at a market ended", "set_up.linked": "Link for the first administrator made",
		"key.added": "Key made", "key.rotated": "Key exchanged", "key.revoked": "Key ended",
		"person.add_refused": "Adding a person refused", "person.linked_refused": "Link for one use refused", "person.granted_refused": "Changing roles refused",
		"person.disabled_refused": "Shutting a person out refused", "person.enabled_refused": "Letting a person in again refused", "factor.issued_refused": "Giving a second factor out refused",
		"factor.reset_refused": "Taking a second factor away refused", "phone.ended_refused": "Ending a phone refused",
		"key.add_refused": "Making a key refused", "key.rotate_refused": "Exchanging a key refused", "key.revoke_refused": "Ending a key refused",
		"webhook.add_refused": "Asking for a webhook refused", "webhook.approval_refused": "Approving a webhook refused",
		"webhook.added": "Webhook asked for", "webhook.approved": "Webhook approved", "webhook.switched_off": "Webhook switched off", "webhook.replayed": "Changes sent to a webhook again",
	}},
	{"Teams and campaigns", map[string]string{
		"campaign.added":      "Campaign entered",
		"campaign.ended":      "Campaign taken out of the lists",
		"team.made":           "Team made",
		"team.changed":        "Team changed",
		"member.joined":       "Member joined a team",
		"member.changed":      "Member changed",
		"member.month_signed": "A member's month signed off",
		"hamlets.set":         "Hamlets of a commune named",
		"training.held":       "Training recorded",
		"retention.ran":       "What is too old was let go",
		"service.backed_up":   "Copy of everything taken",
	}},
	{"The service", map[string]string{
		"provider.updated": "Wallet or bank corrected in the list", "provider.update_refused": "List of wallets and banks refused", "areas.imported": "Administrative units brought up to date",
		"request.key_reused": "Request repeated with other content refused", "rows.exported": "List taken out", "audit.checkpointed": "Signed checkpoint written", "audit.exported": "Evidence taken out",
		"rows.export_refused": "Taking a list out refused", "audit.export_refused": "Taking evidence out refused",
	}},
}

// traceKind is what some actions are about, and the actions' words.
type traceKind struct {
	Head  string
	Words map[string]string
}

var viaWords = map[string]string{"web": "On a page", "api": "Through the programming interface", "console": "At the server's console", "system": "By the service itself"}

// traceSentence is an action in the reader's language; one that nobody gave words is said as it is kept.
func traceSentence(l lang.Lang, action string) string {
	for _, kinds := range [][]traceKind{traceWords, serviceWords} {
		for _, kind := range kinds {
			if words, ok := kind.Words[action]; ok {
				return l.T(words)
			}
		}
	}
	return action
}

// rolesInWords are those of an event, clerk+volunteer.
func rolesInWords(l lang.Lang, roles string) string {
	var said []string
	for role := range strings.SplitSeq(roles, "+") {
		if word, ok := roleWords[registry.Role(role)]; ok {
			said = append(said, l.T(word))
		}
	}
	return strings.Join(said, ", ")
}
