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
	stall         StallID // zero: a new one, whose code follows
	code, section string
	vendor        VendorID // of somebody who is in the record already; zero: new, by name and phone
	name, phone   string
	accounts      []proposal
	leaves        *VendorID // who holds the stall until then
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
	if e.code != "" {
		stalls, err := stallsLike(ctx, tx, m, e.code)
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
	}
	others, err := otherMarkets(ctx, tx, by, m)
	if err != nil {
		return nil, err
	}
	accounts, err := sameAccounts(ctx, tx, m, others, e, now)
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		tell("same-account", below("accounts", strconv.Itoa(a.Account-1)), a, "%s has this account already. Ask whose it is, and say why two vendors share it.", a.who(m.Code))
	}
	if e.name != "" {
		people, err := samePeople(ctx, tx, m, others, e)
		if err != nil {
			return nil, err
		}
		fold := qrgen.Search(e.name)
		for _, a := range people {
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
	}
	return found[:min(len(found), maxDuplicates)], nil
}

// otherMarkets are the other markets whose vendors the actor may see.
func otherMarkets(ctx context.Context, tx pgx.Tx, by Actor, m Market) ([]MarketID, error) {
	args := by.Reach(SeeVendors)
	args["market"] = m.ID
	return postgres.All[MarketID](ctx, tx, `SELECT m.id FROM markets m WHERE `+InReach+` AND m.id <> @market ORDER BY m.id`, args)
}

// stallsLike are the codes that differ from one in blanks, signs and leading zeros alone.
func stallsLike(ctx context.Context, tx pgx.Tx, m Market, code string) ([]string, error) {
	return postgres.All[string](ctx, tx, `
		SELECT s.code FROM stalls s
		WHERE s.market_id = @market AND s.removed_at IS NULL
		  AND regexp_replace(regexp_replace(s.code_fold, '(^|[^0-9])0+([0-9])', '\1\2', 'g'), '[^[:alnum:]]', '', 'g')
		    = regexp_replace(regexp_replace(@fold, '(^|[^0-9])0+([0-9])', '\1\2', 'g'), '[^[:alnum:]]', '', 'g')
		ORDER BY s.code_key = @key DESC, s.position LIMIT 3`,
		pgx.StrictNamedArgs{"market": m.ID, "fold": qrgen.Search(code), "key": codeKey(code)})
}

// lead is a vendor in whom something agrees.
type lead struct {
	MarketID MarketID
	VendorID VendorID
	Account  int // as of alike
}

// alikes are who the leads lead to, market by market: with the first of the stalls that they hold now, and without those who were merged or
// removed, those most like the entry first. Every step is a look-up by index, as in whoTrades.
func alikes(ctx context.Context, tx pgx.Tx, m Market, e entry, leads []lead) ([]alike, error) {
	in := map[MarketID][]lead{}
	for _, l := range leads {
		in[l.MarketID] = append(in[l.MarketID], l)
	}
	b := &pgx.Batch{}
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
	if b.Len() == 0 {
		return nil, nil
	}
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
		return cmp.Or(a.Account-b.Account, last(a.Market != m.Code)-last(b.Market != m.Code), last(a.Phone != e.phone)-last(b.Phone != e.phone),
			last(a.NameFold != name)-last(b.NameFold != name), strings.Compare(a.NameFold, b.NameFold), strings.Compare(a.ID.String(), b.ID.String()))
	})
	return all, nil
}

// samePeople are vendors with the entry's phone in any of the markets, and in its own also those with its name, the end of its
// phone, or in its section.
func samePeople(ctx context.Context, tx pgx.Tx, m Market, others []MarketID, e entry) ([]alike, error) {
	name, phone, tail := qrgen.Search(e.name), e.phone, tailOf(e.phone)
	b := &pgx.Batch{}
	called := postgres.Ask[lead](b, `
		SELECT v.market_id, v.id AS vendor_id, 0 AS account FROM vendors v WHERE v.market_id = ANY (@markets::uuid[]) AND v.phone = @phone LIMIT @most`,
		pgx.StrictNamedArgs{"markets": append(slices.Clone(others), m.ID), "phone": phone, "most": mostAlike})
	near := postgres.Ask[lead](b, `
		(SELECT v.market_id, v.id AS vendor_id, 0 AS account FROM vendors v WHERE v.market_id = @market AND v.name_fold = @name LIMIT @most)
		UNION (SELECT v.market_id, v.id, 0 FROM vendors v WHERE v.market_id = @market AND @tail <> '' AND v.phone LIKE '%' || @tail LIMIT @most)
		UNION (SELECT s.market_id, v.id, 0 FROM stalls s
		       JOIN LATERAL (SELECT o.vendor_id FROM occupancies o WHERE o.market_id = @market AND o.stall_id = s.id AND o.ended IS NULL OFFSET 0) o ON true
		       JOIN LATERAL (SELECT v.id FROM vendors v WHERE v.market_id = @market AND v.id = o.vendor_id AND `+nearName+` OFFSET 0) v ON true
		       WHERE s.market_id = @market AND @section <> '' AND s.section = @section AND s.removed_at IS NULL LIMIT @most)`,
		pgx.StrictNamedArgs{"market": m.ID, "name": name, "tail": tail, "section": e.section, "most": mostAlike})
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, err
	}
	leads := *called
	for _, l := range *near {
		if !slices.Contains(leads, l) {
			leads = append(leads, l)
		}
	}
	return alikes(ctx, tx, m, e, leads)
}

// mostAlike bounds what is read of each sort of likeness: where so many are alike, a person will not read the last of them.
const mostAlike = 60

// nearName keeps of a section's vendors v those whom similar may find: a slip is in one half of a name alone, so that the other is the same
// from its start or its end; and who writes initials writes the last word whole.
const nearName = `(
	abs(length(v.name_fold) - length(@name)) <= 1
		AND (left(v.name_fold, (length(@name) - 3) / 2) = left(@name, (length(@name) - 3) / 2)
			OR right(v.name_fold, (length(@name) - 3) / 2) = right(@name, (length(@name) - 3) / 2))
	OR substring(v.name_fold from '[^ ]*$') = substring(@name from '[^ ]*$'))`

// sameAccounts are other vendors with an account of the entry's, proposed or approved.
func sameAccounts(ctx context.Context, tx pgx.Tx, m Market, others []MarketID, e entry, now time.Time) ([]alike, error) {
	if len(e.accounts) == 0 {
		return nil, nil
	}
	var self *VendorID
	if !e.vendor.IsZero() {
		self = &e.vendor
	}
	b := &pgx.Batch{}
	found := make([]*[]lead, len(e.accounts))
	for i, a := range e.accounts {
		found[i] = postgres.Ask[lead](b, `
			SELECT DISTINCT a.market_id, a.vendor_id, @account::int AS account FROM accounts a
			WHERE a.market_id = ANY (@markets::uuid[]) AND a.bin = @bin AND a.number = @number AND a.vendor_id IS DISTINCT FROM @self
			  AND CASE (SELECT max(CASE d.decision WHEN 'approved' THEN 1 ELSE 2 END) FROM account_decisions d WHERE d.market_id = a.market_id AND d.account_id = a.id)
			      WHEN 1 THEN true WHEN 2 THEN false ELSE a.proposed_at > @now::timestamptz - @proposal_lives::interval END
			LIMIT @most`,
			pgx.StrictNamedArgs{"markets": append(slices.Clone(others), m.ID), "account": i + 1, "bin": a.bin, "number": a.Number, "self": self, "now": now,
				"proposal_lives": ProposalLives, "most": mostAlike})
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, err
	}
	var leads []lead
	for _, some := range found {
		leads = append(leads, *some...)
	}
	return alikes(ctx, tx, m, e, leads)
}

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
	as, bs := strings.Fields(a), strings.Fields(b)
	if len(as) != len(bs) || len(as) < 2 || as[len(as)-1] != bs[len(bs)-1] {
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
