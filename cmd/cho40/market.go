package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cho40/internal/auth"
	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

type marketCmd struct {
	Add      marketAddCmd      `cmd:"" help:"Add a market, or a place that shows payment codes and is none."`
	List     marketListCmd     `cmd:"" help:"List the markets, or find some."`
	Set      marketSetCmd      `cmd:"" help:"Change what the record says of a market."`
	Move     marketMoveCmd     `cmd:"" help:"Say where a market lies since a day, or where it lay until one."`
	HandOver marketHandOverCmd `cmd:"" help:"Hand a market from its old board to the next; the record stays as it is."`
}

// marketFacts are what adding and changing a market have in common; what is not given stays.
type marketFacts struct {
	Site           *string `enum:"market,desk,school,clinic" help:"A place that shows payment codes and is no market: desk, school, clinic; market takes it back."`
	Class          *int    `help:"1, 2 or 3; 0: not known."`
	Kind           *string `help:"daily wholesale night temporary fair."`
	Weekdays       *string `help:"Of a fair-day market: mon,thu,sun."`
	LunarDays      *string `help:"Of a fair-day market, days of the lunar month: 5,10,15."`
	Stalls         *int    `help:"How many stalls are planned."`
	Program        *bool   `negatable:"" help:"A cashless market, chợ 4.0."`
	ProgramSince   *string `help:"Since when it is one, 2026-01-15."`
	ProgramSponsor *string `help:"Who sponsors that."`
	Signal         *string `help:"Of phones in the market hall: none weak good."`
	ContactName    *string `help:"Whom to ask for at the board."`
	ContactPhone   *string `help:"That person's phone."`
	Call           *string `help:"Phone of the board, printed on placards."`
}

// changed is the change that the flags ask for.
func (f marketFacts) changed() (in registry.ChangedMarket, err error) {
	in = registry.ChangedMarket{Program: f.Program, ProgramSponsor: f.ProgramSponsor, Signal: f.Signal, ContactName: f.ContactName,
		ContactPhone: f.ContactPhone, Call: f.Call}
	if f.Site != nil {
		site := registry.Site(strings.TrimPrefix(*f.Site, "market"))
		in.Site = &site
	}
	if f.Class != nil {
		if in.Class = registry.Some(f.Class); *f.Class == 0 {
			in.Class = registry.Some[int](nil)
		}
	}
	if f.Kind != nil {
		kind := registry.MarketKind(*f.Kind)
		in.Kind = &kind
	}
	if f.Weekdays != nil {
		days := []registry.Weekday{}
		for _, name := range listed(*f.Weekdays) {
			var day registry.Weekday
			if err := day.UnmarshalText([]byte(name)); err != nil {
				return in, err
			}
			days = append(days, day)
		}
		in.Weekdays = &days
	}
	if f.LunarDays != nil {
		days := []int{}
		for _, n := range listed(*f.LunarDays) {
			day, err := strconv.Atoi(n)
			if err != nil {
				day = -1 // which no month has
			}
			days = append(days, day)
		}
		in.LunarDays = &days
	}
	if f.Stalls != nil {
		in.PlannedStalls = registry.Some(f.Stalls)
	}
	if f.ProgramSince != nil {
		day, err := registry.ParseDay(*f.ProgramSince)
		if err != nil {
			return in, err
		}
		in.ProgramSince = registry.Some(&day)
	}
	return in, nil
}

// listed are the words of a list with commas or blanks between.
func listed(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

type marketAddCmd struct {
	Code string `required:"" help:"Short code that people type, such as VT."`
	Name string `required:"" help:"Its name, such as \"Chợ Vị Thanh\"."`
	Area string `help:"Official code of its commune or ward; cho40 area find tells it."`
	marketFacts
}

// Run answers `cho40 market add`.
func (m marketAddCmd) Run(ctx context.Context, c *config, out output) error {
	said, err := m.changed()
	if err != nil {
		return err
	}
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	added, err := a.registry.AddMarket(ctx, registry.Console(), said.New(m.Code, m.Name, m.Area))
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return c.list(out, added, nil, nil)
	}
	_, err = fmt.Fprintf(out, "market %s added: %s\n", added.Code, added.Name)
	return err
}

type marketListCmd struct {
	Q string `help:"Words of the name, the code, or a unit that the market is in or was in before the map changed."`
}

// Run answers `cho40 market list`.
func (l marketListCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	ms := []registry.Market{}
	for cursor := ""; ; {
		p, err := a.registry.Markets(ctx, registry.Console(), l.Q, registry.List{Limit: 200, Cursor: cursor})
		if err != nil {
			return err
		}
		if ms = append(ms, p.Items...); p.Next == nil {
			break
		}
		cursor = *p.Next
	}
	rows := make([][]string, len(ms))
	for i, m := range ms {
		kind := string(m.Kind)
		if m.Site != "" {
			kind = string(m.Site)
		}
		rows[i] = []string{m.Code, m.Name, m.AreaName, m.ProvinceName, number(m.PlannedStalls), kind, number(m.Class)}
	}
	return c.list(out, ms, []string{"code", "name", "area", "province", "planned_stalls", "kind", "class"}, rows)
}

// number writes a number that may be unknown.
func number(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

type marketSetCmd struct {
	Market string  `required:"" help:"Code of the market."`
	Name   *string `help:"Its name."`
	Area   *string `help:"Corrects its commune or ward; to say that it moved, use: cho40 market move."`
	marketFacts
}

// Run answers `cho40 market set`.
func (m marketSetCmd) Run(ctx context.Context, c *config, out output) error {
	in, err := m.changed()
	if err != nil {
		return err
	}
	in.Name, in.Area = m.Name, m.Area
	return c.edit(ctx, out, m.Market, func(registry.Market) registry.ChangedMarket { return in })
}

type marketMoveCmd struct {
	Market string `required:"" help:"Code of the market."`
	Area   string `required:"" help:"Official code of the unit."`
	From   string `xor:"day" required:"" help:"First day in the unit, where the market is now."`
	Until  string `xor:"day" required:"" help:"First day on which it was in the unit no more: what was before."`
}

// Run answers `cho40 market move`.
func (m marketMoveCmd) Run(ctx context.Context, c *config, out output) error {
	day, err := registry.ParseDay(m.From + m.Until)
	if err != nil {
		return err
	}
	return c.edit(ctx, out, m.Market, func(is registry.Market) registry.ChangedMarket {
		if m.From != "" {
			return registry.ChangedMarket{Area: &m.Area, AreaFrom: &day}
		}
		former := slices.DeleteFunc(is.FormerAreas, func(f registry.FormerArea) bool { return f.Until == day })
		former = append(former, registry.FormerArea{Area: m.Area, Until: day})
		return registry.ChangedMarket{FormerAreas: &former}
	})
}

// edit changes a market as it is now; who changes it at the same moment goes first, and this begins again.
func (c *config) edit(ctx context.Context, out output, code string, how func(registry.Market) registry.ChangedMarket) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	for range 3 {
		var m registry.Market
		if m, err = a.registry.Market(ctx, registry.Console(), code); err != nil {
			return err
		}
		if m, err = a.registry.EditMarket(ctx, registry.Console(), code, m.ETag(), how(m)); err == nil {
			if c.Format == "json" {
				return c.list(out, m, nil, nil)
			}
			place := m.AreaName
			if m.ProvinceName != place {
				place += ", " + m.ProvinceName
			}
			_, err = fmt.Fprintf(out, "market %s changed: %s; %s\n", m.Code, m.Name, place)
			return err
		}
		if fault.KindOf(err) != fault.Stale {
			return err
		}
	}
	return err
}

type marketHandOverCmd struct {
	Market string   `required:"" help:"Code of the market."`
	From   []string `required:"" help:"People of the old board, by name. Their roles in this market end."`
	To     []string `required:"" help:"People of the next board: NAME takes the role of who stands in the same place, or NAME=ROLE."`
	Reason string   `required:"" help:"Why, for the record."`
}

// Run answers `cho40 market hand-over`.
func (h marketHandOverCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	m, err := a.registry.MarketFor(ctx, registry.Console(), registry.ChangeMarket, h.Market)
	if err != nil {
		return err
	}
	in := auth.HandOver{From: h.From, Reason: h.Reason}
	for _, to := range h.To {
		name, role, _ := strings.Cut(to, "=")
		in.To = append(in.To, auth.Heir{Name: name, Role: registry.Role(role)})
	}
	done, err := a.auth.HandOver(ctx, registry.Console(), m, in)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, s := range done.Ended {
		rows = append(rows, []string{s.Name, string(s.Role), "ended"})
	}
	for _, s := range done.Began {
		rows = append(rows, []string{s.Name, string(s.Role), "began"})
	}
	if err := c.list(out, done, []string{"name", "role", "what"}, rows); err != nil {
		return err
	}
	if c.Format == "table" && done.KeysRevoked > 0 {
		_, err = fmt.Fprintf(out, "%d keys that the old board had made are revoked.\n", done.KeysRevoked)
	}
	return err
}
