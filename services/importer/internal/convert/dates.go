package convert

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// wanted is an expected kind of value, with the code for cells that do not have it.
type wanted struct {
	code          imports.IssueCode
	name, example string
}

var (
	aDate     = wanted{imports.NotADate, "a date", "a date such as 2025-04-03"}
	aTime     = wanted{imports.NotATime, "a time of day", "a time of day such as 09:30"}
	aDateTime = wanted{imports.NotADate, "a date with a time", "a date with a time, such as 2025-04-03 09:30"}
)

// date accepts a cell that is formatted as a date, and text.
func (c *Column) date(cell *source.Cell, calendar Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	civil, f := c.civil(cell, calendar, &aDate)
	if f.refused() {
		return imports.Value{}, buf, f
	}
	switch {
	case isDayZero(cell, civil):
		return imports.Value{}, buf, normalized
	case !civil.HasDate:
		return imports.Value{}, buf, fault(imports.NotADate, "%s is a time of day without a date. Enter %s.", civil, aDate.example)
	case civil.Hour != 0 || civil.Minute != 0 || civil.Second != 0 || civil.Nanosecond != 0:
		return imports.Value{}, buf, fault(imports.NotADate, "%s has a time of day, but %s can hold only a date. Enter %s.", civil, c.spec.Title,
			source.Civil{Year: civil.Year, Month: civil.Month, Day: civil.Day, HasDate: true})
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
		return imports.Value{}, buf, fault(imports.NotATime, "The cell shows day 0 of 1900, which is not a time of day. Enter %s.", aTime.example)
	case civil.HasDate || !civil.HasTime:
		return imports.Value{}, buf, fault(imports.NotATime, "%s is a date. Enter %s.", civil, aTime.example)
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
	civil, f := c.civil(cell, calendar, &aDateTime)
	if f.refused() {
		return imports.Value{}, buf, f
	}
	switch {
	case isDayZero(cell, civil):
		return imports.Value{}, buf, normalized
	case !civil.HasDate:
		return imports.Value{}, buf, fault(imports.NotADate, "%s is a time of day without a date. Enter %s.", civil, aDateTime.example)
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
		if civil, ok := parseCivil(cell.Text); ok && !isOtherCalendar(civil.Year) {
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
		return source.Civil{}, fault(w.code, "The cell has the number %s instead of %s. Enter %s, or change the cell's format.", cell.Text, w.name, w.example)
	}
	return source.Civil{}, w.missing(cell)
}

func (w *wanted) missing(cell *source.Cell) *Fault {
	return fault(w.code, "%s is not %s. Enter %s.", quoteCell(cell), w.name, w.example)
}

// dateCell returns the date and time of a cell that is formatted as a date or time, from the result of the calendar.
func dateCell(cell *source.Cell, civil source.Civil, err error, w *wanted) (source.Civil, *Fault) {
	switch {
	case err == nil:
	case errors.Is(err, source.ErrNoSuchDate):
		return civil, fault(w.code, "The cell shows 29 February 1900, which never existed. Enter the right date.")
	case errors.Is(err, source.ErrDateRange) && cell.Text[0] == '-':
		return civil, fault(w.code, "The cell holds the negative number %s, which is not %s. Enter %s.", cell.Text, w.name, w.example)
	case errors.Is(err, source.ErrDateRange):
		if d := readDate(cell.Text, nil); len(d.readings) == 1 {
			return civil, fault(w.code, "The number %s is outside the range of Excel dates, 1900 to 9999. Did you mean %s?", cell.Text, d.readings[0])
		}
		return civil, fault(w.code, "The number %s is outside the range of Excel dates, 1900 to 9999. Enter %s.", cell.Text, w.example)
	case errors.Is(err, source.ErrDateZone):
		return civil, fault(w.code, "%s has a time zone, which can't be imported. Enter %s.", quoteCell(cell), w.example)
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
		return fault(code, "The cell shows a duration, %s, instead of a date. Enter the date.", hours(cell))
	}
	if !civil.HasDate || kind != source.TimeOnly && kind != source.Elapsed {
		return nil
	}
	shown := source.Civil{Hour: civil.Hour, Minute: civil.Minute, Second: civil.Second, HasTime: true}
	switch {
	case code == imports.NotATime && kind == source.Elapsed:
		return fault(code, "The cell shows a duration, %s, instead of a time of day. Enter a time before 24:00.", hours(cell))
	case code == imports.NotATime && civil.Year >= 1901:
		return fault(code, "The cell shows %s, and its date %s is hidden. Enter the time of day.", shown, civil)
	case code == imports.NotATime:
		return fault(code, "The cell shows %s, but contains a duration of %s hours. Enter the time of day.", shown, hours(cell))
	case civil.Year < 1901:
		return fault(code, "The cell shows %s, and its date %s is hidden. Enter the date.", shown, civil)
	}
	return nil
}

// hours returns a number of days as hours and minutes: 25:30.
func hours(cell *source.Cell) string {
	days, err := strconv.ParseFloat(string(cell.Text), 64)
	if err != nil {
		return string(cell.Text)
	}
	minutes := int64(days*24*60 + 0.5)
	return fmt.Sprintf("%d:%02d", minutes/60, minutes%60)
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
	if len(d.readings) == 0 && d.why == "" {
		d = readDate(s, c.dates)
	}
	switch {
	case len(d.readings) == 0 && d.why != "":
		return source.Civil{}, fault(w.code, "%s can't be imported: %s. Enter %s.", quoteCell(cell), d.why, w.example)
	case len(d.readings) == 0, w.code == imports.NotADate && len(d.hours) > 0:
		return source.Civil{}, w.missing(cell)
	case len(d.readings) > 1:
		code := w.code
		if d.readings[0].HasDate {
			code = imports.AmbiguousDate
		}
		list := make([]string, len(d.readings))
		for i, r := range d.readings {
			list[i] = r.String()
		}
		return source.Civil{}, fault(code, "%s can be read as %s. Enter the one that you mean.", quoteCell(cell), alternatives(list))
	case isOtherCalendar(d.readings[0].Year):
		return source.Civil{}, fault(imports.AmbiguousDate, "The year %d in %s can be Gregorian or from another calendar. Enter the Gregorian date.",
			d.readings[0].Year, quoteCell(cell))
	}
	return d.readings[0], c.readDateBy()
}

// isOtherCalendar reports whether a year is recent in the Persian, Islamic, or Buddhist calendar.
func isOtherCalendar(year int) bool {
	return year >= 1300 && year < 1500 || year >= 2440 && year < 2650
}

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
