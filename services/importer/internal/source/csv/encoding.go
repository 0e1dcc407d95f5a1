package csv

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	xunicode "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"

	"headway/services/importer/internal/source"
)

// The names of the encodings that need no table.
const (
	utf8Name    = "UTF-8"
	utf16LEName = "UTF-16LE"
	utf16BEName = "UTF-16BE"
	utf32LEName = "UTF-32LE"
)

// named returns the encoding of a name, or nil for UTF-8.
func named(name string) (encoding.Encoding, string, error) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "utf-8", "utf8":
		return nil, utf8Name, nil
	case "utf-16le", "utf-16":
		return xunicode.UTF16(xunicode.LittleEndian, xunicode.UseBOM), utf16LEName, nil
	case "utf-16be":
		return xunicode.UTF16(xunicode.BigEndian, xunicode.UseBOM), utf16BEName, nil
	case "utf-32le", "utf-32":
		return utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), utf32LEName, nil
	}
	for _, l := range legacy {
		if strings.EqualFold(l.name, name) {
			return l.encoding, l.name, nil
		}
	}
	e, err := htmlindex.Get(name)
	if err != nil {
		return nil, "", fmt.Errorf("the encoding %q is not known. Use a name such as UTF-8, windows-1252, Shift_JIS, or GB18030", name)
	}
	canonical, err := htmlindex.Name(e)
	if err != nil {
		return nil, "", fmt.Errorf("the encoding %q has no name: %w", name, err)
	}
	if canonical == "utf-8" {
		return nil, utf8Name, nil
	}
	return e, canonical, nil
}

// encodingScan is the number of bytes that are read at a time to find the first one that is not ASCII.
const encodingScan = 256 << 10

// sampleOfOthers is the number of bytes around the first one that is not ASCII, by which the encoding is chosen.
const sampleOfOthers = 256 << 10

// findEncoding returns the name of the encoding, and whether the file begins with a byte order mark. If the encoding is known,
// only its beginning is read. Otherwise, a file that begins in ASCII is read up to the first other byte. If the encoding was chosen by
// the letters of the text, example has some of its words.
func findEncoding(in io.Reader, size int64, known string) (name, example string, mark bool, err error) {
	head := make([]byte, min(size, encodingScan))
	n, err := readUpTo(in, head)
	if err != nil {
		return "", "", false, err
	}
	head = head[:n]
	name = known
	switch {
	case bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")):
		name, mark = utf8Name, true
	case bytes.HasPrefix(head, []byte("\xFF\xFE\x00\x00")):
		name, mark = utf32LEName, true
	case bytes.HasPrefix(head, []byte("\xFF\xFE")):
		name, mark = utf16LEName, true
	case bytes.HasPrefix(head, []byte("\xFE\xFF")):
		name, mark = utf16BEName, true
	}
	if known != "" {
		return known, "", mark, nil
	}
	if mark {
		return name, "", mark, nil
	}
	if name := wideEncoding(head); name != "" {
		return name, "", false, nil
	}
	for off := int64(0); len(head) > 0; {
		if first := firstOther(head); first >= 0 {
			for first > 0 && isAlphanumeric(head[first-1]) { // the word begins there
				first--
			}
			name, example, err := decideEncoding(io.MultiReader(bytes.NewReader(head[first:]), in), size-off-int64(first))
			return name, example, false, err
		}
		off += int64(len(head))
		if n, err = readUpTo(in, head[:cap(head)]); err != nil {
			return "", "", false, err
		}
		head = head[:n]
		if n == 0 && off < size {
			return "", "", false, io.ErrUnexpectedEOF
		}
	}
	return utf8Name, "", false, nil
}

// readUpTo reads until the buffer is full or the reader ends.
func readUpTo(in io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var read int
		read, err = in.Read(buf[n:])
		n += read
	}
	if err == io.EOF { //nolint:errorlint // the end of a file is not wrapped
		err = nil
	}
	return n, err
}

// firstOther returns the index of the first byte that is not ASCII, or -1.
func firstOther(b []byte) int {
	for i, c := range b {
		if c >= utf8.RuneSelf {
			return i
		}
	}
	return -1
}

// wideEncoding recognizes UTF-16 without a byte order mark by its zeros. They begin early: a lock file of Excel has the name
// of its user in 55 bytes, and only then in UTF-16.
func wideEncoding(head []byte) string {
	head = head[:min(len(head), 4096)]
	if bytes.IndexByte(head[:min(len(head), 48)], 0) < 0 {
		return ""
	}
	even, odd := 0, 0
	for i, c := range head {
		switch {
		case c != 0:
		case i%2 == 0:
			even++
		default:
			odd++
		}
	}
	half := len(head) / 2
	switch {
	case half == 0:
	case odd*10 > half*4 && even*20 < half:
		return utf16LEName
	case even*10 > half*4 && odd*20 < half:
		return utf16BEName
	}
	return ""
}

// decideEncoding compares the encodings by the text from the first byte that is not ASCII. rest is the number of bytes from there.
func decideEncoding(in io.Reader, rest int64) (name, example string, err error) {
	sample := make([]byte, min(rest, sampleOfOthers))
	n, err := readUpTo(in, sample)
	if err != nil {
		return "", "", err
	}
	sample = sample[:n]
	if validUTF8(sample, int64(n) == rest) {
		return utf8Name, "", nil
	}
	best, most := legacy[0], -1<<30
	for _, l := range legacy {
		if score := likelihood(sample, l.encoding, l.models); score > most {
			best, most = l, score
		}
	}
	return best.name, exampleOf(sample, best.encoding), nil
}

// exampleOf returns the first different words with characters beyond ASCII.
func exampleOf(sample []byte, e encoding.Encoding) string {
	decoded, err := e.NewDecoder().Bytes(sample[:min(len(sample), 16<<10)])
	if err != nil {
		return ""
	}
	var words []string
	for word := range strings.FieldsFuncSeq(string(decoded), func(r rune) bool { return r < utf8.RuneSelf && !isAlphanumeric(byte(r)) }) {
		clipped := source.Clip([]byte(word), exampleLetters)
		if strings.ContainsFunc(word, func(r rune) bool { return r >= utf8.RuneSelf }) && !slices.Contains(words, clipped) {
			if words = append(words, clipped); len(words) == exampleWords {
				break
			}
		}
	}
	return strings.Join(words, ", ")
}

// exampleWords and exampleLetters limit an example.
const exampleWords, exampleLetters = 4, 30

// validUTF8 reports whether a text is UTF-8. It can end within a character if it is not complete.
func validUTF8(text []byte, complete bool) bool {
	for range utf8.UTFMax - 1 {
		if utf8.Valid(text) {
			return true
		}
		if complete || len(text) == 0 {
			return false
		}
		text = text[:len(text)-1]
	}
	return utf8.Valid(text)
}

// refuse returns an error about the file.
func refuse(reason source.Reason, format string, args ...any) *source.Error {
	return &source.Error{Reason: reason, Message: fmt.Sprintf(format, args...)}
}
