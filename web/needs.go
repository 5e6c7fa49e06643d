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
type standings struct{ stalls, suspended, overdue, printed int }

func countedOn(plan []registry.PlanLine) (n standings) {
	n.stalls = len(plan)
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
func countedIn(share *coverage.Share) standings {
	if share == nil {
		return standings{stalls: 1}
	}
	return standings{share.Vendors, share.Suspended, share.Overdue, share.Funnel[registry.Printed].Vendors - share.Funnel[registry.Installed].Vendors}
}

// needs are what waits for the reader in a market: only what they may do.
func (s *Server) needs(c echo.Context, m registry.Market, of standings) (needed, error) {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	var out needed
	at := func(anchor string) string { return marketPath(m.Code) + anchor }
	add := func(n need) { out.list = append(out.list, n) }
	if of.suspended > 0 && by.Can(registry.SuspendPlacard, m) {
		add(need{Tile: "stop", Head: say(l, of.suspended, "1 placard is suspended", "%s placards are suspended"),
			Words: l.T("Somebody stopped it, or a check found another code. Go and look."), Path: at("?status=suspended#stalls"), Action: l.T("See which")})
	}
	if by.Can(registry.SeeVendors, m) {
		found, err := s.reg(c).Incidents(ctx, by, m.Code, false, registry.List{})
		if err != nil {
			return out, err
		}
		if n := len(found.Items); n > 0 {
			add(need{Tile: "stop", Head: say(l, n, "Another code was found at 1 stall", "Another code was found at %s stalls"),
				Words: l.T("The placards are stopped. Look at the stalls beside them too."), Path: marketPath(m.Code, "incidents"), Action: l.T("See which")})
		}
	}
	if by.Can(registry.AnswerRequests, m) {
		asked, err := s.reg(c).Requests(ctx, by, m.Code, false)
		if err != nil {
			return out, err
		}
		late := 0
		for _, r := range asked {
			if r.Late != "" {
				late++
			}
		}
		if n := len(asked); n > 0 {
			words := l.T("To be acknowledged within 2 working days and done within 72 hours.")
			if late > 0 {
				words = say(l, late, "1 of them is late.", "%s of them are late.")
			}
			add(need{Tile: "t1", Late: late > 0, Head: say(l, n, "1 vendor asks about their own data", "%s vendors ask about their own data"),
				Words: words, Path: marketPath(m.Code, "requests"), Action: l.T("Answer")})
		}
	}
	if by.Can(registry.SettleClashes, m) {
		twice, err := s.reg(c).Clashes(ctx, by, m.Code, false)
		if err != nil {
			return out, err
		}
		if n := len(twice); n > 0 {
			add(need{Tile: "t1", Head: say(l, n, "1 record came in two versions", "%s records came in two versions"),
				Words: l.T("Two phones sent different things under one number. Nothing was overwritten."), Path: marketPath(m.Code, "incidents"), Action: l.T("See which")})
		}
	}
	if by.Can(registry.RecordField, m) {
		olds, err := s.reg(c).Outstanding(ctx, by, m.Code)
		if err != nil {
			return out, err
		}
		if n := len(olds); n > 0 {
			add(need{Tile: "vacant", Head: say(l, n, "1 old placard is still out", "%s old placards are still out"),
				Words: l.T("Whoever scans one may pay into an account that is over."), Path: marketPath(m.Code, "old-placards"), Action: l.T("See which")})
		}
	}
	if by.Can(registry.ApproveFirst, m) {
		waiting, err := s.reg(c).Pending(ctx, by, m.Code)
		if err != nil {
			return out, err
		}
		for _, w := range waiting {
			if !w.Mine {
				out.waiting++
			}
		}
		if out.waiting > 0 {
			add(need{Tile: "t1", Head: say(l, out.waiting, "Approve 1 account", "Approve %s accounts"),
				Words: l.T("Whoever approves must be somebody else than who brought it in."), Path: marketPath(m.Code, "approvals"), Action: l.T("Look and approve")})
		}
	}
	if of.overdue > 0 && by.Can(registry.RecordField, m) {
		add(need{Tile: "t5", Late: true, Head: say(l, of.overdue, "1 placard's check is overdue", "%s placards' checks are overdue"),
			Words: l.T("They do not count until somebody scans them again."), Path: at("?status=overdue#stalls"), Action: l.T("See which")})
	}
	if by.Can(registry.PrintPlacards, m) {
		ready, err := s.reg(c).Ready(ctx, by, m.Code)
		if err != nil {
			return out, err
		}
		for _, r := range ready {
			out.ready += r.Approved
		}
		if n := out.ready; n > 0 {
			sheets := (n + 3) / 4
			add(need{Tile: "t2", Head: say(l, n, "1 placard is ready to print", "%s placards are ready to print"),
				Words: say(l, sheets, "1 sheet of A4.", "%s sheets of A4."), Path: marketPath(m.Code, "print"), Action: l.T("Print placards")})
		}
	}
	if of.printed > 0 && by.Can(registry.RecordField, m) {
		add(need{Tile: "t3", Head: say(l, of.printed, "1 placard waits to be hung", "%s placards wait to be hung"),
			Words: l.T("Scan it at the stall, let the vendor read the name aloud, then hang it."), Path: at("?stage=printed#stalls"), Action: l.T("See which")})
	}
	if by.Can(registry.ImportLedger, m) {
		left, err := s.leftRows(c, m)
		if err != nil {
			return out, err
		}
		if left != nil {
			add(*left)
		} else if of.stalls == 0 {
			add(need{Tile: "t0", Head: l.T("Import the stall ledger"), Words: l.T("Excel or CSV, as you keep it."), Path: marketPath(m.Code, "import"), Action: l.T("Choose the file")})
		}
	}
	return out, nil
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
