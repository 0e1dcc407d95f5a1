package load

import (
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/layout"
)

// judgeStatistic judges a row whose label is a word for averages, extremes, or counts. A weak word needs numbers that can't be such
// values by chance. After another one, or without a value that all records have, an extreme needs only its word.
func (t *totals) judgeStatistic(row, before []imports.Value, differs bool) layout.Kind {
	if t.digits && !differs { // its label has a digit, like all others
		return layout.Record
	}
	is, weak := t.statistic(row)
	if is == layout.NoStatistic || weak && is != layout.Average && !differs && !t.afterTotal {
		return layout.Record
	}
	kind := layout.Record
	for _, s := range []*sums{&t.group, &t.block, &t.all} {
		if s.rows < 2 {
			continue
		}
		e := t.compareStatistic(s, is)
		certain := e.different == 0 && (e.digits >= 2 || differs || t.afterTotal) || e.digits >= 3 && is == layout.Average
		switch {
		case e.equal == 0, weak && is == layout.Average && (e.digits < minDigits || e.different > 0):
		case certain && !t.hasOthers(row, before):
			return layout.Totals
		case certain || e.different == 0:
			kind = layout.Doubtful
		}
	}
	return kind
}

// statistic returns what the label of a row says about its numbers.
func (t *totals) statistic(row []imports.Value) (is layout.Statistic, weak bool) {
	for _, c := range t.label {
		if is, weak = layout.StatisticOf(row[c].Bytes, &t.buffer); is != layout.NoStatistic {
			break
		}
	}
	return is, weak
}

// compareStatistic compares the numbers of a row with a statistic of the rows above. The digits are those in which they can differ.
func (t *totals) compareStatistic(s *sums, is layout.Statistic) evidence {
	e := evidence{rows: s.rows}
	for n, v := range t.current {
		of := &s.of[n]
		if !v.filled || of.unknown || of.values == 0 {
			continue
		}
		digits, ok := of.spread(unitOf(v.value, v.exact)), false
		switch is {
		case layout.Average:
			ok = of.isAverage(v.value, unitOf(v.value, v.exact))
		case layout.Smallest:
			ok = v.exact && v.value == of.low
		case layout.Largest:
			ok = v.exact && v.value == of.high
		case layout.CountOfValues:
			ok = v.exact && v.value == int64(of.values)*million
			digits = digitsOf(v.value)
		}
		if !ok {
			e.different++
			continue
		}
		e.equal++
		e.digits += digits
	}
	return e
}
