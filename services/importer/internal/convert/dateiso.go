package convert

import (
	"fmt"
	"time"

	"headway/internal/messages"
	"headway/services/importer/internal/source"
)

// basic reads ISO 8601's basic form, 20250403, for years of 1900 to 2099. Read from the other end, the year would be
// before 1300.
func (p *dateParser) basic() []source.Civil {
	time := ""
	if len(p.rest) == len("20250403093000") {
		p.rest, time = p.rest[:8], p.rest[8:]
	}
	n, width := p.number(8)
	p.rest += time
	if width != 8 || n < 1900_00_00 || n >= 2100_00_00 {
		return nil
	}
	var r readings
	r.add(n/10000, n/100%100, n%100)
	p.compact = true
	return r.found
}

// week reads a day of an ISO 8601 week: 2025-W14-4.
func (p *dateParser) week() []source.Civil {
	year, width := p.number(4)
	if width != 4 {
		return nil
	}
	extended := p.accept("-")
	if !p.accept("W") && !p.accept("w") {
		return nil
	}
	week, width := p.number(2)
	if !extended && width == 0 {
		week, width = p.number(3) // the day follows without a separator
		if width == 3 {
			p.rest = fmt.Sprint(week%10) + p.rest
			week, width = week/10, 2
		}
	}
	if width != 2 || week < 1 || week > 53 {
		return nil
	}
	if p.rest == "" {
		p.why = messages.New("why.week")
		return nil
	}
	if extended && !p.accept("-") {
		return nil
	}
	day, width := p.number(1)
	if width != 1 || day < 1 || day > 7 {
		return nil
	}
	// Week 1 has the fourth of January.
	fourth := time.Date(year, time.January, 4, 0, 0, 0, 0, time.UTC)
	monday := fourth.AddDate(0, 0, -(int(fourth.Weekday())+6)%7)
	date := monday.AddDate(0, 0, (week-1)*7+day-1)
	if y, w := date.ISOWeek(); y != year || w != week {
		p.why = messages.New("why.weeks", yearOf(year))
		return nil
	}
	var r readings
	r.add(date.Year(), int(date.Month()), date.Day())
	return r.found
}

// ordinal reads ISO 8601's day of a year: 2025-359.
func (p *dateParser) ordinal() []source.Civil {
	year, width := p.number(4)
	if width != 4 || !p.accept("-") {
		return nil
	}
	day, width := p.number(3)
	if width != 3 || day < 1 {
		return nil
	}
	date := time.Date(year, time.January, day, 0, 0, 0, 0, time.UTC)
	if date.Year() != year {
		p.why = messages.New("why.days_of_year", yearOf(year), messages.Count("days", time.Date(year, time.December, 31, 0, 0, 0, 0, time.UTC).YearDay()))
		return nil
	}
	var r readings
	r.add(year, int(date.Month()), date.Day())
	return r.found
}
