package text

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"headway/internal/messages"
)

// maxNamed is the maximum number of unseen characters that a message names.
const maxNamed = 3

// Quote returns at most limit characters of a text in quotation marks, followed by the names of its invisible
// characters, or of a letter of another alphabet that looks like one of the text's: “K1” (U+00A0 after the text).
func Quote(s []byte, limit int) string {
	return Quoted(s, limit).In(messages.English)
}

// Quoted is Quote for a message.
func Quoted(s []byte, limit int) messages.Value {
	if Plain(s) {
		return messages.Quote(Clip(s, limit))
	}
	clean, _, _ := Clean(s, nil)
	clean = shown(clean)
	remarks := remarksOn(s)
	if len(remarks) == 0 {
		remarks = lookAlike(string(clean))
	}
	return messages.Quote(Clip(clean, limit), remarks...)
}

// HasUnseen reports whether a text has characters that the rule removes, replaces, or refuses.
func HasUnseen(s []byte) bool { return len(remarksOn(s)) > 0 }

// remarksOn names the characters of a text that the rule removes, replaces, or refuses, with their positions: "U+200B after the
// text".
func remarksOn(s []byte) (found []messages.Message) {
	first, last := visibleEnds(s)
	seen := map[string]bool{}
	add := func(id string, m messages.Message) {
		if !seen[id] {
			seen[id] = true
			found = append(found, m)
		}
	}
	before, after := blanks(s[:first]), messages.Message{}
	if last > first {
		after = blanks(s[last:])
	}
	if !before.IsZero() && !after.IsZero() {
		add("around", messages.New("remark.around"))
		before, after = messages.Message{}, messages.Message{}
	}
	if !before.IsZero() {
		add("blanks before", messages.New("remark.before", messages.Part("character", before)))
	}
	for i := 0; i < len(s) && len(found) <= maxNamed; {
		r, n := utf8.DecodeRune(s[i:])
		c, inside := classOf(r), i >= first && i < last
		switch {
		case c == visible, inside && (c == wideSpace || r == ' ' || r == '\n'), !inside && isASCIIBlank(r), kept(s, i, n):
		case first == last:
			add(fmt.Sprint(r), messages.New("remark.only", messages.Part("character", nameOf(r))))
		case i < first:
			add(fmt.Sprint("before ", r), messages.New("remark.before", messages.Part("character", nameOf(r))))
		case i < last:
			add(fmt.Sprint(tail(s[:i]), r), messages.New("remark.inside", messages.Part("character", nameOf(r)), messages.Text("text", tail(s[:i]))))
		default:
			add(fmt.Sprint("after ", r), messages.New("remark.after", messages.Part("character", nameOf(r))))
		}
		i += n
	}
	if !after.IsZero() {
		add("blanks after", messages.New("remark.after", messages.Part("character", after)))
	}
	if !norm.NFC.IsNormal(s) {
		add("decomposed", messages.New("remark.decomposed"))
	}
	if len(found) > maxNamed {
		found = append(found[:maxNamed], messages.New("remark.more"))
	}
	return found
}

// blanks describes the ASCII blanks at the end of a text. It returns no message if there are none.
func blanks(s []byte) (m messages.Message) {
	n := 0
	for _, b := range s {
		if isASCIIBlank(rune(b)) {
			n++
		}
	}
	switch n {
	case 0:
		return m
	case 1:
		return nameOf(rune(s[strings.IndexFunc(string(s), isASCIIBlank)]))
	}
	return character("blanks", ' ')
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

// names has the names of common invisible characters in the catalogs.
var names = map[rune]string{
	' ': "blank", '\t': "tab", '\n': "line_break", '\r': "carriage_return", 0: "null",
	0xA0: "no_break_space", 0x202F: "narrow_no_break_space", 0x2009: "thin_space",
	0x3000: "ideographic_space", 0x200B: "zero_width_space", 0xFEFF: "byte_order_mark",
	0xAD: "soft_hyphen", 0x200C: "zero_width_non_joiner", 0x200D: "zero_width_joiner",
	0x200E: "left_to_right_mark", 0x200F: "right_to_left_mark", 0x2060: "word_joiner",
	0x2010: "hyphen", 0x2011: "non_breaking_hyphen",
	0x202A: "left_to_right_embedding", 0x202C: "end_of_embedding",
}

func nameOf(r rune) messages.Message {
	name, ok := names[r]
	if !ok && classOf(r) == controlCharacter {
		name = "control"
	}
	return character(name, r)
}

// character returns a character, by its name in the catalogs or by its code.
func character(name string, r rune) messages.Message {
	return messages.New("character", messages.Text("name", name), messages.Text("code", fmt.Sprintf("U+%04X", r)))
}
