package load_test

import "testing"

// TestFirstErrorIsTheLeftmost has a row with several values that another row has, and a row that refers to it.
func TestFirstErrorIsTheLeftmost(t *testing.T) {
	for range 8 {
		b := setupFor(t, `
name: parts
title: Parts
sheets:
  - name: parts
    title: Parts
    table: parts
    key: id
    columns:
      - {name: id, title: ID, type: text, required: true}
      - {name: a, title: A, type: text, unique: true}
      - {name: b, title: B, type: text, unique: true}
      - {name: c, title: C, type: text, unique: true}
      - {name: d, title: D, type: text, unique: true}
      - {name: of, title: Of, type: text, references: parts.id}
`)
		task, _ := b.run(sheetsOf(t, map[string][][]any{"Parts": {{"ID", "A", "B", "C", "D", "Of"},
			{"1", "x", "x", "x", "x", nil}, {"2", "x", "x", "x", "x", nil}, {"3", nil, nil, nil, nil, "2"}}}), upsert)
		causes, err := b.store.RootCauses(t.Context(), task.Import.ID)
		if err != nil || len(causes) != 1 || causes[0].Issue.Cell != "Parts!B3" {
			t.Fatalf("got %+v, %v", causes, err)
		}
	}
}
