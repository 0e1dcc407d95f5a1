package sqlite

import (
	"context"
	"fmt"
	"slices"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/target/sqlite/sqlitedirect"
)

// Values implements imports.Table.
func (t *table) Values(ctx context.Context, column string, each func(imports.Value) error) error {
	t.tx.using.Lock()
	defer t.tx.using.Unlock()
	stored := "t." + name(column)
	where := stored + " IS NOT NULL"
	columns := []string{column}
	if slices.Contains(t.sheet.Key, column) {
		columns = t.sheet.Key
	}
	among, err := t.among(columns, "t")
	if err != nil {
		return err
	}
	where = both(where, among)
	s, err := t.tx.prepare(fmt.Sprintf("SELECT %s FROM %s t WHERE %s", t.shown(column, stored), name(t.sheet.Table), where))
	if err != nil {
		return fmt.Errorf("read the values of table %s: %w", t.sheet.Table, unavailable(err))
	}
	defer s.Reset()
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		more, err := s.Step()
		if err != nil {
			return fmt.Errorf("read the values of table %s: %w", t.sheet.Table, unavailable(err))
		}
		if !more {
			return nil
		}
		v := imports.Value{Kind: imports.Text, Bytes: s.RawText(0)}
		switch s.Kind(0) {
		case sqlitedirect.Null:
			continue
		case sqlitedirect.Integer:
			v = imports.Value{Kind: imports.Integer, Int: s.Int(0)}
		}
		if err := each(v); err != nil {
			return err
		}
	}
}
