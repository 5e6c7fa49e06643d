package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"cho40/internal/auth"
	registry "cho40/vendor_registry"
)

type marketCmd struct {
	Add      marketAddCmd      `cmd:"" help:"Add a market."`
	List     marketListCmd     `cmd:"" help:"List the markets."`
	HandOver marketHandOverCmd `cmd:"" help:"Hand a market from its old board to the next; the record stays as it is."`
}

type marketAddCmd struct {
	Code   string `required:"" help:"Short code that people type, such as VT."`
	Name   string `required:"" help:"Its name, such as \"Chợ Vị Thanh\"."`
	Area   string `help:"Official code of its commune or ward."`
	Stalls *int   `help:"How many stalls are planned."`
	Call   string `help:"Phone of the board, printed on placards."`
}

// Run answers `cho40 market add`.
func (m marketAddCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	added, err := a.registry.AddMarket(ctx, registry.Console(),
		registry.NewMarket{Code: m.Code, Name: m.Name, Area: m.Area, PlannedStalls: m.Stalls, Call: m.Call})
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return c.list(out, added, nil, nil)
	}
	_, err = fmt.Fprintf(out, "market %s added: %s\n", added.Code, added.Name)
	return err
}

type marketListCmd struct{}

// Run answers `cho40 market list`.
func (marketListCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	ms, err := a.registry.MarketsIn(ctx, registry.Console(), registry.SeeMarket, "")
	if err != nil {
		return err
	}
	rows := make([][]string, len(ms))
	for i, m := range ms {
		planned := ""
		if m.PlannedStalls != nil {
			planned = strconv.Itoa(*m.PlannedStalls)
		}
		rows[i] = []string{m.Code, m.Name, m.AreaName, m.ProvinceName, planned}
	}
	return c.list(out, ms, []string{"code", "name", "area", "province", "planned_stalls"}, rows)
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
