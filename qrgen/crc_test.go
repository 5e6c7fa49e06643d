package qrgen

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCRC(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       uint16
	}{
		{"published check value", "123456789", 0x29B1},
		{"nothing", "", 0xFFFF},
		{"without 6304 it would be another", "00020101021138530010A0000007270123000697041601092576788590208QRIBFTTA53037045802VN6304", 0xAE9F},
	} {
		if got := crc16(tt.text); got != tt.want {
			t.Errorf("%s: %04X, want %04X", tt.name, got, tt.want)
		}
	}
}

// The definition bit by bit, which shares no table with crc16.
func TestCRCMatchesDefinition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		register := uint32(0xFFFF)
		for i := range len(text) {
			for bit := 7; bit >= 0; bit-- {
				in := uint32(text[i]) >> bit & 1
				out := register >> 15 & 1
				register = register << 1 & 0xFFFF
				if in != out {
					register ^= 0x1021
				}
			}
		}
		if got := crc16(text); uint32(got) != register {
			t.Fatalf("%04X, want %04X", got, register)
		}
		end := string(appendCRC([]byte(text)))
		tail := strings.TrimPrefix(end, text)
		if len(tail) != 8 || tail[:4] != "6304" || tail != strings.ToUpper(tail) {
			t.Fatalf("ends %q, want 6304 and four upper-case digits", tail)
		}
	})
}
