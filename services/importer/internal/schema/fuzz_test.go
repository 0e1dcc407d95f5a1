package schema_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"headway/schemas"
	"headway/services/importer/internal/schema"
)

// FuzzLoad loads schema files. The result is schema.Problems, or a valid schema, which has the same digest when it is
// loaded again, and finds its own sheets and columns by their titles.
func FuzzLoad(f *testing.F) {
	data, err := schemas.Files.ReadFile("workforce.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	examples, err := filepath.Glob("../../testdata/cases/*/schema.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range examples {
		if data, err = os.ReadFile(path); err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, text := range []string{
		"", "a: &a [*a]", "name: x\n---\nname: y", "name: !!binary aGk=", "name: x\ntitle: X\nsheets: {}\n", "<<: {name: x}\nname: y",
		"name: x\ntitle: X\nsheets:\n- {name: s, title: S, table: s, key: id, columns: [{name: id, title: ID, type: integer, required: true, min: 1e400}]}",
		"name: x\ntitle: X\nsheets:\n- {name: s, title: S, table: s, key: [id, s], columns: [{name: id, title: ID, type: text, required: true, references: s.id}]}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := schema.Load("test.yaml", data)
		if err != nil {
			var invalid schema.Problems
			if !errors.As(err, &invalid) || len(invalid) == 0 {
				t.Fatalf("the error is %v", err)
			}
			return
		}
		again, err := schema.Load("test.yaml", data)
		if err != nil || again.Digest() != s.Digest() {
			t.Fatalf("the second time: %v", err)
		}
		for _, sheet := range s.Sheets {
			if s.MatchSheet(sheet.Title) != sheet || s.MatchSheet(sheet.Name) != sheet || s.Sheet(sheet.Name) != sheet {
				t.Fatalf("the sheet %q is not found", sheet.Title)
			}
			for _, c := range sheet.Columns {
				if found, _ := sheet.MatchColumn(c.Title); found != c {
					t.Fatalf("the column %q is not found", c.Title)
				}
				if r := c.References; r != nil {
					if target, _ := s.Sheet(r.Sheet).Column(r.Column); target == nil {
						t.Fatalf("the reference of %q leads nowhere", c.Name)
					}
				}
			}
		}
	})
}
