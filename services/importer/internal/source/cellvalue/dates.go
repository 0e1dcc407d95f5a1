package cellvalue

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"headway/services/importer/internal/source"
)

const (
	dayMillis  = 24 * 60 * 60 * 1000
	maxSerial  = 2_958_465 // 9999-12-31 counted from 1900
	offset1904 = 1_462     // 1904-01-01 counted from 1900
	leapBug    = 60        // 29 February 1900
)

// Civil returns the date and time of a cell of kind Date or Number, by the date system of its workbook. Fractions are rounded to milliseconds, as in Excel. In the 1900 system, a number from 0 to
// below 1 is a time of day without a date. In the 1904 system, it is one only if the cell's format shows no date. With
// Elapsed formats, the result is the remaining time of day. A caller that needs the duration uses the number itself.
//
// Errors: ErrNotADate, ErrDateRange, ErrNoSuchDate, ErrDateZone,
// ErrDateMalformed.
func Civil(c *source.Cell, date1904 bool) (source.Civil, error) {
	switch {
	case c.Kind == source.Date && c.ISO:
		return parseISO(c.Text)
	case c.Kind == source.Date || c.Kind == source.Number:
		if day, ok := wholeDay(c.Text); ok {
			return civilOf(day, 0, date1904, c.Format.Kind)
		}
		serial, err := strconv.ParseFloat(string(c.Text), 64)
		if err != nil {
			return source.Civil{}, source.ErrNotADate
		}
		return civilFromSerial(serial, date1904, c.Format.Kind)
	}
	return source.Civil{}, source.ErrNotADate
}

// wholeDay returns the number of a day without a time. ok is false for other numbers, and for numbers with more digits than days have.
func wholeDay(text []byte) (day int64, ok bool) {
	if len(text) == 0 || len(text) > len("2958465") {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		day = day*10 + int64(c-'0')
	}
	return day, true
}

func civilFromSerial(serial float64, date1904 bool, shown source.FormatClass) (source.Civil, error) {
	if !(serial >= 0 && serial < maxSerial+1) {
		return source.Civil{}, source.ErrDateRange
	}
	day := int64(math.Floor(serial))
	millis := int64(math.Round((serial - math.Floor(serial)) * dayMillis))
	if millis == dayMillis {
		day, millis = day+1, 0
	}
	return civilOf(day, millis, date1904, shown)
}

// civilOf returns the date and time at so many milliseconds of a day.
func civilOf(day, millis int64, date1904 bool, shown source.FormatClass) (source.Civil, error) {
	c := source.Civil{
		Hour:       int(millis / 3_600_000),
		Minute:     int(millis / 60_000 % 60),
		Second:     int(millis / 1000 % 60),
		Nanosecond: int(millis%1000) * 1_000_000,
		HasTime:    millis != 0 || shown == source.DateTime || shown == source.TimeOnly || shown == source.Elapsed,
	}
	clockOnly := day == 0 && (!date1904 || shown == source.TimeOnly || shown == source.Elapsed)
	if clockOnly {
		c.HasTime = true
		return c, nil
	}
	if date1904 {
		day += offset1904
	}
	switch {
	case day > maxSerial:
		return source.Civil{}, source.ErrDateRange
	case day == leapBug:
		return source.Civil{}, source.ErrNoSuchDate
	case day < leapBug:
		day++
	}
	c.HasDate = true
	// Day 0 is now 1899-12-30, so that all counts from 61 on are correct.
	year, month, dom := time.Unix((day-25_569)*86_400, 0).UTC().Date()
	c.Year, c.Month, c.Day = year, month, dom
	return c, nil
}

// parseISO reads the forms of ISO 8601 that t="d" cells have (ECMA-376 Part 1 §18.17.4.2): a date, a time, or both. It
// ignores "Z", which only means that there is no time zone.
func parseISO(text []byte) (source.Civil, error) {
	var c source.Civil
	b := bytes.TrimSpace(text)
	if len(b) >= 10 && b[4] == '-' && b[7] == '-' {
		year, ok1 := ParseInt(b[:4], 9999)
		month, ok2 := ParseInt(b[5:7], 12)
		day, ok3 := ParseInt(b[8:10], 31)
		if !ok1 || !ok2 || !ok3 || month == 0 || day == 0 || day > daysIn(year, time.Month(month)) {
			return source.Civil{}, source.ErrDateMalformed
		}
		c.Year, c.Month, c.Day, c.HasDate = year, time.Month(month), day, true
		if b = b[10:]; len(b) == 0 {
			return c, nil
		}
		if b[0] != 'T' && b[0] != ' ' {
			return source.Civil{}, source.ErrDateMalformed
		}
		b = b[1:]
	} else if len(b) > 0 && b[0] == 'T' {
		b = b[1:]
	}
	if len(b) < 5 || b[2] != ':' {
		return source.Civil{}, source.ErrDateMalformed
	}
	hour, ok1 := ParseInt(b[:2], 23)
	minute, ok2 := ParseInt(b[3:5], 59)
	if !ok1 || !ok2 {
		return source.Civil{}, source.ErrDateMalformed
	}
	c.Hour, c.Minute, c.HasTime = hour, minute, true
	if b = b[5:]; len(b) >= 3 && b[0] == ':' {
		if c.Second, ok1 = ParseInt(b[1:3], 59); !ok1 {
			return source.Civil{}, source.ErrDateMalformed
		}
		if b = b[3:]; len(b) > 1 && (b[0] == '.' || b[0] == ',') {
			digits := 1
			for unit := 100_000_000; digits < len(b) && b[digits]-'0' <= 9; digits++ {
				c.Nanosecond += int(b[digits]-'0') * unit
				unit /= 10
			}
			if digits == 1 {
				return source.Civil{}, source.ErrDateMalformed
			}
			b = b[digits:]
		}
	}
	switch {
	case len(b) == 0, string(b) == "Z", string(b) == "z":
		return c, nil
	case b[0] == '+' || b[0] == '-':
		return source.Civil{}, source.ErrDateZone
	}
	return source.Civil{}, source.ErrDateMalformed
}

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
