// Command cho40 is the service and everything that is done to it from a console.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"cho40/internal/fault"
	"cho40/web/lang"

	"github.com/alecthomas/kong"
)

// cli is every command; each answers --help.
type cli struct {
	config
	Serve       serveCmd       `cmd:"" help:"Run the service: pages, API, phones."`
	Migrate     migrateCmd     `cmd:"" help:"Bring the database's schema up to date."`
	Market      marketCmd      `cmd:"" help:"Add, list, change and move markets, and places that show codes and are none."`
	Area        areaCmd        `cmd:"" help:"The map: find units, bring in a new one."`
	Stall       stallCmd       `cmd:"" help:"Add, list and show stalls."`
	Import      importCmd      `cmd:"" help:"Bring in a market's stall ledger (XLSX, CSV, TSV)."`
	Export      exportCmd      `cmd:"" help:"Take a list out as CSV or XLSX."`
	Accounts    accountsCmd    `cmd:"" help:"Approve receiving accounts: the second person's look."`
	Placards    placardsCmd    `cmd:"" help:"Issue placards for what is approved and write the sheets."`
	Paper       paperCmd       `cmd:"" help:"A market's printers, sheets of stickers and designs."`
	Coverage    coverageCmd    `cmd:"" help:"Share of vendors who accept cashless payment."`
	Target      targetCmd      `cmd:"" help:"What shall be reached by when, and how far it is."`
	Figure      figureCmd      `cmd:"" help:"What others report, beside what is counted here."`
	Providers   providersCmd   `cmd:"" help:"Banks and wallets: list them, and bring the list up to date."`
	User        userCmd        `cmd:"" help:"People who sign in."`
	Key         keyCmd         `cmd:"" help:"API keys for programs."`
	QR          qrCmd          `cmd:"" name:"qr" help:"Write and read payment codes."`
	Webhook     webhookCmd     `cmd:"" help:"Addresses that are told of changes: list them, look at what was sent, switch one off."`
	Audit       auditCmd       `cmd:"" help:"Check the record of what happened."`
	Reconcile   reconcileCmd   `cmd:"" help:"Does every live placard pay the account that was approved? Suspends those that do not."`
	Backup      backupCmd      `cmd:"" help:"Take a whole, checked copy of everything, while the service runs."`
	Restore     restoreCmd     `cmd:"" help:"Bring a copy back into an empty database."`
	RestoreTest restoreTestCmd `cmd:"" help:"Try a copy: bring it back into a database of its own, look at it, throw it away."`
	Doctor      doctorCmd      `cmd:"" help:"What is installed, reachable, misconfigured, and how to mend it."`
	Retention   retentionCmd   `cmd:"" help:"Let go of what is older than it need be."`
	Erasure     erasureCmd     `cmd:"" help:"Who was erased from the record."`
	Inventory   inventoryCmd   `cmd:"" help:"What is kept of people, column by column: why, who sees it, how long."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

// version is set when a release is built.
var version = "dev"

type versionCmd struct{}

func (versionCmd) Run(out output) error {
	_, err := fmt.Fprintln(out, "cho40", version)
	return err
}

// output is standard output; commands write only there and return what is wrong.
type output struct{ io.Writer }

// Exit codes.
const (
	exitFault = 1 // the input or the state is at fault
	exitUsage = 2 // wrong usage
)

// collectAt lets the heap grow by so many hundredths of what is in use before it is collected, where GOGC says nothing: half as much as is usual. 10,000 placards then
// take 63 MB at the most instead of 81, for a tenth more processor time (docs/benchmarks.md).
const collectAt = 50

// A service collects a quarter as often: whoever asks meanwhile waits, and one figure of a market in a hundred takes half as long again at 50 as at 200
// (docs/benchmarks.md). From so much memory on it collects as often as it must.
const (
	serveCollectAt = 200
	serveHolds     = 160 << 20 // bytes
)

// collect sets when the heap is collected, unless the environment does.
func collect(percent int, holds int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(holds)
	}
}

func main() {
	collect(collectAt, math.MaxInt64)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	var c cli
	parser := kong.Must(&c,
		kong.Name("cho40"),
		kong.Description("Registers stalls of traditional markets, prints VietQR placards, measures cashless coverage."),
		kong.UsageOnError(),
		kong.Exit(func(code int) {
			if code == 80 { // kong's own number for wrong usage
				code = exitUsage
			}
			os.Exit(code)
		}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(output{os.Stdout}),
	)
	k, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	if err := k.Run(&c.config); err != nil {
		complain(os.Stderr, err)
		stop()
		if fault.CodeOf(err) == "choose-one" { // what the parser could not see in the flags alone
			os.Exit(exitUsage)
		}
		os.Exit(exitFault)
	}
}

// complain says what is wrong and what to do, in Vietnamese and in English.
func complain(w io.Writer, err error) {
	f, ok := fault.As(err)
	if !ok {
		_, _ = fmt.Fprintf(w, "cho40: %v\n", err)
		return
	}
	viText, enText := lang.Vi.Text(f.Detail), lang.En.Text(f.Detail)
	_, _ = fmt.Fprintln(w, "cho40:", viText)
	if enText != viText {
		_, _ = fmt.Fprintln(w, "      ", enText)
	}
	for _, field := range f.Fields {
		where := field.Pointer
		if field.Row > 0 {
			where = fmt.Sprintf("%d %s", field.Row, field.Column)
		}
		if field.Value != "" {
			where += fmt.Sprintf(" %q", field.Value)
		}
		_, _ = fmt.Fprintf(w, "  - %s: %s\n", where, lang.Vi.Text(field.Detail))
		if en := lang.En.Text(field.Detail); en != lang.Vi.Text(field.Detail) {
			_, _ = fmt.Fprintf(w, "    %s: %s\n", where, en)
		}
	}
}
