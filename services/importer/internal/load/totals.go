package load

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"

	"headway/services/importer/internal/check"
	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/schema"
)

// totals finds rows whose numbers are the sums of the rows above, such as a total with an unknown label. It is for one
// goroutine.
type totals struct {
	width          int
	numbers, label []int // columns: those that are added up, and those of the key that can have a label
	// all are the sums of all records. block are those since the last empty row, and group since the last row with sums.
	all, block, group sums
	// filled reports, by column, whether all rows so far have a value. digits reports whether all labels have a digit.
	filled []bool
	digits bool
	last   int // the previous row
	// unclear are rows with sums that might be records. candidate is such a row, if it is the latest one and counts only at
	// the end of a block.
	unclear   layout.Rows
	candidate int
}

// sums are the sums of the numbers of some rows.
type sums struct {
	rows uint32
	of   []sum // by number
}

// sum is the sum of a column, in millionths. It is unknown if it has a value that is not an exact number of them.
type sum struct {
	value   int64
	values  uint32
	unknown bool
}

// newTotals returns nil if the sheet has no numbers, or no column for a label.
func newTotals(columns []column) *totals {
	t := &totals{width: len(columns), digits: true, filled: make([]bool, len(columns))}
	for i, c := range columns {
		t.filled[i] = true
		number := c.Spec.Type == schema.Integer || c.Spec.Type == schema.Decimal
		switch {
		case c.key && c.Spec.Type == schema.Text:
			t.label = append(t.label, i)
		case number && !c.key && !c.Spec.Unique && c.Spec.References == nil:
			t.numbers = append(t.numbers, i)
		}
	}
	if len(t.numbers) == 0 || len(t.label) == 0 {
		return nil
	}
	for _, s := range []*sums{&t.all, &t.block, &t.group} {
		s.of = make([]sum, len(t.numbers))
	}
	return t
}

func (s *sums) reset() {
	s.rows = 0
	clear(s.of)
}

// find adds faults to a batch, for its rows that certainly have sums of the rows above. Such a row loses its values.
func (t *totals) find(b *batch) {
	faults, next := b.Faults, 0
	var found []int
	for i, number := range b.Rows {
		first := next
		for next < len(faults) && faults[next].Row == i {
			next++
		}
		row := b.Row(i, t.width)
		if number != t.last+1 {
			t.endBlock()
			t.block.reset()
		}
		switch t.judge(row, previous(b, i, t.width)) {
		case layout.Totals:
			found = append(found, i)
			t.group.reset()
		case layout.Doubtful:
			t.group.reset()
			if t.candidate = number; next > first {
				t.candidate = 0 // it has errors, so it is not imported
			}
		default:
			t.candidate = 0
			t.add(row, faults[first:next])
		}
		t.last = number
	}
	if len(found) > 0 {
		b.Faults = t.withTotals(b, found)
	}
}

// previous returns the row before row i of a batch, or nil.
func previous(b *batch, i, width int) []imports.Value {
	if i == 0 {
		return nil
	}
	return b.Row(i-1, width)
}

// endBlock is called after the last row of a block.
func (t *totals) endBlock() {
	if t.candidate != 0 {
		t.unclear.Add(t.candidate)
		t.candidate = 0
	}
}

// withTotals returns the faults of a batch with those of rows that have sums, and removes the values of these rows.
func (t *totals) withTotals(b *batch, found []int) []check.CellFault {
	faults := make([]check.CellFault, 0, len(b.Faults)+len(found))
	rest := b.Faults
	for _, i := range found {
		for len(rest) > 0 && rest[0].Row < i {
			faults, rest = append(faults, rest[0]), rest[1:]
		}
		for len(rest) > 0 && rest[0].Row == i {
			rest = rest[1:]
		}
		faults = append(faults, check.CellFault{Row: i, Column: t.label[0], Fault: &convert.Fault{Code: imports.NotARecord,
			Message: "This row looks like a total: its numbers are the sums of the rows above. So it is not imported. Delete it. If it is a record, move it above these rows."}})
		clear(b.Row(i, t.width))
	}
	return append(faults, rest...)
}

// add adds a record to the sums. A row that layout has doubts about is not a record.
func (t *totals) add(row []imports.Value, faults []check.CellFault) {
	if len(faults) > 0 && faults[0].Code == imports.NotARecord {
		t.group.reset()
		return
	}
	for i := range t.filled {
		t.filled[i] = t.filled[i] && row[i].Kind != imports.Null
	}
	t.digits = t.digits && t.hasDigit(row)
	for n, column := range t.numbers {
		v, known := millionths(row[column])
		for _, fault := range faults {
			known = known && fault.Column != column
		}
		for _, s := range []*sums{&t.all, &t.block, &t.group} {
			s.of[n].add(v, known, row[column].Kind != imports.Null)
		}
	}
	t.all.rows, t.block.rows, t.group.rows = t.all.rows+1, t.block.rows+1, t.group.rows+1
}

func (s *sum) add(v int64, known, filled bool) {
	if !known {
		s.unknown = true
	}
	if !filled || s.unknown {
		return
	}
	s.value += v
	s.values++
	s.unknown = s.value > maxMillionths || s.value < -maxMillionths
}

// judge returns Totals for a row that certainly has sums, Doubtful for one that possibly has, and Record for others.
func (t *totals) judge(row, before []imports.Value) layout.Kind {
	if t.all.rows < 2 || !t.hasLabel(row) {
		return layout.Record
	}
	for _, s := range []*sums{&t.group, &t.block, &t.all} {
		if s.rows < 2 {
			continue
		}
		if e := t.compare(row, s); e.matches() {
			return t.weigh(row, before, e)
		}
	}
	return layout.Record
}

// evidence compares the numbers of a row with sums.
type evidence struct {
	rows uint32
	// equal and different count the numbers. digits are the digits of the equal ones.
	equal, different, digits int
}

// matches allows other numbers, such as the average of a price, next to two long sums.
func (e evidence) matches() bool {
	return e.equal > 0 && (e.different == 0 || e.equal > 1 && e.digits >= 6)
}

func (t *totals) compare(row []imports.Value, s *sums) (e evidence) {
	e.rows = s.rows
	for n, column := range t.numbers {
		of := &s.of[n]
		if row[column].Kind == imports.Null || of.unknown {
			continue
		}
		v, known := millionths(row[column])
		switch {
		case !known || v != of.value:
			e.different++
		case v != 0 && of.values > 1:
			e.equal++
			e.digits += digitsOf(v)
		}
	}
	return e
}

// weigh returns the kind of a row whose numbers are the sums of the rows above. By chance, that is less likely for more
// digits. A total has no other values than the sums, and often leaves columns empty that all records have.
func (t *totals) weigh(row, before []imports.Value, e evidence) layout.Kind {
	empty, others := false, 0
	for i, v := range row {
		switch {
		case v.Kind == imports.Null:
			empty = empty || t.filled[i]
		case !t.isPart(i) && (before == nil || !v.Equal(before[i])): // a currency is the same in all rows
			others++
		}
	}
	alike := t.digits && t.hasDigit(row) // its label looks like the other ones
	distinct := empty || t.digits && !alike
	certain := distinct && (e.digits >= 4 || e.rows > 2 && e.digits == 3)
	switch {
	case alike:
		certain = e.equal > 1 && e.digits >= 8
	case e.equal > 1:
		certain = e.digits >= 4 && (distinct || e.rows > 2)
	}
	switch {
	case certain && others == 0: // otherwise, such as an assembly below its parts
		return layout.Totals
	case distinct || e.digits > 1:
		return layout.Doubtful
	}
	return layout.Record
}

// isPart reports whether a column is for the label or the numbers of a total.
func (t *totals) isPart(column int) bool {
	return slices.Contains(t.label, column) || slices.Contains(t.numbers, column)
}

// hasLabel reports whether a row has a text with a letter in its key.
func (t *totals) hasLabel(row []imports.Value) bool {
	for _, c := range t.label {
		for rest := row[c].Bytes; len(rest) > 0; {
			r, size := utf8.DecodeRune(rest)
			if unicode.IsLetter(r) {
				return true
			}
			rest = rest[size:]
		}
	}
	return false
}

func (t *totals) hasDigit(row []imports.Value) bool {
	for _, c := range t.label {
		if bytes.ContainsAny(row[c].Bytes, "0123456789") {
			return true
		}
	}
	return false
}

const (
	million       = 1_000_000
	maxMillionths = 1 << 61
)

// millionths returns a number in millionths. ok is false if that is not exact, or too large.
func millionths(v imports.Value) (n int64, ok bool) {
	if v.Kind == imports.Integer {
		return v.Int * million, v.Int <= maxMillionths/million && v.Int >= -maxMillionths/million
	}
	text, decimals := v.Bytes, -1
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	if len(text) > 18 {
		return 0, false
	}
	for _, c := range text {
		if c == '.' {
			decimals = 0
			continue
		}
		n = n*10 + int64(c-'0')
		if decimals >= 0 {
			decimals++
		}
	}
	for ; decimals < 6; decimals++ {
		if decimals < 0 {
			decimals = 0
		}
		if n > maxMillionths/10 {
			return 0, false
		}
		n *= 10
	}
	if decimals > 6 {
		return 0, false
	}
	if negative {
		n = -n
	}
	return n, true
}

// digitsOf returns the number of digits of a number without zeros at the end of its decimals.
func digitsOf(v int64) (n int) {
	if v < 0 {
		v = -v
	}
	decimals := 6
	for ; decimals > 0 && v%10 == 0; decimals-- {
		v /= 10
	}
	for ; v > 0; v /= 10 {
		n++
	}
	return n
}
