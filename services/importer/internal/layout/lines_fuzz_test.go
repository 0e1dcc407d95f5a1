package layout_test

import (
	"slices"
	"testing"

	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/source"
)

// FuzzFindTable looks for a table in any text. Its headers are above its first record, and that is above its last one.
func FuzzFindTable(f *testing.F) {
	for _, seed := range []string{"a|b\n1|2", "Title\n\na|b|c\n1|2|3\nTotal|2|3\nSource: x", "||\n|x|\n-|–|n/a", "\u00a0|a\n1|\u00a0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows := sheetRows(text)
		table := layout.FindTable(rows)
		if !slices.IsSorted(table.Header) || table.Last < table.First || len(table.Header) > 0 && table.First > 0 && table.Header[len(table.Header)-1] > table.First {
			t.Errorf("%q has the table %+v", text, table)
		}
		joined := layout.JoinHeaders(rows, table)
		if !slices.IsSortedFunc(joined.Cells, func(a, b source.Cell) int { return a.Col - b.Col }) {
			t.Errorf("%q has the headers %+v", text, joined)
		}
	})
}
