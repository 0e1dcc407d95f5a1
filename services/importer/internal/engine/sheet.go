package engine

import (
	"context"
	"fmt"
	"slices"

	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// sheetRun is one sheet of a run.
type sheetRun struct {
	run   *run
	index int // in the schema
	spec  *schema.Sheet
	// source is where the sheet is found; nil if the workbook does not have it.
	source  *imports.Sheet
	columns []column
	key     []int // of the columns
	// byCell finds the column of a cell, by the cell's column number.
	byCell []int16
	table  imports.Table

	// keys are those of the rows so far. uniques are the values of unique columns, by column.
	keys    *keySet
	uniques map[int]*keySet
	// selfColumns refer to this sheet.
	selfColumns []int
	// parents finds the sheets that columns refer to, by column.
	parents map[int]*parent

	counts imports.Counts
	// outcomes is what became of each row.
	outcomes imports.Outcomes
	recorder recorder
	// firstIssue holds what rows were rejected for, by row, as long as issues are kept.
	firstIssue map[int]imports.Issue
	pending    *pendingRows
	pipeline   *pipeline
	check      checker
}

// column is a column that the workbook has.
type column struct {
	spec      *schema.Column
	converter *convert.Column
	// cell is its number in the workbook, from 1.
	cell int
}

// parent is the sheet that a column refers to.
type parent struct {
	sheet  *sheetRun
	column string
	// known caches what the database was asked: whether it holds a value.
	known map[string]bool
}

const (
	unknownColumn = -1 // no header stands above it
	ignoredColumn = -2 // the schema does not know its header, or it was told of before
)

// openSheet prepares a sheet and its table.
func (r *run) openSheet(ctx context.Context, index int, spec *schema.Sheet) (*sheetRun, error) {
	s := &sheetRun{run: r, index: index, spec: spec, uniques: map[int]*keySet{}, parents: map[int]*parent{}, firstIssue: map[int]imports.Issue{}}
	i := slices.IndexFunc(r.task.Import.Sheets, func(sh imports.Sheet) bool { return sh.Name == spec.Name })
	if i >= 0 {
		s.source = &r.task.Import.Sheets[i]
	}
	if err := s.openColumns(); err != nil {
		return nil, fmt.Errorf("sheet %s: %w", spec.Name, err)
	}
	specs := make([]*schema.Column, len(s.columns))
	for i, c := range s.columns {
		specs[i] = c.spec
	}
	var err error
	if s.table, err = r.tx.Table(ctx, r.task.Schema, spec, specs); err != nil {
		return nil, fmt.Errorf("open the table of sheet %s: %w", spec.Name, err)
	}
	s.recorder = recorder{books: r.engine.Books, id: r.task.Import.ID, run: r.task.Number, counts: &s.counts}
	return s, nil
}

func (s *sheetRun) openColumns() error {
	if s.source == nil {
		for _, spec := range s.spec.Columns {
			s.columns = append(s.columns, column{spec: spec})
		}
	} else {
		for _, found := range s.source.Columns {
			spec, _ := s.spec.Column(found.Name)
			if spec == nil {
				return fmt.Errorf("the schema has no column %q any more", found.Name)
			}
			converter, err := convert.Compile(spec)
			if err != nil {
				return err
			}
			s.columns = append(s.columns, column{spec: spec, converter: converter, cell: found.Column})
			s.setColumn(found.Column, len(s.columns)-1)
		}
		for _, ignored := range s.source.Ignored {
			s.setColumn(ignored.Column, ignoredColumn)
		}
	}
	for _, k := range s.spec.Key {
		i := slices.IndexFunc(s.columns, func(c column) bool { return c.spec.Name == k })
		if i < 0 {
			return fmt.Errorf("the workbook lacks the key column %q", k)
		}
		s.key = append(s.key, i)
	}
	if s.source != nil {
		s.openKeys()
	}
	return nil
}

func (s *sheetRun) openKeys() {
	s.keys = newKeySet()
	for i, c := range s.columns {
		single := len(s.key) == 1 && s.key[0] == i
		if c.spec.Unique && !single {
			s.uniques[i] = newKeySet()
		}
		if c.spec.References == nil {
			continue
		}
		p := &parent{column: c.spec.References.Column, known: map[string]bool{}}
		if p.sheet = s.run.sheets[c.spec.References.Sheet]; c.spec.References.Sheet == s.spec.Name {
			p.sheet = s
			s.selfColumns = append(s.selfColumns, i)
		}
		s.parents[i] = p
	}
}

// setColumn notes which column a cell's column number means.
func (s *sheetRun) setColumn(cell, column int) {
	for len(s.byCell) <= cell {
		s.byCell = append(s.byCell, unknownColumn)
	}
	s.byCell[cell] = int16(column)
}

// columnAt is called for every cell, from the reader's goroutine only.
func (s *sheetRun) columnAt(cell int) int {
	if cell >= len(s.byCell) {
		s.setColumn(cell, unknownColumn)
	}
	return int(s.byCell[cell])
}

// keysOf gives the set that a reference to this column looks into; nil if the workbook does not have the sheet or
// the column.
func (s *sheetRun) keysOf(column string) *keySet {
	if len(s.spec.Key) == 1 && s.spec.Key[0] == column {
		return s.keys
	}
	for i, set := range s.uniques {
		if s.columns[i].spec.Name == column {
			return set
		}
	}
	return nil
}

// load reads the sheet to its end.
func (s *sheetRun) load(ctx context.Context) error {
	s.pending = newPendingRows(s.run.engine.SpillDir)
	defer s.pending.close()
	s.pipeline = &pipeline{sheet: s}
	for _, ignored := range s.source.Ignored {
		s.warnIgnored(s.source.HeaderRow, ignored.Column, ignored.Header)
	}
	if err := s.pipeline.run(ctx, s.take); err != nil {
		return err
	}
	if err := s.replay(ctx); err != nil {
		return err
	}
	if read := s.pipeline.read.Load(); read != int64(s.counts.Read) {
		return fmt.Errorf("%d rows were read and %d checked: %w", read, s.counts.Read, &imports.ConservationError{Sheet: s.spec.Name, Counts: s.counts})
	}
	noted := s.outcomes.Counts()
	if err := s.counts.Conserved(); err != nil || noted.Inserted != s.counts.Inserted || noted.Updated != s.counts.Updated || noted.Unchanged != s.counts.Unchanged {
		return &imports.ConservationError{Sheet: s.spec.Name, Counts: s.counts}
	}
	return nil
}

// take decides on a batch of rows as they were read.
func (s *sheetRun) take(ctx context.Context, b *batch) error {
	s.counts.Read += uint32(len(b.rows))
	for _, stray := range b.strays {
		s.warnIgnored(stray.row, stray.column, stray.text)
	}
	if err := s.decide(ctx, b, false); err != nil {
		return err
	}
	if err := s.recorder.tick(ctx); err != nil {
		return err
	}
	s.run.task.Progress.SheetMoves(s.spec.Name, s.counts.Read, s.about(), s.counts)
	return nil
}

// write has accepted rows written. Into a table that was empty, each key comes once.
func (s *sheetRun) write(ctx context.Context, rows [][]imports.Value) error {
	if s.table.WasEmpty() {
		return s.table.Insert(ctx, rows)
	}
	return s.table.Write(ctx, rows)
}

// about estimates how many rows the sheet has, from the bytes read so far.
func (s *sheetRun) about() uint32 {
	read, total := s.pipeline.rows.Progress()
	rows := float64(s.pipeline.read.Load())
	if read <= 0 || total <= read {
		return max(s.counts.Read, uint32(rows))
	}
	return max(s.counts.Read, uint32(rows*float64(total)/float64(read)))
}

// settle counts the rows that a run which ended early did not decide on.
func (s *sheetRun) settle() {
	c := &s.counts
	if decided := c.Inserted + c.Updated + c.Unchanged + c.Rejected + c.Blocked; decided < c.Read {
		c.Skipped = c.Read - decided
	}
}

// endBooks keeps the sheet's numbers, and what became of its rows if outcomes is not nil.
func (s *sheetRun) endBooks(ctx context.Context, outcomes *imports.Outcomes) error {
	err := s.run.engine.Books.EndSheet(ctx, s.run.task.Import.ID, s.run.task.Number, s.spec.Name, s.counts, outcomes)
	if err != nil {
		return fmt.Errorf("keep the numbers of sheet %s: %w", s.spec.Name, err)
	}
	return nil
}

// forget lets go of the keys that no later sheet refers to.
func (s *sheetRun) forget() {
	referred := map[string]bool{}
	for _, sheet := range s.run.task.Schema.Sheets[s.index+1:] {
		for _, c := range sheet.Columns {
			if c.References != nil && c.References.Sheet == s.spec.Name {
				referred[c.References.Column] = true
			}
		}
	}
	for i := range s.uniques {
		if !referred[s.columns[i].spec.Name] {
			delete(s.uniques, i)
		}
	}
	if len(s.key) != 1 || !referred[s.spec.Key[0]] {
		s.keys = nil
	}
	s.check, s.parents, s.pending, s.pipeline, s.outcomes = checker{}, nil, nil, nil, imports.Outcomes{}
	if len(referred) == 0 {
		s.firstIssue = nil
	}
}

func (s *sheetRun) warnIgnored(row, cell int, text string) {
	s.recorder.add(imports.Warning, func() imports.Issue {
		message := fmt.Sprintf("Column %s has content but no header, and is not imported.", source.ColumnName(cell))
		if row == s.source.HeaderRow {
			message = fmt.Sprintf("The column “%s” is not part of the schema, and is not imported.", source.Clip([]byte(text), 40))
		}
		return imports.Issue{Sheet: s.spec.Name, Cell: s.cellName(row, cell), Row: row, CellColumn: cell, Value: text,
			Severity: imports.Warning, Code: imports.ColumnIgnored, Message: message}
	})
}

// cellName is "Employees!D4711", or "Employees!4711:4711" for the whole row.
func (s *sheetRun) cellName(row, cell int) string {
	if cell == 0 {
		return fmt.Sprintf("%s!%d:%d", s.source.WorkbookSheet, row, row)
	}
	return s.source.WorkbookSheet + "!" + source.CellName(cell, row)
}
