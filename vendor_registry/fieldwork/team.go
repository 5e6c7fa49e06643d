package fieldwork

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// MostMembers is how many people a community digital team has at most (Trần Đề, 2022: 57 teams, each of ten at most). More are
// taken, with a warning: some places have larger ones.
const MostMembers = 10

// Levels and Kinds of a team, Positions in it and where its people come from.
var (
	Levels    = []string{"hamlet", "commune"}
	Kinds     = []string{"field", "desk"} // desk: supports those in the field
	Positions = []string{"leader", "deputy", "member"}
	Belongs   = []string{"youth_union", "hamlet_board", "telecom_staff", "other"}
)

// Team is a community digital team (tổ công nghệ số cộng đồng).
type Team struct {
	Code        string        `json:"code"` // what people type, T-AP7
	Name        string        `json:"name"`
	Level       string        `json:"level"` // hamlet, commune
	Kind        string        `json:"kind"`  // field, desk
	Area        string        `json:"area"`  // official code of its commune
	AreaName    string        `json:"area_name"`
	Hamlet      string        `json:"hamlet"` // of a hamlet's team
	Parent      string        `json:"parent"` // code of the team above it; empty: none
	Link        string        `json:"link"`   // of its Zalo group
	Leader      string        `json:"leader"` // name; empty: none
	Size        int           `json:"size"`   // members now
	Markets     []Assignment  `json:"markets"`
	MarketsElse int           `json:"markets_elsewhere"` // markets out of the reader's scope
	Members     []Member      `json:"members" db:"-"`    // those of now first; empty in a list
	Ready       int           `json:"ready"`             // members who attended a training, read the cards and use the apps themselves
	Warnings    []string      `json:"warnings" db:"-"`   // too_large, no_leader
	CreatedAt   time.Time     `json:"created_at"`
	EndedOn     *registry.Day `json:"ended_on"`
	Version     int           `json:"-"`
}

// ETag is the team's version as HTTP carries it.
func (t Team) ETag() string { return fmt.Sprintf(`"%x"`, digest(t.Code, t.Version)[:16]) }

// Assignment is a market that a team goes to.
type Assignment struct {
	Market   string   `json:"market"`
	Name     string   `json:"name"`
	Sections []string `json:"sections"` // rows that it walks; none: all of the market
}

// MemberID names somebody in a team.
type MemberID = id.ID[Member]

// Member is somebody in a team from a day until a day.
type Member struct {
	ID        MemberID               `json:"id"`
	Name      string                 `json:"name"`
	Phone     string                 `json:"phone"`    // masked
	Position  string                 `json:"position"` // leader, deputy, member
	Belongs   string                 `json:"belongs"`  // youth_union, hamlet_board, telecom_staff, other; empty: not told
	Person    string                 `json:"person"`   // name by which they sign in; empty: not yet
	Installed bool                   `json:"installed"`
	Trained   int                    `json:"trained"`    // trainings they were at
	CardsRead int                    `json:"cards_read"` // of Cards
	Cards     []string               `json:"cards"`      // which ones
	Ready     bool                   `json:"ready"`
	From      registry.Day           `json:"from"`
	Until     *registry.Day          `json:"until"` // first day on which they are no member any more
	PersonID  *id.ID[registry.Actor] `json:"-"`
	Version   int                    `json:"-"`
}

// ETag is the member's version as HTTP carries it.
func (m Member) ETag() string { return fmt.Sprintf(`"%s.%d"`, m.ID, m.Version) }

// NewTeam is what makes a team. Who makes it names the commune; a market's manager also names one of their markets, which the team
// then goes to.
type NewTeam struct {
	Code   string `json:"code"`
	Name   string `json:"name"`
	Level  string `json:"level"`
	Kind   string `json:"kind"` // empty: field
	Area   string `json:"area"`
	Hamlet string `json:"hamlet"`
	Parent string `json:"parent"`
	Link   string `json:"link"`
	Market string `json:"market"`
}

// ChangedTeam holds the fields of a team to change; nil leaves a field as it is.
type ChangedTeam struct {
	Name   *string `json:"name"`
	Kind   *string `json:"kind"`
	Hamlet *string `json:"hamlet"`
	Parent *string `json:"parent"`
	Link   *string `json:"link"`
	Ended  *bool   `json:"ended"` // true ends it today: it reaches no market any more
}

var (
	teamCode = regexp.MustCompile(`^[A-Z0-9][A-Z0-9-]{0,15}$`)
	zalo     = regexp.MustCompile(`^https://(www\.)?(zalo\.me|zaloapp\.com|chat\.zalo\.me)/[\w./?=&%-]{1,160}$`)
)

func oneOf(bad *[]fault.Field, pointer, word string, words []string) {
	if !slices.Contains(words, word) {
		*bad = append(*bad, fault.At(pointer, "unknown", "One of: %s.", strings.Join(words, ", ")))
	}
}

func checkLink(bad *[]fault.Field, link string) string {
	link = registry.Clean(bad, "link", link, maxLink, false)
	if link != "" && !zalo.MatchString(link) {
		*bad = append(*bad, fault.At("link", "form", "A link to a Zalo group begins with https://zalo.me/."))
	}
	return link
}

// AddTeam makes a team.
//
// Faults: Invalid; NotFound area-not-found, market-not-found, team-not-found (the parent); Forbidden; Conflict team-exists.
func (s *Service) AddTeam(ctx context.Context, by registry.Actor, in NewTeam) (Team, error) {
	var bad []fault.Field
	in.Code = strings.ToUpper(strings.TrimSpace(in.Code))
	if !teamCode.MatchString(in.Code) {
		bad = append(bad, fault.At("code", "form", "A code has up to 16 capital letters, digits and hyphens, such as T-AP7."))
	}
	in.Name = registry.Clean(&bad, "name", in.Name, maxName, true)
	oneOf(&bad, "level", in.Level, Levels)
	if in.Kind == "" {
		in.Kind = Kinds[0]
	}
	oneOf(&bad, "kind", in.Kind, Kinds)
	in.Hamlet = registry.Clean(&bad, "hamlet", in.Hamlet, maxName, in.Level == "hamlet")
	if in.Level == "commune" && in.Hamlet != "" {
		bad = append(bad, fault.At("hamlet", "unexpected", "Only a hamlet's team has a hamlet."))
	}
	in.Link = checkLink(&bad, in.Link)
	in.Area = strings.TrimSpace(in.Area)
	if in.Area == "" {
		bad = append(bad, fault.At("area", "required", "This must be filled in."))
	}
	if err := fault.Check("team-invalid", bad); err != nil {
		return Team{}, err
	}
	now := s.now()
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		ground, err := registry.TeamGround(ctx, tx, in.Area, "")
		if err != nil {
			return err
		}
		var m registry.Market
		if in.Market != "" {
			if m, err = registry.Allowed(ctx, tx, by, registry.AssignTeams, in.Market); err != nil {
				return err
			}
		}
		switch {
		case len(ground.Places) == 0:
			return registry.AreaNotFound(in.Area)
		case by.Can(registry.AssignTeams, ground): // an officer's own land
		case !by.CanSomewhere(registry.AssignTeams):
			return registry.Forbidden()
		case in.Market == "":
			return fault.Check("team-invalid", []fault.Field{fault.At("market", "required", "Name one of your markets that the team goes to.")})
		case m.Area != in.Area:
			return fault.Check("team-invalid", []fault.Field{fault.At("area", "elsewhere", "Give the commune of your own market.")})
		}
		if level, err := postgres.One[int](ctx, tx, `SELECT level::int FROM areas WHERE code = @code`, pgx.StrictNamedArgs{"code": in.Area}); err != nil {
			return err
		} else if level != 2 {
			return fault.Check("team-invalid", []fault.Field{fault.At("area", "level", "Give the official code of a commune or ward.")})
		}
		if err := s.parent(ctx, tx, by, in.Parent, in.Code); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO teams (code, name, level, kind, area_code, hamlet, hamlet_key, parent, link, created_by, created_at)
			VALUES (@code, @name, @level, @kind, @area, @hamlet, @key, @parent, @link, @by, @now)`,
			pgx.StrictNamedArgs{"code": in.Code, "name": in.Name, "level": in.Level, "kind": in.Kind, "area": in.Area, "hamlet": in.Hamlet,
				"key": qrgen.Search(in.Hamlet), "parent": postgres.Null(in.Parent), "link": in.Link, "by": by.ID, "now": now}); err != nil {
			return err
		}
		if in.Market == "" {
			return registry.Audit(ctx, tx, now, by, registry.MarketID{}, teamEvent("made", in.Code, "name", "level", "kind", "area", "parent"))
		}
		if err := assign(ctx, tx, by, m, in.Code, nil, now); err != nil {
			return err
		}
		return registry.Audit(ctx, tx, now, by, m.ID, teamEvent("made", in.Code, "name", "level", "kind", "area", "parent"), teamEvent("assigned", in.Code, "sections"))
	})
	if postgres.Violated(err) == "teams_pk" {
		err = fault.New(fault.Conflict, "team-exists", "There is a team with the code %s already.", in.Code).With(fault.At("code", "taken", "Already taken.")).Because(err)
	}
	if err != nil {
		return Team{}, wrap("add team", in.Code, err)
	}
	return s.Team(ctx, by, in.Code)
}

func teamEvent(what, code string, fields ...string) registry.Event {
	return registry.Event{Action: "team." + what, Object: "team:" + code, Fields: fields}
}

// parent checks the team above another. Faults: NotFound team-not-found; Invalid team-invalid, also for a ring of parents.
func (s *Service) parent(ctx context.Context, tx pgx.Tx, by registry.Actor, parent, of string) error {
	if parent == "" {
		return nil
	}
	if _, err := s.team(ctx, tx, by, registry.SeeTeams, parent); err != nil {
		return err
	}
	ring, err := postgres.One[bool](ctx, tx, `
		WITH RECURSIVE above AS (
			SELECT code, parent FROM teams WHERE code = @parent
			UNION SELECT t.code, t.parent FROM above a JOIN teams t ON t.code = a.parent)
		SELECT EXISTS (SELECT 1 FROM above WHERE code = @of)`, pgx.StrictNamedArgs{"parent": parent, "of": of})
	if err == nil && ring {
		err = fault.Check("team-invalid", []fault.Field{fault.At("parent", "ring", "This team stands below %s itself.", of)})
	}
	return err
}

func teamNotFound() error {
	return fault.New(fault.NotFound, "team-not-found", "There is no such team here.")
}

// teamRow is a team with where its unit is, then where its markets are.
type teamRow struct {
	Team
	ground []registry.Market
}

const teamColumns = `
	SELECT t.code, t.name, t.level, t.kind, t.area_code AS area, a.name AS area_name, t.hamlet, coalesce(t.parent, '') AS parent, t.link, t.created_at,
	       t.ended_on, t.version, 0 AS ready, 0 AS markets_else, '[]'::jsonb AS markets,
	       coalesce((SELECT b.name FROM team_members b WHERE b.team_code = t.code AND b.position = 'leader' AND b.ended IS NULL), '') AS leader,
	       (SELECT count(*) FROM team_members b WHERE b.team_code = t.code AND b.ended IS NULL)::int AS size
	FROM teams t JOIN areas a ON a.code = t.area_code`

// team finds a team and checks what the actor may do with it: what their roles allow over the team itself or its commune, or over all
// of the markets that it goes to, so that who has one of them takes it from nobody; to see it one is enough.
//
// Faults: NotFound team-not-found, also when it is out of the actor's scope; Forbidden.
func (s *Service) team(ctx context.Context, db postgres.Querier, by registry.Actor, do registry.Action, code string) (teamRow, error) {
	code = strings.ToUpper(strings.TrimSpace(code))
	if !teamCode.MatchString(code) {
		return teamRow{}, teamNotFound()
	}
	t, err := postgres.One[Team](ctx, db, teamColumns+` WHERE t.code = @code`, pgx.StrictNamedArgs{"code": code})
	if noRows(err) {
		return teamRow{}, teamNotFound()
	}
	if err != nil {
		return teamRow{}, err
	}
	r := teamRow{Team: t}
	own, err := registry.TeamGround(ctx, db, t.Area, t.Code)
	if err != nil {
		return r, err
	}
	r.ground = append(r.ground, own)
	grounds, err := registry.TeamGrounds(ctx, db, []string{code})
	if err != nil {
		return r, err
	}
	for _, m := range grounds[code] {
		if m.Code != "" {
			r.ground = append(r.ground, m)
		}
	}
	seen := r.ground
	if do == registry.SeeTeams { // the boards of its commune know of it, and may ask it to come
		near, err := s.reg.MarketsIn(ctx, by, do, t.Area)
		if err != nil {
			return r, err
		}
		seen = append(seen, near...)
	}
	switch {
	case !slices.ContainsFunc(seen, by.InScope):
		return r, teamNotFound()
	case do == registry.SeeTeams && slices.ContainsFunc(seen, func(m registry.Market) bool { return by.Can(do, m) }):
	case do == registry.SeeTeams || !r.in(by, do):
		return r, registry.Forbidden()
	}
	return r, nil
}

// in reports whether the actor may do something with all of the team.
func (r teamRow) in(by registry.Actor, do registry.Action) bool {
	may := func(m registry.Market) bool { return by.Can(do, m) }
	markets := r.ground[1:]
	return may(r.ground[0]) || len(markets) > 0 && !slices.ContainsFunc(markets, func(m registry.Market) bool { return !may(m) })
}

// Team is one team with its members and markets. Faults: NotFound; Forbidden.
func (s *Service) Team(ctx context.Context, by registry.Actor, code string) (Team, error) {
	r, err := s.team(ctx, s.db, by, registry.SeeTeams, code)
	if err != nil {
		return Team{}, err
	}
	t := r.Team
	if err := s.assignments(ctx, by, []*Team{&t}); err != nil {
		return t, wrap("team", code, err)
	}
	if t.Members, err = s.members(ctx, s.db, t.Code); err != nil {
		return t, wrap("team", code, err)
	}
	for _, m := range t.Members {
		if m.Ready && m.Until == nil {
			t.Ready++
		}
	}
	t.warn()
	return t, nil
}

func (t *Team) warn() {
	t.Warnings = []string{}
	if t.Size > MostMembers {
		t.Warnings = append(t.Warnings, "too_large")
	}
	if t.Leader == "" && t.EndedOn == nil {
		t.Warnings = append(t.Warnings, "no_leader")
	}
}

// assignments fills in which markets teams go to, of those that the reader may know of.
func (s *Service) assignments(ctx context.Context, by registry.Actor, ts []*Team) error {
	codes := make([]string, len(ts))
	of := map[string]*Team{}
	for i, t := range ts {
		codes[i], of[t.Code] = t.Code, t
		t.Markets = []Assignment{}
	}
	type row struct {
		TeamCode, Market, Name string
		Sections               []string
		Seen                   bool
	}
	args := by.Reach(registry.SeeTeams)
	args["of"] = codes
	rows, err := postgres.All[row](ctx, s.db, `
		SELECT w.team_code, m.code AS market, m.name, w.sections, `+registry.InReach+` AS seen
		FROM team_markets w JOIN markets m ON m.id = w.market_id WHERE w.team_code = ANY (@of) ORDER BY m.code`, args)
	for _, r := range rows {
		t := of[r.TeamCode]
		if !r.Seen {
			t.MarketsElse++
			continue
		}
		t.Markets = append(t.Markets, Assignment{r.Market, r.Name, r.Sections})
	}
	return err
}

// TeamFilter says which teams are wanted.
type TeamFilter struct {
	Market string `query:"market"`
	Area   string `query:"area"` // province or commune
	Ended  bool   `query:"ended"`
	registry.List
}

// teamsInReach says whether a team t is in the reach of an actor.
const teamsInReach = `(@all OR t.code = ANY (@teams)
		OR EXISTS (SELECT 1 FROM markets m LEFT JOIN team_markets w ON w.market_id = m.id AND w.team_code = t.code
		           WHERE (w.team_code IS NOT NULL OR m.area_code = t.area_code) AND ` + registry.InReach + `)
		OR EXISTS (SELECT 1 FROM area_states s JOIN unnest(@areas::text[], @area_days::date[]) g (code, day)
		             ON g.code = s.code OR s.alike IN ('unit', 'district') AND g.code = s.district OR s.alike <> 'none' AND g.code = s.parent
		           WHERE s.code = t.area_code
		             AND CASE WHEN g.day IS NULL THEN s.until = 'infinity' ELSE s.since <= g.day AND g.day < s.until END))`

// Teams lists the teams of the actor's scope by code, without their members. Faults: Invalid; NotFound market-not-found; Forbidden.
func (s *Service) Teams(ctx context.Context, by registry.Actor, f TeamFilter) (registry.Page[Team], error) {
	n, err := f.Size()
	if err != nil {
		return registry.Page[Team]{}, err
	}
	if f.Market != "" {
		if _, err := registry.Allowed(ctx, s.db, by, registry.SeeTeams, f.Market); err != nil {
			return registry.Page[Team]{}, err
		}
	}
	if !by.CanSomewhere(registry.SeeTeams) {
		return registry.Page[Team]{}, registry.Forbidden()
	}
	args := by.Reach(registry.SeeTeams)
	args["market"], args["area"], args["ended"], args["after"], args["n"] = f.Market, f.Area, f.Ended, f.Cursor, n+1
	ts, err := postgres.All[Team](ctx, s.db, teamColumns+`
		WHERE `+teamsInReach+` AND (@ended OR t.ended_on IS NULL) AND t.code > @after
		  AND (@area = '' OR t.area_code = @area OR a.parent = @area)
		  AND (@market = '' OR EXISTS (SELECT 1 FROM team_markets w JOIN markets m ON m.id = w.market_id WHERE w.team_code = t.code AND m.code = @market))
		ORDER BY t.code LIMIT @n`, args)
	if err != nil {
		return registry.Page[Team]{}, wrap("list", "teams", err)
	}
	page := registry.PageOf(ts, n, func(t Team) string { return t.Code })
	all := make([]*Team, len(page.Items))
	for i := range page.Items {
		page.Items[i].Members = []Member{}
		page.Items[i].warn()
		all[i] = &page.Items[i]
	}
	return page, wrap("list", "teams", s.assignments(ctx, by, all))
}

// ChangeTeam edits a team. match is the ETag of the version that was seen.
//
// Faults: NeedsVersion; Stale; Invalid; NotFound; Forbidden, also for who leads the team and would end it.
func (s *Service) ChangeTeam(ctx context.Context, by registry.Actor, code, match string, in ChangedTeam) (Team, error) {
	var bad []fault.Field
	var fields []string
	if in.Name != nil {
		*in.Name, fields = registry.Clean(&bad, "name", *in.Name, maxName, true), append(fields, "name")
	}
	if in.Kind != nil {
		oneOf(&bad, "kind", *in.Kind, Kinds)
		fields = append(fields, "kind")
	}
	if in.Hamlet != nil {
		*in.Hamlet, fields = registry.Clean(&bad, "hamlet", *in.Hamlet, maxName, true), append(fields, "hamlet")
	}
	if in.Link != nil {
		*in.Link, fields = checkLink(&bad, *in.Link), append(fields, "link")
	}
	if in.Parent != nil {
		*in.Parent, fields = strings.ToUpper(strings.TrimSpace(*in.Parent)), append(fields, "parent")
	}
	if in.Ended != nil {
		fields = append(fields, "ended_on")
	}
	if err := fault.Check("team-invalid", bad); err != nil {
		return Team{}, err
	}
	now := s.now()
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		t, err := s.lockTeam(ctx, tx, by, registry.ManageTeams, code)
		if err != nil {
			return err
		}
		if err := registry.Unchanged(match, t.ETag()); err != nil {
			return err
		}
		if in.Hamlet != nil && t.Level != "hamlet" {
			return fault.Check("team-invalid", []fault.Field{fault.At("hamlet", "unexpected", "Only a hamlet's team has a hamlet.")})
		}
		if in.Parent != nil {
			if err := s.parent(ctx, tx, by, *in.Parent, t.Code); err != nil {
				return err
			}
		}
		if in.Ended != nil && !t.in(by, registry.AssignTeams) {
			return registry.Forbidden()
		}
		var hamletKey, parent *string
		if in.Hamlet != nil {
			key := qrgen.Search(*in.Hamlet)
			hamletKey = &key
		}
		parent = postgres.Null(t.Parent)
		if in.Parent != nil {
			parent = postgres.Null(*in.Parent)
		}
		ended := t.EndedOn
		if in.Ended != nil {
			if ended = nil; *in.Ended {
				today := registry.DayOf(now)
				ended = &today
			}
		}
		if _, err := tx.Exec(ctx, `
			UPDATE teams SET name = coalesce(@name, name), kind = coalesce(@kind, kind), hamlet = coalesce(@hamlet, hamlet),
			       hamlet_key = coalesce(@key, hamlet_key), link = coalesce(@link, link), parent = @parent, ended_on = @ended, version = version + 1
			WHERE code = @code`,
			pgx.StrictNamedArgs{"code": t.Code, "name": in.Name, "kind": in.Kind, "hamlet": in.Hamlet, "key": hamletKey, "link": in.Link,
				"parent": parent, "ended": ended}); err != nil {
			return err
		}
		return registry.Audit(ctx, tx, now, by, registry.MarketID{}, teamEvent("changed", t.Code, fields...))
	})
	if err != nil {
		return Team{}, wrap("change team", fault.Clip(code, 20), err)
	}
	return s.Team(ctx, by, code)
}

// lockTeam is team for changes to it, which come one after the other.
func (s *Service) lockTeam(ctx context.Context, tx pgx.Tx, by registry.Actor, do registry.Action, code string) (teamRow, error) {
	if _, err := tx.Exec(ctx, `SELECT FROM teams WHERE code = @code FOR UPDATE`, pgx.StrictNamedArgs{"code": strings.ToUpper(strings.TrimSpace(code))}); err != nil {
		return teamRow{}, err
	}
	return s.team(ctx, tx, by, do, code)
}

// AssignMarket lets a team go to a market, to all of it or to some rows; said again it changes the rows. A board may ask a team of its
// commune that goes nowhere yet; one that goes to others' markets is sent by whoever has all of them, or its commune.
//
// Faults: Invalid team-invalid, for a row that is not there; NotFound team-not-found, market-not-found; Forbidden; Conflict team-ended.
func (s *Service) AssignMarket(ctx context.Context, by registry.Actor, code, marketCode string, sections []string) (Team, error) {
	now := s.now()
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		t, m, err := s.teamAndMarket(ctx, tx, by, code, marketCode)
		if err != nil {
			return err
		}
		if t.EndedOn != nil {
			return fault.New(fault.Conflict, "team-ended", "This team is no more.")
		}
		there := func(w registry.Market) bool { return w.Code == m.Code }
		if markets := t.ground[1:]; len(markets) > 0 && !slices.ContainsFunc(markets, there) && !t.in(by, registry.AssignTeams) { // it works for others
			return registry.Forbidden()
		}
		rows, err := postgres.All[string](ctx, tx, `SELECT DISTINCT section FROM stalls WHERE market_id = @market AND removed_at IS NULL`,
			pgx.StrictNamedArgs{"market": m.ID})
		if err != nil {
			return err
		}
		var bad []fault.Field
		clean := []string{}
		for i, name := range sections {
			if !slices.Contains(rows, name) {
				bad = append(bad, fault.At(fmt.Sprintf("sections/%d", i), "unknown", "There is no section %q in this market.", fault.Clip(name, 40)))
			} else if !slices.Contains(clean, name) {
				clean = append(clean, name)
			}
		}
		if err := fault.Check("team-invalid", bad); err != nil {
			return err
		}
		if err := assign(ctx, tx, by, m, t.Code, clean, now); err != nil {
			return err
		}
		return registry.Audit(ctx, tx, now, by, m.ID, teamEvent("assigned", t.Code, "sections"))
	})
	if err != nil {
		return Team{}, wrap("assign", marketCode, err)
	}
	return s.Team(ctx, by, code)
}

// teamAndMarket finds both, for who may assign teams in the market and may know of the team.
func (s *Service) teamAndMarket(ctx context.Context, tx pgx.Tx, by registry.Actor, code, marketCode string) (teamRow, registry.Market, error) {
	if _, err := tx.Exec(ctx, `SELECT FROM teams WHERE code = @code FOR UPDATE`, pgx.StrictNamedArgs{"code": strings.ToUpper(strings.TrimSpace(code))}); err != nil {
		return teamRow{}, registry.Market{}, err
	}
	m, err := registry.Allowed(ctx, tx, by, registry.AssignTeams, marketCode)
	if err != nil {
		return teamRow{}, m, err
	}
	t, err := s.team(ctx, tx, by, registry.SeeTeams, code)
	return t, m, err
}

func assign(ctx context.Context, tx pgx.Tx, by registry.Actor, m registry.Market, team string, sections []string, now time.Time) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO team_markets (market_id, team_code, sections, assigned_by, assigned_at) VALUES (@market, @team, @sections, @by, @now)
		ON CONFLICT (market_id, team_code) DO UPDATE SET sections = excluded.sections, assigned_by = excluded.assigned_by, assigned_at = excluded.assigned_at`,
		pgx.StrictNamedArgs{"market": m.ID, "team": team, "sections": append([]string{}, sections...), "by": by.ID, "now": now})
	if err != nil {
		return err
	}
	return wentTo(ctx, tx, m.ID, team)
}

// wentTo keeps that a team was in a market, or was let go there: its members' months count what they did there ever after.
func wentTo(ctx context.Context, tx pgx.Tx, m registry.MarketID, team string) error {
	_, err := tx.Exec(ctx, `INSERT INTO team_grounds (market_id, team_code) VALUES (@market, @team) ON CONFLICT DO NOTHING`, pgx.StrictNamedArgs{"market": m, "team": team})
	return err
}

// ReleaseMarket ends that a team goes to a market; its members have no reach there from then on. Faults: NotFound; Forbidden.
func (s *Service) ReleaseMarket(ctx context.Context, by registry.Actor, code, marketCode string) error {
	now := s.now()
	return wrap("release", marketCode, pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		t, m, err := s.teamAndMarket(ctx, tx, by, code, marketCode)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `DELETE FROM team_markets WHERE market_id = @market AND team_code = @team`, pgx.StrictNamedArgs{"market": m.ID, "team": t.Code})
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return registry.Audit(ctx, tx, now, by, m.ID, teamEvent("released", t.Code))
	}))
}

// May reports whether an actor may do something with a team: for pages, which show no button that would be refused. Faults: NotFound.
func (s *Service) May(ctx context.Context, by registry.Actor, do registry.Action, code string) (bool, error) {
	switch _, err := s.team(ctx, s.db, by, do, code); fault.KindOf(err) {
	case fault.Forbidden:
		return false, nil
	case fault.NotFound: // a team of the commune that goes elsewhere: seen, and no more
		return false, nil
	default:
		return err == nil, err
	}
}
