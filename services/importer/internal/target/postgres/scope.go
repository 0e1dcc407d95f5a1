package postgres

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/condition"
)

// scope are columns that have the same values in all rows of a sheet, such as the tenant, with expressions of the values: a unique index with
// these columns identifies a row only among those with the values.
type scope map[string]string

// of is the condition that a row of the table, with an alias, is in the scope. It is empty for all rows.
func (s scope) of(alias string) string {
	if alias != "" {
		alias += "."
	}
	all := make([]string, 0, len(s))
	for _, column := range slices.Sorted(maps.Keys(s)) {
		all = append(all, fmt.Sprintf("%s%s = %s", alias, name(column), s[column]))
	}
	return strings.Join(all, " AND ")
}

// and returns the rows that are in both scopes.
func (s scope) and(other scope) scope {
	both := scope{}
	maps.Copy(both, s)
	maps.Copy(both, other)
	return both
}

// constants are the columns of the table that have the same value in all rows that the sheet inserts.
func (r *relation) constants(sheet *schema.Sheet) scope {
	all := scope{}
	for _, g := range sheet.Generated {
		if a := r.columns[g.Field]; g.By == schema.Constant && a != nil && !a.computed && !a.always && a.generates(g) {
			all[g.Field] = generate(g, a)
		}
	}
	return all
}

// scoped returns the unique indexes that identify a row by columns, which are sorted, among those with constants of the sheet, the best one
// first. It returns none if the columns identify a row of the table.
func (r *relation) scoped(sheet *schema.Sheet, columns []string) (all []uniqueSet) {
	if r.hasKey(columns) {
		return nil
	}
	constants := r.constants(sheet)
	for _, u := range slices.Concat(r.unique, r.partial) {
		rest := u.beyond(columns)
		if len(rest) == 0 || slices.ContainsFunc(rest, func(column string) bool { return constants[column] == "" }) {
			continue
		}
		u.scope = scope{}
		for _, column := range rest {
			u.scope[column] = constants[column]
		}
		all = append(all, u)
	}
	slices.SortStableFunc(all, func(a, b uniqueSet) int {
		return cmp.Or(cmp.Compare(len(a.scope), len(b.scope)), cmp.Compare(len(a.conditional), len(b.conditional)))
	})
	return all
}

// beyond returns the columns of the index besides others. It returns none if the index lacks some of these.
func (u *uniqueSet) beyond(columns []string) (rest []string) {
	for _, column := range u.columns {
		if !slices.Contains(columns, column) {
			rest = append(rest, column)
		}
	}
	if len(rest)+len(columns) != len(u.columns) {
		return nil
	}
	return rest
}

// scopeOf returns the rows among which the sheet finds one by a column: those of its tenant.
func (r *relation) scopeOf(sheet *schema.Sheet, column string) scope {
	all := scope{}
	for _, columns := range [][]string{sheet.Key, {column}} {
		if found := r.scoped(sheet, slices.Sorted(slices.Values(columns))); len(found) > 0 {
			all = all.and(found[0].scope)
		}
	}
	return all
}

// lacksConstant describes which columns of a unique index the sheet needs besides its key, or nothing if that would not help.
func (r *relation) lacksConstant(sheet *schema.Sheet) string {
	key := slices.Sorted(slices.Values(sheet.Key))
	constants := r.constants(sheet)
	for _, u := range slices.Concat(r.unique, r.partial) {
		for _, column := range u.beyond(key) {
			if constants[column] != "" {
				continue
			}
			if c, _ := sheet.Column(column); c != nil {
				return condition.NeedsKey(u.index, column)
			}
			return condition.NeedsConstant(u.index, column, schema.ExampleConstant(column, familyTypes[r.columns[column].family]))
		}
	}
	return ""
}

// tenantKey are the other columns of a foreign key of which one column does not find the row alone, in the table and in the parent.
type tenantKey struct{ from, to []string }

// finds reports whether the rows of a sheet and those of the parent have the same constants in the other columns, so that one column finds the
// row. column is that by which files name it.
func (k tenantKey) finds(tx *transaction, sheet, parent *schema.Sheet, column string) bool {
	within := tx.scopes[storedColumn{parent.Table, column}]
	for i := range k.from {
		from, to := sheet.GeneratedIn(k.from[i]), parent.GeneratedIn(k.to[i])
		if from == nil || to == nil || from.By != schema.Constant || to.By != schema.Constant || from.Constant != to.Constant || within[k.to[i]] == "" {
			return false
		}
	}
	return true
}

// readScopes adds the scopes of the schema's sheets to the conditions under which a column identifies a row.
func (tx *transaction) readScopes(ctx context.Context) error {
	tx.scopes = map[storedColumn]scope{}
	if tx.run.Schema == nil {
		return nil
	}
	for _, sheet := range tx.run.Schema.Sheets {
		if !slices.ContainsFunc(sheet.Generated, func(g *schema.Generated) bool { return g.By == schema.Constant }) {
			continue
		}
		r, err := tx.readRelation(ctx, sheet.Table)
		if err != nil {
			return err
		}
		if r == nil {
			continue
		}
		for _, c := range sheet.Columns {
			all := r.scopeOf(sheet, c.Name)
			if len(all) == 0 {
				continue
			}
			where := all.of("")
			if found := r.scoped(sheet, []string{c.Name}); len(found) > 0 && found[0].condition != "" {
				where += " AND (" + found[0].condition + ")"
			}
			at := storedColumn{sheet.Table, c.Name}
			tx.scopes[at] = all
			if before := tx.live[at]; before != "" {
				where += " AND (" + before + ")"
			}
			tx.live[at] = where
		}
	}
	return nil
}
