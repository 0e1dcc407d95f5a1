package postgres

import (
	"context"
	"errors"
	"fmt"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// Check implements imports.TargetTx. It asks the database which of the collected rows break its rules, without writing them.
// Only tables with rules that can't be checked in advance, such as triggers, are written. The commit keeps what was written then.
func (tx *transaction) Check(ctx context.Context, sheets map[string]imports.Counts) (dangling []imports.Dangling, err error) {
	if err := tx.endCopy(); err != nil {
		return nil, err
	}
	tries := false
	var refused []imports.RefusedRow
	for _, t := range tx.tables {
		if c, counted := sheets[t.sheet.Name]; counted && (t.inserts != int64(c.Inserted) || t.updates != int64(c.Updated)) {
			return nil, &imports.TableConflictError{Table: t.sheet.Table,
				Detail: fmt.Sprintf("%d new and %d changed rows were collected for it, but %d and %d were counted", t.inserts, t.updates, c.Inserted, c.Updated)}
		}
		if !t.staged() {
			continue
		}
		unknown, err := tx.asking(func() error {
			more, err := t.brokenRules(ctx)
			refused = append(refused, more...)
			return err
		})
		if err != nil {
			return nil, err
		}
		tries = tries || unknown || t.relation.triggers
	}
	keys, err := tx.foreignKeys(ctx)
	if err != nil {
		return nil, err
	}
	if len(keys) > 0 {
		tx.run.Does("Checking references")
	}
	for i := range keys {
		unknown, err := tx.asking(func() error {
			missing, rows, err := tx.brokenReferences(ctx, &keys[i])
			if err != nil {
				return err
			}
			replaced, err := tx.replaced(ctx, &keys[i])
			dangling, refused = append(append(dangling, missing...), replaced...), append(refused, rows...)
			return err
		})
		if err != nil {
			return nil, err
		}
		tries = tries || unknown
	}
	if len(refused) > 0 {
		return dangling, &imports.RefusedRowsError{Rows: refused}
	}
	if len(dangling) > 0 || !tries {
		return dangling[:min(len(dangling), imports.MaxDangling)], nil
	}
	return nil, tx.write(ctx)
}

// errCannotAsk means that a rule can't be checked without writing the rows.
var errCannotAsk = errors.New("the rule can't be checked without writing the rows")

// asking runs queries about a rule. unknown means that only writing the rows shows which of them break it, for example because
// PostgreSQL refuses a query.
func (tx *transaction) asking(queries func() error) (unknown bool, err error) {
	if err := tx.exec(`SAVEPOINT headway_ask`); err != nil {
		return false, fmt.Errorf("check the tables: %w", err)
	}
	err = queries()
	if err != nil && !errors.Is(err, errCannotAsk) {
		return false, err
	}
	if err := tx.exec(`ROLLBACK TO SAVEPOINT headway_ask; RELEASE SAVEPOINT headway_ask`); err != nil {
		return false, fmt.Errorf("check the tables: %w", err)
	}
	return err != nil, nil
}

// checkFailed is the error of a query about a rule.
func (t *table) checkFailed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if permanent(err) {
		return fmt.Errorf("%w: %w", errCannotAsk, err)
	}
	return fmt.Errorf("check table %s: %w", t.sheet.Table, failed(ctx, err))
}

// staged reports whether a table that exists gets rows.
func (t *table) staged() bool { return t.stage != "" && !t.plan.create }

// column returns a column of the rows and its index, or nil and -1.
func (t *table) column(name string) (*schema.Column, int) {
	for i, c := range t.columns {
		if c.Name == name {
			return c, i
		}
	}
	return nil, -1
}
