package template

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"headway/internal/messages"
	"headway/schemas"
	"headway/services/importer/internal/mapping"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/xlsx"
)

// FuzzTemplate writes the template of any valid schema. The importer reads it, and finds each sheet and each column.
func FuzzTemplate(f *testing.F) {
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
	f.Add([]byte(`
name: hard
title: "=cmd() <&> 'x'"
sheets:
  - name: s
    title: "Länder & 'Leute' <1>"
    table: s
    key: id
    columns:
      - {name: id, title: "ID, \"quoted\"", type: integer, required: true, min: -9223372036854775808, max: 9223372036854775807}
      - {name: e, title: "@E", type: enum, allowed: ["a,b", "\"c\"", "=d", "<e>", "'f"]}
      - {name: d, title: D, type: date, min: "0001-01-01", max: "9999-12-31"}
      - {name: t, title: T, type: time, min: "00:00:00", max: "23:59:59"}
      - {name: l, title: L, type: text, min_length: 3, max_length: 32767, pattern: "[a-z]{2}\\d+"}
      - {name: r, title: R, type: integer, references: s.id}
`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := schema.Load("test.yaml", data)
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := Write(&b, s, messages.English); err != nil {
			t.Fatal(err)
		}
		book, err := xlsx.Open(t.Context(), bytes.NewReader(b.Bytes()), int64(b.Len()), source.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		defer book.Close()
		found, err := mapping.Find(t.Context(), book, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != len(s.Sheets) {
			t.Fatalf("%d of %d sheets are found", len(found), len(s.Sheets))
		}
		for i, sheet := range s.Sheets {
			if len(found[i].Columns) != len(sheet.Columns) || len(found[i].Ignored) != 0 || found[i].HeaderRow != 1 {
				t.Fatalf("of the sheet %q, this is found: %+v", sheet.Title, found[i])
			}
		}
	})
}
