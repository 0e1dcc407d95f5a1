package importer

import (
	"context"
	"time"

	"headway/internal/backoff"
	"headway/internal/rpcserver"
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
