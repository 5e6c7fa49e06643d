package registry_test

import (
	"strings"
	"testing"

	registry "cho40/vendor_registry"

	"pgregory.net/rapid"
)

const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// serials are drawn character by character: NewSerial is random, which a failing case could not repeat.
func serials(t *rapid.T) string {
	base := rapid.StringOfN(rapid.SampledFrom([]rune(letters)), 10, 10, -1).Draw(t, "characters")
	var found string
	for _, check := range letters {
		if s, ok := registry.ParseSerial(base + string(check)); ok {
			if found != "" {
				t.Fatalf("%s has two check characters", base)
			}
			found = string(s)
		}
	}
	if found == "" {
		t.Fatalf("%s has no check character", base)
	}
	return found
}

func TestSerialCatchesOneWrongCharacter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := serials(t)
		for i := range s {
			for _, other := range letters {
				wrong := s[:i] + string(other) + s[i+1:]
				if _, ok := registry.ParseSerial(wrong); ok != (wrong == s) {
					t.Fatalf("ParseSerial(%s) = %v, the serial is %s", wrong, ok, s)
				}
			}
		}
	})
}

func TestSerialCatchesTwoThatChangedPlaces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := serials(t)
		for i := range s {
			for j := range i {
				b := []byte(s)
				b[i], b[j] = b[j], b[i]
				if _, ok := registry.ParseSerial(string(b)); ok != (string(b) == s) {
					t.Fatalf("ParseSerial(%s) = %v, the serial is %s", b, ok, s)
				}
			}
		}
	})
}

func TestSerialForms(t *testing.T) {
	t.Parallel()
	seen := map[registry.Serial]bool{}
	for range 2000 {
		s := registry.NewSerial()
		if seen[s] {
			t.Fatalf("%s came twice", s)
		}
		seen[s] = true
		shown := s.String()
		forms := []string{string(s), shown, strings.ToLower(shown), strings.ReplaceAll(shown, "-", " "), " " + shown + " ",
			strings.ReplaceAll(shown, "0", "O"), strings.ReplaceAll(shown, "0", "o"), strings.ReplaceAll(shown, "1", "I"), strings.ReplaceAll(strings.ToLower(shown), "1", "l")}
		for _, form := range forms {
			if got, ok := registry.ParseSerial(form); !ok || got != s {
				t.Errorf("ParseSerial(%q) = %q, %v; want %q", form, got, ok, s)
			}
		}
		if len(shown) != 13 || shown[4] != '-' || shown[9] != '-' {
			t.Errorf("%q is not written XXXX-XXXX-XXC", shown)
		}
	}
	good := string(registry.NewSerial())
	for name, form := range map[string]string{"empty": "", "short": good[:10], "long": good + "0", "letter U": "U" + good[1:], "another alphabet": "Đ" + good[1:],
		"a thousand blanks": strings.Repeat(" ", 1000) + good, "slash": good[:4] + "/" + good[4:], "line break": good + "\n"} {
		if s, ok := registry.ParseSerial(form); ok {
			t.Errorf("%s: ParseSerial(%q) = %q", name, form, s)
		}
	}
}
