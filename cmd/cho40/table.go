package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"cho40/internal/fault"
	"cho40/vendor_registry/ledger"
)

// list prints rows as a table, CSV or JSON; v is what JSON shows.
func (c *config) list(out output, v any, head []string, rows [][]string) error {
	switch c.Format {
	case "xlsx":
		return fault.New(fault.Invalid, "choose-one", "Only cho40 export writes XLSX.")
	case "json":
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		return e.Encode(v)
	case "csv":
		w := csv.NewWriter(out)
		safe := make([]string, len(head))
		for _, row := range append([][]string{head}, rows...) {
			for i, cell := range row {
				safe[i] = ledger.Harmless(cell)
			}
			if err := w.Write(safe); err != nil {
				return err
			}
		}
		w.Flush()
		return w.Error()
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		if _, err := fmt.Fprintln(w, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}
