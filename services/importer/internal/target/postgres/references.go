package postgres

import (
	"cmp"
	"context"
	"fmt"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// missingReferences plans the foreign keys that the columns of the table lack. An import doesn't need them.
func (m *migration) missingReferences(ctx context.Context) (plan []imports.Change, err error) {
	if m.relation == nil || !m.owned {
		return nil, nil
	}
	for _, c := range m.sheet.Columns {
		is := m.relation.columns[c.Name]
		if c.References == nil || is == nil || is.parent != (parentColumn{}) {
			continue
		}
		parent, fits, err := m.canRefer(ctx, c, is)
		if err != nil {
			return nil, err
		}
		if !fits {
			plan = append(plan, imports.Change{Table: m.sheet.Table, Kind: imports.Left, Detail: fmt.Sprintf("the column %s gets no foreign key to %s.%s, because its type is %s, and that of the other column is %s. "+
				"Imports check the reference themselves", c.Name, c.References.Sheet, c.References.Column, is.declared, parent)})
			continue
		}
		broken, err := m.breaks(ctx, c)
		if err != nil {
			return nil, err
		}
		change := imports.Change{Table: m.sheet.Table, Kind: imports.Migrate, Detail: fmt.Sprintf("let the column %s refer to %s.%s", c.Name, c.References.Sheet, c.References.Column),
			Statements: []string{addForeignKey(m.tx.run.Schema, m.sheet, c)}}
		if broken {
			change.Kind, change.Statements = imports.Blocked, nil
			change.Detail = fmt.Sprintf("its column %s has values that no row of %s has, but it refers to them in the schema. Correct these rows first", c.Name, c.References.Sheet)
		}
		plan = append(plan, change)
	}
	return plan, nil
}

// canRefer returns the type that the column to which a column refers will have, and whether the column has a type of the same family.
// Another program can have created the other one.
func (m *migration) canRefer(ctx context.Context, c *schema.Column, is *attribute) (declared string, fits bool, err error) {
	to := m.tx.run.Schema.Sheet(c.References.Sheet)
	column, _ := to.Column(c.References.Column)
	parent, err := m.tx.readRelation(ctx, to.Table)
	if err == nil && parent == nil && to.RenamedFrom != "" {
		parent, err = m.tx.readRelation(ctx, to.RenamedFrom)
	}
	if err != nil {
		return "", false, err
	}
	declared, family := storedType(column), storedFamily(column)
	if parent != nil {
		stored := cmp.Or(parent.columns[column.Name], parent.columns[column.RenamedFrom])
		if stored != nil && stored.family.holds(column.Type) {
			declared, family = stored.declared, stored.family
		}
	}
	return declared, family == is.family, nil
}

// breaks reports whether rows have no row to which the column would refer. It doesn't look at columns whose names or types the
// migration changes: then the statement fails.
func (m *migration) breaks(ctx context.Context, c *schema.Column) (broken bool, err error) {
	child, err := m.tx.readRelation(ctx, m.sheet.Table)
	if err != nil || child == nil || child.columns[c.Name] == nil {
		return false, err
	}
	to := m.tx.run.Schema.Sheet(c.References.Sheet)
	parent, err := m.tx.readRelation(ctx, to.Table)
	if err != nil {
		return false, err
	}
	from := child.columns[c.Name]
	query := fmt.Sprintf("SELECT EXISTS (SELECT FROM %s c WHERE c.%s IS NOT NULL", child.quoted, name(from.name))
	switch {
	case parent == nil && to.RenamedFrom != "":
		return false, nil
	case parent != nil:
		is := parent.columns[c.References.Column]
		if is == nil || is.family != from.family {
			return false, nil
		}
		query += fmt.Sprintf(" AND NOT EXISTS (SELECT FROM %s p WHERE p.%s = c.%s)", parent.quoted, name(is.name), name(from.name))
	}
	if err := m.tx.reader.QueryRow(ctx, query+")").Scan(&broken); err != nil {
		return false, fmt.Errorf("look for missing references of table %s: %w", m.sheet.Table, failed(ctx, err))
	}
	return broken, nil
}
