package web

import (
	"net/http"
	"strings"

	"cho40/internal/auth"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"
)

// getApprovers answers GET /api/v1/markets/{market}/approvers: who may approve here.
func (s *Server) getApprovers(c echo.Context) error {
	as, err := s.reg(c).Approvers(c.Request().Context(), actor(c), c.Param("market"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, registry.Page[registry.Approver]{Items: as})
}

// postHandOver answers POST /api/v1/markets/{market}/hand-over: the next board takes over.
func (s *Server) postHandOver(c echo.Context) error {
	in, err := bindJSON[auth.HandOver](c)
	if err != nil {
		return err
	}
	m, err := s.reg(c).MarketFor(c.Request().Context(), actor(c), registry.ChangeMarket, c.Param("market"))
	if err != nil {
		return err
	}
	done, err := s.staff(c).HandOver(c.Request().Context(), actor(c), m, in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, done)
}

// staff is who may come in, for a request: on the pool, or inside the transaction in which the request's key is kept.
func (s *Server) staff(c echo.Context) *auth.Service {
	if tx, ok := c.Request().Context().Value(txKey).(pgx.Tx); ok {
		return s.auth.On(tx)
	}
	return s.auth
}

// whoApproves says in a sentence who may approve in a market.
func (s *Server) whoApproves(c echo.Context, m registry.Market) (sentence string, nobody bool, err error) {
	as, err := s.reg(c).Approvers(c.Request().Context(), actor(c), m.Code)
	if err != nil {
		return "", false, err
	}
	l := language(c)
	names := make([]string, 0, mostNames)
	officers, changes := true, false
	for i, a := range as {
		officers, changes = officers && a.Role == registry.Officer, changes || a.Change
		if i < mostNames {
			names = append(names, a.Name+" ("+l.T(roleWords[a.Role])+")")
		}
	}
	if more := len(as) - len(names); more > 0 {
		names = append(names, l.T("%s more", l.Number(more)))
	}
	all := strings.Join(names, ", ")
	switch {
	case len(as) == 0:
		return l.T("Nobody may approve in this market yet. Ask your commune's officer or the administrator to name somebody."), true, nil
	case len(as) == 1 && as[0].Role == registry.Officer:
		return l.T("Your officer approves here: %s.", as[0].Name), false, nil
	case officers:
		return l.T("Your officers approve here: %s.", all), false, nil
	case !changes:
		return l.T("May approve first accounts here: %s. Nobody may approve a change yet: ask your commune's officer.", all), false, nil
	}
	return l.T("May approve here: %s.", all), false, nil
}

// mostNames is how many approvers are named.
const mostNames = 6
