package mapping

import (
	"context"
	"errors"
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// finder finds the sheets of a schema in a workbook.
type finder struct {
	book     source.Workbook
	schema   *schema.Schema
	mapping  []imports.SheetMapping
	required func(*schema.Sheet, *schema.Column) bool
	// taken are the names of the sheets that were found by their headers.
	taken []string
}

// sheet returns the sheet of the workbook, and notices about the choice for the user. It returns no sheet if the sheet
// is optional and missing.
func (f *finder) sheet(ctx context.Context, spec *schema.Sheet) (found *source.Sheet, explicit imports.SheetMapping, notices []imports.Notice, err error) {
	if i := slices.IndexFunc(f.mapping, func(m imports.SheetMapping) bool { return m.Sheet == spec.Name }); i >= 0 {
		explicit = f.mapping[i]
	}
	if explicit.Absent {
		return nil, explicit, nil, nil
	}
	var visible, hidden []source.Sheet
	for _, sheet := range f.book.Sheets() {
		switch {
		case explicit.WorkbookSheet != "":
			if sheet.Name == explicit.WorkbookSheet {
				return &sheet, explicit, nil, nil
			}
		case f.isMapped(sheet.Name) || f.schema.MatchSheet(sheet.Name) != spec:
		case sheet.State == source.Visible:
			visible = append(visible, sheet)
		default:
			hidden = append(hidden, sheet)
		}
	}
	switch {
	case len(visible) > 1:
		return nil, explicit, nil, duplicated(visible, spec)
	case len(visible) == 1:
		if len(hidden) > 0 && !isNamed(spec, visible[0].Name) || slices.ContainsFunc(hidden, func(sheet source.Sheet) bool { return isNamed(spec, sheet.Name) }) {
			return nil, explicit, nil, duplicated(append(visible, hidden...), spec)
		}
		for _, other := range hidden {
			notices = append(notices, notice(spec, imports.HiddenIgnored, messages.New("notice.hidden_ignored",
				messages.Text("sheet", other.Name), messages.Text("other", visible[0].Name), messages.Text("title", spec.Title))))
		}
		return &visible[0], explicit, notices, nil
	case len(hidden) > 1:
		return nil, explicit, nil, duplicated(hidden, spec)
	case len(hidden) == 1:
		found, notices, err = f.preferVisible(ctx, spec, explicit, hidden[0])
		return found, explicit, notices, err
	}
	if explicit.Distinct && explicit.WorkbookSheet == "" {
		if only := f.onlySheet(); only != nil {
			return only, explicit, nil, nil
		}
	}
	if spec.Optional || source.Partial(f.book) {
		return nil, explicit, nil, nil
	}
	names := make([]string, 0, len(f.book.Sheets()))
	for _, sheet := range f.book.Sheets() {
		names = append(names, sheet.Name)
	}
	return nil, explicit, nil, problem(SheetMissing, messages.New("sheet.missing", messages.Text("sheet", spec.Title), quoted("sheets", names)))
}

// onlySheet returns the only visible sheet of the file that has a name of the schema, or nil. The mapping of a text file does not name a
// sheet, and it also applies to the report about that file, which is a workbook.
func (f *finder) onlySheet() (only *source.Sheet) {
	for _, sheet := range f.book.Sheets() {
		if sheet.State != source.Visible || f.schema.MatchSheet(sheet.Name) == nil {
			continue
		}
		if only != nil {
			return nil
		}
		only = &sheet
	}
	return only
}

// isMapped reports whether the mapping assigns a sheet of the file to one of the schema. An entry that only adds a table to the sheet
// does not assign it.
func (f *finder) isMapped(name string) bool {
	return slices.ContainsFunc(f.mapping, func(m imports.SheetMapping) bool { return m.WorkbookSheet == name && !m.Distinct })
}

// isNamed reports whether a name is written exactly as in the schema.
func isNamed(spec *schema.Sheet, name string) bool {
	return name == spec.Name || name == spec.Title || slices.Contains(spec.Aliases, name)
}

func duplicated(sheets []source.Sheet, spec *schema.Sheet) error {
	return problem(SheetDuplicated, messages.New("sheet.twice", messages.Text("first", sheets[0].Name), messages.Text("second", sheets[1].Name), messages.Text("sheet", spec.Title)))
}

func notice(spec *schema.Sheet, reason string, says messages.Message) imports.Notice {
	n := imports.NewNotice(reason, says)
	n.Sheet, n.Count = spec.Name, 1
	return n
}

// maxCandidates is the maximum number of visible sheets that are compared with a hidden one.
const maxCandidates = 64

// preferVisible returns the visible sheet whose headers match as well as those of a hidden sheet with the right name, or
// the hidden sheet. A user more likely means a sheet that is visible in the file.
func (f *finder) preferVisible(ctx context.Context, spec *schema.Sheet, explicit imports.SheetMapping, hidden source.Sheet) (*source.Sheet, []imports.Notice, error) {
	matches, err := f.matches(ctx, spec, explicit, hidden)
	if err != nil {
		return nil, nil, err
	}
	var better []source.Sheet
	looked := 0
	for _, sheet := range f.book.Sheets() {
		if sheet.State != source.Visible || sheet.Bytes == 0 || f.isMapped(sheet.Name) || slices.Contains(f.taken, sheet.Name) || f.schema.MatchSheet(sheet.Name) != nil {
			continue
		}
		if looked++; looked > maxCandidates {
			break
		}
		n, err := f.matches(ctx, spec, explicit, sheet)
		if err != nil {
			return nil, nil, err
		}
		if n > 0 && n >= matches {
			better = append(better, sheet)
		}
	}
	switch len(better) {
	case 0:
		return &hidden, []imports.Notice{notice(spec, imports.HiddenSheet, messages.New("notice.hidden_sheet", messages.Text("sheet", hidden.Name)))}, nil
	case 1:
		f.taken = append(f.taken, better[0].Name)
		return &better[0], []imports.Notice{notice(spec, imports.VisiblePreferred, messages.New("notice.visible_preferred",
			messages.Text("sheet", better[0].Name), messages.Text("title", spec.Title), messages.Text("other", hidden.Name)))}, nil
	}
	return nil, nil, problem(SheetDuplicated, messages.New("sheet.hidden", messages.Text("hidden", hidden.Name), messages.Text("first", better[0].Name), messages.Text("second", better[1].Name), messages.Text("sheet", spec.Title)))
}

// matches returns how many columns of the schema a sheet has. It returns 0 if a required one is missing, or if the sheet
// can't be read.
func (f *finder) matches(ctx context.Context, spec *schema.Sheet, explicit imports.SheetMapping, sheet source.Sheet) (int, error) {
	head, err := source.Head(ctx, f.book, []string{sheet.Name}, layout.HeaderSearch)
	var damaged *source.Error
	if errors.As(err, &damaged) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	found := imports.Sheet{WorkbookSheet: sheet.Name}
	if fits := findColumns(newHeading(head[sheet.Name]), spec, explicit, &found, f.required) == nil; !fits {
		found.Columns = nil
	}
	return len(found.Columns), nil
}
