package qrgen_test

import (
	"strings"
	"testing"
	"unicode"

	"cho40/qrgen"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

const alphabet = "aàảãáạăằẳẵắặâầẩẫấậbcdđeèẻẽéẹêềểễếệghiìỉĩíịklmnoòỏõóọôồổỗốộơờởỡớợpqrstuùủũúụưừửữứựvxyỳỷỹýỵ"

// asciiTable is the printable characters of a payload.
var asciiTable = &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x20, Hi: 0x7E, Stride: 1}}}

func TestFold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{"the whole alphabet", alphabet, "aaaaaaaaaaaaaaaaaabcddeeeeeeeeeeeeghiiiiiiklmnoooooooooooooooooopqrstuuuuuuuuuuuuvxyyyyyy"},
		{"the other letter that looks like Đ", "Ðặng ðào", "Dang dao"},
		{"signs of word processors", "Chợ “Lớn” – K’Brơi", `Cho "Lon" - K'Broi`},
		{"no-break blank", "Chợ\u00a0Lớn", "Cho Lon"},
		{"another script is left", "ផ្សារ A", "ផសារ A"},
		{"nothing", "", ""},
	} {
		if got := qrgen.Fold(tt.in); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestSearchAndHolder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, search, holder string }{
		{"Lý Minh Tâm", "ly minh tam", "LY MINH TAM"},
		{"  Đặng   Thị\tĐào ", "dang thi dao", "DANG THI DAO"},
		{"A-12 (Rau củ)", "a 12 rau cu", "A-12 (RAU CU)"},
		{"H'Hen Niê", "h hen nie", "H'HEN NIE"},
		{"viettel_money", "viettel money", "VIETTEL_MONEY"},
		{"...", "", "..."},
		{"", "", ""},
	} {
		if got := qrgen.Search(tt.in); got != tt.search {
			t.Errorf("Search(%q) = %q, want %q", tt.in, got, tt.search)
		}
		if got := qrgen.Holder(tt.in); got != tt.holder {
			t.Errorf("Holder(%q) = %q, want %q", tt.in, got, tt.holder)
		}
	}
}

// Vietnamese in either form becomes ASCII, letter for letter; what is ASCII stays; folding twice changes nothing.
func TestFoldProperties(t *testing.T) {
	t.Parallel()
	letters := []rune(alphabet + strings.ToUpper(alphabet) + " 0123456789.-")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom(letters)).Draw(t, "text")
		folded := qrgen.Fold(text)
		if len(folded) != len([]rune(text)) {
			t.Fatalf("%q became %q", text, folded)
		}
		if other := qrgen.Fold(norm.NFD.String(text)); other != folded {
			t.Fatalf("decomposed %q, composed %q", other, folded)
		}
		for _, r := range folded {
			if r > 0x7E {
				t.Fatalf("%q holds %q", folded, r)
			}
		}
		if qrgen.Fold(folded) != folded || qrgen.Search(folded) != qrgen.Search(text) || qrgen.Search(qrgen.Search(text)) != qrgen.Search(text) {
			t.Fatalf("%q folds in two steps", text)
		}
	})
}
