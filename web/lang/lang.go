// Package lang says the service's sentences in the reader's language. The English format is the key; vi.json holds the
// Vietnamese one, with the values in the same order or numbered (%[2]s).
package lang

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

// Lang is a language of the service.
type Lang string

// The languages.
const (
	Vi Lang = "vi"
	En Lang = "en"
)

//go:embed vi.json
var viJSON []byte

var vi = func() map[string]string {
	m := map[string]string{}
	if err := json.Unmarshal(viJSON, &m); err != nil {
		panic("web/lang/vi.json: " + err.Error())
	}
	return m
}()

// Vietnamese is the catalogue: English format to Vietnamese format.
func Vietnamese() map[string]string { return vi }

// Parse chooses by an Accept-Language header or a bare tag: the first of vi and en that it names, vi when it names neither.
func Parse(header string) Lang {
	for part := range strings.SplitSeq(header, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		switch tag, _, _ = strings.Cut(strings.ToLower(tag), "-"); tag {
		case "vi":
			return Vi
		case "en":
			return En
		}
	}
	return Vi
}

// T says an English format with its values. A format without a translation is said in English.
//
// Values are said in the language too: a sentence within the sentence; a word of our own, which is any value of a string type of
// its own that the catalogue holds (a state, a role); a day; a fraction, with the decimal comma.
func (l Lang) T(format string, args ...any) string {
	if l == Vi {
		if t, ok := vi[format]; ok {
			format = t
		}
	}
	if len(args) == 0 {
		return format
	}
	said := make([]any, len(args))
	for i, a := range args {
		said[i] = l.value(a)
	}
	return fmt.Sprintf(format, said...)
}

// Text says a fault's sentence.
func (l Lang) Text(t fault.Text) string { return l.T(t.Format, t.Args...) }

func (l Lang) value(a any) any {
	switch a := a.(type) {
	case fault.Text:
		return l.Text(a)
	case time.Duration:
		return int(a.Seconds())
	}
	if l != Vi {
		return a
	}
	switch a := a.(type) {
	case string:
		return a // somebody's own words, even where they look like ours
	case float64:
		return withComma(a)
	case registry.Day:
		return l.Day(a.End())
	}
	if v := reflect.ValueOf(a); v.Kind() == reflect.String {
		if word, ok := vi[v.String()]; ok {
			return word
		}
	}
	return a
}

// withComma writes a number by any verb, 0,5 for 0.5.
type withComma float64

// Format is fmt's.
func (n withComma) Format(s fmt.State, verb rune) {
	_, _ = io.WriteString(s, strings.Replace(fmt.Sprintf(fmt.FormatString(s, verb), float64(n)), ".", ",", 1))
}

// Number writes a whole number with the language's own grouping: 1.234 or 1,234.
func (l Lang) Number(n int) string {
	s := strconv.Itoa(n)
	separator := "."
	if l == En {
		separator = ","
	}
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + separator + s[i:]
	}
	return s
}

// Percent writes a share with one decimal: "62,3 %" or "62.3%".
func (l Lang) Percent(share float64) string {
	s := strconv.FormatFloat(share*100, 'f', 1, 64)
	if l == En {
		return s + "%"
	}
	return strings.Replace(s, ".", ",", 1) + " %"
}

// Day writes a moment as a date on the market's calendar, 22/11/2026.
func (l Lang) Day(t time.Time) string { return registry.Local(t).Format("02/01/2006") }

// Moment writes a moment on the market's clock, 09:12 22/11/2026.
func (l Lang) Moment(t time.Time) string { return registry.Local(t).Format("15:04 02/01/2006") }
