package web

import (
	"net/http"
	"strings"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

type exportsPage struct {
	frame
	Market registry.Market
	Home   string
	Lists  []listShown
	Whole  bool // numbers in full are this reader's to see
	Full   bool
	Reason string
	Wrong  wrong
	Taken  []exportShown
	Self   string
}

// exportShown is a list that somebody took out.
type exportShown struct {
	Words, Who string
	Whole      bool
	Rows       int
	At         time.Time
	Work       registry.Work
}

type listShown struct {
	Words, About string
	CSV, XLSX    string // addresses
}

// exportsPage answers GET /markets/:market/exports.
func (s *Server) exportsPage(c echo.Context) error {
	return s.showExports(c, http.StatusOK, registry.Export{}, wrong{})
}

func (s *Server) showExports(c echo.Context, code int, in registry.Export, w wrong) error {
	by, l := actor(c), language(c)
	m, err := s.reg(c).MarketFor(c.Request().Context(), by, registry.ExportRows, c.Param("market"))
	if err != nil {
		return err
	}
	p := exportsPage{frame: s.frame(c, l.T("Take lists out"), &m, "market"), Market: m, Home: marketPath(m.Code), Whole: by.Can(registry.RevealNumber, m),
		Full: in.Full, Reason: in.Reason, Wrong: w}
	about := map[string]string{
		registry.ListStalls:         l.T("Every stall, who trades there, the accounts. It can be imported again, also into an empty market."),
		registry.ListVendors:        l.T("Who trades where since when, and whose consent there is."),
		registry.ListAccounts:       l.T("Every account that was ever brought in, and what became of it."),
		registry.ListPlacards:       l.T("Every placard, where it hangs and what the last check found."),
		registry.ListWithoutAccount: l.T("In walking order, with room to write what is found at the stall; then import it."),
	}
	for _, list := range registry.Lists {
		path := marketPath(m.Code, "exports", list)
		p.Lists = append(p.Lists, listShown{listWords(l, list), about[list], path + ".csv", path + ".xlsx"})
	}
	p.Self = marketPath(m.Code, "exports")
	taken, err := s.reg(c).Exports(c.Request().Context(), by, m.Code)
	if err != nil {
		return err
	}
	var who []string
	for _, e := range taken {
		who = append(who, e.To)
	}
	names, err := s.reg(c).Names(c.Request().Context(), who)
	if err != nil {
		return err
	}
	names["console"] = l.T("the console")
	for _, e := range taken {
		p.Taken = append(p.Taken, exportShown{listWords(l, e.List) + " · " + strings.ToUpper(e.Format), names[e.To], e.Whole, e.Rows, e.At, e.Work})
	}
	return s.show(c, code, "exports.html", p)
}

// takeOut answers POST /markets/:market/exports/:file: the file, or the page with what is wrong.
func (s *Server) takeOut(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	in := registry.Export{Full: v.Get("full") != "", Reason: v.Get("reason")}
	err = s.sendList(c, in)
	if err == nil || fault.KindOf(err) == fault.Forbidden {
		return err
	}
	w, code, ok := told(c, err)
	if !ok {
		return err
	}
	return s.showExports(c, code, in, w)
}
