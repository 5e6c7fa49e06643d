package registry

import (
	"regexp"
	"slices"
	"strings"

	"cho40/internal/fault"
	"cho40/qrgen"
)

// What nobody may write into a note: an identity card's number (nine digits in the older form, twelve in the newer), and PINs, OTPs
// and passwords beside their digits. The note is folded before it is looked at, so separators are single blanks.
var (
	figures = regexp.MustCompile(`\b\d+( \d+)*\b( [a-z]+\b)?`) // with the word behind them
	secret  = regexp.MustCompile(`\b(pin|otp|mat khau|password|passcode|mpin|ma xac thuc|ma xac nhan)\b( [a-z]+){0,3} (\d{3,8}|\d( \d){3,7})\b`)
	papers  = regexp.MustCompile(`\b(cccd|cmnd|cmtnd|can cuoc|chung minh|ho chieu|passport)\b( [a-z]+){0,4} [a-z]?\d{6,12}\b`)
)

// money are the words behind an amount.
var money = []string{"dong", "d", "vnd", "trieu", "tr", "ty", "nghin", "ngan", "k"}

// Harmless refuses in a note what is never collected. Faults in bad.
func Harmless(bad *[]fault.Field, pointer, note string) {
	folded := qrgen.Search(note)
	switch {
	case secret.MatchString(folded):
		*bad = append(*bad, fault.At(pointer, "secret", "This looks like a PIN, an OTP or a password. Take it out: nobody from the team ever writes one down."))
	case papers.MatchString(folded) || slices.ContainsFunc(figures.FindAllString(folded, -1), idNumber):
		*bad = append(*bad, fault.At(pointer, "identity-card", "This looks like the number of an identity card. Take it out: it is never collected."))
	}
}

// idNumber reports whether groups of digits, perhaps with the word behind them, hold nine or twelve digits in a row or by threes. An
// amount has its unit behind it, or ends in whole thousands.
func idNumber(run string) bool {
	groups := strings.Fields(run)
	if last := groups[len(groups)-1]; last[0] > '9' {
		if slices.Contains(money, last) {
			return false
		}
		groups = groups[:len(groups)-1]
	}
	threes := 0
	for i, g := range groups {
		if threes++; len(g) != 3 {
			threes = 0
		}
		ends := i+1 == len(groups) || len(groups[i+1]) != 3
		if len(g) == 9 || len(g) == 12 || threes >= 3 && ends && g != "000" {
			return true
		}
	}
	return false
}
