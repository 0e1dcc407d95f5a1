package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/condition"
)

// familyTypes are the types of a schema that have the values of a family.
var familyTypes = map[family]schema.Type{
	integers: schema.Integer, booleans: schema.Boolean, decimals: schema.Decimal, floats: schema.Decimal, texts: schema.Text, dates: schema.Date, times: schema.Time,
	timestamps: schema.DateTime, moments: schema.DateTime, labels: schema.Enum, uuids: schema.Text, documents: schema.Text,
}

// Relations returns the database's tables in the order of their names. It doesn't change the database.
func (t *Target) Relations(ctx context.Context) (_ []imports.Relation, err error) {
	conn, err := t.connect(ctx, "headway schema")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeConn(conn)) }()
	if _, err := conn.Exec(ctx, `BEGIN READ ONLY`); err != nil {
		return nil, fmt.Errorf("read the tables: %w", failed(ctx, err))
	}
	// A partition is part of another table. Tables of extensions belong to these.
	rows, err := conn.Query(ctx, `SELECT c.oid, CASE WHEN pg_table_is_visible(c.oid) THEN '' ELSE n.nspname END, c.relname
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND c.relname !~ '^headway_'
		AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
		ORDER BY 2, 3`)
	if err != nil {
		return nil, fmt.Errorf("read the tables: %w", failed(ctx, err))
	}
	defer rows.Close()
	tx := &transaction{reader: conn, existing: map[uint32]string{}}
	var tables []schema.TableName
	for rows.Next() {
		var oid uint32
		var name schema.TableName
		if err := rows.Scan(&oid, &name.Schema, &name.Name); err != nil {
			return nil, fmt.Errorf("read the tables: %w", err)
		}
		tx.existing[oid] = name.String()
		tables = append(tables, name)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the tables: %w", failed(ctx, err))
	}
	all := make([]imports.Relation, 0, len(tables))
	for _, name := range tables {
		r, err := tx.readRelation(ctx, name.String())
		if err != nil {
			return nil, err
		}
		if r == nil {
			continue // dropped in the meantime
		}
		d := r.describe(name)
		if err := tx.describePartial(ctx, r, &d); err != nil {
			return nil, err
		}
		if err := tx.findSequence(ctx, &d); err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// describe returns the catalog's description in the form that all databases have.
func (r *relation) describe(name schema.TableName) imports.Relation {
	d := imports.Relation{Name: name}
	for _, a := range slices.SortedFunc(maps.Values(r.columns), func(a, b *attribute) int { return int(a.number - b.number) }) {
		c := imports.RelationColumn{Name: a.name, Declared: a.declared, Type: familyTypes[a.family], MaxLength: a.length, Allowed: a.labels, Moment: a.family == moments,
			NotNull: a.notNull, HasDefault: a.filled, Generated: a.identity, Computed: a.computed || a.always}
		if a.parent.column != "" {
			if parent, err := schema.ParseTable(a.parent.name); err == nil {
				c.Parent = &imports.RelationParent{Table: parent, Column: a.parent.column}
			}
		}
		d.Columns = append(d.Columns, c)
	}
	for _, u := range r.unique {
		d.Keys = append(d.Keys, imports.RelationKey{Columns: u.inOrder, Primary: u.primary})
	}
	return d
}

// describePartial adds the unique indexes that identify a row among those with a condition, if it is true for new rows.
func (tx *transaction) describePartial(ctx context.Context, r *relation, d *imports.Relation) error {
	for i := range r.partial {
		u := &r.partial[i]
		key := imports.RelationKey{Columns: u.inOrder}
		if !condition.IsFilled(u.condition, u.columns, r.known) {
			holds, err := tx.holdsForNew(ctx, r, u)
			if err != nil {
				return err
			}
			if !holds {
				continue
			}
			key.Condition, key.Conditional = u.condition, u.conditional
		}
		d.Keys = append(d.Keys, key)
	}
	return nil
}

// findSequence finds the sequence from which an application takes the IDs of the table's rows, by the names that Hibernate gives it.
func (tx *transaction) findSequence(ctx context.Context, d *imports.Relation) error {
	if len(d.Keys) == 0 || !d.Keys[0].Primary || len(d.Keys[0].Columns) != 1 {
		return nil
	}
	c := d.Column(d.Keys[0].Columns[0])
	if c.Type != schema.Integer || c.HasDefault || c.Generated || c.Computed || c.Parent != nil {
		return nil
	}
	for _, candidate := range []string{d.Name.Name + "_seq", d.Name.Name + "_" + c.Name + "_seq", "hibernate_sequence"} {
		sequence := schema.TableName{Schema: d.Name.Schema, Name: candidate}
		var free bool
		err := tx.reader.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_class s WHERE s.oid = to_regclass($1) AND s.relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')))`,
			tableName(sequence.String())).Scan(&free)
		if err != nil {
			return fmt.Errorf("look for the sequence of table %s: %w", d.Name, failed(ctx, err))
		}
		if free {
			c.Sequence = sequence.String()
			return nil
		}
	}
	return nil
}
