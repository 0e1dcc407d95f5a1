// Package text cleans the texts of workbooks by one rule. It applies to cells of every column type, headers, keys, references,
// and allowed values, so that two texts that look the same are equal.
//
// The rule, in this order:
//
//   - Invisible characters are removed: zero-width spaces, byte order marks, soft hyphens, direction marks, and similar
//     characters. Joiners, variation selectors, and tags are kept if they change how a script or an emoji looks.
//   - Blanks at both ends are removed, and so are control characters there.
//   - Inside, each tab and each no-break or other typographic space becomes an ordinary space, each form of line
//     break becomes a line feed, and the hyphens U+2010 and U+2011 become "-".
//   - The text is normalized to Unicode's form C (UAX #15).
//
// A control character inside the text has no reading, so [Clean] reports it.
package text

import (
	"bytes"
	"encoding/binary"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Plain reports whether a text obviously follows the rule: it is empty, or it is ASCII without control characters and
// without a blank at either end.
func Plain(s []byte) bool {
	if len(s) == 0 {
		return true
	}
	if s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	const high, ones = 0x8080808080808080, 0x0101010101010101
	for len(s) >= 8 {
		// A byte is not plain if it is not ASCII, is below U+0020, or is U+007F. Adding one changes U+007F to U+0080.
		v := binary.LittleEndian.Uint64(s)
		if (v|(v+ones)|(v-ones*0x20)&^v)&high != 0 {
			return false
		}
		s = s[8:]
	}
	for _, b := range s {
		if b-' ' >= 0x7F-' ' {
			return false
		}
	}
	return true
}

// Clean applies the rule to a text. If nothing changes, it returns s itself. Otherwise, it appends the result to buf,
// and returns that part. control is the first control character inside the text, or -1.
func Clean(s, buf []byte) (clean, rest []byte, control rune) {
	if IsClean(s) {
		return s, buf, -1
	}
	control = -1
	start := len(buf)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRune(s[i:])
		if r == '\r' && i+1 < len(s) && s[i+1] == '\n' {
			i++ // the line feed that follows is the line break
			continue
		}
		switch classOf(r) {
		case invisible:
		case joiner:
			if joins(buf[start:], s[i+n:]) {
				buf = utf8.AppendRune(buf, r)
			}
		case selector:
			if selects(buf[start:], s[i+n:]) {
				buf = utf8.AppendRune(buf, r)
			}
		case space:
			buf = append(buf, ' ')
		case lineBreak:
			buf = append(buf, '\n')
		case hyphen:
			buf = append(buf, '-')
		default:
			buf = append(buf, s[i:i+n]...)
		}
		i += n
	}
	clean = trim(buf[start:])
	if !norm.NFC.IsNormal(clean) {
		// Marks in another order can make a joiner unnecessary.
		clean, _, _ = Clean(norm.NFC.Bytes(clean), nil)
	}
	if bytes.Equal(clean, s) {
		clean, buf = s, buf[:start]
	} else {
		buf = append(buf[:start], clean...)
		clean = buf[start:len(buf):len(buf)]
	}
	for rest := clean; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if classOf(r) == controlCharacter {
			return clean, buf, r
		}
		rest = rest[n:]
	}
	return clean, buf, control
}

// IsClean reports whether a text already follows the rule. It is false for some texts that do, because they have
// joiners or selectors. It is the fast path of [Clean].
func IsClean(s []byte) bool {
	if Plain(s) {
		return true
	}
	wide := false
	for i := 0; i < len(s); {
		b := s[i]
		switch {
		case b >= ' ' && b < 0x7F:
			i++
			continue
		case b >= 0xC3 && b <= 0xCB && i+1 < len(s):
			i += 2 // U+00C0 to U+02FF
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		switch c := classOf(r); {
		case r == '\n', c == wideSpace:
			if i == 0 || i+n == len(s) {
				return false
			}
		case c != visible:
			return false
		}
		wide = wide || r >= firstCombining
		i += n
	}
	return s[0] != ' ' && s[len(s)-1] != ' ' && (!wide || norm.NFC.IsNormal(s))
}

// firstCombining is the first character that normal form C can change, or that can change one before it.
const firstCombining = 0x0300

// CleanString applies the rule to a text.
func CleanString(s string) string {
	clean, _, _ := Clean([]byte(s), nil)
	return string(clean)
}

// Blank reports whether a text is empty after the rule is applied.
func Blank(s []byte) bool {
	for len(s) > 0 {
		if s[0] > ' ' && s[0] < 0x7F {
			return false
		}
		r, n := utf8.DecodeRune(s)
		if !isEdge(r) && !isDropped(r) {
			return false
		}
		s = s[n:]
	}
	return true
}

// class determines how the rule treats a character.
type class uint8

const (
	visible class = iota
	invisible
	joiner
	selector
	space
	wideSpace
	lineBreak
	hyphen
	controlCharacter
)

func classOf(r rune) class {
	if r < 0x300 {
		switch {
		case r == '\n' || r == '\v' || r == '\f' || r == '\r' || r == 0x85:
			return lineBreak
		case r == '\t' || r == ' ' || r == 0xA0:
			return space
		case r < ' ' || r >= 0x7F && r < 0xA0:
			return controlCharacter
		case r == 0xAD:
			return invisible
		}
		return visible
	}
	switch {
	case r >= 0x2000 && r <= 0x200A, r == 0x202F, r == 0x205F:
		return space
	case r == 0x1680, r == 0x3000, r == 0x2800, r == 0x3164, r == 0xFFA0:
		return wideSpace
	case r == 0x2028, r == 0x2029:
		return lineBreak
	case r == 0x2010, r == 0x2011:
		return hyphen
	case r == 0x200C, r == 0x200D, r == 0x034F, r == 0x180E:
		return joiner
	case r >= 0xFE00 && r <= 0xFE0F, r >= 0xE0100 && r <= 0xE01EF, r >= 0xE0020 && r <= 0xE007F:
		return selector
	case r == 0x200B, r == 0xFEFF, r == 0x061C, r == 0x200E, r == 0x200F, r >= 0x202A && r <= 0x202E,
		r >= 0x2060 && r <= 0x206F, r >= 0xFFF9 && r <= 0xFFFB, r == 0xE0001:
		return invisible
	}
	return visible
}

// isDropped reports whether a character by itself is dropped.
func isDropped(r rune) bool {
	c := classOf(r)
	return c == invisible || c == joiner || c == selector
}

// isEdge reports whether a character is dropped at the ends of a text.
func isEdge(r rune) bool {
	switch classOf(r) {
	case space, wideSpace, lineBreak, controlCharacter:
		return true
	}
	return false
}

func trim(s []byte) []byte { return bytes.TrimFunc(s, isEdge) }

// firstJoining is the first character whose script has joining letters. Before it are Latin, Greek, Cyrillic, and
// Armenian, in which joiners have no visible effect.
const firstJoining = 0x0590

// joins reports whether a joiner between these texts changes how they look. It does between two characters of joining
// scripts or emoji, and after a mark, where old Malayalam texts have it at the end of a word.
func joins(before, after []byte) bool {
	left, _ := utf8.DecodeLastRune(before)
	if left < firstJoining || left == utf8.RuneError {
		return false
	}
	right, _ := utf8.DecodeRune(after)
	return right >= firstJoining && right != utf8.RuneError && classOf(right) == visible ||
		unicode.Is(unicode.Mn, left) && classOf(left) == visible
}

// selects reports whether a variation selector or tag changes the character before it. It doesn't change ASCII
// characters, except in a keycap such as 1️⃣.
func selects(before, after []byte) bool {
	left, _ := utf8.DecodeLastRune(before)
	if left >= utf8.RuneSelf && left != utf8.RuneError {
		return !isEdge(left)
	}
	right, _ := utf8.DecodeRune(after)
	return right == 0x20E3
}
