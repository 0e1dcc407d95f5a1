package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// resolution is how a column finds the row that it refers to: the file has the value of one column of the parent (a code),
// and the database stores another one (a surrogate key, which it might have made in this run).
type resolution struct {
	// parent is a table, or a query in parentheses. id is its column that is stored, and code is the one that the file has.
	parent, id, code string
	// column is the column of the parent's rows that has the code: code itself, unless the parent is a query.
	column string
	// tables are those of the schema from which the parent is read.
	tables []string
	// codeTable and codeColumn are where the code is stored. base is its type without a domain, family the group of this
	// type, and labels are its values if it is an enum.
	codeTable, codeColumn string
	base                  string
	family                family
	labels                []string
	// self means that the parent is the column's own table.
	self bool
	// alias is the parent's name in queries.
	alias string
}

// chained is the code's column of a query, if the code of the parent is itself resolved.
const chained = "headway_code"

// maxChain is the maximum number of tables that a code is found through.
const maxChain = 8

// resolutionOf returns how a column of a sheet finds its row, or nil if the database stores what the file has.
func (tx *transaction) resolutionOf(of *schema.Schema, sheet *schema.Sheet, c *schema.Column) *resolution {
	return tx.resolution(of, sheet, c, maxChain)
}

func (tx *transaction) resolution(of *schema.Schema, sheet *schema.Sheet, c *schema.Column, depth int) *resolution {
	at, found := tx.parents[storedColumn{sheet.Table, c.Name}]
	if c.References == nil || !found || depth == 0 {
		return nil
	}
	parent := of.Sheet(c.References.Sheet)
	if parent == nil || parent.Table != at.name || !tx.together[storedColumn{sheet.Table, c.Name}].finds(tx, sheet, parent, c.References.Column) {
		return nil
	}
	rows := tx.parentRows(at.table, parent.Table, c.References.Column)
	r := &resolution{parent: rows, id: at.column, code: c.References.Column, column: c.References.Column, tables: []string{parent.Table},
		codeTable: at.table, codeColumn: c.References.Column, self: parent.Table == sheet.Table}
	// The parent can refer to another row by the same column, such as a profile to its user. Then the file has that row's code.
	var next *resolution
	if code, _ := parent.Column(c.References.Column); code != nil {
		next = tx.resolution(of, parent, code, depth-1)
	}
	switch {
	case next == nil && r.id == r.code:
		return nil
	case next == nil:
		return r
	case r.id == r.column:
		next.self = slices.Contains(next.tables, sheet.Table)
		return next
	}
	r.parent = fmt.Sprintf("(SELECT p.%s, q.%s AS %s FROM %s p JOIN %s q ON q.%s = p.%s)", name(r.id), name(next.code), chained, rows, next.parent, name(next.id), name(r.column))
	r.code, r.tables = chained, append(r.tables, next.tables...)
	r.codeTable, r.codeColumn = next.codeTable, next.codeColumn
	return r
}

// resolve finds the columns that refer to rows by another value than the one that the database stores.
func (t *table) resolve(of *schema.Schema) error {
	t.resolved = map[string]*resolution{}
	for i, c := range t.sheet.Columns {
		if t.attribute(c.Name) == nil {
			continue
		}
		r := t.tx.resolutionOf(of, t.sheet, c)
		if r == nil {
			continue
		}
		if r.self && (slices.Contains(t.sheet.Key, c.Name) || isUnique(t.sheet, c)) {
			return &imports.TableConflictError{Table: t.sheet.Table,
				Detail: fmt.Sprintf("its column %s stores %s.%s of the same table, and the schema refers to %s. Such a column can't be unique or part of the key", c.Name, t.sheet.Table, r.id, r.column)}
		}
		if err := t.tx.readCodeType(t.tx.ctx, r); err != nil {
			return err
		}
		r.alias = fmt.Sprintf("r%d", i)
		t.resolved[c.Name] = r
	}
	return nil
}

// readCodeType reads the type of the values by which the parent is found.
func (tx *transaction) readCodeType(ctx context.Context, r *resolution) error {
	var typeName string
	var enum bool
	err := tx.reader.QueryRow(ctx, `WITH RECURSIVE typed (oid) AS (
			SELECT atttypid FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2 AND NOT attisdropped
			UNION ALL SELECT t.typbasetype FROM typed d JOIN pg_type t ON t.oid = d.oid WHERE t.typtype = 'd'
		)
		SELECT format_type(t.oid, NULL), t.typname, t.typtype = 'e', ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = t.oid) FROM typed d JOIN pg_type t ON t.oid = d.oid AND t.typtype <> 'd'`,
		r.codeTable, r.codeColumn).Scan(&r.base, &typeName, &enum, &r.labels)
	if err != nil {
		return fmt.Errorf("read the type of %s.%s: %w", r.codeTable, r.codeColumn, failed(ctx, err))
	}
	if typeName == "bpchar" {
		r.base = typeName
	}
	if r.family = families[typeName]; enum {
		r.family = labels
	}
	return nil
}

// idOf is an expression of the key that the column stores for a row of a stage. It is null if there is no such parent.
func (r *resolution) idOf(c *schema.Column, staged string) string {
	return fmt.Sprintf("(SELECT q.%s FROM %s q WHERE q.%s = %s)", name(r.id), r.parent, name(r.code), r.compared(c, staged))
}

// joins are the joins of a stage with the parents of its columns. Those of the table itself are left out, because their rows
// are written by the same statement.
func (t *table) joins() string {
	var all strings.Builder
	for _, c := range t.columns {
		if r := t.resolved[c.Name]; r != nil && !r.self {
			fmt.Fprintf(&all, " LEFT JOIN %s %s ON %s", r.parent, r.alias, found(c, r))
		}
	}
	return all.String()
}

// found is the condition that a parent is the one that a row of the stage, s, refers to.
func found(c *schema.Column, r *resolution) string {
	return fmt.Sprintf("%s.%s = %s", r.alias, name(r.code), r.compared(c, "s"))
}

// compared is a column of a stage in a type that is compared as the code is.
func (r *resolution) compared(c *schema.Column, staged string) string {
	return r.comparedAs(staged, c.Name, c)
}

// comparedAs is like compared, for a column with another name.
func (r *resolution) comparedAs(staged, column string, c *schema.Column) string {
	value := staged + "." + name(column)
	switch {
	case r.family == moments:
		return value + " AT TIME ZONE 'UTC'"
	case r.family == integers || r.base == storedFamily(c).staged():
		return value
	}
	return value + "::" + r.base
}

// complete is the condition that all parents are found, if there are any.
func (t *table) complete() string {
	all := ""
	for _, c := range t.columns {
		if r := t.resolved[c.Name]; r != nil && !r.self {
			all += fmt.Sprintf(" AND (s.%s IS NULL OR %s.%s IS NOT NULL)", name(c.Name), r.alias, name(r.id))
		}
	}
	return all
}

// newID is the column of the IDs of new rows.
const newID = "headway_id"

// ownID returns the column of the table that its own rows refer to, and whether the rows have its value. It returns nothing if
// no column of the rows does, or if several are referred to.
func (t *table) ownID() (id string, given bool) {
	for _, c := range t.columns {
		if r := t.resolved[c.Name]; r != nil && r.self {
			if id != "" && id != r.id {
				return "", false
			}
			id = r.id
		}
	}
	c, _ := t.column(id)
	return id, c != nil
}

// makeIDs makes the IDs of the new rows before these are written, if the rows of the table refer to each other. Without it, new
// rows would have to be written without their references first, and rules about these would apply to them.
func (t *table) makeIDs() error {
	id, given := t.ownID()
	if id == "" || t.ids != "" && given {
		return nil
	}
	var value string
	a := t.attribute(id)
	switch g := t.sheet.GeneratedIn(id); {
	case given:
		c, _ := t.column(id)
		value = t.value(c)
	case g != nil:
		value = generate(g, a)
	case a.identity && a.initial == "":
		value = fmt.Sprintf("nextval(pg_get_serial_sequence(%s, %s)::regclass)", literal(tableName(t.sheet.Table)), literal(id))
	case a.initial != "":
		value = a.initial
	default:
		return nil // a trigger makes it
	}
	selected := []string{value + " AS " + name(newID)}
	seen := map[string]bool{}
	add := func(column string) {
		if c, _ := t.column(column); c != nil && !seen[column] {
			seen[column], selected = true, append(selected, "s."+name(column))
		}
	}
	for _, key := range t.sheet.Key {
		add(key)
	}
	for _, c := range t.columns {
		if r := t.resolved[c.Name]; r != nil && r.self {
			add(r.column)
			if !seen[r.column] {
				return nil // the rows don't have the code
			}
		}
	}
	t.ids = fmt.Sprintf(`pg_temp."headway_ids_%d"`, slices.Index(t.tx.tables, t))
	return t.failed(t.tx.exec(fmt.Sprintf(`CREATE TEMPORARY TABLE %s ON COMMIT DROP AS SELECT %s FROM %s s%s WHERE s.%s%s`,
		t.ids, strings.Join(selected, ", "), t.stage, t.joins(), name(staging), t.complete())))
}

// joinIDs are the joins of the new rows with their own IDs, and with the rows of the table that they refer to, whether these are
// new or not.
func (t *table) joinIDs() string {
	if t.ids == "" {
		return ""
	}
	var all strings.Builder
	if _, given := t.ownID(); !given {
		same := make([]string, len(t.sheet.Key))
		for i, key := range t.sheet.Key {
			same[i] = fmt.Sprintf("i.%s = s.%[1]s", name(key))
		}
		fmt.Fprintf(&all, " JOIN %s i ON %s", t.ids, strings.Join(same, " AND "))
	}
	for _, c := range t.columns {
		if r := t.resolved[c.Name]; r != nil && r.self {
			fmt.Fprintf(&all, " LEFT JOIN %s %s ON %s LEFT JOIN %s n%[2]s ON %[5]s = %[6]s", r.parent, r.alias, found(c, r), t.ids, r.comparedAs("n"+r.alias, r.column, c), r.compared(c, "s"))
		}
	}
	return all.String()
}

// ofEither is the ID of the row of the same table that a new row refers to.
func (r *resolution) ofEither() string {
	return fmt.Sprintf("coalesce(%[1]s.%[2]s, n%[1]s.%[3]s)", r.alias, name(r.id), name(newID))
}

// completeIDs is the condition that all rows of the same table that a new row refers to are found.
func (t *table) completeIDs() string {
	all := ""
	for _, c := range t.columns {
		if r := t.resolved[c.Name]; t.ids != "" && r != nil && r.self {
			all += fmt.Sprintf(" AND (s.%s IS NULL OR %s IS NOT NULL)", name(c.Name), r.ofEither())
		}
	}
	return all
}

// refersLater reports whether rows that exist get the value of a column only after the new rows are written: it can refer to one of these,
// and the database checks the foreign key immediately.
func (t *table) refersLater(c *schema.Column) bool {
	return t.inserts > 0 && t.updates > 0 && slices.ContainsFunc(t.tx.keys, func(k foreignKey) bool {
		return k.childTable == t && k.parentTable == t && !k.deferrable && len(k.from) == 1 && k.from[0] == c.Name
	})
}

// setLater sets a column for which refersLater is true.
func (t *table) setLater(c *schema.Column, search *search) error {
	column, value := name(c.Name), t.kept(c)
	return t.applyRowsOf(operation{table: t, flag: "NOT s." + name(staging), rows: t.inserts + t.updates, links: true,
		statement: fmt.Sprintf(`UPDATE %s t SET %s = %s FROM %s s WHERE %s AND t.%[2]s IS DISTINCT FROM %[3]s AND NOT s.%[6]s`,
			tableName(t.sheet.Table), column, value, t.stage, t.sameKey("t", "s"), name(staging))}, search)
}

// linkRows sets the columns that refer to rows of the table itself, when all of its rows are written. New rows have them already
// if their IDs were made before.
func (t *table) linkRows(search *search) error {
	o := operation{table: t, flag: "true", rows: t.inserts + t.updates, links: true}
	if t.ids != "" {
		o.flag = "NOT s." + name(staging)
	}
	for _, c := range t.columns {
		r := t.resolved[c.Name]
		switch {
		case r == nil && t.refersLater(c):
			if err := t.setLater(c, search); err != nil {
				return err
			}
			continue
		case r == nil || !r.self:
			continue
		case t.ids != "" && t.updates == 0:
			t.tx.wrote(t.inserts)
			continue
		}
		var lost int64
		column := name(c.Name)
		err := t.tx.writer.QueryRow(t.tx.ctx, fmt.Sprintf(`SELECT count(*) FROM %s s WHERE s.%s IS NOT NULL AND NOT EXISTS (SELECT FROM %s %s WHERE %s)`,
			t.stage, column, r.parent, r.alias, found(c, r))).Scan(&lost)
		if err != nil {
			return t.failed(err)
		}
		if lost > 0 {
			return &refusedError{table: t, cause: fmt.Errorf("references to rows that no longer exist: %s of the table %s", imports.Rows(uint32(lost)), t.sheet.Table)}
		}
		id, flag := r.alias+"."+name(r.id), o.flag
		if c.KeepsBlank() {
			flag = fmt.Sprintf("(s.%s IS NOT NULL OR s.%s) AND %s", column, name(staging), flag)
		}
		o.statement = fmt.Sprintf(`UPDATE %s t SET %s = %s FROM %s s LEFT JOIN %s %s ON %s WHERE %s AND t.%s IS DISTINCT FROM %s AND %s`,
			tableName(t.sheet.Table), column, id, t.stage, r.parent, r.alias, found(c, r), t.sameKey("t", "s"), column, id, flag)
		if err := t.applyRowsOf(o, search); err != nil {
			return err
		}
	}
	return nil
}
