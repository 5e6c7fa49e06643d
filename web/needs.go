package web

import (
	"time"

	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"

	"github.com/labstack/echo/v4"
)

// need is something that waits for the reader.
type need struct {
	Tile         string
	Late         bool
	Head, Words  string
	Path, Action string
}

// needed is what waits for the reader in a market.
type needed struct {
	list    []need
	waiting int // accounts that the reader may approve
	ready   int // placards to print
}

// standings are how many of a market's stalls, or vendors, are in a state that wants somebody.
type standings struct{ stalls, suspended, overdue, printed, closed int }

// closed is at how many stalls an account is closed at its provider, which neither stalls nor figures say.
func countedOn(plan []registry.PlanLine, closed int) (n standings) {
	n.stalls, n.closed = len(plan), closed
	for _, line := range plan {
		if line.Suspended {
			n.suspended++
		}
		if line.Overdue {
			n.overdue++
		}
		if line.Stage != nil && line.Trades && *line.Stage == registry.Printed {
			n.printed++
		}
	}
	return n
}

// countedIn is what a market's figures say of it, which is quicker where nothing else is wanted of its stalls.
func countedIn(share *coverage.Share, closed int) standings {
	if share == nil {
		return standings{stalls: 1, closed: closed}
	}
	return standings{share.Vendors, share.Suspended, share.Overdue, share.Funnel[registry.Printed].Vendors - share.Funnel[registry.Installed].Vendors, closed}
}

// needs are what waits for the reader in a market: only what they may do, what presses first.
func (s *Server) needs(c echo.Context, m registry.Market, of standings) (needed, error) {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	var out needed
	at := func(anchor string) string { return marketPath(m.Code) + anchor }
	already := func(n int) func() (int, error) { return func() (int, error) { return n, nil } }
	late := 0 // of the requests
	for _, w := range []struct {
		may   registry.Action
		count func() (int, error)
		say   func(n int) need
	}{
		{registry.SuspendPlacard, already(of.suspended), func(n int) need {
			return need{Tile: "stop", Head: say(l, n, "1 placard is suspended", "%s placards are suspended"),
				Words: l.T("Somebody stopped it, or a check found another code. Go and look."), Path: at("?status=suspended#stalls"), Action: l.T("See which")}
		}},
		{registry.SeeVendors, func() (int, error) {
			found, err := s.reg(c).Incidents(ctx, by, m.Code, false, registry.List{})
			return len(found.Items), err
		}, func(n int) need {
			return need{Tile: "stop", Head: say(l, n, "Another code was found at 1 stall", "Another code was found at %s stalls"),
				Words: l.T("The placards are stopped. Look at the stalls beside them too."), Path: marketPath(m.Code, "incidents"), Action: l.T("See which")}
		}},
		{registry.SeeVendors, already(of.closed), func(n int) need {
			return need{Tile: "stop", Head: say(l, n, "1 stall's account is closed, says its wallet or bank", "%s stalls' accounts are closed, say their wallets or banks"),
				Words: l.T("Ask the vendor which account they use now, bring it in, and stop the placard."), Path: at("?status=account_closed#stalls"), Action: l.T("See which")}
		}},
		{registry.AnswerRequests, func() (int, error) {
			asked, err := s.reg(c).Requests(ctx, by, m.Code, false)
			for _, r := range asked {
				if r.Late != "" {
					late++
				}
			}
			return len(asked), err
		}, func(n int) need {
			words := l.T("To be acknowledged within 2 working days and done within 72 hours.")
			if late > 0 {
				words = say(l, late, "1 of them is late.", "%s of them are late.")
			}
			return need{Tile: "t1", Late: late > 0, Head: say(l, n, "1 vendor asks about their own data", "%s vendors ask about their own data"),
				Words: words, Path: marketPath(m.Code, "requests"), Action: l.T("Answer")}
		}},
		{registry.SettleClashes, func() (int, error) {
			twice, err := s.reg(c).Clashes(ctx, by, m.Code, false)
			return len(twice), err
		}, func(n int) need {
			return need{Tile: "t1", Head: say(l, n, "1 record came in two versions", "%s records came in two versions"),
				Words: l.T("Two phones sent different things under one number. Nothing was overwritten."), Path: marketPath(m.Code, "incidents"), Action: l.T("See which")}
		}},
		{registry.RecordField, func() (int, error) {
			olds, err := s.reg(c).Outstanding(ctx, by, m.Code)
			return len(olds), err
		}, func(n int) need {
			return need{Tile: "vacant", Head: say(l, n, "1 old placard is still out", "%s old placards are still out"),
				Words: l.T("Whoever scans one may pay into an account that is over."), Path: marketPath(m.Code, "old-placards"), Action: l.T("See which")}
		}},
		{registry.ApproveFirst, func() (int, error) {
			waiting, err := s.reg(c).Pending(ctx, by, m.Code)
			for _, w := range waiting {
				if !w.Mine {
					out.waiting++
				}
			}
			return out.waiting, err
		}, func(n int) need {
			return need{Tile: "t1", Head: say(l, n, "Approve 1 account", "Approve %s accounts"),
				Words: l.T("Whoever approves must be somebody else than who brought it in."), Path: marketPath(m.Code, "approvals"), Action: l.T("Look and approve")}
		}},
		{registry.RecordField, already(of.overdue), func(n int) need {
			return need{Tile: "t5", Late: true, Head: say(l, n, "1 placard's check is overdue", "%s placards' checks are overdue"),
				Words: l.T("They do not count until somebody scans them again."), Path: at("?status=overdue#stalls"), Action: l.T("See which")}
		}},
		{registry.PrintPlacards, func() (int, error) {
			ready, err := s.reg(c).Ready(ctx, by, m.Code)
			for _, r := range ready {
				out.ready += r.Approved
			}
			return out.ready, err
		}, func(n int) need {
			return need{Tile: "t2", Head: say(l, n, "1 placard is ready to print", "%s placards are ready to print"),
				Words: say(l, (n+3)/4, "1 sheet of A4.", "%s sheets of A4."), Path: marketPath(m.Code, "print"), Action: l.T("Print placards")}
		}},
		{registry.RecordField, already(of.printed), func(n int) need {
			return need{Tile: "t3", Head: say(l, n, "1 placard waits to be hung", "%s placards wait to be hung"),
				Words: l.T("Scan it at the stall, let the vendor read the name aloud, then hang it."), Path: at("?stage=printed#stalls"), Action: l.T("See which")}
		}},
	} {
		if !by.Can(w.may, m) {
			continue
		}
		n, err := w.count()
		if err != nil {
			return out, err
		}
		if n > 0 {
			out.list = append(out.list, w.say(n))
		}
	}
	if !by.Can(registry.ImportLedger, m) {
		return out, nil
	}
	left, err := s.leftRows(c, m)
	switch {
	case left != nil:
		out.list = append(out.list, *left)
	case err == nil && of.stalls == 0:
		out.list = append(out.list, need{Tile: "t0", Head: l.T("Import the stall ledger"), Words: l.T("Excel or CSV, as you keep it."), Path: marketPath(m.Code, "import"), Action: l.T("Choose the file")})
	}
	return out, err
}

// nagged is for how long rows that a ledger left out are asked for.
const nagged = 14 * 24 * time.Hour

// leftRows is what the market's newest ledger still wants: rows to be mended, or its commit.
func (s *Server) leftRows(c echo.Context, m registry.Market) (*need, error) {
	im, err := s.reg(c).NewestImport(c.Request().Context(), actor(c), m.Code)
	if err != nil || im == nil {
		return nil, err
	}
	l := language(c)
	n := need{Tile: "t0", Path: "/imports/" + im.Ref.String(), Words: im.Report.File, Action: l.T("Open the ledger")}
	switch {
	case im.State == "unmapped":
		n.Head = l.T("Say what the columns of a ledger hold")
	case im.Report.Faulty > 0 && (im.State == "preview" || im.State == "committed" && s.now().Sub(im.CreatedAt) < nagged):
		n.Head = say(l, im.Report.Faulty, "Mend 1 row of the ledger", "Mend %s rows of the ledger")
	case im.State == "preview":
		n.Head = say(l, im.Report.Good, "1 row of the ledger waits to be imported", "%s rows of the ledger wait to be imported")
	default:
		return nil, nil
	}
	return &n, nil
}
