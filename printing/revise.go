package printing

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"strconv"
	"sync"
)

// This file changes what the PDF library wrote where the library has no call for it, or a costly one: it compresses each page with a
// compressor of its own, 1.2 MB large, and keeps all pages as they were drawn, which together were a third of the time and most of the
// memory of a file of 500 placards.

// packer compresses pages, one after the other.
type packer struct {
	*zlib.Writer
	out bytes.Buffer
}

// packers are used again; the level is the library's.
var packers = sync.Pool{New: func() any {
	p := &packer{}
	var err error
	if p.Writer, err = zlib.NewWriterLevel(&p.out, zlib.BestSpeed); err != nil {
		panic(fmt.Sprintf("printing: %v", err)) // of a constant level
	}
	return p
}}

var errNoPages = errors.New("printing: the document is not as the library writes it")

// packed is the contents of a page, compressed.
func packed(page []byte) ([]byte, error) {
	p := packers.Get().(*packer)
	defer packers.Put(p)
	p.out.Reset()
	p.Reset(&p.out)
	_, err := p.Write(page)
	if closing := p.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return nil, fmt.Errorf("printing: compress a page: %w", err)
	}
	return bytes.Clone(p.out.Bytes()), nil
}

// revise gives the document with the contents of its pages, which a filter (an entry of their dictionaries, or nothing) encodes, and
// with the wishes in its catalogue. The library numbers
// a page's contents 4, 6, 8 …, writes them first and in this order, and the catalogue last.
func revise(file []byte, pages [][]byte, filter, wishes string) ([]byte, error) {
	const catalogue, head, tail = "/Type /Catalog\n", "\nstream\n", "\nendstream\nendobj\n"
	table := bytes.LastIndex(file, []byte("\nxref\n")) + 1
	at := bytes.LastIndex(file[:max(table, 0)], []byte(catalogue))
	trailer := bytes.LastIndex(file, []byte("trailer\n"))
	end := bytes.LastIndex(file, []byte("startxref\n"))
	if at < 0 || trailer < table || end < trailer {
		return nil, errNoPages
	}
	at += len(catalogue)

	size := len(file) + len(wishes)
	for _, contents := range pages {
		size += len(contents) + len(filter) + 8
	}
	whole := bytes.NewBuffer(make([]byte, 0, size))
	copied := 0 // bytes of file that are in whole
	type shift struct{ from, by int }
	var shifts []shift // what lies behind from has moved by so much
	for page, contents := range pages {
		opening := []byte(strconv.Itoa(4+2*page) + " 0 obj\n<</Length ")
		i := bytes.Index(file[copied:table], opening)
		if i < 0 {
			return nil, errNoPages
		}
		i += copied
		digits := i + len(opening)
		close := bytes.Index(file[digits:table], []byte(">>"+head))
		if close < 0 {
			return nil, errNoPages
		}
		length, err := strconv.Atoi(string(file[digits : digits+close]))
		from := digits + close + len(">>"+head)
		if err != nil || length < 0 || from+length+len(tail) > table || string(file[from+length:from+length+len(tail)]) != tail {
			return nil, errNoPages
		}
		whole.Write(file[copied : digits-len("<</Length ")])
		fmt.Fprintf(whole, "<<%s/Length %d>>%s", filter, len(contents), head)
		whole.Write(contents)
		copied = from + length
		shifts = append(shifts, shift{i + 1, whole.Len() - copied})
	}
	whole.Write(file[copied:at])
	whole.WriteString(wishes)
	newTable := whole.Len() + table - at
	shifts = append(shifts, shift{at, newTable - table})

	// Each entry of the table is an offset in ten digits.
	whole.Write(file[at:table])
	moved := func(offset int) int {
		lo, hi := 0, len(shifts) // the last shift that lies before it
		for lo < hi {
			if mid := (lo + hi) / 2; shifts[mid].from <= offset {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		if lo == 0 {
			return offset
		}
		return offset + shifts[lo-1].by
	}
	for line := range bytes.Lines(file[table:trailer]) {
		if len(line) == 20 && string(line[10:18]) == " 00000 n" {
			offset, err := strconv.Atoi(string(line[:10]))
			if err != nil {
				return nil, errNoPages
			}
			fmt.Fprintf(whole, "%010d", moved(offset))
			line = line[10:]
		}
		whole.Write(line)
	}
	whole.Write(file[trailer:end])
	fmt.Fprintf(whole, "startxref\n%d\n%%%%EOF\n", newTable)
	return whole.Bytes(), nil
}
