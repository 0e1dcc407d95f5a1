package convert

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"headway/internal/messages"
	"headway/services/importer/internal/source"
)

// readWithWeekday reads a date with a weekday before or after it, or in parentheses: Do, 25.12.2025. The weekday must be that
// of the date. It decides between a day and a month, but not between two centuries.
func readWithWeekday(t string, by *dateRules) (d dateText, ok bool) {
	for start := 0; start < len(t); {
		if r, n := utf8.DecodeRuneInString(t[start:]); !isWordRune(r) {
			start += n
			continue
		}
		end := start + strings.IndexFunc(t[start:]+" ", func(r rune) bool { return !isWordRune(r) })
		word := t[start:end]
		if rest, found := strings.CutPrefix(word, "日"); found && rest != "" { // 2025年12月25日木曜日
			start, word = end-len(rest), rest
		}
		if rest, found := strings.CutPrefix(word, "일"); found && rest != "" {
			start, word = end-len(rest), rest
		}
		if days := meaningOf(weekdays, word); days != 0 {
			if d, ok := readAround(t, start, end, days, by); ok {
				return d, true
			}
		}
		start = end
	}
	return dateText{}, false
}

// isWordRune reports whether a character belongs to a weekday, such as segunda-feira.
func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || r == '-' }

// readAround reads a date around the word from start to end, which can mean several days.
func readAround(t string, start, end, days int, by *dateRules) (d dateText, ok bool) {
	before, after := strings.TrimRight(t[:start], " "), t[end:]
	if opened, found := strings.CutSuffix(before, "("); found {
		if after, found = strings.CutPrefix(strings.TrimPrefix(after, "."), ")"); !found {
			return dateText{}, false
		}
		before = opened
	} else {
		after = strings.TrimPrefix(after, ".")
	}
	before = strings.TrimRight(before, " ,")
	rest := strings.TrimLeft(after, " ,")
	if before != "" && rest != "" {
		before += " "
	}
	d, p := readFolded(before+rest, by)
	if !p.dated || len(d.readings) == 0 && d.why.IsZero() {
		d, p = readTimeFirst(before+rest, by)
	}
	if p == nil || len(d.readings) == 0 {
		return d, !d.why.IsZero()
	}
	if slices.ContainsFunc(d.readings, func(c source.Civil) bool { return c.Year/100 != d.readings[0].Year/100 }) {
		return d, true // a weekday does not determine the century: it might be wrong
	}
	if slices.ContainsFunc(d.readings, func(c source.Civil) bool { return c.Day == p.dayFirst }) {
		d.readings = slices.DeleteFunc(d.readings, func(c source.Civil) bool { return c.Day != p.dayFirst })
	}
	var others []messages.Value
	d.readings = slices.DeleteFunc(d.readings, func(c source.Civil) bool {
		day := weekdayOf(c)
		if days&(1<<day) != 0 {
			return false
		}
		others = append(others, messages.Of(messages.New("why.other_weekday", messages.Date("date", fmt.Sprintf("%04d-%02d-%02d", c.Year, c.Month, c.Day)), messages.Part("day", weekdayName(day)))))
		return true
	})
	if len(d.readings) == 0 {
		d.why = messages.New("why.weekday", messages.List("others", messages.Comma, others...), messages.Text("text", t[start:end]), alternatives("days", weekdayNames(days)))
	}
	return d, true
}

func weekdayOf(c source.Civil) time.Weekday {
	return time.Date(c.Year, c.Month, c.Day, 0, 0, 0, 0, time.UTC).Weekday()
}

func weekdayName(day time.Weekday) messages.Message {
	return messages.New("weekday", messages.Text("day", strconv.Itoa(int(day))))
}

func weekdayNames(days int) (list []messages.Value) {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if days&(1<<day) != 0 {
			list = append(list, messages.Of(weekdayName(day)))
		}
	}
	return list
}

// readTimeFirst reads a time before its date, 09:30 25.12.2025, and the form of C programs, Dec 25 09:30:00 2025.
// The parser is nil if the text has neither form.
func readTimeFirst(t string, by *dateRules) (dateText, *dateParser) {
	fields := strings.Fields(t)
	at := slices.IndexFunc(fields, func(f string) bool { return strings.Contains(f, ":") })
	if at < 0 || len(fields) < 2 || len(fields) > 6 {
		return dateText{}, nil
	}
	clock := strings.TrimRight(fields[at], ",")
	date := slices.Concat(fields[:at], fields[at+1:])
	if at > 0 && (at != len(fields)-2 || len(date[len(date)-1]) != 4) {
		return dateText{}, nil
	}
	d, p := readFolded(strings.Join(date, " ")+" "+clock, by)
	if !p.dated || len(d.readings) == 0 && d.why.IsZero() {
		return dateText{}, nil
	}
	return d, p
}
