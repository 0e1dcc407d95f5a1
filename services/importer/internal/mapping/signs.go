package mapping

import (
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// signMarks are pairs of words in a column next to amounts without a sign: for debits, which are negative, and for credits.
var signMarks = [][2]string{{"s", "h"}, {"soll", "haben"}, {"d", "c"}, {"dr", "cr"}, {"db", "cr"}, {"dbit", "crdt"}, {"debit", "credit"}, {"debet", "kredit"},
	{"debet", "credit"}, {"débit", "crédit"}, {"d", "h"}, {"debe", "haber"}, {"débito", "crédito"}, {"debito", "credito"}, {"dare", "avere"}, {"af", "bij"},
	{"дебет", "кредит"}, {"расход", "приход"}, {"wn", "ma"}, {"ausgabe", "einnahme"}, {"lastschrift", "gutschrift"}, {"belastung", "gutschrift"},
	{"expense", "income"}, {"withdrawal", "deposit"}, {"out", "in"}, {"借", "貸"}, {"借", "贷"}, {"支出", "收入"}, {"出金", "入金"}, {"-", "+"}}

// signs are the marks of a column.
type signs struct {
	negative, positive string
	// rest is what amounts without a mark are: 1 or -1, or 0 if all have one.
	rest int
}

// signsOf returns the marks of a column, if all its values are of one pair. rows is the number of amounts.
func signsOf(values []string, rows int) (s signs, found bool) {
	var seen []string
	for _, v := range values {
		if v = strings.TrimSpace(v); !slices.Contains(seen, v) {
			seen = append(seen, v)
		}
		if len(seen) > 2 {
			return s, false
		}
	}
	for _, pair := range signMarks {
		of := func(mark string) int {
			return slices.Index(pair[:], strings.ToLower(strings.TrimSuffix(mark, ".")))
		}
		switch {
		case len(seen) == 2 && of(seen[0]) >= 0 && of(seen[1]) >= 0 && of(seen[0]) != of(seen[1]) && len(values) >= rows:
			s.negative, s.positive = seen[of(seen[0])], seen[of(seen[1])]
			return s, true
		case len(seen) == 1 && of(seen[0]) >= 0 && len([]rune(seen[0])) > 1:
			s.negative, s.positive = pair[0], pair[1]
			if of(seen[0]) == 0 {
				s.negative = seen[0]
			} else {
				s.positive = seen[0]
			}
			if len(values) < rows {
				s.rest = 1 - 2*of(seen[0])
			}
			return s, true
		}
	}
	return s, false
}

// rules returns the rules for amounts that are joined with their marks: with debits negative, and with credits negative.
func (s signs) rules(others *schema.Rules) (list []*schema.Rules) {
	for _, sign := range [][2]string{{"-1", "1"}, {"1", "-1"}} {
		r := &schema.Rules{Units: map[string]string{s.negative: sign[0], s.positive: sign[1]}}
		if s.rest == 1 && sign[0] == "1" || s.rest == -1 && sign[0] == "-1" {
			r.Factor = "-1"
		}
		list = append(list, r.Over(others))
	}
	return list
}

// joinSigns proposes to join amounts with a column next to them that has their signs. The proposals for the amounts stay: they have the readings.
func joinSigns(f *fileTable, spec *schema.Sheet, explicit imports.SheetMapping, proposals []ColumnProposal) (joins []imports.ColumnJoin) {
	used := func(header string) bool {
		return slices.ContainsFunc(proposals, func(p ColumnProposal) bool { return p.Header == header && p.Score >= LikelyColumn })
	}
	for i, sign := range f.Columns {
		if used(sign.Header) || slices.Contains(derivedHeaders(explicit), sign.Header) {
			continue
		}
		best, at := -1, -1
		for j, p := range proposals {
			column, _ := spec.Column(p.Name)
			k := f.indexOf(p.Header)
			if !column.Type.Numeric() || p.Score < LikelyColumn || k < 0 {
				continue
			}
			if at < 0 || k < i && (k > at || at > i) || k > i && at > i && k < at {
				best, at = j, k
			}
		}
		if at < 0 || slices.ContainsFunc(joins, func(j imports.ColumnJoin) bool { return j.Column == proposals[best].Name }) {
			continue
		}
		p := proposals[best]
		if _, mapped := explicit.Columns[p.Name]; mapped || slices.ContainsFunc(f.columns[at].Values, func(v string) bool { return strings.ContainsAny(v, "-−–(") }) {
			continue // the amounts have signs
		}
		if _, found := signsOf(f.columns[i].Values, len(f.columns[at].Values)); found && onlyUnit(f.columns[at].Values) == "" {
			joins = append(joins, imports.ColumnJoin{Column: p.Name, Headers: []string{p.Header, sign.Header}, Separator: " "})
		}
	}
	return joins
}

// signReadings returns the readings of amounts that are joined with their marks.
func (f *fileTable) signReadings(spec *schema.Column, join imports.ColumnJoin, own []Reading) (list []Reading) {
	amount, sign := f.indexOf(join.Headers[0]), f.indexOf(join.Headers[1])
	if amount < 0 || sign < 0 || len(f.columns[amount].Values) == 0 {
		return nil
	}
	s, found := signsOf(f.columns[sign].Values, len(f.columns[amount].Values))
	if !found {
		return nil
	}
	plain := []*schema.Rules{nil}
	switch {
	case len(f.texts[amount]) == 0:
		plain = []*schema.Rules{{Decimal: "."}} // numbers
	case len(own) > 0:
		plain = nil
		for _, r := range own {
			plain = append(plain, r.Rules)
		}
	}
	cell := ""
	for i, value := range f.columns[amount].Values {
		mark := f.valueIn(sign, f.rows[amount][i])
		if mark != "" && (cell == "" || len(own) > 0 && value == own[0].Cell) {
			cell = value + " " + mark
		}
	}
	for _, others := range plain {
		for _, rules := range s.rules(others) {
			if v, ok := read(ruledBy(spec, rules), cell); ok {
				list = append(list, Reading{Rules: rules, Cell: cell, Value: v})
			}
		}
	}
	return list
}

// valueIn returns the value of a column in a row, or "" if it has none.
func (f *fileTable) valueIn(column, row int) string {
	if i, found := slices.BinarySearch(f.rows[column], row); found {
		return f.columns[column].Values[i]
	}
	return ""
}

// indexOf returns the index of the column with a header, or -1.
func (f *fileTable) indexOf(header string) int {
	return slices.IndexFunc(f.Columns, func(c FileColumn) bool { return c.Header == header })
}
