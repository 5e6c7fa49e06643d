package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

type areaCmd struct {
	Find   areaFindCmd   `cmd:"" help:"Find communes, provinces and what they were before: by name, accents or not, or by code."`
	Import areaImportCmd `cmd:"" help:"Bring in a new map: units that are new or changed, and what became of those that are no more."`
}

type areaFindCmd struct {
	Words []string `arg:"" help:"The name, with its district and province behind it if you like: tan an, tay ninh."`
	Limit int      `default:"50" help:"At most so many, up to 200."`
}

// Run answers `cho40 area find`.
func (f areaFindCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	found, err := a.registry.FindAreasEver(ctx, strings.Join(f.Words, " "), f.Limit)
	if err != nil {
		return err
	}
	rows := make([][]string, len(found))
	for i, u := range found {
		name, until := u.Name, ""
		if u.Before != "" {
			name += " (" + u.Before + ")"
		}
		if u.ValidTo != nil {
			until = u.ValidTo.String()
		}
		rows[i] = []string{u.Code, name, u.DistrictName, u.ProvinceName, until, areaNames(u.Successors)}
	}
	return c.list(out, found, []string{"code", "name", "district", "province", "ended_on", "now"}, rows)
}

func areaNames(units []registry.AreaName) string {
	names := make([]string, len(units))
	for i, u := range units {
		names[i] = u.Name + " (" + u.Code + ")"
	}
	return strings.Join(names, ", ")
}

type areaImportCmd struct {
	File   string `arg:"" help:"CSV: code,name,parent,effective_on,successors."`
	DryRun bool   `help:"Only show what would change and which markets would move."`
}

// Help is the long text of `cho40 area import --help`.
func (areaImportCmd) Help() string {
	return `One row a unit. code: two digits of a province, five of a commune. name: with its kind, Xã Vị Tân. parent: code of the province, empty for a province. effective_on: first day. successors: codes of the units that it went to on that day, blanks between; a unit that is not among them is no more, and needs no name and parent.

All rows are stored or, with one fault, none. Markets whose unit ended move to its only successor; those whose unit went to several are listed and set by hand with: cho40 market move --market VT --area CODE --from DATE. Roles over a unit that ended or grew go on reaching what it was; they are listed, so that you can give new ones.`
}

// Run answers `cho40 area import`.
func (m areaImportCmd) Run(ctx context.Context, c *config, out output) error {
	f, err := os.Open(m.File)
	if err != nil {
		return fault.New(fault.NotFound, "file-not-found", "The file %s cannot be opened.", m.File).Because(err)
	}
	defer func() { _ = f.Close() }()
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	r, err := a.registry.ImportAreas(ctx, registry.Console(), f, m.File, m.DryRun)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, mv := range r.Moves {
		rows = append(rows, []string{"moves", mv.Market, mv.Name, areaNames([]registry.AreaName{mv.From}), areaNames(mv.To), mv.On.String()})
	}
	for _, mv := range r.ByHand {
		rows = append(rows, []string{"by_hand", mv.Market, mv.Name, areaNames([]registry.AreaName{mv.From}), areaNames(mv.To), mv.On.String()})
	}
	for _, g := range r.Grants {
		rows = append(rows, []string{"role", "", g.Holder + ", " + string(g.Role), areaNames([]registry.AreaName{g.Area}), "", g.Since.String()})
	}
	if err := c.list(out, r, []string{"what", "market", "name", "area", "now", "on"}, rows); err != nil || c.Format != "table" {
		return err
	}
	did := "stored"
	if m.DryRun {
		did = "only looked at, nothing stored"
	}
	_, err = fmt.Fprintf(out, "%s: %d rows, %d new, %d changed, %d ended, %d as they were; %d markets move, %d to be moved by hand; %s\n",
		r.File, r.Rows, r.New, r.Changed, r.Ended, r.Unchanged, len(r.Moves), len(r.ByHand), did)
	return err
}
