package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"cho40/internal/fault"
	"cho40/qrgen"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

type approvalsPage struct {
	frame
	Market       registry.Market
	Home, Action string
	First        bool // the reader may approve first accounts
	Any          int  // of them may be ticked
	All          bool // the reader ticked that all are meant
	New          []waitingShown
	Changes      []waitingShown
	Defaults     []waitingShown // other accounts to be printed first
	Who          string         // may approve here, in a sentence
	Nobody       bool           // nobody may
	Reason       string
	Wrong        wrong
	Refused      int // of what was sent
	Done         string
}

type waitingShown struct {
	Value                    string // of a new account: it and its version, as the form sends them
	ID, Action               string // of a form of its own
	Sends                    map[string]string
	Stall, StallPath, Vendor string
	Provider, Number, Holder string
	Rung                     string // how surely it is the vendor's
	OldProvider, OldNumber   string // whom the money goes to now
	Brought                  string // by whom, when, how
	Notes                    []string
	Mine, Chosen, Allowed    bool
	AskCode                  bool // the reader's second factor is too old for this
	LastDigits, Reason       string
	Wrong                    wrong // why it was not decided
}

// approvalsPage answers GET /markets/:market/approvals.
func (s *Server) approvalsPage(c echo.Context) error {
	return s.approvals(c, http.StatusOK, approvalsPage{}, nil)
}

// typed is what a person sent for one account, to be shown again.
type typed struct {
	chosen             bool
	lastDigits, reason string
	wrong              wrong
}

func (s *Server) approvals(c echo.Context, code int, p approvalsPage, sent map[string]typed) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	m, err := s.reg(c).MarketFor(ctx, by, registry.SeeVendors, c.Param("market"))
	if err != nil {
		return err
	}
	waiting, err := s.reg(c).Pending(ctx, by, m.Code)
	if err != nil {
		return err
	}
	wishes, err := s.reg(c).DefaultProposals(ctx, by, m.Code)
	if err != nil {
		return err
	}
	names, err := s.reg(c).Names(ctx, proposers(waiting, wishes))
	if err != nil {
		return err
	}
	title := l.T("Approve accounts")
	if len(waiting) > 0 {
		title = say(l, len(waiting), "1 account waits", "%s accounts wait")
	}
	p.frame = s.frame(c, title, &m, "approvals")
	p.Market, p.Home, p.Action = m, marketPath(m.Code), marketPath(m.Code, "approvals")
	p.First = by.Can(registry.ApproveFirst, m)
	p.badge(p.Action, len(waiting))
	for _, w := range waiting {
		shown := waitingShown{Value: w.ID.String() + " " + w.ETag(), Stall: w.Stall, StallPath: stallPath(m.Code, w.Stall), Vendor: w.Vendor,
			Provider: w.ProviderName, Number: w.Number, Holder: w.Holder, Mine: w.Mine, Allowed: p.First}
		shown.Brought = brought(names[w.TouchedBy[0]], l.Moment(w.ProposedAt), l.T(sourceWords[w.Source]))
		if w.Relation != "" {
			shown.Notes = append(shown.Notes, relativeInWords(l, w.Account))
		} else if !w.HolderGiven {
			shown.Notes = append(shown.Notes, l.T("Nobody has heard the bank say this holder's name yet."))
		} else if w.Holder != qrgen.Holder(w.Vendor) {
			shown.Notes = append(shown.Notes, l.T("The holder is not the vendor. Ask whose account it is."))
		}
		if len(w.AlsoPays) > 0 {
			shown.Notes = append(shown.Notes, l.T("The vendor's own code also pays: %s.", strings.Join(w.AlsoPays, ", ")))
		}
		shown.Rung, shown.Notes = s.ladder(l, w.Account, shown.Notes)
		sent := sent[w.ID.String()]
		shown.Chosen, shown.LastDigits, shown.Reason, shown.Wrong = sent.chosen, sent.lastDigits, sent.reason, sent.wrong
		if w.Replaces == nil {
			if !w.Mine {
				p.Any++
			}
			p.New = append(p.New, shown)
			continue
		}
		shown.Allowed, shown.AskCode = by.Can(registry.ApproveChange, m), by.Fresh(s.now()) != nil
		old, err := s.reg(c).Account(ctx, by, registry.SeeVendors, *w.Replaces) // changes are few
		if err != nil {
			return err
		}
		shown.OldProvider, shown.OldNumber = old.ProviderName, old.Number
		shown.ID, shown.Action, shown.Sends = "change-"+strconv.Itoa(len(p.Changes)), p.Action, map[string]string{"account": shown.Value, "change": "1"}
		p.Changes = append(p.Changes, shown)
	}
	p.Defaults = s.waitingDefaults(c, m, wishes, names, sent)
	if p.Who, p.Nobody, err = s.whoApproves(c, m); err != nil {
		return err
	}
	return s.show(c, code, "approvals.html", p)
}

func proposers(accounts []registry.Pending, wishes []registry.DefaultProposal) (ids []string) {
	for _, p := range accounts {
		ids = append(ids, p.TouchedBy[0])
	}
	for _, p := range wishes {
		ids = append(ids, p.TouchedBy[0])
	}
	return ids
}

// brought says by whom, when and how something came in; empty parts are not known.
func brought(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " · ")
}

// approve answers POST /markets/:market/approvals: the ticked first accounts, or one change. What was refused is said row by
// row; the rest is decided.
func (s *Server) approve(c echo.Context) error {
	l := language(c)
	v, err := form(c)
	if err != nil {
		return err
	}
	chosen := v["account"]
	if v.Get("all") != "" { // what stood on the page, in the versions that stood there
		chosen = v["shown"]
	}
	if len(chosen) == 0 {
		return s.approvals(c, http.StatusUnprocessableEntity, approvalsPage{Reason: v.Get("reason"),
			Wrong: wrong{Detail: l.T("Tick the accounts first.")}}, nil)
	}
	in := make([]registry.Decision, len(chosen))
	sent := map[string]typed{}
	for i, value := range chosen {
		ref, etag, _ := strings.Cut(value, " ")
		account, err := registry.ParseRef[registry.Account](ref)
		if err != nil {
			return err
		}
		in[i] = registry.Decision{Account: account, ETag: etag, Decision: v.Get("decision"), Reason: v.Get("reason"), LastDigits: strings.TrimSpace(v.Get("last_digits"))}
		sent[account.String()] = typed{chosen: true, lastDigits: v.Get("last_digits"), reason: v.Get("reason")}
	}
	if v.Get("decision") == "reject" && strings.TrimSpace(v.Get("reason")) == "" {
		missing := wrong{Fields: map[string]string{"reason": l.T("Say why, in a few words: whoever brought it in reads this.")}}
		p := approvalsPage{Wrong: missing, All: v.Get("all") != ""}
		if v.Get("change") != "" {
			p.Wrong = wrong{}
			sent[in[0].Account.String()] = typed{lastDigits: v.Get("last_digits"), wrong: missing}
		}
		return s.approvals(c, http.StatusUnprocessableEntity, p, sent)
	}
	answers, err := s.reg(c).DecideMany(c.Request().Context(), actor(c), c.Param("market"), in)
	if err != nil {
		return err
	}
	done, code := 0, http.StatusOK
	p := approvalsPage{Reason: v.Get("reason")}
	for i, a := range answers {
		if a.Fault == nil {
			done++
			delete(sent, a.Account.String())
			continue
		}
		if a.Fault.Code == "step-up-needed" && v.Get("change") != "" { // asked for in the place of an answer
			return a.Fault
		}
		p.Refused++
		t := sent[a.Account.String()]
		w, status, ok := told(c, a.Fault)
		if !ok { // an account that is not there any more
			w, status = wrong{Detail: l.Text(a.Fault.Detail)}, http.StatusConflict
		}
		if a.Fault.Kind == fault.Stale {
			w.Detail = l.T("Somebody was here since you opened this page. Look at it as it is now, then decide again.")
		}
		if reason := w.At("reason"); reason != "" && v.Get("change") == "" { // its field stands below, for all that were ticked
			w.Detail = reason
		}
		t.wrong = w
		if v.Get("change") != "" {
			p.Reason, t.chosen = "", false
		}
		sent[a.Account.String()] = t
		if i == 0 || code == http.StatusOK {
			code = status
		}
	}
	if p.Refused == 0 {
		sayDecided(c, done, v.Get("decision"))
		return c.Redirect(http.StatusSeeOther, marketPath(c.Param("market"), "approvals"))
	}
	if done > 0 {
		code = http.StatusOK
		p.Done = say(l, done, "1 account is decided.", "%s accounts are decided.")
	}
	return s.approvals(c, code, p, sent)
}

func sayDecided(c echo.Context, n int, decision string) {
	number := language(c).Number(n)
	switch {
	case decision == "reject" && n == 1:
		sayNext(c, "1 account is turned down.")
	case decision == "reject":
		sayNext(c, "%s accounts are turned down.", number)
	case n == 1:
		sayNext(c, "1 account is approved. Its placard can be printed.")
	default:
		sayNext(c, "%s accounts are approved. Their placards can be printed.", number)
	}
}
