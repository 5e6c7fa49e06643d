package web

import (
	"net/http"

	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"

	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"
)

// cov is the figures on the transaction of the request's Idempotency-Key, if it has one.
func (s *Server) cov(c echo.Context) *coverage.Service {
	if tx, ok := c.Request().Context().Value(txKey).(pgx.Tx); ok {
		return s.coverage.On(tx)
	}
	return s.coverage
}

// queryDay reads a day of the address; zero when it is not there.
func queryDay(c echo.Context, name string) (registry.Day, error) {
	if c.QueryParam(name) == "" {
		return registry.Day{}, nil
	}
	return registry.ParseDay(c.QueryParam(name))
}

// getIndicators answers GET /api/v1/indicators.
func (s *Server) getIndicators(c echo.Context) error {
	type named struct {
		coverage.Indicator
		Name string `json:"name"`
	}
	var all []named
	for _, i := range coverage.Indicators {
		all = append(all, named{i, language(c).T(indicatorWords[i.Code])})
	}
	return items(c, all, nil)
}

// getTargets answers GET /api/v1/targets.
func (s *Server) getTargets(c echo.Context) error {
	var q coverage.TargetQuestion
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	var err error
	if q.AsOf, err = queryDay(c, "as_of"); err != nil {
		return err
	}
	page, err := s.cov(c).Targets(c.Request().Context(), actor(c), q)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, page)
}

// postTarget answers POST /api/v1/targets.
func (s *Server) postTarget(c echo.Context) error {
	in, err := bindJSON[coverage.NewTarget](c)
	if err != nil {
		return err
	}
	t, err := s.cov(c).SetTarget(c.Request().Context(), actor(c), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, t)
}

// deleteTarget answers DELETE /api/v1/targets/{target}.
func (s *Server) deleteTarget(c echo.Context) error {
	if err := s.cov(c).EndTarget(c.Request().Context(), actor(c), c.Param("target")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// getFigures answers GET /api/v1/figures.
func (s *Server) getFigures(c echo.Context) error {
	var q coverage.FigureQuestion
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	page, err := s.cov(c).Figures(c.Request().Context(), actor(c), q)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, page)
}

// postFigure answers POST /api/v1/figures.
func (s *Server) postFigure(c echo.Context) error {
	in, err := bindJSON[coverage.NewFigure](c)
	if err != nil {
		return err
	}
	f, err := s.cov(c).Report(c.Request().Context(), actor(c), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, f)
}

// postFigureWithdrawal answers POST /api/v1/figures/{figure}/withdrawal.
func (s *Server) postFigureWithdrawal(c echo.Context) error {
	in, err := bindJSON[struct {
		Reason string `json:"reason"`
	}](c)
	if err != nil {
		return err
	}
	f, err := s.cov(c).Withdraw(c.Request().Context(), actor(c), c.Param("figure"), in.Reason)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, f)
}

// getReconciliation answers GET /api/v1/figures/reconciliation.
func (s *Server) getReconciliation(c echo.Context) error {
	asOf, err := queryDay(c, "as_of")
	if err != nil {
		return err
	}
	r, err := s.cov(c).Reconcile(c.Request().Context(), actor(c), c.QueryParam("provider"), c.QueryParam("market"), c.QueryParam("area"), asOf)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, r)
}
