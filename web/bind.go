package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"cho40/internal/fault"

	"github.com/labstack/echo/v4"
)

// Limits of a request (SECURITY section 8).
const (
	maxJSON  = 256 << 10
	maxURL   = 8 << 10
	maxDepth = 20
)

// bindJSON reads the body as one JSON value of T, strictly: the content type, the size, the depth, no unknown field.
//
// Faults: Unsupported; TooLarge; Malformed json-malformed, json-too-deep; Invalid with a pointer.
func bindJSON[T any](c echo.Context) (T, error) {
	var v T
	media, _, _ := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if media != echo.MIMEApplicationJSON {
		return v, fault.New(fault.Unsupported, "content-type", "Send the body as application/json.")
	}
	raw, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxJSON))
	if err != nil {
		return v, err
	}
	if err := inspectJSON(raw); err != nil {
		return v, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err = d.Decode(&v)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return v, nil
	case errors.As(err, &wrong):
		return v, fault.New(fault.Invalid, "json-invalid", "Some fields need mending.").
			With(fault.At(strings.ReplaceAll(wrong.Field, ".", "/"), "type", "A %s does not belong here.", wrong.Value))
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		var given any
		if err := json.Unmarshal(raw, &given); err != nil {
			return v, err
		}
		pointer, _ := unknownField(given, reflect.TypeFor[T](), "")
		return v, fault.New(fault.Invalid, "json-invalid", "Some fields need mending.").
			With(fault.At(pointer, "unknown-field", "There is no such field."))
	}
	if f, ok := fault.As(err); ok {
		return v, f
	}
	return v, fault.New(fault.Invalid, "json-invalid", "A value in the body cannot be read.").Because(err)
}

// inspectJSON refuses what is no JSON, what is nested too deep, and text that the database cannot keep.
func inspectJSON(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	depth := 0
	for n := 0; ; n++ {
		token, err := d.Token()
		if err == io.EOF && n > 0 && depth == 0 {
			return nil
		}
		if err != nil {
			return fault.New(fault.Malformed, "json-malformed", "The body is not JSON.").Because(err)
		}
		switch t := token.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				depth++
			} else {
				depth--
			}
			if depth > maxDepth {
				return fault.New(fault.Malformed, "json-too-deep", "The body is nested more than %d deep.", maxDepth)
			}
		case string:
			if !storable(t) {
				return fault.New(fault.Invalid, "bad-character", "The body holds a NUL character.")
			}
		}
		if depth == 0 && d.More() {
			return fault.New(fault.Malformed, "json-malformed", "The body holds more than one JSON value.")
		}
	}
}

// unknownField is the pointer to the first field of a JSON value that a type has no place for; the decoder says that there is
// one, and not where.
func unknownField(given any, into reflect.Type, at string) (pointer string, found bool) {
	for into.Kind() == reflect.Pointer {
		into = into.Elem()
	}
	switch given := given.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(given)) {
			below := strings.TrimPrefix(at+"/"+escaped.Replace(clipField(name)), "/")
			field, ok := fieldFor(into, name)
			if !ok {
				return below, into.Kind() == reflect.Struct
			}
			if pointer, found := unknownField(given[name], field, below); found {
				return pointer, true
			}
		}
	case []any:
		for i, item := range given {
			if into.Kind() != reflect.Slice {
				break
			}
			if pointer, found := unknownField(item, into.Elem(), strings.TrimPrefix(at+"/"+strconv.Itoa(i), "/")); found {
				return pointer, true
			}
		}
	}
	return "", false
}

// escaped writes a name as a part of a JSON pointer, RFC 6901.
var escaped = strings.NewReplacer("~", "~0", "/", "~1")

// fieldFor is the type of a struct's field by its JSON name, which the decoder takes in any case.
func fieldFor(t reflect.Type, name string) (reflect.Type, bool) {
	if t.Kind() != reflect.Struct {
		return nil, false
	}
	for _, f := range reflect.VisibleFields(t) {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag != "" && tag != "-" && strings.EqualFold(tag, name) {
			return f.Type, true
		}
	}
	return nil, false
}

// clipField keeps a stranger's field name short in an answer.
func clipField(name string) string {
	if r := []rune(name); len(r) > 40 {
		return string(r[:40])
	}
	return name
}

// bindQuery fills a struct from the query.
func bindQuery(c echo.Context, into any) error {
	if err := (&echo.DefaultBinder{}).BindQueryParams(c, into); err != nil {
		return fault.New(fault.Invalid, "query-invalid", "A value in the address cannot be read.").Because(err)
	}
	return nil
}
