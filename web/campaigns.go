package web

import (
	"net/http"

	"cho40/vendor_registry/coverage"

	"github.com/labstack/echo/v4"
)

// getCampaigns answers GET /api/v1/campaigns.
func (s *Server) getCampaigns(c echo.Context) error {
	from, err := queryDay(c, "from")
	if err != nil {
		return err
	}
	until, err := queryDay(c, "until")
	if err != nil {
		return err
	}
	all, err := s.cov(c).Campaigns(c.Request().Context(), actor(c), c.QueryParam("market"), c.QueryParam("area"), from, until)
	return items(c, all, err)
}

// postCampaign answers POST /api/v1/campaigns.
func (s *Server) postCampaign(c echo.Context) error {
	in, err := bindJSON[coverage.NewCampaign](c)
	if err != nil {
		return err
	}
	made, err := s.cov(c).AddCampaign(c.Request().Context(), actor(c), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, made)
}

// getCampaign answers GET /api/v1/campaigns/{campaign}.
func (s *Server) getCampaign(c echo.Context) error {
	o, err := s.cov(c).CampaignOutcome(c.Request().Context(), actor(c), c.Param("campaign"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, o)
}

// deleteCampaign answers DELETE /api/v1/campaigns/{campaign}.
func (s *Server) deleteCampaign(c echo.Context) error {
	if err := s.cov(c).EndCampaign(c.Request().Context(), actor(c), c.Param("campaign")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// postMark answers POST /api/v1/markets/{market}/campaigns/{campaign}/marks.
func (s *Server) postMark(c echo.Context) error {
	in, err := bindJSON[coverage.Mark](c)
	if err != nil {
		return err
	}
	m, err := s.cov(c).MarkVendor(c.Request().Context(), actor(c), c.Param("market"), c.Param("campaign"), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, m)
}
