package mapping

import (
	"maps"
	"slices"

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
			return problem(MappingInvalid, "The mapping has a constant for the column “%s”, which the sheet %s does not have.", name, m.Sheet)
		}
		if header := m.Columns[name]; header != "" {
			return problem(MappingInvalid, "The mapping gives the column %s the constant “%s” and the header “%s”. Delete one of them.", name, m.Constants[name], header)
		}
		converter, err := convert.Compile(column)
		if err != nil {
			return err
		}
		cell := source.Cell{Kind: source.Text, Text: []byte(m.Constants[name])}
		value, _, fault := converter.Convert(&cell, nil, nil)
		if fault != nil && !fault.Normalized() {
			return problem(MappingInvalid, "The constant of the column %s is not valid. %s", name, fault.Message())
		}
		if value.Kind == imports.Null {
			return problem(MappingInvalid, "The constant of the column %s is empty. Enter a value, or delete it.", name)
		}
	}
	return nil
}
