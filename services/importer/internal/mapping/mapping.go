// Package mapping finds the sheets and columns of a schema in a workbook, by their names or by a mapping.
package mapping

import (
	"context"
	"slices"
	"strconv"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// Problem is the reason why a workbook does not match its schema.
type Problem uint8

// The problems.
const (
	// SheetMissing means that the workbook lacks a sheet that the schema requires.
	SheetMissing Problem = iota + 1
	// SheetDuplicated means that two sheets of the workbook match the same sheet of the schema.
	SheetDuplicated
	// HeaderMissing means that a sheet lacks a header that the schema requires.
	HeaderMissing
	// HeaderDuplicated means that two headers match the same column.
	HeaderDuplicated
	// MappingInvalid means that the mapping names a sheet, column, or header that does not exist.
	MappingInvalid
	// MappingUncertain means that a column is left over that could be one that is missing.
	MappingUncertain
)

// Error describes how the workbook does not match the schema, and how to fix it.
type Error struct {
	Problem Problem
	Says    messages.Message
}

// Error returns the English text.
func (e *Error) Error() string { return e.Says.English() }

func problem(p Problem, says messages.Message) error { return &Error{Problem: p, Says: says} }

// Find finds the sheets, in the order of the schema, and in each the row of the headers and the columns. Optional
// sheets and columns can be missing. It returns *Error if the workbook does not match the schema, and *source.Error if
// it can't be read.
func Find(ctx context.Context, book source.Workbook, s *schema.Schema, mapping []imports.SheetMapping) ([]imports.Sheet, error) {
	return find(ctx, book, s, mapping, func(_ *schema.Sheet, c *schema.Column) bool { return c.Required })
}

// FindForUpdate is Find for an import that only updates rows: only the columns of the key are required, because a row
// keeps its values in columns that the workbook does not have.
func FindForUpdate(ctx context.Context, book source.Workbook, s *schema.Schema, mapping []imports.SheetMapping) ([]imports.Sheet, error) {
	return find(ctx, book, s, mapping, func(sheet *schema.Sheet, c *schema.Column) bool { return slices.Contains(sheet.Key, c.Name) })
}

func find(ctx context.Context, book source.Workbook, s *schema.Schema, mapping []imports.SheetMapping, required func(*schema.Sheet, *schema.Column) bool) ([]imports.Sheet, error) {
	if err := Check(s, mapping); err != nil {
		return nil, err
	}
	if err := checkSheets(book, mapping); err != nil {
		return nil, err
	}
	finder := finder{book: book, schema: s, mapping: mapping, required: required}
	if source.HasLines(book) {
		found, err := finder.findByHeaders(ctx)
		if err != nil {
			return nil, err
		}
		return found, settleShared(s, found)
	}
	var found []imports.Sheet
	var names []string
	var mapped []imports.SheetMapping
	for _, spec := range s.Sheets {
		listed, explicit, notices, err := finder.sheet(ctx, spec)
		if err != nil {
			return nil, err
		}
		if listed == nil {
			continue
		}
		found = append(found, imports.Sheet{Name: spec.Name, WorkbookSheet: listed.Name, Bytes: listed.Bytes, Notices: notices})
		names, mapped = append(names, listed.Name), append(mapped, explicit)
	}
	if len(found) == 0 {
		return nil, problem(SheetMissing, messages.New("sheet.none_found", messages.Text("schema", s.Name), sheetTitles("sheets", s)))
	}
	head, err := source.Head(ctx, book, names, layout.HeaderSearch)
	if err != nil {
		return nil, err
	}
	for i := range found {
		sheet := &found[i]
		if err := findColumns(newHeading(head[sheet.WorkbookSheet]), s.Sheet(sheet.Name), mapped[i], sheet, required); err != nil {
			return nil, err
		}
	}
	return found, settleShared(s, found)
}

func sheetTitles(name string, s *schema.Schema) messages.Parameter {
	list := make([]string, len(s.Sheets))
	for i, sheet := range s.Sheets {
		list[i] = sheet.Title
	}
	return quoted(name, list)
}

// maxQuoted is the number of names that an error lists at most.
const maxQuoted = 12

// quoted returns a list of names, of which the first ones are shown.
func quoted(name string, names []string) messages.Parameter {
	for i := range names {
		names[i] = source.Clip([]byte(names[i]), 40)
	}
	return messages.List(name, messages.Comma, messages.Clipped(messages.Quotes(names...), maxQuoted)...)
}

// titleOf is the parameter with the title of a column, as the page and a template show it.
func titleOf(c *schema.Column) messages.Parameter { return messages.Text("column", c.Title) }

// Check returns an *Error if a mapping names a sheet or a column that the schema does not have, or a sheet twice.
func Check(s *schema.Schema, mapping []imports.SheetMapping) error {
	seen := map[string]bool{}
	for _, m := range mapping {
		spec := s.Sheet(m.Sheet)
		if spec == nil {
			return problem(MappingInvalid, messages.New("mapping.sheet_unknown", messages.Text("sheet", m.Sheet), messages.Text("schema", s.Name), sheetTitles("sheets", s)))
		}
		if seen[m.Sheet] {
			return problem(MappingInvalid, messages.New("mapping.sheet_twice", messages.Text("sheet", m.Sheet)))
		}
		seen[m.Sheet] = true
		if m.Absent && hasContent(m) {
			return problem(MappingInvalid, messages.New("mapping.sheet_absent", messages.Text("sheet", m.Sheet)))
		}
		for column := range m.Columns {
			if c, _ := spec.Column(column); c == nil {
				return problem(MappingInvalid, messages.New("mapping.column_unknown", messages.Text("column", column), messages.Text("sheet", m.Sheet)))
			}
		}
		if err := checkDerived(spec, m); err != nil {
			return err
		}
		if err := checkRules(s, spec, m); err != nil {
			return err
		}
	}
	ruled := withRules(s, mapping)
	for _, m := range mapping {
		if err := checkConstants(ruled.Sheet(m.Sheet), m); err != nil {
			return err
		}
	}
	return nil
}

// hasContent reports whether an entry of a mapping has more than the name of a sheet of the schema.
func hasContent(m imports.SheetMapping) bool {
	return m.WorkbookSheet != "" || len(m.Columns)+len(m.Constants)+len(m.Rules)+len(m.Splits)+len(m.Joins) > 0 || m.Distinct
}

// checkSheets returns an *Error if a mapping names a sheet that the workbook does not have.
func checkSheets(book source.Workbook, mapping []imports.SheetMapping) error {
	for _, m := range mapping {
		if m.WorkbookSheet != "" && !slices.ContainsFunc(book.Sheets(), func(sh source.Sheet) bool { return sh.Name == m.WorkbookSheet }) {
			return problem(MappingInvalid, messages.New("mapping.file_sheet_unknown", messages.Text("sheet", m.WorkbookSheet)))
		}
	}
	return nil
}

// header is a candidate for a sheet's row of headers.
type header struct {
	row     int
	matches int
	columns []imports.SheetColumn
	ignored []imports.IgnoredColumn
	twice   error
	// derived are the headers of splits and joins, by their text in the mapping.
	derived map[string]foundHeader
}

// findColumns selects the row that matches the most headers, the first of several.
func findColumns(head heading, spec *schema.Sheet, explicit imports.SheetMapping, sheet *imports.Sheet, required func(*schema.Sheet, *schema.Column) bool) error {
	best := bestHeader(head, spec, explicit, sheet.WorkbookSheet)
	if best.twice != nil {
		return best.twice
	}
	sheet.Rules, sheet.Distinct = explicit.Rules, explicit.Distinct
	derived, err := deriveColumns(best.derived, spec, explicit, sheet.WorkbookSheet)
	if err != nil {
		return err
	}
	best.columns = append(best.columns, derived...)
	for _, column := range spec.Columns {
		if constant, ok := explicit.Constants[column.Name]; ok {
			sheet.Constants = append(sheet.Constants, imports.ConstantColumn{Name: column.Name, Text: constant})
			continue
		}
		if slices.ContainsFunc(best.columns, func(c imports.SheetColumn) bool { return c.Name == column.Name }) {
			continue
		}
		if header, mapped := explicit.Columns[column.Name]; mapped && header != "" {
			return problem(MappingInvalid, messages.New("mapping.header_unknown", titleOf(column), messages.Text("header", header), messages.Text("sheet", sheet.WorkbookSheet)))
		}
		if required(spec, column) {
			return missing(best, column, sheet)
		}
	}
	sheet.HeaderRow, sheet.Columns, sheet.Ignored = best.row, best.columns, best.ignored
	sheet.Notices = append(sheet.Notices, noticeAbove(head.all, spec, sheet)...)
	slices.SortFunc(sheet.Columns, func(a, b imports.SheetColumn) int {
		_, i := spec.Column(a.Name)
		_, j := spec.Column(b.Name)
		return i - j
	})
	return nil
}

// bestHeader returns the row that has the most headers. Rows that look like headers, one above the other, are also looked at as one.
// If no row has any, it returns the row that looks like headers.
func bestHeader(head heading, spec *schema.Sheet, explicit imports.SheetMapping, sheet string) header {
	var best header
	match := newMatcher(spec, explicit)
	for i, row := range head.rows {
		if h := readHeader(row, head.numbered[i], match, explicit, sheet); best.row == 0 || h.matches > best.matches {
			best = h
		}
	}
	if head.joined.Number == 0 || best.matches > 0 && best.matches == len(spec.Columns) {
		return best
	}
	if h := readHeader(head.joined, head.joinedNumbered, match, explicit, sheet); h.matches > best.matches || best.matches == 0 {
		return h
	}
	return best
}

func missing(best header, column *schema.Column, sheet *imports.Sheet) error {
	if best.row == 0 {
		return problem(HeaderMissing, messages.New("header.sheet_empty", messages.Text("sheet", sheet.WorkbookSheet), messages.Text("column", column.Title)))
	}
	row := messages.Number("row", strconv.Itoa(best.row))
	if len(best.ignored) == 0 {
		return problem(HeaderMissing, messages.New("header.missing", messages.Text("sheet", sheet.WorkbookSheet), messages.Text("column", column.Title), row))
	}
	names := make([]string, len(best.ignored))
	for i, ig := range best.ignored {
		names[i] = ig.Header
	}
	return problem(HeaderMissing, messages.New("header.missing_others", messages.Text("sheet", sheet.WorkbookSheet), messages.Text("column", column.Title), row, quoted("headers", names)))
}

// maxIgnoredTexts is the number of headers that the schema lacks whose texts are kept. Every call about an import reads them,
// and a sheet can have 16,384.
const maxIgnoredTexts = 200

func readHeader(row source.Row, numbered numbers, match *matcher, explicit imports.SheetMapping, sheet string) header {
	h := header{row: row.Number, derived: findDerived(row, numbered, explicit)}
	h.matches = len(h.derived)
	at := map[string]int{}
	for i := range row.Cells {
		cell := &row.Cells[i]
		if source.Blank(cell) {
			continue
		}
		title, _, _ := text.Clean(cell.Text, nil)
		var column *schema.Column
		var err error
		if !cell.TooLong { // what was cut can be another name
			column, err = match.column(numbered.title(cell.Col, string(title)), string(title))
		}
		if err != nil && h.twice == nil {
			h.twice = err
		}
		if column == nil && h.derives(cell.Col) {
			continue
		}
		if column == nil {
			ignored := imports.IgnoredColumn{Column: cell.Col}
			if len(h.ignored) < maxIgnoredTexts {
				ignored.Header = source.Clip(title, imports.MaxValue)
			}
			h.ignored = append(h.ignored, ignored)
			continue
		}
		if first, twice := at[column.Name]; twice {
			if h.twice == nil {
				h.twice = problem(HeaderDuplicated, messages.New("header.twice", messages.Text("first", source.CellName(first, row.Number)), messages.Text("second", source.CellName(cell.Col, row.Number)), messages.Text("sheet", sheet), messages.Text("column", column.Title)))
			}
			continue
		}
		at[column.Name] = cell.Col
		h.columns = append(h.columns, imports.SheetColumn{Name: column.Name, Column: cell.Col, Header: source.Clip(cell.Text, imports.MaxValue)})
		h.matches++
	}
	return h
}

// derives reports whether a split or a join has the header in a column.
func (h *header) derives(column int) bool {
	for _, found := range h.derived {
		if found.column == column {
			return true
		}
	}
	return false
}

func explicitOf(mapping []imports.SheetMapping, sheet string) imports.SheetMapping {
	if i := slices.IndexFunc(mapping, func(m imports.SheetMapping) bool { return m.Sheet == sheet }); i >= 0 {
		return mapping[i]
	}
	return imports.SheetMapping{}
}
