package web

import (
	"net/http"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// placardPage is what the market's own people know of a placard: what is printed on it, and its whole life.
type placardPage struct {
	frame
	Market          registry.Market
	Home, StallPath string // addresses
	Check, Picture  string // of the public page, and of the picture for the vendor's phone; empty: not for this reader
	Batch           string // address of the batch that it was printed in
	Placard         registry.Placard
	Shown           placardShown
	Stand           bool // a wallet's or bank's own
	Log             []happeningShown
	Action          string // address; empty: nothing to be recorded by this reader
	Stop, Resume    bool
	Reason          string // as typed
	Wrong           wrong
	Closed          string // that its account is closed, as the provider says; empty: nobody says so, or it is no more out there
	Heard           string // the name that was heard last, when it is not the one printed
}

func placardPath(no registry.Serial) string { return "/placards/" + no.String() }

// placardPage answers GET /placards/:serial.
func (s *Server) placardPage(c echo.Context) error {
	return s.placardAgain(c, http.StatusOK, "", wrong{})
}

func (s *Server) placardAgain(c echo.Context, code int, reason string, w wrong) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	serial := param(c, "serial")
	pl, err := s.reg(c).Placard(ctx, by, serial)
	if err != nil {
		return err
	}
	log, err := s.reg(c).PlacardEvents(ctx, by, serial)
	if err != nil {
		return err
	}
	m, err := s.reg(c).Market(ctx, by, pl.Market)
	if err != nil {
		return err
	}
	shown := s.placard(c, pl)
	p := placardPage{frame: s.frame(c, l.T("Placard %s", pl.Serial.String()), &m, "market"), Market: m, Home: marketPath(m.Code), StallPath: shown.StallPath,
		Check: shown.Check, Placard: pl, Shown: shown, Stand: pl.Kind == "provider", Reason: reason, Wrong: w}
	if by.Can(registry.PrintPlacards, m) && !p.Stand {
		p.Batch = "/print-batches/" + registry.BatchRef{Market: m.Code, ID: pl.BatchID}.String()
		if pl.InUse() {
			p.Picture = "/api/v1/placards/" + pl.Serial.String() + ".png"
		}
	}
	if pl.ClosedSince != nil && pl.Live() {
		p.Closed = closedInWords(l, pl.ProviderName, "•••• "+pl.Tail, *pl.ClosedSince)
	}
	p.Stop = pl.Live() && pl.State != "suspended" && by.Can(registry.SuspendPlacard, m)
	p.Resume = pl.State == "suspended" && by.Can(registry.ResumePlacard, m)
	if p.Stop || p.Resume {
		p.Action = placardPath(pl.Serial)
	}
	for i := len(log) - 1; i >= 0; i-- { // newest first, as everywhere
		e := log[i]
		h := registry.Happening{Kind: e.Kind, At: e.At, Who: e.Who, Reason: e.Reason}
		if e.Result != nil {
			h.Note = *e.Result
		}
		line := s.happening(c, h)
		if e.HeardName != nil {
			line.About = l.T("The bank's app said: %s", *e.HeardName)
			if pl.NameDiffers && p.Heard == "" {
				p.Heard = *e.HeardName
			}
		}
		p.Log = append(p.Log, line)
	}
	return s.show(c, code, "placard.html", p)
}

// placardEvent answers POST /placards/:serial: a placard is stopped, or put into use again.
func (s *Server) placardEvent(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	serial, said := param(c, "serial"), "Placard %s is suspended. Its code pays as before: take it down."
	in := registry.NewPlacardEvent{Kind: v.Get("kind"), Reason: v.Get("reason")}
	switch in.Kind {
	case "suspended":
	case "resumed":
		said = "Placard %s is in use again."
	default:
		return fault.New(fault.Invalid, "event-invalid", "Some fields need mending.").With(fault.At("kind", "unknown", "One of: %s.", "suspended, resumed"))
	}
	p, err := s.reg(c).RecordPlacard(c.Request().Context(), actor(c), serial, in)
	if err == nil {
		sayNext(c, said, p.Serial.String())
		return c.Redirect(http.StatusSeeOther, placardPath(p.Serial))
	}
	w, code, ok := told(c, err)
	if !ok || fault.KindOf(err) == fault.Forbidden {
		return err
	}
	return s.placardAgain(c, code, in.Reason, w)
}
