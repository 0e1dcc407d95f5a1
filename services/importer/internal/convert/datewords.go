package convert

import (
	"fmt"
	"strings"

	"headway/internal/messages"
	"headway/services/importer/internal/source"
)

// asian reads a date with the words for year, month, and day of China, Japan, and Korea: 2025年4月3日. The year can be one of a
// reign.
func (p *dateParser) asian() []source.Civil {
	var reign *reign
	for i := range reigns {
		if p.accept(reigns[i].name) {
			reign = &reigns[i]
			break
		}
	}
	p.accept(" ")
	year, width := p.number(4)
	switch {
	case reign == nil && width != 4:
		return nil
	case reign != nil && width == 0 && p.accept("元"):
		year = reign.first
	case reign != nil && (width == 0 || width > 3 || year < 1):
		return nil
	case reign != nil:
		year += reign.first - 1
	}
	p.accept(" ")
	if !p.accept("年") && !p.accept("년") {
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
	p.why, p.asiatic = r.reason(), true
	return p.within(reign, r.found)
}

// within returns the readings, if the only one is in the reign. Without a reign, it returns all.
func (p *dateParser) within(reign *reign, found []source.Civil) []source.Civil {
	if reign == nil || len(found) != 1 {
		return found
	}
	date := fmt.Sprintf("%04d-%02d-%02d", found[0].Year, found[0].Month, found[0].Day)
	if date < reign.from || reign.to != "" && date > reign.to {
		p.why = messages.New("why.reign", messages.Date("date", date), messages.Text("reign", reign.name))
		return nil
	}
	return found
}

// abbreviated reads a date with the letter of a Japanese reign: R7.4.3 or R7/4/3.
func (p *dateParser) abbreviated() []source.Civil {
	var reign *reign
	for i := range reigns {
		if letter := reigns[i].letter; letter != "" && p.accept(letter) {
			reign = &reigns[i]
			break
		}
	}
	if reign == nil {
		return nil
	}
	year, _ := p.number(2)
	separator := "."
	if strings.HasPrefix(p.rest, "/") {
		separator = "/"
	}
	if year == 0 || !p.accept(separator) {
		return nil
	}
	month, width := p.number(2)
	if width == 0 || !p.accept(separator) {
		return nil
	}
	day, width := p.number(2)
	if width == 0 {
		return nil
	}
	var r readings
	r.add(year+reign.first-1, month, day)
	p.why = r.reason()
	return p.within(reign, r.found)
}

// reign is a count of years.
type reign struct {
	name     string
	letter   string // the abbreviation, if dates are written with it
	first    int    // the year 1
	from, to string
}

var reigns = []reign{
	{"令和", "R", 2019, "2019-05-01", ""}, {"平成", "H", 1989, "1989-01-08", "2019-04-30"}, {"昭和", "S", 1926, "1926-12-25", "1989-01-07"},
	{"大正", "", 1912, "1912-07-30", "1926-12-24"}, {"明治", "", 1868, "1868-01-25", "1912-07-29"},
	{"民國", "", 1912, "1912-01-01", ""}, {"民国", "", 1912, "1912-01-01", ""},
}

// vietnamese reads 25 tháng 12 năm 2025.
func (p *dateParser) vietnamese() []source.Civil {
	day, _ := p.number(2)
	if !p.accept(" tháng ") {
		return nil
	}
	month, _ := p.number(2)
	if !p.acceptAny(" năm ", ", ", " ") {
		return nil
	}
	year, width := p.number(4)
	if width != 4 {
		return nil
	}
	var r readings
	r.add(year, month, day)
	p.why = r.reason()
	return r.found
}
