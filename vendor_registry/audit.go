package registry

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
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

// auditDomain keeps a hash of this chain from being taken for a hash of anything else.
const auditDomain = "cho40 audit 1"

// Audit appends events to a market's chain (the zero market: the service's own). It takes the chain's lock until the
// transaction ends, so it comes last.
//
// hash = SHA-256(previous hash, seq as 8 bytes, body), body = SHA-256 over the domain, the chain's market and every field, each
// preceded by its length. A changed, removed or swapped row no longer fits the one after it.
func Audit(ctx context.Context, tx pgx.Tx, at time.Time, by Actor, in id.ID[Market], events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	type head struct {
		Seq  int64
		Hash []byte
	}
	h, err := postgres.One[head](ctx, tx, `
		INSERT INTO audit_heads (market_id, seq, hash) VALUES (@market, @n, ''::bytea)
		ON CONFLICT (market_id) DO UPDATE SET seq = audit_heads.seq + excluded.seq
		RETURNING seq, hash`,
		pgx.StrictNamedArgs{"market": chainID(in), "n": len(events)})
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	at = at.UTC().Truncate(time.Microsecond) // what the database keeps, and so what is read back to be hashed again
	rows := make([][]any, len(events))
	hash := h.Hash
	first := h.Seq - int64(len(events)) + 1
	for i, e := range events {
		if e.Fields == nil {
			e.Fields = []string{}
		}
		seq := first + int64(i)
		hash = link(hash, seq, body(in, at, by, e))
		rows[i] = []any{chainID(in), seq, at, by.ID, by.Via, e.Action, e.Object, e.Fields, by.RequestID, hash}
	}
	// The chain is locked until the commit, so the rest is one round trip; COPY pays only for what an import brings.
	b := &pgx.Batch{}
	if len(rows) > fewEvents {
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"audit_events"},
			[]string{"market_id", "seq", "at", "actor", "via", "action", "object", "fields", "request_id", "hash"}, pgx.CopyFromRows(rows))
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	} else {
		for _, row := range rows {
			b.Queue(`
				INSERT INTO audit_events (market_id, seq, at, actor, via, action, object, fields, request_id, hash)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, row...)
		}
	}
	b.Queue(`UPDATE audit_heads SET hash = @hash WHERE market_id = @market`, pgx.StrictNamedArgs{"hash": hash, "market": chainID(in)})
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
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

func body(in id.ID[Market], at time.Time, by Actor, e Event) [32]byte {
	var b []byte
	put := func(s string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	put(auditDomain)
	put(in.String()) // so that one market's chain does not pass for another's
	put(at.UTC().Format(time.RFC3339Nano))
	put(by.ID)
	put(by.Via)
	put(e.Action)
	put(e.Object)
	put(by.RequestID)
	for _, f := range e.Fields {
		put(f)
	}
	return sha256.Sum256(b)
}

// VerifyAudit walks a market's chain and reports the first event whose hash does not fit, or that the chain was cut off
// behind its head. Zero and no error: the chain is whole.
func (s *Service) VerifyAudit(ctx context.Context, in id.ID[Market]) (brokenAt int64, err error) {
	type row struct {
		Seq                        int64
		At                         time.Time
		Actor, Via, Action, Object string
		Fields                     []string
		RequestID                  string
		Hash                       []byte
	}
	rows, err := postgres.All[row](ctx, s.db, `
		SELECT seq, at, actor, via, action, object, fields, request_id, hash FROM audit_events
		WHERE market_id = @market ORDER BY seq`, pgx.StrictNamedArgs{"market": chainID(in)})
	if err != nil {
		return 0, err
	}
	var hash []byte
	for i, r := range rows {
		by := Actor{ID: r.Actor, Via: r.Via, RequestID: r.RequestID}
		hash = link(hash, r.Seq, body(in, r.At, by, Event{r.Action, r.Object, r.Fields}))
		if r.Seq != int64(i)+1 || string(hash) != string(r.Hash) {
			return int64(i) + 1, nil
		}
	}
	type end struct {
		Seq  int64
		Hash []byte
	}
	head, err := postgres.One[end](ctx, s.db, `SELECT seq, hash FROM audit_heads WHERE market_id = @market`,
		pgx.StrictNamedArgs{"market": chainID(in)})
	if isNoRows(err) { // an empty chain has no head; a chain without its head lost it
		head, err = end{}, nil
	}
	if err != nil {
		return 0, err
	}
	if head.Seq != int64(len(rows)) || string(head.Hash) != string(hash) {
		return int64(len(rows)) + 1, nil
	}
	return 0, nil
}
