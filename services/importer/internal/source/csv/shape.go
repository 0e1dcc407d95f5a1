package csv

import (
	"unicode"
	"unicode/utf8"
)

// appendShape appends the shape of a text. Digits become 9, uppercase letters A, and lowercase letters a. If exact is true,
// groups of digits and uppercase letters keep their length up to 8. Otherwise a group is one character.
func appendShape(dst, text []byte, exact bool) []byte {
	const longest = 24
	start, run := len(dst), 0
	for i := 0; i < len(text); {
		c := text[i]
		size := 1
		switch {
		case '0' <= c && c <= '9':
			c = '9'
		case 'a' <= c && c <= 'z':
			c = 'a'
		case 'A' <= c && c <= 'Z':
			c = 'A'
		case c == '\t' || c == '\n' || c == '\r':
			c = ' '
		case c >= utf8.RuneSelf:
			var r rune
			r, size = utf8.DecodeRune(text[i:])
			switch {
			case unicode.IsUpper(r):
				c = 'A'
			case unicode.IsLetter(r) || unicode.IsMark(r):
				c = 'a'
			case unicode.IsSpace(r):
				c = ' '
			default:
				c = '*'
			}
		}
		i += size
		if len(dst) > start && dst[len(dst)-1] == c && (c == 'a' || c == 'A' || c == '9' || c == ' ') {
			if run++; !exact || c == 'a' || c == ' ' || run >= 8 {
				continue
			}
		} else {
			run = 0
		}
		if len(dst)-start == longest {
			break
		}
		dst = append(dst, c)
	}
	return dst
}
