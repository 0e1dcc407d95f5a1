package load_test

import (
	"slices"
	"testing"
)

// TestMessagesFitEveryTitle has sheets whose titles are irregular plurals, singular, and in another language.
func TestMessagesFitEveryTitle(t *testing.T) {
	b := setupFor(t, `
name: words
title: Words
sheets:
  - {name: staff, title: Staff, table: staff, key: id, columns: [{name: id, title: ID, type: text, required: true}, {name: age, title: Age, type: integer}]}
  - {name: children, title: Children, table: children, key: id, columns: [{name: id, title: ID, type: text, required: true}, {name: of, title: Of, type: text, references: staff.id}]}
  - {name: news, title: Nachrichten, table: news, key: id, columns: [{name: id, title: ID, type: text, required: true}, {name: by, title: By, type: text, references: children.id}]}
`)
	task, summary := b.run(sheetsOf(t, map[string][][]any{
		"Staff":       {{"ID", "Age"}, {"ann", "old"}},
		"Children":    {{"ID", "Of"}, {"c1", "ann"}, {"c2", "bob"}, {"c3", "bob"}},
		"Nachrichten": {{"ID", "By"}, {"n1", "c1"}, {"n2", "c2"}, {"n3", "c9"}},
	}), upsert)
	var got []string
	for _, issue := range b.issuesOf(task.Import.ID, 0)[1:] {
		got = append(got, issue.Message)
	}
	for _, cause := range summary.RootCauses {
		got = append(got, cause.Message)
	}
	want := []string{
		"ID “ann” is row 2 of the sheet “Staff”, which has an error. Fix that row first.",
		"“Staff” has no row with ID “bob”, neither in this file nor in the database. Correct the value, or add the missing row.",
		"“Staff” has no row with ID “bob”, neither in this file nor in the database. Correct the value, or add the missing row.",
		"ID “c1” is row 2 of the sheet “Children”, which is waiting for another row. Fix that row first.",
		"ID “c2” is row 3 of the sheet “Children”, which has an error. Fix that row first.",
		"“Children” has no row with ID “c9”, neither in this file nor in the database. Correct the value, or add the missing row.",
		"“bob” of “Staff” is missing. 2 rows of “Children” and 1 row of “Nachrichten” are waiting for it.",
		"“ann” of “Staff” has an error. 1 row of “Children” and 1 row of “Nachrichten” are waiting for it.",
		"“c9” of “Children” is missing. 1 row of “Nachrichten” is waiting for it.",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
