package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// batchRows is how many rows go through the stages together.
const batchRows = 1000

// batchesInFlight bounds the memory of a run.
const batchesInFlight = 6

// batch is some rows of a sheet. Its memory is used again for later rows.
type batch struct {
	rows []int // row numbers
	// cells and values hold len(columns) a row. A replayed batch has no cells.
	cells  []source.Cell
	values []imports.Value
	// text holds the cells' text, converted the text of values that is not their cell's.
	text, converted []byte
	faults          []cellFault
	strays          []stray
	write           [][]imports.Value // the rows to be written
	cyclic          []bool            // of a replayed batch: the row refers to itself in a circle
	decided         []bool            // of a replayed batch: the row is rejected already
	converter       chan struct{}     // receives once the values are there
}

// cellFault is a cell that could not be converted.
type cellFault struct {
	row, column int
	*convert.Fault
}

// stray is the first cell with content in a column that the workbook gives no header.
type stray struct {
	row, column int
	text        string
}

func newBatch() *batch { return &batch{converter: make(chan struct{}, 1)} }

func (b *batch) reset() {
	b.rows, b.cells, b.values = b.rows[:0], b.cells[:0], b.values[:0]
	b.text, b.converted, b.faults, b.strays = b.text[:0], b.converted[:0], b.faults[:0], b.strays[:0]
	b.write, b.cyclic, b.decided = b.write[:0], b.cyclic[:0], b.decided[:0]
}

// row gives the values of a row of the batch.
func (b *batch) row(i, width int) []imports.Value {
	return b.values[i*width : (i+1)*width : (i+1)*width]
}

// pipeline takes a sheet's rows through the stages, each on goroutines of its own: reading, converting (on all cores),
// deciding and writing, the last two in the order of the rows.
type pipeline struct {
	sheet  *sheetRun
	rows   source.Rows
	free   chan *batch
	order  chan *batch
	work   chan *batch
	writes chan *batch
	// writing counts the batches that are decided and not written yet.
	writing sync.WaitGroup
	failed  error // of a write
	// read counts the rows that were read, on the reader's side.
	read atomic.Int64
}

// run calls decide with every batch, in order, and has the rows written that it leaves in it.
func (p *pipeline) run(ctx context.Context, decide func(context.Context, *batch) error) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range []*chan *batch{&p.free, &p.order, &p.work, &p.writes} {
		*c = make(chan *batch, batchesInFlight)
	}
	for range batchesInFlight {
		p.free <- newBatch()
	}
	rows, err := p.sheet.run.task.Workbook.Rows(ctx, p.sheet.source.WorkbookSheet)
	if err != nil {
		return err
	}
	p.rows = rows
	if merged, ok := rows.(source.Merged); ok {
		merged.WatchMerges(p.sheet.source.HeaderRow)
	}
	defer rows.Close()
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
		defer close(p.writes)
		return p.decideAll(ctx, decide)
	})
	group.Go(func() error {
		p.writeAll(ctx, end)
		return nil
	})
	err = group.Wait()
	if p.failed != nil {
		return p.failed // the others ended because of it
	}
	return err
}

func (p *pipeline) decideAll(ctx context.Context, decide func(context.Context, *batch) error) error {
	for b := range p.order {
		select {
		case <-b.converter:
		case <-ctx.Done():
			return ctx.Err()
		}
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

// writeAll writes what was decided. Once a write fails, all other stages are ended, and batches still on their way are
// only let go, so that nobody waits for them.
func (p *pipeline) writeAll(ctx context.Context, end context.CancelFunc) {
	for b := range p.writes {
		if p.failed == nil && len(b.write) > 0 {
			if p.failed = p.sheet.write(ctx, b.write); p.failed != nil {
				end()
			}
		}
		if p.failed == nil {
			b.reset()
			p.free <- b
		}
		p.writing.Done()
	}
}

// written waits until all that was decided so far is written: the database can be asked then.
func (p *pipeline) written() { p.writing.Wait() }

// fill reads the rows into batches.
func (p *pipeline) fill(ctx context.Context) error {
	b, err := p.next(ctx)
	if err != nil {
		return err
	}
	for p.rows.Next() {
		row := p.rows.Row()
		if row.Number <= p.sheet.source.HeaderRow {
			continue
		}
		if !p.take(b, row) {
			continue
		}
		p.read.Add(1)
		if len(b.rows) < batchRows {
			continue
		}
		if err := p.send(ctx, b); err != nil {
			return err
		}
		if b, err = p.next(ctx); err != nil {
			return err
		}
	}
	if err := p.rows.Err(); err != nil {
		return err
	}
	if err := p.checkMerges(); err != nil {
		return err
	}
	return p.send(ctx, b)
}

// checkMerges refuses a header that stands above several columns, where one of them is imported.
func (p *pipeline) checkMerges() error {
	rows, ok := p.rows.(source.Merged)
	if !ok {
		return nil
	}
	sheet := p.sheet.source
	for _, merged := range rows.Merges() {
		for column := merged.FirstCol; column <= merged.LastCol && column < len(p.sheet.byCell); column++ {
			if p.sheet.byCell[column] >= 0 {
				return &imports.MergedHeaderError{Sheet: sheet.WorkbookSheet,
					First: source.CellName(merged.FirstCol, sheet.HeaderRow), Last: source.CellName(merged.LastCol, sheet.HeaderRow)}
			}
		}
	}
	return nil
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
	// Both channels have room for every batch there is.
	p.work <- b
	p.order <- b
	return nil
}

// take copies a row into the batch; false if no known column has content, which is no row.
func (p *pipeline) take(b *batch, row source.Row) bool {
	s := p.sheet
	start, text, some := len(b.cells), len(b.text), false
	for range s.columns {
		b.cells = append(b.cells, source.Cell{})
	}
	cells := b.cells[start:]
	for i := range row.Cells {
		cell := &row.Cells[i]
		column := s.columnAt(cell.Col)
		if column < 0 {
			if column == unknownColumn && !source.Blank(cell) {
				s.byCell[cell.Col] = ignoredColumn
				b.strays = append(b.strays, stray{row: row.Number, column: cell.Col, text: source.Clip(cell.Text, imports.MaxValue)})
			}
			continue
		}
		from := len(b.text)
		b.text = append(b.text, cell.Text...)
		cells[column] = cell.WithText(b.text[from:len(b.text):len(b.text)])
		some = some || !source.Blank(cell)
	}
	if !some {
		b.cells, b.text = b.cells[:start], b.text[:text]
		return false
	}
	b.rows = append(b.rows, row.Number)
	return true
}

// convert fills the batch's values and faults.
func (p *pipeline) convert(b *batch) {
	s := p.sheet
	width := len(s.columns)
	clock := s.run.task.Workbook
	for i := range b.rows {
		for c, column := range s.columns {
			var v imports.Value
			var f *convert.Fault
			v, b.converted, f = column.converter.Convert(&b.cells[i*width+c], clock, b.converted)
			b.values = append(b.values, v)
			if f != nil {
				b.faults = append(b.faults, cellFault{row: i, column: c, Fault: f})
			}
		}
	}
}
