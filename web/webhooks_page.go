package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

type webhooksPage struct {
	frame
	Rows []webhookShown
	Form pageForm // asks for one more
}

// webhookShown is a webhook in the reader's language.
type webhookShown struct {
	Path, URL, Provider string
	Tile, State, Since  string
	Ends                string // when it is switched off by itself; empty: it is not failing
	Behind, BehindSince string
	Answer              string // the last one; empty: nothing was sent yet
	Answered            *time.Time
	Failing, Off        bool
	Yours               bool // the reader may approve it
}

type webhookPage struct {
	frame
	Hook        webhookShown
	Action      string
	Facts       []fact
	Secret      string // of a new one, shown this once
	Waits, Mine bool   // for a second person; the reader asked for it, and cannot be that
	AskCode     bool   // the reader's second factor is too old for this
	Log         []deliveryShown
	First, Next string    // addresses; empty: none
	Replay      *pageForm // nil: nothing is sent to it
	Sure        wrong     // what was wrong with switching it off
	Wrong       wrong
	LogDays     int
}

// deliveryShown is a delivery in the reader's language.
type deliveryShown struct {
	registry.Delivery
	Changes, Answer, Goes string
	Again                 bool // it may be sent again
}

func webhookPath(id registry.WebhookID) string { return "/webhooks/" + id.String() }

// sendWords are what outbound says of an address that was not reached.
var sendWords = map[string]string{
	"address is not on the public internet": "The address is not on the public internet",
	"address cannot be read":                "The address cannot be read",
	"name was not found":                    "The name was not found",
	"certificate is not trusted":            "The certificate is not trusted",
	"no answer in time":                     "No answer in time",
	"no connection":                         "No connection",
}

// answerSaid is what came back of something that was sent.
func answerSaid(l lang.Lang, status *int, said *string, took *int) string {
	words := ""
	switch {
	case status != nil && said == nil:
		words = l.T("Taken, %d", *status)
	case status != nil:
		words = l.T("Refused, %d", *status)
	case said == nil:
		return l.T("Nothing was left to send")
	case sendWords[*said] != "":
		words = l.T(sendWords[*said])
	default:
		words = *said
	}
	if took != nil {
		words += " · " + l.Number(*took) + " ms"
	}
	return words
}

// webhookShown puts a webhook in words for the reader.
func (s *Server) webhookShown(c echo.Context, w registry.Webhook) webhookShown {
	l := language(c)
	shown := webhookShown{Path: webhookPath(w.ID), URL: w.URL, Provider: registry.ProviderName(w.Provider), Answered: w.TriedAt, Off: w.OffAt != nil,
		Yours: w.State == "waiting" && w.MadeBy != actor(c).ID}
	since := w.MadeAt
	switch {
	case w.OffAt != nil:
		since, shown.Tile, shown.State = *w.OffAt, "vacant", l.T("Switched off")
	case w.State == "waiting":
		shown.Tile, shown.State = "t1", l.T("Waits for a second person")
	case w.FailingSince != nil:
		since, shown.Tile, shown.State, shown.Failing = *w.FailingSince, "stop", l.T("Takes nothing"), true
		shown.Ends = l.T("It is switched off if it takes nothing until %s.", l.Moment(since.Add(registry.WebhookFailsFor)))
	default:
		since, shown.Tile, shown.State = *w.ApprovedAt, "t5", l.T("Live")
	}
	shown.Since = l.T("since %s", l.Moment(since))
	switch {
	case w.Behind == nil:
		shown.Behind = "–"
	case *w.Behind == 0 && w.State == "waiting":
		shown.Behind = l.T("Nothing yet")
	case *w.Behind == 0:
		shown.Behind = l.T("Nothing: all is told")
	case *w.Behind >= registry.BehindCounted:
		shown.Behind = l.T("%s changes or more", l.Number(registry.BehindCounted))
	default:
		shown.Behind = say(l, *w.Behind, "1 change", "%s changes")
	}
	if w.BehindSince != nil {
		shown.BehindSince = l.T("since %s", l.Moment(*w.BehindSince))
	}
	if w.TriedAt != nil {
		shown.Answer = answerSaid(l, w.Status, w.Error, w.TookMS)
	}
	return shown
}

// webhooksPage answers GET /webhooks: the addresses that are told of changes, and a form that asks for one more.
func (s *Server) webhooksPage(c echo.Context) error {
	return s.webhooks(c, http.StatusOK, filledForm{})
}

func (s *Server) webhooks(c echo.Context, code int, sent filledForm) error {
	by, l := actor(c), language(c)
	all, err := s.reg(c).Webhooks(c.Request().Context(), by)
	if err != nil {
		return err
	}
	p := webhooksPage{frame: s.frame(c, l.T("Webhooks"), nil, "webhooks")}
	for _, w := range all {
		p.Rows = append(p.Rows, s.webhookShown(c, w))
	}
	var fields []formField
	if own := by.Providers(); len(own) == 0 {
		fields = append(fields, formField{Name: "provider", Label: l.T("Wallet or bank"), Hint: l.T("As people call it: Viettel Money, Vietcombank."), Required: true, Whole: true})
	} else if len(own) > 1 {
		field := formField{Name: "provider", Label: l.T("Wallet or bank"), Whole: true}
		for _, code := range own {
			field.Options = append(field.Options, choice{Value: code, Words: registry.ProviderName(code)})
		}
		fields = append(fields, field)
	}
	p.Form = pageForm{ID: "ask", Head: l.T("Ask for a webhook"), Action: "/webhooks#ask", Button: l.T("Ask for it"),
		Means: []string{l.T("Nothing is sent before somebody else has approved the address. You get a secret, shown once, with which your program knows that a delivery is ours.")},
		Fields: append(fields,
			formField{Name: "url", Label: l.T("Address"), Type: "url", Hint: l.T("Of your program, such as https://partner.vn/cho40. It must be reached from the internet; it is not changed later."), Required: true, Whole: true},
			formField{Name: "from", Label: l.T("Begin behind change number"), Mode: "numeric", Hint: l.T("Empty: with what happens from now on. 0: with everything. Or the last next_cursor that your program kept."), Whole: true},
		)}.made(c, sent, url.Values{})
	return s.show(c, code, "webhooks.html", p)
}

// askForWebhook answers POST /webhooks: the page that answers holds the secret.
func (s *Server) askForWebhook(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	in := registry.NewWebhook{Provider: strings.TrimSpace(v.Get("provider")), URL: strings.TrimSpace(v.Get("url")), From: strings.TrimSpace(v.Get("from"))}
	w, secret, err := s.reg(c).AddWebhook(c.Request().Context(), actor(c), in, s.loopback)
	if err == nil {
		return s.webhook(c, http.StatusCreated, webhookPage{Secret: secret}, w.ID.String(), filledForm{})
	}
	said, code, ok := toldOf(c, err)
	if !ok || code == http.StatusForbidden {
		return err
	}
	if fault.CodeOf(err) == "provider-not-found" && len(actor(c).Providers()) != 1 { // else there is no field to choose one
		said.Fields["provider"], said.Detail = said.Detail, language(c).T("Some fields need mending.")
	}
	return s.webhooks(c, code, filledForm{id: "ask", values: v, wrong: said})
}

// webhookPage answers GET /webhooks/:webhook: how it stands, what was sent there, and what may be done about it.
func (s *Server) webhookPage(c echo.Context) error {
	return s.webhook(c, http.StatusOK, webhookPage{}, c.Param("webhook"), filledForm{})
}

func (s *Server) webhook(c echo.Context, code int, p webhookPage, which string, sent filledForm) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	w, err := s.reg(c).Webhook(ctx, by, which)
	if err != nil {
		return err
	}
	log, err := s.reg(c).Deliveries(ctx, by, which, registry.List{Cursor: asked(c, "cursor")})
	if err != nil {
		return err
	}
	p.Hook = s.webhookShown(c, w)
	p.frame = s.frame(c, l.T("Webhook of %s", p.Hook.Provider), nil, "webhooks")
	p.Action = p.Hook.Path
	if c.Request().Method != http.MethodGet { // asking for one is answered at the address of the list
		p.frame.Path = p.Hook.Path
	}
	p.LogDays = int(registry.DeliveriesLive.Hours() / 24)
	p.Waits, p.Mine, p.AskCode = w.State == "waiting", w.MadeBy == by.ID, by.Fresh(s.now()) != nil
	if p.Facts, err = s.webhookFacts(c, w); err != nil {
		return err
	}
	for _, d := range log.Items {
		p.Log = append(p.Log, deliverySaid(l, d, w.State == "active"))
	}
	if c.QueryParam("cursor") != "" {
		p.First = with(c, "cursor", "")
	}
	if log.Next != nil {
		p.Next = with(c, "cursor", *log.Next)
	}
	if w.State == "active" {
		f := pageForm{ID: "replay", Head: l.T("Send a stretch again"), Action: p.Action + "#replay", Button: l.T("Send again"), Fields: []formField{
			{Name: "since", Label: l.T("Everything since"), Hint: l.T("Day and time in Vietnam, such as 22/11/2026 09:30. Or leave it empty and write a number.")},
			{Name: "after", Label: l.T("Everything behind change number"), Mode: "numeric", Hint: l.T("The next_cursor up to which your program has everything.")},
			{Name: "until", Label: l.T("Up to change number"), Mode: "numeric", Hint: l.T("Empty: up to %s, the last one that was told.", w.Cursor)},
		}}.made(c, sent, url.Values{})
		p.Replay = &f
	}
	return s.show(c, code, "webhook.html", p)
}

// webhookFacts are what the record says of a webhook: who asked, who approved, how far it is.
func (s *Server) webhookFacts(c echo.Context, w registry.Webhook) (facts []fact, err error) {
	l := language(c)
	ids := []string{w.MadeBy}
	for _, id := range []*string{w.ApprovedBy, w.OffBy} {
		if id != nil {
			ids = append(ids, *id)
		}
	}
	names, err := s.reg(c).Names(c.Request().Context(), ids)
	if err != nil {
		return nil, err
	}
	names["console"], names["system"] = l.T("the console"), l.T("the service")
	add := func(label string, by string, at time.Time) {
		facts = append(facts, fact{label, brought(names[by], l.Moment(at))})
	}
	add(l.T("Asked for"), w.MadeBy, w.MadeAt)
	if w.ApprovedAt != nil {
		add(l.T("Approved"), *w.ApprovedBy, *w.ApprovedAt)
		facts = append(facts, fact{l.T("Told up to change number"), w.Cursor})
	} else {
		facts = append(facts, fact{l.T("Begins behind change number"), w.Cursor})
	}
	if w.OffAt != nil {
		add(l.T("Switched off"), *w.OffBy, *w.OffAt)
	}
	return facts, nil
}

// deliverySaid puts a delivery in words. active: its webhook is told.
func deliverySaid(l lang.Lang, d registry.Delivery, active bool) deliveryShown {
	shown := deliveryShown{Delivery: d, Changes: d.Until, Again: active && d.State == "delivered"}
	if first, err := strconv.ParseInt(d.After, 10, 64); err == nil && strconv.FormatInt(first+1, 10) != d.Until {
		shown.Changes = strconv.FormatInt(first+1, 10) + "–" + d.Until
	}
	if d.Tries > 0 {
		shown.Answer = answerSaid(l, d.Status, d.Error, d.TookMS)
	}
	switch {
	case d.NextAt != nil && d.Tries == 0:
		shown.Goes = l.T("At once")
	case d.NextAt != nil:
		shown.Goes = l.Moment(*d.NextAt)
	case d.State == "given_up":
		shown.Goes = l.T("None: given up")
	}
	return shown
}

// changeWebhook answers POST /webhooks/:webhook: the second person's word, a stretch sent again, or the end.
func (s *Server) changeWebhook(c echo.Context) error {
	ctx, by, l, which := c.Request().Context(), actor(c), language(c), c.Param("webhook")
	v, err := form(c)
	if err != nil {
		return err
	}
	again, sent := webhookPage{}, filledForm{}
	switch v.Get("do") {
	case "approve":
		if _, err = s.reg(c).ApproveWebhook(ctx, by, which); err == nil {
			sayNext(c, "The address is approved. It is told from now on.")
		}
	case "replay":
		sent = filledForm{id: "replay", values: v}
		var made []registry.Delivery
		in := registry.Replay{After: strings.TrimSpace(v.Get("after")), Until: strings.TrimSpace(v.Get("until"))}
		if in.Since, err = momentSent(v.Get("since")); err == nil {
			made, err = s.reg(c).ReplayWebhook(ctx, by, which, in)
		}
		switch {
		case err != nil:
		case len(made) == 0:
			sayNext(c, "Nothing is sent again: what was there must not be told any more.")
		case len(made) == 1:
			sayNext(c, "1 delivery is sent again.")
		default:
			sayNext(c, "%s deliveries are sent again.", l.Number(len(made)))
		}
	case "off":
		if v.Get("sure") == "" {
			again.Sure = wrong{Fields: map[string]string{"sure": l.T("Tick this first: it cannot be switched on again.")}}
			return s.webhook(c, http.StatusUnprocessableEntity, again, which, sent)
		}
		if err = s.reg(c).EndWebhook(ctx, by, which); err == nil {
			sayNext(c, "The webhook is switched off.")
		}
	default:
		err = fault.New(fault.Invalid, "change-unknown", "Choose what to do.")
	}
	if err == nil {
		return c.Redirect(http.StatusSeeOther, "/webhooks/"+which)
	}
	w, code, ok := told(c, err)
	if !ok || fault.CodeOf(err) == "step-up-needed" || code == http.StatusForbidden {
		return err
	}
	if sent.id != "" && code != http.StatusConflict {
		sent.wrong = w
	} else {
		again.Wrong = w
	}
	return s.webhook(c, code, again, which, sent)
}

// momentSent reads a moment of a form, on the market's clock; zero for none. Faults: Invalid, at since.
func momentSent(typed string) (at time.Time, err error) {
	if typed = strings.TrimSpace(typed); typed == "" {
		return at, nil
	}
	here := registry.Local(time.Time{}).Location()
	for _, layout := range []string{"2/1/2006 15:04", "15:04 2/1/2006", "2/1/2006", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"} { // as pages write it too, so that it may be copied
		if at, err = time.ParseInLocation(layout, typed, here); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fault.New(fault.Invalid, "replay-invalid", "Some fields need mending.").With(fault.At("since", "form", "Day and time are written as 22/11/2026 09:30."))
}
