package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"cho40/internal/fault"
	"cho40/qrgen"
)

type qrCmd struct {
	Encode encodeCmd `cmd:"" help:"Write payment codes: one JSON object a line in, one a line out."`
	Decode decodeCmd `cmd:"" help:"Read payment codes: one text a line in, one JSON object a line out."`
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
	answer := func(text string) any {
		decoded, err := qrgen.Decode(text, mode)
		if err != nil {
			return map[string]any{"result": "reject", "error": codeOf(err)}
		}
		return map[string]any{"result": "accept", "warnings": append([]string{}, decoded.Warnings...), "decoded": decoded}
	}
	if d.Lines {
		return eachLine(out, func(line []byte) any { return answer(string(line)) })
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
	return c.list(out, answer(d.Text), []string{"field", "value"}, rows)
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
