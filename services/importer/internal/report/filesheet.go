package report

import (
	"slices"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// fileSheet is a sheet of the upload, which can be for several tables. A download has each of its rows once.
type fileSheet struct {
	// Sheet is the sheet of its main table, with the columns and the notices of all tables.
	imports.Sheet
	// tables are in the order of the import. Often there is only one.
	tables []*imports.Sheet
}

// fileSheets returns the sheets of the upload that the import has read.
func (im *Import) fileSheets() []*fileSheet {
	var all []*fileSheet
	for i := range im.Sheets {
		sheet := &im.Sheets[i]
		if at := slices.IndexFunc(all, func(f *fileSheet) bool { return f.Shares(sheet) }); at >= 0 {
			all[at].tables = append(all[at].tables, sheet)
		} else {
			all = append(all, &fileSheet{tables: []*imports.Sheet{sheet}})
			all[len(all)-1].Sheet = *sheet
		}
	}
	for _, f := range all {
		if len(f.tables) > 1 {
			f.merge()
		}
	}
	return all
}

func (f *fileSheet) merge() {
	f.Sheet = *f.tables[max(0, slices.IndexFunc(f.tables, func(t *imports.Sheet) bool { return !t.Distinct }))]
	f.Columns, f.Notices = nil, nil
	for _, t := range f.tables {
		f.Columns, f.Notices = append(f.Columns, t.Columns...), append(f.Notices, t.Notices...)
	}
}

// columns returns the schema's columns by their numbers in the workbook. Columns that are made from parts of cells, or from several
// cells, are not those of a cell.
func (im *Import) columns(f *fileSheet) (map[int]*schema.Column, error) {
	columns := make(map[int]*schema.Column, len(f.Columns))
	for _, t := range f.tables {
		spec, err := im.spec(t)
		if err != nil {
			return nil, err
		}
		for _, c := range t.Columns {
			if c.Part == nil && c.Joined == nil {
				columns[c.Column], _ = spec.Column(c.Name)
			}
		}
	}
	return columns, nil
}
