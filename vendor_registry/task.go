package registry

import (
	"context"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// TaskID names a task within a market.
type TaskID = id.ID[Task]

// Task is something to do at a stall that a change of an account left behind. Nobody ticks it off: the event that does it ends it.
type Task struct {
	ID           TaskID     `json:"id"`
	Kind         string     `json:"kind"` // print_replacement, hang_replacement, take_down
	Stall        string     `json:"stall"`
	Section      string     `json:"section"`
	Vendor       string     `json:"vendor"`
	Provider     string     `json:"provider"` // of the account that the new placard pays; of take_down: that the old one pays
	ProviderName string     `json:"provider_name" db:"-"`
	Tail         string     `json:"last_digits"`
	Serial       *Serial    `json:"serial"`   // to take down; of a replacement: the new one's, once it is issued
	Priority     string     `json:"priority"` // high: buyers cannot pay by scanning there until it is done, or pay where they should not; normal
	Due          Day        `json:"due"`
	State        string     `json:"state"`  // open, done, void
	Reason       string     `json:"reason"` // account changed, default changed, account rejected, account withdrawn, account expired, another code found
	MadeAt       time.Time  `json:"made_at"`
	EndedAt      *time.Time `json:"ended_at"`
}

// urgency is how soon a task should be done.
type urgency struct {
	priority string
	within   int // days
}

// A stall without a placard that works loses sales each day, so what a change leaves is due by the next days; a change of the default
// leaves one that works, and waits for the next round of the market.
var (
	urgent   = urgency{"high", 2}
	ordinary = urgency{"normal", 14}
)

// due is the market day by which it should be done.
func (u urgency) due(now time.Time) Day { return Day{DayOf(now).t.AddDate(0, 0, u.within)} }

// TaskFilter says which tasks are wanted.
type TaskFilter struct {
	State string `query:"state"` // open (or empty), done, void, all
	Kind  string `query:"kind"`
	Stall string `query:"stall"`
	List
}

// Tasks lists a market's tasks: what presses first, then by the day on which they are due, in walking order. Faults: Invalid; NotFound;
// Forbidden.
func (s *Service) Tasks(ctx context.Context, by Actor, marketCode string, f TaskFilter) (Page[Task], error) {
	m, masked, err := marketSeen(ctx, s.db, by, marketCode)
	if err != nil {
		return Page[Task]{}, err
	}
	n, err := f.size()
	if err != nil {
		return Page[Task]{}, err
	}
	var bad []fault.Field
	switch f.State {
	case "":
		f.State = "open"
	case "open", "done", "void", "all":
	default:
		bad = append(bad, fault.At("state", "unknown", "One of: %s.", "open, done, void, all"))
	}
	switch f.Kind {
	case "", "print_replacement", "hang_replacement", "take_down":
	default:
		bad = append(bad, fault.At("kind", "unknown", "One of: %s.", "print_replacement, hang_replacement, take_down"))
	}
	after := TaskID{}
	if f.Cursor != "" {
		if after, err = id.Parse[Task](f.Cursor); err != nil {
			bad = append(bad, fault.At("cursor", "unknown", "This list has no such place. Begin again without it."))
		}
	}
	if err := fault.Check("query-invalid", bad); err != nil {
		return Page[Task]{}, err
	}
	ts, err := postgres.All[Task](ctx, s.db, `
		WITH task AS (
			SELECT t.id, t.kind, s.code AS stall, s.section, v.name AS vendor, a.provider, right(a.number, 4) AS tail, t.serial, t.priority, t.due, t.state,
			       t.reason, t.made_at, t.ended_at,
			       row_number() OVER (ORDER BY t.priority, t.due, s.position, s.code_key, t.id) AS place
			FROM tasks t
			JOIN stalls s ON s.market_id = t.market_id AND s.id = t.stall_id
			JOIN vendors v ON v.market_id = t.market_id AND v.id = t.vendor_id
			JOIN accounts a ON a.market_id = t.market_id AND a.id = t.account_id
			WHERE t.market_id = @market AND (@state = 'all' OR t.state = @state) AND (@kind = '' OR t.kind = @kind)
			  AND (@stall = '' OR s.code_key = @stall))
		SELECT id, kind, stall, section, vendor, provider, tail, serial, priority, due, state, reason, made_at, ended_at FROM task
		WHERE place > coalesce((SELECT place FROM task WHERE id = @after), 0)
		ORDER BY place LIMIT @n`,
		pgx.StrictNamedArgs{"market": m.ID, "state": f.State, "kind": f.Kind, "stall": codeKey(f.Stall), "after": after, "n": n + 1})
	for i := range ts {
		ts[i].ProviderName = ProviderName(ts[i].Provider)
		if masked {
			ts[i].Vendor = maskedName(ts[i].Vendor)
		}
	}
	return PageOf(ts, n, func(t Task) string { return t.ID.String() }), actionContext("tasks of", marketCode, err)
}

// old is a live placard of an account that something is to be done about.
type old struct {
	ID      PlacardID
	Serial  Serial
	StallID StallID
	Out     bool // on paper, or hanging
	Held    bool // the vendor still holds the stall
}

// livePlacards are those of an account that live now.
func livePlacards(ctx context.Context, tx pgx.Tx, m Market, account AccountID) ([]old, error) {
	return postgres.All[old](ctx, tx, `
		SELECT p.id, p.serial, p.stall_id,
		       EXISTS (SELECT 1 FROM placard_events e WHERE e.market_id = @market AND e.placard_id = p.id
		               AND e.kind IN ('printed', 'handed_over', 'installed')) AS out,
		       EXISTS (SELECT 1 FROM occupancies o WHERE o.market_id = @market AND o.stall_id = p.stall_id AND o.vendor_id = p.vendor_id
		               AND o.ended IS NULL) AS held
		FROM placards p WHERE p.market_id = @market AND p.account_id = @account AND p.state = ANY (@live) ORDER BY p.id`,
		pgx.StrictNamedArgs{"market": m.ID, "account": account, "live": liveStates})
}

// replacementTasks are what is to be done where a vendor's placards pay was and should pay is: at each stall that has one, a new one
// printed and hung, unless another account's is due there already, and each old one that is on paper taken down. Tasks that the change
// overtakes are void, and those that were due there anyway press as this does. It comes before the old ones end.
func replacementTasks(ctx context.Context, tx pgx.Tx, by Actor, m Market, was, is Account, how urgency, reason string, now time.Time) ([]Event, error) {
	if _, err := tx.Exec(ctx, `
		UPDATE tasks t SET state = 'void', ended_by = @by, ended_at = @now
		WHERE t.market_id = @market AND t.vendor_id = @vendor AND t.state = 'open' AND (
			t.kind <> 'take_down' AND t.account_id = @was
			OR t.kind = 'take_down' AND t.account_id = @is)`,
		pgx.StrictNamedArgs{"market": m.ID, "vendor": is.VendorID, "was": was.RecordID, "is": is.RecordID, "by": by.ID, "now": now}); err != nil {
		return nil, err
	}
	olds, err := livePlacards(ctx, tx, m, was.RecordID)
	if err != nil {
		return nil, err
	}
	there, err := livePlacards(ctx, tx, m, is.RecordID) // of a default that has placards already
	if err != nil {
		return nil, err
	}
	has := map[StallID]bool{}
	for _, p := range there {
		has[p.StallID] = true
	}
	stalls := make([]StallID, len(olds))
	for i, p := range olds {
		stalls[i] = p.StallID
	}
	args := pgx.StrictNamedArgs{"market": m.ID, "vendor": is.VendorID, "stalls": stalls}
	due, err := postgres.All[StallID](ctx, tx, `
		SELECT DISTINCT stall_id FROM tasks
		WHERE market_id = @market AND vendor_id = @vendor AND state = 'open' AND kind = 'hang_replacement' AND stall_id = ANY (@stalls)`, args)
	if err != nil {
		return nil, err
	}
	for _, stall := range due {
		has[stall] = true
	}
	if how == urgent {
		args["priority"], args["due"] = how.priority, how.due(now)
		if _, err := tx.Exec(ctx, `UPDATE tasks SET priority = @priority, due = least(due, @due)
			WHERE market_id = @market AND vendor_id = @vendor AND state = 'open' AND stall_id = ANY (@stalls)`, args); err != nil {
			return nil, err
		}
	}
	var ts []newTask
	for _, p := range olds {
		if p.Out {
			ts = append(ts, newTask{kind: "take_down", stall: p.StallID, account: was.RecordID, placard: p.ID, serial: p.Serial})
		}
		if p.Held && !has[p.StallID] {
			has[p.StallID] = true
			ts = append(ts, newTask{kind: "print_replacement", stall: p.StallID, account: is.RecordID},
				newTask{kind: "hang_replacement", stall: p.StallID, account: is.RecordID})
		}
	}
	return insertTasks(ctx, tx, by, m, is.VendorID, ts, how, reason, now)
}

// takeDown are the tasks to take down what of an account is on paper. It comes before the placards end.
func takeDown(ctx context.Context, tx pgx.Tx, by Actor, m Market, a Account, how urgency, reason string, now time.Time) ([]Event, error) {
	olds, err := livePlacards(ctx, tx, m, a.RecordID)
	if err != nil {
		return nil, err
	}
	var ts []newTask
	for _, p := range olds {
		if p.Out {
			ts = append(ts, newTask{kind: "take_down", stall: p.StallID, account: a.RecordID, placard: p.ID, serial: p.Serial})
		}
	}
	return insertTasks(ctx, tx, by, m, a.VendorID, ts, how, reason, now)
}

type newTask struct {
	kind    string
	stall   StallID
	account AccountID
	placard PlacardID
	serial  Serial
}

func insertTasks(ctx context.Context, tx pgx.Tx, by Actor, m Market, v VendorID, ts []newTask, how urgency, reason string, now time.Time) ([]Event, error) {
	if len(ts) == 0 {
		return nil, nil
	}
	b := &pgx.Batch{}
	var events []Event
	for _, t := range ts {
		of := id.New[Task]()
		b.Queue(`
			INSERT INTO tasks (market_id, id, kind, stall_id, vendor_id, account_id, placard_id, serial, priority, due, state, reason, made_by, made_at)
			VALUES (@market, @id, @kind, @stall, @vendor, @account, @placard, @serial, @priority, @due, 'open', @reason, @by, @now)
			ON CONFLICT DO NOTHING`, // it is open already
			pgx.StrictNamedArgs{"market": m.ID, "id": of, "kind": t.kind, "stall": t.stall, "vendor": v, "account": t.account, "placard": t.placard,
				"serial": postgres.Null(string(t.serial)), "priority": how.priority, "due": how.due(now), "reason": reason, "by": by.ID, "now": now})
		events = append(events, Event{"task.made", "task:" + of.String(), []string{t.kind}})
	}
	return events, tx.SendBatch(ctx, b).Close()
}

// assign tells the tasks for a replacement which placard of a batch it is.
func assign(ctx context.Context, tx pgx.Tx, m Market, batch id.ID[Batch]) error {
	_, err := tx.Exec(ctx, `
		UPDATE tasks t SET placard_id = p.id, serial = p.serial FROM placards p
		WHERE t.market_id = @market AND t.state = 'open' AND t.kind <> 'take_down'
		  AND p.market_id = t.market_id AND p.batch_id = @batch AND p.stall_id = t.stall_id AND p.account_id = t.account_id`,
		pgx.StrictNamedArgs{"market": m.ID, "batch": batch})
	return err
}

// printed ends the tasks to print what a batch holds.
func printed(ctx context.Context, tx pgx.Tx, by Actor, m Market, batch id.ID[Batch], now time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE tasks t SET state = 'done', ended_by = @by, ended_at = @now FROM placards p
		WHERE t.market_id = @market AND t.state = 'open' AND t.kind = 'print_replacement'
		  AND p.market_id = t.market_id AND p.batch_id = @batch AND p.stall_id = t.stall_id AND p.account_id = t.account_id`,
		pgx.StrictNamedArgs{"market": m.ID, "batch": batch, "by": by.ID, "now": now})
	return err
}

// passReplacements has what was to be printed and hung for an account done for another vendor's with the same code.
func passReplacements(ctx context.Context, tx pgx.Tx, m MarketID, from AccountID, vendor VendorID, to AccountID) error {
	_, err := tx.Exec(ctx, `
		UPDATE tasks t SET vendor_id = @vendor, account_id = @to
		WHERE t.market_id = @market AND t.account_id = @from AND t.state = 'open' AND t.kind <> 'take_down'
		  AND NOT EXISTS (SELECT 1 FROM tasks o WHERE o.market_id = @market AND o.account_id = @to AND o.stall_id = t.stall_id AND o.kind = t.kind AND o.state = 'open')`,
		pgx.StrictNamedArgs{"market": m, "from": from, "vendor": vendor, "to": to})
	return err
}

// dropReplacements makes void what was to be printed and hung for a vendor at a stall, or at all of them (nil): somebody else trades
// there now, or the vendor's record is no more one of its own. What hangs must be taken down all the same.
func dropReplacements(ctx context.Context, tx pgx.Tx, by Actor, m MarketID, v VendorID, stall *StallID, now time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE tasks SET state = 'void', ended_by = @by, ended_at = @now
		WHERE market_id = @market AND vendor_id = @vendor AND state = 'open' AND kind <> 'take_down' AND (@stall::uuid IS NULL OR stall_id = @stall)`,
		pgx.StrictNamedArgs{"market": m, "vendor": v, "stall": stall, "by": by.ID, "now": now})
	return err
}

// fulfil ends the tasks that an event of a placard does, and has what waits for the vendor told in the same visit.
func fulfil(ctx context.Context, tx pgx.Tx, by Actor, m Market, p Placard, kind string, now time.Time) error {
	args := pgx.StrictNamedArgs{"market": m.ID, "by": by.ID, "now": now}
	which := ""
	switch kind {
	case "handed_over", "installed":
		which = `kind = 'print_replacement' AND stall_id = @stall AND account_id = @account`
		if kind == "installed" {
			which = `kind IN ('print_replacement', 'hang_replacement') AND stall_id = @stall AND account_id = @account`
		}
		args["stall"], args["account"] = p.StallID, p.AccountID
	case "removed", "lost":
		which = `kind = 'take_down' AND placard_id = @placard`
		args["placard"] = p.ID
	case "resumed":
		return rightAgain(ctx, tx, by, m, p.ID, now)
	default:
		return nil
	}
	if _, err := tx.Exec(ctx, `UPDATE tasks SET state = 'done', ended_by = @by, ended_at = @now WHERE market_id = @market AND state = 'open' AND `+which, args); err != nil {
		return err
	}
	if kind == "installed" || kind == "handed_over" {
		return carried(ctx, tx, by, m, p.VendorID, now)
	}
	return nil
}
