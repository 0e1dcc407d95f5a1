package infer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// ErrNothing means that no sheet has a row of headers and a row below.
var ErrNothing = errors.New("there is no sheet with headers and rows. The first row of a sheet must have the headers")

// ErrNoRelations means that no table of a database can be imported into.
var ErrNoRelations = errors.New("the database has no tables that can be imported into")

// table is a sheet with its columns, rows, and keys.
type table struct {
	input   Input
	words   name
	header  int
	columns []*column
	// byCell finds a column by its number in the file.
	byCell map[int]int
	merges []source.Range
	// leftOut describes the columns that no schema can have.
	leftOut []string

	rows       int
	sampleRows int
	// sample has the hashes of the first rows, one after the other. An empty cell has the hash 0.
	sample [][]uint64
	// key is set by findKeys.
	key         []*column
	keyEvidence string
	// keyRepeats is the number of rows that have the key of an earlier row.
	keyRepeats int
	guess      *Sheet
}

// open finds the headers. It returns nil if the sheet has no rows.
func open(ctx context.Context, in Input) (*table, error) {
	found, err := source.Head(ctx, in.Book, []string{in.Sheet}, layout.HeaderSearch)
	if err != nil {
		return nil, err
	}
	head := found[in.Sheet]
	if len(head) == 0 {
		return nil, nil
	}
	header := head[0]
	if t := layout.FindTable(head); len(t.Header) > 0 {
		header = layout.JoinHeaders(head, t)
	}
	t := &table{input: in, words: nameOf(in.Name), header: header.Number, byCell: map[int]int{}}
	forms := map[string]bool{}
	for i := range header.Cells {
		cell := &header.Cells[i]
		if source.Blank(cell) {
			continue
		}
		title, _, _ := text.Clean(cell.Text, nil)
		form := schema.MatchName(string(title))
		switch {
		case len(t.columns) == schema.MaxColumns:
			t.leaveOut(string(title), "a sheet of a schema has at most %d columns", schema.MaxColumns)
			continue
		case form == "":
			t.leaveOut(string(title), "its header has neither letters nor digits")
			continue
		case forms[form]:
			t.leaveOut(string(title), "another column has the same header, so an import can't tell them apart. Rename one of the two")
			continue
		}
		forms[form] = true
		t.byCell[cell.Col] = len(t.columns)
		t.columns = append(t.columns, newColumn(t, cell.Col, strings.Join(strings.Fields(string(title)), " ")))
	}
	if len(t.columns) == 0 || head[len(head)-1].Number <= t.header {
		return nil, nil
	}
	cells := t.cells()
	t.merges, err = source.Merges(ctx, in.Book, in.Sheet, func(r source.Range) bool { return r.IsBelow(t.header, cells) })
	return t, err
}

func (t *table) leaveOut(header, format string, args ...any) {
	t.leftOut = append(t.leftOut, fmt.Sprintf("The column %s is left out: ", text.Quote([]byte(header), 40))+fmt.Sprintf(format, args...))
}

func (t *table) cells() []int {
	cells := make([]int, len(t.columns))
	for i, c := range t.columns {
		cells[i] = c.cell
	}
	return cells
}

// read calls each for the records of the sheet, with a cell for each column. Rows that an import would leave out, or doubt,
// are not records.
func (t *table) read(ctx context.Context, each func(row int, cells []source.Cell)) error {
	opened, err := t.input.Book.Rows(ctx, t.input.Sheet)
	if err != nil {
		return err
	}
	defer opened.Close()
	formulas, _ := opened.(source.Formulas)
	rows := opened
	if len(t.merges) > 0 {
		rows = source.FillMerges(opened, t.merges, t.cells())
	}
	tables, err := source.Tables(ctx, t.input.Book, t.input.Sheet)
	if err != nil {
		return err
	}
	described := make([]layout.Column, len(t.columns))
	for i, c := range t.columns {
		described[i] = layout.Column{Cell: c.cell, Titles: []string{c.header}, Key: slices.Contains(t.key, c)}
	}
	judge := layout.New(t.header, described, tables)
	r := layout.Row{Values: make([]source.Cell, len(t.columns))}
	for rows.Next() {
		r.Row = rows.Row()
		if r.Number <= t.header {
			judge.AddHeading(r.Row)
			continue
		}
		if r.Misread != source.AsWritten && !r.Misread.Repaired() {
			continue
		}
		t.fill(&r)
		if r.Filled > 0 && judge.Judge(&r, formulas) == layout.Record {
			each(r.Number, r.Values)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// fill sets the values of a row.
func (t *table) fill(r *layout.Row) {
	clear(r.Values)
	r.Filled, r.Typed, r.Formulas, r.Merged = 0, false, false, false
	for i := range r.Cells {
		cell := &r.Cells[i]
		at, found := t.byCell[cell.Col]
		if !found {
			continue
		}
		r.Values[at] = *cell
		r.Merged = r.Merged || cell.Merge != source.NotMerged
		if cell.Merge.IsFilled() || source.Blank(cell) {
			continue
		}
		r.Filled++
		r.Typed = r.Typed || layout.Typed(cell, slices.Contains(t.key, t.columns[at]))
		r.Formulas = r.Formulas || cell.HasFormula
	}
}

// cellName returns the name of a cell for messages.
func (t *table) cellName(c *column, row int) string {
	if t.input.Lines {
		return source.LineName(row, c.cell)
	}
	return source.CellName(c.cell, row)
}

// fold returns a text without differences in case and in blanks.
func fold(s []byte) []byte {
	for _, b := range s {
		if b >= 0x80 || b >= 'A' && b <= 'Z' || b == ' ' || b == '\n' {
			return bytes.ToLower(bytes.Join(bytes.Fields(s), []byte(" ")))
		}
	}
	return s
}
