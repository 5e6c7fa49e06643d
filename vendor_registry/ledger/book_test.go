package ledger

import (
	"bytes"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// Numbers are numbers, shares are shown as such, and words are text whatever they look like.
func TestBook(t *testing.T) {
	t.Parallel()
	pages := []Page{
		{Name: "Số liệu", Widths: []float64{30, 12.5}, Bold: []int{0}, Rows: [][]any{{"Chợ", "Số"}, {"=1+1", 480}, {-9.0497, Part(0.55)}, {}, {"_x0041_", -3}, {nil, 7}}},
		{Name: strings.Repeat("ạ", 40), Rows: [][]any{{"Ghi chú"}}},
	}
	var out, again bytes.Buffer
	must(WriteBook(&out, pages))
	must(WriteBook(&again, pages))
	if !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Error("the same pages gave other bytes")
	}
	book, err := excelize.OpenReader(bytes.NewReader(out.Bytes()))
	must(err)
	defer book.Close()
	for _, tt := range []struct {
		sheet, cell, shown, raw string
		kind                    excelize.CellType
	}{
		{"Số liệu", "A1", "Chợ", "Chợ", excelize.CellTypeInlineString}, {"Số liệu", "A2", "=1+1", "=1+1", excelize.CellTypeInlineString},
		{"Số liệu", "B2", "480", "480", excelize.CellTypeUnset}, {"Số liệu", "B3", "55.0%", "0.55", excelize.CellTypeUnset},
		{"Số liệu", "A3", "-9.0", "-9.0497", excelize.CellTypeUnset}, {"Số liệu", "A5", "_x0041_", "_x0041_", excelize.CellTypeInlineString}, {"Số liệu", "B5", "-3", "-3", excelize.CellTypeUnset}, {"Số liệu", "A6", "", "", excelize.CellTypeUnset}, {"Số liệu", "B6", "7", "7", excelize.CellTypeUnset},
		{strings.Repeat("ạ", 31), "A1", "Ghi chú", "Ghi chú", excelize.CellTypeInlineString},
	} {
		shown, err := book.GetCellValue(tt.sheet, tt.cell)
		must(err)
		raw, err := book.GetCellValue(tt.sheet, tt.cell, excelize.Options{RawCellValue: true})
		must(err)
		kind, err := book.GetCellType(tt.sheet, tt.cell)
		must(err)
		if shown != tt.shown || raw != tt.raw || kind != tt.kind {
			t.Errorf("%s: %q, raw %q, of kind %d; want %q, %q, %d", tt.cell, shown, raw, kind, tt.shown, tt.raw, tt.kind)
		}
	}
	if err := WriteBook(&out, []Page{{Rows: [][]any{{true}}}}); err == nil {
		t.Error("a cell of no kind is written")
	}
	room := full(300)
	if err := WriteBook(&room, pages); err == nil {
		t.Error("nobody is told of a full disk")
	}
}
