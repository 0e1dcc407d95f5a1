package mapping

import (
	"maps"
	"slices"

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
			return problem(MappingInvalid, "The mapping has rules for the column “%s”, which the sheet %s does not have.", name, m.Sheet)
		}
		own := m.Rules[name]
		if base := column.Rules; base != nil {
			if base.Case != "" && own.Case != "" && own.Case != base.Case || base.Unicode != "" && own.Unicode != "" && own.Unicode != base.Unicode {
				return problem(MappingInvalid, "The mapping has another case or Unicode form for the column %s than the schema. Keys and references are compared by that of the schema. Delete the rule.", name)
			}
		}
		effective, _ := ruled.Column(name)
		if effective.Rules.FillsDown() && slices.ContainsFunc(m.Joins, func(j imports.ColumnJoin) bool { return j.Column == name }) {
			return problem(MappingInvalid, "The column %s joins several cells, so none of them can have the value of the cell above. Delete the join or blank: above.", name)
		}
		for _, p := range spec.RuleProblems(column, effective.Rules) {
			return problem(MappingInvalid, "The rule %s of the column %s is not valid: %s.", p.Rule, name, p.Message)
		}
	}
	return nil
}
