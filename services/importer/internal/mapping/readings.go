package mapping

import (
	"maps"
	"slices"
	"strings"

	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/locale"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// Reading is a way to read the values of a column.
type Reading struct {
	Rules *schema.Rules
	// Cell is a cell that can be read in several ways, and Value is its value by the rules.
	Cell, Value string
}

// MixedDecimals counts the numbers of a column that can only have a decimal comma, only a decimal point, or either. All are 0 unless there are
// numbers of both of the first two kinds.
type MixedDecimals struct{ Comma, Point, Either int }

// pivotYear is the last year that a year of two digits means in a proposed reading.
const pivotYear = 2049

// addReadings adds the ways to read the columns whose first values can be read in several ways.
func (p *Preview) addReadings(files []*fileTable, s *schema.Schema) {
	s = s.WithRules(nil)
	for i := range p.Proposals {
		o := &p.Proposals[i]
		at := slices.IndexFunc(files, func(f *fileTable) bool { return f.Name == o.FileSheet })
		if at < 0 {
			continue
		}
		for j := range o.Columns {
			c := &o.Columns[j]
			spec, _ := s.Sheet(o.Sheet).Column(c.Name)
			header := files[at].indexOf(c.Header)
			if spec != nil && header >= 0 {
				texts := files[at].texts[header]
				c.Readings, c.ReadingSure = readings(spec, texts)
				if factor := factorOf(spec, c.Header, files[at].factor); factor != "" {
					c.Readings, c.ReadingSure = withFactor(spec, c.Readings, factor, files[at].Columns[header].Values), false
				}
				if k := slices.IndexFunc(o.Joins, func(j imports.ColumnJoin) bool { return j.Column == c.Name }); k >= 0 && len(o.Joins[k].Negated) > 0 {
					debits := files[at].texts[files[at].indexOf(o.Joins[k].Negated[0])]
					c.Readings, c.ReadingSure = readings(spec, slices.Concat(debits, texts))
				} else if k >= 0 {
					c.Readings, c.ReadingSure = files[at].signReadings(spec, o.Joins[k], c.Readings), false
				}
				c.Mixed = mixedDecimals(spec, texts, nil)
			}
		}
	}
}

// readings returns the ways to read texts as values of a column, if the first rows have one with several, or one that needs rules. The most
// likely one comes first. sure reports whether only that one fits all texts.
func readings(spec *schema.Column, texts []string) (list []Reading, sure bool) {
	var best level
	if cell, ambiguous := firstAmbiguous(spec, texts); ambiguous {
		best = levelOf(spec, cell, texts, choices(spec, cell, texts))
	}
	if len(best.list) == 0 {
		cell, levels := unreadable(spec, texts)
		if best = levelOf(spec, cell, texts, levels); 2*best.most < len(texts) {
			return nil, false
		}
	}
	list, fits := best.list, best.fits
	if len(list) == 0 {
		return nil, false
	}
	forms := locale.Recognize(texts)
	likely := func(r Reading) int {
		n := 2 * fits[r.Rules]
		if len(forms) == 1 && agrees(forms[0], r.Rules) {
			n++
		}
		return n
	}
	slices.SortStableFunc(list, func(a, b Reading) int { return likely(b) - likely(a) })
	return list, len(list) == 1 || fits[list[0].Rules] > fits[list[1].Rules]
}

// level are the readings of a cell by rules that settle the same things.
type level struct {
	list []Reading
	// fits is the number of texts that have one reading by the rules, and most is its maximum.
	fits map[*schema.Rules]int
	most int
}

// levelOf returns the readings of a cell by the rules that settle as little as necessary for as many texts as possible: if other texts
// have years of two digits, for example, the rules settle their century.
func levelOf(spec *schema.Column, cell string, texts []string, levels [][]*schema.Rules) (best level) {
	for _, choices := range levels {
		l := level{fits: map[*schema.Rules]int{}}
		for _, rules := range choices {
			column := ruledBy(spec, rules)
			value, ok := read(column, cell)
			if !ok || slices.ContainsFunc(l.list, func(r Reading) bool { return r.Value == value && maps.Equal(r.Rules.Units, rules.Units) }) {
				continue
			}
			for _, t := range texts {
				if _, ok := read(column, t); ok {
					l.fits[rules]++
				}
			}
			l.most = max(l.most, l.fits[rules])
			l.list = append(l.list, Reading{Rules: rules, Cell: cell, Value: value})
		}
		if l.most > best.most {
			best = l
		}
	}
	return best
}

// firstAmbiguous returns the first text that can be read in several ways.
func firstAmbiguous(spec *schema.Column, texts []string) (string, bool) {
	column, err := convert.Compile(spec)
	if err != nil {
		return "", false
	}
	for _, t := range texts {
		_, _, fault := column.Convert(&source.Cell{Kind: source.Text, Text: []byte(t), Format: &source.NumberFormat{}}, nil, nil)
		if fault == nil || fault.Normalized() {
			continue
		}
		if fault.Code == imports.AmbiguousNumber || fault.Code == imports.AmbiguousDate || spec.Type == schema.Boolean && convert.IsAmbiguousWord(t) {
			return t, true
		}
	}
	return "", false
}

func ruledBy(spec *schema.Column, rules *schema.Rules) *convert.Column {
	ruled := *spec
	ruled.Rules = rules.Over(spec.Rules)
	column, err := convert.Compile(&ruled)
	if err != nil {
		return nil
	}
	return column
}

// read returns the value of a text.
func read(c *convert.Column, t string) (string, bool) {
	if c == nil {
		return "", false
	}
	v, _, fault := c.Convert(&source.Cell{Kind: source.Text, Text: []byte(t), Format: &source.NumberFormat{}}, nil, nil)
	return string(c.ShownValue(v)), fault == nil || fault.Normalized()
}

// choices returns rules that could give the cell one reading. Later ones are for a cell that has several by all the others.
func choices(spec *schema.Column, cell string, texts []string) [][]*schema.Rules {
	switch spec.Type {
	case schema.Integer, schema.Decimal:
		points := decimalRules(spec, texts, nil)
		percents := []*schema.Rules{{Percent: schema.Number}, {Percent: schema.Fraction}}
		if spec.Type == schema.Integer {
			percents = percents[:1]
		}
		var both []*schema.Rules
		for _, p := range percents {
			for _, d := range points {
				both = append(both, p.Over(d))
			}
		}
		return [][]*schema.Rules{points, percents, both}
	case schema.Date, schema.DateTime:
		var orders, short []*schema.Rules
		for _, o := range []schema.DateOrder{schema.DMY, schema.MDY, schema.YMD} {
			orders, short = append(orders, &schema.Rules{DateOrder: o}), append(short, &schema.Rules{DateOrder: o, PivotYear: pivotYear})
		}
		levels := [][]*schema.Rules{orders, short}
		for _, plain := range [][]*schema.Rules{{nil}, orders, short} {
			levels = append(levels, calendars(spec, cell, plain))
		}
		return levels
	case schema.Boolean:
		word := strings.TrimSpace(cell)
		yes, no := &schema.Rules{TrueValues: []string{word}}, &schema.Rules{FalseValues: []string{word}}
		return [][]*schema.Rules{{yes, no}}
	}
	return nil
}

// calendars returns rules for the calendar, in addition to others. It returns none for a year that is not of the Buddhist calendar: one
// such as 1404 is hardly ever Gregorian.
func calendars(spec *schema.Column, cell string, others []*schema.Rules) (list []*schema.Rules) {
	for _, calendar := range []schema.Calendar{schema.Buddhist, schema.Gregorian} {
		for _, rules := range others {
			rules = (&schema.Rules{Calendar: calendar}).Over(rules)
			if _, ok := read(ruledBy(spec, rules), cell); ok {
				list = append(list, rules)
			}
		}
		if len(list) == 0 {
			return nil
		}
	}
	return list
}

// decimalRules returns rules for the separator of decimals, in addition to others. If the column has both, they concern only numbers that can
// have either, because every other number has only one reading.
func decimalRules(spec *schema.Column, texts []string, others *schema.Rules) []*schema.Rules {
	comma, point := &schema.Rules{Decimal: ","}, &schema.Rules{Decimal: "."}
	if mixed := mixedDecimals(spec, texts, others); mixed != (MixedDecimals{}) {
		comma, point = &schema.Rules{AmbiguousDecimal: ","}, &schema.Rules{AmbiguousDecimal: "."}
		if mixed.Point > mixed.Comma {
			comma, point = point, comma
		}
	}
	return []*schema.Rules{comma.Over(others), point.Over(others)}
}

// mixedDecimals counts the separators of numbers, with other rules that they need.
func mixedDecimals(spec *schema.Column, texts []string, others *schema.Rules) (m MixedDecimals) {
	own := others.Over(spec.Rules)
	if !spec.Type.Numeric() || !own.IsZero() && own.Decimal+own.AmbiguousDecimal != "" {
		return m
	}
	byComma, byPoint := ruledBy(spec, (&schema.Rules{Decimal: ","}).Over(others)), ruledBy(spec, (&schema.Rules{Decimal: "."}).Over(others))
	for _, t := range texts {
		comma, hasComma := read(byComma, t)
		point, hasPoint := read(byPoint, t)
		switch {
		case hasComma && hasPoint && comma != point:
			m.Either++
		case hasComma && !hasPoint:
			m.Comma++
		case hasPoint && !hasComma:
			m.Point++
		}
	}
	if m.Comma == 0 || m.Point == 0 {
		return MixedDecimals{}
	}
	return m
}

// agrees reports whether the form of a column is that of the rules.
func agrees(f locale.Form, r *schema.Rules) bool {
	switch f.Kind {
	case locale.Date:
		return map[locale.Order]schema.DateOrder{locale.DMY: schema.DMY, locale.MDY: schema.MDY, locale.YMD: schema.YMD}[f.Order] == r.DateOrder
	case locale.Number, locale.Currency, locale.Percent:
		return string(f.Point) == r.Decimal
	}
	return false
}
