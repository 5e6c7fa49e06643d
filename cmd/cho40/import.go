package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/ledger"
	"cho40/web"
	"cho40/web/lang"
)

type importCmd struct {
	File     string `arg:"" help:"The ledger."`
	Market   string `required:"" help:"Code of the market."`
	DryRun   bool   `help:"Only say what would happen; store nothing."`
	Report   string `help:"Write the report, every row's fate, to this JSON file."`
	Map      string `help:"What columns hold where their headings do not tell: 'C=vendor, E=phone, Tiền về=vnpt_money'. A column's letter or heading; code vendor given_name phone section aisle goods holder provider number account id unread, or a wallet or bank. heading=4 tells the row of the headings, 0: none."`
	Remember bool   `help:"Read the market's next ledgers by --map too."`
	Attested string `default:"vi-1" help:"Wording of the consent that the board vouches for."`
}

// Run answers `cho40 import`. Good rows go in although others are faulty; then the exit code is 1.
func (i importCmd) Run(ctx context.Context, c *config, out output) error {
	f, err := os.Open(i.File)
	if err != nil {
		return fault.New(fault.NotFound, "file-not-found", "The file %s cannot be opened.", i.File).Because(err)
	}
	defer f.Close()
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	by := registry.Console()
	as, err := ledger.ParseMapping(i.Map)
	if err != nil {
		return err
	}
	im, err := a.registry.PreviewLedger(ctx, by, i.Market, registry.Upload{File: filepath.Base(i.File), Content: f, Mapping: as, Remember: i.Remember, Keep: !i.DryRun})
	if err != nil {
		return err
	}
	report := im.Report
	if !i.DryRun {
		var b bar
		report, err = a.registry.CommitImport(ctx, by, im.Ref, registry.CommitImport{Attested: i.Attested, Progress: func(done, total int) {
			if b.ProgressBar == nil {
				b = progress(total)
			}
			b.to(done)
		}})
		b.done()
		if err != nil {
			return err
		}
	}
	shown := web.NewReport(lang.Vi, report)
	if i.Report != "" {
		b, err := json.MarshalIndent(shown, "", " ")
		if err == nil {
			err = os.WriteFile(i.Report, append(b, '\n'), 0o600)
		}
		if err != nil {
			return fault.New(fault.Invalid, "file-not-written", "The file %s cannot be written.", i.Report).Because(err)
		}
	}
	if err := i.print(c, out, report, shown); err != nil {
		return err
	}
	if report.Faulty > 0 {
		return fault.New(fault.Invalid, "rows-faulty", "%d rows are faulty and were left out. Mend them in the ledger and import it again.", report.Faulty)
	}
	return nil
}

func (i importCmd) print(c *config, out output, r registry.Report, shown web.Report) error {
	if c.Format == "json" {
		return c.list(out, shown, nil, nil)
	}
	var rows [][]string
	for _, part := range []struct {
		kind   string
		fields []fault.Field
	}{{"fault", r.Faults}, {"warning", r.Warnings}} {
		for _, f := range part.fields {
			rows = append(rows, []string{part.kind, strconv.Itoa(f.Row), f.Column, f.Code, f.Value, lang.Vi.Text(f.Detail), lang.En.Text(f.Detail)})
		}
	}
	if c.Format == "csv" {
		return c.list(out, shown, []string{"", "row", "column", "code", "value", "vi", "en"}, rows)
	}
	for _, row := range rows { // two sentences side by side fit no terminal
		if _, err := fmt.Fprintf(out, "%s, row %s, %s: %s (%s)\n  %s\n  %s\n", row[0], row[1], row[2], row[4], row[3], row[5], row[6]); err != nil {
			return err
		}
	}
	format := "%s: %d stall rows: %d good (%d vacant, %d unchanged), %d faulty. "
	switch {
	case i.DryRun:
		format += "Nothing was stored: this was a dry run.\n"
	case r.Good == r.Unchanged:
		format += "Nothing changed: the record says all this already.\n"
	default:
		format += "The good rows are stored; their accounts wait for a second person.\n"
	}
	_, err := fmt.Fprintf(out, format, r.File, r.Rows, r.Good, r.Vacant, r.Unchanged, r.Faulty)
	return err
}
