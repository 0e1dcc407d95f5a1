package importrpc

import (
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// rulesOf returns the value rules of a mapping. It returns nil if there are none.
func rulesOf(messages map[string]*importsv1.ValueRules) map[string]*schema.Rules {
	var all map[string]*schema.Rules
	for column, m := range messages {
		r := &schema.Rules{
			Unicode: schema.NormalForm(m.GetUnicode()), Collapse: m.GetCollapse(), Trim: m.GetTrim(), RemovePrefix: m.GetRemovePrefix(), RemoveSuffix: m.GetRemoveSuffix(),
			Case: schema.Case(m.GetCase()), Empty: m.GetEmpty(), Lookup: m.GetLookup(), AddPrefix: m.GetAddPrefix(), AddSuffix: m.GetAddSuffix(),
			Decimal: m.GetDecimal(), Thousands: m.GetThousands(), AmbiguousDecimal: m.GetAmbiguousDecimal(), Percent: schema.Percent(m.GetPercent()), Units: m.GetUnits(), Factor: m.GetFactor(), Calendar: schema.Calendar(m.GetCalendar()),
			DateOrder: schema.DateOrder(m.GetDateOrder()), DateFormats: m.GetDateFormats(), PivotYear: int(m.GetPivotYear()),
			TrueValues: m.GetTrueValues(), FalseValues: m.GetFalseValues(), Default: m.GetDefault(), Blank: schema.Blank(m.GetBlank()),
		}
		for _, p := range m.GetReplace() {
			r.Replace = append(r.Replace, schema.Replacement{Text: p.GetText(), Pattern: p.GetPattern(), With: p.GetWith()})
		}
		if all == nil {
			all = map[string]*schema.Rules{}
		}
		all[column] = r
	}
	return all
}

func rulesMessages(all map[string]*schema.Rules) map[string]*importsv1.ValueRules {
	if len(all) == 0 {
		return nil
	}
	messages := make(map[string]*importsv1.ValueRules, len(all))
	for column, r := range all {
		messages[column] = rulesMessage(r)
	}
	return messages
}

// rulesMessage returns nil for a column without rules.
func rulesMessage(r *schema.Rules) *importsv1.ValueRules {
	if r.IsZero() {
		return nil
	}
	m := &importsv1.ValueRules{
		Unicode: string(r.Unicode), Collapse: r.Collapse, Trim: r.Trim, RemovePrefix: r.RemovePrefix, RemoveSuffix: r.RemoveSuffix,
		Case: string(r.Case), Empty: r.Empty, Lookup: r.Lookup, AddPrefix: r.AddPrefix, AddSuffix: r.AddSuffix,
		Decimal: r.Decimal, Thousands: r.Thousands, AmbiguousDecimal: r.AmbiguousDecimal, Percent: string(r.Percent), Units: r.Units, Factor: r.Factor, Calendar: string(r.Calendar),
		DateOrder: string(r.DateOrder), DateFormats: r.DateFormats, PivotYear: uint32(r.PivotYear),
		TrueValues: r.TrueValues, FalseValues: r.FalseValues, Default: r.Default, Blank: string(r.Blank),
	}
	for _, p := range r.Replace {
		m.Replace = append(m.Replace, &importsv1.Replacement{Text: p.Text, Pattern: p.Pattern, With: p.With})
	}
	return m
}

// changeMessages returns the changed cells of a sheet, without samples: a snapshot is sent often.
func changeMessages(spec *schema.Sheet, changes []imports.ColumnChanges) (list []*importsv1.ColumnChanges) {
	for _, c := range changes {
		m := &importsv1.ColumnChanges{Column: c.Column, Title: c.Column, Cells: c.Cells}
		if spec != nil {
			if column, _ := spec.Column(c.Column); column != nil {
				m.Title = column.Title
			}
		}
		for _, r := range c.Rules {
			m.Rules = append(m.Rules, &importsv1.RuleChanges{Rule: r.Rule, Cells: r.Cells})
		}
		list = append(list, m)
	}
	return list
}

// addSamples adds the samples of changed cells to the message of an import.
func addSamples(m *importsv1.Import, im *imports.Import) {
	for i := range im.Sheets {
		for j, c := range im.Sheets[i].Changes {
			for k, r := range c.Rules {
				rule := m.GetSheets()[i].GetChanges()[j].GetRules()[k]
				for _, s := range r.Samples {
					rule.Samples = append(rule.Samples, &importsv1.ChangedCell{Cell: s.Cell, Before: s.Before, After: s.After})
				}
			}
		}
	}
}
