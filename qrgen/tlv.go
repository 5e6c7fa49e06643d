package qrgen

import "unicode/utf8"

// object is one data object of the base format: two digits of tag, two of length, and the value.
type object struct {
	tag, value string
	at         int // byte of the text read at which the tag stands
}

// inside is the byte at which the value begins; tag and length are ASCII.
func (o object) inside() int { return o.at + 4 }

// objects are the contents of one container in the order written.
type objects []object

// first returns the value of a tag, "" when it is absent. An empty value counts as absent everywhere.
func (all objects) first(tag string) string { return all.find(tag).value }

func (all objects) find(tag string) object {
	for _, o := range all {
		if o.tag == tag {
			return o
		}
	}
	return object{}
}

// twice finds the second object of a tag that is repeated.
func (all objects) twice() (object, bool) {
	var seen [100]bool
	for _, o := range all {
		n := int(o.tag[0]-'0')*10 + int(o.tag[1]-'0')
		if seen[n] {
			return o, true
		}
		seen[n] = true
	}
	return object{}, false
}

// unit is what a declared length counts. The standard says characters; several generators count bytes.
type unit int

const (
	byCharacter unit = iota
	byByte
)

// fault is a place and a code, before it is known whether it stops the reading.
type fault struct {
	code string
	at   int // byte
}

// walk splits text, which begins at byte at of the whole, into its objects. On a fault it returns those before it.
// Digits are compared, never parsed: number parsers accept signs, and Unicode knows digits beyond 0 to 9.
func walk(text string, at int, count unit) (objects, fault) {
	all := make(objects, 0, 8)
	for i := 0; i < len(text); {
		rest := text[i:]
		switch {
		case len(rest) < 4 || len(rest) < 4*utf8.UTFMax && utf8.RuneCountInString(rest) < 4:
			return all, fault{"truncated_tlv", at + i}
		case !digits(rest[:2]):
			return all, fault{"bad_tag", at + i}
		case !digits(rest[2:4]):
			return all, fault{"bad_length", at + i + 2}
		}
		length := int(rest[2]-'0')*10 + int(rest[3]-'0')
		n, ok := span(rest[4:], length, count)
		if !ok {
			return all, fault{"length_overrun", at + i}
		}
		all = append(all, object{tag: rest[:2], value: rest[4 : 4+n], at: at + i})
		i += 4 + n
	}
	return all, fault{}
}

// span is how many bytes the first length units of text take; false when there are fewer, or when a byte count ends
// in the middle of a character.
func span(text string, length int, count unit) (int, bool) {
	if count == byByte {
		return length, length <= len(text) && (length == len(text) || utf8.RuneStart(text[length]))
	}
	n := 0
	for range length {
		if n == len(text) {
			return 0, false
		}
		_, size := utf8.DecodeRuneInString(text[n:])
		n += size
	}
	return n, true
}

func digits(s string) bool { return only(s, func(c byte) bool { return '0' <= c && c <= '9' }) }

func alphanumeric(s string) bool {
	return only(s, func(c byte) bool { return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' })
}

// printable is the common character set of the base format: the 95 printable ASCII characters.
func printable(s string) bool { return only(s, func(c byte) bool { return 0x20 <= c && c <= 0x7E }) }

func only(s string, allowed func(byte) bool) bool {
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return true
}
