package xlsxwrite

import (
	"fmt"
	"unicode/utf8"
)

// appendEscaped appends a text as XML character data that is also right within an attribute. What XML 1.0 cannot hold
// (§2.2) becomes U+FFFD.
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

// inXML tells whether a character may stand in XML 1.0.
func inXML(r rune) bool {
	return r >= 0x20 && r != 0xFFFE && r != 0xFFFF || r == '\t' || r == '\n' || r == '\r'
}

// appendString appends a cell's text as ST_Xstring (ECMA-376 Part 1 §22.9.2.19): what XML cannot hold as _xHHHH_, and
// the underscore of a text that looks so by itself as _x005F_.
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

// looksEscaped tells whether a text begins with _xHHHH_.
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
