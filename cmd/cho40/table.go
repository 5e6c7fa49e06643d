package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
)

// list prints rows as a table, CSV or JSON; v is what JSON shows.
func (c *config) list(out output, v any, head []string, rows [][]string) error {
	switch c.Format {
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
				safe[i] = harmless(cell)
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

// harmless keeps a spreadsheet from running a cell.
func harmless(cell string) string {
	if trimmed := strings.TrimLeft(cell, " \u00a0"); trimmed != "" && strings.ContainsAny(trimmed[:1], "=+-@|%\t\r\n") {
		return "'" + cell
	}
	for _, wide := range []string{"＝", "＋", "－", "＠", "｜", "％"} {
		if strings.HasPrefix(strings.TrimSpace(cell), wide) {
			return "'" + cell
		}
	}
	return cell
}
