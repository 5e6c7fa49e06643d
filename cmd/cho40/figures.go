package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
	"cho40/web/lang"
)

// groundFlags is what a target or a figure is about.
type groundFlags struct {
	Market string `xor:"where" help:"Code of a market."`
	Area   string `xor:"where" help:"Official code of a commune or province, or of a unit that is no more. Neither: the country."`
}

type targetCmd struct {
	Add    targetAddCmd    `cmd:"" help:"Set a target."`
	List   targetListCmd   `cmd:"" help:"The targets of a place and how far they are: its own and those that it inherits."`
	End    targetEndCmd    `cmd:"" help:"Take a target out of force; it stays in the record."`
	Import targetImportCmd `cmd:"" help:"Set many from a CSV file, all or none."`
}

type targetAddCmd struct {
	groundFlags
	Indicator string `required:"" help:"What is counted: accepting, equipped, files_online …; cho40 figure indicators lists all."`
	Provider  string `help:"Wallet or bank, where the indicator names one."`
	Due       string `required:"" help:"The last day, 2026-12-31."`
	Share     string `xor:"value" help:"70% or 0.7."`
	Number    int64  `xor:"value" help:"Or so many."`
	Document  string `required:"" help:"Who decided it where."`
}

// Run answers `cho40 target add`.
func (t targetAddCmd) Run(ctx context.Context, c *config, out output) error {
	in := coverage.NewTarget{Indicator: t.Indicator, Market: t.Market, Area: t.Area, Provider: t.Provider, Document: t.Document}
	var err error
	if in.Due, err = registry.ParseDay(t.Due); err != nil {
		return err
	}
	if in.Share, err = shareOf(t.Share); err != nil {
		return err
	}
	if t.Number != 0 {
		in.Number = &t.Number
	}
	return c.figures(ctx, func(s *coverage.Service) error {
		set, err := s.SetTarget(ctx, registry.Console(), in)
		if err != nil {
			return err
		}
		return c.list(out, set, targetHead, [][]string{targetRow(set)})
	})
}

// figures runs do on the figures of the program's database.
func (c *config) figures(ctx context.Context, do func(*coverage.Service) error) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	return do(a.coverage)
}

func shareOf(text string) (*float64, error) {
	if text == "" {
		return nil, nil
	}
	v, ok := coverage.Percent(text)
	if !ok {
		return nil, fault.New(fault.Invalid, "share-invalid", "Write a share such as 0.7, or 70 with a percent sign.")
	}
	return &v, nil
}

var targetHead = []string{"id", "indicator", "provider", "place", "due", "target", "document"}

func targetRow(t coverage.Target) []string {
	return []string{t.ID.String(), t.Indicator, t.Provider, placeName(t.Market+t.Area, t.Place), t.Due.String(), amount(t.Number, t.Share), t.Document}
}

func placeName(code, name string) string {
	if code == "" {
		return "–"
	}
	return name + " (" + code + ")"
}

// amount is a number, else a share, else a dash.
func amount(n *int64, share *float64) string {
	switch {
	case n != nil:
		return strconv.FormatInt(*n, 10)
	case share != nil:
		return lang.En.Percent(*share)
	}
	return "–"
}

type targetListCmd struct {
	groundFlags
	Indicator string `help:"Of one indicator."`
	AsOf      string `help:"A past day, 2026-11-22; default: today."`
	Limit     int    `default:"200" help:"At most so many, up to 200."`
}

// Run answers `cho40 target list`.
func (t targetListCmd) Run(ctx context.Context, c *config, out output) error {
	q := coverage.TargetQuestion{Market: t.Market, Area: t.Area, Indicator: t.Indicator, List: registry.List{Limit: t.Limit}}
	if t.AsOf != "" {
		var err error
		if q.AsOf, err = registry.ParseDay(t.AsOf); err != nil {
			return err
		}
	}
	return c.figures(ctx, func(s *coverage.Service) error {
		page, err := s.Targets(ctx, registry.Console(), q)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, st := range page.Items {
			now, method := "–", "–"
			if f := st.Figure; f != nil {
				now, method = amount(f.Numerator, f.Share), f.Method
				if f.Denominator != nil {
					now += "/" + strconv.FormatInt(*f.Denominator, 10)
				}
			}
			pace := "–"
			if st.Pace != nil {
				pace = strconv.FormatFloat(*st.Pace, 'f', 1, 64)
			}
			rows = append(rows, append(targetRow(st.Target), now, method, amount(st.Missing, nil), amount(st.NeededPerWeek, nil), pace, st.State))
		}
		head := append(append([]string{}, targetHead...), "now", "method", "missing", "needed_a_week", "pace_a_week", "state")
		return c.list(out, page, head, rows)
	})
}

type targetEndCmd struct {
	ID string `arg:"" help:"As cho40 target list shows it."`
}

// Run answers `cho40 target end`.
func (t targetEndCmd) Run(ctx context.Context, c *config, out output) error {
	return c.figures(ctx, func(s *coverage.Service) error {
		if err := s.EndTarget(ctx, registry.Console(), t.ID); err != nil {
			return err
		}
		_, err := fmt.Fprintln(out, "target ended")
		return err
	})
}

type targetImportCmd struct {
	File   string `arg:"" help:"CSV: indicator,market,area,provider,due,share,number,document."`
	DryRun bool   `help:"Only look whether it could be stored."`
}

// Help is the long text of `cho40 target import --help`.
func (targetImportCmd) Help() string {
	return `One row a target; columns in any order, those that are not needed may be left out. market or area, neither: the country. due: the last day, 2026-12-31. share: 70% or 0.7; or number. What is in force already is left as it is; another value for the same day is a fault: end the old one first.`
}

// Run answers `cho40 target import`.
func (t targetImportCmd) Run(ctx context.Context, c *config, out output) error {
	return c.sheet(ctx, out, t.File, t.DryRun, func(s *coverage.Service, f io.Reader) (coverage.Imported, error) {
		return s.ImportTargets(ctx, registry.Console(), f, t.DryRun)
	})
}

// sheet brings in a file and says what became of its rows.
func (c *config) sheet(ctx context.Context, out output, path string, dry bool, take func(*coverage.Service, io.Reader) (coverage.Imported, error)) error {
	f, err := os.Open(path)
	if err != nil {
		return fault.New(fault.NotFound, "file-not-found", "The file %s cannot be opened.", path).Because(err)
	}
	defer func() { _ = f.Close() }()
	return c.figures(ctx, func(s *coverage.Service) error {
		done, err := take(s, f)
		if err != nil {
			return err
		}
		if c.Format != "table" {
			return c.list(out, done, []string{"rows", "new", "unchanged"}, [][]string{{strconv.Itoa(done.Rows), strconv.Itoa(done.New), strconv.Itoa(done.Unchanged)}})
		}
		did := "stored"
		if dry {
			did = "only looked at, nothing stored"
		}
		_, err = fmt.Fprintf(out, "%s: %d rows, %d new, %d as they were; %s\n", path, done.Rows, done.New, done.Unchanged, did)
		return err
	})
}

type figureCmd struct {
	Add        figureAddCmd       `cmd:"" help:"Keep what somebody else reports."`
	List       figureListCmd      `cmd:"" help:"What others report of a place."`
	Withdraw   figureWithdrawCmd  `cmd:"" help:"Take a figure back, with a reason."`
	Import     figureImportCmd    `cmd:"" help:"Bring in many from a CSV file, all or none."`
	Indicators figureIndicatorCmd `cmd:"" help:"What is counted, here or elsewhere."`
	Reconcile  figureReconcileCmd `cmd:"" help:"A provider's word on its QR points against the placards that hang, market by market."`
}

type figureAddCmd struct {
	groundFlags
	Indicator   string `required:"" help:"What is counted; cho40 figure indicators lists all."`
	Provider    string `help:"Wallet or bank, where the indicator names one."`
	From        string `help:"First day of the period; default: how it was on the last one."`
	Until       string `required:"" help:"Last day of the period, 2022-10-31."`
	Method      string `required:"" enum:"counted,sampled,estimated,claimed,partner_reported" help:"counted, sampled, estimated, claimed, partner_reported."`
	Numerator   int64  `default:"-1" help:"So many."`
	Denominator int64  `help:"Of so many."`
	Share       string `help:"Where only the share is known: 50%."`
	Source      string `required:"" help:"Who said it where."`
	Note        string `help:"Whatever else belongs to it."`
}

// Run answers `cho40 figure add`.
func (f figureAddCmd) Run(ctx context.Context, c *config, out output) error {
	in := coverage.NewFigure{Indicator: f.Indicator, Market: f.Market, Area: f.Area, Provider: f.Provider, Method: f.Method, Source: f.Source, Note: f.Note}
	var err error
	if in.Until, err = registry.ParseDay(f.Until); err != nil {
		return err
	}
	if f.From != "" {
		from, err := registry.ParseDay(f.From)
		if err != nil {
			return err
		}
		in.From = &from
	}
	if in.Share, err = shareOf(f.Share); err != nil {
		return err
	}
	if f.Numerator >= 0 {
		in.Numerator = &f.Numerator
	}
	if f.Denominator != 0 {
		in.Denominator = &f.Denominator
	}
	return c.figures(ctx, func(s *coverage.Service) error {
		kept, err := s.Report(ctx, registry.Console(), in)
		if err != nil {
			return err
		}
		return c.list(out, kept, figureHead, [][]string{figureRow(kept)})
	})
}

var figureHead = []string{"id", "indicator", "provider", "place", "from", "until", "method", "numerator", "denominator", "share", "source", "state"}

func figureRow(f coverage.Figure) []string {
	from := ""
	if f.From != nil {
		from = f.From.String()
	}
	return []string{f.ID.String(), f.Indicator, f.Provider, placeName(f.Market+f.Area, f.Place), from, f.Until.String(), f.Method, amount(f.Numerator, nil),
		amount(f.Denominator, nil), amount(nil, f.Share), f.Source, f.State}
}

type figureListCmd struct {
	groundFlags
	Indicator string `help:"Of one indicator."`
	Provider  string `help:"Of one wallet or bank."`
	Below     bool   `help:"Those of places inside too."`
	Every     bool   `help:"Corrected and withdrawn ones too."`
	Limit     int    `default:"200" help:"At most so many, up to 200."`
}

// Run answers `cho40 figure list`.
func (f figureListCmd) Run(ctx context.Context, c *config, out output) error {
	q := coverage.FigureQuestion{Market: f.Market, Area: f.Area, Indicator: f.Indicator, Provider: f.Provider, Below: f.Below, Every: f.Every, List: registry.List{Limit: f.Limit}}
	return c.figures(ctx, func(s *coverage.Service) error {
		page, err := s.Figures(ctx, registry.Console(), q)
		if err != nil {
			return err
		}
		rows := make([][]string, len(page.Items))
		for i, fig := range page.Items {
			rows[i] = figureRow(fig)
		}
		return c.list(out, page, figureHead, rows)
	})
}

type figureWithdrawCmd struct {
	ID     string `arg:"" help:"As cho40 figure list shows it."`
	Reason string `required:"" help:"Why."`
}

// Run answers `cho40 figure withdraw`.
func (f figureWithdrawCmd) Run(ctx context.Context, c *config, out output) error {
	return c.figures(ctx, func(s *coverage.Service) error {
		fig, err := s.Withdraw(ctx, registry.Console(), f.ID, f.Reason)
		if err != nil {
			return err
		}
		return c.list(out, fig, figureHead, [][]string{figureRow(fig)})
	})
}

type figureImportCmd struct {
	File   string `arg:"" help:"CSV: indicator,market,area,provider,from,until,method,numerator,denominator,share,source,note."`
	DryRun bool   `help:"Only look whether it could be stored."`
}

// Run answers `cho40 figure import`.
func (f figureImportCmd) Run(ctx context.Context, c *config, out output) error {
	return c.sheet(ctx, out, f.File, f.DryRun, func(s *coverage.Service, file io.Reader) (coverage.Imported, error) {
		return s.ImportFigures(ctx, registry.Console(), file, f.DryRun)
	})
}

type figureIndicatorCmd struct{}

// Run answers `cho40 figure indicators`.
func (figureIndicatorCmd) Run(c *config, out output) error {
	rows := make([][]string, len(coverage.Indicators))
	for i, in := range coverage.Indicators {
		rows[i] = []string{in.Code, strconv.FormatBool(in.Share), strconv.FormatBool(in.Ours), in.Provider}
	}
	return c.list(out, coverage.Indicators, []string{"indicator", "share", "counted_here", "provider"}, rows)
}

type figureReconcileCmd struct {
	groundFlags
	Provider string `required:"" help:"Wallet or bank: viettel_money."`
	AsOf     string `help:"A past day, 2026-11-22; default: now."`
}

// Run answers `cho40 figure reconcile`.
func (f figureReconcileCmd) Run(ctx context.Context, c *config, out output) error {
	var asOf registry.Day
	if f.AsOf != "" {
		var err error
		if asOf, err = registry.ParseDay(f.AsOf); err != nil {
			return err
		}
	}
	return c.figures(ctx, func(s *coverage.Service) error {
		r, err := s.Reconcile(ctx, registry.Console(), f.Provider, f.Market, f.Area, asOf)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, m := range r.Markets {
			counts := []string{}
			for _, n := range []int64{m.Counted, m.Suspended, m.NotHung, m.NoPlacard, m.Waiting} {
				counts = append(counts, strconv.FormatInt(n, 10))
			}
			rows = append(rows, append([]string{m.Market, amount(m.Reported, nil), counts[0], amount(m.Difference, nil)}, counts[1:]...))
		}
		total := strconv.FormatInt(r.Counted, 10)
		rows = append(rows, []string{"total", amount(r.Reported, nil), total, amount(r.Difference, nil), "", "", "", ""})
		return c.list(out, r, []string{"market", "reported", "counted", "difference", "suspended", "not_hung", "no_placard", "waiting"}, rows)
	})
}
