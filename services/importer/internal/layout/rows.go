package layout

import "strconv"

// Rows counts rows, and has the row numbers of the first ones.
type Rows struct {
	Count uint32
	First []int
}

// maxFirst is the maximum number of row numbers.
const maxFirst = 10

// Add counts a row.
func (r *Rows) Add(number int) {
	if r.Count++; len(r.First) < maxFirst {
		r.First = append(r.First, number)
	}
}

// Ranges returns the first rows as ranges of a sheet, such as "7:7".
func (r *Rows) Ranges() []string {
	ranges := make([]string, len(r.First))
	for i, row := range r.First {
		number := strconv.Itoa(row)
		ranges[i] = number + ":" + number
	}
	return ranges
}
