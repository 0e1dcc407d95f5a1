package mapping

import (
	"slices"
	"strings"

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
			return problem(MappingInvalid, "A split of the sheet %s has no header or no separator. Enter both.", m.Sheet)
		case len(s.Columns) < 2:
			return problem(MappingInvalid, "The mapping splits the header “%s” into fewer than two columns. Name a column for each part, or map the header to one column.", s.Header)
		case !slices.ContainsFunc(s.Columns, func(name string) bool { return name != "" }):
			return problem(MappingInvalid, "The mapping splits the header “%s”, and leaves out all parts. Name a column for one of them.", s.Header)
		}
	}
	for _, j := range m.Joins {
		if len(j.Headers) < 2 || slices.ContainsFunc(j.Headers, func(h string) bool { return text.CleanString(h) == "" }) {
			return problem(MappingInvalid, "The mapping joins fewer than two headers for the column %s. Name at least two headers.", j.Column)
		}
	}
	seen := map[string]bool{}
	for _, name := range derivedColumns(m) {
		if c, _ := spec.Column(name); c == nil {
			return problem(MappingInvalid, "The mapping names the column “%s”, which the sheet %s does not have.", name, m.Sheet)
		}
		_, constant := m.Constants[name]
		if seen[name] || constant || m.Columns[name] != "" {
			return problem(MappingInvalid, "The mapping gives the column %s several sources. Keep one of them: a header, a constant, a part of a header, or several headers.", name)
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
func deriveColumns(found map[string]foundHeader, explicit imports.SheetMapping, sheet string) (columns []imports.SheetColumn, err error) {
	for _, s := range explicit.Splits {
		from, ok := found[s.Header]
		if !ok {
			return nil, problem(MappingInvalid, "The mapping splits the header “%s”, which the sheet “%s” does not have.", s.Header, sheet)
		}
		for i, name := range s.Columns {
			if name != "" {
				columns = append(columns, imports.SheetColumn{Name: name, Column: from.column, Header: from.text,
					Part: &imports.Part{Separator: s.Separator, Index: i, Of: len(s.Columns), FromEnd: s.FromEnd}})
			}
		}
	}
	for _, j := range explicit.Joins {
		joined := &imports.Joined{Separator: j.Separator}
		texts := make([]string, len(j.Headers))
		for i, header := range j.Headers {
			from, ok := found[header]
			if !ok {
				return nil, problem(MappingInvalid, "The mapping joins the header “%s” with others for the column %s, and the sheet “%s” does not have it.", header, j.Column, sheet)
			}
			if slices.Contains(joined.Columns, from.column) {
				return nil, problem(MappingInvalid, "The mapping joins the header “%s” twice for the column %s. Delete one of the two.", header, j.Column)
			}
			joined.Columns, texts[i] = append(joined.Columns, from.column), from.text
		}
		columns = append(columns, imports.SheetColumn{Name: j.Column, Column: joined.Columns[0], Header: strings.Join(texts, " + "), Joined: joined})
	}
	return columns, nil
}
