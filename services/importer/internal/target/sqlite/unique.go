package sqlite

import (
	"context"
	"fmt"
	"maps"
	"slices"

	sqlite3 "modernc.org/sqlite/lib"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/condition"
	"headway/services/importer/internal/target/sqlite/sqlitedirect"
)

// prepareUnique creates the unique indexes of the schema, and drops those that the schema no longer has. Those of a table that was
// created are created again by fillIndexes, unless a foreign key needs them earlier.
func (tx *transaction) prepareUnique(ctx context.Context, sheet *schema.Sheet, have shape, created bool) error {
	for _, column := range sheet.Columns {
		if !column.Unique || len(sheet.Key) == 1 && sheet.Key[0] == column.Name {
			continue
		}
		found := false
		for index, of := range have.ours {
			if of == fold(column.Name) {
				delete(have.ours, index)
				found = true
			}
		}
		if found || slices.ContainsFunc(have.unique, func(set []string) bool { return slices.Equal(set, []string{fold(column.Name)}) }) {
			continue // or another program has created one
		}
		within, err := tx.scoped(sheet, &have, folded([]string{column.Name}))
		switch {
		case err != nil:
			return err
		case len(within) > 0:
			continue
		case have.key != nil && len(have.key.scope) > 0:
			return conflict(sheet, "%s", condition.NeedsIndex(sheet.Table, column.Name, slices.Sorted(maps.Keys(have.key.scope)), name))
		}
		index, err := tx.freeIndexName(ctx, uniqueIndex(sheet.Table, column.Name))
		if err != nil {
			return err
		}
		statement := fmt.Sprintf(`CREATE UNIQUE INDEX %s ON %s (%s)`, name(index), name(sheet.Table), name(column.Name))
		err = tx.change(ctx, imports.MakeUnique(sheet.Table, column.Name, statement))
		if err == nil && created && !tx.migrates && !tx.enforced {
			err = tx.exec(ctx, `DROP INDEX `+name(index))
			tx.later = append(tx.later, laterIndex{index, statement})
		}
		if resultCode(err) == sqlite3.SQLITE_CONSTRAINT {
			return conflict(sheet, "its column %s has duplicate values, but must be unique in the schema", column.Name)
		}
		if permanent(err) {
			return conflict(sheet, "its column %s can't get a unique index: %v", column.Name, err)
		}
		if err != nil {
			return fmt.Errorf("index %s.%s: %w", sheet.Table, column.Name, err)
		}
	}
	for _, index := range slices.Sorted(maps.Keys(have.ours)) {
		err := tx.change(ctx, imports.AllowDuplicates(sheet.Table, have.ours[index], `DROP INDEX `+name(index)))
		if err != nil {
			return fmt.Errorf("drop the index %s: %w", index, err)
		}
	}
	return nil
}

// laterIndex is an index that fillIndexes creates.
type laterIndex struct{ name, statement string }

// fillIndexes creates the unique indexes of the tables that the run has created. From sorted values, it takes a fraction of the time
// of adding each value to the index with its row. All values were compared before.
func (tx *transaction) fillIndexes(ctx context.Context) error {
	if len(tx.later) > 0 {
		tx.run.Does("Building indexes")
	}
	for _, index := range tx.later {
		if err := tx.exec(ctx, index.statement); err != nil {
			return fmt.Errorf("create a unique index: %w", err)
		}
	}
	tx.later = nil
	return nil
}

// freeIndexName returns the name. If another table has an index with this name, it adds a number: different names of
// tables and columns can have the same concatenation.
func (tx *transaction) freeIndexName(ctx context.Context, wanted string) (string, error) {
	for n, candidate := 2, wanted; ; n++ {
		taken := slices.ContainsFunc(tx.later, func(l laterIndex) bool { return sameName(l.name, candidate) })
		err := tx.query(ctx, `SELECT 1 FROM sqlite_schema WHERE name = ? COLLATE NOCASE`, []any{candidate}, func(*sqlitedirect.Stmt) { taken = true })
		if err != nil {
			return "", fmt.Errorf("look for the index %s: %w", candidate, err)
		}
		if !taken {
			return candidate, nil
		}
		candidate = fmt.Sprintf("%s_%d", wanted, n)
	}
}
