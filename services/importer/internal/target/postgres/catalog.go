package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// relation is the catalog's description of a table.
type relation struct {
	oid  uint32
	kind string
	// quoted is its name in the database.
	quoted  string
	columns map[string]*attribute
	// unique are the sets of columns that identify a row.
	unique []uniqueSet
	// partial are those that identify a row only among the rows with a condition. key is the one that is the key of the sheet, or nil if
	// its key identifies all rows.
	partial []uniqueSet
	key     *uniqueSet
	// triggers means that a trigger of a user, a rule, an exclusion constraint, a policy, a table that inherits, or a rule of a single
	// partition can change, skip or refuse rows.
	triggers bool
	// statements means that the table has triggers for whole statements, or rules. fills means that a trigger can fill columns of new rows.
	statements, fills bool
}

// isTable reports whether the relation is a table, with or without partitions, and not a view or anything else.
func (r *relation) isTable() bool { return r.kind == "r" || r.kind == "p" }

// attribute is a column of a table.
type attribute struct {
	name string
	// number is its position in the table.
	number int16
	// declared is the type as a user writes it. base is its type without a domain and without a length.
	declared, base string
	family         family
	notNull        bool
	// parent is the column of another table that a foreign key of this column leads to, if it finds the row alone.
	parent parentColumn
	// filled means that the column has a value if none is given. computed means that none can be given.
	filled, computed bool
	// identity means that the database makes the values of the column, and always that it accepts no others.
	identity, always bool
	// initial is the expression of its default.
	initial string
	// length is the maximum number of characters, or 0. precision and scale are the digits of a decimal number, and those
	// after the point, or -1. labels are the values of an enum.
	length           int
	precision, scale int
	labels           []string
	// collation is the quoted name of a collation for which different texts can be equal, or empty. ignoresCase means that they differ in case.
	collation   string
	ignoresCase bool
	// followed means that rows of other tables change with the column's values.
	followed bool
}

// parentColumn is a column that a foreign key leads to. Its table is quoted, and name is the table in the schema, if that has it.
type parentColumn struct{ table, name, column string }

// storedColumn is a column of a table of the schema.
type storedColumn struct{ table, column string }

// uniqueSet is a set of columns that have no values twice.
type uniqueSet struct {
	index string
	// quoted is the index with its schema, if that is necessary.
	quoted  string
	columns []string // sorted
	// inOrder are the columns in the order of the index.
	inOrder []string
	primary bool
	// condition is empty if the set identifies all rows. conditional are the columns that it is about.
	condition   string
	conditional []string
	// scope are the columns that are constants of the sheet whose key the set is.
	scope scope
}

// readTables finds out which of the schema's tables exist.
func (tx *transaction) readTables(ctx context.Context) error {
	if tx.existing != nil {
		return nil
	}
	names := tx.tableNames()
	quoted := make([]string, len(names))
	for i, table := range names {
		quoted[i] = tableName(table)
	}
	rows, err := tx.reader.Query(ctx, `SELECT to_regclass(q)::oid, t FROM unnest($1::text[], $2::text[]) AS x (q, t) WHERE to_regclass(q) IS NOT NULL`, quoted, names)
	if err != nil {
		return fmt.Errorf("look for the tables: %w", failed(ctx, err))
	}
	defer rows.Close()
	tx.existing = map[uint32]string{}
	for rows.Next() {
		var oid uint32
		var table string
		if err := rows.Scan(&oid, &table); err != nil {
			return fmt.Errorf("look for the tables: %w", err)
		}
		tx.existing[oid] = table
	}
	if err := rows.Err(); err != nil {
		return failed(ctx, err)
	}
	return tx.readParents(ctx)
}

// alone is the condition that a column of a foreign key, a, finds the row by itself: the key has no other columns, or the column p that it
// refers to is unique. The others can be that of a tenant, for example.
const alone = `(cardinality(k.conkey) = 1 OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.confrelid AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1 AND i.indpred IS NULL AND i.indkey[0] = p.attnum))`

// readParents reads to which rows the columns of the schema's tables refer by foreign keys.
func (tx *transaction) readParents(ctx context.Context) error {
	rows, err := tx.reader.Query(ctx, `SELECT k.conrelid, a.attname::text, k.confrelid, k.confrelid::regclass::text, c.relname::text, p.attname::text, `+alone+` AS alone,
			ARRAY(SELECT attname::text FROM unnest(k.conkey) WITH ORDINALITY o(n, i) JOIN pg_attribute x ON x.attrelid = k.conrelid AND x.attnum = o.n WHERE o.n <> n.from_column ORDER BY i),
			ARRAY(SELECT attname::text FROM unnest(k.confkey) WITH ORDINALITY o(n, i) JOIN pg_attribute x ON x.attrelid = k.confrelid AND x.attnum = o.n WHERE o.n <> n.to_column ORDER BY i)
		FROM pg_constraint k
		CROSS JOIN unnest(k.conkey, k.confkey) AS n (from_column, to_column)
		JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.from_column JOIN pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = n.to_column
		JOIN pg_class c ON c.oid = k.confrelid WHERE k.contype = 'f' AND k.conrelid = ANY ($1) ORDER BY alone, cardinality(k.conkey) DESC, k.oid DESC`,
		slices.Collect(maps.Keys(tx.existing)))
	if err != nil {
		return fmt.Errorf("read the foreign keys: %w", failed(ctx, err))
	}
	defer rows.Close()
	tx.parents, tx.together = map[storedColumn]parentColumn{}, map[storedColumn]tenantKey{}
	for rows.Next() {
		var child, parent uint32
		var column string
		var p parentColumn
		var alone bool
		var others tenantKey
		if err := rows.Scan(&child, &column, &parent, &p.table, &p.name, &p.column, &alone, &others.from, &others.to); err != nil {
			return fmt.Errorf("read the foreign keys: %w", err)
		}
		p.name = tx.tableOf(parent, p.name)
		at := storedColumn{tx.existing[child], column}
		if alone {
			others = tenantKey{}
		}
		tx.parents[at], tx.together[at] = p, others // of several, the first one
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the foreign keys: %w", failed(ctx, err))
	}
	if err := tx.readLive(ctx, slices.Collect(maps.Keys(tx.existing))); err != nil {
		return err
	}
	return tx.readScopes(ctx)
}

// tableOf returns the schema's table with an ID of the catalog. If the schema does not have it, it returns the other name.
func (tx *transaction) tableOf(oid uint32, otherwise string) string {
	if table, ok := tx.existing[oid]; ok {
		return table
	}
	return otherwise
}

// readRelation returns the catalog's description of a table, or nil if there is no such table.
func (tx *transaction) readRelation(ctx context.Context, table string) (*relation, error) {
	if err := tx.readTables(ctx); err != nil {
		return nil, err
	}
	r := &relation{quoted: tableName(table), columns: map[string]*attribute{}}
	err := tx.reader.QueryRow(ctx, `SELECT c.oid, c.relkind::text, EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A'))
		OR c.relhasrules OR row_security_active(c.oid) OR c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = c.oid) OR EXISTS (SELECT FROM pg_constraint x WHERE x.conrelid = c.oid AND x.contype = 'x')
		OR EXISTS (SELECT FROM pg_partition_tree(c.oid) p WHERE p.relid <> c.oid AND (
			EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = p.relid AND NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled IN ('O', 'A'))
			OR EXISTS (SELECT FROM pg_constraint x WHERE x.conrelid = p.relid AND (x.contype = 'x' OR x.contype = 'c' AND x.coninhcount = 0 OR x.contype = 'f' AND x.conparentid = 0))
			OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = p.relid AND i.indisunique AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid)))),
		c.relhasrules OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgtype & 1 = 0),
		EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgtype & 7 = 7) -- BEFORE INSERT FOR EACH ROW
		FROM pg_class c WHERE c.oid = to_regclass($1)`, tableName(table)).Scan(&r.oid, &r.kind, &r.triggers, &r.statements, &r.fills)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for table %s: %w", table, failed(ctx, err))
	}
	if err := tx.readColumns(ctx, r); err != nil {
		return nil, fmt.Errorf("read the columns of table %s: %w", table, failed(ctx, err))
	}
	if err := tx.readUnique(ctx, r); err != nil {
		return nil, fmt.Errorf("read the unique indexes of table %s: %w", table, failed(ctx, err))
	}
	return r, nil
}

func (tx *transaction) readColumns(ctx context.Context, r *relation) error {
	rows, err := tx.reader.Query(ctx, `WITH RECURSIVE typed (attnum, oid, required, modifier) AS (
			SELECT attnum, atttypid, attnotnull, atttypmod FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped
			UNION ALL
			SELECT d.attnum, t.typbasetype, d.required OR t.typnotnull, greatest(d.modifier, t.typtypmod) FROM typed d JOIN pg_type t ON t.oid = d.oid WHERE t.typtype = 'd'
		)
		SELECT a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), format_type(t.oid, NULL), t.typname, t.typtype = 'e',
			d.required, a.atthasdef OR a.attidentity <> '', a.attgenerated <> '',
			coalesce((SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = a.attrelid AND adnum = a.attnum), ''), a.attidentity <> '', a.attidentity = 'a',
			d.modifier, ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder),
			coalesce(f.parent, ''), coalesce(f.oid, 0), coalesce(f.name, ''), coalesce(f.to_column, ''),
			coalesce((SELECT format('%I.%I', n.nspname, l.collname) FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace WHERE l.oid = a.attcollation AND NOT l.collisdeterministic), ''),
			EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.confrelid = $1 AND f.confupdtype IN ('c', 'n', 'd') AND a.attnum = ANY (f.confkey))
		FROM typed d JOIN pg_type t ON t.oid = d.oid AND t.typtype <> 'd' JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = d.attnum
		LEFT JOIN LATERAL (SELECT k.confrelid::regclass::text AS parent, k.confrelid AS oid, r.relname::text AS name, p.attname::text AS to_column FROM pg_constraint k
			JOIN pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = k.confkey[array_position(k.conkey, a.attnum)] JOIN pg_class r ON r.oid = k.confrelid
			WHERE k.contype = 'f' AND k.conrelid = $1 AND `+alone+` ORDER BY cardinality(k.conkey), k.oid LIMIT 1) f ON true`, r.oid)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		a := &attribute{}
		var base string
		var enum bool
		var modifier int
		var parent uint32
		if err := rows.Scan(&a.name, &a.number, &a.declared, &a.base, &base, &enum, &a.notNull, &a.filled, &a.computed, &a.initial, &a.identity, &a.always,
			&modifier, &a.labels, &a.parent.table, &parent, &a.parent.name, &a.parent.column, &a.collation, &a.followed); err != nil {
			return err
		}
		a.parent.name = tx.tableOf(parent, a.parent.name)
		a.identity = a.identity || strings.Contains(a.initial, "nextval(")
		if base == "bpchar" {
			a.base = base // "character" is one of length 1
		}
		if a.family = families[base]; enum {
			a.family = labels
		}
		a.setModifier(base, modifier)
		r.columns[a.name] = a
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return tx.readCollations(ctx, r)
}

// readCollations finds out which collations ignore case.
func (tx *transaction) readCollations(ctx context.Context, r *relation) error {
	for _, a := range r.columns {
		if a.collation == "" {
			continue
		}
		if err := tx.reader.QueryRow(ctx, fmt.Sprintf(`SELECT 'a' COLLATE %s = 'A'`, a.collation)).Scan(&a.ignoresCase); err != nil {
			return err
		}
	}
	return nil
}

// setModifier reads what PostgreSQL stores about a type's length and digits.
func (a *attribute) setModifier(base string, modifier int) {
	a.precision, a.scale = -1, -1
	const header = 4
	switch {
	case base == "time" || base == "timestamp" || base == "timestamptz":
		// PostgreSQL rounds further digits.
		if a.scale = 6; modifier >= 0 {
			a.scale = modifier
		}
	case modifier < header:
	case base == "varchar" || base == "bpchar":
		a.length = modifier - header
	case base == "numeric":
		a.precision = (modifier - header) >> 16 & 0xffff
		a.scale = ((modifier-header)&0x7ff ^ 1024) - 1024
	}
}

func (tx *transaction) readUnique(ctx context.Context, r *relation) error {
	rows, err := tx.reader.Query(ctx, `SELECT c.relname, c.oid::regclass::text, i.indisprimary, array_agg(a.attname::text ORDER BY array_position(i.indkey::int2[], a.attnum)),
			coalesce(pg_get_expr(i.indpred, i.indrelid), '') FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0 : i.indnkeyatts - 1])
		WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indexprs IS NULL
		GROUP BY c.oid, c.relname, i.indisprimary, i.indpred, i.indrelid ORDER BY NOT i.indisprimary, c.relname`, r.oid)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var u uniqueSet
		if err := rows.Scan(&u.index, &u.quoted, &u.primary, &u.columns, &u.condition); err != nil {
			return err
		}
		u.inOrder = slices.Clone(u.columns)
		slices.Sort(u.columns)
		if u.condition == "" {
			r.unique = append(r.unique, u)
			continue
		}
		_, u.conditional = r.qualified(u.condition, "")
		r.partial = append(r.partial, u)
	}
	return rows.Err()
}

// identifiedBy reports whether the columns identify a row.
func (r *relation) identifiedBy(columns []string) bool {
	want := slices.Sorted(slices.Values(columns))
	return slices.ContainsFunc(r.unique, func(u uniqueSet) bool { return slices.Equal(u.columns, want) })
}

// hasKey reports whether the columns are a key of the table. A unique index of this package doesn't count: it is dropped when the schema has
// the column as its key.
func (r *relation) hasKey(columns []string) bool {
	want := slices.Sorted(slices.Values(columns))
	return slices.ContainsFunc(r.unique, func(u uniqueSet) bool {
		return slices.Equal(u.columns, want) && !strings.HasPrefix(u.index, uniquePrefix)
	})
}
