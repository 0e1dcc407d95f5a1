package headway

import (
	"context"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

const (
	maxHeartbeats     = 256                  // in one call
	maxHeartbeatBytes = 1 << 20              // in one call
	collectHeartbeats = 5 * time.Millisecond // how long a heartbeat waits for others
)

// heartbeats sends the heartbeats of a worker's jobs. Those of the same moment share a call.
type heartbeats struct {
	client jobsv1.WorkerServiceClient

	mu      sync.Mutex
	waiting []*beat
	bytes   int
	alone   bool // each heartbeat is sent in its own call
}

// beat is a heartbeat that waits for its response.
type beat struct {
	request  *jobsv1.HeartbeatRequest
	answered chan struct{}
	response *jobsv1.HeartbeatResponse
	err      error
}

// newHeartbeats returns the heartbeats of a worker that runs this many jobs at a time.
func newHeartbeats(client jobsv1.WorkerServiceClient, concurrency int) *heartbeats {
	return &heartbeats{client: client, alone: concurrency == 1}
}

// send is Heartbeat of the service.
func (h *heartbeats) send(ctx context.Context, r *jobsv1.HeartbeatRequest) (*jobsv1.HeartbeatResponse, error) {
	b := &beat{request: r, answered: make(chan struct{})}
	if !h.join(b) {
		return h.client.Heartbeat(ctx, r)
	}
	select {
	case <-b.answered:
		return b.response, b.err
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

// join adds the heartbeat to the next call. It reports whether there is one.
func (h *heartbeats) join(b *beat) bool {
	size := proto.Size(b.request)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.alone {
		return false
	}
	if len(h.waiting) > 0 && (len(h.waiting) == maxHeartbeats || h.bytes+size > maxHeartbeatBytes) {
		go h.call(h.take())
	}
	if len(h.waiting) == 0 {
		time.AfterFunc(collectHeartbeats, func() {
			h.mu.Lock()
			batch := h.take()
			h.mu.Unlock()
			h.call(batch)
		})
	}
	h.waiting, h.bytes = append(h.waiting, b), h.bytes+size
	return true
}

// take returns the waiting heartbeats. The lock is held.
func (h *heartbeats) take() []*beat {
	batch := h.waiting
	h.waiting, h.bytes = nil, 0
	return batch
}

// call sends heartbeats in one call, and answers them.
func (h *heartbeats) call(batch []*beat) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if len(batch) < 2 {
		h.callAlone(ctx, batch)
		return
	}
	r := &jobsv1.HeartbeatsRequest{Heartbeats: make([]*jobsv1.HeartbeatRequest, len(batch))}
	for i, b := range batch {
		r.Heartbeats[i] = b.request
	}
	resp, err := h.client.Heartbeats(ctx, r)
	code := status.Code(err)
	if code == codes.OK && len(resp.GetResults()) != len(batch) {
		code = codes.Internal // of a service that does not keep to the protocol
	}
	switch code {
	case codes.OK:
		for i, b := range batch {
			b.answer(resp.GetResults()[i])
		}
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Unauthenticated, codes.PermissionDenied:
		for _, b := range batch {
			b.err = err
			close(b.answered)
		}
	case codes.Unimplemented: // by earlier versions of the service
		h.mu.Lock()
		h.alone = true
		h.mu.Unlock()
		h.callAlone(ctx, batch)
	default: // a heartbeat that can't be sent must not affect the others
		h.callAlone(ctx, batch)
	}
}

// callAlone sends each heartbeat in its own call, and answers them.
func (h *heartbeats) callAlone(ctx context.Context, batch []*beat) {
	var calls sync.WaitGroup
	for _, b := range batch {
		calls.Go(func() {
			b.response, b.err = h.client.Heartbeat(ctx, b.request)
			close(b.answered)
		})
	}
	calls.Wait()
}

// answer answers the heartbeat with its result of a call.
func (b *beat) answer(r *jobsv1.HeartbeatResult) {
	defer close(b.answered)
	failure := r.GetError()
	if failure == nil {
		b.response = r.GetLease()
		return
	}
	code := codes.Unavailable // so that it is repeated
	if failure.GetReason() == reasonLeaseLost {
		code = codes.Aborted
	}
	st := status.New(code, failure.GetMessage())
	if with, err := st.WithDetails(&errdetails.ErrorInfo{Reason: failure.GetReason(), Domain: "headway"}); err == nil {
		st = with
	}
	b.err = st.Err()
}
