package mapping

import (
	"fmt"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// TestTitlesAreReadOnce finds and previews a wide sheet with a large schema. The form in which a title is compared is
// made a few times, and not for each column of the schema. Every such form is at least one allocation.
func TestTitlesAreReadOnce(t *testing.T) {
	var text strings.Builder
	text.WriteString("name: large\nsheets:\n")
	for i := range 20 {
		fmt.Fprintf(&text, "  - name: sheet%d\n    key: a\n    optional: true\n    columns:\n      - {name: a, title: Key %d, type: text, required: true}\n", i, i)
		for c := range 50 {
			fmt.Fprintf(&text, "      - {name: c%d, title: Column %d of %d, type: text}\n", c, c, i)
		}
	}
	s, err := schema.Load("large.yaml", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	rows := make([][]string, 40)
	for i := range rows {
		for c := range 500 {
			rows[i] = append(rows[i], fmt.Sprintf("Title %d in %d", c, i))
		}
	}
	rows[3][1] = "Key 3"
	wide := book{"sheet3": rows}
	joins := make([]string, 500)
	for i := range joins {
		joins[i] = fmt.Sprintf("Title %d in 9", i)
	}
	mapping := []imports.SheetMapping{{Sheet: "sheet3", Columns: map[string]string{"a": "Title 7 in 9"}, Joins: []imports.ColumnJoin{{Column: "c1", Headers: joins, Separator: " "}}}}
	head, err := source.Head(t.Context(), wide, []string{"sheet3"}, 50)
	if err != nil {
		t.Fatal(err)
	}
	for name, work := range map[string]func() error{
		"find":    func() error { _, err := Find(t.Context(), wide, s, nil); return err },
		"mapping": func() error { _, err := Find(t.Context(), wide, s, mapping); return err },
		"preview": func() error { headerOf(head["sheet3"], "sheet3", s, newLabels(s, nil), nil); return nil },
	} {
		allocations := testing.AllocsPerRun(1, func() {
			if err := work(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		if cells := len(rows) * len(rows[0]); allocations > 40*float64(cells) {
			t.Errorf("%s: %.0f allocations for %d cells", name, allocations, cells)
		}
	}
}

// TestComparisonsOfFileAreLimited previews a file with so many columns that comparing all of them by their meaning would take minutes.
// All sheets are compared by name.
func TestComparisonsOfFileAreLimited(t *testing.T) {
	s := staff(t)
	file := book{}
	const limit = 30_000
	for sheets := range 6 {
		header := []string{"Employee number", "Mailadresse"}
		for c := range 500 {
			header = append(header, fmt.Sprintf("Some other column %d", c))
		}
		file[fmt.Sprintf("Sheet %02d", sheets)] = [][]string{header, {"0017", "anna@example.com"}, {"0018", "bert@example.com"}}
	}
	var files []*fileTable
	for _, sheet := range file.Sheets() {
		head, err := source.Head(t.Context(), file, []string{sheet.Name}, 50)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, tableOf(file, sheet, head[sheet.Name], s, newLabels(s, nil), nil))
	}
	c := comparisons{left: limit}
	similar := 0
	for _, f := range files {
		for _, spec := range s.Sheets {
			named := false
			for _, p := range c.proposeColumns(f, spec, imports.SheetMapping{}) {
				if p.Reason == BySimilarName && p.Name == "email" {
					similar++
				}
				named = named || p.Reason == ByName && p.Name == "number"
			}
			if spec.Name == "employees" && !named {
				t.Errorf("the column number of %q is not found by name", f.Name)
			}
		}
	}
	if similar == 0 || similar == len(files) {
		t.Errorf("%d of %d sheets were compared by meaning", similar, len(files))
	}
}
