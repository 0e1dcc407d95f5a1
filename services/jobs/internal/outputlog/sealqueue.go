package outputlog

import (
	"context"
	"sync"
	"time"

	"headway/services/jobs/internal/job"
)

// tails tracks the outputs that are long enough to be sealed, and their lengths. It can be lost, because the store has
// this data too.
type tails struct {
	long int64 // a tail of this many bytes can be sealed

	mu    sync.Mutex
	known map[string]*tail
	queue []string      // the jobs that no sealer is working on
	wake  chan struct{} // queue has grown
}

type tail struct {
	job.Tail
	shrunk chan struct{} // closed when a segment of it is sealed
}

// take records newer positions. Both ends only increase.
func (t *tail) take(news job.Tail) {
	t.Begins, t.End = max(t.Begins, news.Begins), max(t.End, news.End)
}

func newTails(long int64) *tails {
	return &tails{long: long, known: map[string]*tail{}, wake: make(chan struct{}, 1)}
}

// note records the range of a job's output that is in the store.
func (t *tails) note(id string, now job.Tail) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.known[id]
	if one == nil {
		if now.Length() < t.long {
			return
		}
		one = &tail{shrunk: make(chan struct{})}
		t.known[id] = one
		t.push(id)
	}
	one.take(now)
}

// push queues the job for a sealer. The lock must be held.
func (t *tails) push(id string) {
	t.queue = append(t.queue, id)
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// next returns a job whose output must be sealed. ok is false when ctx has ended.
func (t *tails) next(ctx context.Context) (id string, ok bool) {
	for {
		t.mu.Lock()
		if len(t.queue) > 0 {
			id, t.queue = t.queue[0], t.queue[1:]
			if len(t.queue) > 0 {
				select {
				case t.wake <- struct{}{}: // another sealer has work, too
				default:
				}
			}
			t.mu.Unlock()
			return id, ctx.Err() == nil
		}
		t.mu.Unlock()
		select {
		case <-t.wake:
		case <-ctx.Done():
			return "", false
		}
	}
}

// done is called when a sealer has finished, with the rest of the job's tail. If the tail is still long, or could not
// be sealed, the job is queued again.
func (t *tails) done(id string, left job.Tail, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.known[id]
	one.take(left)
	if !failed {
		close(one.shrunk)
		one.shrunk = make(chan struct{})
	}
	gone := left == job.Tail{} && !failed
	if gone || one.Length() < t.long {
		delete(t.known, id)
		return
	}
	t.push(id)
}

// wait returns when the job's tail has fewer than most bytes. It returns job.ErrOutputBehind if that takes too long.
func (t *tails) wait(ctx context.Context, id string, most int64) error {
	t.mu.Lock()
	one := t.known[id]
	if one == nil || one.Length() < most {
		t.mu.Unlock()
		return nil
	}
	t.mu.Unlock()
	late := time.NewTimer(appendTimeout)
	defer late.Stop()
	for {
		t.mu.Lock()
		one = t.known[id]
		if one == nil || one.Length() < most {
			t.mu.Unlock()
			return nil
		}
		shrunk := one.shrunk
		t.mu.Unlock()
		select {
		case <-shrunk:
		case <-late.C:
			return job.ErrOutputBehind
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
