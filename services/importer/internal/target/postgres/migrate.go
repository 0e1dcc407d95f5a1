package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// Plan implements imports.Target. It reads the catalog, and queries for rows that prevent a change. It locks nothing.
func (t *Target) Plan(ctx context.Context, of *schema.Schema) ([]imports.Change, error) {
	conn, err := t.connect(ctx, "headway plan")
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeConn(conn) }()
	if _, err := conn.Exec(ctx, `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`); err != nil {
		return nil, fmt.Errorf("begin the plan: %w", failed(ctx, err))
	}
	tx := &transaction{target: t, ctx: ctx, run: imports.Run{Schema: of}, writer: conn, reader: conn}
	return tx.planAll(ctx)
}

// Migrate implements imports.Target.
func (t *Target) Migrate(ctx context.Context, of *schema.Schema, plan []imports.Change) error {
	conn, err := t.connect(ctx, "headway migrate")
	if err != nil {
		return err
	}
	defer func() { _ = closeConn(conn) }()
	tx := &transaction{target: t, ctx: ctx, run: imports.Run{Schema: of}, writer: conn, reader: conn}
	return inTransaction(ctx, conn, func() error {
		if err := tx.exec(fmt.Sprintf(`SET LOCAL lock_timeout = %d`, t.options.LockTimeout.Milliseconds())); err != nil {
			return fmt.Errorf("limit the wait for locks: %w", err)
		}
		if err := tx.takeTurn(nil); err != nil {
			return err
		}
		now, err := tx.planAll(ctx)
		if err != nil {
			return err
		}
		if !imports.SamePlan(now, plan) {
			return imports.ErrPlanChanged
		}
		if err := imports.BlockedBy(now); err != nil {
			return err
		}
		for _, c := range now {
			if err := tx.make(c); err != nil {
				return err
			}
		}
		return nil
	})
}

// make makes a change.
func (tx *transaction) make(c imports.Change) error {
	for _, statement := range c.Statements {
		err := tx.exec(statement)
		switch {
		case gaveWay(err):
			return fmt.Errorf("%w: another program uses the table %s. Nothing was changed. Try again, or set a longer lock_timeout: %w", imports.ErrTargetUnavailable, c.Table, err)
		case permanent(err):
			return &imports.TableConflictError{Table: c.Table, Detail: fmt.Sprintf("%s (%s). Nothing was changed", message(err), statement)}
		case err != nil:
			return fmt.Errorf("change table %s: %w", c.Table, err)
		}
	}
	if tx.run.Schema == nil || c.Table == ownTables || c.Kind == imports.Left {
		return nil
	}
	return tx.own(c.Table)
}

// own records that the schema of the run has created or changed a table.
func (tx *transaction) own(table string) error {
	err := tx.exec(`INSERT INTO headway_tables (name, schema) VALUES ($1, $2) ON CONFLICT DO NOTHING`, table, tx.run.Schema.Name)
	if err != nil {
		return fmt.Errorf("record the schema of table %s: %w", table, err)
	}
	return nil
}

// ownTables names Headway's own tables in a plan.
const ownTables = "headway_imports, headway_tables"

// planAll returns the changes that the tables of the schema need, parents first.
func (tx *transaction) planAll(ctx context.Context) (plan []imports.Change, err error) {
	missing, err := lacksOwnTables(ctx, tx.reader)
	if err != nil {
		return nil, err
	}
	if tx.unprepared = missing; missing {
		plan = append(plan, imports.Change{Table: ownTables, Kind: imports.Create, Detail: "tables for the state of imports", Statements: createOwnTables})
	}
	var references []imports.Change // after the keys and unique indexes that they need
	for _, sheet := range tx.run.Schema.Sheets {
		changes, err := tx.planSheet(ctx, sheet, &references)
		if blocked, ok := imports.BlockedChange(sheet.Table, err); ok {
			changes = append(changes, blocked)
		} else if err != nil {
			return nil, err
		}
		plan = append(plan, changes...)
	}
	return append(plan, references...), nil
}

// planSheet returns the changes that the table of a sheet needs. It appends the missing foreign keys to references.
func (tx *transaction) planSheet(ctx context.Context, sheet *schema.Sheet, references *[]imports.Change) ([]imports.Change, error) {
	r, err := tx.readRelation(ctx, sheet.Table)
	if err != nil {
		return nil, err
	}
	m := &migration{tx: tx, sheet: sheet, relation: r, tidy: true}
	if err := m.plan(ctx); err != nil {
		return m.changes, err
	}
	p, err := tx.planTable(ctx, tx.run.Schema, sheet, m.relation, m.owned)
	if err != nil {
		return m.changes, err
	}
	if c := p.change(sheet); c != nil {
		m.changes = append(m.changes, *c)
	}
	missing, err := m.missingReferences(ctx)
	*references = append(*references, missing...)
	return m.changes, err
}

// migration finds the changes of a table that Headway has created, other than new columns and indexes. It changes the relation
// to what it will be.
type migration struct {
	tx       *transaction
	sheet    *schema.Sheet
	relation *relation
	owned    bool
	// tidy also plans changes without which an import is possible.
	tidy    bool
	changes []imports.Change
}

// plan plans all changes.
func (m *migration) plan(ctx context.Context) (err error) {
	if m.relation == nil {
		if err := m.renameTable(ctx); err != nil || m.relation == nil {
			return err
		}
	} else if m.owned, err = m.tx.checkOwner(ctx, m.sheet.Table); err != nil || !m.owned {
		return err
	}
	if !m.relation.isTable() {
		return nil // planTable reports it
	}
	for _, c := range m.sheet.Columns {
		m.renameColumn(c)
		m.changeType(c)
	}
	if err := m.changeKey(ctx); err != nil {
		return err
	}
	return m.changeNulls(ctx)
}

func (m *migration) add(statements []string, format string, args ...any) {
	m.changes = append(m.changes, imports.Change{Table: m.sheet.Table, Kind: imports.Migrate, Detail: fmt.Sprintf(format, args...), Statements: statements})
}

func (m *migration) blocked(format string, args ...any) error {
	return &imports.TableConflictError{Table: m.sheet.Table, Detail: fmt.Sprintf(format, args...)}
}

// alter is a statement that changes the table.
func (m *migration) alter(format string, args ...any) string {
	return "ALTER TABLE " + tableName(m.sheet.Table) + " " + fmt.Sprintf(format, args...)
}

// renameTable finds the table under its earlier name. The relation stays nil if there is none.
func (m *migration) renameTable(ctx context.Context) error {
	from := m.sheet.RenamedFrom
	before, after := (&schema.Sheet{Table: from}).TableName(), m.sheet.TableName()
	if from == "" || before.Schema != after.Schema {
		return nil
	}
	owned, err := m.tx.checkOwner(ctx, from)
	if err != nil || !owned {
		return err
	}
	r, err := m.tx.readRelation(ctx, from)
	if err != nil || r == nil {
		return err
	}
	m.relation, m.owned = r, true
	statements := []string{
		fmt.Sprintf("ALTER TABLE %s RENAME TO %s", tableName(from), name(after.Name)),
		fmt.Sprintf("UPDATE headway_tables SET name = %s WHERE name = %s", literal(m.sheet.Table), literal(from)),
	}
	for i := range r.unique {
		if u := &r.unique[i]; len(u.columns) == 1 && u.index == uniqueIndex(from, u.columns[0]) {
			statements = append(statements, u.rename(uniqueIndex(m.sheet.Table, u.columns[0])))
		}
	}
	m.add(statements, "rename the table %s", from)
	return nil
}

// rename is a statement that renames the index.
func (u *uniqueSet) rename(to string) string {
	statement := fmt.Sprintf("ALTER INDEX %s RENAME TO %s", u.quoted, name(to))
	u.quoted = strings.TrimSuffix(u.quoted, name(u.index)) // what remains is a schema, unless the index needs no quotation marks
	if !strings.HasSuffix(u.quoted, ".") {
		u.quoted = ""
	}
	u.index, u.quoted = to, u.quoted+name(to)
	return statement
}

// renameColumn plans the new name of a column, if the table has it under the earlier one.
func (m *migration) renameColumn(c *schema.Column) {
	r, from := m.relation, c.RenamedFrom
	is := r.columns[from]
	if from == "" || is == nil || r.columns[c.Name] != nil {
		return
	}
	if still, _ := m.sheet.Column(from); still != nil {
		return
	}
	statements := []string{m.alter("RENAME COLUMN %s TO %s", name(from), name(c.Name))}
	delete(r.columns, from)
	r.columns[c.Name] = is
	for i := range r.unique {
		u := &r.unique[i]
		if len(u.columns) == 1 && u.index == uniqueIndex(m.sheet.Table, from) {
			statements = append(statements, u.rename(uniqueIndex(m.sheet.Table, c.Name)))
		}
		if at := slices.Index(u.columns, from); at >= 0 {
			u.columns[at] = c.Name
			slices.Sort(u.columns)
		}
	}
	m.add(statements, "rename the column %s to %s", from, c.Name)
}

// changeType plans the type that the schema has for a column, if its type can't hold the values.
func (m *migration) changeType(c *schema.Column) {
	is := m.relation.columns[c.Name]
	if is == nil || is.computed || is.family == unknown || is.family.holds(c.Type) || m.tx.resolutionOf(m.tx.run.Schema, m.sheet, c) != nil {
		return
	}
	to := storedType(c)
	var statements []string
	if is.filled {
		statements = append(statements, m.alter("ALTER COLUMN %s DROP DEFAULT", name(c.Name)))
	}
	statements = append(statements, m.alter("ALTER COLUMN %s TYPE %s USING %s", name(c.Name), to, converted(name(c.Name), is.family, to)))
	m.add(statements, "change the type of the column %s from %s to %s. A value that would change ends the migration, and nothing is changed", c.Name, is.declared, to)
	*is = attribute{name: is.name, declared: to, base: to, family: storedFamily(c), notNull: is.notNull, parent: is.parent, followed: is.followed, precision: -1, scale: -1}
}

// converted is an expression of a column's value in another type. It fails for values that would change.
func converted(column string, from family, to string) string {
	exactly := func(same, value string) string {
		return fmt.Sprintf("CASE WHEN %s THEN %s ELSE (%s::text || ' would change')::%s END", same, value, column, to)
	}
	switch {
	case to == "text":
		return column + "::text"
	case from == integers && to == "boolean":
		return exactly(column+" IN (0, 1)", column+" <> 0")
	case from == booleans && to == "bigint":
		return column + "::int::bigint"
	case from == decimals && to == "bigint":
		return fmt.Sprintf("trim_scale(%s)::text::bigint", column)
	case from == integers && to == "numeric", from == dates && (to == "timestamp"):
		return column + "::" + to
	case from == timestamps && to == "date":
		return exactly(fmt.Sprintf("%s = %[1]s::date", column), column+"::date")
	}
	value := fmt.Sprintf("%s::text::%s", column, to)
	return exactly(fmt.Sprintf("(%s)::text = %s::text", value, column), value)
}

// changeKey plans the key of the schema.
func (m *migration) changeKey(ctx context.Context) error {
	r, key := m.relation, m.sheet.Key
	if r.hasKey(key) || len(r.scoped(m.sheet, slices.Sorted(slices.Values(key)))) > 0 {
		return nil
	}
	stored := make([]string, len(key))
	nulls := make([]string, len(key))
	for i, k := range key {
		is := r.columns[k]
		if is == nil {
			return m.blocked("it lacks the key column %s", k)
		}
		stored[i], nulls[i] = name(is.name), name(is.name)+" IS NULL"
	}
	var twice, empty bool
	err := m.tx.reader.QueryRow(ctx, fmt.Sprintf(`SELECT EXISTS (SELECT FROM %s GROUP BY %s HAVING count(*) > 1), EXISTS (SELECT FROM %[1]s WHERE %[3]s)`,
		r.quoted, strings.Join(stored, ", "), strings.Join(nulls, " OR "))).Scan(&twice, &empty)
	if err != nil {
		return fmt.Errorf("look for duplicates in table %s: %w", m.sheet.Table, failed(ctx, err))
	}
	if twice || empty {
		return m.blocked("rows have the same value of the new key (%s), or none. Correct these rows first", strings.Join(key, ", "))
	}
	old, columns, referring, err := r.primaryKey(ctx, m.tx)
	if err != nil {
		return err
	}
	if referring != "" {
		return m.blocked("the table %s refers to its key, so the key can't be changed. Drop that foreign key first", referring)
	}
	var statements []string
	if old != "" {
		statements = append(statements, m.alter("DROP CONSTRAINT %s", name(old)))
		r.unique = slices.DeleteFunc(r.unique, func(u uniqueSet) bool { return u.index == old })
	}
	detail := fmt.Sprintf("make (%s) the key", strings.Join(key, ", "))
	if len(columns) > 0 {
		detail = fmt.Sprintf("change the key from (%s) to (%s)", strings.Join(columns, ", "), strings.Join(key, ", "))
	}
	m.add(append(statements, m.alter("ADD PRIMARY KEY (%s)", names(key))), "%s", detail)
	for _, k := range key {
		r.columns[k].notNull = true
	}
	r.unique = append(r.unique, uniqueSet{columns: slices.Sorted(slices.Values(key))})
	return nil
}

// primaryKey returns the table's primary key, and a table that refers to it.
func (r *relation) primaryKey(ctx context.Context, tx *transaction) (constraint string, columns []string, referring string, err error) {
	err = tx.reader.QueryRow(ctx, `SELECT coalesce(max(c.conname), ''), coalesce(max(f.conrelid::regclass::text), ''),
			ARRAY(SELECT a.attname::text FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey) WHERE k.conrelid = $1 AND k.contype = 'p')
		FROM pg_constraint c LEFT JOIN pg_constraint f ON f.contype = 'f' AND f.confrelid = $1 AND f.conindid = c.conindid
		WHERE c.conrelid = $1 AND c.contype = 'p'`, r.oid).Scan(&constraint, &referring, &columns)
	if err != nil {
		return "", nil, "", fmt.Errorf("read the primary key of table %s: %w", r.quoted, failed(ctx, err))
	}
	return constraint, columns, referring, nil
}

// changeNulls lets columns be empty that the schema lets be empty, or no longer has. If it tidies, it also forbids empty values in
// required columns that have none.
func (m *migration) changeNulls(ctx context.Context) error {
	r := m.relation
	for _, column := range slices.Sorted(maps.Keys(r.columns)) {
		is := r.columns[column]
		c, _ := m.sheet.Column(column)
		switch {
		case is.notNull && !slices.Contains(m.sheet.Key, column) && !is.computed && (c != nil && !c.Required || c == nil && m.sheet.GeneratedIn(column) == nil && !is.filled):
			m.add([]string{m.alter("ALTER COLUMN %s DROP NOT NULL", name(column))}, "let the column %s be empty", column)
			is.notNull = false
		case m.tidy && c != nil && c.Required && !is.notNull:
			var empty bool
			err := m.tx.reader.QueryRow(ctx, fmt.Sprintf(`SELECT EXISTS (SELECT FROM %s WHERE %s IS NULL)`, r.quoted, name(is.name))).Scan(&empty)
			if err != nil {
				return fmt.Errorf("look for empty values in table %s: %w", m.sheet.Table, failed(ctx, err))
			}
			if !empty {
				m.add([]string{m.alter("ALTER COLUMN %s SET NOT NULL", name(column))}, "require a value in the column %s", column)
				is.notNull = true
			}
		}
	}
	return nil
}
