package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"headway/internal/pgtest"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// TestTableThatCannotBeLockedIsRefusedEarly writes a row as users with few rights. An import locks the table when it commits.
func TestTableThatCannotBeLockedIsRefusedEarly(t *testing.T) {
	of := &schema.Schema{Name: "shop", Sheets: []*schema.Sheet{{Name: "items", Title: "Items", Table: "items", Key: []string{"code"},
		Columns: []*schema.Column{{Name: "code", Title: "Code", Type: schema.Text, Required: true}}}}}
	for rights, allowed := range map[string]bool{"SELECT, INSERT": false, "SELECT, INSERT, UPDATE (code)": false, "SELECT, INSERT, UPDATE": true, "SELECT, INSERT, DELETE": true} {
		t.Run(rights, func(t *testing.T) {
			name, url := database(t)
			user := "limited_" + name
			for _, statement := range []string{`CREATE TABLE items (code text PRIMARY KEY)`, `CREATE ROLE ` + user + ` LOGIN`, `GRANT CREATE ON SCHEMA public TO ` + user, `GRANT ` + rights + ` ON items TO ` + user} {
				if out, err := pgtest.Shared(t).SQL(name, statement); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			target := open(t, strings.Replace(url, "headway@", user+"@", 1))
			tx, err := target.Begin(t.Context(), imports.Run{ImportID: "a", Number: 1, Schema: of}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			table, err := tx.Table(t.Context(), of, of.Sheets[0], of.Sheets[0].Columns)
			if err != nil {
				t.Fatal(err)
			}
			err = table.Insert(t.Context(), [][]imports.Value{{{Kind: imports.Text, Bytes: []byte("x")}}})
			if allowed {
				if err == nil {
					err = tx.Commit(t.Context(), map[string]imports.Counts{})
				}
				if err != nil {
					t.Errorf("the row is refused: %v", err)
				}
				return
			}
			var conflict *imports.TableConflictError
			if !errors.As(err, &conflict) || !strings.Contains(conflict.Detail, `GRANT UPDATE ON "items" TO "`+user+`"`) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// TestOwnTablesThatCannotBeCreated begins imports in databases that lack Headway's own tables.
func TestOwnTablesThatCannotBeCreated(t *testing.T) {
	name, url := database(t)
	user := "guest_" + name
	if out, err := pgtest.Shared(t).SQL(name, `CREATE ROLE `+user+` LOGIN`); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for want, url := range map[string]string{
		"GRANT CREATE ON SCHEMA":                   strings.Replace(url, "headway@", user+"@", 1),
		"Create the schema that search_path names": url + "?search_path=nowhere",
	} {
		tx, err := open(t, url).Begin(t.Context(), imports.Run{ImportID: "a", Number: 1, Schema: &schema.Schema{Name: "shop"}}, nil)
		if err == nil {
			err = tx.Rollback()
		}
		var conflict *imports.TableConflictError
		if !errors.As(err, &conflict) || !strings.Contains(conflict.Detail, want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}
}
