package mapping

import (
	"context"
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// uncertain returns why the file is not imported without asking, or nil: a column is left over that could be one that is missing, or the
// values of a column have several readings that the mapping does not settle.
func (p *Preview) uncertain(s *schema.Schema, mapping []imports.SheetMapping) error {
	for _, o := range p.Proposals {
		spec := s.Sheet(o.Sheet)
		isFound := slices.ContainsFunc(p.Found, func(f imports.Sheet) bool { return f.Name == o.Sheet && f.WorkbookSheet == o.FileSheet })
		if len(mapping) == 0 && !isFound && slices.ContainsFunc(p.Sheets, func(f FileSheet) bool { return f.Name == o.FileSheet && f.Of != "" }) {
			return problem(MappingUncertain, messages.New("mapping.sheet_uncertain", messages.Text("table", o.FileSheet), messages.Text("sheet", spec.Title)))
		}
		for _, j := range o.Joins {
			column, _ := spec.Column(j.Column)
			first, second := messages.Text("first", j.Headers[0]), messages.Text("second", j.Headers[1])
			if slices.ContainsFunc(o.Columns, func(c ColumnProposal) bool { return c.Name == j.Column && len(j.Negated) == 0 }) {
				return problem(MappingUncertain, messages.New("mapping.sign_uncertain", first, second, titleOf(column)))
			}
			return problem(MappingUncertain, messages.New("mapping.join_uncertain", first, second, titleOf(column)))
		}
		for _, c := range o.Columns {
			column, _ := spec.Column(c.Name)
			header, position := messages.Text("header", c.Header), p.position(o.FileSheet, c.Header)
			switch {
			case c.Reason > ByName && c.Score >= LikelyColumn:
				return problem(MappingUncertain, messages.New("mapping.column_uncertain", header, position, titleOf(column)))
			case !isFound || explicitOf(mapping, o.Sheet).Rules[c.Name] != nil:
			case len(c.Readings) > 0 && c.Readings[0].Rules.FillsDown():
				return problem(MappingUncertain, messages.New("mapping.blank_uncertain", header, position, titleOf(column)))
			case slices.ContainsFunc(c.Readings, func(r Reading) bool { return len(r.Rules.Empty) > 0 }):
				return problem(MappingUncertain, messages.New("mapping.missing_uncertain", header, position, messages.Text("cell", c.Readings[0].Cell), titleOf(column)))
			case len(c.Readings) == 1:
				return problem(MappingUncertain, messages.New("mapping.reading_uncertain", header, position, messages.Text("cell", c.Readings[0].Cell), messages.Text("value", c.Readings[0].Value), titleOf(column)))
			case len(c.Readings) > 1:
				return problem(MappingUncertain, messages.New("mapping.readings_uncertain", header, position, messages.Text("cell", c.Readings[0].Cell), messages.Text("first", c.Readings[0].Value), messages.Text("second", c.Readings[1].Value), titleOf(column)))
			}
		}
	}
	return nil
}

// position is the parameter with the cell of a header.
func (p *Preview) position(sheet, header string) messages.Parameter {
	at := source.Position{Sheet: sheet, Lines: p.lines}
	row, column := 0, 0
	for _, f := range p.Sheets {
		if f.Name != sheet {
			continue
		}
		at.File, row = f.File, f.HeaderRow
		if f.Of != "" {
			at.Sheet = f.Of
		}
		for _, c := range f.Columns {
			if c.Header == header {
				column = c.Column
			}
		}
	}
	return messages.At("position", at.Location(row, column))
}

// Confirm returns an *Error if a column of the file is left over that could be a column of the schema that is missing, or if values of a
// column can be read in several ways. The file has all that the schema requires.
func Confirm(ctx context.Context, book source.Workbook, s *schema.Schema, mapping []imports.SheetMapping, update bool) error {
	p, err := Look(ctx, book, s, mapping, update)
	if err != nil {
		return err
	}
	return p.uncertain(s, mapping)
}

// withoutImplausible removes proposals for sheets that lack most of what they must have, such as lists of values next to the table. If all
// are implausible, they are kept. So are those that are named.
func withoutImplausible(proposals []Proposal, s *schema.Schema, isNamed func(Proposal) bool) []Proposal {
	doubtful := func(o Proposal) bool { return !isNamed(o) && !isPlausible(s.Sheet(o.Sheet), o.Columns) }
	if !slices.ContainsFunc(proposals, func(o Proposal) bool { return !doubtful(o) }) {
		return proposals
	}
	return slices.DeleteFunc(proposals, doubtful)
}
