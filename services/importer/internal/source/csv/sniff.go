package csv

import (
	"bytes"
	"errors"
	"io"
	"math"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

const (
	// sniffBytes is how much of the file decides about the delimiter and the quotation mark.
	sniffBytes = 128 << 10
	// sniffRecords is how many records of it do.
	sniffRecords = 1000
	// sniffCells is how many cells of a record are looked at.
	sniffCells = 64
)

// delimiters are the characters that are recognized as delimiters, with the share of their score that counts. Characters
// that are frequent in texts need better evidence.
var delimiters = []struct {
	c      byte
	weight float64
}{{',', 1}, {';', 1}, {'\t', 1}, {'|', 1}, {'^', 0.9}, {'~', 0.9}, {0x1F, 1}, {0x01, 1}, {':', 0.7}, {' ', 0.6}, {'#', 0.6}, {'*', 0.6}, {'&', 0.5}}

// sniff returns the dialect that fits the sample best.
func sniff(sample []byte, complete bool, known source.TextFormat) (dialect, error) {
	if len(sample) > sniffBytes {
		sample, complete = sample[:sniffBytes], false
	}
	base := dialect{cr: bytes.IndexByte(sample, '\r') >= 0 && bytes.IndexByte(sample, '\n') < 0}
	best, most := dialect{quote: '"', cr: base.cr}, 0.0
	if err := best.apply(known); err != nil {
		return best, err
	}
	tried := map[dialect]bool{}
	for _, c := range candidates(sample, base) {
		d := c.dialect
		if err := d.apply(known); err != nil {
			return best, err
		}
		if d.delimiter != c.delimiter { // blanks after another character mean nothing
			d.skipBlanks = known.SkipBlanks || d.delimiter != ' ' && followedByBlanks(sample, d.delimiter)
		}
		if tried[d] {
			continue
		}
		tried[d] = true
		if score := c.weight * evaluate(sample, complete, d); score > most*1.0001 {
			best, most = d, score
		}
	}
	return best, nil
}

type candidate struct {
	dialect
	weight float64
}

// candidates returns the dialects whose characters the sample has, the most usual first.
func candidates(sample []byte, base dialect) []candidate {
	var list []candidate
	quoted := linesAreQuoted(sample)
	for _, d := range delimiters {
		if bytes.IndexByte(sample, d.c) < 0 {
			continue
		}
		c := base
		c.delimiter = d.c
		if d.c != ' ' && followedByBlanks(sample, d.c) {
			c.skipBlanks = true
		}
		for _, quote := range []byte{'"', '\'', 0} {
			c.quote, c.backslash = quote, false
			if quote != 0 && quote != '"' && !opensCells(sample, d.c, quote) || quote == 0 && d.weight < 1 && quoted {
				continue
			}
			list = append(list, candidate{c, d.weight})
			if quote != 0 && bytes.Contains(sample, []byte{'\\', quote}) {
				c.backslash = true
				list = append(list, candidate{c, d.weight})
			}
		}
	}
	return list
}

// linesAreQuoted reports whether each line is one text in quotation marks. Characters that are frequent in texts don't separate cells
// then.
func linesAreQuoted(sample []byte) bool {
	lines := 0
	for line := range bytes.Lines(sample) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if lines++; len(line) < 2 || line[0] != '"' || line[len(line)-1] != '"' {
			return false
		}
	}
	return lines > 0
}

// opensCells reports whether a quotation mark begins some cells.
func opensCells(sample []byte, delimiter, quote byte) bool {
	return bytes.Contains(sample, []byte{delimiter, quote}) || bytes.Contains(sample, []byte{'\n', quote}) ||
		bytes.Contains(sample, []byte{delimiter, ' ', quote}) || len(sample) > 0 && sample[0] == quote
}

// followedByBlanks reports whether a blank comes after most delimiters.
func followedByBlanks(sample []byte, delimiter byte) bool {
	all, blanks := 0, 0
	for i, c := range sample[:len(sample)-1] {
		if c == delimiter {
			all++
			if sample[i+1] == ' ' {
				blanks++
			}
		}
	}
	return blanks*10 > all*8
}

// evaluate returns how regular the records of a dialect are, and how many of its cells look like values, as a product
// between 0 and 1.
func evaluate(sample []byte, complete bool, d dialect) float64 {
	s := sampleScanner(sample, d)
	widths := map[int]int{}
	records, changes, before, broken, cells, single, values, typed := 0, 0, 0, 0, 0, 0, 0, 0.0
	var unescaped []byte
	for records < sniffRecords {
		r, err := s.next()
		if err != nil {
			break
		}
		if !complete && r.next == s.end && records > 0 {
			break // the sample cuts it off
		}
		if len(bytes.Trim(s.buf[r.start:r.end], " \t\r-=_+")) > 0 { // neither blank nor a line that is drawn
			records++
			widths[len(r.fields)]++
			if records > 1 && before != len(r.fields) {
				changes++
			}
			before = len(r.fields)
			if r.broken {
				broken++
			}
			if isSingleValue(s.buf[r.start:r.end]) {
				single++
			}
			for i := range r.fields[:min(len(r.fields), sniffCells)] {
				raw := s.buf[r.fields[i].start:r.fields[i].end]
				if r.fields[i].escaped {
					unescaped = d.appendText(unescaped[:0], raw)
					raw = unescaped
				}
				cells++
				if r.fields[i].quoted || isSingleValue(raw) {
					values++
				}
				typed += plausibility(raw, r.fields[i].quoted)
			}
		}
		s.advance()
	}
	if records == 0 {
		return 0
	}
	width, count := modal(widths)
	if width < 2 {
		return 0
	}
	// Blanks and colons are also inside values: of words, dates, and times.
	if d.delimiter == ' ' && values*10 < cells || (d.delimiter == ' ' || d.delimiter == ':') && single*2 > records {
		return 0
	}
	// Two tables are as regular as one. Records whose number of cells changes all the time are not.
	regular := 0.5*float64(count)/float64(records) + 0.5*(1-float64(changes)/float64(records))
	return regular * regular * (1 - 1/float64(width)) * (1 - 0.7*float64(broken)/float64(records)) * (0.02 + 0.98*typed/float64(cells))
}

// isSingleValue reports whether a text is a number, a date, a time, or an address.
func isSingleValue(value []byte) bool {
	switch text.KindOf(value) {
	case text.Number, text.DateOrTime, text.Address:
		return true
	}
	return false
}

// plausibility returns how much a text looks like a value: not at all (0) to certainly (1).
func plausibility(value []byte, quoted bool) float64 {
	if quoted {
		return 1
	}
	if trimmed := bytes.TrimLeft(value, " "); len(trimmed) > 0 && trimmed[0] == '"' {
		return 0 // a quotation mark that means nothing
	}
	switch text.KindOf(value) {
	case text.Nothing:
		return 0.9
	case text.Number, text.DateOrTime, text.Address, text.Word:
		return 1
	case text.Words:
		return 0.8
	}
	return 0
}

// modal returns the width that most records have. Of equally frequent ones, it returns the larger.
func modal(widths map[int]int) (width, count int) {
	for w, n := range widths {
		if n > count || n == count && w > width {
			width, count = w, n
		}
	}
	return width, count
}

// sampleScanner returns a scanner of text in memory.
func sampleScanner(sample []byte, d dialect) *scanner {
	s := &scanner{d: d, class: d.classes(), buf: sample, end: len(sample), eof: true, line: 1, max: len(sample), maxFields: math.MaxInt, maxLines: maxQuotedLines}
	s.grow = func(int) error { return errors.New("a sample does not grow") }
	s.in = bytes.NewReader(nil)
	return s
}

// readSample reads the first n bytes of text, and reports whether they are all.
func readSample(in io.Reader, n int) (sample []byte, complete bool, err error) {
	sample = make([]byte, n)
	got, err := io.ReadFull(in, sample)
	switch {
	case err == nil:
		return sample, false, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return sample[:got], true, nil
	}
	return nil, false, err
}
