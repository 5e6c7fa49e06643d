package main

import (
	"context"
	"fmt"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/web/lang"
)

type reconcileCmd struct {
	Market string `help:"Code of one market; without it, all."`
}

// Run answers `cho40 reconcile`: exit 1 when something differs.
func (r reconcileCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	return r.on(ctx, a, c, out)
}

func (r reconcileCmd) on(ctx context.Context, a *app, c *config, out output) error {
	codes := []string{r.Market}
	if r.Market == "" {
		ms, err := a.registry.MarketsIn(ctx, registry.Console(), registry.SeeMarket, "")
		if err != nil {
			return err
		}
		codes = nil
		for _, m := range ms {
			codes = append(codes, m.Code)
		}
	}
	type row struct {
		Market string `json:"market"`
		registry.Difference
		Says string `json:"says"`
	}
	shown := []row{}
	var rows [][]string
	for _, code := range codes { // one market after the other, each in a transaction of its own
		found, err := a.registry.Reconcile(ctx, registry.Console(), code)
		if err != nil {
			return err
		}
		for _, d := range found {
			says := lang.Vi.Text(d.Detail) + " / " + d.Detail.String()
			shown = append(shown, row{code, d, says})
			rows = append(rows, []string{code, d.Stall, d.Serial, d.Code, says})
		}
	}
	if len(shown) > 0 || c.Format != "table" {
		if err := c.list(out, shown, []string{"market", "stall", "serial", "code", "says"}, rows); err != nil {
			return err
		}
	}
	if len(shown) > 0 {
		return fault.New(fault.Conflict, "differences", "%d things differ from what was approved. The placards concerned are suspended.", len(shown))
	}
	if c.Format == "table" {
		_, err := fmt.Fprintf(out, "%d markets: every live placard pays the account that was approved.\n", len(codes))
		return err
	}
	return nil
}
