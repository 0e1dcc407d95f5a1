package csv

import (
	"bytes"
	"errors"
	"io"
	"math"

	"headway/internal/messages"
	"headway/services/importer/internal/source"
)

const (
	// bufferBytes is the size of the buffer. It grows if a line is longer.
	bufferBytes = 256 << 10
	// maxQuotedLines is how many lines a cell can have. A quotation mark that is not closed within them opens nothing.
	maxQuotedLines = 4096
)

// field is a cell in the buffer.
type field struct {
	start, end int
	// quoted means that the quotation marks around it are left out. escaped means that there are escapes inside.
	quoted, escaped bool
}

// record is a line, or several if one of its cells has line breaks.
type record struct {
	// start and end are where it is in the buffer, without its line break. next is where the next one begins.
	start, end, next int
	fields           []field
	// lines is how many lines it has. broken means that a quotation mark is where none belongs.
	lines  int
	broken bool
}

// scanner splits UTF-8 text into records.
type scanner struct {
	d     dialect
	class [256]uint8
	in    io.Reader
	buf   []byte
	// buf[pos:end] is read, but not consumed.
	pos, end int
	eof      bool
	// line is the number of the line at pos, from 1.
	line int
	// grow is asked before the buffer grows by a number of bytes.
	grow func(int) error
	max  int
	// maxFields is how many fields a record can have.
	maxFields int
	rec       record
	// maxLines is how many lines a cell can have.
	maxLines int
	known    known
	// searched is the number of bytes that were searched for ends of cells.
	searched int64
}

// known is the result of the last search for the end of a cell: none ends before a position. Without it, a file with
// opening quotation marks that are never closed would be searched again for each of them.
type known struct {
	// until is the position in the buffer, and line its line.
	until, line int
	// unescaped is the position of the last quotation mark before it without an escape.
	unescaped int
}

func newScanner(in io.Reader, d dialect, size, limit int, grow func(int) error) *scanner {
	return &scanner{d: d, class: d.classes(), in: in, buf: make([]byte, size), line: 1, max: limit, maxFields: math.MaxInt, maxLines: maxQuotedLines, grow: grow}
}

// errIncomplete means that the record continues after the end of the buffer.
var errIncomplete = errors.New("the record is not complete")

// next splits the next record. The record and the buffer are valid until the next call of advance. It returns io.EOF
// at the end.
func (s *scanner) next() (*record, error) {
	for {
		if s.pos == s.end && s.eof {
			return nil, io.EOF
		}
		if s.pos < s.end {
			err := s.split(&s.rec, true)
			if err == nil {
				return &s.rec, nil
			}
			if !errors.Is(err, errIncomplete) {
				return nil, err
			}
		}
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
}

// firstLine splits only the first line of the current record again. A quotation mark that is not closed within the line
// belongs to the text.
func (s *scanner) firstLine() error { return s.split(&s.rec, false) }

// advance consumes the current record.
func (s *scanner) advance() {
	s.pos = s.rec.next
	s.line += s.rec.lines
}

// fill reads more bytes: at least as many as are unread, or as there is room for. Otherwise, a line that arrives in many parts would
// be split again after each of them. The unread bytes move to the start of the buffer.
func (s *scanner) fill() error {
	if s.eof {
		return nil
	}
	if s.pos > 0 {
		copy(s.buf, s.buf[s.pos:s.end])
		s.known.until, s.known.unescaped = s.known.until-s.pos, s.known.unescaped-s.pos
		s.pos, s.end = 0, s.end-s.pos
	}
	if s.end == len(s.buf) {
		if len(s.buf) >= s.max {
			return source.Refuse(source.LimitExceeded, messages.New("file.long_line", messages.Count("line", s.line), messages.Count("n", s.max)))
		}
		size := min(2*len(s.buf), s.max)
		if err := s.grow(size - len(s.buf)); err != nil {
			return err
		}
		s.buf = append(make([]byte, 0, size), s.buf...)[:size]
	}
	for until := s.end + max(1, min(s.end, len(s.buf)-s.end)); s.end < until; {
		n, err := s.in.Read(s.buf[s.end:])
		s.end += n
		if err == io.EOF { //nolint:errorlint // the end of a file is not wrapped
			s.eof = true
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// split finds the cells of the record at pos. If spans is false, the record ends with its line, even within quotation
// marks.
func (s *scanner) split(r *record, spans bool) error {
	r.start, r.lines, r.broken, r.fields = s.pos, 1, false, r.fields[:0]
	buf, class := s.buf[:s.end], &s.class
	i := s.pos
	for {
		if len(r.fields) >= s.maxFields { // a line of delimiters would need many times its size
			return source.Refuse(source.LimitExceeded, messages.New("file.wide_line", messages.Count("line", s.line), messages.Count("n", s.maxFields)))
		}
		if s.d.skipBlanks && len(r.fields) > 0 {
			for i < len(buf) && buf[i] == ' ' {
				i++
			}
		}
		if i < len(buf) && class[buf[i]] == isQuote {
			after, ok, err := s.quoted(r, i, spans)
			if err != nil {
				return err
			}
			if ok {
				i = after
				switch done, err := s.separator(r, &i); {
				case err != nil:
					return err
				case done:
					return nil
				}
				continue
			}
			r.broken = true
		}
		start := i
		for {
			for i < len(buf) && class[buf[i]] == other {
				i++
			}
			if i == len(buf) {
				if !s.eof {
					return errIncomplete
				}
				break
			}
			c := class[buf[i]]
			if c == isQuote {
				i++
				continue
			}
			if c == isCR && !s.d.cr {
				if i+1 == len(buf) && !s.eof {
					return errIncomplete
				}
				if i+1 < len(buf) && buf[i+1] != '\n' {
					i++
					continue
				}
			}
			break
		}
		r.fields = append(r.fields, field{start: start, end: i})
		switch done, err := s.separator(r, &i); {
		case err != nil:
			return err
		case done:
			return nil
		}
	}
}

// separator consumes the delimiter or line break after a cell. It reports whether the record ends there.
func (s *scanner) separator(r *record, i *int) (done bool, err error) {
	buf := s.buf[:s.end]
	if *i == len(buf) {
		if !s.eof {
			return false, errIncomplete
		}
		r.end, r.next = *i, *i
		return true, nil
	}
	switch s.class[buf[*i]] {
	case isDelimiter:
		*i++
		return false, nil
	case isCR:
		r.end, r.next = *i, *i+1
		if *i+1 == len(buf) && !s.eof {
			return false, errIncomplete
		}
		if *i+1 < len(buf) && buf[*i+1] == '\n' {
			r.next++
		}
		return true, nil
	}
	r.end, r.next = *i, *i+1
	return true, nil
}

// quoted finds the end of a cell that begins with a quotation mark at i. It reports false if the quotation mark is never
// closed, so that it belongs to the text.
func (s *scanner) quoted(r *record, i int, spans bool) (after int, ok bool, err error) {
	buf := s.buf[:s.end]
	f := field{start: i + 1, quoted: true}
	lines, broken, unescaped := 0, false, i
	from := i + 1
	for {
		if spans && from < s.known.until && (s.d.backslash || buf[from] != s.d.quote) {
			if s.known.unescaped >= from {
				unescaped, broken = s.known.unescaped, true
			}
			lines, from, f.escaped = s.known.line-s.line-r.lines+1, s.known.until, true
			if lines > s.maxLines {
				return 0, false, nil
			}
		}
		start := from
		at := s.findQuote(buf, &from, &f)
		until := at
		if at < 0 {
			until = len(buf)
		}
		s.searched += int64(until - start)
		breaks := s.countBreaks(buf[start:until])
		if breaks > 0 && (!spans || lines+breaks > s.maxLines) {
			if spans && (at >= 0 || !s.d.backslash) { // the buffer can end with a backslash
				s.known = known{until, s.line + r.lines - 1 + lines + breaks, unescaped}
			}
			return 0, false, nil
		}
		lines += breaks
		switch {
		case at < 0 && s.eof:
			s.known = known{until, s.line + r.lines - 1 + lines, unescaped}
			return 0, false, nil
		case at < 0, at+1 == len(buf) && !s.eof:
			return 0, false, errIncomplete
		}
		next := at + 1
		if next < len(buf) && s.class[buf[next]] == isQuote && !s.d.backslash {
			f.escaped = true
			from = next + 1
			continue
		}
		for next < len(buf) && (buf[next] == ' ' || buf[next] == '\t') && s.class[buf[next]] == other {
			next++
		}
		if next == len(buf) && !s.eof {
			return 0, false, errIncomplete
		}
		if next == len(buf) || s.class[buf[next]] == isDelimiter || s.class[buf[next]] == isLF || s.class[buf[next]] == isCR {
			f.end = at
			r.lines += lines
			r.broken = r.broken || broken
			r.fields = append(r.fields, f)
			return next, true, nil
		}
		broken, unescaped = true, at // a quotation mark inside a cell without its escape
		from = at + 1
	}
}

// findQuote returns the index of the next quotation mark that has no backslash before it, or -1.
func (s *scanner) findQuote(buf []byte, from *int, f *field) int {
	if !s.d.backslash {
		at := bytes.IndexByte(buf[*from:], s.d.quote)
		if at < 0 {
			return -1
		}
		return *from + at
	}
	for i := *from; i < len(buf); i++ {
		switch buf[i] {
		case '\\':
			f.escaped = true
			i++
		case s.d.quote:
			return i
		}
	}
	return -1
}

func (s *scanner) countBreaks(text []byte) int {
	if s.d.cr {
		return bytes.Count(text, []byte{'\r'})
	}
	return bytes.Count(text, []byte{'\n'})
}

// appendText appends the text of a cell without its escapes.
func (d dialect) appendText(dst, raw []byte) []byte {
	escape := d.quote
	if d.backslash {
		escape = '\\'
	}
	for {
		at := bytes.IndexByte(raw, escape)
		if at < 0 || at+1 == len(raw) {
			return append(dst, raw...)
		}
		if next := raw[at+1]; next == d.quote || d.backslash && next == '\\' {
			dst = append(dst, raw[:at]...)
			dst = append(dst, next)
		} else {
			dst = append(dst, raw[:at+2]...)
		}
		raw = raw[at+2:]
	}
}
