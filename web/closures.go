package web

import (
	"strings"
	"time"

	registry "cho40/vendor_registry"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

// closedShown is an account of a stall that is closed by its provider's word, and the placards of it that somebody should stop.
type closedShown struct {
	Words string
	Stops []stopShown // empty: nothing is left to be stopped, or not by this reader
}

type stopShown struct {
	Serial registry.Serial
	Path   string
}

// closedInWords says it as the provider did.
func closedInWords(l lang.Lang, provider, number string, since time.Time) string {
	return l.T("Since %s %s says that account %s is closed.", l.Day(since), provider, strings.ReplaceAll(number, " ", "\u00a0"))
}

// closedAccounts are those of a stall's accounts in force or waiting that their providers say are closed.
func (s *Server) closedAccounts(c echo.Context, m registry.Market, st registry.Stall) (all []closedShown) {
	for _, a := range st.Accounts {
		if a.ClosedSince == nil || a.State != registry.StateApproved && a.State != registry.StateProposed {
			continue
		}
		shown := closedShown{Words: closedInWords(language(c), a.ProviderName, a.Number, *a.ClosedSince)}
		for _, p := range st.Placards {
			if p.AccountID == a.RecordID && p.Live() && p.State != "suspended" && actor(c).Can(registry.SuspendPlacard, m) {
				shown.Stops = append(shown.Stops, stopShown{p.Serial, placardPath(p.Serial)})
			}
		}
		all = append(all, shown)
	}
	return all
}
