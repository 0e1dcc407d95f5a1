package sqlite

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/condition"
	"headway/services/importer/internal/target/sqlite/sqlitedirect"
)

// shape describes a table in the database.
type shape struct {
	columns map[string]columnShape
	// unique are the sets of columns that identify a row, sorted: the primary key and the unique indexes.
	unique [][]string
	// partial are the unique indexes with conditions. key is the one that is the key of the sheet, or nil if its key identifies all rows.
	partial []partialKey
	key     *partialKey
	// ours are the unique indexes that this package created, by name, with their column.
	ours map[string]string
	// resolved are the columns that refer to a row by a value other than the one that is stored.
	resolved map[string]*resolution
	// collations are the collations of columns in unique indexes that do not compare texts exactly.
	collations map[string]string
}

type columnShape struct {
	// name is the column as it is written.
	name     string
	affinity string
	// precision and scale are the digits of a declared type such as DECIMAL(10, 2), and those after the point. They are 0 if the
	// type has none.
	precision, scale int
	notNull          bool
	hasDefault       bool
	// initial is the expression of its default.
	initial  string
	computed bool
}

// prepareTable creates the sheet's table, or adds missing columns to it. It creates all columns of the schema, even
// those that this workbook does not have.
func (tx *transaction) prepareTable(ctx context.Context, sheet *schema.Sheet, parent func(schema.Reference) (string, string)) error {
	if other := tx.claimed[fold(sheet.Table)]; other != nil {
		return conflict(sheet, "the sheet “%s” fills it too, under the name %s: SQLite ignores case. Each sheet needs its own table", other.Title, other.Table)
	}
	if tx.claimed == nil {
		tx.claimed = map[string]*schema.Sheet{}
	}
	tx.claimed[fold(sheet.Table)] = sheet
	if err := tx.checkOwner(ctx, sheet.Table); err != nil {
		return err
	}
	var kind string
	created := false
	err := tx.query(ctx, `SELECT type FROM sqlite_schema WHERE name = ? COLLATE NOCASE AND type IN ('table','view')`, []any{sheet.Table},
		func(row *sqlitedirect.Stmt) { kind = row.Text(0) })
	switch {
	case err != nil:
		return fmt.Errorf("look for table %s: %w", sheet.Table, err)
	case kind == "":
		renamed, err := tx.renameTable(ctx, sheet)
		if err == nil && !renamed {
			created, err = true, tx.newTable(ctx, sheet, parent)
		}
		if err != nil {
			return err
		}
	case kind != "table":
		return conflict(sheet, "it is a %s. Rename it, or rename the table in the schema", kind)
	}
	have, err := tx.readShape(ctx, sheet.Table)
	if err != nil {
		return err
	}
	renamed, err := tx.renameColumns(ctx, sheet, have)
	if err != nil {
		return err
	}
	if renamed {
		if have, err = tx.readShape(ctx, sheet.Table); err != nil {
			return err
		}
	}
	if err := tx.addColumns(ctx, sheet, have, parent); err != nil {
		return err
	}
	if have.resolved, err = tx.resolutions(ctx, sheet, parent); err != nil {
		return err
	}
	partial, err := tx.choosePartialKey(ctx, sheet, &have)
	if err != nil {
		return err
	}
	if why := have.differences(sheet, partial); len(why) > 0 {
		if err := tx.rebuild(ctx, sheet, have, why, parent); err != nil {
			return err
		}
		if have, err = tx.readShape(ctx, sheet.Table); err != nil {
			return err
		}
	}
	return tx.prepareUnique(ctx, sheet, have, created)
}

// conflict is the reason why a table can't be filled. Errors of SQLite are shown by their own messages.
func conflict(sheet *schema.Sheet, format string, args ...any) error {
	for i, arg := range args {
		if err, failed := arg.(error); failed {
			args[i] = sqliteMessage(err)
		}
	}
	return &imports.TableConflictError{Table: sheet.Table, Detail: fmt.Sprintf(format, args...)}
}

// newTable creates the sheet's table.
func (tx *transaction) newTable(ctx context.Context, sheet *schema.Sheet, parent func(schema.Reference) (string, string)) error {
	err := tx.change(ctx, imports.Change{Table: sheet.Table, Kind: imports.Create, Detail: "create the table", Statements: []string{createTable(sheet, parent)}})
	if permanent(err) {
		return conflict(sheet, "it can't be created: %v", err)
	}
	if err != nil {
		return fmt.Errorf("create table %s: %w", sheet.Table, err)
	}
	return nil
}

// addColumns adds the columns that the table lacks, and returns a conflict for those that can't be filled.
func (tx *transaction) addColumns(ctx context.Context, sheet *schema.Sheet, have shape, parent func(schema.Reference) (string, string)) error {
	add := func(column, definition string) error {
		err := tx.change(ctx, imports.AddColumns(sheet.Table, []string{column},
			fmt.Sprintf(`ALTER TABLE %s ADD COLUMN %s %s`, name(sheet.Table), name(column), definition)))
		if permanent(err) {
			return conflict(sheet, "it can't get the column %s: %v", column, err)
		}
		if err != nil {
			return fmt.Errorf("extend table %s: %w", sheet.Table, err)
		}
		if tx.added == nil {
			tx.added = map[string][]string{}
		}
		tx.added[sheet.Name] = append(tx.added[sheet.Name], column)
		return nil
	}
	for _, column := range sheet.Columns {
		is, ok := have.columns[fold(column.Name)]
		switch {
		case is.computed:
			return conflict(sheet, "its column %s is computed, so it can't be imported. Delete the column from the schema or from the table", column.Name)
		case !ok && slices.Contains(sheet.Key, column.Name):
			return conflict(sheet, "it lacks the key column %s", column.Name)
		case !ok:
			if err := add(column.Name, storageType(column)+references(column, parent)); err != nil {
				return err
			}
		}
		if have.refuses(column.Name) && (column.Unique || slices.Contains(sheet.Key, column.Name)) {
			return conflict(sheet, "its column %s compares texts by the collation %s, but Headway compares keys and unique values exactly, or by NOCASE", column.Name, have.collations[fold(column.Name)])
		}
	}
	for _, g := range sheet.Generated {
		is, ok := have.columns[fold(g.Field)]
		switch want := generatedType(g); {
		case is.computed:
			return conflict(sheet, "its column %s is computed by the database. Delete the column from the schema", g.Field)
		case !ok:
			if err := add(g.Field, want); err != nil {
				return err
			}
		case !is.holds(&schema.Column{Type: g.Type}):
			return conflict(sheet, "its column %s has the type %s, but the schema needs %s", g.Field, is.affinity, want)
		}
	}
	return nil
}

// hasKey reports whether columns, sorted, are a key of the table. A unique index that this package created doesn't count: it is dropped
// when the column becomes the key of the schema.
func (have shape) hasKey(columns []string) bool {
	own := slices.Collect(maps.Values(have.ours))
	for i, unique := range have.unique { // the primary key first
		if slices.Equal(unique, columns) && (i == 0 || len(unique) != 1 || !slices.Contains(own, unique[0])) {
			return true
		}
	}
	return false
}

// differences returns how a table differs from its schema. Only a new table can be without them. partial is why a unique index with a
// condition is not the key.
func (have shape) differences(sheet *schema.Sheet, partial string) (why []string) {
	for _, column := range sheet.Columns {
		is, ok := have.columns[fold(column.Name)]
		if !ok {
			continue
		}
		if want := storageType(column); !is.holds(column) && have.resolved[column.Name] == nil {
			why = append(why, fmt.Sprintf("its column %s has the type %s, but the schema needs %s", column.Name, is.affinity, want))
		}
		if is.notNull && !column.Required && !is.hasDefault { // a file without the column gets the default
			why = append(why, fmt.Sprintf("its column %s must not be empty, but it can be empty in the schema", column.Name))
		}
	}
	for _, extra := range slices.Sorted(maps.Keys(have.columns)) {
		is := have.columns[extra]
		known := columnOf(sheet, extra) != "" || slices.ContainsFunc(sheet.Generated, func(g *schema.Generated) bool { return sameName(g.Field, extra) })
		if !known && is.notNull && !is.hasDefault {
			why = append(why, fmt.Sprintf("its column %s must not be empty, but is not in the schema%s", is.name, condition.CanBeConstant(schema.ExampleConstant(is.name, is.example()))))
		}
	}
	if have.key == nil && !have.hasKey(folded(sheet.Key)) {
		why = append(why, "its rows are not identified by "+strings.Join(sheet.Key, ", ")+partial)
	}
	return why
}

// checkOwner checks that no other schema has created or changed the table. Two schemas with one table would change its rules in
// turn.
func (tx *transaction) checkOwner(ctx context.Context, table string) error {
	owner := tx.run.Schema.Name
	err := tx.query(ctx, `SELECT schema FROM headway_tables WHERE name = ?`, []any{table}, func(row *sqlitedirect.Stmt) { owner = row.Text(0) })
	if err != nil {
		return fmt.Errorf("look for the schema of table %s: %w", table, err)
	}
	if owner != tx.run.Schema.Name {
		return &imports.TableConflictError{Table: table, Detail: fmt.Sprintf("the schema %s uses it too. Rename the table in one of the two schemas, or delete its row of headway_tables", owner)}
	}
	return nil
}

// noCase is the collation that ignores the case of the letters A to Z.
const noCase = "NOCASE"

// refuses reports whether unique indexes of a column compare texts in a way that the run can't.
func (have shape) refuses(column string) bool {
	collation := have.collations[fold(column)]
	return collation != "" && collation != noCase
}

// collated adds the collation of the unique indexes of a column to an expression of the column.
func (have shape) collated(column, expression string) string {
	if have.collations[fold(column)] == noCase {
		return expression + " COLLATE " + noCase
	}
	return expression
}

const indexPrefix = "headway_unique_"

func uniqueIndex(table, column string) string {
	return fold(indexPrefix + table + "_" + column)
}

func (tx *transaction) readShape(ctx context.Context, table string) (shape, error) {
	have := shape{columns: map[string]columnShape{}, ours: map[string]string{}, collations: map[string]string{}}
	var primary []string
	numbered := ""
	err := tx.query(ctx, `SELECT lower(name), upper(type), "notnull", dflt_value IS NOT NULL, pk, hidden IN (2, 3), ifnull(dflt_value, ''),
		upper(type) = 'INTEGER' AND NOT (SELECT wr FROM pragma_table_list(?1) WHERE type = 'table' LIMIT 1), name FROM pragma_table_xinfo(?1)`, []any{table},
		func(row *sqlitedirect.Stmt) {
			column := row.Text(0)
			have.columns[column] = columnShape{name: row.Text(8), affinity: affinity(row.Text(1)), precision: digits(row.Text(1), 0), scale: digits(row.Text(1), 1), notNull: row.Int(2) != 0, hasDefault: row.Int(3) != 0, computed: row.Int(5) != 0, initial: row.Text(6)}
			if row.Int(4) > 0 {
				primary = append(primary, column)
				if row.Int(7) != 0 {
					numbered = column
				}
			}
		})
	if err != nil {
		return have, fmt.Errorf("read the columns of %s: %w", table, err)
	}
	if is := have.columns[numbered]; len(primary) == 1 && numbered != "" {
		is.hasDefault = true // it is the number of the row
		have.columns[numbered] = is
	}
	slices.Sort(primary)
	have.unique = append(have.unique, primary)
	err = tx.query(ctx, `SELECT l.name, group_concat(lower(i.name), char(31)) FROM pragma_index_list(?) l, pragma_index_info(l.name) i
		WHERE l."unique" AND NOT l.partial GROUP BY l.name HAVING count(*) = count(i.name)`, []any{table},
		func(row *sqlitedirect.Stmt) {
			if index := row.Text(0); strings.HasPrefix(index, indexPrefix) {
				have.ours[index] = row.Text(1)
			}
			set := strings.Split(row.Text(1), "\x1f") // not part of a name
			slices.Sort(set)
			have.unique = append(have.unique, set)
		})
	if err != nil {
		return have, fmt.Errorf("read the indexes of %s: %w", table, err)
	}
	err = tx.query(ctx, `SELECT lower(i.name), i.coll FROM pragma_index_list(?) l, pragma_index_xinfo(l.name) i
		WHERE l."unique" AND i.key AND i.name IS NOT NULL AND i.coll <> 'BINARY'`, []any{table},
		func(row *sqlitedirect.Stmt) { have.collations[row.Text(0)] = strings.ToUpper(row.Text(1)) })
	if err != nil {
		return have, fmt.Errorf("read the collations of %s: %w", table, err)
	}
	return have, tx.readPartial(ctx, table, &have)
}

// createTable is a statement that creates the sheet's table. extra are definitions of further columns.
func createTable(sheet *schema.Sheet, parent func(schema.Reference) (string, string), extra ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (\n", name(sheet.Table))
	for _, column := range sheet.Columns {
		fmt.Fprintf(&b, "\t%s %s", name(column.Name), storageType(column))
		if column.Required {
			b.WriteString(" NOT NULL")
		}
		b.WriteString(references(column, parent) + ",\n")
	}
	for _, g := range sheet.Generated {
		fmt.Fprintf(&b, "\t%s %s NOT NULL,\n", name(g.Field), generatedType(g))
	}
	for _, definition := range extra {
		fmt.Fprintf(&b, "\t%s,\n", definition)
	}
	fmt.Fprintf(&b, "\tPRIMARY KEY (%s)\n) STRICT", names(sheet.Key))
	return b.String()
}

func references(column *schema.Column, parent func(schema.Reference) (string, string)) string {
	if column.References == nil {
		return ""
	}
	table, key := parent(*column.References)
	return fmt.Sprintf(" REFERENCES %s (%s)", name(table), name(key))
}

func storageType(column *schema.Column) string {
	if column.Type == schema.Integer || column.Type == schema.Boolean {
		return "INTEGER"
	}
	return "TEXT"
}

// fold returns the form in which SQLite compares names: it ignores the case of ASCII letters only.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

// sameName reports whether two names are the same for SQLite.
func sameName(a, b string) bool { return fold(a) == fold(b) }

// name quotes an identifier.
func name(identifier string) string {
	return `"` + strings.ReplaceAll(identifier, `"`, `""`) + `"`
}

func names(identifiers []string) string {
	quoted := make([]string, len(identifiers))
	for i, id := range identifiers {
		quoted[i] = name(id)
	}
	return strings.Join(quoted, ", ")
}
