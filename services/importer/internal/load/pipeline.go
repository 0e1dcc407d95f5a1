package load

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/source"
)

// batchesInFlight is the number of batches in the pipeline. It limits the memory of a run.
const batchesInFlight = 6

// pipeline moves a sheet's rows through stages that run at the same time: reading, converting (on all cores), looking up, deciding,
// and writing. The last three keep the order of the rows.
type pipeline struct {
	sheet *sheet
	// rows are the rows of the file. merged adds the values of merged cells to them. It is nil if no cell is merged.
	rows   source.Rows
	merged *source.MergedRows
	// formulas is nil if the file format has no formulas.
	formulas source.Formulas
	layout   *layout.Sheet
	row      layout.Row // the current one
	judged   []source.Cell
	hidden   layout.Rows
	free     chan *batch
	order    chan *batch
	work     chan *batch
	// found has no room, so that only the next batch is looked up while one is decided.
	found  chan *batch
	writes chan *batch
	// writing counts the batches that have been decided but not written.
	writing sync.WaitGroup
	// read counts the rows that the reader's goroutine has read.
	read atomic.Int64
}

// run calls decide for every batch, in order, and writes the rows that it selects.
func (p *pipeline) run(ctx context.Context, decide func(context.Context, *batch) error) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range []*chan *batch{&p.free, &p.order, &p.work, &p.writes} {
		*c = make(chan *batch, batchesInFlight)
	}
	p.found = make(chan *batch)
	for range batchesInFlight {
		p.free <- newBatch()
	}
	rows, err := p.sheet.run.input.Workbook.Rows(ctx, p.sheet.listed.WorkbookSheet)
	if err != nil {
		return err
	}
	defer rows.Close()
	if err := p.prepare(ctx, rows); err != nil {
		return err
	}
	group.Go(func() error {
		defer close(p.order)
		defer close(p.work)
		return p.fill(ctx)
	})
	for range converters() {
		group.Go(func() error {
			for b := range p.work {
				p.convert(b)
				b.converter <- struct{}{}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(p.found)
		return p.lookUpAll(ctx)
	})
	group.Go(func() error {
		defer close(p.writes)
		return p.decideAll(ctx, decide)
	})
	group.Go(func() error { return p.writeAll(ctx, end) })
	if err := group.Wait(); err != nil {
		return context.Cause(ctx) // the first error: it has ended the other stages, and theirs can say just that
	}
	return nil
}

// lookUpAll looks each batch up in the database while the one before is decided.
func (p *pipeline) lookUpAll(ctx context.Context) error {
	for b := range p.order {
		select {
		case <-b.converter:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := p.sheet.check.LookUp(ctx, &b.Batch); err != nil {
			return err
		}
		select {
		case p.found <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (p *pipeline) decideAll(ctx context.Context, decide func(context.Context, *batch) error) error {
	for b := range p.found {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := decide(ctx, b); err != nil {
			return err
		}
		p.writing.Add(1)
		p.writes <- b
	}
	return nil
}

// writeAll writes the selected rows. When a write fails, it ends the other stages and only receives the remaining batches,
// so that no stage waits for it.
func (p *pipeline) writeAll(ctx context.Context, end context.CancelCauseFunc) (failed error) {
	for b := range p.writes {
		if failed == nil {
			if failed = p.sheet.write(ctx, b); failed != nil {
				end(failed)
			}
		}
		if failed == nil {
			b.reset()
			p.free <- b
		}
		p.writing.Done()
	}
	return failed
}

// written waits until all selected rows are written.
func (p *pipeline) written() { p.writing.Wait() }

// fill reads the rows into batches.
func (p *pipeline) fill(ctx context.Context) error {
	b, err := p.next(ctx)
	if err != nil {
		return err
	}
	rows := p.rows
	if p.merged != nil {
		rows = p.merged
	}
	if columns := p.sheet.listed.FilledDown(p.sheet.spec); len(columns) > 0 {
		rows = source.FillDown(rows, columns, p.sheet.listed.HeaderRow)
	}
	for rows.Next() {
		listed := p.sheet.listed
		row := listed.Cut(rows.Row())
		if row.Number <= listed.HeaderRow {
			p.layout.AddHeading(row)
			continue
		}
		if listed.LastRow > 0 && row.Number > listed.LastRow {
			continue
		}
		if !p.take(b, row) {
			continue
		}
		p.read.Add(1)
		if !b.full() {
			continue
		}
		if err := p.send(ctx, b); err != nil {
			return err
		}
		if b, err = p.next(ctx); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := p.checkMerges(); err != nil {
		return err
	}
	return p.send(ctx, b)
}

func (p *pipeline) next(ctx context.Context) (*batch, error) {
	select {
	case b := <-p.free:
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipeline) send(ctx context.Context, b *batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := p.sheet.run.countText(len(b.text)); err != nil {
		return err
	}
	if b.large() {
		// Only one such batch is in the pipeline at a time.
		if err := p.drain(ctx); err != nil {
			return err
		}
	}
	// Both channels have room for all batches.
	p.work <- b
	p.order <- b
	return nil
}

// drain waits until all other batches are free.
func (p *pipeline) drain(ctx context.Context) error {
	var free []*batch
	defer func() {
		for _, b := range free {
			p.free <- b
		}
	}()
	for len(free) < batchesInFlight-1 {
		b, err := p.next(ctx)
		if err != nil {
			return err
		}
		free = append(free, b)
	}
	return nil
}

// take copies a row into the batch. It returns false if the row is not a record: no column of the schema has content, or
// the layout excludes it.
func (p *pipeline) take(b *batch, row source.Row) bool {
	s := p.sheet
	start, text := len(b.Cells), len(b.text)
	r := &p.row
	r.Filled, r.Typed, r.Formulas, r.Merged = 0, false, false, false
	b.Cells = slices.Grow(b.Cells, len(s.columns))[:start+len(s.columns)]
	cells := b.Cells[start:]
	clear(cells)
	for i := range row.Cells {
		cell := &row.Cells[i]
		column := s.columnAt(cell.Col)
		if column < 0 {
			if column == unknownColumn && row.Misread == source.AsWritten && !source.Blank(cell) {
				s.byCell[cell.Col] = ignoredColumn
				b.unmapped = append(b.unmapped, unmappedCell{row: row.Number, column: cell.Col, text: source.Clip(cell.Text, imports.MaxValue)})
			}
			continue
		}
		cells[column] = cell.WithText(b.keep(cell.Text))
		r.Merged = r.Merged || cell.Merge != source.NotMerged
		if cell.Merge.IsFilled() || source.Blank(cell) {
			continue
		}
		r.Filled++
		r.Typed = r.Typed || layout.Typed(cell, s.columns[column].key)
		r.Formulas = r.Formulas || cell.HasFormula
	}
	if len(s.derived) > 0 {
		r.Filled += p.derive(b, row, cells)
	}
	if r.Filled > 0 {
		r.Row, r.Values = row, cells[:len(s.inFile())] // constants don't describe the row
		if len(s.others) > 0 {
			p.addOthers(row)
		}
		switch p.layout.Judge(r, p.formulas) {
		case layout.Record:
			if r.Merged && p.merged != nil {
				p.doubtMerges(b, cells)
			}
			if row.Misread != source.AsWritten {
				p.doubtLine(b, row)
			}
			p.accept(b, row, cells)
			return true
		case layout.Doubtful:
			b.doubts = append(b.doubts, notARecord(len(b.Rows), len(s.inFile()), p.layout.Doubt()))
			p.accept(b, row, cells)
			return true
		case layout.Totals:
			b.totals = append(b.totals, row.Number)
		}
	}
	b.Cells, b.text = b.Cells[:start], b.text[:text]
	return false
}

// addOthers adds the cells of columns that only other tables have to the row that is judged.
func (p *pipeline) addOthers(row source.Row) {
	r := &p.row
	p.judged = append(p.judged[:0], r.Values...)
	for _, c := range p.sheet.others {
		cell := cellAt(row, c.Cell)
		p.judged = append(p.judged, *cell)
		if cell.Merge.IsFilled() || source.Blank(cell) {
			continue
		}
		r.Filled++
		r.Typed = r.Typed || layout.Typed(cell, false)
		r.Formulas = r.Formulas || cell.HasFormula
	}
	r.Values = p.judged
}

func (p *pipeline) accept(b *batch, row source.Row, cells []source.Cell) {
	for i := len(p.sheet.inFile()); i < len(cells); i++ {
		cells[i] = p.sheet.columns[i].constant
	}
	b.Rows = append(b.Rows, row.Number)
	if row.Hidden {
		p.hidden.Add(row.Number)
	}
}
