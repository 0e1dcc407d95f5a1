package importer

import (
	"context"
	"path/filepath"

	"headway/services/importer/internal/store/transfer"
)

// MigrateDatabase copies the imports of the SQLite file in the data directory, with their counts and issues, into an empty PostgreSQL
// database, and returns their number. No importer may use either of them at the same time.
func MigrateDatabase(ctx context.Context, dataDir, url string) (int64, error) {
	return transfer.Run(ctx, filepath.Join(dataDir, databaseFile), url)
}
