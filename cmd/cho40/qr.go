package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"cho40/internal/fault"
	"cho40/qrgen"
	"cho40/qrgen/photo"
)

type qrCmd struct {
	Encode encodeCmd `cmd:"" help:"Write payment codes: one JSON object a line in, one a line out."`
	Decode decodeCmd `cmd:"" help:"Read payment codes: one text a line in, one JSON object a line out."`
	Scan   scanCmd   `cmd:"" help:"Find the codes in pictures and read them."`
}

type encodeCmd struct {
	Lines bool `required:"" help:"Work line by line."`
}

// Run answers `cho40 qr encode --lines`.
func (encodeCmd) Run(out output) error {
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
	if err != nil {
		return fault.New(fault.Invalid, "not-a-payee-code", "This is not a code for receiving money. Open “Receive” in the app and scan again.").
			With(fault.At("payload", codeOf(err), "The code breaks a rule: %s.", codeOf(err)))
	}
	var fields map[string]any
	b, err := json.Marshal(decoded)
	if err == nil {
		err = json.Unmarshal(b, &fields)
	}
	if err != nil {
		return err
	}
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		rows = append(rows, []string{name, fmt.Sprint(fields[name])})
	}
	for _, w := range decoded.Warnings {
		rows = append(rows, []string{"warning", w})
	}
	return c.list(out, read(d.Text, mode), []string{"field", "value"}, rows)
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
