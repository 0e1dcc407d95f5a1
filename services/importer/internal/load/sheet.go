package load

import (
	"context"
	"fmt"
	"slices"

	"headway/services/importer/internal/check"
	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// sheet is one sheet of a run.
type sheet struct {
	run   *run
	index int // in the schema
	spec  *schema.Sheet
	// listed is the sheet in the file. It is nil if the file does not have the sheet.
	listed *imports.Sheet
	// columns are those of the file, and then the constants. derived are those of the file that are made from parts of cells, or
	// from several cells.
	columns []column
	derived []derivedColumn
	// byCell finds the column of a cell, by the cell's column number.
	byCell []int16
	table  imports.Table
	check  *check.Sheet

	counts   imports.Counts
	results  imports.RowResults
	issues   issueLog
	pipeline *pipeline
	// shares reports whether an earlier sheet of the import has the same rows of the file, and reports on them.
	shares bool
	// others are columns of other tables that have the same rows of the file. They help to distinguish records from totals and notes.
	others []layout.Column
	// repeated are the rows that are equal to earlier ones. They are not counted.
	repeated layout.Rows
	// normalized counts cells by column. It is nil if there are none.
	normalized []normalized
	sampled    sampled
	// totals is nil if the sheet can't have totals.
	totals *totals
}

// column is a column that the file has.
type column struct {
	check.Column
	converter *convert.Column
	// header is the text of the column's header in the file. key reports whether the column belongs to the key.
	header string
	key    bool
	// constant is the cell of every row, if the file does not have the column.
	constant source.Cell
}

const (
	unknownColumn = -1 // the column has no header
	ignoredColumn = -2 // the schema does not have the header, or the column was reported before
)

// openSheet prepares a sheet and its table.
func (r *run) openSheet(ctx context.Context, index int, spec *schema.Sheet) (*sheet, error) {
	s := &sheet{run: r, index: index, spec: spec}
	i := slices.IndexFunc(r.task.Import.Sheets, func(sh imports.Sheet) bool { return sh.Name == spec.Name })
	if i >= 0 {
		s.listed = &r.task.Import.Sheets[i]
		s.shares = slices.ContainsFunc(r.task.Import.Sheets[:i], func(sh imports.Sheet) bool { return sh.Shares(s.listed) })
	}
	if err := s.openColumns(); err != nil {
		return nil, fmt.Errorf("sheet %s: %w", spec.Name, err)
	}
	columns, err := s.openTable(ctx)
	if err != nil {
		return nil, err
	}
	s.issues = issueLog{store: r.loader.Store, id: r.task.Import.ID, run: r.task.Number, counts: &s.counts}
	s.pipeline = &pipeline{sheet: s}
	if s.listed == nil || !s.listed.Distinct { // numbers of repeated rows prove nothing
		s.totals = newTotals(s.columns)
	}
	config := check.Config{
		Spec: spec, Index: index, Columns: columns, Mode: r.task.Import.Policy.Mode, Database: s.table,
		Parents: func(name string) *check.Sheet { return r.sheets[name].check },
		Issue:   s.issues.add, RootCauses: r.rootCauses, Calendar: r.input.Workbook,
		Space: r.space, Refusals: r.refused,
	}
	if s.listed != nil {
		config.SourceSheet, config.Position, config.Distinct = s.listed.WorkbookSheet, s.listed.Position(), s.listed.Distinct
	}
	if s.check, err = check.NewSheet(config); err != nil {
		return nil, fmt.Errorf("sheet %s: %w", spec.Name, err)
	}
	return s, nil
}

// openTable opens the sheet's table, and prepares the columns with the bounds that the database has for them.
func (s *sheet) openTable(ctx context.Context) ([]check.Column, error) {
	specs := make([]*schema.Column, len(s.columns))
	for i, c := range s.columns {
		specs[i] = c.Spec
	}
	var err error
	if s.table, err = s.run.tx.Table(ctx, s.run.task.Schema, s.spec, specs); err != nil {
		return nil, fmt.Errorf("open the table of sheet %s: %w", s.spec.Name, err)
	}
	s.sampled = make(sampled, len(s.columns))
	columns := make([]check.Column, len(s.columns))
	for i, spec := range s.table.Columns() {
		c := &s.columns[i]
		c.Spec = spec
		if c.converter, err = convert.Compile(spec); err != nil {
			return nil, fmt.Errorf("sheet %s: %w", s.spec.Name, err)
		}
		columns[i] = c.Column
	}
	return columns, s.checkStored(ctx)
}

func (s *sheet) openColumns() error {
	if s.listed == nil {
		for _, spec := range s.spec.Columns {
			s.columns = append(s.columns, column{Column: check.Column{Spec: spec}})
		}
		return nil
	}
	for _, found := range s.listed.Columns {
		spec, _ := s.spec.Column(found.Name)
		if spec == nil {
			return fmt.Errorf("the schema no longer has the column %q", found.Name)
		}
		s.columns = append(s.columns, column{Column: check.Column{Spec: spec, Cell: found.Column},
			header: found.Header, key: slices.Contains(s.spec.Key, spec.Name)})
		if found.Part != nil || found.Joined != nil {
			s.derived = append(s.derived, derivedColumn{SheetColumn: found, index: len(s.columns) - 1})
		}
	}
	s.setColumns()
	for _, constant := range s.listed.Constants {
		spec, _ := s.spec.Column(constant.Name)
		if spec == nil {
			return fmt.Errorf("the schema no longer has the column %q", constant.Name)
		}
		s.columns = append(s.columns, column{Column: check.Column{Spec: spec}, key: slices.Contains(s.spec.Key, spec.Name),
			constant: source.Cell{Kind: source.Text, Text: []byte(constant.Text)}})
	}
	return nil
}

// setColumns records the columns of cells. A cell that is only part of others is not itself a value.
func (s *sheet) setColumns() {
	for i := range s.run.task.Import.Sheets {
		if other := &s.run.task.Import.Sheets[i]; other.Shares(s.listed) {
			for _, column := range other.ColumnNumbers() {
				s.setColumn(column, ignoredColumn)
			}
			s.addOthers(other)
		}
	}
	for _, ignored := range s.listed.Ignored {
		s.setColumn(ignored.Column, ignoredColumn)
	}
	for i, found := range s.listed.Columns {
		if found.Part == nil && found.Joined == nil {
			s.setColumn(found.Column, i)
		}
	}
}

// addOthers adds the columns of another table that this one does not have.
func (s *sheet) addOthers(other *imports.Sheet) {
	own := s.listed.ColumnNumbers()
	for _, c := range other.Columns {
		known := slices.Contains(own, c.Column) || slices.ContainsFunc(s.others, func(o layout.Column) bool { return o.Cell == c.Column })
		if !known && c.Part == nil && c.Joined == nil {
			s.others = append(s.others, layout.Column{Cell: c.Column, Titles: []string{c.Header}})
		}
	}
}

// setColumn records the column of cells with a column number.
func (s *sheet) setColumn(cell, column int) {
	for len(s.byCell) <= cell {
		s.byCell = append(s.byCell, unknownColumn)
	}
	s.byCell[cell] = int16(column)
}

// inFile returns the columns that the file has.
func (s *sheet) inFile() []column { return s.columns[:len(s.listed.Columns)] }

// columnAt returns the column of a cell. Only the reader's goroutine calls it.
func (s *sheet) columnAt(cell int) int {
	if cell >= len(s.byCell) {
		s.setColumn(cell, unknownColumn)
	}
	return int(s.byCell[cell])
}

// load loads all rows of the sheet.
func (s *sheet) load(ctx context.Context) error {
	for _, ignored := range s.listed.Ignored {
		s.warnIgnored(s.listed.HeaderRow, ignored.Column, ignored.Header)
	}
	if err := s.pipeline.run(ctx, s.take); err != nil {
		return err
	}
	if err := s.loadDeferred(ctx); err != nil {
		return err
	}
	s.warnNormalized()
	if read := s.pipeline.read.Load(); read != int64(s.counts.Read)+int64(s.repeated.Count) {
		return fmt.Errorf("%d rows were read and %d checked: %w", read, s.counts.Read, &imports.ConservationError{Sheet: s.spec.Name, Counts: s.counts})
	}
	if err := s.counts.Conserved(); err != nil || s.results.Tally() != s.counts.Tally() {
		return &imports.ConservationError{Sheet: s.spec.Name, Counts: s.counts}
	}
	return nil
}

// take decides on a batch of rows in the order of the file.
func (s *sheet) take(ctx context.Context, b *batch) error {
	s.counts.Read += uint32(len(b.Rows))
	for _, cell := range b.unmapped {
		s.warnIgnored(cell.row, cell.column, cell.text)
	}
	for _, line := range b.repaired {
		s.warnRepaired(line)
	}
	s.addNormalized(b)
	if s.totals != nil {
		s.totals.find(b)
	}
	verdicts, err := s.check.Decide(ctx, &b.Batch)
	if err != nil {
		return err
	}
	s.count(b, verdicts)
	if err := s.run.account(); err != nil {
		return err
	}
	if err := s.issues.tick(ctx); err != nil {
		return err
	}
	s.run.task.Progress.SheetMoves(s.spec.Name, s.done(), s.about(), s.counts)
	return nil
}

// count counts the outcomes of a batch's rows, and selects the rows to write.
func (s *sheet) count(b *batch, verdicts []check.Verdict) {
	// A row that exists can refer to a new one before it.
	inOrder := slices.ContainsFunc(s.columns, func(c column) bool { return c.Spec.References != nil && c.Spec.References.Sheet == s.spec.Name })
	for i, v := range verdicts {
		switch v.State {
		case check.Accepted:
			s.results.Set(v.Row, v.Result)
			switch v.Result {
			case imports.Unchanged:
				s.counts.Unchanged++
			case imports.Updated:
				s.counts.Updated++
				b.write(b.Row(i, len(s.columns)), true, inOrder)
			default:
				s.counts.Inserted++
				b.write(b.Row(i, len(s.columns)), false, inOrder)
			}
		case check.Rejected, check.Present:
			s.counts.Rejected++
			s.results.Set(v.Row, imports.Refused)
		case check.Blocked:
			s.counts.Blocked++
			s.results.Set(v.Row, imports.Refused)
		case check.Same:
			s.counts.Read--
			s.repeated.Add(v.Row)
			s.results.Set(v.Row, imports.Repeated)
		default: // pending rows are counted later, and repeated ones were counted before
		}
	}
}

// loadDeferred decides on the rows that waited for the end of the sheet. It writes a batch while it decides on the next.
func (s *sheet) loadDeferred(ctx context.Context) error {
	batches := [2]*batch{newBatch(), newBatch()}
	written := make(chan error, 1)
	written <- nil
	defer s.pipeline.written()
	for turn := 0; ; turn++ {
		b := batches[turn%2]
		b.reset()
		verdicts, err := s.check.Deferred(ctx, &b.Batch)
		if err != nil {
			return err
		}
		s.count(b, verdicts)
		if err := <-written; err != nil || len(verdicts) == 0 {
			return err
		}
		s.pipeline.writing.Go(func() { written <- s.write(ctx, b) })
		if err := s.issues.tick(ctx); err != nil {
			return err
		}
		s.run.task.Progress.SheetMoves(s.spec.Name, s.done(), s.counts.Read+s.repeated.Count, s.counts)
	}
}

// done returns the number of checked rows, with those that repeat earlier ones. A row that waits for the end of the sheet counts half
// until it is decided.
func (s *sheet) done() uint32 {
	waiting := s.counts.Read - s.decided()
	return s.counts.Read + s.repeated.Count - waiting/2
}

// decided returns the number of rows whose outcome is known.
func (s *sheet) decided() uint32 {
	c := &s.counts
	return c.Inserted + c.Updated + c.Unchanged + c.Rejected + c.Blocked
}

// write writes the accepted rows of a batch.
func (s *sheet) write(ctx context.Context, b *batch) error {
	for _, w := range b.writes {
		if len(w.rows) == 0 {
			continue
		}
		write := s.table.Insert
		if w.exist {
			write = s.table.Update
		}
		if err := s.run.found.take(write(ctx, w.rows)); err != nil {
			return err
		}
	}
	return nil
}

// about estimates the number of the sheet's rows, from the bytes read so far.
func (s *sheet) about() uint32 {
	read, total := s.pipeline.rows.Progress()
	rows := float64(s.pipeline.read.Load())
	checked := s.counts.Read + s.repeated.Count
	if read <= 0 || total <= read {
		return max(checked, uint32(rows))
	}
	return max(checked, uint32(rows*float64(total)/float64(read)))
}

// countSkipped counts the rows that were not decided because the run ended early.
func (s *sheet) countSkipped() {
	if decided := s.decided(); decided < s.counts.Read {
		s.counts.Skipped = s.counts.Read - decided
	}
}

// end stores the sheet's result.
func (s *sheet) end(ctx context.Context) error {
	result := imports.SheetResult{Counts: s.counts, Found: s.issues.found, Notices: s.notices(), Changes: s.changes(), Rows: &s.results}
	err := s.run.loader.Store.EndSheet(ctx, s.run.task.Import.ID, s.run.task.Number, s.spec.Name, result)
	if err != nil {
		return fmt.Errorf("store the result of sheet %s: %w", s.spec.Name, err)
	}
	return nil
}

// release frees the memory that later sheets do not need.
func (s *sheet) release() error {
	referred := map[string]bool{}
	for _, later := range s.run.task.Schema.Sheets[s.index+1:] {
		for _, c := range later.Columns {
			if c.References != nil && c.References.Sheet == s.spec.Name {
				referred[c.References.Column] = true
			}
		}
	}
	s.pipeline, s.results = nil, imports.RowResults{}
	return s.check.Release(referred)
}
