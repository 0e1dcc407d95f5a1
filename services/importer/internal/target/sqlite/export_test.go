package sqlite

import "headway/services/importer/internal/imports"

// CacheIsWide reports whether the page cache of a transaction was widened.
func CacheIsWide(tx imports.TargetTx) bool { return tx.(*transaction).wide }
