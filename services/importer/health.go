package importer

import (
	"context"
	"time"

	"headway/internal/backoff"
	"headway/internal/rpcserver"
	"headway/services/importer/internal/imports"
)

const (
	// pingInterval is how often the importer checks that it can reach the databases for the rows.
	pingInterval = 15 * time.Second
	// pingTimeout is how long a check can take.
	pingTimeout = 10 * time.Second
	// The backoff of checks while the database can't be reached.
	firstPing = 100 * time.Millisecond
	maxPing   = 5 * time.Second
)

// watchTarget reports to health checks and to the log whether the databases for the rows can be reached, until ctx ends. Imports
// that run in the meantime fail with TARGET_UNAVAILABLE, and are tried again.
func (s *Service) watchTarget(ctx context.Context) {
	wait, known, was := backoff.New(firstPing, maxPing), false, false
	for ctx.Err() == nil {
		err := s.pingTarget(ctx)
		if ctx.Err() != nil {
			return
		}
		serving := err == nil
		if s.server.SetHealth(rpcserver.TargetHealth, serving); !known || serving != was {
			switch {
			case !serving:
				s.cfg.Logger.ErrorContext(ctx, "not ready: the database for the rows can't be used. Imports wait until it can", "error", err)
			case known:
				s.cfg.Logger.InfoContext(ctx, "ready: the database for the rows can be used again")
			}
		}
		known, was = true, serving
		if !serving {
			wait.Wait(ctx)
			continue
		}
		wait.Reset()
		backoff.Sleep(ctx, pingInterval)
	}
}

func (s *Service) pingTarget(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return s.target.Ping(ctx)
}

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
