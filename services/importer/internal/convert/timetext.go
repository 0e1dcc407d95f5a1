package convert

import (
	"strings"

	"headway/internal/messages"
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

// clock reads a time of day. After a date, numbers with a point are hours and minutes, not decimal hours.
func (p *dateParser) clock(afterDate bool) (c source.Civil, ok bool) {
	worded := false
	if !afterDate {
		worded = p.acceptAny("kl. ", "kl ", "Kl. ", "Kl ", "um ", "at ", "à ", "alle ", "ore ")
		p.acceptAny("T", "t")
	}
	half := p.halfOfDay()
	if len(p.rest) > 1 && p.rest[0] == '-' && p.rest[1] >= '0' && p.rest[1] <= '9' {
		p.why = messages.New("why.negative")
		return c, false
	}
	c.HasTime = true
	var width int
	if c.Hour, width = p.number(2); width == 0 {
		p.why = messages.Message{}
		return c, false
	}
	if p.acceptAny("時", "时", "点", "點", "시") {
		return c, p.asianMinutes(&c) && setHalf(&c, half) && p.inDay(&c)
	}
	minutes := false
	switch {
	case p.accept(":"):
		minutes = true
	case p.accept("."):
		minutes, p.pointed = true, !worded
	case p.acceptAny(" Uhr ", " uhr "):
		minutes = true
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
	return c, p.suffix(&c, minutes) && setHalf(&c, half) && p.inDay(&c)
}

// halves are the words before a time for the half of the day in Chinese, Japanese, and Korean.
var halves = map[string]string{"上午": "am", "下午": "pm", "午前": "am", "午後": "pm", "오전": "am", "오후": "pm"}

func (p *dateParser) halfOfDay() string {
	for word, half := range halves {
		if p.accept(word) {
			p.accept(" ")
			return half
		}
	}
	return ""
}

// setHalf applies the half of the day: "am", "pm", or nothing. Zero and twelve are the same hour of a half.
func setHalf(c *source.Civil, half string) bool {
	if half == "" {
		return true
	}
	if c.Hour > 12 {
		return false
	}
	c.Hour %= 12
	if half == "pm" {
		c.Hour += 12
	}
	return true
}

// asianMinutes reads the minutes and seconds after an hour in Chinese, Japanese, and Korean. They can be missing.
func (p *dateParser) asianMinutes(c *source.Civil) bool {
	for _, part := range []struct {
		to    *int
		words []string
	}{{&c.Minute, []string{"分", "분"}}, {&c.Second, []string{"秒", "초"}}} {
		p.accept(" ")
		if p.rest == "" {
			return true
		}
		var width int
		if *part.to, width = p.number(2); width == 0 || *part.to > 59 || !p.acceptAny(part.words...) {
			return false
		}
	}
	return true
}

// basicClock reads four or six digits to the end, after a date without separators.
func (p *dateParser) basicClock() (c source.Civil, ok bool) {
	n, ok := digits([]byte(p.rest))
	if len(p.rest) == 4 {
		n *= 100
	}
	if !p.compact || !ok || len(p.rest) != 4 && len(p.rest) != 6 || n/10000 > 23 || n/100%100 > 59 || n%100 > 59 {
		return c, false
	}
	p.rest = ""
	return source.Civil{Hour: n / 10000, Minute: n / 100 % 100, Second: n % 100, HasTime: true}, true
}

// suffix reads AM, PM, or a word such as “Uhr” after a time. A time with only hours needs one.
func (p *dateParser) suffix(c *source.Civil, minutes bool) bool {
	word := strings.NewReplacer(".", "", " ", "").Replace(strings.ToLower(p.rest))
	switch {
	case word == "":
		return minutes
	case halfWords[word] != "":
		if c.Hour < 1 || !setHalf(c, halfWords[word]) {
			return false
		}
	case word == "uhr" || minutes && (word == "h" || word == "hrs" || word == "hours" || word == "min" || word == "m"):
	default:
		if rest, zone := cutZone(word); zone != "" && (rest == "" && minutes || halfWords[rest] != "") {
			p.why = messages.New("why.zone")
		}
		return false
	}
	p.rest, p.pointed = "", false
	return true
}

// halfWords are the words after a time for the half of the day.
var halfWords = map[string]string{"am": "am", "pm": "pm", "πμ": "am", "μμ": "pm", "öö": "am", "ös": "pm"}

// inDay reports whether a time is before 24:00.
func (p *dateParser) inDay(c *source.Civil) bool {
	if c.Hour > 23 {
		p.why = messages.New("why.hours")
		return false
	}
	return true
}

// decimalHours converts decimal hours to a time: 9.30 hours are 09:18.
func decimalHours(c source.Civil) []source.Civil {
	minutes := c.Minute * 60 / 100
	seconds := c.Minute * 60 % 100 * 60 / 100
	return []source.Civil{{Hour: c.Hour, Minute: minutes, Second: seconds, HasTime: true}}
}
