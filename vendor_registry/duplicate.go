package registry

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// Duplicate is a sign that something is in the record already. It explains and never blocks: two people may share a name, a phone
// or an account, and whoever stands at the stall knows.
type Duplicate struct {
	Code    string     `json:"code"`    // same-account, same-phone, same-name, similar-name, similar-stall, stall-exists
	Pointer string     `json:"pointer"` // of the field that agrees, #/vendor/phone
	Market  string     `json:"market"`  // where the other one is
	Stall   string     `json:"stall"`   // empty: a vendor who holds none now
	Vendor  *VendorID  `json:"vendor"`  // null: it is about a stall
	Detail  string     `json:"detail"`  // Text in the reader's language
	Text    fault.Text `json:"-"`
}

// maxDuplicates is how many signs are told: more would be read by nobody.
const maxDuplicates = 10

// entry is what somebody is about to put into the record.
type entry struct {
	code, section string   // code: of a new stall; empty: it is there
	vendor        VendorID // of somebody who is in the record already; zero: new, by name and phone
	name, phone   string
	accounts      []proposal
}

// alike is a vendor who may be the same person.
type alike struct {
	ID       VendorID
	Market   string
	Name     string
	NameFold string
	Phone    string
	Stall    string
	Section  string
	Account  int // from 1: which of the entry's accounts; 0: none
}

// who is how a person is told from another of the same name.
func (a alike) who(here string) string {
	var where []string
	if a.Stall != "" {
		where = append(where, a.Stall)
	}
	if a.Market != here {
		where = append(where, a.Market)
	}
	if len(where) == 0 {
		return a.Name
	}
	return a.Name + " (" + strings.Join(where, ", ") + ")"
}

// sameTail is how many last digits of a phone make two numbers alike: prefixes were renumbered, tails were not.
const sameTail = 6

// duplicates looks for signs that an entry is in the record already: in its market, and in the other markets whose vendors the
// actor may see. Of a market out of scope nothing is told, not even that something was found.
func duplicates(ctx context.Context, tx pgx.Tx, by Actor, m Market, e entry, now time.Time) ([]Duplicate, error) {
	found := []Duplicate{}
	tell := func(code, pointer string, a alike, format string, args ...any) {
		d := Duplicate{Code: code, Pointer: "#/" + pointer, Market: a.Market, Stall: a.Stall, Text: fault.Say(format, args...)}
		if !a.ID.IsZero() {
			d.Vendor = &a.ID
		}
		found = append(found, d)
	}
	stalls, leads, err := looked(ctx, tx, by, m, e, now)
	if err != nil {
		return nil, err
	}
	for _, code := range stalls {
		a := alike{Stall: code, Market: m.Code}
		if codeKey(code) == codeKey(e.code) {
			tell("stall-exists", "code", a, "There is a stall %s in this market already.", code)
		} else {
			tell("similar-stall", "code", a, "There is a stall %s in this market. Is this one another?", code)
		}
	}
	others, err := alikes(ctx, tx, m, e, leads)
	if err != nil {
		return nil, err
	}
	people := slices.IndexFunc(others, func(a alike) bool { return a.Account == 0 })
	if people < 0 {
		people = len(others)
	}
	for _, a := range others[:people] {
		tell("same-account", below("accounts", strconv.Itoa(a.Account-1)), a, "%s has this account already. Ask whose it is, and say why two vendors share it.", a.who(m.Code))
	}
	fold := qrgen.Search(e.name)
	for _, a := range others[people:] {
		phone := e.phone != "" && a.Phone == e.phone
		tail := phone || e.phone != "" && a.Phone != "" && tailOf(a.Phone) == tailOf(e.phone)
		section := a.Market == m.Code && e.section != "" && a.Section == e.section
		if phone {
			tell("same-phone", "vendor/phone", a, "%s has this phone number already. If it is the same person, choose them and do not enter them again.", a.who(m.Code))
		}
		switch {
		case a.Market != m.Code: // names repeat from market to market
		case a.NameFold == fold && (tail || section || a.Phone == "" || e.phone == "" || a.Section == "" || e.section == ""):
			// With another phone and in another section it is another person of a common name.
			tell("same-name", "vendor/name", a, "%s has the same name. If it is the same person, choose them and do not enter them again.", a.who(m.Code))
		case a.NameFold != fold && (tail || section) && similar(a.NameFold, fold):
			tell("similar-name", "vendor/name", a, "%s is written almost the same. Is it the same person?", a.who(m.Code))
		}
	}
	return found[:min(len(found), maxDuplicates)], nil
}

// bare is a code without blanks, signs and leading zeros, as the index stalls_bare has it.
func bare(code string) string {
	return `regexp_replace(regexp_replace(` + code + `, '(^|[^0-9])0+([0-9])', '\1\2', 'g'), '[^[:alnum:]]', '', 'g')`
}

// lead is a vendor in whom something agrees.
type lead struct {
	MarketID MarketID
	VendorID VendorID
	Account  int // as of alike
}

// looked are the codes of stalls like the entry's, and leads to vendors like its own: with its accounts or its phone in any market whose vendors
// the actor may see, and in the entry's own market also with its name or one like it.
func looked(ctx context.Context, tx pgx.Tx, by Actor, m Market, e entry, now time.Time) ([]string, []lead, error) {
	// Which markets those are is asked only once somebody was found in another.
	const seen = `(x.market_id = @market OR x.market_id = ANY (ARRAY(SELECT m.id FROM markets m WHERE ` + InReach + `)))`
	b := &pgx.Batch{}
	ask := func(sql string, args pgx.StrictNamedArgs) *[]lead {
		args["market"], args["most"] = m.ID, mostAlike
		return postgres.Ask[lead](b, sql, args)
	}
	// Of a market that has grown since statistics were made a plan for just this one takes one row for all it has, and goes through all of them.
	b.Queue(byIndex)
	stalls := &[]string{}
	if e.code != "" { // they differ in blanks, signs and leading zeros alone
		stalls = postgres.Ask[string](b, `
			SELECT s.code FROM stalls s
			WHERE s.market_id = @market AND s.removed_at IS NULL AND `+bare("s.code_fold")+` = `+bare("@fold")+`
			ORDER BY s.code_key = @key DESC, s.position LIMIT 3`, pgx.StrictNamedArgs{"market": m.ID, "fold": qrgen.Search(e.code), "key": codeKey(e.code)})
	}
	var found []*[]lead
	for i, a := range e.accounts { // proposed or approved
		args := by.Reach(SeeVendors)
		args["account"], args["bin"], args["number"], args["now"], args["proposal_lives"] = i+1, a.bin, a.Number, now, ProposalLives
		if args["self"] = nil; !e.vendor.IsZero() {
			args["self"] = e.vendor
		}
		found = append(found, ask(`
			SELECT DISTINCT x.market_id, x.vendor_id, @account::int AS account FROM accounts x
			WHERE x.bin = @bin AND x.number = @number AND x.vendor_id IS DISTINCT FROM @self AND `+seen+`
			  AND CASE (SELECT max(CASE d.decision WHEN 'approved' THEN 1 ELSE 2 END) FROM account_decisions d WHERE d.market_id = x.market_id AND d.account_id = x.id)
			      WHEN 1 THEN true WHEN 2 THEN false ELSE x.proposed_at > @now::timestamptz - @proposal_lives::interval END
			LIMIT @most`, args))
	}
	var named, near []lead
	if e.name != "" {
		args := by.Reach(SeeVendors)
		args["phone"] = e.phone
		found = append(found, ask(`
			SELECT x.market_id, x.id AS vendor_id, 0 AS account FROM vendors x
			WHERE x.phone = @phone AND `+seen+` LIMIT @most`, args))
		name := qrgen.Search(e.name)
		askNames(b, m.ID, false, false, func(v VendorID, fold, _, _ string) {
			switch l := (lead{m.ID, v, 0}); {
			case fold == name && len(named) < mostAlike:
				named = append(named, l)
			case fold != name && similar(fold, name):
				near = append(near, l)
			}
		})
	}
	b.Queue(byItself)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, nil, err
	}
	once := map[lead]bool{}
	var leads []lead
	for _, some := range append(found, &named, &near) {
		for _, l := range *some {
			if !once[l] {
				once[l], leads = true, append(leads, l)
			}
		}
	}
	return *stalls, leads, nil
}

// alikes are who the leads lead to, market by market: with the first of the stalls that they hold now, and without those who were merged or
// removed. First those with the accounts, account by account, then those most like the entry. Every step is a look-up by index, as in whoTrades.
func alikes(ctx context.Context, tx pgx.Tx, m Market, e entry, leads []lead) ([]alike, error) {
	in := map[MarketID][]lead{}
	for _, l := range leads {
		in[l.MarketID] = append(in[l.MarketID], l)
	}
	if len(in) == 0 {
		return nil, nil
	}
	b := &pgx.Batch{}
	b.Queue(byIndex)
	var found []*[]alike
	for id, ls := range in {
		vendors, accounts := make([]VendorID, len(ls)), make([]int, len(ls))
		for i, l := range ls {
			vendors[i], accounts[i] = l.VendorID, l.Account
		}
		found = append(found, postgres.Ask[alike](b, `
			SELECT v.id, m.code AS market, v.name, v.name_fold, coalesce(v.phone, '') AS phone, coalesce(s.code, '') AS stall, coalesce(s.section, '') AS section, f.account
			FROM unnest(@vendors::uuid[], @accounts::int[]) f (vendor_id, account)
			JOIN LATERAL (SELECT v.id, v.name, v.name_fold, v.phone FROM vendors v
			              WHERE v.market_id = @market AND v.id = f.vendor_id AND v.removed_at IS NULL AND v.erased_at IS NULL
			                AND NOT EXISTS (SELECT 1 FROM vendor_merges g WHERE g.market_id = @market AND g.vendor_id = v.id) OFFSET 0) v ON true
			LEFT JOIN LATERAL (SELECT s.code, s.section FROM occupancies o
			                   JOIN LATERAL (SELECT s.code, s.section, s.position, s.code_key FROM stalls s
			                                 WHERE s.market_id = @market AND s.id = o.stall_id AND s.removed_at IS NULL OFFSET 0) s ON true
			                   WHERE o.market_id = @market AND o.vendor_id = f.vendor_id AND o.ended IS NULL
			                   ORDER BY s.position, s.code_key LIMIT 1) s ON true
			JOIN markets m ON m.id = @market`, pgx.StrictNamedArgs{"market": id, "vendors": vendors, "accounts": accounts}))
	}
	b.Queue(byItself)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, err
	}
	var all []alike
	for _, some := range found {
		all = append(all, *some...)
	}
	last := func(other bool) int {
		if other {
			return 1
		}
		return 0
	}
	name := qrgen.Search(e.name)
	slices.SortFunc(all, func(a, b alike) int {
		return cmp.Or(last(a.Account == 0)-last(b.Account == 0), a.Account-b.Account, last(a.Market != m.Code)-last(b.Market != m.Code), last(a.Phone != e.phone)-last(b.Phone != e.phone),
			last(a.NameFold != name)-last(b.NameFold != name), strings.Compare(a.NameFold, b.NameFold), strings.Compare(a.ID.String(), b.ID.String()))
	})
	return all, nil
}

// mostAlike bounds what is read of each sort of likeness: where so many are alike, a person will not read the last of them.
const mostAlike = 60

func tailOf(phone string) string {
	if len(phone) < sameTail {
		return ""
	}
	return phone[len(phone)-sameTail:]
}

// similar reports whether two folded names differ by one typing slip, or one writes initials where the other has the word.
func similar(a, b string) bool { return oneSlip([]rune(a), []rune(b)) || initials(a, b) }

// oneSlip reports whether one letter was left out, added, mistyped or swapped with its neighbour. Short names differ by one letter
// anyway.
func oneSlip(a, b []rune) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) < 5 || len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return slices.Equal(a[i:], b[i+1:])
	}
	if i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && slices.Equal(a[i+2:], b[i+2:]) {
		return true
	}
	return i < len(a) && slices.Equal(a[i+1:], b[i+1:])
}

// initials reports whether two names agree word by word, an initial standing for a word; the given name, the last one, must be whole.
func initials(a, b string) bool {
	if a[strings.LastIndexByte(a, ' ')+1:] != b[strings.LastIndexByte(b, ' ')+1:] { // most are out by this
		return false
	}
	as, bs := strings.Fields(a), strings.Fields(b)
	if len(as) != len(bs) || len(as) < 2 {
		return false
	}
	short := false
	for i, w := range as {
		switch v := bs[i]; {
		case w == v:
		case len(w) == 1 && strings.HasPrefix(v, w), len(v) == 1 && strings.HasPrefix(w, v):
			short = true
		default:
			return false
		}
	}
	return short
}
