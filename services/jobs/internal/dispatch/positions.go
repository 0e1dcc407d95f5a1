package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"headway/services/jobs/internal/job"
)

// placeInterval is the time between two looks at the queue of a kind.
const placeInterval = 500 * time.Millisecond

// places remembers which queues have moved.
type places struct {
	mu    sync.Mutex
	kinds map[string]struct{}
	poke  chan struct{}
}

func newPlaces() *places {
	return &places{kinds: map[string]struct{}{}, poke: make(chan struct{}, 1)}
}

// moved notes that a job has come to the kind's queue, or left it.
func (p *places) moved(kind string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.kinds) == 0 {
		select {
		case p.poke <- struct{}{}:
		default:
		}
	}
	p.kinds[kind] = struct{}{}
}

// take gives the kinds whose queues have moved since the last call.
func (p *places) take() map[string]struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	kinds := p.kinds
	p.kinds = map[string]struct{}{}
	return kinds
}

// placeNew gives a new job its place. Where a worker waits, that is the first.
func (d *Dispatcher) placeNew(ctx context.Context, j *job.Job) error {
	if !j.Ready() || d.queue.awaited(j.Kind) {
		return nil
	}
	n, err := d.store.Ahead(ctx, j.Kind, j.Priority, job.MostAhead)
	j.QueuePosition = job.ShownPlace(n)
	return err
}

// runPlaces keeps the places in each queue right.
func (d *Dispatcher) runPlaces(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.places.poke:
		}
		select { // let what moves at the same time move
		case <-ctx.Done():
			return
		case <-time.After(placeInterval):
		}
		for kind := range d.places.take() {
			more, err := d.place(ctx, kind)
			if err != nil && ctx.Err() == nil {
				d.cfg.Logger.ErrorContext(ctx, "places in the queue not updated", "kind", kind, "error", err)
			}
			if more {
				d.places.moved(kind)
			}
		}
	}
}

// place writes the places that have changed, those in front first. more tells that some are left for the next time.
func (d *Dispatcher) place(ctx context.Context, kind string) (more bool, err error) {
	queue, err := d.store.Queue(ctx, kind, job.MostAhead)
	if err != nil {
		return false, err
	}
	var ids []string
	var positions []uint32
	for i, q := range queue {
		if shown := job.ShownPlace(i); q.Position != shown {
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
		if !j.Place(time.Now(), positions[i]) {
			return errNothing // it has been leased meanwhile
		}
		return nil
	})
	for _, err := range errs {
		if err != nil && !errors.Is(err, errNothing) && !errors.Is(err, job.ErrNotFound) {
			return false, err
		}
	}
	return more, nil
}
