package check

import (
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// maxQuoted is the maximum number of characters of a value that a message quotes.
const maxQuoted = 40

// quote returns the value of a column of the row in quotation marks. If its cell has characters that can't be seen, they
// are named: “K1” (U+00A0 after the text). Otherwise, a user couldn't see why two cells are equal.
func (s *Sheet) quote(column int) string {
	if len(s.batch.Cells) > 0 {
		cell := &s.batch.Cells[s.row.index*len(s.Columns)+column]
		if cell.Kind == source.Text && text.Unseen(cell.Text) != "" {
			return text.Quote(cell.Text, maxQuoted)
		}
	}
	return text.Quote(s.row.values[column].Append(nil), maxQuoted)
}
