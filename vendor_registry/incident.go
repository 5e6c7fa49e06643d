package registry

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// IncidentID names an incident within a market.
type IncidentID = id.ID[Incident]

// IncidentRef names an incident that comes in alone.
type IncidentRef = Ref[Incident]

// Incident is that a code was found at a stall which is not the vendor's. It says what was seen, and accuses nobody.
type Incident struct {
	Ref          IncidentRef `json:"id" db:"-"`
	ID           IncidentID  `json:"-"`
	Kind         string      `json:"kind"`   // swapped
	Result       string      `json:"result"` // other_account, not_ours
	State        string      `json:"state"`  // open, closed
	Stall        string      `json:"stall"`
	Section      string      `json:"section"`
	Vendor       string      `json:"vendor"` // whose placard it was
	Serial       Serial      `json:"serial"`
	PlacardState string      `json:"placard_state"` // now
	Times        int         `json:"times"`         // how often the other code was found before it was closed
	SeenAt       time.Time   `json:"seen_at"`       // last
	OpenedAt     time.Time   `json:"opened_at"`
	Who          string      `json:"opened_by"`
	Around       []string    `json:"around"` // codes of the stalls beside it that nobody has looked at since
	Closing      *string     `json:"closing"`
	Note         string      `json:"note"`
	ClosedAt     *time.Time  `json:"closed_at"`
	ClosedBy     *string     `json:"closed_by"`
}

// ETag is the incident's version as HTTP carries it.
func (i Incident) ETag() string {
	return fmt.Sprintf(`"%s.%d"`, i.ID, i.Times*2+b2i(i.State == "closed"))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Closing is how an incident may end.
type Closing struct {
	Code  string `json:"code"`
	Words string `json:"-"` // in English, a key of the catalogue
}

// Closings are how incidents end, in the order in which they are offered.
var Closings = []Closing{
	{"code_removed", "The other code was taken off, the placard is the right one"},
	{"replaced", "A new placard was made"},
	{"vendors_own", "It was another account of the vendor's own"},
	{"mistake", "Whoever looked was mistaken"},
}

// foundElse is why a placard is to be taken down whose place another code took.
const foundElse = "another code found"

// besideStalls is how many stalls to each side are looked at after a code was found: stickers come several at a time.
const besideStalls = 3

// openIncident records that a check found another code, tells the vendor by the next visit's slip, and, where it stops the placard, has
// that taken down. One that is open already is seen once more.
func openIncident(ctx context.Context, tx pgx.Tx, by Actor, m Market, p Placard, e placardEvent, stops bool, now time.Time) ([]Event, error) {
	fresh := id.New[Incident]()
	which, err := postgres.One[IncidentID](ctx, tx, `
		INSERT INTO incidents (market_id, id, kind, result, stall_id, vendor_id, placard_id, seen_at, opened_by, opened_at)
		VALUES (@market, @id, 'swapped', @result, @stall, @vendor, @placard, @at, @by, @now)
		ON CONFLICT (market_id, placard_id) WHERE closed_at IS NULL
		DO UPDATE SET times = incidents.times + 1, seen_at = greatest(incidents.seen_at, excluded.seen_at)
		RETURNING id`,
		pgx.StrictNamedArgs{"market": m.ID, "id": fresh, "result": e.result, "stall": p.StallID, "vendor": p.VendorID, "placard": p.ID,
			"at": e.at, "by": by.ID, "now": now})
	if err != nil {
		return nil, err
	}
	events := []Event{{"incident.opened", "incident:" + which.String(), []string{e.result}}}
	if which != fresh {
		events = []Event{{"incident.seen_again", "incident:" + which.String(), nil}}
	}
	var down []newTask
	if stops && (which == fresh || p.State != "suspended") {
		down = append(down, newTask{kind: "take_down", stall: p.StallID, account: p.AccountID, placard: p.ID, serial: p.Serial})
	}
	tasks, err := insertTasks(ctx, tx, by, m, p.VendorID, down, urgent, foundElse, now)
	if err != nil || which != fresh {
		return slices.Concat(events, tasks), err
	}
	a := Account{RecordID: p.AccountID, VendorID: p.VendorID}
	told, err := queueNotice(ctx, tx, m, "code_found", a, a, now)
	return slices.Concat(events, tasks, told), err
}

// rightAgain makes void that a placard is to be taken down because of another code: it is in use again.
func rightAgain(ctx context.Context, tx pgx.Tx, by Actor, m Market, p PlacardID, now time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE tasks SET state = 'void', ended_by = @by, ended_at = @now
		WHERE market_id = @market AND placard_id = @placard AND kind = 'take_down' AND state = 'open' AND reason = @reason`,
		pgx.StrictNamedArgs{"market": m.ID, "placard": p, "reason": foundElse, "by": by.ID, "now": now})
	return err
}

// incidentColumns read incidents with the stalls beside them: of the same section, at most besideStalls to each side in walking order,
// where a placard hangs that nobody has looked at since.
var incidentColumns = `
	SELECT i.id, i.kind, i.result, CASE WHEN i.closed_at IS NULL THEN 'open' ELSE 'closed' END AS state, s.code AS stall, s.section, p.vendor_name AS vendor,
	       p.serial, p.state AS placard_state, i.times, i.seen_at, i.opened_at, coalesce(q.name, k.name, CASE WHEN i.opened_by = 'console' THEN 'console' END, '') AS who,
	       CASE WHEN i.closed_at IS NULL THEN ` + stallsAround("i", "s") + ` ELSE '{}' END AS around, i.closing, i.note, i.closed_at, coalesce(c.name, i.closed_by) AS closed_by
	FROM incidents i
	JOIN stalls s ON s.market_id = i.market_id AND s.id = i.stall_id
	JOIN placards p ON p.market_id = i.market_id AND p.id = i.placard_id
	LEFT JOIN people q ON i.opened_by = 'person:' || q.id
	LEFT JOIN keys k ON i.opened_by = 'key:' || k.id
	LEFT JOIN people c ON i.closed_by = 'person:' || c.id
	WHERE i.market_id = @market`

// stallsAround are the codes of the stalls beside an incident i's own s.
func stallsAround(i, s string) string {
	beside := func(than, order string) string {
		return fmt.Sprintf(`(SELECT b.id, b.code, b.position, b.code_key FROM stalls b
			WHERE b.market_id = @market AND b.section = %[1]s.section AND b.removed_at IS NULL AND (b.position, b.code_key) %[2]s (%[1]s.position, %[1]s.code_key)
			ORDER BY b.position %[3]s, b.code_key %[3]s LIMIT %[4]d)`, s, than, order, besideStalls)
	}
	return `ARRAY(SELECT n.code FROM (` + beside("<", "DESC") + ` UNION ALL ` + beside(">", "ASC") + `) n
		WHERE EXISTS (SELECT 1 FROM placards h WHERE h.market_id = @market AND h.stall_id = n.id AND h.state = 'installed'
		              AND NOT EXISTS (SELECT 1 FROM placard_events e WHERE e.market_id = @market AND e.placard_id = h.id AND e.kind = 'checked'
		                              AND e.recorded_at >= ` + i + `.opened_at AND e.at >= ` + i + `.seen_at))
		ORDER BY n.position, n.code_key)`
}

func (i *Incident) dress(m Market) { i.Ref = IncidentRef{m.Code, i.ID} }

// Incidents lists a market's incidents, the newest first: those that are open, or with all the closed ones too. Faults: Invalid;
// NotFound; Forbidden.
func (s *Service) Incidents(ctx context.Context, by Actor, marketCode string, all bool, l List) (Page[Incident], error) {
	m, err := market(ctx, s.db, by, SeeVendors, marketCode)
	if err != nil {
		return Page[Incident]{}, err
	}
	n, err := l.size()
	if err != nil {
		return Page[Incident]{}, err
	}
	after := IncidentID{}
	if l.Cursor != "" {
		if after, err = id.Parse[Incident](l.Cursor); err != nil {
			return Page[Incident]{}, BadCursor()
		}
	}
	is, err := postgres.All[Incident](ctx, s.db, incidentColumns+`
		AND (@all OR i.closed_at IS NULL) AND (@after::uuid IS NULL OR i.id < @after) ORDER BY i.id DESC LIMIT @n`,
		pgx.StrictNamedArgs{"market": m.ID, "all": all, "after": after, "n": n + 1})
	for i := range is {
		is[i].dress(m)
	}
	return PageOf(is, n, func(i Incident) string { return i.ID.String() }), actionContext("incidents of", marketCode, err)
}

func incidentNotFound() *fault.Error {
	return fault.New(fault.NotFound, "incident-not-found", "There is no such incident here.")
}

// Incident is one incident. Faults: NotFound, also outside the actor's scope; Forbidden.
func (s *Service) Incident(ctx context.Context, by Actor, ref IncidentRef) (Incident, error) {
	m, err := market(ctx, s.db, by, SeeVendors, ref.Market)
	if err != nil {
		return Incident{}, notFoundAs(err, incidentNotFound())
	}
	return incident(ctx, s.db, m, ref.ID)
}

func incident(ctx context.Context, db postgres.Querier, m Market, which IncidentID) (Incident, error) {
	i, err := postgres.Found[Incident](ctx, db, incidentNotFound(), incidentColumns+` AND i.id = @id`, pgx.StrictNamedArgs{"market": m.ID, "id": which})
	i.dress(m)
	return i, err
}

// CloseIncident says how an incident ended. What hangs is not touched by it: a placard that is the right one is resumed by who may.
// match is the ETag of the version that was seen.
//
// Faults: NeedsVersion; Stale; Invalid; NotFound; Forbidden; Conflict incident-closed.
func (s *Service) CloseIncident(ctx context.Context, by Actor, ref IncidentRef, match, closing, note string) (Incident, error) {
	var bad []fault.Field
	if !slices.ContainsFunc(Closings, func(c Closing) bool { return c.Code == closing }) {
		bad = append(bad, fault.At("closing", "unknown", "One of: %s.", "code_removed, replaced, vendors_own, mistake"))
	}
	note = text(&bad, "note", note, maxReason, true)
	Harmless(&bad, "note", note)
	if err := fault.Check("incident-invalid", bad); err != nil {
		return Incident{}, err
	}
	now := s.now()
	var i Incident
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, CloseIncident, ref.Market)
		if err != nil {
			return notFoundAs(err, incidentNotFound())
		}
		if _, err := tx.Exec(ctx, `SELECT FROM incidents WHERE market_id = @market AND id = @id FOR UPDATE`, pgx.StrictNamedArgs{"market": m.ID, "id": ref.ID}); err != nil {
			return err
		}
		if i, err = incident(ctx, tx, m, ref.ID); err != nil {
			return err
		}
		if i.State == "closed" {
			return fault.New(fault.Conflict, "incident-closed", "Somebody closed this already.")
		}
		if err := Unchanged(match, i.ETag()); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE incidents SET closing = @closing, note = @note, closed_by = @by, closed_at = @now WHERE market_id = @market AND id = @id`,
			pgx.StrictNamedArgs{"market": m.ID, "id": ref.ID, "closing": closing, "note": note, "by": by.ID, "now": now}); err != nil {
			return err
		}
		if i, err = incident(ctx, tx, m, ref.ID); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"incident.closed", "incident:" + ref.ID.String(), []string{"closing", "note"}})
	})
	return i, actionContext("close incident", ref.String(), err)
}

// StallsAround are the codes of the stalls that are to be looked at because another code was found beside them, for field work.
func (s *Service) StallsAround(ctx context.Context, db postgres.Querier, m Market) ([]string, error) {
	return postgres.All[string](ctx, db, `
		SELECT DISTINCT unnest(`+stallsAround("i", "s")+`) AS code FROM incidents i JOIN stalls s ON s.market_id = i.market_id AND s.id = i.stall_id
		WHERE i.market_id = @market AND i.closed_at IS NULL`, pgx.StrictNamedArgs{"market": m.ID})
}
