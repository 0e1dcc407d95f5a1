package maintenance

import (
	"context"
	"time"

	"headway/internal/backoff"
	"headway/services/importer/internal/imports"
)

const (
	// leadFor is how long an importer leads after its last call. If it ends without resigning, another one leads after that.
	leadFor = 15 * time.Second
	// leadInterval is the time between two calls.
	leadInterval = 5 * time.Second
	// resignTimeout is how long a shutdown waits.
	resignTimeout = 2 * time.Second
)

// lead cleans up for all importers whenever this one leads, until ctx ends. Leading saves work, and is not needed for
// correctness: everything that is done here can be done twice at the same time.
func (m *Maintenance) lead(ctx context.Context, store imports.Shared) {
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resignTimeout)
		defer cancel()
		if err := store.Resign(ctx, m.Name); err != nil {
			m.Logger.WarnContext(ctx, "can't let another importer clean up immediately", "takes_over_within", leadFor+leadInterval, "error", err)
		}
	}()
	var swept time.Time
	var waiting map[string]bool // the imports without a job at the last look
	for {
		leads, err := store.Lead(ctx, m.Name, leadFor)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			m.Logger.WarnContext(ctx, "can't find out which importer cleans up, trying again", "error", err)
		case leads:
			waiting = m.createJobs(ctx, waiting)
			if time.Since(swept) >= m.Interval {
				swept = time.Now()
				m.sweepFiles(ctx, swept)
				m.sweepImports(ctx)
			}
		default:
			waiting = nil
		}
		if !backoff.Sleep(ctx, min(leadInterval, m.Interval)) {
			return
		}
	}
}

// createJobs creates the jobs of imports that were without one at the last look, and returns those that are without one now.
// Usually, the importer that has accepted an import creates its job a moment later.
func (m *Maintenance) createJobs(ctx context.Context, waiting map[string]bool) map[string]bool {
	list, err := m.Store.Unscheduled(ctx)
	if err != nil {
		if ctx.Err() == nil {
			m.Logger.WarnContext(ctx, "can't look for imports without a job, trying again", "error", err)
		}
		return waiting
	}
	now := map[string]bool{}
	for _, im := range list {
		if !waiting[im.ID] || m.createJob(ctx, im) != nil {
			now[im.ID] = true
		}
	}
	return now
}
