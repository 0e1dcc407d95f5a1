package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"headway/internal/pgerr"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/condition"
)

// qualified puts the alias of the table before its columns in a condition, and returns the columns.
func (r *relation) qualified(text, alias string) (qualified string, columns []string) {
	return condition.Qualify(text, alias, r.known, name)
}

// known returns the column that an identifier of a condition means, or nothing.
func (r *relation) known(identifier string) string {
	if r.columns[identifier] == nil {
		return ""
	}
	return identifier
}

// partialKey returns the unique index that identifies the rows of a sheet among those with its constants, such as the rows of a tenant, or with
// its condition, such as rows that are not deleted.
// It returns nil if there is none, and then why an index that there is can't be the key.
//
// The condition must be true for each row that the sheet inserts. That is known if it is only about columns that the sheet does not have.
func (tx *transaction) partialKey(ctx context.Context, sheet *schema.Sheet, r *relation) (key *uniqueSet, why string, err error) {
	want := slices.Sorted(slices.Values(sheet.Key))
	candidates := r.scoped(sheet, want)
	for _, u := range r.partial {
		if slices.Equal(u.columns, want) {
			candidates = append(candidates, u)
		}
	}
	for i := range candidates {
		u := &candidates[i]
		if u.condition == "" || condition.IsFilled(u.condition, u.columns, r.known) {
			return u, "", nil // neither a key nor a constant is ever empty
		}
		filled := slices.IndexFunc(u.conditional, func(column string) bool {
			c, _ := sheet.Column(column)
			return c != nil || sheet.GeneratedIn(column) != nil
		})
		if filled >= 0 {
			why = condition.OfColumn(u.index, u.condition, u.conditional[filled])
			continue
		}
		holds, err := tx.holdsForNew(ctx, r, u)
		if err != nil {
			return nil, "", err
		}
		if holds {
			return u, "", nil
		}
		why = condition.NotForNew(u.index, u.condition)
	}
	if why == "" {
		why = r.lacksConstant(sheet)
	}
	return nil, why, nil
}

// holdsForNew reports whether a condition is true for a row that has only defaults. It does not know that of values that the database makes.
func (tx *transaction) holdsForNew(ctx context.Context, r *relation, u *uniqueSet) (holds bool, err error) {
	values := make([]string, len(u.conditional))
	for i, column := range u.conditional {
		a := r.columns[column]
		switch {
		case a.computed, a.identity:
			return false, nil
		case a.initial == "":
			values[i] = fmt.Sprintf("NULL::%s AS %s", a.declared, name(column))
		default:
			values[i] = fmt.Sprintf("(%s)::%s AS %s", a.initial, a.declared, name(column))
		}
	}
	query := fmt.Sprintf("SELECT coalesce((%s), false)", u.condition)
	if len(values) > 0 {
		query += fmt.Sprintf(" FROM (SELECT %s) headway_new", strings.Join(values, ", "))
	}
	if _, err := tx.reader.Exec(ctx, `SAVEPOINT headway_default`); err != nil {
		return false, fmt.Errorf("look at the defaults of table %s: %w", r.quoted, failed(ctx, err))
	}
	err = tx.reader.QueryRow(ctx, query).Scan(&holds)
	if err != nil && !permanent(err) && pgerr.Code(err) != readOnly {
		return false, fmt.Errorf("look at the defaults of table %s: %w", r.quoted, failed(ctx, err))
	}
	// A default can fail, or try to change something.
	_, err = tx.reader.Exec(ctx, `ROLLBACK TO SAVEPOINT headway_default`)
	return holds, failed(ctx, err)
}

// live is the condition that a row of the table, with an alias, is one of those among which the key identifies one. It is empty for all rows.
func (t *table) live(alias string) string {
	if t.relation == nil || t.relation.key == nil {
		return ""
	}
	qualified, _ := t.relation.qualified(t.relation.key.condition, alias)
	return both(t.relation.key.scope.of(alias), qualified)
}

// both joins two conditions, which can be empty.
func both(first, second string) string {
	if second != "" {
		second = "(" + second + ")"
	}
	if first != "" && second != "" {
		return first + " AND " + second
	}
	return first + second
}

// among is the condition that a row of the table, with an alias, is one of those among which the sheet finds one by columns.
func (t *table) among(columns []string, alias string) string {
	if t.relation == nil {
		return ""
	}
	if slices.Equal(columns, t.sheet.Key) {
		return t.live(alias)
	}
	all := scope{}
	for _, column := range columns {
		all = all.and(t.relation.scopeOf(t.sheet, column))
	}
	return all.of(alias)
}

// readLive reads the conditions of the tables in which a column identifies a row only among the rows with a condition.
func (tx *transaction) readLive(ctx context.Context, ids []uint32) error {
	rows, err := tx.reader.Query(ctx, `SELECT i.indrelid, a.attname::text, min(pg_get_expr(i.indpred, i.indrelid)) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
		WHERE i.indrelid = ANY ($1) AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1 AND i.indexprs IS NULL GROUP BY 1, 2 HAVING bool_and(i.indpred IS NOT NULL)`, ids)
	if err != nil {
		return fmt.Errorf("read the unique indexes: %w", failed(ctx, err))
	}
	tx.live = map[storedColumn]string{}
	var id uint32
	var column, where string
	_, err = pgx.ForEachRow(rows, []any{&id, &column, &where}, func() error {
		tx.live[storedColumn{tx.existing[id], column}] = where
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the unique indexes: %w", failed(ctx, err))
	}
	return nil
}

// parentRows are the rows of a table among which a column identifies one: the table, or a query in parentheses.
func (tx *transaction) parentRows(table, of, column string) string {
	if where := tx.live[storedColumn{of, column}]; where != "" {
		return fmt.Sprintf("(SELECT * FROM %s WHERE %s)", table, where)
	}
	return table
}
