package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/condition"
	"headway/services/importer/internal/target/sqlite/sqlitedirect"
)

// partialKey is a unique index that identifies a row only among the rows with a condition, such as those that are not deleted.
type partialKey struct {
	index     string
	columns   []string // sorted
	condition string
	// conditional are the columns that the condition is about.
	conditional []string
	// scope are the columns that are constants of the sheet whose key the index is.
	scope scope
}

// readPartial reads the unique indexes with conditions.
func (tx *transaction) readPartial(ctx context.Context, table string, have *shape) error {
	err := tx.query(ctx, `SELECT l.name, group_concat(lower(i.name), char(31)), m.sql FROM pragma_index_list(?) l, pragma_index_info(l.name) i JOIN sqlite_schema m ON m.type = 'index' AND m.name = l.name
		WHERE l."unique" AND l.partial GROUP BY l.name HAVING count(*) = count(i.name)`, []any{table}, func(row *sqlitedirect.Stmt) {
		p := partialKey{index: row.Text(0), columns: strings.Split(row.Text(1), "\x1f"), condition: condition.OfIndex(row.Text(2))}
		slices.Sort(p.columns)
		_, p.conditional = have.qualified(p.condition, "")
		have.partial = append(have.partial, p)
	})
	if err != nil {
		return fmt.Errorf("read the indexes of %s: %w", table, err)
	}
	return nil
}

// qualified puts the alias of the table before its columns in a condition, and returns the columns.
func (have shape) qualified(text, alias string) (qualified string, columns []string) {
	return condition.Qualify(text, alias, have.known, name)
}

// known returns the column that an identifier of a condition means, or nothing.
func (have *shape) known(identifier string) string {
	if _, ok := have.columns[fold(identifier)]; !ok {
		return ""
	}
	return fold(identifier)
}

// choosePartialKey sets have.key if only a unique index with constants of the sheet, such as the tenant, or with a condition identifies the
// sheet's rows. It returns why an index that there is can't be the key.
//
// The condition must be true for each row that the sheet inserts. That is known if it is only about columns that the sheet does not have.
func (tx *transaction) choosePartialKey(ctx context.Context, sheet *schema.Sheet, have *shape) (why string, err error) {
	want := folded(sheet.Key)
	if have.hasKey(want) {
		return "", nil
	}
	candidates, err := tx.scoped(sheet, have, want)
	if err != nil {
		return "", err
	}
	for _, p := range have.partial {
		if slices.Equal(p.columns, want) {
			candidates = append(candidates, p)
		}
	}
	for i := range candidates {
		p := &candidates[i]
		if p.condition == "" {
			have.key = p
			return "", nil
		}
		filled := slices.IndexFunc(p.conditional, func(column string) bool {
			return columnOf(sheet, column) != "" || slices.ContainsFunc(sheet.Generated, func(g *schema.Generated) bool { return sameName(g.Field, column) })
		})
		switch holds, err := tx.holdsForNew(ctx, have, p); {
		case err != nil:
			return "", err
		case condition.IsFilled(p.condition, p.columns, have.known), filled < 0 && holds:
			have.key = p
			return "", nil
		case filled >= 0:
			why = condition.OfColumn(p.index, p.condition, p.conditional[filled])
		default:
			why = condition.NotForNew(p.index, p.condition)
		}
	}
	if why == "" {
		return tx.lacksConstant(sheet, have)
	}
	return why, nil
}

// holdsForNew reports whether a condition is true for a row that has only defaults.
func (tx *transaction) holdsForNew(ctx context.Context, have *shape, p *partialKey) (holds bool, err error) {
	values := []string{"0 AS headway_none"}
	for _, column := range p.conditional {
		is := have.columns[column]
		if is.computed {
			return false, nil
		}
		value := is.initial
		if value == "" {
			value = "NULL"
		}
		values = append(values, fmt.Sprintf("CAST((%s) AS %s) AS %s", value, is.affinity, name(column)))
	}
	err = tx.query(ctx, fmt.Sprintf("SELECT ifnull((%s), 0) <> 0 FROM (SELECT %s)", p.condition, strings.Join(values, ", ")), nil, func(row *sqlitedirect.Stmt) { holds = row.Int(0) != 0 })
	if permanent(err) {
		return false, nil
	}
	return holds, err
}

// live is the condition that a row of the table, with an alias, is one of those among which the key identifies one. It is empty for all rows.
func (have shape) live(alias string) string {
	if have.key == nil {
		return ""
	}
	qualified, _ := have.qualified(have.key.condition, alias)
	return both(have.inScope(have.key.scope, alias), qualified)
}

// parentRows are the rows of a sheet's table among which a column identifies one: the table, quoted, or a query in parentheses. collation is
// that of the column.
func (tx *transaction) parentRows(ctx context.Context, sheet *schema.Sheet, column string) (rows, collation string, err error) {
	have, err := tx.readShape(ctx, sheet.Table)
	if err != nil {
		return "", "", err
	}
	collation = have.collated(column, "")
	where := ""
	if want := folded([]string{column}); !have.hasKey(want) {
		candidates, err := tx.scoped(sheet, &have, want)
		if err != nil {
			return "", "", err
		}
		for _, p := range have.partial {
			if slices.Equal(p.columns, want) {
				candidates = append(candidates, p)
			}
		}
		if len(candidates) > 0 {
			where = candidates[0].condition
		}
	}
	within, err := tx.scopeOf(sheet, &have, column)
	if err != nil {
		return "", "", err
	}
	if where = both(have.inScope(within, ""), where); where != "" {
		return fmt.Sprintf("(SELECT * FROM %s WHERE %s)", name(sheet.Table), where), collation, nil
	}
	return name(sheet.Table), collation, nil
}
