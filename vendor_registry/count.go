package registry

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Counted are the figures that are kept, as the columns of every table of counters name them. Of each a vendor adds 1 or 0.
var Counted = []string{"vendors", "account", "approved", "printed", "installed", "checked", "accepting", "equipped", "used", "suspended", "overdue"}

// withStands are those columns and the day since which a barrier stands, which splits have too.
var withStands = append(slices.Clone(Counted), "stands")

// UsedDays and UsedWithin are what "used" means: paid on so many days of the last so many.
const (
	UsedDays   = 2
	UsedWithin = 30
)

// each writes a pattern for every column, with commas between; % stands for the column.
func each(columns []string, pattern string) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = strings.ReplaceAll(pattern, "%", c)
	}
	return strings.Join(parts, ", ")
}

const inZone = ` AT TIME ZONE 'Asia/Ho_Chi_Minh'`

// momentsOf are the moments at which something may change of a vendor w.vendor_id, those to come included: what time alone changes
// is known beforehand. Seasons go on for ever, so they are laid out up to @horizon.
var momentsOf = `
	SELECT x.day::timestamp` + inZone + ` AS at FROM occupancies o CROSS JOIN LATERAL (VALUES (o.began), (o.ended)) x (day)
	WHERE o.market_id = @market AND o.vendor_id = w.vendor_id
	UNION ALL
	SELECT x.at FROM occupancies o
	CROSS JOIN LATERAL (SELECT s.created_at, s.removed_at FROM stalls s WHERE s.market_id = @market AND s.id = o.stall_id OFFSET 0) s
	CROSS JOIN LATERAL (VALUES (s.created_at), (s.removed_at)) x (at)
	WHERE o.market_id = @market AND o.vendor_id = w.vendor_id
	UNION ALL
	SELECT g.day` + inZone + ` FROM occupancies o
	CROSS JOIN LATERAL (SELECT t.began, t.status FROM occupancy_statuses t WHERE t.market_id = @market AND t.occupancy_id = o.id OFFSET 0) t
	CROSS JOIN LATERAL (SELECT t.began::timestamp AS day UNION ALL
	                    SELECT generate_series(date_trunc('month', t.began::timestamp) + interval '1 month', least(o.ended, @horizon::date)::timestamp, interval '1 month')
	                    WHERE t.status = 'seasonal') g
	WHERE o.market_id = @market AND o.vendor_id = w.vendor_id
	UNION ALL
	SELECT x.at FROM (` + idsOf("w.vendor_id") + `) who
	CROSS JOIN LATERAL (SELECT a.id, a.proposed_at FROM accounts a WHERE a.market_id = @market AND a.vendor_id = who.id OFFSET 0) a
	LEFT JOIN LATERAL (SELECT d.decided_at FROM account_decisions d WHERE d.market_id = @market AND d.account_id = a.id OFFSET 0) d ON true
	CROSS JOIN LATERAL (VALUES (a.proposed_at), (a.proposed_at + @proposal_lives::interval), (d.decided_at)) x (at)
	UNION ALL
	SELECT x.at FROM (` + idsOf("w.vendor_id") + `) who
	CROSS JOIN LATERAL (SELECT p.id FROM placards p WHERE p.market_id = @market AND p.vendor_id = who.id OFFSET 0) p
	CROSS JOIN LATERAL (SELECT e.at, e.kind FROM placard_events e WHERE e.market_id = @market AND e.placard_id = p.id OFFSET 0) e
	CROSS JOIN LATERAL (VALUES (e.at), (CASE e.kind WHEN 'installed' THEN e.at + @first_check::interval + interval '1 microsecond'
	                                                WHEN 'checked' THEN e.at + @next_check::interval + interval '1 microsecond' END)) x (at)
	UNION ALL
	SELECT x.day::timestamp` + inZone + ` FROM (` + idsOf("w.vendor_id") + `) who
	CROSS JOIN LATERAL (SELECT a.id FROM accounts a WHERE a.market_id = @market AND a.vendor_id = who.id OFFSET 0) a
	CROSS JOIN LATERAL (SELECT u.day FROM account_uses u WHERE u.market_id = @market AND u.account_id = a.id OFFSET 0) u
	CROSS JOIN LATERAL (VALUES (u.day), (u.day + @used_within::int)) x (day)
	UNION ALL
	SELECT v.at FROM (` + idsOf("w.vendor_id") + `) who
	CROSS JOIN LATERAL (` + reasonsOf("at") + `) v`

// reasonsOf are the reasons that a vendor who.id gave, also those of visits that are counts by now.
func reasonsOf(columns string) string {
	return `SELECT ` + columns + ` FROM visits v WHERE v.market_id = @market AND v.vendor_id = who.id AND v.barrier IS NOT NULL AND v.voided_at IS NULL
	        UNION ALL SELECT ` + columns + ` FROM old_barriers v WHERE v.market_id = @market AND v.vendor_id = who.id OFFSET 0`
}

// tradesAt says of an occupancy o whether its vendor trades there at @at, which falls on @day. As an EXISTS the planner would join all
// stalls for each vendor of a market that it knows nothing of yet.
const tradesAt = `coalesce((SELECT true FROM stalls s WHERE s.market_id = @market AND s.id = o.stall_id AND s.created_at <= @at AND (s.removed_at IS NULL OR s.removed_at > @at)), false)
		AND coalesce((SELECT t.trades FROM (` + statusOn + `) t), true)`

// countsOf are the figures of a vendor who trades at @at, beside what stageOf says as n.
func countsOf(vendor string) string {
	return `
		SELECT n.stage >= 3 OR EXISTS (
		         SELECT FROM (` + idsOf(vendor) + `) who
		         CROSS JOIN LATERAL (SELECT p.id, p.stall_id, p.account_id FROM placards p WHERE p.market_id = @market AND p.vendor_id = who.id OFFSET 0) p
		         JOIN LATERAL (SELECT e.state FROM placard_events e WHERE e.market_id = @market AND e.placard_id = p.id AND e.at <= @at
		                       ORDER BY e.at DESC, e.seq DESC LIMIT 1) e ON e.state IN ('issued', 'printed', 'handed_over', 'installed', 'suspended')
		         JOIN LATERAL (SELECT a.proposed_at FROM accounts a WHERE a.market_id = @market AND a.id = p.account_id OFFSET 0) a ON true
		         JOIN LATERAL (SELECT coalesce(bool_or(d.decision = 'approved'), false) AS approved, coalesce(bool_or(d.decision <> 'approved'), false) AS ended
		                       FROM account_decisions d WHERE d.market_id = @market AND d.account_id = p.account_id AND d.decided_at <= @at) d
		           ON NOT d.ended AND (d.approved OR a.proposed_at > @at::timestamptz - @proposal_lives::interval)
		         WHERE EXISTS (SELECT 1 FROM occupancies o WHERE o.market_id = @market AND o.vendor_id = ` + vendor + ` AND o.stall_id = p.stall_id
		                       AND o.began <= @day AND (o.ended IS NULL OR o.ended > @day) AND ` + tradesAt + ` OFFSET 0)) AS equipped,
		       (SELECT count(DISTINCT u.day) FROM (` + idsOf(vendor) + `) who
		        CROSS JOIN LATERAL (SELECT a.id FROM accounts a WHERE a.market_id = @market AND a.vendor_id = who.id OFFSET 0) a
		        CROSS JOIN LATERAL (SELECT u.day, u.payments FROM account_uses u WHERE u.market_id = @market AND u.account_id = a.id
		                            AND u.day <= @day AND u.day > @day::date - @used_within::int OFFSET 0) u
		        WHERE u.payments > (SELECT count(*) FROM account_verifications c WHERE c.market_id = @market AND c.account_id = a.id
		                            AND c.step = 'test_payment' AND (c.at` + inZone + `)::date = u.day)) >= @used_days::int AS used,
		       b.barrier, b.since
		FROM (SELECT) one
		LEFT JOIN LATERAL (
			SELECT x.barrier, min(x.at) AS since
			FROM (SELECT y.barrier, y.at, bool_or(y.barrier <> y.last) OVER (ORDER BY y.at DESC, y.id DESC) AS before
			      FROM (SELECT v.barrier, v.at, v.id, first_value(v.barrier) OVER (ORDER BY v.at DESC, v.id DESC) AS last
			            FROM (` + idsOf(vendor) + `) who
			            CROSS JOIN LATERAL (` + reasonsOf("barrier, at, id") + `) v WHERE v.at <= @at) y) x
			WHERE NOT x.before AND NOT n.accepting
			GROUP BY x.barrier) b ON true`
}

// asOfEach puts a row's own moment k in the place of the one moment that a statement is otherwise about.
var asOfEach = strings.NewReplacer("@at", "k.at", "@day", "k.day")

// stateSQL ends in the table state: what each vendor of table moment (vendor_id, at, day, until, first_stall) who trades then adds to
// the figures.
var stateSQL = asOfEach.Replace(`
	trading AS MATERIALIZED (
		SELECT k.vendor_id, k.at, k.day, k.until, k.first_stall FROM moment k
		WHERE EXISTS (SELECT 1 FROM occupancies o WHERE o.market_id = @market AND o.vendor_id = k.vendor_id
		              AND o.began <= @day AND (o.ended IS NULL OR o.ended > @day) AND `+tradesAt+` OFFSET 0)
	), state AS MATERIALIZED (
		SELECT k.vendor_id, k.at, k.until, k.first_stall, coalesce(n.provider, '') AS provider, coalesce(c.barrier, '') AS barrier,
		       1 AS vendors, (n.stage >= 1)::int AS account, (n.stage >= 2)::int AS approved, (n.stage >= 3)::int AS printed,
		       (n.stage >= 4)::int AS installed, (n.stage >= 5)::int AS checked, n.accepting::int AS accepting, c.equipped::int AS equipped,
		       c.used::int AS used, n.suspended::int AS suspended, n.overdue::int AS overdue,
		       coalesce((c.since`+inZone+`)::date - date '1970-01-01', 0) AS stands
		FROM trading k CROSS JOIN LATERAL (`+stageOf("k.vendor_id")+`) n CROSS JOIN LATERAL (`) + asOfEach.Replace(countsOf("k.vendor_id")) + `) c
	)`

// FactsSQL is a WITH clause that ends in the table state (vendor_id, first_stall, provider, barrier, stands and the columns of Counted): what each vendor who trades in a market at a moment adds to its figures, worked out from the facts alone.
// FactsArgs fills its parameters.
var FactsSQL = `
	WITH ` + heldSQL + `, moment AS (
		SELECT h.vendor_id, @at::timestamptz AS at, @day::date AS day, NULL::timestamptz AS until, h.first_stall FROM held h
	), ` + stateSQL

// FactsArgs are the parameters of FactsSQL.
func FactsArgs(m MarketID, at time.Time) pgx.StrictNamedArgs {
	args := StageArgs(m, at)
	args["used_within"], args["used_days"] = UsedWithin, UsedDays
	return args
}

// standing are the vendors @vendors and, of those who were merged, the ones they are now.
const standing = `SELECT unnest(@vendors::uuid[]) AS id UNION SELECT g.into_id FROM vendor_merges g WHERE g.market_id = @market AND g.vendor_id = ANY (@vendors)`

// recountSQL works out everything that ever changed of some vendors, and what that differs by from what is stored. Of who was erased
// the facts of before are gone, so what was counted of them until then stays.
var recountSQL = `
	WITH vendor AS (
		SELECT v.id AS vendor_id, CASE WHEN NOT @first THEN v.erased_at END AS gone FROM (` + standing + `) u JOIN vendors v ON v.market_id = @market AND v.id = u.id
	), moment AS MATERIALIZED (
		SELECT w.vendor_id, m.at, (m.at` + inZone + `)::date AS day, lead(m.at) OVER (PARTITION BY w.vendor_id ORDER BY m.at) AS until, NULL::uuid AS first_stall
		FROM vendor w CROSS JOIN LATERAL (SELECT DISTINCT x.at FROM (` + momentsOf + `) x WHERE x.at IS NOT NULL) m
	), ` + stateSQL + `, want AS (
		SELECT s.vendor_id, greatest(s.at, w.gone) AS since, s.provider, s.barrier, ` + each(withStands, "s.%") + ` FROM state s JOIN vendor w USING (vendor_id)
		WHERE (s.until > w.gone) IS NOT FALSE
		UNION ALL SELECT s.vendor_id, s.until, s.provider, s.barrier, ` + each(withStands, "-s.%") + ` FROM state s JOIN vendor w USING (vendor_id)
		WHERE (s.until > w.gone) IS NOT FALSE AND s.until IS NOT NULL
		UNION ALL SELECT c.vendor_id, greatest(c.since, w.gone), c.provider, c.barrier, ` + each(withStands, "-c.%") + `
		FROM vendor w CROSS JOIN LATERAL (SELECT c.vendor_id, c.since, c.provider, c.barrier, ` + each(withStands, "c.%") + ` FROM vendor_changes c WHERE c.market_id = @market AND c.vendor_id = w.vendor_id OFFSET 0) c
	), change AS (
		SELECT vendor_id, since, provider, barrier, ` + each(withStands, "sum(%) AS %") + ` FROM want
		GROUP BY 1, 2, 3, 4 HAVING (` + each(withStands, "sum(%)") + `) <> (` + each(withStands, "0") + `)
	)
	SELECT c.vendor_id, coalesce((SELECT max(o.seq) FROM vendor_changes o WHERE o.market_id = @market AND o.vendor_id = c.vendor_id), 0)::int AS seq,
	       c.since, greatest((c.since` + inZone + `)::date, (SELECT max(q.ends) + 1 FROM quarter_closes q WHERE q.market_id = @market)) AS day,
	       CASE WHEN @first OR (SELECT n.counted_at IS NULL FROM market_now n WHERE n.market_id = @market)
	                           AND NOT EXISTS (SELECT 1 FROM vendor_changes o WHERE o.market_id = @market AND o.vendor_id = c.vendor_id)
	            THEN least(c.since, @now::timestamptz) ELSE @now END AS recorded_at,
	       c.since <= @now AS carried, c.provider, c.barrier, ARRAY[` + each(withStands, "c.%") + `]::int[] AS n
	FROM change c ORDER BY c.vendor_id, c.since, c.provider, c.barrier`

// vendorChange is a row of vendor_changes that is to be.
type vendorChange struct {
	VendorID   VendorID
	Seq        int // of the vendor's last one before
	Since      time.Time
	RecordedAt time.Time
	shift
}

// shift is what a market's figures change by: on a day, of the vendors with one provider and one barrier.
type shift struct {
	Carried           bool
	Day               Day
	Provider, Barrier string
	N                 []int // as withStands
}

func countArgs(m MarketID, vendors []VendorID, now time.Time) pgx.StrictNamedArgs {
	return pgx.StrictNamedArgs{"market": m, "vendors": vendors, "now": now, "first": false, "horizon": DayOf(now).Plus(horizon), "proposal_lives": ProposalLives,
		"first_check": FirstCheckWithin, "next_check": NextCheckWithin, "used_within": UsedWithin, "used_days": UsedDays}
}

// horizon is for how many days ahead seasons are laid out. Count lays them out again each month.
const horizon = 400

// byIndex makes one plan for all times, of recountSQL, of what looks for doubles and of what is sealed. A plan for just these vendors costs more to
// make than to carry out, and what this transaction wrote is in no statistics yet: for five hundred vendors just printed for, such plans take ten times
// as long. A table that was empty when the plan was made would be read from end to end for each vendor, so that is forbidden.
const (
	byIndex  = onePlan + `, set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)`
	byItself = manyPlans + `, set_config('enable_seqscan', 'on', true)`
)

// Recount brings the counters of a market up to date with what the transaction did to the facts of some vendors. Every transaction
// that touches facts of a vendor calls it as its last step but Audit: the vendors' rows are locked until the commit, so of two such
// transactions the later one sees what the earlier one did. What did not change costs three reads and no write.
func Recount(ctx context.Context, tx pgx.Tx, m MarketID, now time.Time, vendors ...VendorID) error {
	return recount(ctx, tx, m, now, false, vendors)
}

// recount is Recount; first says that the vendors were never counted, so what is found was known when it happened. So it is of who was
// not counted yet in a market that the release before left.
func recount(ctx context.Context, tx pgx.Tx, m MarketID, now time.Time, first bool, vendors []VendorID) error {
	if len(vendors) == 0 {
		return nil
	}
	slices.SortFunc(vendors, func(a, b VendorID) int { return strings.Compare(a.String(), b.String()) })
	vendors = slices.Compact(vendors)
	b := &pgx.Batch{}
	args := pgx.StrictNamedArgs{"market": m, "vendors": vendors}
	// A quarter is closed under a stronger lock, so it is closed for all of this transaction or for nothing of it.
	b.Queue(`SELECT pg_advisory_xact_lock_shared(hashtextextended('counting ' || @market::uuid, 0))`, pgx.StrictNamedArgs{"market": m})
	b.Queue(`SELECT FROM vendors WHERE market_id = @market AND id = ANY (ARRAY(`+standing+`)) ORDER BY id FOR NO KEY UPDATE`, args)
	b.Queue(byIndex)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	b = &pgx.Batch{}
	var shifts []shift
	for some := range slices.Chunk(vendors, vendorsAtOnce) { // each statement well within its time
		if b.Len() > 0 { // who was merged is counted with who they are now, who may be among these too
			if err := tx.SendBatch(ctx, b).Close(); err != nil {
				return err
			}
			b = &pgx.Batch{}
		}
		counted := countArgs(m, some, now)
		counted["first"] = first
		found, err := postgres.All[vendorChange](ctx, tx, recountSQL, counted)
		if err != nil {
			return err
		}
		shifts = append(shifts, queueChanges(b, m, found)...)
	}
	b.Queue(byItself)
	if len(shifts) > 0 {
		queueCounters(b, m, shifts)
	}
	return tx.SendBatch(ctx, b).Close()
}

// HoldCounting waits until no transaction counts in a market any more, and lets none begin to before this one ends: under it a quarter is closed.
func HoldCounting(ctx context.Context, tx pgx.Tx, m MarketID) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('counting ' || @market::uuid, 0))`, pgx.StrictNamedArgs{"market": m})
	return err
}

// queueChanges stores changes, each vendor's one after the other, and says by what they shift the counters of the market.
func queueChanges(b *pgx.Batch, m MarketID, changes []vendorChange) []shift {
	n := len(changes)
	if n == 0 {
		return nil
	}
	vendors, seqs, sinces, days, recorded := make([]VendorID, n), make([]int, n), make([]time.Time, n), make([]Day, n), make([]time.Time, n)
	carried, providers, barriers, numbers, shifts := make([]bool, n), make([]string, n), make([]string, n), make([][]int, len(withStands)), make([]shift, n)
	for i, c := range changes {
		vendors[i], seqs[i], sinces[i], days[i], recorded[i], carried[i], providers[i], barriers[i], shifts[i] = c.VendorID, c.Seq+1, c.Since, c.Day, c.RecordedAt, c.Carried, c.Provider, c.Barrier, c.shift
		if i > 0 && vendors[i-1] == c.VendorID {
			seqs[i] = seqs[i-1] + 1
		}
		for j := range withStands {
			numbers[j] = append(numbers[j], c.N[j])
		}
	}
	args := pgx.StrictNamedArgs{"market": m, "who": vendors, "seqs": seqs, "sinces": sinces, "days": days, "recorded": recorded, "carried": carried, "providers": providers, "barriers": barriers}
	for j, column := range withStands {
		args[column] = numbers[j]
	}
	b.Queue(storeSQL, args)
	return shifts
}

var storeSQL = `
	INSERT INTO vendor_changes (market_id, vendor_id, seq, since, day, recorded_at, carried, provider, barrier, ` + each(withStands, "%") + `)
	SELECT @market, u.vendor, u.seq, u.since, u.day, u.recorded_at, u.carried, u.provider, u.barrier, ` + each(withStands, "u.%") + `
	FROM unnest(@who::uuid[], @seqs::int[], @sinces::timestamptz[], @days::date[], @recorded::timestamptz[], @carried::bool[], @providers::text[], @barriers::text[],
	            ` + each(withStands, "@%::int[]") + `) u (vendor, seq, since, day, recorded_at, carried, provider, barrier, ` + each(withStands, "%") + `)`

// queueNew counts a vendor who came in just now: what there is to count is known without looking.
func queueNew(b *pgx.Batch, m MarketID, now time.Time, vs ...newcomer) {
	queueNewRows(b, m, now, vs)
	queueCounters(b, m, newChanges(now, vs))
}

// newcomer is a vendor who holds a stall since now; provider is that of the account to be the default, empty when there is none.
type newcomer struct {
	vendor   VendorID
	provider string
}

// figuresOf a newcomer, without and with an account that waits.
var (
	registered = []int{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	waiting    = []int{1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
)

func negative(n []int) []int {
	out := make([]int, len(n))
	for i := range n {
		out[i] = -n[i]
	}
	return out
}

// newChanges are a newcomer's changes: counted now and, when nobody decides in time, without the account again.
func newChanges(now time.Time, vs []newcomer) []shift {
	var cs []shift
	for _, v := range vs {
		if v.provider == "" {
			cs = append(cs, shift{true, DayOf(now), "", "", registered})
			continue
		}
		later := DayOf(now.Add(ProposalLives))
		cs = append(cs, shift{true, DayOf(now), v.provider, "", waiting}, shift{false, later, "", "", registered}, shift{false, later, v.provider, "", negative(waiting)})
	}
	return cs
}

func queueNewRows(b *pgx.Batch, m MarketID, now time.Time, vs []newcomer) {
	ids, seqs, later, providers, vendors, accounts := []VendorID{}, []int{}, []bool{}, []string{}, []int{}, []int{}
	for _, v := range vs {
		for seq, c := range newChanges(now, []newcomer{v}) {
			ids, seqs, later, providers = append(ids, v.vendor), append(seqs, seq+1), append(later, !c.Carried), append(providers, c.Provider)
			vendors, accounts = append(vendors, c.N[0]), append(accounts, c.N[1])
		}
	}
	b.Queue(`
		INSERT INTO vendor_changes (market_id, vendor_id, seq, since, day, recorded_at, carried, provider, barrier, vendors, account)
		SELECT @market, u.vendor, u.seq, CASE WHEN u.later THEN @end ELSE @now::timestamptz END, CASE WHEN u.later THEN @end_day ELSE @today::date END,
		       @now, NOT u.later, u.provider, '', u.vendors, u.account
		FROM unnest(@ids::uuid[], @seqs::int[], @later::bool[], @providers::text[], @vendors::int[], @accounts::int[]) u (vendor, seq, later, provider, vendors, account)`,
		pgx.StrictNamedArgs{"market": m, "now": now, "end": now.Add(ProposalLives), "today": DayOf(now), "end_day": DayOf(now.Add(ProposalLives)),
			"ids": ids, "seqs": seqs, "later": later, "providers": providers, "vendors": vendors, "accounts": accounts})
}

// counterKey is a row of a table of counters.
type counterKey struct {
	split, key, day string
}

// queueCounters adds changes to the counters of a market. The first statement takes the lock under which all the others are written,
// so two transactions never wait for each other. No tables: all of them.
func queueCounters(b *pgx.Batch, m MarketID, changes []shift, tables ...string) {
	whole := map[counterKey][]int{{}: make([]int, len(withStands))}
	splits, dayWhole, daySplits := map[counterKey][]int{}, map[counterKey][]int{}, map[counterKey][]int{}
	add := func(to map[counterKey][]int, k counterKey, n []int) {
		if to[k] == nil {
			to[k] = make([]int, len(withStands))
		}
		for i := range n {
			to[k][i] += n[i]
		}
	}
	for _, c := range changes {
		day := c.Day.String()
		if c.Carried {
			add(whole, counterKey{}, c.N)
		}
		add(dayWhole, counterKey{day: day}, c.N)
		for split, key := range map[string]string{"provider": c.Provider, "barrier": c.Barrier} {
			if key == "" {
				continue
			}
			if c.Carried {
				add(splits, counterKey{split: split, key: key}, c.N)
			}
			add(daySplits, counterKey{split, key, day}, c.N)
		}
	}
	for _, t := range []struct {
		name, keys string
		columns    []string
		rows       map[counterKey][]int
	}{
		{"market_now", "", Counted, whole}, {"market_day_delta", "day", Counted, dayWhole},
		{"market_split_now", "split, key", withStands, splits}, {"market_split_day_delta", "split, key, day", withStands, daySplits},
	} {
		if len(tables) == 0 || slices.Contains(tables, t.name) {
			queueAdding(b, m, t.name, t.keys, t.columns, t.rows)
		}
	}
}

// addingSQL are the statements that add to a table of counters, by its name.
var addingSQL = map[string]string{
	"market_now":             adding("market_now", "", "market_id", Counted),
	"market_day_delta":       adding("market_day_delta", "day", "market_id, day, rolled", Counted),
	"market_split_now":       adding("market_split_now", "split, key", "market_id, split, key", withStands),
	"market_split_day_delta": adding("market_split_day_delta", "split, key, day", "market_id, split, key, day", withStands),
}

func adding(table, keys, unique string, columns []string) string {
	named, types := "", ""
	for k := range strings.FieldsSeq(strings.ReplaceAll(keys, ",", " ")) {
		kind := map[string]string{"day": "date"}[k]
		named, types = named+k+", ", types+"@"+k+"::"+cmp.Or(kind, "text")+"[], "
	}
	return `INSERT INTO ` + table + ` AS t (market_id, ` + named + each(columns, "%") + `)
		SELECT @market, ` + named + each(columns, "%") + ` FROM unnest(` + types + each(columns, "@%::int[]") + `) u (` + named + each(columns, "%") + `)
		ON CONFLICT (` + unique + `) DO UPDATE SET ` + each(columns, "% = t.% + excluded.%")
}

func queueAdding(b *pgx.Batch, m MarketID, table, keys string, columns []string, rows map[counterKey][]int) {
	order := slices.SortedFunc(maps.Keys(rows), func(a, b counterKey) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.split, b.split), cmp.Compare(a.key, b.key))
	})
	if table != "market_now" { // whose row is the lock, so it is written all the same
		order = slices.DeleteFunc(order, func(k counterKey) bool { return !slices.ContainsFunc(rows[k], func(n int) bool { return n != 0 }) })
	}
	if len(order) == 0 {
		return
	}
	args := pgx.StrictNamedArgs{"market": m}
	texts := map[string][]string{}
	numbers := make([][]int, len(columns))
	for _, k := range order {
		texts["split"], texts["key"], texts["day"] = append(texts["split"], k.split), append(texts["key"], k.key), append(texts["day"], k.day)
		for i := range columns {
			numbers[i] = append(numbers[i], rows[k][i])
		}
	}
	for k := range strings.FieldsSeq(strings.ReplaceAll(keys, ",", " ")) {
		if args[k] = texts[k]; k == "day" {
			days := make([]time.Time, len(order))
			for i, day := range texts[k] {
				days[i], _ = time.Parse(time.DateOnly, day)
			}
			args[k] = days
		}
	}
	for i, c := range columns {
		args[c] = numbers[i]
	}
	b.Queue(addingSQL[table], args)
}

// recountPlacards is Recount for the vendors of placards.
func recountPlacards(ctx context.Context, tx pgx.Tx, m MarketID, now time.Time, ps ...Placard) error {
	if len(ps) == 0 {
		return nil
	}
	ids := make([]PlacardID, len(ps))
	for i, p := range ps {
		ids[i] = p.ID
	}
	vendors, err := postgres.All[VendorID](ctx, tx, `SELECT DISTINCT p.vendor_id FROM placards p WHERE p.market_id = @market AND p.id = ANY (@ids)`,
		pgx.StrictNamedArgs{"market": m, "ids": ids})
	if err != nil {
		return err
	}
	return Recount(ctx, tx, m, now, vendors...)
}
