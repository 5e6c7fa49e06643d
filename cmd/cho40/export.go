package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/web"
	"cho40/web/lang"
)

type exportCmd struct {
	List     string `arg:"" enum:"stalls,vendors,accounts,placards,without-account,customers" help:"What to take out: ${enum}. The first two and without-account can be imported again."`
	Market   string `help:"Code of the market; of all lists but customers."`
	Provider string `help:"Of customers: the wallet or bank whose they are."`
	Full     bool   `help:"Phones and account numbers in full; needs --reason. Otherwise they are masked."`
	Reason   string `help:"Why they are needed in full; kept with the record of what was taken out."`
	Lang     string `enum:"vi,en" default:"vi" help:"Language of headings and words: ${enum}. Both can be imported."`
	Out      string `short:"o" required:"" help:"The file. --format csv or xlsx, else its ending, says how it is written."`
}

// Run answers `cho40 export`. The file is there in full or not at all.
func (e exportCmd) Run(ctx context.Context, c *config, out output) error {
	if (e.List == registry.ListCustomers) != (e.Market == "") || (e.List == registry.ListCustomers) != (e.Provider != "") {
		return fault.New(fault.Invalid, "choose-one", "Say --market; of customers say --provider instead.")
	}
	in := registry.Export{Format: c.Format, Full: e.Full, Reason: e.Reason}
	if c.Format == "table" {
		in.Format = strings.TrimPrefix(strings.ToLower(filepath.Ext(e.Out)), ".")
	}
	if in.Format != "csv" && in.Format != "xlsx" {
		return fault.New(fault.Invalid, "file-kind", "Name the file .csv or .xlsx, or say --format.")
	}
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	f, err := os.CreateTemp(filepath.Dir(e.Out), ".cho40-*") // only its owner reads it
	if err != nil {
		return fault.New(fault.Invalid, "file-not-written", "The file %s cannot be written.", e.Out).Because(err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	open := func(string) (io.Writer, error) { return f, nil }
	if e.List == registry.ListCustomers {
		err = web.WriteCustomers(ctx, a.registry, registry.Console(), lang.Lang(e.Lang), e.Provider, in, open)
	} else {
		err = web.WriteList(ctx, a.registry, registry.Console(), lang.Lang(e.Lang), e.Market, e.List, in, open)
	}
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), e.Out)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: %s\n", e.List, e.Out)
	return err
}
