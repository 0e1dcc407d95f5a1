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
	texts          []int // the columns of texts
	// units are the values of the last decimal that a column of numbers uses, in millionths.
	units []int64
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
	// afterTotal reports whether no record follows the last total. current are the numbers of the row, and recent those of the last
	// two rows.
	afterTotal bool
	current    []number
	recent     [2][]number
	buffer     []byte
}

// number is a number in millionths. It is exact unless it has more decimals, or is too large. filled reports whether there is one.
type number struct {
	value         int64
	exact, filled bool
}

// newTotals returns nil if the sheet has no numbers, or no column for a label.
func newTotals(columns []column) *totals {
	t := &totals{width: len(columns), digits: true, filled: make([]bool, len(columns))}
	for i, c := range columns {
		t.filled[i] = true
		if c.Spec.Type == schema.Text {
			t.texts = append(t.texts, i)
		}
		number := c.Spec.Type.Numeric()
		switch {
		case c.Cell == 0: // a constant
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
	t.units = slices.Repeat([]int64{million}, len(t.numbers))
	t.current, t.recent = make([]number, len(t.numbers)), [2][]number{make([]number, len(t.numbers)), make([]number, len(t.numbers))}
	return t
}

// find adds faults to a batch, for its rows that certainly are not records but have totals. Such a row loses its values.
func (t *totals) find(b *batch) {
	faults, next, leftOut := b.Faults, 0, b.totals
	var found []foundTotal
	for i, at := range b.Rows {
		first := next
		for next < len(faults) && faults[next].Row == i {
			next++
		}
		for len(leftOut) > 0 && leftOut[0] < at {
			leftOut, t.afterTotal = leftOut[1:], true
		}
		row := b.Row(i, t.width)
		t.read(row)
		if at != t.last+1 {
			t.endBlock()
			t.block.reset()
		}
		switch kind, why := t.judge(row, previous(b, i, t.width)); kind {
		case layout.Totals:
			found = append(found, foundTotal{i, why})
			t.afterTotal = true
			t.group.reset()
		case layout.Doubtful:
			t.group.reset()
			if t.candidate = at; next > first {
				t.candidate = 0 // it has errors, so it is not imported
			}
		default:
			t.candidate = 0
			t.add(row, faults[first:next])
		}
		t.current, t.recent = t.recent[0], [2][]number{t.recent[1], t.current}
		t.last = at
	}
	t.afterTotal = t.afterTotal || len(leftOut) > 0
	if len(found) > 0 {
		b.Faults = t.withTotals(b, found)
	}
}

// foundTotal is a row of a batch that is not a record.
type foundTotal struct {
	row int
	why reason
}

// read sets the current numbers.
func (t *totals) read(row []imports.Value) {
	for n, column := range t.numbers {
		v := &row[column]
		value, exact := millionths(v)
		t.current[n] = number{value, exact, v.Kind != imports.Null}
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
func (t *totals) withTotals(b *batch, found []foundTotal) []check.CellFault {
	faults := make([]check.CellFault, 0, len(b.Faults)+len(found))
	rest := b.Faults
	for _, f := range found {
		i := f.row
		for len(rest) > 0 && rest[0].Row < i {
			faults, rest = append(faults, rest[0]), rest[1:]
		}
		for len(rest) > 0 && rest[0].Row == i {
			rest = rest[1:]
		}
		faults = append(faults, check.CellFault{Row: i, Column: t.label[0], Fault: &convert.Fault{Code: imports.NotARecord,
			Says: f.why.message()}})
		clear(b.Row(i, t.width))
	}
	return append(faults, rest...)
}

// add adds a record to the sums. A row that layout has doubts about is not a record.
func (t *totals) add(row []imports.Value, faults []check.CellFault) {
	if len(faults) > 0 && faults[0].Code == imports.NotARecord {
		t.group.reset()
		t.afterTotal = t.all.rows > 1
		return
	}
	if t.afterTotal = t.afterTotal && len(faults) > 0; t.afterTotal && t.lacksBesides(row, faults) {
		return // like the rows below a total, although it has errors
	}
	for i := range t.filled {
		t.filled[i] = t.filled[i] && row[i].Kind != imports.Null
	}
	t.digits = t.digits && t.hasDigit(row)
	for n, column := range t.numbers {
		v := t.current[n]
		for _, fault := range faults {
			v.exact = v.exact && fault.Column != column
		}
		for v.exact && v.value%t.units[n] != 0 {
			t.units[n] /= 10
		}
		t.all.of[n].add(v)
		t.block.of[n].add(v)
		t.group.of[n].add(v)
	}
	t.all.rows, t.block.rows, t.group.rows = t.all.rows+1, t.block.rows+1, t.group.rows+1
}

// judge returns Totals for a row that certainly has totals, Doubtful for one that possibly has, and Record for others.
func (t *totals) judge(row, before []imports.Value) (layout.Kind, reason) {
	if t.all.rows < 2 || !t.hasLabel(row) {
		return layout.Record, notFound
	}
	differs := t.differs(row)
	for _, s := range []*sums{&t.group, &t.block, &t.all} {
		if s.rows < 2 {
			continue
		}
		if e := t.compare(s, differs); e.matches() {
			return t.weigh(row, before, e, differs), sumsOfRows
		}
	}
	if kind := t.judgeStatistic(row, before, differs); kind != layout.Record {
		return kind, sumsOfRows
	}
	switch {
	case !t.lacks(row) || !t.onlyNumbers(row) || t.digits && t.hasDigit(row): // its label looks like the other ones
		return layout.Record, notFound
	case t.afterTotal:
		return layout.Totals, belowTotal
	case t.hasDifferences():
		return layout.Totals, differences
	}
	return layout.Record, notFound
}

// lacks reports whether a row leaves a column empty that all records have.
func (t *totals) lacks(row []imports.Value) bool {
	return t.lacksBesides(row, nil)
}

// lacksBesides reports whether a row leaves a column empty that all records have, not counting cells with errors.
func (t *totals) lacksBesides(row []imports.Value, faults []check.CellFault) bool {
	for i, v := range row {
		if v.Kind == imports.Null && t.filled[i] && !slices.ContainsFunc(faults, func(f check.CellFault) bool { return f.Column == i }) {
			return true
		}
	}
	return false
}

// onlyNumbers reports whether a row has numbers, and no other values but its label.
func (t *totals) onlyNumbers(row []imports.Value) bool {
	for i, v := range row {
		if v.Kind != imports.Null && !t.isPart(i) {
			return false
		}
	}
	return slices.ContainsFunc(t.numbers, func(column int) bool { return row[column].Kind != imports.Null })
}

// hasDifferences reports whether the current numbers are the differences of the numbers of the last two rows, with so many digits that
// it can't be chance.
func (t *totals) hasDifferences() bool {
	digits := 0
	for n, v := range t.current {
		if !v.filled {
			continue
		}
		a, b := t.recent[0][n], t.recent[1][n]
		if !v.exact || !a.exact || !a.filled || !b.exact || !b.filled || distance(v.value, 0) != distance(a.value, b.value) {
			return false
		}
		digits += digitsOf(v.value) - zerosOf(v.value)
	}
	return digits >= 4
}

// differs reports whether a row leaves a column empty that all records have, or has a label without digits, unlike all records.
// Only the numbers of such a row can be averages, or sums that are not exact.
func (t *totals) differs(row []imports.Value) bool {
	return t.lacks(row) || t.digits && !t.hasDigit(row)
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

func (t *totals) compare(s *sums, differs bool) evidence {
	e := evidence{rows: s.rows}
	for n, current := range t.current {
		of := &s.of[n]
		if !current.filled || of.unknown {
			continue
		}
		v, exact := current.value, current.exact
		if exact && v == of.value {
			if v != 0 && of.values > 1 {
				e.equal++
				e.digits += digitsOf(v)
			}
			continue
		}
		switch digits, ok := of.about(v, exact, t.units[n]); {
		case !differs || !ok:
			e.different++
		case digits >= minDigits:
			e.equal++
			e.digits += digits
		}
	}
	return e
}

// weigh returns the kind of a row whose numbers are the sums of the rows above. By chance, that is less likely for more
// digits. A total has no other values than the sums, and often leaves columns empty that all records have.
func (t *totals) weigh(row, before []imports.Value, e evidence, differs bool) layout.Kind {
	certain := differs && (e.digits >= 4 || e.rows > 2 && e.digits == 3)
	switch alike := t.digits && t.hasDigit(row); { // its label looks like the other ones
	case alike:
		certain = e.equal > 1 && e.digits >= 8
	case e.equal > 1:
		certain = e.digits >= 4 && (differs || e.rows > 2)
	}
	switch {
	case t.named(row) && e.digits > 1, certain && !t.hasOthers(row, before): // otherwise, such as an assembly below its parts
		return layout.Totals
	case differs || e.digits > 1:
		return layout.Doubtful
	}
	return layout.Record
}

// hasOthers reports whether a row has values that are not part of a total, and not the same as in the row before.
func (t *totals) hasOthers(row, before []imports.Value) bool {
	for i, v := range row {
		if v.Kind != imports.Null && !t.isPart(i) && (before == nil || !v.Equal(before[i])) { // a currency is the same in all rows
			return true
		}
	}
	return false
}

// isPart reports whether a column is for the label or the numbers of a total.
func (t *totals) isPart(column int) bool {
	return slices.Contains(t.label, column) || slices.Contains(t.numbers, column)
}

// hasLabel reports whether a row has a text in its key that is not a number: it has a letter, or no digit.
func (t *totals) hasLabel(row []imports.Value) bool {
	for _, c := range t.label {
		digit := len(row[c].Bytes) == 0
		for rest := row[c].Bytes; len(rest) > 0; {
			r, size := utf8.DecodeRune(rest)
			if unicode.IsLetter(r) {
				return true
			}
			digit = digit || unicode.IsDigit(r)
			rest = rest[size:]
		}
		if !digit {
			return true
		}
	}
	return false
}

// named reports whether one of the texts of a row is the label of a total.
func (t *totals) named(row []imports.Value) bool {
	return slices.ContainsFunc(t.texts, func(column int) bool { return layout.IsTotal(row[column].Bytes) })
}

func (t *totals) hasDigit(row []imports.Value) bool {
	for _, c := range t.label {
		if bytes.ContainsAny(row[c].Bytes, "0123456789") {
			return true
		}
	}
	return false
}
