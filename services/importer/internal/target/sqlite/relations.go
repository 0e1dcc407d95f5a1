package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/condition"
	"headway/services/importer/internal/target/sqlite/sqlitedirect"
)

// Relations returns the tables of the database at path in the order of their names. It doesn't change the database.
func Relations(ctx context.Context, path string) (_ []imports.Relation, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	conn, err := sqlitedirect.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	tx := &transaction{conn: conn}
	var tables []string
	err = tx.query(ctx, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'headway\_%' ESCAPE '\' ORDER BY name`, nil,
		func(row *sqlitedirect.Stmt) { tables = append(tables, row.Text(0)) })
	if err != nil {
		return nil, fmt.Errorf("read the tables: %w", err)
	}
	all := make([]imports.Relation, len(tables))
	for i, table := range tables {
		if all[i], err = tx.describe(ctx, table); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// describe returns SQLite's description of a table in the form that all databases have.
func (tx *transaction) describe(ctx context.Context, table string) (imports.Relation, error) {
	r := imports.Relation{Name: schema.TableName{Name: table}}
	have, err := tx.readShape(ctx, table)
	if err != nil {
		return r, err
	}
	stored := map[string]string{} // the names as they are written
	var rowID string
	err = tx.query(ctx, `SELECT name, upper(type), "notnull", dflt_value IS NOT NULL, pk, hidden IN (2, 3), lower(name) FROM pragma_table_xinfo(?) WHERE hidden <> 1`, []any{table},
		func(row *sqlitedirect.Stmt) {
			c := imports.RelationColumn{Name: row.Text(0), Declared: row.Text(1), NotNull: row.Int(2) != 0 || row.Int(4) > 0, HasDefault: row.Int(3) != 0, Computed: row.Int(5) != 0}
			c.Type = declaredType(c.Declared)
			if c.Type != "" && !have.columns[row.Text(6)].holds(&schema.Column{Type: c.Type}) {
				c.Type = ""
			}
			if c.Type == schema.Text {
				c.MaxLength = digits(c.Declared, 0)
			}
			if row.Int(4) == 1 && c.Declared == "INTEGER" {
				rowID = c.Name
			}
			stored[row.Text(6)] = c.Name
			r.Columns = append(r.Columns, c)
		})
	if err != nil {
		return r, fmt.Errorf("read the columns of %s: %w", table, err)
	}
	alone, err := tx.uniqueAlone(ctx, table)
	if err != nil {
		return r, err
	}
	err = tx.query(ctx, `SELECT lower(f."from"), p.name, c.name, (SELECT count(*) FROM pragma_foreign_key_list(?1) o WHERE o.id = f.id) AS columns FROM pragma_foreign_key_list(?1) f
		JOIN sqlite_schema p ON p.type = 'table' AND p.name = f."table" COLLATE NOCASE
		JOIN pragma_table_info(p.name) c ON CASE WHEN f."to" IS NULL THEN c.pk = f.seq + 1 ELSE c.name = f."to" COLLATE NOCASE END
		ORDER BY columns DESC`, []any{table},
		func(row *sqlitedirect.Stmt) {
			if row.Int(3) > 1 && !slices.Contains(alone[row.Text(1)], fold(row.Text(2))) {
				return
			}
			r.Column(stored[row.Text(0)]).Parent = &imports.RelationParent{Table: schema.TableName{Name: row.Text(1)}, Column: row.Text(2)}
		})
	if err != nil {
		return r, fmt.Errorf("read the foreign keys of %s: %w", table, err)
	}
	for i, set := range have.unique {
		key := imports.RelationKey{Primary: i == 0}
		exact := len(set) > 0
		for _, column := range set {
			exact = exact && !have.refuses(column)
			key.Columns = append(key.Columns, stored[column])
		}
		if !exact {
			continue
		}
		if key.Primary && len(set) == 1 && key.Columns[0] == rowID {
			r.Column(rowID).Generated = true // it is the row's number
		}
		r.Keys = append(r.Keys, key)
	}
	return r, tx.describePartial(ctx, &r, have, stored)
}

// uniqueAlone returns, by name, the columns of the parents of a table that identify a row alone.
func (tx *transaction) uniqueAlone(ctx context.Context, table string) (map[string][]string, error) {
	var parents []string
	err := tx.query(ctx, `SELECT DISTINCT p.name FROM pragma_foreign_key_list(?) f JOIN sqlite_schema p ON p.type = 'table' AND p.name = f."table" COLLATE NOCASE`, []any{table},
		func(row *sqlitedirect.Stmt) { parents = append(parents, row.Text(0)) })
	if err != nil {
		return nil, fmt.Errorf("read the foreign keys of %s: %w", table, err)
	}
	alone := map[string][]string{}
	for _, parent := range parents {
		have, err := tx.readShape(ctx, parent)
		if err != nil {
			return nil, err
		}
		for _, set := range have.unique {
			if len(set) == 1 {
				alone[parent] = append(alone[parent], set[0])
			}
		}
	}
	return alone, nil
}

// describePartial adds the unique indexes that identify a row among those with a condition, if it is true for new rows.
func (tx *transaction) describePartial(ctx context.Context, r *imports.Relation, have shape, stored map[string]string) error {
	for i := range have.partial {
		p := &have.partial[i]
		holds, err := tx.holdsForNew(ctx, &have, p)
		if err != nil {
			return fmt.Errorf("read the indexes of %s: %w", r.Name, err)
		}
		filled := condition.IsFilled(p.condition, p.columns, have.known)
		if !holds && !filled || slices.ContainsFunc(p.columns, have.refuses) {
			continue
		}
		var key imports.RelationKey
		for _, column := range p.columns {
			key.Columns = append(key.Columns, stored[column])
		}
		if !filled {
			key.Condition = p.condition
			for _, column := range p.conditional {
				key.Conditional = append(key.Conditional, stored[column])
			}
		}
		r.Keys = append(r.Keys, key)
	}
	return nil
}

// declaredType returns the type of a schema whose values a column is meant to have, by the words that applications use in
// declarations. SQLite itself only has affinities.
func declaredType(declared string) schema.Type {
	for _, t := range []struct {
		words []string
		of    schema.Type
	}{
		{[]string{"BOOL"}, schema.Boolean},
		{[]string{"CHAR", "CLOB", "TEXT", "UUID", "JSON", "ENUM"}, schema.Text},
		{[]string{"DATETIME", "TIMESTAMP"}, schema.DateTime},
		{[]string{"DATE"}, schema.Date},
		{[]string{"TIME"}, schema.Time},
		{[]string{"DEC", "NUMERIC", "REAL", "FLOA", "DOUBLE", "MONEY"}, schema.Decimal},
		{[]string{"INT"}, schema.Integer},
	} {
		for _, word := range t.words {
			if strings.Contains(declared, word) {
				return t.of
			}
		}
	}
	return ""
}
