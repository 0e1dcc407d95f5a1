// Package sse serves live streams as Server-Sent Events: of one job or import, of all jobs of a user, and of a job's
// output.
package sse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/access"
	"headway/services/edge/internal/format"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/hub"
	"headway/services/edge/internal/pace"
	"headway/services/edge/internal/reqlog"
	"headway/services/edge/internal/sockets"
)

// Config configures the Handlers.
type Config struct {
	// Hub provides the states, and Loop sends them.
	Hub  *hub.Hub
	Loop *sockets.Loop
	// Outputs provides the output of jobs. AsService makes calls with the edge's own token.
	Outputs   jobsv1.JobServiceClient
	AsService grpc.CallOption
	// ReadBudget limits the bytes of output that are being read at a time.
	ReadBudget *pace.Budget
	// SignedOut reports whether a session was signed out. Streams of such a session are refused.
	SignedOut func(session string) bool
	// Logger logs states that cannot be sent.
	Logger *slog.Logger
	// Metrics registers the metrics. nil means none.
	Metrics prometheus.Registerer
	// Keepalive is the maximum time without any byte on a stream. It must be whole seconds, at least 2.
	Keepalive time.Duration
	// Retry is the time that a browser waits before it reconnects, with a jitter of half of it.
	Retry time.Duration
}

// Handlers serve streams.
type Handlers struct {
	cfg              Config
	keepaliveSeconds int64
	messages         prometheus.Counter
	// headway is the view of Headway's own routes.
	headway *View
	// ready is scratch memory for waking connections.
	ready []*sockets.Conn

	mu sync.Mutex
	// waiting has the streams that wait for a job to begin. failures has the recently failed attempts to start one for
	// which no stream was waiting.
	waiting  []*stream
	failures map[startKey]failure
	// starting counts the attempts to begin a job that are in progress.
	starting map[startKey]int
}

// New returns new Handlers, and registers them with the hub.
func New(cfg Config) *Handlers {
	h := &Handlers{
		cfg:              cfg,
		keepaliveSeconds: max(1, int64(cfg.Keepalive/time.Second)-1), // the wheel visits connections once per second
		messages:         prometheus.NewCounter(prometheus.CounterOpts{Name: "headway_edge_messages_total", Help: "Snapshots sent to streams."}),
		failures:         make(map[startKey]failure),
		starting:         make(map[startKey]int),
	}
	h.headway = h.View(format.Headway)
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(h.messages)
	}
	cfg.Hub.OnReady(h.wake)
	return h
}

// wake wakes the connections of these subscriptions.
func (h *Handlers) wake(ready []*hub.Subscription) {
	h.ready = h.ready[:0]
	for _, s := range ready {
		h.ready = append(h.ready, &s.Receiver.(*stream).conn)
	}
	h.cfg.Loop.Wake(h.ready...)
	clear(h.ready)
}

// Job handles GET /api/v1/sse/jobs/{kind}/{job_id}.
func (h *Handlers) Job(w http.ResponseWriter, r *http.Request) {
	h.headway.One(w, r, hub.Topic{ID: r.PathValue("job_id")}, r.PathValue("kind"), Options{})
}

// Import handles GET /api/v1/sse/imports/{import_id}.
func (h *Handlers) Import(w http.ResponseWriter, r *http.Request) {
	h.headway.One(w, r, hub.Topic{ID: r.PathValue("import_id"), Import: true}, "", Options{})
}

// Mine handles GET /api/v1/sse/jobs/my.
func (h *Handlers) Mine(w http.ResponseWriter, r *http.Request) { h.headway.Mine(w, r, Options{}) }

// maxReplay limits how long ago a job can have ended to be sent to a client that reconnects.
const maxReplay = 24 * time.Hour

// atMost limits how long ago a time is to d. It doesn't change the zero time.
func atMost(t time.Time, d time.Duration) time.Time {
	if oldest := time.Now().Add(-d); !t.IsZero() && t.Before(oldest) {
		return oldest
	}
	return t
}

// enter admits the caller of a stream of the job or import with this ID, or of all own jobs. It returns false if it has
// answered the request.
func (h *Handlers) enter(w http.ResponseWriter, r *http.Request, e *encoder, id, field string) (as auth.Identity, s *stream, ok bool) {
	as, _ = auth.FromContext(r.Context())
	switch {
	case !utf8.ValidString(id):
		h.Refuse(w, r, rpcerr.Invalid(field, "It must be UTF-8 text."))
		return as, nil, false
	case len([]rune(id)) > maxID:
		h.Refuse(w, r, rpcerr.Invalid(field, fmt.Sprintf("It has more than %d characters.", maxID)))
		return as, nil, false
	}
	s = &stream{handlers: h, encoder: e}
	s.sub.Receiver = s
	s.setToken(as)
	session := access.CallerOf(r.Context()).Session
	if err := h.cfg.Hub.Admit(&s.sub, as, session); err != nil {
		h.Refuse(w, r, err)
		return as, nil, false
	}
	if session != "" && h.cfg.SignedOut(session) { // since the request arrived: from now on, the hub ends the stream
		h.turnAway(w, r, s, rpcerr.Token(auth.ErrExpired))
		return as, nil, false
	}
	return as, s, true
}

// maxID is the maximum length of an ID, as in the services.
const maxID = 64

// turnAway refuses a caller after Admit.
func (h *Handlers) turnAway(w http.ResponseWriter, r *http.Request, s *stream, err error) {
	s.abandon()
	h.Refuse(w, r, err)
}

// abandon closes a stream that has not started.
func (s *stream) abandon() {
	s.sub.Close()
	if s.encoder.follower != nil {
		s.handlers.stopWaiting(s)
	}
	if s.stop != nil {
		s.stop()
	}
}

// noMore makes an EventSource that has received the end stop (WHATWG HTML §9.2.3).
func (h *Handlers) noMore(w http.ResponseWriter, s *stream) {
	s.abandon()
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

// serve starts the stream. HEAD gets the headers of GET, and no body.
func (h *Handlers) serve(w http.ResponseWriter, r *http.Request, s *stream, id string, o format.Opening) {
	setHeaders(w.Header())
	if r.Method == http.MethodHead {
		s.abandon()
		w.WriteHeader(http.StatusOK)
		return
	}
	h.cfg.Hub.Confirm(&s.sub)
	s.mu.Lock()
	s.said.Store(true)
	own := s.words()
	first := appendEvent(nil, id, jittered(h.cfg.Retry), s.encoder.format.Begin(o))
	if len(first) == 0 && id != "" { // an event without data sets the client's last ID (WHATWG HTML §9.2.6)
		first = []byte("id: " + id + "\n\n")
	}
	own.control = append(first, own.control...)
	s.mu.Unlock()
	hijacked := sockets.Hijackable(r)
	if hijacked {
		s.done = reqlog.From(r.Context()).Detach(http.StatusOK)
	}
	err := h.cfg.Loop.Serve(&s.conn, w, r, s)
	switch {
	case err != nil:
		s.abandon()
		s.done(0, err)
		httperr.Write(w, r, rpcerr.Internal(err))
	case !hijacked:
		s.mu.Lock()
		cause := s.words().cause
		s.mu.Unlock()
		if !errors.Is(cause, sockets.ErrPeerGone) {
			reqlog.From(r.Context()).Err = cause
		}
	}
}

// setHeaders sets the headers of streams, with which proxies don't store, change, buffer, or compress them.
func setHeaders(h http.Header) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no")
}

// lastEventID returns the last event ID that a client has seen. Browsers send the header when they reconnect by themselves. A client that
// opens a new EventSource, for a new ticket, can only use the query.
func lastEventID(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.URL.Query().Get("last_event_id")
}

// Refuse answers a request for a stream that is not allowed or not possible. A browser's EventSource stops at any
// status other than 200, and doesn't expose the response's body. So if it should reconnect later, it gets a stream with
// a message, which then ends.
func (h *Handlers) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	code := status.Code(err)
	if !strings.Contains(r.Header.Get("Accept"), "text/event-stream") || code != codes.Unavailable && code != codes.ResourceExhausted {
		httperr.Write(w, r, err)
		return
	}
	setHeaders(w.Header())
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(h.endEvent(format.Headway, err)) // the caller may have gone
}

// endEvent returns the event with the reason why a stream ends, and the time to reconnect.
func (h *Handlers) endEvent(f format.Format, cause error) []byte {
	var (
		retry   time.Duration
		deleted hub.DeletedError
	)
	switch {
	case rpcerr.Reason(cause) == errorsv1.ErrorReason_ERROR_REASON_RATE_LIMITED:
		retry = jittered(rateRetry)
	case errors.Is(cause, hub.ErrReplaced) || status.Code(cause) == codes.ResourceExhausted:
		retry = jittered(limitRetry)
	case !errors.As(cause, &deleted):
		retry = jittered(h.cfg.Retry)
	}
	return appendEvent(nil, "", retry, f.End(cause))
}

// spawn starts a goroutine that feeds one stream until its connection has ended. It returns false if it has answered
// the request.
func (h *Handlers) spawn(w http.ResponseWriter, r *http.Request, s *stream, feed func(ctx context.Context)) bool {
	begun := make(chan context.CancelFunc, 1)
	ok := h.cfg.Hub.Go(func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		begun <- cancel
		feed(ctx)
	})
	if !ok {
		h.turnAway(w, r, s, hub.Unavailable(hub.ErrDraining))
		return false
	}
	s.stop = <-begun
	return true
}
