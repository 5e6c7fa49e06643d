package registry

import (
	"context"
	"time"

	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// LoggedEvent is a line of a placard's log.
type LoggedEvent struct {
	Kind       string    `json:"kind"` // beside those of NewPlacardEvent: issued, printed, replaced, heard (another name, so it was not hung)
	State      string    `json:"state"`
	Result     *string   `json:"result"`
	HeardName  *string   `json:"heard_name"`
	Reason     string    `json:"reason"`
	At         time.Time `json:"at"` // when it happened, as the person's device says
	RecordedAt time.Time `json:"recorded_at"`
	ClockAhead *int      `json:"clock_ahead"` // seconds by which the device's clock was ahead of ours, negative behind; null: less than 10 minutes, or not known
	Who        string    `json:"by"`          // name of the person or key, console; empty: the service itself
}

// PlacardEvents is the whole log of a placard in its order. Faults: NotFound, also outside the actor's scope; Forbidden.
func (s *Service) PlacardEvents(ctx context.Context, by Actor, serial string) ([]LoggedEvent, error) {
	m, which, err := s.claimed(ctx, serial)
	if err != nil {
		return nil, err
	}
	_, masked, err := marketSeen(ctx, s.db, by, m.Code)
	if err != nil {
		return nil, notFoundAs(err, placardNotFound())
	}
	es, err := postgres.All[LoggedEvent](ctx, s.db, `
		SELECT e.kind, e.state, e.result, e.heard_name, e.reason, e.at, e.recorded_at, e.clock_ahead,
		       coalesce(p.name, k.name, CASE WHEN e.recorded_by = 'console' THEN 'console' END, '') AS who
		FROM placard_events e
		LEFT JOIN people p ON e.recorded_by = 'person:' || p.id
		LEFT JOIN keys k ON e.recorded_by = 'key:' || k.id
		WHERE e.market_id = @market AND e.placard_id = @id ORDER BY e.at, e.seq`, pgx.StrictNamedArgs{"market": m.ID, "id": which})
	for i := range es {
		if h := es[i].HeardName; h != nil && masked {
			shown := maskedName(*h)
			es[i].HeardName = &shown
		}
	}
	return es, actionContext("events of placard", serial, err)
}

// recordHeard keeps the other name for which a placard was not hung, in a transaction of its own, since the first was rolled
// back. Otherwise leaving the name out the next time would hang it.
func (s *Service) recordHeard(ctx context.Context, by Actor, m Market, p Placard, in NewPlacardEvent, now time.Time) {
	if in.HeardName == "" || p.Heard != nil && *p.Heard == in.HeardName {
		return
	}
	_ = pgx.BeginFunc(ctx, s.apart, func(tx pgx.Tx) error { // the refusal itself stands whether or not its trace could be kept
		state, err := postgres.One[string](ctx, tx, `SELECT state FROM placards WHERE market_id = @market AND id = @id FOR UPDATE`,
			pgx.StrictNamedArgs{"market": m.ID, "id": p.ID})
		if err != nil {
			return err
		}
		e := placardEvent{id: id.New[NewPlacardEvent](), kind: "heard", state: state, heard: in.HeardName, at: now}
		if err := e.insert(ctx, tx, by, m.ID, p.ID, now); err != nil {
			return err
		}
		if err := heard(ctx, tx, by, m, p, "heard", in.HeardName, now, now); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"placard.install_refused", "placard:" + p.ID.String(), []string{"heard_name"}})
	})
}
