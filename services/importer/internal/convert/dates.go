package convert

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// wanted is an expected kind of value, with the code for cells that do not have it.
type wanted struct {
	code imports.IssueCode
	// name is that of the kind in the catalogs.
	name string
}

var (
	aDate     = wanted{imports.NotADate, "date"}
	aTime     = wanted{imports.NotATime, "time"}
	aDateTime = wanted{imports.NotADate, "date_time"}
)

// date accepts a cell that is formatted as a date, and text.
func (c *Column) date(cell *source.Cell, calendar Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	civil, f := c.local(cell, calendar, &aDate)
	if f.refused() {
		return imports.Value{}, buf, f
	}
	switch {
	case isDayZero(cell, civil):
		return imports.Value{}, buf, normalized
	case !civil.HasDate:
		return imports.Value{}, buf, fault(imports.NotADate, messages.New("date.time_only", civilDate("time", civil), aDate.example()))
	case civil.Hour != 0 || civil.Minute != 0 || civil.Second != 0 || civil.Nanosecond != 0:
		return imports.Value{}, buf, fault(imports.NotADate, messages.New("date.with_time", civilDate("date", civil), c.title(),
			civilDate("day", source.Civil{Year: civil.Year, Month: civil.Month, Day: civil.Day, HasDate: true})))
	}
	start := len(buf)
	buf = appendDate(buf, civil)
	return textValue(buf[start:]), buf, f
}

// timeOfDay accepts a cell that is formatted as a time, and text.
func (c *Column) timeOfDay(cell *source.Cell, calendar Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	civil, f := c.civil(cell, calendar, &aTime)
	if f.refused() {
		return imports.Value{}, buf, f
	}
	switch {
	case isDayZero(cell, civil) && cell.Format.Kind == source.DateOnly:
		return imports.Value{}, buf, fault(imports.NotATime, messages.New("time.day_zero", aTime.example()))
	case civil.HasDate || !civil.HasTime:
		return imports.Value{}, buf, fault(imports.NotATime, messages.New("time.date", civilDate("date", civil), aTime.example()))
	}
	start := len(buf)
	buf = appendTime(buf, civil)
	return textValue(buf[start:]), buf, f
}

// dateTime accepts a cell that is formatted as a date with or without a time, and text.
func (c *Column) dateTime(cell *source.Cell, calendar Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	if c.zone != nil {
		if civil, ok := parseMoment(cell); ok {
			start := len(buf)
			buf = appendTime(append(appendDate(buf, civil), ' '), civil)
			return textValue(buf[start:]), buf, nil
		}
	}
	civil, f := c.local(cell, calendar, &aDateTime)
	if f.refused() {
		if c.zone != nil {
			if moment, g, ok := c.momentInText(cell, calendar); ok {
				if g.refused() {
					return imports.Value{}, buf, g
				}
				start := len(buf)
				buf = appendTime(append(appendDate(buf, moment), ' '), moment)
				return textValue(buf[start:]), buf, g
			}
		}
		return imports.Value{}, buf, f
	}
	switch {
	case isDayZero(cell, civil):
		return imports.Value{}, buf, normalized
	case !civil.HasDate:
		return imports.Value{}, buf, fault(imports.NotADate, messages.New("date.time_only", civilDate("time", civil), aDateTime.example()))
	}
	if c.zone != nil {
		var g *Fault
		if civil, g = c.moment(civil); g != nil {
			return imports.Value{}, buf, g
		}
	}
	start := len(buf)
	buf = appendTime(append(appendDate(buf, civil), ' '), civil)
	return textValue(buf[start:]), buf, f
}

// isDayZero reports whether a cell is formatted as a date and has the value 0, which is the result of a lookup of a
// blank cell.
func isDayZero(cell *source.Cell, c source.Civil) bool {
	return !c.HasDate && cell.Kind == source.Date && !cell.ISO && string(cell.Text) == "0" &&
		(cell.Format.Kind == source.DateOnly || cell.Format.Kind == source.DateTime)
}

// civil returns the date and time of a cell.
func (c *Column) civil(cell *source.Cell, calendar Calendar, w *wanted) (source.Civil, *Fault) {
	switch cell.Kind {
	case source.Date:
		civil, err := calendar.Civil(cell)
		if kind := cell.Format.Kind; err == nil && civil.Nanosecond == 0 && (kind != source.TimeOnly && kind != source.Elapsed ||
			kind == source.TimeOnly && !civil.HasDate) {
			return civil, nil
		}
		return dateCell(cell, civil, err, w)
	case source.Text:
		if civil, ok := parseCivil(cell.Text); ok && !c.dates.isOther(civil.Year) {
			return civil, nil
		}
		if c.dates != nil {
			if civil, ok := c.dates.quick(cell.Text); ok {
				return civil, byRule[schema.RuleDates]
			}
		}
		return c.civilInText(cell, w)
	case source.Number:
		if c.dates != nil && len(c.dates.formats) > 0 {
			if d := c.dates.inFormats(cell.Text); len(d.readings) == 1 {
				return d.readings[0], byRule[schema.RuleDates]
			}
		}
		if len(cell.Text) == len("20250403") && w.code == imports.NotADate {
			// Dates in workbooks don't have such large numbers.
			if d := readDate(cell.Text, nil); len(d.readings) == 1 {
				return d.readings[0], normalized
			}
		}
		return source.Civil{}, fault(w.code, messages.New("date.number", cellNumber(cell), w.kind(), w.example()))
	}
	return source.Civil{}, w.missing(cell)
}

func (w *wanted) missing(cell *source.Cell) *Fault {
	return fault(w.code, messages.New("date", quoteCell(cell), w.kind(), w.example()))
}

// dateCell returns the date and time of a cell that is formatted as a date or time, from the result of the calendar.
func dateCell(cell *source.Cell, civil source.Civil, err error, w *wanted) (source.Civil, *Fault) {
	switch {
	case err == nil:
	case errors.Is(err, source.ErrNoSuchDate):
		return civil, fault(w.code, messages.New("date.never"))
	case errors.Is(err, source.ErrDateRange) && cell.Text[0] == '-':
		return civil, fault(w.code, messages.New("date.negative", cellNumber(cell), w.kind(), w.example()))
	case errors.Is(err, source.ErrDateRange):
		if d := readDate(cell.Text, nil); len(d.readings) == 1 {
			return civil, fault(w.code, messages.New("date.outside_meant", cellNumber(cell), civilDate("date", d.readings[0])))
		}
		return civil, fault(w.code, messages.New("date.outside", cellNumber(cell), w.example()))
	case errors.Is(err, source.ErrDateZone):
		return civil, fault(w.code, messages.New("date.zone", quoteCell(cell), w.example()))
	default:
		return civil, w.missing(cell)
	}
	if cell.ISO {
		return civil, nil
	}
	if f := span(cell, civil, w.code); f != nil {
		return civil, f
	}
	if civil.Nanosecond != 0 && !showsFractions(cell.Format.Code) {
		return roundToSecond(civil)
	}
	return civil, nil
}

// span returns a Fault for a cell whose format shows hours, but whose number is a day or more: it can be a duration, or
// a hidden date.
func span(cell *source.Cell, civil source.Civil, code imports.IssueCode) *Fault {
	kind := cell.Format.Kind
	if kind == source.Elapsed && code == imports.NotADate {
		return fault(code, messages.New("date.duration", hours(cell)))
	}
	if !civil.HasDate || kind != source.TimeOnly && kind != source.Elapsed {
		return nil
	}
	shown := civilDate("time", source.Civil{Hour: civil.Hour, Minute: civil.Minute, Second: civil.Second, HasTime: true})
	switch {
	case code == imports.NotATime && kind == source.Elapsed:
		return fault(code, messages.New("time.duration", hours(cell)))
	case code == imports.NotATime && civil.Year >= 1901:
		return fault(code, messages.New("time.hidden", shown, civilDate("date", civil)))
	case code == imports.NotATime:
		return fault(code, messages.New("time.hidden_duration", shown, hours(cell)))
	case civil.Year < 1901:
		return fault(code, messages.New("date.hidden", shown, civilDate("date", civil)))
	}
	return nil
}

// hours is the parameter with a number of days as hours and minutes: 25:30.
func hours(cell *source.Cell) messages.Parameter {
	days, err := strconv.ParseFloat(string(cell.Text), 64)
	if err != nil {
		return messages.Number("hours", string(cell.Text))
	}
	minutes := int64(days*24*60 + 0.5)
	return messages.Text("hours", fmt.Sprintf("%d:%02d", minutes/60, minutes%60))
}

// showsFractions reports whether a format shows fractions of a second.
func showsFractions(code string) bool {
	return strings.Contains(code, ".0") || strings.Contains(code, ",0")
}

// roundToSecond returns the time that a format without fractions of a second shows. Workbooks store times with a
// precision of a millisecond. A larger fraction is part of the value, but is not shown. The end of a day stays on that
// day.
func roundToSecond(c source.Civil) (source.Civil, *Fault) {
	const millisecond = int(time.Millisecond)
	var f *Fault
	if c.Nanosecond > millisecond && c.Nanosecond < 999*millisecond {
		f = normalized
	}
	up := c.Nanosecond >= 500*millisecond
	c.Nanosecond = 0
	switch {
	case !up:
	case c.Second < 59:
		c.Second++
	case c.Minute < 59:
		c.Minute, c.Second = c.Minute+1, 0
	case c.Hour < 23:
		c.Hour, c.Minute, c.Second = c.Hour+1, 0, 0
	case c.HasDate && f == nil:
		next := time.Date(c.Year, c.Month, c.Day+1, 0, 0, 0, 0, time.UTC)
		c.Year, c.Month, c.Day = next.Date()
		c.Hour, c.Minute, c.Second = 0, 0, 0
	}
	return c, f
}

// civilInText reads a date or time in text that is not in its plain form.
func (c *Column) civilInText(cell *source.Cell, w *wanted) (source.Civil, *Fault) {
	s, _, f := clean(cell, nil)
	if f.refused() {
		return source.Civil{}, f
	}
	var d dateText
	if c.dates != nil && len(c.dates.formats) > 0 {
		if d = c.dates.inFormats(s); len(d.readings) == 0 {
			return source.Civil{}, c.inForm(cell, d)
		}
	}
	if w.code == imports.NotATime {
		d = readTime(s)
		d.readings = append(d.readings, d.hours...)
	}
	if len(d.readings) == 0 && d.why.IsZero() {
		d = readDate(s, c.dates)
	}
	switch {
	case len(d.readings) == 0 && !d.why.IsZero():
		return source.Civil{}, fault(w.code, messages.New("date.impossible", quoteCell(cell), messages.Part("why", d.why), w.example()))
	case len(d.readings) == 0, w.code == imports.NotADate && len(d.hours) > 0:
		return source.Civil{}, w.missing(cell)
	case len(d.readings) > 1:
		code := w.code
		if d.readings[0].HasDate {
			code = imports.AmbiguousDate
		}
		list := make([]messages.Value, len(d.readings))
		for i, r := range d.readings {
			list[i] = messages.Value{Kind: messages.Moment, Text: r.String()}
		}
		return source.Civil{}, fault(code, messages.New("date.ambiguous", quoteCell(cell), alternatives("readings", list)))
	case c.dates.isOther(d.readings[0].Year):
		return source.Civil{}, fault(imports.AmbiguousDate, messages.New("date.calendar", yearOf(d.readings[0].Year), quoteCell(cell)))
	}
	return d.readings[0], c.readDateBy()
}

// isOtherCalendar reports whether a year is recent in the Persian, Islamic, or Buddhist calendar.
func isOtherCalendar(year int) bool {
	return year >= 1300 && year < 1500 || isBuddhist(year)
}

// isBuddhist reports whether a year is recent in the Buddhist calendar.
func isBuddhist(year int) bool { return year >= 2440 && year < 2650 }

// parseCivil reads an ISO 8601 date, time, or both ("2025-04-03", "09:30", "2025-04-03T09:30:15.5"), with "T" or a
// space between them.
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
