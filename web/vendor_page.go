package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

type vendorPage struct {
	frame
	Market    registry.Market
	Home      string
	Vendor    registry.VendorRecord
	Kind, SIM string // in words
	Stalls    []heldShown
	Accounts  []accountShown
	StoryHead string
	Story     []happeningShown
	Older     string // address of what happened before; empty: that is all
	Forms     []pageForm
	Asked     []requestShown // what the vendor asked about their own data
}

type heldShown struct {
	Code, Path, Section, Status, Tile, Reason, To string
	From                                          time.Time
	Until                                         *time.Time
}

func vendorPath(market string, v registry.VendorID) string {
	return marketPath(market, "vendors", v.String())
}

// vendorPage answers GET /markets/:market/vendors/:vendor; before= goes back in the story.
func (s *Server) vendorPage(c echo.Context) error {
	return s.showVendor(c, http.StatusOK, filledForm{})
}

func (s *Server) showVendor(c echo.Context, code int, sent filledForm) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	v, err := s.reg(c).Vendor(ctx, by, c.Param("market"), vendorID(c))
	if err != nil {
		return err
	}
	m, err := s.reg(c).Market(ctx, by, v.Market)
	if err != nil {
		return err
	}
	story, err := s.reg(c).VendorTimeline(ctx, by, m.Code, v.ID, registry.List{Limit: storyShown, Cursor: c.QueryParam("before")})
	if err != nil {
		return err
	}
	p := vendorPage{frame: s.frame(c, v.Name, &m, "market"), Market: m, Home: marketPath(m.Code), Vendor: v, StoryHead: l.T("What happened to this vendor"), Older: older(story.Next),
		Kind: l.T(kindWords[v.Kind]), SIM: l.T(simWords[v.SIM])}
	p.Path = vendorPath(m.Code, v.ID)
	for _, h := range story.Items {
		p.Story = append(p.Story, s.happening(c, h))
	}
	for _, h := range v.Stalls {
		shown := heldShown{Code: h.Stall, Path: stallPath(m.Code, h.Stall), Section: h.Section, Reason: why(l, h.Reason), To: h.MovedTo, From: h.From.End(), Tile: "t0"}
		if h.Until != nil {
			until := h.Until.End()
			shown.Until, shown.Tile, shown.Status = &until, "vacant", l.T(endWords[h.Status])
		} else {
			shown.Status = l.T(stateWords[h.Status])
		}
		p.Stalls = append(p.Stalls, shown)
	}
	for _, a := range v.Accounts {
		p.Accounts = append(p.Accounts, s.accountShown(c, a))
	}
	if by.Can(registry.RegisterStall, m) {
		choices := func(words map[string]string, names []string) (all []choice) {
			for _, n := range names {
				all = append(all, choice{n, l.T(words[n]), false})
			}
			return all
		}
		correct := pageForm{ID: "correct", Head: l.T("Correct the vendor"), Action: p.Path + "#correct", Button: l.T("Save"), Version: v.ETag(),
			Means: []string{l.T("Placards keep the name that was printed on them.")}, Fields: []formField{
				{Name: "name", Label: l.T("Name"), Required: true}, {Name: "phone", Label: l.T("New phone number"), Mode: "tel", Hint: l.T("Leave it empty to keep the number.")},
				{Name: "kind", Label: l.T("Kind of vendor"), Options: choices(kindWords, registry.VendorKinds)},
				{Name: "sim_registered", Label: l.T("Is the SIM registered to the vendor?"), Options: choices(simWords, registry.SIMWords)}}}
		merge := pageForm{ID: "merge", Head: l.T("The same person stands in the record twice"), Action: p.Path + "/merge#merge", Button: l.T("Make them one"), Stops: true,
			Means: []string{l.T("The other vendor stays, with the account their money goes to now; this record's stalls and history become theirs."),
				l.T("A placard of this record goes on only where the other vendor has the same account approved. Every other one stops, and its account comes in as a proposal."),
				l.T("It cannot be undone.")},
			Fields: []formField{{Name: "stall", Label: l.T("A stall of the vendor who stays"), Required: true}, {Name: "reason", Label: l.T("Reason")}}}
		p.Forms = []pageForm{
			correct.made(c, sent, url.Values{"name": {v.Name}, "kind": {v.Kind}, "sim_registered": {v.SIM}}),
			merge.made(c, sent, url.Values{})}
	}
	p.Forms = append(p.Forms, s.requestForms(c, m, v, sent)...)
	if by.Can(registry.AnswerRequests, m) {
		asked, err := s.reg(c).RequestsOf(ctx, by, m.Code, v.ID)
		if err != nil {
			return err
		}
		for _, r := range asked {
			p.Asked = append(p.Asked, s.requestShown(c, m, r))
		}
	}
	return s.show(c, code, "vendor.html", p)
}

// changeVendor answers POST /markets/:market/vendors/:vendor.
func (s *Server) changeVendor(c echo.Context) error {
	ctx, by, market := c.Request().Context(), actor(c), c.Param("market")
	if _, err := s.reg(c).MarketFor(ctx, by, registry.RegisterStall, market); err != nil {
		return err
	}
	v, err := form(c)
	if err != nil {
		return err
	}
	name, kind, sim := v.Get("name"), v.Get("kind"), v.Get("sim_registered")
	in := registry.ChangedVendor{Name: &name, Kind: &kind, SIM: &sim}
	if phone := v.Get("phone"); strings.TrimSpace(phone) != "" {
		in.Phone = &phone
	}
	r, err := s.reg(c).ChangeVendor(ctx, by, market, vendorID(c), v.Get("version"), in)
	if err == nil {
		sayNext(c, "Saved: %s.", r.Name)
	}
	return s.vendorAgain(c, "correct", v, r, err)
}

// mergeVendor answers POST /markets/:market/vendors/:vendor/merge: the vendor of another stall stays.
func (s *Server) mergeVendor(c echo.Context) error {
	ctx, by, market := c.Request().Context(), actor(c), c.Param("market")
	if _, err := s.reg(c).MarketFor(ctx, by, registry.RegisterStall, market); err != nil {
		return err
	}
	v, err := form(c)
	if err != nil {
		return err
	}
	at, err := s.reg(c).Stall(ctx, by, market, v.Get("stall"))
	if fault.CodeOf(err) == "stall-not-found" || err == nil && at.Vendor == nil {
		err = fault.New(fault.Invalid, "merge-invalid", "Some fields need mending.").With(fault.At("stall", "unknown", "No vendor holds such a stall in this market."))
	}
	var r registry.VendorRecord
	if err == nil {
		if r, err = s.reg(c).Merge(ctx, by, market, vendorID(c), registry.Merge{Into: at.Vendor.ID, Reason: v.Get("reason")}); err == nil {
			sayNext(c, "The two records are one: %s.", r.Name)
		}
	}
	return s.vendorAgain(c, "merge", v, r, err)
}

// vendorAgain shows the page once more with a form that was refused, or goes on to the vendor.
func (s *Server) vendorAgain(c echo.Context, id string, v url.Values, r registry.VendorRecord, err error) error {
	if err == nil {
		return c.Redirect(http.StatusSeeOther, vendorPath(r.Market, r.ID))
	}
	w, code, ok := told(c, err)
	if !ok || fault.KindOf(err) == fault.Forbidden {
		return err
	}
	return s.showVendor(c, code, filledForm{id: id, values: v, wrong: w})
}
