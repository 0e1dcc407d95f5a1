package csv

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	xunicode "golang.org/x/text/encoding/unicode"

	"headway/services/importer/internal/source"
)

// The names of the encodings that need no table.
const (
	utf8Name    = "UTF-8"
	utf16LEName = "UTF-16LE"
	utf16BEName = "UTF-16BE"
)

// western and the others are characters that are not letters, in texts of these encodings.
const (
	western = "€£§°²³µ–—‘’“”«»…•™©®º½¿¡·´"
	central = "€§°–—‘’“”„«»…"
)

// legacy are the encodings that are recognized without a byte order mark, if the file is not UTF-8, with the alphabets
// that are written in them.
var legacy = []struct {
	name     string
	encoding encoding.Encoding
	likely   func(before, r rune) int
}{
	{"windows-1252", charmap.Windows1252, letters(full, "àâçèéêëîïôùûüÿœäöß", western)},
	{"windows-1252", charmap.Windows1252, letters(full, "áéíóúñüàèìòùãâêôõç", western)},
	{"windows-1252", charmap.Windows1252, letters(full, "åäöæøéüßíðóþáúý", western)},
	{"windows-1252", charmap.Windows1252, letters(less, "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿœšžß", western+"×÷¶†‡‰¢¥¦¨ª¬¯±¹¸¼¾ƒˆ˜‚„‹›")},
	{"windows-1250", charmap.Windows1250, letters(full, "ąćęłńóśźż", central)},
	{"windows-1250", charmap.Windows1250, letters(full, "áčďéěíňóřšťúůýžľĺŕäô", central)},
	{"windows-1250", charmap.Windows1250, letters(full, "áéíóöőúüű", central)},
	{"windows-1250", charmap.Windows1250, letters(full, "ăâîşţ", central)},
	{"windows-1250", charmap.Windows1250, letters(full, "čćđšž", central)},
	{"windows-1250", charmap.Windows1250, letters(less, "ąáâăäćçčęéëěíîďđńňóôőöřŕśšţťúůűüýźżžłľĺß", central+"´¤¦§¨©¬®°±¸×÷")},
	{"windows-1251", charmap.Windows1251, script(unicode.Cyrillic, "№«»–—€§°“”„…")},
	{"windows-1253", charmap.Windows1253, script(unicode.Greek, "€§°«»–—’½")},
	{"windows-1254", charmap.Windows1254, letters(full, "ğışçöüâîûi̇", "İ€§°–—‘’“”")},
	{"windows-1255", charmap.Windows1255, script(unicode.Hebrew, "₪€°–—")},
	{"windows-1256", charmap.Windows1256, script(unicode.Arabic, "،؛؟€–—")},
	{"windows-1257", charmap.Windows1257, letters(full, "āčēģīķļņšūž", central)},
	{"windows-1257", charmap.Windows1257, letters(full, "ąčęėįšųūž", central)},
	{"windows-1257", charmap.Windows1257, letters(full, "äõöüšž", central)},
	{"Shift_JIS", japanese.ShiftJIS, japaneseText},
	{"GB18030", simplifiedchinese.GB18030, chineseText},
}

// named returns the encoding of a name, or nil for UTF-8.
func named(name string) (encoding.Encoding, string, error) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "utf-8", "utf8":
		return nil, utf8Name, nil
	case "utf-16le", "utf-16":
		return xunicode.UTF16(xunicode.LittleEndian, xunicode.UseBOM), utf16LEName, nil
	case "utf-16be":
		return xunicode.UTF16(xunicode.BigEndian, xunicode.UseBOM), utf16BEName, nil
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
// only its beginning is read. Otherwise, a file that begins in ASCII is read up to the first other byte.
func findEncoding(in io.Reader, size int64, known string) (name string, mark bool, err error) {
	head := make([]byte, min(size, encodingScan))
	n, err := readUpTo(in, head)
	if err != nil {
		return "", false, err
	}
	head = head[:n]
	name = known
	switch {
	case bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")):
		name, mark = utf8Name, true
	case bytes.HasPrefix(head, []byte("\xFF\xFE")):
		name, mark = utf16LEName, true
	case bytes.HasPrefix(head, []byte("\xFE\xFF")):
		name, mark = utf16BEName, true
	}
	if known != "" {
		return known, mark, nil
	}
	if mark {
		return name, mark, nil
	}
	if name := wideEncoding(head); name != "" {
		return name, false, nil
	}
	for off := int64(0); len(head) > 0; {
		if first := firstOther(head); first >= 0 {
			name, err := decideEncoding(io.MultiReader(bytes.NewReader(head[first:]), in), size-off-int64(first))
			return name, false, err
		}
		off += int64(len(head))
		if n, err = readUpTo(in, head[:cap(head)]); err != nil {
			return "", false, err
		}
		head = head[:n]
		if n == 0 && off < size {
			return "", false, io.ErrUnexpectedEOF
		}
	}
	return utf8Name, false, nil
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
func decideEncoding(in io.Reader, rest int64) (string, error) {
	sample := make([]byte, min(rest, sampleOfOthers))
	n, err := readUpTo(in, sample)
	if err != nil {
		return "", err
	}
	sample = sample[:n]
	if validUTF8(sample, int64(n) == rest) {
		return utf8Name, nil
	}
	best, most := "windows-1252", -1<<30
	for _, l := range legacy {
		if score := likelihood(sample, l.encoding, l.likely); score > most {
			best, most = l.name, score
		}
	}
	return best, nil
}

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

// likelihood returns a score for a text in an encoding: the higher, the more likely.
func likelihood(sample []byte, e encoding.Encoding, likely func(before, r rune) int) int {
	decoded, err := e.NewDecoder().Bytes(sample)
	if err != nil && len(decoded) == 0 {
		return -1 << 30
	}
	score := 0
	before := ' '
	for len(decoded) > 0 {
		r, size := utf8.DecodeRune(decoded)
		decoded = decoded[size:]
		switch {
		case r < utf8.RuneSelf:
		case r == utf8.RuneError, r < 0xA0, unicode.Is(unicode.Co, r):
			score -= 50
		default:
			score += likely(before, r)
		}
		before = r
	}
	return score
}

// full and less are the scores of a letter of an alphabet, and of one of several alphabets.
const full, less = 10, 8

// letters scores the letters of an alphabet with the Latin script. Capital letters rarely follow small ones, and letters
// rarely follow symbols.
func letters(score int, small, other string) func(before, r rune) int {
	alphabet, others := map[rune]bool{}, map[rune]bool{}
	for _, r := range small {
		alphabet[r] = true
	}
	for _, r := range other {
		others[r] = true
	}
	return func(before, r rune) int {
		known := alphabet[unicode.ToLower(r)]
		switch {
		case known && unicode.IsUpper(r) && unicode.IsLower(before):
			return -3
		case known && before > unicode.MaxASCII && others[before] && !unicode.IsPunct(before):
			return 2
		case known:
			return score
		case others[r]:
			return 7
		case unicode.IsLetter(r):
			return -2
		}
		return -6
	}
}

// script scores the letters of a script, which come next to each other.
func script(table *unicode.RangeTable, other string) func(before, r rune) int {
	return func(before, r rune) int {
		switch {
		case unicode.Is(table, r) && unicode.Is(table, before):
			if unicode.IsUpper(r) && unicode.IsLower(before) {
				return -4
			}
			return 12
		case unicode.Is(table, r) && !unicode.IsLetter(before):
			return 4
		case unicode.Is(table, r):
			return -8 // next to a Latin letter
		case strings.ContainsRune(other, r):
			return 3
		}
		return -8
	}
}

// japaneseText scores a character of two bytes, so it counts twice.
func japaneseText(before, r rune) int {
	switch {
	case unicode.In(r, unicode.Hiragana, unicode.Katakana) && r < 0xFF00:
		return 26
	case r >= 0xFF61 && r <= 0xFF9F: // half the width: one byte, and rare
		if before >= 0xFF61 && before <= 0xFF9F {
			return 3
		}
		return -6
	case r >= 0x3000 && r < 0x3040, r >= 0xFF01 && r < 0xFF60:
		return 16
	case unicode.Is(unicode.Han, r):
		return 17
	}
	return -10
}

// chineseText scores a character of two bytes, so it counts twice.
func chineseText(_, r rune) int {
	switch {
	case commonHan(r):
		return 20
	case unicode.Is(unicode.Han, r):
		return 2
	case r >= 0x3000 && r < 0x3040, r >= 0xFF01 && r < 0xFF60, r == '—', r == '…', r == '“', r == '”', r == '·':
		return 16
	}
	return -10
}

// commonHan reports whether a character is in the first level of GB 2312, the 3,755 most frequent ones.
func commonHan(r rune) bool {
	b, err := simplifiedchinese.GBK.NewEncoder().Bytes(utf8.AppendRune(nil, r))
	return err == nil && len(b) == 2 && b[0] >= 0xB0 && b[0] <= 0xD7 && b[1] >= 0xA1
}

// refuse returns an error about the file.
func refuse(reason source.Reason, format string, args ...any) *source.Error {
	return &source.Error{Reason: reason, Message: fmt.Sprintf(format, args...)}
}
