package registry_test

import (
	"testing"
	"time"

	"cho40/internal/id"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
)

// Any row that is changed, taken out, put in or moved shows.
func TestTamperedAudit(t *testing.T) {
	t.Parallel()
	in := `(SELECT id FROM markets WHERE code = 'VT')`
	at := func(seq string) string { return ` WHERE market_id = ` + in + ` AND seq = ` + seq }
	last := `(SELECT max(seq) FROM audit_events WHERE market_id = ` + in + `)`
	head := func(set string) string { return `UPDATE audit_heads SET ` + set + ` WHERE market_id = ` + in }
	for _, tt := range []struct {
		name string
		sql  string
		from int64 // the event named; 0: the one behind the last
	}{
		{"the time", `UPDATE audit_events SET at = at + interval '1 microsecond'` + at("2"), 2},
		{"who", `UPDATE audit_events SET actor = 'person:other'` + at("2"), 2},
		{"through what", `UPDATE audit_events SET via = 'api'` + at("2"), 2},
		{"what", `UPDATE audit_events SET action = 'stall.removed'` + at("2"), 2},
		{"to what", `UPDATE audit_events SET object = 'stall:x'` + at("2"), 2},
		{"which fields", `UPDATE audit_events SET fields = '{code}'` + at("2"), 2},
		{"where one field ends and the next begins", `UPDATE audit_events SET fields = '{codesection,goods}'` + at("2"), 2},
		{"in which role", `UPDATE audit_events SET role = 'manager'` + at("2"), 2},
		{"what it commits to", `UPDATE audit_events SET sealed = '{}'` + at("5"), 5},
		{"that it commits to anything", `UPDATE audit_events SET sealed = NULL` + at("2"), 2},
		{"the request", `UPDATE audit_events SET request_id = 'x'` + at("2"), 2},
		{"a hash", `UPDATE audit_events SET hash = sha256('x')` + at("2"), 2},
		{"the first row", `UPDATE audit_events SET actor = 'x'` + at("1"), 1},
		{"the last row", `UPDATE audit_events SET actor = 'x'` + at(last), 11},
		{"the first taken out", `DELETE FROM audit_events` + at("1"), 1},
		{"one taken out", `DELETE FROM audit_events` + at("3"), 3},
		{"one taken out and the rest moved up", `DELETE FROM audit_events` + at("3") + `; UPDATE audit_events SET seq = -seq WHERE seq > 3 AND market_id = ` + in + `; UPDATE audit_events SET seq = -seq - 1 WHERE seq < 0`, 3},
		{"two swapped", `UPDATE audit_events SET seq = -2` + at("2") + `; UPDATE audit_events SET seq = 2` + at("3") + `; UPDATE audit_events SET seq = 3` + at("-2"), 2},
		{"one put in", `INSERT INTO audit_events SELECT market_id, ` + last + ` + 1, at, actor, via, action, object, fields, request_id, hash, role, sealed FROM audit_events` + at(last), 12},
		{"one doubled at the front", `INSERT INTO audit_events SELECT market_id, 0, at, actor, via, action, object, fields, request_id, hash, role, sealed FROM audit_events` + at("1"), 1},
		{"the tail cut off", `DELETE FROM audit_events` + at(last), 11},
		{"all cut off", `DELETE FROM audit_events WHERE market_id = ` + in, 1},
		{"the head's hash", head(`hash = sha256('x')`), 12},
		{"the head's number", head(`seq = seq + 1`), 12},
		{"the head taken away", `DELETE FROM audit_heads WHERE market_id = ` + in, 12},
		{"the tail cut off and the head's number set back", `DELETE FROM audit_events` + at(last) + `; ` + head(`seq = seq - 1`), 11},
		{"the tail cut off and the head's hash set back", `DELETE FROM audit_events` + at(last) + `; ` + head(`hash = (SELECT hash FROM audit_events e`+at(last)+`)`), 11},
		{"another market's chain in its place", `DELETE FROM audit_events WHERE market_id = ` + in + `; DELETE FROM audit_heads WHERE market_id = ` + in + `;
			UPDATE audit_events SET market_id = ` + in + ` WHERE market_id = (SELECT id FROM markets WHERE code = 'XX');
			UPDATE audit_heads SET market_id = ` + in + ` WHERE market_id = (SELECT id FROM markets WHERE code = 'XX')`, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, pgtest.OneServer(t))
			w.stall("A-1", viettel)
			w.stall("B-1")
			w.approve(w.propose("B-1", vnpt))
			if got, err := w.reg.VerifyAudit(t.Context(), w.vt.ID); got != 0 || err != nil {
				t.Fatalf("untouched: broken at %d, %v", got, err)
			}
			if n := ask[int64](w, `SELECT count(*) FROM audit_events WHERE market_id = `+in); n != 11 {
				t.Fatalf("%d events; the table was written for 11", n)
			}
			w.exec(tt.sql)
			got, err := w.reg.VerifyAudit(t.Context(), w.vt.ID)
			if err != nil || got != tt.from {
				t.Errorf("broken at %d, %v; want %d", got, err, tt.from)
			}
		})
	}
}

// Chains are apart, and a new one is whole.
func TestAuditChains(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.OneServer(t))
	w.stall("A-1", viettel)
	if got, err := w.reg.VerifyAudit(t.Context(), id.New[registry.Market]()); got != 0 || err != nil {
		t.Errorf("a market without events: %d, %v", got, err)
	}
	if got, err := w.reg.VerifyAudit(t.Context(), id.ID[registry.Market]{}); got != 0 || err != nil {
		t.Errorf("the service's own chain: %d, %v", got, err)
	}
	w.exec(`UPDATE audit_events SET actor = 'x' WHERE market_id = (SELECT id FROM markets WHERE code = 'XX')`)
	w.whole()
}

// An event's time is hashed as the database keeps it, whatever the caller's clock can tell.
func TestAuditInNanoseconds(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.OneServer(t))
	tx, err := w.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 9, 0, 0, 123456789, time.FixedZone("", 7*3600))
	for range 3 {
		if err := registry.Audit(t.Context(), tx, at, w.clerk, w.vt.ID, registry.Event{Action: "test"}, registry.Event{Action: "test", Fields: []string{""}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.whole()
}
