package ledger

import (
	"strings"
	"unicode"
)

// Before Unicode, Vietnamese was written in fonts that draw accents in the places of other letters. Such text looks
// right only in its font; to everybody else "Hä vµ tªn" is all there is. It is recognised and explained, not converted:
// two fonts cannot be told apart in short names, and a wrong name on a placard is worse than a question.
const (
	tcvn3 = "TCVN3 (.VnTime)"
	vni   = "VNI (VNI-Times)"
)

// tcvn3Letters are the letters that stand for each Vietnamese vowel and đ in TCVN3, accents left out.
var tcvn3Letters = foldings(map[string]string{
	"a": "¸µ¶·¹¨¾»¼½Æ©ÊÇÈÉË", "e": "ÐÌÎÏÑªÕÒÓÔÖ", "i": "Ý×ØÜÞ", "o": "ãßáâä«èåæçé¬íêëìî",
	"u": "óïñòô\u00adøõö÷ù", "y": "ýúûüþ", "d": "®", "A": "¡¢", "E": "£", "O": "¤¥", "U": "¦", "D": "§",
})

// vniLetters are VNI's letters that are no accent of the vowel before them.
var vniLetters = foldings(map[string]string{"o": "ôÔ", "u": "öÖ", "d": "ñÑ", "i": "íìæóòÍÌÆÓÒ", "y": "îÎ"})

// vniAccents follow their vowel in VNI.
const vniAccents = "ùøûõïêéèúüëâáàåãäÙØÛÕÏÊÉÈÚÜËÂÁÀÅÃÄ"

func foldings(m map[string]string) map[rune]rune {
	out := map[rune]rune{}
	for base, letters := range m {
		for _, r := range letters {
			out[r] = rune(base[0])
		}
	}
	return out
}

// unTCVN3 and unVNI read a text as if it were in the font, accents left out.
func unTCVN3(s string) string {
	return strings.Map(func(r rune) rune {
		if base, ok := tcvn3Letters[r]; ok {
			return base
		}
		return r
	}, s)
}

func unVNI(s string) string {
	var b strings.Builder
	vowel := false
	for _, r := range s {
		if vowel && strings.ContainsRune(vniAccents, r) {
			vowel = false
			continue
		}
		if base, ok := vniLetters[r]; ok {
			r = base
		}
		vowel = strings.ContainsRune("aeouyAEOUY", r)
		b.WriteRune(r)
	}
	return b.String()
}

// oldFont names the old font that a text seems to be in, or nothing. Real Vietnamese never has a sign such as µ or §
// inside a word, nor a plain a or e before an accented vowel; a single ë or ï (Raphaël) proves nothing.
func oldFont(s string) string {
	signs, pairs := 0, 0
	var before rune
	for _, r := range s + " " {
		switch {
		case sign(r) && letter(before), sign(before) && letter(r):
			signs++
		case strings.ContainsRune("aeAE", before) && strings.ContainsRune("ùøûõéèúüêâáàåãäÙØÛÕÉÈÚÜÊÂÁÀÅÃÄ", r):
			pairs += 2
		case strings.ContainsRune("oOuUyYôÔöÖ", before) && strings.ContainsRune("ùøûïëåäüÙØÛÏËÅÄÜ", r), r == 'ñ', r == 'ö':
			pairs++
		}
		before = r
	}
	switch {
	case signs > 0:
		return tcvn3
	case pairs > 1:
		return vni
	}
	return ""
}

func letter(r rune) bool { return unicode.IsLetter(r) && r != 'ª' && r != 'µ' }

func sign(r rune) bool {
	return strings.ContainsRune("¡¢£¤¥¦§¨©ª«¬®µ¶·¸¹»¼½¾×÷Þþß", r)
}
