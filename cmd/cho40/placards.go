package main

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
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
	Sheet       string   `default:"a6x4" help:"a4x1 a5x2 a6x4 tent stand tag8 tag10, or a sheet of the market's own."`
	Design      string   `default:"standard" help:"The design: standard, or one of the market's own."`
	Provider    string   `help:"Only accounts at this wallet or bank; else each vendor's default."`
	Skip        int      `help:"Cells of the first sheet that are used already."`
	Copies      int      `default:"1" help:"Of each placard, side by side; at most 9."`
	NoCutMarks  bool     `help:"Without lines to cut along."`
	Printer     string   `help:"A saved printer, whose offsets are applied (see: cho40 paper printer)."`
	Back        bool     `help:"Safety tips on the other side; print on both sides over the long edge."`
	Reprint     bool     `help:"Also where a placard is already: a new serial takes its place, the old one ends. Needs --reason."`
	Reason      string   `help:"Why it is printed; kept with the batch."`
	Preview     bool     `help:"Only draw the first sheet as a picture, marked as a sample; issues nothing. The file is then a .png."`
	Provisional bool     `help:"First accounts that nobody approved yet too, marked TẠM across the face."`
	Batch       string   `xor:"which" help:"Write the sheets of a batch that was issued before, once more."`
	Slips       bool     `help:"With --batch: the tips to leave with each vendor, instead of the placards."`
	Out         string   `short:"o" required:"" help:"The PDF; over 500 placards F-1.pdf, F-2.pdf …"`
}

// Run answers `cho40 placards`.
func (p placardsCmd) Run(ctx context.Context, c *config, out output) error {
	if (p.Market == "") == (p.Batch == "") || p.Slips && p.Batch == "" {
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
		own, err := a.registry.Sheets(ctx, by, p.Market)
		if err != nil {
			return err
		}
		sheet, err := web.SheetFor(p.Sheet, p.Skip, own)
		if err != nil {
			return err
		}
		stalls := append(p.Stall, p.More...)
		in := registry.NewBatch{Sheet: sheet.Name(), Design: p.Design, Provider: p.Provider, Skip: p.Skip, Copies: p.Copies, NoCutMarks: p.NoCutMarks,
			Printer: p.Printer, Back: p.Back, Reprint: p.Reprint, Reason: p.Reason, Provisional: p.Provisional,
			Stalls: stalls, Section: p.Section, All: len(stalls) == 0 && p.Section == ""}
		if p.Preview {
			return p.preview(ctx, a, in, out)
		}
		issued, err := a.registry.Issue(ctx, by, p.Market, in, web.Fits())
		if err != nil {
			return err
		}
		ref = issued.Ref
	}
	var drawn *registry.Batch // nil: there was nothing to draw
	var files []string
	draw := func(ctx context.Context, b registry.Batch, cells registry.Cells, done func(placards int)) error {
		if p.Slips {
			b = web.Slips(b)
		}
		drawn = &b
		bar := progress(b.Placards)
		defer bar.done()
		return web.Files(ctx, b, cells, func(n, of int, pdf []byte) error {
			name := p.Out
			if of > 1 {
				ext := filepath.Ext(name)
				name = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext)
			}
			files = append(files, name)
			ready := min(n*b.Placards/of, b.Placards)
			bar.to(ready)
			done(ready)
			return writeWhole(name, pdf)
		})
	}
	if p.Slips {
		var b registry.Batch
		var cells registry.Cells
		if b, cells, err = a.registry.BatchCells(ctx, by, ref); err != nil {
			return err
		}
		err = draw(ctx, b, cells, func(int) {})
	} else {
		err = a.registry.DrawBatch(ctx, by, ref, draw)
	}
	if err != nil && drawn == nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w\nThe batch is in the record; write its sheets with: cho40 placards --batch %s -o FILE.pdf", err, ref)
	}
	if p.Slips {
		_, err := fmt.Fprintf(out, "%d slips: %s\n", drawn.Placards, strings.Join(files, " "))
		return err
	}
	return p.print(ctx, a, c, out, *drawn, files)
}

// previewDots is how fine a preview is drawn, dots an inch.
const previewDots = 150

// preview draws what would be printed first.
func (p placardsCmd) preview(ctx context.Context, a *app, in registry.NewBatch, out output) error {
	if filepath.Ext(p.Out) != ".png" {
		return fault.New(fault.Invalid, "file-kind", "A preview is a picture: name the file .png.")
	}
	img, err := web.Preview(ctx, a.registry, registry.Console(), p.Market, in, previewDots)
	if err != nil {
		return err
	}
	var data bytes.Buffer
	if err := png.Encode(&data, img); err != nil {
		return err
	}
	if err := writeWhole(p.Out, data.Bytes()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "preview: %s\n", p.Out)
	return err
}

func (p placardsCmd) print(ctx context.Context, a *app, c *config, out output, b registry.Batch, files []string) error {
	if c.Format != "table" {
		_, placards, err := a.registry.Batch(ctx, registry.Console(), b.Ref)
		if err != nil {
			return err
		}
		rows := make([][]string, len(placards))
		for i, pl := range placards {
			rows[i] = []string{pl.Stall, pl.Serial.String(), pl.Vendor, pl.Holder, pl.ProviderName, pl.Tail, pl.Mark}
		}
		return c.list(out, map[string]any{"batch": b, "placards": placards, "files": files},
			[]string{"stall", "serial", "vendor", "holder", "provider", "last_digits", "mark"}, rows)
	}
	if _, err := fmt.Fprintf(out, "%d placards on %s, batch %s: %s\n", b.Placards, b.Sheet, b.Ref, strings.Join(files, " ")); err != nil {
		return err
	}
	if n := len(b.Warnings); n > 0 {
		text := b.Warnings[0].Detail
		if _, err := fmt.Fprintf(out, "%d placards to look at (%s …): %s / %s\n", n, b.Warnings[0].Stall, lang.Vi.Text(text), lang.En.Text(text)); err != nil {
			return err
		}
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
