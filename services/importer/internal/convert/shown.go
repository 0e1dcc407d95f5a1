package convert

import (
	"strings"
	"unicode/utf8"
)

// appendShown appends a whole number as a format code shows it (ECMA-376 Part 1 §18.8.31): 7 as EMP-0007 under
// "EMP-"0000. ok is false if the result depends on the computer, for example on its separators, or if the code has
// parts other than digits and fixed text.
func appendShown(dst, number []byte, code string) (out []byte, ok bool) {
	section, negative, ok := sectionFor(code, number)
	if !ok {
		return dst, false
	}
	digits := number
	if digits[0] == '-' {
		digits = digits[1:]
	}
	if negative {
		dst = append(dst, '-')
	}
	if string(digits) == "0" {
		digits = nil
	}
	return appendSection(dst, digits, section)
}

func appendPadded(dst, number []byte, width int) []byte {
	if number[0] == '-' {
		dst, number = append(dst, '-'), number[1:]
	}
	for n := len(number); n < width; n++ {
		dst = append(dst, '0')
	}
	return append(dst, number...)
}

// sectionFor returns the section of a format code that applies to a number, and whether it needs a minus sign.
func sectionFor(code string, number []byte) (section string, minus, ok bool) {
	var sections [4]string
	n := 0
	for rest, more := code, true; more; n++ {
		if n == len(sections) {
			return "", false, false
		}
		sections[n], rest, more = cutSection(rest)
	}
	if n > 1 && strings.Contains(sections[n-1], "@") {
		n-- // that of text
	}
	negative, zero := number[0] == '-', string(number) == "0"
	var conditions [4]condition
	conditional := false
	for i := range n {
		if sections[i], conditions[i], ok = takeBrackets(sections[i]); !ok {
			return "", false, false
		}
		conditional = conditional || conditions[i].operator != ""
	}
	if conditional {
		for i := range n {
			if conditions[i].operator == "" || conditions[i].holds(number) {
				return sections[i], false, !negative
			}
		}
		return "", false, false
	}
	switch {
	case negative && n > 1:
		return sections[1], false, true
	case zero && n > 2:
		return sections[2], false, true
	}
	return sections[0], negative, true
}

// cutSection cuts a format code at the first semicolon that separates sections.
func cutSection(code string) (section, rest string, more bool) {
	for i := 0; i < len(code); i++ {
		switch code[i] {
		case ';':
			return code[:i], code[i+1:], true
		case '\\', '_', '*':
			i++
		case '"', '[':
			end := strings.IndexByte(code[i+1:], closing(code[i]))
			if end < 0 {
				return code, "", false
			}
			i += end + 1
		}
	}
	return code, "", false
}

func closing(b byte) byte {
	if b == '[' {
		return ']'
	}
	return b
}

// condition is the condition of a section, such as [<=9999999].
type condition struct {
	operator string
	limit    []byte
}

func (c condition) holds(number []byte) bool {
	order := compareDecimals(number, c.limit)
	switch c.operator {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "=":
		return order == 0
	}
	return order != 0
}

// takeBrackets removes colors, languages, and a condition from the start of a section. ok is false for other brackets.
func takeBrackets(section string) (rest string, c condition, ok bool) {
	for strings.HasPrefix(section, "[") {
		inner, after, found := strings.Cut(section[1:], "]")
		if !found {
			return "", c, false
		}
		switch {
		case strings.HasPrefix(inner, "$-"):
		case isColor(inner):
		case strings.ContainsAny(inner[:min(1, len(inner))], "<>="):
			limit := strings.TrimLeft(inner, "<>=")
			value, valid := appendDecimal(nil, []byte(limit))
			if !valid || c.operator != "" {
				return "", c, false
			}
			c = condition{inner[:len(inner)-len(limit)], value}
		default:
			return "", c, false
		}
		section = after
	}
	return section, c, true
}

func isColor(name string) bool {
	switch lower := strings.ToLower(name); lower {
	case "black", "blue", "cyan", "green", "magenta", "red", "white", "yellow":
		return true
	default:
		return strings.HasPrefix(lower, "color")
	}
}

// appendSection appends digits as a section shows them. Digits fill the placeholders from the right. Any remaining
// digits come before the first placeholder.
func appendSection(dst, digits []byte, section string) (out []byte, ok bool) {
	const general = "general"
	slots, generals := 0, 0
	for rest := section; rest != ""; {
		var token string
		var literal bool
		switch token, literal, rest = nextToken(rest); {
		case literal:
		case token == "":
			return dst, false
		case token == general:
			generals++
		default:
			slots++
		}
	}
	if generals > 1 || (slots > 0) == (generals > 0) {
		return dst, false
	}
	start, left := len(dst), slots
	for rest := section; rest != ""; {
		var token string
		var literal bool
		switch token, literal, rest = nextToken(rest); {
		case literal:
			dst = append(dst, token...)
		case token == general:
			if len(digits) == 0 {
				digits = []byte("0")
			}
			dst = append(dst, digits...)
		default:
			if left == slots && len(digits) > slots {
				dst = append(dst, digits[:len(digits)-slots]...)
				digits = digits[len(digits)-slots:]
			}
			switch {
			case len(digits) >= left:
				dst = append(dst, digits[len(digits)-left])
			case token == "0":
				dst = append(dst, '0')
			case token == "?":
				dst = append(dst, ' ')
			}
			left--
		}
	}
	return dst, len(strings.TrimSpace(string(dst[start:]))) > 0
}

// nextToken returns the next part of a section: fixed text, a placeholder of a digit, or "general". It is empty for
// anything else.
func nextToken(s string) (token string, literal bool, rest string) {
	_, size := utf8.DecodeRuneInString(s)
	first, rest := s[:size], s[size:]
	switch c := s[0]; {
	case c == '0' || c == '#' || c == '?':
		return first, false, rest
	case c == '"':
		text, after, found := strings.Cut(rest, `"`)
		if !found {
			return "", false, ""
		}
		return text, true, after
	case (c == '\\' || c == '_') && rest != "":
		_, size := utf8.DecodeRuneInString(rest)
		if c == '_' {
			return " ", true, rest[size:]
		}
		return rest[:size], true, rest[size:]
	case c >= utf8.RuneSelf || strings.IndexByte("$-+():!^&'~{}<>= ", c) >= 0:
		return first, true, rest
	case len(s) >= len("general") && strings.EqualFold(s[:len("general")], "general"):
		return "general", false, s[len("general"):]
	case c == '@':
		return "general", false, rest
	}
	return "", false, ""
}
