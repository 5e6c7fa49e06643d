package web

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// ladderShown is how surely an account is the vendor's, rung by rung.
type ladderShown struct {
	ID, Account string
	Rungs       []rungShown
}

type rungShown struct {
	Tile, Words string
	Now         bool         // this is where the account stands
	Steps       []takenShown // the newest first
	Earlier     int          // how many more there are
	Hint        string       // what it takes, where nobody did it yet
	Form        *pageForm    // nil: not for this reader
}

type takenShown struct {
	At             time.Time
	Who, How       string
	Placard        string // its serial, of a step that was taken at one
	Heard, Expires string
	Differs        bool // another name than the holder's was heard
	Closed         bool // the provider said that the account is closed
}

// timesShown is how many of the times that a step was taken stand on the page: each check of a placard may be one.
const timesShown = 3

// rungHints say what a step takes.
var rungHints = map[registry.Rung]string{
	registry.RungScanned:   "Scan the code that the vendor's own app or stand shows.",
	registry.RungHeard:     "Scan with a paying app, and let the vendor read aloud the name that it shows.",
	registry.RungTested:    "Pay a tiny sum to the account, and let the vendor see it arrive.",
	registry.RungConfirmed: "Only the wallet or bank itself records this, with a key of its own.",
}

// ladders are those of the accounts of a stall that are in force or wait, for who sees vendors by name.
func (s *Server) ladders(c echo.Context, m registry.Market, st registry.Stall, sent filledForm) ([]ladderShown, error) {
	by, l := actor(c), language(c)
	live := slices.DeleteFunc(slices.Clone(st.Accounts), func(a registry.Account) bool {
		return a.State != registry.StateApproved && a.State != registry.StateProposed || a.Verification == nil
	})
	if len(live) == 0 || !by.Can(registry.SeeVendors, m) {
		return nil, nil
	}
	which := make([]registry.AccountID, len(live))
	for i, a := range live {
		which[i] = a.RecordID
	}
	taken, err := s.reg(c).Ladders(c.Request().Context(), by, m.Code, which)
	if err != nil {
		return nil, err
	}
	shown := make([]ladderShown, len(live))
	for i, a := range live {
		shown[i] = ladderShown{ID: "ladder-" + a.RecordID.String(), Account: a.ProviderName + " " + a.Number}
		at := slices.Index(registry.Rungs, a.Verification.Rung)
		for n, rung := range registry.Rungs {
			r := s.rung(c, rung, taken[a.RecordID])
			if rung == registry.RungDeclared && len(r.Steps) == 0 { // it came in by a scan
				continue
			}
			r.Now = n == at
			switch {
			case len(r.Steps) > 0 && (r.Steps[0].Differs || r.Steps[0].Closed):
				r.Tile = "stop"
			case n <= at && len(r.Steps) > 0:
				r.Tile = "t" + string(rune('0'+n))
			}
			if by.Can(registry.RecordField, m) {
				r.Form = s.stepForm(c, m, st, a, rung, sent)
			}
			if rung == registry.RungConfirmed || r.Form == nil && len(r.Steps) == 0 {
				r.Hint = l.T(rungHints[rung])
			}
			shown[i].Rungs = append(shown[i].Rungs, r)
		}
	}
	return shown, nil
}

// rung is one rung with the times at which somebody stepped on it.
func (s *Server) rung(c echo.Context, rung registry.Rung, taken []registry.Step) rungShown {
	l := language(c)
	r := rungShown{Tile: "vacant", Words: l.T(rungWords[rung])}
	for _, t := range slices.Backward(taken) {
		closed := t.Step == registry.StepClosed // it stands where the provider's other word stands
		if t.Step != rung && !(closed && rung == registry.RungConfirmed) {
			continue
		}
		if len(r.Steps) == timesShown {
			r.Earlier++
			continue
		}
		shown := takenShown{At: t.At, Who: t.Who, How: t.How, Differs: !t.Matches, Closed: closed}
		if words := sourceWords[t.How]; words != "" {
			shown.How = l.T(words)
		}
		if t.Serial != nil {
			words := happened[t.How].words
			if t.How == "stand" {
				words = "A stand that a wallet or bank gave"
			}
			shown.How, shown.Placard = l.T(words), t.Serial.String()
		}
		if t.HeardName != nil {
			shown.Heard = *t.HeardName
		}
		switch {
		case t.ExpiresAt == nil:
			shown.Expires = l.T("does not expire")
		case t.ExpiresAt.After(s.now()):
			shown.Expires = l.T("holds until %s", l.Day(*t.ExpiresAt))
		default:
			shown.Expires = l.T("expired on %s", l.Day(*t.ExpiresAt))
		}
		r.Steps = append(r.Steps, shown)
	}
	return r
}

// stepForm records a step; nil for one that no person at the stall can take.
func (s *Server) stepForm(c echo.Context, m registry.Market, st registry.Stall, a registry.Account, rung registry.Rung, sent filledForm) *pageForm {
	l := language(c)
	how := formField{Name: "how", Label: l.T("How, in a few words"), Required: true, Whole: true}
	heard := formField{Name: "heard_name", Label: l.T("Name that was heard"), Hint: l.T("Just as the app said it, also when it is another name."), Whole: true}
	f := pageForm{ID: stepFormID(rung, a.RecordID), Version: a.ID.String(), Button: l.T("Record it"), Means: []string{l.T(rungHints[rung])}}
	f.Action = stallPath(m.Code, st.Code) + "/steps/" + string(rung) + "#" + f.ID
	switch rung {
	case registry.RungScanned:
		f.Head, f.Upload = l.T("Record a scan"), true
		f.Fields = []formField{{Name: "file", Label: l.T("Picture of the code"), Type: "file", Hint: l.T("A photo or a screenshot: PNG, JPEG or WebP, at most 8 MiB."), Whole: true},
			{Name: "payload", Label: l.T("Or: what a scanner read from it"), Type: "lines", Hint: l.T("It begins with 000201."), Whole: true}, how}
	case registry.RungHeard:
		heard.Required = true
		f.Head, f.Fields = l.T("Record the name that was heard"), []formField{heard, how}
	case registry.RungTested:
		f.Head, f.Fields = l.T("Record a test payment"), []formField{how}
	default:
		return nil
	}
	f = f.made(c, sent, url.Values{"how": {l.T("At the stall")}})
	return &f
}

// stepFormID names the form of a step among those of a page.
func stepFormID(rung registry.Rung, a registry.AccountID) string {
	return string(rung) + "-" + a.String()
}

// takeStep answers POST /markets/:market/stalls/:stall/steps/:step: somebody took a step on an account's ladder.
func (s *Server) takeStep(c echo.Context) error {
	ctx, by, market, stall := c.Request().Context(), actor(c), c.Param("market"), param(c, "stall")
	if _, err := s.reg(c).MarketFor(ctx, by, registry.RecordField, market); err != nil {
		return err
	}
	rung := registry.Rung(c.Param("step"))
	read := form
	var picture []byte
	switch rung {
	case registry.RungHeard, registry.RungTested:
	case registry.RungScanned:
		read = func(c echo.Context) (v url.Values, err error) {
			v, picture, err = formWithPicture(c)
			return v, err
		}
	default:
		return fault.New(fault.NotFound, "not-found", "There is no such record here.")
	}
	v, err := read(c)
	if err != nil {
		return err
	}
	ref, err := refIn[registry.Account](market, v.Get("version"))
	if err != nil {
		return err
	}
	payload := strings.TrimSpace(v.Get("payload"))
	if payload == "" && len(picture) > 0 {
		payload, err = payeeCode(ctx, picture)
	}
	if err == nil {
		var taken registry.Step
		if taken, err = s.reg(c).Verified(ctx, by, ref, registry.NewStep{Step: string(rung), HeardName: v.Get("heard_name"), Payload: payload, How: v.Get("how")}); err == nil {
			if taken.Matches {
				sayNext(c, "Saved: stall %s.", stall)
			} else {
				sayNext(c, "Saved. Another name than the holder's was heard: ask whose account it is.")
			}
		}
	}
	return s.again(c, stepFormID(rung, ref.ID), v, err, stallPath(market, stall))
}
