// Package check decides the outcome of each row of a sheet from the row's own values, the keys and unique values of the
// file and of the database, and the rows that it refers to.
//
// It applies these rules in addition to the schema's:
//
//   - A duplicate key or unique value in a sheet is an issue of the later row, even if the first row is rejected.
//   - A reference to a row of the file that is rejected or blocked blocks the referring row, even if the database has an
//     older row with that key. A row that is rejected only because its key exists (INSERT_ONLY) can be referred to,
//     because the database has that key.
//   - Whether a unique value belongs to another row of the database is decided at the end of the sheet. So a row can take a
//     value that another row of the file releases, in any order, and rows can exchange their values. If the row that
//     releases a value is rejected or blocked, the row that takes it is rejected.
//   - Rows of one sheet that refer to each other in a cycle (manager → employee), or to themselves, are issues.
package check

import (
	"context"
	"fmt"
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/keyset"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// Config configures the check of a sheet.
type Config struct {
	Spec *schema.Sheet
	// Index is the sheet's index in the schema.
	Index int
	// SourceSheet is the sheet's name in the file. It is empty if the file does not have the sheet. Other sheets can
	// then refer only to rows of the database.
	SourceSheet string
	// Position is where its rows are.
	Position source.Position
	// Columns are the columns of the batches.
	Columns []Column
	Mode    imports.Mode
	// Distinct means that rows that are equal to an earlier one are not imported again.
	Distinct bool
	// Database is the sheet's table.
	Database Database
	// Parents returns an earlier sheet of the schema.
	Parents func(sheet string) *Sheet
	// Issue records an issue. It calls the function only if the issue is stored.
	Issue      func(imports.Severity, imports.IssueCode, func() imports.Issue)
	RootCauses *RootCauses
	// Calendar converts dates for messages.
	Calendar convert.Calendar
	// Refusals are from the run's earlier passes. It can be nil.
	Refusals *Refusals
	// Space is where keys are kept. Its folder also has the rows that wait for the end of the sheet.
	Space keyset.Space
}

// Column is a column of a sheet's batches.
type Column struct {
	Spec *schema.Column
	// Cell is the column's number in the file, from 1.
	Cell int
}

// Database is the read half of a table. imports.Table describes its methods.
type Database interface {
	WasEmpty() bool
	Existing(ctx context.Context, rows [][]imports.Value) ([][]imports.Value, error)
	Owners(ctx context.Context, column string, values []imports.Value) ([][]imports.Value, error)
	Release(ctx context.Context, column int, rows [][]imports.Value) error
}

// Sheet checks the rows of one sheet, in their order.
type Sheet struct {
	Config
	key []int // indexes in Columns
	// keys are those of the rows so far. uniques are the values of unique columns, by column.
	keys    *keys
	uniques map[int]*keys
	// uniqueColumns are the columns of uniques, in their order, in which their errors are found.
	uniqueColumns []int
	// selfColumns are the columns that refer to this sheet.
	selfColumns []int
	// folded reports for each column whether its values are compared without regard to case: the database does so, or it does so in
	// the column that is referred to.
	folded []schema.Letters
	// parents are the sheets that columns refer to, by column.
	parents map[int]*parent
	// firstIssue has the first issue of rejected rows, by row number, for up to imports.KeptPerSheet rows.
	firstIssue map[int]imports.Issue
	deferred   deferredRows
	// distinct has the first of equal rows. It is nil unless the sheet is distinct.
	distinct *distinctRows
	scratch
}

// scratch is memory that is reused from batch to batch.
type scratch struct {
	batch  *Batch
	replay bool // the batch has deferred rows
	// probing means that only the outcome of deferred rows is determined, and nothing is recorded.
	probing bool
	// asked are the values that owners are asked for.
	asked    []imports.Value
	verdicts []Verdict
	buffer   []byte
	// row is the row that is being decided.
	row decision
}

// decision is the preliminary outcome of a row.
type decision struct {
	index  int
	values []imports.Value
	state  State
	result imports.RowResult
	cause  uint32
	code   imports.IssueCode
	column int16
	first  *imports.Issue
	// entry is the row's index in the sheet's keys, or -1 if its key belongs to another row. unique has the same by column.
	entry  int
	unique map[int]int
}

// NewSheet returns the check of a sheet.
func NewSheet(config Config) (*Sheet, error) {
	s := &Sheet{Config: config, uniques: map[int]*keys{}, parents: map[int]*parent{}, firstIssue: map[int]imports.Issue{},
		deferred: deferredRows{space: config.Space}}
	for _, name := range s.Spec.Key {
		i := slices.IndexFunc(s.Columns, func(c Column) bool { return c.Spec.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("the workbook lacks the key column %q", name)
		}
		s.key = append(s.key, i)
	}
	s.folded = make([]schema.Letters, len(s.Columns))
	for i, c := range s.Columns {
		s.folded[i] = c.Spec.IgnoresCase
	}
	if s.SourceSheet == "" {
		return s, nil
	}
	s.keys = keyset.New[entry](s.Space)
	if s.Distinct {
		s.distinct = newDistinctRows(s.Space)
	}
	for i, c := range s.Columns {
		single := len(s.key) == 1 && s.key[0] == i
		if c.Spec.Unique && !single {
			s.uniques[i] = keyset.New[entry](s.Space)
			s.uniqueColumns = append(s.uniqueColumns, i)
		}
		if c.Spec.References == nil {
			continue
		}
		p := &parent{column: c.Spec.References.Column}
		if c.Spec.References.Sheet == s.Spec.Name {
			p.sheet = s
			s.selfColumns = append(s.selfColumns, i)
		} else {
			p.sheet = s.Parents(c.Spec.References.Sheet)
		}
		at := slices.IndexFunc(p.sheet.Columns, func(c Column) bool { return c.Spec.Name == p.column })
		if at >= 0 {
			s.folded[i] = max(s.folded[i], p.sheet.folded[at])
		}
		s.parents[i] = p
	}
	return s, nil
}

// LookUp looks the rows of a batch up in the database, unless that depends on earlier rows. It can run while Decide decides on the
// batch before. Without it, Decide looks the rows up.
func (s *Sheet) LookUp(ctx context.Context, b *Batch) error {
	if s.distinct != nil {
		return nil // equal rows are not looked up
	}
	return s.lookUp(ctx, b)
}

// Decide returns the outcome of each row of a batch. The verdicts are valid until the next call.
func (s *Sheet) Decide(ctx context.Context, b *Batch) ([]Verdict, error) {
	return s.decide(ctx, b, false)
}

func (s *Sheet) decide(ctx context.Context, b *Batch, replay bool) ([]Verdict, error) {
	s.batch, s.replay, s.verdicts = b, replay, s.verdicts[:0]
	if s.distinct != nil && !replay {
		if err := s.distinct.find(b, len(s.Columns), s.key); err != nil {
			return nil, err
		}
	}
	if err := s.lookUpParents(ctx); err != nil {
		return nil, err
	}
	if !b.answers.known {
		if err := s.lookUp(ctx, b); err != nil {
			return nil, err
		}
	}
	nextFault := 0
	for i := range b.Rows {
		s.beginRow(i)
		if s.isSame(i) {
			for nextFault < len(b.Faults) && b.Faults[nextFault].Row == i {
				nextFault++
			}
			s.verdicts = append(s.verdicts, Verdict{Row: b.Rows[i], State: Same})
			continue
		}
		if replay && b.repeated[i] {
			s.repeat()
			s.verdicts = append(s.verdicts, Verdict{Row: b.Rows[i], State: Repeated})
			continue
		}
		for ; nextFault < len(b.Faults) && b.Faults[nextFault].Row == i; nextFault++ {
			f := b.Faults[nextFault]
			s.reject(f.Column, f.Code, func() messages.Message { return f.Says })
		}
		s.checkKeys()
		waits := s.checkReferences()
		if clean := b.answers.cleanIndex[i]; clean >= 0 && s.row.state != Rejected {
			takes := s.checkDatabase(clean)
			waits = waits || takes && s.row.state == Accepted
		}
		if s.probing {
			s.verdicts = append(s.verdicts, Verdict{Row: b.Rows[i], State: s.row.state})
			continue
		}
		if err := s.endRow(waits); err != nil {
			return nil, err
		}
		s.verdicts = append(s.verdicts, Verdict{Row: b.Rows[i], State: s.row.state, Result: s.row.result})
	}
	if err := s.keyErr(); err != nil {
		return nil, err
	}
	return s.verdicts, nil
}

// lookUp queries the database for all rows of a batch in one step.
func (s *Sheet) lookUp(ctx context.Context, b *Batch) error {
	a, width := &b.answers, len(s.Columns)
	a.known, a.clean, a.cleanIndex, a.existing = true, a.clean[:0], a.cleanIndex[:0], nil
	nextFault := 0
	for i := range b.Rows {
		bad := false
		for ; nextFault < len(b.Faults) && b.Faults[nextFault].Row == i; nextFault++ {
			bad = true
		}
		if bad || s.isSame(i) {
			a.cleanIndex = append(a.cleanIndex, -1)
			continue
		}
		a.cleanIndex = append(a.cleanIndex, len(a.clean))
		a.clean = append(a.clean, b.Row(i, width))
	}
	if s.Database.WasEmpty() {
		return nil
	}
	var err error
	if a.existing, err = s.Database.Existing(ctx, a.clean); err != nil {
		return err
	}
	if len(s.uniques) > 0 && a.owners == nil {
		a.owners = map[int][][]imports.Value{}
	}
	for _, column := range s.uniqueColumns {
		if a.owners[column], err = s.ownersOf(ctx, column, a.clean); err != nil {
			return err
		}
	}
	return nil
}

// ownersOf returns the keys of the database's rows that have the rows' values of a unique column.
func (s *Sheet) ownersOf(ctx context.Context, column int, rows [][]imports.Value) ([][]imports.Value, error) {
	s.asked = s.asked[:0]
	for _, row := range rows {
		s.asked = append(s.asked, row[column])
	}
	return s.Database.Owners(ctx, s.Columns[column].Spec.Name, s.asked)
}

func (s *Sheet) beginRow(i int) {
	unique := s.row.unique
	clear(unique)
	s.row = decision{index: i, values: s.batch.Row(i, len(s.Columns)), state: Accepted, entry: -1, unique: unique}
}

// endRow completes the row's outcome, and records it for rows that refer to it.
func (s *Sheet) endRow(waits bool) error {
	v := &s.row
	number := s.batch.Rows[v.index]
	if v.state == Accepted && waits {
		v.state = Pending
	}
	switch v.state {
	case Accepted:
		s.accept()
	case Rejected, Present:
		if v.first != nil && len(s.firstIssue) < imports.KeptPerSheet {
			s.firstIssue[number] = *v.first
		}
		if waits {
			if err := s.deferred.add(number, v.values, true); err != nil {
				return err
			}
		}
	case Blocked:
		s.RootCauses.stops(v.cause, s.Index)
	case Pending:
		if err := s.deferred.add(number, v.values, false); err != nil {
			return err
		}
		v.cause = uint32(s.deferred.len()) // its index, from 1
	case Undecided, Repeated:
	}
	if v.entry >= 0 {
		record(s.keys, v.entry, v)
	}
	for column, entry := range v.unique {
		if entry >= 0 {
			record(s.uniques[column], entry, v)
		}
	}
	return nil
}

// accept determines the effect of a valid row on the database.
func (s *Sheet) accept() {
	v := &s.row
	var existing []imports.Value
	if !s.Database.WasEmpty() {
		existing = s.batch.answers.existing[s.batch.answers.cleanIndex[v.index]]
	}
	switch {
	case existing == nil:
		v.result = imports.Inserted
	case s.unchanged(existing, v.values):
		v.result = imports.Unchanged
	default:
		v.result = imports.Updated
	}
}

// reject records an error of the row itself. Column is -1 for the whole row.
func (s *Sheet) reject(column int, code imports.IssueCode, message func() messages.Message) {
	v := &s.row
	if s.probing {
		v.state = Rejected
		return
	}
	if v.state != Rejected {
		v.state = Rejected
		v.code, v.column = code, int16(column)
		if len(s.firstIssue) < imports.KeptPerSheet {
			first := s.issue(column, code, message())
			v.first = &first
		}
	}
	s.report(column, code, message)
}

// report records an error.
func (s *Sheet) report(column int, code imports.IssueCode, message func() messages.Message) {
	s.Issue(imports.Error, code, func() imports.Issue { return s.issue(column, code, message()) })
}

func (s *Sheet) issue(column int, code imports.IssueCode, message messages.Message) imports.Issue {
	number := s.batch.Rows[s.row.index]
	is := imports.Issue{Sheet: s.Spec.Name, Row: number, Severity: imports.Error, Code: code, Says: message}
	if column >= 0 {
		is.Column, is.CellColumn = s.Columns[column].Spec.Name, s.Columns[column].Cell
		is.Value = s.shown(column)
	}
	is.Cell = s.Position.Cell(number, is.CellColumn)
	return is
}

// shown returns the content of a cell of the row for a message. Dates are shown as dates, not as numbers.
func (s *Sheet) shown(column int) string {
	v := s.row.values[column]
	if len(s.batch.Cells) == 0 {
		return source.Clip(v.Append(nil), imports.MaxValue)
	}
	cell := &s.batch.Cells[s.row.index*len(s.Columns)+column]
	if spec := s.Columns[column].Spec; v.Kind == imports.Text && (spec.Type == schema.Date || spec.Type == schema.Time || spec.Type == schema.DateTime) {
		return string(v.Bytes)
	}
	return source.Clip(convert.Shown(cell, s.Calendar), imports.MaxValue)
}
