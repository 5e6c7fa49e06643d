package registry

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// blocksNamed is how many things that stand in the way of an undo are named, stall by stall; all are counted.
const blocksNamed = 50

// DiscardImport throws a preview away, or takes a committed import back as long as nothing was built on it.
//
// Faults: NotFound; Forbidden; Conflict import-built-on, with what stands in the way stall by stall (at most 50); import-undone.
func (s *Service) DiscardImport(ctx context.Context, by Actor, ref ImportRef) error {
	now := s.now()
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, ImportLedger, ref.Market)
		if err != nil {
			return notFoundAs(err, importNotFound())
		}
		if err := oneAtATime(ctx, tx, m.ID, "import"); err != nil {
			return err
		}
		st, err := selectImport(ctx, tx, m.ID, ref.ID, "FOR UPDATE")
		if err != nil {
			return err
		}
		switch st.State {
		case "undone":
			return fault.New(fault.Conflict, "import-undone", "This import was taken back. Upload the ledger again.")
		case "preview":
			if _, err := tx.Exec(ctx, `DELETE FROM imports WHERE market_id = @market AND id = @id`, pgx.StrictNamedArgs{"market": m.ID, "id": st.ID}); err != nil {
				return err
			}
			return Audit(ctx, tx, now, by, m.ID, Event{"import.discarded", "import:" + st.ID.String(), nil})
		}
		var report Report
		if err := json.Unmarshal(st.Report, &report); err != nil {
			return err
		}
		if report.Changed > 0 {
			f := fault.New(fault.Conflict, "import-built-on", "This import cannot be taken back: it changed %d stalls that were there before.", report.Changed)
			codes, err := postgres.All[string](ctx, tx, `
				SELECT s.code FROM stalls s JOIN imports i ON i.market_id = s.market_id AND s.id = ANY (i.changed)
				WHERE s.market_id = @market AND i.id = @id ORDER BY s.position, s.code_key LIMIT @most`,
				pgx.StrictNamedArgs{"market": m.ID, "id": st.ID, "most": blocksNamed})
			if err != nil {
				return err
			}
			for _, code := range codes {
				f = f.With(fault.At(below("stalls", code), "stall-changed-by-it", "Stall %s was there before, and the import changed it.", code))
			}
			return f
		}
		withdrawn, err := undo(ctx, tx, by, m.ID, st.ID, now)
		if err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, append([]Event{{"import.undone", "import:" + st.ID.String(), nil}}, withdrawn...)...)
	})
	if fault.CodeOf(err) == "import-built-on" {
		s.refused(ctx, by, ref.Market, Event{"import.undo_refused", "import:" + ref.ID.String(), []string{"import-built-on"}})
	}
	return actionContext("discard import", ref.String(), err)
}

// builtOn lists what was built on an import: each thing with its vendor, and its stall where it has one.
const builtOn = `
	SELECT 'account-decided' AS what, a.vendor_id, NULL::uuid AS stall_id
	FROM accounts a JOIN account_decisions d ON d.market_id = a.market_id AND d.account_id = a.id
	WHERE a.market_id = @market AND a.import_id = @import AND d.decision NOT IN ('withdrawn', 'expired')
	UNION ALL
	SELECT 'placard-issued', p.vendor_id, p.stall_id
	FROM placards p
	JOIN stalls s ON s.market_id = p.market_id AND s.id = p.stall_id
	JOIN accounts a ON a.market_id = p.market_id AND a.id = p.account_id
	WHERE p.market_id = @market AND (s.import_id = @import OR a.import_id = @import)
	UNION ALL
	SELECT 'consent-recorded', c.vendor_id, NULL
	FROM consents c JOIN vendors v ON v.market_id = c.market_id AND v.id = c.vendor_id
	WHERE c.market_id = @market AND v.import_id = @import AND c.import_id IS DISTINCT FROM @import
	UNION ALL
	SELECT 'stall-changed', NULL, s.id
	FROM stalls s WHERE s.market_id = @market AND s.import_id = @import AND s.version > 1
	UNION ALL
	SELECT 'vendor-changed', v.id, NULL
	FROM vendors v WHERE v.market_id = @market AND v.import_id = @import AND v.version > 1
	UNION ALL
	SELECT 'stall-taken', o.vendor_id, o.stall_id
	FROM occupancies o JOIN vendors v ON v.market_id = o.market_id AND v.id = o.vendor_id
	WHERE o.market_id = @market AND v.import_id = @import AND o.import_id IS DISTINCT FROM @import
	UNION ALL
	SELECT 'account-added', a.vendor_id, NULL
	FROM accounts a JOIN vendors v ON v.market_id = a.market_id AND v.id = a.vendor_id
	WHERE a.market_id = @market AND v.import_id = @import AND a.import_id IS DISTINCT FROM @import`

// blockWords say what stands in the way at a stall.
var blockWords = map[string]string{
	"account-decided":  "Stall %s: an account that the import brought was decided.",
	"placard-issued":   "Stall %s: a placard was issued.",
	"consent-recorded": "Stall %s: a consent was recorded since.",
	"stall-changed":    "Stall %s was changed since.",
	"vendor-changed":   "Stall %s: its vendor was changed since.",
	"stall-taken":      "Stall %s was taken by a vendor whom the import brought.",
	"account-added":    "Stall %s: an account was added since.",
}

// blocked is the fault that names what was built on an import; nil when nothing was.
func blocked(ctx context.Context, tx pgx.Tx, args pgx.StrictNamedArgs) error {
	type counted struct {
		What string
		N    int
	}
	counts, err := postgres.All[counted](ctx, tx, `SELECT what, count(*)::int AS n FROM (`+builtOn+`) b GROUP BY what`, args)
	if err != nil || len(counts) == 0 {
		return err
	}
	n := map[string]int{}
	for _, c := range counts {
		n[c.What] = c.N
	}
	f := fault.New(fault.Conflict, "import-built-on",
		"This import cannot be taken back: %d accounts were decided, %d placards issued, %d consents recorded, %d stalls changed and %d accounts added since.",
		n["account-decided"], n["placard-issued"], n["consent-recorded"], n["stall-changed"]+n["vendor-changed"]+n["stall-taken"], n["account-added"])
	type block struct{ What, Code string }
	named := pgx.StrictNamedArgs{"market": args["market"], "import": args["import"], "most": blocksNamed}
	blocks, err := postgres.All[block](ctx, tx, `
		SELECT DISTINCT ON (s.position, s.code_key, b.what) b.what, s.code
		FROM (`+builtOn+`) b
		JOIN LATERAL (SELECT s.code, s.position, s.code_key FROM stalls s
		              LEFT JOIN occupancies o ON o.market_id = @market AND o.stall_id = s.id AND o.vendor_id = b.vendor_id
		              WHERE s.market_id = @market AND (s.id = b.stall_id OR b.stall_id IS NULL AND o.stall_id IS NOT NULL)
		              ORDER BY s.position, s.code_key LIMIT 1) s ON true
		ORDER BY s.position, s.code_key, b.what LIMIT @most`, named)
	if err != nil {
		return err
	}
	for _, b := range blocks {
		f = f.With(fault.At(below("stalls", b.Code), b.What, blockWords[b.What], b.Code))
	}
	return f
}

// undo takes back what an import brought. Accounts are not deleted: they are withdrawn. The caller writes the events.
func undo(ctx context.Context, tx pgx.Tx, by Actor, m MarketID, im ImportID, now time.Time) ([]Event, error) {
	if err := oneAtATime(ctx, tx, m, "print"); err != nil { // no placard, and no decision, comes in between
		return nil, err
	}
	args := pgx.StrictNamedArgs{"market": m, "import": im}
	if err := blocked(ctx, tx, args); err != nil {
		return nil, err
	}
	ids, err := postgres.All[AccountID](ctx, tx, `
		SELECT a.id FROM accounts a
		WHERE a.market_id = @market AND a.import_id = @import
		  AND NOT EXISTS (SELECT 1 FROM account_decisions d WHERE d.market_id = @market AND d.account_id = a.id)
		ORDER BY a.id`, args)
	if err != nil {
		return nil, err
	}
	var events []Event
	for _, a := range ids {
		if err := insertDecision(ctx, tx, by, m, a, StateWithdrawn, "import undone", now); err != nil {
			return nil, err
		}
		events = append(events, Event{"account.withdrawn", "account:" + a.String(), nil})
	}
	for _, sql := range []string{
		`UPDATE occupancies SET ended = began WHERE market_id = @market AND import_id = @import`,
		`UPDATE vendors SET removed_at = @now WHERE market_id = @market AND import_id = @import`,
		`UPDATE stalls SET removed_at = @now WHERE market_id = @market AND import_id = @import`,
		`UPDATE imports SET state = 'undone' WHERE market_id = @market AND id = @import`,
	} {
		named := pgx.StrictNamedArgs{"market": m, "import": im}
		if strings.Contains(sql, "@now") {
			named["now"] = now
		}
		if _, err := tx.Exec(ctx, sql, named); err != nil {
			return nil, err
		}
	}
	// An account that the import brought for somebody who was there before ends too.
	vendors, err := postgres.All[VendorID](ctx, tx, `
		SELECT v.id FROM vendors v WHERE v.market_id = @market AND v.import_id = @import
		UNION SELECT o.vendor_id FROM occupancies o WHERE o.market_id = @market AND o.import_id = @import
		UNION SELECT coalesce(g.into_id, a.vendor_id) FROM accounts a
		LEFT JOIN vendor_merges g ON g.market_id = @market AND g.vendor_id = a.vendor_id
		WHERE a.market_id = @market AND a.import_id = @import`, args)
	if err != nil {
		return nil, err
	}
	return events, Recount(ctx, tx, m, now, vendors...)
}
