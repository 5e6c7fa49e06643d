package registry

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Walk is the order in which a market is walked: its sections, and the stalls of each. Lists, plan and placards follow it.
//
// Sections have no table: one is there as long as a stall is in it, and stands where its first stall stands. So nothing can
// contradict the stalls, and whatever reads their positions needs to know nothing of sections.
type Walk struct {
	Market   string    `json:"market"`
	Sections []Section `json:"sections"`
	etag     string
}

// Section is a part of a market as its people call it; the one without a name holds the stalls that are in none.
type Section struct {
	Name   string   `json:"name"`
	Stalls []string `json:"stalls"` // codes, in walking order
}

// ETag is the order's version as HTTP carries it.
func (w Walk) ETag() string { return w.etag }

// ArrangedWalk is a whole order. Every section is named once; stalls are given whole or, to stay as they are, not at all.
type ArrangedWalk struct {
	Sections []ArrangedSection `json:"sections"`
}

// ArrangedSection is a section at its new place; To renames it.
type ArrangedSection struct {
	Name   string   `json:"name"`
	To     *string  `json:"to"`
	Stalls []string `json:"stalls"`
}

// ChangedWalk is one step: a section or a stall that goes before or after another, or a section that gets another name.
type ChangedWalk struct {
	Move   *WalkMove   `json:"move"`
	Rename *WalkRename `json:"rename"`
}

// WalkMove moves a stall within its section, or a section, before or after another of its kind. Section and its neighbours are
// pointers, since a section may be the one without a name.
type WalkMove struct {
	Stall   string  `json:"stall"`
	Section *string `json:"section"`
	Before  *string `json:"before"`
	After   *string `json:"after"`
}

// WalkRename gives a section another name.
type WalkRename struct {
	Section string `json:"section"`
	To      string `json:"to"`
}

// placed is a stall as the walk sees it.
type placed struct {
	ID       StallID
	Code     string
	CodeKey  string
	Section  string
	Position int
}

// Walk is the order of a market. Faults: NotFound; Forbidden.
func (s *Service) Walk(ctx context.Context, by Actor, marketCode string) (Walk, error) {
	m, _, err := marketSeen(ctx, s.db, by, marketCode)
	if err != nil {
		return Walk{}, err
	}
	stalls, err := placedStalls(ctx, s.db, m.ID)
	return walkOf(m, stalls), actionContext("walk of", marketCode, err)
}

func placedStalls(ctx context.Context, db postgres.Querier, m MarketID) ([]placed, error) {
	return postgres.All[placed](ctx, db, `
		SELECT id, code, code_key, section, position FROM stalls
		WHERE market_id = @market AND removed_at IS NULL ORDER BY position, code_key`, pgx.StrictNamedArgs{"market": m})
}

func walkOf(m Market, stalls []placed) Walk {
	w := Walk{Market: m.Code, Sections: []Section{}}
	at := map[string]int{}
	h := sha256.New()
	for _, st := range stalls {
		i, ok := at[st.Section]
		if !ok {
			i = len(w.Sections)
			at[st.Section] = i
			w.Sections = append(w.Sections, Section{Name: st.Section, Stalls: []string{}})
		}
		w.Sections[i].Stalls = append(w.Sections[i].Stalls, st.Code)
		for _, part := range []string{st.ID.String(), st.Code, st.Section} {
			h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
			h.Write([]byte(part))
		}
	}
	w.etag = `"` + hex.EncodeToString(h.Sum(nil)[:16]) + `"`
	return w
}

// Arrange puts sections and stalls of a market in order, and gives sections other names. match is the ETag of the order that was
// seen; two who order at once come one after the other, and the second is told.
//
// Faults: NeedsVersion without match; Stale when somebody saved first; Invalid walk-invalid; NotFound; Forbidden.
func (s *Service) Arrange(ctx context.Context, by Actor, marketCode, match string, in ArrangedWalk) (Walk, error) {
	return s.arrange(ctx, by, marketCode, match, func(Walk) (ArrangedWalk, error) { return in, nil })
}

// ChangeWalk takes one step of ordering. Faults: as Arrange.
func (s *Service) ChangeWalk(ctx context.Context, by Actor, marketCode, match string, in ChangedWalk) (Walk, error) {
	return s.arrange(ctx, by, marketCode, match, in.on)
}

func (s *Service) arrange(ctx context.Context, by Actor, marketCode, match string, how func(Walk) (ArrangedWalk, error)) (Walk, error) {
	now := s.now()
	var done Walk
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RegisterStall, marketCode)
		if err != nil {
			return err
		}
		if err := oneAtATime(ctx, tx, m.ID, "walk"); err != nil {
			return err
		}
		stalls, err := placedStalls(ctx, tx, m.ID)
		if err != nil {
			return err
		}
		was := walkOf(m, stalls)
		if err := Unchanged(match, was.etag); err != nil {
			return err
		}
		wanted, err := how(was)
		if err != nil {
			return err
		}
		order, renamed, err := wanted.over(was, stalls)
		if err != nil {
			return err
		}
		ids, positions, sections := []StallID{}, []int{}, []string{}
		for i, st := range order {
			if st.Position != i+1 || renamed[st.Section] != nil {
				if to := renamed[st.Section]; to != nil {
					st.Section = *to
				}
				ids, positions, sections = append(ids, st.ID), append(positions, i+1), append(sections, st.Section)
			}
			order[i] = st
		}
		if done = walkOf(m, order); done.etag == was.etag {
			return nil
		}
		if _, err := tx.Exec(ctx, `
			UPDATE stalls s SET position = n.position, section = n.section, version = s.version + 1
			FROM unnest(@ids::uuid[], @positions::int[], @sections::text[]) AS n (id, position, section)
			WHERE s.market_id = @market AND s.id = n.id`,
			pgx.StrictNamedArgs{"market": m.ID, "ids": ids, "positions": positions, "sections": sections}); err != nil {
			return err
		}
		fields := []string{"position"}
		if len(renamed) > 0 {
			fields = append(fields, "section")
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"walk.arranged", "market:" + m.Code, fields})
	})
	return done, actionContext("arrange", marketCode, err)
}

// over lays the wanted order over the stalls that there are. renamed are the sections that get another name.
func (in ArrangedWalk) over(was Walk, stalls []placed) (order []placed, renamed map[string]*string, err error) {
	var bad []fault.Field
	inSection, byKey := map[string][]placed{}, map[string]placed{}
	for _, st := range stalls {
		inSection[st.Section] = append(inSection[st.Section], st)
		byKey[st.CodeKey] = st
	}
	renamed = map[string]*string{}
	seen, names := map[string]bool{}, map[string]bool{}
	for i, sec := range in.Sections {
		at := below("sections", strconv.Itoa(i))
		there, known := inSection[sec.Name]
		switch {
		case !known:
			bad = append(bad, fault.At(below(at, "name"), "unknown", "There is no section %q in this market.", fault.Clip(sec.Name, maxSection)))
			continue
		case seen[sec.Name]:
			bad = append(bad, fault.At(below(at, "name"), "twice", "The section stands in this order twice."))
			continue
		}
		seen[sec.Name] = true
		name := sec.Name
		if sec.To != nil && *sec.To != sec.Name {
			to := text(&bad, below(at, "to"), *sec.To, maxSection, true)
			name, renamed[sec.Name] = to, &to
		}
		if names[name] {
			bad = append(bad, fault.At(below(at, "to"), "taken", "Two sections cannot have one name. To make them one, change the section of their stalls."))
		}
		names[name] = true
		if sec.Stalls == nil {
			order = append(order, there...)
			continue
		}
		taken := map[string]bool{}
		for j, code := range sec.Stalls {
			st, known := byKey[codeKey(code)]
			pointer := below(below(at, "stalls"), strconv.Itoa(j))
			switch {
			case !known || st.Section != sec.Name:
				bad = append(bad, fault.At(pointer, "unknown", "There is no stall %q in this section.", fault.Clip(code, maxCode)))
			case taken[st.CodeKey]:
				bad = append(bad, fault.At(pointer, "twice", "The stall stands in this order twice."))
			default:
				order = append(order, st)
			}
			taken[codeKey(code)] = true
		}
		if i := slices.IndexFunc(there, func(st placed) bool { return !taken[st.CodeKey] }); i >= 0 {
			bad = append(bad, fault.At(below(at, "stalls"), "missing", "The order leaves out the stall %s.", there[i].Code))
		}
	}
	for _, sec := range was.Sections {
		if !seen[sec.Name] {
			bad = append(bad, fault.At("sections", "missing", "The order leaves out the section %q.", sec.Name))
		}
	}
	return order, renamed, fault.Check("walk-invalid", bad)
}

// on makes a whole order of one step.
func (in ChangedWalk) on(was Walk) (ArrangedWalk, error) {
	invalid := func(f fault.Field) (ArrangedWalk, error) {
		return ArrangedWalk{}, fault.Check("walk-invalid", []fault.Field{f})
	}
	out := ArrangedWalk{}
	for _, sec := range was.Sections {
		out.Sections = append(out.Sections, ArrangedSection{Name: sec.Name})
	}
	if (in.Move == nil) == (in.Rename == nil) {
		return invalid(fault.At("move", "one", "Give one step: a move or a new name."))
	}
	if r := in.Rename; r != nil {
		i := slices.IndexFunc(out.Sections, func(s ArrangedSection) bool { return s.Name == r.Section })
		if i < 0 {
			return invalid(fault.At("rename/section", "unknown", "There is no section %q in this market.", fault.Clip(r.Section, maxSection)))
		}
		out.Sections[i].To = &r.To
		return out, nil
	}
	mv := *in.Move
	if (mv.Before == nil) == (mv.After == nil) || (mv.Stall == "") == (mv.Section == nil) {
		return invalid(fault.At("move", "one", "Say which section or stall goes, and before or after which other."))
	}
	beside, after := mv.Before, false
	if beside == nil {
		beside, after = mv.After, true
	}
	if mv.Section != nil {
		names := make([]string, len(was.Sections))
		for i, sec := range was.Sections {
			names[i] = sec.Name
		}
		for _, name := range []string{*mv.Section, *beside} {
			if !slices.Contains(names, name) {
				return invalid(fault.At("move/section", "unknown", "There is no section %q in this market.", fault.Clip(name, maxSection)))
			}
		}
		for i, name := range moved(names, *mv.Section, *beside, after) {
			out.Sections[i].Name = name
		}
		return out, nil
	}
	for i, sec := range was.Sections {
		keys := make([]string, len(sec.Stalls))
		for j, code := range sec.Stalls {
			keys[j] = codeKey(code)
		}
		if !slices.Contains(keys, codeKey(mv.Stall)) {
			continue
		}
		if !slices.Contains(keys, codeKey(*beside)) {
			return invalid(fault.At("move/stall", "section", "The two stalls are not in one section. Change the stall's section first."))
		}
		out.Sections[i].Stalls = moved(keys, codeKey(mv.Stall), codeKey(*beside), after)
		return out, nil
	}
	return invalid(fault.At("move/stall", "unknown", "There is no stall %q in this market.", fault.Clip(mv.Stall, maxCode)))
}

// moved is the list with one item put before or after another.
func moved(list []string, what, beside string, after bool) []string {
	if what == beside {
		return list
	}
	list = slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == what })
	i := slices.Index(list, beside)
	if after {
		i++
	}
	return slices.Insert(list, i, what)
}
