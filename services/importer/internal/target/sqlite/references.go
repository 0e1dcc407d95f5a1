package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/sqlite/sqlitedirect"
)

// addReferences rebuilds the table of a sheet with the foreign keys that it lacks, if it can be rebuilt: an import doesn't need them.
// It returns a conflict if rows break a foreign key of a table that was rebuilt.
func (tx *transaction) addReferences(ctx context.Context, sheet *schema.Sheet, parent func(schema.Reference) (string, string)) error {
	if slices.ContainsFunc(tx.changes, func(c imports.Change) bool { return c.Table == sheet.Table && c.Kind == imports.Blocked }) {
		return nil
	}
	var have []string
	err := tx.query(ctx, `SELECT lower(f."from") FROM pragma_foreign_key_list(?1) f
		WHERE (SELECT count(*) FROM pragma_foreign_key_list(?1) o WHERE o.id = f.id) = 1`, []any{sheet.Table},
		func(row *sqlitedirect.Stmt) { have = append(have, row.Text(0)) })
	if err != nil {
		return fmt.Errorf("read the foreign keys of %s: %w", sheet.Table, err)
	}
	var why []string
	for _, c := range sheet.Columns {
		if c.References != nil && !slices.Contains(have, fold(c.Name)) {
			why = append(why, fmt.Sprintf("its column %s doesn't refer to %s.%s, but it does in the schema", c.Name, c.References.Sheet, c.References.Column))
		}
	}
	if len(why) > 0 {
		// A table of another program can store IDs, which a rebuild would take for codes.
		if stored, err := tx.resolutions(ctx, sheet, parent); err != nil || len(stored) > 0 {
			return err
		}
		var conflict *imports.TableConflictError
		if _, err := tx.rebuildable(ctx, sheet.Table); errors.As(err, &conflict) {
			if !strings.Contains(conflict.Detail, notCreated) {
				tx.changes = append(tx.changes, imports.Change{Table: sheet.Table, Kind: imports.Left,
					Detail: fmt.Sprintf("%s. This stays: %s. Imports check the reference themselves", strings.Join(why, ", "), conflict.Detail)})
			}
			return nil
		}
		is, err := tx.readShape(ctx, sheet.Table)
		if err != nil {
			return err
		}
		if err := tx.rebuild(ctx, sheet, is, why, parent); err != nil {
			return err
		}
	}
	if !tx.rebuilt[sheet.Name] {
		return nil
	}
	return tx.checkReferences(ctx, sheet)
}

// checkReferences returns a conflict if rows of the table refer to rows that do not exist.
func (tx *transaction) checkReferences(ctx context.Context, sheet *schema.Sheet) error {
	var broken []string
	err := tx.query(ctx, `SELECT DISTINCT f."from", f."table" FROM pragma_foreign_key_check(?1) c, pragma_foreign_key_list(?1) f WHERE f.id = c.fkid`,
		[]any{sheet.Table}, func(row *sqlitedirect.Stmt) {
			if columnOf(sheet, row.Text(0)) != "" { // the others were broken before
				broken = append(broken, fmt.Sprintf("its column %s has values that no row of %s has", row.Text(0), row.Text(1)))
			}
		})
	if permanent(err) {
		return conflict(sheet, "its foreign keys can't be checked: %v", err)
	}
	if err != nil {
		return fmt.Errorf("check the foreign keys of %s: %w", sheet.Table, err)
	}
	if len(broken) > 0 {
		return conflict(sheet, "%s. Correct these rows first", strings.Join(broken, ", "))
	}
	return nil
}
