package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/ledger"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

// field is a column of a list that leaves: its heading, and what it says of a row.
type field[T any] struct {
	heading string
	cell    func(T) string
}

// mostAccounts is how many accounts a row of stalls has room for: with more columns a ledger could not be brought in again. The list of
// accounts has all of them.
const mostAccounts = 13

// stallFields are the columns of the lists that are ledgers too.
func stallFields(l lang.Lang, list string, most int) []field[registry.ExportedStall] {
	type row = registry.ExportedStall
	code := field[row]{l.T("Stall code"), func(r row) string { return r.Code }}
	section := field[row]{l.T("Section"), func(r row) string { return r.Section }}
	goods := field[row]{l.T("Goods"), func(r row) string { return r.Goods }}
	vendor := field[row]{l.T("Vendor"), func(r row) string { return value(r.Vendor) }}
	phone := field[row]{l.T("Phone"), func(r row) string { return value(r.Phone) }}
	stage := field[row]{l.T("Stage"), func(r row) string {
		_, words, late := chip(r.Stage, r.Suspended, r.Overdue, true)
		if words = l.T(words); late {
			words += ", " + l.T("check overdue")
		}
		return words
	}}
	ids := []field[row]{
		{l.T("cho40 id of the stall"), func(r row) string { return r.StallID.String() }},
		{l.T("cho40 id of the vendor"), func(r row) string {
			if r.VendorID == nil {
				return ""
			}
			return r.VendorID.String()
		}},
	}
	switch list {
	case registry.ListVendors:
		return append([]field[row]{code, section, vendor, phone, {l.T("Since"), func(r row) string {
			if r.Since == nil {
				return ""
			}
			return r.Since.String()
		}}, {l.T("Consent"), func(r row) string { return consentWords(l, r.Consents) }}, stage}, ids...)
	case registry.ListWithoutAccount: // two empty columns to write what is found at the stall; the file can then be brought in
		none := func(row) string { return "" }
		return append([]field[row]{code, section, goods, vendor, phone, {l.T("Wallet or bank"), none}, {l.T("Account number"), none},
			{l.T("Why there is none yet"), func(r row) string { return whyNone(l, r) }}}, ids...)
	}
	fields := []field[row]{code, section, goods, vendor, phone, {l.T("Account holder"), row.Holder}}
	for i := range min(max(most, 1), mostAccounts) {
		of := func(say func(registry.Account) string) func(row) string {
			return func(r row) string {
				if i >= len(r.Accounts) {
					return ""
				}
				return say(r.Accounts[i])
			}
		}
		fields = append(fields,
			field[row]{l.T("Wallet or bank %d", i+1), of(func(a registry.Account) string { return a.ProviderName })},
			field[row]{l.T("Account number %d", i+1), of(func(a registry.Account) string { return a.Number })},
			field[row]{l.T("State %d", i+1), of(func(a registry.Account) string { return l.T(accountWords[a.State]) })})
	}
	return append(append(fields, stage), ids...)
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// consentWords says whose yes there is.
func consentWords(l lang.Lang, kinds []string) string {
	switch {
	case slices.Contains(kinds, "vendor"):
		return l.T("the vendor's own")
	case slices.Contains(kinds, "attested_by_board"):
		return l.T("the board's word, with the ledger")
	}
	return ""
}

// whyNone says what became of the last account that was brought in.
func whyNone(l lang.Lang, r registry.ExportedStall) string {
	if r.LastOutcome == "" {
		return ""
	}
	said := l.T(accountWords[r.LastOutcome])
	if r.LastReason != "" {
		said += ": " + why(l, r.LastReason)
	}
	return said
}

func accountFields(l lang.Lang) []field[registry.ExportedAccount] {
	type row = registry.ExportedAccount
	return []field[row]{
		{l.T("Stall code"), func(r row) string { return strings.Join(r.Stalls, "; ") }},
		{l.T("Vendor"), func(r row) string { return r.Vendor }},
		{l.T("Wallet or bank"), func(r row) string { return r.ProviderName }},
		{l.T("Account number"), func(r row) string { return r.Number }},
		{l.T("Account holder"), func(r row) string { return r.Holder }},
		{l.T("Name heard"), func(r row) string { return yesNo(l, r.HolderGiven) }},
		{l.T("State"), func(r row) string { return l.T(accountWords[r.State]) }},
		{l.T("Printed first"), func(r row) string { return yesNo(l, r.Default && r.State == registry.StateApproved) }},
		{l.T("Brought in"), func(r row) string { return l.T(sourceWords[r.Source]) }},
		{l.T("Brought in at"), func(r row) string { return sortable(&r.ProposedAt) }},
		{l.T("cho40 code of the provider"), func(r row) string { return r.Provider }},
		{l.T("cho40 id of the account"), func(r row) string { return r.ID.String() }},
		{l.T("cho40 id of the vendor"), func(r row) string { return r.VendorID.String() }},
	}
}

func placardFields(l lang.Lang) []field[registry.ExportedPlacard] {
	type row = registry.ExportedPlacard
	return []field[row]{
		{l.T("cho40 placard number"), func(r row) string { return r.Serial.String() }},
		{l.T("Stall code"), func(r row) string { return r.Stall }},
		{l.T("Vendor"), func(r row) string { return r.Vendor }},
		{l.T("Wallet or bank"), func(r row) string { return r.ProviderName }},
		{l.T("Account number"), func(r row) string { return r.AccountNumber }},
		{l.T("Account holder"), func(r row) string { return r.Holder }},
		{l.T("State"), func(r row) string { return l.T(placardWords[r.State]) }},
		{l.T("Made as"), func(r row) string {
			switch {
			case r.Kind == "provider":
				return l.T("the wallet's or bank's own")
			case r.Mark != "":
				return l.T(markWords[r.Mark])
			}
			return ""
		}},
		{l.T("Issued"), func(r row) string { return sortable(&r.IssuedAt) }},
		{l.T("Hung"), func(r row) string { return sortable(r.InstalledAt) }},
		{l.T("Last check"), func(r row) string { return sortable(r.CheckedAt) }},
		{l.T("Result of the check"), func(r row) string { return checked(l, r.CheckResult) }},
		{l.T("cho40 id of the stall"), func(r row) string { return r.StallID.String() }},
		{l.T("cho40 id of the vendor"), func(r row) string { return r.VendorID.String() }},
	}
}

func customerFields(l lang.Lang) []field[registry.Customer] {
	type row = registry.Customer
	return []field[row]{
		{l.T("Market code"), func(r row) string { return r.Market.Code }},
		{l.T("Market"), func(r row) string { return r.Market.Name }},
		{l.T("Stall code"), func(r row) string { return r.Stall }},
		{l.T("Vendor"), func(r row) string { return r.Vendor }},
		{l.T("Account number"), func(r row) string { return r.Number }},
		{l.T("Approved at"), func(r row) string { return sortable(&r.ApprovedAt) }},
		{l.T("Stage"), func(r row) string { return l.T(stageWords[r.Stage]) }},
		{l.T("Placard"), func(r row) string {
			if r.Placard == nil {
				return ""
			}
			return l.T(placardWords[*r.Placard])
		}},
		{l.T("Last check"), func(r row) string { return sortable(r.CheckedAt) }},
		{l.T("Result of the check"), func(r row) string { return checked(l, r.Result) }},
		{l.T("cho40 id of the account"), func(r row) string { return registry.AccountRef{Market: r.Market.Code, ID: r.AccountID}.String() }},
	}
}

func yesNo(l lang.Lang, yes bool) string {
	if yes {
		return l.T("yes")
	}
	return l.T("no")
}

func checked(l lang.Lang, result *string) string {
	if result == nil {
		return ""
	}
	return l.T(checkWords[*result])
}

// sortable is a moment on the market's clock as a spreadsheet sorts it.
func sortable(t *time.Time) string {
	if t == nil {
		return ""
	}
	return registry.Local(*t).Format("2006-01-02 15:04")
}

// Open takes a file that begins: its name, and its rows are about to be written to what it returns.
type Open func(name string) (io.Writer, error)

// WriteList takes a list out of the record in a language. The file is opened once its first rows are read, and whole when no error is
// returned. Faults: those of the registry's exports; NotFound for a list that is none.
func WriteList(ctx context.Context, reg *registry.Service, by registry.Actor, l lang.Lang, market, list string, in registry.Export, open Open) error {
	switch list {
	case registry.ListStalls, registry.ListVendors, registry.ListWithoutAccount:
		return reg.ExportStalls(ctx, by, market, list, in, func(r registry.Rows[registry.ExportedStall]) error {
			return writeRows(open, in.Format, nameOf(reg, r.Market.Code, list), listWords(l, list), stallFields(l, list, r.Most), r.Each)
		})
	case registry.ListAccounts:
		return reg.ExportAccounts(ctx, by, market, in, func(r registry.Rows[registry.ExportedAccount]) error {
			return writeRows(open, in.Format, nameOf(reg, r.Market.Code, list), listWords(l, list), accountFields(l), r.Each)
		})
	case registry.ListPlacards:
		return reg.ExportPlacards(ctx, by, market, in, func(r registry.Rows[registry.ExportedPlacard]) error {
			return writeRows(open, in.Format, nameOf(reg, r.Market.Code, list), listWords(l, list), placardFields(l), r.Each)
		})
	}
	return noList()
}

// WriteCustomers takes a provider's own customers out of the record. Faults: as WriteList.
func WriteCustomers(ctx context.Context, reg *registry.Service, by registry.Actor, l lang.Lang, provider string, in registry.Export, open Open) error {
	return reg.ExportCustomers(ctx, by, provider, in, func(provider string, each func(func(registry.Customer) error) error) error {
		return writeRows(open, in.Format, nameOf(reg, provider, registry.ListCustomers), listWords(l, registry.ListCustomers), customerFields(l), each)
	})
}

func noList() error {
	return fault.New(fault.NotFound, "list-not-found", "There is no such list. Lists: %s.", strings.Join(registry.Lists, ", "))
}

// listWords is what a list is called.
func listWords(l lang.Lang, list string) string {
	switch list {
	case registry.ListVendors:
		return l.T("Vendors")
	case registry.ListAccounts:
		return l.T("Accounts")
	case registry.ListPlacards:
		return l.T("Placards")
	case registry.ListWithoutAccount:
		return l.T("Vendors without an account")
	case registry.ListCustomers:
		return l.T("Customers")
	}
	return l.T("Stalls")
}

func nameOf(reg *registry.Service, whose, list string) string {
	return "cho40-" + whose + "-" + list + "-" + registry.Local(reg.Now()).Format("20060102-1504")
}

// writeRows writes a list, one row after the other.
func writeRows[T any](open Open, format, name, title string, fields []field[T], each func(func(T) error) error) error {
	cells := make([]string, len(fields))
	var w ledger.Writer
	begin := func() error {
		out, err := open(name + "." + format)
		if err != nil {
			return err
		}
		if format == "xlsx" {
			w, err = ledger.NewXLSX(out, title)
		} else {
			w, err = ledger.NewCSV(out)
		}
		if err != nil {
			return err
		}
		for i, f := range fields {
			cells[i] = f.heading
		}
		return w.Row(cells)
	}
	err := each(func(row T) error {
		if w == nil {
			if err := begin(); err != nil {
				return err
			}
		}
		for i, f := range fields {
			cells[i] = f.cell(row)
		}
		return w.Row(cells)
	})
	if err == nil && w == nil {
		err = begin()
	}
	if err != nil {
		return err
	}
	return w.Close()
}

// exportsAtOnce is how many files leave at the same time: each holds a connection of the pool for as long as its reader takes.
const exportsAtOnce = 2

// slowestReader is how long a reader may take for one piece of a file, 32 KiB of it. The whole may take as long as it takes.
const slowestReader = 30 * time.Second

// send answers with a file that is written while it is read from the record. What goes wrong before its first byte is an answer like any
// other. After that the connection is broken off, so that nobody takes the part that came for the whole.
func (s *Server) send(c echo.Context, write func(open Open) error) error {
	select {
	case s.exports <- struct{}{}:
		defer func() { <-s.exports }()
	case <-time.After(retryBusy):
		return fault.New(fault.Busy, "exports-busy", "Other files are being taken out just now. Try again in a moment.").After(retryBusy)
	case <-c.Request().Context().Done():
		return c.Request().Context().Err()
	}
	err := write(func(name string) (io.Writer, error) {
		h := c.Response().Header()
		h.Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
		h.Set(echo.HeaderContentType, exportTypes[name[strings.LastIndexByte(name, '.')+1:]])
		c.Response().WriteHeader(http.StatusOK)
		return patient{c.Response(), http.NewResponseController(c.Response())}, nil
	})
	if err != nil && c.Response().Committed {
		s.log.LogAttrs(c.Request().Context(), slog.LevelError, "export broken off", slog.String("request", requestID(c)),
			slog.String("route", c.Path()), slog.String("actor", actor(c).ID), slog.String("error", postgres.Loggable(err)))
		panic(http.ErrAbortHandler)
	}
	return err
}

var exportTypes = map[string]string{
	"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

// patient gives the reader of a long file time for each piece of it, instead of once for the whole.
type patient struct {
	io.Writer
	of *http.ResponseController
}

func (p patient) Write(b []byte) (int, error) {
	if err := p.of.SetWriteDeadline(time.Now().Add(slowestReader)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := p.Writer.Write(b)
	if err != nil {
		err = fmt.Errorf("send: %w", err)
	}
	return n, err
}

// wanted is the list and the format that a file's name asks for. Faults: NotFound.
func wanted(file string, lists ...string) (list, format string, err error) {
	list, format, _ = strings.Cut(file, ".")
	if exportTypes[format] == "" || !slices.Contains(lists, list) {
		return "", "", noList()
	}
	return list, format, nil
}

// getExport answers GET /api/v1/markets/{market}/exports/{file}. It changes nothing in the record but the note that the rows left.
func (s *Server) getExport(c echo.Context) error {
	var in registry.Export
	if err := bindQuery(c, &in); err != nil {
		return err
	}
	return s.sendList(c, in)
}

// sendList sends the list of a market that the address names.
func (s *Server) sendList(c echo.Context, in registry.Export) error {
	list, format, err := wanted(c.Param("file"), registry.Lists...)
	if err != nil {
		return err
	}
	in.Format = format
	return s.send(c, func(open Open) error {
		return WriteList(c.Request().Context(), s.reg(c), actor(c), language(c), c.Param("market"), list, in, open)
	})
}

// getCustomers answers GET /api/v1/exports/{file}: a provider's own customers.
func (s *Server) getCustomers(c echo.Context) error {
	var q struct {
		registry.Export
		Provider string `query:"provider"`
	}
	if err := bindQuery(c, &q); err != nil {
		return err
	}
	_, format, err := wanted(c.Param("file"), registry.ListCustomers)
	if err != nil {
		return err
	}
	q.Format = format
	return s.send(c, func(open Open) error {
		return WriteCustomers(c.Request().Context(), s.reg(c), actor(c), language(c), q.Provider, q.Export, open)
	})
}
