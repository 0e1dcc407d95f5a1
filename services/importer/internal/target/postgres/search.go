package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"headway/internal/pgerr"
	"headway/services/importer/internal/imports"
)

// search writes rows in parts, and divides those that the database refuses, until each refused row is found.
type search struct {
	tx   *transaction
	rows []imports.RefusedRow
}

// found returns the number of refused rows. A nil search has found none.
func (s *search) found() int {
	if s == nil {
		return 0
	}
	return len(s.rows)
}

// again returns a search that has found nothing so far. It returns nil for nil.
func (s *search) again() *search {
	if s == nil {
		return nil
	}
	return &search{tx: s.tx}
}

// run writes the rows of an operation that the database accepts.
func (s *search) run(o operation) error {
	all, err := o.table.wholeStage()
	if err != nil {
		return err
	}
	return s.divide(o, all.from, all.to)
}

// divide writes the rows of an operation between two positions of the stage.
func (s *search) divide(o operation, from, to int64) error {
	if len(s.rows) > imports.MaxRefusals {
		return nil
	}
	within := span{from, to}.condition()
	rows, cause, err := s.write(o, within)
	if err != nil || cause == nil || rows == 0 {
		return err
	}
	if rows > 1 {
		middle := from + (to-from)/2
		if err := s.divide(o, from, middle); err != nil {
			return err
		}
		return s.divide(o, middle, to)
	}
	if follows, err := s.mayFollow(o.table, cause); err != nil || follows {
		return err // if it does not, it is found without the other rows
	}
	return s.refuse(o, within, cause)
}

// mayFollow reports whether a row might be refused only because it refers to a row that was refused before.
func (s *search) mayFollow(t *table, cause error) (bool, error) {
	var answer *pgconn.PgError
	switch c := pgerr.Code(cause); {
	case len(s.rows) == 0:
		return false, nil
	case c == "":
		for _, r := range t.resolved {
			if slices.ContainsFunc(r.tables, s.refusedIn) {
				return true, nil
			}
		}
		return false, nil
	case c != foreignKeyViolation || !errors.As(cause, &answer):
		return false, nil
	}
	var parent uint32
	err := s.tx.writer.QueryRow(s.tx.ctx, `SELECT coalesce((SELECT confrelid FROM pg_constraint WHERE conname = $1 AND conrelid = to_regclass(format('%I.%I', $2::text, $3::text))), 0)`,
		answer.ConstraintName, answer.SchemaName, answer.TableName).Scan(&parent)
	if err != nil {
		return false, t.failed(err)
	}
	for _, other := range s.tx.tables {
		if other.relation != nil && other.relation.oid == parent {
			return s.refusedIn(other.sheet.Table), nil
		}
	}
	return false, nil // the table is not part of the run
}

// refusedIn reports whether rows of a table were refused.
func (s *search) refusedIn(table string) bool {
	return slices.ContainsFunc(s.rows, func(r imports.RefusedRow) bool { return r.Table == table })
}

// write writes rows, and returns their number. It returns a cause if the database refuses some of them, and then writes none. All statements are
// one request: a search has many parts.
func (s *search) write(o operation, within string) (rows int64, cause, err error) {
	tag, rows, err := s.request(o, within, `; SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED`)
	if pgerr.Code(err) == foreignKeyViolation && !o.inserts {
		// The rows that changed ones refer to might be inserted later. Or the statement itself has checked the foreign key.
		if err := s.undo(); err != nil {
			return 0, nil, err
		}
		tag, rows, err = s.request(o, within, "")
	}
	switch {
	case rows < 0:
		return 0, nil, o.table.failed(err)
	case err == nil && (tag.RowsAffected() == rows || o.links):
		return rows, nil, s.tx.exec(`RELEASE SAVEPOINT headway_part`)
	case err == nil && tag.RowsAffected() > rows:
		cause = errors.New("several rows of the table, or of tables that inherit from it, have its key")
	case err == nil:
		cause = errors.New("a trigger or a rule of the table skips it")
	case refusal(err):
		cause = err
	default:
		return 0, nil, o.table.failed(err)
	}
	return rows, cause, s.undo()
}

// request counts rows, and writes them after a savepoint. It returns what the statement has affected, and the number of the rows, which is
// negative if they could not be counted.
func (s *search) request(o operation, within, check string) (tag pgconn.CommandTag, rows int64, _ error) {
	counting := fmt.Sprintf(`SELECT count(*) FROM %s s WHERE %s AND %s`, o.table.stage, o.flag, within)
	results, err := s.tx.writer.PgConn().Exec(s.tx.ctx, counting+`; SAVEPOINT headway_part; `+o.statement+" AND "+within+check).ReadAll()
	if len(results) == 0 || len(results[0].Rows) == 0 {
		return tag, -1, err
	}
	rows, malformed := strconv.ParseInt(string(results[0].Rows[0][0]), 10, 64)
	if len(results) > 2 {
		tag = results[2].CommandTag
	}
	return tag, rows, cmp.Or(err, malformed)
}

// undo undoes what a part has written.
func (s *search) undo() error {
	return s.tx.exec(`ROLLBACK TO SAVEPOINT headway_part; RELEASE SAVEPOINT headway_part`)
}

// refuse records the one row of a part.
func (s *search) refuse(o operation, within string, cause error) error {
	t := o.table
	rows, err := s.tx.writer.Query(s.tx.ctx, fmt.Sprintf(`SELECT %s FROM %s s WHERE %s AND %s`, strings.Join(t.stagedKey(), ", "), t.stage, o.flag, within))
	if err != nil {
		return t.failed(err)
	}
	defer rows.Close()
	row := imports.RefusedRow{Sheet: t.sheet.Name, Table: t.sheet.Table, Reason: message(cause)}
	for rows.Next() {
		if row.Key, err = t.keyOf(rows.RawValues()); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return t.failed(err)
	}
	rows.Close()
	if row.Column, err = s.columnOf(t, cause); err != nil {
		return err
	}
	s.rows = append(s.rows, row)
	return nil
}

// columnOf returns the schema's name of the column that an error is about: the one that it names, or the only one of its
// constraint.
func (s *search) columnOf(t *table, cause error) (string, error) {
	var answer *pgconn.PgError
	if !errors.As(cause, &answer) {
		return "", nil
	}
	column := answer.ColumnName
	if column == "" && answer.ConstraintName != "" {
		err := s.tx.writer.QueryRow(s.tx.ctx, `SELECT coalesce((SELECT min(a.attname::text) FROM (
				SELECT conrelid AS of, conkey AS keys FROM pg_constraint WHERE conrelid = $1 AND conname = $2
				UNION ALL SELECT i.indrelid, i.indkey FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1 AND c.relname = $2
			) k JOIN pg_attribute a ON a.attrelid = k.of AND a.attnum = ANY (k.keys) WHERE NOT 0 = ANY (k.keys) HAVING count(DISTINCT a.attname) = 1), '')`,
			t.relation.oid, answer.ConstraintName).Scan(&column)
		if err != nil {
			return "", t.failed(err)
		}
	}
	for _, c := range t.columns {
		if c.Name == column {
			return column, nil
		}
	}
	return "", nil
}
