package layout_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"headway/services/importer/internal/layout"
)

// TestSeparateTablesAreTold looks at two bands of a sheet, which have separate tables or are parts of one with an empty column.
func TestSeparateTablesAreTold(t *testing.T) {
	for name, c := range map[string]struct {
		sheet string
		fit   layout.Fit
		want  bool
	}{
		"headers of two sheets":            {"Code|Team||No|Name|Hired\nA|Buying||1|Ann|2020-01-02\nB|Sales||2|Bob|2021-03-04\n", layout.Separate, true},
		"headers of one sheet":             {"No|Name||Team|Hired\n1|Ann||A|2020-01-02\n2|Bob||B|2021-03-04\n3|Eve||A|2020-01-02\n4|Dan|||\n5|Fay|||\n6|Gus|||\n7|Hal|||\n", layout.Joint, false},
		"teams of the people next to them": {"No|Name||Code|Team\n1|Ann||A|Buying\n2|Bob||B|Sales\n3|Eve||A|Buying\n", layout.Separate, false},
		"one could be the other's":         {"No|Name||Code|Team\n1|Ann||A|Buying\n2|Bob||B|Sales\n", layout.Either, false},
		"one could be, but ends before":    {"No|Name||Code|Team\n1|Ann||A|Buying\n2|Bob||B|Sales\n3|Eve|||\n", layout.Either, true},
		"unknown, of equal length":         {"Region|Size||Person|Age\nNorth|12||Ann|30\nSouth|14||Bob|40\n", layout.Unknown, false},
		"unknown, and much longer":         {"Region|Size||Person|Age\nNorth|12||Ann|30\nSouth|14||Bob|40\n|||Eve|50\n|||Dan|31\n|||Fay|28\n", layout.Unknown, true},
		"unknown, with gaps in one":        {"Region|Size||Person|Age\nNorth|12||Ann|30\n|||Bob|40\nSouth|14||Eve|50\n|||Dan|31\n|||Fay|28\n|||Gus|28\n", layout.Unknown, false},
		"equal headers, and longer":        {"Name|Age||Name|Age\nAnn|12||Bob|30\nEve|14||Dan|40\nFay|15||\n", layout.Unknown, true},
		"equal headers of equal length":    {"Name|Age||Name|Age\nAnn|12||Bob|30\nEve|14||Dan|40\n", layout.Unknown, false},
		"headers next to records":          {"Region|Size||\nNorth|12||\nSouth|14||Person|Age\nEast|9||Ann|30\n|||Bob|40\n", layout.Unknown, true},
		"words next to a list":             {"Region|Head||\nNorth|Ann||\nSouth|Bob||\nEast|Eve||\nWest|Dan||Legend|Sense\n|||high|good\n|||low|bad\n", layout.Joint, true},
		"headers of two rows":              {"Region|Size||Plan|\n|||Start|End\nNorth|12||3|4\nSouth|14||5|6\n", layout.Unknown, false},
		"one after the other":              {"Region|Size||\nNorth|12||\n\n|||Person|Age\n|||Ann|30\n", layout.Unknown, true},
		"a list of values":                 {"No|Name|Team|||Teams\n1|Ann|A|||A\n2|Bob|B|||B\n3|Eve|B|||C\n", layout.Unknown, false},
	} {
		t.Run(name, func(t *testing.T) {
			rows := sheetRows(c.sheet)
			var found layout.Bands
			for _, row := range rows {
				found.Add(row)
			}
			bands := found.Found()
			if len(bands) != 2 {
				t.Fatalf("the bands are %v", bands)
			}
			var sides [2]*layout.Side
			for i, band := range bands {
				sides[i] = layout.NewSide(band, func(title []byte) bool {
					return slices.Contains([]string{"No", "Name", "Team", "Code"}, string(title))
				})
				for _, row := range rows {
					sides[i].Add(row)
				}
			}
			if got := sides[0].Apart(sides[1], c.fit); got != c.want {
				t.Errorf("apart: %t, want %t. The headers are %q and %q", got, c.want, sides[0].Headers(), sides[1].Headers())
			}
		})
	}
}

// TestTablesOfBandAreStacked looks for the tables of one band.
func TestTablesOfBandAreStacked(t *testing.T) {
	side := layout.NewSide(layout.Band{First: 3, Last: 4}, func(title []byte) bool {
		return strings.HasPrefix(string(title), "N") || string(title) == "Region" || string(title) == "Size"
	})
	for _, row := range sheetRows("x||No|Name\ny||1|Ann\nz||2|Bob\n\nz||Region|Size\nz||North|12\nz||South|14\n") {
		side.Add(row)
	}
	var got []string
	for _, table := range side.Tables() {
		got = append(got, fmt.Sprint(table.First, "-", table.Last, " ", table.FirstColumn, "-", table.LastColumn, " ", table.Header))
	}
	if want := []string{"1-3 3-4 1", "5-0 3-4 5"}; !slices.Equal(got, want) {
		t.Errorf("the tables are %q", got)
	}
}
