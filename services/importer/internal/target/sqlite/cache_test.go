package sqlite_test

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"headway/services/importer/internal/imports"
	targetsqlite "headway/services/importer/internal/target/sqlite"
)

// TestCacheWidensForKeysInRandomOrder writes an index that does not fit into the first page cache.
func TestCacheWidensForKeysInRandomOrder(t *testing.T) {
	const rows, batch = 200_000, 1_000
	for name, shuffled := range map[string]bool{"in order": false, "in random order": true} {
		t.Run(name, func(t *testing.T) {
			_, tx, table := begin(t, filepath.Join(t.TempDir(), "records.db"))
			defer tx.Rollback()
			order := make([]int, rows)
			for i := range order {
				order[i] = i
			}
			if shuffled {
				random := rand.New(rand.NewPCG(1, 2))
				random.Shuffle(rows, func(i, j int) { order[i], order[j] = order[j], order[i] })
			}
			for len(order) > 0 {
				values := make([][]imports.Value, batch)
				for i := range values {
					values[i] = row(key(order[i]))[0]
				}
				order = order[batch:]
				if err := table.Insert(t.Context(), values); err != nil {
					t.Fatal(err)
				}
			}
			if got := targetsqlite.CacheIsWide(tx); got != shuffled {
				t.Errorf("the cache is wide: %v", got)
			}
		})
	}
}

// key returns a key of 64 bytes.
func key(n int) string {
	digits := make([]byte, 64)
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = '0' + byte(n%10)
		n /= 10
	}
	return string(digits)
}
