package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"headway/services/importer/internal/imports"
)

// RememberMapping implements imports.Store.
func (s *Store) RememberMapping(ctx context.Context, owner, schema, headers string, m imports.RememberedMapping) error {
	mapping, err := json.Marshal(m.Mapping)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO remembered_mappings (owner, schema, headers, mapping, used_at) VALUES (?, ?, ?, ?, ?)`,
			owner, schema, headers, string(mapping), m.UsedAt.UTC().Format(time.RFC3339Nano))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM remembered_mappings WHERE owner = ?1 AND schema = ?2 AND headers IN (
			SELECT headers FROM remembered_mappings WHERE owner = ?1 AND schema = ?2 ORDER BY julianday(used_at) DESC LIMIT -1 OFFSET ?3)`,
			owner, schema, imports.MaxRememberedMappings)
		return err
	})
	if err != nil {
		return fmt.Errorf("remember a mapping for the schema %s: %w", schema, err)
	}
	return nil
}

// RememberedMapping implements imports.Store.
func (s *Store) RememberedMapping(ctx context.Context, owner, schema, headers string) (m imports.RememberedMapping, err error) {
	var mapping, used string
	row := s.db.QueryRowContext(ctx, `SELECT mapping, used_at FROM remembered_mappings WHERE owner = ? AND schema = ? AND headers = ?`, owner, schema, headers)
	if err = row.Scan(&mapping, &used); errors.Is(err, sql.ErrNoRows) {
		err = imports.ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal([]byte(mapping), &m.Mapping)
	}
	if err == nil {
		m.UsedAt, err = time.Parse(time.RFC3339Nano, used)
	}
	if err != nil {
		return m, fmt.Errorf("read the mapping for the schema %s: %w", schema, unavailable(err))
	}
	return m, nil
}
