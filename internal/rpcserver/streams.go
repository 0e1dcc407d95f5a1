package rpcserver

import (
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
)

// streamLimit limits the open streams of each user. A stream that its caller does not read can occupy 64 KiB, and each watch costs time
// whenever a job changes. Headway's own services have streams for all their users, and limit those of each.
type streamLimit struct {
	most int

	mu   sync.Mutex
	open map[string]int // by subject
}

func newStreamLimit(most int) *streamLimit {
	return &streamLimit{most: most, open: make(map[string]int)}
}

// stream implements grpc.StreamServerInterceptor. It must come after authStream.
func (l *streamLimit) stream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	id, known := auth.FromContext(ss.Context())
	if l.most < 0 || !known || id.Has(auth.ScopeService) {
		return handler(srv, ss)
	}
	if !l.enter(id.Subject) {
		return rpcerr.Newf(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_STREAM_LIMIT,
			"You have %d open streams at this service, which is the maximum. Close those that you no longer need, or watch all your jobs with one WatchJobs.", l.most)
	}
	defer l.leave(id.Subject)
	return handler(srv, ss)
}

func (l *streamLimit) enter(subject string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[subject] >= l.most {
		return false
	}
	l.open[subject]++
	return true
}

func (l *streamLimit) leave(subject string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[subject]--; l.open[subject] == 0 {
		delete(l.open, subject)
	}
}
