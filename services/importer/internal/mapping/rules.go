package mapping

import (
	"maps"
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// withRules returns the schema with the value rules of a mapping.
func withRules(s *schema.Schema, mapping []imports.SheetMapping) *schema.Schema {
	return s.WithRules(func(sheet, column string) *schema.Rules {
		for _, m := range mapping {
			if m.Sheet == sheet {
				return m.Rules[column]
			}
		}
		return nil
	})
}

// checkRules returns an *Error if a column can't have the rules of a mapping, together with those of the schema.
func checkRules(s *schema.Schema, spec *schema.Sheet, m imports.SheetMapping) error {
	ruled := withRules(s, []imports.SheetMapping{m}).Sheet(spec.Name)
	for _, name := range slices.Sorted(maps.Keys(m.Rules)) {
		column, _ := spec.Column(name)
		if column == nil {
			return problem(MappingInvalid, messages.New("mapping.rules_column_unknown", messages.Text("column", name), messages.Text("sheet", m.Sheet)))
		}
		own := m.Rules[name]
		if base := column.Rules; base != nil {
			if base.Case != "" && own.Case != "" && own.Case != base.Case || base.Unicode != "" && own.Unicode != "" && own.Unicode != base.Unicode {
				return problem(MappingInvalid, messages.New("mapping.rules_case", titleOf(column)))
			}
		}
		effective, _ := ruled.Column(name)
		if effective.Rules.FillsDown() && slices.ContainsFunc(m.Joins, func(j imports.ColumnJoin) bool { return j.Column == name }) {
			return problem(MappingInvalid, messages.New("mapping.join_fills", titleOf(column)))
		}
		for _, p := range spec.RuleProblems(column, effective.Rules) {
			return problem(MappingInvalid, messages.New("mapping.rule_invalid", messages.Text("rule", p.Rule), titleOf(column), messages.Text("why", p.Message)))
		}
	}
	return nil
}
