package upload

import (
	"context"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
)

// Limit limits the uploads in progress per user. A request above the limit waits until another one has ended, because
// some clients that send several files at a time don't retry. Its handlers must be inside access.Required. It is safe
// for concurrent use.
type Limit struct {
	perUser int
	wait    time.Duration
	refuse  func(http.ResponseWriter, *http.Request, error)

	mu    sync.Mutex
	users map[string]*slots
}

// slots are the uploads of a user that are in progress.
type slots struct {
	taken chan struct{}
	// requests is the number of requests that have a slot or wait for one.
	requests int
}

// NewLimit returns a Limit of perUser uploads, where 0 means no limit. A request waits at most for wait, and is then
// answered by refuse.
func NewLimit(perUser int, wait time.Duration, refuse func(http.ResponseWriter, *http.Request, error)) *Limit {
	return &Limit{perUser: perUser, wait: wait, refuse: refuse, users: make(map[string]*slots)}
}

// Handler returns a handler that passes a request to next when its user has a free slot.
func (l *Limit) Handler(next http.Handler) http.Handler {
	return l.handler(next, codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_LIMIT)
}

func (l *Limit) handler(next http.Handler, code codes.Code, reason errorsv1.ErrorReason) http.Handler {
	if l.perUser == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := auth.FromContext(r.Context())
		release, ok := l.take(r.Context(), id.Subject)
		if !ok {
			l.refuse(w, r, rpcerr.Newf(code, reason,
				"You already have %d uploads in progress, the maximum per user. Try again when one of them has finished.", l.perUser))
			return
		}
		defer release()
		next.ServeHTTP(w, r)
	})
}

// Bodies is Handler for the routes of tus, on which only requests with a body are uploads. Clients of tus try again after
// UPLOAD_BUSY (423), but not after UPLOAD_LIMIT (429).
func (l *Limit) Bodies(next http.Handler) http.Handler {
	limited := l.handler(next, codes.Aborted, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_BUSY)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		limited.ServeHTTP(w, r)
	})
}

// take waits for a slot of the user. It reports whether there was one in time.
func (l *Limit) take(ctx context.Context, user string) (release func(), ok bool) {
	s := l.join(user)
	timeout := time.NewTimer(l.wait)
	defer timeout.Stop()
	select {
	case s.taken <- struct{}{}:
		return func() { <-s.taken; l.leave(user) }, true
	default:
	}
	select {
	case s.taken <- struct{}{}:
		return func() { <-s.taken; l.leave(user) }, true
	case <-timeout.C:
	case <-ctx.Done():
	}
	l.leave(user)
	return nil, false
}

func (l *Limit) join(user string) *slots {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.users[user]
	if s == nil {
		s = &slots{taken: make(chan struct{}, l.perUser)}
		l.users[user] = s
	}
	s.requests++
	return s
}

func (l *Limit) leave(user string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.users[user]; s.requests == 1 {
		delete(l.users, user)
	} else {
		s.requests--
	}
}
