package locale

import (
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Order is the order of the parts of a date.
type Order uint8

// The orders.
const (
	DMY Order = iota
	MDY
	YMD
)

// String returns the order as in "day/month/year".
func (o Order) String() string {
	return [...]string{"day, month, year", "month, day, year", "year, month, day"}[o]
}

// dateParts are the numbers and the month of a date.
type dateParts struct {
	numbers []int
	widths  []int
	// word is the name of the month. It is empty if the month is a number.
	word string
	// separator is between the first two numbers.
	separator byte
	hasTime   bool
}

// splitDate finds the parts of a date. It reports false for a text that can't be one in any language.
func splitDate(s string) (d dateParts, ok bool) {
	s = strings.ToLower(normal(s))
	s, d.hasTime = cutTime(s)
	if s == "" || len(s) > 60 {
		return d, false
	}
	for len(s) > 0 {
		r := rune(s[0])
		switch {
		case '0' <= r && r <= '9':
			end := 0
			for end < len(s) && s[end] >= '0' && s[end] <= '9' {
				end++
			}
			if end > 4 && (end != 8 || len(d.numbers) > 0 || len(s) != 8) {
				return d, false
			}
			n, err := strconv.Atoi(s[:end])
			if err != nil {
				return d, false
			}
			d.numbers, d.widths = append(d.numbers, n), append(d.widths, end)
			s = s[end:]
			if len(d.numbers) == 1 && s != "" {
				d.separator = s[0]
			}
		case strings.ContainsRune("-/., :'()", r):
			s = s[1:]
		default:
			end := strings.IndexFunc(s, func(r rune) bool {
				return r < 0x80 && !unicode.IsLetter(r) || unicode.IsDigit(r)
			})
			if end < 0 {
				end = len(s)
			}
			if end == 0 {
				return d, false
			}
			word := s[:end]
			s = s[end:]
			switch {
			case isUnitOfDate(word):
			case fillers[word], weekdays[word] && !monthNames[word]:
			case d.word == "", weekdays[d.word]: // “mar” is March, or Tuesday before another month
				d.word = word
			case word == "tháng", weekdays[word]:
			default:
				return d, false
			}
		}
	}
	if d.word == "tháng" {
		d.word = "" // the month is a number in Vietnamese
	}
	if len(d.numbers) == 1 && d.widths[0] == 8 && d.word == "" {
		n := d.numbers[0]
		d.numbers, d.widths = []int{n / 10000, n / 100 % 100, n % 100}, []int{4, 2, 2}
	}
	want := 3
	if d.word != "" {
		want = 2
	}
	return d, len(d.numbers) == want
}

// isUnitOfDate recognizes the characters for year, month, and day in Chinese, Japanese, and Korean.
func isUnitOfDate(word string) bool {
	switch word {
	case "年", "月", "日", "년", "월", "일", "號", "号":
		return true
	}
	return false
}

// cutTime removes the time of day, with what belongs to it.
func cutTime(s string) (rest string, found bool) {
	colon := strings.IndexByte(s, ':')
	if colon < 1 {
		return s, false
	}
	start := colon
	for start > 0 && s[start-1] >= '0' && s[start-1] <= '9' {
		start--
	}
	end := colon
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == ':' || s[end] == '.' || s[end] == ',') {
		end++
	}
	after := strings.TrimSpace(s[end:])
	for _, mark := range []string{"a.m.", "p.m.", "am", "pm", "uhr", "z", "utc", "gmt"} {
		if rest, ok := strings.CutPrefix(after, mark); ok {
			after = rest
			break
		}
	}
	if len(after) > 0 && (after[0] == '+' || after[0] == '-') {
		after = strings.TrimLeft(after[1:], "0123456789:")
	}
	before := strings.TrimRight(s[:start], " ,t")
	if start == colon || strings.TrimSpace(after) != "" && strings.TrimSpace(before) != "" {
		return s, false
	}
	return strings.TrimSpace(before + after), true
}

// date returns the date of the parts by an order and a language.
func (d dateParts) date(o Order, months map[string]int) (time.Time, bool) {
	var y, m, day, width int
	switch {
	case d.word != "":
		month, ok := months[strings.Trim(d.word, ".׳'")]
		if !ok {
			if month, ok = months[d.word]; !ok {
				return time.Time{}, false
			}
		}
		m = month
		first := 1
		if d.widths[0] > 2 || o == YMD && d.widths[1] <= 2 {
			first = 0
		}
		y, width, day = d.numbers[first], d.widths[first], d.numbers[1-first]
		if d.widths[1-first] > 2 {
			return time.Time{}, false
		}
	default:
		order := [...][3]int{DMY: {2, 1, 0}, MDY: {2, 0, 1}, YMD: {0, 1, 2}}[o]
		y, m, day, width = d.numbers[order[0]], d.numbers[order[1]], d.numbers[order[2]], d.widths[order[0]]
		if d.widths[order[1]] > 2 || d.widths[order[2]] > 2 {
			return time.Time{}, false
		}
	}
	switch width {
	case 4:
	case 2:
		if y += 2000; y > 2068 {
			y -= 100
		}
	default:
		return time.Time{}, false
	}
	t := time.Date(y, time.Month(m), day, 0, 0, 0, 0, time.UTC)
	return t, m >= 1 && m <= 12 && day >= 1 && t.Day() == day && y >= 1000
}
