package main

import (
	"context"
	"fmt"
	"strconv"

	registry "cho40/vendor_registry"
)

type marketCmd struct {
	Add  marketAddCmd  `cmd:"" help:"Add a market."`
	List marketListCmd `cmd:"" help:"List the markets."`
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
