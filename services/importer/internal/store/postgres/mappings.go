package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"headway/services/importer/internal/imports"
)

// RememberMapping implements imports.Store.
func (s *Store) RememberMapping(ctx context.Context, owner, schema, headers string, m imports.RememberedMapping) error {
	mapping, err := encodeMapping(m.Mapping)
	if err != nil {
		return err
	}
	err = s.write(ctx, true, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockOwner(ctx, tx, owner, schema); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO remembered_mappings (owner, schema, headers, mapping, used_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (owner, schema, headers) DO UPDATE SET mapping = EXCLUDED.mapping, used_at = EXCLUDED.used_at`,
			encode(owner), encode(schema), headers, mapping, m.UsedAt.UnixNano())
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM remembered_mappings WHERE owner = $1 AND schema = $2 AND headers IN (
			SELECT headers FROM remembered_mappings WHERE owner = $1 AND schema = $2 ORDER BY used_at DESC OFFSET $3)`,
			encode(owner), encode(schema), imports.MaxRememberedMappings)
		return err
	})
	if err != nil {
		return fmt.Errorf("remember a mapping for the schema %s: %w", schema, err)
	}
	return nil
}

// lockOwner makes transactions that count the mappings of an owner and a schema take turns.
func lockOwner(ctx context.Context, tx pgx.Tx, owner, schema string) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "headway mappings "+encode(schema)+" "+encode(owner))
	return err
}

// RememberedMapping implements imports.Store.
func (s *Store) RememberedMapping(ctx context.Context, owner, schema, headers string) (m imports.RememberedMapping, err error) {
	var mapping string
	var used int64
	err = s.readRow(ctx, []any{&mapping, &used}, `SELECT mapping, used_at FROM remembered_mappings WHERE owner = $1 AND schema = $2 AND headers = $3`,
		encode(owner), encode(schema), encode(headers))
	if err == nil {
		err = json.Unmarshal([]byte(mapping), &m.Mapping)
	}
	if err != nil {
		return m, fmt.Errorf("read the mapping for the schema %s: %w", schema, err)
	}
	m.UsedAt = time.Unix(0, used).UTC()
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
	err = s.write(ctx, true, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockOwner(ctx, tx, m.Owner, m.Schema); err != nil {
			return err
		}
		var others int
		err := tx.QueryRow(ctx, `SELECT count(*) FROM saved_mappings WHERE owner = $1 AND schema = $2 AND name <> $3`,
			encode(m.Owner), encode(m.Schema), encode(m.Name)).Scan(&others)
		if err != nil {
			return err
		}
		if others >= imports.MaxSavedMappings {
			return imports.ErrTooManyMappings
		}
		_, err = tx.Exec(ctx, `INSERT INTO saved_mappings (owner, schema, name, shared, mapping, saved_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (schema, owner, name) DO UPDATE SET shared = EXCLUDED.shared, mapping = EXCLUDED.mapping, saved_at = EXCLUDED.saved_at`,
			encode(m.Owner), encode(m.Schema), encode(m.Name), m.Shared, mapping, m.SavedAt.UnixNano())
		return err
	})
	if err != nil {
		return fmt.Errorf("save a mapping for the schema %s: %w", m.Schema, err)
	}
	return nil
}

// SavedMappings implements imports.Store.
func (s *Store) SavedMappings(ctx context.Context, owner, schema string) (list []imports.SavedMapping, err error) {
	err = s.read(ctx, func(ctx context.Context, q querier) (err error) {
		list, err = savedMappings(ctx, q, owner, schema)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the mappings for the schema %s: %w", schema, err)
	}
	return list, nil
}

func savedMappings(ctx context.Context, q querier, owner, schema string) (list []imports.SavedMapping, err error) {
	rows, err := q.Query(ctx, `SELECT owner, name, shared, mapping, saved_at FROM saved_mappings
		WHERE schema = $1 AND (owner = $2 OR shared) ORDER BY owner <> $2, name, owner LIMIT $3`, encode(schema), encode(owner), imports.MaxListedMappings)
	if err != nil {
		return nil, err
	}
	var by, name, mapping string
	var shared bool
	var saved int64
	_, err = pgx.ForEachRow(rows, []any{&by, &name, &shared, &mapping, &saved}, func() error {
		m := imports.SavedMapping{Name: decode(name), Owner: decode(by), Schema: schema, Shared: shared, SavedAt: time.Unix(0, saved).UTC()}
		if err := json.Unmarshal([]byte(mapping), &m.Mapping); err != nil {
			return err
		}
		list = append(list, m)
		return nil
	})
	return list, err
}

// DeleteMapping implements imports.Store.
func (s *Store) DeleteMapping(ctx context.Context, owner, schema, name string) error {
	return s.change(ctx, "delete a mapping for the schema "+schema, nil, `DELETE FROM saved_mappings WHERE owner = $1 AND schema = $2 AND name = $3`,
		encode(owner), encode(schema), encode(name))
}
