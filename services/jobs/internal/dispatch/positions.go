package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"headway/services/jobs/internal/job"
)

const (
	// positionInterval is the interval between two checks of the queue of a kind.
	positionInterval = 500 * time.Millisecond
	// batch is the number of positions that are written in one step.
	batch = 256
)

// errUnchanged means that a job does not change.
var errUnchanged = errors.New("the job is no longer in the queue")

// positions records the queues that have moved.
type positions struct {
	mu    sync.Mutex
	kinds map[string]struct{}
	wake  chan struct{}
}

func newPositions() *positions {
	return &positions{kinds: map[string]struct{}{}, wake: make(chan struct{}, 1)}
}

// moved records that a job has joined or left the kind's queue.
func (p *positions) moved(kind string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.kinds) == 0 {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
	p.kinds[kind] = struct{}{}
}

// Moved records that a job of the kind might have joined or left its queue, at another replica.
func (d *Dispatcher) Moved(kind string) { d.positions.moved(kind) }

// take returns the kinds whose queues have moved since the last call.
func (p *positions) take() map[string]struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	kinds := p.kinds
	p.kinds = map[string]struct{}{}
	return kinds
}

// Position sets the queue position of a new job. If a worker waits for the kind, the job is the next one.
func (d *Dispatcher) Position(ctx context.Context, j *job.Job) error {
	if !j.Ready() || d.waiters.awaited(j.Kind) {
		return nil
	}
	n, err := d.store.Ahead(ctx, j.Kind, j.Owner, j.Rank(), job.MaxAhead)
	j.QueuePosition = job.ShownPosition(n)
	return err
}

// PositionAll sets the queue positions of new jobs that are created in this order. Equal jobs have consecutive
// positions.
func (d *Dispatcher) PositionAll(ctx context.Context, all []job.Creation) error {
	type rank struct {
		kind, owner string
		priority    int32
	}
	ahead := map[rank]int{}
	for i := range all {
		j := &all[i].Job
		if !j.Ready() {
			continue
		}
		of := rank{j.Kind, j.Owner, j.Priority}
		n, known := ahead[of]
		if !known && !d.waiters.awaited(j.Kind) {
			var err error
			if n, err = d.store.Ahead(ctx, j.Kind, j.Owner, j.Rank(), job.MaxAhead); err != nil {
				return err
			}
		}
		j.QueuePosition, ahead[of] = job.ShownPosition(n), n+1
	}
	return nil
}

// Run keeps the positions in each queue up to date, until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) {
	if d.remote != nil {
		var polling sync.WaitGroup
		defer polling.Wait()
		polling.Go(func() { d.runRemote(ctx) })
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.positions.wake:
		}
		select { // jobs that move at the same time share one check
		case <-ctx.Done():
			return
		case <-time.After(positionInterval):
		}
		moved := d.positions.take()
		if d.remote != nil && !d.remote.others.Leads() {
			continue // the leader updates them
		}
		for kind := range moved {
			more, err := d.updatePositions(ctx, kind)
			if err != nil && ctx.Err() == nil {
				d.cfg.Logger.ErrorContext(ctx, "can't update queue positions", "kind", kind, "error", err)
			}
			if more {
				d.positions.moved(kind)
			}
		}
	}
}

// updatePositions writes the positions that have changed, in the order of the queue. more reports whether some are left
// for the next call.
func (d *Dispatcher) updatePositions(ctx context.Context, kind string) (more bool, err error) {
	queue, err := d.store.Queue(ctx, kind, job.MaxAhead)
	if err != nil {
		return false, err
	}
	var ids []string
	var positions []uint32
	for i, q := range queue {
		if shown := job.ShownPosition(i); q.Position != shown {
			if more = len(ids) == batch; more {
				break
			}
			ids, positions = append(ids, q.ID), append(positions, shown)
		}
	}
	if len(ids) == 0 {
		return false, nil
	}
	_, errs := d.store.Update(ctx, ids, func(i int, j *job.Job) error {
		if !j.SetPosition(d.cfg.Clock.Now(), positions[i]) {
			return errUnchanged // it was leased in the meantime
		}
		return nil
	})
	for _, err := range errs {
		if err != nil && !errors.Is(err, errUnchanged) && !errors.Is(err, job.ErrNotFound) {
			return false, err
		}
	}
	return more, nil
}
