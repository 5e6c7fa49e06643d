package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"cho40/internal/fault"
	"cho40/internal/id"
	registry "cho40/vendor_registry"
)

type auditCmd struct {
	Verify auditVerifyCmd `cmd:"" help:"Is the record of what happened whole, and does what it speaks of agree with it?"`
	Seal   auditSealCmd   `cmd:"" help:"Commit to what older releases wrote before the record committed to rows; once, after bringing the program up to date."`
}

type auditSealCmd struct {
	Market string `help:"Code of one market; without it all of them."`
}

// Run answers `cho40 audit seal`: exit 1 when the record of a market is not whole, which is then left as it is.
func (s auditSealCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	codes := []string{s.Market}
	if s.Market == "" {
		markets, err := a.registry.MarketsIn(ctx, registry.Console(), registry.SealAudit, "")
		if err != nil {
			return err
		}
		codes = codes[:0]
		for _, m := range markets {
			codes = append(codes, m.Code)
		}
	}
	done := []registry.Sealed{}
	var rows [][]string
	var broken error
	for _, code := range codes {
		sealed, err := a.registry.SealOlder(ctx, registry.Console(), code)
		if fault.CodeOf(err) == "audit-broken" { // the others are sealed all the same
			complain(os.Stderr, err)
			broken = err
			continue
		}
		if err != nil {
			return err
		}
		done = append(done, sealed)
		rows = append(rows, []string{sealed.Market, strconv.Itoa(sealed.Objects), strconv.Itoa(sealed.Rows)})
	}
	if err := c.list(out, done, []string{"market", "objects", "rows"}, rows); err != nil || broken == nil {
		return err
	}
	return fault.New(fault.Conflict, "audit-broken", "The record of what happened was changed outside the program. Compare it with a backup before anything else.")
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
