package importer

import (
	"context"
	"time"

	"headway/internal/backoff"
	"headway/services/importer/internal/imports"
)

const (
	// storePing is the interval at which an importer checks that it can reach the database of imports.
	storePing = time.Second
	// storeAway is how long it can't before callers use other importers. Calls wait for a database that restarts.
	storeAway = 3 * time.Second
)

// watchStore reports to health checks whether this importer can reach the database of imports, until ctx ends. Clients then call
// other importers, which might be able to.
func (s *Service) watchStore(ctx context.Context, store imports.Shared) {
	reached, serving := time.Now(), true
	for backoff.Sleep(ctx, storePing) {
		pinging, cancel := context.WithTimeout(ctx, storeAway)
		err := store.Ping(pinging)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			reached = time.Now()
			if !serving {
				s.cfg.Logger.InfoContext(ctx, "ready: the database of imports can be reached again")
			}
		case serving && time.Since(reached) >= storeAway:
			s.cfg.Logger.ErrorContext(ctx, "not ready: the database of imports can't be reached", "error", err)
		}
		if now := time.Since(reached) < storeAway; now != serving {
			serving = now
			s.server.SetHealth("", serving)
		}
	}
}
