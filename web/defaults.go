package web

import (
	"net/http"
	"strconv"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// postDefault answers POST /api/v1/markets/{market}/stalls/{stall}/default: another approved account as the default, as a proposal.
func (s *Server) postDefault(c echo.Context) error {
	in, err := bindJSON[registry.NewDefault](c)
	if err != nil {
		return err
	}
	p, err := s.reg(c).ProposeDefault(c.Request().Context(), actor(c), c.Param("market"), param(c, "stall"), in)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/default-proposals/"+p.Ref.String())
	return tagged(c, http.StatusCreated, p.ETag(), p)
}

// getDefaults answers GET /api/v1/markets/{market}/default-proposals.
func (s *Server) getDefaults(c echo.Context) error {
	ps, err := s.reg(c).DefaultProposals(c.Request().Context(), actor(c), c.Param("market"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, registry.Page[registry.DefaultProposal]{Items: ps})
}

// getDefault answers GET /api/v1/default-proposals/{proposal}.
func (s *Server) getDefault(c echo.Context) error {
	ref, err := registry.ParseRef[registry.DefaultProposal](c.Param("proposal"))
	if err != nil {
		return err
	}
	p, err := s.reg(c).DefaultProposal(c.Request().Context(), actor(c), ref)
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, p.ETag(), p)
}

// postDefaultDecision answers POST /api/v1/default-proposals/{proposal}/decision, with If-Match.
func (s *Server) postDefaultDecision(c echo.Context) error {
	in, err := bindJSON[registry.DefaultDecision](c)
	if err != nil {
		return err
	}
	if in.Proposal, err = registry.ParseRef[registry.DefaultProposal](c.Param("proposal")); err != nil {
		return err
	}
	in.ETag = c.Request().Header.Get("If-Match")
	p, err := s.reg(c).DecideDefault(c.Request().Context(), actor(c), in)
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, p.ETag(), p)
}

// waitingDefaults dresses a market's proposals for another default; names are of who brought them in, sent is what a person typed for one, by its id.
func (s *Server) waitingDefaults(c echo.Context, m registry.Market, ps []registry.DefaultProposal, names map[string]string, sent map[string]typed) []waitingShown {
	l := language(c)
	var out []waitingShown
	for i, p := range ps {
		d := waitingShown{ID: "default-" + strconv.Itoa(i), Action: marketPath(m.Code, "approvals", "defaults"),
			Sends: map[string]string{"proposal": p.Ref.String(), "etag": p.ETag()}, Stall: p.Stall, Vendor: p.Vendor, Provider: p.Account.ProviderName, Number: p.Account.Number,
			Holder: p.Account.Holder, OldProvider: p.InsteadOf.ProviderName, OldNumber: p.InsteadOf.Number, Brought: brought(names[p.TouchedBy[0]], l.Moment(p.ProposedAt)),
			Mine: p.Mine, Allowed: actor(c).Can(registry.ApproveChange, m), AskCode: actor(c).Fresh(s.now()) != nil}
		a := p.Account
		a.Reason = p.Reason
		d.Rung, d.Notes = s.ladder(l, a, nil)
		t := sent[p.Ref.String()]
		d.LastDigits, d.Reason, d.Wrong = t.lastDigits, t.reason, t.wrong
		out = append(out, d)
	}
	return out
}

// decideDefault answers POST /markets/:market/approvals/defaults: the form beside one proposal for another default.
func (s *Server) decideDefault(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	// First, so that a wrong role is told that and nothing else.
	if _, err := s.reg(c).MarketFor(c.Request().Context(), actor(c), registry.ApproveChange, c.Param("market")); err != nil {
		return err
	}
	ref, err := registry.ParseRef[registry.DefaultProposal](v.Get("proposal"))
	if err == nil && ref.Market != c.Param("market") {
		err = fault.New(fault.NotFound, "not-found", "There is no such record here.")
	}
	if err != nil {
		return err
	}
	p, err := s.reg(c).DecideDefault(c.Request().Context(), actor(c), registry.DefaultDecision{Proposal: ref, ETag: v.Get("etag"),
		Decision: v.Get("decision"), Reason: v.Get("reason"), LastDigits: strings.TrimSpace(v.Get("last_digits"))})
	if err != nil {
		w, status, ok := told(c, err)
		if !ok || fault.CodeOf(err) == "step-up-needed" { // asked for in the place of an answer
			return err
		}
		return s.approvals(c, status, approvalsPage{Refused: 1}, map[string]typed{ref.String(): {lastDigits: v.Get("last_digits"), reason: v.Get("reason"), wrong: w}})
	}
	if p.State == registry.StateApproved {
		sayNext(c, "The vendor's money goes to the other account from now on. New placards wait to be printed.")
	} else {
		sayNext(c, "1 account is turned down.")
	}
	return c.Redirect(http.StatusSeeOther, marketPath(c.Param("market"), "approvals"))
}
