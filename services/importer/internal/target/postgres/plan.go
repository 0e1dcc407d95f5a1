package postgres

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/condition"
)

// plan are the changes of a table that its schema needs. They are made at the commit.
type plan struct {
	// create means that there is no table.
	create bool
	// first are statements that come before the rows, and last are those that come after them.
	first, last []string
	// added are the columns that the table lacks.
	added map[string]bool
}

// any reports whether the table is changed.
func (p *plan) any() bool { return len(p.first)+len(p.last) > 0 }

// change describes the plan. It returns nil if the table is not changed.
func (p *plan) change(sheet *schema.Sheet) *imports.Change {
	c := &imports.Change{Table: sheet.Table, Kind: imports.Create, Detail: "create the table", Statements: slices.Concat(p.first, p.last)}
	switch {
	case !p.any():
		return nil
	case p.create:
		return c
	}
	changed := imports.ChangeIndexes(sheet.Table, c.Statements...)
	if added := slices.Sorted(maps.Keys(p.added)); len(added) > 0 {
		changed = imports.AddColumns(sheet.Table, added, c.Statements...)
	}
	return &changed
}

// planTable finds out what the sheet's table needs. r is nil if there is no table. owned means that Headway has created or
// changed the table.
func (tx *transaction) planTable(ctx context.Context, of *schema.Schema, sheet *schema.Sheet, r *relation, owned bool) (*plan, error) {
	conflict := func(format string, args ...any) error {
		return &imports.TableConflictError{Table: sheet.Table, Detail: fmt.Sprintf(format, args...)}
	}
	if other, err := tx.otherSheet(ctx, sheet.TableName(), r); err != nil {
		return nil, err
	} else if other != nil {
		return nil, conflict("the sheet “%s” fills it too, under the name %s. Each sheet needs its own table", other.Title, other.Table)
	}
	if err := tx.checkSequences(ctx, sheet); err != nil {
		return nil, err
	}
	p := &plan{added: map[string]bool{}}
	if r == nil {
		p.creates(of, sheet)
		return p, nil
	}
	if !r.isTable() {
		return nil, conflict("it is not a table. Rename it, or the table in the schema")
	}
	known := map[string]bool{}
	for _, column := range sheet.Columns {
		known[column.Name] = true
		is := r.columns[column.Name]
		switch {
		case is == nil && slices.Contains(sheet.Key, column.Name):
			return nil, conflict("it lacks the key column %s", column.Name)
		case is == nil:
			p.added[column.Name] = true
			p.first = append(p.first, fmt.Sprintf(`ALTER TABLE %s ADD COLUMN %s %s`, tableName(sheet.Table), name(column.Name), storedType(column)))
			p.addReference(of, sheet, column)
		case is.computed:
			return nil, conflict("its column %s is computed, so it can't be imported. Delete the column from the schema or from the table", column.Name)
		case is.always && !slices.Contains(sheet.Key, column.Name):
			return nil, conflict("its column %s is GENERATED ALWAYS AS IDENTITY, so it can't be imported. Delete the column from the schema", column.Name)
		case is.family == moments && column.Type == schema.DateTime && column.Zone == "":
			return nil, conflict("its column %s is of type %s, and the schema does not have the time zone of the cells. Add it, for example zone: Europe/Berlin", column.Name, is.declared)
		case is.family == unknown && strings.HasSuffix(is.declared, "[]"):
			return nil, conflict("its column %s is an array (%s), which a cell can't fill. Delete the column from the schema", column.Name, is.declared)
		case !is.family.holds(column.Type) && tx.resolutionOf(of, sheet, column) == nil:
			return nil, conflict("its column %s is of type %s, which can't hold the values of type %s that the schema has. A change could lose data", column.Name, is.declared, column.Type)
		case is.notNull && !column.Required && owned:
			return nil, conflict("its column %s must not be empty, but it can be empty in the schema", column.Name)
		}
	}
	for _, g := range sheet.Generated {
		known[g.Field] = true
		is := r.columns[g.Field]
		switch {
		case is == nil:
			p.added[g.Field] = true
			p.first = append(p.first, fmt.Sprintf(`ALTER TABLE %s ADD COLUMN %s %s`, tableName(sheet.Table), name(g.Field), generatedType(g)))
		case is.computed || is.always:
			return nil, conflict("its column %s is computed by the database. Delete the column from the schema", g.Field)
		case !is.generates(g):
			return nil, conflict("its column %s is of type %s, which can't hold the values that the schema generates", g.Field, is.declared)
		}
	}
	for _, extra := range slices.Sorted(maps.Keys(r.columns)) {
		if is := r.columns[extra]; !known[extra] && is.notNull && !is.filled && !is.computed && !r.fills {
			return nil, conflict("its column %s, which the schema does not know, must not be empty%s", extra, condition.CanBeConstant(schema.ExampleConstant(extra, familyTypes[is.family])))
		}
	}
	if !r.hasKey(sheet.Key) {
		var why string
		var err error
		if r.key, why, err = tx.partialKey(ctx, sheet, r); err != nil {
			return nil, err
		}
		if r.key == nil {
			return nil, conflict("its rows are not identified by %s%s", strings.Join(sheet.Key, ", "), why)
		}
	}
	return p, tx.planUnique(ctx, sheet, r, p, conflict)
}

// creates plans a new table. Its indexes are built when it has its rows, which is faster.
func (p *plan) creates(of *schema.Schema, sheet *schema.Sheet) {
	p.create = true
	var columns []string
	for _, c := range sheet.Columns {
		column := name(c.Name) + " " + storedType(c)
		if c.Required {
			column += " NOT NULL"
		}
		columns = append(columns, column)
	}
	for _, g := range sheet.Generated {
		columns = append(columns, fmt.Sprintf("%s %s NOT NULL DEFAULT %s", name(g.Field), generatedType(g), generate(g, nil)))
	}
	p.first = append(p.first, fmt.Sprintf("CREATE TABLE %s (%s)", tableName(sheet.Table), strings.Join(columns, ", ")))
	p.last = append(p.last, fmt.Sprintf("ALTER TABLE %s ADD PRIMARY KEY (%s)", tableName(sheet.Table), names(sheet.Key)))
	for _, c := range sheet.Columns {
		if isUnique(sheet, c) {
			p.addUnique(sheet, c)
		}
	}
	for _, c := range sheet.Columns {
		p.addReference(of, sheet, c)
	}
}

func (p *plan) addUnique(sheet *schema.Sheet, c *schema.Column) {
	p.last = append(p.last, fmt.Sprintf("CREATE UNIQUE INDEX %s ON %s (%s)", name(uniqueIndex(sheet.Table, c.Name)), tableName(sheet.Table), name(c.Name)))
}

// addReference plans a foreign key. It can be deferred, because a value and the rows that refer to it can change in the same
// run.
func (p *plan) addReference(of *schema.Schema, sheet *schema.Sheet, c *schema.Column) {
	if c.References == nil {
		return
	}
	p.last = append(p.last, addForeignKey(of, sheet, c))
}

// addForeignKey is a statement that adds the foreign key of a column with a reference.
func addForeignKey(of *schema.Schema, sheet *schema.Sheet, c *schema.Column) string {
	return fmt.Sprintf("ALTER TABLE %s ADD FOREIGN KEY (%s) REFERENCES %s (%s) DEFERRABLE", tableName(sheet.Table), name(c.Name),
		tableName(of.Sheet(c.References.Sheet).Table), name(c.References.Column))
}

// isUnique reports whether a column has its own unique index.
func isUnique(sheet *schema.Sheet, c *schema.Column) bool {
	return c.Unique && (len(sheet.Key) != 1 || sheet.Key[0] != c.Name)
}

// planUnique plans the unique indexes that the table lacks, and drops those of this package that the schema no longer has.
func (tx *transaction) planUnique(ctx context.Context, sheet *schema.Sheet, r *relation, p *plan, conflict func(string, ...any) error) error {
	wanted := map[string]bool{}
	for _, c := range sheet.Columns {
		if !isUnique(sheet, c) {
			continue
		}
		wanted[c.Name] = true
		if r.identifiedBy([]string{c.Name}) || len(r.scoped(sheet, []string{c.Name})) > 0 {
			continue
		}
		if r.key != nil && len(r.key.scope) > 0 {
			together := slices.Sorted(maps.Keys(r.key.scope))
			return conflict("%s", condition.NeedsIndex(sheet.Table, c.Name, together, name))
		}
		if !p.added[c.Name] {
			var twice bool
			err := tx.reader.QueryRow(ctx, fmt.Sprintf(`SELECT EXISTS (SELECT FROM %s WHERE %s IS NOT NULL GROUP BY %[2]s HAVING count(*) > 1)`,
				r.quoted, name(r.columns[c.Name].name))).Scan(&twice)
			if err != nil {
				return fmt.Errorf("look for duplicates in table %s: %w", sheet.Table, failed(ctx, err))
			}
			if twice {
				return conflict("its column %s has duplicate values, but must be unique in the schema", c.Name)
			}
		}
		p.addUnique(sheet, c)
	}
	for _, u := range r.unique {
		if strings.HasPrefix(u.index, uniquePrefix) && (len(u.columns) != 1 || !wanted[u.columns[0]]) {
			p.first = append(p.first, "DROP INDEX "+u.quoted)
		}
	}
	return nil
}

// checkOwner checks that no other schema has created or changed the table, under whichever name, and reports whether this one
// has. Two schemas with one table would change its rules in turn.
func (tx *transaction) checkOwner(ctx context.Context, table string) (owned bool, err error) {
	if tx.unprepared {
		return false, nil
	}
	var owner string
	err = tx.reader.QueryRow(ctx, `SELECT coalesce((SELECT schema FROM headway_tables
		WHERE name = $1 OR to_regclass(name) = to_regclass($2) ORDER BY schema = $3 LIMIT 1), '')`, table, tableName(table), tx.run.Schema.Name).Scan(&owner)
	if err != nil {
		return false, fmt.Errorf("look for the schema of table %s: %w", table, failed(ctx, err))
	}
	if owner != "" && owner != tx.run.Schema.Name {
		return false, &imports.TableConflictError{Table: table, Detail: fmt.Sprintf("the schema %s uses it too. Rename the table in one of the two schemas, or delete its row of headway_tables", owner)}
	}
	return owner != "", nil
}

// otherSheet returns the sheet of an earlier table that is the same one, under another name. r is nil if there is no table.
func (tx *transaction) otherSheet(ctx context.Context, table schema.TableName, r *relation) (*schema.Sheet, error) {
	selected := ""
	for _, t := range tx.tables {
		other := t.sheet.TableName()
		switch {
		case r != nil && t.relation != nil:
			if r.oid == t.relation.oid {
				return t.sheet, nil
			}
		case r == nil && t.relation == nil && other.Name == table.Name:
			if selected == "" {
				if err := tx.reader.QueryRow(ctx, `SELECT coalesce(current_schema(), '')`).Scan(&selected); err != nil {
					return nil, fmt.Errorf("look for the selected schema: %w", failed(ctx, err))
				}
			}
			if cmp.Or(other.Schema, selected) == cmp.Or(table.Schema, selected) {
				return t.sheet, nil
			}
		}
	}
	return nil, nil
}
