package qrgen

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fold writes Vietnamese in plain ASCII, as payloads and banks want it: "Đặng Thị Đào" becomes "Dang Thi Dao". Composed
// and decomposed letters give the same. Signs of other scripts are left; Encode refuses them where they may not stand.
func Fold(s string) string {
	if printable(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range norm.NFKD.String(s) {
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		if plain, ok := lookAlike[r]; ok {
			r = plain
		}
		b.WriteRune(r)
	}
	return b.String()
}

// lookAlike are the letters that decomposition leaves whole, and the signs that word processors put for typed ones.
// Đ (U+0110) and Ð (U+00D0, of another language) look the same, and old converters mix them up.
var lookAlike = map[rune]rune{
	'đ': 'd', 'Đ': 'D', 'ð': 'd', 'Ð': 'D',
	'‘': '\'', '’': '\'', '“': '"', '”': '"', '‐': '-', '‑': '-', '–': '-', '—': '-',
}

// Search is the key under which a text is found: folded, in lower case, letters and digits in words of one blank between.
func Search(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	between := false
	for _, r := range Fold(s) {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			between = b.Len() > 0
			continue
		}
		if between {
			b.WriteByte(' ')
			between = false
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// Holder is a name as banks show it: "Lý Minh Tâm" becomes "LY MINH TAM".
func Holder(name string) string {
	return strings.ToUpper(strings.Join(strings.Fields(Fold(name)), " "))
}

// Label is a text as a name, a city or a transfer's content may stand in a payload: folded to A-Z a-z 0-9 . - _ and single
// blanks, since paying apps stumble over the rest, and cut to at most most characters at the end of a word. A first word that
// is longer is cut. Never for account numbers: a shorter one is another account.
func Label(text string, most int) string {
	words := strings.Fields(strings.Map(func(r rune) rune {
		if r <= 'z' && (alphanumeric(string(r)) || strings.ContainsRune(".-_", r)) {
			return r
		}
		return ' '
	}, Fold(text)))
	var b strings.Builder
	for _, word := range words {
		switch {
		case b.Len() == 0:
			b.WriteString(word[:min(len(word), max(most, 0))])
		case b.Len()+1+len(word) > most:
			return b.String()
		default:
			b.WriteString(" " + word)
		}
	}
	return b.String()
}
