package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Event is one change for the record: what was done to which object, and the names of the fields concerned. Values are
// never part of it: the person a value speaks of may ask for it to be erased, and the chain must still verify.
type Event struct {
	Action string
	Object string
	Fields []string
}

// auditDomain keeps a hash of this chain from being taken for a hash of anything else. Events that the release before commitments wrote
// have the older one, and neither role nor commitments.
const (
	auditDomain      = "cho40 audit 2"
	olderAuditDomain = "cho40 audit 1"
)

// Audit appends events to a market's chain (the zero market: the service's own), each with commitments to the rows about its object that no
// event has committed to yet (see seals). It takes the chain's lock until the transaction ends, so it comes last.
//
// hash = SHA-256(previous hash, seq as 8 bytes, body), body = SHA-256 over the domain, the chain's market and every field, each
// preceded by its length. A changed, removed or swapped row no longer fits the one after it. docs/audit.md says it for those who check an export.
func Audit(ctx context.Context, tx pgx.Tx, at time.Time, by Actor, in id.ID[Market], events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	wrap := func(err error) error { return fmt.Errorf("audit: %w", err) }
	role, err := by.roleIn(ctx, tx, in)
	if err != nil {
		return wrap(err)
	}
	var what toSeal
	ask := &pgx.Batch{}
	ask.Queue(`
		INSERT INTO audit_heads (market_id, seq, hash) VALUES (@market, @n, ''::bytea)
		ON CONFLICT (market_id) DO UPDATE SET seq = audit_heads.seq + excluded.seq
		RETURNING seq, hash`,
		pgx.StrictNamedArgs{"market": chainID(in), "n": len(events)})
	statement, args := "", pgx.StrictNamedArgs(nil)
	if !in.IsZero() {
		what = whatToSeal(events)
		if what.forgets() {
			ask.Queue(`DELETE FROM audit_salts WHERE market_id = @market AND (object = ANY (@objects) OR label || ' ' || object = ANY (@parts))`,
				pgx.StrictNamedArgs{"market": chainID(in), "objects": what.erased, "parts": what.freed})
		}
		if statement, args = what.statement(in); statement != "" {
			ask.Queue(byIndex)
			ask.Queue(statement, args)
			ask.Queue(byItself)
		}
	}
	type head struct {
		Seq  int64
		Hash []byte
	}
	answers := tx.SendBatch(ctx, ask)
	rowsOf := func() pgx.Rows { r, _ := answers.Query(); return r } // its error is also the rows'
	h, err := pgx.CollectExactlyOneRow(rowsOf(), pgx.RowToStructByName[head])
	if err == nil && what.forgets() {
		_, err = answers.Exec()
	}
	var unsealed []sealedRow
	if err == nil && statement != "" {
		_, _ = answers.Exec() // how it is planned; its error is also the next one's
		unsealed, err = pgx.CollectRows(rowsOf(), pgx.RowToStructByName[sealedRow])
	}
	if err := errors.Join(err, answers.Close()); err != nil {
		return wrap(err)
	}
	// The chain is locked until the commit, so the rest is one round trip; COPY pays only for what an import brings.
	b := &pgx.Batch{}
	sealed := seal(b, in, events, unsealed)
	at = at.UTC().Truncate(time.Microsecond) // what the database keeps, and so what is read back to be hashed again
	rows := make([][]any, len(events))
	hash := h.Hash
	first := h.Seq - int64(len(events)) + 1
	for i, e := range events {
		if e.Fields == nil {
			e.Fields = []string{}
		}
		if sealed[i] == nil {
			sealed[i] = []string{}
		}
		seq := first + int64(i)
		hash = link(hash, seq, body(in, at, by, role, e, sealed[i]))
		rows[i] = []any{chainID(in), seq, at, by.ID, by.Via, role, e.Action, e.Object, e.Fields, sealed[i], by.RequestID, hash}
	}
	if len(rows) > fewEvents {
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"audit_events"},
			[]string{"market_id", "seq", "at", "actor", "via", "role", "action", "object", "fields", "sealed", "request_id", "hash"}, pgx.CopyFromRows(rows))
		if err != nil {
			return wrap(err)
		}
	} else {
		for _, row := range rows {
			b.Queue(`
				INSERT INTO audit_events (market_id, seq, at, actor, via, role, action, object, fields, sealed, request_id, hash)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`, row...)
		}
	}
	b.Queue(`UPDATE audit_heads SET hash = @hash WHERE market_id = @market`, pgx.StrictNamedArgs{"hash": hash, "market": chainID(in)})
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return wrap(err)
	}
	return nil
}

// roleIn is the role in which somebody acts on a chain: those of their grants that reach its market, or of all for the service's own;
// empty for the console and the service.
func (a Actor) roleIn(ctx context.Context, tx pgx.Tx, in id.ID[Market]) (string, error) {
	roles := func(of func(Grant) bool) string {
		var all []string
		for _, g := range a.Grants {
			if of(g) && !slices.Contains(all, string(g.Role)) {
				all = append(all, string(g.Role))
			}
		}
		slices.Sort(all)
		return strings.Join(all, "+")
	}
	held := roles(func(Grant) bool { return true })
	if in.IsZero() || !strings.Contains(held, "+") {
		return held, nil
	}
	m, err := postgres.One[Market](ctx, tx, marketColumns+` WHERE m.id = @id`, pgx.StrictNamedArgs{"id": in})
	if err != nil {
		return "", err
	}
	return roles(func(g Grant) bool { return g.reaches(m) }), nil
}

// fewEvents is how many events are inserted one by one.
const fewEvents = 20

// chainID spells the service's own chain as the zero UUID, since the zero ID is stored as NULL.
func chainID(in id.ID[Market]) pgtype.UUID {
	v, _ := in.UUIDValue()
	v.Valid = true
	return v
}

func link(previous []byte, seq int64, body [32]byte) []byte {
	h := sha256.New()
	h.Write(previous)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(seq)))
	h.Write(body[:])
	return h.Sum(nil)
}

func body(in id.ID[Market], at time.Time, by Actor, role string, e Event, sealed []string) [32]byte {
	list := func(b []byte, of []string) []byte {
		b = put(b, strconv.Itoa(len(of)))
		for _, v := range of {
			b = put(b, v)
		}
		return b
	}
	older := sealed == nil
	b := put(nil, auditDomain)
	if older {
		b = put(nil, olderAuditDomain)
	}
	b = put(b, in.String()) // so that one market's chain does not pass for another's
	b = put(b, at.UTC().Format(time.RFC3339Nano))
	b = put(put(b, by.ID), by.Via)
	if !older {
		b = put(b, role)
	}
	b = put(put(put(b, e.Action), e.Object), by.RequestID)
	if !older {
		return sha256.Sum256(list(list(b, e.Fields), sealed))
	}
	for _, f := range e.Fields {
		b = put(b, f)
	}
	return sha256.Sum256(b)
}

// Verdict is what looking at a whole chain came to.
type Verdict struct {
	Events   int    `json:"events"`
	BrokenAt int64  `json:"broken_at"`        // the first event that does not fit; behind the last one: something is missing there; 0: whole
	Object   string `json:"object,omitempty"` // whose rows are not those that were committed to; empty: the chain itself is broken
	Since    int64  `json:"since,omitempty"`  // the first event that is not the one a checkpoint outside the database knows
}

// Whole reports whether nothing was changed.
func (v Verdict) Whole() bool { return v.BrokenAt == 0 && v.Since == 0 }

// VerifyAudit walks a market's chain and reports the first event whose hash does not fit, or that the chain was cut off
// behind its head, or that a row is not as it was when the event committed to it; of the service's own chain also that there are events or
// rows of a market that is not there, whose chain nobody would look at. Zero and no error: the chain is whole.
func (s *Service) VerifyAudit(ctx context.Context, in id.ID[Market]) (brokenAt int64, err error) {
	v, err := s.verify(ctx, in)
	return v.BrokenAt, err
}

func (s *Service) verify(ctx context.Context, in id.ID[Market]) (v Verdict, err error) {
	err = s.snapshot(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT seq, at, actor, via, role, action, object, fields, sealed, request_id, hash FROM audit_events
			WHERE market_id = @market ORDER BY seq`, pgx.StrictNamedArgs{"market": chainID(in)})
		if err != nil {
			return err
		}
		c := commitments{rows: map[string]committed{}, erased: map[string]int64{}, older: map[string]bool{}, approved: map[string]bool{}}
		var (
			seq, n       int64
			at           time.Time
			by           Actor
			role         string
			e            Event
			sealed       []string
			stored, hash []byte
		)
		_, err = pgx.ForEachRow(rows, []any{&seq, &at, &by.ID, &by.Via, &role, &e.Action, &e.Object, &e.Fields, &sealed, &by.RequestID, &stored}, func() error {
			n++
			if v.BrokenAt > 0 {
				return nil
			}
			hash = link(hash, seq, body(in, at, by, role, e, sealed))
			if seq != n || !bytes.Equal(hash, stored) || sealed == nil && role != "" || !c.take(seq, e, sealed) {
				v.BrokenAt = n
			}
			return nil
		})
		if v.Events = int(n); err != nil || v.BrokenAt > 0 {
			return err
		}
		type end struct {
			Seq  int64
			Hash []byte
		}
		head, err := postgres.One[end](ctx, tx, `SELECT seq, hash FROM audit_heads WHERE market_id = @market`,
			pgx.StrictNamedArgs{"market": chainID(in)})
		if isNoRows(err) { // an empty chain has no head; a chain without its head lost it
			head, err = end{}, nil
		}
		if err != nil {
			return err
		}
		if head.Seq != n || !bytes.Equal(head.Hash, hash) {
			v.BrokenAt = n + 1
			return nil
		}
		if in.IsZero() {
			v.BrokenAt, v.Object, err = strays(ctx, tx, n+1)
			return err
		}
		v.BrokenAt, v.Object, err = c.differ(ctx, tx, in, n+1)
		return err
	})
	return v, err
}
