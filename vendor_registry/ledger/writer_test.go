package ledger

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"
)

func TestHarmlessCells(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, cell, want string
	}{
		{"nothing", "", ""}, {"a name", "Lý Tâm", "Lý Tâm"}, {"a sign inside", "a=b", "a=b"}, {"a number", "0712345678", "0712345678"}, {"blanks", "  ", "  "},
		{"equals", "=1", "'=1"}, {"plus", "+84", "'+84"}, {"minus", "-1", "'-1"}, {"at", "@SUM", "'@SUM"}, {"bar", "|cmd", "'|cmd"}, {"per cent", "%1", "'%1"},
		{"full width", "＝1", "'＝1"}, {"small", "﹦1", "'﹦1"}, {"after blanks", "  =1", "'  =1"}, {"after a wide blank", "\u3000=1", "'\u3000=1"},
		{"after a fixed blank", "\u00a0@", "'\u00a0@"}, {"after what cannot be seen", "\u200b=1", "'\u200b=1"}, {"a tab", "\t1", "'\t1"}, {"a tab after a blank", " \t1", "' \t1"},
		{"a line", "\n1", "'\n1"}, {"a return", "\r1", "'\r1"}, {"an apostrophe", "'Ba", "''Ba"}, {"an apostrophe before a sign", "'=1", "''=1"}, {"a sign alone", "-", "'-"},
	} {
		got := Harmless(tt.cell)
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if back := unharmed(got); back != tt.cell {
			t.Errorf("%s: %q came back as %q", tt.name, tt.cell, back)
		}
	}
	for _, typed := range []string{"'Ba", "Ba", "'", "=1"} { // by a person, in an exported file: only what Harmless wrote is undone
		if got := unharmed(typed); typed != "'" && got != typed {
			t.Errorf("%q became %q", typed, got)
		}
	}
}

// TestWritersWriteWhatTheyAreGiven: both kinds of file say every text again, whoever reads them.
func TestWritersWriteWhatTheyAreGiven(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.OneOf(rapid.SampledFrom([]string{"_x0041_", "_x0041_x0042_", "__x005F_", "a\"b", "<&>", " a ", "=1", "'", "Ựng"}), rapid.StringMatching(`[ -~ạựĐ_x0-9]{0,12}`))
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, 3, 3), 1, 5).Draw(t, "rows")
		var out bytes.Buffer
		w, err := NewXLSX(&out, rapid.SampledFrom([]string{"Danh sách quầy", "", "a/b:c", strings.Repeat("ạ", 40), "'x'"}).Draw(t, "sheet"))
		must(err)
		for _, r := range rows {
			must(w.Row(r))
		}
		must(w.Close())
		book, err := excelize.OpenReader(bytes.NewReader(out.Bytes()))
		must(err)
		defer book.Close()
		for i, r := range rows {
			for k, want := range r {
				if got, err := book.GetCellValue(book.GetSheetName(0), letters(k)+itoa(i+1)); err != nil || got != want {
					t.Fatalf("%q came back as %q, %v", want, got, err)
				}
			}
		}
	})
}

// full takes no more than so many bytes.
type full int

func (f *full) Write(p []byte) (int, error) {
	if *f -= full(len(p)); *f < 0 {
		return 0, errors.New("the disk is full")
	}
	return len(p), nil
}

// TestWritersTellOfAFullDisk, at the latest when they end.
func TestWritersTellOfAFullDisk(t *testing.T) {
	t.Parallel()
	write := func(room full, begin func(*full) (Writer, error)) error {
		w, err := begin(&room)
		for i := 0; err == nil && i < 5000; i++ {
			err = w.Row([]string{"A-12", "Rau củ", itoa(i * 7919)})
		}
		if err == nil {
			err = w.Close()
		}
		return err
	}
	for name, begin := range map[string]func(*full) (Writer, error){
		"csv":  func(f *full) (Writer, error) { return NewCSV(f) },
		"xlsx": func(f *full) (Writer, error) { return NewXLSX(f, "Quầy") },
	} {
		if err := write(1<<30, begin); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, room := range []full{0, 2, 500, 2_000, 20_000} {
			if err := write(room, begin); err == nil {
				t.Errorf("%s into %d bytes is said to be whole", name, room)
			}
		}
	}
}
