package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
	"cho40/web/lang"
)

type coverageCmd struct {
	Market string `xor:"where" help:"Code of a market."`
	Area   string `xor:"where" help:"Official code of a commune or province, or of a unit that is no more."`
	Map    string `enum:",then,today" default:"" help:"Which map the area is on: then, the day's own; today. Default: today, or then for a unit that is no more."`
	By     string `help:"Split by: market commune province provider section goods team."`
	AsOf   string `help:"A past day, 2026-11-22; default: now."`
}

// Run answers `cho40 coverage`.
func (q coverageCmd) Run(ctx context.Context, c *config, out output) error {
	var asOf registry.Day
	if q.AsOf != "" {
		var err error
		if asOf, err = registry.ParseDay(q.AsOf); err != nil {
			return err
		}
	}
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	s, err := a.coverage.Share(ctx, registry.Console(), coverage.Question{Market: q.Market, Area: q.Area, Map: q.Map, By: q.By, AsOf: asOf})
	if err != nil {
		return err
	}
	head := []string{"", "vendors", "accepting", "share"}
	for _, name := range registry.StageNames[1:] {
		head = append(head, name)
	}
	var rows [][]string
	for _, p := range s.Split {
		name := p.Name
		if name == "" {
			name = p.Key
		}
		if name == "" {
			name = "–"
		}
		rows = append(rows, figures(name, p.Vendors, p.Accepting, p.Share, p.Funnel))
	}
	rows = append(rows, figures("total", s.Vendors, s.Accepting, s.Share, s.Funnel))
	if err := c.list(out, s, head, rows); err != nil || c.Format != "table" {
		return err
	}
	where := ""
	switch {
	case s.Areas != nil:
		where = fmt.Sprintf("%s, on today's map %s, ", s.AreaName, strings.Join(s.Areas, " "))
	case s.Area != "":
		where = fmt.Sprintf("%s, map of %s, ", s.AreaName, s.Map)
	}
	_, err = fmt.Fprintf(out, "%sas of %s, %s, definition %s\n", where, s.AsOf, s.Method, s.Definition)
	return err
}

func figures(name string, vendors, accepting int, share *float64, funnel []coverage.Step) []string {
	said := "–"
	if share != nil {
		said = lang.En.Percent(*share)
	}
	row := []string{name, strconv.Itoa(vendors), strconv.Itoa(accepting), said}
	for _, step := range funnel[1:] {
		row = append(row, strconv.Itoa(step.Vendors))
	}
	return row
}
