package registry

import (
	"crypto/rand"
	"strings"

	"cho40/internal/fault"
)

// Serial is what names a placard for people: ten random characters of Crockford's base 32 (no I, L, O, U) and one that
// checks them. It is shown as XXXX-XXXX-XXC and stored without the hyphens.
type Serial string

const (
	crockford    = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	serialRandom = 10
)

// NewSerial draws a serial: 50 random bits.
func NewSerial() Serial {
	var b [serialRandom]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err) // the operating system has no randomness: nothing here may go on
	}
	digits := make([]byte, serialRandom)
	for i := range b {
		digits[i] = b[i] & 31
	}
	out := make([]byte, 0, serialRandom+1)
	for _, d := range digits {
		out = append(out, crockford[d])
	}
	return Serial(append(out, crockford[checkDigit(digits)]))
}

// checkDigit weighs the digits by the powers 1 … 10 of a generator of the field with 32 elements, whose powers are all
// different up to the 31st: any one wrong character, and any two that changed places, show.
func checkDigit(digits []byte) byte {
	var sum byte
	for i := len(digits) - 1; i >= 0; i-- {
		sum = double(sum ^ digits[i])
	}
	return sum
}

// double multiplies by the generator x, modulo x^5 + x^2 + 1.
func double(a byte) byte {
	a <<= 1
	if a&32 != 0 {
		a ^= 0b100101
	}
	return a
}

// ParseSerial reads what a person typed or a scanner gave: hyphens, blanks and case do not matter, O is 0, I and L are 1.
// It reports false for everything that is no serial of ours.
func ParseSerial(s string) (Serial, bool) {
	if len(s) > 40 {
		return "", false
	}
	var out, digits []byte
	for _, r := range strings.ToUpper(s) {
		switch r {
		case '-', ' ':
			continue
		case 'O':
			r = '0'
		case 'I', 'L':
			r = '1'
		}
		d := strings.IndexRune(crockford, r)
		if d < 0 {
			return "", false
		}
		out, digits = append(out, crockford[d]), append(digits, byte(d))
	}
	if len(out) != serialRandom+1 || checkDigit(digits[:serialRandom]) != digits[serialRandom] {
		return "", false
	}
	return Serial(out), true
}

// String is XXXX-XXXX-XXC.
func (s Serial) String() string {
	if len(s) != serialRandom+1 {
		return string(s)
	}
	return string(s[:4] + "-" + s[4:8] + "-" + s[8:])
}

// MarshalText writes String.
func (s Serial) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func placardNotFound() *fault.Error {
	return fault.New(fault.NotFound, "placard-not-found", "There is no placard with this number.")
}
