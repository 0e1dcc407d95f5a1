package postgres

import (
	"fmt"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// releaseValues replaces values of unique columns that rows take from others of the run: PostgreSQL checks unique indexes
// row by row, in its own order.
func (t *table) releaseValues() error {
	for i, c := range t.columns {
		if !isUnique(t.sheet, c) || slices.Contains(t.key, i) || t.plan.added[c.Name] {
			continue
		}
		column, keys := name(c.Name), make([]string, len(t.key))
		again := make([]string, len(t.key))
		for i, k := range t.key {
			key := name(t.columns[k].Name)
			keys[i], again[i] = "o."+key, fmt.Sprintf("t.%s = x.%[1]s", key)
		}
		if live := t.live("t"); live != "" {
			again = append(again, live)
		}
		taken := fmt.Sprintf(`SELECT %s, row_number() OVER () AS headway_number FROM %s s JOIN %s o ON %s WHERE NOT (%s) AND EXISTS (SELECT FROM %s r WHERE NOT r.%s AND %s)`,
			strings.Join(keys, ", "), t.stage, tableName(t.sheet.Table), t.same(c, "o", "s"), t.sameKey("o", "s"), t.stage, name(staging), t.sameKey("o", "r"))
		err := t.tx.exec(fmt.Sprintf(`UPDATE %s t SET %s = %s FROM (%s) x WHERE %s`,
			tableName(t.sheet.Table), column, t.temporary(c), taken, strings.Join(again, " AND ")))
		if refusal(err) {
			return &imports.TableConflictError{Table: t.sheet.Table,
				Detail: fmt.Sprintf("its column %s can't have a temporary value while rows exchange their values: %s", c.Name, message(err))}
		}
		if err != nil {
			return t.failed(err)
		}
	}
	return nil
}

// temporary is a value for a unique column that no other row has. It is null if possible, because that fits every type. If
// other rows follow the value, they would lose their reference by a null.
func (t *table) temporary(c *schema.Column) string {
	a := t.attribute(c.Name)
	lowest := map[string]string{"smallint": "-32768", "integer": "-2147483648", "bigint": "-9223372036854775808"}[a.base]
	switch {
	case !a.notNull && !a.followed:
		return "NULL"
	case lowest != "":
		return "(" + lowest + ")::" + a.base + " + x.headway_number"
	}
	return fmt.Sprintf("'headway %s ' || x.headway_number", t.tx.run.ImportID)
}
