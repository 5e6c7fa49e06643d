package qrgen_test

import (
	"errors"
	"reflect"
	"testing"
	"unicode/utf8"

	"cho40/qrgen"
)

// FuzzDecode: no bytes make the reader panic; strict is within lenient; what the writer can write, it writes again to
// the same meaning; an error has a sentence and names a place inside the text.
func FuzzDecode(f *testing.F) {
	for _, v := range readVectors(f).Vectors {
		f.Add(v.Payload)
	}
	for _, d := range defects {
		f.Add(d.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		decodes(t, text)
		if len(text) >= 8 { // sealed again, or nearly all mutations would stop at the checksum
			decodes(t, seal(text[:len(text)-8]))
		}
	})
}

func decodes(t *testing.T, text string) {
	qrgen.Describe(text)
	strict, strictErr := qrgen.Decode(text, qrgen.Strict)
	lenient, lenientErr := qrgen.Decode(text, qrgen.Lenient)
	for _, err := range []error{strictErr, lenientErr} {
		checkError(t, text, err)
	}
	if strictErr == nil && (lenientErr != nil || !reflect.DeepEqual(strict, lenient)) {
		t.Fatalf("strict accepts, lenient: %v\n%+v\n%+v", lenientErr, strict, lenient)
	}
	if lenientErr != nil {
		return
	}
	if len(lenient.Payees) == 0 || lenient.Text == "" || lenient.CRC != seal(lenient.Text[:len(lenient.Text)-8])[len(lenient.Text)-4:] {
		t.Fatalf("accepted without payee or checksum: %+v", lenient)
	}
	for _, code := range lenient.Warnings {
		if qrgen.Message(code) == qrgen.Message("no such code") {
			t.Fatalf("warning %s has no sentence", code)
		}
	}
	if strictErr == nil {
		writesAgain(t, strict)
	}
}

func checkError(t *testing.T, text string, err error) {
	if err == nil {
		return
	}
	var bad *qrgen.FieldError
	if !errors.As(err, &bad) || bad.Message() == qrgen.Message("no such code") {
		t.Fatalf("error %v", err)
	}
	if bad.Position < 0 || bad.Position > utf8.RuneCountInString(text) {
		t.Fatalf("%v in a text of %d characters", err, utf8.RuneCountInString(text))
	}
}

func writesAgain(t *testing.T, d qrgen.Decoded) {
	text, err := qrgen.Encode(paymentOf(d))
	if err != nil {
		t.Fatalf("strict accepts %q, Encode refuses: %v", d.Text, err)
	}
	again, err := qrgen.Decode(text, qrgen.Strict)
	if err != nil {
		t.Fatal(err)
	}
	got, want := paymentOf(again), paymentOf(d)
	if got.Language.Name = want.Language.Name; got.Language.City != "" { // brought to NFC
		got.Language.City = want.Language.City
	}
	if got != want || again.BIN != d.BIN || again.Account != d.Account || again.Mode != d.Mode {
		t.Fatalf("%q means %+v, written again %+v", d.Text, want, got)
	}
}

// FuzzSymbol: whatever was stored, a symbol is refused or marshals to the same bytes and can be drawn.
func FuzzSymbol(f *testing.F) {
	s, err := qrgen.NewSymbol("0912345678")
	if err != nil {
		f.Fatal(err)
	}
	data, err := s.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte{177})
	f.Fuzz(func(t *testing.T, data []byte) {
		var s qrgen.Symbol
		if s.UnmarshalBinary(data) != nil {
			return
		}
		again, err := s.MarshalBinary()
		if err != nil || string(again) != string(data) {
			t.Fatalf("%x became %x, %v", data, again, err)
		}
		if _, err := s.PNG(1); err != nil || len(s.SVG()) == 0 {
			t.Fatalf("not drawn: %v", err)
		}
	})
}

// FuzzNames: folding, searching and looking up take any bytes.
func FuzzNames(f *testing.F) {
	for _, text := range []string{"Viettel Pay", "NH Ngoại thương", "+84 912 345 678", "Chợ Vị Thanh", "\xff"} {
		f.Add(text)
	}
	all := qrgen.Providers()
	f.Fuzz(func(t *testing.T, text string) {
		if key := qrgen.Search(text); qrgen.Search(key) != key {
			t.Fatalf("Search(%q) = %q, which is %q", text, key, qrgen.Search(key))
		}
		qrgen.Holder(text)
		if p, ok := qrgen.ProviderOf(text); ok && p.BIN == "" {
			t.Fatalf("%q is a provider without BIN", text)
		}
		for _, p := range all[:3] {
			if number, err := p.Number(text); err == nil {
				if _, err := qrgen.Static(p.BIN, number); err != nil {
					t.Fatalf("Number(%q) = %q: %v", text, number, err)
				}
			}
		}
	})
}
