package cellvalue

import (
	"strings"

	"headway/services/importer/internal/source"
)

// Classify determines the class of a format code (ECMA-376 Part 1 §18.8.31) by its first section, which is for positive
// numbers, without literals.
func Classify(code string) source.FormatClass {
	var date, clock, month, elapsed bool
	lower := strings.ToLower(code)
	for i := 0; i < len(lower); i++ {
		switch c := lower[i]; c {
		case ';':
			i = len(lower)
		case '"':
			i = skipTo(lower, i+1, '"')
		case '\\', '_', '*':
			i++
			for i+1 < len(lower) && lower[i+1]&0xC0 == 0x80 {
				i++ // the rest of a multibyte character
			}
		case '[':
			end := skipTo(lower, i+1, ']')
			if name := lower[i+1 : min(end, len(lower))]; name != "" &&
				(strings.Trim(name, "h") == "" || strings.Trim(name, "m") == "" || strings.Trim(name, "s") == "") {
				elapsed = true
			}
			i = end
		case 'g':
			if strings.HasPrefix(lower[i:], "general") {
				i += len("general") - 1
				continue
			}
			date = true
		case 'e':
			if i+1 < len(lower) && (lower[i+1] == '+' || lower[i+1] == '-') {
				i++
				continue
			}
			date = true
		case 'a':
			switch {
			case strings.HasPrefix(lower[i:], "am/pm"):
				clock = true
				i += len("am/pm") - 1
			case strings.HasPrefix(lower[i:], "a/p"):
				clock = true
				i += len("a/p") - 1
			default:
				date = true
			}
		case 'y', 'd', 'b':
			date = true
		case 'h', 's':
			clock = true
		case 'm':
			month = true
		}
	}
	switch {
	case elapsed:
		return source.Elapsed
	case date && clock:
		return source.DateTime
	case date, month && !clock:
		return source.DateOnly
	case clock:
		return source.TimeOnly
	}
	return source.Plain
}

func skipTo(s string, from int, c byte) int {
	if i := strings.IndexByte(s[min(from, len(s)):], c); i >= 0 {
		return from + i
	}
	return len(s)
}
