package registry

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// ClashID names a clash within a market.
type ClashID = id.ID[Clash]

// Clash is a second version of a record that is there already under the same ID. The first one stands; this one is kept until
// somebody who leads the team has looked at both and done what is to be done.
type Clash struct {
	ID        ClashID        `json:"id"`
	Kind      string         `json:"kind"`      // stall, vendor, account, placard, placard_event, visit, consent, status, change, void, notice
	RecordID  id.ID[any]     `json:"record_id"` // under which both were sent
	Place     string         `json:"place"`     // for which the second was sent: a stall's code, a placard's serial
	Content   map[string]any `json:"content"`   // the second version, numbers masked; empty once it is settled
	Who       string         `json:"by"`        // name of who sent it
	SentAt    time.Time      `json:"at"`
	SettledBy *string        `json:"settled_by"`
	SettledAt *time.Time     `json:"settled_at"`
	Note      string         `json:"note"`
}

// keepBoth stores the version that a fault refused, in a transaction of its own, since the first was rolled back. The same one sent
// again is kept once. The error is why, or why it could not be kept.
func (s *Service) keepBoth(ctx context.Context, by Actor, marketCode string, why error) error {
	var other *otherVersion
	if !errors.As(why, &other) {
		return why
	}
	m, err := selectMarket(ctx, s.apart, marketCode)
	if err != nil {
		return err
	}
	now := s.now()
	err = pgx.BeginFunc(ctx, s.apart, func(tx pgx.Tx) error {
		which, digest := id.New[Clash](), sha256.Sum256(asJSON([]any{other.kind, other.place, other.as}))
		tag, err := tx.Exec(ctx, `
			INSERT INTO clashes (market_id, id, kind, record_id, place, content, digest, sent_by, sent_at)
			VALUES (@market, @id, @kind, @record, @place, @content, @digest, @by, @now)
			ON CONFLICT (market_id, record_id, digest) DO NOTHING`,
			pgx.StrictNamedArgs{"market": m.ID, "id": which, "kind": other.kind, "record": other.id, "place": other.place,
				"content": asJSON(other.as), "digest": digest[:], "by": by.ID, "now": now})
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"clash.kept", "clash:" + which.String(), []string{other.kind}})
	})
	if err != nil {
		return actionContext("keep a second version in", marketCode, err)
	}
	return why
}

// KeepBoth stores the version that a Differs refused, apart from the transaction that was rolled back. The error is why, or why it
// could not be kept.
func (s *Service) KeepBoth(ctx context.Context, by Actor, marketCode string, why error) error {
	return s.keepBoth(ctx, by, marketCode, why)
}

const clashColumns = `
	SELECT c.id, c.kind, c.record_id, c.place, c.content, coalesce(p.name, k.name, c.sent_by) AS who, c.sent_at,
	       coalesce(q.name, c.settled_by) AS settled_by, c.settled_at, c.note
	FROM clashes c
	LEFT JOIN people p ON c.sent_by = 'person:' || p.id
	LEFT JOIN keys k ON c.sent_by = 'key:' || k.id
	LEFT JOIN people q ON c.settled_by = 'person:' || q.id
	WHERE c.market_id = @market`

// Clashes lists the second versions that wait in a market, the oldest first; with settled, those that somebody dealt with too.
// Faults: NotFound; Forbidden.
func (s *Service) Clashes(ctx context.Context, by Actor, marketCode string, settled bool) ([]Clash, error) {
	m, err := market(ctx, s.db, by, SettleClashes, marketCode)
	if err != nil {
		return nil, err
	}
	cs, err := postgres.All[Clash](ctx, s.db, clashColumns+` AND (@settled OR c.settled_at IS NULL) ORDER BY c.sent_at, c.id`,
		pgx.StrictNamedArgs{"market": m.ID, "settled": settled})
	for i := range cs {
		maskIn(cs[i].Content)
	}
	return cs, actionContext("clashes of", marketCode, err)
}

// SettleClash records that somebody looked at both versions and what they did. The second version's content goes: it may name people,
// and whatever of it was right is in the record by now.
//
// Faults: Invalid; NotFound; Forbidden; Conflict clash-settled.
func (s *Service) SettleClash(ctx context.Context, by Actor, marketCode string, which ClashID, note string) (Clash, error) {
	var bad []fault.Field
	note = text(&bad, "note", note, maxReason, true)
	Harmless(&bad, "note", note)
	if err := fault.Check("clash-invalid", bad); err != nil {
		return Clash{}, err
	}
	now := s.now()
	var c Clash
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, SettleClashes, marketCode)
		if err != nil {
			return err
		}
		at, err := postgres.Found[*time.Time](ctx, tx, fault.New(fault.NotFound, "not-found", "There is no such record here."),
			`SELECT settled_at FROM clashes WHERE market_id = @market AND id = @id FOR UPDATE`, pgx.StrictNamedArgs{"market": m.ID, "id": which})
		if err != nil {
			return err
		}
		if at != nil {
			return fault.New(fault.Conflict, "clash-settled", "Somebody settled this already.")
		}
		if _, err := tx.Exec(ctx, `
			UPDATE clashes SET settled_by = @by, settled_at = @now, note = @note, content = '{}' WHERE market_id = @market AND id = @id`,
			pgx.StrictNamedArgs{"by": by.ID, "now": now, "note": note, "market": m.ID, "id": which}); err != nil {
			return err
		}
		if c, err = postgres.One[Clash](ctx, tx, clashColumns+` AND c.id = @id`, pgx.StrictNamedArgs{"market": m.ID, "id": which}); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"clash.settled", "clash:" + which.String(), []string{"note"}})
	})
	return c, actionContext("settle clash in", marketCode, err)
}

// maskIn masks phones and account numbers in what was sent, and leaves out what was not filled in.
func maskIn(content any) {
	switch c := content.(type) {
	case []any:
		for _, v := range c {
			maskIn(v)
		}
	case map[string]any:
		for k, v := range c {
			s, text := v.(string)
			switch {
			case v == nil || text && (s == "" || s == time.Time{}.Format(time.RFC3339)):
				delete(c, k)
			case text && (k == "phone" || k == "number"):
				c[k] = Masked(s)
			case text && k == "payload":
				c[k] = "••••"
				if d, err := qrgen.Decode(s, qrgen.Lenient); err == nil && d.Account != "" {
					c[k] = Masked(d.Account)
				}
			default:
				maskIn(v)
			}
		}
	}
}
