// Package hub manages subscriptions to jobs and imports, and their latest states.
//
// It keeps one upstream for all jobs, and one for each watched import. It doesn't depend on HTTP or sockets. Its caller
// wakes the connections of the subscriptions that have a new state.
package hub

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"headway/internal/backoff"
	"headway/services/edge/internal/peers"
)

// Config configures a Hub.
type Config struct {
	// Upstream provides jobs and imports.
	Upstream Upstream
	// Logger logs when an upstream is lost.
	Logger *slog.Logger
	// Metrics registers the hub's metrics. nil means none.
	Metrics prometheus.Registerer
	// PerUser is the maximum number of subscriptions per user. Another one ends the oldest. It is also the maximum number of
	// downloads per user. 0 means no limit.
	PerUser int
	// Max is the maximum number of subscriptions and downloads. Others are refused. 0 means no limit.
	Max int
}

// Hub delivers states to subscriptions. Call Run once.
type Hub struct {
	cfg     Config
	metrics metrics
	// wake wakes the streams of these subscriptions.
	wake func(ready []*Subscription)
	// fetches holds a token for each job that is being read.
	fetches chan struct{}
	// replays holds a token for each subscription whose user's jobs are being read.
	replays chan struct{}
	// tasks counts the goroutines of imports, fetches, and similar work.
	tasks sync.WaitGroup
	// ctx ends these goroutines. Run sets it before ready is closed.
	ctx   context.Context
	ready chan struct{}
	// synced is closed once every live job is known.
	synced chan struct{}

	mu      sync.Mutex
	jobs    map[string]*feed
	imports map[string]*feed
	users   map[string]*user
	// attempts counts the attempts of users to open streams.
	attempts attempts
	open     []*Subscription
	// elsewhere has the subscriptions of users on other edges, the oldest first.
	elsewhere map[string][]peers.Stream
	// downloads counts the downloads of all users.
	downloads int
	// woken is scratch memory for publishing a state.
	woken []*Subscription
	// opened counts all subscriptions that were ever opened, and has the value at the last sweep. openedInRush counts
	// those since memory was last returned to the system.
	opened, openedBefore, openedInRush int
	// draining means that no new subscriptions are accepted, and closed that no new goroutines are started.
	draining, closed bool
	// generation grows with every connection to the jobs service, so that the hub detects jobs that were deleted in the
	// meantime.
	generation int
}

// feed holds the state of one job or import. There is a feed for each job that has not ended, and for each watched topic.
type feed struct {
	Topic
	// latest is nil until the first state has arrived. Its Raw is nil if it is long and not watched.
	latest      *Snapshot
	generation  int
	subscribers []*Subscription
	// liveIndex is the job's index among its owner's live jobs, or -1.
	liveIndex int32
	// atLeast is the latest revision that a call has returned.
	atLeast uint32
	// fetch is the read in progress of a feed whose state is unknown.
	fetch *fetch
	// stop ends an import's upstream.
	stop context.CancelFunc
}

type fetch struct {
	done chan struct{}
	err  error
}

// user is a user who owns live jobs, or has subscriptions or downloads.
type user struct {
	subject string
	live    []*feed
	// mine are the user's subscriptions to all own jobs. open are all subscriptions of the user, the oldest first.
	mine, open []*Subscription
	// downloads counts the downloads of the user.
	downloads int
}

type metrics struct {
	streams, downloads      prometheus.Gauge
	skipped, upstreamLosses prometheus.Counter
}

// maxUnwatched is the maximum size of a state that is kept for a job that no client watches. A larger one is read again
// when a client watches the job.
const maxUnwatched = 1 << 10

// New returns a new Hub.
func New(cfg Config) *Hub {
	h := &Hub{
		cfg: cfg, fetches: make(chan struct{}, maxFetches), replays: make(chan struct{}, maxReplays),
		ready: make(chan struct{}), synced: make(chan struct{}),
		jobs: make(map[string]*feed), imports: make(map[string]*feed), users: make(map[string]*user), attempts: make(attempts),
		elsewhere: make(map[string][]peers.Stream),
		metrics: metrics{
			streams:        prometheus.NewGauge(prometheus.GaugeOpts{Name: "headway_edge_streams", Help: "Open streams."}),
			downloads:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "headway_edge_downloads", Help: "Downloads in progress."}),
			skipped:        prometheus.NewCounter(prometheus.CounterOpts{Name: "headway_edge_messages_skipped_total", Help: "Snapshots that were replaced by a later one before a slow reader received them."}),
			upstreamLosses: prometheus.NewCounter(prometheus.CounterOpts{Name: "headway_edge_upstream_losses_total", Help: "Number of times that a stream from a service was lost and resumed."}),
		},
	}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(h.metrics.streams, h.metrics.downloads, h.metrics.skipped, h.metrics.upstreamLosses)
	}
	return h
}

// OnReady sets the function that is called, by one goroutine at a time, when subscriptions have new items. Call it
// before Run. wake must not call the hub. The slice belongs to the hub.
func (h *Hub) OnReady(wake func(ready []*Subscription)) { h.wake = wake }

// Run keeps the upstreams open until ctx is done. Call Drain first.
func (h *Hub) Run(ctx context.Context) error {
	h.ctx = ctx
	close(h.ready)
	var own sync.WaitGroup
	own.Go(func() { h.watchJobs(ctx) })
	own.Go(func() { h.sweep(ctx) })
	<-ctx.Done()
	h.mu.Lock()
	h.draining, h.closed = true, true
	h.mu.Unlock()
	own.Wait()
	h.tasks.Wait()
	return nil
}

// Go starts a goroutine that Run waits for. Its context ends with Run. Go returns false if Run is already ending.
func (h *Hub) Go(f func(ctx context.Context)) bool {
	<-h.ready
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.tasks.Go(func() { f(h.ctx) })
	return true
}

// Drain ends all subscriptions with ErrDraining. It spreads this over time, so that the clients do not all reconnect at the
// same moment: 10,000 take the given time, and fewer take less. It returns when all are closed, or when ctx is done.
func (h *Hub) Drain(ctx context.Context, spread time.Duration) {
	h.mu.Lock()
	h.draining = true
	open := slices.Clone(h.open)
	h.mu.Unlock()
	rand.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
	const (
		step    = 10 * time.Millisecond
		atLeast = 20
		full    = 10_000
		polling = 5 * time.Millisecond
	)
	batch := max(atLeast, int(int64(max(len(open), full))*int64(step)/int64(max(spread, step))))
	for part := range slices.Chunk(open, batch) {
		h.mu.Lock()
		for _, s := range part {
			h.finish(s, ErrDraining)
		}
		h.mu.Unlock()
		if !backoff.Sleep(ctx, step) {
			return
		}
	}
	for h.Open() > 0 && backoff.Sleep(ctx, polling) {
	}
}

// Open returns the number of open subscriptions.
func (h *Hub) Open() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.open)
}

// Synced reports whether the jobs service has sent every live job since the hub began.
func (h *Hub) Synced() bool {
	select {
	case <-h.synced:
		return true
	default:
		return false
	}
}

// watched reports whether there is a subscription to the feed, or to all jobs of its owner.
func (h *Hub) watched(f *feed) bool {
	if len(f.subscribers) > 0 {
		return true
	}
	if f.Import || f.latest == nil {
		return false
	}
	u := h.users[f.latest.Owner]
	return u != nil && len(u.mine) > 0
}

// publishJob stores a job's state, and delivers it to all subscriptions. generation is that of the upstream that sent it, or 0
// if it was read in another way. An upstream reports the deletion only of jobs that it has sent.
func (h *Hub) publishJob(s *Snapshot, generation int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.jobs[s.ID]
	if f == nil {
		if u := h.users[s.Owner]; s.Terminal && (u == nil || len(u.mine) == 0) {
			return // it has ended, and no client watches it
		}
		f = &feed{Topic: s.Topic, liveIndex: -1}
		h.jobs[s.ID] = f
	}
	f.generation = max(f.generation, generation)
	h.publish(f, s)
	h.listLive(f)
	h.dropUnused(f)
}

// publishImport stores the state of a watched import, and delivers it.
func (h *Hub) publishImport(f *feed, s *Snapshot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.publish(f, s)
}

// publish delivers a state to all subscriptions if it is later than the feed's latest. The lock must be held.
func (h *Hub) publish(f *feed, s *Snapshot) {
	if f.latest != nil && (s.Revision < f.latest.Revision || s.Revision == f.latest.Revision && f.latest.Raw != nil) {
		return
	}
	h.share(f, s)
	f.latest = s
	f.told(nil)
	var mine []*Subscription
	if u := h.users[s.Owner]; u != nil && !f.Import {
		mine = u.mine
	}
	if len(f.subscribers)+len(mine) == 0 {
		f.shorten()
		return
	}
	ready, skips := h.woken[:0], 0
	for _, list := range [2][]*Subscription{f.subscribers, mine} {
		for _, subscription := range list {
			taken, skipped := subscription.offer(s)
			if taken {
				ready = append(ready, subscription)
			}
			if skipped {
				skips++
			}
		}
	}
	if skips > 0 {
		h.metrics.skipped.Add(float64(skips))
	}
	h.wakeAll(ready)
}

// share replaces the strings of a new state with equal ones that are already in memory.
func (h *Hub) share(f *feed, s *Snapshot) {
	s.ID = f.ID
	if u := h.users[s.Owner]; u != nil {
		s.Owner = u.subject
	}
	if f.latest != nil && f.latest.Kind == s.Kind {
		s.Kind = f.latest.Kind
	}
}

// wakeAll wakes the streams of these subscriptions, and keeps the slice for the next call.
func (h *Hub) wakeAll(ready []*Subscription) {
	if len(ready) > 0 {
		h.wake(ready)
		clear(ready)
	}
	h.woken = ready
}

// finish ends a subscription. The lock must be held.
func (h *Hub) finish(s *Subscription, cause error) {
	if s.finish(cause) {
		h.wakeAll(append(h.woken[:0], s))
	}
}

// listLive adds a job to the list of its owner's live jobs, or removes it.
func (h *Hub) listLive(f *feed) {
	switch live := !f.latest.Terminal; {
	case live && f.liveIndex < 0:
		u := h.user(f.latest.Owner)
		f.liveIndex = int32(len(u.live))
		u.live = append(u.live, f)
	case !live && f.liveIndex >= 0:
		h.unlistLive(f)
	}
}

func (h *Hub) unlistLive(f *feed) {
	u := h.users[f.latest.Owner]
	last := u.live[len(u.live)-1]
	u.live[f.liveIndex], last.liveIndex = last, f.liveIndex
	u.live[len(u.live)-1] = nil
	u.live = u.live[:len(u.live)-1]
	f.liveIndex = -1
	h.dropUser(u)
}

// dropUnused removes a feed that is neither live nor watched.
func (h *Hub) dropUnused(f *feed) {
	if len(f.subscribers) > 0 {
		return
	}
	if f.Import {
		if f.stop != nil {
			f.stop()
		}
		if h.imports[f.ID] == f {
			delete(h.imports, f.ID)
		}
		return
	}
	if (f.latest == nil || f.latest.Terminal) && h.jobs[f.ID] == f {
		delete(h.jobs, f.ID)
	}
}

// deleteJob notifies all subscriptions that a job was deleted.
func (h *Hub) deleteJob(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ready := h.woken[:0]
	for _, u := range h.users { // the owner of a job that ended long ago is unknown here
		for _, s := range u.mine {
			if s.drop(id) {
				ready = append(ready, s)
			}
		}
	}
	h.wakeAll(ready)
	f := h.jobs[id]
	if f == nil {
		return
	}
	delete(h.jobs, id)
	if f.liveIndex >= 0 {
		h.unlistLive(f)
	}
	h.endDeleted(f)
}

// endDeleted ends the subscriptions of a job or import that was deleted.
func (h *Hub) endDeleted(f *feed) {
	for _, s := range f.subscribers {
		h.finish(s, DeletedError{f.ID})
	}
}

func (h *Hub) user(subject string) *user {
	u := h.users[subject]
	if u == nil {
		u = &user{subject: subject}
		h.users[subject] = u
	}
	return u
}

func (h *Hub) dropUser(u *user) {
	if len(u.live)+len(u.open)+len(u.mine)+u.downloads == 0 && h.users[u.subject] == u {
		delete(h.users, u.subject)
	}
}
