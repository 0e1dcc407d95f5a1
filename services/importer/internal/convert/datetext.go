package convert

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"headway/services/importer/internal/source"
)

// dateText is what a text means as a date, a time of day, or both.
type dateText struct {
	// readings are what the text can mean, each once. None if it has no meaning.
	readings []source.Civil
	// hours are readings as decimal hours: 9.30 can be half past nine, or 9.3 hours.
	hours []source.Civil
	// why is the reason that a text which looks like a date or time has no reading: "April 2025 has 30 days".
	why string
}

// readDate finds every reading of a cleaned text as a date, a time of day, or both.
func readDate(s []byte) dateText {
	t, ok := fold(s)
	if !ok {
		return dateText{}
	}
	p := &dateParser{rest: string(t)}
	dates := p.date()
	switch {
	case len(dates) == 0 && p.why == "":
		return readTime(s)
	case len(dates) == 0 || p.rest == "":
		return dateText{readings: dates, why: p.why}
	}
	separated := p.acceptAny("T", "t", ", ", " ") || p.accept("-") && strings.Count(p.rest, ".") > 1
	if !separated {
		return dateText{}
	}
	p.rest = strings.TrimLeft(p.rest, " ")
	clock, ok := p.clock(true)
	if !ok || p.rest != "" {
		return dateText{why: p.why}
	}
	for i := range dates {
		clock.Year, clock.Month, clock.Day, clock.HasDate = dates[i].Year, dates[i].Month, dates[i].Day, true
		dates[i] = clock
	}
	return dateText{readings: dates}
}

// dateParser reads dates and times from the front of a text.
type dateParser struct {
	rest string
	why  string
	// pointed reports that a point separates the hours from the minutes, so that they can be decimal hours.
	pointed bool
}

func (p *dateParser) accept(s string) bool {
	rest, ok := strings.CutPrefix(p.rest, s)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *dateParser) acceptAny(list ...string) bool { return slices.ContainsFunc(list, p.accept) }

// number reads up to most digits; width is how many there were.
func (p *dateParser) number(most int) (n, width int) {
	for width < len(p.rest) && p.rest[width] >= '0' && p.rest[width] <= '9' {
		if width == most {
			return 0, 0
		}
		n = n*10 + int(p.rest[width]-'0')
		width++
	}
	p.rest = p.rest[width:]
	return n, width
}

// date reads a date in any form and returns its readings.
func (p *dateParser) date() []source.Civil {
	whole := p.rest
	for _, form := range []func(*dateParser) []source.Civil{(*dateParser).numeric, (*dateParser).named, (*dateParser).asian,
		(*dateParser).basic, (*dateParser).week} {
		p.rest = whole
		if readings := form(p); len(readings) > 0 || p.why != "" {
			return readings
		}
	}
	return nil
}

// numeric reads three numbers with the same separator. A year of four digits shows which one it is.
func (p *dateParser) numeric() []source.Civil {
	var n, width [3]int
	separator := ""
	for i := range n {
		if n[i], width[i] = p.number(4); width[i] == 0 {
			return nil
		}
		switch i {
		case 2:
		case 1:
			if !p.accept(separator) {
				return nil
			}
		default:
			for _, s := range []string{". ", "-", "/", ".", " "} {
				if p.accept(s) {
					separator = s
					break
				}
			}
			if separator == "" {
				return nil
			}
		}
	}
	var r readings
	switch {
	case width[0] == 4 && width[1] <= 2 && width[2] <= 2:
		r.add(n[0], n[1], n[2])
	case width[0] <= 2 && width[1] <= 2 && width[2] == 4:
		r.add(n[2], n[1], n[0])
		r.add(n[2], n[0], n[1])
	case width[0] <= 2 && width[1] <= 2 && width[2] == 2:
		for _, century := range []int{2000, 1900} {
			r.add(century+n[2], n[1], n[0])
			r.add(century+n[2], n[0], n[1])
			if width[0] == 2 {
				r.add(century+n[0], n[1], n[2])
			}
		}
	default:
		return nil
	}
	if separator == "." {
		p.accept(".") // 2025.12.25. in Hungarian
	}
	p.why = r.reason()
	return r.found
}

// readings collects the dates that exist.
type readings struct {
	found []source.Civil
	// late are dates of a month that has fewer days.
	late []source.Civil
}

func (r *readings) add(year, month, day int) {
	c := source.Civil{Year: year, Month: time.Month(month), Day: day, HasDate: true}
	if !validDate(year, month, day) {
		if year > 0 && month >= 1 && month <= 12 && day >= 29 && day <= 31 {
			r.late = append(r.late, c)
		}
		return
	}
	for _, f := range r.found {
		if f == c {
			return
		}
	}
	r.found = append(r.found, c)
}

// reason returns why no date was found, or nothing.
func (r *readings) reason() string {
	if len(r.found) > 0 || len(r.late) == 0 {
		return ""
	}
	c := r.late[0]
	month := c.Month.String()
	if c.Month == time.February {
		month += fmt.Sprintf(" %d", c.Year)
	}
	return fmt.Sprintf("%s has %d days", month, time.Date(c.Year, c.Month+1, 0, 0, 0, 0, 0, time.UTC).Day())
}

// named reads a date with the name of its month: 3-Apr-2025, 3. April 2025, April 3rd, 2025, 3 de abril de 2025.
func (p *dateParser) named() []source.Civil {
	var n, width [2]int
	month, count := 0, 0
	for range 3 {
		if first, w := p.number(4); w > 0 {
			if count == 2 {
				return nil
			}
			n[count], width[count] = first, w
			count++
			if w <= 2 {
				p.acceptAny("st", "nd", "rd", "th", "er", "º", ".")
			}
		} else if month == 0 {
			word := p.word()
			if month = months[strings.ToLower(word)]; month == 0 {
				return nil
			}
			p.accept(".")
		} else {
			return nil
		}
		if count == 2 && month > 0 {
			break
		}
		for p.acceptAny(" ", "-", "/", ", ", "de ", "of ") {
		}
	}
	if count < 2 || month == 0 {
		return nil
	}
	day, year, w := n[0], n[1], width[1]
	if width[0] == 4 {
		day, year, w = n[1], n[0], width[0]
	}
	var r readings
	switch w {
	case 4:
		r.add(year, month, day)
	case 2:
		r.add(2000+year, month, day)
		r.add(1900+year, month, day)
	}
	p.why = r.reason()
	return r.found
}

// word reads letters.
func (p *dateParser) word() string {
	end := strings.IndexFunc(p.rest, func(r rune) bool { return r < utf8.RuneSelf && (r|0x20 < 'a' || r|0x20 > 'z') })
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return word
}

// asian reads a date with the words for year, month and day of China, Japan and Korea: 2025年4月3日.
func (p *dateParser) asian() []source.Civil {
	year, width := p.number(4)
	if width != 4 || !p.accept("年") && !p.accept("년") {
		return nil
	}
	p.accept(" ")
	month, _ := p.number(2)
	if !p.accept("月") && !p.accept("월") {
		return nil
	}
	p.accept(" ")
	day, _ := p.number(2)
	if !p.accept("日") && !p.accept("일") {
		return nil
	}
	var r readings
	r.add(year, month, day)
	p.why = r.reason()
	return r.found
}

// basic reads ISO 8601's basic form, 20250403, for years of 1900 to 2099. Read from the other end, the year would be
// before 1300.
func (p *dateParser) basic() []source.Civil {
	n, width := p.number(8)
	if width != 8 || n < 1900_00_00 || n >= 2100_00_00 {
		return nil
	}
	var r readings
	r.add(n/10000, n/100%100, n%100)
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
		p.why = "it is a week, and the day is missing"
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
		p.why = fmt.Sprintf("%d has 52 weeks", year)
		return nil
	}
	var r readings
	r.add(date.Year(), int(date.Month()), date.Day())
	return r.found
}

// months are the names and abbreviations of months in English, German, French, Spanish, Italian, Portuguese, Dutch,
// Polish, Swedish, Danish and Norwegian. Names that mean different months in two languages are missing: listopad is
// November in Polish and October in Croatian.
var months = func() map[string]int {
	names := map[string]int{}
	for month, list := range map[int]string{
		1:  "january jan januar jänner janvier janv enero ene gennaio gen janeiro januari stycznia styczeń sty",
		2:  "february feb februar februari février févr fév febrero febbraio fevereiro fev lutego luty lut",
		3:  "march mar märz mrz mars marzo março maart mrt marts marca marzec",
		4:  "april apr avril avr abril abr aprile kwietnia kwiecień kwi",
		5:  "may mai mayo maggio mag maio mei maj maja",
		6:  "june jun juni juin junio giugno giu junho czerwca czerwiec",
		7:  "july jul juli juillet juil julio luglio lug julho",
		8:  "august aug août aout agosto ago augustus augusti sierpnia sierpień",
		9:  "september sep sept septembre septiembre settembre set setembro września wrzesień wrz",
		10: "october oct oktober okt octobre octubre ottobre ott outubro out październik października paź",
		11: "november nov novembre noviembre novembro",
		12: "december dec dezember dez décembre déc diciembre dic dicembre dezembro desember des grudnia grudzień gru",
	} {
		for _, name := range strings.Fields(list) {
			names[name] = month
		}
	}
	return names
}()
