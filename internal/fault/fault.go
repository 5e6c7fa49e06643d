// Package fault is the error that a person is meant to see: what is wrong, where, and what to do.
//
// Any other error is ours: it is logged in full and shown only as "something went wrong".
package fault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what sort of answer a fault is; only package web turns it into a status.
type Kind int

const (
	Unknown         Kind = iota // not a fault: an error of our own
	Invalid                     // the input breaks a rule
	Malformed                   // the input cannot be read at all
	NotFound                    // no such record, or none that this actor may know of
	Conflict                    // the input is right, the state is against it
	Forbidden                   // known, but not allowed here
	Unauthenticated             // nobody is signed in, or the sign-in is too old
	Stale                       // somebody saved first
	NeedsVersion                // the request must name the version it changes
	TooLarge                    // over a limit of size
	Unsupported                 // a kind of file or content that is not taken
	Gone                        // was here, is not any more, and will not come back
	TooMany                     // too many requests or attempts
	Busy                        // try again soon
)

// Text is a sentence with its values apart, so that it can be said in another language.
// The English format is the key of the Vietnamese one in web/lang.
type Text struct {
	Format string
	Args   []any
}

// Say makes a Text of an English format and its values.
func Say(format string, args ...any) Text { return Text{format, args} }

// String is the sentence in English.
func (t Text) String() string {
	if len(t.Args) == 0 {
		return t.Format
	}
	return fmt.Sprintf(t.Format, t.Args...)
}

// Field is one wrong part of the input. A form or a JSON body has a Pointer ("vendor/phone"); a ledger has
// a Row (from 1, as a spreadsheet counts) and a Column (its heading). Value is what stood there, where it may be shown.
type Field struct {
	Pointer string
	Row     int
	Column  string
	Code    string
	Value   string
	Detail  Text
}

// At is a wrong field of a form or a JSON body.
func At(pointer, code, format string, args ...any) Field {
	return Field{Pointer: pointer, Code: code, Detail: Say(format, args...)}
}

// Under puts the field below another: Under("accounts/0") makes "number" into "accounts/0/number".
func (f Field) Under(pointer string) Field {
	f.Pointer = strings.TrimSuffix(pointer+"/"+f.Pointer, "/")
	return f
}

// Error is a fault. Code is stable and part of the API; Detail is safe to show to anybody who made the request.
type Error struct {
	Kind       Kind
	Code       string
	Detail     Text
	Fields     []Field
	RetryAfter time.Duration // for TooMany and Busy; zero: nothing to say
	Version    string        // for Stale and NeedsVersion: the ETag of the version that is there; empty: not known
	cause      error
}

// New makes a fault. The format is English; web/lang holds the Vietnamese.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Detail: Say(format, args...)}
}

// With adds the fields concerned.
func (e *Error) With(fields ...Field) *Error {
	e.Fields = append(e.Fields, fields...)
	return e
}

// Because keeps the error that brought the fault about, for the log.
func (e *Error) Because(cause error) *Error {
	e.cause = cause
	return e
}

// After says when it makes sense to try again.
func (e *Error) After(d time.Duration) *Error {
	e.RetryAfter = d
	return e
}

// Current says which version is there, as its ETag.
func (e *Error) Current(version string) *Error {
	e.Version = version
	return e
}

// Error is everything about the fault, for the log: the cause too, which nobody outside may see.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Code + ": " + e.Detail.String())
	for _, f := range e.Fields {
		fmt.Fprintf(&b, " [%s %s: %s]", f.Pointer, f.Code, f.Detail)
	}
	if e.cause != nil {
		b.WriteString(" (" + e.cause.Error() + ")")
	}
	return b.String()
}

// Unwrap is what went wrong underneath; nil when nothing did.
func (e *Error) Unwrap() error { return e.cause }

// Check is nil when bad is empty, else an Invalid fault that holds the fields.
func Check(code string, bad []Field) error {
	if len(bad) == 0 {
		return nil
	}
	return New(Invalid, code, "Some fields need mending.").With(bad...)
}

// As finds the fault in err's chain.
func As(err error) (*Error, bool) {
	var f *Error
	ok := errors.As(err, &f)
	return f, ok
}

// KindOf is the kind of the fault in err's chain, Unknown when there is none.
func KindOf(err error) Kind {
	if f, ok := As(err); ok {
		return f.Kind
	}
	return Unknown
}

// CodeOf is the code of the fault in err's chain, empty when there is none.
func CodeOf(err error) string {
	if f, ok := As(err); ok {
		return f.Code
	}
	return ""
}

// MarshalJSON keeps the format and the values apart.
func (t Text) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Format string `json:"format"`
		Args   []any  `json:"args,omitempty"`
	}{t.Format, t.Args})
}

// UnmarshalJSON reads what MarshalJSON wrote; whole numbers stay whole, so that %d still says them.
func (t *Text) UnmarshalJSON(b []byte) error {
	var in struct {
		Format string `json:"format"`
		Args   []any  `json:"args"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&in); err != nil {
		return err
	}
	for i, a := range in.Args {
		n, ok := a.(json.Number)
		if !ok {
			continue
		}
		if whole, err := n.Int64(); err == nil {
			in.Args[i] = whole
		} else if f, err := n.Float64(); err == nil {
			in.Args[i] = f
		}
	}
	*t = Text{in.Format, in.Args}
	return nil
}

// Clip keeps short what somebody sent and a sentence repeats: at most so many characters, and none that is broken.
func Clip(s string, most int) string {
	r := []rune(strings.ToValidUTF8(s, "\ufffd"))
	if len(r) <= most {
		return string(r)
	}
	return string(r[:most]) + "…"
}
