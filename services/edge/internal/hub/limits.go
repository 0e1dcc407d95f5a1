package hub

import (
	"hash/fnv"
	"io"
	"slices"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
)

// attempts limits the attempts of each user to open streams. The burst is four times the user's maximum number of
// streams, and the rate is a quarter of that maximum per second. Clients that all reconnect at the same moment are far
// below this.
type attempts map[string]*rate.Limiter

func (a attempts) allow(user string, perUser int) bool {
	if perUser == 0 {
		return true
	}
	limiter := a[user]
	if limiter == nil {
		limiter = rate.NewLimiter(rate.Limit(max(perUser/4, 1)), max(4*perUser, minBurst))
		a[user] = limiter
	}
	return limiter.Allow()
}

const minBurst = 16

// forget removes the users without a recent attempt.
func (a attempts) forget() {
	for user, limiter := range a {
		if limiter.Tokens() >= float64(limiter.Burst()) {
			delete(a, user)
		}
	}
}

// Admit registers a subscription of the caller, which has no items yet. Close it in the end. Call Admit first, so that a
// refused attempt costs nothing else. session is the ID of the session that the caller is signed in with, or empty.
func (h *Hub) Admit(s *Subscription, as auth.Identity, session string) error {
	<-h.ready
	s.session = tag(session)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draining {
		return rpcerr.New(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN,
			"The server is shutting down. Connect again in a few seconds.")
	}
	if !h.attempts.allow(as.Subject, h.cfg.PerUser) {
		return rpcerr.New(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_RATE_LIMITED,
			"You have opened too many live streams in a short time. Wait, and then try again.")
	}
	if h.full() {
		return rpcerr.New(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_STREAM_LIMIT,
			"This server has reached its limit of live streams. Try again later, or poll GET /api/v1/jobs/{job_id}.")
	}
	s.hub, s.linked, s.index, s.opened = h, true, int32(len(h.open)), moment(time.Now())
	h.open = append(h.open, s)
	h.opened++
	h.metrics.streams.Inc()
	s.user = h.user(as.Subject)
	s.user.open = append(s.user.open, s)
	return nil
}

// AdmitDownload counts a download of the caller until release is called, which must be once. Downloads and subscriptions
// share the maximum in total, because both keep a connection for as long as their client likes. Each user can have as many
// downloads as subscriptions. Another one is refused: to end an earlier one would lose a file.
func (h *Hub) AdmitDownload(as auth.Identity) (release func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	u := h.user(as.Subject)
	if h.cfg.PerUser > 0 && u.downloads >= h.cfg.PerUser {
		return nil, rpcerr.New(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_DOWNLOAD_LIMIT,
			"You have too many downloads in progress. Wait until one ends, and then try again.")
	}
	if h.full() {
		h.dropUser(u)
		return nil, rpcerr.New(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_DOWNLOAD_LIMIT,
			"This server has reached its limit of live streams and downloads. Try again later.")
	}
	h.downloads++
	u.downloads++
	h.metrics.downloads.Inc()
	return func() { h.releaseDownload(u) }, nil
}

func (h *Hub) releaseDownload(u *user) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.downloads--
	u.downloads--
	h.metrics.downloads.Dec()
	h.dropUser(u)
}

// full reports whether the maximum in total has been reached. The lock must be held.
func (h *Hub) full() bool { return h.cfg.Max > 0 && len(h.open)+h.downloads >= h.cfg.Max }

// Confirm ends the user's oldest subscriptions beyond the limit. Call it after all checks of a new stream have passed, so that
// a refused attempt doesn't end another stream.
func (h *Hub) Confirm(s *Subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !s.linked || h.cfg.PerUser == 0 {
		return
	}
	h.trim(s.user)
}

// tag returns a short number for a session. If two sessions have the same, the end of one also ends the streams of the other,
// which then connects again.
func tag(session string) uint32 {
	if session == "" {
		return 0
	}
	hash := fnv.New32a()
	_, _ = io.WriteString(hash, session) // a hash takes everything
	return max(hash.Sum32(), 1)
}

// EndSession ends the subscriptions of a session.
func (h *Hub) EndSession(session string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range slices.Clone(h.open) {
		if s.session == tag(session) {
			h.finish(s, ErrSignedOut)
		}
	}
}

// forget removes a subscription from every list.
func (h *Hub) forget(s *Subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !s.linked {
		return
	}
	s.linked = false
	h.metrics.streams.Dec()
	last := h.open[len(h.open)-1]
	h.open[s.index], last.index = last, s.index
	h.open[len(h.open)-1] = nil
	h.open = h.open[:len(h.open)-1]
	if f := s.feed; f != nil {
		last := f.subscribers[len(f.subscribers)-1]
		f.subscribers[s.feedIndex], last.feedIndex = last, s.feedIndex
		f.subscribers[len(f.subscribers)-1] = nil
		f.subscribers = f.subscribers[:len(f.subscribers)-1]
		s.feed = nil
		h.dropUnused(f)
	}
	s.user.open = remove(s.user.open, s)
	s.user.mine = remove(s.user.mine, s)
	h.dropUser(s.user)
}

func remove(list []*Subscription, s *Subscription) []*Subscription {
	if i := slices.Index(list, s); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
