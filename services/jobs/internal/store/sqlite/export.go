package sqlite

import (
	"context"
	"fmt"
)

// Each calls row with every row of a query, for tools that copy the database. The values of row are only valid until it
// returns.
func (s *Store) Each(ctx context.Context, query string, row func(values []any) error) error {
	rows, err := s.reads.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("read the jobs database: %w", err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("read the jobs database: %w", err)
	}
	values, targets := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return fmt.Errorf("read the jobs database: %w", err)
		}
		if err := row(values); err != nil {
			return err
		}
	}
	return rows.Err()
}
