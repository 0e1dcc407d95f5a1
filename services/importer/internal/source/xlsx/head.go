package xlsx

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/zipxml"
)

// errFound ends the search for shared strings.
var errFound = errors.New("all shared strings are found")

// Head returns the first rows with content of some sheets. See source.Head. It does not load the shared strings, but reads
// them once up to the last one that these rows have.
func (w *Workbook) Head(ctx context.Context, sheets []string, n int) (map[string][]source.Row, error) {
	head := map[string][]source.Row{}
	wanted := map[int][]*source.Cell{}
	last := -1
	for _, sheet := range sheets {
		rows, err := w.openRows(ctx, sheet)
		if err != nil {
			return nil, err
		}
		rows.lazy = true
		// A row whose shared strings are all empty has no content, so more rows are read than are returned.
		for len(head[sheet]) < 2*n && rows.Next() {
			row := rows.Row().Head()
			size := int64(len(row.Cells)) * 64
			for i := range row.Cells {
				size += int64(len(row.Cells[i].Text))
			}
			if err := w.pack.Reserve(size + int64(len(rows.unresolved))*source.HeadText); err != nil {
				return nil, errors.Join(err, rows.Close())
			}
			for _, ref := range rows.unresolved {
				i, _ := slices.BinarySearchFunc(row.Cells, ref.col, func(c source.Cell, col int) int { return c.Col - col })
				wanted[ref.index] = append(wanted[ref.index], &row.Cells[i])
				last = max(last, ref.index)
			}
			head[sheet] = append(head[sheet], row)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
	}
	if err := w.resolve(ctx, wanted, last); err != nil {
		return nil, err
	}
	for sheet, rows := range head {
		rows = slices.DeleteFunc(rows, func(r source.Row) bool {
			return !slices.ContainsFunc(r.Cells, func(c source.Cell) bool { return c.Kind != source.Empty })
		})
		head[sheet] = rows[:min(n, len(rows))]
	}
	return head, nil
}

// resolve sets the texts of cells by the number of their shared string.
func (w *Workbook) resolve(ctx context.Context, wanted map[int][]*source.Cell, last int) error {
	if len(wanted) == 0 {
		return nil
	}
	count := 0
	if w.texts != nil {
		err := w.pack.visitStrings(ctx, w.texts, func(i int, s []byte, tooLong bool) error {
			count = i + 1
			if cells := wanted[i]; cells != nil {
				text := bytes.Clone(s)
				for _, cell := range cells {
					cell.Text, cell.TooLong = text, tooLong
					if len(text) == 0 {
						cell.Kind = source.Empty
					}
				}
				if len(text) > source.HeadText {
					cut := (source.Row{Cells: []source.Cell{*cells[0]}}).Head().Cells[0].Text
					for _, cell := range cells {
						cell.Text, cell.TooLong = cut, true
					}
				}
			}
			if i == last {
				return errFound
			}
			return nil
		})
		if err != nil && !errors.Is(err, errFound) {
			return err
		}
	}
	if count <= last {
		return zipxml.Refuse(source.Damaged, w.part, "the shared string %d is not one of the workbook's %d", last, count)
	}
	return nil
}
