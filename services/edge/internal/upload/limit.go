package upload

import (
	"net/http"
	"sync"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
)

// Limit bounds the uploads that each user has in progress. Its handlers must be inside access.Required. Safe for
// concurrent use.
type Limit struct {
	uploads *Handler
	perUser int

	mu      sync.Mutex
	running map[string]int
}

// NewLimit returns a Limit of perUser uploads; 0 means no limit.
func NewLimit(uploads *Handler, perUser int) *Limit {
	return &Limit{uploads: uploads, perUser: perUser, running: make(map[string]int)}
}

// Handler returns a handler that passes a request to next if its user may have one more upload in progress.
func (l *Limit) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := auth.FromContext(r.Context())
		if !l.begin(id.Subject) {
			l.uploads.Refuse(w, r, rpcerr.Newf(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_LIMIT,
				"You already have %d uploads in progress, the maximum per user. Try again when one of them has finished.", l.perUser))
			return
		}
		defer l.end(id.Subject)
		next.ServeHTTP(w, r)
	})
}

// Bodies is Handler for routes on which only requests with a body are uploads.
func (l *Limit) Bodies(next http.Handler) http.Handler {
	limited := l.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		limited.ServeHTTP(w, r)
	})
}

func (l *Limit) begin(subject string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.perUser > 0 && l.running[subject] >= l.perUser {
		return false
	}
	l.running[subject]++
	return true
}

func (l *Limit) end(subject string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running[subject]--; l.running[subject] == 0 {
		delete(l.running, subject)
	}
}
