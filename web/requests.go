package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// postRequest answers POST /api/v1/markets/{market}/vendors/{vendor}/requests: what a person asks of their own data.
func (s *Server) postRequest(c echo.Context) error {
	in, err := bindJSON[registry.NewRequest](c)
	if err != nil {
		return err
	}
	r, err := s.reg(c).RecordRequest(c.Request().Context(), actor(c), c.Param("market"), vendorID(c), in)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/requests/"+r.Ref.String())
	return tagged(c, http.StatusCreated, r.ETag(), r)
}

// getRequests answers GET /api/v1/markets/{market}/requests: the late ones first.
func (s *Server) getRequests(c echo.Context) error {
	var q struct {
		Ended bool `query:"ended"`
	}
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	rs, err := s.reg(c).Requests(c.Request().Context(), actor(c), c.Param("market"), q.Ended)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, registry.Page[registry.Request]{Items: rs})
}

// getRequest answers GET /api/v1/requests/{request}.
func (s *Server) getRequest(c echo.Context) error {
	ref, err := registry.ParseRef[registry.Request](c.Param("request"))
	if err != nil {
		return err
	}
	r, err := s.reg(c).Request(c.Request().Context(), actor(c), ref)
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, r.ETag(), r)
}

// postRequestAnswer answers POST /api/v1/requests/{request}/answer, with If-Match.
func (s *Server) postRequestAnswer(c echo.Context) error {
	in, err := bindJSON[registry.RequestAnswer](c)
	if err != nil {
		return err
	}
	if in.Request, err = registry.ParseRef[registry.Request](c.Param("request")); err != nil {
		return err
	}
	in.ETag = c.Request().Header.Get("If-Match")
	r, err := s.answered(c, in)
	if err != nil {
		return err
	}
	return tagged(c, http.StatusOK, r.ETag(), r)
}

// answered does a request's next step. Who was erased is written down outside the database once it is committed; should that fail, the
// service does it at its next start or when the next one is erased.
func (s *Server) answered(c echo.Context, in registry.RequestAnswer) (registry.Request, error) {
	ctx := c.Request().Context()
	r, err := s.reg(c).AnswerRequest(ctx, actor(c), in)
	if err != nil || r.Kind != "delete" || r.State != "done" || s.erased == nil {
		return r, err
	}
	return r, afterCommit(c, func() error {
		if err := s.erased(ctx); err != nil {
			s.log.Error("list of who was erased not written", "error", err)
		}
		return nil
	})
}

// postCopy answers POST /api/v1/markets/{market}/vendors/{vendor}/copy: everything that is kept of a person, for themselves. It takes no
// Idempotency-Key, since the answer would be kept with the key.
func (s *Server) postCopy(c echo.Context) error {
	in, err := bindJSON[registry.CopyWanted](c)
	if err != nil {
		return err
	}
	cp, err := s.reg(c).Copy(c.Request().Context(), actor(c), c.Param("market"), vendorID(c), in)
	if err != nil {
		return err
	}
	for i := range cp.History {
		cp.History[i].Text = s.happening(c, cp.History[i]).Sentence()
	}
	return c.JSON(http.StatusOK, cp)
}

// requestWords are the kinds of request in words, and how each is done.
var (
	requestWords = map[string]string{"see": "Wants to see what is kept", "correct": "Wants something corrected", "delete": "Wants to be deleted", "withdraw": "Takes the consent back"}
	requestDoing = map[string]string{"see": "Handed out", "correct": "Corrected", "delete": "Delete for good", "withdraw": "Record the withdrawal"}
	requestMeans = map[string]string{"see": "Make the copy on the vendor's page, hand it over, then say so here.", "correct": "Correct it on the vendor's page, then say so here.",
		"delete":   "Everything that names the person goes, accounts and placards end at once. It cannot be undone; figures of past days stay.",
		"withdraw": "Placards stop at once, and none is printed until the person agrees again."}
	requestWays   = map[string]string{"stall": "At the stall", "desk": "At the desk", "phone": "By phone", "letter": "By letter"}
	requestStates = map[string]string{"open": "Not acknowledged yet", "acknowledged": "Acknowledged", "done": "Done", "refused": "Refused"}
)

type requestsPage struct {
	frame
	Market   registry.Market
	Home     string
	Late     int
	Open     []requestShown
	Ended    []requestShown
	Clocks   string
	AskEnded string // address that shows those that are over too; empty: they are shown
}

type requestShown struct {
	registry.Request
	ID, What, Who, Way, Status   string
	VendorPath, StallPath        string
	Action, Doing, Means, Refuse string
	Tile                         string
	Acknowledged, Erases, Mine   bool // Mine: the reader may do it
	Withdraws                    bool
	Wrong                        wrong
	Typed                        string
}

func (s *Server) requestShown(c echo.Context, m registry.Market, r registry.Request) requestShown {
	l := language(c)
	d := requestShown{Request: r, ID: r.Ref.ID.String(), What: l.T(requestWords[r.Kind]), Who: r.VendorName, Way: l.T(requestWays[r.Came]), Status: l.T(requestStates[r.State]),
		Action: "/requests/" + url.PathEscape(r.Ref.String()), Doing: l.T(requestDoing[r.Kind]), Means: l.T(requestMeans[r.Kind]), Tile: "t1",
		Acknowledged: r.AcknowledgedAt != nil, Erases: r.Kind == "delete", Withdraws: r.Kind == "withdraw", Mine: r.Kind != "delete" || actor(c).Can(registry.EraseVendor, m)}
	if r.Holder != "" {
		d.Who = r.Holder
	}
	switch {
	case r.EndedAt != nil:
		d.Tile = "t5"
	case d.Acknowledged:
		d.Tile = "t3"
	}
	if r.VendorName != registry.Erased {
		d.VendorPath = vendorPath(m.Code, r.Vendor)
	}
	if r.Stall != "" {
		d.StallPath = stallPath(m.Code, r.Stall)
	}
	return d
}

// requestsPage answers GET /markets/:market/requests; ended=1 shows those that are over too.
func (s *Server) requestsPage(c echo.Context) error {
	return s.showRequests(c, c.Param("market"), http.StatusOK, "", "", wrong{})
}

func (s *Server) showRequests(c echo.Context, market string, code int, which, typed string, w wrong) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	ended := c.QueryParam("ended") != ""
	rs, err := s.reg(c).Requests(ctx, by, market, ended)
	if err != nil {
		return err
	}
	m, err := s.reg(c).Market(ctx, by, market)
	if err != nil {
		return err
	}
	p := requestsPage{frame: s.frame(c, l.T("Requests about personal data"), &m, "market"), Market: m, Home: marketPath(m.Code),
		Clocks: l.T("Acknowledge within %d working days, finish within %d hours. The clocks run from when the person asked.", registry.AcknowledgeWithin, int(registry.DoneWithin.Hours()))}
	p.Path = marketPath(m.Code, "requests")
	if !ended {
		p.AskEnded = p.Path + "?ended=1"
	}
	for _, r := range rs {
		d := s.requestShown(c, m, r)
		if r.Ref.String() == which {
			d.Wrong, d.Typed = w, typed
		}
		if r.Late != "" {
			p.Late++
		}
		if r.EndedAt != nil {
			p.Ended = append(p.Ended, d)
		} else {
			p.Open = append(p.Open, d)
		}
	}
	return s.show(c, code, "requests.html", p)
}

// answerRequest answers POST /requests/:request: a button beside a request.
func (s *Server) answerRequest(c echo.Context) error {
	ref, err := registry.ParseRef[registry.Request](c.Param("request"))
	if err != nil {
		return err
	}
	v, err := form(c)
	if err != nil {
		return err
	}
	in := registry.RequestAnswer{Request: ref, ETag: v.Get("etag"), Decision: v.Get("decision"), Reason: v.Get("reason")}
	if given := v.Get("given"); given != "" {
		in.Consent = &registry.NewConsent{Version: string(language(c)) + "-1", Given: given}
	}
	r, err := s.answered(c, in)
	if err == nil {
		switch {
		case r.Kind == "delete" && r.State == "done" && len(r.Stopped) > 0:
			serials := make([]string, len(r.Stopped))
			for i, no := range r.Stopped {
				serials[i] = no.String()
			}
			sayNext(c, "Deleted. Take down: %s.", strings.Join(serials, ", "))
		case r.Kind == "delete" && r.State == "done":
			sayNext(c, "Deleted.")
		default:
			sayNext(c, "Saved.")
		}
		return c.Redirect(http.StatusSeeOther, marketPath(ref.Market, "requests"))
	}
	w, code, ok := told(c, err)
	if kind := fault.KindOf(err); !ok || kind == fault.Forbidden || kind == fault.NotFound || kind == fault.Unauthenticated {
		return err
	}
	return s.showRequests(c, ref.Market, code, ref.String(), v.Get("reason"), w)
}

// requestForms are the forms of a vendor's page by which a request is written down and a copy handed out.
func (s *Server) requestForms(c echo.Context, m registry.Market, v registry.VendorRecord, sent filledForm) []pageForm {
	l, by := language(c), actor(c)
	choices := func(words map[string]string, names []string) (all []choice) {
		for _, n := range names {
			all = append(all, choice{n, l.T(words[n]), false})
		}
		return all
	}
	whose := []choice{{"", l.T("The vendor"), false}}
	for _, a := range v.Accounts {
		if a.Relation != "" {
			whose = append(whose, choice{a.ID.String(), a.Holder + " · " + a.ProviderName + " " + a.Number, false})
		}
	}
	who := formField{Name: "account", Label: l.T("Who asks"), Options: whose}
	at := vendorPath(m.Code, v.ID)
	var forms []pageForm
	if by.Can(registry.AnswerRequests, m) {
		forms = append(forms, pageForm{ID: "requests", Head: l.T("Asks about their own data"), Action: at + "/requests#requests", Button: l.T("Write the request down"),
			Means: []string{l.T("Acknowledge within %d working days, finish within %d hours. The clocks run from when the person asked.", registry.AcknowledgeWithin, int(registry.DoneWithin.Hours()))},
			Fields: []formField{{Name: "kind", Label: l.T("What they ask"), Options: choices(requestWords, registry.RequestKinds)}, {Name: "came", Label: l.T("Where they asked"), Options: choices(requestWays, registry.RequestWays)},
				who, {Name: "note", Label: l.T("In their words"), Hint: l.T("What is wrong, when something is to be corrected."), Whole: true}}}.made(c, sent, url.Values{}))
	}
	if by.Can(registry.RevealNumber, m) {
		forms = append(forms, pageForm{ID: "copy", Head: l.T("A copy of everything that is kept"), Action: at + "/copy#copy", Button: l.T("Make the copy"),
			Means:  []string{l.T("It shows phone and accounts in full: for the person themselves and nobody else. Who made it and why is kept.")},
			Fields: []formField{who, {Name: "reason", Label: l.T("Reason"), Required: true, Whole: true}}}.made(c, sent, url.Values{}))
	}
	return forms
}

// askForVendor answers POST /markets/:market/vendors/:vendor/requests.
func (s *Server) askForVendor(c echo.Context) error {
	market := c.Param("market")
	if _, err := s.reg(c).MarketFor(c.Request().Context(), actor(c), registry.AnswerRequests, market); err != nil {
		return err
	}
	v, err := form(c)
	if err != nil {
		return err
	}
	in := registry.NewRequest{Kind: v.Get("kind"), Came: v.Get("came"), Note: v.Get("note"), Account: v.Get("account")}
	if _, err := s.reg(c).RecordRequest(c.Request().Context(), actor(c), market, vendorID(c), in); err != nil {
		return s.vendorAgain(c, "requests", v, registry.VendorRecord{}, err)
	}
	sayNext(c, "The request is written down.")
	return c.Redirect(http.StatusSeeOther, marketPath(market, "requests"))
}

type copyPage struct {
	frame
	Market registry.Market
	Copy   registry.Copy
	Home   string
	Kind   string
	SIM    string
	Stalls []heldShown
	Story  []happeningShown
	Lists  []copyList
	Of     string // whose it is
}

// copyList is a part of the copy as lines of text with their times.
type copyList struct {
	Head  string
	Lines []copyLine
}

type copyLine struct {
	At    time.Time
	Words string
}

// handCopy answers POST /markets/:market/vendors/:vendor/copy: the copy as a page to print.
func (s *Server) handCopy(c echo.Context) error {
	ctx, by, l, market := c.Request().Context(), actor(c), language(c), c.Param("market")
	m, err := s.reg(c).MarketFor(ctx, by, registry.RevealNumber, market)
	if err != nil {
		return err
	}
	v, err := form(c)
	if err != nil {
		return err
	}
	cp, err := s.reg(c).Copy(ctx, by, market, vendorID(c), registry.CopyWanted{Account: v.Get("account"), Reason: v.Get("reason")})
	if err != nil {
		return s.vendorAgain(c, "copy", v, registry.VendorRecord{}, err)
	}
	p := copyPage{frame: s.frame(c, l.T("What is kept of you"), &m, "market"), Market: m, Copy: cp, Home: marketPath(m.Code)}
	if cp.Vendor != nil {
		p.Of, p.Kind, p.SIM = cp.Vendor.Name, l.T(kindWords[cp.Vendor.Kind]), l.T(simWords[cp.Vendor.SIM])
	} else if len(cp.Accounts) > 0 {
		p.Of = cp.Accounts[0].Holder
	}
	for _, h := range cp.Stalls {
		shown := heldShown{Code: h.Stall, Section: h.Section, Reason: why(l, h.Reason), To: h.MovedTo, From: h.From.End(), Status: l.T(stateWords[h.Status])}
		if h.Until != nil {
			until := h.Until.End()
			shown.Until, shown.Status = &until, l.T(endWords[h.Status])
		}
		p.Stalls = append(p.Stalls, shown)
	}
	for _, h := range cp.History {
		p.Story = append(p.Story, s.happening(c, h))
	}
	p.Lists = s.copyLists(c, cp)
	return s.show(c, http.StatusOK, "copy.html", p)
}

// copyLists are the parts of a copy that are lines of text.
func (s *Server) copyLists(c echo.Context, cp registry.Copy) []copyList {
	l := language(c)
	names, looks, visits, asks := copyList{Head: l.T("Names that were heard")}, copyList{Head: l.T("Who saw your numbers in full, and why")}, copyList{Head: l.T("Visits")}, copyList{Head: l.T("What you asked")}
	for _, n := range cp.Heard {
		names.Lines = append(names.Lines, copyLine{n.At, n.Name})
	}
	looked := map[string]string{"phone": l.T("Phone"), "account": l.T("Account number"), "copy": l.T("A copy of everything that is kept")}
	for _, n := range cp.SeenBy {
		looks.Lines = append(looks.Lines, copyLine{n.At, joined(looked[n.What], n.By, n.Reason)})
	}
	for _, n := range cp.Visits {
		visits.Lines = append(visits.Lines, copyLine{n.At, joined(append([]string{n.Stall, n.Outcome, n.Barrier, n.Note}, n.Also...)...)})
	}
	for _, n := range cp.Requests {
		state := "open"
		if n.Outcome != "" {
			state = n.Outcome
		}
		asks.Lines = append(asks.Lines, copyLine{n.ReceivedAt, joined(l.T(requestWords[n.Kind]), n.Note, l.T(requestStates[state]), n.Reason)})
	}
	return slices.DeleteFunc([]copyList{names, visits, looks, asks}, func(list copyList) bool { return len(list.Lines) == 0 })
}

// joined puts what is not empty beside one another.
func joined(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " · ")
}
