package csv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestLongLineIsReadInFewSteps reads a line from a decoder, which returns a few kilobytes at a time.
func TestLongLineIsReadInFewSteps(t *testing.T) {
	line := []byte("a," + strings.Repeat("x", 4<<20) + ",b\n")
	s := newScanner(chunks{bytes.NewReader(line), 4096}, dialect{delimiter: ','}, 256<<10, 64<<20, func(int) error { return nil })
	scanned := 0
	for {
		err := s.split(&s.rec, true)
		if s.end > 0 && err == nil {
			break
		}
		if s.end > 0 && !errors.Is(err, errIncomplete) {
			t.Fatal(err)
		}
		scanned += s.end - s.pos
		if err := s.fill(); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.rec.fields) != 3 || scanned > 8*len(line) {
		t.Errorf("%d cells, and %d bytes were scanned for a line of %d", len(s.rec.fields), scanned, len(line))
	}
}

// TestUnclosedQuotesAreSearchedOnce reads lines that each begin with a quotation mark that is not closed. Each of them could
// begin a cell of thousands of lines.
func TestUnclosedQuotesAreSearchedOnce(t *testing.T) {
	for _, line := range []string{`"open,x`, `""open,x`, `"""open,x`, `a,"open`, `a, "open`, `"o"p"en,x`, `"o\"pen,x`} {
		for _, d := range []dialect{{delimiter: ',', quote: '"'}, {delimiter: ',', quote: '"', backslash: true}, {delimiter: ',', quote: '"', skipBlanks: true}} {
			text := []byte(strings.Repeat(line+strings.Repeat("y", 90)+"\n", 6000))
			s := newScanner(bytes.NewReader(text), d, len(text)+1, len(text)+1, func(int) error { return nil })
			for {
				if _, err := s.next(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				s.advance()
			}
			if s.searched > int64(8*len(text)) {
				t.Errorf("%q, %+v: %d bytes were searched in a file of %d", line, d, s.searched, len(text))
			}
		}
	}
}

// TestEarlierSearchesChangeNothing compares records with those of a scanner that remembers nothing about earlier searches.
func TestEarlierSearchesChangeNothing(t *testing.T) {
	parts := []string{`"`, `"`, `""`, `"""`, ",", ",", "\n", "\r\n", " ", "a", "bc", `\`, `\"`, `,"`, `",`, "\n\""}
	random := rand.New(rand.NewPCG(1, 2))
	read := func(text []byte, d dialect, forget bool) (records []string) {
		s := newScanner(chunks{bytes.NewReader(text), 1 + random.IntN(40)}, d, 1+random.IntN(60), 1<<20, func(int) error { return nil })
		s.maxLines = 4
		for {
			if forget {
				s.known = known{}
			}
			r, err := s.next()
			if errors.Is(err, io.EOF) {
				return records
			}
			if err != nil {
				t.Fatal(err)
			}
			record := fmt.Sprintf("%d %v", s.line, r.broken)
			for _, f := range r.fields {
				record += fmt.Sprintf(" %v%q", f.quoted, d.appendText(nil, s.buf[f.start:f.end]))
			}
			records = append(records, record)
			s.advance()
		}
	}
	for range 20_000 {
		var text []byte
		for range 2 + random.IntN(40) {
			text = append(text, parts[random.IntN(len(parts))]...)
		}
		d := dialect{delimiter: ',', quote: '"', backslash: random.IntN(2) == 0, skipBlanks: random.IntN(2) == 0, cr: random.IntN(8) == 0}
		if got, want := read(text, d, false), read(text, d, true); !slices.Equal(got, want) {
			t.Fatalf("%q, %+v:\n%q\n%q", text, d, got, want)
		}
	}
}
