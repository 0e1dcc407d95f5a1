package load_test

import "testing"

const sizesSchema = `
name: sizes
title: Sizes
sheets:
  - name: things
    title: Things
    table: things
    key: code
    columns:
      - {name: code, title: Code, type: text, required: true}
      - {name: size, title: Size, type: integer}
`

// TestFilesCanLackColumnsWithDefaults imports into a table whose column must not be empty, but has a default. The schema does not require it.
func TestFilesCanLackColumnsWithDefaults(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *bench{
		"SQLite":     func(t *testing.T) *bench { return setupFor(t, sizesSchema) },
		"PostgreSQL": func(t *testing.T) *bench { return setupPostgres(t, sizesSchema) },
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			b.exec(`CREATE TABLE things (code text NOT NULL PRIMARY KEY, size int NOT NULL DEFAULT 7)`)
			b.exec(`INSERT INTO things VALUES ('a', 3)`)
			b.run(sheetsOf(t, map[string][][]any{"Things": {{"Code"}, {"a"}, {"b"}}}), upsert)
			if got := b.query(`SELECT sum(CASE code WHEN 'a' THEN 10 ELSE 1 END * size) FROM things`); got != int64(37) {
				t.Errorf("the sizes come to %v", got)
			}
			_, summary := b.run(sheetsOf(t, map[string][][]any{"Things": {{"Code", "Size"}, {"a", nil}, {"b", 8}}}), upsert)
			if summary.Totals.Rejected != 1 || summary.Totals.Updated != 1 {
				t.Errorf("the import came to %+v", summary.Totals)
			}
			b.wantIssues("import-02", "Things!B2 REQUIRED")
		})
	}
}
