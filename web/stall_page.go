package web

import (
	"net/http"
	"net/url"
	"time"

	registry "cho40/vendor_registry"

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
	Placards       []placardShown
	Missing        []string
	Story          []happeningShown
	Waiting        bool // a proposal waits
	Tasks          []taskShown
	Gap            string // how long nobody can pay by scanning here; empty: one can
}

type accountShown struct {
	Provider, Number, Holder, Tile, State string
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

type happeningShown struct {
	Tile, Words, Who, About, Reason string
	At                              time.Time
}

// stallPage answers GET /markets/:market/stalls/:stall.
func (s *Server) stallPage(c echo.Context) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	st, err := s.reg(c).Stall(ctx, by, c.Param("market"), param(c, "stall"))
	if err != nil {
		return err
	}
	m, err := s.reg(c).Market(ctx, by, st.Market)
	if err != nil {
		return err
	}
	story, err := s.reg(c).History(ctx, by, m.Code, st.Code)
	if err != nil {
		return err
	}
	title := st.Code
	if st.Vendor != nil {
		title += " · " + st.Vendor.Name
	}
	p := stallPage{frame: s.frame(c, title, &m, "market"), Market: m, Home: marketPath(m.Code), Stall: st}
	if st.Section != "" {
		p.Section = p.Home + "?section=" + url.QueryEscape(st.Section) + "#stalls"
	}
	hangs, stopped := false, false
	batches := map[registry.Serial]string{}
	for _, h := range story {
		p.Story = append(p.Story, s.happening(c, h))
		if h.Batch != nil && by.Can(registry.PrintPlacards, m) {
			batches[h.Serial] = "/print-batches/" + h.Batch.String()
		}
	}
	for _, pl := range st.Placards {
		shown := s.placard(c, pl)
		shown.Batch = batches[pl.Serial]
		p.Placards = append(p.Placards, shown)
		hangs = hangs || pl.State == "installed" && pl.InUse()
		stopped = stopped || pl.State == "suspended"
	}
	p.Tile, p.Words, _ = chip(st.Stage, stopped && !hangs, false)
	p.Words = l.T(p.Words)
	approved := false
	for _, a := range st.Accounts {
		shown := accountShown{Provider: a.ProviderName, Number: a.Number, Holder: a.Holder, Tile: "vacant", State: l.T(accountWords[a.State]),
			Default: a.Default && a.State == registry.StateApproved, Unheard: !a.HolderGiven, Change: a.Replaces != nil}
		if a.State == registry.StateApproved || a.State == registry.StateProposed {
			shown.Rung, shown.Notes = s.ladder(l, a, nil)
		}
		switch a.State {
		case registry.StateApproved:
			shown.Tile, approved = "t2", true
		case registry.StateProposed:
			shown.Tile, p.Waiting = "t1", true
		}
		p.Accounts = append(p.Accounts, shown)
	}
	if p.Tasks, err = s.openTasks(c, m, st.Code); err != nil {
		return err
	}
	if st.Gap != nil {
		p.Gap = say(l, st.Gap.Days, "1 day without a placard that works", "%s days without a placard that works")
		if st.Gap.Days == 0 {
			p.Gap = l.T("Without a placard that works since today")
		}
	}
	for _, code := range st.Missing {
		p.Missing = append(p.Missing, l.T(missingWords[code]))
	}
	if approved && by.Can(registry.PrintPlacards, m) && !liveOne(st.Placards) {
		p.Print = marketPath(m.Code, "print") + "?stalls=" + url.QueryEscape(st.Code)
	}
	if p.Waiting && by.Can(registry.ApproveFirst, m) {
		p.Approve = marketPath(m.Code, "approvals")
	}
	return s.show(c, http.StatusOK, "stall.html", p)
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

// happening dresses what happened at a stall.
func (s *Server) happening(c echo.Context, h registry.Happening) happeningShown {
	l := language(c)
	word := happened[h.Kind]
	out := happeningShown{Tile: word.tile, Words: l.T(word.words), Who: h.Who, At: h.At, Reason: h.Reason}
	if out.Who == "console" {
		out.Who = l.T("the console")
	}
	switch {
	case h.Kind == "checked":
		out.Words = l.T(checkWords[h.Note])
		if h.Note != "match" {
			out.Tile = "stop"
		}
	case h.Kind == "consent" && h.Note == "attested_by_board":
		out.About = l.T("the board's word, with the ledger")
	case h.Kind == "consent" && h.Note == "withdrawal":
		out.Words, out.Tile = l.T("Consent withdrawn"), "vacant"
	case h.Kind == "consent":
		out.About = l.T("the vendor's own")
	case h.Kind == "registered":
		out.About = h.Note
	}
	if h.Provider != "" {
		out.About = registry.ProviderName(h.Provider) + " •••• " + h.Tail
	}
	if h.Serial != "" {
		out.About = h.Serial.String()
	}
	switch h.Reason { // the service's own reasons
	case "account rejected":
		out.Reason = l.T("the account was turned down")
	case "account withdrawn":
		out.Reason = l.T("the account was taken back")
	case "account expired":
		out.Reason = l.T("nobody approved the account in time")
	case "reconcile":
		out.Reason = l.T("it no longer agreed with what was approved")
	case "amended":
		out.Reason = l.T("mended, and brought in again")
	case "account changed":
		out.Reason = l.T("the account changed")
	case "approved since":
		out.Reason = l.T("the account was approved since")
	case "import undone":
		out.Reason = l.T("the import was taken back")
	}
	return out
}
