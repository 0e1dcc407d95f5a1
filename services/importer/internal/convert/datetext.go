package convert

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"headway/internal/messages"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// dateText is a text as a date, a time of day, or both.
type dateText struct {
	// readings are the possible values of the text, without duplicates. There are none if it has no meaning.
	readings []source.Civil
	// hours are the readings as decimal hours: 9.30 can be half past nine, or 9.3 hours.
	hours []source.Civil
	// why is the reason that a text which looks like a date or time has no reading: "April 2025 has 30 days".
	why messages.Message
}

// readDate finds every reading of a cleaned text as a date, a time of day, or both.
func readDate(s []byte, by *dateRules) dateText {
	t, ok := fold(s)
	if !ok {
		return dateText{}
	}
	d, p := readFolded(string(t), by)
	if len(d.readings) > 0 || !d.why.IsZero() {
		return d
	}
	if d, ok := readWithWeekday(string(t), by); ok {
		return d
	}
	if d, timed := readTimeFirst(string(t), by); timed != nil {
		return d
	}
	if !p.dated {
		return readTime(s)
	}
	return dateText{}
}

// readFolded finds the readings of a folded text without a weekday, as a date or as a date with a time.
func readFolded(t string, by *dateRules) (dateText, *dateParser) {
	p := &dateParser{rest: withoutArticle(t), by: by}
	dates := p.date()
	p.dated = len(dates) > 0
	return p.timed(dates), p
}

// timed reads what follows a date.
func (p *dateParser) timed(dates []source.Civil) dateText {
	if len(dates) == 0 || p.afterYear() == "" {
		return dateText{readings: dates, why: p.why}
	}
	separated := p.acceptAny(timeWords...) || p.acceptAny("T", "t", ", ", " ") || p.asiatic || p.compact ||
		p.accept("-") && strings.Count(p.rest, ".") > 1
	if !separated {
		return dateText{}
	}
	p.rest = strings.TrimLeft(p.rest, " ")
	clock, ok := p.basicClock()
	if !ok {
		clock, ok = p.clock(true)
	}
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
	why  messages.Message
	// by are the rules of the column. They are nil if it has none.
	by *dateRules
	// pointed reports whether a point separates the hours from the minutes, so that they can be decimal hours.
	pointed bool
	// dated reports that a date was read. dayFirst is its first number if points follow its numbers: in no country, that is the
	// month. compact and asiatic report its forms.
	dated            bool
	dayFirst         int
	compact, asiatic bool
}

// afterYear drops the mark that follows the year in Russian, Bulgarian, Ukrainian, Polish, and Lithuanian, and returns the rest.
func (p *dateParser) afterYear() string {
	for _, mark := range []string{" г.", " г", "г.", "г", " р.", " р", "р.", " r.", " r", "r.", "r", " года", " року", " roku", " d.", " d", "."} {
		if rest, found := strings.CutPrefix(p.rest, mark); found && (rest == "" || rest[0] == ' ' || rest[0] == ',') {
			p.rest = rest
			break
		}
	}
	return p.rest
}

// timeWords are between a date and a time.
var timeWords = []string{" um ", ", um ", " at ", ", at ", " à ", ", à ", " kl. ", " kl ", " alle ", " alle ore ", " a las ", " às ", " o ", " om ", " в ", ", в ", " о "}

// articles are before a date.
var articles = []string{"the", "den", "der", "am", "le", "el", "il", "ngày", "วันที่"}

func withoutArticle(t string) string {
	if word, rest, found := strings.Cut(t, " "); found && slices.Contains(articles, strings.ToLower(word)) {
		return strings.TrimLeft(rest, " ")
	}
	return t
}

func (p *dateParser) accept(s string) bool {
	rest, ok := strings.CutPrefix(p.rest, s)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *dateParser) acceptAny(list ...string) bool { return slices.ContainsFunc(list, p.accept) }

// number reads at most most digits. width is the number of digits.
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
		(*dateParser).abbreviated, (*dateParser).vietnamese, (*dateParser).basic, (*dateParser).week, (*dateParser).ordinal} {
		p.rest = whole
		if readings := form(p); len(readings) > 0 || !p.why.IsZero() {
			return readings
		}
	}
	return nil
}

// numeric reads three numbers with the same separator. A four-digit number is the year.
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
			for _, s := range []string{". ", " . ", " / ", " - ", "-", "/", ".", ", ", ",", "_", "·", "—", " "} {
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
	r := readings{by: p.by}
	switch {
	case width[0] == 4 && width[1] <= 2 && width[2] <= 2:
		r.add(n[0], n[1], n[2])
	case width[0] <= 2 && width[1] <= 2 && width[2] == 4:
		if p.by.allows(schema.DMY) {
			r.add(n[2], n[1], n[0])
		}
		if p.by.allows(schema.MDY) {
			r.add(n[2], n[0], n[1])
		}
		p.setDayFirst(separator, n[0])
	case width[0] <= 2 && width[1] <= 2 && width[2] == 2:
		p.setDayFirst(separator, n[0])
		last, first := p.by.years(n[2]), p.by.years(n[0])
		for i := range last {
			if p.by.allows(schema.DMY) {
				r.add(last[i], n[1], n[0])
			}
			if p.by.allows(schema.MDY) {
				r.add(last[i], n[0], n[1])
			}
			if width[0] == 2 && p.by.allows(schema.YMD) {
				r.add(first[i], n[1], n[2])
			}
		}
	default:
		return nil
	}
	if strings.Contains(separator, ".") {
		p.accept(".") // 2025. 12. 25. in Hungarian
	}
	p.why = r.reason()
	return r.found
}

func (p *dateParser) setDayFirst(separator string, day int) {
	if strings.Contains(separator, ".") {
		p.dayFirst = day
	}
}

// readings collects the dates that exist.
type readings struct {
	// by has the calendar of the years.
	by    *dateRules
	found []source.Civil
	// late are dates beyond the last day of their month.
	late []source.Civil
}

func (r *readings) add(year, month, day int) {
	year = r.by.gregorian(year)
	c := source.Civil{Year: year, Month: time.Month(month), Day: day, HasDate: true}
	// A leap day of the Buddhist calendar is a day too, whose year is still ambiguous.
	exists := validDate(year, month, day) || r.by.isOther(year) && isBuddhist(year) && validDate(year-buddhistYears, month, day)
	if !exists {
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

// reason returns why no date was found. It can be no message.
func (r *readings) reason() (why messages.Message) {
	if len(r.found) > 0 || len(r.late) == 0 {
		return why
	}
	c := r.late[0]
	month := messages.Part("month", messages.New("month", messages.Text("month", strconv.Itoa(int(c.Month)))))
	days := messages.Count("days", time.Date(c.Year, c.Month+1, 0, 0, 0, 0, 0, time.UTC).Day())
	if c.Month == time.February {
		return messages.New("why.days_of_february", month, yearOf(c.Year), days)
	}
	return messages.New("why.days_of_month", month, days)
}

// named reads a date with the name of its month: 3-Apr-2025, 3. April 2025, April 3rd, 2025, 3 de abril de 2025, 3.IV.2025.
func (p *dateParser) named() []source.Civil {
	var n, width [2]int
	month, count, by := 0, 0, p.by
	for range 3 {
		if first, w := p.number(4); w > 0 {
			if count == 2 {
				return nil
			}
			n[count], width[count] = first, w
			count++
			if w <= 2 {
				p.acceptAny("st", "nd", "rd", "th", "er", "ST", "ND", "RD", "TH", "ER", "º", ".")
			} else if !p.acceptAny(" m. ", " m ") {
				p.accept(".")
			}
		} else if month == 0 {
			if month = p.month(count == 1); month == 0 {
				return nil
			}
			p.accept(".")
		} else {
			return nil
		}
		if count == 2 && month > 0 {
			break
		}
		p.separators()
		if p.acceptAny("พ.ศ. ", "พ.ศ.", "พศ. ", "พศ ") {
			by = &dateRules{calendar: schema.Buddhist}
		} else if p.acceptAny("ค.ศ. ", "ค.ศ.") {
			by = &dateRules{calendar: schema.Gregorian}
		}
	}
	if count < 2 || month == 0 {
		return nil
	}
	day, year, w := n[0], n[1], width[1]
	if width[0] == 4 || width[0] == 2 && width[1] == 2 && p.by.is(schema.YMD) {
		day, year, w = n[1], n[0], width[0]
	}
	r := readings{by: by}
	for m := 1; m <= 12; m++ {
		switch {
		case month&(1<<m) == 0:
		case w == 4:
			r.add(year, m, day)
		case w == 2:
			for _, y := range by.years(year) {
				r.add(y, m, day)
			}
		}
	}
	p.why = r.reason()
	return r.found
}

// month reads the name of a month, or after the day a Roman numeral. It returns 0 if there is none.
func (p *dateParser) month(afterDay bool) (month int) {
	if month = p.thaiMonth(); month != 0 {
		return month
	}
	word := p.word()
	if month = meaningOf(months, word); month == 0 && afterDay {
		month = romanMonths[strings.ToLower(word)]
	}
	if month == 0 {
		month = months[strings.TrimPrefix(word, "ב")] // “in” in Hebrew
	}
	return month
}

// separators reads what is between the parts of a date with a name.
func (p *dateParser) separators() {
	for p.acceptAny(" ", "-", "/", ", ", "de ", "del ", "of ", "DE ", "DEL ", "OF ") {
	}
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
