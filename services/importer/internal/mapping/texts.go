package mapping

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// fit is how a sheet of a file without sheet names fits one of the schema.
type fit struct {
	spec     *schema.Sheet
	sheet    imports.Sheet
	explicit bool // the mapping assigns the sheet
	matches  int
	err      error // the reason why it does not fit
}

// findByHeaders finds the sheets of text files by their headers. If there are several files, one that has the name of a sheet of
// the schema is that sheet, and those that are none of them are not imported. The schema's other sheets can be missing.
func (f *finder) findByHeaders(ctx context.Context) ([]imports.Sheet, error) {
	listed := f.book.Sheets()
	names := make([]string, len(listed))
	for i, sheet := range listed {
		names[i] = sheet.Name
	}
	var found []imports.Sheet
	known := newLabels(f.schema, f.mapping)
	for _, sheet := range listed {
		heads, err := source.Head(ctx, f.book, []string{sheet.Name}, layout.HeaderSearch)
		if err != nil {
			return nil, err
		}
		head := newHeading(heads[sheet.Name])
		tables, err := f.tablesOf(sheet, head)
		if err != nil {
			return nil, err
		}
		best, err := f.bestOf(sheet, head, known)
		source.FreeHead(f.book, heads[sheet.Name])
		var misfit *Error
		switch {
		case len(tables) > 0 && !f.isAssigned(sheet) && errors.As(err, &misfit) && misfit.Problem == HeaderMissing: // it is only for the tables
		case err != nil:
			return nil, err
		case best != nil:
			tables = append(tables, *best)
		}
		for _, table := range tables {
			if other := slices.IndexFunc(found, func(o imports.Sheet) bool { return o.Name == table.Name }); other >= 0 {
				if sheet.Of != "" && !f.isMapped(sheet.Name) {
					continue
				}
				return nil, problem(SheetDuplicated, messages.New("sheet.files_twice", messages.Text("first", cmp.Or(found[other].File, found[other].WorkbookSheet)), messages.Text("second", cmp.Or(sheet.File, sheet.Name)), messages.Text("sheet", f.schema.Sheet(table.Name).Title)))
			}
			found = append(found, table)
		}
	}
	if len(found) == 0 {
		return nil, problem(SheetMissing, messages.New("sheet.no_file_fits", quoted("files", names), messages.Text("schema", f.schema.Name), sheetTitles("sheets", f.schema)))
	}
	slices.SortFunc(found, func(a, b imports.Sheet) int {
		return cmp.Compare(slices.Index(f.schema.Sheets, f.schema.Sheet(a.Name)), slices.Index(f.schema.Sheets, f.schema.Sheet(b.Name)))
	})
	return found, nil
}

// bestOf returns the sheet of the schema that a text file is, or nil if it is one of several files, and none of the sheets.
func (f *finder) bestOf(listed source.Sheet, head heading, known labels) (*imports.Sheet, error) {
	if named := f.schema.MatchSheet(listed.Name); listed.File != "" && named != nil && !f.isMapped(listed.Name) && !hasSource(explicitOf(f.mapping, named.Name)) {
		fit := f.fit(listed, head, named)
		return &fit.sheet, fit.err
	}
	best, err := f.bestFit(listed, head, known)
	var misfit *Error
	if (listed.File != "" || listed.Of != "" || f.mapsTableBelow(listed)) && !f.isMapped(listed.Name) && errors.As(err, &misfit) && misfit.Problem == HeaderMissing {
		return nil, nil //nolint:nilnil // the file is not imported
	}
	return &best, err
}

// hasSource reports whether an entry of a mapping names the sheet of the file, or that there is none.
func hasSource(m imports.SheetMapping) bool { return m.WorkbookSheet != "" || m.Absent }

// mapsTableBelow reports whether the mapping names a table of the sheet other than the one that has its name.
func (f *finder) mapsTableBelow(listed source.Sheet) bool {
	return slices.ContainsFunc(f.book.Sheets(), func(o source.Sheet) bool { return o.Of != "" && o.Of == listed.Name && f.isMapped(o.Name) })
}

// bestFit returns the sheet of the schema that has the most headers of a sheet.
func (f *finder) bestFit(listed source.Sheet, head heading, known labels) (imports.Sheet, error) {
	fits, headers := make([]fit, 0, len(f.schema.Sheets)), known.only(head)
	for _, spec := range f.schema.Sheets {
		explicit := explicitOf(f.mapping, spec.Name)
		if explicit.Absent || listed.Of != "" && explicit.WorkbookSheet == "" && hasContent(explicit) { // the entry is for the table with the sheet's name
			continue
		}
		if mapped := explicit.WorkbookSheet; (mapped == "" || mapped == listed.Name) && !f.feeds(explicit, listed) {
			fits = append(fits, f.fit(listed, headers, spec))
		}
	}
	if len(fits) == 0 {
		return imports.Sheet{}, problem(HeaderMissing, messages.New("header.no_sheet_left", messages.Text("file", listed.Name)))
	}
	best := slices.MaxFunc(fits, func(a, b fit) int {
		return cmp.Or(compareBool(a.explicit, b.explicit), compareBool(a.err == nil, b.err == nil), cmp.Compare(a.matches, b.matches),
			compareBool(f.schema.MatchSheet(listed.Name) == a.spec, f.schema.MatchSheet(listed.Name) == b.spec))
	})
	if best = f.fit(listed, head, best.spec); best.err != nil { // with the headers that are not those of the schema
		return imports.Sheet{}, best.err
	}
	for _, other := range fits {
		if other.spec != best.spec && other.err == nil && other.matches == best.matches && !best.explicit && f.schema.MatchSheet(listed.Name) != best.spec {
			return imports.Sheet{}, problem(SheetDuplicated, messages.New("sheet.two_fit", messages.Text("first", best.spec.Title), messages.Text("second", other.spec.Title)))
		}
	}
	return best.sheet, nil
}

// isAssigned reports whether the mapping has a table for a text file, in addition to those that it adds.
func (f *finder) isAssigned(listed source.Sheet) bool {
	return f.isMapped(listed.Name) || isOnly(f.book, listed) &&
		slices.ContainsFunc(f.mapping, func(m imports.SheetMapping) bool { return m.WorkbookSheet == "" && !m.Distinct && !m.Absent })
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// isOnlyOther reports whether all other entries of the mapping only add tables, or leave them out.
func (f *finder) isOnlyOther(m imports.SheetMapping) bool {
	return !slices.ContainsFunc(f.mapping, func(o imports.SheetMapping) bool { return o.Sheet != m.Sheet && !o.Distinct && !o.Absent })
}

func (f *finder) fit(listed source.Sheet, head heading, spec *schema.Sheet) fit {
	result := fit{spec: spec, sheet: imports.Sheet{Name: spec.Name, WorkbookSheet: listed.Name, Bytes: listed.Bytes, Lines: true, File: listed.File}}
	var explicit imports.SheetMapping
	if i := slices.IndexFunc(f.mapping, func(m imports.SheetMapping) bool { return m.Sheet == spec.Name }); i >= 0 {
		explicit = f.mapping[i]
		result.explicit = explicit.WorkbookSheet == listed.Name || explicit.WorkbookSheet == "" && isOnly(f.book, listed) && f.isOnlyOther(explicit)
	}
	match := newMatcher(spec, explicit)
	for i, row := range head.rows {
		result.matches = max(result.matches, readHeader(row, head.numbered[i], match, explicit, listed.Name).matches)
	}
	result.err = findColumns(head, spec, explicit, &result.sheet, f.required)
	return result
}
