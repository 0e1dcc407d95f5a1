package postgres

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"headway/internal/backoff"
	"headway/internal/pgerr"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// applyTries is how often the rows are applied if another program has locked something.
const applyTries = 10

// refusedError means that the database refuses rows of a table. The table is nil if it is not known.
type refusedError struct {
	table *table
	cause error
	// divided means that the rows of the table were written by several statements, or that foreign keys were checked early.
	divided bool
}

func (e *refusedError) Error() string { return e.cause.Error() }

func (e *refusedError) Unwrap() error { return e.cause }

// apply writes the collected rows to their tables. It returns *imports.RefusedRowsError if the database refuses some, and
// imports.ErrOvertaken if another program has changed what the run has looked up.
func (tx *transaction) apply() error {
	if tx.applied {
		return nil
	}
	if err := tx.exec(`SAVEPOINT headway_apply`); err != nil {
		return fmt.Errorf("apply the rows: %w", err)
	}
	var search *search
	for try := 1; ; {
		err := tx.applyAll(search)
		var refused *refusedError
		switch {
		case err == nil && search.found() > 0:
			return &imports.RefusedRowsError{Rows: search.rows}
		case err == nil:
			tx.applied = true
			return nil
		case errors.As(err, &refused):
			if search, err = tx.next(search, refused); err != nil {
				return err
			}
		case !gaveWay(err):
			return err
		case try == applyTries:
			return fmt.Errorf("apply the rows: %w: %w", imports.ErrTargetUnavailable, err)
		default:
			try++
			search = search.again()
			if !backoff.Sleep(tx.ctx, lockPause) {
				return tx.ctx.Err()
			}
		}
		if err := tx.exec(`ROLLBACK TO SAVEPOINT headway_apply`); err != nil {
			return fmt.Errorf("apply the rows: %w", err)
		}
	}
}

// next decides how the rows are applied again after the database has refused some.
func (tx *transaction) next(before *search, refused *refusedError) (*search, error) {
	c := pgerr.Code(refused.cause)
	switch t := refused.table; {
	case c == uniqueViolation && t != nil && t.updates > 0 && !t.releases:
		t.releases = true
		return before, nil
	case c == foreignKeyViolation && refused.divided && !tx.undivided:
		tx.undivided = true
		return before, nil
	case before != nil:
		return nil, &imports.TableConflictError{Table: "the database", Detail: "it rejects rows, and Headway can't determine which: " + message(refused.cause)}
	case !tx.run.Exclusive && (c == "" || c == uniqueViolation || c == foreignKeyViolation || c == exclusionViolation):
		return nil, fmt.Errorf("%w: %w", imports.ErrOvertaken, refused.cause)
	}
	return &search{tx: tx}, nil
}

// applyAll locks and changes the tables, and writes the rows. With a search, it finds the rows that the database refuses.
func (tx *transaction) applyAll(search *search) error {
	if err := tx.findUncounted(); err != nil {
		return err
	}
	var locked []string
	for _, t := range tx.tables {
		if !t.plan.create && (t.stage != "" || t.plan.any() || tx.uncounted && t.relation != nil) {
			locked = append(locked, t.sheet.Table)
		}
	}
	if err := tx.lockTables(locked); err != nil {
		return err
	}
	for _, t := range tx.tables {
		if err := t.changeAll(t.plan.first); err != nil {
			return err
		}
	}
	tx.beginWriting()
	watches, err := tx.watchTables()
	if err != nil {
		return err
	}
	// A value and the rows that refer to it can change in any order. A statement writes few rows, so it must find others by an index, and not
	// read whole tables.
	if err := tx.exec(`SET CONSTRAINTS ALL DEFERRED; SET LOCAL random_page_cost = 1`); err != nil {
		return err
	}
	if tx.keys, err = tx.foreignKeys(tx.ctx); err != nil {
		return err
	}
	written := map[*table]bool{}
	for _, t := range tx.parentsFirst() {
		if err := t.checkEarly(written, search); err != nil {
			return err
		}
		if err := t.applyRows(search); err != nil {
			return err
		}
		written[t] = true
	}
	if len(tx.keys) > 0 {
		tx.run.Does("Checking references")
	}
	if err := tx.exec(`SET CONSTRAINTS ALL IMMEDIATE`); refusal(err) {
		return &refusedError{cause: err}
	} else if err != nil {
		return err
	}
	if search.found() == 0 {
		if err := tx.checkKept(watches, search == nil); err != nil {
			return err
		}
	}
	for _, t := range tx.tables {
		for i, statement := range t.plan.last {
			tx.run.Does("%s: building keys and indexes, %d of %d", t.sheet.Title, i+1, len(t.plan.last))
			if err := t.change(statement); err != nil {
				return err
			}
			if t.plan.create {
				tx.wrote(t.inserts)
			}
		}
		if !t.plan.any() {
			continue
		}
		if err := tx.own(t.sheet.Table); err != nil {
			return err
		}
	}
	return nil
}

// changeAll runs statements that change the table.
func (t *table) changeAll(statements []string) error {
	for _, statement := range statements {
		if err := t.change(statement); err != nil {
			return err
		}
	}
	return nil
}

// operation writes the rows of a stage that are new, or those that change others.
type operation struct {
	table *table
	// flag selects the rows. statement ends with a condition to which others can be added.
	flag, statement string
	rows            int64
	inserts         bool
	// links means that the rows are linked to others of their table. Some might be linked already.
	links bool
}

// applyRows writes the collected rows. Updates come first: only they release unique values that other rows take.
func (t *table) applyRows(search *search) error {
	if t.stage == "" || t.plan.create {
		return nil
	}
	var operations []operation
	if t.updates > 0 {
		operations = append(operations, operation{table: t, flag: "NOT s." + name(staging), statement: t.update(), rows: t.updates})
	}
	if t.inserts > 0 {
		if err := t.makeIDs(); err != nil {
			return err
		}
		operations = append(operations, operation{table: t, flag: "s." + name(staging), statement: t.insert(), rows: t.inserts, inserts: true})
	}
	if t.releases {
		if err := t.releaseValues(); err != nil {
			return err
		}
	}
	for _, o := range operations {
		if err := t.applyRowsOf(o, search); err != nil {
			return err
		}
	}
	if search.found() > 0 {
		return nil // a row can refer to a refused one
	}
	return t.linkRows(search)
}

// applyRowsOf writes the rows of an operation.
func (t *table) applyRowsOf(o operation, search *search) error {
	if search != nil {
		defer t.tx.wrote(o.rows)
		return search.run(o)
	}
	spans, err := t.spans()
	if err != nil {
		return err
	}
	if t.relation.statements && o.rows > t.tx.target.options.StatementRows {
		t.tx.run.Does("%s: writing %s together, because of a trigger or a rule", t.sheet.Title, imports.Rows(uint32(o.rows)))
	}
	var written int64
	for i, s := range spans {
		tag, err := t.tx.writer.Exec(t.tx.ctx, o.statement+" AND "+s.condition())
		switch {
		case refusal(err):
			return &refusedError{table: t, cause: err, divided: len(spans) > 1 || t.early}
		case err != nil:
			return t.failed(err)
		}
		written += tag.RowsAffected()
		if o.links {
			t.tx.wrote(o.rows*int64(i+1)/int64(len(spans)) - o.rows*int64(i)/int64(len(spans)))
		} else {
			t.tx.wrote(tag.RowsAffected())
		}
	}
	if written != o.rows && !o.links {
		return &refusedError{table: t, cause: fmt.Errorf("the table %s accepted only %s", t.sheet.Table, imports.RowsOf(uint32(written), uint32(o.rows)))}
	}
	return nil
}

// insert is a statement that inserts the new rows, in the order of the file.
func (t *table) insert() string {
	var columns, values []string
	for _, c := range t.columns {
		if r := t.resolved[c.Name]; r == nil || !r.self {
			columns, values = append(columns, c.Name), append(values, t.value(c))
		} else if t.ids != "" {
			columns, values = append(columns, c.Name), append(values, r.ofEither())
		}
	}
	id, given := t.ownID()
	for _, g := range t.sheet.Generated {
		if t.ids == "" || g.Field != id {
			columns, values = append(columns, g.Field), append(values, generate(g, t.attribute(g.Field)))
		}
	}
	overriding := ""
	if t.ids != "" && !given {
		columns, values = append(columns, id), append(values, "i."+name(newID))
		if t.attribute(id).always {
			overriding = " OVERRIDING SYSTEM VALUE"
		}
	}
	return fmt.Sprintf(`INSERT INTO %s (%s)%s SELECT %s FROM %s s%s%s WHERE s.%s%s%s`, tableName(t.sheet.Table), names(columns), overriding,
		strings.Join(values, ", "), t.stage, t.joins(), t.joinIDs(), name(staging), t.complete(), t.completeIDs())
}

// update is a statement that updates the other rows.
func (t *table) update() string {
	var set []string
	for i, c := range t.columns {
		if r := t.resolved[c.Name]; !slices.Contains(t.key, i) && (r == nil || !r.self) && !t.refersLater(c) {
			set = append(set, name(c.Name)+" = "+t.kept(c))
		}
	}
	for _, g := range t.sheet.Generated {
		if g.By == schema.Updated {
			set = append(set, name(g.Field)+" = "+generate(g, t.attribute(g.Field)))
		}
	}
	if len(set) == 0 {
		key := name(t.sheet.Key[0])
		set = append(set, fmt.Sprintf("%s = t.%[1]s", key))
	}
	return fmt.Sprintf(`UPDATE %s t SET %s FROM %s s%s WHERE %s AND NOT s.%s%s`, tableName(t.sheet.Table), strings.Join(set, ", "), t.stage, t.joins(),
		t.sameKey("t", "s"), name(staging), t.complete())
}

// kept is the new value of a column in a row that exists: its old one if the new one is null and the column keeps blanks.
func (t *table) kept(c *schema.Column) string {
	if !c.KeepsBlank() {
		return t.value(c)
	}
	return fmt.Sprintf("coalesce(%s, t.%s)", t.value(c), name(c.Name))
}

// value is a column of a stage as a value of the table's column. Types without a length are cast. The others are assigned,
// because a cast would cut what is too long.
func (t *table) value(c *schema.Column) string {
	if r := t.resolved[c.Name]; r != nil {
		return r.alias + "." + name(r.id)
	}
	switch f := t.family(c); f {
	case moments:
		return "s." + name(c.Name) + " AT TIME ZONE 'UTC'"
	case labels, uuids, documents:
		return "s." + name(c.Name) + "::" + t.attribute(c.Name).base
	default:
		return "s." + name(c.Name)
	}
}

// sameKey is the condition that a row of the table has the same key as a row of a stage.
func (t *table) sameKey(row, staged string) string {
	all := make([]string, len(t.key))
	for i, k := range t.key {
		all[i] = t.same(t.columns[k], row, staged)
	}
	if live := t.live(row); live != "" {
		all = append(all, live)
	}
	return strings.Join(all, " AND ")
}

// same is the condition that a row of the table has the same value as a row of a stage.
func (t *table) same(c *schema.Column, row, staged string) string {
	return row + "." + name(c.Name) + " = " + t.compared(c, staged)
}

// compared is a column of a stage in a type that is compared as the table's column is.
func (t *table) compared(c *schema.Column, staged string) string {
	if r := t.resolved[c.Name]; r != nil {
		return r.idOf(c, staged)
	}
	value := staged + "." + name(c.Name)
	if t.family(c) == moments {
		return value + " AT TIME ZONE 'UTC'"
	}
	a := t.attribute(c.Name)
	if a == nil || a.family == integers || a.base == a.family.staged() {
		return value // integers of all sizes are compared with each other
	}
	return value + "::" + a.base
}

// failed is the error of a statement on the table that is not about its rows.
func (t *table) failed(err error) error {
	if err == nil {
		return nil
	}
	if permanent(err) {
		return &imports.TableConflictError{Table: t.sheet.Table, Detail: "it can't be written: " + message(err)}
	}
	return fmt.Errorf("write to table %s: %w", t.sheet.Table, failed(t.tx.ctx, err))
}
