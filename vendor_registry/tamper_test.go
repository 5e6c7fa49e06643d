package registry_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// evidence are the tables of which not one bit may change unnoticed, and how many rows this test wants to try at the least; parts are the columns
// of others that say where money goes.
var (
	evidence = map[string]int{
		"accounts": 5, "account_holders": 1, "account_decisions": 6, "account_verifications": 2, "account_closures": 1, "default_proposals": 2, "default_decisions": 2,
		"placards": 4, "placard_events": 8, "placard_serials": 4, "audit_events": 40, "audit_heads": 3, "audit_salts": 40,
	}
	parts = map[string][]string{"vendors": {"default_account"}}
)

// eventful is a market in which everything happened once that the evidence speaks of.
func eventful(t *testing.T) *world {
	w := newWorldOn(t, pgtest.OneServer(t))
	changed := w.placard("A-1", viettel)
	w.record(changed.Serial, registry.NewPlacardEvent{Kind: "installed", HeardName: "LY MINH TAM", Consent: agreed})
	w.record(changed.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: changed.Payload})
	w.approve(w.propose("A-1", numbered(viettel, 77)))
	w.approve(w.propose("A-1", vnpt))
	w.at = "A-1"
	second := slices.IndexFunc(w.look("A-1").Accounts, func(a registry.Account) bool { return a.Provider == "vnpt_money" })
	wish := w.wishes(w.clerk, w.look("A-1").Accounts[second])
	if _, err := w.reg.DecideDefault(t.Context(), w.officer, wish); err != nil {
		t.Fatal(err)
	}
	back := w.wishes(w.clerk, w.look("A-1").Accounts[slices.IndexFunc(w.look("A-1").Accounts, func(a registry.Account) bool { return a.FullNumber == numbered(viettel, 77).Number })])
	back.Decision, back.LastDigits = "withdraw", ""
	if _, err := w.reg.DecideDefault(t.Context(), w.clerk, back); err != nil {
		t.Fatal(err)
	}
	w.issue(registry.NewBatch{Stalls: []string{"A-1"}})
	hers := numbered(bank, 3)
	hers.Relation, hers.HolderConsent = "spouse", agreed
	hers.Holder = "TRAN THI BE"
	theirs := w.stall("B-1", hers).Accounts[0]
	if _, err := w.reg.Verified(t.Context(), w.volunteer, theirs.ID, registry.NewStep{Step: "name_heard", HeardName: "TRAN THI BE", How: "tại sạp"}); err != nil {
		t.Fatal(err)
	}
	w.placard("C-1", numbered(bank, 9))
	stays := w.stall("C-2", numbered(bank, 9))
	w.approve(stays.Accounts[0])
	if _, err := w.reg.Merge(t.Context(), w.clerk2, "VT", w.look("C-1").Vendor.ID, registry.Merge{Into: stays.Vendor.ID, Reason: "entered_wrongly"}); err != nil {
		t.Fatal(err)
	}
	w.share("C-2", "vcb")
	if got := w.says(keyOf(t, "vcb"), registry.Confirmation{Account: w.look("C-2").Accounts[0].ID, Status: "closed"}); got != "recorded" {
		t.Fatal(got)
	}
	stopped := w.placard("D-1", numbered(viettel, 12))
	w.record(stopped.Serial, registry.NewPlacardEvent{Kind: "suspended", Reason: "mưa"})
	return w
}

// TestTamper changes each column of each row of the evidence in turn, takes each row out, exchanges each with its neighbour, and cuts off
// what came last, as somebody who owns the database would: without constraints. Looking at the chain notices every one.
func TestTamper(t *testing.T) {
	t.Parallel()
	w := eventful(t)
	c := checkpoints(t, t.TempDir())
	w.checkpoint(c, true)
	w.unfenced()
	w.Unchanged()

	tried := 0
	for table, least := range evidence {
		rows := ask[[]string](w, `SELECT array_agg(ctid::text ORDER BY ctid) FROM `+table)
		if len(rows) < least {
			t.Errorf("%s has only %d rows", table, len(rows))
		}
		for i, row := range rows {
			sets := w.changes(table, nil)
			if len(rows) > 20 && i > 0 && i < len(rows)-1 { // of many rows that are alike, each has its turn with one column
				sets = sets[i%len(sets):][:1]
			}
			for _, set := range sets {
				tried++
				w.tamper(c, table+" "+row+": "+set, true, func(tx pgx.Tx) error {
					return touched(tx.Exec(t.Context(), `UPDATE `+table+` SET `+set+` WHERE ctid = $1::text::tid`, row))
				})
			}
			tried++
			w.tamper(c, table+" "+row+" taken out", true, func(tx pgx.Tx) error {
				return touched(tx.Exec(t.Context(), `DELETE FROM `+table+` WHERE ctid = $1::text::tid`, row))
			})
		}
		for i := range len(rows) - 1 {
			tried++
			w.tamper(c, table+" "+rows[i]+" and "+rows[i+1]+" exchanged", true, func(tx pgx.Tx) error { return exchange(t.Context(), tx, table, w.key2(table), rows[i], rows[i+1]) })
		}
	}
	for table, columns := range parts {
		for _, row := range ask[[]string](w, `SELECT array_agg(ctid::text) FROM `+table+` WHERE `+columns[0]+` IS NOT NULL`) {
			for _, set := range w.changes(table, columns) {
				tried++
				w.tamper(c, table+" "+row+": "+set, true, func(tx pgx.Tx) error {
					return touched(tx.Exec(t.Context(), `UPDATE `+table+` SET `+set+` WHERE ctid = $1::text::tid`, row))
				})
			}
		}
	}
	// What holds nothing is not the same as what is not there, which takes a column's NOT NULL away first.
	for table, columns := range map[string][]string{"accounts": {"reason"}, "account_decisions": {"reason"}, "account_verifications": {"how"},
		"default_proposals": {"reason"}, "default_decisions": {"reason"}, "placard_events": {"reason", "content"}} {
		for _, column := range columns {
			w.tamper(c, table+"."+column+" taken away", true, func(tx pgx.Tx) error {
				return errors.Join(passed(tx.Exec(t.Context(), `ALTER TABLE `+table+` ALTER `+column+` DROP NOT NULL`)),
					touched(tx.Exec(t.Context(), `UPDATE `+table+` SET `+column+` = NULL WHERE ctid = (SELECT ctid FROM `+table+` ORDER BY `+column+` <> '' LIMIT 1)`)))
			})
		}
	}
	// What is put in without an event.
	for _, table := range []string{"accounts", "account_decisions", "account_verifications", "account_closures", "default_proposals", "default_decisions", "placards", "placard_events"} {
		w.tamper(c, table+" put in", true, func(tx pgx.Tx) error {
			return errors.Join(touched(tx.Exec(t.Context(), `CREATE TEMP TABLE one ON COMMIT DROP AS SELECT * FROM `+table+` LIMIT 1`)),
				touched(tx.Exec(t.Context(), `UPDATE one SET id = '01a2b3c4-d5e6-7f80-9123-456789abcdef'`)),
				touched(tx.Exec(t.Context(), `INSERT INTO `+table+` (`+w.columns(table)+`) SELECT `+w.columns(table)+` FROM one`)))
		})
	}
	if tried < 800 {
		t.Errorf("only %d ways", tried)
	}
	w.Unchanged()
}

// TestTamperAndMend is the same by somebody who computes the chain anew afterwards, head and later hashes, but has no key to
// the checkpoints: the chain then looks whole, and the checkpoints tell.
func TestTamperAndMend(t *testing.T) {
	t.Parallel()
	w := eventful(t)
	c := checkpoints(t, t.TempDir())
	w.checkpoint(c, true)
	w.unfenced()
	vt := w.vt.ID.String()
	last := ask[int](w, `SELECT seq FROM audit_heads WHERE market_id = '`+vt+`'`)
	n := 0
	try := func(name string, do func(tx pgx.Tx) error) {
		n++
		w.tamper(c, name, false, func(tx pgx.Tx) error { return errors.Join(do(tx), rehash(t.Context(), tx, w.vt.ID)) })
	}
	for seq := 1; seq <= last; seq++ {
		try(fmt.Sprint("event ", seq, " by somebody else"), func(tx pgx.Tx) error {
			return touched(tx.Exec(t.Context(), `UPDATE audit_events SET actor = 'person:other' WHERE market_id = $1 AND seq = $2`, vt, seq))
		})
		try(fmt.Sprint("event ", seq, " taken out"), func(tx pgx.Tx) error {
			return errors.Join(touched(tx.Exec(t.Context(), `DELETE FROM audit_events WHERE market_id = $1 AND seq = $2`, vt, seq)),
				passed(tx.Exec(t.Context(), `UPDATE audit_events SET seq = seq - 1 WHERE market_id = $1 AND seq > $2`, vt, seq)))
		})
		try(fmt.Sprint("cut off from event ", seq), func(tx pgx.Tx) error {
			return touched(tx.Exec(t.Context(), `DELETE FROM audit_events WHERE market_id = $1 AND seq >= $2`, vt, seq))
		})
		if seq < last {
			try(fmt.Sprint("events ", seq, " and the next exchanged"), func(tx pgx.Tx) error {
				return touched(tx.Exec(t.Context(), fmt.Sprintf(`UPDATE audit_events SET seq = %d - seq WHERE market_id = $1 AND seq IN (%d, %d)`, 2*seq+1, seq, seq+1), vt))
			})
		}
	}
	if n < 150 {
		t.Errorf("only %d ways", n)
	}
	// Nothing is left of the chain, nor of what it committed to.
	w.tamper(c, "all evidence gone", false, func(tx pgx.Tx) error {
		for table := range evidence {
			if _, err := tx.Exec(t.Context(), `DELETE FROM `+table); err != nil {
				return err
			}
		}
		return nil
	})
	w.Unchanged()
}

// TestStrays: what stands under a market that is not there is looked at by no market's chain, and so by the service's own.
func TestStrays(t *testing.T) {
	t.Parallel()
	w := eventful(t)
	w.unfenced()
	w.Unchanged()
	service := func(name string, do func(tx pgx.Tx) error) {
		t.Helper()
		tx, err := w.owner().BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback(t.Context())
		if err := do(tx); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if at, err := registry.New(tx, w.clock.now).VerifyAudit(t.Context(), registry.MarketID{}); err != nil || (at > 0) != (name != "") {
			t.Errorf("%s: broken at %d, %v", name, at, err)
		}
	}
	service("", func(pgx.Tx) error { return nil })
	for table := range evidence {
		service(table+" of a market that is not there", func(tx pgx.Tx) error {
			return errors.Join(touched(tx.Exec(t.Context(), `CREATE TEMP TABLE one ON COMMIT DROP AS SELECT * FROM `+table+` LIMIT 1`)),
				touched(tx.Exec(t.Context(), `UPDATE one SET market_id = '01a2b3c4-d5e6-7f80-9123-456789abcdef'`)),
				touched(tx.Exec(t.Context(), `INSERT INTO `+table+` (`+w.columns(table)+`) SELECT `+w.columns(table)+` FROM one`)))
		})
		service(table+" without a market", func(tx pgx.Tx) error {
			return errors.Join(passed(tx.Exec(t.Context(), `ALTER TABLE `+table+` ALTER market_id DROP NOT NULL`)),
				touched(tx.Exec(t.Context(), `UPDATE `+table+` SET market_id = NULL WHERE ctid = (SELECT min(ctid) FROM `+table+` WHERE market_id <> '00000000-0000-0000-0000-000000000000')`)))
		})
	}
	service("an account of no market", func(tx pgx.Tx) error {
		return touched(tx.Exec(t.Context(), `UPDATE accounts SET market_id = '00000000-0000-0000-0000-000000000000' WHERE ctid = (SELECT min(ctid) FROM accounts)`))
	})
	service("a market taken out", func(tx pgx.Tx) error {
		return touched(tx.Exec(t.Context(), `DELETE FROM markets WHERE code = 'XX'`))
	})
}

// TestForgotten: what was erased is no longer compared, what is left of it is, and the chain still verifies; without the event that says so, it does not.
func TestForgotten(t *testing.T) {
	t.Parallel()
	w := eventful(t)
	w.unfenced("audit_%")
	which := ask[string](w, `SELECT id::text FROM accounts ORDER BY id LIMIT 1`)
	blank := func(tx pgx.Tx) error {
		return errors.Join(touched(tx.Exec(t.Context(), `UPDATE accounts SET number = '0', holder = '', payload = '' WHERE id = $1`, which)),
			touched(tx.Exec(t.Context(), `DELETE FROM account_decisions WHERE account_id = $1`, which)))
	}
	w.tamper(nil, "erased without a word", true, func(tx pgx.Tx) error {
		return errors.Join(blank(tx), touched(tx.Exec(t.Context(), `DELETE FROM audit_salts WHERE object = $1`, which)))
	})
	err := pgx.BeginFunc(t.Context(), w.owner(), func(tx pgx.Tx) error {
		return errors.Join(blank(tx), registry.Audit(t.Context(), tx, w.clock.now(), registry.Console(), w.vt.ID, registry.Event{Action: "account.erased", Object: "account:" + which}))
	})
	if err != nil {
		t.Fatal(err)
	}
	w.whole()
	w.tamper(nil, "what is left of it", true, func(tx pgx.Tx) error {
		return touched(tx.Exec(t.Context(), `UPDATE accounts SET number = '1' WHERE id = $1`, which))
	})
	// Words about somebody else's account go because they named the person: the words, and nothing else of it.
	others := ask[string](w, `SELECT max(id::text) FROM accounts WHERE reason <> '' AND id <> '`+which+`'`)
	emptied := func(tx pgx.Tx) error {
		return touched(tx.Exec(t.Context(), `UPDATE accounts SET reason = '' WHERE id = $1`, others))
	}
	w.tamper(nil, "words emptied without a word", true, emptied)
	if err := pgx.BeginFunc(t.Context(), w.owner(), func(tx pgx.Tx) error {
		return errors.Join(emptied(tx), registry.Audit(t.Context(), tx, w.clock.now(), registry.Console(), w.vt.ID, registry.Event{Action: "account.words_emptied", Object: "account:" + others}))
	}); err != nil {
		t.Fatal(err)
	}
	w.whole()
	for _, change := range []string{"number = '0'", "holder = 'KE GIAN'", "reason = 'x'"} {
		w.tamper(nil, "its "+change+" afterwards", true, func(tx pgx.Tx) error {
			return touched(tx.Exec(t.Context(), `UPDATE accounts SET `+change+` WHERE id = $1`, others))
		})
	}
	w.tamper(nil, "another account", true, func(tx pgx.Tx) error {
		return touched(tx.Exec(t.Context(), `UPDATE accounts SET number = '0' WHERE id = (SELECT max(id::text)::uuid FROM accounts)`))
	})
}

// TestOlderEvents: events of the release before commitments verify as they did, rows of theirs are not compared, and the next event about one
// commits to it.
func TestOlderEvents(t *testing.T) {
	t.Parallel()
	w := eventful(t)
	w.older()
	w.whole()
	w.tamper(nil, "a role put into an older event", true, func(tx pgx.Tx) error {
		return touched(tx.Exec(t.Context(), `UPDATE audit_events SET role = 'clerk' WHERE market_id = $1 AND seq = 3`, w.vt.ID))
	})
	a := w.look("B-1").Accounts[0]
	if _, err := w.reg.Decide(t.Context(), w.officer, approval(a)); err != nil {
		t.Fatal(err)
	}
	w.whole()
	w.tamper(nil, "what the newest event about it committed to", true, func(tx pgx.Tx) error {
		return touched(tx.Exec(t.Context(), `UPDATE accounts SET number = '0' WHERE id = $1`, a.RecordID))
	})
}

// TestSealOlder: what an older release wrote is committed to in bulk, once, and noticed from then on; a record that is not whole is left alone.
func TestSealOlder(t *testing.T) {
	t.Parallel()
	w := eventful(t)
	w.older()
	w.whole()
	seal := func(by registry.Actor) (registry.Sealed, error) { return w.reg.SealOlder(t.Context(), by, "VT") }
	for _, by := range []registry.Actor{w.manager, w.officer, w.auditor, w.admin} {
		_, err := seal(by)
		isFault(t, err, "not-allowed")
	}
	pays := w.defaultOf("A-1")
	// Whoever changed the chain is not helped to make it look right.
	w.exec(`CREATE TABLE kept AS SELECT * FROM audit_events WHERE object LIKE 'account:%' AND market_id = '` + w.vt.ID.String() + `' ORDER BY seq DESC LIMIT 1`)
	w.exec(`UPDATE audit_events e SET hash = '\x00' FROM kept k WHERE e.market_id = k.market_id AND e.seq = k.seq`)
	_, err := seal(registry.Console())
	isFault(t, err, "audit-broken")
	w.exec(`UPDATE audit_events e SET hash = k.hash FROM kept k WHERE e.market_id = k.market_id AND e.seq = k.seq`)
	if n := ask[int](w, `SELECT count(*) FROM audit_salts`); n != 0 {
		t.Fatalf("%d rows of a broken record are committed to", n)
	}
	w.exec(`DROP TABLE kept`)

	done, err := seal(registry.Console())
	if salts := ask[int](w, `SELECT count(*) FROM audit_salts`); err != nil || done.Objects == 0 || done.Rows != salts {
		t.Fatalf("sealed %+v, %v; %d rows are committed to", done, err, salts)
	}
	w.whole()
	if got := w.defaultOf("A-1"); got != pays {
		t.Errorf("the money goes to %s, before to %s", got, pays)
	}
	before := w.contents()
	if again, err := seal(registry.Console()); err != nil || again.Objects+again.Rows != 0 {
		t.Errorf("once more: %+v, %v", again, err)
	}
	w.same(before)
	for name, sql := range map[string]string{
		"an account":          `UPDATE accounts SET holder = 'KE GIAN' WHERE market_id = $1 AND id = (SELECT min(id::text)::uuid FROM accounts WHERE market_id = $1)`,
		"a decision":          `UPDATE account_decisions SET decided_by = 'person:x' WHERE market_id = $1 AND id = (SELECT min(id::text)::uuid FROM account_decisions WHERE market_id = $1)`,
		"a step":              `UPDATE account_verifications SET matches = NOT matches WHERE market_id = $1`,
		"a provider's word":   `UPDATE account_closures SET recorded_at = recorded_at - interval '1 day' WHERE market_id = $1`,
		"a placard":           `UPDATE placards SET holder = 'KE GIAN' WHERE market_id = $1 AND id = (SELECT min(id::text)::uuid FROM placards WHERE market_id = $1)`,
		"a default":           `UPDATE vendors v SET default_account = (SELECT min(a.id::text)::uuid FROM accounts a WHERE a.market_id = $1 AND a.id <> v.default_account) WHERE v.market_id = $1`,
		"a proposed default":  `UPDATE default_proposals SET reason = 'khác' WHERE market_id = $1`,
		"a row that is gone":  `DELETE FROM placard_events WHERE market_id = $1 AND kind = 'checked'`,
		"an event of sealing": `DELETE FROM audit_events WHERE market_id = $1 AND action = 'vendor.sealed'`,
	} {
		w.tamper(nil, name, true, func(tx pgx.Tx) error { return touched(tx.Exec(t.Context(), sql, w.vt.ID)) })
	}
	// What comes afterwards is committed to as ever, and who asks to be forgotten is.
	w.forget(w.look("D-1").Vendor.ID)
	w.whole()
	a := w.look("B-1").Accounts[0]
	if _, err := w.reg.Decide(t.Context(), w.officer, approval(a)); err != nil {
		t.Fatal(err)
	}
	w.whole()
}

// older makes the record of VT one that a release wrote which committed to nothing.
func (w *world) older() {
	w.Helper()
	w.unfenced("audit_%", "market_%", "vendor_changes")
	for _, sql := range []string{`UPDATE audit_events SET sealed = NULL, role = ''`, `DELETE FROM audit_salts`,
		// That release told of no vendor whom a ledger brought, nor that their money went somewhere for the first time.
		`DELETE FROM audit_events WHERE object LIKE 'vendor:%'`,
		`UPDATE audit_events e SET seq = 100000 + n.seq FROM (SELECT market_id, seq AS was, row_number() OVER (PARTITION BY market_id ORDER BY seq) AS seq FROM audit_events) n
		 WHERE e.market_id = n.market_id AND e.seq = n.was`,
		`UPDATE audit_events SET seq = seq - 100000`} {
		w.exec(sql)
	}
	if err := pgx.BeginFunc(w.Context(), w.owner(), func(tx pgx.Tx) error { return rehash(w.Context(), tx, w.vt.ID) }); err != nil {
		w.Fatal(err)
	}
}

// unfenced takes the constraints away that would keep an owner from what these tests do, but those of the tables that are like one of but.
func (w *world) unfenced(but ...string) {
	w.Helper()
	for _, sql := range ask[[]string](w, `SELECT array_agg(format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I CASCADE', conrelid::regclass, conname) ORDER BY contype)
		FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND NOT conrelid::regclass::text LIKE ANY ('{`+strings.Join(but, ",")+`}')`) {
		w.exec(sql)
	}
	for _, sql := range ask[[]string](w, `SELECT array_agg(format('DROP INDEX %s', indexrelid::regclass)) FROM pg_index WHERE indisunique AND indrelid::regclass::text IN
		('placards', 'account_decisions', 'default_decisions', 'placard_events')`) {
		w.exec(sql)
	}
}

// unchanged fails the test unless all is whole.
func (w *world) Unchanged() {
	w.Helper()
	w.tamper(nil, "", false, func(pgx.Tx) error { return nil })
}

// tamper does something to the record, looks whether that is noticed, and takes it back. Where itself is true the chain tells by itself; of
// c, if any, the checkpoints must.
func (w *world) tamper(c *registry.Checkpoints, name string, itself bool, do func(tx pgx.Tx) error) {
	w.Helper()
	ctx := w.Context()
	tx, err := w.owner().BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		w.Fatal(err)
	}
	defer tx.Rollback(ctx)
	if err := do(tx); err != nil {
		w.Errorf("%s: %v", name, err)
		return
	}
	reg := registry.New(tx, w.clock.now)
	other, err := reg.Market(ctx, registry.Console(), "XX")
	if err != nil {
		w.Fatal(err)
	}
	broken := false
	chains := []registry.MarketID{w.vt.ID}
	if strings.HasPrefix(name, "audit_") { // rows of the other chains too
		chains = append(chains, registry.MarketID{}, other.ID)
	}
	for _, chain := range chains {
		at, err := reg.VerifyAudit(ctx, chain)
		if err != nil {
			w.Errorf("%s: %v", name, err)
			return
		}
		broken = broken || at > 0
	}
	if itself || name == "" {
		if broken != (name != "") {
			w.Errorf("%s: the chain is broken: %v", name, broken)
		}
		return
	}
	differ, err := reg.VerifyCheckpoints(ctx, c)
	if err != nil && fault.CodeOf(err) != "checkpoint-broken" {
		w.Errorf("%s: %v", name, err)
	}
	if len(differ) == 0 && err == nil {
		w.Errorf("%s: the checkpoints do not notice", name)
	}
}

// changes are ways to change each column of a table, those named or all that are not computed.
func (w *world) changes(table string, only []string) []string {
	w.Helper()
	type column struct{ Name, Type string }
	all, err := postgres.All[column](w.Context(), w.db, `
		SELECT column_name::text AS name, data_type::text AS type FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name = @table AND is_generated = 'NEVER'`, pgx.StrictNamedArgs{"table": table})
	if err != nil {
		w.Fatal(err)
	}
	var sets []string
	for _, c := range all {
		if only != nil && !slices.Contains(only, c.Name) {
			continue
		}
		how, ok := map[string]string{
			"uuid": `'01a2b3c4-d5e6-7f80-9123-456789abcdef'`, "text": `coalesce(%s, '') || 'x'`, "boolean": `NOT coalesce(%s, true)`, "bytea": `coalesce(%s, '') || '\x00'`,
			"smallint": `coalesce(%s, 0) + 1`, "integer": `coalesce(%s, 0) + 1`, "bigint": `coalesce(%s, 0) + 1`,
			"timestamp with time zone": `coalesce(%s, now()) + interval '1 microsecond'`, "ARRAY": `coalesce(%s, '{}') || 'x'::text`, "date": `coalesce(%s, '2026-01-01') + 1`,
		}[c.Type]
		if !ok {
			w.Fatalf("%s.%s is a %s", table, c.Name, c.Type)
		}
		sets = append(sets, c.Name+" = "+strings.ReplaceAll(how, "%s", c.Name))
	}
	return sets
}

// columns are those of a table that are not computed.
func (w *world) columns(table string) string {
	w.Helper()
	return ask[string](w, `SELECT string_agg(column_name, ', ') FROM information_schema.columns WHERE table_schema = 'public' AND table_name = '`+table+`' AND is_generated = 'NEVER'`)
}

// key2 is what tells a table's rows apart beside their market.
func (w *world) key2(table string) string {
	switch table {
	case "audit_events", "audit_heads":
		return "hash"
	case "audit_salts":
		return "salt"
	case "placard_serials":
		return "placard_id"
	case "account_holders":
		return "account_id"
	}
	return "id"
}

// exchange gives each of two rows the other's key.
func exchange(ctx context.Context, tx pgx.Tx, table, key, a, b string) error {
	return touched(tx.Exec(ctx, fmt.Sprintf(`UPDATE %[1]s t SET %[2]s = o.%[2]s FROM %[1]s o
		WHERE t.ctid IN ($1::text::tid, $2::text::tid) AND o.ctid IN ($1::text::tid, $2::text::tid) AND o.ctid <> t.ctid`, table, key), a, b))
}

// touched is an error when a statement changed no row.
func touched(tag pgconn.CommandTag, err error) error {
	if err == nil && tag.RowsAffected() == 0 {
		err = errors.New("no row was touched")
	}
	return err
}

// passed is whether a statement failed, however many rows it touched.
func passed(_ pgconn.CommandTag, err error) error { return err }

// rehash makes a market's chain whole again, as docs/audit.md says it is made, with code of its own.
func rehash(ctx context.Context, tx pgx.Tx, m registry.MarketID) error {
	rows, err := tx.Query(ctx, `SELECT seq, at, actor, via, role, action, object, request_id, fields, sealed FROM audit_events WHERE market_id = $1 ORDER BY seq`, m)
	if err != nil {
		return err
	}
	events, err := pgx.CollectRows(rows, pgx.RowToStructByPos[exported])
	if err != nil {
		return err
	}
	hash, seq := []byte{}, int64(0)
	for _, e := range events {
		e.Chain = m.String()
		hash, seq = e.next(hash), e.Seq
		if _, err := tx.Exec(ctx, `UPDATE audit_events SET hash = $3 WHERE market_id = $1 AND seq = $2`, m, seq, hash); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE audit_heads SET seq = $2, hash = $3 WHERE market_id = $1`, m, seq, hash); err != nil {
		return err
	}
	return nil
}

// exported is an event as an export has it.
type exported struct {
	Seq                                         int64
	At                                          time.Time
	Actor, Via, Role, Action, Object, RequestID string
	Fields, Sealed                              []string
	Chain                                       string `db:"-"`
}

// next is the hash behind an event.
func (e exported) next(previous []byte) []byte {
	var text []byte
	say := func(parts ...string) {
		for _, p := range parts {
			text = append(append(text, byte(len(p)>>24), byte(len(p)>>16), byte(len(p)>>8), byte(len(p))), p...)
		}
	}
	at := e.At.UTC().Format("2006-01-02T15:04:05.999999999Z07:00")
	if e.Sealed == nil {
		say("cho40 audit 1", e.Chain, at, e.Actor, e.Via, e.Action, e.Object, e.RequestID)
		say(e.Fields...)
	} else {
		say("cho40 audit 2", e.Chain, at, e.Actor, e.Via, e.Role, e.Action, e.Object, e.RequestID, strconv.Itoa(len(e.Fields)))
		say(e.Fields...)
		say(strconv.Itoa(len(e.Sealed)))
		say(e.Sealed...)
	}
	inner := sha256.Sum256(text)
	outer := sha256.Sum256(slices.Concat(previous, binary.BigEndian.AppendUint64(nil, uint64(e.Seq)), inner[:]))
	return outer[:]
}
