package main

import (
	"context"
	"fmt"

	"cho40/internal/fault"
	"cho40/internal/id"
	registry "cho40/vendor_registry"
)

type auditCmd struct {
	Verify auditVerifyCmd `cmd:"" help:"Is the record of what happened whole, and does what it speaks of agree with it?"`
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
	type named struct {
		name, code string
		id         registry.MarketID
	}
	chains := []named{{"service", "", id.ID[registry.Market]{}}}
	for _, m := range markets {
		chains = append(chains, named{m.Code, m.Code, m.ID})
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
		v, err := a.registry.VerifyChain(ctx, registry.Console(), chain.code, nil)
		if err != nil {
			return err
		}
		state := "whole"
		switch said := differ[chain.id]; {
		case v.Object != "":
			state, broken = fmt.Sprintf("event %d and the rows of %s do not agree", v.BrokenAt, v.Object), true
		case v.BrokenAt > 0:
			state, broken = fmt.Sprintf("broken at event %d", v.BrokenAt), true
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
