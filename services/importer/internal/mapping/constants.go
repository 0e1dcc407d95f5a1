package mapping

import (
	"maps"
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// checkConstants returns an *Error if a constant is for a column that does not exist or has a header, or is not a value of its column.
func checkConstants(spec *schema.Sheet, m imports.SheetMapping) error {
	for _, name := range slices.Sorted(maps.Keys(m.Constants)) {
		column, _ := spec.Column(name)
		if column == nil {
			return problem(MappingInvalid, messages.New("mapping.constant_column_unknown", messages.Text("column", name), messages.Text("sheet", m.Sheet)))
		}
		if header := m.Columns[name]; header != "" {
			return problem(MappingInvalid, messages.New("mapping.constant_and_header", titleOf(column), messages.Text("constant", m.Constants[name]), messages.Text("header", header)))
		}
		converter, err := convert.Compile(column)
		if err != nil {
			return err
		}
		cell := source.Cell{Kind: source.Text, Text: []byte(m.Constants[name])}
		value, _, fault := converter.Convert(&cell, nil, nil)
		if fault != nil && !fault.Normalized() {
			return problem(MappingInvalid, messages.New("mapping.constant_invalid", titleOf(column), messages.Part("why", fault.Says)))
		}
		if value.Kind == imports.Null {
			return problem(MappingInvalid, messages.New("mapping.constant_empty", titleOf(column)))
		}
	}
	return nil
}
