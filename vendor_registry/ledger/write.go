package ledger

import "io"

// WriteWorkbook writes rows as a workbook (.xlsx) in which every cell is text: no number loses its zeros, and nothing runs.
func WriteWorkbook(w io.Writer, rows [][]string) error {
	out, err := NewXLSX(w, "Sổ")
	return writeAll(out, err, rows)
}

// WriteText writes rows as CSV for a spreadsheet: UTF-8 with its mark, and no cell that a spreadsheet would run.
func WriteText(w io.Writer, rows [][]string) error {
	out, err := NewCSV(w)
	return writeAll(out, err, rows)
}

func writeAll(out Writer, err error, rows [][]string) error {
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := out.Row(row); err != nil {
			return err
		}
	}
	return out.Close()
}
