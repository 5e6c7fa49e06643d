package registry

import (
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Stage is how far a vendor has come towards being paid by scan. Each stage includes the ones before it.
type Stage int

// The stages, in their order.
const (
	Registered Stage = iota // holds a stall
	HasAccount              // a proposal is there, not refused
	Approved                // a second person approved it
	Printed                 // a placard of it was made, or a stand of it registered
	Installed               // it hangs at the stall
	Checked                 // and was found to be the right one since it was hung
)

// StageNames are the stages as the API and the catalogue spell them, by Stage.
var StageNames = []string{"registered", "account", "approved", "printed", "installed", "checked"}

// String is the stage's name.
func (s Stage) String() string { return StageNames[s] }

// MarshalText writes the stage's name.
func (s Stage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the stage's name.
func (s *Stage) UnmarshalText(b []byte) error {
	v, ok := ParseStage(string(b))
	if !ok {
		return errUnknownStage
	}
	*s = v
	return nil
}

var errUnknownStage = errors.New("unknown stage")

// ParseStage reads a stage's name.
func ParseStage(name string) (Stage, bool) {
	for i, n := range StageNames {
		if n == name {
			return Stage(i), true
		}
	}
	return 0, false
}

// How long an installed placard counts without a further look. A first check is due soon after it was hung, since a wrong
// card shows then; after that a check in a half-year is what a team of ten can keep up for a market of 300 stalls.
const (
	FirstCheckWithin = 30 * 24 * time.Hour
	NextCheckWithin  = 180 * 24 * time.Hour
)

// StagesSQL is a WITH clause that ends in the table stage_now: one row for each vendor that trades in a market at a moment,
//
//	vendor_id, first_stall (the first in walking order), stage (0–5), installed, suspended, overdue, accepting, provider
//
// A vendor trades on a day at the stalls they hold then, but for those that are closed or out of season (statusOn); only these
// count, for the vendor and for the placards that hang there. Who was entered twice is one vendor on every day once they are merged.
// It is worked out from the facts alone, so that any past moment can be asked for. provider is that of the vendor's default account, or of the
// one that would be. It is the one definition of stage and of "accepting"; lists and figures both stand on it. StageArgs
// fills its parameters.
//
// Everything about a vendor is looked up by index, one vendor after the other: joins of the whole tables ran for minutes on a
// market that was just imported, since the planner knew nothing of it yet. OFFSET 0 keeps it from making joins of the look-ups.
var StagesSQL = `
	WITH ` + heldSQL + `, stage_now AS MATERIALIZED (
		SELECT h.vendor_id, h.first_stall, n.* FROM held h CROSS JOIN LATERAL (` + stageOf("h.vendor_id") + `) n
	)`

// heldSQL is who trades at @at, which falls on @day, and at which stall first.
const heldSQL = `held AS MATERIALIZED (
		SELECT DISTINCT ON (o.vendor_id) o.vendor_id, o.stall_id AS first_stall
		FROM occupancies o
		JOIN LATERAL (SELECT s.position, s.code_key FROM stalls s
		              WHERE s.market_id = @market AND s.id = o.stall_id
		                AND s.created_at <= @at AND (s.removed_at IS NULL OR s.removed_at > @at) OFFSET 0) s ON true
		LEFT JOIN LATERAL (` + statusOn + `) t ON true
		WHERE o.market_id = @market AND o.began <= @day AND (o.ended IS NULL OR o.ended > @day) AND coalesce(t.trades, true)
		ORDER BY o.vendor_id, s.position, s.code_key
	)`

// stageOf works out how far one vendor is, whom a column on the left names (h.vendor_id, v.id: not of a table that it calls
// a, d, e, o, own, p, t or who itself): the columns of stage_now from provider on.
func stageOf(vendor string) string {
	return `
		SELECT a.provider,
		       CASE WHEN p.checked THEN 5 WHEN p.installed THEN 4 WHEN p.printed > 0 THEN 3
		            WHEN a.approved THEN 2 WHEN a.provider IS NOT NULL THEN 1 ELSE 0 END AS stage,
		       coalesce(p.installed, false) AS installed,
		       coalesce(p.suspended AND NOT p.accepting, false) AS suspended,
		       coalesce(p.overdue AND NOT p.accepting, false) AS overdue,
		       coalesce(p.accepting, false) AS accepting
		FROM (SELECT) one
		LEFT JOIN LATERAL (
			SELECT a.provider, d.approved
			FROM (` + idsOf(vendor) + `) who
			CROSS JOIN LATERAL (SELECT a.id, a.provider, a.proposed_at, a.rank FROM accounts a WHERE a.market_id = @market AND a.vendor_id = who.id AND a.proposed_at <= @at OFFSET 0) a
			JOIN vendors own ON own.market_id = @market AND own.id = ` + vendor + `
			JOIN LATERAL (
				SELECT coalesce(bool_or(d.decision = 'approved'), false) AS approved, coalesce(bool_or(d.decision <> 'approved'), false) AS ended
				FROM account_decisions d
				WHERE d.market_id = @market AND d.account_id = a.id AND d.decided_at <= @at) d ON NOT d.ended
			WHERE (d.approved OR a.proposed_at > @at::timestamptz - @proposal_lives::interval)
			ORDER BY d.approved DESC, (a.id = own.default_account) DESC NULLS LAST, a.rank, a.proposed_at, a.id
			LIMIT 1) a ON true
		LEFT JOIN LATERAL (
			SELECT count(*) AS printed, bool_or(e.hung) AS installed, bool_or(e.state = 'suspended') AS suspended,
			       bool_or(e.state = 'installed' AND e.due < @at) AS overdue,
			       bool_or(e.state = 'installed' AND e.due >= @at AND NOT e.failed) AS accepting,
			       bool_or(e.state = 'installed' AND e.matched) AS checked
			FROM (` + idsOf(vendor) + `) who
			CROSS JOIN LATERAL (SELECT p.id, p.stall_id, p.account_id FROM placards p WHERE p.market_id = @market AND p.vendor_id = who.id OFFSET 0) p
			JOIN LATERAL (
				SELECT e.state, e.hung_at IS NOT NULL AND e.state IN ('installed', 'suspended') AS hung,
				       coalesce(e.looked > e.hung AND e.result = 'match', false) AS matched,
				       coalesce(e.looked > e.hung AND e.result <> 'match', false) AS failed, -- missing, damaged, or wrong and resumed since
				       CASE WHEN e.looked > e.hung THEN e.looked_at + @next_check::interval ELSE e.hung_at + @first_check::interval END AS due
				FROM (SELECT (array_agg(e.state ORDER BY e.at DESC, e.seq DESC))[1] AS state,
				             max(e.at) FILTER (WHERE e.kind = 'installed') AS hung_at,
				             max(e.seq) FILTER (WHERE e.kind = 'installed') AS hung,
				             max(e.at) FILTER (WHERE e.kind = 'checked') AS looked_at,
				             max(e.seq) FILTER (WHERE e.kind = 'checked') AS looked,
				             (array_agg(e.result ORDER BY e.at DESC, e.seq DESC) FILTER (WHERE e.kind = 'checked'))[1] AS result
				      FROM placard_events e
				      WHERE e.market_id = @market AND e.placard_id = p.id AND e.at <= @at) e
				WHERE e.state IN ('issued', 'printed', 'handed_over', 'installed', 'suspended')) e ON true
			JOIN LATERAL (
				SELECT coalesce(bool_or(d.decision = 'approved'), false) AS approved, coalesce(bool_or(d.decision <> 'approved'), false) AS ended
				FROM account_decisions d
				WHERE d.market_id = @market AND d.account_id = p.account_id AND d.decided_at <= @at) d ON d.approved AND NOT d.ended
			WHERE EXISTS (SELECT 1 FROM occupancies o
			              LEFT JOIN LATERAL (` + statusOn + `) t ON true
			              WHERE o.market_id = @market AND o.vendor_id = ` + vendor + ` AND o.stall_id = p.stall_id
			                AND o.began <= @day AND (o.ended IS NULL OR o.ended > @day) AND coalesce(t.trades, true) OFFSET 0)) p ON true`
}

// idsOf are the IDs under which a vendor's accounts and placards stand: their own, and those that were merged into it.
func idsOf(vendor string) string {
	return `SELECT ` + vendor + ` AS id UNION ALL SELECT g.vendor_id FROM vendor_merges g WHERE g.market_id = @market AND g.into_id = ` + vendor
}

// StageArgs are the parameters of StagesSQL: a market at a moment, on the market day in which the moment falls.
func StageArgs(market MarketID, at time.Time) pgx.StrictNamedArgs {
	return pgx.StrictNamedArgs{"market": market, "at": at, "day": DayOf(at),
		"proposal_lives": ProposalLives, "first_check": FirstCheckWithin, "next_check": NextCheckWithin}
}
