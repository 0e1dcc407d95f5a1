package mapping

import (
	"slices"
	"strings"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// derivedColumns returns the columns that a mapping fills from parts of cells, or from several cells.
func derivedColumns(m imports.SheetMapping) (names []string) {
	for _, s := range m.Splits {
		for _, name := range s.Columns {
			if name != "" {
				names = append(names, name)
			}
		}
	}
	for _, j := range m.Joins {
		names = append(names, j.Column)
	}
	return names
}

// derivedHeaders returns the headers that splits and joins name.
func derivedHeaders(m imports.SheetMapping) (headers []string) {
	for _, s := range m.Splits {
		headers = append(headers, s.Header)
	}
	for _, j := range m.Joins {
		headers = append(headers, j.Headers...)
	}
	return headers
}

// checkDerived returns an *Error if a split or a join is incomplete, or is for a column that does not exist or that has another source.
func checkDerived(spec *schema.Sheet, m imports.SheetMapping) error {
	for _, s := range m.Splits {
		switch {
		case text.CleanString(s.Header) == "" || s.Separator == "":
			return problem(MappingInvalid, messages.New("mapping.split_incomplete", messages.Text("sheet", m.Sheet)))
		case len(s.Columns) < 2:
			return problem(MappingInvalid, messages.New("mapping.split_single", messages.Text("header", s.Header)))
		case !slices.ContainsFunc(s.Columns, func(name string) bool { return name != "" }):
			return problem(MappingInvalid, messages.New("mapping.split_unused", messages.Text("header", s.Header)))
		}
	}
	for _, j := range m.Joins {
		column, _ := spec.Column(j.Column)
		if column == nil {
			return problem(MappingInvalid, messages.New("mapping.column_unknown", messages.Text("column", j.Column), messages.Text("sheet", m.Sheet)))
		}
		if len(j.Headers) < 2 || slices.ContainsFunc(j.Headers, func(h string) bool { return text.CleanString(h) == "" }) {
			return problem(MappingInvalid, messages.New("mapping.join_single", titleOf(column)))
		}
		for _, header := range j.Negated {
			if !slices.Contains(j.Headers, header) || !column.Type.Numeric() {
				return problem(MappingInvalid, messages.New("mapping.join_negated", messages.Text("header", header), titleOf(column)))
			}
		}
	}
	seen := map[string]bool{}
	for _, name := range derivedColumns(m) {
		column, _ := spec.Column(name)
		if column == nil {
			return problem(MappingInvalid, messages.New("mapping.column_unknown", messages.Text("column", name), messages.Text("sheet", m.Sheet)))
		}
		_, constant := m.Constants[name]
		if seen[name] || constant || m.Columns[name] != "" {
			return problem(MappingInvalid, messages.New("mapping.several_sources", titleOf(column)))
		}
		seen[name] = true
	}
	return nil
}

// foundHeader is the cell of a header.
type foundHeader struct {
	column int
	text   string
}

// findDerived finds the headers of splits and joins in a row. They are by the text in the mapping. An exact match takes precedence over
// one that differs in case or punctuation.
func findDerived(row source.Row, numbered numbers, explicit imports.SheetMapping) map[string]foundHeader {
	headers := derivedHeaders(explicit)
	if len(headers) == 0 {
		return nil
	}
	byText, byForm := map[string][]string{}, map[string][]string{}
	for _, header := range headers {
		clean, form := text.CleanString(header), schema.MatchName(header)
		byText[clean] = append(byText[clean], header)
		if form != "" {
			byForm[form] = append(byForm[form], header)
		}
	}
	found := map[string]foundHeader{}
	for _, exact := range []bool{true, false} {
		for i := range row.Cells {
			cell := &row.Cells[i]
			if source.Blank(cell) || cell.TooLong {
				continue
			}
			clean, _, _ := text.Clean(cell.Text, nil)
			title := numbered.title(cell.Col, string(clean))
			same := byText[title]
			if !exact {
				same = byForm[schema.MatchName(title)]
			}
			for _, header := range same {
				if _, known := found[header]; !known {
					found[header] = foundHeader{cell.Col, source.Clip(cell.Text, imports.MaxValue)}
				}
			}
		}
	}
	return found
}

// deriveColumns returns the columns of the splits and joins of a mapping.
func deriveColumns(found map[string]foundHeader, spec *schema.Sheet, explicit imports.SheetMapping, sheet string) (columns []imports.SheetColumn, err error) {
	for _, s := range explicit.Splits {
		from, ok := found[s.Header]
		if !ok {
			return nil, problem(MappingInvalid, messages.New("mapping.split_header_unknown", messages.Text("header", s.Header), messages.Text("sheet", sheet)))
		}
		for i, name := range s.Columns {
			if name != "" {
				columns = append(columns, imports.SheetColumn{Name: name, Column: from.column, Header: from.text,
					Part: &imports.Part{Separator: s.Separator, Index: i, Of: len(s.Columns), FromEnd: s.FromEnd}})
			}
		}
	}
	for _, j := range explicit.Joins {
		column, _ := spec.Column(j.Column)
		joined := &imports.Joined{Separator: j.Separator}
		texts := make([]string, len(j.Headers))
		for i, header := range j.Headers {
			from, ok := found[header]
			if !ok {
				return nil, problem(MappingInvalid, messages.New("mapping.join_header_unknown", messages.Text("header", header), titleOf(column), messages.Text("sheet", sheet)))
			}
			if slices.Contains(joined.Columns, from.column) {
				return nil, problem(MappingInvalid, messages.New("mapping.join_twice", messages.Text("header", header), titleOf(column)))
			}
			if slices.Contains(j.Negated, header) {
				joined.Negated = append(joined.Negated, from.column)
			}
			joined.Columns, texts[i] = append(joined.Columns, from.column), from.text
		}
		columns = append(columns, imports.SheetColumn{Name: j.Column, Column: joined.Columns[0], Header: strings.Join(texts, " + "), Joined: joined})
	}
	return columns, nil
}
