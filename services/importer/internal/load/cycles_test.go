package load_test

import "testing"

// mentorSchema has two references within a sheet: to the key, and to a unique column.
const mentorSchema = `
name: staff
title: Staff
sheets:
  - name: people
    title: People
    table: people
    key: id
    columns:
      - {name: id, title: ID, type: integer, required: true}
      - {name: mail, title: Mail, type: email, unique: true}
      - {name: boss, title: Boss, type: integer, references: people.id}
      - {name: mentor, title: Mentor, type: email, references: people.mail}
`

func TestCycleThroughEveryReferenceIsFound(t *testing.T) {
	whole, noMail := []any{"ID", "Mail", "Boss", "Mentor"}, []any{"ID", "Boss", "Mentor"}
	before := [][]any{whole, {1, "a@x.org"}, {2, "b@x.org", 1}, {3, "c@x.org", nil, "b@x.org"}, {4, "d@x.org", 3, "a@x.org"}}
	for name, test := range map[string]struct {
		file [][]any
		want []string
	}{
		"boss, mentor, boss":               {[][]any{whole, {1, "a@x.org", 4}}, []string{"People!C2 REFERENCE_CYCLE"}},
		"closed by a mentor":               {[][]any{whole, {1, "a@x.org", nil, "c@x.org"}}, []string{"People!D2 REFERENCE_CYCLE"}},
		"through a row of the file":        {[][]any{whole, {5, "e@x.org", nil, "c@x.org"}, {1, "a@x.org", 5}}, []string{"People!D2 REFERENCE_CYCLE", "People!C3 REFERENCE_CYCLE"}},
		"a file without mail":              {[][]any{noMail, {1, nil, "c@x.org"}}, []string{"People!C2 REFERENCE_CYCLE"}},
		"a file without mail, to itself":   {[][]any{noMail, {1, nil, "a@x.org"}}, []string{"People!C2 REFERENCE_CYCLE"}},
		"a row of the file ends the cycle": {[][]any{whole, {3, "c@x.org"}, {1, "a@x.org", 4}}, []string{"People!C3 REFERENCE_CYCLE"}},
		"two rows of the file end it":      {[][]any{whole, {3, "c@x.org"}, {4, "d@x.org", 3}, {1, "a@x.org", 4}}, nil},
		"the mentor's mail moves":          {[][]any{whole, {2, "x@x.org", nil}, {6, "b@x.org"}, {3, "c@x.org", nil, "b@x.org"}, {1, "a@x.org", 3}}, nil},
		"no cycle":                         {[][]any{whole, {5, "e@x.org", 4, "c@x.org"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := setupFor(t, mentorSchema)
			b.loader.KeyBytes = 1 // all that the search keeps is in files
			b.run(sheetsOf(t, map[string][][]any{"People": before}), upsert)
			task, _ := b.run(sheetsOf(t, map[string][][]any{"People": test.file}), upsert)
			b.wantIssues(task.Import.ID, test.want...)
		})
	}
}

func TestCycleOfRowsWithTwoKeysIsFound(t *testing.T) {
	const schema = `
name: parts
title: Parts
sheets:
  - name: parts
    title: Parts
    table: parts
    key: [site, number]
    columns:
      - {name: site, title: Site, type: text, required: true}
      - {name: number, title: Number, type: integer, required: true}
      - {name: serial, title: Serial, type: text, unique: true}
      - {name: inside, title: Inside, type: text, references: parts.serial}
`
	header := []any{"Site", "Number", "Serial", "Inside"}
	b := setupFor(t, schema)
	b.run(sheetsOf(t, map[string][][]any{"Parts": {header, {"A", 1, "s1"}, {"A", 2, "s2", "s1"}, {"B", 1, "s3", "s2"}}}), upsert)
	task, _ := b.run(sheetsOf(t, map[string][][]any{"Parts": {header, {"A", 1, "s1", "s3"}, {"B", 2, "s4", "s3"}}}), upsert)
	b.wantIssues(task.Import.ID, "Parts!D2 REFERENCE_CYCLE")
}

// TestCycleThroughManyDatabaseRowsIsFound has a cycle that closes through the last of 262,143 rows of the database, each of
// which refers to two others.
func TestCycleThroughManyDatabaseRowsIsFound(t *testing.T) {
	b := setupFor(t, mentorSchema)
	header := []any{"ID", "Mail", "Boss", "Mentor"}
	b.run(sheetsOf(t, map[string][][]any{"People": {header, {0, "m0@x.org"}}}), upsert)
	b.exec(`WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 262143)
		INSERT INTO people (id, mail, boss, mentor)
		SELECT id, 'm' || id || '@x.org', CASE WHEN id < 131072 THEN 2 * id WHEN id = 262143 THEN 0 END,
			CASE WHEN id < 131072 THEN 'm' || (2 * id + 1) || '@x.org' END FROM n`)
	task, summary := b.run(sheetsOf(t, map[string][][]any{"People": {header, {0, "m0@x.org", 1}, {-1, "m-1@x.org", 1}}}), upsert)
	b.wantIssues(task.Import.ID, "People!C2 REFERENCE_CYCLE")
	wantCounts(t, summary.Sheets["people"], "2 1 0 0 1 0")
}
