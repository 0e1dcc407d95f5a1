package sse

import (
	"context"
	"net/http"
	"strings"
	"time"

	"headway/internal/auth"
	"headway/services/edge/internal/access"
	"headway/services/edge/internal/format"
	"headway/services/edge/internal/hub"
	"headway/services/edge/internal/shown"
)

// View serves streams in one format. Streams of one View share their events.
type View struct {
	handlers *Handlers
	format   format.Format
	// one encodes the events of streams of one job or import, and mine those of streams of many jobs. named has the
	// forms for streams whose IDs name their job.
	one, mine *encoder
	named     *forms
}

// View returns a View with a format.
func (h *Handlers) View(f format.Format) *View {
	return &View{
		handlers: h, format: f, named: &forms{},
		one:  &encoder{format: f, id: revisionID, forms: &forms{}},
		mine: &encoder{format: f, id: momentID, forms: &forms{}},
	}
}

// Options are a route's options for a stream.
type Options struct {
	// Timeout, if not 0, is the maximum duration of a stream. A client that reconnects continues.
	Timeout time.Duration
	// Recent makes a new stream of all jobs begin with those that ended a moment ago, for clients that start a job and open
	// the stream at the same moment, and wait for its end.
	Recent bool
	// Gone, if set, is called when the client has disconnected before the job's end.
	Gone func()
}

// One serves the stream of a job or import. A job must be of the given kind, unless kind is empty.
func (v *View) One(w http.ResponseWriter, r *http.Request, t hub.Topic, kind string, o Options) {
	e := v.one
	if _, grows := v.format.(format.Growing); grows || o.Gone != nil {
		e = &encoder{format: v.format, id: revisionID, forms: v.one.forms, follower: &follower{gone: o.Gone}}
	}
	v.serveOne(w, r, e, t, kind, lastEventID(r), "", o)
}

// Started serves the stream of a job that a route started. Its event IDs name the job, so that a client that reconnects
// finds it.
func (v *View) Started(w http.ResponseWriter, r *http.Request, t hub.Topic, o Options) {
	v.serveNamed(w, r, t, &follower{gone: o.Gone}, o)
}

func (v *View) serveNamed(w http.ResponseWriter, r *http.Request, t hub.Topic, f *follower, o Options) {
	e := &encoder{format: v.format, id: namedID, forms: v.named, follower: f}
	_, seen := parseNamed(lastEventID(r))
	v.serveOne(w, r, e, t, "", seen, t.ID+".", o)
}

// StartedBefore returns the job that a client's last event named. It returns "" if this is the client's first request.
func StartedBefore(r *http.Request) string {
	id, _ := parseNamed(lastEventID(r))
	return id
}

func (v *View) serveOne(w http.ResponseWriter, r *http.Request, e *encoder, t hub.Topic, kind, last, firstID string, o Options) {
	h := v.handlers
	field := "job_id"
	if t.Import {
		field = "import_id"
	}
	as, s, ok := h.enter(w, r, e, t.ID, field)
	if !ok {
		return
	}
	current, err := h.cfg.Hub.Watch(r.Context(), &s.sub, t, as)
	if err == nil && kind != "" && current.Kind != kind {
		err = hub.NotFound(t)
	}
	if err != nil {
		h.turnAway(w, r, s, err)
		return
	}
	seen := seenRevision(current, last)
	if seen > current.Revision { // the client knows it from elsewhere, from another edge or REST
		if current, err = h.cfg.Hub.Refresh(r.Context(), &s.sub, current); err != nil {
			h.turnAway(w, r, s, err)
			return
		}
	}
	if current.Terminal && seen == current.Revision {
		h.noMore(w, s)
		return
	}
	what := "job"
	if t.Import {
		what = "import"
	}
	s.limit(o.Timeout)
	h.serve(w, r, s, firstID, format.Opening{
		User: as.Subject, Topic: t, Message: "Connected to " + what + " " + t.ID + ".", Keepalive: h.cfg.Keepalive,
	})
}

// Mine serves the stream of all jobs of the caller.
func (v *View) Mine(w http.ResponseWriter, r *http.Request, o Options) {
	h := v.handlers
	as, s, ok := h.enter(w, r, v.mine, "", "")
	if !ok {
		return
	}
	begun := time.Now()
	since := parseMoment(lastEventID(r))
	ended := atMost(since, maxReplay)
	if since.IsZero() && o.Recent {
		ended = begun.Add(-headStart)
	}
	if !h.watchMine(w, r, s, ended) {
		return
	}
	id := ""
	if since.IsZero() {
		id = formatMoment(begun.UnixMilli()) // a stream that is lost before it has sent a job resumes from here
	}
	s.limit(o.Timeout)
	h.serve(w, r, s, id, format.Opening{User: as.Subject, Message: "Connected to your jobs.", Keepalive: h.cfg.Keepalive})
}

// watchMine makes a stream follow all jobs of its user. It returns false if it has answered the request.
func (h *Handlers) watchMine(w http.ResponseWriter, r *http.Request, s *stream, since time.Time) bool {
	if r.Method == http.MethodHead {
		return true
	}
	if err := h.cfg.Hub.WatchMine(access.Outgoing(r.Context()), &s.sub, since); err != nil {
		h.turnAway(w, r, s, err)
		return false
	}
	return true
}

// namedID returns the ID on streams of jobs that a route found or started: the job's ID, and the ID of the revision.
func namedID(s *hub.Snapshot) string { return s.ID + "." + revisionID(s) }

// parseNamed reads a namedID.
func parseNamed(id string) (jobID, revision string) {
	jobID, revision, ok := strings.Cut(id, ".")
	if !ok {
		return "", ""
	}
	return jobID, revision
}

// limit ends a stream when its route's timeout has passed.
func (s *stream) limit(timeout time.Duration) {
	if timeout > 0 {
		s.expires = int32(min(int64(s.expires), s.handlers.cfg.Loop.Now()+int64(timeout/time.Second)+1))
	}
}

// Latest serves the stream of the caller's latest job of a kind. A stream that begins before the job waits for it. ends
// records which ends were sent.
func (v *View) Latest(w http.ResponseWriter, r *http.Request, kind string, ends *shown.Route, o Options) {
	h := v.handlers
	if id, revision := parseNamed(lastEventID(r)); id != "" && v.resume(w, r, id, revision, ends, o) {
		return
	}
	f := &follower{latest: true, kind: kind, shown: ends, gone: o.Gone}
	as, s, ok := h.enter(w, r, &encoder{format: v.format, id: namedID, forms: v.named, follower: f}, "", "")
	if !ok {
		return
	}
	if err := ends.Load(r.Context(), as.Subject); err != nil { // then only this edge's own are known
		h.cfg.Logger.Error("can't read which ends of jobs were shown", "error", err)
	}
	begun := time.Now()
	if before := parseMoment(lastEventID(r)); !before.IsZero() {
		begun = atMost(before, maxReplay) // since then, it waits
		f.resumed = begun.UnixMilli()
	}
	f.subject, f.since, f.opened = as.Subject, begun.Add(-headStart), begun.UnixMilli()
	if !h.watchMine(w, r, s, f.since) {
		return
	}
	if r.Method != http.MethodHead { // it doesn't consume a failure, which is for a stream
		h.await(s)
	}
	s.limit(o.Timeout)
	h.serve(w, r, s, formatMoment(begun.UnixMilli()), format.Opening{User: as.Subject, Message: "Connected.", Keepalive: h.cfg.Keepalive})
}

// resume continues the stream of a job that a client knows. It returns false if the client has received the job's end,
// or if the job doesn't exist for the caller.
func (v *View) resume(w http.ResponseWriter, r *http.Request, id, revision string, ends *shown.Route, o Options) bool {
	h := v.handlers
	ctx, cancel := context.WithTimeout(r.Context(), resumeTimeout)
	defer cancel()
	current, err := h.cfg.Hub.Read(ctx, hub.Topic{ID: id})
	as, _ := auth.FromContext(r.Context())
	if err != nil || !as.MaySee(current.Owner) || current.Terminal && seenRevision(current, revision) == current.Revision {
		return false
	}
	v.serveNamed(w, r, hub.Topic{ID: id}, &follower{subject: as.Subject, shown: ends, gone: o.Gone}, o)
	return true
}

// resumeTimeout is the maximum time that a stream that resumes waits for its job.
const resumeTimeout = 5 * time.Second
