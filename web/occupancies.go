package web

import (
	"net/http"

	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// changed is a stall that was just changed, with its warnings in the reader's language.
func changed(c echo.Context, code int, st registry.Stall) error {
	inWords(c, st.Warnings)
	return tagged(c, code, st.ETag(), st)
}

// inWords says warnings in the reader's language.
func inWords(c echo.Context, ws []registry.Duplicate) {
	l := language(c)
	for i := range ws {
		ws[i].Detail = l.Text(ws[i].Text)
	}
}

// onlyCheck reports whether a request asks what would happen, and for nothing to be stored.
func onlyCheck(c echo.Context) (bool, error) {
	var q struct {
		Check bool `query:"check"`
	}
	err := bindQuery(c, &q)
	return q.Check, err
}

// forecast answers what a change would bring with it.
func forecast(c echo.Context, f registry.Forecast, err error) error {
	if err != nil {
		return err
	}
	inWords(c, f.Warnings)
	return c.JSON(http.StatusOK, f)
}

// postTransfer answers POST /api/v1/markets/{market}/stalls/{stall}/transfer: another vendor takes the stall.
func (s *Server) postTransfer(c echo.Context) error {
	in, err := bindJSON[registry.Transfer](c)
	if err != nil {
		return err
	}
	check, err := onlyCheck(c)
	if err != nil {
		return err
	}
	ctx, by, market, stall := c.Request().Context(), actor(c), c.Param("market"), param(c, "stall")
	if check {
		f, err := s.reg(c).CheckTransfer(ctx, by, market, stall, in)
		return forecast(c, f, err)
	}
	st, err := s.reg(c).HandOver(ctx, by, market, stall, in)
	if err != nil {
		return err
	}
	return changed(c, http.StatusOK, st)
}

// postClosure answers POST /api/v1/markets/{market}/stalls/{stall}/closure: the vendor gives the stall up.
func (s *Server) postClosure(c echo.Context) error {
	in, err := bindJSON[registry.Leaving](c)
	if err != nil {
		return err
	}
	st, err := s.reg(c).Leave(c.Request().Context(), actor(c), c.Param("market"), param(c, "stall"), in)
	if err != nil {
		return err
	}
	return changed(c, http.StatusOK, st)
}

// postMove answers POST /api/v1/markets/{market}/stalls/{stall}/move: the vendor goes to another stall, which is the answer.
func (s *Server) postMove(c echo.Context) error {
	in, err := bindJSON[registry.Move](c)
	if err != nil {
		return err
	}
	st, err := s.reg(c).MoveTo(c.Request().Context(), actor(c), c.Param("market"), param(c, "stall"), in)
	if err != nil {
		return err
	}
	return changed(c, http.StatusOK, st)
}

// postStatus answers POST /api/v1/markets/{market}/stalls/{stall}/status: how the vendor trades there from a day on.
func (s *Server) postStatus(c echo.Context) error {
	in, err := bindJSON[registry.NewStatus](c)
	if err != nil {
		return err
	}
	st, err := s.reg(c).SetStatus(c.Request().Context(), actor(c), c.Param("market"), param(c, "stall"), in)
	if err != nil {
		return err
	}
	return changed(c, http.StatusOK, st)
}

// getGoods answers GET /api/v1/goods-categories.
func (s *Server) getGoods(c echo.Context) error {
	type category struct {
		registry.Category
		English string `json:"name_en"`
		MCCName string `json:"mcc_name"`
	}
	items := []category{}
	for _, g := range registry.Categories() {
		items = append(items, category{g, g.English, g.MCCName})
	}
	return c.JSON(http.StatusOK, registry.Page[category]{Items: items})
}
