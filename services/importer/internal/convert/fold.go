package convert

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bytes that represent separators of numbers that are not in ASCII.
const (
	arabicPoint = 1 // U+066B
	arabicComma = 2 // U+066C, between groups of digits
)

// maxFolded is the length of the longest text that is read as a number, date, or time if it is not in its plain form.
const maxFolded = 400

// fold returns a cleaned text with the digits of any single script as ASCII digits, and with the signs and separators
// of numbers, dates, and times as ASCII. Other characters don't change. ok is false if the text is too long, or mixes
// digits of two scripts. An apostrophe before the text is removed: it is Excel's mark for text, entered as part of the
// cell. So are quotes around the text.
func fold(s []byte) (folded []byte, ok bool) {
	if len(s) > maxFolded {
		return nil, false
	}
	s = unquote(s)
	script := rune(-1)
	folded = make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRune(s[i:])
		if zero := zeroOf(r); zero >= 0 {
			if script >= 0 && zero != script {
				return nil, false
			}
			script = zero
			folded = append(folded, byte('0'+r-zero))
		} else if b, known := foldedSigns[r]; r >= utf8.RuneSelf && known {
			folded = append(folded, b)
		} else if isWide(r) {
			folded = append(folded, byte(r-wideOffset))
		} else {
			folded = append(folded, s[i:i+n]...)
		}
		i += n
	}
	return folded, true
}

// quotes are the marks that a text can be between.
var quotes = [][2]string{{`"`, `"`}, {"“", "”"}, {"„", "“"}, {"«", "»"}, {"'", "'"}, {"'", ""}}

func unquote(s []byte) []byte {
	for _, q := range quotes {
		if rest, ok := bytes.CutPrefix(s, []byte(q[0])); ok {
			if inner, ok := bytes.CutSuffix(rest, []byte(q[1])); ok && len(inner) > 0 {
				return bytes.Trim(inner, " ")
			}
		}
	}
	return s
}

// wideOffset is the distance of the wide forms of ASCII, which East Asian keyboards write, from ASCII.
const wideOffset = 'Ａ' - 'A'

// isWide reports whether a character is the wide form of one of ASCII.
func isWide(r rune) bool { return r > '!'-1+wideOffset && r < 0x7F+wideOffset }

// withoutWide returns a text with the ASCII forms of wide characters.
func withoutWide(s []byte) string {
	return strings.Map(func(r rune) rune {
		if isWide(r) {
			return r - wideOffset
		}
		return r
	}, string(s))
}

// zeroOf returns the zero of the script that a digit belongs to, or -1 for other characters.
func zeroOf(r rune) rune {
	if r < utf8.RuneSelf {
		if r >= '0' && r <= '9' {
			return '0'
		}
		return -1
	}
	if !unicode.Is(unicode.Nd, r) {
		return -1
	}
	// The digits of each script are ten consecutive characters. Adjacent scripts begin at a multiple of ten from the
	// first one.
	first := r
	for unicode.Is(unicode.Nd, first-1) {
		first--
	}
	return r - (r-first)%10
}

var foldedSigns = map[rune]byte{
	'−': '-', '–': '-', '‒': '-', '﹣': '-', '∕': '/', '⁄': '/', '٪': '%',
	'’': '\'', '‘': '\'', 'ʼ': '\'', '　': ' ',
	'٫': arabicPoint, '٬': arabicComma,
}
