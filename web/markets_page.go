package web

import (
	"net/http"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"

	"github.com/labstack/echo/v4"
)

// marketsShown is how many markets a page lists: each costs a figure of its own.
const marketsShown = 25

type marketsPage struct {
	frame
	Q           string
	Rows        []marketRow
	First, Next string // addresses; empty: none
}

type marketRow struct {
	Path, Name, Place, Code string
	Site                    string // what it is, when it is no market
	Demo                    bool
	Share                   *coverage.Share // nil: not for this reader
}

// place is where a market is, as people say it.
func place(m registry.Market) string {
	if m.AreaName == "" || m.AreaName == m.ProvinceName {
		return m.ProvinceName
	}
	if m.ProvinceName == "" {
		return m.AreaName
	}
	return m.AreaName + ", " + m.ProvinceName
}

// marketsPage answers GET /.
func (s *Server) marketsPage(c echo.Context) error {
	ctx, by := c.Request().Context(), actor(c)
	p := marketsPage{frame: s.frame(c, language(c).T("Markets"), nil, "markets"), Q: asked(c, "q")}
	list, err := s.reg(c).Markets(ctx, by, p.Q, registry.List{Limit: marketsShown, Cursor: asked(c, "cursor")})
	if err != nil {
		return err
	}
	for _, m := range list.Items {
		row := marketRow{Path: marketPath(m.Code), Name: m.Name, Place: place(m), Code: m.Code, Demo: m.Demo}
		if m.Site != "" {
			row.Site = language(c).T(siteWords[m.Site])
		}
		if row.Share, err = s.shareFor(c, m); err != nil {
			return err
		}
		p.Rows = append(p.Rows, row)
	}
	if c.QueryParam("cursor") != "" {
		p.First = with(c, "cursor", "")
	}
	if list.Next != nil {
		p.Next = with(c, "cursor", *list.Next)
	}
	return s.show(c, http.StatusOK, "markets.html", p)
}

// shareFor is a market's figure, nil for who may see the market and not its figures, and for a place that is no market.
func (s *Server) shareFor(c echo.Context, m registry.Market) (*coverage.Share, error) {
	if m.Site != "" {
		return nil, nil
	}
	share, err := s.coverage.Share(c.Request().Context(), actor(c), coverage.Question{Market: m.Code})
	if fault.KindOf(err) == fault.Forbidden {
		return nil, nil
	}
	return &share, err
}
