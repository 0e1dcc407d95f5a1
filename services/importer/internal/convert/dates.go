package convert

import (
	"time"

	"headway/services/importer/internal/source"
)

// parseCivil reads an ISO 8601 date, time or both ("2025-04-03", "09:30", "2025-04-03T09:30:15.5"; a space may stand
// for the T).
func parseCivil(text []byte) (source.Civil, bool) {
	var c source.Civil
	if len(text) >= 10 && text[4] == '-' && text[7] == '-' {
		year, ok1 := digits(text[:4])
		month, ok2 := digits(text[5:7])
		day, ok3 := digits(text[8:10])
		if !ok1 || !ok2 || !ok3 || !validDate(year, month, day) {
			return c, false
		}
		c.Year, c.Month, c.Day, c.HasDate = year, time.Month(month), day, true
		if text = text[10:]; len(text) == 0 {
			return c, true
		}
		if text[0] != 'T' && text[0] != ' ' {
			return c, false
		}
		text = text[1:]
	}
	return c, parseClock(text, &c)
}

func parseClock(text []byte, c *source.Civil) bool {
	if len(text) < 5 || text[2] != ':' {
		return false
	}
	var ok1, ok2, ok3 bool
	c.Hour, ok1 = digits(text[:2])
	c.Minute, ok2 = digits(text[3:5])
	c.HasTime = true
	if !ok1 || !ok2 || c.Hour > 23 || c.Minute > 59 {
		return false
	}
	if text = text[5:]; len(text) == 0 {
		return true
	}
	if len(text) < 3 || text[0] != ':' {
		return false
	}
	if c.Second, ok3 = digits(text[1:3]); !ok3 || c.Second > 59 {
		return false
	}
	if text = text[3:]; len(text) == 0 {
		return true
	}
	if text[0] != '.' || len(text) < 2 || len(text) > 10 {
		return false
	}
	scale := 100_000_000
	for _, b := range text[1:] {
		if b < '0' || b > '9' {
			return false
		}
		c.Nanosecond += int(b-'0') * scale
		scale /= 10
	}
	return true
}

// twoReadings tells whether a text is a date that can be read day first or month first, and gives both readings.
func twoReadings(text []byte) (readings [2]string, ok bool) {
	var parts [3]int
	n, width := 0, 0
	widths := [3]int{}
	for i := 0; i <= len(text); i++ {
		if i == len(text) || text[i] == '/' || text[i] == '.' || text[i] == '-' {
			if width == 0 || width > 4 || n == 3 {
				return readings, false
			}
			widths[n] = width
			n, width = n+1, 0
			continue
		}
		if text[i] < '0' || text[i] > '9' || n == 3 {
			return readings, false
		}
		parts[n] = parts[n]*10 + int(text[i]-'0')
		width++
	}
	if n != 3 || widths[0] > 2 || widths[1] > 2 || widths[2] != 2 && widths[2] != 4 {
		return readings, false
	}
	a, b, year := parts[0], parts[1], parts[2]
	if widths[2] == 2 {
		year += 2000
	}
	if a == b || !validDate(year, a, b) || !validDate(year, b, a) {
		return readings, false
	}
	dayFirst := source.Civil{Year: year, Month: time.Month(b), Day: a, HasDate: true}
	monthFirst := source.Civil{Year: year, Month: time.Month(a), Day: b, HasDate: true}
	return [2]string{dayFirst.String(), monthFirst.String()}, true
}

func validDate(year, month, day int) bool {
	if month < 1 || month > 12 || day < 1 || day > 31 || year < 1 {
		return false
	}
	return day <= 28 || time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Day() == day
}

func digits(text []byte) (n int, ok bool) {
	for _, b := range text {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = n*10 + int(b-'0')
	}
	return n, len(text) > 0
}

func appendDate(dst []byte, c source.Civil) []byte {
	dst = append(dst, byte('0'+c.Year/1000), byte('0'+c.Year/100%10))
	dst = append(appendTwo(dst, c.Year%100), '-')
	dst = append(appendTwo(dst, int(c.Month)), '-')
	return appendTwo(dst, c.Day)
}

func appendTime(dst []byte, c source.Civil) []byte {
	dst = append(appendTwo(dst, c.Hour), ':')
	dst = append(appendTwo(dst, c.Minute), ':')
	dst = appendTwo(dst, c.Second)
	if c.Nanosecond == 0 {
		return dst
	}
	dst = append(dst, '.')
	for rest, scale := c.Nanosecond, 100_000_000; rest > 0; scale /= 10 {
		dst = append(dst, byte('0'+rest/scale))
		rest %= scale
	}
	return dst
}

func appendTwo(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }
