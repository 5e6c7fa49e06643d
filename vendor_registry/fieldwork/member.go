package fieldwork

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/ledger"

	"github.com/jackc/pgx/v5"
)

// NewMember is somebody who joins a team.
type NewMember struct {
	ID        MemberID     `json:"id"`
	Name      string       `json:"name"`
	Phone     string       `json:"phone"`
	Position  string       `json:"position"` // empty: member
	Belongs   string       `json:"belongs"`
	Person    string       `json:"person"` // name by which they sign in; empty: not yet
	Installed bool         `json:"installed"`
	From      registry.Day `json:"from,omitzero"` // zero: today
}

func (n *NewMember) check(bad *[]fault.Field, today registry.Day) {
	n.Name = registry.Clean(bad, "name", n.Name, maxName, true)
	n.Phone = registry.CleanPhone(bad, "phone", n.Phone)
	if n.Position == "" {
		n.Position = "member"
	}
	oneOf(bad, "position", n.Position, Positions)
	if n.Belongs != "" {
		oneOf(bad, "belongs", n.Belongs, Belongs)
	}
	if n.From.IsZero() {
		n.From = today
	}
	if n.From.After(today) {
		*bad = append(*bad, fault.At("from", "future", "A day up to today."))
	}
}

// ChangedMember holds the fields of a member to change; nil leaves a field as it is.
type ChangedMember struct {
	Name      *string       `json:"name"`
	Phone     *string       `json:"phone"`
	Position  *string       `json:"position"`
	Belongs   *string       `json:"belongs"`
	Person    *string       `json:"person"` // empty: signs in no more as anybody
	Installed *bool         `json:"installed"`
	Until     *registry.Day `json:"until"` // first day on which they are no member any more
}

// members are a team's people: those of now by position, then those of before.
func (s *Service) members(ctx context.Context, db postgres.Querier, team string) ([]Member, error) {
	codes := make([]string, len(Cards))
	for i, c := range Cards {
		codes[i] = c.Code
	}
	ms, err := postgres.All[Member](ctx, db, `
		SELECT b.id, b.name, b.phone, b.position, b.belongs, coalesce(p.name, '') AS person, b.person_id, b.installed, b.began AS "from", b.ended AS until, b.version,
		       (SELECT count(*) FROM trainings t WHERE t.team_code = b.team_code AND b.id = ANY (t.attended))::int AS trained,
		       (SELECT count(*) FROM card_reads r WHERE r.person_id = b.person_id AND r.card = ANY (@cards))::int AS cards_read,
		       ARRAY(SELECT r.card FROM card_reads r WHERE r.person_id = b.person_id AND r.card = ANY (@cards) ORDER BY array_position(@cards, r.card)) AS cards, false AS ready
		FROM team_members b LEFT JOIN people p ON p.id = b.person_id
		WHERE b.team_code = @team
		ORDER BY b.ended IS NOT NULL, array_position(ARRAY['leader', 'deputy', 'member'], b.position), b.name, b.id`,
		pgx.StrictNamedArgs{"team": team, "cards": codes})
	for i := range ms {
		m := &ms[i]
		if m.Phone != "" {
			m.Phone = registry.Masked(m.Phone)
		}
		m.Ready = m.Trained > 0 && m.CardsRead == len(Cards) && m.Installed
	}
	return ms, err
}

// AddMember takes somebody into a team. The same id and content sent again change nothing.
//
// Faults: Invalid member-invalid; NotFound team-not-found; Forbidden; Conflict team-ended, leader-exists, member-exists.
func (s *Service) AddMember(ctx context.Context, by registry.Actor, code string, in NewMember) (Team, Member, error) {
	now := s.now()
	var bad []fault.Field
	in.check(&bad, registry.DayOf(now))
	if err := fault.Check("member-invalid", bad); err != nil {
		return Team{}, Member{}, err
	}
	in.ID = minted(in.ID)
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		t, err := s.lockTeam(ctx, tx, by, registry.ManageTeams, code)
		if err != nil {
			return err
		}
		if t.EndedOn != nil {
			return fault.New(fault.Conflict, "team-ended", "This team is no more.")
		}
		if err := insertMember(ctx, tx, by, t.Code, in, now); err != nil {
			return err
		}
		return registry.Audit(ctx, tx, now, by, registry.MarketID{}, memberEvent("joined", in.ID, "name", "phone", "position", "belongs", "person"))
	})
	if err = memberTaken(err); err != nil {
		return Team{}, Member{}, wrap("add member to", fault.Clip(code, 20), err)
	}
	return s.withMember(ctx, by, code, in.ID)
}

func (s *Service) withMember(ctx context.Context, by registry.Actor, code string, which MemberID) (Team, Member, error) {
	t, err := s.Team(ctx, by, code)
	if err != nil {
		return t, Member{}, err
	}
	i := slices.IndexFunc(t.Members, func(m Member) bool { return m.ID == which })
	if i < 0 {
		return t, Member{}, memberNotFound()
	}
	return t, t.Members[i], nil
}

func memberNotFound() error {
	return fault.New(fault.NotFound, "member-not-found", "There is no such member in this team.")
}

func memberEvent(what string, which MemberID, fields ...string) registry.Event {
	return registry.Event{Action: "member." + what, Object: "member:" + which.String(), Fields: fields}
}

// memberTaken says in a person's words which rule of the schema was broken.
func memberTaken(err error) error {
	switch postgres.Violated(err) {
	case "team_members_one_leader":
		return fault.New(fault.Conflict, "leader-exists", "This team has a leader. Make that one a member first.").
			With(fault.At("position", "taken", "Already taken.")).Because(err)
	case "team_members_once", "team_members_person_once", "team_members_pk":
		return fault.New(fault.Conflict, "member-exists", "This person is in the team already.").Because(err)
	}
	return err
}

func insertMember(ctx context.Context, tx pgx.Tx, by registry.Actor, team string, in NewMember, now time.Time) error {
	person, err := personNamed(ctx, tx, team, in.Person)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO team_members (id, team_code, name, name_key, phone, position, belongs, person_id, installed, began, created_by, created_at)
		VALUES (@id, @team, @name, @key, @phone, @position, @belongs, @person, @installed, @began, @by, @now)`,
		pgx.StrictNamedArgs{"id": in.ID, "team": team, "name": in.Name, "key": qrgen.Search(in.Name), "phone": in.Phone, "position": in.Position,
			"belongs": in.Belongs, "person": person, "installed": in.Installed, "began": in.From, "by": by.ID, "now": now})
	return err
}

// personNamed finds who signs in by a name, among those who have a role over the team or over one of its markets: nobody learns from
// it who else is in the service. Faults: Invalid member-invalid.
func personNamed(ctx context.Context, db postgres.Querier, team, name string) (*id.ID[registry.Actor], error) {
	if name = strings.TrimSpace(name); name == "" {
		return nil, nil
	}
	found, err := postgres.All[id.ID[registry.Actor]](ctx, db, `
		SELECT DISTINCT p.id FROM people p JOIN grants g ON g.person_id = p.id
		WHERE p.name_key = lower(normalize(@name, NFC)) AND p.disabled_at IS NULL AND (g.ends_at IS NULL OR g.ends_at > now())
		  AND (g.scope_kind = 'team' AND g.scope_code = @team
		       OR g.scope_kind = 'market' AND g.scope_code IN (SELECT m.code FROM team_markets w JOIN markets m ON m.id = w.market_id WHERE w.team_code = @team))`,
		pgx.StrictNamedArgs{"name": name, "team": team})
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fault.Check("member-invalid", []fault.Field{fault.At("person", "unknown", "Nobody of this name has a role over this team. Let them in first, under People.")})
	}
	return &found[0], nil
}

// ChangeMember edits somebody in a team, or ends their time in it. match is the ETag of the version that was seen.
//
// Faults: NeedsVersion; Stale; Invalid; NotFound; Forbidden; Conflict leader-exists, member-exists.
func (s *Service) ChangeMember(ctx context.Context, by registry.Actor, code string, which MemberID, match string, in ChangedMember) (Team, Member, error) {
	now := s.now()
	var bad []fault.Field
	var fields []string
	said := func(given bool, field string) bool {
		if given {
			fields = append(fields, field)
		}
		return given
	}
	if said(in.Name != nil, "name") {
		*in.Name = registry.Clean(&bad, "name", *in.Name, maxName, true)
	}
	if said(in.Phone != nil, "phone") {
		*in.Phone = registry.CleanPhone(&bad, "phone", *in.Phone)
	}
	if said(in.Position != nil, "position") {
		oneOf(&bad, "position", *in.Position, Positions)
	}
	if said(in.Belongs != nil, "belongs") && *in.Belongs != "" {
		oneOf(&bad, "belongs", *in.Belongs, Belongs)
	}
	said(in.Person != nil, "person")
	said(in.Installed != nil, "installed")
	if said(in.Until != nil, "until") && in.Until.After(registry.DayOf(now)) {
		bad = append(bad, fault.At("until", "future", "A day up to today."))
	}
	if err := fault.Check("member-invalid", bad); err != nil {
		return Team{}, Member{}, err
	}
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		t, err := s.lockTeam(ctx, tx, by, registry.ManageTeams, code)
		if err != nil {
			return err
		}
		ms, err := s.members(ctx, tx, t.Code)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(ms, func(m Member) bool { return m.ID == which })
		if i < 0 {
			return memberNotFound()
		}
		m := ms[i]
		if err := registry.Unchanged(match, m.ETag()); err != nil {
			return err
		}
		if in.Until != nil && m.From.After(*in.Until) {
			return fault.Check("member-invalid", []fault.Field{fault.At("until", "order", "It is before the first day.")})
		}
		person := m.PersonID
		if in.Person != nil {
			if person, err = personNamed(ctx, tx, t.Code, *in.Person); err != nil {
				return err
			}
		}
		var key *string
		if in.Name != nil {
			k := qrgen.Search(*in.Name)
			key = &k
		}
		if _, err := tx.Exec(ctx, `
			UPDATE team_members SET name = coalesce(@name, name), name_key = coalesce(@key, name_key), phone = coalesce(@phone, phone),
			       position = coalesce(@position, position), belongs = coalesce(@belongs, belongs), person_id = @person,
			       installed = coalesce(@installed, installed), ended = coalesce(@until, ended), version = version + 1
			WHERE id = @id`,
			pgx.StrictNamedArgs{"id": which, "name": in.Name, "key": key, "phone": in.Phone, "position": in.Position, "belongs": in.Belongs,
				"person": person, "installed": in.Installed, "until": in.Until}); err != nil {
			return err
		}
		return registry.Audit(ctx, tx, now, by, registry.MarketID{}, memberEvent("changed", which, fields...))
	})
	if err = memberTaken(err); err != nil {
		return Team{}, Member{}, wrap("change member of", fault.Clip(code, 20), err)
	}
	return s.withMember(ctx, by, code, which)
}

// Roster is what became of a file of members.
type Roster struct {
	Rows   int           `json:"rows"`
	Added  int           `json:"added"`
	Known  int           `json:"known"` // in the team already
	Faults []fault.Field `json:"-"`
	Team   Team          `json:"team"`
}

// most rows of a roster: the largest commune of the sources has 655 members in all its teams.
const mostRoster = 1000

// overRoster is how many rows may stand over and between them: the head of the sheet, sections.
const overRoster = 100

// Headings of a roster, folded; those of two words and more also begin longer ones, Chức vụ trong tổ, but not of the days on which
// somebody joined, which may be the youth union's: Ngày vào Đoàn.
var rosterHeadings = map[string][]string{
	"family":   {"ho", "ho dem", "ho lot", "ho va dem", "ho va lot", "ho va chu lot", "ho va ten dem", "ho ten dem", "ho va ten lot", "surname", "last name", "family name"},
	"name":     {"ho va ten", "ho ten", "ten thanh vien", "ten", "thanh vien", "name", "full name", "given name", "first name"},
	"phone":    {"so dien thoai", "dien thoai", "so dt", "sdt", "dtdd", "dt", "phone"},
	"position": {"chuc vu", "vai tro", "nhiem vu", "chuc danh", "position", "role"},
	"joined":   {"ngay vao to", "ngay tham gia", "ngay tham gia to", "ngay gia nhap", "ngay gia nhap to", "tham gia tu", "tham gia tu ngay", "tu ngay", "joined", "start date"},
	"belongs":  {"don vi", "thanh phan", "to chuc", "noi cong tac", "belongs", "from"},
}

func rosterHeading(cell, what string) bool {
	cell = qrgen.Search(cell)
	if what == "name" && slices.Contains(rosterHeadings["family"], cell) {
		return false
	}
	return slices.ContainsFunc(rosterHeadings[what], func(h string) bool {
		return cell == h || what != "family" && what != "joined" && strings.Contains(h, " ") && strings.HasPrefix(cell, h+" ")
	})
}

// rosterPhone is the first number of a cell with several; a spreadsheet ate the first 0 of some.
func rosterPhone(cell string) string {
	for _, one := range append([]string{cell}, strings.FieldsFunc(cell, func(r rune) bool { return strings.ContainsRune("/,;-–|\n", r) })...) {
		one = strings.TrimSpace(one)
		if len(one) == 9 && strings.Trim(one, "0123456789") == "" {
			one = "0" + one
		}
		if n, err := qrgen.Mobile(one); err == nil {
			return n
		}
	}
	return cell
}

// rosterDay reads a day as boards write it and as a spreadsheet gives it: 1/10/2026, 01.10.2026, 2026-10-01.
func rosterDay(cell string) (registry.Day, error) {
	for _, form := range []string{"2/1/2006", "2.1.2006", "2-1-2006"} {
		if t, err := time.Parse(form, cell); err == nil {
			return registry.ParseDay(t.Format(time.DateOnly))
		}
	}
	return registry.ParseDay(strings.TrimSuffix(strings.TrimSuffix(cell, " 00:00:00"), "T00:00:00"))
}

// underRoster begin the rows below a list, which are nobody's names.
var underRoster = []string{"tong cong", "tong so", "nguoi lap", "noi nhan", "xac nhan", "danh sach nay", "ghi chu"}

func belowRoster(name, phone string) bool {
	name = qrgen.Search(name) + " "
	return phone == "" && slices.ContainsFunc(underRoster, func(w string) bool { return strings.HasPrefix(name, w+" ") })
}

// rosterWords are how a roster says a position and where somebody comes from: the first that is found counts. A post outside the team makes
// nobody its leader: Trưởng ấp, Phó bí thư, Tổ trưởng tổ dân phố.
var rosterWords = []struct{ words, means string }{
	{"to pho", "deputy"}, {"pho to truong", "deputy"}, {"nhom pho", "deputy"}, {"deputy", "deputy"},
	{"to truong", "leader"}, {"truong nhom", "leader"}, {"nhom truong", "leader"}, {"leader", "leader"},
	{"doan", "youth_union"}, {"thanh nien", "youth_union"}, {"youth", "youth_union"}, {"viettel", "telecom_staff"}, {"vnpt", "telecom_staff"},
	{"mobifone", "telecom_staff"}, {"vien thong", "telecom_staff"}, {"telecom", "telecom_staff"}, {"ap", "hamlet_board"}, {"thon", "hamlet_board"},
	{"khu pho", "hamlet_board"}, {"to dan pho", "hamlet_board"}, {"hamlet", "hamlet_board"},
}

// rosterAlone are words that mean a position only where nothing else stands in the cell.
var rosterAlone = map[string]string{"truong": "leader", "pho": "deputy", "pho to": "deputy"}

func rosterWord(s string, among []string) string {
	s = " " + qrgen.Search(s) + " "
	if means := rosterAlone[strings.TrimSpace(s)]; slices.Contains(among, means) {
		return means
	}
	for _, w := range rosterWords {
		if !slices.Contains(among, w.means) {
			continue
		}
		said := s
		if slices.Contains(Positions, w.means) {
			said = strings.NewReplacer(" to truong to dan pho ", " ", " to pho to dan pho ", " ").Replace(s)
		}
		if strings.Contains(said, " "+w.words+" ") {
			return w.means
		}
	}
	return ""
}

// ImportRoster takes the members of a file, XLSX or CSV, into a team: a column with names, or two of family and given names, and where
// there are any with phones, positions, where people come from and since when they are in it. Rows with a fault are told and left out; who is there already stays as they are.
//
// Faults: Invalid roster-no-heading, roster-too-long, and those of reading a file; NotFound; Forbidden; Conflict team-ended.
func (s *Service) ImportRoster(ctx context.Context, by registry.Actor, code, file string, r io.Reader) (Roster, error) {
	table, err := ledger.Open(ctx, file, r, ledger.DefaultLimits, ledger.Mapping{})
	if err != nil && fault.CodeOf(err) != "ledger-no-heading" || table == nil {
		return Roster{}, err
	}
	rows := table.Top(mostRoster + overRoster + 1)
	column := map[string]int{}
	first, given := -1, -1
	for i, row := range rows {
		column = map[string]int{}
		for c, cell := range row.Cells {
			for what := range rosterHeadings {
				if _, there := column[what]; !there && rosterHeading(cell, what) {
					column[what] = c
				}
			}
		}
		if name, there := column["name"]; there {
			first = i + 1
			if _, apart := column["family"]; !apart && name+1 < len(row.Cells) && strings.TrimSpace(row.Cells[name+1]) == "" {
				given = name + 1 // one heading over family and given name
			}
			break
		}
	}
	if first < 0 {
		return Roster{}, fault.New(fault.Invalid, "roster-no-heading", "No column of this file is headed as names: write Họ tên above it.")
	}
	now := s.now()
	out := Roster{Faults: []fault.Field{}}
	var in []NewMember
	for _, row := range rows[first:] {
		at := func(what string) string {
			if c, there := column[what]; there && c < len(row.Cells) {
				return strings.TrimSpace(row.Cells[c])
			}
			return ""
		}
		name := strings.TrimSpace(at("family") + " " + at("name"))
		if given >= 0 && given < len(row.Cells) && !strings.ContainsAny(row.Cells[given], "0123456789") {
			name = strings.TrimSpace(name + " " + row.Cells[given])
		}
		if name == "" && at("phone") == "" || belowRoster(name, at("phone")) {
			continue
		}
		out.Rows++
		m := NewMember{Name: name, Phone: rosterPhone(at("phone")), Position: rosterWord(at("position"), Positions), Belongs: rosterWord(at("belongs"), Belongs)}
		switch {
		case m.Belongs != "":
		case at("belongs") != "":
			m.Belongs = "other"
		default:
			m.Belongs = rosterWord(at("position"), Belongs)
		}
		var bad []fault.Field
		if first, _ := utf8.DecodeRuneInString(m.Name); m.Name != "" && (!unicode.IsLetter(first) || strings.Contains(m.Name, "[U+")) { // a reader of files writes so what cannot be seen
			bad = append(bad, fault.At("name", "bad-character", "A person's name begins with a letter."))
		}
		if joined := at("joined"); joined != "" {
			if m.From, err = rosterDay(joined); err != nil {
				bad = append(bad, fault.At("from", "form", "A day is written as 2026-11-22."))
			}
		}
		m.check(&bad, registry.DayOf(now))
		for _, f := range bad {
			f.Row, f.Column, f.Pointer = row.Row, f.Pointer, ""
			out.Faults = append(out.Faults, f)
		}
		if len(bad) == 0 {
			m.ID = id.New[Member]()
			in = append(in, m)
		}
	}
	if out.Rows > mostRoster || len(rows) > mostRoster+overRoster { // what was not read is not left out in silence
		return Roster{}, fault.New(fault.Invalid, "roster-too-long", "A list of members has %d rows at most. Split the file; nothing of it was taken in.", mostRoster)
	}
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		t, err := s.lockTeam(ctx, tx, by, registry.ManageTeams, code)
		if err != nil {
			return err
		}
		if t.EndedOn != nil {
			return fault.New(fault.Conflict, "team-ended", "This team is no more.")
		}
		there, err := postgres.All[string](ctx, tx, `SELECT name_key || ' ' || phone FROM team_members WHERE team_code = @team AND ended IS NULL`,
			pgx.StrictNamedArgs{"team": t.Code})
		if err != nil {
			return err
		}
		led := t.Leader != ""
		var events []registry.Event
		for _, m := range in { // a roster of ten, seldom more
			key := qrgen.Search(m.Name) + " " + m.Phone
			if slices.Contains(there, key) {
				out.Known++
				continue
			}
			there = append(there, key)
			if m.Position == "leader" && led {
				m.Position = "member"
			}
			led = led || m.Position == "leader"
			if err := insertMember(ctx, tx, by, t.Code, m, now); err != nil {
				return err
			}
			out.Added++
			events = append(events, memberEvent("joined", m.ID, "name", "phone", "position", "belongs"))
		}
		return registry.Audit(ctx, tx, now, by, registry.MarketID{}, events...)
	})
	if err = memberTaken(err); err != nil {
		return Roster{}, wrap("roster of", fault.Clip(code, 20), err)
	}
	out.Team, err = s.Team(ctx, by, code)
	return out, err
}

// teamOf is the team on whose behalf somebody is in a market on a day: one of theirs that goes there, else one of theirs; empty: none.
func teamOf(ctx context.Context, db postgres.Querier, by registry.Actor, m registry.MarketID, day registry.Day) (string, error) {
	codes, err := postgres.All[string](ctx, db, `
		SELECT b.team_code FROM team_members b LEFT JOIN team_markets w ON w.market_id = @market AND w.team_code = b.team_code
		WHERE b.person_id = @person AND b.began <= @day AND (b.ended IS NULL OR b.ended > @day)
		ORDER BY w.team_code IS NULL, b.team_code LIMIT 1`,
		pgx.StrictNamedArgs{"market": m, "person": who(by), "day": day})
	if err != nil || len(codes) == 0 {
		return "", err
	}
	return codes[0], nil
}
