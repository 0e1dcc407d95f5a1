package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// relation is what the catalogue knows about a table.
type relation struct {
	oid     uint32
	kind    string
	columns map[string]*attribute
	// unique are the sets of columns that identify a row.
	unique []uniqueSet
	// triggers means that a trigger of a user can change or skip rows.
	triggers bool
}

// attribute is a column of a table.
type attribute struct {
	name string
	// declared is the type as a user writes it. base is its type without a domain and without a length.
	declared, base string
	family         family
	notNull        bool
	// filled means that the column has a value if none is given. computed means that none can be given.
	filled, computed bool
	// followed means that rows of other tables change with the column's values.
	followed bool
}

// uniqueSet is a set of columns that have no values twice.
type uniqueSet struct {
	index   string
	columns []string // sorted
}

// readRelation returns what the catalogue knows about a table, or nil if there is no such table.
func (tx *transaction) readRelation(ctx context.Context, table string) (*relation, error) {
	r := &relation{columns: map[string]*attribute{}}
	err := tx.reader.QueryRow(ctx, `SELECT c.oid, c.relkind::text, EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A'))
		OR c.relhasrules FROM pg_class c WHERE c.oid = to_regclass($1)`, name(table)).Scan(&r.oid, &r.kind, &r.triggers)
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
	rows, err := tx.reader.Query(ctx, `WITH RECURSIVE typed (attnum, oid, required) AS (
			SELECT attnum, atttypid, attnotnull FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped
			UNION ALL
			SELECT d.attnum, t.typbasetype, d.required OR t.typnotnull FROM typed d JOIN pg_type t ON t.oid = d.oid WHERE t.typtype = 'd'
		)
		SELECT a.attname, format_type(a.atttypid, a.atttypmod), format_type(t.oid, NULL), t.typname, t.typtype = 'e',
			d.required, a.atthasdef OR a.attidentity <> '', a.attgenerated <> '',
			EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.confrelid = $1 AND f.confupdtype IN ('c', 'n', 'd') AND a.attnum = ANY (f.confkey))
		FROM typed d JOIN pg_type t ON t.oid = d.oid AND t.typtype <> 'd' JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = d.attnum`, r.oid)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		a := &attribute{}
		var base string
		var enum bool
		if err := rows.Scan(&a.name, &a.declared, &a.base, &base, &enum, &a.notNull, &a.filled, &a.computed, &a.followed); err != nil {
			return err
		}
		if a.family = families[base]; enum {
			a.family = labels
		}
		r.columns[a.name] = a
	}
	return rows.Err()
}

func (tx *transaction) readUnique(ctx context.Context, r *relation) error {
	rows, err := tx.reader.Query(ctx, `SELECT c.relname, array_agg(a.attname::text) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0 : i.indnkeyatts - 1])
		WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
		GROUP BY c.relname`, r.oid)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var u uniqueSet
		if err := rows.Scan(&u.index, &u.columns); err != nil {
			return err
		}
		slices.Sort(u.columns)
		r.unique = append(r.unique, u)
	}
	return rows.Err()
}

// identifiedBy reports whether the columns identify a row.
func (r *relation) identifiedBy(columns []string) bool {
	want := slices.Sorted(slices.Values(columns))
	return slices.ContainsFunc(r.unique, func(u uniqueSet) bool { return slices.Equal(u.columns, want) })
}
