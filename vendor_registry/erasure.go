package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// Erased stands where the name of somebody stood who asked to be forgotten.
const Erased = "(đã xóa)"

// Erasure is somebody who was erased: ids only, which name nobody once the record does not.
type Erasure struct {
	ID      id.ID[Erasure] `json:"id"`
	Market  MarketID       `json:"market" db:"market_id"`
	Vendor  VendorID       `json:"vendor" db:"vendor_id"`
	Account *AccountID     `json:"account,omitempty" db:"account_id"` // set: only this account, which a relative of the vendor holds
	At      time.Time      `json:"at" db:"erased_at"`
}

// Forgotten is what an erasure brought with it.
type Forgotten struct {
	Stopped []Serial `json:"stopped"` // serials of placards that were live: take the paper down
}

// Emptied reports whether what was kept of a sending was emptied when the person whom it named was erased.
func Emptied(content []byte) bool { return len(content) == 0 || bytes.Equal(content, nothing) }

// PersonGone is a fault for what is sent again of somebody who was erased: nothing of it is stored.
func PersonGone() *fault.Error {
	return fault.New(fault.Gone, "person-erased", "The person asked to be forgotten. Nothing was stored.")
}

// subject is who is to be erased: a vendor under every ID they are known by, or one account that a relative of theirs holds.
type subject struct {
	vendor  VendorID
	vendors []VendorID // empty: only the account
	account *AccountID
}

func (sub subject) object() string {
	if sub.account != nil {
		return "account:" + sub.account.String()
	}
	return "vendor:" + sub.vendor.String()
}

// record is the id of what the subject is about.
func (sub subject) record() string {
	if sub.account != nil {
		return sub.account.String()
	}
	return sub.vendor.String()
}

// erase takes a person out of a market's record; how far their vendor was on which day stays, and the stall stays held, by nobody who is
// known, until somebody hands it over. What is in force of theirs ends first, so that no pointer to money moves: an erased account is over,
// and nothing takes its place. Nothing but ids remains of the person. The caller has checked the actor, and writes the events, last.
//
// Everybody's open previews of ledgers are thrown away with it: whether a file names the person nobody can say for sure.
func (s *Service) erase(ctx context.Context, tx pgx.Tx, by Actor, m Market, sub subject, now time.Time) (Forgotten, []Event, error) {
	f := Forgotten{Stopped: []Serial{}}
	for _, what := range []string{"print", "import"} { // no batch, decision or ledger meanwhile
		if err := oneAtATime(ctx, tx, m.ID, what); err != nil {
			return f, nil, err
		}
	}
	if err := lockVendors(ctx, tx, m.ID, &sub.vendor); err != nil {
		return f, nil, err
	}
	args := pgx.StrictNamedArgs{"market": m.ID, "vendors": sub.vendors, "alone": []AccountID{}, "now": now, "by": by.ID, "name": Erased}
	if sub.account != nil {
		args["alone"] = []AccountID{*sub.account}
	}
	if args["vendors"] == nil || len(sub.vendors) == 0 {
		args["vendors"] = []VendorID{}
	}
	accounts, err := postgres.All[AccountID](ctx, tx, `
		SELECT id FROM accounts WHERE market_id = @market AND (vendor_id = ANY (@vendors) OR id = ANY (@alone)) ORDER BY id`, used(`@market @vendors @alone`, args))
	if err != nil {
		return f, nil, err
	}
	args["accounts"] = accounts
	left, err := tracesOf(ctx, tx, m, args)
	if err != nil {
		return f, nil, err
	}
	var events []Event
	if f.Stopped, events, err = endAll(ctx, tx, by, m, args, now); err != nil {
		return f, nil, err
	}
	if err := blank(ctx, tx, args); err != nil {
		return f, nil, err
	}
	naming, others, err := left.blankWords(ctx, tx, args)
	if err != nil {
		return f, nil, err
	}
	args["naming"] = naming
	const theirs = `
		SELECT 'account:' || id FROM accounts WHERE market_id = @market AND id = ANY (@accounts)
		UNION ALL SELECT 'placard:' || id FROM placards WHERE market_id = @market AND (vendor_id = ANY (@vendors) OR account_id = ANY (@accounts))
		UNION ALL SELECT 'default:' || id FROM default_proposals WHERE market_id = @market AND account_id = ANY (@accounts)
		ORDER BY 1`
	objects, err := postgres.All[string](ctx, tx, theirs, used(theirs, args))
	if err != nil {
		return f, nil, err
	}
	if _, err := tx.Exec(ctx, `SELECT erase_written(@market, @vendors, @alone, @naming)`, used(`@market @vendors @alone @naming`, args)); err != nil {
		if postgres.OtherUser(err) {
			err = fault.New(fault.Conflict, "erasure-by-owner", "On Citus, people are erased by a service that works as the owner of the tables. Start it with the owner's address in DATABASE_URL, erase, and start it again as before.").Because(err)
		}
		return f, nil, err
	}
	if err := left.blankReports(ctx, tx, args); err != nil {
		return f, nil, err
	}
	if err := left.blankAnswers(ctx, tx, m); err != nil {
		return f, nil, err
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO erasures (market_id, id, vendor_id, account_id, erased_by, erased_at) VALUES (@market, @id, @vendor, @account, @by, @now)`,
		pgx.StrictNamedArgs{"market": m.ID, "id": id.New[Erasure](), "vendor": sub.vendor, "account": sub.account, "by": by.ID, "now": now}); err != nil {
		return f, nil, err
	}
	// The chain no longer holds what was emptied to what it was: each object says so, last.
	for _, object := range others {
		if kind, _, _ := strings.Cut(object, ":"); !slices.Contains(objects, object) {
			events = append(events, Event{wordsErased(kind), object, nil})
		}
	}
	for _, object := range objects {
		kind, _, _ := strings.Cut(object, ":")
		events = append(events, Event{kind + forgotten, object, nil})
	}
	if sub.account == nil {
		events = append(events, Event{"vendor" + forgotten, sub.object(), nil})
	}
	return f, events, Recount(ctx, tx, m.ID, now, sub.vendor)
}

var named = regexp.MustCompile(`@([a-z_]+)`)

// used are the arguments that a statement names.
func used(sql string, all pgx.StrictNamedArgs) pgx.StrictNamedArgs {
	some := pgx.StrictNamedArgs{}
	for _, name := range named.FindAllStringSubmatch(sql, -1) {
		some[name[1]] = all[name[1]]
	}
	return some
}

// endAll ends what is in force of the accounts: proposals, approvals, placards. A placard that was out there stays among those to be
// collected.
func endAll(ctx context.Context, tx pgx.Tx, by Actor, m Market, args pgx.StrictNamedArgs, now time.Time) ([]Serial, []Event, error) {
	var events []Event
	type open struct {
		ID       AccountID
		Approved bool
	}
	const live = `
		SELECT a.id, EXISTS (SELECT 1 FROM account_decisions d WHERE d.market_id = @market AND d.account_id = a.id) AS approved FROM accounts a
		WHERE a.market_id = @market AND a.id = ANY (@accounts)
		  AND NOT EXISTS (SELECT 1 FROM account_decisions d WHERE d.market_id = @market AND d.account_id = a.id AND d.decision <> 'approved') ORDER BY a.id`
	accounts, err := postgres.All[open](ctx, tx, live, used(live, args))
	if err != nil {
		return nil, nil, err
	}
	const waiting = `
		SELECT p.id FROM default_proposals p WHERE p.market_id = @market AND (p.account_id = ANY (@accounts) OR p.instead_of = ANY (@accounts))
		  AND NOT EXISTS (SELECT 1 FROM default_decisions d WHERE d.market_id = @market AND d.proposal_id = p.id) ORDER BY p.id`
	defaults, err := postgres.All[DefaultID](ctx, tx, waiting, used(waiting, args))
	if err != nil {
		return nil, nil, err
	}
	for _, p := range defaults {
		if err := insertDefaultDecision(ctx, tx, by, m, p, StateWithdrawn, "", now); err != nil {
			return nil, nil, err
		}
		events = append(events, Event{"default.withdrawn", "default:" + p.String(), nil})
	}
	for _, a := range accounts {
		how := StateWithdrawn
		if a.Approved {
			how = StateSuperseded
		}
		if err := insertDecision(ctx, tx, by, m.ID, a.ID, how, "", now); err != nil {
			return nil, nil, err
		}
		events = append(events, Event{"account." + string(how), "account:" + a.ID.String(), nil})
	}
	type card struct {
		ID     PlacardID
		Serial Serial
	}
	const hung = `
		SELECT id, serial FROM placards WHERE market_id = @market AND (vendor_id = ANY (@vendors) OR account_id = ANY (@accounts)) AND state = ANY (@live)
		ORDER BY id FOR UPDATE`
	args["live"] = liveStates
	cards, err := postgres.All[card](ctx, tx, hung, used(hung, args))
	if err != nil {
		return nil, nil, err
	}
	stopped := []Serial{}
	b := &pgx.Batch{}
	for _, p := range cards {
		e := placardEvent{id: id.New[NewPlacardEvent](), kind: "suspended", state: "void", at: now}
		e.queue(b, by, m.ID, p.ID, now)
		stopped = append(stopped, p.Serial)
		events = append(events, Event{"placard.voided", "placard:" + p.ID.String(), []string{"state"}})
	}
	return stopped, events, tx.SendBatch(ctx, b).Close()
}

// blanks empty what names the person in the rows that are about them, and drop those that say nothing without. Facts that figures of
// past days stand on stay: who held which stall when is a row of ids and days. The record's default account stays the pointer that it
// was, to an account that is over.
var blanks = []string{
	`UPDATE vendors SET name = @name, name_fold = '', phone = NULL, kind = 'household', sim_registered = 'unknown', erased_at = @now, version = version + 1
	 WHERE market_id = @market AND id = ANY (@vendors)`,
	`UPDATE stalls s SET version = version + 1, placard_languages = '', show_number = false FROM occupancies o
	 WHERE s.market_id = @market AND o.market_id = @market AND o.stall_id = s.id AND o.ended IS NULL AND o.vendor_id = ANY (@vendors)`,
	`UPDATE placards SET vendor_name = @name, holder = '', languages = '', show_number = false
	 WHERE market_id = @market AND (vendor_id = ANY (@vendors) OR account_id = ANY (@accounts))`,
	`UPDATE occupancies SET end_reason = '' WHERE market_id = @market AND vendor_id = ANY (@vendors)`,
	`UPDATE occupancy_statuses t SET reason = '' FROM occupancies o
	 WHERE t.market_id = @market AND o.market_id = @market AND t.occupancy_id = o.id AND o.vendor_id = ANY (@vendors)`,
	`UPDATE vendor_merges SET reason = '' WHERE market_id = @market AND (vendor_id = ANY (@vendors) OR into_id = ANY (@vendors))`,
	`UPDATE visits SET note = CASE WHEN barrier = 'other' THEN '–' ELSE '' END, void_reason = CASE WHEN void_reason IS NOT NULL THEN '–' END,
	        checklist = '{}', content = ''
	 WHERE market_id = @market AND vendor_id = ANY (@vendors)`,
	`UPDATE incidents SET note = '' WHERE market_id = @market AND vendor_id = ANY (@vendors)`,
	// What a phone sent for their stalls and placards, and what it was told of them.
	`UPDATE phone_sendings n SET content = @nothing FROM occupancies o JOIN stalls s ON s.market_id = @market AND s.id = o.stall_id
	 WHERE n.market_id = @market AND o.market_id = @market AND o.vendor_id = ANY (@vendors) AND upper(n.place) IN (upper(s.code), upper(s.code_key))`,
	`UPDATE phone_sendings n SET content = @nothing FROM placards p
	 WHERE n.market_id = @market AND p.market_id = @market AND (p.vendor_id = ANY (@vendors) OR p.account_id = ANY (@accounts))
	   AND replace(upper(n.place), '-', '') = p.serial`,
	`DELETE FROM pack_lines l USING occupancies o
	 WHERE l.market_id = @market AND o.market_id = @market AND o.stall_id = l.stall_id AND o.vendor_id = ANY (@vendors)`,
	`DELETE FROM consents WHERE market_id = @market AND vendor_id = ANY (@vendors)`,
	`DELETE FROM account_holders WHERE market_id = @market AND account_id = ANY (@accounts)`,
	`DELETE FROM notices WHERE market_id = @market AND (vendor_id = ANY (@vendors) OR account_id = ANY (@accounts) OR old_account_id = ANY (@accounts))`,
	`DELETE FROM tasks WHERE market_id = @market AND (vendor_id = ANY (@vendors) OR account_id = ANY (@accounts))`,
	`UPDATE disclosures SET reason = CASE WHEN whole THEN '–' ELSE '' END WHERE market_id = @market AND (subject = ANY (@vendors) OR subject = ANY (@accounts))`,
	`UPDATE requests SET note = '', reason = CASE WHEN reason <> '' THEN '–' ELSE '' END
	 WHERE market_id = @market AND (vendor_id = ANY (@vendors) OR account_id = ANY (@accounts))`,
	// The same record sent once more is known by its id, and answered that the person is gone.
	`UPDATE sendings SET content = @nothing WHERE market_id = @market AND (id = ANY (@vendors) OR id = ANY (@accounts) OR id IN (
	     SELECT o.stall_id FROM occupancies o WHERE o.market_id = @market AND o.vendor_id = ANY (@vendors)))`,
	`UPDATE clashes SET content = '{}', place = '', note = '', digest = sha256(uuid_send(id)), settled_by = coalesce(settled_by, @by), settled_at = coalesce(settled_at, @now)
	 WHERE market_id = @market AND (record_id = ANY (@vendors) OR record_id = ANY (@accounts)
	    OR record_id IN (SELECT o.stall_id FROM occupancies o WHERE o.market_id = @market AND o.vendor_id = ANY (@vendors))
	    OR record_id IN (SELECT p.id FROM placards p WHERE p.market_id = @market AND (p.vendor_id = ANY (@vendors) OR p.account_id = ANY (@accounts)))
	    OR record_id IN (SELECT e.id FROM placards p JOIN placard_events e ON e.market_id = @market AND e.placard_id = p.id
	                     WHERE p.market_id = @market AND (p.vendor_id = ANY (@vendors) OR p.account_id = ANY (@accounts))))`,
	`UPDATE print_batches b SET reason = '', warnings = '[]', left_out = (SELECT coalesce(jsonb_agg(e - 'detail'), '[]') FROM jsonb_array_elements(b.left_out) e)
	 WHERE b.market_id = @market AND b.id IN (
	     SELECT p.batch_id FROM placards p WHERE p.market_id = @market AND (p.vendor_id = ANY (@vendors) OR p.account_id = ANY (@accounts)))`,
	`UPDATE imports SET ledger = NULL, sheet = NULL, mapping = '{}', mended = '{}', problem = NULL, expires_at = least(expires_at, @now)
	 WHERE market_id = @market AND state = 'preview'`,
}

// nothing is the hash of what was emptied: no content has it.
var nothing = make([]byte, 32)

func blank(ctx context.Context, tx pgx.Tx, args pgx.StrictNamedArgs) error {
	args["nothing"] = nothing
	b := &pgx.Batch{}
	for _, sql := range blanks {
		b.Queue(sql, used(sql, args))
	}
	return tx.SendBatch(ctx, b).Close()
}

// traces are the words, numbers and ids by which a person is known in what others wrote down. What another vendor of the market
// has too, a name or the number of a shared account, is theirs and is no trace.
type traces struct {
	market  string
	names   []string // folded, a blank around each
	numbers []string // digits; a phone without its first zero
	ids     []string // of the person's records, and serials
}

// tracesOf reads by what the person is known, while it still stands there.
func tracesOf(ctx context.Context, tx pgx.Tx, m Market, args pgx.StrictNamedArgs) (traces, error) {
	t := traces{market: m.Code}
	type words struct {
		Own  bool
		Kind string // name, number, id
		Word string
	}
	const sql = `
		WITH of AS (SELECT id, name, phone, id = ANY (@vendors) AS own FROM vendors WHERE market_id = @market AND erased_at IS NULL),
		     pays AS (SELECT id, vendor_id, number, holder, id = ANY (@accounts) AS own FROM accounts WHERE market_id = @market AND number <> '')
		SELECT own, 'name' AS kind, name AS word FROM of
		UNION SELECT own, 'number', phone FROM of WHERE phone IS NOT NULL
		UNION SELECT own, 'name', holder FROM pays
		UNION SELECT own, 'number', number FROM pays
		UNION SELECT true, 'name', p.vendor_name FROM placards p WHERE p.market_id = @market AND p.vendor_id = ANY (@vendors)
		UNION SELECT true, 'name', v.heard_name FROM account_verifications v
		      WHERE v.market_id = @market AND v.account_id = ANY (@accounts) AND v.heard_name IS NOT NULL
		UNION SELECT true, 'name', e.heard_name FROM placards p JOIN placard_events e ON e.market_id = @market AND e.placard_id = p.id AND e.heard_name IS NOT NULL
		      WHERE p.market_id = @market AND (p.vendor_id = ANY (@vendors) OR p.account_id = ANY (@accounts))
		UNION SELECT true, 'id', p.serial FROM placards p WHERE p.market_id = @market AND (p.vendor_id = ANY (@vendors) OR p.account_id = ANY (@accounts))
		UNION SELECT true, 'id', unnest(@vendors::uuid[])::text
		UNION SELECT true, 'id', unnest(@accounts::uuid[])::text`
	all, err := postgres.All[words](ctx, tx, sql, used(sql, args))
	if err != nil {
		return t, err
	}
	others := map[string]bool{}
	key := func(w words) string {
		if w.Kind == "name" {
			return " " + qrgen.Search(w.Word) + " "
		}
		return strings.TrimPrefix(w.Word, "0")
	}
	for _, w := range all {
		if !w.Own {
			others[key(w)] = true
		}
	}
	for _, w := range all {
		switch k := key(w); {
		case !w.Own || others[k]:
		case w.Kind == "name" && strings.Contains(strings.TrimSpace(k), " "): // one word alone is in many sentences
			t.names = append(t.names, k)
		case w.Kind == "number" && len(k) >= leastTrace:
			t.numbers = append(t.numbers, strings.ToLower(k))
		case w.Kind == "id":
			t.ids = append(t.ids, w.Word)
			if no, ok := ParseSerial(w.Word); ok {
				t.ids = append(t.ids, no.String())
			}
		}
	}
	return t, nil
}

// leastTrace is how long a number must be to tell a person from others in a text.
const leastTrace = 6

var betweenDigits = regexp.MustCompile(`([0-9])[ .\x{00a0}-]+([0-9])`)

// in reports whether a text names the person: by name without accents and case, or by phone or account however it is grouped.
func (t traces) in(text string) bool {
	if text == "" {
		return false
	}
	folded := " " + qrgen.Search(text) + " "
	for _, n := range t.names {
		if strings.Contains(folded, n) {
			return true
		}
	}
	digits := strings.ToLower(text)
	if len(t.numbers) > 0 {
		digits = betweenDigits.ReplaceAllString(betweenDigits.ReplaceAllString(digits, "$1$2"), "$1$2") // twice: single digits overlap
	}
	for _, n := range t.numbers {
		if strings.Contains(digits, n) {
			return true
		}
	}
	return false
}

// known reports whether a text holds an ID of the person's records.
func (t traces) known(text string) bool {
	return slices.ContainsFunc(t.ids, func(id string) bool { return strings.Contains(text, id) })
}

// words are columns that hold a person's own words, on which somebody may have named somebody else: the rows are read, and those
// that name the erased one emptied.
var words = []struct{ table, key, text, empty string }{
	{"tasks", "id", "reason", "reason = ''"},
	{"occupancies", "id", "end_reason", "end_reason = ''"},
	{"occupancy_statuses", "id", "reason", "reason = ''"},
	{"vendor_merges", "vendor_id", "reason", "reason = ''"},
	{"disclosures", "id", "reason", "reason = '–'"},
	{"requests", "id", "note || ' ' || reason", "note = '', reason = CASE WHEN reason <> '' THEN '–' ELSE '' END"},
	{"visits", "id", "note || ' ' || coalesce(void_reason, '')", "note = CASE WHEN barrier = 'other' THEN '–' ELSE '' END, void_reason = CASE WHEN void_reason IS NOT NULL THEN '–' END"},
	{"incidents", "id", "note", "note = ''"},
	{"print_batches", "id", "reason || ' ' || warnings || ' ' || left_out", "reason = '', warnings = '[]', left_out = (SELECT coalesce(jsonb_agg(e - 'detail'), '[]') FROM jsonb_array_elements(left_out) e)"},
	{"clashes", "id", "place || ' ' || note || ' ' || content", "content = '{}', place = '', note = '', digest = sha256(uuid_send(id)), settled_by = coalesce(settled_by, @by), settled_at = coalesce(settled_at, @now)"},
	{"ledger_mappings", "heading", "heading", ""},
}

// written are those among the rows that are written once.
var written = []struct{ table, text, object string }{
	{"accounts", "reason", "'account:' || id"}, {"account_decisions", "reason", "'account:' || account_id"},
	{"account_verifications", "concat_ws(' ', how, heard_name)", "coalesce('placard:' || placard_id, 'account:' || account_id)"},
	{"default_proposals", "reason", "'default:' || id"}, {"default_decisions", "reason", "'default:' || proposal_id"},
	{"placard_events", "concat_ws(' ', reason, heard_name)", "'placard:' || placard_id"},
}

// blankWords empties what others wrote of the person, and gives the ids of rows that only erase_written may empty, and what these are about.
func (t traces) blankWords(ctx context.Context, tx pgx.Tx, args pgx.StrictNamedArgs) (naming []id.ID[any], objects []string, err error) {
	naming = []id.ID[any]{}
	for _, w := range words {
		type row struct{ Key, Text string }
		sql := `SELECT ` + w.key + `::text AS key, ` + w.text + ` AS text FROM ` + w.table + ` WHERE market_id = @market AND ` + w.text + ` <> ''`
		rows, err := postgres.All[row](ctx, tx, sql, used(sql, args))
		if err != nil {
			return nil, nil, err
		}
		var keys []string
		for _, r := range rows {
			if t.in(r.Text) {
				keys = append(keys, r.Key)
			}
		}
		if len(keys) == 0 {
			continue
		}
		args["keys"] = keys
		sql = `UPDATE ` + w.table + ` SET ` + w.empty + ` WHERE market_id = @market AND ` + w.key + `::text = ANY (@keys)`
		if w.empty == "" {
			sql = `DELETE FROM ` + w.table + ` WHERE market_id = @market AND ` + w.key + `::text = ANY (@keys)`
		}
		if _, err := tx.Exec(ctx, sql, used(sql, args)); err != nil {
			return nil, nil, err
		}
	}
	for _, w := range written {
		type row struct {
			ID           id.ID[any]
			Text, Object string
		}
		sql := `SELECT id, ` + w.text + ` AS text, ` + w.object + ` AS object FROM ` + w.table + ` WHERE market_id = @market AND ` + w.text + ` <> ''`
		rows, err := postgres.All[row](ctx, tx, sql, used(sql, args))
		if err != nil {
			return nil, nil, err
		}
		for _, r := range rows {
			if t.in(r.Text) {
				naming = append(naming, r.ID)
				if !slices.Contains(objects, r.Object) {
					objects = append(objects, r.Object)
				}
			}
		}
	}
	figures, err := t.figures(ctx, tx, args)
	return append(naming, figures...), objects, err
}

// figures are the reported figures whose words name the person: those of the market or of an area; in another market's a name is somebody else's.
func (t traces) figures(ctx context.Context, tx pgx.Tx, args pgx.StrictNamedArgs) (naming []id.ID[any], err error) {
	type row struct {
		ID   id.ID[any]
		Here bool
		Text string
	}
	const sql = `
		SELECT f.id, coalesce(f.market_id = @market, true) AS here, concat_ws(' ', f.source, f.note, w.reason) AS text
		FROM reported_figures f LEFT JOIN figure_withdrawals w ON w.figure_id = f.id`
	rows, err := postgres.All[row](ctx, tx, sql, used(sql, args))
	for _, r := range rows {
		if r.Here && t.in(r.Text) || !r.Here && (traces{numbers: t.numbers}).in(r.Text) {
			naming = append(naming, r.ID)
		}
	}
	return naming, err
}

// blankReports empties the cells that reports of imports repeat: all of those that brought the person in or changed them, since a name
// that was corrected later is known to nobody any more, and of others those that name them.
func (t traces) blankReports(ctx context.Context, tx pgx.Tx, args pgx.StrictNamedArgs) error {
	type row struct {
		ID     ImportID
		File   string
		Report []byte
		Words  string
		Theirs bool
	}
	const sql = `
		SELECT i.id, i.file, i.report, i.mapping::text || ' ' || coalesce(i.problem::text, '') AS words,
		       EXISTS (SELECT 1 FROM vendors v WHERE v.market_id = @market AND v.id = ANY (@vendors) AND v.import_id = i.id)
		       OR EXISTS (SELECT 1 FROM accounts a WHERE a.market_id = @market AND a.id = ANY (@accounts) AND a.import_id = i.id)
		       OR EXISTS (SELECT 1 FROM occupancies o WHERE o.market_id = @market AND o.vendor_id = ANY (@vendors) AND (o.import_id = i.id OR o.stall_id = ANY (i.changed)))
		       AS theirs
		FROM imports i WHERE i.market_id = @market FOR UPDATE`
	rows, err := postgres.All[row](ctx, tx, sql, used(sql, args))
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	for _, r := range rows {
		theirs := r.Theirs || t.in(string(r.Report))
		if !theirs && !t.in(r.File) && !t.in(r.Words) {
			continue
		}
		var report Report
		if err := json.Unmarshal(r.Report, &report); err != nil {
			return err
		}
		if t.in(r.File) {
			r.File = "–"
		}
		if t.in(report.File) {
			report.File = "–"
		}
		for _, list := range [][]fault.Field{report.Faults, report.Warnings} {
			for i := range list {
				if theirs && (list[i].Value != "" || len(list[i].Detail.Args) > 0) {
					list[i].Value, list[i].Detail = "", fault.Say("What stood there was erased.")
				}
			}
		}
		b.Queue(`UPDATE imports SET file = @file, report = @report, mapping = CASE WHEN @words THEN '{}' ELSE mapping END, problem = CASE WHEN @words THEN NULL ELSE problem END
		         WHERE market_id = @market AND id = @id`,
			pgx.StrictNamedArgs{"market": args["market"], "id": r.ID, "file": r.File, "report": asJSON(report), "words": t.in(r.Words)})
	}
	return tx.SendBatch(ctx, b).Close()
}

// AnswersLive is how long an answer is kept under its Idempotency-Key (SECURITY: 30 days).
const AnswersLive = 30 * 24 * time.Hour

// blankAnswers empties the answers that were kept for who sends a request again. The key stays, with no answer: the request sent once
// more does not bring the person back. Names are common, so that by them alone only answers of this market count.
func (t traces) blankAnswers(ctx context.Context, tx pgx.Tx, m Market) error {
	rows, err := tx.Query(ctx, `SELECT actor, key, market, body FROM idempotency WHERE body <> ''`)
	if err != nil {
		return err
	}
	var actors, keys []string
	var actor, key, market string
	var body []byte
	if _, err := pgx.ForEachRow(rows, []any{&actor, &key, &market, &body}, func() error {
		text := string(body)
		here := market == m.Code || market == ""
		if t.known(text) || here && t.in(text) || !here && (traces{numbers: t.numbers}).in(text) {
			actors, keys = append(actors, actor), append(keys, key)
		}
		return nil
	}); err != nil || len(keys) == 0 {
		return err
	}
	_, err = tx.Exec(ctx, `
		UPDATE idempotency i SET request = '', status = 410, headers = '{}', body = '' FROM unnest(@actors::text[], @keys::text[]) k (actor, key)
		WHERE i.actor = k.actor AND i.key = k.key`, pgx.StrictNamedArgs{"actors": actors, "keys": keys})
	return err
}

// subjectOf finds who a vendor is today, under every ID, also one whose import was taken back. Faults: NotFound vendor-not-found, also when they
// were erased already.
func subjectOf(ctx context.Context, db postgres.Querier, m Market, which VendorID, account *AccountID) (subject, error) {
	v, err := postgres.Found[VendorID](ctx, db, vendorNotFound(), `
		SELECT v.id FROM vendors v WHERE v.market_id = @market AND v.erased_at IS NULL
		  AND v.id = coalesce((SELECT g.into_id FROM vendor_merges g WHERE g.market_id = @market AND g.vendor_id = @vendor), @vendor)`,
		pgx.StrictNamedArgs{"market": m.ID, "vendor": which})
	sub := subject{vendor: v, account: account}
	if err != nil || account != nil {
		return sub, err
	}
	sub.vendors, err = postgres.All[VendorID](ctx, db, `
		SELECT id FROM (`+idsOf("@vendor::uuid")+`) who`, pgx.StrictNamedArgs{"market": m.ID, "vendor": v})
	return sub, err
}

// Erasures are all who were erased, the oldest first: what whoever brings an older copy of the database back erases again.
func (s *Service) Erasures(ctx context.Context) ([]Erasure, error) {
	return postgres.All[Erasure](ctx, s.db, `SELECT id, market_id, vendor_id, account_id, erased_at FROM erasures ORDER BY erased_at, id`, nil)
}

// ReplayErasures erases those of a list whom the database holds again, as after the restore of an older copy. It says how many there were;
// doing it twice changes nothing.
func (s *Service) ReplayErasures(ctx context.Context, list []Erasure) (erased int, err error) {
	now, by := s.now(), system("")
	for _, e := range list {
		err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
			m, err := postgres.Found[Market](ctx, tx, fault.New(fault.NotFound, "not-found", "There is no such record here."), marketColumns+` WHERE m.id = @market`, pgx.StrictNamedArgs{"market": e.Market})
			if err != nil {
				return err
			}
			sub, err := subjectOf(ctx, tx, m, e.Vendor, e.Account)
			if err != nil {
				return err
			}
			if e.Account != nil {
				there, err := postgres.One[bool](ctx, tx, `SELECT EXISTS (SELECT 1 FROM accounts WHERE market_id = @market AND id = @account AND number <> '')`,
					pgx.StrictNamedArgs{"market": m.ID, "account": *e.Account})
				if err != nil || !there {
					return err
				}
			}
			_, events, err := s.erase(ctx, tx, by, m, sub, now)
			if err != nil {
				return err
			}
			erased++
			return Audit(ctx, tx, now, by, m.ID, events...)
		})
		if err != nil && fault.KindOf(err) != fault.NotFound { // the older copy knows no such market or vendor, or they are gone from it too
			return erased, actionContext("erase again", e.Vendor.String(), err)
		}
	}
	return erased, nil
}
