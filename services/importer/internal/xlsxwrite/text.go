package xlsxwrite

import (
	"fmt"
	"unicode/utf8"
)

// appendEscaped appends a text as XML character data that is also valid in an attribute. Characters that XML 1.0 can't
// represent (§2.2) become U+FFFD.
func appendEscaped(b []byte, s string) []byte {
	for _, r := range s {
		b = appendRune(b, r)
	}
	return b
}

func appendRune(b []byte, r rune) []byte {
	switch r {
	case '&':
		return append(b, "&amp;"...)
	case '<':
		return append(b, "&lt;"...)
	case '>':
		return append(b, "&gt;"...)
	case '"':
		return append(b, "&quot;"...)
	case '\t', '\n':
		return utf8.AppendRune(b, r)
	case '\r':
		return append(b, "&#13;"...)
	}
	if !inXML(r) {
		r = utf8.RuneError
	}
	return utf8.AppendRune(b, r)
}

// inXML reports whether XML 1.0 can represent a character.
func inXML(r rune) bool {
	return r >= 0x20 && r != 0xFFFE && r != 0xFFFF || r == '\t' || r == '\n' || r == '\r'
}

// appendString appends a cell's text as ST_Xstring (ECMA-376 Part 1 §22.9.2.19): characters that XML can't represent as
// _xHHHH_, and the underscore of a text that looks like that as _x005F_.
func appendString(b []byte, s string) []byte {
	for i, r := range s {
		switch {
		case r == '_' && looksEscaped(s[i:]):
			b = append(b, "_x005F_"...)
		case !inXML(r) || r == '\r':
			b = fmt.Appendf(b, "_x%04X_", r)
		default:
			b = appendRune(b, r)
		}
	}
	return b
}

// looksEscaped reports whether a text begins with _xHHHH_.
func looksEscaped(s string) bool {
	if len(s) < 7 || s[1] != 'x' || s[6] != '_' {
		return false
	}
	for _, c := range []byte(s[2:6]) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
