package text

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxNamed is the maximum number of unseen characters that a message names.
const maxNamed = 3

// Quote returns at most limit characters of a text in quotation marks, followed by the names of its invisible
// characters, or of a letter of another alphabet that looks like one of the text's: “K1” (U+00A0 after the text).
func Quote(s []byte, limit int) string {
	if Plain(s) {
		return "“" + Clip(s, limit) + "”"
	}
	clean, _, _ := Clean(s, nil)
	clean = shown(clean)
	quoted := "“" + Clip(clean, limit) + "”"
	unseen := Unseen(s)
	if unseen == "" {
		unseen = lookAlike(string(clean))
	}
	if unseen != "" {
		quoted += " (" + unseen + ")"
	}
	return quoted
}

// Unseen returns the names and positions of the characters of a text that the rule removes, replaces, or refuses:
// "U+200B after the text". It is empty if there are none.
func Unseen(s []byte) string {
	first, last := visibleEnds(s)
	var found []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			found = append(found, name)
		}
	}
	before, after := blanks(s[:first]), ""
	if last > first {
		after = blanks(s[last:])
	}
	if before != "" && after != "" {
		add("blanks around the text")
		before, after = "", ""
	}
	if before != "" {
		add(before + " before the text")
	}
	for i := 0; i < len(s) && len(found) <= maxNamed; {
		r, n := utf8.DecodeRune(s[i:])
		c, inside := classOf(r), i >= first && i < last
		switch {
		case c == visible, inside && (c == wideSpace || r == ' ' || r == '\n'), !inside && isASCIIBlank(r), kept(s, i, n):
		case first == last:
			add(nameOf(r))
		case i < first:
			add(nameOf(r) + " before the text")
		case i < last:
			add(nameOf(r) + " after “" + tail(s[:i]) + "”")
		default:
			add(nameOf(r) + " after the text")
		}
		i += n
	}
	if after != "" {
		add(after + " after the text")
	}
	if !norm.NFC.IsNormal(s) {
		add("letters and accents in separate characters")
	}
	if len(found) > maxNamed {
		found = append(found[:maxNamed], "and more")
	}
	return strings.Join(found, ", ")
}

// blanks describes the ASCII blanks at the end of a text. It returns nothing if there are none.
func blanks(s []byte) string {
	n := 0
	for _, b := range s {
		if isASCIIBlank(rune(b)) {
			n++
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return nameOf(rune(s[strings.IndexFunc(string(s), isASCIIBlank)]))
	}
	return "blanks"
}

func isASCIIBlank(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }

// kept reports whether the rule keeps the character at i of a text as a joiner or selector.
func kept(s []byte, i, n int) bool {
	r, _ := utf8.DecodeRune(s[i:])
	c := classOf(r)
	return c == joiner && joins(s[:i], s[i+n:]) || c == selector && selects(s[:i], s[i+n:])
}

// visibleEnds returns the start of the first and the end of the last visible character of a text.
func visibleEnds(s []byte) (first, last int) {
	first = -1
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRune(s[i:])
		if classOf(r) == visible || classOf(r) == hyphen {
			if first < 0 {
				first = i
			}
			last = i + n
		}
		i += n
	}
	return max(first, 0), last
}

// tail returns the end of a text, to describe the position of the next character.
func tail(s []byte) string {
	const length = 8
	start := len(s)
	for range 2 * length {
		_, n := utf8.DecodeLastRune(s[:start])
		start -= n
	}
	runes := []rune(string(shown(s[start:])))
	return string(runes[max(0, len(runes)-length):])
}

// shown returns a text without its invisible characters, and with a blank for each control character and line break.
func shown(s []byte) []byte {
	return []byte(strings.Map(func(r rune) rune {
		switch classOf(r) {
		case invisible:
			return -1
		case controlCharacter, lineBreak:
			return ' '
		}
		return r
	}, string(s)))
}

// Clip shortens a text to limit characters. If the text is longer, the last of them is "…".
func Clip(s []byte, limit int) string {
	if len(s) <= limit || utf8.RuneCount(s) <= limit {
		return string(s)
	}
	end := 0
	for range limit - 1 {
		_, n := utf8.DecodeRune(s[end:])
		end += n
	}
	return string(s[:end]) + "…"
}

// names has the names of common invisible characters.
var names = map[rune]string{
	' ': "a blank", '\t': "a tab", '\n': "a line break", '\r': "a carriage return", 0: "U+0000 (null)",
	0xA0: "U+00A0 (no-break space)", 0x202F: "U+202F (narrow no-break space)", 0x2009: "U+2009 (thin space)",
	0x3000: "U+3000 (ideographic space)", 0x200B: "U+200B (zero-width space)", 0xFEFF: "U+FEFF (byte order mark)",
	0xAD: "U+00AD (soft hyphen)", 0x200C: "U+200C (zero-width non-joiner)", 0x200D: "U+200D (zero-width joiner)",
	0x200E: "U+200E (left-to-right mark)", 0x200F: "U+200F (right-to-left mark)", 0x2060: "U+2060 (word joiner)",
	0x2010: "U+2010 (hyphen)", 0x2011: "U+2011 (non-breaking hyphen)",
	0x202A: "U+202A (left-to-right embedding)", 0x202C: "U+202C (end of embedding)",
}

func nameOf(r rune) string {
	if name, ok := names[r]; ok {
		return name
	}
	if classOf(r) == controlCharacter {
		return fmt.Sprintf("U+%04X (control character)", r)
	}
	return fmt.Sprintf("U+%04X", r)
}
