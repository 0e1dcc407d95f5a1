package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/services/edge/internal/access"
	"headway/services/edge/internal/httperr"
)

// maxReplay is how far back a reconnect is told of jobs that ended while it was away.
const maxReplay = 24 * time.Hour

// ServeJob answers GET /api/v1/sse/jobs/{kind}/{job_id}.
func (h *Hub) ServeJob(rw http.ResponseWriter, r *http.Request) {
	h.serveOne(rw, r, r.PathValue("job_id"), r.PathValue("kind"), false)
}

// ServeImport answers GET /api/v1/sse/imports/{import_id}.
func (h *Hub) ServeImport(rw http.ResponseWriter, r *http.Request) {
	h.serveOne(rw, r, r.PathValue("import_id"), "", true)
}

func (h *Hub) serveOne(rw http.ResponseWriter, r *http.Request, id, kind string, isImport bool) {
	as, w, ok := h.enter(rw, r)
	if !ok {
		return
	}
	t, current, err := h.attach(r.Context(), w, id, kind, isImport, as)
	if err != nil {
		h.turnAway(rw, r, w, err)
		return
	}
	seen, seenErr := strconv.ParseUint(lastEventID(r), 10, 32)
	if seenErr == nil && uint32(seen) > current.revision { // known elsewhere already, by another edge or REST
		if current, err = h.catchUp(r.Context(), t, current); err != nil {
			h.turnAway(rw, r, w, err)
			return
		}
	}
	if seenErr == nil && current.terminal && uint32(seen) >= current.revision {
		w.close(nil)
		noMore(rw)
		return
	}
	h.enforceLimit(as.Subject)
	setHeaders(rw.Header())
	what := "job"
	if isImport {
		what = "import"
	}
	h.open(rw, r, w, [][]byte{
		connectedEvent(as.Subject, id, "Connected to "+what+" "+id+".", h.cfg.Keepalive, jittered(h.cfg.Retry)),
		current.appendEvent(nil, current.revisionID(), true),
	}, current.revision, current.terminal)
}

// ServeMine answers GET /api/v1/sse/jobs/my.
func (h *Hub) ServeMine(rw http.ResponseWriter, r *http.Request) {
	as, w, ok := h.enter(rw, r)
	if !ok {
		return
	}
	begun := time.Now()
	err := h.attachMine(r.Context(), w)
	since := parseMoment(lastEventID(r))
	if err == nil && !since.IsZero() {
		err = h.replayEnded(r.Context(), w, since)
	}
	if err != nil {
		h.turnAway(rw, r, w, err)
		return
	}
	h.enforceLimit(as.Subject)
	setHeaders(rw.Header())
	connected := connectedEvent(as.Subject, "", "Connected to your jobs.", h.cfg.Keepalive, jittered(h.cfg.Retry))
	if since.IsZero() {
		// A stream that is lost before it has told of any job resumes from here all the same.
		connected = append([]byte("id: "+momentID(begun.UnixMilli())+"\n"), connected...)
	}
	h.open(rw, r, w, [][]byte{connected}, 0, false)
}

// attachMine has the watcher follow all jobs of its user, beginning with those that have not ended.
func (h *Hub) attachMine(ctx context.Context, w *watcher) error {
	timeout := time.NewTimer(fetchTimeout)
	defer timeout.Stop()
	select {
	case <-h.synced:
	case <-timeout.C:
		return errUnavailable(errors.New("the stream of jobs has not come up yet"))
	case <-ctx.Done():
		return errUnavailable(ctx.Err())
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	w.mine = true
	w.mu.Lock()
	if !w.ending {
		w.box = newMailbox()
	}
	w.mu.Unlock()
	p := h.person(w.subject)
	p.mine = append(p.mine, w)
	for _, t := range p.live {
		f, err := t.encoded()
		if err != nil {
			return fmt.Errorf("encode job %s: %w", t.id, err)
		}
		w.offer(f) // it has not begun yet: no writer is needed
	}
	return nil
}

// replayEnded tells a stream that comes back which jobs ended since: they are not among the live ones.
func (h *Hub) replayEnded(ctx context.Context, w *watcher, since time.Time) error {
	if oldest := time.Now().Add(-maxReplay); since.Before(oldest) {
		since = oldest
	}
	ctx, cancel := context.WithTimeout(access.Outgoing(ctx), fetchTimeout)
	defer cancel()
	stream, err := h.cfg.Jobs.WatchJobs(ctx, &jobsv1.WatchJobsRequest{EndedAfter: timestamppb.New(since.Add(-overlap))})
	for synced := false; err == nil && !synced; {
		var msg *jobsv1.WatchJobsResponse
		if msg, err = stream.Recv(); err != nil {
			break
		}
		for _, job := range msg.GetJobs() {
			if f, encodeErr := encode(jobMessage(job), isTerminal(job.GetStatus())); encodeErr == nil && f.terminal {
				w.offer(f) // it has not begun yet: no writer is needed
			}
		}
		synced = msg.GetSynced()
	}
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	if status.Code(err) == codes.Unavailable || status.Code(err) == codes.DeadlineExceeded {
		return errUnavailable(err)
	}
	return err
}

// setHeaders sets what keeps a stream a stream on its way: nothing may store, change, gather or compress it.
func setHeaders(h http.Header) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no")
}

// enter admits the caller of a stream; without ok the request has been answered. HEAD asks what GET would give, and
// wants none of it.
func (h *Hub) enter(rw http.ResponseWriter, r *http.Request) (as auth.Identity, w *watcher, ok bool) {
	if r.Method == http.MethodHead {
		setHeaders(rw.Header())
		rw.WriteHeader(http.StatusOK)
		return as, nil, false
	}
	as, _ = auth.FromContext(r.Context())
	w, err := h.admit(as, hijackable(r))
	if err != nil {
		refuse(rw, r, err, h.cfg.Retry)
		return as, nil, false
	}
	return as, w, true
}

// turnAway refuses a caller that was admitted, and forgets its watcher.
func (h *Hub) turnAway(rw http.ResponseWriter, r *http.Request, w *watcher, err error) {
	w.close(err)
	refuse(rw, r, err, h.cfg.Retry)
}

// noMore tells an EventSource to stop for good (WHATWG HTML §9.2.3): it has seen the end.
func noMore(rw http.ResponseWriter) {
	rw.Header().Set("Cache-Control", "no-store")
	rw.WriteHeader(http.StatusNoContent)
}

// lastEventID is where a client left off: browsers send the header when they reconnect by themselves; a client that
// opens a fresh EventSource, for a fresh ticket, can only use the query.
func lastEventID(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.URL.Query().Get("last_event_id")
}

// Refuse answers a request for a stream that may not have one, in the form that its client understands.
func (h *Hub) Refuse(rw http.ResponseWriter, r *http.Request, err error) {
	refuse(rw, r, err, h.cfg.Retry)
}

// refuse answers a stream that cannot be had. A browser's EventSource gives up for good on any status but 200, and does
// not show the answer's body; so where it should come back later, it gets a stream that says so and ends.
func refuse(rw http.ResponseWriter, r *http.Request, err error, retry time.Duration) {
	if !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		httperr.Write(rw, r, err)
		return
	}
	var event []byte
	switch status.Code(err) {
	case codes.Unavailable:
		event = drainingEvent(status.Convert(err).Message(), jittered(retry))
	case codes.ResourceExhausted:
		event = limitEvent(status.Convert(err).Message(), jittered(limitRetry))
	default:
		httperr.Write(rw, r, err)
		return
	}
	setHeaders(rw.Header())
	rw.WriteHeader(http.StatusOK)
	_, _ = rw.Write(event) // a caller that went away is no fault of ours
}
