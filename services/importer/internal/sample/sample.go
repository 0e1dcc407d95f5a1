// Package sample generates workbooks of the workforce schema: invented employees, areas, departments, and cars, with as
// many mistakes as requested, each at a known cell.
package sample

import (
	"context"
	"errors"
	"fmt"
	"io"

	"headway/schemas"
	"headway/services/importer/internal/schema"
)

// Schema is the name of the schema whose workbooks this package generates.
const Schema = "workforce"

// MaxRows is the maximum number of employees in a sample, so that every sheet stays within Excel's 1,048,576 rows.
const MaxRows = 1_000_000

// ErrOptions is wrapped by every error about Options.
var ErrOptions = errors.New("sample options")

// Options are the options of a sample.
type Options struct {
	// Rows is the number of employees, 1 to MaxRows. The other six sheets are in proportion: 100,000 employees make
	// about 280,000 rows in all. From 666,667 employees on, the schedules stay at 1,000,000.
	Rows int
	// Issues is the number of rows with a mistake, at most half of Rows.
	Issues int
	// Seed selects names, dates, and numbers. The same options produce the same bytes.
	Seed uint64
}

// Manifest describes a sample, and the result of its import into an empty database.
type Manifest struct {
	// Sheets are in the schema's order.
	Sheets []Numbers
	// Mistakes are in the order of the sheets and their rows. Each rejected row has exactly one.
	Mistakes []Mistake
}

// Numbers are the counts of one sheet: Read = Inserted + Rejected + Blocked.
type Numbers struct {
	// Sheet is the schema's name of the sheet.
	Sheet                             string
	Read, Inserted, Rejected, Blocked uint32
}

// Mistake is a cell with an error, the only one of its row.
type Mistake struct {
	// Sheet and Column are the schema's names.
	Sheet, Column string
	// Cell is the cell's address within its sheet ("D4711").
	Cell string
	// Row is the cell's row, from 1. The header is row 1.
	Row uint32
	// Code is the issue's code, as in the protobuf enum without its prefix ("NOT_A_DATE").
	Code string
	// Blocks counts the rows of all sheets that cannot be imported because of this one.
	Blocks uint32
}

// Total returns the sum over all sheets. Its Sheet is empty.
func (m Manifest) Total() Numbers {
	var t Numbers
	for _, n := range m.Sheets {
		t.Read += n.Read
		t.Inserted += n.Inserted
		t.Rejected += n.Rejected
		t.Blocked += n.Blocked
	}
	return t
}

// Write writes a workbook, sheet by sheet, while it generates the rows. Whatever the size, memory holds only a few
// bytes per employee and the compressor's window. It ends early, with the context's error, when the context is done.
func Write(ctx context.Context, w io.Writer, o Options) (Manifest, error) {
	if o.Rows < 1 || o.Rows > MaxRows {
		return Manifest{}, fmt.Errorf("%w: %d rows; 1 to %d are possible", ErrOptions, o.Rows, MaxRows)
	}
	if o.Issues < 0 || o.Issues > o.Rows/2 {
		return Manifest{}, fmt.Errorf("%w: %d issues; 0 to %d are possible with %d rows", ErrOptions, o.Issues, o.Rows/2, o.Rows)
	}
	file := Schema + ".yaml"
	data, err := schemas.Files.ReadFile(file)
	if err != nil {
		return Manifest{}, fmt.Errorf("read the schema %s: %w", Schema, err)
	}
	s, err := schema.Load(file, data)
	if err != nil {
		return Manifest{}, fmt.Errorf("load the schema %s: %w", Schema, err)
	}

	g := &generator{plan: newPlan(o), schema: s}
	book := newWorkbook(w)
	for _, sheet := range s.Sheets {
		if err := g.writeSheet(ctx, book, sheet); err != nil {
			return Manifest{}, fmt.Errorf("write the sample's sheet %s: %w", sheet.Name, err)
		}
	}
	if err := book.Close(); err != nil {
		return Manifest{}, fmt.Errorf("write a sample workbook: %w", err)
	}
	g.countBlocked()
	return g.manifest, nil
}
