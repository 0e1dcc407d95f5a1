package csv

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"headway/services/importer/internal/source"
)

// chunks returns at most n bytes at a time.
type chunks struct {
	in io.Reader
	n  int
}

func (c chunks) Read(p []byte) (int, error) { return c.in.Read(p[:min(len(p), c.n)]) }

// scanAll returns the cells of all records, with the lines where the records begin.
func scanAll(t *testing.T, text []byte, d dialect, buffer, chunk int) (cells []string, lines []int) {
	t.Helper()
	s := newScanner(chunks{bytes.NewReader(text), chunk}, d, buffer, 1<<20, func(int) error { return nil })
	for {
		r, err := s.next()
		if errors.Is(err, io.EOF) {
			return cells, lines
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, s.line)
		for _, f := range r.fields {
			raw := s.buf[f.start:f.end]
			if f.escaped {
				raw = d.appendText(nil, raw)
			}
			cells = append(cells, string(raw))
		}
		cells = append(cells, "\n")
		s.advance()
	}
}

var seeds = []string{"a,b\n1,2\n", "a;\"b;\"\"c\"\"\n\";d\r\n\r\n1;2;3", "\"a\"b\",c\n\"d", "a, \"b\" ,c\rd", "'x\\'y',\"z\"\n", "\xEF\xBB\xBFsep=;\r\na;b\r\n1;2",
	"id,name\n1,Ann\n2,Bob\n3Eve\n4,,Tom\n\"5,Al\n", "\xFF\xFEa\x00;\x00b\x00\n\x001\x00;\x002\x00", "K\xF6ln;\xC4rger\n1;2\n",
	", \"# ,0\""}

// FuzzAnySplitReadsSame reads a text as a whole, and in chunks with a small buffer.
func FuzzAnySplitReadsSame(f *testing.F) {
	for i, seed := range seeds {
		f.Add([]byte(seed), byte(i), byte(i*37))
	}
	f.Fuzz(func(t *testing.T, text []byte, size, options byte) {
		if len(text) > 1<<16 {
			return
		}
		d := dialect{delimiter: ",;\t "[options&3], quote: "\"'\x00\""[options>>2&3], backslash: options&16 != 0, cr: options&32 != 0, skipBlanks: options&64 != 0}
		if d.quote == 0 {
			d.backslash = false
		}
		cells, lines := scanAll(t, text, d, len(text)+1, len(text)+1)
		splitCells, splitLines := scanAll(t, text, d, 1+int(size)/8, 1+int(size))
		if !slices.Equal(cells, splitCells) || !slices.Equal(lines, splitLines) {
			t.Errorf("%q in chunks is %q at %v, want %q at %v", text, splitCells, splitLines, cells, lines)
		}
	})
}

// account is a Memory that counts.
type account struct{ used int64 }

func (a *account) Grow(n int64) error { a.used += n; return nil }
func (a *account) Shrink(n int64)     { a.used -= n }

// FuzzRead reads any bytes. The result is text in ascending rows and columns, and all memory is returned.
func FuzzRead(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		memory := &account{}
		defer func() {
			if memory.used != 0 {
				t.Errorf("%d bytes were not returned", memory.used)
			}
		}()
		book, err := Open(context.Background(), contentOf(file), source.Limits{Memory: memory, MaxRowBytes: 1 << 20}, source.Hints{})
		if err != nil {
			if source.ReasonOf(err) == "" {
				t.Error(err)
			}
			return
		}
		defer book.Close()
		first := readAll(t, book)
		again, err := Open(context.Background(), contentOf(file), source.Limits{Memory: memory, MaxRowBytes: 1 << 20}, source.Hints{Text: book.TextFormat()})
		if err != nil {
			t.Fatalf("its own format %+v: %v", book.TextFormat(), err)
		}
		defer again.Close()
		if second := readAll(t, again); first != second {
			t.Errorf("by its own format %+v, it reads\n%s\nwant\n%s", book.TextFormat(), second, first)
		}
	})
}

func readAll(t *testing.T, book *Workbook) string {
	t.Helper()
	rows, err := book.Rows(context.Background(), book.Sheets()[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all strings.Builder
	line := 0
	for rows.Next() {
		row := rows.Row()
		if row.Number <= line {
			t.Errorf("line %d comes after line %d", row.Number, line)
		}
		line = row.Number
		col := 0
		for _, c := range row.Cells {
			if c.Col <= col || c.Kind != source.Text || c.Format == nil || !utf8.Valid(c.Text) || len(c.Text) == 0 {
				t.Errorf("line %d: column %d comes after column %d: %+v", line, c.Col, col, c)
			}
			col = c.Col
			all.Write(c.Text)
			all.WriteByte(0)
		}
		all.WriteByte('\n')
	}
	if err := rows.Err(); err != nil && source.ReasonOf(err) == "" {
		t.Error(err)
	}
	return all.String()
}

func contentOf(file []byte) Content {
	return Content{Size: int64(len(file)), Open: func() (io.Reader, error) { return bytes.NewReader(file), nil }}
}
