package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"cho40/internal/fault"
	"cho40/qrgen"
	registry "cho40/vendor_registry"
)

type providersCmd struct {
	List   providersListCmd   `cmd:"" help:"List the banks and wallets that are known."`
	Update providersUpdateCmd `cmd:"" help:"Take over a newer list (CSV with a heading row), after saying what changes."`
}

type providersListCmd struct {
	Find string `help:"Only the one that this names: a code, a BIN, a present or older name."`
}

// Run answers `cho40 providers list`.
func (p providersListCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	list := qrgen.Providers()
	if p.Find != "" {
		found, ok := qrgen.ProviderOf(p.Find)
		if !ok {
			return fault.New(fault.NotFound, "unknown", "There is no wallet or bank %q in the list.", p.Find)
		}
		list = []qrgen.Provider{found}
	}
	rows := make([][]string, len(list))
	for i, p := range list {
		rows[i] = []string{p.BIN, p.Code, p.Name, p.Kind, p.NumberRule + " (" + p.NumberBasis + ")", p.ValidFrom, p.ValidTo, p.ReadOn, p.Source, strings.Join(p.Names, ", ")}
	}
	return c.list(out, list, []string{"bin", "code", "name", "kind", "number", "valid_from", "valid_to", "read_on", "source", "names"}, rows)
}

type providersUpdateCmd struct {
	File   string `arg:"" help:"CSV in UTF-8. Headings: bin source, and of code name full_name kind pays looks_up number number_basis second_of valid_from valid_to read_on names those that change."`
	DryRun bool   `help:"Only say what would change."`
}

// Run answers `cho40 providers update FILE`.
func (u providersUpdateCmd) Run(ctx context.Context, c *config, out output) error {
	f, err := os.Open(u.File)
	if err != nil {
		return fault.New(fault.NotFound, "file-not-found", "The file %s cannot be opened.", u.File).Because(err)
	}
	defer f.Close()
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	changes, err := a.registry.UpdateProviders(ctx, registry.Console(), f, u.DryRun)
	if err != nil {
		return err
	}
	slices.SortStableFunc(changes, func(a, b qrgen.Change) int { return strings.Compare(a.BIN, b.BIN) })
	if c.Format == "table" {
		if len(changes) == 0 {
			_, err = fmt.Fprintln(out, "nothing changes: the list says what is known")
			return err
		}
		say := "%d banks and wallets changed:\n"
		if u.DryRun {
			say = "%d banks and wallets would change:\n"
		}
		if _, err := fmt.Fprintf(out, say, len(changes)); err != nil {
			return err
		}
	}
	if changes == nil {
		changes = []qrgen.Change{}
	}
	rows := make([][]string, len(changes))
	for i, ch := range changes {
		what := "changed: " + strings.Join(ch.Fields, " ")
		if ch.New {
			what = "new"
		}
		rows[i] = []string{ch.BIN, ch.Code, ch.Name, what}
	}
	return c.list(out, changes, []string{"bin", "code", "name", "change"}, rows)
}
