package load_test

import (
	"strings"
	"testing"
)

const caseSchema = `
name: blog
title: Blog
sheets:
  - name: users
    title: Users
    key: login
    columns:
      - {name: login, title: Login, type: text, required: true}
      - {name: mail, title: Mail, type: text, unique: true}
  - name: posts
    title: Posts
    key: slug
    columns:
      - {name: slug, title: Slug, type: text, required: true}
      - {name: author, column: author_id, title: Author, type: text, references: users.login}
`

// TestCollationsThatIgnoreCase imports into tables whose texts the database compares without regard to case.
func TestCollationsThatIgnoreCase(t *testing.T) {
	const tables = `CREATE TABLE users (id ID PRIMARY KEY, login text COLLATION NOT NULL UNIQUE, mail text COLLATION UNIQUE);
		CREATE TABLE posts (id ID PRIMARY KEY, slug text COLLATION NOT NULL, author_id bigint REFERENCES users (id)); CREATE UNIQUE INDEX slugs ON posts (slug);
		INSERT INTO users (login, mail) VALUES ('Ann', 'ann@x.example'), ('ben', 'ben@x.example')`
	onPostgres := func(before, collation string) *bench {
		b := setupPostgres(t, caseSchema)
		b.exec(before + strings.NewReplacer("ID", "bigint GENERATED ALWAYS AS IDENTITY", "COLLATION", collation).Replace(tables))
		return b
	}
	onSQLite := func(tables string) *bench {
		b := setupFor(t, caseSchema)
		for statement := range strings.SplitSeq(strings.NewReplacer("bigint REFERENCES", "integer REFERENCES", "ID", "integer").Replace(tables), ";") {
			b.exec(statement)
		}
		return b
	}
	for name, c := range map[string]struct {
		b *bench
		// umlauts reports whether Ä and ä are the same.
		umlauts bool
	}{
		"a collation of ICU":  {onPostgres(`CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);`, `COLLATE "anycase"`), true},
		"NOCASE":              {onSQLite(strings.ReplaceAll(tables, "COLLATION", "COLLATE NOCASE")), false},
		"an index for NOCASE": {onSQLite(strings.NewReplacer("COLLATION NOT NULL UNIQUE", "NOT NULL", "COLLATION UNIQUE", "COLLATE NOCASE UNIQUE", "COLLATION", "", "(slug)", "(slug COLLATE NOCASE); CREATE UNIQUE INDEX logins ON users (login COLLATE NOCASE)").Replace(tables)), false},
	} {
		t.Run(name, func(t *testing.T) {
			sheets := map[string][][]any{
				"Users": {{"Login", "Mail"}, {"ANN", "Ann@x.example"}, {"Cleo", "BEN@x.example"}, {"cleo", nil}, {"Dan", "DAN@x.example"}, {"Ärger", nil}, {"ärger", nil}},
				"Posts": {{"Slug", "Author"}, {"One", "ann"}, {"two", "DAN"}, {"TWO", nil}, {"three", "nobody"}},
			}
			issues := []string{"Users!B3 DUPLICATE_IN_DATABASE", "Users!A4 DUPLICATE_IN_FILE", "Posts!A4 DUPLICATE_IN_FILE", "Posts!B5 REFERENCE_MISSING"}
			logins := "Ann Ann@x.example, Dan DAN@x.example, ben ben@x.example, Ärger <nil>"
			if c.umlauts {
				issues = append(issues, "Users!A7 DUPLICATE_IN_FILE")
			} else {
				logins += ", ärger <nil>"
			}
			task, done := c.b.run(sheetsOf(t, sheets), upsert)
			wantSame(t, "issues", c.b.issues(task.Import.ID), issues)
			binary := `COLLATE "C"`
			if c.b.driver == "sqlite" {
				binary = "COLLATE BINARY"
			}
			if got := strings.Join(c.b.rows(`SELECT login, mail FROM users ORDER BY login `+binary), ", "); got != logins {
				t.Errorf("the users are %s, want %s", got, logins)
			}
			if got, want := strings.Join(c.b.rows(`SELECT slug, login FROM posts LEFT JOIN users ON users.id = author_id ORDER BY slug `+binary), ", "), "One Ann, two Dan"; got != want {
				t.Errorf("the posts are %s, want %s", got, want)
			}
			if _, again := c.b.run(sheetsOf(t, sheets), upsert); again.Totals.Unchanged != done.Totals.Inserted+done.Totals.Updated+done.Totals.Unchanged {
				t.Errorf("the second import came to %+v", again.Totals)
			}
		})
	}
}
