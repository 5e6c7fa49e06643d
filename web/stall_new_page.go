package web

import (
	"net/http"
	"net/url"
	"strings"

	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

type newStallPage struct {
	frame
	Market registry.Market
	Home   string
	Form   pageForm
}

// newStallPage answers GET /markets/:market/new-stall: a stall that no ledger brought.
func (s *Server) newStallPage(c echo.Context) error {
	return s.addStall(c, http.StatusOK, filledForm{})
}

func (s *Server) addStall(c echo.Context, code int, sent filledForm) error {
	l, by := language(c), actor(c)
	m, err := s.reg(c).MarketFor(c.Request().Context(), by, registry.RegisterStall, c.Param("market"))
	if err != nil {
		return err
	}
	relations := []choice{{"", l.T("The vendor's own account"), false}}
	for _, r := range registry.Relations {
		relations = append(relations, choice{r, l.T(relationWords[r]), false})
	}
	f := pageForm{ID: "new", Action: marketPath(m.Code, "new-stall"), Button: l.T("Add the stall"), Open: true, Fields: []formField{
		{Name: "code", Label: l.T("Code as painted on the stall"), Required: true}, {Name: "section", Label: l.T("Section")},
		{Name: "goods", Label: l.T("Goods"), Whole: true},
		{Name: "name", Label: l.T("Vendor's name"), Hint: l.T("Leave it empty for a stall that nobody holds.")}, {Name: "phone", Label: l.T("Phone"), Mode: "tel"},
		{Name: "given", Label: l.T("The vendor agrees that it is recorded"), Options: consentChoices(c), Whole: true},
		{Name: "provider", Label: l.T("Wallet or bank"), Hint: l.T("As people call it: Viettel Money, Vietcombank.")}, {Name: "number", Label: l.T("Account number"), Mode: "numeric"},
		{Name: "holder", Label: l.T("Holder, as the bank's app shows it")}, {Name: "relation", Label: l.T("Whose account it is"), Options: relations}}}
	p := newStallPage{frame: s.frame(c, l.T("Add a stall"), &m, "market"), Market: m, Home: marketPath(m.Code), Form: f.made(c, sent, url.Values{})}
	return s.show(c, code, "new-stall.html", p)
}

// newStall answers POST /markets/:market/new-stall. What may be in the record already is shown first, once.
func (s *Server) newStall(c echo.Context) error {
	ctx, by, market := c.Request().Context(), actor(c), c.Param("market")
	v, err := form(c)
	if err != nil {
		return err
	}
	in := registry.NewStall{Code: v.Get("code"), Section: v.Get("section"), Goods: v.Get("goods"), Consent: consentOf(c, v)}
	if v.Get("name") != "" || v.Get("phone") != "" {
		in.Vendor = &registry.NewVendor{Name: v.Get("name"), Phone: v.Get("phone")}
	}
	if strings.TrimSpace(v.Get("provider")+v.Get("number")) != "" {
		in.Accounts = []registry.NewAccount{{Provider: v.Get("provider"), Number: v.Get("number"), Holder: v.Get("holder"), Relation: v.Get("relation")}}
	}
	sent := filledForm{id: "new", values: v}
	if v.Get("sure") == "" {
		f, err := s.reg(c).CheckStall(ctx, by, market, in)
		if err == nil && len(f.Warnings) > 0 {
			sent.warnings = f.Warnings
			return s.addStall(c, http.StatusOK, sent)
		}
	}
	st, err := s.reg(c).Register(ctx, by, market, in)
	if err == nil {
		sayNext(c, "Stall %s is in the record.", st.Code)
		return c.Redirect(http.StatusSeeOther, stallPath(market, st.Code))
	}
	w, code, ok := told(c, err)
	if !ok {
		return err
	}
	sent.wrong = w
	return s.addStall(c, code, sent)
}
