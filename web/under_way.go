package web

import (
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// underWayShown is long work of a market, which its page leads back to.
type underWayShown struct {
	Path, Tile, Words string
	Work              registry.Work
}

// underWay is the long work of a market that runs or stopped.
func (s *Server) underWay(c echo.Context, market string) (out []underWayShown, err error) {
	l := language(c)
	all, err := s.reg(c).UnderWay(c.Request().Context(), actor(c), market)
	for _, w := range all {
		switch {
		case w.Batch != nil:
			out = append(out, underWayShown{"/print-batches/" + w.Batch.String(), "t3", l.T("Placards are drawn"), w.Work})
		case w.Import != nil:
			out = append(out, underWayShown{"/imports/" + w.Import.String(), "t1", l.T("A ledger goes in"), w.Work})
		default:
			out = append(out, underWayShown{marketPath(market, "exports") + "#taken", "t2", l.T("A list leaves: %s", listWords(l, w.List)), w.Work})
		}
	}
	return out, err
}
