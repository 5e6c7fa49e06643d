package registry

import (
	"context"
	"time"

	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Gap is the time since buyers could last pay by scanning at a stall where they once could.
type Gap struct {
	Since Day `json:"since"` // the market day on which the last placard that worked was stopped or taken down
	Days  int `json:"days"`  // from then until today; 0: today
}

// gapAt is the gap at a stall, among the placards of who holds it now; nil when one works there, or none ever hung.
func gapAt(ctx context.Context, db postgres.Querier, m Market, stall StallID, v VendorID, ps []Placard, now time.Time) (*Gap, error) {
	hung := false
	for _, p := range ps {
		if p.VendorID != v {
			continue
		}
		hung = hung || p.InstalledAt != nil
		// A stand whose account waits hangs all the same, and so does a provisional one.
		if p.State == "installed" && (p.AccountState == StateApproved || p.AccountState == StateProposed) {
			return nil, nil
		}
	}
	if !hung {
		return nil, nil
	}
	since, err := postgres.One[*time.Time](ctx, db, `
		SELECT max(e.ended) FROM (
			SELECT e.state, lead(e.state) OVER w AS next, lead(e.at) OVER w AS ended
			FROM placards p JOIN placard_events e ON e.market_id = p.market_id AND e.placard_id = p.id
			WHERE p.market_id = @market AND p.stall_id = @stall AND p.vendor_id = @vendor
			WINDOW w AS (PARTITION BY p.id ORDER BY e.at, e.seq)) e
		WHERE e.state = 'installed' AND e.next <> 'installed'`,
		pgx.StrictNamedArgs{"market": m.ID, "stall": stall, "vendor": v})
	if err != nil || since == nil {
		return nil, err
	}
	day := DayOf(*since)
	return &Gap{Since: day, Days: int(DayOf(now).t.Sub(day.t) / (24 * time.Hour))}, nil
}
