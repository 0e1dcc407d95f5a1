package convert

import (
	"fmt"

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
	if reign != nil && len(r.found) == 1 {
		if date := fmt.Sprintf("%04d-%02d-%02d", year, month, day); date < reign.from || reign.to != "" && date > reign.to {
			p.why = messages.New("why.reign", messages.Date("date", date), messages.Text("reign", reign.name))
			return nil
		}
	}
	return r.found
}

// reign is a count of years.
type reign struct {
	name     string
	first    int // the year 1
	from, to string
}

var reigns = []reign{
	{"令和", 2019, "2019-05-01", ""}, {"平成", 1989, "1989-01-08", "2019-04-30"}, {"昭和", 1926, "1926-12-25", "1989-01-07"},
	{"大正", 1912, "1912-07-30", "1926-12-24"}, {"明治", 1868, "1868-01-25", "1912-07-29"},
	{"民國", 1912, "1912-01-01", ""}, {"民国", 1912, "1912-01-01", ""},
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
