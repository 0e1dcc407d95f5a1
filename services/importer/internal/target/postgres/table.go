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

// table is an imports.Table.
type table struct {
	tx      *transaction
	sheet   *schema.Sheet
	columns []*schema.Column
	key     []int // of the columns
	// bounded are the columns with the bounds of the database.
	bounded []*schema.Column
	// relation is nil if there was no table at the beginning.
	relation *relation
	plan     *plan
	empty    bool
	// stage is where the rows are collected: a temporary table, or the new table itself. It is empty as long as there are
	// no rows.
	stage string
	// inserts and updates count the collected rows.
	inserts, updates int64
	// releases means that rows take values of a unique column from each other.
	releases bool
	// early means that foreign keys of the table are checked by each statement.
	early bool

	// resolved are the columns that refer to a row by a value other than the one that the database stores. ids is a temporary
	// table with the IDs of the new rows, so that new rows can refer to each other. It is empty if there is none.
	resolved map[string]*resolution
	ids      string

	existing *lookup
	owners   map[string]*lookup
}

// Table implements imports.TargetTx.
func (tx *transaction) Table(ctx context.Context, of *schema.Schema, sheet *schema.Sheet, columns []*schema.Column) (imports.Table, error) {
	if err := tx.endCopy(); err != nil {
		return nil, err
	}
	t := &table{tx: tx, sheet: sheet, columns: columns, owners: map[string]*lookup{}}
	for _, k := range sheet.Key {
		i := slices.IndexFunc(columns, func(c *schema.Column) bool { return c.Name == k })
		if i < 0 {
			return nil, fmt.Errorf("table %s: the key column %s is not among the columns to write", sheet.Table, k)
		}
		t.key = append(t.key, i)
	}
	var err error
	if t.relation, err = tx.readRelation(ctx, sheet.Table); err != nil {
		return nil, err
	}
	if t.plan, err = tx.planned(ctx, of, sheet, t.relation); err != nil {
		return nil, err
	}
	if err := t.resolve(of); err != nil {
		return nil, err
	}
	t.bounded = t.bounds()
	if t.empty = t.relation == nil; !t.empty {
		err := tx.reader.QueryRow(ctx, fmt.Sprintf(`SELECT NOT EXISTS (SELECT FROM %s)`, tableName(sheet.Table))).Scan(&t.empty)
		if permanent(err) {
			return nil, &imports.TableConflictError{Table: sheet.Table, Detail: "it can't be read: " + message(err)}
		}
		if err != nil {
			return nil, fmt.Errorf("look into table %s: %w", sheet.Table, failed(ctx, err))
		}
	}
	tx.tables = append(tx.tables, t)
	return t, nil
}

// Changes implements imports.TargetTx.
func (tx *transaction) Changes() (all []imports.Change) {
	for _, t := range tx.tables {
		if c := t.plan.change(t.sheet); c != nil {
			all = append(all, *c)
		}
	}
	return all
}

// planned returns the changes that an import makes to a table, if it may make them.
func (tx *transaction) planned(ctx context.Context, of *schema.Schema, sheet *schema.Sheet, r *relation) (*plan, error) {
	m := &migration{tx: tx, sheet: sheet, relation: r}
	if err := m.plan(ctx); err != nil {
		return nil, err
	}
	manage := tx.target.options.Manage
	if len(m.changes) > 0 {
		return nil, manage.Allows(m.changes[0])
	}
	p, err := tx.planTable(ctx, of, sheet, r, m.owned)
	if err != nil {
		return nil, err
	}
	if c := p.change(sheet); c != nil {
		return p, manage.Allows(*c)
	}
	return p, nil
}

// Columns implements imports.Table.
func (t *table) Columns() []*schema.Column { return t.bounded }

// WasEmpty implements imports.Table.
func (t *table) WasEmpty() bool { return t.empty }

// Added implements imports.Table.
func (t *table) Added() []string {
	if t.empty {
		return nil
	}
	return slices.Sorted(maps.Keys(t.plan.added))
}

// attribute returns the column of the database for a column of the schema. It returns nil if the table lacks it.
func (t *table) attribute(column string) *attribute {
	if t.relation == nil {
		return nil
	}
	return t.relation.columns[column]
}

// Insert implements imports.Table.
func (t *table) Insert(ctx context.Context, rows [][]imports.Value) error {
	flag := "t\t"
	if t.plan.create {
		flag = ""
	}
	for _, key := range t.sheet.Key {
		if a := t.attribute(key); len(rows) > 0 && a != nil && a.always && t.resolved[key] == nil {
			return &imports.TableConflictError{Table: t.sheet.Table, Detail: fmt.Sprintf("its key column %s is GENERATED ALWAYS AS IDENTITY, so new rows can't have the "+
				"values of the file. Only rows that exist can be updated", key)}
		}
	}
	return t.collect(ctx, rows, flag, &t.inserts)
}

// Update implements imports.Table.
func (t *table) Update(ctx context.Context, rows [][]imports.Value) error {
	if t.plan.create {
		return &imports.TableConflictError{Table: t.sheet.Table, Detail: "it is new, so it has no rows to change"}
	}
	return t.collect(ctx, rows, "f\t", &t.updates)
}

// Release implements imports.Table. The rows are found when they are applied.
func (t *table) Release(context.Context, int, [][]imports.Value) error {
	t.releases = true
	return nil
}

// collect copies rows to the stage. flag is the value of its first column.
func (t *table) collect(ctx context.Context, rows [][]imports.Value, flag string, count *int64) error {
	if len(rows) == 0 {
		return nil
	}
	if t.stage == "" {
		if err := t.createStage(); err != nil {
			return err
		}
	}
	if t.tx.copying == nil {
		t.tx.startCopy(t.sheet.Table, t.copyStatement())
	}
	if err := t.tx.copying.add(ctx, rows, flag); err != nil {
		return t.tx.copyFailed(t.sheet.Table, err)
	}
	*count += int64(len(rows))
	return nil
}

// staging is the column of a stage that has whether a row is new.
const staging = "headway_new"

// createStage creates the table that collects the rows.
func (t *table) createStage() error {
	if t.plan.create {
		for _, statement := range t.plan.first {
			if err := t.change(statement); err != nil {
				return err
			}
		}
		t.plan.first, t.stage = nil, tableName(t.sheet.Table)
		return nil
	}
	if err := t.lockable(); err != nil {
		return err
	}
	columns := []string{name(staging) + " boolean"}
	for _, c := range t.columns {
		columns = append(columns, name(c.Name)+" "+t.family(c).staged())
	}
	stage := fmt.Sprintf(`pg_temp."headway_stage_%d"`, slices.Index(t.tx.tables, t))
	if err := t.tx.exec(fmt.Sprintf(`CREATE TEMPORARY TABLE %s (%s) ON COMMIT DROP`, stage, strings.Join(columns, ", "))); err != nil {
		return fmt.Errorf("create a stage for table %s: %w", t.sheet.Table, err)
	}
	t.stage = stage
	return nil
}

// lockable returns an error if the user may not lock the table. Otherwise, only the commit would find out.
func (t *table) lockable() error {
	var may bool
	var user string
	err := t.tx.writer.QueryRow(t.tx.ctx, `SELECT has_table_privilege($1::oid, 'UPDATE, DELETE, TRUNCATE') OR
		CASE WHEN current_setting('server_version_num')::int >= 170000 THEN has_table_privilege($1::oid, 'MAINTAIN') ELSE false END, current_user::text`, t.relation.oid).Scan(&may, &user)
	switch {
	case err != nil:
		return t.failed(err)
	case !may:
		return &imports.TableConflictError{Table: t.sheet.Table, Detail: fmt.Sprintf("the user %s can't lock it, which is only possible with the right to update or "+
			"delete rows of the whole table: GRANT UPDATE ON %s TO %s", user, tableName(t.sheet.Table), name(user))}
	}
	return nil
}

// family returns the family of a column, even if the table lacks it so far.
func (t *table) family(c *schema.Column) family {
	if a := t.attribute(c.Name); a != nil && t.resolved[c.Name] == nil {
		return a.family
	}
	return storedFamily(c)
}

func (t *table) copyStatement() string {
	columns := names(columnNames(t.columns))
	if !t.plan.create {
		columns = name(staging) + ", " + columns
	}
	return fmt.Sprintf(`COPY %s (%s) FROM STDIN`, t.stage, columns)
}

// change runs a statement that changes the table.
func (t *table) change(statement string) error {
	err := t.tx.exec(statement)
	if permanent(err) {
		return &imports.TableConflictError{Table: t.sheet.Table, Detail: fmt.Sprintf("it can't be changed: %s (%s)", message(err), statement)}
	}
	if err != nil {
		return fmt.Errorf("change table %s: %w", t.sheet.Table, err)
	}
	return nil
}

// Existing implements imports.Table.
func (t *table) Existing(ctx context.Context, rows [][]imports.Value) ([][]imports.Value, error) {
	t.tx.using.Lock()
	defer t.tx.using.Unlock()
	if t.existing == nil {
		var err error
		if t.existing, err = t.newLookup(ctx, t.sheet.Key, t.columns); err != nil {
			return nil, err
		}
	}
	l := t.existing
	l.begin(len(rows))
	for i, row := range rows {
		l.ask(i, row, t.key)
	}
	err := l.run(ctx, rows)
	return l.answer.found, err
}

// Values implements imports.Table.
func (t *table) Values(ctx context.Context, column string, each func(imports.Value) error) error {
	t.tx.using.Lock()
	defer t.tx.using.Unlock()
	a := t.attribute(column)
	c, _ := t.sheet.Column(column)
	if a == nil {
		return nil // the run adds the column
	}
	shown, join := a.family.read("t."+name(column)), ""
	if r := t.resolved[column]; r != nil {
		join = fmt.Sprintf(" JOIN %s %s ON %[2]s.%s = t.%s", r.parent, r.alias, name(r.id), name(column))
		shown = r.alias + "." + name(r.code) + "::" + t.family(c).staged()
	}
	where := fmt.Sprintf("t.%s IS NOT NULL", name(column))
	if slices.Contains(t.sheet.Key, column) {
		where = both(where, t.live("t"))
	} else {
		where = both(where, t.among([]string{column}, "t"))
	}
	result := t.tx.reader.PgConn().ExecParams(ctx, fmt.Sprintf("SELECT %s FROM %s t%s WHERE %s", shown, tableName(t.sheet.Table), join, where), nil, nil, nil, nil)
	var ended error
	var text []byte
	for ended == nil && result.NextRow() {
		var v imports.Value
		if v, text, ended = value(result.Values()[0], c, t.family(c), text[:0]); ended != nil {
			ended = &imports.TableConflictError{Table: t.sheet.Table, Detail: ended.Error()}
		} else {
			ended = each(v)
		}
	}
	if _, err := result.Close(); err != nil && ended == nil {
		if permanent(err) {
			return &imports.TableConflictError{Table: t.sheet.Table, Detail: "it can't be read: " + message(err)}
		}
		return fmt.Errorf("read the values of table %s: %w", t.sheet.Table, failed(ctx, err))
	}
	return ended
}

// Owners implements imports.Table.
func (t *table) Owners(ctx context.Context, column string, values []imports.Value) ([][]imports.Value, error) {
	t.tx.using.Lock()
	defer t.tx.using.Unlock()
	l := t.owners[column]
	if l == nil {
		keys := make([]*schema.Column, len(t.sheet.Key))
		for i, k := range t.sheet.Key {
			keys[i], _ = t.sheet.Column(k)
		}
		var err error
		if l, err = t.newLookup(ctx, []string{column}, keys); err != nil {
			return nil, err
		}
		t.owners[column] = l
	}
	l.begin(len(values))
	for i := range values {
		l.ask(i, values[i:i+1], []int{0})
	}
	err := l.run(ctx, nil)
	return l.answer.found, err
}
