package convert

import (
	"strings"
	"time"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// dateRules are the rules for reading dates. A nil one allows all readings.
type dateRules struct {
	order    schema.DateOrder
	pivot    int
	calendar schema.Calendar
	formats  [][]schema.DateField
	// written are the formats as the schema has them.
	written []string
}

// compileDates returns the rules for dates, or nil if there are none.
func compileDates(rules *schema.Rules) *dateRules {
	if rules.DateOrder == "" && rules.Calendar == "" && rules.PivotYear == 0 && len(rules.DateFormats) == 0 {
		return nil
	}
	d := &dateRules{order: rules.DateOrder, pivot: rules.PivotYear, calendar: rules.Calendar, written: rules.DateFormats}
	for _, f := range rules.DateFormats {
		fields, _ := schema.ParseDateFormat(f, false)
		d.formats = append(d.formats, fields)
	}
	return d
}

// allows reports whether dates can have an order.
func (d *dateRules) allows(o schema.DateOrder) bool { return d == nil || d.order == "" || d.order == o }

// is reports whether dates have this order.
func (d *dateRules) is(o schema.DateOrder) bool { return d != nil && d.order == o }

// buddhistYears is the number of years that the Buddhist calendar is ahead. Its years have the same months and days.
const buddhistYears = 543

func (d *dateRules) isBuddhist() bool { return d != nil && d.calendar == schema.Buddhist }

// gregorian returns the Gregorian year of a year with four digits.
func (d *dateRules) gregorian(year int) int {
	if d.isBuddhist() && isBuddhist(year) {
		return year - buddhistYears
	}
	return year
}

// isOther reports whether a year can be of another calendar than the Gregorian one.
func (d *dateRules) isOther(year int) bool {
	return isOtherCalendar(year) && (d == nil || d.calendar != schema.Gregorian)
}

// years returns the Gregorian years that two digits can mean.
func (d *dateRules) years(n int) []int {
	first := 2000
	if d.isBuddhist() {
		first = 2500 - buddhistYears
	}
	if d == nil || d.pivot == 0 {
		return []int{first + n, first - 100 + n}
	}
	n = (first + n) % 100
	year := d.pivot/100*100 + n
	if year > d.pivot {
		year -= 100
	}
	return []int{year}
}

// quick reads a date with three numbers and a year of four digits, in the order of the rules. It reports false for all others.
func (d *dateRules) quick(s []byte) (c source.Civil, ok bool) {
	if d.order != schema.DMY && d.order != schema.MDY || len(s) < len("1/2/2025") || len(s) > len("11/12/2025") {
		return c, false
	}
	first, rest, separator := twoDigits(s)
	second, year, other := twoDigits(rest)
	if separator != other || separator != '/' && separator != '.' && separator != '-' || len(year) != 4 {
		return c, false
	}
	y, ok := digits(year)
	if d.order == schema.MDY {
		first, second = second, first
	}
	if !ok || first == 0 || !validDate(y, second, first) || d.isOther(y) {
		return c, false
	}
	return source.Civil{Year: y, Month: time.Month(second), Day: first, HasDate: true}, true
}

// twoDigits reads one or two digits and the byte that follows. The separator is 0 if there are no digits.
func twoDigits(s []byte) (n int, rest []byte, separator byte) {
	i := 0
	for ; i < 2 && i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		n = n*10 + int(s[i]-'0')
	}
	if i == 0 || i == len(s) {
		return 0, nil, 0
	}
	return n, s[i+1:], s[i]
}

// inFormats reads a text by the formats of the rules.
func (d *dateRules) inFormats(s []byte) dateText {
	t, ok := fold(s)
	if !ok {
		return dateText{}
	}
	var all readings
	var timed []source.Civil
	for _, fields := range d.formats {
		for _, c := range d.match(fields, string(t), &all) {
			if c.HasTime {
				timed = append(timed, c)
			}
		}
	}
	result := dateText{readings: append(all.found, timed...), why: all.reason()}
	if len(result.readings) > 0 {
		result.why = messages.Message{}
	}
	return result
}

// match reads a text by one format. Dates without a time are added to all.
func (d *dateRules) match(fields []schema.DateField, t string, all *readings) (timed []source.Civil) {
	var clock source.Civil
	years, names, day := []int(nil), 0, 0
	half, hasTime := "", false
	p := &dateParser{rest: t}
	for _, f := range fields {
		if f.Letter == 0 {
			if !p.accept(f.Text) {
				return nil
			}
			continue
		}
		if f.Letter == 'a' {
			if half = p.half(); half == "" {
				return nil
			}
			continue
		}
		if f.Letter == 'M' && f.Width >= 3 {
			word := p.word()
			if names = meaningOf(months, word); names == 0 {
				return nil
			}
			p.accept(".")
			continue
		}
		n, width := p.exactly(f)
		if width == 0 {
			return nil
		}
		switch f.Letter {
		case 'y':
			if years = []int{n}; width == 2 {
				years = d.years(n)
			}
		case 'M':
			if n < 1 || n > 12 {
				return nil
			}
			names = 1 << n
		case 'd':
			day = n
		case 'H', 'h':
			clock.Hour, hasTime = n, true
		case 'm':
			clock.Minute = n
		case 's':
			clock.Second = n
		case 'S':
			for ; width < 9; width++ {
				n *= 10
			}
			clock.Nanosecond = n
		}
	}
	if p.rest != "" || clock.Hour > 23 || clock.Minute > 59 || clock.Second > 59 || half != "" && (clock.Hour < 1 || clock.Hour > 12) {
		return nil
	}
	switch {
	case half == "am" && clock.Hour == 12:
		clock.Hour = 0
	case half == "pm" && clock.Hour < 12:
		clock.Hour += 12
	}
	r := readings{by: d}
	for _, year := range years {
		for month := 1; month <= 12; month++ {
			if names&(1<<month) != 0 {
				r.add(year, month, day)
			}
		}
	}
	all.late = append(all.late, r.late...)
	for _, c := range r.found {
		if hasTime {
			c.Hour, c.Minute, c.Second, c.Nanosecond, c.HasTime = clock.Hour, clock.Minute, clock.Second, clock.Nanosecond, true
			timed = append(timed, c)
			continue
		}
		all.add(c.Year, int(c.Month), c.Day)
	}
	return timed
}

// exactly reads the number of a field: as many digits as it has letters, or one or two for one letter.
func (p *dateParser) exactly(f schema.DateField) (n, width int) {
	most := max(f.Width, 1)
	if f.Width == 1 {
		most = 2
	}
	for width < len(p.rest) && width < most && p.rest[width] >= '0' && p.rest[width] <= '9' {
		n = n*10 + int(p.rest[width]-'0')
		width++
	}
	if f.Width > 1 && width != f.Width {
		return 0, 0
	}
	p.rest = p.rest[width:]
	return n, width
}

// half reads the half of the day.
func (p *dateParser) half() string {
	for _, mark := range []struct{ text, half string }{{"a.m.", "am"}, {"p.m.", "pm"}, {"am", "am"}, {"pm", "pm"}} {
		if len(p.rest) >= len(mark.text) && strings.EqualFold(p.rest[:len(mark.text)], mark.text) {
			p.rest = p.rest[len(mark.text):]
			return mark.half
		}
	}
	return ""
}

// readDateBy returns the fault of a date that was read from a text.
func (c *Column) readDateBy() *Fault {
	if c.dates == nil {
		return normalized
	}
	return byRule[schema.RuleDates]
}

// inForm returns the fault of a text that is not in one of the forms of the rules.
func (c *Column) inForm(cell *source.Cell, d dateText) *Fault {
	forms := alternatives("forms", messages.Texts(c.dates.written...))
	if !d.why.IsZero() {
		return fault(imports.NotADate, messages.New("date.form_impossible", quoteCell(cell), messages.Part("why", d.why), forms))
	}
	return fault(imports.NotADate, messages.New("date.form", quoteCell(cell), forms))
}
