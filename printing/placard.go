// Package printing puts payment placards on paper: values in, one PDF out.
//
// It knows nothing of records, payloads or requests. A caller asks Check about each placard, leaves out what cannot be
// printed and says why, and hands the rest to Write. The same input gives the same bytes.
package printing

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"cho40/internal/fault"

	"golang.org/x/text/unicode/norm"
)

// Modules is a QR symbol without its quiet zone.
type Modules interface {
	Size() int          // modules on each side
	Dark(x, y int) bool // x to the right and y down, from 0
}

// Mark says what a placard is not: it stands across the face, and no part of the card moves for it.
type Mark int

// The marks.
const (
	MarkNone        Mark = iota
	MarkSample           // MẪU · SAMPLE: shows the design, pays nobody
	MarkProvisional      // TẠM · CHƯA DUYỆT: the account is not approved yet
)

// Placard is what one placard says. All text is NFC. Vendor, Goods and Call may be empty; of Tail and Number one is needed.
type Placard struct {
	Market, Vendor, Goods, Stall string      // "Chợ Vị Thanh", "Lý Minh Tâm", "Rau củ", "A-12"
	Holder                       string      // as the bank shows it: "LY MINH TAM"
	Provider                     string      // its name in words, never a logo: "Viettel Money"
	Tail                         string      // the account's last four
	Number                       string      // the whole number, grouped by spaces, only when the vendor asked for it; then it stands instead of Tail
	Call                         string      // phone of the board, grouped; empty: the card sends people to the board itself
	Serial                       string      // XXXX-XXXX-XXC
	Mark                         Mark        // MarkNone on anything that is hung up
	Languages                    [2]Language // the second says only the instruction; empty: Vietnamese, then English
	Code                         Modules
	Helper, Helped               string // who helped the vendor, and on which day (22/11/2026): at the foot of backs and slips; may be empty
}

// account is what a placard says of the account beside its provider, and the field that it comes from.
func (p *Placard) account() (field, say string) {
	one, _ := p.words()
	if p.Number != "" {
		return "number", one.number + " " + p.Number
	}
	return "tail", one.tail + " " + p.Tail
}

// FieldError is one part of a placard that cannot be printed. Field is the name of the part in lower case ("holder",
// "code"); Code is stable: required, encoding, control, not-nfc, no-glyph, not-plain, too-long, module-small, range,
// no-room, too-small, not-a-colour, contrast, size, unknown, unread, not-first.
// Detail is safe to show; it is for the person who mends the record.
type FieldError struct {
	Field  string
	Code   string
	Detail fault.Text
}

// Error names the field and says why, in English.
func (e *FieldError) Error() string { return e.Field + " " + e.Code + ": " + e.Detail.String() }

// Check says whether p can be printed on s as it is, without losing a letter. The error is a *FieldError: text that
// the faces cannot draw, text that does not fit even at its smallest, modules under LeastModule. Only the goods may go
// unsaid where they have no room; tags leave out market, vendor, goods and phone by design.
// The zero Sheet gives a plain error.
func (p Placard) Check(s Sheet) error {
	return Print{Sheet: s}.Check(p)
}

// Warnings are what a person should know before p is printed on s: modules under GoodModule. Nil when all is well, and
// when p cannot be printed at all, of which Check speaks.
func (p Placard) Warnings(s Sheet) []fault.Text {
	panels, err := s.lay(&p, Theme{})
	if err != nil {
		return nil
	}
	for _, l := range panels {
		if module := float64(l.code.dots) * mmPerDot; l.code.dots > 0 && module < GoodModule {
			return []fault.Text{fault.Say("The code's squares are only %.2f mm: phones read them from close by. A larger size is better.", module)}
		}
	}
	return nil
}

// longest is more than any part can hold at its smallest size; it keeps a wrong field from costing time.
const longest = 200

// plainLetters are what numbers, phones and serials are made of.
const plainLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz +-./()"

// checkText looks at the text itself, before any of it is measured. unread lets languages through that no speaker has read.
func (p *Placard) checkText(unread bool) error {
	for _, part := range []struct {
		field, text string
		required    bool
		plain       bool // made of plainLetters
	}{
		{"market", p.Market, true, false},
		{"vendor", p.Vendor, false, false},
		{"goods", p.Goods, false, false},
		{"stall", p.Stall, true, false},
		{"holder", p.Holder, true, false},
		{"provider", p.Provider, true, false},
		{"tail", p.Tail, p.Number == "", true},
		{"number", p.Number, false, true},
		{"call", p.Call, false, true},
		{"serial", p.Serial, true, true},
		{"helper", p.Helper, false, false},
		{"helped", p.Helped, false, true},
	} {
		if part.text == "" {
			if part.required {
				return &FieldError{part.field, "required", fault.Say("The placard needs this part.")}
			}
			continue
		}
		if code, detail := printable(part.text); code != "" {
			return &FieldError{part.field, code, detail}
		}
		if part.plain && strings.Trim(part.text, plainLetters) != "" {
			return &FieldError{part.field, "not-plain", fault.Say("Only digits, letters without accents and + - . / ( ) belong here.")}
		}
	}
	if p.Code == nil || p.Code.Size() <= 0 {
		return &FieldError{"code", "required", fault.Say("The placard needs this part.")}
	}
	if p.Mark < MarkNone || p.Mark > MarkProvisional {
		return &FieldError{"mark", "unknown", fault.Say("There is no such mark.")}
	}
	for i, l := range p.Languages {
		switch _, ok := vocabulary[l]; {
		case l == "", ok:
		case l == Khmer && !KhmerRead && !unread:
			return &FieldError{"languages", "unread", fault.Say("No speaker of Khmer has read the wording yet. Choose another language.")}
		case l == Khmer && i == 1:
		case l == Khmer:
			return &FieldError{"languages", "not-first", fault.Say("Khmer can only be the second language of a placard.")}
		default:
			return &FieldError{"languages", "unknown", fault.Say("Placards do not speak the language “%s” yet.", string(l))}
		}
	}
	return nil
}

// printable gives a code when text is not what the faces can draw letter by letter. The PDF library panics on some of
// it and silently drops the rest, so nothing else may reach it.
func printable(text string) (code string, detail fault.Text) {
	if !utf8.ValidString(text) {
		return "encoding", fault.Say("This text is damaged. Type it again.")
	}
	if utf8.RuneCountInString(text) > longest {
		return "too-long", tooLong
	}
	blank := true
	for _, r := range text {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return "control", fault.Say("There is an invisible character (%s) in this text. Type it again.", fmt.Sprintf("U+%04X", r))
		}
		blank = blank && unicode.IsSpace(r)
	}
	if blank {
		return "required", fault.Say("The placard needs this part.")
	}
	if !norm.NFC.IsNormalString(text) {
		return "not-nfc", fault.Say("Some accents stand apart from their letters. Type this text again.")
	}
	for _, r := range text {
		if !faces().drawable(r) {
			return "no-glyph", fault.Say("The placard's typeface has no “%s”.", string(r))
		}
	}
	return "", fault.Text{}
}

var tooLong = fault.Say("Too long for this size of placard. Shorten it or choose a larger size.")
