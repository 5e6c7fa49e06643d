package registry

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
	"golang.org/x/text/unicode/norm"
)

// AreaReport says what a new map does, or would do.
type AreaReport struct {
	File      string      `json:"file"`
	Rows      int         `json:"rows"`
	New       int         `json:"new"`
	Changed   int         `json:"changed"`
	Ended     int         `json:"ended"`
	Unchanged int         `json:"unchanged"`
	Moves     []AreaMove  `json:"moves"`   // markets whose unit ended and has one successor: they move by themselves
	ByHand    []AreaMove  `json:"by_hand"` // markets that somebody must set, since their unit went to several
	Grants    []HeldGrant `json:"grants"`  // that go on reaching what the unit was, and nothing that it became
}

// AreaMove is a market whose unit ended or was split.
type AreaMove struct {
	Market string     `json:"market"`
	Name   string     `json:"name"`
	From   AreaName   `json:"from"`
	To     []AreaName `json:"to"`
	On     Day        `json:"on"`
}

// HeldGrant is a grant over a unit that ended or grew.
type HeldGrant struct {
	Holder string   `json:"holder"`
	Role   Role     `json:"role"`
	Area   AreaName `json:"area"`
	Since  Day      `json:"since"`
}

// mapHeading is the heading of a map file. A row says what a unit is from a day on; with successors that it went to these on that
// day. A unit that is not among its own successors is no more.
const mapHeading = "code,name,parent,effective_on,successors"

// The largest map that is taken.
const (
	maxMapBytes = 10 << 20
	maxMapRows  = 20_000
)

// unitCode is the official code of a province or of a commune.
var unitCode = regexp.MustCompile(`^([0-9]{2}|[0-9]{5})$`)

// mapRow is a row of a map file.
type mapRow struct {
	row                      int // as a spreadsheet counts
	code, name, kind, parent string
	on                       Day
	successors               []string
}

func (r mapRow) ends() bool { return len(r.successors) > 0 && !slices.Contains(r.successors, r.code) }

// level of a unit by its code.
func levelOf(code string) int16 {
	if len(code) == 2 {
		return 1
	}
	return 2
}

// ImportAreas brings in a new map: units that are new or changed, and what became of those that are no more. All of it is stored
// or, with a fault in any row, nothing; dry stores nothing either way. Markets whose unit ended move to its only successor.
//
// Faults: Invalid map-invalid with a field for each wrong row; TooLarge map-too-large; Forbidden.
func (s *Service) ImportAreas(ctx context.Context, by Actor, file io.Reader, name string, dry bool) (AreaReport, error) {
	report := AreaReport{File: filepath.Base(name), Moves: []AreaMove{}, ByHand: []AreaMove{}, Grants: []HeldGrant{}}
	if !by.CanSomewhere(ChangeAreas) {
		return report, Forbidden()
	}
	now, today := s.now(), s.Today()
	rows, err := readMap(file, today)
	if err != nil {
		return report, err
	}
	report.Rows = len(rows)
	undone := errors.New("only looked at")
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT set_config('lock_timeout', '60s', true), set_config('statement_timeout', '60s', true)`); err != nil {
			return err
		}
		if err := lockAreas(ctx, tx); err != nil {
			return err
		}
		touched, err := storeMap(ctx, tx, rows, today, &report)
		if err != nil {
			return err
		}
		if report.Grants, err = heldGrants(ctx, tx, touched); err != nil {
			return err
		}
		// An import is rare and one thing, so it is one transaction over all its markets, in their order.
		if report.Moves, report.ByHand, err = s.moveMarkets(ctx, tx, by, rows); err != nil {
			return err
		}
		if err := namePlaces(ctx, tx, nil); err != nil {
			return err
		}
		if dry {
			return undone
		}
		if report.New+report.Changed+report.Ended == 0 {
			return nil
		}
		return Audit(ctx, tx, now, by, MarketID{}, Event{"areas.imported", "areas:" + fault.Clip(report.File, 80), []string{"units", "successions"}})
	})
	if err != nil && !errors.Is(err, undone) {
		return report, actionContext("import areas of", report.File, err)
	}
	return report, nil
}

// atRow is a wrong cell of a map file.
func atRow(r int, column, value, code, format string, args ...any) fault.Field {
	return fault.Field{Row: r, Column: column, Value: fault.Clip(value, 40), Code: code, Detail: fault.Say(format, args...)}
}

func mapInvalid(bad []fault.Field) error {
	const most = 200
	if len(bad) == 0 {
		return nil
	}
	slices.SortStableFunc(bad, func(a, b fault.Field) int { return a.Row - b.Row })
	rows := map[int]bool{}
	for _, f := range bad {
		rows[f.Row] = true
	}
	return fault.New(fault.Invalid, "map-invalid", "%d rows of this map are wrong. Nothing was stored.", len(rows)).With(bad[:min(len(bad), most)]...)
}

// readMap reads a map file and checks each row by itself.
func readMap(file io.Reader, today Day) ([]mapRow, error) {
	data, err := io.ReadAll(io.LimitReader(file, maxMapBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxMapBytes {
		return nil, fault.New(fault.TooLarge, "map-too-large", "A map has at most %d MiB and %d rows.", maxMapBytes>>20, maxMapRows)
	}
	unreadable := func(row int, err error) error {
		return fault.New(fault.Invalid, "map-invalid", "This is no map. Its first row must be: %s", mapHeading).
			With(atRow(row, "", "", "unreadable", "This row cannot be read as CSV in UTF-8.")).Because(err)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) || bytes.ContainsRune(data, 0) {
		return nil, unreadable(1, nil)
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	head, err := r.Read()
	if err != nil {
		return nil, unreadable(1, err)
	}
	for i := range head {
		head[i] = strings.ToLower(strings.TrimSpace(head[i]))
	}
	column := map[string]int{}
	for want := range strings.SplitSeq(mapHeading, ",") {
		i := slices.Index(head, want)
		if i < 0 {
			return nil, fault.New(fault.Invalid, "map-invalid", "This is no map. Its first row must be: %s", mapHeading).
				With(atRow(1, want, "", "required", "This column is missing."))
		}
		column[want] = i
	}
	var rows []mapRow
	var bad []fault.Field
	seen := map[string]int{}
	for {
		cells, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			line := 1
			if wrong := (*csv.ParseError)(nil); errors.As(err, &wrong) {
				line = wrong.StartLine
			}
			return nil, unreadable(line, err)
		}
		line, _ := r.FieldPos(0)
		if len(rows) == maxMapRows {
			return nil, fault.New(fault.TooLarge, "map-too-large", "A map has at most %d MiB and %d rows.", maxMapBytes>>20, maxMapRows)
		}
		cell := func(name string) string {
			if i := column[name]; i < len(cells) {
				return strings.Join(strings.Fields(norm.NFC.String(cells[i])), " ")
			}
			return ""
		}
		m := mapRow{row: line, code: cell("code"), name: strings.ReplaceAll(cell("name"), "'", "’"), parent: cell("parent"),
			successors: tidy(strings.Fields(strings.NewReplacer(";", " ", "|", " ").Replace(cell("successors"))))}
		wrong := func(column, value, code, format string, args ...any) {
			bad = append(bad, atRow(line, column, value, code, format, args...))
		}
		if !unitCode.MatchString(m.code) {
			wrong("code", m.code, "form", "An official code has two digits for a province, five for a commune; keep the zeros before it.")
		} else if first := seen[m.code]; first > 0 {
			wrong("code", m.code, "twice", "The unit stands in row %d already.", first)
		}
		seen[m.code] = line
		if m.on, err = ParseDay(cell("effective_on")); err != nil {
			wrong("effective_on", cell("effective_on"), "form", "A day is written as 2026-11-22.")
		} else if m.on.After(today) {
			wrong("effective_on", cell("effective_on"), "future", "This day is still to come. A map is brought in when it is in force.")
		}
		if m.kind = kindOf(qrgen.Search(m.name)); !m.ends() && unitCode.MatchString(m.code) {
			switch known := map[int16]string{1: "tinh thanh_pho", 2: "phuong xa dac_khu"}[levelOf(m.code)]; {
			case m.name == "":
				wrong("name", "", "required", "This must be filled in.")
			case utf8.RuneCountInString(m.name) > maxName:
				wrong("name", m.name, "too-long", "It has %d characters; at most %d fit.", utf8.RuneCountInString(m.name), maxName)
			case m.kind == "" || !slices.Contains(strings.Fields(known), m.kind):
				wrong("name", m.name, "kind", "The name begins with the kind of the unit: Tỉnh or Thành phố of a province, Xã, Phường or Đặc khu of a commune.")
			}
			if levelOf(m.code) == 1 && m.parent != "" {
				wrong("parent", m.parent, "unwanted", "A province is in no other unit.")
			}
			if levelOf(m.code) == 2 && m.parent == "" {
				wrong("parent", "", "required", "A commune needs the code of its province.")
			}
		}
		rows = append(rows, m)
	}
	if len(rows) == 0 && len(bad) == 0 {
		return nil, fault.New(fault.Invalid, "map-invalid", "This is no map. Its first row must be: %s", mapHeading).
			With(atRow(2, "", "", "required", "There is no row below the heading."))
	}
	return rows, mapInvalid(bad)
}

// knownUnit is a unit as it stands before an import.
type knownUnit struct {
	Code, Name, Kind string
	Parent           *string
	Since            Day
	ValidTo          *Day
}

// storeMap holds the rows against the map that is known, and writes what they change. touched are the units that ended or whose
// land changed.
func storeMap(ctx context.Context, tx pgx.Tx, rows []mapRow, today Day, report *AreaReport) (touched []string, err error) {
	units, err := postgres.All[knownUnit](ctx, tx, `
		SELECT code, name, kind, parent, coalesce(since, valid_from) AS since, valid_to FROM areas WHERE level IN (1, 2)`, nil)
	if err != nil {
		return nil, err
	}
	known := make(map[string]*knownUnit, len(units))
	for i := range units {
		known[units[i].Code] = &units[i]
	}
	given := map[string]mapRow{}
	grown := map[string]Day{} // units that took in others, or gave some away
	for _, r := range rows {
		given[r.code] = r
	}
	inForce := func(code string) bool { // after the import
		if r, ok := given[code]; ok {
			return !r.ends()
		}
		u := known[code]
		return u != nil && (u.ValidTo == nil || u.ValidTo.After(today))
	}
	var bad []fault.Field
	same := map[string]bool{}
	for _, r := range rows {
		u := known[r.code]
		wrong := func(column, value, code, format string, args ...any) {
			bad = append(bad, atRow(r.row, column, value, code, format, args...))
		}
		switch {
		case r.ends() && u == nil:
			wrong("code", r.code, "unknown", "There is no area with the code %q.", r.code)
			continue
		case r.ends() && u.ValidTo != nil && *u.ValidTo == r.on, !r.ends() && u != nil && u.ValidTo == nil && u.Since == r.on && u.Name == r.name &&
			(u.Parent == nil && r.parent == "" || u.Parent != nil && *u.Parent == r.parent):
			same[r.code] = true // it was brought in before
		case u != nil && u.ValidTo != nil:
			wrong("code", r.code, "ended", "This unit is no more since %s.", *u.ValidTo)
		case u != nil && !r.on.After(u.Since):
			wrong("effective_on", r.on.String(), "order", "The unit is as it is since %s. A change comes after that day.", u.Since)
		}
		if !r.ends() && levelOf(r.code) == 2 && (levelOf(r.parent) != 1 || !inForce(r.parent)) {
			wrong("parent", r.parent, "unknown", "There is no province with the code %q on the new map.", r.parent)
		}
		for _, to := range r.successors {
			switch {
			case !inForce(to):
				wrong("successors", to, "unknown", "There is no unit with the code %q on the new map.", to)
			case levelOf(to) != levelOf(r.code):
				wrong("successors", to, "level", "A province goes to provinces, a commune to communes.")
			case !same[r.code] && (to != r.code || len(r.successors) > 1):
				if u := known[to]; u != nil && u.Since.After(r.on) {
					wrong("effective_on", r.on.String(), "order", "The unit is as it is since %s. A change comes after that day.", u.Since)
				}
				grown[to] = r.on
			}
		}
		if r.ends() && levelOf(r.code) == 1 {
			var left []string
			for _, c := range units {
				if c.Parent != nil && *c.Parent == r.code && c.ValidTo == nil {
					if g, ok := given[c.Code]; !ok || !g.ends() && g.parent == r.code {
						left = append(left, c.Code)
					}
				}
			}
			if len(left) > 0 {
				wrong("code", r.code, "not-empty", "%d communes are still in this province, %s first. Say where they went.", len(left), left[0])
			}
		}
	}
	if err := mapInvalid(bad); err != nil {
		return nil, err
	}

	t := &areaTable{}
	lasting := map[string]mapRow{}
	for _, r := range rows {
		lasting[r.code] = r
	}
	for code, on := range grown { // a unit that is in no row of its own, but took in another
		if u := known[code]; u != nil {
			if _, ok := lasting[code]; !ok {
				lasting[code] = mapRow{code: code, name: u.Name, kind: u.Kind, parent: valueOf(u.Parent), on: on}
			}
		}
	}
	origins := map[string][]areaPast{}
	for _, r := range rows {
		for _, to := range r.successors {
			if u := known[r.code]; u != nil {
				origins[to] = append(origins[to], areaPast{Code: u.Code, Parent: u.Parent})
			}
		}
	}
	for _, code := range slices.Sorted(maps.Keys(lasting)) {
		r, u := lasting[code], known[code]
		row := areaRow{Code: code, Name: r.name, Kind: r.kind, Level: levelOf(code), Parent: postgres.Null(r.parent), From: r.on}
		switch {
		case same[code]:
			report.Unchanged++
			continue
		case u == nil:
			report.New++
		case r.ends():
			report.Ended++
			touched = append(touched, code)
			row.Name, row.Kind, row.Parent, row.To = u.Name, u.Kind, u.Parent, &r.on
		default:
			_, took := grown[code]
			if !took && u.Name == r.name && u.Parent != nil && *u.Parent == r.parent || !took && u.Name == r.name && u.Parent == nil {
				report.Unchanged++
				continue
			}
			report.Changed++
			past := areaPast{Code: code, Name: u.Name, Fold: qrgen.Search(u.Name), Kind: u.Kind, Parent: u.Parent, Since: u.Since, Until: r.on, Alike: "unit"}
			if took {
				touched = append(touched, code)
				from := origins[code]
				if len(r.successors) == 0 { // it is its own successor, which goes without saying
					from = append(from, past)
					t.successions = append(t.successions, succession{code, code, r.on})
				}
				past.Alike = inCommon(from)
			}
			t.pasts = append(t.pasts, past)
			row.Since = &r.on
		}
		row.Fold = qrgen.Search(row.Name)
		t.units = append(t.units, row)
		for _, to := range r.successors {
			t.successions = append(t.successions, succession{code, to, r.on})
		}
	}
	return touched, t.add(ctx, tx, today)
}

// add writes the units of an import; of those that are known valid_from stays as it is.
func (t *areaTable) add(ctx context.Context, tx pgx.Tx, readOn Day) error {
	if _, err := tx.Exec(ctx, `UPDATE areas SET read_on = least(read_on, @day) WHERE code = ANY (@codes)`,
		pgx.StrictNamedArgs{"day": readOn, "codes": codesOf(t.units)}); err != nil {
		return err
	}
	from, err := postgres.All[struct {
		Code      string
		ValidFrom Day
		Since     *Day
	}](ctx, tx, `SELECT code, valid_from, since FROM areas WHERE code = ANY (@codes)`, pgx.StrictNamedArgs{"codes": codesOf(t.units)})
	if err != nil {
		return err
	}
	for _, f := range from {
		i := slices.IndexFunc(t.units, func(u areaRow) bool { return u.Code == f.Code })
		t.units[i].From = f.ValidFrom
		if t.units[i].To != nil {
			t.units[i].Since = f.Since
		}
	}
	return t.store(ctx, tx, readOn)
}

// valueOf is the text that null stored.
func valueOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func codesOf(units []areaRow) []string {
	codes := make([]string, len(units))
	for i, u := range units {
		codes[i] = u.Code
	}
	return codes
}

// moveMarkets moves the markets whose unit is no more to where it went, if that is one unit, and names those that must be moved by
// hand: their unit went to several, or one of the rows split it.
func (s *Service) moveMarkets(ctx context.Context, tx pgx.Tx, by Actor, rows []mapRow) (moved, byHand []AreaMove, err error) {
	split := []string{}
	for _, r := range rows {
		if !r.ends() && len(r.successors) > 1 {
			split = append(split, r.code)
		}
	}
	type stuck struct {
		Code, Name       string
		Area, AreaName   string
		On               Day
		Ended            bool
		Successors, Said []string
	}
	all, err := postgres.All[stuck](ctx, tx, `
		SELECT m.code, m.name, a.code AS area, a.name AS area_name, coalesce(a.valid_to, a.since) AS "on", a.valid_to IS NOT NULL AS ended,
		       ARRAY(SELECT n.code FROM area_successions x JOIN areas n ON n.code = x.new WHERE x.old = a.code AND x.effective_on = coalesce(a.valid_to, a.since) ORDER BY n.code) AS successors,
		       ARRAY(SELECT n.name FROM area_successions x JOIN areas n ON n.code = x.new WHERE x.old = a.code AND x.effective_on = coalesce(a.valid_to, a.since) ORDER BY n.code) AS said
		FROM markets m JOIN areas a ON a.code = m.area_code
		WHERE a.valid_to <= @today OR a.code = ANY (@split)
		ORDER BY m.id`, pgx.StrictNamedArgs{"today": s.Today(), "split": split})
	if err != nil {
		return nil, nil, err
	}
	moved, byHand = []AreaMove{}, []AreaMove{}
	for _, m := range all {
		move := AreaMove{Market: m.Code, Name: m.Name, From: AreaName{m.Area, m.AreaName}, On: m.On, To: []AreaName{}}
		for i, code := range m.Successors {
			move.To = append(move.To, AreaName{code, m.Said[i]})
		}
		if !m.Ended || len(move.To) != 1 {
			byHand = append(byHand, move)
			continue
		}
		if err := s.moveMarket(ctx, tx, by, move); err != nil {
			return nil, nil, err
		}
		moved = append(moved, move)
	}
	return moved, byHand, nil
}

// moveMarket moves a market to the only unit that its own one became.
func (s *Service) moveMarket(ctx context.Context, tx pgx.Tx, by Actor, to AreaMove) error {
	m, err := selectMarket(ctx, tx, to.Market)
	if err != nil {
		return err
	}
	if n := len(m.FormerAreas); n == 0 || to.On.After(m.FormerAreas[n-1].Until) {
		m.FormerAreas = append(m.FormerAreas, FormerArea{Area: m.Area, Until: to.On})
	}
	for i := range m.FormerAreas {
		if m.FormerAreas[i].since = "-infinity"; i > 0 {
			m.FormerAreas[i].since = m.FormerAreas[i-1].Until.String()
		}
	}
	m.Area = to.To[0].Code
	if err := m.storeFormer(ctx, tx); err != nil {
		return err
	}
	if err := updateMarket(ctx, tx, m); err != nil {
		return err
	}
	return Audit(ctx, tx, s.now(), by, m.ID, Event{"market.moved", "market:" + m.Code, []string{"area"}})
}

// heldGrants are the grants in force over some units, by their holder.
func heldGrants(ctx context.Context, tx pgx.Tx, codes []string) ([]HeldGrant, error) {
	type row struct {
		Holder     string
		Role       Role
		Code, Name string
		Since      Day
	}
	rows, err := postgres.All[row](ctx, tx, `
		SELECT coalesce(p.name, k.name, '') AS holder, g.role, a.code, a.name, (g.created_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS since
		FROM grants g JOIN areas a ON a.code = g.scope_code LEFT JOIN people p ON p.id = g.person_id LEFT JOIN keys k ON k.id = g.key_id
		WHERE g.scope_kind = 'area' AND g.scope_code = ANY (@codes) AND g.ends_at IS NULL
		ORDER BY a.code, holder, g.id`, pgx.StrictNamedArgs{"codes": append([]string{}, codes...)})
	held := make([]HeldGrant, len(rows))
	for i, r := range rows {
		held[i] = HeldGrant{r.Holder, r.Role, AreaName{r.Code, r.Name}, r.Since}
	}
	return held, err
}
