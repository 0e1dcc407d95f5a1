package layout_test

import (
	"slices"
	"strings"
	"testing"

	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/source"
)

// sheetRows returns the rows of a text whose cells are separated by vertical bars. Empty lines are rows without content.
func sheetRows(text string) []source.Row {
	var rows []source.Row
	for i, line := range strings.Split(strings.Trim(text, "\n"), "\n") {
		row := source.Row{Number: i + 1}
		for c, cell := range strings.Split(line, "|") {
			if cell = strings.TrimSpace(cell); cell != "" {
				row.Cells = append(row.Cells, source.Cell{Col: c + 1, Kind: source.Text, Text: []byte(cell)})
			}
		}
		if len(row.Cells) > 0 {
			rows = append(rows, row)
		}
	}
	return rows
}

func TestTableIsFoundWithoutSchema(t *testing.T) {
	for name, c := range map[string]struct {
		sheet       string
		header      []int
		first, last int
		joined      string
	}{
		"only a table": {"id|name|fee\n1|Ann|10.50\n2|Bob|11.00\n3|Eve|12.75", []int{1}, 2, 4, "id|name|fee"},
		"title and notes": {"Fees of the clinics, 2024\n\nAll amounts in euros\n\nCode|Clinic|Fee|Beds\nA1|North|120.5|10\nA2|South|80|12\nA3|West|99.9|7\n\nSource: the registry of clinics\n",
			[]int{5}, 6, 8, "Code|Clinic|Fee|Beds"},
		"totals": {"Region|Sales|Costs\nNorth|100|20\nSouth|200|30\nEast|150|35\nTotal|450|85", []int{1}, 2, 5, "Region|Sales|Costs"},
		"two rows of headers": {"Staff by grade\n\n|2022||2023|\nGrade|Men|Women|Men|Women\nA|1|2|3|4\nB|5|6|7|8\nC|3|4|2|6\n",
			[]int{3, 4}, 5, 7, "Grade|2022 Men|2022 Women|2023 Men|2023 Women"},
	} {
		t.Run(name, func(t *testing.T) {
			rows := sheetRows(c.sheet)
			table := layout.FindTable(rows)
			if !slices.Equal(table.Header, c.header) || table.First != c.first || table.Last != c.last {
				t.Fatalf("the table is %+v", table)
			}
			var texts []string
			for _, cell := range layout.JoinHeaders(rows, table).Cells {
				texts = append(texts, string(cell.Text))
			}
			if got := strings.Join(texts, "|"); got != c.joined {
				t.Errorf("the headers are %q, want %q", got, c.joined)
			}
		})
	}
}

func TestSheetsWithoutTableHaveNone(t *testing.T) {
	for _, sheet := range []string{"", "a note", "This workbook has notes.\nThey explain the other sheets.\nThere is no table here."} {
		if table := layout.FindTable(sheetRows(sheet)); table.First != 0 || table.Last != 0 {
			t.Errorf("%q has the table %+v", sheet, table)
		}
	}
}
