package jobs

import (
	"context"
	"path/filepath"

	"headway/services/jobs/internal/store/transfer"
)

// MigrateDatabase copies the jobs of the SQLite file in the data directory into an empty PostgreSQL database, and returns how
// many there are. No service may run on either.
func MigrateDatabase(ctx context.Context, dataDir, url string) (int64, error) {
	return transfer.Run(ctx, filepath.Join(dataDir, "jobs.db"), url)
}
