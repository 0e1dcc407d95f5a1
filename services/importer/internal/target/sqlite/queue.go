package sqlite

import (
	"context"
	"slices"
	"sync"
)

// queue lets one run in at a time, in the order in which they came.
type queue struct {
	mu      sync.Mutex
	busy    bool
	waiting []*turn
}

// turn is one run's place: it is told of every change, and moved is closed and renewed.
type turn struct {
	moved chan struct{}
}

// enter waits for the caller's turn; leave lets the next one in. waiting hears how many go first.
func (q *queue) enter(ctx context.Context, waiting func(place int)) (leave func(), err error) {
	q.mu.Lock()
	if !q.busy {
		q.busy = true
		q.mu.Unlock()
		return q.leave, nil
	}
	t := &turn{moved: make(chan struct{}, 1)}
	q.waiting = append(q.waiting, t)
	place := len(q.waiting)
	q.mu.Unlock()
	for {
		if place > 0 && waiting != nil {
			waiting(place)
		}
		select {
		case <-ctx.Done():
			q.abandon(t)
			return nil, ctx.Err()
		case <-t.moved:
		}
		q.mu.Lock()
		place = slices.Index(q.waiting, t) + 1
		q.mu.Unlock()
		if place == 0 {
			return q.leave, nil
		}
	}
}

// leave hands over to the next in the queue.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.busy = false
		return
	}
	next := q.waiting[0]
	q.waiting = slices.Delete(q.waiting, 0, 1)
	next.tell()
	for _, t := range q.waiting {
		t.tell()
	}
}

// abandon gives a place up; if the turn had come already, it is passed on.
func (q *queue) abandon(t *turn) {
	q.mu.Lock()
	i := slices.Index(q.waiting, t)
	if i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		for _, t := range q.waiting[i:] {
			t.tell()
		}
	}
	q.mu.Unlock()
	if i < 0 {
		q.leave()
	}
}

func (t *turn) tell() {
	select {
	case t.moved <- struct{}{}:
	default:
	}
}
