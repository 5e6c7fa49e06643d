package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/web/lang"
)

type accountsCmd struct {
	Approve approveCmd `cmd:"" help:"Approve proposed accounts in somebody's name."`
}

type approveCmd struct {
	Market     string   `required:"" help:"Code of the market."`
	All        bool     `xor:"which" help:"Everything that waits."`
	Stall      []string `xor:"which" help:"Only these stalls."`
	More       []string `arg:"" optional:"" hidden:""`
	By         string   `required:"" help:"The person who looked: may approve there and did not bring the accounts in."`
	Reason     string   `help:"Why, where an account wants one: another vendor has it too, or another name was heard."`
	LastDigits string   `help:"For the change of one account: its last six digits, read from the vendor's phone."`
}

// Run answers `cho40 accounts approve`. It lists every row it decides.
func (ap approveCmd) Run(ctx context.Context, c *config, out output) error {
	stalls := append(ap.Stall, ap.More...)
	if ap.All == (len(stalls) > 0) {
		return fault.New(fault.Invalid, "choose-one", "Name stalls with --stall, or say --all: just one of them.")
	}
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	by, err := a.auth.PersonActor(ctx, ap.By, "console")
	if err != nil {
		return err
	}
	waiting, err := a.registry.Pending(ctx, by, ap.Market)
	if err != nil {
		return err
	}
	if !ap.All {
		named := map[string]bool{}
		for _, code := range stalls {
			named[strings.ToUpper(strings.Join(strings.Fields(code), ""))] = true
		}
		waiting = slices.DeleteFunc(waiting, func(p registry.Pending) bool {
			return !named[strings.ToUpper(strings.Join(strings.Fields(p.Stall), ""))]
		})
		if len(waiting) == 0 {
			return fault.New(fault.Conflict, "nothing-waits", "No account waits for a decision at these stalls.")
		}
	}
	decisions := make([]registry.Decision, len(waiting))
	for i, p := range waiting {
		decisions[i] = registry.Decision{Account: p.ID, ETag: p.ETag(), Decision: "approve", Reason: ap.Reason, LastDigits: ap.LastDigits}
	}
	type row struct {
		Stall    string `json:"stall"`
		Vendor   string `json:"vendor"`
		Provider string `json:"provider"`
		Number   string `json:"number"`
		Holder   string `json:"holder"`
		State    string `json:"state"`
		Why      string `json:"why,omitempty"`
	}
	shown := []row{}
	var rows [][]string
	approved := 0
	for batch := range slices.Chunk(decisions, 1000) {
		answers, err := a.registry.DecideMany(ctx, by, ap.Market, batch)
		if err != nil {
			return err
		}
		for _, answer := range answers {
			p := waiting[len(shown)]
			r := row{p.Stall, p.Vendor, p.ProviderName, p.Number, p.Holder, string(answer.State), ""}
			if answer.Fault != nil {
				r.State, r.Why = string(p.State), lang.Vi.Text(answer.Fault.Detail)+" / "+answer.Fault.Detail.String()
			} else {
				approved++
			}
			shown = append(shown, r)
			rows = append(rows, []string{r.Stall, r.Vendor, r.Provider, r.Number, r.Holder, r.State, r.Why})
		}
	}
	if err := c.list(out, shown, []string{"stall", "vendor", "provider", "number", "holder", "state", "why"}, rows); err != nil {
		return err
	}
	if c.Format == "table" {
		if _, err := fmt.Fprintf(out, "%d of %d accounts approved, from the console, in the name of %s.\n", approved, len(waiting), by.Name); err != nil {
			return err
		}
	}
	if approved < len(waiting) {
		return fault.New(fault.Conflict, "not-all-approved", "%d of %d accounts were not approved; the list says why.", len(waiting)-approved, len(waiting))
	}
	return nil
}
