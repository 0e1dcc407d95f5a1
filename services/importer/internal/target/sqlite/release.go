package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"headway/services/importer/internal/imports"
)

// Release implements imports.Table: it replaces the values with temporary ones. A temporary value is not null, because the column can be required, and because a
// foreign key that cascades would lose the rows that refer to the value.
func (t *table) Release(ctx context.Context, column int, rows [][]imports.Value) error {
	t.tx.using.Lock()
	defer t.tx.using.Unlock()
	var keys []string
	for _, k := range t.sheet.Key {
		keys = append(keys, fmt.Sprintf("%s = %s", t.have.collated(k, name(k)), t.asked(k, "?")))
	}
	if live := t.have.live(name(t.sheet.Table)); live != "" {
		keys = append(keys, live)
	}
	statement, err := t.tx.conn.Prepare(fmt.Sprintf("UPDATE OR ABORT %s SET %s = ? WHERE %s", name(t.sheet.Table), name(t.columns[column].Name), strings.Join(keys, " AND ")))
	if err != nil {
		return t.failed(err)
	}
	defer statement.Close()
	for _, row := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := bind(statement, 1, t.temporary(column))
		for i, k := range t.key {
			err = errors.Join(err, bind(statement, 2+i, &row[k]))
		}
		if err == nil {
			_, err = statement.Step()
		}
		statement.Reset()
		if permanent(err) {
			return &imports.TableConflictError{Table: t.sheet.Table,
				Detail: fmt.Sprintf("its column %s can't have a temporary value while rows exchange their values: %s", t.columns[column].Name, sqliteMessage(err))}
		}
		if err != nil {
			return t.failed(err)
		}
	}
	return nil
}

// temporary returns a value for a unique column that no other row has.
func (t *table) temporary(column int) *imports.Value {
	t.released++
	if storageType(t.columns[column]) == "INTEGER" || t.resolved[t.columns[column].Name] != nil {
		return &imports.Value{Kind: imports.Integer, Int: math.MinInt64 + t.released}
	}
	return &imports.Value{Kind: imports.Text, Bytes: fmt.Appendf(nil, "headway %s %d", t.tx.run.ImportID, t.released)}
}
