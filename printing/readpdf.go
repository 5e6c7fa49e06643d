package printing

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// This file is a reader of PDF for the little of it that our documents use.

// errNotOurs is the answer to a document of another make, or to one that was changed since.
var errNotOurs = errors.New("not a document of ours")

const (
	mostInflated     = 128 << 20 // of all pages together
	mostPageInflated = 16 << 20
	mostDepth        = 32 // of arrays, dictionaries, saved states
	mostOperands     = 16
	mostPainted      = 20_000 // shapes on a page that are no symbols
	mostSymbols      = 20_000
	mostPageSymbols  = 500
)

var errTooMuch = errors.New("more than a document of ours holds")

// pdfFile is a file, the places of its objects and the numbers of its pages.
type pdfFile struct {
	raw      []byte
	offsets  []int
	pages    []pdfPage
	lexed    int // bytes of objects, those read twice counted twice
	inflated int
	inflater io.ReadCloser // of the page before, to be used again; nil: none yet
	page     bytes.Buffer  // what came out of it
	reader   pageReader
}

type pdfPage struct {
	content int     // the number of the object
	height  float64 // points
}

// openPDF goes from the end of the file over its table and its catalogue to its pages, as a viewer does. The table must
// be the only one, of all objects, the last thing in the file: nothing can then be hidden behind it or put before it.
func openPDF(raw []byte) (*pdfFile, error) {
	f := &pdfFile{raw: raw}
	if bytes.Contains(raw, []byte("/Form")) { // a page within a page, which nobody reads here
		return nil, errNotOurs
	}
	tail := bytes.LastIndex(raw, []byte("startxref\n"))
	if tail < 0 {
		return nil, errNotOurs
	}
	end := lexer{b: raw, at: tail + len("startxref\n")}
	table, ok := end.whole()
	if !ok || !bytes.Equal(raw[end.at:], []byte("\n%%EOF\n")) || table >= tail {
		return nil, errNotOurs
	}
	l := lexer{b: raw[:tail], at: table}
	if !l.is("xref") {
		return nil, errNotOurs
	}
	first, _ := l.whole()
	n, ok := l.whole()
	const entry = 20
	if !ok || first != 0 || n > tail/entry || l.at+1+n*entry > tail {
		return nil, errNotOurs
	}
	l.at++
	for i := range n {
		line := lexer{b: raw[:tail], at: l.at + i*entry}
		offset, ok := line.whole()
		if !ok || offset >= table {
			return nil, errNotOurs
		}
		f.offsets = append(f.offsets, offset)
	}
	l.at += n * entry
	if !l.is("trailer") {
		return nil, errNotOurs
	}
	trailer, err := l.dict("Size", "Root", "Info")
	if err != nil || l.next() != nil {
		return nil, errNotOurs
	}
	return f, f.readTree(trailer)
}

// readTree lists the pages. What would turn, cut, scale or cover a page makes it none of ours.
func (f *pdfFile) readTree(trailer dict) error {
	_, root, err := f.object(trailer.reference("Root"))
	if err != nil {
		return err
	}
	_, tree, err := f.object(root.reference("Pages"), "Type", "Kids", "Count", "MediaBox")
	if err != nil {
		return err
	}
	kids, _ := tree["Kids"].([]any)
	for _, kid := range kids {
		n, _ := kid.(reference)
		_, page, err := f.object(n, "Type", "Parent", "Resources", "Contents", "MediaBox")
		if err != nil {
			return err
		}
		box, ok := page["MediaBox"].([]any)
		if !ok {
			box, _ = tree["MediaBox"].([]any)
		}
		if len(box) != 4 || box[0] != 0.0 || box[1] != 0.0 {
			return errNotOurs
		}
		height, ok := box[3].(float64)
		if !ok || page["Type"] != name("Page") {
			return errNotOurs
		}
		f.pages = append(f.pages, pdfPage{int(page.reference("Contents")), height})
	}
	return nil
}

// object is the dictionary of an object, with no other keys than these, and what follows it. Objects that lie in each
// other, or are read again and again, end where twice the file was read.
func (f *pdfFile) object(n reference, keys ...string) (*lexer, dict, error) {
	if n <= 0 || int(n) >= len(f.offsets) {
		return nil, nil, errNotOurs
	}
	l := &lexer{b: f.raw, at: f.offsets[n]}
	if got, ok := l.whole(); !ok || got != int(n) {
		return nil, nil, errNotOurs
	}
	if got, ok := l.whole(); !ok || got != 0 || !l.is("obj") {
		return nil, nil, errNotOurs
	}
	d, err := l.dict(keys...)
	if f.lexed += l.at - f.offsets[n]; f.lexed > 2*len(f.raw) {
		return nil, nil, errTooMuch
	}
	return l, d, err
}

// content are the operators of a page, inflated; they last until the next page's.
func (f *pdfFile) content(page int) ([]byte, error) {
	l, head, err := f.object(reference(f.pages[page].content), "Length", "Filter")
	if err != nil {
		return nil, err
	}
	length, ok := head["Length"].(float64)
	if !ok || !l.is("stream") || length < 0 || length > float64(len(f.raw)-l.at-1) {
		return nil, errNotOurs
	}
	from := l.at + 1
	body := f.raw[from : from+int(length)]
	if l.at = from + int(length); !l.is("endstream") {
		return nil, errNotOurs
	}
	switch head["Filter"] {
	case nil:
	case name("FlateDecode"):
		if body, err = f.inflate(body); err != nil {
			return nil, fmt.Errorf("inflate: %w", err)
		}
	default:
		return nil, errNotOurs
	}
	if f.inflated += len(body); len(body) > mostPageInflated || f.inflated > mostInflated {
		return nil, errTooMuch
	}
	return body, nil
}

// inflate gives a little more than a page may hold at most, which tells that it is too long.
func (f *pdfFile) inflate(packed []byte) ([]byte, error) {
	var err error
	if from := bytes.NewReader(packed); f.inflater == nil {
		f.inflater, err = zlib.NewReader(from)
	} else {
		err = f.inflater.(zlib.Resetter).Reset(from, nil)
	}
	if err != nil {
		return nil, err
	}
	f.page.Reset()
	_, err = f.page.ReadFrom(io.LimitReader(f.inflater, mostPageInflated+1))
	return f.page.Bytes(), err
}

// The values of PDF: float64, name, quoted for any string, reference, []any, dict.
type (
	name      string
	quoted    struct{}
	reference int
	dict      map[string]any
)

// reference is the object that a key leads to, 0 when it leads to none.
func (d dict) reference(key string) reference {
	r, _ := d[key].(reference)
	return r
}

// lexer takes a text apart.
type lexer struct {
	b  []byte
	at int
}

// The kinds of sign that part tokens.
const (
	isSpace = 1 + iota
	isDelimiter
)

var kinds = func() (all [256]byte) {
	for _, c := range []byte(" \n\r\t\f\x00") {
		all[c] = isSpace
	}
	for _, c := range []byte("()<>[]{}/%") {
		all[c] = isDelimiter
	}
	return all
}()

// next is the token that follows, empty at the end. A string is only its first sign, for nothing here needs its letters.
func (l *lexer) next() []byte {
	for l.at < len(l.b) && kinds[l.b[l.at]] == isSpace {
		l.at++
	}
	if l.at >= len(l.b) {
		return nil
	}
	from, c := l.at, l.b[l.at]
	l.at++
	switch c {
	case '(':
		for depth := 1; depth > 0 && l.at < len(l.b); l.at++ {
			switch l.b[l.at] {
			case '\\':
				l.at++
			case '(':
				depth++
			case ')':
				depth--
			}
		}
		l.at = min(l.at, len(l.b))
		return l.b[from : from+1]
	case '<', '>':
		if l.at < len(l.b) && l.b[l.at] == c {
			l.at++
			return l.b[from:l.at]
		}
		if end := bytes.IndexByte(l.b[l.at:], '>'); c == '<' && end >= 0 {
			l.at += end + 1
		}
		return l.b[from : from+1]
	case ')', '[', ']', '{', '}', '%':
		return l.b[from:l.at]
	}
	for l.at < len(l.b) && kinds[l.b[l.at]] == 0 {
		l.at++
	}
	return l.b[from:l.at]
}

// is reports whether token is the next one, and takes it.
func (l *lexer) is(token string) bool { return string(l.next()) == token }

// number takes the next token if it is a number: digits, a sign before them, a point among them.
func (l *lexer) number() (float64, bool) {
	for l.at < len(l.b) && kinds[l.b[l.at]] == isSpace {
		l.at++
	}
	from := l.at
	if from < len(l.b) && l.b[from] == '-' {
		from++
	}
	at, point, n := from, -1, 0
scan:
	for ; at < len(l.b); at++ {
		switch c := l.b[at]; {
		case c-'0' <= 9: // other signs wrap around
			n = 10*n + int(c-'0')
		case c == '.' && point < 0:
			point = at
		case kinds[c] != 0:
			break scan
		default:
			return 0, false
		}
	}
	digits, power := at-from, 0
	if point >= 0 {
		digits, power = digits-1, at-point-1
	}
	if digits < 1 || digits >= len(powers) {
		return 0, false
	}
	// So few digits and their power of ten are exact, and so their quotient is rounded once: it is what strconv would say,
	// in a fifth of the time.
	v := float64(n)
	if power > 0 {
		v /= powers[power]
	}
	if from > l.at {
		v = -v
	}
	l.at = at
	return v, true
}

var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// whole takes a number from 0 that has no fraction.
func (l *lexer) whole() (int, bool) {
	v, ok := l.number()
	return int(v), ok && v >= 0 && v == math.Trunc(v) && v < 1<<40
}

// value takes the next value.
func (l *lexer) value(depth int) (any, error) {
	if depth > mostDepth {
		return nil, errTooMuch
	}
	before := l.at
	switch token := l.next(); {
	case len(token) == 0:
		return nil, errNotOurs
	case token[0] == '/':
		return name(token[1:]), nil
	case token[0] == '(', string(token) == "<":
		return quoted{}, nil
	case token[0] == '[':
		all := []any{}
		for {
			before := l.at
			if l.is("]") {
				return all, nil
			}
			l.at = before
			v, err := l.value(depth + 1)
			if err != nil {
				return nil, err
			}
			all = append(all, v)
		}
	case string(token) == "<<":
		all := dict{}
		for {
			key := l.next()
			if string(key) == ">>" {
				return all, nil
			}
			if len(key) == 0 || key[0] != '/' {
				return nil, errNotOurs
			}
			v, err := l.value(depth + 1)
			if err != nil {
				return nil, err
			}
			if _, twice := all[string(key[1:])]; twice {
				return nil, errNotOurs
			}
			all[string(key[1:])] = v
		}
	default:
		l.at = before
		v, ok := l.number()
		if !ok {
			return nil, errNotOurs
		}
		before = l.at
		if generation, ok := l.whole(); ok && generation == 0 && l.is("R") && v == math.Trunc(v) {
			return reference(v), nil
		}
		l.at = before
		return v, nil
	}
}

// dict takes a dictionary that has no other keys than these; any are right when none is named.
func (l *lexer) dict(keys ...string) (dict, error) {
	v, err := l.value(0)
	if err != nil {
		return nil, err
	}
	d, ok := v.(dict)
	if !ok {
		return nil, errNotOurs
	}
	for key := range d {
		if len(keys) > 0 && !slices.Contains(keys, key) {
			return nil, fmt.Errorf("%w: it has %.20q", errNotOurs, key)
		}
	}
	return d, nil
}
