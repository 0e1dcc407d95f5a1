package postgres

import (
	"fmt"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
)

// watch describes what triggers could change in a table while the rows are written.
type watch struct {
	// inserted is the result of table.inserted before the rows are written.
	inserted int64
	// before is a temporary table with the rows that will be changed. It is empty if no trigger of the table could keep their values.
	before string
}

// hasTriggers reports whether one of the tables has triggers or rules.
func (tx *transaction) hasTriggers() bool {
	return slices.ContainsFunc(tx.tables, func(t *table) bool { return t.relation != nil && t.relation.triggers })
}

// findUncounted finds out whether the server does not count the inserted rows, so that the rows of tables with triggers must be counted.
func (tx *transaction) findUncounted() error {
	tx.uncounted = false
	if !tx.hasTriggers() {
		return nil
	}
	return failed(tx.ctx, tx.writer.QueryRow(tx.ctx, `SELECT NOT current_setting('track_counts')::boolean`).Scan(&tx.uncounted))
}

// watchTables records what is necessary to find out what triggers have done. It returns nil if there are none.
func (tx *transaction) watchTables() (map[*table]watch, error) {
	if !tx.hasTriggers() {
		return nil, nil
	}
	watches := map[*table]watch{}
	for i, t := range tx.tables {
		if t.relation == nil {
			continue
		}
		inserted, err := t.inserted()
		if err != nil {
			return nil, err
		}
		w := watch{inserted: inserted}
		if t.staged() && t.relation.triggers && t.updates > 0 && len(t.columns) > len(t.key) {
			w.before = fmt.Sprintf(`pg_temp."headway_before_%d"`, i)
			err := tx.exec(fmt.Sprintf(`CREATE TEMPORARY TABLE %s ON COMMIT DROP AS SELECT %s FROM %s o WHERE EXISTS (SELECT FROM %s s WHERE NOT s.%s AND %s)`,
				w.before, names(columnNames(t.columns)), tableName(t.sheet.Table), t.stage, name(staging), t.sameKey("o", "s")))
			if err != nil {
				return nil, t.failed(err)
			}
		}
		watches[t] = w
	}
	return watches, nil
}

// inserted returns the number of rows that the transaction has inserted into the table and its partitions, even by triggers. If the
// server does not count them, it returns the number of all rows. The table is locked then, so only this transaction changes it.
func (t *table) inserted() (n int64, err error) {
	if t.tx.uncounted {
		err = t.tx.writer.QueryRow(t.tx.ctx, `SELECT count(*) FROM `+tableName(t.sheet.Table)).Scan(&n)
		return n, t.failed(err)
	}
	err = t.tx.writer.QueryRow(t.tx.ctx, `SELECT pg_stat_get_xact_tuples_inserted($1) +
		coalesce((SELECT sum(pg_stat_get_xact_tuples_inserted(relid)) FROM pg_partition_tree($1) WHERE relid <> $1), 0)::bigint`, t.relation.oid).Scan(&n)
	return n, t.failed(err)
}

// checkKept checks that the tables have the rows that were written, and no others: a trigger can delete rows, change their keys, keep
// their old values, and add rows. counted reports whether no row was written and then undone.
func (tx *transaction) checkKept(watches map[*table]watch, counted bool) error {
	var refused []imports.RefusedRow
	for _, t := range tx.tables {
		w, watched := watches[t]
		if !watched {
			continue
		}
		if t.staged() {
			if err := t.checkRows(); err != nil {
				return err
			}
		}
		if w.before != "" {
			rows, err := t.keptOld(w.before)
			if err != nil {
				return err
			}
			refused = append(refused, rows...)
		}
		if !counted {
			continue
		}
		inserted, err := t.inserted()
		if err != nil {
			return err
		}
		if added := inserted - w.inserted - t.inserts; added > 0 {
			return &imports.TableConflictError{Table: t.sheet.Table, Detail: fmt.Sprintf("%s more than those of the file would be added, because of a trigger. Change the trigger, or import into another table",
				imports.Count(uint32(added), "row"))}
		}
	}
	if len(refused) > 0 {
		return &imports.RefusedRowsError{Rows: refused}
	}
	return nil
}

// checkRows checks that the table has the rows that were written.
func (t *table) checkRows() error {
	var lost int64
	err := t.tx.writer.QueryRow(t.tx.ctx, fmt.Sprintf(`SELECT count(*) FROM %s s WHERE NOT EXISTS (SELECT FROM %s t WHERE %s)`,
		t.stage, tableName(t.sheet.Table), t.sameKey("t", "s"))).Scan(&lost)
	if err != nil {
		return t.failed(err)
	}
	if lost > 0 {
		return &imports.TableConflictError{Table: t.sheet.Table, Detail: fmt.Sprintf("%s would be missing after this import, because of a trigger. Change the trigger, or import into another table",
			imports.RowsOf(uint32(lost), uint32(t.inserts+t.updates)))}
	}
	return nil
}

// keptOld returns the changed rows that have the same values as before. Values are compared as text, because some types can't be
// compared otherwise.
func (t *table) keptOld(before string) ([]imports.RefusedRow, error) {
	var same []string
	for i, c := range t.columns {
		column := name(c.Name)
		if slices.Contains(t.key, i) {
			same = append(same, fmt.Sprintf("b.%s = t.%[1]s", column))
		} else {
			same = append(same, fmt.Sprintf("b.%s::text IS NOT DISTINCT FROM t.%[1]s::text", column))
		}
	}
	return t.refusedAt(t.tx.ctx, fmt.Sprintf(`SELECT s.ctid FROM %s s JOIN %s t ON %s JOIN %s b ON %s WHERE NOT s.%s`,
		t.stage, tableName(t.sheet.Table), t.sameKey("t", "s"), before, strings.Join(same, " AND "), name(staging)), "", "a trigger keeps its old values")
}
