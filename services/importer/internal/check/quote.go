package check

import (
	"strconv"

	"headway/internal/messages"
	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// maxQuoted is the maximum number of characters of a value that a message quotes.
const maxQuoted = 40

// quoted returns the value of a column of the row in quotation marks. If its cell has characters that can't be seen, they
// are named: “K1” (U+00A0 after the text). Otherwise, a user couldn't see why two cells are equal.
func (s *Sheet) quoted(column int) messages.Value {
	if len(s.batch.Cells) > 0 {
		cell := &s.batch.Cells[s.row.index*len(s.Columns)+column]
		if cell.Kind == source.Text && text.HasUnseen(cell.Text) {
			return text.Quoted(cell.Text, maxQuoted)
		}
	}
	return convert.Quote(s.Columns[column].Spec, s.row.values[column], maxQuoted)
}

// quote is the parameter with a value of the row.
func (s *Sheet) quote(column int) messages.Parameter {
	return messages.Any("value", s.quoted(column))
}

// title is the parameter with the title of a column.
func (s *Sheet) title(column int) messages.Parameter {
	return messages.Text("column", s.Columns[column].Spec.Title)
}

// titles is the parameter with the titles of columns.
func (s *Sheet) titles(columns []int) messages.Parameter {
	titles := make([]string, len(columns))
	for i, column := range columns {
		titles[i] = s.Columns[column].Spec.Title
	}
	return messages.List("columns", messages.And, messages.Texts(titles...)...)
}

// quotes is the parameter with the values of columns.
func (s *Sheet) quotes(columns []int) messages.Parameter {
	values := make([]messages.Value, len(columns))
	for i, column := range columns {
		values[i] = s.quoted(column)
	}
	return messages.List("values", messages.Comma, values...)
}

// locationOf is the parameter with a cell of another row.
func (s *Sheet) locationOf(row uint32, column int) messages.Parameter {
	return messages.At("location", s.Position.Location(int(row), s.Columns[column].Cell))
}

// rowNumber is the parameter with the number of a row.
func rowNumber(row uint32) messages.Parameter {
	return messages.Number("row", strconv.FormatUint(uint64(row), 10))
}
