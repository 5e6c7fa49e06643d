package registry

import (
	"context"
	"time"

	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Happening is something that happened at a stall or to its vendor's accounts.
type Happening struct {
	// registered, consent, proposed, a decision of an account, or the kind of a placard's event
	Kind     string
	At       time.Time
	Who      string // name of the person or key; empty: the service itself
	Provider string // of an account, its code
	Tail     string // last four digits of an account
	Serial   Serial // of a placard
	Note     string // registered: the ledger's file; consent: its kind; checked: the result
	Reason   string
	Batch    *BatchRef `db:"-"` // issued: the batch in which the placard was made
	BatchID  *id.ID[Batch]
}

// maxHappenings is how far back a stall's story is told.
const maxHappenings = 60

// History tells what happened at a stall and to the accounts of who holds it now, newest first, at most 60. That a placard
// was drawn right after it was issued is not told apart, nor that it was not hung: PlacardEvents has both. Faults: NotFound; Forbidden.
func (s *Service) History(ctx context.Context, by Actor, marketCode, code string) ([]Happening, error) {
	m, _, err := marketSeen(ctx, s.db, by, marketCode)
	if err != nil {
		return nil, err
	}
	hs, err := postgres.All[Happening](ctx, s.db, `
		WITH stall AS (
			SELECT s.id, s.created_at, s.import_id, o.vendor_id
			FROM stalls s LEFT JOIN occupancies o ON o.market_id = s.market_id AND o.stall_id = s.id AND o.ended IS NULL
			WHERE s.market_id = @market AND s.code_key = @key AND s.removed_at IS NULL
		), told AS (
			SELECT 'registered' AS kind, stall.created_at AS at, coalesce(i.committed_by, '') AS by, '' AS provider, '' AS tail, '' AS serial,
			       coalesce(i.file, '') AS note, '' AS reason, NULL::uuid AS batch_id, 0 AS n
			FROM stall LEFT JOIN imports i ON i.market_id = @market AND i.id = stall.import_id
			UNION ALL
			SELECT 'consent', c.taken_at, c.taken_by, '', '', '', c.kind, '', NULL, 1
			FROM stall JOIN consents c ON c.market_id = @market AND c.vendor_id = stall.vendor_id
			UNION ALL
			SELECT 'proposed', a.proposed_at, a.proposed_by, a.provider, right(a.number, 4), '', '', '', NULL, 2
			FROM stall JOIN accounts a ON a.market_id = @market AND a.vendor_id = stall.vendor_id
			UNION ALL
			SELECT d.decision, d.decided_at, d.decided_by, a.provider, right(a.number, 4), '', '', d.reason, NULL, 3
			FROM stall JOIN accounts a ON a.market_id = @market AND a.vendor_id = stall.vendor_id
			JOIN account_decisions d ON d.market_id = @market AND d.account_id = a.id
			UNION ALL
			SELECT e.kind, e.at, e.recorded_by, '', '', p.serial, coalesce(e.result, ''), e.reason,
			       CASE WHEN e.kind = 'issued' THEN p.batch_id END, 3 + e.seq
			FROM stall JOIN placards p ON p.market_id = @market AND p.stall_id = stall.id
			JOIN placard_events e ON e.market_id = @market AND e.placard_id = p.id
			WHERE e.kind NOT IN ('printed', 'heard')
		)
		SELECT t.kind, t.at, coalesce(p.name, k.name, CASE WHEN t.by = 'console' THEN 'console' END, '') AS who,
		       t.provider, t.tail, t.serial, t.note, t.reason, t.batch_id
		FROM told t
		LEFT JOIN people p ON t.by = 'person:' || p.id
		LEFT JOIN keys k ON t.by = 'key:' || k.id
		ORDER BY t.at DESC, t.n DESC LIMIT @most`,
		pgx.StrictNamedArgs{"market": m.ID, "key": codeKey(code), "most": maxHappenings})
	for i := range hs {
		if hs[i].BatchID != nil {
			hs[i].Batch = &BatchRef{m.Code, *hs[i].BatchID}
		}
	}
	return hs, actionContext("history of stall", code, err)
}

// Names are the names of actors by their IDs, for "who did it" on pages that have checked who looks. Those who are
// nobody, the console and the service, are left out.
func (s *Service) Names(ctx context.Context, ids []string) (map[string]string, error) {
	type named struct{ ID, Name string }
	all, err := postgres.All[named](ctx, s.db, `
		SELECT 'person:' || id AS id, name FROM people WHERE 'person:' || id = ANY (@ids)
		UNION ALL SELECT 'key:' || id, name FROM keys WHERE 'key:' || id = ANY (@ids)`, pgx.StrictNamedArgs{"ids": ids})
	names := make(map[string]string, len(all))
	for _, n := range all {
		names[n.ID] = n.Name
	}
	return names, err
}
