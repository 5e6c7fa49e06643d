package web

import (
	"net/http"

	"cho40/internal/fault"
	"cho40/internal/id"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// getTasks answers GET /api/v1/markets/{market}/tasks.
func (s *Server) getTasks(c echo.Context) error {
	var f registry.TaskFilter
	if err := bindQuery(c, &f); err != nil {
		return err
	}
	ts, err := s.reg(c).Tasks(c.Request().Context(), actor(c), c.Param("market"), f)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, ts)
}

// getNotices answers GET /api/v1/markets/{market}/notices: what the vendors are to be told.
func (s *Server) getNotices(c echo.Context) error {
	var q struct {
		registry.List
		All bool `query:"all"`
	}
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	ns, err := s.reg(c).Notices(c.Request().Context(), actor(c), c.Param("market"), q.All, q.List)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, ns)
}

// postDelivered answers POST /api/v1/markets/{market}/notices/{notice}/delivered.
func (s *Server) postDelivered(c echo.Context) error {
	if _, err := bindJSON[struct{}](c); err != nil {
		return err
	}
	which, err := id.Parse[registry.Notice](c.Param("notice"))
	if err != nil {
		return fault.New(fault.NotFound, "notice-not-found", "There is no such notice here.")
	}
	n, err := s.reg(c).Delivered(c.Request().Context(), actor(c), c.Param("market"), which)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, n)
}

// openTasks are what is to be done at a stall, for its page.
func (s *Server) openTasks(c echo.Context, m registry.Market, stall string) ([]taskShown, error) {
	ts, err := s.reg(c).Tasks(c.Request().Context(), actor(c), m.Code, registry.TaskFilter{Stall: stall})
	if err != nil {
		return nil, err
	}
	l := language(c)
	var out []taskShown
	for _, t := range ts.Items {
		day := l.Day(t.Due.End())
		shown := taskShown{Tile: "t3", Words: l.T(taskWords[t.Kind]), About: t.ProviderName + " •••• " + t.Tail, When: l.T("Due by %s.", day)}
		if s.reg(c).Today().After(t.Due) {
			shown.Tile, shown.When = "stop", l.T("It was due on %s.", day)
		}
		if t.Serial != nil {
			shown.About += " · " + t.Serial.String()
		}
		out = append(out, shown)
	}
	return out, nil
}
