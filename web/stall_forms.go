package web

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"cho40/internal/fault"
	"cho40/qrgen"
	"cho40/qrgen/photo"
	registry "cho40/vendor_registry"

	"github.com/labstack/echo/v4"
)

// stallForms are the forms of a stall's page for who may change it.
func (s *Server) stallForms(c echo.Context, m registry.Market, st registry.Stall, sent filledForm) []pageForm {
	l := language(c)
	action := func(what string) string { return stallPath(m.Code, st.Code) + "/" + what + "#" + what }
	today := s.reg(c).Today().String()
	from := formField{Name: "from", Label: l.T("From which day"), Type: "date", Hint: l.T("Today, or up to %d days ago.", registry.MaxBackdate)}
	reason := formField{Name: "reason", Label: l.T("Reason"), Hint: l.T("In a few words, for whoever asks later."), Required: true, Whole: true}
	var stops []string
	for _, p := range st.Placards {
		if p.Live() && p.State != "suspended" {
			stops = append(stops, p.Serial.String())
		}
	}
	means := func(first string, stopping bool) []string {
		said := []string{first}
		if stopping && len(stops) > 0 {
			said = append(said, say(l, len(stops), "1 placard stops at once and waits to be collected: %s.", "%s placards stop at once and wait to be collected: %s.", stopArgs(stops)...))
		}
		if stopping {
			said = append(said, l.T("Nobody's account changes, and no money goes anywhere else."))
		}
		return said
	}
	var forms []pageForm
	if st.Vendor != nil {
		months := []choice{{"", "–", false}}
		for n := 1; n <= 12; n++ {
			months = append(months, choice{strconv.Itoa(n), l.T("Month %d", n), false})
		}
		begins := url.Values{"status": {st.Status}, "from": {today}}
		if st.Season != nil {
			begins.Set("months_from", strconv.Itoa(st.Season.From))
			begins.Set("months_to", strconv.Itoa(st.Season.To))
		}
		forms = append(forms, pageForm{ID: "status", Head: l.T("Closed for now, in season, trades again"), Action: action("status"), Button: l.T("Save"),
			Means: []string{l.T("Who is closed or out of season does not count in the market's share on those days. The placard stays where it is.")},
			Fields: []formField{
				{Name: "status", Label: l.T("How it is traded"), Options: []choice{{"trading", l.T("Trading"), false}, {"seasonal", l.T("Seasonal"), false}, {"closed", l.T("Closed for now"), false}}},
				from,
				{Name: "months_from", Label: l.T("Season: first month"), Options: months},
				{Name: "months_to", Label: l.T("Season: last month"), Options: append([]choice(nil), months...)}, reason}}.made(c, sent, begins))
	}
	head, first := l.T("Hand the stall over"), l.T("The stall goes to another vendor. What the old vendor wished on the card is forgotten.")
	if st.Vendor == nil {
		head, first = l.T("Somebody takes the stall"), l.T("The vendor's accounts come in afterwards, as proposals.")
	}
	forms = append(forms, pageForm{ID: "transfer", Head: head, Action: action("transfer"), Button: head, Stops: st.Vendor != nil, Means: means(first, st.Vendor != nil), Fields: []formField{
		{Name: "name", Label: l.T("Name of the new vendor")}, {Name: "phone", Label: l.T("Phone"), Mode: "tel"},
		{Name: "stall", Label: l.T("Or: a stall that the new vendor holds already"), Hint: l.T("Then leave name and phone empty: it is the same vendor."), Whole: true},
		from, reason}}.made(c, sent, url.Values{"from": {today}}))
	if st.Vendor != nil {
		forms = append(forms,
			pageForm{ID: "move", Head: l.T("Moves to another stall"), Action: action("move"), Button: l.T("Move the vendor"), Stops: true,
				Means: means(l.T("The vendor goes to a stall that nobody holds. The card names the stall, so the new one gets its own."), true), Fields: []formField{
					{Name: "to", Label: l.T("To which stall"), Required: true}, from, reason}}.made(c, sent, url.Values{"from": {today}}),
			pageForm{ID: "closure", Head: l.T("Gives the stall up"), Action: action("closure"), Button: l.T("The vendor gives it up"), Stops: true,
				Means: means(l.T("The stall becomes vacant. A vendor without another stall has left the market."), true), Fields: []formField{from, reason}}.
				made(c, sent, url.Values{"from": {today}}))
	}
	number := url.Values{"placard_languages": {st.Languages}}
	if st.ShowNumber {
		number.Set("show_number", "1")
	}
	if st.Vendor != nil {
		languages := []choice{{"", l.T("As the design says: Vietnamese, then English"), false}, {"vi", l.T("Vietnamese only"), false},
			{"vi+en", l.T("Vietnamese, then English"), false}, {"en+vi", l.T("English, then Vietnamese"), false}, {"en", l.T("English only"), false}}
		if !slices.ContainsFunc(languages, func(o choice) bool { return o.Value == st.Languages }) {
			languages = append(languages, choice{st.Languages, st.Languages, false})
		}
		forms = append(forms,
			pageForm{ID: "card", Head: l.T("What the card says"), Action: action("card"), Button: l.T("Save"), Version: st.ETag(),
				Means: []string{l.T("It counts for placards printed from now on. Those that hang stay as they are.")}, Fields: []formField{
					{Name: "placard_languages", Label: l.T("The card's language"), Whole: true, Options: languages},
					{Name: "show_number", Label: l.T("The vendor wants the whole account number on the card"), Type: "checkbox", Whole: true}}}.made(c, sent, number),
			pageForm{ID: "stand", Head: l.T("A stand that a wallet or bank gave"), Action: action("stand"), Button: l.T("Register the stand"), Upload: true,
				Means: []string{l.T("A code that hangs at the stall already. It counts like ours once its account is approved.")}, Fields: []formField{
					{Name: "file", Label: l.T("Picture of the code"), Type: "file", Hint: l.T("A photo or a screenshot: PNG, JPEG or WebP, at most 8 MiB."), Whole: true},
					{Name: "payload", Label: l.T("Or: what a scanner read from it"), Type: "lines", Hint: l.T("It begins with 000201."), Whole: true},
					{Name: "heard_name", Label: l.T("Name that the phone showed when it was scanned")},
					{Name: "given", Label: l.T("The vendor agrees that it is recorded"), Options: consentChoices(c)}}}.made(c, sent, url.Values{}))
	}
	for _, a := range st.Accounts {
		if a.HolderAgreed != nil && !*a.HolderAgreed && (a.State == registry.StateProposed || a.State == registry.StateApproved) {
			forms = append(forms, pageForm{ID: "holder-" + a.RecordID.String(), Head: l.T("The holder of %s %s agrees", a.ProviderName, a.Number), Button: l.T("Save"), Version: a.ID.String(),
				Action: stallPath(m.Code, st.Code) + "/holder-consent#holder-" + a.RecordID.String(),
				Means:  []string{l.T("The account is somebody else's. Ask that person whether the vendor may be paid there.")},
				Fields: []formField{{Name: "given", Label: l.T("How that person agreed"), Options: consentChoices(c), Whole: true}}}.made(c, sent, url.Values{}))
		}
	}
	return forms
}

func stopArgs(serials []string) []any { return []any{strings.Join(serials, ", ")} }

// consentChoices are the ways in which a vendor may have agreed, just now.
func consentChoices(c echo.Context) []choice {
	l := language(c)
	return []choice{{"", l.T("Not asked now"), false}, {"face_to_face", l.T("Yes, said at the stall"), false}, {"signed_form", l.T("Yes, on a signed form"), false}, {"phone_call", l.T("Yes, on the phone"), false}}
}

// consentOf is what a form says of the vendor's consent: the wording in the reader's language is what was read out.
func consentOf(c echo.Context, v url.Values) *registry.NewConsent {
	if v.Get("given") == "" {
		return nil
	}
	return &registry.NewConsent{Version: string(language(c)) + "-1", Given: v.Get("given")}
}

// dayOf reads a day of a form, zero for none. Faults: Invalid.
func dayOf(v url.Values, name string) (registry.Day, error) {
	if strings.TrimSpace(v.Get(name)) == "" {
		return registry.Day{}, nil
	}
	d, err := registry.ParseDay(strings.TrimSpace(v.Get(name)))
	if f, ok := fault.As(err); ok {
		return d, f.With(fault.At(name, "form", "A day is written as 2026-11-22."))
	}
	return d, err
}

// again shows the page once more with a form that was refused, or goes on to the page that done leads to.
func (s *Server) again(c echo.Context, id string, v url.Values, err error, done string) error {
	if err == nil {
		return c.Redirect(http.StatusSeeOther, done)
	}
	w, code, ok := told(c, err)
	if !ok || fault.KindOf(err) == fault.Forbidden {
		return err
	}
	return s.stall(c, code, filledForm{id: id, values: v, wrong: w})
}

// onStall reads a form of a stall's page and does what it says on a day.
func (s *Server) onStall(c echo.Context, id string, do func(ctx context.Context, by registry.Actor, market, stall string, v url.Values, day registry.Day) (done string, err error)) error {
	ctx, by, market := c.Request().Context(), actor(c), c.Param("market")
	if _, err := s.reg(c).MarketFor(ctx, by, registry.RegisterStall, market); err != nil {
		return err
	}
	v, err := form(c)
	if err != nil {
		return err
	}
	done := ""
	day, err := dayOf(v, "from")
	if err == nil {
		done, err = do(ctx, by, market, param(c, "stall"), v, day)
	}
	return s.again(c, id, v, err, done)
}

// changeStatus answers POST /markets/:market/stalls/:stall/status.
func (s *Server) changeStatus(c echo.Context) error {
	return s.onStall(c, "status", func(ctx context.Context, by registry.Actor, market, stall string, v url.Values, day registry.Day) (string, error) {
		in := registry.NewStatus{Status: v.Get("status"), From: day, Reason: v.Get("reason")}
		if in.Status == registry.Seasonal {
			first, _ := strconv.Atoi(v.Get("months_from"))
			last, _ := strconv.Atoi(v.Get("months_to"))
			in.Season = &registry.Season{From: first, To: last}
		}
		st, err := s.reg(c).SetStatus(ctx, by, market, stall, in)
		if err == nil {
			sayNext(c, "Saved: stall %s.", st.Code)
		}
		return stallPath(market, st.Code), err
	})
}

// handOver answers POST /markets/:market/stalls/:stall/transfer. What may be in the record already is shown first, once.
func (s *Server) handOver(c echo.Context) error {
	var warned []registry.Duplicate
	var sent url.Values
	err := s.onStall(c, "transfer", func(ctx context.Context, by registry.Actor, market, stall string, v url.Values, day registry.Day) (string, error) {
		sent = v
		in := registry.Transfer{Vendor: registry.NewHolder{Name: v.Get("name"), Phone: v.Get("phone")}, From: day, Reason: v.Get("reason")}
		if other := strings.TrimSpace(v.Get("stall")); other != "" {
			at, err := s.reg(c).Stall(ctx, by, market, other)
			switch {
			case fault.CodeOf(err) == "stall-not-found" || err == nil && at.Vendor == nil:
				return "", fault.New(fault.Invalid, "transfer-invalid", "Some fields need mending.").With(fault.At("stall", "unknown", "No vendor holds such a stall in this market."))
			case err != nil:
				return "", err
			}
			in.Vendor.ID = at.Vendor.ID
		}
		if v.Get("sure") == "" {
			f, err := s.reg(c).CheckTransfer(ctx, by, market, stall, in)
			if err != nil {
				return "", err
			}
			if warned = f.Warnings; len(warned) > 0 {
				return "", errWarned
			}
		}
		st, err := s.reg(c).HandOver(ctx, by, market, stall, in)
		if err == nil {
			sayNext(c, "Stall %s is %s's now.", st.Code, st.Vendor.Name)
		}
		return stallPath(market, st.Code), err
	})
	if err == errWarned {
		return s.stall(c, http.StatusOK, filledForm{id: "transfer", values: sent, warnings: warned})
	}
	return err
}

// errWarned says that warnings are to be shown before anything is stored.
var errWarned = errors.New("warnings come first")

// giveUp answers POST /markets/:market/stalls/:stall/closure.
func (s *Server) giveUp(c echo.Context) error {
	return s.onStall(c, "closure", func(ctx context.Context, by registry.Actor, market, stall string, v url.Values, day registry.Day) (string, error) {
		st, err := s.reg(c).Leave(ctx, by, market, stall, registry.Leaving{From: day, Reason: v.Get("reason")})
		if err == nil {
			sayNext(c, "Stall %s is vacant now.", st.Code)
		}
		return stallPath(market, st.Code), err
	})
}

// moveTo answers POST /markets/:market/stalls/:stall/move.
func (s *Server) moveTo(c echo.Context) error {
	return s.onStall(c, "move", func(ctx context.Context, by registry.Actor, market, stall string, v url.Values, day registry.Day) (string, error) {
		st, err := s.reg(c).MoveTo(ctx, by, market, stall, registry.Move{To: v.Get("to"), From: day, Reason: v.Get("reason")})
		if err == nil {
			sayNext(c, "%s stands at stall %s now.", st.Vendor.Name, st.Code)
		}
		return stallPath(market, st.Code), err
	})
}

// changeCard answers POST /markets/:market/stalls/:stall/card: what the vendor wishes on the card.
func (s *Server) changeCard(c echo.Context) error {
	return s.onStall(c, "card", func(ctx context.Context, by registry.Actor, market, stall string, v url.Values, _ registry.Day) (string, error) {
		languages, number := v.Get("placard_languages"), v.Get("show_number") != ""
		st, err := s.reg(c).Change(ctx, by, market, stall, v.Get("version"), registry.ChangedStall{Languages: &languages, ShowNumber: &number})
		if err == nil {
			sayNext(c, "Saved: stall %s.", st.Code)
		}
		return stallPath(market, st.Code), err
	})
}

// agreeAsHolder answers POST /markets/:market/stalls/:stall/holder-consent: the yes of the relative who holds an account.
func (s *Server) agreeAsHolder(c echo.Context) error {
	ctx, by, market, stall := c.Request().Context(), actor(c), c.Param("market"), param(c, "stall")
	if _, err := s.reg(c).MarketFor(ctx, by, registry.RecordField, market); err != nil {
		return err
	}
	v, err := form(c)
	if err != nil {
		return err
	}
	ref, err := registry.ParseRef[registry.Account](v.Get("version"))
	if err != nil {
		return err
	}
	consent := consentOf(c, v)
	if consent == nil {
		consent = &registry.NewConsent{Version: "vi-1"} // the record says what is missing
	}
	if _, err = s.reg(c).RecordHolderConsent(ctx, by, ref, *consent); err == nil {
		sayNext(c, "Saved: stall %s.", stall)
	}
	return s.again(c, "holder-"+ref.ID.String(), v, err, stallPath(market, stall))
}

// registerStand answers POST /markets/:market/stalls/:stall/stand: a picture of the code, or what a scanner read.
func (s *Server) registerStand(c echo.Context) error {
	ctx, by, market, stall := c.Request().Context(), actor(c), c.Param("market"), param(c, "stall")
	if _, err := s.reg(c).MarketFor(ctx, by, registry.RecordField, market); err != nil {
		return err
	}
	v, picture, err := formWithPicture(c)
	if err != nil {
		return err
	}
	payload := strings.TrimSpace(v.Get("payload"))
	if payload == "" && len(picture) > 0 {
		payload, err = payeeCode(ctx, picture)
	}
	var p registry.Placard
	if err == nil {
		p, err = s.reg(c).RegisterStand(ctx, by, market, stall, registry.NewStand{Payload: payload, HeardName: v.Get("heard_name"), Consent: consentOf(c, v)})
	}
	if err == nil {
		sayNext(c, "The stand is registered as %s.", p.Serial.String())
	}
	return s.again(c, "stand", v, err, stallPath(market, stall))
}

// payeeCode is the one payment code in a picture. Faults: those of photo.Read, at the field file.
func payeeCode(ctx context.Context, picture []byte) (string, error) {
	found, err := photo.Read(ctx, picture)
	if f, ok := fault.As(err); ok {
		return "", f.With(fault.Field{Pointer: "file", Code: f.Code, Detail: f.Detail})
	}
	if err != nil {
		return "", err
	}
	for _, code := range found {
		if _, err := qrgen.Decode(code.Text, qrgen.Lenient); err == nil {
			return code.Text, nil
		}
	}
	return found[0].Text, nil // the record says what it is instead
}

// formWithPicture reads a posted form that may bring a picture. Faults: those of form; TooLarge.
func formWithPicture(c echo.Context) (url.Values, []byte, error) {
	r := c.Request()
	r.Body = http.MaxBytesReader(c.Response(), r.Body, photo.MaxBytes+maxForm)
	if err := r.ParseMultipartForm(photo.MaxBytes); err != nil {
		if f := asFault(err); f.Kind == fault.TooLarge {
			return nil, nil, f
		}
		if err == http.ErrNotMultipart {
			return nil, nil, fault.New(fault.Unsupported, "content-type", "This content type is not taken here.").Because(err)
		}
		return nil, nil, fault.New(fault.Malformed, "request-malformed", "The request cannot be read.").Because(err)
	}
	defer r.MultipartForm.RemoveAll()
	values := url.Values(r.MultipartForm.Value)
	if err := readable(values); err != nil {
		return nil, nil, err
	}
	var files []*multipart.FileHeader = r.MultipartForm.File["file"]
	if len(files) == 0 {
		return values, nil, nil
	}
	f, err := files[0].Open()
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, photo.MaxBytes+1))
	return values, data, err
}
