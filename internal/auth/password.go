package auth

import (
	"context"
	_ "embed"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"cho40/internal/fault"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/unicode/norm"
)

// What a password is.
const (
	LeastPassword = 12  // characters
	MostPassword  = 200 // characters; many lines of a song, and no burden on the hash

	// leastPieces is how many pieces a password must have at least for somebody who tries words, rows of keys and repeats
	// first: "Matkhau@123456" has three, twelve random letters have about twelve.
	leastPieces = 6
	leastWord   = 3 // characters of a piece that is more than a character
)

// Password hashes: OWASP's second choice for Argon2id, 19 ms here. Each takes its 19 MiB while it runs.
const (
	mostHashes = 4               // at once
	hashWait   = 5 * time.Second // for a turn
)

var argon = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// nobodysHash takes the same work to compare with as somebody's, and no password is known for it.
var nobodysHash = "$argon2id$v=19$m=19456,t=2,p=1$" + strings.Repeat("A", 22) + "$" + strings.Repeat("A", 43)

// newHash is the hash of a new password. Faults: Invalid password-weak; Busy sign-in-busy.
func (s *Service) newHash(ctx context.Context, password, name string) (*string, error) {
	if err := fault.Check("password-weak", checkPassword(password, name)); err != nil {
		return nil, err
	}
	if err := s.takeTurn(ctx); err != nil {
		return nil, err
	}
	defer s.endTurn()
	hash, err := argon2id.CreateHash(norm.NFC.String(password), argon)
	return &hash, err
}

// matches reports whether a password is the one of the hash. One that can be nobody's takes the same time.
func (s *Service) matches(ctx context.Context, password, hash string) (bool, error) {
	possible := len(password) <= MostPassword*utf8.UTFMax*2 && utf8.ValidString(password)
	if !possible {
		password = ""
	}
	if err := s.takeTurn(ctx); err != nil {
		return false, err
	}
	defer s.endTurn()
	same, err := argon2id.ComparePasswordAndHash(norm.NFC.String(password), hash)
	return same && possible, err
}

func (s *Service) takeTurn(ctx context.Context) error {
	patience := time.NewTimer(hashWait)
	defer patience.Stop()
	select {
	case s.hashing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-patience.C:
		return fault.New(fault.Busy, "sign-in-busy", "Many people are signing in just now. Try again in a moment.").After(2 * time.Second)
	}
}

func (s *Service) endTurn() { <-s.hashing }

// checkPassword says what is wrong with a new password, at most one thing.
func checkPassword(password, name string) []fault.Field {
	at := func(code, format string, args ...any) []fault.Field {
		return []fault.Field{fault.At("password", code, format, args...)}
	}
	if len(password) > MostPassword*utf8.UTFMax*2 { // before anything walks over it
		return at("too-long", "At most %d characters fit.", MostPassword)
	}
	if !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl) {
		return at("bad-character", "It holds a character that cannot be typed.")
	}
	password = norm.NFC.String(password)
	switch n := utf8.RuneCountInString(password); {
	case n < LeastPassword:
		return at("too-short", "It has %d characters; at least %d are needed. Several words in a row will do.", n, LeastPassword)
	case n > MostPassword:
		return at("too-long", "At most %d characters fit.", MostPassword)
	}
	plain := letters(password)
	own := letters(name)
	if bare := noBlanks(own); len(bare) >= leastWord && strings.Contains(string(noBlanks(plain)), string(bare)) {
		return at("holds-name", "It holds your own name. Choose other words.")
	}
	if !slices.ContainsFunc(plain, func(r rune) bool { return !unicode.IsDigit(r) }) {
		return at("digits", "Digits alone are guessed: they are often a phone number or a date. Add words.")
	}
	if bare := noBlanks(plain); pieces(bare, strings.Fields(string(own))) < leastPieces || repeats(bare) {
		return at("common", "It is among the first to be guessed: a well-known word, a row of keys, a year or a repeat. Choose several words that do not belong together.")
	}
	return nil
}

// pieces counts what a guesser must put together to get a text: a known word, a name, a stretch of a row or a repeat of what
// came before is one piece, and so is any other character. It takes the longest piece at each place.
func pieces(plain []rune, names []string) int {
	swapped := make([]rune, len(plain))
	for i, r := range plain {
		swapped[i] = r
		if as, ok := lookalikes[r]; ok {
			swapped[i] = as
		}
	}
	n := 0
	for i := 0; i < len(plain); n++ {
		longest := 1
		for _, list := range [][]string{commonWords(), names} {
			for _, word := range list {
				if len(word) > longest && len(word) >= leastWord && (starts(plain[i:], word) || starts(swapped[i:], word)) {
					longest = len(word)
				}
			}
		}
		for _, row := range rows {
			for j := range row {
				longest = max(longest, atLeastWord(common(plain[i:], row[j:])))
			}
		}
		for j := range i { // what came before, which may run on into itself: 121212
			longest = max(longest, atLeastWord(common(plain[i:], plain[j:])))
		}
		i += longest
	}
	return n
}

// repeats reports whether a text is one stretch twice or more often, the stretch too short for a password of its own.
func repeats(text []rune) bool {
	for n := 1; n < LeastPassword && 2*n <= len(text); n++ {
		if common(text[n:], text) == len(text)-n {
			return true
		}
	}
	return false
}

// common is how many characters two texts share at their beginnings.
func common(a, b []rune) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func atLeastWord(n int) int {
	if n < leastWord {
		return 0
	}
	return n
}

// starts reports whether a text begins with a word of ASCII.
func starts(text []rune, word string) bool {
	if len(text) < len(word) {
		return false
	}
	for i := range len(word) {
		if text[i] != rune(word[i]) {
			return false
		}
	}
	return true
}

// letters is a text as a guesser sees it: small letters without accents, one for each character.
func letters(text string) []rune {
	var out []rune
	for _, r := range norm.NFD.String(strings.ToLower(text)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r == 'đ':
			out = append(out, 'd')
		default:
			out = append(out, r)
		}
	}
	return out
}

func noBlanks(text []rune) []rune {
	return slices.DeleteFunc(slices.Clone(text), unicode.IsSpace)
}

// lookalikes are written for letters by those who think that it helps.
var lookalikes = map[rune]rune{'0': 'o', '1': 'i', '3': 'e', '4': 'a', '5': 's', '7': 't', '@': 'a', '$': 's', '!': 'i'}

// rows are what fingers run along, both ways.
var rows = func() (both [][]rune) {
	for _, row := range []string{
		"abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./", "azertyuiop", "!@#$%^&*()",
		"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "qazwsxedcrfvtgbyhnujmikolp", "147258369", "159357",
	} {
		back := []rune(row)
		slices.Reverse(back)
		both = append(both, []rune(row), back)
	}
	return both
}()

//go:embed common.txt
var commonText string

// commonWords are the words of common.txt, small letters without accents.
var commonWords = sync.OnceValue(func() []string {
	var words []string
	for line := range strings.Lines(commonText) {
		if !strings.HasPrefix(line, "#") {
			words = append(words, strings.Fields(line)...)
		}
	}
	for year := 1940; year <= 2039; year++ {
		words = append(words, string([]byte{byte('0' + year/1000), byte('0' + year/100%10), byte('0' + year/10%10), byte('0' + year%10)}))
	}
	return words
})
