package source

import (
	"fmt"
	"strings"
	"testing"
)

// sheetRows are rows of texts. A nil row has no content.
type sheetRows struct {
	table [][]string
	n     int
}

func (r *sheetRows) Next() bool {
	for r.n++; r.n <= len(r.table) && r.table[r.n-1] == nil; r.n++ {
	}
	return r.n <= len(r.table)
}

func (r *sheetRows) Row() Row {
	row := Row{Number: r.n}
	for i, text := range r.table[r.n-1] {
		if text != "" {
			row.Cells = append(row.Cells, Cell{Col: i + 1, Kind: Text, Text: []byte(text)})
		}
	}
	return row
}

func (r *sheetRows) Err() error                  { return nil }
func (r *sheetRows) Close() error                { return nil }
func (r *sheetRows) Progress() (read, all int64) { return 0, 0 }

// spelled writes each row as its number and its cells. A mark after a text is its Merge.
func spelled(rows Rows) string {
	var b strings.Builder
	for rows.Next() {
		row := rows.Row()
		fmt.Fprintf(&b, "%d:", row.Number)
		for _, c := range row.Cells {
			fmt.Fprintf(&b, " %s=%s%s", ColumnName(c.Col), c.Text, []string{"", "^", "!", "?", "+"}[c.Merge])
		}
		b.WriteString("\n")
	}
	return strings.TrimSpace(b.String())
}

func TestMergedCellsHaveTheirRangesValue(t *testing.T) {
	rangeOf := func(firstRow, lastRow, firstCol, lastCol int32) Range {
		return Range{firstRow, lastRow, firstCol, lastCol}
	}
	for name, test := range map[string]struct {
		table  [][]string
		merges []Range
		want   string
	}{
		"down":              {[][]string{{"a", "x"}, {"b"}, {"c"}}, []Range{rangeOf(1, 3, 2, 2)}, "1: A=a B=x^\n2: A=b B=x+\n3: A=c B=x+"},
		"below its start":   {[][]string{{"a", "x"}, nil, {"c"}}, []Range{rangeOf(1, 3, 2, 2)}, "1: A=a B=x^\n3: A=c B=x+"},
		"empty start":       {[][]string{nil, {"b"}}, []Range{rangeOf(1, 2, 2, 2)}, "2: A=b"},
		"same value":        {[][]string{{"a", "x"}, {"b", "x"}}, []Range{rangeOf(1, 2, 2, 2)}, "1: A=a B=x^\n2: A=b B=x+"},
		"hidden value":      {[][]string{{"a", "x"}, {"b", "y"}}, []Range{rangeOf(1, 2, 2, 2)}, "1: A=a B=x^\n2: A=b B=y!"},
		"across columns":    {[][]string{{"a", "x"}, {"b"}}, []Range{rangeOf(2, 2, 1, 2)}, "1: A=a B=x\n2: A=b? B=?"},
		"across unimported": {[][]string{{"a", "", "x"}, {"b"}}, []Range{rangeOf(1, 2, 3, 4)}, "1: A=a C=x\n2: A=b"},
		"into an imported":  {[][]string{{"a", "", "", "x"}, {"b"}}, []Range{rangeOf(1, 2, 4, 5)}, "1: A=a D=x E=x+\n2: A=b E=x+"},
		"two in a row":      {[][]string{{"a", "x"}, {"", ""}, {"", ""}}, []Range{rangeOf(1, 2, 1, 1), rangeOf(1, 3, 2, 2)}, "1: A=a^ B=x^\n2: A=a+ B=x+\n3: B=x+"},
		"after another":     {[][]string{{"a", "x"}, {"b"}, {"c", "y"}, {"d"}}, []Range{rangeOf(3, 4, 2, 2), rangeOf(1, 2, 2, 2)}, "1: A=a B=x^\n2: A=b B=x+\n3: A=c B=y^\n4: A=d B=y+"},
		"overlapping":       {[][]string{{"a", "x"}, {"b"}, {"c"}}, []Range{rangeOf(1, 2, 2, 2), rangeOf(2, 3, 2, 2)}, "1: A=a B=x^\n2: A=b B=x+\n3: A=c"},
	} {
		if got := spelled(FillMerges(&sheetRows{table: test.table}, test.merges, []int{1, 2, 5})); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, test.want)
		}
	}
}

func TestMergedRangeIsFound(t *testing.T) {
	rows := FillMerges(&sheetRows{table: [][]string{{"a", "x"}, {"b"}}}, []Range{{1, 2, 2, 2}}, []int{1, 2})
	rows.Next()
	if r, ok := rows.At(2); !ok || r.String() != "B1:B2" {
		t.Errorf("got %s, %v", r, ok)
	}
	if r, ok := rows.At(1); ok {
		t.Errorf("got %s", r)
	}
}
