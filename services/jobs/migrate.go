package jobs

import (
	"context"
	"path/filepath"

	"headway/services/jobs/internal/store/transfer"
)

// MigrateDatabase copies the jobs of the SQLite file in the data directory into an empty PostgreSQL database, and
// returns their number. No service can use either at the same time.
func MigrateDatabase(ctx context.Context, dataDir, url string) (int64, error) {
	return transfer.Run(ctx, filepath.Join(dataDir, "jobs.db"), url)
}
