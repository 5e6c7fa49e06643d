package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	registry "cho40/vendor_registry"
)

type retentionCmd struct {
	Run retentionRunCmd `cmd:"" help:"Let go of what is older than it need be: old visits become counts; kept answers, previews, sessions and links go."`
}

type retentionRunCmd struct{}

// Run answers `cho40 retention run`.
func (retentionRunCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	gone, err := a.retain(ctx)
	if err != nil {
		return err
	}
	rows := make([][]string, len(gone))
	for i, g := range gone {
		rows[i] = []string{g.What, strconv.Itoa(g.Rows)}
	}
	return c.list(out, gone, []string{"what", "rows"}, rows)
}

// retain lets go of what is too old, of the record and of who may come in.
func (a *app) retain(ctx context.Context) ([]registry.LetGo, error) {
	gone, err := a.registry.Retain(ctx)
	if err != nil {
		return gone, err
	}
	more, err := a.auth.Retain(ctx)
	return append(gone, more...), err
}

type inventoryCmd struct {
	Page bool `help:"As the page docs/privacy.md."`
}

// Run answers `cho40 inventory`: it needs no database.
func (i inventoryCmd) Run(c *config, out output) error {
	if i.Page {
		_, err := fmt.Fprint(out, registry.InventoryPage())
		return err
	}
	var rows [][]string
	for _, t := range registry.Inventory {
		for _, p := range t.Columns {
			rows = append(rows, []string{t.Table, p.Column, p.Holds, p.Whose, t.Why, t.Seen, t.Kept})
		}
		for _, column := range t.Others {
			rows = append(rows, []string{t.Table, column, "", "", t.Why, t.Seen, t.Kept})
		}
	}
	return c.list(out, registry.Inventory, []string{"table", "column", "holds", "whose", "why", "seen", "kept"}, rows)
}

type erasureCmd struct {
	List   erasureListCmd   `cmd:"" help:"Who was erased, by ids only."`
	Replay erasureReplayCmd `cmd:"" help:"After an older copy was brought back: erase again who was erased since, as the list beside the database says."`
}

// erasures is the list of who was erased, beside the embedded database and never in it.
func (a *app) erasures() (*registry.ErasureList, error) {
	return registry.OpenErasureList(beside(a.dir, "erasures"))
}

type erasureListCmd struct{}

// Run answers `cho40 erasure list`.
func (erasureListCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	all, err := a.registry.Erasures(ctx)
	if err != nil {
		return err
	}
	rows := make([][]string, len(all))
	for i, e := range all {
		account := ""
		if e.Account != nil {
			account = e.Account.String()
		}
		rows[i] = []string{e.At.Format(time.RFC3339), e.Market.String(), e.Vendor.String(), account}
	}
	return c.list(out, all, []string{"at", "market", "vendor", "account"}, rows)
}

type erasureReplayCmd struct{}

// Run answers `cho40 erasure replay`.
func (erasureReplayCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	return a.replayErasures(ctx, out)
}

// replayErasures erases again who is on the list beside the database, and adds to it who is not.
func (a *app) replayErasures(ctx context.Context, out output) error {
	list, err := a.erasures()
	if err != nil {
		return err
	}
	all, err := list.Read()
	if err != nil {
		return err
	}
	n, err := a.registry.ReplayErasures(ctx, all)
	if err != nil {
		return err
	}
	if _, err := a.registry.KeepErasures(ctx, list); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d in the list of who was erased, %d erased again\n", len(all), n)
	return err
}
