package xlsx

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"headway/services/importer/internal/source/zipxml"
)

// unescape decodes the escapes _xHHHH_ in place, with which SpreadsheetML represents characters that XML can't
// (ECMA-376 Part 1 §22.9.2.19, ST_Xstring). HHHH is a UTF-16 code unit. An unpaired surrogate doesn't change.
func unescape(b []byte) []byte {
	i := bytes.Index(b, []byte("_x"))
	if i < 0 {
		return b
	}
	out := b[:i]
	for i < len(b) {
		unit, ok := escapeAt(b, i)
		if !ok {
			out = append(out, b[i])
			i++
			continue
		}
		r, n := unit, 7
		if utf16.IsSurrogate(unit) {
			low, _ := escapeAt(b, i+7)
			if r = utf16.DecodeRune(unit, low); r == utf8.RuneError {
				out = append(out, b[i])
				i++
				continue
			}
			n = 14
		}
		out = utf8.AppendRune(out, r)
		i += n
	}
	return out
}

func escapeAt(b []byte, i int) (unit rune, ok bool) {
	if i+7 > len(b) || b[i] != '_' || b[i+1] != 'x' || b[i+6] != '_' {
		return 0, false
	}
	for _, c := range b[i+2 : i+6] {
		d := zipxml.HexDigit(c)
		if d < 0 {
			return 0, false
		}
		unit = unit<<4 | d
	}
	return unit, true
}
