package convert

import (
	"bytes"
	"strings"

	"headway/services/importer/internal/source"
)

// readTime finds every reading of a cleaned text as a time of day.
func readTime(s []byte) dateText {
	t, ok := fold(s)
	if !ok {
		return dateText{}
	}
	p := &dateParser{rest: string(t)}
	clock, ok := p.clock(false)
	if !ok || p.rest != "" {
		return dateText{why: p.why}
	}
	d := dateText{readings: []source.Civil{clock}}
	if p.pointed {
		d.hours = decimalHours(clock)
	}
	return d
}

// clock reads a time of day. After a date, a point can separate hours and minutes, and they are not decimal hours.
func (p *dateParser) clock(afterDate bool) (c source.Civil, ok bool) {
	if !afterDate && !p.accept("T") {
		p.accept("t")
	}
	if len(p.rest) > 1 && p.rest[0] == '-' && p.rest[1] >= '0' && p.rest[1] <= '9' {
		p.why = "it is negative"
		return c, false
	}
	c.HasTime = true
	var width int
	if c.Hour, width = p.number(2); width == 0 {
		p.why = ""
		return c, false
	}
	minutes := false
	switch {
	case p.accept(":"):
		minutes = true
	case p.accept("."):
		minutes, p.pointed = true, true
	case p.accept(" h"), p.accept("h"), p.accept(" H"), p.accept("H"):
		p.accept(" ")
		minutes = p.rest != "" && p.rest[0] >= '0' && p.rest[0] <= '9'
		if !minutes {
			return c, p.inDay(&c)
		}
	}
	if minutes {
		if c.Minute, width = p.number(2); width != 2 || c.Minute > 59 {
			return c, false
		}
		if p.accept(":") || p.pointed && p.accept(".") {
			p.pointed = false
			if c.Second, width = p.number(2); width != 2 || c.Second > 59 {
				return c, false
			}
			if p.accept(".") || p.accept(",") {
				fraction, width := p.number(9)
				if width == 0 {
					return c, false
				}
				for ; width < 9; width++ {
					fraction *= 10
				}
				c.Nanosecond = fraction
			}
		}
	}
	return c, p.suffix(&c, minutes) && p.inDay(&c)
}

// suffix reads the half of the day or the word for a clock after a time. Hours alone need one.
func (p *dateParser) suffix(c *source.Civil, minutes bool) bool {
	word := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(p.rest, " ")), ".", "")
	switch {
	case word == "":
		return minutes
	case word == "am" || word == "pm":
		if c.Hour < 1 || c.Hour > 12 {
			return false
		}
		c.Hour %= 12
		if word == "pm" {
			c.Hour += 12
		}
	case word == "uhr":
	case word == "z" || word == "utc" || word == "gmt" || isOffset(word):
		p.why = "it has a time zone"
		return false
	default:
		return false
	}
	p.rest, p.pointed = "", false
	return true
}

func isOffset(s string) bool {
	if s == "" || s[0] != '+' && s[0] != '-' {
		return false
	}
	n, ok := digits(bytes.ReplaceAll([]byte(s[1:]), []byte(":"), nil))
	return ok && n <= 1400
}

// inDay reports whether a time is before 24:00.
func (p *dateParser) inDay(c *source.Civil) bool {
	if c.Hour > 23 {
		p.why = "hours go from 0 to 23"
		return false
	}
	return true
}

// decimalHours returns the time that hours with decimals mean: 9.30 hours are 09:18.
func decimalHours(c source.Civil) []source.Civil {
	minutes := c.Minute * 60 / 100
	seconds := c.Minute * 60 % 100 * 60 / 100
	return []source.Civil{{Hour: c.Hour, Minute: minutes, Second: seconds, HasTime: true}}
}
