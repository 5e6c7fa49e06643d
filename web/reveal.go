package web

import (
	"net/http"
	"net/url"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// postReveal answers POST /api/v1/markets/{market}/stalls/{stall}/reveal: a phone or an account in full. It takes no Idempotency-Key,
// since the answer would be kept with the key.
func (s *Server) postReveal(c echo.Context) error {
	in, err := bindJSON[registry.Reveal](c)
	if err != nil {
		return err
	}
	number, err := s.reg(c).Reveal(c.Request().Context(), actor(c), c.Param("market"), param(c, "stall"), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"field": in.Field, "number": number})
}

// postSharing answers POST /api/v1/markets/{market}/stalls/{stall}/sharing: whether a wallet or bank may know of the vendor.
func (s *Server) postSharing(c echo.Context) error {
	in, err := bindJSON[registry.NewSharing](c)
	if err != nil {
		return err
	}
	shared, err := s.reg(c).RecordSharing(c.Request().Context(), actor(c), c.Param("market"), param(c, "stall"), in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, shared)
}

// getSharing answers GET /api/v1/markets/{market}/stalls/{stall}/sharing: who may know of the vendor now.
func (s *Server) getSharing(c echo.Context) error {
	all, err := s.reg(c).Sharings(c.Request().Context(), actor(c), c.Param("market"), param(c, "stall"))
	return items(c, all, err)
}

// revealed is what a stall's page says of numbers in full.
type revealed struct {
	Action string   // address; empty: not for this reader
	Fields []choice // what there is to see
	Reason string
	Number string // grouped; empty: not asked for yet
	Words  string // whose it is
	Wrong  wrong
}

// sharing is what a stall's page says of who may know of the vendor.
type sharing struct {
	Action    string // address; empty: not for this reader
	Shared    []registry.Sharing
	Providers []choice // whom the vendor may be asked about
	Wrong     wrong
}

// fillSharing adds to a stall's page what this reader may see and ask beside.
func (p *stallPage) fillSharing(s *Server, c echo.Context) error {
	if p.Stall.Vendor == nil {
		return nil
	}
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	if by.Can(registry.RevealNumber, p.Market) {
		p.Reveal.Action = stallPath(p.Market.Code, p.Stall.Code) + "/reveal"
		if p.Stall.Vendor.Phone != "" {
			p.Reveal.Fields = append(p.Reveal.Fields, choice{Value: "phone", Words: l.T("Phone %s", p.Stall.Vendor.Phone)})
		}
		for _, a := range p.Stall.Accounts {
			p.Reveal.Fields = append(p.Reveal.Fields, choice{Value: a.ID.String(), Words: a.ProviderName + " " + a.Number})
		}
	}
	var err error
	if p.Sharing.Shared, err = s.reg(c).Sharings(ctx, by, p.Market.Code, p.Stall.Code); err != nil {
		return err
	}
	if !by.Can(registry.RecordField, p.Market) {
		return nil
	}
	p.Sharing.Action = stallPath(p.Market.Code, p.Stall.Code) + "/sharing"
	seen := map[string]bool{}
	for _, a := range p.Stall.Accounts {
		live := a.State == registry.StateApproved || a.State == registry.StateProposed
		for _, sh := range p.Sharing.Shared {
			live = live && sh.Provider != a.Provider
		}
		if live && !seen[a.Provider] {
			seen[a.Provider] = true
			p.Sharing.Providers = append(p.Sharing.Providers, choice{Value: a.Provider, Words: a.ProviderName})
		}
	}
	return nil
}

// revealNumber answers POST /markets/:market/stalls/:stall/reveal: the stall's page with one number in full, once.
func (s *Server) revealNumber(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	in := registry.Reveal{Field: "phone", Reason: v.Get("reason")}
	words := language(c).T("Phone")
	if which := v.Get("field"); which != "phone" {
		in.Field = "account"
		if in.Account, err = registry.ParseRef[registry.Account](which); err != nil {
			return err
		}
		words = language(c).T("Account number")
	}
	number, err := s.reg(c).Reveal(c.Request().Context(), actor(c), c.Param("market"), param(c, "stall"), in)
	shown := revealed{Number: registry.Grouped(number), Words: words, Reason: in.Reason}
	code := http.StatusOK
	if err != nil {
		var ok bool
		if shown.Wrong, code, ok = told(c, err); !ok || fault.KindOf(err) == fault.Forbidden {
			return err
		}
		shown.Number = ""
	}
	return s.stall(c, code, filledForm{number: shown})
}

// shareVendor answers POST /markets/:market/stalls/:stall/sharing.
func (s *Server) shareVendor(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	in := registry.NewSharing{Provider: v.Get("provider"), Version: "vi-share-1", Given: "face_to_face", Withdrawn: v.Get("withdrawn") != ""}
	shared, err := s.reg(c).RecordSharing(c.Request().Context(), actor(c), c.Param("market"), param(c, "stall"), in)
	if err == nil {
		if shared.Shared {
			sayNext(c, "%s may know of this vendor.", shared.ProviderName)
		} else {
			sayNext(c, "%s no longer learns of this vendor.", shared.ProviderName)
		}
		return c.Redirect(http.StatusSeeOther, stallPath(c.Param("market"), param(c, "stall"))+"#"+url.PathEscape("sharing"))
	}
	w, code, ok := told(c, err)
	if !ok || fault.KindOf(err) == fault.Forbidden {
		return err
	}
	return s.stall(c, code, filledForm{sharing: w})
}
