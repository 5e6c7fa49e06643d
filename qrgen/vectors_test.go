package qrgen_test

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"testing"

	"cho40/qrgen"
)

type vector struct {
	ID      string
	Kind    string
	Title   string
	Input   json.RawMessage
	Payload string
	Output  string
	Strict  result
	Lenient result
	Decoded map[string]any
}

type result struct {
	Result         string
	Error          string
	AlsoAcceptable []string `json:"also_acceptable"`
	Warnings       []string
}

type vectorFile struct {
	Errors, Warnings map[string]string
	Count            int
	Vectors          []vector
}

func readVectors(t testing.TB) vectorFile {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file vectorFile
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) != file.Count || file.Count == 0 {
		t.Fatalf("%d vectors, the file says %d", len(file.Vectors), file.Count)
	}
	return file
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t).Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			switch v.Kind {
			case "fold":
				var input string
				if err := json.Unmarshal(v.Input, &input); err != nil {
					t.Fatal(err)
				}
				if got := qrgen.Fold(input); got != v.Output {
					t.Errorf("Fold(%q) = %q, want %q", input, got, v.Output)
				}
				return
			case "encode":
				encodes(t, v)
			}
			reads(t, v, qrgen.Strict, v.Strict)
			reads(t, v, qrgen.Lenient, v.Lenient)
		})
	}
}

func encodes(t *testing.T, v vector) {
	var p qrgen.Payment
	if err := json.Unmarshal(v.Input, &p); err != nil {
		t.Fatal(err)
	}
	got, err := qrgen.Encode(p)
	if err != nil || got != v.Payload {
		t.Errorf("Encode = %q, %v; want %q", got, err, v.Payload)
	}
	again, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var in, out any
	if json.Unmarshal(v.Input, &in) != nil || json.Unmarshal(again, &out) != nil || !reflect.DeepEqual(in, out) {
		t.Errorf("a Payment as JSON is %s, was %s", again, v.Input)
	}
}

func reads(t *testing.T, v vector, mode qrgen.Mode, want result) {
	name := [...]string{"strict", "lenient"}[mode]
	d, err := qrgen.Decode(v.Payload, mode)
	if want.Result == "reject" {
		var bad *qrgen.FieldError
		if !errors.As(err, &bad) {
			t.Errorf("%s: err = %v, want %s", name, err, want.Error)
			return
		}
		switch {
		case bad.Code == want.Error || slices.Contains(want.AlsoAcceptable, bad.Code):
		case want.Error == "any":
		default:
			t.Errorf("%s: code = %s, want %s or %v", name, bad.Code, want.Error, want.AlsoAcceptable)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v, want accept", name, err)
		return
	}
	if got, want := slices.Sorted(slices.Values(d.Warnings)), slices.Sorted(slices.Values(want.Warnings)); !slices.Equal(got, want) {
		t.Errorf("%s: warnings = %v, want %v", name, got, want)
	}
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, v.Decoded) {
		t.Errorf("%s: decoded\n got %v\nwant %v", name, got, v.Decoded)
	}
}

// Each code of the vectors has its sentence.
func TestMessages(t *testing.T) {
	t.Parallel()
	file := readVectors(t)
	seen := make(map[string]string)
	for _, codes := range []map[string]string{file.Errors, file.Warnings} {
		for code := range codes {
			text := qrgen.Message(code)
			if code == "any" { // not a code, a wildcard
				continue
			}
			if text == qrgen.Message("no such code") {
				t.Errorf("%s has no sentence", code)
			}
			if other, taken := seen[text]; taken && other != code {
				t.Errorf("%s and %s say the same: %s", code, other, text)
			}
			seen[text] = code
		}
	}
	all := qrgen.Messages()
	for text := range seen {
		if !slices.Contains(all, text) {
			t.Errorf("Messages lacks %q", text)
		}
	}
	if len(slices.Compact(slices.Sorted(slices.Values(all)))) != len(all) {
		t.Error("two codes say the same")
	}
}
