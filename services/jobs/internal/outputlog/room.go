package outputlog

import (
	"context"
	"errors"
	"sync"

	"headway/internal/quota"
	"headway/services/jobs/internal/job"
)

// maxOwners bounds the jobs whose owners are remembered. When there are more, all are looked up again.
const maxOwners = 10_000

// owners remembers whose jobs append output, so that an append needs no lookup.
type owners struct {
	mu sync.Mutex
	of map[string]string
}

func (o *owners) get(id string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.of[id]
}

func (o *owners) set(id, owner string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.of == nil || len(o.of) >= maxOwners {
		o.of = make(map[string]string)
	}
	o.of[id] = owner
}

func (o *owners) forget(deleted []job.Deleted) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, d := range deleted {
		delete(o.of, d.ID)
	}
}

// room reserves room for n bytes at an offset among the outputs of the job's owner. It returns *job.OutputQuotaError if there is
// too little, and job.ErrLeaseLost to a caller that does not have the job's lease. The caller must end the hold.
func (l *Log) room(ctx context.Context, id, token string, offset, n int64) (*quota.Hold, error) {
	if owner := l.owners.get(id); owner != "" {
		hold := l.cfg.Quota.Hold(owner)
		if err := hold.Grow(ctx, n); err == nil {
			return hold, nil
		}
	}
	j, err := l.cfg.Job(ctx, id)
	if errors.Is(err, job.ErrNotFound) {
		return nil, job.ErrLeaseLost
	}
	if err != nil {
		return nil, err
	}
	if err := j.Fence(token); err != nil {
		return nil, err
	}
	l.owners.set(id, j.Owner)
	hold := l.cfg.Quota.Hold(j.Owner)
	// A repeated append needs room for its new bytes only.
	err = hold.Grow(ctx, min(n, offset+n-j.OutputBytes))
	if over := (*quota.ExceededError)(nil); errors.As(err, &over) {
		return nil, &job.OutputQuotaError{Limit: over.Limit}
	}
	return hold, err
}
