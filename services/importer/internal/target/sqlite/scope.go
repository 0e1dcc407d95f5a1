package sqlite

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

// inScope is the condition that a row of the table, with an alias, is in the scope. It is empty for all rows.
func (have shape) inScope(s scope, alias string) string {
	if alias != "" {
		alias += "."
	}
	all := make([]string, 0, len(s))
	for _, column := range slices.Sorted(maps.Keys(s)) {
		all = append(all, fmt.Sprintf("%s = %s", have.collated(column, alias+name(column)), s[column]))
	}
	return strings.Join(all, " AND ")
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

// constants are the columns of the table that have the same value in all rows that the sheet inserts.
func (tx *transaction) constants(sheet *schema.Sheet, have *shape) (scope, error) {
	all := scope{}
	for _, g := range sheet.Generated {
		is, ok := have.columns[fold(g.Field)]
		if g.By != schema.Constant || !ok || is.computed || have.refuses(g.Field) {
			continue
		}
		value, err := tx.generate(g, is)
		if err != nil {
			return nil, fmt.Errorf("the column %s: %w", g.Name, err)
		}
		all[fold(g.Field)] = value
	}
	return all, nil
}

// scoped returns the unique indexes that identify a row by columns, which are folded and sorted, among those with constants of the sheet, the
// best one first. It returns none if the columns identify a row of the table.
func (tx *transaction) scoped(sheet *schema.Sheet, have *shape, columns []string) (all []partialKey, err error) {
	if have.hasKey(columns) {
		return nil, nil
	}
	constants, err := tx.constants(sheet, have)
	if err != nil {
		return nil, err
	}
	for _, p := range have.indexes() {
		rest := p.beyond(columns)
		if len(rest) == 0 || slices.ContainsFunc(rest, func(column string) bool { return constants[column] == "" }) {
			continue
		}
		p.scope = scope{}
		for _, column := range rest {
			p.scope[column] = constants[column]
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b partialKey) int {
		return cmp.Or(cmp.Compare(len(a.scope), len(b.scope)), cmp.Compare(len(a.conditional), len(b.conditional)))
	})
	return all, nil
}

// indexes are all unique indexes, with and without conditions.
func (have *shape) indexes() (all []partialKey) {
	for i, columns := range have.unique {
		index := "on " + strings.Join(columns, ", ")
		if i == 0 {
			index = "of the primary key"
		}
		all = append(all, partialKey{index: index, columns: columns})
	}
	return append(all, have.partial...)
}

// beyond returns the columns of the index besides others. It returns none if the index lacks some of these.
func (p *partialKey) beyond(columns []string) (rest []string) {
	for _, column := range p.columns {
		if !slices.Contains(columns, column) {
			rest = append(rest, column)
		}
	}
	if len(rest)+len(columns) != len(p.columns) {
		return nil
	}
	return rest
}

// folded returns the names as they are compared, in order.
func folded(columns []string) []string {
	all := make([]string, len(columns))
	for i, column := range columns {
		all[i] = fold(column)
	}
	slices.Sort(all)
	return all
}

// scopeOf returns the rows among which the sheet finds one by a column: those of its tenant.
func (tx *transaction) scopeOf(sheet *schema.Sheet, have *shape, column string) (scope, error) {
	all := scope{}
	for _, columns := range [][]string{sheet.Key, {column}} {
		found, err := tx.scoped(sheet, have, folded(columns))
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			maps.Copy(all, found[0].scope)
		}
	}
	return all, nil
}

// sameConstant reports whether a column of a sheet and one of its parent have the same constant, and the parent's rows are found by a code
// only among those with the constant.
func (tx *transaction) sameConstant(ctx context.Context, sheet *schema.Sheet, from string, parent *schema.Sheet, have *shape, to, code string) (bool, error) {
	child, err := tx.readShape(ctx, sheet.Table)
	if err != nil {
		return false, err
	}
	constants, err := tx.constants(sheet, &child)
	if err != nil {
		return false, err
	}
	within, err := tx.scopeOf(parent, have, code)
	return err == nil && within[fold(to)] != "" && within[fold(to)] == constants[fold(from)], err
}

// among is the condition that a row of the table, with an alias, is one of those among which the sheet finds one by columns.
func (t *table) among(columns []string, alias string) (string, error) {
	if slices.Equal(columns, t.sheet.Key) {
		return t.have.live(alias), nil
	}
	all := scope{}
	for _, column := range columns {
		one, err := t.tx.scopeOf(t.sheet, &t.have, column)
		if err != nil {
			return "", err
		}
		maps.Copy(all, one)
	}
	return t.have.inScope(all, alias), nil
}

// lacksConstant describes which columns of a unique index the sheet needs besides its key, or nothing if that would not help.
func (tx *transaction) lacksConstant(sheet *schema.Sheet, have *shape) (string, error) {
	constants, err := tx.constants(sheet, have)
	if err != nil {
		return "", err
	}
	for _, p := range have.indexes() {
		for _, column := range p.beyond(folded(sheet.Key)) {
			switch {
			case constants[column] != "":
			case columnOf(sheet, column) != "":
				return condition.NeedsKey(p.index, columnOf(sheet, column)), nil
			default:
				is := have.columns[column]
				return condition.NeedsConstant(p.index, is.name, schema.ExampleConstant(is.name, is.example())), nil
			}
		}
	}
	return "", nil
}

// example is a type of the schema that a column can have.
func (is columnShape) example() schema.Type {
	if is.affinity == "INTEGER" {
		return schema.Integer
	}
	return schema.Text
}
