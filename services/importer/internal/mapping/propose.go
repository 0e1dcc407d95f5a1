package mapping

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/match"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// Limits of what is read and shown of a file.
const (
	// previewRows is the number of rows with content that are read of each sheet.
	previewRows = 200
	// previewSheets is the number of sheets that are read. Others are listed only.
	previewSheets = 64
	// previewColumns is the number of columns of a sheet that are proposed and shown. A schema's sheet has at most 256.
	previewColumns = 512
	// shownValues is the number of values of a column that are shown.
	shownValues = 5
	// shownText is the number of bytes of a value or a header that are shown.
	shownText = 80
)

// Scores from which a pair is proposed.
const (
	leastColumn = .3
	leastSheet  = .3
	// LikelyColumn is the score from which a column is worth a question.
	LikelyColumn = .45
)

// Preview describes the contents of a file, and how it could be imported.
type Preview struct {
	Sheets []FileSheet
	// Found are the sheets and columns that were found by name, or by the mapping. They are missing if Problem is set.
	Found []imports.Sheet
	// Problem is the reason why the file can't be imported as it is, or nil.
	Problem *Error
	// Proposals have one entry for each sheet of the schema that a sheet of the file could be for.
	Proposals []Proposal
	// Certain means that the file can be imported as it is, that no column is left over that could be one of the schema, and that the first
	// values have one reading.
	Certain bool
	// lines means that rows are lines of text files.
	lines bool
}

// FileSheet is a sheet of the file.
type FileSheet struct {
	Name   string
	Hidden bool
	// File is the name of its file, if it is one of several.
	File string
	// Of is the name of the sheet that the table is on, if it is another table than the sheet's main one.
	Of string
	// HeaderRow is the number of the last row with headers, or 0 for a sheet without content.
	HeaderRow int
	Columns   []FileColumn
}

// FileColumn is a column of a sheet of the file.
type FileColumn struct {
	// Column counts from 1.
	Column int
	// Header is its text.
	Header string
	// Values are some of its values.
	Values []string
}

// Proposal is a sheet of the file for a sheet of the schema.
type Proposal struct {
	Sheet, FileSheet string
	Columns          []ColumnProposal
	// Joins are columns that could have the texts of several headers.
	Joins []imports.ColumnJoin
}

// ColumnProposal is a column of the file for a column of the schema.
type ColumnProposal struct {
	// Name is the schema's name of the column.
	Name string
	// Header is the text of the header in the file.
	Header string
	// Score is how likely it is the same, from 0 to 1.
	Score float64
	// Reason is why.
	Reason Reason
	// Sure means that it can be taken without asking.
	Sure bool
	// Readings are the ways to read its values, if some of the first ones can be read in several ways, or only with rules, or of its empty
	// cells, if they could have the value of the cell above. The most likely one comes first. ReadingSure means that only that one fits all of the first values.
	Readings    []Reading
	ReadingSure bool
	// Mixed counts its numbers by their separators, if they have different ones.
	Mixed MixedDecimals
	// Samples are the first values as they would be imported.
	Samples []Sample
}

// Reason is why a column is proposed.
type Reason uint8

// The reasons.
const (
	// ByMapping and ByName are columns that are found anyway.
	ByMapping Reason = iota + 1
	ByName
	// BySimilarName has a name that means or abbreviates the same, and ByValues has values that fit.
	BySimilarName
	ByValues
)

// Look reads the beginning of each sheet, and proposes how the file could be imported. See Find for the mapping. Errors are
// those of the file.
func Look(ctx context.Context, book source.Workbook, s *schema.Schema, mapping []imports.SheetMapping, update bool) (Preview, error) {
	var p Preview
	find := Find
	if update {
		find = FindForUpdate
	}
	found, err := find(ctx, book, s, mapping)
	if err != nil && !errors.As(err, &p.Problem) {
		return p, err
	}
	p.Found, p.lines = found, source.HasLines(book)
	heads, err := readHeads(ctx, book)
	if err != nil {
		return p, err
	}
	files, known := make([]*fileTable, 0, len(heads)), newLabels(s, nil)
	for _, sheet := range book.Sheets() {
		rows, read := heads[sheet.Name]
		f := tableOf(book, sheet, rows, s, known, found)
		p.Sheets = append(p.Sheets, f.FileSheet)
		if read && len(f.Columns) > 0 {
			files = append(files, f)
		}
	}
	if p.Proposals, err = propose(ctx, files, s, mapping, found); err != nil {
		return p, err
	}
	p.addReadings(files, s)
	if err := p.addGroups(ctx, files, book, s); err != nil {
		return p, err
	}
	p.addSamples(files, book, withRules(s, mapping))
	p.Certain = p.Problem == nil && p.uncertain(s, mapping) == nil
	return p, nil
}

// readHeads returns the first rows of the sheets with content. A damaged sheet has none.
func readHeads(ctx context.Context, book source.Workbook) (map[string][]source.Row, error) {
	heads := map[string][]source.Row{}
	for _, sheet := range book.Sheets() {
		if sheet.Bytes == 0 || len(heads) == previewSheets {
			continue
		}
		head, err := source.Head(ctx, book, []string{sheet.Name}, previewRows)
		var damaged *source.Error
		switch {
		case errors.As(err, &damaged):
		case err != nil:
			return nil, err
		default:
			heads[sheet.Name] = head[sheet.Name]
		}
	}
	return heads, nil
}

// headerOf returns the row of headers: the one that was found, or the one that has the most headers of the schema, or the one
// that looks like headers.
func headerOf(rows []source.Row, sheet string, s *schema.Schema, known labels, found []imports.Sheet) source.Row {
	search := rows[:min(len(rows), layout.HeaderSearch)]
	table := layout.FindTable(rows)
	joined := source.Row{}
	if len(table.Header) > 0 {
		joined = layout.JoinHeaders(rows, table)
	}
	wanted := 0
	if i := slices.IndexFunc(found, func(f imports.Sheet) bool { return f.WorkbookSheet == sheet }); i >= 0 {
		wanted = found[i].HeaderRow
	} else {
		matches := 0
		headers := known.only(newHeading(search))
		for _, spec := range s.Sheets {
			best := bestHeader(headers, spec, imports.SheetMapping{}, sheet)
			if best.matches > matches && (best.matches > 1 || hasOnlyWords(search, best.row)) {
				wanted, matches = best.row, best.matches
			}
		}
	}
	single := rows[0]
	for _, row := range search {
		if wanted == 0 || row.Number == wanted {
			single = row
			break
		}
	}
	if joined.Number > 0 && (wanted == 0 || wanted == joined.Number && !known.named(single, joined)) {
		return joined
	}
	return single
}

// named reports whether more headers of a row are those of the schema than if they are joined with the rows above, which have no headers
// for other columns.
func (l labels) named(row, joined source.Row) bool {
	return filled(row) == filled(joined) && len(l.onlyOf(row, nil).Cells) > len(l.onlyOf(joined, nil).Cells)
}

// valueOf returns a cell as the user reads it.
func valueOf(book source.Workbook, cell *source.Cell) string {
	if cell.Kind == source.Date && !cell.ISO || cell.Kind == source.Number && cell.Format.Kind != source.Plain {
		if civil, err := book.Civil(cell); err == nil {
			return civil.String()
		}
	}
	clean, _, _ := text.Clean(cell.Text, nil)
	return string(clean)
}

// propose assigns sheets of the file to those of the schema. A sheet that was found, or that the mapping names, keeps its place.
func propose(ctx context.Context, files []*fileTable, s *schema.Schema, mapping []imports.SheetMapping, found []imports.Sheet) ([]Proposal, error) {
	scores := make([][]float64, len(s.Sheets))
	columns := make([][][]ColumnProposal, len(s.Sheets))
	joins := make([][][]imports.ColumnJoin, len(s.Sheets))
	placed := make([]int, len(s.Sheets))
	taken := make([]bool, len(files))
	for i, spec := range s.Sheets {
		explicit := explicitOf(mapping, spec.Name)
		placed[i] = placeOf(files, found, spec, explicit)
		if placed[i] >= 0 && !explicit.Distinct {
			taken[placed[i]] = true
		}
	}
	for i := range s.Sheets {
		scores[i], columns[i], joins[i] = make([]float64, len(files)), make([][]ColumnProposal, len(files)), make([][]imports.ColumnJoin, len(files))
	}
	c := comparisons{left: maxComparisons}
	for j, f := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		debit, credit := f.debits()
		for i, spec := range s.Sheets {
			explicit := explicitOf(mapping, spec.Name)
			columns[i][j], joins[i][j] = joinNames(f, spec, explicit, c.proposeColumns(f, spec, explicit))
			proposed, debits := joinDebits(f, debit, credit, spec, explicit, columns[i][j])
			if columns[i][j] = proposed; len(debits) == 0 {
				debits = joinSigns(f, spec, explicit, proposed)
			}
			joins[i][j] = append(joins[i][j], debits...)
			if placed[i] >= 0 || taken[j] || explicit.Absent {
				scores[i][j] = -10
			} else {
				scores[i][j] = sheetScore(f, spec, explicit, columns[i][j])
			}
		}
	}
	var proposals []Proposal
	for i, j := range match.Assign(scores) {
		if at := placed[i]; at >= 0 { // several sheets of the schema can have the same place
			proposals = append(proposals, Proposal{Sheet: s.Sheets[i].Name, FileSheet: files[at].Name, Columns: columns[i][at], Joins: joins[i][at]})
		} else if j >= 0 && scores[i][j] >= leastSheet {
			proposals = append(proposals, Proposal{Sheet: s.Sheets[i].Name, FileSheet: files[j].Name, Columns: columns[i][j], Joins: joins[i][j]})
		}
	}
	return withoutImplausible(proposals, s, func(o Proposal) bool {
		i := slices.Index(s.Sheets, s.Sheet(o.Sheet))
		return placed[i] >= 0 || s.MatchSheet(o.FileSheet) == s.Sheets[i]
	}), nil
}

// placeOf returns the index of the sheet of the file that a sheet of the schema was found in, or that the mapping names. It returns -1
// for all others.
func placeOf(files []*fileTable, found []imports.Sheet, spec *schema.Sheet, explicit imports.SheetMapping) int {
	name := explicit.WorkbookSheet
	if i := slices.IndexFunc(found, func(f imports.Sheet) bool { return f.Name == spec.Name }); i >= 0 {
		name = found[i].WorkbookSheet
	} else if explicit.Distinct && name == "" && len(files) == 1 {
		return 0
	}
	if name == "" {
		return -1
	}
	return slices.IndexFunc(files, func(f *fileTable) bool { return f.Name == name })
}

// sheetScore returns how well a sheet of the file fits one of the schema: by its name, and by the columns that it must have.
func sheetScore(f *fileTable, spec *schema.Sheet, explicit imports.SheetMapping, columns []ColumnProposal) float64 {
	needed, sum := 0, 0.0
	for _, c := range spec.Columns {
		if !c.Required {
			continue
		}
		if _, constant := explicit.Constants[c.Name]; constant || slices.Contains(derivedColumns(explicit), c.Name) {
			continue
		}
		needed++
		if i := slices.IndexFunc(columns, func(p ColumnProposal) bool { return p.Name == c.Name }); i >= 0 {
			sum += columns[i].Score
		}
	}
	name := match.Names([]string{f.Name}, append([]string{spec.Name, spec.Title}, spec.Aliases...))
	score := .75*sum/float64(max(needed, 1)) + .25*name
	if f.Hidden {
		score *= .8
	}
	// More columns that fit are better, if the required ones fit as well.
	return score + .01*float64(min(len(columns), 20))
}

// isPlausible reports whether a sheet has at least half of the columns that it must have. A sheet about something else can have a
// column that is surely one of the schema's.
func isPlausible(spec *schema.Sheet, columns []ColumnProposal) bool {
	needed, likely := 0, 0
	for _, c := range spec.Columns {
		if !c.Required {
			continue
		}
		needed++
		if slices.ContainsFunc(columns, func(p ColumnProposal) bool { return p.Name == c.Name && p.Score >= LikelyColumn }) {
			likely++
		}
	}
	return 2*likely >= needed
}

// proposeColumns assigns columns of a sheet to those of the schema. Columns that are found by the mapping or by name are not
// proposed for others.
func (c *comparisons) proposeColumns(f *fileTable, spec *schema.Sheet, explicit imports.SheetMapping) []ColumnProposal {
	var proposals []ColumnProposal
	takenFile, takenSpec := map[int]bool{}, map[string]bool{}
	byName := newMatcher(spec, explicit)
	for i, of := range f.Columns {
		column, err := byName.column(of.Header, of.Header)
		if err != nil || column == nil || takenSpec[column.Name] {
			continue
		}
		reason := ByName
		if _, mapped := explicit.Columns[column.Name]; mapped {
			reason = ByMapping
		}
		takenFile[i], takenSpec[column.Name] = true, true
		proposals = append(proposals, ColumnProposal{Name: column.Name, Header: of.Header, Score: 1, Reason: reason, Sure: true})
	}
	var restFile []match.Column
	var atFile []int
	derived := derivedHeaders(explicit)
	for i := range f.Columns {
		if !takenFile[i] && !slices.Contains(derived, f.Columns[i].Header) {
			restFile, atFile = append(restFile, f.columns[i]), append(atFile, i)
		}
	}
	var restSpec []match.Column
	var names []string
	for _, c := range spec.Columns {
		_, mapped := explicit.Columns[c.Name]
		if _, constant := explicit.Constants[c.Name]; !takenSpec[c.Name] && !mapped && !constant && !slices.Contains(derivedColumns(explicit), c.Name) {
			restSpec, names = append(restSpec, match.Column{Names: c.Names(), Expects: expects(c), Translated: len(c.Allowed) > 0}), append(names, c.Name)
		}
	}
	if !c.allows(restFile, restSpec) {
		restFile = nil
	}
	for _, p := range match.Match(restFile, restSpec) {
		if !p.Assigned || p.Score < leastColumn {
			continue
		}
		reason := BySimilarName
		if p.Name < .5 {
			reason = ByValues
		}
		proposals = append(proposals, ColumnProposal{Name: names[p.B], Header: f.Columns[atFile[p.A]].Header, Score: p.Score, Reason: reason, Sure: p.Sure})
	}
	if !isPlausible(spec, proposals) {
		for i := range proposals {
			proposals[i].Sure = proposals[i].Sure && proposals[i].Reason <= ByName
		}
	}
	order := func(name string) int {
		_, i := spec.Column(name)
		return i
	}
	slices.SortFunc(proposals, func(a, b ColumnProposal) int { return cmp.Compare(order(a.Name), order(b.Name)) })
	return proposals
}
