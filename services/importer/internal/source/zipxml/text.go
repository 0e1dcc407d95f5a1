package zipxml

import (
	"bytes"
	"unicode/utf8"

	"headway/services/importer/internal/source"
)

// AppendText appends the characters of raw XML text, with references replaced and line ends as "\n" (XML 1.0 §2.11). ok
// is false if a reference is malformed, or names an entity that XML does not have.
func AppendText(dst, raw []byte) (text []byte, ok bool) {
	for {
		i := bytes.IndexAny(raw, "&\r")
		if i < 0 {
			return append(dst, raw...), true
		}
		dst = append(dst, raw[:i]...)
		if raw[i] == '\r' {
			dst = append(dst, '\n')
			raw = raw[i+1:]
			if len(raw) > 0 && raw[0] == '\n' {
				raw = raw[1:]
			}
			continue
		}
		r, n := parseReference(raw[i:])
		if n == 0 {
			return dst, false
		}
		dst = utf8.AppendRune(dst, r)
		raw = raw[i+n:]
	}
}

// AppendCDATA appends the characters of a CDATA section.
func AppendCDATA(dst, raw []byte) []byte {
	for {
		i := bytes.IndexByte(raw, '\r')
		if i < 0 {
			return append(dst, raw...)
		}
		dst = append(append(dst, raw[:i]...), '\n')
		raw = raw[i+1:]
		if len(raw) > 0 && raw[0] == '\n' {
			raw = raw[1:]
		}
	}
}

// appendAttrValue appends an attribute's value, with white space normalized to spaces (XML 1.0 §3.3.3).
func appendAttrValue(dst, raw []byte) (value []byte, ok bool) {
	for len(raw) > 0 {
		switch c := raw[0]; c {
		case '\t', '\n', '\r':
			dst = append(dst, ' ')
			raw = raw[1:]
		case '&':
			r, n := parseReference(raw)
			if n == 0 {
				return dst, false
			}
			dst = utf8.AppendRune(dst, r)
			raw = raw[n:]
		default:
			dst = append(dst, c)
			raw = raw[1:]
		}
	}
	return dst, true
}

// validReferences reports whether every "&" in raw text begins a valid reference.
func validReferences(raw []byte) bool {
	for {
		i := bytes.IndexByte(raw, '&')
		if i < 0 {
			return true
		}
		_, n := parseReference(raw[i:])
		if n == 0 {
			return false
		}
		raw = raw[i+n:]
	}
}

// parseReference reads the reference at the beginning of b and returns its
// length. It returns 0 if there is no reference.
func parseReference(b []byte) (r rune, n int) {
	end := bytes.IndexByte(b[:min(len(b), 16)], ';')
	if end < 2 {
		return 0, 0
	}
	name := b[1:end]
	if name[0] == '#' {
		r, ok := parseCharCode(name[1:])
		if !ok {
			return 0, 0
		}
		return r, end + 1
	}
	switch string(name) {
	case "lt":
		r = '<'
	case "gt":
		r = '>'
	case "amp":
		r = '&'
	case "quot":
		r = '"'
	case "apos":
		r = '\''
	default:
		return 0, 0
	}
	return r, end + 1
}

func parseCharCode(b []byte) (r rune, ok bool) {
	base := rune(10)
	if len(b) > 0 && b[0] == 'x' {
		base, b = 16, b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		d := HexDigit(c)
		if d < 0 || d >= base {
			return 0, false
		}
		if r = r*base + d; r > utf8.MaxRune {
			return 0, false
		}
	}
	return r, isChar(r)
}

// HexDigit returns the value of a hexadecimal digit, or -1.
func HexDigit(c byte) rune {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0')
	case 'a' <= c && c <= 'f':
		return rune(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return rune(c-'A') + 10
	}
	return -1
}

// isChar reports whether XML can contain a character (XML 1.0 §2.2).
func isChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' ||
		r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// ValidChars reports whether b is valid UTF-8 with only characters that XML can contain.
func ValidChars(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if c := b[i]; c >= 0x80 {
			return validWide(b[i:])
		} else if c < ' ' && c != '\n' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

func validWide(b []byte) bool {
	for len(b) > 0 {
		if c := b[0]; c < 0x80 {
			if c < ' ' && c != '\n' && c != '\t' && c != '\r' {
				return false
			}
			b = b[1:]
			continue
		}
		r, n := utf8.DecodeRune(b)
		if n == 1 || r == 0xFFFE || r == 0xFFFF {
			return false
		}
		b = b[n:]
	}
	return true
}

// NameLength returns the number of bytes at the beginning of b that are an XML name of ASCII characters, including its
// prefix. Names in SpreadsheetML don't have other characters.
func NameLength(b []byte) int {
	for i, c := range b {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == ':'
		if !letter && (i == 0 || c != '-' && c != '.' && (c < '0' || c > '9')) {
			return i
		}
	}
	return len(b)
}

// IsSpace reports whether c is white space of XML.
func IsSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// IsBlank reports whether b has only white space.
func IsBlank(b []byte) bool {
	for _, c := range b {
		if !IsSpace(c) {
			return false
		}
	}
	return true
}

// TrimLeft returns b without the white space at its beginning.
func TrimLeft(b []byte) []byte {
	for len(b) > 0 && IsSpace(b[0]) {
		b = b[1:]
	}
	return b
}

// TrimRight returns b without the white space at its end.
func TrimRight(b []byte) []byte {
	for len(b) > 0 && IsSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// Clip shortens a text for a message.
func Clip(b []byte) string { return source.Clip(b, 40) }

// AppendChars appends the characters of the scanner's current text.
func AppendChars(dst []byte, x *Scanner) []byte {
	if x.CDATA {
		return AppendCDATA(dst, x.Text)
	}
	dst, _ = AppendText(dst, x.Text) // the scanner has checked its references
	return dst
}
