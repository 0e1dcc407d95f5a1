package heartbeat

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"headway/services/jobs/internal/job"
)

// The functions below are for leases that other replicas have granted, renewed, or ended.

// RenewLeases makes the leases last whose heartbeats this replica has received, because it could not receive them for a while.
// They are written like heartbeats.
func (k *Keeper) RenewLeases() {
	k.mu.Lock()
	entries := slices.Collect(maps.Values(k.entries))
	k.mu.Unlock()
	for _, e := range entries {
		if e.renew(k.cfg.Clock.Now()) {
			k.plan(e, time.Now())
		}
	}
}

// Forget drops a job that another replica has ended or deleted, unless it has progress that is not stored yet.
// In that case, its next write drops it.
func (k *Keeper) Forget(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.entries[id]; e != nil {
		k.dropStored(e)
	}
}

// ForgetAll is Forget for all jobs, because other replicas might have ended some without notice.
func (k *Keeper) ForgetAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range k.entries {
		k.dropStored(e)
	}
}

// dropStored drops the entry if everything in it is stored. The lock must be held.
func (k *Keeper) dropStored(e *entry) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.version == e.written {
		k.drop(e)
	}
}

// fence returns job.ErrLeaseLost unless the token belongs to a lease that continues. The entry can have an earlier lease, if a later one was
// granted by another replica.
func (k *Keeper) fence(ctx context.Context, e *entry, token string) error {
	err := e.fence(token)
	if err == nil || e.isRevoked() {
		return err
	}
	j, err := k.store.Get(ctx, e.id)
	switch {
	case errors.Is(err, job.ErrNotFound):
		return job.ErrLeaseLost
	case err != nil:
		return err
	}
	if err := j.Fence(token); err != nil {
		return err
	}
	e.follow(&j)
	return e.fence(token)
}

// forgetLost drops an entry whose job has another lease.
func (k *Keeper) forgetLost(e *entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.entries[e.id] == e {
		k.drop(e)
		e.end()
	}
}
