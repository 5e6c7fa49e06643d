package main

import (
	"context"
	"fmt"

	"cho40/internal/fault"
	"cho40/internal/id"
	registry "cho40/vendor_registry"
)

type auditCmd struct {
	Verify auditVerifyCmd `cmd:"" help:"Is the record of what happened whole?"`
}

type auditVerifyCmd struct{}

// Run answers `cho40 audit verify`: exit 1 when a chain is broken.
func (auditVerifyCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	return a.verifyAudit(ctx, out)
}

// verifyAudit says of each chain whether it is whole. Faults: Conflict audit-broken.
func (a *app) verifyAudit(ctx context.Context, out output) error {
	markets, err := a.registry.MarketsIn(ctx, registry.Console(), registry.SeeMarket, "")
	if err != nil {
		return err
	}
	chains := []struct {
		name string
		id   registry.MarketID
	}{{"service", id.ID[registry.Market]{}}}
	for _, m := range markets {
		chains = append(chains, struct {
			name string
			id   registry.MarketID
		}{m.Code, m.ID})
	}
	checkpoints, err := a.checkpoints()
	if err != nil {
		return err
	}
	differ, err := a.registry.VerifyCheckpoints(ctx, checkpoints)
	if err != nil {
		return err
	}
	broken := false
	for _, chain := range chains {
		at, err := a.registry.VerifyAudit(ctx, chain.id)
		if err != nil {
			return err
		}
		state := "whole"
		switch said := differ[chain.id]; {
		case at > 0:
			state, broken = fmt.Sprintf("broken at event %d", at), true
		case said > 0:
			state, broken = fmt.Sprintf("cut off or written anew: event %d is not the one of the checkpoint", said), true
		}
		delete(differ, chain.id)
		if _, err := fmt.Fprintf(out, "%-16s %s\n", chain.name, state); err != nil {
			return err
		}
	}
	for gone, at := range differ {
		broken = true
		if _, err := fmt.Fprintf(out, "%-16s gone: checkpoints know %d events\n", gone, at); err != nil {
			return err
		}
	}
	if broken {
		return fault.New(fault.Conflict, "audit-broken", "The record of what happened was changed outside the program. Compare it with a backup before anything else.")
	}
	return nil
}
