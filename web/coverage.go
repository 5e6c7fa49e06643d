package web

import (
	"net/http"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"

	"github.com/labstack/echo/v4"
)

// when puts the days of a question about figures, as they stand in an address, into it.
func when(q *coverage.Question, asOf, recordedUntil string) (err error) {
	if q.AsOf, err = optionalDay(asOf); err != nil {
		return err
	}
	q.RecordedUntil, err = moment(recordedUntil)
	return err
}

func optionalDay(s string) (registry.Day, error) {
	if s == "" {
		return registry.Day{}, nil
	}
	return registry.ParseDay(s)
}

// moment reads a time, or a day, which means its end; empty: the zero time.
func moment(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	day, err := registry.ParseDay(s)
	if err != nil {
		return time.Time{}, fault.New(fault.Invalid, "time-invalid", "A time is written as 2026-11-22T08:30:00Z, or a day as 2026-11-22.")
	}
	return day.End(), nil
}

// getCoverage answers GET /api/v1/coverage.
func (s *Server) getCoverage(c echo.Context) error {
	var q struct {
		coverage.Question
		AsOf          string `query:"as_of"`
		RecordedUntil string `query:"recorded_until"`
	}
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	if err := when(&q.Question, q.AsOf, q.RecordedUntil); err != nil {
		return err
	}
	share, err := s.coverage.Share(c.Request().Context(), actor(c), q.Question)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, share)
}

// getCoverageHistory answers GET /api/v1/coverage/history.
func (s *Server) getCoverageHistory(c echo.Context) error {
	var q struct {
		coverage.Question
		AsOf          string `query:"as_of"`
		RecordedUntil string `query:"recorded_until"`
		Every         string `query:"every"`
		From          string `query:"from"`
	}
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	if err := when(&q.Question, q.AsOf, q.RecordedUntil); err != nil {
		return err
	}
	from, err := optionalDay(q.From)
	if err != nil {
		return err
	}
	history, err := s.coverage.History(c.Request().Context(), actor(c), coverage.Trend{Question: q.Question, Every: q.Every, From: from})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, history)
}

// postQuarter answers POST /api/v1/coverage/quarters.
func (s *Server) postQuarter(c echo.Context) error {
	in, err := bindJSON[coverage.NewClosing](c)
	if err != nil {
		return err
	}
	closing, err := s.coverage.Close(c.Request().Context(), actor(c), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, closing)
}
