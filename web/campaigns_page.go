package web

import (
	"net/http"
	"net/url"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"

	"github.com/labstack/echo/v4"
)

type campaignsPage struct {
	figuresFrame
	Rows  []campaignShown
	Marks bool // the reader may say who was told
	Mark  string
	Wrong wrong
	Stall string // as it was typed
}

type campaignShown struct {
	ID, Name, Provider, Days, Where string
	Terms, Document                 string
	Facts                           []fact
	Chosen                          bool
}

// campaignsPage answers GET /campaigns.
func (s *Server) campaignsPage(c echo.Context) error {
	return s.campaigns(c, http.StatusOK, filledForm{}, campaignsPage{}, "")
}

func (s *Server) campaigns(c echo.Context, code int, sent filledForm, p campaignsPage, chosen string) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	f, g, err := s.onGround(c, registry.SeeCoverage, l.T("Campaigns"), "campaigns")
	if err != nil {
		return err
	}
	p.figuresFrame = f
	all, err := s.cov(c).Campaigns(ctx, by, g.MarketCode(), g.Area, registry.Day{}, registry.Day{})
	if err != nil {
		return err
	}
	p.Marks = g.Market != nil && by.Can(registry.RecordField, *g.Market)
	p.Mark = strings.Replace(f.Self, "/campaigns", "/campaigns/marks", 1)
	for i, ca := range all {
		row := campaignShown{ID: ca.ID.String(), Name: ca.Name, Provider: registry.ProviderName(ca.Provider), Days: l.Day(ca.From.End()) + " – " + l.Day(ca.Until.End()),
			Where: strings.Join(ca.Markets, ", "), Terms: ca.Terms, Document: ca.Document, Chosen: ca.ID.String() == chosen}
		if ca.Place != "" {
			row.Where = ca.Place
		} else if row.Where == "" {
			row.Where = l.T("The whole country")
		}
		add := func(label, value string) { row.Facts = append(row.Facts, fact{label, value}) }
		if ca.BuyerBenefit != nil {
			add(l.T("For each buyer"), l.Number(int(*ca.BuyerBenefit))+" đ")
		}
		if ca.VendorBenefit != nil {
			add(l.T("For each stall"), l.Number(int(*ca.VendorBenefit))+" đ")
		}
		if i < campaignsCounted {
			o, err := s.cov(c).CampaignOutcome(ctx, by, row.ID)
			switch {
			case err == nil:
				few := func(n *int) string {
					if n == nil {
						return l.T("fewer than 5")
					}
					return l.Number(*n)
				}
				add(l.T("Vendors who were told"), few(o.Told))
				add(l.T("Vendors who qualified"), few(o.Qualified))
				add(l.T("Began to be paid by scan"), few(o.Began))
			case fault.KindOf(err) != fault.NotFound:
				return err
			}
		}
		p.Rows = append(p.Rows, row)
	}
	if s.may(c, registry.RunCampaigns) {
		form := pageForm{ID: "campaign", Head: l.T("Enter a campaign"), Action: f.Self + "#campaign", Button: l.T("Enter the campaign"), Open: len(all) == 0, Fields: []formField{
			{Name: "provider", Label: l.T("Wallet or bank"), Required: true}, {Name: "name", Label: l.T("Name of the campaign"), Required: true},
			{Name: "from", Label: l.T("First day"), Type: "date", Required: true}, {Name: "until", Label: l.T("Last day"), Type: "date", Required: true},
			{Name: "buyer_benefit", Label: l.T("For each buyer"), Hint: l.T("Đồng, such as 50.000. May stay empty."), Mode: "numeric"},
			{Name: "vendor_benefit", Label: l.T("For each stall"), Hint: l.T("Đồng, such as 150.000. May stay empty."), Mode: "numeric"},
			{Name: "terms", Label: l.T("Terms"), Whole: true}, {Name: "document", Label: l.T("Announced in"), Hint: l.T("Document, number, day."), Required: true, Whole: true}}}.made(c, sent, url.Values{})
		p.Form = &form
	}
	return s.show(c, code, "campaigns.html", p)
}

// campaignsCounted is of how many campaigns a page says what came of them: each costs two readings of its markets.
const campaignsCounted = 6

// addCampaign answers POST /campaigns: in the market, the area or the country that the page is about.
func (s *Server) addCampaign(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	if _, err := s.reg(c).GroundFor(c.Request().Context(), actor(c), registry.RunCampaigns, asked(c, "market"), asked(c, "area")); err != nil {
		return err
	}
	w := wrong{Detail: language(c).T("Some fields need mending."), Fields: map[string]string{}}
	in := coverage.NewCampaign{Provider: strings.TrimSpace(v.Get("provider")), Name: v.Get("name"), Area: asked(c, "area"), Terms: v.Get("terms"), Document: v.Get("document")}
	if m := asked(c, "market"); m != "" {
		in.Markets = []string{m}
	}
	in.From, in.Until = s.formDay(c, v, "from", &w), s.formDay(c, v, "until", &w)
	for name, to := range map[string]**int64{"buyer_benefit": &in.BuyerBenefit, "vendor_benefit": &in.VendorBenefit} {
		var share *float64
		if share, *to = s.shareOrNumber(c, v, name, &w); share != nil {
			w.Fields[name] = language(c).T("Write a whole number.")
		}
	}
	code := http.StatusUnprocessableEntity
	if len(w.Fields) == 0 {
		if _, err = s.cov(c).AddCampaign(c.Request().Context(), actor(c), in); err == nil {
			sayNext(c, "The campaign is entered.")
			return c.Redirect(http.StatusSeeOther, c.Request().URL.RequestURI())
		}
		var ok bool
		if w, code, ok = toldOf(c, err); !ok {
			return err
		}
	}
	return s.campaigns(c, code, filledForm{id: "campaign", values: v, wrong: w}, campaignsPage{}, "")
}

// markVendor answers POST /campaigns/marks.
func (s *Server) markVendor(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	m, err := s.reg(c).MarketFor(c.Request().Context(), actor(c), registry.RecordField, asked(c, "market"))
	if err != nil {
		return err
	}
	stall := strings.TrimSpace(v.Get("stall"))
	if _, err = s.cov(c).MarkVendor(c.Request().Context(), actor(c), m.Code, v.Get("campaign"), coverage.Mark{Stall: stall, Kind: v.Get("kind")}); err == nil {
		sayNext(c, "Stall %s is marked.", stall)
		return c.Redirect(http.StatusSeeOther, strings.Replace(c.Request().URL.RequestURI(), "/campaigns/marks", "/campaigns", 1))
	}
	w, code, ok := toldOf(c, err)
	if !ok {
		return err
	}
	return s.campaigns(c, code, filledForm{}, campaignsPage{Wrong: w, Stall: stall}, v.Get("campaign"))
}
