package source

import (
	"errors"
	"fmt"
	"time"
)

// Civil is a date, a time of day, or both. It has no time zone, because workbooks don't have time zones.
type Civil struct {
	Year       int // 1900 to 9999; 0 without a date
	Month      time.Month
	Day        int
	Hour       int
	Minute     int
	Second     int
	Nanosecond int // whole milliseconds, unless a date in text is more precise
	HasDate    bool
	HasTime    bool // a time of day is written or shown, even if it is midnight
}

// String returns "2006-01-02", "15:04:05", or both separated by "T", with all digits of a fraction of a second.
func (c Civil) String() string {
	var s string
	if c.HasDate {
		s = fmt.Sprintf("%04d-%02d-%02d", c.Year, int(c.Month), c.Day)
	}
	if !c.HasTime {
		return s
	}
	if c.HasDate {
		s += "T"
	}
	s += fmt.Sprintf("%02d:%02d:%02d", c.Hour, c.Minute, c.Second)
	if c.Nanosecond != 0 {
		digits := fmt.Sprintf(".%09d", c.Nanosecond)
		for digits[len(digits)-1] == '0' {
			digits = digits[:len(digits)-1]
		}
		s += digits
	}
	return s
}

// Errors of Workbook.Civil.
var (
	ErrNotADate      = errors.New("the cell has no date or time")
	ErrDateRange     = errors.New("the number is outside the dates of workbooks, 1900 to 9999")
	ErrNoSuchDate    = errors.New("the number is 29 February 1900, which Excel shows, but which never existed")
	ErrDateZone      = errors.New("the date has an offset from UTC, which a workbook can't store")
	ErrDateMalformed = errors.New("the text is not an ISO 8601 date or time")
)
