package mapping

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// FuzzFind looks for the headers of a schema in sheets of any content. A sheet that is found has each required column
// once, in one row, under a header that matches it. Everything else is an *Error.
func FuzzFind(f *testing.F) {
	s, err := schema.Load("people.yaml", []byte(`
name: people
title: People
sheets:
  - name: people
    title: People
    aliases: [Leute]
    table: people
    key: id
    columns:
      - {name: id, title: ID, type: text, required: true, aliases: [Nr.]}
      - {name: full_name, title: Full name, type: text}
      - {name: prenom, title: Prénom, type: text}
`))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][3]string{
		{"People", "ID\tFull name\n1\tx", ""},
		{"leute", "List of 2025\n\nnr\tFULL-NAME\tPre\u0301nom\n1", ""},
		{"people\x00Leute", "ID", ""},
		{"People", "ID\tid\tI.D.", ""},
		{"People", "Key\tID", "Key"},
		{"Sheet1", "ID\t\u200b\t\u00a0", "ID\x00Sheet1"},
		{"People", strings.Repeat("title\n", 11) + "ID", ""},
		{"People", "ID\tID *\tfull name", "id *"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, names, content, mapped string) {
		var table [][]string
		for line := range strings.SplitSeq(content, "\n") {
			table = append(table, strings.Split(line, "\t"))
		}
		b := book{}
		for name := range strings.SplitSeq(names, "\x00") {
			b[name] = table
		}
		var mapping []imports.SheetMapping
		if header, sheet, both := strings.Cut(mapped, "\x00"); mapped != "" {
			m := imports.SheetMapping{Sheet: "people", Columns: map[string]string{"id": header}}
			if both {
				m.WorkbookSheet = sheet
			}
			mapping = append(mapping, m)
		}
		found, err := Find(t.Context(), b, s, mapping)
		if err != nil {
			var problem *Error
			if !errors.As(err, &problem) || problem.Problem == 0 || problem.Error() == "" {
				t.Fatalf("the error is %v", err)
			}
			return
		}
		if len(found) != 1 || b[found[0].WorkbookSheet] == nil {
			t.Fatalf("found %+v", found)
		}
		sheet := found[0]
		row := table[sheet.HeaderRow-1]
		var columns []string
		used := map[int]bool{}
		for _, c := range sheet.Columns {
			if used[c.Column] {
				t.Fatalf("the cell %d is used twice: %+v", c.Column, sheet)
			}
			used[c.Column] = true
			columns = append(columns, c.Name)
			header := schema.MatchName(row[c.Column-1])
			spec, _ := s.Sheets[0].MatchColumn(row[c.Column-1])
			byName := spec != nil && spec.Name == c.Name
			byMapping := len(mapping) > 0 && c.Name == "id" && (header == schema.MatchName(mapping[0].Columns["id"]))
			if !byName && !byMapping {
				t.Fatalf("the header %q is not for %s", row[c.Column-1], c.Name)
			}
		}
		if !slices.Contains(columns, "id") || len(slices.Compact(slices.Sorted(slices.Values(columns)))) != len(columns) {
			t.Fatalf("the columns are %v", columns)
		}
		for _, ignored := range sheet.Ignored {
			if used[ignored.Column] {
				t.Fatalf("the cell %d is both used and ignored", ignored.Column)
			}
		}
	})
}
