package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/web"
	"cho40/web/lang"
)

type placardsCmd struct {
	Market      string   `help:"Code of the market."`
	Section     string   `xor:"which" help:"Only this section, as it stands in the record."`
	Stall       []string `xor:"which" help:"Only these stalls."`
	More        []string `arg:"" optional:"" hidden:""`
	Sheet       string   `default:"a6x4" help:"a4x1 a5x2 a6x4 tag8 tag10."`
	Design      string   `default:"standard" help:"The design."`
	Provider    string   `help:"Only accounts at this wallet or bank; else each vendor's default."`
	Skip        int      `help:"Cells of the first sheet that are used already."`
	Provisional bool     `help:"First accounts that nobody approved yet too, marked TẠM across the face."`
	Batch       string   `xor:"which" help:"Write the sheets of a batch that was issued before, once more."`
	Out         string   `short:"o" required:"" help:"The PDF; over 500 placards F-1.pdf, F-2.pdf …"`
}

// Run answers `cho40 placards`.
func (p placardsCmd) Run(ctx context.Context, c *config, out output) error {
	if (p.Market == "") == (p.Batch == "") {
		return fault.New(fault.Invalid, "choose-one", "Say --market, or --batch for sheets that were issued before.")
	}
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	by := registry.Console()
	var ref registry.BatchRef
	if p.Batch != "" {
		if ref, err = registry.ParseRef[registry.Batch](p.Batch); err != nil {
			return err
		}
	} else {
		sheet, err := web.SheetFor(p.Sheet, p.Skip)
		if err != nil {
			return err
		}
		stalls := append(p.Stall, p.More...)
		issued, err := a.registry.Issue(ctx, by, p.Market, registry.NewBatch{Sheet: p.Sheet, Design: p.Design, Provider: p.Provider, Skip: p.Skip,
			Provisional: p.Provisional, Stalls: stalls, Section: p.Section, All: len(stalls) == 0 && p.Section == ""}, web.Fits(sheet))
		if err != nil {
			return err
		}
		ref = issued.Ref
	}
	b, placards, err := a.registry.Batch(ctx, by, ref)
	if err != nil {
		return err
	}
	var files []string
	err = web.Files(b, placards, func(n, of int, pdf []byte) error {
		name := p.Out
		if of > 1 {
			ext := filepath.Ext(name)
			name = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext)
		}
		files = append(files, name)
		return writeWhole(name, pdf)
	})
	if err != nil {
		return fmt.Errorf("%w\nThe batch is in the record; write its sheets with: cho40 placards --batch %s -o FILE.pdf", err, ref)
	}
	if err := a.registry.Printed(ctx, by, ref); err != nil {
		return err
	}
	return p.print(c, out, b, placards, files)
}

func (p placardsCmd) print(c *config, out output, b registry.Batch, placards []registry.Placard, files []string) error {
	if c.Format != "table" {
		rows := make([][]string, len(placards))
		for i, pl := range placards {
			rows[i] = []string{pl.Stall, pl.Serial.String(), pl.Vendor, pl.Holder, pl.ProviderName, pl.Tail, pl.Mark}
		}
		return c.list(out, map[string]any{"batch": b, "placards": placards, "files": files},
			[]string{"stall", "serial", "vendor", "holder", "provider", "last_digits", "mark"}, rows)
	}
	if _, err := fmt.Fprintf(out, "%d placards on %s, batch %s: %s\n", len(placards), b.Sheet, b.Ref, strings.Join(files, " ")); err != nil {
		return err
	}
	byReason := map[string][]string{}
	for _, o := range b.LeftOut {
		why := lang.Vi.Text(o.Why()) + " / " + lang.En.Text(o.Why())
		byReason[why] = append(byReason[why], o.Stall)
	}
	for _, why := range slices.Sorted(maps.Keys(byReason)) {
		if _, err := fmt.Fprintf(out, "%d stalls left out. %s: %s\n", len(byReason[why]), why, strings.Join(byReason[why], " ")); err != nil {
			return err
		}
	}
	return nil
}

// writeWhole writes a file in full or not at all.
func writeWhole(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".cho40-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	return err
}
