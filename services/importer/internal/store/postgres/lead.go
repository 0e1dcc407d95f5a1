package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Lead implements imports.Shared.
func (s *Store) Lead(ctx context.Context, importer string, period time.Duration) (leads bool, err error) {
	err = s.write(ctx, true, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE lead SET leader = $1, lead_until = clock_timestamp() + $2::interval WHERE leader = $1 OR lead_until < clock_timestamp()`,
			importer, period)
		leads = tag.RowsAffected() > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("lead the importers: %w", err)
	}
	return leads, nil
}

// Resign implements imports.Shared.
func (s *Store) Resign(ctx context.Context, importer string) error {
	return s.change(ctx, "resign as the leader of the importers", nil, `UPDATE lead SET lead_until = clock_timestamp() - interval '1 second' WHERE leader = $1`, importer)
}

// Ping implements imports.Shared.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }
