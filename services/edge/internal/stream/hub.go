// Package stream sends jobs and imports to browsers as Server-Sent Events, live.
//
// A hub holds one upstream for all jobs and one for each watched import. Every state is encoded once and shared by all
// who watch it; every stream has room for the newest state only.
package stream

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// Config is what a hub needs. Everything is required.
type Config struct {
	// Jobs and Imports are the services.
	Jobs    jobsv1.JobServiceClient
	Imports importsv1.ImportServiceClient
	// AsService is how calls show that the edge itself makes them: it watches everyone's jobs.
	AsService grpc.CallOption
	// Logger hears when an upstream is lost and found.
	Logger *slog.Logger
	// Metrics is where the hub's numbers are registered; nil for nowhere.
	Metrics prometheus.Registerer
	// Keepalive is how often at least a stream carries something; whole seconds, 2 at least.
	Keepalive time.Duration
	// Retry is how long a browser is told to wait before it connects again, jittered by half.
	Retry time.Duration
	// WriteTimeout is how long a peer may take to make room for a write.
	WriteTimeout time.Duration
	// StreamsPerUser is how many streams a user may have; the oldest goes for the newest. 0 for no limit.
	StreamsPerUser int
	// MaxStreams is how many streams there may be in all; further ones are refused. 0 for no limit.
	MaxStreams int
}

// Hub fans states out to streams. Run it once.
type Hub struct {
	cfg     Config
	metrics metrics
	writers *writers
	wheel   *wheel
	// poller is made by Run.
	poller *poller
	// fetches has a place for each job that is being read.
	fetches chan struct{}
	// conns counts the goroutines of streams, imports and fetches.
	conns sync.WaitGroup
	// ctx ends them; Run sets it before ready is closed.
	ctx   context.Context
	ready chan struct{}
	// synced is closed once every live job is known.
	synced chan struct{}

	mu      sync.Mutex
	jobs    map[string]*topic
	imports map[string]*topic
	people  map[string]*person
	streams []*watcher
	// scheduled is for use while a state is handed out.
	scheduled []*watcher
	// opened counts the streams that ever began, as of now and of the last sweep; openedInRush those since memory was
	// given back.
	opened, openedBefore, openedInRush int
	// draining: no new streams. closed: no new goroutines.
	draining, closed bool
	// generation grows with every connection to the jobs service, so that what was deleted meanwhile stands out.
	generation int
}

// A topic is what is known of one job or import: of jobs all that have not ended, and what is watched.
type topic struct {
	id       string
	isImport bool
	// known is false until the first state has come.
	known, terminal bool
	owner, kind     string
	revision        uint32
	generation      int
	// raw is the state as protobuf; frame is its encoded form, made when somebody wants it and dropped when it has not
	// been wanted for a while.
	raw       []byte
	frame     *frame
	wanted    bool
	watchers  []*watcher
	liveIndex int32
	// fetch is the read under way of a topic that is not known.
	fetch *fetch
	// stop ends an import's upstream.
	stop context.CancelFunc
}

type fetch struct {
	done chan struct{}
	err  error
}

// A person owns jobs and has streams. There is one only while either holds.
type person struct {
	live []*topic
	// mine are the streams of all their jobs; streams are all their streams, oldest first.
	mine, streams []*watcher
}

type metrics struct {
	streams           prometheus.Gauge
	messages, skipped prometheus.Counter
	upstreamLosses    prometheus.Counter
}

// New makes a hub.
func New(cfg Config) *Hub {
	h := &Hub{
		cfg: cfg, writers: newWriters(), wheel: newWheel(),
		fetches: make(chan struct{}, fetchesAtOnce), ready: make(chan struct{}), synced: make(chan struct{}),
		jobs: make(map[string]*topic), imports: make(map[string]*topic), people: make(map[string]*person),
		metrics: metrics{
			streams:        prometheus.NewGauge(prometheus.GaugeOpts{Name: "headway_edge_streams", Help: "Open streams."}),
			messages:       prometheus.NewCounter(prometheus.CounterOpts{Name: "headway_edge_messages_total", Help: "States sent to streams."}),
			skipped:        prometheus.NewCounter(prometheus.CounterOpts{Name: "headway_edge_messages_skipped_total", Help: "States that a newer one replaced before a slow reader took them."}),
			upstreamLosses: prometheus.NewCounter(prometheus.CounterOpts{Name: "headway_edge_upstream_losses_total", Help: "Times that a stream from a service was lost and resumed."}),
		},
	}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(h.metrics.streams, h.metrics.messages, h.metrics.skipped, h.metrics.upstreamLosses)
	}
	return h
}

// Run keeps the upstreams and serves the streams until ctx ends; then it cuts what is still open. Drain first.
func (h *Hub) Run(ctx context.Context) (err error) {
	if h.poller, err = newPoller(); err != nil {
		return fmt.Errorf("streams: %w", err)
	}
	h.ctx = ctx
	close(h.ready)
	var own sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		own.Go(func() { h.writers.run(&h.metrics) })
	}
	own.Go(h.poller.run)
	own.Go(func() { h.wheel.run(ctx, h.sweep) })
	own.Go(func() { h.watchJobs(ctx) })
	<-ctx.Done()
	h.mu.Lock()
	h.draining, h.closed = true, true
	open := slices.Clone(h.streams)
	h.mu.Unlock()
	for _, w := range open {
		w.abort(errDrained)
	}
	h.writers.stop()
	h.poller.stop()
	own.Wait()
	h.conns.Wait()
	return nil
}

// spawn starts a goroutine that Run waits for; false once it is too late for that.
func (h *Hub) spawn(f func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.conns.Go(f)
	return true
}

// Drain ends all streams, each with a message that says to connect again, spread so that they do not all come back in
// one moment: 10,000 over the time given, fewer faster. It returns when they have ended, or ctx has.
func (h *Hub) Drain(ctx context.Context, spread time.Duration) {
	h.mu.Lock()
	h.draining = true
	open := slices.Clone(h.streams)
	h.mu.Unlock()
	rand.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
	const (
		step    = 10 * time.Millisecond
		atOnce  = 20
		atFull  = 10_000
		polling = 5 * time.Millisecond
	)
	batch := max(atOnce, int(int64(max(len(open), atFull))*int64(step)/int64(max(spread, step))))
	for part := range slices.Chunk(open, batch) {
		for _, w := range part {
			w.finish(drainingEvent("The server is about to shut down: connect again in a moment.", jittered(h.cfg.Retry)), errDrained)
		}
		if !sleep(ctx, step) {
			return
		}
	}
	for h.Streams() > 0 && sleep(ctx, polling) {
	}
}

// Streams is how many streams are open.
func (h *Hub) Streams() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams)
}

// sleep waits for d; false if ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// Synced tells whether the jobs service has told of every live job since the hub began.
func (h *Hub) Synced() bool {
	select {
	case <-h.synced:
		return true
	default:
		return false
	}
}

func (h *Hub) keepaliveSeconds() int64 {
	return max(1, int64(h.cfg.Keepalive/time.Second)-1) // the wheel comes by once a second
}

// sweepSeconds is how often encoded frames that nobody wanted in the meantime are dropped.
const sweepSeconds = 20

func (h *Hub) sweep(now int64) {
	h.writers.collect(now)
	if now%sweepSeconds != 0 {
		return
	}
	h.dropUnwantedFrames()
	if h.rushIsOver() {
		h.spawn(debug.FreeOSMemory)
	}
}

// rush is how many streams have to begin for what their beginnings left behind to be worth collecting at once.
const rush = 500

// rushIsOver tells, once, that many streams began and few do now. An idle process collects its garbage every two
// minutes only, and a beginning leaves more behind than a stream holds.
func (h *Hub) rushIsOver() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	lately := h.opened - h.openedBefore
	h.openedBefore = h.opened
	h.openedInRush += lately
	if h.openedInRush < rush || lately > h.openedInRush/10 {
		return false
	}
	h.openedInRush = 0
	return true
}

func (h *Hub) dropUnwantedFrames() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, topics := range []map[string]*topic{h.jobs, h.imports} {
		for _, t := range topics {
			if !t.wanted {
				t.frame = nil
			}
			t.wanted = false
		}
	}
}

// publishJob takes a job's state in, and hands it to all who watch. generation is that of the stream that told it, 0 if
// it was read otherwise: only a stream that has told of a job tells of its deletion.
func (h *Hub) publishJob(job *jobsv1.Job, generation int) {
	raw, err := proto.Marshal(job)
	if err != nil {
		h.cfg.Logger.Error("a job's state cannot be kept", "job_id", job.GetJobId(), "error", err)
		return
	}
	terminal := isTerminal(job.GetStatus())
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.jobs[job.GetJobId()]
	p := h.people[job.GetOwner()]
	if t == nil {
		if terminal && (p == nil || len(p.mine) == 0) {
			return // it ended, and nobody watches
		}
		t = &topic{id: job.GetJobId(), liveIndex: -1}
		h.jobs[t.id] = t
	}
	t.generation = max(t.generation, generation)
	if t.known && job.GetRevision() <= t.revision {
		return
	}
	t.known, t.terminal, t.owner, t.kind = true, terminal, job.GetOwner(), job.GetKind()
	t.revision, t.raw, t.frame = job.GetRevision(), raw, nil
	t.tell()
	h.listLive(t)
	p = h.people[t.owner]
	if len(t.watchers) > 0 || p != nil && len(p.mine) > 0 {
		if f, err := t.encoded(); err != nil {
			h.cfg.Logger.Error("a job's state cannot be sent", "job_id", t.id, "error", err)
		} else {
			h.offer(t, f, p)
		}
	}
	h.dropUnused(t)
}

// offer hands a state to all who watch the topic, and to those who watch all of a person's jobs.
func (h *Hub) offer(t *topic, f *frame, p *person) {
	scheduled := h.scheduled[:0]
	for _, w := range t.watchers {
		if w.offer(f) {
			scheduled = append(scheduled, w)
		}
	}
	if p != nil {
		for _, w := range p.mine {
			if w.offer(f) {
				scheduled = append(scheduled, w)
			}
		}
	}
	if len(scheduled) > 0 {
		h.writers.push(scheduled...)
		clear(scheduled)
	}
	h.scheduled = scheduled
}

// publishImport takes an import's state in.
func (h *Hub) publishImport(t *topic, i *importsv1.Import) {
	raw, err := proto.Marshal(i)
	if err != nil {
		h.cfg.Logger.Error("an import's state cannot be kept", "import_id", t.id, "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	revision := i.GetJob().GetRevision()
	if t.known && revision <= t.revision {
		return
	}
	t.known, t.terminal, t.owner, t.kind = true, isTerminal(i.GetJob().GetStatus()), i.GetOwner(), i.GetJob().GetKind()
	t.revision, t.raw, t.frame = revision, raw, nil
	f, err := t.encoded()
	if err != nil {
		h.cfg.Logger.Error("an import's state cannot be sent", "import_id", t.id, "error", err)
		return
	}
	h.offer(t, f, nil)
}

// encoded gives the topic's frame. The hub's lock must be held.
func (t *topic) encoded() (*frame, error) {
	t.wanted = true
	if t.frame != nil {
		return t.frame, nil
	}
	var (
		f   *frame
		err error
	)
	if t.isImport {
		var i importsv1.Import
		if err = proto.Unmarshal(t.raw, &i); err == nil {
			f, err = encode(importMessage(&i), t.terminal)
		}
	} else {
		var j jobsv1.Job
		if err = proto.Unmarshal(t.raw, &j); err == nil {
			f, err = encode(jobMessage(&j), t.terminal)
		}
	}
	if err != nil {
		return nil, err
	}
	t.frame = f
	return f, nil
}

// listLive puts a job on, or takes it off, the list of its owner's live jobs.
func (h *Hub) listLive(t *topic) {
	switch live := t.known && !t.terminal; {
	case live && t.liveIndex < 0:
		p := h.person(t.owner)
		t.liveIndex = int32(len(p.live))
		p.live = append(p.live, t)
	case !live && t.liveIndex >= 0:
		p := h.people[t.owner]
		last := p.live[len(p.live)-1]
		p.live[t.liveIndex], last.liveIndex = last, t.liveIndex
		p.live[len(p.live)-1] = nil
		p.live = p.live[:len(p.live)-1]
		t.liveIndex = -1
		h.dropPerson(t.owner)
	}
}

// dropUnused forgets a topic that is neither live nor watched.
func (h *Hub) dropUnused(t *topic) {
	if len(t.watchers) > 0 {
		return
	}
	if t.isImport {
		if t.stop != nil {
			t.stop()
		}
		if h.imports[t.id] == t {
			delete(h.imports, t.id)
		}
		return
	}
	if (!t.known || t.terminal) && h.jobs[t.id] == t {
		delete(h.jobs, t.id)
	}
}

// deleteJob tells all who watch that a job is gone.
func (h *Hub) deleteJob(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.people { // the owner of a job that ended long ago is not known any more
		for _, w := range p.mine {
			w.offerDeleted(id)
		}
	}
	t := h.jobs[id]
	if t == nil {
		return
	}
	delete(h.jobs, id)
	t.terminal = true
	h.listLive(t)
	h.endDeleted(t)
}

// endDeleted ends the streams of a job or import that is gone.
func (h *Hub) endDeleted(t *topic) {
	for _, w := range t.watchers {
		w.finish(deletedEvent(t.id), nil)
	}
}

func (h *Hub) person(subject string) *person {
	p := h.people[subject]
	if p == nil {
		p = &person{}
		h.people[subject] = p
	}
	return p
}

func (h *Hub) dropPerson(subject string) {
	if p := h.people[subject]; p != nil && len(p.live)+len(p.streams)+len(p.mine) == 0 {
		delete(h.people, subject)
	}
}
