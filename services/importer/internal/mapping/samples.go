package mapping

import (
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// Sample is a cell, and its value by the rules of its column.
type Sample struct {
	Cell, Value string
	// Says is why the cell has no value, and Code is its code. They are empty if it has one.
	Says messages.Message
	Code imports.IssueCode
}

// addSamples converts the values that are shown by the rules of the schema, which include those of the mapping. A column whose rules are
// not valid has none.
func (p *Preview) addSamples(files []*fileTable, book source.Workbook, s *schema.Schema) {
	for i := range p.Proposals {
		o := &p.Proposals[i]
		at := slices.IndexFunc(files, func(f *fileTable) bool { return f.Name == o.FileSheet })
		if at < 0 {
			continue
		}
		sheet := s.Sheet(o.Sheet)
		for j := range o.Columns {
			c := &o.Columns[j]
			spec, _ := sheet.Column(c.Name)
			header := slices.IndexFunc(files[at].Columns, func(f FileColumn) bool { return f.Header == c.Header })
			if spec == nil || header < 0 || len(sheet.RuleProblems(spec, spec.Rules)) > 0 {
				continue
			}
			if converter, err := convert.Compile(spec); err == nil {
				c.Samples = samplesOf(converter, book, files[at].Columns[header].Values, files[at].samples[header])
			}
		}
	}
}

func samplesOf(converter *convert.Column, book source.Workbook, shown []string, cells []source.Cell) []Sample {
	samples := make([]Sample, len(cells))
	for i := range cells {
		if cells[i].TooLong { // it is only the beginning of the cell
			samples[i] = Sample{Cell: shown[i], Value: shown[i]}
			continue
		}
		value, _, fault := converter.Convert(&cells[i], book, nil)
		samples[i] = Sample{Cell: shown[i]}
		switch {
		case fault != nil && !fault.Normalized():
			samples[i].Says, samples[i].Code = fault.Says, fault.Code
		case value.Kind != imports.Null:
			samples[i].Value = source.Clip(converter.ShownValue(value), shownText)
		}
	}
	return samples
}
