package locale

import (
	"strings"
	"unicode"
)

// normal returns a text with ASCII digits and signs, without marks of direction, and with plain blanks.
func normal(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r == '\u200E', r == '\u200F', r == '\u061C', r == '\u202A', r == '\u202B', r == '\u202C', r == '\uFEFF':
		case r == '\u2212', r == '\u2013', r == '\u2012', r == '\uFF0D', r == '\uFE63':
			b.WriteByte('-')
		case r == '\u066B':
			b.WriteByte('.')
		case r == '\u066C':
			b.WriteByte(',')
		case r == '\u066A', r == '\uFF05':
			b.WriteByte('%')
		case r == '\u2019', r == '\u02BC':
			b.WriteByte('\'')
		case r == '\uFF0C', r == '\u060C':
			b.WriteByte(',')
		case r == '\uFF0E':
			b.WriteByte('.')
		case r == '\uFF0F':
			b.WriteByte('/')
		case r == '\uFF1A':
			b.WriteByte(':')
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case unicode.Is(unicode.Nd, r):
			b.WriteByte('0' + byte(digitOf(r)))
		default:
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(b.String())
}

// digitOf returns the value of a decimal digit of any script. Unicode lists them from zero to nine.
func digitOf(r rune) rune {
	for _, t := range unicode.Nd.R16 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return (r - rune(t.Lo)) % 10
		}
	}
	for _, t := range unicode.Nd.R32 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return (r - rune(t.Lo)) % 10
		}
	}
	return 0
}

// Missing reports whether a text represents a missing value.
func Missing(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "", "-", "–", "—", "n/a", "na", "#n/a", "null", "nil", "none", "?", "n.a.", "k.a.", ".", "..", "...":
		return true
	}
	return false
}
