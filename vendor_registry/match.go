package registry

import (
	"bytes"
	"math/bits"
	"slices"
	"strings"
	"unicode"

	"cho40/internal/fault"
	"cho40/qrgen"

	"golang.org/x/text/unicode/norm"
)

// sought is a search as somebody typed it, made ready to be compared with names, stall codes and phones.
type sought struct {
	words   []string // folded, without those that are part of a code
	tones   []string // of each word its toneKey; nil for a search without accents
	joined  string   // the words without blanks between
	typed   int      // words of the whole search
	letters uint64   // of the words, as lettersOf has them

	code  []string // spellings of the whole search as a stall's code
	codes []string // LIKE patterns, when some words are a name and others a stall's code
	tail  string   // digits: the end of a phone number
	alone bool     // the digits are the whole search
}

// The most of a search that is looked at; a name has fewer words.
const (
	mostWords = 10
	mostAsked = 200 // characters
)

func newSought(q string) (s sought) {
	q = fault.Clip(q, mostAsked)
	s.words, s.tones = keysOf(q)
	if len(s.words) > mostWords {
		s.words, s.tones = s.words[:mostWords], s.tones[:min(mostWords, len(s.tones))]
	}
	s.typed = len(s.words)
	s.joined = strings.Join(s.words, "")
	if len(s.joined) <= maxCode {
		s.code = codeSpellings(s.joined)
	}
	defer func() { s.letters = lettersOf(s.joined) }()
	if number := strings.Map(digit, q); len(number) >= minTail && strings.Trim(q, "+0123456789 .-()") == "" {
		s.tail, s.alone = number, true
		if whole, err := qrgen.Mobile(q); err == nil {
			s.tail = whole
		}
		return s
	}
	s.setApart()
	return s
}

// lettersOf are the letters and digits of a folded text, a bit each; those of other scripts share some.
func lettersOf(fold string) (set uint64) {
	for i := range len(fold) {
		set |= letterBits[fold[i]]
	}
	return set
}

// letterBits are the bits of lettersOf, by byte; a blank has none.
var letterBits = func() (of [256]uint64) {
	for b := range of {
		switch {
		case b >= 'a':
			of[b] = 1 << (b & 31)
		case b != ' ':
			of[b] = 1 << (32 | b&15)
		}
	}
	return of
}()

// minTail is how many digits of a phone's end make a search: fewer would find everybody.
const minTail = 3

// setApart takes the words out that are no part of a name: in "lan a 12" and "lan a-12" a12 is a stall, in "lan 678" the digits
// may be a stall or the end of a phone.
func (s *sought) setApart() {
	var words, tones []string
	for i, w := range s.words {
		if !strings.ContainsFunc(w, unicode.IsDigit) {
			words = append(words, w)
			if s.tones != nil {
				tones = append(tones, s.tones[i])
			}
			continue
		}
		// Of three digits and more it is the end of a phone rather, behind somebody called Ý.
		if n := len(words) - 1; n > 0 && len(words[n]) == 1 && len(w) < minTail && digit(rune(w[0])) > 0 {
			w, words, tones = words[n]+w, words[:n], tones[:min(n, len(tones))]
		}
		if strings.Map(digit, w) == w {
			s.codes = append(s.codes, "%"+w)
			if len(w) >= minTail {
				s.tail = w
			}
			continue
		}
		for _, spelling := range codeSpellings(w) {
			s.codes = append(s.codes, like.Replace(spelling)+"%")
		}
	}
	if len(words) == 0 || len(s.codes) == 0 { // all of it is a code, or nothing
		s.codes, s.tail = nil, ""
		return
	}
	s.words, s.tones, s.joined = words, tones, strings.Join(words, "")
}

// like escapes what LIKE would take for a wildcard.
var like = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func digit(r rune) rune {
	if r >= '0' && r <= '9' {
		return r
	}
	return -1
}

// codeSpellings are a code and the same with more or fewer zeros before its last number: a12, a012, a0012.
func codeSpellings(code string) []string {
	head := strings.TrimRight(code, "0123456789")
	number := strings.TrimLeft(code[len(head):], "0")
	if code == "" || number == "" {
		return []string{code}
	}
	return []string{head + number, head + "0" + number, head + "00" + number}
}

// keysOf are a text's words folded and, when it has accents, the toneKey of each.
func keysOf(s string) (words, tones []string) {
	words = strings.Fields(qrgen.Search(s))
	typed := typedWords(s)
	if len(typed) != len(words) { // signs that fold to several words
		return words, nil
	}
	accents := false
	for i, w := range typed {
		typed[i] = toneKey(w)
		accents = accents || typed[i] != words[i]
	}
	if !accents {
		return words, nil
	}
	return words, typed
}

func typedWords(s string) []string {
	return strings.FieldsFunc(norm.NFC.String(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r)
	})
}

// toneKey is a word in lower case with its tone mark at the end, so that Hoà, Hòa and the decomposed form are one, and Hoa,
// Hoá and Lan beside Lân are others.
func toneKey(word string) string {
	var letters []rune
	var tone rune
	for _, r := range norm.NFD.String(strings.ToLower(word)) {
		switch r {
		case 0x300, 0x301, 0x303, 0x309, 0x323: // huyền, sắc, ngã, hỏi, nặng
			tone = r
		case 'ð':
			letters = append(letters, 'đ')
		default:
			letters = append(letters, r)
		}
	}
	if tone != 0 {
		letters = append(letters, tone)
	}
	return norm.NFC.String(string(letters))
}

// toneSpellings are the words that have a toneKey: its tone mark on any vowel.
func toneSpellings(key string) []string {
	letters := []rune(norm.NFD.String(key))
	tone := letters[len(letters)-1]
	if !unicode.Is(unicode.Mn, tone) || isVowelMark(tone) {
		return []string{norm.NFC.String(key)}
	}
	letters = letters[:len(letters)-1]
	var out []string
	for i, r := range letters {
		if !strings.ContainsRune("aeiouy", r) {
			continue
		}
		for i++; i < len(letters) && isVowelMark(letters[i]); i++ { // â is one letter
		}
		out = append(out, norm.NFC.String(string(letters[:i])+string(tone)+string(letters[i:])))
	}
	if out == nil {
		return []string{norm.NFC.String(key)}
	}
	return out
}

// isVowelMark reports the marks that make another letter: of â, ă, ơ and ư.
func isVowelMark(r rune) bool { return r == 0x302 || r == 0x306 || r == 0x31b }

// Matched says by what a search found something.
type Matched string

// The ways to be found.
const (
	ByCode     Matched = "code"
	ByName     Matched = "name"
	ByPhone    Matched = "phone"
	ByInitials Matched = "initials"
	BySimilar  Matched = "similar" // a name with a letter wrong, missing, too many, or two swapped
)

// rank orders what was found: the least comes first. By what it was found, mistakes, words whose accents differ, how well the words
// fit, words of the name that were not asked for.
type rank [5]int

func ranked(by Matched) rank {
	switch by {
	case ByCode:
		return rank{0}
	case ByName, ByPhone:
		return rank{1}
	case ByInitials:
		return rank{2}
	}
	return rank{3}
}

func (r rank) compare(o rank) int { return slices.Compare(r[:], o[:]) }

// How a word of a search fits a word of a name.
const (
	fitsWhole = iota
	fitsStart
	fitsInside // three letters and more: fewer are inside of most names
	fitsNearly
	fitsNot
)

func fit(asked, word string, nearly bool) int {
	switch {
	case asked == word:
		return fitsWhole
	case strings.HasPrefix(word, asked):
		return fitsStart
	case len(asked) >= 3 && strings.Contains(word, asked):
		return fitsInside
	case nearly && near(asked, word):
		return fitsNearly
	}
	return fitsNot
}

// names compares the search with names, one after the other.
type names struct {
	sought
	words []string
	whole []byte
	used  uint64
}

// match reports whether a vendor is meant; name may be empty unless the search has accents. With nearly, one letter in a word may be
// wrong, in one word of two and in two of more.
func (n *names) match(fold, name, phone string, nearly bool) (by Matched, r rank, ok bool) {
	if n.alone && phone != "" && strings.HasSuffix(phone, n.tail) {
		r = ranked(ByPhone)
		return ByPhone, r, true
	}
	// Each mistake brings at most one letter that the name does not have: most names are out before they are cut into words.
	if len(n.sought.words) == 0 || bits.OnesCount64(n.letters&^lettersOf(fold)) > n.allowed(nearly) {
		return "", r, false
	}
	n.words = n.words[:0]
	rest := fold
	for at := strings.IndexByte(rest, ' '); at >= 0; at = strings.IndexByte(rest, ' ') {
		n.words, rest = append(n.words, rest[:at]), rest[at+1:]
	}
	n.words = append(n.words, rest)
	if len(n.words) > 64 {
		n.words = n.words[:64] // of used's bits; the longest name that is stored has fewer
	}
	quality, mistakes, fits := n.assign(0, n.allowed(nearly))
	if !fits || mistakes > 0 {
		if n.typed == len(n.joined) || len(n.sought.words) == 1 { // n t l, or ntl
			if len(n.joined) > 1 && len(n.joined) == len(n.words) && n.initials() {
				return ByInitials, ranked(ByInitials), true
			}
		}
	}
	if fits {
		by = ByName
		if mistakes > 0 {
			by = BySimilar
		}
		r = ranked(by)
		r[1], r[2], r[3], r[4] = mistakes, n.otherAccents(name), quality, 2*(len(n.words)-len(n.sought.words))
		if last := n.words[len(n.words)-1]; fit(n.sought.words[len(n.sought.words)-1], last, false) != fitsWhole {
			r[4]++ // people are called by the last word
		}
		return by, r, true
	}
	if !nearly || len(n.joined) < 4 {
		return "", r, false
	}
	// A blank is a letter too: nguyenthi lan, nguye nthi lan.
	n.whole = n.whole[:0]
	for _, w := range n.words {
		n.whole = append(n.whole, w...)
	}
	if d := len(n.whole) - len(n.joined); d < -1 {
		return "", r, false
	} else if bytes.Contains(n.whole, []byte(n.joined)) || d < 2 && len(n.joined) > 4 && near([]byte(n.joined), n.whole) {
		r = ranked(BySimilar)
		r[1] = 1
		return BySimilar, r, true
	}
	return "", r, false
}

// allowed is how many words may have a mistake.
func (n *names) allowed(nearly bool) int {
	switch {
	case !nearly:
		return 0
	case len(n.sought.words) > 2:
		return 2
	}
	return 1
}

// assign gives each word of the search from the i-th on a word of the name of its own, as well as they fit.
func (n *names) assign(i, mistakes int) (quality, made int, ok bool) {
	if i == len(n.sought.words) {
		return 0, 0, true
	}
	asked := n.sought.words[i]
	best := -1
	for at, w := range n.words {
		if n.used&(1<<at) != 0 {
			continue
		}
		f := fit(asked, w, mistakes > 0 && (len(n.sought.words) > 1 || len(asked) > 2))
		if f == fitsNot {
			continue
		}
		wrong := 0
		if f == fitsNearly {
			wrong = 1
		}
		n.used |= 1 << at
		q, m, found := n.assign(i+1, mistakes-wrong)
		n.used &^= 1 << at
		if q, m = q+f, m+wrong; found && (best < 0 || m < made || m == made && q < quality) {
			best, quality, made = at, q, m
		}
		if best >= 0 && quality == 0 {
			break // it cannot fit better
		}
	}
	return quality, made, best >= 0
}

// otherAccents counts the words of a search with accents that do not stand so in the name.
func (n *names) otherAccents(name string) int {
	if n.tones == nil {
		return 0
	}
	in := typedWords(name)
	for i, w := range in {
		in[i] = toneKey(w)
	}
	differ := 0
	for _, tone := range n.tones {
		if !slices.Contains(in, tone) {
			differ++
		}
	}
	return differ
}

func (n *names) initials() bool {
	for i, w := range n.words {
		if w[0] != n.joined[i] {
			return false
		}
	}
	return true
}

// near reports whether two different words differ by one letter: wrong, missing, too many, or two neighbours swapped.
func near[T string | []byte](a, b T) bool {
	if d := len(a) - len(b); d > 1 || d < -1 {
		return false
	}
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}
