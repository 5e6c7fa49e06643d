package web

import (
	"net/http"
	"net/url"
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
	ref, err := refIn[registry.DefaultProposal](c.Param("market"), v.Get("proposal"))
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

// wishShown is a proposal for another default on the page of its stall.
type wishShown struct {
	registry.DefaultProposal
	Approve string // address; empty: not for this reader
}

// wish is the proposal for another default that waits for the vendor of a stall; nil: none does, or the reader may not see it. It takes two
// accounts in force to wish for another.
func (s *Server) wish(c echo.Context, m registry.Market, st registry.Stall) (*wishShown, error) {
	if !actor(c).Can(registry.SeeVendors, m) || len(besideFirst(st)) == 0 {
		return nil, nil
	}
	ps, err := s.reg(c).DefaultProposals(c.Request().Context(), actor(c), m.Code)
	for _, p := range ps {
		if p.VendorID != st.Vendor.ID {
			continue
		}
		w := &wishShown{DefaultProposal: p}
		if !p.Mine && actor(c).Can(registry.ApproveChange, m) {
			w.Approve = marketPath(m.Code, "approvals") + "#defaults"
		}
		return w, nil
	}
	return nil, err
}

// besideFirst are the accounts in force beside the one that is printed first; none where no account is the first yet.
func besideFirst(st registry.Stall) (beside []registry.Account) {
	first := false
	for _, a := range st.Accounts {
		switch {
		case a.State != registry.StateApproved:
		case a.Default:
			first = true
		default:
			beside = append(beside, a)
		}
	}
	if !first || st.Vendor == nil {
		return nil
	}
	return beside
}

// defaultForm asks for another account to be printed first, or takes back what the reader asked for; nil: neither is for this reader.
func (s *Server) defaultForm(c echo.Context, m registry.Market, st registry.Stall, w *wishShown, sent filledForm) *pageForm {
	l, beside := language(c), besideFirst(st)
	if !actor(c).Can(registry.ProposeAccount, m) || len(beside) == 0 {
		return nil
	}
	action := stallPath(m.Code, st.Code) + "/default"
	if w != nil {
		if !w.Mine {
			return nil
		}
		f := pageForm{ID: "withdrawal", Head: l.T("Take back: another account to be printed first"), Action: action + "/withdrawal#withdrawal", Version: w.Ref.String() + " " + w.ETag(),
			Button: l.T("Take it back"), Stops: true, Means: []string{l.T("The money goes on to %s %s.", w.InsteadOf.ProviderName, w.InsteadOf.Number)},
			Fields: []formField{{Name: "reason", Label: l.T("Reason"), Whole: true}}}.made(c, sent, url.Values{})
		return &f
	}
	choices := make([]choice, len(beside))
	for i, a := range beside {
		choices[i] = choice{a.ID.String(), a.ProviderName + " " + a.Number + " · " + a.Holder, false}
	}
	f := pageForm{ID: "default", Head: l.T("Another account to be printed first"), Action: action + "#default", Button: l.T("Propose it"),
		Means: []string{l.T("Nothing moves yet: a second person reads the account's digits from the vendor's phone and approves. Until then the money goes where it goes now.")},
		Fields: []formField{{Name: "account", Label: l.T("Which account"), Options: choices, Whole: true},
			{Name: "reason", Label: l.T("Reason"), Hint: l.T("In a few words, for whoever approves."), Whole: true}}}.made(c, sent, url.Values{})
	return &f
}

// proposeDefault answers POST /markets/:market/stalls/:stall/default.
func (s *Server) proposeDefault(c echo.Context) error {
	return s.onDefault(c, "default", func(market, stall string, v url.Values) error {
		_, err := s.reg(c).ProposeDefault(c.Request().Context(), actor(c), market, stall, registry.NewDefault{Account: v.Get("account"), Reason: v.Get("reason")})
		if err == nil {
			sayNext(c, "Proposed. A second person decides it on the page of approvals.")
		}
		return err
	})
}

// withdrawDefault answers POST /markets/:market/stalls/:stall/default/withdrawal: by who brought it in.
func (s *Server) withdrawDefault(c echo.Context) error {
	return s.onDefault(c, "withdrawal", func(market, _ string, v url.Values) error {
		which, etag, _ := strings.Cut(v.Get("version"), " ")
		ref, err := refIn[registry.DefaultProposal](market, which)
		if err != nil {
			return err
		}
		if _, err = s.reg(c).DecideDefault(c.Request().Context(), actor(c), registry.DefaultDecision{Proposal: ref, ETag: etag, Decision: "withdraw", Reason: v.Get("reason")}); err == nil {
			sayNext(c, "Taken back. The money goes on to the account that is printed first.")
		}
		return err
	})
}

// onDefault does what a form about the first account of a stall asks for, and shows the stall again.
func (s *Server) onDefault(c echo.Context, id string, do func(market, stall string, v url.Values) error) error {
	market, stall := c.Param("market"), param(c, "stall")
	if _, err := s.reg(c).MarketFor(c.Request().Context(), actor(c), registry.ProposeAccount, market); err != nil { // first, so that a wrong role is told that and nothing else
		return err
	}
	v, err := form(c)
	if err != nil {
		return err
	}
	return s.again(c, id, v, do(market, stall, v), stallPath(market, stall))
}

// refIn reads the name of a record that a page of a market sends; one of another market is none. Faults: NotFound not-found.
func refIn[T any](market, text string) (registry.Ref[T], error) {
	ref, err := registry.ParseRef[T](text)
	if err == nil && ref.Market != market {
		err = fault.New(fault.NotFound, "not-found", "There is no such record here.")
	}
	return ref, err
}
