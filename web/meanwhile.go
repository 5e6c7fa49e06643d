package web

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"cho40/internal/fault"

	"github.com/labstack/echo/v4"
)

// patience is how long a page waits for long work before it shows how far it is.
const patience = 1500 * time.Millisecond

// longWork bounds long work that goes on after its page was left.
const longWork = 5 * time.Minute

// meanwhile does work that may take long: it goes on by itself when patience ends, also after its page was left.
func (s *Server) meanwhile(c echo.Context, what string, work func(ctx context.Context) error) (running bool, err error) {
	done, request := make(chan error, 1), actor(c).RequestID
	ctx, cancel := inTime(c, longWork)
	go func() {
		defer cancel()
		var err error
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("%s: %v", what, p)
			}
			if err != nil {
				s.log.LogAttrs(ctx, slog.LevelWarn, "long work failed", slog.String("work", what), slog.String("request", request), slog.String("fault", fault.CodeOf(err)))
			}
			done <- err
		}()
		err = work(ctx)
	}()
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case err := <-done:
		return false, err
	case <-wait.C:
		return true, nil
	}
}
