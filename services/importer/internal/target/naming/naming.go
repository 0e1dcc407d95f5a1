// Package naming lets a target work with the names that tables and columns have in the database, and the rest of the importer with
// those of the schema.
package naming

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// Config describes the names of a kind of database.
type Config struct {
	// Plain means that the target gets the names of tables without quotation marks, and that tables have no schema.
	Plain bool
}

// Target returns a target that gets schemas with the names of the database. If a schema has no other names, nothing is
// between the run and the target.
func Target(of imports.Target, c Config) imports.Target { return &target{of, c} }

type target struct {
	imports.Target
	config Config
}

// Begin implements imports.Target.
func (t *target) Begin(ctx context.Context, run imports.Run, waiting func(int)) (imports.TargetTx, error) {
	if !t.config.differs(run.Schema) {
		return t.Target.Begin(ctx, run, waiting)
	}
	tx := &transaction{schema: run.Schema}
	var err error
	if run.Schema, err = t.config.stored(run.Schema); err != nil {
		return nil, err
	}
	tx.stored = run.Schema
	if tx.TargetTx, err = t.Target.Begin(ctx, run, waiting); err != nil {
		return nil, err
	}
	return tx, nil
}

// Plan implements imports.Target.
func (t *target) Plan(ctx context.Context, of *schema.Schema) ([]imports.Change, error) {
	stored, err := t.config.stored(of)
	if err != nil {
		return nil, err
	}
	return t.Target.Plan(ctx, stored)
}

// Migrate implements imports.Target.
func (t *target) Migrate(ctx context.Context, of *schema.Schema, plan []imports.Change) error {
	stored, err := t.config.stored(of)
	if err != nil {
		return err
	}
	return t.Target.Migrate(ctx, stored, plan)
}

// differs reports whether a schema has names that are not those of the database.
func (c Config) differs(s *schema.Schema) bool {
	return slices.ContainsFunc(s.Sheets, func(sheet *schema.Sheet) bool {
		name := sheet.TableName()
		return c.Plain && (name.Schema != "" || name.Name != sheet.Table) || slices.ContainsFunc(sheet.Columns, func(c *schema.Column) bool { return c.Stored() != c.Name })
	})
}

// stored returns the schema with the names of the database.
func (c Config) stored(s *schema.Schema) (*schema.Schema, error) {
	all := *s
	all.Sheets = make([]*schema.Sheet, len(s.Sheets))
	for i, sheet := range s.Sheets {
		copied := *sheet
		all.Sheets[i] = &copied
		if c.Plain {
			name := sheet.TableName()
			if name.Schema != "" && name.Schema != "main" {
				return nil, &imports.TableConflictError{Table: sheet.Table, Detail: "this database has no schemas. Delete the part before the dot in the schema"}
			}
			copied.Table = name.Name
			if sheet.RenamedFrom != "" {
				copied.RenamedFrom = (&schema.Sheet{Table: sheet.RenamedFrom}).TableName().Name
			}
		}
		copied.Key = make([]string, len(sheet.Key))
		for i, k := range sheet.Key {
			copied.Key[i] = storedName(sheet, k)
		}
		copied.Columns = make([]*schema.Column, len(sheet.Columns))
		for i, column := range sheet.Columns {
			renamed := *column
			renamed.Name = column.Stored()
			if r := column.References; r != nil {
				renamed.References = &schema.Reference{Sheet: r.Sheet, Column: storedName(s.Sheet(r.Sheet), r.Column)}
			}
			copied.Columns[i] = &renamed
		}
	}
	return &all, nil
}

// storedName returns the name that a column of the schema has in the database.
func storedName(of *schema.Sheet, column string) string {
	c, _ := of.Column(column)
	if c == nil {
		return column
	}
	return c.Stored()
}

// transaction translates the names of a transaction.
type transaction struct {
	imports.TargetTx
	// schema has the names of the run, and stored those of the database.
	schema, stored *schema.Schema
}

// Table implements imports.TargetTx.
func (tx *transaction) Table(ctx context.Context, _ *schema.Schema, sheet *schema.Sheet, columns []*schema.Column) (imports.Table, error) {
	stored := tx.stored.Sheet(sheet.Name)
	given := make([]*schema.Column, len(columns))
	for i, c := range columns {
		at := slices.Index(sheet.Columns, c)
		if at < 0 {
			return nil, fmt.Errorf("the sheet %s does not have the column %s", sheet.Name, c.Name)
		}
		given[i] = stored.Columns[at]
	}
	t, err := tx.TargetTx.Table(ctx, tx.stored, stored, given)
	if err != nil {
		return nil, err
	}
	return &table{Table: t, tx: tx, sheet: sheet, columns: columns}, nil
}

// Check implements imports.TargetTx.
func (tx *transaction) Check(ctx context.Context, sheets map[string]imports.Counts) ([]imports.Dangling, error) {
	all, err := tx.TargetTx.Check(ctx, sheets)
	for i := range all {
		all[i].Column = tx.name(all[i].Sheet, all[i].Column)
	}
	return all, tx.translated(err)
}

// Commit implements imports.TargetTx.
func (tx *transaction) Commit(ctx context.Context, sheets map[string]imports.Counts) error {
	return tx.translated(tx.TargetTx.Commit(ctx, sheets))
}

// name returns the schema's name of a column of the database.
func (tx *transaction) name(sheet, column string) string {
	stored := tx.stored.Sheet(sheet)
	if stored == nil || column == "" {
		return column
	}
	_, i := stored.Column(column)
	if i < 0 {
		return column
	}
	return tx.schema.Sheet(sheet).Columns[i].Name
}

// translated replaces the names in refusals.
func (tx *transaction) translated(err error) error {
	var refused *imports.RefusedRowsError
	if errors.As(err, &refused) {
		for i := range refused.Rows {
			refused.Rows[i].Column = tx.name(refused.Rows[i].Sheet, refused.Rows[i].Column)
		}
	}
	return err
}

// table translates the names of a table.
type table struct {
	imports.Table
	tx      *transaction
	sheet   *schema.Sheet
	columns []*schema.Column
	bounded []*schema.Column
}

// Columns implements imports.Table.
func (t *table) Columns() []*schema.Column {
	if t.bounded == nil {
		for i, c := range t.Table.Columns() {
			named := *c
			named.Name, named.References = t.columns[i].Name, t.columns[i].References
			t.bounded = append(t.bounded, &named)
		}
	}
	return t.bounded
}

// Owners implements imports.Table.
func (t *table) Owners(ctx context.Context, column string, values []imports.Value) ([][]imports.Value, error) {
	return t.Table.Owners(ctx, storedName(t.sheet, column), values)
}

// Values implements imports.Table.
func (t *table) Values(ctx context.Context, column string, each func(imports.Value) error) error {
	return t.Table.Values(ctx, storedName(t.sheet, column), each)
}

// Insert implements imports.Table.
func (t *table) Insert(ctx context.Context, rows [][]imports.Value) error {
	return t.tx.translated(t.Table.Insert(ctx, rows))
}

// Update implements imports.Table.
func (t *table) Update(ctx context.Context, rows [][]imports.Value) error {
	return t.tx.translated(t.Table.Update(ctx, rows))
}
