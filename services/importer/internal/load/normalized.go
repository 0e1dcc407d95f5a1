package load

import (
	"sync/atomic"

	"headway/internal/messages"
	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// normalized counts the cells of a column that were changed: they were not in their plain form, but had exactly one reading, or a rule
// has changed them.
type normalized struct {
	cells int
	rules [schema.RuleCount]changed
	// row and explain are those of the first cell that was read without a rule. explain is nil if there is none.
	row     int
	explain func(others int) messages.Message
}

// changed are the cells of a column that one rule has changed.
type changed struct {
	cells   int
	samples []sample
}

// sample is a changed cell.
type sample struct {
	row           int
	before, after string
}

// sampled has the rules, by column, that have enough samples. The first batches of a sheet set it, and later ones read it.
type sampled []atomic.Uint32

// countNormalized counts the cell in row i and column c of a batch whose value was just converted.
func (p *pipeline) countNormalized(b *batch, i, c int, v imports.Value, f *convert.Fault) {
	width := len(p.sheet.columns)
	if len(b.normalized) < width {
		b.normalized = make([]normalized, width)
	}
	n := &b.normalized[c]
	n.cells++
	rules := f.Rules()
	cell, book := &b.Cells[i*width+c], p.sheet.run.input.Workbook
	if rules.Has(schema.RuleReading) && n.explain == nil {
		n.row, n.explain = b.Rows[i], p.sheet.columns[c].converter.Explain(cell, book, v)
	}
	enough := convert.RuleSet(p.sheet.sampled[c].Load())
	for r := range schema.RuleCount {
		if !rules.Has(r) {
			continue
		}
		n.rules[r].cells++
		if samples := &n.rules[r].samples; !enough.Has(r) && len(*samples) < imports.MaxSamples {
			*samples = append(*samples, sample{b.Rows[i], source.Clip(convert.Shown(cell, book), imports.MaxSampleText),
				source.Clip(p.sheet.columns[c].converter.ShownValue(v), imports.MaxSampleText)})
		}
	}
}

// addNormalized adds the counts of a batch, which come in the order of the rows, to those of the sheet.
func (s *sheet) addNormalized(b *batch) {
	if len(b.normalized) == 0 {
		return
	}
	if s.normalized == nil {
		s.normalized = make([]normalized, len(s.columns))
	}
	for c := range b.normalized {
		n, all := &b.normalized[c], &s.normalized[c]
		if all.explain == nil {
			all.row, all.explain = n.row, n.explain
		}
		all.cells += n.cells
		for r := range n.rules {
			of := &all.rules[r]
			of.cells += n.rules[r].cells
			if room := imports.MaxSamples - len(of.samples); room > 0 {
				of.samples = append(of.samples, n.rules[r].samples[:min(room, len(n.rules[r].samples))]...)
			}
			if len(of.samples) == imports.MaxSamples {
				s.sampled[c].Or(1 << r)
			}
		}
	}
}

// warnNormalized adds one warning for each column with cells that were read without a rule, at the first of them.
func (s *sheet) warnNormalized() {
	for c := range s.normalized {
		n := &s.normalized[c]
		if n.explain == nil {
			continue
		}
		column := s.columns[c]
		s.issues.add(imports.Warning, imports.Normalized, func() imports.Issue {
			return imports.Issue{Sheet: s.spec.Name, Cell: s.cellName(n.row, column),
				Row: n.row, CellColumn: column.Cell, Column: column.Spec.Name, Severity: imports.Warning, Code: imports.Normalized,
				Says: n.explain(n.rules[schema.RuleReading].cells - 1)}
		})
	}
}

func (s *sheet) cellName(row int, c column) string {
	return s.listed.Position().Cell(row, c.Cell)
}

// changes returns the columns with changed cells.
func (s *sheet) changes() (list []imports.ColumnChanges) {
	for c := range s.normalized {
		n, column := &s.normalized[c], s.columns[c]
		if n.cells == 0 {
			continue
		}
		of := imports.ColumnChanges{Column: column.Spec.Name, Cells: uint32(n.cells)}
		for r, changed := range n.rules {
			if changed.cells == 0 {
				continue
			}
			rule := imports.RuleChanges{Rule: schema.Rule(r).String(), Cells: uint32(changed.cells)}
			for _, sample := range changed.samples {
				rule.Samples = append(rule.Samples, imports.ChangedCell{Cell: s.cellName(sample.row, column), Before: sample.before, After: sample.after})
			}
			of.Rules = append(of.Rules, rule)
		}
		list = append(list, of)
	}
	return list
}
