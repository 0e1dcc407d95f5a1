package load_test

import (
	"strings"
	"testing"
)

const sitesSchema = `
name: sites
sheets:
  - name: units
    key: [site, code]
    columns:
      - {name: site, type: text, required: true}
      - {name: code, type: text, required: true}
  - name: people
    key: number
    columns:
      - {name: number, type: integer, required: true}
      - {name: site, type: text}
      - {name: unit, type: text}
`

// A foreign key of two columns, which no schema can describe, is checked by the database: rows that it refuses have errors, and rows with
// an empty column refer to nothing, except with MATCH FULL.
func TestForeignKeysOfSeveralColumns(t *testing.T) {
	for match, c := range map[string]struct{ issues, rows []string }{
		"MATCH SIMPLE": {[]string{"People!3:3 REFUSED_BY_DATABASE"}, []string{"1 n 1", "3 s <nil>", "4 <nil> 1", "5 <nil> <nil>"}},
		"MATCH FULL": {[]string{"People!3:3 REFUSED_BY_DATABASE", "People!4:4 REFUSED_BY_DATABASE", "People!5:5 REFUSED_BY_DATABASE"},
			[]string{"1 n 1", "5 <nil> <nil>"}},
	} {
		t.Run(match, func(t *testing.T) {
			b := setupPostgres(t, sitesSchema)
			b.exec(`CREATE TABLE units (site text, code text, PRIMARY KEY (site, code));
				CREATE TABLE people (number int PRIMARY KEY, site text, unit text, FOREIGN KEY (site, unit) REFERENCES units (site, code) ` + match + `)`)
			file := sheetsOf(t, map[string][][]any{
				"Units":  {{"Site", "Code"}, {"n", "1"}, {"s", "1"}},
				"People": {{"Number", "Site", "Unit"}, {1, "n", "1"}, {2, "n", "2"}, {3, "s", nil}, {4, nil, "1"}, {5, nil, nil}},
			})
			task, summary := b.run(file, upsert)
			wantSame(t, "issues", b.issues(task.Import.ID), c.issues)
			wantSame(t, "rows", b.rows(`SELECT number, site, unit FROM people ORDER BY 1`), c.rows)
			if _, again := b.run(file, upsert); again.Totals.Unchanged != summary.Totals.Inserted || again.Totals.Updated > 0 {
				t.Errorf("the second import came to %+v", again.Totals)
			}
		})
	}
}

// Sequences of Hibernate increase by 50. If the table has one as its default, the ids that the
// database makes are read back, and later sheets of the same file refer to them.
func TestSequencesWithLargeSteps(t *testing.T) {
	b := setupPostgres(t, surrogateSchema)
	b.exec(staffTables + `; ALTER SEQUENCE departments_id_seq INCREMENT BY 50; ALTER SEQUENCE people_id_seq INCREMENT BY 50`)
	file := sheetsOf(t, map[string][][]any{
		"Departments": {{"Code", "Title"}, {"a", "A"}, {"b", "B"}},
		"People":      {{"Number", "Department", "Boss"}, {1, "a", 2}, {2, "b", nil}},
	})
	b.run(file, upsert)
	const people = `SELECT p.number, d.code, d.id, b.number FROM people p JOIN departments d ON d.id = p.department_id LEFT JOIN people b ON b.id = p.boss_id WHERE p.number < 9 ORDER BY 1`
	if got := strings.Join(b.rows(people), ", "); got != "1 a 150 2, 2 b 200 <nil>" {
		t.Errorf("the people are %s", got)
	}
	if next := b.query(`SELECT nextval('departments_id_seq')`); next != int64(250) {
		t.Errorf("the next department would have the number %v", next)
	}
	if _, again := b.run(file, upsert); again.Totals.Unchanged != 4 {
		t.Errorf("the second import came to %+v", again.Totals)
	}
}
