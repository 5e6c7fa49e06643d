package qrgen

import (
	"regexp"
	"strings"
	"unicode"
)

// spreadsheet are the forms of a number that has been through a number cell: an exponent, or decimals nobody typed.
var spreadsheet = regexp.MustCompile(`^[0-9]+[.,]?[0-9]*[eE]\+?[0-9]{1,2}$|^[0-9]+[.,]0{1,2}$`)

// Number is an account number as it must stand in the payload, from the way people write it: blanks and dots are
// dropped, nothing else is repaired. Where the rule is mobile it is a mobile number, see Mobile; elsewhere 1 to 19 letters
// and digits whose case is kept. Errors: *FieldError about "number": missing_account, account_too_long, bad_account,
// account_rounded, card_number, and those of Mobile.
func (p Provider) Number(text string) (string, error) {
	number := strings.Map(func(r rune) rune {
		if r == '.' || unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
	if number == "" {
		return "", &FieldError{Code: "missing_account", Field: "number"}
	}
	// 12E45 may be an account; 1.2E+45 and 12345.0 are numbers that a spreadsheet has rounded or decorated.
	if text := strings.TrimSpace(text); spreadsheet.MatchString(text) && !alphanumeric(text) {
		return "", &FieldError{Code: "account_rounded", Field: "number"}
	}
	if p.NumberRule == "mobile" {
		return Mobile(text)
	}
	if code := accountFault(number); code != "" {
		return "", &FieldError{Code: code, Field: "number"}
	}
	if cardNumber(number) {
		return "", &FieldError{Code: "card_number", Field: "number"}
	}
	return number, nil
}

// cardNumber is the number on a domestic card: 9704, 16 or 19 digits, the last one a Luhn check digit. People read it
// to whoever asks for their account; a transfer to it as an account fails, and it belongs on no placard.
func cardNumber(number string) bool {
	if !strings.HasPrefix(number, "9704") || !digits(number) || len(number) != 16 && len(number) != 19 {
		return false
	}
	sum := 0
	for i := range len(number) {
		n := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// Mobile is a Vietnamese mobile number in ten digits from 0, out of the ways people write it: "+84 912 345 678",
// "0912.345.678", "84912345678". Only the shape is checked (03 05 07 08 09), not the operator, since ranges are added
// and numbers move. Errors: *FieldError about "number": mobile_letters, mobile_length, mobile_prefix, and
// mobile_lost_zero for the nine digits that a spreadsheet leaves.
func Mobile(text string) (string, error) {
	fail := func(code string) (string, error) { return "", &FieldError{Code: code, Field: "number"} }
	text = strings.TrimSpace(text)
	text, plus := strings.CutPrefix(text, "+")
	number := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune(".-()", r) {
			return -1
		}
		return r
	}, text)
	switch {
	case !digits(number):
		return fail("mobile_letters")
	case plus && !strings.HasPrefix(number, "84"):
		return fail("mobile_prefix")
	case plus, len(number) >= 11 && strings.HasPrefix(number, "84"):
		number = "0" + strings.TrimPrefix(number[2:], "0")
	case strings.HasPrefix(number, "0084"):
		number = "0" + strings.TrimPrefix(number[4:], "0")
	}
	switch {
	case len(number) == 9 && strings.ContainsRune("35789", rune(number[0])):
		return fail("mobile_lost_zero")
	case len(number) != 10:
		return fail("mobile_length")
	case number[0] != '0' || !strings.ContainsRune("35789", rune(number[1])):
		return fail("mobile_prefix")
	}
	return number, nil
}
