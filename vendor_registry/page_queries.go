package registry

import (
	"context"
	"encoding/json"
	"time"

	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// PlanLine is a stall on the plan of its market.
type PlanLine struct {
	StallLine
	Found bool // it answers the search; every stall answers an empty one
}

// Plan is every stall of a market in walking order, in one reading: what the list gives 200 at a time would work out the
// stages of the whole market once for each page. It searches as Stalls does. Faults: NotFound; Forbidden.
func (s *Service) Plan(ctx context.Context, by Actor, marketCode, q string) ([]PlanLine, error) {
	m, masked, err := marketSeen(ctx, s.db, by, marketCode)
	if err != nil {
		return nil, err
	}
	args := StageArgs(m.ID, s.now())
	args["words"], args["digits"] = likeWords(q)
	lines, err := postgres.All[PlanLine](ctx, s.db, `
		SELECT s.code, s.section, s.goods, CASE WHEN v.id IS NULL THEN 'vacant' ELSE 'trading' END AS status,
		       n.stage, coalesce(n.suspended, false) AS suspended, coalesce(n.overdue, false) AS overdue,
		       v.name AS vendor, v.phone, n.provider, s.position, s.code_key,
		       coalesce(cardinality(@words::text[]) = 0
		                OR v.name_fold LIKE ALL (@words::text[])
		                OR s.code_fold LIKE ALL (@words::text[])
		                OR (@digits <> '' AND v.phone LIKE '%' || @digits), false) AS found
		FROM `+whoTrades+`
		LEFT JOIN LATERAL (`+stageOf("v.id")+`) n ON v.id IS NOT NULL
		WHERE s.market_id = @market AND s.removed_at IS NULL
		ORDER BY s.position, s.code_key`, args)
	for i := range lines {
		l := &lines[i]
		if l.Phone != nil {
			shown := Masked(*l.Phone)
			l.Phone = &shown
		}
		if masked && l.Vendor != nil {
			shown := maskedName(*l.Vendor)
			l.Vendor = &shown
		}
	}
	return lines, actionContext("plan of", marketCode, err)
}

// Ready is what could be printed now in a section.
type Ready struct {
	Section    string
	Approved   int // stalls whose vendor's account is approved and has no placard there yet
	Unapproved int // stalls that only a provisional placard could be made for
}

// Ready counts by section, in walking order, what a batch would print, so that the form can say it before anything is made.
// Faults: NotFound; Forbidden.
func (s *Service) Ready(ctx context.Context, by Actor, marketCode string) ([]Ready, error) {
	m, err := market(ctx, s.db, by, PrintPlacards, marketCode)
	if err != nil {
		return nil, err
	}
	return postgres.All[Ready](ctx, s.db, `
		SELECT section, count(*) FILTER (WHERE approved)::int AS approved, count(*) FILTER (WHERE unapproved)::int AS unapproved
		FROM (SELECT s.section, s.position,
		             v.default_account IS NOT NULL AND NOT EXISTS (
		                 SELECT FROM placards p
		                 WHERE p.market_id = @market AND p.stall_id = s.id AND p.account_id = v.default_account AND p.kind = 'ours'
		                   AND p.mark <> 'provisional' AND p.state = ANY (@live)) AS approved,
		             v.default_account IS NULL AND EXISTS (
		                 SELECT FROM accounts a
		                 WHERE a.market_id = @market AND a.vendor_id = v.id AND a.replaces IS NULL
		                   AND a.proposed_at > @now::timestamptz - @proposal_lives::interval
		                   AND NOT EXISTS (SELECT FROM account_decisions d WHERE d.market_id = @market AND d.account_id = a.id)
		                   AND NOT EXISTS (SELECT FROM placards p
		                                   WHERE p.market_id = @market AND p.stall_id = s.id AND p.account_id = a.id AND p.state = ANY (@live))
		             ) AS unapproved
		      FROM `+whoTrades+`
		      WHERE s.market_id = @market AND s.removed_at IS NULL AND v.id IS NOT NULL) stalls
		GROUP BY section ORDER BY min(position)`,
		pgx.StrictNamedArgs{"market": m.ID, "live": liveStates, "now": s.now(), "proposal_lives": ProposalLives})
}

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
// was drawn right after it was issued is not told apart. Faults: NotFound; Forbidden.
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
			WHERE e.kind <> 'printed'
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

// Imports lists a market's last imports, newest first, at most 10, without their rows. Faults: NotFound; Forbidden.
func (s *Service) Imports(ctx context.Context, by Actor, marketCode string) ([]Import, error) {
	m, err := market(ctx, s.db, by, ImportLedger, marketCode)
	if err != nil {
		return nil, err
	}
	all, err := postgres.All[stored](ctx, s.db, `
		SELECT id, state, NULL::bytea AS ledger, report, created_by, created_at, expires_at FROM imports
		WHERE market_id = @market AND (state <> 'preview' OR expires_at > @now) ORDER BY created_at DESC LIMIT 10`,
		pgx.StrictNamedArgs{"market": m.ID, "now": s.now()})
	if err != nil {
		return nil, err
	}
	ims := make([]Import, len(all))
	for i, st := range all {
		ims[i] = Import{Ref: ImportRef{m.Code, st.ID}, ID: st.ID, State: st.State, Rows: []ImportRow{}, CreatedAt: st.CreatedAt, ExpiresAt: st.ExpiresAt}
		if err := json.Unmarshal(st.Report, &ims[i].Report); err != nil {
			return nil, err
		}
	}
	return ims, nil
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
