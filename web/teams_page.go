package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cho40/internal/fault"
	"cho40/internal/id"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/fieldwork"

	"github.com/labstack/echo/v4"
)

// The words for what a team's record keeps as codes.
var (
	teamLevelWords = map[string]string{"hamlet": "Team of a hamlet", "commune": "Team of a commune"}
	teamKindWords  = map[string]string{"field": "In the field", "desk": "Supports from a desk"}
	positionWords  = map[string]string{"leader": "Leader of the team", "deputy": "Deputy", "member": "Member"}
	belongsWords   = map[string]string{"youth_union": "Youth union", "hamlet_board": "Board of a hamlet", "telecom_staff": "Telecom staff", "other": "From elsewhere"}
	teamWarnings   = map[string]string{"too_large": "More than ten people are in this team. Two smaller ones are easier to lead.", "no_leader": "Nobody leads this team yet."}
)

type teamsPage struct {
	frame
	Rows     []teamRow
	Next     string
	Add      pageForm
	MayAdd   bool
	Coverage []spreadShown // of the reader's own areas
}

// spreadShown is how far the teams of an area have come.
type spreadShown struct{ Area, Hamlets, Communes, Without string }

type teamRow struct{ Path, Name, Code, Place, Leader, Markets, Size string }

func teamPath(code string, more ...string) string {
	return "/" + strings.Join(append([]string{"teams", url.PathEscape(code)}, more...), "/")
}

// teamsPage answers GET /teams.
func (s *Server) teamsPage(c echo.Context) error { return s.teams(c, http.StatusOK, filledForm{}) }

func (s *Server) teams(c echo.Context, code int, sent filledForm) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	list, err := s.field(c).Teams(ctx, by, fieldwork.TeamFilter{List: registry.List{Cursor: asked(c, "cursor")}})
	if err != nil {
		return err
	}
	p := teamsPage{MayAdd: by.CanSomewhere(registry.AssignTeams)}
	for _, t := range list.Items {
		row := teamRow{Path: teamPath(t.Code), Name: t.Name, Code: t.Code, Place: t.AreaName, Leader: t.Leader, Size: say(l, t.Size, "1 member", "%s members")}
		if t.Hamlet != "" {
			row.Place = t.Hamlet + ", " + t.AreaName
		}
		var markets []string
		for _, m := range t.Markets {
			markets = append(markets, m.Name)
		}
		row.Markets = strings.Join(markets, ", ")
		p.Rows = append(p.Rows, row)
	}
	if list.Next != nil {
		p.Next = with(c, "cursor", *list.Next)
	}
	if p.Coverage, err = s.spreads(c); err != nil {
		return err
	}
	p.Add = pageForm{ID: "add", Head: l.T("Make a team"), Action: "/teams#add", Button: l.T("Make a team"), Fields: []formField{
		{Name: "name", Label: l.T("Name"), Required: true},
		{Name: "code", Label: l.T("Code, such as T-AP7"), Hint: l.T("Roles are given by it: team:T-AP7."), Required: true},
		{Name: "level", Label: l.T("Level"), Options: offered(fieldwork.Levels, func(code string) string { return l.T(teamLevelWords[code]) })},
		{Name: "hamlet", Label: l.T("Hamlet or quarter"), Hint: l.T("Only of a hamlet's team.")},
		{Name: "area", Label: l.T("Official code of the commune or ward"), Mode: "numeric", Required: true},
		{Name: "market", Label: l.T("Code of the market that it goes to")},
		{Name: "kind", Label: l.T("What it does"), Options: offered(fieldwork.Kinds, func(code string) string { return l.T(teamKindWords[code]) })},
		{Name: "link", Label: l.T("Link of its Zalo group"), Type: "url"},
		{Name: "parent", Label: l.T("Code of the team above it"), Hint: l.T("Empty: none.")},
	}}.made(c, sent, url.Values{"market": {by.OwnMarket(registry.AssignTeams)}})
	p.frame = s.frame(c, l.T("Teams"), nil, "teams")
	return s.show(c, code, "teams.html", p)
}

// spreads are how many hamlets have a team, and in how many communes they have begun, in each area that the reader looks after.
func (s *Server) spreads(c echo.Context) (all []spreadShown, err error) {
	by, l := actor(c), language(c)
	var seen []string
	for _, g := range by.Grants {
		if g.Kind != registry.OverArea || slices.Contains(seen, g.Code) || !by.CanSomewhere(registry.SplitCoverage) {
			continue
		}
		seen = append(seen, g.Code)
		sp, err := s.field(c).Spread(c.Request().Context(), by, g.Code)
		if fault.KindOf(err) == fault.NotFound { // a grant on a map of before
			continue
		}
		if err != nil {
			return nil, err
		}
		var without []string
		for _, h := range sp.Without[:min(len(sp.Without), 10)] {
			without = append(without, h.Hamlet+" ("+h.Name+")")
		}
		if len(sp.Without) > len(without) {
			without = append(without, "…")
		}
		all = append(all, spreadShown{sp.AreaName, l.T("%s of %s hamlets have a team", l.Number(sp.HamletsWithTeam), l.Number(sp.Hamlets)),
			l.T("In %s of %s communes a team or a market was visited", l.Number(sp.CommunesVisited), l.Number(sp.Communes)), strings.Join(without, ", ")})
	}
	return all, nil
}

// offered offers codes in words.
func offered(codes []string, in func(code string) string) []choice {
	out := make([]choice, len(codes))
	for i, code := range codes {
		out[i] = choice{Value: code, Words: in(code)}
	}
	return out
}

// addTeam answers POST /teams.
func (s *Server) addTeam(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	t, err := s.field(c).AddTeam(c.Request().Context(), actor(c), fieldwork.NewTeam{Code: v.Get("code"), Name: v.Get("name"), Level: v.Get("level"), Kind: v.Get("kind"),
		Area: v.Get("area"), Hamlet: v.Get("hamlet"), Link: v.Get("link"), Parent: strings.ToUpper(strings.TrimSpace(v.Get("parent"))), Market: strings.ToUpper(strings.TrimSpace(v.Get("market")))})
	if err == nil {
		sayNext(c, "The team %s is made.", t.Name)
		return c.Redirect(http.StatusSeeOther, teamPath(t.Code))
	}
	w, code, ok := toldOf(c, err)
	if !ok || fault.KindOf(err) == fault.Forbidden {
		return err
	}
	return s.teams(c, code, filledForm{id: "add", values: v, wrong: w})
}

type teamPage struct {
	frame
	Team      fieldwork.Team
	Kind      string
	Place     string
	Path      string
	Markets   []workplace
	Members   []memberShown
	Before    int // members of before
	Cards     int
	Warnings  []string
	Trainings []trainingShown
	Forms     []pageForm
	Roster    wrong
	Notes     []string // what was wrong with the rows of a roster
	Yours     bool     // the reader looks after it
	Assigns   bool
	Releases  bool // a market of the reader's own
}

type workplace struct {
	Path, Name, Sections, Code string
	Releases                   bool
}

type memberShown struct {
	ID, Version, Name, Position, Belongs, Phone, Person, Ready, Since string
	Unread                                                            string // cards
}

type trainingShown struct {
	On, Topic, Attended string
}

// teamPage answers GET /teams/:team.
func (s *Server) teamPage(c echo.Context) error {
	return s.teamShown(c, http.StatusOK, filledForm{}, teamPage{})
}

func (s *Server) teamShown(c echo.Context, code int, sent filledForm, p teamPage) error {
	ctx, by, l := c.Request().Context(), actor(c), language(c)
	t, err := s.field(c).Team(ctx, by, c.Param("team"))
	if err != nil {
		return err
	}
	trainings, err := s.field(c).Trainings(ctx, by, t.Code)
	if err != nil {
		return err
	}
	if p.Yours, err = s.field(c).May(ctx, by, registry.ManageTeams, t.Code); err != nil {
		return err
	}
	if p.Assigns, err = s.field(c).May(ctx, by, registry.AssignTeams, t.Code); err != nil {
		return err
	}
	p.Team, p.Path, p.Cards, p.Place = t, teamPath(t.Code), len(fieldwork.Cards), t.AreaName
	if t.Hamlet != "" {
		p.Place = t.Hamlet + ", " + t.AreaName
	}
	p.Kind = l.T(teamLevelWords[t.Level]) + " · " + l.T(teamKindWords[t.Kind])
	for _, w := range t.Warnings {
		p.Warnings = append(p.Warnings, l.T(teamWarnings[w]))
	}
	for _, m := range t.Markets {
		rows := l.T("All of the market")
		if len(m.Sections) > 0 {
			rows = strings.Join(m.Sections, ", ")
		}
		_, err := s.reg(c).MarketFor(ctx, by, registry.AssignTeams, m.Market)
		releases := err == nil
		p.Releases = p.Releases || releases
		p.Markets = append(p.Markets, workplace{marketPath(m.Market), m.Name, rows, m.Market, releases})
	}
	var attended []formField
	for _, m := range t.Members {
		if m.Until != nil {
			p.Before++
			continue
		}
		shown := memberShown{ID: m.ID.String(), Version: m.ETag(), Name: m.Name, Position: l.T(positionWords[m.Position]), Phone: m.Phone, Person: m.Person, Since: l.Day(m.From.End())}
		if m.Belongs != "" {
			shown.Belongs = l.T(belongsWords[m.Belongs])
		}
		var unread []string
		for _, card := range fieldwork.Cards {
			if m.Person != "" && m.CardsRead > 0 && !slices.Contains(m.Cards, card.Code) {
				unread = append(unread, l.T(card.Head))
			}
		}
		shown.Unread = strings.Join(unread, "; ")
		switch {
		case m.Ready:
			shown.Ready = l.T("Ready")
		case m.Trained == 0:
			shown.Ready = l.T("Not trained yet")
		case m.CardsRead < len(fieldwork.Cards):
			shown.Ready = l.T("%d of %d cards read", m.CardsRead, len(fieldwork.Cards))
		default:
			shown.Ready = l.T("Has no apps on the own phone yet")
		}
		p.Members = append(p.Members, shown)
		attended = append(attended, formField{Name: m.ID.String(), Label: m.Name, Type: "checkbox"})
	}
	for _, tr := range trainings {
		p.Trainings = append(p.Trainings, trainingShown{l.Day(tr.On.End()), tr.Topic, say(l, len(tr.Attended), "1 was there", "%s were there")})
	}
	if p.Yours {
		p.Forms = s.teamForms(c, t, p.Assigns, attended, sent)
	}
	p.frame = s.frame(c, t.Name, nil, "teams")
	return s.show(c, code, "team.html", p)
}

// teamForms are what may be changed of a team.
func (s *Server) teamForms(c echo.Context, t fieldwork.Team, assigns bool, attended []formField, sent filledForm) []pageForm {
	l := language(c)
	action := func(what string) string { return teamPath(t.Code, what) + "#" + what }
	forms := []pageForm{
		pageForm{ID: "members", Head: l.T("Take somebody in"), Action: action("members"), Button: l.T("Take into the team"), Fields: []formField{
			{Name: "name", Label: l.T("Name"), Required: true},
			{Name: "phone", Label: l.T("Phone"), Mode: "tel"},
			{Name: "position", Label: l.T("In the team"), Options: offered([]string{"member", "deputy", "leader"}, func(code string) string { return l.T(positionWords[code]) })},
			{Name: "belongs", Label: l.T("Comes from"), Options: append([]choice{{"", l.T("Not told"), false}}, offered(fieldwork.Belongs, func(code string) string { return l.T(belongsWords[code]) })...)},
			{Name: "person", Label: l.T("Name to sign in"), Hint: l.T("Whoever has a role over this team or its market."), Whole: true},
			{Name: "installed", Label: l.T("Has the wallet and the apps on the own phone"), Type: "checkbox", Whole: true},
		}}.made(c, sent, url.Values{}),
		pageForm{ID: "trainings", Head: l.T("Record a training"), Action: action("trainings"), Button: l.T("Record"), Fields: append([]formField{
			{Name: "topic", Label: l.T("What about"), Required: true},
			{Name: "on", Label: l.T("Day"), Type: "date"},
		}, attended...)}.made(c, sent, url.Values{"on": {s.registry.Today().String()}}),
		pageForm{ID: "about", Head: l.T("Change name or group"), Action: action("about"), Button: l.T("Save"), Version: t.ETag(), Fields: []formField{
			{Name: "name", Label: l.T("Name"), Required: true},
			{Name: "link", Label: l.T("Link of its Zalo group"), Type: "url"},
		}}.made(c, sent, url.Values{"name": {t.Name}, "link": {t.Link}}),
	}
	if assigns {
		forms = append(forms, pageForm{ID: "markets", Head: l.T("Send it to a market"), Action: action("markets"), Button: l.T("Send there"),
			Means: []string{l.T("Whoever has a role over the team sees and records there from then on.")}, Fields: []formField{
				{Name: "market", Label: l.T("Code of the market"), Required: true},
				{Name: "sections", Label: l.T("Rows that it walks, one a line"), Hint: l.T("Empty: all of the market."), Type: "lines", Whole: true},
			}}.made(c, sent, url.Values{}))
	}
	return forms
}

// changeTeam answers POST /teams/:team/:what: the forms of a team's page.
func (s *Server) changeTeam(c echo.Context) error {
	ctx, by, team, what := c.Request().Context(), actor(c), c.Param("team"), c.Param("what")
	switch what {
	case "roster":
		return s.takeRoster(c)
	case "sign":
		return s.signMonth(c)
	}
	v, err := form(c)
	if err != nil {
		return err
	}
	switch what {
	case "members":
		_, _, err = s.field(c).AddMember(ctx, by, team, fieldwork.NewMember{Name: v.Get("name"), Phone: v.Get("phone"), Position: v.Get("position"),
			Belongs: v.Get("belongs"), Person: v.Get("person"), Installed: v.Get("installed") != ""})
	case "leave":
		which, bad := id.Parse[fieldwork.Member](v.Get("member"))
		if bad != nil {
			which = fieldwork.MemberID{}
		}
		today := s.registry.Today()
		_, _, err = s.field(c).ChangeMember(ctx, by, team, which, v.Get("version"), fieldwork.ChangedMember{Until: &today})
	case "trainings":
		in := fieldwork.Training{Topic: v.Get("topic")}
		if on := v.Get("on"); on != "" {
			in.On, err = registry.ParseDay(on)
		}
		for name := range v {
			if which, bad := id.Parse[fieldwork.Member](name); bad == nil {
				in.Attended = append(in.Attended, which)
			}
		}
		if err == nil {
			_, err = s.field(c).AddTraining(ctx, by, team, in)
		}
	case "about":
		name, link := v.Get("name"), v.Get("link")
		_, err = s.field(c).ChangeTeam(ctx, by, team, v.Get("version"), fieldwork.ChangedTeam{Name: &name, Link: &link})
	case "markets":
		var sections []string
		for line := range strings.Lines(v.Get("sections")) {
			if line = strings.TrimSpace(line); line != "" {
				sections = append(sections, line)
			}
		}
		_, err = s.field(c).AssignMarket(ctx, by, team, strings.ToUpper(strings.TrimSpace(v.Get("market"))), sections)
	case "release":
		err = s.field(c).ReleaseMarket(ctx, by, team, v.Get("market"))
	default:
		return echo.ErrNotFound
	}
	if err == nil {
		sayNext(c, "Saved.")
		return c.Redirect(http.StatusSeeOther, teamPath(team))
	}
	if fault.CodeOf(err) == "team-not-found" {
		return err
	}
	w, code, ok := toldOf(c, err)
	if !ok || fault.KindOf(err) == fault.Forbidden {
		return err
	}
	for pointer, text := range w.Fields {
		if strings.HasPrefix(pointer, "sections/") {
			w.Fields["sections"] = text
		}
	}
	return s.teamShown(c, code, filledForm{id: what, values: v, wrong: w}, teamPage{})
}

// takeRoster takes the members of a file in.
func (s *Server) takeRoster(c echo.Context) error {
	l := language(c)
	roster, err := s.roster(c)
	if err != nil {
		w, code, ok := told(c, err)
		if !ok || fault.KindOf(err) == fault.Forbidden {
			return err
		}
		return s.teamShown(c, code, filledForm{}, teamPage{Roster: w})
	}
	if len(roster.Faults) == 0 {
		sayNext(c, "%d people came in, %d were there already.", roster.Added, roster.Known)
		return c.Redirect(http.StatusSeeOther, teamPath(c.Param("team")))
	}
	p := teamPage{Notes: []string{l.T("%d people came in, %d were there already.", roster.Added, roster.Known)}}
	for _, f := range roster.Faults {
		p.Notes = append(p.Notes, l.T("Row %d: %s", f.Row, l.Text(f.Detail)))
	}
	return s.teamShown(c, http.StatusOK, filledForm{}, p)
}
