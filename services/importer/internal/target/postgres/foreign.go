package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// foreignKey is a foreign key to or from a table of the run.
type foreignKey struct {
	name string
	// child and parent are the tables, quoted. childTable and parentTable are those of the run, or nil.
	child, parent           string
	childName, parentName   string
	childTable, parentTable *table
	from, to                []string
	// constraint is the name with its schema, quoted. deferrable means that it can be checked at the end of the transaction.
	constraint string
	deferrable bool
	// follows means that the rows of the child change with the value.
	follows bool
}

// foreignKeys returns the foreign keys to and from the tables of the run that have collected rows.
func (tx *transaction) foreignKeys(ctx context.Context) ([]foreignKey, error) {
	byID, ids := map[uint32]*table{}, []uint32{}
	for _, t := range tx.tables {
		if t.staged() {
			byID[t.relation.oid], ids = t, append(ids, t.relation.oid)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := tx.writer.Query(ctx, `SELECT f.conname::text, f.conrelid, f.confrelid, f.conrelid::regclass::text, f.confrelid::regclass::text, c.relname::text, p.relname::text,
			ARRAY(SELECT attname::text FROM unnest(f.conkey) WITH ORDINALITY k(n, i) JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.n ORDER BY i),
			ARRAY(SELECT attname::text FROM unnest(f.confkey) WITH ORDINALITY k(n, i) JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.n ORDER BY i),
			f.confupdtype IN ('c', 'n', 'd'), format('%s.%I', f.connamespace::regnamespace, f.conname), f.condeferrable
		FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_class p ON p.oid = f.confrelid
		WHERE f.contype = 'f' AND f.conparentid = 0 AND (f.conrelid = ANY ($1) OR f.confrelid = ANY ($1)) ORDER BY 1`, ids)
	if err != nil {
		return nil, fmt.Errorf("read the foreign keys: %w", failed(ctx, err))
	}
	defer rows.Close()
	var all []foreignKey
	for rows.Next() {
		var k foreignKey
		var child, parent uint32
		if err := rows.Scan(&k.name, &child, &parent, &k.child, &k.parent, &k.childName, &k.parentName, &k.from, &k.to, &k.follows, &k.constraint, &k.deferrable); err != nil {
			return nil, fmt.Errorf("read the foreign keys: %w", err)
		}
		k.childName, k.parentName = tx.tableOf(child, k.childName), tx.tableOf(parent, k.parentName)
		k.childTable, k.parentTable = byID[child], byID[parent]
		all = append(all, k)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the foreign keys: %w", failed(ctx, err))
	}
	return all, nil
}

// parentsFirst returns the tables of the run in the order in which their rows are applied. A schema does not have foreign keys of several
// columns, and most can't be deferred, so its order is not enough. A foreign key that is part of a cycle changes nothing, unless it is a
// reference of the schema.
func (tx *transaction) parentsFirst() []*table {
	parents := map[*table][]*table{}
	for _, k := range tx.keys {
		if k.childTable != nil && k.parentTable != nil && k.childTable != k.parentTable {
			parents[k.childTable] = append(parents[k.childTable], k.parentTable)
		}
	}
	after := map[*table][]*table{}
	for _, k := range tx.keys {
		if c, p := k.childTable, k.parentTable; c != nil && p != nil && (k.known(tx.run.Schema) || !reaches(parents, p, c, map[*table]bool{})) {
			after[c] = append(after[c], p)
		}
	}
	var ordered []*table
	seen := map[*table]bool{}
	var add func(*table)
	add = func(t *table) {
		if seen[t] {
			return
		}
		seen[t] = true
		for _, p := range after[t] {
			add(p)
		}
		ordered = append(ordered, t)
	}
	for _, t := range tx.tables {
		add(t)
	}
	return ordered
}

// reaches reports whether foreign keys lead from one table to another.
func reaches(parents map[*table][]*table, from, to *table, seen map[*table]bool) bool {
	if from == to {
		return true
	}
	seen[from] = true
	return slices.ContainsFunc(parents[from], func(p *table) bool { return !seen[p] && reaches(parents, p, to, seen) })
}

// known reports whether the schema has the reference, so that the run has checked it.
func (k *foreignKey) known(s *schema.Schema) bool {
	if len(k.from) != 1 {
		return false
	}
	c, _ := k.childTable.sheet.Column(k.from[0])
	if c == nil || c.References == nil {
		return false
	}
	parent := s.Sheet(c.References.Sheet)
	return parent != nil && parent.Table == k.parentName && (c.References.Column == k.to[0] || k.childTable.resolved[c.Name] != nil)
}

// unchanged reports whether the run does not change what refers to the parents: new rows refer to none.
func (k *foreignKey) unchanged() bool {
	t := k.childTable
	return !slices.ContainsFunc(k.from, func(column string) bool {
		c, _ := t.column(column)
		a := t.attribute(column)
		return c != nil || t.inserts > 0 && (a.filled || a.computed || t.sheet.GeneratedIn(column) != nil)
	})
}

// missing is a query of the collected rows that refer to rows which will not be there. It is empty if that is not known before
// the rows are written.
func (k *foreignKey) missing() string {
	after := k.childTable.after(k.from)
	if after == "" {
		return ""
	}
	var given, stored, added []string
	for i := range k.from {
		given = append(given, "x."+name(k.from[i])+" IS NOT NULL")
		stored = append(stored, fmt.Sprintf("p.%s = x.%s", name(k.to[i]), name(k.from[i])))
		added = append(added, fmt.Sprintf("n.%s = x.%s", name(k.to[i]), name(k.from[i])))
	}
	exists := fmt.Sprintf("EXISTS (SELECT FROM %s p WHERE %s)", k.parent, strings.Join(stored, " AND "))
	if p := k.parentTable; p != nil {
		rows := p.after(k.to)
		if rows == "" {
			return ""
		}
		exists = fmt.Sprintf("EXISTS (SELECT FROM %s p WHERE %s AND NOT EXISTS (SELECT FROM %s s WHERE NOT s.%s AND %s)) OR EXISTS (SELECT FROM (%s) n WHERE %s)",
			k.parent, strings.Join(stored, " AND "), p.stage, name(staging), p.sameKey("p", "s"), rows, strings.Join(added, " AND "))
	}
	return fmt.Sprintf("SELECT x.headway_at FROM (%s) x WHERE %s AND NOT (%s)", after, strings.Join(given, " AND "), exists)
}

// brokenReferences returns the collected rows that refer to rows which will not be there.
func (tx *transaction) brokenReferences(ctx context.Context, k *foreignKey) (dangling []imports.Dangling, refused []imports.RefusedRow, err error) {
	t := k.childTable
	if t == nil || k.known(tx.run.Schema) || k.unchanged() {
		return nil, nil, nil
	}
	query := k.missing()
	if query == "" {
		return nil, nil, errCannotAsk
	}
	column := ""
	if c, _ := t.sheet.Column(k.from[0]); len(k.from) == 1 && c != nil && slices.Contains(t.columns, c) {
		column = c.Name
	}
	if column == "" {
		refused, err = t.refusedAt(ctx, query, "", fmt.Sprintf("it refers to a row of %s that does not exist (%s)", k.parent, k.name))
		return nil, refused, err
	}
	rows, err := tx.writer.Query(ctx, fmt.Sprintf(`SELECT s.%s::text, %s FROM %s s WHERE s.ctid IN (%s) LIMIT %d`, name(column), strings.Join(t.stagedKey(), ", "), t.stage, query, imports.MaxDangling))
	if err != nil {
		return nil, nil, t.checkFailed(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		raw := rows.RawValues()
		key, err := t.keyOf(raw[1:])
		if err != nil {
			return nil, nil, err
		}
		dangling = append(dangling, imports.Dangling{Child: t.sheet.Table, Parent: k.parentName, Sheet: t.sheet.Name, Column: column, Uses: 1, Row: true, Key: key,
			Value: imports.Value{Kind: imports.Text, Bytes: slices.Clone(raw[0])}})
	}
	return dangling, nil, t.checkFailed(ctx, rows.Err())
}

// replaced returns the values that the run replaces although rows outside it would still refer to them.
func (tx *transaction) replaced(ctx context.Context, k *foreignKey) (dangling []imports.Dangling, err error) {
	t := k.parentTable
	if t == nil || t.updates == 0 || len(k.to) != 1 || k.follows {
		return nil, nil
	}
	c, i := t.column(k.to[0])
	if c == nil || slices.Contains(t.key, i) {
		return nil, nil // it does not change
	}
	still := ""
	if child := k.childTable; child != nil {
		if slices.ContainsFunc(child.columns, func(c *schema.Column) bool { return c.Name == k.from[0] }) {
			still = fmt.Sprintf(" AND NOT EXISTS (SELECT FROM %s s WHERE NOT s.%s AND %s)", child.stage, name(staging), child.sameKey("f", "s"))
		}
	}
	column := name(c.Name)
	query := fmt.Sprintf(`SELECT o.%s::text, count(*) FROM %s s JOIN %s o ON NOT s.%s AND %s JOIN %s f ON f.%s = o.%[1]s%[8]s
		WHERE %[9]s IS DISTINCT FROM o.%[1]s AND NOT EXISTS (SELECT FROM %[2]s n WHERE %[10]s) GROUP BY 1 LIMIT %[11]d`,
		column, t.stage, tableName(t.sheet.Table), name(staging), t.sameKey("o", "s"), k.child, name(k.from[0]), still,
		t.compared(c, "s"), "o."+column+" = "+t.compared(c, "n"), imports.MaxDangling)
	rows, err := tx.writer.Query(ctx, query)
	if err != nil {
		return nil, t.checkFailed(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		var value string
		d := imports.Dangling{Child: k.childName, Parent: t.sheet.Table, Sheet: t.sheet.Name, Column: c.Name}
		if err := rows.Scan(&value, &d.Uses); err != nil {
			return nil, t.checkFailed(ctx, err)
		}
		d.Value = imports.Value{Kind: imports.Text, Bytes: []byte(value)}
		dangling = append(dangling, d)
	}
	return dangling, t.checkFailed(ctx, rows.Err())
}
