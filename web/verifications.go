package web

import (
	"net/http"
	"strings"

	"cho40/web/lang"

	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// postWithdrawal answers POST /api/v1/accounts/{account}/withdrawal: who brought it in takes it back.
func (s *Server) postWithdrawal(c echo.Context) error {
	in, err := bindJSON[struct {
		Reason string `json:"reason"`
	}](c)
	if err != nil {
		return err
	}
	ref, err := registry.ParseRef[registry.Account](c.Param("account"))
	if err != nil {
		return err
	}
	a, err := s.reg(c).Withdraw(c.Request().Context(), actor(c), ref, in.Reason)
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, a.ETag(), a)
}

// getSteps answers GET /api/v1/accounts/{account}/verifications: the ladder as it was climbed.
func (s *Server) getSteps(c echo.Context) error {
	ref, err := registry.ParseRef[registry.Account](c.Param("account"))
	if err != nil {
		return err
	}
	steps, err := s.reg(c).Steps(c.Request().Context(), actor(c), ref)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, registry.Page[registry.Step]{Items: steps})
}

// postStep answers POST /api/v1/accounts/{account}/verifications.
func (s *Server) postStep(c echo.Context) error {
	in, err := bindJSON[registry.NewStep](c)
	if err != nil {
		return err
	}
	ref, err := registry.ParseRef[registry.Account](c.Param("account"))
	if err != nil {
		return err
	}
	step, err := s.reg(c).Verified(c.Request().Context(), actor(c), ref, in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, step)
}

// ladder is how surely an account is the vendor's, in words, and what an approver should know beside.
func (s *Server) ladder(l lang.Lang, a registry.Account, notes []string) (rung string, all []string) {
	if a.ClosedSince != nil {
		notes = append(notes, closedInWords(l, a.ProviderName, a.Number, *a.ClosedSince))
	}
	if v := a.Verification; v != nil {
		rung = l.T(rungWords[v.Rung])
		if v.ExpiresAt != nil {
			rung += " · " + l.T("holds until %s", l.Day(*v.ExpiresAt))
		}
		if v.NameDiffers {
			notes = append(notes, l.T("Another name was heard: %s. Ask whose account it is.", v.HeardName))
		}
	}
	if len(a.SharedWith) > 0 {
		notes = append(notes, l.T("Another vendor has the same account (stall %s).", strings.Join(a.SharedWith, ", ")))
	}
	if a.Reason != "" {
		notes = append(notes, l.T("Reason: %s", a.Reason))
	}
	if a.AccountKind == "merchant" {
		notes = append(notes, l.T("A merchant's account, under a contract with %s.", a.ProviderName))
	}
	return rung, notes
}
