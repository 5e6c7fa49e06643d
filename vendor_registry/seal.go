package registry

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// sealDomain keeps a commitment to a row from being taken for a hash of anything else.
const sealDomain = "cho40 seal 1"

// sealed is a table whose rows the chain commits to, or the part of one that is written later than the rest. A row is committed to
// once, by the first event about its object in the transaction that wrote it; from then on a change of it no longer fits that event.
type sealed struct {
	label string // in the event: the table, and behind a dot the part
	kind  string // of the objects whose events carry it: account, default, placard, vendor
	of    string // the object's id
	which string // the row's id
	from  string // alias t; what has no market of its own names it in scope
	scope string
	where string
	// columns are those committed to: a name, and how it becomes text where PostgreSQL's own way depends on a setting. A null is left out, so that a
	// column may join which older rows have as null.
	columns string
	moved   string // the action by which it is written again: whoever does that checked what was there before
	freed   string // the action by which it may be emptied, and is compared no longer
}

var seals = []sealed{
	{label: "accounts", kind: "account", of: "t.id", which: "t.id", from: "accounts t",
		columns: "vendor_id provider bin number holder holder_given source payload payload_sha256:bytes symbol:bytes rank replaces touched_by proposed_by proposed_at:time import_id account_kind amends"},
	{label: "accounts.words", kind: "account", of: "t.id", which: "t.id", from: "accounts t", where: "t.reason IS DISTINCT FROM ''", columns: "reason", freed: wordsErased("account")},
	{label: "account_holders", kind: "account", of: "t.account_id", which: "t.account_id", from: "account_holders t",
		columns: "relation recorded_by recorded_at:time"},
	{label: "account_holders.consent", kind: "account", of: "t.account_id", which: "t.account_id", from: "account_holders t", where: "t.consent_at IS NOT NULL",
		columns: "consent_wording consent_given consent_by consent_at:time", freed: consentWithdrawn},
	{label: "account_decisions", kind: "account", of: "t.account_id", which: "t.id", from: "account_decisions t",
		columns: "account_id decision via decided_by decided_at:time payload_sha256:bytes touched_by"},
	{label: "account_decisions.words", kind: "account", of: "t.account_id", which: "t.id", from: "account_decisions t", where: "t.reason IS DISTINCT FROM ''", columns: "reason", freed: wordsErased("account")},
	{label: "account_verifications", kind: "account", of: "t.account_id", which: "t.id", from: "account_verifications t", where: "t.placard_id IS NULL",
		columns: verificationColumns},
	{label: "account_verifications.words", kind: "account", of: "t.account_id", which: "t.id", from: "account_verifications t",
		where: "t.placard_id IS NULL AND " + verificationSaid, columns: verificationWords, freed: wordsErased("account")},
	{label: "account_verifications.placard", kind: "placard", of: "t.placard_id", which: "t.id", from: "account_verifications t", where: "t.placard_id IS NOT NULL",
		columns: verificationColumns},
	{label: "account_verifications.placard_words", kind: "placard", of: "t.placard_id", which: "t.id", from: "account_verifications t",
		where: "t.placard_id IS NOT NULL AND " + verificationSaid, columns: verificationWords, freed: wordsErased("placard")},
	{label: "account_closures", kind: "account", of: "t.account_id", which: "t.id", from: "account_closures t", columns: "account_id recorded_by recorded_at:time"},
	{label: "default_proposals", kind: "default", of: "t.id", which: "t.id", from: "default_proposals t",
		columns: "vendor_id account_id instead_of payload_sha256:bytes touched_by proposed_by proposed_at:time"},
	{label: "default_proposals.words", kind: "default", of: "t.id", which: "t.id", from: "default_proposals t", where: "t.reason IS DISTINCT FROM ''", columns: "reason", freed: wordsErased("default")},
	{label: "default_decisions", kind: "default", of: "t.proposal_id", which: "t.id", from: "default_decisions t",
		columns: "proposal_id decision via decided_by decided_at:time payload_sha256:bytes touched_by"},
	{label: "default_decisions.words", kind: "default", of: "t.proposal_id", which: "t.id", from: "default_decisions t", where: "t.reason IS DISTINCT FROM ''", columns: "reason", freed: wordsErased("default")},
	{label: "placards", kind: "placard", of: "t.id", which: "t.id", from: "placards t",
		columns: "serial kind stall_id batch_id cell mark market_name call stall_code goods vendor_name holder issued_at:time provider_name languages show_number"},
	{label: "placards.account", kind: "placard", of: "t.id", which: "t.id", from: "placards t", columns: "vendor_id account_id", moved: placardPassed},
	{label: "placard_serials", kind: "placard", of: "p.id", which: "p.id", scope: "p.market_id", from: "placards p JOIN placard_serials t ON t.serial = p.serial",
		columns: "serial market_id placard_id"},
	{label: "placard_events", kind: "placard", of: "t.placard_id", which: "t.id", from: "placard_events t",
		columns: "placard_id seq kind state result at:time recorded_by recorded_at:time clock_ahead"},
	{label: "placard_events.words", kind: "placard", of: "t.placard_id", which: "t.id", from: "placard_events t",
		where: "(t.content IS DISTINCT FROM '' OR t.reason IS DISTINCT FROM '' OR t.heard_name <> '')", columns: "heard_name reason content:bytes", freed: wordsErased("placard")},
	{label: "vendors.default_account", kind: "vendor", of: "t.id", which: "t.id", from: "vendors t", where: "t.default_account IS NOT NULL",
		columns: "default_account", moved: defaultMoved},
}

// What somebody said in their own words is a part of its own: it may name somebody who is erased later, whose account it is not.
const (
	verificationColumns = "account_id step matches placard_id at:time expires_at:time recorded_by recorded_at:time"
	verificationWords   = "heard_name how"
	verificationSaid    = "(t.how IS DISTINCT FROM '' OR t.heard_name <> '')"
)

// Actions by which something that was committed to is written again.
const (
	placardPassed = "placard.passed"       // with a merge, to the surviving vendor's same account
	defaultMoved  = "vendor.default_moved" // another account, or the first, is where the vendor's money goes
)

// consentWithdrawn is the action by which a relative takes their consent back, and its record is emptied.
const consentWithdrawn = "consent.holder_withdrawn"

// wordsErased is the action by which words about an object are emptied that name somebody else, who was erased.
func wordsErased(kind string) string { return kind + ".words_emptied" }

// forgotten is how the action of an event ends with which the salts of an object go: whatever was committed to about it until then is
// erased, and no longer compared. What is left of the rows, without the person, is committed to by the event itself.
const forgotten = ".erased"

// names are the columns committed to, and texts how SQL reads them.
func (s sealed) names() (names, texts []string) {
	for column := range strings.FieldsSeq(s.columns) {
		name, how, _ := strings.Cut(column, ":")
		text := "t." + name + "::text"
		switch how {
		case "time":
			text = "(extract(epoch FROM t." + name + ") * 1000000)::bigint::text"
		case "bytes":
			text = "encode(t." + name + ", 'hex')"
		}
		names, texts = append(names, name), append(texts, text)
	}
	return names, texts
}

// sealedRows reads rows of one kind as they are committed to; filter is about @market's rows.
func sealedRows(kind, filter string) string {
	var parts []string
	for i, s := range seals {
		if s.kind != kind {
			continue
		}
		_, texts := s.names()
		scope, where := s.scope, ""
		if scope == "" {
			scope = "t.market_id"
		}
		if s.where != "" {
			where = " AND " + s.where
		}
		if filter != "" {
			where += " AND " + s.of + " = " + filter
		}
		parts = append(parts, fmt.Sprintf(`SELECT %d AS n, %s AS object, %s AS which, ARRAY[%s] AS cells FROM %s WHERE %s = @market%s`,
			i, s.of, s.which, strings.Join(texts, ", "), s.from, scope, where))
	}
	return strings.Join(parts, "\nUNION ALL\n")
}

// sealedRow is one that is committed to.
type sealedRow struct {
	N             int // of seals
	Object, Which pgtype.UUID
	Cells         []*string
}

// item names the row in an event.
func (r sealedRow) item() string { return seals[r.N].label + " " + r.Which.String() }

// commitment is SHA-256 over the domain, the salt, the row's name and each column that is not null, name and value, each preceded by its length.
func (r sealedRow) commitment(salt []byte) string {
	b := put(nil, sealDomain)
	b = put(b, string(salt))
	b = put(b, r.item())
	names, _ := seals[r.N].names()
	for i, cell := range r.Cells {
		if cell != nil {
			b = put(put(b, names[i]), *cell)
		}
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// put appends a text behind its length, four bytes, the highest first.
func put(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// objectOf splits an event's object; ok: it is one whose rows are committed to.
func objectOf(object string) (kind string, which pgtype.UUID, ok bool) {
	kind, text, _ := strings.Cut(object, ":")
	if !slices.ContainsFunc(seals, func(s sealed) bool { return s.kind == kind }) || which.Scan(text) != nil {
		return "", which, false
	}
	return kind, which, true
}

// toSeal is what the events of one transaction are about.
type toSeal struct {
	objects map[string][]pgtype.UUID // by kind
	again   []string                 // label and object, of what is committed to anew
	freed   []string                 // label and object
	erased  []pgtype.UUID
}

// forgets reports whether salts go.
func (w toSeal) forgets() bool { return len(w.erased)+len(w.freed) > 0 }

func whatToSeal(events []Event) toSeal {
	w := toSeal{objects: map[string][]pgtype.UUID{}}
	for _, e := range events {
		kind, which, ok := objectOf(e.Object)
		if !ok {
			continue
		}
		if strings.HasSuffix(e.Action, forgotten) {
			w.erased = append(w.erased, which)
		}
		w.objects[kind] = append(w.objects[kind], which)
		for _, s := range seals {
			if s.moved == e.Action {
				w.again = append(w.again, s.label+" "+which.String())
			}
			if s.freed == e.Action && s.kind == kind {
				w.freed = append(w.freed, s.label+" "+which.String())
			}
		}
	}
	return w
}

// statement reads the rows that no event has committed to yet, of the objects that the events are about; empty: there are no such objects.
func (w toSeal) statement(m MarketID) (sql string, args pgx.StrictNamedArgs) {
	args = pgx.StrictNamedArgs{"market": chainID(m), "again": w.again}
	if w.again == nil {
		args["again"] = []string{}
	}
	var parts []string
	for _, kind := range []string{"account", "default", "placard", "vendor"} {
		if len(w.objects[kind]) > 0 {
			parts, args[kind] = append(parts, sealedRows(kind, "ANY (@"+kind+")")), w.objects[kind]
		}
	}
	if parts == nil {
		return "", nil
	}
	args["labels"] = sealLabels()
	return `SELECT n.n, n.object, n.which, n.cells FROM (` + strings.Join(parts, "\nUNION ALL\n") + `) n
		WHERE (@labels::text[])[n.n + 1] || ' ' || n.object = ANY (@again)
		   OR NOT EXISTS (SELECT 1 FROM audit_salts s WHERE s.market_id = @market AND s.object = n.object AND s.label = (@labels::text[])[n.n + 1] AND s.which = n.which)
		ORDER BY n.n, n.which`, args
}

// seal commits to rows in the events about their objects, and queues their salts. It gives what each event commits to.
func seal(b *pgx.Batch, m MarketID, events []Event, rows []sealedRow) [][]string {
	sealed := make([][]string, len(events))
	if len(rows) == 0 {
		return sealed
	}
	first := map[string]int{} // the event about an object that came first, or by which it was emptied
	for i, e := range events {
		if _, known := first[e.Object]; !known || strings.HasSuffix(e.Action, forgotten) {
			first[e.Object] = i
		}
	}
	labels, objects, whiches, salts := make([]string, len(rows)), make([]pgtype.UUID, len(rows)), make([]pgtype.UUID, len(rows)), make([][]byte, len(rows))
	for i, r := range rows {
		salt := make([]byte, 16)
		_, _ = rand.Read(salt) // it never fails
		labels[i], objects[i], whiches[i], salts[i] = seals[r.N].label, r.Object, r.Which, salt
		at := first[seals[r.N].kind+":"+r.Object.String()]
		sealed[at] = append(sealed[at], r.item()+" "+r.commitment(salt))
	}
	b.Queue(`
		INSERT INTO audit_salts (market_id, object, label, which, salt)
		SELECT @market, n.object, n.label, n.which, n.salt FROM unnest(@objects::uuid[], @labels::text[], @whiches::uuid[], @salts::bytea[]) n (object, label, which, salt)
		ON CONFLICT (market_id, object, label, which) DO UPDATE SET salt = excluded.salt`,
		pgx.StrictNamedArgs{"market": chainID(m), "objects": objects, "labels": labels, "whiches": whiches, "salts": salts})
	return sealed
}

// commitments is what a chain says of the rows, gathered while it is walked.
type commitments struct {
	rows     map[string]committed // by item
	erased   map[string]int64     // when an object was forgotten last, or a label of one was freed
	older    map[string]bool      // objects whose newest event is from a release that committed to nothing
	approved map[string]bool      // accounts that such a release approved
}

type committed struct {
	hash, object string
	seq          int64
}

// take is one event of the chain. ok is false when what it says cannot be read.
func (c *commitments) take(seq int64, e Event, sealed []string) (ok bool) {
	if _, _, about := objectOf(e.Object); about {
		c.older[e.Object] = sealed == nil
		if sealed == nil && e.Action == "account.approved" {
			c.approved[e.Object] = true
		}
		if strings.HasSuffix(e.Action, forgotten) {
			c.erased[e.Object] = seq
		}
		for _, s := range seals {
			if s.freed == e.Action {
				c.erased[s.label+" "+e.Object] = seq
			}
		}
	}
	for _, s := range sealed {
		parts := strings.Split(s, " ")
		if len(parts) != 3 {
			return false
		}
		c.rows[parts[0]+" "+parts[1]] = committed{parts[2], e.Object, seq}
	}
	return true
}

// forgot reports whether a row need not be as it was any more.
func (c *commitments) forgot(label string, said committed) bool {
	return max(c.erased[said.object], c.erased[label+" "+said.object]) > said.seq
}

// differ compares the rows of a market with what its chain commits to, and gives the first event that one of them does not fit: changed,
// taken out, or put in without an event; end is the number behind the last one. Zero: all fit.
func (c *commitments) differ(ctx context.Context, tx pgx.Tx, m MarketID, end int64) (at int64, object string, err error) {
	worse := func(seq int64, of string) {
		if at == 0 || seq < at {
			at, object = seq, of
		}
	}
	for _, kind := range []string{"account", "default", "placard", "vendor"} {
		rows, err := tx.Query(ctx, `SELECT n.n, n.object, n.which, n.cells, s.salt FROM (`+sealedRows(kind, "")+`) n
			LEFT JOIN audit_salts s ON s.market_id = @market AND s.object = n.object AND s.label = (@labels::text[])[n.n + 1] AND s.which = n.which`,
			pgx.StrictNamedArgs{"market": chainID(m), "labels": sealLabels()})
		if err != nil {
			return 0, "", err
		}
		var r sealedRow
		var salt []byte
		if _, err := pgx.ForEachRow(rows, []any{&r.N, &r.Object, &r.Which, &r.Cells, &salt}, func() error {
			of := kind + ":" + r.Object.String()
			said, there := c.rows[r.item()]
			delete(c.rows, r.item())
			there = there && !c.forgot(seals[r.N].label, said) // what is there since wants an event of its own
			switch {
			case there && (said.object != of || salt == nil || r.commitment(salt) != said.hash):
				worse(said.seq, said.object)
			case !there && kind == "vendor" && c.approved["account:"+*r.Cells[0]]: // its release told of no vendor when it pointed to the account
			case !there && !c.older[of]:
				worse(end, of)
			}
			return nil
		}); err != nil {
			return 0, "", err
		}
	}
	for item, gone := range c.rows {
		if label, _, _ := strings.Cut(item, " "); !c.forgot(label, gone) {
			worse(gone.seq, gone.object)
		}
	}
	if at > 0 {
		return at, object, nil
	}
	// A placard is in the state that the last of its events led to.
	moved, err := postgres.All[pgtype.UUID](ctx, tx, `
		SELECT p.id FROM placards p LEFT JOIN LATERAL (
			SELECT e.state FROM placard_events e WHERE e.market_id = @market AND e.placard_id = p.id ORDER BY e.at DESC, e.seq DESC LIMIT 1) e ON true
		WHERE p.market_id = @market AND p.state IS DISTINCT FROM e.state ORDER BY p.id LIMIT 1`, pgx.StrictNamedArgs{"market": chainID(m)})
	if err != nil || len(moved) == 0 {
		return 0, "", err
	}
	return end, "placard:" + moved[0].String(), nil
}

// strayTables hold what is committed to and the commitments: a market of theirs that is not among the markets was taken out, or put in.
var strayTables = []string{"audit_heads", "audit_events", "audit_salts", "vendors", "accounts", "account_holders", "account_decisions", "account_verifications", "account_closures",
	"default_proposals", "default_decisions", "placards", "placard_serials", "placard_events"}

// strays finds a market of which there are events or rows, and which is not there itself; end is the number behind the last event of the
// service's own chain. Zero: there is none.
func strays(ctx context.Context, tx pgx.Tx, end int64) (at int64, object string, err error) {
	for _, table := range strayTables {
		found, err := postgres.All[pgtype.UUID](ctx, tx, `
			SELECT t.market_id FROM `+table+` t LEFT JOIN markets m ON m.id = t.market_id
			WHERE m.id IS NULL AND (t.market_id IS DISTINCT FROM @service OR @table <> ALL ('{audit_heads,audit_events}'::text[])) LIMIT 1`,
			pgx.StrictNamedArgs{"service": chainID(MarketID{}), "table": table})
		if err != nil {
			return 0, "", err
		}
		for _, m := range found {
			return end, "market:" + m.String(), nil
		}
	}
	return 0, "", nil
}

func sealLabels() []string {
	labels := make([]string, len(seals))
	for i, s := range seals {
		labels[i] = s.label
	}
	return labels
}

// Sealed is what was committed to of a market.
type Sealed struct {
	Market  string `json:"market"`
	Objects int    `json:"objects"` // accounts, proposals, placards, vendors: an event each
	Rows    int    `json:"rows"`
}

// sealedAtOnce is how many objects one transaction commits to: the chain is locked meanwhile.
const sealedAtOnce = 500

// SealOlder commits to the rows of a market that no event has committed to, because a release wrote them that did not: as they are found, since
// nobody can tell any more how they were. Each object gets an event of its own, so that a person's salts still go with them. It goes on only
// from a record that is whole, where a row without any event about it would show; doing it again changes nothing.
//
// Faults: NotFound; Forbidden for anybody but the console; Conflict audit-broken.
func (s *Service) SealOlder(ctx context.Context, by Actor, marketCode string) (Sealed, error) {
	done := Sealed{Market: marketCode}
	m, err := market(ctx, s.db, by, SealAudit, marketCode)
	if err != nil {
		return done, err
	}
	type open struct {
		Object string
		Rows   int
	}
	for {
		left, err := postgres.All[open](ctx, s.db, unsealedObjects(), pgx.StrictNamedArgs{"market": chainID(m.ID), "labels": sealLabels(), "n": sealedAtOnce})
		if err != nil || len(left) == 0 {
			return done, actionContext("seal the rows of", marketCode, err)
		}
		if done.Objects == 0 {
			v, err := s.verify(ctx, m.ID)
			if err == nil && !v.Whole() {
				err = fault.New(fault.Conflict, "audit-broken", "The record of market %s does not fit at event %d, so nothing is sealed there. Find out first what was changed.", m.Code, v.BrokenAt)
			}
			if err != nil {
				return done, actionContext("seal the rows of", marketCode, err)
			}
		}
		var events []Event
		for _, o := range left {
			kind, _, _ := strings.Cut(o.Object, ":")
			events = append(events, Event{kind + ".sealed", o.Object, nil})
			done.Objects, done.Rows = done.Objects+1, done.Rows+o.Rows
		}
		if err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error { return Audit(ctx, tx, s.now(), by, m.ID, events...) }); err != nil {
			return done, actionContext("seal the rows of", marketCode, err)
		}
	}
}

// unsealedObjects finds the next @n objects of a market with rows that no event has committed to.
func unsealedObjects() string {
	var parts []string
	for _, kind := range []string{"account", "default", "placard", "vendor"} {
		parts = append(parts, `SELECT '`+kind+`' AS kind, k.n, k.object, k.which FROM (`+sealedRows(kind, "")+`) k`)
	}
	return `SELECT n.kind || ':' || n.object AS object, count(*)::int AS rows FROM (` + strings.Join(parts, "\nUNION ALL\n") + `) n
		WHERE NOT EXISTS (SELECT 1 FROM audit_salts s WHERE s.market_id = @market AND s.object = n.object AND s.label = (@labels::text[])[n.n + 1] AND s.which = n.which)
		GROUP BY n.kind, n.object ORDER BY n.kind, n.object LIMIT @n`
}
