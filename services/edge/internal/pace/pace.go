// Package pace decides how much of a file or an output each reader requests at a time, so that slow readers use little
// memory, and all readers together use a limited amount.
package pace

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// Slow is the number of bytes that a slow reader requests at a time, and initially every reader. They fit into one
	// buffer of gRPC. For a reader that accepts them immediately, the number doubles with each request, up to Fast.
	Slow = 12 << 10
	// Fast is the number of bytes that a fast reader requests at a time.
	Fast = 192 << 10
	// Prompt is the time within which a fast reader accepts what it requested. If a write takes longer, the rest of the
	// part is dropped and requested again later, so that a reader that stalls uses only the memory of that write.
	Prompt = 100 * time.Millisecond
)

// budget limits the bytes that slow readers are receiving at a time, and the bytes that fast readers have requested and
// not written yet. A slow reader holds one small part in addition.
const budget = 4 << 20

// Budget is the limit for all readers of one service.
type Budget struct{ slow, fast *semaphore.Weighted }

// NewBudget returns a new Budget.
func NewBudget() *Budget {
	return &Budget{slow: semaphore.NewWeighted(budget), fast: semaphore.NewWeighted(budget)}
}

// Reader is the pace of one reader.
type Reader struct {
	budget *Budget
	most   int64
	// slow and fast are the bytes that are held from each budget.
	slow, fast int64
	received   time.Time
}

// New returns the pace of a new reader.
func New(b *Budget) Reader { return Reader{budget: b, most: Slow} }

// Request waits until a request can be made, and returns the maximum number of its bytes. The caller must call Received
// when they have arrived, or the request has failed, and Done when they are written or dropped.
func (r *Reader) Request(ctx context.Context) (int64, error) {
	if r.most > Slow && r.budget.fast.TryAcquire(r.most) {
		r.fast = r.most
		return r.most, nil
	}
	r.most = Slow
	if err := r.budget.slow.Acquire(ctx, r.most); err != nil {
		return 0, err
	}
	r.slow = r.most
	return r.most, nil
}

// Received records that the request has ended.
func (r *Reader) Received() {
	r.received = time.Now()
	if r.slow > 0 {
		r.budget.slow.Release(r.slow)
		r.slow = 0
	}
}

// Done records that the reader has taken what was received, or that it was dropped. The time since Received determines
// the size of the next request.
func (r *Reader) Done() {
	switch took := time.Since(r.received); {
	case took > Prompt:
		r.most = max(r.most/2, Slow)
	default:
		r.most = min(2*r.most, Fast)
	}
	if r.fast > 0 {
		r.budget.fast.Release(r.fast)
		r.fast = 0
	}
}

// Fast reports whether the reader holds bytes of the budget of fast readers.
func (r *Reader) Fast() bool { return r.fast > 0 }

// Reset makes the next request a small one.
func (r *Reader) Reset() { r.most = Slow }
