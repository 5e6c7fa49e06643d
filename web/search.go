package web

import (
	"net/http"

	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// getSearch answers GET /api/v1/search?q=&market=: stalls wherever the reader sees vendors, the likeliest first.
func (s *Server) getSearch(c echo.Context) error {
	var q struct {
		Q      string `query:"q"`
		Market string `query:"market"`
		Limit  int    `query:"limit"`
	}
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	found, err := s.reg(c).Search(c.Request().Context(), actor(c), q.Q, q.Market, q.Limit)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		registry.Findings
		Advice string `json:"advice"`
	}{found, language(c).Text(found.Advice)})
}

// foundShown is how many stalls the page of a search shows: whoever does not see theirs types a word more.
const foundShown = 20

type searchPage struct {
	frame
	Q      string
	Market *registry.Market // the search is inside of it; nil: everywhere
	Self   string           // the same search everywhere
	Rows   []foundRow
	Advice string
}

type foundRow struct {
	registry.Found
	Path, By string
}

// foundWords say by what somebody was found.
var foundWords = map[registry.Matched]string{
	registry.ByCode: "Stall code", registry.ByName: "Name", registry.ByPhone: "End of the phone number",
	registry.ByInitials: "First letters", registry.BySimilar: "Similar name",
}

// searchPage answers GET /search?q=&market=.
func (s *Server) searchPage(c echo.Context) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	p := searchPage{Q: asked(c, "q"), Self: with(c, "market", "")}
	code := asked(c, "market")
	if code != "" {
		m, err := s.reg(c).Market(ctx, by, code)
		if err != nil {
			return err
		}
		p.Market = &m
	}
	found, err := s.reg(c).Search(ctx, by, p.Q, code, foundShown)
	if err != nil {
		return err
	}
	for _, f := range found.Items {
		p.Rows = append(p.Rows, foundRow{f, stallPath(f.Market, f.Stall), l.T(foundWords[f.Matched])})
	}
	p.Advice = l.Text(found.Advice)
	p.frame = s.frame(c, l.T("Find a vendor"), p.Market, "search")
	return s.show(c, http.StatusOK, "search.html", p)
}
