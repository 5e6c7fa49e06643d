package web

import (
	"fmt"
	"net/http"
	"net/url"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"

	"github.com/labstack/echo/v4"
)

const (
	marketsShown = 25 // on one page: each costs a figure of its own
	needsShown   = 8  // markets at most of which the first page says what needs the reader: who has more sees it in each
)

type marketsPage struct {
	frame
	Q           string
	Rows        []marketRow
	First, Next string // addresses; empty: none
	Customers   []customersOf
	Needs       []marketNeeds
	Told        bool // whether all that needs the reader is in Needs
	Keeps       bool // the reader keeps webhooks
	Webhooks    int  // that wait for the reader's word as the second person
}

// marketNeeds is what needs the reader in a market.
type marketNeeds struct {
	Path, Name string
	Todo       []need
}

type marketRow struct {
	Path, Name, Place, Code string
	Site                    string // what it is, when it is no market
	Demo                    bool
	Share                   *coverage.Share // nil: not for this reader
}

// customersOf is a provider whose customers the reader may take out.
type customersOf struct{ Provider, CSV, XLSX string }

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
	for _, provider := range by.Providers() {
		path := "/api/v1/exports/customers.%s?provider=" + url.QueryEscape(provider)
		p.Customers = append(p.Customers, customersOf{registry.ProviderName(provider), fmt.Sprintf(path, "csv"), fmt.Sprintf(path, "xlsx")})
	}
	var err error
	if p.Webhooks, err = s.reg(c).WebhooksToApprove(ctx, by); err != nil {
		return err
	}
	p.Keeps = by.CanSomewhere(registry.KeepWebhooks)
	p.badge("/webhooks", p.Webhooks)
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
	p.Told = p.Q == "" && c.QueryParam("cursor") == "" && list.Next == nil && len(list.Items) <= needsShown
	for i, m := range list.Items {
		if !p.Told || !by.Can(registry.SeeVendors, m) {
			continue
		}
		closed, err := s.reg(c).ClosedAt(ctx, by, m.Code)
		if err != nil {
			return err
		}
		found, err := s.needs(c, m, countedIn(p.Rows[i].Share, len(closed)))
		if err != nil {
			return err
		}
		if found.list != nil {
			p.Needs = append(p.Needs, marketNeeds{p.Rows[i].Path, m.Name, found.list})
		}
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
