package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"cho40/internal/auth"
	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

type peoplePage struct {
	frame
	Q           string
	Rows        []personRow
	First, Next string // addresses; empty: none
	Name        string // typed for somebody new
	Add         roleForm
	Wrong       wrong
}

type personRow struct{ Path, Name, Roles, State string }

// roleForm is where a role is chosen: who, where, until when.
type roleForm struct {
	Roles        []roleChoice
	Scope, Until string
	ScopeHint    string
	Ends         bool // it may have a last day
	Wrong        wrong
}

type roleChoice struct {
	Value, Words string
	Chosen       bool
}

func personPath(p auth.Person) string { return "/people/" + p.ID.String() }

// personState is how it stands with somebody's sign-in, in words.
func personState(l lang.Lang, p auth.Person) string {
	switch {
	case p.DisabledAt != nil:
		return l.T("Kept out")
	case !p.HasPassword:
		return l.T("Has not come in yet")
	case auth.NeedsFactor(p.Grants) && !p.HasFactor:
		return l.T("Second factor missing")
	case p.PhoneUntil != nil:
		return l.T("With a PIN on the phone until %s", registry.DayOf(*p.PhoneUntil))
	}
	return l.T("Active")
}

// roleForm offers the roles that the reader may hand out, at the market that is their own where there is just one.
func (s *Server) roleForm(c echo.Context, role, scope, until string) roleForm {
	l, by := language(c), actor(c)
	f := roleForm{Scope: scope, Until: until, Ends: true, ScopeHint: l.T("KIND:CODE, such as %s", "market:VT")}
	all := []registry.Role{registry.Manager, registry.Clerk, registry.Leader, registry.Volunteer}
	if by.CanSomewhere(registry.ChangeProviders) { // an administrator
		all = append(all, registry.Officer, registry.Partner, registry.Auditor, registry.Admin)
	}
	for _, r := range all {
		if auth.HandsOut(by, r) {
			f.Roles = append(f.Roles, roleChoice{string(r), l.T(roleWords[r]), string(r) == role})
		}
	}
	if own := by.OwnMarket(registry.ManagePeople); scope == "" && own != "" {
		f.Scope = "market:" + own
	}
	return f
}

// roleSent reads the role of a form. Faults: Invalid, at role, scope or until.
func roleSent(role, scope, until string) (registry.Grant, error) {
	g, err := registry.ParseGrant(role, strings.TrimSpace(scope))
	switch fault.CodeOf(err) {
	case "role-unknown":
		return g, fault.New(fault.Invalid, "grants-invalid", "Some fields need mending.").With(fault.At("role", "unknown", "Choose a role."))
	case "scope-wrong":
		f, _ := fault.As(err)
		return g, fault.New(fault.Invalid, "grants-invalid", "Some fields need mending.").With(fault.Field{Pointer: "scope", Code: "wrong", Detail: f.Detail})
	}
	if until = strings.TrimSpace(until); until != "" {
		if g.Until, err = registry.ParseDay(until); err != nil {
			return g, fault.New(fault.Invalid, "grants-invalid", "Some fields need mending.").With(fault.At("until", "wrong", "A day is written as 2026-11-22."))
		}
	}
	return g, nil
}

// toldRole puts what is wrong with a role beside the field that says where.
func toldRole(w wrong) wrong {
	if said := w.Fields["grants"]; said != "" {
		w.Fields["scope"] = said
	}
	if len(w.Fields) == 0 {
		w.Fields["scope"] = w.Detail
	}
	return w
}

// peoplePage answers GET /people: who may come in, and a form for one more.
func (s *Server) peoplePage(c echo.Context) error {
	return s.people(c, http.StatusOK, peoplePage{Add: s.roleForm(c, "", "", "")})
}

func (s *Server) people(c echo.Context, code int, p peoplePage) error {
	l := language(c)
	p.Q = asked(c, "q")
	list, err := s.auth.Colleagues(c.Request().Context(), actor(c), p.Q, registry.List{Cursor: asked(c, "cursor")})
	if err != nil {
		return err
	}
	for _, who := range list.Items {
		p.Rows = append(p.Rows, personRow{personPath(who.Person), who.Name, rolesSaid(l, who.Grants), personState(l, who.Person)})
	}
	if c.QueryParam("cursor") != "" {
		p.First = with(c, "cursor", "")
	}
	if list.Next != nil {
		p.Next = with(c, "cursor", *list.Next)
	}
	p.frame = s.frame(c, l.T("People"), nil, "people")
	return s.show(c, code, "people.html", p)
}

// addPerson answers POST /people: the page that answers holds the one-time link.
func (s *Server) addPerson(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	g, err := roleSent(v.Get("role"), v.Get("scope"), v.Get("until"))
	var p auth.Person
	var link string
	if err == nil {
		p, link, err = s.auth.AddPerson(c.Request().Context(), actor(c), v.Get("name"), []registry.Grant{g}, "")
	}
	if fault.CodeOf(err) == "step-up-needed" {
		return err
	}
	if err != nil {
		w, code, ok := toldOf(c, err)
		if !ok {
			return err
		}
		again := peoplePage{Name: v.Get("name"), Add: s.roleForm(c, v.Get("role"), v.Get("scope"), v.Get("until")), Wrong: toldRole(w)}
		again.Add.Wrong = again.Wrong
		return s.people(c, code, again)
	}
	return s.person(c, http.StatusCreated, personPage{Link: absolute(c, welcomePath(link))}, p.ID.String())
}

// toldOf is told, for a form in which something may also be named that is not there.
func toldOf(c echo.Context, err error) (w wrong, code int, ok bool) {
	f := asFault(err)
	if f.Kind == fault.NotFound {
		return wrong{Detail: language(c).Text(f.Detail), Fields: map[string]string{}}, http.StatusUnprocessableEntity, true
	}
	return told(c, err)
}

// absolute is an address of ours as it is sent to somebody.
func absolute(c echo.Context, path string) string {
	return c.Scheme() + "://" + c.Request().Host + path
}

type personPage struct {
	frame
	Who       auth.Colleague
	Version   string
	State     string
	Action    string
	Held      []heldRole
	Add       roleForm
	Link      string // a new one, shown this once
	LinkHours int
	HasPhone  bool
	Wrong     wrong
}

type heldRole struct{ Value, Words string }

// personPage answers GET /people/:person.
func (s *Server) personPage(c echo.Context) error {
	return s.person(c, http.StatusOK, personPage{}, c.Param("person"))
}

func (s *Server) person(c echo.Context, code int, p personPage, which string) error {
	l := language(c)
	who, err := s.auth.Colleague(c.Request().Context(), actor(c), which)
	if err != nil {
		return err
	}
	p.Who, p.Version, p.State, p.Action = who, who.ETag(), personState(l, who.Person), personPath(who.Person)
	p.HasPhone, p.LinkHours = who.PhoneUntil != nil, int(auth.LinkLife.Hours())
	for _, g := range who.Grants {
		p.Held = append(p.Held, heldRole{grantSent(g), roleSaid(l, g)})
	}
	if p.Add.Roles == nil {
		p.Add = s.roleForm(c, "", "", "")
	}
	p.frame = s.frame(c, who.Name, nil, "people")
	return s.show(c, code, "person.html", p)
}

// grantSent is a grant as the form of a person's roles sends it back.
func grantSent(g registry.Grant) string {
	sent := string(g.Role) + " " + strings.TrimSuffix(string(g.Kind)+":"+g.Code, ":")
	if !g.Until.IsZero() {
		sent += " " + g.Until.String()
	}
	return sent
}

// changePerson answers POST /people/:person: one thing is done to somebody.
func (s *Server) changePerson(c echo.Context) error {
	ctx, by, which := c.Request().Context(), actor(c), c.Param("person")
	v, err := form(c)
	if err != nil {
		return err
	}
	again := personPage{}
	switch v.Get("do") {
	case "roles":
		again.Add = s.roleForm(c, v.Get("role"), v.Get("scope"), v.Get("until"))
		var grants []registry.Grant
		if grants, err = rolesSent(v["held"], v.Get("role"), v.Get("scope"), v.Get("until")); err == nil {
			_, err = s.auth.Amend(ctx, by, which, v.Get("version"), auth.Amendment{Grants: grants})
		}
		if err == nil {
			sayNext(c, "The roles are changed. The person signs in again.")
		}
	case "link":
		var link string
		if link, err = s.auth.NewLink(ctx, by, which); err == nil {
			return s.person(c, http.StatusOK, personPage{Link: absolute(c, welcomePath(link))}, which)
		}
	case "factor":
		if _, err = s.auth.ResetFactor(ctx, by, which); err == nil {
			sayNext(c, "The second factor is taken away. The person sets up a new one at the next sign-in.")
		}
	case "phone":
		if _, err = s.auth.EndPhone(ctx, by, which); err == nil {
			sayNext(c, "The PIN does not count any more.")
		}
	case "out":
		if _, err = s.auth.Disable(ctx, by, which); err == nil {
			sayNext(c, "The person is kept out from now on.")
		}
	case "in":
		if _, err = s.auth.Enable(ctx, by, which); err == nil {
			sayNext(c, "The person may come in again.")
		}
	default:
		err = fault.New(fault.Invalid, "change-unknown", "Choose what to do.")
	}
	switch {
	case err == nil:
		return c.Redirect(http.StatusSeeOther, "/people/"+which)
	case fault.CodeOf(err) == "step-up-needed", fault.CodeOf(err) == "person-not-found":
		return err
	}
	w, code, ok := toldOf(c, err)
	if !ok || code == http.StatusForbidden {
		return err
	}
	again.Wrong = w
	if v.Get("do") == "roles" {
		again.Add.Wrong = toldRole(w)
	}
	return s.person(c, code, again, which)
}

// rolesSent reads the roles that were left ticked, and one more where it was chosen.
func rolesSent(held []string, role, scope, until string) ([]registry.Grant, error) {
	grants := []registry.Grant{}
	for _, h := range held {
		parts := append(strings.Fields(h), "", "", "")
		g, err := roleSent(parts[0], parts[1], parts[2])
		if err != nil {
			return nil, err
		}
		grants = append(grants, g)
	}
	if role == "" {
		return grants, nil
	}
	g, err := roleSent(role, scope, until)
	return append(grants, g), err
}

type keysPage struct {
	frame
	Rows     []keyRow
	Next     string
	Secret   string // of a new key, shown this once
	Webhooks bool   // the reader keeps webhooks too
	Name     string
	Days     string
	Add      roleForm
	Wrong    wrong
}

type keyRow struct {
	auth.OwnKey
	Path, Roles, State string
	Live               bool
}

// keysPage answers GET /keys.
func (s *Server) keysPage(c echo.Context) error {
	return s.keys(c, http.StatusOK, keysPage{Add: s.roleForm(c, "", "", ""), Days: "365"})
}

func (s *Server) keys(c echo.Context, code int, p keysPage) error {
	l := language(c)
	list, err := s.auth.KeysFor(c.Request().Context(), actor(c), registry.List{Cursor: asked(c, "cursor")})
	if err != nil {
		return err
	}
	for _, k := range list.Items {
		row := keyRow{OwnKey: k, Path: "/keys/" + k.ID.String(), Roles: rolesSaid(l, k.Grants), Live: k.RevokedAt == nil && k.ExpiresAt.After(s.now())}
		switch {
		case k.RevokedAt != nil:
			row.State = l.T("Revoked on %s", registry.DayOf(*k.RevokedAt))
		case !row.Live:
			row.State = l.T("Ended on %s", registry.DayOf(k.ExpiresAt))
		default:
			row.State = l.T("Good until %s", registry.DayOf(k.ExpiresAt))
		}
		p.Rows = append(p.Rows, row)
	}
	if list.Next != nil {
		p.Next = with(c, "cursor", *list.Next)
	}
	p.Add.Ends = false
	p.Add.Roles = slices.DeleteFunc(p.Add.Roles, func(r roleChoice) bool { return r.Value == string(registry.Admin) })
	p.Webhooks = actor(c).CanSomewhere(registry.KeepWebhooks)
	p.frame = s.frame(c, l.T("Keys for programs"), nil, "keys")
	return s.show(c, code, "keys.html", p)
}

// addKey answers POST /keys: the page that answers holds the key.
func (s *Server) addKey(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	n, wrongDays := strconv.Atoi(strings.TrimSpace(v.Get("days")))
	if wrongDays != nil {
		n = -1 // a number of days that no key lasts
	}
	g, err := roleSent(v.Get("role"), v.Get("scope"), "")
	var secret string
	if err == nil {
		secret, _, err = s.auth.AddKey(c.Request().Context(), actor(c), v.Get("name"), []registry.Grant{g}, days(n))
	}
	if fault.CodeOf(err) == "step-up-needed" {
		return err
	}
	if err != nil {
		w, code, ok := toldOf(c, err)
		if !ok {
			return err
		}
		again := keysPage{Name: v.Get("name"), Days: v.Get("days"), Add: s.roleForm(c, v.Get("role"), v.Get("scope"), ""), Wrong: toldRole(w)}
		again.Add.Wrong = again.Wrong
		return s.keys(c, code, again)
	}
	return s.keys(c, http.StatusCreated, keysPage{Secret: secret, Add: s.roleForm(c, "", "", ""), Days: "365"})
}

// changeKey answers POST /keys/:key: another takes its place, or it ends.
func (s *Server) changeKey(c echo.Context) error {
	v, err := form(c)
	if err != nil {
		return err
	}
	ctx, by, which := c.Request().Context(), actor(c), c.Param("key")
	if v.Get("do") == "rotate" {
		secret, _, err := s.auth.RotateKey(ctx, by, which)
		if fault.KindOf(err) == fault.Conflict {
			w, code, _ := told(c, err)
			return s.keys(c, code, keysPage{Add: s.roleForm(c, "", "", ""), Days: "365", Wrong: w})
		}
		if err != nil {
			return err
		}
		return s.keys(c, http.StatusCreated, keysPage{Secret: secret, Add: s.roleForm(c, "", "", ""), Days: "365"})
	}
	if _, err := s.auth.RevokeKey(ctx, by, which); err != nil {
		return err
	}
	sayNext(c, "The key is revoked.")
	return c.Redirect(http.StatusSeeOther, "/keys")
}
