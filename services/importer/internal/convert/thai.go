package convert

import "strings"

// thaiMonths are the names and abbreviations of the months. The points of the abbreviations are between letters, so they are not words.
var thaiMonths = [12][2]string{{"มกราคม", "ม.ค."}, {"กุมภาพันธ์", "ก.พ."}, {"มีนาคม", "มี.ค."}, {"เมษายน", "เม.ย."}, {"พฤษภาคม", "พ.ค."}, {"มิถุนายน", "มิ.ย."},
	{"กรกฎาคม", "ก.ค."}, {"สิงหาคม", "ส.ค."}, {"กันยายน", "ก.ย."}, {"ตุลาคม", "ต.ค."}, {"พฤศจิกายน", "พ.ย."}, {"ธันวาคม", "ธ.ค."}}

// thaiMonth reads the name or the abbreviation of a month. It returns 0 if there is none.
func (p *dateParser) thaiMonth() (month int) {
	for i, names := range thaiMonths {
		if p.acceptAny(names[0], names[1], strings.TrimSuffix(names[1], ".")) {
			return 1 << (i + 1)
		}
	}
	return 0
}
