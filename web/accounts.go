package web

import (
	"net/http"
	"path"

	"cho40/internal/fault"
	"cho40/qrgen"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// postAccount answers POST /api/v1/markets/{market}/stalls/{stall}/accounts: an account more, or a change of one, as a proposal.
func (s *Server) postAccount(c echo.Context) error {
	in, err := bindJSON[registry.NewAccount](c)
	if err != nil {
		return err
	}
	a, err := s.reg(c).Propose(c.Request().Context(), actor(c), c.Param("market"), param(c, "stall"), in)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/accounts/"+a.ID.String())
	return tagged(c, made(a.Again), a.ETag(), a)
}

// getAccount answers GET /api/v1/accounts/{account}.
func (s *Server) getAccount(c echo.Context) error {
	ref, err := registry.ParseRef[registry.Account](c.Param("account"))
	if err != nil {
		return err
	}
	a, err := s.reg(c).Account(c.Request().Context(), actor(c), registry.SeeVendors, ref)
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, a.ETag(), a)
}

// postHolderConsent answers POST /api/v1/accounts/{account}/holder-consent: the yes of the relative who holds the account.
func (s *Server) postHolderConsent(c echo.Context) error {
	ref, err := registry.ParseRef[registry.Account](c.Param("account"))
	if err != nil {
		return err
	}
	in, err := bindJSON[registry.NewConsent](c)
	if err != nil {
		return err
	}
	a, err := s.reg(c).RecordHolderConsent(c.Request().Context(), actor(c), ref, in)
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, a.ETag(), a)
}

// pending is a proposal with the version to decide on.
type pending struct {
	registry.Pending
	ETag string `json:"etag"`
}

// getPending answers GET /api/v1/markets/{market}/accounts: what waits for its second person.
func (s *Server) getPending(c echo.Context) error {
	ps, err := s.reg(c).Pending(c.Request().Context(), actor(c), c.Param("market"))
	if err != nil {
		return err
	}
	items := make([]pending, len(ps))
	for i, p := range ps {
		items[i] = pending{p, p.ETag()}
	}
	return c.JSON(http.StatusOK, registry.Page[pending]{Items: items})
}

// postDecision answers POST /api/v1/accounts/{account}/decision, with If-Match: the second person's word.
func (s *Server) postDecision(c echo.Context) error {
	in, err := bindJSON[struct {
		Decision   string `json:"decision"`
		Reason     string `json:"reason"`
		LastDigits string `json:"last_digits"`
	}](c)
	if err != nil {
		return err
	}
	ref, err := registry.ParseRef[registry.Account](c.Param("account"))
	if err != nil {
		return err
	}
	a, err := s.reg(c).Decide(c.Request().Context(), actor(c), registry.Decision{Account: ref, ETag: c.Request().Header.Get("If-Match"),
		Decision: in.Decision, Reason: in.Reason, LastDigits: in.LastDigits})
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, a.ETag(), a)
}

type answer struct {
	ID      registry.AccountRef `json:"id"`
	Status  int                 `json:"status"`
	State   registry.State      `json:"state,omitempty"`
	Problem *problem            `json:"problem,omitempty"`
}

// postDecisions answers POST /api/v1/markets/{market}/decisions: many decisions, answered one by one.
func (s *Server) postDecisions(c echo.Context) error {
	in, err := bindJSON[[]registry.Decision](c)
	if err != nil {
		return err
	}
	answers, err := s.reg(c).DecideMany(c.Request().Context(), actor(c), c.Param("market"), in)
	if err != nil {
		return err
	}
	out := make([]answer, len(answers))
	for i, a := range answers {
		out[i] = answer{ID: a.Account, Status: http.StatusOK, State: a.State}
		if a.Fault != nil {
			p := toProblem(language(c), a.Fault, status(a.Fault), requestID(c))
			out[i].Status, out[i].Problem = p.Status, &p
		}
	}
	return c.JSON(http.StatusOK, map[string]any{"items": out})
}

// getAccountQR answers GET /api/v1/accounts/{account}/qr.png, qr.svg and qr.txt: the frozen code of an approved account.
func (s *Server) getAccountQR(c echo.Context) error {
	ref, err := registry.ParseRef[registry.Account](c.Param("account"))
	if err != nil {
		return err
	}
	a, err := s.reg(c).Account(c.Request().Context(), actor(c), registry.PrintPlacards, ref)
	if err != nil {
		return err
	}
	if a.State != registry.StateApproved {
		return fault.New(fault.Conflict, "account-not-approved", "This account is %s. Only an approved one is shown as a code.", a.State)
	}
	var symbol qrgen.Symbol
	if err := symbol.UnmarshalBinary(a.Symbol); err != nil {
		return err
	}
	switch path.Base(c.Path()) {
	case "qr.txt":
		return c.String(http.StatusOK, a.Payload)
	case "qr.svg":
		return c.Blob(http.StatusOK, "image/svg+xml", symbol.SVG())
	}
	png, err := symbol.PNG(8)
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, "image/png", png)
}
