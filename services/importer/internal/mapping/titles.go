package mapping

import (
	"fmt"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// numbers are the texts by which a mapping names headers that have the text of an earlier one, by their columns.
type numbers map[int]string

// numbersOf returns the numbered texts of a row of headers: the second of equal texts is “Code (2)”.
func numbersOf(row source.Row) numbers {
	count := make(map[string]int, len(row.Cells))
	titleOf := func(cell *source.Cell) string {
		if source.Blank(cell) || cell.TooLong {
			return ""
		}
		title, _, _ := text.Clean(cell.Text, nil)
		return string(title)
	}
	equal := false
	for i := range row.Cells {
		if title := titleOf(&row.Cells[i]); title != "" {
			count[title]++
			equal = equal || count[title] > 1
		}
	}
	if !equal {
		return nil
	}
	numbered, seen := numbers{}, map[string]int{}
	for i := range row.Cells {
		title := titleOf(&row.Cells[i])
		if count[title] < 2 {
			continue
		}
		if seen[title]++; seen[title] == 1 {
			continue
		}
		name := fmt.Sprintf("%s (%d)", title, seen[title])
		for count[name] > 0 { // another column has this text
			seen[title]++
			name = fmt.Sprintf("%s (%d)", title, seen[title])
		}
		numbered[row.Cells[i].Col] = name
	}
	return numbered
}

// title returns the text by which a mapping names the header in a column.
func (n numbers) title(col int, title string) string {
	if numbered, ok := n[col]; ok {
		return numbered
	}
	return title
}
