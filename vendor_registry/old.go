package registry

import (
	"context"
	"strings"
	"time"

	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Old is a placard that is over, and of which nobody has said yet that the paper is gone: it may still hang, or lie in a
// drawer, and somebody may pay to it.
type Old struct {
	Serial       Serial    `json:"serial"`
	Kind         string    `json:"kind"`
	State        string    `json:"state"` // replaced; void: its vendor was erased; suspended where its account can never come back, or its vendor went
	Stall        string    `json:"stall"`
	Section      string    `json:"section"`
	Vendor       string    `json:"vendor"`
	Provider     string    `json:"provider"`
	ProviderName string    `json:"provider_name"`
	Tail         string    `json:"last_digits"`
	Hung         bool      `json:"hung"` // the vendor has it, or had; false: printed and never given out, to be destroyed
	EndedAt      time.Time `json:"ended_at"`
	Reason       string    `json:"reason"`
	ReplacedBy   *Serial   `json:"replaced_by"` // the one that should hang there now
}

// Outstanding lists the old placards of a market that are still out, in walking order. One leaves the list when it is recorded as
// removed. Faults: NotFound; Forbidden.
func (s *Service) Outstanding(ctx context.Context, by Actor, marketCode string) ([]Old, error) {
	m, masked, err := marketSeen(ctx, s.db, by, marketCode)
	if err != nil {
		return nil, err
	}
	olds, err := postgres.All[Old](ctx, s.db, `
		SELECT p.serial, p.kind, p.state, s.code AS stall, s.section, p.vendor_name AS vendor, a.provider, p.provider_name, right(a.number, 4) AS tail,
		       e.hung, coalesce(e.replaced_at, d.ended_at, o.ended_at, e.stopped_at) AS ended_at, n.serial AS replaced_by,
		       coalesce(e.reason, 'account ' || d.decision, CASE o.end_kind `+endReasons()+` END, '') AS reason
		FROM placards p
		JOIN stalls s ON s.market_id = p.market_id AND s.id = p.stall_id
		JOIN accounts a ON a.market_id = p.market_id AND a.id = p.account_id
		JOIN LATERAL (
			SELECT bool_or(e.kind = 'printed') AS printed, bool_or(e.kind IN ('handed_over', 'installed')) AS hung, bool_or(e.kind = 'removed') AS removed,
			       max(e.at) FILTER (WHERE e.kind = 'replaced') AS replaced_at, max(e.reason) FILTER (WHERE e.kind = 'replaced') AS reason,
			       max(e.at) FILTER (WHERE e.state = 'suspended') AS stopped_at
			FROM placard_events e WHERE e.market_id = @market AND e.placard_id = p.id) e ON (e.printed OR e.hung) AND NOT e.removed
		LEFT JOIN LATERAL (
			SELECT min(d.decision) AS decision, min(d.decided_at) AS ended_at FROM account_decisions d
			WHERE d.market_id = @market AND d.account_id = p.account_id AND d.decision <> 'approved') d ON true
		LEFT JOIN LATERAL (
			SELECT h.vendor_id FROM occupancies h WHERE h.market_id = @market AND h.stall_id = p.stall_id AND h.ended IS NULL) h ON true
		LEFT JOIN LATERAL (
			SELECT coalesce(g.into_id, p.vendor_id) AS id FROM (SELECT) one
			LEFT JOIN vendor_merges g ON g.market_id = @market AND g.vendor_id = p.vendor_id) own ON true
		LEFT JOIN LATERAL (
			SELECT o.end_kind, o.ended_at FROM occupancies o
			WHERE o.market_id = @market AND o.stall_id = p.stall_id AND o.vendor_id = own.id AND o.end_kind <> ''
			ORDER BY o.ended_at DESC LIMIT 1) o ON h.vendor_id IS DISTINCT FROM own.id
		LEFT JOIN LATERAL (
			SELECT n.serial FROM placards n
			WHERE n.market_id = @market AND n.stall_id = p.stall_id AND n.vendor_id = h.vendor_id AND n.state = ANY (@live) AND n.id <> p.id
			ORDER BY n.account_id = p.account_id DESC, n.issued_at DESC, n.id DESC LIMIT 1) n ON true
		WHERE p.market_id = @market AND p.state IN ('replaced', 'suspended', 'void')
		  AND (p.state IN ('replaced', 'void') OR d.decision IS NOT NULL OR h.vendor_id IS DISTINCT FROM own.id)
		ORDER BY s.position, s.code_key, p.issued_at, p.id`, pgx.StrictNamedArgs{"market": m.ID, "live": liveStates})
	for i := range olds {
		if olds[i].ProviderName == "" {
			olds[i].ProviderName = ProviderName(olds[i].Provider)
		}
		if masked {
			olds[i].Vendor = maskedName(olds[i].Vendor)
		}
	}
	return olds, actionContext("old placards of", marketCode, err)
}

// endReasons are the branches of a CASE that turns how an occupancy ended into the reason of its placards' end.
func endReasons() string {
	var b strings.Builder
	for _, how := range []string{HandedOver, Left, Moved} {
		b.WriteString(" WHEN '" + how + "' THEN '" + stopped[how] + "'")
	}
	return b.String()
}
