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

func TestLabel(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		most     int
		want     string
	}{
		{"short", "Rau sạp 12", 25, "Rau sap 12"},
		{"decomposed", norm.NFD.String("Đặng Thị Đào"), 25, "Dang Thi Dao"},
		{"cut at a word", "Nguyễn Thị Phương Thảo Anh Đào", 25, "Nguyen Thi Phuong Thao"},
		{"to the letter", "Nguyen Thi Phuong Thao An", 25, "Nguyen Thi Phuong Thao An"},
		{"one word too long", "Supercalifragilistic", 10, "Supercalif"},
		{"signs become blanks", "H&M: “Cô Ba” (sạp #12)", 25, "H M Co Ba sap 12"},
		{"signs that may stay", "A-12_b v1.0", 25, "A-12_b v1.0"},
		{"another script", "ខ្មែរ rau 🥬", 25, "rau"},
		{"nothing left", "🥬🥬", 25, ""},
		{"no room", "Rau", 0, ""},
		{"control characters", "Rau\x00\u200bsap\n12", 25, "Rau sap 12"},
	} {
		if got := qrgen.Label(tt.in, tt.most); got != tt.want {
			t.Errorf("%s: Label(%q, %d) = %q, want %q", tt.name, tt.in, tt.most, got, tt.want)
		}
	}
}

// Whatever the text, the writer takes what Label makes of it as name, city and content.
func TestLabelIsWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		p := qrgen.Payment{Mode: "dynamic", Service: qrgen.ToAccount, BIN: "971005", Account: "0981234567", Amount: 1,
			MerchantName: qrgen.Label(text, 25), MerchantCity: qrgen.Label(text, 15)}
		p.Additional.Purpose = qrgen.Label(text, 25)
		code, err := qrgen.Encode(p)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		d, err := qrgen.Decode(code, qrgen.Strict)
		if err != nil || d.MerchantName != p.MerchantName || d.Additional.Purpose != p.Additional.Purpose {
			t.Fatalf("%q: %+v, %v", text, d, err)
		}
	})
}
