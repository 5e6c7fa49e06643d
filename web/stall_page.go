package web

import (
	"net/http"
	"net/url"
	"time"

	registry "cho40/vendor_registry"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

type stallPage struct {
	frame
	Market         registry.Market
	Home, Section  string // addresses of the market and of the section in it
	Stall          registry.Stall
	Tile, Words    string
	Print, Approve string // addresses; empty: not for this reader, or nothing to do
	Accounts       []accountShown
	Ladders        []ladderShown // of the accounts that are in force or wait
	Wish           *wishShown    // another account is to be printed first
	Placards       []placardShown
	Missing        []string
	StoryHead      string
	Story          []happeningShown
	Tasks          []taskShown
	Closed         []closedShown // accounts that their providers say are closed
	Gap            string        // how long nobody can pay by scanning here; empty: one can
	Older          string        // address of what happened before; empty: that is all
	Waiting        bool          // a proposal waits
	Vendor         string        // address of the vendor's page
	Status         string        // how the vendor trades there, in words; empty: as usual
	Forms          []pageForm
	Reveal         revealed
	Sharing        sharing
}

type accountShown struct {
	Provider, Number, Holder, Tile, State string
	Relative                              string // whose it is, where it is not the vendor's own
	Default, Unheard, Change              bool
	Rung                                  string
	Notes                                 []string
}

type taskShown struct{ Tile, Words, About, When string }

type placardShown struct {
	Serial                    registry.Serial
	Page, Check, Batch        string // addresses: among ourselves, for shoppers, of the batch
	Provider, Holder, Tail    string
	State, Mark, Result, Tile string
	CheckedAt                 *time.Time
	Live                      bool
	Stall, StallPath, Cell    string
}

// storyShown is how much of a story stands on one page.
const storyShown = 30

// stallPage answers GET /markets/:market/stalls/:stall; before= goes back in its story.
func (s *Server) stallPage(c echo.Context) error { return s.stall(c, http.StatusOK, filledForm{}) }

func (s *Server) stall(c echo.Context, code int, sent filledForm) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	st, err := s.reg(c).Stall(ctx, by, c.Param("market"), param(c, "stall"))
	if err != nil {
		return err
	}
	m, err := s.reg(c).Market(ctx, by, st.Market)
	if err != nil {
		return err
	}
	story, err := s.reg(c).Timeline(ctx, by, m.Code, st.Code, registry.List{Limit: storyShown, Cursor: c.QueryParam("before")})
	if err != nil {
		return err
	}
	title := st.Code
	if st.Vendor != nil {
		title += " · " + st.Vendor.Name
	}
	p := stallPage{frame: s.frame(c, title, &m, "market"), Market: m, Home: marketPath(m.Code), Stall: st, StoryHead: l.T("What happened here"), Older: older(story.Next)}
	p.Path = stallPath(m.Code, st.Code) // a form shown again stands under an address that only takes forms
	if st.Vendor != nil {
		p.Vendor = vendorPath(m.Code, st.Vendor.ID)
		p.Status = statusInWords(l, st)
	}
	if st.Section != "" {
		p.Section = p.Home + "?section=" + url.QueryEscape(st.Section) + "#stalls"
	}
	hangs, stopped := false, false
	var theirs []registry.Placard
	batches := map[registry.Serial]string{}
	for _, h := range story.Items {
		p.Story = append(p.Story, s.happening(c, h))
		if h.Batch != nil && by.Can(registry.PrintPlacards, m) {
			batches[h.Serial] = "/print-batches/" + h.Batch.String()
		}
	}
	for _, pl := range st.Placards {
		shown := s.placard(c, pl)
		shown.Batch = batches[pl.Serial]
		p.Placards = append(p.Placards, shown)
		if st.Vendor == nil || pl.VendorID != st.Vendor.ID { // of somebody who traded here before
			continue
		}
		theirs = append(theirs, pl)
		hangs = hangs || pl.State == "installed" && pl.InUse()
		stopped = stopped || pl.State == "suspended"
	}
	p.Tile, p.Words, _ = chip(st.Stage, stopped && !hangs, false, st.Vendor == nil || st.Trades)
	p.Words = l.T(p.Words)
	approved := false
	for _, a := range st.Accounts {
		shown := s.accountShown(c, a)
		approved = approved || a.State == registry.StateApproved && a.Default && a.ClosedSince == nil
		p.Waiting = p.Waiting || a.State == registry.StateProposed
		p.Accounts = append(p.Accounts, shown)
	}
	if p.Ladders, err = s.ladders(c, m, st, sent); err != nil {
		return err
	}
	if p.Wish, err = s.wish(c, m, st); err != nil {
		return err
	}
	if p.Tasks, err = s.openTasks(c, m, st.Code); err != nil {
		return err
	}
	p.Closed = s.closedAccounts(c, m, st)
	if st.Gap != nil {
		p.Gap = say(l, st.Gap.Days, "1 day without a placard that works", "%s days without a placard that works")
		if st.Gap.Days == 0 {
			p.Gap = l.T("Without a placard that works since today")
		}
	}
	for _, code := range st.Missing {
		p.Missing = append(p.Missing, l.T(missingWords[code]))
	}
	if approved && by.Can(registry.PrintPlacards, m) && !liveOne(theirs) {
		p.Print = marketPath(m.Code, "print") + "?stalls=" + url.QueryEscape(st.Code)
	}
	if p.Waiting && by.Can(registry.ApproveFirst, m) {
		p.Approve = marketPath(m.Code, "approvals")
	}
	p.Reveal, p.Sharing.Wrong = sent.number, sent.sharing
	if err := p.fillSharing(s, c); err != nil {
		return err
	}
	if by.Can(registry.RegisterStall, m) {
		p.Forms = s.stallForms(c, m, st, sent)
	}
	if f := s.defaultForm(c, m, st, p.Wish, sent); f != nil {
		p.Forms = append(p.Forms, *f)
	}
	return s.show(c, code, "stall.html", p)
}

// older is the address of the next part of a story.
func older(next *string) string {
	if next == nil {
		return ""
	}
	return "?" + url.Values{"before": {*next}}.Encode() + "#story"
}

// statusInWords is how the vendor of a stall trades there; empty: as usual.
func statusInWords(l lang.Lang, st registry.Stall) string {
	var said string
	switch st.Status {
	case registry.Closed:
		said = l.T(stateWords["closed"])
	case registry.Seasonal:
		said = l.T("Trades in season, months %s", st.Season.String())
		if !st.Trades {
			said += ", " + l.T("not now")
		}
	default:
		return ""
	}
	if st.Why != "" {
		said += ": " + why(l, st.Why)
	}
	return said
}

// liveOne reports whether one of our own placards is, or may soon be, at the stall.
func liveOne(ps []registry.Placard) bool {
	for _, p := range ps {
		if p.Kind == "ours" && p.Live() && p.Mark != "provisional" { // a wallet's stand does not keep ours from being printed
			return true
		}
	}
	return false
}

// accountShown dresses an account for a table.
func (s *Server) accountShown(c echo.Context, a registry.Account) accountShown {
	l := language(c)
	shown := accountShown{Provider: a.ProviderName, Number: a.Number, Holder: a.Holder, Tile: "vacant", State: l.T(accountWords[a.State]),
		Default: a.Default && a.State == registry.StateApproved, Unheard: !a.HolderGiven, Change: a.Replaces != nil, Relative: relativeInWords(l, a)}
	if a.State == registry.StateApproved || a.State == registry.StateProposed {
		shown.Rung, shown.Notes = s.ladder(l, a, nil)
	}
	switch a.State {
	case registry.StateApproved:
		shown.Tile = "t2"
	case registry.StateProposed:
		shown.Tile = "t1"
	}
	return shown
}

// relativeInWords says whose account it is, where it is not the vendor's own.
func relativeInWords(l lang.Lang, a registry.Account) string {
	if a.Relation == "" {
		return ""
	}
	if a.HolderAgreed != nil && *a.HolderAgreed {
		return l.T("Held by somebody else (%s), who agreed.", l.T(relationWords[a.Relation]))
	}
	return l.T("Held by somebody else (%s), who has not agreed yet: no placard of it may hang.", l.T(relationWords[a.Relation]))
}

// placard dresses a placard for a table.
func (s *Server) placard(c echo.Context, p registry.Placard) placardShown {
	l := language(c)
	out := placardShown{Serial: p.Serial, Page: placardPath(p.Serial), Check: "/v/" + p.Serial.String(), Provider: p.ProviderName, Holder: p.Holder, Tail: p.Tail,
		State: l.T(placardWords[p.State]), CheckedAt: p.CheckedAt, Live: p.Live(), Stall: p.Stall, StallPath: stallPath(p.Market, p.Stall)}
	if p.Mark != "" {
		out.Mark = l.T(markWords[p.Mark])
	}
	if p.CheckResult != nil && *p.CheckResult != "match" {
		out.Result = l.T(checkWords[*p.CheckResult])
	}
	return out
}
