package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cho40/internal/fault"
	"cho40/qrgen"
	"cho40/qrgen/photo"
	registry "cho40/vendor_registry"
	"cho40/web/lang"
)

type qrCmd struct {
	Encode encodeCmd `cmd:"" help:"Write payment codes: one JSON object a line in, one a line out."`
	Decode decodeCmd `cmd:"" help:"Read payment codes: one text a line in, one JSON object a line out."`
	Scan   scanCmd   `cmd:"" help:"Find the codes in pictures and read them."`
}

type encodeCmd struct {
	Lines   bool    `xor:"how" help:"Work line by line."`
	To      string  `xor:"how" help:"Wallet or bank: a code, a BIN, a name."`
	Number  string  `help:"The account's number."`
	Amount  int64   `help:"Dong, for one payment; without it the code is for many, and the payer writes the amount."`
	Content string  `help:"What the transfer says; written without accents, at most 25 characters."`
	Out     string  `short:"o" help:"Write the symbol to this file: .png or .svg."`
	Side    float64 `help:"How large it will be on paper, millimetres: refused when too small to scan."`
	Damage  float64 `help:"How much of its area dirt may cover, percent, at most 10."`
}

// Run answers `cho40 qr encode`.
func (e encodeCmd) Run(out output) error {
	if e.Lines == (e.To != "") {
		return fault.New(fault.Invalid, "choose-one", "Say --to and --number for one code, or --lines to read them from standard input.")
	}
	if e.Lines {
		return eachLine(out, func(line []byte) any {
			var p qrgen.Payment
			if err := json.Unmarshal(line, &p); err != nil {
				return map[string]string{"error": "bad_json"}
			}
			payload, err := qrgen.Encode(p)
			if err != nil {
				return map[string]string{"error": codeOf(err)}
			}
			return map[string]string{"payload": payload}
		})
	}
	payload, err := e.payload()
	if err != nil {
		return err
	}
	if e.Out != "" {
		if err := e.draw(payload); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(out, payload)
	return err
}

// payload is one code from words: a placard's without amount and content, else a request for one payment.
func (e encodeCmd) payload() (string, error) {
	provider, ok := qrgen.ProviderOf(e.To)
	if !ok {
		return "", fault.New(fault.Invalid, "unknown", "There is no wallet or bank %q in the list.", e.To)
	}
	number, err := provider.Number(e.Number)
	if err != nil {
		return "", brokenRule("number", err)
	}
	p := qrgen.Payment{Mode: "static", Service: qrgen.ToAccount, BIN: provider.BIN, Account: number, Amount: e.Amount}
	if p.Additional.Purpose = qrgen.Label(e.Content, 25); e.Amount != 0 || p.Additional.Purpose != "" {
		p.Mode = "dynamic"
	}
	payload, err := qrgen.Encode(p)
	if err != nil {
		return "", brokenRule("payload", err)
	}
	return payload, nil
}

// draw writes the symbol as the file's name says.
func (e encodeCmd) draw(payload string) error {
	symbol, _, err := qrgen.NewSymbolFor(payload, qrgen.Need{Side: e.Side, Damage: e.Damage / 100})
	if err != nil {
		return brokenRule("symbol", err)
	}
	data := symbol.SVG()
	switch filepath.Ext(e.Out) {
	case ".svg":
	case ".png":
		if data, err = symbol.PNG(8); err != nil {
			return err
		}
	default:
		return fault.New(fault.Invalid, "file-kind", "Name the file .png or .svg.")
	}
	return writeWhole(e.Out, data)
}

// brokenRule says which rule of the codec was broken, where, and in words.
func brokenRule(pointer string, err error) error {
	var f *qrgen.FieldError
	if !errors.As(err, &f) {
		return err
	}
	if f.Field != "" && f.Field != "number" {
		pointer += " " + f.Field
	}
	if f.Position > 0 {
		pointer += " @" + strconv.Itoa(f.Position)
	}
	return fault.New(fault.Invalid, "code-invalid", "This code cannot be made or read.").
		With(fault.Field{Pointer: pointer, Code: f.Code, Detail: fault.Text{Format: f.Message()}})
}

type decodeCmd struct {
	Lines  bool   `help:"Work line by line."`
	Strict bool   `help:"Refuse what a conforming code may not hold; else what a vendor already has is read with warnings."`
	Text   string `arg:"" optional:"" help:"One code, printed as a table of fields."`
}

// Run answers `cho40 qr decode`.
func (d decodeCmd) Run(c *config, out output) error {
	mode := qrgen.Lenient
	if d.Strict {
		mode = qrgen.Strict
	}
	if d.Lines == (d.Text != "") {
		return fault.New(fault.Invalid, "choose-one", "Give one code, or --lines to read them from standard input.")
	}
	if d.Lines {
		return eachLine(out, func(line []byte) any { return read(string(line), mode) })
	}
	decoded, err := qrgen.Decode(d.Text, mode)
	var bad *qrgen.FieldError
	if errors.As(err, &bad) {
		f := registry.NotPayee(qrgen.Describe(d.Text))
		pointer := strings.TrimSpace(bad.Field + " @" + strconv.Itoa(bad.Position))
		if bad.Position == 0 {
			pointer = bad.Field
		}
		return f.With(fault.Field{Pointer: pointer, Code: bad.Code, Detail: fault.Text{Format: bad.Message()}})
	}
	rows := fieldsOf(decoded)
	for _, w := range decoded.Warnings {
		text := fault.Text{Format: qrgen.Message(w)}
		rows = append(rows, []string{"!", w, lang.Vi.Text(text) + " / " + lang.En.Text(text)})
	}
	return c.list(out, read(d.Text, mode), []string{"tag", "field", "value"}, rows)
}

// fieldsOf are the fields of a code in the order of their tags, each with what it says.
func fieldsOf(d qrgen.Decoded) [][]string {
	var rows [][]string
	add := func(tag, name, value string) {
		if value != "" {
			rows = append(rows, []string{tag, name, value})
		}
	}
	named := func(bin string) string {
		if p, ok := qrgen.ProviderOf(bin); ok {
			return bin + " " + p.Name
		}
		return bin
	}
	add("00", "version", d.Version)
	add("01", "mode", strings.TrimSpace(d.POI+" "+d.Mode))
	for _, p := range d.Payees {
		if p.Scheme != qrgen.VietQR {
			add(p.Tag, "payee, "+p.Scheme.Name(), p.Value)
			continue
		}
		add(p.Tag+"-00", "scheme", p.GUID+" "+p.Scheme.Name())
		add(p.Tag+"-01-00", "bank or wallet", named(p.BIN))
		add(p.Tag+"-01-01", "account", p.Account)
		if p.Tag == d.MAITag {
			add(p.Tag+"-02", "service", cmp.Or(d.Service, d.ServiceImplied))
		}
	}
	add("52", "category", d.MCC)
	add("53", "currency", d.Currency)
	add("54", "amount", d.Amount)
	add("55", "tip", d.TipIndicator)
	add("56", "fee", d.FeeFixed)
	add("57", "fee, percent", d.FeePercent)
	add("58", "country", d.Country)
	add("59", "name", d.MerchantName)
	add("60", "city", d.MerchantCity)
	add("61", "postal code", d.PostalCode)
	for _, f := range []struct{ tag, name, value string }{
		{"01", "bill number", d.Additional.BillNumber}, {"02", "mobile number", d.Additional.MobileNumber},
		{"03", "store", d.Additional.StoreLabel}, {"04", "loyalty number", d.Additional.LoyaltyNumber},
		{"05", "reference", d.Additional.ReferenceLabel}, {"06", "customer", d.Additional.CustomerLabel},
		{"07", "terminal", d.Additional.TerminalLabel}, {"08", "content", d.Additional.Purpose},
		{"09", "asked of the payer", d.Additional.ConsumerDataRequest},
	} {
		add("62-"+f.tag, f.name, f.value)
	}
	kept := func(before string, values map[string]string) {
		for _, tag := range slices.Sorted(maps.Keys(values)) {
			add(before+tag, "kept as it is", values[tag])
		}
	}
	kept("62-", d.AdditionalOther)
	add("64-00", "language", d.Language.Preference)
	add("64-01", "name", d.Language.Name)
	add("64-02", "city", d.Language.City)
	kept("", d.Reserved)
	kept("", d.Unreserved)
	add("63", "checksum", d.CRC)
	return rows
}

// answer is what a code says, in the words of the test vectors.
type answer struct {
	Result   string         `json:"result"` // accept, reject
	Error    string         `json:"error,omitempty"`
	Warnings []string       `json:"warnings,omitzero"`
	Decoded  *qrgen.Decoded `json:"decoded,omitempty"`
}

func read(text string, mode qrgen.Mode) answer {
	d, err := qrgen.Decode(text, mode)
	if err != nil {
		return answer{Result: "reject", Error: codeOf(err)}
	}
	return answer{Result: "accept", Warnings: append([]string{}, d.Warnings...), Decoded: &d}
}

type scanCmd struct {
	Images []string `arg:"" name:"image" help:"Photos or page images: PNG, JPEG, WebP."`
}

// Run answers `cho40 qr scan`. Every code in every picture is reported; a picture in which none can be read is exit 1.
func (sc scanCmd) Run(ctx context.Context, c *config, out output) error {
	type code struct {
		File     string `json:"file"`
		Text     string `json:"text"`
		Content  string `json:"content"` // vietqr, or what it is instead
		Provider string `json:"provider,omitempty"`
		answer
	}
	codes := []code{}
	var rows [][]string
	unread := 0
	for _, name := range sc.Images {
		found, err := scan(ctx, name)
		if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, name)
			complain(os.Stderr, err)
			unread++
		}
		for _, f := range found {
			k := code{File: name, Text: f.Text, Content: string(qrgen.Describe(f.Text)), answer: read(f.Text, qrgen.Lenient)}
			account := ""
			if k.Decoded != nil {
				account = k.Decoded.Account
				if p, ok := qrgen.ProviderOf(k.Decoded.BIN); ok {
					k.Provider = p.Name
				}
			}
			codes = append(codes, k)
			rows = append(rows, []string{name, k.Content, k.Provider, account, k.Result, k.Error, strings.Join(k.Warnings, " ")})
		}
	}
	if len(codes) > 0 {
		if err := c.list(out, codes, []string{"file", "content", "provider", "account", "result", "error", "warnings"}, rows); err != nil {
			return err
		}
	}
	if unread > 0 {
		return fault.New(fault.Invalid, "pictures-unread", "%d of %d pictures could not be read.", unread, len(sc.Images))
	}
	return nil
}

// scan finds the codes of one picture file.
func scan(ctx context.Context, name string) ([]photo.Found, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fault.New(fault.NotFound, "file-not-found", "The file %s cannot be opened.", name).Because(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, photo.MaxBytes+1))
	if err != nil {
		return nil, err
	}
	return photo.Read(ctx, data)
}

// eachLine answers every line of standard input with one line, blank lines included, nothing trimmed.
func eachLine(out output, answer func(line []byte) any) error {
	in := bufio.NewReaderSize(os.Stdin, 64<<10)
	w := bufio.NewWriter(out)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for {
		line, err := in.ReadBytes('\n')
		if n := len(line); n > 0 {
			if line[n-1] == '\n' {
				line = line[:n-1]
			}
			if err := e.Encode(answer(line)); err != nil {
				return err
			}
			if in.Buffered() == 0 { // somebody may wait for this line before sending the next
				if err := w.Flush(); err != nil {
					return err
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return w.Flush()
		}
		if err != nil {
			return err
		}
	}
}

func codeOf(err error) string {
	var f *qrgen.FieldError
	if errors.As(err, &f) {
		return f.Code
	}
	return "internal"
}
