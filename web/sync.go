package web

import (
	"log/slog"
	"net/http"
	"time"

	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/vendor_registry/fieldwork"

	"github.com/labstack/echo/v4"
)

// syncItem is what a phone is told of one item.
type syncItem struct {
	ID         id.ID[fieldwork.Item] `json:"id"`
	Kind       string                `json:"kind"`
	Status     int                   `json:"status"`                // as if it had come alone; the phone lets go of the item at 200 and 201
	ClockAhead *int                  `json:"clock_ahead,omitempty"` // seconds, where the phone's clock is off by more than 10 minutes
	Record     any                   `json:"record,omitempty"`
	Problem    *problem              `json:"problem,omitempty"`
}

// postSync answers POST /api/v1/sync: what a phone kept while it had no signal, item by item. It never works inside the transaction of
// an Idempotency-Key: each item is committed by itself, and knows whether it was taken before.
func (s *Server) postSync(c echo.Context) error {
	in, err := bindJSON[fieldwork.Batch](c)
	if err != nil {
		return err
	}
	results, err := s.fieldwork.Sync(c.Request().Context(), actor(c), in)
	if err != nil {
		return err
	}
	items := make([]syncItem, len(results))
	for i, r := range results {
		items[i] = syncItem{ID: r.ID, Kind: r.Kind, Status: made(r.Again), ClockAhead: r.ClockAhead, Record: r.Record}
		if r.Err == nil {
			continue
		}
		f := asFault(r.Err)
		p := toProblem(language(c), f, status(f), requestID(c))
		if p.Status >= 500 {
			s.log.LogAttrs(c.Request().Context(), slog.LevelError, "item failed", slog.String("request", requestID(c)),
				slog.String("route", c.Path()), slog.String("kind", r.Kind), slog.String("error", postgres.Loggable(r.Err)))
		}
		items[i].Status, items[i].Problem = p.Status, &p
	}
	return c.JSON(http.StatusOK, struct {
		Time  time.Time  `json:"server_time"`
		Items []syncItem `json:"items"`
	}{s.registry.Now(), items})
}
