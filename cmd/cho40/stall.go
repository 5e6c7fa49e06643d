package main

import (
	"context"
	"fmt"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/web/lang"
)

type stallCmd struct {
	Add  stallAddCmd  `cmd:"" help:"Add a stall, with who trades there and where the money goes."`
	List stallListCmd `cmd:"" help:"List a market's stalls in walking order, or find some."`
	Show stallShowCmd `cmd:"" help:"Show one stall: vendor, accounts, placards, and what is missing for a placard."`
}

type stallAddCmd struct {
	Market     string   `required:"" help:"Code of the market."`
	Code       string   `required:"" help:"The code as it is painted on the stall, such as A-12."`
	Section    string   `help:"Its section, row or block, as the board writes it."`
	Goods      string   `help:"What is sold there, as the board writes it."`
	Category   string   `help:"Line of goods, by its code; told from the goods where it is not given."`
	Vendor     string   `help:"Name of who trades there. Without one the stall is vacant."`
	Phone      string   `help:"The vendor's phone."`
	VendorKind string   `help:"household grower other; household where it is not given."`
	SIM        string   `name:"sim" help:"Is the SIM registered to the vendor? unknown yes no."`
	Account    []string `sep:"none" placeholder:"PROVIDER:NUMBER[:HOLDER]" help:"A receiving account, as a proposal; the first is printed. May stand several times."`
	Payload    []string `sep:"none" placeholder:"TEXT" help:"The whole text of a code from the vendor's own app, instead of --account."`
	Reason     string   `help:"Why, where an account wants one: another vendor has it too."`
	Consent    string   `help:"Which wording the vendor agreed to, such as vi-1. No account is kept without it."`
	Given      string   `help:"How the vendor agreed: face_to_face signed_form phone_call."`
	DryRun     bool     `help:"Check it, say what may be in the record already, and store nothing."`
}

// stall is what the flags say.
func (a stallAddCmd) stall() (registry.NewStall, error) {
	in := registry.NewStall{Code: a.Code, Section: a.Section, Goods: a.Goods, Category: a.Category}
	if a.Vendor != "" || a.Phone != "" || a.VendorKind != "" || a.SIM != "" {
		in.Vendor = &registry.NewVendor{Name: a.Vendor, Phone: a.Phone, Kind: a.VendorKind, SIM: a.SIM}
	}
	if a.Consent != "" || a.Given != "" {
		in.Consent = &registry.NewConsent{Version: a.Consent, Given: a.Given}
	}
	for _, said := range a.Account {
		parts := strings.SplitN(said, ":", 3)
		if len(parts) < 2 {
			return in, fault.New(fault.Invalid, "account-form", "Write the account as PROVIDER:NUMBER or PROVIDER:NUMBER:HOLDER, such as viettel_money:0912345678.")
		}
		n := registry.NewAccount{Provider: parts[0], Number: parts[1], Reason: a.Reason}
		if len(parts) == 3 {
			n.Holder = parts[2]
		}
		in.Accounts = append(in.Accounts, n)
	}
	for _, payload := range a.Payload {
		in.Accounts = append(in.Accounts, registry.NewAccount{Payload: payload, Reason: a.Reason})
	}
	return in, nil
}

// Run answers `cho40 stall add`.
func (a stallAddCmd) Run(ctx context.Context, c *config, out output) error {
	in, err := a.stall()
	if err != nil {
		return err
	}
	p, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	if a.DryRun {
		f, err := p.registry.CheckStall(ctx, registry.Console(), a.Market, in)
		if err != nil {
			return err
		}
		inWords(f.Warnings)
		if c.Format != "table" {
			return c.list(out, f, warningsHead, warningRows(f.Warnings))
		}
		if _, err := fmt.Fprintf(out, "stall %s would be added\n", a.Code); err != nil {
			return err
		}
		return warn(out, f.Warnings)
	}
	st, err := p.registry.Register(ctx, registry.Console(), a.Market, in)
	if err != nil {
		return err
	}
	inWords(st.Warnings)
	if c.Format != "table" {
		return c.list(out, st, stallHead, stallRows(st))
	}
	if _, err := fmt.Fprintf(out, "stall %s added to market %s\n", st.Code, st.Market); err != nil {
		return err
	}
	if len(st.Missing) > 0 {
		if _, err := fmt.Fprintf(out, "missing for a placard: %s\n", strings.Join(st.Missing, ", ")); err != nil {
			return err
		}
	}
	return warn(out, st.Warnings)
}

var warningsHead = []string{"code", "stall", "vi", "en"}

func warningRows(ws []registry.Duplicate) [][]string {
	rows := make([][]string, len(ws))
	for i, w := range ws {
		rows[i] = []string{w.Code, w.Stall, w.Detail, lang.En.Text(w.Text)}
	}
	return rows
}

// inWords writes what may be in the record already in the first language of whoever sits at the console.
func inWords(ws []registry.Duplicate) {
	for i := range ws {
		ws[i].Detail = lang.Vi.Text(ws[i].Text)
	}
}

func warn(out output, ws []registry.Duplicate) error {
	for _, w := range ws {
		if _, err := fmt.Fprintf(out, "  - %s\n    %s\n", w.Detail, lang.En.Text(w.Text)); err != nil {
			return err
		}
	}
	return nil
}

type stallListCmd struct {
	Market  string `required:"" help:"Code of the market."`
	Q       string `help:"Words of the vendor's name, with accents or without, a stall's code, or the end of a phone number."`
	Section string `help:"Only this section, as the board writes it."`
	Stage   string `help:"Only vendors who came just so far: registered account approved printed installed checked."`
	Status  string `help:"Only these: trading seasonal closed vacant."`
}

// Run answers `cho40 stall list`.
func (l stallListCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	lines := []registry.StallLine{}
	for cursor := ""; ; {
		p, err := a.registry.Stalls(ctx, registry.Console(), l.Market, registry.StallFilter{Q: l.Q, Section: l.Section, Stage: l.Stage, Status: l.Status},
			registry.List{Limit: 200, Cursor: cursor})
		if err != nil {
			return err
		}
		if lines = append(lines, p.Items...); p.Next == nil {
			break
		}
		cursor = *p.Next
	}
	rows := make([][]string, len(lines))
	for i, s := range lines {
		stage := ""
		if s.Stage != nil {
			stage = s.Stage.String()
		}
		rows[i] = []string{s.Code, s.Section, s.Goods, s.Status, stage, word(s.Vendor), word(s.Phone), word(s.Provider)}
	}
	return c.list(out, lines, []string{"code", "section", "goods", "status", "stage", "vendor", "phone", "provider"}, rows)
}

// word writes a text that may be missing.
func word(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

type stallShowCmd struct {
	Code   string `arg:"" help:"The code as it is painted on the stall."`
	Market string `required:"" help:"Code of the market."`
}

// Run answers `cho40 stall show`.
func (s stallShowCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	st, err := a.registry.Stall(ctx, registry.Console(), s.Market, s.Code)
	if err != nil {
		return err
	}
	return c.list(out, st, stallHead, stallRows(st))
}

var stallHead = []string{"what", "value", "more"}

// stallRows are what is known of a stall, one thing a row; an account and a placard have one each.
func stallRows(st registry.Stall) [][]string {
	rows := [][]string{{"market", st.Market, ""}, {"stall", st.Code, ""}, {"section", st.Section, ""}, {"goods", st.Goods, ""}, {"status", st.Status, st.Why}}
	if st.Stage != nil {
		rows = append(rows, []string{"stage", st.Stage.String(), ""})
	}
	if v := st.Vendor; v != nil {
		consent := "consent: own"
		if !v.OwnConsent {
			consent = "consent: to be asked for at the stall"
		}
		rows = append(rows, []string{"vendor", v.Name, consent})
		if v.Phone != "" {
			rows = append(rows, []string{"phone", v.Phone, ""})
		}
	}
	for _, a := range st.Accounts {
		more := []string{string(a.State), a.Provider, a.Number}
		if a.Default {
			more = append(more, "default")
		}
		if a.Verification != nil {
			more = append(more, string(a.Verification.Rung))
		}
		if a.ClosedSince != nil {
			more = append(more, "closed at the provider since "+registry.DayOf(*a.ClosedSince).String())
		}
		rows = append(rows, []string{"account", a.Holder, strings.Join(more, ", ")})
	}
	for _, p := range st.Placards {
		rows = append(rows, []string{"placard", p.Serial.String(), p.State + ", " + p.Provider})
	}
	if len(st.Missing) > 0 {
		rows = append(rows, []string{"missing", strings.Join(st.Missing, ", "), ""})
	}
	return rows
}
