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
	mapping, err := encodeMapping(m.Mapping)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO remembered_mappings (owner, schema, headers, mapping, used_at) VALUES (?, ?, ?, ?, ?)`,
			owner, schema, headers, mapping, m.UsedAt.UTC().Format(time.RFC3339Nano))
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

func encodeMapping(m []imports.SheetMapping) (string, error) {
	text, err := json.Marshal(m)
	if err == nil && len(text) > imports.MaxMappingBytes {
		err = imports.ErrMappingTooLarge
	}
	return string(text), err
}

// SaveMapping implements imports.Store.
func (s *Store) SaveMapping(ctx context.Context, m imports.SavedMapping) error {
	mapping, err := encodeMapping(m.Mapping)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		var others int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM saved_mappings WHERE owner = ? AND schema = ? AND name <> ?`, m.Owner, m.Schema, m.Name).Scan(&others); err != nil {
			return err
		}
		if others >= imports.MaxSavedMappings {
			return imports.ErrTooManyMappings
		}
		_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO saved_mappings (owner, schema, name, shared, mapping, saved_at) VALUES (?, ?, ?, ?, ?, ?)`,
			m.Owner, m.Schema, m.Name, m.Shared, mapping, m.SavedAt.UTC().Format(time.RFC3339Nano))
		return err
	})
	if err != nil {
		return fmt.Errorf("save a mapping for the schema %s: %w", m.Schema, err)
	}
	return nil
}

// SavedMappings implements imports.Store.
func (s *Store) SavedMappings(ctx context.Context, owner, schema string) ([]imports.SavedMapping, error) {
	list, err := s.savedMappings(ctx, owner, schema)
	if err != nil {
		return nil, fmt.Errorf("list the mappings for the schema %s: %w", schema, unavailable(err))
	}
	return list, nil
}

func (s *Store) savedMappings(ctx context.Context, owner, schema string) (list []imports.SavedMapping, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT owner, name, shared, mapping, saved_at FROM saved_mappings
		WHERE schema = ?1 AND (owner = ?2 OR shared) ORDER BY owner <> ?2, name, owner LIMIT ?3`, schema, owner, imports.MaxListedMappings)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		m := imports.SavedMapping{Schema: schema}
		var mapping, saved string
		if err := rows.Scan(&m.Owner, &m.Name, &m.Shared, &mapping, &saved); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(mapping), &m.Mapping); err != nil {
			return nil, err
		}
		if m.SavedAt, err = time.Parse(time.RFC3339Nano, saved); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, rows.Err()
}

// DeleteMapping implements imports.Store.
func (s *Store) DeleteMapping(ctx context.Context, owner, schema, name string) error {
	if _, err := s.db.ExecContext(ctx, `DELETE FROM saved_mappings WHERE owner = ? AND schema = ? AND name = ?`, owner, schema, name); err != nil {
		return fmt.Errorf("delete a mapping for the schema %s: %w", schema, unavailable(err))
	}
	return nil
}
