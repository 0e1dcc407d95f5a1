package load

import (
	"bytes"
	"slices"
	"unicode"

	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// derivedColumn is a column that is made from a part of a cell, or from several cells.
type derivedColumn struct {
	imports.SheetColumn
	// index is the column's index in the sheet.
	index int
}

// derive fills the cells of derived columns from those of a row. It returns the number of filled ones.
func (p *pipeline) derive(b *batch, row source.Row, cells []source.Cell) (filled int) {
	for i := range p.sheet.derived {
		d := &p.sheet.derived[i]
		var cell source.Cell
		if d.Part != nil {
			cell = p.partOf(b, cellAt(row, d.Column), d.Part)
		} else {
			cell = p.join(b, row, d.Joined)
		}
		cells[d.index] = cell
		p.row.Merged = p.row.Merged || cell.Merge != source.NotMerged
		if !cell.Merge.IsFilled() && !source.Blank(&cell) {
			p.row.Typed = true
			filled++
		}
	}
	return filled
}

// cellAt returns the cell of a row in a column, or an empty one.
func cellAt(row source.Row, column int) *source.Cell {
	i, ok := slices.BinarySearchFunc(row.Cells, column, func(c source.Cell, column int) int { return c.Col - column })
	if !ok {
		return &source.Cell{Col: column}
	}
	return &row.Cells[i]
}

// hasText reports whether a cell has text that can be split and joined. Errors and objects have none.
func hasText(cell *source.Cell) bool {
	return cell.Kind == source.Text || cell.Kind == source.Number || cell.Kind == source.Date || cell.Kind == source.Bool
}

// partOf returns a part of a cell. A cell without separators is the first part as it is, with its type. An error is that of all parts.
func (p *pipeline) partOf(b *batch, cell *source.Cell, part *imports.Part) source.Cell {
	if source.Blank(cell) || !hasText(cell) || cell.TooLong {
		return cell.WithText(b.keep(cell.Text))
	}
	text := convert.Shown(cell, p.sheet.run.input.Workbook)
	value, whole := cutPart(text, part)
	switch {
	case whole:
		return cell.WithText(b.keep(cell.Text))
	case len(value) == 0:
		return source.Cell{Col: cell.Col, Merge: cell.Merge, Format: cell.Format}
	}
	return source.Cell{Col: cell.Col, Kind: source.Text, Merge: cell.Merge, HasFormula: cell.HasFormula, Format: cell.Format, Text: b.keep(value)}
}

// join returns the texts of several cells in one. A single text is the cell as it is, with its type. If a cell has an error, it is
// that cell.
func (p *pipeline) join(b *batch, row source.Row, joined *imports.Joined) source.Cell {
	if len(joined.Negated) > 0 {
		if cell, column, single := amountOf(row, joined); single {
			return negated(b, cell, slices.Contains(joined.Negated, column))
		}
	}
	var found *source.Cell
	from, several, separator := len(b.text), false, joined.Separator
	if len(joined.Negated) > 0 {
		separator = " / " // several numbers are none
	}
	for _, column := range joined.Columns {
		cell := cellAt(row, column)
		switch {
		case source.Blank(cell):
			continue
		case !hasText(cell) || cell.TooLong:
			b.text = b.text[:from]
			return cell.WithText(b.keep(cell.Text))
		case found != nil:
			several = true
			b.text = append(b.text, separator...)
		default:
			found = cell
		}
		b.text = append(b.text, bytes.TrimSpace(convert.Shown(cell, p.sheet.run.input.Workbook))...)
	}
	text := b.text[from:len(b.text):len(b.text)]
	switch {
	case found == nil:
		return source.Cell{Col: joined.Columns[0]}
	case !several:
		b.text = b.text[:from]
		return found.WithText(b.keep(found.Text))
	}
	cell := found.WithText(text)
	cell.Kind, cell.ISO = source.Text, false
	return cell
}

// amountOf returns the only cell of a row that has a number, and its column. Zeros and dashes next to it are ignored. single reports whether
// there is one.
func amountOf(row source.Row, joined *imports.Joined) (amount *source.Cell, at int, single bool) {
	filled := 0
	for _, column := range joined.Columns {
		cell := cellAt(row, column)
		if source.Blank(cell) {
			continue
		}
		zero := hasText(cell) && len(bytes.Trim(cell.Text, "0.,'-–— ")) == 0
		if !zero {
			filled++
		}
		if amount == nil || !zero {
			amount, at = cell, column
		}
	}
	return amount, at, amount != nil && filled <= 1
}

// negated returns a number with a minus sign. One that has a sign gets a second one, and is then no number.
func negated(b *batch, cell *source.Cell, negative bool) source.Cell {
	text := bytes.TrimSpace(cell.Text)
	if !negative || !hasText(cell) || cell.TooLong || len(bytes.Trim(text, "0.,'-–— ")) == 0 {
		return cell.WithText(b.keep(cell.Text))
	}
	out := cell.WithText(b.keep(append([]byte{'-'}, text...)))
	if text[0] == '-' {
		out.Kind = source.Text
	}
	return out
}

// keep copies a text into the batch.
func (b *batch) keep(text []byte) []byte {
	from := len(b.text)
	b.text = append(b.text, text...)
	return b.text[from:len(b.text):len(b.text)]
}

// cutPart returns a part of a text, without the blanks around it. whole reports whether the text has no separator, and this part has
// all of it.
func cutPart(text []byte, part *imports.Part) (value []byte, whole bool) {
	rest := bytes.TrimSpace(text)
	// at counts the parts from the side where cutting begins.
	at, cut := part.Index, cutFirst
	if part.FromEnd {
		at, cut = part.Of-1-part.Index, cutLast
	}
	for n := 0; ; n++ {
		value, after, found := cut(rest, part.Separator)
		if n == at {
			if at == part.Of-1 {
				return rest, false
			}
			return value, n == 0 && !found
		}
		if !found {
			return nil, false
		}
		rest = after
	}
}

// cutFirst cuts a text at its first separator.
func cutFirst(text []byte, separator string) (value, rest []byte, found bool) {
	if isBlank(separator) {
		at := bytes.IndexFunc(text, unicode.IsSpace)
		if at < 0 {
			return text, nil, false
		}
		return text[:at], bytes.TrimLeftFunc(text[at:], unicode.IsSpace), true
	}
	before, after, found := bytes.Cut(text, []byte(separator))
	return bytes.TrimSpace(before), bytes.TrimSpace(after), found
}

// cutLast cuts a text at its last separator. The value is the end of the text.
func cutLast(text []byte, separator string) (value, rest []byte, found bool) {
	if isBlank(separator) {
		trimmed := bytes.TrimRightFunc(text, unicode.IsSpace)
		at := bytes.LastIndexFunc(trimmed, unicode.IsSpace)
		if at < 0 {
			return trimmed, nil, false
		}
		return bytes.TrimLeftFunc(trimmed[at:], unicode.IsSpace), bytes.TrimRightFunc(trimmed[:at], unicode.IsSpace), true
	}
	at := bytes.LastIndex(text, []byte(separator))
	if at < 0 {
		return text, nil, false
	}
	return bytes.TrimSpace(text[at+len(separator):]), bytes.TrimSpace(text[:at]), true
}

// isBlank reports whether a separator stands for any number of blanks.
func isBlank(separator string) bool {
	return len(bytes.TrimSpace([]byte(separator))) == 0
}
