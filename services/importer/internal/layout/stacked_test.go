package layout_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"headway/services/importer/internal/layout"
)

// TestStackedTablesAreFound looks for tables one below another, and for rows that only look like another table.
func TestStackedTablesAreFound(t *testing.T) {
	staff := "No|Name|Team|Salary\n1|Ann|A|4500\n2|Bob|B|3900\n3|Eve|A|4100\n"
	for name, c := range map[string]struct {
		sheet string
		want  string // first, last, and title of each table
	}{
		"one table":                         {staff, ""},
		"a gap in the table":                {staff + "\n4|Dan|B|4000\n", ""},
		"headers again":                     {staff + "\nNo|Name|Team|Salary\n4|Dan|B|4000\n", ""},
		"titles and headers again":          {"Berlin\n" + staff + "\nParis\nNo|Name|Team|Salary\n4|Dan|B|4000\n", ""},
		"a total and a note":                {staff + "\nTotal|||12500\n\nSource: the payroll\n", ""},
		"a signature":                       {staff + "\nApproved by|Checked by\nAnn Berg|Tom Ray\n", ""},
		"labels and values above":           {"Report|Staff\nDate|2025-01-03\nRows|3\n\n" + staff, ""},
		"known headers, after an empty row": {staff + "\nCode|Name\nA|Buying\nB|Sales\n", "1-4 6-0"},
		"known headers, after a title":      {staff + "Teams\nCode|Name\nA|Buying\nB|Sales\n", "1-4 6-0:Teams"},
		"numbers in other columns":          {staff + "\nRegion|Head count\nNorth|12\nSouth|7\n", "1-4 6-0"},
		"a title, other columns, only words": {"Id|Name|Team\na|Ann|A\nb|Bob|B\n\nOffices\nCity|Street\nBerlin|Am Ufer\nParis|Rue Verte\n",
			"1-3 6-0:Offices"},
		"three tables":                   {"Staff\n" + staff + "\nTeams\nCode|Name\nA|Buying\n\nFloors\nFloor|Rooms|Size\nGround|4|120.5\nFirst|6|130\n", "1-5 8-9:Teams 12-0:Floors"},
		"headers with numbers above":     {"Region|2023|2024\nNorth|1|2\nSouth|3|4\nEast|5|6\n\nCode|Name\nN|North\n", "1-4 6-0"},
		"two rows of headers below":      {staff + "\nPlace||Size\nCity|Street|Rooms|Desks\nBerlin|Ufer|4|12\nParis|Rue|6|14\n", "1-4 6-0"},
		"a record of words, after a gap": {"Name|Team|Grade|Salary\nAnn|A|high|4500\nBob|B|low|3900\n\nEve|A|low|unknown\nDan|B|low|4100\nFay|B|low|4000\n", ""},
		"group labels":                   {"Name|Salary\nBuying\nAnn|4500\nBob|3900\nSales\nEve|4100\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			stack := layout.NewStack(func(title []byte) bool {
				return slices.Contains([]string{"No", "Name", "Team", "Salary", "Code"}, string(title))
			})
			for _, row := range sheetRows(c.sheet) {
				stack.Add(row)
			}
			var got []string
			for _, table := range stack.Tables() {
				text := fmt.Sprintf("%d-%d", table.First, table.Last)
				if table.Title != "" && len(got) > 0 {
					text += ":" + table.Title
				}
				got = append(got, text)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("the tables are %q, want %q", got, c.want)
			}
		})
	}
}
