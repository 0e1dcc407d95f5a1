// Package turns admits the runs of a target one at a time.
package turns

import (
	"context"
	"slices"
	"sync"
)

// Queue admits one run at a time, in the order of their arrival. Its zero value is empty.
type Queue struct {
	mu      sync.Mutex
	busy    bool
	waiting []*turn
}

// turn is the position of a run that waits. moved receives a value when the position changes.
type turn struct {
	moved chan struct{}
}

// Enter waits for the caller's turn. leave admits the next run. waiting is called with the caller's position: 1 means next.
func (q *Queue) Enter(ctx context.Context, waiting func(position int)) (leave func(), err error) {
	q.mu.Lock()
	if !q.busy {
		q.busy = true
		q.mu.Unlock()
		return q.leave, nil
	}
	t := &turn{moved: make(chan struct{}, 1)}
	q.waiting = append(q.waiting, t)
	position := len(q.waiting)
	q.mu.Unlock()
	for {
		if position > 0 && waiting != nil {
			waiting(position)
		}
		select {
		case <-ctx.Done():
			q.abandon(t)
			return nil, ctx.Err()
		case <-t.moved:
		}
		q.mu.Lock()
		position = slices.Index(q.waiting, t) + 1
		q.mu.Unlock()
		if position == 0 {
			return q.leave, nil
		}
	}
}

// leave admits the next run.
func (q *Queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.busy = false
		return
	}
	next := q.waiting[0]
	q.waiting = slices.Delete(q.waiting, 0, 1)
	next.notify()
	for _, t := range q.waiting {
		t.notify()
	}
}

// abandon removes a run from the queue. If its turn has already come, the next run is admitted.
func (q *Queue) abandon(t *turn) {
	q.mu.Lock()
	i := slices.Index(q.waiting, t)
	if i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		for _, t := range q.waiting[i:] {
			t.notify()
		}
	}
	q.mu.Unlock()
	if i < 0 {
		q.leave()
	}
}

func (t *turn) notify() {
	select {
	case t.moved <- struct{}{}:
	default:
	}
}
