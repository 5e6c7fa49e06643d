package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

type marketEditPage struct {
	frame
	Market       registry.Market
	Home, Action string
	ETag         string
	Wrong        wrong
	In           url.Values
	Differs      []difference // what somebody else saved meanwhile
	Sites, Kinds []choice
	Classes      []choice
	Signals      []choice
	Weekdays     []choice
	Program      bool
	lang         lang.Lang
}

// difference is a field of which the reader typed one thing and the record says another by now.
type difference struct{ Label, Now string }

// A market's fields as its pages call them.
var (
	siteWords       = map[registry.Site]string{"": "Market", registry.Desk: "One stop desk", registry.School: "School", registry.Clinic: "Clinic"}
	marketKindWords = map[registry.MarketKind]string{"daily": "Daily market", "wholesale": "Wholesale market", "night": "Night market", "temporary": "Temporary market", registry.Fair: "Market of fair days"}
	signalWords     = map[string]string{"none": "No signal", "weak": "Weak signal", "good": "Good signal"}
	dayWords        = []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
	marketWords     = map[string]string{"name": "Name", "area": "Commune or ward", "area_from": "There since", "site": "What it is", "class": "Class", "kind": "Kind of market", "weekdays": "Days of the week",
		"lunar_days": "Days of the lunar month", "planned_stalls": "Planned stalls", "program": "Cashless market (chợ 4.0)", "program_since": "Since", "program_sponsor": "Sponsor",
		"signal": "Phone signal", "contact_name": "Contact at the board", "contact_phone": "Phone of the contact", "call": "Phone on placards"}
)

// valuesOf are a market's fields as its form holds them.
func valuesOf(m registry.Market) url.Values {
	v := url.Values{"name": {m.Name}, "site": {string(m.Site)}, "area": {m.Area}, "kind": {string(m.Kind)}, "program_sponsor": {m.ProgramSponsor}, "signal": {m.Signal},
		"contact_name": {m.ContactName}, "contact_phone": {m.ContactPhone}, "call": {m.Call}}
	if m.Class != nil {
		v.Set("class", strconv.Itoa(*m.Class))
	}
	if m.PlannedStalls != nil {
		v.Set("planned_stalls", strconv.Itoa(*m.PlannedStalls))
	}
	if m.Program {
		v.Set("program", "1")
	}
	if m.ProgramSince != nil {
		v.Set("program_since", m.ProgramSince.String())
	}
	for _, d := range m.Weekdays {
		v.Add("weekdays", d.String())
	}
	v.Set("lunar_days", numbers(m.LunarDays))
	return v
}

func numbers(days []int) string {
	words := make([]string, len(days))
	for i, d := range days {
		words[i] = strconv.Itoa(d)
	}
	return strings.Join(words, ", ")
}

// marketEditPage answers GET /markets/:market/edit.
func (s *Server) marketEditPage(c echo.Context) error {
	m, err := s.reg(c).MarketFor(c.Request().Context(), actor(c), registry.ChangeMarket, c.Param("market"))
	if err != nil {
		return err
	}
	return s.marketForm(c, http.StatusOK, m, valuesOf(m), m.ETag(), wrong{})
}

func (s *Server) marketForm(c echo.Context, code int, m registry.Market, in url.Values, etag string, w wrong) error {
	l := language(c)
	p := marketEditPage{frame: s.frame(c, l.T("Change the market"), &m, "market"), Market: m, Home: marketPath(m.Code), Action: marketPath(m.Code, "edit"),
		ETag: etag, Wrong: w, In: in, Program: in.Get("program") != "", lang: l}
	offer := func(name, none string, values []string, words func(string) string) (out []choice) {
		if none != "" {
			out = append(out, choice{"", l.T(none), in.Get(name) == ""})
		}
		for _, v := range values {
			out = append(out, choice{v, words(v), slices.Contains(in[name], v)})
		}
		return out
	}
	for _, site := range append([]registry.Site{""}, registry.Sites...) {
		p.Sites = append(p.Sites, choice{string(site), l.T(siteWords[site]), in.Get("site") == string(site)})
	}
	var kinds []string
	for _, k := range registry.MarketKinds {
		kinds = append(kinds, string(k))
	}
	p.Kinds = offer("kind", "Not known", kinds, func(v string) string { return l.T(marketKindWords[registry.MarketKind(v)]) })
	p.Classes = offer("class", "Not known", []string{"1", "2", "3"}, func(v string) string { return l.T("Class %s", v) })
	p.Signals = offer("signal", "Not known", registry.Signals, func(v string) string { return l.T(signalWords[v]) })
	for d := registry.Weekday(1); d <= 7; d++ {
		p.Weekdays = append(p.Weekdays, choice{d.String(), l.T(dayWords[d-1]), slices.Contains(in["weekdays"], d.String())})
	}
	if code == http.StatusPreconditionFailed {
		now := valuesOf(m)
		for _, name := range []string{"name", "site", "area", "class", "kind", "weekdays", "lunar_days", "planned_stalls", "program", "program_since", "program_sponsor",
			"signal", "contact_name", "contact_phone", "call"} {
			if said := strings.Join(now[name], ", "); said != strings.Join(in[name], ", ") {
				p.Differs = append(p.Differs, difference{l.T(marketWords[name]), valueInWords(l, name, said)})
			}
		}
		p.ETag = m.ETag() // whoever sends it again has seen them
	}
	return s.show(c, code, "market-edit.html", p)
}

// valueInWords is a field's value as people say it.
func valueInWords(l lang.Lang, field, v string) string {
	switch {
	case field == "site":
		return l.T(siteWords[registry.Site(v)])
	case v == "":
		return "–"
	case field == "kind":
		return l.T(marketKindWords[registry.MarketKind(v)])
	case field == "signal":
		return l.T(signalWords[v])
	case field == "program":
		return l.T("Yes")
	}
	return v
}

// editMarket answers POST /markets/:market/edit.
func (s *Server) editMarket(c echo.Context) error {
	ctx, by := c.Request().Context(), actor(c)
	v, err := form(c)
	if err != nil {
		return err
	}
	m, err := s.reg(c).MarketFor(ctx, by, registry.ChangeMarket, c.Param("market"))
	if err != nil {
		return err
	}
	w := wrong{Detail: language(c).T("Some fields need mending."), Fields: map[string]string{}}
	in := s.marketChange(c, v, m, &w)
	if len(w.Fields) > 0 {
		return s.marketForm(c, http.StatusUnprocessableEntity, m, v, v.Get("etag"), w)
	}
	changed, err := s.reg(c).EditMarket(ctx, by, m.Code, v.Get("etag"), in)
	if err == nil {
		sayNext(c, "%s is saved.", changed.Name)
		return c.Redirect(http.StatusSeeOther, marketPath(m.Code))
	}
	w, code, ok := told(c, err)
	if !ok && fault.CodeOf(err) != "area-not-found" {
		return err
	}
	if !ok {
		f, _ := fault.As(err)
		said := language(c).Text(f.Detail)
		w, code = wrong{Detail: said, Fields: map[string]string{"area": said}}, http.StatusUnprocessableEntity
	}
	if fault.KindOf(err) == fault.Stale {
		if m, err = s.reg(c).Market(ctx, by, m.Code); err != nil {
			return err
		}
	}
	return s.marketForm(c, code, m, v, v.Get("etag"), w)
}

// marketChange reads the form; what cannot be read is said beside its field.
func (s *Server) marketChange(c echo.Context, v url.Values, m registry.Market, w *wrong) registry.ChangedMarket {
	text := func(name string) *string { t := strings.TrimSpace(v.Get(name)); return &t }
	whole := func(name string) registry.Maybe[int] {
		if strings.TrimSpace(v.Get(name)) == "" {
			return registry.Some[int](nil)
		}
		n, err := strconv.Atoi(strings.TrimSpace(v.Get(name)))
		if err != nil {
			w.Fields[name] = language(c).T("Write a whole number.")
		}
		return registry.Some(&n)
	}
	date := func(name string) *registry.Day {
		if strings.TrimSpace(v.Get(name)) == "" {
			return nil
		}
		day, err := registry.ParseDay(strings.TrimSpace(v.Get(name)))
		if err != nil {
			w.Fields[name] = language(c).T("A day is written as 2026-11-22.")
		}
		return &day
	}
	site, kind, program := registry.Site(v.Get("site")), registry.MarketKind(v.Get("kind")), v.Get("program") != ""
	in := registry.ChangedMarket{Name: text("name"), Site: &site, Kind: &kind, Program: &program, Class: whole("class"), PlannedStalls: whole("planned_stalls"),
		ProgramSince: registry.Some(date("program_since")), ProgramSponsor: text("program_sponsor"), Signal: text("signal"), ContactName: text("contact_name"),
		ContactPhone: text("contact_phone"), Call: text("call"), AreaFrom: date("area_from")}
	if area := *text("area"); area != m.Area || in.AreaFrom != nil {
		in.Area = &area
	}
	weekdays, lunar := []registry.Weekday{}, []int{}
	for _, name := range v["weekdays"] {
		var day registry.Weekday
		if err := day.UnmarshalText([]byte(name)); err == nil {
			weekdays = append(weekdays, day)
		}
	}
	for n := range strings.FieldsFuncSeq(v.Get("lunar_days"), func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
		day, err := strconv.Atoi(n)
		if err != nil {
			w.Fields["lunar_days"] = language(c).T("Write numbers with commas between them, such as 5, 10, 15.")
		}
		lunar = append(lunar, day)
	}
	in.Weekdays, in.LunarDays = &weekdays, &lunar
	return in
}

// fact is a line about a market.
type fact struct{ Label, Value string }

// facts are what the record says of a market, for its page.
func facts(l lang.Lang, m registry.Market) (out []fact) {
	add := func(label, value string) {
		if value != "" {
			out = append(out, fact{l.T(label), value})
		}
	}
	if m.Site != "" {
		add("What it is", l.T(siteWords[m.Site]))
	}
	if m.Kind != "" {
		add("Kind of market", l.T(marketKindWords[m.Kind]))
	}
	if m.Class != nil {
		add("Class", strconv.Itoa(*m.Class))
	}
	var meets []string
	for _, d := range m.Weekdays {
		meets = append(meets, l.T(dayWords[d-1]))
	}
	if len(m.LunarDays) > 0 {
		meets = append(meets, l.T("lunar days %s", numbers(m.LunarDays)))
	}
	add("Meets on", strings.Join(meets, ", "))
	var next []string
	for _, d := range m.NextDays {
		next = append(next, l.Day(d.End()))
	}
	add("Next market days", strings.Join(next, ", "))
	if m.PlannedStalls != nil {
		add("Planned stalls", l.Number(*m.PlannedStalls))
	}
	if m.Program {
		said := []string{l.T("Yes")}
		if m.ProgramSince != nil {
			said = append(said, l.T("since %s", l.Day(m.ProgramSince.End())))
		}
		if m.ProgramSponsor != "" {
			said = append(said, m.ProgramSponsor)
		}
		add("Cashless market (chợ 4.0)", strings.Join(said, ", "))
	}
	if m.Signal != "" {
		add("Phone signal", l.T(signalWords[m.Signal]))
	}
	add("Contact at the board", strings.Trim(m.ContactName+" · "+m.ContactPhone, " ·"))
	add("Phone on placards", m.Call)
	return out
}

// Text is one of the form's fields that are typed.
func (p marketEditPage) Text(name, hint string) paperField {
	f := paperField{ID: name, Name: name, Label: p.lang.T(marketWords[name]), Hint: hint, Value: p.In.Get(name), Said: said{name + "-err", p.Wrong.At(name)}}
	switch name {
	case "area_from", "program_since":
		f.Type = "date"
	case "contact_phone", "call":
		f.Type = "tel"
	case "planned_stalls", "area":
		f.Mode = "numeric"
	}
	return f
}
