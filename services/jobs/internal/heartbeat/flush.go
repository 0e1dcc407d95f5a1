package heartbeat

import (
	"container/heap"
	"context"
	"errors"
	"time"

	"headway/services/jobs/internal/job"
)

const (
	batch      = 256         // jobs in one change of the store, for which other changes wait
	afterError = time.Second // before the next attempt after a failed write
)

// errUnchanged means that a job does not change.
var errUnchanged = errors.New("nothing to write")

// Run writes the progress of many jobs at a time, each at most once per ProgressInterval, until ctx ends. Then it writes
// the rest.
func (k *Keeper) Run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		due, wait := k.next(time.Now(), batch)
		if len(due) > 0 {
			k.write(ctx, due)
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-k.wake:
		case <-ctx.Done():
			k.writeRest()
			return
		}
	}
}

func (k *Keeper) writeRest() {
	for {
		rest, _ := k.next(time.Now().Add(time.Hour), batch)
		if len(rest) == 0 {
			return
		}
		k.write(context.Background(), rest)
	}
}

// write stores the progress of these jobs in one step.
func (k *Keeper) write(ctx context.Context, entries []*entry) {
	ids, adopted := make([]string, len(entries)), make([]Pending, len(entries))
	for i, e := range entries {
		ids[i] = e.id
	}
	jobs, errs := k.store.Update(context.WithoutCancel(ctx), ids, func(i int, j *job.Job) error {
		adopted[i] = k.Adopt(j)
		if adopted[i].version == 0 {
			return errUnchanged
		}
		if adopted[i].Visible {
			j.Touch(k.cfg.Clock.Now())
		}
		return nil
	})
	k.settleAll(entries, adopted, jobs, errs)
	for i, err := range errs {
		switch {
		case err == nil:
		case errors.Is(err, errUnchanged): // another change has written the progress, or has ended the lease
			if entries[i].isLost() {
				k.forgetLost(entries[i])
			}
		case errors.Is(err, job.ErrNotFound):
			k.forget(ids[i])
		default:
			k.cfg.Logger.Error("can't write progress, trying again", "job_id", ids[i], "error", err)
			entries[i].fail(err)
			k.plan(entries[i], time.Now().Add(afterError))
		}
	}
}

// settleAll records the progress that is durable.
func (k *Keeper) settleAll(entries []*entry, adopted []Pending, jobs []job.Job, errs []error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, e := range entries {
		if errs[i] == nil && k.entries[e.id] == e {
			e.stored(&jobs[i])
			k.settle(e, adopted[i])
		}
	}
}

// plan schedules a write of the entry: immediately, or an interval after its last write.
func (k *Keeper) plan(e *entry, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.planLocked(e, now)
}

// planAll schedules the writes of the heartbeats that were taken.
func (k *Keeper) planAll(entries []*entry, taken []taken, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, e := range entries {
		if taken[i].waiter != nil {
			k.planLocked(e, now)
		}
	}
}

// planLocked is plan. The lock must be held.
func (k *Keeper) planLocked(e *entry, now time.Time) {
	if e.index >= 0 || k.entries[e.id] != e {
		return
	}
	k.push(e, later(e.lastWrite.Add(k.cfg.ProgressInterval), now.Add(-k.cfg.ProgressInterval/2)))
}

// push schedules the entry's write. The lock must be held.
func (k *Keeper) push(e *entry, due time.Time) {
	e.due = due
	heap.Push(&k.planned, e)
	if k.planned[0] == e {
		select {
		case k.wake <- struct{}{}:
		default:
		}
	}
}

// drop removes the entry. The lock must be held.
func (k *Keeper) drop(e *entry) {
	delete(k.entries, e.id)
	if e.index >= 0 {
		heap.Remove(&k.planned, e.index)
	}
}

// next returns the entries whose write is due, and the time until the next write after them.
func (k *Keeper) next(now time.Time, limit int) (due []*entry, wait time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.planned) > 0 && !k.planned[0].due.After(now) && len(due) < limit {
		e := heap.Pop(&k.planned).(*entry)
		// Heartbeats that arrive from now on wait for the next write. If this write or its heartbeat is late, by up to half an
		// interval, the next one is not: otherwise, each delay would last for all later heartbeats of a worker that reports once
		// per interval.
		e.lastWrite = later(e.due, now.Add(-k.cfg.ProgressInterval/2))
		due = append(due, e)
	}
	if len(k.planned) == 0 {
		return due, time.Hour
	}
	return due, k.planned[0].due.Sub(now)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// dueHeap holds entries. The entry whose write is due first is on top.
type dueHeap []*entry

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, k int) bool { return h[i].due.Before(h[k].due) }
func (h dueHeap) Swap(i, k int)      { h[i], h[k] = h[k], h[i]; h[i].index, h[k].index = i, k }
func (h *dueHeap) Push(x any)        { e := x.(*entry); e.index = len(*h); *h = append(*h, e) }
func (h *dueHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	e.index = -1
	return e
}
