package schema

import (
	"fmt"
	"slices"
	"strings"
)

// DateField is a part of a date's form.
type DateField struct {
	// Letter is y, M, d, H, h, m, s, S, or a, as in UTS #35, or 0 for a text.
	Letter byte
	Width  int
	Text   string
}

// dateWidths are the widths of the fields of dates. Names of months have three letters or more.
var dateWidths = map[byte][]int{'y': {2, 4}, 'M': {1, 2, 3, 4}, 'd': {1, 2}, 'H': {1, 2}, 'h': {1, 2}, 'm': {1, 2}, 's': {1, 2}, 'S': {1, 2, 3, 4, 5, 6}, 'a': {1}}

// ParseDateFormat returns the fields of a form of dates, or why it is not one. A form without a time is for a day.
func ParseDateFormat(format string, day bool) (fields []DateField, why string) {
	seen := map[byte]bool{}
	for i := 0; i < len(format); {
		b := format[i]
		switch {
		case b == '\'':
			end := strings.IndexByte(format[i+1:], '\'')
			if end < 0 {
				return nil, "an apostrophe is missing"
			}
			literal := format[i+1 : i+1+end]
			if end == 0 {
				literal = "'"
			}
			fields = append(fields, DateField{Text: literal})
			i += end + 2
		case isLetter(b):
			end := i
			for end < len(format) && format[end] == b {
				end++
			}
			if !slices.Contains(dateWidths[b], end-i) {
				return nil, fmt.Sprintf("%q has no meaning. Use d, dd, M, MM, MMM, yy, yyyy, H, HH, h, mm, ss, and a, and put other letters between apostrophes", format[i:end])
			}
			if seen[b] {
				return nil, fmt.Sprintf("%q is there twice", string(b))
			}
			seen[b] = true
			fields = append(fields, DateField{Letter: b, Width: end - i})
			i = end
		case isDigit(b):
			return nil, "it is an example instead of a form. Write dd.MM.yyyy for 25.12.2025"
		default:
			end := i
			for end < len(format) && format[end] != '\'' && !isLetter(format[end]) && !isDigit(format[end]) {
				end++
			}
			fields = append(fields, DateField{Text: format[i:end]})
			i = end
		}
	}
	timed := seen['H'] || seen['h'] || seen['m'] || seen['s'] || seen['S'] || seen['a']
	switch {
	case !seen['d'] || !seen['M'] || !seen['y']:
		return nil, "it needs d, M, and y for the day, the month, and the year"
	case day && timed:
		return nil, "it has a time of day, and the column has the type date"
	case timed && (!seen['H'] && !seen['h'] || seen['H'] && seen['h']):
		return nil, "a time needs H for hours up to 23, or h for hours up to 12"
	case seen['h'] != seen['a']:
		return nil, "h and a belong together: hh:mm a"
	case seen['s'] && !seen['m'], seen['S'] && !seen['s']:
		return nil, "a part of the time is missing"
	}
	for i := 1; i < len(fields); i++ {
		a, b := fields[i-1], fields[i]
		if a.Letter != 0 && b.Letter != 0 && (a.Width == 1 && a.Letter != 'a' || a.Width >= 3 && a.Letter == 'M') {
			return nil, "the end of a part is not clear. Use two letters, as in ddMMyyyy, or a separator"
		}
	}
	return fields, ""
}

func isLetter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }

func isDigit(b byte) bool { return b >= '0' && b <= '9' }
