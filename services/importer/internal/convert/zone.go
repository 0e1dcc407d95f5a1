package convert

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// moment returns the time in UTC of a time in the column's zone. A time that the zone lacks, or has twice, is a Fault.
func (c *Column) moment(civil source.Civil) (source.Civil, *Fault) {
	wall := time.Date(civil.Year, civil.Month, civil.Day, civil.Hour, civil.Minute, civil.Second, civil.Nanosecond, time.UTC)
	before, after := c.offset(wall.Add(-zoneSpan)), c.offset(wall.Add(zoneSpan))
	first, second := wall.Add(-before), wall.Add(-after)
	isFirst, isSecond := c.offset(first) == before, c.offset(second) == after
	switch {
	case before == after || isFirst && !isSecond:
		return inUTC(first)
	case isSecond && !isFirst:
		return inUTC(second)
	case isFirst:
		return source.Civil{}, fault(imports.AmbiguousDate, messages.New("date.twice", civilDate("date", civil), messages.Text("zone", c.zone.String()),
			messages.Text("first", withOffset(first.In(c.zone))), messages.Text("second", withOffset(second.In(c.zone)))))
	}
	return source.Civil{}, fault(imports.NotADate, messages.New("date.skipped", civilDate("date", civil), messages.Text("zone", c.zone.String()),
		messages.Text("first", withOffset(second.In(c.zone))), messages.Text("second", withOffset(first.In(c.zone)))))
}

// zoneSpan is longer than the difference between any zone and UTC, and shorter than the time between two changes of a zone.
const zoneSpan = 26 * time.Hour

// offset returns how far clocks of the column's zone are ahead of UTC.
func (c *Column) offset(at time.Time) time.Duration {
	_, seconds := at.In(c.zone).Zone()
	return time.Duration(seconds) * time.Second
}

func inUTC(at time.Time) (source.Civil, *Fault) {
	if at.Year() < 1 || at.Year() > 9999 {
		return source.Civil{}, fault(imports.NotADate, messages.New("date.years"))
	}
	return source.Civil{Year: at.Year(), Month: at.Month(), Day: at.Day(), Hour: at.Hour(), Minute: at.Minute(), Second: at.Second(), Nanosecond: at.Nanosecond(),
		HasDate: true, HasTime: true}, nil
}

// withOffset writes a time as parseMoment reads it.
func withOffset(at time.Time) string { return at.Format("2006-01-02T15:04:05.999999999Z07:00") }

// parseMoment reads an ISO 8601 date and time with an offset from UTC, "2025-04-03T09:30+02:00", and returns it in UTC.
func parseMoment(cell *source.Cell) (source.Civil, bool) {
	text := cell.Text
	const shortest = len("2025-04-03T09:30Z")
	if cell.Kind != source.Text && (cell.Kind != source.Date || !cell.ISO) || len(text) < shortest {
		return source.Civil{}, false
	}
	var offset time.Duration
	switch sign := text[len(text)-min(len(text), len("+02:00"))]; {
	case text[len(text)-1] == 'Z':
		text = text[:len(text)-1]
	case sign == '+' || sign == '-':
		hours, ok1 := digits(text[len(text)-5 : len(text)-3])
		minutes, ok2 := digits(text[len(text)-2:])
		if !ok1 || !ok2 || text[len(text)-3] != ':' || hours > 23 || minutes > 59 {
			return source.Civil{}, false
		}
		if offset = time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute; sign == '-' {
			offset = -offset
		}
		text = text[:len(text)-len("+02:00")]
	default:
		return source.Civil{}, false
	}
	civil, ok := parseCivil(text)
	if !ok || !civil.HasDate || !civil.HasTime {
		return source.Civil{}, false
	}
	utc, f := inUTC(time.Date(civil.Year, civil.Month, civil.Day, civil.Hour, civil.Minute, civil.Second, civil.Nanosecond, time.UTC).Add(-offset))
	return utc, f == nil
}

// zoneNames are the names of time zones after a time, in lower case. All but the first two mean different offsets in summer or in
// different countries.
var zoneNames = strings.Fields("utc gmt z cet cest mez mesz met mest wet west eet eest msk bst est edt cst cdt mst mdt pst pdt akst akdt hst aest aedt ist jst kst sgt hkt")

// cutZone removes a time zone from the end of a text in lower case: GMT+1, UTC, +02:00, or CET.
func cutZone(s string) (rest, zone string) {
	at := len(s)
	if i := strings.LastIndexAny(s, "+-"); i >= 0 {
		if _, ok := offsetFromUTC(s[i:]); ok {
			at = i
		}
	}
	for _, name := range zoneNames {
		if before, found := strings.CutSuffix(s[:at], name); found && (at == len(s) || name == "utc" || name == "gmt") {
			at = len(before)
			break
		}
	}
	return s[:at], s[at:]
}

// offsetFromUTC reads an offset after a time: UTC, GMT+2, +02, +02:00, or -0530.
func offsetFromUTC(zone string) (time.Duration, bool) {
	zone = strings.TrimPrefix(strings.TrimPrefix(zone, "utc"), "gmt")
	if zone == "" || zone == "z" {
		return 0, true
	}
	if zone[0] != '+' && zone[0] != '-' {
		return 0, false
	}
	n, ok := digits(bytes.ReplaceAll([]byte(zone[1:]), []byte(":"), nil))
	if len(zone) <= len("+02") {
		n *= 100
	}
	if !ok || n > 1400 || n%100 > 59 {
		return 0, false
	}
	offset := time.Duration(n/100)*time.Hour + time.Duration(n%100)*time.Minute
	if zone[0] == '-' {
		offset = -offset
	}
	return offset, true
}

// momentInText reads a text with an offset from UTC in any form, such as 4/3/2025 9:30:00 AM GMT+2, and returns it in UTC.
func (c *Column) momentInText(cell *source.Cell, calendar Calendar) (source.Civil, *Fault, bool) {
	if cell.Kind != source.Text {
		return source.Civil{}, nil, false
	}
	text := bytes.TrimSpace(cell.Text)
	_, zone := cutZone(strings.ToLower(string(text)))
	offset, ok := offsetFromUTC(zone)
	if zone == "" || !ok {
		return source.Civil{}, nil, false
	}
	local := cell.WithText(text[:len(text)-len(zone)])
	civil, f := c.civil(&local, calendar, &aDateTime)
	if f.refused() || !civil.HasDate || !civil.HasTime {
		return source.Civil{}, f, f.refused() && f.Code == imports.AmbiguousDate
	}
	utc, g := inUTC(time.Date(civil.Year, civil.Month, civil.Day, civil.Hour, civil.Minute, civil.Second, civil.Nanosecond, time.UTC).Add(-offset))
	if g == nil {
		g = normalized
	}
	return utc, g, true
}

// local returns the date and time of a cell of a column without a zone. If a text has a zone, its local time is as written: a column
// without a zone has no other one to convert it to.
func (c *Column) local(cell *source.Cell, calendar Calendar, w *wanted) (source.Civil, *Fault) {
	civil, f := c.civil(cell, calendar, w)
	if !f.refused() || c.zone != nil || cell.Kind != source.Text && (cell.Kind != source.Date || !cell.ISO) {
		return civil, f
	}
	text := bytes.TrimSpace(cell.Text)
	rest, zone := cutZone(strings.ToLower(string(text)))
	if zone == "" || canEnd(rest, zone) {
		return civil, f
	}
	written := cell.WithText(bytes.TrimRight(text[:len(text)-len(zone)], " "))
	switch local, g := c.civil(&written, calendar, w); {
	case g.refused() && g.Code != imports.AmbiguousDate, !g.refused() && (!local.HasDate || !local.HasTime):
		return civil, f
	case g == nil:
		return local, normalized
	default:
		return local, g
	}
}

// canEnd reports whether what cutZone has found can be the end of a period, as in 2025-04-03 09:30-10:00, or a number of days, as in
// 9:30 PM +1. rest is the text before it.
func canEnd(rest, zone string) bool {
	switch zone[0] {
	case '+':
		return len(zone) < len("+02")
	case '-':
		return len(zone) < len("-05") || strings.Count(rest, ":") < 2 && !isoTime(rest)
	}
	return false
}

// isoTime reports whether a text in lower case has a time after a date and a T, as in ISO 8601.
func isoTime(s string) bool {
	before, _, found := strings.Cut(s, "t")
	return found && before != "" && before[len(before)-1] >= '0' && before[len(before)-1] <= '9'
}

// compileZone finds the column's time zone.
func (c *Column) compileZone() error {
	if c.spec.Zone == "" {
		return nil
	}
	var err error
	if c.zone, err = time.LoadLocation(c.spec.Zone); err != nil {
		return fmt.Errorf("column %s: %w", c.spec.Name, err)
	}
	return nil
}
